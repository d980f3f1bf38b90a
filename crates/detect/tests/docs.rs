//! The page on detectors is true: its rules load, its tests pass, its tables of modifiers hold.

mod support;

use support::{fires, rule};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile, Severity, lint, test_rules_within};
use watchkeeper_domain::event::EntityFields;

const PAGE: &str = include_str!("../../../docs/detectors.md");

/// Every block of YAML that is a document of ours, called by the line of the page it begins at.
fn examples() -> Vec<RuleFile> {
    let mut found = Vec::new();
    let mut open: Option<RuleFile> = None;
    for (index, line) in PAGE.lines().enumerate() {
        match (&mut open, line) {
            (None, "```yaml") => {
                open = Some(RuleFile::new(
                    format!("docs/detectors.md, behind line {}", index + 1),
                    String::new(),
                ));
            }
            (Some(_), "```") => found.extend(open.take()),
            (Some(block), line) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// What the page says is configured.
fn limits() -> Limits {
    let mut limits = Limits::default();
    let admins = vec!["root".into(), "administrator".into()];
    limits.placeholders.insert("admins".into(), admins);
    limits
}

#[test]
fn every_example_loads_beside_the_others_and_lint_finds_no_fault_and_nothing_suspicious() {
    let files = examples();
    assert!(files.len() > 20, "{} blocks", files.len());
    let found: Vec<_> = lint(files.clone(), &limits())
        .into_iter()
        .filter(|remark| remark.severity != Severity::Remark)
        .map(|remark| format!("{} {:?}: {}", remark.path, remark.line, remark.message))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let set = DetectorSet::load(files, EntityFields::default(), limits());
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
}

#[test]
fn every_kind_is_shown_and_carries_tests_both_ways() {
    let page = examples().into_iter().map(|file| file.text).collect::<String>();
    let kinds = [
        "event_count",
        "value_count",
        "temporal",
        "temporal_ordered",
        "value_sum",
        "value_avg",
        "value_percentile",
        "value_median",
        "ratio",
        "absence",
        "sequence",
        "leaky_bucket",
    ];
    for kind in kinds {
        let shown = page
            .split("\n---\n")
            .flat_map(|document| document.split("\ntitle: "))
            .find(|document| document.contains(&format!("type: {kind}\n")));
        let shown = shown.unwrap_or_else(|| panic!("{kind} is not shown"));
        assert!(
            shown.contains("fires: false") && shown.matches("fires:").count() > 1,
            "{kind} is not tested both ways"
        );
    }
}

#[test]
fn the_tests_of_every_example_pass() {
    let results = test_rules_within(examples(), &limits());
    let failed: Vec<_> = results.iter().filter(|result| !result.passed).collect();
    assert!(
        failed.is_empty() && results.len() > 40,
        "{} tests: {failed:#?}",
        results.len()
    );
}

/// The rows of tables with a line of a selection, an event that it holds for and one that it does not hold for.
fn rows() -> Vec<[String; 3]> {
    let cells = |line: &str| {
        let escaped = line.replace(r"\|", "\u{0}");
        let cells: Vec<String> = escaped
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').replace('\u{0}', "|"))
            .collect();
        match cells.as_slice() {
            [_, item, yes, no, _] if yes.starts_with('{') && no.starts_with('{') => {
                Some([item.clone(), yes.clone(), no.clone()])
            }
            _ => None,
        }
    };
    PAGE.lines().filter_map(cells).collect()
}

#[test]
fn every_row_of_the_tables_of_modifiers_and_texts_holds() {
    let rows = rows();
    assert!(rows.len() > 30, "{} rows", rows.len());
    for [item, yes, no] in rows {
        let body = format!("s:\n  {item}\ncondition: s");
        let event = |text: &str| serde_json::from_str(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert!(fires(&body, event(&yes)), "{item} must hold for {yes}");
        assert!(!fires(&body, event(&no)), "{item} must not hold for {no}");
    }
}

#[test]
fn every_modifier_is_named_on_the_page() {
    // Lint names what is allowed where one is not.
    let unknown = support::detection("s: {a|nothing_such: 1}\ncondition: s");
    let told = lint([rule(&unknown)], &Limits::default());
    let told = &told
        .iter()
        .find(|remark| remark.severity == Severity::Fault)
        .unwrap()
        .message;
    let (_, allowed) = told.split_once("allowed are ").unwrap();
    for name in allowed.split(", ") {
        let bare = name.trim_matches('`');
        let in_table = PAGE.contains(&format!(r"\|{bare}"));
        assert!(in_table || PAGE.contains(name), "{name} is not named");
    }
}
