//! The two ways to stop the ladder of a confirmed disclosure without telling: two people reverse the confirmation, or the law forbids
//! to tell for a while.

use super::{Disclosure, EntryKind, Incident, Intent, Outcome, TransitionError, reason};
use crate::actor::Actor;
use crate::page::{PageReason, PageTarget};
use crate::words::{minute, sentence};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Somebody asks for a confirmation to be reversed; another person agrees or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalAsked {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why it is no disclosure after all.
    pub why: String,
}

/// A confirmation that two people reversed: what was confirmed stays in sight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// Who asked for it, when, and why.
    pub asked: ReversalAsked,
    /// As of when the disclosure had been confirmed.
    pub confirmed_at: DateTime<Utc>,
}

/// The law forbids to tell customers for a while, such as on the request of an authority that investigates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// Who says so.
    pub by: Actor,
    /// When that was recorded.
    pub at: DateTime<Utc>,
    /// Until when; then the ladder goes on.
    pub until: DateTime<Utc>,
    /// On whose request and what paper.
    pub why: String,
}

/// A hold lasts no longer; whoever needs more documents it anew.
const LONGEST_HOLD: Duration = Duration::days(30);

impl Incident {
    /// Whether customers must not be told at `now`.
    #[must_use]
    pub fn held_at(&self, now: DateTime<Utc>) -> Option<&LegalHold> {
        self.hold.as_ref().filter(|hold| hold.until > now)
    }

    /// Somebody asks for the confirmation to be reversed. Clocks run on until another person agrees.
    ///
    /// # Errors
    /// Refused without a reason, where nothing is confirmed, and where somebody has asked already.
    pub fn ask_reversal(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "ask for a confirmation to be reversed")?;
        let Disclosure::Confirmed { reversal, .. } = &mut self.disclosure else {
            return Err(self.disclosure_is(
                "reverse the confirmation in",
                "only a confirmed one can be reversed",
            ));
        };
        if reversal.is_some() {
            return Err(self.disclosure_is(
                "ask again for the reversal in",
                "another person agrees or refuses first",
            ));
        }
        *reversal = Some(ReversalAsked {
            by: by.clone(),
            at,
            why: why.clone(),
        });
        let text = format!(
            "Asks to reverse the confirmation: {} Clocks run on until another person agrees",
            sentence(&why)
        );
        let intents = self.ask_second_person("is none", by);
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text);
        outcome.intents = intents;
        Ok(outcome)
    }

    /// Another person agrees: the disclosure is rejected, what is owed ends, and what was confirmed stays in the record.
    ///
    /// # Errors
    /// Refused where nobody has asked, and to whoever has.
    pub fn reverse_disclosure(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "reverse a confirmation")?;
        let (asked, confirmed_at) = self.reversal_asked("reverse the confirmation in")?;
        if asked.by == *by {
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "agree to a reversal that they asked for themselves",
                remedy: "it takes a second person: ask somebody else to agree",
            });
        }
        let text = format!(
            "Confirmation of {} reversed by a second person: {why}",
            minute(confirmed_at)
        );
        self.disclosure = Disclosure::Rejected {
            by: by.clone(),
            at,
            why,
            reversed: Some(Reversed { asked, confirmed_at }),
        };
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text);
        outcome.intents = vec![Intent::Owe];
        Ok(outcome)
    }

    /// Somebody refuses the reversal: the confirmation stands, and its clocks ran on.
    ///
    /// # Errors
    /// Refused without a reason and where nobody has asked.
    pub fn refuse_reversal(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "refuse a reversal")?;
        self.reversal_asked("refuse the reversal in")?;
        if let Disclosure::Confirmed { reversal, .. } = &mut self.disclosure {
            *reversal = None;
        }
        let text = format!("The confirmation stands: {why}");
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, text))
    }

    fn reversal_asked(
        &self,
        attempted: &'static str,
    ) -> Result<(ReversalAsked, DateTime<Utc>), TransitionError> {
        match &self.disclosure {
            Disclosure::Confirmed {
                at,
                reversal: Some(asked),
                ..
            } => Ok((asked.clone(), *at)),
            _ => Err(self.disclosure_is(attempted, "nobody has asked for it")),
        }
    }

    /// Somebody documents that customers must not be told before an instant: nothing goes to them until then, and what is due then
    /// goes at once. Deadlines stay as they are, and a miss stays a miss.
    ///
    /// # Errors
    /// Refused without a reason, where nothing is confirmed, and for an instant that has passed or lies beyond thirty days.
    pub fn place_hold(
        mut self,
        until: DateTime<Utc>,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "place a legal hold")?;
        if !matches!(self.disclosure, Disclosure::Confirmed { .. }) {
            return Err(self.disclosure_is(
                "place a legal hold on",
                "nothing goes to customers before a disclosure is confirmed",
            ));
        }
        if until <= at || until > at + LONGEST_HOLD {
            return Err(TransitionError::BadInstant {
                what: "the end of the hold",
                given: until,
                remedy: format!("give an instant after now ({at}) and within thirty days"),
            });
        }
        let text = format!(
            "Legal hold: customers are not told before {}: {why}",
            minute(until)
        );
        self.hold = Some(LegalHold {
            by: by.clone(),
            at,
            until,
            why,
        });
        let page = PageTarget::Leads;
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text.clone());
        outcome.intents = vec![
            Intent::Owe,
            Intent::Page {
                target: page,
                reason: PageReason::Ladder { text },
            },
        ];
        Ok(outcome)
    }

    /// Somebody lifts the hold: what is due goes at once.
    ///
    /// # Errors
    /// Refused without a reason and where no hold is in force.
    pub fn lift_hold(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "lift a legal hold")?;
        if self.held_at(at).is_none() {
            return Err(self.disclosure_is("lift a legal hold in", "no hold is in force"));
        }
        self.hold = None;
        let mut outcome = self.changed(
            EntryKind::DisclosureChanged,
            by,
            at,
            format!("Legal hold lifted: {why}"),
        );
        outcome.intents = vec![Intent::Owe];
        Ok(outcome)
    }
}
