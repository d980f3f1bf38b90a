//! `watchkeeper detectors explain`: one rule, one event, and how each condition came out.

use super::sample::Sample;
use super::tree::{Marks, tree};
use super::{Rules, log_source_named, log_source_written, say};
use crate::cli::ExplainOptions;
use serde_json::json;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_collect::parse::Interpretation;
use watchkeeper_detect::{DetectorInfo, DetectorSet, Explanation};
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_domain::event::{Event, LogSource};

/// How many rules with a similar name are proposed, and how many rules of a file are listed.
const MOST_PROPOSALS: usize = 5;

pub(super) fn explain(options: &ExplainOptions) -> Result<ExitCode, String> {
    let log_source = options.logsource.as_deref().map(log_source_named).transpose()?;
    let (set, rule) = rule(options)?;
    let mut event = event(options, log_source.unwrap_or_default())?;
    let assumed = event.log_source == LogSource::default();
    let explanation = if assumed {
        explain_as_its_own(&set, &rule, &mut event)
    } else {
        set.explain(&rule.id, &event)
    };
    let explanation = explanation.ok_or_else(|| format!("`{}` does not run", rule.id))?;
    if options.json {
        say(&json!({
            "holds": explanation.holds,
            "event": {
                "log_source": event.log_source,
                "log_source_assumed": assumed,
                "unparsed": event.unparsed,
            },
            "explanation": explanation,
        })
        .to_string());
    } else {
        tell(&explanation, &event, assumed);
    }
    Ok(if explanation.holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tell(explanation: &Explanation, event: &Event, assumed: bool) {
    let marks = if std::io::stdout().is_terminal() && is_utf8() {
        Marks::SYMBOLS
    } else {
        Marks::WORDS
    };
    for line in tree(explanation, &marks) {
        say(&line);
    }
    say("");
    let from = log_source_written(&event.log_source);
    if assumed {
        say(&format!(
            "the event does not say which log it is from; taken to be the rule's, {from}: --logsource says otherwise"
        ));
    } else {
        say(&format!("the event is from {from}"));
    }
    if let Some(reason) = &event.unparsed {
        say(&format!(
            "the event could not be read and is judged as text: {reason}"
        ));
    }
}

/// Whether the terminal shows more than ASCII, as far as the locale tells.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// As an event of the rule's log source; of several, of the first with which it holds.
fn explain_as_its_own(set: &DetectorSet, rule: &DetectorInfo, event: &mut Event) -> Option<Explanation> {
    let mut first: Option<(LogSource, Explanation)> = None;
    for log_source in &rule.log_sources {
        event.log_source = log_source.clone();
        let explanation = set.explain(&rule.id, event)?;
        if explanation.holds {
            return Some(explanation);
        }
        first.get_or_insert((log_source.clone(), explanation));
    }
    let (log_source, explanation) = first?;
    event.log_source = log_source;
    Some(explanation)
}

/// The rules, and the one that is meant.
fn rule(options: &ExplainOptions) -> Result<(DetectorSet, DetectorInfo), String> {
    let wanted = options.rule.as_str();
    let file = PathBuf::from(wanted);
    if file.is_file() {
        let mut paths = vec![file];
        paths.extend(options.rules.iter().cloned());
        let set = Rules::at(&paths, options.config.as_deref())?.load();
        let info = only_of_file(&set, wanted)?;
        return Ok((set, info));
    }
    let set = Rules::at(&options.rules, options.config.as_deref())?.load();
    // Names are not among the infos, but an explanation of any event tells which rule is meant.
    let nothing = Sample {
        how: &Interpretation::default(),
        now: SystemClock.now(),
    };
    let nothing = nothing.events("-", 1, None, "{}").into_iter().next();
    let found = nothing.and_then(|event| set.explain(wanted, &event));
    let found = found.and_then(|found| set.detectors().iter().find(|info| info.id == found.rule).cloned());
    match found {
        Some(info) => Ok((set, info)),
        None => Err(no_such_rule(&set, wanted)),
    }
}

fn only_of_file(set: &DetectorSet, path: &str) -> Result<DetectorInfo, String> {
    let of_file: Vec<_> = set.detectors().iter().filter(|info| info.path == path).collect();
    let firing: Vec<_> = of_file.iter().filter(|info| info.fires).copied().collect();
    match (firing.as_slice(), of_file.as_slice()) {
        ([only], _) | ([], [only]) => Ok((*only).clone()),
        (_, []) => Err(faults_of(set, |fault| fault.path == path)
            .unwrap_or_else(|| format!("{path}: there is no rule in this file"))),
        (_, several) => {
            let ids: Vec<_> = several
                .iter()
                .take(MOST_PROPOSALS)
                .map(|info| format!("\n  {}  ({})", info.id, info.title))
                .collect();
            Err(format!(
                "{path}: there are {} rules in this file: say which by id, with `--rules {path}`:{}",
                several.len(),
                ids.concat()
            ))
        }
    }
}

fn faults_of(set: &DetectorSet, of: impl Fn(&watchkeeper_detect::Quarantined) -> bool) -> Option<String> {
    let faults: Vec<_> = set.quarantined().iter().filter(|fault| of(fault)).collect();
    let told: Vec<_> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    (!told.is_empty()).then(|| format!("the rule does not run:{}", told.concat()))
}

fn no_such_rule(set: &DetectorSet, wanted: &str) -> String {
    if let Some(faults) = faults_of(set, |fault| fault.rule.as_deref() == Some(wanted)) {
        return faults;
    }
    let lower = wanted.to_lowercase();
    let near: Vec<_> = set
        .detectors()
        .iter()
        .filter(|info| {
            let title = info.title.to_lowercase();
            title.contains(&lower) || info.id.to_lowercase().contains(&lower) || info.path.contains(wanted)
        })
        .take(MOST_PROPOSALS)
        .map(|info| format!("\n  {}  ({})", info.title, info.id))
        .collect();
    let proposed = if near.is_empty() {
        "; `watchkeeper detectors list` shows all".to_owned()
    } else {
        format!("; there are:{}", near.concat())
    };
    format!(
        "no rule that runs is called `{wanted}`: give its id, name, title, or the path of its file{proposed}"
    )
}

fn event(options: &ExplainOptions, log_source: LogSource) -> Result<Event, String> {
    let how = Interpretation {
        log_source,
        ..Interpretation::default()
    };
    let sample = Sample {
        how: &how,
        now: SystemClock.now(),
    };
    let mut found: Vec<(u64, Event)> = Vec::new();
    let wanted = options.line.map(std::num::NonZeroU64::get);
    let mut take = |number: u64, event: Event| {
        if wanted.is_none_or(|wanted| wanted == number) {
            found.push((number, event));
        }
        if found.len() > 1 || wanted.is_some_and(|wanted| number > wanted) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let given = options.event.as_str();
    if given.trim_start().starts_with('{') {
        for (number, event) in (1..).zip(sample.events("event", 1, None, given)) {
            if take(number, event).is_break() {
                break;
            }
        }
    } else {
        sample.each(&[PathBuf::from(given)], take)?;
    }
    let named = if given.trim_start().starts_with('{') {
        "the event"
    } else {
        given
    };
    match (found.len(), wanted) {
        (1, _) => Ok(found.remove(0).1),
        (0, Some(line)) => Err(format!("{named}: there is no event at {line}")),
        (0, None) => Err(format!("{named}: there is no event")),
        (_, Some(line)) => Err(format!(
            "{named}: line {line} holds several events: give one of them"
        )),
        (_, None) => Err(format!(
            "{named}: there are several events: say which with `--line NUMBER`"
        )),
    }
}
