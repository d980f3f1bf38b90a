//! SNS: the real SDK against a small server that speaks SNS's query protocol.

use crate::support::{Counting, key, mail};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use watchkeeper_deliver::{AwsAccess, Channel, Message, SendError, SnsChannel, TopicMessage};

/// What the server says to every request.
#[derive(Clone)]
enum Say {
    Answer(u16, &'static str),
    Nothing,
}

struct Sns {
    url: String,
    requests: Arc<Mutex<Vec<HashMap<String, String>>>>,
    signatures: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Sns {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sns {
    async fn start(say: Say) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let signatures = Arc::new(Mutex::new(Vec::new()));
        let signed = Arc::clone(&signatures);
        let answer = move |headers: HeaderMap, body: String| {
            let signature = headers.get("authorization").and_then(|value| value.to_str().ok());
            signed
                .lock()
                .expect("no handler panics")
                .push(signature.unwrap_or_default().to_owned());
            let fields = url::form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .collect();
            seen.lock().expect("no handler panics").push(fields);
            let say = say.clone();
            async move {
                match say {
                    Say::Answer(status, body) => (StatusCode::from_u16(status).expect("a status"), body),
                    Say::Nothing => std::future::pending().await,
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let app = Router::new().route("/", post(answer));
        let serving =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not end") });
        Self {
            url,
            requests,
            signatures,
            serving,
        }
    }

    fn requests(&self) -> Vec<HashMap<String, String>> {
        self.requests.lock().expect("no handler panics").clone()
    }
}

async fn channel(url: &str, timeout: Duration) -> SnsChannel {
    let config = AwsAccess {
        endpoint_url: Some(url.to_owned()),
        timeout,
        ..AwsAccess::in_region("eu-central-1")
    };
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SnsChannel::new(&config, Some(SharedCredentialsProvider::new(keys)))
        .await
        .expect("valid settings")
}

fn page() -> TopicMessage {
    TopicMessage {
        topic_arn: "arn:aws:sns:eu-central-1:123456789012:pages".to_owned(),
        subject: "SEV1 INC-7".to_owned(),
        text: "Größere Störung".to_owned(),
        drill: false,
    }
}

const AMPLE: Duration = Duration::from_secs(30);

const PUBLISHED: Say = Say::Answer(
    200,
    r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"#,
);

macro_rules! error {
    ($status:expr, $code:literal) => {
        Say::Answer(
            $status,
            concat!(
                r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>"#,
                $code,
                "</Code><Message>what SNS says</Message></Error><RequestId>r</RequestId></ErrorResponse>"
            ),
        )
    };
}

#[tokio::test]
async fn credentials_may_come_from_a_file_that_the_settings_name() {
    let sns = Sns::start(PUBLISHED).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    let keys = "[default]\naws_access_key_id = AKIDOFTHEFILE\naws_secret_access_key = secret\n";
    std::fs::write(&file, keys).unwrap();
    let config = AwsAccess {
        endpoint_url: Some(sns.url.clone()),
        credentials_file: Some(file),
        ..AwsAccess::in_region("eu-central-1")
    };
    let channel = SnsChannel::new(&config, None).await.unwrap();
    channel
        .send(&Message::Topic(page()), &key(), &Counting::default())
        .await
        .unwrap();
    assert_eq!(sns.requests().len(), 1);
    let signed = sns.signatures.lock().unwrap().concat();
    assert!(signed.contains("Credential=AKIDOFTHEFILE/"), "{signed}");
}

#[tokio::test]
async fn a_published_message_brings_back_its_id() {
    let sns = Sns::start(PUBLISHED).await;
    let entered = Counting::default();
    let receipt = channel(&sns.url, AMPLE)
        .await
        .send(&Message::Topic(page()), &key(), &entered)
        .await
        .unwrap();
    assert_eq!(receipt.answer, "94f20ce6-13c5-43a0-9a9e-ca52d816e90b");
    assert_eq!(receipt.accepted_by, page().topic_arn);
    assert!(
        !receipt.transcript.join(" ").contains("Störung"),
        "{:?}",
        receipt.transcript
    );
    assert_eq!(entered.count(), 1);
    let request = &sns.requests()[0];
    assert_eq!(request["Action"], "Publish");
    assert_eq!(request["TopicArn"], page().topic_arn);
    assert_eq!(request["Subject"], "SEV1 INC-7");
    assert_eq!(request["Message"], "Größere Störung");
    assert_eq!(request["MessageAttributes.entry.1.Name"], "idempotency-key");
}

#[tokio::test]
async fn a_fifo_topic_gets_the_same_deduplication_id_for_every_attempt() {
    let sns = Sns::start(PUBLISHED).await;
    let channel = channel(&sns.url, AMPLE).await;
    let mut page = page();
    page.topic_arn.push_str(".fifo");
    for _ in 0..2 {
        channel
            .send(&Message::Topic(page.clone()), &key(), &())
            .await
            .unwrap();
    }
    let requests = sns.requests();
    assert_eq!(
        requests[0]["MessageDeduplicationId"],
        requests[1]["MessageDeduplicationId"]
    );
    assert_eq!(requests[0]["MessageGroupId"], "watchkeeper");
}

#[tokio::test]
async fn every_error_of_sns_is_told_apart_and_none_is_repeated_behind_the_outbox() {
    let cases = [
        (error!(400, "Throttling"), "retry"),
        (error!(400, "ThrottlingException"), "retry"),
        (error!(429, "TooManyRequests"), "retry"),
        (error!(400, "KMSThrottling"), "retry"),
        (error!(403, "ExpiredToken"), "retry"),
        (error!(503, "ServiceUnavailable"), "retry"),
        (error!(403, "AuthorizationError"), "refused"),
        (error!(404, "NotFound"), "refused"),
        (error!(400, "InvalidParameter"), "refused"),
        (error!(400, "ParameterValueInvalid"), "refused"),
        (error!(403, "InvalidClientTokenId"), "refused"),
        (error!(500, "InternalError"), "ambiguous"),
        (Say::Answer(502, "<html>bad gateway</html>"), "ambiguous"),
        (Say::Answer(200, "not xml"), "ambiguous"),
        (
            Say::Answer(200, "<PublishResponse><PublishResult/></PublishResponse>"),
            "ambiguous",
        ),
    ];
    for (say, expected) in cases {
        let Say::Answer(status, body) = say.clone() else {
            continue;
        };
        let sns = Sns::start(say).await;
        let result = channel(&sns.url, AMPLE)
            .await
            .send(&Message::Topic(page()), &key(), &())
            .await;
        assert_eq!(kind(&result), expected, "{status} {body}: {result:?}");
        assert_eq!(sns.requests().len(), 1, "{status} {body}");
    }
}

fn kind<T>(result: &Result<T, SendError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(SendError::Retry { .. }) => "retry",
        Err(SendError::Refused { .. }) => "refused",
        Err(SendError::Ambiguous { .. }) => "ambiguous",
    }
}

#[tokio::test]
async fn silence_after_the_request_is_ambiguous() {
    let sns = Sns::start(Say::Nothing).await;
    let result = channel(&sns.url, Duration::from_millis(1500))
        .await
        .send(&Message::Topic(page()), &key(), &())
        .await;
    assert_eq!(kind(&result), "ambiguous", "{result:?}");
    assert_eq!(sns.requests().len(), 1);
}

#[tokio::test]
async fn no_connection_at_all_is_tried_again() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let result = channel(&format!("http://{closed}"), AMPLE)
        .await
        .send(&Message::Topic(page()), &key(), &())
        .await;
    assert_eq!(kind(&result), "retry", "{result:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_tried_again() {
    let url = "https://sns.invalid";
    let result = channel(url, AMPLE)
        .await
        .send(&Message::Topic(page()), &key(), &())
        .await;
    assert_eq!(kind(&result), "retry", "{result:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_ambiguous() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 512];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut start)
            .await
            .unwrap();
    });
    let result = channel(&url, AMPLE)
        .await
        .send(&Message::Topic(page()), &key(), &())
        .await;
    assert_eq!(kind(&result), "ambiguous", "{result:?}");
    serving.await.unwrap();
}

/// Makes a message into one that SNS would not take.
type Spoil = fn(&mut TopicMessage);

#[tokio::test]
async fn what_sns_would_refuse_is_refused_without_asking() {
    let sns = Sns::start(PUBLISHED).await;
    let channel = channel(&sns.url, AMPLE).await;
    let cases: [(Spoil, &str); 8] = [
        (|m| m.subject = "x".repeat(100), "100 characters"),
        (|m| m.subject = String::new(), "0 characters"),
        (|m| m.subject = "a\nb".to_owned(), "one line"),
        (|m| m.subject = "ü".to_owned(), "ASCII"),
        (|m| m.text = "x".repeat(256 * 1024 + 1), "262145 bytes"),
        (|m| m.text = String::new(), "0 bytes"),
        (|m| m.topic_arn = "pages".to_owned(), "arn:aws:sns:"),
        (
            |m| m.topic_arn = "arn:aws:sqs:eu-central-1:1:q".to_owned(),
            "arn:aws:sns:",
        ),
    ];
    for (spoil, words) in cases {
        let mut message = page();
        spoil(&mut message);
        let result = channel.send(&Message::Topic(message), &key(), &()).await;
        let Err(SendError::Refused { reason, .. }) = &result else {
            panic!("{words}: {result:?}")
        };
        assert!(reason.contains(words), "{words}: {reason}");
    }
    assert!(matches!(
        channel.send(&mail(b"A: b\r\n\r\n"), &key(), &()).await,
        Err(SendError::Refused { .. })
    ));
    assert!(sns.requests().is_empty());
    let mut largest = page();
    largest.subject = "x".repeat(99);
    largest.text = "x".repeat(256 * 1024);
    channel.send(&Message::Topic(largest), &key(), &()).await.unwrap();
}
