//! Somebody changes what was approved, in the database and beside the record: nothing of it goes, and nobody is shown it.

use super::contacts::one_letter_in_the_outbox;
use super::*;
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_respond::RespondError;

const VICTIM: Victim = VICTIMS[2];

async fn the_letter(house: &House, incident: &Incident) -> Delivery {
    let all = house.deliveries(incident).await;
    all.into_iter().find(is_letter).expect("a letter")
}

/// Who was paged since a letter was changed.
async fn warned(house: &House, incident: &Incident) -> BTreeSet<String> {
    let all = house.deliveries(incident).await.into_iter();
    let about_it = |d: &Delivery| {
        pages_for(
            d,
            |r| matches!(r, PageReason::LetterChanged { customer } if customer == VICTIM.name),
        )
    };
    all.filter(about_it).map(|d| d.recipient).collect()
}

async fn a_message_of_which_one_byte_was_changed_after_approval_does_not_go(place: Place) {
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let letter = the_letter(&house, &incident).await;
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let mut message = tx
        .delivery_message(&letter.id)
        .await
        .expect("it reads")
        .expect("a message");
    drop(tx);
    let middle = message.len() / 2;
    let at = middle
        + message[middle..]
            .iter()
            .position(|byte| *byte == b'e')
            .expect("an e");
    message[at] = b'a';
    let url = &house.place.url;
    let bytes: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
    let change = if url.starts_with("sqlite") {
        format!("DROP TRIGGER delivery_message_update; UPDATE delivery_message SET message = x'{bytes}'")
    } else {
        format!(
            "ALTER TABLE delivery_message DISABLE TRIGGER USER; UPDATE delivery_message SET message = '\\x{bytes}'"
        )
    };
    force(url, format!("{change} WHERE delivery = '{}'", letter.id)).await;
    house.settle().await;

    assert_eq!(house.relay.mails_to(&VICTIM.security_contact()).len(), 0);
    assert_eq!(
        house.relay.mails_to(&VICTIM.legal_contact()).len(),
        0,
        "nor the next contact"
    );
    let DeliveryState::Refused { answer, .. } = the_letter(&house, &incident).await.state else {
        panic!("it is held back");
    };
    assert!(answer.starts_with("held back"), "{answer}");
    assert_eq!(
        of(&house, &incident, VICTIM).await.state,
        ObligationState::Running,
        "nobody was told"
    );
    assert_eq!(warned(&house, &incident).await, emails(&[TOMAS, INES]));
    let told = house.timeline(&incident).await;
    assert!(told.iter().any(|entry| entry.text.contains("is held back")));
    // The promise is kept all the same: the holding notice goes when its time comes.
    house
        .clock
        .set(step_at(&house, &incident, VICTIM, Step::SendHolding).await);
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIM.security_contact()).len(), 1);
    house.verified_audit().await;
}

async fn a_letter_that_was_changed_goes_to_no_other_contact_and_is_not_shown(place: Place) {
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let delivery = the_letter(&house, &incident).await;
    let About::Letter { letter, .. } = &delivery.about else {
        panic!("a letter");
    };
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let written = tx.letter(letter).await.expect("it reads");
    drop(tx);
    assert!(written.text.contains("the"));
    let change = format!("UPDATE letter SET body = replace(body, 'the', 'tha') WHERE id = '{letter}'");
    force(&house.place.url, change).await;
    house
        .relay
        .server()
        .script_once(Stage::Rcpt, Act::reply("550 5.1.1 no such user"));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIM.legal_contact()).len(), 0);
    assert_eq!(warned(&house, &incident).await, emails(&[TOMAS, INES]));
    for _ in 0..2 {
        let shown = house
            .desk()
            .open_notice(&written.check_code, "198.51.100.7")
            .await;
        let Err(RespondError::Unavailable(why)) = shown else {
            panic!("{shown:?}");
        };
        assert!(why.contains("not what was sent"), "{why}");
    }
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_which_one_byte_was_changed_after_approval_does_not_go_on_sqlite() {
    a_message_of_which_one_byte_was_changed_after_approval_does_not_go(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_which_one_byte_was_changed_after_approval_does_not_go_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_message_of_which_one_byte_was_changed_after_approval_does_not_go(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_was_changed_goes_to_no_other_contact_and_is_not_shown_on_sqlite() {
    a_letter_that_was_changed_goes_to_no_other_contact_and_is_not_shown(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_was_changed_goes_to_no_other_contact_and_is_not_shown_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_letter_that_was_changed_goes_to_no_other_contact_and_is_not_shown(place).await;
    }
}
