//! A ladder that nobody climbs can be stopped in two ways, and neither by one person in silence.

use crate::samples::{customer, friday, incident, minutes, person};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use watchkeeper_domain::customer::ClockStart;
use watchkeeper_domain::incident::{Disclosure, Incident, Intent, Severity, TransitionError};
use watchkeeper_domain::obligation::{Obligation, ObligationState, Step};

fn confirmed() -> Incident {
    incident(Severity::Sev1)
        .confirm_disclosure("files were taken", friday(), &person("mara"), friday())
        .expect("confirmed")
        .subject
}

fn asked() -> Incident {
    confirmed()
        .ask_reversal("it was our own test", &person("mara"), friday() + minutes(30))
        .expect("asked")
        .subject
}

#[test]
fn a_confirmation_is_reversed_by_two_people_and_stays_in_sight() {
    let alone = asked().reverse_disclosure("I am sure", &person("mara"), friday() + minutes(31));
    assert!(
        matches!(alone, Err(TransitionError::NotYours { .. })),
        "{alone:?}"
    );
    let outcome = asked()
        .reverse_disclosure(
            "the key is our auditor's",
            &person("ines"),
            friday() + minutes(40),
        )
        .expect("reversed");
    assert!(outcome.intents.contains(&Intent::Owe), "what is owed ends");
    let Disclosure::Rejected {
        reversed: Some(reversed),
        by,
        ..
    } = &outcome.subject.disclosure
    else {
        panic!("{:?}", outcome.subject.disclosure);
    };
    assert_eq!((by, &reversed.asked.by), (&person("ines"), &person("mara")));
    assert_eq!(reversed.confirmed_at, friday());
}

#[test]
fn clocks_run_on_while_a_reversal_is_only_asked_for_and_a_refusal_leaves_the_confirmation() {
    assert_eq!(asked().disclosure.confirmed_at(), Some(friday()));
    assert!(
        asked()
            .ask_reversal("again", &person("tom"), friday() + minutes(31))
            .is_err()
    );
    assert!(
        confirmed()
            .reverse_disclosure("now", &person("ines"), friday())
            .is_err()
    );
    assert!(
        confirmed()
            .refuse_reversal("no", &person("ines"), friday())
            .is_err()
    );
    assert!(asked().refuse_reversal(" ", &person("ines"), friday()).is_err());
    let stands = asked()
        .refuse_reversal("the logs say otherwise", &person("ines"), friday() + minutes(40))
        .expect("refused")
        .subject;
    assert_eq!(stands.disclosure, confirmed().disclosure);
}

#[test]
fn a_hold_ends_and_is_never_longer_than_thirty_days() {
    let place =
        |until| confirmed().place_hold(until, "letter of the police, 4711", &person("ines"), friday());
    assert!(place(friday()).is_err());
    assert!(place(friday() + Duration::days(31)).is_err());
    assert!(
        incident(Severity::Sev1)
            .place_hold(friday() + minutes(5), "why", &person("ines"), friday())
            .is_err()
    );
    let until = friday() + Duration::days(4);
    let held = place(until).expect("held").subject;
    assert!(held.held_at(until - minutes(1)).is_some());
    assert!(held.held_at(until).is_none());
    assert!(held.clone().lift_hold("over", &person("ines"), until).is_err());
    let lifted = held.lift_hold("the police agree", &person("ines"), friday() + minutes(9));
    assert_eq!(lifted.expect("lifted").subject.hold, None);
}

/// What is owed to somebody with the usual 72 hours, held until an instant.
fn held(until: DateTime<Utc>) -> Obligation {
    let owed = Obligation::owe(
        &confirmed().id,
        &customer("acme", None),
        ClockStart::confirmed(friday()),
    );
    owed.hold(Some(until)).expect("held")
}

#[test]
fn the_holding_notice_waits_for_the_hold_and_the_deadline_does_not() {
    let until = friday() + Duration::hours(80);
    let (owed, taken) = held(until).take_due(friday() + Duration::hours(79));
    let taken: Vec<Step> = taken.into_iter().map(|taken| taken.step).collect();
    assert!(
        !taken.contains(&Step::SendHolding) && taken.contains(&Step::Overdue),
        "{taken:?}"
    );
    assert!(matches!(owed.state, ObligationState::Missed { .. }));
    assert_eq!(owed.next_step(), Some((Step::SendHolding, until)));
    let (owed, taken) = owed.take_due(until);
    assert_eq!(taken.len(), 1);
    assert!(!taken[0].late(), "it was due when the hold ended");
    assert!(
        matches!(owed.state, ObligationState::Missed { .. }),
        "a miss stays a miss"
    );
    assert_eq!(owed.next_step(), None);
}

#[test]
fn a_hold_that_is_lifted_after_the_deadline_sends_at_once() {
    let now = friday() + Duration::hours(75);
    let (owed, _) = held(friday() + Duration::hours(200)).take_due(now);
    let lifted = owed.hold(None).expect("lifted");
    let (_, taken) = lifted.take_due(now);
    assert_eq!(
        taken.iter().map(|taken| taken.step).collect::<Vec<_>>(),
        [Step::SendHolding]
    );
}

#[test]
fn a_hold_that_ends_before_the_notice_is_due_changes_nothing() {
    let plain = Obligation::owe(
        &confirmed().id,
        &customer("acme", None),
        ClockStart::confirmed(friday()),
    );
    let owed = held(friday() + Duration::hours(10));
    for step in Step::ALL {
        assert_eq!(owed.step_at(step), plain.step_at(step));
    }
    let told = plain
        .told(&watchkeeper_domain::id::NoticeId::derived(&["n"]), friday())
        .expect("told");
    assert_eq!(told.hold(Some(friday() + Duration::hours(10))), None);
}

proptest! {
    #[test]
    fn whatever_is_held_is_sent_once_when_nothing_holds_it_any_more(
        until in 0_i64..200, looks in prop::collection::vec(0_i64..300, 0..12), lifted in prop::option::of(0_i64..200),
    ) {
        let mut looks = looks;
        looks.sort_unstable();
        looks.push(300);
        let mut owed = Obligation::owe(&confirmed().id, &customer("acme", None), ClockStart::confirmed(friday()));
        owed = owed.clone().hold(Some(friday() + Duration::hours(until))).unwrap_or(owed);
        let mut lifted = lifted;
        let mut sent = Vec::new();
        for look in looks {
            if lifted.is_some_and(|at| at <= look) {
                lifted = None;
                owed = owed.clone().hold(None).unwrap_or(owed);
            }
            let (next, taken) = owed.take_due(friday() + Duration::hours(look));
            owed = next;
            sent.extend(taken.into_iter().filter(|taken| taken.step == Step::SendHolding));
        }
        prop_assert_eq!(sent.len(), 1);
        prop_assert!(sent[0].at >= sent[0].due_at);
        prop_assert!(owed.steps.len() == Step::ALL.len());
    }
}
