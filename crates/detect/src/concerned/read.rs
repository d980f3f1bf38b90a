//! Reads rules of evidence from YAML and tables from CSV; what is wrong is said with file, line and key, all of it at once.

use super::{EvidenceRules, Finder, RuleSet};
use crate::yaml::{self, Entry, Node, Value};
use regex::{Regex, RegexBuilder};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use watchkeeper_domain::customer::BY_KEY;
use watchkeeper_domain::event::LogSource;

/// A file of rules, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvidenceFile<'f> {
    /// Its path, as faults name it.
    pub path: &'f str,
    /// What is in it.
    pub text: &'f str,
}

/// Something that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EvidenceFault {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, where there is one.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

impl fmt::Display for EvidenceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.key)
        };
        write!(f, "line {}: {key}{}", self.line, self.reason)
    }
}

/// The largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

type Tables = BTreeMap<String, Arc<HashMap<String, String>>>;

impl EvidenceRules {
    /// Reads files of rules, and tables (`*.csv`) that they name by the last part of their path. A file with a fault is left out; its
    /// faults are told.
    #[must_use]
    pub fn read(files: &[EvidenceFile<'_>]) -> (Self, Vec<EvidenceFault>) {
        let (mut rules, mut faults, mut tables) = (Self::default(), Vec::new(), Tables::new());
        let table = |file: &&EvidenceFile<'_>| file.path.ends_with(".csv");
        for file in files.iter().filter(table) {
            let name = file.path.rsplit('/').next().unwrap_or(file.path);
            match read_table(file) {
                Ok(table) => drop(tables.insert(name.to_owned(), Arc::new(table))),
                Err(found) => faults.extend(found),
            }
        }
        for file in files.iter().filter(|file| !table(file)) {
            let mut reader = Reader {
                path: file.path,
                tables: &tables,
                faults: Vec::new(),
            };
            let set = reader.rule_set(file.text);
            if reader.faults.is_empty() {
                rules.sets.extend(set);
            }
            faults.append(&mut reader.faults);
        }
        (rules, faults)
    }
}

/// A table: `value` and `tenant`, or `value` and `customer` with the customer's key, or all three with one of the two filled.
fn read_table(file: &EvidenceFile<'_>) -> Result<HashMap<String, String>, Vec<EvidenceFault>> {
    let fault = |line: u64, key: &str, reason: String| EvidenceFault {
        path: file.path.to_owned(),
        line: usize::try_from(line).unwrap_or(1).max(1),
        key: key.to_owned(),
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(file.text.as_bytes());
    let header = reader.headers().cloned();
    let header = header.map_err(|found| vec![fault(1, "", format!("this is not CSV: {found}"))])?;
    let column = |name: &str| header.iter().position(|known| known == name);
    let (Some(value), true) = (
        column("value"),
        column("tenant").is_some() || column("customer").is_some(),
    ) else {
        let reason = "the first line names the columns: write `value,tenant` or `value,customer`".to_owned();
        return Err(vec![fault(1, "", reason)]);
    };
    let (mut table, mut faults) = (HashMap::new(), Vec::new());
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(found) => {
                let line = found.position().map_or(1, csv::Position::line);
                faults.push(fault(
                    line,
                    "",
                    format!("this is not a row of the table: {found}"),
                ));
                continue;
            }
        };
        let line = row.position().map_or(1, csv::Position::line);
        let cell = |name: &str| {
            column(name)
                .and_then(|at| row.get(at))
                .filter(|text| !text.is_empty())
        };
        let means = match (cell("tenant"), cell("customer")) {
            (Some(tenant), None) => tenant.to_owned(),
            (None, Some(key)) => format!("{BY_KEY}{key}"),
            _ => {
                faults.push(fault(
                    line,
                    "tenant",
                    "fill either `tenant` or `customer`".to_owned(),
                ));
                continue;
            }
        };
        let Some(value) = row.get(value).filter(|text| !text.is_empty()) else {
            faults.push(fault(
                line,
                "value",
                "write the value that stands in the events".to_owned(),
            ));
            continue;
        };
        match table.insert(value.to_owned(), means.clone()) {
            Some(other) if other != means => {
                let reason = format!("`{value}` stands for {other} already; keep one of the two");
                faults.push(fault(line, "value", reason));
            }
            _ => {}
        }
    }
    if faults.is_empty() { Ok(table) } else { Err(faults) }
}

struct Reader<'r> {
    path: &'r str,
    tables: &'r Tables,
    faults: Vec<EvidenceFault>,
}

impl Reader<'_> {
    fn say(&mut self, line: usize, key: &str, reason: impl Into<String>) {
        self.faults.push(EvidenceFault {
            path: self.path.to_owned(),
            line,
            key: key.to_owned(),
            reason: reason.into(),
        });
    }

    fn rule_set(&mut self, text: &str) -> Option<RuleSet> {
        let root = match yaml::parse(text, 1) {
            Ok(root) => root,
            Err(fault) => {
                self.say(fault.line, &fault.key.unwrap_or_default(), fault.reason);
                return None;
            }
        };
        let Value::Map(entries) = root.value else {
            self.say(root.line, "", "write `tenants:` with a list of rules");
            return None;
        };
        let mut set = RuleSet {
            path: self.path.to_owned(),
            log_source: LogSource::default(),
            finders: Vec::new(),
            objects: Vec::new(),
            people: Vec::new(),
            data_classes: Vec::new(),
        };
        for entry in &entries {
            match entry.key.as_str() {
                "title" => drop(self.text(entry)),
                "log_source" => set.log_source = self.log_source(entry),
                "tenants" => set.finders = self.finders(entry),
                "objects" => set.objects = self.fields(entry),
                "people" => set.people = self.fields(entry),
                "data_classes" => set.data_classes = self.fields(entry),
                other => self.say(
                    entry.line,
                    other,
                    "it is not a key of these rules; write title, log_source, tenants, objects, people or data_classes",
                ),
            }
        }
        if !entries.iter().any(|entry| entry.key == "tenants") {
            self.say(
                root.line,
                "tenants",
                "is missing: write a list of rules that find tenants",
            );
        }
        Some(set)
    }

    fn text(&mut self, entry: &Entry) -> Option<String> {
        match &entry.value.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => {
                self.say(entry.line, &entry.key, "write a text");
                None
            }
        }
    }

    fn log_source(&mut self, entry: &Entry) -> LogSource {
        let mut log_source = LogSource::default();
        let Value::Map(parts) = &entry.value.value else {
            self.say(
                entry.line,
                "log_source",
                "write `{product: aws, service: cloudtrail}` or the like",
            );
            return log_source;
        };
        for part in parts {
            let text = self.text(part);
            match part.key.as_str() {
                "category" => log_source.category = text,
                "product" => log_source.product = text,
                "service" => log_source.service = text,
                other => self.say(part.line, other, "a log source has category, product and service"),
            }
        }
        log_source
    }

    fn fields(&mut self, entry: &Entry) -> Vec<String> {
        let Value::List(items) = &entry.value.value else {
            self.say(
                entry.line,
                &entry.key,
                "write a list of fields, such as [requestParameters.key]",
            );
            return Vec::new();
        };
        let mut fields = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(field) if !field.trim().is_empty() => fields.push(field.clone()),
                _ => self.say(
                    item.line,
                    &entry.key,
                    "write the name of a field, with dots for what is nested",
                ),
            }
        }
        fields
    }

    fn finders(&mut self, entry: &Entry) -> Vec<Finder> {
        let Value::List(items) = &entry.value.value else {
            self.say(
                entry.line,
                "tenants",
                "write a list of rules, each with `field` or `text: true`",
            );
            return Vec::new();
        };
        if items.is_empty() {
            self.say(entry.line, "tenants", "write at least one rule");
        }
        items.iter().filter_map(|item| self.finder(item)).collect()
    }

    fn finder(&mut self, item: &Node) -> Option<Finder> {
        let Value::Map(parts) = &item.value else {
            self.say(
                item.line,
                "tenants",
                "a rule has `field` or `text: true`, and `pattern`, `lookup` or both",
            );
            return None;
        };
        let (mut field, mut whole, mut pattern, mut table) = (None, false, None, None);
        let before = self.faults.len();
        for part in parts {
            match part.key.as_str() {
                "field" => field = self.text(part),
                "text" => whole = self.truth(part),
                "pattern" => pattern = self.pattern(part),
                "lookup" => table = self.table(part),
                other => self.say(part.line, other, "a rule has field, text, pattern and lookup"),
            }
        }
        if self.faults.len() > before {
            return None;
        }
        if field.is_some() == whole {
            self.say(item.line, "field", "write either `field` or `text: true`");
        } else if whole && pattern.is_none() {
            self.say(
                item.line,
                "pattern",
                "is missing: a text is no tenant; say by a group `(?<tenant>…)` what is one",
            );
        }
        Some(Finder {
            line: item.line,
            field,
            pattern,
            table,
        })
    }

    fn truth(&mut self, entry: &Entry) -> bool {
        if entry.value.value != Value::Bool(true) {
            self.say(
                entry.line,
                &entry.key,
                "write `true`, or leave it out and name a `field`",
            );
        }
        true
    }

    fn pattern(&mut self, entry: &Entry) -> Option<Regex> {
        let text = self.text(entry)?;
        match RegexBuilder::new(&text).size_limit(PATTERN_BYTES).build() {
            Err(fault) => {
                let said = fault.to_string();
                let last = said.lines().last().unwrap_or_default().to_owned();
                self.say(entry.line, "pattern", format!("it is not a pattern: {last}"));
                None
            }
            Ok(pattern) if !pattern.capture_names().flatten().any(|name| name == "tenant") => {
                self.say(
                    entry.line,
                    "pattern",
                    "it has no group `(?<tenant>…)`, which says what the tenant is",
                );
                None
            }
            Ok(pattern) => Some(pattern),
        }
    }

    fn table(&mut self, entry: &Entry) -> Option<Arc<HashMap<String, String>>> {
        let name = self.text(entry)?;
        let found = self.tables.get(&name).cloned();
        if found.is_none() {
            let known: Vec<&str> = self.tables.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            self.say(
                entry.line,
                "lookup",
                format!("there is no sound table `{name}` beside this file; there are {known}"),
            );
        }
        found
    }
}
