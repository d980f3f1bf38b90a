//! How many messages a minute go to one domain: a bucket that fills steadily, and from which each attempt at a letter takes one.
//!
//! Of a bucket only one instant is kept: when it is full again. What it holds at any other instant follows.

use chrono::{DateTime, Duration, Utc};

/// How fast messages may go to one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many a minute; as many as that may go at once after a quiet minute.
    per_minute: u32,
}

impl Default for Pace {
    /// 300 a minute, which large receivers take from a sender that they do not know.
    fn default() -> Self {
        Self { per_minute: 300 }
    }
}

impl Pace {
    /// So many a minute; none where that is 0.
    #[must_use]
    pub fn per_minute(messages: u32) -> Option<Self> {
        (messages > 0).then_some(Self { per_minute: messages })
    }

    /// How long the bucket takes to gain one.
    #[must_use]
    pub fn interval(self) -> Duration {
        let microseconds = Duration::minutes(1).num_microseconds().unwrap_or(i64::MAX);
        Duration::microseconds((microseconds / i64::from(self.per_minute)).max(1))
    }

    /// How long an empty bucket takes to be full.
    #[must_use]
    pub fn capacity(self) -> Duration {
        self.interval() * i32::try_from(self.per_minute).unwrap_or(i32::MAX)
    }

    /// When a bucket is full again after `taken` more were taken from it.
    #[must_use]
    pub fn full_after(self, full_at: Option<DateTime<Utc>>, now: DateTime<Utc>, taken: u32) -> DateTime<Utc> {
        let from = full_at.map_or(now, |at| at.max(now));
        from + self.interval() * i32::try_from(taken).unwrap_or(i32::MAX)
    }
}
