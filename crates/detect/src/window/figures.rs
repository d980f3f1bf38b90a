//! The sums of a detection: each event is read once, and then forgotten but for a few.
//!
//! A window that opens a detection can hold thousands of events, and reading all of them while one event is judged would stall
//! the others. They wait as they are and are read in slices, at the latest when the detection is handed out or written down.

use super::record::{Line, Name, Record};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use watchkeeper_domain::detection::{EVIDENCE_LIMIT, TENANT_LIMIT};

/// How many distinct values a detection counts exactly; beyond, it says "more than".
pub(crate) const VALUES_COUNTED: usize = 1_000;

/// How many of the distinct values a detection names.
const VALUES_NAMED: usize = 5;

/// More actors than this by one field, and the field says nothing about who it was (see `Detection::entities`).
pub(crate) const ACTORS_NAMED: usize = 3;

/// How many waiting events are read for each that comes: more than one, so that the waiting ones become fewer.
const READ_AT_ONCE: usize = 64;

/// An event kept as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) source: u32,
    pub(crate) event: String,
    /// When the event says it happened.
    pub(crate) at: i64,
    /// Where its line stands, until it is read.
    pub(crate) line: Line,
    /// The line, once the detection was handed out: it stays though the kept lines move on.
    pub(crate) raw: Option<String>,
}

/// What the events of a detection say about one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) events: u64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) first: (u32, String),
}

/// The sums of a detection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Events that were read.
    pub(crate) events: u64,
    /// The first event, whether it was read or waits.
    pub(crate) first_at: i64,
    /// The last event, whether it was read or waits.
    pub(crate) last_at: i64,
    pub(crate) tenants: BTreeMap<Name, Trace>,
    pub(crate) tenants_dropped: u64,
    /// By actor field; one more than [`ACTORS_NAMED`] means "many".
    pub(crate) actors: BTreeMap<u32, BTreeSet<Name>>,
    pub(crate) head: Vec<Kept>,
    pub(crate) tail: VecDeque<Kept>,
    /// Hashes of the distinct values.
    pub(crate) values: BTreeSet<u64>,
    pub(crate) values_named: Vec<Name>,
    /// Bytes that the parts above take beyond this struct.
    bytes: usize,
    /// Events that belong here and were not read yet, in the order they are to be read.
    waiting: VecDeque<Record>,
    begun: bool,
    /// How many events were told as matches of the rule.
    pub(crate) told: u64,
    /// Whether the detection was counted as one, and passed on to the rules that count detections.
    pub(crate) announced: bool,
}

impl Figures {
    /// Adds an event.
    pub(crate) fn take(&mut self, record: Record) {
        self.stretch(record.at);
        if self.waiting.is_empty() {
            self.read(&record);
        } else {
            self.waiting.push_back(record);
            self.read_waiting(READ_AT_ONCE);
        }
    }

    /// Adds events in their order without reading them now.
    pub(crate) fn take_later(&mut self, records: VecDeque<Record>) {
        for end in [records.front(), records.back()].into_iter().flatten() {
            self.stretch(end.at);
        }
        if self.waiting.is_empty() {
            self.waiting = records;
        } else {
            self.waiting.extend(records);
        }
    }

    /// Reads waiting events, at most so many.
    pub(crate) fn read_waiting(&mut self, most: usize) {
        for _ in 0..most.min(self.waiting.len()) {
            if let Some(record) = self.waiting.pop_front() {
                self.read(&record);
            }
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// Reads every waiting event: before figures are told or written down.
    pub(crate) fn read_all(&mut self) {
        self.read_waiting(usize::MAX);
    }

    /// How many events wait to be read.
    pub(crate) fn unread(&self) -> usize {
        self.waiting.len()
    }

    fn stretch(&mut self, at: i64) {
        let begun = std::mem::replace(&mut self.begun, true);
        self.first_at = if begun { self.first_at.min(at) } else { at };
        self.last_at = if begun { self.last_at.max(at) } else { at };
    }

    fn read(&mut self, record: &Record) {
        self.events += u64::from(record.weight);
        let told = record.told();
        for tenant in told.tenants() {
            self.trace(tenant, record);
        }
        for (field, actor) in told.actors() {
            let actors = self.actors.entry(field).or_default();
            if actors.len() <= ACTORS_NAMED && !actors.contains(actor) {
                let name = Name::new(actor);
                self.bytes += 64 + name.bytes_apart();
                actors.insert(name);
            }
        }
        if let Some(value) = told.value()
            && self.values.len() <= VALUES_COUNTED
            && self.values.insert(record.value)
        {
            self.bytes += 16;
            if self.values_named.len() < VALUES_NAMED {
                self.values_named.push(Name::new(value));
            }
        }
        // An event that is counted by several rules at once is evidence once.
        if record.weight > 0 {
            self.keep(record);
        }
    }

    fn trace(&mut self, tenant: &[u8], record: &Record) {
        let weight = u64::from(record.weight);
        if let Some(trace) = self.tenants.get_mut(tenant) {
            trace.events += weight;
            if record.at < trace.first_at {
                trace.first_at = record.at;
                trace.first = (record.source, record.event());
            }
            trace.last_at = trace.last_at.max(record.at);
        } else if self.tenants.len() < TENANT_LIMIT {
            let trace = Trace {
                events: weight,
                first_at: record.at,
                last_at: record.at,
                first: (record.source, record.event()),
            };
            let name = Name::new(tenant);
            self.bytes += size_of::<(Name, Trace)>() + trace.first.1.len() + name.bytes_apart() + 32;
            self.tenants.insert(name, trace);
        } else {
            self.tenants_dropped += weight;
        }
    }

    fn keep(&mut self, record: &Record) {
        let mut event = String::new();
        if self.tail.len() >= EVIDENCE_LIMIT - EVIDENCE_LIMIT / 2
            && let Some(gone) = self.tail.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(gone.bytes());
            // Nearly every event of a long detection comes here: its id takes the place of the one that goes.
            event = gone.event;
        }
        record.event_into(&mut event);
        let kept = Kept {
            source: record.source,
            event,
            at: record.claimed(),
            line: record.line,
            raw: None,
        };
        self.bytes += kept.bytes();
        if self.head.len() < EVIDENCE_LIMIT / 2 {
            self.head.push(kept);
        } else {
            self.tail.push_back(kept);
        }
    }

    /// Puts the lines to the evidence that is still without; `line` gives None where it is no longer kept. Tells how many that were.
    pub(crate) fn read_lines(&mut self, line: impl Fn(Line) -> Option<String>) -> u64 {
        let mut forgotten = 0;
        for kept in self.head.iter_mut().chain(&mut self.tail) {
            if kept.raw.is_none() && kept.line != Line::NONE {
                kept.raw = line(kept.line);
                forgotten += u64::from(kept.raw.is_none());
                kept.line = Line::NONE;
                self.bytes += kept.raw.as_ref().map_or(0, String::len);
            }
        }
        forgotten
    }

    /// Bytes it takes beyond itself.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.waiting.len() * size_of::<Record>()
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.event.len() + self.raw.as_ref().map_or(0, String::len)
    }
}
