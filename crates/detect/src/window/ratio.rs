//! Shares: matching events among a base, counted in sixty buckets a timespan, since a base can be all traffic.

use super::chunked::Chunked;
use super::open::Open;
use super::record::Record;
use super::{Decide, Machine, OPEN, Plan, Progress, progress};
use crate::catalog::Role;
use crate::sigma::correlation::Share;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many buckets a timespan has: the window slides in steps of a sixtieth.
const BUCKETS: i64 = 60;

/// How many buckets are kept at most, where the lateness is many timespans.
const MOST_BUCKETS: usize = 8_192;

/// How many matching events are kept for evidence and tenants while the share is undecided; all are counted.
const MATCHES_KEPT: usize = 1_000;

/// A group's counts, the matching events that are undecided, and its detections.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ratio {
    buckets: Buckets,
    records: Chunked<Record>,
    opens: Vec<Open>,
    #[serde(skip)]
    bytes: usize,
}

/// Counts by bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Buckets {
    /// By number, ascending.
    counts: VecDeque<(i64, Counts)>,
    #[serde(skip)]
    newest: Option<(i64, Counts)>,
}

/// All events of the base, and those among them that match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    events: u64,
    matches: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.matches += other.matches;
    }

    fn remove(&mut self, other: Self) {
        self.events -= other.events;
        self.matches -= other.matches;
    }
}

fn width(span: i64) -> i64 {
    (span / BUCKETS).max(1)
}

impl Buckets {
    /// The end of the newest bucket.
    fn last_at(&self, span: i64) -> Option<i64> {
        self.counts.back().map(|(bucket, _)| (bucket + 1) * width(span))
    }

    fn forget(&mut self, until: i64, span: i64) {
        let first = until.div_euclid(width(span));
        while self.counts.len() > MOST_BUCKETS
            || self.counts.front().is_some_and(|(bucket, _)| *bucket < first)
        {
            self.counts.pop_front();
        }
    }

    fn add(&mut self, bucket: i64, matched: bool) {
        let one = Counts {
            events: 1,
            matches: u64::from(matched),
        };
        if let Some((end, counts)) = &mut self.newest
            && bucket <= *end
            && bucket > *end - BUCKETS
        {
            counts.add(one);
        }
        if let Some((last, counts)) = self.counts.back_mut()
            && *last == bucket
        {
            counts.add(one);
            return;
        }
        let position = self.counts.partition_point(|(known, _)| *known < bucket);
        match self.counts.get_mut(position) {
            Some((known, counts)) if *known == bucket => counts.add(one),
            _ => self.counts.insert(position, (bucket, one)),
        }
    }

    /// The counts of the window that ends with bucket `end`.
    fn window(&mut self, end: i64) -> Counts {
        if let Some((known, counts)) = self.newest
            && known == end
        {
            return counts;
        }
        let from = self
            .counts
            .partition_point(|(bucket, _)| *bucket <= end - BUCKETS);
        let mut sum = Counts::default();
        for (_, counts) in self.counts.range(from..).take_while(|(bucket, _)| *bucket <= end) {
            sum.add(*counts);
        }
        if self.counts.back().is_some_and(|(last, _)| *last <= end) {
            self.newest = Some((end, sum));
        }
        sum
    }

    /// The first window holding bucket `bucket` in which the share fires.
    fn crossing(&mut self, bucket: i64, share: Share) -> Option<(i64, Counts)> {
        let mut sum = self.window(bucket);
        if share.holds(sum.matches, sum.events) {
            return Some((bucket, sum));
        }
        // For an event that came late, the windows that end later: each gains the buckets after the last, and loses its first.
        let mut out = self
            .counts
            .partition_point(|(known, _)| *known <= bucket - BUCKETS);
        let from = self.counts.partition_point(|(known, _)| *known <= bucket);
        for (end, counts) in self
            .counts
            .range(from..)
            .take_while(|(known, _)| *known < bucket + BUCKETS)
        {
            while self
                .counts
                .get(out)
                .is_some_and(|(known, _)| *known <= end - BUCKETS)
            {
                sum.remove(self.counts[out].1);
                out += 1;
            }
            sum.add(*counts);
            if share.holds(sum.matches, sum.events) {
                return Some((*end, sum));
            }
        }
        None
    }
}

impl Ratio {
    fn keep(&mut self, record: Record) {
        self.bytes += record.bytes();
        self.records.insert(record);
    }

    fn extract(&mut self, from: i64, to: i64) -> VecDeque<Record> {
        let taken = self.records.extract(from, to);
        self.bytes = self.bytes.saturating_sub(taken.iter().map(Record::bytes).sum());
        taken
    }

    fn pop_front(&mut self) {
        if let Some(gone) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(gone.bytes());
        }
    }

    fn open(&mut self, from: i64, to: i64, counts: Counts) {
        let taken = self.extract(from, to - 1);
        let Some(first) = taken.front() else { return };
        let mut open = Open::beginning_with(first);
        taken.into_iter().for_each(|record| open.take(record));
        // Matching events beyond those that were kept are counted all the same.
        open.figures.events = open.figures.events.max(counts.matches);
        open.raise_peak(counts);
        let index = self
            .opens
            .partition_point(|known| known.figures.first_at <= open.figures.first_at);
        self.opens.insert(index, open);
    }

    /// Takes the matching events that touch a detection into it.
    fn absorb(&mut self, index: usize, span: i64) {
        let figures = &self.opens[index].figures;
        let (from, mut until) = (figures.first_at, figures.last_at);
        let start = self.records.count_until(from - 1);
        let touching = self.records.iter_from(start).take_while(|record| {
            let touches = record.at <= until + span;
            until = until.max(record.at);
            touches
        });
        let Some(last) = touching.last().map(|record| record.at) else {
            return;
        };
        self.extract(from, last)
            .into_iter()
            .for_each(|record| self.opens[index].take(record));
    }
}

impl Open {
    fn raise_peak(&mut self, counts: Counts) {
        let higher = |(matches, events): (u64, u64)| {
            u128::from(counts.matches) * u128::from(events) > u128::from(matches) * u128::from(counts.events)
        };
        if self.peak.is_none_or(higher) {
            self.peak = Some((counts.matches, counts.events));
            self.fresh = true;
        }
    }
}

impl Machine for Ratio {
    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        let Decide::Share(share) = &plan.decide else {
            return 0;
        };
        let matched = matches!(role, Role::Counts(_));
        let width = width(plan.span);
        let bucket = record.at.div_euclid(width);
        let at = record.at;
        self.buckets.add(bucket, matched);
        let crossing = self.buckets.crossing(bucket, *share);
        let open = self.opens.iter().position(|open| open.touches(at, plan.span));
        match (crossing, open) {
            (Some((_, counts)), Some(index)) => {
                self.opens[index].raise_peak(counts);
                if matched {
                    self.opens[index].take(record);
                    self.absorb(index, plan.span);
                }
                OPEN
            }
            (Some((end, counts)), None) => {
                if matched {
                    self.keep(record);
                }
                self.open((end - BUCKETS + 1) * width, (end + 1) * width, counts);
                OPEN
            }
            (None, _) => {
                if matched {
                    self.keep(record);
                    if self.records.len() > MATCHES_KEPT {
                        self.pop_front();
                    }
                }
                if open.is_some() {
                    OPEN
                } else {
                    progress(self.buckets.window(bucket).matches, share.min_matches)
                }
            }
        }
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        let until = horizon - plan.span;
        while self.records.front().is_some_and(|record| record.at <= until) {
            self.pop_front();
        }
        self.buckets.forget(until, plan.span);
        self.opens
            .retain(|open| open.fresh || open.figures.last_at + plan.span >= horizon);
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        let records = self.records.back().map(|record| record.at + plan.span - 1);
        let opens = self.opens.iter().map(|open| open.figures.last_at + plan.span);
        let buckets = self.buckets.last_at(plan.span).map(|at| at + plan.span);
        let all = records.into_iter().chain(opens).chain(buckets);
        all.max().unwrap_or(i64::MIN)
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.opens.is_empty() && self.buckets.counts.is_empty()
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
        let buckets = self.buckets.counts.len() * size_of::<(i64, Counts)>();
        self.bytes + buckets + self.opens.iter().map(Open::bytes).sum::<usize>()
    }

    fn rebuild(&mut self, _plan: &Plan) {
        self.bytes = self.records.iter().map(Record::bytes).sum();
    }
}
