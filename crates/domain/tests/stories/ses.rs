//! Events of Amazon SES, as its developer guide shows them, and what they say about our message.

use serde_json::{Value, json};
use watchkeeper_domain::delivery::report::Action;
use watchkeeper_domain::delivery::ses::SesEvent;
use watchkeeper_domain::id::DeliveryId;

fn ours() -> DeliveryId {
    DeliveryId::derived(&["ses"])
}

/// An event of this kind about our message.
fn event(kind: &str, key: &str, body: &Value) -> Value {
    json!({
        "eventType": kind,
        "mail": {
            "timestamp": "2026-06-01T12:00:00.000Z",
            "source": "Watchkeeper <watch@example.com>",
            "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
            "destination": ["recipient@example.com"],
            "headersTruncated": false,
            "headers": [
                {"name": "From", "value": "watch@example.com"},
                {"name": "Message-ID", "value": format!("<{}@example.com>", ours())},
            ],
            "commonHeaders": {"subject": "Notice"},
            "tags": {"ses:configuration-set": ["notices"], "watchkeeper-delivery": [ours().to_string()]},
        },
        key: body,
    })
}

fn read(event: &Value) -> (Action, String) {
    let event = SesEvent::read(&event.to_string()).expect("an event");
    assert_eq!(event.delivery, Some(ours()));
    let report = event.report.expect("a report");
    (report.action, report.line())
}

#[test]
fn a_bounce_is_a_failure_whether_it_is_called_permanent_or_not() {
    let bounce = |kind: &str, recipient: Value| {
        let body = json!({
            "feedbackId": "01000157c44f053b", "bounceType": kind, "bounceSubType": "General", "timestamp": "2026-06-01T12:00:01.000Z",
            "bouncedRecipients": [recipient], "reportingMTA": "dsn; mta.example.com", "remoteMtaIp": "192.0.2.25",
        });
        event("Bounce", "bounce", &body)
    };
    let told = json!({"emailAddress": "recipient@example.com", "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"});
    assert_eq!(
        read(&bounce("Permanent", told)),
        (
            Action::Failed,
            "failed, 5.1.1, 192.0.2.25: smtp; 550 5.1.1 user unknown".to_owned()
        )
    );
    let bare = || json!({"emailAddress": "recipient@example.com"});
    for (kind, status) in [
        ("Permanent", "5.0.0"),
        ("Undetermined", "5.0.0"),
        ("Transient", "4.0.0"),
    ] {
        let said = format!("failed, {status}, 192.0.2.25: {kind} bounce, General");
        assert_eq!(read(&bounce(kind, bare())), (Action::Failed, said));
    }
}

#[test]
fn a_delivery_a_delay_a_complaint_and_a_rejection_are_told_apart() {
    let delivered = json!({"processingTimeMillis": 3000, "recipients": ["recipient@example.com"], "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "mta.example.com", "remoteMtaIp": "192.0.2.25"});
    assert_eq!(
        read(&event("Delivery", "delivery", &delivered)),
        (
            Action::Relayed,
            "relayed, 2.0.0, 192.0.2.25: 250 2.6.0 Message received".to_owned()
        )
    );
    let delay = json!({"delayType": "TransientCommunicationFailure", "expirationTime": "2026-06-02T00:00:00.000Z",
        "delayedRecipients": [{"emailAddress": "recipient@example.com", "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Unable to connect"}]});
    assert_eq!(
        read(&event("DeliveryDelay", "deliveryDelay", &delay)),
        (
            Action::Delayed,
            "delayed, 4.4.1: smtp; 421 4.4.1 Unable to connect".to_owned()
        )
    );
    let complaint = json!({"complainedRecipients": [{"emailAddress": "recipient@example.com"}], "complaintFeedbackType": "abuse",
        "userAgent": "ExampleCorp Feedback Loop (V0.01)"});
    assert_eq!(
        read(&event("Complaint", "complaint", &complaint)),
        (
            Action::Complained,
            "complained, 2.0.0: abuse, ExampleCorp Feedback Loop (V0.01)".to_owned()
        )
    );
    let reject = json!({"reason": "Bad content"});
    assert_eq!(
        read(&event("Reject", "reject", &reject)),
        (Action::Failed, "failed, 5.7.0: Bad content".to_owned())
    );
}

#[test]
fn a_message_is_known_by_its_tag_by_its_header_or_not_at_all() {
    let mut plain = event("Delivery", "delivery", &json!({}));
    let by = |event: &Value| SesEvent::read(&event.to_string()).expect("an event").delivery;
    plain["mail"]["tags"] = json!({});
    assert_eq!(by(&plain), Some(ours()));
    plain["mail"]["headers"] = json!([{"name": "Message-ID", "value": "<CA+x@mail.example.org>"}]);
    assert_eq!(by(&plain), None);
    plain["mail"] = json!({"messageId": "x"});
    assert_eq!(by(&plain), None);
}

#[test]
fn notifications_of_an_identity_say_the_same_in_another_word() {
    let mut plain = event(
        "Bounce",
        "bounce",
        &json!({"bounceType": "Permanent", "bouncedRecipients": []}),
    );
    let fields = plain.as_object_mut().expect("an object");
    let kind = fields.remove("eventType").expect("a kind");
    fields.insert("notificationType".to_owned(), kind);
    assert_eq!(read(&plain).0, Action::Failed);
}

#[test]
fn what_changes_nothing_is_no_report_and_what_lacks_its_part_is_no_event() {
    for kind in ["Send", "Open", "Click", "Subscription", "Rendering Failure"] {
        let event = SesEvent::read(&event(kind, "send", &json!({})).to_string()).expect("an event");
        assert_eq!(event.report, None, "{kind}");
    }
    for kind in ["Bounce", "Complaint", "Delivery", "DeliveryDelay", "Reject"] {
        SesEvent::read(&event(kind, "send", &json!({})).to_string()).expect_err(kind);
    }
    for text in [
        "",
        "{}",
        "Successfully validated SNS topic for Amazon SES event publishing.",
    ] {
        SesEvent::read(text).expect_err(text);
    }
}

#[test]
fn what_a_stranger_wrote_is_one_bounded_line() {
    let long = format!("550 \u{7}\r\n{}", "no ".repeat(10_000));
    let bounce = json!({"bounceType": "Permanent", "bounceSubType": "x", "bouncedRecipients": [{"diagnosticCode": long}]});
    let (_, line) = read(&event("Bounce", "bounce", &bounce));
    assert!(line.len() < 1_100 && !line.contains(char::is_control), "{line}");
}
