//! Whether a relay would take mail from us now, and whether somebody answers where reports come in. Nothing is sent.

use crate::smtp::{SmtpChannel, SmtpConfig};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use watchkeeper_domain::preflight::{Listener, RelaySeen};

/// How long a relay may take from the connection to the sign-in. Mail itself waits longer; whoever needs this long is in trouble.
const RELAY_WITHIN: Duration = Duration::from_secs(30);

/// How long the place where reports come in may take to greet.
const GREETING_WITHIN: Duration = Duration::from_secs(10);

/// The longest greeting that is read (RFC 5321, 4.5.3.1.5).
const LONGEST_GREETING: u64 = 512;

/// Connects to a relay, encrypts, signs in, and says goodbye.
///
/// # Errors
/// In words, what was in the way: among it settings that cannot be used, such as a password that is not there.
pub async fn probe_relay(config: &SmtpConfig) -> Result<RelaySeen, String> {
    let channel = SmtpChannel::new(config.clone()).map_err(|faults| faults.to_string())?;
    match timeout(RELAY_WITHIN, channel.probe()).await {
        Ok(seen) => seen,
        Err(_) => Err(format!(
            "it did not let us in within {} s",
            RELAY_WITHIN.as_secs()
        )),
    }
}

/// Looks whether somebody answers where reports come in.
pub async fn probe_listener(listen: SocketAddr) -> Listener {
    let reachable = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let greeting = match timeout(
        GREETING_WITHIN,
        greeting(SocketAddr::new(reachable, listen.port())),
    )
    .await
    {
        Ok(Ok(line)) => Ok(crate::one_line(line.trim_end())),
        Ok(Err(error)) => Err(format!("no connection: {error}")),
        Err(_) => Err(format!("it did not greet within {} s", GREETING_WITHIN.as_secs())),
    };
    Listener {
        address: listen.to_string(),
        greeting,
    }
}

async fn greeting(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let mut line = String::new();
    BufReader::new((&mut stream).take(LONGEST_GREETING))
        .read_line(&mut line)
        .await?;
    stream.write_all(b"QUIT\r\n").await?;
    Ok(line)
}
