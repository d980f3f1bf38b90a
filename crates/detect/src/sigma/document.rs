//! From a YAML document to a rule, or to every fault of it.
//!
//! Unknown keys are faults: an engine that reads `group_by` for `group-by` and says nothing drops the grouping of the rule.

use super::Status;
use super::condition::{self, Condition, listed};
use super::correlation::{Bound, CorrelationRule, Counting, Share, Threshold};
use super::item::{Item, Ordering};
use super::modifier;
use super::rule::{DetectionRule, Meta, Selection};
use super::view::Fields;
use crate::examples::Example;
use crate::limits::Limits;
use crate::quarantine::Quarantined;
use crate::yaml::{Entry, Node, Piece, Value};
use std::collections::BTreeMap;
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::LogSource;

/// Keys of both kinds of rule. `regression_tests_path` and `simulation` are what SigmaHQ's own rules carry for their tests.
const COMMON_KEYS: [&str; 18] = [
    "title",
    "id",
    "related",
    "name",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "tests",
];
const UPSTREAM_KEYS: [&str; 2] = ["regression_tests_path", "simulation"];
const CORRELATION_KEYS: [&str; 7] = [
    "type",
    "rules",
    "of",
    "group-by",
    "timespan",
    "condition",
    "aliases",
];
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
const STATUSES: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];

/// A rule as it came out of a document.
#[derive(Debug)]
pub(crate) enum Rule {
    Detection(DetectionRule),
    Correlation(CorrelationRule),
}

impl Rule {
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::Detection(rule) => &rule.meta,
            Self::Correlation(rule) => &rule.meta,
        }
    }
}

/// Reads one document. Faults go to `faults`; a document with any gives no rule.
pub(crate) fn read(
    path: &str,
    piece: &Piece,
    fields: &mut Fields,
    limits: &Limits,
    faults: &mut Vec<Quarantined>,
) -> Option<Rule> {
    let mut reader = Reader {
        path,
        rule: None,
        faults: Vec::new(),
        limits,
    };
    let rule = reader.document(piece, fields);
    let sound = reader.faults.is_empty();
    faults.append(&mut reader.faults);
    rule.filter(|_| sound)
}

struct Reader<'a> {
    path: &'a str,
    rule: Option<String>,
    faults: Vec<Quarantined>,
    limits: &'a Limits,
}

/// What a map of the document may hold, and where the map stands.
struct Section<'a> {
    name: &'a str,
    entries: &'a [Entry],
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, key: impl Into<String>, reason: impl Into<String>) {
        self.faults.push(Quarantined {
            path: self.path.to_owned(),
            line: Some(line),
            key: Some(key.into()).filter(|key| !key.is_empty()),
            rule: self.rule.clone(),
            reason: reason.into(),
        });
    }

    fn document(&mut self, piece: &Piece, fields: &mut Fields) -> Option<Rule> {
        let root = match crate::yaml::parse(&piece.text, piece.line) {
            Ok(root) => root,
            Err(fault) => {
                self.fault(fault.line, fault.key.unwrap_or_default(), fault.reason);
                return None;
            }
        };
        let Some(entries) = root.entries() else {
            self.fault(
                root.line,
                "",
                format!(
                    "a rule is a map with `title` and `detection` or `correlation`, not {}",
                    root.kind()
                ),
            );
            return None;
        };
        let top = Section { name: "", entries };
        let named = |key| top.get(key).and_then(|entry| entry.value.text());
        self.rule = named("id").or_else(|| named("title"));
        match (top.get("detection"), top.get("correlation"), top.get("filter")) {
            (Some(detection), None, None) => self
                .detection_rule(piece, &top, detection, fields)
                .map(Rule::Detection),
            (None, Some(correlation), None) => self
                .correlation_rule(piece, &top, correlation)
                .map(Rule::Correlation),
            (_, None, Some(filter)) => {
                self.fault(filter.line, "filter", "Sigma filters are not supported: put the exception into the rule's `detection` and `condition` as `and not …`");
                None
            }
            (Some(_), Some(correlation), _) => {
                self.fault(correlation.line, "correlation", "a document has either `detection` or `correlation`: put the other into a document of its own, after `---`");
                None
            }
            _ => {
                self.fault(
                    root.line,
                    "",
                    "neither `detection` nor `correlation` is there: a rule needs one of them",
                );
                None
            }
        }
    }

    /// Faults for keys that are not allowed.
    fn only(&mut self, section: &Section<'_>, allowed: &[&str]) {
        for entry in section
            .entries
            .iter()
            .filter(|entry| !allowed.contains(&entry.key.as_str()))
        {
            let near = allowed.iter().find(|key| similar(key, &entry.key));
            let hint = near.map_or(String::new(), |key| format!(", did you mean `{key}`"));
            let reason = format!("this key is not known{hint}: allowed are {}", listed(allowed));
            self.fault(entry.line, section.path(&entry.key), reason);
        }
    }

    fn text(&mut self, section: &Section<'_>, key: &str) -> Option<String> {
        let entry = section.get(key)?;
        let text = entry.value.text();
        if text.is_none() && entry.value.value != Value::Null {
            self.fault(
                entry.line,
                section.path(key),
                format!("a text is needed here, not {}", entry.value.kind()),
            );
        }
        text
    }

    fn texts(&mut self, section: &Section<'_>, key: &str) -> Vec<String> {
        let Some(entry) = section.get(key).filter(|entry| entry.value.value != Value::Null) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in entry.value.items() {
            match item.text() {
                Some(text) => texts.push(text),
                None => self.fault(
                    item.line,
                    section.path(key),
                    format!("a list of texts is needed here, not {}", item.kind()),
                ),
            }
        }
        texts
    }

    fn one_of(&mut self, section: &Section<'_>, key: &str, allowed: &[&str]) -> Option<usize> {
        let text = self.text(section, key)?;
        let found = allowed.iter().position(|candidate| *candidate == text);
        if let (None, Some(entry)) = (found, section.get(key)) {
            self.fault(
                entry.value.line,
                section.path(key),
                format!("`{text}` is not allowed: use {}", listed(allowed)),
            );
        }
        found
    }

    fn meta(&mut self, piece: &Piece, top: &Section<'_>) -> Option<Meta> {
        let title = self.text(top, "title").filter(|title| !title.trim().is_empty());
        let line = top.entries.first().map_or(piece.line, |entry| entry.line);
        if title.is_none() {
            self.fault(line, "title", "a rule needs a `title`");
        }
        let (id, name) = (self.text(top, "id"), self.text(top, "name"));
        let levels = [
            Level::Informational,
            Level::Low,
            Level::Medium,
            Level::High,
            Level::Critical,
        ];
        let statuses = [
            Status::Stable,
            Status::Test,
            Status::Experimental,
            Status::Deprecated,
            Status::Unsupported,
        ];
        let level = self
            .one_of(top, "level", &LEVELS)
            .map_or(Level::Medium, |index| levels[index]);
        let status = self.one_of(top, "status", &STATUSES).map(|index| statuses[index]);
        let examples = self.examples(top);
        let title = title?;
        Some(Meta {
            id: id.or_else(|| name.clone()).unwrap_or_else(|| title.clone()),
            name,
            level,
            status,
            description: self.text(top, "description").unwrap_or_default(),
            author: self.text(top, "author"),
            references: self.texts(top, "references"),
            falsepositives: self.texts(top, "falsepositives"),
            tags: self.texts(top, "tags"),
            path: self.path.to_owned(),
            line,
            id_line: top
                .get("id")
                .or(top.get("title"))
                .map_or(line, |entry| entry.line),
            source: piece.text.trim_start_matches('\n').to_owned(),
            examples,
            title,
        })
    }

    fn examples(&mut self, top: &Section<'_>) -> Vec<Example> {
        let Some(tests) = top.get("tests") else {
            return Vec::new();
        };
        let mut examples = Vec::new();
        for node in tests.value.items() {
            match Example::read(node) {
                Ok(example) => examples.push(example),
                Err(faults) => {
                    for (line, key, reason) in faults {
                        let key = if key.is_empty() {
                            "tests".to_owned()
                        } else {
                            format!("tests.{key}")
                        };
                        self.fault(line, key, reason);
                    }
                }
            }
        }
        examples
    }

    fn allowed_keys(kind: &[&'static str]) -> Vec<&'static str> {
        [&COMMON_KEYS[..], kind, &UPSTREAM_KEYS[..]].concat()
    }

    fn detection_rule(
        &mut self,
        piece: &Piece,
        top: &Section<'_>,
        detection: &Entry,
        fields: &mut Fields,
    ) -> Option<DetectionRule> {
        self.only(top, &Self::allowed_keys(&["logsource", "detection"]));
        let meta = self.meta(piece, top);
        let log_source = self.log_source(top);
        let (selections, condition) = self.detection(detection, fields)?;
        Some(DetectionRule {
            meta: meta?,
            log_source: log_source?,
            selections,
            condition,
        })
    }

    fn log_source(&mut self, top: &Section<'_>) -> Option<LogSource> {
        let Some(entry) = top.get("logsource") else {
            let line = top.entries.first().map_or(1, |entry| entry.line);
            self.fault(
                line,
                "logsource",
                "a rule needs a `logsource` with at least one of `category`, `product` and `service`",
            );
            return None;
        };
        let Some(entries) = entry.value.entries() else {
            self.fault(
                entry.line,
                "logsource",
                "a map with `category`, `product` or `service` is needed here",
            );
            return None;
        };
        let section = Section {
            name: "logsource",
            entries,
        };
        self.only(&section, &["category", "product", "service", "definition"]);
        let log_source = LogSource {
            category: self.text(&section, "category"),
            product: self.text(&section, "product"),
            service: self.text(&section, "service"),
        };
        if log_source == LogSource::default() {
            self.fault(
                entry.line,
                "logsource",
                "at least one of `category`, `product` and `service` is needed",
            );
        }
        Some(log_source)
    }

    fn detection(&mut self, detection: &Entry, fields: &mut Fields) -> Option<(Vec<Selection>, Condition)> {
        let Some(entries) = detection.value.entries() else {
            self.fault(
                detection.line,
                "detection",
                "a map of selections with a `condition` is needed here",
            );
            return None;
        };
        let mut names = Vec::new();
        let mut selections = Vec::new();
        for entry in entries.iter().filter(|entry| entry.key != "condition") {
            if entry.key == "timeframe" {
                self.fault(entry.line, "detection.timeframe", "`timeframe` was removed from Sigma: write a second document with `correlation:` and its `timespan`");
                continue;
            }
            names.push(entry.key.clone());
            selections.push(self.selection(entry, fields));
        }
        let Some(condition) = entries.iter().find(|entry| entry.key == "condition") else {
            self.fault(
                detection.line,
                "detection.condition",
                format!("a `condition` over the selections is needed: {}", listed(&names)),
            );
            return None;
        };
        let condition = self.condition(condition, &names)?;
        Some((selections.into_iter().collect::<Option<_>>()?, condition))
    }

    fn condition(&mut self, entry: &Entry, names: &[String]) -> Option<Condition> {
        let mut parts = Vec::new();
        for node in entry.value.items() {
            let parsed = match node.text() {
                Some(text) => condition::parse(&text, names),
                None => Err(format!("a text is needed here, not {}", node.kind())),
            };
            match parsed {
                Ok(part) => parts.push(part),
                Err(reason) => self.fault(node.line, "detection.condition", reason),
            }
        }
        // Several conditions are several rules in one: any of them is enough (specification 2.1, "Condition").
        (!parts.is_empty()).then(|| {
            if parts.len() == 1 {
                parts.remove(0)
            } else {
                Condition::Any(parts)
            }
        })
    }

    fn selection(&mut self, entry: &Entry, fields: &mut Fields) -> Option<Selection> {
        let name = format!("detection.{}", entry.key);
        let alternatives = match &entry.value.value {
            Value::Map(items) => vec![self.items(&name, entry.line, items, fields)?],
            Value::List(nodes) if nodes.iter().any(|node| matches!(node.value, Value::Map(_))) => {
                let blocks: Vec<_> = nodes
                    .iter()
                    .map(|node| match &node.value {
                        Value::Map(items) => self.items(&name, node.line, items, fields),
                        _ => self
                            .item(&name, node.line, "", node, fields)
                            .map(|item| vec![item]),
                    })
                    .collect();
                blocks.into_iter().collect::<Option<_>>()?
            }
            _ => vec![vec![self.item(&name, entry.line, "", &entry.value, fields)?]],
        };
        Some(Selection { alternatives })
    }

    fn items(
        &mut self,
        name: &str,
        line: usize,
        entries: &[Entry],
        fields: &mut Fields,
    ) -> Option<Vec<Item>> {
        if entries.is_empty() {
            self.fault(
                line,
                name,
                "an empty selection would match every event: name a field",
            );
            return None;
        }
        let items: Vec<_> = entries
            .iter()
            .map(|entry| self.item(name, entry.line, &entry.key, &entry.value, fields))
            .collect();
        items.into_iter().collect()
    }

    fn item(
        &mut self,
        name: &str,
        line: usize,
        key: &str,
        values: &Node,
        fields: &mut Fields,
    ) -> Option<Item> {
        let path = if key.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{key}")
        };
        match modifier::item(key, values, fields, self.limits) {
            Ok(item) => Some(item),
            Err(faults) => {
                for fault in faults {
                    self.fault(fault.line.unwrap_or(line), path.clone(), fault.reason);
                }
                None
            }
        }
    }

    fn correlation_rule(
        &mut self,
        piece: &Piece,
        top: &Section<'_>,
        correlation: &Entry,
    ) -> Option<CorrelationRule> {
        self.only(top, &Self::allowed_keys(&["correlation", "generate"]));
        let meta = self.meta(piece, top);
        let Some(entries) = correlation.value.entries() else {
            self.fault(
                correlation.line,
                "correlation",
                format!("a map is needed here with {}", listed(&CORRELATION_KEYS)),
            );
            return None;
        };
        let section = Section {
            name: "correlation",
            entries,
        };
        // `generate` stands at the top in the specification's schema and within `correlation` in its text.
        let mut allowed = CORRELATION_KEYS.to_vec();
        allowed.push("generate");
        self.only(&section, &allowed);
        let generate = self.truth(top, "generate") || self.truth(&section, "generate");
        let counting = self.counting(correlation.line, &section);
        let rules = self.references(correlation.line, &section, "rules", true);
        let ratio = matches!(counting, Some(Counting::Ratio(_)));
        let base = self.references(correlation.line, &section, "of", ratio);
        if let (Some(Counting::Events(_) | Counting::Values(..)), Some(of)) = (&counting, section.get("of")) {
            self.fault(
                of.line,
                "correlation.of",
                "`of` belongs to `type: ratio` only: remove it",
            );
        }
        let timespan = self.timespan(correlation.line, &section);
        let group_by = self.texts(&section, "group-by");
        let aliases = self.aliases(&section);
        let (timespan_text, timespan) = timespan?;
        Some(CorrelationRule {
            meta: meta?,
            counting: counting?,
            rules,
            base,
            group_by,
            aliases,
            timespan,
            timespan_text,
            generate,
        })
    }

    fn truth(&mut self, section: &Section<'_>, key: &str) -> bool {
        match section.get(key).map(|entry| (entry, &entry.value.value)) {
            Some((_, Value::Bool(truth))) => *truth,
            Some((entry, _)) => {
                self.fault(entry.line, section.path(key), "`true` or `false` is needed here");
                false
            }
            None => false,
        }
    }

    fn references(
        &mut self,
        line: usize,
        section: &Section<'_>,
        key: &str,
        needed: bool,
    ) -> Vec<(String, usize)> {
        let found: Vec<_> = section.get(key).map_or(Vec::new(), |entry| {
            entry
                .value
                .items()
                .iter()
                .filter_map(|node| Some((node.text()?, node.line)))
                .collect()
        });
        if needed && found.is_empty() {
            self.fault(
                line,
                section.path(key),
                format!("`{key}` is needed: the ids, names or titles of detection rules"),
            );
        }
        found
    }

    fn timespan(&mut self, line: usize, section: &Section<'_>) -> Option<(String, i64)> {
        let Some(entry) = section.get("timespan") else {
            self.fault(
                line,
                "correlation.timespan",
                "a `timespan` such as `5m` is needed",
            );
            return None;
        };
        let text = entry.value.text().unwrap_or_default();
        let longest = self
            .limits
            .longest_timespan
            .num_microseconds()
            .unwrap_or(i64::MAX);
        match span(&text) {
            Some(span) if span <= longest => Some((text, span)),
            Some(_) => {
                let days = self.limits.longest_timespan.num_days();
                self.fault(
                    entry.line,
                    "correlation.timespan",
                    format!("`{text}` is too long: at most {days} days are allowed"),
                );
                None
            }
            None => {
                self.fault(entry.line, "correlation.timespan", format!("`{text}` is not a timespan: write a whole number above 0 and one of s, m, h, d and w, such as `5m`"));
                None
            }
        }
    }

    fn aliases(&mut self, section: &Section<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut aliases = BTreeMap::new();
        let Some(entry) = section.get("aliases") else {
            return aliases;
        };
        for alias in entry.value.entries().unwrap_or_default() {
            let mut of = BTreeMap::new();
            for pair in alias.value.entries().unwrap_or_default() {
                if let Some(field) = pair.value.text() {
                    of.insert(pair.key.clone(), field);
                }
            }
            if of.is_empty() {
                self.fault(
                    alias.line,
                    format!("correlation.aliases.{}", alias.key),
                    "an alias is a map from rule to field, such as `failed_sign_in: src_ip`",
                );
            }
            aliases.insert(alias.key.clone(), of);
        }
        if aliases.is_empty() {
            self.fault(
                entry.line,
                "correlation.aliases",
                "a map of aliases is needed here",
            );
        }
        aliases
    }

    fn counting(&mut self, line: usize, section: &Section<'_>) -> Option<Counting> {
        const TYPES: [&str; 3] = ["event_count", "value_count", "ratio"];
        if section.get("type").is_none() {
            self.fault(
                line,
                "correlation.type",
                format!("a `type` is needed: {}", listed(&TYPES)),
            );
            return None;
        }
        let kind = self.one_of(section, "type", &TYPES)?;
        let Some(condition) = section.get("condition") else {
            self.fault(
                line,
                "correlation.condition",
                "a `condition` such as `gte: 10` is needed",
            );
            return None;
        };
        let Some(entries) = condition.value.entries() else {
            self.fault(
                condition.line,
                "correlation.condition",
                "a map such as `gte: 10` is needed here",
            );
            return None;
        };
        let section = Section {
            name: "correlation.condition",
            entries,
        };
        match kind {
            0 => {
                self.only(&section, &["gt", "gte", "lt", "lte", "eq", "neq"]);
                self.threshold(condition.line, &section).map(Counting::Events)
            }
            1 => {
                self.only(&section, &["field", "gt", "gte", "lt", "lte", "eq", "neq"]);
                let fields = self.texts(&section, "field");
                if fields.is_empty() {
                    self.fault(
                        condition.line,
                        "correlation.condition.field",
                        "`value_count` needs the `field` whose distinct values are counted",
                    );
                }
                let threshold = self.threshold(condition.line, &section)?;
                Some(Counting::Values(fields, threshold))
            }
            _ => {
                self.only(&section, &["gt", "gte", "min-events", "min-matches"]);
                self.share(condition.line, &section).map(Counting::Ratio)
            }
        }
    }

    fn threshold(&mut self, line: usize, section: &Section<'_>) -> Option<Threshold> {
        let bounds = [
            ("gt", Bound::Ordered(Ordering::Greater)),
            ("gte", Bound::Ordered(Ordering::AtLeast)),
            ("lt", Bound::Ordered(Ordering::Less)),
            ("lte", Bound::Ordered(Ordering::AtMost)),
            ("eq", Bound::Equal),
            ("neq", Bound::NotEqual),
        ];
        let mut asked = Vec::new();
        for (key, bound) in bounds {
            if let Some(count) = self.count(section, key) {
                asked.push((bound, count));
            }
        }
        if asked.is_empty() {
            self.fault(
                line,
                section.name,
                "a comparison is needed: one of `gt`, `gte`, `lt`, `lte`, `eq` and `neq` with a whole number",
            );
            return None;
        }
        let reached = asked.iter().map(|(bound, count)| match bound {
            Bound::Ordered(Ordering::Greater) => Some(count + 1),
            Bound::Ordered(Ordering::AtLeast) => Some((*count).max(1)),
            _ => None,
        });
        let reached: Option<Vec<u64>> = reached.collect();
        Some(match reached.and_then(|counts| counts.into_iter().max()) {
            Some(count) => Threshold::Reached(count),
            None => Threshold::AtEnd(asked),
        })
    }

    fn count(&mut self, section: &Section<'_>, key: &str) -> Option<u64> {
        let entry = section.get(key)?;
        let count = match entry.value.value {
            Value::Integer(integer) => u64::try_from(integer).ok(),
            _ => None,
        };
        let highest = self.limits.highest_count;
        let count = count.filter(|count| *count <= highest);
        if count.is_none() {
            self.fault(
                entry.line,
                section.path(key),
                format!("a whole number from 0 to {highest} is needed here"),
            );
        }
        count
    }

    fn share(&mut self, line: usize, section: &Section<'_>) -> Option<Share> {
        let mut found = None;
        for (key, ordering) in [("gt", Ordering::Greater), ("gte", Ordering::AtLeast)] {
            let Some(entry) = section.get(key) else { continue };
            let share = match entry.value.value {
                Value::Integer(integer) => integer as f64,
                Value::Float(float) => float,
                _ => f64::NAN,
            };
            if !(share > 0.0 && share <= 1.0) {
                self.fault(
                    entry.line,
                    section.path(key),
                    "a share above 0 and at most 1 is needed here: `0.2` is 20 %",
                );
            }
            found = Some((ordering, share));
        }
        let guards = ["min-events", "min-matches"].map(|key| {
            let count = self.count(section, key);
            if section.get(key).is_none() {
                self.fault(
                    line,
                    section.path(key),
                    format!("`{key}` is needed, so that a few events at night do not fire"),
                );
            }
            count
        });
        if found.is_none() {
            self.fault(
                line,
                section.name,
                "a share is needed: `gte: 0.2` is 20 % and more",
            );
        }
        let (ordering, share) = found?;
        Some(Share {
            ordering,
            share,
            min_events: guards[0]?,
            min_matches: guards[1]?.max(1),
        })
    }
}

/// A timespan in microseconds: a whole number and one of s, m, h, d and w.
pub(crate) fn span(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(seconds * 1_000_000).filter(|span| *span > 0)
}

/// Whether one is the other with `_` for `-`, another case, or one letter wrong, missing, doubled or swapped.
pub(crate) fn similar(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let (a, b): (Vec<char>, Vec<char>) = (plain(a).chars().collect(), plain(b).chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a.is_empty() {
        return false;
    }
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let end = a[start..]
        .iter()
        .rev()
        .zip(b[start..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let left = (a.len() - start - end).max(b.len() - start - end);
    left <= 1 || (left == 2 && a.len() == b.len() && a[start] == b[start + 1] && a[start + 1] == b[start])
}
