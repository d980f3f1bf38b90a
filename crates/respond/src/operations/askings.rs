//! Contacts that are asked whether they are still the right ones: what they answer on the portal, what became of the mail, and what
//! somebody of ours found out by other means.

use crate::desk::{Desk, RespondError};
use crate::settle::must_be_read;
use chrono::{DateTime, Utc};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::asking::{Asking, AskingState, ContactAnswer};
use watchkeeper_domain::customer::{Contact, ContactTrouble, Customer, TroubleKind};
use watchkeeper_domain::delivery::Delivery;
use watchkeeper_domain::delivery::report::StatusCode;
use watchkeeper_domain::id::{AskingId, CustomerId};
use watchkeeper_domain::notice::ContactTemplate;
use watchkeeper_domain::page::{PageReason, PageTarget};
use watchkeeper_store::{StoreError, Tx};

/// A contact whose code was typed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedContact {
    /// The customer's name.
    pub customer: String,
    /// Its language, BCP 47.
    pub language: String,
    /// The asking, as it stands now.
    pub asking: Asking,
}

impl Desk {
    /// Somebody made sure, by other means than mail, that a contact is the right one and can be reached there.
    ///
    /// # Errors
    /// Says what is missing: a contact with this address, or how it was made sure.
    pub async fn verify_contact(
        &self,
        id: &CustomerId,
        read: Option<i64>,
        (email, how): (&str, &str),
        by: &Actor,
    ) -> Result<Customer, RespondError> {
        let how = watchkeeper_domain::words::one_line(how, 500)
            .ok_or_else(|| RespondError::invalid("how", "write in 1 to 500 characters how you made sure"))?;
        let mut tx = self.begin().await?;
        let customer = tx.customer(id).await?;
        must_be_read(read, customer.version, "customer", id.as_str())?;
        let now = self.now();
        let verified = |contact: &mut Contact| {
            contact.verified_at = Some(now);
            contact.trouble = None;
        };
        let customer = self
            .change_contact(&mut tx, customer, email, verified)
            .await?
            .ok_or_else(|| RespondError::invalid("email", format!("no contact has the address {email}")))?;
        if let Some(open) = tx
            .last_asking(id, email)
            .await?
            .filter(|last| last.next_due().is_some())
        {
            let before = open.version;
            tx.update_asking(&open.overtaken(now), before).await?;
        }
        let detail = json!({"how": how, "version": customer.version});
        self.record(&mut tx, by, "contact.verified", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(customer)
    }

    /// Changes a contact of a customer; none where no contact has this address (any more).
    async fn change_contact(
        &self,
        tx: &mut Tx,
        customer: Customer,
        email: &str,
        change: impl Fn(&mut Contact) + Send,
    ) -> Result<Option<Customer>, RespondError> {
        let before = customer.version;
        let Some(customer) = customer.with_contact(email, change, self.now()) else {
            return Ok(None);
        };
        if customer.version != before {
            tx.upsert_customer(&customer, Some(before)).await?;
        }
        Ok(Some(customer))
    }

    /// Asks a contact by mail, or reminds it.
    pub(crate) async fn ask_contact(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        contact: &Contact,
        (asking, action): (&Asking, &'static str),
    ) -> Result<(), RespondError> {
        let template = ContactTemplate::choose(&self.house.library.contact_letters, &customer.language);
        let template = template.ok_or_else(|| {
            let path = "playbooks/letters/customer/en/contact.yaml";
            RespondError::Unavailable(format!("there is no letter to ask contacts with; add {path}"))
        })?;
        let letter = template.letter(customer, contact, asking, &self.house.sender);
        let letter = letter.map_err(RespondError::Unavailable)?;
        self.enqueue_asking(tx, asking, action, &letter).await?;
        self.record_asking(tx, asking, action, &Actor::worker("contacts"))
            .await
    }

    /// What the audit log says of an asking: neither the address nor a name, nor a digest that somebody could find them by.
    pub(crate) async fn record_asking(
        &self,
        tx: &mut Tx,
        asking: &Asking,
        action: &'static str,
        by: &Actor,
    ) -> Result<(), RespondError> {
        let detail = json!({
            "customer": asking.customer,
            "role": asking.role,
            "state": asking.state_name(),
            "version": asking.version,
        });
        self.record(tx, by, action, asking.id.as_str(), detail).await
    }

    /// Takes what a contact answers with its code, and changes the contact by it.
    pub(crate) async fn take_contact_answer(
        &self,
        tx: &mut Tx,
        asking: Asking,
        answer: ContactAnswer<'_>,
    ) -> Result<AskedContact, RespondError> {
        let before = asking.version;
        let asking = asking.answered(answer, self.now())?;
        tx.update_asking(&asking, before).await?;
        let customer = tx.customer(&asking.customer).await?;
        let (name, language) = (customer.name.clone(), customer.language.clone());
        self.change_contact(tx, customer, &asking.email, |contact| asking.settle(contact))
            .await?;
        self.record_asking(tx, &asking, "contact.answered", &Actor::worker("portal"))
            .await?;
        if let AskingState::NotTheRightOne {
            name: who, instead, ..
        } = &asking.state
        {
            let reason = PageReason::ContactWrong {
                customer: name.clone(),
            };
            let instead = if instead.is_empty() {
                "They named nobody else.".to_owned()
            } else {
                format!("They ask to write instead to: {instead}")
            };
            let body = format!(
                "{who} says that the {} contact of {name} for security notices is not the right one.\n{instead}\n\nThis came from whoever \
                 reads that address: ask the customer before you change it.",
                asking.role.name()
            );
            let path = format!("/customers/{}", asking.customer);
            let occasion = format!("contact-wrong/{}", asking.id);
            self.page_house(
                tx,
                &[PageTarget::CustomerKeepers],
                &reason,
                (&body, &path),
                &occasion,
            )
            .await?;
        }
        Ok(AskedContact {
            customer: name,
            language,
            asking,
        })
    }

    /// The mail that asked a contact did not arrive: the contact does not count until somebody has made sure of it.
    pub(crate) async fn asking_failed(
        &self,
        tx: &mut Tx,
        id: &AskingId,
        why: &str,
    ) -> Result<(), RespondError> {
        let asking = tx.asking(id).await?;
        let before = asking.version;
        let Some(asking) = asking.undeliverable(why, self.now()) else {
            return Ok(());
        };
        tx.update_asking(&asking, before).await?;
        let customer = tx.customer(&asking.customer).await?;
        self.change_contact(tx, customer, &asking.email, |contact| asking.settle(contact))
            .await?;
        self.record_asking(tx, &asking, "contact.unreachable", &Actor::worker("delivery"))
            .await
    }

    /// A server said for good that a letter's address takes no mail: its contact does not count until somebody has made sure of it.
    /// What is refused by policy says nothing about the address.
    pub(crate) async fn letter_address_failed(
        &self,
        tx: &mut Tx,
        customer: &CustomerId,
        delivery: &Delivery,
        (status, why): (StatusCode, &str),
    ) -> Result<(), RespondError> {
        if !status.is_of_address() {
            return Ok(());
        }
        let now = self.now();
        let trouble = |contact: &mut Contact| {
            contact.trouble.get_or_insert_with(|| unreachable(why, now));
        };
        let customer = match tx.customer(customer).await {
            Ok(customer) => customer,
            Err(StoreError::NotFound { .. }) => return Ok(()),
            Err(fault) => return Err(fault.into()),
        };
        let before = customer.version;
        let changed = self
            .change_contact(tx, customer, &delivery.recipient, trouble)
            .await?;
        let Some(customer) = changed.filter(|customer| customer.version != before) else {
            return Ok(());
        };
        let detail = json!({
            "delivery": delivery.id,
            "status": status,
            "version": customer.version,
        });
        let by = Actor::worker("delivery");
        self.record(tx, &by, "contact.unreachable", customer.id.as_str(), detail)
            .await
    }
}

fn unreachable(why: &str, at: DateTime<Utc>) -> ContactTrouble {
    ContactTrouble {
        at,
        kind: TroubleKind::Unreachable,
        why: why.chars().take(200).collect(),
    }
}
