//! `watchkeeper sources check`: whether every configured source may do what it will do, and what to allow where it may not.

use crate::commands::say;
use crate::config::Config;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper_collect::prove::prove;
use watchkeeper_domain::clock::{Clock, SystemClock};

/// Exit code when something is refused.
const REFUSED: u8 = 1;

/// Tries each source, or the one with this name. Cursors stay where they are.
pub(super) async fn check(path: &Path, only: Option<&str>, as_json: bool) -> Result<ExitCode, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let chosen: Vec<_> = config
        .sources
        .iter()
        .filter(|source| only.is_none_or(|name| source.name().0 == name))
        .collect();
    if let (Some(name), true) = (only, chosen.is_empty()) {
        return Err(format!(
            "no source is called `{name}`: `watchkeeper sources list` shows them"
        ));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (mut refused, mut told) = (0, Vec::new());
    for source in chosen {
        let proofs = prove(source, &clock).await;
        refused += proofs.iter().filter(|proof| proof.refusal.is_some()).count();
        if as_json {
            told.push(json!({"name": source.name().0, "kind": source.kind(), "proofs": proofs}));
            continue;
        }
        say(&format!("{} ({})", source.name(), source.kind()));
        if proofs.is_empty() {
            say("  -       asks nobody: it waits to be told");
        }
        for proof in proofs {
            let tried = format!("{} on {}", proof.action, proof.resource);
            match (proof.refusal, proof.untried) {
                (Some(reason), _) => say(&format!("  REFUSED {tried}\n          {reason}")),
                (None, Some(reason)) => say(&format!("  -       {tried}\n          {reason}")),
                (None, None) => say(&format!("  ok      {tried}")),
            }
        }
    }
    if as_json {
        say(&json!({"sources": told, "refused": refused}).to_string());
    }
    Ok(if refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}
