//! How often a remote service may be called: one token bucket for each (service, account, region), shared by all sources.
//!
//! Halved when the service throttles a call, raised by a twentieth of its rate for each minute without. Time comes from the caller's
//! clock; nothing here waits.

use chrono::{DateTime, Utc};
use std::collections::HashMap;
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

    /// Takes `calls` calls (at most [`LEAST_CAPACITY`]) together, or none.
    #[must_use]
    pub(crate) fn take(&self, calls: u8, now: DateTime<Utc>) -> bool {
        let mut level = self.level();
        level.refill(now);
        let enough = level.tokens >= f64::from(calls);
        if enough {
            level.tokens -= f64::from(calls);
        }
        enough
    }

    /// Takes a call only where as many again are left for whoever is in a hurry.
    #[must_use]
    pub(crate) fn take_spare(&self, now: DateTime<Utc>) -> bool {
        let mut level = self.level();
        level.refill(now);
        let enough = level.tokens >= 2.0;
        if enough {
            level.tokens -= 1.0;
        }
        enough
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

    fn calls(bucket: &Bucket, from: DateTime<Utc>, seconds: i64) -> usize {
        (0..seconds * 10)
            .filter(|tenth| bucket.take(1, from + Span::milliseconds(tenth * 100)))
            .count()
    }

    #[test]
    fn a_throttled_bucket_halves_and_recovers_by_clean_minutes() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bucket = Bucket::new(4.0);
        assert!((40..=44).contains(&calls(&bucket, start, 10)));
        let later = start + Span::seconds(10);
        bucket.throttled(later);
        assert!((bucket.rate() - 2.0).abs() < 1e-9);
        // One of them was the next attempt of the call that was refused.
        assert!((19..=23).contains(&calls(&bucket, later, 10)));
        let clean = later + Span::minutes(5);
        assert!(bucket.take(1, clean));
        assert!((bucket.rate() - 2.0 * 1.05_f64.powi(5)).abs() < 1e-9);
        assert!(bucket.take(1, clean + Span::hours(3)));
        assert!((bucket.rate() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_attempts_of_one_call_halve_the_rate_once_and_are_paid_for() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bucket = Bucket::new(8.0);
        assert!(bucket.take(1, start));
        for milliseconds in [0, 150, 450, 1_050] {
            bucket.throttled(start + Span::milliseconds(milliseconds));
        }
        assert!((bucket.rate() - 4.0).abs() < 1e-9);
        let left = (0..8).filter(|_| bucket.take(1, start)).count();
        assert_eq!(left, 3, "eight, less the call and its four further attempts");
        bucket.throttled(start + Span::seconds(6));
        assert!((bucket.rate() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn two_calls_come_together_even_when_the_rate_is_low() {
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bucket = Bucket::new(0.5);
        assert!(bucket.take(2, start));
        assert!(!bucket.take(2, start + Span::seconds(3)));
        assert!(bucket.take(2, start + Span::seconds(4)));
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
