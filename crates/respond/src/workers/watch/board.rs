//! What the detectors are doing, for whoever shows it.

use std::sync::{PoisonError, RwLock};
use watchkeeper_detect::{Activity, DetectorInfo, DetectorSet, DropCounts, Quarantined};

/// What the detectors were doing at the last checkpoint.
#[derive(Debug, Clone)]
pub struct BoardSnapshot {
    /// Every rule that runs, with its figures.
    pub detectors: Vec<(DetectorInfo, Activity)>,
    /// Every rule that does not, and why.
    pub quarantined: Vec<Quarantined>,
    /// What the engine had to leave out.
    pub dropped: DropCounts,
}

/// Shows what the detectors are doing.
#[derive(Debug)]
pub struct Board(RwLock<BoardSnapshot>);

impl Board {
    pub(super) fn of(engine: &DetectorSet) -> Self {
        Self(RwLock::new(take(engine)))
    }

    pub(super) fn refresh(&self, engine: &DetectorSet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = take(engine);
    }

    /// What the detectors were doing at the last checkpoint.
    #[must_use]
    pub fn snapshot(&self) -> BoardSnapshot {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn take(engine: &DetectorSet) -> BoardSnapshot {
    let activity = engine.activity();
    let detectors = engine.detectors().iter().cloned().zip(activity).collect();
    BoardSnapshot {
        detectors,
        quarantined: engine.quarantined().to_vec(),
        dropped: engine.dropped(),
    }
}
