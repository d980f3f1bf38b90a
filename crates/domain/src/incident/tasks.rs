//! What the playbook asks people to do.

use super::{
    Affected, Disclosure, EntryKind, Incident, Outcome, Phase, Role, Standing, TimelineEntry, TimerKind,
    TransitionError,
};
use crate::actor::Actor;
use crate::customer::{Channel, Customer};
use crate::id::{CustomerId, TaskId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id within the incident.
    pub id: TaskId,
    /// What to do, in a line.
    pub title: String,
    /// In which phase it belongs.
    pub phase: Phase,
    /// Which role does it.
    pub role: Role,
    /// By when.
    pub due_at: Option<DateTime<Utc>>,
    /// The CSF 2.0 subcategory it serves, such as `RS.AN-08`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csf: Option<String>,
    /// Whom it asks to tell by hand, where it does: each is written down for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<TellByHand>,
    /// The act that does it, where the product itself sees that it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_by: Option<Act>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: TaskState,
}

/// What people do in the product, and by which a task of a playbook is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Somebody suspects a disclosure, or confirms it at once.
    SuspectDisclosure,
    /// Somebody confirms or rejects the disclosure.
    DecideDisclosure,
    /// Every customer on the list of affected customers is confirmed or cleared.
    VerifyCustomers,
    /// Somebody submits a full notice for approval, or it goes.
    SubmitFullNotice,
    /// A full notice goes to customers.
    SendFullNotice,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 5] = [
        Self::SuspectDisclosure,
        Self::DecideDisclosure,
        Self::VerifyCustomers,
        Self::SubmitFullNotice,
        Self::SendFullNotice,
    ];

    /// What was done, after "done by".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::SuspectDisclosure => "recording the suspicion",
            Self::DecideDisclosure => "deciding on the disclosure",
            Self::VerifyCustomers => "verifying every customer on the list",
            Self::SubmitFullNotice => "submitting the full notice",
            Self::SendFullNotice => "sending the full notice",
        }
    }
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TaskState {
    /// To be done.
    Open,
    /// Done.
    Done {
        /// By whom.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// The act that did it; none where somebody ticked it off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<Act>,
    },
    /// Not needed this time.
    Skipped {
        /// Who said so.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: String,
    },
}

/// Whom a task asks to tell by hand, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TellByHand {
    /// How.
    pub channel: Channel,
    /// Whom, the earliest deadline first.
    pub customers: Vec<CustomerId>,
}

/// Customers whose contracts ask for more than the e-mail, in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// How.
    pub channel: Channel,
    /// Who they are, and their names.
    pub customers: Vec<(CustomerId, String)>,
    /// The earliest of their deadlines.
    pub due_at: DateTime<Utc>,
}

/// A task names so many customers; further ones are a task of their own, so that several people can share them.
const CUSTOMERS_A_TASK: usize = 25;

impl ByHand {
    /// Whom people tell of a notice by hand, the earliest deadlines first: those of these customers, each with its deadline, whose
    /// contracts ask for it.
    #[must_use]
    pub fn of(mut told: Vec<(&Customer, DateTime<Utc>)>) -> Vec<Self> {
        told.sort_by(|a, b| (a.1, &a.0.name).cmp(&(b.1, &b.0.name)));
        let mut all = Vec::new();
        for channel in Channel::ALL
            .into_iter()
            .filter(|channel| channel.by_hand().is_some())
        {
            let theirs: Vec<&(&Customer, DateTime<Utc>)> = told
                .iter()
                .filter(|(customer, _)| customer.terms.channel == channel)
                .collect();
            all.extend(theirs.chunks(CUSTOMERS_A_TASK).map(|some| {
                Self {
                    channel,
                    customers: some
                        .iter()
                        .map(|(customer, _)| (customer.id.clone(), customer.name.clone()))
                        .collect(),
                    due_at: some[0].1,
                }
            }));
        }
        all
    }
}

impl Incident {
    /// Contracts ask people to tell customers by hand: tasks of whoever speaks to customers.
    pub(super) fn ask_by_hand(&mut self, by_hand: &[ByHand]) {
        let first = self.tasks.len();
        for each in by_hand {
            let Some(what) = each.channel.by_hand() else {
                continue;
            };
            let number = self.tasks.len().to_string();
            let (customers, names): (Vec<_>, Vec<_>) = each.customers.iter().cloned().unzip();
            self.tasks.push(Task {
                id: TaskId::derived(&[self.id.as_str(), "by hand", &number]),
                title: format!("{what}, as the contract asks: {}", names.join(", ")),
                phase: self.phase,
                role: Role::CommunicationsLiaison,
                due_at: Some(each.due_at),
                csf: Some("RS.CO-02".to_owned()),
                by_hand: Some(TellByHand {
                    channel: each.channel,
                    customers,
                }),
                done_by: None,
                state: TaskState::Open,
            });
        }
        self.time_tasks(first);
    }

    /// Somebody did something by which open tasks are done. The caller counts the change.
    pub(super) fn did(&mut self, acts: &[Act], by: &Actor, at: DateTime<Utc>) -> Vec<TimelineEntry> {
        let mut done = Vec::new();
        for task in &mut self.tasks {
            let Some(act) = task.done_by.filter(|act| acts.contains(act)) else {
                continue;
            };
            if task.state == TaskState::Open {
                task.state = TaskState::Done {
                    by: by.clone(),
                    at,
                    through: Some(act),
                };
                done.push((task.id.clone(), task.title.clone(), act));
            }
        }
        self.finish_timers(
            at,
            |kind| matches!(kind, TimerKind::Task { task } if done.iter().any(|(id, ..)| id == task)),
        );
        done.into_iter()
            .map(|(_, title, act)| {
                let text = format!("Task done by {}: {title}", act.in_words());
                self.entry(EntryKind::TaskChanged, at, at, by, text)
            })
            .collect()
    }

    /// What the incident says was done already does tasks that come later.
    pub(super) fn did_before(&mut self, by: &Actor, at: DateTime<Utc>) -> Vec<TimelineEntry> {
        let mut acts = match self.disclosure {
            Disclosure::None => Vec::new(),
            Disclosure::Suspected { .. } => vec![Act::SuspectDisclosure],
            Disclosure::Confirmed { .. } | Disclosure::Rejected { .. } => {
                vec![Act::SuspectDisclosure, Act::DecideDisclosure]
            }
        };
        acts.extend(self.customers_verified());
        self.did(&acts, by, at)
    }

    /// Whether somebody has looked at every customer on the list, while a disclosure is in question.
    pub(super) fn customers_verified(&self) -> Option<Act> {
        let possible = |affected: &Affected| affected.standing == Standing::Possible;
        let verified = !self.affected.is_empty() && !self.affected.values().any(possible);
        (verified && self.owes().is_some()).then_some(Act::VerifyCustomers)
    }

    /// A full notice was submitted for approval: tasks that ask for it are done. `None` where there are none.
    #[must_use]
    pub fn full_notice_submitted(mut self, by: &Actor, at: DateTime<Utc>) -> Option<Outcome<Self>> {
        let entries = self.did(&[Act::SubmitFullNotice], by, at);
        if entries.is_empty() {
            return None;
        }
        self.version += 1;
        Some(Outcome {
            subject: self,
            entries,
            intents: Vec::new(),
        })
    }

    /// A task is done.
    ///
    /// # Errors
    /// Refused when there is no such task or it is not open.
    pub fn complete_task(
        self,
        task: &TaskId,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let done = TaskState::Done {
            by: by.clone(),
            at,
            through: None,
        };
        self.end_task(task, done, by, at)
    }

    /// A task is not needed, for a reason.
    ///
    /// # Errors
    /// Refused when there is no such task, it is not open, or no reason is given.
    pub fn skip_task(
        self,
        task: &TaskId,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = super::reason(why, "skip a task")?;
        self.end_task(
            task,
            TaskState::Skipped {
                by: by.clone(),
                at,
                why,
            },
            by,
            at,
        )
    }

    fn end_task(
        mut self,
        id: &TaskId,
        state: TaskState,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let Some(task) = self.tasks.iter_mut().find(|task| task.id == *id) else {
            return Err(TransitionError::Unknown {
                what: "task",
                name: id.to_string(),
            });
        };
        if task.state != TaskState::Open {
            return Err(self.not_from("end a task twice in", "the task has ended already"));
        }
        let text = match &state {
            TaskState::Skipped { why, .. } => format!("Task skipped: {} ({why})", task.title),
            TaskState::Open | TaskState::Done { .. } => format!("Task done: {}", task.title),
        };
        task.state = state;
        self.version += 1;
        self.finish_timers(at, |kind| matches!(kind, TimerKind::Task { task } if task == id));
        let entry = self.entry(EntryKind::TaskChanged, at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }
}
