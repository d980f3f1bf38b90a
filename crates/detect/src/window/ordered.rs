//! An event of each rule within a timespan, in the order of the rules (`temporal_ordered`). Events of one instant are in order.

use super::cause::Cause;
use super::decider::Decider;
use super::fold::Fold;
use super::replay::{Automaton, Replay, Step, Verdict};
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use serde::{Deserialize, Serialize};

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In microseconds.
    pub(crate) span: i64,
    /// The longest time between an event and the next in order, in microseconds.
    pub(crate) gap: i64,
    /// How many rules there are.
    pub(crate) places: u16,
}

/// How many events of a chain are told: the newest. Rules with more places than this are decided all the same.
const TOLD: usize = 16;

/// For each place, the best chain of events in order that ends there: the one that began latest.
///
/// The chain that began latest also ended latest, since the events that a later event can follow are themselves later. So it lasts
/// longest under the timespan and the gap, and is called off last, and one chain a place is enough.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Chains {
    /// By place; None where there is no chain.
    began: Vec<Option<i64>>,
    /// By place, the newest instants of its chain, oldest first: [`TOLD`] at most.
    instants: Vec<i64>,
}

impl Chains {
    fn width(plan: &Plan) -> usize {
        usize::from(plan.places).clamp(1, TOLD)
    }

    /// The newest instants of the chain that ends at a place.
    fn told(&self, plan: &Plan, place: usize) -> &[i64] {
        let start = place * Self::width(plan);
        let length = (place + 1).min(Self::width(plan));
        self.instants.get(start..start + length).unwrap_or_default()
    }

    /// Puts an event at the end of the chain of the place before; false if that one is not alive.
    fn extend(&mut self, plan: &Plan, place: usize, at: i64) -> bool {
        let width = Self::width(plan);
        if self.began.len() <= place {
            self.began.resize(place + 1, None);
            self.instants.resize((place + 1) * width, 0);
        }
        let own = place * width;
        let Some(before) = place.checked_sub(1) else {
            self.began[0] = Some(at);
            self.instants[0] = at;
            return true;
        };
        let Some(began) = self.began[before] else {
            return false;
        };
        let told = self.told(plan, before);
        let ended = told.last().copied().unwrap_or(began);
        if at - began >= plan.span || at - ended > plan.gap {
            return false;
        }
        let (length, kept) = (told.len(), told.len().min(width - 1));
        let from = before * width + length - kept;
        self.instants.copy_within(from..from + kept, own);
        self.instants[own + kept] = at;
        self.began[place] = Some(began);
        true
    }

    /// What lies between its first and its last event breaks a chain; what falls on one of the two instants does not.
    fn call_off(&mut self, at: i64) {
        for began in &mut self.began {
            *began = began.filter(|began| *began >= at);
        }
    }

    /// The places of the chain that was just completed.
    pub(super) fn places(&self, plan: &Plan) -> Cause {
        let Some(last) = plan.places.checked_sub(1) else {
            return Cause::None;
        };
        let told = self.told(plan, usize::from(last));
        let first = usize::from(plan.places) - told.len();
        let places = told.iter().enumerate();
        let places = places.filter_map(|(place, at)| Some((u16::try_from(first + place).ok()?, *at)));
        Cause::Places(places.collect())
    }

    /// How many places the longest chain has that is alive at `at`.
    pub(super) fn reached(&self, plan: &Plan, at: i64) -> u64 {
        let alive = |began: &Option<i64>| began.is_some_and(|began| at - began < plan.span);
        self.began
            .iter()
            .rposition(alive)
            .map_or(0, |place| place as u64 + 1)
    }

    pub(super) fn bytes(&self) -> usize {
        self.began.len() * size_of::<Option<i64>>() + self.instants.len() * 8
    }
}

impl Automaton for Chains {
    type Plan = Plan;

    /// First what is in order, then what calls it off.
    fn tie(step: &Step) -> (bool, u16) {
        (step.cancels, step.place)
    }

    fn step(&mut self, plan: &Plan, step: &Step, _: &mut u64) -> Verdict {
        if step.cancels {
            self.call_off(step.at);
            return Verdict::Counted;
        }
        let extended = self.extend(plan, usize::from(step.place), step.at);
        if extended && step.place + 1 == plan.places {
            let from = step.at - plan.span + 1;
            Verdict::Fired { from }
        } else {
            Verdict::Counted
        }
    }

    /// Where it would stand among the others is no longer known.
    fn behind(&mut self, _: &Plan, _: &Step) -> Option<Verdict> {
        None
    }
}

/// One group. What is dropped are events from before more than a thousand others that came earlier, and so could not be put in
/// order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ordered {
    fold: Fold,
    chains: Replay<Chains>,
}

impl Ordered {
    pub(super) fn step(&mut self, plan: &Plan, step: Step) -> bool {
        let Self { fold, chains } = self;
        let mut open = false;
        chains.add(plan, step, |chains, crossing| {
            if fold.touching(crossing.at, plan.span).is_none() {
                open |= fold.open(crossing.from, crossing.at, plan.span, chains.places(plan));
            }
        });
        open
    }
}

impl Decider for Ordered {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::Ordered(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let Role::Counts(place) = role else {
            return self.progress(plan);
        };
        let at = record.at;
        let belongs = self.fold.put(record, plan.span);
        let opened = self.step(plan, Step::new(at, place));
        if belongs || opened {
            OPEN
        } else {
            self.progress(plan)
        }
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        self.chains.settle(plan, horizon, |_, _| {});
        self.fold.forget(horizon - plan.span + 1, horizon - plan.span);
        if self.fold.is_empty() && self.chains.steps.is_empty() {
            self.chains.clear();
        }
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        self.fold.due_after(plan.span, self.chains.oldest())
    }

    fn progress(&self, plan: &Plan) -> Progress {
        if !self.fold.opens.is_empty() {
            return OPEN;
        }
        let at = self.fold.last_at().unwrap_or(i64::MIN / 2);
        let reached = self.chains.with_head(plan, |chains| chains.reached(plan, at));
        progress(reached, u64::from(plan.places))
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
    use super::super::cause::Cause;
    use super::super::rehearsal::*;
    use super::*;
    use proptest::prelude::*;

    const SPAN: i64 = 10;
    const LATENESS: i64 = 15;

    fn plan(places: u16) -> Plan {
        Plan {
            span: SPAN * SECOND,
            gap: SPAN * SECOND,
            places,
        }
    }

    /// Whether the window has an event of each place in order, by trying every one.
    fn in_order(window: &[&Happened], place: u16, places: u16, after: i64) -> bool {
        place == places
            || window.iter().any(|known| {
                known.role == Role::Counts(place)
                    && known.at >= after
                    && in_order(window, place + 1, places, known.at)
            })
    }

    #[test]
    fn the_order_of_the_rules_is_asked_for_and_one_instant_is_in_order() {
        let told = |events: &[(i64, u16)]| {
            let events: Vec<_> = events
                .iter()
                .map(|(at, place)| Happened::new(*at, *place))
                .collect();
            Rehearsal::<Ordered>::run(&plan(2), &Stage::default(), &events).len()
        };
        assert_eq!(told(&[(0, 0), (5, 1)]), 1);
        assert_eq!(told(&[(0, 1), (5, 0)]), 0);
        assert_eq!(told(&[(5, 1), (5, 0)]), 1);
        assert_eq!(told(&[(0, 0), (10, 1)]), 0);
    }

    #[test]
    fn the_first_of_the_order_may_come_late() {
        let plan = plan(3);
        let stage = Stage {
            lateness: LATENESS,
            ..Stage::default()
        };
        let mut rehearsal = Rehearsal::<Ordered>::new(&plan, &stage);
        rehearsal.arrive(0, &Happened::new(9, 2));
        rehearsal.arrive(1, &Happened::new(4, 1));
        assert!(rehearsal.machine.opens().is_empty());
        rehearsal.arrive(2, &Happened::new(1, 0));
        let places = vec![(0, SECOND), (1, 4 * SECOND), (2, 9 * SECOND)];
        assert_eq!(rehearsal.machine.opens()[0].cause, Cause::Places(places));
    }

    #[test]
    fn a_flood_out_of_order_is_bounded_and_what_cannot_be_ordered_is_counted() {
        let plan = plan(3);
        let mut ordered = Ordered::default();
        for index in 0..30_000 {
            // A hundred steps back and forth, in the places that never complete.
            let at = index as i64 + if index % 2 == 0 { 100 } else { 0 };
            let place = (index % 2) as u16;
            let mut flood = record(index, &Happened::new(0, place));
            flood.at = at;
            ordered.add(&plan, flood, Role::Counts(place));
        }
        assert_eq!(ordered.take_dropped(), 0);
        assert!(ordered.bytes() < 300_000, "{} bytes", ordered.bytes());
        ordered.add(&plan, record(30_000, &Happened::new(0, 2)), Role::Counts(2));
        assert_eq!(ordered.take_dropped(), 1);
        let mut last = record(30_001, &Happened::new(0, 2));
        last.at = 30_200;
        assert_eq!(ordered.add(&plan, last, Role::Counts(2)), OPEN);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn in_order_it_tells_what_trying_every_chain_tells(
            events in prop::collection::vec(happened(0, 120, places(3)), 1..60),
            stage in stage(0),
            places in 1..4u16,
        ) {
            let told: Vec<_> = Rehearsal::<Ordered>::run(&plan(places), &stage, &events).iter().map(Seen::burst).collect();
            // Events of one instant are in order however they come: the reference sees them by place.
            let mut sorted = events;
            sorted.sort_by_key(|happened| (happened.at, matches!(happened.role, Role::Counts(place) if place > 0), format!("{:?}", happened.role)));
            let expected = folded(&sorted, SPAN, |window| in_order(window, 0, places, i64::MIN));
            let ends = |bursts: &[(i64, i64, u64)]| bursts.iter().map(|burst| (burst.0, burst.1)).collect::<Vec<_>>();
            prop_assert_eq!(ends(&told), ends(&expected));
        }

        #[test]
        fn out_of_order_the_same_bursts_are_told(
            events in prop::collection::vec(happened(LATENESS, 120, places(3)), 1..60),
            stage in stage(LATENESS),
            places in 2..4u16,
        ) {
            let told = Rehearsal::<Ordered>::run(&plan(places), &stage, &events);
            let expected = folded(&events, SPAN, |window| in_order(window, 0, places, i64::MIN));
            assert_same_bursts(&told, &expected, &events, SPAN);
        }
    }
}
