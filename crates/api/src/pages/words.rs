//! What the pages say that customers read, in the languages that letters ship in. Who reads a German letter should not check it on an
//! English page.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, State};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

type Words = BTreeMap<String, String>;

/// English first: it is read where there is no better one.
const FILES: [(&str, &str); 4] = [
    ("en", include_str!("../../templates/words/en.yaml")),
    ("de", include_str!("../../templates/words/de.yaml")),
    ("fr", include_str!("../../templates/words/fr.yaml")),
    ("es", include_str!("../../templates/words/es.yaml")),
];

static WORDS: LazyLock<Result<BTreeMap<&'static str, Words>, String>> = LazyLock::new(|| {
    FILES
        .into_iter()
        .map(|(language, text)| {
            let words = serde_yaml_ng::from_str(text).map_err(|fault| format!("{language}.yaml: {fault}"))?;
            Ok((language, words))
        })
        .collect()
});

/// The language that a tag of BCP 47 asks for, if the pages speak it.
fn spoken(tag: &str) -> Option<&'static str> {
    let base = tag.split('-').next().unwrap_or_default();
    let spoken = |(language, _): &(&'static str, _)| language.eq_ignore_ascii_case(base);
    FILES
        .iter()
        .find(|file| spoken(file))
        .map(|(language, _)| *language)
}

/// The language for a customer's, BCP 47; English where the pages do not speak it.
pub(super) fn language_for(tag: &str) -> &'static str {
    spoken(tag).unwrap_or("en")
}

/// The language that a browser asks for (RFC 9110, section 12.5.4): the spoken one with the greatest weight.
pub(super) fn language_accepted(header: Option<&str>) -> &'static str {
    let mut best: Option<(f32, &'static str)> = None;
    for part in header.unwrap_or_default().split(',').take(20) {
        let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = match weight.trim().strip_prefix("q=") {
            Some(weight) => weight.parse().unwrap_or(0.0),
            None => 1.0,
        };
        let better = best.is_none_or(|(most, _)| weight > most);
        if let Some(language) = spoken(tag.trim()).filter(|_| better && weight > 0.0) {
            best = Some((weight, language));
        }
    }
    best.map_or("en", |(_, language)| language)
}

/// A sentence with what is put into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Phrase {
    key: &'static str,
    values: BTreeMap<&'static str, Insert>,
}

/// What is put into a sentence: text as it is, or words that have to be said in the page's language, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Insert {
    Text(String),
    Words { key: &'static str },
}

impl Phrase {
    pub(super) fn of(key: &'static str) -> Self {
        Self {
            key,
            values: BTreeMap::new(),
        }
    }

    /// The same with a value.
    pub(super) fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.values.insert(name, Insert::Text(value.to_string()));
        self
    }

    /// The same with other words as a value.
    pub(super) fn saying(mut self, name: &'static str, key: &'static str) -> Self {
        self.values.insert(name, Insert::Words { key });
        self
    }
}

fn words_of(language: &str, key: &str) -> Result<&'static str, Error> {
    let refuse = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    let words = WORDS.as_ref().map_err(|fault| refuse(fault.clone()))?;
    words
        .get(language)
        .and_then(|words| words.get(key))
        .map(String::as_str)
        .ok_or_else(|| refuse(format!("there are no words for `{key}` in {language}")))
}

/// What templates call: `say("key", name=value)`, or with a [`Phrase`]. The page's `language` says in which language.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a function of a template takes its named values so"
)]
pub(super) fn say(state: &State<'_, '_>, what: &Value, values: Kwargs) -> Result<String, Error> {
    let language = state.lookup("language");
    let language = language
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or("en")
        .to_owned();
    if let Some(key) = what.as_str() {
        let mut words = words_of(&language, key)?.to_owned();
        for name in values.args() {
            let value: Value = values.get(name)?;
            words = put(&words, name, &value.to_string())?;
        }
        values.assert_all_used()?;
        return whole(&words);
    }
    values.assert_all_used()?;
    let key = what.get_attr("key")?;
    let mut words = words_of(&language, key.as_str().unwrap_or_default())?.to_owned();
    let inserts = what.get_attr("values")?;
    for name in inserts.try_iter()? {
        let value = inserts.get_item(&name)?;
        let said = match value.as_str() {
            Some(text) => text.to_owned(),
            None => words_of(&language, value.get_attr("key")?.as_str().unwrap_or_default())?.to_owned(),
        };
        words = put(&words, name.as_str().unwrap_or_default(), &said)?;
    }
    whole(&words)
}

/// Braces of what people wrote must not be taken for places.
fn put(words: &str, name: &str, value: &str) -> Result<String, Error> {
    let place = format!("{{{name}}}");
    if !words.contains(&place) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("`{words}` has no place for `{name}`"),
        ));
    }
    Ok(words.replace(&place, &value.replace('{', "\u{1}")))
}

fn whole(words: &str) -> Result<String, Error> {
    if words.contains('{') {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("`{words}` misses a value"),
        ));
    }
    Ok(words.replace('\u{1}', "{"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn places(words: &str) -> BTreeSet<&str> {
        let parts = words.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next()).collect()
    }

    #[test]
    fn every_language_says_the_same_things_with_the_same_values() {
        let all = WORDS.as_ref().unwrap();
        let english = &all["en"];
        for (language, words) in all {
            let keys = |words: &Words| words.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(words), keys(english), "{language}");
            for (key, text) in words {
                assert_eq!(places(text), places(&english[key]), "{language}: {key}");
                assert!(!text.trim().is_empty(), "{language}: {key}");
            }
        }
    }

    #[test]
    fn nothing_is_translated_that_no_page_says() {
        let code = include_str!("check.rs");
        let templates = ["check.html", "checked.html", "contact.html"].map(|name| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
            std::fs::read_to_string(folder.join(name)).unwrap()
        });
        for key in WORDS.as_ref().unwrap()["en"].keys() {
            let quoted = format!("\"{key}\"");
            let said = code.contains(&quoted) || templates.iter().any(|text| text.contains(&quoted));
            assert!(said, "{key}");
        }
    }

    #[test]
    fn a_browser_is_answered_in_the_language_that_it_likes_best_among_ours() {
        for (header, language) in [
            (None, "en"),
            (Some("de-CH,de;q=0.9,en;q=0.8"), "de"),
            (Some("nl, fr;q=0.5, es;q=0.7"), "es"),
            (Some("nl"), "en"),
            (Some("de;q=0, fr;q=0.1"), "fr"),
            (Some(";;,q=,*"), "en"),
        ] {
            assert_eq!(language_accepted(header), language, "{header:?}");
        }
        assert_eq!((language_for("pt-BR"), language_for("fr-CA")), ("en", "fr"));
    }
}
