//! The lock on every channel: what belongs to a drill goes to whom drills may reach, and to nobody else.

use crate::channel::{Channel, Receipt, SendError, StageRecorder};
use crate::message::{IdempotencyKey, Message};
use async_trait::async_trait;
use std::sync::Arc;
use watchkeeper_domain::drill::DrillReach;

/// A channel that refuses messages of drills to anybody outside of their reach, before a connection is opened.
///
/// Who receives a drill is decided where recipients are chosen. This looks again at the address that the message itself would go to,
/// whoever put it into the outbox.
#[derive(Debug, Clone)]
pub struct DrillGuard {
    channel: Arc<dyn Channel>,
    reach: DrillReach,
}

impl DrillGuard {
    /// Before this channel.
    #[must_use]
    pub fn before(channel: Arc<dyn Channel>, reach: DrillReach) -> Self {
        Self { channel, reach }
    }

    /// Why a message may not go; none where it may.
    fn refusal(&self, message: &Message) -> Option<String> {
        let (recipient, outside) = match message {
            Message::Mail(mail) => (&mail.to, mail.drill && !self.reach.holds_address(&mail.to)),
            Message::Topic(topic) => (
                &topic.topic_arn,
                topic.drill && !self.reach.holds_topic(&topic.topic_arn),
            ),
        };
        outside.then(|| {
            format!(
                "this belongs to a drill, and {recipient} is outside of [drill] reach: no connection was opened and nothing was sent"
            )
        })
    }
}

#[async_trait]
impl Channel for DrillGuard {
    async fn send(
        &self,
        message: &Message,
        key: &IdempotencyKey,
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError> {
        match self.refusal(message) {
            Some(reason) => Err(SendError::Refused {
                reason,
                transcript: Vec::new(),
            }),
            None => self.channel.send(message, key, stage).await,
        }
    }
}
