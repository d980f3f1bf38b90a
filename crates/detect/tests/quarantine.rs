//! A bad rule is set aside with its file, line, key and what is allowed; the others run.

mod support;

use serde_json::json;
use support::{detection, event, rule};
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
        set.detectors().len() == 1 && !set.detectors()[0].fires,
        "what only a faulty correlation counts is not meant to fire by itself"
    );
}

#[test]
fn a_correlation_says_what_it_lacks() {
    let (_, key, reason) = fault(&correlation("type: temporary\nrules: [base]\ntimespan: 5m"));
    assert!(
        key == "correlation.type" && reason.contains("`value_count`") && reason.contains("`leaky_bucket`"),
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
    let file = |path: &str| RuleFile::new(path, detection("s: {a: 1}\ncondition: s"));
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
    assert!(
        faults(&detection("s: {a: 1}\ntimeframe: 5m\ncondition: s")).is_empty(),
        "a timeframe without an aggregation means nothing"
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
fn a_selection_without_anything_and_one_of_lists_say_what_to_write() {
    let (line, key, reason) = fault(&detection(
        "s: {a: 1}\nfilter_main:\ncondition: s and not filter_main",
    ));
    assert_eq!((line, key.as_str()), (7, "detection.filter_main"));
    assert!(reason.contains("the selection is empty"), "{reason}");
    let (_, _, reason) = fault(&detection("s:\n  - - a: 1\ncondition: s"));
    assert!(reason.contains("behind one `-`"), "{reason}");
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

#[test]
fn keys_and_conditions_of_another_type_of_correlation_are_told() {
    let told = |body: &str| {
        let (_, key, reason) = fault(&correlation(body));
        (key, reason)
    };
    let cases = [
        (
            "type: event_count\nrules: [base]\ntimespan: 5m\ncondition: {gte: 2}\nof: [base]",
            "correlation.of",
            "`ratio`",
        ),
        (
            "type: absence\nrules: [base]\ntimespan: 5m\ncondition: {gte: 2}",
            "correlation.condition",
            "not to `absence`",
        ),
        (
            "type: leaky_bucket\nrules: [base]\ncapacity: 5\nleak: 10s\ntimespan: 5m",
            "correlation.timespan",
            "remove it",
        ),
        (
            "type: leaky_bucket\nrules: [base]\ncapacity: 10000\nleak: 1d",
            "correlation.leak",
            "366 days",
        ),
        (
            "type: sequence\nrules: [base, base]\ntimespan: 5m\ngap: 6m",
            "correlation.gap",
            "longer than",
        ),
        (
            "type: value_avg\nrules: [base]\ntimespan: 5m\ncondition: {field: [a, b], gt: 1}",
            "correlation.condition.field",
            "one field",
        ),
        (
            "type: value_percentile\nrules: [base]\ntimespan: 5m\ncondition: {field: a, gt: 1, percentile: 101}",
            "correlation.condition.percentile",
            "at most 100",
        ),
        (
            "type: value_sum\nrules: [base]\ntimespan: 5m\ncondition: {field: a}",
            "correlation.condition",
            "comparison",
        ),
        (
            "type: temporal\nrules: [base]\ntimespan: 5m\ncondition: {gte: 2}",
            "correlation.condition.gte",
            "1 rules",
        ),
        (
            "type: temporal\nrules: [base]\ntimespan: 5m\ncondition: not base",
            "correlation.condition",
            "without any event",
        ),
        (
            "type: temporal\nrules: [base, other]\ntimespan: 5m\ncondition: base",
            "correlation.rules",
            "`other`",
        ),
        ("type: temporal\ntimespan: 5m", "correlation.rules", "needed"),
        (
            "type: temporal_ordered\nrules: [base, other]\ntimespan: 5m\ncondition: base or other",
            "correlation.condition",
            "`type: temporal`",
        ),
        (
            "type: event_count\nrules: [base]\ntimespan: 2y\ncondition: {gte: 2}",
            "correlation.timespan",
            "366 days",
        ),
        (
            "type: event_count\nrules: [base]\ntimespan: 5m\ncondition: {gte: 2}\ngap: 2m",
            "correlation.gap",
            "`sequence`",
        ),
        (
            "type: event_count\nrules: [base]\ntimespan: 5m\ncondition: {gte: 2}\naliases: {x: {nobody: y}}",
            "correlation.aliases.x",
            "`nobody`",
        ),
    ];
    for (body, key, part) in cases {
        let (found, reason) = told(body);
        assert!(found == key && reason.contains(part), "{body}: {found}: {reason}");
    }
}

#[test]
fn correlations_that_count_each_other_are_set_aside_with_those_that_count_them() {
    let count = |id: &str, of: &str| {
        format!(
            "---\ntitle: {id}\nid: {id}\ncorrelation: {{type: event_count, rules: [{of}], timespan: 5m, condition: {{gte: 2}}}}\n"
        )
    };
    let text = format!(
        "{}{}{}{}{}{}",
        BASE.trim_end_matches("---\n"),
        count("a", "b"),
        count("b", "a"),
        count("c", "a"),
        count("d", "e"),
        count("e", "base")
    );
    let set = load(&text);
    let told: Vec<_> = set
        .quarantined()
        .iter()
        .map(|fault| (fault.rule.clone().unwrap(), fault.reason.clone()))
        .collect();
    assert_eq!(
        told.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    assert!(
        told[0].1.contains("counts itself") && told[2].1.contains("`a` does not run"),
        "{told:?}"
    );
    let running: Vec<_> = set
        .detectors()
        .iter()
        .map(|info| (info.id.as_str(), info.fires))
        .collect();
    assert_eq!(running, [("base", false), ("d", true), ("e", false)]);
}

#[test]
fn a_chain_groups_by_what_the_inner_correlation_groups_by() {
    let chain = |group: &str, more: &str| {
        format!(
            "{BASE}title: In\nid: in\ncorrelation: {{type: event_count, rules: [base], group-by: [ip], timespan: 5m, condition: {{gte: 2}}}}\n---\ntitle: Out\nid: out\ncorrelation: {{type: temporal_ordered, rules: [in, base], group-by: [{group}], timespan: 5m{more}}}\n"
        )
    };
    assert!(load(&chain("ip", "")).quarantined().is_empty());
    assert!(
        load(&chain("who", ", aliases: {who: {in: ip, base: user}}"))
            .quarantined()
            .is_empty()
    );
    let (_, key, reason) = fault(&chain("user", ""));
    assert!(
        key == "correlation.rules" && reason.contains("does not group by `user`"),
        "{reason}"
    );
}

#[test]
fn a_misplaced_bracket_or_tab_is_told_at_its_line() {
    let (line, _, reason) = fault("title: T\n\tlevel: low\n");
    assert!(line == 2 && reason.contains("tab"), "{line}: {reason}");
    let (line, _, reason) = fault("title: T\nx: *all\n");
    assert!(line == 2 && reason.contains("quote"), "{line}: {reason}");
    let (_, _, reason) = fault("- a\n");
    assert!(reason.contains("a map"), "{reason}");
    let (_, _, reason) = fault("title: T\n");
    assert!(
        reason.contains("`filter`") && reason.contains("`detection`"),
        "{reason}"
    );
}

/// A rule that selects `v` of `field`, called `name`, with these lines before its detection.
fn counted(name: &str, more: &str, value: u8) -> String {
    format!(
        "title: {name} {value}\nname: {name}\n{more}logsource: {{product: app}}\ndetection:\n  s: {{a: {value}}}\n  condition: s\n---\n"
    )
}

fn twice(title: &str, rules: &str) -> String {
    format!(
        "title: {title}\ncorrelation:\n  type: event_count\n  rules: {rules}\n  timespan: 5m\n  condition: {{gte: 2}}\n"
    )
}

fn files(texts: &[&str]) -> DetectorSet {
    let files = texts
        .iter()
        .enumerate()
        .map(|(index, text)| RuleFile::new(format!("{index}.yml"), *text));
    DetectorSet::load(files, EntityFields::default(), Limits::default())
}

/// The detectors that fire on events with these values of `a`.
fn fired(set: &mut DetectorSet, values: &[u8]) -> Vec<String> {
    for (index, value) in values.iter().enumerate() {
        set.observe(&event(&index.to_string(), 1_000, json!({"a": value})));
    }
    let mut fired: Vec<_> = set.drain().into_iter().map(|d| d.title).collect();
    fired.sort();
    fired
}

#[test]
fn files_that_name_their_rules_alike_each_count_their_own() {
    let one = counted("base", "", 1) + &twice("One", "[base]");
    let two = counted("base", "", 2) + &twice("Two", "[base]");
    let mut set = files(&[&one, &two]);
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    assert_eq!(fired(&mut set, &[1, 1, 2]), ["One"]);
    assert_eq!(fired(&mut files(&[&one, &two]), &[2, 2, 1]), ["Two"]);
}

#[test]
fn a_correlation_does_not_count_the_namesake_of_a_rule_of_its_file_that_cannot_run() {
    let one = counted("base", "id: 6afb8c74-4629-4123-82c4-4714f5a33e8b\n", 1);
    let two = counted("base", "level: terrible\n", 2) + &twice("Two", "[base]");
    let mut set = files(&[&one, &two]);
    let told = &set.quarantined()[1];
    assert!(
        told.reason.contains("mend that rule first, at 1.yml:1"),
        "{}",
        told.reason
    );
    assert_eq!(fired(&mut set, &[1, 1]), ["base 1", "base 1"]);
}

#[test]
fn a_rule_that_only_a_faulty_correlation_counts_does_not_fire_for_it() {
    let broken = twice("Count", "[base]").replace("timespan", "time-span");
    let mut set = files(&[&(counted("base", "", 1) + &broken)]);
    assert_eq!(set.quarantined().len(), 2, "{:#?}", set.quarantined());
    assert!(fired(&mut set, &[1, 1]).is_empty());
    let lets = broken.replace("correlation:", "generate: true\ncorrelation:");
    let mut set = files(&[&(counted("base", "", 1) + &lets)]);
    assert_eq!(fired(&mut set, &[1]), ["base 1"]);
    // So does one that refers to a rule that is not there, and one that counts it.
    let dangling = counted("base", "", 1) + &twice("Count", "[base, other]");
    assert!(fired(&mut files(&[&dangling]), &[1, 1]).is_empty());
}

#[test]
fn what_is_said_about_a_rule_in_another_form_does_not_keep_it_from_running() {
    for said in [
        "falsepositives:\n  - Break-glass: expected\n",
        "references:\n  - {url: 'https://example.com', title: A page}\n",
        "authors: [A, B]\ndates: 2026-01-05\nlicence: MIT\nTags: [x]\ntest: true\n",
        "tests: tests/base.json\n",
        "tests:\n",
        "tests:\n  - {Name: of another tool, ExpectedResult: true, Log: {a: 1}}\n",
        "falsepositives:\n",
    ] {
        let mut set = files(&[&counted("base", said, 1)]);
        assert!(set.quarantined().is_empty(), "{said}: {:#?}", set.quarantined());
        assert_eq!(fired(&mut set, &[1]), ["base 1"]);
    }
    let set = files(&[&counted("base", "falsepositives: [Break-glass: expected]\n", 1)]);
    let info = serde_json::to_value(&set.detectors()[0]).unwrap();
    assert_eq!(info["falsepositives"], json!(["Break-glass: expected"]));
    let ours = "tests:\n  - {name: of ours, fires: true, evnts: []}\n";
    assert!(!files(&[&counted("base", ours, 1)]).quarantined().is_empty());
}

#[test]
fn a_correlation_is_read_in_the_forms_that_are_about() {
    let base = counted("base", "", 1) + &counted("other", "", 2);
    for body in [
        "type: value_count\n  rules: base\n  field: a\n  timespan: 5m\n  condition: {gte: 1}",
        "type: value_count\n  description: said here\n  rules: [base]\n  timespan: 5m\n  condition: {field: a, gte: 1}",
        "type: temporal_ordered\n  timespan: 5m\n  condition: base and base",
        "type: temporal\n  generate: no\n  timespan: 5m\n  condition: base or other",
    ] {
        let text = format!("{base}title: Count\ncorrelation:\n  {body}\n");
        let mut set = files(&[&text]);
        assert!(set.quarantined().is_empty(), "{body}: {:#?}", set.quarantined());
        assert!(fired(&mut set, &[1]).contains(&"Count".to_owned()), "{body}");
    }
    let ordered =
        "type: temporal_ordered\n  rules: [base, other]\n  timespan: 5m\n  condition: other and base";
    let mut set = files(&[&format!("{base}title: Count\ncorrelation:\n  {ordered}\n")]);
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    assert_eq!(fired(&mut set, &[1, 2]), ["Count"]);
    let both =
        "type: value_count\n  rules: [base]\n  field: a\n  timespan: 5m\n  condition: {field: a, gte: 1}";
    let text = format!("{base}title: Count\ncorrelation:\n  {both}\n");
    assert!(fault(&text).2.contains("in the `condition` too"));
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_others_alone() {
    let mut latin = counted("base", "", 1).into_bytes();
    latin.extend(b"# caf\xe9\n");
    let set = DetectorSet::load(
        [
            RuleFile::from_bytes("latin.yml", latin),
            RuleFile::unreadable("gone.yml", "No such file"),
            RuleFile::new("good.yml", counted("good", "", 2)),
        ],
        EntityFields::default(),
        Limits::default(),
    );
    assert_eq!(set.detectors().len(), 1);
    let told: Vec<_> = set.quarantined().iter().map(ToString::to_string).collect();
    assert_eq!(
        told[0],
        "latin.yml:8: this is not UTF-8: save the file in that encoding"
    );
    assert_eq!(told[1], "gone.yml: the file cannot be read: No such file");
}

#[test]
fn references_that_could_mean_several_rules_are_told_and_nobody_is_silenced_by_them() {
    let (one, two) = (counted("base", "", 1), counted("base", "", 2));
    let mut set = files(&[&one, &two, &twice("Third", "[base]")]);
    let told = &set.quarantined()[0];
    assert!(
        told.reason.contains("2 rules are called `base`"),
        "{}",
        told.reason
    );
    assert_eq!(fired(&mut set, &[1, 2]), ["base 1", "base 2"]);
    let same_file = format!("{one}{two}");
    let told = files(&[&same_file]).quarantined()[0].reason.clone();
    assert!(told.contains("already the name of the rule at 0.yml:1"), "{told}");
}

#[test]
fn an_id_means_one_rule_whatever_is_called_or_falls_beside_it() {
    const ID: &str = "id: 6afb8c74-4629-4123-82c4-4714f5a33e8b\n";
    let one = counted("base", ID, 1);
    let copy = counted("base", ID, 1) + &twice("Two", "[6AFB8C74-4629-4123-82c4-4714f5a33e8b]");
    let mut set = files(&[&one, &copy]);
    assert_eq!(set.quarantined().len(), 1, "{:#?}", set.quarantined());
    assert_eq!(fired(&mut set, &[1, 1]), ["Two"]);
    let upper = counted("other", &ID.to_uppercase().replace("ID:", "id:"), 2);
    assert_eq!(files(&[&one, &upper]).quarantined().len(), 1);
    // A title is no id, and so not the same in another case.
    let titled = counted("x", "", 1).replace("title: x 1\nname: x\n", "title: Base\n");
    let mut set = files(&[&titled, &counted("base", "", 2), &twice("Two", "[base]")]);
    assert_eq!(fired(&mut set, &[2, 2]), ["Two"]);
}

#[test]
fn a_faulty_correlation_that_lets_its_rules_fire_does_and_one_that_cancels_by_a_rule_does_not() {
    let lets = "title: Count\ncorrelation:\n  type: event_count\n  generate: yes\n  rules: [base]\n  timespan: soon\n  condition: {gte: 2}\n";
    assert_eq!(
        fired(&mut files(&[&(counted("base", "", 1) + lets)]), &[1]),
        ["base 1"]
    );
    let cancels = "title: Seq\ncorrelation:\n  type: sequence\n  rules: [base, other]\n  cancel: [third]\n  timespan: soon\n";
    let text = counted("base", "", 1) + &counted("other", "", 2) + &counted("third", "", 3) + cancels;
    assert!(fired(&mut files(&[&text]), &[1, 2, 3]).is_empty());
}

#[test]
fn a_filter_is_not_joined_to_the_namesake_of_a_rule_of_its_file_that_cannot_run() {
    let filter =
        "title: F\nlogsource: {product: app}\nfilter:\n  rules: [base]\n  s: {a: 1}\n  condition: not s\n";
    let two = counted("base", "level: terrible\n", 2) + filter;
    let mut set = files(&[&counted("base", "id: x\n", 1), &two]);
    assert!(
        set.quarantined()[1].reason.contains("mend that rule first"),
        "{:#?}",
        set.quarantined()
    );
    assert_eq!(fired(&mut set, &[1]), ["base 1"]);
}
