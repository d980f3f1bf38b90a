//! Carries the outbox out: claims by lease, commits "entering DATA" before the bytes go, and commits the answer with what follows
//! from it: a customer was told, the next contact is tried, somebody must pick up the phone.

mod claim;

use super::{Turn, Worker, witness};
use crate::desk::{Desk, RespondError};
use crate::outbox::thaw;
use crate::telling::LetterOf;
use crate::together::{CommitAll, Together};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use claim::{Claim, lease};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::task::{JoinError, JoinSet};
use watchkeeper_deliver as deliver;
use watchkeeper_deliver::IdempotencyKey;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::delivery::report::StatusCode;
use watchkeeper_domain::delivery::{
    About, Attempt, Channel, Delivery, DeliveryState, Hindrance, PATIENCE, Relay,
};
use watchkeeper_store::{Claimed, PerDestination, Tx};

/// How many messages are under way at once.
const AT_ONCE: u32 = 12;

/// How many of them go to one domain, whose server would otherwise put us off.
const AT_ONCE_TO_ONE: u32 = 3;

/// How long a turn waits for messages under way before it looks what else is due.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(250);

/// How an attempt ended, to be committed with what follows from it.
struct Ended {
    delivery: Delivery,
    attempt: Attempt,
    transcript: Vec<String>,
    /// Whether the message was held back since it is not the one that the log binds the delivery to.
    changed: bool,
}

/// Carries the outbox out.
///
/// What was claimed goes on beside the turns: a relay that is silent for half an hour keeps one place, and nothing else waits for it.
#[derive(Debug)]
pub struct Deliveries {
    carrier: Arc<Carrier>,
    under_way: JoinSet<Result<(), RespondError>>,
    claims: Vec<Weak<Claim>>,
}

/// What every message under way needs.
struct Carrier {
    desk: Desk,
    marks: Arc<Together<Delivery, Delivery>>,
    ends: Together<Ended, ()>,
    channels: BTreeMap<Channel, Arc<dyn deliver::Channel>>,
    second_relay: Option<Arc<dyn deliver::Channel>>,
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier")
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
    }
}

impl Deliveries {
    /// A worker at this desk that sends over these channels, each behind the lock that keeps drills inside. The second relay is for when
    /// the first takes no mail.
    #[must_use]
    pub fn new(
        desk: Desk,
        channels: BTreeMap<Channel, Arc<dyn deliver::Channel>>,
        second_relay: Option<Arc<dyn deliver::Channel>>,
    ) -> Self {
        let channels = channels.into_iter();
        let carrier = Carrier {
            channels: channels.map(|(name, it)| (name, guarded(&desk, it))).collect(),
            second_relay: second_relay.map(|relay| guarded(&desk, relay)),
            desk,
            marks: Arc::default(),
            ends: Together::default(),
        };
        Self {
            carrier: Arc::new(carrier),
            under_way: JoinSet::new(),
            claims: Vec::new(),
        }
    }

    /// How many more messages may go now.
    fn room(&self) -> u32 {
        let under_way = u32::try_from(self.under_way.len()).unwrap_or(u32::MAX);
        AT_ONCE.saturating_sub(under_way)
    }

    /// Waits until half of the places are free, so that claims are made for several, and no longer than until it is time to look again.
    ///
    /// # Errors
    /// The first fault of those that ended; what was not kept is claimed again when its lease has run out.
    async fn make_room(&mut self) -> Result<(), RespondError> {
        let mut first = Ok(());
        let time = tokio::time::sleep(LOOK_AGAIN);
        tokio::pin!(time);
        while !self.under_way.is_empty() {
            tokio::select! {
                biased;
                Some(ended) = self.under_way.join_next() => {
                    first = first.and(settled(ended));
                    if self.room() >= AT_ONCE / 2 {
                        break;
                    }
                }
                () = &mut time => break,
            }
        }
        // Whatever ended at the same moment makes room at the same moment.
        while let Some(ended) = self.under_way.try_join_next() {
            first = first.and(settled(ended));
        }
        first
    }
}

impl Carrier {
    /// What carries a delivery's next attempt.
    fn channel_for(&self, delivery: &Delivery) -> Option<&Arc<dyn deliver::Channel>> {
        match &self.second_relay {
            Some(relay) if delivery.channel == Channel::Email && delivery.relay == Relay::Second => {
                Some(relay)
            }
            _ => self.channels.get(&delivery.channel),
        }
    }

    async fn carry(&self, claim: &Claim, message: &[u8]) -> Result<(), RespondError> {
        let delivery = claim.delivery().await;
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
        let message = thaw(message)?;
        if !self.desk.is_as_queued(&delivery, &message).await? {
            let answer =
                "held back: the message is not the one that the record binds this delivery to".to_owned();
            let ended = Ended {
                delivery: claim.delivery().await,
                attempt: Attempt::Refused { answer },
                transcript: Vec::new(),
                changed: true,
            };
            let kept = self.ends.commit(ended, self).await;
            claim.end();
            return kept;
        }
        let key = IdempotencyKey(delivery.id.to_string());
        crate::crash::point("delivery.before_send");
        let result = channel.send(&message, &key, claim).await;
        crate::crash::point("delivery.after_send");
        let (attempt, transcript) = outcome(result);
        let kept = self.keep(claim.delivery().await, attempt, transcript).await;
        claim.end();
        kept
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
            changed: false,
        };
        self.ends.commit(ended, self).await
    }

    async fn keep_in(&self, tx: &mut Tx, ended: &Ended) -> Result<(), RespondError> {
        let desk = &self.desk;
        let now = desk.now();
        let Ended {
            delivery,
            attempt,
            transcript,
            changed,
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
        if let (true, Some(letter)) = (*changed, LetterOf::of(&delivery)) {
            return desk.letter_changed(tx, letter, now).await;
        }
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
        if let About::Checkpoint { .. } = &delivery.about {
            return match &delivery.state {
                DeliveryState::Accepted { .. } => witness::taken(tx, now).await,
                DeliveryState::Refused { answer, .. } => {
                    tracing::error!(delivery = %delivery.id, answer, "a checkpoint did not reach its witness");
                    Ok(())
                }
                _ => Ok(()),
            };
        }
        if let About::Asking { asking, .. } = &delivery.about {
            return match &delivery.state {
                DeliveryState::Refused { answer, .. } if of_address(answer) => {
                    desk.asking_failed(tx, asking, answer).await
                }
                _ => Ok(()),
            };
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
impl CommitAll<Ended, ()> for Carrier {
    async fn commit_all(&self, all: &[Ended]) -> Result<Vec<()>, RespondError> {
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
        Ok(vec![(); all.len()])
    }
}

impl Carrier {
    /// Claims what is due, as far as there is room.
    async fn claim(&self, room: u32) -> Result<Vec<Claimed>, RespondError> {
        let mut tx = self.desk.begin().await?;
        let claimed = tx
            .claim_deliveries(
                self.desk.now(),
                lease(),
                room,
                PerDestination {
                    under_way: AT_ONCE_TO_ONE,
                    pace: self.desk.house().mail_pace,
                },
            )
            .await?;
        let next = tx.next_delivery_at().await?;
        let waiting = next.map_or(0, |at| (self.desk.now() - at).num_seconds().max(0));
        metrics::gauge!("watchkeeper_outbox_overdue_seconds").set(waiting as f64);
        if claimed.is_empty() {
            return Ok(claimed);
        }
        for one in &claimed {
            if let Some(data_at) = one.interrupted {
                self.say_duplicate(&mut tx, &one.delivery, data_at).await?;
            }
        }
        self.desk.commit(tx).await?;
        crate::crash::point("delivery.claimed");
        let mut tx = self.desk.store.begin().await?;
        tx.keep_pace(&claimed, self.desk.now(), self.desk.house().mail_pace)
            .await?;
        tx.commit().await?;
        Ok(claimed)
    }
}

#[async_trait]
impl Worker for Deliveries {
    fn name(&self) -> &'static str {
        "delivery"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        self.claims.retain(|claim| claim.strong_count() > 0);
        for claim in self.claims.iter().filter_map(Weak::upgrade) {
            claim.renew().await;
        }
        let room = self.room();
        if room > 0 {
            for Claimed {
                delivery, message, ..
            } in self.carrier.claim(room).await?
            {
                let carrier = Arc::clone(&self.carrier);
                let marks = Arc::clone(&carrier.marks);
                let claim = Arc::new(Claim::on(delivery, carrier.desk.clone(), marks));
                self.claims.push(Arc::downgrade(&claim));
                self.under_way
                    .spawn(async move { carrier.carry(&claim, &message).await });
            }
        }
        if self.under_way.is_empty() {
            return Ok(Turn::Idle);
        }
        self.make_room().await?;
        Ok(Turn::Busy)
    }

    async fn finish(&mut self) -> Result<(), RespondError> {
        let mut first = Ok(());
        while let Some(ended) = self.under_way.join_next().await {
            first = first.and(settled(ended));
        }
        first
    }
}

/// What became of a message's task.
fn settled(ended: Result<Result<(), RespondError>, JoinError>) -> Result<(), RespondError> {
    ended.unwrap_or_else(|fault| {
        Err(RespondError::Unavailable(format!(
            "what carried a message ended badly: {fault}"
        )))
    })
}

/// Whether a refusal such as `550 5.1.1 no such user` is about the address. Where a server gives no enhanced code, a refusal is.
fn of_address(answer: &str) -> bool {
    let after = answer.split_once(' ').map_or("", |(_, after)| after);
    StatusCode::read(after).is_none_or(StatusCode::is_of_address)
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
