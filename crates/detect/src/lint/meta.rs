//! What a rule says about itself: who answers for it, what it means when it fires, and whether it is tested.

use super::Linter;
use crate::examples::Example;
use crate::sigma::document::COMMON_KEYS;
use crate::sigma::similar::similar;
use crate::yaml::{Entry, Value};

/// The tactics of ATT&CK, as tags name them (Sigma specification 2.1, appendix "Tags").
const TACTICS: [&str; 16] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "stealth",
    "defense-impairment",
];

/// What every rule should say, and why.
const WANTED: [(&str, &str); 2] = [
    (
        "id",
        "without one it cannot be renamed without losing its history: give it a random UUID",
    ),
    ("date", "say when it was written, as `2026-01-05`"),
];

/// What a rule that makes detections should say besides.
const WANTED_TO_FIRE: [(&str, &str); 4] = [
    ("description", "say what it means when the rule fires"),
    ("level", "without one it is `medium`: say how bad it is"),
    ("tags", "give it its ATT&CK technique, such as `attack.t1110`"),
    ("falsepositives", "say when it fires though nothing is wrong"),
];

impl Linter<'_> {
    pub(super) fn meta(&mut self) {
        let entries = self.document.root.entries().unwrap_or_default();
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(items) => items.is_empty(),
            _ => false,
        };
        let fires = self.compiled.is_none_or(|rule| rule.fires);
        let besides = WANTED_TO_FIRE.iter().filter(|_| fires);
        for (key, why) in WANTED.iter().chain(besides) {
            if self
                .document
                .get(key)
                .is_none_or(|entry| empty(&entry.value.value))
            {
                self.remark(
                    self.document.line,
                    *key,
                    format!("the rule has no `{key}`: {why}"),
                );
            }
        }
        if fires && self.document.get("tests").is_none() {
            self.remark(
                self.document.line,
                "tests",
                "the rule carries no tests: give it events that must fire it and events that must not",
            );
        }
        for entry in entries {
            let text = entry.value.text().unwrap_or_default();
            match entry.key.as_str() {
                "id" if !is_uuid(&text) => {
                    self.remark(
                        entry.line,
                        "id",
                        format!(
                            "`{text}` is not a UUID: ids of that form never clash with those of other rules"
                        ),
                    );
                }
                "title" if text.chars().count() > 256 => {
                    self.warn(
                        entry.line,
                        "title",
                        "the title is longer than 256 characters: put the rest into `description`",
                    );
                }
                "status" if ["deprecated", "unsupported"].contains(&text.to_lowercase().as_str()) => {
                    self.warn(entry.line, "status", format!("the rule runs though it says that it is `{text}`: remove it, or use the rule that replaced it"));
                }
                "date" | "modified" if !is_date(&text) => {
                    self.remark(
                        entry.line,
                        entry.key.clone(),
                        format!("`{text}` is not a date as the specification writes it: `2026-01-05`"),
                    );
                }
                "reference" => self.remark(entry.line, "reference", "the key is called `references`"),
                "references" | "falsepositives" | "author"
                    if entry.value.items().iter().any(|node| node.entries().is_some()) =>
                {
                    self.warn(
                        entry.line,
                        entry.key.clone(),
                        "a colon makes a map of this text: put it into quotes",
                    );
                }
                "tests" if entry.value.value != Value::Null && !Example::is_meant(&entry.value) => {
                    self.warn(
                        entry.line,
                        "tests",
                        "these are tests of another tool and are not run: one of ours has `name`, `fires` and `events`",
                    );
                }
                "taxonomy" if !text.eq_ignore_ascii_case("sigma") => {
                    let message = format!(
                        "the fields are called as in `{text}`, which nothing here translates: give the rule a pipeline unless your events have these names"
                    );
                    self.warn(entry.line, "taxonomy", message);
                }
                "logsource" => {
                    let shouted = |of: &&Entry| {
                        ["category", "product", "service"].contains(&of.key.as_str())
                            && of.value.text().is_some_and(|text| text != text.to_lowercase())
                    };
                    for part in entry.value.entries().unwrap_or_default().iter().filter(shouted) {
                        self.warn(
                            part.line,
                            format!("logsource.{}", part.key),
                            "log sources are called in small letters: no source of events has this one",
                        );
                    }
                }
                "detection" => {
                    if let Some(timeframe) = self.entry(entry, "timeframe").map(|entry| entry.line) {
                        self.warn(timeframe, "detection.timeframe", "nothing is counted here, so this means nothing: remove it, or count in a document with `correlation`");
                    }
                }
                "tags" => {
                    for node in entry.value.items() {
                        let tag = node.text().unwrap_or_default();
                        if let Some(message) = tag_fault(&tag) {
                            self.warn(node.line, "tags", message);
                        }
                    }
                }
                "correlation" | "generate" => {}
                key if !COMMON_KEYS.contains(&key) && COMMON_KEYS.iter().any(|known| similar(known, key)) => {
                    let near = COMMON_KEYS.iter().find(|known| similar(known, key));
                    let message = format!(
                        "this key is not one of Sigma's and nothing here reads it, did you mean `{}`",
                        near.unwrap_or(&"")
                    );
                    self.warn(entry.line, key, message);
                }
                key if !COMMON_KEYS.contains(&key) => {
                    self.remark(
                        entry.line,
                        key,
                        "this key is not one of Sigma's: it is kept, and nothing here reads it",
                    );
                }
                _ => {}
            }
        }
    }
}

fn tag_fault(tag: &str) -> Option<String> {
    let of = |text: &str, more: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    let Some((namespace, name)) = tag.split_once('.') else {
        return Some(format!(
            "the tag `{tag}` has no namespace: write one such as `attack.t1110`"
        ));
    };
    if !of(namespace, "_-") || !of(name, "._-") {
        return Some(format!(
            "the tag `{tag}` may have small letters, digits, `.`, `_` and `-` only"
        ));
    }
    if namespace != "attack" {
        return None;
    }
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let known = match name.as_bytes()[0] {
        b't' if name[1..].starts_with(|c: char| c.is_ascii_digit()) => match name[1..].split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(&name[1..], 4),
        },
        b'g' | b's' if name[1..].starts_with(|c: char| c.is_ascii_digit()) => digits(&name[1..], 4),
        b't' if name.starts_with("ta") && name[2..].starts_with(|c: char| c.is_ascii_digit()) => {
            digits(&name[2..], 4)
        }
        b'd' if name.starts_with("ds") && name[2..].starts_with(|c: char| c.is_ascii_digit()) => {
            digits(&name[2..], 4)
        }
        _ => TACTICS.contains(&name.replace('_', "-").as_str()),
    };
    (!known).then(|| {
        format!("`{tag}` is neither a tactic, a technique such as `attack.t1110.003`, a group such as `attack.g0016`, nor a software such as `attack.s0002`")
    })
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<_> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}
