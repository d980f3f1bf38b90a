//! An append-only store on disk for what was pushed, so that it can be read again.
//!
//! Takes whole requests and says Ok only after an fsync; many requests share one. A request is one checksummed frame, so after a
//! crash it is there entirely or not at all. Segments are deleted once the cursor behind them is committed. The keys of recent
//! requests are written into each new segment: a request that is sent again is recognised even after a crash and after the segment
//! that held it is gone.

mod frame;
mod peek;
mod reader;
mod segment;
mod writer;

pub use peek::{Peeked, peek};
pub use reader::SpoolSource;

use crate::push::Record;
use crate::source::{CollectError, Remark};
use chrono::{DateTime, Utc};
pub(crate) use frame::Entry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// How large a spool may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLimits {
    /// A new segment is begun when the present one is this long, in bytes.
    pub segment_bytes: u64,
    /// Appending is refused while this many bytes wait to be read.
    pub backlog_bytes: u64,
    /// How many keys of recent requests are remembered.
    pub keys: usize,
    /// How many requests may wait for the disk.
    pub queue: usize,
}

impl Default for SpoolLimits {
    /// Segments of 64 MiB, 1 GiB of backlog, 10,000 keys, 256 requests in the queue.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            backlog_bytes: 1 << 30,
            keys: 10_000,
            queue: 256,
        }
    }
}

/// What became of an appended request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It lies on disk.
    Stored,
    /// A request with its key lay there already.
    Already,
}

/// Why a request could not be stored; nothing of it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Too many requests wait for the disk.
    #[error("too many requests wait for the disk")]
    Busy,
    /// Too much waits to be read.
    #[error("{waiting} bytes wait to be read, and at most {limit} may")]
    Backlog {
        /// How much waits, in bytes.
        waiting: u64,
        /// How much may.
        limit: u64,
    },
    /// The request is larger than a frame can be.
    #[error("the request is larger than {limit} bytes")]
    EntryTooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// The disk refused: it is full, or worse.
    #[error("the disk does not take it: {reason}")]
    Disk {
        /// The system's words.
        reason: String,
    },
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
}

/// A place in a spool: the next thing to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    /// The segment's number.
    pub(crate) segment: u64,
    /// The frame's offset in it.
    pub(crate) offset: u64,
    /// The record's index in the frame.
    #[serde(default)]
    pub(crate) record: usize,
}

/// What the writer and the readers both know.
#[derive(Debug)]
struct State {
    /// The segments on disk and how many bytes of each are durable.
    segments: BTreeMap<u64, u64>,
    /// Up to where it was read.
    read_to: Position,
    /// What opening found; told with the first reading.
    remarks: Vec<Remark>,
    /// Why the disk refused the last request; nothing once it took another.
    refused: Option<String>,
}

impl State {
    /// Bytes that wait to be read.
    fn backlog(&self) -> u64 {
        let waiting: u64 = self
            .segments
            .range(self.read_to.segment..)
            .map(|(_, len)| len)
            .sum();
        let read = self
            .segments
            .get(&self.read_to.segment)
            .map_or(0, |len| self.read_to.offset.min(*len));
        waiting - read
    }
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Append {
    key: String,
    payload: Vec<u8>,
    reply: oneshot::Sender<Result<Appended, SpoolError>>,
}

/// A spool in one directory. Clones share it; it is closed when the last is dropped.
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    limits: SpoolLimits,
    state: Shared,
    queue: Option<SyncSender<Append>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing the queue ends the writer; waiting for it frees the lock before somebody opens the directory again.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Spool {
    /// Opens the spool in `dir`, which is made if it is missing. The unfinished end that a crash left behind is cut off, and the
    /// source of this spool remarks it.
    ///
    /// # Errors
    /// [`CollectError::Io`] when the directory cannot be used or another process uses it.
    pub fn open(dir: &Path, limits: SpoolLimits) -> Result<Self, CollectError> {
        let (writer, state) = writer::open(dir, limits)?;
        let (queue, requests) = std::sync::mpsc::sync_channel(limits.queue);
        let handle = std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || writer.run(&requests))
            .map_err(|e| CollectError::io(dir, &e))?;
        Ok(Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                limits,
                state,
                queue: Some(queue),
                writer: Some(handle),
            }),
        })
    }

    /// Stores one request and returns once it is on disk. A key names the request for good: a second one with the same key is not
    /// stored. Without a key one is made up.
    ///
    /// # Errors
    /// See [`SpoolError`].
    pub async fn append(
        &self,
        records: Vec<Record>,
        key: Option<String>,
        received_at: DateTime<Utc>,
    ) -> Result<Appended, SpoolError> {
        let mut entry = Entry::unnamed(None, records, received_at);
        if let Some(key) = key {
            entry.key = key;
        }
        self.store(&entry).await
    }

    /// As [`Spool::append`]; what was refused can be stored again.
    pub(crate) async fn store(&self, entry: &Entry) -> Result<Appended, SpoolError> {
        let limit = self.inner.limits.backlog_bytes;
        let waiting = self.backlog_bytes();
        if waiting >= limit {
            return Err(SpoolError::Backlog { waiting, limit });
        }
        let payload = entry.encode();
        let key = entry.key.clone();
        if payload.len() > segment::PAYLOAD_LIMIT {
            return Err(SpoolError::EntryTooLarge {
                limit: segment::PAYLOAD_LIMIT,
            });
        }
        let (reply, answer) = oneshot::channel();
        let queue = self.inner.queue.as_ref().ok_or(SpoolError::Closed)?;
        queue
            .try_send(Append { key, payload, reply })
            .map_err(|e| match e {
                TrySendError::Full(_) => SpoolError::Busy,
                TrySendError::Disconnected(_) => SpoolError::Closed,
            })?;
        answer.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// Why nothing can be stored at present, if that is so.
    fn refuses(&self) -> Option<String> {
        let limit = self.inner.limits.backlog_bytes;
        let state = lock(&self.inner.state);
        if state.backlog() >= limit {
            return Some(format!("{limit} bytes wait to be read, and no more may"));
        }
        state.refused.clone()
    }

    /// How many bytes wait to be read.
    #[must_use]
    pub fn backlog_bytes(&self) -> u64 {
        lock(&self.inner.state).backlog()
    }
}
