//! What a report of a mail server changes, and what it proves.

use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use watchkeeper_domain::delivery::proof::{Level, OnPortal, proof_of_telling};
use watchkeeper_domain::delivery::report::{Action, Effect, Report, StatusCode};
use watchkeeper_domain::delivery::{About, Attempt, Channel, Delivery, DeliveryState, Hindrance, Relay};
use watchkeeper_domain::id::{CustomerId, DeliveryId, IncidentId, LetterId, NoticeId, ObligationId};
use watchkeeper_domain::obligation::{Deadline, Obligation, ObligationState, Step};
use watchkeeper_domain::span::Span;

fn start() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().expect("an instant")
}

fn hours(n: i64) -> DateTime<Utc> {
    start() + Duration::hours(n)
}

fn incident() -> IncidentId {
    IncidentId::derived(&["i"])
}

fn customer() -> CustomerId {
    CustomerId::derived(&["c"])
}

fn notice(name: &str) -> NoticeId {
    NoticeId::derived(&[name])
}

fn letter_to(recipient: &str) -> Delivery {
    Delivery {
        id: DeliveryId::derived(&[recipient]),
        version: 1,
        about: About::Letter {
            matter: (&incident()).into(),
            notice: notice("n"),
            letter: LetterId::derived(&["l"]),
            customer: customer(),
            obligation: None,
        },
        channel: Channel::Email,
        recipient: recipient.to_owned(),
        subject: "Notice".to_owned(),
        created_at: start(),
        attempts: 1,
        possible_duplicate: false,
        remote_accepted: None,
        put_off_since: None,
        next_contact_told: false,
        relay: watchkeeper_domain::delivery::Relay::First,
        state: DeliveryState::Queued {
            next_attempt_at: start(),
            last_answer: None,
        },
    }
}

fn taken(recipient: &str, at: DateTime<Utc>) -> Delivery {
    let accepted = Attempt::Accepted {
        answer: "250 ok".to_owned(),
        by: "relay".to_owned(),
    };
    letter_to(recipient).attempted(accepted, at, false)
}

fn report(action: Action, status: &str) -> Report {
    Report {
        action,
        status: StatusCode::read(status).expect("a code"),
        remote_mta: Some("mx.example.org".to_owned()),
        diagnostic: Some("550 no such user".to_owned()),
        reporting_mta: None,
    }
}

fn owed(state: ObligationState) -> Obligation {
    Obligation {
        id: ObligationId::derived(&["o"]),
        version: 1,
        incident: incident(),
        customer: customer(),
        rule: "contract.default72".to_owned(),
        again: None,
        deadline: Deadline {
            from: start(),
            limit: Span::hours(72),
            due_at: hours(72),
            explanation: String::new(),
            counts_from: None,
            before: Vec::new(),
        },
        counted_on: Vec::new(),
        steps: Vec::new(),
        held_until: None,
        miss_reason: None,
        by_hand: Vec::new(),
        state,
    }
}

fn told(by: &str, at: DateTime<Utc>) -> Obligation {
    owed(ObligationState::Running)
        .told(&notice(by), at)
        .expect("told")
}

#[test]
fn whatever_its_code_a_failure_is_a_bounce_and_the_first_one_stays() {
    for status in ["5.1.1", "5.7.1", "4.4.7", "2.0.0"] {
        let (bounced, effect) = taken("a@x.example", start())
            .reported(&report(Action::Failed, status), hours(50))
            .expect("free");
        assert_eq!(effect, Effect::Bounced);
        assert!(!bounced.stands());
        let proof = bounced.proof(OnPortal::default());
        assert_eq!(proof.submitted, Some(start()), "what our relay did stays known");
        for action in [Action::Failed, Action::Delivered, Action::Delayed] {
            let again = bounced
                .clone()
                .reported(&report(action, "5.0.0"), hours(51))
                .expect("free");
            assert_eq!(again, (bounced.clone(), Effect::Nothing));
        }
    }
}

#[test]
fn a_delay_is_noted_and_changes_nothing() {
    let delivery = taken("a@x.example", start());
    let (after, effect) = delivery
        .clone()
        .reported(&report(Action::Delayed, "4.2.0"), hours(1))
        .expect("free");
    assert_eq!((after, effect), (delivery, Effect::Delayed));
}

#[test]
fn delivered_relayed_and_expanded_prove_that_a_server_of_theirs_has_it_once() {
    for action in [Action::Delivered, Action::Relayed, Action::Expanded] {
        let (after, effect) = taken("a@x.example", start())
            .reported(&report(action, "2.0.0"), hours(1))
            .expect("free");
        assert_eq!(effect, Effect::RemoteAccepted);
        assert_eq!(after.proof(OnPortal::default()).remote_accepted, Some(hours(1)));
        let again = after
            .clone()
            .reported(&report(Action::Delivered, "2.0.0"), hours(2))
            .expect("free");
        assert_eq!(again, (after, Effect::Nothing));
    }
}

#[test]
fn a_report_waits_while_an_attempt_runs_and_ends_one_whose_answer_was_lost() {
    let mut busy = letter_to("a@x.example");
    busy.state = DeliveryState::Claimed {
        until: hours(1),
        data_at: None,
    };
    assert!(busy.reported(&report(Action::Failed, "5.1.1"), hours(1)).is_err());
    let (lost, effect) = letter_to("a@x.example")
        .reported(&report(Action::Failed, "5.1.1"), hours(1))
        .expect("free");
    assert_eq!(effect, Effect::Bounced);
    assert!(matches!(
        lost.state,
        DeliveryState::Bounced { submitted: None, .. }
    ));
}

#[test]
fn a_customer_stays_told_only_by_a_message_that_stands_and_was_in_time() {
    let by = |name: &str, at| (notice(name), at);
    // Another one stands: the customer was told by that one, and when that one was taken.
    let after = told("a", hours(1))
        .bounced(&[by("c", hours(30)), by("b", hours(20))])
        .expect("it changes");
    let expected = ObligationState::Told {
        at: hours(20),
        notice: notice("b"),
        in_time: true,
    };
    assert_eq!(after.state, expected);
    // The one that told stands; another one bounced.
    assert_eq!(
        told("a", hours(1)).bounced(&[by("a", hours(1)), by("b", hours(2))]),
        None
    );
    // None stands, or none that was in time: the clock runs on, and what passed is a miss.
    for standing in [vec![], vec![by("b", hours(80))]] {
        let running = told("a", hours(1)).bounced(&standing).expect("it changes");
        assert_eq!(running.state, ObligationState::Running);
        let (missed, steps) = running.take_due(hours(81));
        assert_eq!(missed.state.name(), "missed");
        assert_eq!(steps.last().map(|taken| taken.step), Some(Step::Overdue));
    }
    for state in [
        ObligationState::Running,
        ObligationState::Missed { at: hours(72) },
    ] {
        assert_eq!(owed(state).bounced(&[]), None);
    }
}

#[test]
fn levels_are_counted_apart_and_only_for_messages_that_stand() {
    let (remote, _) = taken("a@x.example", hours(10))
        .reported(&report(Action::Relayed, "2.0.0"), hours(73))
        .expect("free");
    let (bounced, _) = taken("b@x.example", hours(1))
        .reported(&report(Action::Failed, "5.1.1"), hours(2))
        .expect("free");
    let portal = BTreeMap::from([(
        LetterId::derived(&["l"]),
        OnPortal {
            opened: Some(hours(11)),
            acknowledged: None,
        },
    )]);
    let (owed, messages) = ([told("n", hours(10))], [bounced, remote]);
    let proof = proof_of_telling(&owed, &messages, &portal, hours(80));
    let figures: Vec<_> = proof
        .levels
        .iter()
        .map(|share| {
            (
                share.level,
                share.in_time,
                share.late,
                share.never,
                share.open,
                share.on_time_permille,
            )
        })
        .collect();
    assert_eq!(
        figures,
        [
            (Level::Submitted, 1, 0, 0, 0, Some(1000)),
            (Level::RemoteAccepted, 0, 1, 0, 0, Some(0)),
            (Level::Opened, 1, 0, 0, 0, Some(1000)),
            (Level::Acknowledged, 0, 0, 1, 0, Some(0)),
        ]
    );
    let customer = &proof.customers[0];
    assert_eq!(
        customer.first.submitted,
        Some(hours(10)),
        "not that of the message that bounced"
    );
    assert_eq!(customer.recipients.len(), 2);
    assert_eq!(customer.miss, None);
    let before = proof_of_telling(&owed, &messages, &portal, hours(20));
    assert_eq!(
        (before.levels[3].open, before.levels[3].on_time_permille),
        (1, None)
    );
}

#[test]
fn a_miss_is_shown_with_its_reason_and_who_is_owed_nothing_is_not_counted() {
    let (missed, _) = owed(ObligationState::Running).take_due(hours(72));
    let missed = missed
        .explain_miss(
            "the relay was down",
            &watchkeeper_domain::actor::Actor::Operator,
            hours(73),
        )
        .expect("explained");
    let ended = owed(ObligationState::Ended {
        at: hours(1),
        by: watchkeeper_domain::actor::Actor::Operator,
        why: "cleared".to_owned(),
    });
    let (cleared, _) = owed(ObligationState::Running).take_due(hours(72));
    let cleared = cleared
        .end("cleared", &watchkeeper_domain::actor::Actor::Operator, hours(73))
        .expect("a miss can end");
    let proof = proof_of_telling(
        &[missed.clone(), cleared, ended.clone()],
        &[],
        &BTreeMap::new(),
        hours(74),
    );
    assert_eq!(
        proof.levels[0].never, 2,
        "who was cleared after the deadline was missed all the same"
    );
    let proof = proof_of_telling(&[missed, ended], &[], &BTreeMap::new(), hours(74));
    assert_eq!(proof.customers.len(), 1);
    let miss = proof.customers[0].miss.as_ref().expect("a miss");
    assert_eq!(
        miss.why.as_ref().map(|why| why.text.as_str()),
        Some("the relay was down")
    );
    assert!(
        proof
            .levels
            .iter()
            .all(|share| share.never == 1 && share.on_time_permille == Some(0))
    );
}

fn put_off(delivery: Delivery, hindrance: Hindrance, at: DateTime<Utc>, second: bool) -> Delivery {
    let deferred = Attempt::Deferred {
        answer: "450 later".to_owned(),
        after: None,
        hindrance,
    };
    delivery.attempted(deferred, at, second)
}

fn next_at(delivery: &Delivery) -> DateTime<Utc> {
    match delivery.state {
        DeliveryState::Queued { next_attempt_at, .. } => next_attempt_at,
        _ => panic!("it is queued: {delivery:?}"),
    }
}

#[test]
fn a_relay_that_cannot_be_reached_is_followed_by_the_other_at_once_and_back_after_a_pause() {
    let away = put_off(letter_to("a@x.example"), Hindrance::Relay, start(), true);
    assert_eq!((away.relay, next_at(&away)), (Relay::Second, start()));
    let back = put_off(away, Hindrance::Relay, start(), true);
    assert_eq!(
        (back.relay, next_at(&back)),
        (Relay::First, start() + Duration::minutes(1))
    );
    let alone = put_off(letter_to("a@x.example"), Hindrance::Relay, start(), false);
    assert_eq!(
        (alone.relay, next_at(&alone)),
        (Relay::First, start() + Duration::minutes(1))
    );
}

#[test]
fn a_message_that_is_put_off_changes_its_relay_after_half_an_hour() {
    let mut delivery = letter_to("a@x.example");
    for minute in [0, 5, 29] {
        delivery = put_off(
            delivery,
            Hindrance::Message,
            start() + Duration::minutes(minute),
            true,
        );
        assert_eq!(delivery.relay, Relay::First, "minute {minute}");
    }
    delivery = put_off(
        delivery,
        Hindrance::Message,
        start() + Duration::minutes(30),
        true,
    );
    assert_eq!(delivery.relay, Relay::Second);
    // Nobody knows how this one ended: only the same relay can know that it has these bytes.
    let unknown = Attempt::Unknown {
        answer: "no answer".to_owned(),
    };
    assert_eq!(delivery.attempted(unknown, hours(1), true).relay, Relay::Second);
}

#[test]
fn a_letter_that_is_put_off_for_four_hours_lets_the_next_contact_be_told_once() {
    let first = put_off(letter_to("a@x.example"), Hindrance::Message, start(), false);
    let (early, asks) = put_off(first, Hindrance::Message, hours(4) - Duration::seconds(1), false)
        .losing_patience(hours(4) - Duration::seconds(1));
    assert!(!asks);
    let (late, asks) = put_off(early, Hindrance::Message, hours(4), false).losing_patience(hours(4));
    assert!(asks);
    let (_, again) = put_off(late.clone(), Hindrance::Message, hours(5), false).losing_patience(hours(5));
    assert!(!again);
    // Our own relay being away says nothing of the address.
    let away = put_off(letter_to("a@x.example"), Hindrance::Relay, start(), false);
    assert!(
        !put_off(away, Hindrance::Relay, hours(9), false)
            .losing_patience(hours(9))
            .1
    );
    let (taken, asks) = late
        .attempted(
            Attempt::Accepted {
                answer: "250 ok".to_owned(),
                by: "relay".to_owned(),
            },
            hours(6),
            false,
        )
        .losing_patience(hours(6));
    assert!(!asks && taken.stands());
}
