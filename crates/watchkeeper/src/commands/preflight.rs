//! `watchkeeper preflight`: could customers be told today?

use super::{must_have_run, say};
use crate::app::{Mode, house, open_desk};
use crate::config::Config;
use anstyle::{AnsiColor, Style};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock as _, SystemClock};
use watchkeeper_domain::preflight::{Check, CheckResult, Preflight};
use watchkeeper_respond::operations::preflight::without_records;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

pub(super) async fn run(path: PathBuf, json: bool) -> Result<ExitCode, String> {
    let config = Config::load(&path).map_err(|faults| faults.to_string())?;
    let taken = if must_have_run(&config.database.url).is_ok() {
        let desk = open_desk(&config, Arc::new(SystemClock), Mode::Serve).await?;
        let taken = desk.preflight(&Actor::Operator).await;
        taken.map_err(|fault| fault.to_string())?
    } else {
        without_records(&house(&config, Mode::Serve)?, SystemClock.now()).await
    };
    if json {
        say(&serde_json::to_string_pretty(&taken).map_err(|fault| fault.to_string())?);
    } else {
        show(&taken);
    }
    Ok(if taken.failed().next().is_some() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn show(taken: &Preflight) {
    for check in &taken.checks {
        show_check(check);
    }
    for check in &taken.recovered {
        say(&format!("{GOOD}mended{GOOD:#}  {}", check.title()));
    }
    let failed = taken.failed().count();
    say(&format!("{} checks, {failed} failed", taken.checks.len()));
}

fn show_check(check: &Check) {
    let (style, word) = match check.result {
        CheckResult::Passed => (GOOD, "passed"),
        CheckResult::Failed => (BAD, "FAILED"),
        CheckResult::NotApplicable => (DIM, "n/a   "),
    };
    say(&format!(
        "{style}{word}{style:#}  {:<22}{}",
        check.check.title(),
        check.seen
    ));
    for finding in &check.findings {
        say(&format!(
            "        - {}\n          To do: {}",
            finding.seen, finding.remedy
        ));
    }
    if check.more > 0 {
        say(&format!("        - and {} more", check.more));
    }
    for note in &check.notes {
        say(&format!("{DIM}        {note}{DIM:#}"));
    }
}
