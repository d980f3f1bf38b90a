//! Shares: matching events among a base, counted in sixty buckets a timespan, since a base can be all traffic.

use super::figures::{Figures, Record};
use super::group::{Group, Open};
use super::{OPEN, Plan, Progress, progress};
use crate::sigma::correlation::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many buckets a timespan has: the window slides in steps of a sixtieth.
const BUCKETS: i64 = 60;

/// How many matching events are kept for evidence and tenants while the share is undecided; all are counted.
const MATCHES_KEPT: usize = 1_000;

/// Counts by bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Buckets {
    counts: BTreeMap<i64, Counts>,
    #[serde(skip)]
    newest: Option<(i64, Counts)>,
}

/// All events of the base, and those among them that match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) matches: u64,
}

fn width(span: i64) -> i64 {
    (span / BUCKETS).max(1)
}

impl Buckets {
    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The end of the newest bucket.
    pub(super) fn last_at(&self, span: i64) -> Option<i64> {
        self.counts
            .last_key_value()
            .map(|(bucket, _)| (bucket + 1) * width(span))
    }

    pub(super) fn forget(&mut self, until: i64, span: i64) {
        let first = until.div_euclid(width(span));
        while self
            .counts
            .first_key_value()
            .is_some_and(|(bucket, _)| *bucket < first)
        {
            self.counts.pop_first();
        }
    }

    fn add(&mut self, bucket: i64, matched: bool) {
        let counts = self.counts.entry(bucket).or_default();
        counts.events += 1;
        counts.matches += u64::from(matched);
        if let Some((end, counts)) = &mut self.newest
            && bucket <= *end
            && bucket > *end - BUCKETS
        {
            counts.events += 1;
            counts.matches += u64::from(matched);
        }
    }

    /// The counts of the window that ends with bucket `end`.
    fn window(&mut self, end: i64) -> Counts {
        if let Some((known, counts)) = self.newest
            && known == end
        {
            return counts;
        }
        let mut sum = Counts::default();
        for counts in self
            .counts
            .range(end - BUCKETS + 1..=end)
            .map(|(_, counts)| counts)
        {
            sum.events += counts.events;
            sum.matches += counts.matches;
        }
        if self.counts.last_key_value().is_some_and(|(last, _)| *last <= end) {
            self.newest = Some((end, sum));
        }
        sum
    }

    /// The first window holding bucket `bucket` in which the share fires.
    fn crossing(&mut self, bucket: i64, share: Share) -> Option<(i64, Counts)> {
        let last = self.counts.last_key_value().map_or(bucket, |(last, _)| *last);
        (bucket..=last.min(bucket + BUCKETS - 1)).find_map(|end| {
            let counts = self.window(end);
            share
                .holds(counts.matches, counts.events)
                .then_some((end, counts))
        })
    }
}

impl Group {
    pub(super) fn add_share(&mut self, plan: &Plan, share: Share, record: Record, matched: bool) -> Progress {
        let width = width(plan.span);
        let bucket = record.at.div_euclid(width);
        let at = record.at;
        self.buckets.add(bucket, matched);
        let crossing = self.buckets.crossing(bucket, share);
        let open = self.opens.iter().position(|open| open.touches(at, plan.span));
        match (crossing, open) {
            (Some((_, counts)), Some(index)) => {
                self.opens[index].raise_peak(counts);
                if matched {
                    self.opens[index].take(record);
                    self.absorb(index, i64::MIN, plan.span);
                }
                OPEN
            }
            (Some((end, counts)), None) => {
                if matched {
                    self.insert(record);
                }
                self.open_share((end - BUCKETS + 1) * width, (end + 1) * width, counts);
                OPEN
            }
            (None, _) => {
                if matched {
                    self.insert(record);
                    if self.records.len() > MATCHES_KEPT {
                        self.records.pop_front();
                    }
                }
                let newest = self.buckets.window(bucket);
                if open.is_some() {
                    OPEN
                } else {
                    progress(newest.matches, share.min_matches)
                }
            }
        }
    }

    fn open_share(&mut self, from: i64, to: i64, counts: Counts) {
        let start = self.records.partition_point(|record| record.at < from);
        let end = self.records.partition_point(|record| record.at < to);
        let taken: Vec<_> = self.records.drain(start..end).collect();
        let Some(first) = taken.first() else { return };
        let mut open = Open {
            first: (first.source, first.event.clone()),
            figures: Figures::default(),
            peak: None,
            fresh: true,
        };
        taken.into_iter().for_each(|record| open.take(record));
        // Matching events beyond those that were kept are counted all the same.
        open.figures.events = open.figures.events.max(counts.matches);
        open.raise_peak(counts);
        let index = self
            .opens
            .partition_point(|known| known.figures.first_at <= open.figures.first_at);
        self.opens.insert(index, open);
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
