//! Long literals, by runs of four bytes.

use super::{CASE, Exhausted, Place, Search, commonness};
use std::collections::HashMap;

/// How many bytes a run has, and how far the runs of a text that are looked at are apart.
const WIDTH: usize = 4;

/// The bitmap has two to this power of bits: 16 kB, half of a processor's nearest cache. With the 8,000 runs of 2,000 literals, six
/// runs of a text in a hundred set a bit by chance.
const BITS: u32 = 17;
const WORDS: usize = 1 << (BITS - 6);

/// The runs that tell literals.
#[derive(Debug)]
pub(super) struct Runs {
    /// A bit for each hash of a run that some literal has.
    bits: Box<[u64; WORDS]>,
    /// By run: the literals that have it, and where.
    places: HashMap<u32, Vec<Place>, foldhash::fast::RandomState>,
}

impl Runs {
    pub(super) fn new(literals: &[(u32, &[u8])]) -> Self {
        let runs_of = |literal: &[u8]| literal.windows(WIDTH).filter_map(folded).collect::<Vec<u32>>();
        let mut frequency: HashMap<u32, u32> = HashMap::new();
        for (_, literal) in literals {
            for run in runs_of(literal) {
                *frequency.entry(run).or_default() += 1;
            }
        }
        let mut places: HashMap<u32, Vec<Place>, _> = HashMap::default();
        for (number, literal) in literals {
            let runs = runs_of(literal);
            // Wherever the literal stands in a text, one of four neighbouring runs is looked at: take those that are rarest in texts,
            // and that few other literals have.
            let cost = |window: &[u32]| {
                let each = window
                    .iter()
                    .map(|run| u64::from(frequency[run] + 1) * u64::from(commonness(&run.to_le_bytes())));
                each.sum::<u64>()
            };
            let windows = runs.windows(WIDTH).enumerate();
            let Some((start, window)) = windows.min_by_key(|(_, window)| cost(window)) else {
                continue;
            };
            for (at, run) in window.iter().enumerate() {
                places
                    .entry(*run)
                    .or_default()
                    .push((*number, (start + at) as u32));
            }
        }
        let mut bits = Box::new([0; WORDS]);
        for run in places.keys() {
            let bit = bit(*run);
            bits[bit / 64] |= 1 << (bit % 64);
        }
        Self { bits, places }
    }

    #[inline]
    pub(super) fn find(&self, search: &mut Search<'_>) -> Result<(), Exhausted> {
        let (runs, _) = search.text.as_chunks::<WIDTH>();
        for (index, bytes) in runs.iter().enumerate() {
            let run = run(bytes);
            if self.knows(run) {
                self.compare(run, index * WIDTH, search)?;
            }
        }
        Ok(())
    }

    /// Whether some literal may have the run.
    #[inline]
    fn knows(&self, run: u32) -> bool {
        let bit = bit(run);
        self.bits[bit / 64] & (1 << (bit % 64)) != 0
    }

    /// Compares what stands around a run at `start` that literals may have.
    #[cold]
    fn compare(&self, run: u32, start: usize, search: &mut Search<'_>) -> Result<(), Exhausted> {
        match self.places.get(&run) {
            Some(places) => search.compare(start, places),
            None => Ok(()),
        }
    }
}

#[inline]
fn run(block: &[u8; WIDTH]) -> u32 {
    u32::from_le_bytes(*block) | u32::from_le_bytes([CASE; WIDTH])
}

#[inline]
fn bit(run: u32) -> usize {
    // Fibonacci hashing: 2^32 divided by the golden ratio.
    (run.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

fn folded(window: &[u8]) -> Option<u32> {
    Some(run(window.try_into().ok()?))
}
