//! What deadlines are counted on, kept as it stands when they are counted: the files of rules and calendars. What a contract says then
//! stands in the obligation.

use crate::desk::{Desk, RespondError};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::obligation::Obligation;
use watchkeeper_domain::obligation::rule::ObligationRule;
use watchkeeper_store::{RuleCounted, Tx};

pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

impl Desk {
    /// The obligation, whose deadline was counted now, with what it was counted on.
    pub(crate) fn counted_on(&self, obligation: Obligation, customer: &Customer) -> Obligation {
        let file = self.house.library.rule_file(&obligation.rule);
        let digest = file.map(|(_, text)| sha256(text));
        obligation.counted_on(customer, digest, self.now())
    }

    /// Keeps the files that what is owed for an incident is counted on from now on, where they are others than before: the rules of
    /// contracts, those of law that bind the company in it, and their calendars.
    pub(crate) async fn keep_rules_counted(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        by: &Actor,
    ) -> Result<(), RespondError> {
        let library = &self.house.library;
        let promises = library.rules.iter().filter(|rule| rule.is_promise());
        let rules: Vec<&ObligationRule> = promises.chain(incident.bound_by(&library.rules)).collect();
        let mut files: BTreeMap<&str, &str> = BTreeMap::new();
        for rule in rules {
            files.extend(library.rule_file(&rule.id));
            let calendar = format!("calendars/{}.yaml", rule.jurisdiction);
            let known = library.sources.get_key_value(&calendar);
            files.extend(known.map(|(path, text)| (path.as_str(), text.as_str())));
        }
        // The newest of each path comes last.
        let known: BTreeMap<String, String> = tx
            .rules_counted(&incident.id)
            .await?
            .into_iter()
            .map(|counted| (counted.path, counted.sha256))
            .collect();
        let mut new: BTreeMap<&str, String> = BTreeMap::new();
        for (path, text) in files {
            let digest = sha256(text);
            if known.get(path) == Some(&digest) {
                continue;
            }
            let counted = RuleCounted {
                path: path.to_owned(),
                since: self.now(),
                sha256: digest.clone(),
            };
            tx.keep_rule_counted(&incident.id, &counted, text).await?;
            new.insert(path, digest);
        }
        if new.is_empty() {
            return Ok(());
        }
        let detail = json!({"files": new});
        self.record(tx, by, "rules.counted", incident.id.as_str(), detail)
            .await
    }
}
