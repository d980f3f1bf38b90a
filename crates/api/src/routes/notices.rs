//! Notices: written by one person, approved by another.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Path, Query};
use crate::views::notices::{NoticeView, notice_view};
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::id::{IncidentId, NoticeId};
use watchkeeper_domain::notice::{Notice, NoticeFacts};
use watchkeeper_respond::{Desk, RespondError};
use watchkeeper_store::StoreError;

/// How many notices are listed where no incident is named.
const NEWEST: u32 = 200;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let draft = Access::Needs(Permission::DraftNotices);
    let approve = Access::Needs(Permission::ApproveNotices);
    table.get("/api/v1/notices", view, list);
    table.post("/api/v1/incidents/{id}/notices", draft, begin);
    table.get("/api/v1/notices/{id}", view, show);
    table.put("/api/v1/notices/{id}", draft, edit);
    table.post("/api/v1/notices/{id}/submit", draft, submit);
    table.post("/api/v1/notices/{id}/approve", approve, approve_notice);
    table.post("/api/v1/notices/{id}/return", approve, send_back);
}

async fn view(desk: &Desk, id: &NoticeId, caller: &User) -> Result<Json<NoticeView>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(notice_view(&mut tx, id, caller).await?))
}

async fn answer(
    desk: &Desk,
    id: &NoticeId,
    caller: &User,
    decided: Result<Notice, RespondError>,
) -> Result<Json<NoticeView>, Problem> {
    let problem = match decided {
        Ok(_) => return view(desk, id, caller).await,
        Err(error) => Problem::from(error),
    };
    if problem.is_conflict() {
        let Json(current) = view(desk, id, caller).await?;
        return Err(problem.with_current(json!(current)));
    }
    Err(problem)
}

async fn must_stand(desk: &Desk, id: &NoticeId, caller: &User, read: Option<i64>) -> Result<(), Problem> {
    let Some(read) = read else { return Ok(()) };
    let found = desk.store().read().await?.notice(id).await?.version;
    if found == read {
        return Ok(());
    }
    let conflict = StoreError::Conflict {
        what: "notice",
        id: id.to_string(),
        expected: read,
        found,
    };
    let Json(current) = view(desk, id, caller).await?;
    Err(Problem::from(conflict).with_current(json!(current)))
}

#[derive(Deserialize)]
struct Listed {
    incident: Option<IncidentId>,
}

async fn list(State(desk): State<Desk>, Query(listed): Query<Listed>) -> Result<Json<Value>, Problem> {
    let mut tx = desk.store().read().await?;
    let notices = match &listed.incident {
        Some(incident) => tx.notices_of(incident).await?,
        None => tx.newest_notices(NEWEST).await?,
    };
    Ok(Json(json!({"items": notices, "next": null})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning {
    #[serde(default)]
    facts: NoticeFacts,
}

async fn begin(
    State(desk): State<Desk>,
    caller: Caller,
    Path(incident): Path<IncidentId>,
    Json(beginning): Json<Beginning>,
) -> Result<(StatusCode, Json<NoticeView>), Problem> {
    let notice = desk
        .draft_notice(&incident, beginning.facts, &caller.actor())
        .await?;
    Ok((StatusCode::CREATED, view(&desk, &notice.id, &caller.user).await?))
}

async fn show(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<NoticeId>,
) -> Result<Json<NoticeView>, Problem> {
    view(&desk, &id, &caller.user).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    facts: NoticeFacts,
}

async fn edit(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
    Json(said): Json<Facts>,
) -> Result<Json<NoticeView>, Problem> {
    answer(
        &desk,
        &id,
        &caller.user,
        desk.edit_notice(&id, read, said.facts, &caller.actor()).await,
    )
    .await
}

async fn submit(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
) -> Result<Json<NoticeView>, Problem> {
    must_stand(&desk, &id, &caller.user, read).await?;
    answer(
        &desk,
        &id,
        &caller.user,
        desk.submit_notice(&id, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    content_hash: String,
}

async fn approve_notice(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
    Json(approval): Json<Approval>,
) -> Result<Json<NoticeView>, Problem> {
    must_stand(&desk, &id, &caller.user, read).await?;
    answer(
        &desk,
        &id,
        &caller.user,
        desk.approve_notice(&id, &approval.content_hash, &caller.user)
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

async fn send_back(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
    Json(reason): Json<Why>,
) -> Result<Json<NoticeView>, Problem> {
    must_stand(&desk, &id, &caller.user, read).await?;
    answer(
        &desk,
        &id,
        &caller.user,
        desk.return_notice(&id, &reason.why, &caller.actor()).await,
    )
    .await
}
