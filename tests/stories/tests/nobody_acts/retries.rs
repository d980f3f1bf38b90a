//! A server puts a letter off, again and again: when it is tried again, and when somebody else is told.

use super::bounces::letter_to;
use super::contacts::one_letter_in_the_outbox;
use super::*;

/// Minutes after the first attempt: 1, 5, 15 and 30 minutes apart, and then hourly. The last one is the first after four hours.
const ATTEMPTS: [i64; 9] = [0, 1, 6, 21, 51, 111, 171, 231, 291];

async fn a_letter_that_is_put_off_is_tried_by_the_policy_and_after_four_hours_the_next_contact_too(
    place: Place,
) {
    let victim = VICTIMS[2];
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let greylisted = Act::reply("451 4.7.1 greylisted, try again later");
    house.relay.server().script(Stage::Rcpt, greylisted);
    let first = house.now();
    let attempts = async |house: &House| {
        let letter = letter_to(house, &incident, &victim.security_contact()).await;
        assert_eq!(letter.state.name(), "queued", "{letter:#?}");
        letter.attempts
    };
    let next_contact = async |house: &House| {
        let all = house.deliveries(&incident).await;
        all.into_iter()
            .find(|d| is_letter(d) && d.recipient == victim.legal_contact())
    };
    for (made, minutes) in (0..).zip(ATTEMPTS) {
        let due = first + Duration::minutes(minutes);
        if made > 0 {
            house.clock.set(due - Duration::seconds(1));
            house.settle().await;
            assert_eq!(
                attempts(&house).await,
                made,
                "nothing is tried before {minutes} min"
            );
        }
        assert_eq!(next_contact(&house).await, None, "before {minutes} min");
        house.clock.set(due);
        house.settle().await;
        assert_eq!(attempts(&house).await, made + 1, "tried after {minutes} min");
    }
    let beside = next_contact(&house)
        .await
        .expect("the next contact is told as well");
    assert_eq!(
        beside.state.name(),
        "queued",
        "by the same server, which puts it off"
    );
    let state = of(&house, &incident, victim).await.state;
    assert_eq!(state, ObligationState::Running, "nobody has been told");

    // The server takes mail again: each contact gets the letter at its next attempt, once.
    house.relay.server().clear_script();
    house.pass(Duration::minutes(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&victim.legal_contact()).len(), 1);
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 0);
    let state = of(&house, &incident, victim).await.state;
    assert!(
        matches!(state, ObligationState::Told { in_time: true, .. }),
        "{state:?}"
    );
    house.pass(Duration::minutes(59));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 1);
    assert_eq!(house.relay.mails_to(&victim.legal_contact()).len(), 1);
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_put_off_is_tried_by_the_policy_and_after_four_hours_the_next_contact_too_on_sqlite()
{
    a_letter_that_is_put_off_is_tried_by_the_policy_and_after_four_hours_the_next_contact_too(
        Place::sqlite(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_put_off_is_tried_by_the_policy_and_after_four_hours_the_next_contact_too_on_postgresql()
 {
    if let Some(place) = Place::postgresql() {
        a_letter_that_is_put_off_is_tried_by_the_policy_and_after_four_hours_the_next_contact_too(place)
            .await;
    }
}
