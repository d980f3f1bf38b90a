//! JSON text read for the fields that rules ask for, and for nothing else.
//!
//! Takes one event as text and gives its values to a [`Fill`]; what no rule asks for is passed over from quote to quote. First every
//! quote that is not escaped is found, sixteen bytes a step; then keys and values lie between known places. Structure is checked
//! everywhere (brackets, quotes, colons, commas); how numbers, `true`, `false` and `null` are spelt, and escapes, only where a rule
//! asks. No text makes it panic or recurse deeper than [`DEEPEST`].

use super::paths::{NodeId, Paths, ROOT};
use super::view::{FieldId, Fill};
use std::borrow::Cow;
use std::ops::Range;
use wide::u8x16;

/// How deep objects and lists may nest.
const DEEPEST: usize = 128;

/// Why a text is not an event, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonFault {
    /// The byte of the text, counted from 0.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl std::fmt::Display for JsonFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this is not JSON: byte {} should be {}",
            self.at + 1,
            self.expected
        )
    }
}

/// The places of the quotes that are not escaped, a bit for each byte of the text.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    words: Vec<u64>,
    /// Whether there is a backslash anywhere: without one no string has to be unescaped.
    escapes: bool,
}

impl Quotes {
    pub(crate) fn read(&mut self, text: &[u8]) {
        self.words.clear();
        self.escapes = false;
        let mut escaped = false;
        let (blocks, rest) = text.as_chunks::<64>();
        self.words.reserve(blocks.len() + 1);
        for block in blocks {
            let word = self.word(block, &mut escaped);
            self.words.push(word);
        }
        if !rest.is_empty() {
            let mut block = [0; 64];
            block[..rest.len()].copy_from_slice(rest);
            let word = self.word(&block, &mut escaped);
            self.words.push(word);
        }
    }

    /// `escaped` says whether a backslash before the block takes away the meaning of its first byte, and afterwards the same of the
    /// block that follows.
    #[inline]
    fn word(&mut self, block: &[u8; 64], escaped: &mut bool) -> u64 {
        let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
        let (mut quotes, mut backslashes) = (0, 0);
        let (parts, _) = block.as_chunks::<16>();
        for (index, part) in parts.iter().enumerate() {
            let part = u8x16::new(*part);
            quotes |= u64::from(part.simd_eq(quote).to_bitmask()) << (index * 16);
            backslashes |= u64::from(part.simd_eq(backslash).to_bitmask()) << (index * 16);
        }
        if backslashes == 0 && !*escaped {
            return quotes;
        }
        self.escapes = true;
        unescaped(quotes, backslashes, escaped)
    }

    /// Whether there is a backslash anywhere.
    pub(crate) fn escapes(&self) -> bool {
        self.escapes
    }

    /// The first quote at `from` or after it.
    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        let mut index = from / 64;
        let mut word = self.words.get(index)? & (u64::MAX << (from % 64));
        while word == 0 {
            index += 1;
            word = *self.words.get(index)?;
        }
        Some(index * 64 + word.trailing_zeros() as usize)
    }
}

#[cold]
fn unescaped(quotes: u64, backslashes: u64, escaped: &mut bool) -> u64 {
    let mut taken = u64::from(std::mem::take(escaped));
    let mut left = backslashes & !taken;
    while left != 0 {
        let place = left.trailing_zeros();
        if place == 63 {
            *escaped = true;
            break;
        }
        taken |= 2 << place;
        left &= !(3 << place);
    }
    quotes & !taken
}

/// Reads one event. A text that is not an object gives a fault; values found before the fault stay with `fill`. Of a key that stands
/// twice in an object both values are there.
pub(crate) fn read<'a>(
    text: &'a str,
    quotes: &Quotes,
    paths: &Paths,
    fill: &mut Fill<'a, '_>,
) -> Result<(), JsonFault> {
    read_with(text, quotes, paths, &[], None, fill)
}

/// Reads one event as [`read`] does, but for the keys at its top that lead to `passed_over`; a key that stands twice in an object, and
/// that rules ask for, is a fault, for a whole parse keeps the last of its values.
pub(crate) fn read_once<'a>(
    text: &'a str,
    quotes: &Quotes,
    paths: &Paths,
    passed_over: &[NodeId],
    taken: &mut Taken,
    fill: &mut Fill<'a, '_>,
) -> Result<(), JsonFault> {
    taken.begin(paths.len());
    read_with(text, quotes, paths, passed_over, Some(taken), fill)
}

/// Which keys an object was found to have.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// By node: the object that had it last.
    by: Vec<u64>,
    object: u64,
}

impl Taken {
    fn begin(&mut self, nodes: usize) {
        if self.by.len() < nodes {
            self.by.resize(nodes, 0);
        }
    }

    /// Another object begins, and no number of one comes twice.
    fn object(&mut self) -> u64 {
        self.object += 1;
        self.object
    }

    /// Whether the object had no such key before.
    #[inline]
    fn first(&mut self, object: u64, node: NodeId) -> bool {
        std::mem::replace(&mut self.by[node], object) != object
    }
}

fn read_with<'a>(
    text: &'a str,
    quotes: &Quotes,
    paths: &Paths,
    passed_over: &[NodeId],
    taken: Option<&mut Taken>,
    fill: &mut Fill<'a, '_>,
) -> Result<(), JsonFault> {
    let mut reader = Reader {
        walk: Walk {
            text,
            line: text.as_bytes(),
            quotes,
            fault: None,
        },
        paths,
        passed_over,
        taken,
        fill,
    };
    let start = reader.solid(0);
    let end = if reader.byte(start) == b'{' {
        reader.object(start, ROOT, 0)
    } else {
        reader.expected(start, "`{`, the beginning of an object")
    };
    let end = end.map(|end| reader.solid(end));
    match (end, reader.fault) {
        (Ok(end), _) if end >= text.len() => Ok(()),
        (Ok(end), _) => Err(JsonFault {
            at: end,
            expected: "the end: one line is one object",
        }),
        (Err(Failed), fault) => Err(fault.unwrap_or(JsonFault {
            at: 0,
            expected: "an object",
        })),
    }
}

/// Where the events are in a text: each object at the top, each element of a list at the top, and each of CloudTrail's `Records`.
pub(crate) fn records(text: &str) -> Result<Vec<Range<usize>>, JsonFault> {
    let mut quotes = Quotes::default();
    quotes.read(text.as_bytes());
    let mut walk = Walk {
        text,
        line: text.as_bytes(),
        quotes: &quotes,
        fault: None,
    };
    let mut found = Vec::new();
    let mut at = walk.solid(0);
    while at < text.len() {
        at = match walk.top(at, &mut found) {
            Ok(end) => walk.solid(end),
            Err(Failed) => return Err(walk.fault.take().unwrap_or(JsonFault { at, expected: "JSON" })),
        };
    }
    Ok(found)
}

/// Whether the escapes of a text are those that have no other way to be written.
fn escapes_are_needed(text: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\\', &text[from..]) {
        let Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') = text.get(from + at + 1) else {
            return false;
        };
        from += at + 2;
    }
    true
}

/// That a fault was found; it stands in the reader, so that what is handed around stays in a register.
#[derive(Debug)]
struct Failed;

/// The structure of a text, from place to place.
struct Walk<'a, 'r> {
    text: &'a str,
    line: &'a [u8],
    quotes: &'r Quotes,
    fault: Option<JsonFault>,
}

struct Reader<'a, 'r, 'f> {
    walk: Walk<'a, 'r>,
    paths: &'r Paths,
    passed_over: &'r [NodeId],
    taken: Option<&'r mut Taken>,
    fill: &'r mut Fill<'a, 'f>,
}

impl<'a, 'r> std::ops::Deref for Reader<'a, 'r, '_> {
    type Target = Walk<'a, 'r>;

    fn deref(&self) -> &Self::Target {
        &self.walk
    }
}

impl std::ops::DerefMut for Reader<'_, '_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.walk
    }
}

impl Walk<'_, '_> {
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        if at < self.line.len() { self.line[at] } else { 0 }
    }

    /// The first byte from `at` on that is no white space.
    #[inline]
    fn solid(&self, at: usize) -> usize {
        if self.byte(at) > b' ' {
            at
        } else {
            self.after_spaces(at)
        }
    }

    #[cold]
    fn after_spaces(&self, at: usize) -> usize {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        at + self.line.iter().skip(at).take_while(is_space).count()
    }

    #[cold]
    fn expected<T>(&mut self, at: usize, expected: &'static str) -> Result<T, Failed> {
        self.fault = Some(JsonFault { at, expected });
        Err(Failed)
    }

    /// The end of the string whose opening quote is at `at`: the place of its closing quote.
    #[inline]
    fn closing(&mut self, at: usize) -> Result<usize, Failed> {
        match self.quotes.next(at + 1) {
            Some(end) => Ok(end),
            None => self.expected(self.line.len(), "the end of a string that is still open"),
        }
    }

    /// Whether the object at `at..end` was written with spaces or line ends between its parts.
    fn has_spaces_between(&self, at: usize, end: usize) -> bool {
        let mut outside = at;
        while outside < end {
            let string = self.quotes.next(outside).unwrap_or(end).min(end);
            if self.line[outside..string].iter().any(|byte| *byte <= b' ') {
                return true;
            }
            outside = self.quotes.next(string + 1).map_or(end, |closing| closing + 1);
        }
        false
    }

    /// Passes over a number or a word; gives the place after it.
    #[inline]
    fn plain(&mut self, at: usize) -> Result<usize, Failed> {
        let mut end = at;
        while matches!(self.byte(end), b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') {
            end += 1;
        }
        if end == at {
            return self.expected(at, "a value");
        }
        Ok(end)
    }

    /// Passes over a value that no rule asks for.
    #[inline]
    fn pass(&mut self, at: usize) -> Result<usize, Failed> {
        match self.byte(at) {
            b'"' => self.closing(at).map(|end| end + 1),
            b'{' | b'[' => self.pass_nested(at),
            _ => self.plain(at),
        }
    }

    fn pass_nested(&mut self, start: usize) -> Result<usize, Failed> {
        // A bit for each open bracket: 1 for an object. Brackets must close in the order they opened.
        let mut open: u128 = 0;
        let mut depth = 0;
        let mut at = start;
        while at < self.line.len() {
            match self.line[at] {
                b'"' => at = self.closing(at)?,
                bracket @ (b'{' | b'[') => {
                    if depth >= DEEPEST {
                        return self.expected(at, "less deep: too many objects and lists are nested");
                    }
                    open = open << 1 | u128::from(bracket == b'{');
                    depth += 1;
                }
                bracket @ (b'}' | b']') => {
                    if (open & 1 == 1) != (bracket == b'}') {
                        return self.expected(at, "the bracket that closes what was opened last");
                    }
                    open >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        return Ok(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.expected(at, "the end of an object or list that is still open")
    }

    /// Reads one value at the top; gives the place after it.
    fn top(&mut self, at: usize, found: &mut Vec<Range<usize>>) -> Result<usize, Failed> {
        match self.byte(at) {
            b'[' => self.elements(at, found),
            b'{' => {
                let (end, envelope) = self.envelope(at, found)?;
                if !envelope {
                    found.push(at..end);
                }
                Ok(end)
            }
            _ => self.expected(at, "an object or a list of objects"),
        }
    }

    /// The elements of the list at `at`.
    fn elements(&mut self, at: usize, found: &mut Vec<Range<usize>>) -> Result<usize, Failed> {
        let mut at = self.solid(at + 1);
        if self.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            let end = self.pass(at)?;
            found.push(at..end);
            at = self.solid(end);
            match self.byte(at) {
                b',' => at = self.solid(at + 1),
                b']' => return Ok(at + 1),
                _ => return self.expected(at, "`,` or `]`"),
            }
        }
    }

    /// The elements of `Records` in the object at `at`; tells the place after the object, and whether it had them.
    fn envelope(&mut self, at: usize, found: &mut Vec<Range<usize>>) -> Result<(usize, bool), Failed> {
        let mut envelope = false;
        let mut at = self.solid(at + 1);
        if self.byte(at) == b'}' {
            return Ok((at + 1, envelope));
        }
        loop {
            if self.byte(at) != b'"' {
                return self.expected(at, "a key in quotes");
            }
            let end = self.closing(at)?;
            let colon = self.solid(end + 1);
            if self.byte(colon) != b':' {
                return self.expected(colon, "a colon after the key");
            }
            let value = self.solid(colon + 1);
            let records = self.text[at + 1..end] == *"Records" && self.byte(value) == b'[';
            envelope |= records;
            at = if records {
                self.elements(value, found)?
            } else {
                self.pass(value)?
            };
            at = self.solid(at);
            match self.byte(at) {
                b',' => at = self.solid(at + 1),
                b'}' => return Ok((at + 1, envelope)),
                _ => return self.expected(at, "`,` or `}`"),
            }
        }
    }
}

impl<'a> Reader<'a, '_, '_> {
    /// Reads the object at `at`; gives the place after it, as all the readers do.
    fn object(&mut self, at: usize, node: NodeId, depth: usize) -> Result<usize, Failed> {
        if depth > DEEPEST {
            return self.expected(at, "less deep: too many objects and lists are nested");
        }
        let object = self.taken.as_mut().map_or(0, |taken| taken.object());
        let mut at = self.solid(at + 1);
        if self.byte(at) == b'}' {
            return Ok(at + 1);
        }
        loop {
            if self.byte(at) != b'"' {
                return self.expected(at, "a key in quotes");
            }
            let end = self.closing(at)?;
            let colon = self.solid(end + 1);
            if self.byte(colon) != b':' {
                return self.expected(colon, "a colon after the key");
            }
            let value = self.solid(colon + 1);
            at = match self.child(node, at + 1, end, depth) {
                Some(child) if depth > 0 || !self.passed_over.contains(&child) => {
                    if let Some(taken) = &mut self.taken
                        && !taken.first(object, child)
                    {
                        return self.expected(at, "another key: an object has each key once");
                    }
                    self.value(value, child, depth + 1)?
                }
                _ => self.pass(value)?,
            };
            at = self.solid(at);
            match self.byte(at) {
                b',' => at = self.solid(at + 1),
                b'}' => return Ok(at + 1),
                _ => return self.expected(at, "`,` or `}`"),
            }
        }
    }

    #[inline]
    fn child(&mut self, node: NodeId, start: usize, end: usize, depth: usize) -> Option<NodeId> {
        let found = self.paths.child_at(node, self.line, start, end);
        if found.is_none() && (self.quotes.escapes || depth == 0) {
            return self.unusual_child(node, start, end, depth);
        }
        found
    }

    /// Keys that are written in another way than rules write them: with escapes, or, at the top, with spaces (Windows says
    /// `Threat Name` where Sigma says `ThreatName`).
    fn unusual_child(&mut self, node: NodeId, start: usize, end: usize, depth: usize) -> Option<NodeId> {
        let mut key = Cow::Borrowed(&self.text[start..end]);
        if self.quotes.escapes && memchr::memchr(b'\\', key.as_bytes()).is_some() {
            key = serde_json::from_str::<String>(&self.text[start - 1..=end])
                .ok()?
                .into();
            if let Some(child) = self.paths.child(node, key.as_bytes()) {
                return Some(child);
            }
        }
        let spaced = depth == 0 && memchr::memchr(b' ', key.as_bytes()).is_some();
        spaced
            .then(|| self.paths.child(node, key.replace(' ', "").as_bytes()))
            .flatten()
    }

    fn list(&mut self, at: usize, node: NodeId, depth: usize) -> Result<usize, Failed> {
        if depth > DEEPEST {
            return self.expected(at, "less deep: too many objects and lists are nested");
        }
        let mut at = self.solid(at + 1);
        if self.byte(at) == b']' {
            if let Some((field, _)) = self.paths.field(node) {
                self.fill.nothing(field);
            }
            return Ok(at + 1);
        }
        loop {
            at = self.value(at, node, depth + 1)?;
            at = self.solid(at);
            match self.byte(at) {
                b',' => at = self.solid(at + 1),
                b']' => return Ok(at + 1),
                _ => return self.expected(at, "`,` or `]`"),
            }
        }
    }

    /// Reads a value that some rule asks for, or that holds one.
    fn value(&mut self, at: usize, node: NodeId, depth: usize) -> Result<usize, Failed> {
        let field = self.paths.field(node);
        match self.byte(at) {
            b'"' => {
                let end = self.closing(at)?;
                if let Some(field) = field {
                    self.string(field, at, end)?;
                }
                Ok(end + 1)
            }
            b'{' => {
                let end = self.object(at, node, depth)?;
                if let Some((field, rank)) = field {
                    self.whole(field, rank, at, end)?;
                }
                Ok(end)
            }
            b'[' => self.list(at, node, depth),
            _ => {
                let end = self.plain(at)?;
                match field {
                    Some((field, rank)) => self.plain_value(field, rank, at, end),
                    None => Ok(end),
                }
            }
        }
    }

    #[inline]
    fn string(&mut self, (field, rank): (FieldId, u8), at: usize, end: usize) -> Result<(), Failed> {
        let text = &self.text[at + 1..end];
        if !self.quotes.escapes || memchr::memchr(b'\\', text.as_bytes()).is_none() {
            self.fill.text(field, rank, text);
            return Ok(());
        }
        match serde_json::from_str::<String>(&self.text[at..=end]) {
            Ok(text) => {
                self.fill.made_text(field, rank, &text);
                Ok(())
            }
            Err(_) => self.expected(at, "a string whose escapes are JSON's"),
        }
    }

    /// The text of an object, which is the same however the object was written: without spaces and needless escapes.
    fn whole(&mut self, field: FieldId, rank: u8, at: usize, end: usize) -> Result<(), Failed> {
        let text = &self.text[at..end];
        let as_written = !self.has_spaces_between(at, end)
            && (!self.quotes.escapes || escapes_are_needed(text.as_bytes()));
        if as_written {
            self.fill.whole(field, rank, text);
            return Ok(());
        }
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) => {
                self.fill.made_whole(field, rank, &value.to_string());
                Ok(())
            }
            Err(_) => self.expected(at, "an object"),
        }
    }

    fn plain_value(&mut self, field: FieldId, rank: u8, at: usize, end: usize) -> Result<usize, Failed> {
        match &self.text[at..end] {
            "true" => self.fill.truth(field, rank, true),
            "false" => self.fill.truth(field, rank, false),
            "null" => self.fill.nothing(field),
            number => {
                // Whole numbers stand as they are written; others as they are written everywhere in the product.
                let leading_zero = number.len() > 1 && number.starts_with('0');
                if number.len() < 19 && !leading_zero && number.bytes().all(|byte| byte.is_ascii_digit()) {
                    self.fill.number(field, rank, number);
                } else {
                    match serde_json::from_str::<serde_json::Number>(number) {
                        Ok(number) => self.fill.made_number(field, rank, &number.to_string()),
                        Err(_) => return self.expected(at, "a number, true, false or null"),
                    }
                }
            }
        }
        Ok(end)
    }
}
