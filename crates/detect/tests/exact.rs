//! What a state engine must get right, one test a point: disorder, redelivery, timers, floods, crashes, and bounded cost.

mod support;

use chrono::Duration;
use serde_json::json;
use std::collections::BTreeMap;
use support::{at, event, rule, set, set_within};
use watchkeeper_detect::{DetectorSet, Limits, merge_deltas};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{Event, SourceName};

fn rules(correlation: &str) -> String {
    format!(
        "title: Failed sign-in\nname: failed\nlogsource: {{product: app}}\ndetection:\n  s: {{result: failure}}\n  condition: s\n---\n\
         title: Count\nid: count\ncorrelation:\n  rules: [failed]\n  group-by: [ip]\n  timespan: 1m\n  {}\n",
        correlation.replace('\n', "\n  ")
    )
}

const THREE: &str = "type: event_count\ncondition: {gte: 3}";

fn failure(id: &str, ms: i64, ip: &str, user: &str) -> Event {
    event(id, ms, json!({"result": "failure", "ip": ip, "user": user}))
}

fn fail(set: &mut DetectorSet, seconds: i64, ip: &str) {
    set.observe(&failure(&format!("{seconds}-{ip}"), seconds * 1000, ip, "x"));
}

fn source() -> SourceName {
    SourceName("test".into())
}

fn told(set: &mut DetectorSet) -> Vec<(String, u64)> {
    let mut told: Vec<_> = set
        .drain()
        .into_iter()
        .map(|d| (d.group[0].1.clone(), d.events_seen))
        .collect();
    told.sort();
    told
}

#[test]
fn late_and_disordered_events_count_where_they_belong_within_the_lateness() {
    let mut set = set(&rules(THREE));
    [100, 41, 130, 99]
        .into_iter()
        .for_each(|second| fail(&mut set, second, "a"));
    assert_eq!(
        told(&mut set),
        [("a".to_owned(), 4)],
        "41 s and 100 s are in one minute with 99 s"
    );
    fail(&mut set, 69, "b");
    assert_eq!(set.dropped().by_rule["count"].late, 1, "70 s is the limit");
}

#[test]
fn one_far_future_timestamp_harms_nothing() {
    let mut set = set(&rules(THREE));
    fail(&mut set, 0, "a");
    let mut wrong = failure("wrong", 1_000, "b", "x");
    wrong.at += Duration::days(365_000);
    set.observe(&wrong);
    fail(&mut set, 1, "a");
    fail(&mut set, 2, "a");
    assert_eq!(told(&mut set), [("a".to_owned(), 3)]);
    assert_eq!(
        (set.dropped().future[&source()], set.dropped().late.len()),
        (1, 0)
    );
}

#[test]
fn redelivery_counts_once() {
    let mut set = set(&rules(THREE));
    for _ in 0..50 {
        fail(&mut set, 0, "a");
        fail(&mut set, 1, "a");
    }
    assert!(told(&mut set).is_empty());
    assert_eq!(set.dropped().duplicate[&source()], 98);
}

#[test]
fn aggregates_are_kept_and_not_counted_again_so_that_order_of_arrival_does_not_matter() {
    let text = rules("type: value_count\ncondition: {field: user, gte: 400}");
    let limits = Limits {
        lateness: Duration::minutes(10),
        ..Limits::default()
    };
    let events: Vec<_> = (0..400)
        .map(|n| failure(&n.to_string(), n * 100, "a", &format!("u{n}")))
        .collect();
    for step in [1, 7, 173, 399] {
        let mut set = set_within(&text, limits.clone());
        for n in 0..400 {
            assert!(told(&mut set).is_empty());
            set.observe(&events[n * step % 400 + usize::from(step == 400)]);
        }
        let expected = if step == 1 || step == 7 || step == 173 || step == 399 {
            400
        } else {
            0
        };
        assert_eq!(told(&mut set), [("a".to_owned(), expected)], "step {step}");
    }
}

#[test]
fn state_is_written_as_changes_and_a_kill_loses_nothing_that_was_committed() {
    let text = rules(THREE);
    let mut pieces = Vec::new();
    let mut running = set(&text);
    let mut stored: BTreeMap<String, Detection> = BTreeMap::new();
    for second in 0..30 {
        // Killed before every event; what follows the last delta is read again.
        running = set(&text);
        let report = running.restore(pieces.iter().map(Vec::as_slice));
        assert_eq!((report.unreadable, report.pieces), (None, pieces.len()));
        for again in second - second % 4..=second {
            fail(&mut running, again, ["a", "b"][again as usize % 2]);
        }
        if second % 4 == 3 {
            stored.extend(running.drain().into_iter().map(|d| (d.id.to_string(), d)));
            pieces.extend(running.delta());
            pieces = merge_deltas(&pieces).unwrap();
        }
    }
    stored.extend(running.drain().into_iter().map(|d| (d.id.to_string(), d)));
    let mut uninterrupted = set(&text);
    (0..30).for_each(|second| fail(&mut uninterrupted, second, ["a", "b"][second as usize % 2]));
    let expected: BTreeMap<_, _> = uninterrupted
        .drain()
        .into_iter()
        .map(|d| (d.id.to_string(), d))
        .collect();
    assert_eq!(stored, expected, "with every word and every line of evidence");
}

#[test]
fn fewer_than_is_judged_by_a_timer_though_no_event_comes() {
    let mut set = set(&rules("type: event_count\ncondition: {lt: 3}"));
    fail(&mut set, 0, "a");
    (0..3).for_each(|second| fail(&mut set, second, "b"));
    assert!(told(&mut set).is_empty(), "the first event is no reason to fire");
    set.advance(&source(), at(119_999));
    assert!(told(&mut set).is_empty());
    set.advance(&source(), at(120_000));
    assert_eq!(told(&mut set), [("a".to_owned(), 1)]);
}

#[test]
fn a_flood_of_a_million_keys_does_not_evict_the_key_that_is_about_to_fire() {
    let flood = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };
    for limits in [
        Limits {
            groups_per_rule: 1_000,
            ..Limits::default()
        },
        Limits {
            records_per_rule: 1_000,
            ..Limits::default()
        },
        Limits {
            state_bytes: 200_000,
            ..Limits::default()
        },
    ] {
        let mut set = set_within(&rules(THREE), limits.clone());
        fail(&mut set, 0, "attacker");
        fail(&mut set, 1, "attacker");
        for n in 0..flood {
            set.observe(&failure(&format!("flood {n}"), 2_000, &format!("{n}"), "x"));
        }
        assert!(set.state_bytes() <= limits.state_bytes);
        let evicted = set.dropped().by_rule["count"].groups_evicted;
        assert!(
            evicted >= flood - 2_000 && evicted <= flood,
            "every drop is counted: {evicted}"
        );
        assert!(told(&mut set).is_empty());
        fail(&mut set, 3, "attacker");
        assert_eq!(told(&mut set), [("attacker".to_owned(), 3)]);
        for second in 4..7 {
            fail(&mut set, second, "newcomer");
        }
        assert_eq!(
            told(&mut set),
            [("newcomer".to_owned(), 3)],
            "who comes last gets a chance too"
        );
    }
}

#[test]
fn a_flood_of_one_tenant_does_not_evict_what_is_followed_of_another() {
    let rules = rules(THREE).replace("group-by: [ip]", "group-by: [tenant, ip]");
    let of_tenant = |id: &str, ms: i64, tenant: &str, ip: &str| {
        event(id, ms, json!({"result": "failure", "tenant": tenant, "ip": ip}))
    };
    let few = Limits::default();
    for limits in [
        Limits {
            groups_per_rule: 100,
            ..few.clone()
        },
        Limits {
            records_per_rule: 100,
            ..few
        },
    ] {
        let mut set = set_within(&rules, limits);
        set.observe(&of_tenant("a", 0, "quiet", "attacker"));
        // Each of the flood comes nearer to its threshold than the one that it must not evict.
        for n in 0..10_000 {
            for again in ["", " again"] {
                set.observe(&of_tenant(&format!("{n}{again}"), 1_000, "loud", &format!("{n}")));
            }
        }
        let evicted = set.dropped().by_rule["count"].groups_evicted;
        assert!(
            (9_900..10_000).contains(&evicted),
            "every drop is counted: {evicted}"
        );
        for id in ["b", "c"] {
            set.observe(&of_tenant(id, 2_000, "quiet", "attacker"));
        }
        set.observe(&of_tenant("last", 2_000, "loud", "9999"));
        let told: Vec<_> = set.drain().into_iter().map(|d| d.group).collect();
        let group = |tenant: &str, ip: &str| {
            [("tenant", tenant), ("ip", ip)].map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        assert_eq!(
            told,
            [group("quiet", "attacker"), group("loud", "9999")],
            "and the loud tenant is still judged"
        );
    }
}

#[test]
fn no_event_costs_more_than_a_bounded_amount_of_work_whatever_was_sent_before() {
    let groups = 6_000;
    let mut set = set(&rules("type: event_count\ncondition: {lt: 3}"));
    for n in 0..groups {
        set.observe(&failure(&format!("{n}"), n % 1_000, &format!("{n}"), "x"));
    }
    let full = set.state_bytes();
    // One event ends every window: it must not look at all of them.
    set.observe(&event("later", 10_000_000, json!({"a": 1})));
    assert!(set.overdue());
    assert!(
        set.state_bytes() > full / 2,
        "{} of {full} bytes",
        set.state_bytes()
    );
    let mut events = 0;
    while set.overdue() {
        events += 1;
        set.observe(&event(
            &format!("later {events}"),
            10_000_000 + events,
            json!({"a": 1}),
        ));
    }
    assert!(
        (5..100).contains(&events),
        "{events} events until everything was looked at"
    );
    assert_eq!(told(&mut set).len(), groups as usize, "and each group was judged");
    assert_eq!(set.state_bytes(), 0);
}

#[test]
fn a_group_whose_window_ended_is_decided_before_its_next_event_though_the_timers_are_behind() {
    let mut set = set(&rules("type: event_count\ncondition: {eq: 1}"));
    for n in 0..5_000 {
        set.observe(&failure(&format!("{n}"), 0, &format!("{n}"), "x"));
    }
    set.observe(&failure("far", 10_000_000, "4999", "x"));
    assert!(set.overdue());
    while set.overdue() {
        set.settle_overdue(100);
    }
    set.advance(&source(), at(20_000_000));
    let all = told(&mut set);
    assert_eq!(all.len(), 5_001, "4999 was alone in two windows");
    assert!(all.iter().all(|(_, events)| *events == 1));
}

#[test]
fn a_threshold_fires_when_it_is_crossed_and_repeated_crossings_fold_into_one_detection() {
    let mut set = set(&rules(THREE));
    fail(&mut set, 0, "a");
    fail(&mut set, 1, "a");
    assert!(told(&mut set).is_empty());
    fail(&mut set, 2, "a");
    let first = set.drain().remove(0);
    (3..50).for_each(|second| fail(&mut set, second, "a"));
    let grown = set.drain();
    assert_eq!(
        (grown.len(), &grown[0].id, grown[0].events_seen),
        (1, &first.id, 50)
    );
}

#[test]
fn every_drop_is_counted_and_survives_a_restart() {
    let limits = Limits {
        groups_per_rule: 2,
        remembered_ids: 5,
        evidence_bytes: 8_192,
        ..Limits::default()
    };
    let mut before = set_within(&rules(THREE), limits.clone());
    for second in 0..20 {
        fail(&mut before, second, &format!("ip{}", second % 4));
    }
    before.observe(&event("u", 0, json!({"result": "failure"})));
    fail(&mut before, 200, "a");
    fail(&mut before, 19, "a");
    before.drain();
    let dropped = before.dropped();
    let of_rule = &dropped.by_rule["count"];
    assert!(
        of_rule.groups_evicted > 0 && of_rule.ungrouped == 1 && of_rule.late == 1,
        "{dropped:?}"
    );
    assert!(
        dropped.ids_forgotten[&source()] > 0 && dropped.late[&source()] == 1,
        "{dropped:?}"
    );
    let piece = before.delta().unwrap();
    let mut after = set_within(&rules(THREE), limits);
    after.restore([piece.as_slice()]);
    assert_eq!(after.dropped(), dropped);
}

#[test]
fn lines_are_kept_once_and_bounded_and_evidence_without_its_line_is_counted() {
    let limits = Limits {
        evidence_bytes: 100_000,
        ..Limits::default()
    };
    let mut set = set_within(&rules(THREE), limits);
    fail(&mut set, 0, "a");
    fail(&mut set, 1, "a");
    for n in 0..200 {
        let mut other = failure(&format!("long {n}"), 2_000, &format!("{n}"), "x");
        other.raw = "y".repeat(2_000);
        set.observe(&other);
    }
    fail(&mut set, 3, "a");
    let detection = set.drain().remove(0);
    let lines: Vec<_> = detection
        .evidence
        .iter()
        .map(|evidence| evidence.raw.is_empty())
        .collect();
    assert_eq!(lines, [true, true, false]);
    assert_eq!(set.dropped().lines_forgotten, 2);
}

#[test]
fn rules_reload_without_losing_windows_and_a_changed_rule_starts_anew() {
    let other = THREE.replace("gte: 3", "gte: 4");
    let second = |text: &str| {
        text.replace("name: failed", "name: again")
            .replace("[failed]", "[again]")
            .replace("id: count", "id: second")
            .replace("title: Failed sign-in", "title: Failed again")
    };
    let both = format!("{}---\n{}", rules(THREE), second(&rules(THREE)));
    let mut set = set(&both);
    let mut pieces = Vec::new();
    fail(&mut set, 0, "a");
    fail(&mut set, 1, "a");
    pieces.extend(set.delta());
    let changed = format!(
        "{}---\n{}---\n{}",
        second(&rules(&other)),
        rules(THREE),
        support::detection("s: {b: 1}\ncondition: s")
    );
    let report = set.reload([rule(&changed)]);
    assert!(
        report.kept.contains(&"count".to_owned()) && report.added == ["test"],
        "{report:?}"
    );
    assert_eq!(
        (report.restarted, report.quarantined),
        (vec!["second".to_owned()], 0)
    );
    pieces.extend(set.delta());
    let mut restored = support::set(&changed);
    restored.restore(pieces.iter().map(Vec::as_slice));
    for set in [&mut set, &mut restored] {
        set.observe(&failure("0-a", 0, "a", "x"));
        fail(set, 2, "a");
        fail(set, 3, "a");
        let fired: Vec<_> = set
            .drain()
            .into_iter()
            .map(|d| (d.detector, d.events_seen))
            .collect();
        assert_eq!(
            fired,
            [("count".to_owned(), 4)],
            "the changed rule has seen two events since"
        );
        fail(set, 4, "a");
        fail(set, 5, "a");
        assert_eq!(set.drain().len(), 2);
    }
    let report = set.reload([rule(&rules(THREE))]);
    assert_eq!(report.gone.len(), 3, "{report:?}");
    set.advance(&source(), at(10_000_000));
    assert!(!set.overdue() && set.state_bytes() == 0);
}
