//! A file's text, compressed or not, and the marks by which it is recognised.

use crate::zstd::Frames;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
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
    Packed {
        file: File,
        decoder: Decoder,
        offset: u64,
    },
}

/// What undoes a compression.
pub(super) enum Decoder {
    Gzip(Box<MultiGzDecoder<File>>),
    Zstd(Box<Frames<BufReader<File>>>),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

impl Decoder {
    /// The decoder for a file, known by its first bytes; nothing for plain text.
    fn of(file: &File) -> io::Result<Option<Self>> {
        let mut magic = [0; 4];
        let read = file.read_at(&mut magic, 0)?;
        match magic {
            [0x1f, 0x8b, ..] if read >= 2 => {
                Ok(Some(Self::Gzip(Box::new(MultiGzDecoder::new(file.try_clone()?)))))
            }
            [0x28, 0xb5, 0x2f, 0xfd] => {
                let compressed = BufReader::new(file.try_clone()?);
                Ok(Some(Self::Zstd(Box::new(Frames::new(compressed)))))
            }
            _ => Ok(None),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer).map_err(|fault| as_unfinished(&fault)),
        }
    }
}

/// The decoder does not tell a file that ends too early from a damaged one: both are looked at again once the file's length changes.
fn as_unfinished(error: &io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("zstd: {error}"))
}

impl Content {
    /// Opens a file; gzip and zstd are known by their first bytes.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(match Decoder::of(&file)? {
            None => Self::Plain(file),
            Some(decoder) => Self::Packed {
                file,
                decoder,
                offset: 0,
            },
        })
    }

    pub(super) fn file(&self) -> &File {
        match self {
            Self::Plain(file) | Self::Packed { file, .. } => file,
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self, Self::Packed { .. })
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
            Self::Packed {
                file,
                decoder,
                offset,
            } => {
                if *offset > at {
                    file.seek(SeekFrom::Start(0))?;
                    if let Some(anew) = Decoder::of(file)? {
                        *decoder = anew;
                    }
                    *offset = 0;
                }
                let filled = decode_at(decoder, offset, buffer, at);
                if filled.is_err() {
                    // Where a decoder stands that failed is nobody's guess: the next reading begins anew.
                    *offset = u64::MAX;
                }
                filled
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

/// Decodes from `at` on, which lies at or behind the decoder's place `offset`.
fn decode_at(decoder: &mut Decoder, offset: &mut u64, buffer: &mut [u8], at: u64) -> io::Result<usize> {
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
