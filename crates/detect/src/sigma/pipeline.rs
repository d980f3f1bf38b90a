//! Pipelines: how the fields and log sources of rules are called in the events that this installation has.
//!
//! Rules from elsewhere say `CommandLine` where the events say `process.command_line`. A pipeline is a document beside the rules,
//! in a form of our own:
//!
//! ```yaml
//! pipeline:
//!   name: our endpoint logs
//!   priority: 10                 # lower ones first; 0 unless said, and then in the order they were read
//!   logsource: {product: windows, category: process_creation}    # the rules it is for: those whose log source this covers
//!   set-logsource: {product: endpoint}                           # the log source that those rules then have
//!   fields:
//!     CommandLine: process.command_line
//!     User: [user.name, user.id]                                 # any of them; `null` and `neq` ask it of all of them
//!   prefix: event.               # goes before every field, after `fields`
//! ```
//!
//! or in pySigma's: `transformations` of the types `field_name_mapping`, `field_name_prefix`, `change_logsource` and
//! `add_condition`, with `rule_conditions` of the type `logsource`. Whatever else pySigma's pipelines can do is a fault here:
//! leaving it out would change what the rules look for. A pipeline is applied when rules are loaded; `group-by` and the fields of
//! correlations are renamed with those of the rule they count, to the first name where there are several.

use super::condition::listed;
use super::document::{Document, Reader, Section};
use crate::limits::Limits;
use crate::quarantine::Quarantined;
use crate::yaml::{Entry, Node, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_domain::event::LogSource;

/// How fields are renamed, step by step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Names(Arc<BTreeMap<String, Vec<String>>>),
    Prefix(String),
}

impl Mapping {
    /// What the events call a field of the rule: at least one name.
    pub(crate) fn names(&self, field: &str) -> Vec<String> {
        let mut names = vec![field.to_owned()];
        if field.is_empty() {
            return names;
        }
        for step in &self.steps {
            names = match step {
                Step::Names(of) => {
                    let renamed = |name: String| of.get(&name).cloned().unwrap_or_else(|| vec![name]);
                    names.into_iter().flat_map(renamed).collect()
                }
                Step::Prefix(prefix) => names.into_iter().map(|name| format!("{prefix}{name}")).collect(),
            };
        }
        names
    }

    /// The name where there can be only one.
    pub(crate) fn first(&self, field: &str) -> String {
        self.names(field).into_iter().next().unwrap_or_default()
    }
}

/// What the pipelines make of one rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shaping {
    pub(crate) mapping: Mapping,
    /// The log source that the rule came with.
    pub(crate) from: LogSource,
    /// The log source that the rule has then.
    pub(crate) log_source: LogSource,
    /// Selections that are added to the rule.
    pub(crate) conditions: Vec<Added>,
    /// The pipelines that did something, by name and text.
    pub(crate) by: Vec<(String, Arc<str>)>,
}

impl Shaping {
    /// What the pipelines make of the fields of an added selection.
    pub(crate) fn of_added(&self, added: &Added) -> Self {
        let steps = self.mapping.steps[added.after..].to_vec();
        Self {
            mapping: Mapping { steps },
            ..Self::default()
        }
    }
}

/// A selection that a pipeline adds to a rule.
#[derive(Debug, Clone)]
pub(crate) struct Added {
    pub(crate) selection: Node,
    /// Whether it must not match.
    pub(crate) negated: bool,
    /// How many steps had renamed fields before it was added: those that follow rename its fields, too.
    after: usize,
}

/// A pipeline that is sound.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    name: String,
    priority: i64,
    pub(crate) source: Arc<str>,
    transformations: Vec<Transformation>,
}

#[derive(Debug, Clone)]
struct Transformation {
    /// The log sources it is for.
    covers: Vec<LogSource>,
    /// Whether one of them is enough, instead of all.
    any: bool,
    /// Whether it is for the rules that they do not cover.
    negated: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Names(Arc<BTreeMap<String, Vec<String>>>),
    Prefix(String),
    LogSource(LogSource),
    Condition(Node, bool),
}

impl Transformation {
    fn is_for(&self, source: &LogSource) -> bool {
        let covers = |asked: &LogSource| asked.covers(source);
        let found = if self.any {
            self.covers.iter().any(covers)
        } else {
            self.covers.iter().all(covers)
        };
        found != self.negated
    }
}

/// Sorts pipelines into the order they are applied in.
pub(crate) fn in_order(pipelines: &mut [Pipeline]) {
    pipelines.sort_by_key(|pipeline| pipeline.priority);
}

/// What the pipelines make of a rule with this log source.
pub(crate) fn shape(pipelines: &[Pipeline], source: &LogSource) -> Shaping {
    let mut shaping = Shaping {
        from: source.clone(),
        log_source: source.clone(),
        ..Shaping::default()
    };
    for pipeline in pipelines {
        let mut applied = false;
        for transformation in &pipeline.transformations {
            if !transformation.is_for(&shaping.log_source) {
                continue;
            }
            applied = true;
            match &transformation.what {
                What::Names(names) => shaping.mapping.steps.push(Step::Names(Arc::clone(names))),
                What::Prefix(prefix) => shaping.mapping.steps.push(Step::Prefix(prefix.clone())),
                What::LogSource(log_source) => shaping.log_source = log_source.clone(),
                What::Condition(node, negated) => shaping.conditions.push(Added {
                    selection: node.clone(),
                    negated: *negated,
                    after: shaping.mapping.steps.len(),
                }),
            }
        }
        if applied {
            shaping
                .by
                .push((pipeline.name.clone(), Arc::clone(&pipeline.source)));
        }
    }
    shaping
}

/// Reads a document with `pipeline` or `transformations`.
pub(crate) fn read(document: &Document, limits: &Limits, faults: &mut Vec<Quarantined>) -> Option<Pipeline> {
    let mut reader = Reader::new(document, limits);
    let entries = document.root.entries().unwrap_or_default();
    let top = Section { name: "", entries };
    let pipeline = match top.get("pipeline") {
        Some(own) => reader.own_pipeline(&top, own),
        None => reader.foreign_pipeline(&top),
    };
    let pipeline = pipeline.map(|(name, priority, transformations)| Pipeline {
        name,
        priority,
        source: Arc::from(document.source.as_str()),
        transformations,
    });
    reader.finish(pipeline, faults)
}

type Read = Option<(String, i64, Vec<Transformation>)>;

impl Reader<'_> {
    fn own_pipeline(&mut self, top: &Section<'_>, own: &Entry) -> Read {
        self.known_or_custom(
            top,
            &[
                "pipeline",
                "title",
                "id",
                "description",
                "author",
                "date",
                "modified",
            ],
        );
        let allowed = [
            "name",
            "priority",
            "logsource",
            "set-logsource",
            "fields",
            "prefix",
        ];
        let section = self.section(own, "pipeline", &allowed)?;
        self.only(&section, &allowed);
        let name = self.text(&section, "name").or_else(|| self.text(top, "title"));
        if name.is_none() {
            self.fault(own.line, "pipeline.name", "a pipeline needs a `name`");
        }
        let priority = self.priority(&section);
        let covers = self.source_of(own.line, &section, "logsource", true);
        let target = self.source_of(own.line, &section, "set-logsource", false);
        let mut whats = Vec::new();
        if let Some(fields) = section.get("fields") {
            whats.extend(self.names("pipeline.fields", fields).map(What::Names));
        }
        if section.get("prefix").is_some() {
            whats.extend(self.text(&section, "prefix").map(What::Prefix));
        }
        whats.extend(target.map(What::LogSource));
        if whats.is_empty() {
            self.fault(
                own.line,
                "pipeline",
                "the pipeline changes nothing: give it `fields`, a `prefix` or a `set-logsource`",
            );
        }
        let covers = covers?;
        let made = whats.into_iter().map(|what| Transformation {
            covers: vec![covers.clone()],
            any: false,
            negated: false,
            what,
        });
        Some((name?, priority, made.collect()))
    }

    fn priority(&mut self, section: &Section<'_>) -> i64 {
        match section
            .get("priority")
            .map(|entry| (entry.line, &entry.value.value))
        {
            None => 0,
            Some((_, Value::Integer(priority))) => *priority,
            Some((line, _)) => {
                self.fault(
                    line,
                    section.path("priority"),
                    "a whole number is needed here: lower ones go first",
                );
                0
            }
        }
    }

    fn source_of(
        &mut self,
        line: usize,
        section: &Section<'_>,
        key: &str,
        needed: bool,
    ) -> Option<LogSource> {
        let Some(entry) = section.get(key) else {
            if needed {
                self.fault(line, section.path(key), "a `logsource` is needed: the rules that the pipeline is for, such as `{product: windows}`");
            }
            return None;
        };
        self.log_source_parts(entry, &section.path(key), &[])
    }

    fn names(&mut self, path: &str, entry: &Entry) -> Option<Arc<BTreeMap<String, Vec<String>>>> {
        let Some(entries) = entry.value.entries().filter(|entries| !entries.is_empty()) else {
            self.fault(
                entry.line,
                path,
                "a map is needed here, from a field of the rules to one or several of the events",
            );
            return None;
        };
        let mut names = BTreeMap::new();
        for entry in entries {
            let to: Option<Vec<String>> = entry.value.items().iter().map(Node::text).collect();
            match to.filter(|to| !to.is_empty() && to.iter().all(|to| !to.is_empty() && !to.contains('|'))) {
                Some(to) => {
                    names.insert(entry.key.clone(), to);
                }
                None => self.fault(
                    entry.line,
                    format!("{path}.{}", entry.key),
                    "the name of a field of the events is needed here, or a list of them",
                ),
            }
        }
        Some(Arc::new(names))
    }

    fn foreign_pipeline(&mut self, top: &Section<'_>) -> Read {
        self.known_or_custom(
            top,
            &[
                "name",
                "id",
                "description",
                "priority",
                "transformations",
                "allowed_backends",
                "vars",
                "postprocessing",
                "finalizers",
            ],
        );
        for key in ["vars", "postprocessing", "finalizers"] {
            let filled = |entry: &&Entry| match &entry.value.value {
                Value::Null => false,
                Value::List(items) => !items.is_empty(),
                Value::Map(entries) => !entries.is_empty(),
                _ => true,
            };
            if let Some(entry) = top.get(key).filter(filled) {
                self.fault(
                    entry.line,
                    key,
                    "this part shapes queries for other systems and has no meaning here: remove it",
                );
            }
        }
        let name = self.text(top, "name").unwrap_or_else(|| self.path().to_owned());
        let priority = self.priority(top);
        let entry = top.get("transformations")?;
        let mut made = Vec::new();
        for node in entry.value.items() {
            made.extend(self.transformation(node));
        }
        if entry.value.items().is_empty() {
            self.fault(
                entry.line,
                "transformations",
                "a list of transformations is needed here",
            );
        }
        Some((name, priority, made))
    }

    fn transformation(&mut self, node: &Node) -> Option<Transformation> {
        const TYPES: [&str; 5] = [
            "field_name_mapping",
            "field_name_prefix",
            "change_logsource",
            "add_condition",
            "set_state",
        ];
        let Some(entries) = node.entries() else {
            self.fault(
                node.line,
                "transformations",
                format!("a map with a `type` is needed here: {}", listed(&TYPES)),
            );
            return None;
        };
        let section = Section {
            name: "transformations",
            entries,
        };
        if section.get("type").is_none() {
            self.fault(
                node.line,
                "transformations.type",
                format!("a `type` is needed: {}", listed(&TYPES)),
            );
        }
        let kind = self.one_of(&section, "type", &TYPES)?;
        let own: &[&str] = match kind {
            0 => &["mapping"],
            1 => &["prefix"],
            2 => &["category", "product", "service"],
            3 => &["conditions", "negated"],
            _ => &["key", "val"],
        };
        let common = ["id", "type", "rule_conditions", "rule_cond_op", "rule_cond_not"];
        self.only(&section, &[own, &common].concat());
        let lacks = |reader: &mut Self, key: &str| {
            reader.fault(
                node.line,
                section.path(key),
                format!("`{key}` is needed for this type"),
            )
        };
        let what = match kind {
            0 => match section.get("mapping") {
                Some(entry) => self.names("transformations.mapping", entry).map(What::Names),
                None => {
                    lacks(self, "mapping");
                    None
                }
            },
            1 => {
                let prefix = self.text(&section, "prefix");
                if prefix.is_none() {
                    lacks(self, "prefix");
                }
                prefix.map(What::Prefix)
            }
            2 => Some(What::LogSource(LogSource {
                category: self.text(&section, "category"),
                product: self.text(&section, "product"),
                service: self.text(&section, "service"),
            })),
            3 => match section
                .get("conditions")
                .filter(|entry| entry.value.entries().is_some())
            {
                Some(entry) => {
                    let negated = self.truth(&section, "negated");
                    Some(What::Condition(entry.value.clone(), negated))
                }
                None => {
                    lacks(self, "conditions");
                    None
                }
            },
            // A state speaks to the backends of queries, of which there are none here.
            _ => None,
        };
        let (covers, any, negated) = self.rule_conditions(&section);
        Some(Transformation {
            covers,
            any,
            negated,
            what: what?,
        })
    }

    fn rule_conditions(&mut self, section: &Section<'_>) -> (Vec<LogSource>, bool, bool) {
        let mut covers = Vec::new();
        for node in section
            .get("rule_conditions")
            .map_or(&[][..], |entry| entry.value.items())
        {
            let entries = node.entries().unwrap_or_default();
            let condition = Section {
                name: "transformations.rule_conditions",
                entries,
            };
            self.only(&condition, &["type", "category", "product", "service"]);
            if condition
                .get("type")
                .and_then(|entry| entry.value.text())
                .as_deref()
                != Some("logsource")
            {
                self.fault(
                    node.line,
                    "transformations.rule_conditions.type",
                    "only conditions of the type `logsource` are understood",
                );
            }
            covers.push(LogSource {
                category: self.text(&condition, "category"),
                product: self.text(&condition, "product"),
                service: self.text(&condition, "service"),
            });
        }
        let any = section.get("rule_cond_op").is_some()
            && self.one_of(section, "rule_cond_op", &["and", "or"]) == Some(1);
        let negated = self.truth(section, "rule_cond_not");
        (covers, any, negated)
    }
}
