//! Why a rule does or does not match an event, item by item.
//!
//! Takes a rule that runs and one event; gives a tree that a page or a terminal can show. Every item is judged plainly from the
//! rule's own text, without the index, and nothing of the engine's state is read or changed.

mod judge;

use self::judge::{Judge, not};
use crate::catalog::{Feed, Role};
use crate::chain::Target;
use crate::engine::DetectorSet;
use crate::occurrence::CountedField;
use crate::sigma::correlation::CorrelationRule;
use crate::sigma::rule::{DetectionRule, Meta};
use serde::Serialize;
use watchkeeper_domain::event::{Event, LogSource};

/// What became of one rule and one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The rule's id; its name or title where it has none.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The rule's file.
    pub path: String,
    /// The line its document begins at.
    pub line: usize,
    /// Whether the event matches the rule, or, for a correlation, whether it is counted; for one over correlations, whether one of
    /// those counts it, whose detection would be counted in turn.
    pub holds: bool,
    /// What was judged.
    pub judged: Judged,
}

/// What an explanation is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Judged {
    /// A rule for single events.
    Detection {
        /// Which log source the rule asks for.
        log_source: LogSource,
        /// Whether the event comes from it.
        log_source_covers: bool,
        /// The rule's condition, then those of its filters; all must hold.
        conditions: Vec<NamedVerdict>,
    },
    /// A correlation: what the event is to it, by each rule it refers to.
    Correlation {
        /// The timespan as the rule writes it.
        timespan: String,
        /// What the event is to it.
        rules: Vec<Contribution>,
    },
}

/// One condition, and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedVerdict {
    /// `detection`, `filter` with its id, or `pipeline`.
    pub from: String,
    /// The condition as it is written; empty for what a pipeline adds.
    pub condition: String,
    /// How it came out.
    pub verdict: Verdict,
}

/// How a part of a condition came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether it holds for the event.
    pub holds: bool,
    /// The part.
    pub part: Part,
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Joined by `and`, or `all of`.
    All(Vec<Verdict>),
    /// Joined by `or`, `1 of`, or several conditions.
    Any(Vec<Verdict>),
    /// Turned round by `not`.
    Not(Box<Verdict>),
    /// A selection: its name and its alternatives, one of which must hold.
    Selection {
        /// The selection's name.
        name: String,
        /// The alternatives: a list of maps has several.
        alternatives: Vec<Alternative>,
    },
}

/// Items that must all hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// Whether all of them do.
    pub holds: bool,
    /// The items in the rule's order.
    pub items: Vec<ItemVerdict>,
}

/// One line of a selection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemVerdict {
    /// The key as the rule writes it: `CommandLine|contains|all`; empty for keywords.
    pub key: String,
    /// The line of the file.
    pub line: usize,
    /// Whether the line holds for the event.
    pub holds: bool,
    /// Whether all values must be found, instead of one (modifier `all`).
    pub all: bool,
    /// Whether the outcome is turned round (modifier `neq`).
    pub negated: bool,
    /// The fields of the event that were looked at, pipelines applied; none for keywords.
    pub found: Vec<Found>,
    /// What the rule asks for, value by value.
    pub asked: Vec<Asked>,
}

/// What the event has at a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The field.
    pub field: String,
    /// Whether the field is there at all, be it null.
    pub present: bool,
    /// Its values, cut to what people read; at most twenty.
    pub values: Vec<String>,
    /// Where the field is absent: fields that the event does have and whose names look alike.
    pub similar: Vec<String>,
}

/// One value that the rule asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// The value as the rule writes it.
    pub value: String,
    /// Whether the event has it, before `neq` turns the line round.
    pub holds: bool,
}

/// What the event is to a correlation, by one rule that it refers to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// What a match of the rule means to the correlation.
    pub role: ContributionRole,
    /// The fields it would be grouped by; the names of the inner groups where the rule is a correlation.
    pub group: Vec<FieldValue>,
    /// The fields whose values would be taken.
    pub values: Vec<FieldValue>,
    /// The rule.
    pub explanation: Explanation,
}

/// What a match of a rule means to a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContributionRole {
    /// It counts.
    Counts,
    /// It belongs to the base of a share.
    Base,
    /// It calls a sequence off.
    Cancels,
}

/// A field that a correlation takes from an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldValue {
    /// The name in the correlation: a field or an alias.
    pub name: String,
    /// The field of the event.
    pub field: String,
    /// What the event has there; without it the event is not counted.
    pub value: Option<String>,
}

impl DetectorSet {
    /// Why the rule called `rule` (by id, name or title) does or does not match the event; none where no rule that runs is called
    /// so.
    #[must_use]
    pub fn explain(&self, rule: &str, event: &Event) -> Option<Explanation> {
        let rules = self.catalog.rules.iter().enumerate();
        let rules = rules.map(|(index, rule)| (Target::Rule(index), &rule.meta));
        let correlations = self.catalog.correlations.iter().enumerate();
        let correlations =
            correlations.map(|(index, correlation)| (Target::Correlation(index), &correlation.rule.meta));
        let called = rules
            .chain(correlations)
            .filter_map(|(target, meta)| Some((meta.calling(rule)?, target)));
        let (_, target) = called.min()?;
        Some(self.explain_target(target, event))
    }

    fn explain_target(&self, target: Target, event: &Event) -> Explanation {
        match target {
            Target::Rule(index) => self.explain_rule(&self.catalog.rules[index], event),
            Target::Correlation(index) => self.explain_correlation(index, event),
        }
    }

    fn explain_rule(&self, rule: &DetectionRule, event: &Event) -> Explanation {
        let own = Judge {
            event,
            limits: &self.limits,
            mapping: &rule.shaping.mapping,
        };
        let mut conditions = Vec::new();
        conditions.extend(own.document("detection", "detection", &rule.meta.source, rule.meta.line));
        for added in &rule.shaping.conditions {
            let renamed = rule.shaping.of_added(added);
            let judge = Judge {
                event,
                limits: &self.limits,
                mapping: &renamed.mapping,
            };
            let block = judge.block(added.selection.entries().unwrap_or_default());
            let verdict = Verdict {
                holds: block.holds,
                part: Part::Selection {
                    name: "add_condition".into(),
                    alternatives: vec![block],
                },
            };
            conditions.push(NamedVerdict {
                from: "pipeline".into(),
                condition: String::new(),
                verdict: if added.negated { not(verdict) } else { verdict },
            });
        }
        for (id, source) in &rule.filters {
            conditions.extend(own.document(&format!("filter {id}"), "filter", source, 1));
        }
        let covers = rule.log_source.covers(&event.log_source);
        explanation(
            &rule.meta,
            covers && conditions.iter().all(|named| named.verdict.holds),
            Judged::Detection {
                log_source: rule.log_source.clone(),
                log_source_covers: covers,
                conditions,
            },
        )
    }

    fn explain_correlation(&self, index: usize, event: &Event) -> Explanation {
        let correlation = &self.catalog.correlations[index];
        let mut targets: Vec<Target> = correlation.links.all().collect();
        targets.sort_unstable();
        targets.dedup();
        let mut rules = Vec::new();
        for target in targets {
            let (feeds, inner) = match target {
                Target::Rule(rule) => (&self.catalog.feeds[rule], false),
                Target::Correlation(inner) => (&self.catalog.feeds_of_correlation[inner], true),
            };
            let explained = self.explain_target(target, event);
            for feed in feeds.iter().filter(|feed| feed.correlation == index) {
                rules.push(contribution(
                    &correlation.rule,
                    feed,
                    explained.clone(),
                    event,
                    inner,
                ));
            }
        }
        let counted = |contribution: &Contribution| {
            let mut fields = contribution.group.iter().chain(&contribution.values);
            // Whether a detection has the fields is not known before there is one.
            let is_detection = matches!(contribution.explanation.judged, Judged::Correlation { .. });
            contribution.role == ContributionRole::Counts
                && contribution.explanation.holds
                && (is_detection || fields.all(|field| field.value.is_some()))
        };
        explanation(
            &correlation.rule.meta,
            rules.iter().any(counted),
            Judged::Correlation {
                timespan: correlation.rule.timespan_text.clone(),
                rules,
            },
        )
    }
}

fn explanation(meta: &Meta, holds: bool, judged: Judged) -> Explanation {
    Explanation {
        rule: meta.id.clone(),
        title: meta.title.clone(),
        path: meta.path.clone(),
        line: meta.line,
        holds,
        judged,
    }
}

fn contribution(
    rule: &CorrelationRule,
    feed: &Feed,
    explanation: Explanation,
    event: &Event,
    inner: bool,
) -> Contribution {
    let told = |names: &[String], fields: &[CountedField]| {
        let pairs = names.iter().zip(fields);
        pairs
            .map(|(name, field)| FieldValue {
                name: name.clone(),
                field: field.path.clone(),
                // The groups of a correlation are those of its detections, which one event does not tell.
                value: if inner {
                    None
                } else {
                    judge::single(event, &field.path)
                },
            })
            .collect()
    };
    Contribution {
        role: match feed.role {
            Role::Counts(_) => ContributionRole::Counts,
            Role::Base => ContributionRole::Base,
            Role::Cancels(_) => ContributionRole::Cancels,
        },
        group: told(&rule.group_by, &feed.group),
        values: told(rule.counting.fields(), &feed.values),
        explanation,
    }
}
