//! `watchkeeper detectors coverage`: the techniques that rules cover, and whether the sources can satisfy each rule.

use super::attack::Attack;
use super::sample::Sample;
use super::{BAD, FAINT, GOOD, Rules, WARN, counted, log_source_named, log_source_written, named, say};
use crate::cli::CoverageOptions;
use crate::config::Config;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use watchkeeper_collect::SourceConfig;
use watchkeeper_collect::parse::Interpretation;
use watchkeeper_detect::{DetectorInfo, DetectorSet, FieldsSeen, RuleCoverage, Satisfiable};
use watchkeeper_domain::clock::{Clock, SystemClock};

/// How many titles stand beside a technique or a log source.
const MOST_TITLES: usize = 3;

pub(super) fn coverage(options: &CoverageOptions) -> Result<ExitCode, String> {
    let rules = Rules::given(&options.rules)?;
    let config = rules.config.clone();
    let set = rules.load();
    let seen = seen(options, config.as_ref(), &set)?;
    let judged = seen.map(|seen| Judged {
        rules: set.coverage(&seen),
        seen,
    });
    let attack = Attack::of(set.detectors(), |place| {
        judged
            .as_ref()
            .map(|judged| named(&judged.rules[place].satisfiable))
    });
    if let Some(path) = &options.navigator {
        write(path, &attack.navigator_layer())?;
        if path.as_os_str() == "-" {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if options.json {
        let sources = judged.as_ref().map(|judged| judged.json(&set));
        say(
            &json!({"attack": attack, "sources": sources, "quarantined": set.quarantined().len()})
                .to_string(),
        );
        return Ok(ExitCode::SUCCESS);
    }
    tell_attack(&attack);
    if let Some(judged) = &judged {
        judged.tell(&set);
    } else {
        say("\nwhether the sources can satisfy the rules: give --events with files of theirs, or --config");
    }
    if !set.quarantined().is_empty() {
        say(&format!(
            "\n{BAD}{} in quarantine{BAD:#}: `watchkeeper detectors lint` explains them",
            counted(set.quarantined().len(), "fault")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, layer: &Value) -> Result<(), String> {
    if path.as_os_str() == "-" {
        say(&layer.to_string());
        return Ok(());
    }
    std::fs::write(path, format!("{layer}\n")).map_err(|fault| format!("{}: {fault}", path.display()))
}

/// The fields in the events given, or the log sources of the configuration; none where neither is given.
fn seen(
    options: &CoverageOptions,
    config: Option<&Config>,
    set: &DetectorSet,
) -> Result<Option<FieldsSeen>, String> {
    let mut seen = FieldsSeen::of_samples();
    if options.events.is_empty() {
        let Some(config) = config else { return Ok(None) };
        declare(&mut seen, config, set);
        return Ok(Some(seen));
    }
    let how = interpretation(options, config)?;
    let sample = Sample {
        how: &how,
        now: SystemClock.now(),
    };
    sample.each(&options.events, |_, event| {
        seen.observe(&event);
        ControlFlow::Continue(())
    })?;
    Ok(Some(seen))
}

fn declare(seen: &mut FieldsSeen, config: &Config, set: &DetectorSet) {
    let sources: Vec<Interpretation> = config.sources.iter().map(SourceConfig::interpretation).collect();
    for asked in set.detectors().iter().flat_map(|info| &info.log_sources) {
        if sources.iter().any(|source| source.can_give(asked)) {
            seen.declare(asked);
        }
    }
}

fn interpretation(options: &CoverageOptions, config: Option<&Config>) -> Result<Interpretation, String> {
    let log_source = options.logsource.as_deref().map(log_source_named).transpose()?;
    let (Some(name), Some(config)) = (&options.source, config) else {
        return Ok(Interpretation {
            log_source: log_source.unwrap_or_default(),
            ..Interpretation::default()
        });
    };
    let found = config.sources.iter().find(|source| source.name().0 == *name);
    found.map(SourceConfig::interpretation).ok_or_else(|| {
        let names: Vec<_> = config.sources.iter().map(|source| source.name().0).collect();
        format!(
            "--source: no source is called `{name}`: there are {}",
            names.join(", ")
        )
    })
}

fn tell_attack(attack: &Attack) {
    say("ATT&CK tactic          techniques  rules");
    for tactic in &attack.tactics {
        let line = format!("{:22} {:10}  {:5}", tactic.name, tactic.techniques, tactic.rules);
        if tactic.rules == 0 {
            say(&format!("{FAINT}{line}{FAINT:#}"));
        } else {
            say(&line);
        }
    }
    say("");
    for technique in &attack.techniques {
        let unable = technique.rules.iter().filter(|rule| {
            matches!(
                rule.satisfiable.as_deref(),
                Some("fields_unseen" | "no_log_source")
            )
        });
        let unable = match unable.count() {
            0 => String::new(),
            count if count == technique.rules.len() => format!("  {BAD}none can match{BAD:#}"),
            count => format!("  {WARN}{count} cannot match{WARN:#}"),
        };
        let titles = technique.rules.iter().map(|rule| rule.title.as_str());
        say(&format!(
            "{:10} {}{unable}",
            technique.technique,
            shortened(titles)
        ));
    }
    say(&format!(
        "{}{}",
        counted(attack.techniques.len(), "technique"),
        if attack.untagged.is_empty() {
            String::new()
        } else {
            format!(
                "; without a technique: {}",
                shortened(attack.untagged.iter().map(String::as_str))
            )
        }
    ));
}

/// The first few, and how many more there are.
fn shortened<'a>(titles: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = titles.collect();
    let mut text = all[..all.len().min(MOST_TITLES)].join("; ");
    if all.len() > MOST_TITLES {
        text.push_str(&format!("; and {} more", all.len() - MOST_TITLES));
    }
    text
}

struct Judged {
    seen: FieldsSeen,
    rules: Vec<RuleCoverage>,
}

impl Judged {
    fn of(&self, satisfiable: Satisfiable) -> usize {
        self.rules
            .iter()
            .filter(|rule| rule.satisfiable == satisfiable)
            .count()
    }

    /// Fields that were probably meant, for each field that a rule waits for.
    fn similar(&self, info: &DetectorInfo, rule: &RuleCoverage) -> BTreeMap<String, Vec<String>> {
        let mut similar = BTreeMap::new();
        for field in &rule.missing_fields {
            let found: BTreeSet<String> = info
                .log_sources
                .iter()
                .flat_map(|log_source| self.seen.similar(field, log_source))
                .collect();
            if !found.is_empty() {
                similar.insert(field.clone(), found.into_iter().collect());
            }
        }
        similar
    }

    fn json(&self, set: &DetectorSet) -> Value {
        let rules = self.rules.iter().zip(set.detectors()).map(|(rule, info)| {
            let mut told = serde_json::to_value(rule).unwrap_or_default();
            told["title"] = info.title.as_str().into();
            told["path"] = info.path.as_str().into();
            told["line"] = info.line.into();
            told["similar_fields"] = json!(self.similar(info, rule));
            told
        });
        json!({
            "log_sources": self.seen.seen(),
            "yes": self.of(Satisfiable::Yes),
            "unknown": self.of(Satisfiable::Unknown),
            "fields_unseen": self.of(Satisfiable::FieldsUnseen),
            "no_log_source": self.of(Satisfiable::NoLogSource),
            "rules": rules.collect::<Vec<_>>(),
        })
    }

    fn tell(&self, set: &DetectorSet) {
        say("");
        for source in self.seen.seen().iter().filter(|source| source.events > 0) {
            let written = log_source_written(&source.log_source);
            let (events, fields) = (source.events as usize, source.fields);
            say(&format!(
                "{written}: {} with {}",
                counted(events, "event"),
                counted(fields, "field")
            ));
        }
        self.tell_without_log_source(set);
        self.tell_waiting(set);
        let unknown = match self.of(Satisfiable::Unknown) {
            0 => String::new(),
            count => format!(
                "{} have a source whose fields were not judged, ",
                counted(count, "rule")
            ),
        };
        say(&format!(
            "{}: {unknown}{GOOD}{} can match{GOOD:#}, {} ask for fields that never come, {} have no log source",
            counted(self.rules.len(), "rule"),
            self.of(Satisfiable::Yes),
            self.of(Satisfiable::FieldsUnseen),
            self.of(Satisfiable::NoLogSource),
        ));
    }

    fn tell_without_log_source(&self, set: &DetectorSet) {
        let mut without: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (rule, info) in self.rules.iter().zip(set.detectors()) {
            if rule.satisfiable == Satisfiable::NoLogSource {
                let asked: Vec<_> = info.log_sources.iter().map(log_source_written).collect();
                without.entry(asked.join(" and ")).or_default().push(&info.title);
            }
        }
        for (asked, titles) in &without {
            say(&format!(
                "{WARN}no source{WARN:#} of {asked}: {}: {}",
                counted(titles.len(), "rule"),
                shortened(titles.iter().copied())
            ));
        }
    }

    fn tell_waiting(&self, set: &DetectorSet) {
        for (rule, info) in self.rules.iter().zip(set.detectors()) {
            if rule.satisfiable != Satisfiable::FieldsUnseen {
                continue;
            }
            let similar = self.similar(info, rule);
            let fields: Vec<_> = rule
                .missing_fields
                .iter()
                .map(|field| match similar.get(field) {
                    Some(found) => format!("{field} (the events have {})", found.join(", ")),
                    None => field.clone(),
                })
                .collect();
            say(&format!(
                "{BAD}cannot match{BAD:#}  {} ({}:{}): never seen: {}",
                info.title,
                info.path,
                info.line,
                fields.join(", ")
            ));
        }
    }
}
