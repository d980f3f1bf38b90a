//! The lines of counted events, each kept once however many rules count it, in a bounded ring: the oldest are forgotten first.
//!
//! A line is named by its position among all lines ever kept, so that records need eight bytes for it. Blocks are
//! allocated as they fill and given back whole; nothing is moved.

use crate::window::{Line, cut};
use std::collections::VecDeque;

/// Lines by position.
#[derive(Debug)]
pub(crate) struct Lines {
    blocks: VecDeque<Block>,
    /// Bytes that all blocks hold.
    held: usize,
    /// Where the next line begins.
    next: u64,
    /// How many bytes may be held; 0 where no line is kept.
    limit: usize,
    /// Up to here lines are written down.
    written: u64,
}

/// Lines that follow one another; each is its length in two bytes, and the text.
#[derive(Debug)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
}

const BLOCK: usize = 1 << 18;

/// Longer lines are cut: evidence shows where to look, the source has the rest.
const LONGEST: usize = 4096;

/// How many bytes of lines one delta writes at most; in a flood the newest.
const WRITTEN_AT_ONCE: u64 = 1 << 20;

impl Lines {
    pub(crate) fn within(limit: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            held: 0,
            // Position 0 is no line.
            next: 1,
            limit: if limit == 0 { 0 } else { limit.max(LONGEST + 2) },
            written: 1,
        }
    }

    /// Keeps a line, cut to 4 KiB; where none is kept, there is none.
    pub(crate) fn keep(&mut self, text: &str) -> Line {
        if self.limit == 0 {
            return Line::NONE;
        }
        let text = cut(text, LONGEST);
        let length = text.len() as u16;
        let size = 2 + text.len();
        let block_size = BLOCK.min(self.limit);
        if self
            .blocks
            .back()
            .is_none_or(|block| block.bytes.len() + size > block_size)
        {
            let bytes = self.make_room(block_size);
            self.blocks.push_back(Block {
                start: self.next,
                bytes: bytes.unwrap_or_else(|| Vec::with_capacity(block_size)),
            });
        }
        let position = self.next;
        if let Some(block) = self.blocks.back_mut() {
            block.bytes.extend_from_slice(&length.to_le_bytes());
            block.bytes.extend_from_slice(text.as_bytes());
        }
        self.next += size as u64;
        self.held += size;
        Line(position)
    }

    /// Forgets the oldest lines until there is room; gives memory of theirs to be used again.
    fn make_room(&mut self, needed: usize) -> Option<Vec<u8>> {
        let mut emptied = None;
        while self.held + needed > self.limit {
            let Some(mut gone) = self.blocks.pop_front() else {
                break;
            };
            self.held -= gone.bytes.len();
            gone.bytes.clear();
            emptied = Some(gone.bytes);
        }
        emptied.filter(|bytes| bytes.capacity() >= needed)
    }

    /// A line, if it is still kept.
    pub(crate) fn get(&self, line: Line) -> Option<String> {
        let index = self
            .blocks
            .partition_point(|block| block.start <= line.0)
            .checked_sub(1)?;
        let block = &self.blocks[index];
        let bytes = block.bytes.get(usize::try_from(line.0 - block.start).ok()?..)?;
        let (length, text) = bytes.split_first_chunk::<2>()?;
        let text = text.get(..usize::from(u16::from_le_bytes(*length)))?;
        // Text was kept, and a checkpoint is checked as a whole, so that this holds; looking is quicker than replacing.
        Some(match String::from_utf8(text.to_vec()) {
            Ok(text) => text,
            Err(fault) => String::from_utf8_lossy(fault.as_bytes()).into_owned(),
        })
    }

    /// The lines since the last call, in pieces with the position of each.
    pub(crate) fn take_new(&mut self) -> Vec<(u64, &[u8])> {
        let from = self.written.max(self.next.saturating_sub(WRITTEN_AT_ONCE));
        self.written = self.next;
        let first = self
            .blocks
            .partition_point(|block| block.start + block.bytes.len() as u64 <= from);
        let blocks = self.blocks.range(first..);
        // A piece begins at a line: where the bound falls into a block, at the first line after it.
        let pieces = blocks.map(|block| {
            let mut skipped = 0;
            while block.start + (skipped as u64) < from {
                let length = block
                    .bytes
                    .get(skipped..skipped + 2)
                    .map_or(0, |l| u16::from_le_bytes([l[0], l[1]]));
                skipped += 2 + usize::from(length);
            }
            (
                block.start + skipped as u64,
                block.bytes.get(skipped..).unwrap_or_default(),
            )
        });
        pieces.filter(|(_, bytes)| !bytes.is_empty()).collect()
    }

    /// Whether there are lines that no delta has.
    pub(crate) fn has_new(&self) -> bool {
        self.written < self.next
    }

    /// Puts lines back as deltas had them, in their order.
    pub(crate) fn restore(&mut self, next: u64, pieces: impl IntoIterator<Item = (u64, Vec<u8>)>) {
        for (start, bytes) in pieces {
            self.make_room(bytes.len());
            self.held += bytes.len();
            self.blocks.push_back(Block { start, bytes });
        }
        (self.next, self.written) = (next, next);
        // What comes now has other positions than the end of the last block.
        self.blocks.push_back(Block {
            start: next,
            bytes: Vec::new(),
        });
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_first_and_long_ones_are_cut() {
        let mut lines = Lines::within(1 << 20);
        let kept: Vec<_> = (0..3_000)
            .map(|n| lines.keep(&format!("{n} {}", "x".repeat(1_000))))
            .collect();
        assert_eq!(lines.get(kept[0]), None);
        assert!(lines.get(kept[2_999]).unwrap().starts_with("2999 "));
        let held = kept.iter().filter(|line| lines.get(**line).is_some()).count();
        assert!((700..1_050).contains(&held), "{held} lines of 1 kB in 1 MB");
        let long = lines.keep(&"ä".repeat(4_000));
        assert_eq!(lines.get(long).unwrap(), "ä".repeat(2_048));
    }

    #[test]
    fn where_nothing_may_be_held_no_line_is_kept() {
        let mut lines = Lines::within(0);
        assert_eq!((lines.keep("a line"), lines.has_new()), (Line::NONE, false));
    }

    #[test]
    fn lines_written_down_come_back_at_their_positions() {
        let mut lines = Lines::within(1 << 22);
        let first = lines.keep("first");
        let mut written: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut write = |lines: &mut Lines| {
            let new = lines.take_new();
            written.extend(new.into_iter().map(|(start, bytes)| (start, bytes.to_vec())));
        };
        write(&mut lines);
        let second = lines.keep("second");
        write(&mut lines);
        assert!(!lines.has_new());
        let many: Vec<_> = (0..2_000).map(|n| lines.keep(&format!("{n:01000}"))).collect();
        write(&mut lines);
        let mut after = Lines::within(1 << 22);
        after.restore(lines.next(), written);
        assert_eq!(after.get(first).as_deref(), Some("first"));
        assert_eq!(after.get(second).as_deref(), Some("second"));
        assert_eq!(after.get(many[1_999]), lines.get(many[1_999]));
        assert_eq!(
            after.get(many[0]),
            None,
            "a delta writes only the newest megabyte"
        );
        assert_eq!(after.keep("third"), lines.keep("third"));
    }
}
