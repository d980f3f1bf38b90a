//! The receiver: what it answers, and that 200 means on disk.

use crate::{Bench, ids, messages};
use base64::Engine;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_collect::push::Refused;
use watchkeeper_collect::receive::{Accepted, FirehoseHeaders, PushError, PushHeaders};
use watchkeeper_collect::{Cursor, Opened, Receiver, Remark};

/// `printf %s open-sesame | sha256sum`
const DIGEST: &str = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";

fn config() -> Value {
    json!({"kind": "http", "name": "push", "format": "json", "secrets_sha256": [DIGEST], "max_body_bytes": 10_000})
}

async fn open(bench: &Bench) -> (Opened, Arc<Receiver>) {
    let opened = bench.open(config()).await;
    let receiver = opened.receiver.clone().unwrap();
    (opened, receiver)
}

fn headers() -> FirehoseHeaders<'static> {
    FirehoseHeaders {
        access_key: Some("open-sesame"),
        request_id: Some("r-1"),
        protocol_version: Some("1.0"),
        source_arn: Some("arn:aws:firehose:eu-central-1:111122223333:deliverystream/logs"),
        common_attributes: None,
        content_encoding: None,
    }
}

fn firehose_body(lines: &[&str]) -> Vec<u8> {
    let encode = |line: &&str| json!({"data": base64::engine::general_purpose::STANDARD.encode(line)});
    let records: Vec<_> = lines.iter().map(encode).collect();
    json!({"requestId": "r-1", "timestamp": 1_700_000_000_000_i64, "records": records})
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn accepted_lines_are_events_and_a_repeated_key_is_stored_once() {
    let bench = Bench::new();
    let (mut opened, receiver) = open(&bench).await;
    let body = b"{\"ts\":\"2026-03-01T00:00:00Z\",\"tenant\":\"acme\"}\n{\"n\":2}\n";
    let once = PushHeaders {
        idempotency_key: Some("once"),
        ..PushHeaders::default()
    };
    for duplicate in [false, true] {
        let accepted = receiver.accept_lines(body.as_slice().into(), once).await;
        assert_eq!(
            accepted,
            Ok(Accepted {
                records: 2,
                duplicate,
                refused: Refused::default()
            })
        );
    }
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(ids(&batch.events), ["key:once:0", "key:once:1"]);
    assert_eq!(batch.events[0].at.to_rfc3339(), "2026-03-01T00:00:00+00:00");
    assert_eq!(batch.events[1].at, bench.now());
}

#[tokio::test]
async fn a_request_sent_again_after_a_crash_is_recognised() {
    let bench = Bench::new();
    let (opened, receiver) = open(&bench).await;
    let answer = receiver
        .accept_firehose(headers(), firehose_body(&["{\"n\":1}"]).into())
        .await;
    assert_eq!((answer.status, &answer.body["requestId"]), (200, &json!("r-1")));
    assert_eq!(answer.body["timestamp"], bench.now().timestamp_millis());
    assert_eq!(answer.body.get("errorMessage"), None);
    drop((opened, receiver));
    let (mut opened, receiver) = open(&bench).await;
    assert_eq!(
        receiver
            .accept_firehose(headers(), firehose_body(&["{\"n\":1}"]).into())
            .await
            .status,
        200
    );
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(
        (messages(&batch.events), ids(&batch.events)),
        (vec!["{\"n\":1}".into()], vec!["firehose:r-1:0"])
    );
}

#[tokio::test]
async fn common_attributes_of_a_stream_are_fields_of_its_events_that_no_line_can_change() {
    let bench = Bench::new();
    let mut config = config();
    config["log_source_from"] = json!({"product": "firehose.product"});
    let opened = bench.open(config.clone()).await;
    let receiver = opened.receiver.clone().unwrap();
    let told = FirehoseHeaders {
        common_attributes: Some(r#"{"commonAttributes":{"product":"shop","stage":"prod"}}"#),
        ..headers()
    };
    let forged = "{\"n\":1,\"firehose.stage\":\"test\",\"stage\":\"test\"}";
    let answer = receiver
        .accept_firehose(told, firehose_body(&[forged, "no json"]).into())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Written, and read by another process.
    drop((opened, receiver));
    let mut opened = bench.open(config).await;
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    for event in &batch.events {
        assert_eq!(event.text("firehose.stage").as_deref(), Some("prod"));
        assert_eq!(event.log_source.product.as_deref(), Some("shop"));
    }
    let stages: Vec<_> = batch
        .events
        .iter()
        .filter_map(|event| event.text("stage"))
        .collect();
    assert_eq!((batch.events.len(), stages), (2, vec!["test".to_owned()]));
    let receiver = opened.receiver.clone().unwrap();
    let wrong = FirehoseHeaders {
        common_attributes: Some("stage=prod"),
        ..headers()
    };
    let refused = receiver
        .accept_firehose(wrong, firehose_body(&["{}"]).into())
        .await;
    assert_eq!(refused.status, 400);
    let said = refused.body["errorMessage"].as_str().unwrap();
    assert!(said.contains("X-Amz-Firehose-Common-Attributes"), "{said}");
}

#[tokio::test]
async fn each_fault_has_its_status_and_says_what_is_wrong() {
    let bench = Bench::new();
    let (_opened, receiver) = open(&bench).await;
    let body = firehose_body(&["{}"]);
    let status = async |headers, body: &[u8]| {
        let answer = receiver
            .accept_firehose(headers, Bytes::copy_from_slice(body))
            .await;
        (
            answer.status,
            answer.body["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let (code, said) = status(
        FirehoseHeaders {
            access_key: Some("guessed"),
            ..headers()
        },
        b"not even json",
    )
    .await;
    assert!(code == 401 && !said.contains("guessed"), "{said}");
    assert_eq!(
        status(
            FirehoseHeaders {
                access_key: None,
                ..headers()
            },
            &body
        )
        .await
        .0,
        401
    );
    assert_eq!(
        status(
            FirehoseHeaders {
                protocol_version: Some("2.0"),
                ..headers()
            },
            &body
        )
        .await
        .0,
        400
    );
    assert_eq!(
        status(
            FirehoseHeaders {
                request_id: Some("other"),
                ..headers()
            },
            &body
        )
        .await
        .0,
        400
    );
    assert_eq!(status(headers(), &vec![b' '; 10_001]).await.0, 413);
    let (code, said) = status(
        headers(),
        br#"{"requestId":"r-1","timestamp":1,"records":[{"data":"!"}]}"#,
    )
    .await;
    assert!(code == 400 && said.starts_with("record 1: "), "{said}");

    let none = receiver
        .accept_lines(Bytes::from_static(b"nope\n{"), PushHeaders::default())
        .await
        .unwrap_err();
    assert_eq!(none.status(), 400);
    assert!(none.to_string().starts_with("line 1: not JSON"), "{none}");
    assert!(
        receiver.authorises(Some("open-sesame"))
            && !receiver.authorises(Some(""))
            && !receiver.authorises(None)
    );
}

#[tokio::test]
async fn a_receiver_that_is_stopping_accepts_nothing() {
    let bench = Bench::new();
    let (mut opened, receiver) = open(&bench).await;
    receiver.stop();
    let refused = receiver
        .accept_lines(Bytes::from_static(b"{}"), PushHeaders::default())
        .await
        .unwrap_err();
    assert!(matches!(refused, PushError::Unavailable { .. }) && refused.retry_after().is_some());
    assert_eq!(
        receiver
            .accept_firehose(headers(), firehose_body(&["{}"]).into())
            .await
            .status,
        503
    );
    assert_eq!(opened.source.read(&Cursor::start()).await.unwrap().events, []);
}

#[tokio::test]
async fn the_good_lines_of_a_request_are_stored_and_the_others_are_named_and_counted() {
    let bench = Bench::new();
    let (mut opened, receiver) = open(&bench).await;
    let body = Bytes::from_static(b"{\"n\":1}\nnope\n{\"n\":3}\n\xff\n");
    let accepted = receiver.accept_lines(body, PushHeaders::default()).await.unwrap();
    assert_eq!((accepted.records, accepted.refused.count), (2, 2));
    let said = accepted.refused.told();
    assert!(
        said.starts_with("line 2: not JSON: expected ident at column 2")
            && said.contains("line 4: not UTF-8"),
        "{said}"
    );
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(messages(&batch.events), ["{\"n\":1}", "{\"n\":3}"]);
    assert_eq!(batch.counts.refused, 2);
}

#[tokio::test]
async fn log_records_of_opentelemetry_are_events_with_what_they_stand_in() {
    let bench = Bench::new();
    let mut config = config();
    config["format"] = "auto".into();
    let mut opened = bench.open(config).await;
    let receiver = opened.receiver.clone().unwrap();
    let request = json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]},
        "scopeLogs": [{"scope": {"name": "log4j", "version": "2"}, "logRecords": [
            {"timeUnixNano": "1772438399500000000", "severityNumber": 13, "traceId": "AB", "attributes": [
                {"key": "tenant", "value": {"stringValue": "acme"}},
                {"key": "deep", "value": {"kvlistValue": {"values": [{"key": "n", "value": {"intValue": "9007199254740993"}}]}}}],
             "body": {"stringValue": "192.0.2.1 - - [02/Mar/2026:07:59:59 +0000] \"GET / HTTP/1.1\" 404 5"}},
            {"body": {"kvlistValue": {"values": [{"key": "user", "value": {"stringValue": "ada"}}]}}, "severityText": "Audit"},
            {"body": 7}]}]}]});
    let headers = PushHeaders {
        content_type: Some("application/json"),
        idempotency_key: Some("k"),
        ..PushHeaders::default()
    };
    let answer = receiver.accept_otlp(request.to_string().into(), headers).await;
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, answer.content_type), (200, "application/json"));
    assert_eq!(said["partialSuccess"]["rejectedLogRecords"], "1");
    let reason = said["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(
        reason.starts_with("resourceLogs[0].scopeLogs[0].logRecords[2]: "),
        "{reason}"
    );
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(ids(&batch.events), ["key:k:0", "key:k:1"]);
    let text = |n: usize, path: &str| batch.events[n].text(path).unwrap_or_default();
    assert_eq!(
        [
            "tenant",
            "severity",
            "trace_id",
            "resource.service.name",
            "scope.name",
            "scope.version",
            "deep.n",
            "c-ip"
        ]
        .map(|path| text(0, path)),
        [
            "acme",
            "WARN",
            "ab",
            "checkout",
            "log4j",
            "2",
            "9007199254740993",
            "192.0.2.1"
        ]
    );
    assert_eq!(batch.events[0].log_source.category.as_deref(), Some("webserver"));
    assert_eq!(
        (text(1, "user"), text(1, "severity"), text(1, "body.user")),
        ("ada".into(), "Audit".into(), "ada".into())
    );
    assert_eq!(batch.events[1].at, bench.now());
    for content_type in [None, Some("text/plain")] {
        let headers = PushHeaders {
            content_type,
            ..PushHeaders::default()
        };
        let answer = receiver.accept_otlp(Bytes::from_static(b"{}"), headers).await;
        assert_eq!((answer.status, answer.content_type), (415, "application/json"));
    }
    receiver.stop();
    let answer = receiver.accept_otlp(Bytes::from_static(b"{}"), headers).await;
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &said["code"]), (503, &json!(14)));
    assert!(answer.retry_after.is_some());
}

#[tokio::test]
async fn a_full_disk_stops_intake_loudly_and_it_resumes_by_itself() {
    let bench = Bench::new();
    let (mut opened, receiver) = open(&bench).await;
    // The first segment cannot be begun: a directory stands in its place, which the system refuses whoever runs the test.
    let first = bench.path().join("spool/push").join(format!("{:020}.seg", 1));
    std::fs::create_dir(&first).unwrap();
    let body = Bytes::from_static(b"{\"n\":1}");
    let refused = receiver
        .accept_lines(body.clone(), PushHeaders::default())
        .await
        .unwrap_err();
    assert_eq!(refused.status(), 503);
    assert!(refused.retry_after().is_some() && refused.to_string().contains("the disk does not take it"));
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert!(
        matches!(&batch.remarks[..], [Remark::Refusing { reason }] if reason.contains("disk")),
        "{:?}",
        batch.remarks
    );
    std::fs::remove_dir(&first).unwrap();
    receiver.accept_lines(body, PushHeaders::default()).await.unwrap();
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(
        (messages(&batch.events), batch.remarks),
        (vec!["{\"n\":1}".to_owned()], vec![])
    );
}

#[tokio::test]
async fn entries_of_journald_are_events_with_its_fields_and_the_names_of_syslog() {
    let bench = Bench::new();
    let mut config = config();
    config["format"] = "auto".into();
    let mut opened = bench.open(config).await;
    let receiver = opened.receiver.clone().unwrap();
    let headers = PushHeaders {
        content_type: Some("application/vnd.fdo.journal"),
        ..PushHeaders::default()
    };
    let body = b"__CURSOR=s=a;i=1\n__REALTIME_TIMESTAMP=1772438399250000\n_HOSTNAME=gate\nSYSLOG_IDENTIFIER=sshd\n_PID=7\nPRIORITY=6\nSYSLOG_FACILITY=4\n_SYSTEMD_UNIT=ssh.service\nMESSAGE=Failed password for root from 192.0.2.9 port 22 ssh2\n\n__CURSOR=s=a;i=2\n__REALTIME_TIMESTAMP=1772438399500000\nSYSLOG_IDENTIFIER=app\nMESSAGE\n\x05\0\0\0\0\0\0\0a\n\xffbc\n";
    let accepted = receiver
        .accept_lines(Bytes::from_static(body), headers)
        .await
        .unwrap();
    assert_eq!((accepted.records, accepted.refused.count), (2, 0));
    let batch = opened.source.read(&Cursor::start()).await.unwrap();
    assert_eq!(ids(&batch.events), ["s=a;i=1", "s=a;i=2"]);
    let first = &batch.events[0];
    assert_eq!(first.at.to_rfc3339(), "2026-03-02T07:59:59.250+00:00");
    assert_eq!(first.log_source.service.as_deref(), Some("sshd"));
    assert_eq!(
        [
            "event",
            "src_ip",
            "host",
            "pid",
            "severity",
            "facility",
            "unit",
            "_SYSTEMD_UNIT"
        ]
        .map(|path| first.text(path).unwrap_or_default()),
        [
            "failed_password",
            "192.0.2.9",
            "gate",
            "7",
            "info",
            "auth",
            "ssh.service",
            "ssh.service"
        ]
    );
    assert_eq!(
        batch.events[1].text("MESSAGE").as_deref(),
        Some("base64:YQr/YmM=")
    );
    let broken = receiver
        .accept_lines(Bytes::from_static(b"A=1\n\nbroken"), headers)
        .await
        .unwrap_err();
    assert_eq!(
        (broken.status(), broken.to_string().as_str()),
        (400, "entry 2: it ends within a field")
    );
}
