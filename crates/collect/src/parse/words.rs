//! Words of a line between blanks, where `"…"` and `[…]` are one word, given without their marks.

/// The words of a line.
#[derive(Debug, Clone)]
pub(super) struct Words<'l>(&'l str);

impl<'l> Words<'l> {
    pub(super) fn of(line: &'l str) -> Self {
        Self(line)
    }
}

impl<'l> Iterator for Words<'l> {
    type Item = &'l str;

    fn next(&mut self) -> Option<&'l str> {
        let rest = self.0.trim_start_matches(' ');
        if rest.is_empty() {
            self.0 = rest;
            return None;
        }
        let (word, behind) = match rest.as_bytes().first() {
            Some(b'"') => until_quote(&rest[1..]),
            Some(b'[') => bracketed(rest).unwrap_or_else(|| bare(rest)),
            _ => bare(rest),
        };
        self.0 = behind;
        Some(word)
    }
}

fn bare(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// `[…]` with a blank or nothing behind it; `[2001:db8::1]:443` is an ordinary word.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (word, behind) = text.strip_prefix('[')?.split_once(']')?;
    (behind.is_empty() || behind.starts_with(' ')).then_some((word, behind))
}

/// Up to a quote that no backslash escapes. Amazon S3 does not escape quotes within a request; one that has no blank behind it does not
/// end the word.
fn until_quote(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' if text[index + 1..].is_empty() || text[index + 1..].starts_with(' ') => {
                return (&text[..index], &text[index + 1..]);
            }
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bracketed_words_are_one() {
        let words: Vec<&str> =
            Words::of(r#"a  [1 2] "b c" "d \" e" "" "GET /"x HTTP" [::1]:2 "open"#).collect();
        assert_eq!(
            words,
            [
                "a",
                "1 2",
                "b c",
                r#"d \" e"#,
                "",
                r#"GET /"x HTTP"#,
                "[::1]:2",
                "open"
            ]
        );
    }
}
