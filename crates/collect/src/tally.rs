//! What befell lines on their way into the spool, counted for the source to tell.

use crate::source::BatchCounts;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// Figures of a receiver since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages longer than allowed.
    pub(crate) cut: AtomicU64,
    /// Connections or records that were not as their protocol says.
    pub(crate) malformed: AtomicU64,
    /// What came and could not be kept.
    pub(crate) dropped: AtomicU64,
    /// Connections that were not taken.
    pub(crate) refused: AtomicU64,
    told: Mutex<Told>,
}

/// What the last reading told, and what of it is committed.
#[derive(Debug, Default)]
struct Told {
    committed: [u64; 4],
    pending: [u64; 4],
}

impl Tally {
    pub(crate) fn add(figure: &AtomicU64, count: u64) {
        figure.fetch_add(count, Ordering::Relaxed);
    }

    fn now(&self) -> [u64; 4] {
        [&self.cut, &self.malformed, &self.dropped, &self.refused]
            .map(|figure| figure.load(Ordering::Relaxed))
    }

    /// Puts into the counts of a reading what was not committed yet.
    pub(crate) fn tell(&self, counts: &mut BatchCounts) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.pending = self.now();
        let news: Vec<u64> = told
            .pending
            .iter()
            .zip(told.committed)
            .map(|(now, before)| now - before)
            .collect();
        if let [cut, malformed, dropped, refused] = news[..] {
            counts.truncated += cut;
            counts.malformed += malformed;
            counts.dropped += dropped;
            counts.refused += refused;
        }
    }

    /// What the last reading told is committed.
    pub(crate) fn committed(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.committed = told.pending;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_committed_is_told_again_and_what_was_is_not() {
        let tally = Tally::default();
        Tally::add(&tally.dropped, 3);
        for _ in 0..2 {
            let mut counts = BatchCounts::default();
            tally.tell(&mut counts);
            assert_eq!(counts.dropped, 3);
        }
        tally.committed();
        Tally::add(&tally.dropped, 2);
        Tally::add(&tally.cut, 1);
        let mut counts = BatchCounts::default();
        tally.tell(&mut counts);
        assert_eq!((counts.dropped, counts.truncated), (2, 1));
    }
}
