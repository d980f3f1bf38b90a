//! Correlation rules: counting what detection rules match, by group, within a timespan.
//!
//! `event_count` and `value_count` are Sigma's (specification 2.1, "Correlations"). `ratio` is our own kind in the same shape:
//!
//! ```yaml
//! correlation:
//!   type: ratio
//!   rules: [server_error]     # the matching events
//!   of: [request]             # the base they are a share of; an event that only `rules` matches does not count
//!   group-by: [route]         # may be left out: one group of everything
//!   timespan: 5m
//!   condition:
//!     gte: 0.2                # the share, above 0 and at most 1; `gt` is allowed too
//!     min-events: 100         # low-traffic guard: fewer base events in the timespan never fire
//!     min-matches: 20         # low-traffic guard: nor do fewer matching ones
//! ```
//!
//! `gt` and `gte` alone are decided the moment the threshold is crossed. A condition with `lt`, `lte`, `eq` or `neq` is decided
//! when the timespan that began with a group's first event has ended; a group without any event is not judged.

use super::item::Ordering;
use super::rule::Meta;
use std::collections::BTreeMap;

/// A compiled correlation, still naming the rules it refers to.
#[derive(Debug)]
pub(crate) struct CorrelationRule {
    pub(crate) meta: Meta,
    /// What is counted.
    pub(crate) counting: Counting,
    /// References to the rules whose matches count, each with the line it stands at.
    pub(crate) rules: Vec<(String, usize)>,
    /// For `ratio`: references to the base.
    pub(crate) base: Vec<(String, usize)>,
    pub(crate) group_by: Vec<String>,
    /// Alias, then the rule it holds for, then the field it stands for there.
    pub(crate) aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// In microseconds.
    pub(crate) timespan: i64,
    /// As the rule writes it: `5m`.
    pub(crate) timespan_text: String,
    pub(crate) generate: bool,
}

/// What a correlation counts, and when it fires.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Counting {
    /// At least so many events.
    Events(Threshold),
    /// At least so many distinct values of these fields together.
    Values(Vec<String>, Threshold),
    /// A share of the base.
    Ratio(Share),
}

/// When a count fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Threshold {
    /// As soon as the count is this.
    Reached(u64),
    /// When the timespan has ended and all of these hold.
    AtEnd(Vec<(Bound, u64)>),
}

/// One comparison of a condition that is decided at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Ordered(Ordering),
    Equal,
    NotEqual,
}

impl Bound {
    pub(crate) fn holds(self, found: u64, asked: u64) -> bool {
        match self {
            Self::Ordered(ordering) => ordering.holds(found, asked),
            Self::Equal => found == asked,
            Self::NotEqual => found != asked,
        }
    }

    /// In words, before the number.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Ordered(Ordering::Greater) => "more than",
            Self::Ordered(Ordering::AtLeast) => "at least",
            Self::Ordered(Ordering::Less) => "fewer than",
            Self::Ordered(Ordering::AtMost) => "at most",
            Self::Equal => "exactly",
            Self::NotEqual => "other than",
        }
    }
}

/// When a share fires.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) ordering: Ordering,
    pub(crate) share: f64,
    pub(crate) min_events: u64,
    pub(crate) min_matches: u64,
}

impl Share {
    pub(crate) fn holds(&self, matches: u64, events: u64) -> bool {
        matches >= self.min_matches
            && events >= self.min_events
            && events > 0
            && self.ordering.holds(matches as f64 / events as f64, self.share)
    }
}
