//! What is still open when somebody closes an incident: what stands in the way, and what needs a reason.

use super::{Disclosure, Incident, LawClock, Role, TaskState, TransitionError};
use crate::id::{CustomerId, NoticeId, ObligationId, TaskId};
use crate::notice::{Notice, NoticeKind, NoticeState};
use crate::obligation::{Obligation, ObligationState};
use crate::register::RegisterEntry;
use crate::words::{counted, minute, sentence};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A letter of this kind went to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterGone {
    /// To whom.
    pub customer: CustomerId,
    /// Of which kind of notice.
    pub kind: NoticeKind,
    /// For which obligation it was written; letters of older versions name none.
    pub obligation: Option<ObligationId>,
}

/// What stands around an incident when it is closed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// What is or was owed to its customers, every round.
    pub owed: &'a [Obligation],
    /// Its notices, the oldest first.
    pub notices: &'a [Notice],
    /// What went to its customers.
    pub gone: &'a [LetterGone],
    /// Clocks of law that run: reports to authorities that were not submitted.
    pub clocks: &'a [LawClock],
}

/// Something that is open when an incident is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum StillOpen {
    /// Nobody has decided on the suspected disclosure.
    Suspicion {
        /// The decision is due by.
        due_at: DateTime<Utc>,
    },
    /// Clocks run: customers are still to be told.
    NotTold {
        /// Whom, the earliest deadline first.
        customers: Vec<CustomerId>,
        /// The first deadline.
        due_at: DateTime<Utc>,
    },
    /// Customers were told and are not affected: each is owed a withdrawal.
    Withdrawal {
        /// Whom.
        customers: Vec<CustomerId>,
    },
    /// Somebody wrote what was wrong in an earlier notice, and the correction has not gone.
    Correction {
        /// The notice that waits.
        notice: NoticeId,
    },
    /// Deadlines were missed and nobody has said why.
    Unexplained {
        /// Whose.
        customers: Vec<CustomerId>,
    },
    /// Deadlines were missed, and nothing has gone to these customers since.
    NeverTold {
        /// Whom.
        customers: Vec<CustomerId>,
    },
    /// A disclosure is confirmed and nobody is on the list of affected customers.
    NobodyListed,
    /// Tenants in the evidence that no customer claims: nobody is told of them.
    Unclaimed {
        /// Their identifiers.
        tenants: Vec<String>,
    },
    /// A report to an authority was not submitted.
    Report {
        /// The rule's id.
        rule: String,
        /// The phase of it.
        phase: String,
        /// The rule in a line.
        title: String,
        /// By when.
        due_at: DateTime<Utc>,
        /// Whether that has passed.
        overdue: bool,
    },
    /// A notice was begun and has not gone.
    Draft {
        /// Which.
        notice: NoticeId,
        /// Its kind.
        kind: NoticeKind,
        /// Where it stands.
        state: &'static str,
    },
    /// Customers were promised that they hear again.
    PromisedUpdate {
        /// By when.
        due_at: DateTime<Utc>,
    },
    /// The register of breaches does not say everything yet.
    Register {
        /// What it lacks, as people call it.
        lacks: Vec<&'static str>,
    },
    /// A required role is vacant.
    Vacant {
        /// Which.
        role: Role,
    },
    /// A task is open.
    Task {
        /// Which.
        task: TaskId,
        /// What to do.
        title: String,
        /// By when.
        due_at: Option<DateTime<Utc>>,
        /// Whether that has passed.
        overdue: bool,
    },
}

/// How many tasks are named in a sentence.
const TASKS_NAMED: usize = 5;

impl StillOpen {
    /// Whether the incident is not closed while this is so. In a drill nobody outside is owed anything.
    #[must_use]
    pub fn in_the_way(&self, drill: bool) -> bool {
        match self {
            Self::Suspicion { .. } => true,
            Self::NotTold { .. }
            | Self::Withdrawal { .. }
            | Self::Correction { .. }
            | Self::Unexplained { .. } => !drill,
            Self::NeverTold { .. }
            | Self::NobodyListed
            | Self::Unclaimed { .. }
            | Self::Report { .. }
            | Self::Draft { .. }
            | Self::PromisedUpdate { .. }
            | Self::Register { .. }
            | Self::Vacant { .. }
            | Self::Task { .. } => false,
        }
    }

    /// Its name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Suspicion { .. } => "suspicion",
            Self::NotTold { .. } => "not_told",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Correction { .. } => "correction",
            Self::Unexplained { .. } => "unexplained",
            Self::NeverTold { .. } => "never_told",
            Self::NobodyListed => "nobody_listed",
            Self::Unclaimed { .. } => "unclaimed",
            Self::Report { .. } => "report",
            Self::Draft { .. } => "draft",
            Self::PromisedUpdate { .. } => "promised_update",
            Self::Register { .. } => "register",
            Self::Vacant { .. } => "vacant",
            Self::Task { .. } => "task",
        }
    }

    /// The customers that it names.
    #[must_use]
    pub fn customers(&self) -> &[CustomerId] {
        match self {
            Self::NotTold { customers, .. }
            | Self::Withdrawal { customers }
            | Self::Unexplained { customers }
            | Self::NeverTold { customers } => customers,
            _ => &[],
        }
    }

    /// What is open, and where it stands in the way also what to do, in words. Customers are counted, not named.
    #[must_use]
    pub fn in_words(&self) -> String {
        let of = |customers: &[CustomerId]| counted(customers.len(), "customer");
        match self {
            Self::Suspicion { due_at } => format!(
                "the suspected disclosure is undecided (due {}): confirm it or reject it",
                minute(*due_at)
            ),
            Self::NotTold { customers, due_at } => {
                let are = if customers.len() == 1 { "is" } else { "are" };
                format!(
                    "{} {are} still to be told, the first deadline is {}: send the notice, or clear who is not affected",
                    of(customers),
                    minute(*due_at)
                )
            }
            Self::Withdrawal { customers } => {
                let were = if customers.len() == 1 {
                    "was told and is"
                } else {
                    "were told and are"
                };
                format!("{} {were} not affected: send the withdrawal", of(customers))
            }
            Self::Correction { .. } => {
                "a correction of what customers were told was begun and has not gone: send it, or empty its field “what was wrong”"
                    .to_owned()
            }
            Self::Unexplained { customers } => format!(
                "{} not told by the deadline without a reason: each miss needs its reason",
                of(customers)
            ),
            Self::NeverTold { customers } => format!(
                "nothing has gone to {} whose deadline was missed",
                of(customers)
            ),
            Self::NobodyListed => {
                "a disclosure is confirmed and nobody is on the list of affected customers".to_owned()
            }
            Self::Unclaimed { tenants } => {
                format!(
                    "no customer claims {} that the evidence names",
                    counted(tenants.len(), "tenant")
                )
            }
            Self::Report {
                title,
                phase,
                due_at,
                overdue,
                ..
            } => {
                let due = if *overdue { "was due" } else { "is due" };
                format!("nothing submitted for {title} ({phase}), which {due} {}", minute(*due_at))
            }
            Self::Draft { kind, state, .. } => {
                let state = match *state {
                    "submitted" => "waits for approval",
                    "returned" => "was returned",
                    _ => "is a draft",
                };
                format!("the notice “{}” {state} and has not gone", kind.title())
            }
            Self::PromisedUpdate { due_at } => {
                format!("customers were promised an update by {}", minute(*due_at))
            }
            Self::Register { lacks } => {
                format!("the register of breaches does not say {}", lacks.join(", "))
            }
            Self::Vacant { role } => format!("nobody is {}, which is required", role.title()),
            Self::Task { title, .. } => format!("task open: {title}"),
        }
    }
}

/// Everything that is open, in one sentence: tasks are counted, and the first of them named.
#[must_use]
pub fn open_in_words(open: &[StillOpen]) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut titles = Vec::new();
    let mut overdue = 0;
    for each in open {
        if let StillOpen::Task {
            title, overdue: late, ..
        } = each
        {
            titles.push(format!("“{title}”"));
            overdue += usize::from(*late);
        } else {
            said.push(each.in_words());
        }
    }
    if !titles.is_empty() {
        let all = counted(titles.len(), "open task");
        let more = match titles.len().saturating_sub(TASKS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let late = match overdue {
            0 => String::new(),
            late => format!(" ({late} overdue)"),
        };
        titles.truncate(TASKS_NAMED);
        said.push(format!("{all}{late}: {}{more}", titles.join(", ")));
    }
    said.join("; ")
}

impl Incident {
    /// Everything that is open at `now`, what stands in the way of closing first; tasks last, the overdue first.
    #[must_use]
    pub fn still_open(&self, around: Around<'_>, now: DateTime<Utc>) -> Vec<StillOpen> {
        let mut open = self.undecided();
        open.extend(self.owed_to_customers(around));
        open.extend(self.not_submitted(around.clocks, now));
        open.extend(self.not_gone(around.notices));
        open.extend(self.not_registered(around));
        open.extend(self.vacancies().map(|role| StillOpen::Vacant { role }));
        open.extend(self.open_tasks(now));
        open.sort_by_key(|each| !each.in_the_way(self.drill));
        open
    }

    fn undecided(&self) -> Vec<StillOpen> {
        match &self.disclosure {
            Disclosure::Suspected { decide_by, .. } => vec![StillOpen::Suspicion { due_at: *decide_by }],
            Disclosure::Confirmed { .. } if !self.affected.values().any(|known| known.standing.told()) => {
                vec![StillOpen::NobodyListed]
            }
            Disclosure::None | Disclosure::Confirmed { .. } | Disclosure::Rejected { .. } => Vec::new(),
        }
    }

    fn owed_to_customers(&self, around: Around<'_>) -> Vec<StillOpen> {
        let mut open = Vec::new();
        let mut last = Obligation::last_rounds(around.owed.to_vec());
        last.sort_by_key(|owed| owed.deadline.due_at);
        let customers = |which: &dyn Fn(&Obligation) -> bool| -> Vec<CustomerId> {
            let owed = last.iter().filter(|owed| which(owed));
            owed.map(|owed| owed.customer.clone()).collect()
        };
        let mut gone: BTreeMap<&CustomerId, Vec<&LetterGone>> = BTreeMap::new();
        for letter in around.gone {
            gone.entry(&letter.customer).or_default().push(letter);
        }
        let kinds = |owed: &Obligation| -> BTreeSet<NoticeKind> {
            let theirs = gone.get(&owed.customer).into_iter().flatten();
            theirs
                .filter(|letter| owed.has(letter.obligation.as_ref()))
                .map(|letter| letter.kind)
                .collect()
        };
        let running = |owed: &&Obligation| matches!(owed.state, ObligationState::Running);
        if let Some(first) = last.iter().find(running) {
            open.push(StillOpen::NotTold {
                due_at: first.deadline.due_at,
                customers: customers(&|owed| running(&owed)),
            });
        }
        let withdrawal =
            customers(&|owed| NoticeKind::Withdrawn.goes_to(self.affects(&owed.customer), &kinds(owed)));
        if !withdrawal.is_empty() {
            open.push(StillOpen::Withdrawal {
                customers: withdrawal,
            });
        }
        let unexplained: BTreeSet<&CustomerId> = around
            .owed
            .iter()
            .filter(|owed| owed.wants_reason())
            .map(|owed| &owed.customer)
            .collect();
        if !unexplained.is_empty() {
            open.push(StillOpen::Unexplained {
                customers: unexplained.into_iter().cloned().collect(),
            });
        }
        let never = customers(&|owed| {
            matches!(owed.state, ObligationState::Missed { .. })
                && owed.by_hand.is_empty()
                && kinds(owed).is_empty()
        });
        if !never.is_empty() {
            open.push(StillOpen::NeverTold { customers: never });
        }
        if self.disclosure.confirmed_at().is_some() && !self.unclaimed_tenants.is_empty() {
            open.push(StillOpen::Unclaimed {
                tenants: self.unclaimed_tenants.iter().cloned().collect(),
            });
        }
        open
    }

    fn not_submitted(&self, clocks: &[LawClock], now: DateTime<Utc>) -> Vec<StillOpen> {
        // No authority hears of a drill.
        let clocks = if self.drill { &[] } else { clocks };
        let report = |clock: &LawClock| StillOpen::Report {
            rule: clock.rule.clone(),
            phase: clock.phase.clone(),
            title: clock.title.clone(),
            due_at: clock.due_at,
            overdue: clock.due_at <= now,
        };
        let mut open: Vec<StillOpen> = clocks.iter().map(report).collect();
        if let Some(promise) = self.promised_update().filter(|_| !self.drill) {
            open.push(StillOpen::PromisedUpdate { due_at: promise.by });
        }
        open
    }

    fn not_gone(&self, notices: &[Notice]) -> Vec<StillOpen> {
        let begun = notices.iter().filter(|notice| {
            matches!(
                notice.state,
                NoticeState::Draft | NoticeState::Submitted { .. } | NoticeState::Returned { .. }
            )
        });
        let open = |notice: &Notice| {
            let says = notice.facts.what_was_wrong.trim();
            if notice.kind == NoticeKind::Correction && !says.is_empty() {
                StillOpen::Correction {
                    notice: notice.id.clone(),
                }
            } else {
                StillOpen::Draft {
                    notice: notice.id.clone(),
                    kind: notice.kind,
                    state: notice.state.name(),
                }
            }
        };
        begun.map(open).collect()
    }

    /// What the register of breaches does not say of it; nothing where it does not stand in the register.
    fn not_registered(&self, around: Around<'_>) -> Option<StillOpen> {
        let entry = RegisterEntry::of(self, around.notices, around.owed, &[])?;
        // Of what turned out to be none, the reason is what is kept.
        if matches!(self.disclosure, Disclosure::Rejected { .. }) {
            return None;
        }
        let said = [
            ("what happened", entry.facts),
            ("what information was concerned", entry.information),
            ("what may follow", entry.effects),
            ("what was done", entry.remedy),
        ];
        let lacks: Vec<&'static str> = said
            .into_iter()
            .filter(|(_, said)| said.is_none())
            .map(|(what, _)| what)
            .collect();
        (!lacks.is_empty()).then_some(StillOpen::Register { lacks })
    }

    /// Roles that somebody must hold and nobody does: the commander, and what the playbook requires.
    pub fn vacancies(&self) -> impl Iterator<Item = Role> {
        let required = |role: &Role| {
            let asked = self
                .playbook
                .as_ref()
                .and_then(|playbook| playbook.roles.get(role));
            *role == Role::Commander || asked.is_some_and(|asked| asked.required)
        };
        Role::ALL
            .into_iter()
            .filter(move |role| required(role) && self.holder(*role).is_none())
    }

    fn open_tasks(&self, now: DateTime<Utc>) -> Vec<StillOpen> {
        let mut tasks: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| task.state == TaskState::Open)
            .collect();
        tasks.sort_by_key(|task| (task.due_at.is_none(), task.due_at));
        let open = |task: &&super::Task| StillOpen::Task {
            task: task.id.clone(),
            title: task.title.clone(),
            due_at: task.due_at,
            overdue: task.due_at.is_some_and(|due_at| due_at <= now),
        };
        tasks.iter().map(open).collect()
    }

    /// What the timeline says when it is closed with this open, for this reason.
    ///
    /// # Errors
    /// Says everything at once that stands in the way, and what needs a reason.
    pub(super) fn closed_with(&self, open: &[StillOpen], why: &str) -> Result<String, TransitionError> {
        let why = why.trim();
        let (stops, rest): (Vec<StillOpen>, Vec<StillOpen>) =
            open.iter().cloned().partition(|each| each.in_the_way(self.drill));
        if !stops.is_empty() || (!rest.is_empty() && why.is_empty()) {
            return Err(TransitionError::StillOpen {
                in_the_way: open_in_words(&stops),
                reason_for: if why.is_empty() {
                    open_in_words(&rest)
                } else {
                    String::new()
                },
            });
        }
        Ok(match (why, rest.is_empty()) {
            ("", _) => String::new(),
            (why, true) => format!(": {why}"),
            (why, false) => format!(": {} Left open: {}", sentence(why), open_in_words(&rest)),
        })
    }
}
