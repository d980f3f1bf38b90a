//! Correlations: thresholds, groups and aliases that do not do what they seem to.

use super::Linter;
use crate::sigma::correlation_document::{SAID_ABOUT_IT, span};
use crate::sigma::document::Document;
use crate::yaml::{Entry, Node, Value};

/// A longer timespan remembers a lot, in microseconds: a week.
const LONG: i64 = 604_800_000_000;

impl Linter<'_> {
    pub(super) fn correlation(&mut self, correlation: &Entry, all: &[Document]) {
        let text = |key: &str| self.entry(correlation, key).and_then(|entry| entry.value.text());
        let kind = text("type").unwrap_or_default();
        self.threshold(correlation, &kind);
        self.timespan(correlation);
        self.rules(correlation, &kind);
        let group_by = self.entry(correlation, "group-by");
        if group_by.is_none()
            && ["event_count", "value_count", "temporal", "temporal_ordered"].contains(&kind.as_str())
        {
            self.remark(
                correlation.line,
                "correlation.group-by",
                "without `group-by` everybody is counted together: name who or what is counted apart",
            );
        }
        self.aliases(correlation);
        self.groups(correlation, all);
        let said = correlation.value.entries().unwrap_or_default().iter();
        for entry in said.filter(|entry| SAID_ABOUT_IT.contains(&entry.key.as_str())) {
            self.warn(
                entry.line,
                format!("correlation.{}", entry.key),
                "this is said about the rule, and is not read here: write it beside `correlation`",
            );
        }
        if let Some(line) = self.entry(correlation, "field").map(|entry| entry.line) {
            self.warn(
                line,
                "correlation.field",
                "the `field` belongs into `condition` (specification 2.1): other engines do not find it here",
            );
        }
    }

    fn threshold(&mut self, correlation: &Entry, kind: &str) {
        if kind == "value_percentile" {
            let condition = self.entry(correlation, "condition");
            let lacks = condition.filter(|condition| self.entry(condition, "percentile").is_none());
            if let Some(line) = lacks.map(|condition| condition.line) {
                self.warn(
                    line,
                    "correlation.condition.percentile",
                    "no `percentile` is named, so it is the 95th: write which one is meant",
                );
            }
        }
        if !["event_count", "value_count"].contains(&kind) {
            return;
        }
        let Some(condition) = self.entry(correlation, "condition") else {
            return;
        };
        // With groups it is one detection for each while it goes on, however many events there are.
        if self.entry(correlation, "group-by").is_some() {
            return;
        }
        for (key, one) in [("gte", 1), ("gt", 0)] {
            let found = self.entry(condition, key);
            if let Some(entry) = found.filter(|entry| entry.value.value == Value::Integer(one)) {
                let line = entry.line;
                self.warn(
                    line,
                    format!("correlation.condition.{key}"),
                    "a single event is enough: raise the threshold, or leave the correlation off",
                );
            }
        }
    }

    fn timespan(&mut self, correlation: &Entry) {
        let Some(entry) = self.entry(correlation, "timespan") else {
            return;
        };
        let Some(found) = entry.value.text().as_deref().and_then(span) else {
            return;
        };
        let lateness = self.limits.lateness.num_microseconds().unwrap_or(0);
        let line = entry.line;
        if found > LONG {
            self.warn(line, "correlation.timespan", "a timespan of more than a week remembers every group for as long: shorten it, or expect groups to be forgotten at the limit");
        } else if found < lateness {
            self.remark(line, "correlation.timespan", format!("the timespan is shorter than the lateness of {} s that events are given: they may be counted when it has long passed", self.limits.lateness.num_seconds()));
        }
    }

    fn rules(&mut self, correlation: &Entry, kind: &str) {
        if ["temporal_ordered", "sequence"].contains(&kind) {
            return;
        }
        let Some(entry) = self.entry(correlation, "rules") else {
            return;
        };
        let mut known: Vec<String> = Vec::new();
        let nodes: Vec<(usize, Option<String>)> = entry
            .value
            .items()
            .iter()
            .map(|node| (node.line, node.text()))
            .collect();
        for (line, text) in nodes {
            let Some(text) = text else { continue };
            if known.contains(&text) {
                self.warn(
                    line,
                    "correlation.rules",
                    format!("`{text}` stands here already: it counts once, so remove one"),
                );
            }
            known.push(text);
        }
    }

    fn aliases(&mut self, correlation: &Entry) {
        let used = self.asked(correlation);
        let Some(aliases) = self.entry(correlation, "aliases") else {
            return;
        };
        let names: Vec<_> = aliases
            .value
            .entries()
            .unwrap_or_default()
            .iter()
            .map(|entry| (entry.key.clone(), entry.line))
            .collect();
        for (name, line) in names {
            if !used.contains(&name) {
                self.warn(
                    line,
                    format!("correlation.aliases.{name}"),
                    "the alias is used nowhere: name it in `group-by`, or remove it",
                );
            }
        }
    }

    /// The fields that the correlation groups by or counts, as it names them.
    fn asked(&self, correlation: &Entry) -> Vec<String> {
        let texts = |entry: Option<&Entry>| -> Vec<String> {
            entry.map_or(Vec::new(), |entry| {
                entry.value.items().iter().filter_map(Node::text).collect()
            })
        };
        let mut asked = texts(self.entry(correlation, "group-by"));
        asked.extend(texts(self.entry(correlation, "distinct")));
        asked.extend(texts(self.entry(correlation, "field")));
        if let Some(condition) = self.entry(correlation, "condition") {
            asked.extend(texts(self.entry(condition, "field")));
        }
        asked
    }

    /// Fields in `group-by` that no rule of the correlation lists: an author who lists `fields` shows what its events have.
    fn groups(&mut self, correlation: &Entry, all: &[Document]) {
        let Some(group_by) = self.entry(correlation, "group-by") else {
            return;
        };
        let references: Vec<String> = self.entry(correlation, "rules").map_or(Vec::new(), |entry| {
            entry.value.items().iter().filter_map(Node::text).collect()
        });
        let counted: Vec<&Document> = all
            .iter()
            .filter(|document| is_called(document, &references))
            .collect();
        let listed: Vec<String> = counted
            .iter()
            .flat_map(|document| listed_fields(document))
            .collect();
        // Where a rule lists no fields, nothing is known about its events.
        if counted.is_empty() || counted.iter().any(|document| document.get("fields").is_none()) {
            return;
        }
        let aliases: Vec<String> = self
            .entry(correlation, "aliases")
            .and_then(|entry| entry.value.entries())
            .map_or(Vec::new(), |entries| {
                entries.iter().map(|entry| entry.key.clone()).collect()
            });
        let line = group_by.line;
        let names: Vec<String> = group_by.value.items().iter().filter_map(Node::text).collect();
        for name in names {
            if !aliases.contains(&name) && !listed.contains(&name) {
                self.remark(line, "correlation.group-by", format!("`{name}` is neither a field of a selection nor listed in `fields` of the rules that are counted: make sure that their events have it"));
            }
        }
    }
}

fn is_called(document: &Document, references: &[String]) -> bool {
    ["id", "name", "title"].iter().any(|key| {
        let text = document.get(key).and_then(|entry| entry.value.text());
        text.is_some_and(|text| references.contains(&text))
    })
}

fn listed_fields(document: &Document) -> Vec<String> {
    fn keys(node: &Node, into: &mut Vec<String>) {
        match &node.value {
            Value::Map(entries) => into.extend(
                entries
                    .iter()
                    .filter_map(|entry| entry.key.split('|').next().map(str::to_owned)),
            ),
            Value::List(nodes) => nodes.iter().for_each(|node| keys(node, into)),
            _ => {}
        }
    }
    let mut found: Vec<String> = document.get("fields").map_or(Vec::new(), |entry| {
        entry.value.items().iter().filter_map(Node::text).collect()
    });
    let selections = document.get("detection").and_then(|entry| entry.value.entries());
    for selection in selections.unwrap_or_default() {
        keys(&selection.value, &mut found);
    }
    found
}
