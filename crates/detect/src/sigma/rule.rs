//! A detection rule: selections over fields, and a condition over the selections.

use super::Status;
use super::condition::Condition;
use super::item::Item;
use super::pipeline::Shaping;
use super::trial::Trial;
use super::view::{Fields, View};
use crate::examples::Example;
use crate::quarantine::Quarantined;
use hashbrown::HashTable;
use std::sync::{Arc, OnceLock};
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::LogSource;

/// What every rule says about itself.
#[derive(Debug)]
pub(crate) struct Meta {
    /// The id; the name or title where there is none, with the file where another rule is called so.
    pub(crate) id: String,
    /// Whether the rule itself says its id.
    pub(crate) has_id: bool,
    pub(crate) name: Option<String>,
    pub(crate) title: String,
    pub(crate) level: Level,
    pub(crate) status: Option<Status>,
    pub(crate) description: String,
    pub(crate) author: Option<String>,
    pub(crate) references: Vec<String>,
    pub(crate) falsepositives: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) path: String,
    pub(crate) line: usize,
    /// The line of the key that another rule with the same id would clash with.
    pub(crate) id_line: usize,
    pub(crate) source: String,
    pub(crate) examples: Vec<Example>,
}

/// What a rule is called by those that refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    id: String,
    has_id: bool,
    name: Option<String>,
    pub(crate) title: String,
}

impl Meta {
    pub(crate) fn called(&self) -> Called {
        Called {
            id: self.id.clone(),
            has_id: self.has_id,
            name: self.name.clone(),
            title: self.title.clone(),
        }
    }

    /// How surely a reference means this rule, the surest first: by id, by name, by title.
    pub(crate) fn calling(&self, reference: &str) -> Option<u8> {
        let id = (self.id.as_str(), self.has_id);
        calling(id, self.name.as_deref(), &self.title, reference)
    }

    /// How surely a reference in a file at `from` means this rule: an id means one rule wherever it is, a name or title rather one of
    /// the same file.
    pub(crate) fn meant(&self, reference: &str, from: &str) -> Option<(bool, u8)> {
        let sureness = self.calling(reference)?;
        Some((sureness > 0 && self.path != from, sureness))
    }

    /// A fault of the rule.
    pub(crate) fn fault(&self, line: usize, key: &str, reason: String) -> Quarantined {
        Quarantined {
            path: self.path.clone(),
            line: Some(line),
            key: Some(key.to_owned()),
            rule: Some(self.id.clone()),
            reason,
        }
    }
}

impl Called {
    /// Whether a reference means the rule: by id, name or title (specification 2.1, "Correlations").
    pub(crate) fn is(&self, reference: &str) -> bool {
        let id = (self.id.as_str(), self.has_id);
        calling(id, self.name.as_deref(), &self.title, reference).is_some()
    }
}

fn calling((id, own): (&str, bool), name: Option<&str>, title: &str, reference: &str) -> Option<u8> {
    // Ids are UUIDs, and those are the same in either case (RFC 9562, section 4).
    if own && id.eq_ignore_ascii_case(reference) {
        Some(0)
    } else if name == Some(reference) {
        Some(1)
    } else if title == reference {
        Some(2)
    } else {
        // What a rule without an id is called here, where others have its name.
        (id == reference).then_some(0)
    }
}

/// A named part of a rule: any of its alternatives, each of which asks for all of its items.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) alternatives: Vec<Vec<Arc<Item>>>,
}

/// A compiled detection rule.
#[derive(Debug)]
pub(crate) struct DetectionRule {
    pub(crate) meta: Meta,
    pub(crate) log_source: LogSource,
    pub(crate) selections: Vec<Selection>,
    pub(crate) condition: Condition,
    /// What pipelines made of it.
    pub(crate) shaping: Shaping,
    /// The filters that were joined to it, by id and text.
    pub(crate) filters: Vec<(String, String)>,
    /// How it is tried, from the first time on.
    pub(crate) trial: OnceLock<Option<Trial>>,
}

impl Selection {
    pub(crate) fn new(alternatives: Vec<Vec<Item>>) -> Self {
        let shared = |items: Vec<Item>| items.into_iter().map(Arc::new).collect();
        Self {
            alternatives: alternatives.into_iter().map(shared).collect(),
        }
    }

    fn matching(&self, view: &View<'_>) -> Option<&[Arc<Item>]> {
        let holds = |items: &&Vec<Arc<Item>>| items.iter().all(|item| item.matches(view));
        self.alternatives.iter().find(holds).map(Vec::as_slice)
    }
}

/// Lines that rules have in common, such as what all of them leave out: each is kept once.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    items: HashTable<Arc<Item>>,
    hasher: foldhash::fast::RandomState,
}

impl Shared {
    /// Lets the rule have its lines in common with those before.
    pub(crate) fn take(&mut self, rule: &mut DetectionRule) {
        let alternatives = rule
            .selections
            .iter_mut()
            .flat_map(|selection| &mut selection.alternatives);
        for item in alternatives.flatten() {
            let hash = item.hash(&self.hasher);
            let rehash = |item: &Arc<Item>| item.hash(&self.hasher);
            let entry = self.items.entry(hash, |known| known.is_same(item), rehash);
            *item = Arc::clone(entry.or_insert_with(|| Arc::clone(item)).get());
        }
    }
}

impl DetectionRule {
    /// The texts of the pipelines and filters that made it what it is.
    pub(crate) fn shaped_by(&self) -> impl Iterator<Item = &str> {
        let pipelines = self.shaping.by.iter().map(|(_, text)| &**text);
        pipelines.chain(self.filters.iter().map(|(_, text)| text.as_str()))
    }

    /// Whether the event matches; its log source is not looked at.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        match self.trial.get_or_init(|| Trial::of(self)) {
            Some(trial) => trial.holds(view),
            None => self.matches_as_it_stands(&|item| item.matches(view)),
        }
    }

    /// The same as the rule says it: part after part, test after test.
    #[cfg(test)]
    pub(crate) fn matches_one_by_one(&self, view: &View<'_>) -> bool {
        self.matches_as_it_stands(&|item| item.matches_one_by_one(view))
    }

    fn matches_as_it_stands(&self, matches: &impl Fn(&Item) -> bool) -> bool {
        self.condition.holds(&mut |index| {
            let mut alternatives = self.selections[index].alternatives.iter();
            alternatives.any(|items| items.iter().all(|item| matches(item)))
        })
    }

    /// The fields that made the event match, with what it has there, in the rule's order.
    pub(crate) fn matched_fields(&self, view: &View<'_>, fields: &Fields) -> Vec<(String, String)> {
        let mut asserted = Vec::new();
        self.condition.asserted(&mut asserted);
        asserted.sort_unstable();
        let mut found: Vec<(String, String)> = Vec::new();
        let items = asserted.iter().filter_map(|i| self.selections[*i].matching(view));
        for field in items.flatten().filter_map(|item| item.field) {
            let name = fields.name(field);
            if found.iter().all(|(known, _)| known != name) {
                let texts: Vec<_> = view.values(field).map(|value| cut(value.text)).collect();
                found.push((name.to_owned(), texts.join(", ")));
            }
        }
        found
    }
}

/// A value short enough for a reason that people read.
pub(crate) fn cut(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
