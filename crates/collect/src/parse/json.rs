//! JSON application logs: the fields as they came, and the time found where such logs keep it.

use super::{Parsed, skim, time};
use serde_json::Value;

pub(super) fn parse(line: &str, timestamp_field: Option<&str>, utc_offset_minutes: i32) -> Parsed {
    match skim::object(line, |key| time::may_hold(key, timestamp_field)) {
        Ok(asked) => Parsed {
            at: time::of_record(|key| asked.get(key), timestamp_field, utc_offset_minutes),
            in_text: true,
            ..Parsed::default()
        },
        Err(reason) => Parsed::unreadable(line, reason),
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_time_field_wins_and_may_be_nested() {
        let line = r#"{"ts":"2026-01-01T00:00:00Z","meta":{"seen":1772368215}}"#;
        assert_eq!(
            parse(line, None, 0).at.map(|a| a.timestamp()),
            Some(1_767_225_600)
        );
        assert_eq!(
            parse(line, Some("meta.seen"), 0).at.map(|a| a.timestamp()),
            Some(1_772_368_215)
        );
        assert_eq!(parse(line, Some("missing"), 0).at, None);
    }

    #[test]
    fn what_is_not_an_object_is_kept_with_the_reason() {
        assert_eq!(
            parse("[1]", None, 0).unparsed.as_deref(),
            Some("expected a JSON object, found a list")
        );
        assert!(
            parse(r#"{"a":"#, None, 0)
                .unparsed
                .is_some_and(|r| r.starts_with("not JSON: "))
        );
    }
}
