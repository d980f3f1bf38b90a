//! The contract between the outbox and whatever carries its messages.

use crate::message::{IdempotencyKey, Message};
use async_trait::async_trait;
use std::time::Duration;
use watchkeeper_domain::delivery::Hindrance;

/// Carries one message to one recipient.
#[async_trait]
pub trait Channel: Send + Sync + std::fmt::Debug {
    /// Sends `message` and waits for the other side's answer.
    ///
    /// `key` is the same for every attempt at one delivery. `stage` is told immediately before the content leaves; if it fails,
    /// nothing is sent. Dropping the returned future drops the connection: it is never used again, so no later message can be
    /// credited with an answer that was meant for this one.
    ///
    /// # Errors
    /// See [`SendError`]; each says whether the message may have been taken.
    async fn send(
        &self,
        message: &Message,
        key: &IdempotencyKey,
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError>;
}

/// Commits how far a delivery has come.
///
/// A delivery that was interrupted before `entering_data` was certainly not delivered; one interrupted after may have been. Only a
/// record that is safe on disk before the first byte of content leaves can tell the two apart after a crash.
#[async_trait]
pub trait StageRecorder: Send + Sync {
    /// Commits that the content is about to be sent.
    ///
    /// # Errors
    /// When it could not be committed, for instance because the lease was lost; the content is then not sent.
    async fn entering_data(&self) -> Result<(), StageError>;
}

/// Records nothing: for a message whose loss or repetition does not matter, such as a test of the settings.
#[async_trait]
impl StageRecorder for () {
    async fn entering_data(&self) -> Result<(), StageError> {
        Ok(())
    }
}

/// The stage could not be committed, so nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the delivery's stage could not be committed: {0}")]
pub struct StageError(pub String);

/// Proof that the message was taken over, in the other side's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The answer to the final dot (such as `250 2.0.0 Ok: queued as 4XyZ`), or the SNS message id.
    pub answer: String,
    /// The conversation, `C:` for us and `S:` for the server; secrets masked, the content replaced by its size and SHA-256.
    pub transcript: Vec<String>,
    /// Who took it: the relay's address and the name it gave, or the topic's ARN.
    pub accepted_by: String,
}

/// Why there is no receipt, and what that says about the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Certainly not taken, for a reason that can pass: try again.
    #[error("not sent, to be tried again: {reason}")]
    Retry {
        /// How long the other side asked to wait, where it said so.
        after: Option<Duration>,
        /// What is in the way: this message was put off, or nothing of ours is taken at present.
        hindrance: Hindrance,
        /// What happened, and at which stage.
        reason: String,
        /// The conversation so far.
        transcript: Vec<String>,
    },
    /// Certainly not taken, and sending the same again will not help.
    #[error("refused: {reason}")]
    Refused {
        /// What happened, and at which stage.
        reason: String,
        /// The conversation so far.
        transcript: Vec<String>,
    },
    /// The content was handed over and no clear answer came: it may have been taken.
    #[error("sent, and no clear answer came: {reason}")]
    Ambiguous {
        /// What happened, and at which stage.
        reason: String,
        /// The conversation so far.
        transcript: Vec<String>,
    },
}

impl SendError {
    /// What happened, and at which stage.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. } | Self::Refused { reason, .. } | Self::Ambiguous { reason, .. } => {
                reason
            }
        }
    }

    /// The conversation as far as it went.
    #[must_use]
    pub fn transcript(&self) -> &[String] {
        match self {
            Self::Retry { transcript, .. }
            | Self::Refused { transcript, .. }
            | Self::Ambiguous { transcript, .. } => transcript,
        }
    }
}
