//! Customers, their contracts, and whom to tell.

use super::{Table, trimmed};
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Paging, Path, Query, Raw};
use crate::views::deliveries::{DeliveryView, delivery_views};
use crate::views::obligations::{ObligationView, obligation_views};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::customer::asking::{Asking, AskingState};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::customers::{CustomerFacts, IMPORT_LIMIT, Import};
use watchkeeper_store::{ObligationFilter, Page, PageRequest};

/// How many of the newest obligations and deliveries a customer's page shows.
const SHOWN: u32 = 200;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    let keep = Access::Needs(Permission::KeepCustomers);
    table.get("/api/v1/customers", view, list);
    table.get("/api/v1/customers/{id}", view, show);
    table.put("/api/v1/customers/{id}", keep, put);
    table.post_up_to("/api/v1/customers/import", keep, IMPORT_LIMIT, import);
}

#[derive(Deserialize)]
struct Listed {
    q: Option<String>,
}

async fn list(
    State(desk): State<Desk>,
    Query(listed): Query<Listed>,
    Paging(page): Paging,
) -> Result<Json<Page<Customer>>, Problem> {
    let mut tx = desk.store().read().await?;
    Ok(Json(
        tx.customers(trimmed(listed.q.as_deref()).as_deref(), &page)
            .await?,
    ))
}

#[derive(Serialize)]
struct CustomerDetail {
    customer: Customer,
    obligations: Vec<ObligationView>,
    deliveries: Vec<DeliveryView>,
    /// The newest first.
    askings: Vec<AskingView>,
    /// For how long a contact that was verified, or given, is taken to be right.
    verify_every: Span,
}

/// A contact that was asked whether it is still the right one; without its code, which speaks for the contact.
#[derive(Serialize)]
struct AskingView {
    email: String,
    asked_at: DateTime<Utc>,
    answer_by: DateTime<Utc>,
    #[serde(flatten)]
    state: AskingState,
}

impl From<Asking> for AskingView {
    fn from(asking: Asking) -> Self {
        Self {
            answer_by: asking.answer_by(),
            email: asking.email,
            asked_at: asking.asked_at,
            state: asking.state,
        }
    }
}

async fn show(State(desk): State<Desk>, Path(id): Path<CustomerId>) -> Result<Json<impl Serialize>, Problem> {
    let mut tx = desk.store().read().await?;
    let customer = tx.customer(&id).await?;
    let filter = ObligationFilter {
        customer: Some(id.clone()),
        ..ObligationFilter::default()
    };
    let obligations = tx.obligations(&filter, &PageRequest::first(SHOWN)).await?.items;
    let deliveries = tx.deliveries_of_customer(&id, SHOWN).await?;
    let askings = tx.askings_of(&id, SHOWN).await?;
    Ok(Json(CustomerDetail {
        customer,
        obligations: obligation_views(&mut tx, obligations).await?,
        deliveries: delivery_views(&mut tx, deliveries).await?,
        askings: askings.into_iter().map(AskingView::from).collect(),
        verify_every: desk.house().contacts.verify_every,
    }))
}

async fn put(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(key): Path<String>,
    Json(facts): Json<CustomerFacts>,
) -> Result<Json<Customer>, Problem> {
    let problem = match desk.keep_customer(&key, read, facts, &caller.actor()).await {
        Ok(customer) => return Ok(Json(customer)),
        Err(error) => Problem::from(error),
    };
    if problem.is_conflict() {
        let current = desk.store().read().await?.customer_by_key(&key).await?;
        return Err(problem.with_current(json!(current)));
    }
    Err(problem)
}

#[derive(Deserialize)]
struct Importing {
    #[serde(default)]
    commit: bool,
}

async fn import(
    State(desk): State<Desk>,
    caller: Caller,
    Query(importing): Query<Importing>,
    Raw(list): Raw,
) -> Result<Json<Import>, Problem> {
    Ok(Json(
        desk.import_customers(&list, importing.commit, &caller.actor())
            .await?,
    ))
}
