//! Looks after the sources every minute, and pages about what is new: one that is quiet, fails, loses events, is behind or cannot be
//! parsed. What is remembered, what is told and the next look are one commit; when the service was down, it looks once.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use async_trait::async_trait;
use serde_json::json;
use std::collections::BTreeMap;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::page::PageReason;
use watchkeeper_domain::source_health::{Expected, PAGES, Seen, SourceHealth, Word, look_every};
use watchkeeper_store::{Routine, Tx};

/// The name of the row that has what is remembered and when the next look is due.
pub(crate) const ROUTINE: &str = "sources";

/// Looks after the sources every minute.
#[derive(Debug)]
pub struct SourceLook {
    desk: Desk,
}

impl SourceLook {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// What was seen of each configured source beside what is expected of it.
    async fn seen(&self, tx: &mut Tx) -> Result<BTreeMap<SourceName, (Expected, Seen)>, RespondError> {
        let mut seen = BTreeMap::new();
        let mut statuses: BTreeMap<SourceName, Seen> = BTreeMap::new();
        for (name, status) in self.desk.source_statuses(tx).await? {
            statuses.insert(name, status.seen(self.desk.now()));
        }
        for (name, source) in &self.desk.house.sources {
            // A source that was never read yet has nothing to show.
            let shown = statuses.remove(name).unwrap_or_default();
            seen.insert(name.clone(), (source.expected.clone(), shown));
        }
        Ok(seen)
    }

    async fn look(&self, mut tx: Tx, planned: Option<Routine<SourceHealth>>) -> Result<(), RespondError> {
        let desk = &self.desk;
        let now = desk.now();
        let seen = self.seen(&mut tx).await?;
        let (version, memory) = match planned {
            Some(planned) => (planned.version, planned.memory),
            None => {
                tx.plan_routine(ROUTINE, now, &SourceHealth::default()).await?;
                (1, SourceHealth::default())
            }
        };
        let (health, word) = memory.look(&seen, now);
        let next = Routine {
            version: version + 1,
            due_at: now + look_every(),
            memory: health,
        };
        tx.update_routine(ROUTINE, &next, version).await?;
        if !word.is_empty() {
            self.tell(&mut tx, &word, next.version).await?;
        }
        crate::crash::point("sources.looked");
        desk.commit(tx).await
    }

    async fn tell(&self, tx: &mut Tx, word: &Word, look: i64) -> Result<(), RespondError> {
        let desk = &self.desk;
        tracing::warn!(told = %word.line(), "what became of sources is told to the on-call");
        let by = Actor::worker(ROUTINE);
        desk.record(tx, &by, "sources.told", "sources", json!({"told": word.0}))
            .await?;
        let reason = PageReason::Sources { text: word.line() };
        let occasion = format!("sources/{look}");
        desk.page_house(tx, &PAGES, &reason, (&word.body(), "/sources"), &occasion)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Worker for SourceLook {
    fn name(&self) -> &'static str {
        "sources"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        if desk.house.sources.is_empty() {
            return Ok(Turn::Idle);
        }
        let is_due = |planned: &Option<Routine<SourceHealth>>| {
            planned
                .as_ref()
                .is_none_or(|planned| planned.due_at <= desk.now())
        };
        if !is_due(&desk.store.read().await?.routine(ROUTINE).await?) {
            return Ok(Turn::Idle);
        }
        let mut tx = desk.begin().await?;
        // Read again: another process may have been faster.
        let planned: Option<Routine<SourceHealth>> = tx.routine(ROUTINE).await?;
        if !is_due(&planned) {
            return Ok(Turn::Idle);
        }
        self.look(tx, planned).await?;
        Ok(Turn::Busy)
    }
}
