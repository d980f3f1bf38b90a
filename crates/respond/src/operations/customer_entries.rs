//! Lists of customers in JSON: an array of customers, each with its key, in the fields of the API. Takes bytes, gives rows and everything
//! that is wrong with them, by entry and field.

use crate::operations::customer_rows::{Faults, ROWS_LIMIT, Row};
use crate::operations::customers::{ContactFacts, LineFault};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::customer::{ContactRole, ContractTerms};
use watchkeeper_domain::span::Span;

/// One customer of a list. What is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    name: String,
    tenants: Option<BTreeSet<String>>,
    /// `null` is the promise of 72 hours.
    #[serde(default, deserialize_with = "said")]
    notify_within: Option<Option<Span>>,
    contract: Option<String>,
    terms: Option<ContractTerms>,
    tags: Option<BTreeSet<String>>,
    language: Option<String>,
    paying: Option<bool>,
    contacts: Option<Vec<ContactFacts>>,
}

/// Tells `null` from what is left out.
fn said<'d, D: Deserializer<'d>, T: Deserialize<'d>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Whether a list is one in JSON.
pub(crate) fn is_json(list: &[u8]) -> bool {
    list.trim_ascii_start().starts_with(b"[")
}

/// Reads a list. An entry that is no customer is a fault; the others are given.
pub(crate) fn read(list: &[u8]) -> (Vec<Row>, Vec<LineFault>) {
    let mut faults = Faults::default();
    let entries: Vec<serde_json::Value> = match serde_json::from_slice(list) {
        Ok(entries) => entries,
        Err(fault) => {
            let line = u64::try_from(fault.line()).unwrap_or(u64::MAX);
            faults.add(line, "body", format!("the list is not a JSON array: {fault}"));
            return (Vec::new(), faults.found());
        }
    };
    if entries.len() > ROWS_LIMIT {
        let detail = format!("the list has more than {ROWS_LIMIT} customers; cut it into several");
        faults.add(1, "body", detail);
        return (Vec::new(), faults.found());
    }
    if entries.is_empty() {
        faults.add(1, "body", "there is no customer in the list");
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for (number, entry) in (1..).zip(entries) {
        match serde_path_to_error::deserialize::<_, Entry>(entry) {
            Ok(entry) => match seen.insert(entry.key.clone(), number) {
                None => rows.push(row(number, entry)),
                Some(earlier) => {
                    let detail = format!("`{}` is entry {earlier} already; one entry a customer", entry.key);
                    faults.add(number, "key", detail);
                }
            },
            Err(fault) => {
                let field = match fault.path().to_string() {
                    path if path == "." => "entry".to_owned(),
                    path => path,
                };
                faults.add(number, &field, fault.into_inner().to_string());
            }
        }
    }
    (rows, faults.found())
}

fn row(number: u64, entry: Entry) -> Row {
    let mut contacts = BTreeMap::new();
    if let Some(listed) = entry.contacts {
        contacts = ContactRole::ALL.map(|role| (role, Vec::new())).into();
        for contact in listed {
            contacts
                .entry(contact.role)
                .or_insert_with(Vec::new)
                .push(contact);
        }
    }
    let terms = entry.terms.as_ref();
    Row {
        line: number,
        key: entry.key,
        name: entry.name,
        tenants: entry.tenants,
        notify_within: entry.notify_within,
        contract: entry.contract,
        counts_from: terms.map(|terms| terms.counts_from),
        recipients: terms.map(|terms| terms.recipients.clone()),
        channel: terms.map(|terms| terms.channel),
        tags: entry.tags,
        language: entry.language,
        paying: entry.paying,
        contacts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_domain::customer::{Channel, CountsFrom};

    #[test]
    fn a_list_is_read_and_what_is_left_out_stays() {
        let (rows, faults) = read(
            br#" [{"key": "acme", "name": "Acme", "notify_within": "24h", "tags": ["health"],
                  "terms": {"counts_from": "aware", "recipients": ["legal"], "channel": "phone"},
                  "contacts": [{"email": "dpo@acme.example", "role": "legal"}]},
                 {"key": "beta", "name": "Beta", "notify_within": null}]"#,
        );
        assert_eq!(faults, []);
        let acme = rows[0].facts(None);
        let terms = acme.terms.expect("it has terms");
        assert_eq!(
            (terms.counts_from, terms.channel),
            (CountsFrom::Aware, Channel::Phone)
        );
        assert_eq!(terms.recipients, BTreeSet::from([ContactRole::Legal]));
        assert_eq!(acme.contacts[0].email, "dpo@acme.example");
        assert_eq!(
            rows[1].notify_within,
            Some(None),
            "the contract has no limit any more"
        );
        assert!(rows[1].contacts.is_empty() && rows[1].tags.is_none());
    }

    #[test]
    fn every_fault_is_named_with_its_entry_and_field() {
        let (rows, faults) = read(
            br#"[{"key": "a", "name": "A", "terms": {"channel": "pigeon"}}, {"key": "b"}, {"key": "c", "name": "C", "colour": 1},
                 {"key": "d", "name": "D"}, {"key": "d", "name": "D again"}, 7]"#,
        );
        assert_eq!(rows.len(), 1);
        let found: Vec<(u64, &str)> = faults.iter().map(|f| (f.line, f.field.as_str())).collect();
        assert_eq!(
            found,
            [
                (1, "terms.channel"),
                (2, "entry"),
                (3, "colour"),
                (5, "key"),
                (6, "entry")
            ],
            "{faults:?}"
        );
        assert!(faults[0].detail.contains("expected one of `email`"), "{faults:?}");
        assert!(faults[1].detail.contains("missing field `name`"), "{faults:?}");
    }

    #[test]
    fn what_is_no_array_or_empty_is_a_fault() {
        assert_eq!((read(b"[{]").1.len(), read(b"[]").1.len()), (1, 1));
        assert!(is_json(b" \n[") && !is_json(b"key,name"));
    }
}
