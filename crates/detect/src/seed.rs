//! Hashes that mean the same after a restart, and that nobody outside can steer.

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The key of this state's hashes: drawn when a state begins, and kept in its checkpoints. What is hashed comes from logs, so
/// from attackers: with a key they know they could choose ids or values that count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seed(u64, u64);

impl Seed {
    /// A key that nobody knows. No decision depends on which it is.
    pub(crate) fn draw() -> Self {
        let draw = || RandomState::new().build_hasher().finish();
        Self(draw(), draw())
    }

    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// A check on bytes that were stored: not against anybody, only against damage.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(bytes);
    hasher.finish()
}
