//! `watchkeeper detectors`: rules tested, listed, checked, explained and held against what the sources send.

mod attack;
mod coverage;
mod explain;
mod lint;
mod sample;
mod tree;

use super::say;
use crate::cli::{DetectorsCommand, RulesGiven};
use crate::config::Config;
use crate::rules::ConfiguredRules;
use crate::{app, embedded};
use anstyle::{AnsiColor, Style};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use watchkeeper_detect::{DetectorInfo, DetectorSet, Limits, RuleFile, RuleTestResult};
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::{EntityFields, LogSource};
use watchkeeper_respond::workers::watch::RuleFiles as _;

const GOOD: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// Does what the command line asks for.
pub(super) fn run(command: &DetectorsCommand) -> Result<ExitCode, String> {
    match command {
        DetectorsCommand::Test { rules, json } => test(&Rules::given(rules)?, *json),
        DetectorsCommand::List { rules, json } => Ok(list(Rules::given(rules)?, *json)),
        DetectorsCommand::Lint { rules, json, strict } => {
            Ok(lint::lint(Rules::given(rules)?, *json, *strict))
        }
        DetectorsCommand::Explain(options) => explain::explain(options),
        DetectorsCommand::Coverage(options) => coverage::coverage(options),
    }
}

/// The rules that a command is about, and how they are loaded.
pub(super) struct Rules {
    pub(super) files: Vec<RuleFile>,
    pub(super) limits: Limits,
    pub(super) config: Option<Config>,
}

impl Rules {
    fn given(given: &RulesGiven) -> Result<Self, String> {
        Self::at(&given.paths, given.config.as_deref())
    }

    /// Those of these files and folders; where none is named those that the configuration asks for, and without one those that come
    /// with the product.
    pub(super) fn at(paths: &[PathBuf], config: Option<&Path>) -> Result<Self, String> {
        let config = config.map(Config::load).transpose();
        let config = config.map_err(|faults| faults.to_string())?;
        let files = match &config {
            _ if !paths.is_empty() => embedded::rules_in(paths)?,
            Some(config) => ConfiguredRules::of(&config.detection).read()?,
            None => embedded::shipped_rules(),
        };
        if files.is_empty() {
            return Err("no rules: name files, or folders with files that end in .yml or .yaml".into());
        }
        let limits = config.as_ref().map(app::limits).unwrap_or_default();
        Ok(Self {
            files,
            limits,
            config,
        })
    }

    fn load(self) -> DetectorSet {
        DetectorSet::load(self.files, EntityFields::default(), self.limits)
    }
}

fn test(rules: &Rules, as_json: bool) -> Result<ExitCode, String> {
    let set = DetectorSet::load(rules.files.clone(), EntityFields::default(), rules.limits.clone());
    let results = watchkeeper_detect::test_rules_within(rules.files.clone(), &rules.limits);
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

fn list(rules: Rules, as_json: bool) -> ExitCode {
    let set = rules.load();
    if as_json {
        say(&json!({"detectors": set.detectors(), "quarantined": set.quarantined()}).to_string());
        return ExitCode::SUCCESS;
    }
    for detector in set.detectors() {
        say(&listed(detector));
    }
    for rule in set.quarantined() {
        say(&format!("{BAD}quarantined{BAD:#}    {rule}"));
    }
    ExitCode::SUCCESS
}

fn listed(detector: &DetectorInfo) -> String {
    let (level, kind) = (named(&detector.level), named(&detector.kind));
    let mut line = format!("{level:13}  {kind:16}  {}  ({})", detector.title, detector.path);
    if !detector.fires {
        line.push_str(", counted by others");
    }
    for (what, names) in [("filters", &detector.filters), ("pipelines", &detector.pipelines)] {
        if !names.is_empty() {
            line = format!("{line}, {what}: {}", names.join(", "));
        }
    }
    line
}

/// The name that a level or kind has in JSON.
fn named(item: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(item).ok();
    name.and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A log source as people write it; the other way of [`log_source_named`].
fn log_source_written(log_source: &LogSource) -> String {
    let parts = [
        ("category", &log_source.category),
        ("product", &log_source.product),
        ("service", &log_source.service),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect();
    if parts.is_empty() {
        "any".to_owned()
    } else {
        parts.join(",")
    }
}

/// So many of something.
fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// A log source as people write it: `product=aws,service=cloudtrail`.
pub(super) fn log_source_named(text: &str) -> Result<LogSource, String> {
    let mut log_source = LogSource::default();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let place = match name.trim() {
            "category" => &mut log_source.category,
            "product" => &mut log_source.product,
            "service" => &mut log_source.service,
            other => {
                return Err(format!(
                    "--logsource: `{other}` is not known: write `category=…`, `product=…` and `service=…`, joined by commas"
                ));
            }
        };
        if value.trim().is_empty() {
            return Err(format!("--logsource: `{name}` has no value: write `{name}=…`"));
        }
        *place = Some(value.trim().to_owned());
    }
    Ok(log_source)
}

/// A level by its name.
pub(super) fn level_named(text: &str) -> Result<Level, String> {
    serde_json::from_value(text.to_lowercase().into())
        .map_err(|_| format!("`{text}` is not a level: use informational, low, medium, high or critical"))
}
