//! What would follow of a decision on a disclosure, before anybody takes it: decided by the same code as the decision, and kept nowhere.

use crate::desk::{Desk, RespondError};
use crate::operations::breach::{Confirmed, withdrawals};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::{CustomerId, IncidentId};
use watchkeeper_domain::incident::{Disclosure, Incident, Intent, Outcome};
use watchkeeper_domain::obligation::Foreseen;
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_domain::page::PageTarget;
use watchkeeper_store::Tx;

/// A decision that somebody may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A disclosure is suspected.
    Suspect,
    /// It is confirmed, as of an instant or now.
    Confirm,
    /// The confirmation counts from another instant.
    Move,
    /// Somebody else agrees to the later instant that was asked for.
    AgreeMove,
}

/// What would follow of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foresight {
    /// What time it is.
    pub now: DateTime<Utc>,
    /// The instant of confirmation that is decided on; none of a suspicion.
    pub counts_from: Option<DateTime<Utc>>,
    /// From when it counts now, where it is moved.
    pub counted_from: Option<DateTime<Utc>>,
    /// When the incident was detected.
    pub detected_at: Option<DateTime<Utc>>,
    /// Whether the instant is before the incident was detected.
    pub before_detection: bool,
    /// When the company became aware; none where nobody recorded that.
    pub aware_at: Option<DateTime<Utc>>,
    /// By when a suspicion is to be decided on.
    pub decide_by: Option<DateTime<Utc>>,
    /// Whether nothing of it happens before another person agrees.
    pub waits_for_second: bool,
    /// The first deadline of a customer who has not been told.
    pub first_due_at: Option<DateTime<Utc>>,
    /// When the first holding notice goes by itself; now, where it goes at once.
    pub first_holding_at: Option<DateTime<Utc>>,
    /// How many customers are told too late by it who were not before.
    pub late: usize,
    /// To how many a holding notice goes at once.
    pub at_once: usize,
    /// For how many customers the deadline is another one.
    pub moved: usize,
    /// What follows for each customer, the earliest deadline first.
    pub customers: Vec<ForeseenFor>,
    /// Who is paged.
    pub pages: Vec<Paged>,
}

/// What follows for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeseenFor {
    /// Which.
    pub customer: CustomerId,
    /// Its name.
    pub name: String,
    /// What follows.
    #[serde(flatten)]
    pub foreseen: Foreseen,
}

/// Who is paged in which capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paged {
    /// `commander`, `counsel` or `others`.
    pub capacity: &'static str,
    /// Whether nobody holds that role in the incident, so that whoever may act by right is paged.
    pub vacant: bool,
    /// Their names.
    pub names: Vec<String>,
}

/// What the domain is given for a reason that nobody has written yet.
const NOT_WRITTEN: &str = "(not written yet)";

impl Desk {
    /// What would follow of a decision.
    ///
    /// # Errors
    /// As of the decision itself, so that whoever asks learns of it before.
    pub async fn foresee(
        &self,
        id: &IncidentId,
        decision: Decision,
        Confirmed { at, aware_at }: Confirmed,
        by: &Actor,
    ) -> Result<Foresight, RespondError> {
        let mut tx = self.store.read().await?;
        let mut incident = tx.incident(id).await?;
        let now = self.now();
        if let Some(aware_at) = aware_at {
            incident = incident
                .record_moment(Moment::Aware, aware_at, NOT_WRITTEN, by, now)?
                .subject;
        }
        let counted_from = incident.disclosure.confirmed_at();
        // The list comes first, as in the decision itself.
        let incident = match decision {
            Decision::Confirm => self.with_proposals(&mut tx, incident).await?,
            Decision::Suspect | Decision::Move | Decision::AgreeMove => incident,
        };
        let outcome = decide(incident, decision, at, by, now)?;
        let pages = self.pages_of(&mut tx, &outcome).await?;
        let mut after = outcome.subject;
        let mut decide_by = None;
        if decision == Decision::Suspect {
            after = self.with_proposals(&mut tx, after).await?;
            if let Some(wanted) = self.decision_wanted_by(&mut tx, &after).await? {
                after.decide_no_later_than(wanted, now);
            }
            if let Disclosure::Suspected { decide_by: by, .. } = &after.disclosure {
                decide_by = Some(*by);
            }
        }
        let asked = match &after.disclosure {
            Disclosure::Confirmed { moving, .. } if decision == Decision::Move => moving.clone(),
            _ => None,
        };
        let waits_for_second = asked.is_some();
        if let Some(asked) = asked {
            // What is asked for is shown as it would be agreed to, by somebody else.
            after = after
                .agree_to_move(asked.to, NOT_WRITTEN, &Actor::worker("foresight"), now)?
                .subject;
        }
        let customers = self.foresee_customers(&mut tx, &after, by).await?;
        let moments = after.moments_in_force();
        let counts_from = after.disclosure.confirmed_at();
        let detected_at = moments.get(&Moment::Detected).copied();
        let open = || {
            customers
                .iter()
                .map(|each| &each.foreseen)
                .filter(|each| !each.told)
        };
        Ok(Foresight {
            now,
            counts_from,
            counted_from: counted_from.filter(|from| counts_from.is_some_and(|to| to != *from)),
            before_detection: counts_from
                .zip(detected_at)
                .is_some_and(|(at, detected)| at < detected),
            detected_at,
            aware_at: moments.get(&Moment::Aware).copied(),
            decide_by,
            waits_for_second,
            first_due_at: open().map(|each| each.due_at).min(),
            first_holding_at: open()
                .filter_map(|each| each.holding_at)
                .map(|at| at.max(now))
                .min(),
            late: open().filter(|each| each.late && !each.late_before).count(),
            at_once: open().filter(|each| each.at_once).count(),
            moved: customers
                .iter()
                .filter(|each| each.foreseen.due_before.is_some())
                .count(),
            customers,
            pages,
        })
    }

    /// The incident with the customers that its evidence names.
    async fn with_proposals(&self, tx: &mut Tx, incident: Incident) -> Result<Incident, RespondError> {
        let proposed = self.proposed(tx, &incident).await?;
        Ok(proposed.map_or(incident, |outcome| outcome.subject))
    }

    async fn foresee_customers(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        by: &Actor,
    ) -> Result<Vec<ForeseenFor>, RespondError> {
        let now = self.now();
        let withdrawn = withdrawals(tx, incident).await?;
        let ids: Vec<CustomerId> = incident.affected.keys().cloned().collect();
        let mut foreseen = Vec::new();
        for customer in tx.customers_by_ids(&ids).await? {
            let (known, owing) = self.owing_to(tx, incident, &customer, &withdrawn, by).await?;
            let Some(owing) = owing.filter(|owing| !owing.ends && incident.affects(&customer.id)) else {
                continue;
            };
            let Customer { id, name, .. } = customer;
            foreseen.push(ForeseenFor {
                customer: id,
                name,
                foreseen: owing.foreseen(known.as_ref(), now),
            });
        }
        foreseen.sort_by(|a, b| (a.foreseen.due_at, &a.name).cmp(&(b.foreseen.due_at, &b.name)));
        Ok(foreseen)
    }

    async fn pages_of(&self, tx: &mut Tx, outcome: &Outcome<Incident>) -> Result<Vec<Paged>, RespondError> {
        let mut pages = Vec::new();
        for intent in &outcome.intents {
            let (target, except) = match intent {
                Intent::Page { target, .. } => (target, None),
                Intent::PageOthers { target, except, .. } => (target, Some(except)),
                Intent::Owe => continue,
            };
            let incident = &outcome.subject;
            let capacity = if *target == incident.in_charge() {
                "commander"
            } else if *target == incident.counsel() {
                "counsel"
            } else {
                "others"
            };
            pages.push(Paged {
                capacity,
                vacant: !matches!(target, PageTarget::Person { .. }),
                names: self.who_is_paged(tx, target, except).await?,
            });
        }
        Ok(pages)
    }
}

/// Decides as the decision itself does, for a reason that nobody has written yet.
fn decide(
    incident: Incident,
    decision: Decision,
    at: Option<DateTime<Utc>>,
    by: &Actor,
    now: DateTime<Utc>,
) -> Result<Outcome<Incident>, RespondError> {
    let at = at.unwrap_or(now);
    Ok(match decision {
        Decision::Suspect => {
            let within = incident.decides_within();
            incident.suspect_disclosure(NOT_WRITTEN, within, by, now)?
        }
        Decision::Confirm => incident.confirm_disclosure(NOT_WRITTEN, at, by, now)?,
        Decision::Move => incident.move_confirmation(at, NOT_WRITTEN, by, now)?,
        // Also whoever has asked may look at what follows; agreeing is refused to them when they try.
        Decision::AgreeMove => {
            let someone = Actor::worker("foresight");
            incident.agree_to_move(at, NOT_WRITTEN, &someone, now)?
        }
    })
}
