//! Log groups that are found, in several accounts and regions; their past; and the subscription before the poller.

use crate::{Bench, Reader, ids, messages, monday, seconds};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_collect::Remark;
use watchkeeper_collect::receive::FirehoseHeaders;
use watchkeeper_testbed::cloudwatch::CloudWatch;
use watchkeeper_testbed::kinesis::Kinesis;

async fn bench() -> (Bench, CloudWatch) {
    let bench = Bench::new();
    let cloudwatch = CloudWatch::start(bench.clock.clone()).await;
    (bench, cloudwatch)
}

fn config(cloudwatch: &CloudWatch) -> Value {
    json!({"kind": "cloudwatch_logs", "name": "app", "endpoint_url": cloudwatch.endpoint_url})
}

async fn for_minutes(bench: &Bench, reader: &mut Reader, minutes: i64) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..minutes * 6 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(10));
    }
    found
}

#[tokio::test]
async fn groups_are_found_by_prefix_and_tag_also_those_that_are_made_later() {
    let (bench, cloudwatch) = bench().await;
    for (group, stage) in [
        ("/app/a", "live"),
        ("/app/b", "test"),
        ("/app/c", "live"),
        ("/other", "live"),
        ("/app/own", "live"),
    ] {
        cloudwatch.put(group, "s", monday(), monday(), group);
        cloudwatch.tag(group, "stage", stage);
    }
    let mut config = config(&cloudwatch);
    config["log_group_prefixes"] = json!(["/app/"]);
    config["log_group_tags"] = json!({"stage": "live"});
    config["exclude_log_groups"] = json!(["/app/own*"]);
    let mut reader = bench.source(config).await;
    assert_eq!(reader.messages().await, ["/app/a", "/app/c"]);
    cloudwatch.put("/app/d", "s", bench.now(), bench.now(), "/app/d");
    cloudwatch.tag("/app/d", "stage", "live");
    assert_eq!(for_minutes(&bench, &mut reader, 12).await, ["/app/d"]);
}

#[tokio::test]
async fn a_look_for_groups_that_takes_more_calls_than_a_turn_has_goes_on_where_it_was() {
    let (bench, cloudwatch) = bench().await;
    for number in 0..24 {
        cloudwatch.create_group(&format!("/app/{number:03}"));
    }
    cloudwatch.put("/app/023", "s", monday(), monday(), "the last group's");
    let mut config = config(&cloudwatch);
    config["log_group_prefixes"] = json!(["/app/", "/other/"]);
    // As configured where nothing is said.
    config["calls_per_second"] = 3.into();
    let mut reader = bench.source(config).await;
    assert_eq!(for_minutes(&bench, &mut reader, 10).await, ["the last group's"]);

    // Looking again, ten minutes later and whenever else, leaves calls for reading.
    let mut expected = BTreeSet::new();
    let mut found = BTreeSet::new();
    for minute in 0..25 {
        let message = format!("minute {minute}");
        cloudwatch.put("/app/023", "s", bench.now(), bench.now(), &message);
        expected.insert(message);
        found.extend(for_minutes(&bench, &mut reader, 1).await);
    }
    found.extend(for_minutes(&bench, &mut reader, 15).await);
    assert_eq!(found, expected);
}

/// Many groups, found by prefix and tag, at the rate of calls that is configured where nothing is said.
async fn many_groups(count: usize) -> (Bench, CloudWatch, Reader) {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.groups_a_page(50);
    for number in 0..count {
        let group = format!("/app/{number:04}");
        cloudwatch.create_group(&group);
        cloudwatch.tag(&group, "watch", "yes");
    }
    let mut config = config(&cloudwatch);
    config["log_group_prefixes"] = json!(["/app/"]);
    config["log_group_tags"] = json!({"watch": "yes"});
    config["calls_per_second"] = 3.into();
    let reader = bench.source(config).await;
    (bench, cloudwatch, reader)
}

/// Reads for so many seconds, a turn each; gives the groups that were asked for, in order, by second.
async fn for_seconds(
    bench: &Bench,
    cloudwatch: &CloudWatch,
    reader: &mut Reader,
    seconds: i64,
) -> Vec<Vec<String>> {
    let mut asked = Vec::new();
    for _ in 0..seconds {
        reader.read().await;
        asked.push(cloudwatch.asked());
        bench.clock.advance(self::seconds(1));
    }
    asked
}

#[tokio::test]
async fn groups_are_read_as_they_are_found_and_looking_again_takes_no_call_from_reading() {
    let (bench, cloudwatch, mut reader) = many_groups(90).await;
    let asked = for_seconds(&bench, &cloudwatch, &mut reader, 60).await;
    let first = asked
        .iter()
        .position(|groups| groups.contains(&"/app/0000".to_owned()));
    assert!(
        first.is_some_and(|second| second < 3),
        "the first after {first:?} s"
    );
    let mut found = BTreeSet::new();
    let all = asked.iter().position(|groups| {
        found.extend(groups.clone());
        found.len() == 90
    });
    // Two pages and ninety groups' tags, three calls a second.
    assert!(all.is_some_and(|second| second < 40), "all after {all:?} s");
    // Looking again every ten minutes, the sixth time for all tags too.
    for look in 0..6 {
        bench.clock.advance(Duration::minutes(10));
        let before = (cloudwatch.calls(), cloudwatch.asked());
        let asked = for_seconds(&bench, &cloudwatch, &mut reader, 40).await;
        let reading: usize = asked.iter().map(Vec::len).sum();
        let looking = cloudwatch.calls() - before.0 - reading;
        assert_eq!(looking, if look == 4 { 92 } else { 2 }, "look {look}");
        assert!(
            reading >= 118,
            "look {look}: only {reading} of 120 calls went to reading"
        );
    }
}

#[tokio::test]
async fn many_groups_take_turns_and_none_waits_longer_than_a_round() {
    let (bench, cloudwatch, mut reader) = many_groups(90).await;
    for_seconds(&bench, &cloudwatch, &mut reader, 60).await;
    // All are busy, and so none is left alone for a while; one gives more pages than there are calls.
    cloudwatch.page_size(1);
    let mut last = std::collections::BTreeMap::new();
    let mut longest = 0;
    for second in 0..200 {
        for number in (0..90).filter(|number| number % 15 == second % 15) {
            let group = format!("/app/{number:04}");
            cloudwatch.put(&group, "s", bench.now(), bench.now(), &group);
        }
        for _ in 0..20 {
            cloudwatch.put("/app/0045", "s", bench.now(), bench.now(), "flood");
        }
        reader.messages().await;
        for group in cloudwatch.asked() {
            let before = last.insert(group, second).unwrap_or(0);
            longest = longest.max(second - before);
        }
        bench.clock.advance(seconds(1));
    }
    assert_eq!(last.len(), 90);
    // 90 groups at 3 calls a second are 30 s; each may take two pages in its turn.
    assert!(longest <= 65, "a group waited for {longest} s");
}

#[tokio::test]
async fn more_groups_than_can_be_read_are_said_and_a_group_that_fails_is_said_until_it_is_read() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.groups_a_page(5_000);
    for number in 0..10_001 {
        cloudwatch.create_group(&format!("/app/{number:05}"));
    }
    cloudwatch.deny("/app/00000");
    let mut config = config(&cloudwatch);
    config["log_group_prefixes"] = json!(["/app/"]);
    let mut reader = bench.source(config).await;
    let mut said = Vec::new();
    for _ in 0..3 {
        let batch = reader.source.read(&reader.cursor).await.unwrap();
        reader.cursor = batch.next;
        said = batch.remarks.iter().map(ToString::to_string).collect();
        bench.clock.advance(seconds(1));
    }
    let says = |words: &str| said.iter().filter(|text| text.contains(words)).count();
    assert_eq!(says("10000 of its 10001 log groups are read"), 1, "{said:?}");
    assert_eq!(says("logs:FilterLogEvents"), 1, "{said:?}");
}

#[tokio::test]
async fn accounts_and_regions_are_read_through_their_roles_with_their_external_ids() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.trust("arn:aws:iam::111111111111:role/watch", "x-1");
    cloudwatch.trust("arn:aws:iam::222222222222:role/watch", "x-2");
    cloudwatch.put("/app", "s", monday(), monday(), "event");
    let mut config = config(&cloudwatch);
    config["sts_endpoint_url"] = cloudwatch.endpoint_url.clone().into();
    config["log_groups"] = json!(["/app"]);
    config["accounts"] = json!([
        {"role_arn": "arn:aws:iam::111111111111:role/watch", "external_id": "x-1", "regions": ["eu-central-1", "us-east-1"]},
        {"role_arn": "arn:aws:iam::222222222222:role/watch", "external_id": "x-2"},
        {"role_arn": "arn:aws:iam::333333333333:role/watch", "external_id": "guessed"}]);
    let mut reader = bench.source(config).await;
    let events = reader.read().await;
    let places: BTreeSet<String> = ids(&events)
        .iter()
        .map(|id| id.split("//").next().unwrap().to_owned())
        .collect();
    let expected = [
        "111111111111/eu-central-1",
        "111111111111/us-east-1",
        "222222222222/eu-central-1",
    ];
    assert_eq!(places, expected.map(str::to_owned).into());
    let callers = cloudwatch.callers();
    assert!(
        callers.contains(&("ASIA111111111111".to_owned(), "us-east-1".to_owned())),
        "{callers:?}"
    );
    // The account that does not trust us is shown, and the others go on.
    assert!(
        reader
            .remarks
            .iter()
            .any(|remark| matches!(remark, Remark::Failing { what, .. } if what.contains("333333333333"))),
        "{:?}",
        reader.remarks
    );
}

#[tokio::test]
async fn a_tag_that_changes_is_seen_within_the_hour_in_every_region() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.trust("arn:aws:iam::111111111111:role/watch", "x-1");
    cloudwatch.put("/app", "s", monday(), monday(), "before");
    cloudwatch.tag("/app", "stage", "test");
    let mut config = config(&cloudwatch);
    config["sts_endpoint_url"] = cloudwatch.endpoint_url.clone().into();
    config["log_group_tags"] = json!({"stage": "live"});
    config["accounts"] = json!([{"role_arn": "arn:aws:iam::111111111111:role/watch", "external_id": "x-1",
        "regions": ["eu-central-1", "us-east-1", "us-west-2"]}]);
    let mut reader = bench.source(config).await;
    assert!(reader.messages().await.is_empty());
    cloudwatch.tag("/app", "stage", "live");
    for_minutes(&bench, &mut reader, 70).await;
    cloudwatch.put("/app", "s", bench.now(), bench.now(), "after");
    assert_eq!(for_minutes(&bench, &mut reader, 2).await, ["after"; 3]);
}

#[tokio::test]
async fn the_past_is_read_in_slices_once_and_the_present_does_not_wait_for_it() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(10);
    for n in 0..400_i64 {
        // Many of one millisecond, so that a place within it matters.
        let at = monday() - Duration::hours(30) + Duration::minutes(n / 8 * 8);
        cloudwatch.put("/app", "s", at, at, &format!("old {n}"));
    }
    let mut config = config(&cloudwatch);
    config["log_groups"] = json!(["/app"]);
    config["backfill"] = "2d".into();
    config["calls_per_second"] = 4.into();
    let mut reader = bench.source(config.clone()).await;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for minute in 0..60_i64 {
        cloudwatch.put("/app", "s", bench.now(), bench.now(), &format!("new {minute}"));
        for message in for_minutes(&bench, &mut reader, 1).await {
            if message.starts_with("old") {
                old.push(message)
            } else {
                new.push(message)
            }
        }
        assert_eq!(
            new.len(),
            usize::try_from(minute + 1).unwrap(),
            "the present waited"
        );
        if minute % 7 == 3 {
            reader.source = bench.open(config.clone()).await.source;
        }
    }
    // What lies in the hour before the first reading belongs to the live lane.
    let distinct: BTreeSet<_> = old.iter().collect();
    assert_eq!((old.len(), distinct.len()), (400, 400));
}

#[tokio::test]
async fn an_account_that_is_read_with_a_role_and_without_has_one_allowance_of_calls() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.identify("111122223333");
    let role = "arn:aws:iam::111122223333:role/watchkeeper-read";
    cloudwatch.trust(role, "x-1");
    cloudwatch.page_size(1);
    for n in 0..200 {
        let group = if n % 2 == 0 { "/app/a" } else { "/app/b" };
        cloudwatch.put(group, "s", monday() - seconds(n), monday(), &format!("event {n}"));
    }
    let of = |name: &str, group: &str| {
        let mut config = config(&cloudwatch);
        config["name"] = name.into();
        config["log_groups"] = json!([group]);
        config["calls_per_second"] = 2.into();
        config["sts_endpoint_url"] = cloudwatch.endpoint_url.clone().into();
        config
    };
    let mut through_role = of("through-role", "/app/b");
    through_role["role_arn"] = role.into();
    through_role["external_id"] = "x-1".into();
    let mut readers = [
        bench.source(of("own", "/app/a")).await,
        bench.source(through_role).await,
    ];
    let mut found = Vec::new();
    for _ in 0..30 {
        for reader in &mut readers {
            found.extend(reader.read().await);
        }
        bench.clock.advance(seconds(1));
    }
    assert!(
        (60..=62).contains(&cloudwatch.calls()),
        "{} calls in 30 s",
        cloudwatch.calls()
    );
    // Its events are called what they were called while its number was not known.
    assert!(found.iter().any(|event| event.id.starts_with("self/")));
    assert!(found.iter().any(|event| event.id.starts_with("111122223333/")));
}

#[tokio::test]
async fn where_sts_cannot_be_asked_whose_the_credentials_are_the_source_reads_all_the_same() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.put("/app/a", "s", monday(), monday(), "read");
    let mut config = config(&cloudwatch);
    config["log_groups"] = json!(["/app/a"]);
    // Nobody listens there.
    config["sts_endpoint_url"] = "http://127.0.0.1:9".into();
    let mut reader = bench.source(config).await;
    assert_eq!(reader.messages().await, ["read"]);
}

fn envelope(from: usize, to: usize) -> String {
    let events: Vec<Value> = (from..to)
        .map(|n| json!({"id": format!("{:056}", n + 1), "timestamp": monday().timestamp_millis(), "message": format!("event {n}")}))
        .collect();
    json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/app", "logStream": "s",
        "subscriptionFilters": ["all"], "logEvents": events})
    .to_string()
}

fn subscribed(cloudwatch: &CloudWatch) -> Value {
    let mut config = config(cloudwatch);
    config["log_groups"] = json!(["/app"]);
    config["account"] = "111122223333".into();
    for n in 0..20 {
        cloudwatch.put("/app", "s", monday(), monday(), &format!("event {n}"));
    }
    config
}

#[tokio::test]
async fn what_a_firehose_missed_is_found_and_judged_once_also_by_the_next_process() {
    let (bench, cloudwatch) = bench().await;
    let mut config = subscribed(&cloudwatch);
    let keys = bench.path().join("keys");
    std::fs::write(&keys, "open-sesame\n").unwrap();
    config["subscription"] = json!({"firehose_keys_file": keys});
    let opened = bench.open(config.clone()).await;
    let receiver = opened.receiver.unwrap();
    let mut reader = Reader {
        source: opened.source,
        cursor: watchkeeper_collect::Cursor::start(),
        counts: watchkeeper_collect::BatchCounts::default(),
        remarks: Vec::new(),
    };
    // Twelve of twenty are delivered, some of them twice.
    for (request, from, to) in [("r-1", 0, 8), ("r-2", 4, 12)] {
        let body = json!({"requestId": request, "timestamp": 1, "records": [{"data": BASE64.encode(envelope(from, to))}]});
        let headers = FirehoseHeaders {
            common_attributes: None,
            access_key: Some("open-sesame"),
            request_id: Some(request),
            protocol_version: Some("1.0"),
            source_arn: Some("arn:aws:firehose:eu-central-1:111122223333:deliverystream/logs"),
            content_encoding: None,
        };
        let answer = receiver.accept_firehose(headers, body.to_string().into()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let mut found = reader.messages().await;
    assert_eq!(found.len(), 12);
    assert_eq!(reader.counts.missed_by_push, 0);
    // Killed: the spool is read again from the cursor, the journal from the disk.
    drop(receiver);
    let elsewhere = json!({"kind": "file", "name": "f", "paths": ["/nowhere/x"]});
    reader.source = bench.open(elsewhere).await.source;
    reader.source = bench.open(config.clone()).await.source;
    found.extend(for_minutes(&bench, &mut reader, 30).await);
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!(
        (found.len(), distinct.len(), reader.counts.missed_by_push),
        (20, 20, 8)
    );
}

#[tokio::test]
async fn what_was_pushed_before_a_long_outage_is_not_judged_again_after_it() {
    let (bench, cloudwatch) = bench().await;
    let kinesis = Kinesis::start(bench.clock.clone(), &["0"]).await;
    let mut config = subscribed(&cloudwatch);
    config["subscription"] = json!({"kinesis_stream": "logs"});
    config["kinesis_endpoint_url"] = kinesis.endpoint_url.clone().into();
    kinesis.put("0", &BASE64.encode(envelope(0, 20)));
    let mut reader = bench.source(config.clone()).await;
    let mut found = for_minutes(&bench, &mut reader, 1).await;
    assert_eq!(found.len(), 20);
    // Nobody runs for half a day: longer than the journal is kept while the poller is up to date.
    bench.clock.advance(Duration::hours(12));
    reader.source = bench.open(config).await.source;
    found.extend(for_minutes(&bench, &mut reader, 30).await);
    assert_eq!((found.len(), reader.counts.missed_by_push), (20, 0));
}

#[tokio::test]
async fn what_a_stream_delivers_late_is_not_judged_again() {
    let (bench, cloudwatch) = bench().await;
    let kinesis = Kinesis::start(bench.clock.clone(), &["0"]).await;
    let mut config = subscribed(&cloudwatch);
    config["subscription"] = json!({"kinesis_stream": "logs"});
    config["kinesis_endpoint_url"] = kinesis.endpoint_url.clone().into();
    let mut reader = bench.source(config).await;
    let mut found = for_minutes(&bench, &mut reader, 8).await;
    assert_eq!((found.len(), reader.counts.missed_by_push), (20, 20));
    kinesis.put("0", &BASE64.encode(envelope(0, 20)));
    found.extend(for_minutes(&bench, &mut reader, 2).await);
    assert_eq!((found.len(), reader.counts.duplicates >= 20), (20, true));
}

/// When an event is shown: most within seconds, some within minutes, a few within the horizon of 25 minutes, and of ten thousand one up to
/// two hours late.
fn lag(n: i64) -> Duration {
    let noise = |below: i64| (n.wrapping_mul(2_862_933_555_777_941_757) >> 33).rem_euclid(below);
    match n.rem_euclid(10_000) {
        4_999 => Duration::minutes(25) + seconds(noise(95 * 60)),
        n if n % 500 == 0 => seconds(120 + noise(22 * 60)),
        n if n % 40 == 0 => seconds(5 + noise(115)),
        _ => Duration::milliseconds(noise(3_000)),
    }
}

/// Four hours of events, and three more until the last was looked for. `WATCHKEEPER_EVENTS=1000000` for a million.
#[tokio::test]
async fn events_with_late_tails_of_hours_all_come_once_though_the_process_is_killed_again_and_again() {
    let events: i64 = std::env::var("WATCHKEEPER_EVENTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000);
    let (bench, cloudwatch) = bench().await;
    let mut config = config(&cloudwatch);
    config["log_groups"] = json!(["/app"]);
    let begun = bench.now();
    let mut beyond = 0;
    for n in 0..events {
        let at = begun + Duration::milliseconds(n * 4 * 3_600_000 / events);
        let lag = lag(n);
        beyond += u64::from(lag >= Duration::minutes(25));
        cloudwatch.put("/app", "s", at, at + lag, &format!("event {n}"));
    }
    let mut reader = bench.source(config.clone()).await;
    let (mut found, mut count, mut step) = (BTreeSet::new(), 0, 0);
    while bench.now() < begun + Duration::hours(7) {
        step += 1;
        // Every quarter of an hour it is killed: now before what it read is committed, now after.
        let killed = step % 90 == 0;
        loop {
            // On a machine that is busy a call may run out of time; the next reading begins the sweep anew.
            let Ok(batch) = reader.source.read(&reader.cursor).await else {
                break;
            };
            if killed && step % 180 == 0 {
                break;
            }
            count += batch.events.len();
            found.extend(messages(&batch.events));
            reader.counts += batch.counts;
            reader.cursor = batch.next;
            reader.source.committed(&reader.cursor).await.unwrap();
            if !batch.more {
                break;
            }
        }
        if killed {
            reader.source = bench.open(config.clone()).await.source;
        }
        bench.clock.advance(seconds(10));
    }
    let events = usize::try_from(events).unwrap();
    let missing = events - found.len();
    assert_eq!((missing, count - found.len()), (0, 0), "missing, and twice");
    assert_eq!(reader.counts.late_beyond_horizon, beyond);
    println!(
        "{events} events, {beyond} of them late, {} calls",
        cloudwatch.calls()
    );
}
