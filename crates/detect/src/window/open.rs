//! A detection that can still grow, whatever the kind of its rule.

use super::cause::Cause;
use super::figures::Figures;
use super::record::Record;
use serde::{Deserialize, Serialize};

/// A detection that can still grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    /// Source and id of the first event as it was when the detection fired: the detection's id follows from it and does not change.
    pub(crate) first: (u32, String),
    pub(crate) figures: Figures,
    /// The highest share so far: matching events, and all.
    pub(crate) peak: Option<(u64, u64)>,
    /// What its kind tells beyond the sums.
    pub(crate) cause: Cause,
    /// Whether it changed since it was last handed out.
    pub(crate) fresh: bool,
}

impl Open {
    /// A detection whose first event this is, still without figures: [`Self::take`] that event too.
    pub(crate) fn beginning_with(first: &Record) -> Self {
        Self {
            first: (first.source, first.event()),
            figures: Figures::default(),
            peak: None,
            cause: Cause::None,
            fresh: true,
        }
    }

    /// Whether an event at `at` is no more than a timespan away.
    pub(crate) fn touches(&self, at: i64, span: i64) -> bool {
        at >= self.figures.first_at.saturating_sub(span) && at <= self.figures.last_at.saturating_add(span)
    }

    /// Adds an event.
    pub(crate) fn take(&mut self, record: Record) {
        self.figures.take(record);
        self.fresh = true;
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.first.1.len() + self.figures.bytes()
    }
}
