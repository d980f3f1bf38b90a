//! Drills: the whole way with real people, and nobody outside hears of it.

use chrono::Duration;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use watchkeeper::config::Sns;
use watchkeeper_deliver::AwsAccess;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::NewRecord;
use watchkeeper_domain::delivery::{Channel, Delivery, DeliveryState};
use watchkeeper_domain::drill::Verdict;
use watchkeeper_domain::id::DeliveryId;
use watchkeeper_domain::incident::{Incident, Phase, Role, Severity, Standing};
use watchkeeper_domain::notice::{Notice, NoticeKind};
use watchkeeper_domain::register::Period;
use watchkeeper_respond::RespondError;
use watchkeeper_respond::operations::incidents::Declaration;
use watchkeeper_respond::operations::portal::Response;
use watchkeeper_respond::pack::Scope;
use watchkeeper_store::TellingOf;
use watchkeeper_stories::auditor::unpacked;
use watchkeeper_stories::company::{INES, MARA, TOMAS, VICTIMS, full_account};
use watchkeeper_stories::house::{House, Setup, TOPIC, is_letter};
use watchkeeper_stories::place::Place;

const MAILBOX: &str = "drill@paperplane.example";

fn declaration(drill: bool) -> Declaration {
    Declaration {
        title: "A share link was open to the world".to_owned(),
        severity: Severity::Sev2,
        summary: String::new(),
        playbook: None,
        drill,
    }
}

async fn declared(house: &mut House) -> Incident {
    let mara = house.user(MARA).await;
    let declared = house.desk().declare(&mara, declaration(true)).await;
    house.settle().await;
    declared.expect("declared")
}

/// Suspected, two customers verified, confirmed; the full notice written by one and approved by another, and carried out.
async fn told_by_people(house: &mut House, incident: &Incident) -> Notice {
    let mara = house.actor(MARA).await;
    let customers = house.customers().await;
    let desk = house.desk().clone();
    let why = "as the script of the drill says";
    desk.suspect_disclosure(&incident.id, None, why, &mara)
        .await
        .expect("suspected");
    for victim in &VICTIMS[..2] {
        desk.set_affected(
            &incident.id,
            &customers[&victim.key()].id,
            Standing::Confirmed,
            why,
            &mara,
        )
        .await
        .expect("listed");
    }
    desk.confirm_disclosure(&incident.id, None, why, None, &mara)
        .await
        .expect("confirmed");
    house
        .send_notice(incident, NoticeKind::Full, full_account())
        .await
}

/// Everybody who got a mail.
fn reached(house: &House) -> BTreeSet<String> {
    house.relay.mails().into_iter().map(|mail| mail.to).collect()
}

/// The files of a pack, by name.
async fn pack(house: &House, scope: Scope) -> BTreeMap<String, String> {
    let mut bytes = Cursor::new(Vec::new());
    house
        .desk()
        .write_pack(scope, &mut bytes, &mut |_| {})
        .await
        .expect("a pack");
    let zip = house.place.folder().join("drill.zip");
    std::fs::write(&zip, bytes.into_inner()).expect("written");
    let folder = tempfile::tempdir_in(house.place.folder()).expect("a folder");
    unpacked(&zip, folder.path());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    ["incidents.csv", "register.csv", "drill.json", "timeline.jsonl"]
        .map(|name| (name.to_owned(), read(name)))
        .into()
}

async fn a_drill_goes_the_whole_way_and_is_scored(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    assert!(
        house.desk().drill_status().await.expect("read").control.due,
        "there was none"
    );
    let incident = declared(&mut house).await;
    let desk = house.desk().clone();
    let (mara, tomas) = (house.user(MARA).await, house.actor(TOMAS).await);
    desk.acknowledge_incident(&incident.id, &tomas)
        .await
        .expect("answered");
    desk.assign_role(&incident.id, None, Role::Commander, &mara.id, &mara)
        .await
        .expect("in command");
    house.pass(Duration::minutes(30));
    let notice = told_by_people(&mut house, &incident).await;

    // Everybody was reached who is ours, and every subject says what it is.
    let ours = |address: &String| address.ends_with("@paperplane.example");
    assert!(reached(&house).iter().all(ours), "{:?}", reached(&house));
    assert!(
        house
            .relay
            .mails()
            .iter()
            .all(|mail| mail.subject.starts_with("[DRILL] "))
    );
    let sent = house.letters(&notice).await;
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|letter| letter.recipients == [MAILBOX]));
    assert_eq!(
        house.relay.mails_to(MAILBOX).len(),
        2,
        "one letter for each customer"
    );

    // Who stands for the customer asks on the portal, and is answered.
    let code = &sent[0].check_code;
    desk.open_notice(code, "198.51.100.7").await.expect("opened");
    let ask = Response::Ask {
        name: "A. Reader",
        text: "Which files?",
    };
    desk.respond_to_notice(code, "198.51.100.7", ask)
        .await
        .expect("asked");
    desk.answer_question(&sent[0].id, 1, "None: it is a drill.", &house.actor(INES).await)
        .await
        .expect("answered");
    let actor = house.actor(MARA).await;
    let before = desk.drill_report(&incident.id).await.expect("a report");
    assert_eq!((before.closed, before.score), (false, 87), "{before:#?}");
    desk.enter_phase(&incident.id, None, Phase::Closed, "it is over", &actor)
        .await
        .expect("closed");
    house.settle().await;
    let report = desk.drill_report(&incident.id).await.expect("a report");
    assert!(
        report.checks.iter().all(|check| check.verdict == Verdict::Met),
        "{report:#?}"
    );
    assert_eq!((report.closed, report.score), (true, 100));

    let status = desk.drill_status().await.expect("read");
    assert_eq!(
        status.last.map(|last| (last.incident, last.score)),
        Some((incident.id.clone(), 100))
    );
    assert!(!status.control.due);
    house.pass(Duration::days(367));
    assert!(
        desk.drill_status().await.expect("read").control.due,
        "a yearly drill is a control"
    );
    house.verified_audit().await;
}

async fn a_drill_counts_nowhere_among_what_really_happened(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let drill = declared(&mut house).await;
    told_by_people(&mut house, &drill).await;
    let mara = house.user(MARA).await;
    let real = house
        .desk()
        .declare(&mara, declaration(false))
        .await
        .expect("declared");
    let actor = house.actor(MARA).await;
    house
        .desk()
        .suspect_disclosure(&real.id, None, "it was open", &actor)
        .await
        .expect("suspected");
    let (counts, owed, open) = {
        let mut tx = house.desk().store().read().await.expect("a transaction");
        (
            tx.open_incident_counts().await.expect("counts"),
            tx.telling_counts(TellingOf::Real).await.expect("counts"),
            tx.all_open_incidents().await.expect("incidents"),
        )
    };
    let owed: u64 = owed.into_values().map(|counts| counts.told + counts.untold).sum();
    assert_eq!((counts.sev2, owed), (1, 0));
    assert_eq!(
        open.iter().map(|incident| &incident.id).collect::<Vec<_>>(),
        [&real.id]
    );
    let register = house.desk().register(Period::ALWAYS).await.expect("a register");
    assert_eq!(
        register.iter().map(|entry| &entry.incident).collect::<Vec<_>>(),
        [&real.id]
    );

    let all = pack(&house, Scope::Period(Period::ALWAYS)).await;
    let rows: Vec<&str> = all["incidents.csv"].lines().skip(1).collect();
    assert!(rows[0].starts_with("1,INC-0001,,DRILL: "), "{rows:?}");
    assert!(rows[1].starts_with("2,INC-0002,"), "{rows:?}");
    assert!(!all["timeline.jsonl"].contains(drill.id.as_str()) && all["drill.json"].is_empty());
    let own = pack(&house, Scope::Incident(drill.number)).await;
    assert!(own["incidents.csv"].contains(drill.id.as_str()));
    assert_eq!(own["register.csv"].lines().count(), 1, "only its heading");
    assert!(own["drill.json"].contains("\"checks\""), "{}", own["drill.json"]);
    assert!(
        house.desk().drill_report(&real.id).await.is_err(),
        "what really happens has no score"
    );
}

/// Puts a letter of a drill into the outbox whose message goes to a real customer, whatever was decided.
async fn smuggled(house: &House, drill: &Incident, to: &str) -> DeliveryId {
    let letter = house
        .deliveries(drill)
        .await
        .into_iter()
        .find(is_letter)
        .expect("a letter");
    let mut tx = house.desk().store().begin().await.expect("a transaction");
    let message = tx.delivery_message(&letter.id).await.expect("it reads");
    let message = String::from_utf8(message.expect("a message")).expect("text");
    assert!(message.contains(MAILBOX));
    let now = house.now();
    let delivery = Delivery {
        id: DeliveryId::derived(&["smuggled"]),
        version: 1,
        recipient: to.to_owned(),
        created_at: now,
        attempts: 0,
        state: DeliveryState::Queued {
            next_attempt_at: now,
            last_answer: None,
        },
        ..letter
    };
    let message = message.replace(MAILBOX, to);
    assert!(tx.enqueue(&delivery, message.as_bytes()).await.expect("kept"));
    let frozen: serde_json::Value = serde_json::from_str(&message).expect("JSON");
    let bytes = frozen["text"].as_str().expect("a mail");
    let record = NewRecord {
        actor: Actor::worker("outbox"),
        action: "delivery.queued",
        subject: delivery.id.to_string(),
        detail: json!({"message_sha256": hex::encode(Sha256::digest(bytes))}),
    };
    tx.record(&record, now).await.expect("recorded");
    tx.commit().await.expect("committed");
    delivery.id
}

async fn a_drill_to_an_address_outside_reaches_nobody(place: Place) {
    let topic = "arn:aws:sns:eu-central-1:123456789012:oncall";
    let sns = Sns {
        // Nobody listens there: an attempt to connect would be put off, and not refused.
        access: AwsAccess {
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            ..AwsAccess::in_region("eu-central-1")
        },
        topics: BTreeMap::from([(TOPIC.to_owned(), topic.to_owned())]),
    };
    let setup = Setup {
        sns: Some(sns),
        ..Setup::default()
    };
    let mut house = House::open(place, setup).await;
    let drill = declared(&mut house).await;
    told_by_people(&mut house, &drill).await;
    let outside = VICTIMS[0].security_contact();
    let smuggled = smuggled(&house, &drill, &outside).await;
    house.settle().await;

    let all = house.deliveries(&drill).await;
    let refused: BTreeMap<&str, &str> = all
        .iter()
        .filter_map(|delivery| match &delivery.state {
            DeliveryState::Refused { answer, .. } => Some((delivery.recipient.as_str(), answer.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        refused.keys().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([outside.as_str(), topic]),
        "{all:#?}"
    );
    assert!(
        refused
            .values()
            .all(|answer| answer.contains("outside of [drill] reach")),
        "{refused:?}"
    );
    assert!(
        all.iter()
            .any(|delivery| delivery.channel == Channel::Sns && delivery.recipient == topic)
    );
    assert!(house.relay.mails_to(&outside).is_empty());
    assert!(
        reached(&house)
            .iter()
            .all(|address| address.ends_with("@paperplane.example"))
    );
    // The refusal is on the timeline and in the record, and nobody of the customer's is tried after it.
    let timeline = house.timeline(&drill).await;
    assert!(
        timeline
            .iter()
            .any(|entry| entry.text.contains("outside of [drill] reach"))
    );
    let tried: BTreeSet<&str> = all
        .iter()
        .filter(|delivery| is_letter(delivery) && delivery.id != smuggled)
        .map(|delivery| delivery.recipient.as_str())
        .collect();
    assert_eq!(tried, BTreeSet::from([MAILBOX]));
    house.verified_audit().await;
}

async fn a_house_that_names_nobody_holds_no_drill(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    house.go_down();
    house.config.drill = watchkeeper::config::Drill::default();
    house.come_up().await;
    let mara = house.user(MARA).await;
    let refused = house.desk().declare(&mara, declaration(true)).await;
    let Err(fault @ RespondError::Invalid { .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(format!("{fault:?}").contains("customers_to ="), "{fault:?}");
    assert!(house.incidents().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_goes_the_whole_way_and_is_scored_on_sqlite() {
    a_drill_goes_the_whole_way_and_is_scored(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_goes_the_whole_way_and_is_scored_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_drill_goes_the_whole_way_and_is_scored(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_counts_nowhere_among_what_really_happened_on_sqlite() {
    a_drill_counts_nowhere_among_what_really_happened(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_counts_nowhere_among_what_really_happened_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_drill_counts_nowhere_among_what_really_happened(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_to_an_address_outside_reaches_nobody_on_sqlite() {
    a_drill_to_an_address_outside_reaches_nobody(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_to_an_address_outside_reaches_nobody_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_drill_to_an_address_outside_reaches_nobody(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_names_nobody_holds_no_drill_on_sqlite() {
    a_house_that_names_nobody_holds_no_drill(Place::sqlite()).await;
}
