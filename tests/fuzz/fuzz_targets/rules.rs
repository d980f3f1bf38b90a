#![no_main]
//! Rule files from anybody: loading, linting, explaining and testing them ends with a word about it, soon.
//!
//! That it ends soon is libFuzzer's to watch: run it with `-timeout`.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde_json::json;
use std::sync::LazyLock;
use watchkeeper_detect::{DetectorSet, Limits, Severity, lint, test_rules_within};
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};
use watchkeeper_fuzz::{file, mutate::Mutator, seeds};

/// Longer texts than this are not read.
const LONGEST: usize = 64 << 10;

const WORDS: [&str; 104] = [
    "title: ", "id: ", "name: ", "logsource:", "product: app", "detection:", "condition: ", "correlation:", "type: ", "rules:",
    "group-by:", "timespan: ", "aliases:", "generate: true", "filter:", "pipeline:", "transformations:", "fields:", "prefix: ",
    "set-logsource:", "tests:", "fires: true", "fires: 2", "events:", "repeat: 3", "every: 5s", "vary:", "at: 10m", "raw: ",
    "event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median",
    "ratio", "absence", "sequence", "leaky_bucket", "of: ", "gap: 5s", "cancel:", "capacity: 5", "leak: 10s", "distinct:", "mute: 1m",
    "min-events: 1", "min-matches: 1", "percentile: 50", "field: ", "gte: 2", "gt: 1", "lt: 3", "lte: 1", "eq: 2", "neq: 0",
    "|contains", "|startswith", "|endswith", "|all", "|cased", "|exists", "|re", "|i", "|m", "|s", "|cidr", "|base64",
    "|base64offset", "|wide", "|utf16le", "|utf16be", "|utf16", "|windash", "|fieldref", "|gt", "|gte", "|lt", "|lte", "|neq",
    "|expand", "|minute", "|hour", "|week", "1 of ", "all of ", "them", " and ", " or ", " not ", "(", ")", "*", "\\*", "?", "%p%",
    "null", "''", "[]", "{}", "&a ", "*a",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::rules(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

fn event(number: u32, log_source: &LogSource) -> Event {
    let fields = json!({"a": "x", "x.b": ["xé", 3], "x.d": "2026-01-05T03:00:00Z", "eventName": "StopLogging", "user": "u", "n": number});
    let at = chrono::DateTime::from_timestamp(1_767_603_600 + i64::from(number), 0).unwrap_or_default();
    Event {
        id: number.to_string(),
        source: SourceName("fuzz".into()),
        at,
        collected_at: at,
        log_source: log_source.clone(),
        raw: fields.to_string(),
        fields: fields.as_object().cloned().unwrap_or_default().into(),
        unparsed: None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > LONGEST {
        return;
    }
    // A lone carriage return ends a line as well.
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    let mut limits = Limits::default();
    limits.placeholders.insert("p".into(), vec!["v".into(), "w*".into()]);
    let mut set = DetectorSet::load([file(text)], EntityFields::default(), limits.clone());
    for fault in set.quarantined() {
        assert!(!fault.reason.is_empty() && fault.to_string().starts_with("fuzz.yml"), "{fault}");
        assert!(fault.line.is_none_or(|line| line >= 1 && line <= lines + 1), "{fault}");
    }
    let remarks = lint([file(text)], &limits);
    let faults = remarks.iter().filter(|remark| remark.severity == Severity::Fault).count();
    assert_eq!(faults, set.quarantined().len());
    let infos: Vec<_> = set.detectors().to_vec();
    for (number, info) in (0..).zip(infos.iter().take(20)) {
        let event = event(number, &info.log_sources.first().cloned().unwrap_or_default());
        assert!(set.explain(&info.id, &event).is_some(), "{}", info.id);
        set.observe(&event);
    }
    set.advance(&SourceName("fuzz".into()), event(4_000_000, &LogSource::default()).at);
    set.drain();
    // What loads once loads again from what is kept of it, as reloads and tests do.
    if set.quarantined().is_empty() {
        let report = set.reload([file(text)]);
        assert_eq!((report.quarantined, report.added.len(), report.restarted.len(), report.gone.len()), (0, 0, 0, 0), "{report:?}");
    }
    // A test may ask for 100,000 events a line: that is its author's to wait for, and not a hang.
    let long_number = text.as_bytes().windows(4).any(|digits| digits.iter().all(u8::is_ascii_digit));
    if !(text.contains("repeat") && long_number) {
        test_rules_within([file(text)], &limits);
    }
});
