//! The breach desk: was anything disclosed, to whom does it belong, what is owed to them.

use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use crate::words;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::customer::{BY_KEY, Customer};
use watchkeeper_domain::detection::TenantTrace;
use watchkeeper_domain::id::{CustomerId, IncidentId, ObligationId};
use watchkeeper_domain::incident::{
    Disclosure, EntryKind, Incident, Outcome, Proposal, SeverityInputs, Standing, TimelineEntry,
};
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_domain::obligation::{Basis, Known, Obligation, Owing, TellingFacts};
use watchkeeper_domain::words::{counted, second};
use watchkeeper_store::{NoticeSent, Tx};

/// Since when a disclosure is confirmed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Confirmed {
    /// The instant of confirmation; now, where none is given.
    pub at: Option<DateTime<Utc>>,
    /// When the company became aware, where that is recorded with it.
    pub aware_at: Option<DateTime<Utc>>,
}

impl Desk {
    /// Somebody suspects a disclosure; the evidence proposes customers.
    ///
    /// # Errors
    /// See [`Incident::suspect_disclosure`].
    pub async fn suspect_disclosure(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, id, read).await?;
        let before = incident.version;
        let within = incident.decides_within();
        let outcome = incident.suspect_disclosure(why, within, by, self.now())?;
        let said = Said {
            by,
            action: "disclosure.suspected",
            detail: json!({}),
        };
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        let incident = self.propose_affected(&mut tx, incident).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Somebody confirms the disclosure: obligations begin for every customer that the evidence or people name, and the holding
    /// notice is rendered at once.
    ///
    /// # Errors
    /// See [`Incident::confirm_disclosure`].
    pub async fn confirm_disclosure(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        confirmed_at: Option<DateTime<Utc>>,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let confirmed = Confirmed {
            at: confirmed_at,
            aware_at: None,
        };
        self.confirm_disclosure_aware(id, read, why, confirmed, by).await
    }

    /// As [`Self::confirm_disclosure`], and records in the same transaction since when the company was aware, which laws and some contracts
    /// count from.
    ///
    /// # Errors
    /// See [`Incident::confirm_disclosure`] and [`Incident::record_moment`].
    pub async fn confirm_disclosure_aware(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        Confirmed { at, aware_at }: Confirmed,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let mut tx = self.begin().await?;
        let mut incident = self.load(&mut tx, id, read).await?;
        if let Some(aware_at) = aware_at {
            // Before the confirmation, so that what is owed is counted once.
            let before = incident.version;
            let outcome = incident.record_moment(Moment::Aware, aware_at, why, by, self.now())?;
            let said = Said {
                by,
                action: "moment.recorded",
                detail: json!({"moment": Moment::Aware, "at": aware_at}),
            };
            incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        }
        // The list comes first, so that the obligations of everybody on it begin in the same transaction.
        let incident = self.propose(&mut tx, incident).await?;
        let before = incident.version;
        let confirmed_at = at.unwrap_or_else(|| self.now());
        let outcome = incident.confirm_disclosure(why, confirmed_at, by, self.now())?;
        let detail = json!({"confirmed_at": confirmed_at, "affected": outcome.subject.affected.len()});
        let said = Said {
            by,
            action: "disclosure.confirmed",
            detail,
        };
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Somebody rejects a suspected disclosure.
    ///
    /// # Errors
    /// See [`Incident::reject_disclosure`].
    pub async fn reject_disclosure(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.rejected",
            detail: json!({}),
        };
        self.decide(id, read, said, |incident| {
            incident.reject_disclosure(why, by, self.now())
        })
        .await
    }

    /// Somebody needs longer to decide on a suspicion.
    ///
    /// # Errors
    /// See [`Incident::extend_suspicion`].
    pub async fn extend_suspicion(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        until: DateTime<Utc>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.extended",
            detail: json!({"decide_by": until}),
        };
        self.decide(id, read, said, |incident| {
            incident.extend_suspicion(until, why, by, self.now())
        })
        .await
    }

    /// Somebody asks for a confirmation to be reversed; where somebody else has asked, this agrees, and what is owed ends.
    ///
    /// # Errors
    /// See [`Incident::ask_reversal`] and [`Incident::reverse_disclosure`].
    pub async fn reverse_disclosure(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let mut tx = self.begin().await?;
        let incident = self.load(&mut tx, id, read).await?;
        let before = incident.version;
        let asked = matches!(
            &incident.disclosure,
            Disclosure::Confirmed {
                reversal: Some(_),
                ..
            }
        );
        let (action, outcome) = if asked {
            let outcome = incident.reverse_disclosure(why, by, self.now())?;
            ("disclosure.reversed", outcome)
        } else {
            (
                "disclosure.reversal_asked",
                incident.ask_reversal(why, by, self.now())?,
            )
        };
        let said = Said {
            by,
            action,
            detail: json!({}),
        };
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Somebody refuses to reverse a confirmation: it stands.
    ///
    /// # Errors
    /// See [`Incident::refuse_reversal`].
    pub async fn refuse_reversal(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.reversal_refused",
            detail: json!({}),
        };
        self.decide(id, read, said, |incident| {
            incident.refuse_reversal(why, by, self.now())
        })
        .await
    }

    /// Somebody says that the confirmation counts from another instant: an earlier one at once, a later one when somebody else agrees.
    ///
    /// # Errors
    /// See [`Incident::move_confirmation`].
    pub async fn move_confirmation(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        to: DateTime<Utc>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.move_said",
            detail: json!({"confirmed_at": to}),
        };
        self.decide(id, read, said, |incident| {
            incident.move_confirmation(to, why, by, self.now())
        })
        .await
    }

    /// Another person agrees to the later instant: clocks that counted from the confirmation count from there.
    ///
    /// # Errors
    /// See [`Incident::agree_to_move`].
    pub async fn agree_to_move(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        to: DateTime<Utc>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.move_agreed",
            detail: json!({"confirmed_at": to}),
        };
        self.decide(id, read, said, |incident| {
            incident.agree_to_move(to, why, by, self.now())
        })
        .await
    }

    /// Somebody refuses the later instant: the confirmation counts as it did.
    ///
    /// # Errors
    /// See [`Incident::refuse_to_move`].
    pub async fn refuse_to_move(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "disclosure.move_refused",
            detail: json!({}),
        };
        self.decide(id, read, said, |incident| {
            incident.refuse_to_move(why, by, self.now())
        })
        .await
    }

    /// Somebody documents that the law forbids to tell customers before an instant.
    ///
    /// # Errors
    /// See [`Incident::place_hold`].
    pub async fn place_hold(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        until: DateTime<Utc>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "hold.placed",
            detail: json!({"until": until}),
        };
        self.decide(id, read, said, |incident| {
            incident.place_hold(until, why, by, self.now())
        })
        .await
    }

    /// Somebody lifts a legal hold.
    ///
    /// # Errors
    /// See [`Incident::lift_hold`].
    pub async fn lift_hold(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "hold.lifted",
            detail: json!({}),
        };
        self.decide(id, read, said, |incident| incident.lift_hold(why, by, self.now()))
            .await
    }

    /// Somebody assesses how severe the breach is; nothing that is owed changes by it.
    ///
    /// # Errors
    /// See [`Incident::assess_breach`].
    pub async fn assess_breach(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        inputs: SeverityInputs,
        why: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "severity.assessed",
            detail: json!({"inputs": inputs}),
        };
        self.decide(id, read, said, |incident| {
            incident.assess_breach(inputs, why, by, self.now())
        })
        .await
    }

    /// Somebody says how sure it is that a customer is affected.
    ///
    /// # Errors
    /// See [`Incident::set_affected`].
    pub async fn set_affected(
        &self,
        id: &IncidentId,
        customer: &CustomerId,
        to: Standing,
        evidence: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let mut tx = self.begin().await?;
        tx.customer(customer).await?;
        let incident = self.load(&mut tx, id, None).await?;
        let before = incident.version;
        let outcome = incident.set_affected(customer, to, evidence, by, self.now())?;
        let said = Said {
            by,
            action: "affected.changed",
            detail: json!({"customer": customer, "to": to}),
        };
        let incident = self.settle(&mut tx, Some(before), outcome, said).await?;
        self.commit(tx).await?;
        Ok(incident)
    }

    /// Somebody says why a deadline was missed.
    ///
    /// # Errors
    /// See [`Obligation::explain_miss`].
    pub async fn explain_miss(
        &self,
        id: &ObligationId,
        why: &str,
        by: &Actor,
    ) -> Result<Obligation, RespondError> {
        let mut tx = self.begin().await?;
        let obligation = tx.obligation(id).await?;
        let before = obligation.version;
        let now = self.now();
        let obligation = obligation
            .explain_miss(why, by, now)
            .map_err(|fault| RespondError::invalid("why", fault))?;
        tx.update_obligation(&obligation, before).await?;
        let text = format!(
            "Missed deadline of {} explained: {}",
            obligation.customer,
            why.trim()
        );
        let entry = TimelineEntry::new(
            &obligation.incident,
            EntryKind::ObligationChanged,
            now,
            now,
            by,
            text,
        );
        tx.append_entries(&[entry]).await?;
        self.record(&mut tx, by, "obligation.miss_explained", id.as_str(), json!({}))
            .await?;
        self.commit(tx).await?;
        Ok(obligation)
    }

    /// Somebody writes down that a customer was told by phone, by post or in a system of the customer's: a level of proof of its own, which
    /// changes neither where the promise stands nor whether it was missed.
    ///
    /// # Errors
    /// See [`Obligation::tell_by_hand`]; refused in a drill, in which no customer hears of anything.
    pub async fn tell_by_hand(
        &self,
        id: &ObligationId,
        facts: &TellingFacts,
        by: &Actor,
    ) -> Result<Obligation, RespondError> {
        let mut tx = self.begin().await?;
        let obligation = tx.obligation(id).await?;
        let incident = tx.incident(&obligation.incident).await?;
        if incident.drill {
            let fault = "this is a drill: no customer is told of it, by hand neither";
            return Err(RespondError::invalid("channel", fault));
        }
        let before = obligation.version;
        let now = self.now();
        let obligation = obligation
            .tell_by_hand(facts, by, now)
            .map_err(|(field, fault)| RespondError::invalid(field, fault))?;
        tx.update_obligation(&obligation, before).await?;
        if let Some(telling) = obligation.by_hand.last() {
            // Whom and by whom stands outside the timeline, where it can be erased.
            let text = format!(
                "{} was told by hand ({}) at {}; written down with what shows it",
                obligation.customer,
                telling.channel.name(),
                second(telling.told_at)
            );
            let kind = EntryKind::Delivered;
            let entry = TimelineEntry::new(&obligation.incident, kind, telling.told_at, now, by, text);
            tx.append_entries(&[entry]).await?;
            let detail = json!({
                "telling": telling.id,
                "customer": obligation.customer,
                "channel": telling.channel,
                "told_at": telling.told_at,
                "commitment": telling.commitment(),
                "version": obligation.version,
            });
            self.record(&mut tx, by, "obligation.told_by_hand", id.as_str(), detail)
                .await?;
        }
        // Letters that are still to go say since when the customer knows. That they follow is nobody's words, and keeps nobody from
        // approving them.
        if obligation.waits_for_holding(obligation.round()) {
            self.render_holding(&mut tx, &incident).await?;
        }
        let told = BTreeSet::from([obligation.customer.clone()]);
        self.letters_follow(&mut tx, &told, &Actor::worker("delivery"))
            .await?;
        self.commit(tx).await?;
        Ok(obligation)
    }

    /// Puts the customers that the evidence names on the list while a disclosure is suspected or confirmed; new ones are owed at once
    /// when it is confirmed.
    pub(crate) async fn propose_affected(
        &self,
        tx: &mut Tx,
        incident: Incident,
    ) -> Result<Incident, RespondError> {
        match incident.disclosure {
            Disclosure::None | Disclosure::Rejected { .. } => Ok(incident),
            Disclosure::Suspected { .. } | Disclosure::Confirmed { .. } => self.propose(tx, incident).await,
        }
    }

    async fn propose(&self, tx: &mut Tx, incident: Incident) -> Result<Incident, RespondError> {
        let before = incident.version;
        let Some(outcome) = self.proposed(tx, &incident).await? else {
            return Ok(incident);
        };
        let by = Actor::worker("evidence");
        let detail = json!({"affected": outcome.subject.affected.len(), "unclaimed": outcome.subject.unclaimed_tenants.len()});
        self.settle(
            tx,
            Some(before),
            outcome,
            Said {
                by: &by,
                action: "affected.proposed",
                detail,
            },
        )
        .await
    }

    /// The incident with the customers that its evidence names; `None` where they are on the list.
    pub(crate) async fn proposed(
        &self,
        tx: &mut Tx,
        incident: &Incident,
    ) -> Result<Option<Outcome<Incident>>, RespondError> {
        let (proposals, unclaimed) = self.evidence(tx, &incident.id).await?;
        Ok(incident
            .clone()
            .propose_affected(proposals, unclaimed, self.now()))
    }

    /// What the alerts of an incident say about tenants: whose they are, and which nobody claims.
    async fn evidence(
        &self,
        tx: &mut Tx,
        incident: &IncidentId,
    ) -> Result<(Vec<Proposal>, BTreeSet<String>), RespondError> {
        let traces = Alert::tenants_of(&tx.alerts_of(incident).await?);
        let tenants: Vec<String> = traces.keys().cloned().collect();
        let mut owners: BTreeMap<String, CustomerId> =
            tx.customers_by_tenants(&tenants).await?.into_iter().collect();
        for tenant in &tenants {
            // A table of the company may name a customer by its key.
            if let Some(key) = tenant.strip_prefix(BY_KEY)
                && !owners.contains_key(tenant)
                && let Some(customer) = tx.customer_by_key(key).await?
            {
                owners.insert(tenant.clone(), customer.id);
            }
        }
        let mut by_customer: BTreeMap<CustomerId, BTreeMap<String, TenantTrace>> = BTreeMap::new();
        let mut unclaimed = BTreeSet::new();
        for (tenant, trace) in traces {
            match owners.get(&tenant) {
                Some(owner) => {
                    by_customer
                        .entry(owner.clone())
                        .or_default()
                        .insert(tenant, trace);
                }
                None => {
                    unclaimed.insert(tenant);
                }
            }
        }
        let proposals = by_customer
            .into_iter()
            .map(|(customer, traces)| Proposal { customer, traces })
            .collect();
        Ok((proposals, unclaimed))
    }

    /// Brings obligations in line with the list of affected customers, and renders the holding notice for everybody on it.
    pub(crate) async fn bring_obligations_in_line(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        by: &Actor,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        match incident.disclosure {
            Disclosure::Confirmed { .. } => {}
            // Nothing is owed yet; what a reversed confirmation owed has ended.
            Disclosure::Suspected { .. } => return Ok(Vec::new()),
            Disclosure::None | Disclosure::Rejected { .. } => return self.end_all(tx, incident, by).await,
        }
        let withdrawn = withdrawals(tx, incident).await?;
        let ids: Vec<CustomerId> = incident.affected.keys().cloned().collect();
        let customers = tx.customers_by_ids(&ids).await?;
        let mut begun: Vec<Obligation> = Vec::new();
        let mut ended: Vec<Obligation> = Vec::new();
        let mut moved: Vec<Obligation> = Vec::new();
        for customer in &customers {
            let (known, owing) = self.owing_to(tx, incident, customer, &withdrawn, by).await?;
            let Some(owing) = owing else {
                continue;
            };
            let mut owed = owing.owed;
            if owing.known == Known::New || owing.moved {
                owed = self.counted_on(owed, customer);
            }
            match (owing.known, known) {
                (Known::New, _) => {
                    tx.insert_obligation(&owed).await?;
                }
                (Known::Changed, Some(known)) => tx.update_obligation(&owed, known.version).await?,
                (Known::Changed | Known::Same, _) => {}
            }
            for (is_so, list) in [
                (owing.begins, &mut begun),
                (owing.moved, &mut moved),
                (owing.ends, &mut ended),
            ] {
                if is_so {
                    list.push(owed.clone());
                }
            }
        }
        self.record_obligations(tx, by, "obligation.begun", &begun)
            .await?;
        self.record_obligations(tx, by, "obligation.moved", &moved)
            .await?;
        self.record_obligations(tx, by, "obligation.ended", &ended)
            .await?;
        self.keep_rules_counted(tx, incident, by).await?;
        self.render_holding(tx, incident).await?;
        Ok(self.say_obligations(incident, (&begun, &moved, &ended), by))
    }

    /// What was owed to a customer of the list, and what is now; `withdrawn` are the incident's [`withdrawals`].
    pub(crate) async fn owing_to(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        customer: &Customer,
        withdrawn: &[NoticeSent],
        by: &Actor,
    ) -> Result<(Option<Obligation>, Option<Owing>), RespondError> {
        let known = tx.obligation_of(&incident.id, &customer.id).await?;
        let taken_back = known
            .as_ref()
            .is_some_and(|known| is_taken_back(withdrawn, known));
        let owing = incident.owing(customer, known.as_ref(), taken_back, by, self.now());
        Ok((known, owing))
    }

    /// The confirmation was reversed: nothing is owed any more. Who was told stays told.
    async fn end_all(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        by: &Actor,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        let mut ended = Vec::new();
        for customer in incident.affected.keys() {
            let Some(mut known) = tx.obligation_of(&incident.id, customer).await? else {
                continue;
            };
            let why = "the confirmation was reversed by two people";
            if change(tx, &mut known, |o| o.end(why, by, self.now())).await? {
                ended.push(known);
            }
        }
        self.record_obligations(tx, by, "obligation.ended", &ended)
            .await?;
        if ended.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let text = format!(
            "{} ended: the confirmation was reversed by two people",
            counted(ended.len(), "obligation")
        );
        Ok(vec![incident.entry(
            EntryKind::ObligationChanged,
            now,
            now,
            by,
            text,
        )])
    }

    async fn record_obligations(
        &self,
        tx: &mut Tx,
        by: &Actor,
        action: &'static str,
        obligations: &[Obligation],
    ) -> Result<(), RespondError> {
        for obligation in obligations {
            let counted_on = obligation.counted_on.last().map(Basis::sha256);
            let detail = json!({"customer": obligation.customer, "rule": obligation.rule, "round": obligation.round(), "due_at": obligation.deadline.due_at, "counted_on": counted_on, "version": obligation.version});
            self.record(tx, by, action, obligation.id.as_str(), detail)
                .await?;
        }
        Ok(())
    }

    fn say_obligations(
        &self,
        incident: &Incident,
        (begun, moved, ended): (&[Obligation], &[Obligation], &[Obligation]),
        by: &Actor,
    ) -> Vec<TimelineEntry> {
        let now = self.now();
        let mut entries = Vec::new();
        if let Some(first) = begun.iter().map(|o| o.deadline.due_at).min() {
            let text = format!(
                "{} must be told; the first deadline is {}. The holding notice is rendered and goes by itself if nobody acts",
                words::customers(begun.len()),
                second(first)
            );
            entries.push(incident.entry(EntryKind::ObligationChanged, now, now, by, text));
        }
        let anew = begun.iter().filter(|owed| owed.again.is_some()).count();
        if anew > 0 {
            let text = format!(
                "{} of them had been told before; that was withdrawn, so that they are owed anew, and what was owed before stays in the record",
                words::customers(anew)
            );
            entries.push(incident.entry(EntryKind::ObligationChanged, now, now, by, text));
        }
        if let Some(first) = moved.iter().map(|o| o.deadline.due_at).min() {
            let before = moved.iter().filter_map(|o| o.deadline.before.last());
            let before = before
                .map(|before| before.due_at)
                .min()
                .map_or(String::new(), |due_at| format!(" instead of {}", second(due_at)));
            let text = format!(
                "The clocks of {} count from another instant; the first deadline is {}{before}",
                words::customers(moved.len()),
                second(first)
            );
            entries.push(incident.entry(EntryKind::ObligationChanged, now, now, by, text));
        }
        if !ended.is_empty() {
            let text = format!(
                "{} ended: cleared, so that nothing is owed",
                counted(ended.len(), "obligation")
            );
            entries.push(incident.entry(EntryKind::ObligationChanged, now, now, by, text));
        }
        entries
    }

    /// By when the suspicion must be decided on, where contracts of customers on the list count from before a confirmation.
    pub(crate) async fn decision_wanted_by(
        &self,
        tx: &mut Tx,
        incident: &Incident,
    ) -> Result<Option<DateTime<Utc>>, RespondError> {
        let affected = incident.affected.iter();
        let ids: Vec<CustomerId> = affected
            .filter(|(_, affected)| affected.standing.told())
            .map(|(id, _)| id.clone())
            .collect();
        let moments = incident.moments_in_force();
        let customers = tx.customers_by_ids(&ids).await?;
        let wanted = customers
            .iter()
            .filter_map(|customer| customer.decision_wanted_by(&moments));
        Ok(wanted.min())
    }
}

/// Letters that took back what customers of an incident had been told.
pub(crate) async fn withdrawals(tx: &mut Tx, incident: &Incident) -> Result<Vec<NoticeSent>, RespondError> {
    let notices = tx.notices_of(&incident.id).await?;
    if notices.iter().all(|notice| notice.kind != NoticeKind::Withdrawn) {
        return Ok(Vec::new());
    }
    let mut sent = tx.notices_sent(&incident.id).await?;
    sent.retain(|letter| letter.kind == NoticeKind::Withdrawn);
    Ok(sent)
}

/// Whether a letter took back what was owed here.
fn is_taken_back(withdrawn: &[NoticeSent], owed: &Obligation) -> bool {
    let mut letters = withdrawn.iter();
    letters.any(|letter| letter.customer == owed.customer && owed.has(letter.obligation.as_ref()))
}

/// Keeps what is decided about an obligation, if anything changes; says whether it did.
async fn change(
    tx: &mut Tx,
    obligation: &mut Obligation,
    decide: impl FnOnce(Obligation) -> Option<Obligation>,
) -> Result<bool, RespondError> {
    let Some(changed) = decide(obligation.clone()) else {
        return Ok(false);
    };
    tx.update_obligation(&changed, obligation.version).await?;
    *obligation = changed;
    Ok(true)
}
