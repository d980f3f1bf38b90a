//! Which fields the events of each log source were seen to have.
//!
//! Takes events as they flow; keeps the dotted path of every field, and no value. What it keeps is bounded, and a look at an event
//! whose fields are all known allocates nothing.

use crate::sigma::similar::similar;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use watchkeeper_domain::event::{Event, LogSource};

/// How many log sources are told apart.
const MOST_LOG_SOURCES: usize = 1_024;

/// How many fields of one log source are kept: CloudTrail over all services has some thousand.
const MOST_FIELDS: usize = 8_192;

/// How many fields of all log sources together are kept: some megabytes.
const MOST_FIELDS_IN_ALL: usize = 65_536;

/// The longest path that is kept, in bytes: the longest that a public rule asks for has 90. It bounds the depth, too.
const LONGEST_PATH: usize = 256;

/// How many fields with a similar name are proposed.
const MOST_PROPOSALS: usize = 3;

/// The fields that events were seen to have, by log source.
#[derive(Debug, Clone)]
pub struct FieldsSeen {
    known: HashMap<LogSource, Known, foldhash::fast::RandomState>,
    looking: Looking,
    /// Whether no log source had to be left out.
    whole: bool,
    version: u64,
    /// How many more fields may be kept.
    room: usize,
    path: String,
}

/// Which events are looked at.
#[derive(Debug, Clone, Copy)]
struct Looking {
    /// So many of a log source, one after the other.
    first: u64,
    /// Of those after them, one in so many.
    then_one_in: u64,
    /// A log source with fewer events is not judged: the rarer fields have not come yet.
    least: u64,
}

/// What is known about one log source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    events: u64,
    fields: HashSet<Box<str>>,
    /// Whether fields had to be left out.
    cut: bool,
}

impl Known {
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Whether an event had the field; where fields had to be left out, any may have come.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.cut || self.fields.contains(path)
    }
}

/// A log source and how much of it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSourceSeen {
    /// The log source.
    pub log_source: LogSource,
    /// How many of its events came by.
    pub events: u64,
    /// How many fields they have, together.
    pub fields: usize,
}

impl FieldsSeen {
    /// Looks at every event: for samples, which are judged however few they are.
    #[must_use]
    pub fn of_samples() -> Self {
        Self::looking(Looking {
            first: u64::MAX,
            then_one_in: 1,
            least: 1,
        })
    }

    /// Looks at the first thousand events of each log source and at one in 256 of those after them, so that new fields are still
    /// noticed and looking costs nothing. A log source is judged from its hundredth event on.
    #[must_use]
    pub fn of_a_stream() -> Self {
        Self::looking(Looking {
            first: 1_000,
            then_one_in: 256,
            least: 100,
        })
    }

    fn looking(looking: Looking) -> Self {
        Self {
            known: HashMap::default(),
            looking,
            whole: true,
            version: 0,
            room: MOST_FIELDS_IN_ALL,
            path: String::new(),
        }
    }

    /// Takes note of an event.
    pub fn observe(&mut self, event: &Event) {
        let Some(known) = self.known.get_mut(&event.log_source) else {
            self.declare(&event.log_source);
            if self.known.contains_key(&event.log_source) {
                self.observe(event);
            }
            return;
        };
        known.events += 1;
        if known.events == self.looking.least {
            self.version += 1;
        }
        let looked_at = known.events <= self.looking.first || known.events % self.looking.then_one_in == 0;
        if !looked_at || known.cut {
            return;
        }
        self.path.clear();
        let before = known.fields.len();
        let mut gathering = Gathering {
            known: &mut *known,
            room: &mut self.room,
            path: &mut self.path,
        };
        gathering.object(event.fields(), 0);
        if known.fields.len() > before || known.cut {
            self.version += 1;
        }
    }

    /// Says that there is a source of this log source, whose fields are not known before events of it come.
    pub fn declare(&mut self, log_source: &LogSource) {
        if self.known.contains_key(log_source) {
            return;
        }
        self.version += 1;
        if self.known.len() < MOST_LOG_SOURCES {
            self.known.insert(log_source.clone(), Known::default());
        } else {
            self.whole = false;
        }
    }

    /// Changes when what [`DetectorSet::coverage`](crate::DetectorSet::coverage) says may have changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What was seen, by log source.
    #[must_use]
    pub fn seen(&self) -> Vec<LogSourceSeen> {
        let seen = self.log_sources().map(|(log_source, known)| LogSourceSeen {
            log_source: log_source.clone(),
            events: known.events,
            fields: known.fields.len(),
        });
        seen.collect()
    }

    /// Fields of events that the rules of `log_source` judge, and whose names look like `field`: another case, a slip of the pen, or
    /// the same last part of a path.
    #[must_use]
    pub fn similar(&self, field: &str, log_source: &LogSource) -> Vec<String> {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
        let wanted = last(field);
        let of_log_source = self.known.iter().filter(|(known, _)| log_source.covers(known));
        let mut near: Vec<(u8, &str)> = of_log_source
            .flat_map(|(_, known)| &known.fields)
            .filter_map(|path| {
                let path = &**path;
                if path.eq_ignore_ascii_case(field) {
                    Some((0, path))
                } else if similar(field, path) {
                    Some((1, path))
                } else {
                    (last(path) == wanted).then_some((2, path))
                }
            })
            .collect();
        near.sort_unstable();
        near.dedup();
        near.into_iter()
            .take(MOST_PROPOSALS)
            .map(|(_, path)| path.to_owned())
            .collect()
    }

    /// By name, so that the same events always give the same report.
    pub(crate) fn log_sources(&self) -> impl Iterator<Item = (&LogSource, &Known)> {
        let mut known: Vec<_> = self.known.iter().collect();
        known.sort_by_key(
            |(
                LogSource {
                    category,
                    product,
                    service,
                },
                _,
            )| (product, service, category),
        );
        known.into_iter()
    }

    /// Whether enough events came for what did not come to mean something.
    pub(crate) fn is_judged(&self, known: &Known) -> bool {
        known.events >= self.looking.least
    }

    /// Whether no log source was left out.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }
}

/// Takes the paths of one event.
struct Gathering<'a> {
    known: &'a mut Known,
    /// How many more fields may be kept, of all log sources together.
    room: &'a mut usize,
    path: &'a mut String,
}

impl Gathering<'_> {
    /// Keeps the path of everything in an object. Lists are passed through, as rules do, and a key that contains dots reads like
    /// nested ones.
    fn object(&mut self, object: &Map<String, Value>, depth: usize) {
        let before = self.path.len();
        for (key, value) in object {
            if depth > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
            if self.path.len() <= LONGEST_PATH {
                keep(self.known, self.room, self.path);
                // Windows says `Threat Name` where Sigma says `ThreatName`.
                if depth == 0 && key.contains(' ') {
                    keep(self.known, self.room, &key.replace(' ', ""));
                }
                self.value(value, depth);
            }
            self.path.truncate(before);
        }
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(inner) => self.object(inner, depth + 1),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, depth)),
            _ => {}
        }
    }
}

fn keep(known: &mut Known, room: &mut usize, path: &str) {
    if known.fields.contains(path) {
        return;
    }
    if known.fields.len() < MOST_FIELDS && *room > 0 {
        known.fields.insert(path.into());
        *room -= 1;
    } else {
        known.cut = true;
    }
}
