//! SES reports over SNS what became of a letter, up to the level of proof: a server of theirs has it, somebody complains, it bounces.

use super::bounces::{VICTIM, letter_to, told};
use super::contacts::one_letter_in_the_outbox;
use super::*;
use serde_json::{Value, json};
use watchkeeper_deliver::{OriginError, SesConfig, SnsOrigin};
use watchkeeper_domain::delivery::proof::{Level, proof_of_telling};
use watchkeeper_domain::id::DeliveryId;
use watchkeeper_domain::sns::{CertificateAddress, Confirmation};
use watchkeeper_respond::operations::bounces::Taken;
use watchkeeper_respond::operations::ses_events::SnsTaken;
use watchkeeper_stories::house::MailSetup;
use watchkeeper_testbed::sns::{Publication, Publisher};

const REPORTS: &str = "arn:aws:sns:eu-central-1:123456789012:ses";

/// SNS, as far as it is asked: it has a certificate.
#[derive(Debug)]
struct Origin(String);

#[async_trait::async_trait]
impl SnsOrigin for Origin {
    async fn certificate(&self, _: &CertificateAddress) -> Result<Vec<u8>, OriginError> {
        Ok(self.0.clone().into_bytes())
    }

    async fn confirm(&self, confirmation: &Confirmation) -> Result<(), OriginError> {
        panic!("nobody subscribes here: {confirmation:?}")
    }
}

/// What SES says of a message, signed by SNS and taken by the house.
async fn reported(
    house: &House,
    publisher: &Publisher,
    delivery: &DeliveryId,
    (kind, key, part): (&str, &str, Value),
) -> Taken {
    let event = json!({
        "eventType": kind,
        "mail": {"messageId": "0107", "tags": {"watchkeeper-delivery": [delivery]}},
        key: part,
    });
    let body = publisher.post(&Publication {
        kind: "Notification",
        topic: REPORTS,
        text: &event.to_string(),
        at: house.now(),
        version: "2",
    });
    let origin = Origin(publisher.certificate.clone());
    match house.desk().take_sns_message(&origin, body.as_bytes()).await {
        Ok(SnsTaken::Report(taken)) => taken,
        other => panic!("no report: {other:?}"),
    }
}

/// How many of the customers were told in time, by level of proof.
async fn in_time(house: &House, incident: &Incident) -> (u64, u64) {
    let proof = proof_of_telling(
        &house.obligations(incident).await,
        &house.deliveries(incident).await,
        &BTreeMap::new(),
        house.now(),
    );
    let of = |level: Level| {
        let share = proof.levels.iter().find(|share| share.level == level);
        share.expect("the level").in_time
    };
    (of(Level::Submitted), of(Level::RemoteAccepted))
}

async fn what_ses_reports_changes_what_can_be_proved(place: Place) {
    let setup = Setup {
        mail: MailSetup::with(|mail| {
            let ses = json!({"topics": [REPORTS], "access": {"region": "eu-central-1"}});
            let ses: SesConfig = serde_json::from_value(ses).expect("a configuration");
            watchkeeper::config::Mail {
                ses: Some(ses),
                ..mail
            }
        }),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    let publisher = Publisher::new(house.now() - Duration::days(1), house.now() + Duration::days(9));
    house.settle().await;
    let first = letter_to(&house, &incident, &VICTIM.security_contact()).await.id;
    assert_eq!(in_time(&house, &incident).await, (1, 0), "our relay took it");

    let arrived = (
        "Delivery",
        "delivery",
        json!({"smtpResponse": "250 2.6.0 Message received", "recipients": [VICTIM.security_contact()]}),
    );
    assert_eq!(
        reported(&house, &publisher, &first, arrived.clone()).await,
        Taken::RemoteAccepted
    );
    assert_eq!(in_time(&house, &incident).await, (1, 1), "and a server of theirs");
    let complaint = (
        "Complaint",
        "complaint",
        json!({"complaintFeedbackType": "abuse"}),
    );
    assert_eq!(
        reported(&house, &publisher, &first, complaint).await,
        Taken::Complained
    );
    assert_eq!(
        in_time(&house, &incident).await,
        (1, 1),
        "who complains about it has it"
    );
    assert!(told(&house, &incident).await.is_some());

    // It is turned away inside after all.
    let bounce = (
        "Bounce",
        "bounce",
        json!({"bounceType": "Permanent", "bounceSubType": "General",
            "bouncedRecipients": [{"status": "5.1.1", "diagnosticCode": "smtp; 550 nobody here"}]}),
    );
    let bounced = reported(&house, &publisher, &first, bounce.clone()).await;
    assert_eq!(bounced, Taken::Bounced);
    assert_eq!(
        in_time(&house, &incident).await,
        (0, 0),
        "it proves nothing any more"
    );
    assert_eq!(told(&house, &incident).await, None);
    let again = reported(&house, &publisher, &first, bounce).await;
    assert_eq!(again, Taken::Repeated, "SNS delivers at least once");
    house.settle().await;
    let second = letter_to(&house, &incident, &VICTIM.legal_contact()).await.id;
    assert_eq!(in_time(&house, &incident).await, (1, 0), "the next contact's");
    let taken = reported(&house, &publisher, &second, arrived).await;
    assert_eq!(taken, Taken::RemoteAccepted);
    assert_eq!(in_time(&house, &incident).await, (1, 1));
    assert!(told(&house, &incident).await.is_some());
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ses_reports_changes_what_can_be_proved_on_sqlite() {
    what_ses_reports_changes_what_can_be_proved(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ses_reports_changes_what_can_be_proved_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_ses_reports_changes_what_can_be_proved(place).await;
    }
}
