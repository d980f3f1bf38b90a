//! Instants as logs write them: RFC 3339 and its relatives, epochs of four units, syslog times without a year.

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use serde_json::Value;

/// Fields in which JSON logs usually keep their time, in the order in which they are tried.
pub const USUAL_FIELDS: [&str; 12] = [
    "ts",
    "time",
    "timestamp",
    "@timestamp",
    "eventTime",
    "event_time",
    "datetime",
    "date",
    "at",
    "when",
    "created_at",
    "updatedAt",
];

/// The instant that a JSON value tells, if it tells one. `utc_offset_minutes` applies to text without a zone.
#[must_use]
pub fn of_value(value: &Value, utc_offset_minutes: i32) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => of_text(text, utc_offset_minutes),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().and_then(of_epoch_float), of_epoch),
        _ => None,
    }
}

/// The instant that a text tells: RFC 3339, the same with a blank or without a zone, or an epoch in digits.
#[must_use]
pub fn of_text(text: &str, utc_offset_minutes: i32) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().and_then(of_epoch);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return text.parse().ok().and_then(of_epoch_float);
    }
    let text = text.replace(',', ".");
    for form in [
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f %z",
    ] {
        if let Ok(at) = DateTime::parse_from_str(&text, form) {
            return Some(at.to_utc());
        }
    }
    let text = text
        .strip_suffix('Z')
        .map_or((text.as_str(), utc_offset_minutes), |bare| (bare, 0));
    for form in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y/%m/%d %H:%M:%S%.f",
    ] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text.0, form) {
            return from_local(local, text.1);
        }
    }
    None
}

pub(super) fn from_local(local: NaiveDateTime, utc_offset_minutes: i32) -> Option<DateTime<Utc>> {
    let zone = FixedOffset::east_opt(utc_offset_minutes.checked_mul(60)?)?;
    zone.from_local_datetime(&local).single().map(|at| at.to_utc())
}

/// An epoch in seconds, milli-, micro- or nanoseconds, told apart by its size: seconds up to the year 5138, milliseconds from 1973.
#[must_use]
pub fn of_epoch(number: i64) -> Option<DateTime<Utc>> {
    match number {
        ..=0 => None,
        1..100_000_000_000 => DateTime::from_timestamp(number, 0),
        100_000_000_000..100_000_000_000_000 => DateTime::from_timestamp_millis(number),
        100_000_000_000_000..100_000_000_000_000_000 => DateTime::from_timestamp_micros(number),
        _ => Some(DateTime::from_timestamp_nanos(number)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is checked to lie within the range of i64"
)]
fn of_epoch_float(number: f64) -> Option<DateTime<Utc>> {
    if !(0.0..1e17).contains(&number) {
        return None;
    }
    if number < 1e11 {
        return DateTime::from_timestamp_micros((number * 1e6).round() as i64);
    }
    of_epoch(number as i64)
}

/// Whether [`of_record`] looks at the field of a record of this name.
pub(super) fn may_hold(name: &str, configured: Option<&str>) -> bool {
    match configured {
        Some(path) => path
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        None => USUAL_FIELDS.contains(&name),
    }
}

/// The time of a JSON record: from `configured` if that is given, else from the first of [`USUAL_FIELDS`] that tells one.
pub(super) fn of_record<'v>(
    field: impl Fn(&str) -> Option<&'v Value>,
    configured: Option<&str>,
    utc_offset_minutes: i32,
) -> Option<DateTime<Utc>> {
    if let Some(path) = configured {
        let mut parts = path.split('.');
        let whole = field(path);
        let nested = || {
            let first = field(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        };
        return whole
            .or_else(nested)
            .and_then(|v| of_value(v, utc_offset_minutes));
    }
    USUAL_FIELDS
        .iter()
        .filter_map(|name| field(name))
        .find_map(|value| of_value(value, utc_offset_minutes))
}

/// The parts of an RFC 3164 time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Yearless<'a> {
    pub(super) month: &'a str,
    pub(super) day: u32,
    /// `HH:MM:SS`, perhaps with a fraction.
    pub(super) clock: &'a str,
}

impl Yearless<'_> {
    /// The latest instant of these digits that is not more than a day after `collected_at`: a line is read after it was written,
    /// save for clocks and zones that differ, and the year of a February 29 must have had one.
    pub(super) fn resolve(
        self,
        collected_at: DateTime<Utc>,
        utc_offset_minutes: i32,
    ) -> Option<DateTime<Utc>> {
        let latest = collected_at.checked_add_signed(Duration::days(1))?;
        (0..=8)
            .filter_map(|back| self.in_year(latest.year() - back, utc_offset_minutes))
            .find(|at| *at <= latest)
    }

    /// The instant of these digits in a year.
    pub(super) fn in_year(self, year: i32, utc_offset_minutes: i32) -> Option<DateTime<Utc>> {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let month = u32::try_from(MONTHS.iter().position(|m| *m == self.month)?).ok()? + 1;
        let clock = chrono::NaiveTime::parse_from_str(self.clock, "%H:%M:%S%.f").ok()?;
        let date = NaiveDate::from_ymd_opt(year, month, self.day)?;
        from_local(date.and_time(clock), utc_offset_minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn every_usual_form_tells_the_same_instant() {
        let expected = instant("2026-03-01T12:30:15.250Z");
        for text in [
            "2026-03-01T12:30:15.250Z",
            "2026-03-01T13:30:15.25+01:00",
            "2026-03-01T13:30:15.250+0100",
            "2026-03-01 12:30:15.250Z",
            "2026-03-01 12:30:15,250",
            "2026-03-01T12:30:15.250",
            "2026/03/01 12:30:15.250",
            "1772368215250",
            "1772368215250000",
            "1772368215250000000",
            "1772368215.25",
        ] {
            assert_eq!(of_text(text, 0), Some(expected), "{text}");
        }
        assert_eq!(of_value(&Value::from(1_772_368_215.25), 0), Some(expected));
        assert_eq!(of_value(&Value::from(1_772_368_215_250_i64), 0), Some(expected));
        assert_eq!(of_text("2026-03-01 13:30:15.250", 60), Some(expected));
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        for text in [
            "",
            "yesterday",
            "12:30",
            "-5",
            "0",
            "2026-13-01T00:00:00Z",
            "99999999999999999999999",
        ] {
            assert_eq!(of_text(text, 0), None, "{text}");
        }
        assert_eq!(of_value(&Value::from(f64::MAX), 0), None);
    }

    #[test]
    fn a_syslog_time_takes_the_year_in_which_it_can_have_been_written() {
        let resolve = |month, day, clock, collected: &str| {
            Yearless { month, day, clock }
                .resolve(instant(collected), 0)
                .map(|at| at.to_rfc3339())
        };
        assert_eq!(
            resolve("Mar", 27, "13:06:56", "2017-04-01T00:00:00Z").unwrap(),
            "2017-03-27T13:06:56+00:00"
        );
        assert_eq!(
            resolve("Dec", 31, "23:59:59", "2026-01-01T00:00:05Z").unwrap(),
            "2025-12-31T23:59:59+00:00"
        );
        assert_eq!(
            resolve("Jan", 1, "00:00:01", "2025-12-31T23:59:58Z").unwrap(),
            "2026-01-01T00:00:01+00:00"
        );
        assert_eq!(
            resolve("Feb", 29, "10:00:00", "2026-06-01T00:00:00Z").unwrap(),
            "2024-02-29T10:00:00+00:00"
        );
        assert_eq!(resolve("Foo", 1, "10:00:00", "2026-06-01T00:00:00Z"), None);
    }
}
