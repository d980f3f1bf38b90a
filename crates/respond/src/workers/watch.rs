//! Watches the sources: reads each from its cursor, judges what was read, folds detections into alerts, opens and feeds incidents,
//! and commits *{alerts and incidents, cursors, state of the detectors, figures of the sources}* in one transaction.
//!
//! After a crash it reads on from the last checkpoint: same events, same state, same decisions. When a commit fails, the engine goes
//! back to the state of the last one, and the sources are read again from there.

mod board;
mod checkpoint;
mod reading;

pub use board::{Board, BoardSnapshot};

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::source_status::SourceStatus;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reading::Reader;
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_collect::{Batch, Source};
use watchkeeper_detect::DetectorSet;

/// A source as it was configured.
pub struct Configured {
    /// The source.
    pub source: Box<dyn Source>,
    /// Its configured kind.
    pub kind: String,
    /// Its configured format.
    pub format: String,
}

/// Watches the sources.
pub struct Watch {
    desk: Desk,
    readers: Vec<Reader>,
    engine: DetectorSet,
    /// The engine's state as of the last commit.
    committed_state: Option<Vec<u8>>,
    /// How many checkpoints changed the engine's state.
    checkpoints: i64,
    board: Arc<Board>,
    /// How long a turn waits for slow sources before it goes on with those that have answered; `None` waits for all.
    patience: Option<Duration>,
    /// When the engine was last told that time passes where no event says so.
    advanced_at: Option<DateTime<Utc>>,
}

/// Kinds of sources whose events are there as soon as they happen: read to its end, such a source says that time has passed. Others
/// show events minutes late, and only their events move their windows.
const LOCAL_KINDS: [&str; 2] = ["file", "http"];

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("readers", &self.readers.len())
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// A worker that watches these sources with these detectors, from the last checkpoint on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        desk: Desk,
        sources: Vec<Configured>,
        mut engine: DetectorSet,
        patience: Option<Duration>,
    ) -> Result<Self, RespondError> {
        let mut tx = desk.store.read().await?;
        let (checkpoints, committed_state) = match tx.detector_state().await? {
            Some((seq, state)) => (seq, Some(state)),
            None => (0, None),
        };
        if let Some(state) = &committed_state {
            let report = engine.restore(state);
            tracing::info!(?report, "detectors go on from the last checkpoint");
        }
        let mut readers = Vec::with_capacity(sources.len());
        for Configured { source, kind, format } in sources {
            let name = source.name().clone();
            let cursor = tx.cursor(&name).await?;
            let kept = tx
                .source_status(&name)
                .await?
                .and_then(|kept| serde_json::from_value::<SourceStatus>(kept).ok());
            let status = SourceStatus {
                name: name.0.clone(),
                kind,
                format,
                ..kept.unwrap_or_default()
            };
            readers.push(Reader::new(source, cursor, status));
        }
        let board = Arc::new(Board::of(&engine));
        Ok(Self {
            desk,
            readers,
            engine,
            committed_state,
            checkpoints,
            board,
            patience,
            advanced_at: None,
        })
    }

    /// What the detectors are doing, for the console.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Judges what was read.
    fn judge(&mut self, batches: &[(usize, Batch)], now: DateTime<Utc>) {
        for (_, batch) in batches {
            for event in &batch.events {
                self.engine.observe(event);
            }
        }
        if self
            .advanced_at
            .is_none_or(|at| now - at >= chrono::Duration::seconds(30))
        {
            self.advanced_at = Some(now);
            for (index, _) in batches.iter().filter(|(_, batch)| !batch.more) {
                let reader = &self.readers[*index];
                if LOCAL_KINDS.contains(&reader.status.kind.as_str()) {
                    self.engine.advance(&reader.name, now);
                }
            }
        }
    }

    /// The engine as of the last commit: what was judged since is judged again.
    fn go_back(&mut self) {
        match &self.committed_state {
            Some(state) => {
                let report = self.engine.restore(state);
                tracing::warn!(
                    ?report,
                    "a checkpoint failed; detectors go back to the one before"
                );
            }
            None => {
                self.engine.restore(&[]);
            }
        }
    }
}

#[async_trait]
impl Worker for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let now = self.desk.now();
        let batches = reading::read_all(&mut self.readers, self.patience, now).await;
        crate::crash::point("watch.after_read");
        self.judge(&batches, now);
        crate::crash::point("watch.after_detect");
        let committed = checkpoint::commit(self, &batches).await;
        match committed {
            Ok(detections) => {
                count(&self.readers, &batches, detections);
                if detections > 0 || batches.iter().any(|(_, batch)| !batch.events.is_empty()) {
                    self.board.refresh(&self.engine);
                }
                let more = batches.iter().any(|(_, batch)| batch.more);
                reading::say_committed(&mut self.readers, &batches).await;
                let busy = more || detections > 0;
                Ok(if busy { Turn::Busy } else { Turn::Idle })
            }
            Err(fault) => {
                self.go_back();
                for reader in &mut self.readers {
                    reader.go_back();
                }
                Err(fault)
            }
        }
    }
}

/// Figures of what is committed.
fn count(readers: &[Reader], batches: &[(usize, Batch)], detections: usize) {
    for (index, batch) in batches {
        let source = readers[*index].name.0.clone();
        metrics::counter!("watchkeeper_events_total", "source" => source.clone())
            .increment(batch.events.len() as u64);
        metrics::counter!("watchkeeper_unparsed_total", "source" => source.clone())
            .increment(batch.counts.unparsed);
        metrics::counter!("watchkeeper_late_total", "source" => source)
            .increment(batch.counts.late_beyond_horizon);
    }
    metrics::counter!("watchkeeper_detections_total").increment(detections as u64);
}
