//! The promise to tell a customer in time: for every limit and however often the worker looks.

use crate::samples::{customer, friday, minutes, person};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::customer::{
    Channel, ClockStart, Contact, ContactRole, ContractTerms, CountsFrom, Customer,
};
use watchkeeper_domain::id::{IncidentId, NoticeId};
use watchkeeper_domain::incident::ByHand;
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_domain::obligation::{CountedBefore, Obligation, ObligationState, Step, StepTaken};
use watchkeeper_domain::span::Span;

fn owed(limit: Option<Span>) -> Obligation {
    Obligation::owe(
        &IncidentId::derived(&["i"]),
        &customer("acme", limit),
        ClockStart::confirmed(friday()),
    )
}

fn notice() -> NoticeId {
    NoticeId::derived(&["n"])
}

/// Wakes the worker at each instant, and collects what it took.
fn wake_at(mut obligation: Obligation, instants: &[DateTime<Utc>]) -> (Obligation, Vec<StepTaken>) {
    let mut all = Vec::new();
    for now in instants {
        let (next, taken) = obligation.take_due(*now);
        obligation = next;
        all.extend(taken);
    }
    (obligation, all)
}

#[test]
fn what_is_owed_twice_is_owed_once() {
    assert_eq!(owed(None).id, owed(Some(Span::hours(24))).id);
    let other = Obligation::owe(
        &IncidentId::derived(&["i"]),
        &customer("beta", None),
        ClockStart::confirmed(friday()),
    );
    assert_ne!(owed(None).id, other.id);
}

#[test]
fn the_explanation_says_rule_limit_start_and_end() {
    let explanation = owed(None).deadline.explanation;
    for part in [
        "contract.default72",
        "72h",
        "2026-06-05 14:20:00 UTC",
        "2026-06-08 14:20:00 UTC",
    ] {
        assert!(
            explanation.contains(part),
            "`{part}` is missing in: {explanation}"
        );
    }
}

#[test]
fn a_customer_who_was_told_late_is_told_but_not_in_time() {
    let late = friday() + Duration::hours(73);
    let told = owed(None)
        .told(&notice(), late)
        .expect("it runs, since nobody has looked yet");
    assert!(matches!(told.state, ObligationState::Told { in_time: false, .. }));
    let punctual = owed(None)
        .told(&notice(), friday() + Duration::hours(72))
        .expect("it runs");
    assert!(matches!(
        punctual.state,
        ObligationState::Told { in_time: true, .. }
    ));
}

#[test]
fn a_miss_stays_a_miss_when_the_notice_goes_out_afterwards() {
    let (missed, _) = owed(None).take_due(friday() + Duration::hours(72));
    assert_eq!(missed.told(&notice(), friday() + Duration::hours(73)), None);
}

#[test]
fn a_cleared_customer_owes_no_more_steps_and_the_same_clock_runs_on_when_it_returns() {
    let ended = owed(None)
        .end(
            "its files were public",
            &person("lea"),
            friday() + Duration::hours(10),
        )
        .expect("it runs");
    let (ended, taken) = ended.take_due(friday() + Duration::hours(100));
    assert!(taken.is_empty());
    let resumed = ended.resume().expect("it had ended");
    assert_eq!(resumed.deadline, owed(None).deadline);
    let (_, taken) = resumed.take_due(friday() + Duration::hours(40));
    assert_eq!(
        taken.iter().map(|t| t.step).collect::<Vec<_>>(),
        [Step::ListAffected, Step::DraftFull]
    );
}

#[test]
fn clearing_a_customer_and_bringing_it_back_does_not_undo_a_miss() {
    let overdue = friday() + Duration::hours(72);
    let (missed, _) = owed(None).take_due(overdue);
    let returned = missed
        .end("cleared", &person("lea"), overdue + minutes(1))
        .and_then(Obligation::resume)
        .expect("a miss can end and resume");
    assert_eq!(returned.state, ObligationState::Missed { at: overdue });
}

#[test]
fn only_a_miss_is_explained() {
    let refused = owed(None).explain_miss("the relay was down", &person("lea"), friday());
    assert!(refused.expect_err("nothing was missed").contains("running"));
}

#[test]
fn a_step_is_late_only_when_it_is_more_than_two_minutes_late() {
    let due = friday() + Duration::hours(24);
    let late = |after: Duration| owed(None).take_due(due + after).1[0].late();
    assert!(!late(Duration::minutes(2)));
    assert!(late(Duration::minutes(2) + Duration::microseconds(1)));
}

/// Any limit that a contract may name: 1 h to 90 d.
fn limits() -> impl Strategy<Value = Span> {
    (3600_u32..=90 * 86_400).prop_map(Span::seconds)
}

/// Instants around the whole ladder, in order.
fn wakes(limit: Span, upto: usize) -> impl Strategy<Value = Vec<DateTime<Utc>>> {
    proptest::collection::vec(-60..limit.as_seconds() * 2, 0..upto).prop_map(|mut seconds| {
        seconds.sort_unstable();
        seconds
            .into_iter()
            .map(|s| friday() + Duration::seconds(s))
            .collect()
    })
}

proptest! {
    #[test]
    fn no_step_is_early_and_each_is_taken_once(
        (limit, wakes) in limits().prop_flat_map(|limit| (Just(limit), wakes(limit, 40))),
    ) {
        let (_, taken) = wake_at(owed(Some(limit)), &wakes);
        for step in &taken {
            prop_assert!(step.at >= step.due_at);
        }
        let mut steps: Vec<Step> = taken.iter().map(|t| t.step).collect();
        let count = steps.len();
        steps.dedup();
        prop_assert_eq!(steps.len(), count);
        prop_assert_eq!(&steps[..], &Step::ALL[..count]);
    }

    #[test]
    fn the_outcome_does_not_depend_on_how_often_the_worker_looked(
        (limit, many, few, end) in limits().prop_flat_map(|limit| {
            (Just(limit), wakes(limit, 60), wakes(limit, 3), 0..limit.as_seconds() * 2)
        }),
    ) {
        let end = friday() + Duration::seconds(end);
        let until = |wakes: Vec<DateTime<Utc>>| -> Vec<DateTime<Utc>> {
            wakes.into_iter().filter(|w| *w < end).chain([end]).collect()
        };
        let (often, taken_often) = wake_at(owed(Some(limit)), &until(many));
        let (seldom, taken_seldom) = wake_at(owed(Some(limit)), &until(few));
        let schedule = |taken: Vec<StepTaken>| taken.into_iter().map(|t| (t.step, t.due_at)).collect::<Vec<_>>();
        prop_assert_eq!(schedule(taken_often), schedule(taken_seldom));
        prop_assert_eq!(often.state.name(), seldom.state.name());
        prop_assert_eq!(often.next_step(), seldom.next_step());
        prop_assert_eq!(often.deadline, seldom.deadline);
    }

    #[test]
    fn the_ladder_stands_in_its_order_within_the_limit(limit in limits()) {
        let obligation = owed(Some(limit));
        let instants: Vec<DateTime<Utc>> = Step::ALL.iter().map(|s| obligation.step_at(*s)).collect();
        prop_assert!(instants.is_sorted());
        prop_assert!(instants[0] > obligation.deadline.from);
        prop_assert_eq!(instants[5], obligation.deadline.due_at);
        prop_assert_eq!(obligation.deadline.due_at - obligation.deadline.from, limit.duration());
    }

    #[test]
    fn whoever_was_told_is_never_reminded_or_missed_later(
        (limit, told_at, wakes) in limits().prop_flat_map(|limit| {
            (Just(limit), 0..limit.as_seconds(), wakes(limit, 20))
        }),
    ) {
        let told_at = friday() + Duration::seconds(told_at);
        let told = owed(Some(limit)).told(&notice(), told_at).expect("it runs");
        let (after, taken) = wake_at(told.clone(), &wakes);
        prop_assert!(taken.is_empty());
        prop_assert_eq!(after, told);
    }
}

fn aware(hours_before: i64) -> ClockStart {
    ClockStart {
        from: CountsFrom::Aware,
        at: friday() - Duration::hours(hours_before),
    }
}

#[test]
fn a_moment_that_a_contract_counts_from_moves_its_clock_and_both_readings_stay() {
    let mut customer = customer("acme", Some(Span::hours(24)));
    customer.terms.counts_from = CountsFrom::Aware;
    let owed = Obligation::owe(
        &IncidentId::derived(&["i"]),
        &customer,
        ClockStart::confirmed(friday()),
    );
    let told = owed
        .clone()
        .told(&notice(), friday() + Duration::hours(20))
        .expect("running");
    let moved = owed
        .clone()
        .count_from(&customer, aware(5), &[])
        .expect("it counts from awareness");
    assert_eq!(moved.deadline.due_at, friday() + Duration::hours(19));
    assert!(moved.deadline.explanation.contains("Before, it counted from"));
    let before = CountedBefore {
        from: owed.deadline.from,
        due_at: owed.deadline.due_at,
    };
    assert_eq!(moved.deadline.before, [before]);
    assert!(
        moved.count_from(&customer, aware(5), &[]).is_none(),
        "nothing changes"
    );

    let late = told
        .count_from(&customer, aware(5), &[])
        .expect("it counts from awareness");
    assert!(
        matches!(late.state, ObligationState::Told { in_time: false, .. }),
        "twenty hours after the confirmation are twenty-five after awareness"
    );
    let (missed, _) = owed.clone().take_due(friday() + Duration::hours(24));
    assert!(
        missed.count_from(&customer, aware(5), &[]).is_none(),
        "a miss stays one"
    );
    assert!(
        owed.count_from(&customer, ClockStart::confirmed(friday() + minutes(1)), &[])
            .is_none()
    );
}

#[test]
fn a_contract_counts_from_the_confirmation_where_its_moment_was_not_recorded_or_came_later() {
    let mut terms = ContractTerms {
        counts_from: CountsFrom::Aware,
        ..ContractTerms::default()
    };
    let moments = |hours: i64| BTreeMap::from([(Moment::Aware, friday() + Duration::hours(hours))]);
    assert_eq!(terms.start(&moments(-5), friday()), aware(5));
    assert_eq!(
        terms.start(&moments(5), friday()),
        ClockStart::confirmed(friday())
    );
    assert_eq!(
        terms.start(&BTreeMap::new(), friday()),
        ClockStart::confirmed(friday())
    );
    terms.counts_from = CountsFrom::Confirmed;
    assert_eq!(
        terms.start(&moments(-5), friday()),
        ClockStart::confirmed(friday())
    );
}

#[test]
fn a_contract_names_who_is_told_and_names_only_who_is_there() {
    let mut customer = customer("acme", None);
    customer.contacts = [ContactRole::Billing, ContactRole::Legal, ContactRole::Security]
        .map(|role| Contact {
            name: role.name().to_owned(),
            email: format!("{}@acme.example", role.name()),
            role,
            added_at: None,
            verified_at: None,
            trouble: None,
        })
        .into();
    assert_eq!(customer.first_addresses(), ["security@acme.example"]);
    customer.terms.recipients = BTreeSet::from([ContactRole::Billing, ContactRole::Legal]);
    assert_eq!(
        customer.first_addresses(),
        ["legal@acme.example", "billing@acme.example"]
    );
    customer.terms.recipients = BTreeSet::from([ContactRole::Admin]);
    assert_eq!(
        customer.first_addresses(),
        ["security@acme.example"],
        "somebody is told in any case"
    );
    let faults = customer.faults().join("; ");
    assert!(
        faults.contains("terms.recipients: the contract names the admin contact"),
        "{faults}"
    );
}

#[test]
fn customers_who_are_told_by_hand_stand_on_tasks_of_a_size_that_people_can_share() {
    let customers: Vec<Customer> = (0..30)
        .map(|number| {
            let mut customer = customer(&format!("c{number:02}"), None);
            if number > 0 {
                customer.terms.channel = Channel::Phone;
            }
            customer
        })
        .collect();
    let due = |number: i64| friday() + Duration::hours(100 - number);
    let told = (0..)
        .zip(&customers)
        .map(|(number, customer)| (customer, due(number)));
    let tasks = ByHand::of(told.collect());
    let sizes: Vec<usize> = tasks.iter().map(|task| task.customers.len()).collect();
    assert_eq!(sizes, [25, 4]);
    assert_eq!(tasks[0].due_at, due(29), "the earliest deadline comes first");
    let first = (customers[29].id.clone(), customers[29].name.clone());
    assert_eq!(tasks[0].customers[0], first);
}

/// Told in time, cleared, sent a withdrawal, and found affected after all a hundred hours later.
fn anew() -> (Obligation, Obligation) {
    let told = owed(None)
        .told(&notice(), friday() + Duration::hours(20))
        .expect("it runs");
    let found = ClockStart::confirmed(friday() + Duration::hours(100));
    let anew = told
        .owe_anew(&customer("acme", None), found)
        .expect("it was told");
    (told, anew)
}

#[test]
fn who_was_told_otherwise_is_owed_anew_by_a_clock_that_starts_when_it_was_found() {
    let (told, anew) = anew();
    assert_eq!((told.round(), anew.round()), (1, 2));
    assert_ne!(told.id, anew.id);
    assert_eq!(anew.deadline.from, friday() + Duration::hours(100));
    assert_eq!(anew.deadline.due_at, friday() + Duration::hours(172));
    assert_eq!((anew.steps.len(), &anew.state), (0, &ObligationState::Running));
    assert!(
        anew.deadline.explanation.contains("was withdrawn"),
        "{}",
        anew.deadline.explanation
    );
    let customer = customer("acme", None);
    let found = ClockStart::confirmed(friday() + Duration::hours(100));
    assert_eq!(anew.owe_anew(&customer, found), None, "it runs already");
    assert_eq!(
        anew.count_from(&customer, found, &[]),
        None,
        "and counts from there alone"
    );
}

#[test]
fn what_was_never_told_before_it_was_taken_back_wins_no_time() {
    let ended = owed(None)
        .end("cleared", &person("lea"), friday() + Duration::hours(10))
        .expect("it runs");
    let found = ClockStart::confirmed(friday() + Duration::hours(60));
    let customer = customer("acme", Some(Span::hours(96)));
    let anew = ended.owe_anew(&customer, found).expect("it ended");
    assert_eq!(
        anew.deadline.due_at, ended.deadline.due_at,
        "the clock that ran runs on"
    );
    let (_, taken) = anew.take_due(friday() + Duration::hours(66));
    assert_eq!(
        taken.last().map(|taken| taken.step),
        Some(Step::SendHolding),
        "the holding notice goes again"
    );
}

#[test]
fn a_miss_that_ended_is_not_missed_again_by_what_is_owed_anew() {
    let (missed, _) = owed(None).take_due(friday() + Duration::hours(72));
    let ended = missed
        .end("cleared", &person("lea"), friday() + Duration::hours(80))
        .expect("a miss can end");
    let found = ClockStart::confirmed(friday() + Duration::hours(90));
    let anew = ended.owe_anew(&customer("acme", None), found).expect("it ended");
    assert_eq!(anew.deadline.due_at, friday() + Duration::hours(162));
}

#[test]
fn a_letter_belongs_to_the_round_that_it_was_written_for() {
    let (told, anew) = anew();
    assert!(told.has(Some(&told.id)) && !told.has(Some(&anew.id)));
    assert!(anew.has(Some(&anew.id)) && !anew.has(Some(&told.id)));
    assert!(told.has(None) && !anew.has(None), "older versions knew one round");
    let last = Obligation::last_rounds(vec![told, anew.clone()]);
    assert_eq!(last, [anew]);
}

#[test]
fn a_miss_asks_for_its_reason_however_it_ended() {
    let overdue = friday() + Duration::hours(72);
    let (missed, _) = owed(None).take_due(overdue);
    let cleared = missed
        .clone()
        .end("cleared", &person("lea"), overdue + minutes(5));
    let late = owed(None).told(&notice(), overdue + minutes(1));
    let unseen = owed(None).end("cleared", &person("lea"), overdue + minutes(1));
    for owed in [Some(missed), cleared, late, unseen] {
        let owed = owed.expect("it changed");
        assert!(owed.wants_reason(), "{owed:#?}");
        let explained = owed
            .explain_miss("the relay was down", &person("ines"), overdue + minutes(9))
            .expect("a miss");
        assert!(!explained.wants_reason(), "{explained:#?}");
        let why = explained.miss().and_then(|miss| miss.why).expect("a reason");
        assert_eq!(why.text, "the relay was down");
    }
    let punctual = owed(None).told(&notice(), overdue).expect("it runs");
    let in_time = owed(None).end("cleared", &person("lea"), overdue - minutes(1));
    for owed in [punctual, in_time.expect("it runs")] {
        assert_eq!(owed.miss(), None, "{owed:#?}");
        let why = owed.explain_miss("nothing", &person("ines"), overdue);
        assert!(why.is_err(), "nothing was missed");
    }
}

#[test]
fn the_reason_of_a_miss_outlives_that_the_customer_is_cleared_and_comes_back() {
    let overdue = friday() + Duration::hours(72);
    let (missed, _) = owed(None).take_due(overdue);
    let back = missed
        .explain_miss("the relay was down", &person("ines"), overdue)
        .expect("a miss")
        .end("cleared", &person("lea"), overdue + minutes(5))
        .and_then(Obligation::resume)
        .expect("a miss can end and resume");
    assert_eq!(back.state, ObligationState::Missed { at: overdue });
    assert!(!back.wants_reason(), "{back:#?}");
}

#[test]
fn what_told_a_customer_and_bounced_after_it_was_withdrawn_was_no_miss() {
    let (told, _) = anew();
    let bounced = told.bounced(&[]).expect("nothing stands");
    let ended = bounced
        .take_back("withdrawn", &person("lea"), friday() + Duration::hours(90))
        .expect("it runs");
    assert_eq!(ended.miss(), None);
}
