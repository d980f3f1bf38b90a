//! What arrives is what was frozen, and what is kept of it holds no secret.

use crate::support::{channel, key, limits, mail};
use proptest::prelude::*;
use watchkeeper_deliver::{Channel, Message, SendError, SmtpChannel, SmtpConfig};
use watchkeeper_testbed::smtp::{Act, SmtpServer, Stage};

async fn carried(bytes: &[u8]) -> Vec<u8> {
    let server = SmtpServer::start().await.unwrap();
    channel(server.port(), limits())
        .send(&mail(bytes), &key(), &())
        .await
        .unwrap();
    server.messages().remove(0).bytes
}

#[tokio::test]
async fn dots_at_the_start_of_lines_arrive_as_they_were() {
    for body in [
        "A: b\r\n\r\n.\r\n..\r\n.x\r\n...\r\n",
        ".\r\n",
        "\r\n",
        "A: b\r\n\r\nend\r\n\r\n\r\n",
        "A: b\r\n\r\n.\r\n",
    ] {
        assert_eq!(carried(body.as_bytes()).await, body.as_bytes(), "{body:?}");
    }
}

#[tokio::test]
async fn long_lines_and_utf8_arrive_as_they_were() {
    let body = format!("A: b\r\n\r\n{}\r\n.größer €\r\n", "x".repeat(5000));
    assert_eq!(carried(body.as_bytes()).await, body.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_lines_at_all_arrive_as_they_were(lines in proptest::collection::vec("[.a-zé \t\u{0}]{0,12}", 0..12)) {
        let mut body = lines.join("\r\n");
        body.push_str("\r\n");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let arrived = runtime.block_on(carried(body.as_bytes()));
        prop_assert_eq!(arrived, body.as_bytes());
    }
}

#[tokio::test]
async fn a_line_end_of_one_character_is_refused_before_anything_is_sent() {
    let server = SmtpServer::start().await.unwrap();
    for smuggled in [
        "A: b\r\n\r\nx\n.\r\nMAIL FROM:<evil@example.net>\r\n",
        "A: b\r\n\r\nx\r.\r\n",
        "\nA: b\r\n",
        "A: b\r\n\r\nno end",
        "",
        "A: b\r\n\r\nx\r",
    ] {
        let result = channel(server.port(), limits())
            .send(&mail(smuggled.as_bytes()), &key(), &())
            .await;
        assert!(
            matches!(result, Err(SendError::Refused { .. })),
            "{smuggled:?}: {result:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_receipt_holds_the_answer_who_gave_it_and_the_conversation_without_the_content() {
    let server = SmtpServer::start().await.unwrap();
    server.script(
        Stage::Dot,
        Act::reply("250-2.0.0 first\r\n250 2.0.0 Ok: queued as 4XyZ"),
    );
    let message = mail(b"Subject: s\r\n\r\na customer's affair\r\n");
    let receipt = channel(server.port(), limits())
        .send(&message, &key(), &())
        .await
        .unwrap();
    assert_eq!(receipt.answer, "250 2.0.0 Ok: queued as 4XyZ");
    assert_eq!(
        receipt.accepted_by,
        format!("127.0.0.1:{} (testbed)", server.port())
    );
    let transcript = receipt.transcript.join("\n");
    for line in [
        "C: EHLO [127.0.0.1]",
        "S: 250-testbed",
        "C: MAIL FROM:<bounces+1@example.com> SIZE=35",
        "C: RCPT TO:<ada@example.org>",
        "S: 354 go on",
        "C: (35 bytes of content, SHA-256 ",
        "S: 250-2.0.0 first",
        "S: 250 2.0.0 Ok: queued as 4XyZ",
    ] {
        assert!(transcript.contains(line), "{line} is missing in\n{transcript}");
    }
    assert!(!transcript.contains("affair"), "{transcript}");
}

#[tokio::test]
async fn an_empty_return_path_is_sent_as_the_null_path() {
    let server = SmtpServer::start().await.unwrap();
    let Message::Mail(mut bounce) = mail(b"A: b\r\n\r\n") else {
        unreachable!("support makes mails")
    };
    bounce.envelope_from = String::new();
    channel(server.port(), limits())
        .send(&Message::Mail(bounce), &key(), &())
        .await
        .unwrap();
    assert!(
        server
            .commands()
            .iter()
            .any(|line| line.starts_with("MAIL FROM:<>")),
        "{:?}",
        server.commands()
    );
}

#[tokio::test]
async fn addresses_cannot_carry_commands() {
    let server = SmtpServer::start().await.unwrap();
    for address in [
        "a@example.org>\r\nRCPT TO:<b@example.org",
        "a@example.org\r\nDATA",
        "",
        "no address",
        "a b@example.org",
        "ä@example.org",
    ] {
        let Message::Mail(mut evil) = mail(b"A: b\r\n\r\n") else {
            unreachable!("support makes mails")
        };
        evil.to = address.to_owned();
        let result = channel(server.port(), limits())
            .send(&Message::Mail(evil), &key(), &())
            .await;
        assert!(
            matches!(result, Err(SendError::Refused { .. })),
            "{address:?}: {result:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_mail_larger_than_the_relay_takes_is_refused_before_its_content_is_sent() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["SIZE 20"]);
    let result = channel(server.port(), limits())
        .send(&mail(b"A: b\r\n\r\nmore than twenty bytes\r\n"), &key(), &())
        .await;
    let Err(SendError::Refused { reason, .. }) = result else {
        panic!("{result:?}")
    };
    assert!(reason.contains("at most 20"), "{reason}");
}

#[tokio::test]
async fn bytes_beyond_ascii_are_not_sent_to_a_relay_that_cannot_carry_them() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["SIZE"]);
    let result = channel(server.port(), limits())
        .send(&mail("A: b\r\n\r\nü\r\n".as_bytes()), &key(), &())
        .await;
    let Err(SendError::Refused { reason, .. }) = result else {
        panic!("{result:?}")
    };
    assert!(reason.contains("8BITMIME"), "{reason}");
}

fn with_password(port: u16, password: &str) -> (SmtpConfig, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{password}\n")).unwrap();
    let mut config = SmtpConfig::loopback(port);
    config.username = Some("watch".to_owned());
    config.password_file = Some(file.path().to_owned());
    config.limits = limits();
    (config, file)
}

#[tokio::test]
async fn the_password_signs_in_and_appears_nowhere_else() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["8BITMIME", "AUTH PLAIN LOGIN"]);
    let (config, _file) = with_password(server.port(), "hunter2");
    let channel = SmtpChannel::new(config).unwrap();
    let receipt = channel.send(&mail(b"A: b\r\n\r\n"), &key(), &()).await.unwrap();
    // base64 of "\0watch\0hunter2"
    let sent = "AHdhdGNoAGh1bnRlcjI=";
    assert!(
        server
            .commands()
            .iter()
            .any(|line| line == &format!("AUTH PLAIN {sent}")),
        "{:?}",
        server.commands()
    );
    let shown = format!("{receipt:?} {channel:?}");
    assert!(shown.contains("AUTH ***"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains(sent), "{shown}");
}

#[tokio::test]
async fn a_rotated_password_file_is_picked_up_with_the_next_mail() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["AUTH PLAIN"]);
    let (config, file) = with_password(server.port(), "old");
    let channel = SmtpChannel::new(config).unwrap();
    channel.send(&mail(b"A: b\r\n\r\n"), &key(), &()).await.unwrap();
    std::fs::write(file.path(), "hunter2").unwrap();
    channel.send(&mail(b"A: b\r\n\r\n"), &key(), &()).await.unwrap();
    let signed_in: Vec<String> = server
        .commands()
        .into_iter()
        .filter(|line| line.starts_with("AUTH"))
        .collect();
    assert_eq!(
        signed_in,
        ["AUTH PLAIN AHdhdGNoAG9sZA==", "AUTH PLAIN AHdhdGNoAGh1bnRlcjI="]
    );
}

#[tokio::test]
async fn a_rejected_password_keeps_the_mail_for_later_and_does_not_tell_the_password() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["AUTH PLAIN"]);
    server.script(Stage::Auth, Act::reply("535 5.7.8 authentication failed"));
    let (config, _file) = with_password(server.port(), "hunter2");
    let result = SmtpChannel::new(config)
        .unwrap()
        .send(&mail(b"A: b\r\n\r\n"), &key(), &())
        .await;
    let Err(error @ SendError::Retry { .. }) = result else {
        panic!("{result:?}")
    };
    assert!(error.reason().contains("535 5.7.8"), "{error}");
    let shown = format!("{error:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("AHdhdGNo"),
        "{shown}"
    );
}

#[tokio::test]
async fn reports_are_asked_for_only_where_they_are_wanted_and_the_relay_offers_them() {
    for (wanted, offered, asked) in [(true, true, true), (true, false, false), (false, true, false)] {
        let server = SmtpServer::start().await.unwrap();
        if offered {
            server.offer(&["8BITMIME", "dsn", "SIZE 10485760"]);
        }
        let Message::Mail(mut mail) = mail(b"A: b\r\n\r\nc\r\n") else {
            unreachable!("it is a mail")
        };
        mail.to = "ada+x@example.org".to_owned();
        mail.envelope_id = wanted.then(|| "dlv_1".to_owned());
        channel(server.port(), limits())
            .send(&Message::Mail(mail), &key(), &())
            .await
            .unwrap();
        let commands = server.commands();
        let line = |verb: &str| commands.iter().find(|line| line.starts_with(verb)).unwrap();
        assert_eq!(
            line("MAIL").contains("RET=HDRS ENVID=dlv_1"),
            asked,
            "{commands:?}"
        );
        let options = "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;ada+2Bx@example.org";
        assert_eq!(line("RCPT").ends_with(options), asked, "{commands:?}");
        assert_eq!(line("RCPT").contains("NOTIFY"), asked, "{commands:?}");
    }
}
