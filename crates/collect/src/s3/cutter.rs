//! Cuts the content of an object into records, piece by piece as it comes, with bounded memory.
//!
//! An object is lines, or, as CloudTrail writes it, one JSON document with a list of records. Each record is given with the place
//! behind it, from which another process can go on. Takes bytes, gives records; leaves alone what they mean.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A place between two records of an object's (decompressed) content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Bytes before it.
    #[serde(rename = "o")]
    pub offset: u64,
    /// What the content is, once that is known.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// How records follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One a line.
    Lines,
    /// One after the other in a list of JSON, within which the place is.
    List,
    /// The list has ended, and nothing behind it is a record.
    Ended,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its text; bytes that are not UTF-8 are marked in it.
    pub text: String,
    /// Bytes of content before it.
    pub offset: u64,
    /// Whether it was longer than allowed, and only its beginning is here.
    pub truncated: bool,
    /// Where to go on behind it.
    pub behind: Place,
}

/// The content so far.
#[derive(Debug)]
pub struct Cutter {
    /// Where the next byte lies.
    at: Place,
    longest: usize,
    /// The beginning of the document, while its shape is not known.
    head: Vec<u8>,
    may_be_list: bool,
    /// The record under way: where it began, what is kept of it, and how far within JSON it is.
    begun: Option<u64>,
    kept: Vec<u8>,
    length: u64,
    is_word: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    pieces: VecDeque<Piece>,
}

/// What CloudTrail's documents begin with; blanks may stand between the parts.
const LIST_HEAD: [&[u8]; 4] = [b"{", b"\"Records\"", b":", b"["];

impl Cutter {
    /// Goes on at a place. A document whose shape is not known yet may be a list of records only where `may_be_list`.
    #[must_use]
    pub fn at(place: Place, may_be_list: bool, longest: usize) -> Self {
        Self {
            at: place,
            longest,
            head: Vec::new(),
            may_be_list,
            begun: None,
            kept: Vec::new(),
            length: 0,
            is_word: false,
            depth: 0,
            in_string: false,
            escaped: false,
            pieces: VecDeque::new(),
        }
    }

    /// The next record that is complete.
    pub fn take(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// Takes bytes that follow those before.
    pub fn feed(&mut self, bytes: &[u8]) {
        match self.at.shape {
            Some(Shape::Lines) => self.lines(bytes),
            Some(Shape::List) => self.list(bytes),
            Some(Shape::Ended) => self.at.offset += bytes.len() as u64,
            None => {
                self.head.extend_from_slice(bytes);
                self.judge(false);
            }
        }
    }

    /// Says that nothing follows; gives whether it ended where a document may end.
    pub fn end(&mut self) -> bool {
        self.judge(true);
        match self.at.shape {
            Some(Shape::List) => {
                self.complete();
                false
            }
            Some(Shape::Lines) => {
                self.complete();
                true
            }
            _ => true,
        }
    }

    /// Finds out from the beginning what the document is.
    fn judge(&mut self, at_end: bool) {
        if self.at.shape.is_some() {
            return;
        }
        let found = if self.may_be_list {
            list_behind(&self.head)
        } else {
            Found::No
        };
        let head = match found {
            Found::Behind(begin) => {
                self.at = Place {
                    offset: self.at.offset + begin as u64,
                    shape: Some(Shape::List),
                };
                self.head.split_off(begin)
            }
            Found::Unknown if !at_end => return,
            Found::No | Found::Unknown => {
                self.at.shape = Some(Shape::Lines);
                std::mem::take(&mut self.head)
            }
        };
        self.head = Vec::new();
        self.feed(&head);
    }

    fn lines(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            self.at.offset += 1;
            self.complete();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    fn list(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = if self.begun.is_some() {
                self.record(bytes)
            } else {
                self.between(bytes)
            };
        }
    }

    /// Passes over what stands between records; gives what is left.
    fn between<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let blanks = bytes.iter().take_while(|byte| separates(**byte)).count();
        self.at.offset += blanks as u64;
        let rest = &bytes[blanks..];
        match rest.first() {
            None => rest,
            Some(b']') => {
                self.at.shape = Some(Shape::Ended);
                self.at.offset += rest.len() as u64;
                &[]
            }
            Some(first) => {
                self.begun = Some(self.at.offset);
                self.is_word = !matches!(first, b'{' | b'[' | b'"');
                rest
            }
        }
    }

    /// Takes bytes of the record under way, up to its end; gives what is left.
    fn record<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        // A word or a number ends before what stands behind it; everything else with its last byte.
        let end = if self.is_word {
            bytes.iter().position(|byte| *byte == b']' || separates(*byte))
        } else {
            bytes
                .iter()
                .position(|byte| self.closes(*byte))
                .map(|last| last + 1)
        };
        let (mine, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.keep(mine);
        if end.is_some() {
            self.complete();
        }
        rest
    }

    /// Whether a record that is no word ends with this byte.
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return !self.in_string && self.depth == 0;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// Adds to the record under way.
    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.begun.get_or_insert(self.at.offset);
        let room = self.longest.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.length += bytes.len() as u64;
        self.at.offset += bytes.len() as u64;
    }

    /// The record under way is complete.
    fn complete(&mut self) {
        let Some(offset) = self.begun.take() else { return };
        let mut kept = std::mem::take(&mut self.kept);
        let truncated = self.length > kept.len() as u64;
        self.length = 0;
        (self.depth, self.in_string, self.escaped) = (0, false, false);
        if kept.last() == Some(&b'\r') {
            kept.pop();
        }
        if kept.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let text = String::from_utf8(kept)
            .unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned());
        self.pieces.push_back(Piece {
            text,
            offset,
            truncated,
            behind: self.at,
        });
    }
}

/// Whether a byte may stand between two records of a list.
fn separates(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',')
}

enum Found {
    /// It is a list, which begins behind so many bytes.
    Behind(usize),
    No,
    /// It may become one.
    Unknown,
}

fn list_behind(head: &[u8]) -> Found {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // A document that begins with more blanks than this is none that AWS writes.
    const MOST_BLANKS: usize = 1_024;
    for part in LIST_HEAD {
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks > MOST_BLANKS {
            return Found::No;
        }
        rest = &rest[blanks..];
        match rest.strip_prefix(part) {
            Some(behind) => rest = behind,
            None if part.starts_with(rest) => return Found::Unknown,
            None => return Found::No,
        }
    }
    Found::Behind(head.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(content: &[u8], place: Place, step: usize) -> (Vec<Piece>, bool) {
        let mut cutter = Cutter::at(place, true, 64);
        let offset = usize::try_from(place.offset).unwrap();
        let mut pieces = Vec::new();
        for chunk in content[offset..].chunks(step.max(1)) {
            cutter.feed(chunk);
            pieces.extend(std::iter::from_fn(|| cutter.take()));
        }
        let whole = cutter.end();
        pieces.extend(std::iter::from_fn(|| cutter.take()));
        (pieces, whole)
    }

    fn texts(content: &str, step: usize) -> Vec<String> {
        cut(content.as_bytes(), Place::default(), step)
            .0
            .into_iter()
            .map(|piece| piece.text)
            .collect()
    }

    #[test]
    fn lines_and_lists_are_cut_whatever_the_pieces_they_come_in() {
        let list = r#" {"Records": [ {"a":"}],\"","b":[1,{}]} ,{"c":2}, 7,"x]", null ]}  trailing"#;
        for step in 1..list.len() {
            assert_eq!(
                texts(list, step),
                [r#"{"a":"}],\"","b":[1,{}]}"#, r#"{"c":2}"#, "7", "\"x]\"", "null"],
                "{step}"
            );
            assert_eq!(texts("one\r\n\n two\nthree", step), ["one", " two", "three"]);
            assert_eq!(texts("{\"Record\": 1}\n{}", step), ["{\"Record\": 1}", "{}"]);
        }
        assert_eq!(texts("{\"Rec", 3), ["{\"Rec"]);
        assert_eq!(texts("", 1), [""; 0]);
        assert_eq!(texts("{\"Records\":[]}", 2), [""; 0]);
    }

    #[test]
    fn a_list_that_breaks_off_says_so() {
        let (pieces, whole) = cut(br#"{"Records":[{"a":1},{"b":"#, Place::default(), 5);
        assert!(!whole);
        assert_eq!(pieces[0].text, r#"{"a":1}"#);
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(1_000);
        let (pieces, _) = cut(format!("{long}\nshort\n").as_bytes(), Place::default(), 7);
        assert_eq!((pieces[0].text.len(), pieces[0].truncated), (64, true));
        assert_eq!((pieces[1].text.as_str(), pieces[1].offset), ("short", 1_001));
        let list = format!(r#"{{"Records":[{{"a":"{long}"}},{{"b":1}}]}}"#);
        let (pieces, whole) = cut(list.as_bytes(), Place::default(), 9);
        assert!(whole && pieces[0].truncated);
        assert_eq!(pieces[1].text, r#"{"b":1}"#);
    }

    proptest! {
        /// Whoever is killed goes on behind the record that was committed last, and finds the rest.
        #[test]
        fn reading_on_from_behind_any_record_gives_the_rest(
            records in proptest::collection::vec("\\{\"k\":\"[a-z\\]\\}, ]{0,12}\"\\}", 1..12),
            as_list: bool, step in 1_usize..40, at in 0_usize..12,
        ) {
            let content = if as_list {
                format!("{{\"Records\":[{}]}}", records.join(", "))
            } else {
                records.join("\n")
            };
            let (all, _) = cut(content.as_bytes(), Place::default(), step);
            let found: Vec<&String> = all.iter().map(|piece| &piece.text).collect();
            prop_assert_eq!(found, records.iter().collect::<Vec<_>>());
            let at = at.min(all.len() - 1);
            let (rest, _) = cut(content.as_bytes(), all[at].behind, step);
            prop_assert_eq!(&rest[..], &all[at + 1..]);
        }

        #[test]
        fn no_content_breaks_it(content in proptest::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            let (pieces, _) = cut(&content, Place::default(), step);
            for piece in pieces {
                prop_assert!(piece.behind.offset <= content.len() as u64 && piece.offset < piece.behind.offset);
            }
        }
    }
}
