//! Whether the service that carries our mail throws away what is written to somebody whom we would tell.

use super::{Check, CheckName, Finding};
use crate::access::User;
use crate::customer::Customer;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// An address on the suppression list of Amazon SES: mail to it is taken and goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressedSeen {
    /// The address.
    pub address: String,
    /// Why, in SES's word: `BOUNCE` or `COMPLAINT`.
    pub reason: String,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

impl SuppressedSeen {
    fn words(&self) -> String {
        let why = match self.reason.as_str() {
            "BOUNCE" => "since mail to it bounced",
            "COMPLAINT" => "since its reader called mail to it spam",
            _ => "for a reason that SES does not say",
        };
        let on = self.since.map(|at| format!(" on {}", at.format("%Y-%m-%d")));
        format!("is on SES's suppression list, {why}{}", on.unwrap_or_default())
    }
}

/// Judges the suppression list against everybody who would be told or paged: contacts of customers, those that pay first, and people with
/// an open account. `seen` is what stands on the list of their addresses; none where mail does not go over SES.
#[must_use]
pub fn suppression(
    customers: &[Customer],
    people: &[User],
    seen: Option<Result<Vec<SuppressedSeen>, String>>,
) -> Check {
    let name = CheckName::Suppression;
    let listed = match seen {
        None => return Check::not_applicable(name, "mail does not go over Amazon SES"),
        Some(Err(fault)) => {
            let remedy = "give the role that [mail.ses.access] uses the permission ses:ListSuppressedDestinations, and see that SES answers";
            return Check::judged(name, fault.clone(), vec![Finding::new("unread", fault, remedy)]);
        }
        Some(Ok(listed)) => listed,
    };
    let listed: BTreeMap<String, SuppressedSeen> = listed
        .into_iter()
        .map(|one| (one.address.to_lowercase(), one))
        .collect();
    let mut findings = Vec::new();
    let (paying, others): (Vec<&Customer>, Vec<&Customer>) = customers.iter().partition(|one| one.paying);
    for customer in paying.into_iter().chain(others) {
        for contact in customer.contacts_in_order() {
            let Some(found) = listed.get(&contact.email.to_lowercase()) else {
                continue;
            };
            let role = contact.role.name();
            let seen = format!(
                "{} (key {}): the {role} contact {}",
                customer.name,
                customer.key,
                found.words()
            );
            let remedy = "ask the customer for an address that takes mail; once it does, take it off the list (`aws sesv2 \
                          delete-suppressed-destination`)";
            findings.push(Finding::new(format!("{} {role}", customer.id), seen, remedy));
        }
    }
    for person in people.iter().filter(|person| person.closed_at.is_none()) {
        let Some(found) = listed.get(&person.email.to_lowercase()) else {
            continue;
        };
        let seen = format!("{} (an account of ours) {}", person.name, found.words());
        let remedy = "pages do not reach this person: see that the address takes mail, and take it off the list (`aws sesv2 \
                      delete-suppressed-destination`)";
        findings.push(Finding::new(person.id.as_str(), seen, remedy));
    }
    let addresses = customers
        .iter()
        .map(|customer| customer.contacts.len())
        .sum::<usize>();
    let seen = format!(
        "{} of {addresses} contacts and {} people are on SES's suppression list",
        findings.len(),
        people.iter().filter(|person| person.closed_at.is_none()).count()
    );
    Check::judged(name, seen, findings)
}
