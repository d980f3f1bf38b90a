//! Alerts as triage shows them.

use super::names::Titles;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::detection::TenantTrace;
use watchkeeper_domain::id::{AlertId, IncidentId};
use watchkeeper_domain::incident::Severity;
use watchkeeper_store::{StoreError, Tx};

/// An alert in a list.
#[derive(Debug, Serialize)]
pub(crate) struct AlertRow {
    id: AlertId,
    version: i64,
    title: String,
    detector: String,
    severity: Severity,
    state: &'static str,
    group: Vec<(String, String)>,
    count: u64,
    events: u64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    incident: Option<IncidentId>,
    expected: String,
    seen: String,
}

impl From<Alert> for AlertRow {
    fn from(alert: Alert) -> Self {
        Self {
            version: alert.version,
            severity: alert.severity,
            state: alert.state.name(),
            count: alert.count(),
            events: alert.events(),
            first_at: alert.first_at,
            last_at: alert.last_at,
            opened_at: alert.opened_at,
            id: alert.id,
            title: alert.title,
            detector: alert.detector,
            group: alert.group,
            incident: alert.incident,
            expected: alert.reason.expected,
            seen: alert.reason.seen,
        }
    }
}

/// One alert, with everything that it rests on.
#[derive(Debug, Serialize)]
pub(crate) struct AlertView {
    count: u64,
    events: u64,
    tenants: BTreeMap<String, TenantTrace>,
    detector_title: String,
    incident_reference: Option<String>,
    alert: Alert,
}

/// One alert. A detector that runs no more is called as it was when the alert was opened.
pub(crate) async fn alert_view(tx: &mut Tx, id: &AlertId, titles: &Titles) -> Result<AlertView, StoreError> {
    let alert = tx.alert(id).await?;
    let incident = match &alert.incident {
        Some(incident) => tx.incident_opt(incident).await?,
        None => None,
    };
    Ok(AlertView {
        count: alert.count(),
        events: alert.events(),
        tenants: alert.tenants(),
        detector_title: titles.get(&alert.detector).unwrap_or(&alert.title).clone(),
        incident_reference: incident.map(|incident| incident.reference()),
        alert,
    })
}
