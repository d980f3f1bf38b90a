//! A small DNS server over UDP, by hand, so that a client is not tested with its own codec.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;

type Zone = BTreeMap<(String, u16), Vec<Vec<u8>>>;

/// A DNS server that knows what it is told, and that nothing else exists.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    zone: Arc<Mutex<(Zone, bool)>>,
    task: JoinHandle<()>,
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DnsServer {
    /// A server on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = socket.local_addr().expect("a bound socket");
        let zone: Arc<Mutex<(Zone, bool)>> = Arc::default();
        let told = Arc::clone(&zone);
        let task = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let answer = answer(&packet[..length], &told.lock().expect("a zone"));
                if let Some(answer) = answer {
                    let _gone = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, zone, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it fails every question (SERVFAIL), or answers again.
    pub fn fail(&self, fails: bool) {
        self.zone.lock().expect("a zone").1 = fails;
    }

    /// The texts of a name from now on; a long one is cut into strings, as a zone file does.
    pub fn texts(&self, name: &str, texts: &[&str]) {
        let record = |text: &&str| {
            let pieces = text.as_bytes().chunks(255);
            pieces
                .flat_map(|piece| [&[piece.len() as u8], piece].concat())
                .collect()
        };
        self.put(name, TXT, texts.iter().map(record).collect());
    }

    /// The addresses of a name from now on.
    pub fn addresses(&self, name: &str, addresses: &[IpAddr]) {
        let of = |v4: bool| addresses.iter().filter(move |address| address.is_ipv4() == v4);
        let octets = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        self.put(name, A, of(true).map(octets).collect());
        self.put(name, AAAA, of(false).map(octets).collect());
    }

    /// The one mail exchanger of a name from now on.
    pub fn exchanger(&self, name: &str, host: &str) {
        self.put(name, MX, vec![[&[0, 10], wire_name(host).as_slice()].concat()]);
    }

    fn put(&self, name: &str, kind: u16, records: Vec<Vec<u8>>) {
        let mut zone = self.zone.lock().expect("a zone");
        zone.0.insert((name.to_ascii_lowercase(), kind), records);
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect();
    wire.push(0);
    wire
}

/// The answer to one question (RFC 1035, 4); none to what is no question.
fn answer(packet: &[u8], (zone, fails): &(Zone, bool)) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    let question = packet.get(12..at + 4)?;
    let name = labels.join(".");
    let none = Vec::new();
    let records = zone.get(&(name.clone(), kind)).unwrap_or(&none);
    let exists = zone.keys().any(|(known, _)| *known == name);
    let code: u8 = match (fails, exists) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 3,
    };
    let records: &[Vec<u8>] = if *fails { &[] } else { records };
    let mut answer = packet.get(..2)?.to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1]);
    answer.extend((records.len() as u16).to_be_bytes());
    answer.extend([0, 0, 0, 0]);
    answer.extend(question);
    for record in records {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend((record.len() as u16).to_be_bytes());
        answer.extend(record);
    }
    Some(answer)
}
