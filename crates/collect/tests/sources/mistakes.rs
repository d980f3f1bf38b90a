//! What went wrong in other collectors, each set up as it was there, and named after what goes wrong.

use crate::{Bench, monday, seconds};
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_testbed::cloudwatch::CloudWatch;

async fn bench() -> (Bench, CloudWatch, Value) {
    let bench = Bench::new();
    let cloudwatch = CloudWatch::start(bench.clock.clone()).await;
    cloudwatch.create_group("/app");
    let config = json!({"kind": "cloudwatch_logs", "name": "app", "log_groups": ["/app"], "endpoint_url": cloudwatch.endpoint_url});
    (bench, cloudwatch, config)
}

/// open-telemetry/opentelemetry-collector-contrib#41122: the window ended at the present, and began there the next time.
#[tokio::test]
async fn a_window_that_ends_now_skips_what_becomes_visible_later() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config).await;
    cloudwatch.put("/app", "s", monday() + seconds(1), monday() + seconds(40), "late");
    bench.clock.advance(seconds(5));
    cloudwatch.put("/app", "s", bench.now(), bench.now(), "on time");
    assert_eq!(reader.messages().await, ["on time"]);
    bench.clock.advance(seconds(90));
    assert_eq!(reader.messages().await, ["late"]);
}

/// open-telemetry/opentelemetry-collector-contrib#48577: a page without events began the window anew, from the default.
#[tokio::test]
async fn an_empty_page_resets_the_window() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config).await;
    cloudwatch.put("/app", "s", monday(), monday(), "first");
    assert_eq!(reader.messages().await, ["first"]);
    let at = reader.cursor.clone();
    cloudwatch.empty_pages(3);
    bench.clock.advance(seconds(70));
    let poll = reader.messages().await;
    assert_eq!((poll, &reader.cursor), (Vec::<String>::new(), &at));
    let _ = cloudwatch.earliest_start();
    cloudwatch.put("/app", "s", bench.now(), bench.now(), "second");
    bench.clock.advance(seconds(70));
    assert_eq!(reader.messages().await, ["second"]);
    let earliest = cloudwatch.earliest_start().unwrap();
    assert!(
        earliest >= (monday() - Duration::minutes(4)).timestamp_millis(),
        "{earliest}"
    );
}

/// grafana/alloy#5854: the checkpoint stood before the ingestion delay, and what came with it was skipped after a restart.
#[tokio::test]
async fn a_checkpoint_ahead_of_the_ingestion_delay_loses_events_over_a_restart() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config.clone()).await;
    cloudwatch.put("/app", "s", monday(), monday() + Duration::minutes(20), "delayed");
    cloudwatch.put(
        "/app",
        "s",
        monday() + seconds(10),
        monday() + seconds(10),
        "prompt",
    );
    bench.clock.advance(seconds(15));
    assert_eq!(reader.messages().await, ["prompt"]);
    reader.source = bench.open(config).await.source;
    bench.clock.advance(Duration::minutes(21));
    assert_eq!(reader.messages().await, ["delayed"]);
}

/// grafana/alloy#3909: a restart read everything from the start.
#[tokio::test]
async fn a_restart_reads_from_the_start() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config.clone()).await;
    for n in 0..50 {
        let at = monday() - Duration::minutes(50 - n);
        cloudwatch.put("/app", "s", at, at, &format!("event {n}"));
    }
    assert_eq!(reader.messages().await.len(), 50);
    let _ = cloudwatch.earliest_start();
    reader.source = bench.open(config).await.source;
    assert_eq!(reader.messages().await, [""; 0]);
    let earliest = cloudwatch.earliest_start().unwrap();
    let horizon = (monday() - Duration::minutes(40)).timestamp_millis();
    assert!(earliest >= horizon, "it read from {earliest} on");
}

/// falcosecurity/plugins#893: "last timestamp + 1" lost what else happened in that millisecond.
#[tokio::test]
async fn the_last_timestamp_plus_one_loses_events_of_the_same_millisecond() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config).await;
    cloudwatch.put("/app", "a", monday(), monday(), "seen");
    assert_eq!(reader.messages().await, ["seen"]);
    cloudwatch.put(
        "/app",
        "b",
        monday(),
        bench.now() + seconds(2),
        "the same millisecond",
    );
    bench.clock.advance(seconds(6));
    assert_eq!(reader.messages().await, ["the same millisecond"]);
}

/// elastic/beats#38918: state that groups shared dropped the events of all but one.
#[tokio::test]
async fn state_shared_between_groups_drops_those_of_the_others() {
    let (bench, cloudwatch, mut config) = bench().await;
    let groups: Vec<String> = (0..20).map(|n| format!("/app/{n}")).collect();
    for group in &groups {
        // Equal times, and all but one an hour older than the newest of all.
        cloudwatch.put(group, "s", monday() - Duration::minutes(50), monday(), group);
    }
    cloudwatch.put("/app/0", "s", monday(), monday(), "newest");
    config["log_groups"] = json!(groups);
    let mut reader = bench.source(config.clone()).await;
    let mut found: BTreeSet<String> = reader.messages().await.into_iter().collect();
    reader.source = bench.open(config).await.source;
    bench.clock.advance(seconds(30));
    found.extend(reader.messages().await);
    assert_eq!(found.len(), 21);
}

/// DataDog/datadog-serverless-functions#1129: what could not be sent on was to be stored, and was not.
#[tokio::test]
async fn what_could_not_be_dealt_with_is_gone() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config).await;
    cloudwatch.put("/app", "s", monday(), monday(), "once more");
    for _ in 0..3 {
        // Read and never committed, as when the database refuses.
        let batch = reader.source.read(&reader.cursor).await.unwrap();
        assert_eq!(batch.events.len(), 1);
    }
    assert_eq!(reader.messages().await, ["once more"]);
}

/// wazuh/wazuh#10754: a throttled call ended the whole run.
#[tokio::test]
async fn throttling_ends_the_reading() {
    let (bench, cloudwatch, mut config) = bench().await;
    cloudwatch.create_group("/b");
    config["log_groups"] = json!(["/app", "/b"]);
    let mut reader = bench.source(config).await;
    cloudwatch.put("/app", "s", monday(), monday(), "a");
    cloudwatch.put("/b", "s", monday(), monday(), "b");
    cloudwatch.throttle_next(4);
    let mut found: Vec<String> = Vec::new();
    for _ in 0..10 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(5));
    }
    found.sort();
    assert_eq!(found, ["a", "b"]);
    assert!(reader.counts.throttled >= 4);
}

/// A server that fails now and then, with an answer that says nothing.
#[tokio::test]
async fn an_error_of_the_server_moves_the_cursor() {
    let (bench, cloudwatch, config) = bench().await;
    let mut reader = bench.source(config).await;
    let mut found = Vec::new();
    for n in 0..20 {
        cloudwatch.put("/app", "s", bench.now(), bench.now(), &format!("event {n}"));
        // Four attempts are one call of the SDK.
        cloudwatch.fail_next(n % 3 * 4);
        if let Ok(batch) = reader.source.read(&reader.cursor).await {
            found.extend(crate::messages(&batch.events));
            reader.cursor = batch.next;
        }
        bench.clock.advance(seconds(5));
    }
    cloudwatch.fail_next(0);
    bench.clock.advance(seconds(60));
    found.extend(reader.messages().await);
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (20, 20));
}
