//! What stands beside rules: filters, pipelines, collections of old, keys of the author's own, and tests that use them.

mod support;

use serde_json::json;
use support::{detection, event, rule};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile, test_rules_within};
use watchkeeper_domain::event::EntityFields;

fn load(texts: &[&str]) -> DetectorSet {
    let files = texts
        .iter()
        .enumerate()
        .map(|(index, text)| RuleFile::new(format!("{index}.yml"), *text));
    DetectorSet::load(files, EntityFields::default(), Limits::default())
}

fn count(set: &mut DetectorSet, fields: &[serde_json::Value]) -> usize {
    for (index, fields) in fields.iter().enumerate() {
        set.observe(&event(&index.to_string(), 0, fields.clone()));
    }
    set.drain().len()
}

fn sound(set: &DetectorSet) {
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
}

const RULE: &str = "title: Test\nid: test\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s or t\n  t: {a: 2}\n";

fn filter(title: &str, rules: &str, body: &str) -> String {
    format!("title: {title}\nlogsource: {{product: app}}\nfilter:\n  rules: {rules}\n  {body}\n")
}

#[test]
fn a_filter_is_joined_to_its_rules_whichever_is_read_first_and_several_compose() {
    let robot = filter("Robot", "[test]", "s: {user: robot}\n  condition: not s");
    let office = filter("Office", "any", "s: {ip|cidr: 10.0.0.0/8}\n  condition: not s");
    let mut set = load(&[&robot, RULE, &office]);
    sound(&set);
    assert_eq!(set.detectors()[0].filters, ["Robot", "Office"]);
    let fields = [
        json!({"a": 1, "user": "ada"}),
        json!({"a": 2, "user": "robot"}),
        json!({"a": 1, "ip": "10.1.2.3"}),
    ];
    assert_eq!(count(&mut set, &fields), 1);
}

#[test]
fn a_filter_is_joined_to_those_of_its_rules_that_are_there_and_the_others_are_told() {
    let mut set = load(&[
        RULE,
        &filter(
            "F",
            "\n    - test\n    - tset",
            "s: {user: robot}\n  condition: not s",
        ),
    ]);
    let fault = &set.quarantined()[0];
    assert_eq!(
        (fault.path.as_str(), fault.line, fault.key.as_deref()),
        ("1.yml", Some(6), Some("filter.rules"))
    );
    assert!(fault.reason.contains("`tset`"), "{}", fault.reason);
    let fields = [json!({"a": 1}), json!({"a": 1, "user": "robot"})];
    assert_eq!(count(&mut set, &fields), 1);
}

#[test]
fn a_filter_says_what_is_wrong_with_it() {
    let told = |text: &str| load(&[RULE, text]).quarantined()[0].clone();
    let elsewhere =
        filter("F", "[test]", "s: {a: 1}\n  condition: s").replace("product: app", "product: other");
    assert!(told(&elsewhere).reason.contains("another log source"));
    assert!(
        told(&filter("F", "[]", "s: {a: 1}\n  condition: s"))
            .reason
            .contains("`any`")
    );
    assert!(
        told(&filter("F", "any", "condition: s"))
            .reason
            .contains("selection")
    );
    assert!(
        told(&filter("F", "any", "s: {a|foo: 1}\n  condition: s"))
            .reason
            .contains("`foo`")
    );
    assert_eq!(
        told(&filter("F", "any", "s: {a: 1}\n  condition: t"))
            .key
            .as_deref(),
        Some("filter.condition")
    );
    let count = "title: C\nid: c\ncorrelation: {type: event_count, rules: [test], timespan: 5m, condition: {gte: 2}}\n";
    let set = load(&[RULE, count, &filter("F", "[c]", "s: {a: 1}\n  condition: s")]);
    assert!(set.quarantined()[0].reason.contains("is a correlation"));
}

const PIPELINE: &str = "pipeline:\n  name: ours\n  logsource: {product: windows}\n  set-logsource: {product: app}\n  fields:\n    CommandLine: process.command_line\n    User: [user.name, user.id]\n";
const WINDOWS: &str = "title: W\nid: w\nlogsource: {product: windows, category: process_creation}\ndetection:\n  s:\n    CommandLine|contains: evil\n    User: ada\n  f:\n    User|neq: ada\n  n:\n    User: null\n  r:\n    CommandLine|fieldref: User\n  condition: s or f and not n or r\n";

#[test]
fn a_pipeline_renames_fields_and_log_sources_when_rules_are_loaded() {
    let mut set = load(&[WINDOWS, PIPELINE]);
    sound(&set);
    assert_eq!(set.detectors()[0].pipelines, ["ours"]);
    assert_eq!(set.detectors()[0].log_sources[0].product.as_deref(), Some("app"));
    for (fields, fires) in [
        (
            json!({"process": {"command_line": "EVIL.exe"}, "user": {"name": "ada"}}),
            1,
        ),
        (
            json!({"process": {"command_line": "EVIL.exe"}, "user": {"id": "ada"}}),
            1,
        ),
        (json!({"user": {"id": "eve"}}), 1),
        (json!({"user": {"id": "eve", "name": "ada"}}), 0),
        (json!({"process": {"command_line": "x"}}), 0),
        (
            json!({"process": {"command_line": "ada"}, "user": {"name": "ada"}}),
            1,
        ),
        (json!({"CommandLine": "evil", "User": "ada"}), 0),
    ] {
        assert_eq!(count(&mut set, std::slice::from_ref(&fields)), fires, "{fields}");
    }
}

#[test]
fn pipelines_of_pysigma_are_read_as_far_as_they_speak_of_rules() {
    let pipeline = "name: foreign\npriority: 10\ntransformations:\n  - id: a\n    type: field_name_mapping\n    mapping: {Image: exe}\n    rule_conditions: [{type: logsource, product: windows}]\n  - type: field_name_prefix\n    prefix: win.\n    rule_conditions: [{type: logsource, product: windows}]\n  - type: add_condition\n    conditions: {channel: sysmon}\n    rule_conditions: [{type: logsource, product: windows}]\n  - type: change_logsource\n    product: app\n    rule_conditions: [{type: logsource, product: windows}]\n  - type: set_state\n    key: x\n    val: y\n";
    let windows =
        "title: W\nlogsource: {product: windows}\ndetection:\n  s: {Image|endswith: x.exe}\n  condition: s\n";
    let mut set = load(&[pipeline, windows]);
    sound(&set);
    assert_eq!(
        count(
            &mut set,
            &[json!({"win": {"exe": "c:/x.exe"}, "channel": "Sysmon"})]
        ),
        1
    );
    assert_eq!(
        count(
            &mut set,
            &[json!({"win": {"exe": "c:/x.exe"}, "channel": "other"})]
        ),
        0
    );
    let told = |text: &str| load(&[text]).quarantined()[0].clone();
    let unknown = told("name: x\ntransformations: [{type: replace_string, regex: a, replacement: b}]\n");
    assert!(
        unknown.reason.contains("`field_name_mapping`") && unknown.line == Some(2),
        "{unknown}"
    );
    assert!(told("name: x\npostprocessing: [{type: embed}]\ntransformations: [{type: field_name_prefix, prefix: p}]\n").reason.contains("remove it"));
}

#[test]
fn pipelines_apply_to_what_correlations_group_by_and_to_filters() {
    let count_rule = "title: C\nid: c\ncorrelation: {type: event_count, rules: [w], group-by: [User], timespan: 5m, condition: {gte: 2}}\n";
    let windows =
        "title: W\nid: w\nlogsource: {product: windows}\ndetection:\n  s: {CommandLine: x}\n  condition: s\n";
    let exception = "title: F\nlogsource: {product: windows}\nfilter:\n  rules: [w]\n  s: {User: robot}\n  condition: not s\n";
    let mut set = load(&[windows, count_rule, exception, PIPELINE]);
    sound(&set);
    let fields = |user: &str| json!({"process": {"command_line": "x"}, "user": {"name": user}});
    assert_eq!(
        count(
            &mut set,
            &[fields("robot"), fields("ada"), fields("robot"), fields("ada")]
        ),
        1
    );
}

#[test]
fn a_collection_of_old_gives_its_global_keys_to_the_rules_that_follow() {
    let text = "action: global\ntitle: G\nlogsource: {product: app}\ndetection:\n  condition: s\nlevel: high\n---\nid: one\ndetection:\n  s: {a: 1}\n---\nid: two\ndetection:\n  s: {a: 2}\n---\naction: repeat\nid: three\ndetection:\n  s: {a: 3}\n";
    let mut set = load(&[text]);
    sound(&set);
    let ids: Vec<_> = set.detectors().iter().map(|info| info.id.as_str()).collect();
    assert_eq!(ids, ["one", "two", "three"]);
    assert_eq!(
        count(
            &mut set,
            &[json!({"a": 1}), json!({"a": 2}), json!({"a": 3}), json!({"a": 4})]
        ),
        3
    );
}

#[test]
fn keys_of_the_authors_own_are_taken_unless_they_look_like_one_of_sigmas() {
    let custom = format!(
        "runbook: https://example.org\nresponse: {{page: true}}\nscore: 5\n{}",
        detection("s: {a: 1}\ncondition: s")
    );
    sound(&load(&[&custom]));
    for (key, told) in [
        ("Title", "title"),
        ("selection", "detection"),
        ("group_by", "correlation"),
    ] {
        let set = load(&[&format!("{key}: x\n{}", detection("s: {a: 1}\ncondition: s"))]);
        let fault = &set.quarantined()[0];
        assert!(
            fault.key.as_deref() == Some(key) && fault.reason.contains(told),
            "{fault}"
        );
    }
}

#[test]
fn byte_order_marks_windows_line_ends_and_words_in_any_case_are_read() {
    let text = format!(
        "\u{feff}level: HIGH\nstatus: Test\nauthor: [a, b]\nreference: x\n{}",
        detection("s: {a: 1}\ncondition: s")
    )
    .replace('\n', "\r\n");
    let set = load(&[&text]);
    sound(&set);
    let info = &set.detectors()[0];
    assert_eq!((info.author.as_deref(), info.references.len()), (Some("a, b"), 1));
}

#[test]
fn the_tests_of_a_rule_know_placeholders_pipelines_and_rules_of_other_files_but_no_filters() {
    let base = "title: Base\nid: base\nlogsource: {product: windows}\ndetection:\n  s: {CommandLine|expand: '%tool%'}\n  condition: s\ntests:\n  - {name: one, fires: 1, events: [{fields: {process.command_line: nmap}}]}\n";
    let count_rule = "title: C\nid: c\ncorrelation: {type: event_count, rules: [base], timespan: 5m, condition: {gte: 2}}\ntests:\n  - {name: two, fires: 1, events: [{fields: {process.command_line: nmap}, repeat: 2}]}\n  - {name: one, fires: false, events: [{fields: {process.command_line: nmap}}]}\n";
    let exception = "title: F\nlogsource: {product: windows}\nfilter:\n  rules: [base]\n  s: {CommandLine: nmap}\n  condition: not s\n";
    let mut limits = Limits::default();
    limits.placeholders.insert("tool".into(), vec!["nmap".into()]);
    let files = [base, count_rule, PIPELINE, exception].map(rule);
    let results = test_rules_within(files, &limits);
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(|result| result.passed), "{results:#?}");
}

#[test]
fn a_condition_that_a_pipeline_adds_is_renamed_by_the_steps_that_follow_it() {
    let added =
        "name: sysmon\npriority: 10\ntransformations:\n  - {type: add_condition, conditions: {EventID: 1}}\n";
    let renamed = "name: ecs\npriority: 20\ntransformations:\n  - {type: field_name_mapping, mapping: {EventID: event.code, a: b}}\n";
    let mut set = load(&[RULE, renamed, added]);
    sound(&set);
    let fields = [
        json!({"b": 1, "event": {"code": 1}}),
        json!({"b": 1, "EventID": 1}),
        json!({"a": 1, "event": {"code": 1}}),
    ];
    assert_eq!(count(&mut set, &fields), 1);
    let before = renamed.replace("priority: 20", "priority: 5");
    let fields = [
        json!({"b": 1, "event": {"code": 1}}),
        json!({"b": 1, "EventID": 1}),
    ];
    assert_eq!(count(&mut load(&[RULE, &before, added]), &fields), 1);
}

#[test]
fn a_truth_of_older_yaml_is_one_and_anything_else_is_told() {
    let added = "name: p\ntransformations:\n  - {type: add_condition, conditions: {b: 1}, negated: yes}\n";
    let fields = [json!({"a": 1, "b": 1}), json!({"a": 1, "b": 2})];
    assert_eq!(count(&mut load(&[RULE, added]), &fields), 1);
    let set = load(&[RULE, &added.replace("yes", "perhaps")]);
    assert!(set.quarantined()[0].reason.contains("`true` or `false`"));
}

#[test]
fn the_tests_of_rules_that_are_called_alike_are_each_run_on_their_own() {
    let of = |value: u8, fires: bool| {
        RULE.replace("id: test\n", "")
            .replace("{a: 1}", &format!("{{a: {value}}}"))
            + &format!("tests:\n  - {{name: fires, fires: {fires}, events: [{{fields: {{a: 1}}}}]}}\n")
    };
    let files = [
        RuleFile::new("a/x.yml", of(1, true)),
        RuleFile::new("b/x.yml", of(5, true)),
    ];
    let results = test_rules_within(files.to_vec(), &Limits::default());
    let passed: Vec<_> = results.iter().map(|result| result.passed).collect();
    assert_eq!(passed, [true, false], "{results:#?}");
}

#[test]
fn an_average_of_averages_is_judged_from_the_inside_at_the_end() {
    let text = "title: Request\nname: request\nlogsource: {product: app}\ndetection: {s: {a: 1}, condition: s}\n---\n\
        title: Upper\nid: upper\ncorrelation: {type: value_avg, rules: [lower], timespan: 1d, condition: {field: g, lt: 5}}\n---\n\
        title: Lower\nname: lower\ncorrelation: {type: value_avg, rules: [request], group-by: [g], timespan: 1m, condition: {field: n, gt: 0}}\n";
    let mut set = load(&[text]);
    sound(&set);
    for (index, (ms, g)) in [(0, 10), (300_000, 1)].into_iter().enumerate() {
        set.observe(&event(&index.to_string(), ms, json!({"a": 1, "g": g, "n": 1})));
    }
    assert_eq!(set.end(), 0);
    assert!(set.drain().is_empty(), "five and a half is not less than five");
}
