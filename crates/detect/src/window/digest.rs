//! Numbers of a window, to be summed or ranked.
//!
//! Sums are compensated (Neumaier 1974), so that many small numbers beside a large one are not lost. Ranks are exact up to
//! [`EXACT`] numbers; beyond, numbers are counted in buckets whose bounds grow by 2 %, and a rank is told with a relative error
//! of at most 1 %.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many numbers of a window are kept one by one: 32 KiB.
const EXACT: usize = 4_096;

/// The largest relative error of a rank beyond [`EXACT`] numbers.
const ERROR: f64 = 0.01;

/// Numbers nearer to zero than this are zero once they are counted in buckets.
const SMALLEST: f64 = 1e-9;

/// How many buckets there may be for each sign: a range of 17 powers of ten. Beyond it, what is nearest to zero shares one.
const BUCKETS: usize = 2_000;

/// A compensated sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
    }

    pub(super) fn get(self) -> f64 {
        let told = self.sum + self.lost;
        // Beyond what a number can be, the compensation is none.
        if told.is_nan() { self.sum } else { told }
    }
}

/// Numbers of which ranks can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Ranks {
    Exact(Vec<f64>),
    Counted(Counted),
}

impl Default for Ranks {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

/// Numbers by the logarithm of their distance from zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    below: BTreeMap<i32, u64>,
    zero: u64,
    above: BTreeMap<i32, u64>,
}

impl Ranks {
    pub(super) fn add(&mut self, number: f64) {
        match self {
            Self::Exact(numbers) if numbers.len() < EXACT => numbers.push(number),
            Self::Exact(numbers) => {
                let mut counted = Counted::default();
                numbers.iter().for_each(|number| counted.add(*number));
                counted.add(number);
                *self = Self::Counted(counted);
            }
            Self::Counted(counted) => counted.add(number),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::Exact(numbers) => numbers.len() as u64,
            Self::Counted(counted) => counted.len(),
        }
    }

    /// The number of rank `rank`, the smallest having rank 1.
    fn ranked(&self, rank: u64) -> Option<f64> {
        match self {
            Self::Exact(numbers) => {
                let index = usize::try_from(rank.checked_sub(1)?).ok()?;
                let mut numbers = numbers.clone();
                if index >= numbers.len() {
                    return None;
                }
                Some(*numbers.select_nth_unstable_by(index, f64::total_cmp).1)
            }
            Self::Counted(counted) => counted.ranked(rank),
        }
    }

    /// The number that `percent` of the numbers do not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let count = self.len();
        let exact = percent * count as f64 / 100.0;
        // 7 % of 100 is the seventh, though the product may lie a hair above 7.
        let rank = (exact - exact * 1e-12).ceil() as u64;
        self.ranked(rank.clamp(1, count.max(1)))
    }

    /// The number in the middle, or what lies halfway between the two in the middle.
    pub(super) fn median(&self) -> Option<f64> {
        let count = self.len();
        let upper = self.ranked(count / 2 + 1)?;
        if count % 2 == 1 {
            return Some(upper);
        }
        let lower = self.ranked(count / 2)?;
        Some(lower + (upper - lower) / 2.0)
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Exact(numbers) => numbers.len() * 8,
            Self::Counted(counted) => (counted.below.len() + counted.above.len()) * 24,
        }
    }
}

fn growth() -> f64 {
    (1.0 + ERROR) / (1.0 - ERROR)
}

impl Counted {
    fn add(&mut self, number: f64) {
        let distance = number.abs();
        if distance < SMALLEST {
            self.zero += 1;
            return;
        }
        let side = if number < 0.0 {
            &mut self.below
        } else {
            &mut self.above
        };
        let bucket = (distance.ln() / growth().ln()).ceil() as i32;
        *side.entry(bucket).or_default() += 1;
        if side.len() > BUCKETS
            && let Some((_, count)) = side.pop_first()
            && let Some(mut next) = side.first_entry()
        {
            *next.get_mut() += count;
        }
    }

    fn len(&self) -> u64 {
        self.below.values().sum::<u64>() + self.zero + self.above.values().sum::<u64>()
    }

    fn ranked(&self, rank: u64) -> Option<f64> {
        // In the middle of a bucket, so that both its bounds are equally far.
        let middle = |bucket: i32| growth().powi(bucket) * (1.0 - ERROR);
        let mut left = rank;
        let below = self
            .below
            .iter()
            .rev()
            .map(|(bucket, count)| (-middle(*bucket), *count));
        let above = self.above.iter().map(|(bucket, count)| (middle(*bucket), *count));
        for (number, count) in below.chain([(0.0, self.zero)]).chain(above) {
            if left <= count && left > 0 {
                return Some(number);
            }
            left -= count.min(left);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranks(numbers: &[f64]) -> Ranks {
        let mut ranks = Ranks::default();
        numbers.iter().for_each(|number| ranks.add(*number));
        ranks
    }

    #[test]
    fn percentiles_are_the_nearest_rank_and_the_median_lies_halfway() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let ranks = ranks(&hundred);
        for percent in [1.0, 7.0, 14.0, 28.0, 55.0, 56.0, 99.0, 100.0] {
            assert_eq!(ranks.percentile(percent), Some(percent));
        }
        assert_eq!(ranks.percentile(99.5), Some(100.0));
        assert_eq!(ranks.median(), Some(50.5));
        assert_eq!(super::Ranks::default().median(), None);
    }

    #[test]
    fn small_numbers_beside_a_large_one_are_not_lost() {
        let mut sum = Sum::default();
        for number in [1.0, 1e100, 1.0, -1e100] {
            sum.add(number);
        }
        assert!((sum.get() - 2.0).abs() < f64::EPSILON);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn beyond_the_exact_numbers_a_rank_is_within_one_percent(
            some in prop::collection::vec((-9.0..9.0f64, any::<bool>()), 50..200),
            percent in 0.5..100.0f64,
        ) {
            let numbers: Vec<f64> = (0..60)
                .flat_map(|round| some.iter().map(move |(power, negative)| {
                    let size = 10f64.powf(*power) * (1.0 + f64::from(round) / 500.0);
                    if *negative { -size } else { size }
                }))
                .chain((0..2_000).map(f64::from))
                .collect();
            let told = ranks(&numbers);
            prop_assert!(matches!(told, Ranks::Counted(_)));
            let mut sorted = numbers;
            sorted.sort_by(f64::total_cmp);
            let rank = ((percent * sorted.len() as f64 / 100.0).ceil() as usize).max(1);
            let (exact, told) = (sorted[rank - 1], told.percentile(percent).unwrap());
            prop_assert!((told - exact).abs() <= exact.abs() * 0.010_1 + SMALLEST, "{told} instead of {exact}");
        }
    }
}
