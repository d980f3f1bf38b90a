//! Figures over the numbers of a field within a timespan: sum, average, median and percentile (`value_sum` and its like).
//!
//! A sum that only has to exceed something fires with the event that makes it. Every other figure is only known when the timespan
//! that began with a group's first event has ended.

use super::cause::Cause;
use super::decider::Decider;
use super::digest::{Ranks, Sum};
use super::fold::Fold;
use super::sliding::Sliding;
use super::tumbling::{Tally, Tumbling};
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use crate::sigma::correlation::{Bound, Figure};
use crate::sigma::item::Ordering;
use serde::{Deserialize, Serialize};

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In microseconds.
    pub(crate) span: i64,
    pub(crate) figure: Figure,
    pub(crate) bounds: Vec<(Bound, f64)>,
}

impl Plan {
    /// Whether it is decided when the span has ended.
    pub(crate) fn at_end(&self) -> bool {
        let rising = |bound: &Bound| {
            matches!(
                bound,
                Bound::Ordered(Ordering::Greater) | Bound::Ordered(Ordering::AtLeast)
            )
        };
        self.figure != Figure::Sum || !self.bounds.iter().all(|(bound, _)| rising(bound))
    }

    pub(super) fn holds(&self, found: f64) -> bool {
        self.bounds.iter().all(|(bound, asked)| match bound {
            Bound::Ordered(ordering) => ordering.holds(found, *asked),
            Bound::Equal => found == *asked,
            Bound::NotEqual => found != *asked,
        })
    }

    fn near(&self, found: f64) -> Progress {
        let highest = self
            .bounds
            .iter()
            .map(|(_, asked)| *asked)
            .fold(f64::MIN, f64::max);
        if highest <= 0.0 || found <= 0.0 {
            return 0;
        }
        progress((found / highest * 1_000.0).min(1_000.0) as u64, 1_000)
    }
}

/// The numbers of a window that is judged when it has ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Window {
    count: u64,
    sum: Sum,
    ranks: Ranks,
}

impl Window {
    fn figure(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Sum => Some(self.sum.get()),
            Figure::Average => Some(self.sum.get() / self.count as f64),
            Figure::Median => self.ranks.median(),
            Figure::Percentile(percent) => self.ranks.percentile(percent),
        }
    }
}

impl Tally for Window {
    type Plan = Plan;
    type Item = f64;

    fn new(_: &Plan) -> Self {
        Self::default()
    }

    fn begins(_: &Plan, _: &f64) -> bool {
        true
    }

    fn add(&mut self, plan: &Plan, _: i64, number: f64) {
        self.count += 1;
        self.sum.add(number);
        if matches!(plan.figure, Figure::Median | Figure::Percentile(_)) {
            self.ranks.add(number);
        }
    }

    fn bytes(&self) -> usize {
        self.ranks.bytes()
    }
}

/// One group. What is dropped are numbers too old for a window that could still be completed, where the lateness is much longer
/// than the timespan and events are many; and events without a number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Numbers {
    fold: Fold,
    sliding: Sliding,
    windows: Tumbling<Window, f64>,
    without: u64,
}

impl Numbers {
    fn add_rising(&mut self, plan: &Plan, record: Record, number: f64) -> Progress {
        let at = record.at;
        let belongs = self.fold.put(record, plan.span);
        let crossing = self.sliding.add(plan, at, number);
        if let Some((end, sum)) = crossing {
            match self.fold.touching(end, plan.span) {
                Some(index) => raise(&mut self.fold.opens[index], sum),
                None => {
                    self.fold
                        .open(end - plan.span + 1, end, plan.span, Cause::Number(sum));
                }
            }
            return OPEN;
        }
        if belongs { OPEN } else { self.progress(plan) }
    }

    fn judge(&mut self, plan: &Plan, horizon: i64) {
        let Self { fold, windows, .. } = self;
        windows.settle(plan, plan.span, horizon, |start, window| {
            let figure = window.figure(plan.figure).filter(|figure| plan.holds(*figure));
            if let Some(figure) = figure {
                fold.open_or_follow(start, plan.span, Cause::Number(figure));
            }
            fold.forget(start + plan.span, i64::MIN);
        });
    }
}

/// The highest sum is the one that is told.
fn raise(open: &mut Open, sum: f64) {
    if matches!(open.cause, Cause::Number(known) if sum > known) {
        open.cause = Cause::Number(sum);
        open.fresh = true;
    }
}

impl Decider for Numbers {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::Numbers(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let number = Some(record.number()).filter(|number| number.is_finite());
        let (Role::Counts(_), Some(number)) = (role, number) else {
            self.without += 1;
            return self.progress(plan);
        };
        if !plan.at_end() {
            return self.add_rising(plan, record, number);
        }
        self.windows.add(plan, plan.span, record.at, number);
        self.fold.insert(record);
        while let Some(horizon) = self.windows.overfull(plan, plan.span) {
            self.judge(plan, horizon);
        }
        self.progress(plan)
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        if plan.at_end() {
            self.judge(plan, horizon);
            let next = self.windows.next_start(plan).unwrap_or(i64::MAX);
            self.fold.forget(next.min(horizon), horizon - plan.span * 2);
        } else {
            self.sliding.forget(horizon - plan.span + 1);
            self.fold.forget(horizon - plan.span + 1, horizon - plan.span);
        }
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        if !plan.at_end() {
            let oldest = self.sliding.cells.front().map(|cell| cell.at);
            return self.fold.due_after(plan.span, oldest);
        }
        let next = self.windows.next_start(plan).map(|start| start + plan.span - 1);
        let over = self
            .fold
            .opens
            .iter()
            .map(|open| open.figures.last_at + plan.span * 2);
        next.or(over.max()).unwrap_or(i64::MIN)
    }

    fn progress(&self, plan: &Plan) -> Progress {
        if !self.fold.opens.is_empty() {
            return OPEN;
        }
        if !plan.at_end() {
            return plan.near(self.sliding.newest.get());
        }
        let numbers = self.windows.current().map_or(0, |window| window.count) + self.windows.waiting() as u64;
        progress(numbers.min(999), 1_000)
    }

    fn is_empty(&self) -> bool {
        self.fold.is_empty() && self.windows.is_empty()
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
        self.fold.bytes() + self.sliding.bytes() + self.windows.bytes()
    }

    fn rebuild(&mut self) {
        self.fold.rebuild();
    }

    fn take_dropped(&mut self) -> u64 {
        let dropped = [&mut self.sliding.dropped, &mut self.without];
        dropped.into_iter().map(std::mem::take).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::*;
    use super::*;
    use proptest::prelude::*;

    const SPAN: i64 = 10;
    const LATENESS: i64 = 15;

    fn plan(figure: Figure, bound: Bound, asked: f64) -> Plan {
        Plan {
            span: SPAN * SECOND,
            figure,
            bounds: vec![(bound, asked)],
        }
    }

    const MORE: Bound = Bound::Ordered(Ordering::Greater);
    const LESS: Bound = Bound::Ordered(Ordering::Less);

    fn with_number(at: i64, number: f64) -> Happened {
        Happened {
            number,
            ..Happened::new(at, 0)
        }
    }

    fn sum(window: &[&Happened]) -> f64 {
        window.iter().map(|known| known.number).sum()
    }

    fn naive(figure: Figure, window: &[&Happened]) -> f64 {
        let mut numbers: Vec<f64> = window.iter().map(|known| known.number).collect();
        numbers.sort_by(f64::total_cmp);
        let count = numbers.len();
        match figure {
            Figure::Sum => numbers.iter().sum(),
            Figure::Average => numbers.iter().sum::<f64>() / count as f64,
            Figure::Median if count.is_multiple_of(2) => (numbers[count / 2 - 1] + numbers[count / 2]) / 2.0,
            Figure::Median => numbers[count / 2],
            Figure::Percentile(percent) => {
                let below = |number: f64| numbers.iter().filter(|known| **known <= number).count() as f64;
                let enough = |number: &&f64| below(**number) * 100.0 >= percent * count as f64;
                *numbers.iter().find(enough).unwrap()
            }
        }
    }

    /// The reference for what is judged at the end.
    fn judged(plan: &Plan, events: &[Happened]) -> Vec<((i64, i64, u64), f64)> {
        let mut sorted: Vec<&Happened> = events.iter().collect();
        sorted.sort_by_key(|happened| happened.at);
        let mut found: Vec<((i64, i64, u64), f64)> = Vec::new();
        let mut rest = sorted.as_slice();
        while let Some(first) = rest.first() {
            let length = rest.iter().filter(|known| known.at < first.at + SPAN).count();
            let window;
            (window, rest) = rest.split_at(length);
            let figure = naive(plan.figure, window);
            if !plan.holds(figure) {
                continue;
            }
            let last = window[length - 1].at;
            match found.last_mut().filter(|seen| first.at <= seen.0.1 + SPAN) {
                Some(seen) => *seen = ((seen.0.0, last, seen.0.2 + length as u64), figure),
                None => found.push(((first.at, last, length as u64), figure)),
            }
        }
        found
    }

    #[test]
    fn a_sum_fires_with_the_event_that_exceeds_it_and_tells_the_highest() {
        let plan = plan(Figure::Sum, MORE, 100.0);
        let mut rehearsal = Rehearsal::<Numbers>::new(&plan, &Stage::default());
        rehearsal.arrive(0, &with_number(0, 60.0));
        rehearsal.arrive(1, &with_number(9, 40.0));
        assert!(rehearsal.machine.opens().is_empty());
        assert_eq!(rehearsal.machine.progress(&plan), 1_000);
        rehearsal.arrive(2, &with_number(10, 61.0));
        assert_eq!(rehearsal.machine.opens()[0].cause, Cause::Number(101.0));
        rehearsal.arrive(3, &with_number(11, 10.0));
        rehearsal.arrive(4, &with_number(20, 1.0));
        let told = rehearsal.finish();
        assert_eq!(
            (told[0].burst(), &told[0].cause),
            ((9, 20, 4), &Cause::Number(111.0))
        );
    }

    #[test]
    fn an_average_below_its_bound_is_known_when_the_timespan_has_ended() {
        let plan = plan(Figure::Average, LESS, 5.0);
        let events = [with_number(0, 4.0), with_number(9, 5.0), with_number(10, 100.0)];
        let stage = Stage {
            end: Some(1_000),
            ..Stage::default()
        };
        let told = Rehearsal::<Numbers>::run(&plan, &stage, &events);
        assert_eq!(told[0].cause, Cause::Number(4.5));
        assert_eq!(told.iter().map(Seen::burst).collect::<Vec<_>>(), [(0, 9, 2)]);
    }

    #[test]
    fn a_sum_stays_exact_while_it_slides_over_many_numbers() {
        let plan = plan(Figure::Sum, MORE, 1e18);
        let mut numbers = Numbers::default();
        for index in 0..20_000 {
            let number = if index % 100 == 0 { 1e15 } else { 0.1 };
            let mut flood = record(index, &with_number(0, number));
            flood.at = index as i64 * SECOND / 10;
            numbers.add(&plan, flood, Role::Counts(0));
            numbers.settle(&plan, index as i64 * SECOND / 10 - SECOND);
        }
        let exact = 1e15 + 99.0 * 0.1;
        assert!((numbers.sliding.newest.get() - exact).abs() < 1e-6 * exact.abs().sqrt());
    }

    #[test]
    fn a_crowded_sum_is_bounded_and_reaches_back_a_256th_too_far_at_most() {
        let plan = plan(Figure::Sum, MORE, 1e9);
        let mut numbers = Numbers::default();
        for index in 0..40_000 {
            let mut flood = record(index, &with_number(0, 1.0));
            flood.at = index as i64 * 1_000;
            numbers.add(&plan, flood, Role::Counts(0));
            numbers.settle(&plan, index as i64 * 1_000);
        }
        assert!(numbers.bytes() < 200_000, "{} bytes", numbers.bytes());
        let sum = numbers.sliding.newest.get();
        assert!(
            (10_000.0..=10_000.0 * (1.0 + 1.0 / 256.0) + 1.0).contains(&sum),
            "{sum}"
        );
        assert_eq!(numbers.take_dropped(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn in_order_a_sum_tells_what_the_reference_tells(
            events in prop::collection::vec(happened(0, 120, places(1)), 1..60),
            stage in stage(0),
            asked in 1..300i32,
        ) {
            let plan = plan(Figure::Sum, MORE, f64::from(asked));
            let told: Vec<_> = Rehearsal::<Numbers>::run(&plan, &stage, &events).iter().map(Seen::burst).collect();
            prop_assert_eq!(told, folded(&events, SPAN, |window| sum(window) > f64::from(asked)));
        }

        #[test]
        fn out_of_order_the_same_bursts_are_told(
            events in prop::collection::vec(happened(LATENESS, 120, places(1)), 1..60),
            stage in stage(LATENESS),
            asked in 1..300i32,
        ) {
            let plan = plan(Figure::Sum, MORE, f64::from(asked));
            let told = Rehearsal::<Numbers>::run(&plan, &stage, &events);
            assert_same_bursts(&told, &folded(&events, SPAN, |window| sum(window) > f64::from(asked)), &events, SPAN);
        }

        #[test]
        fn judged_at_the_end_order_does_not_matter_at_all(
            events in prop::collection::vec(happened(LATENESS, 120, places(1)), 1..60),
            stage in stage(LATENESS),
            figure in prop::sample::select(vec![Figure::Sum, Figure::Average, Figure::Median, Figure::Percentile(90.0), Figure::Percentile(7.0)]),
            bound in prop::sample::select(vec![LESS, Bound::Equal, Bound::NotEqual]),
            asked in 0..100i32,
        ) {
            let plan = plan(figure, bound, f64::from(asked));
            let told = Rehearsal::<Numbers>::run(&plan, &stage, &events);
            let told: Vec<_> = told.iter().map(|seen| (seen.burst(), seen.cause.clone())).collect();
            let expected: Vec<_> = judged(&plan, &events).into_iter().map(|(burst, figure)| (burst, Cause::Number(figure))).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
