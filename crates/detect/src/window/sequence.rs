//! An event of each rule in the order of the rules, each no more than a gap after the one before, unless an event of another
//! rule calls it off in between (`sequence`).
//!
//! A sequence that cannot be called off fires with its last event. One that can fires once nothing can come from before its last
//! event any more: an event that calls it off may be late, and what was told cannot be untold.

use super::decider::Decider;
use super::fold::Fold;
use super::ordered::{self, Chains};
use super::replay::{Crossing, Replay, Step};
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use serde::{Deserialize, Serialize};

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) order: ordered::Plan,
    /// Whether there are rules that call it off.
    pub(crate) cancels: bool,
}

/// One group. What is dropped are events from before more than a thousand others that came earlier, and so could not be put in
/// order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sequence {
    fold: Fold,
    chains: Replay<Chains>,
    /// The earliest held event that may complete a sequence.
    completing: Option<i64>,
    /// One more than the highest place among held events.
    highest: u16,
}

impl Sequence {
    fn step(&mut self, plan: &Plan, step: Step) {
        let Self { fold, chains, .. } = self;
        let order = &plan.order;
        let mut open = |chains: &Chains, crossing: Crossing| {
            if fold.touching(crossing.at, order.span).is_none() {
                fold.open(crossing.from, crossing.at, order.span, chains.places(order));
            }
        };
        if plan.cancels {
            chains.hold(step);
            chains.bound(order, open);
            if !step.cancels {
                self.highest = self.highest.max(step.place + 1);
            }
            if completes(plan, &step) {
                self.completing = Some(self.completing.map_or(step.at, |known| known.min(step.at)));
            }
            self.look_for_completing(plan);
        } else {
            chains.add(order, step, &mut open);
        }
    }

    /// Looks anew for the earliest event that may complete a sequence once nothing can come before it.
    fn look_for_completing(&mut self, plan: &Plan) {
        let oldest = self.chains.oldest();
        let gone = |at: i64| oldest.is_none_or(|oldest| at < oldest);
        if self.completing.is_some_and(gone) {
            let last = |step: &&Step| completes(plan, step);
            self.completing = self.chains.steps.iter().find(last).map(|step| step.at);
        }
        if oldest.is_none() {
            self.highest = 0;
        }
    }
}

fn completes(plan: &Plan, step: &Step) -> bool {
    !step.cancels && step.place + 1 == plan.order.places
}

impl Decider for Sequence {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::Sequence(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let mut step = Step::new(record.at, 0);
        let mut belongs = false;
        match role {
            Role::Counts(place) => {
                step.place = place;
                belongs = self.fold.put(record, plan.order.span);
            }
            Role::Cancels(place) => {
                step.place = place;
                step.cancels = true;
            }
            Role::Base => return self.progress(plan),
        }
        let before = self.fold.opens.len();
        self.step(plan, step);
        if belongs || self.fold.opens.len() > before {
            OPEN
        } else {
            self.progress(plan)
        }
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        let order = &plan.order;
        let Self { fold, chains, .. } = self;
        chains.settle(order, horizon, |chains, crossing| {
            if plan.cancels && fold.touching(crossing.at, order.span).is_none() {
                fold.open(crossing.from, crossing.at, order.span, chains.places(order));
            }
        });
        fold.forget(horizon - order.span + 1, horizon - order.span);
        if fold.is_empty() && chains.steps.is_empty() {
            chains.clear();
        }
        self.look_for_completing(plan);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        self.completing
            .unwrap_or_else(|| self.fold.due_after(plan.order.span, self.chains.oldest()))
    }

    fn progress(&self, plan: &Plan) -> Progress {
        if !self.fold.opens.is_empty() {
            return OPEN;
        }
        let at = self.fold.last_at().unwrap_or(i64::MIN / 2);
        let reached = if plan.cancels {
            // What is held is not in order yet: the places that are there say how near it is.
            u64::from(self.highest).max(self.chains.base.reached(&plan.order, at))
        } else {
            self.chains
                .with_head(&plan.order, |chains| chains.reached(&plan.order, at))
        };
        progress(reached, u64::from(plan.order.places))
    }

    fn is_empty(&self) -> bool {
        self.fold.is_empty() && self.chains.steps.is_empty()
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
        self.fold.bytes() + self.chains.bytes() + self.chains.base.bytes() * 2
    }

    fn rebuild(&mut self) {
        self.fold.rebuild();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.chains.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::*;
    use super::*;
    use proptest::prelude::*;

    const SPAN: i64 = 20;
    const GAP: i64 = 6;
    const LATENESS: i64 = 15;

    fn plan(cancels: bool) -> Plan {
        let order = ordered::Plan {
            span: SPAN * SECOND,
            gap: GAP * SECOND,
            places: 3,
        };
        Plan { order, cancels }
    }

    fn called_off(at: i64) -> Happened {
        Happened {
            role: Role::Cancels(0),
            ..Happened::new(at, 0)
        }
    }

    /// Whether the window ends with the end of a sequence that nothing called off, by trying every one.
    fn complete(window: &[&Happened], chain: &mut Vec<i64>) -> bool {
        if chain.len() == 3 {
            let (began, ended) = (chain[0], chain[2]);
            let newest = window.iter().map(|known| known.at).max();
            return newest == Some(ended)
                && !window.iter().any(|known| {
                    matches!(known.role, Role::Cancels(_)) && began < known.at && known.at < ended
                });
        }
        window.iter().any(|known| {
            let follows = chain
                .last()
                .is_none_or(|last| known.at >= *last && known.at - last <= GAP);
            if known.role != Role::Counts(chain.len() as u16) || !follows {
                return false;
            }
            chain.push(known.at);
            let found = complete(window, chain);
            chain.pop();
            found
        })
    }

    #[test]
    fn a_sequence_fires_unless_something_calls_it_off_in_between() {
        let steps = [(0, 0), (5, 1), (10, 2)].map(|(at, place)| Happened::new(at, place));
        let told = |cancel: i64| {
            let mut events = steps.to_vec();
            events.push(called_off(cancel));
            let stage = Stage {
                end: Some(1_000),
                ..Stage::default()
            };
            events.sort_by_key(|happened| happened.at);
            Rehearsal::<Sequence>::run(&plan(true), &stage, &events).len()
        };
        assert_eq!([0, 1, 5, 9, 10, 11].map(told), [1, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn what_calls_off_may_come_late_since_a_sequence_waits_for_it() {
        let plan = plan(true);
        let stage = Stage {
            lateness: LATENESS,
            end: Some(1_000),
            ..Stage::default()
        };
        let mut rehearsal = Rehearsal::<Sequence>::new(&plan, &stage);
        for (index, (at, place)) in [(0, 0), (5, 1), (10, 2), (20, 0)].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, place));
        }
        assert!(rehearsal.machine.opens().is_empty());
        rehearsal.arrive(4, &called_off(7));
        assert_eq!(rehearsal.finish(), []);
    }

    #[test]
    fn without_anything_to_call_it_off_it_fires_at_once() {
        let plan = plan(false);
        let mut rehearsal = Rehearsal::<Sequence>::new(&plan, &Stage::default());
        for (index, (at, place)) in [(0, 0), (6, 1), (12, 2)].into_iter().enumerate() {
            rehearsal.arrive(index, &Happened::new(at, place));
        }
        assert_eq!(rehearsal.machine.opens().len(), 1);
    }

    #[test]
    fn a_gap_that_is_too_long_breaks_it() {
        let events = [(0, 0), (7, 1), (12, 2)].map(|(at, place)| Happened::new(at, place));
        assert_eq!(
            Rehearsal::<Sequence>::run(&plan(false), &Stage::default(), &events),
            []
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn with_calling_off_order_of_arrival_does_not_matter(
            mut events in prop::collection::vec(happened(LATENESS, 150, places_and_cancels(3)), 1..80),
            stage in stage(LATENESS),
        ) {
            // One instant has one event, so that every order of them is the same.
            events.sort_by_key(|happened| happened.at);
            events.dedup_by_key(|happened| happened.at);
            let told = Rehearsal::<Sequence>::run(&plan(true), &stage, &events);
            let expected = folded(&events, SPAN, |window| complete(window, &mut Vec::new()));
            assert_same_bursts(&told, &expected, &events, SPAN);
        }

        #[test]
        fn without_calling_off_the_same_bursts_are_told(
            events in prop::collection::vec(happened(LATENESS, 150, places(3)), 1..80),
            stage in stage(LATENESS),
        ) {
            let told = Rehearsal::<Sequence>::run(&plan(false), &stage, &events);
            let expected = folded(&events, SPAN, |window| complete(window, &mut Vec::new()));
            assert_same_bursts(&told, &expected, &events, SPAN);
        }
    }
}
