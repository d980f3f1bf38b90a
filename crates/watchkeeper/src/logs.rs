//! What the service says while it runs: structured, for people or as JSON, to standard error.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging; `WATCHKEEPER_LOG` overrides the filter.
pub fn start(log: &Log) {
    let filter = std::env::var("WATCHKEEPER_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|fault| {
        eprintln!("watchkeeper: log filter `{filter}` is not understood ({fault}); using `info`");
        EnvFilter::new("info")
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process, as in tests, keeps the first.
    let _ = match log.format {
        LogFormat::Human => subscriber.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
