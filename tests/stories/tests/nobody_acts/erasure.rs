//! A contact who was told leaves the customer, and asks to be forgotten. That the customer was told can be shown as before.

use super::pack::{exported, told_by_people};
use super::*;
use watchkeeper_domain::customer::Channel;
use watchkeeper_domain::erasure::ErasureGround;
use watchkeeper_domain::incident::Phase;
use watchkeeper_domain::obligation::TellingFacts;
use watchkeeper_domain::register::Period;
use watchkeeper_respond::operations::erasures::ErasureRequest;
use watchkeeper_respond::operations::portal::Response;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{rows, said, unpacked, verified};

const VICTIM: Victim = VICTIMS[0];

async fn whoever_is_erased_is_gone_and_the_proof_stands(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    told_by_people(&mut house, &incident).await;
    let customer = house.customers().await[&VICTIM.key()].clone();
    let address = VICTIM.security_contact();
    let desk = house.desk().clone();
    let mut tx = desk.store().read().await.expect("a transaction");
    let notice = tx.notices_of(&incident.id).await.expect("notices");
    let full = notice.iter().find(|n| n.kind == NoticeKind::Full).expect("sent");
    let letters = tx.letters(&full.id).await.expect("letters");
    drop(tx);
    let letter = letters
        .iter()
        .find(|l| l.customer == customer.id)
        .expect("theirs");
    let response = Response::Acknowledge {
        name: "Wilhelmina Droste",
        role: "Security",
    };
    desk.respond_to_notice(&letter.check_code, "192.0.2.9", response)
        .await
        .expect("acknowledged");

    let owed = of(&house, &incident, VICTIM).await;
    let call = TellingFacts {
        channel: Channel::Phone,
        teller: "Mara Lindqvist".to_owned(),
        to: "Wilhelmina Droste, extension 12".to_owned(),
        told_at: house.now(),
        said: "Wilhelmina Droste has the notice before her.".to_owned(),
        evidence: "Recording 4711".to_owned(),
    };
    let mara = house.actor(MARA).await;
    desk.tell_by_hand(&owed.id, &call, &mara)
        .await
        .expect("written down");

    let counsel = house.actor(TOMAS).await;
    let mut asked = ErasureRequest {
        email: address.clone(),
        name: "Wilhelmina Droste".to_owned(),
        ground: ErasureGround::Asked,
        reference: String::new(),
    };
    let refusal = desk
        .erase_contact(&customer.id, None, &asked, &counsel)
        .await
        .expect_err("the incident is open");
    let refusal = format!("{refusal:?}");
    assert!(
        refusal.contains(&incident.reference()) && refusal.contains("reference"),
        "everything at once: {refusal}"
    );

    desk.enter_phase(&incident.id, None, Phase::Closed, "it is over", &mara)
        .await
        .expect("closed");
    asked.reference = "TICKET-17".to_owned();
    let erased = desk
        .erase_contact(&customer.id, None, &asked, &counsel)
        .await
        .expect("erased");
    assert!(erased.messages >= 1 && erased.letters >= 1, "{erased:?}");
    assert!(
        erased.entries >= 1,
        "the timeline says who acknowledged: {erased:?}"
    );
    assert!(erased.customer.contacts.iter().all(|c| c.email != address));
    let again = desk.erase_contact(&customer.id, None, &asked, &counsel).await;
    let again = format!("{:?}", again.expect_err("nobody is left"));
    assert!(again.contains("no contact"), "{again}");

    // The timeline and the pack have nobody of that name, the customer counts as told, and everything verifies.
    house.verified_audit().await;
    let (packed, bytes) = exported(&house, Scope::Period(Period::ALWAYS)).await;
    let zip = house.place.folder().join("pack.zip");
    std::fs::write(&zip, &bytes).expect("written");
    let key = desk.log_key().to_string();
    let sound = verified(&zip, &["--key", &key, "--manifest", &packed.manifest_sha256]);
    assert!(sound.status.success(), "{}", said(&sound));
    let folder = house.place.folder().join("pack");
    unpacked(&zip, &folder);
    for file in [
        "timeline.jsonl",
        "recipients.csv",
        "letters.jsonl",
        "told-by-hand.jsonl",
        "log/log.jsonl",
    ] {
        let text = std::fs::read_to_string(folder.join(file)).expect("a text");
        assert!(
            !text.contains("Wilhelmina") && !text.contains(&address),
            "{file} names who was erased"
        );
    }
    let by_hand = std::fs::read_to_string(folder.join("told-by-hand.jsonl")).expect("a text");
    assert!(
        by_hand.contains("[erased], extension 12") && !by_hand.contains("salt"),
        "{by_hand}"
    );
    let recipients = rows(&folder, "recipients.csv");
    let theirs: Vec<_> = recipients
        .iter()
        .filter(|row| row["customer_key"] == VICTIM.key())
        .collect();
    assert!(!theirs.is_empty());
    for row in theirs {
        assert_eq!(
            (row["address"].as_str(), row["outcome"].as_str()),
            ("[erased]", "accepted")
        );
        assert!(
            !row["submitted_at"].is_empty() && !row["acknowledged_at"].is_empty(),
            "{row:?}"
        );
    }
    let owed = rows(&folder, "obligations.csv");
    let promised = |row: &&_| is_owed_to(row, &VICTIM.key());
    let row = owed.iter().find(promised);
    assert_eq!(row.map(|row| row["on_time"].as_str()), Some("yes"), "{owed:?}");
}

fn is_owed_to(row: &BTreeMap<String, String>, key: &str) -> bool {
    row["rule"].starts_with("contract.") && row["owed_to"].contains(key)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_gone_and_the_proof_stands_on_sqlite() {
    whoever_is_erased_is_gone_and_the_proof_stands(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_gone_and_the_proof_stands_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        whoever_is_erased_is_gone_and_the_proof_stands(place).await;
    }
}
