//! Whether we would hear of it: a source that says nothing, cannot be read, loses events, is behind or cannot be parsed is a hole in the
//! watch that no detector sees.
//!
//! Takes, once a minute, what was seen of each source and what is expected of it; gives what is wrong, since when, why and what to do, and
//! whom to tell what is new. It opens no incident. Time counts only while somebody looked: when the service was down, or its clock jumped,
//! no source was silent meanwhile.

mod expected;
mod gauge;
mod habit;
mod judge;
mod word;

pub use expected::{Expected, Silence, SourceAlerts};
pub use gauge::Standing;
pub use habit::Habit;
pub use word::{Change, Told, Word};

use crate::event::SourceName;
use crate::page::PageTarget;
use crate::source_cost::Usage;
use chrono::{DateTime, Duration, Utc};
use gauge::Gauge;
use judge::{Minute, signs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often is looked.
#[must_use]
pub fn look_every() -> Duration {
    Duration::minutes(1)
}

/// How much of the time since the look before counts at most: what is longer is a time in which nobody looked.
fn longest_look() -> Duration {
    Duration::minutes(2)
}

/// Who is paged: whoever is on call, and the security lead, as for what the pre-flight finds of the house.
pub const PAGES: [PageTarget; 2] = [PageTarget::OnCall { step: 0 }, PageTarget::Leads];

/// What can be wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It cannot be read, waits for a file that is not there, or refuses what is pushed.
    Failing,
    /// Something of it was dropped, refused, or cannot be read any more.
    Losing,
    /// Too many of its lines cannot be parsed.
    Unreadable,
    /// What it tells is judged too long after it happened, and does not catch up.
    Behind,
    /// No event came for longer than it is used to, or than is allowed.
    Quiet,
}

impl Trouble {
    /// All of them, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Failing,
        Self::Losing,
        Self::Unreadable,
        Self::Behind,
        Self::Quiet,
    ];

    /// As records and the configuration write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Losing => "losing",
            Self::Unreadable => "unreadable",
            Self::Behind => "behind",
            Self::Quiet => "quiet",
        }
    }
}

/// What a source counted since it was first read; only ever grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Events judged.
    pub events: u64,
    /// Of these, such as no parser could read.
    pub unparsed: u64,
    /// Lines that came and could not be kept.
    pub dropped: u64,
    /// Records and connections that were refused.
    pub refused: u64,
    /// Bytes that cannot be read any more.
    pub lost_bytes: u64,
    /// What cannot be read any more and nobody knows how much it was.
    #[serde(default)]
    pub gaps: u64,
}

/// What was used to read a source since it was first read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Calls to a remote service.
    pub calls: u64,
    /// Bytes of log text.
    pub bytes: u64,
}

impl Figures {
    /// What was added since `before`; all of it where a figure fell, since counting began anew then.
    fn since(self, before: Self) -> Self {
        let added = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self {
            events: added(self.events, before.events),
            unparsed: added(self.unparsed, before.unparsed),
            dropped: added(self.dropped, before.dropped),
            refused: added(self.refused, before.refused),
            lost_bytes: added(self.lost_bytes, before.lost_bytes),
            gaps: added(self.gaps, before.gaps),
        }
    }

    fn lost_something(self) -> bool {
        self.dropped > 0 || self.refused > 0 || self.lost_bytes > 0 || self.gaps > 0
    }
}

/// An error that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenError {
    /// Since when.
    pub since: DateTime<Utc>,
    /// What, and what to do.
    pub message: String,
    /// What is pushed is refused, since the disk or the backlog is full: nobody waits with that.
    pub refusing: bool,
}

/// What was seen of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What it counted.
    pub figures: Figures,
    /// What was used to read it.
    pub used: Used,
    /// When the newest event of all happened.
    pub last_event_at: Option<DateTime<Utc>>,
    /// When the newest event of the last reading that gave any happened.
    pub reached_at: Option<DateTime<Utc>>,
    /// When that reading was judged.
    pub judged_at: Option<DateTime<Utc>>,
    /// When it was last read without an error.
    pub last_read_at: Option<DateTime<Utc>>,
    /// The error that stands.
    pub error: Option<SeenError>,
    /// The files that it waits for.
    pub waiting: Vec<String>,
    /// Parts of it that cannot be read while the others are, such as one log group or an object that was set aside, each with the reason.
    pub failing_parts: Vec<String>,
}

/// What is remembered of a source from look to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// When it was first looked at.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last heard of, by the clock of the service; none while it never said anything.
    pub heard_at: Option<DateTime<Utc>>,
    /// For how many seconds it has said nothing while it was looked at and could be read.
    silent: i64,
    /// For how many seconds it was not read while it was looked at.
    unread: i64,
    habit: Habit,
    figures: Figures,
    reached_at: Option<DateTime<Utc>>,
    last_read_at: Option<DateTime<Utc>>,
    /// What came in the last minutes.
    window: Vec<Minute>,
    /// The figures before the loss that is told of.
    whole: Option<Figures>,
    /// What its reading used in the last day.
    #[serde(default)]
    pub usage: Usage,
    gauges: BTreeMap<Trouble, Gauge>,
}

impl Watched {
    fn new(seen: &Seen, at: DateTime<Utc>) -> Self {
        let spoke = seen.figures.events > 0;
        Self {
            first_seen_at: at,
            heard_at: spoke.then_some(at),
            silent: 0,
            unread: 0,
            habit: Habit::default(),
            figures: seen.figures,
            reached_at: seen.reached_at,
            last_read_at: seen.last_read_at,
            window: Vec::new(),
            whole: None,
            usage: Usage::default(),
            gauges: BTreeMap::new(),
        }
    }

    /// What stands and people were told of, the worst first.
    pub fn standing(&self) -> impl Iterator<Item = (Trouble, &Standing)> {
        let standing = |(trouble, gauge): (&Trouble, _)| Some((*trouble, Gauge::standing(gauge)?));
        self.gauges.iter().filter_map(standing)
    }

    /// Takes note of what came since the look before; `counted` of that time counts.
    fn hear(&mut self, seen: &Seen, counted: Duration, at: DateTime<Utc>) -> Figures {
        let added = seen.figures.since(self.figures);
        let read = seen.last_read_at != self.last_read_at;
        self.unread = if read {
            0
        } else {
            self.unread + counted.num_seconds()
        };
        // How long it says nothing is not known while it cannot be read.
        if seen.error.is_none() && seen.waiting.is_empty() {
            self.silent += counted.num_seconds();
        }
        if added.events > 0 {
            if let Some(heard_at) = self.heard_at {
                self.habit.learn(heard_at, self.silent, at);
            }
            self.silent = 0;
            self.heard_at = Some(at);
        }
        self.window.retain(|minute| minute.counts_at(at));
        if added.events > 0 {
            self.window.push(Minute::of(added, at));
        }
        added
    }
}

/// What is remembered of all sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHealth {
    /// When was last looked.
    pub looked_at: Option<DateTime<Utc>>,
    /// By source.
    pub sources: BTreeMap<SourceName, Watched>,
}

impl SourceHealth {
    /// What is known after a look, and what people are to be told. Sources that are not configured any more are forgotten.
    #[must_use]
    pub fn look(
        mut self,
        sources: &BTreeMap<SourceName, (Expected, Seen)>,
        at: DateTime<Utc>,
    ) -> (Self, Word) {
        let passed = self.looked_at.map_or(Duration::zero(), |before| at - before);
        let passed = passed.max(Duration::zero());
        let mut word = Word::default();
        self.sources.retain(|name, _| sources.contains_key(name));
        for (name, (expected, seen)) in sources {
            let known = self.sources.remove(name);
            let mut watched = known.unwrap_or_else(|| Watched::new(seen, at));
            watched.look(name, (expected, seen), (passed, at), &mut word);
            self.sources.insert(name.clone(), watched);
        }
        self.looked_at = Some(at);
        (self, word)
    }

    /// How many sources something is wrong with.
    #[must_use]
    pub fn troubled(&self) -> usize {
        self.sources
            .values()
            .filter(|watched| watched.standing().next().is_some())
            .count()
    }
}

impl Watched {
    fn look(
        &mut self,
        name: &SourceName,
        (expected, seen): (&Expected, &Seen),
        (passed, at): (Duration, DateTime<Utc>),
        word: &mut Word,
    ) {
        let counted = passed.min(longest_look());
        self.usage.note(seen.used.calls, seen.used.bytes, at);
        let added = self.hear(seen, counted, at);
        if added.lost_something() && self.whole.is_none() {
            self.whole = Some(self.figures);
        }
        for (trouble, sign) in signs(self, expected, seen, (added, passed), at) {
            if expected.off.contains(&trouble) {
                self.gauges.remove(&trouble);
                continue;
            }
            let gauge = self.gauges.entry(trouble).or_default();
            let Some(change) = gauge.feel(sign, counted, at, expected.again_after) else {
                continue;
            };
            word.0.push(change.told(name, trouble));
        }
        let losing = self.gauges.get(&Trouble::Losing);
        if losing.is_none_or(|gauge| gauge.standing().is_none()) {
            self.whole = None;
        }
        self.gauges.retain(|_, gauge| !gauge.is_at_rest());
        self.figures = seen.figures;
        self.reached_at = seen.reached_at;
        self.last_read_at = seen.last_read_at;
    }
}
