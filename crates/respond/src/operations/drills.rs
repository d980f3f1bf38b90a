//! Drills: how one went, and when the last one was.

use crate::desk::{Desk, RespondError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_domain::drill::{DrillControl, DrillRecord, DrillReport};
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::Incident;
use watchkeeper_store::{StoreError, Tx};

/// The drill that was closed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastDrill {
    /// The drill.
    pub incident: IncidentId,
    /// How people call it.
    pub reference: String,
    /// Its score, in hundredths.
    pub score: u32,
}

/// Whether drills are held as they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillStatus {
    /// When the last one was, and whether another one is due.
    #[serde(flatten)]
    pub control: DrillControl,
    /// The last one; none where there was none.
    pub last: Option<LastDrill>,
    /// What to write into the configuration before a drill can be declared; none where one can.
    pub hindrance: Option<String>,
}

impl Desk {
    /// How a drill went, as it stands now.
    ///
    /// # Errors
    /// When there is no such incident, or it is not a drill.
    pub async fn drill_report(&self, id: &IncidentId) -> Result<DrillReport, RespondError> {
        let mut tx = self.store.read().await?;
        let incident = tx.incident(id).await?;
        let report = report_of(&mut tx, &incident, self.now()).await?;
        report.ok_or_else(|| {
            RespondError::from(StoreError::NotFound {
                what: "drill",
                id: incident.reference(),
            })
        })
    }

    /// When the last drill was held, how it went, and whether another one is due.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn drill_status(&self) -> Result<DrillStatus, RespondError> {
        let mut tx = self.store.read().await?;
        let last = tx.last_closed_drill().await?;
        let closed_at = last.as_ref().and_then(|drill| drill.closed_at);
        let report = match &last {
            Some(drill) => report_of(&mut tx, drill, self.now()).await?,
            None => None,
        };
        let score = report.map_or(0, |report| report.score);
        Ok(DrillStatus {
            control: DrillControl::at(self.now(), closed_at),
            last: last.map(|drill| LastDrill {
                reference: drill.reference(),
                incident: drill.id,
                score,
            }),
            hindrance: self.house.drill.mailbox().err(),
        })
    }
}

/// How a drill went, read from its records; none where the incident is not a drill.
pub(crate) async fn report_of(
    tx: &mut Tx,
    incident: &Incident,
    now: DateTime<Utc>,
) -> Result<Option<DrillReport>, RespondError> {
    let obligations = tx.obligations_of(&incident.id).await?;
    let notices = tx.notices_of(&incident.id).await?;
    let receipts = tx.receipts_of(&incident.id).await?;
    let record = DrillRecord {
        incident,
        obligations: &obligations,
        notices: &notices,
        receipts: &receipts,
    };
    Ok(DrillReport::of(record, now))
}
