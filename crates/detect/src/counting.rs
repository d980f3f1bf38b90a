//! How the set counts: an event moves its source's time on and goes into the groups of its correlations.
//!
//! What one event costs does not depend on what was sent before: groups are found by hash, lists are changed at their ends, and
//! whatever may have piled up (windows that ended, ids that are over) is worked off in slices.

use crate::catalog::{Catalog, Correlation, Feed, Role};
use crate::engine::{DetectorSet, Outbox};
use crate::limits::Limits;
use crate::lines::Lines;
use crate::occurrence::{CountedField, FieldText, Occurrence, read_names};
use crate::report::{Activity, RuleDrops};
use crate::seed::Seed;
use crate::source::{Sources, micros};
use crate::window::{Facts, Group, GroupKey, Line, Machine, Names, OPEN, Record, Table, Value};
use std::collections::VecDeque;
use watchkeeper_domain::event::{EntityFields, LogSource};

/// Everything that events change and that checkpoints hold.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) seed: Seed,
    pub(crate) sources: Sources,
    /// By correlation.
    pub(crate) tables: Vec<Table>,
    /// By correlation.
    pub(crate) drops: Vec<RuleDrops>,
    pub(crate) lines: Lines,
    /// Evidence whose line was no longer kept.
    pub(crate) lines_forgotten: u64,
    /// Bytes of all groups.
    pub(crate) bytes: usize,
    /// Detections that opened and that other correlations have yet to count.
    pub(crate) links: VecDeque<Link>,
    /// Used for each event and empty between them.
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    key: Vec<u8>,
    value: String,
    fed: Vec<Fed>,
    names: Names,
    packed: Vec<u8>,
}

/// That the event at hand feeds a correlation; `source` and `feed` say where its [`Feed`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fed {
    correlation: usize,
    role: Role,
    feeder: Feeder,
    feed: usize,
}

/// What feeds correlations: a rule that matched, or a correlation whose detection opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Feeder {
    Rule(usize),
    Correlation(usize),
}

impl Feeder {
    fn feeds(self, catalog: &Catalog) -> &[Feed] {
        match self {
            Self::Rule(rule) => &catalog.feeds[rule],
            Self::Correlation(correlation) => &catalog.feeds_of_correlation[correlation],
        }
    }
}

/// A detection that opened, as an event for the correlations that count it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) correlation: usize,
    pub(crate) id: String,
    pub(crate) source: u32,
    pub(crate) at: i64,
    pub(crate) group: Vec<(String, String)>,
    pub(crate) names: Names,
    /// What stands for the event's line: the detection in words.
    pub(crate) text: String,
    /// How many detections it rests on in turn.
    pub(crate) depth: u8,
}

impl FieldText for Link {
    fn text(&self, field: &CountedField) -> Option<&str> {
        let (_, value) = self.group.iter().find(|(path, _)| *path == field.path)?;
        Some(value)
    }

    fn number(&self, field: &CountedField) -> Option<f64> {
        crate::sigma::view::number(self.text(field)?)
    }
}

/// Correlations of correlations of …: no rule set that people read is deeper.
const DEEPEST_LINK: u8 = 16;

/// How many overdue groups an event looks at, about; the others wait for the next events.
pub(crate) const LOOKED_AT_ONCE: usize = 256;

impl State {
    pub(crate) fn new(catalog: &Catalog, limits: &Limits) -> Self {
        Self {
            seed: Seed::draw(),
            sources: Sources::default(),
            tables: tables(catalog, limits),
            drops: vec![RuleDrops::default(); catalog.correlations.len()],
            lines: Lines::within(limits.evidence_bytes),
            lines_forgotten: 0,
            bytes: 0,
            links: VecDeque::new(),
            scratch: Scratch::default(),
        }
    }

    /// Changes a group, and keeps the sum of bytes right.
    pub(crate) fn change(
        &mut self,
        correlation: usize,
        place: u32,
        change: impl FnOnce(&mut Group) -> Option<crate::window::Progress>,
    ) {
        let table = &mut self.tables[correlation];
        let before = table.bytes();
        table.change(place, change);
        self.bytes = self.bytes + table.bytes() - before;
    }

    /// Forgets a group.
    pub(crate) fn remove(&mut self, correlation: usize, place: u32) {
        let table = &mut self.tables[correlation];
        let before = table.bytes();
        table.remove(place);
        self.bytes = self.bytes + table.bytes() - before;
    }
}

fn tables(catalog: &Catalog, limits: &Limits) -> Vec<Table> {
    let table = |correlation: &Correlation| {
        let share = correlation.tenant_at.map(|place| limits.share_of_tenant(place));
        Table::within(limits.groups_per_rule, share)
    };
    catalog.correlations.iter().map(table).collect()
}

/// The state together with what counting it needs.
pub(crate) struct Counter<'s> {
    pub(crate) catalog: &'s Catalog,
    pub(crate) entities: &'s EntityFields,
    pub(crate) limits: &'s Limits,
    pub(crate) state: &'s mut State,
    pub(crate) out: &'s mut Outbox,
    pub(crate) activity: &'s mut [Activity],
    /// How many detections the event at hand rests on in turn.
    pub(crate) depth: u8,
}

impl DetectorSet {
    pub(crate) fn counter(&mut self) -> Counter<'_> {
        Counter {
            catalog: &self.catalog,
            entities: &self.entities,
            limits: &self.limits,
            state: &mut self.state,
            out: &mut self.out,
            activity: &mut self.activity,
            depth: 0,
        }
    }

    /// Moves time on by the event, and counts it for the correlations of the rules that matched.
    pub(crate) fn count(&mut self, occurrence: &Occurrence<'_>, matched: &[usize]) {
        self.counter().count(occurrence, matched);
    }
}

impl Counter<'_> {
    fn count(&mut self, occurrence: &Occurrence<'_>, matched: &[usize]) {
        let number = self.state.sources.number(occurrence.source, self.limits);
        let source = self.state.sources.get(number);
        let arrival = source.arrive(occurrence.at, occurrence.collected_at, self.limits.future_skew);
        self.turn(number, LOOKED_AT_ONCE);
        self.watch(number, arrival.at, occurrence.log_source);
        let mut fed = std::mem::take(&mut self.state.scratch.fed);
        for rule in matched {
            self.gather(Feeder::Rule(*rule), &mut fed);
        }
        order(&mut fed);
        if fed.is_empty() {
            // Most events are counted by nobody.
        } else if arrival.late {
            self.drop_late(number, &fed);
        } else if self.count_once(number, arrival.at, occurrence.id) {
            self.count_first(occurrence, number, arrival.at, &fed);
        }
        fed.clear();
        self.state.scratch.fed = fed;
        self.follow_links();
    }

    /// Tells correlations that watch for silence that a source is there which could break it.
    pub(crate) fn watch(&mut self, number: u32, at: i64, from: Option<&LogSource>) {
        for index in &self.catalog.silence {
            let info = &self.catalog.detectors[self.catalog.correlations[*index].detector];
            let covers = |log_source: &LogSource| from.is_none_or(|from| log_source.covers(from));
            let source = self.state.sources.get(number);
            if source.watched_by.contains(index) || !info.log_sources.iter().any(covers) {
                continue;
            }
            source.watched_by.push(*index);
            let place = self.find_or_begin(*index, &[], number);
            self.state.change(*index, place, |group| {
                group.state.watch(at, number);
                None
            });
            self.set_timer(*index, place, false);
        }
    }

    fn gather(&self, feeder: Feeder, fed: &mut Vec<Fed>) {
        let feeds = feeder.feeds(self.catalog).iter().enumerate();
        fed.extend(feeds.map(|(feed, known)| Fed {
            correlation: known.correlation,
            role: known.role,
            feeder,
            feed,
        }));
    }

    fn drop_late(&mut self, number: u32, fed: &[Fed]) {
        let source = self.state.sources.get(number);
        source.drops.late += 1;
        source.changed = true;
        for one in fed.chunk_by(|a, b| a.correlation == b.correlation) {
            self.state.drops[one[0].correlation].late += 1;
        }
    }

    fn count_once(&mut self, number: u32, at: i64, id: &str) -> bool {
        let seed = self.state.seed;
        let source = self.state.sources.get(number);
        source.count_once(at, || seed.hash(id.as_bytes()))
    }

    fn count_first(&mut self, occurrence: &Occurrence<'_>, number: u32, at: i64, fed: &[Fed]) {
        // A mere base is all traffic, and is never evidence.
        let matters = fed.iter().any(|fed| fed.role != Role::Base);
        let mut names = std::mem::take(&mut self.state.scratch.names);
        if matters {
            read_names(occurrence.fields, occurrence.named_by, &mut names);
        } else {
            names.clear();
        }
        let facts = Facts {
            at,
            claimed: micros(occurrence.at),
            source: number,
            id: occurrence.id,
            line: if matters {
                self.state.lines.keep(occurrence.raw)
            } else {
                Line::NONE
            },
            names: &names,
        };
        self.feed(fed, occurrence.fields, &facts);
        self.state.scratch.names = names;
    }

    /// Counts an event for each correlation it feeds.
    fn feed(&mut self, fed: &[Fed], fields: &dyn FieldText, facts: &Facts<'_>) {
        let catalog = self.catalog;
        for one in fed.chunk_by(|a, b| a.correlation == b.correlation) {
            let decide = &catalog.correlations[one[0].correlation].plan.decide;
            if decide.has_base() {
                // A share counts the base alone: its matches are those of the base that match too.
                if let Some(base) = one.iter().find(|fed| fed.role == Role::Base) {
                    self.add(base, one[0].role, fields, facts, &[]);
                }
            } else if decide.tells_roles_apart() {
                let mut groups = Vec::new();
                for fed in one {
                    groups.extend(self.add(fed, fed.role, fields, facts, &groups));
                }
            } else {
                self.add(&one[0], one[0].role, fields, facts, &[]);
            }
        }
    }

    /// Counts an event in its group of one correlation, which it gives. `groups` are those that it was counted in already, by another
    /// role: there it says more and weighs nothing.
    fn add(
        &mut self,
        fed: &Fed,
        role: Role,
        fields: &dyn FieldText,
        facts: &Facts<'_>,
        groups: &[u32],
    ) -> Option<u32> {
        let catalog = self.catalog;
        let index = fed.correlation;
        let correlation = &catalog.correlations[index];
        let feed = &fed.feeder.feeds(catalog)[fed.feed];
        let mut key = std::mem::take(&mut self.state.scratch.key);
        let mut text = std::mem::take(&mut self.state.scratch.value);
        let mut counted_in = None;
        if let Some(value) = self.read(feed, fields, &mut key, &mut text) {
            let place = self.find_or_begin(index, &key, facts.source);
            counted_in = Some(place);
            self.activity[correlation.detector].judged += 1;
            let weight = u32::from(!groups.contains(&place));
            self.add_to(index, place, role, (value, weight), facts);
            self.announce(index, place);
            self.set_timer(index, place, false);
            self.bound(index, place);
        } else {
            self.state.drops[index].ungrouped += 1;
        }
        (self.state.scratch.key, self.state.scratch.value) = (key, text);
        counted_in
    }

    /// Reads the group's key and what is counted; None where a field is missing.
    fn read<'s>(
        &self,
        feed: &Feed,
        fields: &dyn FieldText,
        key: &mut Vec<u8>,
        text: &'s mut String,
    ) -> Option<Counts<'s>> {
        key.clear();
        for field in &feed.group {
            GroupKey::put(key, &self.bounded(fields.text(field)?));
        }
        let decide = &self.catalog.correlations[feed.correlation].plan.decide;
        if decide.counts_numbers() {
            return feed.values.first().map_or(Some(Counts::Nothing), |field| {
                fields.number(field).map(Counts::Number)
            });
        }
        text.clear();
        for (index, field) in feed.values.iter().enumerate() {
            if index > 0 {
                text.push('\u{1f}');
            }
            text.push_str(&self.bounded(fields.text(field)?));
        }
        Some(if feed.values.is_empty() {
            Counts::Nothing
        } else {
            Counts::Text(text)
        })
    }

    /// A value that groups or is counted, short enough to be remembered many times: a longer one is named by its beginning and
    /// a hash.
    fn bounded<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        bounded(text, self.state.seed)
    }

    fn find_or_begin(&mut self, index: usize, key: &[u8], source: u32) -> u32 {
        let hash = self.state.seed.hash(key);
        if let Some(place) = self.state.tables[index].find(hash, key) {
            // A window that ended, and that nobody looked at yet, is decided before the event is counted.
            let group = self.state.tables[index].get(place);
            let overdue =
                group.is_some_and(|group| group.timer < self.state.sources.slowest(group.sources).1);
            if overdue {
                self.settle(index, place);
                self.announce(index, place);
            }
            return place;
        }
        let state = &mut *self.state;
        let place = state.tables[index].insert(hash, key);
        let set = state.sources.with(0, source);
        if let Some(group) = state.tables[index].get_mut(place) {
            group.sources = set;
        }
        place
    }

    fn add_to(&mut self, index: usize, place: u32, role: Role, counts: (Counts<'_>, u32), facts: &Facts<'_>) {
        let (value, weight) = counts;
        let correlation = &self.catalog.correlations[index];
        let plan = &correlation.plan;
        let state = &mut *self.state;
        let Some(group) = state.tables[index].get(place) else {
            return;
        };
        let mut record = if role == Role::Base {
            Record::bare(facts)
        } else {
            let value = match value {
                Counts::Nothing => Value::Nothing,
                Counts::Number(number) => Value::Number(number),
                Counts::Text(text) => Value::Text(state.seed.hash(text.as_bytes()), text),
            };
            Record::packed(facts, &group.key, value, &mut state.scratch.packed)
        };
        record.weight = record.weight.min(weight);
        let set = state.sources.with(group.sources, facts.source);
        let (_, horizon) = state.sources.slowest(set);
        let mut forgotten = 0;
        state.change(index, place, |group| {
            group.sources = set;
            let progress = group.state.add(plan, record, role);
            if !plan.decide.at_end() && progress != OPEN {
                group.state.settle(plan, horizon);
            }
            forgotten = group.state.take_forgotten();
            Some(progress)
        });
        state.drops[index].records_forgotten += forgotten;
    }

    /// Counts detections that have just opened, and passes them on to the correlations that count them.
    pub(crate) fn announce(&mut self, index: usize, place: u32) {
        let Some(group) = self.state.tables[index].get_mut(place) else {
            return;
        };
        if group.state.opens().iter().all(|open| open.figures.announced) {
            return;
        }
        let correlation = &self.catalog.correlations[index];
        let feeds = !self.catalog.feeds_of_correlation[index].is_empty();
        let mut links = Vec::new();
        for open in group
            .state
            .opens_mut()
            .iter_mut()
            .filter(|open| !open.figures.announced)
        {
            open.figures.announced = true;
            self.out.opened.push((index, place));
            self.activity[correlation.detector].detections += 1;
            if feeds && self.depth < DEEPEST_LINK {
                links.push(crate::emit::link(
                    self.catalog,
                    index,
                    &group.key,
                    open,
                    &self.state.sources,
                    self.depth + 1,
                ));
            }
        }
        self.state.links.extend(links);
    }

    /// Counts the detections that opened for the correlations that count detections, and those that open by that in turn.
    pub(crate) fn follow_links(&mut self) {
        while let Some(link) = self.state.links.pop_front() {
            self.depth = link.depth;
            let mut fed = Vec::new();
            self.gather(Feeder::Correlation(link.correlation), &mut fed);
            order(&mut fed);
            let facts = Facts {
                at: link.at,
                claimed: link.at,
                source: link.source,
                id: &link.id,
                line: self.state.lines.keep(&link.text),
                names: &link.names,
            };
            self.feed(&fed, &link, &facts);
        }
        self.depth = 0;
    }

    /// Forgets groups until the tenant, the rule and the whole are within their limits: never the one at `place`, which the event
    /// touched.
    fn bound(&mut self, index: usize, place: u32) {
        while let Some(furthest) = self.state.tables[index].furthest_beyond_share(place) {
            self.evict(index, furthest);
        }
        loop {
            let table = &self.state.tables[index];
            let within = table.len() <= self.limits.groups_per_rule.max(1)
                && table.records() <= self.limits.records_per_rule;
            let Some(furthest) = table.furthest(place).filter(|_| !within) else {
                break;
            };
            self.evict(index, furthest);
        }
        while self.state.bytes > self.limits.state_bytes {
            // The rule that takes most gives: one rule's flood is not paid for by another.
            let tables = self.state.tables.iter().enumerate();
            let Some((largest, table)) = tables.max_by_key(|(_, table)| table.bytes()) else {
                return;
            };
            let except = if largest == index { place } else { u32::MAX };
            let Some(furthest) = table.furthest(except) else {
                return;
            };
            self.evict(largest, furthest);
        }
    }

    fn evict(&mut self, index: usize, place: u32) {
        self.flush(index, place);
        self.state.remove(index, place);
        self.state.drops[index].groups_evicted += 1;
    }
}

/// What a rule counts of the event, before it is hashed.
#[derive(Debug, Clone, Copy)]
enum Counts<'s> {
    Nothing,
    Text(&'s str),
    Number(f64),
}

/// One entry for each correlation and role, the first rule that matched; those of one correlation side by side.
fn order(fed: &mut Vec<Fed>) {
    if fed.len() > 1 {
        fed.sort_unstable();
        fed.dedup_by_key(|fed| (fed.correlation, fed.role));
    }
}

fn bounded(text: &str, seed: Seed) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 512;
    if text.len() <= LONGEST {
        return text.into();
    }
    let start = crate::window::cut(text, LONGEST / 2);
    format!("{start}…{:016x}", seed.hash(text.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of a set that nobody else holds.
    fn catalog_of(set: &mut DetectorSet) -> &mut Catalog {
        std::sync::Arc::get_mut(&mut set.catalog).unwrap()
    }

    #[test]
    fn long_values_stay_apart_though_they_are_cut() {
        let seed = Seed::draw();
        let (a, b) = ("ä".repeat(5_000), format!("{}b", "ä".repeat(5_000)));
        assert!(bounded(&a, seed).len() < 300 && bounded(&a, seed) != bounded(&b, seed));
        assert_eq!(bounded("short", seed), "short");
    }

    const CHAIN: &str = "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n---\n\
        title: Never\nname: never\nlogsource: {product: app}\ndetection:\n  s: {b: 1}\n  condition: s\n---\n\
        title: First\nid: first\ncorrelation:\n  type: event_count\n  rules: [base]\n  group-by: [ip]\n  timespan: 1m\n  condition: {gte: 2}\n---\n\
        title: Second\nid: second\ncorrelation:\n  type: value_count\n  rules: [never]\n  timespan: 1h\n  condition: {field: ip, gte: 2}\n---\n\
        title: Third\nid: third\ncorrelation:\n  type: event_count\n  rules: [never]\n  timespan: 1h\n  condition: {gte: 1}\n";

    /// First counts events, second counts the first's addresses, third the second's detections.
    fn chain() -> DetectorSet {
        let file = crate::RuleFile::new("chain.yml", CHAIN);
        let mut set = DetectorSet::load([file], EntityFields::default(), Limits::default());
        assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
        let catalog = catalog_of(&mut set);
        let ip = CountedField::new("ip".into(), &mut catalog.fields);
        let feed = |correlation: usize, values: Vec<CountedField>| Feed {
            correlation,
            role: Role::Counts(0),
            group: Vec::new(),
            values,
        };
        catalog.feeds_of_correlation[0].push(feed(1, vec![ip]));
        catalog.feeds_of_correlation[1].push(feed(2, Vec::new()));
        set
    }

    fn observe(set: &mut DetectorSet, second: i64, ip: &str) {
        let at = chrono::DateTime::from_timestamp(1_767_603_600 + second, 0).unwrap();
        let serde_json::Value::Object(fields) = serde_json::json!({"a": 1, "ip": ip, "tenant": ip}) else {
            unreachable!()
        };
        set.observe(&watchkeeper_domain::event::Event {
            id: format!("{second}"),
            source: watchkeeper_domain::event::SourceName("app".into()),
            at,
            collected_at: at,
            log_source: watchkeeper_domain::event::LogSource {
                product: Some("app".into()),
                ..Default::default()
            },
            fields: fields.into(),
            raw: format!("line {second}"),
            unparsed: None,
        });
    }

    #[test]
    fn a_detection_that_opens_is_an_event_for_the_rules_that_count_it() {
        let mut set = chain();
        for (at, ip) in [(0, "x"), (1, "x"), (2, "x"), (300, "x"), (301, "x"), (400, "y")] {
            observe(&mut set, at, ip);
        }
        let told = |set: &mut DetectorSet| -> Vec<_> {
            set.drain().into_iter().map(|d| (d.detector.clone(), d)).collect()
        };
        assert!(
            told(&mut set).iter().all(|(detector, _)| detector == "first"),
            "two detections of one address are one value"
        );
        observe(&mut set, 401, "y");
        let found = told(&mut set);
        assert_eq!(
            found
                .iter()
                .map(|(detector, _)| detector.as_str())
                .collect::<Vec<_>>(),
            ["first", "second", "third"]
        );
        let (first, second, third) = (&found[0].1, &found[1].1, &found[2].1);
        assert_eq!((second.events_seen, second.last_at), (3, first.last_at));
        assert_eq!(second.evidence[2].event, first.id.as_str());
        assert!(
            second.evidence[2].raw.starts_with("First: 2 events like"),
            "{}",
            second.evidence[2].raw
        );
        assert_eq!(second.tenants.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(third.evidence[0].event, second.id.as_str());
    }

    #[test]
    fn detections_that_count_each_other_in_a_circle_end() {
        let mut set = chain();
        catalog_of(&mut set).feeds_of_correlation[2].push(Feed {
            correlation: 2,
            role: Role::Counts(0),
            group: Vec::new(),
            values: Vec::new(),
        });
        for (at, ip) in [(0, "x"), (1, "x"), (2, "y"), (3, "y")] {
            observe(&mut set, at, ip);
        }
        assert_eq!(set.drain().len(), 4);
    }
}
