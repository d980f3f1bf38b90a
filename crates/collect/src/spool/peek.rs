//! A look at a spool from outside: the newest records, while another process may write and read it. No lock is taken, nothing is
//! written, and no cursor moves.

use super::frame::{Entry, Frame};
use super::segment::{self, At};
use crate::push::Record;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;

/// A record as it lies in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// The record.
    pub record: Record,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Who sent it, where the transport tells.
    pub sender: Option<String>,
    /// What the transport says of it besides, by the names of the fields that it becomes.
    pub attributes: BTreeMap<String, String>,
}

/// The newest records of the spool in `dir`, at most `count`, the oldest of them first. A request that is being written is not seen;
/// a segment that is deleted meanwhile was read and judged.
///
/// # Errors
/// When the directory or a segment cannot be read.
pub fn peek(dir: &Path, count: usize) -> io::Result<Vec<Peeked>> {
    let mut newest: VecDeque<Peeked> = VecDeque::new();
    for number in segment::list(dir)?.into_iter().rev() {
        let file = match File::open(segment::path(dir, number)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        let wanted = count - newest.len();
        for peeked in last_of(&file, wanted)?.into_iter().rev() {
            newest.push_front(peeked);
        }
        if newest.len() >= count {
            break;
        }
    }
    Ok(newest.into())
}

/// The last records of one segment.
fn last_of(file: &File, count: usize) -> io::Result<VecDeque<Peeked>> {
    let end = file.metadata()?.len();
    let mut last = VecDeque::with_capacity(count.min(1024));
    let mut offset = 0;
    loop {
        match segment::read_at(file, offset, end)? {
            At::Frame { payload, next } => {
                if let Ok(Frame::Entry(entry)) = Frame::decode(&payload) {
                    keep_last(entry, count, &mut last);
                }
                offset = next;
            }
            At::Damage { next } => offset = next,
            At::DamageToEnd | At::End => return Ok(last),
        }
    }
}

fn keep_last(entry: Entry, count: usize, last: &mut VecDeque<Peeked>) {
    let passed = entry.records.len().saturating_sub(count);
    for record in entry.records.into_iter().skip(passed) {
        if last.len() == count {
            last.pop_front();
        }
        last.push_back(Peeked {
            record,
            received_at: entry.received_at,
            sender: entry.sender.clone(),
            attributes: entry.attributes.clone(),
        });
    }
}
