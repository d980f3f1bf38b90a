//! How long a source is used to say nothing, by the time of the week at which its silences begin: one that speaks on working days is
//! silent from Friday evening, and one that speaks all the time is silent for a minute.

use crate::span::in_words;
use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// Three hours of the week each.
const SLOTS: usize = 56;

/// After how many days the silences that were learned grow old; after as many again they are forgotten.
const PERIOD_DAYS: i64 = 21;

/// Shorter than this no silence is worth a page.
const SHORTEST: i64 = 15 * 60;

/// How much longer than its longest silence a source may be silent: three times as long, and not more than so many seconds longer.
const MOST_BEYOND: i64 = 12 * 3600;

/// In its first week a source has not shown what it is like at night and at the end of the week.
const FIRST_WEEK: i64 = 7;

/// What a source may say nothing for in its first week, and where it never said anything.
const A_DAY: i64 = 86_400;

/// The longest silences of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habit {
    /// When it was first learned of.
    since: Option<DateTime<Utc>>,
    /// When the present period began.
    period_at: Option<DateTime<Utc>>,
    /// The longest silence that began in each three hours of the week, Monday first, in seconds; of this period.
    now: Vec<u32>,
    /// The same of the period before.
    before: Vec<u32>,
}

fn slot(at: DateTime<Utc>) -> usize {
    (at.weekday().num_days_from_monday() * 8 + at.hour() / 3) as usize % SLOTS
}

impl Habit {
    /// Takes note of a silence of so many seconds that began at `from`, and ended now.
    pub(super) fn learn(&mut self, from: DateTime<Utc>, seconds: i64, at: DateTime<Utc>) {
        self.since.get_or_insert(from);
        let period = *self.period_at.get_or_insert(at);
        if at - period >= Duration::days(PERIOD_DAYS) {
            self.before = std::mem::take(&mut self.now);
            self.period_at = Some(at);
        }
        self.now.resize(SLOTS, 0);
        let longest = &mut self.now[slot(from)];
        *longest = (*longest).max(u32::try_from(seconds).unwrap_or(u32::MAX));
    }

    /// The longest silence known that began at about this time of the week; of all where none began then.
    #[must_use]
    pub fn longest(&self, from: DateTime<Utc>) -> Duration {
        let known = |slot: usize| {
            let of = |period: &[u32]| period.get(slot).copied().unwrap_or_default();
            of(&self.now).max(of(&self.before))
        };
        let own = slot(from);
        let near = [own + SLOTS - 1, own, own + 1].map(|slot| known(slot % SLOTS));
        let near = near.into_iter().max().unwrap_or_default();
        let longest = if near > 0 {
            near
        } else {
            (0..SLOTS).map(known).max().unwrap_or_default()
        };
        Duration::seconds(i64::from(longest))
    }

    /// How long a silence that began at `from` may last.
    pub(super) fn allows(&self, from: DateTime<Utc>, at: DateTime<Utc>) -> Duration {
        let longest = self.longest(from).num_seconds();
        let allowed = (3 * longest).min(longest + MOST_BEYOND).max(SHORTEST);
        let known = self.is_known(at);
        Duration::seconds(if known { allowed } else { allowed.max(A_DAY) })
    }

    fn is_known(&self, at: DateTime<Utc>) -> bool {
        self.since
            .is_some_and(|since| at - since >= Duration::days(FIRST_WEEK))
    }

    /// Why so long is allowed.
    pub(super) fn in_words(&self, from: DateTime<Utc>, at: DateTime<Utc>) -> String {
        if !self.is_known(at) {
            return "its habit is known for less than a week".to_owned();
        }
        format!(
            "the longest silence known of it at this time of the week is {}",
            in_words(self.longest(from))
        )
    }
}

/// How long a source that is asked for may go without ever having said anything.
pub(super) fn before_the_first_event() -> Duration {
    Duration::seconds(A_DAY)
}
