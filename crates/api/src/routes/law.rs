//! What laws ask of an incident.

use super::Table;
use super::incidents::answer;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Path};
use crate::views::clocks::{ClocksView, clocks_view};
use crate::views::incidents::IncidentView;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::PauseAsked;
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_respond::Desk;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let decide = Access::Needs(Permission::DecideDisclosure);
    table.get("/api/v1/incidents/{id}/clocks", view, clocks);
    table.post("/api/v1/incidents/{id}/moments", decide, record_moment);
    table.post("/api/v1/incidents/{id}/submissions", decide, record_submission);
    table.post("/api/v1/incidents/{id}/rules/{rule}", decide, say_rule_applies);
    // A pause moves a deadline away: like a legal hold, that is counsel's to document.
    let counsel = Access::Needs(Permission::ApproveNotices);
    table.post("/api/v1/incidents/{id}/rules/{rule}/pause", counsel, pause_clock);
    table.post(
        "/api/v1/incidents/{id}/rules/{rule}/resume",
        counsel,
        resume_clock,
    );
}

async fn clocks(State(desk): State<Desk>, Path(id): Path<IncidentId>) -> Result<Json<ClocksView>, Problem> {
    let mut tx = desk.store().read().await?;
    let incident = tx.incident(&id).await?;
    Ok(Json(clocks_view(&incident, &desk.house().library)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MomentWas {
    moment: Moment,
    at: DateTime<Utc>,
    why: String,
}

async fn record_moment(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(was): Json<MomentWas>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.record_moment(&id, read, (was.moment, was.at), &was.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    rule: String,
    phase: String,
    at: DateTime<Utc>,
    reference: String,
}

async fn record_submission(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(submitted): Json<Submitted>,
) -> Result<Json<IncidentView>, Problem> {
    let Submitted {
        rule,
        phase,
        at,
        reference,
    } = submitted;
    answer(
        &desk,
        &id,
        desk.record_submission(&id, read, (&rule, &phase, at), &reference, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Applies {
    applies: bool,
    why: String,
}

async fn say_rule_applies(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, rule)): Path<(IncidentId, String)>,
    Json(said): Json<Applies>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.say_rule_applies(&id, read, (&rule, said.applies), &said.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pausing {
    reason: String,
    /// What is on file for it.
    evidence: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

async fn pause_clock(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, rule)): Path<(IncidentId, String)>,
    Json(pausing): Json<Pausing>,
) -> Result<Json<IncidentView>, Problem> {
    let asked = PauseAsked {
        reason: &pausing.reason,
        evidence: &pausing.evidence,
        from: pausing.from,
        until: pausing.until,
    };
    answer(
        &desk,
        &id,
        desk.pause_clock(&id, read, &rule, asked, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

async fn resume_clock(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path((id, rule)): Path<(IncidentId, String)>,
    Json(Why { why }): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.resume_clock(&id, read, &rule, &why, &caller.actor()).await,
    )
    .await
}
