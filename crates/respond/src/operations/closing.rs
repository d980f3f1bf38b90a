//! The phases of an incident, and what is still open when it is closed.

use super::counted::sha256;
use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Around, Incident, LawClock, LetterGone, Phase, StillOpen};
use watchkeeper_domain::notice::Notice;
use watchkeeper_domain::obligation::Obligation;
use watchkeeper_store::Tx;

/// What is read beside an incident to say what is open.
#[derive(Default)]
struct Surroundings {
    owed: Vec<Obligation>,
    notices: Vec<Notice>,
    gone: Vec<LetterGone>,
    clocks: Vec<LawClock>,
}

impl Surroundings {
    fn around(&self) -> Around<'_> {
        Around {
            owed: &self.owed,
            notices: &self.notices,
            gone: &self.gone,
            clocks: &self.clocks,
        }
    }
}

impl Desk {
    async fn surroundings(&self, tx: &mut Tx, incident: &Incident) -> Result<Surroundings, RespondError> {
        let library = &self.house.library;
        let sent = tx.notices_sent(&incident.id).await?.into_iter();
        Ok(Surroundings {
            owed: tx.obligations_of(&incident.id).await?,
            notices: tx.notices_of(&incident.id).await?,
            gone: sent
                .map(|letter| LetterGone {
                    customer: letter.customer,
                    kind: letter.kind,
                    obligation: letter.obligation,
                })
                .collect(),
            clocks: incident.law_clocks(&library.rules, &library.calendars),
        })
    }

    /// What is open in an incident now: see [`Incident::still_open`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn still_open(&self, tx: &mut Tx, incident: &Incident) -> Result<Vec<StillOpen>, RespondError> {
        let surroundings = self.surroundings(tx, incident).await?;
        Ok(incident.still_open(surroundings.around(), self.now()))
    }

    /// Moves the response to another phase. What is left open when it is closed is kept with the reason: the timeline says both, and
    /// the audit log what was open and the SHA-256 of the reason.
    ///
    /// # Errors
    /// See [`Incident::enter_phase`].
    pub async fn enter_phase(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        to: Phase,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, id, read).await?;
        let before = incident.version;
        let mut surroundings = Surroundings::default();
        let mut detail = json!({"to": to});
        if to == Phase::Closed {
            surroundings = self.surroundings(&mut tx, &incident).await?;
            detail["open"] = counted(&incident.still_open(surroundings.around(), self.now()));
        }
        if !why.trim().is_empty() {
            detail["why_sha256"] = json!(sha256(why.trim()));
        }
        let said = Said {
            by,
            action: "incident.phase_changed",
            detail,
        };
        let outcome = incident.enter_phase(to, why, surroundings.around(), by, self.now())?;
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }
}

/// How many things of each kind were open.
fn counted(open: &[StillOpen]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for each in open {
        *counts.entry(each.name()).or_default() += 1;
    }
    json!(counts)
}
