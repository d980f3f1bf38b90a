//! A bad rule is set aside with its file, line, key and what is allowed; the others run.

mod support;

use support::{detection, rule};
use watchkeeper_detect::{DetectorSet, Limits, Quarantined, RuleFile};
use watchkeeper_domain::event::EntityFields;

fn load(text: &str) -> DetectorSet {
    DetectorSet::load([rule(text)], EntityFields::default(), Limits::default())
}

/// The faults of a text, each as line, key and reason.
fn faults(text: &str) -> Vec<(usize, String, String)> {
    let told = |fault: &Quarantined| {
        (
            fault.line.unwrap_or(0),
            fault.key.clone().unwrap_or_default(),
            fault.reason.clone(),
        )
    };
    load(text).quarantined().iter().map(told).collect()
}

/// The single fault of a text.
fn fault(text: &str) -> (usize, String, String) {
    let mut faults = faults(text);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.remove(0)
}

const BASE: &str =
    "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n---\n";

fn correlation(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("{BASE}title: Count\ncorrelation:\n{body}")
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_key_that_was_meant() {
    let (line, key, reason) = fault(
        "title: T\nlogsouce: {product: app}\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n",
    );
    assert_eq!((line, key.as_str()), (2, "logsouce"));
    assert!(
        reason.contains("did you mean `logsource`") && reason.contains("`falsepositives`"),
        "{reason}"
    );
}

#[test]
fn group_by_with_an_underscore_does_not_pass_for_group_by() {
    let (line, key, reason) = fault(&correlation(
        "type: event_count\nrules: [base]\ngroup_by: [ip]\ntimespan: 5m\ncondition: {gte: 5}",
    ));
    assert_eq!((line, key.as_str()), (12, "correlation.group_by"));
    assert!(reason.contains("did you mean `group-by`"), "{reason}");
}

#[test]
fn an_unknown_modifier_is_told_at_its_line_with_those_that_are_allowed() {
    let (line, key, reason) = fault(&detection("s:\n  a: 1\n  b|contians: x\ncondition: s"));
    assert_eq!((line, key.as_str()), (8, "detection.s.b|contians"));
    assert!(reason.contains("`contains`"), "{reason}");
}

#[test]
fn a_bad_value_is_told_at_the_line_of_the_value() {
    let (line, _, reason) = fault(&detection(
        "s:\n  ip|cidr:\n    - 10.0.0.0/8\n    - 10.0.0.0/80\ncondition: s",
    ));
    assert_eq!(line, 9);
    assert!(reason.contains("10.0.0.0/80"), "{reason}");
    let (line, _, reason) = fault(&detection(
        "s:\n  a|re:\n    - 'ok'\n    - '(?<=x)y'\ncondition: s",
    ));
    assert_eq!(line, 9);
    assert!(reason.contains("look-around"), "{reason}");
}

#[test]
fn every_fault_of_a_rule_is_told_at_once_and_the_other_rules_run() {
    let bad = "title: Bad\nlevel: severe\nlogsource: {product: app, servce: x}\ndetection:\n  s: {a|foo: 1}\n  condition: t\n";
    let text = format!("{bad}---\n{}", detection("s: {a: 1}\ncondition: s"));
    let set = load(&text);
    let lines: Vec<_> = set
        .quarantined()
        .iter()
        .map(|fault| fault.line.unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 5, 6]);
    assert!(
        set.quarantined()
            .iter()
            .all(|fault| fault.rule.as_deref() == Some("Bad"))
    );
    assert_eq!(set.detectors().len(), 1);
}

#[test]
fn a_text_that_is_not_yaml_leaves_the_other_documents_alone() {
    let text = format!("title: [\n---\n{}", detection("s: {a: 1}\ncondition: s"));
    let set = load(&text);
    assert_eq!((set.detectors().len(), set.quarantined().len()), (1, 1));
    assert!(set.quarantined()[0].line.unwrap() <= 2);
}

#[test]
fn a_reference_to_no_rule_sets_aside_that_correlation_alone() {
    let text = correlation("type: event_count\nrules:\n  - base\n  - bse\ntimespan: 5m\ncondition: {gte: 5}");
    let (line, key, reason) = fault(&text);
    assert_eq!((line, key.as_str()), (13, "correlation.rules"));
    assert!(reason.contains("`bse`"), "{reason}");
    let set = load(&text);
    assert!(
        set.detectors().len() == 1 && set.detectors()[0].fires,
        "what nothing counts fires by itself"
    );
}

#[test]
fn a_correlation_says_what_it_lacks() {
    let (_, key, reason) = fault(&correlation("type: temporal\nrules: [base]\ntimespan: 5m"));
    assert!(
        key == "correlation.type" && reason.contains("`value_count`"),
        "{reason}"
    );
    let told = faults(&correlation(
        "type: value_count\nrules: [base]\ntimespan: 5 min\ncondition: {gte: few}",
    ));
    let keys: Vec<_> = told.iter().map(|(_, key, _)| key.as_str()).collect();
    let expected = [
        "correlation.condition.field",
        "correlation.condition.gte",
        "correlation.condition",
        "correlation.timespan",
    ];
    assert_eq!(keys, expected);
    let told = faults(&correlation(
        "type: ratio\nrules: [base]\nof: [base]\ntimespan: 5m\ncondition: {gte: 20}",
    ));
    let keys: Vec<_> = told.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "correlation.condition.gte",
            "correlation.condition.min-events",
            "correlation.condition.min-matches"
        ]
    );
}

#[test]
fn two_rules_with_one_id_are_not_both_run() {
    let file = |path: &str| RuleFile {
        path: path.into(),
        text: detection("s: {a: 1}\ncondition: s"),
    };
    let set = DetectorSet::load(
        [file("a.yml"), file("b.yml")],
        EntityFields::default(),
        Limits::default(),
    );
    assert_eq!(set.detectors().len(), 1);
    let fault = &set.quarantined()[0];
    assert_eq!((fault.path.as_str(), fault.line), ("b.yml", Some(2)));
    assert!(fault.reason.contains("a.yml:1"), "{}", fault.reason);
}

#[test]
fn what_sigma_removed_is_told_with_what_replaced_it() {
    let (line, _, reason) = fault(&detection("s: {a: 1}\ncondition: s | count() by ip > 5"));
    assert!(line == 7 && reason.contains("event_count"), "{reason}");
    let (_, key, reason) = fault(&detection("s: {a: 1}\ntimeframe: 5m\ncondition: s"));
    assert!(
        key == "detection.timeframe" && reason.contains("timespan"),
        "{reason}"
    );
}

#[test]
fn a_selection_that_would_match_everything_is_refused() {
    assert!(fault(&detection("s: {}\ncondition: s")).2.contains("every event"));
    assert!(
        fault(&detection("s: ['']\ncondition: s"))
            .2
            .contains("every event")
    );
    assert!(fault(&detection("s: {a: []}\ncondition: s")).2.contains("empty"));
}

#[test]
fn a_fault_reads_as_one_line() {
    let set = load(&detection("s: {a|foo: 1}\ncondition: s"));
    let told = set.quarantined()[0].to_string();
    assert!(
        told.starts_with("rule.yml:6: `detection.s.a|foo`: the modifier `foo` is not known"),
        "{told}"
    );
}
