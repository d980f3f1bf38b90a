//! Contacts of customers: somebody made sure of one, or one is erased.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Path};
use axum::extract::State;
use serde::Deserialize;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::erasures::{ContactErased, ErasureRequest};

pub(super) fn mount(table: &mut Table) {
    let keep = Access::Needs(Permission::KeepCustomers);
    table.post("/api/v1/customers/{id}/contacts/verify", keep, verify);
    // It takes proof away, so that it is for counsel to weigh.
    let counsel = Access::Needs(Permission::ApproveNotices);
    table.post("/api/v1/customers/{id}/contacts/erase", counsel, erase);
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

async fn erase(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<CustomerId>,
    Json(asked): Json<ErasureRequest>,
) -> Result<Json<ContactErased>, Problem> {
    Ok(Json(
        desk.erase_contact(&id, read, &asked, &caller.actor()).await?,
    ))
}
