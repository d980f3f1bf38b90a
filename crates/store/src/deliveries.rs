//! The outbox: messages frozen when they are decided, claimed by lease, never silently lost.

use crate::body::{count, found, parse, read, read_all, write};
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::{CustomerId, DeliveryId, IncidentId, NoticeId, ObligationId};
use watchkeeper_domain::matter::MatterId;

pub(crate) const DELIVERY: &str = "delivery";
pub(crate) const PROBE: (&str, &str) = (DELIVERY, "SELECT version FROM delivery WHERE id = $1");

/// How many deliveries stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    /// To be tried.
    pub queued: u64,
    /// Being tried.
    pub claimed: u64,
    /// Taken by our relay or the topic.
    pub accepted: u64,
    /// Refused for good.
    pub refused: u64,
    /// Reported as not arrived.
    pub bounced: u64,
}

/// What was said during one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transcript {
    /// When the attempt ended.
    pub at: DateTime<Utc>,
    /// How.
    pub outcome: String,
    /// The conversation, without secrets and without the message.
    pub lines: Vec<String>,
}

/// When somebody must look at it again.
fn next_at(state: &DeliveryState) -> Option<DateTime<Utc>> {
    match state {
        DeliveryState::Queued { next_attempt_at, .. } => Some(*next_attempt_at),
        DeliveryState::Claimed { until, .. } => Some(*until),
        DeliveryState::Accepted { .. } | DeliveryState::Refused { .. } | DeliveryState::Bounced { .. } => {
            None
        }
    }
}

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, delivery: &Delivery) -> Result<Statement, StoreError> {
    let (notice, customer, obligation) = match &delivery.about {
        // A dry run tells nobody: it is no delivery of the notice's letters.
        About::Page { .. } | About::HousePage { .. } | About::DryRun { .. } | About::Checkpoint { .. } => {
            (None, None, None)
        }
        About::Asking { customer, .. } => (None, Some(customer), None),
        About::Letter {
            notice,
            customer,
            obligation,
            ..
        } => (Some(notice), Some(customer), obligation.as_ref()),
    };
    Ok(statement
        .bind(&delivery.id)
        .bind(delivery.version)
        .bind(delivery.about.matter())
        .bind(notice)
        .bind(customer)
        .bind(delivery.recipient.as_str())
        .bind(delivery.state.name())
        .bind(micros(delivery.created_at))
        .bind(next_at(&delivery.state))
        .bind(write(DELIVERY, delivery.id.as_str(), delivery)?)
        .bind(delivery.destination())
        .bind(obligation))
}

impl Tx {
    /// Puts a message into the outbox; `false` says that it was there already (decided twice is sent once) and nothing has changed.
    pub async fn enqueue(&mut self, delivery: &Delivery, message: &[u8]) -> Result<bool, StoreError> {
        let insert = sql(
            "INSERT INTO delivery (id, version, matter, notice, customer, recipient, state, created_at, next_at, \
             body, destination, obligation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
        );
        if self.execute(columns(insert, delivery)?).await? == 0 {
            return Ok(false);
        }
        let freeze = sql("INSERT INTO delivery_message (delivery, message) VALUES ($1, $2)")
            .bind(&delivery.id)
            .bind(message);
        self.execute(freeze).await?;
        Ok(true)
    }

    /// Keeps a changed delivery, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_delivery(
        &mut self,
        delivery: &Delivery,
        read_version: i64,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE delivery SET version = $2, matter = $3, notice = $4, customer = $5, recipient = $6, \
             state = $7, created_at = $8, next_at = $9, body = $10, destination = $11, obligation = $12 \
             WHERE id = $1 AND version = $13",
        );
        let changed = self
            .execute(columns(update, delivery)?.bind(read_version))
            .await?;
        self.must_have_changed(changed, PROBE, delivery.id.as_str(), read_version)
            .await
    }

    /// A delivery, or [`StoreError::NotFound`].
    pub async fn delivery(&mut self, id: &DeliveryId) -> Result<Delivery, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM delivery WHERE id = $1").bind(id));
        let (body,) = found(row.await?, DELIVERY, id.as_str())?;
        read(DELIVERY, id.as_str(), &body)
    }

    /// The message of a delivery as it was frozen; none where it was erased.
    pub async fn delivery_message(&mut self, id: &DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sql("SELECT message FROM delivery_message WHERE delivery = $1").bind(id);
        let row = self.first::<(Vec<u8>,)>(row).await?;
        let (message,) = found(row, "message of delivery", id.as_str())?;
        Ok(Some(message).filter(|message| !message.is_empty()))
    }

    /// Every delivery of an incident or a change, the oldest first.
    pub async fn deliveries_of(&mut self, matter: impl Into<MatterId>) -> Result<Vec<Delivery>, StoreError> {
        let rows = sql("SELECT id, body FROM delivery WHERE matter = $1 ORDER BY created_at, id")
            .bind(&matter.into());
        read_all(DELIVERY, self.all(rows).await?)
    }

    /// Every delivery of a notice's letters, the oldest first.
    pub async fn deliveries_of_notice(&mut self, notice: &NoticeId) -> Result<Vec<Delivery>, StoreError> {
        let rows =
            sql("SELECT id, body FROM delivery WHERE notice = $1 ORDER BY created_at, id").bind(notice);
        read_all(DELIVERY, self.all(rows).await?)
    }

    /// The newest deliveries of letters, and of questions whether a contact is right, to a customer, at most `limit`, the newest first.
    pub async fn deliveries_of_customer(
        &mut self,
        customer: &CustomerId,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM delivery WHERE customer = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .bind(customer)
        .bind(limit);
        read_all(DELIVERY, self.all(rows).await?)
    }

    /// Every delivery of letters to a customer about one incident or change, the oldest first: the proof of having told.
    pub async fn deliveries_to(
        &mut self,
        matter: impl Into<MatterId>,
        customer: &CustomerId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM delivery WHERE matter = $1 AND customer = $2 \
             ORDER BY created_at, id",
        )
        .bind(&matter.into())
        .bind(customer);
        read_all(DELIVERY, self.all(rows).await?)
    }

    /// Keeps what was said during an attempt that ended at `at`.
    pub async fn add_transcript(
        &mut self,
        id: &DeliveryId,
        at: DateTime<Utc>,
        outcome: &str,
        lines: &[String],
    ) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO transcript (delivery, at, outcome, lines) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(at)
            .bind(outcome)
            .bind(write("transcript", id.as_str(), &lines)?);
        self.execute(insert).await?;
        Ok(())
    }

    /// What was said during every attempt, the first one first.
    pub async fn transcripts(&mut self, id: &DeliveryId) -> Result<Vec<Transcript>, StoreError> {
        let rows =
            sql("SELECT at, outcome, lines FROM transcript WHERE delivery = $1 ORDER BY position").bind(id);
        let rows = self.all::<(i64, String, String)>(rows).await?;
        rows.into_iter()
            .map(|(at, outcome, lines)| {
                Ok(Transcript {
                    at: instant(at)?,
                    outcome,
                    lines: read("transcript", id.as_str(), &lines)?,
                })
            })
            .collect()
    }

    /// When the next delivery is to be tried, or the next lease runs out.
    pub async fn next_delivery_at(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sql("SELECT MIN(next_at) FROM delivery WHERE next_at IS NOT NULL");
        self.one::<(Option<i64>,)>(row).await?.0.map(instant).transpose()
    }

    /// How many deliveries somebody has claimed: their messages are being sent, or whoever sent them died and the claim has not run out.
    pub async fn deliveries_under_way(&mut self) -> Result<u64, StoreError> {
        let row = sql("SELECT COUNT(*) FROM delivery WHERE next_at IS NOT NULL AND state = 'claimed'");
        Ok(count(self.one::<(i64,)>(row).await?.0))
    }

    /// How many deliveries of an incident stand where.
    pub async fn delivery_counts(&mut self, incident: &IncidentId) -> Result<DeliveryCounts, StoreError> {
        let rows =
            sql("SELECT state, COUNT(*) FROM delivery WHERE matter = $1 GROUP BY state").bind(incident);
        let mut counts = DeliveryCounts::default();
        for (state, n) in self.all::<(String, i64)>(rows).await? {
            match state.as_str() {
                "queued" => counts.queued = count(n),
                "claimed" => counts.claimed = count(n),
                "accepted" => counts.accepted = count(n),
                "bounced" => counts.bounced = count(n),
                _ => counts.refused += count(n),
            }
        }
        Ok(counts)
    }

    /// The addresses of a customer that a notice was ever put into the outbox for.
    pub async fn addresses_tried(
        &mut self,
        notice: &NoticeId,
        customer: &CustomerId,
    ) -> Result<BTreeSet<String>, StoreError> {
        let rows = sql("SELECT DISTINCT recipient FROM delivery WHERE notice = $1 AND customer = $2")
            .bind(notice)
            .bind(customer);
        let rows = self.all::<(String,)>(rows).await?;
        Ok(rows.into_iter().map(|(recipient,)| recipient).collect())
    }
}

impl Tx {
    /// How many messages of a notice a mail server has accepted for a customer.
    pub async fn letters_accepted(
        &mut self,
        notice: &NoticeId,
        customer: &CustomerId,
    ) -> Result<u64, StoreError> {
        let row =
            sql("SELECT COUNT(*) FROM delivery WHERE notice = $1 AND customer = $2 AND state = 'accepted'")
                .bind(notice)
                .bind(customer);
        Ok(count(self.one::<(i64,)>(row).await?.0))
    }

    /// The addresses of a customer at which a message of an incident or a change bounced.
    pub async fn addresses_bounced(
        &mut self,
        matter: impl Into<MatterId>,
        customer: &CustomerId,
    ) -> Result<BTreeSet<String>, StoreError> {
        let rows = sql(
            "SELECT DISTINCT recipient FROM delivery WHERE matter = $1 AND customer = $2 \
             AND state = 'bounced'",
        )
        .bind(&matter.into())
        .bind(customer);
        let rows = self.all::<(String,)>(rows).await?;
        Ok(rows.into_iter().map(|(recipient,)| recipient).collect())
    }

    /// Customers of an incident with a letter that is on its way or was accepted, each with the obligation that the letter was written
    /// for; letters of older versions name none.
    pub async fn customers_with_letters_underway(
        &mut self,
        incident: &IncidentId,
    ) -> Result<BTreeSet<(CustomerId, Option<ObligationId>)>, StoreError> {
        let rows = sql(
            "SELECT DISTINCT customer, obligation FROM delivery WHERE matter = $1 AND customer IS NOT NULL \
             AND state NOT IN ('refused', 'bounced')",
        )
        .bind(incident);
        let rows = self.all::<(String, Option<String>)>(rows).await?;
        rows.into_iter()
            .map(|(customer, obligation)| {
                Ok((
                    parse("customer of a delivery", customer)?,
                    obligation
                        .map(|id| parse("obligation of a delivery", id))
                        .transpose()?,
                ))
            })
            .collect()
    }
}
