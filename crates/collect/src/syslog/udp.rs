//! Datagrams: taken off the socket at once, since the kernel drops what finds no room there, and stored by another task.

use super::framing::{self, Lines};
use super::listen::Intake;
use crate::tally::Tally;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;

/// Datagrams that wait for the disk; beyond it they are dropped.
const WAITING: usize = 16_384;

/// Datagrams that are stored together.
const TOGETHER: usize = 2_048;

/// How often the kernel is asked how many datagrams it had no room for.
const ASK_EVERY: Duration = Duration::from_secs(5);

struct Datagram {
    sender: IpAddr,
    bytes: Vec<u8>,
}

/// Takes datagrams until `stop`, and stores those that were taken.
pub(super) async fn serve(socket: UdpSocket, intake: Arc<Intake>, stop: CancellationToken) {
    let (queue, waiting) = channel(WAITING);
    let port = socket.local_addr().map_or(0, |address| address.port());
    let taking = take(socket, queue, Arc::clone(&intake), stop.clone());
    let storing = store(waiting, &intake, &stop);
    let watching = watch_kernel(port, &intake.tally, &stop);
    tokio::join!(taking, storing, watching);
}

async fn take(socket: UdpSocket, queue: Sender<Datagram>, intake: Arc<Intake>, stop: CancellationToken) {
    let mut buffer = vec![0; 65_536];
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        let (length, sender) = match received {
            Ok(received) => received,
            Err(error) => {
                // An ICMP error of something that was never sent, or less memory than was needed: the socket goes on.
                tracing::warn!(source = %intake.name, %error, "a datagram could not be received");
                continue;
            }
        };
        let datagram = Datagram {
            sender: sender.ip(),
            bytes: buffer[..length].to_vec(),
        };
        if queue.try_send(datagram).is_err() {
            Tally::add(&intake.tally.dropped, 1);
        }
    }
}

async fn store(mut waiting: Receiver<Datagram>, intake: &Intake, stop: &CancellationToken) {
    let mut together = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut together, TOGETHER).await > 0 {
        let mut by_sender: BTreeMap<IpAddr, Lines> = BTreeMap::new();
        for datagram in together.drain(..) {
            let lines = by_sender.entry(datagram.sender).or_default();
            let kept = datagram.bytes.len().min(intake.max_line_bytes);
            lines.cut += u64::from(kept < datagram.bytes.len());
            framing::take(&datagram.bytes[..kept], lines);
        }
        for (sender, lines) in by_sender {
            let count = lines.texts.len() as u64;
            if intake.store(sender, lines, stop).await.is_err() {
                Tally::add(&intake.tally.dropped, count);
            }
        }
    }
}

/// Counts what the kernel dropped because nobody took it off the socket in time.
async fn watch_kernel(port: u16, tally: &Tally, stop: &CancellationToken) {
    let mut known = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
        let tables = ["/proc/net/udp", "/proc/net/udp6"].map(std::fs::read_to_string);
        let dropped: u64 = tables.iter().flatten().map(|table| drops(table, port)).sum();
        Tally::add(&tally.dropped, dropped.saturating_sub(known));
        known = dropped.max(known);
    }
}

/// The last column of the sockets that listen on `port`, in Linux's table of them.
fn drops(table: &str, port: u16) -> u64 {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter(|line| {
            line.split_whitespace()
                .nth(1)
                .is_some_and(|local| local.ends_with(&suffix))
        })
        .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_count_of_drops_is_read() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  351: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20301 2 0000000000000000 17
  352: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20302 2 0000000000000000 4
";
        assert_eq!(
            (drops(table, 514), drops(table, 515), drops(table, 1)),
            (17, 4, 0)
        );
    }
}
