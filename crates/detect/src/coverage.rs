//! Whether rules can ever match what the sources send.
//!
//! Takes the fields that events of each log source were seen to have, and the rules that run; gives for each rule whether some event
//! could satisfy it, and which fields it asks for that no event has. Judges no event, and knows nothing of values: a field that was
//! seen once may hold anything, be absent or be null the next time, so only what never comes counts against a rule.
//!
//! A condition is judged with what could become of each part: a line over a field that never comes is false, `null` and
//! `exists: false` over it are true, and everything else can be either. `1 of selection_*` is therefore satisfiable as long as one of
//! its alternatives is.

use crate::catalog::{Catalog, Correlation, Feed, Role};
use crate::chain::Target;
use crate::engine::DetectorSet;
use crate::fields_seen::{FieldsSeen, Known};
use crate::sigma::condition::Condition;
use crate::sigma::correlation::Counting;
use crate::sigma::item::{Item, Test};
use crate::sigma::rule::{DetectionRule, Selection};
use crate::sigma::view::FieldId;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use watchkeeper_domain::event::LogSource;

/// Whether the sources can satisfy a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Satisfiable {
    /// With the fields seen so far it can match.
    Yes,
    /// There is a source of its log source, whose fields are not known, or not well enough.
    Unknown,
    /// It needs fields that no event of its log source was seen to have.
    FieldsUnseen,
    /// No source gives events of its log source.
    NoLogSource,
}

/// What the sources have for one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCoverage {
    /// The detector's id.
    pub detector: String,
    /// Whether the sources can satisfy it.
    pub satisfiable: Satisfiable,
    /// The fields it names that no event of its log source has, by name: also those that it can do without.
    pub unseen_fields: Vec<String>,
    /// Those of them without which it cannot match; empty where it can.
    pub missing_fields: Vec<String>,
    /// The log sources seen or declared whose events it judges.
    pub log_sources: Vec<LogSource>,
    /// How many events of these log sources came by.
    pub events: u64,
}

impl DetectorSet {
    /// For each rule that runs, in the order of [`Self::detectors`], whether the sources can satisfy it.
    #[must_use]
    pub fn coverage(&self, seen: &FieldsSeen) -> Vec<RuleCoverage> {
        let judge = Judge::new(&self.catalog, seen);
        let mut told: Vec<Option<RuleCoverage>> = self.catalog.detectors.iter().map(|_| None).collect();
        for (index, detector) in self.catalog.detector_of_rule.iter().enumerate() {
            told[*detector] = Some(judge.tell(*detector, judge.rule(index, &[])));
        }
        for (index, correlation) in self.catalog.correlations.iter().enumerate() {
            told[correlation.detector] = Some(judge.tell(correlation.detector, judge.correlation(index)));
        }
        told.into_iter().flatten().collect()
    }
}

/// What can become of a part of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Can {
    hold: bool,
    fail: bool,
}

impl Can {
    const EITHER: Self = Self {
        hold: true,
        fail: true,
    };

    fn only(holds: bool) -> Self {
        Self {
            hold: holds,
            fail: !holds,
        }
    }

    fn turned(self) -> Self {
        Self {
            hold: self.fail,
            fail: self.hold,
        }
    }

    fn be(self, wanted: bool) -> bool {
        if wanted { self.hold } else { self.fail }
    }

    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut can = Self::only(true);
        for part in parts {
            can.hold &= part.hold;
            can.fail |= part.fail;
        }
        can
    }

    fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::all(parts.into_iter().map(Self::turned)).turned()
    }
}

/// The fields of one log source, by the numbers that rules know them by.
struct Present(Vec<bool>);

impl Present {
    fn has(&self, field: FieldId) -> bool {
        self.0.get(field.index()).copied().unwrap_or_default()
    }

    fn test(&self, test: &Test, field: FieldId) -> Can {
        match (test, self.has(field)) {
            (Test::Field { other, .. }, true) if !self.has(*other) => Can::only(false),
            (_, true) => Can::EITHER,
            (Test::Null, false) => Can::only(true),
            (Test::Exists(asked), false) => Can::only(!asked),
            (_, false) => Can::only(false),
        }
    }

    /// Keywords are looked for in the whole event, whatever its fields.
    fn item(&self, item: &Item) -> Can {
        let Some(field) = item.field else {
            return Can::EITHER;
        };
        let tests = item.tests.iter().map(|test| self.test(test, field));
        let can = if item.all {
            Can::all(tests)
        } else {
            Can::any(tests)
        };
        if item.negated { can.turned() } else { can }
    }

    fn items(&self, items: &[Arc<Item>]) -> Can {
        Can::all(items.iter().map(|item| self.item(item)))
    }

    fn selection(&self, selection: &Selection) -> Can {
        Can::any(selection.alternatives.iter().map(|items| self.items(items)))
    }

    /// The unseen fields that keep a condition from being what is wanted.
    fn missing(
        &self,
        rule: &DetectionRule,
        condition: &Condition,
        wanted: bool,
        into: &mut BTreeSet<FieldId>,
    ) {
        match condition {
            Condition::Not(part) => self.missing(rule, part, !wanted, into),
            Condition::Selection(index) => {
                for item in rule.selections[*index].alternatives.iter().flatten() {
                    if !self.item(item).be(wanted) {
                        into.extend(fields_of(item).filter(|field| !self.has(*field)));
                    }
                }
            }
            Condition::All(parts) | Condition::Any(parts) => {
                for part in parts {
                    if !self.condition(rule, part).be(wanted) {
                        self.missing(rule, part, wanted, into);
                    }
                }
            }
        }
    }

    fn condition(&self, rule: &DetectionRule, condition: &Condition) -> Can {
        can(condition, &|index| self.selection(&rule.selections[index]))
    }
}

/// What can become of a condition, by what can become of what it speaks of.
fn can(condition: &Condition, of: &impl Fn(usize) -> Can) -> Can {
    match condition {
        Condition::Selection(index) => of(*index),
        Condition::All(parts) => Can::all(parts.iter().map(|part| can(part, of))),
        Condition::Any(parts) => Can::any(parts.iter().map(|part| can(part, of))),
        Condition::Not(part) => can(part, of).turned(),
    }
}

fn fields_of(item: &Item) -> impl Iterator<Item = FieldId> {
    let others = item.tests.iter().filter_map(|test| match test {
        Test::Field { other, .. } => Some(*other),
        _ => None,
    });
    item.field.into_iter().chain(others)
}

/// What came of a rule, or of what a correlation counts.
#[derive(Debug, Clone, Default)]
struct Verdict {
    satisfiable: Option<Satisfiable>,
    unseen: BTreeSet<String>,
    missing: BTreeSet<String>,
    /// Places of log sources.
    places: BTreeSet<usize>,
}

impl Verdict {
    fn is(&self, wanted: Satisfiable) -> bool {
        self.satisfiable == Some(wanted)
    }

    fn possible(&self) -> bool {
        self.is(Satisfiable::Yes) || self.is(Satisfiable::Unknown)
    }
}

struct Judge<'a> {
    catalog: &'a Catalog,
    seen: &'a FieldsSeen,
    /// For each log source, its fields; none where they are not known.
    sources: Vec<(&'a LogSource, &'a Known, Option<Present>)>,
}

impl<'a> Judge<'a> {
    fn new(catalog: &'a Catalog, seen: &'a FieldsSeen) -> Self {
        let sources = seen.log_sources().map(|(log_source, known)| {
            let present = seen.is_judged(known).then(|| {
                let has = |field| known.has(catalog.fields.name(field));
                Present(catalog.fields.all().map(has).collect())
            });
            (log_source, known, present)
        });
        Self {
            catalog,
            seen,
            sources: sources.collect(),
        }
    }

    fn tell(&self, detector: usize, verdict: Verdict) -> RuleCoverage {
        let sources = verdict.places.iter().map(|place| &self.sources[*place]);
        RuleCoverage {
            detector: self.catalog.detectors[detector].id.clone(),
            satisfiable: verdict.satisfiable.unwrap_or(Satisfiable::NoLogSource),
            events: sources.clone().map(|(_, known, _)| known.events()).sum(),
            log_sources: sources.map(|(log_source, ..)| (*log_source).clone()).collect(),
            unseen_fields: verdict.unseen.into_iter().collect(),
            missing_fields: verdict.missing.into_iter().collect(),
        }
    }

    /// A rule whose matches must also have these fields; it is judged where it fares best, since one event must have them all.
    fn rule(&self, index: usize, counted: &[&String]) -> Verdict {
        let rule = &self.catalog.rules[index];
        let sources = self.sources.iter().enumerate();
        let covered: Vec<_> = sources
            .filter(|(_, (log_source, ..))| rule.log_source.covers(log_source))
            .collect();
        // What was only declared says nothing where events came: a rule for all of a product is judged by those of its services.
        let came = covered.iter().any(|(_, (.., present))| present.is_some());
        let mut places = BTreeSet::new();
        let mut best: Option<Verdict> = None;
        for (place, (_, known, present)) in covered {
            if came && known.events() == 0 {
                continue;
            }
            places.insert(place);
            let verdict = match present {
                Some(present) => self.rule_with(rule, counted, known, present),
                None => Verdict {
                    satisfiable: Some(Satisfiable::Unknown),
                    ..Verdict::default()
                },
            };
            let rank = |verdict: &Verdict| (verdict.satisfiable, verdict.missing.len(), verdict.unseen.len());
            if best.as_ref().is_none_or(|best| rank(&verdict) < rank(best)) {
                best = Some(verdict);
            }
        }
        let mut verdict = best.unwrap_or_else(|| Verdict {
            // Where log sources had to be left out, one of them may be the rule's.
            satisfiable: Some(if self.seen.is_whole() {
                Satisfiable::NoLogSource
            } else {
                Satisfiable::Unknown
            }),
            ..Verdict::default()
        });
        verdict.places = places;
        verdict
    }

    fn rule_with(
        &self,
        rule: &DetectionRule,
        counted: &[&String],
        known: &Known,
        present: &Present,
    ) -> Verdict {
        let name = |field: FieldId| self.catalog.fields.name(field).to_owned();
        let items = rule
            .selections
            .iter()
            .flat_map(|selection| &selection.alternatives);
        let named = items.flatten().flat_map(|item| fields_of(item));
        let mut unseen: BTreeSet<String> = named.filter(|field| !present.has(*field)).map(name).collect();
        let mut missing = BTreeSet::new();
        let holds = present.condition(rule, &rule.condition).hold;
        if !holds {
            let mut fields = BTreeSet::new();
            present.missing(rule, &rule.condition, true, &mut fields);
            missing.extend(fields.into_iter().map(name));
        }
        for field in counted.iter().filter(|field| !known.has(field)) {
            unseen.insert((*field).clone());
            missing.insert((*field).clone());
        }
        let satisfiable = if holds && missing.is_empty() {
            Satisfiable::Yes
        } else {
            Satisfiable::FieldsUnseen
        };
        Verdict {
            satisfiable: Some(satisfiable),
            unseen,
            missing,
            places: BTreeSet::new(),
        }
    }

    fn correlation(&self, index: usize) -> Verdict {
        let correlation = &self.catalog.correlations[index];
        let links = &correlation.links;
        let counts = |(place, target): (usize, &Target)| {
            self.target(
                index,
                *target,
                |role| matches!(role, Role::Counts(at) if usize::from(at) == place),
            )
        };
        let counted: Vec<Verdict> = links.rules.iter().enumerate().map(counts).collect();
        let base: Vec<Verdict> = links
            .base
            .iter()
            .map(|target| self.target(index, *target, |role| role == Role::Base))
            .collect();
        let holds = |of: &dyn Fn(&Verdict) -> bool| {
            satisfies(correlation, &counted.iter().map(of).collect::<Vec<_>>())
                && (base.is_empty() || base.iter().any(of))
        };
        let parts = || counted.iter().chain(&base);
        let satisfiable = if holds(&|part| part.is(Satisfiable::Yes)) {
            Satisfiable::Yes
        } else if holds(&Verdict::possible) {
            Satisfiable::Unknown
        } else if parts().any(|part| part.is(Satisfiable::FieldsUnseen)) {
            Satisfiable::FieldsUnseen
        } else {
            Satisfiable::NoLogSource
        };
        let mut verdict = Verdict {
            satisfiable: Some(satisfiable),
            ..Verdict::default()
        };
        for part in parts() {
            verdict.unseen.extend(part.unseen.iter().cloned());
            verdict.places.extend(&part.places);
            if !verdict.possible() {
                verdict.missing.extend(part.missing.iter().cloned());
            }
        }
        verdict
    }

    /// What a correlation counts at one place: a rule, with the fields it is counted by, or another correlation.
    fn target(&self, correlation: usize, target: Target, wanted: impl Fn(Role) -> bool) -> Verdict {
        match target {
            Target::Correlation(inner) => self.correlation(inner),
            Target::Rule(rule) => {
                let feeds = self.catalog.feeds[rule].iter();
                let mut feeds = feeds.filter(|feed| feed.correlation == correlation && wanted(feed.role));
                let fields = |feed: &'a Feed| {
                    let fields = feed.group.iter().chain(&feed.values);
                    fields.map(|field| &field.path).collect::<Vec<_>>()
                };
                self.rule(rule, &feeds.next().map(fields).unwrap_or_default())
            }
        }
    }
}

/// Whether a correlation can fire where only these of its rules can match.
fn satisfies(correlation: &Correlation, possible: &[bool]) -> bool {
    match &correlation.rule.counting {
        Counting::Temporal(condition) => {
            let of = |place: usize| Can {
                hold: possible.get(place).copied().unwrap_or_default(),
                fail: true,
            };
            can(condition, &of).hold
        }
        Counting::TemporalOrdered | Counting::Sequence(_) => possible.iter().all(|possible| *possible),
        _ => possible.iter().any(|possible| *possible),
    }
}
