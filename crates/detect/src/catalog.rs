//! From rule files to the rules that run: pipelines and filters applied, references resolved, faulty rules set aside.

use crate::chain::{self, Links, Target, field_of};
use crate::limits::Limits;
use crate::occurrence::{CountedField, NamingFields};
use crate::quarantine::{Quarantined, RuleFile};
use crate::reason::Words;
use crate::report::{DetectorInfo, Kind};
use crate::sigma::correlation::{CorrelationRule, Counting, Figure, Threshold};
use crate::sigma::document::{self, Document, Purpose, Rule};
use crate::sigma::filter::{self, Filter, FilteredRules};
use crate::sigma::pipeline::{self, Pipeline};
use crate::sigma::rule::{Called, DetectionRule, Meta, Shared};
use crate::sigma::view::{FieldId, Fields};
use crate::window::{Decide, Plan, absence, bucket, numbers, ordered, sequence, temporal};
use std::collections::{BTreeSet, HashMap};
use watchkeeper_domain::event::{EntityFields, LogSource};
use watchkeeper_domain::id::digest;

/// Rules that run, by index: detectors are all of them in the order they were loaded.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) fields: Fields,
    pub(crate) rules: Vec<DetectionRule>,
    pub(crate) correlations: Vec<Correlation>,
    /// For each detection rule, its detector.
    pub(crate) detector_of_rule: Vec<usize>,
    /// For each detection rule, the correlations that its matches go to.
    pub(crate) feeds: Vec<Vec<Feed>>,
    /// For each detection rule, the fields that the correlations read which count it.
    pub(crate) counted_fields: Vec<Vec<FieldId>>,
    /// By number of a field, whether some correlation reads it; nothing is said of the last ones.
    counted: Vec<bool>,
    /// The fields that say whom an event is about.
    pub(crate) named_by: NamingFields,
    /// Those of them that some correlation reads.
    pub(crate) named_by_counted: NamingFields,
    /// For each correlation, the correlations that its detections go to.
    pub(crate) feeds_of_correlation: Vec<Vec<Feed>>,
    pub(crate) detectors: Vec<DetectorInfo>,
    /// The correlations that watch for silence, without groups: for them it begins with the source.
    pub(crate) silence: Vec<usize>,
    /// In the order they are applied.
    pub(crate) pipelines: Vec<Pipeline>,
}

/// A correlation with its references resolved.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub(crate) rule: CorrelationRule,
    pub(crate) detector: usize,
    pub(crate) plan: Plan,
    pub(crate) words: Words,
    /// Digest of the texts of the rule and of those it refers to, with their pipelines and filters: state belongs to one wording.
    pub(crate) wording: String,
    /// What it refers to; correlations by their index in the catalog.
    pub(crate) links: Links,
    /// The place in `group-by` that says which tenant a group is of, if one does.
    pub(crate) tenant_at: Option<usize>,
}

/// That a rule is counted by a correlation, and by which of its fields. A rule can be counted by one correlation at several
/// places.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) correlation: usize,
    pub(crate) role: Role,
    /// The fields of `group-by`, aliases resolved; of an inner correlation, the names in its own `group-by`.
    pub(crate) group: Vec<CountedField>,
    /// The fields whose values are counted, aliases resolved.
    pub(crate) values: Vec<CountedField>,
}

/// What a match means to a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It counts, at this place of `rules`.
    Counts(u16),
    /// It belongs to the base of a share.
    Base,
    /// It calls a sequence off; the place in `cancel`.
    Cancels(u16),
}

/// Where a rule ended up.
enum Loaded {
    Detection(usize),
    Correlation(usize),
}

/// What others need to know of a correlation that runs.
struct Inner {
    called: Called,
    source: String,
    links: Links,
}

impl Inner {
    fn of(running: &(CorrelationRule, Links)) -> Self {
        let (rule, links) = running;
        Self {
            called: rule.meta.called(),
            source: rule.meta.source.clone(),
            links: links.clone(),
        }
    }
}

/// Everything that a correlation rests on, through all its chains, each once.
#[derive(Default)]
struct Reached {
    seen: BTreeSet<Target>,
    texts: Vec<String>,
    log_sources: Vec<LogSource>,
    /// Texts of pipelines and filters.
    shaped_by: Vec<String>,
}

impl Reached {
    fn visit(&mut self, target: Target, rules: &[DetectionRule], all: &[Inner]) {
        if !self.seen.insert(target) {
            return;
        }
        match target {
            Target::Rule(index) => {
                let rule = &rules[index];
                once(&mut self.texts, &rule.meta.source);
                once(&mut self.log_sources, &rule.log_source);
                rule.shaped_by()
                    .for_each(|text| once(&mut self.shaped_by, &text.to_owned()));
            }
            Target::Correlation(index) => {
                once(&mut self.texts, &all[index].source);
                let links = all[index].links.clone();
                links.all().for_each(|inner| self.visit(inner, rules, all));
            }
        }
    }
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn once<T: Clone + PartialEq>(known: &mut Vec<T>, item: &T) {
    if !known.contains(item) {
        known.push(item.clone());
    }
}

/// Ids that are taken, with the files and lines that took them.
#[derive(Default)]
struct Ids(HashMap<String, (String, usize)>);

impl Ids {
    /// Takes the rule's id, or tells who has it. Rules of several files that have none of their own may be called alike.
    fn take(&mut self, meta: &mut Meta) -> Result<(), Quarantined> {
        let elsewhere = |(path, _): &(String, usize)| *path != meta.path;
        if !meta.has_id && self.0.get(&meta.id.to_lowercase()).is_some_and(elsewhere) {
            meta.id = format!("{} ({})", meta.id, meta.path);
        }
        let id = meta.id.to_lowercase();
        if let Some((path, line)) = self.0.get(&id) {
            let reason = if meta.has_id {
                format!(
                    "the id `{}` is already used in {path}:{line}: give this rule an `id` of its own",
                    meta.id
                )
            } else {
                format!(
                    "`{}` is already the name of the rule at {path}:{line}: give this one an `id`, or another name",
                    meta.id
                )
            };
            return Err(meta.fault(meta.id_line, "id", reason));
        }
        self.0.insert(id, (meta.path.clone(), meta.line));
        Ok(())
    }
}

impl Catalog {
    /// Reads every file; what cannot run is in the second part.
    pub(crate) fn load(
        files: impl IntoIterator<Item = RuleFile>,
        limits: &Limits,
    ) -> (Self, Vec<Quarantined>) {
        let mut catalog = Self::default();
        let mut faults = Vec::new();
        let mut documents = Vec::new();
        for file in files {
            documents.extend(Document::all(&file, &mut faults));
        }
        let of = |purpose: Purpose| {
            documents
                .iter()
                .filter(move |document| document.purpose() == purpose)
        };
        for document in of(Purpose::Pipeline) {
            catalog
                .pipelines
                .extend(pipeline::read(document, limits, &mut faults));
        }
        pipeline::in_order(&mut catalog.pipelines);
        let mut ids = Ids::default();
        let mut order = Vec::new();
        let mut pending = Vec::new();
        let mut fallen = Vec::new();
        for document in of(Purpose::Rule) {
            let rule = document::read(
                document,
                &catalog.pipelines,
                &mut catalog.fields,
                limits,
                &mut faults,
            );
            let Some(mut rule) = rule else {
                fallen.push(document);
                continue;
            };
            if let Err(taken) = ids.take(rule.meta_mut()) {
                faults.push(taken);
                fallen.push(document);
                continue;
            }
            match rule {
                Rule::Detection(rule) => {
                    order.push(Loaded::Detection(catalog.rules.len()));
                    catalog.rules.push(rule);
                }
                Rule::Correlation(rule) => {
                    order.push(Loaded::Correlation(pending.len()));
                    pending.push(rule);
                }
            }
        }
        for document in of(Purpose::Filter) {
            let Some(mut filter) = filter::read(document, limits, &mut faults) else {
                continue;
            };
            match ids.take(&mut filter.meta) {
                Ok(()) => catalog.join(&filter, &pending, &fallen, limits, &mut faults),
                Err(taken) => faults.push(taken),
            }
        }
        let unresolved = catalog.add_in_order(order, pending, &fallen, &mut faults);
        let of_fallen = fallen
            .iter()
            .map(|document| (document.path.clone(), document.counts()));
        let mut meant_to_count: Vec<_> = of_fallen.chain(unresolved).collect();
        for (path, references) in &mut meant_to_count {
            // Who refers to a rule of the same file that cannot run means no namesake elsewhere.
            let fell = |name: &String| {
                fallen
                    .iter()
                    .any(|document| document.path == *path && document.is(name))
            };
            references.retain(|name| !fell(name));
        }
        let mut shared = Shared::default();
        catalog.rules.iter_mut().for_each(|rule| shared.take(rule));
        catalog.silence_counted(&meant_to_count);
        catalog.ask_for_counted_fields();
        (catalog, faults)
    }

    /// Joins a filter to those of its rules that are there; the others are told.
    fn join(
        &mut self,
        filter: &Filter,
        correlations: &[CorrelationRule],
        fallen: &[&Document],
        limits: &Limits,
        faults: &mut Vec<Quarantined>,
    ) {
        let path = &filter.meta.path;
        let agrees = |rule: &DetectionRule| {
            filter.log_source.covers(&rule.shaping.from) || filter.log_source.covers(&rule.log_source)
        };
        let rules: Vec<usize> = match &filter.rules {
            FilteredRules::Every => (0..self.rules.len())
                .filter(|index| agrees(&self.rules[*index]))
                .collect(),
            FilteredRules::These(references) => {
                let mut found = Vec::new();
                for (reference, line) in references {
                    let resolver = chain::Resolver::new(&self.rules, correlations, fallen);
                    let reason = match resolver.named(reference, path).as_slice() {
                        targets if let Some(fallen) = resolver.fallen(reference, path, targets) => fallen,
                        [Target::Rule(index)] if agrees(&self.rules[*index]) => {
                            found.push(*index);
                            continue;
                        }
                        [Target::Rule(_)] => format!(
                            "`{reference}` is a rule of another log source: the filter's `logsource` must cover it"
                        ),
                        [Target::Correlation(_)] => {
                            format!("`{reference}` is a correlation: filter the rules that it counts")
                        }
                        [] => format!(
                            "no rule that runs is called `{reference}`: refer to one by its id, name or title, or remove it"
                        ),
                        several => format!("{} rules are called `{reference}`: refer by id", several.len()),
                    };
                    faults.push(filter.meta.fault(*line, "filter.rules", reason));
                }
                found.sort_unstable();
                found.dedup();
                found
            }
        };
        for index in rules {
            filter.join(&mut self.rules[index], &mut self.fields, limits, faults);
        }
    }

    /// Adds what was loaded, in its order; gives the files and the references of correlations that cannot run.
    fn add_in_order(
        &mut self,
        order: Vec<Loaded>,
        pending: Vec<CorrelationRule>,
        fallen: &[&Document],
        faults: &mut Vec<Quarantined>,
    ) -> Vec<(String, Vec<String>)> {
        let resolved = chain::resolve(&self.rules, &pending, fallen, faults);
        let broken = pending
            .iter()
            .zip(&resolved)
            .filter(|(rule, links)| links.is_none() && !rule.generate);
        let unresolved = broken.map(|(rule, _)| {
            let references = rule.rules.iter().chain(&rule.base).chain(&rule.cancel);
            (
                rule.meta.path.clone(),
                references.map(|(name, _)| name.clone()).collect(),
            )
        });
        let unresolved = unresolved.collect();
        let mut places = Vec::new();
        let mut next = 0;
        for links in &resolved {
            places.push(next);
            next += usize::from(links.is_some());
        }
        // Correlations are told by their place among those that run.
        let placed = |targets: Vec<Target>| -> Vec<Target> {
            let place = |target| match target {
                Target::Correlation(index) => Target::Correlation(places[index]),
                rule @ Target::Rule(_) => rule,
            };
            targets.into_iter().map(place).collect()
        };
        let mut running: Vec<Option<(CorrelationRule, Links)>> = Vec::new();
        for (rule, links) in pending.into_iter().zip(resolved) {
            running.push(links.map(|links| {
                let links = Links {
                    rules: placed(links.rules),
                    base: placed(links.base),
                    cancel: placed(links.cancel),
                };
                (rule, links)
            }));
        }
        self.feeds = self.rules.iter().map(|_| Vec::new()).collect();
        self.feeds_of_correlation = (0..next).map(|_| Vec::new()).collect();
        let all: Vec<_> = running.iter().flatten().map(Inner::of).collect();
        for loaded in order {
            match loaded {
                Loaded::Detection(index) => {
                    self.detector_of_rule.push(self.detectors.len());
                    let rule = &self.rules[index];
                    let mut told = info(&rule.meta, Kind::Single, vec![rule.log_source.clone()]);
                    told.filters = rule.filters.iter().map(|(id, _)| id.clone()).collect();
                    told.pipelines = rule.shaping.by.iter().map(|(name, _)| name.clone()).collect();
                    self.detectors.push(told);
                }
                Loaded::Correlation(index) => {
                    if let Some((rule, links)) = running[index].take() {
                        self.add(rule, links, &all);
                    }
                }
            }
        }
        unresolved
    }

    fn add(&mut self, rule: CorrelationRule, links: Links, all: &[Inner]) {
        self.feed(&rule, &links, all);
        let mut reached = Reached::default();
        links
            .all()
            .for_each(|target| reached.visit(target, &self.rules, all));
        let titles = |targets: &[Target]| {
            let title = |target: &Target| match target {
                Target::Rule(index) => self.rules[*index].meta.title.clone(),
                Target::Correlation(index) => all[*index].called.title.clone(),
            };
            targets.iter().map(title).collect::<Vec<_>>()
        };
        let (counted, base, cancel) = (titles(&links.rules), titles(&links.base), titles(&links.cancel));
        let words = Words::new(&rule, &strs(&counted), &strs(&base), &strs(&cancel));
        let mut texts = vec![rule.meta.source.as_str()];
        texts.extend(
            reached
                .texts
                .iter()
                .map(String::as_str)
                .filter(|text| *text != rule.meta.source),
        );
        let (plan, kind) = plan(&rule);
        if matches!(&plan.decide, Decide::Absence(asked) if !asked.forgets) {
            self.silence.push(self.correlations.len());
        }
        let mut told = info(&rule.meta, kind, reached.log_sources);
        told.source = texts.join("---\n");
        texts.extend(reached.shaped_by.iter().map(String::as_str));
        let wording = digest(&texts);
        let detector = self.detectors.len();
        self.detectors.push(told);
        self.correlations.push(Correlation {
            rule,
            detector,
            plan,
            words,
            wording,
            links,
            tenant_at: None,
        });
    }

    /// Tells the rules that a correlation refers to where their matches go.
    fn feed(&mut self, rule: &CorrelationRule, links: &Links, all: &[Inner]) {
        let correlation = self.correlations.len();
        let place = |place: usize| u16::try_from(place).unwrap_or(u16::MAX);
        let counts = links
            .rules
            .iter()
            .enumerate()
            .map(|(at, target)| (*target, Role::Counts(place(at))));
        let base = links.base.iter().map(|target| (*target, Role::Base));
        let cancels = links
            .cancel
            .iter()
            .enumerate()
            .map(|(at, target)| (*target, Role::Cancels(place(at))));
        for (target, role) in counts.chain(base).chain(cancels) {
            let mut resolved = |fields: &[String]| -> Vec<CountedField> {
                let path = |field: &String| match target {
                    Target::Rule(index) => {
                        let counted = &self.rules[index];
                        counted
                            .shaping
                            .mapping
                            .first(&field_of(rule, &counted.meta.called(), field))
                    }
                    Target::Correlation(index) => field_of(rule, &all[index].called, field),
                };
                let paths = fields.iter().map(path);
                paths
                    .map(|path| CountedField::new(path, &mut self.fields))
                    .collect()
            };
            let values = match role {
                Role::Cancels(_) => Vec::new(),
                Role::Counts(_) | Role::Base => resolved(rule.counting.fields()),
            };
            let feed = Feed {
                correlation,
                role,
                group: resolved(&rule.group_by),
                values,
            };
            match target {
                Target::Rule(index) => self.feeds[index].push(feed),
                Target::Correlation(index) => self.feeds_of_correlation[index].push(feed),
            }
        }
    }

    /// What each detector says about itself, in the order of the detectors.
    pub(crate) fn metas(&self) -> Vec<&Meta> {
        let rules = self
            .rules
            .iter()
            .zip(&self.detector_of_rule)
            .map(|(rule, detector)| (*detector, &rule.meta));
        let correlations = self
            .correlations
            .iter()
            .map(|correlation| (correlation.detector, &correlation.rule.meta));
        let mut all: Vec<_> = rules.chain(correlations).collect();
        all.sort_by_key(|(detector, _)| *detector);
        all.into_iter().map(|(_, meta)| meta).collect()
    }

    /// What each detector judges by, by its id: a digest of the texts of its rule and of those it rests on, with their pipelines and
    /// filters.
    pub(crate) fn wordings(&self) -> HashMap<&str, String> {
        let rules = self.rules.iter().map(|rule| {
            let source = std::iter::once(rule.meta.source.as_str());
            let texts: Vec<&str> = source.chain(rule.shaped_by()).collect();
            (rule.meta.id.as_str(), digest(&texts))
        });
        let correlations = self
            .correlations
            .iter()
            .map(|correlation| (correlation.rule.meta.id.as_str(), correlation.wording.clone()));
        rules.chain(correlations).collect()
    }

    /// Of how many correlations the longest chain is that ends with this one.
    pub(crate) fn depth(&self, correlation: usize) -> usize {
        let inner = self.correlations[correlation]
            .links
            .all()
            .map(|target| match target {
                Target::Rule(_) => 0,
                Target::Correlation(inner) => self.depth(inner),
            });
        1 + inner.max().unwrap_or(0)
    }

    fn ask_for_counted_fields(&mut self) {
        let of_feeds = |feeds: &Vec<Feed>| {
            let fields = feeds
                .iter()
                .flat_map(|feed| feed.group.iter().chain(&feed.values));
            fields.map(|field| field.id).collect()
        };
        self.counted_fields = self.feeds.iter().map(of_feeds).collect();
        self.counted = vec![false; self.fields.len()];
        for field in self.counted_fields.iter().flatten() {
            self.counted[field.index()] = true;
        }
    }

    /// Whether some correlation reads the field.
    pub(crate) fn is_counted(&self, field: FieldId) -> bool {
        self.counted.get(field.index()).is_some_and(|counted| *counted)
    }

    /// Asks every event for the fields that say whom it is about: correlations tell of them, and some group by the tenant.
    pub(crate) fn ask_for_entities(&mut self, entities: &EntityFields) {
        for feed in self.feeds.iter().chain(&self.feeds_of_correlation).flatten() {
            let names_tenant = |field: &CountedField| entities.tenant.contains(&field.path);
            let place = feed.group.iter().position(names_tenant);
            let correlation = &mut self.correlations[feed.correlation];
            correlation.tenant_at = correlation.tenant_at.or(place);
        }
        self.named_by = NamingFields::new(entities, &mut self.fields);
        let named_by = self.named_by.clone();
        self.named_by_counted = named_by.only(|field| self.is_counted(field.id));
    }

    /// A rule that correlations count fires by itself only if one of them says `generate: true` (specification 2.1). Nor does
    /// one that only a correlation counts which cannot run: many such rules match what happens all day.
    fn silence_counted(&mut self, meant_to_count: &[(String, Vec<String>)]) {
        let mut silent = vec![false; self.rules.len()];
        for (path, references) in meant_to_count {
            for reference in references {
                if let [Target::Rule(index)] = chain::named(&self.rules, &[], reference, path).as_slice() {
                    silent[*index] = true;
                }
            }
        }
        for (detector, silent) in self.detector_of_rule.iter().zip(silent) {
            self.detectors[*detector].fires = !silent;
        }
        let correlations = self.correlations.iter().map(|correlation| correlation.detector);
        let detectors = self.detector_of_rule.iter().copied().chain(correlations);
        let feeds = self.feeds.iter().chain(&self.feeds_of_correlation);
        for (feeds, detector) in feeds.zip(detectors) {
            let generates = feeds
                .iter()
                .any(|feed| self.correlations[feed.correlation].rule.generate);
            if !feeds.is_empty() {
                self.detectors[detector].fires = generates;
            }
        }
    }
}

fn plan(rule: &CorrelationRule) -> (Plan, Kind) {
    let span = rule.timespan;
    let (decide, kind) = match &rule.counting {
        Counting::Events(Threshold::Reached(count)) => (Decide::Events(*count), Kind::EventCount),
        Counting::Events(Threshold::AtEnd(bounds)) => (Decide::EventsAtEnd(bounds.clone()), Kind::EventCount),
        Counting::Values(_, Threshold::Reached(count)) => (Decide::Values(*count), Kind::ValueCount),
        Counting::Values(_, Threshold::AtEnd(bounds)) => {
            (Decide::ValuesAtEnd(bounds.clone()), Kind::ValueCount)
        }
        Counting::Ratio(share) => (Decide::Share(*share), Kind::Ratio),
        Counting::Temporal(condition) => {
            let plan = temporal::Plan::new(span, condition.clone());
            (Decide::Temporal(plan), Kind::Temporal)
        }
        Counting::TemporalOrdered => (Decide::Ordered(order(rule, span)), Kind::TemporalOrdered),
        Counting::Figure(figure, _, bounds) => {
            let plan = numbers::Plan {
                span,
                figure: *figure,
                bounds: bounds.clone(),
            };
            let kind = match figure {
                Figure::Sum => Kind::ValueSum,
                Figure::Average => Kind::ValueAvg,
                Figure::Median => Kind::ValueMedian,
                Figure::Percentile(_) => Kind::ValuePercentile,
            };
            (Decide::Numbers(plan), kind)
        }
        Counting::Absence => {
            let forgets = !rule.group_by.is_empty();
            (Decide::Absence(absence::Plan { span, forgets }), Kind::Absence)
        }
        Counting::Sequence(sequence) => {
            let plan = sequence::Plan {
                order: order(rule, sequence.gap),
                cancels: !rule.cancel.is_empty(),
            };
            (Decide::Sequence(plan), Kind::Sequence)
        }
        Counting::LeakyBucket(bucket) => {
            let bucket = bucket.clone();
            (Decide::LeakyBucket(bucket::Plan { bucket }), Kind::LeakyBucket)
        }
    };
    (Plan { decide, span }, kind)
}

fn order(rule: &CorrelationRule, gap: i64) -> ordered::Plan {
    ordered::Plan {
        span: rule.timespan,
        gap,
        places: u16::try_from(rule.rules.len()).unwrap_or(u16::MAX),
    }
}

fn info(meta: &Meta, kind: Kind, log_sources: Vec<LogSource>) -> DetectorInfo {
    DetectorInfo {
        id: meta.id.clone(),
        title: meta.title.clone(),
        level: meta.level,
        status: meta.status,
        description: meta.description.clone(),
        log_sources,
        tags: meta.tags.clone(),
        kind,
        fires: true,
        path: meta.path.clone(),
        line: meta.line,
        author: meta.author.clone(),
        references: meta.references.clone(),
        falsepositives: meta.falsepositives.clone(),
        tests: meta.examples.len(),
        source: meta.source.clone(),
        filters: Vec::new(),
        pipelines: Vec::new(),
    }
}
