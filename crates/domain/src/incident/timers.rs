//! What is due: absolute instants that a worker looks for, so that they survive restarts and a machine that slept.

use super::law::{LawClock, LawStep};
use super::updates::PromisedUpdate;
use super::{Disclosure, EntryKind, Incident, Intent, Outcome, Phase, Role, TaskState};
use crate::actor::Actor;
use crate::id::{TaskId, TimerId};
use crate::page::{PageReason, PageTarget, PagingPolicy};
use crate::span::{Span, in_words};
use crate::words::{capitalised, second};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// Its id within the incident.
    pub id: TimerId,
    /// What is due.
    pub kind: TimerKind,
    /// When.
    pub due_at: DateTime<Utc>,
    /// Where it stands.
    pub state: TimerState,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimerKind {
    /// Somebody answers the page; else the page goes to the escalation step named here.
    Acknowledge {
        /// The step of the paging policy that is paged when it runs out.
        step: u32,
    },
    /// The next status update; else the commander is reminded, and again after each interval.
    StatusUpdate {
        /// How often.
        every: Span,
    },
    /// A decision on a suspected disclosure; else commander and legal are paged, and again after each interval.
    DisclosureDecision {
        /// How often the reminder repeats.
        remind_every: Span,
    },
    /// A task.
    Task {
        /// Which.
        task: TaskId,
    },
    /// Somebody says whose information was disclosed; else whoever is in charge and counsel are paged, daily, and executives too from
    /// the second time on. Nobody is told while nobody is on the list.
    ListAffected {
        /// How often it was said.
        said: u32,
    },
    /// A clock of law; people are paged before it runs out, and daily once it has.
    Law {
        /// Which.
        clock: LawClock,
        /// What is done next.
        step: LawStep,
    },
    /// The update that letters promise to customers; people are reminded before it, and daily once it is late.
    NextUpdate {
        /// What was promised.
        promise: PromisedUpdate,
    },
}

/// Where a timer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TimerState {
    /// It runs.
    Running,
    /// It ran out, and what follows from it was done.
    Fired {
        /// When that was done; later than due when the service was down.
        at: DateTime<Utc>,
    },
    /// What was due was done, or is no longer needed.
    Done {
        /// When.
        at: DateTime<Utc>,
    },
}

/// What running out means: words, when it runs again and as what, and whom it pages.
type FollowUp = (String, Option<(TimerKind, DateTime<Utc>)>, Vec<Intent>);

/// More than this after its instant, a timer counts as late and says so.
const LATE_AFTER: Span = Span::minutes(2);

/// How long after a disclosure was confirmed somebody must be on the list of affected customers: a third of the usual promise, as the
/// ladder asks for the list to be verified.
const LIST_WITHIN: Duration = Duration::hours(24);

impl Incident {
    /// Since when a disclosure stands confirmed, where nobody is on the list of affected customers.
    fn nobody_listed_since(&self) -> Option<DateTime<Utc>> {
        match self.disclosure {
            Disclosure::Confirmed { at, .. } if self.phase != Phase::Closed => {
                let listed = self.affected.values().any(|affected| affected.standing.told());
                (!listed).then_some(at)
            }
            _ => None,
        }
    }

    /// Brings the timer of the list of affected customers in line: it runs while a disclosure stands confirmed and nobody is on the list.
    pub(super) fn keep_list_timer(&mut self, now: DateTime<Utc>) {
        let is_it = |kind: &TimerKind| matches!(kind, TimerKind::ListAffected { .. });
        let Some(since) = self.nobody_listed_since() else {
            return self.finish_timers(now, is_it);
        };
        let due_at = (since + LIST_WITHIN).max(now);
        let mut timers = self.timers.iter_mut();
        match timers.find(|timer| timer.state == TimerState::Running && is_it(&timer.kind)) {
            // A confirmation that counts from earlier brings the first page nearer; the daily ones after it come as they are.
            Some(timer) if timer.kind == (TimerKind::ListAffected { said: 0 }) => {
                timer.due_at = timer.due_at.min(due_at);
            }
            Some(_) => {}
            None => self.start_timer(TimerKind::ListAffected { said: 0 }, due_at),
        }
    }

    /// When the next timer runs out.
    #[must_use]
    pub fn next_due_at(&self) -> Option<DateTime<Utc>> {
        self.timers
            .iter()
            .filter(|t| t.state == TimerState::Running)
            .map(|t| t.due_at)
            .min()
    }

    /// Does what follows from every timer that has run out by `now`; `None` when none has. A timer that ran out several times
    /// over while the service was down fires once, at once, and says that it is late.
    #[must_use]
    pub fn fire_due(mut self, policy: &PagingPolicy, now: DateTime<Utc>) -> Option<Outcome<Self>> {
        let due: Vec<usize> = (0..self.timers.len())
            .filter(|&i| self.timers[i].state == TimerState::Running && self.timers[i].due_at <= now)
            .collect();
        if due.is_empty() {
            return None;
        }
        self.version += 1;
        let mut entries = Vec::new();
        let mut intents = Vec::new();
        for index in due {
            let timer = self.timers[index].clone();
            let (what, again_at, pages) = self.follow_up(&timer, policy, now);
            self.timers[index] = again_at.map_or_else(
                || Timer {
                    state: TimerState::Fired { at: now },
                    ..timer.clone()
                },
                |(kind, due_at)| Timer {
                    kind,
                    due_at,
                    ..timer.clone()
                },
            );
            let late = now - timer.due_at;
            let text = if late > LATE_AFTER.duration() {
                format!(
                    "{what} (late by {}: it was due {})",
                    in_words(late),
                    second(timer.due_at)
                )
            } else {
                what
            };
            entries.push(self.entry(
                EntryKind::TimerFired,
                timer.due_at,
                now,
                &Actor::worker("timers"),
                text,
            ));
            intents.extend(pages);
        }
        Some(Outcome {
            subject: self,
            entries,
            intents,
        })
    }

    /// What running out means: words, when it runs again, and whom it pages.
    fn follow_up(&self, timer: &Timer, policy: &PagingPolicy, now: DateTime<Utc>) -> FollowUp {
        let page = |target, reason| Intent::Page { target, reason };
        match &timer.kind {
            TimerKind::Acknowledge { step } => {
                let reason = PageReason::NotAcknowledged;
                let next = TimerKind::Acknowledge {
                    step: policy.step_after(*step),
                };
                let again_at = now + policy.wait_at(*step).duration();
                let what = format!("Nobody answered the page: escalating to step {}", step + 1);
                (
                    what,
                    Some((next, again_at)),
                    vec![page(PageTarget::OnCall { step: *step }, reason)],
                )
            }
            TimerKind::StatusUpdate { every } => {
                let again = Some((timer.kind.clone(), now + every.duration()));
                (
                    "Status update is due".to_owned(),
                    again,
                    vec![page(self.in_charge(), PageReason::StatusUpdateDue)],
                )
            }
            TimerKind::DisclosureDecision { remind_every } => {
                if !matches!(self.disclosure, Disclosure::Suspected { .. }) {
                    return (
                        "Decision on the disclosure was taken".to_owned(),
                        None,
                        Vec::new(),
                    );
                }
                let again = Some((timer.kind.clone(), now + remind_every.duration()));
                let pages = [self.in_charge(), self.counsel()];
                let pages = pages
                    .into_iter()
                    .map(|t| page(t, PageReason::DecisionDue))
                    .collect();
                (
                    "Decision on the suspected disclosure is due: confirm or reject it".to_owned(),
                    again,
                    pages,
                )
            }
            TimerKind::Task { task } => {
                let open = self
                    .tasks
                    .iter()
                    .find(|t| t.id == *task && t.state == TaskState::Open);
                let Some(open) = open else {
                    return ("Task has ended".to_owned(), None, Vec::new());
                };
                let target = match self.holder(open.role) {
                    Some(user) => PageTarget::Person { user: user.clone() },
                    None => self.in_charge(),
                };
                let reason = PageReason::TaskDue {
                    title: open.title.clone(),
                };
                (
                    format!("Task is due: {}", open.title),
                    None,
                    vec![page(target, reason)],
                )
            }
            TimerKind::ListAffected { said } => {
                if self.nobody_listed_since().is_none() {
                    return ("Customers are on the list".to_owned(), None, Vec::new());
                }
                let mut targets = vec![self.in_charge(), self.counsel()];
                if *said > 0 {
                    targets.push(PageTarget::Executives);
                }
                let pages = targets
                    .into_iter()
                    .map(|target| page(target, PageReason::NobodyListed))
                    .collect();
                let next = TimerKind::ListAffected { said: said + 1 };
                let what = "Nobody is on the list of affected customers: nothing goes to anybody";
                (what.to_owned(), Some((next, now + LIST_WITHIN)), pages)
            }
            TimerKind::Law { clock, .. } => {
                let (what, (step, again_at), targets) = clock.ran(self, now);
                let reason = PageReason::Ladder { text: what.clone() };
                let pages = targets
                    .into_iter()
                    .map(|target| page(target, reason.clone()))
                    .collect();
                let clock = clock.clone();
                (
                    capitalised(&what),
                    Some((TimerKind::Law { clock, step }, again_at)),
                    pages,
                )
            }
            TimerKind::NextUpdate { promise } => {
                let (what, again_at, targets) = promise.ran(self, now);
                let reason = PageReason::UpdatePromised { text: what.clone() };
                let pages = targets
                    .into_iter()
                    .map(|target| page(target, reason.clone()))
                    .collect();
                (capitalised(&what), Some((timer.kind.clone(), again_at)), pages)
            }
        }
    }

    /// Who speaks for the law here: the holder of the role, or everybody who may approve notices.
    #[must_use]
    pub fn counsel(&self) -> PageTarget {
        match self.holder(Role::Legal) {
            Some(user) => PageTarget::Person { user: user.clone() },
            None => PageTarget::Counsel,
        }
    }
}
