//! Whether every customer has a contact that can be told.

use super::{Check, CheckName, Finding};
use crate::customer::{Contact, Customer, address_fault};
use crate::id::CustomerId;
use crate::span::Span;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::fmt::Write as _;

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
        let silent = if asked.is_some() {
            "and has not answered since"
        } else {
            "which is too long ago"
        };
        (self.until(customer, contact, asked) <= now).then(|| match contact.verified_at {
            Some(at) => format!("was verified on {}, {silent}", day(at)),
            None => format!(
                "was given on {} and never verified, {silent}",
                day(contact.sure_since(customer))
            ),
        })
    }

    /// Every contact of a customer in the order in which it is tried, each with why it does not count, if so.
    fn of<'a>(
        self,
        customer: &'a Customer,
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> Vec<(&'a Contact, Option<String>)> {
        let trouble = |contact: &'a Contact| {
            let asked = asked.get(&(customer.id.clone(), contact.email.clone()));
            (contact, self.trouble(customer, contact, asked.copied(), now))
        };
        customer.contacts_in_order().into_iter().map(trouble).collect()
    }
}

/// Whether a customer can be told.
enum Covered {
    /// By whom a notice goes to first.
    Yes,
    /// Only by others.
    ByOthers,
    /// By nobody, and why.
    No(Finding),
}

fn covered(customer: &Customer, contacts: &[(&Contact, Option<String>)]) -> Covered {
    let counts = |email: &str| {
        let own =
            |(contact, trouble): &(&Contact, Option<String>)| contact.email == email && trouble.is_none();
        contacts.iter().any(own)
    };
    if customer.first_addresses().iter().any(|email| counts(email)) {
        return Covered::Yes;
    }
    if contacts.iter().any(|(_, trouble)| trouble.is_none()) {
        return Covered::ByOthers;
    }
    let mut said: Vec<String> = contacts
        .iter()
        .filter_map(|(contact, trouble)| {
            Some(format!(
                "the {} contact {}",
                contact.role.name(),
                trouble.as_ref()?
            ))
        })
        .collect();
    if said.is_empty() {
        said.push("it has no contact".to_owned());
    }
    let pays = if customer.paying { "" } else { ", does not pay" };
    let seen = format!(
        "{} (key {}{pays}): {}",
        customer.name,
        customer.key,
        said.join("; ")
    );
    let remedy = "call the customer, and change the contact or say that it was verified (Customers)";
    Covered::No(Finding::new(customer.id.as_str(), seen, remedy))
}

/// Judges every customer: one contact at least can be mailed, has not bounced, and was verified not too long ago. Whoever pays is counted
/// apart, since they are told of changes too, and is named first; a disclosure is owed to all.
#[must_use]
pub fn contacts(customers: &[Customer], asked: &Asked, coverage: Coverage, now: DateTime<Utc>) -> Check {
    if customers.is_empty() {
        return Check::not_applicable(CheckName::Contacts, "there are no customers yet");
    }
    let (mut paying, mut others) = (Vec::new(), Vec::new());
    let mut by_others = 0;
    for customer in customers {
        match covered(customer, &coverage.of(customer, asked, now)) {
            Covered::Yes => {}
            Covered::ByOthers => by_others += 1,
            Covered::No(finding) if customer.paying => paying.push(finding),
            Covered::No(finding) => others.push(finding),
        }
    }
    let pay = customers.iter().filter(|customer| customer.paying).count();
    let mut seen = format!(
        "{} of {} customers have a contact that can be told",
        customers.len() - paying.len() - others.len(),
        customers.len()
    );
    if pay < customers.len() {
        let _ = write!(seen, "; {} of {pay} that pay", pay - paying.len());
    }
    let note = format!("{by_others} of them would not be told by the contact that they prefer");
    paying.extend(others);
    Check::judged(CheckName::Contacts, seen, paying).noting((by_others > 0).then_some(note))
}
