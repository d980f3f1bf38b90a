//! Judges the items of one rule for one event, each from the rule's own text.

use super::{Alternative, Asked, Found, ItemVerdict, NamedVerdict, Part, Verdict};
use crate::limits::Limits;
use crate::sigma::condition::{self, Condition};
use crate::sigma::modifier::{self, Compiler};
use crate::sigma::paths::Paths;
use crate::sigma::pipeline::Mapping;
use crate::sigma::rule::cut;
use crate::sigma::similar::similar;
use crate::sigma::view::{FieldId, Fields, Scratch, View};
use crate::yaml::{self, Entry, Node, Value};
use serde_json::Map;
use watchkeeper_domain::event::Event;

/// How many values of a field are shown.
const MOST_VALUES: usize = 20;

/// How many fields of the event are looked through for one with a similar name.
const MOST_FIELDS: usize = 2_000;

/// How many fields with a similar name are proposed.
const MOST_PROPOSALS: usize = 3;

/// A part turned round.
pub(super) fn not(verdict: Verdict) -> Verdict {
    Verdict {
        holds: !verdict.holds,
        part: Part::Not(Box::new(verdict)),
    }
}

/// Judges the parts of one rule.
pub(super) struct Judge<'a> {
    pub(super) event: &'a Event,
    pub(super) limits: &'a Limits,
    pub(super) mapping: &'a Mapping,
}

impl Judge<'_> {
    /// The condition at `key` of a document that was read before, and so has no fault.
    pub(super) fn document(&self, from: &str, key: &str, source: &str, line: usize) -> Option<NamedVerdict> {
        let piece = yaml::documents(source).into_iter().next()?;
        let first = yaml::parse(&piece.text, piece.line)
            .ok()?
            .entries()?
            .first()?
            .line;
        let root = yaml::parse(&piece.text, piece.line + line.saturating_sub(first)).ok()?;
        let entry = root.entries()?.iter().find(|entry| entry.key == key)?;
        let entries = entry.value.entries()?;
        let selections: Vec<&Entry> = entries
            .iter()
            .filter(|entry| !["condition", "timeframe"].contains(&entry.key.as_str()))
            .filter(|entry| key != "filter" || entry.key != "rules")
            .collect();
        let names: Vec<String> = selections.iter().map(|entry| entry.key.clone()).collect();
        let conditions = entries.iter().find(|entry| entry.key == "condition")?;
        let texts: Vec<String> = conditions.value.items().iter().filter_map(Node::text).collect();
        let parsed = texts
            .iter()
            .filter_map(|text| condition::parse(text, &names).ok());
        let mut verdicts: Vec<_> = parsed.map(|parsed| self.verdict(&parsed, &selections)).collect();
        let verdict = if verdicts.len() == 1 {
            verdicts.remove(0)
        } else {
            any(verdicts)
        };
        Some(NamedVerdict {
            from: from.to_owned(),
            condition: texts.join(" | "),
            verdict,
        })
    }

    fn verdict(&self, condition: &Condition, selections: &[&Entry]) -> Verdict {
        let each = |parts: &[Condition]| -> Vec<_> {
            parts.iter().map(|part| self.verdict(part, selections)).collect()
        };
        match condition {
            Condition::All(parts) => {
                let parts = each(parts);
                Verdict {
                    holds: parts.iter().all(|part| part.holds),
                    part: Part::All(parts),
                }
            }
            Condition::Any(parts) => any(each(parts)),
            Condition::Not(part) => not(self.verdict(part, selections)),
            Condition::Selection(index) => self.selection(selections[*index]),
        }
    }

    fn selection(&self, entry: &Entry) -> Verdict {
        let keywords = |node: &Node| {
            let item = self.item("", node.line, node);
            Alternative {
                holds: item.holds,
                items: vec![item],
            }
        };
        let alternatives: Vec<_> = match &entry.value.value {
            Value::Map(items) => vec![self.block(items)],
            Value::List(nodes) if nodes.iter().any(|node| node.entries().is_some()) => nodes
                .iter()
                .map(|node| {
                    node.entries()
                        .map_or_else(|| keywords(node), |items| self.block(items))
                })
                .collect(),
            _ => vec![keywords(&entry.value)],
        };
        Verdict {
            holds: alternatives.iter().any(|alternative| alternative.holds),
            part: Part::Selection {
                name: entry.key.clone(),
                alternatives,
            },
        }
    }

    pub(super) fn block(&self, entries: &[Entry]) -> Alternative {
        let items = entries
            .iter()
            .map(|entry| self.item(&entry.key, entry.line, &entry.value));
        let items: Vec<_> = items.collect();
        Alternative {
            holds: items.iter().all(|item| item.holds),
            items,
        }
    }

    fn item(&self, key: &str, line: usize, values: &Node) -> ItemVerdict {
        let modifiers: Vec<&str> = key.split('|').skip(1).collect();
        let negated = modifiers.contains(&"neq");
        let all = modifiers.contains(&"all");
        let field = modifier::field_of(key);
        let names = self.mapping.names(field);
        let positive: Vec<&str> = key.split('|').filter(|part| *part != "neq").collect();
        let positive = positive.join("|");
        let asked: Vec<_> = values
            .items()
            .iter()
            .map(|value| Asked {
                value: written(value),
                holds: names.iter().any(|name| self.matches(&positive, name, value)),
            })
            .collect();
        let judged: Vec<_> = names.iter().map(|name| self.matches(key, name, values)).collect();
        let absent = |value: &Node| {
            value.value == Value::Null || value.value == Value::Bool(false) && modifiers.contains(&"exists")
        };
        // As when the rule is loaded: absence and difference are asked of all names, everything else of any.
        let holds = if negated || values.items().iter().all(absent) {
            judged.iter().all(|holds| *holds)
        } else {
            judged.iter().any(|holds| *holds)
        };
        let found = if field.is_empty() {
            Vec::new()
        } else {
            names.into_iter().map(|name| self.found(name)).collect()
        };
        ItemVerdict {
            key: key.to_owned(),
            line,
            holds,
            all,
            negated,
            found,
            asked,
        }
    }

    fn matches(&self, key: &str, field: &str, values: &Node) -> bool {
        let mut fields = Fields::default();
        let mut compiler = Compiler {
            fields: &mut fields,
            limits: self.limits,
            mapping: self.mapping,
        };
        let Ok(item) = modifier::item(key, field, values, &mut compiler) else {
            return false;
        };
        let paths = Paths::new(fields.all(), &fields);
        let mut scratch = Scratch::default();
        item.matches(&scratch.event(self.event, &paths, &fields))
    }

    fn found(&self, field: String) -> Found {
        let (present, values) = of_field(self.event, &field, |view, id| {
            let values = view.values(id).take(MOST_VALUES);
            (view.is_present(id), values.map(|value| cut(value.text)).collect())
        });
        let similar = if present {
            Vec::new()
        } else {
            proposals(&field, self.event.fields())
        };
        Found {
            field,
            present,
            values,
            similar,
        }
    }
}

/// The value of a field as correlations group by it and count it: the only one it has.
pub(super) fn single(event: &Event, field: &str) -> Option<String> {
    of_field(event, field, |view, id| {
        view.single(id).map(|scalar| scalar.text.to_owned())
    })
}

/// What `tell` makes of a field of the event, as rules see it.
fn of_field<T>(event: &Event, field: &str, tell: impl FnOnce(&View<'_>, FieldId) -> T) -> T {
    let mut fields = Fields::default();
    let id = fields.id(field);
    let paths = Paths::new(fields.all(), &fields);
    let mut scratch = Scratch::default();
    tell(&scratch.event(event, &paths, &fields), id)
}

fn any(parts: Vec<Verdict>) -> Verdict {
    Verdict {
        holds: parts.iter().any(|part| part.holds),
        part: Part::Any(parts),
    }
}

/// A value as the rule writes it.
fn written(node: &Node) -> String {
    node.text().unwrap_or_else(|| node.json().to_string())
}

/// Fields of the event that the rule may have meant: another case, a slip of the pen, or the same last part of a path.
fn proposals(field: &str, fields: &Map<String, serde_json::Value>) -> Vec<String> {
    let mut paths = Vec::new();
    gather(fields, "", &mut paths);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let mut near: Vec<(u8, String)> = paths
        .into_iter()
        .filter_map(|path| {
            if path.eq_ignore_ascii_case(field) {
                Some((0, path))
            } else if similar(field, &path) {
                Some((1, path))
            } else if last(&path) == last(field) || similar(&last(field), &last(&path)) {
                Some((2, path))
            } else {
                None
            }
        })
        .collect();
    near.sort();
    near.into_iter()
        .take(MOST_PROPOSALS)
        .map(|(_, path)| path)
        .collect()
}

fn gather(fields: &Map<String, serde_json::Value>, before: &str, paths: &mut Vec<String>) {
    for (key, value) in fields {
        if paths.len() >= MOST_FIELDS {
            return;
        }
        let path = if before.is_empty() {
            key.clone()
        } else {
            format!("{before}.{key}")
        };
        if let serde_json::Value::Object(inner) = value {
            gather(inner, &path, paths);
        } else {
            paths.push(path);
        }
    }
}
