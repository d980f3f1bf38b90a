//! The relay was down when letters were due.

use super::*;

async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.relay.go_down();
    let [send, overdue] = [66, 72].map(|hours| confirmed_at + Duration::hours(hours));
    house.clock.set(send);
    house.settle().await;
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len());
    assert!(
        letters
            .iter()
            .all(|d| d.state.name() == "queued" && d.attempts >= 1),
        "{letters:#?}"
    );
    house.clock.set(overdue - Duration::seconds(1));
    house.settle().await;
    for victim in VICTIMS.into_iter().filter(|v| v.hours == 72) {
        assert_eq!(
            of(&house, &incident, victim).await.state,
            ObligationState::Running
        );
    }
    house.clock.set(overdue);
    house.settle().await;
    for victim in VICTIMS {
        let state = of(&house, &incident, victim).await.state;
        assert!(matches!(state, ObligationState::Missed { .. }), "{state:?}");
    }
    // The relay comes back, turns mail away for a while, and then takes it.
    house.relay.come_back().await;
    house
        .relay
        .server()
        .script(Stage::Rcpt, Act::reply("451 4.3.2 try again later"));
    house.pass(Duration::hours(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIMS[0].security_contact()).len(), 0);
    house.relay.server().clear_script();
    house.pass(Duration::hours(1));
    house.settle().await;
    for victim in VICTIMS {
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "{}",
            victim.name
        );
        let state = of(&house, &incident, victim).await.state;
        assert!(
            matches!(state, ObligationState::Missed { .. }),
            "told too late stays a miss: {state:?}"
        );
    }
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len(), "no letter was written twice");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss_on_sqlite() {
    a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(place).await;
    }
}
