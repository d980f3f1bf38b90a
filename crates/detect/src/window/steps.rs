//! How many distinct values each window has, kept up to date wherever an event is put.
//!
//! All windows have one length, so an event at `t` belongs to exactly those that end within `[t, t + timespan)`, and a value is in
//! the windows that end in the union of such intervals. The number of distinct values as a function of the window's end
//! therefore rises by one where such a union begins and falls by one where it ends: a list of steps. An event that comes late
//! moves at most three steps, and whether a window reached the threshold is one look along the steps it moved.

use super::chunked::Timed;
use std::collections::VecDeque;

/// Steps by time, one an instant, in chunks that know their sum and their highest point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    /// The sum of the steps that were forgotten.
    base: i64,
    chunks: VecDeque<Chunk>,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    steps: VecDeque<Step>,
    sum: i64,
    /// The highest sum of steps from the first on.
    peak: i64,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    at: i64,
    by: i32,
}

impl Timed for Step {
    fn at(&self) -> i64 {
        self.at
    }
}

const CHUNK: usize = 128;

impl Chunk {
    fn sum_up(&mut self) {
        (self.sum, self.peak) = (0, i64::MIN);
        for step in &self.steps {
            self.sum += i64::from(step.by);
            self.peak = self.peak.max(self.sum);
        }
    }
}

impl Steps {
    /// Adds a step.
    pub(crate) fn add(&mut self, at: i64, by: i32) {
        let begins = |chunk: &Chunk| chunk.steps.front().is_some_and(|first| first.at <= at);
        let index = self.chunks.partition_point(begins).saturating_sub(1);
        if self.chunks.is_empty() {
            self.chunks.push_back(Chunk::default());
        }
        let last = index + 1 == self.chunks.len();
        let chunk = &mut self.chunks[index];
        if last && chunk.steps.back().is_none_or(|step| step.at < at) {
            // The usual case: the newest step.
            if chunk.steps.len() >= CHUNK {
                self.chunks.push_back(Chunk::default());
            }
            if let Some(chunk) = self.chunks.back_mut() {
                let first = chunk.steps.is_empty();
                chunk.steps.push_back(Step { at, by });
                chunk.sum += i64::from(by);
                chunk.peak = if first {
                    chunk.sum
                } else {
                    chunk.peak.max(chunk.sum)
                };
            }
            return;
        }
        let position = chunk.steps.partition_point(|step| step.at < at);
        match chunk.steps.get_mut(position) {
            Some(step) if step.at == at => {
                step.by += by;
                if step.by == 0 {
                    chunk.steps.remove(position);
                }
            }
            _ => chunk.steps.insert(position, Step { at, by }),
        }
        if chunk.steps.len() > CHUNK {
            let mut second = Chunk {
                steps: chunk.steps.split_off(CHUNK / 2),
                ..Chunk::default()
            };
            second.sum_up();
            chunk.sum_up();
            self.chunks.insert(index + 1, second);
        } else if chunk.steps.is_empty() {
            self.chunks.remove(index);
        } else {
            chunk.sum_up();
        }
    }

    /// The first instant within `[from, to)` at which the sum is `level` or more.
    pub(crate) fn reaches(&self, from: i64, to: i64, level: i64) -> Option<i64> {
        let mut sum = self.base;
        for chunk in &self.chunks {
            let (Some(first), Some(last)) = (chunk.steps.front(), chunk.steps.back()) else {
                continue;
            };
            if last.at < from {
                sum += chunk.sum;
                continue;
            }
            if sum >= level && first.at > from {
                return Some(from);
            }
            if first.at >= to {
                return None;
            }
            if first.at > from && last.at < to && sum + chunk.peak < level {
                sum += chunk.sum;
                continue;
            }
            for step in &chunk.steps {
                if step.at > from && sum >= level {
                    return Some(from);
                }
                if step.at >= to {
                    return None;
                }
                sum += i64::from(step.by);
                if step.at >= from && sum >= level {
                    return Some(step.at);
                }
            }
        }
        (sum >= level).then_some(from)
    }

    /// Forgets the steps up to `until`: only sums after it are asked for.
    pub(crate) fn forget(&mut self, until: i64) {
        while let Some(chunk) = self.chunks.front_mut() {
            if chunk.steps.back().is_some_and(|last| last.at <= until) {
                self.base += chunk.sum;
                self.chunks.pop_front();
                continue;
            }
            let gone = chunk.steps.partition_point(|step| step.at <= until);
            if gone > CHUNK / 2 {
                self.base += chunk
                    .steps
                    .drain(..gone)
                    .map(|step| i64::from(step.by))
                    .sum::<i64>();
                chunk.sum_up();
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn sums_and_first_crossings_are_right(
            steps in prop::collection::vec((0..300i64, -1..=1i32), 0..800), from in 0..300i64, length in 1..100i64, level in -5..20i64, forgotten in 0..200i64,
        ) {
            let mut chunked = Steps::default();
            let mut plain: BTreeMap<i64, i64> = BTreeMap::new();
            for (at, by) in steps {
                chunked.add(at, by);
                *plain.entry(at).or_default() += i64::from(by);
            }
            let sum = |at: i64| plain.range(..=at).map(|(_, by)| by).sum::<i64>();
            let expected = (from..from + length).find(|at| sum(*at) >= level);
            prop_assert_eq!(chunked.reaches(from, from + length, level), expected);
            if forgotten < from {
                chunked.forget(forgotten);
                prop_assert_eq!(chunked.reaches(from, from + length, level), expected);
            }
        }
    }
}
