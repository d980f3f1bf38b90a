//! A small SMTP and LMTP server, in which demo and drill receive their own mail, and a real installation its bounce reports.
//!
//! It speaks real SMTP (and LMTP, to a client that says LHLO), so the demo sends its mail exactly as a real installation does, and a
//! mail counts as received only when the [`MailSink`] has stored it. It has neither encryption nor sign-in; unless its sink knows
//! which recipients it takes, it refuses to listen anywhere but on loopback.

mod parse;
mod session;

pub use parse::{ParseError, ReceivedMail, parse_received};

use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

/// The largest message that is taken, in bytes.
pub const LARGEST_MAIL: usize = 4 * 1024 * 1024;

/// How many clients are served at a time; further ones wait.
const MOST_CLIENTS: usize = 32;

/// Keeps the mail that arrives.
#[async_trait]
pub trait MailSink: Send + Sync + 'static {
    /// Stores one mail. The client is told `250` only after this succeeded, and `451` (try again) when it did not.
    ///
    /// # Errors
    /// Why it could not be stored; logged, and not told to the client.
    async fn received(&self, mail: ReceivedMail) -> Result<(), String>;

    /// Whether mail to this recipient is taken; the client is told `550` where it is not. By default it is.
    async fn takes(&self, _recipient: &str) -> bool {
        true
    }
}

/// A running mailbox server; it stops when this is dropped.
#[derive(Debug)]
pub struct Mailbox {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Mailbox {
    /// Listens on `address` (port 0 for any free one) and hands every mail to `sink`.
    ///
    /// # Errors
    /// When `address` is not on loopback, or cannot be listened on.
    pub async fn start(address: SocketAddr, sink: Arc<dyn MailSink>) -> std::io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                format!(
                    "the mailbox takes mail from anyone who can reach it, so it listens on loopback only, not on {address}; use 127.0.0.1"
                ),
            ));
        }
        Self::start_for_known_recipients(address, sink).await
    }

    /// Listens on `address`, loopback or not: for a sink whose [`MailSink::takes`] lets through nobody that it does not know.
    ///
    /// # Errors
    /// When `address` cannot be listened on.
    pub async fn start_for_known_recipients(
        address: SocketAddr,
        sink: Arc<dyn MailSink>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(serve(listener, sink));
        tracing::info!(%address, "mailbox listens");
        Ok(Self { address, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, sink: Arc<dyn MailSink>) {
    let places = Arc::new(Semaphore::new(MOST_CLIENTS));
    let mut sessions = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, client)) => {
                let sink = Arc::clone(&sink);
                sessions.spawn(async move {
                    let _place = place;
                    if let Err(error) = session::run(stream, sink.as_ref()).await {
                        tracing::debug!(%client, %error, "mailbox session ended early");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "mailbox could not accept a connection");
                // Out of file handles, usually: give others the time to close theirs instead of spinning.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
        while sessions.try_join_next().is_some() {}
    }
}
