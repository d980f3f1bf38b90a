//! What lint says: each habit with what to write instead, and nothing about a good rule.

mod support;

use support::{detection, rule};
use watchkeeper_detect::{Limits, RuleFile, Severity, lint};

fn remarks(texts: &[&str]) -> Vec<(Severity, String, String)> {
    let files = texts
        .iter()
        .enumerate()
        .map(|(index, text)| RuleFile::new(format!("{index}.yml"), *text));
    let told = lint(files, &Limits::default());
    told.into_iter()
        .map(|remark| (remark.severity, remark.key.unwrap_or_default(), remark.message))
        .collect()
}

/// The remarks at keys that begin so, with their severity and message.
fn at(text: &str, key: &str) -> Vec<(Severity, String)> {
    let found = remarks(&[text])
        .into_iter()
        .filter(|(_, at, _)| at.starts_with(key));
    found.map(|(severity, _, message)| (severity, message)).collect()
}

const GOOD: &str = "title: Vault emptied\nid: 6afb8c74-4629-4123-82c4-4714f5a33e8b\nstatus: test\ndescription: Somebody deletes what the vault holds\ndate: 2026-01-05\ntags: [attack.impact, attack.t1485]\nfalsepositives: [The yearly clean-up]\nlevel: high\nlogsource: {product: app}\ndetection:\n  selection: {action: delete, path|startswith: /vault}\n  filter_robot: {user: robot}\n  condition: selection and not 1 of filter_*\ntests:\n  - {name: deletion, fires: 1, events: [{fields: {action: delete, path: /vault/x}}]}\n";

#[test]
fn a_good_rule_is_left_alone() {
    assert_eq!(remarks(&[GOOD]), []);
}

#[test]
fn faults_are_told_first_at_their_line() {
    let told = lint(
        [rule(&detection("s: {a|foo: 1}\ncondition: s"))],
        &Limits::default(),
    );
    let fault = told
        .iter()
        .find(|remark| remark.severity == Severity::Fault)
        .unwrap();
    assert_eq!(
        (fault.line, fault.key.as_deref()),
        (Some(6), Some("detection.s.a|foo"))
    );
    assert!(
        fault
            .to_string()
            .starts_with("rule.yml:6: fault: `detection.s.a|foo`: "),
        "{fault}"
    );
}

#[test]
fn values_that_do_not_do_what_they_seem_to_are_told_with_what_to_write() {
    for (selection, severity, part) in [
        ("a: ' x'", Severity::Warning, "space"),
        ("a: '*'", Severity::Remark, "exists: true"),
        ("a|contains: '*x*'", Severity::Remark, "leave the `*`"),
        ("a: '*abc*'", Severity::Remark, "|contains: abc"),
        ("a: '*abc'", Severity::Remark, "|endswith: abc"),
        ("a: 'abc*'", Severity::Remark, "|startswith: abc"),
        ("a: [Abc, x, aBC]", Severity::Warning, "line 6"),
        ("a|re: '^abc'", Severity::Remark, "|startswith|cased: abc"),
        ("a|re|i: 'abc\\.exe$'", Severity::Remark, "|endswith: abc.exe"),
        ("a|re: '.*a+bcd'", Severity::Remark, "leading `.*`"),
        (
            "a|re: '\\d+'",
            Severity::Remark,
            "tried on every event that has the field",
        ),
        ("a|contains|all: xyz", Severity::Remark, "`all`"),
        ("a|gt: '5'", Severity::Remark, "quotes"),
        ("a|cased: '123'", Severity::Remark, "letters"),
        ("a|contains: x", Severity::Warning, "single character"),
    ] {
        let told = at(
            &detection(&format!("s: {{{selection}}}\ncondition: s")),
            "detection.s",
        );
        let found = told
            .iter()
            .any(|(found, message)| *found == severity && message.contains(part));
        assert!(found, "{selection}: {told:?}");
    }
    assert!(
        at(&detection("k: [ab]\ncondition: k"), "detection.k")[0]
            .1
            .contains("keyword")
    );
    for quiet in [
        "a: x",
        "a|contains: ' x '",
        "a|re: 'abc\\d+'",
        "a: [x, y]",
        "a|cased: [Ab, AB]",
        "a: '\\*'",
    ] {
        assert_eq!(
            at(&detection(&format!("s: {{{quiet}}}\ncondition: s")), "detection"),
            [],
            "{quiet}"
        );
    }
}

#[test]
fn conditions_that_decide_nothing_are_warned_of() {
    for (body, key, part) in [
        (
            "s: {a: 1}\nt: {b: 1}\ncondition: s",
            "detection.t",
            "decides nothing",
        ),
        (
            "s: {a: 1}\ncondition: not s",
            "detection.condition",
            "no selection matches",
        ),
        (
            "s: {a: 1}\ncondition: s or not s",
            "detection.condition",
            "every event",
        ),
        (
            "s: {a: 1}\ncondition: s and not s",
            "detection.condition",
            "never hold",
        ),
    ] {
        let told = at(&detection(body), key);
        assert!(
            told.iter()
                .any(|(severity, message)| *severity == Severity::Warning && message.contains(part)),
            "{body}: {told:?}"
        );
    }
}

#[test]
fn what_a_rule_should_say_about_itself_is_asked_for() {
    let told = remarks(&[&detection("s: {a: 1}\ncondition: s")]);
    for key in [
        "id",
        "description",
        "level",
        "tags",
        "falsepositives",
        "date",
        "tests",
    ] {
        assert!(told.iter().any(|(_, at, _)| at == key), "{key}: {told:?}");
    }
    let text = GOOD
        .replace("attack.t1485", "attack.T1485, attack.t14, attack.impcat, nothing, cve.2021-44228, attack.g0016, attack.t1110.003")
        .replace("status: test", "status: deprecated\nrunbook: x")
        .replace("date: 2026-01-05", "date: 2026/01/05");
    assert_eq!(at(&text, "tags").len(), 4, "{:?}", at(&text, "tags"));
    assert_eq!(at(&text, "status")[0].0, Severity::Warning);
    assert_eq!((at(&text, "runbook").len(), at(&text, "date").len()), (1, 1));
}

#[test]
fn correlations_filters_and_pipelines_that_do_nothing_are_warned_of() {
    let count = "---\ntitle: C\ncorrelation:\n  type: event_count\n  rules: [Vault emptied, Vault emptied]\n  timespan: 30s\n  condition: {gte: 1}\n  aliases: {who: {Vault emptied: user}}\n";
    let told = remarks(&[&format!("{GOOD}{count}")]);
    for key in [
        "correlation.condition.gte",
        "correlation.timespan",
        "correlation.rules",
        "correlation.aliases.who",
    ] {
        assert!(told.iter().any(|(_, at, _)| at == key), "{key}: {told:?}");
    }
    let filter =
        "title: F\nlogsource: {product: other}\nfilter:\n  rules: any\n  s: {a: 1}\n  condition: s\n";
    let told = at(filter, "filter");
    assert!(
        told.iter().any(|(_, message)| message.contains("write `not`"))
            && told
                .iter()
                .any(|(_, message)| message.contains("joined to no rule")),
        "{told:?}"
    );
    assert!(
        at(
            "pipeline: {name: p, logsource: {product: other}, prefix: x}\n",
            "pipeline"
        )[0]
        .1
        .contains("changes nothing")
    );
}

#[test]
fn a_rule_that_is_only_counted_need_not_say_what_it_means_when_it_fires() {
    let counted = "title: Deletion\nid: 8afb8c74-4629-4123-82c4-4714f5a33e8b\ndate: 2026-01-05\nlogsource: {product: app}\ndetection:\n  selection: {action: delete, path|startswith: /vault}\n  filter_robot: {user: robot}\n  condition: selection and not 1 of filter_*\n";
    let count = |generate: bool| {
        format!(
            "title: Many deletions\nid: 9afb8c74-4629-4123-82c4-4714f5a33e8b\ndate: 2026-01-05\ndescription: Somebody deletes a lot\ntags: [attack.t1485]\nfalsepositives: [The yearly clean-up]\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [8afb8c74-4629-4123-82c4-4714f5a33e8b]\n  group-by: [user]\n  timespan: 1h\n  condition: {{gte: 1}}\n  generate: {generate}\ntests:\n  - {{name: deletion, fires: 1, events: [{{fields: {{user: a, action: delete, path: /vault/x}}}}]}}\n"
        )
    };
    let both = |generate: bool| format!("{}---\n{counted}", count(generate));
    // One detection for each user: that is what the correlation is for, though one event is enough. And the file before it looks
    // for the same, which people are told of once.
    assert_eq!(remarks(&[GOOD, &both(false)]), []);
    let told = remarks(&[GOOD, &both(true)]);
    let keys: Vec<&str> = told.iter().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "description",
            "level",
            "tags",
            "falsepositives",
            "tests",
            "detection"
        ]
    );
}

#[test]
fn an_expression_may_be_short_where_the_rule_asks_for_another_value() {
    let text = |more: &str| detection(&format!("s: {{a|re: '\\d+'{more}}}\ncondition: s"));
    let told = |more: &str| at(&text(more), "detection.s.a|re").len();
    assert_eq!((told(""), told(", b|exists: true"), told(", b: text")), (1, 1, 0));
}

#[test]
fn two_rules_that_are_one_are_told() {
    let other = GOOD.replace("6afb8c74", "7afb8c74");
    let told = remarks(&[GOOD, &other]);
    assert_eq!(
        told.iter().map(|(_, key, _)| key.as_str()).collect::<Vec<_>>(),
        ["title", "detection"]
    );
    assert!(
        told.iter().all(|(_, _, message)| message.contains("0.yml:1")),
        "{told:?}"
    );
}

#[test]
fn what_a_rule_runs_with_though_nothing_reads_it_is_warned_of() {
    let rule = GOOD
        .replace(
            "falsepositives: [The yearly clean-up]",
            "falsepositives: [Clean-up: yearly]\nauthors: [A]\ntaxonomy: ecs",
        )
        .replace("{product: app}", "{product: App}")
        .replace("  condition:", "  timeframe: 5m\n  condition:");
    let warned = remarks(&[&rule]);
    for key in [
        "falsepositives",
        "authors",
        "taxonomy",
        "logsource.product",
        "detection.timeframe",
    ] {
        let found =
            |(severity, at, _): &(Severity, String, String)| *severity == Severity::Warning && at == key;
        assert!(warned.iter().any(found), "{key}: {warned:#?}");
    }
    let foreign = "tests: tests/vault.json\n";
    assert!(
        at(
            &GOOD[..GOOD.find("tests:").unwrap()].replace("level", &format!("{foreign}level")),
            "tests"
        )[0]
        .1
        .contains("another tool")
    );
    let correlation = format!(
        "{GOOD}---\ntitle: Count\ncorrelation:\n  type: value_count\n  description: x\n  field: user\n  rules: [Vault emptied]\n  timespan: 5m\n  condition: {{gte: 3}}\n"
    );
    assert_eq!(at(&correlation, "correlation.field").len(), 1);
    assert_eq!(at(&correlation, "correlation.description").len(), 1);
}
