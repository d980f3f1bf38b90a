//! From a YAML document to a rule, or to every fault of it.
//!
//! A key that looks like one of Sigma's but is none is a fault: an engine that reads `group_by` for `group-by` and says nothing
//! drops the grouping of the rule. Any other key at the top of a document is the author's own, as the specification allows.

use super::Status;
use super::condition::listed;
use super::correlation::CorrelationRule;
use super::pipeline::Pipeline;
use super::rule::{DetectionRule, Meta};
use super::similar::similar;
use super::view::Fields;
use crate::examples::Example;
use crate::limits::Limits;
use crate::quarantine::{Quarantined, RuleFile};
use crate::yaml::{self, Entry, Node, Value};
use watchkeeper_domain::detection::Level;

/// Keys of both kinds of rule. `reference` is what the specification's text calls `references`; `regression_tests_path` and
/// `simulation` are what SigmaHQ's own rules carry for their tests.
pub(crate) const COMMON_KEYS: [&str; 21] = [
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
    "reference",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "tests",
    "regression_tests_path",
    "simulation",
];
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
const STATUSES: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];

/// Keys by which a rule is what it is: one that is written wrongly would change what it does.
const DECIDING: [&str; 15] = [
    "title",
    "id",
    "name",
    "level",
    "logsource",
    "detection",
    "correlation",
    "generate",
    "filter",
    "pipeline",
    "transformations",
    "priority",
    "vars",
    "postprocessing",
    "finalizers",
];

/// Keys that belong into a map below; at the top they were indented wrongly, and the rule would mean something else.
const MISPLACED: [(&str, &str); 7] = [
    ("condition", "detection` or `correlation"),
    ("timeframe", "correlation` as `timespan"),
    ("timespan", "correlation"),
    ("group-by", "correlation"),
    ("aliases", "correlation"),
    ("selection", "detection"),
    ("keywords", "detection"),
];

/// One document of a rule file, read as YAML.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) line: usize,
    /// Its text; where an `action: global` went before, with that.
    pub(crate) source: String,
    pub(crate) root: Node,
}

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Rule,
    Filter,
    Pipeline,
}

impl Document {
    /// The line of its first key, by which the rule that it becomes is found again.
    pub(crate) fn first_line(&self) -> usize {
        let entries = self.root.entries().unwrap_or_default();
        entries.first().map_or(self.line, |entry| entry.line)
    }

    /// Reads every document of a file; what is no map of keys is told.
    pub(crate) fn all(file: &RuleFile, faults: &mut Vec<Quarantined>) -> Vec<Self> {
        if let Some((line, reason)) = &file.unreadable {
            faults.push(Quarantined {
                path: file.path.clone(),
                line: *line,
                key: None,
                rule: None,
                reason: reason.clone(),
            });
        }
        let mut documents = Vec::new();
        for piece in yaml::documents(&file.text) {
            match yaml::parse(&piece.text, piece.line) {
                Ok(root) if root.entries().is_some() => documents.push(Self {
                    path: file.path.clone(),
                    line: piece.line,
                    source: piece.text.trim_start_matches('\n').to_owned(),
                    root,
                }),
                Ok(root) => faults.push(Quarantined {
                    path: file.path.clone(),
                    line: Some(root.line),
                    key: None,
                    rule: None,
                    reason: format!(
                        "a rule is a map with `title` and `detection` or `correlation`, not {}",
                        root.kind()
                    ),
                }),
                Err(fault) => faults.push(Quarantined {
                    path: file.path.clone(),
                    line: Some(fault.line),
                    key: fault.key,
                    rule: None,
                    reason: fault.reason,
                }),
            }
        }
        super::collection::joined(documents, faults)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.root.entries()?.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn purpose(&self) -> Purpose {
        if self.get("pipeline").is_some() || self.get("transformations").is_some() {
            Purpose::Pipeline
        } else if self.get("filter").is_some() && self.get("detection").is_none() {
            Purpose::Filter
        } else {
            Purpose::Rule
        }
    }

    /// What the document calls itself.
    pub(crate) fn called(&self) -> Option<String> {
        self.text("id").or_else(|| self.text("title"))
    }

    /// Whether a reference could mean the document, by its id, name or title.
    pub(crate) fn is(&self, reference: &str) -> bool {
        let id = self
            .text("id")
            .is_some_and(|id| id.eq_ignore_ascii_case(reference));
        let same = |key| self.text(key).is_some_and(|text| text == reference);
        id || ["name", "title"].into_iter().any(same)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|entry| entry.value.text())
    }

    /// What a correlation refers to, as far as it can be read though the document has faults: unless it lets those rules fire, they are
    /// not meant to.
    pub(crate) fn counts(&self) -> Vec<String> {
        let Some(entries) = self.get("correlation").and_then(|entry| entry.value.entries()) else {
            return Vec::new();
        };
        let generates = |entry: &Entry| entry.key == "generate" && truth(&entry.value) == Some(true);
        let at_top = self.root.entries().unwrap_or_default();
        if entries.iter().chain(at_top).any(generates) {
            return Vec::new();
        }
        let references = entries
            .iter()
            .filter(|entry| ["rules", "of", "cancel"].contains(&entry.key.as_str()));
        let mut counted: Vec<String> = references
            .flat_map(|entry| entry.value.items())
            .filter_map(Node::text)
            .collect();
        if counted.is_empty() {
            let condition = entries.iter().find(|entry| entry.key == "condition");
            let text = condition.and_then(|entry| entry.value.text());
            counted.extend(text.iter().flat_map(|text| super::condition::words(text)));
        }
        counted
    }
}

/// A rule as it came out of a document.
#[derive(Debug)]
pub(crate) enum Rule {
    Detection(DetectionRule),
    Correlation(CorrelationRule),
}

impl Rule {
    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        match self {
            Self::Detection(rule) => &mut rule.meta,
            Self::Correlation(rule) => &mut rule.meta,
        }
    }
}

/// Reads one rule. Faults go to `faults`; a document with any gives no rule.
pub(crate) fn read(
    document: &Document,
    pipelines: &[Pipeline],
    fields: &mut Fields,
    limits: &Limits,
    faults: &mut Vec<Quarantined>,
) -> Option<Rule> {
    let mut reader = Reader::new(document, limits);
    let rule = reader.rule(document, pipelines, fields);
    reader.finish(rule, faults)
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

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a Document, limits: &'a Limits) -> Self {
        Self {
            path: &document.path,
            rule: document.called(),
            faults: Vec::new(),
            limits,
        }
    }

    pub(super) fn path(&self) -> &str {
        self.path
    }

    /// Hands over the faults; what has any does not come out.
    pub(super) fn finish<T>(self, made: Option<T>, faults: &mut Vec<Quarantined>) -> Option<T> {
        let sound = self.faults.is_empty();
        faults.extend(self.faults);
        made.filter(|_| sound)
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

    fn rule(&mut self, document: &Document, pipelines: &[Pipeline], fields: &mut Fields) -> Option<Rule> {
        let entries = document.root.entries().unwrap_or_default();
        let top = Section { name: "", entries };
        if let (Some(_), Some(filter)) = (top.get("detection"), top.get("filter")) {
            self.fault(filter.line, "filter", "a document has either `detection` or `filter`: put the filter into a document of its own, after `---`");
            return None;
        }
        match (top.get("detection"), top.get("correlation")) {
            (Some(detection), None) => self
                .detection_rule(document, &top, detection, pipelines, fields)
                .map(Rule::Detection),
            (None, Some(correlation)) => self
                .correlation_rule(document, &top, correlation)
                .map(Rule::Correlation),
            (Some(_), Some(correlation)) => {
                self.fault(correlation.line, "correlation", "a document has either `detection` or `correlation`: put the other into a document of its own, after `---`");
                None
            }
            (None, None) => {
                let allowed = ["logsource", "detection", "correlation", "filter", "pipeline"];
                self.known_or_custom(&top, &[&COMMON_KEYS[..], &allowed[..]].concat());
                self.fault(
                    document.root.line,
                    "",
                    "neither `detection` nor `correlation` is there: a rule needs one of them, a filter needs `filter`, and a pipeline `pipeline`",
                );
                None
            }
        }
    }

    /// Faults for keys that are not allowed.
    pub(super) fn only(&mut self, section: &Section<'_>, allowed: &[&str]) {
        let unknown = |entry: &&Entry| !allowed.contains(&entry.key.as_str());
        for entry in section.entries.iter().filter(unknown) {
            let near = allowed.iter().find(|key| similar(key, &entry.key));
            let hint = near.map_or(String::new(), |key| format!(", did you mean `{key}`"));
            let reason = format!("this key is not known{hint}: allowed are {}", listed(allowed));
            self.fault(entry.line, section.path(&entry.key), reason);
        }
    }

    /// Faults for keys that are written wrongly or stand at the wrong place; others are the author's own.
    pub(super) fn known_or_custom(&mut self, top: &Section<'_>, known: &[&str]) {
        let unknown = |entry: &&Entry| !known.contains(&entry.key.as_str());
        for entry in top.entries.iter().filter(unknown) {
            let near = known.iter().find(|key| similar(key, &entry.key));
            if let Some(near) = near.filter(|near| DECIDING.contains(near)) {
                let reason = format!(
                    "this key is not known, did you mean `{near}`: known are {}; a key of your own must not look like one of them",
                    listed(known)
                );
                self.fault(entry.line, entry.key.clone(), reason);
            } else if near.is_some() {
                // It says something about the rule at most; lint tells.
            } else if let Some((_, place)) = MISPLACED.iter().find(|(key, _)| similar(key, &entry.key)) {
                self.fault(
                    entry.line,
                    entry.key.clone(),
                    format!("this key belongs into `{place}`: indent it there"),
                );
            }
        }
    }

    /// The map of an entry, or a fault that says what it may hold.
    pub(super) fn section<'s>(
        &mut self,
        entry: &'s Entry,
        name: &'s str,
        allowed: &[&str],
    ) -> Option<Section<'s>> {
        let entries = entry.value.entries();
        if entries.is_none() {
            self.fault(
                entry.line,
                name,
                format!("a map is needed here with {}", listed(allowed)),
            );
        }
        entries.map(|entries| Section { name, entries })
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
        let Some(entry) = section.get(key) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in entry
            .value
            .items()
            .iter()
            .filter(|item| item.value != Value::Null)
        {
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

    /// Which of several words a key has, in whatever case.
    pub(super) fn one_of(&mut self, section: &Section<'_>, key: &str, allowed: &[&str]) -> Option<usize> {
        let text = self.text(section, key)?;
        let found = allowed
            .iter()
            .position(|candidate| candidate.eq_ignore_ascii_case(text.trim()));
        if let (None, Some(entry)) = (found, section.get(key)) {
            self.fault(
                entry.value.line,
                section.path(key),
                format!("`{text}` is not allowed: use {}", listed(allowed)),
            );
        }
        found
    }

    pub(super) fn meta(&mut self, document: &Document, top: &Section<'_>) -> Option<Meta> {
        let title = self.text(top, "title").filter(|title| !title.trim().is_empty());
        let line = document.first_line();
        if title.is_none() {
            self.fault(line, "title", "a rule needs a `title`");
        }
        let (id, name) = (self.text(top, "id"), self.text(top, "name"));
        let id = id.filter(|id| !id.trim().is_empty());
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
        let authors = prose(top, "author");
        let mut references = prose(top, "references");
        references.extend(prose(top, "reference"));
        let title = title?;
        Some(Meta {
            has_id: id.is_some(),
            id: id.or_else(|| name.clone()).unwrap_or_else(|| title.clone()),
            name,
            level,
            status,
            description: self.text(top, "description").unwrap_or_default(),
            author: (!authors.is_empty()).then(|| authors.join(", ")),
            references,
            falsepositives: prose(top, "falsepositives"),
            tags: self.texts(top, "tags"),
            path: self.path.to_owned(),
            line,
            id_line: top
                .get("id")
                .or(top.get("title"))
                .map_or(line, |entry| entry.line),
            source: document.source.clone(),
            examples,
            title,
        })
    }

    fn examples(&mut self, top: &Section<'_>) -> Vec<Example> {
        let Some(tests) = top.get("tests").filter(|tests| Example::is_meant(&tests.value)) else {
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

    /// Whether a key says so; false where it does not stand there.
    pub(super) fn truth(&mut self, section: &Section<'_>, key: &str) -> bool {
        let Some(entry) = section.get(key).filter(|entry| entry.value.value != Value::Null) else {
            return false;
        };
        let truth = truth(&entry.value);
        if truth.is_none() {
            self.fault(entry.line, section.path(key), "`true` or `false` is needed here");
        }
        truth.unwrap_or(false)
    }

    pub(super) fn allowed_keys(kind: &[&'static str]) -> Vec<&'static str> {
        [&COMMON_KEYS[..], kind].concat()
    }
}

/// A truth as YAML has it, of its older versions too.
fn truth(node: &Node) -> Option<bool> {
    match node.text()?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Texts that people read. An unquoted colon makes a map of one, which is written out again; nothing is decided by them.
fn prose(section: &Section<'_>, key: &str) -> Vec<String> {
    fn written(node: &Node) -> Option<String> {
        match &node.value {
            Value::Map(entries) => {
                let parts = entries.iter().map(|entry| match written(&entry.value) {
                    Some(text) => format!("{}: {text}", entry.key),
                    None => entry.key.clone(),
                });
                Some(parts.collect::<Vec<_>>().join(", "))
            }
            Value::List(items) => Some(items.iter().filter_map(written).collect::<Vec<_>>().join(", ")),
            _ => node.text(),
        }
    }
    let items = section.get(key).map_or(&[][..], |entry| entry.value.items());
    items.iter().filter_map(written).collect()
}
