//! What a decision on an incident makes of what is owed to one customer. Whoever decides sees it before, by this same arithmetic.

use super::{Obligation, ObligationState, Step};
use crate::actor::Actor;
use crate::customer::Customer;
use crate::incident::Incident;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What is owed to a customer after a decision, and what of it is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owing {
    /// What is owed.
    pub owed: Obligation,
    /// How it stands to what was owed before.
    pub known: Known,
    /// Whether it begins: it is owed for the first time, anew, or again after it had ended.
    pub begins: bool,
    /// Whether its deadline is another one than before.
    pub moved: bool,
    /// Whether it ends.
    pub ends: bool,
}

/// How what is owed stands to what was owed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// There was no such obligation.
    New,
    /// It is another than before.
    Changed,
    /// Nothing changes.
    Same,
}

impl Incident {
    /// What is owed to a customer on the list now. `known` is what was owed last, and `withdrawn` says whether what told them of it was
    /// taken back. `None` where nothing is and nothing was owed.
    #[must_use]
    pub fn owing(
        &self,
        customer: &Customer,
        known: Option<&Obligation>,
        withdrawn: bool,
        by: &Actor,
        now: DateTime<Utc>,
    ) -> Option<Owing> {
        let told = self.affects(&customer.id);
        let next = match known {
            None if told => self
                .clock_start(customer, false)
                .map(|start| Obligation::owe(&self.id, customer, start)),
            // What they were told was taken back, so that it tells them nothing any more.
            Some(known) if told && withdrawn => self
                .clock_start(customer, true)
                .and_then(|start| known.owe_anew(customer, start)),
            None | Some(_) => None,
        };
        let mut owing = match (next, known) {
            (Some(owed), _) => Owing {
                owed,
                known: Known::New,
                begins: true,
                moved: false,
                ends: false,
            },
            (None, Some(known)) => {
                let mut owing = Owing {
                    owed: known.clone(),
                    known: Known::Same,
                    begins: false,
                    moved: false,
                    ends: false,
                };
                if !told {
                    owing.ends = owing.change(|owed| owed.end("the customer was cleared", by, now));
                    return Some(owing);
                }
                owing.begins = owing.change(Obligation::resume);
                let start = self.clock_start(customer, known.again.is_some());
                owing.moved = owing.change(|owed| {
                    let start = start?;
                    owed.count_from(customer, start, self.moves())
                });
                owing
            }
            (None, None) => return None,
        };
        let held_until = self.held_at(now).map(|hold| hold.until);
        owing.change(|owed| owed.hold(held_until));
        Some(owing)
    }
}

impl Owing {
    /// Takes what was decided, if anything changes; says whether it did.
    fn change(&mut self, decide: impl FnOnce(Obligation) -> Option<Obligation>) -> bool {
        let Some(changed) = decide(self.owed.clone()) else {
            return false;
        };
        self.owed = changed;
        if self.known == Known::Same {
            self.known = Known::Changed;
        }
        true
    }

    /// What follows for the customer by itself, where nothing else is decided.
    #[must_use]
    pub fn foreseen(&self, before: Option<&Obligation>, now: DateTime<Utc>) -> Foreseen {
        let (after, taken) = self.owed.clone().take_due(now);
        let due_before = before.map(|before| before.deadline.due_at);
        let due_at = self.owed.deadline.due_at;
        let waits = matches!(
            self.owed.state,
            ObligationState::Running | ObligationState::Missed { .. }
        );
        let gone = self.owed.has_taken(Step::SendHolding);
        Foreseen {
            due_before: due_before.filter(|before| *before != due_at),
            due_at,
            holding_at: (waits && !gone).then(|| self.owed.step_at(Step::SendHolding)),
            at_once: taken.iter().any(|step| step.step == Step::SendHolding),
            late: after.miss().is_some(),
            late_before: before.is_some_and(|before| before.clone().take_due(now).0.miss().is_some()),
            told: matches!(self.owed.state, ObligationState::Told { .. }),
            because: self.owed.deadline.explanation.clone(),
        }
    }
}

/// What follows of a decision for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// When the deadline ended before, where it is another one.
    pub due_before: Option<DateTime<Utc>>,
    /// When the deadline ends.
    pub due_at: DateTime<Utc>,
    /// When the holding notice goes by itself; none where it went, or where the customer has been told.
    pub holding_at: Option<DateTime<Utc>>,
    /// Whether the holding notice goes at once.
    pub at_once: bool,
    /// Whether the customer is told too late.
    pub late: bool,
    /// Whether that was so before.
    pub late_before: bool,
    /// Whether the customer has been told.
    pub told: bool,
    /// Rule, start and arithmetic in a sentence.
    pub because: String,
}
