//! Whether every customer has a contact that can be told.

use super::{Check, CheckName, Finding};
use crate::customer::{Contact, Customer, address_fault};
use crate::id::CustomerId;
use crate::span::Span;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// How long a contact has to answer before it is reminded, and again before it no longer counts.
pub const CONTACT_PATIENCE: Span = Span::hours(14 * 24);

/// When contacts were last asked whether they are still the right ones, by customer and address.
pub type Asked = BTreeMap<(CustomerId, String), DateTime<Utc>>;

/// How long a contact that was verified, or given, counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// A contact is asked after this.
    pub verify_every: Span,
}

impl Coverage {
    /// Until when a contact counts: it is asked when [`Coverage::verify_every`] has passed since it was verified, or given, and has twice
    /// [`CONTACT_PATIENCE`] from then, or from when it was asked in fact.
    #[must_use]
    pub fn until(
        self,
        customer: &Customer,
        contact: &Contact,
        asked: Option<DateTime<Utc>>,
    ) -> DateTime<Utc> {
        let due = contact.sure_since(customer) + self.verify_every.duration();
        let from = asked.map_or(due, |asked| asked.max(due));
        from + CONTACT_PATIENCE.duration() * 2
    }

    /// Why a contact does not count; none where it does.
    #[must_use]
    pub fn trouble(
        self,
        customer: &Customer,
        contact: &Contact,
        asked: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
        if address_fault(&contact.email).is_some() {
            return Some("its address cannot be written to".to_owned());
        }
        if let Some(trouble) = &contact.trouble {
            return Some(format!("{} since {}", trouble.kind.words(), day(trouble.at)));
        }
        (self.until(customer, contact, asked) <= now).then(|| match contact.verified_at {
            Some(at) => format!("was verified on {} and has not answered since", day(at)),
            None => "was never verified and has not answered".to_owned(),
        })
    }
}

/// Judges every customer: one contact at least can be mailed, has not bounced, and was verified not too long ago.
#[must_use]
pub fn contacts(customers: &[Customer], asked: &Asked, coverage: Coverage, now: DateTime<Utc>) -> Check {
    if customers.is_empty() {
        return Check::not_applicable(CheckName::Contacts, "there are no customers yet");
    }
    let mut findings = Vec::new();
    let mut first_lost = 0;
    for customer in customers {
        let troubles: Vec<(&Contact, Option<String>)> = customer
            .contacts_in_order()
            .into_iter()
            .map(|contact| {
                let key = (customer.id.clone(), contact.email.clone());
                let asked = asked.get(&key).copied();
                (contact, coverage.trouble(customer, contact, asked, now))
            })
            .collect();
        if troubles.iter().any(|(_, trouble)| trouble.is_none()) {
            first_lost += usize::from(troubles.first().is_some_and(|(_, trouble)| trouble.is_some()));
            continue;
        }
        let mut said: Vec<String> = troubles
            .iter()
            .map(|(contact, trouble)| {
                let trouble = trouble.as_deref().unwrap_or_default();
                format!("the {} contact {trouble}", contact.role.name())
            })
            .collect();
        if said.is_empty() {
            said.push("it has no contact".to_owned());
        }
        let seen = format!("{} (key {}): {}", customer.name, customer.key, said.join("; "));
        let remedy = "call the customer, and change the contact or say that it was verified (Customers)";
        findings.push(Finding::new(customer.id.as_str(), seen, remedy));
    }
    let covered = customers.len() - findings.len();
    let seen = format!(
        "{covered} of {} customers have a contact that can be told",
        customers.len()
    );
    let note = format!("{first_lost} of them would not be told by the contact that they prefer");
    Check::judged(CheckName::Contacts, seen, findings).noting((first_lost > 0).then_some(note))
}
