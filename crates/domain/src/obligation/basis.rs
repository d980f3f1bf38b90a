//! What a deadline was counted on: the customer's contract and the rule, as they stood then. Both can change afterwards; what was counted
//! is explained by what stood, and not by what stands.

use super::Obligation;
use crate::customer::{ContractTerms, Customer};
use crate::id::digest;
use crate::span::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a deadline was counted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// When it was counted.
    pub at: DateTime<Utc>,
    /// When the deadline ended by that.
    pub due_at: DateTime<Utc>,
    /// Which rule.
    pub rule: String,
    /// SHA-256 of the file of the rule, hex; none where no file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_sha256: Option<String>,
    /// What the contract said.
    pub contract: ContractThen,
}

/// What a customer's contract said of notices at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractThen {
    /// Its reference.
    pub reference: String,
    /// Its limit; none where the promise held.
    pub notify_within: Option<Span>,
    /// What it said beside that.
    pub terms: ContractTerms,
    /// Which version of the customer's record it stood in.
    pub customer_version: i64,
}

impl Basis {
    /// What the log says of it: SHA-256 over its parts, each preceded by its length. Instants and words are taken as its JSON writes
    /// them, so that a script can do the same with an exported line.
    #[must_use]
    pub fn sha256(&self) -> String {
        let ContractThen {
            reference,
            notify_within,
            terms,
            customer_version,
        } = &self.contract;
        let limit = notify_within.map(|limit| limit.to_string()).unwrap_or_default();
        let recipients: Vec<String> = terms.recipients.iter().map(written).collect();
        digest(&[
            &written(&self.at),
            &written(&self.due_at),
            &self.rule,
            self.rule_sha256.as_deref().unwrap_or_default(),
            reference,
            &limit,
            &written(&terms.counts_from),
            &recipients.join(","),
            &written(&terms.channel),
            &customer_version.to_string(),
        ])
    }
}

/// A text as JSON writes it.
fn written(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Obligation {
    /// Keeps what its deadline was just counted on, after what it was counted on before.
    #[must_use]
    pub fn counted_on(mut self, customer: &Customer, rule_sha256: Option<String>, at: DateTime<Utc>) -> Self {
        self.counted_on.push(Basis {
            at,
            due_at: self.deadline.due_at,
            rule: self.rule.clone(),
            rule_sha256,
            contract: ContractThen {
                reference: customer.contract.clone(),
                notify_within: customer.notify_within,
                terms: customer.terms.clone(),
                customer_version: customer.version,
            },
        });
        self
    }
}
