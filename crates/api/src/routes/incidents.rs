//! Incidents: the list, the room, and what people do in it.

use super::{Table, trimmed};
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Paging, Path, Query, known_words};
use crate::views::closing::{ClosingView, closing_view};
use crate::views::deliveries::{DeliveryDetail, DeliveryView, delivery_detail, delivery_views};
use crate::views::incidents::{
    EntryView, IncidentRow, IncidentView, entry_views, incident_rows, incident_view,
};
use crate::views::names::titles;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::drill::DrillReport;
use watchkeeper_domain::id::{DeliveryId, IncidentId, TaskId, UserId};
use watchkeeper_domain::incident::{EntryKind, Incident, Phase, Role, Severity};
use watchkeeper_respond::operations::incidents::Declaration;
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_respond::{Desk, RespondError};
use watchkeeper_store::{IncidentFilter, Page};

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let respond = Access::Needs(Permission::Respond);
    let lead = Access::Needs(Permission::LeadIncidents);
    table.get("/api/v1/incidents", view, list);
    table.post("/api/v1/incidents", respond, declare);
    table.get("/api/v1/incidents/{id}", view, show);
    table.post("/api/v1/incidents/{id}/acknowledge", respond, acknowledge);
    table.post("/api/v1/incidents/{id}/severity", lead, change_severity);
    table.post("/api/v1/incidents/{id}/phase", lead, enter_phase);
    // Everybody who responds takes a role; to give one to others is for those who lead, which the operation checks.
    table.post("/api/v1/incidents/{id}/roles/{role}/assign", respond, assign_role);
    table.post("/api/v1/incidents/{id}/roles/{role}/offer", respond, offer_role);
    table.post("/api/v1/incidents/{id}/roles/{role}/accept", respond, accept_role);
    table.post("/api/v1/incidents/{id}/roles/{role}/withdraw", respond, end_offer);
    table.post("/api/v1/incidents/{id}/title", lead, retitle);
    table.get("/api/v1/incidents/{id}/timeline", view, timeline);
    table.post("/api/v1/incidents/{id}/timeline", respond, write_timeline);
    table.post("/api/v1/incidents/{id}/tasks/{task}/done", respond, complete_task);
    table.post("/api/v1/incidents/{id}/tasks/{task}/skip", respond, skip_task);
    table.get("/api/v1/incidents/{id}/closing", view, closing);
    table.get("/api/v1/incidents/{id}/drill", view, drill);
    table.get("/api/v1/incidents/{id}/deliveries", view, deliveries);
    table.get("/api/v1/deliveries/{id}", view, delivery);
}

/// The incident room after a decision; where somebody else was faster, the problem shows what stands.
pub(super) async fn answer(
    desk: &Desk,
    id: &IncidentId,
    decided: Result<Incident, RespondError>,
) -> Result<Json<IncidentView>, Problem> {
    let problem = match decided {
        Ok(_) => return room(desk, id).await,
        Err(error) => Problem::from(error),
    };
    if problem.is_conflict() {
        let Json(current) = room(desk, id).await?;
        return Err(problem.with_current(json!(current)));
    }
    Err(problem)
}

/// Refuses a change that is based on another version, where the operation itself does not ask for one.
pub(super) async fn must_stand(desk: &Desk, id: &IncidentId, read: Option<i64>) -> Result<(), Problem> {
    let Some(read) = read else { return Ok(()) };
    let found = desk.store().read().await?.incident(id).await?.version;
    if found == read {
        return Ok(());
    }
    let conflict = watchkeeper_store::StoreError::Conflict {
        what: "incident",
        id: id.to_string(),
        expected: read,
        found,
    };
    let Json(current) = room(desk, id).await?;
    Err(Problem::from(conflict).with_current(json!(current)))
}

async fn room(desk: &Desk, id: &IncidentId) -> Result<Json<IncidentView>, Problem> {
    let mut tx = desk.store().read().await?;
    let incident = tx.incident(id).await?;
    Ok(Json(incident_view(&mut tx, incident).await?))
}

#[derive(Deserialize)]
struct Listed {
    open: Option<bool>,
    severity: Option<String>,
    phase: Option<String>,
    q: Option<String>,
}

async fn list(
    State(desk): State<Desk>,
    Query(listed): Query<Listed>,
    Paging(page): Paging,
) -> Result<Json<Page<IncidentRow>>, Problem> {
    let filter = IncidentFilter {
        open: listed.open,
        severities: known_words::<Severity>("severity", listed.severity.as_deref())?,
        phases: known_words::<Phase>("phase", listed.phase.as_deref())?,
        text: trimmed(listed.q.as_deref()),
    };
    let mut tx = desk.store().read().await?;
    let Page { items, next } = tx.incidents(&filter, &page).await?;
    Ok(Json(Page {
        items: incident_rows(&mut tx, items).await?,
        next,
    }))
}

/// How a drill went.
async fn drill(State(desk): State<Desk>, Path(id): Path<IncidentId>) -> Result<Json<DrillReport>, Problem> {
    Ok(Json(desk.drill_report(&id).await?))
}

async fn declare(
    State(desk): State<Desk>,
    caller: Caller,
    Json(declaration): Json<Declaration>,
) -> Result<(StatusCode, Json<IncidentView>), Problem> {
    let incident = desk.declare(&caller.user, declaration).await?;
    Ok((StatusCode::CREATED, room(&desk, &incident.id).await?))
}

async fn show(State(desk): State<Desk>, Path(id): Path<IncidentId>) -> Result<Json<IncidentView>, Problem> {
    room(&desk, &id).await
}

async fn acknowledge(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
) -> Result<Json<IncidentView>, Problem> {
    must_stand(&desk, &id, read).await?;
    answer(&desk, &id, desk.acknowledge_incident(&id, &caller.actor()).await).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeverityChange {
    severity: Severity,
    why: String,
}

async fn change_severity(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(change): Json<SeverityChange>,
) -> Result<Json<IncidentView>, Problem> {
    let SeverityChange { severity, why } = change;
    answer(
        &desk,
        &id,
        desk.change_severity(&id, read, severity, &why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseChange {
    phase: Phase,
    /// Needed to close it while something is open that does not stand in the way.
    #[serde(default)]
    why: String,
}

async fn enter_phase(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(change): Json<PhaseChange>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.enter_phase(&id, read, change.phase, &change.why, &caller.actor())
            .await,
    )
    .await
}

/// What is open, as whoever wants to close the incident reads it.
async fn closing(State(desk): State<Desk>, Path(id): Path<IncidentId>) -> Result<Json<ClosingView>, Problem> {
    let mut tx = desk.store().read().await?;
    let incident = tx.incident(&id).await?;
    let open = desk.still_open(&mut tx, &incident).await?;
    Ok(Json(closing_view(&mut tx, &incident, open).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assignment {
    user: UserId,
}

async fn assign_role(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, role)): Path<(IncidentId, Role)>,
    Json(assignment): Json<Assignment>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.assign_role(&id, read, role, &assignment.user, &caller.user)
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleOffer {
    to: UserId,
}

async fn offer_role(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, role)): Path<(IncidentId, Role)>,
    Json(offer): Json<RoleOffer>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.offer_role(&id, read, role, &offer.to, &caller.actor()).await,
    )
    .await
}

async fn accept_role(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, role)): Path<(IncidentId, Role)>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.accept_role(&id, read, role, &caller.actor()).await,
    )
    .await
}

async fn end_offer(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, role)): Path<(IncidentId, Role)>,
) -> Result<Json<IncidentView>, Problem> {
    answer(&desk, &id, desk.end_offer(&id, read, role, &caller.actor()).await).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Title {
    title: String,
}

async fn retitle(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(title): Json<Title>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.retitle(&id, read, &title.title, &caller.actor()).await,
    )
    .await
}

async fn timeline(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Path(id): Path<IncidentId>,
    Paging(page): Paging,
) -> Result<Json<Page<EntryView>>, Problem> {
    let mut tx = desk.store().read().await?;
    tx.incident(&id).await?;
    let Page { items, next } = tx.timeline(&id, &page).await?;
    Ok(Json(Page {
        items: entry_views(&mut tx, items, titles(&board)).await?,
        next,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: EntryKind,
    text: String,
    #[serde(default)]
    happened_at: Option<DateTime<Utc>>,
}

async fn write_timeline(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(entry): Json<Entry>,
) -> Result<Json<IncidentView>, Problem> {
    let Entry {
        kind,
        text,
        happened_at,
    } = entry;
    if !kind.by_hand() && kind != EntryKind::StatusUpdate {
        return Err(Problem::fault(
            "kind",
            "people write `note`, `decision`, `evidence` or `status_update`; the others come from changes of state",
        ));
    }
    must_stand(&desk, &id, read).await?;
    answer(
        &desk,
        &id,
        desk.write_timeline(&id, kind, &text, happened_at, &caller.actor())
            .await,
    )
    .await
}

async fn complete_task(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, task)): Path<(IncidentId, TaskId)>,
) -> Result<Json<IncidentView>, Problem> {
    must_stand(&desk, &id, read).await?;
    answer(&desk, &id, desk.complete_task(&id, &task, &caller.actor()).await).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

async fn skip_task(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, task)): Path<(IncidentId, TaskId)>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    must_stand(&desk, &id, read).await?;
    answer(
        &desk,
        &id,
        desk.skip_task(&id, &task, &reason.why, &caller.actor()).await,
    )
    .await
}

async fn deliveries(
    State(desk): State<Desk>,
    Path(id): Path<IncidentId>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let mut tx = desk.store().read().await?;
    tx.incident(&id).await?;
    let deliveries = tx.deliveries_of(&id).await?;
    Ok(Json(Page {
        items: delivery_views(&mut tx, deliveries).await?,
        next: None,
    }))
}

async fn delivery(
    State(desk): State<Desk>,
    Path(id): Path<DeliveryId>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let message = desk.frozen_message(&id).await?;
    let mut tx = desk.store().read().await?;
    Ok(Json(delivery_detail(&mut tx, &id, message.as_ref()).await?))
}
