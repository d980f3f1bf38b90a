//! What the tests of the detection engine share: events, rule files, and the public data where it is there.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it, and none exports it"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare must fail")]

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value};
use std::io::Read;
use std::path::{Path, PathBuf};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

/// Monday, 5 January 2026, 09:00 UTC, and so many milliseconds.
pub fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_603_600, 0).unwrap() + Duration::milliseconds(milliseconds)
}

pub fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}

/// An event of an application called `app`.
pub fn event(id: &str, milliseconds: i64, value: Value) -> Event {
    Event {
        id: id.into(),
        source: SourceName("test".into()),
        at: at(milliseconds),
        collected_at: at(milliseconds),
        log_source: LogSource {
            product: Some("app".into()),
            ..LogSource::default()
        },
        raw: value.to_string(),
        fields: fields(value).into(),
        unparsed: None,
    }
}

pub fn rule(text: &str) -> RuleFile {
    RuleFile::new("rule.yml", text)
}

/// A set of these rules; they must all load.
pub fn set(text: &str) -> DetectorSet {
    set_within(text, Limits::default())
}

pub fn set_within(text: &str, limits: Limits) -> DetectorSet {
    let set = DetectorSet::load([rule(text)], EntityFields::default(), limits);
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    set
}

/// A rule with this detection.
pub fn detection(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("title: Test\nid: test\nlogsource:\n  product: app\ndetection:\n{body}")
}

/// Whether a rule with this detection fires on an event with these fields.
pub fn fires(body: &str, value: Value) -> bool {
    let mut set = set(&detection(body));
    set.observe(&event("1", 0, value));
    !set.drain().is_empty()
}

/// Where the public data is; says loudly that a test is skipped where it is not.
pub fn data() -> Option<PathBuf> {
    let found = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("SKIPPED: set WATCHKEEPER_TEST_DATA to the folder of public test data to run this test");
    }
    found
}

/// Every YAML file below a folder, by path.
pub fn rule_files(folder: &Path) -> Vec<RuleFile> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yml" || extension == "yaml")
            {
                files.push(RuleFile::new(
                    path.display().to_string(),
                    std::fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

pub fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text
}
