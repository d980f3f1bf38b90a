//! One SMTP conversation, driven by hand.
//!
//! lettre's own `send` and its pool are not used: `send` accepts any positive reply (a 354 to the final dot counts as sent), bounds only
//! the connect by its timeout, and a send that is cancelled leaves its connection in the pool one reply out of step. Its connection,
//! the parser, TLS and dot-stuffing are used, one command at a time.

use super::config::{SmtpConfig, Tls};
use super::outcome::{Failure, Stage};
use super::stepwise::Stepwise;
use super::transcript::{Transcript, final_line};
use super::{Envelope, Login};
use crate::channel::{Receipt, SendError, StageRecorder};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{
    ClientId, Extension, MailBodyParameter, MailParameter, RcptParameter,
};
use lettre::transport::smtp::response::{Response, Severity};
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{error::Elapsed, timeout};
use watchkeeper_domain::preflight::RelaySeen;

/// How long a relay may take over its goodbye, which no longer matters to the message.
const GOODBYE: Duration = Duration::from_secs(5);

/// What went wrong and at which stage.
type Mishap = (Stage, Failure);

pub(super) struct Conversation<'a> {
    config: &'a SmtpConfig,
    tls: Option<TlsParameters>,
    login: Option<Login>,
    transcript: Transcript,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(config: &'a SmtpConfig, tls: Option<TlsParameters>, login: Option<Login>) -> Self {
        Self {
            config,
            tls,
            login,
            transcript: Transcript::default(),
        }
    }

    /// Carries one message, from connecting to the answer to its final dot.
    pub(super) async fn carry(
        mut self,
        envelope: &Envelope,
        bytes: &[u8],
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError> {
        match self.run(envelope, bytes, stage).await {
            Ok((answer, accepted_by)) => Ok(Receipt {
                answer,
                transcript: self.transcript.into_lines(),
                accepted_by,
            }),
            Err((stage, failure)) => Err(failure.at(stage, self.transcript.into_lines())),
        }
    }

    /// Goes as far as a message would and sends none.
    pub(super) async fn try_out(mut self) -> Result<RelaySeen, String> {
        let entered = async {
            let mut connection = self.connect().await?;
            self.hello(&mut connection).await?;
            self.sign_in(&mut connection).await?;
            Ok(connection)
        };
        let connection = entered
            .await
            .map_err(|(stage, failure): Mishap| failure.at(stage, Vec::new()).reason().to_owned())?;
        let encryption = match self.config.tls {
            Tls::Required => "STARTTLS, with a certificate for its name",
            Tls::Wrapper => "TLS from the first byte, with a certificate for its name",
            Tls::None => "not encrypted, on this machine",
        };
        let name = connection.server_info().name().to_owned();
        part_company(connection);
        let server = format!("{}:{} ({name})", self.config.host, self.config.effective_port());
        Ok(RelaySeen {
            server: crate::one_line(&server),
            encryption,
            signed_in_as: self.login.map(|login| login.username),
        })
    }

    async fn run(
        &mut self,
        envelope: &Envelope,
        bytes: &[u8],
        stage: &dyn StageRecorder,
    ) -> Result<(String, String), Mishap> {
        let mut connection = self.connect().await?;
        let offered = self.hello(&mut connection).await?;
        self.sign_in(&mut connection).await?;
        self.address(&mut connection, envelope, bytes, &offered).await?;
        let waiting = self.config.limits.data;
        let answer = self
            .command(&mut connection, Stage::Data, "DATA", Data, waiting)
            .await?;
        if !answer.has_code(354) {
            return Err((Stage::Data, unexpected(&answer)));
        }
        if let Err(error) = stage.entering_data().await {
            self.transcript
                .note("the stage could not be committed, so no content was sent");
            return Err((Stage::Data, Failure::Broken(error.to_string())));
        }
        let answer = self.content(&mut connection, bytes).await?;
        let name = connection.server_info().name().to_owned();
        part_company(connection);
        let relay = format!("{}:{} ({name})", self.config.host, self.config.effective_port());
        Ok((final_line(&answer), crate::one_line(&relay)))
    }

    /// Connects, takes the greeting and, if so configured, encrypts.
    async fn connect(&mut self) -> Result<AsyncSmtpConnection, Mishap> {
        let limits = self.config.limits;
        let server = (self.config.host.as_str(), self.config.effective_port());
        let hello = self.hello_name();
        self.transcript
            .note(&format!("connecting to {}:{}", server.0, server.1));
        let connection = if self.config.tls == Tls::Wrapper {
            let tls = self.tls.clone();
            let connecting =
                AsyncSmtpConnection::connect_tokio1(server, Some(limits.connect), &hello, tls, None);
            let whole = limits.connect + limits.greeting;
            self.settle(Stage::Greeting, timeout(whole, connecting).await, whole)?
        } else {
            let stream = self.connect_clear(server).await?;
            let greeting = async {
                let mut connection =
                    AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?;
                if let Some(tls) = self.tls.clone() {
                    connection.starttls(tls, &hello).await?;
                }
                Ok(connection)
            };
            let greeted = timeout(limits.greeting, greeting).await;
            self.settle(Stage::Greeting, greeted, limits.greeting)?
        };
        // The last guard before a password or a customer's data leaves, whatever the library did.
        if self.config.tls != Tls::None && !connection.is_encrypted() {
            return Err((
                Stage::Greeting,
                Failure::Broken("the connection is not encrypted".to_owned()),
            ));
        }
        let state = if connection.is_encrypted() {
            "encrypted"
        } else {
            "not encrypted, loopback"
        };
        self.transcript.note(&format!("connected, {state}"));
        Ok(connection)
    }

    /// The TCP connection of a conversation that begins in the clear.
    async fn connect_clear(&mut self, server: (&str, u16)) -> Result<Stepwise, Mishap> {
        let limit = self.config.limits.connect;
        let connecting = async {
            let stream = TcpStream::connect(server).await?;
            // The final dot goes by itself, once it is on record that it goes: held back until the relay has confirmed what came before,
            // as TCP does with little, it would cost each message the 40 ms for which the other side puts that off.
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        let failure = match timeout(limit, connecting).await {
            Ok(Ok(stream)) => return Ok(Stepwise::new(stream)),
            Ok(Err(error)) => Failure::Broken(format!("no connection: {error}")),
            Err(_) => Failure::Silence(limit),
        };
        Err(self.noted(Stage::Greeting, failure))
    }

    /// Says EHLO once more, now that the connection is as it stays: the library keeps the first answer to itself, and the transcript and
    /// the size limit need it.
    async fn hello(&mut self, connection: &mut AsyncSmtpConnection) -> Result<Response, Mishap> {
        let hello = self.hello_name();
        let shown = format!("EHLO {hello}");
        let waiting = self.config.limits.command;
        self.completed(connection, Stage::Ehlo, &shown, Ehlo::new(hello), waiting)
            .await
    }

    async fn sign_in(&mut self, connection: &mut AsyncSmtpConnection) -> Result<(), Mishap> {
        let Some(login) = self.login.clone() else {
            return Ok(());
        };
        self.transcript
            .client(&format!("AUTH *** (as {})", login.username));
        let waiting = self.config.limits.command;
        let credentials = Credentials::new(login.username, login.password.expose().to_owned());
        let asking = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        let answer = self.settle(Stage::Auth, timeout(waiting, asking).await, waiting)?;
        self.transcript.server(&answer);
        completed(Stage::Auth, answer).map(drop)
    }

    /// MAIL and RCPT.
    async fn address(
        &mut self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        bytes: &[u8],
        offered: &Response,
    ) -> Result<(), Mishap> {
        let mut parameters =
            parameters(connection, bytes, offered).map_err(|failure| (Stage::MailFrom, failure))?;
        let reports = report_requests(envelope, offered);
        parameters.extend(reports.mail);
        let waiting = self.config.limits.command;
        let mail = Mail::new(envelope.from.clone(), parameters);
        let shown = mail.to_string();
        self.completed(connection, Stage::MailFrom, &shown, mail, waiting)
            .await?;
        let rcpt = Rcpt::new(envelope.to.clone(), reports.rcpt);
        let shown = rcpt.to_string();
        self.completed(connection, Stage::RcptTo, &shown, rcpt, waiting)
            .await?;
        Ok(())
    }

    /// Sends the content and its final dot, and waits for the answer.
    async fn content(
        &mut self,
        connection: &mut AsyncSmtpConnection,
        bytes: &[u8],
    ) -> Result<Response, Mishap> {
        self.transcript.client(&format!(
            "({} bytes of content, SHA-256 {})",
            bytes.len(),
            hex::encode(Sha256::digest(bytes))
        ));
        // The library ends the content with CRLF, dot, CRLF by itself, and the frozen bytes already end in CRLF.
        let body = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        let (said, dot_said) = oneshot::channel();
        let mut said = Some(said);
        let dot_due = AtomicBool::new(false);
        // The library asks for the next piece only when the one before is written. So when it asks in vain, the content is out and
        // the dot is next; until then, the relay cannot have taken the message.
        let pieces = std::iter::once(body).chain(std::iter::from_fn(|| {
            dot_due.store(true, Ordering::SeqCst);
            if let Some(said) = said.take() {
                // Nobody listens any more only when the answer is already there.
                let _ = said.send(());
            }
            None
        }));
        let limits = self.config.limits;
        let sending = connection.message_iter(pieces);
        let answer = {
            tokio::pin!(sending);
            tokio::select! {
                biased;
                answer = &mut sending => Ok(answer),
                _ = dot_said => timeout(limits.final_dot, &mut sending).await.map_err(|_| limits.final_dot),
                () = tokio::time::sleep(limits.content) => Err(limits.content),
            }
        };
        let stage = if dot_due.load(Ordering::SeqCst) {
            Stage::FinalDot
        } else {
            Stage::Content
        };
        if stage == Stage::FinalDot {
            self.transcript.client(".");
        }
        let answer = self.settle_at(stage, answer)?;
        self.transcript.server(&answer);
        completed(stage, answer)
    }

    /// Sends a command and requires a 2xx reply.
    async fn completed<C: Display>(
        &mut self,
        connection: &mut AsyncSmtpConnection,
        stage: Stage,
        shown: &str,
        command: C,
        waiting: Duration,
    ) -> Result<Response, Mishap> {
        let answer = self.command(connection, stage, shown, command, waiting).await?;
        completed(stage, answer)
    }

    /// Sends a command and waits for its reply, whichever positive one it is.
    async fn command<C: Display>(
        &mut self,
        connection: &mut AsyncSmtpConnection,
        stage: Stage,
        shown: &str,
        command: C,
        waiting: Duration,
    ) -> Result<Response, Mishap> {
        self.transcript.client(shown);
        let command = command.to_string();
        let asked = timeout(waiting, connection.command(command)).await;
        let answer = self.settle(stage, asked, waiting)?;
        self.transcript.server(&answer);
        Ok(answer)
    }

    fn settle<T>(
        &mut self,
        stage: Stage,
        outcome: Result<Result<T, lettre::transport::smtp::Error>, Elapsed>,
        waited: Duration,
    ) -> Result<T, Mishap> {
        self.settle_at(stage, outcome.map_err(|_| waited))
    }

    /// Notes in the transcript what went wrong, if anything did.
    fn settle_at<T>(
        &mut self,
        stage: Stage,
        outcome: Result<Result<T, lettre::transport::smtp::Error>, Duration>,
    ) -> Result<T, Mishap> {
        let failure = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => Failure::of(&error),
            Err(waited) => Failure::Silence(waited),
        };
        Err(self.noted(stage, failure))
    }

    fn noted(&mut self, stage: Stage, failure: Failure) -> Mishap {
        match &failure {
            Failure::Reply(code, text) => self.transcript.server_line(&format!("{code} {text}")),
            Failure::Silence(waited) => {
                self.transcript
                    .note(&format!("no answer within {}", crate::span::text(*waited)));
            }
            Failure::Broken(problem) => self.transcript.note(problem),
        }
        (stage, failure)
    }

    fn hello_name(&self) -> ClientId {
        self.config
            .hello_name
            .clone()
            .map_or_else(|| ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST), ClientId::Domain)
    }
}

/// Lets only a 2xx reply through. The library takes any 3xx for a success as well.
fn completed(stage: Stage, answer: Response) -> Result<Response, Mishap> {
    if answer.code().severity == Severity::PositiveCompletion {
        Ok(answer)
    } else {
        Err((stage, unexpected(&answer)))
    }
}

fn unexpected(answer: &Response) -> Failure {
    Failure::Broken(format!(
        "the relay gave an answer that does not belong here: {}",
        final_line(answer)
    ))
}

/// What MAIL tells the relay beforehand, and what the relay's own EHLO already rules out.
fn parameters(
    connection: &AsyncSmtpConnection,
    bytes: &[u8],
    offered: &Response,
) -> Result<Vec<MailParameter>, Failure> {
    let mut parameters = Vec::new();
    if !bytes.is_ascii() {
        if !connection.server_info().supports_feature(Extension::EightBitMime) {
            let problem =
                "the message is not ASCII and the relay does not offer 8BITMIME; compose it in ASCII";
            return Err(Failure::Reply(554, problem.to_owned()));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    if let Some(limit) = size_limit(offered) {
        if limit > 0 && bytes.len() as u64 > limit {
            let problem = format!(
                "the message has {} bytes and the relay takes at most {limit}",
                bytes.len()
            );
            return Err(Failure::Reply(552, problem));
        }
        parameters.push(MailParameter::Size(bytes.len()));
    }
    Ok(parameters)
}

/// What asks the relay for reports (RFC 3461).
#[derive(Default)]
struct ReportRequests {
    mail: Vec<MailParameter>,
    rcpt: Vec<RcptParameter>,
}

/// Asks for a report of what becomes of the message, with its headers only, where reports are wanted and the relay offers them: a
/// parameter that a relay does not know would be refused.
fn report_requests(envelope: &Envelope, offered: &Response) -> ReportRequests {
    let Some(id) = envelope.id.as_ref().filter(|_| offers(offered, "DSN")) else {
        return ReportRequests::default();
    };
    let mail = |keyword: &str, value: &str| MailParameter::Other {
        keyword: keyword.to_owned(),
        value: Some(value.to_owned()),
    };
    let rcpt = |keyword: &str, value: String| RcptParameter::Other {
        keyword: keyword.to_owned(),
        value: Some(value),
    };
    ReportRequests {
        mail: vec![mail("RET", "HDRS"), mail("ENVID", id)],
        rcpt: vec![
            rcpt("NOTIFY", "SUCCESS,FAILURE,DELAY".to_owned()),
            rcpt("ORCPT", format!("rfc822;{}", envelope.to)),
        ],
    }
}

/// Whether the answer to EHLO has this extension.
fn offers(offered: &Response, extension: &str) -> bool {
    offered.message().skip(1).any(|line| {
        let first = line.split_ascii_whitespace().next();
        first.is_some_and(|word| word.eq_ignore_ascii_case(extension))
    })
}

/// The limit that the relay announces (RFC 1870); 0 when it announces SIZE without one.
fn size_limit(offered: &Response) -> Option<u64> {
    offered.message().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().filter(|word| word.eq_ignore_ascii_case("SIZE"))?;
        Some(words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0))
    })
}

/// Says goodbye beside the caller, who already has the receipt and must record it without waiting.
fn part_company(mut connection: AsyncSmtpConnection) {
    tokio::spawn(async move {
        // The message has been taken; how the goodbye goes changes nothing.
        let _ = timeout(GOODBYE, connection.quit()).await;
    });
}
