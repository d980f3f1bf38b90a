//! Triage: what people do with alerts.

use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::{Alert, Verdict};
use watchkeeper_domain::id::{AlertId, IncidentId};
use watchkeeper_domain::incident::{Incident, TransitionError};
use watchkeeper_domain::playbook::Playbook;

impl Desk {
    /// Somebody has it.
    ///
    /// # Errors
    /// See [`Alert::acknowledge`].
    pub async fn acknowledge_alert(&self, id: &AlertId, by: &Actor) -> Result<Alert, RespondError> {
        let mut tx = self.begin().await?;
        let alert = tx.alert(id).await?;
        let before = alert.version;
        let alert = alert.acknowledge(by, self.now())?;
        if alert.version != before {
            tx.update_alert(&alert, before).await?;
            self.record(
                &mut tx,
                by,
                "alert.acknowledged",
                id.as_str(),
                json!({"version": alert.version}),
            )
            .await?;
            self.commit(tx).await?;
        }
        Ok(alert)
    }

    /// It is dealt with.
    ///
    /// # Errors
    /// See [`Alert::resolve`].
    pub async fn resolve_alert(
        &self,
        id: &AlertId,
        verdict: Verdict,
        why: &str,
        by: &Actor,
    ) -> Result<Alert, RespondError> {
        let mut tx = self.begin().await?;
        let alert = tx.alert(id).await?;
        let before = alert.version;
        let alert = alert.resolve(verdict, why, by, self.now())?;
        tx.update_alert(&alert, before).await?;
        let detail = json!({"verdict": verdict, "version": alert.version});
        self.record(&mut tx, by, "alert.resolved", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(alert)
    }

    /// A person opens an incident for an alert that opened none by itself.
    ///
    /// # Errors
    /// Refused when it belongs to one already.
    pub async fn open_incident_for(&self, id: &AlertId, by: &Actor) -> Result<Alert, RespondError> {
        let mut tx = self.begin().await?;
        let alert = loose(tx.alert(id).await?)?;
        let playbook = Playbook::for_alert(&self.house.library.playbooks, &alert);
        let mut outcome = Incident::open_for(&alert, playbook, self.now());
        outcome.subject.opened_by = by.clone();
        let said = Said {
            by,
            action: "incident.declared",
            detail: json!({"alert": id}),
        };
        let incident = self.settle(&mut tx, None, outcome, said).await?;
        let before = alert.version;
        let alert = alert.attach(&incident.id);
        tx.update_alert(&alert, before).await?;
        self.record(
            &mut tx,
            by,
            "alert.attached",
            id.as_str(),
            json!({"incident": incident.id}),
        )
        .await?;
        self.commit(tx).await?;
        Ok(alert)
    }

    /// A person puts an alert into an incident.
    ///
    /// # Errors
    /// Refused when it belongs to one already, and for a drill: what really happens is no part of it.
    pub async fn attach_alert(
        &self,
        id: &AlertId,
        incident: &IncidentId,
        by: &Actor,
    ) -> Result<Alert, RespondError> {
        let mut tx = self.begin().await?;
        let alert = loose(tx.alert(id).await?)?;
        let host = self.load(&mut tx, incident, None).await?;
        if host.drill {
            let problem = format!(
                "{} is a drill, and what really happens is no part of it; open an incident for the alert, or choose one that is no drill",
                host.reference()
            );
            return Err(RespondError::invalid("incident", problem));
        }
        let read = host.version;
        let said = Said {
            by,
            action: "incident.alert_joined",
            detail: json!({"alert": id}),
        };
        let host = self
            .settle(&mut tx, Some(read), host.join(&alert, self.now()), said)
            .await?;
        let before = alert.version;
        let alert = alert.attach(&host.id);
        tx.update_alert(&alert, before).await?;
        self.propose_affected(&mut tx, host).await?;
        self.commit(tx).await?;
        Ok(alert)
    }
}

fn loose(alert: Alert) -> Result<Alert, RespondError> {
    match &alert.incident {
        None => Ok(alert),
        Some(incident) => Err(TransitionError::NotFrom {
            from: format!("alert of {incident}"),
            attempted: "attach again",
            remedy: "an alert belongs to one incident",
        }
        .into()),
    }
}
