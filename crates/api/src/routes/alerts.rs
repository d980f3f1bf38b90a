//! Alert triage.

use super::{Table, trimmed};
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Paging, Path, Query, known_words, words};
use crate::views::alerts::{AlertRow, AlertView, alert_view};
use crate::views::names::titles;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::alert::{Alert, Verdict};
use watchkeeper_domain::id::{AlertId, IncidentId};
use watchkeeper_domain::incident::Severity;
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_respond::{Desk, RespondError};
use watchkeeper_store::{AlertFilter, Page, StoreError};

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let respond = Access::Needs(Permission::Respond);
    table.get("/api/v1/alerts", view, list);
    table.get("/api/v1/alerts/{id}", view, show);
    table.post("/api/v1/alerts/{id}/acknowledge", respond, acknowledge);
    table.post("/api/v1/alerts/{id}/resolve", respond, resolve);
    table.post("/api/v1/alerts/{id}/open-incident", respond, open_incident);
    table.post("/api/v1/alerts/{id}/attach", respond, attach);
}

#[derive(Deserialize)]
struct Listed {
    state: Option<String>,
    severity: Option<String>,
    incident: Option<IncidentId>,
    detector: Option<String>,
}

async fn list(
    State(desk): State<Desk>,
    Query(listed): Query<Listed>,
    Paging(page): Paging,
) -> Result<Json<Page<AlertRow>>, Problem> {
    let states = words(listed.state.as_deref());
    if let Some(unknown) = states
        .iter()
        .find(|state| !["open", "acknowledged", "resolved"].contains(&state.as_str()))
    {
        return Err(Problem::malformed(format!(
            "state: `{unknown}` is none of open, acknowledged, resolved"
        )));
    }
    let filter = AlertFilter {
        states,
        severities: known_words::<Severity>("severity", listed.severity.as_deref())?,
        incident: listed.incident,
        detector: trimmed(listed.detector.as_deref()),
    };
    let mut tx = desk.store().read().await?;
    Ok(Json(tx.alerts(&filter, &page).await?.map(AlertRow::from)))
}

async fn view(desk: &Desk, board: &Board, id: &AlertId) -> Result<Json<AlertView>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(alert_view(&mut tx, id, &titles(board)).await?))
}

/// Refuses a change that is based on another version.
async fn must_stand(desk: &Desk, board: &Board, id: &AlertId, read: Option<i64>) -> Result<(), Problem> {
    let Some(read) = read else { return Ok(()) };
    let found = desk.store().read().await?.alert(id).await?.version;
    if found == read {
        return Ok(());
    }
    let conflict = StoreError::Conflict {
        what: "alert",
        id: id.to_string(),
        expected: read,
        found,
    };
    let Json(current) = view(desk, board, id).await?;
    Err(Problem::from(conflict).with_current(json!(current)))
}

async fn answer(
    desk: &Desk,
    board: &Board,
    id: &AlertId,
    decided: Result<Alert, RespondError>,
) -> Result<Json<AlertView>, Problem> {
    let problem = match decided {
        Ok(_) => return view(desk, board, id).await,
        Err(error) => Problem::from(error),
    };
    if problem.is_conflict() {
        let Json(current) = view(desk, board, id).await?;
        return Err(problem.with_current(json!(current)));
    }
    Err(problem)
}

async fn show(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Path(id): Path<AlertId>,
) -> Result<Json<AlertView>, Problem> {
    view(&desk, &board, &id).await
}

async fn acknowledge(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<AlertId>,
) -> Result<Json<AlertView>, Problem> {
    must_stand(&desk, &board, &id, read).await?;
    answer(
        &desk,
        &board,
        &id,
        desk.acknowledge_alert(&id, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolution {
    verdict: Verdict,
    why: String,
}

async fn resolve(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<AlertId>,
    Json(resolution): Json<Resolution>,
) -> Result<Json<AlertView>, Problem> {
    must_stand(&desk, &board, &id, read).await?;
    let Resolution { verdict, why } = resolution;
    answer(
        &desk,
        &board,
        &id,
        desk.resolve_alert(&id, verdict, &why, &caller.actor()).await,
    )
    .await
}

async fn open_incident(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<AlertId>,
) -> Result<Json<AlertView>, Problem> {
    must_stand(&desk, &board, &id, read).await?;
    answer(
        &desk,
        &board,
        &id,
        desk.open_incident_for(&id, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    incident: IncidentId,
}

async fn attach(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<AlertId>,
    Json(attachment): Json<Attachment>,
) -> Result<Json<AlertView>, Problem> {
    must_stand(&desk, &board, &id, read).await?;
    answer(
        &desk,
        &board,
        &id,
        desk.attach_alert(&id, &attachment.incident, &caller.actor())
            .await,
    )
    .await
}
