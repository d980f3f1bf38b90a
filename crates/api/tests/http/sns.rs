//! What SES reports over SNS: believed where SNS signed it, about our messages and nobody else's.

use crate::support::{Place, SES_TOPIC, Visitor, kinds_of, start};
use async_trait::async_trait;
use chrono::Duration;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use watchkeeper_deliver::{OriginError, SnsOrigin};
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::sns::{CertificateAddress, Confirmation};
use watchkeeper_testbed::sns::{Publication, Publisher};

/// SNS, as far as it is asked.
#[derive(Debug)]
struct Origin {
    certificate: String,
    asked: Mutex<Vec<String>>,
}

impl Origin {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }

    fn note(&self, address: &str) {
        self.asked.lock().expect("nobody panics").push(address.to_owned());
    }
}

#[async_trait]
impl SnsOrigin for Origin {
    async fn certificate(&self, address: &CertificateAddress) -> Result<Vec<u8>, OriginError> {
        self.note(address.as_str());
        Ok(self.certificate.clone().into_bytes())
    }

    async fn confirm(&self, confirmation: &Confirmation) -> Result<(), OriginError> {
        self.note(confirmation.as_str());
        Ok(())
    }
}

struct Ses {
    place: Place,
    publisher: Publisher,
    origin: Arc<Origin>,
}

impl Ses {
    async fn open() -> Self {
        let publisher = Publisher::new(start() - Duration::days(1), start() + Duration::days(1));
        let origin = Arc::new(Origin {
            certificate: publisher.certificate.clone(),
            asked: Mutex::default(),
        });
        let place = Place::open().await;
        let mut state = place.state.clone();
        state.sns = origin.clone();
        Self {
            place: place.rebuilt(state),
            publisher,
            origin,
        }
    }

    fn signed(&self, kind: &str, topic: &str, text: &str) -> String {
        self.publisher.post(&Publication {
            kind,
            topic,
            text,
            at: start(),
            version: "2",
        })
    }

    async fn post(&self, body: &str, status: u16) -> Value {
        // As SNS does: text/plain, and nobody who is signed in.
        let sns = Visitor::default().with("content-type", "text/plain; charset=UTF-8");
        let answer = self.place.send(&sns, "POST", "/sns/ses", body.to_owned()).await;
        answer.expect(status)
    }

    async fn report(&self, event: &Value) -> Value {
        let body = self.signed("Notification", SES_TOPIC, &event.to_string());
        self.post(&body, 200).await["taken"].clone()
    }
}

fn event(delivery: &str, kind: &str, part: &Value) -> Value {
    let key = if kind == "Bounce" { "bounce" } else { "complaint" };
    json!({"eventType": kind, "mail": {"messageId": "0107", "tags": {"watchkeeper-delivery": [delivery]}}, key: part})
}

#[tokio::test]
async fn a_bounce_that_ses_reports_is_kept_with_its_message() {
    let ses = Ses::open().await;
    ses.place.account("oncall", &[AccessRole::Responder]).await;
    let ann = ses
        .place
        .person("ann", &[AccessRole::Responder, AccessRole::Commander])
        .await;
    let incident = ses.place.incident(&ann, "Odd downloads").await;
    let id = incident["incident"]["id"].as_str().expect("an id");
    let path = format!("/api/v1/incidents/{id}/deliveries");
    let page = ses.place.get(&ann, &path).await.expect(200)["items"][0].clone();
    let delivery = page["id"].as_str().expect("an id");

    let complaint = event(delivery, "Complaint", &json!({"complaintFeedbackType": "abuse"}));
    assert_eq!(ses.report(&complaint).await, "complained");
    let bounce = json!({"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [{"status": "5.1.1", "diagnosticCode": "smtp; 550 nobody"}]});
    let bounce = event(delivery, "Bounce", &bounce);
    assert_eq!(ses.report(&bounce).await, "bounced");
    assert_eq!(
        ses.report(&bounce).await,
        "repeated",
        "SNS delivers at least once"
    );
    let detail = ses
        .place
        .get(&ann, &format!("/api/v1/deliveries/{delivery}"))
        .await
        .expect(200);
    assert_eq!(
        (&detail["state"], &detail["status"]),
        (&json!("bounced"), &json!("5.1.1"))
    );
    let kept: Vec<&Value> = detail["reports"]
        .as_array()
        .expect("reports")
        .iter()
        .map(|report| &report["effect"])
        .collect();
    assert_eq!(kept, ["complained", "bounced"]);

    let strange = event("dlv_00000000000000000000000000", "Bounce", &json!({}));
    assert_eq!(ses.report(&strange).await, "unknown");
    let nameless = json!({"eventType": "Bounce", "mail": {}, "bounce": {}});
    assert_eq!(ses.report(&nameless).await, "unknown");
    let sent = json!({"eventType": "Send", "mail": {}, "send": {}});
    assert_eq!(ses.report(&sent).await, "nothing");
    let words = ses.signed("Notification", SES_TOPIC, "Successfully validated SNS topic");
    assert_eq!(ses.post(&words, 200).await["taken"], "not_a_report");
    let tallies = ses.place.get(&ann, "/api/v1/bounces").await.expect(200);
    assert_eq!(kinds_of(&tallies), ["not_a_report", "repeated", "unknown"]);
}

#[tokio::test]
async fn a_subscription_is_confirmed_for_topics_that_are_configured_and_no_others() {
    let ses = Ses::open().await;
    let asks = ses.signed(
        "SubscriptionConfirmation",
        SES_TOPIC,
        "You have chosen to subscribe",
    );
    assert_eq!(ses.post(&asks, 200).await["taken"], "confirmed");
    let asked = ses.origin.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].starts_with(
        "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:"
    ));
    let other = "arn:aws:sns:eu-central-1:999999999999:ses";
    let asks = ses.signed("SubscriptionConfirmation", other, "You have chosen to subscribe");
    ses.post(&asks, 403).await;
    assert_eq!(
        ses.origin.asked().len(),
        2,
        "nobody is asked anything for a stranger"
    );
}

#[tokio::test]
async fn what_sns_did_not_sign_changes_nothing() {
    let ses = Ses::open().await;
    let bounce = event("dlv_00000000000000000000000000", "Bounce", &json!({}));
    let body = ses.signed("Notification", SES_TOPIC, &bounce.to_string());
    ses.post(
        &body.replace("Permanent", "permanent").replace("Bounce", "bounce"),
        403,
    )
    .await;
    ses.place.advance(Duration::hours(3));
    ses.post(&body, 403).await;
    ses.post("{}", 422).await;
    ses.post("not JSON", 422).await;
    let elsewhere = body.replace(
        "https://sns.eu-central-1.amazonaws.com/Simple",
        "https://example.org/Simple",
    );
    ses.post(&elsewhere, 403).await;
    let tx = ses.place.desk.store().read().await;
    let tallies = tx
        .expect("a transaction")
        .bounce_tallies()
        .await
        .expect("tallies");
    assert_eq!(tallies, []);
}
