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
