//! SES: the real SDK against a small server that speaks SES's protocol, and against moto, which knows nothing of ours.

use crate::support::{Counting, key, mail};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use watchkeeper_deliver::{AwsAccess, Channel, IdempotencyKey, Message, SendError, SesChannel, SesConfig};
use watchkeeper_domain::delivery::Hindrance;
use watchkeeper_testbed::moto::Moto;

const BYTES: &[u8] = b"From: Watchkeeper <watch@example.com>\r\nTo: ada@example.org\r\nSubject: [SEV1]\r\nMessage-ID: <1@example.com>\r\n\r\n.\r\nNew incident\r\n";

/// A request as SES got it.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    path: String,
    authorization: String,
    body: Value,
}

struct Ses {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Drop for Ses {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the server says to one request after the other, the last one for good; nothing where it says nothing.
type Script = Vec<Option<(u16, &'static str, Value)>>;

impl Ses {
    async fn start(script: Script) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let answer = move |request: Request| {
            let (noted, script) = (Arc::clone(&noted), script.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
                let authorization = parts.headers.get(header::AUTHORIZATION);
                let place = {
                    let mut noted = noted.lock().expect("no handler panics");
                    noted.push(Seen {
                        method: parts.method,
                        path: parts
                            .uri
                            .path_and_query()
                            .map(ToString::to_string)
                            .unwrap_or_default(),
                        authorization: authorization
                            .and_then(|value| value.to_str().ok())
                            .unwrap_or_default()
                            .to_owned(),
                        body: serde_json::from_slice(&body).unwrap_or_default(),
                    });
                    noted.len() - 1
                };
                match &script[place.min(script.len() - 1)] {
                    Some((status, kind, body)) => (
                        StatusCode::from_u16(*status).expect("a status"),
                        [("x-amzn-errortype", *kind)],
                        body.to_string(),
                    ),
                    None => std::future::pending().await,
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let app = Router::new().fallback(answer);
        let serving =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not end") });
        Self { url, seen, serving }
    }

    async fn saying(status: u16, kind: &'static str, body: Value) -> Self {
        Self::start(vec![Some((status, kind, body))]).await
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no handler panics").clone()
    }
}

const AMPLE: Duration = Duration::from_secs(30);

async fn channel(url: &str, timeout: Duration) -> SesChannel {
    let config = SesConfig {
        configuration_set: Some("notices".to_owned()),
        topics: Vec::new(),
        access: AwsAccess {
            endpoint_url: Some(url.to_owned()),
            timeout,
            ..AwsAccess::in_region("eu-central-1")
        },
    };
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SesChannel::new(&config, Some(SharedCredentialsProvider::new(keys)))
        .await
        .expect("valid settings")
}

#[tokio::test]
async fn ses_gets_the_frozen_bytes_and_the_name_of_the_message() {
    let ses = Ses::saying(200, "", json!({"MessageId": "0107-abc"})).await;
    let channel = channel(&ses.url, AMPLE).await;
    let stage = Counting::default();
    let key = IdempotencyKey("dlv_01".to_owned());
    let receipt = channel.send(&mail(BYTES), &key, &stage).await.expect("taken");
    assert_eq!(
        (receipt.answer.as_str(), receipt.accepted_by.as_str()),
        ("0107-abc", "SES in eu-central-1")
    );
    assert_eq!(stage.count(), 1);
    let digest = "SHA-256";
    assert!(receipt.transcript[0].contains(digest), "{:?}", receipt.transcript);
    let [seen] = ses.seen().try_into().expect("one request");
    assert_eq!(
        (seen.method, seen.path.as_str()),
        (Method::POST, "/v2/email/outbound-emails")
    );
    assert!(
        seen.authorization.contains("/eu-central-1/ses/aws4_request"),
        "{}",
        seen.authorization
    );
    let sent = seen.body["Content"]["Raw"]["Data"].as_str().expect("raw content");
    let sent = base64::engine::general_purpose::STANDARD
        .decode(sent)
        .expect("Base64");
    assert_eq!(sent, BYTES);
    assert_eq!(
        seen.body["Destination"],
        json!({"ToAddresses": ["ada@example.org"]})
    );
    assert_eq!(seen.body["ConfigurationSetName"], "notices");
    assert_eq!(
        seen.body["EmailTags"],
        json!([{"Name": "watchkeeper-delivery", "Value": "dlv_01"}])
    );
}

async fn failure(status: u16, kind: &'static str) -> (SendError, usize) {
    let ses = Ses::saying(status, kind, json!({"message": "words of SES"})).await;
    let channel = channel(&ses.url, AMPLE).await;
    let failed = channel.send(&mail(BYTES), &key(), &()).await;
    (failed.expect_err("not taken"), ses.seen().len())
}

#[tokio::test]
async fn what_is_wrong_with_the_message_is_refused_and_asked_once() {
    for kind in ["MessageRejected", "BadRequestException"] {
        let (error, asked) = failure(400, kind).await;
        assert!(
            matches!(&error, SendError::Refused { reason, .. } if reason.contains(kind) && reason.contains("words of SES")),
            "{error:?}"
        );
        assert_eq!(asked, 1, "only the outbox repeats");
    }
}

#[tokio::test]
async fn what_is_wrong_with_our_account_costs_no_customer_a_contact() {
    let cases = [
        (400, "AccountSuspendedException"),
        (400, "SendingPausedException"),
        (400, "MailFromDomainNotVerifiedException"),
        (400, "LimitExceededException"),
        (404, "NotFoundException"),
        (403, "AccessDeniedException"),
        (403, "UnrecognizedClientException"),
        (403, "ExpiredTokenException"),
        (429, "TooManyRequestsException"),
        (503, "ServiceUnavailable"),
        (500, "InternalServiceErrorException"),
    ];
    for (status, kind) in cases {
        let (error, asked) = failure(status, kind).await;
        let relay = matches!(
            &error,
            SendError::Retry {
                hindrance: Hindrance::Relay,
                ..
            }
        );
        assert!(relay, "{kind}: {error:?}");
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn what_nobody_knows_the_end_of_is_ambiguous() {
    let (error, _) = failure(502, "").await;
    assert!(matches!(error, SendError::Ambiguous { .. }), "{error:?}");
    let silent = Ses::start(vec![None]).await;
    let channel = channel(&silent.url, Duration::from_millis(300)).await;
    let error = channel
        .send(&mail(BYTES), &key(), &())
        .await
        .expect_err("no answer");
    assert!(matches!(error, SendError::Ambiguous { .. }), "{error:?}");
    assert_eq!(silent.seen().len(), 1);
    let nameless = Ses::saying(200, "", json!({})).await;
    let channel = self::channel(&nameless.url, AMPLE).await;
    let error = channel.send(&mail(BYTES), &key(), &()).await.expect_err("no id");
    assert!(matches!(error, SendError::Ambiguous { .. }), "{error:?}");
}

#[tokio::test]
async fn nothing_that_smtp_would_not_carry_goes_over_ses_either() {
    let ses = Ses::saying(200, "", json!({"MessageId": "x"})).await;
    let channel = channel(&ses.url, AMPLE).await;
    let error = channel
        .send(&mail(b"Subject: x\n\nbare\n"), &key(), &())
        .await
        .expect_err("bare LF");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    let topic = Message::Topic(watchkeeper_deliver::TopicMessage {
        topic_arn: "arn:aws:sns:eu-central-1:123456789012:pages".to_owned(),
        subject: "x".to_owned(),
        text: "x".to_owned(),
        drill: false,
    });
    let error = channel.send(&topic, &key(), &()).await.expect_err("a topic");
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    assert_eq!(ses.seen().len(), 0);
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_has_taken_nothing() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound").port()
    };
    let channel = channel(&format!("http://127.0.0.1:{port}"), AMPLE).await;
    let error = channel
        .send(&mail(BYTES), &key(), &())
        .await
        .expect_err("nobody listens");
    assert!(
        matches!(
            error,
            SendError::Retry {
                hindrance: Hindrance::Relay,
                ..
            }
        ),
        "{error:?}"
    );
}

fn entry(address: &str, reason: &str) -> Value {
    json!({"EmailAddress": address, "Reason": reason, "LastUpdateTime": 1_780_000_000.5})
}

#[tokio::test]
async fn the_suppression_list_is_read_to_its_end_and_case_makes_no_difference() {
    let pages = vec![
        Some((
            200,
            "",
            json!({"SuppressedDestinationSummaries": [entry("else@example.org", "BOUNCE"), entry("ada@example.org", "BOUNCE")], "NextToken": "n2"}),
        )),
        Some((
            200,
            "",
            json!({"SuppressedDestinationSummaries": [entry("BOB@example.org", "COMPLAINT")]}),
        )),
    ];
    let ses = Ses::start(pages).await;
    let channel = channel(&ses.url, AMPLE).await;
    let asked = [
        "bob@example.org",
        "eve@example.org",
        "Ada@example.org",
        "ada@example.org",
    ]
    .map(str::to_owned);
    let found = channel.suppressed(&asked).await.expect("a list");
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|entry| (entry.address.as_str(), entry.reason.as_str()))
        .collect();
    assert_eq!(
        found,
        [("bob@example.org", "COMPLAINT"), ("Ada@example.org", "BOUNCE")]
    );
    let seen = ses.seen();
    assert!(
        seen[0].path.starts_with("/v2/email/suppression/addresses"),
        "{seen:?}"
    );
    assert!(seen[1].path.contains("NextToken=n2"), "{seen:?}");
    assert!(channel.suppressed(&[]).await.expect("nothing asked").is_empty());
    assert_eq!(ses.seen().len(), 2, "nobody is asked for nothing");
}

#[tokio::test]
async fn a_suppression_list_that_cannot_be_read_is_said_so() {
    let ses = Ses::saying(403, "AccessDeniedException", json!({"message": "not yours"})).await;
    let channel = channel(&ses.url, AMPLE).await;
    let fault = channel
        .suppressed(&["a@example.org".to_owned()])
        .await
        .expect_err("denied");
    assert!(
        fault.to_string().contains("AccessDeniedException: not yours"),
        "{fault}"
    );
}

#[tokio::test]
async fn somebody_elses_ses_takes_it_once_the_sender_is_verified() {
    let moto = Moto::start().unwrap_or_else(|fault| panic!("{fault}"));
    let channel = channel(&moto.endpoint_url, AMPLE).await;
    let error = channel
        .send(&mail(BYTES), &key(), &())
        .await
        .expect_err("nobody verified the sender");
    assert!(
        matches!(&error, SendError::Refused { reason, .. } if reason.contains("MessageRejected")),
        "{error:?}"
    );
    let settings = aws_sdk_sesv2::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .endpoint_url(&moto.endpoint_url)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let operator = aws_sdk_sesv2::Client::from_conf(settings);
    let verified = operator
        .create_email_identity()
        .email_identity("watch@example.com");
    verified.send().await.expect("verified");
    let receipt = channel.send(&mail(BYTES), &key(), &()).await.expect("taken");
    assert!(!receipt.answer.is_empty());
}
