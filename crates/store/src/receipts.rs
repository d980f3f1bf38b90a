//! What recipients did with their letters on the portal.

use crate::body::{count, found, read, read_all, write};
use crate::statement::{Statement, micros, sql};
use crate::{StoreError, Tx};
use watchkeeper_domain::id::LetterId;
use watchkeeper_domain::matter::MatterId;
use watchkeeper_domain::notice::Receipt;

const RECEIPT: &str = "receipt";
const PROBE: (&str, &str) = (RECEIPT, "SELECT version FROM receipt WHERE letter = $1");

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, receipt: &Receipt) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&receipt.letter)
        .bind(receipt.version)
        .bind(&receipt.matter)
        .bind(micros(receipt.opened_at))
        .bind(i64::try_from(receipt.unanswered()).unwrap_or(i64::MAX))
        .bind(write(RECEIPT, receipt.letter.as_str(), receipt)?))
}

impl Tx {
    /// Keeps the receipt of a letter that is opened for the first time.
    pub async fn insert_receipt(&mut self, receipt: &Receipt) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO receipt (letter, version, matter, opened_at, unanswered, body) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        self.execute(columns(insert, receipt)?).await?;
        Ok(())
    }

    /// Keeps a changed receipt, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_receipt(&mut self, receipt: &Receipt, read_version: i64) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE receipt SET version = $2, matter = $3, opened_at = $4, unanswered = $5, body = $6 \
             WHERE letter = $1 AND version = $7",
        );
        let changed = self.execute(columns(update, receipt)?.bind(read_version)).await?;
        self.must_have_changed(changed, PROBE, receipt.letter.as_str(), read_version)
            .await
    }

    /// The receipt of a letter, or [`StoreError::NotFound`].
    pub async fn receipt(&mut self, letter: &LetterId) -> Result<Receipt, StoreError> {
        found(self.receipt_opt(letter).await?, RECEIPT, letter.as_str())
    }

    /// The receipt of a letter; none until it is opened.
    pub async fn receipt_opt(&mut self, letter: &LetterId) -> Result<Option<Receipt>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM receipt WHERE letter = $1").bind(letter));
        row.await?
            .map(|(body,)| read(RECEIPT, letter.as_str(), &body))
            .transpose()
    }

    /// The receipts of the letters of an incident or a change, in the order in which they were opened.
    pub async fn receipts_of(&mut self, matter: impl Into<MatterId>) -> Result<Vec<Receipt>, StoreError> {
        let rows = sql("SELECT letter, body FROM receipt WHERE matter = $1 ORDER BY opened_at, letter")
            .bind(&matter.into());
        read_all(RECEIPT, self.all(rows).await?)
    }

    /// How many questions of recipients wait for an answer.
    pub async fn unanswered_questions(&mut self) -> Result<u64, StoreError> {
        let row = sql("SELECT CAST(COALESCE(SUM(unanswered), 0) AS BIGINT) FROM receipt");
        Ok(count(self.one::<(i64,)>(row).await?.0))
    }
}
