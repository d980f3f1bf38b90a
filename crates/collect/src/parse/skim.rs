//! JSON read for a few of its keys: whether the text is a sound object, and what stands under the keys that a parser asks for.
//!
//! Nothing else is built: most events are JSON, and rules read what they ask for from the text itself.

use super::json;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// How many lists and objects may lie in one another within the outermost, as `serde_json` has it.
const DEEPEST: usize = 126;

/// What was found under the keys that were asked for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked(Vec<(String, Value)>);

impl Asked {
    /// What stands under a key; where it stands twice, the last.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Takes out what stands under a key.
    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().rposition(|(name, _)| name == key)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// What stands under the keys of `text` for which `asked` holds.
///
/// # Errors
/// What is wrong with the text, for people: it is no JSON, or no object.
pub(super) fn object(text: &str, asked: impl Fn(&str) -> bool) -> Result<Asked, String> {
    let begins = text.trim_ascii_start().as_bytes().first();
    if begins != Some(&b'{') {
        return match serde_json::from_str::<Value>(text) {
            Ok(other) => Err(format!("expected a JSON object, found {}", json::kind(&other))),
            Err(e) => Err(format!("not JSON: {e}")),
        };
    }
    let mut quick = sonic_rs::Deserializer::from_str(text);
    let wanted = Object {
        asked: &asked,
        bounded: true,
    };
    if let (Ok(found), Ok(())) = (wanted.deserialize(&mut quick), quick.end()) {
        return Ok(found);
    }
    // What the quick reader does not take is seldom, and it is not the one that says why.
    let mut reader = serde_json::Deserializer::from_str(text);
    let wanted = Object {
        asked: &asked,
        bounded: false,
    };
    let read = wanted.deserialize(&mut reader);
    let found = read.and_then(|found| reader.end().map(|()| found));
    found.map_err(|e| format!("not JSON: {e}"))
}

/// Whether the text is one sound value with not more than `deepest` lists and objects in one another, told at once; where it says no,
/// the text may be sound all the same.
pub(crate) fn is_surely_sound(text: &str, deepest: usize) -> bool {
    let mut quick = sonic_rs::Deserializer::from_str(text);
    let read = Sound { room: deepest }.deserialize(&mut quick);
    read.is_ok() && quick.end().is_ok()
}

struct Object<A> {
    asked: A,
    /// Whether what is asked for is bounded here, for a reader that goes deeper than `serde_json`.
    bounded: bool,
}

impl<'de, A: Fn(&str) -> bool> DeserializeSeed<'de> for Object<A> {
    type Value = Asked;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, A: Fn(&str) -> bool> Visitor<'de> for Object<A> {
    type Value = Asked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = Asked::default();
        while let Some(key) = map.next_key_seed(Key { asked: &self.asked })? {
            match key {
                Some(key) if self.bounded => {
                    found.0.push((key, map.next_value_seed(Kept { room: DEEPEST })?));
                }
                Some(key) => found.0.push((key, map.next_value()?)),
                None => map.next_value_seed(Sound { room: DEEPEST })?,
            }
        }
        Ok(found)
    }
}

/// A key; none where it is not asked for.
struct Key<'a, A> {
    asked: &'a A,
}

impl<'de, A: Fn(&str) -> bool> DeserializeSeed<'de> for Key<'_, A> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<A: Fn(&str) -> bool> Visitor<'_> for Key<'_, A> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok((self.asked)(key).then(|| key.to_owned()))
    }
}

/// A key by which `serde_json` marks text that it keeps as it is: it reads no value whose first key is this one.
const RESERVED: &str = "$serde_json::private::RawValue";

/// A value that nobody asks for: as strictly read as one that is kept, to the depth of nesting and the size of numbers.
#[derive(Clone, Copy)]
struct Sound {
    /// How many lists and objects may lie in one another here.
    room: usize,
}

/// The room within a list or an object.
fn inner<E: Error>(room: usize) -> Result<usize, E> {
    room.checked_sub(1)
        .ok_or_else(|| E::custom("recursion limit exceeded"))
}

impl<'de> DeserializeSeed<'de> for Sound {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        let inner = Self {
            room: inner(self.room)?,
        };
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let inner = Self {
            room: inner(self.room)?,
        };
        let is_reserved = |key: &str| key == RESERVED;
        while let Some(reserved) = map.next_key_seed(Key { asked: &is_reserved })? {
            if reserved.is_some() {
                return Err(M::Error::custom(format!("`{RESERVED}` cannot be a key")));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A value that is asked for.
#[derive(Clone, Copy)]
struct Kept {
    /// How many lists and objects may lie in one another here.
    room: usize,
}

impl<'de> DeserializeSeed<'de> for Kept {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Value, S::Error> {
        let inner = Self {
            room: inner(self.room)?,
        };
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let inner = Self {
            room: inner(self.room)?,
        };
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == RESERVED {
                return Err(M::Error::custom(format!("`{RESERVED}` cannot be a key")));
            }
            fields.insert(key, map.next_value_seed(inner)?);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PIECES: [&str; 34] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"b\"",
        "\\",
        "\\u",
        "00e9",
        "\\ud83d",
        "\\ude00",
        "\\n",
        "\\/",
        "é",
        "\u{1}",
        "\u{7f}",
        "\u{a0}",
        " ",
        "\t",
        "\n",
        "\u{c}",
        "0",
        "1",
        "-",
        "+",
        ".",
        "e",
        "E9",
        "99999999999999999999",
        "true",
        "null",
        "fals",
    ];

    fn nested(depth: usize) -> String {
        format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn what_is_asked_for_is_found_also_behind_escapes_and_twice() {
        let text = r#" {"a": {"b": [1, null, 2.5e3]}, "\u0062": "\"", "c": true, "a": "the last"} "#;
        let mut found = object(text, |key| key == "a" || key == "b").unwrap();
        assert_eq!(found.get("a"), Some(&"the last".into()));
        assert_eq!(found.remove("b"), Some("\"".into()));
        assert_eq!((found.get("b"), found.get("c")), (None, None));
        assert_eq!(object(text, |_| false).unwrap(), Asked::default());
    }

    #[test]
    fn a_text_is_refused_for_the_reason_for_which_a_whole_parse_refuses_it() {
        for text in [
            "",
            "{",
            "{}x",
            "{\"a\":1e999}",
            "{\"a\":01}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":{\"$serde_json::private::RawValue\":1}}",
            "{\"a\":tru}",
            "{\"a\" 1}",
            "{1:2}",
            "{\"a\":1,}",
            "{\"a\":\"\\ud800\"}",
            &nested(126),
            &nested(127),
            &nested(128),
            &nested(10_000),
            &nested(126).replace('1', "{}"),
            &nested(125).replace('1', "{}"),
            "{\"a\":[\"\\ud83d\\u0041\",1]}",
            "{\"a\":-}",
            "{\"a\":1e-999}",
            "{\"a\":[123456789012345678901234567890,-0,1.5E+2]}",
            "{\"a\":\"\u{7f}\t\"}",
            "{\"a\":\"\\t\",\"a\":\"\u{2028}\"}\u{a0}",
            "{\"a\":1}\n ",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":NaN}",
            "[1]",
            "7",
        ] {
            let whole = serde_json::from_str::<Map<String, Value>>(text);
            for asked in [true, false] {
                assert_eq!(object(text, |_| asked).is_ok(), whole.is_ok(), "{text}");
            }
            if text.starts_with('{')
                && !text.contains(RESERVED)
                && let Err(e) = whole
            {
                assert_eq!(object(text, |_| false).unwrap_err(), format!("not JSON: {e}"));
            }
        }
        assert_eq!(
            object("[1]", |_| false).unwrap_err(),
            "expected a JSON object, found a list"
        );
    }

    proptest! {
        #[test]
        fn the_quick_reader_takes_nothing_that_a_whole_parse_refuses(
            first in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6),
            then in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6),
        ) {
            for (open, close) in [("", ""), ("{\"a\":", "}"), ("[\"", "\"]"), ("[1,", "]"), ("{\"a\":[{\"", "\":0}]}")] {
                let text = format!("{}{open}{}{close}", first.concat(), then.concat());
                let whole = serde_json::from_str::<Value>(&text);
                prop_assert!(whole.is_ok() || !is_surely_sound(&text, DEEPEST), "{}", text);
                if text.trim_ascii_start().starts_with('{') {
                    prop_assert_eq!(object(&text, |_| true).is_ok(), whole.is_ok(), "{}", text);
                }
            }
        }

        #[test]
        fn damaged_text_is_sound_exactly_where_a_whole_parse_says_so(at in 0_usize..80, put in any::<char>()) {
            let mut text: Vec<char> = r#"{"a":{"b":[1,-2.5,null,true,"x\n\u00e9"]},"c":{"d":"e"},"f":0.1}"#.chars().collect();
            let at = at % text.len();
            text[at] = put;
            let text: String = text.into_iter().collect();
            let whole = serde_json::from_str::<Map<String, Value>>(&text);
            prop_assert_eq!(object(&text, |_| false).is_ok(), whole.is_ok());
            let skimmed = object(&text, |key| key == "a");
            prop_assert_eq!(skimmed.is_ok(), whole.is_ok());
            if let (Ok(skimmed), Ok(whole)) = (skimmed, whole) {
                prop_assert_eq!(skimmed.get("a"), whole.get("a"));
            }
        }
    }
}
