//! What contract and law now ask, and by when: one promise to one customer, with a ladder of steps that the clock takes by itself.
//!
//! The promise: upon confirmation of an unauthorized disclosure of customer confidential information, affected customers are told
//! within 72 hours, unless their contract says otherwise. It is not risk-based: no score suppresses it.

mod basis;
mod by_hand;
pub mod calendar;
pub mod limit;
mod owing;
pub mod rule;

pub use basis::{Basis, ContractThen};
pub use by_hand::{TellingFacts, ToldByHand};
pub use owing::{Foreseen, Known, Owing};

use crate::actor::Actor;
use crate::customer::{ClockStart, CountsFrom, Customer};
use crate::id::{CustomerId, IncidentId, NoticeId, ObligationId};
use crate::incident::Moved;
use crate::span::Span;
use crate::words::{capitalised, second};
use chrono::{DateTime, Duration, Utc};
use limit::Reading;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A promise to one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    /// Derived from incident, customer, rule and round: what is owed twice is owed once.
    pub id: ObligationId,
    /// Counts every change.
    pub version: i64,
    /// The incident.
    pub incident: IncidentId,
    /// To whom.
    pub customer: CustomerId,
    /// Which rule: `contract.default72` or `contract.dpa`.
    pub rule: String,
    /// What came before, where what the customer was told was withdrawn and the customer is affected after all. None in the first round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// Why and until when.
    pub deadline: Deadline,
    /// What the deadline was counted on, each time that it was counted, the oldest first. Empty where an older version counted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_on: Vec<Basis>,
    /// The steps of the ladder that were taken, in order.
    pub steps: Vec<StepTaken>,
    /// Until when the law forbids to tell the customer: the holding notice waits for it, the deadline does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<DateTime<Utc>>,
    /// Why the deadline was missed, where it was and somebody has said so; see [`Obligation::miss`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miss_reason: Option<MissReason>,
    /// How often people told the customer by hand, as they wrote it down; the first recorded first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ToldByHand>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: ObligationState,
}

/// A customer was told, that was withdrawn, and then the customer was found affected after all: what was told before tells nothing any
/// more, so that the customer is owed anew. What was owed before stays as it is, and is proved and counted by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Counts from 2.
    pub round: u32,
    /// What was owed in the round before.
    pub after: ObligationId,
    /// When the customer was found affected after all.
    pub found_at: DateTime<Utc>,
    /// Whether the round before had been neither kept nor missed: then its clock runs on, so that no time is won by a withdrawal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub same_clock: bool,
}

/// From when to when, and how that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When the clock started.
    pub from: DateTime<Utc>,
    /// The limit, in exact elapsed time, weekends included.
    pub limit: Span,
    /// When it ends.
    pub due_at: DateTime<Utc>,
    /// Rule, start and arithmetic in a sentence.
    pub explanation: String,
    /// What happened when the clock started, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_from: Option<CountsFrom>,
    /// How it was counted before its start was moved, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<CountedBefore>,
}

/// How a deadline was counted before its start was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedBefore {
    /// When the clock had started.
    pub from: DateTime<Utc>,
    /// When it would have ended.
    pub due_at: DateTime<Utc>,
}

impl Deadline {
    /// When so many 72nds of the limit have passed.
    #[must_use]
    pub fn share(&self, seventy_seconds: i32) -> DateTime<Utc> {
        self.from + Duration::seconds(self.limit.as_seconds()) * seventy_seconds / 72
    }
}

/// Where an obligation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ObligationState {
    /// The clock runs and the customer has not been told.
    Running,
    /// A notice was accepted by a mail server for at least one of the customer's contacts.
    Told {
        /// When.
        at: DateTime<Utc>,
        /// By which notice.
        notice: NoticeId,
        /// Whether that was in time.
        in_time: bool,
    },
    /// The deadline passed and the customer had not been told. A reason is required, and telling goes on.
    Missed {
        /// When the miss was recorded.
        at: DateTime<Utc>,
    },
    /// The customer was cleared, or the disclosure turned out not to be one.
    Ended {
        /// When.
        at: DateTime<Utc>,
        /// Who said so.
        by: Actor,
        /// Why.
        why: String,
    },
}

/// Why a deadline was missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissReason {
    /// Who gave it.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// The reason.
    pub text: String,
}

/// A deadline that passed before the customer was told, whatever came of it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// When it was recorded; where a customer was told late before that, when it was told.
    pub at: DateTime<Utc>,
    /// Why, as soon as somebody has said so.
    pub why: Option<MissReason>,
}

impl ObligationState {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Told { .. } => "told",
            Self::Missed { .. } => "missed",
            Self::Ended { .. } => "ended",
        }
    }
}

/// A step of the ladder: what happens when time passes and nobody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// 24/72: the list of affected customers is not verified; the commander is paged.
    ListAffected,
    /// 36/72: no approved full notice; security lead and counsel are paged.
    DraftFull,
    /// 48/72: executives are paged, and shown recipients and text.
    Escalate,
    /// 60/72: the last call.
    LastCall,
    /// 66/72: the holding notice is sent.
    SendHolding,
    /// 72/72: whoever was not reached is a recorded miss.
    Overdue,
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Self; 6] = [
        Self::ListAffected,
        Self::DraftFull,
        Self::Escalate,
        Self::LastCall,
        Self::SendHolding,
        Self::Overdue,
    ];

    /// After how many 72nds of the limit it is due, so that every limit has the same ladder.
    #[must_use]
    pub fn seventy_seconds(self) -> i32 {
        match self {
            Self::ListAffected => 24,
            Self::DraftFull => 36,
            Self::Escalate => 48,
            Self::LastCall => 60,
            Self::SendHolding => 66,
            Self::Overdue => 72,
        }
    }

    /// What happens, for people.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::ListAffected => "the commander is paged: verify the list of affected customers",
            Self::DraftFull => "security lead and counsel are paged: no full notice is approved",
            Self::Escalate => "executives are paged: the holding notice will go by itself",
            Self::LastCall => "last call before the holding notice goes",
            Self::SendHolding => "the holding notice is sent",
            Self::Overdue => "whoever was not reached is a recorded miss",
        }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTaken {
    /// Which.
    pub step: Step,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When it was taken; later than due when the service was down.
    pub at: DateTime<Utc>,
}

impl StepTaken {
    /// More than this after its instant, a step counts as late and is marked so.
    #[must_use]
    pub fn late(&self) -> bool {
        self.at - self.due_at > Duration::minutes(2)
    }
}

/// The rule of the promise that every customer has whose contract says nothing else.
const PROMISE: &str = "contract.default72";

/// The rule that the promise to a customer comes from.
fn rule_of(customer: &Customer) -> &'static str {
    if customer.notify_within.is_none() && customer.terms.counts_from == CountsFrom::Confirmed {
        PROMISE
    } else {
        "contract.dpa"
    }
}

impl Deadline {
    /// By when a customer must be told, by a clock that started at `start`.
    fn of(customer: &Customer, start: ClockStart, limit: Span, again: Option<&Again>) -> Self {
        let rule = rule_of(customer);
        let source = match rule {
            PROMISE => "the promise where a contract says nothing else".to_owned(),
            _ if customer.contract.is_empty() => "the customer's contract".to_owned(),
            _ => format!("the customer's contract {}", customer.contract),
        };
        let asked = customer.terms.counts_from;
        let instead = if asked == start.from {
            ""
        } else {
            "Nobody has recorded that moment before the confirmation. "
        };
        let Reading { due_at, arithmetic } = Reading::elapsed(start.at, limit);
        let counted = match again {
            None => format!("{instead}{} {arithmetic}", capitalised(start.from.name())),
            Some(again) if again.same_clock => format!(
                "What the customer was sent was withdrawn before anything had arrived, and the customer was found affected after all at {}: \
                 the clock that was running runs on. Started {arithmetic}",
                second(again.found_at)
            ),
            Some(_) => format!(
                "What the customer was told was withdrawn, and the customer was found affected after all: a clock of its own. \
                 Found {arithmetic}"
            ),
        };
        let explanation = format!(
            "{rule}: {source} asks for a notice within {limit} of {}. {counted}.",
            asked.in_words(),
        );
        Self {
            from: start.at,
            limit,
            due_at,
            explanation,
            counts_from: Some(start.from),
            before: Vec::new(),
        }
    }
}

impl Obligation {
    /// What is owed to `customer` for a confirmed disclosure, by a clock that started at `start`.
    #[must_use]
    pub fn owe(incident: &IncidentId, customer: &Customer, start: ClockStart) -> Self {
        Self {
            id: ObligationId::derived(&[incident.as_str(), customer.id.as_str(), "contract"]),
            version: 1,
            incident: incident.clone(),
            customer: customer.id.clone(),
            rule: rule_of(customer).to_owned(),
            again: None,
            deadline: Deadline::of(customer, start, customer.limit(), None),
            counted_on: Vec::new(),
            steps: Vec::new(),
            held_until: None,
            miss_reason: None,
            by_hand: Vec::new(),
            state: ObligationState::Running,
        }
    }

    /// What is owed anew to a customer who was sent a withdrawal of what was told in this round, and was found affected after all at
    /// `start`: the whole ladder, by a clock that starts there. Where this round ended before the customer was told and before its
    /// deadline, the promise was never kept, and its clock runs on instead. `None` while this round runs or is missed: that is not over.
    #[must_use]
    pub fn owe_anew(&self, customer: &Customer, start: ClockStart) -> Option<Self> {
        let same_clock = match self.state {
            ObligationState::Running | ObligationState::Missed { .. } => return None,
            ObligationState::Told { .. } => false,
            ObligationState::Ended { .. } => self.miss().is_none(),
        };
        let again = Again {
            round: self.round() + 1,
            after: self.id.clone(),
            found_at: start.at,
            same_clock,
        };
        let (start, limit) = if same_clock {
            let from = self.deadline.counts_from.unwrap_or(start.from);
            let running = ClockStart {
                from,
                at: self.deadline.from,
            };
            (running, customer.limit().min(self.deadline.limit))
        } else {
            (start, customer.limit())
        };
        let round = again.round.to_string();
        let parts = [
            self.incident.as_str(),
            self.customer.as_str(),
            "contract",
            round.as_str(),
        ];
        Some(Self {
            id: ObligationId::derived(&parts),
            version: 1,
            incident: self.incident.clone(),
            customer: self.customer.clone(),
            rule: rule_of(customer).to_owned(),
            deadline: Deadline::of(customer, start, limit, Some(&again)),
            again: Some(again),
            counted_on: Vec::new(),
            steps: Vec::new(),
            held_until: None,
            miss_reason: None,
            by_hand: Vec::new(),
            state: ObligationState::Running,
        })
    }

    /// How often the customer is told from the beginning, this time included: 1, and one more each time that what was told was withdrawn
    /// and the customer was found affected after all.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.again.as_ref().map_or(1, |again| again.round)
    }

    /// Whether a letter to the customer that was written for the obligation `written_for` belongs to this one; letters of older versions
    /// name none, and there was one round then.
    #[must_use]
    pub fn has(&self, written_for: Option<&ObligationId>) -> bool {
        written_for.map_or(self.again.is_none(), |id| *id == self.id)
    }

    /// Of each customer what is owed now: the last round.
    #[must_use]
    pub fn last_rounds(owed: Vec<Self>) -> Vec<Self> {
        let mut last: BTreeMap<CustomerId, u32> = BTreeMap::new();
        for each in &owed {
            let round = last.entry(each.customer.clone()).or_insert(1);
            *round = each.round().max(*round);
        }
        let is_last = |each: &Self| last.get(&each.customer) == Some(&each.round());
        owed.into_iter().filter(is_last).collect()
    }

    /// Counts anew from `start`, by the customer's contract as it stands: what the contract counts from was recorded or moved, the
    /// confirmation was (`moves` tells how), or the contract was mended. What stood before stays in sight. A nearer deadline is taken,
    /// whoever caused it; a further one only where two people moved the start, and then with no more time than the clock gave before: no
    /// edit of a contract, and no confirmation anew, moves a deadline away. A miss stays a miss. `None` when nothing changes.
    #[must_use]
    pub fn count_from(mut self, customer: &Customer, start: ClockStart, moves: &[Moved]) -> Option<Self> {
        if matches!(self.state, ObligationState::Missed { .. }) {
            return None;
        }
        let again = self.again.as_ref();
        let mut deadline = Deadline::of(customer, start, customer.limit(), again);
        if deadline.due_at >= self.deadline.due_at {
            let by_two = match start.from {
                CountsFrom::Confirmed => moves.iter().any(|moved| {
                    moved.asked.is_some() && moved.from == self.deadline.from && moved.to == start.at
                }),
                // Recording one of these later takes another person (`Incident::record_moment`).
                CountsFrom::Aware | CountsFrom::Detected => {
                    self.deadline.counts_from == Some(start.from) && start.at > self.deadline.from
                }
                // A suspicion is decided, and a second one follows what two people reversed: the same clock runs on.
                CountsFrom::Suspected => false,
            };
            deadline = Deadline::of(customer, start, customer.limit().min(self.deadline.limit), again);
            if !by_two || deadline.due_at == self.deadline.due_at {
                return None;
            }
        }
        rule_of(customer).clone_into(&mut self.rule);
        let known = std::mem::replace(&mut self.deadline, deadline);
        let was = CountedBefore {
            from: known.from,
            due_at: known.due_at,
        };
        let Deadline {
            before, explanation, ..
        } = &mut self.deadline;
        *before = known.before;
        before.push(was);
        for CountedBefore { from, due_at } in before {
            let (from, due_at) = (second(*from), second(*due_at));
            explanation.push_str(&format!(
                " Before, it counted from {from} and was due at {due_at}."
            ));
        }
        if let ObligationState::Told { at, in_time, .. } = &mut self.state {
            *in_time = *at <= self.deadline.due_at;
        }
        self.version += 1;
        Some(self)
    }

    /// When a step of the ladder is due. Nothing is sent while a legal hold lasts.
    #[must_use]
    pub fn step_at(&self, step: Step) -> DateTime<Utc> {
        let at = self.deadline.share(step.seventy_seconds());
        match self.held_until {
            Some(until) if step == Step::SendHolding => at.max(until),
            _ => at,
        }
    }

    /// The next step that will be taken, and when; `None` when there is nothing left to do. Where a legal hold lasted over the
    /// deadline, the holding notice is still to go after the miss.
    #[must_use]
    pub fn next_step(&self) -> Option<(Step, DateTime<Utc>)> {
        let open = match self.state {
            ObligationState::Running => true,
            ObligationState::Missed { .. } => self.held_until.is_some(),
            ObligationState::Told { .. } | ObligationState::Ended { .. } => false,
        };
        let left = Step::ALL
            .into_iter()
            .filter(|step| open && !self.has_taken(*step));
        left.map(|step| (step, self.step_at(step)))
            .min_by_key(|(step, at)| (*at, *step))
    }

    /// Whether the holding notice of a round is still to go to the customer by the clock.
    #[must_use]
    pub fn waits_for_holding(&self, round: u32) -> bool {
        self.round() == round && self.next_step().is_some() && !self.has_taken(Step::SendHolding)
    }

    /// Whether a step was taken.
    #[must_use]
    pub fn has_taken(&self, step: Step) -> bool {
        self.steps.iter().any(|taken| taken.step == step)
    }

    /// The law forbids to tell the customer before an instant, or no longer does. `None` when nothing changes.
    #[must_use]
    pub fn hold(mut self, until: Option<DateTime<Utc>>) -> Option<Self> {
        let over = matches!(
            self.state,
            ObligationState::Told { .. } | ObligationState::Ended { .. }
        );
        // Where the miss came first, it is still to be told at once when the hold is lifted.
        let until = match (until, &self.state) {
            (None, ObligationState::Missed { .. }) if self.held_until.is_some() => Some(self.deadline.due_at),
            (until, _) => until,
        };
        if over || self.held_until == until {
            return None;
        }
        self.version += 1;
        self.held_until = until;
        Some(self)
    }

    /// Takes every step that is due by `now`, and says which. Steps that were due while the service was down are all taken at
    /// once: reminders that no longer help are merged into the last one by the caller, but each is recorded.
    #[must_use]
    pub fn take_due(mut self, now: DateTime<Utc>) -> (Self, Vec<StepTaken>) {
        let mut taken = Vec::new();
        while let Some((step, due_at)) = self.next_step().filter(|(_, due_at)| *due_at <= now) {
            let record = StepTaken {
                step,
                due_at,
                at: now,
            };
            self.steps.push(record.clone());
            taken.push(record);
            if step == Step::Overdue {
                self.state = ObligationState::Missed { at: now };
            }
        }
        if !taken.is_empty() {
            self.version += 1;
        }
        (self, taken)
    }

    /// A mail server accepted a notice for one of the customer's contacts at `at`. The first one counts; a miss stays a miss, since
    /// the customer was told too late. `None` when nothing changes.
    #[must_use]
    pub fn told(mut self, notice: &NoticeId, at: DateTime<Utc>) -> Option<Self> {
        match &self.state {
            ObligationState::Running => {}
            ObligationState::Missed { .. } | ObligationState::Told { .. } | ObligationState::Ended { .. } => {
                return None;
            }
        }
        self.version += 1;
        let in_time = at <= self.deadline.due_at;
        self.state = ObligationState::Told {
            at,
            notice: notice.clone(),
            in_time,
        };
        Some(self)
    }

    /// A message that had told the customer did not arrive. `standing` are the messages that still stand: by which notice, and when a
    /// relay took each. Where one of them was in time the customer stays told, by the first of them; where none was, the clock runs on,
    /// and the steps that passed meanwhile are taken. `None` when nothing changes.
    #[must_use]
    pub fn bounced(mut self, standing: &[(NoticeId, DateTime<Utc>)]) -> Option<Self> {
        let ObligationState::Told { in_time, .. } = &self.state else {
            return None;
        };
        let due_at = self.deadline.due_at;
        let first = standing
            .iter()
            .filter(|(_, at)| *at <= due_at || !in_time)
            .min_by_key(|(_, at)| *at);
        let state = match first {
            Some((notice, at)) => ObligationState::Told {
                at: *at,
                notice: notice.clone(),
                in_time: *at <= due_at,
            },
            None => ObligationState::Running,
        };
        if state == self.state {
            return None;
        }
        self.version += 1;
        self.state = state;
        Some(self)
    }

    /// The customer was cleared. Where the deadline had passed by then it was missed, also where nobody had looked yet. `None` when it had
    /// ended or the customer had been told already.
    #[must_use]
    pub fn end(mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> Option<Self> {
        let due_at = self.deadline.due_at;
        if matches!(self.state, ObligationState::Running) && at >= due_at {
            self.steps.push(StepTaken {
                step: Step::Overdue,
                due_at,
                at,
            });
        }
        self.take_back(why, by, at)
    }

    /// What told the customer turned out not to have arrived after it was withdrawn: nothing is told again, and since nothing was owed
    /// any more by then, nothing was missed. `None` when it had ended or the customer has been told.
    #[must_use]
    pub fn take_back(mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> Option<Self> {
        match &self.state {
            ObligationState::Running | ObligationState::Missed { .. } => {}
            ObligationState::Told { .. } | ObligationState::Ended { .. } => return None,
        }
        self.version += 1;
        self.state = ObligationState::Ended {
            at,
            by: by.clone(),
            why: why.to_owned(),
        };
        Some(self)
    }

    /// A customer that had been cleared is affected after all: the same clock runs on, and a miss that was recorded before stays
    /// one. `None` when it had not ended.
    #[must_use]
    pub fn resume(mut self) -> Option<Self> {
        if !matches!(self.state, ObligationState::Ended { .. }) {
            return None;
        }
        self.version += 1;
        self.state = match self.overdue_at() {
            Some(at) => ObligationState::Missed { at },
            None => ObligationState::Running,
        };
        Some(self)
    }

    /// When it was recorded that the deadline had passed.
    fn overdue_at(&self) -> Option<DateTime<Utc>> {
        let mut steps = self.steps.iter();
        steps
            .find(|taken| taken.step == Step::Overdue)
            .map(|taken| taken.at)
    }

    /// The miss, whatever came of it: the customer was told late, was cleared afterwards, or has not been told. None where no deadline was
    /// missed.
    #[must_use]
    pub fn miss(&self) -> Option<Miss> {
        let at = match &self.state {
            ObligationState::Missed { at } => Some(*at),
            ObligationState::Told { at, in_time, .. } => {
                self.overdue_at().or_else(|| (!in_time).then_some(*at))
            }
            ObligationState::Running | ObligationState::Ended { .. } => self.overdue_at(),
        };
        at.map(|at| Miss {
            at,
            why: self.miss_reason.clone(),
        })
    }

    /// Whether its deadline was missed and nobody has said why.
    #[must_use]
    pub fn wants_reason(&self) -> bool {
        self.miss().is_some_and(|miss| miss.why.is_none())
    }

    /// Why the deadline was missed.
    ///
    /// # Errors
    /// Refused where nothing was missed, and without a text.
    pub fn explain_miss(mut self, text: &str, by: &Actor, at: DateTime<Utc>) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("say why the deadline was missed: the reason becomes part of the record".to_owned());
        }
        if self.miss().is_none() {
            return Err(format!(
                "the obligation is {}: nothing was missed",
                self.state.name()
            ));
        }
        self.miss_reason = Some(MissReason {
            by: by.clone(),
            at,
            text: text.to_owned(),
        });
        self.version += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{Contact, ContactRole, ContractTerms};
    use std::collections::BTreeSet;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test's instant")
    }

    fn customer(hours: Option<u32>) -> Customer {
        Customer {
            id: CustomerId::derived(&["acme"]),
            version: 1,
            key: "acme".into(),
            name: "Acme".into(),
            tenants: ["t-acme".to_owned()].into(),
            notify_within: hours.map(Span::hours),
            contract: String::new(),
            terms: ContractTerms::default(),
            tags: BTreeSet::new(),
            language: "en".into(),
            paying: true,
            contacts: vec![Contact {
                name: "Security".into(),
                email: "security@acme.example".into(),
                role: ContactRole::Security,
                added_at: None,
                verified_at: None,
                trouble: None,
            }],
            created_at: at("2026-01-01T00:00:00Z"),
            updated_at: at("2026-01-01T00:00:00Z"),
        }
    }

    fn owed(hours: Option<u32>, from: &str) -> Obligation {
        let start = ClockStart::confirmed(at(from));
        Obligation::owe(&IncidentId::derived(&["i"]), &customer(hours), start)
    }

    #[test]
    fn seventy_two_hours_are_exact_across_a_change_of_clocks() {
        let obligation = owed(None, "2026-03-28T14:20:00Z");
        assert_eq!(obligation.deadline.due_at, at("2026-03-31T14:20:00Z"));
    }

    #[test]
    fn a_contract_of_24_hours_has_the_same_ladder() {
        let obligation = owed(Some(24), "2026-06-01T00:00:00Z");
        assert_eq!(obligation.step_at(Step::ListAffected), at("2026-06-01T08:00:00Z"));
        assert_eq!(obligation.step_at(Step::SendHolding), at("2026-06-01T22:00:00Z"));
        assert_eq!(obligation.step_at(Step::Overdue), at("2026-06-02T00:00:00Z"));
    }

    #[test]
    fn no_step_is_taken_early_and_each_is_taken_once() {
        let obligation = owed(None, "2026-06-01T00:00:00Z");
        let (obligation, taken) = obligation.take_due(at("2026-06-01T23:59:59Z"));
        assert!(taken.is_empty());
        let (obligation, taken) = obligation.take_due(at("2026-06-02T00:00:00Z"));
        assert_eq!(
            taken.iter().map(|t| t.step).collect::<Vec<_>>(),
            [Step::ListAffected]
        );
        let (_, taken) = obligation.take_due(at("2026-06-02T00:00:01Z"));
        assert!(taken.is_empty());
    }

    #[test]
    fn what_was_due_while_the_service_was_down_is_taken_at_once_and_marked_late() {
        let (obligation, taken) = owed(None, "2026-06-01T00:00:00Z").take_due(at("2026-06-03T20:00:00Z"));
        assert_eq!(
            taken.last().map(|t| (t.step, t.late())),
            Some((Step::SendHolding, true))
        );
        assert_eq!(taken.len(), 5);
        assert_eq!(obligation.next_step().map(|(step, _)| step), Some(Step::Overdue));
    }

    #[test]
    fn a_customer_who_was_told_is_told_once_and_not_reminded() {
        let notice = NoticeId::derived(&["n"]);
        let told = owed(None, "2026-06-01T00:00:00Z")
            .told(&notice, at("2026-06-02T00:00:00Z"))
            .expect("first");
        assert!(matches!(told.state, ObligationState::Told { in_time: true, .. }));
        assert_eq!(told.next_step(), None);
        assert!(told.told(&notice, at("2026-06-02T00:00:00Z")).is_none());
    }

    #[test]
    fn a_miss_asks_for_its_reason() {
        let (missed, _) = owed(None, "2026-06-01T00:00:00Z").take_due(at("2026-06-04T00:00:00Z"));
        assert!(matches!(missed.state, ObligationState::Missed { .. }) && missed.wants_reason());
        assert!(
            missed
                .clone()
                .explain_miss(" ", &Actor::Operator, at("2026-06-05T00:00:00Z"))
                .is_err()
        );
        assert!(
            missed
                .explain_miss("the relay was down", &Actor::Operator, at("2026-06-05T00:00:00Z"))
                .is_ok()
        );
    }
}
