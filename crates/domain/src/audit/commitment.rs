//! What the log commits to without holding it.
//!
//! The log is never changed, so nothing that somebody may ask to have erased stands in it. It holds the digest of a text together with a
//! random salt; text and salt stand outside, where they can be compared with the log at any time. Once both are erased, the digest
//! tells nothing of the text any more, not even to somebody who guesses it.

use crate::id::digest;
use serde::{Deserialize, Serialize};

/// The random part of a commitment: 128 bits in hex. Without one, a text was written before texts were salted, or was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(String);

impl Salt {
    /// A new salt.
    #[must_use]
    pub fn random() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The commitment to these parts: SHA-256 over the salt and each of them, each preceded by its length as eight bytes, big-endian.
    #[must_use]
    pub fn commit(&self, parts: &[&str]) -> String {
        let salted: Vec<&str> = std::iter::once(self.0.as_str())
            .chain(parts.iter().copied())
            .collect();
        digest(&salted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_another_commitment_each_time_and_the_same_with_its_salt() {
        let salt = Salt::random();
        assert_eq!(salt.commit(&["Dana"]), salt.commit(&["Dana"]));
        assert_ne!(salt.commit(&["Dana"]), Salt::random().commit(&["Dana"]));
        assert_ne!(salt.commit(&["Da", "na"]), salt.commit(&["Dana"]));
    }
}
