//! Topics of SNS: only what SNS has signed, of topics that are configured, and only once it is on disk.

use crate::{Bench, monday, seconds};
use chrono::Duration;
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_collect::Receiver;
use watchkeeper_collect::push::Refused;
use watchkeeper_collect::receive::{Accepted, PushError, SnsAccepted};
use watchkeeper_testbed::sns::{Publication, Publisher};

const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:alarms";

fn config() -> Value {
    json!({"kind": "sns", "name": "alarms", "topics": [TOPIC], "format": "json"})
}

fn publication<'p>(kind: &'p str, topic: &'p str, text: &'p str, version: &'p str) -> Publication<'p> {
    Publication {
        kind,
        topic,
        text,
        at: monday() - seconds(5),
        version,
    }
}

async fn accept(receiver: &Receiver, publisher: &Publisher, body: &str) -> Result<SnsAccepted, PushError> {
    let envelope = receiver.read_sns(body.as_bytes())?;
    receiver
        .accept_sns(envelope, publisher.certificate.as_bytes())
        .await
}

#[tokio::test]
async fn a_signed_message_of_a_configured_topic_is_stored_once_and_nothing_else() {
    let bench = Bench::new();
    let publisher = Publisher::new(monday() - Duration::days(1), monday() + Duration::days(1));
    let opened = bench.open(config()).await;
    let receiver: Arc<Receiver> = opened.receiver.unwrap();
    let text = "{\"AlarmName\": \"root signed in\",\n \"ts\": \"2026-03-02T07:59:00Z\"}";
    let body = publisher.post(&publication("Notification", TOPIC, text, "2"));
    let stored = |duplicate| {
        Ok(SnsAccepted::Stored(Accepted {
            records: 1,
            duplicate,
            refused: Refused::default(),
        }))
    };
    assert_eq!(accept(&receiver, &publisher, &body).await, stored(false));
    assert_eq!(accept(&receiver, &publisher, &body).await, stored(true));

    let old = publisher.post(&publication("Notification", TOPIC, text, "1"));
    let refused = accept(&receiver, &publisher, &old).await.unwrap_err();
    assert!(
        refused.status() == 403 && refused.to_string().contains("SignatureVersion 2"),
        "{refused}"
    );
    let other = "arn:aws:sns:eu-central-1:999999999999:alarms";
    let strange = publisher.post(&publication("Notification", other, text, "2"));
    assert_eq!(
        accept(&receiver, &publisher, &strange)
            .await
            .unwrap_err()
            .status(),
        403
    );
    let changed = body.replace("root", "nobody");
    assert_eq!(
        accept(&receiver, &publisher, &changed)
            .await
            .unwrap_err()
            .status(),
        403
    );
    assert_eq!(
        accept(&receiver, &publisher, "hello").await.unwrap_err().status(),
        400
    );
    let confirm = publisher.post(&publication("SubscriptionConfirmation", TOPIC, "confirm", "2"));
    assert!(matches!(
        accept(&receiver, &publisher, &confirm).await,
        Ok(SnsAccepted::Confirm(_))
    ));
    receiver.stop();
    assert_eq!(
        accept(&receiver, &publisher, &body).await.unwrap_err().status(),
        503
    );

    let mut source = opened.source;
    let batch = source.read(&watchkeeper_collect::Cursor::start()).await.unwrap();
    assert_eq!(batch.events.len(), 1);
    assert_eq!(
        batch.events[0].text("AlarmName").as_deref(),
        Some("root signed in")
    );
}
