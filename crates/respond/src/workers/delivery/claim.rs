//! The claim on one message while it is under way: renewed for as long as that lasts, and with "entering DATA" committed on it before
//! the bytes go.

use crate::desk::{Desk, RespondError};
use crate::together::{CommitAll, Together};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use std::sync::{Arc, PoisonError};
use tokio::sync::Mutex;
use watchkeeper_deliver::{StageError, StageRecorder};
use watchkeeper_domain::delivery::{Delivery, DeliveryState};
use watchkeeper_store::StoreError;

/// How long a claim holds without being renewed. A process that dies leaves its messages to the next one after this.
pub(super) fn lease() -> Duration {
    Duration::seconds(90)
}

/// With how little of it left a claim is renewed while its message is under way: one SMTP conversation may take half an hour (RFC 5321
/// §4.5.3.2).
fn renewed_with() -> Duration {
    Duration::seconds(60)
}

/// The claim on one delivery.
pub(super) struct Claim {
    desk: Desk,
    marks: Arc<Together<Delivery, Delivery>>,
    delivery: Mutex<Delivery>,
    /// Until when the claim holds; none once the attempt has ended.
    holds: std::sync::Mutex<Option<DateTime<Utc>>>,
}

/// Until when a delivery is claimed.
fn claimed_until(delivery: &Delivery) -> Option<DateTime<Utc>> {
    match delivery.state {
        DeliveryState::Claimed { until, .. } => Some(until),
        _ => None,
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}

impl Claim {
    /// The claim on what was just claimed. What several mark at the same moment is one commit.
    pub(super) fn on(delivery: Delivery, desk: Desk, marks: Arc<Together<Delivery, Delivery>>) -> Self {
        Self {
            desk,
            marks,
            holds: std::sync::Mutex::new(claimed_until(&delivery)),
            delivery: Mutex::new(delivery),
        }
    }

    /// The delivery as it is now.
    pub(super) async fn delivery(&self) -> Delivery {
        self.delivery.lock().await.clone()
    }

    /// How the attempt ended is kept: there is nothing to hold any more. Until then the claim is renewed, since whoever waits to keep it
    /// would otherwise lose it where time has leapt.
    pub(super) fn end(&self) {
        self.hold(None);
    }

    fn hold(&self, until: Option<DateTime<Utc>>) {
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Renews the claim where little of it is left, and also where time has leapt past its end: nobody else may claim what is under way
    /// here.
    pub(super) async fn renew(&self) {
        let now = self.desk.now();
        let holds = *self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if holds.is_none_or(|until| until - now > renewed_with()) {
            return;
        }
        let delivery = self.delivery.lock().await;
        let renewed = async {
            let mut tx = self.desk.store.begin().await?;
            tx.extend_lease(&delivery.id, delivery.version, now + lease())
                .await?;
            tx.commit().await
        };
        match renewed.await {
            Ok(()) => self.hold(Some(now + lease())),
            // How the attempt ended was kept at the same moment.
            Err(StoreError::Conflict { .. }) => {
                tracing::debug!(delivery = %delivery.id, "a claim is not renewed: its attempt has ended");
            }
            // The message goes on: at worst the claim runs out and the recipient has it twice, flagged.
            Err(fault) => tracing::warn!(delivery = %delivery.id, %fault, "a claim could not be renewed"),
        }
    }
}

#[async_trait]
impl CommitAll<Delivery, Delivery> for Claim {
    async fn commit_all(&self, all: &[Delivery]) -> Result<Vec<Delivery>, RespondError> {
        let mut tx = self.desk.store.begin().await?;
        let mut marked = Vec::with_capacity(all.len());
        for one in all {
            marked.push(tx.mark_data(&one.id, one.version, self.desk.now()).await?);
        }
        tx.commit().await?;
        Ok(marked)
    }
}

#[async_trait]
impl StageRecorder for Claim {
    async fn entering_data(&self) -> Result<(), StageError> {
        let mut delivery = self.delivery.lock().await;
        crate::crash::point("delivery.entering_data");
        let marked = self.marks.commit(delivery.clone(), self).await;
        *delivery = marked.map_err(|fault| StageError(fault.to_string()))?;
        self.hold(claimed_until(&delivery));
        crate::crash::point("delivery.in_data");
        Ok(())
    }
}
