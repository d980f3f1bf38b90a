//! What was acknowledged to somebody who pushes is judged exactly once, though the process is killed again and again: the real binary,
//! over HTTP.

use reqwest::Client;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use watchkeeper_store::{AlertFilter, DatabaseConfig, PageRequest, Store};
use watchkeeper_stories::binary::binary;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Whoever pushes, what they push, and how often the process is killed meanwhile.
const PUSHERS: usize = 4;
const REQUESTS: usize = 60;
const RECORDS: usize = 20;
const KILLS: usize = 6;

const SECRET: &str = "open-sesame";

const RULE: &str = "\
title: Something was pushed
id: 5f0e0a1c-7f0b-4c0e-9d86-1f6f6f0a8b11
status: test
level: low
logsource:
  category: application
detection:
  pushed:
    kind: pushed
  condition: pushed
";

/// A service in a folder of its own.
struct Service {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Service {
    fn configured(sources: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("loopback has a free port")
            .port();
        let path = folder.path().display();
        std::fs::create_dir(folder.path().join("rules")).expect("a folder");
        std::fs::write(folder.path().join("rules/pushed.yml"), RULE).expect("written");
        std::fs::write(folder.path().join("secret"), SECRET).expect("written");
        let configuration = watchkeeper::config::DEFAULT
            .replace("127.0.0.1:8420", &format!("127.0.0.1:{port}"))
            .replace("data_dir = \"./data\"", &format!("data_dir = \"{path}/data\""))
            .replace(
                "sqlite:./data/watchkeeper.db",
                &format!("sqlite:{path}/watchkeeper.db"),
            )
            .replace("shipped = true", "shipped = false")
            .replace("\nrules = []", &format!("\nrules = [\"{path}/rules\"]"))
            .replace("filter = \"info", "filter = \"warn");
        let sources = sources.replace("FOLDER", &path.to_string());
        std::fs::write(folder.path().join("watchkeeper.toml"), configuration + &sources).expect("written");
        Self {
            folder,
            port,
            process: None,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("watchkeeper.toml")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until it answers.
    async fn start(&mut self) {
        let process = Command::new(binary())
            .args(["serve", "--config"])
            .arg(self.config())
            .env_remove("WATCHKEEPER_CRASH_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        self.process = Some(process);
        let healthy = format!("{}/healthz", self.url());
        let answers = async {
            while reqwest::get(&healthy).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers).await.expect("it answers");
    }

    /// `kill -9`.
    async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it is killed");
    }

    async fn store(&self) -> Store {
        let url = format!("sqlite:{}", self.path().join("watchkeeper.db").display());
        Store::open(&DatabaseConfig { url }).await.expect("the database")
    }

    /// What the figures of the sources say was judged.
    async fn judged(&self, store: &Store) -> u64 {
        let mut tx = store.read().await.expect("a transaction");
        let statuses = tx.source_statuses().await.expect("statuses");
        statuses
            .iter()
            .filter_map(|(_, status)| status["events"].as_u64())
            .sum()
    }

    fn sources(&self, arguments: &[&str]) -> Value {
        let output = std::process::Command::new(binary())
            .arg("sources")
            .args(arguments)
            .arg("--json")
            .arg("--config")
            .arg(self.config())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// A request that is the same whenever it is sent again.
struct Request {
    path: &'static str,
    content_type: &'static str,
    body: String,
    key: String,
}

impl Request {
    /// Some send lines, the others logs of OpenTelemetry.
    fn of(pusher: usize, number: usize) -> Self {
        let key = format!("{pusher}-{number}");
        let records = (0..RECORDS).map(|record| format!("{key}-{record}"));
        if pusher.is_multiple_of(2) {
            let lines = records.map(|n| json!({"kind": "pushed", "n": n}).to_string() + "\n");
            return Self {
                path: "/ingest/lines",
                content_type: "application/x-ndjson",
                body: lines.collect(),
                key,
            };
        }
        let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let records: Vec<Value> = records
            .map(|n| json!({"attributes": [attribute("kind", "pushed"), attribute("n", &n)]}))
            .collect();
        Self {
            path: "/otlp/otel/v1/logs",
            content_type: "application/json",
            body: json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string(),
            key,
        }
    }

    /// Sends until it is acknowledged, as whoever pushes must.
    async fn push(&self, http: &Client, url: &str) {
        loop {
            let answer = http
                .post(format!("{url}{}", self.path))
                .bearer_auth(SECRET)
                .header("content-type", self.content_type)
                .header("idempotency-key", &self.key)
                .body(self.body.clone())
                .send()
                .await;
            match answer {
                Ok(answer) if answer.status() == 200 => return,
                Ok(answer) => assert!(
                    [429, 503].contains(&answer.status().as_u16()),
                    "{}",
                    answer.status()
                ),
                // Killed under way: nobody knows whether it was stored.
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_judged_once_though_the_process_is_killed_again_and_again() {
    let mut service = Service::configured(
        r#"
[[source]]
kind = "http"
name = "lines"
secrets_file = "FOLDER/secret"
format = "json"
log_source = { category = "application" }

[[source]]
kind = "http"
name = "otel"
secrets_file = "FOLDER/secret"
log_source = { category = "application" }
"#,
    );
    service.start().await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let pushing: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let (url, acknowledged) = (service.url(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let http = Client::new();
                for number in 0..REQUESTS {
                    Request::of(pusher, number).push(&http, &url).await;
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let all = PUSHERS * REQUESTS;
    for kill in 1..=KILLS {
        let until = async {
            while acknowledged.load(Ordering::SeqCst) < kill * all / (KILLS + 1) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, until)
            .await
            .expect("pushes are acknowledged");
        service.kill().await;
        service.start().await;
    }
    for task in pushing {
        tokio::time::timeout(PATIENCE, task)
            .await
            .expect("everything is acknowledged")
            .expect("nothing was refused");
    }
    let records = (all * RECORDS) as u64;
    let store = service.store().await;
    let judged = async {
        while service.judged(&store).await < records {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, judged)
        .await
        .expect("everything is judged");
    // A sample can be had beside the service that holds the spool.
    let sample = service.sources(&["sample", "otel", "--count", "3"]);
    assert_eq!(sample["formats"], json!({"otlp": 3}), "{sample}");
    assert_eq!(sample["events"][0]["fields"]["kind"], "pushed");
    service.kill().await;
    assert_eq!(service.judged(&store).await, records);
    let mut tx = store.read().await.expect("a transaction");
    let alerts = tx
        .alerts(&AlertFilter::default(), &PageRequest::first(100))
        .await
        .expect("alerts");
    let counted: u64 = alerts
        .items
        .iter()
        .map(watchkeeper_domain::alert::Alert::events)
        .sum();
    assert_eq!(counted, records, "each record is in one alert, once");
    drop(tx);
    store.close().await;
}
