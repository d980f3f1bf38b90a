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

/// `1 customer`, `3 customers`.
#[must_use]
pub fn counted(count: usize, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}

/// The text with a full stop at its end, where it ends with none of its own.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let ends = text.ends_with(['.', '!', '?', '…']);
    let stop = if ends { "" } else { "." };
    format!("{text}{stop}")
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

/// What somebody typed in, as one line without control characters; none where it is empty or longer than so many characters.
#[must_use]
pub fn one_line(text: &str, longest: usize) -> Option<String> {
    let text: String = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    (!text.is_empty() && text.chars().count() <= longest).then_some(text)
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
