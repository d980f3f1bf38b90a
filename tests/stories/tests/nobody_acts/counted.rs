//! A contract and a rule change after a deadline was counted: the pack has both as they stood when it was.

use super::pack::{edit, exported, mend};
use super::*;
use serde_json::Value;
use std::path::Path;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::operations::customers::{ContactFacts, CustomerFacts};
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{said, unpacked, verified};

const RULE: &str = "obligations/contract-default72/rule.yaml";

/// What is added to the rule's file while the incident runs.
const LATER: &str = "# Counsel has read it again.\n";

/// The files of a folder, below another one.
fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copied(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).expect("copied");
        }
    }
}

/// The contract gets another reference and a limit that is longer than the promise: the deadline stands.
async fn the_contract_changes(house: &House) {
    let ines = house.actor(INES).await;
    let customer = house.customers().await[&VICTIMS[2].key()].clone();
    let contacts = customer.contacts.iter().map(|contact| ContactFacts {
        name: contact.name.clone(),
        email: contact.email.clone(),
        role: contact.role,
    });
    let facts = CustomerFacts {
        name: customer.name,
        tenants: customer.tenants,
        notify_within: Some(Span::hours(96)),
        contract: "MSA 2027".to_owned(),
        terms: Some(customer.terms),
        tags: None,
        language: customer.language,
        paying: None,
        contacts: contacts.collect(),
    };
    house
        .desk()
        .keep_customer(&customer.key, Some(customer.version), facts, &ines)
        .await
        .expect("changed");
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).expect("a file of the pack");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

async fn the_pack_has_contract_and_rule_as_they_were_counted_on(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let before = of(&house, &incident, VICTIMS[2]).await;
    the_contract_changes(&house).await;
    let after = of(&house, &incident, VICTIMS[2]).await;
    assert_eq!(
        after.deadline, before.deadline,
        "no edit of a contract moves it away"
    );
    // The rule's file is another one from the next start on.
    house.go_down();
    let playbooks = house.place.folder().join("playbooks");
    copied(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks"),
        &playbooks,
    );
    edit(&playbooks.join(RULE), |text| format!("{text}{LATER}"));
    house.config.playbooks.folder = Some(playbooks);
    house.come_up().await;

    let (_, bytes) = exported(&house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("counted.zip"),
        house.place.folder().join("counted"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key]);
    assert!(sound.status.success(), "{}", said(&sound));
    unpacked(&zip, &folder);
    let contracts = lines(&folder, "contracts.jsonl");
    assert_eq!(contracts.len(), VICTIMS.len());
    let theirs = contracts
        .iter()
        .find(|line| line["obligation"] == after.id.as_str())
        .expect("theirs");
    assert_eq!(theirs["kept"], true, "{theirs:#}");
    let basis = &theirs["counted_on"][0];
    assert_eq!(basis["contract"]["notify_within"], Value::Null, "{theirs:#}");
    assert_ne!(basis["contract"]["reference"], "MSA 2027", "{theirs:#}");
    assert_eq!(theirs["contract_today"]["reference"], "MSA 2027");
    assert_eq!(theirs["contract_today"]["notify_within"], "96h");
    let digest = basis["rule_sha256"].as_str().expect("the rule's file");
    let then = std::fs::read_to_string(folder.join(format!("rules-counted/{digest}.yaml")));
    let today = std::fs::read_to_string(folder.join("rules").join(RULE)).expect("today's");
    assert_eq!(format!("{}{LATER}", then.expect("the rule then")), today);
    let rules = lines(&folder, "rules-counted.jsonl");
    let of_rule = |path: &str| {
        rules
            .iter()
            .find(|line| line["path"] == path)
            .map(|line| line["stands_today"] == true)
    };
    assert_eq!(of_rule(RULE), Some(false), "{rules:#?}");
    assert_eq!(of_rule("calendars/UTC.yaml"), Some(true), "{rules:#?}");
    what_is_changed_is_found(&zip, &folder, &key, digest);
    house.verified_audit().await;
}

fn what_is_changed_is_found(zip: &Path, folder: &Path, key: &str, digest: &str) {
    let file = format!("rules-counted/{digest}.yaml");
    type Change = fn(String) -> String;
    let changes: [(&str, &str, Change); 4] = [
        ("contracts.jsonl", "has another contract", |text| {
            text.replacen("\"counts_from\":\"confirmed\"", "\"counts_from\":\"aware\"", 1)
        }),
        ("contracts.jsonl", "is missing", |text| {
            text.split_once('\n').expect("lines").1.to_owned()
        }),
        ("rules-counted.jsonl", "and it is missing", |_| String::new()),
        (&file, "is not the file that was counted on", |text| {
            text.replacen("72 E", "96 E", 1)
        }),
    ];
    for (name, found, change) in changes {
        unpacked(zip, folder);
        edit(&folder.join(name), change);
        mend(folder);
        let broken = verified(folder, &["--key", key]);
        assert!(!broken.status.success(), "{name}: {}", said(&broken));
        assert!(said(&broken).contains(found), "{name}: {}", said(&broken));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pack_has_contract_and_rule_as_they_were_counted_on_on_sqlite() {
    the_pack_has_contract_and_rule_as_they_were_counted_on(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pack_has_contract_and_rule_as_they_were_counted_on_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        the_pack_has_contract_and_rule_as_they_were_counted_on(place).await;
    }
}
