//! Seals the audit log: from time to time it signs a checkpoint of the Merkle tree over all records. What does not fit what was
//! sealed before is never sealed over: the worker fails until somebody has looked, and readiness with it.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use async_trait::async_trait;
use watchkeeper_domain::audit::note::Note;
use watchkeeper_domain::audit::{GENESIS, Verifier};
use watchkeeper_store::{KeptCheckpoint, Tx};

/// How many records one turn seals; a log that is so far ahead of its checkpoint is sealed at once.
const AT_ONCE: u32 = 5_000;

/// Seals the audit log.
#[derive(Debug)]
pub struct Sealing {
    desk: Desk,
}

impl Sealing {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// A walk that goes on behind the last checkpoint, once it is certain that what stands there is what was signed.
    async fn behind(&self, tx: &mut Tx, last: Option<&KeptCheckpoint>) -> Result<Verifier, RespondError> {
        let Some(last) = last else {
            return Ok(Verifier::default());
        };
        let signed = Note::read(&last.note).and_then(|note| note.checkpoint(self.desk.log_key()));
        let signed = signed.map_err(broken)?;
        let tree = tx.audit_tree(last.size).await?;
        if tree.root() != signed.root {
            return Err(broken(format!(
                "its first {} records are not those that the checkpoint of {} stands for; run \
                 `watchkeeper audit verify`, which names the record",
                last.size, last.at
            )));
        }
        let upto = i64::try_from(last.size).unwrap_or(i64::MAX);
        let hash = tx.audit_after(upto - 1, 1).await?.into_iter().next();
        Ok(Verifier::from(
            tree,
            hash.map_or(GENESIS.to_owned(), |record| record.hash),
        ))
    }

    /// Seals everything that the log has by now, whatever was sealed last, so that what leaves the house can be proved.
    ///
    /// # Errors
    /// As the worker's turn.
    pub async fn everything(&self) -> Result<(), RespondError> {
        while self.seal(|_, _| true).await? == Turn::Busy {}
        Ok(())
    }

    /// Seals what is not sealed yet, if there is something and it is `due`, given the last checkpoint and how many records came since.
    async fn seal<D>(&self, due: D) -> Result<Turn, RespondError>
    where
        D: Fn(Option<&KeptCheckpoint>, u64) -> bool + Send + Sync,
    {
        let desk = &self.desk;
        let due = |last: Option<&KeptCheckpoint>, head: i64| {
            let size = last.map_or(0, |last| last.size);
            let unsealed = u64::try_from(head).unwrap_or_default().saturating_sub(size);
            unsealed > 0 && due(last, unsealed)
        };
        let mut tx = desk.store.read().await?;
        let (head, _) = tx.audit_head().await?;
        if !due(tx.last_checkpoint().await?.as_ref(), head) {
            return Ok(Turn::Idle);
        }
        drop(tx);
        // Only one seals at a time, and nobody appends meanwhile.
        let mut tx = desk.begin().await?;
        let last = tx.last_checkpoint().await?;
        let (head, head_hash) = tx.audit_head().await?;
        if !due(last.as_ref(), head) {
            return Ok(Turn::Idle);
        }
        let mut walk = self.behind(&mut tx, last.as_ref()).await?;
        let size = |walk: &Verifier| i64::try_from(walk.tree().size()).unwrap_or(i64::MAX);
        let mut completed = Vec::new();
        for record in tx.audit_after(size(&walk), AT_ONCE).await? {
            completed.extend(walk.check(&record).map_err(broken)?);
        }
        let more = size(&walk) < head;
        if !more {
            walk.clone().finish(head, &head_hash).map_err(broken)?;
        }
        let checkpoint = KeptCheckpoint {
            size: walk.tree().size(),
            at: desk.now(),
            note: desk.signer.sign(walk.tree().size(), walk.tree().root()),
        };
        tx.keep_checkpoint(&checkpoint, &completed).await?;
        // Nothing that people see has changed, so nobody is woken.
        tx.commit().await?;
        Ok(if more { Turn::Busy } else { Turn::Idle })
    }
}

/// The log does not say any more what its checkpoints say.
fn broken(what: impl std::fmt::Display) -> RespondError {
    RespondError::Unavailable(format!("the audit log is not sealed any further: {what}"))
}

#[async_trait]
impl Worker for Sealing {
    fn name(&self) -> &'static str {
        "sealing"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let (now, every) = (self.desk.now(), self.desk.house.seal_every.duration());
        self.seal(|last, unsealed| {
            let waited = last.is_none_or(|last| now - last.at >= every);
            waited || unsealed >= u64::from(AT_ONCE)
        })
        .await
    }
}
