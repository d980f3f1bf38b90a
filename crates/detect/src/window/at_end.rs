//! Counts that are decided when the span that began with a group's first event has ended: fewer than, exactly, other than.

use super::chunked::Chunked;
use super::open::Open;
use super::record::Record;
use super::sharded::Sharded;
use super::{Decide, Machine, Plan, Progress, enough, progress};
use crate::catalog::Role;
use crate::sigma::correlation::Bound;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};

/// A group's events whose window has not ended, and its detections.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AtEnd {
    records: Chunked<Record>,
    /// Detections that a next window can still join, by first event.
    opens: Vec<Open>,
    /// The last two instants of each value, once there are many records.
    #[serde(skip)]
    values: Option<Box<Sharded<Seen>>>,
    #[serde(skip)]
    bytes: usize,
}

/// When a value came last, and the time before that.
#[derive(Debug, Clone)]
struct Seen {
    value: u64,
    last: i64,
    before: Option<i64>,
}

fn bounds(plan: &Plan) -> &[(Bound, u64)] {
    match &plan.decide {
        Decide::EventsAtEnd(bounds) | Decide::ValuesAtEnd(bounds) => bounds,
        _ => &[],
    }
}

fn highest(plan: &Plan) -> u64 {
    bounds(plan).iter().map(|(_, count)| *count).max().unwrap_or(1)
}

impl AtEnd {
    fn insert(&mut self, record: Record) {
        self.bytes += record.bytes();
        self.records.insert(record);
    }

    /// Puts an event together with others once there are many more than any bound of the condition.
    fn insert_among_many(&mut self, plan: &Plan, record: Record) {
        let mut record = record;
        if matches!(plan.decide, Decide::ValuesAtEnd(_)) {
            if let Some(needless) = self.needless(plan, &record) {
                let same = |known: &Record| known.value == record.value;
                if let Some(gone) = self.records.take_at(needless, same) {
                    // A window that holds the one in the middle also holds one of its neighbours.
                    self.bytes = self.bytes.saturating_sub(gone.bytes());
                    record.stand_for(&gone);
                    self.insert(record);
                    return;
                }
            }
            if self.records.len() <= 2 * enough(highest(plan)) {
                self.insert(record);
                return;
            }
        }
        // No bound asks how many there are beyond this: what comes within a sixty-fourth of the timespan is one record.
        match self.records.back_mut() {
            Some(last) if record.at >= last.at && record.at - last.at < plan.span / 64 => {
                last.stand_for(&record)
            }
            _ => self.insert(record),
        }
    }

    /// The instant of an event of the same value between two others that are no more than a timespan apart.
    fn needless(&mut self, plan: &Plan, record: &Record) -> Option<i64> {
        let hash = |seen: &Seen| seen.value;
        let values = self
            .values
            .get_or_insert_with(|| Box::new(Sharded::within(2 * enough(highest(plan)))));
        let Some(seen) = values.find_mut(record.value, |seen| seen.value == record.value) else {
            let seen = Seen {
                value: record.value,
                last: record.at,
                before: None,
            };
            values.insert(record.value, seen, hash);
            return None;
        };
        if record.at < seen.last {
            return None;
        }
        if let Some(before) = seen.before
            && record.at - before <= plan.span
        {
            return Some(std::mem::replace(&mut seen.last, record.at));
        }
        seen.before = Some(std::mem::replace(&mut seen.last, record.at));
        None
    }

    fn judge(&mut self, plan: &Plan, window: VecDeque<Record>) {
        let Some((start, end)) = window
            .front()
            .map(|record| record.at)
            .zip(window.back().map(|r| r.at))
        else {
            return;
        };
        if !holds(&plan.decide, &window) {
            return;
        }
        let follows = |open: &Open| start <= open.figures.last_at + plan.span && end >= open.figures.first_at;
        if !self.opens.last().is_some_and(follows) {
            self.opens.extend(window.front().map(Open::beginning_with));
        }
        if let Some(open) = self.opens.last_mut() {
            open.figures.take_later(window);
            open.fresh = true;
        }
    }
}

impl Machine for AtEnd {
    fn add(&mut self, plan: &Plan, record: Record, _role: Role) -> Progress {
        if self.records.len() < enough(highest(plan)) {
            self.insert(record);
        } else {
            self.insert_among_many(plan, record);
        }
        progress(self.records.len() as u64, highest(plan))
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        while let Some(start) = self
            .records
            .front()
            .map(|record| record.at)
            .filter(|at| at + plan.span <= horizon)
        {
            let window = self.records.extract(start, start + plan.span - 1);
            self.bytes = self.bytes.saturating_sub(window.iter().map(Record::bytes).sum());
            self.judge(plan, window);
        }
        if self.records.len() < enough(highest(plan)) {
            self.values = None;
        }
        self.opens
            .retain(|open| open.fresh || over_after(open, plan) >= horizon);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        if let Some(first) = self.records.front() {
            return first.at + plan.span - 1;
        }
        let opens = self.opens.iter().map(|open| over_after(open, plan));
        opens.max().unwrap_or(i64::MIN)
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
        let values = self.values.as_ref().map_or(0, |values| values.len() * 48);
        self.bytes + values + self.opens.iter().map(Open::bytes).sum::<usize>()
    }

    fn rebuild(&mut self, _plan: &Plan) {
        self.bytes = self.records.iter().map(Record::bytes).sum();
    }
}

/// The instant after which nothing can join a detection any more: a window that began within a timespan of its last event is
/// judged a timespan later.
fn over_after(open: &Open, plan: &Plan) -> i64 {
    open.figures.last_at + plan.span * 2
}

fn holds(decide: &Decide, window: &VecDeque<Record>) -> bool {
    let all =
        |bounds: &[(Bound, u64)], found: u64| bounds.iter().all(|(bound, asked)| bound.holds(found, *asked));
    match decide {
        Decide::EventsAtEnd(bounds) => {
            all(bounds, window.iter().map(|record| u64::from(record.weight)).sum())
        }
        Decide::ValuesAtEnd(bounds) => {
            let values: HashSet<_> = window.iter().map(|record| record.value).collect();
            all(bounds, values.len() as u64)
        }
        _ => false,
    }
}
