//! The pre-flight: whether customers could be told today, found out every day and not in the last hours of a deadline.
//!
//! Takes what was seen of relays, DNS, letters, customers, people and the audit log; gives named checks, each with what was seen and
//! what to do about it. What was seen is gathered in the floors above; nothing here asks anybody.

mod coverage;
mod daily;
mod house;
mod mail;
pub mod spf;
mod standing;
mod suppression;

pub use coverage::{Asked, CONTACT_PATIENCE, Coverage, contacts};
pub use daily::Daily;
pub use house::{AuditSeen, LettersSeen, PeopleSeen, Post, WitnessesSeen, audit_log, letters, people};
pub use mail::{Listener, RelaySeen, bounces, dkim, dmarc, relay};
pub use standing::{AGAIN_AFTER, Standing, Word};
pub use suppression::{SuppressedSeen, suppression};

use crate::actor::Actor;
use crate::id::PreflightId;
use crate::page::PageTarget;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many findings a check names; those beyond are counted.
pub const MOST_FINDINGS: usize = 50;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The relay takes a connection, encrypts and lets us sign in.
    Relay,
    /// The relay for when the first takes no mail.
    SecondRelay,
    /// DNS has the key that mail is signed with.
    Dkim,
    /// DNS says who may send for the domain of return paths.
    Spf,
    /// DNS says what receivers do with what is forged.
    Dmarc,
    /// Reports about our mail can come in.
    Bounces,
    /// The service that carries mail does not throw away what is written to those whom we would tell.
    Suppression,
    /// Every letter can be filled, and there is one for every customer.
    Letters,
    /// Every customer has a contact that can be told.
    Contacts,
    /// Whoever the ladder pages can be paged.
    People,
    /// The audit log is sealed.
    AuditLog,
}

impl CheckName {
    /// All checks, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Relay,
        Self::SecondRelay,
        Self::Dkim,
        Self::Spf,
        Self::Dmarc,
        Self::Bounces,
        Self::Suppression,
        Self::Letters,
        Self::Contacts,
        Self::People,
        Self::AuditLog,
    ];

    /// As records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::SecondRelay => "second_relay",
            Self::Dkim => "dkim",
            Self::Spf => "spf",
            Self::Dmarc => "dmarc",
            Self::Bounces => "bounces",
            Self::Suppression => "suppression",
            Self::Letters => "letters",
            Self::Contacts => "contacts",
            Self::People => "people",
            Self::AuditLog => "audit_log",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Relay => "Mail relay",
            Self::SecondRelay => "Second relay",
            Self::Dkim => "DKIM record",
            Self::Spf => "SPF record",
            Self::Dmarc => "DMARC record",
            Self::Bounces => "Bounce mailbox",
            Self::Suppression => "Suppression list",
            Self::Letters => "Letters",
            Self::Contacts => "Coverage of contacts",
            Self::People => "People to page",
            Self::AuditLog => "Audit log",
        }
    }

    /// Who is paged about it: whoever is on call and the security lead; what counsel answers for, counsel instead of the on-call.
    #[must_use]
    pub fn pages(self) -> [PageTarget; 2] {
        match self {
            Self::Suppression | Self::Letters | Self::Contacts => [PageTarget::Leads, PageTarget::Counsel],
            _ => [PageTarget::OnCall { step: 0 }, PageTarget::Leads],
        }
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It is as it should be.
    Passed,
    /// Something must be done.
    Failed,
    /// There is nothing to check, as this installation is set up.
    NotApplicable,
}

/// Something that must be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same for the same trouble, day after day: what people were told of is known by it.
    pub key: String,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(key: impl Into<String>, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            seen: seen.into(),
            remedy: remedy.into(),
        }
    }
}

/// One check, as it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub check: CheckName,
    /// How it came out.
    pub result: CheckResult,
    /// What was seen, in a line or two.
    pub seen: String,
    /// What must be done; empty unless it failed.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// How many more findings there are than are named.
    #[serde(default)]
    pub more: usize,
    /// What people should know and need not act on, and what was not judged.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Check {
    /// Failed where there are findings, passed where there is none.
    #[must_use]
    pub fn judged(check: CheckName, seen: impl Into<String>, mut findings: Vec<Finding>) -> Self {
        let result = if findings.is_empty() {
            CheckResult::Passed
        } else {
            CheckResult::Failed
        };
        let more = findings.len().saturating_sub(MOST_FINDINGS);
        findings.truncate(MOST_FINDINGS);
        Self {
            check,
            result,
            seen: seen.into(),
            findings,
            more,
            notes: Vec::new(),
        }
    }

    /// There is nothing to check.
    #[must_use]
    pub fn not_applicable(check: CheckName, why: impl Into<String>) -> Self {
        Self {
            result: CheckResult::NotApplicable,
            ..Self::judged(check, why, Vec::new())
        }
    }

    /// With these notes.
    #[must_use]
    pub fn noting(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Whether something must be done.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.result == CheckResult::Failed
    }
}

/// All checks, taken once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Its id.
    pub id: PreflightId,
    /// Who asked for it: the worker, or somebody.
    pub by: Actor,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// The checks, in the order in which they are shown.
    pub checks: Vec<Check>,
    /// Checks that had failed the time before and do not any more.
    #[serde(default)]
    pub recovered: Vec<CheckName>,
}

impl Preflight {
    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failed())
    }

    /// With what recovered since the time before, if there was one.
    #[must_use]
    pub fn after(mut self, before: Option<&Self>) -> Self {
        let failed = |run: &Self| run.failed().map(|check| check.check).collect::<Vec<_>>();
        let now = failed(&self);
        self.recovered = before.map(failed).unwrap_or_default();
        self.recovered.retain(|check| !now.contains(check));
        self
    }
}

/// What DNS answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// This.
    Found(T),
    /// There is no such record.
    Nothing,
    /// It could not be asked, or did not answer: nothing is known.
    Unknown(String),
}
