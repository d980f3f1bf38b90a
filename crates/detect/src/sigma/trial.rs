//! How a rule is tried on an event: every test that it says and no other, lists of texts looked for all at once, and what costs least
//! first.
//!
//! What is made here decides about speed alone, and is made when it is first asked for: of thousands of rules few are ever tried. A
//! test compares it with trying every test one after the other.

use super::condition::Condition;
use super::item::{Item, Test};
use super::literals;
use super::rule::{DetectionRule, Selection};
use super::view::{FieldId, Scalar, View, fold};
use aho_corasick::packed::Searcher;
use regex::Regex;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// Fewer texts than this are compared one after the other.
const FEWEST_TOGETHER: usize = 3;

/// A condition that names its selections again and again could become any number of steps; one of more than this is tried as it stands.
const MOST_STEPS: usize = 1 << 16;

/// The lines of a rule in the order in which they are tried, each with where to go on: however a condition nests, trying it is a walk
/// over one list.
#[derive(Debug)]
pub(crate) struct Trial {
    steps: Box<[Step]>,
    first: Next,
}

#[derive(Debug)]
struct Step {
    item: Arc<Item>,
    holds: Next,
    fails: Next,
}

/// The place of a step, or what is decided.
type Next = u32;

/// The event matches.
const MATCHES: Next = u32::MAX;

/// It does not.
const DIFFERS: Next = u32::MAX - 1;

impl Trial {
    /// None where the steps would be too many.
    pub(super) fn of(rule: &DetectionRule) -> Option<Self> {
        let mut plan = Plan {
            selections: &rule.selections,
            costs: rule.selections.iter().map(cost_of_selection).collect(),
            steps: Vec::new(),
        };
        let first = plan.condition(&rule.condition, MATCHES, DIFFERS);
        (plan.steps.len() <= MOST_STEPS).then(|| Self {
            steps: plan.steps.into(),
            first,
        })
    }

    pub(super) fn holds(&self, view: &View<'_>) -> bool {
        let mut next = self.first;
        while let Some(step) = self.steps.get(next as usize) {
            next = if step.item.matches(view) {
                step.holds
            } else {
                step.fails
            };
        }
        next == MATCHES
    }
}

/// Steps are found from the last to the first, since each must know where to go on.
struct Plan<'r> {
    selections: &'r [Selection],
    /// By selection.
    costs: Vec<u32>,
    steps: Vec<Step>,
}

impl Plan<'_> {
    /// Adds the steps of a condition; tells the first of them.
    fn condition(&mut self, condition: &Condition, holds: Next, fails: Next) -> Next {
        match condition {
            Condition::Selection(index) => self.selection(&self.selections[*index], holds, fails),
            Condition::All(parts) => {
                let parts = self.cheapest_first(parts);
                let parts = parts.iter().rev();
                parts.fold(holds, |next, part| self.condition(part, next, fails))
            }
            Condition::Any(parts) => {
                let parts = self.cheapest_first(parts);
                let parts = parts.iter().rev();
                parts.fold(fails, |next, part| self.condition(part, holds, next))
            }
            Condition::Not(part) => self.condition(part, fails, holds),
        }
    }

    fn cheapest_first<'c>(&self, parts: &'c [Condition]) -> Vec<&'c Condition> {
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|part| cost_of_condition(part, &self.costs));
        parts
    }

    fn selection(&mut self, selection: &Selection, holds: Next, fails: Next) -> Next {
        let alternatives = selection.alternatives.iter().rev();
        alternatives.fold(fails, |fails, items| self.items(items, holds, fails))
    }

    fn items(&mut self, items: &[Arc<Item>], holds: Next, fails: Next) -> Next {
        let mut items: Vec<_> = items.iter().collect();
        items.sort_by_key(|item| cost_of_item(item));
        let items = items.into_iter().rev();
        items.fold(holds, |holds, item| {
            if self.steps.len() > MOST_STEPS {
                return holds;
            }
            self.steps.push(Step {
                item: Arc::clone(item),
                holds,
                fails,
            });
            self.steps.len() as Next - 1
        })
    }
}

fn cost_of_condition(condition: &Condition, costs: &[u32]) -> u32 {
    match condition {
        Condition::Selection(index) => costs[*index],
        Condition::All(parts) | Condition::Any(parts) => {
            let costs = parts.iter().map(|part| cost_of_condition(part, costs));
            costs.fold(0, u32::saturating_add)
        }
        Condition::Not(part) => cost_of_condition(part, costs),
    }
}

fn cost_of_selection(selection: &Selection) -> u32 {
    let costs = selection
        .alternatives
        .iter()
        .flatten()
        .map(|item| cost_of_item(item));
    costs.fold(0, u32::saturating_add)
}

/// About how long an item takes, beside that a field is there.
fn cost_of_item(item: &Item) -> u32 {
    let of_test = |test: &Test| match test {
        Test::Null | Test::Exists(_) | Test::Bool(_) | Test::Number(_) => 1,
        Test::Pattern(pattern) if pattern.exact().is_some() => 2,
        Test::Compare(..) => 3,
        Test::Pattern(_) | Test::Network(_) | Test::Field { .. } => 10,
        Test::Time { .. } => 20,
        Test::Regex(_) => 40,
    };
    let costs = item.tests.iter().map(of_test);
    let cost = costs.fold(0, u32::saturating_add);
    if item.field.is_some() {
        cost
    } else {
        // A keyword is looked for in the whole line.
        cost.saturating_mul(100)
    }
}

/// The tests of an item of which one must hold, tried together on each value of its field.
#[derive(Debug)]
pub(super) struct Together {
    /// Whole texts, in lower case.
    whole: HashSet<Box<str>, foldhash::fast::RandomState>,
    /// Texts that stand anywhere in the value, in lower case.
    parts: Option<Searcher>,
    /// The places of the tests that are neither.
    others: Vec<usize>,
}

impl Together {
    /// None where trying one after the other is as good.
    pub(super) fn of(item: &Item) -> Option<Self> {
        if item.all || item.tests.len() < FEWEST_TOGETHER {
            return None;
        }
        let (mut whole, mut parts, mut others) = (HashSet::default(), Vec::new(), Vec::new());
        for (place, test) in item.tests.iter().enumerate() {
            match test {
                Test::Pattern(pattern) if pattern.cased => others.push(place),
                Test::Pattern(pattern) => match (pattern.exact(), pattern.anywhere()) {
                    (Some(text), _) => {
                        whole.insert(text.into());
                    }
                    (None, Some(text)) => parts.push((place, text)),
                    (None, None) => others.push(place),
                },
                _ => others.push(place),
            }
        }
        let searcher = (parts.len() >= FEWEST_TOGETHER)
            .then(|| Searcher::new(parts.iter().map(|(_, text)| text)))
            .flatten();
        if searcher.is_none() {
            others.extend(parts.iter().map(|(place, _)| place));
        }
        (searcher.is_some() || whole.len() >= FEWEST_TOGETHER).then_some(Self {
            whole,
            parts: searcher,
            others,
        })
    }

    pub(super) fn holds(&self, field: FieldId, tests: &[Test], view: &View<'_>) -> bool {
        let found = view.values(field).any(|value| {
            let text = value.lower(view.memory);
            self.whole.contains(text)
                || self
                    .parts
                    .as_ref()
                    .is_some_and(|parts| parts.find(text).is_some())
        });
        found || self.others.iter().any(|place| tests[*place].holds(field, view))
    }
}

/// A regular expression, and what every match of it contains.
#[derive(Debug)]
pub(crate) struct Expression {
    regex: Regex,
    /// Texts in lower case of which a value must contain one: expressions in which case does not matter do not look for them by
    /// themselves.
    required: OnceLock<Option<Searcher>>,
}

impl Expression {
    pub(crate) fn new(regex: Regex) -> Self {
        Self {
            regex,
            required: OnceLock::new(),
        }
    }

    /// The expression as it was compiled.
    pub(crate) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it is found in a text that is no value of a field.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(super) fn is_in_value<'a>(&self, value: &Scalar<'a>, view: &View<'a>) -> bool {
        let required = self.required.get_or_init(|| {
            let texts = literals::required(self.as_str())?;
            Searcher::new(texts.iter().map(|text| fold(text)))
        });
        required
            .as_ref()
            .is_none_or(|required| required.find(value.lower(view.memory)).is_some())
            && self.regex.is_match(value.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::paths::Paths;
    use crate::sigma::view::{Fields, Scratch};
    use proptest::prelude::*;

    proptest! {
        /// What an expression needs is looked for in lower case, and by itself it decides.
        #[test]
        fn an_expression_is_found_in_a_value_just_where_it_matches(
            which in 0..5_usize,
            text in "[aAbBkKsSſ\u{212a}/-]{0,12}(ask|ASK|a/b|Kab)?[abks]{0,3}",
        ) {
            let expression = ["(?i)ask", "[Aa][Ss][Kk]", "a/[^/]*(b|k)", "(?i)(kab|sab)s?", "^(?i:k)ab"][which];
            let regex = Regex::new(expression).unwrap();
            let mut fields = Fields::default();
            let field = fields.id("a");
            let paths = Paths::new([field].into_iter(), &fields);
            let event = serde_json::json!({"a": &text}).to_string();
            let mut scratch = Scratch::default();
            let view = scratch.json(&event, &paths, &fields).unwrap();
            let value = view.single(field).unwrap();
            let found = Expression::new(regex.clone()).is_in_value(value, &view);
            prop_assert_eq!(found, regex.is_match(&text));
        }
    }
}
