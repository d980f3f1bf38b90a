//! DKIM signatures, verified by somebody who knows nothing of ours.

use chrono::{DateTime, Utc};
use std::path::Path;
use watchkeeper_deliver::{DkimConfig, DkimSigner, FrozenMail, MailDraft, Party, compose};
use watchkeeper_testbed::dkim::{Key, private_key, verify};

fn config(folder: &Path, key: &str) -> DkimConfig {
    let key_file = folder.join("dkim.pem");
    std::fs::write(&key_file, key).unwrap();
    DkimConfig {
        domain: "Example.com".to_owned(),
        selector: "watch2026".to_owned(),
        key_file,
    }
}

fn signer(key: Key) -> DkimSigner {
    let folder = tempfile::tempdir().unwrap();
    DkimSigner::open(&config(folder.path(), &private_key(key))).unwrap()
}

fn noon() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn page() -> MailDraft {
    MailDraft {
        from: Party::named("Watchkeeper", "watch@example.com"),
        to: Party::named("Tomás Rey", "tomas@example.com"),
        subject: "[SEV1] INC-1 new incident".to_owned(),
        text: "New incident\n\n.a line with a dot\ntwo  spaces, and a tab\there\n\n\n".to_owned(),
        html: None,
        message_id: "<dlv_1@example.com>".to_owned(),
        date: noon(),
        headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
    }
}

/// Two parts, not ASCII, with lines that are long and headers that are folded.
fn letter() -> MailDraft {
    let checkpoint = format!("example.com/audit; 7; {}", "c2lnbmF0dXJl ".repeat(20));
    MailDraft {
        subject: "Sicherheitsvorfall: Ihre Daten könnten betroffen sein, bitte prüfen Sie diese Mitteilung"
            .to_owned(),
        text: format!(
            "Sehr geehrte Damen und Herren,\n\n{}\n – ✓ \n",
            "Wörter ".repeat(300)
        ),
        html: Some(format!("<p>Sehr geehrte</p><p>{}</p>", "Wörter ".repeat(300))),
        headers: vec![
            ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
            ("X-Watchkeeper-Checkpoint".to_owned(), checkpoint),
        ],
        ..page()
    }
}

fn signed(signer: &DkimSigner, draft: &MailDraft) -> FrozenMail {
    signer.sign(compose(draft).unwrap(), draft.date).unwrap()
}

#[test]
fn letters_and_pages_are_verified_by_somebody_else_with_each_kind_of_key() {
    for key in [Key::Rsa(2048), Key::RsaPkcs1, Key::Rsa(4096), Key::Ed25519] {
        let signer = signer(key);
        assert_eq!(signer.record_name(), "watch2026._domainkey.example.com");
        for draft in [page(), letter()] {
            let mail = signed(&signer, &draft);
            let verdict = verify(&mail.bytes, &signer.record_name(), &signer.record());
            verdict
                .unwrap_or_else(|said| panic!("{key:?}: {said}\n{}", String::from_utf8_lossy(&mail.bytes)));
        }
    }
}

#[test]
fn a_relay_may_add_its_trace_and_no_more() {
    let signer = signer(Key::Rsa(2048));
    let mail = signed(&signer, &letter());
    let verdict = |bytes: &[u8]| verify(bytes, &signer.record_name(), &signer.record());
    let text = String::from_utf8(mail.bytes).unwrap();
    let traced = format!("Received: from a by b;\r\n\tMon, 1 Jun 2026 12:00:01 +0000\r\n{text}");
    verdict(traced.as_bytes()).unwrap();
    let no_longer_ours = [
        text.replacen("Mon, 01 Jun 2026 12:00:00", "Tue, 02 Jun 2026 12:00:00", 1),
        text.replacen("Reply-To: ", "", 1).replacen(
            "Message-ID:",
            "Reply-To: eve@example.org\r\nMessage-ID:",
            1,
        ),
        text.replacen("\r\nFrom: ", "\r\nFrom: eve@example.org\r\nFrom: ", 1),
        text.replacen(
            "X-Watchkeeper-Checkpoint: example",
            "X-Watchkeeper-Checkpoint: eve",
            1,
        ),
        format!("{text}one line more\r\n"),
    ];
    for changed in no_longer_ours {
        assert_ne!(changed, text);
        assert!(verdict(changed.as_bytes()).is_err(), "{changed}");
    }
}

#[test]
fn another_key_in_dns_does_not_verify() {
    let (ours, theirs) = (signer(Key::Rsa(2048)), signer(Key::Rsa(2048)));
    let mail = signed(&ours, &page());
    assert!(verify(&mail.bytes, &ours.record_name(), &theirs.record()).is_err());
}

#[test]
fn the_same_draft_gives_the_same_bytes_signed_at_its_own_date() {
    for key in [Key::Rsa(2048), Key::Ed25519] {
        let signer = signer(key);
        let mail = signed(&signer, &letter());
        assert_eq!(mail, signed(&signer, &letter()));
        let text = String::from_utf8(mail.bytes).unwrap();
        assert!(text.starts_with("DKIM-Signature: v=1; a="), "{text}");
        assert!(text.contains(&format!("t={};", noon().timestamp())), "{text}");
        let head = text.split("\r\nDate:").next().unwrap();
        assert!(head.lines().all(|line| line.len() <= 78), "{head}");
        assert_eq!(mail.message_id, "<dlv_1@example.com>");
        assert_ne!(mail.sha256, compose(&letter()).unwrap().sha256);
    }
}

#[test]
fn what_is_no_usable_key_is_refused_with_the_remedy_and_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let short = private_key(Key::Rsa(1024));
    let sound = private_key(Key::Rsa(2048));
    let cut: String = sound.lines().take(5).collect::<Vec<_>>().join("\n");
    let damaged = sound.replace("MII", "AAA");
    for (text, remedy) in [
        (short.as_str(), "2048 bits"),
        ("", "openssl genrsa"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "openssl genrsa",
        ),
        (cut.as_str(), "openssl genrsa"),
        (damaged.as_str(), "openssl genrsa"),
    ] {
        let faults = DkimSigner::open(&config(folder.path(), text)).unwrap_err();
        let said = faults.to_string();
        assert_eq!(faults.0[0].field, "key_file", "{said}");
        assert!(said.contains(remedy), "{said}");
        let secret = text.lines().nth(1).unwrap_or("no secret");
        assert!(!said.contains(secret), "{said}");
    }
    let mut wrong = config(folder.path(), &sound);
    wrong.domain = "example".to_owned();
    wrong.selector = "a b".to_owned();
    wrong.key_file = folder.path().join("nowhere.pem");
    let faults = DkimSigner::open(&wrong).unwrap_err();
    let fields: Vec<&str> = faults.0.iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["domain", "selector", "key_file"]);
    let signer = DkimSigner::open(&config(folder.path(), &sound)).unwrap();
    let secret = sound.lines().nth(1).unwrap();
    assert!(!format!("{signer:?}").contains(secret));
}
