//! Keeps the demo's company at work: writes what its services log, and posts the findings it gets, as any sender would.

use crate::demo::{Generator, finding_secret};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::clock::Clock;

/// How often the company's services write.
const TICK: Duration = Duration::from_millis(500);

/// Writes and posts until `stop`. A finding that could not be posted is posted again.
pub(super) async fn work(
    dir: PathBuf,
    url: String,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> Result<(), String> {
    let named = |fault: std::io::Error| format!("{}: {fault}", dir.display());
    let secret = finding_secret(&dir).map_err(named)?;
    let mut generator = Generator::open(&dir, clock.now()).map_err(named)?;
    let client = client()?;
    let mut unsent = Vec::new();
    while !stop.is_cancelled() {
        if let Err(fault) = generator.turn(clock.now()) {
            tracing::error!(%fault, dir = %dir.display(), "the company cannot write its logs; it tries again");
        }
        unsent.extend(generator.take_findings());
        if !unsent.is_empty() && post(&client, &url, &secret, &unsent).await {
            unsent.clear();
            generator.findings_posted().map_err(named)?;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    Ok(())
}

async fn post(client: &reqwest::Client, url: &str, secret: &str, findings: &[serde_json::Value]) -> bool {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let request = client
        .post(format!("{url}/ingest/guardduty"))
        .bearer_auth(secret)
        .body(lines.join("\n"));
    match request.send().await {
        Ok(answer) if answer.status().is_success() => true,
        Ok(answer) => {
            tracing::warn!(status = %answer.status(), "a finding was not taken; it is posted again");
            false
        }
        Err(fault) => {
            tracing::debug!(%fault, "a finding could not be posted; it is posted again");
            false
        }
    }
}

/// Waits until the service answers.
pub(super) async fn answers(url: &str) -> Result<(), String> {
    let client = client()?;
    for _ in 0..600 {
        let answer = client.get(format!("{url}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!(
        "{url} does not answer after a minute; set WATCHKEEPER_LOG=info to see why"
    ))
}

fn client() -> Result<reqwest::Client, String> {
    let built = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build();
    built.map_err(|fault| format!("no HTTP client: {fault}"))
}
