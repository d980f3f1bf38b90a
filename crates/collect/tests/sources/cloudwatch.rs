//! CloudWatch Logs: the real SDK against a server that is as difficult as the real one.

use crate::{Bench, Reader, ids, messages, monday, seconds};
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_collect::{CollectError, Cursor, Remark};
use watchkeeper_testbed::cloudwatch::CloudWatch;
use watchkeeper_testbed::slow::Slow;

const GROUP: &str = "/app/checkout";

fn config(cloudwatch: &CloudWatch) -> Value {
    json!({"kind": "cloudwatch_logs", "name": "checkout", "log_groups": [GROUP], "format": "plain",
        "endpoint_url": cloudwatch.endpoint_url})
}

async fn bench() -> (Bench, CloudWatch) {
    let bench = Bench::new();
    let cloudwatch = CloudWatch::start(bench.clock.clone()).await;
    cloudwatch.create_group(GROUP);
    (bench, cloudwatch)
}

/// A number in 0..`below` that looks random and is the same in every run.
fn noise(seed: u64, below: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)) % below
}

/// Lags as they were observed: most within seconds, some minutes, a few up to the horizon.
fn lag(n: u64) -> Duration {
    match noise(n, 1_000) {
        0..970 => Duration::milliseconds(i64::try_from(noise(n + 7, 3_000)).unwrap()),
        970..998 => seconds(5 + i64::try_from(noise(n + 9, 115)).unwrap()),
        _ => seconds(120 + i64::try_from(noise(n + 11, 22 * 60)).unwrap()),
    }
}

/// Puts `count` events, one every 500 ms from now on, each with its lag.
fn put_lagging(bench: &Bench, cloudwatch: &CloudWatch, count: u64) {
    for n in 0..count {
        let at = bench.now() + Duration::milliseconds(i64::try_from(n * 500).unwrap());
        cloudwatch.put(
            GROUP,
            &format!("stream-{}", n % 3),
            at,
            at + lag(n),
            &format!("event {n}"),
        );
    }
}

fn expect_all(found: &[String], count: u64) {
    let distinct: BTreeSet<&String> = found.iter().collect();
    let missing: Vec<u64> = (0..count)
        .filter(|n| !distinct.contains(&format!("event {n}")))
        .collect();
    assert_eq!(missing, Vec::<u64>::new(), "missing");
    assert_eq!(found.len(), distinct.len(), "some came twice");
}

#[tokio::test]
async fn late_and_out_of_order_events_all_come_once() {
    let (bench, cloudwatch) = bench().await;
    let mut reader = bench.source(config(&cloudwatch)).await;
    put_lagging(&bench, &cloudwatch, 4_000);
    let mut found = Vec::new();
    for _ in 0..(4_000 / 2 + 40 * 60) / 10 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(10));
    }
    expect_all(&found, 4_000);
    assert_eq!(reader.counts.late_beyond_horizon, 0);
    assert!(
        reader.counts.duplicates > 0,
        "sweeps that never overlap prove nothing"
    );
}

#[tokio::test]
async fn answers_that_trickle_stall_or_break_off_lose_nothing_and_give_nothing_twice() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(5);
    let mut reader = bench.source(config(&cloudwatch)).await;
    let mut found = Vec::new();
    for (turn, slow) in [Slow::Trickles, Slow::BreaksOff, Slow::Stalls]
        .into_iter()
        .enumerate()
    {
        for n in turn * 10..turn * 10 + 10 {
            cloudwatch.put(GROUP, "s", bench.now(), bench.now(), &format!("event {n}"));
        }
        bench.clock.advance(Duration::minutes(10));
        cloudwatch.slow_next(1, slow);
        found.extend(reader.messages().await);
    }
    expect_all(&found, 30);
    // Where no attempt comes to an end the source says so, stands where it stood, and goes on later.
    cloudwatch.put(GROUP, "s", bench.now(), bench.now(), "event 30");
    bench.clock.advance(Duration::minutes(10));
    cloudwatch.slow_next(100, Slow::BreaksOff);
    let refused = reader.source.read(&reader.cursor).await;
    assert!(
        matches!(refused, Err(CollectError::Retryable { .. })),
        "{refused:?}"
    );
    cloudwatch.slow_next(0, Slow::BreaksOff);
    bench.clock.advance(Duration::minutes(10));
    found.extend(reader.messages().await);
    expect_all(&found, 31);
}

#[tokio::test]
async fn a_restart_from_the_cursor_loses_nothing_and_delivers_nothing_twice() {
    let (bench, cloudwatch) = bench().await;
    put_lagging(&bench, &cloudwatch, 3_000);
    let mut found = Vec::new();
    let mut cursor = Cursor::start();
    for turn in 0..(3_000 / 2 + 40 * 60) / 60 {
        // Every seventh turn the process dies after reading and before committing.
        let mut source = bench.open(config(&cloudwatch)).await.source;
        let batch = source.read(&cursor).await.unwrap();
        if turn % 7 != 3 {
            found.extend(messages(&batch.events));
            cursor = batch.next;
        }
        bench.clock.advance(seconds(60));
    }
    expect_all(&found, 3_000);
}

#[tokio::test]
async fn an_older_cursor_gives_the_same_events_again() {
    let (bench, cloudwatch) = bench().await;
    put_lagging(&bench, &cloudwatch, 50);
    bench.clock.advance(Duration::minutes(30));
    let mut source = bench.open(config(&cloudwatch)).await.source;
    let first = source.read(&Cursor::start()).await.unwrap();
    let again = source.read(&Cursor::start()).await.unwrap();
    assert_eq!(first.events.len(), 50);
    assert_eq!(
        (ids(&first.events), first.events.len()),
        (ids(&again.events), again.events.len())
    );
    let after = source.read(&again.next).await.unwrap();
    assert_eq!(after.events, []);
}

#[tokio::test]
async fn empty_pages_with_a_token_are_turned_and_move_nothing() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.empty_pages(5);
    cloudwatch.page_size(2);
    let mut reader = bench.source(config(&cloudwatch)).await;
    assert_eq!(reader.messages().await, [""; 0]);
    let at_first = reader.cursor.clone();
    bench.clock.advance(Duration::hours(5));
    assert_eq!(reader.messages().await, [""; 0]);
    assert_eq!(reader.cursor, at_first, "an empty page moved the cursor");
    // Nothing is settled in a silent group: even what comes hours late is found.
    for n in 0..5 {
        cloudwatch.put(
            GROUP,
            "s",
            monday() + seconds(n),
            bench.now(),
            &format!("event {n}"),
        );
    }
    bench.clock.advance(Duration::minutes(10));
    expect_all(&reader.messages().await, 5);
}

#[tokio::test]
async fn events_of_one_millisecond_all_come() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(7);
    let mut reader = bench.source(config(&cloudwatch)).await;
    for n in 0..100 {
        let shown = if n < 60 {
            bench.now()
        } else {
            bench.now() + seconds(4)
        };
        cloudwatch.put(GROUP, "s", monday() - seconds(1), shown, &format!("event {n}"));
    }
    let mut found = reader.messages().await;
    assert_eq!(found.len(), 60);
    bench.clock.advance(seconds(5));
    found.extend(reader.messages().await);
    expect_all(&found, 100);
}

#[tokio::test]
async fn throttling_slows_the_calls_and_loses_nothing() {
    let (bench, cloudwatch) = bench().await;
    let mut config = config(&cloudwatch);
    config["calls_per_second"] = 4.into();
    let mut reader = bench.source(config).await;
    for n in 0..20 {
        cloudwatch.put(GROUP, "s", monday() - seconds(n), monday(), &format!("event {n}"));
    }
    cloudwatch.page_size(1);
    // Four attempts are one call of the SDK, so this refuses two calls altogether.
    cloudwatch.throttle_next(8);
    for _ in 0..2 {
        let error = reader.source.read(&reader.cursor).await.unwrap_err();
        assert!(
            matches!(error, CollectError::Retryable { after: Some(_), .. }),
            "{error}"
        );
        bench.clock.advance(seconds(11));
    }
    let mut found = Vec::new();
    let calls_before = cloudwatch.calls();
    for _ in 0..300 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(1));
        if found.len() == 20 {
            break;
        }
    }
    expect_all(&found, 20);
    let seconds_taken = (bench.now() - monday()).num_seconds() - 22;
    let calls = i64::try_from(cloudwatch.calls() - calls_before).unwrap();
    // Two calls that are refused halve 4 calls a second to one, however many attempts each of them was.
    assert!(calls <= seconds_taken + 2, "{calls} calls in {seconds_taken} s");
}

#[tokio::test]
async fn an_expired_token_begins_the_sweep_anew() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(1);
    for n in 0..50 {
        cloudwatch.put(GROUP, "s", monday() - seconds(n), monday(), &format!("event {n}"));
    }
    let mut reader = bench.source(config(&cloudwatch)).await;
    let batch = reader.source.read(&reader.cursor).await.unwrap();
    let mut found = messages(&batch.events);
    assert!(batch.more && found.len() < 50);
    reader.cursor = batch.next;
    cloudwatch.expire_tokens();
    reader.source.read(&reader.cursor).await.unwrap_err();
    bench.clock.advance(seconds(30));
    found.extend(reader.messages().await);
    expect_all(&found, 50);
}

#[tokio::test]
async fn a_group_that_is_refused_does_not_stop_the_others_and_names_the_action() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.create_group("/secret");
    cloudwatch.deny("/secret");
    cloudwatch.put(GROUP, "s", monday(), monday(), "event 0");
    let mut both = config(&cloudwatch);
    both["log_groups"] = json!(["/secret", GROUP]);
    let mut reader = bench.source(both).await;
    expect_all(&reader.messages().await, 1);
    assert!(matches!(&reader.remarks[..], [Remark::Failing { what, reason }]
        if what == "log group /secret" && reason.contains("allow `logs:FilterLogEvents`")));

    let mut alone = config(&cloudwatch);
    alone["log_groups"] = json!(["/secret"]);
    let error = bench
        .open(alone)
        .await
        .source
        .read(&Cursor::start())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CollectError::Refused { action: "logs:FilterLogEvents", resource, .. } if resource.contains("/secret"))
    );
    assert!(!error.is_retryable());

    let mut missing = config(&cloudwatch);
    missing["log_groups"] = json!(["/missing"]);
    let error = bench
        .open(missing)
        .await
        .source
        .read(&Cursor::start())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CollectError::NotFound { what, .. } if what == "log group /missing"),
        "{error}"
    );
}

#[tokio::test]
async fn what_comes_beyond_the_horizon_is_delivered_and_counted() {
    let (bench, cloudwatch) = bench().await;
    let mut reader = bench.source(config(&cloudwatch)).await;
    cloudwatch.put(
        GROUP,
        "s",
        monday() - Duration::minutes(20),
        monday() + Duration::minutes(13),
        "event 1",
    );
    // A busy group, so that the settled instant moves on; it reaches 07:46 with the sweep at 08:11.
    for minute in 0..40 {
        let at = monday() + Duration::minutes(minute);
        cloudwatch.put(GROUP, "s", at, at, &format!("busy {minute}"));
    }
    let mut found = Vec::new();
    for _ in 0..40 {
        found.extend(reader.messages().await);
        bench.clock.advance(Duration::minutes(1));
    }
    assert!(found.contains(&"event 1".to_owned()));
    assert_eq!((found.len(), reader.counts.late_beyond_horizon), (41, 1));
}

#[tokio::test]
async fn what_comes_hours_beyond_the_horizon_into_a_busy_group_is_delivered_once_and_counted() {
    let (bench, cloudwatch) = bench().await;
    let (minutes, hours) = (Duration::minutes, Duration::hours);
    for minute in 0..28 * 60 {
        let at = monday() + minutes(minute);
        cloudwatch.put(GROUP, "s", at, at, &format!("event {minute}"));
    }
    // By two hours, which the look of the hour finds, and by twenty, which that of the day does.
    for (n, happened, late) in [(1_680, hours(1), hours(2)), (1_681, hours(2), hours(20))] {
        let at = monday() + happened;
        cloudwatch.put(GROUP, "s", at, at + late, &format!("event {n}"));
    }
    let mut reader = bench.source(config(&cloudwatch)).await;
    let (mut found, mut found_at) = (Vec::new(), Vec::new());
    for minute in 0..28 * 60 {
        let told = reader.messages().await;
        let late = told
            .iter()
            .filter(|told| told.ends_with(" 1680") || told.ends_with(" 1681"));
        found_at.extend(late.map(|_| minute / 60));
        found.extend(told);
        bench.clock.advance(minutes(1));
        if minute % 97 == 0 {
            // Another process, which knows what the cursor holds.
            reader.source = bench.open(config(&cloudwatch)).await.source;
        }
    }
    expect_all(&found, 1_682);
    assert_eq!(reader.counts.late_beyond_horizon, 2);
    assert_eq!(found_at, [3, 24], "the hours in which they were found");
}

#[tokio::test]
async fn the_search_for_late_events_takes_only_calls_that_are_left() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(10);
    let mut config = config(&cloudwatch);
    // Not more than the sweeps of a group that is as busy as this one take.
    (config["calls_per_second"], config["poll_seconds"]) = (1.into(), 1.into());
    let mut reader = bench.source(config).await;
    let from = bench.now();
    for n in 0..9_000 {
        let at = from + seconds(n);
        cloudwatch.put(GROUP, "s", at, at, &format!("event {n}"));
    }
    let late = from + Duration::minutes(5);
    cloudwatch.put(GROUP, "s", late, late + Duration::minutes(90), "event 9000");
    let mut found = Vec::new();
    for _ in 0..9_000 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(1));
    }
    assert!(
        !found.contains(&"event 9000".to_owned()),
        "the hourly look has not come so far: sweeps went before it"
    );
    let lines = found.len();
    assert!(lines >= 8_900, "{lines} lines of 9,000 were read meanwhile");
    // Once nothing new comes, the look goes on.
    for _ in 0..9_000 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(1));
    }
    expect_all(&found, 9_001);
    assert_eq!(reader.counts.late_beyond_horizon, 1);
}

#[tokio::test]
async fn a_flood_in_one_group_leaves_the_others_of_its_account_their_share_of_the_calls() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.page_size(10);
    let quiet: Vec<String> = (0..7).map(|n| format!("/app/quiet-{n}")).collect();
    let mut config = config(&cloudwatch);
    config["log_groups"] = json!([vec![GROUP.to_owned()], quiet.clone()].concat());
    config["calls_per_second"] = 4.into();
    // Two sources of one account have one allowance, too.
    let mut other = config.clone();
    (other["name"], other["log_groups"]) = ("other".into(), json!(["/app/other"]));
    cloudwatch.create_group("/app/other");
    for n in 0..60_000 {
        let at = bench.now() + Duration::milliseconds(n * 10);
        cloudwatch.put(GROUP, "s", at, at, &format!("flood {n}"));
    }
    let mut told = BTreeSet::new();
    for minute in 0..10 {
        for group in quiet.iter().map(String::as_str).chain(["/app/other"]) {
            let at = bench.now() + Duration::minutes(minute);
            let message = format!("{group} {minute}");
            cloudwatch.put(group, "s", at, at, &message);
            told.insert(message);
        }
    }
    let mut readers = [bench.source(config).await, bench.source(other).await];
    let (mut flood, mut slowest) = (0, Duration::zero());
    for _ in 0..11 * 60 {
        for reader in &mut readers {
            for event in reader.read().await {
                if event.raw.starts_with("flood") {
                    flood += 1;
                } else {
                    assert!(told.remove(&event.raw), "{} came twice", event.raw);
                    slowest = slowest.max(bench.now() - event.at);
                }
            }
        }
        bench.clock.advance(seconds(1));
    }
    assert_eq!(told, BTreeSet::new(), "a quiet group was starved");
    assert!(slowest <= Duration::minutes(1), "a quiet group waited {slowest}");
    assert!(flood > 5_000, "the flood is read with what is left: {flood}");
    let most = usize::try_from(11 * 60 * 4 + 8).unwrap();
    assert!(cloudwatch.calls() <= most, "{} calls", cloudwatch.calls());
}

#[tokio::test]
async fn expired_credentials_are_called_so_and_nothing_is_lost_by_them() {
    let (bench, cloudwatch) = bench().await;
    let mut reader = bench.source(config(&cloudwatch)).await;
    cloudwatch.put(GROUP, "s", bench.now(), bench.now(), "event 0");
    let mut found = reader.messages().await;
    cloudwatch.put(GROUP, "s", bench.now(), bench.now(), "event 1");
    cloudwatch.expire_credentials(true);
    bench.clock.advance(Duration::hours(2));
    let before = reader.cursor.clone();
    let refused = reader.source.read(&reader.cursor).await.unwrap_err();
    assert!(
        matches!(&refused, CollectError::Credentials { reason, .. } if reason.starts_with("ExpiredTokenException")),
        "{refused}"
    );
    assert_eq!(reader.cursor, before);
    cloudwatch.expire_credentials(false);
    bench.clock.advance(Duration::minutes(1));
    found.extend(reader.messages().await);
    expect_all(&found, 2);
}

#[tokio::test]
async fn equal_ids_in_two_streams_and_groups_are_two_events() {
    let (bench, cloudwatch) = bench().await;
    cloudwatch.put(GROUP, "a", monday(), monday(), "one");
    let mut reader = bench.source(config(&cloudwatch)).await;
    let events = reader.read().await;
    let id = format!("self/eu-central-1/{GROUP}/a/{:056}", 1);
    assert_eq!(ids(&events), [id.as_str()]);
    assert_eq!((events[0].at, events[0].collected_at), (monday(), bench.now()));
}

#[tokio::test]
async fn an_idle_group_is_read_less_often() {
    let (bench, cloudwatch) = bench().await;
    let mut reader: Reader = bench.source(config(&cloudwatch)).await;
    let mut calls_in = async |duration: i64| {
        let before = cloudwatch.calls();
        for _ in 0..duration {
            reader.read().await;
            bench.clock.advance(seconds(1));
        }
        cloudwatch.calls() - before
    };
    assert_eq!(calls_in(60).await, 12);
    calls_in(300).await;
    assert!(calls_in(600).await <= 11);
}
