//! Many customers put on the list at once, by whatever name an analyst's list has for them.

use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::{CustomerId, IncidentId};
use watchkeeper_domain::incident::Standing;

/// Customers that one list may name.
pub const LIST_LIMIT: usize = 50_000;

/// What a list says, and what it would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AffectedList {
    /// Customers whose standing changes.
    pub changed: Vec<ListedCustomer>,
    /// How many stand so already.
    pub unchanged: usize,
    /// What names no customer, or several.
    pub faults: Vec<ListFault>,
    /// Whether the changes were made.
    pub committed: bool,
}

/// A customer that a list names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedCustomer {
    /// Its id.
    pub id: CustomerId,
    /// Its name.
    pub name: String,
    /// What the list has for it.
    pub listed: String,
    /// How it stands before; none where it is not on the list of the incident.
    pub before: Option<Standing>,
}

/// Something in a list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListFault {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub listed: String,
    /// What is wrong with it, and what to do.
    pub detail: String,
}

/// Customers by everything that a list may call them: key, tenant, name, in any case.
struct Names<'c>(BTreeMap<String, BTreeSet<&'c CustomerId>>);

impl<'c> Names<'c> {
    fn of(customers: &'c [Customer]) -> Self {
        let mut names: BTreeMap<String, BTreeSet<&CustomerId>> = BTreeMap::new();
        for customer in customers {
            let called = customer.tenants.iter().chain([&customer.key, &customer.name]);
            for name in called {
                names.entry(name.to_lowercase()).or_default().insert(&customer.id);
            }
        }
        Self(names)
    }

    fn find(&self, called: &str) -> Option<&BTreeSet<&'c CustomerId>> {
        self.0.get(&called.to_lowercase())
    }
}

/// What stands in a list, with its line: a line is one customer, or several that commas, semicolons or tabs separate.
fn entries<'t>(text: &'t str, names: &Names<'_>) -> Vec<(usize, &'t str)> {
    let clean = |part: &'t str| part.trim().trim_matches('"').trim();
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // A name may have a comma in it.
        if names.find(clean(line)).is_some() {
            entries.push((index + 1, clean(line)));
            continue;
        }
        let parts = line
            .split([',', ';', '\t'])
            .map(clean)
            .filter(|part| !part.is_empty());
        entries.extend(parts.map(|part| (index + 1, part)));
    }
    entries
}

impl Desk {
    /// Reads a list of customers, one or several a line, by key, tenant or name; with `commit` and without faults, all of them stand
    /// as `to` from now on.
    ///
    /// # Errors
    /// Refused where the list is empty or too long; to commit, also without evidence and where nothing would change.
    pub async fn list_affected(
        &self,
        id: &IncidentId,
        (list, to): (&str, Standing),
        evidence: &str,
        commit: bool,
        by: &Actor,
    ) -> Result<AffectedList, RespondError> {
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, id, None).await?;
        let customers = tx.all_customers().await?;
        let names = Names::of(&customers);
        let listed = entries(list, &names);
        if listed.is_empty() || listed.len() > LIST_LIMIT {
            let fault = format!(
                "the list has {} entries; write one customer a line, by key, tenant or name, at most {LIST_LIMIT}",
                listed.len()
            );
            return Err(RespondError::invalid("list", fault));
        }
        let by_id: BTreeMap<&CustomerId, &Customer> = customers.iter().map(|c| (&c.id, c)).collect();
        let mut read = AffectedList {
            changed: Vec::new(),
            unchanged: 0,
            faults: Vec::new(),
            committed: false,
        };
        let mut seen = BTreeSet::new();
        for (line, called) in listed {
            let found: Vec<&&CustomerId> = names.find(called).into_iter().flatten().collect();
            let fault = |detail: &str| ListFault {
                line,
                listed: called.to_owned(),
                detail: detail.to_owned(),
            };
            let customer = match found.as_slice() {
                [] => {
                    read.faults.push(fault(
                        "no customer has this key, tenant or name; enter it under Customers, or take it off the list",
                    ));
                    continue;
                }
                [one] => **one,
                _ => {
                    read.faults.push(fault(
                        "several customers have this name; write the key of the one that is meant",
                    ));
                    continue;
                }
            };
            if !seen.insert(customer) {
                continue;
            }
            let before = incident.affected.get(customer).map(|affected| affected.standing);
            if before == Some(to) {
                read.unchanged += 1;
                continue;
            }
            read.changed.push(ListedCustomer {
                id: customer.clone(),
                name: by_id
                    .get(customer)
                    .map_or_else(String::new, |customer| customer.name.clone()),
                listed: called.to_owned(),
                before,
            });
        }
        if !commit || !read.faults.is_empty() {
            return Ok(read);
        }
        let ids: Vec<CustomerId> = read.changed.iter().map(|listed| listed.id.clone()).collect();
        let before = incident.version;
        let outcome = incident.set_all_affected(&ids, to, evidence, by, self.now())?;
        let said = Said {
            by,
            action: "affected.listed",
            detail: json!({"customers": ids, "to": to}),
        };
        self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        read.committed = true;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use watchkeeper_domain::customer::ContractTerms;

    fn customer(key: &str, name: &str, tenants: &[&str]) -> Customer {
        Customer {
            id: CustomerId::derived(&[key]),
            version: 1,
            key: key.to_owned(),
            name: name.to_owned(),
            tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
            notify_within: None,
            contract: String::new(),
            terms: ContractTerms::default(),
            tags: BTreeSet::new(),
            language: "en".to_owned(),
            paying: true,
            contacts: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_list_is_read_however_it_was_pasted() {
        let customers = [
            customer("acme", "Acme, Inc.", &["acme-prod", "acme-test"]),
            customer("globex", "Globex", &["globex"]),
        ];
        let names = Names::of(&customers);
        let read = |text: &'static str| -> Vec<(usize, &str)> { entries(text, &names) };
        assert_eq!(
            read("ACME, Inc.\n\n  \"globex\" \r\n"),
            [(1, "ACME, Inc."), (3, "globex")]
        );
        assert_eq!(
            read("acme-prod, globex;\tnobody"),
            [(1, "acme-prod"), (1, "globex"), (1, "nobody")]
        );
        assert_eq!(read(" \n,;\n"), []);
        assert!(names.find("Acme-Test").is_some() && names.find("nobody").is_none());
    }
}
