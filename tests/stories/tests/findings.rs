//! A finding of GuardDuty that recurs: the real source and SDK against a server that speaks the wire protocol, the shipped rules, and the
//! alert that people see.

use chrono::Duration;
use serde_json::json;
use watchkeeper_collect::SourceConfig;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::incident::Phase;
use watchkeeper_store::{AlertFilter, PageRequest};
use watchkeeper_stories::company::MARA;
use watchkeeper_stories::house::{House, Setup};
use watchkeeper_stories::place::Place;
use watchkeeper_testbed::guardduty::GuardDuty;

const KIND: &str = "Exfiltration:S3/AnomalousBehavior";
/// The shipped rule of that family.
const RULE: &str = "33bf7366-4fd7-47b8-9d99-aac489c3d127";

/// A house that polls this GuardDuty.
async fn house(place: Place, guardduty: &GuardDuty) -> House {
    let credentials = place.folder().join("credentials");
    let keys = "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(&credentials, keys).expect("written");
    let source = json!({"kind": "guardduty", "name": "findings", "region": "eu-central-1", "credentials_file": credentials,
        "endpoint_url": guardduty.endpoint_url, "poll_seconds": 60});
    let source: SourceConfig = serde_json::from_value(source).expect("a source");
    let setup = Setup {
        sources: vec![source],
        ..Setup::default()
    };
    House::open(place, setup).await
}

/// The next poll, and what follows of it.
async fn poll(house: &mut House) {
    house.pass(Duration::minutes(2));
    house.settle().await;
}

/// The alerts of the rule, the oldest first.
async fn alerts(house: &House) -> Vec<Alert> {
    let filter = AlertFilter {
        detector: Some(RULE.to_owned()),
        ..AlertFilter::default()
    };
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let found = tx.alerts(&filter, &PageRequest::first(10)).await;
    let mut alerts = found.expect("alerts").items;
    alerts.sort_by_key(|alert| alert.opened_at);
    alerts
}

async fn a_finding_that_recurs_updates_its_alert_and_opens_another_once_its_incident_is_long_closed(
    place: Place,
) {
    let guardduty = GuardDuty::start().await;
    let mut house = house(place, &guardduty).await;
    guardduty.put_finding("f-1", KIND, 8.0, house.now(), "198.51.100.7");
    poll(&mut house).await;
    let first = alerts(&house).await;
    let [alert] = first.as_slice() else {
        panic!("one alert: {first:#?}");
    };
    assert_eq!(alert.events(), 1);
    let incident = house.incident().await;
    assert_eq!(alert.incident.as_ref(), Some(&incident.id));

    // Three times more, days apart, by somebody else each time; killed between the second and the third.
    for n in 2..=4 {
        house.pass(Duration::days(2));
        guardduty.recur("f-1", house.now(), &format!("203.0.113.{n}"));
        if n == 3 {
            house.go_down();
            house.come_up().await;
        }
        poll(&mut house).await;
        poll(&mut house).await;
        let now = alerts(&house).await;
        let [same] = now.as_slice() else {
            panic!("still one alert: {now:#?}");
        };
        assert_eq!((&same.id, same.events()), (&alert.id, n));
        assert!(same.last_at > alert.last_at);
    }
    assert_eq!(house.incidents().await.len(), 1);

    // What recurs after its incident was closed, and not on the same day, is for somebody to see.
    let mara = house.actor(MARA).await;
    house
        .desk()
        .enter_phase(&incident.id, None, Phase::Closed, "it is over", &mara)
        .await
        .expect("closed");
    house.pass(Duration::days(2));
    guardduty.recur("f-1", house.now(), "203.0.113.5");
    poll(&mut house).await;
    poll(&mut house).await;
    let both = alerts(&house).await;
    let [old, new] = both.as_slice() else {
        panic!("another alert: {both:#?}");
    };
    assert_eq!((&old.id, old.events(), new.events()), (&alert.id, 4, 1));
    let incidents = house.incidents().await;
    assert_eq!(incidents.len(), 2);
    assert_ne!(new.incident.as_ref(), Some(&incident.id));
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_recurs_updates_its_alert_and_opens_another_once_its_incident_is_long_closed_on_sqlite()
 {
    a_finding_that_recurs_updates_its_alert_and_opens_another_once_its_incident_is_long_closed(
        Place::sqlite(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_recurs_updates_its_alert_and_opens_another_once_its_incident_is_long_closed_on_postgresql()
 {
    if let Some(place) = Place::postgresql() {
        a_finding_that_recurs_updates_its_alert_and_opens_another_once_its_incident_is_long_closed(place)
            .await;
    }
}
