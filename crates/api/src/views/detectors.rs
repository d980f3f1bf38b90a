//! Detectors as the console shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_detect::{Activity, DetectorInfo, DropCounts, Kind, Status};
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::LogSource;
use watchkeeper_store::DetectorCounts;

/// A detector and what it did.
#[derive(Debug, Serialize)]
pub(crate) struct DetectorView {
    id: String,
    title: String,
    level: Level,
    kind: Kind,
    status: Option<Status>,
    description: String,
    log_source: Option<LogSource>,
    tags: Vec<String>,
    path: String,
    judged: u64,
    matched: u64,
    last_match_at: Option<DateTime<Utc>>,
    alerts: u64,
    false_positives: u64,
}

impl DetectorView {
    /// A detector with what it did since the start, and what became of its alerts.
    pub(crate) fn of(info: &DetectorInfo, activity: &Activity, counts: Option<&DetectorCounts>) -> Self {
        Self {
            id: info.id.clone(),
            title: info.title.clone(),
            level: info.level,
            kind: info.kind,
            status: info.status,
            description: info.description.clone(),
            log_source: info.log_sources.first().cloned(),
            tags: info.tags.clone(),
            path: info.path.clone(),
            judged: activity.judged,
            matched: activity.matches,
            last_match_at: activity.last_match_at,
            alerts: counts.map_or(0, |counts| counts.alerts),
            false_positives: counts.map_or(0, |counts| counts.false_positives),
        }
    }
}

/// A detector with its text.
#[derive(Debug, Serialize)]
pub(crate) struct DetectorDetail {
    #[serde(flatten)]
    view: DetectorView,
    source: String,
    references: Vec<String>,
    falsepositives: Vec<String>,
    author: Option<String>,
}

impl DetectorDetail {
    /// A detector with its text.
    pub(crate) fn of(info: DetectorInfo, activity: &Activity, counts: Option<&DetectorCounts>) -> Self {
        Self {
            view: DetectorView::of(&info, activity, counts),
            source: info.source,
            references: info.references,
            falsepositives: info.falsepositives,
            author: info.author,
        }
    }
}

/// What was left out, over all sources and rules.
#[derive(Debug, Serialize)]
pub(crate) struct DroppedView {
    late: u64,
    future: u64,
    duplicate: u64,
    evicted: u64,
}

impl DroppedView {
    /// The sums.
    pub(crate) fn of(dropped: &DropCounts) -> Self {
        Self {
            late: dropped.late.values().sum(),
            future: dropped.future.values().sum(),
            duplicate: dropped.duplicate.values().sum(),
            evicted: dropped.by_rule.values().map(|rule| rule.groups_evicted).sum(),
        }
    }
}
