//! Takes the steps of changes: the warning before telling is late, the record that it is late, and that a change takes effect, told or
//! not.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use async_trait::async_trait;
use serde_json::json;
use watchkeeper_domain::actor::Actor;

/// How many changes one turn looks at.
const AT_ONCE: u32 = 100;

/// Takes the steps of changes.
#[derive(Debug)]
pub struct Changes {
    desk: Desk,
}

impl Changes {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }
}

#[async_trait]
impl Worker for Changes {
    fn name(&self) -> &'static str {
        "changes"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        let mut tx = desk.begin().await?;
        let now = desk.now();
        let by = Actor::worker("changes");
        let mut taken = 0;
        for change in tx.changes_due(now, AT_ONCE).await? {
            let (before, known) = (change.version, change.steps.len());
            let Some(outcome) = change.take_due(now) else {
                continue;
            };
            let said = Said {
                by: &by,
                action: "change.step_taken",
                detail: json!({
                    "steps": outcome.subject.steps[known..],
                    "fault": outcome.subject.fault(),
                }),
            };
            desk.settle_change(&mut tx, Some(before), outcome, said).await?;
            taken += 1;
        }
        if taken == 0 {
            return Ok(Turn::Idle);
        }
        desk.commit(tx).await?;
        Ok(Turn::Busy)
    }
}
