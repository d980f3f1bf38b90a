//! Counting over event time: stories of groups, windows, disorder and crashes.

mod support;

use chrono::Duration;
use serde_json::json;
use support::{at, event, set, set_within};
use watchkeeper_detect::{DetectorSet, Limits, RestoreReport, merge_deltas};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{Entity, SourceName};

fn rules(correlation: &str) -> String {
    let correlation: String = correlation.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "title: Failed sign-in\nname: failed\nlogsource: {{product: app}}\ndetection:\n  s: {{result: failure}}\n  condition: s\n---\n\
         title: Request\nname: request\nlogsource: {{product: app}}\ndetection:\n  s: {{kind: request}}\n  condition: s\n---\n\
         title: Server error\nname: server_error\nlogsource: {{product: app}}\ndetection:\n  s: {{status|gte: 500}}\n  condition: s\n---\n\
         title: Count\nid: count\nlevel: high\ncorrelation:\n{correlation}"
    )
}

const BRUTE_FORCE: &str =
    "type: event_count\nrules: [failed]\ngroup-by: [src_ip]\ntimespan: 1m\ncondition: {gte: 3}";
const STUFFING: &str =
    "type: value_count\nrules: [failed]\ngroup-by: [src_ip]\ntimespan: 1m\ncondition: {field: user, gte: 3}";

fn fail(id: &str, seconds: i64, ip: &str, user: &str) -> watchkeeper_domain::event::Event {
    event(
        id,
        seconds * 1000,
        json!({"result": "failure", "src_ip": ip, "user": user, "tenant": format!("t-{user}")}),
    )
}

fn observe(set: &mut DetectorSet, events: &[(i64, &str, &str)]) {
    for (seconds, ip, user) in events {
        set.observe(&fail(&format!("{seconds}-{ip}-{user}"), *seconds, ip, user));
    }
}

fn one(set: &mut DetectorSet) -> Detection {
    let mut found = set.drain();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_count_fires_when_the_threshold_is_crossed_and_not_before() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(0, "a", "x"), (1, "b", "x"), (2, "a", "x")]);
    assert!(set.drain().is_empty());
    observe(&mut set, &[(3, "a", "x")]);
    let detection = one(&mut set);
    assert_eq!(
        (detection.events_seen, detection.first_at, detection.last_at),
        (3, at(0), at(3000))
    );
    assert_eq!(detection.group, [("src_ip".to_owned(), "a".to_owned())]);
    assert_eq!(
        detection.reason.expected,
        "fewer than 3 events like \"Failed sign-in\" with the same src_ip within 1 min"
    );
    assert_eq!(
        detection.reason.seen,
        "3 events like \"Failed sign-in\" by src_ip a between 2026-01-05 09:00:00 and 09:00:03 UTC"
    );
    assert_eq!(detection.evidence.len(), 3);
    assert_eq!(detection.tenants["t-x"].events, 3);
    assert!(detection.entities.contains(&Entity::Actor("a".into())));
}

#[test]
fn a_window_slides_and_an_event_a_timespan_away_is_not_in_it() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(0, "a", "x"), (30, "a", "x"), (60, "a", "x")]);
    assert!(
        set.drain().is_empty(),
        "the first is a whole timespan before the third"
    );
    observe(&mut set, &[(89, "a", "x")]);
    assert_eq!(one(&mut set).first_at, at(30_000));
}

#[test]
fn a_detection_grows_until_a_silence_and_then_a_new_one_begins() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(0, "a", "x"), (1, "a", "x"), (2, "a", "x")]);
    let first = one(&mut set);
    observe(&mut set, &[(60, "a", "y"), (119, "a", "z")]);
    let grown = one(&mut set);
    assert_eq!(
        (&grown.id, grown.events_seen, grown.tenants.len()),
        (&first.id, 5, 3)
    );
    assert_eq!(grown.last_at, at(119_000));
    observe(&mut set, &[(180, "a", "x"), (181, "a", "x")]);
    assert!(
        set.drain().is_empty(),
        "after a silence of a timespan counting begins anew"
    );
    observe(&mut set, &[(182, "a", "x")]);
    assert_ne!(one(&mut set).id, first.id);
}

#[test]
fn nothing_is_handed_out_twice_and_a_rule_that_is_counted_does_not_fire_itself() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(0, "a", "x"), (1, "a", "x"), (2, "a", "x")]);
    assert_eq!(set.drain().len(), 1);
    assert!(set.drain().is_empty());
    let generating = rules(BRUTE_FORCE).replace("id: count\n", "id: count\ngenerate: true\n");
    let mut set = support::set(&generating);
    observe(&mut set, &[(0, "a", "x"), (1, "a", "x"), (2, "a", "x")]);
    assert_eq!(
        set.drain().len(),
        4,
        "three by the rule itself and one by the count"
    );
}

#[test]
fn distinct_values_count_once_each() {
    let mut set = set(&rules(STUFFING));
    observe(
        &mut set,
        &[(0, "a", "x"), (1, "a", "y"), (2, "a", "x"), (3, "a", "y")],
    );
    assert!(set.drain().is_empty());
    observe(&mut set, &[(4, "a", "z")]);
    let detection = one(&mut set);
    assert_eq!((detection.events_seen, detection.tenants.len()), (5, 3));
    assert!(
        detection
            .reason
            .seen
            .starts_with("3 distinct values of user in 5 events"),
        "{}",
        detection.reason.seen
    );
    assert!(
        detection.reason.seen.ends_with(": x, y, z"),
        "{}",
        detection.reason.seen
    );
}

#[test]
fn a_value_that_leaves_the_window_is_no_longer_counted() {
    let mut set = set(&rules(STUFFING));
    observe(&mut set, &[(0, "a", "x"), (30, "a", "y"), (60, "a", "z")]);
    assert!(set.drain().is_empty());
    observe(&mut set, &[(61, "a", "x")]);
    assert_eq!(one(&mut set).first_at, at(30_000));
}

#[test]
fn a_finding_of_another_detector_is_one_group_whoever_acts_when_it_recurs() {
    let rule = "title: Finding\nid: found\nlogsource: {product: aws, service: guardduty}\ndetection:\n  s: {type: Recon}\n  condition: s\n";
    let mut set = support::set(rule);
    for (version, address) in [("1", "192.0.2.1"), ("2", "198.51.100.7")] {
        let remote = json!({"remoteIpDetails": {"ipAddressV4": address}});
        let told =
            json!({"id": "16afba5c", "type": "Recon", "service": {"action": {"awsApiCallAction": remote}}});
        let mut finding = event(version, 0, told);
        finding.log_source.product = Some("aws".into());
        finding.log_source.service = Some("guardduty".into());
        set.observe(&finding);
    }
    let fired = set.drain();
    let groups: Vec<_> = fired.iter().map(|detection| detection.group.clone()).collect();
    let finding = vec![("finding".to_owned(), "16afba5c".to_owned())];
    assert_eq!(groups, [finding.clone(), finding]);
    let about = Entity::Actor("198.51.100.7".into());
    assert!(fired[1].entities.contains(&about), "{:?}", fired[1].entities);
}

#[test]
fn more_than_three_actors_by_one_field_are_nobody_in_particular() {
    let mut set = set(&rules(STUFFING));
    observe(&mut set, &[(0, "a", "u1"), (1, "a", "u2"), (2, "a", "u3")]);
    assert!(one(&mut set).entities.contains(&Entity::Actor("u1".into())));
    observe(&mut set, &[(3, "a", "u4")]);
    let entities = one(&mut set).entities;
    assert_eq!(
        entities.into_iter().collect::<Vec<_>>(),
        [Entity::Actor("a".into())]
    );
}

#[test]
fn an_event_out_of_order_is_counted_where_it_belongs() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(50, "a", "x"), (100, "a", "x"), (59, "a", "x")]);
    let detection = one(&mut set);
    assert_eq!((detection.first_at, detection.last_at), (at(50_000), at(100_000)));
}

#[test]
fn an_event_later_than_the_lateness_is_dropped_and_counted() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(
        &mut set,
        &[
            (0, "a", "x"),
            (1, "a", "x"),
            (62, "b", "x"),
            (2, "a", "late but not too late"),
        ],
    );
    assert_eq!(set.drain().len(), 1);
    observe(&mut set, &[(1, "b", "too late")]);
    let dropped = set.dropped();
    assert_eq!(
        (
            dropped.late[&SourceName("test".into())],
            dropped.by_rule["count"].late
        ),
        (1, 1)
    );
}

#[test]
fn one_timestamp_in_the_far_future_neither_ends_windows_nor_escapes_counting() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(&mut set, &[(0, "a", "x")]);
    let mut wrong = fail("wrong", 1, "a", "x");
    wrong.at += Duration::days(3650);
    set.observe(&wrong);
    observe(&mut set, &[(2, "a", "x")]);
    let detection = one(&mut set);
    assert_eq!((detection.events_seen, detection.last_at), (3, at(2000)));
    let dropped = set.dropped();
    assert_eq!(dropped.future[&SourceName("test".into())], 1);
    assert!(dropped.late.is_empty());
}

#[test]
fn an_event_delivered_again_is_counted_once() {
    let mut set = set(&rules(BRUTE_FORCE));
    observe(
        &mut set,
        &[(0, "a", "x"), (0, "a", "x"), (1, "a", "x"), (0, "a", "x")],
    );
    assert!(set.drain().is_empty());
    assert_eq!(set.dropped().duplicate[&SourceName("test".into())], 2);
    let mut other = fail("0-a-x", 2, "a", "x");
    other.source = SourceName("other".into());
    set.observe(&other);
    assert_eq!(
        set.drain().len(),
        1,
        "the same id from another source is another event"
    );
}

#[test]
fn a_flood_of_groups_does_not_push_out_the_one_near_its_threshold_and_what_goes_is_counted() {
    let limits = Limits {
        groups_per_rule: 100,
        ..Limits::default()
    };
    let mut set = set_within(&rules(BRUTE_FORCE), limits);
    observe(&mut set, &[(0, "attacker", "x"), (1, "attacker", "x")]);
    for n in 0..10_000 {
        set.observe(&fail(&format!("flood{n}"), 2, &format!("ip{n}"), "x"));
    }
    assert!(set.drain().is_empty());
    observe(&mut set, &[(3, "attacker", "x")]);
    assert_eq!(one(&mut set).group[0].1, "attacker");
    assert_eq!(set.dropped().by_rule["count"].groups_evicted, 10_001 - 100);
}

#[test]
fn an_event_without_the_group_is_counted_as_ungrouped() {
    let mut set = set(&rules(STUFFING));
    set.observe(&event("1", 0, json!({"result": "failure", "user": "x"})));
    set.observe(&event("2", 0, json!({"result": "failure", "src_ip": "a"})));
    assert_eq!(set.dropped().by_rule["count"].ungrouped, 2);
}

#[test]
fn fewer_than_is_judged_when_the_timespan_has_ended() {
    let text =
        rules("type: event_count\nrules: [failed]\ngroup-by: [src_ip]\ntimespan: 1m\ncondition: {lt: 3}");
    let mut set = set(&text);
    observe(
        &mut set,
        &[(0, "a", "x"), (1, "b", "x"), (2, "b", "x"), (3, "b", "x")],
    );
    set.advance(&SourceName("test".into()), at(119_000));
    assert!(set.drain().is_empty(), "an event of the window could still come");
    set.advance(&SourceName("test".into()), at(120_000));
    let detection = one(&mut set);
    assert_eq!((detection.group[0].1.as_str(), detection.events_seen), ("a", 1));
    assert_eq!(
        detection.reason.expected,
        "at least 3 events like \"Failed sign-in\" with the same src_ip within 1 min"
    );
    set.advance(&SourceName("test".into()), at(600_000));
    assert!(
        set.drain().is_empty(),
        "three in time are enough for b, and a silent group is not judged again"
    );
}

#[test]
fn exactly_and_between_are_judged_at_the_end_too() {
    for (condition, counts) in [
        ("{eq: 2}", [false, true, false]),
        ("{gte: 1, lte: 2}", [true, true, false]),
        ("{neq: 2}", [true, false, true]),
    ] {
        let text = rules(&format!(
            "type: event_count\nrules: [failed]\ngroup-by: [src_ip]\ntimespan: 1m\ncondition: {condition}"
        ));
        for (index, fires) in counts.into_iter().enumerate() {
            let mut set = set(&text);
            (0..=index as i64).for_each(|second| observe(&mut set, &[(second, "a", "x")]));
            assert!(set.drain().is_empty());
            set.advance(&SourceName("test".into()), at(1_000_000));
            assert_eq!(
                !set.drain().is_empty(),
                fires,
                "{condition} with {} events",
                index + 1
            );
        }
    }
}

const SPIKE: &str = "type: ratio\nrules: [server_error]\nof: [request]\ntimespan: 1m\ncondition: {gte: 0.2, min-events: 20, min-matches: 5}";

fn requests(set: &mut DetectorSet, from_ms: i64, count: i64, status: i64) {
    for n in 0..count {
        let fields = json!({"kind": "request", "status": status, "src_ip": "a", "tenant": "t"});
        set.observe(&event(
            &format!("{from_ms}-{n}-{status}"),
            from_ms + n * 100,
            fields,
        ));
    }
}

#[test]
fn a_share_fires_with_its_figures_and_not_on_little_traffic() {
    let mut set = set(&rules(SPIKE));
    requests(&mut set, 0, 4, 500);
    requests(&mut set, 1000, 10, 500);
    assert!(
        set.drain().is_empty(),
        "fourteen of fourteen is a share of 100 %, but of too few events"
    );
    let mut set = support::set(&rules(SPIKE));
    requests(&mut set, 0, 100, 200);
    requests(&mut set, 10_000, 24, 500);
    assert!(set.drain().is_empty());
    requests(&mut set, 13_000, 1, 500);
    let detection = one(&mut set);
    assert_eq!(detection.events_seen, 25);
    assert!(
        detection
            .reason
            .seen
            .starts_with("25 of 125 (20 %) at the peak, 25 events like \"Server error\" in all"),
        "{}",
        detection.reason.seen
    );
    assert!(
        detection
            .reason
            .expected
            .starts_with("less than 20 % of the events like \"Request\""),
        "{}",
        detection.reason.expected
    );
    requests(&mut set, 14_000, 5, 500);
    let grown = one(&mut set);
    assert_eq!((grown.id, grown.events_seen), (detection.id, 30));
}

#[test]
fn a_steady_low_share_never_fires_and_an_error_that_is_no_request_is_no_part_of_it() {
    let mut set = set(&rules(SPIKE));
    for round in 0..100 {
        requests(&mut set, round * 10_000, 90, 200);
        requests(&mut set, round * 10_000 + 9_000, 10, 503);
    }
    for n in 0..100 {
        set.observe(&event(&format!("x{n}"), 990_000, json!({"status": 500})));
    }
    assert!(set.drain().is_empty());
}

fn restored(text: &str, pieces: &[Vec<u8>]) -> (DetectorSet, RestoreReport) {
    let mut after = set(text);
    let report = after.restore(pieces.iter().map(Vec::as_slice));
    (after, report)
}

#[test]
fn a_restored_set_goes_on_where_it_was_and_a_delta_is_only_what_changed() {
    let text = rules(BRUTE_FORCE);
    let mut before = set(&text);
    assert_eq!(before.delta(), None, "nothing happened yet");
    observe(&mut before, &[(0, "a", "x"), (1, "a", "x"), (1, "b", "x")]);
    let mut pieces = vec![before.delta().unwrap()];
    assert_eq!((before.delta(), before.pending_changes()), (None, 0));
    observe(&mut before, &[(1, "c", "x")]);
    pieces.push(before.delta().unwrap());
    assert!(pieces[1].len() < pieces[0].len());
    let (mut after, report) = restored(&text, &pieces);
    assert_eq!(
        (report.kept, report.pieces, report.unreadable),
        (vec!["count".to_owned()], 2, None)
    );
    assert_eq!(after.delta(), None);
    observe(&mut after, &[(1, "a", "x"), (2, "a", "x")]);
    let detection = one(&mut after);
    assert_eq!(
        detection.events_seen, 3,
        "the one delivered again was counted before"
    );
    assert!(
        detection
            .evidence
            .iter()
            .all(|evidence| evidence.raw.contains("failure"))
    );
    assert_eq!(after.dropped().duplicate[&SourceName("test".into())], 1);
}

#[test]
fn a_detection_that_was_not_drained_survives_a_restart() {
    let text = rules(BRUTE_FORCE);
    let mut before = set(&text);
    observe(&mut before, &[(0, "a", "x"), (1, "a", "x"), (2, "a", "x")]);
    let pieces = [before.delta().unwrap()];
    assert_eq!(restored(&text, &pieces).0.drain(), before.drain());
    let pieces = [pieces[0].clone(), before.delta().unwrap()];
    assert!(
        restored(&text, &pieces).0.drain().is_empty(),
        "by then it was handed out"
    );
}

#[test]
fn figures_survive_a_restart() {
    let text = rules(STUFFING);
    let mut before = set(&text);
    observe(
        &mut before,
        &[(0, "a", "x"), (0, "a", "x"), (1, "a", "y"), (2, "a", "z")],
    );
    before.observe(&event("no group", 0, json!({"result": "failure", "user": "x"})));
    before.drain();
    let (after, _) = restored(&text, &[before.delta().unwrap()]);
    assert_eq!(
        (after.dropped(), after.activity()),
        (before.dropped(), before.activity())
    );
    assert_eq!(
        after
            .activity()
            .last()
            .map(|activity| (activity.matches, activity.detections)),
        Some((3, 1))
    );
}

#[test]
fn a_changed_rule_starts_anew_and_says_so() {
    let mut before = set(&rules(BRUTE_FORCE));
    observe(&mut before, &[(0, "a", "x"), (1, "a", "x")]);
    let piece = [before.delta().unwrap()];
    let changed = rules(BRUTE_FORCE).replace("result: failure", "result: [failure, denied]");
    let (mut after, report) = restored(&changed, &piece);
    assert_eq!(report.restarted, ["count"]);
    observe(&mut after, &[(2, "a", "x")]);
    assert!(after.drain().is_empty());
    let pieces = [piece[0].clone(), after.delta().unwrap()];
    let (mut back, report) = restored(&rules(BRUTE_FORCE), &pieces);
    assert_eq!(
        report.restarted,
        ["count"],
        "what was counted by other words does not come back"
    );
    observe(&mut back, &[(3, "a", "x")]);
    assert!(back.drain().is_empty());
    let (_, report) = restored(&support::detection("s: {a: 1}\ncondition: s"), &piece);
    assert_eq!(report.gone, ["count"]);
}

#[test]
fn a_rule_whose_filter_changed_starts_anew_and_says_so_without_a_restart() {
    let filtered = |ip: &str| {
        let filter = "title: Ours\nlogsource: {product: app}\nfilter:\n  rules: any\n  s: {src_ip: IP}\n  condition: not s\n";
        format!("{}---\n{}", rules(BRUTE_FORCE), filter.replace("IP", ip))
    };
    let mut running = set(&filtered("z"));
    observe(&mut running, &[(0, "a", "x"), (1, "a", "x")]);
    let same = running.reload([support::rule(&filtered("z"))]);
    assert_eq!(same.restarted, Vec::<String>::new());
    let report = running.reload([support::rule(&filtered("y"))]);
    assert!(report.restarted.contains(&"count".to_owned()), "{report:?}");
    assert!(!report.kept.contains(&"count".to_owned()), "{report:?}");
    observe(&mut running, &[(2, "a", "x")]);
    assert!(running.drain().is_empty(), "its window began anew");
}

#[test]
fn a_damaged_piece_is_told_and_nothing_of_it_is_applied() {
    let text = rules(BRUTE_FORCE);
    let mut before = set(&text);
    let mut pieces = Vec::new();
    for second in 0..3 {
        observe(&mut before, &[(second, "a", "x")]);
        pieces.push(before.delta().unwrap());
    }
    for damaged in [
        &b""[..],
        b"wkdetec2",
        b"nonsense",
        &pieces[0][..pieces[0].len() / 2],
    ] {
        let (mut after, report) = restored(&text, &[damaged.to_vec()]);
        assert_eq!((report.pieces, report.unreadable.is_some()), (0, true));
        observe(&mut after, &[(5, "a", "x"), (6, "a", "x")]);
        assert!(after.drain().is_empty(), "windows start anew");
    }
    for index in 0..pieces[1].len() {
        let mut pieces = pieces.clone();
        pieces[1][index] ^= 1;
        let (mut after, report) = restored(&text, &pieces);
        assert_eq!(report.pieces, 1, "damage at {index} of {}", pieces[1].len());
        assert!(report.unreadable.is_some() && merge_deltas(&pieces).is_err());
        observe(&mut after, &[(1, "a", "x"), (2, "a", "x")]);
        assert_eq!(
            one(&mut after).events_seen,
            3,
            "windows go on from the piece before"
        );
        pieces.push(after.delta().unwrap());
        let (mut again, report) = restored(&text, &pieces);
        assert_eq!(
            (report.pieces, report.unreadable),
            (1, None),
            "the next delta is a new base"
        );
        observe(&mut again, &[(3, "a", "x")]);
        assert_eq!(again.drain().remove(0).events_seen, 4);
    }
    let (_, report) = restored(&text, &[pieces[0].clone(), pieces[2].clone()]);
    assert!(report.unreadable.unwrap().starts_with("piece 2 does not follow"));
}

#[test]
fn merged_pieces_are_the_same_state() {
    let text = rules(STUFFING);
    let mut before = set(&text);
    let mut pieces = Vec::new();
    for n in 0..3_000 {
        observe(&mut before, &[(n / 10, &format!("ip{}", n % 700), "x")]);
        if n % 100 == 0 {
            pieces.extend(before.delta());
        }
    }
    pieces.extend(before.delta());
    let merged = merge_deltas(&pieces).unwrap();
    let size = |pieces: &[Vec<u8>]| pieces.iter().map(Vec::len).sum::<usize>();
    assert!(
        merged.len() == 1 && size(&merged) < size(&pieces),
        "{} of {} bytes",
        size(&merged),
        size(&pieces)
    );
    assert_eq!(merge_deltas(&merged).unwrap(), merged);
    let tell = |pieces: &[Vec<u8>]| {
        let (mut set, report) = restored(&text, pieces);
        assert_eq!(report.unreadable, None);
        for n in 0..3_000 {
            observe(
                &mut set,
                &[(300, &format!("ip{}", n % 700), &format!("u{}", n % 3))],
            );
        }
        let mut told = set.drain();
        told.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        assert!(!told.is_empty());
        told
    };
    assert_eq!(tell(&merged), tell(&pieces));
}

#[test]
fn evidence_is_the_first_events_and_the_last() {
    let mut set = set(&rules(&BRUTE_FORCE.replace("gte: 3", "gte: 40")));
    (0..40).for_each(|n| observe(&mut set, &[(n, "a", "x")]));
    let kept: Vec<_> = one(&mut set)
        .evidence
        .iter()
        .map(|e| (e.at - at(0)).num_seconds())
        .collect();
    assert_eq!(kept, (0..10).chain(30..40).collect::<Vec<_>>());
}

#[test]
fn what_is_over_is_forgotten() {
    let mut set = set(&rules(STUFFING));
    for n in 0..1000 {
        set.observe(&fail(&n.to_string(), n, &format!("ip{n}"), "x"));
    }
    set.drain();
    let full = (set.state_bytes(), set.delta().unwrap().len());
    set.advance(&SourceName("test".into()), at(10_000_000));
    let removed = set.delta().unwrap().len();
    assert!(!set.overdue() && set.state_bytes() == 0);
    assert!(
        full.0 < 40_000 && full.1 < 100_000 && removed < 4_000,
        "{full:?} for the last two minutes, {removed} to forget them"
    );
}
