//! The register of changes: proposed, judged, agreed by another person, told to the customers that pay.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Paging, Path};
use crate::state::ApiState;
use crate::views::changes::{ChangeRow, ChangeView, change_rows, change_view};
use crate::views::incidents::{EntryView, entry_views};
use crate::views::names::titles;
use crate::views::notices::receipt_views;
use axum::extract::{FromRef, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::change::{Change, ChangeProposal};
use watchkeeper_domain::id::ChangeId;
use watchkeeper_domain::notice::{Notice, Written};
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_respond::{Desk, RespondError};
use watchkeeper_store::Page;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let draft = Access::Needs(Permission::DraftNotices);
    let approve = Access::Needs(Permission::ApproveNotices);
    table.get("/api/v1/changes", view, list);
    table.post("/api/v1/changes", draft, propose);
    table.get("/api/v1/changes/{id}", view, show);
    table.put("/api/v1/changes/{id}", draft, revise);
    table.post("/api/v1/changes/{id}/assess", draft, assess);
    table.post("/api/v1/changes/{id}/agree", approve, agree);
    table.post("/api/v1/changes/{id}/withdraw", draft, withdraw);
    table.post("/api/v1/changes/{id}/notices", draft, begin_notice);
    table.get("/api/v1/changes/{id}/timeline", view, timeline);
    table.get("/api/v1/changes/{id}/receipts", view, receipts);
}

/// What every answer about one change needs.
struct Reading {
    desk: Desk,
    board: Arc<Board>,
    caller: Caller,
}

impl FromRequestParts<ApiState> for Reading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Ok(Self {
            desk: Desk::from_ref(state),
            board: Arc::from_ref(state),
            caller: Caller::from_request_parts(parts, state).await?,
        })
    }
}

impl Reading {
    fn by(&self) -> Actor {
        self.caller.actor()
    }

    async fn view(&self, id: &ChangeId) -> Result<Json<ChangeView>, Problem> {
        let mut tx = self.desk.store().read().await?;
        let view = change_view(
            &mut tx,
            id,
            titles(&self.board),
            &self.caller.user,
            self.desk.now(),
        );
        Ok(Json(view.await?))
    }

    /// The change after a decision; where somebody else was faster, the problem shows what stands.
    async fn answer(
        &self,
        id: &ChangeId,
        decided: Result<Change, RespondError>,
    ) -> Result<Json<ChangeView>, Problem> {
        let problem = match decided {
            Ok(_) => return self.view(id).await,
            Err(error) => Problem::from(error),
        };
        if problem.is_conflict() {
            let Json(current) = self.view(id).await?;
            return Err(problem.with_current(json!(current)));
        }
        Err(problem)
    }
}

async fn list(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Paging(page): Paging,
) -> Result<Json<Page<ChangeRow>>, Problem> {
    let mut tx = desk.store().read().await?;
    let Page { items, next } = tx.changes(&page).await?;
    Ok(Json(Page {
        items: change_rows(&mut tx, items, titles(&board)).await?,
        next,
    }))
}

async fn propose(
    reading: Reading,
    Json(proposal): Json<ChangeProposal>,
) -> Result<(StatusCode, Json<ChangeView>), Problem> {
    let change = reading.desk.propose_change(proposal, &reading.by()).await?;
    Ok((StatusCode::CREATED, reading.view(&change.id).await?))
}

async fn show(reading: Reading, Path(id): Path<ChangeId>) -> Result<Json<ChangeView>, Problem> {
    reading.view(&id).await
}

async fn revise(
    reading: Reading,
    IfMatch(read): IfMatch,
    Path(id): Path<ChangeId>,
    Json(proposal): Json<ChangeProposal>,
) -> Result<Json<ChangeView>, Problem> {
    let decided = reading
        .desk
        .revise_change(&id, read, proposal, &reading.by())
        .await;
    reading.answer(&id, decided).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judgement {
    substantial: bool,
    reason: String,
}

async fn assess(
    reading: Reading,
    IfMatch(read): IfMatch,
    Path(id): Path<ChangeId>,
    Json(judgement): Json<Judgement>,
) -> Result<Json<ChangeView>, Problem> {
    let verdict = (judgement.substantial, judgement.reason.as_str());
    let decided = reading
        .desk
        .assess_change(&id, read, verdict, &reading.by())
        .await;
    reading.answer(&id, decided).await
}

async fn agree(
    reading: Reading,
    IfMatch(read): IfMatch,
    Path(id): Path<ChangeId>,
) -> Result<Json<ChangeView>, Problem> {
    let decided = reading.desk.agree_change(&id, read, &reading.caller.user).await;
    reading.answer(&id, decided).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

async fn withdraw(
    reading: Reading,
    IfMatch(read): IfMatch,
    Path(id): Path<ChangeId>,
    Json(reason): Json<Why>,
) -> Result<Json<ChangeView>, Problem> {
    let decided = reading
        .desk
        .withdraw_change(&id, read, &reason.why, &reading.by())
        .await;
    reading.answer(&id, decided).await
}

async fn begin_notice(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<ChangeId>,
    Json(written): Json<Written>,
) -> Result<(StatusCode, Json<Notice>), Problem> {
    let notice = desk.draft_change_notice(&id, written, &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(notice)))
}

async fn timeline(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Path(id): Path<ChangeId>,
    Paging(page): Paging,
) -> Result<Json<Page<EntryView>>, Problem> {
    let mut tx = desk.store().read().await?;
    tx.change(&id).await?;
    let Page { items, next } = tx.timeline(&id, &page).await?;
    Ok(Json(Page {
        items: entry_views(&mut tx, items, titles(&board)).await?,
        next,
    }))
}

/// What recipients did with the letters of a change on the portal.
async fn receipts(State(desk): State<Desk>, Path(id): Path<ChangeId>) -> Result<Json<Value>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(json!({"items": receipt_views(&mut tx, &id).await?})))
}
