//! `watchkeeper obligations`: what law and contracts ask, looked at and counted without an incident.

use super::say;
use crate::cli::{DueOptions, ObligationsCommand, PlaybooksGiven};
use crate::embedded;
use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;
use watchkeeper_domain::obligation::limit::{Reading, Standstill};
use watchkeeper_domain::obligation::rule::{Moment, ObligationRule, Phase, PhaseDue, Situation, Start};
use watchkeeper_domain::span::Span;
use watchkeeper_respond::Library;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// Does what the command line asks for.
pub(super) fn run(command: &ObligationsCommand) -> Result<ExitCode, String> {
    match command {
        ObligationsCommand::List { playbooks, json } => Ok(list(&library(playbooks)?, *json)),
        ObligationsCommand::Check { playbooks, json } => Ok(check(&library(playbooks)?, *json)),
        ObligationsCommand::Due(options) => due(options),
    }
}

fn library(given: &PlaybooksGiven) -> Result<Library, String> {
    let library = embedded::library(given.playbooks.as_deref())?;
    if library.rules.is_empty() && library.faults.is_empty() {
        return Err("no rules: the folder has no `obligations/ID/rule.yaml`".into());
    }
    Ok(library)
}

fn list(library: &Library, as_json: bool) -> ExitCode {
    if as_json {
        say(&json!({"rules": library.rules, "faults": faults(library)}).to_string());
        return ExitCode::SUCCESS;
    }
    for rule in &library.rules {
        let state = if rule.enabled {
            format!("{GOOD}binds{GOOD:#}    ")
        } else {
            format!("{FAINT}not read{FAINT:#} ")
        };
        say(&format!("{state} {:<22} {}", rule.id, rule.title));
        let phases: Vec<String> = rule.phases.iter().map(asks).collect();
        say(&format!("          {FAINT}{}{FAINT:#}", phases.join("; ")));
    }
    let bind = library.rules.iter().filter(|rule| rule.enabled).count();
    say(&format!(
        "{} rules, {bind} bind; the others wait until counsel has read them and `enabled` is true. {} calendars.",
        library.rules.len(),
        library.calendars.len()
    ));
    tell_faults(library);
    ExitCode::SUCCESS
}

/// What a phase asks, in a few words.
fn asks(phase: &Phase) -> String {
    use watchkeeper_domain::obligation::rule::Within;
    let within = match phase.within {
        Within::Limit(limit) => limit.to_string(),
        Within::Contract => "the limit of the contract".to_owned(),
        Within::Asap => match &phase.target {
            Some(target) => format!("as soon as possible (our own target: {})", target.within),
            None => "as soon as possible".to_owned(),
        },
    };
    format!("{}: {within} from {}", phase.id, phase.from)
}

fn faults(library: &Library) -> Vec<Value> {
    let faults = library.faults.iter();
    faults
        .map(|(path, fault)| json!({"path": path, "fault": fault}))
        .collect()
}

fn tell_faults(library: &Library) {
    for (path, fault) in &library.faults {
        say(&format!("{BAD}fault{BAD:#}  {path}: {fault}"));
    }
}

fn check(library: &Library, as_json: bool) -> ExitCode {
    let examples: usize = library.rules.iter().map(|rule| rule.worked_examples.len()).sum();
    if as_json {
        let report = json!({
            "rules": library.rules.len(),
            "calendars": library.calendars.len(),
            "worked_examples": examples,
            "faults": faults(library),
        });
        say(&report.to_string());
    } else {
        tell_faults(library);
        say(&format!(
            "{} rules with {examples} worked examples and {} calendars are sound; {} faults",
            library.rules.len(),
            library.calendars.len(),
            library.faults.len()
        ));
    }
    if library.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn due(options: &DueOptions) -> Result<ExitCode, String> {
    let library = library(&options.playbooks)?;
    let Some(rule) = library.rules.iter().find(|rule| rule.id == options.rule) else {
        let known: Vec<&str> = library.rules.iter().map(|rule| rule.id.as_str()).collect();
        return Err(format!(
            "no rule is called `{}`; known are {}",
            options.rule,
            known.join(", ")
        ));
    };
    let Some(calendar) = library.calendars.get(&rule.jurisdiction) else {
        return Err(format!("there is no calendar `{}`", rule.jurisdiction));
    };
    let moments = moments(&options.at)?;
    let submitted = submitted(rule, &options.submitted)?;
    let contract = options
        .contract
        .as_deref()
        .map(str::parse::<Span>)
        .transpose()
        .map_err(|fault| format!("--contract: {fault}"))?;
    let situation = Situation {
        moments,
        submitted,
        stands: stands(&options.stands)?,
        contract,
    };
    let due = rule.due(&situation, calendar);
    if options.json {
        let phases: Vec<Value> = due
            .iter()
            .map(|(phase, due)| json!({"phase": phase.id, "requires": phase.requires, "due": due}))
            .collect();
        let report = json!({"rule": rule.id, "enabled": rule.enabled, "source": rule.source, "confidence": rule.confidence, "phases": phases});
        say(&report.to_string());
    } else {
        tell(rule, &due);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(rule: &ObligationRule, due: &[(&Phase, PhaseDue)]) {
    say(&rule.title);
    say(&format!("{FAINT}{}: {}{FAINT:#}", rule.id, rule.source));
    say(&format!("{FAINT}To: {}{FAINT:#}", rule.recipients));
    say(&format!("{FAINT}If: {}{FAINT:#}", rule.applies_if));
    for (phase, due) in due {
        match due {
            PhaseDue::Waits { until } => {
                let until: Vec<String> = until.iter().map(Start::to_string).collect();
                say(&format!(
                    "\n{}: not started; it counts from {}",
                    phase.id,
                    until.join(", ")
                ));
            }
            PhaseDue::Asap { since, target_at } => {
                let target = target_at.map_or(String::new(), |at| {
                    format!(
                        "; our own target, which is no deadline of the law, ends {}",
                        at.format("%Y-%m-%d %H:%M:%S UTC")
                    )
                });
                say(&format!(
                    "\n{}: as soon as possible, since {}{target}",
                    phase.id,
                    since.format("%Y-%m-%d %H:%M:%S UTC")
                ));
            }
            PhaseDue::By { due_at, readings, .. } => {
                say(&format!(
                    "\n{}: due {GOOD}{}{GOOD:#}",
                    phase.id,
                    due_at.format("%a %Y-%m-%d %H:%M:%S UTC")
                ));
                readings.iter().for_each(tell_reading);
                if readings.len() > 1 {
                    say("  The readings differ: the earlier one is kept.");
                }
            }
        }
    }
    if !rule.enabled {
        say("\nThis rule does not bind yet: counsel reads it before it is enabled.");
    }
}

fn tell_reading(reading: &Reading) {
    say(&format!("  {}", reading.arithmetic));
}

fn moments(given: &[String]) -> Result<BTreeMap<Moment, DateTime<Utc>>, String> {
    let read = |text: &String| {
        let (name, at) = named_instant("--at", text)?;
        match Start::try_from(name.to_owned()) {
            Ok(Start::Moment(moment)) => Ok((moment, at)),
            Ok(Start::Submission(_)) => Err(format!("--at {text}: use --submitted for what was submitted")),
            Err(fault) => Err(format!("--at {text}: {fault}")),
        }
    };
    given.iter().map(read).collect()
}

fn submitted(rule: &ObligationRule, given: &[String]) -> Result<BTreeMap<String, DateTime<Utc>>, String> {
    let read = |text: &String| {
        let (name, at) = named_instant("--submitted", text)?;
        if rule.phases.iter().any(|phase| phase.id == name) {
            return Ok((name.to_owned(), at));
        }
        let known: Vec<&str> = rule.phases.iter().map(|phase| phase.id.as_str()).collect();
        Err(format!(
            "--submitted {text}: {} has no phase `{name}`; it has {}",
            rule.id,
            known.join(", ")
        ))
    };
    given.iter().map(read).collect()
}

fn stands(given: &[String]) -> Result<Vec<Standstill>, String> {
    let read = |text: &String| {
        let (from, until) = text
            .split_once('/')
            .ok_or_else(|| format!("--stands {text}: write FROM/UNTIL, two instants"))?;
        let (from, until) = (
            instant("--stands", text, from)?,
            instant("--stands", text, until)?,
        );
        if until <= from {
            return Err(format!("--stands {text}: it ends before it begins"));
        }
        Ok(Standstill { from, until })
    };
    given.iter().map(read).collect()
}

fn named_instant<'t>(option: &str, text: &'t str) -> Result<(&'t str, DateTime<Utc>), String> {
    let (name, at) = text
        .split_once('=')
        .ok_or_else(|| format!("{option} {text}: write NAME=INSTANT, such as aware=2026-06-05T14:20:00Z"))?;
    Ok((name, instant(option, text, at)?))
}

fn instant(option: &str, text: &str, at: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(at)
        .map(|at| at.to_utc())
        .map_err(|_| format!("{option} {text}: `{at}` is no instant; write it like 2026-06-05T14:20:00Z"))
}
