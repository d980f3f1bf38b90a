//! From what went wrong, and when, to what it says about the message.

use crate::channel::SendError;
use std::time::Duration;
use watchkeeper_domain::delivery::Hindrance;

/// How far the conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Connecting, greeting, TLS, the first EHLO.
    Greeting,
    Ehlo,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    /// The content, before its final dot.
    Content,
    /// The final dot was sent, or may have been.
    FinalDot,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Ehlo => "EHLO",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the content",
            Self::FinalDot => "the final dot",
        })
    }
}

/// What went wrong at a stage.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer in time.
    Silence(Duration),
    /// An answer that does not let the message through: its code and its text.
    Reply(u16, String),
    /// The connection broke, or what came over it was no SMTP reply.
    Broken(String),
}

impl Failure {
    /// From an error of the SMTP library.
    pub(super) fn of(error: &lettre::transport::smtp::Error) -> Self {
        let source = std::error::Error::source(error).map(ToString::to_string);
        match error.status() {
            Some(code) => Self::Reply(code.into(), source.unwrap_or_default()),
            None => Self::Broken(match source.as_deref() {
                Some("incomplete response") => "the relay closed the connection".to_owned(),
                _ => error.to_string(),
            }),
        }
    }

    fn describe(&self, stage: Stage) -> String {
        let what = match self {
            Self::Silence(limit) => format!("no answer to {stage} within {}", crate::span::text(*limit)),
            Self::Reply(code, text) => format!("{code} {text} (answer to {stage})"),
            Self::Broken(problem) => format!("{problem} (at {stage})"),
        };
        crate::one_line(&what).chars().take(2000).collect()
    }

    /// Gives the failure its meaning.
    ///
    /// Before the final dot nothing was taken, so all but a refusal of this message is tried again. A 5xx before MAIL is about us, not
    /// about the recipient (a wrong password, a blocked address): mail must wait for that to be put right, not be given up. After
    /// the dot only a 4xx or a 5xx is certain.
    pub(super) fn at(self, stage: Stage, transcript: Vec<String>) -> SendError {
        let reason = self.describe(stage);
        let code = match self {
            Self::Reply(code, _) => Some(code),
            Self::Silence(_) | Self::Broken(_) => None,
        };
        match code {
            Some(500..=599) if stage >= Stage::MailFrom => SendError::Refused { reason, transcript },
            Some(500..=599) => SendError::Retry {
                after: None,
                hindrance: Hindrance::Relay,
                reason: format!("the relay refuses this client, whoever the recipient is: {reason}"),
                transcript,
            },
            Some(400..=499) => SendError::Retry {
                after: None,
                hindrance: if stage >= Stage::MailFrom {
                    Hindrance::Message
                } else {
                    Hindrance::Relay
                },
                reason,
                transcript,
            },
            _ if stage == Stage::FinalDot => SendError::Ambiguous { reason, transcript },
            _ => SendError::Retry {
                after: None,
                hindrance: Hindrance::Relay,
                reason,
                transcript,
            },
        }
    }
}
