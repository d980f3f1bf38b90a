//! Spans of time as people write them in settings: `250ms`, `30s`, `5m`, `1h`.

use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// Reads `250ms`, `30s`, `5m` or `1h`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a span of time; write a whole number and ms, s, m or h, such as \"30s\"");
    let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text.trim()[digits.len()..];
    let amount: u64 = digits.trim_end().parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => Some(amount),
        "s" => amount.checked_mul(1_000),
        "m" => amount.checked_mul(60_000),
        "h" => amount.checked_mul(3_600_000),
        _ => None,
    };
    milliseconds.map(Duration::from_millis).ok_or_else(wrong)
}

/// Writes a span so that [`parse`] reads it back, in the largest unit that fits exactly.
pub(crate) fn text(span: Duration) -> String {
    let milliseconds = span.as_millis();
    match milliseconds {
        0 => "0s".to_owned(),
        m if m % 3_600_000 == 0 => format!("{}h", m / 3_600_000),
        m if m % 60_000 == 0 => format!("{}m", m / 60_000),
        m if m % 1_000 == 0 => format!("{}s", m / 1_000),
        m => format!("{m}ms"),
    }
}

pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*span))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let written = String::deserialize(deserializer)?;
    parse(&written).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_back_as_it_was_written() {
        for written in ["250ms", "30s", "5m", "2h", "0s", "90s"] {
            assert_eq!(
                text(parse(written).unwrap()),
                if written == "90s" { "90s" } else { written }
            );
        }
    }

    #[test]
    fn a_span_without_a_unit_or_too_large_is_refused_with_an_example() {
        for wrong in [
            "30",
            "",
            "s",
            "-3s",
            "3 weeks",
            "99999999999999999999h",
            "18446744073709551615h",
            "5é",
        ] {
            let message = parse(wrong).unwrap_err();
            assert!(message.contains("\"30s\""), "{wrong}: {message}");
        }
    }
}
