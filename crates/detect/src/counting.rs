//! How the set counts: an event moves its source's time on, goes into the groups of its correlations, and windows end.

use crate::catalog::{Catalog, Feed};
use crate::emit;
use crate::engine::DetectorSet;
use crate::report::{DropCounts, RuleDrops};
use crate::source::{Arrival, micros};
use crate::window::{GroupKey, Record};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::detection::Evidence;
use watchkeeper_domain::event::Event;

/// What an event means to one correlation.
#[derive(Default)]
struct Counted<'a> {
    matched: Option<&'a Feed>,
    base: Option<&'a Feed>,
}

impl DetectorSet {
    /// Moves time on by the event, and counts it for the correlations of the rules that matched.
    pub(crate) fn count(&mut self, event: &Event, matched: &[usize]) {
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
                .map(|field| event.text(field).map(bounded))
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
    pub(crate) fn set_timer(&mut self, correlation: usize, key: &GroupKey, anew: bool) {
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
    pub(crate) fn turn(&mut self, source: u32) {
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
    pub(crate) fn flush(&mut self, correlation: usize, key: &GroupKey) {
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

/// A value that groups or is counted, short enough to be remembered many times: a longer one is named by its beginning and a hash.
fn bounded(text: String) -> String {
    const LONGEST: usize = 512;
    if text.len() <= LONGEST {
        return text;
    }
    let mut end = LONGEST / 2;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{:016x}", &text[..end], crate::window::hash(&[&text]))
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn long_values_stay_apart_though_they_are_cut() {
        let (a, b) = ("ä".repeat(5_000), format!("{}b", "ä".repeat(5_000)));
        assert!(bounded(a.clone()).len() < 300 && bounded(a) != bounded(b));
        assert_eq!(bounded("short".into()), "short");
    }
}
