//! Messages of SNS, signed by somebody who knows nothing of ours: what is believed, and what is not.

use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::sns::{Envelope, SnsFault, SnsMessage, TopicArn};
use watchkeeper_testbed::sns::{Publication, Publisher};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:ses";

fn noon() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn publisher() -> Publisher {
    Publisher::new(noon() - Duration::days(30), noon() + Duration::days(30))
}

fn notification(version: &str) -> Publication<'_> {
    Publication {
        kind: "Notification",
        topic: TOPIC,
        text: "{\"eventType\":\"Délivery\"}\n",
        at: noon(),
        version,
    }
}

fn read(body: &str, certificate: &str, now: DateTime<Utc>) -> Result<SnsMessage, SnsFault> {
    let topics: Vec<TopicArn> = vec![TOPIC.parse().unwrap()];
    Envelope::read(body.as_bytes())?.believed(&topics, certificate.as_bytes(), now)
}

#[test]
fn what_sns_signed_is_believed_with_either_digest() {
    let publisher = publisher();
    for version in ["1", "2"] {
        let body = publisher.post(&notification(version));
        let text = notification(version).text.to_owned();
        assert_eq!(
            read(&body, &publisher.certificate, noon()),
            Ok(SnsMessage::Notification(text)),
            "version {version}"
        );
    }
}

#[test]
fn a_subscription_is_confirmed_at_the_topics_own_sns_whatever_the_message_says() {
    let publisher = publisher();
    let asks = Publication {
        kind: "SubscriptionConfirmation",
        ..notification("1")
    };
    let body = publisher.post(&asks);
    let Ok(SnsMessage::Confirm(confirmation)) = read(&body, &publisher.certificate, noon()) else {
        panic!("{body}");
    };
    assert_eq!(
        confirmation.as_str(),
        format!(
            "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}\
             &Token=2336412f37fb687f5d51e6e241d09c805a5a57b3"
        )
    );
    let ends = Publication {
        kind: "UnsubscribeConfirmation",
        ..notification("2")
    };
    let body = publisher.post(&ends);
    assert_eq!(
        read(&body, &publisher.certificate, noon()),
        Ok(SnsMessage::Unsubscribed)
    );
}

#[test]
fn one_changed_field_is_not_believed() {
    let publisher = publisher();
    let body = publisher.post(&notification("2"));
    let fields: serde_json::Value = serde_json::from_str(&body).unwrap();
    for (field, value) in [
        ("Message", "{}"),
        ("MessageId", "x"),
        ("Subject", "x"),
        ("Timestamp", "2026-06-01T12:00:01.000Z"),
        ("SignatureVersion", "1"),
        ("Signature", "AAAA"),
    ] {
        let mut changed = fields.clone();
        changed[field] = value.into();
        assert_eq!(
            read(&changed.to_string(), &publisher.certificate, noon()),
            Err(SnsFault::Signature),
            "{field}"
        );
    }
    let another = Publisher::new(noon() - Duration::days(1), noon() + Duration::days(1));
    assert_eq!(
        read(&body, &another.certificate, noon()),
        Err(SnsFault::Signature)
    );
    // What is only signed as a notification is no confirmation.
    let mut changed = fields;
    changed["Type"] = "SubscriptionConfirmation".into();
    changed["Token"] = "abc".into();
    changed["SubscribeURL"] = "https://sns.eu-central-1.amazonaws.com/".into();
    assert_eq!(
        read(&changed.to_string(), &publisher.certificate, noon()),
        Err(SnsFault::Signature)
    );
}

#[test]
fn what_is_kept_back_for_long_or_is_of_a_stranger_is_not_believed() {
    let publisher = publisher();
    let body = publisher.post(&notification("2"));
    let at = |now| read(&body, &publisher.certificate, now);
    assert!(at(noon() + Duration::minutes(119)).is_ok());
    assert_eq!(at(noon() + Duration::minutes(121)), Err(SnsFault::Stale(noon())));
    assert_eq!(at(noon() - Duration::minutes(16)), Err(SnsFault::Stale(noon())));
    let other = "arn:aws:sns:eu-central-1:123456789012:other";
    let body = publisher.post(&Publication {
        topic: other,
        ..notification("2")
    });
    assert_eq!(
        read(&body, &publisher.certificate, noon()),
        Err(SnsFault::Stranger(other.to_owned()))
    );
}

#[test]
fn a_certificate_that_is_not_valid_now_or_none_at_all_proves_nothing() {
    let old = Publisher::new(noon() - Duration::days(30), noon() - Duration::days(1));
    let body = old.post(&notification("2"));
    for certificate in [
        old.certificate.as_str(),
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(
            matches!(read(&body, certificate, noon()), Err(SnsFault::Certificate(_))),
            "{certificate}"
        );
    }
}

#[test]
fn a_certificate_is_looked_for_at_sns_in_the_topics_region_and_nowhere_else() {
    let publisher = publisher();
    let fields: serde_json::Value = serde_json::from_str(&publisher.post(&notification("2"))).unwrap();
    for address in [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-central-1.amazonaws.com.example.org/a.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-central-1.amazonaws.com@example.org/a.pem",
        "https://user@sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.eu-central-1.amazonaws.com/../a.pem",
        "https://sns.eu-central-1.amazonaws.com/a/b.pem",
        "https://sns.eu-central-1.amazonaws.com/.pem",
        "https://sns.eu-central-1.amazonaws.com/a.txt",
        "https://127.0.0.1/a.pem",
        "file:///etc/passwd.pem",
        "",
    ] {
        let mut changed = fields.clone();
        changed["SigningCertURL"] = address.into();
        assert_eq!(
            Envelope::read(changed.to_string().as_bytes()).err(),
            Some(SnsFault::CertificateAddress),
            "{address}"
        );
    }
}

#[test]
fn what_is_no_message_of_sns_is_malformed() {
    let publisher = publisher();
    let fields: serde_json::Value = serde_json::from_str(&publisher.post(&notification("2"))).unwrap();
    for (field, value) in [
        ("TopicArn", "arn:aws:sqs:eu-central-1:123456789012:x"),
        ("TopicArn", "arn:aws:sns:evil.example/:123456789012:x"),
        ("Timestamp", "yesterday"),
        ("Signature", "!"),
        ("SignatureVersion", "3"),
    ] {
        let mut changed = fields.clone();
        changed[field] = value.into();
        let fault = Envelope::read(changed.to_string().as_bytes()).err();
        assert!(
            matches!(fault, Some(SnsFault::Malformed(_))),
            "{field}: {fault:?}"
        );
    }
    let mut odd = fields;
    odd["Type"] = "Greeting".into();
    assert!(matches!(
        read(&odd.to_string(), &publisher.certificate, noon()),
        Err(SnsFault::Malformed(_))
    ));
    for text in ["", "{}", "[]", "x"] {
        assert!(matches!(
            Envelope::read(text.as_bytes()).err(),
            Some(SnsFault::Malformed(_))
        ));
    }
}
