//! Taking what Amazon SES reports about our messages, over SNS.

use super::bounces::Taken;
use crate::desk::{Desk, RespondError};
use serde_json::json;
use watchkeeper_deliver::{OriginError, SnsOrigin};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::delivery::ses::SesEvent;
use watchkeeper_domain::sns::{Confirmation, Envelope, SnsFault, SnsMessage, TopicArn};

/// What became of a message of SNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SnsTaken {
    /// The subscription is confirmed: events come from now on.
    Confirmed,
    /// The subscription has ended: no more events come.
    Unsubscribed,
    /// It says nothing that changes anything, such as that SES took a message.
    Nothing,
    /// It was a report about a message.
    #[serde(untagged)]
    Report(Taken),
}

impl SnsTaken {
    /// As counters write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Nothing => "nothing",
            Self::Report(taken) => taken.name(),
        }
    }
}

impl From<SnsFault> for RespondError {
    fn from(fault: SnsFault) -> Self {
        match fault {
            SnsFault::Malformed(_) => Self::invalid("body", fault.to_string()),
            _ => Self::Forbidden(fault.to_string()),
        }
    }
}

impl From<OriginError> for RespondError {
    fn from(fault: OriginError) -> Self {
        Self::Unavailable(fault.to_string())
    }
}

impl Desk {
    /// Takes a message that says it is of SNS. Success means that what it reports is safe. Its certificate comes from `origin`, for
    /// topics that are configured and no others.
    ///
    /// # Errors
    /// When it is not believed; when SNS cannot be asked, or the report could not be kept: SNS then sends it again.
    pub async fn take_sns_message(
        &self,
        origin: &dyn SnsOrigin,
        body: &[u8],
    ) -> Result<SnsTaken, RespondError> {
        let taken = self.take_believed(origin, body).await;
        let outcome = taken.as_ref().map_or("refused", |taken| taken.name());
        metrics::counter!("watchkeeper_sns_messages_total", "outcome" => outcome).increment(1);
        taken
    }

    async fn take_believed(&self, origin: &dyn SnsOrigin, body: &[u8]) -> Result<SnsTaken, RespondError> {
        let topics = &self.house().ses_topics;
        let envelope = Envelope::read(body)?;
        let topic = envelope.topic().clone();
        if !topics.contains(&topic) {
            // Nobody is asked for a certificate on behalf of a stranger.
            return Err(SnsFault::Stranger(topic.to_string()).into());
        }
        let pem = origin.certificate(envelope.certificate()).await?;
        match envelope.believed(topics, &pem, self.now())? {
            SnsMessage::Confirm(confirmation) => self.confirm_topic(origin, &topic, &confirmation).await,
            SnsMessage::Unsubscribed => {
                tracing::error!(%topic, "the subscription has ended: SES reports nothing any more; subscribe again");
                Ok(SnsTaken::Unsubscribed)
            }
            SnsMessage::Notification(text) => self.take_ses_event(&text).await,
        }
    }

    async fn confirm_topic(
        &self,
        origin: &dyn SnsOrigin,
        topic: &TopicArn,
        confirmation: &Confirmation,
    ) -> Result<SnsTaken, RespondError> {
        origin.confirm(confirmation).await?;
        let mut tx = self.begin().await?;
        let by = Actor::worker("bounces");
        self.record(&mut tx, &by, "sns.confirmed", &topic.to_string(), json!({}))
            .await?;
        self.commit(tx).await?;
        Ok(SnsTaken::Confirmed)
    }

    async fn take_ses_event(&self, text: &str) -> Result<SnsTaken, RespondError> {
        let event = match SesEvent::read(text) {
            Ok(event) => event,
            Err(fault) => {
                // SES says by a text of its own that a topic was set up. To have it sent again would help nobody.
                tracing::warn!(%fault, "a notification that cannot be understood was left aside");
                let mut tx = self.begin().await?;
                let taken = self
                    .count(&mut tx, Taken::NotAReport, "a notification of SNS")
                    .await?;
                self.commit(tx).await?;
                return Ok(SnsTaken::Report(taken));
            }
        };
        let Some(report) = event.report else {
            return Ok(SnsTaken::Nothing);
        };
        let mut tx = self.begin().await?;
        let taken = match event.delivery {
            Some(id) => {
                self.take_report_on(&mut tx, &id, text.as_bytes(), Some(report))
                    .await?
            }
            None => self.count(&mut tx, Taken::Unknown, "an event of SES").await?,
        };
        self.commit(tx).await?;
        metrics::counter!("watchkeeper_bounce_reports_total", "taken" => taken.name()).increment(1);
        Ok(SnsTaken::Report(taken))
    }
}
