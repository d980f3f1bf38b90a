//! Each rule's worked examples are what the code computes.

use crate::samples::{customer, playbooks_folder, read};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use std::collections::BTreeMap;
use watchkeeper_domain::customer::DEFAULT_LIMIT;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::obligation::{Obligation, Step};
use watchkeeper_domain::span::Span;

/// A rule's file, as far as a rule is data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    title: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    enabled: bool,
    confidence: String,
    last_verified: NaiveDate,
    source: String,
    trigger: String,
    recipients: String,
    applies_if: String,
    limit: String,
    limit_min: Option<Span>,
    limit_max: Option<Span>,
    calc: String,
    requires: Vec<String>,
    allow_unknown: bool,
    worked_examples: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    confirmed_at: DateTime<Utc>,
    limit: Span,
    due_at: DateTime<Utc>,
    steps: BTreeMap<Step, DateTime<Utc>>,
}

fn rules() -> Vec<Rule> {
    let folder = playbooks_folder().join("obligations");
    let mut rules = Vec::new();
    for entry in std::fs::read_dir(folder).expect("obligations/ stands in the repository") {
        let path = entry.expect("readable").path().join("rule.yaml");
        let rule: Rule = serde_yaml_ng::from_str(&read(&path))
            .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let folder = rule.id.replace('.', "-");
        assert!(
            path.to_string_lossy().contains(&folder),
            "{} is not the folder of {}",
            path.display(),
            rule.id
        );
        rules.push(rule);
    }
    rules
}

/// What the code owes in the example's situation.
fn owed(rule: &Rule, example: &Example) -> Obligation {
    let limit = (rule.limit == "contract").then_some(example.limit);
    Obligation::owe(
        &IncidentId::derived(&["i"]),
        &customer("acme", limit),
        example.confirmed_at,
    )
}

#[test]
fn both_contract_rules_stand_and_are_in_force() {
    let mut ids: Vec<String> = rules()
        .into_iter()
        .filter(|rule| rule.enabled)
        .map(|rule| rule.id)
        .collect();
    ids.sort();
    assert_eq!(ids, ["contract.default72", "contract.dpa"]);
}

#[test]
fn every_worked_example_is_what_the_code_computes() {
    for rule in rules() {
        assert!(rule.worked_examples.len() >= 3, "{}", rule.id);
        for example in &rule.worked_examples {
            let obligation = owed(&rule, example);
            assert_eq!(obligation.rule, rule.id, "{}", example.name);
            assert_eq!(obligation.deadline.limit, example.limit, "{}", example.name);
            assert_eq!(obligation.deadline.due_at, example.due_at, "{}", example.name);
            let steps: BTreeMap<Step, DateTime<Utc>> = Step::ALL
                .into_iter()
                .map(|step| (step, obligation.step_at(step)))
                .collect();
            assert_eq!(steps, example.steps, "{}: {}", rule.id, example.name);
        }
    }
}

#[test]
fn every_rule_says_where_it_comes_from_and_how_sure_that_is() {
    for rule in rules() {
        // V: read at the source. S: a secondary source. What is only recalled is not shipped.
        assert!(["V", "S"].contains(&rule.confidence.as_str()), "{}", rule.id);
        assert!(rule.last_verified >= rule.valid_from, "{}", rule.id);
        assert!(
            rule.valid_to.is_none_or(|end| end > rule.valid_from),
            "{}",
            rule.id
        );
        for text in [
            &rule.title,
            &rule.source,
            &rule.trigger,
            &rule.recipients,
            &rule.applies_if,
        ] {
            assert!(!text.trim().is_empty(), "{}", rule.id);
        }
        assert_eq!(rule.calc, "E", "{}: the code counts exact elapsed time", rule.id);
        assert!(
            rule.allow_unknown && rule.requires.contains(&"not_yet_known".to_owned()),
            "{}",
            rule.id
        );
    }
}

#[test]
fn the_limits_in_the_rules_are_the_limits_in_the_code() {
    for rule in rules() {
        if rule.limit == "contract" {
            let within = |span: Span| customer("acme", Some(span)).faults().is_empty();
            let (least, most) = (rule.limit_min.expect("given"), rule.limit_max.expect("given"));
            assert!(within(least) && within(most), "{}", rule.id);
            let seconds = |span: Span| u32::try_from(span.as_seconds()).expect("small");
            assert!(!within(Span::seconds(seconds(least) - 1)), "{}", rule.id);
            assert!(!within(Span::seconds(seconds(most) + 1)), "{}", rule.id);
        } else {
            assert_eq!(rule.limit.parse::<Span>(), Ok(DEFAULT_LIMIT), "{}", rule.id);
        }
    }
}
