//! The detectors that ship, behind the parsers that ship: real attack logs are seen, ordinary traffic is not.
//!
//! Takes the public test data (`WATCHKEEPER_TEST_DATA`); without it the tests say loudly that they were left out.

use chrono::{DateTime, Duration, Utc};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{File, read_to_string};
use std::io::Read;
use std::path::PathBuf;
use watchkeeper::embedded::shipped_rules;
use watchkeeper_collect::parse::{Context, Interpretation, Origin};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::event::{EntityFields, Event, SourceName};

/// The folders whose detectors judge the logs of web, SSH and FTP servers.
const FOLDERS: [&str; 3] = ["detectors/abuse/", "detectors/access/", "detectors/application/"];

fn data() -> Option<PathBuf> {
    let found = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("SKIPPED: set WATCHKEEPER_TEST_DATA to the directory of public test data to run this test");
    }
    found
}

fn rules() -> Vec<RuleFile> {
    let mut rules = shipped_rules();
    // Rules there refer to one of the folder for errors.
    rules.retain(|rule| {
        FOLDERS.iter().any(|folder| rule.path.starts_with(folder))
            || rule.path.starts_with("detectors/errors/")
    });
    rules
}

fn events(text: &str) -> Vec<Event> {
    let source = SourceName("log".into());
    let collected = DateTime::<Utc>::UNIX_EPOCH + Duration::weeks(2_965);
    let mut events = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let origin = Origin {
            source: &source,
            id: &number.to_string(),
            context: Context::collected(collected),
        };
        events.extend(Interpretation::default().events(origin, line));
    }
    events.sort_by_key(|event| event.at);
    events
}

/// Whether every event is of a kind that has a parser of its own.
fn known(events: &[Event]) -> bool {
    events.iter().all(|event| {
        event.log_source.category.as_deref() == Some("webserver")
            || matches!(event.log_source.service.as_deref(), Some("sshd" | "ftp"))
    })
}

/// The titles of the detectors that fire.
fn detected(rules: &[RuleFile], events: &[Event]) -> BTreeSet<String> {
    let mut set = DetectorSet::load(rules.to_vec(), EntityFields::default(), Limits::default());
    events.iter().for_each(|event| set.observe(event));
    if let Some(last) = events.last() {
        set.advance(&last.source, last.at + Duration::days(2));
    }
    set.drain().into_iter().map(|detection| detection.title).collect()
}

#[test]
fn every_attack_on_a_server_whose_log_is_read_is_seen_and_every_false_alarm_of_others_is_not() {
    let Some(folder) = data().map(|data| data.join("abuse")) else {
        return;
    };
    let cases: Vec<Value> =
        serde_json::from_str(&read_to_string(folder.join("cases.json")).unwrap()).unwrap();
    let rules = rules();
    let (mut attacks, mut missed, mut alarms) = (0, Vec::new(), Vec::new());
    for case in &cases {
        let name = case["case"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(case["log"].as_str().unwrap())).unwrap();
        let events = events(&String::from_utf8_lossy(&bytes));
        if !known(&events) {
            continue;
        }
        let found = detected(&rules, &events);
        if name.ends_with("-whitelist") {
            alarms.extend(found.into_iter().map(|title| format!("{name}: {title}")));
        } else {
            attacks += 1;
            if found.is_empty() {
                missed.push(name);
            }
        }
    }
    assert!(attacks >= 35, "{attacks} logs of attacks were read");
    assert!(missed.is_empty(), "no detector fires on {missed:?}");
    assert!(alarms.is_empty(), "{alarms:#?}");
}

#[test]
fn no_rule_for_attacks_fires_on_five_thousand_requests_of_real_visitors() {
    let Some(data) = data() else { return };
    let mut text = String::new();
    GzDecoder::new(File::open(data.join("web/access_benign.log.gz")).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let events = events(&text);
    assert!(events.len() == 5_000 && known(&events), "{} events", events.len());
    let found = detected(&rules(), &events);
    assert!(found.is_empty(), "{found:#?}");
}
