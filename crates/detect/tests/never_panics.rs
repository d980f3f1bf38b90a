//! Whatever stands in a file, loading, linting and explaining end with a word about it.

mod support;

use proptest::prelude::*;
use serde_json::json;
use support::{event, rule};
use watchkeeper_detect::{DetectorSet, Limits, Severity, lint};
use watchkeeper_domain::event::EntityFields;

const SOUND: &str = "title: Base\nid: base\ntags: [attack.t1110, x.y]\nlogsource: {product: app}\ndetection:\n  s:\n    a|contains|all: ['x%y', \"\\u00e9*\"]\n    b|re|i: '^(?:a{2}|[^]\\w-])+$'\n    c|expand: '%p%-\\%'\n    d|hour|gte: 3\n    e|base64offset|contains: foobar\n  k: [word, {f|cidr: 10.0.0.0/8}]\n  condition: 1 of s* and not (k or all of them)\n---\ntitle: Count\ncorrelation:\n  type: temporal\n  rules: [base, other]\n  group-by: [who]\n  aliases: {who: {base: a}}\n  timespan: 5m\n  condition: {gte: 1}\n---\ntitle: Filter\nlogsource: {product: app}\nfilter: {rules: any, s: {a: null}, condition: not s}\n---\npipeline: {name: p, logsource: {product: app}, fields: {a: [b, c]}, prefix: x.}\n";

fn try_all(text: &str) {
    let mut limits = Limits::default();
    limits.placeholders.insert("p".into(), vec!["v".into()]);
    let set = DetectorSet::load([rule(text)], EntityFields::default(), limits.clone());
    let faults = lint([rule(text)], &limits)
        .into_iter()
        .filter(|remark| remark.severity == Severity::Fault)
        .count();
    assert_eq!(faults, set.quarantined().len());
    let fields = json!({"a": "x", "x.b": ["xé", 3], "x.d": "2026-01-05T03:00:00Z"});
    for info in set.detectors() {
        assert!(set.explain(&info.id, &event("1", 0, fields.clone())).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_document_with_characters_lost_doubled_or_changed_is_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[ -~é\n\t]{0,3}", 0_usize..4), 1..6)
    ) {
        let mut characters: Vec<char> = SOUND.chars().collect();
        for (place, put, drop) in edits {
            let at = place.index(characters.len());
            let end = (at + drop).min(characters.len());
            characters.splice(at..end, put.chars());
        }
        try_all(&characters.into_iter().collect::<String>());
    }

    #[test]
    fn conditions_of_any_words_are_read_or_refused(words in prop::collection::vec("and|or|not|of|1|all|them|s|k|s\\*|\\(|\\)|\\|", 0..12)) {
        try_all(&SOUND.replace("1 of s* and not (k or all of them)", &words.join(" ")));
    }
}

#[test]
fn the_text_that_is_changed_is_sound_but_for_one_reference() {
    let mut limits = Limits::default();
    limits.placeholders.insert("p".into(), vec!["v".into()]);
    let set = DetectorSet::load([rule(SOUND)], EntityFields::default(), limits);
    assert_eq!(set.quarantined().len(), 1, "{:#?}", set.quarantined());
}
