//! The rules and calendars that ship are sound, and each rule's worked examples are what the code computes.

use crate::samples::{customer, playbooks_folder, read};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::PathBuf;
use watchkeeper_domain::customer::ClockStart;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::obligation::calendar::Calendar;
use watchkeeper_domain::obligation::rule::{Moment, ObligationRule};
use watchkeeper_domain::obligation::{Obligation, Step};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = playbooks_folder().join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("it stands in the repository")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

pub(crate) fn rules() -> Vec<ObligationRule> {
    let mut rules = Vec::new();
    for folder in files("obligations") {
        let path = folder.join("rule.yaml");
        let rule: ObligationRule = serde_yaml_ng::from_str(&read(&path))
            .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert_eq!(
            folder.file_name().and_then(|name| name.to_str()),
            Some(&*rule.id.replace('.', "-")),
            "the folder is called as its rule"
        );
        rules.push(rule);
    }
    rules
}

pub(crate) fn calendars() -> BTreeMap<String, Calendar> {
    let calendars = files("calendars").into_iter().map(|path| {
        let calendar: Calendar = serde_yaml_ng::from_str(&read(&path))
            .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert_eq!(
            path.file_stem().and_then(|name| name.to_str()),
            Some(&*calendar.jurisdiction),
            "the file is called as its jurisdiction"
        );
        (calendar.jurisdiction.clone(), calendar)
    });
    calendars.collect()
}

#[test]
fn only_the_promises_to_customers_and_the_register_are_in_force_until_counsel_enables_more() {
    let ids: Vec<String> = rules()
        .into_iter()
        .filter(|rule| rule.enabled)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(ids, ["contract.default72", "contract.dpa", "gdpr.33_5"]);
}

#[test]
fn every_rule_is_sound_and_computes_what_its_worked_examples_say() {
    let calendars = calendars();
    assert!(rules().len() >= 30);
    for rule in rules() {
        assert_eq!(rule.faults(&calendars), Vec::<String>::new(), "{}", rule.id);
        let day = rule.last_verified;
        assert!(rule.in_force(day), "{} is not in force any more", rule.id);
    }
}

#[test]
fn what_is_owed_to_customers_is_what_the_contract_rules_say_with_the_whole_ladder() {
    let mut examples = 0;
    for rule in rules().into_iter().filter(ObligationRule::is_promise) {
        assert!(rule.worked_examples.len() >= 3, "{}", rule.id);
        for example in &rule.worked_examples {
            examples += 1;
            let owed = Obligation::owe(
                &IncidentId::derived(&["i"]),
                &customer("acme", example.contract),
                ClockStart::confirmed(example.moments[&Moment::Confirmed]),
            );
            assert_eq!(owed.rule, rule.id, "{}", example.name);
            assert_eq!(
                Some(owed.deadline.due_at),
                example.due["notice"],
                "{}",
                example.name
            );
            let ladder: BTreeMap<Step, DateTime<Utc>> = Step::ALL
                .into_iter()
                .map(|step| (step, owed.step_at(step)))
                .collect();
            assert_eq!(ladder, example.ladder, "{}: {}", rule.id, example.name);
        }
        let phase = &rule.phases[0];
        assert!(
            phase.allow_unknown && phase.requires.contains(&"not_yet_known".to_owned()),
            "{}: a notice says what is not yet known",
            rule.id
        );
    }
    assert!(examples >= 6);
}

/// The clocks of customers are counted by the domain: a file that says otherwise would be shown, and not be kept.
#[test]
fn the_promise_to_everybody_is_shown_as_it_is_counted_or_not_at_all() {
    let file = read(&playbooks_folder().join("obligations/contract-default72/rule.yaml"));
    let faults = |text: &str| {
        let rule: ObligationRule = serde_yaml_ng::from_str(text).expect("it can be read");
        let faults = rule.faults(&calendars());
        faults
            .iter()
            .any(|fault| fault.starts_with("phases: this promise"))
    };
    assert!(!faults(&file));
    for (from, to) in [
        ("within: 72 E", "within: 48 E"),
        ("within: 72 E", "within: 3 CD"),
        ("within: 72 E", "within: contract"),
        ("from: confirmed", "from: aware"),
    ] {
        let changed = file.replacen(from, to, 1);
        assert_ne!(changed, file, "{from}");
        assert!(faults(&changed), "{to}");
    }
}

#[test]
fn a_rule_with_faults_names_each_of_them_and_what_to_write() {
    let mut rule = rules()
        .into_iter()
        .find(|rule| rule.id == "eu.dora")
        .expect("it ships");
    rule.title.clear();
    rule.jurisdiction = "Mars".to_owned();
    rule.phases.swap(0, 2);
    rule.phases[1].id = "final".to_owned();
    rule.worked_examples.clear();
    let faults = rule.faults(&calendars()).join("\n");
    for told in [
        "title: is empty",
        "there is no calendar `Mars`; known are AU,",
        "phases[0].from: no phase before it is called `intermediate`",
        "phases[1].id: `final` is taken",
        "worked_examples: there is none",
    ] {
        assert!(faults.contains(told), "{told}: {faults}");
    }
    let yaml = read(&playbooks_folder().join("obligations/eu-dora/rule.yaml"));
    for (from, to, told) in [
        ("from: classified", "from: clasified", "nothing to count from"),
        ("within: 4 EUh", "within: 4 hours", "such as `72 E`"),
        ("within: 4 EUh", "within: 0 EUh", "such as `72 E`"),
        ("confidence: S", "confidence: R", "unknown variant `R`"),
        ("recipients:", "receivers:", "unknown field `receivers`"),
    ] {
        let fault = serde_yaml_ng::from_str::<ObligationRule>(&yaml.replacen(from, to, 1)).expect_err(told);
        assert!(fault.to_string().contains(told), "{fault}");
    }
}
