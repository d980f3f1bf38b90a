//! Pages of long lists: a cursor names the last item that was seen, so nothing is skipped or repeated when items are added.

use crate::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The greatest number of items on a page.
pub const LIMIT_MAX: u32 = 200;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PageRequest {
    /// `next` of the page before; nothing for the first one.
    pub after: Option<String>,
    /// At most this many items, 1 to [`LIMIT_MAX`].
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first(50)
    }
}

impl PageRequest {
    /// The first page.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The page that follows a cursor.
    #[must_use]
    pub fn after(cursor: &str, limit: u32) -> Self {
        Self {
            after: Some(cursor.to_owned()),
            limit,
        }
    }

    /// The key that the page begins after. A cursor of another list is refused by its name.
    pub(crate) fn key<K: DeserializeOwned>(&self, list: &str) -> Result<Option<K>, StoreError> {
        if self.limit == 0 || self.limit > LIMIT_MAX {
            return Err(StoreError::BadLimit { limit: self.limit });
        }
        let Some(cursor) = &self.after else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| StoreError::BadCursor)?;
        let (of, key): (String, K) = serde_json::from_slice(&bytes).map_err(|_| StoreError::BadCursor)?;
        if of == list {
            Ok(Some(key))
        } else {
            Err(StoreError::BadCursor)
        }
    }

    /// How many rows to ask the database for: one more than the page has, which tells whether there is another page.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the page that follows; nothing when this is the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page made of rows that were asked for with [`PageRequest::rows`].
    pub(crate) fn cut<R, K: Serialize>(
        mut rows: Vec<R>,
        request: &PageRequest,
        list: &str,
        key: impl FnOnce(&R) -> K,
        item: impl FnMut(R) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| {
            // A key is a tuple of numbers and texts, which always has a JSON form.
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, key(last))).unwrap_or_default())
        });
        let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
        Ok(Self { items, next })
    }

    /// The same page of other items.
    #[must_use]
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(item).collect(),
            next: self.next,
        }
    }
}
