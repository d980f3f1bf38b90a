//! Alerts: found again by what they fold, listed by when their last event happened.

use crate::body::{count, found, parse, read, read_all, write};
use crate::page::{Page, PageRequest};
use crate::statement::{Statement, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::alert::{Alert, AlertState, Verdict};
use watchkeeper_domain::id::{AlertId, IncidentId};
use watchkeeper_domain::incident::Severity;

const ALERT: &str = "alert";
const PROBE: (&str, &str) = (ALERT, "SELECT version FROM alert WHERE id = $1");

/// Which alerts are wanted; an empty list stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Names of states: `open`, `acknowledged`, `resolved`.
    pub states: Vec<String>,
    /// How bad.
    pub severities: Vec<Severity>,
    /// The incident they belong to.
    pub incident: Option<IncidentId>,
    /// The rule's id.
    pub detector: Option<String>,
}

/// What became of a detector's alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorCounts {
    /// The rule's id.
    pub detector: String,
    /// All its alerts.
    pub alerts: u64,
    /// Those that people resolved as false.
    pub false_positives: u64,
}

fn verdict(alert: &Alert) -> Option<&'static str> {
    match &alert.state {
        AlertState::Resolved { verdict, .. } => Some(match verdict {
            Verdict::TruePositive => "true_positive",
            Verdict::FalsePositive => "false_positive",
            Verdict::Expected => "expected",
        }),
        AlertState::Open | AlertState::Acknowledged { .. } => None,
    }
}

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, alert: &Alert) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&alert.id)
        .bind(alert.version)
        .bind(alert.dedupe_key.as_str())
        .bind(alert.detector.as_str())
        .bind(alert.severity.name())
        .bind(alert.state.name())
        .bind(verdict(alert))
        .bind(alert.incident.as_ref())
        .bind(micros(alert.last_at))
        .bind(micros(alert.opened_at))
        .bind(write(ALERT, alert.id.as_str(), alert)?))
}

impl Tx {
    /// An alert, or [`StoreError::NotFound`].
    pub async fn alert(&mut self, id: &AlertId) -> Result<Alert, StoreError> {
        found(self.alert_opt(id).await?, ALERT, id.as_str())
    }

    /// An alert, if there is one with this id.
    pub async fn alert_opt(&mut self, id: &AlertId) -> Result<Option<Alert>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM alert WHERE id = $1").bind(id));
        row.await?
            .map(|(body,)| read(ALERT, id.as_str(), &body))
            .transpose()
    }

    /// The newest alert of a dedupe key that nobody has resolved.
    pub async fn unresolved_alert(&mut self, dedupe_key: &str) -> Result<Option<Alert>, StoreError> {
        let row = sql(
            "SELECT id, body FROM alert WHERE dedupe_key = $1 AND state <> 'resolved' \
             ORDER BY opened_at DESC, id DESC LIMIT 1",
        )
        .bind(dedupe_key);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(ALERT, &id, &body)).transpose()
    }

    /// Keeps a new alert.
    pub async fn insert_alert(&mut self, alert: &Alert) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO alert (id, version, dedupe_key, detector, severity, state, verdict, incident, last_at, \
             opened_at, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        );
        self.execute(columns(insert, alert)?).await?;
        Ok(())
    }

    /// Keeps a changed alert, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_alert(&mut self, alert: &Alert, read_version: i64) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE alert SET version = $2, dedupe_key = $3, detector = $4, severity = $5, state = $6, \
             verdict = $7, incident = $8, last_at = $9, opened_at = $10, body = $11 \
             WHERE id = $1 AND version = $12",
        );
        let changed = self.execute(columns(update, alert)?.bind(read_version)).await?;
        self.must_have_changed(changed, PROBE, alert.id.as_str(), read_version)
            .await
    }

    /// A page of alerts, those whose last event is the newest first.
    pub async fn alerts(
        &mut self,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        let mut rows = sql("SELECT last_at, id, body FROM alert WHERE 1 = 1");
        if !filter.states.is_empty() {
            rows = rows
                .and(" AND state IN ")
                .list(filter.states.iter().map(String::as_str));
        }
        if !filter.severities.is_empty() {
            rows = rows
                .and(" AND severity IN ")
                .list(filter.severities.iter().map(|s| s.name()));
        }
        if let Some(incident) = &filter.incident {
            rows = rows.and(" AND incident = ").value(incident);
        }
        if let Some(detector) = &filter.detector {
            rows = rows.and(" AND detector = ").value(detector.as_str());
        }
        if let Some((last_at, id)) = page.key::<(i64, String)>("alerts")? {
            rows = rows.and(" AND (last_at, id) < (").value(last_at);
            rows = rows.and(", ").value(id).and(")");
        }
        let rows = rows
            .and(" ORDER BY last_at DESC, id DESC LIMIT ")
            .value(page.rows());
        let rows = self.all::<(i64, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "alerts",
            |row| (row.0, row.1.clone()),
            |(_, id, body)| read(ALERT, &id, &body),
        )
    }

    /// Every alert of an incident, the oldest first.
    pub async fn alerts_of(&mut self, incident: &IncidentId) -> Result<Vec<Alert>, StoreError> {
        let rows =
            sql("SELECT id, body FROM alert WHERE incident = $1 ORDER BY opened_at, id").bind(incident);
        read_all(ALERT, self.all(rows).await?)
    }

    /// How many alerts each detector has, and how many of them were false; detectors without alerts are not listed.
    pub async fn detector_counts(&mut self) -> Result<Vec<DetectorCounts>, StoreError> {
        let rows = sql(
            "SELECT detector, COUNT(*), COUNT(CASE WHEN verdict = 'false_positive' THEN 1 END) \
             FROM alert GROUP BY detector ORDER BY detector",
        );
        let rows = self.all::<(String, i64, i64)>(rows).await?;
        let counts = |(detector, alerts, false_positives)| DetectorCounts {
            detector,
            alerts: count(alerts),
            false_positives: count(false_positives),
        };
        Ok(rows.into_iter().map(counts).collect())
    }

    /// How many alerts nobody has looked at yet.
    pub async fn open_alert_count(&mut self) -> Result<u64, StoreError> {
        let row = self.one::<(i64,)>(sql("SELECT COUNT(*) FROM alert WHERE state = 'open'"));
        Ok(count(row.await?.0))
    }

    /// The ids of an incident's alerts, without reading the alerts.
    pub async fn alert_ids_of(&mut self, incident: &IncidentId) -> Result<Vec<AlertId>, StoreError> {
        let rows = sql("SELECT id FROM alert WHERE incident = $1 ORDER BY opened_at, id").bind(incident);
        let rows = self.all::<(String,)>(rows).await?;
        rows.into_iter().map(|(id,)| parse(ALERT, id)).collect()
    }
}

impl Tx {
    /// Unresolved alerts that belong to no incident and whose last event is not older than `since`, the oldest first; at most 200.
    pub async fn loose_alerts(&mut self, since: DateTime<Utc>) -> Result<Vec<Alert>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM alert WHERE incident IS NULL AND state <> 'resolved' AND last_at >= $1 \
             ORDER BY last_at, id LIMIT 200",
        )
        .bind(since);
        read_all(ALERT, self.all(rows).await?)
    }
}
