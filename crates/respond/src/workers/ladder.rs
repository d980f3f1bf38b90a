//! Takes the steps of obligations: reminders, escalation, the holding notice, and the record of a miss. Steps of many customers of
//! one incident that come together page once.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::words::customers;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::BTreeMap;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, IncidentId};
use watchkeeper_domain::incident::{EntryKind, Incident, Standing};
use watchkeeper_domain::notice::{NoticeKind, NoticeState};
use watchkeeper_domain::obligation::{Obligation, Step, StepTaken};
use watchkeeper_domain::page::{PageReason, PageTarget};
use watchkeeper_domain::span::in_words;
use watchkeeper_domain::words::{capitalised, second};
use watchkeeper_store::Tx;

/// How many obligations one turn looks at.
const AT_ONCE: u32 = 1000;

/// Takes the steps of obligations.
#[derive(Debug)]
pub struct Ladder {
    desk: Desk,
}

/// A step that was taken for one customer.
struct Taken {
    obligation: Obligation,
    step: StepTaken,
    /// Whether it is the last one that this turn takes for the customer: reminders before it no longer help.
    last: bool,
}

impl Ladder {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    async fn take_due(&self, tx: &mut Tx) -> Result<BTreeMap<(IncidentId, Step), Vec<Taken>>, RespondError> {
        let now = self.desk.now();
        let mut groups: BTreeMap<(IncidentId, Step), Vec<Taken>> = BTreeMap::new();
        for obligation in tx.obligations_due(now, AT_ONCE).await? {
            let before = obligation.version;
            let (obligation, steps) = obligation.take_due(now);
            if steps.is_empty() {
                continue;
            }
            tx.update_obligation(&obligation, before).await?;
            let last = steps.len() - 1;
            for (index, step) in steps.into_iter().enumerate() {
                let key = (obligation.incident.clone(), step.step);
                groups.entry(key).or_default().push(Taken {
                    obligation: obligation.clone(),
                    step,
                    last: index == last,
                });
            }
        }
        Ok(groups)
    }

    async fn act(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        step: Step,
        taken: &[Taken],
    ) -> Result<(), RespondError> {
        let desk = &self.desk;
        let now = desk.now();
        let by = Actor::worker("ladder");
        for t in taken {
            let detail = json!({"step": step, "due_at": t.step.due_at, "late": t.step.late(), "customer": t.obligation.customer, "version": t.obligation.version});
            desk.record(tx, &by, "obligation.step_taken", t.obligation.id.as_str(), detail)
                .await?;
        }
        let sent = match step {
            Step::SendHolding => self.send_holding(tx, incident, taken).await?,
            _ => None,
        };
        let due_at = taken.iter().map(|t| t.step.due_at).min().unwrap_or(now);
        let late = taken.iter().any(|t| t.step.late());
        let suffix = if late {
            format!(
                " (late by {}: it was due {})",
                in_words(now - due_at),
                second(due_at)
            )
        } else {
            String::new()
        };
        let what = sent.unwrap_or_else(|| step.what().to_owned());
        let text = format!("{} for {}{suffix}", capitalised(&what), customers(taken.len()));
        let mut entries = vec![incident.entry(EntryKind::ObligationChanged, due_at, now, &by, text)];
        let occasion = format!("ladder/{step:?}/{}", now.timestamp_micros());
        let pages = taken.iter().any(|t| t.last) && self.still_helps(tx, incident, step, taken).await?;
        if pages {
            let first_due = taken
                .iter()
                .map(|t| t.obligation.deadline.due_at)
                .min()
                .unwrap_or(now);
            let held = incident.held_at(now).map_or(String::new(), |hold| {
                format!("; legal hold until {}", second(hold.until))
            });
            let reason = PageReason::Ladder {
                text: page_line(step, taken.len(), first_due - now) + &held,
            };
            for target in targets(incident, step) {
                entries.extend(desk.page(tx, incident, &target, &reason, &occasion).await?);
            }
        }
        tx.append_entries(&entries).await?;
        Ok(())
    }

    /// Whether the page of a step still asks for something: the list may be verified, a full notice may be on its way.
    async fn still_helps(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        step: Step,
        taken: &[Taken],
    ) -> Result<bool, RespondError> {
        match step {
            Step::ListAffected => Ok(incident
                .affected
                .values()
                .any(|a| a.standing == Standing::Possible)
                || incident.affected.is_empty()),
            Step::DraftFull | Step::Escalate | Step::LastCall => {
                let notices = tx.notices_of(&incident.id).await?;
                let sent: Vec<DateTime<Utc>> = notices
                    .iter()
                    .filter(|notice| notice.kind == NoticeKind::Full)
                    .filter_map(|notice| match notice.state {
                        NoticeState::Sent { at, .. } => Some(at),
                        _ => None,
                    })
                    .collect();
                // What went before a customer was found affected after all was taken back.
                let lacks = |t: &Taken| match &t.obligation.again {
                    Some(again) => sent.iter().all(|at| *at < again.found_at),
                    None => sent.is_empty(),
                };
                Ok(taken.iter().any(lacks))
            }
            Step::SendHolding | Step::Overdue => Ok(true),
        }
    }

    /// Sends the holding notice to whoever has nothing on its way; says what was done.
    async fn send_holding(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        taken: &[Taken],
    ) -> Result<Option<String>, RespondError> {
        let underway = tx.customers_with_letters_underway(&incident.id).await?;
        let has_one = |owed: &Obligation| {
            let mut letters = [Some(owed.id.clone()), None].into_iter();
            letters.any(|written_for| {
                owed.has(written_for.as_ref()) && underway.contains(&(owed.customer.clone(), written_for))
            })
        };
        let mut rounds: BTreeMap<u32, Vec<CustomerId>> = BTreeMap::new();
        for owed in taken.iter().map(|t| &t.obligation).filter(|owed| !has_one(owed)) {
            rounds
                .entry(owed.round())
                .or_default()
                .push(owed.customer.clone());
        }
        if rounds.is_empty() {
            return Ok(Some(
                "a full notice is on its way, so no holding notice is sent".to_owned(),
            ));
        }
        for (round, customers) in rounds {
            let incident = tx.incident(&incident.id).await?;
            self.desk
                .dispatch_holding(tx, &incident, round, &customers)
                .await?;
        }
        Ok(None)
    }
}

#[async_trait]
impl Worker for Ladder {
    fn name(&self) -> &'static str {
        "ladder"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let mut tx = self.desk.begin().await?;
        let groups = self.take_due(&mut tx).await?;
        if groups.is_empty() {
            return Ok(Turn::Idle);
        }
        for ((incident, step), taken) in groups {
            let incident = tx.incident(&incident).await?;
            self.act(&mut tx, &incident, step, &taken).await?;
        }
        self.desk.commit(tx).await?;
        Ok(Turn::Busy)
    }
}

fn targets(incident: &Incident, step: Step) -> Vec<PageTarget> {
    match step {
        Step::ListAffected => vec![incident.in_charge()],
        Step::DraftFull => vec![PageTarget::Leads, incident.counsel()],
        Step::Escalate | Step::LastCall => {
            vec![PageTarget::Executives, incident.in_charge(), incident.counsel()]
        }
        Step::SendHolding | Step::Overdue => {
            vec![incident.in_charge(), incident.counsel(), PageTarget::Executives]
        }
    }
}

fn page_line(step: Step, count: usize, left: chrono::Duration) -> String {
    let left = if left >= chrono::Duration::zero() {
        format!("{} left", in_words(left))
    } else {
        format!("{} over", in_words(left))
    };
    let told = customers(count);
    match step {
        Step::ListAffected => format!("verify the list of {told}, {left}"),
        Step::DraftFull => format!("no full notice approved for {told}, {left}"),
        Step::Escalate => format!("{told} not told, {left}; a holding notice will go by itself"),
        Step::LastCall => format!("last call: {told} not told, {left}"),
        Step::SendHolding => format!("holding notice sent to {told}, {left}"),
        Step::Overdue => format!("deadline missed for {told}"),
    }
}
