//! What can be proved about having told an incident's customers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::delivery::proof::{
    CustomerProof, LevelShare, OnPortal, ProofOfTelling, proof_of_telling,
};
use watchkeeper_domain::id::{CustomerId, IncidentId, LetterId};
use watchkeeper_store::{StoreError, Tx};

/// The proof, with names.
#[derive(Debug, Serialize)]
pub(crate) struct ProofView {
    levels: Vec<LevelShare>,
    customers: Vec<Named>,
}

#[derive(Debug, Serialize)]
struct Named {
    customer_name: String,
    #[serde(flatten)]
    proof: CustomerProof,
}

/// The proof of one incident.
pub(crate) async fn proof_view(
    tx: &mut Tx,
    incident: &IncidentId,
    now: DateTime<Utc>,
) -> Result<ProofView, StoreError> {
    let obligations = tx.obligations_of(incident).await?;
    let deliveries = tx.deliveries_of(incident).await?;
    let receipts = tx.receipts_of(incident).await?.into_iter();
    let portal: BTreeMap<LetterId, OnPortal> =
        receipts.map(|r| (r.letter.clone(), OnPortal::from(&r))).collect();
    let ProofOfTelling { levels, customers } = proof_of_telling(&obligations, &deliveries, &portal, now);
    let ids: Vec<CustomerId> = customers.iter().map(|proof| proof.customer.clone()).collect();
    let known = tx.customers_by_ids(&ids).await?;
    let mut names: BTreeMap<CustomerId, String> = known.into_iter().map(|c| (c.id, c.name)).collect();
    let customers = customers.into_iter().map(|proof| Named {
        customer_name: names.remove(&proof.customer).unwrap_or_default(),
        proof,
    });
    Ok(ProofView {
        levels,
        customers: customers.collect(),
    })
}
