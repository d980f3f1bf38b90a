//! When it happened and when we knew, who said so, and what the clocks of law make of it.

use crate::rules::{calendars, rules};
use crate::samples::{friday, incident, minutes, person};
use chrono::Duration;
use std::collections::BTreeMap;
use watchkeeper_domain::incident::{Incident, Severity, TransitionError};
use watchkeeper_domain::obligation::rule::{Moment, ObligationRule, PhaseDue};
use watchkeeper_domain::span::Span;

fn rule(id: &str) -> ObligationRule {
    rules().into_iter().find(|rule| rule.id == id).expect("it ships")
}

fn aware() -> Incident {
    incident(Severity::Sev1)
        .record_moment(
            Moment::Aware,
            friday(),
            "the customer's engineer confirmed it on the phone",
            &person("ana"),
            friday() + minutes(20),
        )
        .expect("it is past")
        .subject
}

fn due(incident: &Incident, id: &str) -> Vec<(String, PhaseDue)> {
    let rule = rule(id);
    let calendar = &calendars()[&rule.jurisdiction];
    let due = rule.due(&incident.situation(id), calendar);
    due.into_iter()
        .map(|(phase, due)| (phase.id.clone(), due))
        .collect()
}

#[test]
fn a_moment_says_who_recorded_it_and_why_and_the_timeline_says_when_it_was() {
    let outcome = incident(Severity::Sev2)
        .record_moment(
            Moment::Occurred,
            friday() - minutes(90),
            " the first download ",
            &person("ana"),
            friday(),
        )
        .expect("it is past");
    let record = &outcome.subject.moments[&Moment::Occurred][0];
    assert_eq!(
        (&record.by, record.why.as_str()),
        (&person("ana"), "the first download")
    );
    let entry = &outcome.entries[0];
    assert_eq!(
        (entry.happened_at, entry.recorded_at),
        (friday() - minutes(90), friday())
    );
    assert!(
        entry.text.starts_with("Occurred at 2026-06-05 12:50 UTC"),
        "{}",
        entry.text
    );
}

#[test]
fn a_moment_moves_earlier_by_anybody_and_later_only_by_another_person_and_all_records_stay() {
    let now = friday() + minutes(60);
    let later = friday() + minutes(30);
    let refused = aware().record_moment(Moment::Aware, later, "it was later", &person("ana"), now);
    assert!(
        matches!(refused, Err(TransitionError::NotYours { .. })),
        "{refused:?}"
    );
    let moved = aware()
        .record_moment(Moment::Aware, later, "the call was at 14:50", &person("lea"), now)
        .expect("another person")
        .subject;
    assert_eq!(moved.moments_in_force()[&Moment::Aware], later);
    let back = moved
        .record_moment(
            Moment::Aware,
            friday(),
            "no, the recording says 14:20",
            &person("lea"),
            now,
        )
        .expect("earlier")
        .subject;
    assert_eq!(back.moments[&Moment::Aware].len(), 3);
    assert_eq!(back.moments_in_force()[&Moment::Aware], friday());
}

#[test]
fn what_is_decided_is_not_recorded_by_hand_and_what_is_to_come_neither() {
    let now = friday() + minutes(60);
    let by = person("ana");
    for (moment, at, why) in [
        (Moment::Confirmed, friday(), "because"),
        (Moment::Suspected, friday(), "because"),
        (Moment::Aware, now + minutes(1), "because"),
        (Moment::Aware, now - Duration::days(4_000), "because"),
        (Moment::Aware, friday(), "  "),
    ] {
        assert!(
            aware().record_moment(moment, at, why, &by, now).is_err(),
            "{moment} {at}"
        );
    }
    let confirmed = aware()
        .suspect_disclosure("a key was used", Span::hours(24), &by, friday() + minutes(1))
        .and_then(|outcome| {
            outcome
                .subject
                .confirm_disclosure("seen", friday() + minutes(2), &by, now)
        })
        .expect("open")
        .subject;
    let moments = confirmed.moments_in_force();
    assert_eq!(moments[&Moment::Suspected], friday() + minutes(1));
    assert_eq!(moments[&Moment::Confirmed], friday() + minutes(2));
    assert_eq!(moments[&Moment::Detected], confirmed.opened_at);
}

#[test]
fn a_phase_counts_from_what_was_submitted_in_fact() {
    let nis2 = rule("eu.nis2_23");
    let before = due(&aware(), &nis2.id);
    assert_eq!(before[1].1.due_at(), Some(friday() + Duration::hours(72)));
    assert!(matches!(before[2].1, PhaseDue::Waits { .. }));
    let submitted_at = friday() + Duration::hours(30);
    let now = friday() + Duration::hours(31);
    let submit = |incident: Incident, phase: &str, reference: &str| {
        incident.record_submission(&nis2, phase, submitted_at, reference, &person("lea"), now)
    };
    assert!(
        submit(aware(), "report", "CSIRT-1").is_err(),
        "there is no such phase"
    );
    assert!(submit(aware(), "notification", " ").is_err(), "nothing proves it");
    let submitted = submit(aware(), "notification", "CSIRT-1")
        .expect("it is past")
        .subject;
    let after = due(&submitted, &nis2.id);
    let day = |text: &str| Some(crate::samples::at(text));
    assert_eq!(after[2].1.due_at(), day("2026-07-06T21:59:59Z"));
    assert_eq!(
        submitted.submitted(&nis2.id),
        BTreeMap::from([("notification".to_owned(), submitted_at)])
    );
    assert!(
        submit(submitted, "notification", "CSIRT-2").is_err(),
        "the first one counts"
    );
}
