//! The receiver: what it answers, and that 200 means on disk.

use crate::{Bench, ids, messages};
use base64::Engine;
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_collect::receive::{Accepted, FirehoseHeaders, PushError};
use watchkeeper_collect::{Cursor, Opened, Receiver};

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
    let first = receiver.accept_json_lines(body, None, Some("once")).await;
    assert_eq!(
        first,
        Ok(Accepted {
            records: 2,
            duplicate: false
        })
    );
    let second = receiver.accept_json_lines(body, None, Some("once")).await;
    assert_eq!(
        second,
        Ok(Accepted {
            records: 2,
            duplicate: true
        })
    );
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
        .accept_firehose(headers(), &firehose_body(&["{\"n\":1}"]))
        .await;
    assert_eq!((answer.status, &answer.body["requestId"]), (200, &json!("r-1")));
    assert_eq!(answer.body["timestamp"], bench.now().timestamp_millis());
    assert_eq!(answer.body.get("errorMessage"), None);
    drop((opened, receiver));
    let (mut opened, receiver) = open(&bench).await;
    assert_eq!(
        receiver
            .accept_firehose(headers(), &firehose_body(&["{\"n\":1}"]))
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
async fn each_fault_has_its_status_and_says_what_is_wrong() {
    let bench = Bench::new();
    let (_opened, receiver) = open(&bench).await;
    let body = firehose_body(&["{}"]);
    let status = async |headers, body: &[u8]| {
        let answer = receiver.accept_firehose(headers, body).await;
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

    let malformed = receiver
        .accept_json_lines(b"{}\nnope", None, None)
        .await
        .unwrap_err();
    assert_eq!(
        (
            malformed.status(),
            malformed.to_string().starts_with("line 2: not JSON")
        ),
        (400, true)
    );
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
    let refused = receiver.accept_json_lines(b"{}", None, None).await.unwrap_err();
    assert!(matches!(refused, PushError::Unavailable { .. }) && refused.retry_after().is_some());
    assert_eq!(
        receiver
            .accept_firehose(headers(), &firehose_body(&["{}"]))
            .await
            .status,
        503
    );
    assert_eq!(opened.source.read(&Cursor::start()).await.unwrap().events, []);
}
