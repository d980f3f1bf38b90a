//! Aggregates as JSON, and versions that tell two writers apart.

use crate::statement::{Value, sql};
use crate::{StoreError, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The JSON of something that is kept.
pub(crate) fn write<T: Serialize>(what: &'static str, id: &str, thing: &T) -> Result<String, StoreError> {
    serde_json::to_string(thing).map_err(|fault| StoreError::Corrupt {
        what,
        id: id.to_owned(),
        detail: fault.to_string(),
    })
}

/// Something that was kept.
pub(crate) fn read<T: DeserializeOwned>(what: &'static str, id: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|fault| StoreError::Corrupt {
        what,
        id: id.to_owned(),
        detail: fault.to_string(),
    })
}

/// Rows of (id, body).
pub(crate) fn read_all<T: DeserializeOwned>(
    what: &'static str,
    rows: Vec<(String, String)>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter()
        .map(|(id, body)| read(what, &id, &body))
        .collect()
}

/// A text read back as the typed thing that it was.
pub(crate) fn parse<T: TryFrom<String>>(what: &'static str, text: String) -> Result<T, StoreError>
where
    T::Error: std::fmt::Display,
{
    T::try_from(text.clone()).map_err(|fault| StoreError::Corrupt {
        what,
        id: text,
        detail: fault.to_string(),
    })
}

/// A count read back.
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// What stands in the place of `row`, or that there is nothing.
pub(crate) fn found<T>(row: Option<T>, what: &'static str, id: &str) -> Result<T, StoreError> {
    row.ok_or_else(|| StoreError::NotFound {
        what,
        id: id.to_owned(),
    })
}

/// A search text as a pattern: anywhere, in lower case, its own wildcards meaning themselves.
pub(crate) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.trim().to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Tx {
    /// Judges a change that named the version it had read: no row means that somebody else was first, or that there is none.
    pub(crate) async fn must_have_changed(
        &mut self,
        changed: u64,
        (what, probe): (&'static str, &'static str),
        id: &str,
        expected: i64,
    ) -> Result<(), StoreError> {
        if changed > 0 {
            return Ok(());
        }
        let standing: Option<(i64,)> = self.first(sql(probe).bind(Value::from(id))).await?;
        let (standing,) = found(standing, what, id)?;
        Err(StoreError::Conflict {
            what,
            id: id.to_owned(),
            expected,
            found: standing,
        })
    }
}
