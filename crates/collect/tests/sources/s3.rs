//! Objects told of by a queue: nothing lost, nothing twice, nothing silent.

use crate::{Bench, Reader, messages, monday, seconds};
use chrono::Duration;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use watchkeeper_collect::{CollectError, Remark};
use watchkeeper_testbed::objects::{Objects, notification};

async fn bench() -> (Bench, Objects) {
    let bench = Bench::new();
    let objects = Objects::start(bench.clock.clone()).await;
    (bench, objects)
}

fn config(objects: &Objects) -> Value {
    json!({"kind": "s3", "name": "logs", "queue_url": objects.queue_url(), "endpoint_url": objects.endpoint_url, "max_tries": 3})
}

fn gzip(plain: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn lines(count: usize) -> String {
    (0..count).map(|n| format!("line {n}\n")).collect()
}

fn trail(count: usize) -> String {
    let records: Vec<Value> = (0..count)
        .map(|n| {
            json!({"eventVersion": "1.08", "eventTime": "2026-03-02T07:59:00Z", "eventSource": "iam.amazonaws.com",
                "eventName": "CreateUser", "eventID": format!("e-{n}"), "userIdentity": {"note": "]}\""}})
        })
        .collect();
    json!({"Records": records}).to_string()
}

/// As a process that was killed: another one, with what was committed.
async fn restart(bench: &Bench, objects: &Objects, reader: &mut Reader) {
    reader.source = bench.open(config(objects)).await.source;
}

#[tokio::test]
async fn what_objects_hold_comes_once_and_messages_go_only_when_it_is_committed() {
    let (bench, objects) = bench().await;
    objects.put("logs", "trail/a b.json.gz", &gzip(&trail(300)));
    objects.put("logs", "plain.log", b"one\ntwo\n");
    let flow = "version account-id interface-id srcaddr dstaddr\n2 111122223333 eni-1 192.0.2.1 192.0.2.2\n";
    objects.put_silently("logs", "flow.log.gz", &gzip(flow));
    let message = json!({"Type": "Notification", "Message": notification("logs", "flow.log.gz", &gzip(flow)).to_string()});
    objects.send(&message.to_string());
    let front = "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status a b c d e f\n2026-03-02\t07:00:00\t192.0.2.9\tGET\t/x\t404\t-\t-\t-\t-\t-\t-\n";
    objects.put("logs", "front.gz", &gzip(front));
    objects.send(&json!({"Event": "s3:TestEvent", "Service": "Amazon S3"}).to_string());
    let mut reader = bench.source(config(&objects)).await;
    let batch = reader.source.read(&reader.cursor).await.unwrap();
    assert_eq!(batch.events.len(), 304);
    assert_eq!(batch.counts.unparsed, 0);
    assert_eq!(
        objects.messages(),
        5,
        "a message went before its events were committed"
    );
    let uris: Vec<_> = batch.events.iter().filter_map(|e| e.text("cs-uri")).collect();
    assert_eq!(uris, ["/x"]);
    assert!(
        batch
            .events
            .iter()
            .any(|e| e.text("src_ip").as_deref() == Some("192.0.2.1"))
    );
    reader.source.committed(&batch.next).await.unwrap();
    assert_eq!(objects.messages(), 0);
    reader.cursor = batch.next;
    assert_eq!(reader.messages().await, [""; 0]);
}

#[tokio::test]
async fn access_logs_of_load_balancers_and_buckets_come_as_objects_with_their_fields() {
    let (bench, objects) = bench().await;
    // As AWS's guides show them.
    let balancer = "https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 \
        200 200 0 57 \"GET https://www.example.com:443/ HTTP/1.1\" \"curl/7.46.0\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
        arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 \"Root=1-58337281-1d84f3d73c47ec4e58577259\" \
        \"www.example.com\" \"arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012\" 1 2018-07-02T22:22:48.364000Z \
        \"authenticate,forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\" TID_123456";
    let bucket = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DOC-EXAMPLE-BUCKET [06/Feb/2019:00:00:38 +0000] 192.0.2.3 \
        79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE REST.GET.VERSIONING - \
        \"GET /DOC-EXAMPLE-BUCKET?versioning HTTP/1.1\" 200 - 113 - 7 - \"-\" \"S3Console/0.4\" - \
        s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader \
        DOC-EXAMPLE-BUCKET.s3.us-west-1.amazonaws.com TLSV1.2 - -";
    let single = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (balancer, bucket) = (single(balancer), single(bucket));
    objects.put(
        "logs",
        "AWSLogs/alb.log.gz",
        &gzip(&format!("{balancer}\n").repeat(3)),
    );
    objects.put(
        "logs",
        "access/2019-02-06",
        format!("{bucket}\n{bucket}\n").as_bytes(),
    );
    let mut reader = bench.source(config(&objects)).await;
    let batch = reader.source.read(&reader.cursor).await.unwrap();
    assert_eq!((batch.events.len(), batch.counts.unparsed), (5, 0));
    let (of_balancer, of_bucket): (Vec<_>, Vec<_>) =
        batch.events.iter().partition(|event| event.raw == balancer);
    for event in &of_balancer {
        let fields = ["c-ip", "sc-status", "cs-uri-stem", "cs-method"]
            .map(|name| event.text(name).unwrap_or_default());
        assert_eq!(fields, ["192.168.131.39", "200", "/", "GET"]);
        assert_eq!(event.at.to_rfc3339(), "2018-07-02T22:23:00.186641+00:00");
    }
    for event in &of_bucket {
        let fields = ["c-ip", "sc-status", "operation"].map(|name| event.text(name).unwrap_or_default());
        assert_eq!(fields, ["192.0.2.3", "200", "REST.GET.VERSIONING"]);
        assert_eq!(event.at.to_rfc3339(), "2019-02-06T00:00:38+00:00");
    }
    assert_eq!((of_balancer.len(), of_bucket.len()), (3, 2));
    reader.source.committed(&batch.next).await.unwrap();
    assert_eq!(objects.messages(), 0);
}

#[tokio::test]
async fn whoever_is_killed_within_an_object_goes_on_behind_the_last_record() {
    let (bench, objects) = bench().await;
    objects.put("logs", "big.log", lines(12_000).as_bytes());
    objects.put("logs", "big.json.gz", &gzip(&trail(6_000)));
    let mut reader = bench.source(config(&objects)).await;
    let mut found = Vec::new();
    for _ in 0..10 {
        let batch = reader.source.read(&reader.cursor).await.unwrap();
        found.extend(batch.events.iter().map(|e| e.id.clone()));
        reader.cursor = batch.next;
        // Killed after the commit, before anything was deleted: the messages come again when their time is over.
        restart(&bench, &objects, &mut reader).await;
        bench.clock.advance(seconds(301));
    }
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (18_000, 18_000));
    assert!(
        objects
            .gets()
            .iter()
            .any(|get| get.starts_with("logs/big.log bytes="))
    );
    reader.read().await;
    assert_eq!(objects.messages(), 0);
}

#[tokio::test]
async fn what_was_read_and_not_committed_is_read_again() {
    let (bench, objects) = bench().await;
    objects.put("logs", "a.log", b"one\ntwo\n");
    let mut reader = bench.source(config(&objects)).await;
    let first = reader.source.read(&reader.cursor).await.unwrap();
    // The commit failed: the worker reads again from where it stood, and gets the same events under the same ids.
    let again = reader.source.read(&reader.cursor).await.unwrap();
    assert_eq!(again.events, first.events);
    assert_eq!(objects.messages(), 1);
}

/// vectordotdev/vector#4910: messages came back while their objects were still being read.
#[tokio::test]
async fn a_message_stays_hidden_for_as_long_as_its_object_is_read() {
    let (bench, objects) = bench().await;
    objects.put("logs", "long.log", lines(40_000).as_bytes());
    let mut reader = bench.source(config(&objects)).await;
    let mut found = Vec::new();
    for _ in 0..8 {
        let batch = reader.source.read(&reader.cursor).await.unwrap();
        found.extend(messages(&batch.events));
        reader.cursor = batch.next;
        bench.clock.advance(seconds(160));
    }
    assert_eq!(found.len(), 40_000);
    assert!(objects.calls("ChangeMessageVisibilityBatch") >= 6);
    let taken = objects.gets().len();
    assert_eq!(taken, 1, "the object was asked for {taken} times");
}

#[tokio::test]
async fn a_damaged_object_is_set_aside_and_shown_and_the_good_ones_go_on() {
    let (bench, objects) = bench().await;
    let mut damaged = gzip(&lines(10));
    damaged.truncate(damaged.len() - 12);
    objects.put("logs", "damaged.gz", &damaged);
    objects.put("logs", "gone.log", b"x");
    objects.remove("logs", "gone.log");
    objects.put("logs", "parquet", b"PAR1....");
    objects.put("logs", "good.log", b"good\n");
    let mut reader = bench.source(config(&objects)).await;
    assert!(reader.messages().await.contains(&"good".to_owned()));
    for _ in 0..5 {
        bench.clock.advance(seconds(30));
        reader.read().await;
    }
    reader.remarks.clear();
    bench.clock.advance(seconds(30));
    reader.read().await;
    let aside: Vec<String> = reader.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(aside.len(), 3, "{aside:?}");
    for (object, reason) in [
        ("damaged.gz", "damaged gzip"),
        ("gone.log", "404 NoSuchKey"),
        ("parquet", "it is Parquet"),
    ] {
        assert!(
            aside.iter().any(
                |remark| remark.starts_with(&format!("s3://logs/{object} is set aside"))
                    && remark.contains(reason)
            ),
            "{aside:?}"
        );
    }
    assert_eq!(
        objects.messages(),
        0,
        "the cursor holds what is set aside, and the queue need not"
    );
    // It is tried again, also by another process, and what became readable is read.
    restart(&bench, &objects, &mut reader).await;
    objects.put_silently("logs", "gone.log", b"x");
    bench.clock.advance(seconds(3_700));
    assert_eq!(reader.messages().await, ["x"]);

    // What nobody mends within two weeks is given up, and counted so that somebody is told; also by a process that began meanwhile.
    bench.clock.advance(Duration::days(13));
    reader.read().await;
    assert_eq!(reader.counts.gaps, 0);
    restart(&bench, &objects, &mut reader).await;
    bench.clock.advance(Duration::days(1));
    reader.remarks.clear();
    reader.read().await;
    assert_eq!(reader.counts.gaps, 2, "{:?}", reader.remarks);
    let given_up = |remark: &&Remark| remark.to_string().contains("given up after 14 days");
    assert_eq!(reader.remarks.iter().filter(given_up).count(), 2);
    reader.remarks.clear();
    objects.put("logs", "after.log", b"after\n");
    bench.clock.advance(Duration::hours(2));
    assert_eq!(reader.messages().await, ["after"]);
    assert_eq!(reader.remarks, []);
}

#[tokio::test]
async fn where_nothing_may_be_read_nothing_is_set_aside_and_the_action_is_named() {
    let (bench, objects) = bench().await;
    for n in 0..3 {
        objects.put("logs", &format!("{n}.log"), b"line\n");
        objects.deny("logs", &format!("{n}.log"), true);
    }
    let mut reader = bench.source(config(&objects)).await;
    for _ in 0..10 {
        if let Err(error) = reader.source.read(&reader.cursor).await {
            assert!(
                matches!(
                    &error,
                    CollectError::Refused {
                        action: "s3:GetObject",
                        ..
                    }
                ),
                "{error}"
            );
        }
        bench.clock.advance(seconds(310));
    }
    assert_eq!(objects.messages(), 3);
    for n in 0..3 {
        objects.deny("logs", &format!("{n}.log"), false);
    }
    assert_eq!(reader.messages().await, ["line", "line", "line"]);
}

#[tokio::test]
async fn a_body_that_breaks_off_and_a_server_that_is_busy_lose_nothing() {
    let (bench, objects) = bench().await;
    let text = lines(3_000);
    objects.put("logs", "a.log", text.as_bytes());
    objects.break_off("logs", "a.log", 9_000);
    objects.put("logs", "b.json.gz", &gzip(&trail(2_000)));
    objects.break_off("logs", "b.json.gz", 3_000);
    let mut reader = bench.source(config(&objects)).await;
    let mut found = Vec::new();
    for round in 0..12 {
        objects.fail_next(round % 2);
        if let Ok(batch) = reader.source.read(&reader.cursor).await {
            found.extend(batch.events.iter().map(|e| e.id.clone()));
            reader.cursor = batch.next;
        }
        bench.clock.advance(seconds(60));
    }
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (5_000, 5_000));
}

#[tokio::test]
async fn a_message_that_tells_of_nothing_known_is_left_to_its_queue_and_shown() {
    let (bench, objects) = bench().await;
    objects.send("what is this");
    let mut reader = bench.source(config(&objects)).await;
    reader.read().await;
    assert!(matches!(&reader.remarks[..], [Remark::SetAside { reason, .. }] if reason.contains("not JSON")));
    assert_eq!(objects.messages(), 1);
}

#[tokio::test]
async fn the_cursor_stays_small_when_many_objects_are_read() {
    let (bench, objects) = bench().await;
    let mut reader = bench.source(config(&objects)).await;
    for n in 0..200 {
        objects.put("logs", &format!("{n}.log"), b"line\n");
    }
    let mut found = 0;
    for _ in 0..20 {
        found += reader.read().await.len();
        bench.clock.advance(seconds(60));
    }
    objects.put("logs", "last.log", b"line\n");
    found += reader.read().await.len();
    assert_eq!((found, objects.messages()), (201, 0));
    assert!(reader.cursor.0.to_string().len() < 400, "{}", reader.cursor.0);
    assert!(bench.now() > monday());
}
