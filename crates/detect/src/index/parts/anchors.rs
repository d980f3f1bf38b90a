//! Short literals, each by the rarest of its bytes.

use super::{CASE, Exhausted, Place, Search};
use wide::u8x16;

/// Letters from rare to frequent in logs and English.
const LETTERS: &[u8] = b"zqxjkvbywgpfmhucdlnorsiate";

/// What stands between words in logs and JSON.
const FREQUENT: &[u8] = b"\"',:;.-_/ {}[]()0123456789";

/// The bytes that are looked for, and the literals that have them.
#[derive(Debug)]
pub(super) struct Anchors {
    /// With the bit set that tells case apart.
    bytes: Vec<u8>,
    /// Each of them sixteen times.
    wide: Vec<u8x16>,
    /// By byte.
    places: Box<[Vec<Place>; 256]>,
}

impl Anchors {
    pub(super) fn new(literals: &[(u32, &[u8])]) -> Self {
        let mut anchors = Self {
            bytes: Vec::new(),
            wide: Vec::new(),
            places: Box::new([const { Vec::new() }; 256]),
        };
        for (number, literal) in literals {
            // A byte that is looked for anyway costs nothing more, as long as it is not a frequent one.
            let cost = |byte: u8| {
                let known = anchors.bytes.contains(&(byte | CASE));
                frequency(byte) + if known { 0 } else { 4 }
            };
            let rarest = (0..literal.len()).min_by_key(|at| cost(literal[*at]));
            let Some(at) = rarest else { continue };
            let byte = literal[at] | CASE;
            if !anchors.bytes.contains(&byte) {
                anchors.bytes.push(byte);
                anchors.wide.push(u8x16::splat(byte));
            }
            anchors.places[usize::from(byte)].push((*number, at as u32));
        }
        anchors
    }

    #[inline]
    pub(super) fn find(&self, search: &mut Search<'_>) -> Result<(), Exhausted> {
        let text = search.text;
        let (blocks, rest) = text.as_chunks::<64>();
        for (index, block) in blocks.iter().enumerate() {
            self.block(block, index * 64, search)?;
        }
        if !rest.is_empty() {
            let mut block = [0; 64];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, text.len() - rest.len(), search)?;
        }
        Ok(())
    }

    #[inline]
    fn block(&self, block: &[u8; 64], start: usize, search: &mut Search<'_>) -> Result<(), Exhausted> {
        let mut found = 0;
        let (parts, _) = block.as_chunks::<16>();
        for (index, part) in parts.iter().enumerate() {
            let part = u8x16::new(*part) | u8x16::splat(CASE);
            let mut any = u8x16::splat(0);
            for byte in &self.wide {
                any |= part.simd_eq(*byte);
            }
            found |= u64::from(any.to_bitmask()) << (index * 16);
        }
        while found != 0 {
            let at = found.trailing_zeros() as usize;
            found &= found - 1;
            search.compare(start + at, &self.places[usize::from(block[at] | CASE)])?;
        }
        Ok(())
    }
}

fn frequency(byte: u8) -> usize {
    let place = |bytes: &[u8]| bytes.iter().position(|known| *known == byte);
    match (place(LETTERS), place(FREQUENT)) {
        (Some(place), _) => 2 + place,
        (None, Some(_)) => 30,
        (None, None) => 1,
    }
}
