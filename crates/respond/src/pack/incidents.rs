//! Which incidents there were, what happened in each, whom they were about, and who the people are.

use super::{Pack, Scope};
use crate::desk::RespondError;
use crate::table::{Table, at, cell, shown, yes};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::io::{Seek, Write};
use watchkeeper_domain::access::User;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::detection::TenantTrace;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::{Affected, Disclosure, Incident, Standing};
use watchkeeper_domain::matter::MatterId;

/// Why a number has no incident in the list.
const MISSING: &str = "MISSING: no incident has this number, though numbers are given without gaps";
/// Why an incident is not told of among what really happened.
const DRILL: &str = "DRILL: nothing happened; the pack of this reference tells of it";

/// What the list says of a number.
enum Row {
    Told,
    Missing,
    Drill,
}

/// How many entries of a timeline are read at a time.
const ENTRIES: u32 = 1_000;

/// The decision on the disclosure: as of when, by whom, why.
fn decision(
    disclosure: &Disclosure,
) -> (
    Option<DateTime<Utc>>,
    Option<&watchkeeper_domain::actor::Actor>,
    &str,
) {
    match disclosure {
        Disclosure::None => (None, None, ""),
        Disclosure::Suspected { by, at, why, .. }
        | Disclosure::Confirmed { by, at, why, .. }
        | Disclosure::Rejected { by, at, why, .. } => (Some(*at), Some(by), why),
    }
}

/// How a customer stood at an instant, by the changes that were recorded until then.
fn standing_at(affected: &Affected, instant: DateTime<Utc>) -> Option<Standing> {
    let mut until = affected.changes.iter().rev();
    until.find(|change| change.at <= instant).map(|change| change.to)
}

impl<W: Write + Seek + Send> Pack<'_, W> {
    /// Everybody with an account, by the id that records have for them.
    pub(super) fn write_people(&mut self, users: &[User]) -> Result<(), RespondError> {
        let columns = ["id", "name", "email", "roles", "created_at", "closed_at"];
        let mut table = Table::new(self.archive.begin("people.csv")?, &columns)?;
        for user in users {
            let roles: Vec<String> = user
                .roles
                .iter()
                .filter_map(|role| serde_json::to_value(role).ok()?.as_str().map(str::to_owned))
                .collect();
            table.row([
                shown(&user.id),
                cell(&user.name),
                cell(&user.email),
                shown(roles.join(" ")),
                at(Some(user.created_at)),
                at(user.closed_at),
            ])?;
        }
        table.end()
    }

    /// Every incident of the scope, in the order of the numbers, with a row for each number that no incident has.
    pub(super) async fn write_incidents(&mut self, scope: Scope) -> Result<(), RespondError> {
        let mut all: BTreeMap<i64, Row> = self.numbers.iter().map(|number| (*number, Row::Told)).collect();
        if let Some((first, last)) = self.bounds(scope).await? {
            let missing = self.tx.missing_incident_numbers(first, last).await?;
            all.extend(missing.into_iter().map(|number| (number, Row::Missing)));
            // A drill by its own reference is told of; among what really happened it only has its number.
            for drill in self.tx.drill_numbers(first, last).await? {
                all.entry(drill).or_insert(Row::Drill);
            }
        }
        self.archive.begin("incidents.csv")?;
        let columns = [
            "number",
            "reference",
            "id",
            "title",
            "severity",
            "phase",
            "drill",
            "opened_at",
            "opened_by",
            "closed_at",
            "alerts",
            "disposition",
            "decided_at",
            "decided_by",
            "reason",
            "customers_confirmed",
            "customers_possible",
            "customers_cleared",
        ];
        Table::new(&mut self.archive, &columns)?.end()?;
        for (number, row) in all {
            match row {
                Row::Told => {
                    let incident = self.incident(number).await?;
                    self.incident_row(&incident)?;
                }
                Row::Missing => self.gap_row(number, columns.len(), MISSING)?,
                Row::Drill => self.gap_row(number, columns.len(), DRILL)?,
            }
        }
        Ok(())
    }

    /// The first and the last number that the list must account for; where the scope is all time, from number 1 to the number that was
    /// given last.
    async fn bounds(&mut self, scope: Scope) -> Result<Option<(i64, i64)>, RespondError> {
        if scope == Scope::Period(watchkeeper_domain::register::Period::ALWAYS) {
            return Ok(Some((1, self.tx.last_incident_number().await?)));
        }
        let bounds = self.numbers.first().copied().zip(self.numbers.last().copied());
        Ok(bounds)
    }

    fn gap_row(&mut self, number: i64, columns: usize, why: &str) -> Result<(), RespondError> {
        let mut row = vec![cell(""); columns];
        row[0] = shown(number);
        row[1] = shown(format!("INC-{number:04}"));
        row[3] = cell(why);
        Table::more(&mut self.archive).row(row)
    }

    fn incident_row(&mut self, incident: &Incident) -> Result<(), RespondError> {
        let (decided_at, by, why) = decision(&incident.disclosure);
        let listed = |wanted: Standing| {
            let listed = incident.affected.values();
            shown(listed.filter(|affected| affected.standing == wanted).count())
        };
        let row = [
            shown(incident.number),
            shown(incident.reference()),
            shown(&incident.id),
            cell(&incident.title),
            cell(incident.severity.name()),
            cell(incident.phase.name()),
            yes(incident.drill),
            at(Some(incident.opened_at)),
            shown(self.called(&incident.opened_by)),
            at(incident.closed_at),
            shown(incident.alerts),
            shown(disposition(incident)),
            at(decided_at),
            shown(by.map(|by| self.called(by)).unwrap_or_default()),
            cell(why),
            listed(Standing::Confirmed),
            listed(Standing::Possible),
            listed(Standing::Cleared),
        ];
        Table::more(&mut self.archive).row(row)
    }

    /// Every entry of every timeline, in the order they were recorded.
    pub(super) async fn write_timelines(&mut self) -> Result<(), RespondError> {
        let mut ids: Vec<MatterId> = self.ids().await?.iter().map(MatterId::from).collect();
        ids.extend(self.changes.iter().map(|change| MatterId::from(&change.id)));
        self.archive.begin("timeline.jsonl")?;
        for (done, id) in ids.iter().enumerate() {
            self.tell("timelines", done, ids.len());
            let mut place = (i64::MIN, 0);
            loop {
                let entries = self.tx.timeline_after(id, place, ENTRIES).await?;
                let Some((last, _)) = entries.last() else {
                    break;
                };
                place = *last;
                for (_, entry) in &entries {
                    self.archive.line(entry)?;
                }
            }
        }
        Ok(())
    }

    /// The list of customers for each confirmation: who was a customer then, and how each stood.
    pub(super) async fn write_customers(&mut self) -> Result<(), RespondError> {
        let customers = self.tx.all_customers().await?;
        self.archive.begin("customers-at.csv")?;
        let columns = [
            "incident",
            "as_of",
            "customer_id",
            "key",
            "customer",
            "tenants",
            "contract",
            "notify_within",
            "customer_since",
            "changed_since",
            "standing_then",
            "standing_now",
            "evidence",
        ];
        Table::new(&mut self.archive, &columns)?.end()?;
        for number in self.numbers.clone() {
            let incident = self.incident(number).await?;
            if let Disclosure::Confirmed { recorded_at, .. } = incident.disclosure {
                let known = customers
                    .iter()
                    .filter(|c| c.created_at <= recorded_at || incident.affected.contains_key(&c.id));
                for customer in known {
                    self.customer_row(&incident, recorded_at, customer)?;
                }
            }
        }
        Ok(())
    }

    fn customer_row(
        &mut self,
        incident: &Incident,
        as_of: DateTime<Utc>,
        customer: &Customer,
    ) -> Result<(), RespondError> {
        let affected = listed(incident, &customer.id);
        let tenants: Vec<&str> = customer.tenants.iter().map(String::as_str).collect();
        let then = affected.and_then(|affected| standing_at(affected, as_of));
        let row = [
            shown(incident.reference()),
            at(Some(as_of)),
            shown(&customer.id),
            cell(&customer.key),
            cell(&customer.name),
            shown(tenants.join(" ")),
            cell(&customer.contract),
            shown(customer.limit()),
            at(Some(customer.created_at)),
            at(Some(customer.updated_at).filter(|changed| *changed > as_of)),
            cell(then.map_or("not on the list", Standing::name)),
            cell(affected.map_or("not on the list", |affected| affected.standing.name())),
            shown(
                affected
                    .map(|affected| self.evidence(affected))
                    .unwrap_or_default(),
            ),
        ];
        Table::more(&mut self.archive).row(row)
    }

    fn evidence(&self, affected: &Affected) -> String {
        let changes = affected.changes.iter().map(|change| {
            let by = self.called(&change.by);
            format!(
                "{} {} by {by}: {}",
                crate::table::instant(change.at),
                change.to.name(),
                change.evidence
            )
        });
        let traces = affected.traces.iter().map(|(tenant, trace)| {
            format!(
                "{} name {tenant}, from {} to {}, the first is {} of {}",
                events_of(trace),
                crate::table::instant(trace.first_at),
                crate::table::instant(trace.last_at),
                trace.first_event.1,
                trace.first_event.0.0
            )
        });
        changes.chain(traces).collect::<Vec<_>>().join("\n")
    }
}

/// How many events name a tenant; where several detectors may have counted the same ones, from how many to how many.
fn events_of(trace: &TenantTrace) -> String {
    match trace.at_most {
        Some(most) => format!("{} to {most} events", trace.events),
        None => format!("{} events", trace.events),
    }
}

fn listed<'i>(incident: &'i Incident, customer: &CustomerId) -> Option<&'i Affected> {
    incident.affected.get(customer)
}

/// What became of an incident, in words.
fn disposition(incident: &Incident) -> String {
    let work = if incident.closed_at.is_some() {
        "closed"
    } else {
        "open"
    };
    let disclosure = match &incident.disclosure {
        Disclosure::None => "no disclosure was suspected",
        Disclosure::Suspected { .. } => "a disclosure is suspected and not decided",
        Disclosure::Confirmed { .. } => "a disclosure is confirmed",
        Disclosure::Rejected { reversed: None, .. } => "a suspected disclosure was rejected",
        Disclosure::Rejected {
            reversed: Some(_), ..
        } => "a confirmed disclosure was reversed by two people",
    };
    format!("{work}; {disclosure}")
}
