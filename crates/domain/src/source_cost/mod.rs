//! What polling a source costs, estimated from the calls that were counted.
//!
//! Takes how many calls a source made in which time, and gives what they cost at list prices, or which share of a limit they take. Only
//! calls are priced: what AWS takes for writing the logs, for shards, storage, keys and traffic out of a region is on its bill and not
//! seen from here.

pub mod prices;

use chrono::{DateTime, Duration, Utc};
use prices::{FILTER_LOG_EVENTS_A_SECOND, S3_GET, SQS_REQUEST};
use serde::{Deserialize, Serialize};

/// A month as prices count it: 30 days.
const DAYS_A_MONTH: f64 = 30.0;

/// Which calls a source makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// FilterLogEvents, in so many accounts and regions; without a price, but limited.
    LogGroups {
        /// Accounts times regions.
        places: u32,
    },
    /// GetRecords and ListShards: without a price of their own.
    Shards,
    /// ListFindings and GetFindings, without a price; and requests of a queue where there is one.
    Findings {
        /// Whether there is one.
        queue: bool,
    },
    /// Requests of a queue, and a GET for each object.
    Objects,
}

/// The figures at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    at: DateTime<Utc>,
    calls: u64,
    bytes: u64,
}

/// The figures of the last day, an hour apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usage(Vec<Mark>);

impl Usage {
    /// Takes note of the figures; a figure that fell was counted anew, and what came before it is forgotten.
    pub fn note(&mut self, calls: u64, bytes: u64, at: DateTime<Utc>) {
        if self
            .0
            .last()
            .is_some_and(|last| calls < last.calls || bytes < last.bytes)
        {
            self.0.clear();
        }
        if self
            .0
            .last()
            .is_none_or(|last| at - last.at >= Duration::hours(1))
        {
            self.0.push(Mark { at, calls, bytes });
        }
        // One mark from before the day is kept, so that a whole day is measured.
        while self
            .0
            .get(1)
            .is_some_and(|second| at - second.at >= Duration::days(1))
        {
            self.0.remove(0);
        }
    }

    /// What the calls since the oldest mark cost; none before half an hour of them was seen.
    #[must_use]
    pub fn estimate(&self, polled: Polled, calls: u64, bytes: u64, at: DateTime<Utc>) -> Option<Estimate> {
        let oldest = self.0.first()?;
        let measured = at - oldest.at;
        if measured < Duration::minutes(30) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate to a few digits")]
        let a_day = |now: u64, before: u64| {
            now.saturating_sub(before) as f64 * 86_400.0 / measured.num_seconds().max(1) as f64
        };
        let calls = a_day(calls, oldest.calls);
        let (usd_a_call, limit) = match polled {
            Polled::LogGroups { places } => {
                (0.0, Some(FILTER_LOG_EVENTS_A_SECOND * f64::from(places.max(1))))
            }
            Polled::Shards | Polled::Findings { queue: false } => (0.0, None),
            Polled::Findings { queue: true } => (SQS_REQUEST, None),
            Polled::Objects => (SQS_REQUEST.max(S3_GET), None),
        };
        Some(Estimate {
            measured_seconds: measured.num_seconds(),
            calls_a_day: calls,
            bytes_a_day: a_day(bytes, oldest.bytes),
            usd_a_month: calls * DAYS_A_MONTH * usd_a_call,
            at_most: polled == Polled::Findings { queue: true },
            share_of_limit: limit.map(|limit| calls / 86_400.0 / limit),
            not_counted: not_counted(polled),
        })
    }
}

/// What polling costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Over how many seconds was measured.
    pub measured_seconds: i64,
    /// Calls a day, refused ones and tries again included.
    pub calls_a_day: f64,
    /// Bytes of log text a day, as they were read.
    pub bytes_a_day: f64,
    /// USD a month of 30 days.
    pub usd_a_month: f64,
    /// Some of the calls have no price, and cannot be told from those that have.
    pub at_most: bool,
    /// Of the calls that AWS allows an account and region, from 0 to 1; only where there is no price but a limit.
    pub share_of_limit: Option<f64>,
    /// What is paid besides, and not seen from here.
    pub not_counted: &'static str,
}

fn not_counted(polled: Polled) -> &'static str {
    match polled {
        Polled::LogGroups { .. } => {
            "taking the logs in and keeping them, which CloudWatch Logs charges by the GB, and the stream of a subscription"
        }
        Polled::Shards => "the hours of the shards and what is put into them",
        Polled::Findings { .. } => "GuardDuty itself, by what it analyses, and EventBridge",
        Polled::Objects => {
            "storage, what KMS takes to decrypt, requests above 64 KB, and traffic out of the region"
        }
    }
}
