//! Notices: written by one person, approved by another.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Path, Query};
use crate::views::deliveries::{DeliveryView, delivery_views};
use crate::views::notices::{NoticeView, notice_view, receipt_views};
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::id::{CustomerId, IncidentId, LetterId, NoticeId};
use watchkeeper_domain::notice::{FactField, Letter, Notice, NoticeFacts, NoticeKind, Receipt, Written};
use watchkeeper_respond::{Desk, RespondError};
use watchkeeper_store::{Page, StoreError};

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
    table.get("/api/v1/letters/{id}", view, letter);
    table.post("/api/v1/notices/{id}/dry-run", draft, dry_run);
    table.post(
        "/api/v1/notices/{id}/comments",
        Access::Needs(Permission::View),
        comment,
    );
    table.post("/api/v1/notices/{id}/submit", draft, submit);
    table.post("/api/v1/notices/{id}/discard", draft, discard);
    table.get("/api/v1/notices/{id}/deliveries", view, deliveries);
    table.get("/api/v1/incidents/{id}/receipts", view, receipts);
    table.post(
        "/api/v1/letters/{id}/questions/{number}/answer",
        approve,
        answer_question,
    );
    table.post("/api/v1/notices/{id}/approve", approve, approve_notice);
    table.post("/api/v1/notices/{id}/return", approve, send_back);
}

async fn view(desk: &Desk, id: &NoticeId, caller: &User) -> Result<Json<NoticeView>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(
        notice_view(&mut tx, &desk.house().library, id, caller).await?,
    ))
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
    #[serde(default = "full")]
    kind: NoticeKind,
    #[serde(default)]
    facts: NoticeFacts,
    #[serde(default)]
    translations: BTreeMap<String, NoticeFacts>,
    #[serde(default)]
    next_update_by: Option<DateTime<Utc>>,
}

fn full() -> NoticeKind {
    NoticeKind::Full
}

async fn begin(
    State(desk): State<Desk>,
    caller: Caller,
    Path(incident): Path<IncidentId>,
    Json(beginning): Json<Beginning>,
) -> Result<(StatusCode, Json<NoticeView>), Problem> {
    let written = Written {
        facts: beginning.facts,
        translations: beginning.translations,
        next_update_by: beginning.next_update_by,
    };
    let notice = desk
        .draft_notice(&incident, beginning.kind, written, &caller.actor())
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

async fn edit(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
    Json(written): Json<Written>,
) -> Result<Json<NoticeView>, Problem> {
    answer(
        &desk,
        &id,
        &caller.user,
        desk.edit_notice(&id, read, written, &caller.actor()).await,
    )
    .await
}

/// One customer's letter, whole.
async fn letter(State(desk): State<Desk>, Path(id): Path<LetterId>) -> Result<Json<Letter>, Problem> {
    Ok(Json(desk.store().read().await?.letter(&id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DryRun {
    customer: CustomerId,
}

/// Sends one customer's letter to the caller alone, marked as a dry run.
async fn dry_run(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<NoticeId>,
    Json(run): Json<DryRun>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let recipient = desk.dry_run_notice(&id, &run.customer, &caller.user).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"recipient": recipient}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remark {
    #[serde(default)]
    field: Option<FactField>,
    text: String,
}

async fn comment(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<NoticeId>,
    Json(remark): Json<Remark>,
) -> Result<Json<NoticeView>, Problem> {
    let decided = desk
        .comment_notice(&id, remark.field, &remark.text, &caller.actor())
        .await;
    answer(&desk, &id, &caller.user, decided).await
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

async fn discard(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<NoticeId>,
    Json(reason): Json<Why>,
) -> Result<Json<NoticeView>, Problem> {
    must_stand(&desk, &id, &caller.user, read).await?;
    let decided = desk.discard_notice(&id, &reason.why, &caller.actor()).await;
    answer(&desk, &id, &caller.user, decided).await
}

/// What became of each message of a notice.
async fn deliveries(
    State(desk): State<Desk>,
    Path(id): Path<NoticeId>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let mut tx = desk.store().read().await?;
    tx.notice(&id).await?;
    let deliveries = tx.deliveries_of_notice(&id).await?;
    Ok(Json(Page {
        items: delivery_views(&mut tx, deliveries).await?,
        next: None,
    }))
}

/// What recipients did with the letters of an incident on the portal.
async fn receipts(
    State(desk): State<Desk>,
    Path(incident): Path<IncidentId>,
) -> Result<Json<Value>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(json!({"items": receipt_views(&mut tx, &incident).await?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    text: String,
}

async fn answer_question(
    State(desk): State<Desk>,
    caller: Caller,
    Path((letter, number)): Path<(LetterId, usize)>,
    Json(answered): Json<Answered>,
) -> Result<Json<Receipt>, Problem> {
    let receipt = desk
        .answer_question(&letter, number, &answered.text, &caller.actor())
        .await?;
    Ok(Json(receipt))
}
