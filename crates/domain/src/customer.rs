//! A company whose data is kept: its tenants in the product, its contract, and whom to tell.

pub mod asking;
mod terms;

pub use terms::{Channel, ClockStart, ContractTerms, CountsFrom};

use crate::id::CustomerId;
use crate::span::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The promise where a contract says nothing else: 72 hours from confirmation.
pub const DEFAULT_LIMIT: Span = Span::hours(72);

/// A customer has no more tags.
const MOST_TAGS: usize = 50;

/// What stands before a customer's key where evidence names the customer by it instead of by a tenant.
pub const BY_KEY: &str = "customer:";

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Its id, derived from its key.
    pub id: CustomerId,
    /// Counts every change.
    pub version: i64,
    /// The identifier that the company itself uses, unique: imports find a customer again by it.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its tenant identifiers in the product.
    pub tenants: BTreeSet<String>,
    /// The contract's limit; `None` is [`DEFAULT_LIMIT`].
    pub notify_within: Option<Span>,
    /// The contract's reference.
    #[serde(default)]
    pub contract: String,
    /// What the contract says beside that.
    #[serde(default)]
    pub terms: ContractTerms,
    /// Words of the company's own by which it finds customers, such as `healthcare`.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// Language of letters, BCP 47, such as `en`.
    pub language: String,
    /// Whether it pays, so that it is told of changes that affect security.
    #[serde(default = "pays")]
    pub paying: bool,
    /// Whom to tell.
    pub contacts: Vec<Contact>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

/// Somebody to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The person's or team's name.
    pub name: String,
    /// Where to.
    pub email: String,
    /// What they are.
    pub role: ContactRole,
    /// When the address was given to us; where that is not known, it was with the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_at: Option<DateTime<Utc>>,
    /// When somebody last made sure that it reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<DateTime<Utc>>,
    /// Why a message to it would not help, until somebody makes sure of it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<ContactTrouble>,
}

/// Why a message to a contact would not help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactTrouble {
    /// Since when.
    pub at: DateTime<Utc>,
    /// What kind.
    pub kind: TroubleKind,
    /// What was said: a mail server's answer, or whom to write to instead.
    #[serde(default)]
    pub why: String,
}

/// What is wrong with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// A mail server says that the address takes no mail.
    Unreachable,
    /// Whoever reads it says that it is not the right one.
    NotTheRightOne,
}

impl TroubleKind {
    /// As people read it, of a contact.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Unreachable => "takes no mail",
            Self::NotTheRightOne => "is not the right one, as its reader says",
        }
    }
}

impl Contact {
    /// From when its year counts: when it was verified last, or given.
    #[must_use]
    pub fn sure_since(&self, customer: &Customer) -> DateTime<Utc> {
        let given = self.added_at.unwrap_or(customer.created_at);
        self.verified_at.map_or(given, |verified| verified.max(given))
    }
}

/// What a contact is, in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactRole {
    /// Security contact.
    Security,
    /// Data-protection officer or counsel.
    Legal,
    /// Administrator.
    Admin,
    /// Who pays.
    Billing,
}

impl ContactRole {
    /// All roles, the preferred first.
    pub const ALL: [Self; 4] = [Self::Security, Self::Legal, Self::Admin, Self::Billing];

    /// The column's name in an import.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Legal => "legal",
            Self::Admin => "admin",
            Self::Billing => "billing",
        }
    }
}

/// Whoever is on the list of customers pays, unless somebody says otherwise.
fn pays() -> bool {
    true
}

impl Customer {
    /// Within which the customer must be told of a confirmed disclosure.
    #[must_use]
    pub fn limit(&self) -> Span {
        self.notify_within.unwrap_or(DEFAULT_LIMIT)
    }

    /// The contacts in the order in which they are tried.
    #[must_use]
    pub fn contacts_in_order(&self) -> Vec<&Contact> {
        let mut contacts: Vec<&Contact> = self.contacts.iter().collect();
        contacts.sort_by_key(|contact| contact.role);
        contacts
    }

    /// With a contact changed at every place where it stands; none where no contact has this address.
    #[must_use]
    pub fn with_contact(
        mut self,
        email: &str,
        change: impl Fn(&mut Contact),
        at: DateTime<Utc>,
    ) -> Option<Self> {
        let before = self.contacts.clone();
        self.contacts
            .iter_mut()
            .filter(|contact| contact.email == email)
            .for_each(change);
        if !before.iter().any(|contact| contact.email == email) {
            return None;
        }
        if before != self.contacts {
            self.version += 1;
            self.updated_at = at;
        }
        Some(self)
    }

    /// Without the contacts at an address; none where no contact has it.
    #[must_use]
    pub fn without_contact(mut self, email: &str, at: DateTime<Utc>) -> Option<Self> {
        let before = self.contacts.len();
        self.contacts
            .retain(|contact| !contact.email.eq_ignore_ascii_case(email));
        if self.contacts.len() == before {
            return None;
        }
        self.version += 1;
        self.updated_at = at;
        Some(self)
    }

    /// Whom a notice goes to first: every contact of the kinds that the contract names; where it names none, or the customer has none of
    /// them, every contact of the most preferred kind that it has.
    #[must_use]
    pub fn first_recipients(&self) -> Vec<&Contact> {
        let contacts = self.contacts_in_order();
        let named = |contact: &&Contact| self.terms.recipients.contains(&contact.role);
        if contacts.iter().any(named) {
            return contacts.into_iter().filter(named).collect();
        }
        let best = contacts.first().map(|contact| contact.role);
        contacts
            .into_iter()
            .filter(|contact| Some(contact.role) == best)
            .collect()
    }

    /// Where a notice goes to first.
    #[must_use]
    pub fn first_addresses(&self) -> Vec<String> {
        let contacts = self.first_recipients().into_iter();
        contacts.map(|contact| contact.email.clone()).collect()
    }

    /// Where it goes next, after those that were `tried`.
    #[must_use]
    pub fn next_address(&self, tried: &BTreeSet<String>) -> Option<String> {
        self.next_recipient(tried).map(|contact| contact.email.clone())
    }

    /// The next contact after those that were `tried`.
    #[must_use]
    pub fn next_recipient(&self, tried: &BTreeSet<String>) -> Option<&Contact> {
        self.contacts_in_order()
            .into_iter()
            .find(|contact| !tried.contains(&contact.email))
    }

    /// What is wrong with it, each with its field and what to write instead.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.key.trim().is_empty() || self.key.len() > 200 {
            faults.push("key: write the identifier you use for this customer, 1 to 200 bytes".to_owned());
        }
        if self.name.trim().is_empty() || self.name.len() > 300 {
            faults.push("name: write the customer's name, 1 to 300 bytes".to_owned());
        }
        if let Some(limit) = self.notify_within
            && (limit < Span::hours(1) || limit > Span::hours(24 * 90))
        {
            faults.push(format!("notify_within: {limit} is not between 1h and 90d"));
        }
        for role in &self.terms.recipients {
            if !self.contacts.iter().any(|contact| contact.role == *role) {
                let role = role.name();
                faults.push(format!(
                    "terms.recipients: the contract names the {role} contact, and there is none; add one to contacts"
                ));
            }
        }
        let long = |tag: &&String| tag.is_empty() || tag.len() > 60 || tag.chars().any(char::is_control);
        if let Some(tag) = self.tags.iter().find(long) {
            faults.push(format!("tags: `{tag}` has not 1 to 60 bytes in one line"));
        }
        if self.tags.len() > MOST_TAGS {
            faults.push(format!(
                "tags: there are {}; give at most {MOST_TAGS}",
                self.tags.len()
            ));
        }
        if self.contacts.is_empty() {
            faults.push("contacts: name at least one person to tell".to_owned());
        }
        for contact in &self.contacts {
            if let Some(fault) = address_fault(&contact.email) {
                faults.push(format!("contacts: {fault}"));
            }
        }
        faults
    }
}

/// What is wrong with an e-mail address, as far as can be told without sending: one `@`, a local part and a domain of sensible
/// length, no spaces or control characters (RFC 5321 §4.5.3.1).
#[must_use]
pub fn address_fault(address: &str) -> Option<String> {
    let fault = || {
        Some(format!(
            "`{address}` is not an e-mail address; write such as security@example.com"
        ))
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return fault();
    };
    let plain = |text: &str, more: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let sound = !local.is_empty()
        && local.len() <= 64
        && plain(local, ".!#$%&'*+/=?^_`{|}~-")
        && domain.len() <= 255
        && plain(domain, ".-")
        && !domain.starts_with(['.', '-'])
        && !domain.ends_with(['.', '-'])
        && !domain.contains("..");
    if sound { None } else { fault() }
}
