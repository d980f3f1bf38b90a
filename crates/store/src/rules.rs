//! The files of rules and calendars that something was counted on, as they stood then.

use crate::statement::{instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::id::IncidentId;

/// A file that what is owed for an incident was counted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCounted {
    /// Its path below the folder of playbooks.
    pub path: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

impl Tx {
    /// Keeps a file, unless it is kept already, and that an incident is counted on it from now on.
    pub async fn keep_rule_counted(
        &mut self,
        incident: &IncidentId,
        counted: &RuleCounted,
        text: &str,
    ) -> Result<(), StoreError> {
        let file = sql(
            "INSERT INTO rule_file (sha256, path, body) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING",
        )
        .bind(counted.sha256.as_str())
        .bind(counted.path.as_str())
        .bind(text);
        self.execute(file).await?;
        let row = sql(
            "INSERT INTO rule_counted (incident, path, since, sha256) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (incident, path, since) DO UPDATE SET sha256 = excluded.sha256",
        )
        .bind(incident)
        .bind(counted.path.as_str())
        .bind(counted.since)
        .bind(counted.sha256.as_str());
        self.execute(row).await?;
        Ok(())
    }

    /// The files that an incident was counted on, by path, the oldest first.
    pub async fn rules_counted(&mut self, incident: &IncidentId) -> Result<Vec<RuleCounted>, StoreError> {
        let rows =
            sql("SELECT path, since, sha256 FROM rule_counted WHERE incident = $1 ORDER BY path, since")
                .bind(incident);
        let rows = self.all::<(String, i64, String)>(rows).await?;
        rows.into_iter()
            .map(|(path, since, sha256)| {
                Ok(RuleCounted {
                    path,
                    since: instant(since)?,
                    sha256,
                })
            })
            .collect()
    }

    /// The text of a file that something was counted on.
    pub async fn rule_file(&mut self, sha256: &str) -> Result<Option<String>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM rule_file WHERE sha256 = $1").bind(sha256));
        Ok(row.await?.map(|(text,)| text))
    }
}
