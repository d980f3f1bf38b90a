//! What the receiver and its spool take: decompressed, decoded, checked, on disk and synced, beside what a plain append that is synced
//! just so can do in the same run, since disks differ and ratios less so.
//!
//! HTTP itself is not in these figures.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use bytes::Bytes;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use watchkeeper_collect::receive::PushHeaders;
use watchkeeper_collect::{Cursor, Opened, Receiver, SourceConfig};
use watchkeeper_domain::clock::SystemClock;

/// The length of an event, in bytes, with its line end.
const EVENT: usize = 500;

/// Events of one run.
const EVENTS: usize = 400_000;

/// `printf %s open-sesame | sha256sum`
const DIGEST: &str = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("events of {EVENT} bytes, {EVENTS} a run\n");
    println!("{:<58}{:>12}{:>10}{:>10}", "", "events/s", "MB/s", "of bound");
    let bound = plain_append(dir.path(), 1000);
    for (requests_at_once, events) in [(1, 1000), (4, 1000), (16, 1000), (64, 100), (256, 10)] {
        let body = Bytes::from(lines(events));
        let took = runtime.block_on(accept(dir.path(), &body, events, requests_at_once, None));
        let what = format!("lines, {events} a request, {requests_at_once} at once");
        row(&what, took, Some(bound));
    }
    let gzipped = Bytes::from(gzip(&lines(1000)));
    let took = runtime.block_on(accept(dir.path(), &gzipped, 1000, 4, Some("gzip")));
    row("lines in gzip, 1000 a request, 4 at once", took, Some(bound));
    let took = runtime.block_on(accept_otlp(dir.path()));
    row("OTLP in JSON, 1000 a request, 4 at once", took, Some(bound));
    let took = runtime.block_on(read_back(dir.path()));
    row("read back and parsed, one core", took, Some(bound));
}

fn row(what: &str, rate: f64, bound: Option<f64>) {
    let megabytes = rate * EVENT as f64 / 1e6;
    let ratio = bound.map_or(String::new(), |bound| format!("{:.0} %", rate / bound * 100.0));
    println!("{what:<58}{rate:>12.0}{megabytes:>10.1}{ratio:>10}");
}

fn line(number: usize) -> String {
    let event = json!({"ts": "2026-03-02T08:00:00Z", "tenant": format!("customer-{}", number % 97), "user": "ada@example.com",
        "method": "GET", "path": format!("/api/v1/files/{number}"), "status": 200, "message": ""});
    let front = event.to_string();
    let padding = "x".repeat(EVENT - 1 - front.len());
    front.replace("\"message\":\"\"", &format!("\"message\":\"{padding}\""))
}

fn lines(count: usize) -> Vec<u8> {
    (0..count)
        .map(|number| line(number) + "\n")
        .collect::<String>()
        .into_bytes()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// What the disk does when each thousand events are written and synced, with nothing looked at.
fn plain_append(dir: &Path, events: usize) -> f64 {
    let body = lines(events);
    let mut file = std::fs::File::create(dir.join("plain")).unwrap();
    let began = Instant::now();
    for _ in 0..EVENTS / events {
        file.write_all(&body).unwrap();
        file.sync_data().unwrap();
    }
    let rate = EVENTS as f64 / began.elapsed().as_secs_f64();
    row("plain append, synced each 1000 events (the bound)", rate, None);
    std::fs::remove_file(dir.join("plain")).unwrap();
    rate
}

async fn open(dir: &Path, name: &str, format: &str) -> (Opened, Arc<Receiver>) {
    let config = json!({"kind": "http", "name": name, "format": format, "secrets_sha256": [DIGEST],
        "max_backlog_bytes": 16_u64 << 30});
    let config: SourceConfig = serde_json::from_value(config).unwrap();
    let opened = watchkeeper_collect::open(&config, Arc::new(SystemClock), dir)
        .await
        .unwrap();
    let receiver = opened.receiver.clone().unwrap();
    (opened, receiver)
}

/// Whoever pushes waits for each answer, and as many do so at once as said.
async fn accept(
    dir: &Path,
    body: &Bytes,
    events: usize,
    at_once: usize,
    encoding: Option<&'static str>,
) -> f64 {
    let name = format!("r{events}-{at_once}-{}", encoding.unwrap_or("plain"));
    let (_opened, receiver) = open(dir, &name, "json").await;
    let requests = EVENTS / events / at_once;
    let began = Instant::now();
    let pushing: Vec<_> = (0..at_once)
        .map(|_| {
            let (receiver, body) = (Arc::clone(&receiver), body.clone());
            tokio::spawn(async move {
                let headers = PushHeaders {
                    content_encoding: encoding,
                    ..PushHeaders::default()
                };
                for _ in 0..requests {
                    // As a client does that is told to come again.
                    while receiver.accept_lines(body.clone(), headers).await.is_err() {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in pushing {
        task.await.unwrap();
    }
    (requests * at_once * events) as f64 / began.elapsed().as_secs_f64()
}

async fn accept_otlp(dir: &Path) -> f64 {
    let (_opened, receiver) = open(dir, "otlp", "otlp").await;
    let record = |number: usize| {
        json!({"timeUnixNano": "1772438400000000000", "severityNumber": 9, "body": {"stringValue": "x".repeat(300)},
            "attributes": [{"key": "tenant", "value": {"stringValue": format!("customer-{}", number % 97)}}]})
    };
    let records: Vec<_> = (0..1000).map(record).collect();
    let request =
        json!({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": records}]}]});
    let body = Bytes::from(request.to_string());
    let began = Instant::now();
    let pushing: Vec<_> = (0..4)
        .map(|_| {
            let (receiver, body) = (Arc::clone(&receiver), body.clone());
            tokio::spawn(async move {
                let headers = PushHeaders {
                    content_type: Some("application/json"),
                    ..PushHeaders::default()
                };
                for _ in 0..EVENTS / 4000 {
                    while receiver.accept_otlp(body.clone(), headers).await.status != 200 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in pushing {
        task.await.unwrap();
    }
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

async fn read_back(dir: &Path) -> f64 {
    let (mut opened, _receiver) = open(dir, "r1000-4-plain", "json").await;
    let mut cursor = Cursor::start();
    let mut events = 0;
    let began = Instant::now();
    loop {
        let batch = opened.source.read(&cursor).await.unwrap();
        events += batch.events.len();
        cursor = batch.next;
        if !batch.more {
            return events as f64 / began.elapsed().as_secs_f64();
        }
    }
}
