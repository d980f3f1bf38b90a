//! Correlation rules: counting what detection rules match, by group, within a timespan.
//!
//! Sigma's own (specification 2.1, "Correlations"): `event_count`, `value_count`, `value_sum`, `value_avg`, `value_percentile` (of
//! the `percentile` in its condition, 95 unless said), `value_median`, `temporal` and `temporal_ordered`. A `temporal` asks for all
//! of its rules, for so many of them (`condition: {gte: 2}`), or what an expression over their names says
//! (`condition: a and (b or c)`). `rules` may name other correlations: then their detections are counted, and what they can be
//! grouped by is their own `group-by`.
//!
//! Four kinds of our own have the same shape:
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
//! ---
//! correlation:
//!   type: absence             # fires when none of the events came for a timespan
//!   rules: [heartbeat]
//!   group-by: [host]          # may be left out; a group is watched from its first event on
//!   timespan: 15m
//! ---
//! correlation:
//!   type: sequence            # an event of each rule, in the order of `rules`
//!   rules: [sign_in, export, deletion]
//!   group-by: [user]
//!   timespan: 1h              # from the first to the last
//!   gap: 10m                  # from each to the next; the timespan unless said
//!   cancel: [approval]        # an event of these calls the sequence off
//! ---
//! correlation:
//!   type: leaky_bucket        # each event raises the level by one, and it falls by one every `leak`
//!   rules: [failed_sign_in]
//!   group-by: [src_ip]
//!   capacity: 5               # fires when the level exceeds this
//!   leak: 10s
//!   distinct: [user]          # the same values together count once while the bucket holds them; every event unless said
//!   mute: 5m                  # silent for so long after an overflow; not at all unless said
//! ```
//!
//! `gt` and `gte` alone are decided the moment the threshold is crossed. A condition with `lt`, `lte`, `eq` or `neq` is decided
//! when the timespan that began with a group's first event has ended; a group without any event is not judged.

use super::condition::Condition;
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
    /// For `sequence`: references to the rules whose events call it off.
    pub(crate) cancel: Vec<(String, usize)>,
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
    /// Events of several rules within the timespan, in any order; the condition is over the places of `rules`, all of them
    /// unless the rule says otherwise.
    Temporal(Condition),
    /// An event of each rule within the timespan, in the order of `rules`.
    TemporalOrdered,
    /// A figure over the numbers of a field.
    Figure(Figure, String, Vec<(Bound, f64)>),
    /// A share of the base.
    Ratio(Share),
    /// No event for a timespan.
    Absence,
    /// An event of each rule in the order of `rules`, with no more than a gap between neighbours, unless it is called off.
    Sequence(Sequence),
    /// A bucket that leaks and overflows.
    LeakyBucket(Bucket),
}

impl Counting {
    /// The fields whose values it takes, as the rule names them.
    pub(crate) fn fields(&self) -> &[String] {
        match self {
            Self::Values(fields, _) => fields,
            Self::Figure(_, field, _) => std::slice::from_ref(field),
            Self::LeakyBucket(bucket) => &bucket.distinct,
            _ => &[],
        }
    }
}

/// What is made of the numbers of a timespan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    Sum,
    Average,
    Median,
    /// The value that so many percent of the numbers do not exceed, above 0 and at most 100.
    Percentile(f64),
}

/// When a sequence is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// The longest time between an event and the next of the sequence, in microseconds; the timespan unless the rule says less.
    pub(crate) gap: i64,
}

/// A leaky bucket: the level falls by one every `leak`, and each event raises it by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// It overflows when the level exceeds this.
    pub(crate) capacity: u64,
    /// In microseconds.
    pub(crate) leak: i64,
    /// Fields whose values together are poured only once while the bucket holds them; none pours every event.
    pub(crate) distinct: Vec<String>,
    /// For how long a group is silent after an overflow, in microseconds; 0 for not at all.
    pub(crate) mute: i64,
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
