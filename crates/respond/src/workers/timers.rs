//! Fires the timers of incidents: escalation of pages, status updates, decisions, tasks.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use async_trait::async_trait;
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::incident::{EntryKind, Outcome};
use watchkeeper_store::{IncidentFilter, LIMIT_MAX, PageRequest};

/// How many incidents one turn looks at.
const AT_ONCE: u32 = 100;

/// Fires the timers of incidents.
#[derive(Debug)]
pub struct Timers {
    desk: Desk,
    /// Whether open incidents have the clocks of the rules that bind since this start.
    aligned: bool,
}

impl Timers {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk, aligned: false }
    }

    /// Gives open incidents the clocks of the rules that bind now: others may have been enabled since the service last ran.
    async fn align(&self) -> Result<(), RespondError> {
        let desk = &self.desk;
        let filter = IncidentFilter {
            open: Some(true),
            ..IncidentFilter::default()
        };
        let mut page = PageRequest::first(LIMIT_MAX);
        loop {
            let mut tx = desk.begin().await?;
            let open = tx.incidents(&filter, &page).await?;
            for mut incident in open.items {
                let (before, now) = (incident.version, desk.now());
                let library = &desk.house.library;
                let clocks = incident.law_clocks(&library.rules, &library.calendars);
                if !incident.keep_clocks(&clocks, now) {
                    continue;
                }
                incident.version += 1;
                let by = Actor::worker("timers");
                let text = "Clocks of law brought in line with the rules that bind now".to_owned();
                let outcome = Outcome {
                    entries: vec![incident.entry(EntryKind::DisclosureChanged, now, now, &by, text)],
                    subject: incident,
                    intents: Vec::new(),
                };
                let said = Said {
                    by: &by,
                    action: "clocks.aligned",
                    detail: json!({"clocks": clocks.len()}),
                };
                desk.settle(&mut tx, Some(before), outcome, said).await?;
            }
            desk.commit(tx).await?;
            match open.next {
                Some(next) => page = PageRequest::after(&next, LIMIT_MAX),
                None => return Ok(()),
            }
        }
    }
}

#[async_trait]
impl Worker for Timers {
    fn name(&self) -> &'static str {
        "timers"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        if !self.aligned {
            self.align().await?;
            self.aligned = true;
        }
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
