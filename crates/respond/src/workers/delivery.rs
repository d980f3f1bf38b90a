//! Carries the outbox out: claims by lease, commits "entering DATA" before the bytes go, and commits the answer with what follows
//! from it: a customer was told, the next contact is tried, somebody must pick up the phone.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::outbox::thaw;
use crate::telling::LetterOf;
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use watchkeeper_deliver as deliver;
use watchkeeper_deliver::{IdempotencyKey, StageError, StageRecorder};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::delivery::{
    About, Attempt, Channel, Delivery, DeliveryState, Hindrance, PATIENCE, Relay,
};
use watchkeeper_store::{Claimed, Tx};

/// How many messages are under way at once.
const AT_ONCE: u32 = 12;

/// How many of them go to one domain, whose server would otherwise put us off.
const AT_ONCE_TO_ONE: u32 = 3;

/// How long a claim holds without being renewed. A process that dies leaves its messages to the next one after this.
fn lease() -> Duration {
    Duration::seconds(90)
}

/// How often a claim is renewed while its message is under way: one SMTP conversation may take half an hour (RFC 5321 §4.5.3.2).
const RENEW_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Carries the outbox out.
pub struct Deliveries {
    desk: Desk,
    channels: BTreeMap<Channel, Arc<dyn deliver::Channel>>,
    second_relay: Option<Arc<dyn deliver::Channel>>,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries")
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
    }
}

/// Commits "entering DATA" on the delivery's row.
struct Entering {
    desk: Desk,
    delivery: Mutex<Delivery>,
}

impl Entering {
    /// Renews the claim for as long as it is polled.
    async fn keep_claim(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let delivery = self.delivery.lock().await;
            let renewed = async {
                let mut tx = self.desk.store.begin().await?;
                tx.extend_lease(&delivery.id, delivery.version, self.desk.now() + lease())
                    .await?;
                tx.commit().await
            };
            if let Err(fault) = renewed.await {
                // The message goes on: at worst the claim runs out and the recipient has it twice, flagged.
                tracing::warn!(delivery = %delivery.id, %fault, "a claim could not be renewed");
            }
        }
    }
}

#[async_trait]
impl StageRecorder for Entering {
    async fn entering_data(&self) -> Result<(), StageError> {
        let mut delivery = self.delivery.lock().await;
        crate::crash::point("delivery.entering_data");
        let marked = async {
            let mut tx = self.desk.store.begin().await?;
            let marked = tx
                .mark_data(&delivery.id, delivery.version, self.desk.now())
                .await?;
            tx.commit().await?;
            Ok::<Delivery, RespondError>(marked)
        };
        *delivery = marked.await.map_err(|fault| StageError(fault.to_string()))?;
        crate::crash::point("delivery.in_data");
        Ok(())
    }
}

impl Deliveries {
    /// A worker at this desk that sends over these channels.
    #[must_use]
    pub fn new(desk: Desk, channels: BTreeMap<Channel, Arc<dyn deliver::Channel>>) -> Self {
        Self {
            desk,
            channels,
            second_relay: None,
        }
    }

    /// With a second relay, for when the first takes no mail.
    #[must_use]
    pub fn with_second_relay(mut self, relay: Option<Arc<dyn deliver::Channel>>) -> Self {
        self.second_relay = relay;
        self
    }

    /// What carries a delivery's next attempt.
    fn channel_for(&self, delivery: &Delivery) -> Option<&Arc<dyn deliver::Channel>> {
        match &self.second_relay {
            Some(relay) if delivery.channel == Channel::Email && delivery.relay == Relay::Second => {
                Some(relay)
            }
            _ => self.channels.get(&delivery.channel),
        }
    }

    async fn carry(&self, claimed: Claimed) -> Result<(), RespondError> {
        let Claimed {
            delivery,
            message,
            interrupted,
        } = claimed;
        if let Some(data_at) = interrupted {
            self.say_duplicate(&delivery, data_at).await?;
        }
        let Some(channel) = self.channel_for(&delivery) else {
            let answer = format!(
                "no channel `{}` is configured; add it to the configuration",
                delivery.channel.name()
            );
            return self
                .keep(
                    delivery,
                    Attempt::Deferred {
                        answer,
                        after: Some(Duration::minutes(5)),
                        hindrance: Hindrance::Relay,
                    },
                    &[],
                )
                .await;
        };
        let message = thaw(&message)?;
        let key = IdempotencyKey(delivery.id.to_string());
        let stage = Entering {
            desk: self.desk.clone(),
            delivery: Mutex::new(delivery),
        };
        crate::crash::point("delivery.before_send");
        let result = tokio::select! {
            result = channel.send(&message, &key, &stage) => result,
            never = stage.keep_claim() => match never {},
        };
        crate::crash::point("delivery.after_send");
        let delivery = stage.delivery.into_inner();
        let (attempt, transcript) = outcome(result);
        self.keep(delivery, attempt, &transcript).await
    }

    /// A claim ran out, or the process died, after the bytes had begun to go: the recipient may have the message already. The claim
    /// has flagged the row; this says so in the record.
    async fn say_duplicate(&self, delivery: &Delivery, data_at: DateTime<Utc>) -> Result<(), RespondError> {
        let mut tx = self.desk.begin().await?;
        let lines = [format!(
            "an earlier attempt began to send at {data_at} and its outcome is unknown; the same bytes are sent again"
        )];
        tx.add_transcript(&delivery.id, self.desk.now(), "unknown", &lines)
            .await?;
        let by = Actor::worker("delivery");
        self.desk
            .record(
                &mut tx,
                &by,
                "delivery.unknown",
                delivery.id.as_str(),
                json!({"data_at": data_at}),
            )
            .await?;
        self.desk.commit(tx).await
    }

    /// Commits how an attempt ended, with what follows from it.
    async fn keep(
        &self,
        delivery: Delivery,
        attempt: Attempt,
        transcript: &[String],
    ) -> Result<(), RespondError> {
        let desk = &self.desk;
        let now = desk.now();
        let before = delivery.version;
        let outcome = match &attempt {
            Attempt::Accepted { .. } => "accepted",
            Attempt::Deferred { .. } => "deferred",
            Attempt::Refused { .. } => "refused",
            Attempt::Unknown { .. } => "unknown",
        };
        let channel = delivery.channel.name();
        metrics::counter!("watchkeeper_delivery_attempts_total", "channel" => channel, "outcome" => outcome)
            .increment(1);
        let second = delivery.channel == Channel::Email && self.second_relay.is_some();
        let (delivery, losing_patience) = delivery.attempted(attempt, now, second).losing_patience(now);
        let mut tx = desk.begin().await?;
        tx.update_delivery(&delivery, before).await?;
        tx.add_transcript(&delivery.id, now, outcome, transcript).await?;
        let mut detail = json!({"outcome": outcome, "attempt": delivery.attempts, "channel": delivery.channel, "possible_duplicate": delivery.possible_duplicate});
        if let About::Letter { letter, notice, .. } = &delivery.about {
            // What the recipient can be shown: this text, and that a server took it.
            detail["notice"] = json!(notice);
            detail["text_sha256"] = json!(tx.letter(letter).await?.text_sha256());
        }
        let by = Actor::worker("delivery");
        desk.record(&mut tx, &by, "delivery.attempted", delivery.id.as_str(), detail)
            .await?;
        self.follow(&mut tx, &delivery, now).await?;
        if let (true, Some(letter)) = (losing_patience, LetterOf::of(&delivery)) {
            let what = format!("is put off since {} h and tried on", PATIENCE.num_hours());
            desk.try_next_contact(&mut tx, &delivery, letter, &what, now)
                .await?;
        }
        desk.commit(tx).await
    }

    /// What follows from how an attempt ended.
    async fn follow(&self, tx: &mut Tx, delivery: &Delivery, now: DateTime<Utc>) -> Result<(), RespondError> {
        let desk = &self.desk;
        if matches!(delivery.about, About::DryRun { .. }) {
            return Ok(());
        }
        match (&delivery.state, LetterOf::of(delivery)) {
            (DeliveryState::Accepted { answer, .. }, Some(letter)) => {
                desk.told(tx, letter, answer, now).await
            }
            (DeliveryState::Refused { answer, .. }, Some(letter)) => {
                let what = format!("was refused ({answer})");
                desk.try_next_contact(tx, delivery, letter, &what, now).await
            }
            (DeliveryState::Refused { answer, .. }, None) => {
                let what = format!("was refused: {answer}");
                desk.page_failed(tx, delivery, &what, now).await
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Worker for Deliveries {
    fn name(&self) -> &'static str {
        "delivery"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let mut tx = self.desk.begin().await?;
        let claimed = tx
            .claim_deliveries(self.desk.now(), lease(), AT_ONCE, AT_ONCE_TO_ONE)
            .await?;
        let next = tx.next_delivery_at().await?;
        let waiting = next.map_or(0, |at| (self.desk.now() - at).num_seconds().max(0));
        metrics::gauge!("watchkeeper_outbox_overdue_seconds").set(waiting as f64);
        if claimed.is_empty() {
            return Ok(Turn::Idle);
        }
        self.desk.commit(tx).await?;
        crate::crash::point("delivery.claimed");
        let carried = futures::future::join_all(claimed.into_iter().map(|claimed| self.carry(claimed))).await;
        for result in carried {
            result?;
        }
        Ok(Turn::Busy)
    }
}

fn outcome(result: Result<deliver::Receipt, deliver::SendError>) -> (Attempt, Vec<String>) {
    match result {
        Ok(receipt) => (
            Attempt::Accepted {
                answer: receipt.answer,
                by: receipt.accepted_by,
            },
            receipt.transcript,
        ),
        Err(deliver::SendError::Retry {
            after,
            hindrance,
            reason,
            transcript,
        }) => {
            let after = after.and_then(|after| Duration::from_std(after).ok());
            (
                Attempt::Deferred {
                    answer: reason,
                    after,
                    hindrance,
                },
                transcript,
            )
        }
        Err(deliver::SendError::Refused { reason, transcript }) => {
            (Attempt::Refused { answer: reason }, transcript)
        }
        Err(deliver::SendError::Ambiguous { reason, transcript }) => {
            (Attempt::Unknown { answer: reason }, transcript)
        }
    }
}
