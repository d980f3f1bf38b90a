//! What stands for the audit log outside of it: signed checkpoints, and proofs that a record is in the log.

use crate::desk::{Desk, RespondError};
use std::sync::Arc;
use watchkeeper_domain::audit::note::{InclusionProof, Signer, VerifierKey};
use watchkeeper_domain::audit::{Record, tree};
use watchkeeper_domain::id::bytes_of;
use watchkeeper_store::{KeptCheckpoint, LOG_KEY, Store, Tx};

/// Under this name the setting has the secret that checkpoints are signed with.
const SECRET: &str = "log_secret";

/// The signer of the store's log: made at the first start, with a name that stays, whatever the service is called later.
pub(crate) async fn signer_kept_in(store: &Store, base_url: &str) -> Result<Arc<Signer>, RespondError> {
    let unusable = |what: &str, why: String| {
        RespondError::Unavailable(format!(
            "the setting `{what}` in the database cannot be used ({why}); restore it from a backup: with another key nobody can \
             verify what comes next by what came before"
        ))
    };
    let mut tx = store.begin().await?;
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let secret = tx.setting_or(SECRET, &secret).await?;
    let bytes = bytes_of(&secret).ok_or_else(|| unusable(SECRET, "it is not 64 hex digits".to_owned()))?;
    let named = |name: &str| Signer::new(name, &bytes).map_err(|fault| unusable(LOG_KEY, fault.to_string()));
    let first = named(&origin(base_url))?;
    let key = tx.setting_or(LOG_KEY, &first.verifier().to_string()).await?;
    tx.commit().await?;
    let key = VerifierKey::read(&key).map_err(|fault| unusable(LOG_KEY, fault.to_string()))?;
    let signer = named(&key.name)?;
    if *signer.verifier() != key {
        return Err(unusable(SECRET, format!("it does not belong to {LOG_KEY}")));
    }
    Ok(Arc::new(signer))
}

/// The log's name: where it is kept, without a scheme, as C2SP tlog-checkpoint asks for.
fn origin(base_url: &str) -> String {
    let place = base_url.split_once("://").map_or(base_url, |(_, place)| place);
    let place: String = place
        .chars()
        .map(|c| if c == '+' || c.is_whitespace() { '-' } else { c })
        .collect();
    format!("{}/audit", place.trim_end_matches('/'))
}

impl Desk {
    /// What the log's checkpoints are verified with: to be noted where nobody who keeps this log can change it.
    #[must_use]
    pub fn log_key(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// The newest signed checkpoint of the log; none before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_checkpoint(&self) -> Result<Option<KeptCheckpoint>, RespondError> {
        Ok(self.store.read().await?.last_checkpoint().await?)
    }

    /// Proof that record `seq` is in the log, by the first checkpoint that has it; none while there is no such record or no such
    /// checkpoint.
    ///
    /// # Errors
    /// When the store cannot be read, or what it keeps of the tree has gaps.
    pub async fn prove(&self, seq: i64) -> Result<Option<InclusionProof>, RespondError> {
        prove(&mut self.store.read().await?, seq).await
    }
}

/// Proof that record `seq` is in the log of this store.
///
/// # Errors
/// As [`Desk::prove`].
pub async fn prove(tx: &mut Tx, seq: i64) -> Result<Option<InclusionProof>, RespondError> {
    let Some(index) = u64::try_from(seq).ok().and_then(|seq| seq.checked_sub(1)) else {
        return Ok(None);
    };
    let Some(checkpoint) = tx.checkpoint_with(seq).await? else {
        return Ok(None);
    };
    let Some(record) = tx
        .audit_after(seq - 1, 1)
        .await?
        .into_iter()
        .find(|r| r.seq == seq)
    else {
        return Ok(None);
    };
    prove_by(tx, &record, index, &checkpoint).await.map(Some)
}

/// Proof that the record with this index is in the log, by a checkpoint that has it.
pub(crate) async fn prove_by(
    tx: &mut Tx,
    record: &Record,
    index: u64,
    checkpoint: &KeptCheckpoint,
) -> Result<InclusionProof, RespondError> {
    let path = tx.audit_hashes(&tree::inclusion(index, checkpoint.size)).await?;
    Ok(InclusionProof {
        record: line(record)?,
        index,
        path,
        note: checkpoint.note.clone(),
    })
}

/// A record as the log exports it: one line of JSON.
///
/// # Errors
/// When it cannot be written as JSON, which no record of a log is.
pub fn line(record: &Record) -> Result<String, RespondError> {
    serde_json::to_string(record)
        .map_err(|fault| RespondError::Unavailable(format!("record {}: {fault}", record.seq)))
}
