//! Files that grow, are rotated, emptied, compressed, or were compressed before they were found.
//!
//! A file is known by its device and inode and by the bytes it begins with; where it was read to is checked by the bytes in front of
//! that place. So a renamed file is read on, an emptied one is read anew, a copy of a file that was read is read on from where the
//! original was left, and a gzip of it likewise. The end of a line that was not finished is left until it is.

mod content;
mod pattern;
mod tail;

pub(crate) use pattern::expand;

use crate::ahead::Ahead;
use crate::config::FileConfig;
use crate::parse::{Context, Interpretation, Origin};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tail::Tail;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// What one reading takes at most.
const BATCH_EVENTS: usize = 10_000;
const BATCH_BYTES: u64 = 8 << 20;

/// Files as a source.
#[derive(Debug)]
pub struct FileTail {
    files: Arc<Files>,
    ahead: Ahead<Stored, Passage>,
}

/// The files that match, and how they are read.
#[derive(Debug)]
struct Files {
    name: SourceName,
    how: Interpretation,
    patterns: Vec<PathBuf>,
    max_line_bytes: usize,
    from_beginning: bool,
    clock: Arc<dyn Clock>,
    /// Files held open since the last reading, so that a renamed or deleted one can be read to its end.
    open: Mutex<BTreeMap<u64, Tail>>,
}

/// What one reading gave, and the places it reached.
#[derive(Debug)]
struct Passage {
    reached: Stored,
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
    more: bool,
}

/// The cursor's form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// How many files were begun so far; each gets the next number, and its event ids carry it.
    begun: u64,
    /// Whether the first reading is over: `from_beginning` speaks only of files that were there before it.
    #[serde(default)]
    started: bool,
    files: BTreeMap<u64, Place>,
}

/// A file and where it was read to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Bytes of text read; of the text that is compressed, if it is.
    offset: u64,
    /// What the file begins with and what stands in front of `offset`.
    mark: content::Mark,
    /// A line that is longer than the limit was cut, and its rest is being passed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    passing_over: bool,
    /// No longer at its path: it is read to its end, and its last line counts even without a line end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_at: Option<DateTime<Utc>>,
    /// The line at the beginning that says which fields the others have, where the format has such a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heading: Option<String>,
    /// A gzip file that was read to its end, with its compressed length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finished_at: Option<u64>,
}

/// A reading under way.
struct Reading<'r> {
    name: &'r SourceName,
    how: &'r Interpretation,
    max_line_bytes: usize,
    now: DateTime<Utc>,
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
    more: bool,
}

impl Reading<'_> {
    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.counts.bytes >= BATCH_BYTES
    }

    /// Takes one line, which begins at `place` of file `number`.
    fn take(&mut self, number: u64, place: &mut Place, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        // Nearly every line is sound, and that is told much faster than where it is not.
        let line = match std::str::from_utf8(line) {
            Ok(sound) => Cow::Borrowed(sound),
            Err(_) => String::from_utf8_lossy(line),
        };
        if place.offset == 0 && self.how.is_heading(&line) {
            place.heading = Some(line.into_owned());
            return;
        }
        let id = format!("{number}:{}", place.offset);
        let origin = Origin {
            source: self.name,
            id: &id,
            context: Context::collected(self.now),
        };
        let found = self.how.events_under(place.heading.as_deref(), origin, &line);
        self.counts.unparsed += found.iter().filter(|e| e.unparsed.is_some()).count() as u64;
        self.events.extend(found);
    }
}

impl FileTail {
    pub(crate) fn open(config: &FileConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            files: Arc::new(Files {
                name: SourceName(config.name.clone()),
                how: config.interpretation(),
                patterns: config.paths.clone(),
                max_line_bytes: config.max_line_bytes,
                from_beginning: config.from_beginning,
                clock,
                open: Mutex::default(),
            }),
            ahead: Ahead::default(),
        }
    }

    fn reading(&self, from: Stored) -> impl FnOnce() -> Passage + Send + 'static {
        let files = Arc::clone(&self.files);
        move || files.read(from)
    }
}

impl Files {
    /// The files that match now, in order; what matches nothing is remarked on, each time.
    fn list(&self, remarks: &mut Vec<Remark>) -> Vec<PathBuf> {
        let mut paths = BTreeSet::new();
        for wanted in &self.patterns {
            let found = pattern::expand(wanted).unwrap_or_else(|error| {
                remarks.push(Remark::Unreadable {
                    path: wanted.clone(),
                    reason: error.to_string(),
                });
                Vec::new()
            });
            if found.is_empty() {
                remarks.push(Remark::Waiting { path: wanted.clone() });
            }
            paths.extend(found);
        }
        paths.into_iter().collect()
    }

    fn read(&self, mut stored: Stored) -> Passage {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remarks = Vec::new();
        let paths = self.list(&mut remarks);
        let mut reading = Reading {
            name: &self.name,
            how: &self.how,
            max_line_bytes: self.max_line_bytes,
            now: self.clock.now(),
            events: Vec::new(),
            counts: BatchCounts::default(),
            remarks,
            more: false,
        };
        let skip_present = !self.from_beginning && !stored.started;
        tail::follow(&mut stored, &mut open, &paths, skip_present, &mut reading);
        stored.started = true;
        for (number, place) in &mut stored.files {
            if reading.is_full() {
                reading.more = true;
                break;
            }
            if let Some(tail) = open.get_mut(number) {
                tail.read(*number, place, &mut reading);
            }
        }
        tail::retire(&mut stored, &open, &paths, &reading);
        Passage {
            reached: stored,
            events: reading.events,
            counts: reading.counts,
            remarks: reading.remarks,
            more: reading.more,
        }
    }
}

#[async_trait]
impl Source for FileTail {
    fn name(&self) -> &SourceName {
        &self.files.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let stored: Stored = from.decode(self.name())?;
        let reading = self.reading(stored.clone());
        let (passage, ahead) = self.ahead.take(&self.files.name, stored.clone(), reading).await?;
        let Passage {
            reached,
            events,
            counts,
            remarks,
            more,
        } = passage;
        let next = if reached == stored {
            from.clone()
        } else {
            Cursor::encode(&reached, self.name())?
        };
        if more {
            self.ahead.begin(reached.clone(), self.reading(reached));
        }
        Ok(Batch {
            events,
            next,
            // Whether that was all is known of the instant at which it was read.
            more: more || ahead,
            counts,
            remarks,
        })
    }
}
