//! How sources are doing: what the watch kept of each, and what is wrong with them.

use crate::desk::{Desk, RespondError};
use crate::source_status::SourceStatus;
use crate::workers::sources::ROUTINE;
use serde_json::Value;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::source_health::SourceHealth;
use watchkeeper_store::{Routine, Tx};

impl Desk {
    /// The figures of every source that was ever read, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn source_statuses(
        &self,
        tx: &mut Tx,
    ) -> Result<Vec<(SourceName, SourceStatus)>, RespondError> {
        let kept = tx.source_statuses().await?;
        let read = |(name, status): (SourceName, Value)| {
            let status = serde_json::from_value(status).map_err(|fault| {
                RespondError::Unavailable(format!(
                    "the figures of source {name} cannot be read back: {fault}"
                ))
            })?;
            Ok((name, status))
        };
        kept.into_iter().map(read).collect()
    }

    /// What is wrong with the sources, as the last look saw it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn source_health(&self, tx: &mut Tx) -> Result<SourceHealth, RespondError> {
        let planned: Option<Routine<SourceHealth>> = tx.routine(ROUTINE).await?;
        Ok(planned.map(|planned| planned.memory).unwrap_or_default())
    }
}
