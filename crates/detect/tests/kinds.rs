//! Rules of the kinds beside counts and shares, from YAML to the words of the detection.

mod support;

use serde_json::{Value, json};
use support::{at, event, set, set_within};
use watchkeeper_detect::{DetectorSet, Kind, Limits};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::SourceName;

/// Rules `a`, `b` and `c`, each for events whose `is` is its name, and the correlation.
fn rules(correlation: &str) -> String {
    let rule = |name: &str| {
        format!(
            "title: {}\nname: {name}\nlogsource: {{product: app}}\ndetection:\n  s: {{is: {name}}}\n  condition: s\n---\n",
            name.to_uppercase()
        )
    };
    let body: String = correlation.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "{}{}{}title: T\nid: t\ncorrelation:\n{body}",
        rule("a"),
        rule("b"),
        rule("c")
    )
}

fn without_lateness() -> Limits {
    Limits {
        lateness: chrono::Duration::zero(),
        ..Limits::default()
    }
}

/// An event of a rule, at so many seconds; its id is its instant and its fields.
fn send(set: &mut DetectorSet, seconds: i64, is: &str, fields: Value) {
    let mut all = json!({"is": is, "host": "web-1"});
    if let (Some(all), Value::Object(fields)) = (all.as_object_mut(), fields) {
        all.extend(fields);
    }
    set.observe(&event(&format!("{seconds} {all}"), seconds * 1_000, all));
}

fn pass(set: &mut DetectorSet, seconds: i64) {
    set.advance(&SourceName("test".into()), at(seconds * 1_000));
}

/// The only detection there is to hand out.
fn one(set: &mut DetectorSet) -> Detection {
    let told = set.drain();
    assert_eq!(told.len(), 1, "{told:#?}");
    told[0].clone()
}

/// A process that can be killed: a new one goes on with what the old one wrote down.
struct Process {
    set: DetectorSet,
    text: String,
    written: Vec<Vec<u8>>,
}

impl Process {
    fn start(text: &str) -> Self {
        Self {
            set: set_within(text, without_lateness()),
            text: text.into(),
            written: Vec::new(),
        }
    }

    fn kill(&mut self) {
        self.written.extend(self.set.delta());
        self.set = set_within(&self.text, without_lateness());
        let report = self.set.restore(self.written.iter().map(Vec::as_slice));
        assert_eq!(report.unreadable, None);
    }
}

impl std::ops::Deref for Process {
    type Target = DetectorSet;

    fn deref(&self) -> &DetectorSet {
        &self.set
    }
}

impl std::ops::DerefMut for Process {
    fn deref_mut(&mut self) -> &mut DetectorSet {
        &mut self.set
    }
}

#[test]
fn events_of_all_rules_within_the_timespan_fire_in_any_order() {
    let text = rules("type: temporal\nrules: [a, b, c]\ngroup-by: [host]\ntimespan: 10m");
    let mut set = Process::start(&text);
    assert_eq!(set.detectors()[3].kind, Kind::Temporal);
    send(&mut set, 1, "c", json!({}));
    send(&mut set, 60, "a", json!({"host": "web-2"}));
    send(&mut set, 61, "a", json!({}));
    set.kill();
    assert_eq!(set.drain(), []);
    send(&mut set, 190, "b", json!({}));
    let told = one(&mut set);
    assert_eq!(
        (told.events_seen, told.group),
        (3, vec![("host".into(), "web-1".into())])
    );
    assert_eq!(
        told.reason.expected,
        "no \"A\" and \"B\" and \"C\" with the same host within 10 min"
    );
    assert!(
        told.reason.seen.starts_with("3 of 3 kinds of event within 10 min: \"C\" at 2026-01-05 09:00:01, \"A\" at 09:01:01, \"B\" at 09:03:10 UTC"),
        "{}",
        told.reason.seen
    );
}

#[test]
fn an_event_that_matches_several_rules_counts_for_each() {
    let text = rules("type: temporal\nrules: [a, b]\ntimespan: 10m").replace("s: {is: b}", "s: {also: b}");
    let mut set = Process::start(&text);
    send(&mut set, 1, "a", json!({"also": "b"}));
    assert_eq!(one(&mut set).events_seen, 1);
}

#[test]
fn what_must_be_missing_is_judged_when_the_timespan_has_ended() {
    let text = rules("type: temporal\nrules: [a, b]\ngroup-by: [host]\ntimespan: 5m\ncondition: a and not b");
    let mut set = Process::start(&text);
    send(&mut set, 0, "a", json!({}));
    send(&mut set, 0, "a", json!({"host": "web-2"}));
    send(&mut set, 100, "b", json!({}));
    pass(&mut set, 299);
    assert_eq!(set.drain(), []);
    set.kill();
    pass(&mut set, 301);
    assert_eq!(one(&mut set).group, [("host".into(), "web-2".into())]);
}

#[test]
fn an_order_is_kept_though_events_come_late() {
    let text = rules("type: temporal_ordered\nrules: [a, b]\ngroup-by: [host]\ntimespan: 5m");
    let mut set = set(&text);
    send(&mut set, 100, "a", json!({}));
    send(&mut set, 70, "b", json!({}));
    assert_eq!(set.drain(), []);
    send(&mut set, 60, "a", json!({}));
    let told = one(&mut set);
    assert!(
        told.reason
            .seen
            .starts_with("\"A\" at 2026-01-05 09:01:00, then \"B\" at 09:01:10 UTC"),
        "{}",
        told.reason.seen
    );
}

#[test]
fn a_sequence_is_called_off_and_its_gap_is_kept() {
    let text = rules("type: sequence\nrules: [a, b]\ncancel: [c]\ngroup-by: [host]\ntimespan: 1h\ngap: 10m");
    let mut set = Process::start(&text);
    for (host, steps) in [
        ("off", [(0, "a"), (1, "c"), (2, "b")]),
        ("on", [(2, "c"), (3, "a"), (4, "b")]),
    ] {
        steps
            .iter()
            .for_each(|(at, is)| send(&mut set, *at, is, json!({"host": host})));
        set.kill();
    }
    send(&mut set, 5, "a", json!({"host": "slow"}));
    send(&mut set, 606, "b", json!({"host": "slow"}));
    pass(&mut set, 607);
    let told = one(&mut set);
    assert_eq!(told.group, [("host".into(), "on".into())]);
    assert!(
        told.reason
            .expected
            .ends_with("each within 10 min of the one before, without \"C\" in between")
    );
}

#[test]
fn a_sum_fires_when_it_is_exceeded_and_an_average_when_the_timespan_has_ended() {
    let text = rules(
        "type: value_sum\nrules: [a]\ngroup-by: [host]\ntimespan: 10m\ncondition: {field: bytes, gt: 1000000}",
    );
    let mut set = Process::start(&text);
    send(&mut set, 0, "a", json!({"bytes": 600_000}));
    send(&mut set, 1, "a", json!({"bytes": "none"}));
    set.kill();
    send(&mut set, 599, "a", json!({"bytes": "600000.5"}));
    let told = one(&mut set);
    assert!(
        told.reason
            .seen
            .starts_with("a sum of bytes of 1,200,000.5 within 10 min; 2 events"),
        "{}",
        told.reason.seen
    );

    let text =
        rules("type: value_avg\nrules: [a]\ngroup-by: [host]\ntimespan: 10m\ncondition: {field: ms, lt: 20}");
    let mut set = Process::start(&text);
    send(&mut set, 0, "a", json!({"ms": 10}));
    send(&mut set, 9, "a", json!({"ms": 25}));
    assert_eq!(set.drain(), []);
    set.kill();
    pass(&mut set, 601);
    assert!(
        one(&mut set)
            .reason
            .seen
            .starts_with("an average of ms of 17.5 within 10 min")
    );
}

#[test]
fn an_event_without_the_number_is_counted_as_dropped() {
    let text = rules("type: value_median\nrules: [a]\ntimespan: 10m\ncondition: {field: ms, gt: 20}");
    let mut set = Process::start(&text);
    send(&mut set, 0, "a", json!({"ms": "fast"}));
    assert_eq!(set.dropped().by_rule["t"].ungrouped, 1);
}

#[test]
fn a_silence_is_told_by_a_timer_and_is_over_when_something_comes() {
    let text = rules("type: absence\nrules: [a]\ngroup-by: [host]\ntimespan: 15m");
    let mut set = Process::start(&text);
    send(&mut set, 0, "a", json!({}));
    pass(&mut set, 900);
    assert_eq!(set.drain(), []);
    pass(&mut set, 901);
    let told = one(&mut set);
    assert_eq!(
        told.reason.expected,
        "an event like \"A\" with the same host at least every 15 min"
    );
    assert_eq!(
        told.reason.seen,
        "none like \"A\" by host web-1 between 2026-01-05 09:00:00 and 09:15:00 UTC"
    );
    set.kill();
    send(&mut set, 8_400, "a", json!({}));
    let over = one(&mut set);
    assert_eq!(over.id, told.id);
    assert!(
        over.reason.seen.ends_with("there was one again after 2 h 20 min"),
        "{}",
        over.reason.seen
    );
}

#[test]
fn without_groups_silence_begins_with_the_first_that_is_known_of_a_source() {
    let text = rules("type: absence\nrules: [a]\ntimespan: 15m");
    let mut set = Process::start(&text);
    send(&mut set, 0, "other", json!({}));
    set.kill();
    send(&mut set, 600, "other", json!({}));
    send(&mut set, 901, "other", json!({}));
    let told = one(&mut set);
    assert_eq!((told.first_at, told.events_seen), (at(0), 0));
    send(&mut set, 1_000, "a", json!({}));
    assert_eq!(one(&mut set).id, told.id);
    send(&mut set, 5_000, "other", json!({}));
    assert_ne!(one(&mut set).id, told.id);
}

#[test]
fn the_sixth_event_overflows_a_bucket_of_five_and_the_group_is_mute_for_a_while() {
    let text = rules(
        "type: leaky_bucket\nrules: [a]\ngroup-by: [host]\ncapacity: 5\nleak: 10s\ndistinct: [path]\nmute: 5m",
    );
    let mut set = Process::start(&text);
    for second in 0..5 {
        send(&mut set, second, "a", json!({"path": second}));
        send(&mut set, second, "a ", json!({}));
    }
    send(&mut set, 5, "a", json!({"path": 0}));
    set.kill();
    assert_eq!(set.drain(), []);
    send(&mut set, 6, "a", json!({"path": 6}));
    let told = one(&mut set);
    assert!(
        told.reason
            .seen
            .starts_with("the level reached 5.4 of 5, 7 events like \"A\" by host web-1"),
        "{}",
        told.reason.seen
    );
    assert!(
        told.reason.seen.contains("6 distinct values of path"),
        "{}",
        told.reason.seen
    );
    for second in 7..30 {
        send(&mut set, second, "a", json!({"path": second}));
    }
    let muted = one(&mut set);
    assert_eq!((&muted.id, muted.events_seen), (&told.id, 30));
    for second in 400..406 {
        send(&mut set, second, "a", json!({"path": second}));
    }
    assert_ne!(one(&mut set).id, told.id);
}
