//! Pushes: what is answered, and to whom.

use crate::support::{Place, Visitor};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_collect::receive::IN_FLIGHT;
use watchkeeper_collect::{SourceConfig, open};
use watchkeeper_domain::access::AccessRole;

/// `printf %s open-sesame | sha256sum`
const DIGEST: &str = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";

async fn place() -> Place {
    let place = Place::open().await;
    let config = json!({"kind": "http", "name": "push", "format": "json", "secrets_sha256": [DIGEST], "max_body_bytes": 2_000});
    let config: SourceConfig = serde_json::from_value(config).expect("a configuration");
    let opened = open(&config, place.clock.clone(), place.folder())
        .await
        .expect("a source");
    let receiver = opened.receiver.expect("a receiver");
    let mut state = place.state.clone();
    state.receivers = Arc::new(BTreeMap::from([("push".to_owned(), receiver)]));
    place.rebuilt(state)
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
    let place = place().await;
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
