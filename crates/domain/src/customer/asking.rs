//! Asking a contact whether it is still the right one for security notices: once a year by mail, with one reminder.
//!
//! The mail has a code and no link; whoever types it in on the portal speaks for the contact. One asking is one row, whose id follows
//! from the customer, the address and the year that it is about, so that nobody is asked twice in one year.

use super::{Contact, ContactRole, ContactTrouble, Customer, TroubleKind};
use crate::id::{AskingId, CustomerId, digest};
use crate::preflight::CONTACT_PATIENCE;
use crate::span::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The longest name and the longest remark, in characters.
pub const LONGEST: usize = 200;

/// One asking of one contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Its id: customer, address, and since when the contact was sure.
    pub id: AskingId,
    /// Counts every change.
    pub version: i64,
    /// The customer.
    pub customer: CustomerId,
    /// The address that is asked.
    pub email: String,
    /// What the contact was when it was asked.
    pub role: ContactRole,
    /// What the contact types in on the portal.
    pub code: String,
    /// When it was asked.
    pub asked_at: DateTime<Utc>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: AskingState,
}

/// Where an asking stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AskingState {
    /// The mail is on its way, or waits for an answer.
    Waiting {
        /// When the reminder went, if it did.
        reminded_at: Option<DateTime<Utc>>,
    },
    /// Nobody answered.
    Unanswered {
        /// Since when that is so.
        at: DateTime<Utc>,
    },
    /// The contact is the right one.
    Confirmed {
        /// When.
        at: DateTime<Utc>,
        /// Who, as typed in.
        name: String,
    },
    /// It is not.
    NotTheRightOne {
        /// When.
        at: DateTime<Utc>,
        /// Who, as typed in.
        name: String,
        /// Whom to write to instead, as typed in; may be empty.
        instead: String,
    },
    /// The mail did not arrive.
    Undeliverable {
        /// When we learned of it.
        at: DateTime<Utc>,
        /// What the server said.
        why: String,
    },
    /// The contact was changed or verified otherwise before it answered.
    Overtaken {
        /// When.
        at: DateTime<Utc>,
    },
}

/// What somebody types in who has the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactAnswer<'a> {
    /// The address is the right one.
    Right {
        /// Who says so.
        name: &'a str,
    },
    /// It is not.
    Wrong {
        /// Who says so.
        name: &'a str,
        /// Whom to write to instead; may be empty.
        instead: &'a str,
    },
}

/// What an asking refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskingError {
    /// It was answered before.
    #[error("this was answered already; tell us if that was wrong")]
    Answered,
    /// A field is empty or too long.
    #[error("{field}: write 1 to {LONGEST} characters")]
    Length {
        /// Which field.
        field: &'static str,
    },
}

/// What is due of an asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The reminder.
    Remind(Asking),
    /// Nobody answered the reminder either.
    GiveUp(Asking),
    /// Nothing, yet or any more.
    Nothing,
}

impl Asking {
    /// Asks a contact, where that is due: [`Span`] `every` after it was verified, given, or asked last, unless it is known not to be
    /// reached. `secret` must not be guessable.
    #[must_use]
    pub fn due(
        customer: &Customer,
        contact: &Contact,
        last: Option<&Self>,
        every: Span,
        (secret, now): (&str, DateTime<Utc>),
    ) -> Option<Self> {
        if contact.trouble.is_some() || last.is_some_and(|last| last.next_due().is_some()) {
            return None;
        }
        let since = contact.sure_since(customer);
        let since = last.map_or(since, |last| since.max(last.asked_at));
        if since + every.duration() > now {
            return None;
        }
        let instant = since.timestamp_micros().to_string();
        let code = digest(&[secret, "contact"]);
        Some(Self {
            id: AskingId::derived(&[customer.id.as_str(), &contact.email, &instant]),
            version: 1,
            customer: customer.id.clone(),
            email: contact.email.clone(),
            role: contact.role,
            code: format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..12]),
            asked_at: now,
            state: AskingState::Waiting { reminded_at: None },
        })
    }

    /// When something is due of it.
    #[must_use]
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            AskingState::Waiting { reminded_at } => {
                Some(reminded_at.unwrap_or(self.asked_at) + CONTACT_PATIENCE.duration())
            }
            _ => None,
        }
    }

    /// When it must have been answered, as its mails say.
    #[must_use]
    pub fn answer_by(&self) -> DateTime<Utc> {
        self.asked_at + CONTACT_PATIENCE.duration() * 2
    }

    /// Takes the step that is due: the reminder after [`CONTACT_PATIENCE`], and the end after as much again.
    #[must_use]
    pub fn take_due(mut self, now: DateTime<Utc>) -> Step {
        if self.next_due().is_none_or(|due| due > now) {
            return Step::Nothing;
        }
        self.version += 1;
        if matches!(self.state, AskingState::Waiting { reminded_at: None }) {
            self.state = AskingState::Waiting {
                reminded_at: Some(now),
            };
            Step::Remind(self)
        } else {
            self.state = AskingState::Unanswered { at: now };
            Step::GiveUp(self)
        }
    }

    /// The contact was changed, or somebody made sure of it by other means: nothing more is due.
    #[must_use]
    pub fn overtaken(mut self, at: DateTime<Utc>) -> Self {
        self.version += 1;
        self.state = AskingState::Overtaken { at };
        self
    }

    /// The mail did not arrive; an answer that came all the same stands.
    #[must_use]
    pub fn undeliverable(mut self, why: &str, at: DateTime<Utc>) -> Option<Self> {
        if !matches!(
            self.state,
            AskingState::Waiting { .. } | AskingState::Unanswered { .. }
        ) {
            return None;
        }
        self.version += 1;
        self.state = AskingState::Undeliverable {
            at,
            why: why.chars().take(LONGEST).collect(),
        };
        Some(self)
    }

    /// Takes an answer. One that comes late is as good.
    ///
    /// # Errors
    /// A name is needed, and the first answer stands.
    pub fn answered(mut self, answer: ContactAnswer<'_>, at: DateTime<Utc>) -> Result<Self, AskingError> {
        if matches!(
            self.state,
            AskingState::Confirmed { .. }
                | AskingState::NotTheRightOne { .. }
                | AskingState::Overtaken { .. }
        ) {
            return Err(AskingError::Answered);
        }
        self.state = match answer {
            ContactAnswer::Right { name } => AskingState::Confirmed {
                at,
                name: line("name", name)?,
            },
            ContactAnswer::Wrong { name, instead } => AskingState::NotTheRightOne {
                at,
                name: line("name", name)?,
                instead: if instead.trim().is_empty() {
                    String::new()
                } else {
                    line("instead", instead)?
                },
            },
        };
        self.version += 1;
        Ok(self)
    }

    /// What an answer, or that there was none, makes of the contact.
    pub fn settle(&self, contact: &mut Contact) {
        match &self.state {
            AskingState::Confirmed { at, .. } => {
                contact.verified_at = Some(*at);
                contact.trouble = None;
            }
            AskingState::NotTheRightOne { at, instead, .. } => {
                contact.trouble = Some(ContactTrouble {
                    at: *at,
                    kind: TroubleKind::NotTheRightOne,
                    why: instead.clone(),
                });
            }
            AskingState::Undeliverable { at, why } => {
                contact.trouble = Some(ContactTrouble {
                    at: *at,
                    kind: TroubleKind::Unreachable,
                    why: why.clone(),
                });
            }
            AskingState::Waiting { .. } | AskingState::Unanswered { .. } | AskingState::Overtaken { .. } => {}
        }
    }

    /// Where it stands, in a word.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            AskingState::Waiting { .. } => "waiting",
            AskingState::Unanswered { .. } => "unanswered",
            AskingState::Confirmed { .. } => "confirmed",
            AskingState::NotTheRightOne { .. } => "not_the_right_one",
            AskingState::Undeliverable { .. } => "undeliverable",
            AskingState::Overtaken { .. } => "overtaken",
        }
    }
}

fn line(field: &'static str, text: &str) -> Result<String, AskingError> {
    crate::words::one_line(text, LONGEST).ok_or(AskingError::Length { field })
}
