//! Counting over event time, one group of one rule at a time.
//!
//! A window is a timespan that ends with an event: `(t − timespan, t]`. A threshold that is reached opens a detection with the
//! events of that window; every further event of the group that is no more than a timespan away belongs to the same detection,
//! and after a silence longer than that the next crossing makes a new one. Events may come in any order as long as they are
//! not later than the lateness: a late event is counted in the windows it belongs to.
//!
//! All instants are microseconds since 1970.

mod figures;
mod group;
mod newest;
mod ratio;
mod table;

pub(crate) use figures::{ACTORS_NAMED, Figures, Record, VALUES_COUNTED, hash};
pub(crate) use group::{Group, Open};
pub(crate) use table::{GroupKey, Table};

use crate::sigma::correlation::{Bound, Share};

/// How a rule counts, in numbers.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) decide: Decide,
    /// In microseconds.
    pub(crate) span: i64,
}

/// When a group fires.
#[derive(Debug, Clone)]
pub(crate) enum Decide {
    /// So many events within the span.
    Events(u64),
    /// So many distinct values within the span.
    Values(u64),
    /// When the span has ended, by the number of events.
    EventsAtEnd(Vec<(Bound, u64)>),
    /// When the span has ended, by the number of distinct values.
    ValuesAtEnd(Vec<(Bound, u64)>),
    /// A share of the base within the span.
    Share(Share),
}

impl Decide {
    /// Whether it is decided when the span has ended, rather than when a threshold is crossed.
    pub(crate) fn at_end(&self) -> bool {
        matches!(self, Self::EventsAtEnd(_) | Self::ValuesAtEnd(_))
    }
}

/// How near its threshold a group is, in thousandths; [`OPEN`] once it fired.
pub(crate) type Progress = u32;

/// The progress of a group that fired: such groups are forgotten last.
pub(crate) const OPEN: Progress = u32::MAX;

/// `count` of `threshold` in thousandths.
pub(crate) fn progress(count: u64, threshold: u64) -> Progress {
    let thousandths = count.saturating_mul(1000) / threshold.max(1);
    Progress::try_from(thousandths).unwrap_or(1000).min(1000)
}
