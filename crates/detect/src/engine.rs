//! The set of detectors that runs.
use crate::{Activity, DetectorInfo, DropCounts, Limits, Quarantined, RestoreReport, RuleFile};
use chrono::{DateTime, Utc};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{EntityFields, Event, SourceName};

/// Detectors, their windows, and what they made of the events so far.
#[derive(Debug)]
pub struct DetectorSet {
    quarantined: Vec<Quarantined>,
    detectors: Vec<DetectorInfo>,
}

impl DetectorSet {
    /// Loads every rule that is sound and sets the others aside; never fails as a whole.
    #[must_use]
    pub fn load(files: impl IntoIterator<Item = RuleFile>, _entities: EntityFields, _limits: Limits) -> Self {
        let _ = files.into_iter().count();
        Self { quarantined: Vec::new(), detectors: Vec::new() }
    }
    /// Rules that do not run, with every fault.
    #[must_use]
    pub fn quarantined(&self) -> &[Quarantined] { &self.quarantined }
    /// Rules that run.
    #[must_use]
    pub fn detectors(&self) -> &[DetectorInfo] { &self.detectors }
    /// Judges one event.
    pub fn observe(&mut self, _event: &Event) {}
    /// Says that `source` has been read up to the instant `to`, so that windows end though no event comes.
    pub fn advance(&mut self, _source: &SourceName, _to: DateTime<Utc>) {}
    /// Detections that are new or have fresher figures since the last call, by first firing.
    pub fn drain(&mut self) -> Vec<Detection> { Vec::new() }
    /// Whether anything that a snapshot holds changed since the last one was taken.
    #[must_use]
    pub fn changed_since_snapshot(&self) -> bool { false }
    /// The state as bytes: the same state gives the same bytes.
    pub fn snapshot(&mut self) -> Vec<u8> { Vec::new() }
    /// Goes on from a snapshot, and tells which rules could not.
    pub fn restore(&mut self, _snapshot: &[u8]) -> RestoreReport { RestoreReport::default() }
    /// Everything dropped since the set was loaded.
    #[must_use]
    pub fn dropped(&self) -> DropCounts { DropCounts::default() }
    /// What each detector did since the set was loaded, in the order of [`Self::detectors`].
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> { Vec::new() }
}
