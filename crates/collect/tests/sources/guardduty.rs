//! GuardDuty: the real SDK against a server with pages, throttling and findings that recur.

use crate::{Bench, ids, monday, seconds};
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_collect::{CollectError, Cursor, Remark};
use watchkeeper_testbed::guardduty::{GuardDuty, finding};
use watchkeeper_testbed::objects::Objects;
use watchkeeper_testbed::slow::Slow;

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
        first[0].fields()["resource"]["s3BucketDetails"][0]["name"],
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
async fn empty_pages_with_a_token_are_turned() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    guardduty.empty_pages(3);
    guardduty.page_size(2);
    let mut reader = bench.source(config(&guardduty)).await;
    assert_eq!(reader.read().await, []);
    assert_eq!(
        reader.cursor.0["watermark"],
        Value::Null,
        "an empty page moves nothing"
    );
    for n in 0..5 {
        guardduty.put_finding(
            &format!("f{n}"),
            EXFILTRATION,
            5.0,
            monday() - seconds(n),
            "198.51.100.7",
        );
    }
    bench.clock.advance(Duration::minutes(5));
    assert_eq!(reader.read().await.len(), 5);
    assert_eq!(guardduty.calls("ListFindings"), 4 + 3 + 3);
    assert_eq!(guardduty.calls("GetFindings"), 3, "none for an empty page");
}

#[tokio::test]
async fn a_service_that_fails_loses_no_finding_and_tells_none_twice() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    guardduty.page_size(10);
    for n in 0..30 {
        guardduty.put_finding(
            &format!("f{n:02}"),
            EXFILTRATION,
            5.0,
            monday() - Duration::hours(n / 3),
            "198.51.100.7",
        );
    }
    let mut reader = bench.source(config(&guardduty)).await;
    // Three are made good by the attempts of one call.
    guardduty.fail_next(3);
    let mut found = reader.read().await;
    assert_eq!(found.len(), 30);
    // Four are all the attempts of one; the source stands where it stood.
    guardduty.fail_next(4);
    guardduty.recur("f03", bench.now() + Duration::minutes(5), "203.0.113.1");
    bench.clock.advance(Duration::minutes(5));
    let before = reader.cursor.clone();
    let error = reader.source.read(&reader.cursor).await.unwrap_err();
    assert!(
        matches!(&error, CollectError::Retryable { what, .. } if what.contains("InternalServerError")),
        "{error}"
    );
    assert_eq!(reader.cursor, before);
    bench.clock.advance(seconds(10));
    found.extend(reader.read().await);
    let distinct: BTreeSet<_> = ids(&found).into_iter().collect();
    assert_eq!((found.len(), distinct.len()), (31, 31));
}

#[tokio::test]
async fn expired_credentials_are_called_so_and_lose_no_finding() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut reader = bench.source(config(&guardduty)).await;
    reader.read().await;
    guardduty.put_finding("f1", EXFILTRATION, 8.0, bench.now(), "198.51.100.7");
    guardduty.expire_credentials(true);
    bench.clock.advance(Duration::minutes(5));
    let refused = reader.source.read(&reader.cursor).await.unwrap_err();
    assert!(
        matches!(&refused, CollectError::Credentials { reason, .. } if reason.starts_with("ExpiredTokenException")),
        "{refused}"
    );
    guardduty.expire_credentials(false);
    bench.clock.advance(seconds(10));
    assert_eq!(reader.read().await.len(), 1);
}

#[tokio::test]
async fn versions_that_show_late_all_come_once() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut reader = bench.source(config(&guardduty)).await;
    guardduty.put_finding("f1", EXFILTRATION, 8.0, bench.now(), "198.51.100.7");
    let mut found = reader.read().await;
    // What happens now shows forty minutes later, when others have moved the watermark on.
    guardduty.hold_back();
    guardduty.put_finding("f2", EXFILTRATION, 8.0, bench.now(), "198.51.100.8");
    guardduty.recur("f1", bench.now() + seconds(1), "203.0.113.1");
    let held_back = bench.now();
    for _ in 0..8 {
        bench.clock.advance(Duration::minutes(5));
        assert_eq!(reader.read().await, []);
    }
    guardduty.show();
    guardduty.put_finding("f3", EXFILTRATION, 8.0, bench.now(), "198.51.100.9");
    found.extend(reader.read().await);
    bench.clock.advance(Duration::minutes(5));
    found.extend(reader.read().await);
    bench.clock.advance(Duration::minutes(5));
    found.extend(reader.read().await);
    let mut told: Vec<_> = found
        .iter()
        .filter_map(|event| Some((event.text("id")?, event.text("service.count")?)))
        .collect();
    told.sort();
    let expected = [("f1", "1"), ("f1", "2"), ("f2", "1"), ("f3", "1")];
    assert_eq!(
        told,
        expected.map(|(id, count)| (id.to_owned(), count.to_owned()))
    );
    assert!(bench.now() - held_back < Duration::hours(1), "within the overlap");
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

/// What EventBridge puts into a queue.
fn event(finding: &Value) -> String {
    json!({"version": "0", "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": finding})
        .to_string()
}

#[tokio::test]
async fn what_eventbridge_tells_is_quick_and_the_poller_behind_it_finds_what_it_missed_once() {
    let bench = Bench::new();
    let guardduty = GuardDuty::start().await;
    let queue = Objects::start(bench.clock.clone()).await;
    let config = json!({"kind": "guardduty", "name": "findings", "endpoint_url": guardduty.endpoint_url,
        "queue_url": queue.queue_url(), "sqs_endpoint_url": queue.endpoint_url});
    let mut reader = bench.source(config.clone()).await;
    reader.read().await;
    bench.clock.advance(seconds(60));
    // The poller is not due yet; the queue tells the finding, and its recurrence.
    let first = finding("f-1", "Recon:EC2/Portscan", 5.0, bench.now(), "192.0.2.1");
    guardduty.put(first.clone());
    queue.send(&event(&first));
    let batch = reader.source.read(&reader.cursor).await.unwrap();
    assert_eq!((batch.events.len(), queue.messages()), (1, 1));
    reader.source.committed(&batch.next).await.unwrap();
    reader.cursor = batch.next;
    assert_eq!(queue.messages(), 0);
    // The poller comes to it later, and has read as far.
    let told_at = bench.now().timestamp_millis();
    bench.clock.advance(seconds(400));
    assert_eq!(reader.read().await, []);
    assert_eq!(reader.cursor.0["watermark"], told_at, "{:?}", reader.cursor);
    bench.clock.advance(seconds(60));
    guardduty.recur("f-1", bench.now(), "198.51.100.7");
    let mut again = first.clone();
    again["service"]["count"] = 2.into();
    again["updatedAt"] = bench
        .now()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        .into();
    queue.send(&json!({"Type": "Notification", "Message": event(&again)}).to_string());
    assert_eq!(reader.read().await.len(), 1);
    // A finding that the queue never told, and another process that is told the recurrence again.
    guardduty.put_finding("f-2", "Recon:EC2/Portscan", 5.0, bench.now(), "192.0.2.2");
    queue.send(&event(&again));
    queue.send("{\"detail-type\": \"Scheduled Event\"}");
    reader.source = bench.open(config).await.source;
    bench.clock.advance(seconds(400));
    let found = reader.read().await;
    assert_eq!(
        found.iter().filter_map(|e| e.text("id")).collect::<Vec<_>>(),
        ["f-2"]
    );
    assert!(
        reader
            .remarks
            .iter()
            .any(|r| matches!(r, Remark::SetAside { reason, .. } if reason.contains("Scheduled Event")))
    );
    assert_eq!(queue.messages(), 1);
}

#[tokio::test]
async fn findings_behind_answers_that_trickle_or_break_off_come_once() {
    let (bench, guardduty) = (Bench::new(), GuardDuty::start().await);
    let mut reader = bench.source(config(&guardduty)).await;
    let mut found = Vec::new();
    for (n, slow) in [Slow::Trickles, Slow::BreaksOff].into_iter().enumerate() {
        guardduty.put_finding(&format!("f{n}"), EXFILTRATION, 8.0, bench.now(), "198.51.100.7");
        bench.clock.advance(Duration::minutes(10));
        guardduty.slow_next(2, slow);
        found.extend(reader.read().await);
    }
    let named: Vec<_> = found.iter().filter_map(|event| event.text("id")).collect();
    assert_eq!(named, ["f0", "f1"]);
}
