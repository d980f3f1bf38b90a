//! Long literals, by runs of four bytes.

use super::{CASE, Exhausted, Place, Search};
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
            // Wherever the literal stands in a text, one of four neighbouring runs is looked at: take the rarest neighbours.
            let cost = |window: &[u32]| window.iter().map(|run| frequency[run]).sum::<u32>();
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
        // Four runs a step: most steps find nothing, so that one branch is enough for them.
        let (steps, rest) = search.text.as_chunks::<{ WIDTH * WIDTH }>();
        for (index, step) in steps.iter().enumerate() {
            let (blocks, _) = step.as_chunks::<WIDTH>();
            if blocks
                .iter()
                .fold(0, |known, block| known | self.knows(run(block)))
                != 0
            {
                self.compare(blocks, index * WIDTH * WIDTH, search)?;
            }
        }
        let (blocks, _) = rest.as_chunks::<WIDTH>();
        self.compare(blocks, steps.len() * WIDTH * WIDTH, search)
    }

    /// 1 where some literal may have the run, else 0.
    #[inline]
    fn knows(&self, run: u32) -> u64 {
        let bit = bit(run);
        self.bits[bit / 64] >> (bit % 64) & 1
    }

    /// Compares what stands around each of the runs that literals may have; the first is at `start`.
    #[cold]
    fn compare(
        &self,
        blocks: &[[u8; WIDTH]],
        start: usize,
        search: &mut Search<'_>,
    ) -> Result<(), Exhausted> {
        for (index, block) in blocks.iter().enumerate() {
            let run = run(block);
            if self.knows(run) == 1
                && let Some(places) = self.places.get(&run)
            {
                search.compare(start + index * WIDTH, places)?;
            }
        }
        Ok(())
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
