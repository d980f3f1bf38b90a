//! Windows that are judged when they have ended: each begins with the first event after the one before, and lasts a timespan.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many events may wait for their window to begin. Only events within the lateness wait: where more come, the oldest window
/// is judged early, and what comes late from within it begins a window of its own.
const WAITING: usize = 4_096;

/// What is made of the events of a window.
pub(super) trait Tally {
    type Plan;
    type Item: Copy;

    /// The tally of a window without events.
    fn new(plan: &Self::Plan) -> Self;

    /// Whether a window can begin with it.
    fn begins(plan: &Self::Plan, item: &Self::Item) -> bool;

    fn add(&mut self, plan: &Self::Plan, at: i64, item: Self::Item);

    fn bytes(&self) -> usize;
}

/// The windows of one group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tumbling<T, I> {
    /// The window whose beginning is certain.
    current: Option<(i64, T)>,
    /// Events that are in no certain window yet, by time.
    waiting: VecDeque<(i64, I)>,
}

impl<T, I> Default for Tumbling<T, I> {
    fn default() -> Self {
        Self {
            current: None,
            waiting: VecDeque::new(),
        }
    }
}

impl<T: Tally> Tumbling<T, T::Item> {
    pub(super) fn add(&mut self, plan: &T::Plan, span: i64, at: i64, item: T::Item) {
        if let Some((start, tally)) = &mut self.current
            && at < *start + span
        {
            tally.add(plan, at, item);
            return;
        }
        let position = self.waiting.partition_point(|(known, _)| *known <= at);
        self.waiting.insert(position, (at, item));
    }

    /// Where too many events wait: the horizon to settle with although it is not reached, so that one window is judged early.
    pub(super) fn overfull(&self, plan: &T::Plan, span: i64) -> Option<i64> {
        (self.waiting.len() > WAITING).then(|| {
            let start = self.next_start(plan).unwrap_or(i64::MAX);
            start.saturating_add(span)
        })
    }

    /// Judges windows that have ended: `judge` is told the beginning and the tally of each.
    pub(super) fn settle(&mut self, plan: &T::Plan, span: i64, horizon: i64, mut judge: impl FnMut(i64, &T)) {
        loop {
            if self.current.is_none() {
                self.begin(plan, span, horizon);
            }
            match &self.current {
                Some((start, tally)) if start.saturating_add(span) <= horizon => judge(*start, tally),
                _ => return,
            }
            self.current = None;
        }
    }

    /// Begins the next window if no event can come before it any more.
    fn begin(&mut self, plan: &T::Plan, span: i64, horizon: i64) {
        let start = self.first_beginning(plan);
        // What comes before cannot be in a window; what comes at the same instant can.
        let until = start.map_or(horizon, |start| start.min(horizon));
        while self.waiting.front().is_some_and(|(at, _)| *at < until) {
            self.waiting.pop_front();
        }
        let Some(start) = start.filter(|start| *start <= horizon) else {
            return;
        };
        let mut tally = T::new(plan);
        while let Some((at, item)) = self.waiting.front().copied().filter(|(at, _)| *at < start + span) {
            self.waiting.pop_front();
            tally.add(plan, at, item);
        }
        self.current = Some((start, tally));
    }

    /// The beginning of the window that is judged next, as far as is known.
    pub(super) fn next_start(&self, plan: &T::Plan) -> Option<i64> {
        let current = self.current.as_ref().map(|(start, _)| *start);
        current.or_else(|| self.first_beginning(plan))
    }

    fn first_beginning(&self, plan: &T::Plan) -> Option<i64> {
        let beginning = self.waiting.iter().find(|(_, item)| T::begins(plan, item));
        beginning.map(|(at, _)| *at)
    }

    /// The newest event that waits.
    pub(super) fn last_waiting(&self) -> Option<i64> {
        self.waiting.back().map(|(at, _)| *at)
    }

    /// The window that is judged next, as far as it has come.
    pub(super) fn current(&self) -> Option<&T> {
        self.current.as_ref().map(|(_, tally)| tally)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        let tally = self.current.as_ref().map_or(0, |(_, tally)| tally.bytes());
        tally + self.waiting.len() * size_of::<(i64, T::Item)>()
    }
}
