//! Which rules could match an event, found without evaluating them.
//!
//! For each log source there is a route. A rule is on it by probes one of which hits for every event that matches: a field has a
//! value, a text or a part of one, or the line has a keyword. Each value of the event is probed once (one hash for its text, one
//! pass where parts of it are looked for), however many rules there are. A rule without such probes is always a
//! candidate. Candidates are evaluated in full, so the index decides about speed alone: a test compares it with evaluating everything.

mod parts;
mod probe;
mod texts;

use crate::catalog::Catalog;
use crate::sigma::item::number_key;
use crate::sigma::paths::Paths;
use crate::sigma::rule::DetectionRule;
use crate::sigma::view::{FieldId, Fields, Scalar, View};
use parts::Parts;
use probe::{Asked, Probe};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use texts::Texts;
use watchkeeper_domain::event::LogSource;

/// Log sources that are remembered; events could name any number of them.
const MOST_ROUTES: usize = 1_024;

/// Rules by number, in the order they were loaded.
type RuleId = u32;

/// The routes that were asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Index {
    routes: HashMap<LogSource, Arc<Route>, foldhash::fast::RandomState>,
    /// The route of events of which no log source is known: every rule.
    every: Option<Arc<Route>>,
}

impl Index {
    /// The route of a log source; every rule's where none is known.
    pub(crate) fn route(&mut self, log_source: Option<&LogSource>, catalog: &Catalog) -> Arc<Route> {
        let Catalog {
            rules,
            counted_fields: counted,
            named_by,
            fields,
            ..
        } = catalog;
        let named = || named_by.all().map(|field| field.id).collect::<Vec<_>>();
        let Some(log_source) = log_source else {
            let every = || Arc::new(Route::new(0..rules.len(), rules, counted, &named(), fields));
            return Arc::clone(self.every.get_or_insert_with(every));
        };
        if let Some(route) = self.routes.get(log_source) {
            return Arc::clone(route);
        }
        if self.routes.len() >= MOST_ROUTES {
            self.routes.clear();
        }
        let covered = (0..rules.len()).filter(|rule| rules[*rule].log_source.covers(log_source));
        let route = Arc::new(Route::new(covered, rules, counted, &named(), fields));
        self.routes.insert(log_source.clone(), Arc::clone(&route));
        route
    }
}

/// The rules of one log source.
#[derive(Debug)]
pub(crate) struct Route {
    /// The paths that the route's rules ask for.
    pub(crate) paths: Paths,
    always: Vec<RuleId>,
    /// By field.
    fields: Vec<Option<Box<FieldIndex>>>,
    keywords: Option<Parts>,
    /// How many rules the route has.
    pub(crate) rules: usize,
}

/// Which rules a field's values could make match.
#[derive(Debug, Default)]
struct FieldIndex {
    present: Vec<RuleId>,
    texts: Texts,
    numbers: HashMap<u64, Vec<RuleId>>,
    parts: Option<Parts>,
}

/// Whether the rule asks for values that few events have; any other is evaluated for every event, or for every one that has a field.
pub(crate) fn is_sought(rule: &DetectionRule) -> bool {
    let probes = probe::necessary(rule, &Asked::default());
    probes.is_some_and(|probes| !probes.iter().any(|probe| matches!(probe, Probe::Present(_))))
}

/// The candidates of one event; its memory is used by one event after another.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// By rule: the event it was last found for.
    seen: Vec<u64>,
    event: u64,
    found: Vec<RuleId>,
}

impl Candidates {
    fn next(&mut self, rules: usize) {
        self.event += 1;
        self.found.clear();
        if self.seen.len() < rules {
            self.seen.resize(rules, 0);
        }
    }

    #[inline]
    fn add(&mut self, rules: &[RuleId]) {
        for rule in rules {
            let seen = &mut self.seen[*rule as usize];
            if *seen != self.event {
                *seen = self.event;
                self.found.push(*rule);
            }
        }
    }
}

impl Route {
    /// The route of these rules. `counted` are the fields that correlations read, by rule, `besides` others that are wanted.
    pub(crate) fn new(
        covered: impl Iterator<Item = usize>,
        rules: &[DetectionRule],
        counted: &[Vec<FieldId>],
        besides: &[FieldId],
        fields: &Fields,
    ) -> Self {
        let covered: Vec<usize> = covered.collect();
        let mut asked: BTreeSet<FieldId> = besides.iter().copied().collect();
        for rule in &covered {
            probe::fields(&rules[*rule], &mut asked);
            asked.extend(counted[*rule].iter().copied());
        }
        let mut route = Self {
            paths: Paths::new(asked.into_iter(), fields),
            always: Vec::new(),
            fields: Vec::new(),
            keywords: None,
            rules: covered.len(),
        };
        route.fields.resize_with(fields.len(), || None);
        let asked_by_rules = Asked::by(covered.iter().map(|rule| &rules[*rule]));
        let mut parts: BTreeMap<FieldId, BTreeMap<String, Vec<RuleId>>> = BTreeMap::new();
        let mut keywords: BTreeMap<String, Vec<RuleId>> = BTreeMap::new();
        for rule in covered {
            let number = rule as RuleId;
            let Some(probes) = probe::necessary(&rules[rule], &asked_by_rules) else {
                route.always.push(number);
                continue;
            };
            for probe in probes {
                match probe {
                    Probe::Present(field) => route.field(field).present.push(number),
                    Probe::Text(field, text) => route.field(field).texts.add(&text, number),
                    Probe::Number(field, key) => {
                        route.field(field).numbers.entry(key).or_default().push(number);
                    }
                    Probe::Part(field, part) => {
                        parts
                            .entry(field)
                            .or_default()
                            .entry(part)
                            .or_default()
                            .push(number);
                    }
                    Probe::Anywhere(part) => keywords.entry(part).or_default().push(number),
                }
            }
        }
        for (field, literals) in parts {
            match Parts::new(literals) {
                Ok(parts) => route.field(field).parts = Some(parts),
                // Too large an automaton costs speed, never a match.
                Err(rules) => route.field(field).present.extend(rules),
            }
        }
        if !keywords.is_empty() {
            match Parts::new(keywords) {
                Ok(parts) => route.keywords = Some(parts),
                Err(rules) => route.always.extend(rules),
            }
        }
        route
    }

    fn field(&mut self, field: FieldId) -> &mut FieldIndex {
        self.fields[field.index()].get_or_insert_default()
    }

    /// The rules that match, in the order they were loaded.
    pub(crate) fn matches(
        &self,
        view: &View<'_>,
        rules: &[DetectionRule],
        candidates: &mut Candidates,
        matched: &mut Vec<usize>,
    ) {
        let found = self
            .candidates(view, rules.len(), candidates)
            .iter()
            .map(|rule| *rule as usize);
        matched.clear();
        matched.extend(found.filter(|rule| rules[*rule].matches(view)));
    }

    /// The rules that could match, each once, in the order they were loaded.
    pub(crate) fn candidates<'c>(
        &self,
        view: &View<'_>,
        rules: usize,
        candidates: &'c mut Candidates,
    ) -> &'c [RuleId] {
        candidates.next(rules);
        candidates.add(&self.always);
        for scalar in view.scalars() {
            if let Some(field) = &self.fields[scalar.field.index()] {
                field.probe(scalar, view, candidates);
            }
        }
        for field in view.empty() {
            if let Some(field) = &self.fields[field.index()] {
                candidates.add(&field.present);
            }
        }
        if let Some(keywords) = &self.keywords {
            let line = if view.raw.is_ascii() {
                view.raw
            } else {
                view.raw_lower()
            };
            keywords.find(line, candidates);
            if !view.texts_stand_in_raw_but_for_escapes() {
                for scalar in view.everything() {
                    let ascii = scalar.text.is_ascii();
                    let text = if ascii {
                        scalar.text
                    } else {
                        scalar.lower(view.memory)
                    };
                    keywords.find(text, candidates);
                }
            }
        }
        candidates.found.sort_unstable();
        &candidates.found
    }
}

impl FieldIndex {
    #[inline]
    fn probe<'a>(&self, scalar: &Scalar<'a>, view: &View<'a>, candidates: &mut Candidates) {
        candidates.add(&self.present);
        if let Some(rules) = self.texts.find(scalar, view) {
            candidates.add(rules);
        }
        if !self.numbers.is_empty()
            && let Some(rules) = scalar
                .number()
                .and_then(|number| self.numbers.get(&number_key(number)))
        {
            candidates.add(rules);
        }
        if let Some(parts) = &self.parts {
            if scalar.text.is_ascii() {
                parts.find(scalar.text, candidates);
            } else {
                parts.find(scalar.lower(view.memory), candidates);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{DetectorSet, Limits, RuleFile};
    use serde_json::Value;
    use std::io::Read;
    use std::path::{Path, PathBuf};
    use watchkeeper_domain::event::{EntityFields, Event, Fields, LogSource, SourceName};

    fn files(folder: &Path, into: &mut Vec<RuleFile>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                into.push(RuleFile::new(path.display().to_string(), text));
            }
        }
    }

    fn data() -> Option<PathBuf> {
        let found = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from);
        if found.is_none() {
            eprintln!(
                "SKIPPED: set WATCHKEEPER_TEST_DATA to the folder of public test data to run this test"
            );
        }
        found
    }

    fn event(raw: &str, log_source: LogSource) -> Event {
        let Value::Object(fields) = serde_json::from_str(raw).unwrap() else {
            unreachable!()
        };
        Event {
            id: String::new(),
            source: SourceName("test".into()),
            at: chrono::DateTime::UNIX_EPOCH,
            collected_at: chrono::DateTime::UNIX_EPOCH,
            log_source,
            fields: fields.into(),
            raw: raw.to_owned(),
            unparsed: None,
        }
    }

    /// A sound rule about `product: app`, and that log source.
    fn of_app(rule: RuleFile) -> (DetectorSet, LogSource) {
        let set = DetectorSet::load([rule], EntityFields::default(), Limits::default());
        assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
        let source = LogSource {
            product: Some("app".into()),
            ..LogSource::default()
        };
        (set, source)
    }

    #[test]
    fn keywords_are_found_however_json_writes_them() {
        let rule = RuleFile::new(
            "keywords.yml",
            r#"
title: Keywords
id: keywords
logsource: {product: app}
detection:
  keywords:
    - 'say "friend" and enter'
    - 'C:\\Windows\\Temp'
    - '/etc/shadow'
    - '"\"'
  condition: keywords
"#,
        );
        let (mut set, source) = of_app(rule);
        for (raw, matches) in [
            (r#"{"m":"they say \"friend\" and enter"}"#, true),
            (r#"{"m":"in c:\\windows\\temp\\x"}"#, true),
            (r#"{"m":"\u0063:\\win\u0064ows\\temp"}"#, true),
            (r#"{"m":"cat \/etc\/shadow"}"#, true),
            (r#"{"m":"cat \n/etc/shadow"}"#, true),
            (r#"{"m":"a \"\\\" b"}"#, true),
            (r#"{"m":"they say \"friend\" or enter"}"#, false),
        ] {
            let event = event(raw, source.clone());
            let (by_index, from_text, _) = set.matches_by_index(&event);
            assert_eq!(by_index.len(), usize::from(matches), "{raw}");
            assert_eq!(by_index, from_text, "{raw}");
            assert_eq!(by_index, set.matches_by_evaluating_all(&event), "{raw}");
        }
    }

    #[test]
    fn a_condition_that_names_its_selections_again_and_again_is_tried_as_it_stands() {
        let maps: String = (0..100).map(|n| format!("    - {{a: x{n}}}\n")).collect();
        let condition = vec!["(s and not t)"; 1_000].join(" or ");
        let text = format!(
            "title: Again\nid: again\nlogsource: {{product: app}}\ndetection:\n  s:\n{maps}  t: {{b: y}}\n  condition: {condition}\n"
        );
        let rule = RuleFile::new("again.yml", text);
        let (mut set, source) = of_app(rule);
        for (raw, matches) in [
            (r#"{"a":"x99"}"#, 1),
            (r#"{"a":"x99","b":"y"}"#, 0),
            (r#"{"a":"x"}"#, 0),
        ] {
            let event = event(raw, source.clone());
            assert_eq!(set.matches_by_index(&event).0.len(), matches, "{raw}");
            assert_eq!(set.matches_by_evaluating_all(&event).len(), matches, "{raw}");
        }
    }

    #[test]
    fn the_index_finds_exactly_what_evaluating_every_rule_finds() {
        let Some(data) = data() else { return };
        let mut rules = Vec::new();
        files(&data.join("sigma/rules"), &mut rules);
        files(&data.join("sigma/regression"), &mut rules);
        files(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detectors"),
            &mut rules,
        );
        let mut set = DetectorSet::load(rules, EntityFields::default(), Limits::default());
        let mut trail = String::new();
        let packed = std::fs::File::open(data.join("cloudtrail/invictus.jsonl.gz")).unwrap();
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut trail)
            .unwrap();
        let aws = LogSource {
            product: Some("aws".into()),
            service: Some("cloudtrail".into()),
            category: None,
        };
        let mut events: Vec<_> = trail.lines().map(|line| event(line, aws.clone())).collect();
        let sources: Vec<_> = set
            .detectors()
            .iter()
            .flat_map(|info| info.log_sources.clone())
            .collect();
        for folder in std::fs::read_dir(data.join("sigma/regression")).unwrap() {
            let folder = folder.unwrap().path();
            let lines = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
            // Each event as every kind of Windows log, so that rules meet events that were not made for them.
            for source in sources
                .iter()
                .filter(|source| source.product.as_deref() == Some("windows"))
                .step_by(7)
            {
                events.extend(lines.lines().map(|line| event(line, source.clone())));
            }
        }
        let (mut matches, mut candidates) = (0, 0);
        for event in &events {
            let (found, from_text, tried) = set.matches_by_index(event);
            let besides = event.fields().clone().into_iter().step_by(5).collect();
            let standing = Event {
                fields: Fields::in_text(besides),
                ..event.clone()
            };
            assert_eq!(found, set.matches_by_index(&standing).0, "{}", event.raw);
            assert_eq!(found, set.matches_by_evaluating_all(event), "{}", event.raw);
            assert_eq!(found, from_text, "{}", event.raw);
            matches += found.len();
            candidates += tried;
        }
        assert!(matches > 500, "{matches} matches show little");
        assert!(
            candidates / events.len() < 15,
            "{candidates} candidates for {} events are too many",
            events.len()
        );
    }
}
