//! The pre-flight: how it came out, and taking it now; and the words that go by the clock, which people approve beforehand.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::notice::{TemplateWords, WordsApproval};
use watchkeeper_domain::preflight::Preflight;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::holding_words::HoldingWords;

/// How many pre-flights are shown.
const SHOWN: u32 = 30;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    table.get("/api/v1/preflight", view, show);
    table.post("/api/v1/preflight", Access::Needs(Permission::Respond), take);
    table.get("/api/v1/holding-words", view, words);
    let draft = Access::Needs(Permission::DraftNotices);
    table.post("/api/v1/holding-words/put-forward", draft, put_forward);
    table.post("/api/v1/holding-words/take-back", draft, take_back);
    let approve = Access::Needs(Permission::ApproveNotices);
    table.post("/api/v1/holding-words/approve", approve, approve_words);
}

#[derive(Serialize)]
struct PreflightsView {
    /// When it is taken next by itself; none where that is switched off.
    next_at: Option<DateTime<Utc>>,
    /// The newest first.
    taken: Vec<Preflight>,
}

async fn show(State(desk): State<Desk>) -> Result<Json<PreflightsView>, Problem> {
    Ok(Json(PreflightsView {
        next_at: desk.next_preflight_at().await?,
        taken: desk.store().read().await?.preflights(SHOWN).await?,
    }))
}

async fn take(State(desk): State<Desk>, caller: Caller) -> Result<Json<Preflight>, Problem> {
    Ok(Json(desk.preflight(&caller.actor()).await?))
}

#[derive(Serialize)]
struct WordsList {
    /// By language.
    items: Vec<HoldingWords>,
}

async fn words(State(desk): State<Desk>) -> Result<Json<WordsList>, Problem> {
    Ok(Json(WordsList {
        items: desk.holding_words().await?,
    }))
}

async fn put_forward(
    State(desk): State<Desk>,
    caller: Caller,
    Json(words): Json<TemplateWords>,
) -> Result<Json<WordsApproval>, Problem> {
    Ok(Json(desk.put_words_forward(&words, &caller.actor()).await?))
}

async fn approve_words(
    State(desk): State<Desk>,
    caller: Caller,
    Json(words): Json<TemplateWords>,
) -> Result<Json<WordsApproval>, Problem> {
    Ok(Json(desk.approve_words(&words, &caller.user).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakenBack {
    language: String,
    digest: String,
    why: String,
}

async fn take_back(
    State(desk): State<Desk>,
    caller: Caller,
    Json(taken): Json<TakenBack>,
) -> Result<Json<WordsApproval>, Problem> {
    let TakenBack {
        language,
        digest,
        why,
    } = taken;
    let words = TemplateWords { language, digest };
    Ok(Json(desk.take_back_words(&words, &why, &caller.actor()).await?))
}
