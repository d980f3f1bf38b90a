//! Short literals, each by the rarest pair of neighbouring bytes that it has.

use super::{CASE, Exhausted, Place, Search, commonness};
use wide::u8x16;

/// The pairs that are looked for, and the literals that have them.
#[derive(Debug)]
pub(super) struct Anchors {
    /// With the bits set that tell case apart.
    pairs: Vec<[u8; 2]>,
    /// Each of them sixteen times.
    wide: Vec<[u8x16; 2]>,
    /// By the first byte of the pair.
    places: Box<[Vec<Place>; 256]>,
}

/// How many pairs one step looks at: they start in the first 64 of these bytes.
const STEP: usize = 64;

impl Anchors {
    pub(super) fn new(literals: &[(u32, &[u8])]) -> Self {
        let mut anchors = Self {
            pairs: Vec::new(),
            wide: Vec::new(),
            places: Box::new([const { Vec::new() }; 256]),
        };
        for (number, literal) in literals {
            let pairs = || {
                literal
                    .windows(2)
                    .map(|pair| [pair[0] | CASE, pair[1] | CASE])
                    .enumerate()
            };
            // A pair that is looked for anyway costs nothing more.
            let known = pairs().find(|(_, pair)| anchors.pairs.contains(pair));
            let Some((at, pair)) = known.or_else(|| pairs().min_by_key(|(_, pair)| commonness(pair))) else {
                continue;
            };
            if known.is_none() {
                anchors.pairs.push(pair);
                anchors.wide.push(pair.map(u8x16::splat));
            }
            anchors.places[usize::from(pair[0])].push((*number, at as u32));
        }
        anchors
    }

    #[inline]
    pub(super) fn find(&self, search: &mut Search<'_>) -> Result<(), Exhausted> {
        let text = search.text;
        let mut start = 0;
        while let Some(step) = text.get(start..).and_then(<[u8]>::first_chunk) {
            self.step(step, start, search)?;
            start += STEP;
        }
        let rest = &text[start..];
        let mut step = [0; STEP + 1];
        step[..rest.len()].copy_from_slice(rest);
        self.step(&step, start, search)
    }

    #[inline]
    fn step(&self, step: &[u8; STEP + 1], start: usize, search: &mut Search<'_>) -> Result<(), Exhausted> {
        let found = self.pairs_in(step);
        // Pairs are rare: where they stand is asked only then.
        let any = found.iter().fold(u8x16::splat(0), |any, found| any | *found);
        if any.to_bitmask() == 0 {
            return Ok(());
        }
        for (index, found) in found.iter().enumerate() {
            let mut found = found.to_bitmask();
            while found != 0 {
                let at = index * 16 + found.trailing_zeros() as usize;
                found &= found - 1;
                search.compare(start + at, &self.places[usize::from(step[at] | CASE)])?;
            }
        }
        Ok(())
    }

    /// All bits set in each byte where a pair starts.
    #[inline]
    fn pairs_in(&self, step: &[u8; STEP + 1]) -> [u8x16; STEP / 16] {
        let folded = |from: usize| {
            let (chunks, _) = step[from..from + STEP].as_chunks::<16>();
            let mut folded = [u8x16::splat(CASE); STEP / 16];
            for (folded, chunk) in folded.iter_mut().zip(chunks) {
                *folded |= u8x16::new(*chunk);
            }
            folded
        };
        let (firsts, seconds) = (folded(0), folded(1));
        let mut found = [u8x16::splat(0); STEP / 16];
        for [first, second] in &self.wide {
            for (index, found) in found.iter_mut().enumerate() {
                *found |= firsts[index].simd_eq(*first) & seconds[index].simd_eq(*second);
            }
        }
        found
    }
}
