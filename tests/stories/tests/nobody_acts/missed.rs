//! A deadline that was missed stays missed, whatever came of it afterwards: the customer was told late, or was cleared. Each asks for its
//! reason before the incident is closed, and each is counted.

use super::pack::exported;
use super::*;
use watchkeeper_domain::delivery::proof::proof_of_telling;
use watchkeeper_domain::incident::Phase;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{rows, unpacked};

const WHY: &str = "the relay was down for two days";

/// The relay is down until the deadline of 72 hours has passed, and the holding notices wait in the outbox.
async fn with_the_relay_down(house: &mut House) -> (Incident, DateTime<Utc>) {
    let incident = confirmed(house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.relay.go_down();
    house.clock.set(confirmed_at + Duration::hours(66));
    house.settle().await;
    (incident, confirmed_at)
}

/// Closing is refused until every one of these misses has its reason.
async fn closed_once_each_is_explained(house: &House, incident: &Incident, misses: &[Obligation]) {
    let ines = house.actor(INES).await;
    let close = || {
        house
            .desk()
            .enter_phase(&incident.id, None, Phase::Closed, "it is over", &ines)
    };
    for miss in misses {
        let refused = close().await.expect_err("a miss without its reason").to_string();
        assert!(refused.contains("each miss needs its reason"), "{refused}");
        let explained = house
            .desk()
            .explain_miss(&miss.id, WHY, &ines)
            .await
            .expect("explained");
        assert!(!explained.wants_reason(), "{explained:#?}");
    }
    close().await.expect("closed");
}

async fn who_is_cleared_after_the_deadline_was_missed_all_the_same(place: Place) {
    let mut house = after_the_theft(place).await;
    let (incident, confirmed_at) = with_the_relay_down(&mut house).await;
    house.clock.set(confirmed_at + Duration::hours(73));
    house.settle().await;
    let mara = house.actor(MARA).await;
    let cleared = house.customers().await[&VICTIMS[2].key()].id.clone();
    house
        .desk()
        .set_affected(&incident.id, &cleared, Standing::Cleared, "test data only", &mara)
        .await
        .expect("cleared");
    house.settle().await;
    let misses = house.obligations(&incident).await;
    assert_eq!(of(&house, &incident, VICTIMS[2]).await.state.name(), "ended");
    assert!(misses.iter().all(Obligation::wants_reason), "{misses:#?}");
    // Its letter waits in the outbox, and goes when the relay is back: it is owed a withdrawal, and closing waits for it.
    let refused = house
        .desk()
        .enter_phase(&incident.id, None, Phase::Closed, "it is over", &mara)
        .await
        .expect_err("owed a withdrawal")
        .to_string();
    assert!(
        refused.contains("1 customer was told and is not affected: send the withdrawal"),
        "{refused}"
    );
    let why = NoticeFacts {
        why_withdrawn: "the files were test data".to_owned(),
        ..NoticeFacts::default()
    };
    house.send_notice(&incident, NoticeKind::Withdrawn, why).await;
    closed_once_each_is_explained(&house, &incident, &misses).await;
    let entries = house.timeline(&incident).await;
    let closing = entries
        .iter()
        .find(|entry| entry.kind == EntryKind::PhaseChanged)
        .expect("closed");
    for part in ["it is over", "Left open: ", "open tasks"] {
        assert!(closing.text.contains(part), "{part}: {}", closing.text);
    }

    let owed = house.obligations(&incident).await;
    let deliveries = house.deliveries(&incident).await;
    let proof = proof_of_telling(&owed, &deliveries, &BTreeMap::new(), house.now());
    let submitted = &proof.levels[0];
    assert_eq!(
        (
            submitted.in_time,
            submitted.late + submitted.never,
            submitted.on_time_permille
        ),
        (0, VICTIMS.len() as u64, Some(0)),
        "who was cleared counts, too"
    );
    let (_, bytes) = exported(&house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("missed.zip"),
        house.place.folder().join("missed"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    unpacked(&zip, &folder);
    let owed = rows(&folder, "obligations.csv");
    let row = owed
        .iter()
        .find(|row| row["owed_to"].contains(VICTIMS[2].name))
        .expect("theirs");
    assert_eq!(
        (row["state"].as_str(), row["on_time"].as_str()),
        ("ended", "no"),
        "{row:?}"
    );
    assert!(!row["missed_at"].is_empty(), "{row:?}");
    for word in [WHY, "the customer was cleared"] {
        assert!(row["reason"].contains(word), "{row:?}");
    }
    let register = rows(&folder, "register.csv");
    assert_eq!(register[0]["missed"], VICTIMS.len().to_string());
    house.verified_audit().await;
}

async fn who_is_told_late_before_anybody_looked_was_missed_all_the_same(place: Place) {
    let mut house = after_the_theft(place).await;
    let (incident, confirmed_at) = with_the_relay_down(&mut house).await;
    house.relay.come_back().await;
    house.clock.set(confirmed_at + Duration::hours(73));
    house.deliver().await;
    house.settle().await;
    let owed = house.obligations(&incident).await;
    let late = owed
        .iter()
        .filter(|owed| matches!(owed.state, ObligationState::Told { in_time: false, .. }));
    assert_eq!(
        late.count(),
        VICTIMS.iter().filter(|victim| victim.hours == 72).count()
    );
    assert!(owed.iter().all(Obligation::wants_reason), "{owed:#?}");
    closed_once_each_is_explained(&house, &incident, &owed).await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cleared_after_the_deadline_was_missed_all_the_same_on_sqlite() {
    who_is_cleared_after_the_deadline_was_missed_all_the_same(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cleared_after_the_deadline_was_missed_all_the_same_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_is_cleared_after_the_deadline_was_missed_all_the_same(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_late_before_anybody_looked_was_missed_all_the_same_on_sqlite() {
    who_is_told_late_before_anybody_looked_was_missed_all_the_same(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_late_before_anybody_looked_was_missed_all_the_same_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_is_told_late_before_anybody_looked_was_missed_all_the_same(place).await;
    }
}
