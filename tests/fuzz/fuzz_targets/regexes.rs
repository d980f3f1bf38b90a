#![no_main]
//! Regular expressions from anybody: what is taken compiles, ends soon, and matches what PCRE2 matches.
//!
//! An input is a pattern, a line break, and the text to look at.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_detect::{DetectorSet, Limits, Severity, lint};
use watchkeeper_domain::event::EntityFields;
use watchkeeper_fuzz::{file, mutate::Mutator, quoted, seeds, yaml_quoted};

const WORDS: [&str; 88] = [
    "^", "$", ".", "*", "+", "?", "*?", "++", "?+", "{2}", "{2,}", "{,3}", "{1,3}", "{1,3}+", "|", "(", ")", "(?:", "(?i)", "(?i:", "(?-i)",
    "(?m)", "(?s)", "(?x)", "(?^", "(?>", "(?|", "(?#", "(?<n>", "(?P<n>", "(?'n'", "(?=", "(?!", "(?<=", "(?R)", "[", "]", "[^", "[]", "[^]",
    "-", "&&", "~~", "--", "[:alpha:]", "[[:^digit:]]", "[:word:]", "\\", "\\\\", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\h", "\\H", "\\v", "\\V", "\\R",
    "\\N", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\K", "\\Q", "\\E", "\\x41", "\\x{42}", "\\103", "\\o{104}", "\\cA", "\\e", "\\t", "\\n", "\\pL", "\\p{^Lu}",
    "\\P{Nd}", "\\1", "a", "B", "0", "_", " ", "#", "\n",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| {
    // Long expressions take long to compile, and show nothing that short ones do not.
    let mut texts: Vec<String> = seeds::regexes().into_iter().filter(|text| text.len() <= 100).collect();
    texts.extend(["^a.c$\nabc", "(?i)^[^]\\w-]+(?:x{2,3}|y)*$\n!!xxY", "(?m)^b$\na\nb\nc", "(?x) a b # c\nab"].map(str::to_owned));
    Mutator::new(texts, &WORDS)
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

/// A rule that looks for the pattern in the field `f`, or None where the pattern is refused.
fn rule(pattern: &str) -> Option<DetectorSet> {
    let text = format!(
        "title: T\nlogsource: {{product: app}}\ndetection:\n  s:\n    f|re: {}\n  condition: s\n",
        yaml_quoted(pattern)
    );
    let remarks = lint([file(&text)], &Limits::default());
    let set = DetectorSet::load([file(&text)], EntityFields::default(), Limits::default());
    let faults = remarks.iter().filter(|remark| remark.severity == Severity::Fault).count();
    assert_eq!(faults, set.quarantined().len());
    for fault in set.quarantined() {
        assert!(fault.reason.contains("regular expression"), "{pattern:?}: {fault}");
        assert!(!fault.reason.contains("regex parse error"), "the reason speaks of the rule's pattern: {fault}");
    }
    set.quarantined().is_empty().then_some(set)
}

fn matches(set: &DetectorSet, text: &str) -> bool {
    let event = format!("{{\"f\":{}}}", quoted(text));
    set.matcher(None, &[]).thread().judge(&event).expect("the event is JSON").matches() > 0
}

fn is_plain(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '/' | ':' | ',' | '@' | '%'))
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (pattern, text) = input.split_once('\n').unwrap_or((input, ""));
    let set = rule(pattern);
    if is_plain(pattern) {
        let set = set.as_ref().expect("a text without anything special is a pattern");
        assert!(matches(set, pattern) && matches(set, &format!("<{pattern}>")));
        assert_eq!(matches(set, text), text.contains(pattern), "{pattern:?} in {text:?}");
    }
    let Some(set) = set else { return };
    let found = matches(&set, text);
    // PCRE2 sees bytes here, so that only ASCII means the same; it backtracks, so that patterns must be short.
    if pattern.is_ascii() && text.is_ascii() && pattern.len() <= 80 && text.len() <= 40 {
        let Ok(oracle) = pcre2::bytes::RegexBuilder::new().build(pattern) else { return };
        if let Ok(expected) = oracle.is_match(text.as_bytes()) {
            assert_eq!(found, expected, "PCRE2 differs on {pattern:?} in {text:?}");
        }
    }
});
