//! An event as rules see it: each field looked up once, whatever the number of rules that ask.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use watchkeeper_domain::event::Event;

/// A field path, resolved to a number when the rules are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FieldId(usize);

/// Every field path that some rule asks for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields {
    names: Vec<String>,
    ids: HashMap<String, FieldId>,
}

impl Fields {
    pub(crate) fn id(&mut self, name: &str) -> FieldId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = FieldId(self.names.len());
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    pub(crate) fn name(&self, id: FieldId) -> &str {
        &self.names[id.0]
    }
}

/// One value of a field; a list has several.
#[derive(Debug)]
pub(crate) struct Scalar<'e> {
    pub(crate) value: &'e Value,
    pub(crate) text: Cow<'e, str>,
    lower: OnceCell<String>,
}

impl Scalar<'_> {
    fn of(value: &Value) -> Scalar<'_> {
        let text = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Null => Cow::Borrowed(""),
            other => Cow::Owned(other.to_string()),
        };
        Scalar {
            value,
            text,
            lower: OnceCell::new(),
        }
    }

    /// The text in lower case.
    pub(crate) fn lower(&self) -> &str {
        self.lower.get_or_init(|| fold(&self.text))
    }

    /// The number it is, also where it came as text.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => number(text),
            _ => None,
        }
    }
}

/// The text in lower case, each character by itself: `str::to_lowercase` looks at the neighbours of a sigma, and then a part of
/// a text would no longer be a part of it.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A text as a number: decimal digits with sign, point and exponent; not `inf`, not `nan`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// An event with its fields looked up on first use.
#[derive(Debug)]
pub(crate) struct View<'e> {
    pub(crate) event: &'e Event,
    slots: Vec<OnceCell<Box<[Scalar<'e>]>>>,
    everything: OnceCell<Vec<Scalar<'e>>>,
    spaced: OnceCell<Vec<(String, &'e Value)>>,
    raw: OnceCell<String>,
}

impl<'e> View<'e> {
    pub(crate) fn new(event: &'e Event, fields: &Fields) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(fields.names.len(), OnceCell::new);
        Self {
            event,
            slots,
            everything: OnceCell::new(),
            spaced: OnceCell::new(),
            raw: OnceCell::new(),
        }
    }

    /// The values of a field that are there; null is not.
    pub(crate) fn values(&self, field: FieldId, fields: &Fields) -> &[Scalar<'e>] {
        self.slots[field.0].get_or_init(|| {
            let mut found = Vec::new();
            let name = fields.name(field);
            collect(&self.event.fields, name, &mut found);
            if found.is_empty() {
                let spaced = self.spaced().iter().filter(|(key, _)| key == name);
                spaced.for_each(|(_, value)| elements(value, &mut found));
            }
            found
                .into_iter()
                .filter(|v| !v.is_null())
                .map(Scalar::of)
                .collect()
        })
    }

    /// The fields with spaces in their names, by the name without: Windows says `Threat Name` where Sigma says `ThreatName`.
    fn spaced(&self) -> &[(String, &'e Value)] {
        self.spaced.get_or_init(|| {
            let spaced = self.event.fields.iter().filter(|(key, _)| key.contains(' '));
            spaced.map(|(key, value)| (key.replace(' ', ""), value)).collect()
        })
    }

    /// Every scalar anywhere in the event, for keywords.
    pub(crate) fn everything(&self) -> &[Scalar<'e>] {
        self.everything.get_or_init(|| {
            let mut found = Vec::new();
            self.event
                .fields
                .values()
                .for_each(|value| leaves(value, &mut found));
            found.into_iter().map(Scalar::of).collect()
        })
    }

    /// The line as it came, in lower case.
    pub(crate) fn raw_lower(&self) -> &str {
        self.raw.get_or_init(|| fold(&self.event.raw))
    }
}

/// The values at a dotted path. A key that contains the dots wins over nested ones, as in [`Event::field`]; a list stands for
/// each of its elements, also in the middle of a path.
fn collect<'e>(fields: &'e Map<String, Value>, path: &str, found: &mut Vec<&'e Value>) {
    if let Some(value) = fields.get(path) {
        elements(value, found);
        return;
    }
    let before = found.len();
    for (dot, _) in path.match_indices('.') {
        let rest = &path[dot + 1..];
        if let Some(value) = fields.get(&path[..dot]) {
            descend(value, rest, found);
        }
        if found.len() > before {
            return;
        }
    }
}

fn descend<'e>(value: &'e Value, path: &str, found: &mut Vec<&'e Value>) {
    match value {
        Value::Object(inner) => collect(inner, path, found),
        Value::Array(items) => items.iter().for_each(|item| descend(item, path, found)),
        _ => {}
    }
}

fn elements<'e>(value: &'e Value, found: &mut Vec<&'e Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| elements(item, found)),
        other => found.push(other),
    }
}

fn leaves<'e>(value: &'e Value, found: &mut Vec<&'e Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(inner) => inner.values().for_each(|value| leaves(value, found)),
        Value::Null => {}
        other => found.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_passes_through_lists() {
        let Value::Object(fields) =
            json!({"r": [{"arn": "a"}, {"arn": ["b", "c"]}], "x.y": 1, "x": {"y": 2, "z": 3}})
        else {
            unreachable!()
        };
        let at = |path: &str| {
            let mut found = Vec::new();
            collect(&fields, path, &mut found);
            found.into_iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(at("r.arn"), [json!("a"), json!("b"), json!("c")]);
        assert_eq!(at("x.y"), [json!(1)]);
        assert_eq!(at("x.z"), [json!(3)]);
        assert!(at("x.q").is_empty() && at("r").len() == 2);
    }

    #[test]
    fn only_decimal_texts_are_numbers() {
        assert_eq!(number(" 4.5e1 "), Some(45.0));
        assert_eq!(
            (number("inf"), number("0x10"), number("1.2.3.4"), number("")),
            (None, None, None, None)
        );
    }
}
