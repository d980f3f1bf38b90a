//! Drills: the whole way from the page to the letter with real people, and nobody outside who could take it for real.
//!
//! Two locks keep a drill inside. Where recipients are chosen, one mailbox stands for every customer
//! ([`Incident::recipients`](crate::incident::Incident::recipients)). Where messages are carried, whatever lies outside of
//! [`DrillReach`] is refused before a connection is opened.

mod report;

pub use report::{Check, DrillRecord, DrillReport, Verdict};

use crate::customer::address_fault;
use chrono::{DateTime, Months, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What to write so that a drill can be declared.
const REMEDY: &str = "write into the configuration whom drills may reach, and which mailbox stands for every customer, such as [drill] reach = [\"@company.example\"] and customers_to = \"drill@company.example\"";

/// After how many months another drill is due: a yearly drill is itself a control.
const MONTHS_BETWEEN: Months = Months::new(12);

/// Whom messages of a drill may go to: exact addresses, everybody at a domain, exact topics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrillReach {
    addresses: BTreeSet<String>,
    domains: BTreeSet<String>,
    topics: BTreeSet<String>,
}

impl DrillReach {
    /// Reads one entry: an address, `@domain`, or the ARN of an SNS topic.
    ///
    /// # Errors
    /// Says what is wrong with the entry.
    pub fn allow(&mut self, entry: &str) -> Result<(), String> {
        if entry.starts_with("arn:") {
            let parts: Vec<&str> = entry.split(':').collect();
            let whole = parts.len() == 6 && parts[2] == "sns" && parts.iter().all(|part| !part.is_empty());
            if !whole || entry.contains(['*', '?']) {
                return Err(format!("`{entry}` is not the ARN of one SNS topic"));
            }
            self.topics.insert(entry.to_owned());
        } else if let Some(domain) = entry.strip_prefix('@') {
            if address_fault(&format!("somebody@{domain}")).is_some() || !domain.contains('.') {
                return Err(format!("`{entry}` does not name a domain"));
            }
            self.domains.insert(domain.to_lowercase());
        } else {
            if address_fault(entry).is_some() {
                return Err(format!(
                    "`{entry}` is neither an address nor a domain nor a topic"
                ));
            }
            self.addresses.insert(entry.to_lowercase());
        }
        Ok(())
    }

    /// Whether nobody may be reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.domains.is_empty() && self.topics.is_empty()
    }

    /// Whether a mail may go to this address. A domain stands for itself and not for those below it.
    #[must_use]
    pub fn holds_address(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        let Some((_, domain)) = address.rsplit_once('@') else {
            return false;
        };
        address_fault(&address).is_none()
            && (self.domains.contains(domain) || self.addresses.contains(&address))
    }

    /// Whether a message may go to this topic.
    #[must_use]
    pub fn holds_topic(&self, arn: &str) -> bool {
        self.topics.contains(arn)
    }
}

/// How drills are held in this installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrillPolicy {
    /// Whom messages of a drill may go to.
    pub reach: DrillReach,
    /// The mailbox that stands for every customer.
    pub customers_to: Option<String>,
}

impl DrillPolicy {
    /// The mailbox that stands for every customer of a drill that is declared now.
    ///
    /// # Errors
    /// Says what to write into the configuration where no drill can be held.
    pub fn mailbox(&self) -> Result<&str, String> {
        if self.reach.is_empty() {
            return Err(format!("no drill can be held yet: {REMEDY}"));
        }
        let Some(mailbox) = &self.customers_to else {
            return Err(format!("no mailbox stands for customers in a drill: {REMEDY}"));
        };
        if !self.reach.holds_address(mailbox) {
            return Err(format!("{mailbox} is outside of [drill] reach: {REMEDY}"));
        }
        Ok(mailbox)
    }
}

/// When the last drill was held, and whether another one is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillControl {
    /// When the last drill was closed; none where there was none.
    pub last_closed_at: Option<DateTime<Utc>>,
    /// By when the next one is to be held; none where it is due already because there was none.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether it is due.
    pub due: bool,
}

impl DrillControl {
    /// What is known at `now` of the drills that were closed.
    #[must_use]
    pub fn at(now: DateTime<Utc>, last_closed_at: Option<DateTime<Utc>>) -> Self {
        let due_at = last_closed_at.and_then(|at| at.checked_add_months(MONTHS_BETWEEN));
        Self {
            last_closed_at,
            due_at,
            due: due_at.is_none_or(|due_at| due_at < now),
        }
    }
}
