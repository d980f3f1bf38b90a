//! The playbooks of the repository are readable, complete, and chosen for the alerts they are meant for.

use crate::samples::{Sketch, alert, at, friday, incident_with, playbooks, playbooks_folder, read};
use std::collections::BTreeSet;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::incident::{Act, Phase, Role, Severity};
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_domain::span::Span;

fn all() -> Vec<Playbook> {
    playbooks().into_iter().map(|(_, playbook)| playbook).collect()
}

fn tagged(tags: &[&str]) -> Alert {
    let mut detection = Sketch::number(1).detection();
    detection.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Alert::open(detection, friday())
}

fn chosen(tags: &[&str]) -> Option<String> {
    Playbook::for_alert(&all(), &tagged(tags)).map(|playbook| playbook.name.clone())
}

#[test]
fn every_playbook_reads_and_is_named_like_its_file() {
    let found = playbooks();
    assert!(found.len() >= 4);
    for (file, playbook) in &found {
        assert_eq!(file, &playbook.name);
        assert_eq!(playbook.hash.len(), 64, "{file}");
    }
    let ids: BTreeSet<&str> = found.iter().map(|(_, playbook)| playbook.id.as_str()).collect();
    assert_eq!(ids.len(), found.len(), "two playbooks share an id");
}

#[test]
fn every_playbook_will_be_read_again_in_2027_and_names_a_commander() {
    for (file, playbook) in playbooks() {
        assert_eq!(playbook.review_by.format("%Y").to_string(), "2027", "{file}");
        assert!(
            playbook
                .roles
                .get(&Role::Commander)
                .is_some_and(|role| role.required),
            "{file}"
        );
        assert!(
            playbook.roles.values().all(|role| !role.duty.trim().is_empty()),
            "{file}"
        );
    }
}

#[test]
fn every_task_belongs_to_a_role_that_the_playbook_describes() {
    for (file, playbook) in playbooks() {
        for task in playbook.phases.iter().flat_map(|phase| &phase.tasks) {
            assert!(
                playbook.roles.contains_key(&task.role),
                "{file}: task `{}` is for a role without a duty",
                task.id
            );
            let csf = task
                .csf
                .as_deref()
                .unwrap_or_else(|| panic!("{file}: task `{}` has no csf", task.id));
            let sound = csf.len() == 8 && ["GV.", "ID.", "PR.", "DE.", "RS.", "RC."].contains(&&csf[..3]);
            assert!(sound, "{file}: `{csf}` is not a CSF 2.0 subcategory");
        }
    }
}

#[test]
fn phases_stand_in_their_order_and_each_asks_for_something() {
    for (file, playbook) in playbooks() {
        let phases: Vec<Phase> = playbook.phases.iter().map(|phase| phase.id).collect();
        assert!(phases.is_sorted(), "{file}");
        assert!(
            playbook.phases.iter().all(|phase| !phase.tasks.is_empty()),
            "{file}"
        );
        for needed in [
            Phase::Detect,
            Phase::Analyze,
            Phase::Contain,
            Phase::Eradicate,
            Phase::Recover,
            Phase::Learn,
        ] {
            assert!(phases.contains(&needed), "{file} lacks {}", needed.name());
        }
    }
}

#[test]
fn every_playbook_sends_from_letters_that_stand_in_the_repository() {
    for (file, playbook) in playbooks() {
        let folder = playbooks_folder()
            .join("letters")
            .join(&playbook.letters)
            .join("en");
        assert!(
            folder.join("holding.yaml").is_file(),
            "{file}: no letters in {}",
            folder.display()
        );
    }
}

#[test]
fn alerts_find_the_playbook_that_is_meant_for_them() {
    assert_eq!(
        chosen(&["attack.credential-access", "attack.t1110.004"]).as_deref(),
        Some("credential-stuffing")
    );
    assert_eq!(chosen(&["attack.t1110"]).as_deref(), Some("credential-stuffing"));
    assert_eq!(
        chosen(&["attack.t1078.004"]).as_deref(),
        Some("cloud-credential-theft")
    );
    assert_eq!(
        chosen(&["attack.t1552.005"]).as_deref(),
        Some("cloud-credential-theft")
    );
    assert_eq!(
        chosen(&["attack.t1530"]).as_deref(),
        Some("customer-data-exfiltration")
    );
    assert_eq!(
        chosen(&["attack.t1567"]).as_deref(),
        Some("customer-data-exfiltration")
    );
    assert_eq!(chosen(&["availability"]).as_deref(), Some("service-error-spike"));
    assert_eq!(
        chosen(&["attack.t1190"]).as_deref(),
        Some("web-application-attack")
    );
    assert_eq!(
        chosen(&["attack.t1562.008"]).as_deref(),
        Some("cloud-control-plane-change")
    );
    assert_eq!(chosen(&["attack.t9999"]), None);
    assert_eq!(chosen(&[]), None);
}

#[test]
fn a_playbook_for_one_detector_wins_over_one_for_a_tag() {
    let mut playbooks = all();
    let mut special = playbooks[0].clone();
    special.name = "zz-special".to_owned();
    special.matches.tags.clear();
    special.matches.detectors = vec!["mass-download".to_owned()];
    playbooks.push(special);
    let found = Playbook::for_alert(&playbooks, &alert()).map(|playbook| playbook.name.as_str());
    assert_eq!(found, Some("zz-special"));
}

#[test]
fn the_playbook_is_pinned_and_its_tasks_are_due_from_the_opening() {
    let playbook = all()
        .into_iter()
        .find(|p| p.name == "cloud-credential-theft")
        .expect("there");
    let incident = incident_with(Severity::Sev1, Some(&playbook));
    let pinned = incident.playbook.as_ref().expect("pinned");
    assert_eq!((pinned.version, &pinned.hash), (playbook.version, &playbook.hash));
    assert_eq!(pinned.disclosure_decision, Span::hours(12));
    let revoke = incident
        .tasks
        .iter()
        .find(|task| task.title.starts_with("Revoke the credential"))
        .expect("there");
    assert_eq!(revoke.due_at, Some(at("2026-06-05T14:50:00Z")));
    assert_eq!(
        incident.next_due_at(),
        Some(at("2026-06-05T14:25:00Z")),
        "sev1 is answered within five minutes"
    );
}

#[test]
fn a_playbook_with_faults_names_all_of_them() {
    let text = read(&playbooks_folder().join("service-error-spike.yaml"));
    let broken = text
        .replace("playbook--", "pb-")
        .replace("{id: change,", "{id: who,");
    let fault = Playbook::read(&broken).expect_err("two faults");
    assert!(
        fault.contains("playbook--") && fault.contains("`who` stands twice"),
        "{fault}"
    );
}

#[test]
fn a_key_that_no_playbook_has_is_refused_with_its_line() {
    let text = read(&playbooks_folder().join("service-error-spike.yaml"));
    let fault = Playbook::read(&text.replace("labels:", "lables:")).expect_err("misspelt");
    assert!(fault.contains("lables") && fault.contains("line"), "{fault}");
}

/// The names of an object's keys.
fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn the_schema_describes_the_fields_that_are_read() {
    let schema: serde_json::Value =
        serde_json::from_str(&read(&playbooks_folder().join("schema.json"))).expect("the schema is JSON");
    let playbook = all()
        .into_iter()
        .find(|p| p.name == "cloud-credential-theft")
        .expect("there");
    let mut written = serde_json::to_value(&playbook).expect("serialisable");
    written.as_object_mut().expect("an object").remove("hash");

    let properties = &schema["properties"];
    assert_eq!(keys(&written), keys(properties));
    assert_eq!(keys(&written["match"]), keys(&properties["match"]["properties"]));
    assert_eq!(
        keys(&written["timers"]),
        keys(&properties["timers"]["properties"])
    );
    assert_eq!(
        keys(&written["timers"]["acknowledge"]),
        keys(&schema["$defs"]["by_severity"]["properties"])
    );
    assert_eq!(
        keys(&written["roles"]["legal"]),
        keys(&properties["roles"]["additionalProperties"]["properties"])
    );
    assert_eq!(
        keys(&written["phases"][0]),
        keys(&properties["phases"]["items"]["properties"])
    );
    assert_eq!(
        keys(&written["phases"][0]["tasks"][0]),
        keys(&schema["$defs"]["task"]["properties"])
    );

    let phases: Vec<&str> = Phase::ALL.iter().map(|phase| phase.name()).collect();
    assert_eq!(
        properties["phases"]["items"]["properties"]["id"]["enum"],
        serde_json::json!(phases)
    );
    let roles = serde_json::to_value(Role::ALL).expect("serialisable");
    assert_eq!(schema["$defs"]["role"]["enum"], roles);
    let acts = serde_json::to_value(Act::ALL).expect("serialisable");
    assert_eq!(schema["$defs"]["task"]["properties"]["done_by"]["enum"], acts);
}
