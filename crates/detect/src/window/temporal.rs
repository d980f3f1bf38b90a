//! Events of several rules within a timespan, in any order (`temporal`).
//!
//! Where the condition only asks for events that are there, it fires with the event that makes it true. Where it asks for one that
//! is not there, nobody knows before the timespan has ended: a window then begins with the first event that the condition asks
//! for, and is judged when it has ended.

use super::cause::Cause;
use super::decider::Decider;
use super::fold::Fold;
use super::replay::{Automaton, Replay, Step, Verdict};
use super::tumbling::{Tally, Tumbling};
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use crate::sigma::condition::Condition;
use serde::{Deserialize, Serialize};

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In microseconds.
    pub(crate) span: i64,
    /// Over the places of the rules.
    pub(crate) condition: Condition,
    /// The places whose events speak for the condition.
    asserted: Vec<usize>,
    /// Whether it can only be judged when the timespan has ended.
    at_end: bool,
}

impl Plan {
    pub(crate) fn new(span: i64, condition: Condition) -> Self {
        let mut asserted = Vec::new();
        condition.asserted(&mut asserted);
        let at_end = denies(&condition);
        Self {
            span,
            condition,
            asserted,
            at_end,
        }
    }

    /// Whether it is decided when the span has ended.
    pub(crate) fn at_end(&self) -> bool {
        self.at_end
    }

    fn asks_for(&self, place: u16) -> bool {
        // A condition that only denies has no event to begin with but any.
        self.asserted.is_empty() || self.asserted.contains(&usize::from(place))
    }
}

fn denies(condition: &Condition) -> bool {
    match condition {
        Condition::Selection(_) => false,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(denies),
        Condition::Not(_) => true,
    }
}

/// The newest event of each place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Newest {
    at: Vec<Option<i64>>,
}

impl Newest {
    fn see(&mut self, place: u16, at: i64) {
        let place = usize::from(place);
        if self.at.len() <= place {
            self.at.resize(place + 1, None);
        }
        self.at[place] = self.at[place].max(Some(at));
    }

    fn since(&self, place: usize, from: i64) -> bool {
        self.at.get(place).copied().flatten().is_some_and(|at| at >= from)
    }

    fn places(&self, from: i64) -> Cause {
        let seen = self.at.iter().enumerate().filter_map(|(place, at)| {
            let at = at.filter(|at| *at >= from)?;
            Some((u16::try_from(place).ok()?, at))
        });
        Cause::Places(seen.collect())
    }

    /// How many of the places that are asked for were seen.
    fn found(&self, plan: &Plan, from: i64) -> u64 {
        plan.asserted
            .iter()
            .filter(|place| self.since(**place, from))
            .count() as u64
    }

    fn holds(&self, plan: &Plan, from: i64) -> bool {
        plan.condition.holds(&mut |place| self.since(place, from))
    }
}

impl Automaton for Newest {
    type Plan = Plan;

    fn tie(_: &Step) -> (bool, u16) {
        (false, 0)
    }

    fn step(&mut self, plan: &Plan, step: &Step, _: &mut u64) -> Verdict {
        self.see(step.place, step.at);
        let from = step.at - plan.span + 1;
        if self.holds(plan, from) {
            Verdict::Fired { from }
        } else {
            Verdict::Counted
        }
    }

    /// A window that holds an event between two of its kind that are no more than a timespan apart also holds one of the two.
    fn needless<'s>(
        &self,
        plan: &Plan,
        step: &Step,
        mut before: impl Iterator<Item = &'s Step>,
        mut after: impl Iterator<Item = &'s Step>,
    ) -> bool {
        let same = |known: &&Step| known.place == step.place;
        let known = self.at.get(usize::from(step.place)).copied().flatten();
        let earlier = before.find(same).map(|known| known.at).or(known);
        let later = after.find(same).map(|known| known.at);
        earlier
            .zip(later)
            .is_some_and(|(earlier, later)| later - earlier <= plan.span)
    }

    fn behind(&mut self, _: &Plan, step: &Step) -> Option<Verdict> {
        self.see(step.place, step.at);
        Some(Verdict::Counted)
    }
}

impl Tally for Newest {
    type Plan = Plan;
    type Item = u16;

    fn new(_: &Plan) -> Self {
        Self::default()
    }

    fn begins(plan: &Plan, place: &u16) -> bool {
        plan.asks_for(*place)
    }

    fn add(&mut self, _: &Plan, at: i64, place: u16) {
        self.see(place, at);
    }

    fn bytes(&self) -> usize {
        self.at.len() * size_of::<Option<i64>>()
    }
}

/// One group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Temporal {
    fold: Fold,
    at_once: Replay<Newest>,
    at_end: Tumbling<Newest, u16>,
}

impl Temporal {
    fn judge(&mut self, plan: &Plan, horizon: i64) {
        let Self { fold, at_end, .. } = self;
        at_end.settle(plan, plan.span, horizon, |start, newest| {
            if newest.holds(plan, start) {
                fold.open_or_follow(start, plan.span, newest.places(start));
            }
            fold.forget(start + plan.span, i64::MIN);
        });
    }

    fn settle_at_end(&mut self, plan: &Plan, horizon: i64) {
        self.judge(plan, horizon);
        // What is denied means nothing before the window that it could spoil.
        let next = self.at_end.next_start(plan).unwrap_or(i64::MAX);
        self.fold.forget(next.min(horizon), horizon - plan.span * 2);
    }
}

impl Decider for Temporal {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::Temporal(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let Role::Counts(place) = role else {
            return self.progress(plan);
        };
        let at = record.at;
        if plan.at_end {
            self.at_end.add(plan, plan.span, at, place);
            self.fold.insert(record);
            while let Some(horizon) = self.at_end.overfull(plan, plan.span) {
                self.judge(plan, horizon);
            }
            return self.progress(plan);
        }
        let mut open = self.fold.put(record, plan.span);
        let Self { fold, at_once, .. } = self;
        at_once.add(plan, Step::new(at, place), |newest, crossing| {
            if fold.touching(crossing.at, plan.span).is_none() {
                open |= fold.open(
                    crossing.from,
                    crossing.at,
                    plan.span,
                    newest.places(crossing.from),
                );
            }
        });
        if open { OPEN } else { self.progress(plan) }
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        if plan.at_end {
            self.settle_at_end(plan, horizon);
            return;
        }
        self.at_once.settle(plan, horizon, |_, _| {});
        self.fold.forget(horizon - plan.span + 1, horizon - plan.span);
        if self.fold.is_empty() && self.at_once.steps.is_empty() {
            self.at_once.clear();
        }
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        if !plan.at_end {
            return self.fold.due_after(plan.span, self.at_once.oldest());
        }
        let next = self.at_end.next_start(plan).map(|start| start + plan.span - 1);
        let denied = self.at_end.last_waiting();
        let over = self
            .fold
            .opens
            .iter()
            .map(|open| open.figures.last_at + plan.span * 2);
        next.or(denied).or(over.max()).unwrap_or(i64::MIN)
    }

    fn progress(&self, plan: &Plan) -> Progress {
        if !self.fold.opens.is_empty() {
            return OPEN;
        }
        let needed = plan.asserted.len() as u64;
        if plan.at_end {
            let found = self
                .at_end
                .current()
                .map_or(0, |newest| newest.found(plan, i64::MIN));
            return progress(found, needed);
        }
        let from = self.fold.last_at().unwrap_or(i64::MIN + plan.span) - plan.span + 1;
        progress(
            self.at_once.with_head(plan, |newest| newest.found(plan, from)),
            needed,
        )
    }

    fn is_empty(&self) -> bool {
        self.fold.is_empty() && self.at_once.steps.is_empty() && self.at_end.is_empty()
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
        self.fold.bytes() + self.at_once.bytes() + self.at_end.bytes() + self.at_once.base.at.len() * 32
    }

    fn rebuild(&mut self) {
        self.fold.rebuild();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.at_once.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cause::Cause;
    use super::super::rehearsal::*;
    use super::*;
    use crate::sigma::condition;
    use proptest::prelude::*;

    const SPAN: i64 = 10;
    const LATENESS: i64 = 15;

    fn plan(text: &str) -> Plan {
        let names = ["a", "b", "c"].map(String::from);
        Plan::new(SPAN * SECOND, condition::parse(text, &names).unwrap())
    }

    fn holds(plan: &Plan, window: &[&Happened]) -> bool {
        plan.condition.holds(&mut |place| {
            window
                .iter()
                .any(|known| known.role == Role::Counts(place as u16))
        })
    }

    /// The reference for conditions with `not`: sorted, windows that begin with what is asked for.
    fn judged(plan: &Plan, events: &[Happened]) -> Vec<(i64, i64, u64)> {
        let mut sorted: Vec<&Happened> = events.iter().collect();
        sorted.sort_by_key(|happened| happened.at);
        let mut found: Vec<(i64, i64, u64)> = Vec::new();
        let mut rest = sorted.as_slice();
        while let [first, others @ ..] = rest {
            let Role::Counts(place) = first.role else { panic!() };
            // Among events of one instant order means nothing.
            let begins = rest
                .iter()
                .take_while(|known| known.at == first.at)
                .any(|known| matches!(known.role, Role::Counts(place) if plan.asks_for(place)));
            if !begins && !plan.asks_for(place) {
                rest = others;
                continue;
            }
            let length = rest.iter().filter(|known| known.at < first.at + SPAN).count();
            let window;
            (window, rest) = rest.split_at(length);
            if !holds(plan, window) {
                continue;
            }
            let last = window[length - 1].at;
            match found.last_mut().filter(|seen| first.at <= seen.1 + SPAN) {
                Some(seen) => (seen.1, seen.2) = (last, seen.2 + length as u64),
                None => found.push((first.at, last, length as u64)),
            }
        }
        found
    }

    #[test]
    fn all_three_kinds_within_the_timespan_fire_with_the_third() {
        let plan = plan("a and b and c");
        let mut rehearsal = Rehearsal::<Temporal>::new(&plan, &Stage::default());
        for (index, (at, place)) in [(0, 2), (4, 0), (5, 0)].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, place));
        }
        assert!(rehearsal.machine.opens().is_empty());
        assert_eq!(rehearsal.machine.progress(&plan), 666);
        rehearsal.arrive(3, &Happened::new(9, 1));
        let open = &rehearsal.machine.opens()[0];
        assert_eq!(open.figures.events, 4);
        let places = vec![(0, 5 * SECOND), (1, 9 * SECOND), (2, 0)];
        assert_eq!(open.cause, Cause::Places(places));
    }

    #[test]
    fn what_is_a_timespan_old_does_not_count() {
        let plan = plan("a and b");
        let events = [Happened::new(0, 0), Happened::new(10, 1)];
        assert_eq!(Rehearsal::<Temporal>::run(&plan, &Stage::default(), &events), []);
        let events = [Happened::new(0, 0), Happened::new(9, 1)];
        let told = Rehearsal::<Temporal>::run(&plan, &Stage::default(), &events);
        assert_eq!(told[0].burst(), (0, 9, 2));
    }

    #[test]
    fn what_is_missing_is_only_known_when_the_timespan_has_ended() {
        let plan = plan("a and not b");
        let mut rehearsal = Rehearsal::<Temporal>::new(&plan, &Stage::default());
        rehearsal.arrive(0, &Happened::new(0, 0));
        rehearsal.pass(9 * SECOND);
        assert!(rehearsal.machine.opens().is_empty());
        rehearsal.pass(10 * SECOND);
        assert_eq!(rehearsal.finish()[0].burst(), (0, 0, 1));
    }

    #[test]
    fn what_must_be_missing_spoils_only_the_window_it_comes_in() {
        let plan = plan("a and not b");
        let events = [(0, 0), (9, 1), (12, 1), (21, 0)].map(|(at, place)| Happened::new(at, place));
        let stage = Stage {
            end: Some(1_000),
            ..Stage::default()
        };
        let told = Rehearsal::<Temporal>::run(&plan, &stage, &events);
        // The second window begins at 21, not with what came at 12.
        assert_eq!(told.iter().map(Seen::burst).collect::<Vec<_>>(), [(21, 21, 1)]);
    }

    #[test]
    fn a_flood_of_one_kind_takes_little_memory_and_hides_nothing() {
        let plan = plan("a and b");
        let mut temporal = Temporal::default();
        for index in 0..50_000 {
            let mut flood = record(index, &Happened::new(100, 0));
            flood.at += index as i64;
            temporal.add(&plan, flood, Role::Counts(0));
        }
        assert!(temporal.bytes() < 200_000, "{} bytes", temporal.bytes());
        let mut late = record(50_000, &Happened::new(99, 1));
        late.at += 999_999;
        assert_eq!(temporal.add(&plan, late, Role::Counts(1)), OPEN);
        temporal.opens_mut()[0].figures.read_all();
        assert_eq!(temporal.opens()[0].figures.events, 50_001);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn in_order_it_tells_what_the_reference_tells(
            events in prop::collection::vec(happened(0, 120, places(3)), 1..60),
            stage in stage(0),
            text in prop::sample::select(vec!["a and b and c", "a and (b or c)", "b"]),
        ) {
            let plan = plan(text);
            let told: Vec<_> = Rehearsal::<Temporal>::run(&plan, &stage, &events).iter().map(Seen::burst).collect();
            prop_assert_eq!(told, folded(&events, SPAN, |window| holds(&plan, window)));
        }

        #[test]
        fn out_of_order_the_same_bursts_are_told(
            events in prop::collection::vec(happened(LATENESS, 120, places(3)), 1..60),
            stage in stage(LATENESS),
            text in prop::sample::select(vec!["a and b and c", "a and (b or c)"]),
        ) {
            let plan = plan(text);
            let told = Rehearsal::<Temporal>::run(&plan, &stage, &events);
            assert_same_bursts(&told, &folded(&events, SPAN, |window| holds(&plan, window)), &events, SPAN);
        }

        #[test]
        fn judged_at_the_end_order_does_not_matter_at_all(
            events in prop::collection::vec(happened(LATENESS, 120, places(3)), 1..60),
            stage in stage(LATENESS),
            text in prop::sample::select(vec!["a and not b", "a and (b or not c)", "not c"]),
        ) {
            let plan = plan(text);
            let told: Vec<_> = Rehearsal::<Temporal>::run(&plan, &stage, &events).iter().map(Seen::burst).collect();
            prop_assert_eq!(told, judged(&plan, &events));
        }
    }
}
