//! Commits what was decided on an incident or a change: the row, its timeline, the audit record, and what must happen outside, in the caller's
//! transaction.

use crate::desk::{Desk, RespondError};
use serde_json::{Value, json};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::change::{Change, ChangeError, ChangeOutcome, ChangePage};
use watchkeeper_domain::id::{ChangeId, IncidentId};
use watchkeeper_domain::incident::{Disclosure, Incident, Intent, Outcome, TransitionError};
use watchkeeper_domain::matter::{Matter, MatterId};
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
        if matches!(subject.disclosure, Disclosure::Suspected { .. })
            && intents.contains(&Intent::Owe)
            && let Some(wanted) = self.decision_wanted_by(tx, &subject).await?
        {
            entries.extend(subject.decide_no_later_than(wanted, self.now()));
        }
        let library = &self.house.library;
        let clocks = subject.law_clocks(&library.rules, &library.calendars);
        if subject.keep_clocks(&clocks, self.now()) && before == Some(subject.version) {
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
        let detail = with_version(said.detail, incident.version);
        self.record(tx, said.by, said.action, incident.id.as_str(), detail)
            .await?;
        for (index, intent) in intents.into_iter().enumerate() {
            match intent {
                Intent::Page { target, reason } => {
                    let occasion = format!("{}/{index}", incident.version);
                    entries.extend(self.page(tx, &incident, &target, &reason, &occasion).await?);
                }
                Intent::PageOthers {
                    target,
                    reason,
                    except,
                } => {
                    // One decision pages for one reason: who is reached in two capacities gets one message.
                    let occasion = format!("{}/others", incident.version);
                    let call = (&target, &reason, occasion.as_str());
                    entries.extend(self.page_others(tx, &incident, call, &except).await?);
                }
                Intent::Owe => entries.extend(self.bring_obligations_in_line(tx, &incident, said.by).await?),
            }
        }
        tx.append_entries(&entries).await?;
        Ok(incident)
    }

    /// Decides on one change and commits it. With `read`, the caller's version must be the one that stands.
    pub(crate) async fn decide_change<D>(
        &self,
        id: &ChangeId,
        read: Option<i64>,
        said: Said<'_>,
        decide: D,
    ) -> Result<Change, RespondError>
    where
        D: FnOnce(Change) -> Result<ChangeOutcome, ChangeError> + Send,
    {
        let mut tx = self.begin().await?;
        let change = tx.change(id).await?;
        must_be_read(read, change.version, "change", id.as_str())?;
        let before = change.version;
        let outcome = decide(change)?;
        let change = self.settle_change(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(change)
    }

    /// Writes an outcome: a new change where `before` is none, else a change of the version `before`.
    pub(crate) async fn settle_change(
        &self,
        tx: &mut Tx,
        before: Option<i64>,
        outcome: ChangeOutcome,
        said: Said<'_>,
    ) -> Result<Change, RespondError> {
        let Outcome {
            subject,
            mut entries,
            intents,
        } = outcome;
        let change = match before {
            None => tx.insert_change(subject).await?,
            Some(before) => {
                tx.update_change(&subject, before).await?;
                subject
            }
        };
        let detail = with_version(said.detail, change.version);
        self.record(tx, said.by, said.action, change.id.as_str(), detail)
            .await?;
        // One decision pages for one reason: who is reached in two capacities gets one message.
        let occasion = change.version.to_string();
        for ChangePage { target, reason } in intents {
            entries.extend(self.page(tx, &change, &target, &reason, &occasion).await?);
        }
        tx.append_entries(&entries).await?;
        Ok(change)
    }

    /// The incident or the change with this id.
    pub(crate) async fn matter(&self, tx: &mut Tx, id: &MatterId) -> Result<Matter<'static>, RespondError> {
        Ok(match id {
            MatterId::Incident(id) => tx.incident(id).await?.into(),
            MatterId::Change(id) => tx.change(id).await?.into(),
        })
    }
}

/// What the audit log says, with the version that stands now.
fn with_version(mut detail: Value, version: i64) -> Value {
    if let Value::Object(detail) = &mut detail {
        detail.insert("version".to_owned(), json!(version));
    }
    detail
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
