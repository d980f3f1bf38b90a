//! Encryption: real handshakes with certificates that are right and wrong, and an attacker who speaks before the handshake.

use crate::support::{key, limits, mail};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use watchkeeper_deliver::{Channel, SendError, SmtpChannel, SmtpConfig, Tls};
use watchkeeper_testbed::smtp::SmtpServer;

/// Ends the encryption in front of a recording server.
struct Front {
    port: u16,
    server: SmtpServer,
    certificate: tempfile::NamedTempFile,
    serving: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone, Copy)]
enum Mode {
    /// TLS from the first byte.
    Wrapper,
    /// STARTTLS, whose answer is followed at once by these bytes in the clear.
    StartTls(&'static str),
}

impl Front {
    /// Serves with a certificate for `name`, which signs itself.
    async fn start(mode: Mode, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let certificate = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), made.cert.pem()).unwrap();
        let server = SmtpServer::start().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = server.port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that leaves during the handshake is what some of the tests are about.
                drop(serve(client, &acceptor, mode, behind).await);
            }
        });
        Self {
            port,
            server,
            certificate,
            serving,
        }
    }

    fn config(&self, tls: Tls) -> SmtpConfig {
        SmtpConfig {
            host: "localhost".to_owned(),
            tls,
            limits: limits(),
            ca_file: Some(self.certificate.path().to_owned()),
            ..SmtpConfig::loopback(self.port)
        }
    }
}

async fn serve(client: TcpStream, acceptor: &TlsAcceptor, mode: Mode, behind: u16) -> std::io::Result<()> {
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", behind)).await?);
    let mut client = BufReader::new(client);
    if let Mode::StartTls(injected) = mode {
        say(&mut client, "220 front\r\n").await?;
        hear(&mut client).await?;
        say(&mut client, "250-front\r\n250 STARTTLS\r\n").await?;
        hear(&mut client).await?;
        say(&mut client, &format!("220 go\r\n{injected}")).await?;
        // The greeting was given in the clear.
        hear(&mut server).await?;
    }
    let mut client = acceptor.accept(client.into_inner()).await?;
    copy(&mut client, &mut server).await
}

async fn copy(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &mut BufReader<TcpStream>,
) -> std::io::Result<()> {
    tokio::io::copy_bidirectional(client, server).await.map(drop)
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(text.as_bytes()).await
}

async fn hear(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line)
}

const CONTENT: &[u8] = b"Subject: s\r\n\r\nx\r\n";

#[tokio::test]
async fn a_mail_goes_through_tls_from_the_first_byte_and_through_starttls() {
    for (mode, tls) in [(Mode::Wrapper, Tls::Wrapper), (Mode::StartTls(""), Tls::Required)] {
        let front = Front::start(mode, "localhost").await;
        let channel = SmtpChannel::new(front.config(tls)).unwrap();
        let receipt = channel.send(&mail(CONTENT), &key(), &()).await.unwrap();
        assert!(
            receipt.transcript.contains(&"* connected, encrypted".to_owned()),
            "{:?}",
            receipt.transcript
        );
        assert_eq!(front.server.messages()[0].bytes, CONTENT);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_or_that_is_anothers_gets_no_mail() {
    for (mode, tls) in [(Mode::Wrapper, Tls::Wrapper), (Mode::StartTls(""), Tls::Required)] {
        for (name, trusted) in [("localhost", false), ("relay.example.com", true)] {
            let front = Front::start(mode, name).await;
            let mut config = front.config(tls);
            if !trusted {
                config.ca_file = None;
            }
            let result = SmtpChannel::new(config)
                .unwrap()
                .send(&mail(CONTENT), &key(), &())
                .await;
            let Err(SendError::Retry { reason, .. }) = &result else {
                panic!("{name} {trusted}: {result:?}")
            };
            assert!(reason.contains("certificate"), "{reason}");
            assert!(
                front.server.commands().is_empty(),
                "{:?}",
                front.server.commands()
            );
        }
    }
}

#[tokio::test]
async fn answers_slipped_in_before_the_handshake_are_never_taken_for_the_relays() {
    // One for each question up to the final dot: believed, they would make a receipt for a mail that the relay never took.
    let forged = "250 front\r\n250 front\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 queued\r\n";
    let front = Front::start(Mode::StartTls(forged), "localhost").await;
    let result = SmtpChannel::new(front.config(Tls::Required))
        .unwrap()
        .send(&mail(CONTENT), &key(), &())
        .await;
    assert!(matches!(result, Err(SendError::Retry { .. })), "{result:?}");
    assert_eq!(front.server.accepted(), 0);
}

#[tokio::test]
async fn a_front_that_never_finishes_the_handshake_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        // Reads to the end, which comes when the client gives up.
        drop(stream.read_to_end(&mut heard).await);
        heard
    });
    let mut config = SmtpConfig::loopback(port);
    config.host = "localhost".to_owned();
    config.tls = Tls::Wrapper;
    config.limits = limits();
    config.limits.connect = std::time::Duration::from_millis(200);
    config.limits.greeting = std::time::Duration::from_millis(200);
    let result = SmtpChannel::new(config)
        .unwrap()
        .send(&mail(CONTENT), &key(), &())
        .await;
    assert!(matches!(result, Err(SendError::Retry { .. })), "{result:?}");
    let heard = serving.await.unwrap();
    assert_eq!(
        heard.first(),
        Some(&0x16),
        "a handshake, and nothing in the clear"
    );
}
