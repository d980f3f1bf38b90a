//! How often a remote service may be called: one token bucket for each (service, account, region), shared by all sources.
//!
//! Halved when the service throttles a call, raised by a twentieth of its rate for each minute without. A source that found no call is
//! left one before those that had some take more. Time comes from the caller's clock; nothing here waits.

use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// A bucket holds a second's calls, but at least the two that a page of findings takes.
const LEAST_CAPACITY: f64 = 2.0;

/// A shared allowance of calls.
#[derive(Debug)]
pub(crate) struct Bucket(Mutex<Level>);

#[derive(Debug)]
struct Level {
    /// What the configuration allows, in calls a second.
    ceiling: f64,
    /// What is allowed at present.
    rate: f64,
    tokens: f64,
    filled_at: Option<DateTime<Utc>>,
    raised_at: Option<DateTime<Utc>>,
    halved_at: Option<DateTime<Utc>>,
    /// Who found no call, how many it asked for together, and when it did so last; who has waited longest stands first.
    waiting: Vec<(u64, f64, DateTime<Utc>)>,
}

/// Who found no call and has not asked again for so long does not want it any more.
const WAITS_FOR: chrono::Duration = chrono::Duration::seconds(30);

/// A source's part in a bucket.
#[derive(Debug)]
pub(crate) struct Share {
    bucket: Arc<Bucket>,
    /// Tells it from the other sources of the account.
    holder: u64,
}

impl Share {
    pub(crate) fn of(bucket: Arc<Bucket>) -> Self {
        static HOLDERS: AtomicU64 = AtomicU64::new(0);
        Self {
            bucket,
            holder: HOLDERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn bucket(&self) -> &Arc<Bucket> {
        &self.bucket
    }

    /// Takes `calls` calls (at most [`LEAST_CAPACITY`]) together, or none.
    #[must_use]
    pub(crate) fn take(&self, calls: u8, now: DateTime<Utc>) -> bool {
        let mut level = self.bucket.level();
        level.refill(now);
        let calls = f64::from(calls);
        let enough = level.tokens >= calls + level.reserved_before(self.holder, now);
        if enough {
            level.tokens -= calls;
            level.waiting.retain(|(holder, ..)| *holder != self.holder);
        } else if let Some(known) = level
            .waiting
            .iter_mut()
            .find(|(holder, ..)| *holder == self.holder)
        {
            (known.1, known.2) = (calls, now);
        } else {
            level.waiting.push((self.holder, calls, now));
        }
        enough
    }

    /// Takes a call only where as many again are left for whoever is in a hurry.
    #[must_use]
    pub(crate) fn take_spare(&self, now: DateTime<Utc>) -> bool {
        let mut level = self.bucket.level();
        level.refill(now);
        let enough = level.tokens >= 2.0 + level.reserved_before(self.holder, now);
        if enough {
            level.tokens -= 1.0;
        }
        enough
    }
}

/// The attempts of one call come within this time, and are one sign that it is too often.
const ATTEMPTS_OF_A_CALL: chrono::Duration = chrono::Duration::seconds(5);

type Registry = HashMap<(&'static str, String, String), Weak<Bucket>>;
static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(|| Mutex::new(HashMap::new()));

impl Bucket {
    pub(crate) fn new(calls_per_second: f64) -> Self {
        Self(Mutex::new(Level {
            ceiling: calls_per_second,
            rate: calls_per_second,
            tokens: calls_per_second.max(LEAST_CAPACITY),
            filled_at: None,
            raised_at: None,
            halved_at: None,
            waiting: Vec::new(),
        }))
    }

    /// The bucket of a service in an account and region. Sources that configure different rates share the lowest.
    pub(crate) fn shared(
        service: &'static str,
        account: &str,
        region: &str,
        calls_per_second: f64,
    ) -> Arc<Self> {
        let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|_, bucket| bucket.strong_count() > 0);
        let key = (service, account.to_owned(), region.to_owned());
        if let Some(bucket) = registry.get(&key).and_then(Weak::upgrade) {
            let mut level = bucket.level();
            level.ceiling = level.ceiling.min(calls_per_second);
            level.rate = level.rate.min(level.ceiling);
            drop(level);
            return bucket;
        }
        let bucket = Arc::new(Self::new(calls_per_second));
        registry.insert(key, Arc::downgrade(&bucket));
        bucket
    }

    fn level(&self) -> MutexGuard<'_, Level> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service said that it was called too often.
    pub(crate) fn throttled(&self, now: DateTime<Utc>) {
        let mut level = self.level();
        // Another attempt follows, which nobody asked the bucket for.
        level.tokens -= 1.0;
        level.raised_at = Some(now);
        if level
            .halved_at
            .is_some_and(|at| (now - at).abs() < ATTEMPTS_OF_A_CALL)
        {
            return;
        }
        level.halved_at = Some(now);
        // A tenth of a call a second is left, so that it is noticed when the service recovers.
        level.rate = (level.rate / 2.0).max(0.1_f64.min(level.ceiling));
    }

    #[cfg(test)]
    fn rate(&self) -> f64 {
        self.level().rate
    }
}

impl Level {
    /// How many calls are left for those who have waited longer than `holder`.
    fn reserved_before(&mut self, holder: u64, now: DateTime<Utc>) -> f64 {
        self.waiting.retain(|(.., asked_at)| now - *asked_at < WAITS_FOR);
        let before = self.waiting.iter().take_while(|(other, ..)| *other != holder);
        before.map(|(_, calls, _)| calls).sum()
    }

    fn refill(&mut self, now: DateTime<Utc>) {
        let raised_at = *self.raised_at.get_or_insert(now);
        let minutes = (now - raised_at).num_minutes().clamp(0, 1_000);
        if minutes > 0 {
            let step = i32::try_from(minutes).unwrap_or(1_000);
            self.rate = (self.rate * 1.05_f64.powi(step)).min(self.ceiling);
            self.raised_at = Some(raised_at + chrono::Duration::minutes(minutes));
        }
        let filled_at = self.filled_at.replace(now).unwrap_or(now);
        let elapsed = (now - filled_at).to_std().unwrap_or_default();
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.rate).min(self.rate.max(LEAST_CAPACITY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration as Span;

    fn calls(bucket: &Share, from: DateTime<Utc>, seconds: i64) -> usize {
        (0..seconds * 10)
            .filter(|tenth| bucket.take(1, from + Span::milliseconds(tenth * 100)))
            .count()
    }

    #[test]
    fn a_throttled_bucket_halves_and_recovers_by_clean_minutes() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let share = Share::of(Arc::new(Bucket::new(4.0)));
        let bucket = share.bucket();
        assert!((40..=44).contains(&calls(&share, start, 10)));
        let later = start + Span::seconds(10);
        bucket.throttled(later);
        assert!((bucket.rate() - 2.0).abs() < 1e-9);
        // One of them was the next attempt of the call that was refused.
        assert!((19..=23).contains(&calls(&share, later, 10)));
        let clean = later + Span::minutes(5);
        assert!(share.take(1, clean));
        assert!((bucket.rate() - 2.0 * 1.05_f64.powi(5)).abs() < 1e-9);
        assert!(share.take(1, clean + Span::hours(3)));
        assert!((bucket.rate() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_attempts_of_one_call_halve_the_rate_once_and_are_paid_for() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let share = Share::of(Arc::new(Bucket::new(8.0)));
        let bucket = share.bucket();
        assert!(share.take(1, start));
        for milliseconds in [0, 150, 450, 1_050] {
            bucket.throttled(start + Span::milliseconds(milliseconds));
        }
        assert!((bucket.rate() - 4.0).abs() < 1e-9);
        let left = (0..8).filter(|_| share.take(1, start)).count();
        assert_eq!(left, 3, "eight, less the call and its four further attempts");
        bucket.throttled(start + Span::seconds(6));
        assert!((bucket.rate() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn two_calls_come_together_even_when_the_rate_is_low() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bucket = Share::of(Arc::new(Bucket::new(0.5)));
        assert!(bucket.take(2, start));
        assert!(!bucket.take(2, start + Span::seconds(3)));
        assert!(bucket.take(2, start + Span::seconds(4)));
    }

    #[test]
    fn whoever_found_no_call_is_left_one_and_whoever_went_holds_up_nobody() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bucket = Arc::new(Bucket::new(4.0));
        let (greedy, modest, gone) = (
            Share::of(bucket.clone()),
            Share::of(bucket.clone()),
            Share::of(bucket),
        );
        let all = |now| (0..10).filter(|_| greedy.take(1, now)).count();
        assert_eq!(all(start), 4);
        assert!(!modest.take(2, start) && !gone.take(1, start));
        for second in 1..20 {
            let now = start + Span::seconds(second);
            assert_eq!(all(now), 1, "two are for one who waits, one for another");
            assert!(modest.take(2, now), "{second}");
            assert!(!modest.take(2, now));
        }
        assert!(!gone.take_spare(start + Span::seconds(19)));
        let now = start + Span::seconds(60);
        assert!(modest.take(1, now));
        assert_eq!(all(now), 3);
    }

    #[test]
    fn sources_of_one_account_and_region_share_the_lowest_rate() {
        let one = Bucket::shared("test", "1", "r", 4.0);
        let other = Bucket::shared("test", "1", "r", 2.0);
        assert!(Arc::ptr_eq(&one, &other));
        assert!((one.rate() - 2.0).abs() < 1e-9);
        assert!(!Arc::ptr_eq(&one, &Bucket::shared("test", "2", "r", 4.0)));
    }
}
