//! The values of `group-by` as one key.

use super::small::{Small, put_number, take_bytes, take_number};
use serde::{Deserialize, Serialize};

/// The values in the order of `group-by`, each behind its length, so that `a, bc` and `ab, c` are two keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct GroupKey(Small<22>);

impl GroupKey {
    /// The key that was written by [`Self::put`].
    pub(crate) fn new(written: &[u8]) -> Self {
        Self(Small::new(written))
    }

    /// Appends a value to a key that is being made.
    pub(crate) fn put(bytes: &mut Vec<u8>, value: &str) {
        put_number(bytes, value.len() as u64);
        bytes.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The values.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.bytes_of_parts()
            .map(|part| std::str::from_utf8(part).unwrap_or_default())
    }

    fn bytes_of_parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_bytes();
        std::iter::from_fn(move || {
            let length = (!rest.is_empty()).then(|| take_number(&mut rest))?;
            Some(take_bytes(&mut rest, length as usize))
        })
    }

    /// The value at a place; empty where there is none.
    pub(crate) fn part(&self, place: usize) -> &str {
        self.parts().nth(place).unwrap_or_default()
    }

    /// The first place that has this value.
    pub(crate) fn place_of(&self, value: &str) -> Option<usize> {
        self.bytes_of_parts().position(|part| part == value.as_bytes())
    }

    pub(crate) fn bytes_apart(&self) -> usize {
        self.0.bytes_apart()
    }
}
