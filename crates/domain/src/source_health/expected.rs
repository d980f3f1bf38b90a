//! What is expected of a source: what its configuration says, and otherwise what its kind is like.

use super::Trouble;
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Of which troubles of a source people are told, as the configuration says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceAlerts {
    /// What nobody is told of: `failing`, `losing`, `unreadable`, `behind`, `quiet`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub off: BTreeSet<Trouble>,
    /// How long it may say nothing; judged by its own habit where this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_after: Option<Span>,
    /// How long it may fail, or wait for a file.
    pub failing_after: Span,
    /// How long after it happened an event may be judged; by what its kind is like where this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_after: Option<Span>,
    /// Which share of the lines of a quarter of an hour may be such as no parser can read, from above 0 to 1.
    pub unparsed_share: f64,
    /// After how long people are told again of what stands.
    pub again_after: Span,
}

impl Default for SourceAlerts {
    fn default() -> Self {
        Self {
            off: BTreeSet::new(),
            quiet_after: None,
            failing_after: Span::minutes(10),
            behind_after: None,
            unparsed_share: 0.1,
            again_after: Span::hours(24),
        }
    }
}

/// How long a source may say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// As long as it likes: what it tells is an exception, such as a finding, and none is good news.
    Any,
    /// Hardly longer than it is used to. It is asked for, so it should say something within a day.
    Habit,
    /// The same, from when it first said something: before, nobody uses it yet.
    HabitOnceUsed,
    /// So long.
    AtMost(Span),
}

/// What is expected of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// What nobody is told of.
    pub off: BTreeSet<Trouble>,
    /// How long it may say nothing.
    pub silence: Silence,
    /// How long it may fail, or wait for a file.
    pub failing_after: Span,
    /// How long after it happened an event may be judged.
    pub behind_after: Span,
    /// Which share of its lines may be such as no parser can read.
    pub unparsed_share: f64,
    /// After how long people are told again of what stands.
    pub again_after: Span,
}

impl Expected {
    /// As configured; `silence` and `behind_after` are what the kind is like, for what is left out.
    #[must_use]
    pub fn of(alerts: &SourceAlerts, silence: Silence, behind_after: Span) -> Self {
        Self {
            off: alerts.off.clone(),
            silence: alerts.quiet_after.map_or(silence, Silence::AtMost),
            failing_after: alerts.failing_after,
            behind_after: alerts.behind_after.unwrap_or(behind_after),
            unparsed_share: alerts.unparsed_share,
            again_after: alerts.again_after,
        }
    }
}
