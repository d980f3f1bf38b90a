//! Syslog over real sockets: what was sent is in the spool once, whoever is slow, full, wrong or stopping.

use crate::{Bench, Reader, messages};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;
use watchkeeper_collect::{BatchCounts, Cursor};
use watchkeeper_domain::event::Event;

/// A syslog source that is served.
struct Served {
    reader: Reader,
    tcp: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    udp: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn of(bench: &Bench, mut config: Value) -> Self {
        config["kind"] = "syslog".into();
        config["name"] = "relay".into();
        let opened = bench.open(config).await;
        let listener = opened.listener.unwrap();
        let (tcp, tls, udp) = (
            listener.tcp_address(),
            listener.tls_address(),
            listener.udp_address(),
        );
        let stop = CancellationToken::new();
        Self {
            reader: Reader {
                source: opened.source,
                cursor: Cursor::start(),
                counts: BatchCounts::default(),
                remarks: Vec::new(),
            },
            tcp,
            tls,
            udp,
            task: tokio::spawn(listener.serve(stop.clone())),
            stop,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp.unwrap()).await.unwrap()
    }

    /// Reads until `count` events came.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        in_time(async {
            while events.len() < count {
                events.extend(self.reader.read().await);
                tokio::task::yield_now().await;
            }
        })
        .await;
        events
    }

    /// Reads until the figures are as wanted.
    async fn counts(&mut self, wanted: impl Fn(&BatchCounts) -> bool) {
        in_time(async {
            while !wanted(&self.reader.counts) {
                self.reader.read().await;
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn stopped(self) -> Reader {
        self.stop.cancel();
        self.task.await.unwrap();
        self.reader
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap()
}

fn field<'e>(event: &'e Event, path: &str) -> &'e Value {
    event.field(path).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn lines_and_counted_messages_are_told_apart_by_connection() {
    let bench = Bench::new();
    let mut served = Served::of(&bench, json!({"listen_tcp": "127.0.0.1:0"})).await;
    let mut lines = served.connect().await;
    lines
        .write_all(b"<38>Mar  2 07:59:58 web sshd[7]: Failed password for root from 192.0.2.9 port 22 ssh2\n<13>half ")
        .await
        .unwrap();
    let first = served.events(1).await;
    assert_eq!(field(&first[0], "event"), "failed_password");
    assert_eq!(field(&first[0], "severity"), "info");
    assert_eq!(field(&first[0], "sender"), "127.0.0.1");
    let mut counted = served.connect().await;
    let message = "<165>1 2026-03-02T07:59:59.5Z web app 8 ID47 [ex@32473 k=\"v\"] two\nlines";
    counted
        .write_all(format!("{} {message}", message.len()).as_bytes())
        .await
        .unwrap();
    let second = served.events(1).await;
    assert_eq!(field(&second[0], "sd.ex@32473.k"), "v");
    assert_eq!(field(&second[0], "message"), "two\nlines");
    assert_eq!(second[0].at.to_rfc3339(), "2026-03-02T07:59:59.500+00:00");
    lines.write_all(b"whole").await.unwrap();
    drop(lines);
    let third = served.events(1).await;
    assert_eq!(messages(&third), ["<13>half whole"]);
    assert_eq!(third[0].at, bench.now());
    assert_eq!(third[0].unparsed, None);
}

#[tokio::test]
async fn a_connection_is_not_read_while_the_spool_is_full_and_nothing_is_lost() {
    const LINES: usize = 400_000;
    let bench = Bench::new();
    let config = json!({"listen_tcp": "127.0.0.1:0", "max_backlog_bytes": 1 << 20, "format": "plain"});
    let mut served = Served::of(&bench, config).await;
    let mut stream = served.connect().await;
    let sending = tokio::spawn(async move {
        let text: String = (0..LINES)
            .map(|n| format!("<13>line {n} {}\n", "x".repeat(80)))
            .collect();
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    let spool = bench.path().join("spool/relay");
    let on_disk = || -> u64 {
        let files = std::fs::read_dir(&spool).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    in_time(async {
        while on_disk() < 1 << 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!sending.is_finished(), "the sender waits");
    assert!(on_disk() < 2 << 20, "at most one reading more than may wait");
    let events = served.events(LINES).await;
    sending.await.unwrap();
    assert_eq!(events.len(), LINES);
    for (n, event) in events.iter().enumerate() {
        assert!(event.raw.starts_with(&format!("<13>line {n} ")), "{}", event.raw);
    }
    assert_eq!(
        (served.reader.counts.dropped, served.reader.counts.truncated),
        (0, 0)
    );
}

#[tokio::test]
async fn datagrams_are_messages_each_with_its_sender() {
    let bench = Bench::new();
    let config = json!({"listen_udp": "127.0.0.1:0", "max_line_bytes": 480});
    let mut served = Served::of(&bench, config).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for datagram in [
        "<34>1 - - - - - - one\n".to_owned(),
        format!("<34>{}", "y".repeat(600)),
    ] {
        client
            .send_to(datagram.as_bytes(), served.udp.unwrap())
            .await
            .unwrap();
    }
    let events = served.events(2).await;
    assert_eq!(field(&events[0], "message"), "one");
    assert_eq!(field(&events[0], "facility"), "auth");
    assert_eq!(field(&events[0], "sender"), "127.0.0.1");
    assert_eq!((events[1].raw.len(), served.reader.counts.truncated), (480, 1));
}

#[tokio::test]
async fn connections_beyond_the_limit_and_counts_that_are_none_are_counted() {
    let bench = Bench::new();
    let config = json!({"listen_tcp": "127.0.0.1:0", "max_connections": 1});
    let mut served = Served::of(&bench, config).await;
    let mut first = served.connect().await;
    first.write_all(b"5 <1>ab").await.unwrap();
    assert_eq!(served.events(1).await.len(), 1);
    let mut second = served.connect().await;
    assert_eq!(in_time(second.read(&mut [0; 1])).await.unwrap_or(0), 0, "closed");
    served.counts(|counts| counts.refused == 1).await;
    first.write_all(b"no count").await.unwrap();
    assert_eq!(in_time(first.read(&mut [0; 1])).await.unwrap_or(0), 0, "closed");
    served.counts(|counts| counts.malformed == 1).await;
    let reader = served.stopped().await;
    assert_eq!((reader.counts.refused, reader.counts.malformed), (1, 1));
}

#[tokio::test]
async fn what_was_read_before_stopping_is_stored() {
    let bench = Bench::new();
    let served = Served::of(&bench, json!({"listen_tcp": "127.0.0.1:0"})).await;
    let mut stream = served.connect().await;
    stream.write_all(b"<13>one\n").await.unwrap();
    let mut served = served;
    assert_eq!(served.events(1).await.len(), 1);
    let mut reader = served.stopped().await;
    assert_eq!(reader.read().await, []);
    assert_eq!(in_time(stream.read(&mut [0; 1])).await.unwrap_or(0), 0, "closed");
}

/// An authority, and certificates that it signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// Certificate and key, as PEM.
    fn signs(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn connector(&self, identity: Option<(String, String)>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        TlsConnector::from(Arc::new(config))
    }
}

#[tokio::test]
async fn tls_takes_lines_of_clients_whose_certificate_is_signed_and_of_nobody_else() {
    let bench = Bench::new();
    let authority = Authority::new();
    let (certificate, key) = authority.signs("localhost");
    let write = |name: &str, text: &str| {
        let path = bench.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = json!({
        "listen_tls": "127.0.0.1:0",
        "certificate_file": write("certificate.pem", &certificate),
        "key_file": write("key.pem", &key),
        "client_ca_file": write("ca.pem", &authority.issuer.pem()),
    });
    let mut served = Served::of(&bench, config).await;
    let address = served.tls.unwrap();
    let connect = async |identity| {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        authority.connector(identity).connect(name, stream).await
    };
    let mut trusted = connect(Some(authority.signs("client"))).await.unwrap();
    trusted.write_all(b"<13>trusted\n").await.unwrap();
    trusted.flush().await.unwrap();
    assert_eq!(messages(&served.events(1).await), ["<13>trusted"]);
    let stranger = Authority::new().signs("client");
    for identity in [None, Some(stranger)] {
        // With TLS 1.3 a client learns of the refusal only when it reads.
        if let Ok(mut refused) = connect(identity).await {
            let _ = refused.write_all(b"<13>stranger\n").await;
            assert_eq!(in_time(refused.read(&mut [0; 1])).await.unwrap_or(0), 0);
        }
    }
    served.counts(|counts| counts.refused == 2).await;
    assert_eq!(served.stopped().await.read().await, []);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named_before_anything_is_served() {
    let bench = Bench::new();
    let path = bench.path().join("empty.pem");
    std::fs::write(&path, "").unwrap();
    let path = path.to_str().unwrap();
    let config = json!({"kind": "syslog", "name": "relay", "listen_tls": "127.0.0.1:0", "certificate_file": path, "key_file": path});
    let config = Bench::config(config, bench.path());
    let opened = watchkeeper_collect::open(&config, bench.clock.clone(), bench.path()).await;
    let said = opened.unwrap_err().to_string();
    assert!(
        said.contains("certificate_file") && said.contains("holds no certificate"),
        "{said}"
    );
}
