//! What was read lately, so that reading it again delivers it once.
//!
//! Ids are kept as 64 bits of their SHA-256, by the minute of their event. The memory is bounded: when it is full, the oldest
//! minutes are forgotten, and it is known from where on it is complete.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: i64 = 60_000;

/// Ids that were seen, by the minute of their event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SeenIds {
    minutes: BTreeMap<i64, BTreeSet<u64>>,
    /// Every id of an event at or after this instant (ms) is remembered.
    complete_from: i64,
    count: usize,
}

/// The form in which [`SeenIds`] lies in a cursor.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredIds {
    /// Minute since the epoch → its ids, eight bytes each, base64.
    minutes: BTreeMap<i64, String>,
    complete_from: i64,
}

impl SeenIds {
    pub(crate) fn complete_from(instant_ms: i64) -> Self {
        Self {
            complete_from: instant_ms,
            ..Self::default()
        }
    }

    pub(crate) fn is_complete_from(&self) -> i64 {
        self.complete_from
    }

    /// Whether an id is remembered, of whatever minute.
    pub(crate) fn contains(&self, id: &str) -> bool {
        let short = short(id);
        self.minutes.values().any(|ids| ids.contains(&short))
    }

    /// Remembers an id; false when it was remembered already.
    pub(crate) fn insert(&mut self, at_ms: i64, id: &str) -> bool {
        let short = short(id);
        let new = self
            .minutes
            .entry(at_ms.div_euclid(MINUTE_MS))
            .or_default()
            .insert(short);
        self.count += usize::from(new);
        new
    }

    /// Forgets what lies before an instant and will not be read again.
    pub(crate) fn forget_before(&mut self, instant_ms: i64) {
        let kept = self.minutes.split_off(&instant_ms.div_euclid(MINUTE_MS));
        self.count = kept.values().map(BTreeSet::len).sum();
        self.minutes = kept;
        self.complete_from = self
            .complete_from
            .max(instant_ms.div_euclid(MINUTE_MS) * MINUTE_MS);
    }

    /// Forgets the oldest minutes until at most `limit` ids are left; gives how many were forgotten.
    pub(crate) fn shrink_to(&mut self, limit: usize) -> u64 {
        let mut forgotten = 0;
        while self.count > limit {
            let Some((minute, ids)) = self.minutes.pop_first() else {
                break;
            };
            self.count -= ids.len();
            forgotten += ids.len() as u64;
            self.complete_from = self.complete_from.max((minute + 1) * MINUTE_MS);
        }
        forgotten
    }

    /// The newest `limit` ids as they are stored, and how many did not fit.
    pub(crate) fn store(&self, limit: usize) -> (StoredIds, u64) {
        if self.count > limit {
            let mut shrunk = self.clone();
            let forgotten = shrunk.shrink_to(limit);
            return (shrunk.store(limit).0, forgotten);
        }
        let pack = |ids: &BTreeSet<u64>| {
            BASE64.encode(ids.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<u8>>())
        };
        let minutes = self
            .minutes
            .iter()
            .map(|(minute, ids)| (*minute, pack(ids)))
            .collect();
        let stored = StoredIds {
            minutes,
            complete_from: self.complete_from,
        };
        (stored, 0)
    }

    /// What [`SeenIds::store`] stored; a minute that cannot be decoded counts as forgotten.
    pub(crate) fn restore(stored: &StoredIds) -> Self {
        let mut seen = Self::complete_from(stored.complete_from);
        for (minute, packed) in &stored.minutes {
            let Ok(bytes) = BASE64.decode(packed) else {
                seen.complete_from = seen.complete_from.max((minute + 1) * MINUTE_MS);
                continue;
            };
            let (ids, _) = bytes.as_chunks::<8>();
            let ids: BTreeSet<u64> = ids.iter().map(|id| u64::from_be_bytes(*id)).collect();
            seen.count += ids.len();
            seen.minutes.insert(*minute, ids);
        }
        seen
    }
}

/// An id in 64 bits of its SHA-256.
pub(crate) fn short(id: &str) -> u64 {
    Sha256::digest(id.as_bytes())
        .iter()
        .take(8)
        .fold(0_u64, |short, byte| short << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_restored() {
        let mut seen = SeenIds::complete_from(-5);
        for n in 0..500_i64 {
            assert!(seen.insert(n * 1_000 - 100_000, &format!("id {n}")));
        }
        assert!(!seen.insert(-100_000, "id 0"));
        let (stored, forgotten) = seen.store(1_000);
        let json = serde_json::to_value(&stored).unwrap();
        assert_eq!(
            (
                SeenIds::restore(&serde_json::from_value(json).unwrap()),
                forgotten
            ),
            (seen, 0)
        );
    }

    #[test]
    fn a_full_memory_forgets_the_oldest_and_knows_from_where_it_is_complete() {
        let mut seen = SeenIds::complete_from(0);
        for minute in 0..10_i64 {
            for n in 0..10 {
                seen.insert(minute * MINUTE_MS, &format!("{minute} {n}"));
            }
        }
        let (stored, forgotten) = seen.store(35);
        assert_eq!(forgotten, 70);
        let mut restored = SeenIds::restore(&stored);
        assert_eq!(restored.is_complete_from(), 7 * MINUTE_MS);
        assert!(!restored.insert(7 * MINUTE_MS, "7 0"));
        assert!(restored.insert(6 * MINUTE_MS, "6 0"));
    }
}
