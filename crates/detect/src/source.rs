//! What is known of each source: how far its events have come, and which of them were counted already.

use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeSet, HashMap, HashSet};
use watchkeeper_domain::event::{Event, SourceName};

use crate::limits::Limits;
use crate::window::hash;

/// One source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: SourceName,
    /// The newest instant it told, in microseconds; None before its first event.
    pub(crate) watermark: Option<i64>,
    lateness: i64,
    /// Ids of counted events by time: no longer than the lateness, since what comes later than that is not counted anyway.
    pub(crate) counted: BTreeSet<(i64, u64)>,
    ids: HashSet<u64>,
}

/// When an event counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The instant it counts at.
    pub(crate) at: i64,
    /// Whether it claimed to be from the future.
    pub(crate) future: bool,
    /// Whether it comes too late to be counted.
    pub(crate) late: bool,
}

impl Source {
    fn new(name: SourceName, limits: &Limits) -> Self {
        let lateness = limits.lateness_for(&name).max(Duration::zero());
        Self {
            name,
            watermark: None,
            lateness: lateness.num_microseconds().unwrap_or(i64::MAX / 4),
            counted: BTreeSet::new(),
            ids: HashSet::new(),
        }
    }

    /// The instant before which events are late.
    pub(crate) fn horizon(&self) -> i64 {
        self.watermark
            .map_or(i64::MIN / 4, |watermark| watermark.saturating_sub(self.lateness))
    }

    /// Judges when an event counts, and moves the watermark, unless the event claims to be from the future.
    pub(crate) fn arrive(&mut self, event: &Event, skew: Duration) -> Arrival {
        let claimed = event.at;
        let future = claimed - event.collected_at > skew;
        let at = if future { event.collected_at } else { claimed }.timestamp_micros();
        let late = at < self.horizon();
        if !future {
            self.advance(at);
        }
        Arrival { at, future, late }
    }

    /// Moves the watermark on to `to`; never back.
    pub(crate) fn advance(&mut self, to: i64) {
        if self.watermark.is_none_or(|watermark| watermark < to) {
            self.watermark = Some(to);
            self.forget_before(self.horizon());
        }
    }

    /// Remembers an event that is counted; false if it was counted before. The second figure is how many ids were forgotten
    /// early to stay within `limit`.
    pub(crate) fn count_once(&mut self, at: i64, event: &str, limit: usize) -> (bool, u64) {
        let id = hash(&[event]);
        if !self.ids.insert(id) {
            return (false, 0);
        }
        self.counted.insert((at, id));
        let mut forgotten = 0;
        while self.counted.len() > limit.max(1) {
            if let Some((_, id)) = self.counted.pop_first() {
                self.ids.remove(&id);
                forgotten += 1;
            }
        }
        (true, forgotten)
    }

    fn forget_before(&mut self, horizon: i64) {
        while self.counted.first().is_some_and(|(at, _)| *at < horizon) {
            if let Some((_, id)) = self.counted.pop_first() {
                self.ids.remove(&id);
            }
        }
    }
}

/// All sources, by the number that records name them by.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) all: Vec<Source>,
    numbers: HashMap<SourceName, u32>,
}

impl Sources {
    pub(crate) fn number(&mut self, name: &SourceName, limits: &Limits) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Source::new(name.clone(), limits));
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(crate) fn get(&mut self, number: u32) -> &mut Source {
        &mut self.all[number as usize]
    }

    pub(crate) fn name(&self, number: u32) -> &SourceName {
        &self.all[number as usize].name
    }

    /// The source among `numbers` that is furthest behind, and its horizon.
    pub(crate) fn slowest(&self, numbers: &BTreeSet<u32>) -> (u32, i64) {
        let horizons = numbers
            .iter()
            .map(|number| (*number, self.all[*number as usize].horizon()));
        horizons
            .min_by_key(|(_, horizon)| *horizon)
            .unwrap_or((0, i64::MIN / 4))
    }

    /// Puts a source back as a snapshot knew it.
    pub(crate) fn restore(
        &mut self,
        name: &SourceName,
        watermark: Option<i64>,
        counted: Vec<(i64, u64)>,
        limits: &Limits,
    ) -> u32 {
        let number = self.number(name, limits);
        let source = self.get(number);
        source.watermark = watermark;
        source.ids = counted.iter().map(|(_, id)| *id).collect();
        source.counted = counted.into_iter().collect();
        number
    }
}

/// Microseconds since 1970.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}
