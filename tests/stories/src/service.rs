//! The real binary as a service of its own, that is started and killed as often as a story wants. Everything that has a field `kind`
//! with the value `pushed` is an alert.

use crate::binary::binary;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use watchkeeper_domain::alert::Alert;
use watchkeeper_store::{AlertFilter, DatabaseConfig, PageRequest, Store};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What lies in the file `secret`.
pub const SECRET: &str = "open-sesame";

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
#[derive(Debug)]
pub struct Service {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Service {
    /// One that is not started yet, with tables of sources; `FOLDER` in them is its folder, in which `secret` holds [`SECRET`].
    ///
    /// # Panics
    /// When files cannot be written.
    #[must_use]
    pub fn configured(sources: &str) -> Self {
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

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> PathBuf {
        self.path().join("watchkeeper.toml")
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(&mut self) {
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
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("it is killed");
    }

    /// Its database.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn store(&self) -> Store {
        let url = format!("sqlite:{}", self.path().join("watchkeeper.db").display());
        Store::open(&DatabaseConfig { url }).await.expect("the database")
    }

    /// How many events the figures of the sources say were judged.
    ///
    /// # Panics
    /// When the database cannot be read.
    pub async fn judged(&self, store: &Store) -> u64 {
        let mut tx = store.read().await.expect("a transaction");
        let statuses = tx.source_statuses().await.expect("statuses");
        statuses
            .iter()
            .filter_map(|(_, status)| status["events"].as_u64())
            .sum()
    }

    /// Waits until so many were judged.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub async fn wait_until_judged(&self, store: &Store, events: u64) {
        let judged = async {
            while self.judged(store).await < events {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, judged).await.is_err() {
            panic!("{} of {events} are judged", self.judged(store).await);
        }
    }

    /// How many events all alerts together have.
    ///
    /// # Panics
    /// When the database cannot be read.
    pub async fn alerted(&self, store: &Store) -> u64 {
        let mut tx = store.read().await.expect("a transaction");
        let alerts = tx
            .alerts(&AlertFilter::default(), &PageRequest::first(100))
            .await
            .expect("alerts");
        alerts.items.iter().map(Alert::events).sum()
    }

    /// What `watchkeeper sources …` tells beside it.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn sources(&self, arguments: &[&str]) -> Value {
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
