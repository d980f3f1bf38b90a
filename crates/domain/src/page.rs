//! Whom to wake, in which order, and what to say.

use crate::id::UserId;
use crate::incident::{Incident, Role};
use crate::span::Span;
use crate::words::capitalised;
use crate::words::second;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whom a page goes to; who that is now is looked up when the page is written to the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PageTarget {
    /// A step of the paging policy, counted from 0.
    OnCall {
        /// Which; beyond the last one it is the last one again.
        step: u32,
    },
    /// One person.
    Person {
        /// Who.
        user: UserId,
    },
    /// These people.
    People {
        /// Who.
        users: BTreeSet<UserId>,
    },
    /// Everybody who may approve notices.
    Counsel,
    /// Everybody who may lead incidents: the security lead.
    Leads,
    /// Everybody who keeps customers and their contacts.
    CustomerKeepers,
    /// Everybody who keeps people and their roles.
    PeopleKeepers,
    /// Executives, as configured; where none are, everybody who may lead incidents and everybody who may approve notices.
    Executives,
}

/// Why somebody is paged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PageReason {
    /// An incident was opened.
    Opened,
    /// It became worse.
    Worsened,
    /// Nobody answered in time.
    NotAcknowledged,
    /// Somebody was given a role.
    RoleAssigned {
        /// Which.
        role: Role,
    },
    /// Somebody is asked to take a role over.
    RoleOffered {
        /// Which.
        role: Role,
    },
    /// The next status update is due.
    StatusUpdateDue,
    /// A task is due.
    TaskDue {
        /// Which.
        title: String,
    },
    /// A disclosure is suspected.
    DisclosureSuspected,
    /// The decision on it is due.
    DecisionDue,
    /// It was confirmed.
    DisclosureConfirmed,
    /// It was confirmed, and nobody is on the list of affected customers.
    NobodyListed,
    /// A notice waits for approval.
    ApprovalWanted,
    /// A notice waits for approval, and everybody who may approve notices had a hand in it.
    NobodyApproves,
    /// The judgement on a change waits for a second person.
    AgreementWanted,
    /// Time passes for a change that customers may have to be told of; the text says what is lacking.
    ChangeDue {
        /// What it says.
        text: String,
    },
    /// A ladder took a step, of obligations to customers or of a clock of law; the text says which, and for whom.
    Ladder {
        /// What it says.
        text: String,
    },
    /// The update that letters promise to customers is due soon, or late; the text says which.
    UpdatePromised {
        /// What it says.
        text: String,
    },
    /// The pre-flight found something, or what it had found is mended; the text says what.
    Preflight {
        /// What it says.
        text: String,
    },
    /// Sources went quiet, fail, are behind or are well again; the text says which.
    Sources {
        /// What it says.
        text: String,
    },
    /// Whoever reads a contact's address says that it is not the right one.
    ContactWrong {
        /// Which customer, by name.
        customer: String,
    },
    /// A recipient asks something on the portal.
    QuestionAsked {
        /// Which customer, by name.
        customer: String,
    },
    /// No contact of a customer could be reached.
    CustomerUnreached {
        /// Which customer, by name.
        customer: String,
    },
    /// A customer's mail server refused our mail as such, for security or policy: other recipients may refuse it as well.
    MailRefused {
        /// Which customer, by name.
        customer: String,
        /// The status code, such as 5.7.1.
        status: String,
    },
    /// A letter is not what it was when it was sent or put into the outbox: somebody changed it beside the record.
    LetterChanged {
        /// To which customer, by name.
        customer: String,
    },
}

impl PageReason {
    /// In a line, as subjects say it.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Opened => "new incident".to_owned(),
            Self::Worsened => "worse".to_owned(),
            Self::NotAcknowledged => "not acknowledged, escalated to you".to_owned(),
            Self::RoleAssigned { role } => format!("you are the {}", role.title()),
            Self::RoleOffered { role } => format!("will you take over as {}?", role.title()),
            Self::StatusUpdateDue => "status update due".to_owned(),
            Self::TaskDue { title } => format!("task due: {title}"),
            Self::DisclosureSuspected => "disclosure suspected, decision needed".to_owned(),
            Self::DecisionDue => "decision on suspected disclosure is due".to_owned(),
            Self::DisclosureConfirmed => "disclosure confirmed, notices are due".to_owned(),
            Self::NobodyListed => {
                "disclosure confirmed, and no customer is on the list of those affected".to_owned()
            }
            Self::ApprovalWanted => "a notice waits for your approval".to_owned(),
            Self::NobodyApproves => {
                "a notice waits, and nobody may approve it: give the role legal to somebody who had no hand in it"
                    .to_owned()
            }
            Self::AgreementWanted => "a judgement on a change waits for a second person".to_owned(),
            Self::Ladder { text }
            | Self::UpdatePromised { text }
            | Self::ChangeDue { text }
            | Self::Sources { text } => text.clone(),
            Self::Preflight { text } => format!("pre-flight: {text}"),
            Self::ContactWrong { customer } => format!("wrong contact for security notices at {customer}"),
            Self::QuestionAsked { customer } => format!("a question from {customer}"),
            Self::CustomerUnreached { customer } => format!("no contact reached at {customer}"),
            Self::MailRefused { customer, status } => {
                format!("our mail is refused by policy ({status}) at {customer}")
            }
            Self::LetterChanged { customer } => {
                format!("the letter to {customer} was changed beside the record and is held back")
            }
        }
    }

    /// Whether answering is wanted: then the message carries a signed link to acknowledge.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        matches!(self, Self::Opened | Self::NotAcknowledged | Self::Worsened)
    }
}

/// Whom the on-call steps page and how long each waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagingPolicy {
    /// The steps, tried in order; the last one is repeated until somebody answers.
    pub steps: Vec<PagingStep>,
}

/// One step of a paging policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagingStep {
    /// E-mail addresses of people with an account.
    #[serde(default)]
    pub people: Vec<String>,
    /// Names of configured SNS topics.
    #[serde(default)]
    pub topics: Vec<String>,
    /// How long to wait for an answer before the next step.
    pub wait: Span,
}

impl PagingPolicy {
    /// The step that follows `step`; the last one follows itself.
    #[must_use]
    pub fn step_after(&self, step: u32) -> u32 {
        let last = u32::try_from(self.steps.len().saturating_sub(1)).unwrap_or(u32::MAX);
        step.saturating_add(1).min(last)
    }

    /// The step with this number, or the last one.
    #[must_use]
    pub fn step(&self, step: u32) -> Option<&PagingStep> {
        let index = usize::try_from(step).unwrap_or(usize::MAX);
        self.steps.get(index).or_else(|| self.steps.last())
    }

    /// How long the step waits for an answer.
    #[must_use]
    pub fn wait_at(&self, step: u32) -> Span {
        self.step(step).map_or(Span::minutes(5), |step| step.wait)
    }

    /// What is wrong with it: a policy that can reach nobody is not a policy.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        if self.steps.is_empty() {
            return vec!["paging.steps is empty; name at least one step with people or topics".to_owned()];
        }
        let empty = |(i, s): (usize, &PagingStep)| {
            let nobody = s.people.is_empty() && s.topics.is_empty();
            nobody
                .then(|| format!("paging.steps[{i}] pages nobody; name people or topics, or remove the step"))
        };
        let hasty = |(i, s): (usize, &PagingStep)| {
            (s.wait < Span::seconds(30))
                .then(|| format!("paging.steps[{i}].wait is {}; give people at least 30s", s.wait))
        };
        self.steps
            .iter()
            .enumerate()
            .filter_map(empty)
            .chain(self.steps.iter().enumerate().filter_map(hasty))
            .collect()
    }
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    /// In a line; less than 100 characters, for SNS.
    pub subject: String,
    /// In a few lines, the most important first.
    pub body: String,
}

/// What a page about an incident says. `link` leads to the incident room.
#[must_use]
pub fn page_text(incident: &Incident, reason: &PageReason, link: &str) -> PageText {
    let drill = if incident.drill { "[DRILL] " } else { "" };
    let subject = format!(
        "{drill}[{}] {} {}: {}",
        incident.severity.name().to_uppercase(),
        incident.reference(),
        reason.line(),
        incident.title
    );
    let body = format!(
        "{}\n\n{}\n\nIncident  {} ({})\nSeverity  {}\nPhase     {}\nOpened    {}\n\nIncident room: {link}\n",
        capitalised(&reason.line()),
        incident.summary,
        incident.reference(),
        incident.codename,
        incident.severity.name(),
        incident.phase.name(),
        second(incident.opened_at),
    );
    PageText {
        subject: shorten(&subject, 99),
        body,
    }
}

/// What a page about the house itself says: no incident and no change, but something that people must do. `link` leads to where it is
/// shown.
#[must_use]
pub fn house_page_text(reason: &PageReason, body: &str, link: &str) -> PageText {
    let line = capitalised(&reason.line());
    PageText {
        body: format!("{line}\n\n{}\n\nConsole: {link}\n", body.trim_end()),
        subject: shorten(&line, 99),
    }
}

pub(crate) fn shorten(text: &str, limit: usize) -> String {
    let one_line = text.replace(['\r', '\n'], " ");
    if one_line.chars().count() <= limit {
        return one_line;
    }
    one_line.chars().take(limit - 1).chain(['…']).collect()
}
