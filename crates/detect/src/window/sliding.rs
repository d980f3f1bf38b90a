//! The sum over a timespan that slides, with the numbers in any order.

use super::digest::Sum;
use super::numbers::Plan;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many cells a sliding sum has before neighbours within a [`SHARE`] of the timespan become one.
const CELLS: usize = 1_024;

/// Into how many parts of the timespan a crowded sum is cut: it then reaches back up to one part further than asked.
const SHARE: i64 = 256;

/// The numbers of one instant, or of neighbouring ones where there are many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Cell {
    /// The newest instant.
    pub(super) at: i64,
    sum: f64,
}

/// Sums over every window, without summing anew for each event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sliding {
    pub(super) cells: VecDeque<Cell>,
    /// The first cell of the window that ends with the newest.
    from: usize,
    pub(super) newest: Sum,
    /// How many numbers were taken away since the window was summed: what taking away costs in precision is bounded by summing
    /// again after as many as there are.
    taken: usize,
    pub(super) dropped: u64,
}

impl Sliding {
    /// Adds a number; tells the highest sum of the windows it falls into for which `fires` holds, and where the first of them ends.
    pub(super) fn add(&mut self, plan: &Plan, at: i64, number: f64) -> Option<(i64, f64)> {
        let late = self.cells.back().is_some_and(|newest| at < newest.at);
        if late {
            let position = self.cells.partition_point(|cell| cell.at <= at);
            self.cells.insert(position, Cell { at, sum: number });
            self.sum_anew(plan.span);
            let crossing = self.sweep(plan, at);
            self.shorten(plan.span);
            return crossing;
        }
        self.cells.push_back(Cell { at, sum: number });
        self.newest.add(number);
        self.slide(plan.span, at);
        self.shorten(plan.span);
        let sum = self.newest.get();
        plan.holds(sum).then_some((at, sum))
    }

    fn slide(&mut self, span: i64, at: i64) {
        while let Some(cell) = self.cells.get(self.from).filter(|cell| cell.at <= at - span) {
            self.newest.add(-cell.sum);
            self.from += 1;
            self.taken += 1;
        }
        if self.taken > self.cells.len() - self.from {
            self.sum_anew(span);
        }
    }

    fn sum_anew(&mut self, span: i64) {
        let newest = self.cells.back().map_or(i64::MIN, |cell| cell.at);
        self.from = self
            .cells
            .partition_point(|cell| cell.at <= newest.saturating_sub(span));
        self.newest = Sum::default();
        self.taken = 0;
        for cell in self.cells.range(self.from..) {
            self.newest.add(cell.sum);
        }
    }

    /// The windows that end from `at` on and reach back to it.
    fn sweep(&self, plan: &Plan, at: i64) -> Option<(i64, f64)> {
        let first = self.cells.partition_point(|cell| cell.at < at);
        let mut start = self.cells.partition_point(|cell| cell.at <= at - plan.span);
        let mut sum = Sum::default();
        self.cells.range(start..first).for_each(|cell| sum.add(cell.sum));
        let mut found: Option<(i64, f64)> = None;
        let mut cells = self.cells.range(first..).peekable();
        while let Some(cell) = cells.next().filter(|cell| cell.at < at + plan.span) {
            sum.add(cell.sum);
            while self.cells[start].at <= cell.at - plan.span {
                sum.add(-self.cells[start].sum);
                start += 1;
            }
            // A window ends after all events of its last instant.
            let whole = cells.peek().is_none_or(|next| next.at > cell.at);
            let told = sum.get();
            if whole && plan.holds(told) {
                found = Some(found.map_or((cell.at, told), |(end, highest)| (end, highest.max(told))));
            }
        }
        found
    }

    /// Neighbours within a part of the timespan become one cell where there are too many.
    fn shorten(&mut self, span: i64) {
        if self.cells.len() <= CELLS {
            return;
        }
        let part = (span / SHARE).max(1);
        let mut kept: VecDeque<Cell> = VecDeque::new();
        for cell in std::mem::take(&mut self.cells) {
            match kept.back_mut() {
                Some(last) if last.at.div_euclid(part) == cell.at.div_euclid(part) => {
                    last.at = cell.at;
                    last.sum += cell.sum;
                }
                _ => kept.push_back(cell),
            }
        }
        // Only where the lateness is much longer than the timespan: windows long past can then not be completed any more.
        while kept.len() > CELLS * 3 / 4 {
            kept.pop_front();
            self.dropped += 1;
        }
        self.cells = kept;
        self.sum_anew(span);
    }

    pub(super) fn forget(&mut self, before: i64) {
        while self.cells.front().is_some_and(|cell| cell.at < before) {
            if self.from > 0 {
                self.from -= 1;
            } else if let Some(cell) = self.cells.front() {
                self.newest.add(-cell.sum);
            }
            self.cells.pop_front();
        }
        if self.cells.is_empty() {
            self.newest = Sum::default();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.cells.len() * size_of::<Cell>()
    }
}
