//! Tests that rules carry: events that must fire the rule and events that must not.
//!
//! ```yaml
//! tests:
//!   - name: ten failures from one address fire once
//!     fires: true                  # or false, or how many detections there must be
//!     events:
//!       - fields: {event: failed_password, src_ip: 203.0.113.9}
//!         repeat: 10               # so many events of this kind, one after the other
//!         every: 5s                # this far apart; one second unless said
//!         vary: {user: "user{n}"}  # fields that differ: {n} counts from 1
//!       - fields: {event: accepted, src_ip: 203.0.113.9}
//!         at: 10m                  # after the test's start, instead of after the event before
//!         raw: the line            # the fields as JSON unless said
//!         source: other            # the source's name
//!         logsource: {product: linux, service: sshd}   # the rule's own unless said
//! ```
//!
//! After the last event time goes on until every window has ended.

use crate::engine::DetectorSet;
use crate::sigma::condition::listed;
use crate::sigma::correlation_document::span;
use crate::sigma::similar::similar;
use crate::yaml::{Entry, Node, Value};
use crate::{DetectorInfo, Limits, RuleFile};
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::Map;
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

/// When the tests of rules take place: Monday, 5 January 2026, 09:00 UTC.
const START_SECONDS: i64 = 1_767_603_600;

/// How many events one line of a test may stand for.
const MOST_REPEATS: i64 = 100_000;

/// What became of one test of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleTestResult {
    /// The detector's id; of a rule that does not run, what it calls itself.
    pub detector: String,
    /// The detector's title.
    pub title: String,
    /// The rule's file.
    pub path: String,
    /// The line the test begins at.
    pub line: usize,
    /// The test's name.
    pub name: String,
    /// Whether it came out as the test says.
    pub passed: bool,
    /// What came out, and what was expected: `fired 2 times, expected once`.
    pub outcome: String,
}

/// A test as a rule carries it.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) line: usize,
    pub(crate) name: String,
    expected: Expected,
    events: Vec<ExampleEvents>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Fires(bool),
    Times(usize),
}

#[derive(Debug, Clone)]
struct ExampleEvents {
    fields: Map<String, serde_json::Value>,
    raw: Option<String>,
    after: Option<Duration>,
    source: String,
    log_source: Option<LogSource>,
    repeat: i64,
    every: Duration,
    vary: Vec<(String, String)>,
}

/// Line, key and reason of what is wrong with a test.
type Fault = (usize, String, String);

impl Example {
    /// Whether what stands at `tests` is meant as tests of ours, and not as those of another tool.
    pub(crate) fn is_meant(tests: &Node) -> bool {
        let ours = |entry: &Entry| ["fires", "events"].contains(&entry.key.as_str());
        let mut maps = tests.items().iter().filter_map(Node::entries);
        maps.any(|entries| entries.iter().any(ours))
    }

    /// Reads one test; tells every fault of it.
    pub(crate) fn read(node: &Node) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let entries = map(node, "", &["name", "fires", "events"], &mut faults);
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let name = find("name").and_then(|entry| entry.value.text());
        let expected = match find("fires").map(|entry| &entry.value.value) {
            Some(Value::Bool(fires)) => Some(Expected::Fires(*fires)),
            Some(Value::Integer(times)) => usize::try_from(*times).ok().map(Expected::Times),
            _ => None,
        };
        if name.is_none() {
            faults.push((
                node.line,
                "name".into(),
                "a test needs a `name` that says what it shows".into(),
            ));
        }
        if expected.is_none() {
            faults.push((
                node.line,
                "fires".into(),
                "a test needs `fires`: true, false, or how many detections there must be".into(),
            ));
        }
        let listed = find("events").map_or(&[][..], |entry| entry.value.items());
        if listed.is_empty() {
            faults.push((
                node.line,
                "events".into(),
                "a test needs a list of `events`".into(),
            ));
        }
        let events: Vec<_> = listed
            .iter()
            .filter_map(|node| ExampleEvents::read(node, &mut faults))
            .collect();
        match (name, expected) {
            (Some(name), Some(expected)) if faults.is_empty() => Ok(Self {
                line: node.line,
                name,
                expected,
                events,
            }),
            _ => Err(faults),
        }
    }

    /// How often the detector fires on the test's events, together with what it refers to but without its filters.
    fn run(&self, info: &DetectorInfo, pipelines: &[RuleFile], limits: &Limits) -> usize {
        let file = RuleFile::new(info.path.clone(), info.source.clone());
        let files = std::iter::once(file).chain(pipelines.iter().cloned());
        let mut set = DetectorSet::load(files, EntityFields::default(), limits.clone());
        // By itself the rule may be called otherwise than among others of its name; it stands first in its text.
        let detector = set.detectors().first().map(|own| own.id.clone());
        let log_source = info.log_sources.first().cloned().unwrap_or_default();
        let mut names: Vec<SourceName> = Vec::new();
        let mut at = start() - Duration::seconds(1);
        let mut number = 0;
        for events in &self.events {
            for n in 1..=events.repeat {
                at = match (n, events.after) {
                    (1, Some(after)) => start() + after,
                    (1, None) => at + Duration::seconds(1),
                    _ => at + events.every,
                };
                number += 1;
                let event = events.event(n, number, at, &log_source);
                if !names.contains(&event.source) {
                    names.push(event.source.clone());
                }
                set.observe(&event);
            }
        }
        for name in &names {
            set.advance(name, at + Duration::days(400));
        }
        set.drain()
            .iter()
            .filter(|detection| Some(&detection.detector) == detector.as_ref())
            .count()
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(START_SECONDS, 0).unwrap_or_default()
}

impl ExampleEvents {
    fn read(node: &Node, faults: &mut Vec<Fault>) -> Option<Self> {
        let before = faults.len();
        let allowed = [
            "fields",
            "raw",
            "at",
            "source",
            "logsource",
            "repeat",
            "every",
            "vary",
        ];
        let entries = map(node, "events", &allowed, faults);
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let mut timespan = |key: &str| {
            let entry = find(key)?;
            let text = entry.value.text().unwrap_or_default();
            let found = if text == "0s" { Some(0) } else { span(&text) };
            if found.is_none() {
                faults.push((
                    entry.line,
                    format!("events.{key}"),
                    format!("`{text}` is not a timespan: write one such as `5s` or `10m`"),
                ));
            }
            found.map(Duration::microseconds)
        };
        let (after, every) = (timespan("at"), timespan("every").unwrap_or(Duration::seconds(1)));
        let repeat = match find("repeat").map(|entry| &entry.value.value) {
            None => 1,
            Some(Value::Integer(times)) if (1..=MOST_REPEATS).contains(times) => *times,
            Some(_) => {
                faults.push((
                    node.line,
                    "events.repeat".into(),
                    format!("a whole number from 1 to {MOST_REPEATS} is needed here"),
                ));
                1
            }
        };
        let fields = match find("fields").map(|entry| entry.value.json()) {
            Some(serde_json::Value::Object(fields)) => fields,
            Some(_) => {
                faults.push((
                    node.line,
                    "events.fields".into(),
                    "a map of fields is needed here".into(),
                ));
                Map::new()
            }
            None => Map::new(),
        };
        let text = |key: &str| find(key).and_then(|entry| entry.value.text());
        let vary = find("vary")
            .and_then(|entry| entry.value.entries())
            .unwrap_or_default();
        let vary = vary
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), entry.value.text()?)));
        let log_source = find("logsource").map(|entry| {
            let part = |key: &str| {
                let entries = entry.value.entries().unwrap_or_default();
                entries
                    .iter()
                    .find(|entry| entry.key == key)
                    .and_then(|entry| entry.value.text())
            };
            LogSource {
                category: part("category"),
                product: part("product"),
                service: part("service"),
            }
        });
        (faults.len() == before).then(|| Self {
            fields,
            raw: text("raw"),
            after,
            source: text("source").unwrap_or_else(|| "test".into()),
            log_source,
            repeat,
            every,
            vary: vary.collect(),
        })
    }

    fn event(&self, n: i64, number: u64, at: DateTime<Utc>, log_source: &LogSource) -> Event {
        let mut fields = self.fields.clone();
        for (path, template) in &self.vary {
            set_field(&mut fields, path, template.replace("{n}", &n.to_string()).into());
        }
        Event {
            id: number.to_string(),
            source: SourceName(self.source.clone()),
            at,
            collected_at: at,
            log_source: self.log_source.clone().unwrap_or_else(|| log_source.clone()),
            raw: self
                .raw
                .clone()
                .unwrap_or_else(|| serde_json::Value::Object(fields.clone()).to_string()),
            fields: fields.into(),
            unparsed: None,
        }
    }
}

/// Sets a dotted path where the objects on it are there, and the whole path as one key otherwise.
fn set_field(fields: &mut Map<String, serde_json::Value>, path: &str, value: serde_json::Value) {
    if let Some((head, rest)) = path.split_once('.')
        && let Some(serde_json::Value::Object(inner)) = fields.get_mut(head)
    {
        set_field(inner, rest, value);
        return;
    }
    fields.insert(path.to_owned(), value);
}

/// The entries of a map, with a fault for each that is not allowed.
fn map<'a>(node: &'a Node, at: &str, allowed: &[&str], faults: &mut Vec<Fault>) -> &'a [Entry] {
    let Some(entries) = node.entries() else {
        faults.push((
            node.line,
            at.to_owned(),
            format!("a map is needed here with {}", listed(allowed)),
        ));
        return &[];
    };
    for entry in entries
        .iter()
        .filter(|entry| !allowed.contains(&entry.key.as_str()))
    {
        let near = allowed.iter().find(|key| similar(key, &entry.key));
        let hint = near.map_or(String::new(), |key| format!(", did you mean `{key}`"));
        let key = if at.is_empty() {
            entry.key.clone()
        } else {
            format!("{at}.{}", entry.key)
        };
        faults.push((
            entry.line,
            key,
            format!("this key is not known{hint}: allowed are {}", listed(allowed)),
        ));
    }
    entries
}

/// Runs every test that the rules carry, with the default limits. A rule that does not load gives one failed test for each of
/// its faults.
#[must_use]
pub fn test_rules(files: impl IntoIterator<Item = RuleFile>) -> Vec<RuleTestResult> {
    test_rules_within(files, &Limits::default())
}

/// Runs every test that the rules carry, with the caller's limits and placeholders and the pipelines among the files. Each rule is
/// tried by itself, with the rules it refers to wherever they stand; filters are left out, since they belong to an installation
/// and not to the rule.
#[must_use]
pub fn test_rules_within(files: impl IntoIterator<Item = RuleFile>, limits: &Limits) -> Vec<RuleTestResult> {
    let set = DetectorSet::load(files, EntityFields::default(), limits.clone());
    let pipelines: Vec<_> = set
        .catalog
        .pipelines
        .iter()
        .map(|pipeline| RuleFile::new("pipelines", pipeline.source.to_string()))
        .collect();
    let faults = set.quarantined().iter().map(|fault| RuleTestResult {
        detector: fault.rule.clone().unwrap_or_default(),
        title: fault.rule.clone().unwrap_or_default(),
        path: fault.path.clone(),
        line: fault.line.unwrap_or(1),
        name: "the rule loads".into(),
        passed: false,
        outcome: fault.to_string(),
    });
    let mut results: Vec<_> = faults.collect();
    for (info, meta) in set.detectors().iter().zip(set.catalog.metas()) {
        for example in &meta.examples {
            let fired = example.run(info, &pipelines, limits);
            let (passed, expected) = match example.expected {
                Expected::Fires(fires) => (
                    fires == (fired > 0),
                    if fires {
                        "at least once".into()
                    } else {
                        "never".to_owned()
                    },
                ),
                Expected::Times(times) => (times == fired, format!("{times} times")),
            };
            results.push(RuleTestResult {
                detector: info.id.clone(),
                title: info.title.clone(),
                path: info.path.clone(),
                line: example.line,
                name: example.name.clone(),
                passed,
                outcome: format!("fired {fired} times, expected {expected}"),
            });
        }
    }
    results
}
