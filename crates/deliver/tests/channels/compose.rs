//! Composing: the same draft gives the same bytes, nothing gets into the headers, and what was written can be read again.

use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use watchkeeper_deliver::{MailDraft, Party, compose, one_line, parse_received};

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 6, 14, 20, 5).unwrap()
}

fn draft() -> MailDraft {
    MailDraft {
        from: Party::named("Watchkeeper", "watch@example.com"),
        to: Party::named("Ada Lovelace", "ada@example.org"),
        subject: "Notice INC-7".to_owned(),
        text: "Hello,\nsomething happened.\n".to_owned(),
        html: Some("<p>Hello, something happened.</p>".to_owned()),
        message_id: "ntc_01J.1@example.com".to_owned(),
        date: at(),
        headers: vec![
            ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
            ("X-Watchkeeper-Reference".to_owned(), "INC-7".to_owned()),
        ],
    }
}

fn faults(draft: &MailDraft) -> Vec<String> {
    compose(draft)
        .unwrap_err()
        .0
        .into_iter()
        .map(|fault| fault.field)
        .collect()
}

#[test]
fn a_notice_is_the_message_it_should_be_byte_for_byte() {
    let frozen = compose(&draft()).unwrap();
    let text = String::from_utf8(frozen.bytes).unwrap();
    let boundary = text
        .split("boundary=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let expected = [
        "Date: Fri, 06 Mar 2026 14:20:05 +0000",
        "From: Watchkeeper <watch@example.com>",
        "To: \"Ada Lovelace\" <ada@example.org>",
        "Subject: Notice INC-7",
        "Message-ID: <ntc_01J.1@example.com>",
        "Auto-Submitted: auto-generated",
        "X-Watchkeeper-Reference: INC-7",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        &format!(" boundary=\"{boundary}\""),
        "",
        &format!("--{boundary}"),
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "Hello,",
        "something happened.",
        "",
        &format!("--{boundary}"),
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "<p>Hello, something happened.</p>",
        &format!("--{boundary}--"),
        "",
    ];
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines, expected, "{text}");
    assert_eq!(frozen.message_id, "<ntc_01J.1@example.com>");
}

#[test]
fn what_was_written_is_read_again() {
    let mut draft = draft();
    draft.subject = "Größere Störung – 重要なお知らせ, bitte lesen: a subject that is long enough to be folded into two lines".to_owned();
    draft.from.name = Some("Wächter, \"Nacht\" (Köln)".to_owned());
    draft.text = format!(
        "Liebe Kundin,\n.\n..\nFrom here\n{}\ntrailing \nend",
        "ü".repeat(500)
    );
    draft.html = Some(format!("<p>{}</p>", "long ".repeat(400)));
    let mail = parse_received(&compose(&draft).unwrap().bytes).unwrap();
    assert_eq!(mail.subject, draft.subject);
    assert_eq!(mail.from, "Wächter, \"Nacht\" (Köln) <watch@example.com>");
    assert_eq!(mail.to, ["Ada Lovelace <ada@example.org>"]);
    assert_eq!(mail.text.unwrap().replace("\r\n", "\n"), draft.text);
    assert_eq!(mail.html.unwrap().replace("\r\n", "\n"), draft.html.unwrap());
    assert_eq!(mail.date, Some(at()));
    assert_eq!(mail.message_id.as_deref(), Some("<ntc_01J.1@example.com>"));
}

#[test]
fn without_html_there_is_one_part_and_none_is_made_up() {
    let mut draft = draft();
    draft.html = None;
    let frozen = compose(&draft).unwrap();
    assert!(!String::from_utf8_lossy(&frozen.bytes).contains("multipart"));
    let mail = parse_received(&frozen.bytes).unwrap();
    assert_eq!(mail.html, None);
    assert!(mail.text.unwrap().starts_with("Hello,"));
}

/// Writes a text into one place of a draft.
type Spoil = fn(&mut MailDraft, String);

#[test]
fn a_line_break_can_reach_no_header() {
    for evil in [
        "x\r\nBcc: evil@example.net",
        "x\nBcc: evil@example.net",
        "x\rBcc: evil",
        "x\u{0}y",
        "x\u{85}y",
        "x\u{2028}y",
        "\u{7f}",
    ] {
        let set: [(&str, Spoil); 8] = [
            ("subject", |d, v| d.subject = v),
            ("from name", |d, v| d.from.name = Some(v)),
            ("to name", |d, v| d.to.name = Some(v)),
            ("from address", |d, v| d.from.address = v),
            ("to address", |d, v| d.to.address = v),
            ("message_id", |d, v| d.message_id = v),
            ("header X-Watchkeeper-Reference", |d, v| d.headers[1].1 = v),
            ("header", |d, v| d.headers[1].0 = v),
        ];
        for (field, apply) in set {
            let mut draft = draft();
            apply(&mut draft, evil.to_owned());
            let found = faults(&draft);
            assert_eq!(found.len(), 1, "{field} {evil:?}: {found:?}");
            assert!(found[0].starts_with(field), "{field} {evil:?}: {found:?}");
        }
    }
}

#[test]
fn all_faults_of_a_draft_come_at_once() {
    let mut draft = draft();
    draft.from.address = "nobody".to_owned();
    draft.to.address = "jürgen@example.org".to_owned();
    draft.subject = "a\nb".to_owned();
    draft.message_id = "two words@example.com".to_owned();
    draft.headers = vec![
        ("Bcc".to_owned(), "evil@example.net".to_owned()),
        ("content-type".to_owned(), "text/evil".to_owned()),
        ("X-One".to_owned(), "1".to_owned()),
        ("x-one".to_owned(), "2".to_owned()),
        ("bad name".to_owned(), "1".to_owned()),
    ];
    assert_eq!(
        faults(&draft),
        [
            "from address",
            "to address",
            "message_id",
            "subject",
            "header Bcc",
            "header content-type",
            "header x-one",
            "header bad name"
        ]
    );
}

#[test]
fn a_word_that_no_header_can_hold_is_refused() {
    let mut draft = draft();
    draft.subject = "x".repeat(2000);
    let error = compose(&draft).unwrap_err().to_string();
    assert!(error.contains("cannot be folded"), "{error}");
}

#[test]
fn any_text_becomes_a_line_that_a_subject_may_be() {
    assert_eq!(one_line("GET /\r\n\r\nHost: x\u{0}"), "GET / Host: x");
    assert_eq!(one_line("\u{2028}a\u{2029}b\n"), "a b");
}

#[test]
fn a_text_with_control_characters_still_goes_out() {
    let mut draft = draft();
    draft.text = "a\u{0}b\u{7}c".to_owned();
    let mail = parse_received(&compose(&draft).unwrap().bytes).unwrap();
    assert_eq!(mail.text.as_deref(), Some("a\u{0}b\u{7}c"));
}

#[test]
fn a_text_cannot_end_its_own_part() {
    let mut draft = draft();
    let frozen = compose(&draft).unwrap();
    let text = String::from_utf8(frozen.bytes).unwrap();
    let boundary = text
        .split("boundary=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    draft.text = format!("--{boundary}--\n");
    let mail = parse_received(&compose(&draft).unwrap().bytes).unwrap();
    assert_eq!(mail.text.unwrap().trim_end(), format!("--{boundary}--"));
    assert!(mail.html.is_some());
}

fn arbitrary_draft() -> impl Strategy<Value = MailDraft> {
    let line = "[a-zA-Z0-9äöü€漢,.:;<>@\"()\\[\\] -]{0,120}";
    let text = "[a-zA-Zäö€.=\r\n \t\u{0}-]{0,400}";
    (
        line,
        text,
        proptest::option::of(text),
        proptest::option::of(line),
        "[a-z0-9]{1,40}",
        0..4_000_000_000i64,
    )
        .prop_map(|(subject, text, html, name, id, second)| MailDraft {
            from: Party {
                name,
                address: "watch@example.com".to_owned(),
            },
            to: Party::address("ada@example.org"),
            subject: subject.clone(),
            text,
            html,
            message_id: format!("{id}@example.com"),
            date: DateTime::from_timestamp(second, 0).unwrap(),
            headers: vec![("X-Watchkeeper-Reference".to_owned(), subject)],
        })
}

fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

proptest! {
    #[test]
    fn the_same_draft_gives_the_same_bytes(draft in arbitrary_draft()) {
        prop_assert_eq!(compose(&draft).unwrap(), compose(&draft).unwrap());
    }

    #[test]
    fn every_draft_becomes_ascii_in_lines_that_any_relay_carries(draft in arbitrary_draft()) {
        let bytes = compose(&draft).unwrap().bytes;
        prop_assert!(bytes.is_ascii());
        prop_assert!(bytes.ends_with(b"\r\n"));
        let text = String::from_utf8(bytes).unwrap();
        for line in text.split("\r\n") {
            prop_assert!(line.len() <= 998 && !line.contains(['\r', '\n']));
        }
        let head = text.split("\r\n\r\n").next().unwrap();
        let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).count();
        prop_assert_eq!(names, if draft.html.is_some() { 8 } else { 9 }, "{}", head);
    }

    #[test]
    fn every_text_is_read_again_as_it_was_written(draft in arbitrary_draft()) {
        let mail = parse_received(&compose(&draft).unwrap().bytes).unwrap();
        // A part is ended by one line break more (RFC 2046, 5.1.1).
        let read = normal(&mail.text.unwrap());
        let written = normal(&draft.text);
        prop_assert_eq!(read.trim_end_matches('\n'), written.trim_end_matches('\n'));
    }

    #[test]
    fn another_draft_gives_other_bytes(draft in arbitrary_draft(), more in "[a-z]{1,9}") {
        let mut other = draft.clone();
        other.text.push_str(&more);
        prop_assert_ne!(compose(&draft).unwrap().sha256, compose(&other).unwrap().sha256);
    }
}
