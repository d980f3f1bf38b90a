//! What comes far beyond the horizon: of a busy group no sweep looks there any more.
//!
//! Each event says itself when it was taken in. Where that is later than the horizon after its time, its id is remembered apart from all
//! others, since such events are few. So what lies behind the settled instant can be read again, and only what is late be looked at: what
//! is not late was judged, as the horizon promises, and needs no memory. It is read once an hour for some hours, and once a day for a day,
//! as the slow lane reads the past: an hour of log at a time, and only with calls that are left over.

use super::backfill::Backfill;
use crate::seen::{SeenIds, StoredIds};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How often is looked how far behind the settled instant.
const SHORT: (Duration, Duration) = (Duration::hours(1), Duration::hours(3));
const LONG: (Duration, Duration) = (Duration::days(1), Duration::hours(25));

/// What is known of a group's late events.
#[derive(Debug)]
pub(super) struct LateEvents {
    /// Those that were delivered.
    pub(super) seen: SeenIds,
    /// A look under way.
    walk: Option<Backfill>,
    /// When the last look of each kind began.
    short_at: DateTime<Utc>,
    long_at: DateTime<Utc>,
}

/// The same as it lies in the cursor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredLateEvents {
    seen: StoredIds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    walk: Option<Backfill>,
    short_at: DateTime<Utc>,
    long_at: DateTime<Utc>,
}

impl LateEvents {
    /// Of a group that is read, and whose late events are known, from an instant (ms) on.
    pub(super) fn since(instant_ms: i64, now: DateTime<Utc>) -> Self {
        Self {
            seen: SeenIds::complete_from(instant_ms),
            walk: None,
            short_at: now,
            long_at: now,
        }
    }

    pub(super) fn restore(stored: &StoredLateEvents) -> Self {
        Self {
            seen: SeenIds::restore(&stored.seen),
            walk: stored.walk.clone(),
            short_at: stored.short_at,
            long_at: stored.long_at,
        }
    }

    /// As it is to be kept, with at most `limit` ids, and how many more there were.
    pub(super) fn store(&self, limit: usize) -> (StoredLateEvents, u64) {
        let (seen, forgotten) = self.seen.store(limit);
        let stored = StoredLateEvents {
            seen,
            walk: self.walk.clone(),
            short_at: self.short_at,
            long_at: self.long_at,
        };
        (stored, forgotten)
    }

    /// The look that is under way or due; it ends where sweeps of the group look, `until` (ms).
    pub(super) fn look(&mut self, until: i64, now: DateTime<Utc>) -> Option<&mut Backfill> {
        if self.walk.is_none() {
            let reach = if now - self.long_at >= LONG.0 {
                (self.long_at, self.short_at) = (now, now);
                LONG.1
            } else if now - self.short_at >= SHORT.0 {
                self.short_at = now;
                SHORT.1
            } else {
                return None;
            };
            // No further than it is remembered what was late.
            let begin = (until - reach.num_milliseconds()).max(self.seen.is_complete_from());
            self.walk = Backfill::between(begin, until);
            self.seen.forget_before(until - LONG.1.num_milliseconds());
        }
        self.walk.as_mut()
    }

    /// An event that was told late; false where it was delivered before.
    pub(super) fn take(&mut self, at_ms: i64, id: &str) -> bool {
        if let Some(walk) = &mut self.walk {
            // Where the look goes on when it is cut off.
            walk.take(at_ms, id);
        }
        self.seen.insert(at_ms, id)
    }

    /// A page of the look was read.
    pub(super) fn turn_page(&mut self, token: Option<String>) {
        if let Some(walk) = &mut self.walk {
            walk.turn_page(token);
        }
        self.walk = self.walk.take().filter(|walk| !walk.is_over());
    }
}
