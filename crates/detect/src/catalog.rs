//! From rule files to the rules that run: references resolved, faulty rules set aside.

use crate::limits::Limits;
use crate::quarantine::{Quarantined, RuleFile};
use crate::reason::Words;
use crate::report::{DetectorInfo, Kind};
use crate::sigma::correlation::{CorrelationRule, Counting, Threshold};
use crate::sigma::document::{self, Rule};
use crate::sigma::rule::{DetectionRule, Meta};
use crate::sigma::view::Fields;
use crate::window::{Decide, Plan};
use crate::yaml;
use std::collections::HashMap;
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::id::digest;

/// Rules that run, by index: detectors are all of them in the order they were loaded.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) fields: Fields,
    pub(crate) rules: Vec<DetectionRule>,
    pub(crate) correlations: Vec<Correlation>,
    /// For each detection rule, its detector.
    pub(crate) detector_of_rule: Vec<usize>,
    /// For each detection rule, the correlations that count it.
    pub(crate) feeds: Vec<Vec<Feed>>,
    pub(crate) detectors: Vec<DetectorInfo>,
}

/// A correlation with its references resolved.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub(crate) rule: CorrelationRule,
    pub(crate) detector: usize,
    pub(crate) plan: Plan,
    pub(crate) words: Words,
    /// Digest of the texts of the rule and of those it refers to: state belongs to one wording.
    pub(crate) wording: String,
}

/// That a detection rule is counted by a correlation, and by which of its fields.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) correlation: usize,
    /// False where it is the base of a share.
    pub(crate) matched: bool,
    /// The fields of `group-by`, aliases resolved.
    pub(crate) group: Vec<String>,
    /// The fields whose values are counted, aliases resolved.
    pub(crate) values: Vec<String>,
}

/// Where a rule ended up.
enum Loaded {
    Detection(usize),
    Correlation(usize),
}

impl Catalog {
    /// Reads every file; what cannot run is in the second part.
    pub(crate) fn load(
        files: impl IntoIterator<Item = RuleFile>,
        limits: &Limits,
    ) -> (Self, Vec<Quarantined>) {
        let mut catalog = Self::default();
        let mut faults = Vec::new();
        let mut order = Vec::new();
        let mut pending = Vec::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        for file in files {
            for piece in yaml::documents(&file.text) {
                let Some(rule) = document::read(&file.path, &piece, &mut catalog.fields, limits, &mut faults)
                else {
                    continue;
                };
                let meta = rule.meta();
                if let Some(other) = ids.get(&meta.id) {
                    let reason = format!(
                        "the id `{}` is already used in {other}: give this rule an id of its own",
                        meta.id
                    );
                    faults.push(fault(meta, meta.id_line, "id", reason));
                    continue;
                }
                ids.insert(meta.id.clone(), format!("{}:{}", meta.path, meta.line));
                match rule {
                    Rule::Detection(rule) => {
                        order.push(Loaded::Detection(catalog.rules.len()));
                        catalog.rules.push(rule);
                    }
                    Rule::Correlation(rule) => {
                        order.push(Loaded::Correlation(pending.len()));
                        pending.push(Some(rule));
                    }
                }
            }
        }
        catalog.feeds = catalog.rules.iter().map(|_| Vec::new()).collect();
        let titles: Vec<_> = pending
            .iter()
            .flatten()
            .map(|rule| {
                (
                    rule.meta.id.clone(),
                    rule.meta.title.clone(),
                    rule.meta.name.clone(),
                )
            })
            .collect();
        for loaded in order {
            match loaded {
                Loaded::Detection(index) => {
                    catalog.detector_of_rule.push(catalog.detectors.len());
                    catalog.detectors.push(info(
                        &catalog.rules[index].meta,
                        Kind::Single,
                        vec![catalog.rules[index].log_source.clone()],
                    ));
                }
                Loaded::Correlation(index) => {
                    if let Some(rule) = pending[index].take() {
                        catalog.correlate(rule, &titles, &mut faults);
                    }
                }
            }
        }
        catalog.silence_counted();
        (catalog, faults)
    }

    fn correlate(
        &mut self,
        rule: CorrelationRule,
        correlations: &[(String, String, Option<String>)],
        faults: &mut Vec<Quarantined>,
    ) {
        let before = faults.len();
        let mut resolve = |key: &str, references: &[(String, usize)]| -> Vec<usize> {
            let mut found = Vec::new();
            for (reference, line) in references {
                let called: Vec<_> = (0..self.rules.len())
                    .filter(|i| self.rules[*i].meta.is_called(reference))
                    .collect();
                match called.as_slice() {
                    [one] => found.push(*one),
                    [] => {
                        let is_correlation = correlations.iter().any(|(id, title, name)| {
                            reference == id || reference == title || name.as_ref() == Some(reference)
                        });
                        let quarantined = faults.iter().any(|fault| fault.rule.as_ref() == Some(reference));
                        let reason = if is_correlation {
                            format!("`{reference}` is itself a correlation: refer to detection rules")
                        } else if quarantined {
                            format!("`{reference}` does not run itself: mend that rule first")
                        } else {
                            format!(
                                "no detection rule that runs is called `{reference}`: refer to one by its id, name or title"
                            )
                        };
                        faults.push(fault(&rule.meta, *line, key, reason));
                    }
                    several => {
                        let reason = format!("{} rules are called `{reference}`: refer by id", several.len());
                        faults.push(fault(&rule.meta, *line, key, reason));
                    }
                }
            }
            found
        };
        let counted = resolve("correlation.rules", &rule.rules);
        let base = resolve("correlation.of", &rule.base);
        if faults.len() > before {
            return;
        }
        self.add(rule, &counted, &base);
    }

    fn add(&mut self, rule: CorrelationRule, counted: &[usize], base: &[usize]) {
        let correlation = self.correlations.len();
        for (indices, matched) in [(counted, true), (base, false)] {
            for index in indices {
                let meta = &self.rules[*index].meta;
                let resolved = |fields: &[String]| {
                    fields
                        .iter()
                        .map(|field| field_of(&rule, meta, field))
                        .collect::<Vec<_>>()
                };
                let values = match &rule.counting {
                    Counting::Values(fields, _) => resolved(fields),
                    Counting::Events(_) | Counting::Ratio(_) => Vec::new(),
                };
                let group = resolved(&rule.group_by);
                self.feeds[*index].push(Feed {
                    correlation,
                    matched,
                    group,
                    values,
                });
            }
        }
        let all: Vec<_> = counted.iter().chain(base).copied().collect();
        let titles = |indices: &[usize]| {
            indices
                .iter()
                .map(|i| self.rules[*i].meta.title.as_str())
                .collect::<Vec<_>>()
        };
        let words = Words::new(&rule, &titles(counted), &titles(base));
        let mut texts = vec![rule.meta.source.as_str()];
        for index in &all {
            let text = self.rules[*index].meta.source.as_str();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let (plan, kind) = plan(&rule);
        let mut sources: Vec<LogSource> = Vec::new();
        for index in &all {
            if !sources.contains(&self.rules[*index].log_source) {
                sources.push(self.rules[*index].log_source.clone());
            }
        }
        let mut told = info(&rule.meta, kind, sources);
        told.source = texts.join("---\n");
        let wording = digest(&texts);
        let detector = self.detectors.len();
        self.detectors.push(told);
        self.correlations.push(Correlation {
            rule,
            detector,
            plan,
            words,
            wording,
        });
    }

    /// What each detector says about itself, in the order of the detectors.
    pub(crate) fn metas(&self) -> Vec<&Meta> {
        let rules = self
            .rules
            .iter()
            .zip(&self.detector_of_rule)
            .map(|(rule, detector)| (*detector, &rule.meta));
        let correlations = self
            .correlations
            .iter()
            .map(|correlation| (correlation.detector, &correlation.rule.meta));
        let mut all: Vec<_> = rules.chain(correlations).collect();
        all.sort_by_key(|(detector, _)| *detector);
        all.into_iter().map(|(_, meta)| meta).collect()
    }

    /// A rule that correlations count fires by itself only if one of them says `generate: true` (specification 2.1).
    fn silence_counted(&mut self) {
        for (feeds, detector) in self.feeds.iter().zip(&self.detector_of_rule) {
            let generates = feeds
                .iter()
                .any(|feed| self.correlations[feed.correlation].rule.generate);
            self.detectors[*detector].fires = feeds.is_empty() || generates;
        }
    }
}

fn fault(meta: &Meta, line: usize, key: &str, reason: String) -> Quarantined {
    Quarantined {
        path: meta.path.clone(),
        line: Some(line),
        key: Some(key.to_owned()),
        rule: Some(meta.id.clone()),
        reason,
    }
}

fn field_of(rule: &CorrelationRule, counted: &Meta, field: &str) -> String {
    let alias = rule.aliases.get(field);
    let resolved = alias.and_then(|of| of.iter().find(|(reference, _)| counted.is_called(reference)));
    resolved.map_or_else(|| field.to_owned(), |(_, field)| field.clone())
}

fn plan(rule: &CorrelationRule) -> (Plan, Kind) {
    let (decide, kind) = match &rule.counting {
        Counting::Events(Threshold::Reached(count)) => (Decide::Events(*count), Kind::EventCount),
        Counting::Events(Threshold::AtEnd(bounds)) => (Decide::EventsAtEnd(bounds.clone()), Kind::EventCount),
        Counting::Values(_, Threshold::Reached(count)) => (Decide::Values(*count), Kind::ValueCount),
        Counting::Values(_, Threshold::AtEnd(bounds)) => {
            (Decide::ValuesAtEnd(bounds.clone()), Kind::ValueCount)
        }
        Counting::Ratio(share) => (Decide::Share(*share), Kind::Ratio),
    };
    let span = rule.timespan;
    (Plan { decide, span }, kind)
}

fn info(meta: &Meta, kind: Kind, log_sources: Vec<LogSource>) -> DetectorInfo {
    DetectorInfo {
        id: meta.id.clone(),
        title: meta.title.clone(),
        level: meta.level,
        status: meta.status,
        description: meta.description.clone(),
        log_sources,
        tags: meta.tags.clone(),
        kind,
        fires: true,
        path: meta.path.clone(),
        line: meta.line,
        author: meta.author.clone(),
        references: meta.references.clone(),
        falsepositives: meta.falsepositives.clone(),
        tests: meta.examples.len(),
        source: meta.source.clone(),
    }
}
