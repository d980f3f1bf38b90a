//! What correlations refer to: detection rules, and other correlations whose detections they count.
//!
//! Takes the correlations that are sound in themselves, in any order, and finds those that can run: every reference names one
//! rule, no chain bites its own tail, and what a correlation groups an inner one by is there.

use crate::quarantine::Quarantined;
use crate::sigma::correlation::{CorrelationRule, Counting};
use crate::sigma::document::Document;
use crate::sigma::rule::{Called, DetectionRule, Meta};
use crate::sigma::similar::similar;
use std::collections::BTreeSet;

/// What a reference means, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Rule(usize),
    Correlation(usize),
}

/// The references of one correlation, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) rules: Vec<Target>,
    pub(crate) base: Vec<Target>,
    pub(crate) cancel: Vec<Target>,
}

impl Links {
    pub(crate) fn all(&self) -> impl Iterator<Item = Target> {
        let both = self.rules.iter().chain(&self.base);
        both.chain(&self.cancel).copied()
    }
}

/// For each correlation its links, or nothing where it cannot run; the reasons go to `faults`.
pub(crate) fn resolve(
    rules: &[DetectionRule],
    correlations: &[CorrelationRule],
    fallen: &[&Document],
    faults: &mut Vec<Quarantined>,
) -> Vec<Option<Links>> {
    let resolver = Resolver::new(rules, correlations, fallen);
    let mut links: Vec<_> = (0..correlations.len())
        .map(|index| resolver.links(index, faults))
        .collect();
    for index in in_cycles(&links) {
        let rule = &correlations[index];
        let line = rule.rules.first().map_or(rule.meta.line, |(_, line)| *line);
        faults.push(rule.meta.fault(
            line,
            "correlation.rules",
            "the correlation counts itself, through the correlations that it refers to: refer to detection rules at the end of the chain".into(),
        ));
        links[index] = None;
    }
    // One that cannot run takes those with it that count it, and so on.
    loop {
        let broken = |target: Target| matches!(target, Target::Correlation(inner) if links[inner].is_none());
        let fallen = (0..links.len()).find_map(|index| {
            let links = links[index].as_ref()?;
            links
                .all()
                .find(|target| broken(*target))
                .map(|target| (index, target))
        });
        let Some((index, target)) = fallen else {
            return links;
        };
        let rule = &correlations[index];
        let (name, line, key) = resolver.reference(index, links[index].as_ref(), target);
        let reason = format!("`{name}` does not run itself: mend that rule first");
        faults.push(rule.meta.fault(line, key, reason));
        links[index] = None;
    }
}

/// What there is to refer to.
pub(crate) struct Resolver<'a> {
    rules: &'a [DetectionRule],
    correlations: &'a [CorrelationRule],
    /// Documents that gave no rule.
    fallen: &'a [&'a Document],
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        rules: &'a [DetectionRule],
        correlations: &'a [CorrelationRule],
        fallen: &'a [&'a Document],
    ) -> Self {
        Self {
            rules,
            correlations,
            fallen,
        }
    }

    pub(crate) fn named(&self, reference: &str, path: &str) -> Vec<Target> {
        named(self.rules, self.correlations, reference, path)
    }

    /// What to say of a reference that means a rule which does not run: a rule of the same file is meant rather than one of another
    /// file that is called like it, unless the reference is that one's id.
    pub(crate) fn fallen(&self, reference: &str, path: &str, targets: &[Target]) -> Option<String> {
        let sure = |target: &Target| {
            let meta = self.meta(*target);
            meta.path == path || meta.has_id && meta.calling(reference) == Some(0)
        };
        if targets.iter().any(sure) {
            return None;
        }
        let meant =
            |document: &&&Document| document.is(reference) && (targets.is_empty() || document.path == path);
        let document = self.fallen.iter().find(meant)?;
        Some(format!(
            "`{reference}` does not run itself: mend that rule first, at {}:{}",
            document.path, document.line
        ))
    }

    fn meta(&self, target: Target) -> &Meta {
        match target {
            Target::Rule(index) => &self.rules[index].meta,
            Target::Correlation(index) => &self.correlations[index].meta,
        }
    }

    fn links(&self, index: usize, faults: &mut Vec<Quarantined>) -> Option<Links> {
        let rule = &self.correlations[index];
        let before = faults.len();
        let links = Links {
            rules: self.targets(rule, "correlation.rules", &rule.rules, faults),
            base: self.targets(rule, "correlation.of", &rule.base, faults),
            cancel: self.targets(rule, "correlation.cancel", &rule.cancel, faults),
        };
        if faults.len() > before {
            return None;
        }
        self.check_ratio(rule, &links, faults);
        self.check_fields(rule, &links, faults);
        self.check_aliases(rule, &links, faults);
        (faults.len() == before).then_some(links)
    }

    fn targets(
        &self,
        rule: &CorrelationRule,
        key: &str,
        references: &[(String, usize)],
        faults: &mut Vec<Quarantined>,
    ) -> Vec<Target> {
        let mut found = Vec::new();
        for (reference, line) in references {
            let path = &rule.meta.path;
            let targets = self.named(reference, path);
            if let Some(reason) = self.fallen(reference, path, &targets) {
                faults.push(rule.meta.fault(*line, key, reason));
                continue;
            }
            match targets.as_slice() {
                [one] => found.push(*one),
                [] => {
                    let metas = self.rules.iter().map(|rule| &rule.meta);
                    let metas = metas.chain(self.correlations.iter().map(|rule| &rule.meta));
                    let near = metas
                        .flat_map(|meta| meta.name.iter().chain([&meta.title, &meta.id]))
                        .find(|name| similar(name, reference));
                    let hint = near.map_or(String::new(), |near| format!(", did you mean `{near}`"));
                    let reason = format!(
                        "no rule that runs is called `{reference}`{hint}: refer to one by its id, name or title"
                    );
                    faults.push(rule.meta.fault(*line, key, reason));
                }
                several => {
                    let reason = format!("{} rules are called `{reference}`: refer by id", several.len());
                    faults.push(rule.meta.fault(*line, key, reason));
                }
            }
        }
        found
    }

    /// A share is one of events, and a detection is none.
    fn check_ratio(&self, rule: &CorrelationRule, links: &Links, faults: &mut Vec<Quarantined>) {
        if !matches!(rule.counting, Counting::Ratio(_)) {
            return;
        }
        let parts = [
            ("correlation.rules", &rule.rules, &links.rules),
            ("correlation.of", &rule.base, &links.base),
        ];
        for (key, references, targets) in parts {
            for ((name, line), target) in references.iter().zip(targets) {
                if let Target::Correlation(_) = target {
                    let reason = format!(
                        "`{name}` is a correlation: a `ratio` is one of events, so refer to detection rules"
                    );
                    faults.push(rule.meta.fault(*line, key, reason));
                }
            }
        }
    }

    /// What an inner correlation tells is its groups: nothing else can be grouped by or counted.
    fn check_fields(&self, rule: &CorrelationRule, links: &Links, faults: &mut Vec<Quarantined>) {
        let parts = [
            ("correlation.rules", &rule.rules, &links.rules),
            ("correlation.cancel", &rule.cancel, &links.cancel),
        ];
        for (key, references, targets) in parts {
            for ((name, line), target) in references.iter().zip(targets) {
                let Target::Correlation(inner) = target else {
                    continue;
                };
                let inner = &self.correlations[*inner];
                let mut asked: Vec<_> = rule.group_by.iter().collect();
                if key == "correlation.rules" {
                    asked.extend(rule.counting.fields());
                }
                for field in asked {
                    let resolved = field_of(rule, &inner.meta.called(), field);
                    if !inner.group_by.contains(&resolved) {
                        let reason = format!(
                            "`{name}` is a correlation that does not group by `{resolved}`, so its detections have none: add it to the `group-by` there, or give an alias for it here"
                        );
                        faults.push(rule.meta.fault(*line, key, reason));
                    }
                }
            }
        }
    }

    fn check_aliases(&self, rule: &CorrelationRule, links: &Links, faults: &mut Vec<Quarantined>) {
        for (alias, of) in &rule.aliases {
            for reference in of.keys() {
                if !links.all().any(|target| self.meta(target).called().is(reference)) {
                    let reason = format!(
                        "`{reference}` is none of the rules that this correlation refers to: name one of them"
                    );
                    faults.push(rule.meta.fault(
                        rule.meta.line,
                        &format!("correlation.aliases.{alias}"),
                        reason,
                    ));
                }
            }
        }
    }

    /// What a correlation calls a target, and where.
    fn reference(
        &self,
        index: usize,
        links: Option<&Links>,
        target: Target,
    ) -> (String, usize, &'static str) {
        let rule = &self.correlations[index];
        let parts = links.map(|links| {
            [
                ("correlation.rules", &rule.rules, &links.rules),
                ("correlation.of", &rule.base, &links.base),
                ("correlation.cancel", &rule.cancel, &links.cancel),
            ]
        });
        let found = parts
            .into_iter()
            .flatten()
            .find_map(|(key, references, targets)| {
                let place = targets.iter().position(|known| *known == target)?;
                references
                    .get(place)
                    .map(|(name, line)| (name.clone(), *line, key))
            });
        found.unwrap_or((self.meta(target).id.clone(), rule.meta.line, "correlation.rules"))
    }
}

/// The rules that a reference in a file at `path` means: those it names most surely, by id before name before title, and those of
/// its own file before others.
pub(crate) fn named(
    rules: &[DetectionRule],
    correlations: &[CorrelationRule],
    reference: &str,
    path: &str,
) -> Vec<Target> {
    let detection = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (Target::Rule(index), &rule.meta));
    let counting = correlations
        .iter()
        .enumerate()
        .map(|(index, rule)| (Target::Correlation(index), &rule.meta));
    let calling: Vec<_> = detection
        .chain(counting)
        .filter_map(|(target, meta)| Some((meta.meant(reference, path)?, target)))
        .collect();
    let surest = calling.iter().map(|(sureness, _)| *sureness).min();
    calling
        .into_iter()
        .filter(|(sureness, _)| Some(*sureness) == surest)
        .map(|(_, target)| target)
        .collect()
}

/// The field of a counted rule that a name in `group-by` or `condition` stands for.
pub(crate) fn field_of(rule: &CorrelationRule, counted: &Called, field: &str) -> String {
    let alias = rule.aliases.get(field);
    let resolved = alias.and_then(|of| of.iter().find(|(reference, _)| counted.is(reference)));
    resolved.map_or_else(|| field.to_owned(), |(_, field)| field.clone())
}

/// Every correlation that can be reached from itself.
fn in_cycles(links: &[Option<Links>]) -> Vec<usize> {
    let inner = |index: usize| {
        let targets = links[index].iter().flat_map(Links::all);
        targets.filter_map(|target| match target {
            Target::Correlation(inner) => Some(inner),
            Target::Rule(_) => None,
        })
    };
    let reaches_itself = |start: &usize| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = inner(*start).collect();
        while let Some(index) = open.pop() {
            if seen.insert(index) {
                open.extend(inner(index));
            }
        }
        seen.contains(start)
    };
    (0..links.len()).filter(reaches_itself).collect()
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalog, Feed, Role};
    use crate::occurrence::CountedField;
    use crate::sigma::condition::Condition;
    use crate::sigma::correlation::{Bound, Bucket, Counting, Figure, Sequence};
    use crate::sigma::item::Ordering;
    use crate::{Limits, RuleFile};

    const RULES: &str = "title: A\nname: a\nlogsource: {product: app}\ndetection:\n  s: {x: 1}\n  condition: s\n---\n\
        title: B\nname: b\nlogsource: {product: app}\ndetection:\n  s: {x: 2}\n  condition: s\n---\n\
        title: C\nname: c\nlogsource: {product: app}\ndetection:\n  s: {x: 3}\n  condition: s\n---\n";

    fn load(correlations: &[&str]) -> Catalog {
        let documents: Vec<_> = correlations
            .iter()
            .enumerate()
            .map(|(index, body)| format!("title: K{index}\nid: k{index}\ncorrelation: {{{body}}}\n"))
            .collect();
        // The correlations stand before the rules that they refer to: the order makes no difference.
        let text = format!("{}---\n{RULES}", documents.join("---\n"));
        let file = RuleFile::new("k.yml", text);
        let (catalog, faults) = Catalog::load([file], &Limits::default());
        assert!(faults.is_empty(), "{faults:#?}");
        catalog
    }

    fn counting(body: &str) -> Counting {
        load(&[body]).correlations.remove(0).rule.counting
    }

    #[test]
    fn every_type_of_correlation_is_read_as_it_is_written() {
        let places = |all: &[usize]| Condition::All(all.iter().copied().map(Condition::Selection).collect());
        let at_least = Bound::Ordered(Ordering::AtLeast);
        let cases = [
            (
                "type: temporal, rules: [a, b], timespan: 5m",
                Counting::Temporal(places(&[0, 1])),
            ),
            (
                "type: temporal, rules: [a, b, c], timespan: 5m, condition: {gte: 2}",
                Counting::Temporal(Condition::Any(vec![
                    places(&[0, 1]),
                    places(&[0, 2]),
                    places(&[1, 2]),
                ])),
            ),
            (
                "type: temporal, timespan: 5m, condition: b and (c or a)",
                Counting::Temporal(Condition::All(vec![
                    Condition::Selection(0),
                    Condition::Any(vec![Condition::Selection(1), Condition::Selection(2)]),
                ])),
            ),
            (
                "type: temporal_ordered, rules: [a, b], timespan: 5m, condition: a and b",
                Counting::TemporalOrdered,
            ),
            (
                "type: value_sum, rules: [a], timespan: 5m, condition: {field: n, gte: 1.5}",
                Counting::Figure(Figure::Sum, "n".into(), vec![(at_least, 1.5)]),
            ),
            (
                "type: value_percentile, rules: [a], timespan: 5m, condition: {field: n, gte: 1}",
                Counting::Figure(Figure::Percentile(95.0), "n".into(), vec![(at_least, 1.0)]),
            ),
            (
                "type: value_median, rules: [a], timespan: 5m, condition: {field: n, neq: 1}",
                Counting::Figure(Figure::Median, "n".into(), vec![(Bound::NotEqual, 1.0)]),
            ),
            ("type: absence, rules: [a], timespan: 5m", Counting::Absence),
            (
                "type: sequence, rules: [a, b], timespan: 5m, gap: 2m, cancel: [c]",
                Counting::Sequence(Sequence { gap: 120_000_000 }),
            ),
            (
                "type: sequence, rules: [a, b], timespan: 5m",
                Counting::Sequence(Sequence { gap: 300_000_000 }),
            ),
            (
                "type: leaky_bucket, rules: [a], capacity: 5, leak: 10s, distinct: [u], mute: 5m",
                Counting::LeakyBucket(Bucket {
                    capacity: 5,
                    leak: 10_000_000,
                    distinct: vec!["u".into()],
                    mute: 300_000_000,
                }),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(counting(body), expected, "{body}");
        }
        let bucket = load(&["type: leaky_bucket, rules: [a], capacity: 5, leak: 10s"]);
        assert_eq!(bucket.correlations[0].rule.timespan_text, "50s");
    }

    #[test]
    fn a_rule_feeds_every_place_it_is_named_at_and_inner_correlations_feed_outer_ones() {
        let catalog = load(&[
            "type: temporal_ordered, rules: [a, k1, a], group-by: [who], timespan: 5m, aliases: {who: {a: user, k1: ip}}",
            "type: value_count, rules: [b], group-by: [ip], timespan: 5m, condition: {field: u, gte: 2}",
            "type: sequence, rules: [b, c], timespan: 5m, cancel: [a]",
        ]);
        let paths = |fields: &[CountedField]| -> Vec<String> {
            fields.iter().map(|field| field.path.clone()).collect()
        };
        let told = |feed: &Feed| {
            (
                feed.correlation,
                feed.role,
                paths(&feed.group),
                paths(&feed.values),
            )
        };
        let of = |rule: usize| catalog.feeds[rule].iter().map(told).collect::<Vec<_>>();
        let user = vec!["user".to_owned()];
        assert_eq!(
            of(0),
            [
                (0, Role::Counts(0), user.clone(), vec![]),
                (0, Role::Counts(2), user, vec![]),
                (2, Role::Cancels(0), vec![], vec![]),
            ]
        );
        assert_eq!(
            of(1)[0],
            (1, Role::Counts(0), vec!["ip".into()], vec!["u".into()])
        );
        assert_eq!(
            told(&catalog.feeds_of_correlation[1][0]),
            (0, Role::Counts(1), vec!["ip".into()], vec![])
        );
        let fires: Vec<_> = catalog.detectors.iter().map(|info| info.fires).collect();
        assert_eq!(fires, [true, false, true, false, false, false]);
        assert!(
            catalog.detectors[0].source.contains("name: b"),
            "what the inner one counts is told too"
        );
    }

    #[test]
    fn a_filter_or_pipeline_changes_the_wording_and_so_starts_the_windows_anew() {
        let count =
            "title: K\ncorrelation: {type: event_count, rules: [a], timespan: 5m, condition: {gte: 2}}\n";
        let wording = |more: &str| {
            let file = RuleFile::new("k.yml", format!("{RULES}{count}---\n{more}"));
            let (catalog, faults) = Catalog::load([file], &Limits::default());
            assert!(faults.is_empty(), "{faults:#?}");
            catalog.correlations[0].wording.clone()
        };
        let filter = |user: &str| {
            format!(
                "title: F\nlogsource: {{product: app}}\nfilter: {{rules: [a], s: {{u: {user}}}, condition: not s}}\n"
            )
        };
        let pipeline = "pipeline: {name: p, logsource: {product: app}, fields: {x: y}}\n";
        let all = [
            wording(""),
            wording(&filter("ada")),
            wording(&filter("eve")),
            wording(pipeline),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
    }
}
