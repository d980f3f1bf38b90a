//! AWS as `moto` emulates it: the same sources, servers that were not written for them.

use crate::{Bench, seconds};
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_cloudwatchlogs::{Client, Config};
use serde_json::{Value, json};
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

/// moto, and a bench whose clock stands at the present: moto has no other time.
async fn present() -> (Bench, Moto) {
    let moto = tokio::task::spawn_blocking(Moto::start).await.unwrap().unwrap();
    let bench = Bench::new();
    bench.clock.set(SystemClock.now());
    (bench, moto)
}

fn assumed(mut config: Value, moto: &Moto) -> Value {
    for field in ["endpoint_url", "sts_endpoint_url"] {
        config[field] = moto.endpoint_url.clone().into();
    }
    config["role_arn"] = "arn:aws:iam::123456789012:role/watchkeeper".into();
    config["external_id"] = "x-1".into();
    config
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[tokio::test]
async fn objects_that_a_bucket_a_topic_and_a_delivery_stream_tell_of_come_once_and_the_queue_is_empty_then() {
    let (bench, moto) = present().await;
    let made = moto.script(
        "
sqs, s3, sns, firehose = client('sqs'), client('s3'), client('sns'), client('firehose')
url = sqs.create_queue(QueueName='objects')['QueueUrl']
queue = 'arn:aws:sqs:eu-central-1:123456789012:objects'
topic = sns.create_topic(Name='objects')['TopicArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=queue)
s3.create_bucket(Bucket='trail', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
def told(kind, arn, prefix):
    return [{kind: arn, 'Events': ['s3:ObjectCreated:*'], 'Filter': {'Key': {'FilterRules': [{'Name': 'prefix', 'Value': prefix}]}}}]
s3.put_bucket_notification_configuration(Bucket='trail', NotificationConfiguration={
    'QueueConfigurations': told('QueueArn', queue, 'a/'), 'TopicConfigurations': told('TopicArn', topic, 'b/')})
records = [{'eventVersion': '1.08', 'eventTime': '2026-03-02T07:00:00Z', 'eventID': f'e{n}', 'eventName': 'GetObject'} for n in range(200)]
s3.put_object(Bucket='trail', Key='a/with space+plus.json.gz', Body=gzip.compress(json.dumps({'Records': records}).encode()))
s3.put_object(Bucket='trail', Key='b/lines.jsonl', Body=b'{\"n\":1}\\n{\"n\":2}\\n')
firehose.create_delivery_stream(DeliveryStreamName='logs', ExtendedS3DestinationConfiguration={
    'RoleARN': 'arn:aws:iam::123456789012:role/firehose', 'BucketARN': 'arn:aws:s3:::trail', 'Prefix': 'a/firehose/'})
firehose.put_record_batch(DeliveryStreamName='logs', Records=[{'Data': b'{\"n\":%d}\\n' % n} for n in (3, 4, 5)])
print(json.dumps(url))
",
        &[],
    );
    let config = assumed(
        json!({"kind": "s3", "name": "objects", "queue_url": made, "s3_endpoint_url": moto.endpoint_url}),
        &moto,
    );
    let mut reader = bench.source(config).await;
    let events = reader.read().await;
    let named: BTreeSet<_> = events.iter().filter_map(|event| event.text("eventID")).collect();
    assert_eq!(named.len(), 200);
    let others = events.iter().filter(|event| event.text("eventID").is_none());
    let others = sorted(others.map(|event| event.raw.clone()).collect());
    assert_eq!(others, [1, 2, 3, 4, 5].map(|n| format!("{{\"n\":{n}}}")));
    assert!(reader.remarks.is_empty(), "{:?}", reader.remarks);
    let left = moto.script(
        "
got = client('sqs').get_queue_attributes(QueueUrl=arguments[0], AttributeNames=['All'])['Attributes']
print(json.dumps([got['ApproximateNumberOfMessages'], got['ApproximateNumberOfMessagesNotVisible']]))
",
        &[made.as_str().unwrap()],
    );
    assert_eq!(left, json!(["0", "0"]));
}

#[tokio::test]
async fn a_stream_that_moto_splits_and_merges_is_read_whole_and_in_order() {
    let (bench, moto) = present().await;
    let put = "
kinesis = client('kinesis')
def put(first, last):
    for n in range(first, last):
        for key in 'abcdef':
            kinesis.put_record(StreamName='logs', PartitionKey=key, Data=b'{\"key\":\"%s\",\"n\":%d}' % (key.encode(), n))
def shards():
    return [s['ShardId'] for s in kinesis.list_shards(StreamName='logs')['Shards'] if 'EndingSequenceNumber' not in s['SequenceNumberRange']]
";
    moto.script(
        &format!(
            "{put}
kinesis.create_stream(StreamName='logs', ShardCount=1)
put(0, 10)
kinesis.split_shard(StreamName='logs', ShardToSplit=shards()[0], NewStartingHashKey=str(2 ** 127))
put(10, 20)
"
        ),
        &[],
    );
    let config = assumed(
        json!({"kind": "kinesis", "name": "stream", "stream": "logs"}),
        &moto,
    );
    let mut reader = bench.source(config.clone()).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        found.extend(reader.read().await);
        bench.clock.advance(seconds(60));
    }
    moto.script(
        &format!(
            "{put}
first, second = shards()
kinesis.merge_shards(StreamName='logs', ShardToMerge=first, AdjacentShardToMerge=second)
put(20, 30)
"
        ),
        &[],
    );
    // A second process goes on from the cursor of the first.
    reader.source = bench.open(config).await.source;
    for _ in 0..4 {
        found.extend(reader.read().await);
        bench.clock.advance(seconds(60));
    }
    assert_eq!(found.len(), 180);
    for key in ["a", "b", "c", "d", "e", "f"] {
        let of_key = found
            .iter()
            .filter(|event| event.text("key").as_deref() == Some(key));
        let numbers: Vec<i64> = of_key
            .map(|event| {
                let record: Value = serde_json::from_str(&event.raw).unwrap();
                record["n"].as_i64().unwrap()
            })
            .collect();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test]
async fn what_a_subscription_of_moto_delivers_is_not_told_again_by_the_poller() {
    let (bench, moto) = present().await;
    let put = "
logs = client('logs')
def put(first, last, at):
    logs.put_log_events(logGroupName='/app', logStreamName='s', logEvents=[
        {'timestamp': at + n, 'message': json.dumps({'n': n})} for n in range(first, last)])
";
    let now = bench.now().timestamp_millis().to_string();
    moto.script(
        &format!(
            "{put}
client('kinesis').create_stream(StreamName='logs', ShardCount=1)
logs.create_log_group(logGroupName='/app')
logs.create_log_stream(logGroupName='/app', logStreamName='s')
put(0, 3, int(arguments[0]))
logs.put_subscription_filter(logGroupName='/app', filterName='all', filterPattern='',
    destinationArn='arn:aws:kinesis:eu-central-1:123456789012:stream/logs', roleArn='arn:aws:iam::123456789012:role/logs')
put(3, 40, int(arguments[0]))
"
        ),
        &[&now],
    );
    let mut config = assumed(
        json!({"kind": "cloudwatch_logs", "name": "app", "log_groups": ["/app"], "account": "123456789012",
            "subscription": {"kinesis_stream": "logs"}, "kinesis_endpoint_url": moto.endpoint_url}),
        &moto,
    );
    config["lookback_minutes"] = 60.into();
    let mut reader = bench.source(config).await;
    let mut found = reader.read().await;
    assert_eq!(found.len(), 37, "what the subscription delivered");
    for _ in 0..10 {
        bench.clock.advance(seconds(60));
        found.extend(reader.read().await);
    }
    // The three that were there before the subscription are what it missed.
    let distinct: BTreeSet<_> = found.iter().map(|event| event.id.clone()).collect();
    assert_eq!((found.len(), distinct.len()), (40, 40));
    assert_eq!(reader.counts.missed_by_push, 3);
}
