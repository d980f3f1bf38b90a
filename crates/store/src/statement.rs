//! One SQL text with its values, before it is known which driver runs it.
//!
//! Texts come from the program alone (`&'static str`); whatever comes from outside is a bound value. So the texts are safe, though
//! the driver cannot know that.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};
use std::fmt::Write;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::id;
use watchkeeper_domain::matter::MatterId;

use crate::{StoreError, Tx, dialect, on_either};

/// A value in the few types that both databases share.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// A row that can be read from either driver.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// An SQL text and its values.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    text: String,
    values: Vec<Value>,
}

/// A statement of this text.
pub(crate) fn sql(text: &'static str) -> Statement {
    Statement {
        text: text.to_owned(),
        values: Vec::new(),
    }
}

impl Statement {
    /// Binds the next value of the text's `$1`, `$2` ….
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The statement with more text.
    pub(crate) fn and(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// The statement with the next placeholder, bound to `value`.
    pub(crate) fn value(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "${}", self.values.len());
        self
    }

    /// The statement with a list in parentheses, each bound; an empty list is one that nothing is in.
    pub(crate) fn list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.text.push('(');
        let mut first = true;
        for value in values {
            if !std::mem::take(&mut first) {
                self.text.push_str(", ");
            }
            self = self.value(value);
        }
        if first {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }
}

macro_rules! bind_all {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Tx {
    /// Runs a statement and tells how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let Statement { text, values } = statement;
        on_either!(self, conn => {
            let query = bind_all!(sqlx::query(AssertSqlSafe(text)), values);
            Ok(query.execute(conn).await?.rows_affected())
        })
    }

    /// Every row.
    pub(crate) async fn all<R: Row>(&mut self, statement: Statement) -> Result<Vec<R>, StoreError> {
        let Statement { text, values } = statement;
        on_either!(self, conn => {
            let query = bind_all!(sqlx::query_as::<_, R>(AssertSqlSafe(text)), values);
            Ok(query.fetch_all(conn).await?)
        })
    }

    /// The first row, if there is one.
    pub(crate) async fn first<R: Row>(&mut self, statement: Statement) -> Result<Option<R>, StoreError> {
        let Statement { text, values } = statement;
        on_either!(self, conn => {
            let query = bind_all!(sqlx::query_as::<_, R>(AssertSqlSafe(text)), values);
            Ok(query.fetch_optional(conn).await?)
        })
    }

    /// The only row of a statement that always has one.
    pub(crate) async fn one<R: Row>(&mut self, statement: Statement) -> Result<R, StoreError> {
        self.first(statement)
            .await?
            .ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }
}

/// An instant as both databases keep it.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// An instant read back.
pub(crate) fn instant(micros: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| StoreError::Corrupt {
        what: "instant",
        id: micros.to_string(),
        detail: "it lies beyond the calendar".to_owned(),
    })
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<DateTime<Utc>> for Value {
    fn from(value: DateTime<Utc>) -> Self {
        Self::Int(Some(micros(value)))
    }
}

impl From<Option<DateTime<Utc>>> for Value {
    fn from(value: Option<DateTime<Utc>>) -> Self {
        Self::Int(value.map(micros))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(dialect::storable(value)))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(dialect::storable))
    }
}

impl From<&SourceName> for Value {
    fn from(value: &SourceName) -> Self {
        Self::from(value.0.as_str())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

macro_rules! from_ids {
    ($($id:ident)*) => {$(
        impl From<&id::$id> for Value {
            fn from(value: &id::$id) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }

        impl From<Option<&id::$id>> for Value {
            fn from(value: Option<&id::$id>) -> Self {
                Self::Text(value.map(ToString::to_string))
            }
        }
    )*};
}

impl From<&MatterId> for Value {
    fn from(value: &MatterId) -> Self {
        Self::Text(Some(value.to_string()))
    }
}

impl From<Option<&MatterId>> for Value {
    fn from(value: Option<&MatterId>) -> Self {
        Self::Text(value.map(ToString::to_string))
    }
}

from_ids!(AlertId ChangeId IncidentId EntryId CustomerId ObligationId NoticeId LetterId DeliveryId UserId SessionId TokenId PreflightId AskingId);
