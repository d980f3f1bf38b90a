//! Alerts fold, and alerts about one actor or tenant join one incident.

use crate::samples::{Sketch, alert, friday, incident, minutes, person};
use chrono::Duration;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::alert::{Alert, AlertError, AlertState, DETECTIONS_KEPT, Verdict, fold_window};
use watchkeeper_domain::detection::{Detection, FINDING, Level, TenantTrace};
use watchkeeper_domain::event::{Entity, SourceName};
use watchkeeper_domain::incident::{Phase, Severity};

#[test]
fn folding_the_same_detection_twice_changes_nothing() {
    assert_eq!(alert().fold(Sketch::number(1).detection()), None);
}

#[test]
fn fresher_figures_replace_older_ones_and_are_not_added_to_them() {
    let grown = Sketch {
        events: 7,
        last: 30,
        ..Sketch::number(1)
    };
    let alert = alert().fold(grown.detection()).expect("fresher");
    assert_eq!((alert.count(), alert.events()), (1, 7));
    assert_eq!(alert.last_at, friday() + minutes(30));
    assert_eq!(alert.tenants()["t-acme"].events, 7);
    assert_eq!(alert.fold(Sketch::number(1).detection()), None);
}

#[test]
fn the_reason_is_the_newest_detections_whatever_comes_in_last() {
    let newest = Sketch::number(9).detection();
    let alert = alert().fold(newest.clone()).expect("new");
    let alert = alert.fold(Sketch::number(4).detection()).expect("new");
    assert_eq!(alert.reason, newest.reason);
}

#[test]
fn a_resolved_alert_takes_nothing_more() {
    let resolved = alert()
        .resolve(Verdict::Expected, "a migration", &person("ana"), friday())
        .expect("reasoned");
    assert!(!resolved.folds(&Sketch::number(2).detection(), false));
    assert!(alert().folds(&Sketch::number(2).detection(), false));
    let refused = resolved.acknowledge(&person("ana"), friday());
    assert!(matches!(refused, Err(AlertError::Resolved { .. })));
}

#[test]
fn what_comes_long_after_the_last_event_opens_a_new_alert() {
    let standing = alert();
    let mut late = Sketch::number(2).detection();
    late.first_at = standing.last_at + fold_window();
    assert!(standing.folds(&late, false));
    late.first_at += Duration::microseconds(1);
    assert!(!standing.folds(&late, false));
}

#[test]
fn a_finding_that_recurs_updates_its_alert_however_late() {
    let finding = || Detection {
        group: vec![(FINDING.to_owned(), "16afba5c".to_owned())],
        ..Sketch::number(1).detection()
    };
    let standing = Alert::open(finding(), friday());
    let mut again = finding();
    again.first_at += Duration::days(40);
    assert!(standing.folds(&again, false));
    assert!(!standing.folds(&again, true), "its incident is closed");
    let resolved = standing.resolve(Verdict::Expected, "a scan of ours", &person("ana"), friday());
    assert!(!resolved.expect("reasoned").folds(&again, false));
}

#[test]
fn another_group_is_another_alert() {
    let mut other = Sketch::number(2).detection();
    other.group = vec![("api_key".to_owned(), "k-2".to_owned())];
    assert!(!alert().folds(&other, false));
}

#[test]
fn a_verdict_needs_its_reason_and_is_given_once() {
    let silent = alert().resolve(Verdict::FalsePositive, " ", &person("ana"), friday());
    assert_eq!(silent, Err(AlertError::NoReason));
    let resolved = alert()
        .resolve(Verdict::FalsePositive, "a backup", &person("ana"), friday())
        .expect("reasoned");
    assert!(
        resolved
            .resolve(Verdict::TruePositive, "no", &person("ben"), friday())
            .is_err()
    );
}

#[test]
fn acknowledging_twice_keeps_the_first_who_did() {
    let first = alert().acknowledge(&person("ana"), friday()).expect("open");
    let second = first
        .clone()
        .acknowledge(&person("ben"), friday())
        .expect("no matter");
    assert_eq!(first, second);
    assert!(matches!(second.state, AlertState::Acknowledged { by, .. } if by == person("ana")));
}

#[test]
fn alerts_join_by_a_shared_actor_or_tenant_within_the_window() {
    let window = Duration::hours(2);
    let about = |entity, last_alert_at| {
        let mut incident = incident(Severity::Sev2);
        incident.phase = Phase::Analyze;
        incident.entities = BTreeSet::from([entity]);
        incident.last_alert_at = last_alert_at;
        incident
    };
    let alert = alert();
    let near = alert.first_at - window;
    let key = |last| about(Entity::Actor("k-1".to_owned()), last);
    let tenant = about(Entity::Tenant("t-acme".to_owned()), near);
    let other = about(Entity::Actor("k-9".to_owned()), near);
    // An actor's name is no tenant's name, even when they read alike.
    let namesake = about(Entity::Tenant("k-1".to_owned()), near);
    assert!(alert.joins(&key(near), window));
    assert!(alert.joins(&tenant, window));
    assert!(!alert.joins(&other, window));
    assert!(!alert.joins(&namesake, window));
    let moment = Duration::microseconds(1);
    assert!(!alert.joins(&key(near - moment), window));
    assert!(!alert.joins(&key(alert.last_at + window + moment), window));
    let mut closed = key(near);
    closed.phase = Phase::Closed;
    assert!(!alert.joins(&closed, window));
    let mut drill = key(near);
    drill.drill = true;
    assert!(
        !alert.joins(&drill, window),
        "what really happens is no part of a drill"
    );
}

#[test]
fn a_long_alert_lists_few_detections_and_still_counts_all() {
    let many = u32::try_from(DETECTIONS_KEPT).expect("small") * 3;
    let mut alert = alert();
    for number in 2..=many {
        let tenant = format!("t-{}", number % 7);
        alert = alert
            .fold(
                Sketch {
                    tenant,
                    ..Sketch::number(number)
                }
                .detection(),
            )
            .expect("new");
    }
    assert_eq!(alert.detections.len(), DETECTIONS_KEPT);
    assert_eq!(
        (alert.count(), alert.events()),
        (u64::from(many), u64::from(many))
    );
    let told: u64 = alert.tenants().values().map(|trace| trace.events).sum();
    assert_eq!(told, u64::from(many), "no tenant's events are lost");
}

/// What must not depend on the order in which detections arrive.
fn figures(
    alert: &Alert,
) -> (
    u64,
    u64,
    Severity,
    String,
    BTreeMap<String, u64>,
    BTreeSet<Entity>,
) {
    let tenants = alert
        .tenants()
        .into_iter()
        .map(|(tenant, trace)| (tenant, trace.events))
        .collect();
    let span = format!("{} {}", alert.first_at, alert.last_at);
    (
        alert.count(),
        alert.events(),
        alert.severity,
        span,
        tenants,
        alert.entities.clone(),
    )
}

fn fold_all(sketches: &[Sketch]) -> Alert {
    let mut rest = sketches.iter();
    let first = rest.next().expect("at least one");
    let mut alert = Alert::open(first.detection(), friday());
    for sketch in rest {
        alert = alert.clone().fold(sketch.detection()).unwrap_or(alert);
    }
    alert
}

/// Detections that grow: each comes in one to four stages.
fn stages() -> impl Strategy<Value = Vec<Sketch>> {
    let growth = proptest::collection::vec(1_u64..50, 1..5);
    proptest::collection::vec((growth, 0_u8..4, 0_usize..3), 1..10).prop_map(|detections| {
        let levels = [Level::Medium, Level::High, Level::Critical];
        let mut all = Vec::new();
        for (number, (growth, tenant, level)) in (0_u32..).zip(detections) {
            let mut events = 0;
            for more in growth {
                events += more;
                all.push(Sketch {
                    number,
                    events,
                    last: i64::try_from(events).expect("small"),
                    tenant: format!("t-{tenant}"),
                    level: levels[level],
                });
            }
        }
        all
    })
}

proptest! {
    #[test]
    fn figures_do_not_depend_on_order_or_repetition(
        (stages, shuffled) in stages().prop_flat_map(|all| {
            let doubled: Vec<Sketch> = all.iter().chain(&all).cloned().collect();
            (Just(all), Just(doubled).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(figures(&fold_all(&stages)), figures(&fold_all(&shuffled)));
    }

    #[test]
    fn folding_everything_again_changes_nothing(stages in stages()) {
        let alert = fold_all(&stages);
        for sketch in &stages {
            prop_assert_eq!(alert.clone().fold(sketch.detection()), None);
        }
    }
}

/// What one detection says: so many events of one tenant from one minute to another, the first of which is number `first`.
fn trace((first, from, until): (u32, i64, i64), events: u64) -> TenantTrace {
    TenantTrace {
        events,
        at_most: None,
        first_at: friday() + minutes(from),
        last_at: friday() + minutes(until),
        first_event: (SourceName("edge".to_owned()), format!("event-{first}")),
    }
}

fn counted(told: &[Vec<TenantTrace>]) -> (u64, Option<u64>) {
    let all = TenantTrace::of_alerts(told).expect("something is told");
    (all.events, all.at_most)
}

#[test]
fn events_that_several_alerts_count_are_counted_once() {
    assert_eq!(TenantTrace::of_alerts(&[]), None);
    let bulk = trace((1, 0, 10), 48);
    assert_eq!(counted(&[vec![bulk.clone()]]), (48, None));
    assert_eq!(
        counted(&[vec![bulk.clone()], vec![trace((1, 0, 9), 47)]]),
        (48, Some(95)),
        "two detectors over the same downloads"
    );
    assert_eq!(
        counted(&[vec![bulk.clone()], vec![trace((60, 11, 20), 47)]]),
        (95, None),
        "at other times they are others"
    );
    let one = trace((7, 5, 5), 1);
    assert_eq!(
        counted(&[vec![one.clone()], vec![one.clone(), trace((8, 5, 5), 1)]]),
        (2, None),
        "single events are told apart, also at one instant"
    );
    assert_eq!(counted(&[vec![bulk], vec![one]]), (48, Some(49)));
}

proptest! {
    /// However detectors overlap: no more is counted than there is, no less than any alert has, and what is counted is bounded.
    #[test]
    fn no_more_events_are_counted_than_there_are(
        windows in prop::collection::vec((0_i64..40, 0_i64..15, 0_usize..3), 1..12),
    ) {
        // One event a minute; each detection has all of its window, and detections of one alert share none.
        let mut told: Vec<Vec<TenantTrace>> = vec![Vec::new(); 3];
        let mut seen: Vec<BTreeSet<i64>> = vec![BTreeSet::new(); 3];
        for (from, length, alert) in windows {
            let window: BTreeSet<i64> = (from..=from + length).collect();
            if seen[alert].is_disjoint(&window) {
                let first = u32::try_from(from).expect("small");
                told[alert].push(trace((first, from, from + length), window.len() as u64));
                seen[alert].extend(window);
            }
        }
        let there = seen.iter().flatten().collect::<BTreeSet<_>>().len() as u64;
        let (events, at_most) = counted(&told);
        prop_assert!(events <= there, "{events} counted, {there} are there");
        prop_assert!(at_most.unwrap_or(events) >= there);
        for alert in &seen {
            prop_assert!(events >= alert.len() as u64);
        }
    }
}
