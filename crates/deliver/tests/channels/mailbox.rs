//! The mailbox of demo and drill: a real conversation, and a 250 only for what is kept.

use crate::support::{key, limits};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use watchkeeper_deliver::{
    Channel, Mail, MailDraft, MailSink, Mailbox, Message, Party, ReceivedMail, SendError, SmtpChannel,
    SmtpConfig, compose, mailbox::LARGEST_MAIL, parse_received,
};

/// Keeps mail in memory, or says that it cannot.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Vec<ReceivedMail>>,
    full: bool,
}

impl Shelf {
    fn kept(&self) -> Vec<ReceivedMail> {
        self.kept
            .lock()
            .expect("no test panics while it holds the lock")
            .clone()
    }
}

#[async_trait]
impl MailSink for Shelf {
    async fn received(&self, mail: ReceivedMail) -> Result<(), String> {
        if self.full {
            return Err("the disk is full".to_owned());
        }
        self.kept.lock().map_err(|error| error.to_string())?.push(mail);
        Ok(())
    }
}

async fn open(shelf: &Arc<Shelf>) -> Mailbox {
    let sink: Arc<dyn MailSink> = Arc::clone(shelf) as Arc<dyn MailSink>;
    Mailbox::start(([127, 0, 0, 1], 0).into(), sink)
        .await
        .expect("a free port on loopback")
}

fn channel(mailbox: &Mailbox) -> SmtpChannel {
    let mut config = SmtpConfig::loopback(mailbox.address().port());
    config.limits = limits();
    SmtpChannel::new(config).expect("loopback needs no encryption")
}

fn notice() -> Mail {
    let draft = MailDraft {
        from: Party::named("Wächter", "watch@example.com"),
        to: Party::address("ada@example.org"),
        subject: "Störung INC-7".to_owned(),
        text: ".\nHallo\n..\n".to_owned(),
        html: Some("<p>Hallo</p>".to_owned()),
        message_id: "1@example.com".to_owned(),
        date: chrono::DateTime::UNIX_EPOCH,
        headers: Vec::new(),
    };
    let frozen = compose(&draft).expect("a well-formed draft");
    Mail {
        from: draft.from.address,
        to: draft.to.address,
        envelope_from: "bounces@example.com".to_owned(),
        envelope_id: None,
        message_id: frozen.message_id,
        bytes: frozen.bytes,
        drill: false,
    }
}

#[tokio::test]
async fn a_mail_sent_through_the_channel_arrives_byte_for_byte_and_can_be_read() {
    let shelf = Arc::new(Shelf::default());
    let mailbox = open(&shelf).await;
    let mail = notice();
    let receipt = channel(&mailbox)
        .send(&Message::Mail(mail.clone()), &key(), &())
        .await
        .unwrap();
    assert_eq!(receipt.answer, "250 2.0.0 kept");
    let kept = shelf.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].raw, mail.bytes);
    assert_eq!(kept[0].envelope_from, "bounces@example.com");
    assert_eq!(kept[0].envelope_to, ["ada@example.org"]);
    assert_eq!(kept[0].from, "Wächter <watch@example.com>");
    assert_eq!(kept[0].subject, "Störung INC-7");
    assert_eq!(kept[0].html.as_deref(), Some("<p>Hallo</p>"));
    assert!(kept[0].text.as_deref().is_some_and(|text| text.contains("Hallo")));
}

#[tokio::test]
async fn a_mail_that_cannot_be_kept_is_asked_for_again() {
    let shelf = Arc::new(Shelf {
        full: true,
        ..Shelf::default()
    });
    let mailbox = open(&shelf).await;
    let result = channel(&mailbox)
        .send(&Message::Mail(notice()), &key(), &())
        .await;
    let Err(SendError::Retry { reason, .. }) = result else {
        panic!("{result:?}")
    };
    assert!(reason.contains("451") && !reason.contains("disk"), "{reason}");
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let sink: Arc<dyn MailSink> = Arc::new(Shelf::default());
    let error = Mailbox::start(([0, 0, 0, 0], 0).into(), sink).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
}

/// Says `lines` one at a time and gives the last line of each answer, the greeting's first.
async fn converse(mailbox: &Mailbox, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(mailbox.address())
        .await
        .expect("the mailbox listens");
    let mut stream = BufReader::new(stream);
    let mut answers = vec![answer(&mut stream).await];
    for line in lines {
        stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .await
            .expect("the mailbox reads");
        answers.push(answer(&mut stream).await);
    }
    answers
}

async fn answer(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("the mailbox answers");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

fn codes(answers: &[String]) -> Vec<&str> {
    answers
        .iter()
        .map(|answer| answer.get(..3).unwrap_or(""))
        .collect()
}

#[tokio::test]
async fn commands_out_of_order_or_out_of_form_are_refused_and_the_conversation_goes_on() {
    let shelf = Arc::new(Shelf::default());
    let mailbox = open(&shelf).await;
    let lines = [
        "MAIL FROM:<a@example.com>",
        "EHLO test",
        "RCPT TO:<b@example.com>",
        "DATA",
        "MAIL FROM: a@example.com",
        "MAIL FROM:<a@example.com> SIZE=999999999",
        "MAIL FROM:<a@example.com> SMTPUTF8",
        "mail from:<a@example.com> size=100 body=8bitmime",
        "MAIL FROM:<a@example.com>",
        "RCPT TO:<>",
        "RCPT TO:<b@example.com>",
        "RSET",
        "DATA",
        "NOOP",
        "STARTTLS",
        "ü",
        "QUIT",
    ];
    let answers = converse(&mailbox, &lines).await;
    let expected = [
        "220", "503", "250", "503", "503", "501", "552", "555", "250", "503", "501", "250", "250", "503",
        "250", "502", "502", "221",
    ];
    assert_eq!(codes(&answers), expected, "{answers:#?}");
    assert!(shelf.kept().is_empty());
}

const HEAD: [&str; 4] = [
    "EHLO test",
    "MAIL FROM:<a@example.com>",
    "RCPT TO:<b@example.com>",
    "DATA",
];

#[tokio::test]
async fn a_line_feed_alone_ends_no_line_so_nothing_can_be_smuggled_in() {
    let shelf = Arc::new(Shelf::default());
    let mailbox = open(&shelf).await;
    let smuggled = "Subject: one\r\n\r\nx\n.\nMAIL FROM:<evil@example.net>\n.\r\ny\r\n.";
    let answers = converse(&mailbox, &[&HEAD[..], &[smuggled]].concat()).await;
    assert_eq!(codes(&answers).last(), Some(&"250"), "{answers:?}");
    let kept = shelf.kept();
    assert_eq!(kept.len(), 1);
    assert!(
        kept[0].text.as_deref().is_some_and(|text| text.contains("evil")),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_mail_that_is_too_large_is_refused_and_the_next_one_is_taken() {
    let shelf = Arc::new(Shelf::default());
    let mailbox = open(&shelf).await;
    let large = format!(
        "Subject: large\r\n\r\n{}.",
        "x".repeat(70_000).repeat(LARGEST_MAIL / 70_000 + 1) + "\r\n"
    );
    let small = "Subject: small\r\n\r\nx\r\n.";
    let lines = [&HEAD[..], &[&large], &HEAD[1..], &[small]].concat();
    let answers = converse(&mailbox, &lines).await;
    assert_eq!(
        codes(&answers),
        [
            "220", "250", "250", "250", "354", "552", "250", "250", "354", "250"
        ]
    );
    assert_eq!(shelf.kept().len(), 1);
}

#[tokio::test]
async fn what_was_not_ended_by_a_dot_is_no_mail() {
    let shelf = Arc::new(Shelf::default());
    let mailbox = open(&shelf).await;
    let mut stream = TcpStream::connect(mailbox.address()).await.unwrap();
    let text = format!("{}\r\nSubject: half\r\n\r\nx\r\n", HEAD.join("\r\n"));
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // The mailbox closes its side once it has seen that the client left.
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("354"), "{said}");
    assert!(shelf.kept().is_empty());
}

#[tokio::test]
async fn an_endless_command_line_ends_the_conversation() {
    let mailbox = open(&Arc::new(Shelf::default())).await;
    let answers = converse(&mailbox, &[&"x".repeat(4096)]).await;
    assert_eq!(codes(&answers), ["220", "500"]);
}

#[test]
fn bytes_without_a_header_are_no_mail_and_odd_ones_do_no_harm() {
    for nothing in ["", "\r\n", "\r\n\r\nbody"] {
        assert!(parse_received(nothing.as_bytes()).is_err(), "{nothing:?}");
    }
    let odd =
        parse_received(b"Subject: =?utf-8?q?=ff?=\r\nDate: yesterday\r\nFrom: \r\n\r\n\xff\xfe").unwrap();
    assert_eq!((odd.date, odd.from.as_str(), odd.html), (None, "", None));
}

/// Takes mail for one address only.
#[derive(Default)]
struct Choosy(Shelf);

#[async_trait]
impl MailSink for Choosy {
    async fn received(&self, mail: ReceivedMail) -> Result<(), String> {
        self.0.received(mail).await
    }

    async fn takes(&self, recipient: &str) -> bool {
        recipient.starts_with("known")
    }
}

#[tokio::test]
async fn over_lmtp_each_recipient_that_is_known_has_an_answer_of_its_own() {
    let choosy = Arc::new(Choosy::default());
    let sink: Arc<dyn MailSink> = Arc::clone(&choosy) as Arc<dyn MailSink>;
    let mailbox = Mailbox::start_for_known_recipients(([127, 0, 0, 1], 0).into(), sink)
        .await
        .expect("a free port on loopback");
    let mut stream = BufReader::new(TcpStream::connect(mailbox.address()).await.expect("it listens"));
    let commands = "LHLO client\r\nMAIL FROM:<>\r\nRCPT TO:<known1@example.com>\r\nRCPT TO:<eve@example.com>\r\n\
                    RCPT TO:<known2@example.com>\r\nDATA\r\n";
    stream
        .get_mut()
        .write_all(commands.as_bytes())
        .await
        .expect("it reads");
    stream
        .get_mut()
        .write_all(b"Subject: x\r\n\r\ntext\r\n.\r\nQUIT\r\n")
        .await
        .expect("it reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("it answers");
    let codes: Vec<&str> = said.lines().map(|line| &line[..4]).collect();
    let expected = [
        "220 ", "250-", "250-", "250 ", "250 ", "250 ", "550 ", "250 ", "354 ", "250 ", "250 ", "221 ",
    ];
    assert_eq!(codes, expected, "{said}");
    let kept = choosy.0.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].envelope_to, ["known1@example.com", "known2@example.com"]);
}
