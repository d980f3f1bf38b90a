//! What makes an incident a drill: the terms that it is held under, and who stands for its customers.

use super::{Incident, Severity};
use crate::customer::Customer;
use crate::playbook::{Playbook, PlaybookTimers};
use crate::span::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a drill is held under, as it was when it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillTerms {
    /// The mailbox that stands for every customer.
    pub customers_to: String,
    /// Within which somebody answers the page.
    pub acknowledge_within: Span,
    /// Within which somebody is in command: when the first status update is due.
    pub command_within: Span,
    /// Within which a suspected disclosure is decided.
    pub decide_within: Span,
}

impl DrillTerms {
    pub(super) fn pin(customers_to: &str, playbook: Option<&Playbook>, severity: Severity) -> Self {
        let timers = playbook.map_or_else(PlaybookTimers::default, |playbook| playbook.timers.clone());
        Self {
            customers_to: customers_to.to_owned(),
            acknowledge_within: timers.acknowledge.of(severity),
            command_within: timers.status_update.of(severity),
            decide_within: timers.disclosure_decision,
        }
    }
}

impl Incident {
    /// Whom a letter to a customer goes to first. In a drill that is the mailbox that stands for every customer, and never a contact of
    /// the customer's.
    #[must_use]
    pub fn recipients(&self, customer: &Customer) -> Vec<String> {
        if self.drill {
            return self.drill_mailbox().map(str::to_owned).into_iter().collect();
        }
        customer.first_addresses()
    }

    /// Whom a letter to a customer goes to next, after those that were `tried`; in a drill there is nobody but the one mailbox.
    #[must_use]
    pub fn next_recipient(&self, customer: &Customer, tried: &BTreeSet<String>) -> Option<String> {
        if self.drill {
            let mailbox = self.drill_mailbox().filter(|mailbox| !tried.contains(*mailbox));
            return mailbox.map(str::to_owned);
        }
        customer.next_address(tried)
    }

    fn drill_mailbox(&self) -> Option<&str> {
        self.drill_terms.as_ref().map(|terms| terms.customers_to.as_str())
    }
}
