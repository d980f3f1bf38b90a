//! Reports of mail servers, read whatever comes in.

use proptest::prelude::*;
use watchkeeper_deliver::bounce::{NotAReport, addressees, read_report};
use watchkeeper_domain::delivery::report::Action;

/// As Postfix 3.7 writes it, with its notification shortened.
const POSTFIX: &str = "Return-Path: <>\r
Received: by relay.example (Postfix)\r
\tid 1C2; Mon,  1 Jun 2026 12:00:00 +0000 (UTC)\r
From: MAILER-DAEMON@relay.example (Mail Delivery System)\r
Subject: Undelivered Mail Returned to Sender\r
To: b+dlv_1.aa@bounces.example.com\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status;\r
\tboundary=\"F1.1/relay.example\"\r
Content-Transfer-Encoding: 8bit\r
\r
This is a MIME-encapsulated message.\r
\r
--F1.1/relay.example\r
Content-Description: Notification\r
Content-Type: text/plain; charset=utf-8\r
\r
This is the mail system at host relay.example.\r
\r
--F1.1/relay.example\r
Content-Description: Delivery report\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; relay.example\r
Original-Envelope-Id: dlv_1\r
X-Postfix-Queue-ID: 1C1\r
Arrival-Date: Mon,  1 Jun 2026 12:00:00 +0000 (UTC)\r
\r
Final-Recipient: rfc822; nobody@example.org\r
Original-Recipient: rfc822;nobody@example.org\r
Action: failed\r
Status: 5.1.1\r
Remote-MTA: dns; mx.example.org\r
Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>: Recipient address\r
    rejected: User unknown\r
\r
--F1.1/relay.example\r
Content-Description: Undelivered Message Headers\r
Content-Type: text/rfc822-headers\r
\r
Subject: what was sent\r
\r
--F1.1/relay.example--\r
";

#[test]
fn a_report_says_action_status_server_and_its_words() {
    for text in [POSTFIX.to_owned(), POSTFIX.replace("\r\n", "\n")] {
        let report = read_report(text.as_bytes()).unwrap();
        assert_eq!(
            (report.action, report.status.to_string().as_str()),
            (Action::Failed, "5.1.1")
        );
        assert_eq!(report.remote_mta.as_deref(), Some("mx.example.org"));
        assert_eq!(report.reporting_mta.as_deref(), Some("relay.example"));
        assert_eq!(
            report.diagnostic.as_deref(),
            Some("550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown")
        );
        assert_eq!(addressees(text.as_bytes()), ["b+dlv_1.aa@bounces.example.com"]);
    }
}

#[test]
fn every_action_is_read_and_a_missing_status_follows_from_it() {
    for (action, status) in [
        ("Failed", "5.0.0"),
        ("delayed", "4.0.0"),
        ("DELIVERED", "2.0.0"),
        ("relayed", "2.0.0"),
        ("expanded", "2.0.0"),
    ] {
        let text = POSTFIX
            .replace("Action: failed", &format!("Action: {action} (as we say)"))
            .replace("Status: 5.1.1\r\n", "");
        let report = read_report(text.as_bytes()).unwrap();
        assert_eq!(report.action.name(), action.to_ascii_lowercase());
        assert_eq!(report.status.to_string(), status);
    }
}

#[test]
fn of_several_recipients_behind_an_alias_the_best_counts() {
    let second = "Final-Recipient: rfc822; ada@example.org\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; nobody";
    let text = POSTFIX.replacen("Final-Recipient: rfc822; nobody", second, 1);
    assert_eq!(read_report(text.as_bytes()).unwrap().action, Action::Delivered);
}

#[test]
fn what_is_no_report_is_not_taken_for_one() {
    for text in [
        "Subject: I am away\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "",
        "Content-Type: text/plain\r\n\r\n",
    ] {
        assert_eq!(
            read_report(text.as_bytes()),
            Err(NotAReport::SomethingElse),
            "{text}"
        );
    }
    for (was, is) in [("Action: failed", "Action: exploded"), ("Action: failed", "X: y")] {
        let text = POSTFIX.replace(was, is);
        assert_eq!(read_report(text.as_bytes()), Err(NotAReport::NoRecipient), "{is}");
    }
}

#[test]
fn texts_of_a_report_are_one_bounded_line_each() {
    let long = format!("Diagnostic-Code: smtp; 550 \u{7}{}", "no ".repeat(100_000));
    let text = POSTFIX.replace("Diagnostic-Code: smtp; 550 5.1.1", &long);
    let report = read_report(text.as_bytes()).unwrap();
    let words = report.diagnostic.unwrap();
    assert!(
        words.chars().count() <= 1000 && !words.contains(char::is_control),
        "{words}"
    );
}

proptest! {
    #[test]
    fn no_bytes_break_the_reading(at in 0..POSTFIX.len(), cut in 0..40_usize, put in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = POSTFIX.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        if let Ok(report) = read_report(&bytes) {
            prop_assert!(report.line().len() < 10_000);
        }
        prop_assert!(addressees(&bytes).len() <= 100);
    }
}
