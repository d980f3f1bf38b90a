//! Incidents as the list and the room show them.

use super::alerts::AlertRow;
use super::names::{Names, Titles};
use super::obligations::{HoldingGone, ObligationView, holding_gone, obligation_views};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::id::{CustomerId, IncidentId, NoticeId, UserId};
use watchkeeper_domain::incident::{
    Acknowledgement, AssessedSeverity, Incident, LawStep, NEVER_SUPPRESSES, Phase, Role, Severity,
    SeverityAssessment, TimelineEntry, Timer, TimerKind, TimerState, WorstAlert,
};
use watchkeeper_domain::notice::Notice;
use watchkeeper_domain::words::minute;
use watchkeeper_store::{DeliveryCounts, PageRequest, StoreError, TellingCounts, TellingOf, Tx};

/// An incident in the list.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentRow {
    id: IncidentId,
    number: i64,
    reference: String,
    version: i64,
    title: String,
    codename: String,
    severity: Severity,
    phase: Phase,
    opened_at: DateTime<Utc>,
    drill: bool,
    commander: Option<UserId>,
    acknowledged: bool,
    alerts: u64,
    affected: usize,
    worst_alert: Option<WorstAlert>,
    disclosure: &'static str,
    next_clock: Option<NextClock>,
    last_update_at: DateTime<Utc>,
}

/// What happens by itself next.
#[derive(Debug, Serialize)]
struct NextClock {
    kind: &'static str,
    what: String,
    due_at: DateTime<Utc>,
}

/// The rows of a page of incidents.
pub(crate) async fn incident_rows(
    tx: &mut Tx,
    incidents: Vec<Incident>,
) -> Result<Vec<IncidentRow>, StoreError> {
    let mut rows = Vec::with_capacity(incidents.len());
    for incident in incidents {
        let next_clock = next_clock(tx, &incident).await?;
        let newest = tx
            .timeline(&incident.id, &PageRequest::first(1))
            .await?
            .items
            .pop();
        rows.push(IncidentRow {
            number: incident.number,
            reference: incident.reference(),
            version: incident.version,
            severity: incident.severity,
            phase: incident.phase,
            opened_at: incident.opened_at,
            drill: incident.drill,
            commander: incident.holder(Role::Commander).cloned(),
            acknowledged: matches!(incident.acknowledgement, Acknowledgement::Acknowledged { .. }),
            alerts: incident.alerts,
            affected: incident
                .affected
                .values()
                .filter(|affected| affected.standing.told())
                .count(),
            worst_alert: incident.worst_alert,
            disclosure: incident.disclosure.name(),
            next_clock,
            last_update_at: newest.map_or(incident.opened_at, |entry| entry.recorded_at),
            id: incident.id,
            title: incident.title,
            codename: incident.codename,
        });
    }
    Ok(rows)
}

async fn next_clock(tx: &mut Tx, incident: &Incident) -> Result<Option<NextClock>, StoreError> {
    let timer = next_timer(incident).map(|(what, due_at)| NextClock {
        kind: "timer",
        what,
        due_at,
    });
    // Obligations begin with a confirmation, so most incidents have none to ask for.
    let owed = if incident.disclosure.confirmed_at().is_some() {
        tx.obligations_of(&incident.id).await?
    } else {
        Vec::new()
    };
    let step = owed
        .iter()
        .filter_map(|obligation| obligation.next_step())
        .min_by_key(|(_, at)| *at);
    let step = step.map(|(step, due_at)| NextClock {
        kind: "obligation",
        what: step.what().to_owned(),
        due_at,
    });
    Ok([timer, step]
        .into_iter()
        .flatten()
        .min_by_key(|clock| clock.due_at))
}

/// The timer that runs out next: what it says, and when.
pub(crate) fn next_timer(incident: &Incident) -> Option<(String, DateTime<Utc>)> {
    let running = incident
        .timers
        .iter()
        .filter(|timer| timer.state == TimerState::Running);
    running
        .min_by_key(|timer| timer.due_at)
        .map(|timer| (what(incident, timer), timer.due_at))
}

fn what(incident: &Incident, timer: &Timer) -> String {
    match &timer.kind {
        TimerKind::Acknowledge { step } => format!("the page escalates to step {}", step + 1),
        TimerKind::StatusUpdate { .. } => "the next status update is due".to_owned(),
        TimerKind::DisclosureDecision { .. } => "the decision on the suspected disclosure is due".to_owned(),
        TimerKind::ListAffected { .. } => "somebody must be on the list of affected customers".to_owned(),
        TimerKind::Task { task } => {
            let title = incident
                .tasks
                .iter()
                .find(|t| t.id == *task)
                .map_or("a task", |task| task.title.as_str());
            format!("task due: {title}")
        }
        TimerKind::Law { clock, step } => {
            let what = format!("{} ({})", clock.title, clock.phase);
            let ends = if clock.target {
                "has our own target"
            } else {
                "is due"
            };
            match step {
                LawStep::Overdue => format!("{what} {ends}"),
                _ => format!("reminder of {what}, which {ends} {}", minute(clock.due_at)),
            }
        }
        TimerKind::NextUpdate { promise } => {
            format!(
                "the update that customers were promised by {}",
                minute(promise.by)
            )
        }
    }
}

/// The incident room.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentView {
    reference: String,
    next_due_at: Option<DateTime<Utc>>,
    incident: Incident,
    alerts: Vec<AlertRow>,
    obligations: Vec<ObligationView>,
    /// Where telling stands, counted as on the breach desk.
    telling: TellingCounts,
    notices: Vec<Notice>,
    /// How far each holding notice went.
    holding_gone: BTreeMap<NoticeId, HoldingGone>,
    deliveries_summary: DeliveryCounts,
    customers: BTreeMap<CustomerId, CustomerName>,
    /// Tenants that the evidence names: customers are proposed from them as soon as a disclosure is suspected.
    evidence_tenants: EvidenceTenants,
    breach_severity: BreachSeverity,
}

/// How severe people found the breach.
#[derive(Debug, Serialize)]
struct BreachSeverity {
    /// The oldest first; the newest counts.
    assessments: Vec<AssessedSeverity>,
    /// What is always said beside a score.
    note: &'static str,
}

/// How many tenants of the evidence are named.
const TENANTS_NAMED: usize = 50;

/// Tenants that the evidence names.
#[derive(Debug, Serialize)]
struct EvidenceTenants {
    count: usize,
    /// The first of them.
    names: Vec<String>,
}

impl EvidenceTenants {
    fn of(alerts: &[Alert]) -> Self {
        let all = Alert::tenants_of(alerts);
        Self {
            count: all.len(),
            names: all.into_keys().take(TENANTS_NAMED).collect(),
        }
    }
}

/// How a customer is called.
#[derive(Debug, Serialize)]
struct CustomerName {
    name: String,
    key: String,
}

/// The room of an incident.
pub(crate) async fn incident_view(tx: &mut Tx, incident: Incident) -> Result<IncidentView, StoreError> {
    let alerts = tx.alerts_of(&incident.id).await?;
    let obligations = tx.obligations_of(&incident.id).await?;
    let affected: Vec<CustomerId> = incident.affected.keys().cloned().collect();
    let customers = tx.customers_by_ids(&affected).await?.into_iter();
    let telling = tx.telling_counts(TellingOf::One(&incident.id)).await?;
    let notices = tx.notices_of(&incident.id).await?;
    let gone = tx.notices_gone(&incident.id).await?;
    Ok(IncidentView {
        telling: telling.get(&incident.id).copied().unwrap_or_default(),
        holding_gone: holding_gone(&notices, &obligations, &gone),
        reference: incident.reference(),
        next_due_at: incident.next_due_at(),
        evidence_tenants: EvidenceTenants::of(&alerts),
        alerts: alerts.into_iter().map(AlertRow::from).collect(),
        obligations: obligation_views(tx, obligations).await?,
        notices,
        deliveries_summary: tx.delivery_counts(&incident.id).await?,
        customers: customers
            .map(|customer| {
                (
                    customer.id,
                    CustomerName {
                        name: customer.name,
                        key: customer.key,
                    },
                )
            })
            .collect(),
        breach_severity: BreachSeverity {
            assessments: incident
                .assessments
                .iter()
                .filter_map(SeverityAssessment::told)
                .collect(),
            note: NEVER_SUPPRESSES,
        },
        incident,
    })
}

/// An entry of a timeline, with names.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    #[serde(flatten)]
    entry: TimelineEntry,
    by_name: String,
}

/// Entries with names in place of ids.
pub(crate) async fn entry_views(
    tx: &mut Tx,
    entries: Vec<TimelineEntry>,
    titles: Titles,
) -> Result<Vec<EntryView>, StoreError> {
    let names = Names::in_texts(tx, titles, entries.iter().map(|entry| entry.text.as_str())).await?;
    let view = |mut entry: TimelineEntry| {
        entry.text = names.put_into(&entry.text);
        EntryView {
            by_name: names.of(&entry.by),
            entry,
        }
    };
    Ok(entries.into_iter().map(view).collect())
}
