//! No event for a timespan after the last one (`absence`).
//!
//! It fires once the sources have come further than a timespan beyond the last event, so that no late event can break the
//! silence. One silence is one detection, and when there is something again it says how long it lasted. An event exactly a timespan
//! after the one before is in time.

use super::cause::Cause;
use super::decider::Decider;
use super::figures::Figures;
use super::{Decide, OPEN, Open, Progress, Record, progress};
use crate::catalog::Role;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// After how many timespans of silence a group is forgotten, and its silence never said to be over: what is gone for that long
/// does not come back, and groups must not pile up.
pub(crate) const FORGOTTEN_AFTER: i64 = 10;

/// How many suspected silences wait for late events. Only what lies within the lateness waits: where it holds more timespans than
/// this, the oldest is judged early.
const RUNS: usize = 64;

/// From how many events on a group that must be forgotten for want of room is worth as much as any other.
const ESTABLISHED: u64 = 10;

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In microseconds.
    pub(crate) span: i64,
    /// Whether groups are forgotten; where there is only one it stays.
    pub(crate) forgets: bool,
}

/// Events none of which is more than a timespan after the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    from: i64,
    until: i64,
    source: u32,
    /// The last event; none where nothing was seen since its source became known.
    last: Option<Record>,
}

/// One group. What is dropped are silences that were judged early.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Absence {
    /// By time. All but the first may still be joined by late events.
    runs: VecDeque<Run>,
    /// Whether the silence after the first was told.
    told: bool,
    opens: Vec<Open>,
    events: u64,
    dropped: u64,
}

impl Absence {
    /// Says that a source is read from `at` on, where the rule has no groups: silence begins there.
    pub(crate) fn begin(&mut self, at: i64, source: u32) {
        if self.runs.is_empty() {
            let (from, until, last) = (at, at, None);
            self.runs.push_front(Run {
                from,
                until,
                source,
                last,
            });
        }
    }

    fn see(&mut self, plan: &Plan, record: Record) {
        let at = record.at;
        let near = |run: &Run| at >= run.from - plan.span && at <= run.until + plan.span;
        let Some(index) = self.runs.iter().position(near) else {
            let position = self.runs.partition_point(|run| run.from < at);
            self.runs.insert(
                position,
                Run {
                    from: at,
                    until: at,
                    source: record.source,
                    last: Some(record),
                },
            );
            return;
        };
        let run = &mut self.runs[index];
        run.from = run.from.min(at);
        if at > run.until || (at == run.until && run.last.is_none()) {
            // It came after its silence was told, from a source that was further behind than known.
            if index == 0 && self.told && at > run.until {
                end(&mut self.opens, at);
                self.told = false;
            }
            run.until = at;
            run.source = record.source;
            run.last = Some(record);
        }
        let joins_next = self
            .runs
            .get(index + 1)
            .is_some_and(|next| next.from <= self.runs[index].until + plan.span);
        if joins_next
            && let Some(mut next) = self.runs.remove(index + 1)
            && let Some(run) = self.runs.get_mut(index)
        {
            next.from = run.from;
            *run = next;
        }
    }

    fn judge(&mut self, plan: &Plan, horizon: i64) {
        while let Some(first) = self.runs.front() {
            let silent_from = first.until;
            if !self.told && horizon > silent_from + plan.span {
                self.opens.push(silence(first, plan.span));
                self.told = true;
            }
            let Some(next) = self.runs.get(1).map(|run| run.from).filter(|_| self.told) else {
                break;
            };
            end(&mut self.opens, next);
            if next >= horizon {
                break;
            }
            self.runs.pop_front();
            self.told = false;
        }
    }

    fn forget(&mut self, plan: &Plan, horizon: i64) {
        let forgotten = |run: &Run| horizon > run.until.saturating_add(plan.span * FORGOTTEN_AFTER);
        if plan.forgets && self.told && self.runs.len() == 1 && self.runs.front().is_some_and(forgotten) {
            self.runs.clear();
            self.told = false;
        }
        let ongoing = usize::from(self.told);
        let over = self.opens.len().saturating_sub(ongoing);
        let mut index = 0;
        self.opens.retain(|open| {
            index += 1;
            open.fresh || index > over
        });
    }
}

/// The detection of a silence that just became certain.
fn silence(run: &Run, span: i64) -> Open {
    let cause = Cause::Silence {
        from: run.until,
        until: run.until + span,
        over: false,
    };
    let mut open = match run.last.clone() {
        Some(last) => {
            let mut open = Open::beginning_with(&last);
            open.take(last);
            open
        }
        None => {
            let mut figures = Figures::default();
            figures.first_at = run.from;
            Open {
                first: (run.source, format!("nothing since {}", run.from)),
                figures,
                peak: None,
                cause: Cause::None,
                fresh: true,
            }
        }
    };
    open.cause = cause;
    open.figures.last_at = run.until + span;
    open
}

/// Says that the newest silence ended at `at`, or earlier than was said.
fn end(opens: &mut [Open], at: i64) {
    let Some(open) = opens.last_mut() else { return };
    if let Cause::Silence { until, over, .. } = &mut open.cause
        && (!*over || at < *until)
    {
        *until = at;
        *over = true;
        open.figures.last_at = at;
        open.fresh = true;
    }
}

impl Decider for Absence {
    type Plan = Plan;

    fn asked(plan: &super::Plan) -> Option<&Plan> {
        match &plan.decide {
            Decide::Absence(plan) => Some(plan),
            _ => None,
        }
    }

    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        if matches!(role, Role::Counts(_)) {
            self.events += 1;
            self.see(plan, record);
            if let Some(next) = self.runs.get(1).map(|run| run.from).filter(|_| self.told) {
                end(&mut self.opens, next);
            }
            if self.runs.len() > RUNS {
                self.dropped += 1;
                let horizon = self.runs[1].from + 1;
                self.judge(plan, horizon);
            }
        }
        self.progress(plan)
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        self.judge(plan, horizon);
        self.forget(plan, horizon);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        let Some(first) = self.runs.front() else {
            return i64::MIN;
        };
        match self.runs.get(1) {
            _ if !self.told => first.until + plan.span,
            Some(next) => next.from,
            None if plan.forgets => first.until.saturating_add(plan.span * FORGOTTEN_AFTER),
            None => i64::MAX / 4,
        }
    }

    fn progress(&self, _: &Plan) -> Progress {
        if self.told {
            OPEN
        } else {
            progress(self.events, ESTABLISHED)
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.opens.is_empty()
    }

    fn opens(&self) -> &[Open] {
        &self.opens
    }

    fn opens_mut(&mut self) -> &mut [Open] {
        &mut self.opens
    }

    fn records(&self) -> usize {
        self.runs.len()
    }

    fn bytes(&self) -> usize {
        let records = self.runs.iter().filter_map(|run| run.last.as_ref());
        let records: usize = records.map(Record::bytes).sum();
        let opens: usize = self.opens.iter().map(Open::bytes).sum();
        records + opens + self.runs.len() * size_of::<Run>()
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rehearsal::*;
    use super::*;
    use proptest::prelude::*;

    const SPAN: i64 = 10;
    const LATENESS: i64 = 25;
    const PLAN: Plan = Plan {
        span: SPAN * SECOND,
        forgets: true,
    };

    fn silences(told: &[Seen]) -> Vec<(i64, i64, bool)> {
        let silences = told.iter().map(|seen| match seen.cause {
            Cause::Silence { from, until, over } => (from / SECOND, until / SECOND, over),
            _ => panic!("no silence: {seen:?}"),
        });
        silences.collect()
    }

    /// The reference: between neighbours that are further apart than a timespan, and after the last.
    fn expected(events: &[Happened]) -> Vec<(i64, i64, bool)> {
        let mut times: Vec<_> = events.iter().map(|happened| happened.at).collect();
        times.sort_unstable();
        let between = times.windows(2).filter(|pair| pair[1] - pair[0] > SPAN);
        let mut found: Vec<_> = between.map(|pair| (pair[0], pair[1], true)).collect();
        found.extend(times.last().map(|last| (*last, last + SPAN, false)));
        found
    }

    #[test]
    fn silence_is_told_when_it_is_certain_and_again_when_it_is_over() {
        let mut rehearsal = Rehearsal::<Absence>::new(&PLAN, &Stage::default());
        rehearsal.arrive(0, &Happened::new(0, 0));
        rehearsal.pass(10 * SECOND);
        assert!(
            rehearsal.machine.opens().is_empty(),
            "an event exactly a timespan later is in time"
        );
        rehearsal.pass(10 * SECOND + 1);
        let open = &rehearsal.machine.opens()[0];
        assert_eq!((open.first.1.as_str(), open.figures.events), ("0", 1));
        rehearsal.pass(15 * SECOND);
        rehearsal.arrive(1, &Happened::new(60, 0));
        let told = rehearsal.finish();
        assert_eq!(silences(&told), [(0, 60, true)]);
        assert_eq!((told[0].first_at, told[0].last_at), (0, 60 * SECOND));
    }

    #[test]
    fn a_late_event_breaks_a_suspected_silence() {
        let stage = Stage {
            lateness: LATENESS,
            end: Some(35),
            ..Stage::default()
        };
        let mut events = [0, 20, 10, 30].map(|at| Happened::new(at, 0));
        events[2].delay = 15;
        let mut rehearsal = Rehearsal::<Absence>::new(&PLAN, &stage);
        events
            .iter()
            .enumerate()
            .for_each(|(index, happened)| rehearsal.arrive(index, happened));
        rehearsal.pass(30 * SECOND);
        assert!(rehearsal.machine.opens().is_empty());
    }

    #[test]
    fn where_there_are_no_groups_silence_begins_with_the_source() {
        let plan = Plan {
            forgets: false,
            ..PLAN
        };
        let mut rehearsal = Rehearsal::<Absence>::new(&plan, &Stage::default());
        rehearsal.machine.begin(100 * SECOND, 3);
        rehearsal.pass(111 * SECOND);
        assert_eq!(
            rehearsal.machine.opens()[0].first,
            (3, "nothing since 100000000".into())
        );
        rehearsal.pass(100_000 * SECOND);
        rehearsal.arrive(0, &Happened::new(100_001, 0));
        assert_eq!(silences(&rehearsal.finish()), [(100, 100_001, true)]);
    }

    #[test]
    fn a_group_that_is_gone_is_forgotten_after_ten_timespans() {
        let mut rehearsal = Rehearsal::<Absence>::new(&PLAN, &Stage::default());
        rehearsal.arrive(0, &Happened::new(0, 0));
        rehearsal.pass(100 * SECOND);
        assert!(!rehearsal.machine.is_empty());
        rehearsal.pass(100 * SECOND + 1);
        assert!(rehearsal.machine.is_empty());
    }

    #[test]
    fn many_suspected_silences_are_bounded_and_counted() {
        let mut absence = Absence::default();
        for index in 0..500 {
            let far = record(index, &Happened::new(index as i64 * 11, 0));
            absence.add(&PLAN, far, Role::Counts(0));
            absence.opens_mut().iter_mut().for_each(|open| open.fresh = false);
        }
        assert_eq!(absence.runs.len(), RUNS);
        assert_eq!(absence.take_dropped(), 500 - RUNS as u64);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_order_every_silence_is_told(
            events in prop::collection::vec(happened(LATENESS, 300, places(2)), 1..60),
            stage in stage(LATENESS),
        ) {
            let told = Rehearsal::<Absence>::run(&PLAN, &stage, &events);
            let mut told = silences(&told);
            told.sort_unstable();
            let expected = expected(&events);
            prop_assert_eq!(told, expected);
        }
    }
}
