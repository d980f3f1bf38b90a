//! Why a rule does or does not match, told item by item.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare must fail")]

mod support;

use serde_json::json;
use support::{event, rule};
use watchkeeper_detect::{ContributionRole, DetectorSet, Explanation, Judged, Limits, Part, Verdict};
use watchkeeper_domain::event::EntityFields;

const RULES: &str = "title: Base\nid: base\nlogsource: {product: app}\ndetection:\n  selection:\n    action: [delete, purge]\n    path|contains|all: [vault, key]\n    userName|neq: root\n  filter_robot:\n    - agent|startswith: robot\n    - office: null\n  keywords: [secret]\n  condition: selection and keywords and not 1 of filter_*\n---\ntitle: Count\nid: count\ncorrelation: {type: value_count, rules: [base], group-by: [src_ip], timespan: 5m, condition: {field: path, gte: 2}}\n---\ntitle: Exception\nlogsource: {product: app}\nfilter:\n  rules: [base]\n  night: {hour|gte: 22}\n  condition: not night\n";

fn explain(rule_id: &str, fields: serde_json::Value) -> Explanation {
    let set = DetectorSet::load([rule(RULES)], EntityFields::default(), Limits::default());
    assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
    set.explain(rule_id, &event("1", 0, fields)).unwrap()
}

fn selection<'a>(verdict: &'a Verdict, wanted: &str) -> Option<&'a Verdict> {
    match &verdict.part {
        Part::All(parts) | Part::Any(parts) => parts.iter().find_map(|part| selection(part, wanted)),
        Part::Not(part) => selection(part, wanted),
        Part::Selection { name, .. } => (name == wanted).then_some(verdict),
    }
}

fn item<'a>(verdict: &'a Verdict, name: &str, key: &str) -> &'a watchkeeper_detect::ItemVerdict {
    let Part::Selection { alternatives, .. } = &selection(verdict, name).unwrap().part else {
        unreachable!()
    };
    let mut items = alternatives.iter().flat_map(|alternative| &alternative.items);
    items.find(|item| item.key == key).unwrap()
}

#[test]
fn every_item_says_what_was_asked_what_was_there_and_how_it_came_out() {
    let told = explain(
        "base",
        json!({"action": "Purge", "path": "/vault/x", "username": "root", "office": 1, "m": "a secret", "hour": 9}),
    );
    assert!(!told.holds);
    let Judged::Detection {
        conditions,
        log_source_covers,
        ..
    } = &told.judged
    else {
        unreachable!()
    };
    assert!(*log_source_covers);
    assert_eq!(
        conditions.iter().map(|c| c.from.as_str()).collect::<Vec<_>>(),
        ["detection", "filter Exception"]
    );
    let verdict = &conditions[0].verdict;
    assert!(!verdict.holds && conditions[1].verdict.holds);
    let action = item(verdict, "selection", "action");
    assert!(action.holds && action.line == 6 && action.found[0].values == ["Purge"]);
    assert_eq!(
        action.asked.iter().map(|asked| asked.holds).collect::<Vec<_>>(),
        [false, true]
    );
    let path = item(verdict, "selection", "path|contains|all");
    assert!(!path.holds && path.all && path.asked[0].holds && !path.asked[1].holds);
    let user = item(verdict, "selection", "userName|neq");
    assert!(user.holds && user.negated && !user.found[0].present);
    assert_eq!(
        user.found[0].similar,
        ["username"],
        "a field of another case is proposed"
    );
    assert!(selection(verdict, "keywords").unwrap().holds);
    assert!(!selection(verdict, "filter_robot").unwrap().holds);
}

#[test]
fn an_explanation_comes_out_as_the_engine_decides() {
    for fields in [
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret"}),
        json!({"action": "delete", "path": "vault-key", "m": "secret"}),
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret", "userName": "ROOT"}),
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret", "hour": 23}),
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret", "agent": "Robot 1"}),
        json!({"action": ["read", "delete"], "path": ["vault", "key"], "office": 1, "m": ["secret"]}),
    ] {
        let alone = RULES.split("---\n").enumerate().filter(|(index, _)| *index != 1);
        let text: Vec<_> = alone.map(|(_, text)| text).collect();
        let mut set = support::set(&text.join("---\n"));
        let told = set.explain("Base", &event("1", 0, fields.clone())).unwrap();
        set.observe(&event("1", 0, fields.clone()));
        assert_eq!(told.holds, !set.drain().is_empty(), "{fields}");
    }
}

#[test]
fn a_correlation_tells_what_each_rule_gives_it() {
    let told = explain(
        "count",
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret", "src_ip": "192.0.2.1"}),
    );
    assert!(told.holds);
    let Judged::Correlation { rules, timespan } = &told.judged else {
        unreachable!()
    };
    assert_eq!(
        (timespan.as_str(), rules.len(), rules[0].role),
        ("5m", 1, ContributionRole::Counts)
    );
    assert_eq!(rules[0].group[0].value.as_deref(), Some("192.0.2.1"));
    assert_eq!(rules[0].values[0].value.as_deref(), Some("vault-key"));
    let lacking = explain(
        "count",
        json!({"action": "delete", "path": "vault-key", "office": 1, "m": "secret"}),
    );
    assert!(!lacking.holds, "without the group it is not counted");
    assert!(
        serde_json::to_string(&lacking)
            .unwrap()
            .contains("\"kind\":\"correlation\"")
    );
}

#[test]
fn a_correlation_of_correlations_holds_where_one_of_them_counts_the_event() {
    let rules = "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n---\n\
        title: Burst\nname: burst\ncorrelation:\n  type: event_count\n  rules: [base]\n  group-by: [ip]\n  timespan: 1m\n  condition: {gte: 5}\n---\n\
        title: Bursts\nid: bursts\ncorrelation:\n  type: value_count\n  rules: [burst]\n  timespan: 1h\n  condition: {field: ip, gte: 3}\n";
    let set = DetectorSet::load([rule(rules)], EntityFields::default(), Limits::default());
    assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
    for (fields, holds) in [
        (json!({"a": 1, "ip": "192.0.2.1"}), true),
        (json!({"a": 1}), false),
        (json!({"a": 2, "ip": "192.0.2.1"}), false),
    ] {
        let told = set.explain("bursts", &event("1", 0, fields.clone())).unwrap();
        assert_eq!(told.holds, holds, "{fields}");
    }
}

#[test]
fn a_rule_that_does_not_run_has_no_explanation() {
    let set = DetectorSet::load([rule(RULES)], EntityFields::default(), Limits::default());
    assert!(set.explain("nobody", &event("1", 0, json!({}))).is_none());
}
