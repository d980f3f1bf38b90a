//! Matching without state: events as JSON text in, the rules that match out; threads share the rules.
//!
//! This is the half of the engine that needs no order. What the rules that match count is left to
//! [`DetectorSet::count_text`](crate::DetectorSet::count_text), one event after the other, with the values that it needs.

use crate::catalog::Catalog;
use crate::counted_events::CountedEvents;
use crate::index::{Candidates, Route};
use crate::report::DetectorInfo;
use crate::sigma::json::{self, JsonFault};
use crate::sigma::view::{FieldId, Fields, Scratch, View};
use chrono::{DateTime, Utc};
use std::ops::Range;
use std::sync::Arc;
use watchkeeper_domain::event::{LogSource, SourceName};

/// The rules that judge events of one log source, or of any; shared by threads.
#[derive(Debug, Clone)]
pub struct Matcher {
    catalog: Arc<Catalog>,
    route: Arc<Route>,
    fields: Arc<Fields>,
    asked: Arc<[FieldId]>,
}

impl Matcher {
    /// The rules of `catalog` that judge events of `log_source`; every rule where it is None.
    pub(crate) fn new(catalog: Arc<Catalog>, log_source: Option<&LogSource>, asked: &[&str]) -> Self {
        let rules = &catalog.rules;
        let covered = (0..rules.len())
            .filter(|rule| log_source.is_none_or(|source| rules[*rule].log_source.covers(source)));
        let mut fields = catalog.fields.clone();
        let asked: Vec<FieldId> = asked.iter().map(|name| fields.id(name)).collect();
        let route = Route::new(covered, rules, &catalog.counted_fields, &asked, &fields);
        Self {
            route: Arc::new(route),
            fields: Arc::new(fields),
            asked: asked.into(),
            catalog,
        }
    }

    /// How many rules there are to try.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.route.rules
    }

    /// Whether some rule counts, so that the order and the time of events matter.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.catalog.correlations.is_empty()
    }

    /// Memory for one thread to match with; it grows to what an event needs and is used again for the next.
    #[must_use]
    pub fn thread(&self) -> MatcherThread {
        MatcherThread {
            matcher: self.clone(),
            scratch: Scratch::default(),
            candidates: Candidates::default(),
            matched: Vec::new(),
        }
    }
}

/// One thread's use of a [`Matcher`].
#[derive(Debug)]
pub struct MatcherThread {
    matcher: Matcher,
    scratch: Scratch,
    candidates: Candidates,
    matched: Vec<usize>,
}

impl MatcherThread {
    /// Judges the event that `text` is.
    ///
    /// # Errors
    /// Where `text` is not one JSON object.
    pub fn judge<'t>(&'t mut self, text: &'t str) -> Result<Judgement<'t>, JsonFault> {
        let Matcher {
            catalog,
            route,
            fields,
            asked,
        } = &self.matcher;
        let view = self.scratch.json(text, &route.paths, fields)?;
        route.matches(&view, &catalog.rules, &mut self.candidates, &mut self.matched);
        Ok(Judgement {
            catalog,
            fields,
            asked,
            view,
            matched: &self.matched,
        })
    }
}

/// What came of one event.
#[derive(Debug)]
pub struct Judgement<'t> {
    catalog: &'t Catalog,
    fields: &'t Fields,
    asked: &'t [FieldId],
    view: View<'t>,
    matched: &'t [usize],
}

impl<'t> Judgement<'t> {
    /// How many rules match, those included that are only counted.
    #[must_use]
    pub fn matches(&self) -> usize {
        self.matched.len()
    }

    /// The detectors that fire on this event by itself, in the order they were loaded.
    pub fn fired<'j>(&'j self) -> impl Iterator<Item = Fired<'j, 't>> {
        let detectors = self.matched.iter().map(|rule| {
            (
                *rule,
                &self.catalog.detectors[self.catalog.detector_of_rule[*rule]],
            )
        });
        detectors
            .filter(|(_, detector)| detector.fires)
            .map(move |(rule, detector)| Fired {
                judged: self,
                rule,
                detector,
            })
    }

    /// Takes what correlations need of the event, as the next of `events`; false, and nothing is taken, where none counts it.
    pub fn take_counted(&self, events: &mut CountedEvents) -> bool {
        let matched = self.matched.iter().copied();
        let rules = matched.filter(|rule| !self.catalog.feeds[*rule].is_empty());
        let values = self.view.scalars().iter().filter(|scalar| {
            let only = || self.view.single(scalar.field);
            self.catalog.is_counted(scalar.field) && only().is_some_and(|only| std::ptr::eq(only, *scalar))
        });
        events.take(rules, values)
    }

    /// The first value among the fields that were asked for besides the rules' own, in that order.
    #[must_use]
    pub fn first_asked(&self) -> Option<&str> {
        self.asked
            .iter()
            .find_map(|field| self.view.single(*field))
            .map(|scalar| scalar.text)
    }
}

/// A detector that fired on an event by itself.
#[derive(Debug)]
pub struct Fired<'j, 't> {
    judged: &'j Judgement<'t>,
    rule: usize,
    /// The detector.
    pub detector: &'j DetectorInfo,
}

impl Fired<'_, '_> {
    /// The fields that made the event match, with what it has there, in the rule's order.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        let rule = &self.judged.catalog.rules[self.rule];
        rule.matched_fields(&self.judged.view, self.judged.fields)
    }
}

/// An event as JSON text, with what its source says of it.
#[derive(Debug, Clone, Copy)]
pub struct TextEvent<'e> {
    /// One JSON object.
    pub text: &'e str,
    /// What kind of log it is from; every rule judges it where that is not known.
    pub log_source: Option<&'e LogSource>,
    /// Which source told it.
    pub source: &'e SourceName,
    /// Unique within the source.
    pub id: &'e str,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// When it was collected: what claims to be from after that is from the future.
    pub collected_at: DateTime<Utc>,
}

/// Where the events are in a text of any shape: objects one after the other, lists of objects, and CloudTrail's
/// `{"Records": […]}`, in any order and with any white space between them.
///
/// # Errors
/// Where the text is not JSON.
pub fn records(text: &str) -> Result<Vec<Range<usize>>, JsonFault> {
    json::records(text)
}
