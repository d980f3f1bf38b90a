//! What was sent is proved to others, and a log that was changed afterwards is found out by what they kept.

use super::*;
use sha2::{Digest as _, Sha256};
use watchkeeper_domain::audit::Kept;
use watchkeeper_domain::audit::note::kept_in;
use watchkeeper_respond::operations::portal::{Checked, GenuineNotice};
use watchkeeper_respond::workers::Worker as _;

/// How a recipient's page answers the code in their mail.
async fn checked(house: &House, code: &str) -> GenuineNotice {
    match house.desk().open_notice(code, "198.51.100.7").await {
        Ok(Checked::Genuine(notice)) => *notice,
        other => panic!("{other:?}"),
    }
}

/// Cuts the last records off, with every checkpoint that has them, so that what is left fits itself.
async fn cut(url: &str, length: i64) {
    let disarm = if url.starts_with("sqlite") {
        "DROP TRIGGER audit_delete; DROP TRIGGER audit_head_back; DROP TRIGGER audit_checkpoint_delete"
    } else {
        "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER; ALTER TABLE audit_checkpoint DISABLE TRIGGER USER"
    };
    let cut = format!(
        "{disarm}; DELETE FROM audit WHERE seq > {length}; DELETE FROM audit_checkpoint WHERE size > {length}; \
         UPDATE audit_head SET seq = {length}, hash = (SELECT hash FROM audit WHERE seq = {length})"
    );
    force(url, cut).await;
}

async fn what_was_sent_is_proved_and_a_cut_log_is_found_out(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let victim = VICTIMS
        .into_iter()
        .find(|victim| victim.hours == 72)
        .expect("one with the usual limit");
    house
        .clock
        .set(step_at(&house, &incident, victim, Step::SendHolding).await);
    // The log is not sealed yet when the letters have gone.
    house.climb().await;
    house.deliver().await;
    let customer = house.customers().await[&victim.key()].id.clone();
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let holding = tx.notices_of(&incident.id).await.expect("notices").remove(0);
    let letters = tx.letters(&holding.id).await.expect("letters");
    drop(tx);
    let letter = letters
        .into_iter()
        .find(|letter| letter.customer == customer)
        .expect("the customer's letter");

    let at_once = checked(&house, &letter.check_code).await;
    assert_eq!(at_once.accepted_at, Some(house.now()));
    assert_eq!(at_once.proof, None, "no checkpoint has the record yet");
    house.pass(Duration::minutes(5));
    house.settle().await;
    let notice = checked(&house, &letter.check_code).await;
    let proof = notice.proof.expect("sealed by now");
    let key = house.desk().log_key().clone();
    let (record, checkpoint) = proof.verify(&key).expect("it holds");
    assert_eq!(record.action, "delivery.attempted");
    assert_eq!(Some(record.at), notice.accepted_at);
    let text = hex::encode(Sha256::digest(letter.text.as_bytes()));
    assert_eq!(notice.text_sha256, text);
    assert!(record.detail.contains(&text), "{}", record.detail);
    let mut forged = proof.clone();
    forged.record = forged.record.replace("delivery.attempted", "delivery.undone00");
    assert!(forged.verify(&key).is_err());

    // Whatever goes out from now on carries that checkpoint or a later one.
    house.pass(Duration::hours(6));
    house.settle().await;
    let kept: Vec<Kept> = house
        .relay
        .server()
        .messages()
        .iter()
        .filter_map(|mail| kept_in(&String::from_utf8_lossy(&mail.bytes)).ok())
        .map(|note| note.checkpoint(&key).expect("signed by our log"))
        .map(|checkpoint| Kept {
            size: checkpoint.size,
            root: checkpoint.root,
            what: "a page that Jonas kept".to_owned(),
        })
        .collect();
    assert!(kept.iter().any(|kept| kept.size >= checkpoint.size), "{kept:?}");
    let store = house.desk().store().clone();
    let verdict = store
        .verify_audit(Some(&key), kept.clone())
        .await
        .expect("it can be read");
    assert!(verdict.expect("it fits").checkpoints > kept.len() as u64);

    let length = i64::try_from(checkpoint.size).expect("small") - 2;
    cut(&house.place.url, length).await;
    let inside = store
        .verify_audit(None, Vec::new())
        .await
        .expect("it can be read");
    // The records that remain fit one another; what gives the cut away inside are the timelines, and whoever cuts those as well is
    // found out by what stands outside.
    let misfit = inside.expect_err("entries are left that no record knows");
    assert!(misfit.what.contains("put in past the log"), "{}", misfit.what);
    let outside = store.verify_audit(None, kept).await.expect("it can be read");
    let misfit = outside.expect_err("found");
    assert_eq!(misfit.seq, length + 1);
    assert!(
        misfit.what.contains("a page that Jonas kept") && misfit.what.contains("its tail was cut off"),
        "{}",
        misfit.what
    );
}

#[tokio::test]
async fn what_was_sent_is_proved_and_a_cut_log_is_found_out_on_sqlite() {
    what_was_sent_is_proved_and_a_cut_log_is_found_out(Place::sqlite()).await;
}

#[tokio::test]
async fn what_was_sent_is_proved_and_a_cut_log_is_found_out_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_was_sent_is_proved_and_a_cut_log_is_found_out(place).await;
    }
}

/// Changes the hash of a record that is sealed already.
async fn forge(url: &str, seq: i64) {
    let hash = "0".repeat(64);
    let change = format!(
        "DROP TRIGGER audit_update; UPDATE audit SET subject = 'inc_other' WHERE seq = {seq}; \
         UPDATE audit SET hash = '{hash}' WHERE seq = {seq}"
    );
    force(url, change).await;
}

#[tokio::test]
async fn what_was_changed_behind_a_checkpoint_is_never_sealed_over() {
    let mut house = after_the_theft(Place::sqlite()).await;
    house.pass(Duration::minutes(5));
    house.settle().await;
    let sealed = house.desk().last_checkpoint().await.expect("it can be read");
    let sealed = sealed.expect("a checkpoint");
    forge(&house.place.url, 2).await;
    let incident = house.incident().await;
    let mara = house.actor(MARA).await;
    house
        .desk()
        .acknowledge_incident(&incident.id, &mara)
        .await
        .expect("acknowledged");
    house.pass(Duration::minutes(5));
    let fault = house.sealing().turn().await.expect_err("it refuses").to_string();
    assert!(fault.contains("not sealed any further"), "{fault}");
    let still = house.desk().last_checkpoint().await.expect("it can be read");
    assert_eq!(still, Some(sealed));
}
