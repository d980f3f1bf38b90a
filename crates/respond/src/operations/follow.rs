//! A customer was changed while something is owed to it: what is prepared and by when follows the contacts and the contract as they
//! stand now.

use crate::desk::{Desk, RespondError};
use std::collections::BTreeSet;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, IncidentId};
use watchkeeper_store::{ObligationFilter, PageRequest, Tx};

/// A customer is affected by no more open incidents than these at once.
const OPEN_INCIDENTS: u32 = 100;

impl Desk {
    /// Brings what is owed to these customers in line with what is known of them now: the holding notice is addressed to their contacts
    /// and written in their language, a deadline that a contract brings nearer is kept, and letters that wait for approval follow.
    pub(crate) async fn follow_customers(
        &self,
        tx: &mut Tx,
        customers: &[CustomerId],
        by: &Actor,
    ) -> Result<(), RespondError> {
        let mut incidents: BTreeSet<IncidentId> = BTreeSet::new();
        for customer in customers {
            let owed = ObligationFilter {
                customer: Some(customer.clone()),
                // Whoever was missed under a hold still gets the holding notice when the hold ends.
                states: ["running", "missed"].map(str::to_owned).into(),
                ..ObligationFilter::default()
            };
            let owed = tx.obligations(&owed, &PageRequest::first(OPEN_INCIDENTS)).await?;
            incidents.extend(owed.items.into_iter().map(|owed| owed.incident));
        }
        for id in incidents {
            let incident = tx.incident(&id).await?;
            let entries = self.bring_obligations_in_line(tx, &incident, by).await?;
            tx.append_entries(&entries).await?;
        }
        self.letters_follow(tx, &customers.iter().cloned().collect(), by)
            .await
    }
}
