//! The checkpoint: how far each source was read, and lines that no parser could read. They are written in the transaction that keeps
//! the alerts and what the detectors' state changed ([`crate::detector_state`]), so that after a crash the same events meet the same
//! state.

use crate::body::{read, write};
use crate::statement::{instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use watchkeeper_domain::event::SourceName;

/// How many unparsed lines are kept for each source; the count of all is part of the source's status.
pub const UNPARSED_KEPT: u32 = 1_000;

/// A line that no parser could read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unparsed {
    /// Where in the source it stands.
    pub position: String,
    /// The line as it came.
    pub line: String,
    /// Why it could not be read.
    pub reason: String,
    /// When it was read.
    pub at: DateTime<Utc>,
}

impl Tx {
    /// How far a source was read, in the source's own words; `None` before the first checkpoint.
    pub async fn cursor(&mut self, source: &SourceName) -> Result<Option<Json>, StoreError> {
        let row = sql("SELECT cursor FROM source_cursor WHERE source = $1").bind(source);
        let row = self.first::<(String,)>(row).await?;
        row.map(|(cursor,)| read("cursor of source", &source.0, &cursor))
            .transpose()
    }

    /// Keeps how far a source was read.
    pub async fn set_cursor(&mut self, source: &SourceName, cursor: &Json) -> Result<(), StoreError> {
        let upsert = sql("INSERT INTO source_cursor (source, cursor) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET cursor = excluded.cursor")
        .bind(source)
        .bind(write("cursor of source", &source.0, cursor)?);
        self.execute(upsert).await?;
        Ok(())
    }

    /// A source's counters.
    pub async fn source_status(&mut self, source: &SourceName) -> Result<Option<Json>, StoreError> {
        let row = sql("SELECT status FROM source_status WHERE source = $1").bind(source);
        let row = self.first::<(String,)>(row).await?;
        row.map(|(status,)| read("status of source", &source.0, &status))
            .transpose()
    }

    /// The counters of every source that ever had some, by name.
    pub async fn source_statuses(&mut self) -> Result<Vec<(SourceName, Json)>, StoreError> {
        let rows = sql("SELECT source, status FROM source_status ORDER BY source");
        let rows = self.all::<(String, String)>(rows).await?;
        rows.into_iter()
            .map(|(source, status)| {
                let json = read("status of source", &source, &status)?;
                Ok((SourceName(source), json))
            })
            .collect()
    }

    /// Keeps a source's counters.
    pub async fn set_source_status(&mut self, source: &SourceName, status: &Json) -> Result<(), StoreError> {
        let upsert = sql("INSERT INTO source_status (source, status) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET status = excluded.status")
        .bind(source)
        .bind(write("status of source", &source.0, status)?);
        self.execute(upsert).await?;
        Ok(())
    }

    /// Keeps lines that no parser could read; of each source the newest [`UNPARSED_KEPT`] stay.
    pub async fn keep_unparsed(&mut self, source: &SourceName, lines: &[Unparsed]) -> Result<(), StoreError> {
        let kept = usize::try_from(UNPARSED_KEPT).unwrap_or(usize::MAX);
        for line in &lines[lines.len().saturating_sub(kept)..] {
            let insert = sql(
                "INSERT INTO unparsed_line (source, place, line, reason, at) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(source)
            .bind(line.position.as_str())
            .bind(line.line.as_bytes())
            .bind(line.reason.as_str())
            .bind(line.at);
            self.execute(insert).await?;
        }
        if !lines.is_empty() {
            let forget = sql(
                "DELETE FROM unparsed_line WHERE source = $1 AND position <= (SELECT position \
                 FROM unparsed_line WHERE source = $1 ORDER BY position DESC LIMIT 1 OFFSET $2)",
            )
            .bind(source)
            .bind(UNPARSED_KEPT);
            self.execute(forget).await?;
        }
        Ok(())
    }

    /// The newest lines of a source that no parser could read, the newest first.
    pub async fn unparsed(&mut self, source: &SourceName, limit: u32) -> Result<Vec<Unparsed>, StoreError> {
        let rows = sql(
            "SELECT place, line, reason, at FROM unparsed_line WHERE source = $1 \
             ORDER BY position DESC LIMIT $2",
        )
        .bind(source)
        .bind(limit);
        let rows = self.all::<(String, Vec<u8>, String, i64)>(rows).await?;
        rows.into_iter()
            .map(|(position, line, reason, at)| {
                Ok(Unparsed {
                    position,
                    line: String::from_utf8_lossy(&line).into_owned(),
                    reason,
                    at: instant(at)?,
                })
            })
            .collect()
    }
}
