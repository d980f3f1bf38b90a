//! One piece: its layout, and its way to bytes and back.

use crate::report::{Activity, RuleDrops};
use crate::seed::{Seed, checksum};
use crate::source::SourceDrops;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Layout 2. Another layout gets another header, and an old piece is then said to be unreadable.
const HEADER: &[u8; 8] = b"wkdetec2";

/// Why pieces could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    /// Another version wrote it.
    #[error("piece {0} was not written by this version of the engine")]
    Layout(usize),
    /// The checksum or the content is wrong.
    #[error("piece {0} is damaged")]
    Damaged(usize),
    /// It does not follow the one before.
    #[error("piece {0} does not follow the one before: one between them is missing")]
    Gap(usize),
}

/// What a piece tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Piece<'p> {
    /// The changes it tells, by number.
    pub(super) first: u64,
    pub(super) last: u64,
    /// A long piece is cut into several.
    pub(super) part: u32,
    pub(super) parts: u32,
    pub(super) seed: Seed,
    #[serde(borrow)]
    pub(super) sources: Vec<SourcePiece<'p>>,
    #[serde(borrow)]
    pub(super) rules: Vec<RulePiece<'p>>,
    pub(super) activity: Vec<Activity>,
    /// Detections that were not drained, as JSON, whose reader knows the detection's own format; None where that did not change.
    pub(super) undrained: Option<Vec<String>>,
    pub(super) next_line: u64,
    #[serde(borrow)]
    pub(super) lines: Vec<(u64, Bytes<'p>)>,
    pub(super) lines_forgotten: u64,
}

/// What changed of one source.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SourcePiece<'p> {
    /// The number that groups name it by.
    pub(super) number: u32,
    pub(super) name: &'p str,
    pub(super) watermark: Option<i64>,
    /// Ids from before this can be forgotten.
    pub(super) horizon: i64,
    pub(super) drops: SourceDrops,
    /// Ids that came.
    #[serde(borrow)]
    pub(super) ids: Bytes<'p>,
}

/// What changed of one rule.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RulePiece<'p> {
    pub(super) id: &'p str,
    pub(super) wording: &'p str,
    /// Whether everything that earlier pieces tell of the rule is void.
    pub(super) anew: bool,
    pub(super) drops: RuleDrops,
    /// Keys of groups that are gone.
    #[serde(borrow)]
    pub(super) removed: Bytes<'p>,
    /// Groups that changed, whole.
    #[serde(borrow)]
    pub(super) groups: Bytes<'p>,
}

/// Bytes that are copied at once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bytes<'p>(pub(super) &'p [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'p, 'p> Deserialize<'de> for Bytes<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Bytes)
    }
}

impl<'p> Piece<'p> {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Writing into a growing vector has no way to fail; an empty piece would be told as unreadable.
        let mut bytes = postcard::to_extend(self, HEADER.to_vec()).unwrap_or_default();
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a piece; `number` is its place among the pieces, for the error.
    pub(super) fn decode(bytes: &'p [u8], number: usize) -> Result<Self, PieceError> {
        if !bytes.starts_with(HEADER) {
            return Err(PieceError::Layout(number));
        }
        let damaged = PieceError::Damaged(number);
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(damaged.clone())?;
        if checksum(content).to_le_bytes() != *sum {
            return Err(damaged);
        }
        let piece: Self =
            postcard::from_bytes(content.get(HEADER.len()..).unwrap_or_default()).map_err(|_| damaged)?;
        Ok(piece)
    }
}

/// Reads pieces in their order: those from the last base on that are whole and follow one another. Where one is not, everything
/// from it on is left out, and the error says which.
pub(super) fn read<'p>(pieces: &[&'p [u8]]) -> (Vec<Piece<'p>>, Option<PieceError>) {
    let decoded: Vec<_> = pieces
        .iter()
        .enumerate()
        .map(|(index, bytes)| Piece::decode(bytes, index + 1))
        .collect();
    let is_base = |piece: &Result<Piece<'_>, PieceError>| {
        piece
            .as_ref()
            .is_ok_and(|piece| piece.first == 1 && piece.part == 0)
    };
    let base = decoded.iter().rposition(is_base).unwrap_or(0);
    let mut read: Vec<Piece<'p>> = Vec::new();
    let mut error = None;
    for (index, piece) in decoded.into_iter().enumerate().skip(base) {
        match piece {
            Ok(piece) if follows(read.last(), &piece) => read.push(piece),
            Ok(_) => error = Some(PieceError::Gap(index + 1)),
            Err(reason) => error = Some(reason),
        }
        if error.is_some() {
            break;
        }
    }
    if read.last().is_some_and(|last| last.part + 1 < last.parts) {
        error.get_or_insert(PieceError::Gap(pieces.len() + 1));
    }
    // A base of which a part is missing is none.
    while read.last().is_some_and(|last| last.part + 1 < last.parts) {
        read.pop();
    }
    (read, error)
}

fn follows(before: Option<&Piece<'_>>, piece: &Piece<'_>) -> bool {
    match before {
        None => piece.first == 1 && piece.part == 0,
        Some(before) if before.part + 1 < before.parts => {
            (piece.first, piece.last, piece.part) == (before.first, before.last, before.part + 1)
        }
        Some(before) => piece.first == before.last + 1 && piece.part == 0,
    }
}
