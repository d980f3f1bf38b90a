//! What is due and what happens when nobody does it.

use crate::samples::{friday, incident, incident_with, minutes, person, playbooks, policy};
use chrono::Duration;
use proptest::prelude::*;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::{
    Incident, Intent, Outcome, Severity, Standing, Timer, TimerKind, TimerState,
};
use watchkeeper_domain::page::{PageReason, PageTarget};
use watchkeeper_domain::span::Span;

fn fire(incident: Incident, minutes_later: i64) -> Outcome<Incident> {
    incident
        .fire_due(&policy(), friday() + minutes(minutes_later))
        .expect("something is due")
}

fn escalations(outcome: &Outcome<Incident>) -> Vec<u32> {
    let step = |intent: &Intent| match intent {
        Intent::Page {
            target: PageTarget::OnCall { step },
            reason: PageReason::NotAcknowledged,
        } => Some(*step),
        Intent::Page { .. } | Intent::PageOthers { .. } | Intent::Owe => None,
    };
    outcome.intents.iter().filter_map(step).collect()
}

#[test]
fn nothing_fires_before_its_instant() {
    let opened = incident(Severity::Sev2);
    assert_eq!(opened.next_due_at(), Some(friday() + minutes(10)));
    let just_before = friday() + minutes(10) - Duration::microseconds(1);
    assert_eq!(opened.fire_due(&policy(), just_before), None);
}

#[test]
fn an_unanswered_page_goes_from_step_to_step_and_the_last_step_repeats() {
    let first = fire(incident(Severity::Sev2), 10);
    assert_eq!(escalations(&first), [1]);
    let second = fire(first.subject, 20);
    assert_eq!(escalations(&second), [2]);
    let third = fire(second.subject, 35);
    assert_eq!(escalations(&third), [2]);
    let fourth = fire(third.subject, 50);
    assert_eq!(escalations(&fourth), [2]);
}

#[test]
fn an_answer_stops_the_escalation_for_good() {
    let escalated = fire(incident(Severity::Sev2), 10).subject;
    let answered = escalated
        .acknowledge(&person("ben"), friday() + minutes(12))
        .expect("open")
        .subject;
    let later = answered
        .fire_due(&policy(), friday() + Duration::days(3))
        .expect("the status update is due");
    assert!(escalations(&later).is_empty());
}

#[test]
fn a_status_update_postpones_the_reminder_by_a_whole_interval() {
    let answered = incident(Severity::Sev2)
        .acknowledge(&person("ana"), friday())
        .expect("open")
        .subject;
    assert_eq!(answered.next_due_at(), Some(friday() + minutes(60)));
    let told = answered
        .post_status("the key is revoked", &person("ana"), friday() + minutes(50))
        .expect("open")
        .subject;
    assert_eq!(told.next_due_at(), Some(friday() + minutes(110)));
    assert_eq!(told.clone().fire_due(&policy(), friday() + minutes(109)), None);
    assert!(told.fire_due(&policy(), friday() + minutes(110)).is_some());
}

#[test]
fn the_reminder_of_a_status_update_repeats_until_there_is_one() {
    let answered = incident(Severity::Sev2)
        .acknowledge(&person("ana"), friday())
        .expect("open")
        .subject;
    let once = fire(answered, 60);
    let twice = fire(once.subject, 120);
    for outcome in [&once.entries, &twice.entries] {
        assert_eq!(outcome.len(), 1);
        assert!(outcome[0].text.starts_with("Status update is due"));
    }
}

#[test]
fn after_three_days_without_service_each_timer_fires_once_and_says_that_it_is_late() {
    let (_, playbook) = playbooks()
        .into_iter()
        .find(|(name, _)| name == "cloud-credential-theft")
        .expect("there");
    let opened = incident_with(Severity::Sev1, Some(&playbook));
    let running = opened
        .timers
        .iter()
        .filter(|t| t.state == TimerState::Running)
        .count();
    let back = friday() + Duration::days(3);
    let outcome = opened.fire_due(&policy(), back).expect("everything is due");
    assert_eq!(outcome.entries.len(), running);
    for entry in &outcome.entries {
        assert!(entry.text.contains("late by"), "{}", entry.text);
        assert_eq!(entry.recorded_at, back);
        assert!(entry.happened_at < back);
    }
    assert_eq!(outcome.subject.fire_due(&policy(), back), None);
}

#[test]
fn what_fires_at_its_instant_does_not_call_itself_late() {
    let outcome = fire(incident(Severity::Sev2), 10);
    assert!(
        !outcome.entries[0].text.contains("late"),
        "{}",
        outcome.entries[0].text
    );
}

#[test]
fn an_undecided_disclosure_reminds_commander_and_counsel_every_hour() {
    let suspected = incident(Severity::Sev2)
        .acknowledge(&person("ana"), friday())
        .and_then(|o| {
            o.subject.suspect_disclosure(
                "a key was used elsewhere",
                Span::hours(24),
                &person("ana"),
                friday(),
            )
        })
        .expect("open")
        .subject;
    let decision = |incident: &Incident| {
        let of_kind = |kind: &TimerKind| matches!(kind, TimerKind::DisclosureDecision { .. });
        incident
            .timers
            .iter()
            .find(|t| of_kind(&t.kind))
            .expect("it runs")
            .due_at
    };
    assert_eq!(decision(&suspected), friday() + Duration::hours(24));
    let due = suspected
        .fire_due(&policy(), friday() + Duration::hours(24))
        .expect("the decision is due");
    let asked = due.intents.iter().filter(|i| {
        matches!(
            i,
            Intent::Page {
                reason: PageReason::DecisionDue,
                ..
            }
        )
    });
    assert_eq!(asked.count(), 2);
    assert_eq!(decision(&due.subject), friday() + Duration::hours(25));
}

#[test]
fn a_confirmed_disclosure_with_nobody_on_the_list_pages_after_a_day_and_daily_until_somebody_is() {
    let confirmed = incident(Severity::Sev2)
        .confirm_disclosure("the bucket was open", friday(), &person("ana"), friday())
        .expect("open");
    let mut standing = confirmed.subject;
    assert!(standing.keep_clocks(&[], friday()));
    let is_it = |timer: &&Timer| matches!(timer.kind, TimerKind::ListAffected { .. });
    let paged = |standing: &Incident, at| {
        let Some(outcome) = standing.clone().fire_due(&policy(), at) else {
            return (standing.clone(), 0);
        };
        let about_it = |intent: &&Intent| {
            matches!(
                intent,
                Intent::Page {
                    reason: PageReason::NobodyListed,
                    ..
                }
            )
        };
        (
            outcome.subject.clone(),
            outcome.intents.iter().filter(about_it).count(),
        )
    };
    let day = Duration::hours(24);
    let second = Duration::seconds(1);
    assert_eq!(paged(&standing, friday() + day - second).1, 0);
    let (after, pages) = paged(&standing, friday() + day);
    assert_eq!(pages, 2, "whoever is in charge, and counsel");
    let (after, pages) = paged(&after, friday() + day + day);
    assert_eq!(pages, 3, "executives, too");

    let listed = after
        .set_affected(
            &CustomerId::derived(&["acme"]),
            Standing::Confirmed,
            "its files were read",
            &person("ana"),
            friday() + day * 2,
        )
        .expect("it is open");
    let mut listed = listed.subject;
    assert!(listed.keep_clocks(&[], friday() + day * 2));
    let timer = listed.timers.iter().find(is_it).expect("it ran");
    assert_eq!(
        timer.state,
        TimerState::Done {
            at: friday() + day * 2
        }
    );
    assert_eq!(paged(&listed, friday() + day * 9).1, 0);
}

proptest! {
    /// However the worker wakes, nothing is recorded before it was due, no timer stays overdue, and one wake fires a timer once.
    #[test]
    fn however_the_worker_wakes_nothing_is_early_and_nothing_stays_overdue(
        wakes in proptest::collection::vec(0_i64..4 * 24 * 60, 1..20),
    ) {
        let (_, playbook) = playbooks().remove(0);
        let mut standing = incident_with(Severity::Sev1, Some(&playbook));
        let mut wakes = wakes;
        wakes.sort_unstable();
        for wake in wakes {
            let now = friday() + minutes(wake);
            if let Some(outcome) = standing.clone().fire_due(&policy(), now) {
                prop_assert!(outcome.entries.iter().all(|e| e.happened_at <= now && e.recorded_at == now));
                prop_assert!(outcome.entries.len() <= standing.timers.len());
                standing = outcome.subject;
            }
            prop_assert!(standing.next_due_at().is_none_or(|due| due > now));
        }
    }
}
