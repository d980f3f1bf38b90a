//! A bucket that leaks and overflows (`leaky_bucket`).
//!
//! Each event pours one; the level falls by one every `leak`. When the level exceeds the capacity the bucket is dropped, a detection
//! is made, and the group is mute for a while: what it does then is counted in that detection and makes no other. A bucket that
//! leaked empty is gone, with the values it knew. Levels are kept in microseconds of leaking, so that nothing is rounded.

use super::cause::Cause;
use super::decider::Decider;
use super::fold::Fold;
use super::level::Level;
use super::replay::{Arrived, Crossing, Replay, Step, Verdict};
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use crate::sigma::correlation::Bucket;
use serde::{Deserialize, Serialize};

/// How many distinct values a bucket knows; beyond this and its capacity all but the newest hundreds are forgotten, and would be
/// poured again. Only a bucket that is never empty and never full for days comes here.
const VALUES: usize = 4_096;

/// How many detections of one group may wait to be handed out.
const UNTOLD: usize = 256;

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) bucket: Bucket,
}

impl Plan {
    /// The level that must be exceeded, in microseconds of leaking.
    pub(super) fn full(&self) -> i64 {
        let capacity = i64::try_from(self.bucket.capacity).unwrap_or(i64::MAX);
        capacity.saturating_mul(self.bucket.leak)
    }

    /// How many distinct values a bucket knows.
    pub(super) fn values(&self) -> usize {
        let capacity = usize::try_from(self.bucket.capacity).unwrap_or(VALUES);
        VALUES.max(capacity.saturating_add(1_024))
    }

    /// The instant before which what comes belongs to the overflow.
    fn mute_until(&self, crossing: Crossing) -> i64 {
        crossing.at.saturating_add(self.bucket.mute.max(1))
    }
}

/// One group. What is dropped are values that a bucket forgot, and events from before more than a thousand others that came
/// earlier which would have made it overflow in the past.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct LeakyBucket {
    fold: Fold,
    level: Replay<Level>,
}

impl LeakyBucket {
    fn pour(&mut self, plan: &Plan, record: Record, step: Step) {
        let mut overflows = Vec::new();
        let arrived = self.level.add(plan, step, |level, crossing| {
            overflows.push((crossing, level.overflowed));
        });
        let at = record.at;
        self.fold.insert(record);
        match arrived {
            Arrived::InOrder(Verdict::Muted) => self.take_muted(at),
            Arrived::InOrder(_) => {
                if let Some((crossing, level)) = overflows.pop() {
                    self.overflow(plan, crossing, level);
                }
            }
            Arrived::Late(verdict) => {
                self.match_overflows(plan, overflows);
                // An overflow that is settled is not found again: what comes late into its silence is counted here.
                if verdict == Verdict::Muted {
                    self.take_muted(at);
                }
            }
        }
    }

    /// Counts what came while the group is mute into the detection that mutes it.
    fn take_muted(&mut self, at: i64) {
        if let Some(index) = self.mute_at(at) {
            self.fold.take_into(index, at, at);
        }
    }

    /// The detection that mutes the group at `at`.
    fn mute_at(&self, at: i64) -> Option<usize> {
        let mutes = |open: &Open| (open.figures.first_at..mute_until(open)).contains(&at);
        self.fold.opens.iter().rposition(mutes)
    }

    fn overflow(&mut self, plan: &Plan, crossing: Crossing, level: i64) {
        let until = plan.mute_until(crossing);
        let level = thousandths(level, plan.bucket.leak);
        let cause = Cause::Overflow { level, until };
        // Where nothing is handed out while a bucket runs over again and again, the newest detection tells of the rest.
        if self.fold.opens.len() > UNTOLD
            && let Some(newest) = self.fold.opens.len().checked_sub(1)
        {
            self.fold.take_into(newest, crossing.from, until - 1);
            self.fold.opens[newest].cause = cause;
            return;
        }
        // Found late, it has come before events that now fall into its silence.
        self.fold.open_apart(crossing.from, until - 1, cause);
    }

    /// After a late event the buckets overflow elsewhere: each overflow is that of a detection that it overlaps, or that was told
    /// for a later instant, or it is new.
    fn match_overflows(&mut self, plan: &Plan, overflows: Vec<(Crossing, i64)>) {
        let mut matched = vec![false; self.fold.opens.len()];
        let mut unmatched = Vec::new();
        for (crossing, level) in overflows {
            let until = plan.mute_until(crossing);
            let overlaps = |(index, open): &(usize, &Open)| {
                !matched[*index] && open.figures.first_at < until && crossing.from < mute_until(open)
            };
            let found = self
                .fold
                .opens
                .iter()
                .enumerate()
                .find(overlaps)
                .map(|(index, _)| index);
            match found {
                Some(index) => {
                    matched[index] = true;
                    self.move_to(index, plan, crossing);
                }
                None => unmatched.push((crossing, level)),
            }
        }
        let mut new = Vec::new();
        for (crossing, level) in unmatched {
            let later = |(index, open): &(usize, &Open)| !matched[*index] && crossing.at < mute_until(open);
            let found = self
                .fold
                .opens
                .iter()
                .enumerate()
                .find(later)
                .map(|(index, _)| index);
            match found {
                Some(index) => {
                    matched[index] = true;
                    self.move_to(index, plan, crossing);
                }
                None => new.push((crossing, level)),
            }
        }
        for (crossing, level) in new {
            self.overflow(plan, crossing, level);
        }
    }

    /// The overflow that a detection tells of was earlier than thought: it takes what now belongs to it.
    fn move_to(&mut self, index: usize, plan: &Plan, crossing: Crossing) {
        let muted_until = plan.mute_until(crossing);
        self.fold.take_into(index, crossing.from, muted_until - 1);
        if let Cause::Overflow { until, .. } = &mut self.fold.opens[index].cause {
            *until = muted_until;
        }
    }
}

fn mute_until(open: &Open) -> i64 {
    match open.cause {
        Cause::Overflow { until, .. } => until,
        _ => open.figures.last_at,
    }
}

fn thousandths(level: i64, leak: i64) -> u64 {
    u64::try_from(i128::from(level) * 1_000 / i128::from(leak.max(1))).unwrap_or(0)
}

impl Decider for LeakyBucket {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::LeakyBucket(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let Role::Counts(place) = role else {
            return self.progress(plan);
        };
        let at = record.at;
        let mut step = Step::new(at, place);
        step.value = record.value;
        let before = self.fold.opens.len();
        self.pour(plan, record, step);
        if self.fold.opens.len() > before || self.mute_at(at).is_some() {
            OPEN
        } else {
            self.progress(plan)
        }
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        self.level.settle(plan, horizon, |_, _| {});
        let base = &mut self.level.base;
        let dead = base.at.saturating_add(base.level) <= horizon;
        let born = if dead { horizon } else { base.born };
        if dead && base.done_at() <= horizon {
            *base = Level::default();
        }
        self.fold.forget_records(born.min(horizon));
        self.fold
            .opens
            .retain(|open| open.fresh || mute_until(open) >= horizon || open.figures.last_at >= horizon);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        let opens = self
            .fold
            .opens
            .iter()
            .map(|open| mute_until(open).max(open.figures.last_at));
        let level = self.level.with_head(plan, Level::done_at);
        let held = self.level.steps.back().map(|step| step.at);
        let records = self.fold.records.back().map(|record| record.at.max(level));
        let over = opens.max().max(held).max(records);
        // A bucket that is never empty must be looked at too, so that what is settled is forgotten.
        let oldest = [self.fold.oldest(), self.level.oldest()]
            .into_iter()
            .flatten()
            .min();
        let enough = oldest.map(|oldest| oldest.saturating_add(plan.full().saturating_mul(2)));
        [over, enough].into_iter().flatten().min().unwrap_or(i64::MIN)
    }

    fn progress(&self, plan: &Plan) -> Progress {
        if !self.fold.opens.is_empty() {
            return OPEN;
        }
        let level = self.level.with_head(plan, |level| level.level);
        progress(
            u64::try_from(level).unwrap_or(0),
            u64::try_from(plan.full()).unwrap_or(u64::MAX).max(1),
        )
    }

    fn is_empty(&self) -> bool {
        self.fold.is_empty() && self.level.steps.is_empty()
    }

    fn opens(&self) -> &[Open] {
        &self.fold.opens
    }

    fn opens_mut(&mut self) -> &mut [Open] {
        &mut self.fold.opens
    }

    fn records(&self) -> usize {
        self.fold.records.len()
    }

    fn bytes(&self) -> usize {
        self.fold.bytes() + self.level.bytes() + self.level.base.values.len() * 32
    }

    fn rebuild(&mut self) {
        self.fold.rebuild();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.level.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::*;
    use super::*;
    use proptest::prelude::*;

    const LATENESS: i64 = 15;

    fn plan(capacity: u64, leak: i64, mute: i64, distinct: bool) -> Plan {
        Plan {
            bucket: Bucket {
                capacity,
                leak: leak * SECOND,
                distinct: if distinct { vec!["path".into()] } else { Vec::new() },
                mute: mute * SECOND,
            },
        }
    }

    /// The reference: sorted, the level counted from all that was poured since the bucket was born. First and last event, how many,
    /// and those of the time in which the group was mute.
    fn expected(plan: &Plan, events: &[Happened]) -> Vec<(i64, i64, u64)> {
        let mut sorted: Vec<&Happened> = events.iter().collect();
        sorted.sort_by_key(|happened| happened.at);
        let bucket = &plan.bucket;
        let mut found: Vec<(i64, i64, u64)> = Vec::new();
        let mut mute_until = i64::MIN;
        let mut poured: Vec<&Happened> = Vec::new();
        let mut came = 0;
        let level = |poured: &[&Happened], at: i64| {
            let mut level = 0.0;
            let mut before = poured.first().map_or(at, |first| first.at);
            for known in poured {
                level -= (known.at - before) as f64 * SECOND as f64 / bucket.leak as f64;
                level += 1.0;
                before = known.at;
            }
            level - (at - before) as f64 * SECOND as f64 / bucket.leak as f64
        };
        for happened in sorted {
            if happened.at < mute_until {
                let last = found.last_mut().unwrap();
                *last = (last.0, happened.at, last.2 + 1);
                continue;
            }
            if level(&poured, happened.at) <= 1e-9 {
                poured.clear();
                came = 0;
            }
            came += 1;
            let known = poured.iter().any(|known| known.number == happened.number);
            if bucket.distinct.is_empty() || !known {
                poured.push(happened);
            }
            if level(&poured, happened.at) > bucket.capacity as f64 + 1e-9 {
                found.push((poured[0].at, happened.at, came));
                mute_until = happened.at + bucket.mute / SECOND;
                poured.clear();
                came = 0;
            }
        }
        found
    }

    fn told(plan: &Plan, stage: &Stage, events: &[Happened]) -> Vec<(i64, i64, u64)> {
        Rehearsal::<LeakyBucket>::run(plan, stage, events)
            .iter()
            .map(Seen::burst)
            .collect()
    }

    #[test]
    fn a_bucket_of_five_overflows_with_the_sixth_event() {
        let plan = plan(5, 10, 60, false);
        let mut rehearsal = Rehearsal::<LeakyBucket>::new(&plan, &Stage::default());
        for index in 0..5 {
            rehearsal.arrive(index, &Happened::new(0, 0));
        }
        assert!(rehearsal.machine.opens().is_empty());
        assert_eq!(rehearsal.machine.progress(&plan), 1_000);
        rehearsal.arrive(5, &Happened::new(9, 0));
        let until = 69 * SECOND;
        assert_eq!(
            rehearsal.machine.opens()[0].cause,
            Cause::Overflow { level: 5_100, until }
        );
    }

    #[test]
    fn a_mute_group_counts_into_its_detection_and_speaks_again_afterwards() {
        let stage = Stage {
            end: Some(10_000),
            ..Stage::default()
        };
        let flood: Vec<_> = (0..130).map(|at| Happened::new(at, 0)).collect();
        assert_eq!(
            told(&plan(5, 10, 60, false), &stage, &flood),
            [(0, 64, 65), (65, 129, 65)]
        );
    }

    #[test]
    fn a_value_that_the_bucket_holds_is_not_poured() {
        let mut events: Vec<_> = (0..20).map(|at| Happened::new(at, 0)).collect();
        assert_eq!(told(&plan(2, 10, 60, true), &Stage::default(), &events), []);
        events[7].number = 1.0;
        events[8].number = 2.0;
        events[9].number = 3.0;
        let told = told(&plan(2, 10, 60, true), &Stage::default(), &events);
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn a_late_event_makes_the_bucket_overflow_where_it_belongs() {
        let plan = plan(2, 10, 5, false);
        let stage = Stage {
            lateness: LATENESS,
            ..Stage::default()
        };
        let mut rehearsal = Rehearsal::<LeakyBucket>::new(&plan, &stage);
        for (index, at) in [4, 5, 14].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, 0));
        }
        assert!(rehearsal.machine.opens().is_empty());
        rehearsal.arrive(3, &Happened::new(3, 0));
        let told = rehearsal.finish();
        assert_eq!(told.iter().map(Seen::burst).collect::<Vec<_>>(), [(3, 5, 3)]);
    }

    #[test]
    fn an_overflow_that_is_found_late_counts_what_had_come_into_its_silence() {
        let plan = plan(2, 10, 30, false);
        let stage = Stage {
            lateness: LATENESS,
            ..Stage::default()
        };
        let mut rehearsal = Rehearsal::<LeakyBucket>::new(&plan, &stage);
        for (index, at) in [4, 5, 16, 3].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, 0));
        }
        let told = rehearsal.finish();
        assert_eq!(told.iter().map(Seen::burst).collect::<Vec<_>>(), [(3, 16, 4)]);
    }

    #[test]
    fn what_comes_late_into_the_silence_after_a_settled_overflow_is_counted_in_its_detection() {
        let plan = plan(2, 10, 30, false);
        let stage = Stage {
            lateness: LATENESS,
            ..Stage::default()
        };
        let mut rehearsal = Rehearsal::<LeakyBucket>::new(&plan, &stage);
        for (index, at) in [3, 4, 5, 40].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, 0));
        }
        rehearsal.machine.settle(&plan, 25 * SECOND);
        rehearsal.arrive(4, &Happened::new(27, 0));
        let told = rehearsal.finish();
        assert_eq!(told.iter().map(Seen::burst).collect::<Vec<_>>(), [(3, 27, 4)]);
    }

    #[test]
    fn a_bucket_that_never_empties_takes_little_memory() {
        let plan = plan(10, 1, 60, true);
        let mut bucket = LeakyBucket::default();
        for index in 0..20_000 {
            let mut trickle = record(index, &Happened::new(index as i64, 0));
            trickle.value = index as u64;
            bucket.add(&plan, trickle, Role::Counts(0));
            bucket.settle(&plan, index as i64 * SECOND - 3 * SECOND);
            assert!(bucket.opens().is_empty());
        }
        assert!(bucket.bytes() < 300_000, "{} bytes", bucket.bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn in_order_it_tells_what_the_reference_tells(
            mut events in prop::collection::vec(happened(0, 120, places(1)), 1..80),
            stage in stage(0),
            (capacity, leak, mute) in (1..6u64, 1..20i64, 0..30i64),
            distinct: bool,
        ) {
            events.iter_mut().for_each(|happened| happened.number %= 6.0);
            let plan = plan(capacity, leak, mute, distinct);
            prop_assert_eq!(told(&plan, &stage, &events), expected(&plan, &events));
        }

        #[test]
        fn out_of_order_every_overflow_is_told_and_no_event_twice(
            mut events in prop::collection::vec(happened(LATENESS, 200, places(1)), 1..80),
            stage in stage(LATENESS),
            (capacity, leak, mute) in (1..6u64, 1..20i64, 0..30i64),
        ) {
            events.sort_by_key(|happened| happened.at);
            events.dedup_by_key(|happened| happened.at);
            let plan = plan(capacity, leak, mute, false);
            let (told, expected) = (told(&plan, &stage, &events), expected(&plan, &events));
            // What was told cannot be taken back: where late events move overflows forward, a detection may hold events that fill
            // the next bucket too, and then tells of both.
            prop_assert!(told.len() <= expected.len(), "{:?} instead of {:?}", told, expected);
            for overflow in &expected {
                let tells = |told: &&(i64, i64, u64)| told.0 <= overflow.1 && overflow.0 <= told.1;
                prop_assert!(told.iter().any(|told| tells(&told)), "{:?} instead of {:?}", told, expected);
            }
            let counted = told.iter().map(|burst| burst.2).sum::<u64>();
            prop_assert!(counted <= events.len() as u64, "no event is counted in two");
        }
    }
}
