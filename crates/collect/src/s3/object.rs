//! One object, read from a place on: a GET of S3, decompressed as it comes, cut into records.
//!
//! Memory is bounded whatever the object's size: a piece of the body, what it unfolds to, and one record.

use super::cutter::{Cutter, Piece, Place, Shape};
use super::get::{Getter, ObjectFault};
use super::notice::Object;
use aws_smithy_types::byte_stream::ByteStream;
use flate2::write::MultiGzDecoder;
use std::io::Write;
use std::time::Duration;

/// How long a body may pause before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much is decompressed at a time: gzip unfolds to a thousandfold at most, so this bounds what a piece becomes.
const STEP: usize = 4 << 10;

/// An object's body, somewhere in the middle.
#[derive(Debug)]
pub(super) struct Reading {
    body: ByteStream,
    plain: Plain,
    /// What came and is not decompressed yet.
    raw: Vec<u8>,
    taken: usize,
    /// Bytes of content to pass over, which were read before.
    skip: u64,
    pub(super) cutter: Cutter,
}

enum Plain {
    /// Nothing came yet.
    Unknown,
    AsIs,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::AsIs => "AsIs",
            Self::Gzip(_) => "Gzip",
        })
    }
}

/// What a step gave.
#[derive(Debug)]
pub(super) enum Step {
    /// A record.
    Piece(Piece),
    /// The object has no more.
    End,
}

impl Reading {
    /// Opens an object at a place. A place within compressed content costs reading what lies before it.
    pub(super) async fn open(
        getter: &Getter,
        object: &Object,
        place: Place,
        is_gzip: bool,
        may_be_list: bool,
        longest: usize,
    ) -> Result<Self, ObjectFault> {
        let from = if is_gzip { 0 } else { place.offset };
        let body = getter.get(object, from).await?;
        Ok(Self {
            body,
            plain: if from > 0 { Plain::AsIs } else { Plain::Unknown },
            raw: Vec::new(),
            taken: 0,
            skip: place.offset - from,
            cutter: Cutter::at(place, may_be_list, longest),
        })
    }

    /// Whether the content is compressed, as far as it is known.
    pub(super) fn is_gzip(&self) -> bool {
        matches!(self.plain, Plain::Gzip(_))
    }

    /// The next record.
    pub(super) async fn next(&mut self) -> Result<Step, ObjectFault> {
        loop {
            if let Some(piece) = self.cutter.take() {
                return Ok(Step::Piece(piece));
            }
            if self.taken < self.raw.len() {
                self.unfold()?;
                continue;
            }
            let came = tokio::time::timeout(PATIENCE, self.body.next()).await;
            match came {
                Err(_) => {
                    return Err(ObjectFault::Passing(format!(
                        "its body paused for {} s",
                        PATIENCE.as_secs()
                    )));
                }
                Ok(Some(Err(fault))) => {
                    return Err(ObjectFault::Passing(format!("its body broke off: {fault}")));
                }
                Ok(Some(Ok(bytes))) => {
                    self.raw = bytes.to_vec();
                    self.taken = 0;
                }
                Ok(None) => return self.end(),
            }
        }
    }

    /// Decompresses some of what came.
    fn unfold(&mut self) -> Result<(), ObjectFault> {
        if matches!(self.plain, Plain::Unknown) {
            self.plain = match self.raw.as_slice() {
                [0x1f, 0x8b, ..] => Plain::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
                [b'P', b'A', b'R', b'1', ..] => {
                    return Err(ObjectFault::Poison(
                        "it is Parquet; have the log written as text (for VPC flow logs: `file-format=plain-text`)".into(),
                    ));
                }
                _ => Plain::AsIs,
            };
        }
        let end = self.raw.len().min(self.taken + STEP);
        let step = &self.raw[self.taken..end];
        self.taken = end;
        match &mut self.plain {
            Plain::Gzip(decoder) => {
                decoder.write_all(step).map_err(|fault| damaged(&fault))?;
                let plain = std::mem::take(decoder.get_mut());
                feed(&mut self.cutter, &mut self.skip, &plain);
            }
            Plain::Unknown | Plain::AsIs => feed(&mut self.cutter, &mut self.skip, step),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Step, ObjectFault> {
        if let Plain::Gzip(decoder) = &mut self.plain {
            decoder.try_finish().map_err(|fault| damaged(&fault))?;
            let plain = std::mem::take(decoder.get_mut());
            feed(&mut self.cutter, &mut self.skip, &plain);
        }
        let whole = self.cutter.end();
        if let Some(piece) = self.cutter.take() {
            return Ok(Step::Piece(piece));
        }
        if whole {
            Ok(Step::End)
        } else {
            Err(ObjectFault::Poison("its list of records breaks off".into()))
        }
    }
}

fn feed(cutter: &mut Cutter, skip: &mut u64, plain: &[u8]) {
    let passed = usize::try_from(*skip).unwrap_or(usize::MAX).min(plain.len());
    *skip -= passed as u64;
    cutter.feed(&plain[passed..]);
}

fn damaged(fault: &std::io::Error) -> ObjectFault {
    ObjectFault::Poison(format!("damaged gzip: {fault}"))
}

/// Whether nothing behind a place can be a record.
pub(super) fn is_over(place: Place) -> bool {
    place.shape == Some(Shape::Ended)
}
