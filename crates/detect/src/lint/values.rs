//! The lines of a selection: modifiers and values.

use super::Linter;
use crate::sigma::placeholder;
use crate::sigma::regex_syntax::{self, Plain};
use crate::yaml::{Node, Value};
use std::collections::HashMap;

/// Keywords and literals shorter than this are in nearly every event.
const SHORT: usize = 3;

impl Linter<'_> {
    pub(super) fn item(&mut self, path: &str, key: &str, line: usize, values: &Node) {
        let modifiers: Vec<&str> = key.split('|').skip(1).collect();
        let has = |name: &str| modifiers.contains(&name);
        let keyword = key.split('|').next().unwrap_or_default().is_empty();
        let path = if key.is_empty() {
            path.to_owned()
        } else {
            format!("{path}.{key}")
        };
        if has("all") && values.items().len() == 1 {
            self.remark(
                line,
                path.clone(),
                "`all` says nothing of a single value: leave it off",
            );
        }
        let compares = ["gt", "gte", "lt", "lte"].iter().any(|name| has(name));
        for value in values.items() {
            if let (Value::Text(text), true) = (&value.value, compares) {
                self.remark(
                    value.line,
                    path.clone(),
                    format!("a number stands in quotes: write `{}` without them", text.trim()),
                );
            }
            if has("expand") && value.text().is_some_and(|text| !placeholder::has_any(&text)) {
                self.warn(value.line, path.clone(), "`expand` finds no placeholder such as `%name%` here: write one, or leave the modifier off");
            }
            let Value::Text(text) = &value.value else { continue };
            if has("re") {
                self.regex(&path, value.line, text, &modifiers);
            } else if !compares && !has("cidr") && !has("fieldref") && !has("exists") {
                self.text(&path, value.line, text, &modifiers, keyword);
            }
        }
        self.duplicates(&path, values, has("cased") || has("re"));
    }

    fn text(&mut self, path: &str, line: usize, text: &str, modifiers: &[&str], keyword: bool) {
        let has = |name: &str| modifiers.contains(&name);
        let (contains, starts, ends) = (has("contains"), has("startswith"), has("endswith"));
        let encoded = has("base64") || has("base64offset");
        if text.is_empty() || encoded {
            return;
        }
        if text.chars().all(|c| c == '*') {
            self.remark(
                line,
                path,
                "this holds for any value: write `field|exists: true`, unless null must not match",
            );
            return;
        }
        if (!contains && !ends && !keyword && text.starts_with(' '))
            || (!contains && !starts && !keyword && text.ends_with(' '))
        {
            self.warn(line, path, "the value begins or ends with a space that the field must have too: remove it, or use `contains`");
        }
        let leading = text.starts_with('*');
        let trailing = text.ends_with('*') && !text.ends_with("\\*");
        if (contains && (leading || trailing)) || (ends && leading) || (starts && trailing) {
            self.remark(
                line,
                path,
                "the modifier allows anything there already: leave the `*` at the end off",
            );
        } else if modifiers.is_empty() && !keyword {
            let inner = text.trim_matches('*');
            let plain = !inner.contains(['*', '?']) && !inner.is_empty();
            let instead = match (leading, trailing) {
                (true, true) => Some("contains"),
                (true, false) => Some("endswith"),
                (false, true) => Some("startswith"),
                (false, false) => None,
            };
            if let (Some(modifier), true) = (instead, plain) {
                self.remark(
                    line,
                    path,
                    format!("write `|{modifier}: {inner}` instead of wildcards"),
                );
            }
        }
        if keyword && text.trim_matches('*').chars().count() < SHORT {
            self.warn(line, path, format!("a keyword of fewer than {SHORT} characters is in nearly every event: make it longer, or name a field"));
        } else if contains && text.chars().count() < 2 {
            self.warn(
                line,
                path,
                "a single character is in nearly every text: look for more of it",
            );
        }
        if has("cased") && !text.chars().any(char::is_alphabetic) {
            self.remark(
                line,
                path,
                "`cased` says nothing of a value without letters: leave it off",
            );
        }
    }

    fn regex(&mut self, path: &str, line: usize, text: &str, modifiers: &[&str]) {
        let Some(shape) = regex_syntax::shape(text) else {
            return;
        };
        let flagged = modifiers.contains(&"i") || modifiers.contains(&"ignorecase");
        match shape.plain {
            Some(Plain {
                from_start,
                to_end,
                text: plain,
                folded,
            }) => {
                let place = match (from_start, to_end) {
                    (true, true) => "",
                    (true, false) => "|startswith",
                    (false, true) => "|endswith",
                    (false, false) => "|contains",
                };
                let cased = if flagged || folded { "" } else { "|cased" };
                self.remark(line, path, format!("a regular expression that is only a text is slower than one: write `{place}{cased}: {plain}`"));
            }
            None if shape.leading_any => {
                self.remark(line, path, "a search begins anywhere: leave the leading `.*` off");
            }
            None if shape.longest_literal < SHORT && self.compiled.is_some_and(|rule| !rule.sought) => {
                self.remark(line, path, format!("the expression has no text of {SHORT} characters to look for first, nor does the rule ask for another value, so it is tried on every event that has the field: add a selection with `contains`, or a longer text"));
            }
            None => {}
        }
    }

    fn duplicates(&mut self, path: &str, values: &Node, exact: bool) {
        let mut known: HashMap<String, usize> = HashMap::new();
        for value in values.items() {
            let Some(text) = value.text() else { continue };
            let folded = if exact { text.clone() } else { text.to_lowercase() };
            if let Some(first) = known.get(&folded) {
                let first = *first;
                self.warn(value.line, path, format!("`{text}` stands here already, in line {first}: case makes no difference, so remove one"));
            } else {
                known.insert(folded, value.line);
            }
        }
    }
}
