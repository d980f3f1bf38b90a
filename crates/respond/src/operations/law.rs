//! What laws ask of an incident: the moments that clocks count from, what was submitted, and which rules apply or stand.

use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use chrono::{DateTime, Utc};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Incident, PauseAsked};
use watchkeeper_domain::obligation::rule::{Moment, ObligationRule};

impl Desk {
    /// Somebody records when a moment of the incident was.
    ///
    /// # Errors
    /// See [`Incident::record_moment`].
    pub async fn record_moment(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        (moment, at): (Moment, DateTime<Utc>),
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "moment.recorded",
            detail: json!({"moment": moment, "at": at}),
        };
        self.decide(id, read, said, |incident| {
            incident.record_moment(moment, at, why, by, self.now())
        })
        .await
    }

    /// Somebody records that a phase of a rule was submitted.
    ///
    /// # Errors
    /// Refused for a rule that does not bind. See [`Incident::record_submission`].
    pub async fn record_submission(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        (rule, phase, at): (&str, &str, DateTime<Utc>),
        reference: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let rule = self.rule_that_binds(rule)?;
        let said = Said {
            by,
            action: "submission.recorded",
            detail: json!({"rule": rule.id, "phase": phase, "at": at}),
        };
        self.decide(id, read, said, |incident| {
            incident.record_submission(rule, phase, at, reference, by, self.now())
        })
        .await
    }

    /// Somebody says that a rule does not apply to an incident, or that it applies after all.
    ///
    /// # Errors
    /// Refused for a rule that does not bind. See [`Incident::set_rule_aside`] and [`Incident::take_rule_up`].
    pub async fn say_rule_applies(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        (rule, applies): (&str, bool),
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let rule = self.rule_that_binds(rule)?;
        let said = Said {
            by,
            action: if applies {
                "rule.taken_up"
            } else {
                "rule.set_aside"
            },
            detail: json!({"rule": rule.id}),
        };
        self.decide(id, read, said, |incident| {
            if applies {
                incident.take_rule_up(rule, why, by, self.now())
            } else {
                incident.set_rule_aside(rule, why, by, self.now())
            }
        })
        .await
    }

    /// Somebody documents why the clocks of a rule stand, and until when.
    ///
    /// # Errors
    /// Refused for a rule that does not bind. See [`Incident::pause_clock`].
    pub async fn pause_clock(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        rule: &str,
        asked: PauseAsked<'_>,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let rule = self.rule_that_binds(rule)?;
        let said = Said {
            by,
            action: "rule.paused",
            detail: json!({"rule": rule.id, "from": asked.from, "until": asked.until}),
        };
        self.decide(id, read, said, |incident| {
            incident.pause_clock(rule, asked, by, self.now())
        })
        .await
    }

    /// Somebody ends the pauses of a rule that still stand.
    ///
    /// # Errors
    /// Refused for a rule that does not bind. See [`Incident::resume_clock`].
    pub async fn resume_clock(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        rule: &str,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let rule = self.rule_that_binds(rule)?;
        let said = Said {
            by,
            action: "rule.resumed",
            detail: json!({"rule": rule.id}),
        };
        self.decide(id, read, said, |incident| {
            incident.resume_clock(rule, why, by, self.now())
        })
        .await
    }

    fn rule_that_binds(&self, rule: &str) -> Result<&ObligationRule, RespondError> {
        let rules = &self.house().library.rules;
        rules
            .iter()
            .find(|known| known.id == rule && known.enabled)
            .ok_or_else(|| {
                let bind = rules.iter().filter(|known| known.enabled);
                let bind: Vec<&str> = bind.map(|known| known.id.as_str()).collect();
                let fault = format!("no rule `{rule}` binds; those that do are {}", bind.join(", "));
                RespondError::invalid("rule", fault)
            })
    }
}
