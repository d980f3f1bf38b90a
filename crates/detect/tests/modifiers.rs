//! Every modifier of the specification, as a table: what a selection matches and what not.

mod support;

use serde_json::{Value, json};
use support::{event, fires, rule, set_within};
use watchkeeper_detect::{DetectorSet, Limits};
use watchkeeper_domain::event::EntityFields;

/// A selection with events that it matches and events that it does not.
fn check(selection: &str, yes: &[Value], no: &[Value]) {
    let body = format!("s:\n  {}\ncondition: s", selection.replace('\n', "\n  "));
    for event in yes {
        assert!(fires(&body, event.clone()), "{selection} must match {event}");
    }
    for event in no {
        assert!(!fires(&body, event.clone()), "{selection} must not match {event}");
    }
}

fn reason(selection: &str) -> String {
    let body = support::detection(&format!("s:\n  {selection}\ncondition: s"));
    let set = DetectorSet::load([rule(&body)], EntityFields::default(), Limits::default());
    let told = set.quarantined().first();
    told.unwrap_or_else(|| panic!("{selection} was taken"))
        .reason
        .clone()
}

#[test]
fn places_all_and_cased_join_freely() {
    check(
        "a|contains|all: [x, y]",
        &[json!({"a": "Yx"})],
        &[json!({"a": "x"})],
    );
    check("a|contains|all: x", &[json!({"a": "axb"})], &[json!({"a": "y"})]);
    check(
        "a|startswith|cased: Ab",
        &[json!({"a": "Abc"})],
        &[json!({"a": "abc"})],
    );
    check(
        "a|endswith: '\\x.exe'",
        &[json!({"a": "C:\\X.EXE"})],
        &[json!({"a": "x.exe"})],
    );
    check(
        "a|all: ['x*', '*y']",
        &[json!({"a": "x-y"}), json!({"a": ["x1", "2y"]})],
        &[json!({"a": "x"})],
    );
}

#[test]
fn escapes_and_wildcards_mean_what_the_specification_says() {
    let backslashes = |count: usize| "\\".repeat(count);
    for (value, text) in [
        (format!("a{}b", backslashes(1)), "a\\b"),
        (format!("a{}b", backslashes(2)), "a\\b"),
        (format!("a{}*b", backslashes(1)), "a*b"),
        (format!("a{}*b", backslashes(3)), "a\\*b"),
        (format!("a{}b", backslashes(3)), "a\\\\b"),
        (format!("a{}b", backslashes(4)), "a\\\\b"),
        (format!("a{}?b", backslashes(1)), "a?b"),
    ] {
        check(
            &format!("a: '{value}'"),
            &[json!({"a": text})],
            &[json!({"a": format!("{text}x")})],
        );
    }
    check(r"a: 'a\\*b'", &[json!({"a": "a\\zzb"})], &[json!({"a": "azzb"})]);
    check(
        "a: 'x?z*'",
        &[json!({"a": "xyz"}), json!({"a": "xyzzz"})],
        &[json!({"a": "xz"})],
    );
    check(
        "a: '*'",
        &[json!({"a": "x"}), json!({"a": ""})],
        &[json!({"b": 1})],
    );
}

#[test]
fn windash_takes_every_dash_for_every_other() {
    let texts = ["-", "/", "–", "—", "―"];
    for written in texts {
        let selection = format!("a|windash|contains: ' {written}enc '");
        for found in texts {
            check(&selection, &[json!({"a": format!("x {found}enc y")})], &[]);
        }
        check(&selection, &[], &[json!({"a": "x enc y"})]);
    }
    check(
        "a|contains|windash|all: [' -a', ' -b']",
        &[json!({"a": "x /a –b"})],
        &[json!({"a": "x /a b"})],
    );
}

#[test]
fn wide_without_base64_is_found_between_nul_characters() {
    check(
        "a|wide|contains: cmd",
        &[json!({"a": "x\0c\0m\0d\0"})],
        &[json!({"a": "cmd"})],
    );
    check(
        "a|utf16be: ab",
        &[json!({"a": "\0a\0b"})],
        &[json!({"a": "a\0b\0"})],
    );
    check(
        "a|utf16: ab",
        &[json!({"a": "\u{feff}a\0b\0"})],
        &[json!({"a": "a\0b\0"})],
    );
    assert!(reason("a|wide: é").contains("base64"));
    assert!(reason("a|base64|wide: x").contains("before"));
}

#[test]
fn comparisons_take_numbers_in_any_dress() {
    check(
        "a|gt: '5'",
        &[json!({"a": 6}), json!({"a": "6.5"})],
        &[json!({"a": 5})],
    );
    check("a|gte: 5\na|lt: 10", &[json!({"a": 5})], &[json!({"a": 10})]);
    check("a|lte|neq: 5", &[json!({"a": 6})], &[json!({"a": 5})]);
    check("a|neq: 5", &[json!({"a": 6}), json!({})], &[json!({"a": "5"})]);
    check(
        "a: 0",
        &[json!({"a": "0"}), json!({"a": 0.0})],
        &[json!({"a": ""}), json!({"a": false})],
    );
    check(
        "a: true",
        &[json!({"a": "True"}), json!({"a": true})],
        &[json!({"a": 1})],
    );
    check(
        "a: 18446744073709551615",
        &[json!({"a": 18_446_744_073_709_551_615_u64})],
        &[json!({"a": 1})],
    );
    check(
        "a: 1234567890123456789",
        &[
            json!({"a": 1_234_567_890_123_456_789_i64}),
            json!({"a": "1234567890123456789"}),
        ],
        &[json!({"a": 1_234_567_890_123_456_788_i64})],
    );
    check(
        "a: 18446744073709551615",
        &[],
        &[json!({"a": 18_446_744_073_709_551_614_u64})],
    );
    assert!(reason("a|gt: many").contains("number"));
}

#[test]
fn parts_of_a_timestamp_are_taken_in_utc() {
    let night = json!({"at": "2026-01-05T23:30:00Z"});
    let day = json!({"at": "2026-01-06T12:05:00Z"});
    check(
        "at|hour: 23",
        &[night.clone(), json!({"at": "2026-01-06T00:30:00+01:00"})],
        &[day.clone(), json!({"at": "x"}), json!({})],
    );
    check(
        "at|hour|gte: 22",
        std::slice::from_ref(&night),
        std::slice::from_ref(&day),
    );
    check(
        "at|minute|lt: 10",
        std::slice::from_ref(&day),
        std::slice::from_ref(&night),
    );
    check(
        "at|day: [5, 7]",
        std::slice::from_ref(&night),
        std::slice::from_ref(&day),
    );
    check(
        "at|week: 2",
        std::slice::from_ref(&night),
        &[json!({"at": "2026-01-01"})],
    );
    check(
        "at|month: 1\nat|year: 2026",
        &[json!({"at": 1_767_654_450})],
        &[json!({"at": "2025-01-05"})],
    );
    check(
        "at|hour|neq: 23",
        std::slice::from_ref(&day),
        std::slice::from_ref(&night),
    );
    assert!(reason("at|hour: 24").contains("from 0 to 23"));
    assert!(reason("at|hour|minute: 3").contains("only one"));
    assert!(reason("at|hour|contains: 3").contains("allowed with"));
}

#[test]
fn fields_are_compared_at_any_place() {
    check(
        "a|fieldref|startswith: b",
        &[json!({"a": "xyz", "b": "XY"})],
        &[json!({"a": "xyz", "b": "yz"})],
    );
    check(
        "a|fieldref|contains|cased: b",
        &[json!({"a": "xYz", "b": "Y"})],
        &[json!({"a": "xyz", "b": "Y"})],
    );
    check(
        "a|fieldref|neq: b",
        &[json!({"a": "x", "b": "y"})],
        &[json!({"a": "x", "b": "X"})],
    );
    assert!(reason("a|fieldref: 'x*'").contains("without wildcards"));
}

#[test]
fn regular_expressions_are_those_of_pcre() {
    check(
        r"a|re: '^C:\\Win{2}$|\<x\>'",
        &[json!({"a": "C:\\Winn"}), json!({"a": "<x>"})],
        &[json!({"a": "x"})],
    );
    check(
        "a|re|i: ['abc', 'x{']",
        &[json!({"a": "ABC"}), json!({"a": "X{"})],
        &[json!({"a": "x"})],
    );
    check(
        "a|re|startswith: 'a|b'",
        &[json!({"a": "bx"})],
        &[json!({"a": "xb"})],
    );
    check(
        "a|re|endswith: 'a|b'",
        &[json!({"a": "xb"})],
        &[json!({"a": "bx"})],
    );
    check(
        "a|re|all: ['x', 'y']",
        &[json!({"a": "yx"})],
        &[json!({"a": "y"})],
    );
    assert!(reason("a|re: '(?!x)y'").contains("look-around"));
    assert!(reason(r"a|re: '(?:(?:\w{1000}){1000}){1000}'").contains("larger than"));
    assert!(reason("a|i: x").contains("after `re` only"));
}

#[test]
fn keywords_take_modifiers_of_texts() {
    let body = |keywords: &str| format!("k:\n  {keywords}\ncondition: k");
    assert!(fires(&body("'|re': 'o.e'"), json!({"m": "one"})));
    assert!(!fires(&body("'|re': 'o.x'"), json!({"m": "one"})));
    assert!(fires(&body("- one\n  - f: two"), json!({"f": "two"})));
    assert!(fires(
        &body("'|contains|all': [one, two]\n  f: 1"),
        json!({"m": "two one", "f": 1})
    ));
    assert!(!fires(
        &body("'|contains|all': [one, two]\n  f: 1"),
        json!({"m": "two one", "f": 2})
    ));
    assert!(reason("'|exists': true").contains("needs a field"));
}

#[test]
fn a_map_where_a_value_belongs_is_told_how_to_write_the_path() {
    assert!(reason("user: {name: x}").contains("`user.name`"));
}

#[test]
fn placeholders_load_when_they_are_configured_and_tell_their_names_otherwise() {
    let body = support::detection(
        "s:\n  user|expand: '%Admins%-\\%x'\n  host|contains|expand: '%Servers%'\ncondition: s",
    );
    let bare = DetectorSet::load([rule(&body)], EntityFields::default(), Limits::default());
    let told: Vec<_> = bare.quarantined().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains("`%Admins%` is not configured") && told[1].contains("`%Servers%`"),
        "{told:?}"
    );
    let mut limits = Limits::default();
    limits
        .placeholders
        .insert("Admins".into(), vec!["root".into(), "adm*".into()]);
    limits.placeholders.insert("Servers".into(), vec!["srv".into()]);
    let mut set = set_within(&body, limits);
    set.observe(&event("1", 0, json!({"user": "admin1-%x", "host": "my-srv-1"})));
    set.observe(&event("2", 0, json!({"user": "eve-%x", "host": "my-srv-1"})));
    assert_eq!(set.drain().len(), 1);
}
