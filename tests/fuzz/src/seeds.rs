//! Seeds, read from the folder `detectors` and from `docs/detectors.md` when a target starts.

use serde::Deserialize;
use serde_yaml_ng::{Deserializer, Value};
use std::path::Path;

/// The text of every rule file that ships, and the examples of the documentation, which show every kind.
pub fn rules() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("docs/detectors.md")).expect("the page on detectors stands in docs");
    let examples = page.split("```yaml\n").skip(1);
    let mut texts: Vec<String> = examples.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect();
    let mut files = Vec::new();
    let mut folders = vec![top.join("detectors")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder detectors stands at the top of the repository") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    texts.extend(files.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    texts
}

/// The events of the tests that they carry, as JSON.
pub fn events() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key == "fields" && value.is_mapping() {
            found.extend(serde_json::to_string(value).ok());
        }
    });
    found
}

/// The regular expressions of their selections.
pub fn regexes() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key.split('|').any(|modifier| modifier == "re") {
            match value {
                Value::String(text) => found.push(text.clone()),
                Value::Sequence(items) => found.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned))),
                _ => {}
            }
        }
    });
    found
}

fn visit_all(seen: &mut impl FnMut(&str, &Value)) {
    for text in rules() {
        for document in Deserializer::from_str(&text) {
            if let Ok(value) = Value::deserialize(document) {
                visit(&value, seen);
            }
        }
    }
}

fn visit(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                seen(key.as_str().unwrap_or_default(), value);
                visit(value, seen);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| visit(item, seen)),
        _ => {}
    }
}

/// Reports as the mail server of the tests writes them, and a mail that is none.
pub fn reports() -> Vec<String> {
    let mut texts = Vec::new();
    for (action, status) in [("failed", "5.1.1"), ("delayed", "4.4.1"), ("delivered", "2.0.0")] {
        texts.push(format!(
            "Return-Path: <>\r\nDelivered-To: <b+dlv_1.00@bounces.example.com>\r\nFrom: MAILER-DAEMON@relay.example (Mail Delivery System)\r\nSubject: Undelivered\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system.\r\n\r\n\
             --b\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\
             X-Postfix-Queue-ID: 8982FB4E930\r\nArrival-Date: Mon,  1 Jun 2026 12:00:00 +0000 (UTC)\r\n\r\nFinal-Recipient: rfc822; x@example.com\r\n\
             Original-Recipient: rfc822;x@example.com\r\nAction: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; mx.example\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <x@example.com>:\r\n    no such user\r\n\r\n\
             --b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: =?utf-8?B?w4k=?=\r\n\r\n--b--\r\n"
        ));
    }
    texts.push("From: Ada <ada@example.org>\r\nTo: b@example.com, \"C, D\" <c@example.com>\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n".into());
    texts
}

/// Messages as SNS posts them, and events of SES as they lie within.
pub fn sns() -> Vec<String> {
    let topic = "arn:aws:sns:eu-central-1:123456789012:ses";
    let common = format!(
        r#""MessageId":"165545c9","TopicArn":"{topic}","Timestamp":"2026-05-28T20:26:00.000Z","SignatureVersion":"2","Signature":"AAAA","SigningCertURL":"https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b.pem""#
    );
    let mail = r#""mail":{"messageId":"0100","destination":["x@example.com"],"headers":[{"name":"Message-ID","value":"<dlv_0123456789abcdef0123456789@example.com>"}],"tags":{"watchkeeper-delivery":["dlv_0123456789abcdef0123456789"]}}"#;
    vec![
        format!(r#"{{"Type":"Notification","Subject":"s","Message":"{{}}",{common}}}"#),
        format!(r#"{{"Type":"SubscriptionConfirmation","Token":"2336","Message":"m","SubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",{common}}}"#),
        format!(r#"{{"eventType":"Bounce",{mail},"bounce":{{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{{"status":"5.1.1","diagnosticCode":"smtp; 550"}}],"reportingMTA":"dns; a.example"}}}}"#),
        format!(r#"{{"notificationType":"Complaint",{mail},"complaint":{{"complaintFeedbackType":"abuse","userAgent":"x"}}}}"#),
        format!(r#"{{"eventType":"Delivery",{mail},"delivery":{{"smtpResponse":"250 ok","remoteMtaIp":"192.0.2.1","reportingMTA":"a.example"}}}}"#),
        format!(r#"{{"eventType":"DeliveryDelay",{mail},"deliveryDelay":{{"delayType":"MailboxFull","delayedRecipients":[{{"status":"4.2.2","diagnosticCode":"452"}}]}}}}"#),
        format!(r#"{{"eventType":"Reject",{mail},"reject":{{"reason":"Bad content"}}}}"#),
    ]
}
