//! What was decided on a change, whether customers were told, and whether it takes effect.

use crate::actor::Actor;
use crate::id::NoticeId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Somebody's judgement: does the change substantially affect security?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub substantial: bool,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// A second person agrees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// The notice of the change went to the customers that paid at that instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldOfChange {
    /// The notice; its letters are the list of that day.
    pub notice: NoticeId,
    /// When it was put on its way.
    pub at: DateTime<Utc>,
    /// To how many customers.
    pub customers: u64,
}

/// What was decided, and whether customers were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChangeState {
    /// Somebody proposed it; nobody has judged it.
    Proposed,
    /// Somebody judged it; the judgement waits for a second person.
    Assessed {
        /// The judgement.
        verdict: Verdict,
    },
    /// A second person agreed: a substantial change is owed to customers, another one is done with.
    Agreed {
        /// The judgement.
        verdict: Verdict,
        /// Who agreed to it.
        agreement: Agreement,
    },
    /// The notice is on its way. Whom it has reached is what its messages prove.
    Told {
        /// The judgement.
        verdict: Verdict,
        /// Who agreed to it.
        agreement: Agreement,
        /// What went.
        told: ToldOfChange,
    },
}

impl ChangeState {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Assessed { .. } => "assessed",
            Self::Agreed { .. } => "agreed",
            Self::Told { .. } => "told",
        }
    }
}

/// Whether a change takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "course", rename_all = "snake_case")]
pub enum ChangeCourse {
    /// Not yet.
    Planned,
    /// Its instant has passed.
    Effective {
        /// When that was recorded.
        effective_since: DateTime<Utc>,
        /// What should have been done before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<ChangeFault>,
    },
    /// It does not come.
    Withdrawn {
        /// Who said so.
        withdrawn_by: Actor,
        /// When.
        withdrawn_at: DateTime<Utc>,
        /// Why.
        withdrawn_why: String,
    },
}

impl ChangeCourse {
    /// The course's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Effective { .. } => "effective",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// What had not been done when a change took effect. It stays in the record, whatever is done later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeFault {
    /// Nobody had judged it, or nobody had agreed to the judgement.
    NotJudged,
    /// It was substantial, and customers had not been told.
    NotTold,
}

impl ChangeFault {
    /// In words.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::NotJudged => {
                "it took effect before two people had judged whether it is substantial for security"
            }
            Self::NotTold => "it is substantial for security and took effect before customers were told",
        }
    }
}
