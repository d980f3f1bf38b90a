//! Words for people.

use chrono::{DateTime, Utc};

/// An instant to the second.
#[must_use]
pub fn second(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An instant to the minute.
#[must_use]
pub fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The text with its first letter as a capital.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{capitalised, minute, second};

    #[test]
    fn instants_name_their_zone() {
        let at = "2026-06-05T14:20:07.9Z".parse().unwrap();
        assert_eq!(
            (second(at), minute(at)),
            ("2026-06-05 14:20:07 UTC".into(), "2026-06-05 14:20 UTC".into())
        );
    }

    #[test]
    fn the_first_letter_becomes_a_capital_and_the_rest_stays() {
        assert_eq!(
            ["", "a", "über INC-1", "Ok"].map(capitalised),
            ["", "A", "Über INC-1", "Ok"]
        );
    }
}
