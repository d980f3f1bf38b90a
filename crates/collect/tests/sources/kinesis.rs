//! Streams of Kinesis: every record once, in the order of shards, whatever happens to them.

use crate::{Bench, Reader, messages, seconds};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::io::Write;
use watchkeeper_collect::Remark;
use watchkeeper_testbed::kinesis::Kinesis;

fn config(kinesis: &Kinesis) -> Value {
    json!({"kind": "kinesis", "name": "stream", "stream": "logs", "endpoint_url": kinesis.endpoint_url,
        "exclude_log_groups": ["/watchkeeper/*"]})
}

fn text(line: &str) -> String {
    BASE64.encode(line)
}

/// What a subscription of CloudWatch Logs puts into a stream.
fn envelope(group: &str, ids: std::ops::Range<usize>) -> String {
    let events: Vec<Value> = ids
        .map(|n| json!({"id": format!("{n:056}"), "timestamp": 1_772_438_399_000_i64, "message": format!("event {n}")}))
        .collect();
    let envelope = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": group, "logStream": "s",
        "subscriptionFilters": ["all"], "logEvents": events});
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(envelope.to_string().as_bytes()).unwrap();
    BASE64.encode(encoder.finish().unwrap())
}

async fn bench(shards: &[&str]) -> (Bench, Kinesis) {
    let bench = Bench::new();
    let kinesis = Kinesis::start(bench.clock.clone(), shards).await;
    (bench, kinesis)
}

async fn all(bench: &Bench, reader: &mut Reader) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..12 {
        found.extend(reader.messages().await);
        bench.clock.advance(seconds(2));
    }
    found
}

#[tokio::test]
async fn a_split_and_a_merge_are_read_parents_first() {
    let (bench, kinesis) = bench(&["0"]).await;
    kinesis.page_size(2);
    let mut reader = bench.source(config(&kinesis)).await;
    for n in 0..5 {
        kinesis.put("0", &text(&format!("parent {n}")));
    }
    kinesis.reshard(&["0"], &["1", "2"]);
    for shard in ["1", "2"] {
        for n in 0..3 {
            kinesis.put(shard, &text(&format!("child {shard} {n}")));
        }
    }
    kinesis.reshard(&["1", "2"], &["3"]);
    kinesis.put("3", &text("grandchild"));
    let found = all(&bench, &mut reader).await;
    assert_eq!(found.len(), 12, "{found:?}");
    assert!(
        found[..5].iter().all(|line| line.starts_with("parent")),
        "{found:?}"
    );
    assert!(
        found[5..11].iter().all(|line| line.starts_with("child")),
        "{found:?}"
    );
    assert_eq!(found[11], "grandchild");
    // What has expired is forgotten, and its children go on.
    for shard in ["0", "1", "2"] {
        kinesis.expire_shard(shard);
    }
    bench.clock.advance(seconds(61));
    kinesis.put("3", &text("later"));
    assert_eq!(all(&bench, &mut reader).await, ["later"]);
    assert!(reader.cursor.0["shards"].get("0").is_none());
}

#[tokio::test]
async fn whoever_is_killed_goes_on_behind_the_last_record() {
    let (bench, kinesis) = bench(&["0", "1"]).await;
    kinesis.page_size(3);
    let mut reader = bench.source(config(&kinesis)).await;
    let mut found = Vec::new();
    for n in 0..40 {
        kinesis.put(if n % 2 == 0 { "0" } else { "1" }, &text(&format!("line {n}")));
        if n % 4 == 0 {
            let batch = reader.source.read(&reader.cursor).await.unwrap();
            found.extend(messages(&batch.events));
            reader.cursor = batch.next;
            reader.source = bench.open(config(&kinesis)).await.source;
        }
        bench.clock.advance(seconds(1));
    }
    found.extend(all(&bench, &mut reader).await);
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (40, 40));
}

#[tokio::test]
async fn an_expired_iterator_and_throttling_lose_nothing() {
    let (bench, kinesis) = bench(&["0"]).await;
    let mut reader = bench.source(config(&kinesis)).await;
    kinesis.put("0", &text("one"));
    assert_eq!(reader.messages().await, ["one"]);
    let at = reader.cursor.clone();
    kinesis.expire_iterators();
    bench.clock.advance(seconds(2));
    assert_eq!(reader.messages().await, [""; 0]);
    assert_eq!(reader.cursor, at, "an empty answer moved the cursor");
    kinesis.put("0", &text("two"));
    kinesis.throttle_next(4);
    bench.clock.advance(seconds(2));
    assert!(
        reader
            .source
            .read(&reader.cursor)
            .await
            .unwrap_err()
            .is_retryable()
    );
    bench.clock.advance(seconds(6));
    assert_eq!(all(&bench, &mut reader).await, ["two"]);
}

#[tokio::test]
async fn subscription_messages_have_the_ids_that_the_poller_gives_and_our_own_log_is_passed_over() {
    let (bench, kinesis) = bench(&["0"]).await;
    kinesis.put("0", &envelope("/app", 0..3));
    kinesis.put("0", &envelope("/watchkeeper/server", 0..3));
    kinesis.put("0", "/////w==");
    let mut reader = bench.source(config(&kinesis)).await;
    let events = reader.read().await;
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[0].id,
        format!("111122223333/eu-central-1//app/s/{:056}", 0)
    );
    assert_eq!(events[0].at.timestamp(), 1_772_438_399);
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_is_delivered_as_text_with_the_reason() {
    let (bench, kinesis) = bench(&["0"]).await;
    kinesis.put("0", &BASE64.encode([0x1f, 0x8b, 1, 2, 3]));
    kinesis.put("0", &text("good"));
    let mut reader = bench.source(config(&kinesis)).await;
    let events = reader.read().await;
    assert_eq!(events.len(), 2);
    assert!(
        events[0]
            .unparsed
            .as_deref()
            .is_some_and(|reason| reason.contains("damaged gzip"))
    );
    assert_eq!((events[1].raw.as_str(), reader.counts.unparsed), ("good", 1));
}

#[tokio::test]
async fn a_line_that_is_too_long_is_cut_and_its_neighbours_are_whole() {
    let (bench, kinesis) = bench(&["0"]).await;
    let long = "x".repeat(5_000);
    kinesis.put("0", &text(&format!("one\n{long}\ntwo\n")));
    let mut config = config(&kinesis);
    config["max_record_bytes"] = 1_024.into();
    let mut reader = bench.source(config).await;
    let events = reader.read().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.raw.len(), event.unparsed.is_some()))
        .collect();
    assert_eq!(told, [(3, false), (1_024, true), (3, false)]);
    let reason = events[1].unparsed.as_deref().unwrap_or_default();
    assert!(reason.contains("longer than 1024 bytes"), "{reason}");
    assert_eq!(reader.counts.unparsed, 1);
}

#[tokio::test]
async fn a_shard_that_expires_before_it_was_read_is_shown() {
    let (bench, kinesis) = bench(&["0", "1"]).await;
    let mut reader = bench.source(config(&kinesis)).await;
    reader.read().await;
    kinesis.expire_shard("1");
    bench.clock.advance(seconds(61));
    reader.read().await;
    assert!(
        matches!(&reader.remarks[..], [Remark::Failing { what, reason }] if what == "shard 1 of logs" && reason.contains("expired"))
    );
    assert_eq!(reader.counts.gaps, 1, "so that somebody is told");
}
