//! The ladder is stopped: the law forbids to tell for a while, or two people reverse the confirmation.

use super::*;
use watchkeeper_domain::incident::{Disclosure, Phase};

async fn a_hold_that_ends_after_the_deadline_sends_the_notice_then(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let ines = house.actor(INES).await;
    let until = confirmed_at + Duration::hours(80);
    let why = "letter of the prosecutor, file 4711";
    house
        .desk()
        .place_hold(&incident.id, None, until, why, &ines)
        .await
        .expect("held");
    house.settle().await;
    let entries = house.timeline(&incident).await;
    assert!(entries.iter().any(|entry| entry.text.contains(why)));

    for hours in [20, 48, 60, 66, 72] {
        house.clock.set(confirmed_at + Duration::hours(hours));
        house.settle().await;
    }
    let (pages, letters) = sent(&house).await;
    assert!(
        letters.is_empty(),
        "nothing goes while the hold lasts: {letters:#?}"
    );
    assert!(
        pages
            .iter()
            .any(|page| says(page, "last call") && says(page, "; legal hold until ")),
        "{pages:#?}"
    );
    for obligation in house.obligations(&incident).await {
        assert!(
            matches!(obligation.state, ObligationState::Missed { .. }),
            "a hold is no excuse that the product makes: {obligation:#?}"
        );
    }
    // While the service is down, the hold ends; the notice goes as soon as it is back.
    house.go_down();
    house.clock.set(until + Duration::hours(1));
    house.come_up().await;
    house.settle().await;
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len());
    house.pass(Duration::hours(1));
    house.settle().await;
    assert_eq!(sent(&house).await.1.len(), VICTIMS.len());
    let close = || {
        house
            .desk()
            .enter_phase(&incident.id, None, Phase::Closed, "it is over", &ines)
    };
    for obligation in house.obligations(&incident).await {
        let refused = close().await.expect_err("a miss without its reason").to_string();
        assert!(refused.contains("each miss needs its reason"), "{refused}");
        house
            .desk()
            .explain_miss(&obligation.id, "the prosecutor forbade to tell, file 4711", &ines)
            .await
            .expect("explained");
    }
    assert_eq!(close().await.expect("closed").phase, Phase::Closed);
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test]
async fn a_hold_that_ends_after_the_deadline_sends_the_notice_then_on_sqlite() {
    a_hold_that_ends_after_the_deadline_sends_the_notice_then(Place::sqlite()).await;
}

#[tokio::test]
async fn a_hold_that_ends_after_the_deadline_sends_the_notice_then_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_hold_that_ends_after_the_deadline_sends_the_notice_then(place).await;
    }
}

async fn a_confirmation_that_two_people_move_later_moves_the_ladder_and_keeps_both_deadlines(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let (mara, ines) = (house.actor(MARA).await, house.actor(INES).await);
    house.pass(Duration::hours(20));
    let desk = house.desk().clone();
    let later = confirmed_at + Duration::hours(12);
    desk.move_confirmation(&incident.id, None, later, "the first files were samples", &mara)
        .await
        .expect("asked");
    for obligation in house.obligations(&incident).await {
        assert_eq!(
            obligation.deadline.from, confirmed_at,
            "clocks run on until another person agrees"
        );
    }
    assert!(
        desk.agree_to_move(&incident.id, None, later, "I am sure", &mara)
            .await
            .is_err()
    );
    desk.agree_to_move(&incident.id, None, later, "the log agrees", &ines)
        .await
        .expect("moved");
    house.settle().await;
    let obligations = house.obligations(&incident).await;
    assert_eq!(obligations.len(), VICTIMS.len());
    for Obligation { deadline, .. } in &obligations {
        assert_eq!(deadline.from, later);
        let [before] = deadline.before.as_slice() else {
            panic!("{deadline:?}");
        };
        assert_eq!(before.from, confirmed_at);
        assert_eq!(deadline.due_at - before.due_at, Duration::hours(12));
        assert!(
            deadline.explanation.contains("Before, it counted from"),
            "{deadline:?}"
        );
    }
    let entries = house.timeline(&incident).await;
    let told = |text: &str| entries.iter().any(|entry| entry.text.contains(text));
    assert!(told("agreed by a second person: the log agrees"), "{entries:#?}");
    assert!(
        told("count from another instant; the first deadline is"),
        "{entries:#?}"
    );

    let day = VICTIMS.iter().filter(|victim| victim.hours == 24).count();
    for (hours, told) in [(33, 0), (34, day), (77, day), (78, VICTIMS.len())] {
        house.clock.set(confirmed_at + Duration::hours(hours));
        house.settle().await;
        assert_eq!(
            sent(&house).await.1.len(),
            told,
            "{hours} hours after the first instant, twelve fewer after the later"
        );
    }
    house.verified_audit().await;
}

#[tokio::test]
async fn a_confirmation_that_two_people_move_later_moves_the_ladder_and_keeps_both_deadlines_on_sqlite() {
    a_confirmation_that_two_people_move_later_moves_the_ladder_and_keeps_both_deadlines(Place::sqlite())
        .await;
}

#[tokio::test]
async fn a_confirmation_that_two_people_move_later_moves_the_ladder_and_keeps_both_deadlines_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_confirmation_that_two_people_move_later_moves_the_ladder_and_keeps_both_deadlines(place).await;
    }
}

async fn what_two_people_reverse_is_owed_to_nobody(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let (mara, ines) = (house.actor(MARA).await, house.actor(INES).await);
    let desk = house.desk().clone();
    let why = "the key is our auditor's";
    desk.reverse_disclosure(&incident.id, None, why, &mara)
        .await
        .expect("asked");
    let alone = desk
        .reverse_disclosure(&incident.id, None, "I am sure", &mara)
        .await;
    assert!(alone.is_err(), "it takes a second person");
    assert!(
        house
            .obligations(&incident)
            .await
            .iter()
            .all(|o| o.state == ObligationState::Running)
    );
    let reversed = desk
        .reverse_disclosure(&incident.id, None, "I called the auditor", &ines)
        .await
        .expect("reversed");
    assert!(matches!(
        &reversed.disclosure,
        Disclosure::Rejected { reversed: Some(was), .. } if was.confirmed_at == confirmed_at
    ));
    for obligation in house.obligations(&incident).await {
        assert!(
            matches!(obligation.state, ObligationState::Ended { .. }),
            "{obligation:#?}"
        );
    }
    house.clock.set(confirmed_at + Duration::hours(100));
    house.settle().await;
    assert!(sent(&house).await.1.is_empty(), "nobody is told");

    // It was one after all: the clocks that had begun run on, and are long over.
    desk.confirm_disclosure(&incident.id, None, "the auditor's laptop was stolen", None, &mara)
        .await
        .expect("confirmed");
    house.settle().await;
    for obligation in house.obligations(&incident).await {
        assert_eq!(
            obligation.deadline.from, confirmed_at,
            "the first confirmation counts"
        );
    }
    assert_eq!(sent(&house).await.1.len(), VICTIMS.len(), "all are told at once");
    house.verified_audit().await;
}

#[tokio::test]
async fn what_two_people_reverse_is_owed_to_nobody_on_sqlite() {
    what_two_people_reverse_is_owed_to_nobody(Place::sqlite()).await;
}

#[tokio::test]
async fn what_two_people_reverse_is_owed_to_nobody_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_two_people_reverse_is_owed_to_nobody(place).await;
    }
}
