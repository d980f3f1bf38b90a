//! The mail relay of a story: a recording SMTP server that can be down and come back on its port, and mails as people read them.

use std::collections::BTreeMap;
use watchkeeper_deliver::{ReceivedMail, parse_received};
use watchkeeper_testbed::smtp::{Recorded, SmtpServer};

/// The relay, with everything that it ever took.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    up: Option<SmtpServer>,
    earlier: Vec<Recorded>,
}

/// A mail as its recipient reads it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// To whom the envelope is addressed.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML, where there is one.
    pub html: Option<String>,
    /// The Message-ID.
    pub message_id: String,
}

impl Relay {
    /// A relay that is up.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let server = SmtpServer::start().await.expect("a free port");
        Self {
            port: server.port(),
            up: Some(server),
            earlier: Vec::new(),
        }
    }

    /// Where it listens, or did.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server.
    ///
    /// # Panics
    /// While it is down.
    #[must_use]
    pub fn server(&self) -> &SmtpServer {
        self.up.as_ref().expect("the relay is up")
    }

    /// Connections are refused from now on.
    pub fn go_down(&mut self) {
        if let Some(server) = self.up.take() {
            self.earlier.extend(server.messages());
        }
    }

    /// It is back where it was.
    ///
    /// # Panics
    /// When somebody else has taken the port.
    pub async fn come_back(&mut self) {
        if self.up.is_none() {
            self.up = Some(
                SmtpServer::start_at(self.port)
                    .await
                    .expect("the port is still free"),
            );
        }
    }

    /// Every mail that was ever accepted, in its order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let now = self.up.as_ref().map(SmtpServer::messages).unwrap_or_default();
        self.earlier.iter().chain(&now).map(read).collect()
    }

    /// The mails to one address.
    #[must_use]
    pub fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails()
            .into_iter()
            .filter(|mail| mail.to == address)
            .collect()
    }

    /// How often each Message-ID came.
    #[must_use]
    pub fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for mail in self.mails() {
            *copies.entry(mail.message_id).or_default() += 1;
        }
        copies
    }
}

/// Reads a recorded mail; its header names the one recipient of its envelope.
///
/// # Panics
/// When it is no mail, or has more than one recipient.
#[must_use]
pub fn read(recorded: &Recorded) -> Mail {
    let parsed: ReceivedMail = parse_received(&recorded.bytes).expect("what was sent is a mail");
    assert_eq!(recorded.to.len(), 1, "one message a recipient: {:?}", recorded.to);
    let to = recorded.to[0].clone();
    assert!(
        parsed.to.iter().all(|header| header.contains(&to)),
        "{:?} is not for {to}",
        parsed.to
    );
    Mail {
        to,
        subject: parsed.subject,
        text: parsed.text.expect("a text part"),
        html: parsed.html,
        message_id: parsed.message_id.expect("a Message-ID"),
    }
}

impl Mail {
    /// The path of the signed link in a page: `/ack/…`.
    #[must_use]
    pub fn acknowledge_link(&self) -> Option<String> {
        let line = self.text.lines().find(|line| line.contains("/ack/"))?;
        let (_, link) = line.rsplit_once(' ')?;
        Some(link.trim().to_owned())
    }
}
