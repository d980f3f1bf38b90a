//! Which rules could match an event, found without evaluating them.
//!
//! For each log source there is a route. A rule is on it by literals that every match of it must contain: exact values of a field
//! (one hash probe) or parts of one (one Aho–Corasick pass over the field). A rule without such literals is always a candidate.
//! Candidates are evaluated in full, so the index decides about speed alone: a test compares it with evaluating everything.

use crate::sigma::condition::Condition;
use crate::sigma::item::{Item, Test, number_key};
use crate::sigma::rule::DetectionRule;
use crate::sigma::view::{FieldId, Fields, View, fold};
use aho_corasick::AhoCorasick;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use watchkeeper_domain::event::LogSource;

/// Parts shorter than this are in too many texts to be worth looking for.
const SHORTEST_PART: usize = 3;

/// A rule with more literals than this is evaluated always: its literals would slow down every other rule.
const MOST_PROBES: usize = 2_000;

/// Log sources that are remembered; events could name any number of them.
const MOST_ROUTES: usize = 1_024;

/// Something a matching event must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Probe {
    /// The field has this text, in lower case.
    Text(FieldId, String),
    /// The field has this number.
    Number(FieldId, String),
    /// The field's text contains this, in lower case.
    Part(FieldId, String),
}

/// The routes that were asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Index {
    routes: HashMap<LogSource, Arc<Route>>,
}

impl Index {
    /// The route of a log source.
    pub(crate) fn route(&mut self, log_source: &LogSource, rules: &[DetectionRule]) -> Arc<Route> {
        if let Some(route) = self.routes.get(log_source) {
            return Arc::clone(route);
        }
        if self.routes.len() >= MOST_ROUTES {
            self.routes.clear();
        }
        let route = Arc::new(Route::new(log_source, rules));
        self.routes.insert(log_source.clone(), Arc::clone(&route));
        route
    }
}

/// The rules of one log source.
#[derive(Debug, Default)]
pub(crate) struct Route {
    always: Vec<usize>,
    exact: BTreeMap<FieldId, Exact>,
    parts: Vec<Parts>,
}

#[derive(Debug, Default)]
struct Exact {
    texts: HashMap<String, Vec<usize>>,
    numbers: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Parts {
    field: FieldId,
    automaton: AhoCorasick,
    rules: Vec<Vec<usize>>,
}

impl Route {
    fn new(log_source: &LogSource, rules: &[DetectionRule]) -> Self {
        let covered: Vec<_> = (0..rules.len())
            .filter(|i| rules[*i].log_source.covers(log_source))
            .collect();
        let mut frequency: HashMap<Probe, usize> = HashMap::new();
        for index in &covered {
            let mut all = Vec::new();
            every_probe(&rules[*index], &mut all);
            all.sort_unstable();
            all.dedup();
            all.into_iter()
                .for_each(|probe| *frequency.entry(probe).or_default() += 1);
        }
        let mut route = Self::default();
        let mut parts: BTreeMap<FieldId, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for index in covered {
            match necessary(&rules[index], &rules[index].condition, &frequency) {
                Some(probes) if probes.len() <= MOST_PROBES => {
                    for probe in probes {
                        match probe {
                            Probe::Text(field, text) => {
                                route
                                    .exact
                                    .entry(field)
                                    .or_default()
                                    .texts
                                    .entry(text)
                                    .or_default()
                                    .push(index);
                            }
                            Probe::Number(field, key) => {
                                route
                                    .exact
                                    .entry(field)
                                    .or_default()
                                    .numbers
                                    .entry(key)
                                    .or_default()
                                    .push(index);
                            }
                            Probe::Part(field, part) => {
                                parts
                                    .entry(field)
                                    .or_default()
                                    .entry(part)
                                    .or_default()
                                    .push(index);
                            }
                        }
                    }
                }
                _ => route.always.push(index),
            }
        }
        for (field, literals) in parts {
            route.add_parts(field, literals);
        }
        route
    }

    fn add_parts(&mut self, field: FieldId, literals: BTreeMap<String, Vec<usize>>) {
        match AhoCorasick::new(literals.keys()) {
            Ok(automaton) => self.parts.push(Parts {
                field,
                automaton,
                rules: literals.into_values().collect(),
            }),
            // Too large an automaton costs speed, never a match.
            Err(_) => self.always.extend(literals.into_values().flatten()),
        }
    }

    /// The rules that could match, each once, in the order they were loaded.
    pub(crate) fn candidates(&self, view: &View<'_>, fields: &Fields) -> Vec<usize> {
        let mut found = self.always.clone();
        for (field, exact) in &self.exact {
            for scalar in view.values(*field, fields) {
                found.extend(exact.texts.get(scalar.lower()).into_iter().flatten());
                if !exact.numbers.is_empty()
                    && let Some(number) = scalar.number()
                {
                    found.extend(exact.numbers.get(&number_key(number)).into_iter().flatten());
                }
            }
        }
        for parts in &self.parts {
            for scalar in view.values(parts.field, fields) {
                for hit in parts.automaton.find_overlapping_iter(scalar.lower()) {
                    found.extend(&parts.rules[hit.pattern().as_usize()]);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A set of probes one of which hits for every event that matches, if there is one; the set that hits least.
fn necessary(
    rule: &DetectionRule,
    condition: &Condition,
    frequency: &HashMap<Probe, usize>,
) -> Option<Vec<Probe>> {
    match condition {
        Condition::Selection(index) => {
            let alternatives = rule.selections[*index].alternatives.iter();
            let sets = alternatives.map(|items| {
                cheapest(
                    items.iter().filter_map(|item| of_item(item, frequency)),
                    frequency,
                )
            });
            union(sets)
        }
        Condition::All(parts) => cheapest(
            parts.iter().filter_map(|part| necessary(rule, part, frequency)),
            frequency,
        ),
        Condition::Any(parts) => union(parts.iter().map(|part| necessary(rule, part, frequency))),
        Condition::Not(_) => None,
    }
}

fn union(sets: impl Iterator<Item = Option<Vec<Probe>>>) -> Option<Vec<Probe>> {
    let sets: Option<Vec<_>> = sets.collect();
    let mut all: Vec<_> = sets?.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

fn cheapest(sets: impl Iterator<Item = Vec<Probe>>, frequency: &HashMap<Probe, usize>) -> Option<Vec<Probe>> {
    let cost = |probe: &Probe| {
        let rules = frequency.get(probe).copied().unwrap_or(1);
        match probe {
            Probe::Text(..) | Probe::Number(..) => rules,
            // A part costs a pass over the text, and short ones hit often.
            Probe::Part(_, part) => rules + 20 + 40 / part.len(),
        }
    };
    sets.min_by_key(|set| set.iter().map(cost).sum::<usize>())
}

fn of_item(item: &Item, frequency: &HashMap<Probe, usize>) -> Option<Vec<Probe>> {
    let field = item.field?;
    if item.negated {
        return None;
    }
    let mut probes = item.tests.iter().map(|test| of_test(field, test));
    if item.all {
        return cheapest(probes.flatten().map(|probe| vec![probe]), frequency);
    }
    let all: Option<Vec<_>> = probes.by_ref().collect();
    all.filter(|all| !all.is_empty())
}

fn of_test(field: FieldId, test: &Test) -> Option<Probe> {
    match test {
        Test::Pattern(pattern) => {
            if let Some(text) = pattern.exact() {
                return Some(Probe::Text(field, fold(text)));
            }
            let part = fold(pattern.longest_text()?);
            (part.len() >= SHORTEST_PART).then_some(Probe::Part(field, part))
        }
        Test::Number(number) => Some(Probe::Number(field, number_key(*number))),
        Test::Bool(truth) => Some(Probe::Text(field, truth.to_string())),
        Test::Null
        | Test::Exists(_)
        | Test::Regex(_)
        | Test::Network(_)
        | Test::Compare(..)
        | Test::Field { .. } => None,
    }
}

fn every_probe(rule: &DetectionRule, into: &mut Vec<Probe>) {
    let items = rule
        .selections
        .iter()
        .flat_map(|selection| selection.alternatives.iter().flatten());
    for item in items {
        if let Some(field) = item.field {
            into.extend(item.tests.iter().filter_map(|test| of_test(field, test)));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{DetectorSet, Limits, RuleFile};
    use serde_json::Value;
    use std::io::Read;
    use std::path::{Path, PathBuf};
    use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

    fn files(folder: &Path, into: &mut Vec<RuleFile>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                into.push(RuleFile {
                    path: path.display().to_string(),
                    text,
                });
            }
        }
    }

    fn data() -> Option<PathBuf> {
        let found = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from);
        if found.is_none() {
            eprintln!(
                "SKIPPED: set WATCHKEEPER_TEST_DATA to the folder of public test data to run this test"
            );
        }
        found
    }

    fn event(raw: &str, log_source: LogSource) -> Event {
        let Value::Object(fields) = serde_json::from_str(raw).unwrap() else {
            unreachable!()
        };
        Event {
            id: String::new(),
            source: SourceName("test".into()),
            at: chrono::DateTime::UNIX_EPOCH,
            collected_at: chrono::DateTime::UNIX_EPOCH,
            log_source,
            fields,
            raw: raw.to_owned(),
            unparsed: None,
        }
    }

    #[test]
    fn the_index_finds_exactly_what_evaluating_every_rule_finds() {
        let Some(data) = data() else { return };
        let mut rules = Vec::new();
        files(&data.join("sigma/rules"), &mut rules);
        files(&data.join("sigma/regression"), &mut rules);
        files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detectors"),
            &mut rules,
        );
        let mut set = DetectorSet::load(rules, EntityFields::default(), Limits::default());
        let mut trail = String::new();
        let packed = std::fs::File::open(data.join("cloudtrail/invictus.jsonl.gz")).unwrap();
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut trail)
            .unwrap();
        let aws = LogSource {
            product: Some("aws".into()),
            service: Some("cloudtrail".into()),
            category: None,
        };
        let mut events: Vec<_> = trail.lines().map(|line| event(line, aws.clone())).collect();
        let sources: Vec<_> = set
            .detectors()
            .iter()
            .flat_map(|info| info.log_sources.clone())
            .collect();
        for folder in std::fs::read_dir(data.join("sigma/regression")).unwrap() {
            let folder = folder.unwrap().path();
            let lines = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
            // Each event as every kind of Windows log, so that rules meet events that were not made for them.
            for source in sources
                .iter()
                .filter(|source| source.product.as_deref() == Some("windows"))
                .step_by(7)
            {
                events.extend(lines.lines().map(|line| event(line, source.clone())));
            }
        }
        let (mut matches, mut candidates) = (0, 0);
        for event in &events {
            let (found, tried) = set.matches_by_index(event);
            assert_eq!(found, set.matches_by_evaluating_all(event), "{}", event.raw);
            matches += found.len();
            candidates += tried;
        }
        assert!(matches > 500, "{matches} matches show little");
        assert!(
            candidates / events.len() < 15,
            "{candidates} candidates for {} events are too many",
            events.len()
        );
    }
}
