//! Customers: kept one by one, or imported from a list of the company's own.
//!
//! An import is looked at before it is committed: every fault is named with its line and field, and nothing is committed while there
//! is one. The audit log holds ids and names of fields; whom to tell stays in the customer.

use crate::desk::{Desk, Fault, RespondError};
use crate::operations::customer_entries;
use crate::operations::customer_rows::{self, Row};
use crate::settle::must_be_read;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::{Contact, ContactRole, ContractTerms, Customer};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::span::Span;
use watchkeeper_store::Tx;

/// The largest list that is imported at once, in bytes.
pub const IMPORT_LIMIT: usize = 10 * 1024 * 1024;

/// What is kept of a customer, as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerFacts {
    /// Its name.
    pub name: String,
    /// Its tenant identifiers in the product.
    #[serde(default)]
    pub tenants: BTreeSet<String>,
    /// The contract's limit; left out, the promise of 72 hours holds.
    #[serde(default)]
    pub notify_within: Option<Span>,
    /// The contract's reference.
    #[serde(default)]
    pub contract: String,
    /// What the contract says beside that; left out, it stays as it is.
    #[serde(default)]
    pub terms: Option<ContractTerms>,
    /// The company's own words for it; left out, they stay as they are.
    #[serde(default)]
    pub tags: Option<BTreeSet<String>>,
    /// Language of letters, BCP 47.
    #[serde(default = "english")]
    pub language: String,
    /// Whether it pays, so that it is told of changes; left out, it stays as it is, and a new customer pays.
    #[serde(default)]
    pub paying: Option<bool>,
    /// Whom to tell.
    pub contacts: Vec<ContactFacts>,
}

fn english() -> String {
    "en".to_owned()
}

/// Somebody to tell, as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactFacts {
    /// The person's or team's name.
    #[serde(default)]
    pub name: String,
    /// Where to.
    pub email: String,
    /// What they are.
    pub role: ContactRole,
}

/// What an import does, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Lines of the list, without its header.
    pub rows: u64,
    /// Customers that are new.
    pub added: Vec<Added>,
    /// Customers that change.
    pub changed: Vec<Changed>,
    /// Customers that stay as they are.
    pub unchanged: u64,
    /// Everything that is wrong, by line.
    pub faults: Vec<LineFault>,
    /// Whether it was committed.
    pub committed: bool,
}

/// A customer that is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The company's own key.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// A customer that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The company's own key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Field by field, for people: `notify_within: 72h → 24h`.
    pub changes: Vec<String>,
}

/// One thing that is wrong with a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LineFault {
    /// The line, counted from 1, the header included; of a list in JSON the entry, counted from 1.
    pub line: u64,
    /// The column.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub detail: String,
}

/// A customer as it will stand, with what stands now.
struct Pending {
    before: Option<Customer>,
    after: Customer,
}

impl Desk {
    /// Adds the customer with this key, or changes it.
    ///
    /// # Errors
    /// Every fault of what was sent; a tenant of another customer; another version than `read` stands.
    pub async fn keep_customer(
        &self,
        key: &str,
        read: Option<i64>,
        facts: CustomerFacts,
        by: &Actor,
    ) -> Result<Customer, RespondError> {
        let mut tx = self.begin().await?;
        let before = tx.customer_by_key(key).await?;
        if let Some(before) = &before {
            must_be_read(read, before.version, "customer", key)?;
        }
        let after = as_kept(key, facts, before.as_ref(), self.now());
        let faults = faults_of(&after);
        if !faults.is_empty() {
            return Err(RespondError::Invalid(faults));
        }
        let pending = Pending { before, after };
        if let Some(same) = pending.before.as_ref().filter(|_| pending.changes().is_empty()) {
            return Ok(same.clone());
        }
        self.keep(&mut tx, &pending, by).await?;
        self.follow_customers(&mut tx, std::slice::from_ref(&pending.after.id), by)
            .await?;
        self.commit(tx).await?;
        Ok(pending.after)
    }

    /// Imports a list in CSV, or in JSON where it begins with `[`; without `commit`, only says what would happen.
    ///
    /// # Errors
    /// When the list is too large, or the store cannot be read or written. What is wrong with the list is part of the answer.
    pub async fn import_customers(
        &self,
        list: &[u8],
        commit: bool,
        by: &Actor,
    ) -> Result<Import, RespondError> {
        if list.len() > IMPORT_LIMIT {
            let detail = format!(
                "the list has {} bytes; import at most {IMPORT_LIMIT} at once",
                list.len()
            );
            return Err(RespondError::invalid("body", detail));
        }
        let (rows, mut faults) = if customer_entries::is_json(list) {
            customer_entries::read(list)
        } else {
            customer_rows::read(list)
        };
        let mut tx = if commit {
            self.begin().await?
        } else {
            self.store.read().await?
        };
        let standing: BTreeMap<String, Customer> = tx
            .all_customers()
            .await?
            .into_iter()
            .map(|customer| (customer.key.clone(), customer))
            .collect();
        let pending: Vec<Pending> = rows.iter().map(|row| self.pending(row, &standing)).collect();
        for (row, pending) in rows.iter().zip(&pending) {
            let found = faults_of(&pending.after).into_iter();
            faults.extend(found.map(|fault| LineFault {
                line: row.line,
                field: row.column(&fault.field),
                detail: fault.detail,
            }));
        }
        faults.extend(tenants_with_two_owners(&rows, &pending, &standing));
        faults.sort();
        faults.dedup();
        let mut import = summary(&pending, faults);
        if commit && import.faults.is_empty() {
            self.keep_all(&mut tx, &pending, by).await?;
            let changed = pending.iter().filter(|change| !change.changes().is_empty());
            let changed: Vec<CustomerId> = changed.map(|change| change.after.id.clone()).collect();
            self.follow_customers(&mut tx, &changed, by).await?;
            let digest = hex::encode(Sha256::digest(list));
            let detail = json!({"rows": import.rows, "added": import.added.len(), "changed": import.changed.len(), "sha256": digest});
            self.record(&mut tx, by, "customers.imported", "customers", detail)
                .await?;
            self.commit(tx).await?;
            import.committed = true;
        }
        Ok(import)
    }

    fn pending(&self, row: &Row, standing: &BTreeMap<String, Customer>) -> Pending {
        let before = standing.get(&row.key).cloned();
        let after = as_kept(&row.key, row.facts(before.as_ref()), before.as_ref(), self.now());
        Pending { before, after }
    }

    /// Keeps what changes. A tenant that moves from one customer to another is first given up by the one, whatever the order of
    /// the list.
    async fn keep_all(&self, tx: &mut Tx, pending: &[Pending], by: &Actor) -> Result<(), RespondError> {
        let mut versions: BTreeMap<CustomerId, i64> = BTreeMap::new();
        for change in pending {
            let Some(before) = &change.before else { continue };
            let kept: BTreeSet<String> = before
                .tenants
                .intersection(&change.after.tenants)
                .cloned()
                .collect();
            if kept.len() < before.tenants.len() {
                let released = Customer {
                    tenants: kept,
                    version: before.version + 1,
                    ..before.clone()
                };
                tx.upsert_customer(&released, Some(before.version)).await?;
                versions.insert(released.id, released.version);
            }
        }
        for change in pending.iter().filter(|change| !change.changes().is_empty()) {
            let released = versions.get(&change.after.id).copied();
            let before = change.before.as_ref().map(|before| Customer {
                version: released.unwrap_or(before.version),
                ..before.clone()
            });
            let version = before.as_ref().map_or(1, |before| before.version + 1);
            let after = Customer {
                version,
                ..change.after.clone()
            };
            self.keep(tx, &Pending { before, after }, by).await?;
        }
        Ok(())
    }

    async fn keep(&self, tx: &mut Tx, pending: &Pending, by: &Actor) -> Result<(), RespondError> {
        let Pending { before, after } = pending;
        tx.upsert_customer(after, before.as_ref().map(|before| before.version))
            .await?;
        let action = if before.is_some() {
            "customer.changed"
        } else {
            "customer.added"
        };
        let detail = json!({"fields": pending.fields(), "version": after.version});
        self.record(tx, by, action, after.id.as_str(), detail).await
    }
}

/// The customer that facts make of what stands. What is known of an address stays with it: since when we
/// have it, when somebody last made sure that it reaches them, and what is wrong with it.
fn as_kept(key: &str, facts: CustomerFacts, before: Option<&Customer>, now: DateTime<Utc>) -> Customer {
    let known = |email: &str| {
        let contacts = before
            .map(|before| before.contacts.as_slice())
            .unwrap_or_default();
        contacts.iter().find(|contact| contact.email == email)
    };
    let contacts = facts.contacts.into_iter().map(|contact| {
        let email = contact.email.trim().to_owned();
        let name = contact.name.trim();
        let name = if name.is_empty() {
            email.clone()
        } else {
            name.to_owned()
        };
        let known = known(&email);
        Contact {
            name,
            added_at: known.map_or(Some(now), |known| known.added_at),
            verified_at: known.and_then(|known| known.verified_at),
            trouble: known.and_then(|known| known.trouble.clone()),
            email,
            role: contact.role,
        }
    });
    Customer {
        id: before.map_or_else(|| CustomerId::derived(&[key]), |before| before.id.clone()),
        version: before.map_or(1, |before| before.version + 1),
        key: key.to_owned(),
        name: facts.name.trim().to_owned(),
        tenants: facts
            .tenants
            .iter()
            .map(|tenant| tenant.trim().to_owned())
            .filter(|tenant| !tenant.is_empty())
            .collect(),
        notify_within: facts.notify_within,
        contract: facts.contract.trim().to_owned(),
        terms: facts
            .terms
            .or_else(|| before.map(|before| before.terms.clone()))
            .unwrap_or_default(),
        tags: facts
            .tags
            .or_else(|| before.map(|before| before.tags.clone()))
            .unwrap_or_default()
            .iter()
            .map(|tag| tag.trim().to_owned())
            .collect(),
        language: facts.language.trim().to_owned(),
        paying: facts
            .paying
            .unwrap_or_else(|| before.is_none_or(|before| before.paying)),
        contacts: contacts.collect(),
        created_at: before.map_or(now, |before| before.created_at),
        updated_at: now,
    }
}

/// Everything that is wrong with a customer, by field.
fn faults_of(customer: &Customer) -> Vec<Fault> {
    let mut faults: Vec<Fault> = customer.faults().iter().map(|text| split(text)).collect();
    let mut add = |field: &str, detail: String| {
        faults.push(Fault {
            field: field.to_owned(),
            detail,
        })
    };
    let sound_language = (2..=35).contains(&customer.language.len())
        && customer
            .language
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !sound_language {
        add(
            "language",
            format!(
                "`{}` is not a language; write its BCP 47 tag, such as `en` or `de-AT`",
                customer.language
            ),
        );
    }
    if customer.contract.len() > 500 {
        add(
            "contract",
            format!(
                "the reference has {} bytes; write at most 500",
                customer.contract.len()
            ),
        );
    }
    if let Some(long) = customer.tenants.iter().find(|tenant| tenant.len() > 200) {
        add(
            "tenants",
            format!("a tenant identifier has {} bytes; write at most 200", long.len()),
        );
    }
    if let Some(long) = customer.contacts.iter().find(|contact| contact.name.len() > 300) {
        add(
            "contacts",
            format!(
                "a contact's name has {} bytes; write at most 300",
                long.name.len()
            ),
        );
    }
    let texts = [
        ("key", &customer.key),
        ("name", &customer.name),
        ("contract", &customer.contract),
    ];
    for (field, _) in texts
        .iter()
        .filter(|(_, text)| text.chars().any(char::is_control))
    {
        add(
            field,
            "it holds line breaks or control characters; write one line".to_owned(),
        );
    }
    faults
}

/// The domain names the field first: `name: write the customer's name`.
fn split(text: &str) -> Fault {
    let (field, detail) = text.split_once(": ").unwrap_or(("", text));
    Fault {
        field: field.to_owned(),
        detail: detail.to_owned(),
    }
}

/// Tenants that two customers would have when everything is imported.
fn tenants_with_two_owners(
    rows: &[Row],
    pending: &[Pending],
    standing: &BTreeMap<String, Customer>,
) -> Vec<LineFault> {
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let mut owners: BTreeMap<&str, &Customer> = BTreeMap::new();
    for customer in standing
        .values()
        .filter(|customer| !listed.contains(customer.key.as_str()))
    {
        owners.extend(customer.tenants.iter().map(|tenant| (tenant.as_str(), customer)));
    }
    let mut faults = Vec::new();
    for (row, pending) in rows.iter().zip(pending) {
        for tenant in &pending.after.tenants {
            let Some(owner) = owners
                .insert(tenant, &pending.after)
                .filter(|owner| owner.key != row.key)
            else {
                continue;
            };
            let detail = format!(
                "tenant `{tenant}` belongs to {} (key `{}`) already; a tenant has one customer",
                owner.name, owner.key
            );
            faults.push(LineFault {
                line: row.line,
                field: "tenants".to_owned(),
                detail,
            });
        }
    }
    faults
}

fn summary(pending: &[Pending], faults: Vec<LineFault>) -> Import {
    let mut import = Import {
        rows: pending.len() as u64,
        faults,
        ..Import::default()
    };
    for one in pending {
        let (key, name) = (one.after.key.clone(), one.after.name.clone());
        let changes = one.changes();
        match &one.before {
            None => import.added.push(Added { key, name }),
            Some(_) if changes.is_empty() => import.unchanged += 1,
            Some(_) => import.changed.push(Changed { key, name, changes }),
        }
    }
    import
}

impl Pending {
    /// The fields that differ, each with what it was and becomes, for people.
    fn differences(&self) -> Vec<(&'static str, String)> {
        let new = Customer {
            name: String::new(),
            tenants: BTreeSet::new(),
            contacts: Vec::new(),
            language: String::new(),
            contract: String::new(),
            terms: ContractTerms::default(),
            tags: BTreeSet::new(),
            notify_within: None,
            paying: true,
            ..self.after.clone()
        };
        let before = self.before.as_ref().unwrap_or(&new);
        let after = &self.after;
        let limit = |customer: &Customer| {
            customer
                .notify_within
                .map_or_else(|| "72h by default".to_owned(), |span| span.to_string())
        };
        let mut found = Vec::new();
        let mut compare = |field, from: String, to: String| {
            if from != to {
                found.push((
                    field,
                    format!("{field}: {} → {}", or_nothing(&from), or_nothing(&to)),
                ));
            }
        };
        compare("name", before.name.clone(), after.name.clone());
        compare("tenants", joined(&before.tenants), joined(&after.tenants));
        compare("notify_within", limit(before), limit(after));
        compare("contract", before.contract.clone(), after.contract.clone());
        compare(
            "counts_from",
            before.terms.counts_from.name().to_owned(),
            after.terms.counts_from.name().to_owned(),
        );
        compare("recipients", roles(before), roles(after));
        compare(
            "channel",
            before.terms.channel.name().to_owned(),
            after.terms.channel.name().to_owned(),
        );
        compare("tags", joined(&before.tags), joined(&after.tags));
        compare("language", before.language.clone(), after.language.clone());
        compare("paying", yes_or_no(before.paying), yes_or_no(after.paying));
        compare("contacts", contacts(before), contacts(after));
        found
    }

    fn changes(&self) -> Vec<String> {
        self.differences().into_iter().map(|(_, text)| text).collect()
    }

    fn fields(&self) -> Vec<&'static str> {
        self.differences().into_iter().map(|(field, _)| field).collect()
    }
}

fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
}

fn roles(customer: &Customer) -> String {
    let roles = customer.terms.recipients.iter();
    roles.map(|role| role.name()).collect::<Vec<_>>().join("; ")
}

fn contacts(customer: &Customer) -> String {
    let one = |contact: &Contact| format!("{} {} <{}>", contact.role.name(), contact.name, contact.email);
    customer.contacts.iter().map(one).collect::<Vec<_>>().join("; ")
}
