//! Following files from one reading to the next.

use super::content::Content;
use super::{Place, Reading, Stored, pattern};
use crate::journal;
use crate::parse::{Format, Interpretation};
use crate::source::Remark;
use chrono::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How long a file that is no longer at its path is still looked at: its writer may not yet have opened the new one.
const GRACE: Duration = Duration::seconds(30);

const CHUNK_BYTES: usize = 256 << 10;

/// How long a heading may be: every field that AWS offers takes 600 bytes.
const HEADING_BYTES: usize = 4 << 10;

/// A file that is held open.
#[derive(Debug)]
pub(super) struct Tail {
    content: Content,
    identity: Identity,
    /// Its length when it was last looked at.
    length: u64,
    /// Where it could not be read, and its length then; tried again when either is another.
    broken_at: Option<(u64, u64)>,
    at_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Place {
    fn identity(&self) -> Identity {
        Identity {
            device: self.device,
            inode: self.inode,
        }
    }
}

impl Tail {
    fn open(path: &Path) -> io::Result<Self> {
        let content = Content::open(path)?;
        let metadata = content.file().metadata()?;
        Ok(Self {
            content,
            identity: Identity {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            length: metadata.len(),
            broken_at: None,
            at_end: false,
        })
    }

    /// Whether this is the file that was read to `place`, judged by its bytes.
    fn holds(&mut self, place: &Place) -> bool {
        self.content
            .mark(place.offset)
            .is_ok_and(|mark| mark == Some(place.mark))
    }

    /// Reads on from `place`.
    pub(super) fn read(&mut self, number: u64, place: &mut Place, reading: &mut Reading<'_>) {
        if place.finished_at.is_some() || self.is_broken_at(place.offset) {
            self.at_end = true;
            return;
        }
        let began = place.offset;
        let outcome = self.read_lines(number, place, reading);
        if let Err(error) = outcome {
            self.break_at(place.offset);
            // A compressed file that is still being written ends too early, and is no fault.
            if error.kind() != io::ErrorKind::UnexpectedEof {
                reading.remarks.push(Remark::Unreadable {
                    path: place.path.clone(),
                    reason: error.to_string(),
                });
            }
        }
        reading.counts.bytes += place.offset - began;
        if place.offset != began
            && let Ok(Some(mark)) = self.content.mark(place.offset)
        {
            place.mark = mark;
        }
    }

    /// Where a reading stands in the file as it is now.
    fn standing(&self, offset: u64) -> Option<(u64, u64)> {
        let metadata = self.content.file().metadata().ok()?;
        Some((offset, metadata.len()))
    }

    fn is_broken_at(&self, offset: u64) -> bool {
        self.broken_at.is_some() && self.broken_at == self.standing(offset)
    }

    fn break_at(&mut self, offset: u64) {
        self.broken_at = self.standing(offset);
        self.at_end = true;
    }

    fn read_lines(&mut self, number: u64, place: &mut Place, reading: &mut Reading<'_>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES.max(reading.max_line_bytes + 1)];
        self.at_end = false;
        while !reading.is_full() {
            let filled = self.content.read_at(&mut buffer, place.offset)?;
            let consumed = take_lines(&buffer[..filled], number, place, reading);
            if consumed > 0 {
                continue;
            }
            self.at_end = true;
            let ended =
                self.content.is_packed() || place.replaced_at.is_some_and(|at| at + GRACE <= reading.now);
            if ended && filled > 0 {
                // Nobody will finish this line.
                reading.take(number, place, &buffer[..filled]);
                place.offset += filled as u64;
            }
            if self.content.is_packed() {
                place.finished_at = Some(self.content.file().metadata()?.len());
            }
            break;
        }
        self.length = self.content.file().metadata()?.len();
        reading.more |= !self.at_end;
        Ok(())
    }
}

/// Takes the finished lines of `bytes`, which begin at `place`, and moves the place behind them; gives how many bytes that were.
fn take_lines(bytes: &[u8], number: u64, place: &mut Place, reading: &mut Reading<'_>) -> usize {
    let mut rest = bytes;
    while !reading.is_full() {
        if let Some(length) = take_entry(rest, number, place, reading) {
            place.offset += length as u64;
            rest = &rest[length..];
            if length == 0 {
                break;
            }
            continue;
        }
        let end = memchr::memchr(b'\n', rest);
        let consumed = match (end, place.passing_over) {
            (Some(end), true) => {
                place.passing_over = false;
                end + 1
            }
            (None, true) => rest.len(),
            (Some(end), false) if end <= reading.max_line_bytes => {
                reading.take(number, place, &rest[..end]);
                end + 1
            }
            (None, false) if rest.len() <= reading.max_line_bytes => 0,
            (Some(_) | None, false) => {
                reading.counts.truncated += 1;
                reading.take(number, place, &rest[..reading.max_line_bytes]);
                place.passing_over = true;
                reading.max_line_bytes
            }
        };
        if consumed == 0 {
            break;
        }
        place.offset += consumed as u64;
        rest = &rest[consumed..];
    }
    bytes.len() - rest.len()
}

/// Takes an entry of journald's export format, where the file is of that kind and an entry begins here; gives how many bytes it took, 0
/// where it is not finished. What is neither an entry nor JSON is a line, and said to be unreadable.
fn take_entry(rest: &[u8], number: u64, place: &mut Place, reading: &mut Reading<'_>) -> Option<usize> {
    let of_journald = reading.how.format == Format::Journal && !place.passing_over;
    if !of_journald || rest.is_empty() || rest.starts_with(b"{") {
        return None;
    }
    if rest.starts_with(b"\n") {
        return Some(1);
    }
    match journal::first(rest).ok()? {
        Some((line, length)) if length <= reading.max_line_bytes => {
            reading.take(number, place, line.as_bytes());
            Some(length)
        }
        None if rest.len() <= reading.max_line_bytes => Some(0),
        // Too long: it is cut as a line is.
        _ => None,
    }
}

/// Brings the known places and the files that exist now together: what was renamed, emptied, copied, compressed, is gone or new.
pub(super) fn follow(
    stored: &mut Stored,
    open: &mut BTreeMap<u64, Tail>,
    paths: &[PathBuf],
    skip_present: bool,
    reading: &mut Reading<'_>,
) {
    open.retain(|number, tail| {
        stored
            .files
            .get(number)
            .is_some_and(|place| place.identity() == tail.identity)
    });
    let mut present = BTreeSet::new();
    let mut unknown = Vec::new();
    for path in paths {
        match Tail::open(path) {
            Ok(mut tail) => match recognise(stored, open, path, &mut tail, reading) {
                Some(number) => {
                    present.insert(number);
                    open.entry(number).or_insert(tail);
                }
                None => unknown.push((path, tail)),
            },
            // It vanished between the listing and the opening: the next reading looks again.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => reading.remarks.push(Remark::Unreadable {
                path: path.clone(),
                reason: e.to_string(),
            }),
        }
    }
    find_absent(stored, open, &present, reading);
    for (path, mut tail) in unknown {
        if stored
            .files
            .values()
            .any(|place| place.identity() == tail.identity || is_copy(place, &mut tail))
        {
            // Already followed, or a copy of a file that is: it says nothing new as long as the original goes on.
            continue;
        }
        begin(stored, open, path, tail, skip_present, reading.how);
    }
}

/// The number of a file that is known by its inode and still holds what was read of it.
fn recognise(
    stored: &mut Stored,
    open: &BTreeMap<u64, Tail>,
    path: &Path,
    tail: &mut Tail,
    reading: &Reading<'_>,
) -> Option<u64> {
    let (number, place) = stored
        .files
        .iter_mut()
        .find(|(_, place)| place.identity() == tail.identity)?;
    let same = match (place.finished_at, open.get(number)) {
        (Some(length), _) => length == tail.length,
        // Decompressing up to the place at each reading would be dear, and a file that is held open is the same file.
        (None, Some(known)) if known.content.is_packed() => tail.content.is_packed(),
        (None, _) => tail.holds(place),
    };
    if !same {
        return None;
    }
    if place.path != path {
        path.clone_into(&mut place.path);
        place.replaced_at.get_or_insert(reading.now);
    }
    Some(*number)
}

/// A copy has the bytes that were read, and is no shorter.
fn is_copy(place: &Place, tail: &mut Tail) -> bool {
    place.offset > 0 && tail.holds(place)
}

/// Deals with places whose file is no longer where it was, or no longer what it was.
fn find_absent(
    stored: &mut Stored,
    open: &mut BTreeMap<u64, Tail>,
    present: &BTreeSet<u64>,
    reading: &mut Reading<'_>,
) {
    let known: Vec<Identity> = stored.files.values().map(Place::identity).collect();
    let mut lost = Vec::new();
    for (number, place) in stored
        .files
        .iter_mut()
        .filter(|(number, _)| !present.contains(number))
    {
        let held = open
            .get_mut(number)
            .is_some_and(|tail| tail.holds(place) || place.finished_at.is_some());
        if held {
            place.replaced_at.get_or_insert(reading.now);
            continue;
        }
        let unread = open
            .get(number)
            .map(|tail| tail.length.saturating_sub(place.offset));
        if let Some(tail) = find_elsewhere(place, &known) {
            place.replaced_at.get_or_insert(reading.now);
            open.insert(*number, tail);
            continue;
        }
        lost.push(*number);
        // What was known to be unread is lost; a file that was not held open may have had more, or not.
        let finished = place.finished_at.is_some() || unread == Some(0);
        if !finished {
            reading.counts.lost_bytes += unread.unwrap_or(0);
            reading.counts.gaps += u64::from(unread.is_none());
            reading.remarks.push(Remark::LostTail {
                path: place.path.clone(),
                bytes: unread.unwrap_or(0),
            });
        }
    }
    for number in lost {
        stored.files.remove(&number);
    }
}

/// Looks beside the file's old path for the file itself, a copy, or a gzip of it.
fn find_elsewhere(place: &mut Place, known: &[Identity]) -> Option<Tail> {
    let stem = place
        .path
        .file_name()?
        .to_string_lossy()
        .split('.')
        .next()?
        .to_owned();
    for path in pattern::siblings(&place.path).ok()? {
        if !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(&stem))
        {
            continue;
        }
        let Ok(mut tail) = Tail::open(&path) else { continue };
        let same = tail.identity == place.identity() || !known.contains(&tail.identity);
        if same && place.offset > 0 && tail.holds(place) {
            (place.device, place.inode) = (tail.identity.device, tail.identity.inode);
            place.path = path;
            return Some(tail);
        }
    }
    None
}

/// Begins a file that was not known.
fn begin(
    stored: &mut Stored,
    open: &mut BTreeMap<u64, Tail>,
    path: &Path,
    mut tail: Tail,
    skip_present: bool,
    how: &Interpretation,
) {
    let offset = if skip_present && !tail.content.is_packed() {
        last_line_start(&mut tail)
    } else {
        0
    };
    let mark = tail.content.mark(offset).ok().flatten().unwrap_or_default();
    let number = stored.begun;
    stored.begun += 1;
    let place = Place {
        path: path.to_owned(),
        device: tail.identity.device,
        inode: tail.identity.inode,
        offset,
        mark,
        passing_over: false,
        replaced_at: None,
        heading: (offset > 0)
            .then(|| first_line(&mut tail))
            .flatten()
            .filter(|line| how.is_heading(line)),
        finished_at: (skip_present && tail.content.is_packed()).then_some(tail.length),
    };
    stored.files.insert(number, place);
    open.insert(number, tail);
}

/// The line at the beginning of a file that is read from further behind.
fn first_line(tail: &mut Tail) -> Option<String> {
    let mut buffer = vec![0; HEADING_BYTES];
    let filled = tail.content.read_at(&mut buffer, 0).ok()?;
    let end = buffer[..filled].iter().position(|b| *b == b'\n')?;
    Some(String::from_utf8_lossy(&buffer[..end]).trim_end().to_owned())
}

/// Where the last, unfinished line begins, so that it is read whole once it is finished.
fn last_line_start(tail: &mut Tail) -> u64 {
    let from = tail.length.saturating_sub(CHUNK_BYTES as u64);
    let mut buffer = vec![0; CHUNK_BYTES];
    let filled = tail.content.read_at(&mut buffer, from).unwrap_or(0);
    buffer[..filled]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(if from == 0 { 0 } else { tail.length }, |end| {
            from + end as u64 + 1
        })
}

/// Lets go of files that are gone from their paths and were read to their end. They stay open until the place behind them is committed:
/// the next reading closes what it does not know.
pub(super) fn retire(
    stored: &mut Stored,
    open: &BTreeMap<u64, Tail>,
    paths: &[PathBuf],
    reading: &Reading<'_>,
) {
    let now = reading.now;
    stored.files.retain(|number, place| {
        let over = place.replaced_at.is_some_and(|at| at + GRACE <= now)
            && open.get(number).is_some_and(|tail| tail.at_end);
        !over || stands_at_its_path(place, paths)
    });
}

/// Whether the file itself is at its path, and not another one that took its name.
fn stands_at_its_path(place: &Place, paths: &[PathBuf]) -> bool {
    let itself =
        |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino()) == (place.device, place.inode);
    paths.contains(&place.path) && std::fs::metadata(&place.path).is_ok_and(itself)
}
