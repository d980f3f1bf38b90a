//! A confirmation that counts from another instant: nearer deadlines at once, further ones by two people, and both stay in sight.

use crate::samples::{customer, friday, incident, minutes, person, user};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use watchkeeper_domain::customer::{ClockStart, CountsFrom};
use watchkeeper_domain::incident::{
    Disclosure, Incident, Intent, Moved, Severity, Standing, TransitionError,
};
use watchkeeper_domain::obligation::{CountedBefore, Known, Obligation, ObligationState, Step};
use watchkeeper_domain::span::Span;

fn confirmed() -> Incident {
    incident(Severity::Sev1)
        .confirm_disclosure("files were taken", friday(), &person("mara"), friday())
        .expect("confirmed")
        .subject
}

fn later(hours: i64) -> DateTime<Utc> {
    friday() + Duration::hours(hours)
}

fn asked(hours: i64) -> Incident {
    let (to, now) = (friday() + Duration::hours(hours), friday() + Duration::hours(30));
    confirmed()
        .move_confirmation(to, "the first file was a test's", &person("mara"), now)
        .expect("asked")
        .subject
}

#[test]
fn a_later_instant_takes_another_person_and_clocks_run_on_until_then() {
    let now = friday() + Duration::hours(31);
    let waiting = asked(6);
    assert_eq!(waiting.disclosure.confirmed_at(), Some(friday()));
    let alone = waiting
        .clone()
        .agree_to_move(later(6), "I am sure", &person("mara"), now);
    assert!(
        matches!(alone, Err(TransitionError::NotYours { .. })),
        "{alone:?}"
    );
    let again = waiting
        .clone()
        .move_confirmation(friday() + minutes(9), "no, then", &person("tom"), now);
    assert!(again.is_err(), "one request at a time");
    assert!(
        waiting
            .clone()
            .agree_to_move(later(6), " ", &person("ines"), now)
            .is_err()
    );

    let outcome = waiting
        .agree_to_move(later(6), "the log agrees", &person("ines"), now)
        .expect("agreed");
    assert!(
        outcome.intents.contains(&Intent::Owe),
        "clocks are brought in line"
    );
    let moved = &outcome.subject;
    assert_eq!(
        moved.disclosure.confirmed_at(),
        Some(friday() + Duration::hours(6))
    );
    let [told] = moved.moves() else {
        panic!("{:?}", moved.moves());
    };
    assert_eq!((told.from, told.to), (friday(), friday() + Duration::hours(6)));
    let asked_by = told.asked.as_ref().map(|asked| &asked.by);
    assert_eq!((asked_by, &told.by), (Some(&person("mara")), &person("ines")));
    assert!(
        outcome
            .subject
            .agree_to_move(later(6), "again", &person("ines"), now)
            .is_err()
    );
}

#[test]
fn an_earlier_instant_counts_at_once_and_a_refused_one_never() {
    let now = friday() + Duration::hours(31);
    let earlier = confirmed()
        .move_confirmation(
            friday() - Duration::hours(2),
            "the mail came then",
            &person("mara"),
            now,
        )
        .expect("moved")
        .subject;
    assert_eq!(
        earlier.disclosure.confirmed_at(),
        Some(friday() - Duration::hours(2))
    );
    assert_eq!(earlier.moves()[0].asked, None);

    assert!(asked(6).refuse_to_move(" ", &person("ines"), now).is_err());
    let refused = asked(6).refuse_to_move("the log says otherwise", &person("ines"), now);
    assert_eq!(
        refused.expect("refused").subject.disclosure,
        confirmed().disclosure
    );
}

#[test]
fn an_instant_that_cannot_be_is_refused() {
    let now = friday() + Duration::hours(30);
    let mara = person("mara");
    let to = |to| confirmed().move_confirmation(to, "why", &mara, now);
    assert!(to(now + minutes(1)).is_err(), "to come");
    assert!(to(friday() - Duration::days(400)).is_err(), "long before");
    assert!(to(friday()).is_err(), "it counts from there");
    assert!(
        confirmed()
            .move_confirmation(friday() - minutes(1), " ", &mara, now)
            .is_err()
    );
    let nothing = incident(Severity::Sev1).move_confirmation(friday(), "why", &mara, now);
    assert!(nothing.is_err());
    assert!(confirmed().agree_to_move(later(6), "why", &mara, now).is_err());
    assert!(confirmed().refuse_to_move("why", &mara, now).is_err());
}

fn owed() -> Obligation {
    let customer = customer("acme", None);
    Obligation::owe(&confirmed().id, &customer, ClockStart::confirmed(friday()))
}

fn moves(hours: i64) -> Vec<Moved> {
    let now = friday() + Duration::hours(31);
    let moved = asked(hours).agree_to_move(later(hours), "the log agrees", &person("ines"), now);
    moved.expect("agreed").subject.moves().to_vec()
}

#[test]
fn a_clock_moves_with_its_confirmation_and_both_deadlines_stay_in_sight() {
    let customer = customer("acme", None);
    let start = ClockStart::confirmed(friday() + Duration::hours(6));
    assert!(
        owed().count_from(&customer, start, &[]).is_none(),
        "a confirmation anew starts no other clock"
    );
    let moved = owed().count_from(&customer, start, &moves(6)).expect("moved");
    assert_eq!(moved.deadline.due_at, friday() + Duration::hours(78));
    let before = CountedBefore {
        from: friday(),
        due_at: friday() + Duration::hours(72),
    };
    assert_eq!(moved.deadline.before, [before]);
    assert!(
        moved
            .deadline
            .explanation
            .ends_with("was due at 2026-06-08 14:20:00 UTC."),
        "{}",
        moved.deadline.explanation
    );
    assert!(
        moved.count_from(&customer, start, &moves(6)).is_none(),
        "nothing changes"
    );

    let (missed, _) = owed().take_due(friday() + Duration::hours(72));
    assert!(matches!(missed.state, ObligationState::Missed { .. }));
    assert!(
        missed.count_from(&customer, start, &moves(6)).is_none(),
        "a miss stays one"
    );
}

#[test]
fn no_edit_of_a_contract_moves_a_deadline_away_whatever_else_moves() {
    let mut patient = customer("acme", Some(watchkeeper_domain::span::Span::hours(90 * 24)));
    let confirmed_at = ClockStart::confirmed(friday());
    assert!(
        owed().count_from(&patient, confirmed_at, &[]).is_none(),
        "more time alone"
    );
    let second = ClockStart::confirmed(friday() - Duration::seconds(1));
    let nearer = [Moved {
        asked: None,
        to: second.at,
        ..moves(6)[0].clone()
    }];
    assert!(
        owed().count_from(&patient, second, &nearer).is_none(),
        "more time and a second earlier"
    );
    let later = ClockStart::confirmed(friday() + Duration::hours(6));
    let moved = owed()
        .count_from(&patient, later, &moves(6))
        .expect("two people moved it");
    assert_eq!(
        moved.deadline.due_at,
        friday() + Duration::hours(78),
        "by no more than they moved it"
    );
    patient.terms.counts_from = CountsFrom::Detected;
    let detected = ClockStart {
        from: CountsFrom::Detected,
        at: friday() - Duration::hours(1),
    };
    assert!(
        owed().count_from(&patient, detected, &[]).is_none(),
        "another moment, and more time"
    );
    let anew = ClockStart::confirmed(friday() - Duration::hours(5));
    let earlier = owed()
        .count_from(&customer("acme", None), anew, &[])
        .expect("nearer");
    assert_eq!(
        earlier.deadline.due_at,
        friday() + Duration::hours(67),
        "whoever caused it"
    );
}

proptest! {
    #[test]
    fn however_it_is_moved_nobody_alone_moves_it_later(
        tries in prop::collection::vec((0..4_u8, -200_i64..200, 0..3_usize), 0..30),
    ) {
        let people = ["mara", "ines", "tom"].map(person);
        let now = friday() + Duration::hours(300);
        let mut incident = confirmed();
        for (what, hours, who) in tries {
            let (to, by, before) = (friday() + Duration::hours(hours), &people[who], incident.disclosure.confirmed_at());
            let asked = match &incident.disclosure {
                Disclosure::Confirmed { moving: Some(asked), .. } => asked.to,
                _ => to,
            };
            let tried = match what {
                0 | 1 => incident.clone().move_confirmation(to, "why", by, now),
                2 => incident.clone().agree_to_move(asked, "why", by, now),
                _ => incident.clone().refuse_to_move("why", by, now),
            };
            let Ok(outcome) = tried else { continue };
            incident = outcome.subject;
            let after = incident.disclosure.confirmed_at();
            if after > before {
                let told = incident.moves().last().expect("told");
                let asked = told.asked.as_ref().expect("asked");
                prop_assert!(what == 2 && asked.by != *by && Some(told.to) == after && Some(told.from) == before);
            }
        }
        let at = |moved: &Moved| (moved.from, moved.to);
        let chain: Vec<_> = incident.moves().iter().map(at).collect();
        prop_assert!(chain.windows(2).all(|two| two[0].1 == two[1].0), "no step is left out: {chain:?}");
        prop_assert!(incident.disclosure.confirmed_at().is_some());
    }
}

#[test]
fn what_follows_of_a_move_is_seen_before_by_the_arithmetic_that_moves_it() {
    let now = friday() + Duration::hours(31);
    let acme = customer("acme", None);
    let listed = asked(6)
        .set_affected(&acme.id, Standing::Confirmed, "its files", &person("mara"), now)
        .expect("listed")
        .subject;
    let by = person("ines");
    let owed = listed
        .owing(&acme, None, false, &by, now)
        .expect("it is owed")
        .owed;
    let agreed = listed
        .agree_to_move(later(6), "the log agrees", &by, now)
        .expect("agreed")
        .subject;
    let owing = agreed
        .owing(&acme, Some(&owed), false, &by, now)
        .expect("it is still owed");
    assert!(owing.moved && !owing.begins && !owing.ends);
    let seen = owing.foreseen(Some(&owed), now);
    assert_eq!(seen.due_before, Some(later(72)));
    assert_eq!(seen.due_at, later(78));
    assert_eq!(seen.holding_at, Some(later(72)));
    assert!(!seen.late && !seen.late_before && !seen.at_once, "{seen:?}");
}

#[test]
fn an_instant_long_ago_makes_a_customer_late_at_once_and_that_is_seen_before() {
    let now = friday() + Duration::hours(31);
    let day = customer("acme", Some(Span::hours(24)));
    let suspected = incident(Severity::Sev1)
        .set_affected(
            &day.id,
            Standing::Confirmed,
            "its files",
            &person("mara"),
            friday(),
        )
        .expect("listed")
        .subject;
    let as_of = |at| {
        let confirmed = suspected
            .clone()
            .confirm_disclosure("the log shows it", at, &person("mara"), now);
        let confirmed = confirmed.expect("confirmed").subject;
        let owing = confirmed.owing(&day, None, false, &person("mara"), now);
        let owing = owing.expect("it is owed");
        (owing.known, owing.foreseen(None, now))
    };
    let (known, long_ago) = as_of(friday());
    assert_eq!(known, Known::New);
    assert!(long_ago.late && long_ago.at_once, "{long_ago:?}");
    let (_, nearly) = as_of(now - Duration::hours(23));
    assert!(
        !nearly.late && nearly.at_once,
        "22 of 24 hours are over: {nearly:?}"
    );
    let (_, fresh) = as_of(now);
    assert!(!fresh.late && !fresh.at_once, "{fresh:?}");
    assert_eq!(fresh.holding_at, Some(now + Duration::hours(22)));
}

#[test]
fn who_asks_for_a_later_instant_is_not_asked_to_agree() {
    let outcome = confirmed()
        .move_confirmation(
            later(6),
            "the first file was a test's",
            &person("mara"),
            later(30),
        )
        .expect("asked");
    let pages: Vec<&Intent> = outcome
        .intents
        .iter()
        .filter(|intent| !matches!(intent, Intent::Owe))
        .collect();
    assert!(!pages.is_empty());
    for page in pages {
        let Intent::PageOthers { except, .. } = page else {
            panic!("{page:?}")
        };
        assert_eq!(*except, user("mara"));
    }
}

proptest! {
    /// What is shown before is what stands afterwards, whatever was owed and from whenever it counts.
    #[test]
    fn bringing_in_line_twice_changes_nothing_the_second_time(
        limit in prop_oneof![Just(None), (1_u32..200).prop_map(|hours| Some(Span::hours(hours)))],
        back in 0_i64..300,
        passed in 0_i64..300,
    ) {
        let now = friday() + Duration::hours(passed);
        let acme = customer("acme", limit);
        let by = person("mara");
        let listed = incident(Severity::Sev1)
            .set_affected(&acme.id, Standing::Possible, "its files", &by, friday())
            .expect("listed")
            .subject;
        let confirmed = listed
            .confirm_disclosure("shown", now - Duration::hours(back), &by, now)
            .expect("confirmed")
            .subject;
        let first = confirmed.owing(&acme, None, false, &by, now).expect("owed");
        let again = confirmed.owing(&acme, Some(&first.owed), false, &by, now).expect("owed");
        prop_assert_eq!(again.known, Known::Same);
        prop_assert_eq!(&again.owed, &first.owed);
        let seen = first.foreseen(None, now);
        let (after, taken) = first.owed.take_due(now);
        prop_assert_eq!(seen.late, after.miss().is_some());
        prop_assert_eq!(seen.at_once, taken.iter().any(|step| step.step == Step::SendHolding));
    }
}
