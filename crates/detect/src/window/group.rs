//! One group of one rule: its undecided events, and the detections that are open.

use super::figures::{Figures, Record};
use super::newest::Newest;
use super::ratio::Buckets;
use super::{Decide, OPEN, Plan, Progress, progress};
use crate::sigma::correlation::Bound;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use watchkeeper_domain::detection::EVIDENCE_LIMIT;

/// What a group remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Undecided events, by time.
    pub(crate) records: VecDeque<Record>,
    /// Detections that can still grow, by first event.
    pub(crate) opens: Vec<Open>,
    /// The sources its events came from.
    pub(crate) sources: BTreeSet<u32>,
    /// For shares: the counts by time.
    pub(super) buckets: Buckets,
    #[serde(skip)]
    newest: Option<Newest>,
    #[serde(skip)]
    pub(super) rank: Option<(Progress, i64)>,
    /// When to look at it again: the source whose watermark tells, and the instant that must have passed.
    #[serde(skip)]
    pub(crate) timer: Option<(u32, i64)>,
}

/// A detection that can still grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// The first event as it was when the detection fired: its id follows from it and does not change.
    pub(crate) first: (u32, String),
    pub(crate) figures: Figures,
    /// The highest share so far: matching events, and all.
    pub(crate) peak: Option<(u64, u64)>,
    /// Whether it changed since it was last handed out.
    pub(crate) fresh: bool,
}

impl Open {
    pub(super) fn touches(&self, at: i64, span: i64) -> bool {
        at >= self.figures.first_at - span && at <= self.figures.last_at + span
    }

    pub(super) fn take(&mut self, record: Record) {
        self.figures.take(record);
        self.fresh = true;
    }
}

impl Group {
    /// Counts an event that is not yet known. `matched` is false for the mere base of a share. Tells how near the threshold it is.
    pub(crate) fn add(&mut self, plan: &Plan, record: Record, matched: bool) -> Progress {
        self.sources.insert(record.source);
        match &plan.decide {
            Decide::Share(share) => self.add_share(plan, *share, record, matched),
            Decide::EventsAtEnd(bounds) | Decide::ValuesAtEnd(bounds) => {
                self.insert(record);
                let highest = bounds.iter().map(|(_, count)| *count).max().unwrap_or(1);
                self.shorten(plan, highest);
                progress(self.records.len() as u64, highest)
            }
            Decide::Events(count) | Decide::Values(count) => self.add_counted(plan, *count, record),
        }
    }

    fn add_counted(&mut self, plan: &Plan, count: u64, record: Record) -> Progress {
        if let Some(index) = self
            .opens
            .iter()
            .position(|open| open.touches(record.at, plan.span))
        {
            self.join(index, record, plan.span);
            return OPEN;
        }
        let at = record.at;
        let values = matches!(plan.decide, Decide::Values(_));
        let mut newest = values.then(|| {
            self.newest
                .take()
                .unwrap_or_else(|| Newest::of(&self.records, plan.span))
        });
        let ends_window = newest
            .as_mut()
            .map(|newest| newest.add(&record, &self.records, plan.span));
        let position = self.insert(record);
        let crossing = match (&newest, ends_window) {
            (Some(newest), Some(true)) => (newest.distinct() as u64 >= count).then_some(at),
            (Some(_), _) => self.values_crossing(at, plan.span, count),
            (None, _) => self.events_crossing(position, plan.span, count),
        };
        let reached = newest.as_ref().map_or_else(
            || self.newest_events(plan.span),
            |newest| newest.distinct() as u64,
        );
        self.newest = newest;
        if let Some(end) = crossing {
            self.open(end, plan.span);
            return OPEN;
        }
        self.shorten(plan, count);
        progress(reached, count)
    }

    /// Puts a record among the others by time; tells where.
    pub(super) fn insert(&mut self, record: Record) -> usize {
        let position = self.records.partition_point(|known| known.at <= record.at);
        self.records.insert(position, record);
        // Evidence is the first events and the last: the lines in between only cost memory.
        if self.records.len() > EVIDENCE_LIMIT {
            let middle = EVIDENCE_LIMIT / 2;
            let index = if position >= self.records.len() - middle {
                self.records.len() - middle - 1
            } else {
                middle
            };
            self.records[index].line = None;
        }
        position
    }

    fn newest_events(&self, span: i64) -> u64 {
        let Some(last) = self.records.back() else { return 0 };
        (self.records.len() - self.records.partition_point(|record| record.at <= last.at - span)) as u64
    }

    /// The end of the earliest window with `count` events that the event at `position` completes.
    fn events_crossing(&self, position: usize, span: i64, count: u64) -> Option<i64> {
        let count = usize::try_from(count).ok()?;
        let first = (position + 1).saturating_sub(count);
        let mut ends = (first..=position).map(|start| (start, start + count - 1));
        ends.find_map(|(start, end)| {
            let end = self.records.get(end)?;
            (end.at - self.records[start].at < span).then_some(end.at)
        })
    }

    /// The end of the earliest window around `at` with `count` distinct values, for an event that came late.
    fn values_crossing(&self, at: i64, span: i64, count: u64) -> Option<i64> {
        let from = self.records.partition_point(|record| record.at <= at - span);
        let to = self.records.partition_point(|record| record.at < at + span);
        if ((to - from) as u64) < count {
            return None;
        }
        let mut counts: HashMap<&str, u32> = HashMap::new();
        let mut start = from;
        for end in from..to {
            let record = &self.records[end];
            if let Some(value) = &record.value {
                *counts.entry(value).or_default() += 1;
            }
            while self.records[start].at <= record.at - span {
                if let Some(value) = &self.records[start].value
                    && let Some(count) = counts.get_mut(value.as_str())
                {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(value.as_str());
                    }
                }
                start += 1;
            }
            if record.at >= at && counts.len() as u64 >= count {
                return Some(record.at);
            }
        }
        None
    }

    /// Opens a detection with the window that ends at `end`.
    fn open(&mut self, end: i64, span: i64) {
        let from = self.records.partition_point(|record| record.at <= end - span);
        let to = self.records.partition_point(|record| record.at <= end);
        let taken: Vec<_> = self.records.drain(from..to).collect();
        let Some(first) = taken.first() else { return };
        let mut open = Open {
            first: (first.source, first.event.clone()),
            figures: Figures::default(),
            peak: None,
            fresh: true,
        };
        taken.into_iter().for_each(|record| open.take(record));
        let index = self
            .opens
            .partition_point(|known| known.figures.first_at <= open.figures.first_at);
        self.opens.insert(index, open);
        self.absorb(index, i64::MIN, span);
        self.newest = None;
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
            self.newest = None;
        }
    }

    /// Takes undecided events into an open detection: those after `from` or its first event, as long as each touches it.
    pub(super) fn absorb(&mut self, index: usize, from: i64, span: i64) {
        let open = &mut self.opens[index];
        let from = if from == i64::MIN {
            open.figures.first_at
        } else {
            from
        };
        let start = self.records.partition_point(|record| record.at < from);
        while self
            .records
            .get(start)
            .is_some_and(|record| record.at <= open.figures.last_at + span)
        {
            if let Some(record) = self.records.remove(start) {
                open.take(record);
            }
        }
    }

    /// Puts repeated values together once a group holds many more records than it could need to decide.
    fn shorten(&mut self, plan: &Plan, count: u64) {
        let enough = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(8)
            .max(512);
        if self.records.len() <= enough || !matches!(plan.decide, Decide::Values(_) | Decide::ValuesAtEnd(_))
        {
            if self.records.len() > enough && plan.decide.at_end() {
                self.join_last_two();
            }
            return;
        }
        let kept = std::mem::take(&mut self.records);
        let mut by_value: HashMap<Option<String>, Vec<usize>> = HashMap::new();
        let mut records: Vec<Option<Record>> = kept.into_iter().map(Some).collect();
        for index in 0..records.len() {
            let Some(value) = records[index].as_ref().map(|record| record.value.clone()) else {
                continue;
            };
            let seen = by_value.entry(value).or_default();
            if let [.., before, middle] = seen[..]
                && let (Some(a), Some(c)) = (&records[before], &records[index])
                && c.at - a.at <= plan.span
            {
                // A window that holds the middle one also holds one of its neighbours, so the distinct count stays the same.
                if let (Some(gone), Some(stays)) = (records[middle].take(), &mut records[index]) {
                    stays.weight += gone.weight;
                    merge_names(stays, gone);
                }
                seen.pop();
            }
            seen.push(index);
        }
        self.records = records.into_iter().flatten().collect();
        self.newest = None;
        if self.records.len() > enough && plan.decide.at_end() {
            self.join_last_two();
        }
    }

    /// A group with this many records has long passed every count its condition names: neighbours may stand for one another.
    fn join_last_two(&mut self) {
        let length = self.records.len();
        if let Some(gone) = self.records.remove(length - 2)
            && let Some(stays) = self.records.back_mut()
        {
            stays.weight += gone.weight;
            merge_names(stays, gone);
        }
    }

    /// Forgets what no event can touch any more, and decides windows that have ended. `horizon` is the instant before which
    /// every event of the group's sources would be late.
    pub(crate) fn settle(&mut self, plan: &Plan, horizon: i64) {
        if plan.decide.at_end() {
            self.judge_ended(plan, horizon);
        } else {
            while let Some(record) = self
                .records
                .front()
                .filter(|record| record.at <= horizon - plan.span)
            {
                if let Some(newest) = &mut self.newest {
                    newest.remove(record);
                }
                self.records.pop_front();
            }
        }
        self.buckets.forget(horizon - plan.span, plan.span);
        // One that is fresh is handed out first; what is over and handed out is forgotten.
        self.opens
            .retain(|open| open.fresh || over_after(open, plan) >= horizon);
    }

    fn judge_ended(&mut self, plan: &Plan, horizon: i64) {
        while let Some(start) = self
            .records
            .front()
            .map(|record| record.at)
            .filter(|at| at + plan.span <= horizon)
        {
            let end = self
                .records
                .partition_point(|record| record.at < start + plan.span);
            let window: Vec<_> = self.records.drain(..end).collect();
            if !holds(&plan.decide, &window) {
                continue;
            }
            let follows = self
                .opens
                .last()
                .is_some_and(|open| start <= open.figures.last_at + plan.span);
            if !follows {
                self.opens.push(Open {
                    first: (window[0].source, window[0].event.clone()),
                    figures: Figures::default(),
                    peak: None,
                    fresh: true,
                });
            }
            if let Some(open) = self.opens.last_mut() {
                window.into_iter().for_each(|record| open.take(record));
            }
        }
    }

    /// How near the threshold the group is, from what it remembers.
    pub(super) fn progress(&self, plan: &Plan) -> Progress {
        if !self.opens.is_empty() {
            return OPEN;
        }
        match &plan.decide {
            Decide::Events(count) => progress(self.newest_events(plan.span), *count),
            Decide::Values(count) => progress(Newest::of(&self.records, plan.span).distinct() as u64, *count),
            Decide::EventsAtEnd(bounds) | Decide::ValuesAtEnd(bounds) => progress(
                self.records.len() as u64,
                bounds.iter().map(|(_, count)| *count).max().unwrap_or(1),
            ),
            Decide::Share(share) => progress(self.records.len() as u64, share.min_matches),
        }
    }

    /// The newest instant it remembers.
    pub(super) fn last_at(&self) -> Option<i64> {
        let opens = self.opens.iter().map(|open| open.figures.last_at);
        opens.chain(self.records.back().map(|record| record.at)).max()
    }

    /// Whether every source it names has a number below `count`: a snapshot could be damaged.
    pub(crate) fn names_sources_below(&self, count: u32) -> bool {
        let kept = |open: &Open| {
            open.figures
                .head
                .iter()
                .chain(&open.figures.tail)
                .map(|kept| kept.source)
                .collect::<Vec<_>>()
        };
        let traced = |open: &Open| {
            open.figures
                .tenants
                .values()
                .map(|trace| trace.first.0)
                .collect::<Vec<_>>()
        };
        self.sources.iter().all(|source| *source < count)
            && self.records.iter().all(|record| record.source < count)
            && self.opens.iter().all(|open| {
                open.first.0 < count && kept(open).iter().chain(&traced(open)).all(|s| *s < count)
            })
    }

    /// Whether nothing is left to remember.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.opens.is_empty() && self.buckets.is_empty()
    }

    /// The instant that must have passed before [`Self::settle`] has something to do.
    pub(crate) fn due_after(&self, plan: &Plan) -> i64 {
        if plan.decide.at_end()
            && let Some(first) = self.records.front()
        {
            return first.at + plan.span - 1;
        }
        let records = self.records.back().map(|record| record.at + plan.span - 1);
        let opens = self.opens.iter().map(|open| over_after(open, plan));
        let buckets = self.buckets.last_at(plan.span).map(|at| at + plan.span);
        records
            .into_iter()
            .chain(opens)
            .chain(buckets)
            .max()
            .unwrap_or(i64::MIN)
    }
}

/// The instant after which nothing can join a detection any more. Where windows are judged at their end, one that began within a
/// timespan of the last event is judged a timespan later.
fn over_after(open: &Open, plan: &Plan) -> i64 {
    let spans = if plan.decide.at_end() { 2 } else { 1 };
    open.figures.last_at + plan.span * spans
}

fn merge_names(stays: &mut Record, gone: Record) {
    for tenant in gone.tenants {
        if !stays.tenants.contains(&tenant) {
            stays.tenants.push(tenant);
        }
    }
    for actor in gone.actors {
        if !stays.actors.contains(&actor) {
            stays.actors.push(actor);
        }
    }
}

fn holds(decide: &Decide, window: &[Record]) -> bool {
    let all =
        |bounds: &[(Bound, u64)], found: u64| bounds.iter().all(|(bound, asked)| bound.holds(found, *asked));
    match decide {
        Decide::EventsAtEnd(bounds) => all(bounds, window.iter().map(|record| record.weight).sum()),
        Decide::ValuesAtEnd(bounds) => {
            let values: HashSet<_> = window
                .iter()
                .filter_map(|record| record.value.as_deref())
                .collect();
            all(bounds, values.len() as u64)
        }
        Decide::Events(_) | Decide::Values(_) | Decide::Share(_) => false,
    }
}
