//! Fires the timers of incidents: escalation of pages, status updates, decisions, tasks.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use async_trait::async_trait;
use serde_json::json;
use watchkeeper_domain::actor::Actor;

/// How many incidents one turn looks at.
const AT_ONCE: u32 = 100;

/// Fires the timers of incidents.
#[derive(Debug)]
pub struct Timers {
    desk: Desk,
}

impl Timers {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }
}

#[async_trait]
impl Worker for Timers {
    fn name(&self) -> &'static str {
        "timers"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        let mut tx = desk.begin().await?;
        let now = desk.now();
        let due = tx.incidents_due(now, AT_ONCE).await?;
        let mut fired = 0;
        for incident in due {
            let before = incident.version;
            let Some(outcome) = incident.fire_due(&desk.house.paging, now) else {
                continue;
            };
            let by = Actor::worker("timers");
            let said = Said {
                by: &by,
                action: "timer.fired",
                detail: json!({"timers": outcome.entries.len()}),
            };
            desk.settle(&mut tx, Some(before), outcome, said).await?;
            fired += 1;
        }
        if fired == 0 {
            return Ok(Turn::Idle);
        }
        desk.commit(tx).await?;
        Ok(Turn::Busy)
    }
}
