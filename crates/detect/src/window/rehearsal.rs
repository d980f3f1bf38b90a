//! How the tests of the kinds run a machine: events in order of arrival, a watermark, settling now and then, and crashes.

use super::decider::Decider;
use super::record::{Facts, Line, Names, Record, Value};
use super::{Cause, GroupKey, OPEN, Open};
use crate::catalog::Role;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

/// A second in microseconds.
pub(super) const SECOND: i64 = 1_000_000;

/// An event of a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happened {
    /// In seconds.
    pub(super) at: i64,
    pub(super) role: Role,
    pub(super) number: f64,
    /// How much later than its instant it arrives, in seconds.
    pub(super) delay: i64,
}

impl Happened {
    pub(super) fn new(at: i64, place: u16) -> Self {
        Self {
            at,
            role: Role::Counts(place),
            number: 0.0,
            delay: 0,
        }
    }
}

/// What a detection told last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) events: u64,
    pub(super) cause: Cause,
}

impl Seen {
    /// From, to, and how many, in seconds.
    pub(super) fn burst(&self) -> (i64, i64, u64) {
        (self.first_at / SECOND, self.last_at / SECOND, self.events)
    }
}

/// What is known of the sources in a rehearsal, and when the process dies.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    /// In seconds.
    pub(super) lateness: i64,
    /// After which arrivals the process is killed, and goes on from its snapshot.
    pub(super) crashes: HashSet<usize>,
    /// Settle after every arrival, rather than when there is something to do.
    pub(super) eager: bool,
    /// When the sources have come so far that everything is decided; in seconds. Never if None.
    pub(super) end: Option<i64>,
}

/// A record of a rehearsal; its number is the value that is counted, too.
pub(super) fn record(index: usize, happened: &Happened) -> Record {
    let mut names = Names::default();
    names.add_actor(0, &format!("actor {}", index % 3));
    names.add_tenant(&format!("tenant {}", index % 7));
    let facts = Facts {
        at: happened.at * SECOND,
        claimed: happened.at * SECOND,
        source: 0,
        id: &index.to_string(),
        line: Line(index as u64),
        names: &names,
    };
    Record::new(&facts, &GroupKey::default(), Value::Number(happened.number))
}

/// Detections as they were told last, by first event told.
pub(super) struct Rehearsal<'p, M: Decider> {
    pub(super) machine: M,
    plan: &'p M::Plan,
    stage: Stage,
    horizon: i64,
    told: BTreeMap<String, Seen>,
}

impl<'p, M: Decider> Rehearsal<'p, M> {
    pub(super) fn new(plan: &'p M::Plan, stage: &Stage) -> Self {
        Self {
            machine: M::default(),
            plan,
            stage: stage.clone(),
            horizon: i64::MIN / 4,
            told: BTreeMap::new(),
        }
    }

    /// Everything that `events` make the machine tell, by time.
    pub(super) fn run(plan: &'p M::Plan, stage: &Stage, events: &[Happened]) -> Vec<Seen> {
        let mut rehearsal = Self::new(plan, stage);
        let mut arrivals: Vec<usize> = (0..events.len()).collect();
        arrivals.sort_by_key(|index| (events[*index].at + events[*index].delay, *index));
        for (number, index) in arrivals.into_iter().enumerate() {
            rehearsal.arrive(index, &events[index]);
            if rehearsal.stage.crashes.contains(&number) {
                rehearsal.crash(number % 2 == 0);
            }
        }
        rehearsal.finish()
    }

    pub(super) fn arrive(&mut self, index: usize, happened: &Happened) {
        assert!(
            happened.at * SECOND >= self.horizon,
            "the rehearsal only sends what is not late"
        );
        let progress = self
            .machine
            .add(self.plan, record(index, happened), happened.role);
        assert!(progress <= 1_000 || progress == OPEN);
        self.pass((happened.at - self.stage.lateness) * SECOND);
    }

    /// The sources have come so far.
    pub(super) fn pass(&mut self, horizon: i64) {
        self.horizon = self.horizon.max(horizon);
        for _ in 0..2 {
            if self.stage.eager || self.machine.due_after(self.plan) < self.horizon {
                self.machine.settle(self.plan, self.horizon);
                self.hand_out();
            }
        }
    }

    pub(super) fn hand_out(&mut self) {
        for open in self.machine.opens_mut().iter_mut().filter(|open| open.fresh) {
            open.fresh = false;
            open.figures.read_all();
            self.told.insert(open.first.1.clone(), seen(open));
        }
    }

    fn crash(&mut self, handed_out: bool) {
        if handed_out {
            self.hand_out();
        }
        let bytes = postcard::to_allocvec(&self.machine).unwrap();
        let mut restored: M = postcard::from_bytes(&bytes).unwrap();
        restored.rebuild();
        assert_eq!(restored.bytes(), self.machine.bytes());
        assert_eq!(postcard::to_allocvec(&restored).unwrap(), bytes);
        assert_eq!(restored.progress(self.plan), self.machine.progress(self.plan));
        assert_eq!(restored.due_after(self.plan), self.machine.due_after(self.plan));
        self.machine = restored;
    }

    pub(super) fn finish(mut self) -> Vec<Seen> {
        if let Some(end) = self.stage.end {
            for _ in 0..3 {
                self.pass(end * SECOND);
            }
            assert!(
                self.machine.is_empty(),
                "something is left: {:?}",
                self.machine.due_after(self.plan)
            );
        }
        self.hand_out();
        let mut told: Vec<_> = self.told.into_values().collect();
        told.sort_by_key(|seen| (seen.first_at, seen.last_at));
        told
    }
}

fn seen(open: &Open) -> Seen {
    Seen {
        first_at: open.figures.first_at,
        last_at: open.figures.last_at,
        events: open.figures.events,
        cause: open.cause.clone(),
    }
}

/// The reference for what fires at once: everything sorted, every window judged from scratch by `crosses`, which is given the
/// events of a window in order. What follows within a timespan belongs to the same detection.
pub(super) fn folded(
    events: &[Happened],
    span: i64,
    crosses: impl Fn(&[&Happened]) -> bool,
) -> Vec<(i64, i64, u64)> {
    let mut sorted: Vec<&Happened> = events.iter().collect();
    sorted.sort_by_key(|happened| happened.at);
    let mut found = Vec::new();
    let mut open: Option<(i64, i64, u64)> = None;
    let mut pending: Vec<&Happened> = Vec::new();
    for happened in sorted {
        let counts = matches!(happened.role, Role::Counts(_));
        if let Some(seen) = open.as_mut().filter(|seen| happened.at <= seen.1 + span) {
            if counts {
                seen.1 = happened.at;
                seen.2 += 1;
            }
            continue;
        }
        found.extend(open.take());
        pending.push(happened);
        pending.retain(|known| known.at > happened.at - span);
        if crosses(&pending) {
            let counted = || {
                pending
                    .iter()
                    .filter(|known| matches!(known.role, Role::Counts(_)))
            };
            let first = counted().next().map_or(happened.at, |known| known.at);
            open = Some((first, happened.at, counted().count() as u64));
            pending.clear();
        }
    }
    found.extend(open);
    found
}

/// Detections that touch as one: a late event can join what had already been told as two.
pub(super) fn joined(told: &[Seen], span: i64) -> Vec<(i64, i64, u64)> {
    let mut joined: Vec<(i64, i64, u64)> = Vec::new();
    for next in told.iter().map(Seen::burst) {
        match joined.last_mut() {
            Some(last) if next.0 <= last.1 + span => {
                last.1 = last.1.max(next.1);
                last.2 += next.2;
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// Under disorder the same bursts are told, to the same end, resting on no fewer events, and on none that does not belong to the
/// run: what came late from just before a burst may be counted with it.
pub(super) fn assert_same_bursts(
    told: &[Seen],
    expected: &[(i64, i64, u64)],
    events: &[Happened],
    span: i64,
) {
    let told = joined(told, span);
    assert_eq!(told.len(), expected.len(), "{told:?} instead of {expected:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert_eq!(told.1, expected.1, "{told:?} instead of {expected:?}");
        assert!(
            told.0 <= expected.0 && told.2 >= expected.2,
            "{told:?} instead of {expected:?}"
        );
        assert!(
            told.2 <= run_up_to(events, told.1, span),
            "{told:?} has more than its run"
        );
    }
}

/// How many events there are in the unbroken run that ends at `until`.
fn run_up_to(events: &[Happened], until: i64, span: i64) -> u64 {
    let counted = events
        .iter()
        .filter(|happened| happened.at <= until && matches!(happened.role, Role::Counts(_)));
    let mut times: Vec<_> = counted.map(|happened| happened.at).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let gap = times.windows(2).position(|pair| pair[0] - pair[1] > span);
    gap.map_or(times.len(), |position| position + 1) as u64
}

/// Events over some minutes, with the places that `roles` gives.
pub(super) fn happened(
    delay: i64,
    seconds: i64,
    roles: impl Strategy<Value = Role>,
) -> impl Strategy<Value = Happened> {
    (0..seconds, roles, 0..100i32, 0..=delay).prop_map(|(at, role, number, delay)| Happened {
        at,
        role,
        number: f64::from(number),
        delay,
    })
}

/// A lateness, and crashes.
pub(super) fn stage(lateness: i64) -> impl Strategy<Value = Stage> {
    let crashes = prop::collection::hash_set(0..80usize, 0..8);
    (crashes, any::<bool>()).prop_map(move |(crashes, eager)| Stage {
        lateness,
        crashes,
        eager,
        end: Some(1_000_000),
    })
}

/// Some of `places` rules.
pub(super) fn places(places: u16) -> impl Strategy<Value = Role> {
    (0..places).prop_map(Role::Counts)
}

/// Some of `places` rules, and now and then an event that calls off.
pub(super) fn places_and_cancels(places: u16) -> impl Strategy<Value = Role> {
    (0..places + 2).prop_map(move |place| {
        if place < places {
            Role::Counts(place)
        } else {
            Role::Cancels(place - places)
        }
    })
}
