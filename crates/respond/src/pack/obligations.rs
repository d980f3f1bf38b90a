//! What was owed by when, and what became of it: the promises to customers, and the clocks of law.

use super::Pack;
use crate::desk::RespondError;
use crate::table::{Table, at, cell, instant, shown};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::{Seek, Write};
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::obligation::rule::{ObligationRule, Phase, PhaseDue, Start};
use watchkeeper_domain::obligation::{Obligation, ObligationState};

const COLUMNS: [&str; 17] = [
    "incident",
    "obligation",
    "rule",
    "phase",
    "round",
    "owed_to",
    "started_at",
    "due_at",
    "arithmetic",
    "state",
    "told_at",
    "on_time",
    "reference",
    "missed_at",
    "reason",
    "own_target_at",
    "own_target_met",
];

impl<W: Write + Seek + Send> Pack<'_, W> {
    pub(super) async fn write_obligations(&mut self) -> Result<(), RespondError> {
        self.archive.begin("obligations.csv")?;
        Table::new(&mut self.archive, &COLUMNS)?.end()?;
        let numbers = self.numbers.clone();
        let mut by_hand = Vec::new();
        let mut contracts = Vec::new();
        for (done, number) in numbers.iter().enumerate() {
            self.tell("obligations", done, numbers.len());
            let incident = self.incident(*number).await?;
            let owed = self.tx.obligations_of(&incident.id).await?;
            let ids: Vec<_> = owed.iter().map(|o| o.customer.clone()).collect();
            let customers = self.tx.customers_by_ids(&ids).await?;
            for obligation in &owed {
                let customer = customers.iter().find(|c| c.id == obligation.customer);
                self.promise_row(&incident, obligation, customer)?;
                contracts.push(counted(&incident, obligation, customer));
                by_hand.extend(obligation.by_hand.iter().map(|telling| {
                    json!({
                        "incident": incident.reference(),
                        "obligation": obligation.id,
                        "customer": customer.map_or("", |customer| &customer.key),
                        "written_down_by": self.called(&telling.by),
                        "in_time": telling.told_at <= obligation.deadline.due_at,
                        "telling": telling,
                    })
                }));
            }
            self.law_rows(&incident)?;
        }
        self.archive.begin("told-by-hand.jsonl")?;
        for telling in &by_hand {
            self.archive.line(telling)?;
        }
        self.archive.begin("contracts.jsonl")?;
        for contract in &contracts {
            self.archive.line(contract)?;
        }
        Ok(())
    }

    fn promise_row(
        &mut self,
        incident: &Incident,
        obligation: &Obligation,
        customer: Option<&Customer>,
    ) -> Result<(), RespondError> {
        let (told_at, on_time, notice) = match &obligation.state {
            ObligationState::Told { at, notice, in_time } => (Some(*at), Some(*in_time), notice.to_string()),
            ObligationState::Running | ObligationState::Missed { .. } | ObligationState::Ended { .. } => {
                (None, None, String::new())
            }
        };
        let miss = obligation.miss();
        // However it ended, a deadline that was missed was not kept.
        let on_time = on_time.or_else(|| miss.is_some().then_some(false));
        let missed_at = miss.as_ref().map(|miss| miss.at);
        let missed = miss.map(|miss| match miss.why {
            Some(why) => format!(
                "missed: {} ({}, {})",
                why.text,
                self.called(&why.by),
                instant(why.at)
            ),
            None => "missed: no reason was given yet".to_owned(),
        });
        let ended = match &obligation.state {
            ObligationState::Ended { at, by, why } => {
                Some(format!("ended: {why} ({}, {})", self.called(by), instant(*at)))
            }
            _ => None,
        };
        let reason = missed.into_iter().chain(ended).collect::<Vec<_>>().join("; ");
        let row = [
            shown(incident.reference()),
            shown(&obligation.id),
            cell(&obligation.rule),
            cell("notice"),
            shown(obligation.round()),
            customer.map_or_else(
                || shown(&obligation.customer),
                |customer| shown(format!("{} ({})", customer.name, customer.key)),
            ),
            at(Some(obligation.deadline.from)),
            at(Some(obligation.deadline.due_at)),
            cell(&obligation.deadline.explanation),
            cell(obligation.state.name()),
            at(told_at),
            in_time(on_time),
            shown(notice),
            at(missed_at),
            shown(reason),
            at(None),
            cell(""),
        ];
        Table::more(&mut self.archive).row(row)
    }

    fn law_rows(&mut self, incident: &Incident) -> Result<(), RespondError> {
        let library = &self.desk.house.library;
        for rule in incident.bound_by(&library.rules) {
            let Some(calendar) = library.calendars.get(&rule.jurisdiction) else {
                continue;
            };
            let situation = incident.situation(&rule.id);
            for (phase, due) in rule.due(&situation, calendar) {
                self.law_row(incident, rule, phase, &due)?;
            }
        }
        Ok(())
    }

    fn law_row(
        &mut self,
        incident: &Incident,
        rule: &ObligationRule,
        phase: &Phase,
        due: &PhaseDue,
    ) -> Result<(), RespondError> {
        let (since, arithmetic) = reckoned(due);
        let submissions = incident.submissions.get(&rule.id);
        let submission = submissions.and_then(|phases| phases.get(&phase.id));
        let aside = incident.set_aside.get(&rule.id);
        let state = match (submission, aside) {
            (Some(_), _) => "submitted",
            (None, Some(_)) => "set aside",
            (None, None) if matches!(due, PhaseDue::Waits { .. }) => "waits",
            (None, None) => "running",
        };
        let aside = aside.map(|aside| {
            format!(
                "{} ({}, {})",
                aside.why,
                self.called(&aside.by),
                instant(aside.at)
            )
        });
        let pauses = incident.pauses.get(&rule.id).into_iter().flatten();
        let pauses = pauses.map(|pause| {
            let stands = pause.standstill();
            format!(
                "stood from {} until {}: {}; on file: {} ({}, {})",
                instant(stands.from),
                instant(stands.until),
                pause.reason,
                pause.evidence,
                self.called(&pause.by),
                instant(pause.recorded_at)
            )
        });
        let reasons: Vec<String> = aside.into_iter().chain(pauses).collect();
        let told_at = submission.map(|submission| submission.at);
        let row = [
            shown(incident.reference()),
            cell(""),
            cell(&rule.id),
            cell(&phase.id),
            cell(""),
            cell(&rule.recipients),
            at(since),
            at(due.due_at()),
            shown(arithmetic),
            cell(state),
            at(told_at),
            in_time(told_at.zip(due.due_at()).map(|(told, due)| told <= due)),
            cell(submission.map_or("", |submission| &submission.reference)),
            at(None),
            shown(reasons.join("; ")),
            at(due.target_at()),
            in_time(told_at.zip(due.target_at()).map(|(told, target)| told <= target)),
        ];
        Table::more(&mut self.archive).row(row)
    }
}

/// What the deadline of an obligation was counted on, each time, and what the contract says today; an older version kept nothing of the
/// first.
fn counted(incident: &Incident, obligation: &Obligation, customer: Option<&Customer>) -> Value {
    let today = customer.map(|customer| {
        json!({
            "reference": customer.contract,
            "notify_within": customer.notify_within,
            "terms": customer.terms,
            "customer_version": customer.version,
        })
    });
    json!({
        "incident": incident.reference(),
        "incident_id": incident.id,
        "obligation": obligation.id,
        "round": obligation.round(),
        "customer": customer.map_or("", |customer| &customer.key),
        "kept": !obligation.counted_on.is_empty(),
        "counted_on": obligation.counted_on,
        "contract_today": today,
    })
}

fn in_time<'c>(on_time: Option<bool>) -> Cow<'c, str> {
    on_time.map_or(cell(""), crate::table::yes)
}

/// Since when the clock runs, and how its end was counted.
fn reckoned(due: &PhaseDue) -> (Option<chrono::DateTime<chrono::Utc>>, String) {
    match due {
        PhaseDue::Waits { until } => {
            let until: Vec<String> = until.iter().map(Start::to_string).collect();
            (None, format!("waits for {}", until.join(" or ")))
        }
        PhaseDue::Asap { since, .. } => (Some(*since), "as soon as possible".to_owned()),
        PhaseDue::By { since, readings, .. } => {
            let readings: Vec<&str> = readings
                .iter()
                .map(|reading| reading.arithmetic.as_str())
                .collect();
            (Some(*since), readings.join("\n"))
        }
    }
}
