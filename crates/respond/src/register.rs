//! The register of breaches (GDPR Art. 33(5)), read from the records and written for an authority.

use crate::desk::{Desk, RespondError};
use crate::pack::called;
use crate::table::{Table, at, cell, instant, shown};
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{IncidentId, UserId};
use watchkeeper_domain::incident::{AssessedSeverity, EntryKind, NEVER_SUPPRESSES, TimelineEntry};
use watchkeeper_domain::register::{NOT_YET_KNOWN, Period, RegisterEntry};
use watchkeeper_store::Tx;

/// The name of the register's file.
pub const REGISTER: &str = "register.csv";

/// How many entries of a timeline are read at a time.
const ENTRIES: u32 = 1_000;

const COLUMNS: [&str; 26] = [
    "reference",
    "title",
    "state",
    "occurred_at",
    "detected_at",
    "suspected_at",
    "aware_at",
    "confirmed_at",
    "decided_by",
    "reason",
    "facts",
    "information",
    "effects",
    "remedy",
    "severity_score",
    "severity_level",
    "severity_arithmetic",
    "customers_confirmed",
    "customers_possible",
    "customers_cleared",
    "told_in_time",
    "missed",
    "words_unapproved",
    "decisions",
    "incident",
    "as_of_version",
];

impl Desk {
    /// Every suspicion and breach of the incidents that were opened in a time, in the order of their numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn register(&self, period: Period) -> Result<Vec<RegisterEntry>, RespondError> {
        let mut tx = self.store.read().await?;
        let mut entries = Vec::new();
        for number in tx.incident_numbers(period.from, period.until).await? {
            entries.extend(entry(&mut tx, number).await?.map(|(entry, _)| entry));
        }
        Ok(entries)
    }

    /// The register as a table for people, and the record that `by` took it away.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn export_register(&self, period: Period, by: &Actor) -> Result<String, RespondError> {
        let mut tx = self.store.read().await?;
        let numbers = tx.incident_numbers(period.from, period.until).await?;
        let users = tx.users().await?;
        let people = users
            .into_iter()
            .map(|user| (user.id, format!("{} <{}>", user.name, user.email)))
            .collect();
        let mut bytes = Vec::new();
        let entries = write_register(&mut tx, &numbers, &people, &mut bytes).await?;
        drop(tx);
        self.register_left(period, entries, by).await?;
        String::from_utf8(bytes).map_err(crate::table::unwritten)
    }

    /// Records that somebody took the register away.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn register_left(
        &self,
        period: Period,
        entries: usize,
        by: &Actor,
    ) -> Result<(), RespondError> {
        let mut tx = self.begin().await?;
        let detail = json!({"scope": period, "entries": entries});
        self.record(&mut tx, by, "register.exported", "period", detail)
            .await?;
        self.commit(tx).await
    }
}

/// What the register says of incident `number`, and the version of the incident that says so.
async fn entry(tx: &mut Tx, number: i64) -> Result<Option<(RegisterEntry, i64)>, RespondError> {
    let Some(incident) = tx.incident_by_number(number).await? else {
        return Ok(None);
    };
    let notices = tx.notices_of(&incident.id).await?;
    let obligations = tx.obligations_of(&incident.id).await?;
    let decisions = decisions(tx, &incident.id).await?;
    let entry = RegisterEntry::of(&incident, &notices, &obligations, &decisions);
    Ok(entry.map(|entry| (entry, incident.version)))
}

/// What the timeline tells of the disclosure, the oldest first.
async fn decisions(tx: &mut Tx, incident: &IncidentId) -> Result<Vec<TimelineEntry>, RespondError> {
    let mut decisions = Vec::new();
    let mut place = (i64::MIN, 0);
    loop {
        let entries = tx.timeline_after(incident, place, ENTRIES).await?;
        let Some((last, _)) = entries.last() else {
            return Ok(decisions);
        };
        place = *last;
        let told = entries.into_iter().map(|(_, entry)| entry);
        decisions.extend(told.filter(|entry| entry.kind == EntryKind::DisclosureChanged));
    }
}

/// Writes the register of these incidents as a table; says how many entries it has.
pub(crate) async fn write_register<W: Write + Send>(
    tx: &mut Tx,
    numbers: &[i64],
    people: &BTreeMap<UserId, String>,
    mut to: W,
) -> Result<usize, RespondError> {
    Table::new(&mut to, &COLUMNS)?.end()?;
    let mut entries = 0;
    for number in numbers {
        if let Some((entry, version)) = entry(tx, *number).await? {
            Table::more(&mut to).row(row(&entry, version, people))?;
            entries += 1;
        }
    }
    Ok(entries)
}

fn row<'e>(entry: &'e RegisterEntry, version: i64, people: &BTreeMap<UserId, String>) -> [Cow<'e, str>; 26] {
    let known = |text: &'e Option<String>| cell(text.as_deref().unwrap_or(NOT_YET_KNOWN));
    let severity = entry.severity.as_ref();
    let decisions = entry.decisions.iter().map(|decision| {
        let by = called(people, &decision.by);
        format!("{} {by}: {}", instant(decision.recorded_at), decision.text)
    });
    [
        cell(&entry.reference),
        cell(&entry.title),
        cell(entry.state),
        at(entry.occurred_at),
        at(entry.detected_at),
        at(entry.suspected_at),
        at(entry.aware_at),
        at(entry.confirmed_at),
        shown(
            entry
                .decided_by
                .as_ref()
                .map(|by| called(people, by))
                .unwrap_or_default(),
        ),
        cell(&entry.reason),
        known(&entry.facts),
        known(&entry.information),
        known(&entry.effects),
        known(&entry.remedy),
        cell(severity.map_or(NOT_YET_KNOWN, |severity| &severity.score)),
        cell(severity.map_or("", |severity| severity.level)),
        shown(
            severity
                .map(|severity| assessed(severity, people))
                .unwrap_or_default(),
        ),
        shown(entry.customers_confirmed),
        shown(entry.customers_possible),
        shown(entry.customers_cleared),
        shown(entry.told_in_time),
        shown(entry.missed),
        shown(entry.words_unapproved),
        shown(decisions.collect::<Vec<_>>().join("\n")),
        shown(&entry.incident),
        shown(version),
    ]
}

/// How a score comes about, and who says so.
fn assessed(severity: &AssessedSeverity, people: &BTreeMap<UserId, String>) -> String {
    format!(
        "{}. {} ({}, {}). {NEVER_SUPPRESSES}",
        severity.arithmetic,
        severity.why,
        called(people, &severity.by),
        instant(severity.at)
    )
}
