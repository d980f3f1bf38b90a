//! A file's text, compressed or not, and the marks by which it is recognised.

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How many bytes a mark looks at, at the beginning and in front of the place that was reached.
const MARK_BYTES: u64 = 1024;

/// What a file begins with, and what stands in front of the place that was reached: CRC-32 of up to [`MARK_BYTES`] each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    head: u32,
    tail: u32,
}

/// A file's text.
#[derive(Debug)]
pub(super) enum Content {
    Plain(File),
    /// A decoder that stands at `offset` of the text, and the file for beginning anew.
    Gzip {
        file: File,
        decoder: Box<MultiGzDecoder<File>>,
        offset: u64,
    },
}

impl Content {
    /// Opens a file; gzip is known by its first bytes.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut magic = [0; 2];
        let is_gzip = file.read_at(&mut magic, 0)? == 2 && magic == [0x1f, 0x8b];
        if !is_gzip {
            return Ok(Self::Plain(file));
        }
        let decoder = Box::new(MultiGzDecoder::new(file.try_clone()?));
        Ok(Self::Gzip {
            file,
            decoder,
            offset: 0,
        })
    }

    pub(super) fn file(&self) -> &File {
        match self {
            Self::Plain(file) | Self::Gzip { file, .. } => file,
        }
    }

    pub(super) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip { .. })
    }

    /// Fills `buffer` from `offset` of the text on; less only at the end.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => {
                let mut filled = 0;
                while filled < buffer.len() {
                    match file.read_at(&mut buffer[filled..], at + filled as u64) {
                        Ok(0) => break,
                        Ok(read) => filled += read,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(filled)
            }
            Self::Gzip {
                file,
                decoder,
                offset,
            } => {
                if *offset > at {
                    file.seek(SeekFrom::Start(0))?;
                    **decoder = MultiGzDecoder::new(file.try_clone()?);
                    *offset = 0;
                }
                let skip = at - *offset;
                *offset += io::copy(&mut decoder.by_ref().take(skip), &mut io::sink())?;
                if *offset < at {
                    return Ok(0);
                }
                let mut filled = 0;
                while filled < buffer.len() {
                    let read = decoder.read(&mut buffer[filled..])?;
                    if read == 0 {
                        break;
                    }
                    filled += read;
                    *offset += read as u64;
                }
                Ok(filled)
            }
        }
    }

    /// The mark of a file that was read to `offset`; none when it is shorter than that.
    pub(super) fn mark(&mut self, offset: u64) -> io::Result<Option<Mark>> {
        let length = offset.min(MARK_BYTES);
        let Some(head) = self.checksum(0, length)? else {
            return Ok(None);
        };
        let tail = if offset > MARK_BYTES {
            self.checksum(offset - length, length)?
        } else {
            Some(head)
        };
        Ok(tail.map(|tail| Mark { head, tail }))
    }

    fn checksum(&mut self, at: u64, length: u64) -> io::Result<Option<u32>> {
        let mut buffer = vec![0; usize::try_from(length).unwrap_or(0)];
        let filled = self.read_at(&mut buffer, at)?;
        Ok((filled == buffer.len()).then(|| crc32fast::hash(&buffer)))
    }
}
