//! JSON read for a few of its keys: whether the text is a sound object, and what stands under the keys that a parser asks for.
//!
//! Nothing else is built: most events are JSON, and rules read what they ask for from the text itself.

use super::json;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// What stands under the keys of `text` for which `asked` holds.
///
/// # Errors
/// What is wrong with the text, for people: it is no JSON, or no object.
pub(super) fn object(text: &str, asked: impl Fn(&str) -> bool) -> Result<Map<String, Value>, String> {
    let begins = text.trim_ascii_start().as_bytes().first();
    if begins != Some(&b'{') {
        return match serde_json::from_str::<Value>(text) {
            Ok(other) => Err(format!("expected a JSON object, found {}", json::kind(&other))),
            Err(e) => Err(format!("not JSON: {e}")),
        };
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Object { asked }.deserialize(&mut reader);
    let found = read.and_then(|found| reader.end().map(|()| found));
    found.map_err(|e| format!("not JSON: {e}"))
}

struct Object<A> {
    asked: A,
}

impl<'de, A: Fn(&str) -> bool> DeserializeSeed<'de> for Object<A> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, A: Fn(&str) -> bool> Visitor<'de> for Object<A> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = Map::new();
        while let Some(key) = map.next_key_seed(Key { asked: &self.asked })? {
            match key {
                Some(key) => drop(found.insert(key, map.next_value()?)),
                None => map.next_value_seed(Sound)?,
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
struct Sound;

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
        while list.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let is_reserved = |key: &str| key == RESERVED;
        while let Some(reserved) = map.next_key_seed(Key { asked: &is_reserved })? {
            if reserved.is_some() {
                return Err(M::Error::custom(format!("`{RESERVED}` cannot be a key")));
            }
            map.next_value_seed(Self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nested(depth: usize) -> String {
        format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn what_is_asked_for_is_found_also_behind_escapes_and_twice() {
        let text = r#" {"a": {"b": [1, null, 2.5e3]}, "\u0062": "\"", "c": true, "a": "the last"} "#;
        let found = object(text, |key| key == "a" || key == "b").unwrap();
        assert_eq!(
            Value::Object(found),
            serde_json::json!({"a": "the last", "b": "\""})
        );
        assert_eq!(object(text, |_| false).unwrap(), Map::new());
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
            "[1]",
            "7",
        ] {
            let whole = serde_json::from_str::<Map<String, Value>>(text);
            assert_eq!(object(text, |_| false).is_ok(), whole.is_ok(), "{text}");
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
        fn damaged_text_is_sound_exactly_where_a_whole_parse_says_so(at in 0_usize..80, put in any::<char>()) {
            let mut text: Vec<char> = r#"{"a":{"b":[1,-2.5,null,true,"x\n\u00e9"]},"c":{"d":"e"},"f":0.1}"#.chars().collect();
            let at = at % text.len();
            text[at] = put;
            let text: String = text.into_iter().collect();
            let whole = serde_json::from_str::<Map<String, Value>>(&text);
            let skimmed = object(&text, |key| key == "a");
            prop_assert_eq!(skimmed.is_ok(), whole.is_ok());
            if let (Ok(skimmed), Ok(whole)) = (skimmed, whole) {
                prop_assert_eq!(skimmed.get("a"), whole.get("a"));
            }
        }
    }
}
