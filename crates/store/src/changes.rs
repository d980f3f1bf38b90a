//! The register of changes, with their gap-free numbers.

use crate::body::{found, read, read_all, write};
use crate::page::{Page, PageRequest};
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::change::Change;
use watchkeeper_domain::id::ChangeId;

const CHANGE: &str = "change";
const PROBE: (&str, &str) = (CHANGE, "SELECT version FROM change WHERE id = $1");

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, change: &Change) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&change.id)
        .bind(change.number)
        .bind(change.version)
        .bind(change.state.name())
        .bind(change.course.name())
        .bind(micros(change.proposed_at))
        .bind(change.next_step().map(|(_, due_at)| due_at))
        .bind(write(CHANGE, change.id.as_str(), change)?))
}

impl Tx {
    /// Keeps a new change and gives it the next number. The number is taken back with the transaction, so none is ever missing.
    pub async fn insert_change(&mut self, mut change: Change) -> Result<Change, StoreError> {
        let next = sql("UPDATE counter SET value = value + 1 WHERE name = 'change' RETURNING value");
        change.number = self.one::<(i64,)>(next).await?.0;
        let insert = sql(
            "INSERT INTO change (id, number, version, state, course, proposed_at, next_step_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        self.execute(columns(insert, &change)?).await?;
        Ok(change)
    }

    /// Keeps a changed change, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_change(&mut self, change: &Change, read_version: i64) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE change SET number = $2, version = $3, state = $4, course = $5, proposed_at = $6, \
             next_step_at = $7, body = $8 WHERE id = $1 AND version = $9",
        );
        let changed = self.execute(columns(update, change)?.bind(read_version)).await?;
        self.must_have_changed(changed, PROBE, change.id.as_str(), read_version)
            .await
    }

    /// A change, or [`StoreError::NotFound`].
    pub async fn change(&mut self, id: &ChangeId) -> Result<Change, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM change WHERE id = $1").bind(id));
        let (body,) = found(row.await?, CHANGE, id.as_str())?;
        read(CHANGE, id.as_str(), &body)
    }

    /// A page of the register, what was proposed last first.
    pub async fn changes(&mut self, page: &PageRequest) -> Result<Page<Change>, StoreError> {
        let mut rows = sql("SELECT proposed_at, id, body FROM change WHERE 1 = 1");
        if let Some((proposed_at, id)) = page.key::<(i64, String)>("changes")? {
            rows = rows.and(" AND (proposed_at, id) < (").value(proposed_at);
            rows = rows.and(", ").value(id).and(")");
        }
        let rows = rows
            .and(" ORDER BY proposed_at DESC, id DESC LIMIT ")
            .value(page.rows());
        let rows = self.all::<(i64, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "changes",
            |row| (row.0, row.1.clone()),
            |(_, id, body)| read(CHANGE, &id, &body),
        )
    }

    /// Every change that was proposed at or after `from` and before `until`, in the order of their numbers.
    pub async fn changes_proposed(
        &mut self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Change>, StoreError> {
        let rows =
            sql("SELECT id, body FROM change WHERE proposed_at >= $1 AND proposed_at < $2 ORDER BY number")
                .bind(from)
                .bind(until);
        read_all(CHANGE, self.all(rows).await?)
    }

    /// When the next step of any change is due.
    pub async fn next_change_step_at(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sql("SELECT MIN(next_step_at) FROM change WHERE next_step_at IS NOT NULL");
        self.one::<(Option<i64>,)>(row).await?.0.map(instant).transpose()
    }

    /// Changes with a step that is due by `now`, the longest overdue first.
    pub async fn changes_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Change>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM change WHERE next_step_at IS NOT NULL AND next_step_at <= $1 \
             ORDER BY next_step_at, id LIMIT $2",
        )
        .bind(now)
        .bind(limit);
        read_all(CHANGE, self.all(rows).await?)
    }
}
