//! Words for people.

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
    use super::capitalised;

    #[test]
    fn the_first_letter_becomes_a_capital_and_the_rest_stays() {
        assert_eq!(
            ["", "a", "über INC-1", "Ok"].map(capitalised),
            ["", "A", "Über INC-1", "Ok"]
        );
    }
}
