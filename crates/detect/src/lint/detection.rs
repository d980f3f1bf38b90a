//! Selections and the condition over them.

use super::Linter;
use crate::sigma::condition;
use crate::yaml::{Entry, Node, Value};

/// Up to so many selections every combination of their truths is tried.
const MOST_TRIED: usize = 12;

impl Linter<'_> {
    /// Looks at the map of selections that stands at `name`.
    pub(super) fn selections(&mut self, name: &str, detection: &Entry) {
        let Some(entries) = detection.value.entries() else {
            return;
        };
        let selections: Vec<&Entry> = entries
            .iter()
            .filter(|entry| !["condition", "rules", "timeframe"].contains(&entry.key.as_str()))
            .collect();
        for entry in &selections {
            self.selection(&format!("{name}.{}", entry.key), &entry.value);
        }
        if let Some(condition) = entries.iter().find(|entry| entry.key == "condition") {
            self.condition(name, condition, &selections);
        }
    }

    fn selection(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    self.item(path, &entry.key, entry.line, &entry.value);
                }
            }
            Value::List(nodes) if nodes.iter().any(|node| node.entries().is_some()) => {
                nodes.iter().for_each(|node| self.selection(path, node));
            }
            _ => self.item(path, "", node.line, node),
        }
    }

    fn condition(&mut self, name: &str, entry: &Entry, selections: &[&Entry]) {
        let names: Vec<String> = selections.iter().map(|entry| entry.key.clone()).collect();
        let texts = entry.value.items().iter().filter_map(Node::text);
        let parsed: Option<Vec<_>> = texts.map(|text| condition::parse(&text, &names).ok()).collect();
        let Some(parsed) = parsed else { return };
        let mut used = Vec::new();
        parsed.iter().for_each(|part| part.places(&mut used));
        for (index, selection) in selections.iter().enumerate() {
            if !used.contains(&index) {
                let message = "the condition does not speak of this selection, so it decides nothing: use it there, or remove it";
                self.warn(selection.line, format!("{name}.{}", selection.key), message);
            }
        }
        let key = format!("{name}.condition");
        let count = names.len();
        if count == 0 || count > MOST_TRIED {
            return;
        }
        let holds = |truths: usize| {
            parsed
                .iter()
                .any(|part| part.holds(&mut |index| truths & (1 << index) != 0))
        };
        let found: Vec<bool> = (0..1_usize << count).map(holds).collect();
        if found.iter().all(|holds| *holds) {
            self.warn(
                entry.line,
                key,
                "the condition holds for every event: ask for a selection without `not`",
            );
        } else if found.iter().all(|holds| !holds) {
            self.warn(
                entry.line,
                key,
                "the condition can never hold: it asks for a selection and for its opposite",
            );
        } else if found[0] && name == "detection" {
            self.warn(entry.line, key, "the condition holds for every event that no selection matches: name what to look for, and join the exceptions by `and not`");
        }
    }
}
