//! What can be proved about having told the customers of an incident or of a change.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::change::Change;
use watchkeeper_domain::delivery::proof::{
    CustomerProof, LevelShare, OnPortal, ProofOfTelling, proof_of_change, proof_of_telling,
};
use watchkeeper_domain::id::{CustomerId, IncidentId, LetterId};
use watchkeeper_domain::matter::MatterId;
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
    let portal = on_portal(tx, incident.into()).await?;
    named(tx, proof_of_telling(&obligations, &deliveries, &portal, now)).await
}

/// The proof of having told the customers of a change; nothing before they were told.
pub(crate) async fn proof_of_change_view(
    tx: &mut Tx,
    change: &Change,
    now: DateTime<Utc>,
) -> Result<Option<ProofView>, StoreError> {
    let Some(told) = change.told() else {
        return Ok(None);
    };
    let letters = tx.letters(&told.notice).await?.into_iter();
    let customers: Vec<CustomerId> = letters.map(|letter| letter.customer).collect();
    let deliveries = tx.deliveries_of(&change.id).await?;
    let portal = on_portal(tx, (&change.id).into()).await?;
    let proof = proof_of_change(change, &customers, &deliveries, &portal, now);
    Ok(Some(named(tx, proof).await?))
}

async fn on_portal(tx: &mut Tx, matter: MatterId) -> Result<BTreeMap<LetterId, OnPortal>, StoreError> {
    let receipts = tx.receipts_of(&matter).await?.into_iter();
    Ok(receipts.map(|r| (r.letter.clone(), OnPortal::from(&r))).collect())
}

async fn named(tx: &mut Tx, proof: ProofOfTelling) -> Result<ProofView, StoreError> {
    let ProofOfTelling { levels, customers } = proof;
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
