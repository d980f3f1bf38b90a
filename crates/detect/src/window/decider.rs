//! A machine that knows what its own kind of rule asks: [`Machine`] with the plan of its kind instead of any.

use super::{Machine, Open, Progress, Record};
use crate::catalog::Role;
use serde::{Serialize, de::DeserializeOwned};

/// The state of one group of a rule of one kind.
pub(crate) trait Decider: Default + Clone + Serialize + DeserializeOwned {
    /// What the rule asks.
    type Plan;

    /// What a rule of this kind asks; None for a rule of another.
    fn asked(plan: &super::Plan) -> Option<&Self::Plan>;

    /// Counts an event that is not yet known; tells how near the threshold the group is.
    fn add(&mut self, plan: &Self::Plan, record: Record, role: Role) -> Progress;

    /// Decides what is certain now and forgets what means nothing any more. `horizon` is the instant before which every event
    /// of the group's sources would be late.
    fn settle(&mut self, plan: &Self::Plan, horizon: i64);

    /// The instant that must have passed before [`Self::settle`] has something to do.
    fn due_after(&self, plan: &Self::Plan) -> i64;

    /// How near the threshold the group is, from what it remembers.
    fn progress(&self, plan: &Self::Plan) -> Progress;

    /// Whether nothing is left to remember.
    fn is_empty(&self) -> bool;

    /// Detections that can still grow, by first event.
    fn opens(&self) -> &[Open];

    /// The same, to be handed out.
    fn opens_mut(&mut self) -> &mut [Open];

    /// How many undecided events it holds.
    fn records(&self) -> usize;

    /// About how much memory it takes beyond its own size, in bytes.
    fn bytes(&self) -> usize;

    /// Makes what is not written down again from what is, after a restart.
    fn rebuild(&mut self) {}

    /// What the bounds on its memory made it drop since the last call; see the kind for what is counted.
    fn take_dropped(&mut self) -> u64;
}

impl<D: Decider> Machine for D {
    fn add(&mut self, plan: &super::Plan, record: Record, role: Role) -> Progress {
        D::asked(plan).map_or(0, |asked| Decider::add(self, asked, record, role))
    }

    fn settle(&mut self, plan: &super::Plan, horizon: i64) {
        if let Some(asked) = D::asked(plan) {
            Decider::settle(self, asked, horizon);
        }
    }

    fn due_after(&self, plan: &super::Plan) -> i64 {
        D::asked(plan).map_or(i64::MIN, |asked| Decider::due_after(self, asked))
    }

    fn is_empty(&self) -> bool {
        Decider::is_empty(self)
    }

    fn opens(&self) -> &[Open] {
        Decider::opens(self)
    }

    fn opens_mut(&mut self) -> &mut [Open] {
        Decider::opens_mut(self)
    }

    fn records(&self) -> usize {
        Decider::records(self)
    }

    fn bytes(&self) -> usize {
        Decider::bytes(self)
    }

    fn take_forgotten(&mut self) -> u64 {
        Decider::take_dropped(self)
    }

    fn rebuild(&mut self, _: &super::Plan) {
        Decider::rebuild(self);
    }
}
