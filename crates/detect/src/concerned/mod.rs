//! Whose data an event concerns, where no field says so plainly: by a field, by a pattern, by a table that a company keeps.
//!
//! Takes files of rules and tables as text; gives, for an event, the tenant identifiers that it names. [`EvidenceRules::put_into`] puts
//! them into the event's own fields before detectors judge it, so that everything that counts tenants counts these. It reads no file.

mod read;

pub use read::{EvidenceFault, EvidenceFile};

use regex::Regex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use watchkeeper_domain::event::{Event, LogSource};

/// How many tenants of one event are put into its fields; what is beyond is counted.
pub(crate) const TENANTS_OF_AN_EVENT: usize = 8;

/// A tenant identifier longer than this is none.
const LONGEST: usize = 200;

/// What the names of the fields begin with that tenants are put into: without dots, so that no nested field is meant by them.
const SLOTS: &str = "evidence_tenant_";

fn slot(index: usize) -> String {
    format!("{SLOTS}{}", index + 1)
}

/// Rules that say whose data events concern.
#[derive(Debug, Clone, Default)]
pub struct EvidenceRules {
    sets: Vec<RuleSet>,
}

/// The rules of one file.
#[derive(Debug, Clone)]
struct RuleSet {
    path: String,
    log_source: LogSource,
    finders: Vec<Finder>,
    objects: Vec<String>,
    people: Vec<String>,
    data_classes: Vec<String>,
}

/// One way to find tenants in an event.
#[derive(Debug, Clone)]
struct Finder {
    line: usize,
    /// The field it looks at; none where it looks at the text as it came.
    field: Option<String>,
    pattern: Option<Regex>,
    table: Option<Arc<HashMap<String, String>>>,
}

/// A tenant that an event names, and what says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Concerned {
    /// The tenant identifier, or a customer's key behind [`watchkeeper_domain::customer::BY_KEY`].
    pub tenant: String,
    /// The rule that found it: file and line.
    pub rule: String,
    /// What it found it in: a field with its value, or the text.
    pub found_in: String,
}

/// What an event says was touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Touched {
    /// Objects, such as files.
    pub objects: BTreeSet<String>,
    /// People, such as owners of files.
    pub people: BTreeSet<String>,
    /// Kinds of data.
    pub data_classes: BTreeSet<String>,
}

impl Touched {
    /// Adds what another event says.
    pub fn add(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.people.extend(other.people);
        self.data_classes.extend(other.data_classes);
    }
}

impl EvidenceRules {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The fields that [`Self::put_into`] fills, to be read as fields of tenants; none where there is no rule.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        if self.sets.iter().all(|set| set.finders.is_empty()) {
            return Vec::new();
        }
        (0..TENANTS_OF_AN_EVENT).map(slot).collect()
    }

    /// Puts the tenants that an event names into its fields. Says how many did not fit.
    pub fn put_into(&self, event: &mut Event) -> usize {
        if self.sets.is_empty() {
            return 0;
        }
        // Nobody who writes events says by these fields whom they concern.
        event.remove_beginning(SLOTS);
        let tenants: BTreeSet<String> = self
            .concerned(event)
            .into_iter()
            .map(|found| found.tenant)
            .collect();
        let dropped = tenants.len().saturating_sub(TENANTS_OF_AN_EVENT);
        for (index, tenant) in tenants.into_iter().take(TENANTS_OF_AN_EVENT).enumerate() {
            event.insert(slot(index), tenant);
        }
        dropped
    }

    /// The tenants that an event names, each with what says so.
    #[must_use]
    pub fn concerned(&self, event: &Event) -> Vec<Concerned> {
        let mut found = BTreeSet::new();
        for set in self.of(event) {
            for finder in &set.finders {
                let rule = || format!("{}:{}", set.path, finder.line);
                found.extend(
                    finder
                        .find(event)
                        .into_iter()
                        .map(|(tenant, found_in)| Concerned {
                            tenant,
                            rule: rule(),
                            found_in,
                        }),
                );
            }
        }
        found.into_iter().collect()
    }

    /// What an event says was touched, by the fields that its rules name.
    #[must_use]
    pub fn touched(&self, event: &Event) -> Touched {
        let mut touched = Touched::default();
        for set in self.of(event) {
            let said = |fields: &[String]| -> Vec<String> {
                fields.iter().flat_map(|field| texts(event, field)).collect()
            };
            touched.objects.extend(said(&set.objects));
            touched.people.extend(said(&set.people));
            touched.data_classes.extend(said(&set.data_classes));
        }
        touched
    }

    fn of<'r>(&'r self, event: &'r Event) -> impl Iterator<Item = &'r RuleSet> {
        self.sets
            .iter()
            .filter(|set| set.log_source.covers(&event.log_source))
    }
}

/// The texts at a path: one, or those of a list.
fn texts(event: &Event, path: &str) -> Vec<String> {
    if let Some(serde_json::Value::Array(list)) = event.field(path) {
        let texts = list.iter().filter_map(|item| match item {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        return texts.filter(|text| !text.is_empty()).collect();
    }
    event
        .text(path)
        .filter(|text| !text.is_empty())
        .into_iter()
        .collect()
}

impl Finder {
    /// The tenants that it finds, each with what it found it in.
    fn find(&self, event: &Event) -> Vec<(String, String)> {
        let looked_at = match &self.field {
            Some(field) => texts(event, field),
            None => vec![event.raw.clone()],
        };
        let mut found = Vec::new();
        for text in &looked_at {
            for value in self.matched(text) {
                let Some(tenant) = self.looked_up(&value) else {
                    continue;
                };
                let place = match &self.field {
                    Some(field) => format!("{field} = {value}"),
                    None => format!("the text: {value}"),
                };
                found.push((tenant, place));
            }
        }
        found
    }

    fn matched(&self, text: &str) -> Vec<String> {
        let sound = |value: &str| !value.is_empty() && value.len() <= LONGEST;
        match &self.pattern {
            None => Some(text)
                .filter(|text| sound(text))
                .map(ToOwned::to_owned)
                .into_iter()
                .collect(),
            Some(pattern) => pattern
                .captures_iter(text)
                .filter_map(|groups| groups.name("tenant"))
                .map(|group| group.as_str())
                .filter(|value| sound(value))
                // One more than fits shows that something was left out.
                .take(TENANTS_OF_AN_EVENT + 1)
                .map(ToOwned::to_owned)
                .collect(),
        }
    }

    fn looked_up(&self, value: &str) -> Option<String> {
        match &self.table {
            None => Some(value.to_owned()),
            Some(table) => table.get(value).cloned(),
        }
    }
}
