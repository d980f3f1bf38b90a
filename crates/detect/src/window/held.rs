//! The values that a bucket holds, cheap to copy: a bucket is copied for each late event.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many new values are kept apart from those that all copies share.
const RECENT: usize = 512;

/// Hashes of values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "(BTreeSet<u64>, BTreeSet<u64>)",
    into = "(BTreeSet<u64>, BTreeSet<u64>)"
)]
pub(super) struct Held {
    shared: Arc<BTreeSet<u64>>,
    recent: BTreeSet<u64>,
}

impl From<(BTreeSet<u64>, BTreeSet<u64>)> for Held {
    fn from((shared, recent): (BTreeSet<u64>, BTreeSet<u64>)) -> Self {
        Self {
            shared: Arc::new(shared),
            recent,
        }
    }
}

impl From<Held> for (BTreeSet<u64>, BTreeSet<u64>) {
    fn from(held: Held) -> Self {
        ((*held.shared).clone(), held.recent)
    }
}

impl Held {
    /// Adds a value; false if it is held. Where more than `most` would be held, all but the newest are forgotten, and
    /// `forgotten` counts them.
    pub(super) fn insert(&mut self, value: u64, most: usize, forgotten: &mut u64) -> bool {
        if self.shared.contains(&value) || !self.recent.insert(value) {
            return false;
        }
        if self.recent.len() < RECENT {
            return true;
        }
        let recent = std::mem::take(&mut self.recent);
        if self.shared.len() + recent.len() > most {
            *forgotten += self.shared.len() as u64;
            self.shared = Arc::new(recent);
        } else {
            Arc::make_mut(&mut self.shared).extend(recent);
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.recent.clear();
        if !self.shared.is_empty() {
            self.shared = Arc::default();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.recent.len()
    }
}
