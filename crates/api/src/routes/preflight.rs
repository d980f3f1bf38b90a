//! The pre-flight: how it came out, and taking it now.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::preflight::Preflight;
use watchkeeper_respond::Desk;

/// How many pre-flights are shown.
const SHOWN: u32 = 30;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    table.get("/api/v1/preflight", view, show);
    table.post("/api/v1/preflight", Access::Needs(Permission::Respond), take);
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
