//! What the generator must remember over a restart, and how lines reach their files exactly once.
//!
//! Before a turn writes, it notes how long each file is and up to when it will write. A process that was killed in the middle
//! finds the note, makes the same lines again, since they follow from the seed and the instants alone, and appends what is missing.

use super::logs::LogFile;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const STATE_FILE: &str = "generator.json";

/// A file that has grown beyond this is renamed before the next turn writes.
const ROTATED_AT_BYTES: u64 = 20 << 20;

/// How many renamed files are kept of each log.
const ROTATED_KEPT: u32 = 2;

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// From which everything follows.
    pub(super) seed: u64,
    /// The demo's start, from which the story counts.
    pub(super) started_at: DateTime<Utc>,
    /// Every second before this one is written.
    pub(super) written_to: DateTime<Utc>,
    /// Every finding up to this instant was posted.
    pub(super) posted_to: DateTime<Utc>,
    /// A turn that has begun to write.
    pub(super) turn: Option<BegunTurn>,
}

/// A turn that has begun to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BegunTurn {
    /// Up to when it writes.
    pub(super) to: DateTime<Utc>,
    /// How long each file was before, by name.
    pub(super) lengths: BTreeMap<String, u64>,
}

impl State {
    /// The state of a demo that starts at `now`.
    pub(super) fn fresh(seed: u64, now: DateTime<Utc>) -> Self {
        Self {
            seed,
            started_at: now,
            written_to: now,
            posted_to: now,
            turn: None,
        }
    }

    /// The state of a directory; none where nothing was written yet.
    pub(super) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let path = dir.join(STATE_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let spoiled = |fault| {
            let reason = format!(
                "{}: {fault}; remove the file to begin the demo's story anew",
                path.display()
            );
            io::Error::new(io::ErrorKind::InvalidData, reason)
        };
        serde_json::from_str(&text).map(Some).map_err(spoiled)
    }

    /// Replaces the state of a directory at once: a reader finds the old or the new one, whole.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(STATE_FILE);
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, serde_json::to_vec(self)?)?;
        std::fs::rename(&fresh, &path)
    }
}

/// Renames the files that have grown too long.
pub(super) fn rotate(dir: &Path) -> io::Result<()> {
    for log in LogFile::ALL {
        let path = dir.join(log.file_name());
        if length(&path)? < ROTATED_AT_BYTES {
            continue;
        }
        for number in (1..ROTATED_KEPT).rev() {
            rename_if_there(&numbered(&path, number), &numbered(&path, number + 1))?;
        }
        rename_if_there(&path, &numbered(&path, 1))?;
    }
    Ok(())
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

fn length(path: &Path) -> io::Result<u64> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(fault) => Err(fault),
    }
}

/// How long each log is now.
pub(super) fn lengths(dir: &Path) -> io::Result<BTreeMap<String, u64>> {
    let measured = LogFile::ALL.into_iter().map(|log| {
        let name = log.file_name();
        Ok((name.to_owned(), length(&dir.join(name))?))
    });
    measured.collect()
}

/// Appends what is missing of `text`, which began to be written when the file was `before` bytes long.
pub(super) fn append_missing(dir: &Path, log: LogFile, before: u64, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(dir.join(log.file_name()))?;
    let there = beyond(&file, before)?;
    match text.as_bytes().strip_prefix(there.as_slice()) {
        Some(missing) => file.write_all(missing)?,
        // Another version of the program began this turn: end its line, and leave it at that.
        None if there.ends_with(b"\n") => {}
        None => file.write_all(b"\n")?,
    }
    file.flush()
}

fn beyond(file: &File, before: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().saturating_sub(before);
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, before)?;
    Ok(bytes)
}
