//! Sigma filters (specification 2.1, "Sigma Filters"): exceptions of an installation, kept apart from the rules.
//!
//! ```yaml
//! title: Deployments by the robot
//! logsource: {product: aws, service: cloudtrail}
//! filter:
//!   rules: [6afb8c74-4629-4123-82c4-4714f5a33e8b]     # ids, names or titles; or `any`: every rule of the log source
//!   robot: {userIdentity.userName: deploy-robot}
//!   condition: not robot
//! ```
//!
//! A filter's condition is joined to that of each rule by `and`, so a filter that takes something out says `not`.

use super::condition::Condition;
use super::document::{COMMON_KEYS, Document, Reader, Section};
use super::pipeline::Shaping;
use super::rule::{DetectionRule, Meta};
use super::view::Fields;
use crate::limits::Limits;
use crate::quarantine::Quarantined;
use crate::yaml::Entry;
use watchkeeper_domain::event::LogSource;

/// A filter that is sound in itself; whether its rules are there is the catalog's to find out.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) meta: Meta,
    pub(crate) log_source: LogSource,
    pub(crate) rules: FilteredRules,
    document: Document,
    entries: Vec<Entry>,
    line: usize,
}

/// Which rules a filter is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilteredRules {
    /// Every rule whose log source the filter's covers.
    Every,
    /// References, each with its line.
    These(Vec<(String, usize)>),
}

/// Reads a document with `filter`.
pub(crate) fn read(document: &Document, limits: &Limits, faults: &mut Vec<Quarantined>) -> Option<Filter> {
    let mut reader = Reader::new(document, limits);
    let filter = reader.filter(document);
    reader.finish(filter, faults)
}

impl Filter {
    /// Joins the filter to a rule: its selections and its condition.
    pub(crate) fn join(
        &self,
        rule: &mut DetectionRule,
        fields: &mut Fields,
        limits: &Limits,
        faults: &mut Vec<Quarantined>,
    ) {
        let mut reader = Reader::new(&self.document, limits);
        let parts = reader.detection("filter", self.line, &self.entries, &rule.shaping, fields);
        if let Some((selections, condition)) = reader.finish(parts, faults) {
            let condition = condition.shifted(rule.selections.len());
            rule.selections.extend(selections);
            let own = std::mem::replace(&mut rule.condition, Condition::All(Vec::new()));
            rule.condition = Condition::All(vec![own, condition]);
            rule.filters
                .push((self.meta.id.clone(), self.meta.source.clone()));
        }
    }
}

impl Reader<'_> {
    fn filter(&mut self, document: &Document) -> Option<Filter> {
        let entries = document.root.entries().unwrap_or_default();
        let top = Section { name: "", entries };
        if let Some(tests) = top.get("tests") {
            self.fault(
                tests.line,
                "tests",
                "a filter carries no tests: give them to the rule, or remove them",
            );
        }
        if let Some(correlation) = top.get("correlation") {
            self.fault(correlation.line, "correlation", "a document has either `filter` or `correlation`: put the other into a document of its own, after `---`");
        }
        let known: Vec<&str> = COMMON_KEYS
            .into_iter()
            .chain(["logsource", "filter", "correlation"])
            .collect();
        self.known_or_custom(&top, &known);
        let meta = self.meta(document, &top);
        let log_source = self.log_source(&top);
        let entry = top.get("filter")?;
        let section = self.section(entry, "filter", &["rules", "a selection", "condition"])?;
        let rules = self.filtered_rules(entry.line, &section);
        let entries: Vec<Entry> = section
            .entries
            .iter()
            .filter(|entry| entry.key != "rules")
            .cloned()
            .collect();
        if entries.iter().all(|entry| entry.key == "condition") {
            self.fault(
                entry.line,
                "filter",
                "a selection is needed: the events that the filter is about",
            );
        }
        let mut scratch = Fields::default();
        self.detection("filter", entry.line, &entries, &Shaping::default(), &mut scratch)?;
        Some(Filter {
            meta: meta?,
            log_source: log_source?,
            rules: rules?,
            document: document.clone(),
            entries,
            line: entry.line,
        })
    }

    fn filtered_rules(&mut self, line: usize, section: &Section<'_>) -> Option<FilteredRules> {
        let found = self.references(line, section, "rules", false);
        match found.as_slice() {
            [] => {
                self.fault(line, "filter.rules", "`rules` is needed: the ids, names or titles of rules, or `any` for every rule of the log source");
                None
            }
            [(only, _)] if only.eq_ignore_ascii_case("any") || only.eq_ignore_ascii_case("all") => {
                Some(FilteredRules::Every)
            }
            _ => Some(FilteredRules::These(found)),
        }
    }
}
