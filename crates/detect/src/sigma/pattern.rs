//! Sigma's texts with wildcards: `*` for any run of characters, `?` for one, `\` to take either literally.

use super::view::fold;
use std::ops::Range;

/// What `windash` lets a dash stand for (Sigma specification 2.1, modifier `windash`).
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// Where in the field's text a pattern must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

impl Place {
    /// Whether `literal` stands there in `text`.
    #[inline]
    pub(super) fn has(self, text: &str, literal: &str) -> bool {
        match self {
            Self::Whole => text == literal,
            Self::Start => text.starts_with(literal),
            Self::End => text.ends_with(literal),
            Self::Anywhere => find_literal(text.as_bytes(), literal.as_bytes()).is_some(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    AnyOne,
    Dash,
}

/// Tokens without a `*` between them; always matches the same number of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Segment {
    tokens: Vec<Token>,
    characters: usize,
}

/// A compiled pattern. It matches in time linear in the text for each segment; there is no backtracking over `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    form: Form,
    pub(crate) cased: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// One text and no wildcard, as most are.
    Plain(Place, Box<str>),
    Segments {
        segments: Vec<Segment>,
        from_start: bool,
        to_end: bool,
    },
}

/// How a text becomes a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) place: Place,
    pub(crate) cased: bool,
    pub(crate) windash: bool,
}

impl Pattern {
    /// Compiles Sigma's text.
    pub(crate) fn new(text: &str, reading: Reading) -> Self {
        Self::build(&unescape(text), reading)
    }

    /// Compiles a text in which no character is special.
    pub(crate) fn literal(text: &str, reading: Reading) -> Self {
        Self::build(&text.chars().map(Symbol::Plain).collect::<Vec<_>>(), reading)
    }

    fn build(symbols: &[Symbol], reading: Reading) -> Self {
        let mut segments = vec![Segment::default()];
        for (index, symbol) in symbols.iter().enumerate() {
            let Some(last) = segments.last_mut() else { continue };
            match symbol {
                Symbol::AnyRun => segments.push(Segment::default()),
                Symbol::AnyOne => last.push(Token::AnyOne),
                Symbol::Plain(c) if reading.windash && is_option_dash(symbols, index, *c) => {
                    last.push(Token::Dash);
                }
                Symbol::Plain(c) if reading.cased => last.push_text(*c),
                Symbol::Plain(c) => fold(c.encode_utf8(&mut [0; 4]))
                    .chars()
                    .for_each(|c| last.push_text(c)),
            }
        }
        if matches!(reading.place, Place::End | Place::Anywhere) {
            segments.insert(0, Segment::default());
        }
        if matches!(reading.place, Place::Start | Place::Anywhere) {
            segments.push(Segment::default());
        }
        let open =
            |segment: Option<&Segment>| segments.len() > 1 && segment.is_some_and(|s| s.tokens.is_empty());
        let (from_start, to_end) = (!open(segments.first()), !open(segments.last()));
        if segments.len() > 1 {
            segments.retain(|segment| !segment.tokens.is_empty());
        }
        let place = match (from_start, to_end) {
            (true, true) => Place::Whole,
            (true, false) => Place::Start,
            (false, true) => Place::End,
            (false, false) => Place::Anywhere,
        };
        let plain = match segments.as_slice() {
            [segment] => match segment.tokens.as_slice() {
                [] => Some(""),
                [Token::Text(text)] => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        };
        let form = match plain {
            Some(text) => Form::Plain(place, text.into()),
            None => Form::Segments {
                segments,
                from_start,
                to_end,
            },
        };
        Self {
            form,
            cased: reading.cased,
        }
    }

    /// Whether `text` matches; the caller hands it in lower case unless the pattern is `cased`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (segments, from_start, to_end) = match &self.form {
            Form::Plain(place, literal) => return place.has(text, literal),
            Form::Segments {
                segments,
                from_start,
                to_end,
            } => (segments, *from_start, *to_end),
        };
        let Some((last, rest)) = segments.split_last() else {
            return true;
        };
        let mut position = 0;
        for (index, segment) in rest.iter().enumerate() {
            let found = if index == 0 && from_start {
                segment.at(text, 0)
            } else {
                segment.find(text, position).map(|range| range.end)
            };
            match found {
                Some(end) => position = end,
                None => return false,
            }
        }
        let first = rest.is_empty() && from_start;
        match (first, to_end) {
            (true, true) => last.at(text, 0) == Some(text.len()),
            (true, false) => last.at(text, 0).is_some(),
            (false, true) => last
                .start_from_end(text)
                .is_some_and(|start| start >= position && last.at(text, start) == Some(text.len())),
            (false, false) => last.find(text, position).is_some(),
        }
    }

    /// The whole text it matches, where there is only one.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &self.form {
            Form::Plain(Place::Whole, text) => Some(text),
            _ => None,
        }
    }

    /// The text that it looks for anywhere, where that is all it asks.
    pub(crate) fn anywhere(&self) -> Option<&str> {
        match &self.form {
            Form::Plain(Place::Anywhere, text) => Some(text),
            _ => None,
        }
    }

    /// The longest text that every match contains.
    pub(crate) fn longest_text(&self) -> Option<&str> {
        let segments = match &self.form {
            Form::Plain(_, text) => return Some(text),
            Form::Segments { segments, .. } => segments,
        };
        let texts = segments.iter().flat_map(|segment| &segment.tokens);
        texts
            .filter_map(|token| match token {
                Token::Text(text) => Some(text.as_str()),
                Token::AnyOne | Token::Dash => None,
            })
            .max_by_key(|text| text.len())
    }
}

impl Segment {
    fn push(&mut self, token: Token) {
        self.characters += 1;
        self.tokens.push(token);
    }

    fn push_text(&mut self, c: char) {
        self.characters += 1;
        if let Some(Token::Text(text)) = self.tokens.last_mut() {
            text.push(c);
        } else {
            self.tokens.push(Token::Text(c.into()));
        }
    }

    /// Where a match that begins at `start` ends.
    fn at(&self, text: &str, start: usize) -> Option<usize> {
        let mut position = start;
        for token in &self.tokens {
            let rest = &text[position..];
            position += match token {
                Token::Text(literal) => rest.starts_with(literal.as_str()).then_some(literal.len())?,
                Token::AnyOne => rest.chars().next()?.len_utf8(),
                Token::Dash => rest.chars().next().filter(|c| DASHES.contains(c))?.len_utf8(),
            };
        }
        Some(position)
    }

    /// The leftmost match that begins at `from` or later.
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        if let [Token::Text(literal)] = self.tokens.as_slice() {
            let start = from + find_literal(&text.as_bytes()[from..], literal.as_bytes())?;
            return Some(start..start + literal.len());
        }
        let mut starts = text[from..].char_indices().map(|(index, _)| from + index);
        starts.find_map(|start| self.at(text, start).map(|end| start..end))
    }

    /// Where a match that ends with the text must begin.
    fn start_from_end(&self, text: &str) -> Option<usize> {
        if self.characters == 0 {
            return Some(text.len());
        }
        text.char_indices()
            .rev()
            .nth(self.characters - 1)
            .map(|(index, _)| index)
    }
}

/// Where `literal` begins in `text`. Fields are short, so that preparing a search costs more than to compare wherever the last byte of
/// the literal stands; a text with many such places, as somebody could send, is searched in linear time.
fn find_literal(text: &[u8], literal: &[u8]) -> Option<usize> {
    /// Places that are tried before the text is searched in the other way.
    const TRIED: usize = 32;
    let Some((last, head)) = literal.split_last() else {
        return Some(0);
    };
    let ends = text.get(head.len()..)?;
    for (tried, start) in memchr::memchr_iter(*last, ends).enumerate() {
        if tried == TRIED {
            return memchr::memmem::find(text, literal);
        }
        if text[start] == literal[0] && text[start..start + head.len()] == *head {
            return Some(start);
        }
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Plain(char),
    AnyOne,
    AnyRun,
}

/// Sigma's escapes: `\*`, `\?` and `\\` stand for the second character; a backslash before anything else is itself.
fn unescape(text: &str) -> Vec<Symbol> {
    let mut symbols = Vec::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        symbols.push(match c {
            '*' => Symbol::AnyRun,
            '?' => Symbol::AnyOne,
            '\\' => match characters.peek() {
                Some(&next @ ('*' | '?' | '\\')) => {
                    characters.next();
                    Symbol::Plain(next)
                }
                _ => Symbol::Plain('\\'),
            },
            _ => Symbol::Plain(c),
        });
    }
    symbols
}

/// The text without its escapes, where it has no wildcard.
pub(crate) fn plain_text(text: &str) -> Option<String> {
    unescape(text)
        .into_iter()
        .map(|symbol| match symbol {
            Symbol::Plain(c) => Some(c),
            Symbol::AnyOne | Symbol::AnyRun => None,
        })
        .collect()
}

/// A dash or slash that begins an option: nothing or no word before it, a word after it.
fn is_option_dash(symbols: &[Symbol], index: usize, c: char) -> bool {
    let is_word = |symbol: Option<&Symbol>| matches!(symbol, Some(Symbol::Plain(c)) if c.is_alphanumeric() || *c == '_');
    let before = index.checked_sub(1).and_then(|i| symbols.get(i));
    DASHES.contains(&c) && !is_word(before) && is_word(symbols.get(index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(place: Place) -> Reading {
        Reading {
            place,
            cased: false,
            windash: false,
        }
    }

    fn matches(pattern: &str, place: Place, text: &str) -> bool {
        Pattern::new(pattern, reading(place)).matches(&text.to_lowercase())
    }

    #[test]
    fn a_literal_is_found_where_it_stands_first_though_its_last_letter_stands_everywhere() {
        for before in [0, 1, 31, 32, 33, 500] {
            let text = format!("{}ba{}", "a".repeat(before), "ba".repeat(3));
            assert_eq!(find_literal(text.as_bytes(), b"ba"), Some(before));
            assert_eq!(find_literal(text.as_bytes(), b"bb"), None);
            assert_eq!(find_literal(&text.as_bytes()[..before], b"ba"), None);
        }
        assert_eq!(
            (find_literal(b"", b""), find_literal(b"x", b"")),
            (Some(0), Some(0))
        );
    }

    #[test]
    fn wildcards_stand_for_runs_and_single_characters() {
        assert!(matches("a*c?e", Place::Whole, "ABBBCDE"));
        assert!(matches("a*c?e", Place::Whole, "aßcéÉ".replace('É', "e").as_str()));
        assert!(!matches("a*c?e", Place::Whole, "abcde!"));
        assert!(matches("*", Place::Whole, ""));
        assert!(matches("", Place::Whole, ""));
        assert!(!matches("", Place::Whole, "x"));
        assert!(matches("ab*ab", Place::Whole, "abab"));
        assert!(!matches("ab*ab", Place::Whole, "aba"));
        assert!(matches("x*??", Place::Whole, "xyz"));
        assert!(!matches("x*??", Place::Whole, "xy"));
    }

    #[test]
    fn a_backslash_takes_a_wildcard_literally_and_is_itself_before_anything_else() {
        assert!(matches(r"a\*b", Place::Whole, "a*b"));
        assert!(!matches(r"a\*b", Place::Whole, "axb"));
        assert!(matches(r"c:\\*", Place::Whole, r"c:\windows"));
        assert!(matches(r"\cmd.exe", Place::End, r"C:\Windows\CMD.EXE"));
        assert!(matches(r"\\\\server", Place::Start, r"\\server\share"));
    }

    #[test]
    fn places_anchor_the_ends() {
        assert!(matches("bc", Place::Anywhere, "abcd"));
        assert!(matches("ab", Place::Start, "abcd") && !matches("bc", Place::Start, "abcd"));
        assert!(matches("cd", Place::End, "abcd") && !matches("bc", Place::End, "abcd"));
        assert!(matches("b?d", Place::End, "abcd"));
        assert!(matches("a*c", Place::Anywhere, "xxaxxcxx"));
    }

    #[test]
    fn windash_takes_every_dash_before_an_option_but_none_within_a_word() {
        let windash = Reading {
            place: Place::Anywhere,
            cased: false,
            windash: true,
        };
        let pattern = Pattern::new(" -f well-known", windash);
        for text in ["cmd -f well-known", "cmd /f well-known", "cmd –f well-known"] {
            assert!(pattern.matches(text), "{text}");
        }
        assert!(!pattern.matches("cmd /f well/known"));
    }

    #[test]
    fn the_longest_text_is_in_every_match() {
        let pattern = Pattern::new("a*longest?b", reading(Place::Whole));
        assert_eq!(pattern.longest_text(), Some("longest"));
        assert_eq!(pattern.exact(), None);
        assert_eq!(Pattern::new(r"A\*", reading(Place::Whole)).exact(), Some("a*"));
    }
}
