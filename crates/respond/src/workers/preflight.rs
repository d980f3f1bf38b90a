//! Takes the pre-flight every day, and pages about what it found. When the service was down at its instant, it is taken once as soon as
//! it is up, however many days have passed.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::operations::preflight::ROUTINE;
use async_trait::async_trait;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::page::PageReason;
use watchkeeper_domain::preflight::{Daily, Preflight, Standing, Word};
use watchkeeper_store::{Routine, Tx};

/// Takes the pre-flight every day.
#[derive(Debug)]
pub struct DailyPreflight {
    desk: Desk,
}

impl DailyPreflight {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// What was planned; for the first time, the next instant of the day.
    async fn planned(&self, daily: Daily) -> Result<Routine<Standing>, RespondError> {
        let desk = &self.desk;
        if let Some(planned) = desk.store.read().await?.routine(ROUTINE).await? {
            return Ok(planned);
        }
        let due_at = daily.next_after(desk.now());
        let mut tx = desk.store.begin().await?;
        tx.plan_routine(ROUTINE, due_at, &Standing::default()).await?;
        tx.commit().await?;
        Ok(Routine {
            version: 1,
            due_at,
            memory: Standing::default(),
        })
    }

    /// Commits how it came out, whom it pages, and when it is due next, at once.
    async fn keep(
        &self,
        mut tx: Tx,
        planned: Routine<Standing>,
        taken: Preflight,
        daily: Daily,
    ) -> Result<(), RespondError> {
        let desk = &self.desk;
        let taken = desk.keep_preflight(&mut tx, taken).await?;
        let (standing, word) = planned.memory.after(&taken.checks, desk.now());
        if !word.is_empty() {
            self.tell(&mut tx, &taken, &word).await?;
        }
        let next = Routine {
            version: planned.version + 1,
            due_at: daily.next_after(desk.now()),
            memory: standing,
        };
        tx.update_routine(ROUTINE, &next, planned.version).await?;
        desk.commit(tx).await
    }

    async fn tell(&self, tx: &mut Tx, taken: &Preflight, word: &Word) -> Result<(), RespondError> {
        let reason = PageReason::Preflight { text: word.line() };
        let body = word.body(&taken.checks);
        self.desk
            .page_house(tx, &word.pages(), &reason, (&body, "/breach"), taken.id.as_str())
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Worker for DailyPreflight {
    fn name(&self) -> &'static str {
        "preflight"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        let Some(daily) = desk.house.preflight.daily else {
            return Ok(Turn::Idle);
        };
        let planned = self.planned(daily).await?;
        if planned.due_at > desk.now() {
            return Ok(Turn::Idle);
        }
        let taken = desk.take_preflight(&Actor::worker(ROUTINE)).await?;
        crate::crash::point("preflight.taken");
        let mut tx = desk.begin().await?;
        let stands: Option<Routine<Standing>> = tx.routine(ROUTINE).await?;
        if stands.is_none_or(|stands| stands.version != planned.version) {
            // Another process was faster; what it found stands.
            return Ok(Turn::Idle);
        }
        self.keep(tx, planned, taken, daily).await?;
        Ok(Turn::Busy)
    }
}
