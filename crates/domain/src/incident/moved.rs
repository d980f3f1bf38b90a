//! A confirmation that counts from another instant than was first said. An earlier one brings every deadline nearer and is taken as it
//! is said; a later one moves deadlines away, which takes two people. What stood before stays in sight.

use super::{Disclosure, EntryKind, Incident, Intent, Outcome, TransitionError, reason};
use crate::actor::Actor;
use crate::words::{second, sentence};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Somebody asks for the confirmation to count from a later instant; another person agrees or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveAsked {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// From when it would count.
    pub to: DateTime<Utc>,
    /// Why from then.
    pub why: String,
}

/// A confirmation that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// From when it had counted.
    pub from: DateTime<Utc>,
    /// From when it counts since.
    pub to: DateTime<Utc>,
    /// Who asked for it, where it moved deadlines away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<MoveAsked>,
    /// Who moved it, or agreed.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: String,
}

impl Incident {
    /// How the confirmation was moved, the oldest first.
    #[must_use]
    pub fn moves(&self) -> &[Moved] {
        match &self.disclosure {
            Disclosure::Confirmed { moved, .. } => moved,
            Disclosure::None | Disclosure::Suspected { .. } | Disclosure::Rejected { .. } => &[],
        }
    }

    /// Somebody says that the confirmation counts from another instant. An earlier one counts at once; a later one when another person
    /// agrees, and clocks run on as they are until then.
    ///
    /// # Errors
    /// Refused without a reason, where nothing is confirmed, for the instant that counts already, for one to come or long before the
    /// incident, and for a later one while another request waits.
    pub fn move_confirmation(
        mut self,
        to: DateTime<Utc>,
        why: &str,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "move a confirmation")?;
        self.must_be_confirmable(to, now)?;
        let Disclosure::Confirmed { at, moving, .. } = &mut self.disclosure else {
            return Err(self.disclosure_is("move the confirmation in", "only a confirmed one can be moved"));
        };
        if to < *at {
            return Ok(self.moved(to, None, why, by, now));
        }
        if to == *at {
            return Err(self.disclosure_is("move the confirmation in", "it counts from this instant already"));
        }
        if moving.is_some() {
            return Err(self.disclosure_is(
                "ask again to move the confirmation in",
                "another person agrees or refuses first",
            ));
        }
        let text = format!(
            "Asks to count the confirmation from {} instead of {}: {} Clocks run on until another person agrees",
            second(to),
            second(*at),
            sentence(&why)
        );
        *moving = Some(MoveAsked {
            by: by.clone(),
            at: now,
            to,
            why,
        });
        let intents = self.ask_second_person("counts from a later instant", by);
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, now, text);
        outcome.intents = intents;
        Ok(outcome)
    }

    /// Another person agrees: clocks that counted from the confirmation count from the later instant, which is named, so that nobody
    /// agrees to another one than was read.
    ///
    /// # Errors
    /// Refused without a reason, where nobody has asked, or for another instant, and to whoever has.
    pub fn agree_to_move(
        self,
        to: DateTime<Utc>,
        why: &str,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "move a confirmation")?;
        let asked = self.move_asked("move the confirmation in")?;
        if asked.to != to {
            return Err(TransitionError::BadInstant {
                what: "the confirmation",
                given: to,
                remedy: format!("{} is asked for; read again what you agree to", asked.to),
            });
        }
        if asked.by == *by {
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "agree to a later confirmation that they asked for themselves",
                remedy: "it moves deadlines away: ask somebody else to agree",
            });
        }
        Ok(self.moved(asked.to, Some(asked), why, by, now))
    }

    /// Somebody refuses the later instant: the confirmation counts as it did.
    ///
    /// # Errors
    /// Refused without a reason and where nobody has asked.
    pub fn refuse_to_move(
        mut self,
        why: &str,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "refuse to move a confirmation")?;
        let asked = self.move_asked("refuse to move the confirmation in")?;
        if let Disclosure::Confirmed { moving, .. } = &mut self.disclosure {
            *moving = None;
        }
        let text = format!("The confirmation does not count from {}: {why}", second(asked.to));
        Ok(self.changed(EntryKind::DisclosureChanged, by, now, text))
    }

    fn move_asked(&self, attempted: &'static str) -> Result<MoveAsked, TransitionError> {
        match &self.disclosure {
            Disclosure::Confirmed {
                moving: Some(asked), ..
            } => Ok(asked.clone()),
            _ => Err(self.disclosure_is(attempted, "nobody has asked for it")),
        }
    }

    fn moved(
        mut self,
        to: DateTime<Utc>,
        agreed: Option<MoveAsked>,
        why: String,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Outcome<Self> {
        let mut text = String::new();
        if let Disclosure::Confirmed {
            at, moving, moved, ..
        } = &mut self.disclosure
        {
            let from = std::mem::replace(at, to);
            let who = if agreed.is_some() {
                ", agreed by a second person"
            } else {
                ""
            };
            text = format!(
                "The confirmation counts from {} instead of {}{who}: {why}",
                second(to),
                second(from)
            );
            if agreed.is_some() {
                *moving = None;
            }
            moved.push(Moved {
                from,
                to,
                asked: agreed,
                by: by.clone(),
                at: now,
                why,
            });
        }
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, now, text);
        outcome.intents = vec![Intent::Owe];
        outcome
    }
}
