//! Erasing a person from the records: somebody who was told on behalf of a customer and is not to be known any more (GDPR Art. 17).
//!
//! That a message went, when, to which customer, with which digest, and what a server answered, stays: it is what the company has to show
//! (Art. 17(3)(e)). Who read it goes. The audit log has neither, only digests that tell nothing once what they stand for is gone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands where something was erased.
pub const ERASED: &str = "[erased]";

/// Why somebody is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureGround {
    /// The person asked for it (GDPR Art. 17(1)(b) and (c)).
    Asked,
    /// The data is no longer needed for what it was kept for (Art. 17(1)(a)).
    NoLongerNeeded,
}

impl ErasureGround {
    /// As records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::NoLongerNeeded => "no_longer_needed",
        }
    }
}

/// What a person is found by in the records: an address and, where it is known, a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// In lower case, none of them empty.
    needles: Vec<String>,
}

/// A name that is shorter than this would be found in other words too easily, in characters.
const SHORTEST_NAME: usize = 4;

impl Traces {
    /// The traces of an address and of the names that belong to it. Names of fewer than four characters are not looked for.
    #[must_use]
    pub fn of<'a>(address: &'a str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter().map(str::trim);
        let names = names.filter(|name| name.chars().count() >= SHORTEST_NAME);
        let mut needles: Vec<String> = std::iter::once(address.trim())
            .filter(|address| !address.is_empty())
            .chain(names)
            .map(str::to_ascii_lowercase)
            // What stands in the mark itself would be found in it for ever.
            .filter(|needle| !ERASED.contains(needle.as_str()))
            .collect();
        // The longest first: what holds another one is replaced as a whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        Self { needles }
    }

    /// The text without them; none where it has none of them.
    #[must_use]
    pub fn erase_from(&self, text: &str) -> Option<String> {
        let mut left = text.to_owned();
        let mut found = false;
        for needle in &self.needles {
            while let Some(at) = place_of(needle, &left) {
                left.replace_range(at..at + needle.len(), ERASED);
                found = true;
            }
        }
        found.then_some(left)
    }

    /// Takes them out of every text of a JSON value; says whether there were any.
    pub fn erase_from_json(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.erase_from(text) {
                Some(left) => {
                    *text = left;
                    true
                }
                None => false,
            },
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |any, item| self.erase_from_json(item) | any),
            Value::Object(fields) => fields
                .values_mut()
                .fold(false, |any, item| self.erase_from_json(item) | any),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// Where a needle stands by itself: `a@b.example` is not found in `anna.a@b.example`, nor in `a@b.example.org`.
fn place_of(needle: &str, text: &str) -> Option<usize> {
    // ASCII alone changes its case, so that places in both are the same.
    let lower = text.to_ascii_lowercase();
    let places = lower.match_indices(needle).map(|(at, _)| at);
    let mut alone = places.filter(|at| {
        let before = lower[..*at].chars().next_back();
        let mut after = lower[at + needle.len()..].chars();
        let (next, further) = (after.next(), after.next());
        let joins = |c: char| c.is_alphanumeric();
        let goes_on = match next {
            Some('.') => further.is_some_and(joins) && needle.contains('@'),
            Some(c) => joins(c) || (c == '-' && needle.contains('@')),
            None => false,
        };
        let began_before = before.is_some_and(|c| joins(c) || (needle.contains('@') && "._%+-".contains(c)));
        !goes_on && !began_before
    });
    alone.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dana() -> Traces {
        Traces::of("dana@acme.example", ["Dana Vries", "DV", ""])
    }

    #[test]
    fn an_address_and_a_name_are_found_in_any_case_and_nothing_else_is_touched() {
        let text = "250 2.1.5 <Dana@ACME.example> ok; DANA VRIES acknowledged, DV did not.";
        assert_eq!(
            dana().erase_from(text).as_deref(),
            Some("250 2.1.5 <[erased]> ok; [erased] acknowledged, DV did not.")
        );
        assert_eq!(
            dana().erase_from("to dana@acme.example.").as_deref(),
            Some("to [erased].")
        );
    }

    #[test]
    fn an_address_or_a_name_within_another_one_is_somebody_else() {
        for other in [
            "jo.dana@acme.example",
            "dana@acme.example.org",
            "dana@acme.example-labs.org",
            "bo+dana@acme.example",
            "Dana Vriesmann",
        ] {
            assert_eq!(dana().erase_from(other), None, "{other}");
        }
    }

    #[test]
    fn every_text_of_a_document_is_looked_at() {
        let mut body = json!({"recipient": "dana@acme.example", "n": 3, "lines": ["RCPT TO:<dana@acme.example>", "ok"], "who": {"name": "Dana Vries"}});
        assert!(dana().erase_from_json(&mut body));
        assert_eq!(
            body,
            json!({"recipient": "[erased]", "n": 3, "lines": ["RCPT TO:<[erased]>", "ok"], "who": {"name": "[erased]"}})
        );
        assert!(!dana().erase_from_json(&mut body));
    }
}
