//! What every source is: a name, and a reading that begins at a cursor and ends at another.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use watchkeeper_domain::event::{Event, SourceName};

/// Where a source is to be read on. Opaque to everybody but the source that made it; JSON, so that it can be kept in a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

impl Cursor {
    /// Where a source that was never read begins.
    #[must_use]
    pub fn start() -> Self {
        Self(serde_json::Value::Null)
    }

    /// Whether nothing was read yet.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.0.is_null()
    }

    /// Decodes the form that a source gave its cursor; the start is that form's default.
    pub(crate) fn decode<T: serde::de::DeserializeOwned + Default>(
        &self,
        source: &SourceName,
    ) -> Result<T, CollectError> {
        if self.is_start() {
            return Ok(T::default());
        }
        T::deserialize(&self.0).map_err(|e| CollectError::Cursor {
            source_name: source.clone(),
            reason: e.to_string(),
        })
    }

    pub(crate) fn encode<T: Serialize>(form: &T, source: &SourceName) -> Result<Self, CollectError> {
        serde_json::to_value(form)
            .map(Self)
            .map_err(|e| CollectError::Cursor {
                source_name: source.clone(),
                reason: e.to_string(),
            })
    }
}

/// What a source remembers of the reading before, where `stored`, the number in the cursor, is the one that this reading gave.
///
/// # Errors
/// Reading resumes from another cursor: the number to count on from, above every one given so far, so that no older cursor is taken for
/// the newest.
pub(crate) fn resumed<M>(memory: Option<M>, sequence: impl Fn(&M) -> u64, stored: u64) -> Result<M, u64> {
    match memory {
        Some(memory) if sequence(&memory) == stored => Ok(memory),
        other => Err(stored.max(other.as_ref().map_or(0, sequence))),
    }
}

/// What one reading gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The events, in the order in which the source told them.
    pub events: Vec<Event>,
    /// Where to read on once the events are dealt with. Equal to the cursor that was read from when nothing changed.
    pub next: Cursor,
    /// Whether there is more to be had at once.
    pub more: bool,
    /// What was counted on the way.
    pub counts: BatchCounts,
    /// What an operator should know and no event says.
    pub remarks: Vec<Remark>,
}

impl Batch {
    /// A batch of nothing that stays where it is.
    #[must_use]
    pub fn nothing(at: &Cursor) -> Self {
        Self {
            events: Vec::new(),
            next: at.clone(),
            more: false,
            counts: BatchCounts::default(),
            remarks: Vec::new(),
        }
    }
}

/// Figures of one reading; nothing is dropped, cut or late without being counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCounts {
    /// Events that became visible later than the horizon within which a source promises to be lossless. They are delivered.
    pub late_beyond_horizon: u64,
    /// Events that were read again and recognised, and so not delivered twice.
    pub duplicates: u64,
    /// Events that a subscription had not delivered in its time, and the reconciler behind it found.
    #[serde(default)]
    pub missed_by_push: u64,
    /// Events whose line no parser could read. They are delivered, as text.
    pub unparsed: u64,
    /// Lines that were longer than the limit and cut.
    pub truncated: u64,
    /// Connections and records that were not as their protocol says, and bytes that were no text.
    pub malformed: u64,
    /// Lines that came and could not be kept, where the transport cannot be told to wait.
    pub dropped: u64,
    /// Connections that were not taken, and records that were refused though others of their request were taken.
    pub refused: u64,
    /// Bytes that cannot be read any more: a file's end that was rotated away, a damaged piece of the spool.
    pub lost_bytes: u64,
    /// What cannot be read any more and nobody knows how much it was: a file that was gone at the start, a shard that expired.
    #[serde(default)]
    pub gaps: u64,
    /// Bytes of log text read.
    pub bytes: u64,
    /// Calls made to a remote service.
    pub calls: u64,
    /// Calls that the remote service refused for coming too often.
    pub throttled: u64,
}

impl std::ops::AddAssign for BatchCounts {
    fn add_assign(&mut self, other: Self) {
        self.late_beyond_horizon += other.late_beyond_horizon;
        self.duplicates += other.duplicates;
        self.missed_by_push += other.missed_by_push;
        self.unparsed += other.unparsed;
        self.truncated += other.truncated;
        self.malformed += other.malformed;
        self.dropped += other.dropped;
        self.refused += other.refused;
        self.lost_bytes += other.lost_bytes;
        self.gaps += other.gaps;
        self.bytes += other.bytes;
        self.calls += other.calls;
        self.throttled += other.throttled;
    }
}

/// Something that an operator should know about a source, besides its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Remark {
    /// A configured file does not exist yet; it is read as soon as it does.
    Waiting {
        /// The path or pattern.
        path: PathBuf,
    },
    /// A file vanished or was emptied before it was read to its end.
    LostTail {
        /// Where it was.
        path: PathBuf,
        /// How many bytes were known and not read; 0 when not known.
        bytes: u64,
    },
    /// A file cannot be read; the others are.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why, in the system's words.
        reason: String,
    },
    /// A part of a source, such as one log group, cannot be read; the others are.
    Failing {
        /// Which part.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A piece of a source, such as one object, that could not be read again and again, is passed over; the others are read. It is tried
    /// again now and then.
    SetAside {
        /// Which piece.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The unfinished end of a spool segment, left by a crash before it was acknowledged, was cut off.
    TornTail {
        /// Which segment.
        path: PathBuf,
        /// How many bytes were cut.
        bytes: u64,
    },
    /// A piece of a spool segment does not match its checksum and is passed over.
    Damaged {
        /// Which segment.
        path: PathBuf,
        /// How many bytes are passed over.
        bytes: u64,
    },
    /// Nothing is taken of what is pushed, and whoever pushes is told to come again.
    Refusing {
        /// Why.
        reason: String,
    },
    /// The memory of what was read is full; what was forgotten may be delivered again, under the same event ids.
    MemoryFull {
        /// How many ids are no longer remembered in the cursor.
        forgotten: u64,
    },
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting { path } => write!(f, "waiting for {}: no such file yet", path.display()),
            Self::LostTail { path, bytes: 0 } => {
                write!(
                    f,
                    "{} is gone; what was added after the last reading is lost",
                    path.display()
                )
            }
            Self::LostTail { path, bytes } => write!(
                f,
                "{} was replaced before its last {bytes} bytes were read",
                path.display()
            ),
            Self::Unreadable { path, reason } => write!(f, "cannot read {}: {reason}", path.display()),
            Self::Failing { what, reason } => write!(f, "cannot read {what}: {reason}"),
            Self::SetAside { what, reason } => write!(f, "{what} is set aside: {reason}"),
            Self::TornTail { path, bytes } => write!(
                f,
                "cut {bytes} unfinished bytes off {}: they were never acknowledged",
                path.display()
            ),
            Self::Damaged { path, bytes } => write!(
                f,
                "{bytes} bytes of {} do not match their checksum and are passed over",
                path.display()
            ),
            Self::Refusing { reason } => write!(
                f,
                "nothing is taken: {reason}; whoever pushes is told to come again"
            ),
            Self::MemoryFull { forgotten } => write!(
                f,
                "the cursor no longer remembers {forgotten} events: after a restart they may come again, under the same ids"
            ),
        }
    }
}

/// Why a source could not be read, and what to do about it. The cursor stays where it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// It may go by itself: read again, not before `after` if that is given.
    #[error("{what}; reading again{}", after.map(|d| format!(" in {} s", d.as_secs())).unwrap_or_default())]
    Retryable {
        /// What happened.
        what: String,
        /// How long to leave the source alone.
        after: Option<Duration>,
    },
    /// The credentials in use may not do this.
    #[error("access to {resource} is refused: allow `{action}` on it to the role or user in use ({reason})")]
    Refused {
        /// The IAM action that must be allowed, such as `logs:FilterLogEvents`.
        action: &'static str,
        /// On what.
        resource: String,
        /// The service's own words.
        reason: String,
    },
    /// There are no usable credentials.
    #[error(
        "no usable AWS credentials for {resource}: set `profile` or the AWS_* environment variables, or where `role_arn` is set, let its trust policy name who assumes it and the same `external_id` ({reason})"
    )]
    Credentials {
        /// For what.
        resource: String,
        /// What was tried, in the SDK's words.
        reason: String,
    },
    /// What the configuration names does not exist.
    #[error("{what} does not exist: {remedy}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The configuration cannot work.
    #[error("the source is configured wrongly: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<crate::config::Fault>),
    /// The stored cursor was not made by this kind of source.
    #[error(
        "the stored cursor of source `{source_name}` cannot be read ({reason}): if its kind was changed, give it another name"
    )]
    Cursor {
        /// Whose cursor.
        source_name: SourceName,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk refused.
    #[error("{path}: {reason}")]
    Io {
        /// Where.
        path: String,
        /// Why, in the system's words.
        reason: String,
    },
}

impl CollectError {
    pub(crate) fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            reason: error.to_string(),
        }
    }

    /// Whether reading again without anybody's help may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Retryable { .. } | Self::Io { .. })
    }
}

/// Something that tells events and can be read again from a cursor.
#[async_trait]
pub trait Source: Send {
    /// The configured name.
    fn name(&self) -> &SourceName;

    /// Reads on from `from`, which is [`Cursor::start`], a committed cursor, or the `next` of the batch before. Never waits for
    /// new events: without any it gives an empty batch. After a crash the same cursor gives the same events again.
    ///
    /// # Errors
    /// See [`CollectError`]; nothing was consumed then.
    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError>;

    /// Says that `cursor` and everything that came before it is safely committed, so that a spool may delete what it kept.
    ///
    /// # Errors
    /// See [`CollectError`]; to be called again with the next commit.
    async fn committed(&mut self, cursor: &Cursor) -> Result<(), CollectError> {
        let _ = cursor;
        Ok(())
    }
}
