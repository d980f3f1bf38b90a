//! Lengths of time as people write them in configuration and playbooks: `90s`, `5m`, `24h`, `3d`.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A length of time, written `90s`, `5m`, `24h` or `3d`; whole seconds, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: i64,
}

/// 136 years: what is longer would leave the calendar when it is added to an instant, and would not read back in its own unit.
const LONGEST_SECONDS: i64 = u32::MAX as i64;

impl Span {
    /// This many seconds.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self {
            seconds: seconds as i64,
        }
    }

    /// This many minutes.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self {
            seconds: minutes as i64 * 60,
        }
    }

    /// This many hours of 60 minutes.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self {
            seconds: hours as i64 * 3600,
        }
    }

    /// As a duration that instants can be moved by.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::seconds(self.seconds)
    }

    /// In whole seconds.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.seconds
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || {
            format!("`{text}` is not a length of time; write a whole number and s, m, h or d, such as `5m`")
        };
        // Before the text is cut: a cut inside a character would not be one.
        if !text.is_ascii() {
            return Err(fault());
        }
        let (number, unit) = text.split_at(text.len().saturating_sub(1));
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fault());
        }
        let number: u32 = number.parse().map_err(|_| fault())?;
        let unit_seconds: i64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(fault()),
        };
        let seconds = i64::from(number) * unit_seconds;
        if seconds > LONGEST_SECONDS {
            return Err(format!(
                "`{text}` is longer than 136 years; write less, such as `5m`"
            ));
        }
        Ok(Self { seconds })
    }
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self.seconds {
            s if s != 0 && s % 3600 == 0 => (s / 3600, "h"),
            s if s != 0 && s % 60 == 0 => (s / 60, "m"),
            s => (s, "s"),
        };
        write!(f, "{number}{unit}")
    }
}

/// A duration for people: `3 d 4 h`, `2 h 5 min`, `45 s`; the two largest units, rounded down; the sign is dropped.
#[must_use]
pub fn in_words(duration: Duration) -> String {
    let seconds = duration.num_seconds().abs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let Some(first) = units.iter().position(|(size, _)| seconds >= *size) else {
        return "0 s".to_owned();
    };
    let (size, unit) = units[first];
    let mut words = format!("{} {unit}", seconds / size);
    if let Some((next, next_unit)) = units.get(first + 1)
        && seconds % size >= *next
    {
        words.push_str(&format!(" {} {next_unit}", seconds % size / next));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_it_is_written() {
        for text in ["90s", "5m", "24h", "0s"] {
            assert_eq!(text.parse::<Span>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("3d".parse::<Span>(), Ok(Span::hours(72)));
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_an_example() {
        for text in ["", "5", "m", "-5m", "5 m", "1.5h", "99999999999h", "5µ"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_name_the_two_largest_units() {
        let words = [0, 45, 61, 7500, 86_400 + 3 * 3600].map(|s| in_words(Duration::seconds(s)));
        assert_eq!(words, ["0 s", "45 s", "1 min 1 s", "2 h 5 min", "1 d 3 h"]);
    }
}
