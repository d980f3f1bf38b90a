//! The pre-flight: how it came out, and taking it now; contacts that somebody made sure of.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Path};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::preflight::Preflight;
use watchkeeper_respond::Desk;

/// How many pre-flights are shown.
const SHOWN: u32 = 30;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    table.get("/api/v1/preflight", view, show);
    table.post("/api/v1/preflight", Access::Needs(Permission::Respond), take);
    let keep = Access::Needs(Permission::KeepCustomers);
    table.post("/api/v1/customers/{id}/contacts/verify", keep, verify);
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verifying {
    email: String,
    how: String,
}

async fn verify(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<CustomerId>,
    Json(asked): Json<Verifying>,
) -> Result<Json<Customer>, Problem> {
    let contact = (asked.email.as_str(), asked.how.as_str());
    Ok(Json(
        desk.verify_contact(&id, read, contact, &caller.actor()).await?,
    ))
}
