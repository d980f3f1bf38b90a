//! The set of detectors that runs: each event is matched, counted, and what fires is handed out.

use crate::catalog::{Catalog, Feed};
use crate::index::Index;
use crate::sigma::view::View;
use crate::source::{Arrival, Sources, micros};
use crate::window::{GroupKey, Record, Table};
use crate::{
    Activity, DetectorInfo, DropCounts, Limits, Quarantined, RestoreReport, RuleDrops, RuleFile, emit,
    snapshot,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use watchkeeper_domain::detection::{Detection, Evidence};
use watchkeeper_domain::event::{EntityFields, Event, SourceName};
use watchkeeper_domain::id::DetectionId;

/// Detectors, their windows, and what they made of the events so far.
#[derive(Debug)]
pub struct DetectorSet {
    pub(crate) catalog: Catalog,
    quarantined: Vec<Quarantined>,
    entities: EntityFields,
    pub(crate) limits: Limits,
    index: Index,
    pub(crate) sources: Sources,
    /// By correlation.
    pub(crate) tables: Vec<Table>,
    /// When to look at a group again: source, instant that its horizon must have passed, correlation, group.
    timers: BTreeSet<(u32, i64, usize, GroupKey)>,
    pub(crate) out: Outbox,
    activity: Vec<Activity>,
    drops: DropCounts,
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

/// What an event means to one correlation.
#[derive(Default)]
struct Counted<'a> {
    matched: Option<&'a Feed>,
    base: Option<&'a Feed>,
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

    /// Moves time on by the event, and counts it for the correlations of the rules that matched.
    fn count(&mut self, event: &Event, matched: &[usize]) {
        let number = self.sources.number(&event.source, &self.limits);
        let before = self.sources.get(number).horizon();
        let arrival = self.sources.get(number).arrive(event, self.limits.future_skew);
        if arrival.future {
            *self.drops.future.entry(event.source.clone()).or_default() += 1;
        }
        if self.sources.get(number).horizon() > before {
            self.turn(number);
        }
        if matched.iter().any(|rule| !self.catalog.feeds[*rule].is_empty()) {
            self.count_matched(event, number, arrival, matched);
        }
    }

    fn count_matched(&mut self, event: &Event, number: u32, arrival: Arrival, matched: &[usize]) {
        // The catalog is lent out while tables change: it goes back at the end.
        let catalog = std::mem::take(&mut self.catalog);
        let mut counted: BTreeMap<usize, Counted<'_>> = BTreeMap::new();
        for feed in matched.iter().flat_map(|rule| &catalog.feeds[*rule]) {
            let entry = counted.entry(feed.correlation).or_default();
            let place = if feed.matched {
                &mut entry.matched
            } else {
                &mut entry.base
            };
            place.get_or_insert(feed);
        }
        let mut touched = Vec::new();
        if arrival.late {
            *self.drops.late.entry(event.source.clone()).or_default() += 1;
            for correlation in counted.keys() {
                drops_of(&mut self.drops, &catalog, *correlation).late += 1;
            }
        } else if self.count_once(event, number, arrival.at) {
            let record = self.record(event, number, arrival.at);
            for (correlation, feeds) in &counted {
                touched.extend(self.add(&catalog, *correlation, feeds, event, &record));
            }
        }
        self.catalog = catalog;
        for (correlation, key) in touched {
            self.tidy(correlation, &key);
        }
    }

    fn count_once(&mut self, event: &Event, number: u32, at: i64) -> bool {
        let (first, forgotten) =
            self.sources
                .get(number)
                .count_once(at, &event.id, self.limits.remembered_ids);
        if forgotten > 0 {
            *self.drops.ids_forgotten.entry(event.source.clone()).or_default() += forgotten;
        }
        if !first {
            *self.drops.duplicate.entry(event.source.clone()).or_default() += 1;
        }
        first
    }

    fn record(&self, event: &Event, source: u32, at: i64) -> Record {
        let number = |name: &str| {
            self.entities
                .actor
                .iter()
                .position(|field| field == name)
                .unwrap_or_default()
        };
        let actors = self
            .entities
            .actors(event)
            .map(|(field, actor)| (number(field) as u32, actor));
        let tenants: BTreeSet<String> = self.entities.tenants(event).collect();
        Record {
            at,
            source,
            event: event.id.clone(),
            tenants: tenants.into_iter().collect(),
            actors: actors.collect(),
            value: None,
            weight: 1,
            line: Some((micros(event.at), Evidence::of(event).raw)),
        }
    }

    fn add(
        &mut self,
        catalog: &Catalog,
        index: usize,
        feeds: &Counted<'_>,
        event: &Event,
        record: &Record,
    ) -> Option<(usize, GroupKey)> {
        let correlation = &catalog.correlations[index];
        // A share counts the base alone; the other kinds have none.
        let feed = if correlation.rule.base.is_empty() {
            feeds.matched
        } else {
            feeds.base
        }?;
        let texts = |fields: &[String]| {
            fields
                .iter()
                .map(|field| event.text(field))
                .collect::<Option<Vec<_>>>()
        };
        let (Some(group), Some(values)) = (texts(&feed.group), texts(&feed.values)) else {
            drops_of(&mut self.drops, catalog, index).ungrouped += 1;
            return None;
        };
        let key: GroupKey = group.into();
        let matched = feeds.matched.is_some();
        let mut record = record.clone();
        record.value = (!values.is_empty()).then(|| values.join("\u{1f}"));
        let activity = &mut self.activity[correlation.detector];
        activity.judged += 1;
        let at = record.at;
        let mut opened = 0;
        let mut belongs = false;
        self.tables[index].change(&key, at, |group| {
            let before = group.opens.len();
            let progress = group.add(&correlation.plan, record, matched);
            opened = group.opens.len() - before;
            belongs = matched && progress == crate::window::OPEN;
            Some(progress)
        });
        activity.detections += opened as u64;
        if belongs {
            activity.matches += 1;
            activity.last_match_at = activity.last_match_at.max(Some(event.at));
        }
        Some((index, key))
    }

    /// After a group changed: its limits, and when to look at it again.
    fn tidy(&mut self, correlation: usize, key: &GroupKey) {
        let plan = &self.catalog.correlations[correlation].plan;
        let table = &mut self.tables[correlation];
        if let Some(group) = table.groups.get(key) {
            let (_, horizon) = self.sources.slowest(&group.sources);
            if !plan.decide.at_end() && group.records.len() > 1 {
                table.change(key, i64::MIN, |group| {
                    group.settle(plan, horizon);
                    None
                });
            }
        }
        self.set_timer(correlation, key, false);
        let limits = (self.limits.groups_per_rule, self.limits.records_per_rule);
        while let Some(surplus) = self.tables[correlation].surplus(limits.0, limits.1, key) {
            self.flush(correlation, &surplus);
            self.forget(correlation, &surplus);
            drops_of(&mut self.drops, &self.catalog, correlation).groups_evicted += 1;
        }
    }

    /// Sets the timer of a group; one that is set for an earlier instant stays, and is set anew when it has passed.
    fn set_timer(&mut self, correlation: usize, key: &GroupKey, anew: bool) {
        let plan = &self.catalog.correlations[correlation].plan;
        let Some(group) = self.tables[correlation].groups.get_mut(key) else {
            return;
        };
        let (source, horizon) = self.sources.slowest(&group.sources);
        let due = group.due_after(plan).max(horizon);
        if let Some((known_source, known)) = group.timer {
            if !anew && known <= due {
                return;
            }
            self.timers
                .remove(&(known_source, known, correlation, key.clone()));
        }
        group.timer = Some((source, due));
        self.timers.insert((source, due, correlation, key.clone()));
    }

    /// Looks at every group whose instant the source has passed.
    fn turn(&mut self, source: u32) {
        let horizon = self.sources.get(source).horizon();
        loop {
            let start = (source, i64::MIN, 0, GroupKey::from(Vec::new()));
            let next = self.timers.range(start..).next();
            let Some((_, _, correlation, key)) = next
                .filter(|(of, due, _, _)| *of == source && *due < horizon)
                .cloned()
            else {
                return;
            };
            self.settle(correlation, &key);
        }
    }

    fn settle(&mut self, correlation: usize, key: &GroupKey) {
        let plan = &self.catalog.correlations[correlation].plan;
        let Some(group) = self.tables[correlation].groups.get(key) else {
            return;
        };
        let (_, horizon) = self.sources.slowest(&group.sources);
        let opened = group.opens.len();
        self.tables[correlation].change(key, i64::MIN, |group| {
            group.settle(plan, horizon);
            None
        });
        if plan.decide.at_end() {
            self.tell_ended(correlation, key, opened);
        }
        self.flush(correlation, key);
        let plan = &self.catalog.correlations[correlation].plan;
        self.tables[correlation].change(key, i64::MIN, |group| {
            group.settle(plan, horizon);
            None
        });
        if self.tables[correlation]
            .groups
            .get(key)
            .is_some_and(crate::window::Group::is_empty)
        {
            self.forget(correlation, key);
        } else {
            self.set_timer(correlation, key, true);
        }
    }

    /// Counts detections that were made because a window ended.
    fn tell_ended(&mut self, correlation: usize, key: &GroupKey, before: usize) {
        let Some(group) = self.tables[correlation].groups.get(key) else {
            return;
        };
        let activity = &mut self.activity[self.catalog.correlations[correlation].detector];
        activity.detections += group.opens.len().saturating_sub(before) as u64;
        for open in group.opens.iter().filter(|open| open.fresh) {
            activity.matches += open.figures.events;
            activity.last_match_at = activity
                .last_match_at
                .max(Some(crate::reason::instant(open.figures.last_at)));
        }
    }

    /// Hands out what a group has to tell.
    fn flush(&mut self, correlation: usize, key: &GroupKey) {
        let table = &mut self.tables[correlation];
        table.fresh.remove(key);
        let Some(group) = table.groups.get_mut(key) else {
            return;
        };
        let correlation = &self.catalog.correlations[correlation];
        let info = &self.catalog.detectors[correlation.detector];
        for open in group.opens.iter_mut().filter(|open| open.fresh) {
            open.fresh = false;
            self.out.put(emit::grouped(
                info,
                correlation,
                key,
                open,
                &self.sources,
                &self.entities,
            ));
        }
    }

    fn forget(&mut self, correlation: usize, key: &GroupKey) {
        if let Some(group) = self.tables[correlation].remove(key)
            && let Some((source, due)) = group.timer
        {
            self.timers.remove(&(source, due, correlation, key.clone()));
        }
    }
}

fn drops_of<'a>(drops: &'a mut DropCounts, catalog: &Catalog, correlation: usize) -> &'a mut RuleDrops {
    let id = &catalog.detectors[catalog.correlations[correlation].detector].id;
    drops.by_rule.entry(id.clone()).or_default()
}
