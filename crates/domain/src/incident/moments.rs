//! When it happened, when it was seen, when we knew: the moments that clocks of law count from, each with who recorded it and why;
//! and what was submitted to whom because of them.

use super::{Disclosure, EntryKind, Incident, Outcome, TransitionError, reason};
use crate::actor::Actor;
use crate::obligation::rule::{Moment, ObligationRule, Situation};
use crate::words::{capitalised, minute};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A moment, as somebody recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentRecord {
    /// When the moment was.
    pub at: DateTime<Utc>,
    /// Who recorded it.
    pub by: Actor,
    /// When that was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Why this instant.
    pub why: String,
}

/// A phase of a rule that was submitted in fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// When it was submitted.
    pub at: DateTime<Utc>,
    /// Who recorded it.
    pub by: Actor,
    /// When that was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What proves it: a number of the authority, the name of a receipt.
    pub reference: String,
}

/// Nothing is recorded that is older than this.
const OLDEST: Duration = Duration::days(10 * 366);

impl Incident {
    /// Somebody records when a moment was. What was recorded before stays in the record; the newest counts.
    ///
    /// # Errors
    /// Refused without a reason, for an instant to come or beyond ten years ago, and for moments that are decided in another way. A
    /// later instant than the one that counts moves deadlines away, so that it takes another person than who recorded that one.
    pub fn record_moment(
        mut self,
        moment: Moment,
        was_at: DateTime<Utc>,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        if matches!(moment, Moment::Suspected | Moment::Confirmed) {
            return Err(TransitionError::NotFrom {
                from: format!("disclosure {}", self.disclosure.name()),
                attempted: "record by hand when a disclosure was suspected or confirmed in",
                remedy: "suspect or confirm the disclosure: the decision records its instant",
            });
        }
        let why = reason(why, "record this instant")?;
        must_be_past("the moment", was_at, at)?;
        if moment == Moment::Detected && was_at > self.opened_at {
            return Err(TransitionError::BadInstant {
                what: "the detection",
                given: was_at,
                remedy: format!(
                    "it was detected when the incident was opened ({}), or before",
                    self.opened_at
                ),
            });
        }
        let known = self.moments.get(&moment).and_then(|records| records.last());
        if let Some(known) = known
            && was_at > known.at
            && known.by == *by
        {
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "move a moment later that they recorded themselves",
                remedy: "it moves deadlines away; ask another person to record it",
            });
        }
        let before = known.map_or(String::new(), |known| format!(", before {}", minute(known.at)));
        let text = format!(
            "{} at {}{before}: {why}",
            capitalised(moment.name()),
            minute(was_at)
        );
        self.version += 1;
        self.moments.entry(moment).or_default().push(MomentRecord {
            at: was_at,
            by: by.clone(),
            recorded_at: at,
            why,
        });
        let entry = self.entry(EntryKind::DisclosureChanged, was_at, at, by, text);
        let owes = self.owes().into_iter().collect();
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: owes,
        })
    }

    /// Somebody records that a phase of a rule was submitted; phases that count from it start.
    ///
    /// # Errors
    /// Refused where the rule has no such phase, where it was submitted already, for an instant to come, and without a reference.
    pub fn record_submission(
        mut self,
        rule: &ObligationRule,
        phase: &str,
        was_at: DateTime<Utc>,
        reference: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        if !rule.phases.iter().any(|known| known.id == phase) {
            return Err(TransitionError::Unknown {
                what: "phase of this rule",
                name: phase.to_owned(),
            });
        }
        let reference = reason(reference, "record a submission")?;
        must_be_past("the submission", was_at, at)?;
        let submitted = self.submissions.entry(rule.id.clone()).or_default();
        if submitted.contains_key(phase) {
            return Err(TransitionError::NotFrom {
                from: "submitted".to_owned(),
                attempted: "submit a phase again in",
                remedy: "the first submission counts; write what followed to the timeline",
            });
        }
        submitted.insert(
            phase.to_owned(),
            Submission {
                at: was_at,
                by: by.clone(),
                recorded_at: at,
                reference: reference.clone(),
            },
        );
        self.version += 1;
        let text = format!(
            "{} ({phase}) submitted at {}: {reference}",
            rule.title,
            minute(was_at)
        );
        let entry = self.entry(EntryKind::DisclosureChanged, was_at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// The moments that count: what people recorded last, what was decided on the disclosure, and the opening of the incident where
    /// nobody said when it was detected.
    #[must_use]
    pub fn moments_in_force(&self) -> BTreeMap<Moment, DateTime<Utc>> {
        let mut moments = BTreeMap::from([(Moment::Detected, self.opened_at)]);
        match &self.disclosure {
            Disclosure::None | Disclosure::Rejected { .. } => {}
            Disclosure::Suspected { at, .. } => {
                moments.insert(Moment::Suspected, *at);
            }
            Disclosure::Confirmed { at, suspected_at, .. } => {
                moments.insert(Moment::Confirmed, *at);
                moments.extend(suspected_at.map(|at| (Moment::Suspected, at)));
            }
        }
        for (moment, records) in &self.moments {
            moments.extend(records.last().map(|record| (*moment, record.at)));
        }
        moments
    }

    /// When phases of a rule were submitted.
    #[must_use]
    pub fn submitted(&self, rule: &str) -> BTreeMap<String, DateTime<Utc>> {
        let phases = self.submissions.get(rule).into_iter().flatten();
        phases
            .map(|(phase, submission)| (phase.clone(), submission.at))
            .collect()
    }

    /// What the clocks of a rule of law count with.
    #[must_use]
    pub fn situation(&self, rule: &str) -> Situation {
        Situation {
            moments: self.moments_in_force(),
            submitted: self.submitted(rule),
            stands: self.standstills(rule),
            contract: None,
        }
    }
}

pub(super) fn must_be_past(
    what: &'static str,
    given: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    if given <= now && given > now - OLDEST {
        return Ok(());
    }
    Err(TransitionError::BadInstant {
        what,
        given,
        remedy: format!("give an instant of the last ten years, up to now ({now})"),
    })
}
