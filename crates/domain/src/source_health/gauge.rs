//! One trouble of one source, steadied: it begins after it was there for a while and ends after it was gone for a while, and what comes
//! and goes is told ever less.

use super::Change;
use super::word::News;
use crate::span::Span;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// What returns within this after it ended is unsteady.
fn unsteady_within() -> Duration {
    Duration::days(1)
}

/// Then it has ended only when it was gone for so long, so that it is told a few times a day and not every quarter of an hour.
fn steady_after() -> Duration {
    Duration::hours(6)
}

/// What stands and has grown by so many times since it was told is told again, though not within this of the last time.
const WORSE: u64 = 10;
fn worse_after() -> Duration {
    Duration::hours(1)
}

/// What one look says of a trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is there.
    Bad(Bad),
    /// It is not there; after so long it has ended.
    Good(Duration),
    /// Nothing can be told: what stands goes on, and nothing begins.
    Unknown,
}

/// A trouble as a look saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// Since when, where that is known.
    pub(super) since: Option<DateTime<Utc>>,
    /// People are told after it was there for so long.
    pub(super) after: Duration,
    /// How much of it there is, such as how many lines were lost; 0 for what has no degrees.
    pub(super) extent: u64,
    /// What is wrong, with its figures.
    pub(super) reason: String,
    /// What to do.
    pub(super) remedy: String,
}

/// A trouble that people were told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it is there.
    pub since: DateTime<Utc>,
    /// When people were told last.
    pub told_at: DateTime<Utc>,
    /// What is wrong, as the last look saw it.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// How much of it there was when people were told last.
    #[serde(default)]
    told_extent: u64,
    /// It came back soon after it had ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unsteady: bool,
}

/// A trouble from look to look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Gauge {
    /// Since when it is there, before people are told as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_since: Option<DateTime<Utc>>,
    /// For how many seconds it was there and was looked at.
    bad_for: i64,
    /// For how many seconds it was gone.
    good_for: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    /// When it ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
}

impl Gauge {
    pub(super) fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref()
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_at_rest(&self) -> bool {
        self.standing.is_none() && self.bad_since.is_none() && self.ended_at.is_none()
    }

    /// Takes a sign, `counted` after the one before, and says what people are to be told.
    pub(super) fn feel(
        &mut self,
        sign: Sign,
        counted: Duration,
        at: DateTime<Utc>,
        again_after: Span,
    ) -> Option<News> {
        match sign {
            Sign::Bad(bad) => self.feel_bad(bad, counted, at, again_after),
            Sign::Good(after) => self.feel_good(after, counted, at),
            Sign::Unknown if self.standing.is_none() => self.feel_good(Duration::zero(), counted, at),
            Sign::Unknown => None,
        }
    }

    fn feel_bad(
        &mut self,
        bad: Bad,
        counted: Duration,
        at: DateTime<Utc>,
        again_after: Span,
    ) -> Option<News> {
        self.good_for = 0;
        match self.bad_since {
            Some(_) => self.bad_for += counted.num_seconds(),
            None => self.bad_since = Some(bad.since.unwrap_or(at).min(at)),
        }
        if let Some(standing) = &mut self.standing {
            standing.reason = bad.reason;
            standing.remedy = bad.remedy;
            let since_told = at - standing.told_at;
            let worse = standing.told_extent > 0 && bad.extent / standing.told_extent >= WORSE;
            let change = if since_told >= again_after.duration() {
                Change::Again
            } else if worse && since_told >= worse_after() {
                Change::Worse
            } else {
                return None;
            };
            (standing.told_at, standing.told_extent) = (at, bad.extent);
            return Some(News::of(change, standing));
        }
        if self.bad_for < bad.after.num_seconds() {
            return None;
        }
        let unsteady = self.ended_at.is_some_and(|ended| at - ended < unsteady_within());
        let standing = Standing {
            since: self.bad_since.unwrap_or(at),
            told_at: at,
            told_extent: bad.extent,
            reason: bad.reason,
            remedy: bad.remedy,
            unsteady,
        };
        Some(News::of(Change::Began, self.standing.insert(standing)))
    }

    fn feel_good(&mut self, after: Duration, counted: Duration, at: DateTime<Utc>) -> Option<News> {
        self.good_for += counted.num_seconds();
        let unsteady = self.standing.as_ref().is_some_and(|standing| standing.unsteady);
        let after = if unsteady {
            after.max(steady_after())
        } else {
            after
        };
        if self.good_for < after.num_seconds() {
            return None;
        }
        (self.bad_since, self.bad_for, self.good_for) = (None, 0, 0);
        if self.ended_at.is_some_and(|ended| at - ended >= unsteady_within()) {
            self.ended_at = None;
        }
        let standing = self.standing.take()?;
        self.ended_at = Some(at);
        Some(News::of(Change::Ended, &standing))
    }
}
