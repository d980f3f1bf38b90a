//! Where one message ends and the next begins on a connection (RFC 6587): counted octets, or a line end. Which of both a sender uses is
//! seen from its first bytes and holds for the connection.

/// A count is never longer: ten megabytes are no log line.
const COUNT_DIGITS: usize = 7;

/// The lines found so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Each without its line end.
    pub texts: Vec<String>,
    /// How many of them were longer than allowed, and cut.
    pub cut: u64,
    /// How many of them were not UTF-8; what was not is marked in its place.
    pub not_utf8: u64,
}

/// Why nothing more can be read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Where a count should stand is something else: it cannot be known where the next message begins.
    #[error("expected the number of octets of the next message, as in `42 <38>1 …`")]
    NoCount,
    /// The connection ended within a counted message.
    #[error("the connection ended within a message")]
    Unfinished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Too little was seen.
    Unknown,
    Counted,
    Lines,
}

/// What a connection is within.
#[derive(Debug)]
pub struct Framing {
    mode: Mode,
    limit: usize,
    /// What was read and is no whole message yet; never longer than the limit and one read.
    pending: Vec<u8>,
    /// Of a message longer than the limit: it was cut, and its rest is passed over. For counted ones, how much rest.
    passing_over: Option<usize>,
}

impl Framing {
    /// A new connection, on which a message may have `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            mode: Mode::Unknown,
            limit,
            pending: Vec::new(),
            passing_over: None,
        }
    }

    /// Takes what was read, and puts whole messages into `lines`.
    ///
    /// # Errors
    /// [`Broken::NoCount`]; the lines found before are in `lines`, and nothing more can be read.
    pub fn feed(&mut self, bytes: &[u8], lines: &mut Lines) -> Result<(), Broken> {
        self.pending.extend_from_slice(bytes);
        if self.mode == Mode::Unknown {
            self.mode = mode_of(&self.pending);
        }
        match self.mode {
            Mode::Unknown => Ok(()),
            Mode::Counted => self.counted(lines),
            Mode::Lines => {
                self.lines(lines);
                Ok(())
            }
        }
    }

    /// The connection ended: the last line needs no line end.
    ///
    /// # Errors
    /// [`Broken::Unfinished`] where a counted message was not whole; what there is of it is in `lines`, counted as cut.
    pub fn end(&mut self, lines: &mut Lines) -> Result<(), Broken> {
        let rest = std::mem::take(&mut self.pending);
        match self.mode {
            Mode::Counted => {
                if self.passing_over.is_some_and(|left| left > 0) {
                    return Err(Broken::Unfinished);
                }
                let message = match count_of(&rest) {
                    Count::Of { begins, .. } => &rest[begins..],
                    Count::Unfinished if rest.is_empty() => return Ok(()),
                    Count::Unfinished | Count::None => return Err(Broken::Unfinished),
                };
                lines.cut += u64::from(!message.is_empty());
                take(message, lines);
                Err(Broken::Unfinished)
            }
            Mode::Lines | Mode::Unknown => {
                if self.passing_over.take().is_none() {
                    take(&rest, lines);
                }
                Ok(())
            }
        }
    }

    fn counted(&mut self, lines: &mut Lines) -> Result<(), Broken> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        loop {
            if let Some(left) = self.passing_over.take() {
                let passed = left.min(rest.len());
                rest = &rest[passed..];
                if left > passed {
                    self.passing_over = Some(left - passed);
                    return Ok(());
                }
            }
            // Some senders end counted messages with a line end that they do not count.
            rest = rest.trim_ascii_start();
            let (begins, length) = match count_of(rest) {
                Count::Of { begins, length } => (begins, length),
                Count::Unfinished => break,
                Count::None => return Err(Broken::NoCount),
            };
            let kept = length.min(self.limit);
            let Some(message) = rest.get(begins..begins + kept) else {
                break;
            };
            take(message, lines);
            rest = &rest[begins + kept..];
            if length > kept {
                lines.cut += 1;
                self.passing_over = Some(length - kept);
            }
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    fn lines(&mut self, lines: &mut Lines) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        // NUL ends a line too: some devices write it instead.
        while let Some(end) = rest.iter().position(|b| matches!(b, b'\n' | 0)) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if self.passing_over.take().is_none() {
                self.take_bounded(line, lines);
            }
        }
        if self.passing_over.is_some() {
            return;
        }
        if rest.len() > self.limit {
            self.take_bounded(rest, lines);
            self.passing_over = Some(0);
            return;
        }
        self.pending = rest.to_vec();
    }

    fn take_bounded(&self, line: &[u8], lines: &mut Lines) {
        if line.len() > self.limit {
            lines.cut += 1;
        }
        take(&line[..line.len().min(self.limit)], lines);
    }
}

/// One message: a datagram is one just so.
pub(super) fn take(message: &[u8], lines: &mut Lines) {
    let message = message.trim_ascii_end();
    let message = message.strip_suffix(&[0]).unwrap_or(message);
    if message.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(message);
    lines.not_utf8 += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
    lines.texts.push(text.into_owned());
}

enum Count {
    Of { begins: usize, length: usize },
    Unfinished,
    None,
}

/// The count in front of a message: digits and a blank.
fn count_of(bytes: &[u8]) -> Count {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    match (digits, bytes.get(digits)) {
        (0..=COUNT_DIGITS, None) => Count::Unfinished,
        (1..=COUNT_DIGITS, Some(b' ')) => {
            let number = bytes[..digits]
                .iter()
                .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            Count::Of {
                begins: digits + 1,
                length: number,
            }
        }
        _ => Count::None,
    }
}

/// A count is known by the priority behind it: lines that begin with a year begin with digits, too.
fn mode_of(bytes: &[u8]) -> Mode {
    match count_of(bytes) {
        Count::Of { begins, .. } => match bytes.get(begins) {
            Some(b'<') => Mode::Counted,
            Some(_) => Mode::Lines,
            None => Mode::Unknown,
        },
        Count::Unfinished => Mode::Unknown,
        Count::None => Mode::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What comes out when the bytes come in pieces of the given size.
    fn framed(bytes: &[u8], piece: usize, limit: usize) -> (Lines, Result<(), Broken>) {
        let mut framing = Framing::new(limit);
        let mut lines = Lines::default();
        for piece in bytes.chunks(piece) {
            if let Err(broken) = framing.feed(piece, &mut lines) {
                return (lines, Err(broken));
            }
        }
        let ended = framing.end(&mut lines);
        (lines, ended)
    }

    #[test]
    fn both_framings_are_told_apart_however_the_bytes_come() {
        let counted = b"11 <34>1 first\n18 <34>second\nline 2";
        let lines = b"<34>first\r\n\n2026-01-01T00:00:00Z host app: second\n<34>third";
        for piece in 1..40 {
            let (found, ended) = framed(&counted[..], piece, 1000);
            assert_eq!(found.texts[0], "<34>1 first", "{piece}");
            assert_eq!(
                (found.texts.len(), ended),
                (2, Err(Broken::Unfinished)),
                "{piece}: the second is one byte short"
            );
            let (found, ended) = framed(&lines[..], piece, 1000);
            assert_eq!(
                found.texts,
                ["<34>first", "2026-01-01T00:00:00Z host app: second", "<34>third"]
            );
            assert_eq!(ended, Ok(()));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_is_whole() {
        let long = "x".repeat(50);
        let lines = format!("<1>{long}\n<1>short\n");
        let counted = format!("53 <1>{long}8 <1>short");
        for piece in 1..60 {
            for text in [&lines, &counted] {
                let (found, ended) = framed(text.as_bytes(), piece, 10);
                assert_eq!(found.texts, ["<1>xxxxxxx", "<1>short"], "{piece} {text}");
                assert_eq!((found.cut, ended), (1, Ok(())));
            }
        }
    }

    #[test]
    fn a_count_that_is_none_ends_the_connection_and_keeps_what_was_whole() {
        let (found, ended) = framed(b"5 <1>abnonsense", 4, 100);
        assert_eq!(found.texts, ["<1>ab"]);
        assert_eq!(ended, Err(Broken::NoCount));
        assert_eq!(framed(b"12345678 <1>x", 3, 100).0.texts, ["12345678 <1>x"]);
    }

    #[test]
    fn what_is_not_utf_8_is_marked_and_counted() {
        let (found, _) = framed(b"<1>a\xffb\n", 100, 100);
        assert_eq!((found.texts[0].as_str(), found.not_utf8), ("<1>a\u{fffd}b", 1));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in prop::collection::vec(prop::sample::select(b"0123456789 <>\n\0ab".to_vec()), 0..200), piece in 1_usize..50) {
            prop_assert_eq!(framed(&bytes, piece, 20), framed(&bytes, 1, 20));
        }
    }
}
