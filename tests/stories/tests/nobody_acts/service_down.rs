//! The service was down when something was due.

use super::*;

/// Every step of every obligation is recorded once, with the instant it was due.
fn each_step_once(obligation: &Obligation, until: Step) {
    let taken: Vec<Step> = obligation.steps.iter().map(|taken| taken.step).collect();
    let expected: Vec<Step> = Step::ALL.into_iter().filter(|step| *step <= until).collect();
    assert_eq!(taken, expected);
    for taken in &obligation.steps {
        assert_eq!(taken.due_at, obligation.step_at(taken.step));
    }
}

async fn what_was_missed_while_down_is_done_at_once(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.go_down();
    // Down from the confirmation on, over the instant at which the holding notice was to go, and back before the limit.
    house.clock.set(confirmed_at + Duration::hours(70));
    house.come_up().await;
    house.settle().await;
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        assert!(
            obligation
                .steps
                .iter()
                .all(watchkeeper_domain::obligation::StepTaken::late),
            "{obligation:#?}"
        );
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "{} is told at once",
            victim.name
        );
        match victim.hours {
            72 => {
                each_step_once(&obligation, Step::SendHolding);
                assert!(
                    matches!(obligation.state, ObligationState::Told { at, in_time: true, .. } if at == house.now()),
                    "{obligation:#?}"
                );
            }
            _ => {
                each_step_once(&obligation, Step::Overdue);
                assert!(
                    matches!(obligation.state, ObligationState::Missed { .. }),
                    "{obligation:#?}"
                );
            }
        }
    }
    let entries = house.timeline(&incident).await;
    let steps: Vec<_> = entries
        .iter()
        .filter(|e| e.kind == EntryKind::ObligationChanged && e.recorded_at == house.now())
        .collect();
    assert!(
        !steps.is_empty() && steps.iter().all(|e| e.text.contains("(late by ")),
        "{steps:#?}"
    );
    let (pages, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len());
    // Reminders before the last step of each group no longer help: one page a group and person.
    let expected = |what: &str| pages.iter().filter(|d| says(d, what)).count();
    assert_eq!(
        (expected("deadline missed"), expected("holding notice sent")),
        (3, 3),
        "{pages:#?}"
    );
    assert_eq!(pages.len(), 6, "{pages:#?}");
    house.pass(Duration::minutes(10));
    house.settle().await;
    let again = sent(&house).await;
    assert_eq!((again.0.len(), again.1.len()), (pages.len(), letters.len()));
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_down_is_done_at_once_on_sqlite() {
    what_was_missed_while_down_is_done_at_once(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_down_is_done_at_once_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_was_missed_while_down_is_done_at_once(place).await;
    }
}

async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    house.go_down();
    house
        .clock
        .set(incident.disclosure.confirmed_at().expect("confirmed") + Duration::hours(100));
    house.come_up().await;
    house.settle().await;
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        each_step_once(&obligation, Step::Overdue);
        assert!(
            matches!(obligation.state, ObligationState::Missed { .. }),
            "{obligation:#?}"
        );
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "telling goes on"
        );
    }
    let (pages, letters) = sent(&house).await;
    let missed: Vec<Delivery> = pages
        .iter()
        .filter(|d| says(d, "deadline missed for 7 customers"))
        .cloned()
        .collect();
    assert_eq!(
        recipients(&missed).into_iter().collect::<BTreeSet<_>>(),
        paged_at(Step::Overdue)
    );
    assert_eq!((pages.len(), letters.len()), (3, 7), "{pages:#?}");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody_on_sqlite() {
    a_service_that_was_down_over_the_whole_limit_still_tells_everybody(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_service_that_was_down_over_the_whole_limit_still_tells_everybody(place).await;
    }
}
