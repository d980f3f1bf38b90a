//! Carries the outbox out: claims by lease, commits "entering DATA" before the bytes go, and commits the answer with what follows
//! from it: a customer was told, the next contact is tried, somebody must pick up the phone.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::outbox::thaw;
use crate::telling::LetterOf;
use crate::together::Together;
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

/// How an attempt ended, to be committed with what follows from it.
struct Ended {
    delivery: Delivery,
    attempt: Attempt,
    transcript: Vec<String>,
}

/// Carries the outbox out.
pub struct Deliveries {
    desk: Desk,
    marks: Arc<Together<Delivery, Delivery>>,
    ends: Together<Ended, ()>,
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
    marks: Arc<Together<Delivery, Delivery>>,
    delivery: Mutex<Delivery>,
}

impl Entering {
    /// Marks all of them in one commit; where that fails, each by itself, so that one does not keep the others from going.
    async fn mark_all(&self, all: &[Delivery]) -> Vec<Result<Delivery, RespondError>> {
        if let Ok(marked) = self.mark(all).await {
            return marked.into_iter().map(Ok).collect();
        }
        let mut results = Vec::with_capacity(all.len());
        for one in all {
            let marked = self.mark(std::slice::from_ref(one)).await;
            results.push(marked.and_then(|mut marked| {
                marked
                    .pop()
                    .ok_or_else(|| RespondError::Unavailable("nothing was marked".to_owned()))
            }));
        }
        results
    }

    async fn mark(&self, all: &[Delivery]) -> Result<Vec<Delivery>, RespondError> {
        let mut tx = self.desk.store.begin().await?;
        let mut marked = Vec::with_capacity(all.len());
        for one in all {
            marked.push(tx.mark_data(&one.id, one.version, self.desk.now()).await?);
        }
        tx.commit().await?;
        Ok(marked)
    }

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
        let marked = self
            .marks
            .commit(delivery.clone(), |all| async move { self.mark_all(&all).await });
        *delivery = marked.await.map_err(|fault| StageError(fault.to_string()))?;
        crate::crash::point("delivery.in_data");
        Ok(())
    }
}

impl Deliveries {
    /// A worker at this desk that sends over these channels, each behind the lock that keeps drills inside.
    #[must_use]
    pub fn new(desk: Desk, channels: BTreeMap<Channel, Arc<dyn deliver::Channel>>) -> Self {
        let channels = channels.into_iter();
        Self {
            channels: channels.map(|(name, it)| (name, guarded(&desk, it))).collect(),
            desk,
            marks: Arc::default(),
            ends: Together::default(),
            second_relay: None,
        }
    }

    /// With a second relay, for when the first takes no mail.
    #[must_use]
    pub fn with_second_relay(mut self, relay: Option<Arc<dyn deliver::Channel>>) -> Self {
        self.second_relay = relay.map(|relay| guarded(&self.desk, relay));
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
            delivery, message, ..
        } = claimed;
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
                    Vec::new(),
                )
                .await;
        };
        let message = thaw(&message)?;
        let key = IdempotencyKey(delivery.id.to_string());
        let stage = Entering {
            desk: self.desk.clone(),
            marks: Arc::clone(&self.marks),
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
        self.keep(delivery, attempt, transcript).await
    }

    /// A claim ran out, or the process died, after the bytes had begun to go: the recipient may have the message already. The claim
    /// has flagged the row; this says so in the record, in the claim's own commit.
    async fn say_duplicate(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        data_at: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let lines = [format!(
            "an earlier attempt began to send at {data_at} and its outcome is unknown; the same bytes are sent again"
        )];
        tx.add_transcript(&delivery.id, self.desk.now(), "unknown", &lines)
            .await?;
        let by = Actor::worker("delivery");
        self.desk
            .record(
                tx,
                &by,
                "delivery.unknown",
                delivery.id.as_str(),
                json!({"data_at": data_at}),
            )
            .await
    }

    /// Commits how an attempt ended, with what follows from it, together with others that end now.
    async fn keep(
        &self,
        delivery: Delivery,
        attempt: Attempt,
        transcript: Vec<String>,
    ) -> Result<(), RespondError> {
        let ended = Ended {
            delivery,
            attempt,
            transcript,
        };
        self.ends
            .commit(ended, |all| async move { self.keep_all(&all).await })
            .await
    }

    /// Keeps all of them in one commit; where that fails, each by itself, so that one does not keep the others from being kept.
    async fn keep_all(&self, all: &[Ended]) -> Vec<Result<(), RespondError>> {
        if self.keep_together(all).await.is_ok() {
            return all.iter().map(|_| Ok(())).collect();
        }
        let mut results = Vec::with_capacity(all.len());
        for one in all {
            results.push(self.keep_together(std::slice::from_ref(one)).await);
        }
        results
    }

    async fn keep_together(&self, all: &[Ended]) -> Result<(), RespondError> {
        let mut tx = self.desk.begin().await?;
        for ended in all {
            self.keep_in(&mut tx, ended).await?;
        }
        self.desk.commit(tx).await?;
        for ended in all {
            let (channel, outcome) = (ended.delivery.channel.name(), word(&ended.attempt));
            metrics::counter!("watchkeeper_delivery_attempts_total", "channel" => channel, "outcome" => outcome)
                .increment(1);
        }
        Ok(())
    }

    async fn keep_in(&self, tx: &mut Tx, ended: &Ended) -> Result<(), RespondError> {
        let desk = &self.desk;
        let now = desk.now();
        let Ended {
            delivery,
            attempt,
            transcript,
        } = ended;
        let (delivery, attempt, outcome) = (delivery.clone(), attempt.clone(), word(attempt));
        let before = delivery.version;
        let second = delivery.channel == Channel::Email && self.second_relay.is_some();
        let (delivery, losing_patience) = delivery.attempted(attempt, now, second).losing_patience(now);
        tx.update_delivery(&delivery, before).await?;
        tx.add_transcript(&delivery.id, now, outcome, transcript).await?;
        let mut detail = json!({"outcome": outcome, "attempt": delivery.attempts, "channel": delivery.channel, "possible_duplicate": delivery.possible_duplicate});
        if let About::Letter { letter, notice, .. } = &delivery.about {
            // What the recipient can be shown: this text, and that a server took it.
            detail["notice"] = json!(notice);
            detail["text_sha256"] = json!(tx.letter(letter).await?.text_sha256());
        }
        let by = Actor::worker("delivery");
        desk.record(tx, &by, "delivery.attempted", delivery.id.as_str(), detail)
            .await?;
        self.follow(tx, &delivery, now).await?;
        if let (true, Some(letter)) = (losing_patience, LetterOf::of(&delivery)) {
            let what = format!("is put off since {} h and tried on", PATIENCE.num_hours());
            desk.try_next_contact(tx, &delivery, letter, &what, now).await?;
        }
        Ok(())
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
        for one in &claimed {
            if let Some(data_at) = one.interrupted {
                self.say_duplicate(&mut tx, &one.delivery, data_at).await?;
            }
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

/// How an attempt ended, in a word.
fn word(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Accepted { .. } => "accepted",
        Attempt::Deferred { .. } => "deferred",
        Attempt::Refused { .. } => "refused",
        Attempt::Unknown { .. } => "unknown",
    }
}

/// The channel behind the lock that keeps drills inside.
fn guarded(desk: &Desk, channel: Arc<dyn deliver::Channel>) -> Arc<dyn deliver::Channel> {
    Arc::new(deliver::DrillGuard::before(
        channel,
        desk.house().drill.reach.clone(),
    ))
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
