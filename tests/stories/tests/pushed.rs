//! What was acknowledged to somebody who pushes is judged exactly once, though the process is killed again and again: the real binary,
//! over HTTP.

use reqwest::Client;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use watchkeeper_stories::service::{PATIENCE, SECRET, Service};

/// Whoever pushes, what they push, and how often the process is killed meanwhile.
const PUSHERS: usize = 4;
const REQUESTS: usize = 60;
const RECORDS: usize = 20;
const KILLS: usize = 6;

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
    service.wait_until_judged(&store, records).await;
    // A sample can be had beside the service that holds the spool.
    let sample = service.sources(&["sample", "otel", "--count", "3"]);
    assert_eq!(sample["formats"], json!({"otlp": 3}), "{sample}");
    assert_eq!(sample["events"][0]["fields"]["kind"], "pushed");
    service.kill().await;
    assert_eq!(service.judged(&store).await, records);
    assert_eq!(
        service.alerted(&store).await,
        records,
        "each record is in one alert, once"
    );
    store.close().await;
}
