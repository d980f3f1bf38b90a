//! The engine's state on paper: a base, and what changed since, piece by piece.
//!
//! A piece is a header that names the layout, the content in postcard, and a checksum. Pieces are numbered: one that tells the
//! changes `first..=last` follows one that ends with `first - 1`, and one that begins with 1 supersedes everything before it. State
//! belongs to one wording of a rule: a rule that changed starts anew, since a count made by other words means nothing.
//!
//! - [`DetectorSet::delta`] writes what changed since the last delta,
//! - [`DetectorSet::restore`] reads a base and the deltas after it,
//! - [`merge_deltas`] makes one base of them, without an engine, so that it can be done elsewhere.

mod delta;
mod frame;
mod merged;
mod piece;
mod restore;

pub use merged::merge_deltas;
pub use piece::PieceError;

pub(crate) use delta::Written;

#[cfg(doc)]
use crate::DetectorSet;
