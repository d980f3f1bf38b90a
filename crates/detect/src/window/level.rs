//! How full a bucket is, event by event.

use super::bucket::Plan;
use super::held::Held;
use super::replay::{Automaton, Step, Verdict};
use serde::{Deserialize, Serialize};

/// A bucket at an instant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Level {
    /// When its level was this.
    pub(super) at: i64,
    /// In microseconds of leaking; 0 is no bucket.
    pub(super) level: i64,
    /// When the first event was poured.
    pub(super) born: i64,
    /// The instant at which the group speaks again.
    mute_until: Option<i64>,
    /// Hashes of the values it holds.
    pub(super) values: Held,
    /// The level at the last overflow.
    pub(super) overflowed: i64,
}

impl Level {
    /// When it will have leaked empty, and the group speaks.
    pub(super) fn done_at(&self) -> i64 {
        self.at
            .saturating_add(self.level)
            .max(self.mute_until.unwrap_or(i64::MIN))
    }

    fn leak(&mut self, at: i64) {
        self.level = (self.level - (at - self.at).max(0)).max(0);
        self.at = self.at.max(at);
        if self.level == 0 {
            self.born = at;
            self.values.clear();
        }
    }
}

impl Automaton for Level {
    type Plan = Plan;

    fn tie(_: &Step) -> (bool, u16) {
        (false, 0)
    }

    fn step(&mut self, plan: &Plan, step: &Step, dropped: &mut u64) -> Verdict {
        if self.mute_until.is_some_and(|until| step.at < until) {
            return Verdict::Muted;
        }
        self.leak(step.at);
        let distinct = !plan.bucket.distinct.is_empty();
        if distinct && !self.values.insert(step.value, plan.values(), dropped) {
            return Verdict::Counted;
        }
        self.level = self.level.saturating_add(plan.bucket.leak);
        if self.level <= plan.full() {
            return Verdict::Counted;
        }
        self.overflowed = self.level;
        self.level = 0;
        self.values.clear();
        self.mute_until = (plan.bucket.mute > 0).then(|| step.at.saturating_add(plan.bucket.mute));
        Verdict::Fired { from: self.born }
    }

    /// Poured as if it had come just now.
    fn behind(&mut self, plan: &Plan, step: &Step) -> Option<Verdict> {
        let now = Step { at: self.at, ..*step };
        // One more than the bucket holds would be an overflow that nobody could be told of: it is left at the brim.
        if self.level + plan.bucket.leak > plan.full() {
            return None;
        }
        Some(self.step(plan, &now, &mut 0))
    }
}
