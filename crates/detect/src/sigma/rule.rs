//! A detection rule: selections over fields, and a condition over the selections.

use super::Status;
use super::condition::Condition;
use super::item::Item;
use super::view::{Fields, View};
use crate::examples::Example;
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::LogSource;

/// What every rule says about itself.
#[derive(Debug)]
pub(crate) struct Meta {
    /// The id; the name or title where there is none.
    pub(crate) id: String,
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

impl Meta {
    /// Whether a correlation's reference means this rule: by id, name or title (specification 2.1, "Correlations").
    pub(crate) fn is_called(&self, reference: &str) -> bool {
        self.id == reference || self.name.as_deref() == Some(reference) || self.title == reference
    }
}

/// A named part of a rule: any of its alternatives, each of which asks for all of its items.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) alternatives: Vec<Vec<Item>>,
}

/// A compiled detection rule.
#[derive(Debug)]
pub(crate) struct DetectionRule {
    pub(crate) meta: Meta,
    pub(crate) log_source: LogSource,
    pub(crate) selections: Vec<Selection>,
    pub(crate) condition: Condition,
}

impl Selection {
    fn matches(&self, view: &View<'_>, fields: &Fields) -> bool {
        self.matching(view, fields).is_some()
    }

    fn matching(&self, view: &View<'_>, fields: &Fields) -> Option<&[Item]> {
        let holds = |items: &&Vec<Item>| items.iter().all(|item| item.matches(view, fields));
        self.alternatives.iter().find(holds).map(Vec::as_slice)
    }
}

impl DetectionRule {
    /// Whether the event matches; its log source is not looked at.
    pub(crate) fn matches(&self, view: &View<'_>, fields: &Fields) -> bool {
        self.condition
            .holds(&mut |index| self.selections[index].matches(view, fields))
    }

    /// The fields that made the event match, with what it has there, in the rule's order.
    pub(crate) fn matched_fields(&self, view: &View<'_>, fields: &Fields) -> Vec<(String, String)> {
        let mut asserted = Vec::new();
        self.condition.asserted(&mut asserted);
        asserted.sort_unstable();
        let mut found: Vec<(String, String)> = Vec::new();
        let items = asserted
            .iter()
            .filter_map(|i| self.selections[*i].matching(view, fields));
        for field in items.flatten().filter_map(|item| item.field) {
            let name = fields.name(field);
            if found.iter().all(|(known, _)| known != name) {
                let texts: Vec<_> = view
                    .values(field, fields)
                    .iter()
                    .map(|value| cut(&value.text))
                    .collect();
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
