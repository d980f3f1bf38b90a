//! The detectors that ship: they load, their own tests pass, and they are quiet on real traffic that means no harm.

mod support;

use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use support::{data, gunzip, rule_files};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile, test_rules};
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

fn detectors() -> Vec<RuleFile> {
    rule_files(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../detectors"))
}

fn load() -> DetectorSet {
    let set = DetectorSet::load(detectors(), EntityFields::default(), Limits::default());
    let told: Vec<_> = set.quarantined().iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{told:#?}");
    set
}

#[test]
fn every_detector_passes_the_tests_it_carries() {
    let failed: Vec<_> = test_rules(detectors())
        .into_iter()
        .filter(|result| !result.passed)
        .collect();
    let told: Vec<_> = failed
        .iter()
        .map(|r| format!("{}:{}: {}: {}", r.path, r.line, r.name, r.outcome))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn every_detector_that_fires_carries_events_that_must_and_events_that_must_not_fire_it() {
    let set = load();
    let firing = set.detectors().iter().filter(|info| info.fires);
    let counted = Regex::new("fires: [1-9]").unwrap();
    let mut lacking = Vec::new();
    let mut count = 0;
    for info in firing {
        count += 1;
        let fires = info.source.contains("fires: true") || counted.is_match(&info.source);
        if !fires || !info.source.contains("fires: false") || info.tests < 2 {
            lacking.push(&info.title);
        }
    }
    assert!(
        lacking.is_empty() && count >= 34,
        "{count} detectors, of which these lack tests: {lacking:?}"
    );
}

#[test]
fn every_detector_says_who_it_is_and_when_it_is_wrong() {
    let uuid = Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$").unwrap();
    for info in load().detectors() {
        assert!(
            uuid.is_match(&info.id),
            "{}: `{}` is not a random UUID",
            info.title,
            info.id
        );
        assert!(info.description.len() > 20, "{} needs a description", info.title);
        if info.fires {
            assert!(
                !info.falsepositives.is_empty() && !info.tags.is_empty(),
                "{} needs false positives and tags",
                info.title
            );
            assert!(
                info.level > Level::Informational,
                "{} needs a level that somebody looks at",
                info.title
            );
        }
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        let hex = text
            .get(index + 1..index + 3)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[index], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                index += 3;
            }
            (byte, _) => {
                out.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The lines of a combined access log as events.
fn access_events(text: &str) -> Vec<Event> {
    let line =
        Regex::new(r#"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) ([^"]*)" (\d+) (\S+) "([^"]*)" "([^"]*)""#)
            .expect("the pattern is sound");
    let parsed = text.lines().enumerate().filter_map(|(number, raw)| {
        let found = line.captures(raw)?;
        let at = chrono::DateTime::parse_from_str(&found[3], "%d/%b/%Y:%H:%M:%S %z").ok()?.to_utc();
        let (stem, query) = found[5].split_once('?').unwrap_or((&found[5], ""));
        let status: u64 = found[7].parse().ok()?;
        let fields = json!({
            "c-ip": &found[1], "src_ip": &found[1], "cs-username": &found[2], "cs-method": &found[4], "cs-uri": &found[5],
            "cs-uri-stem": stem, "cs-uri-query": query, "cs-uri-decoded": decode(&decode(&found[5])), "cs-version": &found[6],
            "sc-status": status, "cs-referer": &found[9], "cs-user-agent": &found[10],
        });
        Some(Event {
            id: number.to_string(),
            source: SourceName("access".into()),
            at,
            collected_at: at,
            log_source: LogSource {
                category: Some("webserver".into()),
                product: Some("apache".into()),
                service: None,
            },
            fields: support::fields(fields).into(),
            raw: raw.to_owned(),
            unparsed: None,
        })
    });
    parsed.collect()
}

#[test]
fn real_visitors_set_off_no_attack_and_wake_nobody() {
    let Some(data) = data() else { return };
    let mut events = access_events(&gunzip(&data.join("web/access_benign.log.gz")));
    assert!(events.len() > 4_900, "{} lines were parsed", events.len());
    events.sort_by_key(|event| event.at);
    let mut set = load();
    events.iter().for_each(|event| set.observe(event));
    let mut by_title: BTreeMap<(Level, String), usize> = BTreeMap::new();
    for detection in set.drain() {
        *by_title.entry((detection.level, detection.title)).or_default() += 1;
    }
    eprintln!("on benign traffic: {by_title:?}");
    let waking: Vec<_> = by_title
        .iter()
        .filter(|((level, _), _)| *level >= Level::High)
        .collect();
    assert!(waking.is_empty(), "{waking:#?}");
    let all: usize = by_title.values().sum();
    assert!(all <= 5, "{all} detections on benign traffic: {by_title:#?}");
}

#[test]
fn a_real_attack_in_cloudtrail_is_seen() {
    let Some(data) = data() else { return };
    let text = gunzip(&data.join("cloudtrail/invictus.jsonl.gz"));
    let mut set = load();
    for (number, raw) in text.lines().enumerate() {
        let fields: Map<String, Value> = support::fields(serde_json::from_str(raw).unwrap());
        let at = fields["eventTime"].as_str().unwrap().parse().unwrap();
        set.observe(&Event {
            id: number.to_string(),
            source: SourceName("trail".into()),
            at,
            collected_at: at,
            log_source: LogSource {
                product: Some("aws".into()),
                service: Some("cloudtrail".into()),
                category: None,
            },
            fields: fields.into(),
            raw: raw.to_owned(),
            unparsed: None,
        });
    }
    let found = set.drain();
    let titles: std::collections::BTreeSet<_> =
        found.iter().map(|detection| detection.title.as_str()).collect();
    for expected in [
        "Access key created for another user",
        "CloudTrail was stopped or deleted",
    ] {
        assert!(
            titles.contains(expected),
            "{expected} is missing among {titles:?}"
        );
    }
    assert!(
        found.len() < 100,
        "{} detections are more than people can read",
        found.len()
    );
}
