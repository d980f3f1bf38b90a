//! Incidents with their gap-free numbers, and the timeline that is only ever added to.

use crate::body::{count, found, pattern, read, read_all, write};
use crate::commitments::WRITTEN;
use crate::page::{Page, PageRequest};
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::NewRecord;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Incident, Phase, Severity, TimelineEntry};
use watchkeeper_domain::matter::MatterId;

const INCIDENT: &str = "incident";
const PROBE: (&str, &str) = (INCIDENT, "SELECT version FROM incident WHERE id = $1");

/// Which incidents are wanted; an empty list and `None` stand for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Those that are not closed, or those that are.
    pub open: Option<bool>,
    /// How bad.
    pub severities: Vec<Severity>,
    /// Where the response stands.
    pub phases: Vec<Phase>,
    /// A part of title, codename or reference, in any case.
    pub text: Option<String>,
}

/// How many incidents are open, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct IncidentCounts {
    /// Customers' data or the whole service is at stake.
    pub sev1: u64,
    /// Customers are or may be harmed.
    pub sev2: u64,
    /// Something is impaired.
    pub sev3: u64,
    /// A nuisance.
    pub sev4: u64,
}

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, incident: &Incident) -> Result<Statement, StoreError> {
    let search = format!(
        "{}\n{}\n{}",
        incident.title,
        incident.codename,
        incident.reference()
    );
    Ok(statement
        .bind(&incident.id)
        .bind(incident.number)
        .bind(incident.version)
        .bind(search.to_lowercase())
        .bind(incident.severity.name())
        .bind(incident.phase.name())
        .bind(incident.phase != Phase::Closed)
        .bind(micros(incident.opened_at))
        .bind(micros(incident.last_alert_at))
        .bind(incident.next_due_at())
        .bind(write(INCIDENT, incident.id.as_str(), incident)?)
        .bind(incident.drill))
}

impl Tx {
    /// Keeps a new incident and gives it the next number. The number is taken back with the transaction, so none is ever missing.
    pub async fn insert_incident(&mut self, mut incident: Incident) -> Result<Incident, StoreError> {
        let next = sql("UPDATE counter SET value = value + 1 WHERE name = 'incident' RETURNING value");
        incident.number = self.one::<(i64,)>(next).await?.0;
        let insert = sql(
            "INSERT INTO incident (id, number, version, search, severity, phase, is_open, opened_at, \
             last_alert_at, next_due_at, body, drill) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        );
        self.execute(columns(insert, &incident)?).await?;
        Ok(incident)
    }

    /// An incident, or [`StoreError::NotFound`].
    pub async fn incident(&mut self, id: &IncidentId) -> Result<Incident, StoreError> {
        found(self.incident_opt(id).await?, INCIDENT, id.as_str())
    }

    /// An incident, if there is one with this id.
    pub async fn incident_opt(&mut self, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM incident WHERE id = $1").bind(id));
        row.await?
            .map(|(body,)| read(INCIDENT, id.as_str(), &body))
            .transpose()
    }

    /// The incident that people call by this number, if there is one.
    pub async fn incident_by_number(&mut self, number: i64) -> Result<Option<Incident>, StoreError> {
        let row = sql("SELECT id, body FROM incident WHERE number = $1").bind(number);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(INCIDENT, &id, &body)).transpose()
    }

    /// The numbers of the incidents that were opened at or after `from` and before `until`, in order; drills are none of them.
    pub async fn incident_numbers(
        &mut self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = sql(
            "SELECT number FROM incident WHERE opened_at >= $1 AND opened_at < $2 AND drill = 0 ORDER BY number",
        )
        .bind(from)
        .bind(until);
        let rows = self.all::<(i64,)>(rows).await?;
        Ok(rows.into_iter().map(|(number,)| number).collect())
    }

    /// Which numbers from `first` to `last` are those of drills, in order.
    pub async fn drill_numbers(&mut self, first: i64, last: i64) -> Result<Vec<i64>, StoreError> {
        let rows = sql(
            "SELECT number FROM incident WHERE drill = 1 AND number >= $1 AND number <= $2 ORDER BY number",
        )
        .bind(first)
        .bind(last);
        let rows = self.all::<(i64,)>(rows).await?;
        Ok(rows.into_iter().map(|(number,)| number).collect())
    }

    /// The drill that was closed last and is closed still.
    pub async fn last_closed_drill(&mut self) -> Result<Option<Incident>, StoreError> {
        let rows = sql("SELECT id, body FROM incident WHERE drill = 1 AND is_open = 0");
        let closed: Vec<Incident> = read_all(INCIDENT, self.all(rows).await?)?;
        Ok(closed
            .into_iter()
            .max_by_key(|drill| (drill.closed_at, drill.number)))
    }

    /// Which numbers from `first` to `last` no incident has, in order: none, unless somebody took incidents out of the database.
    pub async fn missing_incident_numbers(&mut self, first: i64, last: i64) -> Result<Vec<i64>, StoreError> {
        let rows = sql("SELECT number FROM incident WHERE number >= $1 AND number <= $2 ORDER BY number")
            .bind(first)
            .bind(last);
        let there: BTreeSet<i64> = self
            .all::<(i64,)>(rows)
            .await?
            .into_iter()
            .map(|(n,)| n)
            .collect();
        Ok((first..=last).filter(|number| !there.contains(number)).collect())
    }

    /// The number that was given last; 0 before the first incident.
    pub async fn last_incident_number(&mut self) -> Result<i64, StoreError> {
        let row = sql("SELECT value FROM counter WHERE name = 'incident'");
        Ok(self.one::<(i64,)>(row).await?.0)
    }

    /// Keeps a changed incident, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_incident(
        &mut self,
        incident: &Incident,
        read_version: i64,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE incident SET number = $2, version = $3, search = $4, severity = $5, phase = $6, \
             is_open = $7, opened_at = $8, last_alert_at = $9, next_due_at = $10, body = $11, drill = $12 \
             WHERE id = $1 AND version = $13",
        );
        let changed = self
            .execute(columns(update, incident)?.bind(read_version))
            .await?;
        self.must_have_changed(changed, PROBE, incident.id.as_str(), read_version)
            .await
    }

    /// A page of incidents, the newest first.
    pub async fn incidents(
        &mut self,
        filter: &IncidentFilter,
        page: &PageRequest,
    ) -> Result<Page<Incident>, StoreError> {
        let mut rows = sql("SELECT opened_at, id, body FROM incident WHERE 1 = 1");
        if let Some(open) = filter.open {
            rows = rows.and(" AND is_open = ").value(open);
        }
        if !filter.severities.is_empty() {
            rows = rows
                .and(" AND severity IN ")
                .list(filter.severities.iter().map(|s| s.name()));
        }
        if !filter.phases.is_empty() {
            rows = rows
                .and(" AND phase IN ")
                .list(filter.phases.iter().map(|p| p.name()));
        }
        if let Some(text) = filter.text.as_deref().filter(|text| !text.trim().is_empty()) {
            rows = rows.and(" AND search LIKE ").value(pattern(text));
            rows = rows.and(" ESCAPE '\\'");
        }
        if let Some((opened_at, id)) = page.key::<(i64, String)>("incidents")? {
            rows = rows.and(" AND (opened_at, id) < (").value(opened_at);
            rows = rows.and(", ").value(id).and(")");
        }
        let rows = rows
            .and(" ORDER BY opened_at DESC, id DESC LIMIT ")
            .value(page.rows());
        let rows = self.all::<(i64, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "incidents",
            |row| (row.0, row.1.clone()),
            |(_, id, body)| read(INCIDENT, &id, &body),
        )
    }

    /// Incidents that an alert may join: not closed, no drills, and their last event not before `since`. The one with the newest event
    /// first.
    pub async fn joinable_incidents(&mut self, since: DateTime<Utc>) -> Result<Vec<Incident>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM incident WHERE is_open = 1 AND drill = 0 AND last_alert_at >= $1 \
             ORDER BY last_alert_at DESC, id DESC",
        )
        .bind(since);
        read_all(INCIDENT, self.all(rows).await?)
    }

    /// Incidents with a timer that has run out by `now`, the longest overdue first.
    pub async fn incidents_due(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Incident>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM incident WHERE next_due_at IS NOT NULL AND next_due_at <= $1 \
             ORDER BY next_due_at, id LIMIT $2",
        )
        .bind(now)
        .bind(limit);
        read_all(INCIDENT, self.all(rows).await?)
    }

    /// When the next timer of any incident runs out.
    pub async fn next_timer_at(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sql("SELECT MIN(next_due_at) FROM incident WHERE next_due_at IS NOT NULL");
        self.one::<(Option<i64>,)>(row).await?.0.map(instant).transpose()
    }

    /// How many incidents are open, by severity; drills do not count.
    pub async fn open_incident_counts(&mut self) -> Result<IncidentCounts, StoreError> {
        let rows =
            sql("SELECT severity, COUNT(*) FROM incident WHERE is_open = 1 AND drill = 0 GROUP BY severity");
        let mut counts = IncidentCounts::default();
        for (severity, n) in self.all::<(String, i64)>(rows).await? {
            match severity.as_str() {
                "sev1" => counts.sev1 = count(n),
                "sev2" => counts.sev2 = count(n),
                "sev3" => counts.sev3 = count(n),
                _ => counts.sev4 += count(n),
            }
        }
        Ok(counts)
    }

    /// Every incident that is not closed and no drill, the newest first.
    pub async fn all_open_incidents(&mut self) -> Result<Vec<Incident>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM incident WHERE is_open = 1 AND drill = 0 ORDER BY opened_at DESC, id DESC",
        );
        read_all(INCIDENT, self.all(rows).await?)
    }

    /// These incidents, in no particular order; ids that name none are passed over.
    pub async fn incidents_by_ids(&mut self, ids: &[IncidentId]) -> Result<Vec<Incident>, StoreError> {
        let mut incidents = Vec::new();
        for chunk in ids.chunks(500) {
            let rows = sql("SELECT id, body FROM incident WHERE id IN ").list(chunk);
            incidents.extend(read_all(INCIDENT, self.all(rows).await?)?);
        }
        Ok(incidents)
    }

    /// Adds to timelines, in this order, with a record for each timeline that commits to what was written: an entry that is changed,
    /// removed or put in past the log is found by [`crate::Store::verify_audit`].
    pub async fn append_entries(&mut self, entries: &[TimelineEntry]) -> Result<(), StoreError> {
        for of_one in entries.chunk_by(|a, b| a.matter == b.matter) {
            let commitments: BTreeMap<&str, String> = of_one
                .iter()
                .map(|entry| (entry.id.as_str(), entry.commitment()))
                .collect();
            let record = NewRecord {
                actor: Actor::worker("timeline"),
                action: WRITTEN,
                subject: of_one[0].matter.as_str().to_owned(),
                detail: json!({"entries": commitments}),
            };
            self.record(&record, of_one[0].recorded_at).await?;
        }
        for entry in entries {
            let insert =
                sql("INSERT INTO timeline_entry (id, matter, recorded_at, body) VALUES ($1, $2, $3, $4)")
                    .bind(&entry.id)
                    .bind(&entry.matter)
                    .bind(entry.recorded_at)
                    .bind(write("timeline entry", entry.id.as_str(), entry)?);
            self.execute(insert).await?;
        }
        Ok(())
    }

    /// At most `limit` entries of the timeline of an incident or a change behind a place, in the order they were recorded, each with its place. Places
    /// begin after `(i64::MIN, 0)`.
    pub async fn timeline_after(
        &mut self,
        matter: impl Into<MatterId>,
        (recorded_at, position): (i64, i64),
        limit: u32,
    ) -> Result<Vec<((i64, i64), TimelineEntry)>, StoreError> {
        let rows = sql(
            "SELECT recorded_at, position, id, body FROM timeline_entry WHERE matter = $1 \
             AND (recorded_at, position) > ($2, $3) ORDER BY recorded_at, position LIMIT $4",
        )
        .bind(&matter.into())
        .bind(recorded_at)
        .bind(position)
        .bind(limit);
        let rows = self.all::<(i64, i64, String, String)>(rows).await?;
        rows.into_iter()
            .map(|(at, position, id, body)| Ok(((at, position), read("timeline entry", &id, &body)?)))
            .collect()
    }

    /// A page of the timeline of an incident or a change, what was recorded last first.
    pub async fn timeline(
        &mut self,
        matter: impl Into<MatterId>,
        page: &PageRequest,
    ) -> Result<Page<TimelineEntry>, StoreError> {
        let mut rows = sql("SELECT recorded_at, position, id, body FROM timeline_entry WHERE matter = ")
            .value(&matter.into());
        if let Some((recorded_at, position)) = page.key::<(i64, i64)>("timeline")? {
            rows = rows.and(" AND (recorded_at, position) < (").value(recorded_at);
            rows = rows.and(", ").value(position).and(")");
        }
        let rows = rows
            .and(" ORDER BY recorded_at DESC, position DESC LIMIT ")
            .value(page.rows());
        let rows = self.all::<(i64, i64, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "timeline",
            |row| (row.0, row.1),
            |(_, _, id, body)| read("timeline entry", &id, &body),
        )
    }
}
