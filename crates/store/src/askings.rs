//! Contacts that were asked whether they are still the right ones.

use crate::body::{found, read, read_all, write};
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::customer::asking::Asking;
use watchkeeper_domain::id::{AskingId, CustomerId};
use watchkeeper_domain::preflight::Asked;

const ASKING: &str = "asking";
const PROBE: (&str, &str) = (ASKING, "SELECT version FROM asking WHERE id = $1");

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, asking: &Asking) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&asking.id)
        .bind(asking.version)
        .bind(&asking.customer)
        .bind(asking.email.as_str())
        .bind(asking.code.as_str())
        .bind(micros(asking.asked_at))
        .bind(asking.next_due())
        .bind(write(ASKING, asking.id.as_str(), asking)?))
}

impl Tx {
    /// Keeps a new asking; `false` says that the contact was asked for this year already and nothing has changed.
    pub async fn insert_asking(&mut self, asking: &Asking) -> Result<bool, StoreError> {
        let insert = sql(
            "INSERT INTO asking (id, version, customer, email, code, asked_at, next_due_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        );
        Ok(self.execute(columns(insert, asking)?).await? > 0)
    }

    /// Keeps a changed asking, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_asking(&mut self, asking: &Asking, read_version: i64) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE asking SET version = $2, customer = $3, email = $4, code = $5, asked_at = $6, next_due_at = $7, \
             body = $8 WHERE id = $1 AND version = $9",
        );
        let changed = self.execute(columns(update, asking)?.bind(read_version)).await?;
        self.must_have_changed(changed, PROBE, asking.id.as_str(), read_version)
            .await
    }

    /// An asking, or [`StoreError::NotFound`].
    pub async fn asking(&mut self, id: &AskingId) -> Result<Asking, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM asking WHERE id = $1").bind(id));
        let (body,) = found(row.await?, ASKING, id.as_str())?;
        read(ASKING, id.as_str(), &body)
    }

    /// The asking that has this code.
    pub async fn asking_by_code(&mut self, code: &str) -> Result<Option<Asking>, StoreError> {
        let row = sql("SELECT id, body FROM asking WHERE code = $1").bind(code);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(ASKING, &id, &body)).transpose()
    }

    /// The last asking of a contact.
    pub async fn last_asking(
        &mut self,
        customer: &CustomerId,
        email: &str,
    ) -> Result<Option<Asking>, StoreError> {
        let row = sql(
            "SELECT id, body FROM asking WHERE customer = $1 AND email = $2 ORDER BY asked_at DESC, id DESC LIMIT 1",
        )
        .bind(customer)
        .bind(email);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(ASKING, &id, &body)).transpose()
    }

    /// Askings of a customer's contacts, the newest first.
    pub async fn askings_of(&mut self, customer: &CustomerId, limit: u32) -> Result<Vec<Asking>, StoreError> {
        let rows =
            sql("SELECT id, body FROM asking WHERE customer = $1 ORDER BY asked_at DESC, id DESC LIMIT $2")
                .bind(customer)
                .bind(limit);
        read_all(ASKING, self.all(rows).await?)
    }

    /// Askings of which something is due, at most `limit`.
    pub async fn askings_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Asking>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM asking WHERE next_due_at IS NOT NULL AND next_due_at <= $1 \
             ORDER BY next_due_at, id LIMIT $2",
        )
        .bind(now)
        .bind(limit);
        read_all(ASKING, self.all(rows).await?)
    }

    /// When each contact was asked last.
    pub async fn contacts_asked(&mut self) -> Result<Asked, StoreError> {
        let rows = sql("SELECT customer, email, MAX(asked_at) FROM asking GROUP BY customer, email");
        let rows = self.all::<(String, String, i64)>(rows).await?;
        rows.into_iter()
            .map(|(customer, email, at)| {
                Ok(((crate::body::parse("customer", customer)?, email), instant(at)?))
            })
            .collect()
    }
}
