//! Watches the sources: reads each from its cursor, judges what was read, folds detections into alerts, opens and feeds incidents,
//! and commits *{alerts and incidents, cursors, what changed of the detectors' state, figures of the sources}* in one transaction.
//!
//! After a crash it reads on from the last checkpoint: same events, same state, same decisions. When a commit fails, engine and sources
//! go back to what the database holds, whether or not that commit reached it; no second copy of the state is kept in memory.
//!
//! Between checkpoints it takes rules that changed (`reload`), and beside them it keeps the state in the database small
//! (`compaction`).

mod board;
mod checkpoint;
mod compaction;
mod fields;
mod reading;
mod reload;

pub use board::{Board, BoardSnapshot, Rules, SourceCoverage};
pub use compaction::CompactAfter;
pub use reload::{LOOK_EVERY, ReloadBell, Reloaded, RuleFiles, Unreadable};

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use crate::source_status::SourceStatus;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use compaction::Pieces;
use fields::Fields;
use reading::Reader;
use reload::{News, RuleReader};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_collect::parse::Interpretation;
use watchkeeper_collect::{Batch, Source};
use watchkeeper_detect::{DetectorSet, RestoreReport, RuleFile};
use watchkeeper_domain::event::SourceName;
use watchkeeper_store::Tx;

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
    /// What the database holds of the engine's state.
    pieces: Pieces,
    /// A commit failed, and what is in memory is not what the database holds.
    astray: bool,
    /// The rules, where they are read again when they change.
    rules: Option<RuleReader>,
    /// Reloads that the audit log does not tell of yet.
    unrecorded: Vec<Reloaded>,
    board: Arc<Board>,
    /// Which fields the events have.
    seen: Fields,
    /// How the sources read their lines, for telling which log sources they can give.
    expected: BTreeMap<SourceName, Interpretation>,
    /// How long a turn waits for slow sources before it goes on with those that have answered; `None` waits for all.
    patience: Option<Duration>,
    /// When the engine was last told that time passes where no event says so.
    advanced_at: Option<DateTime<Utc>>,
}

/// Kinds of sources whose events are there as soon as they happen: read to its end, such a source says that time has passed. Others
/// show events minutes late, and only their events move their windows.
const LOCAL_KINDS: [&str; 3] = ["file", "http", "syslog"];

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
        let state = tx.detector_state().await?;
        let pieces = Pieces::of(&state);
        let report = engine.restore(state.pieces());
        drop(state);
        if pieces.next() > 1 {
            say_restored(&report);
        }
        let mut readers = Vec::with_capacity(sources.len());
        for Configured { source, kind, format } in sources {
            let (cursor, kept) = kept(&mut tx, source.name()).await?;
            let status = SourceStatus {
                name: source.name().0.clone(),
                kind,
                format,
                ..kept.unwrap_or_default()
            };
            readers.push(Reader::new(source, cursor, status));
        }
        let board = Arc::new(Board::of(&engine));
        let seen = Fields::of(readers.iter().map(|reader| reader.name.clone()));
        Ok(Self {
            desk,
            readers,
            engine,
            pieces,
            astray: false,
            rules: None,
            unrecorded: Vec::new(),
            board,
            seen,
            expected: BTreeMap::new(),
            patience,
            advanced_at: None,
        })
    }

    /// What the detectors are doing, for the console.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Reads the rules again from `files` when they change, or when somebody rings the bell; `loaded` are those that the engine was
    /// loaded from. Rules whose text is the same go on with their windows.
    #[must_use]
    pub fn following(mut self, files: Arc<dyn RuleFiles>, loaded: &[RuleFile], bell: ReloadBell) -> Self {
        self.rules = Some(RuleReader::new(files, loaded, bell));
        self
    }

    /// Tells rules whose log source one of these sources can give, though no event of it came yet, from those that no source is
    /// there for.
    #[must_use]
    pub fn expecting(mut self, sources: BTreeMap<SourceName, Interpretation>) -> Self {
        self.expected = sources;
        self.expect();
        self.board.refresh(&self.engine, &self.seen);
        self
    }

    fn expect(&mut self) {
        self.seen.expect(self.engine.detectors(), &self.expected);
    }

    /// Puts the pieces of the detectors' state together at another size than [`CompactAfter::default`].
    pub fn compact_after(&mut self, after: CompactAfter) {
        self.pieces.compact_after(after);
    }

    /// Waits for the compaction that is under way, if there is one.
    pub async fn compacted(&mut self) {
        self.pieces.finish(self.desk.now()).await;
    }

    /// Takes rules that changed. Everything before is committed, so that what their windows had to tell is told.
    async fn take_rules(&mut self, now: DateTime<Utc>) {
        let Some(rules) = self.rules.as_mut() else { return };
        match rules.news(now, self.patience).await {
            News::None => {}
            News::Readable => {
                tracing::info!("rules can be read again; they are those that run");
                self.board.set_unreadable(None);
            }
            News::Unreadable(reason) => {
                metrics::counter!("watchkeeper_rule_reading_failures_total").increment(1);
                tracing::error!(reason, "rules cannot be read; those that were loaded last go on");
                let known = self.board.snapshot();
                let since = known.unreadable.as_ref().map_or(now, |known| known.since);
                self.board.set_unreadable(Some(Unreadable { since, reason }));
            }
            News::Changed(files) => self.reload(files, now),
        }
    }

    fn reload(&mut self, files: Vec<RuleFile>, now: DateTime<Utc>) {
        let reloaded = Reloaded::of(self.engine.reload(files), now);
        for rule in self.engine.quarantined() {
            tracing::error!(
                path = rule.path,
                line = rule.line,
                key = rule.key,
                reason = rule.reason,
                "a rule is quarantined"
            );
        }
        tracing::info!(
            kept = reloaded.kept,
            restarted = ?reloaded.restarted,
            added = reloaded.added.len(),
            gone = ?reloaded.gone,
            quarantined = reloaded.quarantined,
            "rules were loaded again; detectors that restarted begin their windows anew"
        );
        self.expect();
        self.board.reload(&self.engine, &self.seen, reloaded.clone());
        self.unrecorded.push(reloaded);
    }

    /// Puts into events what rules of evidence find in them, before anything judges them.
    fn say_whom_they_concern(&self, batches: &mut [(usize, Batch)]) {
        let evidence = &self.desk.house.library.evidence;
        if evidence.is_empty() {
            return;
        }
        let events = batches.iter_mut().flat_map(|(_, batch)| &mut batch.events);
        let dropped: usize = events.map(|event| evidence.put_into(event)).sum();
        if dropped > 0 {
            metrics::counter!("watchkeeper_evidence_tenants_dropped_total").increment(dropped as u64);
        }
    }

    /// Judges what one source gave.
    fn judge(&mut self, batch: &Batch) {
        for event in &batch.events {
            self.engine.observe(event);
            self.seen.observe(event);
        }
    }

    /// Tells the engine now and then that time passes where no event says so.
    fn let_time_pass(&mut self, batches: &[(usize, Batch)], now: DateTime<Utc>) {
        let due = self
            .advanced_at
            .is_none_or(|at| now - at >= chrono::Duration::seconds(30));
        if !due {
            return;
        }
        self.advanced_at = Some(now);
        for (index, _) in batches.iter().filter(|(_, batch)| !batch.more) {
            let reader = &self.readers[*index];
            if LOCAL_KINDS.contains(&reader.status.kind.as_str()) {
                self.engine.advance(&reader.name, now);
            }
        }
    }

    /// Judges and commits: everything at once, or, where that would change very much, some sources after others.
    async fn judge_and_commit(
        &mut self,
        batches: &[(usize, Batch)],
        now: DateTime<Utc>,
    ) -> Result<usize, RespondError> {
        let (mut from, mut detections) = (0, 0);
        for (place, (_, batch)) in batches.iter().enumerate() {
            self.judge(batch);
            if place + 1 < batches.len() && self.engine.pending_changes() >= CHANGES_AT_ONCE {
                let (done, later) = batches.split_at(place + 1);
                detections += self.commit(&done[from..], later).await?;
                from = place + 1;
            }
        }
        self.let_time_pass(batches, now);
        crate::crash::point("watch.after_detect");
        Ok(detections + self.commit(&batches[from..], &[]).await?)
    }

    async fn commit(
        &mut self,
        batches: &[(usize, Batch)],
        later: &[(usize, Batch)],
    ) -> Result<usize, RespondError> {
        let judged_at = self.desk.now();
        for (index, batch) in batches {
            self.readers[*index].status.judged(batch, judged_at);
        }
        let detections = checkpoint::commit(self, batches, later).await?;
        count(&self.readers, batches, detections);
        reading::say_committed(&mut self.readers, batches).await;
        Ok(detections)
    }

    /// Everything as the database holds it: what was judged since is judged again.
    async fn go_back(&mut self) -> Result<(), RespondError> {
        let mut tx = self.desk.store.read().await?;
        for reader in &mut self.readers {
            let (cursor, status) = kept(&mut tx, &reader.name).await?;
            reader.stand_at(cursor, status);
        }
        let state = tx.detector_state().await?;
        drop(tx);
        self.pieces.read_again(&state);
        let report = self.engine.restore(state.pieces());
        tracing::warn!("a checkpoint failed; detectors and sources go back to the one before");
        say_restored(&report);
        self.advanced_at = None;
        self.astray = false;
        Ok(())
    }
}

/// A checkpoint is cut where it would write more changed groups than this, so that writing them takes about as many microseconds.
const CHANGES_AT_ONCE: usize = 20_000;

/// Where a source was left, and its figures.
async fn kept(
    tx: &mut Tx,
    name: &SourceName,
) -> Result<(Option<serde_json::Value>, Option<SourceStatus>), RespondError> {
    let cursor = tx.cursor(name).await?;
    let status = tx.source_status(name).await?;
    Ok((
        cursor,
        status.and_then(|kept| serde_json::from_value::<SourceStatus>(kept).ok()),
    ))
}

fn say_restored(report: &RestoreReport) {
    if let Some(reason) = &report.unreadable {
        metrics::counter!("watchkeeper_restore_failures_total").increment(1);
        tracing::error!(reason, "the detectors' state in the database is not whole");
    }
    tracing::info!(
        kept = report.kept.len(),
        restarted = ?report.restarted,
        gone = ?report.gone,
        pieces = report.pieces,
        "detectors go on from the last checkpoint"
    );
}

#[async_trait]
impl Worker for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let now = self.desk.now();
        if self.astray {
            self.go_back().await?;
        }
        self.take_rules(now).await;
        self.pieces.keep_small(&self.desk.store, now).await;
        let mut batches = reading::read_all(&mut self.readers, self.patience, now).await;
        self.say_whom_they_concern(&mut batches);
        crate::crash::point("watch.after_read");
        match self.judge_and_commit(&batches, now).await {
            Ok(detections) => {
                if detections > 0 || batches.iter().any(|(_, batch)| !batch.events.is_empty()) {
                    self.board.refresh(&self.engine, &self.seen);
                }
                let more = batches.iter().any(|(_, batch)| batch.more);
                let busy = more || detections > 0 || self.engine.overdue();
                Ok(if busy { Turn::Busy } else { Turn::Idle })
            }
            Err(fault) => {
                // The database does not answer, perhaps: what is in memory is of no use before it can be read again.
                self.astray = true;
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
        metrics::counter!("watchkeeper_dropped_total", "source" => source.clone())
            .increment(batch.counts.dropped);
        metrics::counter!("watchkeeper_refused_total", "source" => source.clone())
            .increment(batch.counts.refused);
        metrics::counter!("watchkeeper_late_total", "source" => source)
            .increment(batch.counts.late_beyond_horizon);
    }
    metrics::counter!("watchkeeper_detections_total").increment(detections as u64);
}
