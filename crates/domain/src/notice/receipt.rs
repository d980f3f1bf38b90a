//! What recipients did with a letter on the portal: opened it, acknowledged it, asked.
//!
//! Whoever has the letter's code speaks for the customer; names are as they were typed in. What was acknowledged stays acknowledged,
//! and a question stays as it was asked.

use crate::actor::Actor;
use crate::id::{CustomerId, LetterId, NoticeId};
use crate::matter::MatterId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many questions a letter takes.
pub const MOST_QUESTIONS: usize = 20;

/// The longest name and role, in characters.
const LONGEST_NAME: usize = 120;

/// The longest question or answer, in characters.
const LONGEST_TEXT: usize = 4000;

/// What recipients did with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The letter; there is one receipt for each that was opened.
    pub letter: LetterId,
    /// Counts every change.
    pub version: i64,
    /// The notice.
    pub notice: NoticeId,
    /// About which incident or change.
    #[serde(flatten)]
    pub matter: MatterId,
    /// Whose letter.
    pub customer: CustomerId,
    /// When its code was first typed in.
    pub opened_at: DateTime<Utc>,
    /// Who confirmed that the right people have read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// What was asked, the oldest first.
    #[serde(default)]
    pub questions: Vec<Question>,
}

/// Somebody confirms that the right people have read a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as typed in.
    pub name: String,
    /// What they are, as typed in; may be empty.
    #[serde(default)]
    pub role: String,
}

/// A recipient asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as typed in.
    pub name: String,
    /// What.
    pub text: String,
    /// What we answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// We answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub text: String,
}

/// What a receipt refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It was acknowledged before.
    #[error("{name} has acknowledged this notice already")]
    Acknowledged {
        /// By whom.
        name: String,
    },
    /// A field is empty or too long.
    #[error("{field}: write 1 to {longest} characters")]
    Length {
        /// Which field.
        field: &'static str,
        /// How many characters it takes.
        longest: usize,
    },
    /// There are too many questions.
    #[error("there are {MOST_QUESTIONS} questions to this notice already; answer the message, or call us")]
    TooMany,
    /// There is no such question.
    #[error("there is no question {number} to this letter")]
    Unknown {
        /// Which, from 1.
        number: usize,
    },
    /// It was answered before.
    #[error("question {number} was answered; an answer that was given stays")]
    Answered {
        /// Which, from 1.
        number: usize,
    },
}

impl Receipt {
    /// The letter is opened for the first time.
    #[must_use]
    pub fn open(letter: &super::Letter, matter: impl Into<MatterId>, at: DateTime<Utc>) -> Self {
        Self {
            letter: letter.id.clone(),
            version: 1,
            notice: letter.notice.clone(),
            matter: matter.into(),
            customer: letter.customer.clone(),
            opened_at: at,
            acknowledged: None,
            questions: Vec::new(),
        }
    }

    /// Somebody confirms that the right people have read it.
    ///
    /// # Errors
    /// A name is needed; who came first stays.
    pub fn acknowledge(mut self, name: &str, role: &str, at: DateTime<Utc>) -> Result<Self, ReceiptError> {
        if let Some(Acknowledgement { name, .. }) = self.acknowledged {
            return Err(ReceiptError::Acknowledged { name });
        }
        let name = line("name", name, LONGEST_NAME)?;
        let role = if role.trim().is_empty() {
            String::new()
        } else {
            line("role", role, LONGEST_NAME)?
        };
        self.version += 1;
        self.acknowledged = Some(Acknowledgement { at, name, role });
        Ok(self)
    }

    /// Somebody asks.
    ///
    /// # Errors
    /// A name and a question are needed, and there are only so many.
    pub fn ask(mut self, name: &str, text: &str, at: DateTime<Utc>) -> Result<Self, ReceiptError> {
        if self.questions.len() >= MOST_QUESTIONS {
            return Err(ReceiptError::TooMany);
        }
        self.questions.push(Question {
            at,
            name: line("name", name, LONGEST_NAME)?,
            text: within("question", text)?,
            answer: None,
        });
        self.version += 1;
        Ok(self)
    }

    /// We answer question `number`, counted from 1.
    ///
    /// # Errors
    /// An answer that was given stays: a correction is another notice.
    pub fn answer(
        mut self,
        number: usize,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, ReceiptError> {
        let index = number.wrapping_sub(1);
        let Some(question) = self.questions.get_mut(index) else {
            return Err(ReceiptError::Unknown { number });
        };
        if question.answer.is_some() {
            return Err(ReceiptError::Answered { number });
        }
        question.answer = Some(Answer {
            by: by.clone(),
            at,
            text: within("text", text)?,
        });
        self.version += 1;
        Ok(self)
    }

    /// How many questions wait for an answer.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.questions.iter().filter(|q| q.answer.is_none()).count()
    }
}

/// One line without control characters: it stands in timelines and in pages.
fn line(field: &'static str, text: &str, longest: usize) -> Result<String, ReceiptError> {
    crate::words::one_line(text, longest).ok_or(ReceiptError::Length { field, longest })
}

fn within(field: &'static str, text: &str) -> Result<String, ReceiptError> {
    let text = text.trim().replace("\r\n", "\n");
    let sound = !text.is_empty() && text.chars().count() <= LONGEST_TEXT;
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if sound {
        Ok(text)
    } else {
        Err(ReceiptError::Length {
            field,
            longest: LONGEST_TEXT,
        })
    }
}
