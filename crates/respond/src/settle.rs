//! Commits what an incident decided: the row, its timeline, the audit record, and what must happen outside, in the caller's
//! transaction.

use crate::desk::{Desk, RespondError};
use serde_json::{Value, json};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Incident, Intent, Outcome, TransitionError};
use watchkeeper_store::{StoreError, Tx};

/// What the audit log says about a decision.
pub(crate) struct Said<'a> {
    pub(crate) by: &'a Actor,
    pub(crate) action: &'static str,
    pub(crate) detail: Value,
}

impl Desk {
    /// Decides on one incident and commits it. With `read`, the caller's version must be the one that stands.
    pub(crate) async fn decide<D>(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        said: Said<'_>,
        decide: D,
    ) -> Result<Incident, RespondError>
    where
        D: FnOnce(Incident) -> Result<Outcome<Incident>, TransitionError> + Send,
    {
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, id, read).await?;
        let before = incident.version;
        let outcome = decide(incident)?;
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Loads an incident; with `read`, the version must be that one.
    pub(crate) async fn load(
        &self,
        tx: &mut Tx,
        id: &IncidentId,
        read: Option<i64>,
    ) -> Result<Incident, RespondError> {
        let incident = tx.incident(id).await?;
        must_be_read(read, incident.version, "incident", id.as_str())?;
        Ok(incident)
    }

    /// Writes an outcome: a new incident where `before` is none, else a change of the version `before`. A decision that changed
    /// nothing writes nothing.
    pub(crate) async fn settle(
        &self,
        tx: &mut Tx,
        before: Option<i64>,
        outcome: Outcome<Incident>,
        said: Said<'_>,
    ) -> Result<Incident, RespondError> {
        let Outcome {
            subject,
            mut entries,
            intents,
        } = outcome;
        let nothing = before == Some(subject.version) && entries.is_empty() && intents.is_empty();
        if nothing {
            return Ok(subject);
        }
        let mut subject = subject;
        let library = &self.house.library;
        let clocks = subject.law_clocks(&library.rules, &library.calendars);
        if subject.keep_law_clocks(&clocks, self.now()) && before == Some(subject.version) {
            subject.version += 1;
        }
        let incident = match before {
            None => tx.insert_incident(subject).await?,
            Some(before) => {
                if before != subject.version {
                    tx.update_incident(&subject, before).await?;
                }
                subject
            }
        };
        let mut detail = said.detail;
        if let Value::Object(detail) = &mut detail {
            detail.insert("version".to_owned(), json!(incident.version));
            let texts: Vec<String> = entries
                .iter()
                .map(|e| watchkeeper_domain::id::digest(&[&e.text]))
                .collect();
            detail.insert("entries".to_owned(), json!(texts));
        }
        self.record(tx, said.by, said.action, incident.id.as_str(), detail)
            .await?;
        for (index, intent) in intents.into_iter().enumerate() {
            match intent {
                Intent::Page { target, reason } => {
                    let occasion = format!("{}/{index}", incident.version);
                    entries.extend(self.page(tx, &incident, &target, &reason, &occasion).await?);
                }
                Intent::Owe => entries.extend(self.bring_obligations_in_line(tx, &incident, said.by).await?),
            }
        }
        tx.append_entries(&entries).await?;
        Ok(incident)
    }
}

/// Refuses when what the caller has read is not what stands.
pub(crate) fn must_be_read(
    read: Option<i64>,
    stands: i64,
    what: &'static str,
    id: &str,
) -> Result<(), RespondError> {
    match read {
        Some(read) if read != stands => Err(StoreError::Conflict {
            what,
            id: id.to_owned(),
            expected: read,
            found: stands,
        }
        .into()),
        _ => Ok(()),
    }
}
