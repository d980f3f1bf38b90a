//! Sigma's language, one sentence a test: what matches and what does not.

mod support;

use serde_json::json;
use support::{detection, event, fires, rule, set, set_within};
use watchkeeper_detect::{DetectorSet, Limits};
use watchkeeper_domain::event::EntityFields;

#[test]
fn a_map_asks_for_all_a_list_of_maps_for_one_and_a_list_of_values_for_one() {
    let body = "s:\n  - {a: [x, y], b: 1}\n  - c: z\ncondition: s";
    assert!(fires(body, json!({"a": "Y", "b": 1})));
    assert!(!fires(body, json!({"a": "Y", "b": 2})));
    assert!(fires(body, json!({"c": "z"})));
}

#[test]
fn keywords_are_found_in_the_line_and_in_values_whose_line_is_escaped() {
    let body = "keywords: ['Bad Thing', 'C:\\Temp', 42]\ncondition: keywords";
    assert!(fires(body, json!({"m": "a bad thing happened"})));
    assert!(fires(body, json!({"m": {"deep": ["c:\\temp\\x"]}})));
    assert!(fires(body, json!({"m": 42})));
    assert!(!fires(body, json!({"m": "fine"})));
    let all = "keywords:\n  '|all': [one, two]\ncondition: keywords";
    assert!(fires(all, json!({"m": "two and one"})) && !fires(all, json!({"m": "one"})));
}

#[test]
fn null_is_absence_and_an_empty_text_is_not() {
    assert!(fires("s: {a: null}\ncondition: s", json!({"b": 1})));
    assert!(fires("s: {a: null}\ncondition: s", json!({"a": null})));
    assert!(!fires("s: {a: null}\ncondition: s", json!({"a": ""})));
    assert!(fires("s: {a: ''}\ncondition: s", json!({"a": ""})));
    assert!(!fires("s: {a: ''}\ncondition: s", json!({"b": ""})));
}

#[test]
fn exists_tells_presence_whatever_the_value() {
    assert!(fires("s: {a|exists: true}\ncondition: s", json!({"a": 0})));
    assert!(fires("s: {a|exists: true}\ncondition: s", json!({"a": null})));
    assert!(fires(
        "s: {a.b|exists: true}\ncondition: s",
        json!({"a": [{"b": []}]})
    ));
    assert!(!fires(
        "s: {a.b|exists: true}\ncondition: s",
        json!({"a": {"c": 1}})
    ));
    assert!(fires("s: {a|exists: false}\ncondition: s", json!({})));
}

#[test]
fn matching_ignores_case_unless_cased() {
    assert!(fires("s: {a: ÄRGER}\ncondition: s", json!({"a": "ärger"})));
    assert!(!fires("s: {a|cased: ÄRGER}\ncondition: s", json!({"a": "ärger"})));
    assert!(fires(
        "s: {a|contains|cased: Ab}\ncondition: s",
        json!({"a": "xAbx"})
    ));
    assert!(
        fires("s: {a|contains: ΟΔΟΣ}\ncondition: s", json!({"a": "οδοσχ"})),
        "a sigma in the middle of a word"
    );
}

#[test]
fn numbers_and_booleans_match_however_the_event_writes_them() {
    assert!(fires("s: {a: 200}\ncondition: s", json!({"a": "200"})));
    assert!(fires("s: {a: '200'}\ncondition: s", json!({"a": 200})));
    assert!(fires("s: {a: 1.50}\ncondition: s", json!({"a": 1.5})));
    assert!(fires("s: {a: false}\ncondition: s", json!({"a": "False"})));
    assert!(fires("s: {a: 'false'}\ncondition: s", json!({"a": false})));
    assert!(!fires("s: {a: 200}\ncondition: s", json!({"a": "2000"})));
}

#[test]
fn comparisons_are_of_numbers_only() {
    assert!(fires(
        "s: {a|gt: 5, a|lte: 7.5}\ncondition: s",
        json!({"a": "7.5"})
    ));
    assert!(!fires("s: {a|gt: 5}\ncondition: s", json!({"a": "many"})));
    assert!(!fires("s: {a|lt: 5}\ncondition: s", json!({})));
    assert!(
        fires("s: {a|gte: 5}\ncondition: s", json!({"a": 5}))
            && !fires("s: {a|lt: 5}\ncondition: s", json!({"a": 5}))
    );
}

#[test]
fn neq_turns_a_match_round() {
    assert!(fires("s: {a|neq: x}\ncondition: s", json!({"a": "y"})));
    assert!(!fires("s: {a|neq: [x, y]}\ncondition: s", json!({"a": "y"})));
    assert!(fires("s: {a|contains|neq: x}\ncondition: s", json!({"a": "y"})));
}

#[test]
fn any_element_of_a_list_matches_also_inside_a_path() {
    let event = json!({"r": [{"arn": "one"}, {"arn": "two"}], "tags": ["a", "b"]});
    assert!(fires("s: {r.arn: two, tags: b}\ncondition: s", event.clone()));
    assert!(fires("s: {tags|all: [a, b]}\ncondition: s", event.clone()));
    assert!(!fires("s: {r.arn: three}\ncondition: s", event));
}

#[test]
fn regular_expressions_search_and_take_flags() {
    assert!(fires("s: {a|re: 'b+c$'}\ncondition: s", json!({"a": "abbc"})));
    assert!(!fires("s: {a|re: 'B+'}\ncondition: s", json!({"a": "abbc"})));
    assert!(fires("s: {a|re|i: 'B+'}\ncondition: s", json!({"a": "abbc"})));
    assert!(fires(
        "s: {a|re|m|s: '^x.y'}\ncondition: s",
        json!({"a": "a\nx\ny"})
    ));
}

#[test]
fn addresses_match_networks() {
    let body = "s: {ip|cidr: [10.0.0.0/8, '2001:db8::/32']}\ncondition: s";
    assert!(fires(body, json!({"ip": "10.2.3.4"})) && fires(body, json!({"ip": "2001:db8::1"})));
    assert!(!fires(body, json!({"ip": "192.0.2.1"})) && !fires(body, json!({"ip": "10.2.3"})));
}

#[test]
fn encoded_texts_are_found_at_every_offset() {
    let body = "s: {c|wide|base64offset|contains: 'http://'}\ncondition: s";
    assert!(fires(body, json!({"c": "x aAB0AHQAcAA6AC8ALwBhAA== y"})));
    let body = "s: {c|base64offset|contains: foobar}\ncondition: s";
    for text in ["Zm9vYmFyIQ==", "eGZvb2JhciE=", "eHlmb29iYXIh"] {
        assert!(fires(body, json!({"c": text})), "{text}");
    }
    assert!(fires(
        "s: {c|base64: foobar}\ncondition: s",
        json!({"c": "Zm9vYmFy"})
    ));
    assert!(fires(
        "s: {c|utf16be|base64|contains: a}\ncondition: s",
        json!({"c": "AGE="})
    ));
    assert!(fires(
        "s: {c|utf16|base64|contains: a}\ncondition: s",
        json!({"c": "//5hAA=="})
    ));
}

#[test]
fn a_field_can_be_compared_with_another() {
    let body = "s: {a|fieldref: b}\ncondition: s";
    assert!(fires(body, json!({"a": "X", "b": "x"})) && !fires(body, json!({"a": "x", "b": "y"})));
    assert!(!fires(body, json!({"a": "x"})));
    assert!(fires(
        "s: {a|fieldref|endswith: b}\ncondition: s",
        json!({"a": "x.org", "b": ".org"})
    ));
}

#[test]
fn placeholders_stand_for_what_is_configured_and_are_faults_otherwise() {
    let text = detection("s: {user|expand: '%admins%-x'}\ncondition: s");
    let mut limits = Limits::default();
    let bare = DetectorSet::load([rule(&text)], EntityFields::default(), limits.clone());
    assert!(
        bare.quarantined()[0].reason.contains("%admins%"),
        "{:?}",
        bare.quarantined()
    );
    limits
        .placeholders
        .insert("admins".into(), vec!["root".into(), "ada".into()]);
    let mut set = set_within(&text, limits);
    set.observe(&event("1", 0, json!({"user": "ADA-x"})));
    set.observe(&event("2", 0, json!({"user": "eve-x"})));
    assert_eq!(set.drain().len(), 1);
}

#[test]
fn several_documents_of_a_file_are_several_rules() {
    let text = format!(
        "{}---\n{}",
        detection("s: {a: 1}\ncondition: s"),
        detection("s: {a: 2}\ncondition: s").replace("id: test", "id: two")
    );
    assert_eq!(set(&text).detectors().len(), 2);
}

#[test]
fn a_rule_judges_the_log_sources_it_names_and_no_others() {
    let mut set = set(&detection("s: {a: 1}\ncondition: s"));
    let mut other = event("1", 0, json!({"a": 1}));
    other.log_source.product = Some("other".into());
    set.observe(&other);
    assert!(set.drain().is_empty());
    let mut narrower = event("2", 0, json!({"a": 1}));
    narrower.log_source.service = Some("api".into());
    set.observe(&narrower);
    assert_eq!(set.drain().len(), 1);
}

#[test]
fn a_detection_tells_what_matched_who_acted_and_whose_data_it_was() {
    let mut set = set(&detection(
        "s: {action: delete, path|startswith: /vault}\nf: {user: root}\ncondition: s and not f",
    ));
    let fields = json!({"action": "delete", "path": "/vault/1", "user": "eve", "tenant": "acme", "src_ip": "192.0.2.7"});
    set.observe(&event("1", 0, fields));
    let detection = set.drain().remove(0);
    let told = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        detection.reason.fields,
        told(&[("action", "delete"), ("path", "/vault/1")])
    );
    assert_eq!(
        detection.reason.seen,
        "one at 2026-01-05 09:00:00 UTC: action = delete, path = /vault/1"
    );
    assert_eq!(detection.group, told(&[("src_ip", "192.0.2.7"), ("user", "eve")]));
    assert_eq!(detection.tenants.keys().collect::<Vec<_>>(), ["acme"]);
    assert_eq!(
        (
            detection.entities.len(),
            detection.evidence.len(),
            detection.events_seen
        ),
        (3, 1, 1)
    );
}
