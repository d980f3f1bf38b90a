//! CloudWatch Logs as `moto` emulates it: the same source, a server that was not written for it.

use crate::{Bench, seconds};
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_cloudwatchlogs::{Client, Config};
use serde_json::json;
use std::collections::BTreeSet;
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_testbed::moto::Moto;

fn client(moto: &Moto) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(&moto.endpoint_url)
        .http_client(http)
        .build();
    Client::from_conf(config)
}

async fn put(client: &Client, group: &str, stream: &str, lines: impl Iterator<Item = (i64, String)>) {
    let events = lines
        .map(|(at, line)| {
            InputLogEvent::builder()
                .timestamp(at)
                .message(line)
                .build()
                .unwrap()
        })
        .collect();
    client
        .put_log_events()
        .log_group_name(group)
        .log_stream_name(stream)
        .set_log_events(Some(events))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn lines_put_into_moto_come_once_parsed_also_through_an_assumed_role() {
    let moto = tokio::task::spawn_blocking(Moto::start).await.unwrap().unwrap();
    // moto refuses events that are far from the real present.
    let bench = Bench::new();
    let now = SystemClock.now();
    bench.clock.set(now);
    let client = client(&moto);
    for (group, stream) in [("/edge/access", "one"), ("/edge/access", "two"), ("/app", "one")] {
        let _ = client.create_log_group().log_group_name(group).send().await;
        client
            .create_log_stream()
            .log_group_name(group)
            .log_stream_name(stream)
            .send()
            .await
            .unwrap();
    }
    let base = (now - seconds(600)).timestamp_millis();
    let line = |n: i64| {
        let request = format!(r#""GET /file/{n}?a=%3Cscript%3E HTTP/1.1" 200 10 "-" "curl/8""#);
        (
            base + n * 100,
            format!("203.0.113.9 - - [17/May/2015:10:05:03 +0000] {request}"),
        )
    };
    put(&client, "/edge/access", "one", (0..400).map(line)).await;
    put(&client, "/edge/access", "two", (0..400).map(line)).await;
    put(
        &client,
        "/app",
        "one",
        [(base, "{\"ts\":\"2026-01-01T00:00:00Z\"}".to_owned())].into_iter(),
    )
    .await;

    let config = json!({"kind": "cloudwatch_logs", "name": "edge", "log_groups": ["/edge/access", "/app"],
        "endpoint_url": moto.endpoint_url, "sts_endpoint_url": moto.endpoint_url,
        "role_arn": "arn:aws:iam::123456789012:role/watchkeeper", "external_id": "x-1"});
    let mut reader = bench.source(config.clone()).await;
    let events = reader.read().await;
    let distinct: BTreeSet<_> = events.iter().map(|e| e.id.clone()).collect();
    assert_eq!((events.len(), distinct.len()), (801, 801));
    assert!(
        distinct
            .iter()
            .all(|id| id.starts_with("123456789012/eu-central-1/"))
    );
    assert!(events.iter().all(|e| e.unparsed.is_none()));
    let decoded = events.iter().filter_map(|e| e.text("cs-uri-decoded"));
    assert_eq!(decoded.filter(|uri| uri.ends_with("?a=<script>")).count(), 800);

    put(
        &client,
        "/app",
        "one",
        [(now.timestamp_millis(), "{\"n\":1}".to_owned())].into_iter(),
    )
    .await;
    bench.clock.advance(seconds(30));
    // A second process goes on from the cursor of the first.
    reader.source = bench.open(config).await.source;
    assert_eq!(reader.messages().await, ["{\"n\":1}"]);
}
