//! Sources, read through their public face: the real SDK against servers that speak the real protocol, real files, a real disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod cloudwatch;
mod configuration;
mod files;
mod guardduty;
mod kinesis;
mod mistakes;
mod moto;
mod parsers;
mod places;
mod receiver;
mod s3;
mod sns;
mod spool;
mod syslog;

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use watchkeeper_collect::{BatchCounts, Cursor, Opened, Remark, Source, SourceConfig};
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::event::Event;

/// 2026-03-02T08:00:00Z, a Monday.
fn monday() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_438_400, 0).unwrap()
}

/// A directory, a clock that stands still, and credentials that any emulator takes.
struct Bench {
    dir: TempDir,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let credentials = "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n";
        std::fs::write(dir.path().join("credentials"), credentials).unwrap();
        Self {
            dir,
            clock: Arc::new(ManualClock::at(monday())),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn config(mut config: Value, dir: &Path) -> SourceConfig {
        let kind = config["kind"].as_str().unwrap().to_owned();
        let is_limited = kind == "cloudwatch_logs" || kind == "guardduty";
        if is_limited || kind == "s3" || kind == "kinesis" {
            config["region"] = "eu-central-1".into();
            config["credentials_file"] = dir.join("credentials").to_str().unwrap().into();
            // High enough that only the tests of throttling meet the limit of calls.
            if is_limited && config.get("calls_per_second").is_none() {
                config["calls_per_second"] = 100.into();
            }
        }
        serde_json::from_value(config).unwrap()
    }

    async fn open(&self, config: Value) -> Opened {
        let config = Self::config(config, self.path());
        watchkeeper_collect::open(&config, self.clock.clone(), self.path())
            .await
            .unwrap()
    }

    async fn source(&self, config: Value) -> Reader {
        Reader {
            source: self.open(config).await.source,
            cursor: Cursor::start(),
            counts: BatchCounts::default(),
            remarks: Vec::new(),
        }
    }
}

/// A source and the cursor that was committed last, as the worker holds them.
struct Reader {
    source: Box<dyn Source>,
    cursor: Cursor,
    counts: BatchCounts,
    remarks: Vec<Remark>,
}

impl Reader {
    /// Reads until there is no more at once, committing each batch.
    async fn read(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..1_000 {
            let batch = self.source.read(&self.cursor).await.unwrap();
            events.extend(batch.events);
            self.counts += batch.counts;
            self.remarks.extend(batch.remarks);
            // What a database would give back is what counts.
            self.cursor = serde_json::from_str(&serde_json::to_string(&batch.next).unwrap()).unwrap();
            self.source.committed(&self.cursor).await.unwrap();
            if !batch.more {
                return events;
            }
        }
        panic!("the source says forever that there is more");
    }

    async fn messages(&mut self) -> Vec<String> {
        messages(&self.read().await)
    }
}

fn messages(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.raw.clone()).collect()
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

/// The public test data, or none, said loudly.
fn test_data(path: &str) -> Option<std::path::PathBuf> {
    let Some(root) = std::env::var_os("WATCHKEEPER_TEST_DATA") else {
        eprintln!("SKIPPED: set WATCHKEEPER_TEST_DATA to the directory of public test data to run this test");
        return None;
    };
    let root = std::path::PathBuf::from(root);
    // Cargo runs tests in the package's directory; a relative path is meant from the workspace's.
    let root = if root.is_absolute() {
        root
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(root)
    };
    Some(root.join(path))
}

fn seconds(n: i64) -> Duration {
    Duration::seconds(n)
}
