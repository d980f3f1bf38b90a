//! Time is injected: everything that decides by time asks a [`Clock`], and tests hold one that they advance.
//!
//! This module is the only one that reads the system's clock. Instants are UTC and cut to microseconds, which is what both
//! databases keep, so that a value read back equals the value written.

use chrono::{DateTime, Duration, DurationRound, Utc};
use std::sync::Mutex;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant, cut to microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock whose hands can be set forward: the demo travels in time with one.
pub trait Travels: Clock {
    /// Sets the hands forward by `by`.
    fn travel(&self, by: Duration);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        to_microseconds(Utc::now())
    }
}

/// A clock that stands still until it is advanced: for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(to_microseconds(at)))
    }

    /// Moves the hands on by `by`.
    pub fn advance(&self, by: Duration) {
        *self.hands() += by;
    }

    /// Sets the hands to `at`.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.hands() = to_microseconds(at);
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.hands()
    }
}

impl Travels for ManualClock {
    fn travel(&self, by: Duration) {
        self.advance(by);
    }
}

/// The machine's clock, set forward: demo and drill travel in time with it, and nothing else may.
#[derive(Debug)]
pub struct TravellingClock {
    ahead: Mutex<Duration>,
}

impl TravellingClock {
    /// A clock that runs `ahead` of the machine's.
    #[must_use]
    pub fn ahead_by(ahead: Duration) -> Self {
        Self {
            ahead: Mutex::new(ahead),
        }
    }

    /// Jumps forward by `by` and tells how far ahead the clock now is.
    pub fn advance(&self, by: Duration) -> Duration {
        let mut ahead = self
            .ahead
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *ahead += by;
        *ahead
    }
}

impl Clock for TravellingClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
            + *self
                .ahead
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Travels for TravellingClock {
    fn travel(&self, by: Duration) {
        self.advance(by);
    }
}

/// Cuts an instant to microseconds.
#[must_use]
pub fn to_microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(Duration::microseconds(1)).unwrap_or(at)
}
