//! The first look: what is open, and what is most urgent.

use super::Table;
use super::sources::faults;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::Json;
use crate::views::incidents::next_timer;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::id::{IncidentId, UserId};
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::notice::Notice;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::drills::DrillStatus;
use watchkeeper_store::{
    IncidentCounts, ObligationFilter, PageRequest, StoreError, TellingCounts, TellingOf, Tx,
};

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/overview", Access::Needs(Permission::View), show);
}

#[derive(Serialize)]
struct Overview {
    open_incidents: IncidentCounts,
    open_alerts: u64,
    /// Where telling stands in all incidents, as the breach desk counts it: who is untold, and which questions wait.
    telling: TellingCounts,
    most_urgent: Option<Urgent>,
    drafts_waiting_for_me: usize,
    /// Who may approve notices, as long as they have no hand in them.
    approvers: Vec<UserId>,
    source_faults: usize,
    drills: DrillStatus,
}

#[derive(Serialize)]
struct Urgent {
    what: String,
    due_at: DateTime<Utc>,
    incident: IncidentId,
    reference: String,
}

async fn show(State(desk): State<Desk>, caller: Caller) -> Result<Json<impl Serialize>, Problem> {
    let source_faults = faults(&desk).await?;
    let drills = desk.drill_status().await?;
    let mut tx = desk.store().read().await?;
    let me = caller.actor();
    let mine =
        |notice: &&Notice| caller.user.may(Permission::ApproveNotices) && notice.hand_of(&me).is_none();
    let drafts_waiting_for_me = tx
        .notices_waiting_for_approval()
        .await?
        .iter()
        .filter(mine)
        .count();
    let people = tx.users().await?;
    let approvers = people.iter().filter(|user| user.may(Permission::ApproveNotices));
    let mut telling = TellingCounts::default();
    for counts in tx.telling_counts(TellingOf::Real).await?.into_values() {
        telling += counts;
    }
    Ok(Json(Overview {
        open_incidents: tx.open_incident_counts().await?,
        open_alerts: tx.open_alert_count().await?,
        telling,
        most_urgent: most_urgent(&mut tx).await?,
        drafts_waiting_for_me,
        approvers: approvers.map(|user| user.id.clone()).collect(),
        source_faults,
        drills,
    }))
}

/// What happens by itself first: a timer of an open incident, or a step of a running obligation.
async fn most_urgent(tx: &mut Tx) -> Result<Option<Urgent>, StoreError> {
    let of_timer = |incident: Incident| {
        let (what, due_at) = next_timer(&incident)?;
        Some(Urgent {
            what,
            due_at,
            reference: incident.reference(),
            incident: incident.id,
        })
    };
    let timer = tx
        .all_open_incidents()
        .await?
        .into_iter()
        .filter_map(of_timer)
        .min_by_key(|urgent| urgent.due_at);
    let running = ObligationFilter {
        states: vec!["running".to_owned()],
        real: true,
        ..ObligationFilter::default()
    };
    let obligations = tx.obligations(&running, &PageRequest::first(200)).await?.items;
    let step = obligations
        .iter()
        .filter_map(|o| o.next_step().map(|(step, at)| (step, at, o)))
        .min_by_key(|(_, at, _)| *at);
    let step = match step {
        Some((step, due_at, obligation)) => {
            let incident = tx.incident(&obligation.incident).await?;
            Some(Urgent {
                what: step.what().to_owned(),
                due_at,
                reference: incident.reference(),
                incident: incident.id,
            })
        }
        None => None,
    };
    Ok([timer, step]
        .into_iter()
        .flatten()
        .min_by_key(|urgent| urgent.due_at))
}
