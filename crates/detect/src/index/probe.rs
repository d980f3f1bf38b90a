//! What every event that matches a rule must have, as probes that are cheap to look for.

use super::parts::SHORTEST;
use crate::sigma::condition::Condition;
use crate::sigma::item::{Item, Test, number_key};
use crate::sigma::literals;
use crate::sigma::rule::DetectionRule;
use crate::sigma::view::{FieldId, fold};
use std::collections::{BTreeSet, HashMap};

/// A rule with more probes than this is found by a cheaper set, or evaluated always: its probes would slow down every other rule.
const MOST_PROBES: usize = 2_000;

/// Something a matching event must have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Probe {
    /// The field has a value.
    Present(FieldId),
    /// The field has this text, in lower case.
    Text(FieldId, String),
    /// The field has this number.
    Number(FieldId, u64),
    /// The field's text contains this, in lower case.
    Part(FieldId, String),
    /// The line or one of its values contains this, in lower case and without what JSON writes as an escape.
    Anywhere(String),
}

/// How many rules ask for each probe.
pub(super) fn frequency<'r>(rules: impl Iterator<Item = &'r DetectionRule>) -> HashMap<Probe, usize> {
    let mut frequency: HashMap<Probe, usize> = HashMap::new();
    for rule in rules {
        let items = rule
            .selections
            .iter()
            .flat_map(|selection| selection.alternatives.iter().flatten());
        let probes: BTreeSet<Probe> = items
            .flat_map(|item| {
                item.tests
                    .iter()
                    .filter_map(|test| of_test(item.field, test))
                    .flatten()
            })
            .collect();
        for probe in probes {
            *frequency.entry(probe).or_default() += 1;
        }
    }
    frequency
}

/// The fields that a rule asks for.
pub(super) fn fields(rule: &DetectionRule, into: &mut BTreeSet<FieldId>) {
    for item in rule
        .selections
        .iter()
        .flat_map(|selection| selection.alternatives.iter().flatten())
    {
        into.extend(item.field);
        for test in &item.tests {
            if let Test::Field { other, .. } = test {
                into.insert(*other);
            }
        }
    }
}

/// A set of probes one of which hits for every event that matches, if there is one; the set that hits least.
pub(super) fn necessary(rule: &DetectionRule, frequency: &HashMap<Probe, usize>) -> Option<Vec<Probe>> {
    let chosen = of_condition(rule, &rule.condition, frequency);
    chosen.filter(|probes| probes.len() <= MOST_PROBES)
}

fn of_condition(
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
            parts
                .iter()
                .filter_map(|part| of_condition(rule, part, frequency)),
            frequency,
        ),
        Condition::Any(parts) => union(parts.iter().map(|part| of_condition(rule, part, frequency))),
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
            // A part costs a pass over the text, and short ones hit often; a pass over the whole line costs most.
            Probe::Part(_, part) => rules + 20 + 40 / part.len(),
            Probe::Present(_) => 400,
            Probe::Anywhere(part) => 1_000 + 400 / part.len(),
        }
    };
    sets.min_by_key(|set| set.iter().map(cost).sum::<usize>())
}

fn of_item(item: &Item, frequency: &HashMap<Probe, usize>) -> Option<Vec<Probe>> {
    if item.negated {
        return None;
    }
    let mut sets = item.tests.iter().map(|test| of_test(item.field, test));
    if item.all {
        return cheapest(sets.flatten(), frequency);
    }
    let all: Option<Vec<_>> = sets.by_ref().collect();
    let all: Vec<_> = all?.into_iter().flatten().collect();
    match item.field {
        // Beyond so many probes it is cheaper to look at every event that has the field.
        Some(field) if all.len() > MOST_PROBES => Some(vec![Probe::Present(field)]),
        _ => Some(all).filter(|all| !all.is_empty()),
    }
}

/// Probes one of which hits wherever the test holds.
fn of_test(field: Option<FieldId>, test: &Test) -> Option<Vec<Probe>> {
    let part = |text: &str| {
        let part = match field {
            Some(_) => fold(text),
            None => unescaped(&fold(text)).to_owned(),
        };
        let long = part.len() >= SHORTEST;
        long.then_some(match field {
            Some(field) => Probe::Part(field, part),
            None => Probe::Anywhere(part),
        })
    };
    let literal = match (test, field) {
        (Test::Null | Test::Exists(false), _) => return None,
        (Test::Pattern(pattern), field) => match (pattern.exact(), field) {
            (Some(text), Some(field)) => return Some(vec![Probe::Text(field, fold(text))]),
            _ => pattern.longest_text().and_then(part).map(|probe| vec![probe]),
        },
        (Test::Number(number), Some(field)) => return Some(vec![Probe::Number(field, number_key(*number))]),
        (Test::Bool(truth), Some(field)) => return Some(vec![Probe::Text(field, truth.to_string())]),
        (Test::Regex(regex), _) => {
            let required = literals::required(regex.as_str());
            required.and_then(|texts| texts.iter().map(|text| part(text)).collect())
        }
        _ => None,
    };
    // Whatever else a test asks of a field, the field must be there.
    literal.or_else(|| field.map(|field| vec![Probe::Present(field)]))
}

/// The longest part of a text that JSON writes as it is.
fn unescaped(text: &str) -> &str {
    let parts = text.split(|letter: char| matches!(letter, '"' | '\\' | '\0'..' '));
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}
