//! The sockets of a syslog source, and what takes lines from them into the spool.

use super::framing::{Framing, Lines};
use super::{tls, udp};
use crate::config::SyslogConfig;
use crate::push::Record;
use crate::source::CollectError;
use crate::spool::{Entry, Spool};
use crate::tally::Tally;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::SourceName;

/// What is read at a time: the lines of one reading share a place on the disk.
const READ_BYTES: usize = 64 << 10;

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The pause before the spool is asked again that refused.
const AGAIN: Duration = Duration::from_millis(250);

/// Takes lines into the spool of one source.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) name: SourceName,
    pub(super) tally: Arc<Tally>,
    pub(super) max_line_bytes: usize,
    spool: Spool,
    clock: Arc<dyn Clock>,
    idle: Duration,
    connections: Arc<Semaphore>,
}

/// The service stops, and the spool still refuses.
pub(super) struct Stopped;

impl Intake {
    /// Stores lines, however long the spool refuses: whoever calls reads nothing meanwhile.
    pub(super) async fn store(
        &self,
        sender: IpAddr,
        lines: Lines,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        Tally::add(&self.tally.cut, lines.cut);
        Tally::add(&self.tally.malformed, lines.not_utf8);
        if lines.texts.is_empty() {
            return Ok(());
        }
        let records = lines.texts.into_iter().map(Record::text).collect();
        let sender = sender.to_canonical().to_string();
        let entry = Entry::unnamed(Some(sender), records, self.clock.now());
        let mut refused = false;
        loop {
            let Err(error) = self.spool.store(&entry).await else {
                if refused {
                    tracing::info!(source = %self.name, "the spool takes lines again, and connections are read on");
                }
                return Ok(());
            };
            if !refused {
                tracing::error!(source = %self.name, %error, "lines wait, and connections are not read, until the spool takes them");
                refused = true;
            }
            tokio::select! {
                () = stop.cancelled() => return Err(Stopped),
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
}

/// The sockets of a syslog source, bound and not served yet.
#[derive(Debug)]
pub struct SyslogListener {
    tcp: Option<TcpListener>,
    tls: Option<(TcpListener, Tls)>,
    udp: Option<UdpSocket>,
    intake: Arc<Intake>,
}

/// Says no more of itself than that it is there.
#[derive(Clone)]
struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl SyslogListener {
    /// Binds the sockets that the configuration names; nothing is taken from them before [`SyslogListener::serve`].
    pub(crate) async fn bind(
        config: &SyslogConfig,
        spool: Spool,
        tally: Arc<Tally>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectError> {
        let bound = |address: SocketAddr, error: std::io::Error| CollectError::Io {
            path: address.to_string(),
            reason: error.to_string(),
        };
        let tcp = async |address: Option<SocketAddr>| match address {
            Some(address) => TcpListener::bind(address)
                .await
                .map(Some)
                .map_err(|e| bound(address, e)),
            None => Ok(None),
        };
        let acceptor = tls::acceptor(config)?;
        let udp = match config.listen_udp {
            Some(address) => Some(UdpSocket::bind(address).await.map_err(|e| bound(address, e))?),
            None => None,
        };
        Ok(Self {
            tcp: tcp(config.listen_tcp).await?,
            tls: tcp(config.listen_tls).await?.zip(acceptor.map(Tls)),
            udp,
            intake: Arc::new(Intake {
                name: SourceName(config.name.clone()),
                tally,
                max_line_bytes: config.max_line_bytes,
                spool,
                clock,
                idle: Duration::from_secs(u64::from(config.idle_seconds)),
                connections: Arc::new(Semaphore::new(config.max_connections)),
            }),
        })
    }

    /// Where TCP is listened to.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }

    /// Where TLS is listened to.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls.as_ref().and_then(|(tcp, _)| tcp.local_addr().ok())
    }

    /// Where datagrams are taken.
    #[must_use]
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.udp.as_ref().and_then(|udp| udp.local_addr().ok())
    }

    /// Takes lines until `stop`; ends when what was read lies in the spool.
    pub async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        if let Some(tcp) = self.tcp {
            tasks.spawn(accept(
                tcp,
                None,
                Arc::clone(&self.intake),
                stop.clone(),
                tasks.clone(),
            ));
        }
        if let Some((tcp, tls)) = self.tls {
            tasks.spawn(accept(
                tcp,
                Some(tls),
                Arc::clone(&self.intake),
                stop.clone(),
                tasks.clone(),
            ));
        }
        if let Some(socket) = self.udp {
            tasks.spawn(udp::serve(socket, Arc::clone(&self.intake), stop.clone()));
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    intake: Arc<Intake>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, sender) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, usually: whoever waits is taken once some are closed.
                tracing::error!(source = %intake.name, %error, "a connection could not be taken");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&intake.connections).try_acquire_owned() else {
            Tally::add(&intake.tally.refused, 1);
            tracing::warn!(source = %intake.name, %sender, "a connection was refused: `max_connections` are open");
            continue;
        };
        let (intake, stop, tls) = (Arc::clone(&intake), stop.clone(), tls.clone());
        tasks.spawn(async move {
            match tls {
                None => follow(stream, sender, &intake, &stop).await,
                Some(Tls(acceptor)) => follow_tls(acceptor, stream, sender, &intake, &stop).await,
            }
            drop(permit);
        });
    }
}

async fn follow_tls(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    sender: SocketAddr,
    intake: &Intake,
    stop: &CancellationToken,
) {
    let agreed = tokio::select! {
        () = stop.cancelled() => return,
        agreed = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)) => agreed,
    };
    match agreed {
        Ok(Ok(stream)) => follow(stream, sender, intake, stop).await,
        Ok(Err(error)) => {
            Tally::add(&intake.tally.refused, 1);
            tracing::warn!(source = %intake.name, %sender, %error, "no TLS was agreed on");
        }
        Err(_) => {
            Tally::add(&intake.tally.refused, 1);
            tracing::warn!(source = %intake.name, %sender, "no TLS was agreed on in time");
        }
    }
}

/// Reads one connection to its end. What was read is stored before more is read.
async fn follow<S: AsyncRead + Unpin>(
    mut stream: S,
    sender: SocketAddr,
    intake: &Intake,
    stop: &CancellationToken,
) {
    let mut framing = Framing::new(intake.max_line_bytes);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = tokio::select! {
            () = stop.cancelled() => Ok(0),
            read = tokio::time::timeout(intake.idle, stream.read(&mut buffer)) => match read {
                Ok(read) => read,
                Err(_) => {
                    tracing::info!(source = %intake.name, %sender, "closed: nothing came for `idle_seconds`");
                    Ok(0)
                }
            },
        };
        let mut lines = Lines::default();
        let (broken, ended) = match read {
            Ok(0) | Err(_) => (framing.end(&mut lines).err(), true),
            Ok(length) => match framing.feed(&buffer[..length], &mut lines) {
                Ok(()) => (None, false),
                Err(broken) => (Some(broken), true),
            },
        };
        if let Some(broken) = broken {
            Tally::add(&intake.tally.malformed, 1);
            tracing::warn!(source = %intake.name, %sender, reason = %broken, "a connection is closed");
        }
        let count = lines.texts.len() as u64;
        if intake.store(sender.ip(), lines, stop).await.is_err() {
            Tally::add(&intake.tally.dropped, count);
            return;
        }
        if ended {
            return;
        }
    }
}
