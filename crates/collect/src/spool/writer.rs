//! The one thread that writes a spool: many waiting requests, one fsync.

use super::frame::{Frame, KeysOf};
use super::segment::{self, At};
use super::{Append, Appended, Shared, SpoolError, SpoolLimits, State, lock};
use crate::source::{CollectError, Remark};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// Requests and bytes that share one fsync at most.
const GROUP_REQUESTS: usize = 256;
const GROUP_BYTES: usize = 8 << 20;

pub(super) struct Writer {
    dir: PathBuf,
    limits: SpoolLimits,
    state: Shared,
    keys: RecentKeys,
    /// The segment being written; none when the next request has to begin one.
    active: Option<Active>,
    next_number: u64,
    /// Held as long as the spool is open, so that no second process writes here.
    _lock: File,
}

struct Active {
    number: u64,
    file: File,
    length: u64,
}

/// The keys of the last requests, oldest first.
struct RecentKeys {
    limit: usize,
    order: VecDeque<String>,
    known: HashSet<String>,
}

impl RecentKeys {
    fn remember(&mut self, key: String) {
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

pub(super) fn open(dir: &Path, limits: SpoolLimits) -> Result<(Writer, Shared), CollectError> {
    let failed = |e: io::Error| CollectError::io(dir, &e);
    std::fs::create_dir_all(dir).map_err(failed)?;
    let lock_file = take_lock(dir)?;
    let mut keys = RecentKeys {
        limit: limits.keys,
        order: VecDeque::new(),
        known: HashSet::new(),
    };
    let mut remarks = Vec::new();
    let mut segments = BTreeMap::new();
    let numbers = segment::list(dir).map_err(failed)?;
    for number in &numbers {
        let length = examine(
            dir,
            *number,
            Some(*number) == numbers.last().copied(),
            &mut keys,
            &mut remarks,
        );
        segments.insert(
            *number,
            length.map_err(|e| CollectError::io(&segment::path(dir, *number), &e))?,
        );
    }
    let last = numbers.last().copied();
    let active = last
        .map(|number| reopen(dir, number, segments[&number]))
        .transpose()
        .map_err(failed)?;
    let state = Arc::new(Mutex::new(State {
        segments,
        read_to: super::Position::default(),
        remarks,
        refused: None,
    }));
    let writer = Writer {
        dir: dir.to_owned(),
        limits,
        state: state.clone(),
        keys,
        active,
        next_number: last.map_or(1, |number| number + 1),
        _lock: lock_file,
    };
    Ok((writer, state))
}

fn take_lock(dir: &Path) -> Result<File, CollectError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| CollectError::io(&path, &e))?;
    file.try_lock().map_err(|_| CollectError::Io {
        path: path.display().to_string(),
        reason: "another process uses this spool; stop it or give this one another data directory".into(),
    })?;
    Ok(file)
}

fn reopen(dir: &Path, number: u64, length: u64) -> io::Result<Active> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(segment::path(dir, number))?;
    Ok(Active { number, file, length })
}

/// Reads a segment through: learns its keys, and cuts an unfinished end off the last one.
fn examine(
    dir: &Path,
    number: u64,
    is_last: bool,
    keys: &mut RecentKeys,
    remarks: &mut Vec<Remark>,
) -> io::Result<u64> {
    let path = segment::path(dir, number);
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let end = file.metadata()?.len();
    let mut offset = 0;
    loop {
        match segment::read_at(&file, offset, end)? {
            At::Frame { payload, next } => {
                match Frame::keys_of(&payload) {
                    Ok(KeysOf::One(key)) => keys.remember(key),
                    Ok(KeysOf::Many(known)) => known.into_iter().for_each(|key| keys.remember(key)),
                    Err(_) => {}
                }
                offset = next;
            }
            At::Damage { next } => offset = next,
            At::DamageToEnd if is_last => {
                file.set_len(offset)?;
                file.sync_all()?;
                remarks.push(Remark::TornTail {
                    path,
                    bytes: end - offset,
                });
                return Ok(offset);
            }
            At::DamageToEnd | At::End => return Ok(end),
        }
    }
}

impl Writer {
    pub(super) fn run(mut self, requests: &Receiver<Append>) {
        while let Ok(first) = requests.recv() {
            let mut bytes = first.payload.len();
            let mut group = vec![first];
            while group.len() < GROUP_REQUESTS && bytes < GROUP_BYTES {
                let Ok(request) = requests.try_recv() else { break };
                bytes += request.payload.len();
                group.push(request);
            }
            self.store(group);
        }
    }

    fn store(&mut self, group: Vec<Append>) {
        let mut fresh: HashSet<&str> = HashSet::new();
        let outcomes: Vec<Appended> = group
            .iter()
            .map(|request| {
                let known = self.keys.known.contains(&request.key) || !fresh.insert(&request.key);
                if known {
                    Appended::Already
                } else {
                    Appended::Stored
                }
            })
            .collect();
        let fresh = group
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome == Appended::Stored);
        let mut frames = Vec::new();
        for (request, _) in fresh {
            segment::put_frame(&mut frames, &request.payload);
        }
        let written = self.write(&frames).map_err(|e| SpoolError::Disk {
            reason: e.to_string(),
        });
        self.say(&written);
        for (request, outcome) in group.into_iter().zip(outcomes) {
            if written.is_ok() {
                self.keys.remember(request.key);
            }
            // Whoever asked may have gone; the request is stored all the same.
            let _ = request.reply.send(written.clone().map(|()| outcome));
        }
    }

    /// Says once that the disk refuses, and once that it takes requests again.
    fn say(&self, written: &Result<(), SpoolError>) {
        let mut state = lock(&self.state);
        match (written, &state.refused) {
            (Err(error), None) => {
                tracing::error!(spool = %self.dir.display(), %error, "nothing is taken any more: whoever pushes is told to come again");
                state.refused = Some(error.to_string());
            }
            (Ok(()), Some(_)) => {
                tracing::info!(spool = %self.dir.display(), "the disk takes requests again");
                state.refused = None;
            }
            _ => {}
        }
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.length >= self.limits.segment_bytes)
        {
            self.active = None;
        }
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin_segment()?,
        };
        match write_through(&active.file, frames, active.length) {
            Ok(()) => {
                active.length += frames.len() as u64;
                lock(&self.state).segments.insert(active.number, active.length);
                self.active = Some(active);
                Ok(())
            }
            Err(failed) => {
                let cut = active
                    .file
                    .set_len(active.length)
                    .and_then(|()| active.file.sync_all());
                // What could not be written is cut off, and the segment is as it was: a full disk must not be filled with segments that
                // hold nothing. After a failed fsync nothing is known about the pages, and another segment is begun.
                if matches!((&failed, cut), (Failed::Write(_), Ok(()))) {
                    self.active = Some(active);
                }
                Err(failed.into())
            }
        }
    }

    /// Begins a segment with the keys of the requests before it, so that they outlive the segments that held them.
    fn begin_segment(&mut self) -> io::Result<Active> {
        let number = self.next_number;
        let path = segment::path(&self.dir, number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        let mut bytes = Vec::new();
        segment::put_frame(&mut bytes, &Frame::encode_keys(self.keys.order.iter()));
        write_through(&file, &bytes, 0)?;
        File::open(&self.dir)?.sync_all()?;
        self.next_number += 1;
        let length = bytes.len() as u64;
        lock(&self.state).segments.insert(number, length);
        Ok(Active { number, file, length })
    }
}

/// At which step bytes did not come to the disk.
enum Failed {
    Write(io::Error),
    Sync(io::Error),
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Write(error) | Failed::Sync(error) => error,
        }
    }
}

fn write_through(file: &File, bytes: &[u8], offset: u64) -> Result<(), Failed> {
    file.write_all_at(bytes, offset).map_err(Failed::Write)?;
    file.sync_data().map_err(Failed::Sync)
}
