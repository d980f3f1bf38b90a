//! The distinct values of the newest window, counted up and down as it slides, so that nothing is counted anew for each event.

use super::Record;
use std::collections::{HashMap, VecDeque};

/// Counts for the window that ends with the newest event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest {
    /// Events after this are counted.
    after: i64,
    /// Events up to this are counted.
    until: i64,
    counts: HashMap<String, u32>,
}

impl Newest {
    /// Counts the window that ends with the last of `records`.
    pub(crate) fn of(records: &VecDeque<Record>, span: i64) -> Self {
        let until = records.back().map_or(i64::MIN, |record| record.at);
        let mut newest = Self {
            after: until.saturating_sub(span),
            until,
            counts: HashMap::new(),
        };
        let start = records.partition_point(|record| record.at <= newest.after);
        records.range(start..).for_each(|record| newest.up(record));
        newest
    }

    /// Counts a record that was just put among `records`; tells whether the window now ends with it.
    pub(crate) fn add(&mut self, record: &Record, records: &VecDeque<Record>, span: i64) -> bool {
        if record.at < self.until {
            if record.at > self.after {
                self.up(record);
            }
            return false;
        }
        let after = record.at - span;
        let from = records.partition_point(|known| known.at <= self.after);
        let to = records.partition_point(|known| known.at <= after.min(self.until));
        if from < to {
            records.range(from..to).for_each(|known| self.down(known));
        }
        self.after = after;
        self.until = record.at;
        self.up(record);
        true
    }

    /// Forgets a record that leaves the group.
    pub(crate) fn remove(&mut self, record: &Record) {
        if record.at > self.after && record.at <= self.until {
            self.down(record);
        }
    }

    /// How many distinct values the window has.
    pub(crate) fn distinct(&self) -> usize {
        self.counts.len()
    }

    fn up(&mut self, record: &Record) {
        if let Some(value) = &record.value {
            *self.counts.entry(value.clone()).or_default() += 1;
        }
    }

    fn down(&mut self, record: &Record) {
        let Some(value) = &record.value else { return };
        if let Some(count) = self.counts.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(value);
            }
        }
    }
}
