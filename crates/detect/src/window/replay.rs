//! Deciding at once and yet as if every event had come in order.
//!
//! What an automaton made of the events up to the horizon is its base: no event can come before that any more. The steps after it
//! are kept, a few words each. An event that comes in order is one step; one that comes late is put where it belongs, and the
//! steps are taken again from the base.
//!
//! What is over is forgotten when the machine settles. A busy group is never over: so that it settles all the same, machines ask to
//! be looked at twice a timespan's length after the oldest that they hold.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many steps are kept to be taken again: a late event costs about a tenth of a millisecond at most. Where more events than
/// this come within the lateness, the oldest become part of the base early, and an event from before them is told to the
/// automaton as one from [`behind`](Automaton::behind).
pub(super) const STEPS: usize = 1_024;

/// One event, as far as it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(super) at: i64,
    /// Among the rules, or, where it calls off, among the rules that do.
    pub(super) place: u16,
    pub(super) cancels: bool,
    /// Hash of the value that is counted.
    pub(super) value: u64,
}

impl Step {
    pub(super) fn new(at: i64, place: u16) -> Self {
        Self {
            at,
            place,
            cancels: false,
            value: 0,
        }
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts.
    Counted,
    /// It falls into a time in which the group is mute.
    Muted,
    /// It fires with the events since `from`.
    Fired { from: i64 },
}

/// That a step fired.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing {
    pub(super) from: i64,
    pub(super) at: i64,
}

/// How an event came among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrived {
    /// After all the others.
    InOrder(Verdict),
    /// Before some of them: what it came to where it belongs.
    Late(Verdict),
}

/// Decides step by step, in order.
pub(super) trait Automaton: Clone + Default {
    type Plan;

    /// What must come first among steps of one instant.
    fn tie(step: &Step) -> (bool, u16);

    /// Takes a step that is not before the one before; `dropped` counts what bounds on memory cost.
    fn step(&mut self, plan: &Self::Plan, step: &Step, dropped: &mut u64) -> Verdict;

    /// Whether a late step changes nothing, given the steps before it, newest first, and those after it.
    fn needless<'s>(
        &self,
        _plan: &Self::Plan,
        _step: &Step,
        _before: impl Iterator<Item = &'s Step>,
        _after: impl Iterator<Item = &'s Step>,
    ) -> bool {
        false
    }

    /// Takes what it can of a step that is before the base, and tells what that came to; None where it is lost.
    fn behind(&mut self, plan: &Self::Plan, step: &Step) -> Option<Verdict>;
}

/// Tells `fired` where a step fired.
fn tell<A>(state: &A, step: &Step, verdict: Verdict, fired: &mut impl FnMut(&A, Crossing)) {
    if let Verdict::Fired { from } = verdict {
        fired(state, Crossing { from, at: step.at });
    }
}

/// An automaton, and the steps that may have to be taken again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Replay<A> {
    pub(super) base: A,
    /// Where steps went into the base early: the instant of the last of them.
    base_until: Option<i64>,
    pub(super) steps: VecDeque<Step>,
    /// The base after all steps; it follows from the two.
    #[serde(skip)]
    head: Option<A>,
    pub(super) dropped: u64,
}

impl<A: Automaton> Replay<A> {
    /// Counts a step. `fired` is told what fires by it: once at most in order, and for each step from the base on when it is late.
    pub(super) fn add(&mut self, plan: &A::Plan, step: Step, mut fired: impl FnMut(&A, Crossing)) -> Arrived {
        if self.base_until.is_some_and(|until| step.at < until) {
            let verdict = self.base.behind(plan, &step);
            self.dropped += u64::from(verdict.is_none());
            self.head = Some(self.run(plan, fired));
            return Arrived::Late(verdict.unwrap_or(Verdict::Counted));
        }
        let order = |step: &Step| (step.at, A::tie(step));
        let late = self.steps.back().is_some_and(|last| order(&step) < order(last));
        if late {
            let position = self.steps.partition_point(|known| order(known) <= order(&step));
            let (before, after) = (self.steps.range(..position).rev(), self.steps.range(position..));
            if self.base.needless(plan, &step, before, after) {
                return Arrived::Late(Verdict::Counted);
            }
            self.steps.insert(position, step);
            let mut came_to = Verdict::Counted;
            let head = self.run_all(plan, |state, index, step, verdict| {
                if index == position {
                    came_to = verdict;
                }
                tell(state, step, verdict, &mut fired);
            });
            self.head = Some(head);
            self.shorten(plan);
            return Arrived::Late(came_to);
        }
        let mut head = self.head.take().unwrap_or_else(|| self.run(plan, |_, _| {}));
        let verdict = head.step(plan, &step, &mut self.dropped);
        tell(&head, &step, verdict, &mut fired);
        self.head = Some(head);
        self.steps.push_back(step);
        self.shorten(plan);
        Arrived::InOrder(verdict)
    }

    /// Keeps a step that is decided only once nothing can come before it.
    pub(super) fn hold(&mut self, step: Step) {
        if self.base_until.is_some_and(|until| step.at < until) {
            self.dropped += 1;
            return;
        }
        let order = |step: &Step| (step.at, A::tie(step));
        let position = self.steps.partition_point(|known| order(known) <= order(&step));
        self.steps.insert(position, step);
    }

    /// The base after all steps.
    fn run(&self, plan: &A::Plan, mut fired: impl FnMut(&A, Crossing)) -> A {
        self.run_all(plan, |state, _, step, verdict| {
            tell(state, step, verdict, &mut fired)
        })
    }

    /// The base after all steps; `came_to` is told of each by its place.
    fn run_all(&self, plan: &A::Plan, mut came_to: impl FnMut(&A, usize, &Step, Verdict)) -> A {
        let mut state = self.base.clone();
        let mut counted_before = 0;
        for (index, step) in self.steps.iter().enumerate() {
            let verdict = state.step(plan, step, &mut counted_before);
            came_to(&state, index, step, verdict);
        }
        state
    }

    /// Looks at the automaton as it is after all steps.
    pub(super) fn with_head<T>(&self, plan: &A::Plan, look: impl FnOnce(&A) -> T) -> T {
        match &self.head {
            Some(head) => look(head),
            None => look(&self.run(plan, |_, _| {})),
        }
    }

    /// Makes the steps before `horizon` part of the base; `fired` is told what fires by them.
    pub(super) fn settle(&mut self, plan: &A::Plan, horizon: i64, mut fired: impl FnMut(&A, Crossing)) {
        while let Some(step) = self.steps.front().copied().filter(|step| step.at < horizon) {
            self.steps.pop_front();
            self.take(plan, step, &mut fired);
        }
        if self.steps.is_empty() {
            self.head = None;
        }
        if self.base_until.is_some_and(|until| until < horizon) {
            self.base_until = None;
        }
    }

    /// Makes the oldest steps part of the base while there are more than [`STEPS`]; `fired` is told what fires by them.
    pub(super) fn bound(&mut self, plan: &A::Plan, mut fired: impl FnMut(&A, Crossing)) {
        while self.steps.len() > STEPS {
            let Some(step) = self.steps.pop_front() else {
                return;
            };
            self.base_until = Some(step.at);
            self.take(plan, step, &mut fired);
        }
    }

    fn shorten(&mut self, plan: &A::Plan) {
        self.bound(plan, |_, _| {});
    }

    fn take(&mut self, plan: &A::Plan, step: Step, fired: &mut impl FnMut(&A, Crossing)) {
        let mut counted_before = 0;
        let verdict = self.base.step(plan, &step, &mut counted_before);
        tell(&self.base, &step, verdict, fired);
    }

    /// The oldest step that may have to be taken again.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.steps.front().map(|step| step.at)
    }

    /// Begins anew, but for what was dropped.
    pub(super) fn clear(&mut self) {
        self.base = A::default();
        self.base_until = None;
        self.steps.clear();
        self.head = None;
    }

    pub(super) fn bytes(&self) -> usize {
        self.steps.len() * size_of::<Step>()
    }
}
