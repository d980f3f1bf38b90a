//! Why a detection fired, beyond the sums over its events: the few numbers that its kind tells in words.

use serde::{Deserialize, Serialize};

/// What made a detection fire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// The sums say everything.
    #[default]
    None,
    /// Which rules had an event, by place, and when.
    Places(Vec<(u16, i64)>),
    /// The figure that was found; where it can rise, the highest so far.
    Number(f64),
    /// That nothing came.
    Silence {
        /// The last instant at which there was something.
        from: i64,
        /// When there was something again, or how far the silence was seen to last.
        until: i64,
        /// Whether there was something again.
        over: bool,
    },
    /// That a bucket ran over.
    Overflow {
        /// Its level in thousandths of an event.
        level: u64,
        /// The instant before which events still belong to it.
        until: i64,
    },
}
