//! GuardDuty: the real SDK against a server with pages, throttling and findings that recur.

use crate::{Bench, ids, monday, seconds};
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_collect::{CollectError, Cursor};
use watchkeeper_testbed::guardduty::GuardDuty;

const EXFILTRATION: &str = "Exfiltration:S3/AnomalousBehavior";
const ADDRESS: &str = "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4";

fn config(guardduty: &GuardDuty) -> Value {
    json!({"kind": "guardduty", "name": "findings", "endpoint_url": guardduty.endpoint_url})
}

#[tokio::test]
async fn every_version_of_a_finding_is_an_event_of_its_own() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut reader = bench.source(config(&guardduty)).await;
    guardduty.put_finding(
        "f1",
        EXFILTRATION,
        8.0,
        monday() - Duration::hours(1),
        "198.51.100.7",
    );
    let first = reader.read().await;
    assert_eq!(first[0].text(ADDRESS).as_deref(), Some("198.51.100.7"));
    assert_eq!(
        first[0].text("resource.accessKeyDetails.userName").as_deref(),
        Some("export")
    );
    // The SDK's types do not know this field; the body has it.
    assert_eq!(
        first[0].text("service.additionalInfo.type").as_deref(),
        Some("default")
    );
    assert_eq!(
        first[0].fields["resource"]["s3BucketDetails"][0]["name"],
        "customer-files"
    );

    let mut versions = Vec::new();
    for n in 1..=3 {
        bench.clock.advance(Duration::minutes(15));
        guardduty.recur("f1", bench.now(), &format!("203.0.113.{n}"));
        versions.extend(reader.read().await);
    }
    let addresses: Vec<_> = versions.iter().filter_map(|e| e.text(ADDRESS)).collect();
    assert_eq!(addresses, ["203.0.113.1", "203.0.113.2", "203.0.113.3"]);
    let counts: Vec<_> = versions.iter().filter_map(|e| e.text("service.count")).collect();
    assert_eq!(counts, ["2", "3", "4"]);
    assert_eq!(
        ids(&versions)[0],
        "111122223333/eu-central-1/f1/2026-03-02T08:15:00.000Z/2"
    );
    assert_eq!(versions[2].at, monday() + Duration::minutes(45));
}

#[tokio::test]
async fn all_pages_are_read_before_the_watermark_moves() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    for n in 0..137 {
        guardduty.put_finding(
            &format!("f{n:03}"),
            EXFILTRATION,
            5.0,
            monday() - seconds(n),
            "198.51.100.7",
        );
    }
    let mut reader = bench.source(config(&guardduty)).await;
    let events = reader.read().await;
    let distinct: BTreeSet<_> = ids(&events).into_iter().collect();
    assert_eq!((events.len(), distinct.len()), (137, 137));
    assert_eq!(
        (guardduty.calls("ListFindings"), guardduty.calls("GetFindings")),
        (3, 3)
    );
    bench.clock.advance(Duration::minutes(5));
    assert_eq!(reader.read().await, []);
    assert_eq!(guardduty.calls("ListDetectors"), 1);
}

#[tokio::test]
async fn a_crash_between_pages_loses_nothing_and_delivers_nothing_twice() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    guardduty.page_size(10);
    // Spread over 19 hours, so that the overlap does not make good what a watermark that moves too early would lose.
    for n in 0..95 {
        guardduty.put_finding(
            &format!("f{n:03}"),
            EXFILTRATION,
            5.0,
            monday() - Duration::minutes(n * 12),
            "198.51.100.7",
        );
    }
    let mut slow = config(&guardduty);
    slow["calls_per_second"] = 5.into();
    let (mut cursor, mut found) = (Cursor::start(), BTreeSet::new());
    for turn in 0..60 {
        // Every turn is another process; every third one dies before it commits.
        let mut source = bench.open(slow.clone()).await.source;
        let batch = source.read(&cursor).await.unwrap();
        if turn % 3 != 1 {
            for event in batch.events {
                assert!(found.insert(event.id.clone()), "{} came twice", event.id);
            }
            cursor = batch.next;
        }
        // Five calls are two pages, and the sweep begins anew each time: pages grow so that it can come to an end.
        guardduty.page_size(10 + turn);
        bench.clock.advance(seconds(10));
    }
    assert_eq!(found.len(), 95);
}

#[tokio::test]
async fn throttling_is_said_and_survived() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    guardduty.put_finding("f1", EXFILTRATION, 8.0, monday(), "198.51.100.7");
    let mut reader = bench.source(config(&guardduty)).await;
    guardduty.throttle_next(4);
    let error = reader.source.read(&reader.cursor).await.unwrap_err();
    assert!(
        matches!(&error, CollectError::Retryable { what, .. } if what.contains("throttles guardduty:")),
        "{error}"
    );
    bench.clock.advance(seconds(10));
    // Fewer refusals than attempts are dealt with by the SDK, and counted all the same.
    guardduty.throttle_next(2);
    let mut found = reader.read().await;
    // Six refusals have slowed the calls to about three in two seconds.
    bench.clock.advance(seconds(2));
    found.extend(reader.read().await);
    assert_eq!(found.len(), 1);
    assert_eq!((reader.counts.throttled, reader.counts.calls), (2, 5));
}

#[tokio::test]
async fn once_a_day_the_whole_list_finds_what_became_visible_too_late() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut reader = bench.source(config(&guardduty)).await;
    guardduty.put_finding("f1", EXFILTRATION, 8.0, monday(), "198.51.100.7");
    assert_eq!(reader.read().await.len(), 1);
    bench.clock.advance(Duration::hours(6));
    guardduty.put_finding(
        "late",
        EXFILTRATION,
        8.0,
        monday() - Duration::hours(3),
        "198.51.100.7",
    );
    guardduty.put_finding(
        "ancient",
        EXFILTRATION,
        8.0,
        monday() - Duration::days(3),
        "198.51.100.7",
    );
    assert_eq!(reader.read().await, []);
    bench.clock.advance(Duration::hours(18));
    let events = reader.read().await;
    assert_eq!(
        ids(&events),
        ["111122223333/eu-central-1/late/2026-03-02T05:00:00.000Z/1"]
    );
}

#[tokio::test]
async fn what_is_missing_or_refused_says_what_to_do() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut source = bench.open(config(&guardduty)).await.source;
    guardduty.deny(true);
    let error = source.read(&Cursor::start()).await.unwrap_err();
    assert!(
        matches!(
            error,
            CollectError::Refused {
                action: "guardduty:ListDetectors",
                ..
            }
        ),
        "{error}"
    );
    guardduty.deny(false);
    guardduty.disable(true);
    let error = source.read(&Cursor::start()).await.unwrap_err().to_string();
    assert!(error.contains("enable GuardDuty in this region"), "{error}");
    guardduty.disable(false);
    assert!(source.read(&Cursor::start()).await.is_ok());
}
