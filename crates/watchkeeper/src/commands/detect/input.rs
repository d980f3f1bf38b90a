//! Events in files, as blocks of whole lines that threads can take.
//!
//! What a file holds is found by looking at it: gzip and zstd by their first bytes, one event a line or a whole document by its
//! first line. A file of lines is read in blocks and never held whole; a document is.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_collect::zstd::Frames;

/// How much of a file of lines is handed to a thread at once: some hundred events, so that handing over costs nothing beside them.
const BLOCK_BYTES: usize = 512 * 1024;

/// The longest line that is read; longer ones are refused, since nothing that logs writes them.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// The largest document that is read.
const LARGEST_DOCUMENT: u64 = 2 * 1024 * 1024 * 1024;

/// A part of a file.
#[derive(Debug, Default)]
pub(in crate::commands) struct Block {
    pub(in crate::commands) file: Arc<str>,
    pub(in crate::commands) text: Vec<u8>,
    /// The number of its first line, or of its first event where `events` says where they are.
    pub(in crate::commands) first: u64,
    /// Where the events are, where they are not lines.
    pub(in crate::commands) events: Option<Vec<Range<usize>>>,
}

/// Reads files one after the other.
pub(in crate::commands) struct Files {
    left: std::vec::IntoIter<PathBuf>,
    open: Option<Open>,
    /// Bytes read so far, as they are on the disk.
    pub(in crate::commands) read: Arc<std::sync::atomic::AtomicU64>,
}

struct Open {
    name: Arc<str>,
    reader: Box<dyn Read + Send>,
    /// What was read beyond the last whole line.
    rest: Vec<u8>,
    line: u64,
    shape: Option<Shape>,
    ended: bool,
}

enum Shape {
    Lines,
    /// A document, and the events in it that were not handed out yet.
    Document(Vec<u8>, std::vec::IntoIter<Range<usize>>, u64),
}

impl Files {
    pub(in crate::commands) fn new(files: &[PathBuf]) -> Self {
        Self {
            left: Vec::from(files).into_iter(),
            open: None,
            read: Arc::default(),
        }
    }

    /// Fills `block` with the next part; false when all files are read.
    pub(in crate::commands) fn next(&mut self, block: &mut Block) -> Result<bool, String> {
        loop {
            if self.open.is_none() {
                let Some(path) = self.left.next() else {
                    return Ok(false);
                };
                self.open = Some(Open::new(&path, Arc::clone(&self.read))?);
            }
            let Some(open) = &mut self.open else { continue };
            block.file = Arc::clone(&open.name);
            let name = Arc::clone(&open.name);
            if open.fill(block).map_err(|fault| format!("{name}: {fault}"))? {
                return Ok(true);
            }
            self.open = None;
        }
    }
}

impl Open {
    fn new(path: &Path, read: Arc<std::sync::atomic::AtomicU64>) -> Result<Self, String> {
        let named = |fault: std::io::Error| format!("{}: {fault}", path.display());
        let from: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(path).map_err(named)?)
        };
        let mut from = Counted { from, read };
        let mut first = Vec::new();
        (&mut from).take(4).read_to_end(&mut first).map_err(named)?;
        let compressed = first.clone();
        let whole = std::io::Cursor::new(first).chain(from);
        let reader: Box<dyn Read + Send> = match compressed.as_slice() {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(
                1 << 16,
                whole,
            ))),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(Frames::new(BufReader::with_capacity(1 << 16, whole))),
            _ => Box::new(whole),
        };
        Ok(Self {
            name: path.display().to_string().into(),
            reader,
            rest: Vec::new(),
            line: 1,
            shape: None,
            ended: false,
        })
    }

    /// False when there is nothing left.
    fn fill(&mut self, block: &mut Block) -> Result<bool, String> {
        if let Some(Shape::Document(text, events, number)) = &mut self.shape {
            return Ok(document_block(text, events, number, block));
        }
        block.text.clear();
        block.text.append(&mut self.rest);
        block.first = self.line;
        block.events = None;
        let mut wanted = BLOCK_BYTES.max(block.text.len() + BLOCK_BYTES / 2);
        let end = loop {
            self.read_up_to(&mut block.text, wanted)?;
            match memchr::memrchr(b'\n', &block.text) {
                _ if self.ended => break block.text.len(),
                Some(end) => break end + 1,
                None if block.text.len() > LONGEST_LINE => {
                    return Err(format!(
                        "line {} is longer than {} MB: is this a log?",
                        self.line,
                        LONGEST_LINE >> 20
                    ));
                }
                None => wanted += BLOCK_BYTES,
            }
        };
        self.rest.extend_from_slice(&block.text[end..]);
        block.text.truncate(end);
        if self.shape.is_none() && !block.text.is_empty() {
            if block.text.starts_with(MARK) {
                block.text.drain(..MARK.len());
            }
            if is_document(&block.text) {
                return self.document(block);
            }
            self.shape = Some(Shape::Lines);
        }
        self.line += memchr::memchr_iter(b'\n', &block.text).count() as u64;
        Ok(!block.text.is_empty())
    }

    fn read_up_to(&mut self, into: &mut Vec<u8>, wanted: usize) -> Result<(), String> {
        let missing = wanted.saturating_sub(into.len()) as u64;
        let got = (&mut self.reader)
            .take(missing)
            .read_to_end(into)
            .map_err(|fault| fault.to_string())?;
        self.ended = (got as u64) < missing;
        Ok(())
    }

    fn document(&mut self, block: &mut Block) -> Result<bool, String> {
        let mut text = std::mem::take(&mut block.text);
        text.append(&mut self.rest);
        let room = LARGEST_DOCUMENT.saturating_sub(text.len() as u64);
        (&mut self.reader)
            .take(room)
            .read_to_end(&mut text)
            .map_err(|fault| fault.to_string())?;
        if text.len() as u64 >= LARGEST_DOCUMENT {
            return Err(format!(
                "a document of more than {} GB cannot be read: write one event a line",
                LARGEST_DOCUMENT >> 30
            ));
        }
        let found = std::str::from_utf8(&text).map_err(|fault| format!("this is not UTF-8: {fault}"))?;
        let found = watchkeeper_detect::records(found).map_err(|fault| {
            let line = memchr::memchr_iter(b'\n', &text[..fault.at.min(text.len())]).count() + 1;
            format!("line {line}: {fault}")
        })?;
        let mut events = found.into_iter();
        let mut number = 1;
        let some = document_block(&text, &mut events, &mut number, block);
        self.shape = Some(Shape::Document(text, events, number));
        Ok(some)
    }
}

fn document_block(
    text: &[u8],
    events: &mut std::vec::IntoIter<Range<usize>>,
    number: &mut u64,
    block: &mut Block,
) -> bool {
    block.text.clear();
    block.first = *number;
    let mut places = Vec::new();
    for event in events.by_ref() {
        let start = block.text.len();
        block.text.extend_from_slice(&text[event]);
        places.push(start..block.text.len());
        *number += 1;
        if block.text.len() >= BLOCK_BYTES {
            break;
        }
    }
    let some = !places.is_empty();
    block.events = Some(places);
    some
}

/// What some programs write before a text in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a text is one document rather than one event a line: it begins with a list, or its first line is not whole.
fn is_document(text: &[u8]) -> bool {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace());
    let Some(start) = start else { return false };
    if text[start] == b'[' {
        return true;
    }
    let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |end| start + end);
    let line = String::from_utf8_lossy(&text[start..end]);
    text[start] == b'{' && end < text.len() && watchkeeper_detect::records(&line).is_err()
        // A first line that is merely broken is one of many; in a document the second line goes on with a key or a bracket.
        && !text[end..].trim_ascii_start().starts_with(b"{")
}

/// Counts what is read, for the progress bar.
struct Counted {
    from: Box<dyn Read + Send>,
    read: Arc<std::sync::atomic::AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.from.read(buffer)?;
        self.read
            .fetch_add(got as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(got)
    }
}
