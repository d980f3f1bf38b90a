//! The demo's clock travels: it stops at whatever is due, and never leaps over it.

use super::*;
use std::time::Duration as Machine;
use watchkeeper_respond::operations::travel::{CLOCK_AHEAD, Travel, Travelled};

/// Long enough for whatever is due in these stories, and short enough for a story to end.
const PATIENT: Machine = Machine::from_secs(120);

fn demo() -> Setup {
    Setup {
        demo: true,
        ..Setup::default()
    }
}

/// Mara travels while the workers take their turns.
async fn travel(house: &mut House, hours: u32) -> Travelled {
    let mara = house.actor(MARA).await;
    let (desk, clock) = (house.desk().clone(), std::sync::Arc::clone(&house.clock));
    let travel = Travel {
        hours,
        patience: PATIENT,
    };
    let journey = desk.advance_clock(clock.as_ref(), travel, &mara);
    tokio::pin!(journey);
    loop {
        tokio::select! {
            biased;
            arrived = &mut journey => return arrived.expect("it travels"),
            () = house.settle() => tokio::task::yield_now().await,
        }
    }
}

async fn kept_ahead(house: &House) -> Option<String> {
    let mut tx = house.desk().store().read().await.expect("reads");
    tx.setting(CLOCK_AHEAD).await.expect("a setting")
}

async fn one_journey_over_every_step_misses_nobody(place: Place) {
    let mut house = after_the_theft_in(place, demo()).await;
    let incident = confirmed(&mut house).await;
    let began = house.now();
    let travelled = travel(&mut house, 72).await;
    assert_eq!(travelled.stopped, None);
    assert_eq!(travelled.now, began + Duration::hours(72));
    house.settle().await;
    for victim in VICTIMS {
        let owed = of(&house, &incident, victim).await;
        let ObligationState::Told {
            at, in_time: true, ..
        } = owed.state
        else {
            panic!("{owed:#?}")
        };
        assert_eq!(at, owed.step_at(Step::SendHolding), "no step was leapt over");
        assert!(owed.steps.iter().all(|taken| !taken.late()), "{:?}", owed.steps);
    }
    let all = house.deliveries(&incident).await;
    let again: Vec<&Delivery> = all
        .iter()
        .filter(|d| d.possible_duplicate || d.attempts > 1)
        .collect();
    assert!(
        again.is_empty(),
        "no claim was leapt over, and nothing went twice: {again:#?}"
    );
    house.everything_arrived_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_journey_over_every_step_misses_nobody_on_sqlite() {
    one_journey_over_every_step_misses_nobody(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_journey_over_every_step_misses_nobody_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        one_journey_over_every_step_misses_nobody(place).await;
    }
}

async fn a_journey_stops_short_of_what_nobody_does(place: Place) {
    let mut house = after_the_theft_in(place, demo()).await;
    let incident = confirmed(&mut house).await;
    let began = house.now();
    let mara = house.actor(MARA).await;
    let travel = Travel {
        hours: 72,
        patience: Machine::ZERO,
    };
    // No worker takes a turn, as where each is slow.
    let travelled = house
        .desk()
        .advance_clock(house.clock.as_ref(), travel, &mara)
        .await
        .expect("it travels");
    let stopped = travelled.stopped.expect("it stopped short");
    assert_eq!(travelled.now, stopped.due_at, "it stands where something is due");
    assert_eq!(house.now(), travelled.now);
    assert_eq!(stopped.moved_seconds, (travelled.now - began).num_seconds());
    assert_eq!(
        Duration::seconds(stopped.moved_seconds + stopped.left_seconds),
        Duration::hours(72)
    );
    assert!(
        stopped.moved_seconds > 0 && stopped.left_seconds > 0,
        "{stopped:?}"
    );
    assert_eq!(
        kept_ahead(&house).await,
        Some(stopped.moved_seconds.to_string()),
        "a restart begins where it stopped"
    );
    for victim in VICTIMS {
        let owed = of(&house, &incident, victim).await;
        assert!(matches!(owed.state, ObligationState::Running), "{owed:#?}");
    }
    // The workers do what is due; the rest of the way is open again, and the step is not late.
    house.settle().await;
    let further = house
        .desk()
        .advance_clock(house.clock.as_ref(), travel, &mara)
        .await
        .expect("it travels");
    assert!(further.now > travelled.now, "{further:?}");
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_stops_short_of_what_nobody_does_on_sqlite() {
    a_journey_stops_short_of_what_nobody_does(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_stops_short_of_what_nobody_does_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_journey_stops_short_of_what_nobody_does(place).await;
    }
}
