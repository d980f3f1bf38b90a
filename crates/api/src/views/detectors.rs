//! Detectors as the console shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use watchkeeper_detect::{
    Activity, DetectorInfo, DropCounts, Kind, RuleCoverage, RuleDrops, Satisfiable, Status,
};
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::{LogSource, SourceName};
use watchkeeper_respond::workers::watch::{BoardSnapshot, Reloaded, Unreadable};
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
    dropped: RuleDrops,
    coverage: CoverageView,
    /// The sources that give events which it judges, or can give them.
    sources: Vec<SourceName>,
}

/// What is known of a detector besides its text and what it did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known<'a> {
    /// What it dropped since its state began.
    pub(crate) dropped: Option<&'a RuleDrops>,
    /// Whether the sources can satisfy it.
    pub(crate) coverage: Option<&'a RuleCoverage>,
    /// What became of its alerts.
    pub(crate) counts: Option<&'a DetectorCounts>,
    /// The sources whose events it judges.
    pub(crate) sources: Vec<SourceName>,
}

impl DetectorView {
    /// A detector with what it did and dropped since its state began, and what became of its alerts.
    pub(crate) fn of(info: &DetectorInfo, activity: &Activity, known: Known<'_>) -> Self {
        let Known {
            dropped,
            coverage,
            counts,
            sources,
        } = known;
        Self {
            sources,
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
            dropped: dropped.cloned().unwrap_or_default(),
            coverage: CoverageView::of(coverage),
        }
    }
}

/// Whether the sources can satisfy a detector, by the events since the service started.
#[derive(Debug, Serialize)]
struct CoverageView {
    satisfiable: Satisfiable,
    /// The fields it names that no event of its log source had.
    unseen_fields: Vec<String>,
    /// Those of them without which it cannot match.
    missing_fields: Vec<String>,
    /// How many events of its log source came.
    events: u64,
}

impl CoverageView {
    fn of(coverage: Option<&RuleCoverage>) -> Self {
        Self {
            satisfiable: coverage.map_or(Satisfiable::Unknown, |coverage| coverage.satisfiable),
            unseen_fields: coverage
                .map(|coverage| coverage.unseen_fields.clone())
                .unwrap_or_default(),
            missing_fields: coverage
                .map(|coverage| coverage.missing_fields.clone())
                .unwrap_or_default(),
            events: coverage.map_or(0, |coverage| coverage.events),
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
    pub(crate) fn of(info: &DetectorInfo, activity: &Activity, known: Known<'_>) -> Self {
        Self {
            view: DetectorView::of(info, activity, known),
            source: info.source.clone(),
            references: info.references.clone(),
            falsepositives: info.falsepositives.clone(),
            author: info.author.clone(),
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
    ungrouped: u64,
    records_forgotten: u64,
    ids_forgotten: u64,
    lines_forgotten: u64,
}

impl DroppedView {
    /// The sums.
    pub(crate) fn of(dropped: &DropCounts) -> Self {
        Self {
            late: dropped.late.values().sum(),
            future: dropped.future.values().sum(),
            duplicate: dropped.duplicate.values().sum(),
            evicted: dropped.by_rule.values().map(|rule| rule.groups_evicted).sum(),
            ungrouped: dropped.by_rule.values().map(|rule| rule.ungrouped).sum(),
            records_forgotten: dropped.by_rule.values().map(|rule| rule.records_forgotten).sum(),
            ids_forgotten: dropped.ids_forgotten.values().sum(),
            lines_forgotten: dropped.lines_forgotten,
        }
    }
}

/// How the rules were read last.
#[derive(Debug, Serialize)]
pub(crate) struct RulesView {
    /// What came of the last time that they were read again; none since the start.
    reloaded: Option<ReloadedView>,
    /// Why they cannot be read at present.
    unreadable: Option<Unreadable>,
}

/// What came of reading rules again.
#[derive(Debug, Serialize)]
struct ReloadedView {
    at: DateTime<Utc>,
    kept: usize,
    restarted: Vec<Named>,
    added: Vec<Named>,
    gone: Vec<String>,
    quarantined: usize,
}

/// A detector by id and title.
#[derive(Debug, Serialize)]
struct Named {
    id: String,
    title: String,
}

impl RulesView {
    pub(crate) fn of(shown: &BoardSnapshot) -> Self {
        Self {
            reloaded: shown
                .reloaded
                .as_ref()
                .map(|reloaded| ReloadedView::of(reloaded, shown)),
            unreadable: shown.unreadable.as_ref().map(|reason| Unreadable::clone(reason)),
        }
    }
}

impl ReloadedView {
    fn of(reloaded: &Arc<Reloaded>, shown: &BoardSnapshot) -> Self {
        let named = |ids: &[String]| {
            let ids: BTreeSet<&String> = ids.iter().collect();
            let detectors = shown.rules.detectors.iter();
            detectors
                .filter(|info| ids.contains(&info.id))
                .map(|info| Named {
                    id: info.id.clone(),
                    title: info.title.clone(),
                })
                .collect()
        };
        Self {
            at: reloaded.at,
            kept: reloaded.kept,
            restarted: named(&reloaded.restarted),
            added: named(&reloaded.added),
            gone: reloaded.gone.clone(),
            quarantined: reloaded.quarantined,
        }
    }
}
