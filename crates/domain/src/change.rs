//! Changes of the service, and whether customers must be told of them before they take effect.
//!
//! Customers are promised to be told by e-mail of a substantial change that affects security. So every change that might be one stands
//! in a register: somebody proposes it, somebody judges with a reason whether it is substantial for security, another person agrees to
//! that judgement, and a substantial one is told to the paying customers before it takes effect. One that is not substantial stays in
//! the register with its reason. Nothing here does IO: a decision gives the changed change, what its timeline says, and whom to page.

mod state;
mod steps;

pub use state::{Agreement, ChangeCourse, ChangeFault, ChangeState, ToldOfChange, Verdict};
pub use steps::{ChangeStep, ChangeStepTaken, WARNING};

use crate::actor::Actor;
use crate::id::{ChangeId, NoticeId};
use crate::incident::{EntryKind, Outcome, TimelineEntry};
use crate::page::{PageReason, PageTarget};
use crate::span::{Span, in_words};
use crate::words::{capitalised, minute, second};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long before it takes effect a substantial change is told, where the configuration says nothing else.
pub const NOTICE_TIME: Span = Span::hours(30 * 24);

/// A change takes effect at most this far from the instant at which somebody says so, in both directions.
const FARTHEST: Duration = Duration::days(3 * 366);

/// How long a title is, and the other texts, in characters.
const LONGEST_TITLE: usize = 200;
const LONGEST_TEXT: usize = 4000;

/// What somebody says of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeProposal {
    /// In a line.
    pub title: String,
    /// What changes.
    pub what: String,
    /// Why.
    pub why: String,
    /// When it is planned to take effect.
    pub effective_at: DateTime<Utc>,
}

/// A change of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id.
    pub id: ChangeId,
    /// Gap-free number, given when it is stored; 0 until then.
    pub number: i64,
    /// Counts every change; a writer names the version it read.
    pub version: i64,
    /// In a line.
    pub title: String,
    /// What changes.
    pub what: String,
    /// Why.
    pub why: String,
    /// When it is planned to take effect.
    pub effective_at: DateTime<Utc>,
    /// Until when telling customers is in time: so long before it takes effect as was promised when it was proposed or revised.
    pub tell_by: DateTime<Utc>,
    /// Who proposed it.
    pub proposed_by: Actor,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// Who wrote what it says besides, if anybody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revised_by: Vec<Actor>,
    /// Steps that were taken because time passed, in order.
    #[serde(default)]
    pub steps: Vec<ChangeStepTaken>,
    /// What was decided, and whether customers were told.
    #[serde(flatten)]
    pub state: ChangeState,
    /// Whether it takes effect.
    #[serde(flatten)]
    pub course: ChangeCourse,
}

/// Somebody to page about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Whom.
    pub target: PageTarget,
    /// Why.
    pub reason: PageReason,
}

/// What a decision on a change gives.
pub type ChangeOutcome = Outcome<Change, ChangePage>;

/// What a change refuses, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The thing cannot be done from here.
    #[error("cannot {attempted} a change that is {from}; {remedy}")]
    NotFrom {
        /// The state it is in.
        from: &'static str,
        /// What was tried.
        attempted: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Four eyes.
    #[error("{who} wrote or judged this change; a second person must agree to the judgement")]
    SamePerson {
        /// Who tried.
        who: Actor,
    },
    /// A text is empty or too long.
    #[error("{field}: write 1 to {longest} characters")]
    Length {
        /// Which field.
        field: &'static str,
        /// How many characters it takes.
        longest: usize,
    },
    /// An instant cannot be.
    #[error(
        "effective_at: {} is more than three years away; write when the change takes effect", second(*given)
    )]
    Farther {
        /// What was given.
        given: DateTime<Utc>,
    },
}

impl ChangeProposal {
    fn sound(self, at: DateTime<Utc>) -> Result<Self, ChangeError> {
        if (self.effective_at - at).abs() > FARTHEST {
            return Err(ChangeError::Farther {
                given: self.effective_at,
            });
        }
        let title: Vec<&str> = self.title.split_whitespace().collect();
        Ok(Self {
            title: text("title", &title.join(" "), LONGEST_TITLE)?,
            what: text("what", &self.what, LONGEST_TEXT)?,
            why: text("why", &self.why, LONGEST_TEXT)?,
            effective_at: self.effective_at,
        })
    }
}

fn text(field: &'static str, text: &str, longest: usize) -> Result<String, ChangeError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > longest {
        return Err(ChangeError::Length { field, longest });
    }
    Ok(text.to_owned())
}

impl Change {
    /// Somebody proposes a change. A substantial one is told `notice_time` before it takes effect.
    ///
    /// # Errors
    /// Refused where a text is missing or too long, or the instant cannot be meant.
    pub fn propose(
        proposal: ChangeProposal,
        notice_time: Span,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<ChangeOutcome, ChangeError> {
        let ChangeProposal {
            title,
            what,
            why,
            effective_at,
        } = proposal.sound(at)?;
        let change = Self {
            id: ChangeId::generate(at),
            number: 0,
            version: 0,
            title,
            what,
            why,
            effective_at,
            tell_by: effective_at - notice_time.duration(),
            proposed_by: by.clone(),
            proposed_at: at,
            revised_by: Vec::new(),
            steps: Vec::new(),
            state: ChangeState::Proposed,
            course: ChangeCourse::Planned,
        };
        let text = format!("Proposed, to take effect {}", minute(effective_at));
        Ok(change.moved(by, at, &text))
    }

    /// How people call it: `CHG-0007`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("CHG-{:04}", self.number)
    }

    /// What it says is changed. What was judged was something else, so that a judgement falls.
    ///
    /// # Errors
    /// Refused once customers were told, or when it has taken effect or was withdrawn.
    pub fn revise(
        mut self,
        proposal: ChangeProposal,
        notice_time: Span,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<ChangeOutcome, ChangeError> {
        self.must_be_planned("revise")?;
        if matches!(self.state, ChangeState::Told { .. }) {
            return Err(self.not_from(
                "revise",
                "customers were told what stands there: withdraw it, and propose what comes instead",
            ));
        }
        let ChangeProposal {
            title,
            what,
            why,
            effective_at,
        } = proposal.sound(at)?;
        let judged = !matches!(self.state, ChangeState::Proposed);
        if *by != self.proposed_by && !self.revised_by.contains(by) {
            self.revised_by.push(by.clone());
        }
        self.title = title;
        self.what = what;
        self.why = why;
        self.effective_at = effective_at;
        self.tell_by = effective_at - notice_time.duration();
        self.steps.clear();
        self.state = ChangeState::Proposed;
        let falls = if judged {
            "; the judgement was about something else and falls"
        } else {
            ""
        };
        let text = format!("Revised, to take effect {}{falls}", minute(effective_at));
        Ok(self.moved(by, at, &text))
    }

    /// Somebody judges whether it is substantial for security. Counsel is asked to agree. Judging again is possible until somebody has
    /// agreed.
    ///
    /// # Errors
    /// Refused without a reason, once somebody has agreed, and when it was withdrawn.
    pub fn assess(
        mut self,
        substantial: bool,
        reason: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<ChangeOutcome, ChangeError> {
        self.must_not_be_withdrawn("judge")?;
        if matches!(self.state, ChangeState::Agreed { .. } | ChangeState::Told { .. }) {
            return Err(self.not_from(
                "judge",
                "two people have judged it: revise it where it has become another",
            ));
        }
        let reason = text("reason", reason, LONGEST_TEXT)?;
        let said = format!("Judged {}: {reason}", judged(substantial));
        self.state = ChangeState::Assessed {
            verdict: Verdict {
                substantial,
                reason,
                by: by.clone(),
                at,
            },
        };
        let mut outcome = self.moved(by, at, &said);
        outcome.intents.push(ChangePage {
            target: PageTarget::Counsel,
            reason: PageReason::AgreementWanted,
        });
        Ok(outcome)
    }

    /// Another person agrees with the judgement. A substantial change is owed to customers from here on.
    ///
    /// # Errors
    /// Refused for whoever wrote what it says or judged it, and where there is nothing to agree with.
    pub fn agree(mut self, by: &Actor, at: DateTime<Utc>) -> Result<ChangeOutcome, ChangeError> {
        self.must_not_be_withdrawn("agree with the judgement of")?;
        let ChangeState::Assessed { verdict } = &self.state else {
            return Err(self.not_from(
                "agree with the judgement of",
                "somebody judges it first, and only once somebody agrees",
            ));
        };
        if !self.second_person(by) {
            return Err(ChangeError::SamePerson { who: by.clone() });
        }
        let said = format!("A second person agrees: {}", judged(verdict.substantial));
        self.state = ChangeState::Agreed {
            verdict: verdict.clone(),
            agreement: Agreement { by: by.clone(), at },
        };
        Ok(self.moved(by, at, &said))
    }

    /// Whether somebody neither wrote what it says nor judged it.
    #[must_use]
    pub fn second_person(&self, who: &Actor) -> bool {
        let judged = self.verdict().is_some_and(|verdict| verdict.by == *who);
        *who != self.proposed_by && !self.revised_by.contains(who) && !judged
    }

    /// The judgement, whether somebody agreed with it or not.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.state {
            ChangeState::Proposed => None,
            ChangeState::Assessed { verdict }
            | ChangeState::Agreed { verdict, .. }
            | ChangeState::Told { verdict, .. } => Some(verdict),
        }
    }

    /// Who agreed with the judgement.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        match &self.state {
            ChangeState::Proposed | ChangeState::Assessed { .. } => None,
            ChangeState::Agreed { agreement, .. } | ChangeState::Told { agreement, .. } => Some(agreement),
        }
    }

    /// What went to customers.
    #[must_use]
    pub fn told(&self) -> Option<&ToldOfChange> {
        match &self.state {
            ChangeState::Told { told, .. } => Some(told),
            _ => None,
        }
    }

    /// What had not been done when it took effect.
    #[must_use]
    pub fn fault(&self) -> Option<ChangeFault> {
        match &self.course {
            ChangeCourse::Effective { fault, .. } => *fault,
            ChangeCourse::Planned | ChangeCourse::Withdrawn { .. } => None,
        }
    }

    /// Whether a notice of it may be written and sent: it is substantial by the judgement of two people, customers were not told, and
    /// it comes or has come. Telling late is better than never.
    ///
    /// # Errors
    /// Says what is to be done first.
    pub fn must_be_owed(&self) -> Result<(), ChangeError> {
        let attempted = "tell customers of";
        self.must_not_be_withdrawn(attempted)?;
        let remedy = match &self.state {
            ChangeState::Agreed { verdict, .. } if verdict.substantial => return Ok(()),
            ChangeState::Agreed { .. } => "two people judged that it is not substantial for security",
            ChangeState::Told { .. } => "customers were told of it",
            ChangeState::Proposed => "judge first whether it is substantial for security",
            ChangeState::Assessed { .. } => "a second person agrees with the judgement first",
        };
        Err(self.not_from(attempted, remedy))
    }

    /// The notice is on its way to `customers`.
    ///
    /// # Errors
    /// As [`Change::must_be_owed`].
    pub fn tell(
        mut self,
        notice: &NoticeId,
        customers: u64,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<ChangeOutcome, ChangeError> {
        self.must_be_owed()?;
        let (Some(verdict), Some(agreement)) = (self.verdict().cloned(), self.agreement().cloned()) else {
            return Err(self.not_from("tell customers of", "judge it first"));
        };
        let late = if at > self.tell_by {
            format!(", {} later than promised", in_words(at - self.tell_by))
        } else {
            String::new()
        };
        let word = if customers == 1 { "customer" } else { "customers" };
        self.state = ChangeState::Told {
            verdict,
            agreement,
            told: ToldOfChange {
                notice: notice.clone(),
                at,
                customers,
            },
        };
        let text = format!("Told to the {customers} paying {word} of this day{late}");
        Ok(self.moved(by, at, &text))
    }

    /// It does not come.
    ///
    /// # Errors
    /// Refused without a reason, and when it has taken effect.
    pub fn withdraw(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<ChangeOutcome, ChangeError> {
        self.must_be_planned("withdraw")?;
        let why = text("why", why, LONGEST_TEXT)?;
        let told = if self.told().is_some() {
            ". Customers were told that it comes"
        } else {
            ""
        };
        let said = format!("Withdrawn: {why}{told}");
        self.course = ChangeCourse::Withdrawn {
            withdrawn_by: by.clone(),
            withdrawn_at: at,
            withdrawn_why: why,
        };
        Ok(self.moved(by, at, &said))
    }

    fn entry(&self, happened_at: DateTime<Utc>, at: DateTime<Utc>, by: &Actor, text: &str) -> TimelineEntry {
        TimelineEntry::new(
            &self.id,
            EntryKind::ChangeMoved,
            happened_at,
            at,
            by,
            capitalised(text),
        )
    }

    fn moved(mut self, by: &Actor, at: DateTime<Utc>, text: &str) -> ChangeOutcome {
        self.version += 1;
        let entry = self.entry(at, at, by, text);
        Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        }
    }

    fn must_be_planned(&self, attempted: &'static str) -> Result<(), ChangeError> {
        self.must_not_be_withdrawn(attempted)?;
        match self.course {
            ChangeCourse::Effective { .. } => {
                Err(self.not_from(attempted, "what comes next is another change: propose that one"))
            }
            ChangeCourse::Planned | ChangeCourse::Withdrawn { .. } => Ok(()),
        }
    }

    fn must_not_be_withdrawn(&self, attempted: &'static str) -> Result<(), ChangeError> {
        match self.course {
            ChangeCourse::Withdrawn { .. } => {
                Err(self.not_from(attempted, "it does not come; propose it again where it does"))
            }
            ChangeCourse::Planned | ChangeCourse::Effective { .. } => Ok(()),
        }
    }

    fn not_from(&self, attempted: &'static str, remedy: &'static str) -> ChangeError {
        let from = match self.course {
            ChangeCourse::Planned => self.state.name(),
            ChangeCourse::Effective { .. } | ChangeCourse::Withdrawn { .. } => self.course.name(),
        };
        ChangeError::NotFrom {
            from,
            attempted,
            remedy,
        }
    }
}

fn judged(substantial: bool) -> &'static str {
    if substantial {
        "substantial for security"
    } else {
        "not substantial for security"
    }
}
