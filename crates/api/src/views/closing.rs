//! What is open in an incident, for whoever wants to close it.

use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::{Incident, StillOpen};
use watchkeeper_store::{StoreError, Tx};

/// What is open, what stands in the way first.
#[derive(Debug, Serialize)]
pub(crate) struct ClosingView {
    open: Vec<OpenView>,
    /// The customers that are named, by id.
    customers: BTreeMap<CustomerId, String>,
}

#[derive(Debug, Serialize)]
struct OpenView {
    #[serde(flatten)]
    open: StillOpen,
    /// Whether the incident is not closed while it is so; else it needs a reason.
    in_the_way: bool,
    /// In words.
    text: String,
}

/// What is open, with the names of customers.
pub(crate) async fn closing_view(
    tx: &mut Tx,
    incident: &Incident,
    open: Vec<StillOpen>,
) -> Result<ClosingView, StoreError> {
    let named: Vec<CustomerId> = open.iter().flat_map(StillOpen::customers).cloned().collect();
    let customers = tx.customers_by_ids(&named).await?.into_iter();
    Ok(ClosingView {
        customers: customers.map(|customer| (customer.id, customer.name)).collect(),
        open: open
            .into_iter()
            .map(|open| OpenView {
                in_the_way: open.in_the_way(incident.drill),
                text: open.in_words(),
                open,
            })
            .collect(),
    })
}
