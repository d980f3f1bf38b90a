//! `watchkeeper detectors test` and `watchkeeper detectors list`.

use super::say;
use crate::embedded;
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_detect::{DetectorSet, Limits, Quarantined, RuleFile, RuleTestResult};
use watchkeeper_domain::event::EntityFields;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

fn files(paths: &[PathBuf]) -> Result<Vec<RuleFile>, String> {
    if paths.is_empty() {
        Ok(embedded::shipped_rules())
    } else {
        embedded::rules_in(paths)
    }
}

pub(super) fn test(paths: &[PathBuf], as_json: bool) -> Result<ExitCode, String> {
    let files = files(paths)?;
    let set = DetectorSet::load(files.clone(), EntityFields::default(), Limits::default());
    let results = watchkeeper_detect::test_rules(files);
    let failed = results.iter().filter(|result| !result.passed).count();
    let untested: Vec<&str> = set
        .detectors()
        .iter()
        .filter(|d| d.fires && d.tests == 0)
        .map(|d| d.title.as_str())
        .collect();
    if as_json {
        let tests: Vec<_> = results
            .iter()
            .map(|r| json!({"detector": r.detector, "title": r.title, "path": r.path, "line": r.line, "name": r.name, "passed": r.passed, "outcome": r.outcome}))
            .collect();
        let report = json!({"tests": tests, "quarantined": set.quarantined(), "untested": untested, "passed": results.len() - failed, "failed": failed});
        say(&report.to_string());
    } else {
        results.iter().for_each(show);
        set.quarantined()
            .iter()
            .for_each(|rule| say(&format!("{BAD}quarantined{BAD:#}  {rule}")));
        untested
            .iter()
            .for_each(|title| say(&format!("no test      {title}")));
        let (loaded, set_aside) = (set.detectors().len(), set.quarantined().len());
        say(&format!(
            "{loaded} rules, {} tests: {} passed, {failed} failed; {set_aside} faults in quarantine",
            results.len(),
            results.len() - failed
        ));
    }
    let well = failed == 0 && set.quarantined().is_empty();
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(result: &RuleTestResult) {
    let RuleTestResult {
        title,
        name,
        path,
        line,
        outcome,
        passed,
        ..
    } = result;
    if *passed {
        say(&format!("{GOOD}passed{GOOD:#}  {title}: {name}"));
    } else {
        say(&format!(
            "{BAD}failed{BAD:#}  {title}: {name}\n        {path}:{line}: {outcome}"
        ));
    }
}

pub(super) fn list(paths: &[PathBuf], as_json: bool) -> Result<ExitCode, String> {
    let set = DetectorSet::load(files(paths)?, EntityFields::default(), Limits::default());
    if as_json {
        say(&json!({"detectors": set.detectors(), "quarantined": set.quarantined()}).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for detector in set.detectors() {
        let level = format!("{:?}", detector.level).to_lowercase();
        say(&format!("{level:13}  {}  ({})", detector.title, detector.path));
    }
    for rule in set.quarantined() {
        let rule: &Quarantined = rule;
        say(&format!("{BAD}quarantined{BAD:#}    {rule}"));
    }
    Ok(ExitCode::SUCCESS)
}
