//! What people do in an incident room.

use crate::desk::{Desk, RespondError};
use crate::link::AcknowledgeLink;
use crate::settle::Said;
use chrono::{DateTime, Utc};
use serde_json::json;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{IncidentId, TaskId, UserId};
use watchkeeper_domain::incident::{EntryKind, Incident, Opening, Role, Severity};
use watchkeeper_domain::matter::MatterId;
use watchkeeper_domain::notice::{Notice, NoticeKind};
use watchkeeper_domain::words::one_line;
use watchkeeper_store::Tx;

/// A person declares an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What it is, in a line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// What is known.
    #[serde(default)]
    pub summary: String,
    /// The playbook's id.
    #[serde(default)]
    pub playbook: Option<String>,
    /// Whether it is a drill.
    #[serde(default)]
    pub drill: bool,
}

/// The longest title.
const TITLE_LIMIT: usize = 200;

fn no_title() -> RespondError {
    let detail = format!("say what it is, in 1 to {TITLE_LIMIT} characters");
    RespondError::invalid("title", detail)
}

impl Desk {
    /// A person declares an incident; the on-call is paged.
    ///
    /// # Errors
    /// Refused without a title, with a playbook that is not there, and for a drill while nobody is configured whom it may reach.
    pub async fn declare(&self, by: &User, declaration: Declaration) -> Result<Incident, RespondError> {
        let Declaration {
            title,
            severity,
            summary,
            playbook,
            drill,
        } = declaration;
        let title = title.trim().to_owned();
        if title.is_empty() || title.chars().count() > TITLE_LIMIT {
            return Err(no_title());
        }
        let playbook = match playbook {
            None => None,
            Some(id) => Some(
                self.house
                    .library
                    .playbooks
                    .iter()
                    .find(|p| p.id == id)
                    .ok_or_else(|| {
                        RespondError::invalid(
                            "playbook",
                            format!("there is no playbook `{id}`; choose one that exists, or none"),
                        )
                    })?,
            ),
        };
        let mailbox = drill.then(|| self.house.drill.mailbox()).transpose();
        let drill = mailbox.map_err(|fault| RespondError::invalid("drill", fault))?;
        let actor = Actor::person(&by.id);
        let opening = Opening {
            title,
            summary,
            severity,
            by: actor.clone(),
            at: self.now(),
            playbook,
            drill,
        };
        let mut tx = self.begin().await?;
        let detail = json!({"severity": severity, "playbook": playbook.map(|p| (&p.id, p.version, &p.hash)), "drill": drill.is_some()});
        let said = Said {
            by: &actor,
            action: "incident.declared",
            detail,
        };
        let incident = self.settle(&mut tx, None, Incident::open(opening), said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Somebody answers the page.
    ///
    /// # Errors
    /// See [`Incident::acknowledge`].
    pub async fn acknowledge_incident(&self, id: &IncidentId, by: &Actor) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.acknowledged",
            detail: json!({"by": "console"}),
        };
        self.decide(id, None, said, |incident| incident.acknowledge(by, self.now()))
            .await
    }

    /// What a signed link would do, without doing it.
    ///
    /// # Errors
    /// When the link is forged or too old, or the account is closed.
    pub async fn read_link(&self, token: &str) -> Result<(AcknowledgeLink, Incident, User), RespondError> {
        let link = self
            .key
            .verify(token, self.now())
            .map_err(|fault| RespondError::Forbidden(fault.to_string()))?;
        let mut tx = self.store.read().await?;
        let incident = tx.incident(&link.incident).await?;
        let user = tx.user(&link.user).await?;
        if user.closed_at.is_some() {
            return Err(RespondError::Forbidden("this account is closed".to_owned()));
        }
        Ok((link, incident, user))
    }

    /// Somebody answers the page through the signed link in it.
    ///
    /// # Errors
    /// See [`Desk::read_link`] and [`Incident::acknowledge`].
    pub async fn acknowledge_by_link(&self, token: &str) -> Result<Incident, RespondError> {
        let (link, _, user) = self.read_link(token).await?;
        let by = Actor::person(&user.id);
        let said = Said {
            by: &by,
            action: "incident.acknowledged",
            detail: json!({"by": "link"}),
        };
        self.decide(&link.incident, None, said, |incident| {
            incident.acknowledge(&by, self.now())
        })
        .await
    }

    /// Changes how bad it is.
    ///
    /// # Errors
    /// See [`Incident::change_severity`].
    pub async fn change_severity(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        to: Severity,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.severity_changed",
            detail: json!({"to": to}),
        };
        self.decide(id, read, said, |incident| {
            incident.change_severity(to, why, by, self.now())
        })
        .await
    }

    /// Gives a role to somebody: everybody to themselves, those who lead to others.
    ///
    /// # Errors
    /// Refused to give others a role without leading; see [`Incident::assign`].
    pub async fn assign_role(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        role: Role,
        to: &UserId,
        by: &User,
    ) -> Result<Incident, RespondError> {
        if by.id != *to && !by.may(Permission::LeadIncidents) {
            return Err(RespondError::Forbidden(
                "only those who lead incidents can give a role to somebody else".to_owned(),
            ));
        }
        self.must_hold(role, "user", to).await?;
        let actor = Actor::person(&by.id);
        let said = Said {
            by: &actor,
            action: "incident.role_assigned",
            detail: json!({"role": role, "to": to}),
        };
        self.decide(id, read, said, |incident| {
            incident.assign(role, to, &actor, self.now())
        })
        .await
    }

    /// Asks somebody to take a role over.
    ///
    /// # Errors
    /// See [`Incident::offer_role`].
    pub async fn offer_role(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        role: Role,
        to: &UserId,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        self.must_hold(role, "to", to).await?;
        let said = Said {
            by,
            action: "incident.role_offered",
            detail: json!({"role": role, "to": to}),
        };
        self.decide(id, read, said, |incident| {
            incident.offer_role(role, to, by, self.now())
        })
        .await
    }

    /// Accepts a role.
    ///
    /// # Errors
    /// See [`Incident::accept_role`].
    pub async fn accept_role(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        role: Role,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.role_accepted",
            detail: json!({"role": role}),
        };
        if let Some(user) = by.user() {
            self.must_hold(role, "role", user).await?;
        }
        self.decide(id, read, said, |incident| {
            incident.accept_role(role, by, self.now())
        })
        .await
    }

    /// Withdraws or declines the offer of a role.
    ///
    /// # Errors
    /// See [`Incident::end_offer`].
    pub async fn end_offer(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        role: Role,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.role_offer_ended",
            detail: json!({"role": role}),
        };
        self.decide(id, read, said, |incident| {
            incident.end_offer(role, by, self.now())
        })
        .await
    }

    /// Says anew what the incident is, in a line.
    ///
    /// # Errors
    /// Refused without a title; see [`Incident::retitle`].
    pub async fn retitle(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        title: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let title = one_line(title, TITLE_LIMIT).ok_or_else(no_title)?;
        let said = Said {
            by,
            action: "incident.retitled",
            detail: json!({"title": title}),
        };
        self.decide(id, read, said, |incident| {
            incident.retitle(&title, by, self.now())
        })
        .await
    }

    /// Writes to the timeline; [`EntryKind::StatusUpdate`] posts a status update.
    ///
    /// # Errors
    /// See [`Incident::write`] and [`Incident::post_status`].
    pub async fn write_timeline(
        &self,
        id: &IncidentId,
        kind: EntryKind,
        text: &str,
        happened_at: Option<DateTime<Utc>>,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        if text.len() > 20_000 {
            let detail = format!(
                "the text has {} bytes; write at most 20000, and attach the rest elsewhere",
                text.len()
            );
            return Err(RespondError::invalid("text", detail));
        }
        let said = Said {
            by,
            action: "incident.timeline_written",
            detail: json!({"kind": kind}),
        };
        self.decide(id, None, said, |incident| {
            if kind == EntryKind::StatusUpdate {
                incident.post_status(text, by, self.now())
            } else {
                incident.write(kind, text, happened_at, by, self.now())
            }
        })
        .await
    }

    /// A task is done.
    ///
    /// # Errors
    /// See [`Incident::complete_task`].
    pub async fn complete_task(
        &self,
        id: &IncidentId,
        task: &TaskId,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.task_done",
            detail: json!({"task": task}),
        };
        self.decide(id, None, said, |incident| {
            incident.complete_task(task, by, self.now())
        })
        .await
    }

    /// A full notice was submitted: tasks that ask for it are done with it.
    pub(crate) async fn tasks_follow_submission(
        &self,
        tx: &mut Tx,
        notice: &Notice,
        by: &Actor,
    ) -> Result<(), RespondError> {
        let (NoticeKind::Full, MatterId::Incident(id)) = (notice.kind, &notice.matter) else {
            return Ok(());
        };
        let incident = tx.incident(id).await?;
        let before = incident.version;
        if let Some(outcome) = incident.full_notice_submitted(by, self.now()) {
            let said = Said {
                by,
                action: "incident.task_done",
                detail: json!({"notice": notice.id}),
            };
            self.settle(tx, Some(before), outcome, said).await?;
        }
        Ok(())
    }

    /// A task is not needed.
    ///
    /// # Errors
    /// See [`Incident::skip_task`].
    pub async fn skip_task(
        &self,
        id: &IncidentId,
        task: &TaskId,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "incident.task_skipped",
            detail: json!({"task": task}),
        };
        self.decide(id, None, said, |incident| {
            incident.skip_task(task, why, by, self.now())
        })
        .await
    }

    /// Refuses to give a role to somebody who could not act in it.
    async fn must_hold(&self, role: Role, field: &str, user: &UserId) -> Result<(), RespondError> {
        let mut tx = self.store.read().await?;
        let user = tx.user(user).await?;
        role.may_be_held_by(&user)
            .map_err(|fault| RespondError::invalid(field, fault))
    }
}
