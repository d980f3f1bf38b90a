//! Whether rules can ever match what the sources send.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare must fail")]

mod support;

use serde_json::{Value, json};
use support::{event, rule};
use watchkeeper_detect::{DetectorSet, FieldsSeen, Limits, RuleCoverage, Satisfiable};
use watchkeeper_domain::event::{EntityFields, LogSource};

fn set(text: &str) -> DetectorSet {
    let set = DetectorSet::load([rule(text)], EntityFields::default(), Limits::default());
    assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
    set
}

fn source(product: &str) -> LogSource {
    LogSource {
        product: Some(product.to_owned()),
        ..LogSource::default()
    }
}

/// The fields of these events, all of product `app`.
fn seen(events: &[Value]) -> FieldsSeen {
    let mut seen = FieldsSeen::of_samples();
    for fields in events {
        let mut event = event("1", 0, fields.clone());
        event.log_source = source("app");
        seen.observe(&event);
    }
    seen
}

/// What becomes of a rule with this `detection` when the events are these.
fn judged(detection: &str, events: &[Value]) -> RuleCoverage {
    let text = format!("title: T\nid: t\nlogsource: {{product: app}}\ndetection:\n{detection}\n");
    set(&text).coverage(&seen(events)).pop().unwrap()
}

fn satisfiable(detection: &str, events: &[Value]) -> bool {
    judged(detection, events).satisfiable == Satisfiable::Yes
}

#[test]
fn a_rule_whose_field_never_comes_cannot_match_and_says_which() {
    let found = judged(
        "  s: {a: 1, b.c: 2, d: 3}\n  condition: s",
        &[json!({"a": 5, "b": {"x": 1}})],
    );
    assert_eq!(found.satisfiable, Satisfiable::FieldsUnseen);
    assert_eq!(found.unseen_fields, ["b.c", "d"]);
    assert_eq!(found.missing_fields, ["b.c", "d"]);
    assert_eq!((found.events, found.log_sources), (1, vec![source("app")]));
}

#[test]
fn one_alternative_with_known_fields_is_enough() {
    let rule = "  s_one: {gone: 1}\n  s_two: {a: 1}\n  condition: 1 of s_*";
    let found = judged(rule, &[json!({"a": 0})]);
    assert_eq!(found.satisfiable, Satisfiable::Yes);
    assert_eq!(found.unseen_fields, ["gone"]);
    assert!(found.missing_fields.is_empty());
    let all = rule.replace("1 of", "all of");
    assert_eq!(judged(&all, &[json!({"a": 0})]).missing_fields, ["gone"]);
    assert!(satisfiable(
        "  s:\n    - gone: 1\n    - a: 1\n  condition: s",
        &[json!({"a": 0})]
    ));
}

#[test]
fn what_asks_for_absence_is_satisfied_by_fields_that_never_come() {
    let events = [json!({"a": 0})];
    assert!(satisfiable("  s: {gone: null}\n  condition: s", &events));
    assert!(satisfiable("  s: {gone|exists: false}\n  condition: s", &events));
    assert!(satisfiable("  s: {gone|neq: 1}\n  condition: s", &events));
    assert!(satisfiable(
        "  s: {a: 1}\n  f: {gone: 1}\n  condition: s and not f",
        &events
    ));
    assert!(!satisfiable("  s: {gone|exists: true}\n  condition: s", &events));
    assert!(!satisfiable(
        "  s: {a: 1}\n  f: {gone: null}\n  condition: s and not f",
        &events
    ));
    assert!(!satisfiable("  s: {gone|neq: null}\n  condition: s", &events));
}

#[test]
fn a_filter_that_always_holds_names_the_field_it_waits_for() {
    let found = judged(
        "  s: {a: 1}\n  f: {gone: null}\n  condition: s and not f",
        &[json!({"a": 1})],
    );
    assert_eq!(found.missing_fields, ["gone"]);
}

#[test]
fn a_comparison_of_two_fields_needs_both() {
    let rule = "  s: {a|fieldref: b}\n  condition: s";
    assert_eq!(judged(rule, &[json!({"a": 1})]).missing_fields, ["b"]);
    assert!(satisfiable(rule, &[json!({"a": 1, "b": 2})]));
}

#[test]
fn keywords_can_stand_in_any_event() {
    assert!(satisfiable(
        "  words: [denied, refused]\n  condition: words",
        &[json!({"a": 0})]
    ));
}

#[test]
fn fields_are_found_nested_in_lists_and_behind_keys_with_dots() {
    let rule = "  s: {a.b.c: 1, list.name: 2, ThreatName: 3, dotted.key: 4}\n  condition: s";
    let events = [
        json!({"a": {"b.c": 0}, "list": [{"x": 1}, {"name": 1}], "Threat Name": 0, "dotted": {"key": null}}),
    ];
    assert!(satisfiable(rule, &events), "{:?}", judged(rule, &events));
}

#[test]
fn one_log_source_must_have_all_the_fields() {
    let rule = "title: T\nid: t\nlogsource: {product: app}\ndetection:\n  s: {a: 1, b: 1}\n  condition: s\n";
    let mut seen = FieldsSeen::of_samples();
    for (service, fields) in [("one", json!({"a": 1})), ("two", json!({"b": 1}))] {
        let mut event = event("1", 0, fields);
        event.log_source = LogSource {
            service: Some(service.to_owned()),
            ..source("app")
        };
        seen.observe(&event);
    }
    let found = set(rule).coverage(&seen).pop().unwrap();
    assert_eq!(found.satisfiable, Satisfiable::FieldsUnseen);
    assert_eq!(
        (found.missing_fields.len(), found.log_sources.len(), found.events),
        (1, 2, 2)
    );
}

#[test]
fn a_rule_of_a_log_source_that_nobody_sends_is_told_from_one_whose_fields_are_not_known() {
    let rule = "title: T\nid: t\nlogsource: {product: other}\ndetection:\n  s: {a: 1}\n  condition: s\n";
    let set = set(rule);
    let mut seen = seen(&[json!({"a": 1})]);
    assert_eq!(set.coverage(&seen)[0].satisfiable, Satisfiable::NoLogSource);
    let before = seen.version();
    seen.declare(&source("other"));
    assert!(seen.version() > before);
    assert_eq!(set.coverage(&seen)[0].satisfiable, Satisfiable::Unknown);
}

#[test]
fn a_declared_log_source_says_nothing_once_events_of_it_came() {
    let rule = "title: T\nid: t\nlogsource: {product: app}\ndetection:\n  s: {gone: 1}\n  condition: s\n";
    let mut seen = FieldsSeen::of_samples();
    seen.declare(&source("app"));
    assert_eq!(set(rule).coverage(&seen)[0].satisfiable, Satisfiable::Unknown);
    let mut event = event("1", 0, json!({"a": 1}));
    event.log_source = LogSource {
        service: Some("one".into()),
        ..source("app")
    };
    seen.observe(&event);
    assert_eq!(
        set(rule).coverage(&seen)[0].satisfiable,
        Satisfiable::FieldsUnseen
    );
}

const CORRELATION: &str = "title: A\nname: a\nlogsource: {product: app}\ndetection: {s: {a: 1}, condition: s}\n---\ntitle: B\nname: b\nlogsource: {product: app}\ndetection: {s: {b: 1}, condition: s}\n---\ntitle: Both\nid: both\ncorrelation: {type: KIND, rules: [a, b], group-by: [user], timespan: 5m}\n";

fn correlated(kind: &str, events: &[Value]) -> RuleCoverage {
    let told = set(&CORRELATION.replace("KIND", kind)).coverage(&seen(events));
    told.into_iter().find(|told| told.detector == "both").unwrap()
}

#[test]
fn a_sequence_needs_all_its_rules_and_a_count_one_of_them() {
    let only_a = [json!({"a": 1, "user": "x"})];
    let found = correlated("temporal", &only_a);
    assert_eq!(found.satisfiable, Satisfiable::FieldsUnseen);
    assert_eq!(found.missing_fields, ["b"]);
    for kind in ["temporal_ordered", "sequence"] {
        assert_eq!(
            correlated(kind, &only_a).satisfiable,
            Satisfiable::FieldsUnseen,
            "{kind}"
        );
    }
    let count = "event_count, condition: {gte: 2}";
    let found = correlated(count, &only_a);
    assert_eq!(found.satisfiable, Satisfiable::Yes);
    assert_eq!(found.unseen_fields, ["b"]);
    let both = [json!({"a": 1, "user": "x"}), json!({"b": 1})];
    assert_eq!(correlated("temporal", &both).satisfiable, Satisfiable::Yes);
}

#[test]
fn a_correlation_grouped_by_a_field_that_never_comes_cannot_fire() {
    let found = correlated("event_count, condition: {gte: 2}", &[json!({"a": 1, "b": 1})]);
    assert_eq!(found.satisfiable, Satisfiable::FieldsUnseen);
    assert_eq!(found.missing_fields, ["user"]);
}

#[test]
fn a_stream_is_judged_from_its_hundredth_event_on_and_notices_new_fields_later() {
    let rule = "title: T\nid: t\nlogsource: {product: app}\ndetection:\n  s: {late: 1}\n  condition: s\n";
    let set = set(rule);
    let mut seen = FieldsSeen::of_a_stream();
    let mut observe = |count: usize, fields: Value| {
        let mut event = event("1", 0, fields);
        event.log_source = source("app");
        (0..count).for_each(|_| seen.observe(&event));
        set.coverage(&seen).pop().unwrap().satisfiable
    };
    assert_eq!(observe(99, json!({"a": 1})), Satisfiable::Unknown);
    assert_eq!(observe(1, json!({"a": 1})), Satisfiable::FieldsUnseen);
    assert_eq!(observe(2_000, json!({"a": 1})), Satisfiable::FieldsUnseen);
    assert_eq!(observe(256, json!({"late": 1})), Satisfiable::Yes);
}

#[test]
fn events_with_ever_new_fields_take_bounded_memory_and_condemn_no_rule() {
    let mut seen = FieldsSeen::of_samples();
    for number in 0..9_000 {
        let mut event = event("1", 0, json!({format!("key{number}"): 1}));
        event.log_source = source("app");
        seen.observe(&event);
    }
    assert!(seen.seen()[0].fields <= 8_192);
    let rule = "title: T\nid: t\nlogsource: {product: app}\ndetection:\n  s: {key8999: 1}\n  condition: s\n";
    assert_eq!(set(rule).coverage(&seen)[0].satisfiable, Satisfiable::Yes);
}

#[test]
fn a_field_that_was_probably_meant_is_proposed() {
    let seen = seen(&[json!({"userIdentity": {"userName": 1}, "eventname": 1})]);
    assert_eq!(seen.similar("eventName", &source("app")), ["eventname"]);
    assert_eq!(
        seen.similar("userName", &source("app")),
        ["userIdentity.userName"]
    );
    assert!(seen.similar("eventName", &source("other")).is_empty());
}
