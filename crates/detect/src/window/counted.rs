//! Counts that are decided the moment a threshold is reached: so many events, or so many distinct values, within the span.

use super::chunked::{Chunked, Timed};
use super::open::Open;
use super::record::Record;
use super::values::Values;
use super::{Decide, Machine, OPEN, Plan, Progress, enough, progress};
use crate::catalog::Role;
use serde::{Deserialize, Serialize};

/// A group's undecided events, and its detections.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// Undecided events.
    records: Chunked<Record>,
    /// Detections that can still grow, by first event.
    opens: Vec<Open>,
    /// For rules that count values, while no detection takes every event.
    #[serde(skip)]
    values: Option<Box<Values>>,
    #[serde(skip)]
    bytes: usize,
    forgotten: u64,
}

impl Timed for Record {
    fn at(&self) -> i64 {
        self.at
    }
}

/// The count that the rule asks for, where it is decided by crossing.
fn asked(plan: &Plan) -> u64 {
    match plan.decide {
        Decide::Events(count) | Decide::Values(count) => count,
        _ => u64::MAX,
    }
}

impl Counted {
    fn insert(&mut self, record: Record) -> usize {
        self.bytes += record.bytes();
        self.records.insert(record)
    }

    fn pop_front(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(record.bytes());
        }
    }

    fn extract(&mut self, from: i64, to: i64) -> std::collections::VecDeque<Record> {
        let taken = self.records.extract(from, to);
        self.bytes = self.bytes.saturating_sub(taken.iter().map(Record::bytes).sum());
        taken
    }

    /// Counts an undecided event; gives the end of the first window that it made reach the threshold.
    fn count(&mut self, plan: &Plan, record: Record, count: u64) -> Option<i64> {
        let (at, value) = (record.at, record.value);
        if !matches!(plan.decide, Decide::Values(_)) {
            let newest = self.records.back().is_none_or(|last| last.at <= at);
            let position = self.insert(record);
            return if newest {
                self.newest_crossing(at, plan.span, count)
            } else {
                self.late_crossing(at, position, plan.span, count)
            };
        }
        let values = self
            .values
            .get_or_insert_with(|| Box::new(Values::of(self.records.iter(), plan.span, enough(count))));
        let added = values.add(at, value, count);
        let mut record = record;
        if self.records.len() > enough(count) / 2
            && let Some(needless) = added.needless
            && let Some(gone) = self.records.take_at(needless, |known| known.value == value)
        {
            self.bytes = self.bytes.saturating_sub(gone.bytes());
            record.stand_for(&gone);
        }
        self.insert(record);
        added.crossing
    }

    fn newest_crossing(&self, at: i64, span: i64, count: u64) -> Option<i64> {
        let first = self.records.last_but(usize::try_from(count).ok()?)?;
        (first.at > at - span).then_some(at)
    }

    /// The end of the earliest window with `count` events that the late event at `position` completes.
    fn late_crossing(&self, at: i64, position: usize, span: i64, count: u64) -> Option<i64> {
        let count = usize::try_from(count).ok()?;
        let from = self
            .records
            .count_until(at - span)
            .max((position + 1).saturating_sub(count));
        let last = position.min(self.records.len().checked_sub(count)?);
        if from > last {
            return None;
        }
        let starts = self.records.iter_from(from).take(last - from + 1);
        let mut windows = starts.zip(self.records.iter_from(from + count - 1));
        windows.find_map(|(start, end)| (end.at - start.at < span).then_some(end.at))
    }

    /// Opens a detection with the window that ends at `end`.
    fn open(&mut self, end: i64, span: i64) {
        let taken = self.extract(end - span + 1, end);
        let Some(first) = taken.front() else { return };
        let mut open = Open::beginning_with(first);
        open.figures.take_later(taken);
        let index = self
            .opens
            .partition_point(|known| known.figures.first_at <= open.figures.first_at);
        self.opens.insert(index, open);
        self.absorb(index, i64::MIN, span);
        self.values = None;
    }

    /// Adds an event to an open detection, and the undecided ones that are now no more than a timespan away.
    fn join(&mut self, index: usize, record: Record, span: i64) {
        // A late event can complete an earlier window than the one that fired: what that window holds belongs here too.
        let figures = &self.opens[index].figures;
        let late = record.at < figures.last_at;
        let from = if late {
            figures.first_at.min(record.at - span + 1)
        } else {
            i64::MIN
        };
        self.opens[index].take(record);
        if !self.records.is_empty() {
            self.absorb(index, from, span);
        }
    }

    /// Takes undecided events into an open detection: those after `from` or its first event, as long as each touches it.
    fn absorb(&mut self, index: usize, from: i64, span: i64) {
        let figures = &self.opens[index].figures;
        let from = if from == i64::MIN { figures.first_at } else { from };
        let mut until = figures.last_at;
        let start = self.records.count_until(from - 1);
        let touching = self.records.iter_from(start).take_while(|record| {
            let touches = record.at <= until + span;
            until = until.max(record.at);
            touches
        });
        let Some(last) = touching.last().map(|record| record.at) else {
            return;
        };
        let taken = self.extract(from, last);
        self.opens[index].figures.take_later(taken);
        self.opens[index].fresh = true;
        self.values = None;
    }

    fn reached(&self, plan: &Plan) -> u64 {
        match (&plan.decide, &self.values) {
            (Decide::Values(_), Some(values)) => values.distinct(),
            (Decide::Values(count), None) => {
                Values::of(self.records.iter(), plan.span, enough(*count)).distinct()
            }
            _ => self
                .records
                .back()
                .map_or(0, |last| self.records.count_after(last.at - plan.span) as u64),
        }
    }
}

impl Machine for Counted {
    fn add(&mut self, plan: &Plan, record: Record, _role: Role) -> Progress {
        let count = asked(plan);
        let touched = self
            .opens
            .iter()
            .position(|open| open.touches(record.at, plan.span));
        if let Some(index) = touched {
            self.join(index, record, plan.span);
            return OPEN;
        }
        if let Some(end) = self.count(plan, record, count) {
            self.open(end, plan.span);
            return OPEN;
        }
        if self.records.len() > enough(count) {
            // Only what comes very late could have met the oldest.
            self.pop_front();
            self.forgotten += 1;
        }
        progress(self.reached(plan), count)
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        let until = horizon - plan.span;
        while self.records.front().is_some_and(|record| record.at <= until) {
            self.pop_front();
        }
        if self.records.is_empty() {
            self.values = None;
        } else if let Some(values) = &mut self.values {
            values.forget(until);
        }
        self.opens
            .retain(|open| open.fresh || open.figures.last_at + plan.span >= horizon);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        let records = self.records.back().map(|record| record.at + plan.span - 1);
        let opens = self.opens.iter().map(|open| open.figures.last_at + plan.span);
        records.into_iter().chain(opens).max().unwrap_or(i64::MIN)
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.opens.is_empty()
    }

    fn opens(&self) -> &[Open] {
        &self.opens
    }

    fn opens_mut(&mut self) -> &mut [Open] {
        &mut self.opens
    }

    fn records(&self) -> usize {
        self.records.len()
    }

    fn bytes(&self) -> usize {
        let values = self.values.as_ref().map_or(0, |values| values.bytes());
        self.bytes + values + self.opens.iter().map(Open::bytes).sum::<usize>()
    }

    fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    fn rebuild(&mut self, plan: &Plan) {
        self.bytes = self.records.iter().map(Record::bytes).sum();
        if let Decide::Values(count) = plan.decide
            && self.records.len() > 1
            && self.opens.is_empty()
        {
            self.values = Some(Box::new(Values::of(
                self.records.iter(),
                plan.span,
                enough(count),
            )));
        }
    }
}
