//! From a YAML document to a rule, or to every fault of it.
//!
//! Unknown keys are faults: an engine that reads `group_by` for `group-by` and says nothing drops the grouping of the rule.

use super::Status;
use super::condition::{self, Condition, listed};
use super::correlation::CorrelationRule;
use super::item::Item;
use super::modifier;
use super::rule::{DetectionRule, Meta, Selection};
use super::view::Fields;
use crate::examples::Example;
use crate::limits::Limits;
use crate::quarantine::Quarantined;
use crate::yaml::{Entry, Node, Piece, Value};
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

/// Reads one document and gathers its faults.
pub(super) struct Reader<'a> {
    path: &'a str,
    rule: Option<String>,
    faults: Vec<Quarantined>,
    pub(super) limits: &'a Limits,
}

/// What a map of the document may hold, and where the map stands.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) entries: &'a [Entry],
}

impl<'a> Section<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, line: usize, key: impl Into<String>, reason: impl Into<String>) {
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
    pub(super) fn only(&mut self, section: &Section<'_>, allowed: &[&str]) {
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

    pub(super) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<String> {
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

    pub(super) fn texts(&mut self, section: &Section<'_>, key: &str) -> Vec<String> {
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

    pub(super) fn one_of(&mut self, section: &Section<'_>, key: &str, allowed: &[&str]) -> Option<usize> {
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

    pub(super) fn meta(&mut self, piece: &Piece, top: &Section<'_>) -> Option<Meta> {
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

    pub(super) fn allowed_keys(kind: &[&'static str]) -> Vec<&'static str> {
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
