//! One group of one rule: its key, its state, and its places in the lists that the table keeps.

use super::key::GroupKey;
use super::state::GroupState;
use super::{Machine, Progress};

/// What the table knows of a group. A million of them are the largest part of the engine's memory.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    pub(crate) state: GroupState,
    /// The instant its timer is set for; `i64::MAX` where none is.
    pub(crate) timer: i64,
    /// The sources its events came from, as a number of [`SourceSets`](crate::source::SourceSets).
    pub(crate) sources: u32,
    pub(super) hash: u32,
    /// Neighbours in the list of its level.
    pub(super) before: u32,
    pub(super) after: u32,
    /// Counts the table's changes: what was touched longer ago goes first.
    pub(super) touched: u32,
    pub(super) bytes: u32,
    pub(super) level: u8,
    pub(super) marks: u8,
}

/// It is in the table's list of groups to write down.
pub(super) const CHANGED: u8 = 1;
/// A delta has it.
pub(super) const WRITTEN: u8 = 2;
/// It is in the table's list of groups that have something to tell.
pub(super) const FRESH: u8 = 4;

/// How many levels of progress are told apart when a group must go; the last is for groups that fired.
pub(super) const LEVELS: usize = 128;

/// What a group takes beside its state: its slot, its entry in the index, its timer.
const BESIDE: usize = size_of::<Group>() + 16 + 16;

pub(super) fn level(progress: Progress) -> u8 {
    if progress > 1000 {
        return (LEVELS - 1) as u8;
    }
    (progress * (LEVELS as u32 - 2) / 1000) as u8
}

impl Group {
    pub(super) fn new(key: GroupKey, hash: u32) -> Self {
        Self {
            key,
            state: GroupState::Empty,
            timer: i64::MAX,
            sources: 0,
            hash,
            before: u32::MAX,
            after: u32::MAX,
            touched: 0,
            bytes: 0,
            level: u8::MAX,
            marks: 0,
        }
    }

    /// Bytes it takes now.
    pub(super) fn size(&self) -> usize {
        BESIDE + self.key.bytes_apart() + self.state.bytes()
    }
}
