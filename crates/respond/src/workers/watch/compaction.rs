//! Puts the pieces of the detectors' state together when many have piled up, beside the events: reading and merging are done elsewhere
//! than evaluation, and every transaction is short, so that checkpoints go on in between.
//!
//! It may be killed between any two lines. Until the new base is put in force nothing of it is read; from then on nothing of the
//! old is. What is left over is taken away by the next one.

use chrono::{DateTime, Duration, Utc};
use std::collections::VecDeque;
use tokio::task::JoinHandle;
use watchkeeper_detect::{PieceError, merge_deltas};
use watchkeeper_store::{DetectorState, Store, StoreError};

/// How many pieces that are not in force are taken away in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 16;

/// How long nothing is tried after a compaction that failed.
const PAUSE: Duration = Duration::minutes(1);

/// When deltas are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactAfter {
    /// Beyond this many bytes of deltas, and no fewer than the base has.
    pub bytes: u64,
    /// Beyond this many deltas, and one more for each 64 kB of the base, so that a large one is not written anew for a few.
    pub deltas: usize,
}

impl Default for CompactAfter {
    /// 4 MB, 200 deltas.
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            deltas: 200,
        }
    }
}

/// How large a base one more delta may have.
const BASE_BYTES_A_DELTA: u64 = 64 << 10;

/// Why a compaction came to nothing. The pieces stay as they were.
#[derive(Debug, thiserror::Error)]
enum CompactionFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the detectors' state in the database cannot be merged: {0}")]
    Piece(#[from] PieceError),
    #[error("merging broke off: {0}")]
    BrokeOff(#[from] tokio::task::JoinError),
}

/// A base that was put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NewBase {
    /// The last delta that is in it.
    upto: i64,
    bytes: u64,
}

/// How much there is of the state in the database, and the compaction that is under way.
#[derive(Debug)]
pub(super) struct Pieces {
    after: CompactAfter,
    base_bytes: u64,
    /// Deltas after the base: number and bytes.
    deltas: VecDeque<(i64, u64)>,
    delta_bytes: u64,
    last: i64,
    running: Option<JoinHandle<Result<NewBase, CompactionFault>>>,
    not_before: Option<DateTime<Utc>>,
}

impl Pieces {
    pub(super) fn of(state: &DetectorState) -> Self {
        let mut pieces = Self {
            after: CompactAfter::default(),
            base_bytes: bytes_of(&state.base_pieces),
            deltas: VecDeque::new(),
            delta_bytes: 0,
            last: state.base,
            running: None,
            not_before: None,
        };
        for (seq, bytes) in &state.deltas {
            pieces.added(*seq, bytes.len() as u64);
        }
        pieces
    }

    /// The same, read anew after a commit whose end is not known; a compaction that is under way goes on.
    pub(super) fn read_again(&mut self, state: &DetectorState) {
        let before = std::mem::replace(self, Self::of(state));
        (self.after, self.running, self.not_before) = (before.after, before.running, before.not_before);
    }

    pub(super) fn compact_after(&mut self, after: CompactAfter) {
        self.after = after;
    }

    /// The number of the next delta.
    pub(super) fn next(&self) -> i64 {
        self.last + 1
    }

    /// A delta was committed.
    pub(super) fn added(&mut self, seq: i64, bytes: u64) {
        self.last = seq;
        self.deltas.push_back((seq, bytes));
        self.delta_bytes += bytes;
    }

    /// Takes what a compaction has come to, and begins one when it is time.
    pub(super) async fn keep_small(&mut self, store: &Store, now: DateTime<Utc>) {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish(now).await;
        }
        if self.running.is_none() && self.due() && self.not_before.is_none_or(|at| now >= at) {
            self.running = Some(tokio::spawn(compact(store.clone())));
        }
    }

    /// Waits for the compaction that is under way, if there is one.
    pub(super) async fn finish(&mut self, now: DateTime<Utc>) {
        let Some(running) = self.running.take() else {
            return;
        };
        match running.await.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(base) => self.superseded(base),
            Err(fault) => {
                metrics::counter!("watchkeeper_compaction_failures_total").increment(1);
                tracing::error!(%fault, again_in_seconds = PAUSE.num_seconds(), "the detectors' state could not be compacted; nothing is lost, it takes more room until then");
                self.not_before = Some(now + PAUSE);
            }
        }
    }

    fn superseded(&mut self, base: NewBase) {
        self.not_before = None;
        self.base_bytes = base.bytes;
        self.deltas.retain(|(seq, _)| *seq > base.upto);
        self.delta_bytes = self.deltas.iter().map(|(_, bytes)| bytes).sum();
        metrics::counter!("watchkeeper_compactions_total").increment(1);
        tracing::debug!(
            upto = base.upto,
            bytes = base.bytes,
            deltas_left = self.deltas.len(),
            "the detectors' state was compacted"
        );
    }

    fn due(&self) -> bool {
        let more = usize::try_from(self.base_bytes / BASE_BYTES_A_DELTA).unwrap_or(usize::MAX);
        self.delta_bytes > self.after.bytes.max(self.base_bytes)
            || self.deltas.len() > self.after.deltas.saturating_add(more)
    }
}

fn bytes_of(pieces: &[Vec<u8>]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Reads, merges, writes, puts in force, and takes away what was before.
async fn compact(store: Store) -> Result<NewBase, CompactionFault> {
    // What an earlier one left when it was killed would stand where this one writes.
    forget(&store).await?;
    let state = store.read().await?.detector_state().await?;
    let (from, upto) = (state.base, state.last());
    crate::crash::point("compaction.after_read");
    let merged = tokio::task::spawn_blocking(move || merge_deltas(&state.into_pieces())).await??;
    let base = NewBase {
        upto,
        bytes: bytes_of(&merged),
    };
    let pieces = merged.len();
    for (part, bytes) in (0..).zip(merged) {
        crate::crash::point("compaction.before_piece");
        let mut tx = store.begin().await?;
        tx.add_detector_base_piece(upto, part, bytes).await?;
        tx.commit().await?;
    }
    let mut tx = store.begin().await?;
    tx.set_detector_base(from, upto, pieces).await?;
    crate::crash::point("compaction.before_commit");
    tx.commit().await?;
    crate::crash::point("compaction.after_commit");
    forget(&store).await?;
    Ok(base)
}

/// Takes away what is not in force.
async fn forget(store: &Store) -> Result<(), StoreError> {
    loop {
        let mut tx = store.begin().await?;
        let forgotten = tx.forget_detector_pieces(FORGOTTEN_AT_ONCE).await?;
        tx.commit().await?;
        if forgotten < u64::from(FORGOTTEN_AT_ONCE) {
            return Ok(());
        }
    }
}
