//! Where a law names no number, people are reminded of the company's own target, as what it is: who misses it misses no deadline.

use super::pack::exported;
use super::*;
use watchkeeper::config::Playbooks;
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{rows, unpacked};

const RULE: &str = "gdpr.33_2";

/// Whom a page with these words has reached so far.
async fn paged(house: &House, what: &str) -> BTreeSet<String> {
    let incident = house.incident().await;
    let deliveries = house.deliveries(&incident).await.into_iter();
    deliveries
        .filter(|d| says(d, what))
        .map(|d| d.recipient)
        .collect()
}

async fn a_law_without_a_number_has_a_target_of_our_own(place: Place) {
    let setup = Setup {
        playbooks: Playbooks {
            enable: vec![RULE.to_owned()],
            targets: BTreeMap::from([(RULE.to_owned(), Span::hours(48))]),
            ..Playbooks::default()
        },
        ..Setup::default()
    };
    let mut house = after_the_theft_in(place, setup).await;
    let incident = house.incident().await;
    let (mara, aware_at) = (house.actor(MARA).await, house.now());
    let desk = house.desk().clone();
    desk.record_moment(
        &incident.id,
        None,
        (Moment::Aware, aware_at),
        "seen in the logs",
        &mara,
    )
    .await
    .expect("recorded");
    house.settle().await;
    let before = "until our own target, which is no deadline of the law";
    house
        .clock
        .set(aware_at + Duration::hours(24) - Duration::seconds(1));
    house.settle().await;
    assert!(
        paged(&house, before).await.is_empty(),
        "half of the target is not over"
    );
    house.clock.set(aware_at + Duration::hours(24));
    house.settle().await;
    assert_eq!(
        paged(&house, before).await,
        emails(&[INES]),
        "counsel is reminded"
    );
    house.clock.set(aware_at + Duration::hours(48));
    house.settle().await;
    let after = "our own target, which is no deadline of the law, passed";
    assert!(paged(&house, after).await.contains(INES.email));
    assert!(
        paged(&house, "deadline passed").await.is_empty(),
        "no deadline of the law did"
    );

    house.pass(Duration::minutes(1));
    desk.record_submission(
        &incident.id,
        None,
        (RULE, "notice", house.now()),
        "told them",
        &mara,
    )
    .await
    .expect("recorded");
    house.pass(Duration::days(3));
    let pages = paged(&house, after).await;
    house.settle().await;
    assert_eq!(
        paged(&house, after).await,
        pages,
        "what was submitted is reminded of no more"
    );
    let (_, bytes) = exported(&house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("targets.zip"),
        house.place.folder().join("targets"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    unpacked(&zip, &folder);
    let owed = rows(&folder, "obligations.csv");
    let row = owed.iter().find(|row| row["rule"] == RULE).expect("it binds");
    assert_eq!(
        (row["due_at"].as_str(), row["on_time"].as_str()),
        ("", ""),
        "{row:?}"
    );
    assert!(!row["own_target_at"].is_empty(), "{row:?}");
    assert_eq!(
        row["own_target_met"], "no",
        "a minute late, and no deadline of the law: {row:?}"
    );
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law_without_a_number_has_a_target_of_our_own_on_sqlite() {
    a_law_without_a_number_has_a_target_of_our_own(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law_without_a_number_has_a_target_of_our_own_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_law_without_a_number_has_a_target_of_our_own(place).await;
    }
}
