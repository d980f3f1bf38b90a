//! Was customers' confidential information disclosed, to whom does it belong, and who decided that when and why.

use super::{
    EntryKind, Incident, Intent, MoveAsked, Moved, Outcome, ReversalAsked, Reversed, TimelineEntry,
    TimerKind, TimerState, TransitionError, reason,
};
use crate::actor::Actor;
use crate::customer::{ClockStart, Customer};
use crate::detection::TenantTrace;
use crate::id::CustomerId;
use crate::page::{PageReason, PageTarget};
use crate::playbook::{DISCLOSURE_REMINDER, PlaybookTimers};
use crate::span::Span;
use crate::words::{counted, minute, second, sentence};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A suspicion is decided within this time, however often the decision is extended.
const LONGEST_SUSPICION: Duration = Duration::days(3);

/// What is known of an unauthorized disclosure of customer confidential information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Disclosure {
    /// Nobody suspects one.
    None,
    /// Somebody suspects one: a decision is due.
    Suspected {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: String,
        /// The decision is due by.
        decide_by: DateTime<Utc>,
    },
    /// It is confirmed: the clocks of the obligations run from `at`.
    Confirmed {
        /// Who.
        by: Actor,
        /// The instant of confirmation, from which deadlines are counted.
        at: DateTime<Utc>,
        /// When that was recorded.
        recorded_at: DateTime<Utc>,
        /// Why.
        why: String,
        /// When it was first suspected.
        suspected_at: Option<DateTime<Utc>>,
        /// Somebody asks for the confirmation to be reversed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reversal: Option<ReversalAsked>,
        /// Somebody asks for it to count from a later instant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        moving: Option<MoveAsked>,
        /// From when it counted before, the oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moved: Vec<Moved>,
    },
    /// It was suspected, or even confirmed, and is not so.
    Rejected {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: String,
        /// What had been confirmed, and who asked for the reversal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reversed: Option<Reversed>,
    },
}

impl Disclosure {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Suspected { .. } => "suspected",
            Self::Confirmed { .. } => "confirmed",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// The instant of confirmation.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Confirmed { at, .. } => Some(*at),
            Self::None | Self::Suspected { .. } | Self::Rejected { .. } => None,
        }
    }

    /// The instant of a confirmation that stands or was reversed: customers may have been told of it.
    #[must_use]
    pub fn ever_confirmed_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Rejected { reversed, .. } => reversed.as_ref().map(|reversed| reversed.confirmed_at),
            other => other.confirmed_at(),
        }
    }
}

/// How sure it is that a customer is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The evidence names the customer; told unless cleared.
    Possible,
    /// Somebody has verified it.
    Confirmed,
    /// Somebody has verified that it is not so.
    Cleared,
}

impl Standing {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Confirmed => "confirmed",
            Self::Cleared => "cleared",
        }
    }

    /// Whether the customer must be told.
    #[must_use]
    pub fn told(self) -> bool {
        self != Self::Cleared
    }
}

/// A customer on the list, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// How sure.
    pub standing: Standing,
    /// What the evidence says, by tenant identifier; empty when a person put the customer on the list.
    pub traces: BTreeMap<String, TenantTrace>,
    /// Every change of standing, the oldest first.
    pub changes: Vec<AffectedChange>,
}

/// One change of standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedChange {
    /// What it became.
    pub to: Standing,
    /// Who said so.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// On what evidence.
    pub evidence: String,
}

/// The evidence proposes a customer: tenant identifiers of the customer that the incident's events name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Whose.
    pub customer: CustomerId,
    /// What the evidence says, by tenant identifier.
    pub traces: BTreeMap<String, TenantTrace>,
}

impl Incident {
    /// Whether a customer is affected by what is known now: the disclosure is confirmed, and the customer is on the list and not
    /// cleared.
    #[must_use]
    pub fn affects(&self, customer: &CustomerId) -> bool {
        let listed = self.affected.get(customer).is_some_and(|a| a.standing.told());
        self.disclosure.confirmed_at().is_some() && listed
    }

    /// When the clock of a customer's contract started, none while nothing is confirmed. Who is owed `anew` counts from when the customer was found affected after all: from when it was put on the list last,
    /// or from the confirmation, where that came later.
    #[must_use]
    pub fn clock_start(&self, customer: &Customer, anew: bool) -> Option<ClockStart> {
        let confirmed_at = self.disclosure.confirmed_at()?;
        if !anew {
            return Some(customer.terms.start(&self.moments_in_force(), confirmed_at));
        }
        let changes = self
            .affected
            .get(&customer.id)
            .map(|known| known.changes.as_slice());
        let mut listed_at = None;
        let mut before = Standing::Cleared;
        for change in changes.unwrap_or_default() {
            if change.to.told() && !before.told() {
                listed_at = Some(change.at);
            }
            before = change.to;
        }
        Some(ClockStart::confirmed(
            listed_at.map_or(confirmed_at, |at| at.max(confirmed_at)),
        ))
    }

    /// How long people have to decide on a suspicion: the playbook says it.
    #[must_use]
    pub fn decides_within(&self) -> Span {
        self.playbook
            .as_ref()
            .map_or(PlaybookTimers::default().disclosure_decision, |playbook| {
                playbook.disclosure_decision
            })
    }

    /// Somebody suspects a disclosure: a decision is due within `decide_within`.
    ///
    /// # Errors
    /// Refused on a closed incident, without a reason, and where a disclosure is suspected or confirmed already.
    pub fn suspect_disclosure(
        mut self,
        why: &str,
        decide_within: Span,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("suspect a disclosure in")?;
        if matches!(
            self.disclosure,
            Disclosure::Suspected { .. } | Disclosure::Confirmed { .. }
        ) {
            return Err(self.disclosure_is("suspect a disclosure again in", "decide on the one that stands"));
        }
        let why = reason(why, "suspect a disclosure")?;
        let decide_by = at + decide_within.duration();
        let text = format!(
            "Disclosure suspected: {} A decision is due by {}",
            sentence(&why),
            minute(decide_by)
        );
        self.version += 1;
        self.disclosure = Disclosure::Suspected {
            by: by.clone(),
            at,
            why,
            decide_by,
        };
        self.start_timer(
            TimerKind::DisclosureDecision {
                remind_every: DISCLOSURE_REMINDER,
            },
            decide_by,
        );
        let mut entries = vec![self.entry(EntryKind::DisclosureChanged, at, at, by, text)];
        entries.extend(self.did_before(by, at));
        let mut intents = vec![Intent::Owe];
        intents.extend(self.page_both(&PageReason::DisclosureSuspected, by));
        Ok(Outcome {
            subject: self,
            entries,
            intents,
        })
    }

    /// Somebody confirms the disclosure as of `confirmed_at`: what is owed to the affected customers is counted from then.
    ///
    /// # Errors
    /// A second confirmation is refused, so that it cannot restart the clock; so are an instant to come or before the incident's
    /// first event, and a confirmation without a reason.
    pub fn confirm_disclosure(
        mut self,
        why: &str,
        confirmed_at: DateTime<Utc>,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("confirm a disclosure in")?;
        if matches!(self.disclosure, Disclosure::Confirmed { .. }) {
            return Err(self.disclosure_is(
                "confirm a disclosure again in",
                "the clock runs from the first confirmation",
            ));
        }
        let why = reason(why, "confirm a disclosure")?;
        self.must_be_confirmable(confirmed_at, at)?;
        let suspected_at = match &self.disclosure {
            Disclosure::Suspected { at, .. } => Some(*at),
            Disclosure::None | Disclosure::Confirmed { .. } | Disclosure::Rejected { .. } => None,
        };
        let text = format!("Disclosure confirmed as of {}: {why}", second(confirmed_at));
        self.version += 1;
        self.disclosure = Disclosure::Confirmed {
            by: by.clone(),
            at: confirmed_at,
            recorded_at: at,
            why,
            suspected_at,
            reversal: None,
            moving: None,
            moved: Vec::new(),
        };
        self.finish_timers(at, |kind| matches!(kind, TimerKind::DisclosureDecision { .. }));
        let mut entries = vec![self.entry(EntryKind::DisclosureChanged, confirmed_at, at, by, text)];
        entries.extend(self.did_before(by, at));
        let mut intents = vec![Intent::Owe];
        intents.extend(self.page_both(&PageReason::DisclosureConfirmed, by));
        Ok(Outcome {
            subject: self,
            entries,
            intents,
        })
    }

    /// A confirmation counts from an instant that was, and not long before the incident.
    pub(super) fn must_be_confirmable(
        &self,
        confirmed_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), TransitionError> {
        let earliest = self.opened_at.min(self.last_alert_at) - Duration::days(366);
        if (earliest..=now).contains(&confirmed_at) {
            return Ok(());
        }
        Err(TransitionError::BadInstant {
            what: "the confirmation",
            given: confirmed_at,
            remedy: format!("give an instant between {earliest} and now ({now})"),
        })
    }

    /// Somebody rejects a suspected disclosure; the reason stays in the register (GDPR Art. 33(5)).
    ///
    /// # Errors
    /// Only a suspected disclosure can be rejected; a confirmed one is reversed by two people, which is another decision.
    pub fn reject_disclosure(
        mut self,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        if !matches!(self.disclosure, Disclosure::Suspected { .. }) {
            return Err(self.disclosure_is("reject a disclosure in", "only a suspected one can be rejected"));
        }
        let why = reason(why, "reject a disclosure")?;
        let text = format!("Disclosure rejected: {why}");
        self.disclosure = Disclosure::Rejected {
            by: by.clone(),
            at,
            why,
            reversed: None,
        };
        self.finish_timers(at, |kind| matches!(kind, TimerKind::DisclosureDecision { .. }));
        let done = self.did_before(by, at);
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text);
        outcome.entries.extend(done);
        Ok(outcome)
    }

    /// Puts the customers that the evidence names on the list as possible, and keeps fresher figures of those already there; what
    /// people have decided stays. `None` when nothing changes.
    #[must_use]
    pub fn propose_affected(
        mut self,
        proposals: Vec<Proposal>,
        unclaimed: std::collections::BTreeSet<String>,
        at: DateTime<Utc>,
    ) -> Option<Outcome<Self>> {
        let by = Actor::worker("evidence");
        let mut new = 0;
        let mut changed = unclaimed != self.unclaimed_tenants;
        for Proposal { customer, traces } in proposals {
            match self.affected.get_mut(&customer) {
                Some(known) if known.traces == traces => {}
                Some(known) => {
                    known.traces = traces;
                    changed = true;
                }
                None => {
                    let evidence = evidence_of(&traces, at);
                    let change = AffectedChange {
                        to: Standing::Possible,
                        by: by.clone(),
                        at,
                        evidence,
                    };
                    let affected = Affected {
                        standing: Standing::Possible,
                        traces,
                        changes: vec![change],
                    };
                    self.affected.insert(customer, affected);
                    new += 1;
                    changed = true;
                }
            }
        }
        if !changed {
            return None;
        }
        self.version += 1;
        self.unclaimed_tenants = unclaimed;
        let mut entries = Vec::new();
        if new > 0 {
            let text = format!(
                "{} proposed as affected: the evidence names their tenants",
                counted(new, "customer")
            );
            entries.push(self.entry(EntryKind::AffectedChanged, at, at, &by, text));
        }
        let owes = (new > 0).then(|| self.owes()).flatten();
        Some(Outcome {
            subject: self,
            entries,
            intents: owes.into_iter().collect(),
        })
    }

    /// Somebody says how sure it is that a customer is affected.
    ///
    /// # Errors
    /// Refused without evidence, and where nothing would change.
    pub fn set_affected(
        mut self,
        customer: &CustomerId,
        to: Standing,
        evidence: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let evidence = reason(evidence, "change the list of affected customers")?;
        if !self.stands(customer, to, &evidence, by, at) {
            return Err(self.disclosure_is("change nothing in", "the customer stands so already"));
        }
        let text = format!("{customer} is {}: {evidence}", to.name());
        Ok(self.listed(by, at, text))
    }

    /// Somebody says the same of many customers at once, such as of a list that an analyst made; those that stand so already stay as
    /// they are.
    ///
    /// # Errors
    /// Refused without evidence, and where nothing would change.
    pub fn set_all_affected(
        mut self,
        customers: &[CustomerId],
        to: Standing,
        evidence: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let evidence = reason(evidence, "change the list of affected customers")?;
        let mut changed = 0;
        for customer in customers {
            changed += usize::from(self.stands(customer, to, &evidence, by, at));
        }
        if changed == 0 {
            return Err(self.disclosure_is(
                "change nothing in",
                "every customer of the list stands so already",
            ));
        }
        let are = if changed == 1 { "is" } else { "are" };
        let text = format!(
            "{} of a list {are} {}: {evidence}",
            counted(changed, "customer"),
            to.name()
        );
        Ok(self.listed(by, at, text))
    }

    /// Changes how sure it is that a customer is affected; says whether that is a change.
    fn stands(
        &mut self,
        customer: &CustomerId,
        to: Standing,
        evidence: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> bool {
        let known = self.affected.entry(customer.clone()).or_insert_with(|| Affected {
            standing: to,
            traces: BTreeMap::new(),
            changes: Vec::new(),
        });
        if known.standing == to && !known.changes.is_empty() {
            return false;
        }
        known.standing = to;
        known.changes.push(AffectedChange {
            to,
            by: by.clone(),
            at,
            evidence: evidence.to_owned(),
        });
        true
    }

    fn listed(mut self, by: &Actor, at: DateTime<Utc>, text: String) -> Outcome<Self> {
        let owes = self.owes();
        let acts: Vec<_> = self.customers_verified().into_iter().collect();
        let done = self.did(&acts, by, at);
        let mut outcome = self.changed(EntryKind::AffectedChanged, by, at, text);
        outcome.entries.extend(done);
        outcome.intents.extend(owes);
        outcome
    }

    /// While a disclosure is in question, what is owed follows from the list of customers and from the moments.
    pub(super) fn owes(&self) -> Option<Intent> {
        match self.disclosure {
            Disclosure::Suspected { .. } | Disclosure::Confirmed { .. } => Some(Intent::Owe),
            Disclosure::None | Disclosure::Rejected { .. } => None,
        }
    }

    /// The contracts of customers on the list count from before a confirmation: the decision on the suspicion is due by `wanted` at the
    /// latest. Says so where that is earlier than what stands.
    pub fn decide_no_later_than(
        &mut self,
        wanted: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Option<TimelineEntry> {
        let Disclosure::Suspected { decide_by, .. } = &mut self.disclosure else {
            return None;
        };
        let wanted = wanted.max(at);
        if wanted >= *decide_by {
            return None;
        }
        let text = format!(
            "The decision on the disclosure is due by {}, before {}: contracts of customers on the list count from before a confirmation",
            minute(wanted),
            minute(*decide_by)
        );
        *decide_by = wanted;
        self.move_decision(wanted);
        let by = Actor::worker("ladder");
        Some(self.entry(EntryKind::DisclosureChanged, at, at, &by, text))
    }

    fn move_decision(&mut self, to: DateTime<Utc>) {
        for timer in &mut self.timers {
            if matches!(timer.kind, TimerKind::DisclosureDecision { .. })
                && timer.state == TimerState::Running
            {
                timer.due_at = to;
            }
        }
    }

    /// Somebody needs longer to decide on a suspicion. What was suspected, and when, stays.
    ///
    /// # Errors
    /// Refused without a reason, where nothing is suspected, and for an instant that is no later than the one that stands, or more than
    /// three days after the suspicion: whoever cannot decide by then confirms that it is possible, or says why it is not.
    pub fn extend_suspicion(
        mut self,
        until: DateTime<Utc>,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "extend the decision on a suspicion")?;
        let Disclosure::Suspected {
            at: suspected_at,
            decide_by,
            ..
        } = &mut self.disclosure
        else {
            return Err(self.disclosure_is("extend the decision in", "only a suspicion waits for a decision"));
        };
        let latest = *suspected_at + LONGEST_SUSPICION;
        if until <= (*decide_by).max(at) || until > latest {
            return Err(TransitionError::BadInstant {
                what: "the new end of the decision",
                given: until,
                remedy: format!(
                    "give an instant after {} and up to {latest}",
                    (*decide_by).max(at)
                ),
            });
        }
        let text = format!(
            "Decision on the disclosure extended to {}, before {}: {why}",
            minute(until),
            minute(*decide_by)
        );
        *decide_by = until;
        self.move_decision(until);
        let mut outcome = self.changed(EntryKind::DisclosureChanged, by, at, text);
        outcome.intents = vec![Intent::Owe];
        Ok(outcome)
    }

    /// Pages counsel and whoever is in charge for the same reason, once where they are the same, and not whoever acts, who knows already.
    fn page_both(&self, reason: &PageReason, by: &Actor) -> Vec<Intent> {
        let mut targets = vec![self.counsel(), self.in_charge()];
        targets.dedup();
        let others = targets
            .into_iter()
            .filter(|target| !matches!(target, PageTarget::Person { user } if Some(user) == by.user()));
        others.map(|target| page_others(target, reason, by)).collect()
    }

    /// Pages counsel and whoever is in charge, once where they are the same: a second person than `by` is to agree that the confirmed
    /// disclosure `would`, such as "is none".
    pub(super) fn ask_second_person(&self, would: &str, by: &Actor) -> Vec<Intent> {
        let text = format!("a second person is asked to agree that the confirmed disclosure {would}");
        let reason = PageReason::Ladder { text };
        let pages = self.page_both(&reason, by);
        if pages.is_empty() {
            // Who asks is both: somebody else has to hear of it all the same.
            return vec![page_others(self.counsel(), &reason, by)];
        }
        pages
    }

    pub(super) fn disclosure_is(&self, attempted: &'static str, remedy: &'static str) -> TransitionError {
        TransitionError::NotFrom {
            from: format!("disclosure {}", self.disclosure.name()),
            attempted,
            remedy,
        }
    }
}

/// Pages somebody else than `by`; everybody of the target where no person acts.
fn page_others(target: PageTarget, reason: &PageReason, by: &Actor) -> Intent {
    let reason = reason.clone();
    match by.user() {
        Some(user) => Intent::PageOthers {
            target,
            reason,
            except: user.clone(),
        },
        None => Intent::Page { target, reason },
    }
}

/// What the evidence said when it proposed a customer: the figures beside it go on growing.
fn evidence_of(traces: &BTreeMap<String, TenantTrace>, at: DateTime<Utc>) -> String {
    let events: u64 = traces.values().map(|trace| trace.events).sum();
    let least = if traces.values().any(|trace| trace.at_most.is_some()) {
        "at least "
    } else {
        ""
    };
    let tenants: Vec<&str> = traces.keys().map(String::as_str).collect();
    let (events, name) = if events == 1 {
        ("1 event".to_owned(), "names")
    } else {
        (format!("{events} events"), "name")
    };
    format!(
        "when proposed ({}): {least}{events} {name} {}",
        minute(at),
        tenants.join(", ")
    )
}
