//! One client's conversation with the mailbox (RFC 5321, the commands of its minimum implementation; RFC 2033 where it says LHLO).

use super::{LARGEST_MAIL, MailSink, parse_received};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a client may be silent (RFC 5321, 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_secs(300);
/// The longest command line, with room for long addresses (RFC 5321, 4.5.3.1.4 asks for 512).
const LONGEST_COMMAND: u64 = 4096;
/// The longest line of content (RFC 5321, 4.5.3.1.6 asks for 1000; some senders write more).
const LONGEST_LINE: u64 = 64 * 1024;
/// How many recipients one mail may have (RFC 5321, 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;

/// Sender and recipients given so far.
#[derive(Debug, Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

struct Session<'a> {
    stream: BufReader<TcpStream>,
    sink: &'a dyn MailSink,
    greeted: bool,
    /// LMTP: each recipient has an answer of its own.
    local: bool,
    envelope: Envelope,
}

/// Whether the conversation goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Command,
    End,
}

/// Converses until the client leaves.
pub(super) async fn run(stream: TcpStream, sink: &dyn MailSink) -> io::Result<()> {
    let mut session = Session {
        stream: BufReader::new(stream),
        sink,
        greeted: false,
        local: false,
        envelope: Envelope::default(),
    };
    session.say("220 watchkeeper-mailbox ESMTP").await?;
    loop {
        let Some(line) = session.line(LONGEST_COMMAND).await? else {
            return Ok(());
        };
        if !line.ends_with(b"\n") {
            return session.say("500 5.5.2 line too long").await;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if session.obey(&line).await? == Next::End {
            return Ok(());
        }
    }
}

impl Session<'_> {
    async fn obey(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            verb @ ("EHLO" | "LHLO") => {
                self.greeted = true;
                self.local = verb == "LHLO";
                self.envelope = Envelope::default();
                let size = format!("250-watchkeeper-mailbox\r\n250-8BITMIME\r\n250 SIZE {LARGEST_MAIL}");
                self.say(&size).await?;
            }
            "HELO" => {
                self.greeted = true;
                self.local = false;
                self.envelope = Envelope::default();
                self.say("250 watchkeeper-mailbox").await?;
            }
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => return self.data().await,
            "RSET" => {
                self.envelope = Envelope::default();
                self.say("250 2.0.0 forgotten").await?;
            }
            "NOOP" => self.say("250 2.0.0 still here").await?,
            "VRFY" => self.say("252 2.5.0 send it and see").await?,
            "QUIT" => {
                self.say("221 2.0.0 goodbye").await?;
                return Ok(Next::End);
            }
            _ => self.say("502 5.5.1 command not known").await?,
        }
        Ok(Next::Command)
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if !self.greeted {
            return self.say("503 5.5.1 say EHLO first").await;
        }
        if self.envelope.from.is_some() {
            return self.say("503 5.5.1 there is a sender already").await;
        }
        let Some((path, parameters)) = path(rest, "FROM:") else {
            return self.say("501 5.5.4 write MAIL FROM:<address>").await;
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if value.parse::<usize>().is_ok_and(|size| size > LARGEST_MAIL) => {
                    return self.say("552 5.3.4 message too large").await;
                }
                "SIZE" | "BODY" => {}
                _ => return self.say("555 5.5.4 parameter not known").await,
            }
        }
        self.envelope.from = Some(path);
        self.say("250 2.1.0 sender taken").await
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if self.envelope.from.is_none() {
            return self.say("503 5.5.1 say MAIL first").await;
        }
        if self.envelope.to.len() >= MOST_RECIPIENTS {
            return self.say("452 4.5.3 too many recipients").await;
        }
        match path(rest, "TO:") {
            Some((path, "")) if !path.is_empty() && !self.sink.takes(&path).await => {
                self.say("550 5.1.1 no such address").await
            }
            Some((path, "")) if !path.is_empty() => {
                self.envelope.to.push(path);
                self.say("250 2.1.5 recipient taken").await
            }
            Some((path, _)) if !path.is_empty() => self.say("555 5.5.4 parameter not known").await,
            _ => self.say("501 5.5.4 write RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.envelope.from.is_none() || self.envelope.to.is_empty() {
            self.say("503 5.5.1 say MAIL and RCPT first").await?;
            return Ok(Next::Command);
        }
        self.say("354 end with a dot on its own line").await?;
        let envelope = std::mem::take(&mut self.envelope);
        let Some(content) = self.content().await? else {
            // The client left before the final dot: there is no message (RFC 5321, 4.1.1.4).
            return Ok(Next::End);
        };
        let Some(content) = content else {
            self.answer(envelope.to.len(), "552 5.3.4 message too large")
                .await?;
            return Ok(Next::Command);
        };
        self.keep(envelope, &content).await?;
        Ok(Next::Command)
    }

    /// Reads to the final dot. The inner option is empty when the message was too large; it is read to its end all the same, so that the
    /// conversation stays in step.
    async fn content(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let mut content = Vec::new();
        let mut fits = true;
        let mut starts_line = true;
        loop {
            let Some(piece) = self.line(LONGEST_LINE).await? else {
                return Ok(None);
            };
            let begins = std::mem::replace(&mut starts_line, piece.ends_with(b"\r\n"));
            if begins && piece == b".\r\n" {
                return Ok(Some(fits.then_some(content)));
            }
            let line = if begins {
                piece.strip_prefix(b".").unwrap_or(&piece)
            } else {
                &piece
            };
            fits = fits && content.len() + line.len() <= LARGEST_MAIL;
            if fits {
                content.extend_from_slice(line);
            }
        }
    }

    async fn keep(&mut self, envelope: Envelope, content: &[u8]) -> io::Result<()> {
        let recipients = envelope.to.len();
        let mut mail = match parse_received(content) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::warn!(%error, "mailbox refused a message");
                return self
                    .answer(recipients, "554 5.6.0 the message has no headers")
                    .await;
            }
        };
        mail.envelope_from = envelope.from.unwrap_or_default();
        mail.envelope_to = envelope.to;
        match self.sink.received(mail).await {
            Ok(()) => self.answer(recipients, "250 2.0.0 kept").await,
            Err(error) => {
                tracing::error!(%error, "mailbox could not keep a message");
                self.answer(recipients, "451 4.3.0 could not be kept, try again")
                    .await
            }
        }
    }

    /// The answer to a whole message: one, or one a recipient where the client speaks LMTP (RFC 2033, 4.2).
    async fn answer(&mut self, recipients: usize, reply: &str) -> io::Result<()> {
        let times = if self.local { recipients } else { 1 };
        for _ in 0..times {
            self.say(reply).await?;
        }
        Ok(())
    }

    /// The next line with its end, at most `limit` bytes of it; nothing when the client has left.
    async fn line(&mut self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(limit);
        timeout(PATIENCE, bounded.read_until(b'\n', &mut line))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client was silent for too long"))??;
        Ok((!line.is_empty()).then_some(line))
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let reply = format!("{reply}\r\n");
        timeout(PATIENCE, self.stream.get_mut().write_all(reply.as_bytes()))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client does not read"))?
    }
}

/// Splits `FROM:<address> PARAMETERS` into the address and the parameters.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (path, parameters) = tail.trim_start().strip_prefix('<')?.split_once('>')?;
    (!path.contains(['<', ' '])).then(|| (path.to_owned(), parameters.trim()))
}
