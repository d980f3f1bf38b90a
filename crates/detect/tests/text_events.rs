//! An event read from its text matches the same rules as the event that a whole parse makes of the text.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare must fail")]

mod support;

use chrono::Duration;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::{at, event, set};
use watchkeeper_detect::{CountedEvents, DetectorSet, TextEvent};
use watchkeeper_domain::event::{Event, Fields, LogSource, SourceName};

fn log_source() -> LogSource {
    LogSource {
        product: Some("app".into()),
        ..LogSource::default()
    }
}

fn rules(selections: &[&str]) -> String {
    let rule = |(number, selection): (usize, &&str)| {
        format!(
            "title: R{number}\nid: r{number}\nlogsource: {{product: app}}\ndetection:\n  s: {selection}\n  condition: s\n"
        )
    };
    selections
        .iter()
        .enumerate()
        .map(rule)
        .collect::<Vec<_>>()
        .join("---\n")
}

/// The rules that a text matches, read as text and as parsed fields.
fn both(rules: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let set = set(rules);
    let mut thread = set.matcher(Some(&log_source()), &[]).thread();
    let judged = thread
        .judge(text)
        .unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let mut by_text: Vec<_> = judged.fired().map(|fired| fired.detector.id.clone()).collect();
    by_text.sort();
    let by_fields = however_they_stand(text, |event| {
        let mut set = support::set(rules);
        set.observe(&event);
        let mut fired: Vec<_> = set.drain().into_iter().map(|fired| fired.detector).collect();
        fired.sort();
        fired
    });
    (by_text, by_fields)
}

/// What `judge` makes of the event, which is the same whether its fields were built, stand in its text, or some of both.
fn however_they_stand<T: PartialEq + std::fmt::Debug>(text: &str, mut judge: impl FnMut(Event) -> T) -> T {
    let fields: Map<String, Value> = serde_json::from_str(text).unwrap();
    let mut judge = |fields: Fields| {
        judge(Event {
            raw: text.into(),
            at: at(0) + Duration::seconds(1),
            fields,
            ..event("1", 0, json!({}))
        })
    };
    let found = judge(fields.clone().into());
    assert_eq!(found, judge(Fields::in_text(Map::new())), "{text}");
    let besides = fields.into_iter().step_by(2).collect();
    assert_eq!(found, judge(Fields::in_text(besides)), "{text}");
    found
}

/// Groups that open with a single event, each named by its rule.
type Groups = Vec<(String, Vec<(String, String)>)>;

/// What a text is counted in, read as text and as parsed fields.
fn both_counted(text: &str) -> (Groups, Groups) {
    let base =
        "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {z: 1}\n  condition: s\n";
    let counted = ["a", "b.c", "list", "list.name", "ThreatName"].map(|field| {
        format!(
            "---\ntitle: By {field}\nid: by-{field}\ncorrelation:\n  type: event_count\n  rules: [base]\n  group-by: [{field}]\n  timespan: 1m\n  condition: {{gte: 1}}\n"
        )
    });
    let rules = format!("{base}{}", counted.concat());
    let groups = |set: &mut DetectorSet| {
        let fired = set.drain().into_iter().map(|fired| (fired.detector, fired.group));
        fired.collect::<Groups>()
    };
    let mut by_text = set(&rules);
    let mut thread = by_text.matcher(Some(&log_source()), &[]).thread();
    let mut counted = CountedEvents::default();
    assert!(thread.judge(text).unwrap().take_counted(&mut counted));
    let source = SourceName("app".into());
    let happened = TextEvent {
        text,
        log_source: Some(&log_source()),
        source: &source,
        id: "1",
        at: at(0),
        collected_at: at(0),
    };
    by_text.count_text(&happened, counted.get(0).unwrap());
    let by_fields = however_they_stand(text, |event| {
        let mut by_fields = set(&rules);
        by_fields.observe(&event);
        groups(&mut by_fields)
    });
    (groups(&mut by_text), by_fields)
}

#[test]
fn a_list_of_one_value_groups_by_that_value_both_ways() {
    let (by_text, by_fields) =
        both_counted(r#"{"z":1,"a":["x"],"list":[{"name":"y"}],"Threat Name":7,"b":{"c":["p","q"]}}"#);
    let named =
        |field: &str, value: &str| (format!("by-{field}"), vec![(field.to_owned(), value.to_owned())]);
    assert_eq!(
        by_text,
        [named("a", "x"), named("list.name", "y"), named("ThreatName", "7")]
    );
    assert_eq!(by_fields, by_text);
}

#[test]
fn keywords_that_are_about_a_value_by_itself_are_found_in_a_text_without_escapes_too() {
    let rules = rules(&["{'|cidr': 192.0.2.0/24}", "{'|re': '^wo.d$'}", "[word]"]);
    for (text, expected) in [
        (r#"{"z":"192.0.2.7"}"#, vec!["r0"]),
        (r#"{"z":["192.0.2.7"],"e":"\n"}"#, vec!["r0"]),
        (r#"{"z":{"y":"word"}}"#, vec!["r1", "r2"]),
        (r#"{"z":"a word","y":"198.51.100.7"}"#, vec!["r2"]),
    ] {
        assert_eq!(
            both(&rules, text),
            (vec_of(&expected), vec_of(&expected)),
            "{text}"
        );
    }
}

#[test]
fn an_object_that_is_asked_for_as_a_value_reads_the_same_however_it_was_written() {
    let rules = rules(&[
        r#"{'r|re': '"Cidr":"0\.0\.0\.0/0"'}"#,
        r#"{'r|contains': '"Port":22}'}"#,
        r#"{'r.q|contains': '"a b":"/"'}"#,
    ]);
    for text in [
        r#"{"r":{"q":{"a b":"/"},"Cidr":"0.0.0.0/0","Port":22}}"#,
        r#"{"r": {"q": {"a b": "/"}, "Cidr": "0.0.0.0/0", "Port": 22}}"#,
        "{\"r\":{\n\t\"q\":{\"a b\":\"\\/\"},\"Cid\\u0072\":\"0.0.0.0/0\" ,\"Port\":22 }}",
    ] {
        let all = vec_of(&["r0", "r1", "r2"]);
        assert_eq!(both(&rules, text), (all.clone(), all), "{text}");
    }
}

#[test]
fn of_a_key_that_stands_twice_the_last_value_counts_wherever_the_fields_stand() {
    let base = "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {event: login_failed}\n  f: {user: svc}\n  condition: s and not f\n\
        ---\ntitle: Count\nid: count\ncorrelation:\n  type: event_count\n  rules: [base]\n  group-by: [src_ip]\n  timespan: 1m\n  condition: {gte: 1}\n";
    let text = r#"{"event":"login_failed","src_ip":"192.0.2.1","user":"svc","msg":"x","src_ip":"203.0.113.9","user":"eve"}"#;
    let groups = however_they_stand(text, |event| {
        let mut set = set(base);
        set.observe(&event);
        set.drain()
            .into_iter()
            .map(|fired| fired.group)
            .collect::<Vec<_>>()
    });
    assert_eq!(groups, [vec![("src_ip".to_owned(), "203.0.113.9".to_owned())]]);
}

fn vec_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_number_with_leading_zeros_is_refused_where_a_rule_asks_for_it() {
    let set = set(&rules(&["{a: 7}"]));
    let mut thread = set.matcher(Some(&log_source()), &[]).thread();
    assert_eq!(thread.judge(r#"{"a":7,"b":007}"#).unwrap().matches(), 1);
    assert_eq!(thread.judge(r#"{"a":0}"#).unwrap().matches(), 0);
    let fault = thread.judge(r#"{"a":007}"#).unwrap_err();
    assert_eq!((fault.at, fault.expected), (5, "a number, true, false or null"));
}

const SELECTIONS: [&str; 22] = [
    "{a: x}",
    "{a|contains: é}",
    "{a: null}",
    "{a: ''}",
    "{a|exists: true}",
    "{a|re: '^[a-z]+$'}",
    "{a|fieldref: b.c}",
    "{b.c: 1}",
    "{b.c|neq: 2}",
    "{b.c|gt: 1.5}",
    "{a: true}",
    "{a|hour: 3}",
    "{a|cidr: 10.0.0.0/8}",
    "{ThreatName: x}",
    "{list.name: x}",
    "[word, '\"', '\\']",
    "{'|re': '^word$'}",
    "{'|cidr': 10.0.0.0/8}",
    "{é: x}",
    "{a|lte: -1}",
    "{a|startswith: X}",
    "{a|cased|endswith: X}",
];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(1),
            json!(-1),
            json!(2.5),
            json!(1e300),
            json!(u64::MAX),
            json!("x"),
            json!("X"),
            json!("é"),
            json!("É"),
            json!(""),
            json!("word"),
            json!("say \"word\""),
            json!("\\"),
            json!("10.1.2.3"),
            json!("2026-01-05T03:30:00Z"),
        ]),
        any::<String>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "b.c",
        "list",
        "name",
        "Threat Name",
        "é",
        "z",
        "k\"",
    ]);
    scalar().prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_an_event_holds_both_ways_match_the_same_rules(a in value(), b in value(), list in value(), rest in value()) {
        let text = json!({"a": a, "b": b, "list": list, "Threat Name": "x", "rest": rest}).to_string();
        let (by_text, by_fields) = both(&rules(&SELECTIONS), &text);
        prop_assert_eq!(by_text, by_fields, "{}", text);
    }

    #[test]
    fn whatever_an_event_holds_both_ways_count_it_in_the_same_groups(a in value(), b in value(), list in value()) {
        let text = json!({"a": a, "b": b, "list": list, "Threat Name": "x", "z": 1}).to_string();
        let (by_text, by_fields) = both_counted(&text);
        prop_assert_eq!(by_text, by_fields, "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(pieces in prop::collection::vec("[{}\\[\\],:\"\\\\]|\"a\":|\"b\":\\{\"c\":|null|1e9|\\\\u00e|é| |word", 0..24)) {
        let text: String = pieces.concat();
        let set = set(&rules(&SELECTIONS[..4]));
        let judged = set.matcher(None, &[]).thread().judge(&text).is_ok();
        if matches!(serde_json::from_str(&text), Ok(Value::Object(_))) {
            prop_assert!(judged, "{}", text);
        }
        let _ = watchkeeper_detect::records(&text);
    }
}
