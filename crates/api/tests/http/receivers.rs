//! Pushes: what is answered, and to whom.

use crate::support::{Place, Visitor};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use watchkeeper_collect::receive::IN_FLIGHT;
use watchkeeper_collect::{Cursor, Remark, Source, SourceConfig, open};
use watchkeeper_domain::access::AccessRole;
use watchkeeper_testbed::disk::SmallDisk;

/// `printf %s open-sesame | sha256sum`
const DIGEST: &str = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";

async fn place() -> Place {
    reading_place(None).await.0
}

/// A place with the source that reads what is pushed to it, with its data in `folder`, or its own.
async fn reading_place(folder: Option<&Path>) -> (Place, Box<dyn Source>) {
    place_of_format("json", folder).await
}

/// The same, of a source of another format.
async fn place_of_format(format: &str, folder: Option<&Path>) -> (Place, Box<dyn Source>) {
    let place = Place::open().await;
    let config = json!({"kind": "http", "name": "push", "format": format, "secrets_sha256": [DIGEST], "max_body_bytes": 2_000,
        "max_decompressed_bytes": 50_000});
    let config: SourceConfig = serde_json::from_value(config).expect("a configuration");
    let folder = folder.unwrap_or(place.folder());
    let opened = open(&config, place.clock.clone(), folder)
        .await
        .expect("a source");
    let receiver = opened.receiver.expect("a receiver");
    let mut state = place.state.clone();
    state.receivers = Arc::new(BTreeMap::from([("push".to_owned(), receiver)]));
    (place.rebuilt(state), opened.source)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).expect("written");
    encoder.finish().expect("ended")
}

fn with_secret() -> Visitor {
    Visitor::default().with("authorization", "Bearer open-sesame")
}

#[tokio::test]
async fn lines_are_accepted_once_and_a_repeated_key_is_said_to_be_one() {
    let place = place().await;
    let visitor = with_secret().with("idempotency-key", "once");
    let body = "{\"n\":1}\n{\"n\":2}\n";
    assert_eq!(
        place
            .send(&visitor, "POST", "/ingest/push", body)
            .await
            .expect(200),
        json!({"records": 2, "duplicate": false})
    );
    assert_eq!(
        place
            .send(&visitor, "POST", "/ingest/push", body)
            .await
            .expect(200),
        json!({"records": 2, "duplicate": true})
    );
}

#[tokio::test]
async fn without_the_secret_nobody_learns_which_sources_there_are() {
    let place = place().await;
    for visitor in [
        Visitor::default(),
        Visitor::default().with("authorization", "Bearer wrong"),
    ] {
        let (known, unknown) = (
            place.send(&visitor, "POST", "/ingest/push", "{}").await,
            place.send(&visitor, "POST", "/ingest/none", "{}").await,
        );
        assert_eq!((known.status.as_u16(), &known.text), (401, &unknown.text));
    }
    let key = Visitor::default()
        .with("x-amz-firehose-access-key", "wrong")
        .with("x-amz-firehose-request-id", "r-1");
    let (known, unknown) = (
        place.send(&key, "POST", "/firehose/push", "{}").await,
        place.send(&key, "POST", "/firehose/none", "{}").await,
    );
    assert_eq!((known.status.as_u16(), &known.text), (401, &unknown.text));
}

#[tokio::test]
async fn a_token_that_may_respond_may_push_and_one_that_may_look_may_not() {
    let place = place().await;
    let maker = place
        .person("maker", &[AccessRole::Admin, AccessRole::Responder])
        .await;
    for (role, status) in [("responder", 200), ("viewer", 401)] {
        let made = place
            .post(&maker, "/api/v1/tokens", json!({"name": role, "roles": [role]}))
            .await
            .expect(201);
        let bearer = format!("Bearer {}", made["token"].as_str().expect("a secret"));
        let answer = place
            .send(
                &Visitor::default().with("authorization", &bearer),
                "POST",
                "/ingest/push",
                "{\"n\":1}\n",
            )
            .await;
        assert_eq!(answer.status.as_u16(), status, "{role}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_too_large_or_malformed_or_comes_too_late_has_its_own_answer() {
    let place = place().await;
    assert_eq!(
        place
            .send(&with_secret(), "POST", "/ingest/push", "x".repeat(2_001))
            .await
            .status,
        413
    );
    let malformed = place
        .send(&with_secret(), "POST", "/ingest/push", "no json\n")
        .await;
    assert_eq!(
        (malformed.status.as_u16(), malformed.header("content-type")),
        (400, "application/problem+json")
    );
    place.state.receivers["push"].stop();
    let stopping = place
        .send(&with_secret(), "POST", "/ingest/push", "{\"n\":1}\n")
        .await;
    assert_eq!(
        (stopping.status.as_u16(), stopping.header("retry-after")),
        (503, "30")
    );
}

#[tokio::test]
async fn firehose_is_answered_in_its_own_form() {
    let place = place().await;
    let visitor = Visitor::default()
        .with("x-amz-firehose-access-key", "open-sesame")
        .with("x-amz-firehose-request-id", "r-1")
        .with("x-amz-firehose-protocol-version", "1.0");
    let body = json!({"requestId": "r-1", "timestamp": 1, "records": [{"data": "eyJuIjoxfQ=="}]}).to_string();
    let answer = place
        .send(&visitor, "POST", "/firehose/push", body)
        .await
        .expect(200);
    assert_eq!(
        answer,
        json!({"requestId": "r-1", "timestamp": place.desk.now().timestamp_millis()})
    );
    let large = place
        .send(&visitor, "POST", "/firehose/push", "x".repeat(2_001))
        .await
        .expect(413);
    assert!(
        large["errorMessage"]
            .as_str()
            .expect("words")
            .contains("2000 bytes"),
        "{large}"
    );
}

/// All of the protocol that is not an answer to a good first request.
#[tokio::test]
async fn firehose_may_send_again_and_every_refusal_has_the_form_that_it_reads() {
    let (place, mut source) = reading_place(None).await;
    let request = |id: &str, data: &str| {
        json!({"requestId": id, "timestamp": 1, "records": [{"data": data}]}).to_string()
    };
    let known = || Visitor::default().with("x-amz-firehose-access-key", "open-sesame");
    let named = |id: &str| known().with("x-amz-firehose-request-id", id);
    let one = "eyJuIjoxfQ==";
    let path = "/firehose/push";
    // What was answered and never arrived is sent again, compressed this time, and stored once.
    place
        .send(&named("r-1"), "POST", path, request("r-1", one))
        .await
        .expect(200);
    let compressed = named("r-1").with("content-encoding", "gzip");
    let again = place
        .send(&compressed, "POST", path, gzip(request("r-1", one).as_bytes()))
        .await;
    assert_eq!(again.expect(200)["requestId"], "r-1");
    // Without the header the body names it.
    let bare = place
        .send(&known(), "POST", path, request("r-2", "eyJuIjoyfQ=="))
        .await;
    assert_eq!(bare.expect(200)["requestId"], "r-2");

    let stranger = Visitor::default()
        .with("x-amz-firehose-access-key", "guessed")
        .with("x-amz-firehose-request-id", "r-3");
    let version = named("r-3").with("x-amz-firehose-protocol-version", "2.0");
    let attributes = named("r-3").with("x-amz-firehose-common-attributes", "not JSON");
    let refusals = [
        (stranger, request("r-3", one), 401, "secret"),
        (named("r-3"), request("r-4", one), 400, "differ"),
        (version, request("r-3", one), 400, "1.0 is"),
        (attributes, request("r-3", one), 400, "ommon"),
        (named("r-3"), request("r-3", "%"), 400, "record 1"),
        (named("r-3"), "nothing".to_owned(), 400, "requestId"),
    ];
    for (visitor, body, status, words) in refusals {
        let told = place.send(&visitor, "POST", path, body).await.expect(status);
        assert_eq!(told["requestId"], "r-3");
        assert_eq!(told["timestamp"], json!(place.desk.now().timestamp_millis()));
        let reason = told["errorMessage"].as_str().expect("words");
        assert!(reason.contains(words), "{reason}");
    }
    place.state.receivers["push"].stop();
    let stopping = place.send(&named("r-5"), "POST", path, request("r-5", one)).await;
    assert!(
        stopping
            .header("retry-after")
            .parse::<u32>()
            .is_ok_and(|seconds| seconds > 0)
    );
    assert_eq!(stopping.expect(503)["requestId"], "r-5");

    let read = source.read(&Cursor::start()).await.expect("it reads");
    let stored: Vec<&str> = read.events.iter().map(|event| event.raw.as_str()).collect();
    assert_eq!(stored, ["{\"n\":1}", "{\"n\":2}"]);
}

#[tokio::test]
async fn good_lines_are_stored_beside_bad_ones_and_the_answer_names_those() {
    let place = place().await;
    let answer = place
        .send(&with_secret(), "POST", "/ingest/push", "{\"n\":1}\nnope\n")
        .await
        .expect(207);
    assert_eq!((&answer["records"], &answer["refused"]), (&json!(1), &json!(1)));
    let reason = answer["reasons"][0].as_str().expect("words");
    assert!(reason.starts_with("line 2: not JSON"), "{reason}");
}

#[tokio::test]
async fn logs_of_opentelemetry_are_answered_in_their_own_form() {
    let (place, _source) = place_of_format("auto", None).await;
    let path = "/otlp/push/v1/logs";
    let json_logs = with_secret().with("content-type", "application/json");
    let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"one"}}]}]}]}"#;
    assert_eq!(
        place.send(&json_logs, "POST", path, body).await.expect(200),
        json!({})
    );
    let protobuf = with_secret().with("content-type", "application/x-protobuf");
    // ResourceLogs { ScopeLogs { LogRecord { severity_text: "INFO" } } }
    let body: &[u8] = b"\x0a\x0a\x12\x08\x12\x06\x1a\x04INFO";
    let stored = place.send(&protobuf, "POST", path, body.to_vec()).await;
    assert_eq!(
        (
            stored.status.as_u16(),
            stored.header("content-type"),
            stored.text.as_str()
        ),
        (200, "application/x-protobuf", "")
    );
    let broken = place.send(&protobuf, "POST", path, "\u{a}\u{7f}").await;
    // google.rpc.Status: code 3, INVALID_ARGUMENT.
    assert_eq!(
        (
            broken.status.as_u16(),
            broken.header("content-type"),
            &broken.text.as_bytes()[..2]
        ),
        (400, "application/x-protobuf", &[8, 3][..])
    );
    let stranger = Visitor::default().with("content-type", "application/json");
    let (known, unknown) = (
        place.send(&stranger, "POST", path, body.to_vec()).await,
        place
            .send(&stranger, "POST", "/otlp/none/v1/logs", body.to_vec())
            .await,
    );
    assert_eq!((known.status.as_u16(), &known.text), (401, &unknown.text));
    assert_eq!(known.expect(401)["code"], 16);
    let large = place.send(&json_logs, "POST", path, "x".repeat(2_001)).await;
    assert_eq!(large.expect(413)["code"], 3);
    place.state.receivers["push"].stop();
    let stopping = place.send(&json_logs, "POST", path, "{}").await;
    assert_eq!(stopping.header("retry-after"), "30");
    assert_eq!(stopping.expect(503)["code"], 14);
}

#[tokio::test]
async fn logs_of_opentelemetry_are_not_taken_by_a_source_that_would_not_read_them() {
    let (place, mut source) = reading_place(None).await;
    let visitor = with_secret().with("content-type", "application/json");
    let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"one"}}]}]}]}"#;
    let refused = place.send(&visitor, "POST", "/otlp/push/v1/logs", body).await;
    let said = refused.expect(400);
    let reason = said["message"].as_str().expect("words");
    assert!(reason.contains("leave `format` out"), "{reason}");
    let read = source.read(&Cursor::start()).await.expect("it reads");
    assert_eq!(read.events.len(), 0);
}

#[tokio::test]
async fn whoever_comes_while_as_many_bodies_as_may_are_read_is_asked_to_come_again() {
    let place = place().await;
    let receiver = Arc::clone(&place.state.receivers["push"]);
    let reading: Vec<_> = (0..IN_FLIGHT)
        .map(|_| receiver.read_body().expect("few enough"))
        .collect();
    let refused = place.send(&with_secret(), "POST", "/ingest/push", "{}").await;
    assert_eq!(refused.status.as_u16(), 429, "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "1");
    drop(reading);
    place
        .send(&with_secret(), "POST", "/ingest/push", "{}")
        .await
        .expect(200);
}

/// The ways in that take gzip: the path, who comes, and a body with one record.
fn compressed_ways() -> [(&'static str, Visitor, String); 3] {
    let firehose = Visitor::default()
        .with("x-amz-firehose-access-key", "open-sesame")
        .with("x-amz-firehose-request-id", "r-1");
    let of_firehose = json!({"requestId": "r-1", "timestamp": 1, "records": [{"data": "eyJuIjoxfQ=="}]});
    let of_otlp =
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "one"}}]}]}]});
    [
        ("/ingest/push", with_secret(), "{\"n\":1}\n".to_owned()),
        ("/firehose/push", firehose, of_firehose.to_string()),
        (
            "/otlp/push/v1/logs",
            with_secret().with("content-type", "application/json"),
            of_otlp.to_string(),
        ),
    ]
}

#[tokio::test]
async fn every_way_in_takes_gzip_and_none_unfolds_a_bomb() {
    for (path, visitor, body) in compressed_ways() {
        let (place, mut source) = place_of_format("auto", None).await;
        let visitor = visitor.with("content-encoding", "gzip");
        let stored = place.send(&visitor, "POST", path, gzip(body.as_bytes())).await;
        assert_eq!(stored.status.as_u16(), 200, "{path}: {}", stored.text);
        // A megabyte in a kilobyte, in the form that the way in takes.
        let spaces = " ".repeat(1_000_000);
        let bomb = gzip(format!("{spaces}{body}").as_bytes());
        assert!(bomb.len() < 2_000, "{} bytes", bomb.len());
        let refused = place.send(&visitor, "POST", path, bomb).await;
        assert_eq!(refused.status.as_u16(), 413, "{path}: {}", refused.text);
        assert!(
            refused.text.contains("after decompression"),
            "{path}: {}",
            refused.text
        );
        let mut damaged = gzip(body.as_bytes());
        damaged.truncate(damaged.len() - 9);
        let refused = place.send(&visitor, "POST", path, damaged).await;
        assert_eq!(refused.status.as_u16(), 400, "{path}: {}", refused.text);
        let read = source.read(&Cursor::start()).await.expect("it reads");
        assert_eq!(read.events.len(), 1, "{path}: only the good request is stored");
    }
}

#[tokio::test]
async fn sns_sends_nothing_compressed_and_what_is_so_is_no_message() {
    let place = Place::open().await;
    let topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
    let config = json!({"kind": "sns", "name": "alarms", "topics": [topic]});
    let config: SourceConfig = serde_json::from_value(config).expect("a configuration");
    let opened = open(&config, place.clock.clone(), place.folder())
        .await
        .expect("a source");
    let mut state = place.state.clone();
    let receiver = opened.receiver.expect("a receiver");
    state.receivers = Arc::new(BTreeMap::from([("alarms".to_owned(), receiver)]));
    let place = place.rebuilt(state);
    let message =
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": topic, "Message": "x".repeat(200_000)});
    let compressed = gzip(message.to_string().as_bytes());
    let sns = Visitor::default().with("content-encoding", "gzip");
    let answer = place.send(&sns, "POST", "/sns/alarms", compressed).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
}

#[tokio::test]
async fn a_full_disk_stops_the_intake_loudly_and_nothing_that_was_acknowledged_is_lost() {
    let Some(disk) = SmallDisk::mount(256) else { return };
    let (place, mut source) = reading_place(Some(disk.path())).await;
    let send = async |n: usize| {
        let visitor = with_secret().with("idempotency-key", &n.to_string());
        let line = format!("{{\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(1_500));
        place.send(&visitor, "POST", "/ingest/push", line).await
    };
    let mut acknowledged = Vec::new();
    for n in 0..20 {
        send(n).await.expect(200);
        acknowledged.push(n);
    }
    let filler = disk.fill();
    // What finds no room any more is answered so that whoever pushes comes again, and the source says why.
    let mut refused = 0;
    for n in 20..60 {
        let answer = send(n).await;
        match answer.status.as_u16() {
            200 => acknowledged.push(n),
            503 => {
                assert_eq!(answer.header("retry-after"), "30");
                assert!(
                    answer.text.contains("the disk does not take it"),
                    "{}",
                    answer.text
                );
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(refused >= 30, "{refused} of 40 were refused on a full disk");
    let said = source.read(&Cursor::start()).await.expect("it reads").remarks;
    assert!(
        said.iter()
            .any(|remark| matches!(remark, Remark::Refusing { reason } if reason.contains("disk"))),
        "{said:?}"
    );
    let segments = || {
        let files = std::fs::read_dir(disk.path().join("spool/push")).expect("a spool");
        let names = files.map(|file| file.expect("a file").file_name().into_string());
        names
            .filter(|name| name.as_ref().is_ok_and(|name| name.ends_with(".seg")))
            .count()
    };
    assert_eq!(segments(), 1, "what was refused begins no segment");
    std::fs::remove_file(filler).expect("room again");
    for n in 60..70 {
        send(n).await.expect(200);
        acknowledged.push(n);
    }
    // A request that was acknowledged is known, one that was refused is stored now.
    let again = send(3).await.expect(200);
    assert_eq!(again["duplicate"], true);
    let late = (20..60)
        .find(|n| !acknowledged.contains(n))
        .expect("one was refused");
    assert_eq!(send(late).await.expect(200)["duplicate"], false);
    acknowledged.push(late);
    // Read by another process, as after a crash.
    drop((place, source));
    let (_place, mut source) = reading_place(Some(disk.path())).await;
    let read = source.read(&Cursor::start()).await.expect("it reads");
    let mut stored: Vec<u64> = read
        .events
        .iter()
        .filter_map(|event| event.fields().get("n").and_then(Value::as_u64))
        .collect();
    stored.sort_unstable();
    let mut expected: Vec<u64> = acknowledged.iter().map(|n| *n as u64).collect();
    expected.sort_unstable();
    assert_eq!(stored, expected);
    assert_eq!((read.counts.lost_bytes, read.more), (0, false));
}

#[tokio::test]
async fn headers_without_end_are_refused_before_they_fill_the_memory() {
    let place = place().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(watchkeeper_api::serve(listener, place.state.clone()));
    let front =
        "POST /ingest/push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer open-sesame\r\ncontent-length: 8\r\n";
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(2 << 20));
    for (headers, status) in [("", "200"), (many.as_str(), "431"), (long.as_str(), "431")] {
        let mut connection = TcpStream::connect(address).await.expect("connected");
        let request = format!("{front}{headers}connection: close\r\n\r\n{{\"n\":1}}\n");
        // The server may be gone before everything is sent.
        let _ = connection.write_all(request.as_bytes()).await;
        let mut answer = vec![0; 12];
        connection.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    served.abort();
}
