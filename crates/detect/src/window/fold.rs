//! The events of a group that no detection holds yet, and the detections that can still grow: what all kinds share.

use super::cause::Cause;
use super::open::Open;
use super::record::Record;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many undecided events a group holds one by one. Machines decide by numbers of their own, so that what is put together here
/// costs no detection: its counts, tenants and actors stay, and its times move to the later neighbour's.
const HELD: usize = 256;

/// How many detections of one group can grow at once. Several can only where the lateness is longer than the timespan.
pub(super) const OPENS: usize = 32;

/// How many of the newest stay apart when older ones are put together.
const APART: usize = 32;

/// Undecided events and open detections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fold {
    /// By time.
    pub(super) records: VecDeque<Record>,
    /// By first event.
    pub(super) opens: Vec<Open>,
    /// What the undecided events take in memory.
    #[serde(skip)]
    bytes: usize,
}

impl Fold {
    /// The detection that an event at `at` belongs to: one that it is no more than a timespan away from.
    pub(super) fn touching(&self, at: i64, span: i64) -> Option<usize> {
        self.opens.iter().position(|open| open.touches(at, span))
    }

    /// Adds an event: to a detection that it touches, else to the undecided. True if it belongs to a detection.
    pub(super) fn put(&mut self, record: Record, span: i64) -> bool {
        match self.touching(record.at, span) {
            Some(index) => {
                self.join(index, record, span);
                true
            }
            None => {
                self.insert(record);
                false
            }
        }
    }

    /// Puts a record among the undecided.
    pub(super) fn insert(&mut self, record: Record) {
        let position = self.records.partition_point(|known| known.at <= record.at);
        self.bytes += record.bytes();
        self.records.insert(position, record);
        if self.records.len() > HELD {
            self.put_together();
        }
    }

    /// Every two neighbours become one, but for the newest.
    fn put_together(&mut self) {
        let newest = self.records.split_off(self.records.len() - APART);
        let mut older = std::mem::take(&mut self.records).into_iter();
        while let Some(gone) = older.next() {
            let Some(mut stays) = older.next() else {
                self.records.push_back(gone);
                break;
            };
            stays.stand_for(&gone);
            self.records.push_back(stays);
        }
        self.records.extend(newest);
        self.rebuild();
    }

    /// Sums up the memory anew, after a restart.
    pub(super) fn rebuild(&mut self) {
        self.bytes = self.records.iter().map(Record::bytes).sum();
    }

    fn without(&mut self, record: &Record) {
        self.bytes = self.bytes.saturating_sub(record.bytes());
    }

    /// Takes out the undecided events from `from` to `to`.
    fn extract(&mut self, from: i64, to: i64) -> Vec<Record> {
        let start = self.records.partition_point(|record| record.at < from);
        let end = self.records.partition_point(|record| record.at <= to);
        let taken: Vec<_> = self.records.drain(start..end.max(start)).collect();
        taken.iter().for_each(|record| self.without(record));
        taken
    }

    /// Opens a detection with the undecided events from `from` to `to`, and those that now touch it.
    pub(super) fn open(&mut self, from: i64, to: i64, span: i64, cause: Cause) -> bool {
        let Some(index) = self.open_apart(from, to, cause) else {
            return false;
        };
        self.absorb(index, i64::MIN, span);
        true
    }

    /// Opens a detection with the undecided events from `from` to `to` alone; tells its place.
    pub(super) fn open_apart(&mut self, from: i64, to: i64, cause: Cause) -> Option<usize> {
        let taken = self.extract(from, to);
        let first = taken.first()?;
        let mut open = Open::beginning_with(first);
        open.cause = cause;
        taken.into_iter().for_each(|record| open.take(record));
        let index = self
            .opens
            .partition_point(|known| known.figures.first_at <= open.figures.first_at);
        self.opens.insert(index, open);
        // What was handed out may go, but for what late events would have added.
        if self.opens.len() > OPENS
            && let Some(handed_out) = self.opens.iter().position(|open| !open.fresh)
        {
            self.opens.remove(handed_out);
            return Some(if handed_out < index { index - 1 } else { index });
        }
        Some(index)
    }

    /// Adds an event to a detection, and the undecided ones that are now no more than a timespan away.
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
        self.absorb(index, from, span);
    }

    /// Takes undecided events into a detection: those after `from` or its first event, as long as each touches it.
    fn absorb(&mut self, index: usize, from: i64, span: i64) {
        let figures = &self.opens[index].figures;
        let from = if from == i64::MIN { figures.first_at } else { from };
        let mut until = figures.last_at;
        let start = self.records.partition_point(|record| record.at < from);
        for record in self.records.range(start..) {
            if record.at > until + span {
                break;
            }
            until = until.max(record.at);
        }
        self.take_into(index, from, until);
    }

    /// Takes the undecided events from `from` to `to` into a detection, whatever lies between.
    pub(super) fn take_into(&mut self, index: usize, from: i64, to: i64) {
        for record in self.extract(from, to) {
            self.opens[index].take(record);
        }
    }

    /// A window that was judged at its end and fires: it goes on with the newest detection if it follows it within a timespan.
    pub(super) fn open_or_follow(&mut self, start: i64, span: i64, cause: Cause) {
        let follows = self
            .opens
            .last_mut()
            .filter(|open| start <= open.figures.last_at + span);
        let end = start + span - 1;
        if let Some(open) = follows {
            open.cause = cause;
            open.fresh = true;
            let index = self.opens.len() - 1;
            self.take_into(index, start, end);
        } else {
            self.open_apart(start, end, cause);
        }
    }

    /// Forgets undecided events before `before`, and handed-out detections whose last event is before `over`.
    pub(super) fn forget(&mut self, before: i64, over: i64) {
        self.forget_records(before);
        self.opens
            .retain(|open| open.fresh || open.figures.last_at >= over);
    }

    /// Forgets undecided events before `before`.
    pub(super) fn forget_records(&mut self, before: i64) {
        while self.records.front().is_some_and(|record| record.at < before) {
            if let Some(record) = self.records.pop_front() {
                self.without(&record);
            }
        }
    }

    /// The oldest undecided event.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.records.front().map(|record| record.at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.opens.is_empty()
    }

    pub(super) fn last_at(&self) -> Option<i64> {
        let opens = self.opens.iter().map(|open| open.figures.last_at);
        opens.chain(self.records.back().map(|record| record.at)).max()
    }

    /// When to look again at a group that is decided at once: nothing here is within a timespan any more, or, in a group that is
    /// always busy, there is enough to be forgotten. `oldest` is what the machine itself holds.
    pub(super) fn due_after(&self, span: i64, oldest: Option<i64>) -> i64 {
        let record = self.records.back().map(|record| record.at + span - 1);
        let opens = self.opens.iter().map(|open| open.figures.last_at + span);
        let over = record.into_iter().chain(opens).max();
        let oldest = [self.oldest(), oldest].into_iter().flatten().min();
        let enough = oldest.map(|oldest| oldest + span * 2);
        [over, enough].into_iter().flatten().min().unwrap_or(i64::MIN)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.opens.iter().map(Open::bytes).sum::<usize>()
    }
}
