//! `watchkeeper mail …` as people call it: what it prints, and how it ends.

use std::process::{Command, Output};
use watchkeeper::config::DEFAULT;
use watchkeeper_deliver::{DkimConfig, DkimSigner, MailDraft, Party, compose};
use watchkeeper_testbed::dkim::{Key, private_key, verify};

fn dkim_record(folder: &std::path::Path, configuration: &str, more: &[&str]) -> Output {
    let file = folder.join("watchkeeper.toml");
    std::fs::write(&file, configuration).expect("written");
    Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["mail", "dkim-record", "--config"])
        .arg(file)
        .args(more)
        .output()
        .expect("the binary runs")
}

#[test]
fn the_record_that_is_printed_verifies_what_is_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let key_file = folder.path().join("dkim.pem");
    let secret = private_key(Key::Rsa(2048));
    std::fs::write(&key_file, &secret).expect("written");
    let section = format!(
        "[mail.dkim]\ndomain = \"example.com\"\nselector = \"w1\"\nkey_file = \"{}\"\n[[paging.steps]]",
        key_file.display()
    );
    let configuration = DEFAULT.replacen("[[paging.steps]]", &section, 1);
    let output = dkim_record(folder.path(), &configuration, &["--json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let draft = MailDraft {
        from: Party::address("watchkeeper@example.com"),
        to: Party::address("ada@example.org"),
        subject: "A test".to_owned(),
        text: "Text".to_owned(),
        html: None,
        message_id: "1@example.com".to_owned(),
        date: "2026-06-01T12:00:00Z".parse().expect("an instant"),
        headers: Vec::new(),
    };
    let config = DkimConfig {
        domain: "example.com".to_owned(),
        selector: "w1".to_owned(),
        key_file,
    };
    let signer = DkimSigner::open(&config).expect("a signer");
    let mail = signer
        .sign(compose(&draft).expect("a mail"), draft.date)
        .expect("signed");
    let text = |field: &str| record[field].as_str().expect("text").to_owned();
    verify(&mail.bytes, &text("name"), &text("value")).unwrap_or_else(|said| panic!("{said}"));
    let zone = dkim_record(folder.path(), &configuration, &[]);
    let zone = String::from_utf8_lossy(&zone.stdout).into_owned();
    assert!(
        zone.starts_with("w1._domainkey.example.com. IN TXT ( \"v=DKIM1; k=rsa; p="),
        "{zone}"
    );
    assert!(!zone.contains(secret.lines().nth(1).expect("a line")), "{zone}");
}

#[test]
fn where_mail_is_not_signed_the_command_says_what_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = dkim_record(folder.path(), DEFAULT, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("[mail.dkim]"));
}
