//! What is done regularly: when it is due next, and what must be remembered from one time to the next.

use crate::body::{read, write};
use crate::statement::{instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

const ROUTINE: &str = "routine";
const PROBE: (&str, &str) = (ROUTINE, "SELECT version FROM routine WHERE name = $1");

/// Something that is done regularly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routine<T> {
    /// Counts every change.
    pub version: i64,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// What must be remembered.
    pub memory: T,
}

impl Tx {
    /// A routine; none before it was first planned.
    pub async fn routine<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<Routine<T>>, StoreError> {
        let row = sql("SELECT version, due_at, body FROM routine WHERE name = $1").bind(name);
        let row = self.first::<(i64, i64, String)>(row).await?;
        row.map(|(version, due_at, body)| {
            Ok(Routine {
                version,
                due_at: instant(due_at)?,
                memory: read(ROUTINE, name, &body)?,
            })
        })
        .transpose()
    }

    /// Plans a routine for the first time; changes nothing where it is planned.
    pub async fn plan_routine<T: Serialize>(
        &mut self,
        name: &str,
        due_at: DateTime<Utc>,
        memory: &T,
    ) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO routine (name, version, due_at, body) VALUES ($1, 1, $2, $3) \
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(micros(due_at))
        .bind(write(ROUTINE, name, memory)?);
        self.execute(insert).await?;
        Ok(())
    }

    /// Keeps a changed routine, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_routine<T: Serialize>(
        &mut self,
        name: &str,
        routine: &Routine<T>,
        read_version: i64,
    ) -> Result<(), StoreError> {
        let update =
            sql("UPDATE routine SET version = $2, due_at = $3, body = $4 WHERE name = $1 AND version = $5")
                .bind(name)
                .bind(routine.version)
                .bind(micros(routine.due_at))
                .bind(write(ROUTINE, name, &routine.memory)?)
                .bind(read_version);
        let changed = self.execute(update).await?;
        self.must_have_changed(changed, PROBE, name, read_version).await
    }
}
