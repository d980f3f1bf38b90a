//! Somebody picks up the phone: that is proved by itself, beside what mail servers say.

use super::pack::{edit, exported, mend};
use super::told::{RECIPIENT, genuine};
use super::*;
use watchkeeper_domain::customer::Channel;
use watchkeeper_domain::delivery::proof::{Level, proof_of_telling};
use watchkeeper_domain::notice::{Letter, NoticeError};
use watchkeeper_domain::obligation::TellingFacts;
use watchkeeper_respond::RespondError;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{said, unpacked, verified};
use watchkeeper_stories::company::full_account;

const VICTIM: Victim = VICTIMS[2];

fn a_call(at: DateTime<Utc>) -> TellingFacts {
    TellingFacts {
        channel: Channel::Phone,
        teller: "Mara Lindqvist".to_owned(),
        to: "Ada Calder, +44 20 7946 0123".to_owned(),
        told_at: at,
        said: "Read the holding notice to her, and that our mail does not go out today.".to_owned(),
        evidence: "Recording 4711 of the switchboard".to_owned(),
    }
}

async fn a_call_is_proved_by_itself_and_makes_no_letter_arrive(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.relay.go_down();
    house.clock.set(confirmed_at + Duration::hours(70));
    house.settle().await;
    let (mara, owed) = (house.actor(MARA).await, of(&house, &incident, VICTIM).await);
    let desk = house.desk().clone();
    for (field, facts) in [
        (
            "channel",
            TellingFacts {
                channel: Channel::Email,
                ..a_call(house.now())
            },
        ),
        (
            "to",
            TellingFacts {
                to: " ".to_owned(),
                ..a_call(house.now())
            },
        ),
        (
            "said",
            TellingFacts {
                said: String::new(),
                ..a_call(house.now())
            },
        ),
        (
            "evidence",
            TellingFacts {
                evidence: String::new(),
                ..a_call(house.now())
            },
        ),
        ("told_at", a_call(house.now() + Duration::minutes(1))),
        ("told_at", a_call(confirmed_at - Duration::minutes(1))),
    ] {
        let refused = desk.tell_by_hand(&owed.id, &facts, &mara).await.expect_err(field);
        assert!(format!("{refused:?}").contains(field), "{field}: {refused:?}");
    }
    let called_at = house.now() - Duration::minutes(20);
    let told = desk
        .tell_by_hand(&owed.id, &a_call(called_at), &mara)
        .await
        .expect("written down");
    assert_eq!(told.state, ObligationState::Running, "a call is no letter");

    house.clock.set(confirmed_at + Duration::hours(72));
    house.settle().await;
    let missed = of(&house, &incident, VICTIM).await;
    assert!(missed.wants_reason(), "{missed:#?}");
    let deliveries = house.deliveries(&incident).await;
    let proof = proof_of_telling(
        &house.obligations(&incident).await,
        &deliveries,
        &BTreeMap::new(),
        house.now() + Duration::minutes(1),
    );
    let shares: Vec<(Level, u64)> = proof
        .levels
        .iter()
        .map(|share| (share.level, share.in_time))
        .collect();
    assert_eq!(
        shares,
        [
            (Level::Submitted, 0),
            (Level::RemoteAccepted, 0),
            (Level::Opened, 0),
            (Level::Acknowledged, 0),
            (Level::ByHand, 1)
        ]
    );
    let theirs = proof
        .customers
        .iter()
        .find(|proof| proof.customer == owed.customer)
        .expect("theirs");
    assert_eq!(
        (theirs.first.by_hand, theirs.first.submitted),
        (Some(called_at), None)
    );
    let names = house
        .timeline(&incident)
        .await
        .iter()
        .any(|entry| entry.text.contains("Ada Calder"));
    assert!(!names, "whom we called stands where it can be erased");
    the_pack_has_it(&house, &incident).await;
    house.verified_audit().await;
}

async fn the_pack_has_it(house: &House, incident: &Incident) {
    let (_, bytes) = exported(house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("hand.zip"),
        house.place.folder().join("hand"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key]);
    assert!(sound.status.success(), "{}", said(&sound));
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 4] = [
        ("is not as it was written down", |text| {
            text.replacen("Recording 4711", "Recording 4712", 1)
        }),
        ("is not as it was written down", |text| {
            text.replacen("Ada Calder", "Bea Calder", 1)
        }),
        ("what was said is not", |text| {
            text.replacen("Read the holding", "Sang the holding", 1)
        }),
        ("and it is missing", |_| String::new()),
    ];
    for (named, change) in changes {
        unpacked(&zip, &folder);
        edit(&folder.join("told-by-hand.jsonl"), change);
        mend(&folder);
        let broken = verified(&folder, &["--key", &key]);
        assert!(!broken.status.success(), "{named}: {}", said(&broken));
        assert!(said(&broken).contains(named), "{}", said(&broken));
    }
}

/// The customer's own limits count from the call: what is written afterwards says so, also where it was written before.
async fn letters_say_since_when_a_customer_knows_whom_somebody_called(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let (mara, ines) = (house.actor(MARA).await, house.user(INES).await);
    let desk = house.desk().clone();
    let drafted = desk
        .draft_notice(&incident.id, NoticeKind::Full, full_account().into(), &mara)
        .await
        .expect("begun");
    let waiting = desk.submit_notice(&drafted.id, &mara).await.expect("submitted");
    house.pass(Duration::hours(5));
    let (owed, called_at) = (of(&house, &incident, VICTIM).await, house.now());
    // Whoever approves may have called.
    desk.tell_by_hand(&owed.id, &a_call(called_at), &house.actor(INES).await)
        .await
        .expect("written down");

    let theirs = |letters: Vec<Letter>| {
        letters
            .into_iter()
            .find(|letter| letter.customer == owed.customer)
    };
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    drop(tx);
    let holding = notices.iter().find(|notice| notice.kind == NoticeKind::Holding);
    for notice in [holding.expect("prepared"), &waiting] {
        let letters = house.letters(notice).await;
        let others = letters.iter().filter(|letter| letter.customer != owed.customer);
        assert!(others.clone().count() > 0 && others.clone().all(|other| other.first_told().is_none()));
        let letter = theirs(letters).expect("theirs");
        let text = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("by a telephone call"), "{text}");
        assert_eq!(
            letter.first_told().map(|at| at.timestamp()),
            Some(called_at.timestamp())
        );
    }
    let refused = desk
        .approve_notice(&waiting.id, &waiting.content_hash, &ines)
        .await;
    let Err(RespondError::Notice(NoticeError::Changed { content, .. })) = refused else {
        panic!("what was submitted said that nobody had told them: {refused:?}");
    };
    let full = desk
        .approve_notice(&waiting.id, &content, &ines)
        .await
        .expect("what followed by itself is nobody's hand");
    house.settle().await;
    let letter = theirs(house.letters(&full).await).expect("theirs");
    let page = desk.open_notice(&letter.check_code, RECIPIENT).await;
    let facts = serde_json::to_value(genuine(page).facts).expect("facts");
    assert_eq!(facts["first_told_by"], "phone", "{facts}");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

async fn in_a_drill_nobody_is_called(place: Place) {
    let house = House::open(place, Setup::default()).await;
    let (user, mara) = (house.user(MARA).await, house.actor(MARA).await);
    let declaration = Declaration {
        title: "A drill".to_owned(),
        severity: Severity::Sev2,
        summary: String::new(),
        playbook: None,
        drill: true,
    };
    let desk = house.desk();
    let incident = desk.declare(&user, declaration).await.expect("declared");
    let customer = house.customers().await[&VICTIM.key()].id.clone();
    desk.set_affected(&incident.id, &customer, Standing::Confirmed, "practice", &mara)
        .await
        .expect("affected");
    desk.confirm_disclosure(&incident.id, None, "practice", None, &mara)
        .await
        .expect("confirmed");
    let owed = of(&house, &incident, VICTIM).await;
    let refused = desk.tell_by_hand(&owed.id, &a_call(house.now()), &mara).await;
    let refused = format!("{:?}", refused.expect_err("a drill"));
    assert!(refused.contains("this is a drill"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_proved_by_itself_and_makes_no_letter_arrive_on_sqlite() {
    a_call_is_proved_by_itself_and_makes_no_letter_arrive(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_proved_by_itself_and_makes_no_letter_arrive_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_call_is_proved_by_itself_and_makes_no_letter_arrive(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_say_since_when_a_customer_knows_whom_somebody_called_on_sqlite() {
    letters_say_since_when_a_customer_knows_whom_somebody_called(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_say_since_when_a_customer_knows_whom_somebody_called_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        letters_say_since_when_a_customer_knows_whom_somebody_called(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_drill_nobody_is_called_on_sqlite() {
    in_a_drill_nobody_is_called(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_drill_nobody_is_called_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        in_a_drill_nobody_is_called(place).await;
    }
}
