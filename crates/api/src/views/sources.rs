//! Sources as the console shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_detect::Satisfiable;
use watchkeeper_domain::source_cost::{Estimate, Polled, prices};
use watchkeeper_domain::source_health::{Standing, Trouble, Watched};
use watchkeeper_respond::source_status::{SourceRemark, SourceStatus};
use watchkeeper_respond::workers::watch::SourceCoverage;

/// How many minutes of rate are shown.
const MINUTES: usize = 60;

/// A source and how it is doing.
#[derive(Debug, Serialize)]
pub(crate) struct SourceView {
    state: &'static str,
    /// How long after it happened the newest event was judged; does not grow while nothing comes.
    lag_seconds: Option<i64>,
    name: String,
    kind: String,
    format: String,
    events: u64,
    bytes: u64,
    unparsed: u64,
    late: u64,
    duplicates: u64,
    truncated: u64,
    malformed: u64,
    dropped: u64,
    refused: u64,
    missed_by_push: u64,
    lost_bytes: u64,
    gaps: u64,
    calls: u64,
    throttled: u64,
    waiting: Vec<String>,
    remarks: Vec<RemarkView>,
    last_event_at: Option<DateTime<Utc>>,
    /// When an event of it was last judged: since then it is idle.
    last_judged_at: Option<DateTime<Utc>>,
    last_read_at: Option<DateTime<Utc>>,
    error: Option<ErrorView>,
    rate: Vec<u64>,
    alerts: Vec<AlertView>,
    coverage: Option<CoverageView>,
    cost: Option<CostView>,
}

/// What polling a source costs, with where the prices are from.
#[derive(Debug, Serialize)]
struct CostView {
    #[serde(flatten)]
    estimate: Estimate,
    prices_of: &'static str,
    prices_as_of: &'static str,
    prices_written_at: [&'static str; 2],
}

impl CostView {
    fn of(estimate: Estimate) -> Self {
        Self {
            estimate,
            prices_of: prices::REGION,
            prices_as_of: prices::AS_OF,
            prices_written_at: prices::WRITTEN_AT,
        }
    }
}

/// How many of the rules that run judge events of a source, by what it gave since the service started.
#[derive(Debug, Serialize)]
struct CoverageView {
    /// Of these, with the fields seen so far they can match.
    can_match: usize,
    /// Of these, it has not given enough events to tell.
    unknown: usize,
    /// Of these, they need fields that it was never seen to give.
    fields_unseen: usize,
}

impl CoverageView {
    fn of(coverage: &SourceCoverage) -> Self {
        Self {
            can_match: coverage.count(Satisfiable::Yes),
            unknown: coverage.count(Satisfiable::Unknown),
            fields_unseen: coverage.count(Satisfiable::FieldsUnseen),
        }
    }
}

/// What others know of a source besides its own figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// What whoever looks after it knows.
    pub(crate) watched: Option<&'a Watched>,
    /// What covers it.
    pub(crate) coverage: Option<&'a SourceCoverage>,
    /// Which calls it makes.
    pub(crate) polled: Option<Polled>,
}

impl Beside<'_> {
    fn cost(&self, status: &SourceStatus, now: DateTime<Utc>) -> Option<CostView> {
        let usage = &self.watched?.usage;
        let estimate = usage.estimate(self.polled?, status.calls, status.bytes, now);
        estimate.map(CostView::of)
    }
}

/// What a source had to say, and when it did last.
#[derive(Debug, Serialize)]
struct RemarkView {
    at: DateTime<Utc>,
    text: String,
}

impl RemarkView {
    fn of(remark: SourceRemark) -> Self {
        Self {
            at: remark.at,
            text: remark.text,
        }
    }
}

/// An error that stands.
#[derive(Debug, Serialize)]
struct ErrorView {
    at: DateTime<Utc>,
    message: String,
}

/// Something that is wrong with a source and that people were told of.
#[derive(Debug, Serialize)]
struct AlertView {
    trouble: Trouble,
    since: DateTime<Utc>,
    told_at: DateTime<Utc>,
    reason: String,
    remedy: String,
}

impl AlertView {
    fn of((trouble, standing): (Trouble, &Standing)) -> Self {
        Self {
            trouble,
            since: standing.since,
            told_at: standing.told_at,
            reason: standing.reason.clone(),
            remedy: standing.remedy.clone(),
        }
    }
}

impl SourceView {
    /// How a source is doing at `now`.
    pub(crate) fn of(status: SourceStatus, beside: Beside<'_>, now: DateTime<Utc>) -> Self {
        Self {
            coverage: beside.coverage.map(CoverageView::of),
            cost: beside.cost(&status, now),
            alerts: beside
                .watched
                .map(|watched| watched.standing().map(AlertView::of).collect())
                .unwrap_or_default(),
            state: status.state(),
            lag_seconds: status.lag().map(|lag| lag.num_seconds()),
            rate: last_hour(&status.rate, status.rate_until, now),
            name: status.name,
            kind: status.kind,
            format: status.format,
            events: status.events,
            bytes: status.bytes,
            unparsed: status.unparsed,
            late: status.late,
            duplicates: status.duplicates,
            truncated: status.truncated,
            malformed: status.malformed,
            dropped: status.dropped,
            refused: status.refused,
            missed_by_push: status.missed_by_push,
            lost_bytes: status.lost_bytes,
            gaps: status.gaps,
            calls: status.calls,
            throttled: status.throttled,
            waiting: status.waiting,
            remarks: status.remarks.into_iter().map(RemarkView::of).collect(),
            last_event_at: status.last_event_at,
            last_judged_at: status.judged_at,
            last_read_at: status.last_read_at,
            error: status.error.map(|error| ErrorView {
                at: error.at,
                message: error.message,
            }),
        }
    }
}

/// The rate of the 60 minutes that end now: minutes without a reading had no events.
fn last_hour(rate: &[u64], until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<u64> {
    let silent = until.map_or(MINUTES, |until| {
        usize::try_from((now - until).num_minutes())
            .unwrap_or(0)
            .min(MINUTES)
    });
    let mut minutes = vec![0; MINUTES.saturating_sub(rate.len())];
    minutes.extend_from_slice(&rate[rate.len().saturating_sub(MINUTES)..]);
    minutes.drain(..silent);
    minutes.resize(MINUTES, 0);
    minutes
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    #[test]
    fn the_rate_ends_now_whenever_the_last_reading_was() {
        let minute = DateTime::UNIX_EPOCH;
        let at = |minutes: i64| {
            last_hour(
                &[1, 2, 3],
                Some(minute),
                minute + Duration::minutes(minutes) + Duration::seconds(30),
            )
        };
        assert_eq!(at(0)[57..], [1, 2, 3]);
        assert_eq!(at(2)[55..], [1, 2, 3, 0, 0]);
        assert_eq!(at(500), vec![0; 60]);
        assert_eq!(last_hour(&[7; 80], None, minute), vec![0; 60]);
        assert_eq!(at(2).len(), 60);
    }
}
