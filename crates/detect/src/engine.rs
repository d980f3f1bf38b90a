//! The set of detectors that runs: each event is matched, counted, and what fires is handed out.

use crate::catalog::Catalog;
use crate::index::Index;
use crate::sigma::view::View;
use crate::source::{Sources, micros};
use crate::window::{GroupKey, Table};
use crate::{
    Activity, DetectorInfo, DropCounts, Limits, Quarantined, RestoreReport, RuleFile, emit, snapshot,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{EntityFields, Event, SourceName};
use watchkeeper_domain::id::DetectionId;

/// Detectors, their windows, and what they made of the events so far.
#[derive(Debug)]
pub struct DetectorSet {
    pub(crate) catalog: Catalog,
    quarantined: Vec<Quarantined>,
    pub(crate) entities: EntityFields,
    pub(crate) limits: Limits,
    index: Index,
    pub(crate) sources: Sources,
    /// By correlation.
    pub(crate) tables: Vec<Table>,
    /// When to look at a group again: source, instant that its horizon must have passed, correlation, group.
    pub(crate) timers: BTreeSet<(u32, i64, usize, GroupKey)>,
    pub(crate) out: Outbox,
    pub(crate) activity: Vec<Activity>,
    pub(crate) drops: DropCounts,
    pub(crate) changed: bool,
}

/// Detections to hand out; fresher figures replace older ones.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) detections: Vec<Detection>,
    places: HashMap<DetectionId, usize>,
}

impl Outbox {
    pub(crate) fn put(&mut self, detection: Detection) {
        if let Some(place) = self.places.get(&detection.id) {
            self.detections[*place] = detection;
        } else {
            self.places.insert(detection.id.clone(), self.detections.len());
            self.detections.push(detection);
        }
    }
}

impl DetectorSet {
    /// Loads every rule that is sound and sets the others aside; never fails as a whole.
    #[must_use]
    pub fn load(files: impl IntoIterator<Item = RuleFile>, entities: EntityFields, limits: Limits) -> Self {
        let (catalog, quarantined) = Catalog::load(files, &limits);
        let activity = catalog.detectors.iter().map(|info| Activity {
            detector: info.id.clone(),
            ..Activity::default()
        });
        Self {
            activity: activity.collect(),
            tables: catalog.correlations.iter().map(|_| Table::default()).collect(),
            catalog,
            quarantined,
            entities,
            limits,
            index: Index::default(),
            sources: Sources::default(),
            timers: BTreeSet::new(),
            out: Outbox::default(),
            drops: DropCounts::default(),
            changed: false,
        }
    }

    /// Rules that do not run, with every fault of each.
    #[must_use]
    pub fn quarantined(&self) -> &[Quarantined] {
        &self.quarantined
    }

    /// Rules that run, in the order they were loaded.
    #[must_use]
    pub fn detectors(&self) -> &[DetectorInfo] {
        &self.catalog.detectors
    }

    /// Judges one event.
    pub fn observe(&mut self, event: &Event) {
        self.changed = true;
        let route = self.index.route(&event.log_source, &self.catalog.rules);
        let view = View::new(event, &self.catalog.fields);
        let mut matched = Vec::new();
        for rule in route.candidates(&view, &self.catalog.fields) {
            self.activity[self.catalog.detector_of_rule[rule]].judged += 1;
            if self.catalog.rules[rule].matches(&view, &self.catalog.fields) {
                matched.push(rule);
            }
        }
        for rule in &matched {
            self.fire_single(*rule, &view);
        }
        self.count(event, &matched);
    }

    /// Indices of the rules that match by evaluating every one that covers the event: what the index must agree with.
    #[cfg(test)]
    pub(crate) fn matches_by_evaluating_all(&self, event: &Event) -> Vec<usize> {
        let view = View::new(event, &self.catalog.fields);
        let rules = self.catalog.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| {
                rule.log_source.covers(&event.log_source) && rule.matches(&view, &self.catalog.fields)
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// Indices of the rules that match, by the index; and how many candidates it gave.
    #[cfg(test)]
    pub(crate) fn matches_by_index(&mut self, event: &Event) -> (Vec<usize>, usize) {
        let route = self.index.route(&event.log_source, &self.catalog.rules);
        let view = View::new(event, &self.catalog.fields);
        let mut found = route.candidates(&view, &self.catalog.fields);
        let candidates = found.len();
        found.retain(|rule| self.catalog.rules[*rule].matches(&view, &self.catalog.fields));
        (found, candidates)
    }

    /// Says that `source` has been read up to the instant `to`, so that windows end though no event comes.
    pub fn advance(&mut self, source: &SourceName, to: DateTime<Utc>) {
        let number = self.sources.number(source, &self.limits);
        let before = self.sources.get(number).horizon();
        self.sources.get(number).advance(micros(to));
        if self.sources.get(number).horizon() > before {
            self.changed = true;
            self.turn(number);
        }
    }

    /// Detections that are new or have fresher figures since the last call, in the order they fired or changed.
    pub fn drain(&mut self) -> Vec<Detection> {
        for correlation in 0..self.tables.len() {
            for key in std::mem::take(&mut self.tables[correlation].fresh) {
                self.flush(correlation, &key);
            }
        }
        let drained = std::mem::take(&mut self.out);
        self.changed |= !drained.detections.is_empty();
        drained.detections
    }

    /// Whether anything that a snapshot holds changed since the last one was taken or restored.
    #[must_use]
    pub fn changed_since_snapshot(&self) -> bool {
        self.changed
    }

    /// The state as bytes: windows, open detections, what was not drained, ids and watermarks. The same state gives the same bytes.
    pub fn snapshot(&mut self) -> Vec<u8> {
        self.changed = false;
        snapshot::write(self)
    }

    /// Goes on from a snapshot, dropping the present state, and tells which rules could not. A rule whose text changed, or one
    /// that it counts, starts its windows anew.
    pub fn restore(&mut self, bytes: &[u8]) -> RestoreReport {
        self.sources = Sources::default();
        self.tables = self
            .catalog
            .correlations
            .iter()
            .map(|_| Table::default())
            .collect();
        self.timers.clear();
        self.out = Outbox::default();
        let report = snapshot::read(self, bytes);
        for correlation in 0..self.tables.len() {
            let keys: Vec<_> = self.tables[correlation].groups.keys().cloned().collect();
            for key in keys {
                self.set_timer(correlation, &key, true);
            }
        }
        self.changed = false;
        report
    }

    /// Everything dropped since the set was loaded.
    #[must_use]
    pub fn dropped(&self) -> DropCounts {
        self.drops.clone()
    }

    /// What each detector did since the set was loaded, in the order of [`Self::detectors`].
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> {
        self.activity.clone()
    }

    fn fire_single(&mut self, rule: usize, view: &View<'_>) {
        let detector = self.catalog.detector_of_rule[rule];
        let activity = &mut self.activity[detector];
        activity.matches += 1;
        activity.last_match_at = activity.last_match_at.max(Some(view.event.at));
        let info = &self.catalog.detectors[detector];
        if info.fires {
            activity.detections += 1;
            let rule = &self.catalog.rules[rule];
            self.out.put(emit::single(
                info,
                rule,
                view,
                &self.catalog.fields,
                &self.entities,
            ));
        }
    }
}
