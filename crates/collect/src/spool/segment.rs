//! One file of a spool: frames one after another, each with its length and checksum.
//!
//! A frame is `WKF1`, the payload's length and a CRC-32 over length and payload (both 32 bits, little endian), and the payload.
//! The mark in front lets reading go on behind a damaged piece.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub(super) const MARK: [u8; 4] = *b"WKF1";
pub(super) const HEADER_BYTES: u64 = 12;
/// No frame is longer: a length beyond it is damage.
pub(super) const PAYLOAD_LIMIT: usize = 256 << 20;

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.seg"))
}

/// The numbers of the segments in a directory, in order.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        numbers.extend(number(&entry?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number of a segment's file name; none for other files.
fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

/// Puts the payload as a frame behind `bytes`.
pub(super) fn put_frame(bytes: &mut Vec<u8>, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    bytes.reserve(payload.len() + 12);
    bytes.extend(MARK);
    bytes.extend(length);
    bytes.extend(checksum(length, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(&length);
    hash.update(payload);
    hash.finalize()
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A sound frame.
    Frame { payload: Vec<u8>, next: u64 },
    /// Bytes that are no sound frame, up to the next one.
    Damage { next: u64 },
    /// Bytes that are no sound frame, and none follows before `end`.
    DamageToEnd,
    /// Nothing more.
    End,
}

/// Reads what stands at `offset`, looking no farther than `end`.
pub(super) fn read_at(file: &File, offset: u64, end: u64) -> io::Result<At> {
    if offset >= end {
        return Ok(At::End);
    }
    if let Some((payload, next)) = try_frame(file, offset, end)? {
        return Ok(At::Frame { payload, next });
    }
    Ok(match find_frame(file, offset + 1, end)? {
        Some(next) => At::Damage { next },
        None => At::DamageToEnd,
    })
}

fn try_frame(file: &File, offset: u64, end: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let body = offset + HEADER_BYTES;
    if body > end {
        return Ok(None);
    }
    let mut header = [0; 12];
    file.read_exact_at(&mut header, offset)?;
    let [m0, m1, m2, m3, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    let length = [l0, l1, l2, l3];
    let payload_bytes = u32::from_le_bytes(length) as usize;
    let next = body + payload_bytes as u64;
    if [m0, m1, m2, m3] != MARK || payload_bytes > PAYLOAD_LIMIT || next > end {
        return Ok(None);
    }
    let mut payload = vec![0; payload_bytes];
    file.read_exact_at(&mut payload, body)?;
    let sound = checksum(length, &payload) == u32::from_le_bytes([c0, c1, c2, c3]);
    Ok(sound.then_some((payload, next)))
}

/// The offset of the first sound frame at or after `from`.
fn find_frame(file: &File, from: u64, end: u64) -> io::Result<Option<u64>> {
    const CHUNK: u64 = 64 << 10;
    let mut start = from;
    while start + HEADER_BYTES <= end {
        let length = CHUNK.min(end - start);
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut chunk, start)?;
        for (index, _) in chunk.windows(4).enumerate().filter(|(_, window)| *window == MARK) {
            let candidate = start + index as u64;
            if try_frame(file, candidate, end)?.is_some() {
                return Ok(Some(candidate));
            }
        }
        // The last three bytes may begin a mark that ends in the next chunk.
        start += length.saturating_sub(3).max(1);
    }
    Ok(None)
}
