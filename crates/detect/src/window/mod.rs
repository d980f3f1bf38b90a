//! Counting over event time, one group of one rule at a time.
//!
//! A window is a timespan that ends with an event: `(t − timespan, t]`. A threshold that is reached opens a detection with the
//! events of that window; every further event of the group that is no more than a timespan away belongs to the same detection,
//! and after a silence longer than that the next crossing makes a new one. Events may come in any order as long as they are
//! not later than the lateness: a late event is counted in the windows it belongs to.
//!
//! Each kind of rule is a [`Machine`]: it is given records and horizons, and keeps opens. It knows nothing of keys, sources,
//! limits, timers or checkpoints. All instants are microseconds since 1970.

pub(crate) mod absence;
mod at_end;
pub(crate) mod bucket;
mod cause;
mod chunked;
mod counted;
mod decider;
mod digest;
mod event_id;
mod figures;
mod fold;
mod group;
mod held;
mod key;
mod level;
pub(crate) mod numbers;
mod open;
pub(crate) mod ordered;
mod pile;
mod ratio;
mod record;
#[cfg(test)]
mod rehearsal;
mod replay;
pub(crate) mod sequence;
mod sharded;
mod slab;
mod sliding;
mod small;
mod state;
mod steps;
mod table;
pub(crate) mod temporal;
mod tenants;
mod tumbling;
mod values;

pub(crate) use cause::Cause;
pub(crate) use chunked::{Chunked, Timed};
pub(crate) use figures::{ACTORS_NAMED, Figures, VALUES_COUNTED};
pub(crate) use group::Group;
pub(crate) use key::GroupKey;
pub(crate) use open::Open;
pub(crate) use pile::Pile;
pub(crate) use record::{Facts, Line, Name, Names, Record, Value, cut};
pub(crate) use sharded::Sharded;
pub(crate) use small::{put_number, take_bytes, take_number};
pub(crate) use state::GroupState;
pub(crate) use table::{Rank, Restored, Table};
pub(crate) use tenants::TenantShare;

use crate::catalog::Role;
use crate::sigma::correlation::{Bound, Figure, Share};

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
    /// Events of several rules, in any order.
    Temporal(temporal::Plan),
    /// Events of several rules, in their order.
    Ordered(ordered::Plan),
    /// The same, with gaps and with what calls it off.
    Sequence(sequence::Plan),
    /// A figure of numbers.
    Numbers(numbers::Plan),
    /// Nothing for a span.
    Absence(absence::Plan),
    /// A bucket that leaks.
    LeakyBucket(bucket::Plan),
}

impl Decide {
    /// Whether it is decided when the span has ended, rather than when a threshold is crossed.
    pub(crate) fn at_end(&self) -> bool {
        match self {
            Self::EventsAtEnd(_) | Self::ValuesAtEnd(_) => true,
            Self::Temporal(plan) => plan.at_end(),
            Self::Numbers(plan) => plan.at_end(),
            _ => false,
        }
    }

    /// Whether it is a figure of the events there are, rather than a bound that too few or too many of them must keep.
    pub(crate) fn tells_of_what_is_there(&self) -> bool {
        matches!(self, Self::Numbers(plan) if plan.figure != Figure::Sum)
    }

    /// Whether it counts a base, and of that what matches too.
    pub(crate) fn has_base(&self) -> bool {
        matches!(self, Self::Share(_))
    }

    /// Whether it matters by which of the rule's references an event came: it is then counted once for each.
    pub(crate) fn tells_roles_apart(&self) -> bool {
        matches!(self, Self::Temporal(_) | Self::Ordered(_) | Self::Sequence(_))
    }

    /// Whether it makes figures of numbers.
    pub(crate) fn counts_numbers(&self) -> bool {
        matches!(self, Self::Numbers(_))
    }
}

/// The state of one group of one rule. Everything costs the same whatever was sent before: no call may take time in proportion
/// to what the group holds, unless the plan bounds that to some ten thousand.
pub(crate) trait Machine {
    /// Counts an event that is not yet known; `role` says by which of the rule's references. Events come in any order, but none
    /// before the last horizon. Tells how near the threshold the group is now, [`OPEN`] where the event belongs to a detection.
    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress;

    /// Decides what has ended and forgets what no event can touch any more: none before `horizon` will come. An open detection
    /// stays while it is fresh, since it must be handed out first; one that is over and not fresh goes.
    fn settle(&mut self, plan: &Plan, horizon: i64);

    /// The instant that the horizon must have passed before [`Self::settle`] has something to do; `i64::MIN` for at once.
    fn due_after(&self, plan: &Plan) -> i64;

    /// Whether nothing is left to remember.
    fn is_empty(&self) -> bool;

    /// Detections that can still grow.
    fn opens(&self) -> &[Open];

    /// The same, to hand them out.
    fn opens_mut(&mut self) -> &mut [Open];

    /// How many undecided events it holds.
    fn records(&self) -> usize;

    /// Bytes it takes beyond the struct itself: a sum that is kept, not counted anew.
    fn bytes(&self) -> usize;

    /// How many undecided events were forgotten since the last call because the group held too many.
    fn take_forgotten(&mut self) -> u64 {
        0
    }

    /// Makes what is not written down again from what is, after a restart.
    fn rebuild(&mut self, _plan: &Plan) {}
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

/// How many undecided events a group holds at most where it needs `count` of them to decide: enough to decide every window
/// that can still change. The bound keeps each event's cost bounded too.
pub(crate) fn enough(count: u64) -> usize {
    usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(4)
        .saturating_add(1_024)
}
