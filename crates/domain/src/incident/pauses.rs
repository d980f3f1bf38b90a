//! Clocks of law that stand for a while, such as on the statement of law enforcement: for a reason that the rule names, with what is on
//! file for it, and with an end.

use super::moments::must_be_past;
use super::{EntryKind, Incident, Intent, Outcome, TransitionError, reason};
use crate::actor::Actor;
use crate::obligation::limit::{Standstill, length_of};
use crate::obligation::rule::ObligationRule;
use crate::page::{PageReason, PageTarget};
use crate::words::minute;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// A pause of the clocks of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockPause {
    /// Which of the rule's reasons.
    pub reason: String,
    /// What is on file for it.
    pub evidence: String,
    /// Since when the clocks stand.
    pub from: DateTime<Utc>,
    /// When the pause ends by itself.
    pub until: DateTime<Utc>,
    /// Who recorded it.
    pub by: Actor,
    /// When.
    pub recorded_at: DateTime<Utc>,
    /// Somebody ended it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<PauseLifted>,
}

/// A pause was ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseLifted {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// Why.
    pub why: String,
}

/// What somebody asks for who wants the clocks of a rule to stand.
#[derive(Debug, Clone, Copy)]
pub struct PauseAsked<'a> {
    /// One of the rule's reasons, as it stands there.
    pub reason: &'a str,
    /// What is on file for it: who stated it, when, and where the paper is.
    pub evidence: &'a str,
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// A pause lasts no longer where the law names no bound; whoever needs more documents it anew.
const LONGEST_PAUSE_DAYS: u16 = 366;

impl ClockPause {
    /// The time for which the clocks stand.
    #[must_use]
    pub fn standstill(&self) -> Standstill {
        let lifted = self.lifted.as_ref().map(|lifted| lifted.at);
        Standstill {
            from: self.from,
            until: lifted.map_or(self.until, |at| at.min(self.until)),
        }
    }

    /// Whether the clocks stand at `now`.
    #[must_use]
    pub fn stands_at(&self, now: DateTime<Utc>) -> bool {
        self.standstill().until > now
    }
}

impl Incident {
    /// The times for which the clocks of a rule stand.
    #[must_use]
    pub fn standstills(&self, rule: &str) -> Vec<Standstill> {
        let pauses = self.pauses.get(rule).into_iter().flatten();
        pauses.map(ClockPause::standstill).collect()
    }

    /// Somebody documents why the clocks of a rule stand, and until when. Leads are told, since a deadline moves away.
    ///
    /// # Errors
    /// Refused for a reason that the rule does not name, without evidence, for a beginning to come, for an end that has passed, and
    /// beyond the days that the rule gives to this reason, all its pauses together.
    pub fn pause_clock(
        mut self,
        rule: &ObligationRule,
        asked: PauseAsked<'_>,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let named = asked.reason.trim();
        let Some(allowed) = rule.pauses.iter().find(|pause| pause.reason == named) else {
            return Err(TransitionError::Unknown {
                what: "reason for a pause of this rule",
                name: named.to_owned(),
            });
        };
        let evidence = reason(asked.evidence, "pause a clock without evidence in")?;
        must_be_past("the beginning of the pause", asked.from, at)?;
        let days = allowed.max_days.unwrap_or(LONGEST_PAUSE_DAYS);
        let known = self.pauses.get(&rule.id).into_iter().flatten();
        let mut stands: Vec<Standstill> = known
            .filter(|pause| pause.reason == named)
            .map(ClockPause::standstill)
            .collect();
        stands.push(Standstill {
            from: asked.from,
            until: asked.until,
        });
        if asked.until <= at || length_of(&stands) > Duration::days(i64::from(days)) {
            return Err(TransitionError::BadInstant {
                what: "the end of the pause",
                given: asked.until,
                remedy: format!(
                    "give an instant after now ({at}); all pauses for this reason together last {days} days at most"
                ),
            });
        }
        let text = format!(
            "Clocks of {} ({}) stand from {} until {}: {named}. On file: {evidence}",
            rule.id,
            rule.title,
            minute(asked.from),
            minute(asked.until)
        );
        self.pauses.entry(rule.id.clone()).or_default().push(ClockPause {
            reason: named.to_owned(),
            evidence,
            from: asked.from,
            until: asked.until,
            by: by.clone(),
            recorded_at: at,
            lifted: None,
        });
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text.clone());
        outcome.intents = vec![Intent::Page {
            target: PageTarget::Leads,
            reason: PageReason::Ladder { text },
        }];
        Ok(outcome)
    }

    /// Somebody ends every pause of a rule that still stands: its clocks run from now on.
    ///
    /// # Errors
    /// Refused without a reason, and where none stands.
    pub fn resume_clock(
        mut self,
        rule: &ObligationRule,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "end the pause of a clock")?;
        let pauses = self.pauses.get_mut(&rule.id).into_iter().flatten();
        let mut standing = pauses.filter(|pause| pause.stands_at(at)).peekable();
        if standing.peek().is_none() {
            return Err(TransitionError::NotFrom {
                from: "running".to_owned(),
                attempted: "end the pause of a clock in",
                remedy: "no pause of this rule stands",
            });
        }
        for pause in standing {
            pause.lifted = Some(PauseLifted {
                at,
                by: by.clone(),
                why: why.clone(),
            });
        }
        let text = format!("Clocks of {} ({}) run again: {why}", rule.id, rule.title);
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, text))
    }
}
