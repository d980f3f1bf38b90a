//! Sigma's time modifiers (specification 2.1, "Time Modifiers"): a number taken out of a timestamp, in UTC.
//!
//! A timestamp is what logs write: RFC 3339 with or without its offset, a blank instead of the `T`, a date alone, or seconds,
//! milliseconds, microseconds or nanoseconds since 1970. One without an offset is taken as UTC.

use super::view::Form;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// Which number is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePart {
    Minute,
    Hour,
    Day,
    /// Of the year, as ISO 8601 counts them.
    Week,
    Month,
    Year,
}

impl TimePart {
    /// The part that a modifier names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The lowest and the highest number it can be.
    pub(crate) fn range(self) -> (i64, i64) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Week => (1, 53),
            Self::Month => (1, 12),
            Self::Year => (0, 9999),
        }
    }

    /// The part of the instant that a field holds, if it holds one.
    pub(crate) fn of(self, form: Form, text: &str) -> Option<i64> {
        let at = instant(form, text)?;
        Some(match self {
            Self::Minute => at.minute().into(),
            Self::Hour => at.hour().into(),
            Self::Day => at.day().into(),
            Self::Week => at.iso_week().week().into(),
            Self::Month => at.month().into(),
            Self::Year => at.year().into(),
        })
    }
}

fn instant(form: Form, text: &str) -> Option<NaiveDateTime> {
    match form {
        Form::Number => since_1970(super::view::number(text)?),
        Form::Text => {
            let text = text.trim();
            written(text).or_else(|| since_1970(super::view::number(text)?))
        }
        Form::Bool(_) | Form::Object => None,
    }
}

fn written(text: &str) -> Option<NaiveDateTime> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.naive_utc());
    }
    // `+0000` without its colon is what many loggers write.
    for form in [
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f %z",
    ] {
        if let Ok(at) = DateTime::parse_from_str(text, form) {
            return Some(at.naive_utc());
        }
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    for form in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return Some(at);
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_time(NaiveTime::MIN))
}

/// The unit is told by the size: seconds reach the year 5138 before milliseconds reach 1973.
fn since_1970(number: f64) -> Option<NaiveDateTime> {
    let scale = match number.abs() {
        size if size < 1e11 => 1e6,
        size if size < 1e14 => 1e3,
        size if size < 1e17 => 1.0,
        _ => 1e-3,
    };
    let microseconds = number * scale;
    // The largest whole number that a float holds exactly is far beyond every timestamp.
    if !microseconds.is_finite() || microseconds.abs() > 9e15 * 100.0 {
        return None;
    }
    DateTime::from_timestamp_micros(microseconds as i64).map(|at| at.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(part: TimePart, value: &serde_json::Value) -> Option<i64> {
        match value {
            serde_json::Value::String(text) => part.of(Form::Text, text),
            serde_json::Value::Number(number) => part.of(Form::Number, &number.to_string()),
            other => part.of(Form::Object, &other.to_string()),
        }
    }

    #[test]
    fn every_way_to_write_an_instant_gives_its_parts_in_utc() {
        for value in [
            json!("2026-01-05T23:07:30Z"),
            json!("2026-01-06T00:07:30+01:00"),
            json!("2026-01-06T00:07:30.25+0100"),
            json!("2026-01-05 23:07:30"),
            json!("2026-01-05 23:07"),
            json!(1_767_654_450),
            json!(1_767_654_450_123_i64),
            json!(1_767_654_450_123_456_i64),
            json!("1767654450"),
        ] {
            let parts = [
                TimePart::Minute,
                TimePart::Hour,
                TimePart::Day,
                TimePart::Month,
                TimePart::Year,
            ];
            let found: Vec<_> = parts.iter().filter_map(|part| of(*part, &value)).collect();
            assert_eq!(found, [7, 23, 5, 1, 2026], "{value}");
            assert_eq!(of(TimePart::Week, &value), Some(2), "{value}");
        }
        assert_eq!(of(TimePart::Hour, &json!("2026-01-05")), Some(0));
    }

    #[test]
    fn what_is_no_instant_has_no_parts() {
        for value in [
            json!("noon"),
            json!(true),
            json!(null),
            json!("2026-13-05"),
            json!(1e300),
            json!(""),
        ] {
            assert_eq!(of(TimePart::Hour, &value), None, "{value}");
        }
    }
}
