//! What is known of each source: how far its events have come, which of them were counted already, and which groups to look at
//! when it has come further.

use crate::limits::Limits;
use crate::window::{Chunked, Pile, Sharded, Timed};
use chrono::{DateTime, Duration, Utc};
use std::collections::{HashMap, VecDeque};
use watchkeeper_domain::event::SourceName;

/// Ids that are remembered are forgotten by slots of time: a sixty-fourth of the lateness.
const SLOTS: i64 = 64;

/// How many ids that are over are forgotten with each event: more than one, so that they become fewer.
const FORGOTTEN_AT_ONCE: usize = 64;

/// One source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: SourceName,
    /// The newest instant it told, in microseconds; None before its first event.
    watermark: Option<i64>,
    lateness: i64,
    pub(crate) counted: Ids,
    /// Groups to look at, by the instant that the horizon must have passed.
    pub(crate) timers: Chunked<Timer>,
    pub(crate) drops: SourceDrops,
    /// Whether a delta must tell of it.
    pub(crate) changed: bool,
    /// The set of this source alone.
    pub(crate) alone: u32,
    /// The correlations that know that it is there, of those that watch for silence; they are told again after a restart.
    pub(crate) watched_by: Vec<usize>,
}

/// That a group is to be looked at. The group may be gone by then or have another timer: then this one means nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    pub(crate) due: i64,
    pub(crate) table: u32,
    pub(crate) place: u32,
}

impl Timed for Timer {
    fn at(&self) -> i64 {
        self.due
    }
}

/// What was dropped of one source's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SourceDrops {
    pub(crate) late: u64,
    pub(crate) future: u64,
    pub(crate) duplicate: u64,
    pub(crate) ids_forgotten: u64,
}

/// When an event counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The instant it counts at.
    pub(crate) at: i64,
    /// Whether it comes too late to be counted.
    pub(crate) late: bool,
}

/// Hashes of the ids of counted events: no longer than the lateness, since what comes later than that is not counted anyway.
#[derive(Debug)]
pub(crate) struct Ids {
    known: Sharded<u64>,
    /// By slot, ascending.
    by_time: VecDeque<(i64, Pile<u64>)>,
    width: i64,
    limit: usize,
    /// Ids that no delta has; None while nobody asks for deltas.
    unwritten: Option<Pile<(i64, u64)>>,
}

fn itself(id: &u64) -> u64 {
    *id
}

impl Ids {
    fn new(lateness: i64, limit: usize) -> Self {
        Self {
            known: Sharded::within(limit.max(1)),
            by_time: VecDeque::new(),
            width: (lateness / SLOTS).max(1_000),
            limit,
            unwritten: None,
        }
    }

    /// Remembers an id; false if it was known. The second figure is how many ids were forgotten early to stay within the limit.
    fn remember(&mut self, at: i64, id: impl FnOnce() -> u64, horizon: i64) -> (bool, u64) {
        if self.limit == 0 {
            return (true, 0);
        }
        let id = id();
        if !self.put(at, id) {
            return (false, 0);
        }
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.push((at, id));
        }
        let mut forgotten = 0;
        while self.known.len() > self.limit {
            forgotten += u64::from(self.forget_oldest() >= horizon);
        }
        (true, forgotten)
    }

    fn put(&mut self, at: i64, id: u64) -> bool {
        if !self.known.insert_new(id, id, itself) {
            return false;
        }
        let slot = at.div_euclid(self.width);
        match self.by_time.back_mut() {
            Some((newest, ids)) if *newest == slot => ids.push(id),
            _ => self.put_apart(slot, id),
        }
        true
    }

    fn put_apart(&mut self, slot: i64, id: u64) {
        let place = self.by_time.partition_point(|(known, _)| *known < slot);
        match self.by_time.get_mut(place) {
            Some((known, ids)) if *known == slot => ids.push(id),
            _ => {
                let mut ids = Pile::default();
                ids.push(id);
                self.by_time.insert(place, (slot, ids));
            }
        }
    }

    /// Forgets one id of the oldest slot; tells where the slot ends.
    fn forget_oldest(&mut self) -> i64 {
        let Some((slot, ids)) = self.by_time.front_mut() else {
            return i64::MAX;
        };
        let end = (*slot + 1) * self.width;
        if let Some(id) = ids.pop() {
            self.known.remove(id, |known| *known == id);
        }
        if ids.is_empty() {
            self.by_time.pop_front();
        }
        end
    }

    fn forget_before(&mut self, horizon: i64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let first = self.by_time.front();
            if first.is_none_or(|(slot, _)| (slot + 1) * self.width > horizon) {
                return;
            }
            self.forget_oldest();
        }
    }

    /// From now on notes which ids come; those that are known count as new.
    pub(crate) fn note_changes(&mut self) {
        if self.unwritten.is_none() {
            let mut unwritten = Pile::default();
            for (slot, ids) in &self.by_time {
                // The slot's last instant: one that is too early would let a restart forget the id too soon.
                let at = (slot + 1) * self.width - 1;
                ids.iter().for_each(|id| unwritten.push((at, *id)));
            }
            self.unwritten = Some(unwritten);
        }
    }

    pub(crate) fn unwritten(&self) -> usize {
        self.unwritten.as_ref().map_or(0, Pile::len)
    }

    pub(crate) fn take_unwritten(&mut self) -> Pile<(i64, u64)> {
        self.unwritten.replace(Pile::default()).unwrap_or_default()
    }
}

impl Source {
    fn new(name: SourceName, limits: &Limits, alone: u32) -> Self {
        let lateness = limits.lateness_for(&name).max(Duration::zero());
        let lateness = lateness
            .num_microseconds()
            .unwrap_or(i64::MAX / 4)
            .min(i64::MAX / 4);
        Self {
            name,
            watermark: None,
            lateness,
            counted: Ids::new(lateness, limits.remembered_ids),
            timers: Chunked::default(),
            drops: SourceDrops::default(),
            changed: true,
            alone,
            watched_by: Vec::new(),
        }
    }

    pub(crate) fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// The instant before which events are late.
    pub(crate) fn horizon(&self) -> i64 {
        self.watermark.map_or(i64::MIN / 4, |watermark| {
            watermark.saturating_sub(self.lateness).max(i64::MIN / 4)
        })
    }

    /// Judges when an event counts, and moves the watermark, unless the event claims to be from the future.
    pub(crate) fn arrive(
        &mut self,
        claimed: DateTime<Utc>,
        collected: DateTime<Utc>,
        skew: Duration,
    ) -> Arrival {
        let future = claimed - collected > skew;
        let at = micros(if future { collected } else { claimed });
        let late = at < self.horizon();
        if future {
            self.drops.future += 1;
            self.changed = true;
        } else {
            self.advance(at);
        }
        Arrival { at, late }
    }

    /// Moves the watermark on to `to`; never back.
    pub(crate) fn advance(&mut self, to: i64) {
        if self.watermark.is_none_or(|watermark| watermark < to) {
            self.watermark = Some(to);
            self.changed = true;
        }
        let horizon = self.horizon();
        self.counted.forget_before(horizon);
    }

    /// Remembers an event that is counted; false if it was counted before. Its id is hashed only where it is remembered.
    pub(crate) fn count_once(&mut self, at: i64, id: impl FnOnce() -> u64) -> bool {
        let (first, forgotten) = self.counted.remember(at, id, self.horizon());
        self.drops.ids_forgotten += forgotten;
        self.drops.duplicate += u64::from(!first);
        self.changed = true;
        first
    }

    /// Whether some timer's instant has passed.
    pub(crate) fn overdue(&self) -> bool {
        self.timers
            .front()
            .is_some_and(|timer| timer.due < self.horizon())
    }

    /// Takes the next timer whose instant has passed.
    pub(crate) fn take_overdue(&mut self) -> Option<Timer> {
        if self.overdue() {
            self.timers.pop_front()
        } else {
            None
        }
    }
}

/// All sources, by the number that records name them by, and the sets of them that groups have.
#[derive(Debug)]
pub(crate) struct Sources {
    all: Vec<Source>,
    numbers: HashMap<SourceName, u32>,
    /// The source that was asked for last.
    latest: u32,
    sets: SourceSets,
    nameless: SourceName,
}

/// Sets of sources by number, each once: a group needs four bytes for its set. Set 0 is empty.
#[derive(Debug)]
pub(crate) struct SourceSets {
    members: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, u32>,
    joined: HashMap<(u32, u32), u32>,
}

impl Default for SourceSets {
    fn default() -> Self {
        Self {
            members: vec![Vec::new()],
            numbers: HashMap::from([(Vec::new(), 0)]),
            joined: HashMap::new(),
        }
    }
}

impl SourceSets {
    pub(crate) fn members(&self, set: u32) -> &[u32] {
        self.members.get(set as usize).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn number(&mut self, members: Vec<u32>) -> u32 {
        if let Some(number) = self.numbers.get(&members) {
            return *number;
        }
        let number = u32::try_from(self.members.len()).unwrap_or(0);
        self.members.push(members.clone());
        self.numbers.insert(members, number);
        number
    }

    /// The set with one more source.
    fn with(&mut self, set: u32, source: u32) -> u32 {
        if self.members(set).contains(&source) {
            return set;
        }
        if let Some(joined) = self.joined.get(&(set, source)) {
            return *joined;
        }
        let mut members = self.members(set).to_vec();
        members.push(source);
        members.sort_unstable();
        let joined = self.number(members);
        self.joined.insert((set, source), joined);
        joined
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            numbers: HashMap::new(),
            latest: 0,
            sets: SourceSets::default(),
            nameless: SourceName(String::new()),
        }
    }
}

impl Sources {
    pub(crate) fn number(&mut self, name: &SourceName, limits: &Limits) -> u32 {
        // Events come in runs of one source.
        if self
            .all
            .get(self.latest as usize)
            .is_some_and(|source| source.name == *name)
        {
            return self.latest;
        }
        self.latest = self.find_or_begin(name, limits);
        self.latest
    }

    fn find_or_begin(&mut self, name: &SourceName, limits: &Limits) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let alone = self.sets.number(vec![number]);
        self.all.push(Source::new(name.clone(), limits, alone));
        self.numbers.insert(name.clone(), number);
        number
    }

    pub(crate) fn get(&mut self, number: u32) -> &mut Source {
        &mut self.all[number as usize]
    }

    pub(crate) fn all(&self) -> &[Source] {
        &self.all
    }

    pub(crate) fn all_mut(&mut self) -> &mut [Source] {
        &mut self.all
    }

    pub(crate) fn sets(&mut self) -> &mut SourceSets {
        &mut self.sets
    }

    pub(crate) fn members(&self, set: u32) -> &[u32] {
        self.sets.members(set)
    }

    pub(crate) fn name(&self, number: u32) -> &SourceName {
        self.all
            .get(number as usize)
            .map_or(&self.nameless, |source| &source.name)
    }

    /// The set of a group that gets an event of `source`.
    pub(crate) fn with(&mut self, set: u32, source: u32) -> u32 {
        if set == 0 {
            return self.all.get(source as usize).map_or(0, |source| source.alone);
        }
        self.sets.with(set, source)
    }

    /// The source of a set that is furthest behind, and its horizon.
    pub(crate) fn slowest(&self, set: u32) -> (u32, i64) {
        let members = self.sets.members(set).iter();
        let horizons =
            members.filter_map(|number| Some((*number, self.all.get(*number as usize)?.horizon())));
        horizons
            .min_by_key(|(_, horizon)| *horizon)
            .unwrap_or((0, i64::MIN / 4))
    }

    /// Puts a source back as deltas knew it.
    pub(crate) fn restore(
        &mut self,
        name: &SourceName,
        watermark: Option<i64>,
        drops: SourceDrops,
        counted: impl IntoIterator<Item = (i64, u64)>,
        limits: &Limits,
    ) {
        let number = self.number(name, limits);
        let source = self.get(number);
        (source.watermark, source.drops, source.changed) = (watermark, drops, false);
        let horizon = source.horizon();
        for (at, id) in counted {
            source.counted.put(at, id);
        }
        while source.counted.known.len() > source.counted.limit {
            source.counted.forget_oldest();
        }
        source.counted.unwritten = Some(Pile::default());
        source.counted.forget_before(horizon);
    }
}

/// Microseconds since 1970.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}
