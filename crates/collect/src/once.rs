//! One event, once: whichever way it came, and however often its source was killed.
//!
//! A poller reads again what it read before, and a subscription and the poller behind it tell the same events. What was delivered is
//! remembered by the minute in which it was read, in a journal on disk of which the cursor holds how much counts: eight bytes an event,
//! written through before the cursor is given, so that the cursor stays small whatever the rate, and a crash forgets nothing.
//!
//! With a subscription the poller is the reconciler: it looks only at what is older than [`PUSH_TIME`], and what it finds then and the
//! journal does not hold was missed.

use crate::seen::short;
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source, resumed};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// How long a subscription may take before the poller looks for what it missed: AWS delivers usually within three minutes.
pub(crate) const PUSH_TIME: Duration = Duration::minutes(5);
/// Ids in memory at the most, about 100 megabytes.
const MOST: usize = 4_000_000;
const ID_BYTES: u64 = 8;

/// A poller, with the subscription before it if there is one.
pub(crate) struct Once {
    name: SourceName,
    push: Option<Box<dyn Source>>,
    poll: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    horizon: Duration,
    journal: Journal,
    memory: Option<Memory>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Memory {
    sequence: u64,
    push: Cursor,
    poll: Cursor,
    /// When each way had last told everything it had.
    caught_up: DateTime<Utc>,
}

/// The cursor's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    #[serde(default = "Cursor::start")]
    push: Cursor,
    poll: Cursor,
    /// Minute since the epoch → how many ids of its file count.
    delivered: BTreeMap<i64, u64>,
    /// When the poller had nothing more to read: what was delivered since then it may come to, however long nobody ran. In cursors that
    /// do not say so it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caught_up: Option<DateTime<Utc>>,
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            sequence: 0,
            push: Cursor::start(),
            poll: Cursor::start(),
            caught_up: None,
            delivered: BTreeMap::new(),
        }
    }
}

/// Ids that were delivered.
#[derive(Debug)]
struct Journal {
    dir: PathBuf,
    /// Every id of every minute.
    known: HashSet<u64>,
    minutes: BTreeMap<i64, Minute>,
    /// The file that is being written, and its minute.
    open: Option<(i64, File)>,
}

#[derive(Debug, Default)]
struct Minute {
    /// In the order in which they were delivered.
    ids: Vec<u64>,
    /// How many of them are on the disk.
    written: usize,
}

fn minute_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

impl Journal {
    fn at(dir: PathBuf) -> Result<Self, CollectError> {
        fs::create_dir_all(&dir).map_err(|e| CollectError::io(&dir, &e))?;
        Ok(Self {
            dir,
            known: HashSet::new(),
            minutes: BTreeMap::new(),
            open: None,
        })
    }

    fn path(&self, minute: i64) -> PathBuf {
        self.dir.join(format!("{minute}.ids"))
    }

    /// Goes back to what a cursor says; gives how many ids it has lost.
    fn restore(&mut self, delivered: &BTreeMap<i64, u64>) -> Result<u64, CollectError> {
        self.open = None;
        self.minutes.clear();
        self.known.clear();
        let mut lost = 0;
        for (minute, count) in delivered {
            let path = self.path(*minute);
            let failed = |e: &std::io::Error| CollectError::io(&path, e);
            let mut bytes = Vec::new();
            match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(mut file) => {
                    // What lies behind was never committed.
                    let length = file.metadata().map_err(|e| failed(&e))?.len();
                    file.set_len(length.min(count * ID_BYTES))
                        .map_err(|e| failed(&e))?;
                    file.read_to_end(&mut bytes).map_err(|e| failed(&e))?;
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(failed(&e)),
            }
            let (ids, _) = bytes.as_chunks::<8>();
            let ids: Vec<u64> = ids.iter().map(|id| u64::from_be_bytes(*id)).collect();
            let written = ids.len();
            lost += count - (written as u64).min(*count);
            self.known.extend(&ids);
            self.minutes.insert(*minute, Minute { ids, written });
        }
        Ok(lost)
    }

    /// Notes an id; false when it was delivered before.
    fn insert(&mut self, minute: i64, id: &str) -> bool {
        let short = short(id);
        if !self.known.insert(short) {
            return false;
        }
        self.minutes.entry(minute).or_default().ids.push(short);
        true
    }

    /// Writes what is new through to the disk; gives what the cursor is to hold.
    fn save(&mut self) -> Result<BTreeMap<i64, u64>, CollectError> {
        let fresh: Vec<i64> = self
            .minutes
            .iter()
            .filter(|(_, minute)| minute.written < minute.ids.len())
            .map(|(minute, _)| *minute)
            .collect();
        for number in fresh {
            let path = self.path(number);
            self.append(number).map_err(|e| CollectError::io(&path, &e))?;
        }
        Ok(self
            .minutes
            .iter()
            .map(|(number, minute)| (*number, minute.written as u64))
            .collect())
    }

    fn append(&mut self, number: i64) -> std::io::Result<()> {
        let path = self.path(number);
        let Some(minute) = self.minutes.get_mut(&number) else {
            return Ok(());
        };
        let mut file = match self.open.take() {
            Some((open, file)) if open == number => file,
            _ => {
                let file = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)?;
                File::open(&self.dir)?.sync_all()?;
                file
            }
        };
        // Behind what counts may lie what a reading wrote that was never committed.
        file.set_len(minute.written as u64 * ID_BYTES)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
        let fresh = &minute.ids[minute.written..];
        let bytes: Vec<u8> = fresh.iter().flat_map(|id| id.to_be_bytes()).collect();
        file.write_all(&bytes)?;
        file.sync_data()?;
        minute.written = minute.ids.len();
        self.open = Some((number, file));
        Ok(())
    }

    /// Forgets what was read before a minute; gives how many ids beyond it had to be forgotten for their number.
    fn forget_before(&mut self, minute: i64) -> u64 {
        let kept = self.minutes.split_off(&minute);
        let over = std::mem::replace(&mut self.minutes, kept);
        over.values().for_each(|minute| self.forget(minute));
        let mut forgotten = 0;
        while self.known.len() > MOST && self.minutes.len() > 1 {
            let Some((_, oldest)) = self.minutes.pop_first() else {
                break;
            };
            self.forget(&oldest);
            forgotten += oldest.ids.len() as u64;
        }
        forgotten
    }

    fn forget(&mut self, minute: &Minute) {
        for id in &minute.ids {
            self.known.remove(id);
        }
    }

    /// Deletes files that no cursor asks for any more.
    fn delete_but(&self, kept: &BTreeMap<i64, u64>) -> Result<(), CollectError> {
        let failed = |e: &std::io::Error| CollectError::io(&self.dir, e);
        for entry in fs::read_dir(&self.dir).map_err(|e| failed(&e))? {
            let path = entry.map_err(|e| failed(&e))?.path();
            let minute = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<i64>().ok());
            let is_old = |minute: i64| kept.first_key_value().is_some_and(|(first, _)| minute < *first);
            if minute.is_some_and(is_old) {
                fs::remove_file(&path).map_err(|e| CollectError::io(&path, &e))?;
            }
        }
        Ok(())
    }
}

impl Once {
    pub(crate) fn new(
        name: SourceName,
        push: Option<Box<dyn Source>>,
        poll: Box<dyn Source>,
        horizon: Duration,
        data_dir: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectError> {
        let journal = Journal::at(data_dir.join("delivered").join(&name.0))?;
        Ok(Self {
            name,
            push,
            poll,
            clock,
            horizon,
            journal,
            memory: None,
        })
    }

    /// For how long after its reading an event is remembered: the poller comes to it again within the horizon, and two deep sweeps more.
    fn remember(&self) -> Duration {
        self.horizon * 2 + Duration::minutes(20)
    }

    fn decode(&self, from: &Cursor) -> Result<Stored, CollectError> {
        // A cursor of the poller alone, from before there was a journal.
        if from.0.get("groups").is_some() {
            return Ok(Stored {
                poll: from.clone(),
                ..Stored::default()
            });
        }
        from.decode(&self.name)
    }

    fn recall(
        &mut self,
        from: &Cursor,
        now: DateTime<Utc>,
        remarks: &mut Vec<Remark>,
    ) -> Result<Memory, CollectError> {
        let stored = self.decode(from)?;
        let sequence = match resumed(self.memory.take(), |memory| memory.sequence, stored.sequence) {
            Ok(memory) => return Ok(memory),
            Err(sequence) => sequence,
        };
        let forgotten = self.journal.restore(&stored.delivered)?;
        if forgotten > 0 {
            remarks.push(Remark::MemoryFull { forgotten });
        }
        Ok(Memory {
            sequence,
            push: stored.push,
            poll: stored.poll,
            caught_up: stored.caught_up.unwrap_or(now),
        })
    }

    /// How many events are older than the horizon.
    fn late(&self, events: &[Event], now: DateTime<Utc>) -> u64 {
        let horizon = now - self.horizon;
        events.iter().filter(|event| event.at < horizon).count() as u64
    }

    /// Keeps of a batch what was not delivered before.
    fn keep_new(&mut self, events: Vec<Event>, now: DateTime<Utc>, counts: &mut BatchCounts) -> Vec<Event> {
        let minute = minute_of(now);
        let found = events.len();
        let kept: Vec<Event> = events
            .into_iter()
            .filter(|event| self.journal.insert(minute, &event.id))
            .collect();
        counts.duplicates += (found - kept.len()) as u64;
        kept
    }
}

#[async_trait]
impl Source for Once {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let now = self.clock.now();
        let mut remarks = Vec::new();
        let mut memory = self.recall(from, now, &mut remarks)?;
        let pushed = match &mut self.push {
            Some(push) => Some(push.read(&memory.push).await),
            None => None,
        };
        let polled = self.poll.read(&memory.poll).await;
        let (mut events, mut counts, mut more, mut failures) =
            (Vec::new(), BatchCounts::default(), false, Vec::new());
        let (before_push, before_poll) = (memory.push.clone(), memory.poll.clone());
        let has_push = pushed.is_some();
        if let Some(pushed) = pushed {
            match pushed {
                Ok(batch) => {
                    counts += batch.counts;
                    let new = self.keep_new(batch.events, now, &mut counts);
                    counts.late_beyond_horizon += self.late(&new, now);
                    events.extend(new);
                    remarks.extend(batch.remarks);
                    more |= batch.more;
                    memory.push = batch.next;
                }
                Err(error) => failures.push(("the subscription", error)),
            }
        }
        match polled {
            Ok(batch) => {
                counts += batch.counts;
                let new = self.keep_new(batch.events, now, &mut counts);
                if has_push {
                    counts.missed_by_push += new.len() as u64;
                    // Most of what the poller calls late was delivered, and counted, when it was pushed.
                    counts.late_beyond_horizon -= batch.counts.late_beyond_horizon;
                    counts.late_beyond_horizon += self.late(&new, now);
                }
                events.extend(new);
                remarks.extend(batch.remarks);
                if !batch.more {
                    memory.caught_up = now;
                }
                more |= batch.more;
                memory.poll = batch.next;
            }
            Err(error) => failures.push(("the log groups", error)),
        }
        // Where every way failed, or the only one, it is the source that fails.
        if failures.len() == 1 + usize::from(has_push) {
            self.memory = Some(memory);
            return Err(failures.swap_remove(0).1);
        }
        remarks.extend(failures.into_iter().map(|(what, error)| Remark::Failing {
            what: what.to_owned(),
            reason: error.to_string(),
        }));
        let moved = memory.push != before_push || memory.poll != before_poll || !events.is_empty();
        let next = if moved {
            // While the poller is behind, nothing is forgotten that it may come to.
            let forgotten = self
                .journal
                .forget_before(minute_of(memory.caught_up - self.remember()));
            if forgotten > 0 {
                remarks.push(Remark::MemoryFull { forgotten });
            }
            memory.sequence += 1;
            let stored = Stored {
                sequence: memory.sequence,
                push: memory.push.clone(),
                poll: memory.poll.clone(),
                delivered: self.journal.save()?,
                caught_up: Some(memory.caught_up),
            };
            Cursor::encode(&stored, &self.name)?
        } else {
            from.clone()
        };
        self.memory = Some(memory);
        Ok(Batch {
            events,
            next,
            more,
            counts,
            remarks,
        })
    }

    async fn committed(&mut self, cursor: &Cursor) -> Result<(), CollectError> {
        let stored = self.decode(cursor)?;
        if let Some(push) = &mut self.push {
            push.committed(&stored.push).await?;
        }
        self.poll.committed(&stored.poll).await?;
        self.journal.delete_but(&stored.delivered)
    }
}
