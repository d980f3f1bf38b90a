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

/// How often rules ask for what. Events are like that, too: a text that many of the rules ask for that ask for any of its field, such
/// as a kind of user, is one that many events have, and the name of a call, of hundreds that are asked for, is one that few have.
#[derive(Debug, Default)]
pub(super) struct Asked {
    probes: HashMap<Probe, usize>,
    /// By field: how often any whole text or number of it is asked for.
    fields: HashMap<FieldId, usize>,
}

impl Asked {
    /// What these rules ask for.
    pub(super) fn by<'r>(rules: impl Iterator<Item = &'r DetectionRule>) -> Self {
        let mut asked = Self::default();
        for rule in rules {
            let selections = rule.selections.iter();
            let items = selections.flat_map(|selection| selection.alternatives.iter().flatten());
            // An expression asks for no whole text, and what it asks for is dear to find.
            let whole = |test: &&Test| !matches!(test, Test::Regex(_));
            let probes: BTreeSet<Probe> = items
                .flat_map(|item| {
                    let tests = item.tests.iter().filter(whole);
                    tests.filter_map(|test| of_test(item.field, test))
                })
                .flatten()
                .collect();
            for probe in probes {
                if let Probe::Text(field, _) | Probe::Number(field, _) = probe {
                    *asked.fields.entry(field).or_default() += 1;
                    *asked.probes.entry(probe).or_default() += 1;
                }
            }
        }
        asked
    }

    /// About what an event costs because of this probe, in thousandths of trying a rule: looking for it, and trying the rule where it
    /// hits.
    fn cost(&self, probe: &Probe) -> usize {
        const TRYING: usize = 1_000;
        /// A field has values that no rule asks for, the more so where few ask for any.
        const UNASKED: usize = 4;
        // The shorter a part is, the more texts have it by chance.
        let of_part = |length: usize| 10 + TRYING * 4 / (1 << length.min(10));
        match probe {
            Probe::Text(field, _) | Probe::Number(field, _) => {
                let all = self.fields.get(field).copied().unwrap_or(1) + UNASKED;
                TRYING * self.probes.get(probe).copied().unwrap_or(1) / all
            }
            Probe::Part(_, part) => of_part(part.len()),
            Probe::Present(_) => TRYING,
            // A pass over the whole line.
            Probe::Anywhere(part) => 3 * TRYING + of_part(part.len()),
        }
    }
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
pub(super) fn necessary(rule: &DetectionRule, asked: &Asked) -> Option<Vec<Probe>> {
    let chosen = of_condition(rule, &rule.condition, asked);
    chosen.filter(|probes| probes.len() <= MOST_PROBES)
}

fn of_condition(rule: &DetectionRule, condition: &Condition, asked: &Asked) -> Option<Vec<Probe>> {
    match condition {
        Condition::Selection(index) => {
            let alternatives = rule.selections[*index].alternatives.iter();
            let sets = alternatives
                .map(|items| cheapest(items.iter().filter_map(|item| of_item(item, asked)), asked));
            union(sets)
        }
        Condition::All(parts) => cheapest(
            parts.iter().filter_map(|part| of_condition(rule, part, asked)),
            asked,
        ),
        Condition::Any(parts) => union(parts.iter().map(|part| of_condition(rule, part, asked))),
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

fn cheapest(sets: impl Iterator<Item = Vec<Probe>>, asked: &Asked) -> Option<Vec<Probe>> {
    sets.min_by_key(|set| set.iter().map(|probe| asked.cost(probe)).sum::<usize>())
}

fn of_item(item: &Item, asked: &Asked) -> Option<Vec<Probe>> {
    if item.negated {
        return None;
    }
    let mut sets = item.tests.iter().map(|test| of_test(item.field, test));
    if item.all {
        return cheapest(sets.flatten(), asked);
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
        (Test::Regex(expression), _) => {
            let required = literals::required(expression.as_str());
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
