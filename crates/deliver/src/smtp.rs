//! Mail over SMTP, to one relay, one connection for each message.

mod config;
mod conversation;
mod outcome;
mod stepwise;
mod transcript;

pub use config::{SmtpConfig, SmtpLimits, Tls};

use crate::channel::{Channel, Receipt, SendError, StageRecorder};
use crate::fault::{ConfigFault, ConfigFaults};
use crate::message::{IdempotencyKey, Mail, Message};
use crate::secret::Secret;
use async_trait::async_trait;
use conversation::Conversation;
use lettre::Address;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use watchkeeper_domain::delivery::Hindrance;
use watchkeeper_domain::preflight::RelaySeen;

/// Sends mail through a relay.
///
/// Every message has a connection of its own, which is dropped after it. A connection that outlives a message can be one answer out of
/// step, and then credits one message with another's answer; a page or a notice is not worth that for the handshake it would save.
pub struct SmtpChannel {
    config: SmtpConfig,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for SmtpChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpChannel")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl SmtpChannel {
    /// A channel to the relay that `config` names. Nothing is connected yet.
    ///
    /// # Errors
    /// All faults of the settings at once, among them a password or a certificate that cannot be read.
    pub fn new(config: SmtpConfig) -> Result<Self, ConfigFaults> {
        let mut faults = config.validate();
        if faults.is_empty()
            && let Err(fault) = config.password()
        {
            faults.push(fault);
        }
        let tls = match tls_parameters(&config) {
            Ok(tls) => tls,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        if faults.is_empty() {
            Ok(Self { config, tls })
        } else {
            Err(ConfigFaults(faults))
        }
    }
}

impl SmtpChannel {
    /// Connects, encrypts, signs in and says goodbye, as for a message.
    ///
    /// # Errors
    /// In words, what was in the way.
    pub(crate) async fn probe(&self) -> Result<RelaySeen, String> {
        let password = self.config.password().map_err(|fault| fault.to_string())?;
        Conversation::new(&self.config, self.tls.clone(), password)
            .try_out()
            .await
    }
}

#[async_trait]
impl Channel for SmtpChannel {
    async fn send(
        &self,
        message: &Message,
        key: &IdempotencyKey,
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError> {
        let Message::Mail(mail) = message else {
            return Err(refused(
                "a message for a topic was handed to the SMTP channel; send it through SNS",
            ));
        };
        let envelope = Envelope::of(mail)?;
        // Read for every message, so that a rotated password file is picked up without a restart.
        let password = self.config.password().map_err(|fault| SendError::Retry {
            after: None,
            hindrance: Hindrance::Relay,
            reason: fault.to_string(),
            transcript: Vec::new(),
        })?;
        tracing::debug!(%key, message_id = %mail.message_id, relay = %self.config.host, "sending mail");
        let outcome = Conversation::new(&self.config, self.tls.clone(), password)
            .carry(&envelope, &mail.bytes, stage)
            .await;
        match &outcome {
            Ok(receipt) => {
                tracing::info!(%key, message_id = %mail.message_id, answer = %receipt.answer, "mail accepted")
            }
            Err(error) => tracing::warn!(%key, message_id = %mail.message_id, %error, "mail not accepted"),
        }
        outcome
    }
}

/// Sender and recipient as the relay sees them.
#[derive(Debug)]
struct Envelope {
    from: Option<Address>,
    to: Address,
    /// The name in reports, where reports are wanted.
    id: Option<String>,
}

impl Envelope {
    fn of(mail: &Mail) -> Result<Self, SendError> {
        let parse = |role: &str, written: &str| {
            let address = written.parse::<Address>().map_err(|error| {
                refused(format!(
                    "the {role} `{}` is not an address: {error}",
                    crate::one_line(written)
                ))
            })?;
            if written.is_ascii() {
                Ok(address)
            } else {
                Err(refused(format!(
                    "the {role} `{written}` is not ASCII; write the domain in its xn-- form"
                )))
            }
        };
        if let Some(problem) = wire_fault(&mail.bytes) {
            return Err(refused(format!("the message cannot be sent as it is: {problem}")));
        }
        let from = match mail.envelope_from.as_str() {
            "" => None,
            written => Some(parse("return path", written)?),
        };
        Ok(Self {
            from,
            to: parse("recipient", &mail.to)?,
            id: mail.envelope_id.clone(),
        })
    }
}

fn refused(reason: impl Into<String>) -> SendError {
    SendError::Refused {
        reason: reason.into(),
        transcript: Vec::new(),
    }
}

/// What keeps bytes from passing through DATA unchanged. A CR or LF on its own is read as a line end by some servers and not by others,
/// which lets a text smuggle in a second message (RFC 5321, 2.3.8).
pub(crate) fn wire_fault(bytes: &[u8]) -> Option<String> {
    let bare = bytes.iter().enumerate().find(|&(at, &byte)| match byte {
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        _ => false,
    });
    match bare {
        Some((at, b'\r')) => Some(format!("a CR without LF at byte {at}; end lines with CRLF")),
        Some((at, _)) => Some(format!("an LF without CR at byte {at}; end lines with CRLF")),
        None if !bytes.ends_with(b"\r\n") => Some("the last line does not end; end it with CRLF".to_owned()),
        None => None,
    }
}

fn tls_parameters(config: &SmtpConfig) -> Result<Option<TlsParameters>, ConfigFault> {
    if config.tls == Tls::None {
        return Ok(None);
    }
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let certificate = read
            .and_then(|pem| Certificate::from_pem(&pem).map_err(|error| error.to_string()))
            .map_err(|error| {
                ConfigFault::new(
                    "ca_file",
                    format!("`{}` cannot be used: {error}", path.display()),
                    "name a readable file with certificates in PEM form",
                )
            })?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map(Some).map_err(|error| {
        ConfigFault::new(
            "tls",
            format!("TLS cannot be set up for `{}`: {error}", config.host),
            "check the host's name and that the machine has root certificates (Debian: ca-certificates)",
        )
    })
}

/// Who we are to the relay, if it wants to know.
#[derive(Debug, Clone)]
struct Login {
    username: String,
    password: Secret,
}
