//! What is suspicious about rules: faults that keep them from running, and habits that make them miss, flood or slow down.
//!
//! Takes the same files as [`DetectorSet::load`](crate::DetectorSet::load); judges texts only and looks at no event. Every remark
//! says what to write instead.

mod counting;
mod detection;
mod meta;
mod values;

use crate::catalog::Catalog;
use crate::index;
use crate::limits::Limits;
use crate::quarantine::RuleFile;
use crate::sigma::document::{Document, Purpose};
use crate::yaml::Entry;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rule does not run.
    Fault,
    /// The rule probably does not do what was meant.
    Warning,
    /// The rule could be better.
    Remark,
}

/// One thing to say about a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The file.
    pub path: String,
    /// The line, counted from 1; none where the whole file is meant.
    pub line: Option<usize>,
    /// The key, as a dotted path.
    pub key: Option<String>,
    /// The rule's id, or its title where it has none.
    pub rule: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what to write instead.
    pub message: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let severity = match self.severity {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
            Severity::Remark => "remark",
        };
        write!(f, ": {severity}: ")?;
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything there is to say about the rules of these files, the files in their order, and each from top to bottom.
#[must_use]
pub fn lint(files: impl IntoIterator<Item = RuleFile>, limits: &Limits) -> Vec<Remark> {
    let files: Vec<RuleFile> = files.into_iter().collect();
    let (catalog, faults) = Catalog::load(files.iter().cloned(), limits);
    let mut remarks: Vec<Remark> = faults
        .into_iter()
        .map(|fault| Remark {
            path: fault.path,
            line: fault.line,
            key: fault.key,
            rule: fault.rule,
            severity: Severity::Fault,
            message: fault.reason,
        })
        .collect();
    let documents: Vec<Document> = files
        .iter()
        .flat_map(|file| Document::all(file, &mut Vec::new()))
        .collect();
    let compiled: HashMap<(&str, usize), Compiled> = catalog
        .rules
        .iter()
        .zip(&catalog.detector_of_rule)
        .map(|(rule, detector)| {
            let compiled = Compiled {
                fires: catalog.detectors[*detector].fires,
                sought: index::is_sought(rule),
            };
            ((rule.meta.path.as_str(), rule.meta.line), compiled)
        })
        .collect();
    let compiled = |document: &Document| {
        compiled
            .get(&(document.path.as_str(), document.first_line()))
            .copied()
    };
    for document in &documents {
        let mut linter = Linter {
            document,
            compiled: compiled(document),
            limits,
            remarks: Vec::new(),
        };
        linter.document(&documents, &catalog);
        remarks.append(&mut linter.remarks);
    }
    // Rules that are only counted make no detections, so that one of another file may look for the same.
    let counted = |document: &Document| compiled(document).is_some_and(|rule| !rule.fires);
    repeated(&documents, counted, &mut remarks);
    let places: HashMap<&str, usize> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (file.path.as_str(), index))
        .collect();
    remarks.sort_by_key(|remark| {
        (
            places.get(remark.path.as_str()).copied(),
            remark.line,
            remark.severity,
        )
    });
    remarks
}

/// What became of a rule for single events.
#[derive(Debug, Clone, Copy)]
struct Compiled {
    /// Whether it makes detections of its own.
    fires: bool,
    /// Whether values are looked for that few events have.
    sought: bool,
}

/// Looks at one document.
struct Linter<'a> {
    document: &'a Document,
    /// None of correlations, filters and pipelines, nor of a rule that is in quarantine.
    compiled: Option<Compiled>,
    limits: &'a Limits,
    remarks: Vec<Remark>,
}

impl Linter<'_> {
    fn say(&mut self, severity: Severity, line: usize, key: impl Into<String>, message: impl Into<String>) {
        self.remarks.push(Remark {
            path: self.document.path.clone(),
            line: Some(line),
            key: Some(key.into()).filter(|key| !key.is_empty()),
            rule: self.document.called(),
            severity,
            message: message.into(),
        });
    }

    fn warn(&mut self, line: usize, key: impl Into<String>, message: impl Into<String>) {
        self.say(Severity::Warning, line, key, message);
    }

    fn remark(&mut self, line: usize, key: impl Into<String>, message: impl Into<String>) {
        self.say(Severity::Remark, line, key, message);
    }

    fn document(&mut self, all: &[Document], catalog: &Catalog) {
        match self.document.purpose() {
            Purpose::Pipeline => self.pipeline(catalog),
            Purpose::Filter => {
                if let Some(filter) = self.document.get("filter") {
                    self.selections("filter", filter);
                    self.filter(filter, catalog);
                }
            }
            Purpose::Rule => {
                self.meta();
                if let Some(detection) = self.document.get("detection") {
                    self.selections("detection", detection);
                }
                if let Some(correlation) = self.document.get("correlation") {
                    self.correlation(correlation, all);
                }
            }
        }
    }

    fn pipeline(&mut self, catalog: &Catalog) {
        let used = catalog.rules.iter().any(|rule| {
            rule.shaping
                .by
                .iter()
                .any(|(_, source)| **source == *self.document.source)
        });
        if !used {
            let message = "no rule has a log source that this pipeline is for, so it changes nothing: widen its `logsource`, or remove it";
            self.warn(self.document.line, "pipeline", message);
        }
    }

    fn filter(&mut self, filter: &Entry, catalog: &Catalog) {
        let condition = self.entry(filter, "condition");
        let text = condition.and_then(|entry| entry.value.text()).unwrap_or_default();
        let says_not = text
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word.eq_ignore_ascii_case("not"));
        if let (Some(entry), false) = (condition, says_not) {
            let line = entry.line;
            self.warn(line, "filter.condition", "the filter keeps only the events that it selects: to take them out of the rules, write `not` before the selection");
        }
        let called = self.document.called().unwrap_or_default();
        let used = catalog
            .rules
            .iter()
            .any(|rule| rule.filters.iter().any(|(id, _)| *id == called));
        if !used {
            self.warn(
                filter.line,
                "filter.rules",
                "the filter is joined to no rule: refer to one that runs, or remove the filter",
            );
        }
    }

    /// An entry of a map.
    fn entry<'e>(&self, of: &'e Entry, key: &str) -> Option<&'e Entry> {
        of.value.entries()?.iter().find(|entry| entry.key == key)
    }
}

/// Titles and detections that stand twice.
fn repeated(documents: &[Document], counted: impl Fn(&Document) -> bool, remarks: &mut Vec<Remark>) {
    let mut titles: HashMap<String, &Document> = HashMap::new();
    let mut detections: HashMap<String, &Document> = HashMap::new();
    for document in documents
        .iter()
        .filter(|document| document.purpose() == Purpose::Rule)
    {
        let mut say = |key: &str, entry: &Entry, message: String| {
            remarks.push(Remark {
                path: document.path.clone(),
                line: Some(entry.line),
                key: Some(key.to_owned()),
                rule: document.called(),
                severity: Severity::Warning,
                message,
            });
        };
        if let Some(entry) = document.get("title") {
            let title = entry.value.text().unwrap_or_default().to_lowercase();
            if let Some(other) = titles.get(&title) {
                say(
                    "title",
                    entry,
                    format!(
                        "the title is also that of {}:{}: people cannot tell the two apart, so give each its own",
                        other.path, other.line
                    ),
                );
            }
            titles.entry(title).or_insert(document);
        }
        if let (Some(entry), false) = (document.get("detection"), counted(document)) {
            let source = document.get("logsource").map(|entry| entry.value.json());
            let asked = format!("{:?}{}", source, entry.value.json());
            if let Some(other) = detections.get(&asked) {
                say(
                    "detection",
                    entry,
                    format!(
                        "{}:{} looks for exactly the same: remove one of the two",
                        other.path, other.line
                    ),
                );
            }
            detections.entry(asked).or_insert(document);
        }
    }
}
