//! Pre-flights as they came out.

use crate::body::{read_all, write};
use crate::statement::{micros, sql};
use crate::{StoreError, Tx};
use watchkeeper_domain::preflight::Preflight;

const PREFLIGHT: &str = "preflight";

/// How many pre-flights are kept: more than a quarter of a year of one a day.
pub const PREFLIGHTS_KEPT: i64 = 100;

impl Tx {
    /// Keeps a pre-flight, and forgets those that are older than the newest [`PREFLIGHTS_KEPT`].
    pub async fn insert_preflight(&mut self, preflight: &Preflight) -> Result<(), StoreError> {
        let id = &preflight.id;
        let insert = sql("INSERT INTO preflight (id, began_at, body) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(micros(preflight.began_at))
            .bind(write(PREFLIGHT, id.as_str(), preflight)?);
        self.execute(insert).await?;
        let forget = sql("DELETE FROM preflight WHERE id NOT IN \
             (SELECT id FROM preflight ORDER BY began_at DESC, id DESC LIMIT $1)")
        .bind(PREFLIGHTS_KEPT);
        self.execute(forget).await?;
        Ok(())
    }

    /// The newest pre-flights, at most `limit`, the newest first.
    pub async fn preflights(&mut self, limit: u32) -> Result<Vec<Preflight>, StoreError> {
        let rows = sql("SELECT id, body FROM preflight ORDER BY began_at DESC, id DESC LIMIT $1").bind(limit);
        read_all(PREFLIGHT, self.all(rows).await?)
    }
}
