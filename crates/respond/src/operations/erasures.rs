//! Erasing a contact of a customer: who it was goes, that the customer was told stays.

use crate::desk::{Desk, Fault, RespondError};
use crate::settle::must_be_read;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::delivery::{Delivery, DeliveryState};
use watchkeeper_domain::erasure::{ErasureGround, Traces};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::Phase;
use watchkeeper_domain::matter::{Matter, MatterId};
use watchkeeper_domain::words;
use watchkeeper_store::{CONTACT_ERASED, Tx};

/// Who is to be erased, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// The address.
    pub email: String,
    /// The name, where it is not the contact's, or the contact has been removed before.
    #[serde(default)]
    pub name: String,
    /// Why.
    pub ground: ErasureGround,
    /// Where the request is on file, such as the number of a ticket. It stays in the audit log for good: no names.
    pub reference: String,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactErased {
    /// The customer as it stands now.
    pub customer: Customer,
    /// Messages to the address, whose bytes are gone.
    pub messages: usize,
    /// Letters that named the address.
    pub letters: usize,
    /// Entries of timelines that named the person.
    pub entries: usize,
    /// Receipts, askings, pre-flights and what was told by hand that did.
    pub others: u64,
}

impl Desk {
    /// Erases a contact of a customer from everything but the law's own records: the contact, the bytes of messages to it, its address
    /// in letters, conversations and reports, its name in timelines and receipts. Digests, times, answers and levels of proof stay.
    ///
    /// # Errors
    /// Everything that stands against it: nobody has the address, it is the only contact, a message to it is still on its way, an
    /// incident or a change in which it was told is not over, so that the proof is needed as it is.
    pub async fn erase_contact(
        &self,
        id: &CustomerId,
        read: Option<i64>,
        asked: &ErasureRequest,
        by: &Actor,
    ) -> Result<ContactErased, RespondError> {
        let mut tx = self.begin().await?;
        let customer = tx.customer(id).await?;
        must_be_read(read, customer.version, "customer", id.as_str())?;
        let email = asked.email.trim().to_ascii_lowercase();
        let deliveries = tx.deliveries_of_customer(id, u32::MAX).await?;
        let to_them: Vec<&Delivery> = deliveries
            .iter()
            .filter(|delivery| delivery.recipient.eq_ignore_ascii_case(&email))
            .collect();
        let reference = words::one_line(&asked.reference, 80);
        let mut faults = self.against(&mut tx, &customer, &email, &to_them).await?;
        if reference.is_none() {
            faults.push(Fault::new(
                "reference",
                "say in 1 to 80 characters where the request is on file",
            ));
        }
        if !faults.is_empty() {
            return Err(RespondError::Invalid(faults));
        }
        let contacts = customer.contacts.iter();
        let theirs = contacts.filter(|contact| contact.email.eq_ignore_ascii_case(&email));
        let names: Vec<String> = theirs
            .map(|contact| contact.name.clone())
            .chain(std::iter::once(asked.name.clone()))
            .collect();
        let traces = Traces::of(&email, names.iter().map(String::as_str));
        let erased = tx.erase(id, &email, &traces).await?;
        let before = customer.version;
        let customer = match customer.clone().without_contact(&email, self.now()) {
            Some(without) => {
                tx.upsert_customer(&without, Some(before)).await?;
                without
            }
            None => customer,
        };
        let detail = json!({
            "ground": asked.ground,
            "reference": reference,
            "deliveries": erased.deliveries,
            "letters": erased.letters,
            "entries": erased.entries,
            "receipts": erased.receipts,
            "obligations": erased.obligations,
            "version": customer.version,
        });
        self.record(&mut tx, by, CONTACT_ERASED, id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(ContactErased {
            customer,
            messages: erased.deliveries.len(),
            letters: erased.letters.len(),
            entries: erased.entries.len(),
            others: erased.receipts + erased.askings + erased.preflights + erased.obligations.len() as u64,
        })
    }

    /// What stands against erasing whoever has this address.
    async fn against(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        email: &str,
        to_them: &[&Delivery],
    ) -> Result<Vec<Fault>, RespondError> {
        let mut faults = Vec::new();
        let here =
            |contact: &watchkeeper_domain::customer::Contact| contact.email.eq_ignore_ascii_case(email);
        let known = customer.contacts.iter().any(here);
        if !known && to_them.is_empty() {
            faults.push(Fault::new(
                "email",
                "no contact of this customer has the address, and nothing was sent to it",
            ));
        }
        if known && customer.contacts.iter().all(here) {
            faults.push(Fault::new(
                "email",
                "it is the only contact of the customer: add another one first, or nobody can be told",
            ));
        }
        let under_way = |delivery: &&&Delivery| {
            matches!(
                delivery.state,
                DeliveryState::Queued { .. } | DeliveryState::Claimed { .. }
            )
        };
        let under_way = to_them.iter().filter(under_way).count();
        if under_way > 0 {
            faults.push(Fault::new(
                "email",
                format!("{under_way} messages to the address are on their way: wait until it is known how they end"),
            ));
        }
        let matters: BTreeSet<&MatterId> = to_them
            .iter()
            .filter_map(|delivery| delivery.about.matter())
            .collect();
        for id in matters {
            if let Some(open) = self.still_needed(tx, id).await? {
                faults.push(Fault::new(
                    "email",
                    format!("{open} is not closed, and the proof of having told this address is needed until it is (GDPR Art. 17(3)(e))"),
                ));
            }
        }
        Ok(faults)
    }

    /// The reference of an incident that is not closed.
    async fn still_needed(&self, tx: &mut Tx, id: &MatterId) -> Result<Option<String>, RespondError> {
        Ok(match self.matter(tx, id).await? {
            Matter::Incident(incident) => (incident.phase != Phase::Closed).then(|| incident.reference()),
            Matter::Change(_) => None,
        })
    }
}
