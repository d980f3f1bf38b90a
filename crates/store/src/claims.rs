//! Claims on the outbox: a claim is a short transaction of its own, and no transaction is held while a message goes out. Who dies with a
//! claim in hand leaves a lease that runs out, and whether the recipient has the message is then unknown from the instant its bytes
//! began to go out.

use crate::body::{found, read_all};
use crate::deliveries::{DELIVERY, PROBE};
use crate::statement::{instant, sql};
use crate::{StoreError, Tx, dialect};
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use watchkeeper_domain::delivery::pace::Pace;
use watchkeeper_domain::delivery::{Delivery, DeliveryState};
use watchkeeper_domain::id::DeliveryId;

/// How many of the deliveries that are due are looked at, before all of them are.
const LOOK_AT: i64 = 512;

/// A delivery that is the caller's to send until its lease runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The delivery, claimed; its version is the one to name when the attempt has ended.
    pub delivery: Delivery,
    /// The message as it was frozen.
    pub message: Vec<u8>,
    /// When the bytes of the attempt before began to go out, where its lease ran out without an answer: the recipient may have the
    /// message already.
    pub interrupted: Option<DateTime<Utc>>,
}

/// How much goes to one destination, whose server would otherwise put us off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerDestination {
    /// How many messages are under way at a time.
    pub under_way: u32,
    /// How many messages to customers go a minute. Pages are counted, and never wait.
    pub pace: Pace,
}

impl Tx {
    /// Claims at most `limit` deliveries that are due, or whose claim has run out, until `now + lease`, and no more to any destination
    /// than `per_destination` has room for; each counts one attempt more. What has to wait for its destination is not touched. Two
    /// claimers never get the same one. Commit before anything is sent.
    pub async fn claim_deliveries(
        &mut self,
        now: DateTime<Utc>,
        lease: Duration,
        limit: u32,
        per_destination: PerDestination,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut due = self.due_among(LOOK_AT, now, limit, per_destination).await?;
        if due.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            // Those that come first may all go to destinations that take no more now.
            due = self.due_among(i64::MAX, now, limit, per_destination).await?;
        }
        self.claim(due, now + lease).await
    }

    /// Of the first `look_at` deliveries that are due, at most `limit` that their destinations have room for.
    async fn due_among(
        &mut self,
        look_at: i64,
        now: DateTime<Utc>,
        limit: u32,
        per_destination: PerDestination,
    ) -> Result<Vec<Delivery>, StoreError> {
        let due = sql(
            // The condition stands outside too: a row that another claimer got meanwhile is looked at again, and only by this one.
            "SELECT id, body FROM delivery WHERE next_at IS NOT NULL AND next_at <= $1 AND id IN (\
                 SELECT id FROM (\
                     SELECT id, destination, customer, ROW_NUMBER() OVER (PARTITION BY destination ORDER BY next_at, id) AS place \
                     FROM (SELECT id, destination, customer, next_at FROM delivery WHERE next_at IS NOT NULL AND next_at <= $1 \
                         ORDER BY next_at, id LIMIT $4) AS first) AS due \
                 WHERE place <= $3 - (SELECT COUNT(*) FROM delivery AS busy WHERE busy.next_at IS NOT NULL \
                     AND busy.next_at > $1 AND busy.state = 'claimed' AND busy.destination = due.destination) \
                 AND (customer IS NULL OR place * $6 <= $5 - COALESCE((SELECT CASE WHEN bucket.full_at > $1 \
                     THEN bucket.full_at - $1 ELSE 0 END FROM destination_pace AS bucket \
                     WHERE bucket.destination = due.destination), 0))) \
             ORDER BY next_at, id LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .bind(per_destination.under_way)
        .bind(look_at)
        .bind(per_destination.pace.capacity().num_microseconds().unwrap_or(i64::MAX))
        .bind(per_destination.pace.interval().num_microseconds().unwrap_or(1))
        .and(dialect::skip_locked(self.engine()));
        read_all(DELIVERY, self.all(due).await?)
    }

    /// Takes what was claimed from the buckets of its destinations. It is a transaction of its own, after that of the claim: claimers
    /// that meet at one bucket wait for each other here, and not with claims in hand.
    pub async fn keep_pace(
        &mut self,
        claimed: &[Claimed],
        now: DateTime<Utc>,
        pace: Pace,
    ) -> Result<(), StoreError> {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        for one in claimed {
            *taken.entry(one.delivery.destination()).or_default() += 1;
        }
        for (destination, taken) in taken {
            let row =
                sql("SELECT full_at FROM destination_pace WHERE destination = $1").bind(destination.as_str());
            let full_at = self.first::<(i64,)>(row).await?;
            let full_at = full_at.map(|(at,)| instant(at)).transpose()?;
            let upsert = sql(
                "INSERT INTO destination_pace (destination, full_at) VALUES ($1, $2) \
                 ON CONFLICT (destination) DO UPDATE SET full_at = excluded.full_at",
            )
            .bind(destination.as_str())
            .bind(pace.full_after(full_at, now, taken));
            self.execute(upsert).await?;
        }
        Ok(())
    }

    async fn claim(&mut self, due: Vec<Delivery>, until: DateTime<Utc>) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::with_capacity(due.len());
        for mut delivery in due {
            let read_version = delivery.version;
            let interrupted = match &delivery.state {
                DeliveryState::Claimed { data_at, .. } => *data_at,
                _ => None,
            };
            delivery.version += 1;
            delivery.attempts += 1;
            // Kept at once: whoever claims it now may die as well, and the doubt must outlive that.
            delivery.possible_duplicate |= interrupted.is_some();
            delivery.state = DeliveryState::Claimed { until, data_at: None };
            self.update_delivery(&delivery, read_version).await?;
            let message = self.delivery_message(&delivery.id).await?;
            let message = found(message, "message of delivery", delivery.id.as_str())?;
            claimed.push(Claimed {
                delivery,
                message,
                interrupted,
            });
        }
        Ok(claimed)
    }

    /// Notes that the message's bytes begin to go out at `at`, and gives the delivery with its new version. Commit before the first
    /// byte.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the claim is no longer the caller's: then nothing may be sent.
    pub async fn mark_data(
        &mut self,
        id: &DeliveryId,
        read_version: i64,
        at: DateTime<Utc>,
    ) -> Result<Delivery, StoreError> {
        let mut delivery = self.delivery(id).await?;
        let conflict = |found| StoreError::Conflict {
            what: DELIVERY,
            id: id.to_string(),
            expected: read_version,
            found,
        };
        if delivery.version != read_version {
            return Err(conflict(delivery.version));
        }
        let DeliveryState::Claimed { data_at, .. } = &mut delivery.state else {
            return Err(conflict(delivery.version));
        };
        *data_at = Some(at);
        delivery.version += 1;
        self.update_delivery(&delivery, read_version).await?;
        Ok(delivery)
    }

    /// Lets a claim hold until `until`, while its message is under way.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the claim is no longer the caller's.
    pub async fn extend_lease(
        &mut self,
        id: &DeliveryId,
        read_version: i64,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let update =
            sql("UPDATE delivery SET next_at = $2 WHERE id = $1 AND version = $3 AND state = 'claimed'")
                .bind(id)
                .bind(until)
                .bind(read_version);
        let changed = self.execute(update).await?;
        self.must_have_changed(changed, PROBE, id.as_str(), read_version)
            .await
    }
}
