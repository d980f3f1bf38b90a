//! Whole-process figures of `watchkeeper serve`: events of 500 bytes, pushed over HTTP as CloudTrail or read from a file, to alerts that
//! are committed, with 790 rules. Whoever pushes runs on the same two cores.
//!
//! Needs the public test data (`WATCHKEEPER_TEST_DATA`); run it by `make bench`. `WATCHKEEPER_SERVE_SECONDS` says how long the steady
//! load lasts, 30 s where it is not said; 3600 shows whether memory stays flat.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

mod rules;

use chrono::{DateTime, Utc};
use reqwest::Client;
use serde_json::Value;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_store::{AlertFilter, DatabaseConfig, PageRequest, Store};

/// The length of an event, in bytes, with its line end.
const EVENT: usize = 500;
/// Events of one request.
const BATCH: usize = 1_000;
/// Events of the run at full speed.
const EVENTS: u64 = 1_000_000;
/// Whoever pushes at once.
const PUSHERS: u64 = 4;
/// Half of what has to be borne, in events a second.
const STEADY: u64 = 50_000;
/// Rules of which each alert tells when it was committed.
const MARKS: u64 = 150;

const SECRET: &str = "open-sesame";

fn main() {
    let Some(data) = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from) else {
        println!("SKIPPED: set WATCHKEEPER_TEST_DATA to the folder of public test data to measure");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let work = TempDir::new().unwrap();
    let rules = work.path().join("rules");
    rules::generate(&data, &rules, 790);
    let judging = judging_alone(work.path(), &rules);
    marks(&rules);
    runtime.block_on(async {
        full_speed(&rules, judging).await;
        replay(&rules, judging).await;
        steady(&rules).await;
    });
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Rules that match one event each.
fn marks(folder: &Path) {
    for number in 0..MARKS {
        let rule = format!(
            "title: Mark {number}\nid: mark-{number}\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\n\
             detection:\n  s: {{eventName: Mark{number:06}}}\n  condition: s\n"
        );
        std::fs::write(folder.join(format!("mark-{number}.yml")), rule).unwrap();
    }
}

/// Bodies of requests: the same events with other ids, put in where they stand.
struct Bodies {
    text: Vec<u8>,
    /// Where the ids stand, and the name of the first event.
    ids: Vec<usize>,
    name: usize,
}

const ID: &str = "00000000-0000-0000-0000-";
const NAME: &str = "GetObject0";

impl Bodies {
    fn new() -> Self {
        let mut text = Vec::with_capacity(BATCH * EVENT);
        let mut ids = Vec::new();
        let mut name = 0;
        let at = now().format("%Y-%m-%dT%H:%M:%SZ");
        for number in 0..BATCH {
            let front = format!(
                "{{\"eventVersion\":\"1.08\",\"eventTime\":\"{at}\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"{NAME}\",\
                 \"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":\"198.51.100.{}\",\"userIdentity\":{{\"type\":\"IAMUser\",\
                 \"accountId\":\"111122223333\",\"userName\":\"user-{}\"}},\"requestParameters\":{{\"bucketName\":\"shop-{}\",\
                 \"key\":\"invoices/{number}.pdf\"}},\"eventID\":\"{ID}",
                number % 200,
                number % 97,
                number % 7,
            );
            if number == 0 {
                name = front.find(NAME).unwrap();
            }
            ids.push(text.len() + front.len());
            text.extend_from_slice(front.as_bytes());
            let rest = "000000000000\",\"userAgent\":\"";
            let padding = "x".repeat(EVENT - 3 - front.len() - rest.len());
            text.extend_from_slice(format!("{rest}{padding}\"}}\n").as_bytes());
        }
        assert_eq!(text.len(), BATCH * EVENT);
        Self { text, ids, name }
    }

    /// The body of a request; the first event is one that a rule of the marks looks for.
    fn body(&self, request: u64, mark: Option<u64>) -> Vec<u8> {
        let mut text = self.text.clone();
        for (index, at) in self.ids.iter().enumerate() {
            let id = format!("{:012}", request * BATCH as u64 + index as u64);
            text[*at..*at + 12].copy_from_slice(id.as_bytes());
        }
        if let Some(mark) = mark {
            text[self.name..self.name + NAME.len()].copy_from_slice(format!("Mark{mark:06}").as_bytes());
        }
        text
    }
}

/// Nanoseconds that judging an event takes by itself, from a file, parsed and matched by the same engine.
fn judging_alone(work: &Path, rules: &Path) -> f64 {
    let bodies = Bodies::new();
    let events: Vec<u8> = (0..200).flat_map(|request| bodies.body(request, None)).collect();
    let (file, summary) = (work.join("events.jsonl"), work.join("summary.json"));
    std::fs::write(&file, events).unwrap();
    let runs = (0..3).map(|_| {
        let done = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .args(["detect", "--output", "none", "--threads", "1"])
            .args(["--logsource", "product=aws,service=cloudtrail", "--summary"])
            .arg(&summary)
            .arg("--rules")
            .arg(rules)
            .arg("--")
            .arg(&file)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_str(&std::fs::read_to_string(&summary).unwrap()).unwrap();
        told["events_per_second"].as_f64().unwrap()
    });
    let rate = runs.fold(0.0, f64::max);
    println!(
        "{:<52}{rate:>12.0} events/s",
        "detect, one thread, the same events and rules"
    );
    1e9 / rate
}

/// The real binary, in a folder of its own.
struct Service {
    folder: TempDir,
    port: u16,
    process: Child,
    store: Store,
    http: Client,
}

impl Service {
    /// One that events are pushed to.
    async fn receiving(rules: &Path) -> Self {
        let source = "kind = \"http\"\nsecrets_file = \"FOLDER/secret\"";
        Self::start(rules, source).await
    }

    /// One with this source; `FOLDER` in it is its folder.
    async fn start(rules: &Path, source: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let path = folder.path().display();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let database = format!("sqlite:{path}/watchkeeper.db");
        let configuration = watchkeeper::config::DEFAULT
            .replace("127.0.0.1:8420", &format!("127.0.0.1:{port}"))
            .replace("data_dir = \"./data\"", &format!("data_dir = \"{path}/data\""))
            .replace("sqlite:./data/watchkeeper.db", &database)
            .replace("shipped = true", "shipped = false")
            .replace("\nrules = []", &format!("\nrules = [\"{}\"]", rules.display()))
            .replace("filter = \"info", "filter = \"warn");
        let source = format!(
            "\n[[source]]\nname = \"events\"\nformat = \"cloudtrail\"\n{}\n",
            source.replace("FOLDER", &path.to_string())
        );
        let config = folder.path().join("watchkeeper.toml");
        std::fs::write(&config, configuration + &source).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = Client::new();
        let healthy = format!("http://127.0.0.1:{port}/healthz");
        while http.get(&healthy).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let store = Store::open(&DatabaseConfig { url: database }).await.unwrap();
        Self {
            folder,
            port,
            process,
            store,
            http,
        }
    }

    /// Pushes until it is acknowledged; gives how often it was sent back for coming too soon.
    async fn push(&self, body: Vec<u8>) -> u64 {
        let url = format!("http://127.0.0.1:{}/ingest/events", self.port);
        let body = bytes::Bytes::from(body);
        let mut sent_back = 0;
        loop {
            let answer = self
                .http
                .post(&url)
                .bearer_auth(SECRET)
                .header("content-type", "application/x-ndjson")
                .body(body.clone())
                .send()
                .await
                .unwrap();
            match answer.status().as_u16() {
                200 => return sent_back,
                429 | 503 => sent_back += 1,
                other => panic!("{other}: {}", answer.text().await.unwrap()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many events were judged, and committed.
    async fn judged(&self) -> u64 {
        let mut tx = self.store.read().await.unwrap();
        let statuses = tx.source_statuses().await.unwrap();
        statuses
            .iter()
            .filter_map(|(_, status)| status["events"].as_u64())
            .sum()
    }

    async fn wait_for(&self, events: u64) {
        while self.judged().await < events {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Seconds of all its threads together.
    fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let behind_name = stat.rsplit_once(')').unwrap().1;
        let ticks: u64 = behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum();
        ticks as f64 / 100.0
    }

    /// Prints what it took: nanoseconds of the processor for an event, of which judging takes so many by itself, and memory.
    fn costs(&self, per_event: f64, judging: f64) {
        row("time of the processor an event", per_event, "ns");
        let outside = 100.0 * (1.0 - judging / per_event);
        row("    of it outside of parsing and matching", outside, "%");
        row("most memory", self.memory("VmHWM"), "MB");
    }

    /// Megabytes, by the name that `/proc` gives them.
    fn memory(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes / 1e3
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let _kept_until_here = &self.folder;
    }
}

/// As fast as it takes them.
async fn full_speed(rules: &Path, judging: f64) {
    let service = Arc::new(Service::receiving(rules).await);
    let bodies = Arc::new(Bodies::new());
    let (cpu, began) = (service.cpu_seconds(), now());
    let sent_back = Arc::new(AtomicU64::new(0));
    let pushing: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let (service, bodies, sent_back) =
                (Arc::clone(&service), Arc::clone(&bodies), Arc::clone(&sent_back));
            tokio::spawn(async move {
                let requests = EVENTS / BATCH as u64 / PUSHERS;
                for number in 0..requests {
                    let body = bodies.body(pusher * requests + number, None);
                    sent_back.fetch_add(service.push(body).await, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in pushing {
        task.await.unwrap();
    }
    let acknowledged = (now() - began).as_seconds_f64();
    service.wait_for(EVENTS).await;
    let judged = (now() - began).as_seconds_f64();
    let per_event = (service.cpu_seconds() - cpu) * 1e9 / EVENTS as f64;
    println!("\nserve, {EVENTS} events of {EVENT} bytes over HTTP, {BATCH} a request, {PUSHERS} at once");
    row(
        "acknowledged, on disk and synced",
        EVENTS as f64 / acknowledged,
        "events/s",
    );
    row("judged, and committed", EVENTS as f64 / judged, "events/s");
    row("requests sent back", sent_back.load(Ordering::Relaxed) as f64, "");
    service.costs(per_event, judging);
}

fn row(what: &str, figure: f64, unit: &str) {
    println!("{what:<52}{figure:>12.0} {unit}");
}

/// A file that is there already, read from its beginning: from the first commit to the last.
async fn replay(rules: &Path, judging: f64) {
    let source = "kind = \"file\"\npaths = [\"FOLDER/events.jsonl\"]\nfrom_beginning = true";
    let service = Service::start(rules, source).await;
    let (bodies, written) = (Bodies::new(), service.folder.path().join("written"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&written).unwrap());
    for request in 0..EVENTS / BATCH as u64 {
        file.write_all(&bodies.body(request, None)).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    std::fs::rename(&written, service.folder.path().join("events.jsonl")).unwrap();
    service.wait_for(1).await;
    let (before, cpu, began) = (service.judged().await, service.cpu_seconds(), now());
    service.wait_for(EVENTS).await;
    let (events, seconds) = ((EVENTS - before) as f64, (now() - began).as_seconds_f64());
    println!("\nserve, {EVENTS} events of {EVENT} bytes from a file");
    row("judged, and committed", events / seconds, "events/s");
    service.costs((service.cpu_seconds() - cpu) * 1e9 / events, judging);
}

/// When each mark was sent, and whether that was the last.
#[derive(Default)]
struct Sent {
    at: Vec<DateTime<Utc>>,
    all: bool,
}

/// Looks, as anybody could, for the alert of each mark that was sent; gives for each how many seconds after it was sent the alert was there
/// to be read. An instant that the service writes down lies before its commit, and would be too early.
async fn seen_from_outside(store: Store, sent: Arc<Mutex<Sent>>) -> Vec<f64> {
    let mut took: Vec<Option<f64>> = Vec::new();
    loop {
        let (count, all) = {
            let sent = sent.lock().unwrap();
            (sent.at.len(), sent.all)
        };
        took.resize(count, None);
        for (number, took) in took.iter_mut().enumerate() {
            if took.is_some() {
                continue;
            }
            let filter = AlertFilter {
                detector: Some(format!("mark-{number}")),
                ..AlertFilter::default()
            };
            let mut tx = store.read().await.unwrap();
            let found = tx.alerts(&filter, &PageRequest::first(1)).await.unwrap();
            if !found.items.is_empty() {
                *took = Some((now() - sent.lock().unwrap().at[number]).as_seconds_f64());
            }
        }
        if all && took.iter().all(Option::is_some) {
            return took.into_iter().flatten().collect();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// At a load that it bears, for some time: how long it takes from sending to the committed alert, and what memory does.
async fn steady(rules: &Path) {
    let seconds: u64 = std::env::var("WATCHKEEPER_SERVE_SECONDS").map_or(30, |text| text.parse().unwrap());
    let service = Arc::new(Service::receiving(rules).await);
    let bodies = Bodies::new();
    let requests = seconds * STEADY / BATCH as u64;
    let every = Duration::from_secs_f64(BATCH as f64 / STEADY as f64);
    let mut due = tokio::time::interval(every);
    let sent = Arc::new(Mutex::new(Sent::default()));
    let seen = tokio::spawn(seen_from_outside(service.store.clone(), Arc::clone(&sent)));
    let mut marks = 0;
    let (mut pushing, mut memory) = (tokio::task::JoinSet::new(), Vec::new());
    for request in 0..requests {
        due.tick().await;
        let mark = (request % (requests / MARKS).max(1) == 0).then_some(marks);
        let mark = mark.filter(|mark| *mark < MARKS);
        let body = bodies.body(request, mark);
        if mark.is_some() {
            marks += 1;
            sent.lock().unwrap().at.push(now());
        }
        let service = Arc::clone(&service);
        if request % (requests / 10).max(1) == 0 {
            memory.push(service.memory("VmRSS"));
        }
        pushing.spawn(async move { service.push(body).await });
    }
    while pushing.join_next().await.is_some() {}
    service.wait_for(requests * BATCH as u64).await;
    memory.push(service.memory("VmRSS"));
    sent.lock().unwrap().all = true;
    let mut took = tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .expect("every mark is an alert")
        .unwrap();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
    println!("\nserve, {STEADY} events/s for {seconds} s: from sending to the alert that others can read");
    println!("{:<52}{:>12.3} s", "median", at(0.5));
    println!("{:<52}{:>12.3} s", "99th of a hundred", at(0.99));
    println!("{:<52}{:>12.3} s", "longest", at(1.0));
    let told: Vec<String> = memory.iter().map(|megabytes| format!("{megabytes:.0}")).collect();
    println!(
        "{:<52} {} MB",
        "memory, from the beginning to the end",
        told.join(" ")
    );
}
