//! The set of detectors that runs: each event is matched, counted, and what fires is handed out.

use crate::catalog::Catalog;
use crate::checkpoint::Written;
use crate::counted_events::CountedEvent;
use crate::counting::State;
use crate::index::{Candidates, Index, Route};
use crate::occurrence::Occurrence;
use crate::scan::{Matcher, TextEvent};
use crate::sigma::view::{Scratch, View};
use crate::source::micros;
use crate::{Activity, DetectorInfo, DropCounts, Limits, Quarantined, RuleFile, emit};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};
use watchkeeper_domain::id::DetectionId;

/// How many overdue groups one call of [`DetectorSet::advance`] or [`DetectorSet::drain`] looks at, about: some milliseconds.
const LOOKED_AT_IN_A_CALL: usize = 8_192;

/// Detectors, their windows, and what they made of the events so far.
#[derive(Debug)]
pub struct DetectorSet {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) entities: EntityFields,
    pub(crate) limits: Limits,
    pub(crate) index: Index,
    scratch: Scratch,
    candidates: Candidates,
    /// The rules that the event at hand matched.
    matched: Vec<usize>,
    pub(crate) state: State,
    pub(crate) out: Outbox,
    pub(crate) activity: Vec<Activity>,
    /// What the deltas so far have told; None until the first is asked for.
    pub(crate) written: Option<Written>,
}

/// Detections to hand out; fresher figures replace older ones.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) detections: Vec<Detection>,
    places: HashMap<DetectionId, usize>,
    /// Whether a delta must tell of it.
    pub(crate) changed: bool,
    /// Correlations and groups of which a detection opened: fresher figures are none.
    pub(crate) opened: Vec<(usize, u32)>,
}

impl Outbox {
    pub(crate) fn put(&mut self, detection: Detection) {
        self.changed = true;
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
        let (mut catalog, quarantined) = Catalog::load(files, &limits);
        catalog.ask_for_entities(&entities);
        let activity = catalog.detectors.iter().map(|info| Activity {
            detector: info.id.clone(),
            ..Activity::default()
        });
        Self {
            activity: activity.collect(),
            state: State::new(&catalog, &limits),
            catalog: Arc::new(catalog),
            quarantined,
            entities,
            limits,
            index: Index::default(),
            scratch: Scratch::default(),
            candidates: Candidates::default(),
            matched: Vec::new(),
            out: Outbox::default(),
            written: None,
        }
    }

    /// The stateless half of the engine, for events of this log source, or of any. `asked` are fields that the caller wants to
    /// know besides those of the rules.
    #[must_use]
    pub fn matcher(&self, log_source: Option<&LogSource>, asked: &[&str]) -> Matcher {
        Matcher::new(Arc::clone(&self.catalog), log_source, asked)
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
        let route = self.route(Some(&event.log_source));
        let catalog = Arc::clone(&self.catalog);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut matched = std::mem::take(&mut self.matched);
        let view = scratch.event(event, &route.paths, &catalog.fields);
        self.judge(&route, &view, &mut matched);
        for rule in &matched {
            self.fire_single(*rule, event, &view);
        }
        self.count(&Occurrence::of(event, &view, &catalog.named_by), &matched);
        self.scratch = scratch;
        self.matched = matched;
    }

    /// Counts an event for the correlations of the rules that match it, by what a [`Matcher`] of this set took out of it.
    pub fn count_text(&mut self, event: &TextEvent<'_>, counted: CountedEvent<'_>) {
        let catalog = Arc::clone(&self.catalog);
        let occurrence = Occurrence {
            id: event.id,
            source: event.source,
            log_source: event.log_source,
            at: event.at,
            collected_at: event.collected_at,
            raw: event.text,
            fields: &counted,
            named_by: &catalog.named_by_counted,
        };
        self.count(&occurrence, counted.rules());
    }

    /// Says that `source` tells events of this log source, or of any, from `at` on: a rule that watches for silence knows then that
    /// an event could come. Events that are observed say so themselves.
    pub fn watch(&mut self, source: &SourceName, log_source: Option<&LogSource>, at: DateTime<Utc>) {
        let number = self.state.sources.number(source, &self.limits);
        self.counter().watch(number, micros(at), log_source);
    }

    fn route(&mut self, log_source: Option<&LogSource>) -> Arc<Route> {
        self.index.route(log_source, &self.catalog)
    }

    /// The rules that match, in the order they were loaded.
    fn judge(&mut self, route: &Route, view: &View<'_>, matched: &mut Vec<usize>) {
        matched.clear();
        let rules = &self.catalog.rules;
        for rule in route.candidates(view, rules.len(), &mut self.candidates) {
            let rule = *rule as usize;
            self.activity[self.catalog.detector_of_rule[rule]].judged += 1;
            if rules[rule].matches(view) {
                matched.push(rule);
            }
        }
    }

    /// Indices of the rules that match by evaluating every one that covers the event: what the index must agree with.
    #[cfg(test)]
    pub(crate) fn matches_by_evaluating_all(&mut self, event: &Event) -> Vec<usize> {
        let route = self.route(Some(&event.log_source));
        let catalog = &self.catalog;
        let view = self.scratch.event(event, &route.paths, &catalog.fields);
        let rules = catalog.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.log_source.covers(&event.log_source) && rule.matches_one_by_one(&view))
            .map(|(index, _)| index)
            .collect()
    }

    /// Indices of the rules that match, by the index, from the event's fields and from its text; and how many candidates it gave.
    #[cfg(test)]
    pub(crate) fn matches_by_index(&mut self, event: &Event) -> (Vec<usize>, Vec<usize>, usize) {
        let route = self.route(Some(&event.log_source));
        let catalog = &self.catalog;
        let (mut from_fields, mut from_text) = (Vec::new(), Vec::new());
        let view = self.scratch.event(event, &route.paths, &catalog.fields);
        let found = route.candidates(&view, catalog.rules.len(), &mut self.candidates);
        let candidates = found.len();
        from_fields.extend(
            found
                .iter()
                .map(|rule| *rule as usize)
                .filter(|rule| catalog.rules[*rule].matches(&view)),
        );
        if let Ok(view) = self.scratch.json(&event.raw, &route.paths, &catalog.fields) {
            let found = route.candidates(&view, catalog.rules.len(), &mut self.candidates);
            from_text.extend(
                found
                    .iter()
                    .map(|rule| *rule as usize)
                    .filter(|rule| catalog.rules[*rule].matches(&view)),
            );
        }
        (from_fields, from_text, candidates)
    }

    /// Says that `source` has been read up to the instant `to`, so that windows end though no event comes. Of many windows that end
    /// at once some are left for later: see [`Self::overdue`].
    pub fn advance(&mut self, source: &SourceName, to: DateTime<Utc>) {
        let number = self.state.sources.number(source, &self.limits);
        self.state.sources.get(number).advance(micros(to));
        self.settle_overdue(LOOKED_AT_IN_A_CALL);
    }

    /// Whether windows have ended that nobody has looked at yet. They are decided with the next events and calls, and always before
    /// an event of their group is counted, so that only the moment of telling is later.
    #[must_use]
    pub fn overdue(&self) -> bool {
        self.state
            .sources
            .all()
            .iter()
            .any(crate::source::Source::overdue)
    }

    /// Looks at about `most` groups whose windows have ended.
    pub fn settle_overdue(&mut self, most: usize) {
        let sources = self.state.sources.all().len();
        let mut counter = self.counter();
        let mut left = most;
        for number in 0..sources {
            left = counter.turn(number as u32, left);
        }
        counter.follow_links();
    }

    /// Says that nothing more comes from any source: the figures of windows that have begun (`value_avg` and its like) are judged as far
    /// as they have come. What asks for something that is not there is left: nobody saw the time pass in which it could have come.
    /// Tells how many groups were left so.
    pub fn end(&mut self) -> usize {
        while self.overdue() {
            self.settle_overdue(LOOKED_AT_IN_A_CALL);
        }
        self.counter().judge_figures()
    }

    /// Detections that are new or have fresher figures since the last call, in the order they fired or changed.
    pub fn drain(&mut self) -> Vec<Detection> {
        self.settle_overdue(LOOKED_AT_IN_A_CALL);
        self.counter().flush_all();
        self.hand_out()
    }

    /// Detections that opened since the last call, for whoever tells each of them once: what only has fresher figures is left to
    /// [`Self::drain`], and is not put together.
    pub fn drain_opened(&mut self) -> Vec<Detection> {
        self.settle_overdue(LOOKED_AT_IN_A_CALL);
        let mut opened = std::mem::take(&mut self.out.opened);
        opened.sort_by_key(|(correlation, _)| *correlation);
        let mut counter = self.counter();
        for (correlation, place) in opened {
            counter.flush(correlation, place);
        }
        self.hand_out()
    }

    fn hand_out(&mut self) -> Vec<Detection> {
        let drained = std::mem::take(&mut self.out);
        self.out.changed = drained.changed || !drained.detections.is_empty();
        drained.detections
    }

    /// Whether some detection opened since [`Self::drain`] or [`Self::drain_opened`] was called last. Those that were handed out and have fresher figures do
    /// not count.
    #[must_use]
    pub fn opened(&self) -> bool {
        !self.out.opened.is_empty()
    }

    /// Bytes that windows take now, about: what [`Limits::state_bytes`] bounds.
    #[must_use]
    pub fn state_bytes(&self) -> usize {
        self.state.bytes
    }

    /// Everything dropped since the state began.
    #[must_use]
    pub fn dropped(&self) -> DropCounts {
        let mut counts = DropCounts {
            lines_forgotten: self.state.lines_forgotten,
            ..DropCounts::default()
        };
        for (correlation, drops) in self.catalog.correlations.iter().zip(&self.state.drops) {
            if *drops != crate::RuleDrops::default() {
                let id = correlation.rule.meta.id.clone();
                counts.by_rule.insert(id, drops.clone());
            }
        }
        for source in self.state.sources.all() {
            let drops = source.drops;
            let lists = [
                (&mut counts.late, drops.late),
                (&mut counts.future, drops.future),
                (&mut counts.duplicate, drops.duplicate),
                (&mut counts.ids_forgotten, drops.ids_forgotten),
            ];
            for (list, count) in lists.into_iter().filter(|(_, count)| *count > 0) {
                list.insert(source.name.clone(), count);
            }
        }
        counts
    }

    /// What each detector did since the state began, in the order of [`Self::detectors`].
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> {
        self.activity.clone()
    }

    fn fire_single(&mut self, rule: usize, event: &Event, view: &View<'_>) {
        let detector = self.catalog.detector_of_rule[rule];
        let activity = &mut self.activity[detector];
        activity.matches += 1;
        activity.last_match_at = activity.last_match_at.max(Some(event.at));
        let info = &self.catalog.detectors[detector];
        if info.fires {
            activity.detections += 1;
            let rule = &self.catalog.rules[rule];
            self.out.put(emit::single(
                info,
                rule,
                event,
                view,
                &self.catalog.fields,
                &self.entities,
            ));
        }
    }
}
