//! The slow lane: what happened before the first reading began, read from the oldest on, in bounded slices, and only with calls that the
//! live lane leaves.
//!
//! What is so old is settled, so that FilterLogEvents gives it in the same order every time: the place is the time of the last event and
//! the ids of that millisecond, and whoever is killed goes on behind it.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How much is asked for at a time.
const SLICE: Duration = Duration::hours(1);
/// Events of one millisecond whose ids are remembered; a group that has more in one gives some of them again after a crash.
const MOST_IDS: usize = 10_000;

const PAUSE: Duration = Duration::minutes(1);

/// How far a group's past is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backfill {
    /// Everything before this instant (ms) was read.
    at: i64,
    /// Where the live lane began (ms).
    until: i64,
    /// What was read of the millisecond `at`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<String>,
    #[serde(skip)]
    token: Option<String>,
    /// The end (ms) of the slice whose pages are being turned.
    #[serde(skip)]
    slice: Option<i64>,
    #[serde(skip)]
    paused_until: Option<DateTime<Utc>>,
}

impl Backfill {
    /// From `begin` to where the live lane began; nothing where that is not before.
    pub(super) fn between(begin: i64, until: i64) -> Option<Self> {
        (begin < until).then_some(Self {
            at: begin,
            until,
            read: Vec::new(),
            token: None,
            slice: None,
            paused_until: None,
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.until
    }

    /// What to ask for: from, to (both within), token.
    pub(super) fn next(&mut self) -> (i64, i64, Option<String>) {
        let end = *self
            .slice
            .get_or_insert((self.at + SLICE.num_milliseconds()).min(self.until) - 1);
        (self.at, end, self.token.clone())
    }

    /// Whether an event was not read yet; notes it as read.
    pub(super) fn take(&mut self, at_ms: i64, id: &str) -> bool {
        if at_ms < self.at || at_ms == self.at && self.read.iter().any(|known| known == id) {
            return false;
        }
        if at_ms > self.at {
            self.at = at_ms;
            self.read.clear();
        }
        if self.read.len() < MOST_IDS {
            self.read.push(id.to_owned());
        }
        true
    }

    /// A page was read.
    pub(super) fn turn_page(&mut self, token: Option<String>) {
        if token.is_none()
            && let Some(end) = self.slice.take()
        {
            self.at = end + 1;
            self.read.clear();
        }
        self.token = token;
    }

    /// A page could not be read: a token may have expired with it.
    pub(super) fn fail(&mut self, now: DateTime<Utc>) {
        self.token = None;
        self.slice = None;
        self.paused_until = Some(now + PAUSE);
    }

    pub(super) fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }
}
