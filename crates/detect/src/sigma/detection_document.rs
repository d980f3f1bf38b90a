//! The `logsource` and `detection` of a document, and the selections of a filter.

use super::condition::{self, Condition, listed};
use super::document::{Document, Reader, Section};
use super::item::{Item, Test};
use super::modifier::{self, Compiler};
use super::pipeline::{self, Pipeline, Shaping};
use super::rule::{DetectionRule, Selection};
use super::view::Fields;
use crate::yaml::{Entry, Node, Value};
use std::sync::OnceLock;
use watchkeeper_domain::event::LogSource;

/// How many alternatives one selection may become, where pipelines give fields several names.
const MOST_ALTERNATIVES: usize = 1_024;

/// The custom elements of a log source that real rules carry; the specification allows any.
const SOURCE_KEYS: [&str; 3] = ["category", "product", "service"];

impl Reader<'_> {
    pub(super) fn detection_rule(
        &mut self,
        document: &Document,
        top: &Section<'_>,
        detection: &Entry,
        pipelines: &[Pipeline],
        fields: &mut Fields,
    ) -> Option<DetectionRule> {
        self.known_or_custom(top, &Self::allowed_keys(&["logsource", "detection"]));
        let meta = self.meta(document, top);
        let log_source = self.log_source(top);
        let shaping = pipeline::shape(pipelines, &log_source.clone().unwrap_or_default());
        let parts = match detection.value.entries() {
            Some(entries) => self.detection("detection", detection.line, entries, &shaping, fields),
            None => {
                self.fault(
                    detection.line,
                    "detection",
                    "a map of selections with a `condition` is needed here",
                );
                None
            }
        };
        let (mut selections, mut condition) = parts?;
        for added in &shaping.conditions {
            let node = &added.selection;
            let alternatives = self.block(
                "transformations.conditions",
                node.line,
                node.entries()?,
                &shaping.of_added(added),
                fields,
            )?;
            let index = Condition::Selection(selections.len());
            selections.push(Selection::new(alternatives));
            let index = if added.negated {
                Condition::Not(Box::new(index))
            } else {
                index
            };
            condition = Condition::All(vec![condition, index]);
        }
        log_source?;
        Some(DetectionRule {
            meta: meta?,
            log_source: shaping.log_source.clone(),
            selections,
            condition,
            shaping,
            filters: Vec::new(),
            trial: OnceLock::new(),
        })
    }

    pub(super) fn log_source(&mut self, top: &Section<'_>) -> Option<LogSource> {
        let Some(entry) = top.get("logsource") else {
            let line = top.entries.first().map_or(1, |entry| entry.line);
            self.fault(
                line,
                "logsource",
                "a rule needs a `logsource` with at least one of `category`, `product` and `service`",
            );
            return None;
        };
        self.log_source_parts(entry, "logsource", &["definition"])
    }

    /// A log source. Elements of the author's own are allowed beside `extra` (specification 2.1, "LogSource"), unless they look
    /// like one of the three.
    pub(super) fn log_source_parts(
        &mut self,
        entry: &Entry,
        path: &str,
        extra: &[&str],
    ) -> Option<LogSource> {
        let Some(entries) = entry.value.entries() else {
            self.fault(
                entry.line,
                path,
                "a map with `category`, `product` or `service` is needed here",
            );
            return None;
        };
        let section = Section { name: path, entries };
        let allowed = [&SOURCE_KEYS[..], extra].concat();
        for entry in entries
            .iter()
            .filter(|entry| !allowed.contains(&entry.key.as_str()))
        {
            let near = allowed
                .iter()
                .find(|key| super::similar::similar(key, &entry.key));
            if let Some(near) = near {
                self.fault(
                    entry.line,
                    section.path(&entry.key),
                    format!(
                        "this key is not known, did you mean `{near}`: allowed are {}",
                        listed(&allowed)
                    ),
                );
            } else if extra.is_empty() {
                self.fault(
                    entry.line,
                    section.path(&entry.key),
                    format!("this key is not known: allowed are {}", listed(&allowed)),
                );
            }
        }
        let part = |reader: &mut Self, key: &str| {
            let text = reader.text(&section, key)?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let log_source = LogSource {
            category: part(self, "category"),
            product: part(self, "product"),
            service: part(self, "service"),
        };
        if log_source == LogSource::default() {
            self.fault(
                entry.line,
                path,
                "at least one of `category`, `product` and `service` is needed",
            );
        }
        Some(log_source)
    }

    /// The selections and the condition over them; `name` is the key that the map stands at.
    pub(super) fn detection(
        &mut self,
        name: &str,
        line: usize,
        entries: &[Entry],
        shaping: &Shaping,
        fields: &mut Fields,
    ) -> Option<(Vec<Selection>, Condition)> {
        let mut names = Vec::new();
        let mut selections = Vec::new();
        // A `timeframe` without an aggregation never meant anything; with one, the condition is a fault.
        let selection = |entry: &&Entry| !["condition", "timeframe"].contains(&entry.key.as_str());
        for entry in entries.iter().filter(selection) {
            names.push(entry.key.clone());
            selections.push(self.selection(name, entry, shaping, fields));
        }
        let Some(condition) = entries.iter().find(|entry| entry.key == "condition") else {
            self.fault(
                line,
                format!("{name}.condition"),
                format!("a `condition` over the selections is needed: {}", listed(&names)),
            );
            return None;
        };
        let condition = self.condition(name, condition, &names)?;
        Some((selections.into_iter().collect::<Option<_>>()?, condition))
    }

    fn condition(&mut self, name: &str, entry: &Entry, names: &[String]) -> Option<Condition> {
        let mut parts = Vec::new();
        for node in entry.value.items() {
            let parsed = match node.text() {
                Some(text) => condition::parse(&text, names),
                None => Err(format!("a text is needed here, not {}", node.kind())),
            };
            match parsed {
                Ok(part) => parts.push(part),
                Err(reason) => self.fault(node.line, format!("{name}.condition"), reason),
            }
        }
        if entry.value.items().is_empty() {
            self.fault(
                entry.line,
                format!("{name}.condition"),
                "the list of conditions is empty: give at least one",
            );
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

    fn selection(
        &mut self,
        section: &str,
        entry: &Entry,
        shaping: &Shaping,
        fields: &mut Fields,
    ) -> Option<Selection> {
        let name = format!("{section}.{}", entry.key);
        let alternatives = match &entry.value.value {
            Value::Null => {
                self.fault(
                    entry.line,
                    name,
                    "the selection is empty: name a field in it, or remove it here and in the `condition`",
                );
                return None;
            }
            Value::List(nodes) if nodes.iter().any(|node| matches!(node.value, Value::List(_))) => {
                self.fault(
                    entry.line,
                    name,
                    "a list stands in a list: write each map or keyword of a selection behind one `-`",
                );
                return None;
            }
            Value::Map(items) => self.block(&name, entry.line, items, shaping, fields)?,
            Value::List(nodes) if nodes.iter().any(|node| matches!(node.value, Value::Map(_))) => {
                let blocks: Vec<_> = nodes
                    .iter()
                    .map(|node| match &node.value {
                        Value::Map(items) => self.block(&name, node.line, items, shaping, fields),
                        _ => self.item(&name, node.line, "", node, shaping, fields),
                    })
                    .collect();
                blocks
                    .into_iter()
                    .collect::<Option<Vec<_>>>()?
                    .into_iter()
                    .flatten()
                    .collect()
            }
            _ => self.item(&name, entry.line, "", &entry.value, shaping, fields)?,
        };
        Some(Selection::new(alternatives))
    }

    /// A map of items, all of which are asked for.
    pub(super) fn block(
        &mut self,
        name: &str,
        line: usize,
        entries: &[Entry],
        shaping: &Shaping,
        fields: &mut Fields,
    ) -> Option<Vec<Vec<Item>>> {
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
            .map(|entry| self.item(name, entry.line, &entry.key, &entry.value, shaping, fields))
            .collect();
        let items: Vec<Vec<Vec<Item>>> = items.into_iter().collect::<Option<_>>()?;
        if items.iter().all(|ways| ways.len() == 1) {
            return Some(vec![items.into_iter().flatten().flatten().collect()]);
        }
        let combined = items.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
        if combined.is_none_or(|count| count > MOST_ALTERNATIVES) {
            self.fault(
                line,
                name,
                format!("the pipelines give its fields more than {MOST_ALTERNATIVES} combinations of names: give fewer fields several names"),
            );
            return None;
        }
        let mut alternatives: Vec<Vec<(usize, usize)>> = vec![Vec::new()];
        for (index, ways) in items.iter().enumerate() {
            alternatives = alternatives
                .iter()
                .flat_map(|known| (0..ways.len()).map(move |way| [&known[..], &[(index, way)]].concat()))
                .collect();
        }
        // Each combination has items of its own: they are compiled once more, since compiled ones cannot be copied.
        let mut made = Vec::new();
        for combination in alternatives {
            let mut block = Vec::new();
            for (index, way) in combination {
                let entry = &entries[index];
                let again = self.item(name, entry.line, &entry.key, &entry.value, shaping, fields)?;
                block.extend(again.into_iter().nth(way)?);
            }
            made.push(block);
        }
        Some(made)
    }

    /// One line of a selection: alternatives, of which there are several only where its field has several names.
    fn item(
        &mut self,
        name: &str,
        line: usize,
        key: &str,
        values: &Node,
        shaping: &Shaping,
        fields: &mut Fields,
    ) -> Option<Vec<Vec<Item>>> {
        let path = if key.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{key}")
        };
        let mut compiler = Compiler {
            fields,
            limits: self.limits,
            mapping: &shaping.mapping,
        };
        let mut items = Vec::new();
        for field in shaping.mapping.names(modifier::field_of(key)) {
            match modifier::item(key, &field, values, &mut compiler) {
                Ok(item) => items.push(item),
                Err(faults) => {
                    for fault in faults {
                        self.fault(fault.line.unwrap_or(line), path.clone(), fault.reason);
                    }
                    return None;
                }
            }
        }
        // That something is absent or different is asked of all the names, everything else of any.
        let absent = |item: &Item| {
            item.negated
                || item
                    .tests
                    .iter()
                    .all(|test| matches!(test, Test::Null | Test::Exists(false)))
        };
        Some(if items.iter().all(absent) {
            vec![items]
        } else {
            items.into_iter().map(|item| vec![item]).collect()
        })
    }
}
