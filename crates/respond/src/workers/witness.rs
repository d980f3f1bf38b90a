//! Sends the newest checkpoint of the audit log out of the house, to witnesses who keep it: every week, also when nothing happened. Every
//! mail carries one in its header, but a quiet house sends none, and a log of which nothing stands elsewhere can be rewritten unseen.

use super::seal::Sealing;
use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_store::{Routine, Tx};

/// The name of the row that has when it is due.
pub(crate) const ROUTINE: &str = "witness";

/// How often a checkpoint goes to the witnesses.
const EVERY: Duration = Duration::days(7);

/// What became of the checkpoints that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witnessed {
    /// When one was last put on its way.
    #[serde(default)]
    pub(crate) sent_at: Option<DateTime<Utc>>,
    /// When the mail server of a witness, or our relay for it, last took one.
    #[serde(default)]
    pub(crate) taken_at: Option<DateTime<Utc>>,
}

/// Sends checkpoints to witnesses.
#[derive(Debug)]
pub struct Witness {
    desk: Desk,
}

impl Witness {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// What was planned; for the first time, now.
    async fn planned(&self) -> Result<Routine<Witnessed>, RespondError> {
        let desk = &self.desk;
        if let Some(planned) = desk.store.read().await?.routine(ROUTINE).await? {
            return Ok(planned);
        }
        let (due_at, memory) = (desk.now(), Witnessed::default());
        let mut tx = desk.store.begin().await?;
        tx.plan_routine(ROUTINE, due_at, &memory).await?;
        tx.commit().await?;
        Ok(Routine {
            version: 1,
            due_at,
            memory,
        })
    }
}

#[async_trait]
impl Worker for Witness {
    fn name(&self) -> &'static str {
        "witness"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        if desk.house.witnesses.is_empty() {
            return Ok(Turn::Idle);
        }
        if self.planned().await?.due_at > desk.now() {
            return Ok(Turn::Idle);
        }
        // What leaves the house stands for everything until now.
        Sealing::new(desk.clone()).everything().await?;
        let now = desk.now();
        let mut tx = desk.begin().await?;
        let planned: Option<Routine<Witnessed>> = tx.routine(ROUTINE).await?;
        let (Some(planned), Some(last)) = (planned, tx.last_checkpoint().await?) else {
            return Ok(Turn::Idle);
        };
        if planned.due_at > now {
            // Another process was faster.
            return Ok(Turn::Idle);
        }
        let occasion = planned.due_at.timestamp_micros().to_string();
        for witness in &desk.house.witnesses {
            desk.enqueue_checkpoint(&mut tx, &last, witness, &occasion)
                .await?;
        }
        let next = Routine {
            version: planned.version + 1,
            due_at: now + EVERY,
            memory: Witnessed {
                sent_at: Some(now),
                ..planned.memory
            },
        };
        tx.update_routine(ROUTINE, &next, planned.version).await?;
        let detail = json!({"size": last.size, "witnesses": desk.house.witnesses.len()});
        desk.record(&mut tx, &Actor::worker(ROUTINE), "checkpoint.sent", "log", detail)
            .await?;
        desk.commit(tx).await?;
        Ok(Turn::Busy)
    }
}

/// A server took a checkpoint for a witness.
pub(crate) async fn taken(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), RespondError> {
    let Some(planned) = tx.routine::<Witnessed>(ROUTINE).await? else {
        return Ok(());
    };
    let next = Routine {
        version: planned.version + 1,
        due_at: planned.due_at,
        memory: Witnessed {
            taken_at: Some(now),
            ..planned.memory
        },
    };
    tx.update_routine(ROUTINE, &next, planned.version).await?;
    Ok(())
}
