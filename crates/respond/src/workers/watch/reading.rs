//! Reads sources side by side. A slow one keeps reading in the background while the others go on.

use crate::source_status::SourceStatus;
use chrono::{DateTime, Utc};
use std::time::Duration;
use tokio::task::JoinHandle;
use watchkeeper_collect::{Batch, CollectError, Cursor, Source};
use watchkeeper_domain::event::SourceName;

/// How often it is kept that a source was read, while it has nothing to tell.
const TOLD_EVERY: chrono::Duration = chrono::Duration::minutes(1);

/// A reading that has begun.
type Reading = JoinHandle<(Box<dyn Source>, Result<Batch, CollectError>)>;

/// A source with its place.
pub(super) struct Reader {
    /// At rest, or reading; empty only while a reading that panicked is reported.
    at_rest: Option<Box<dyn Source>>,
    reading: Option<Reading>,
    pub(super) name: SourceName,
    /// Where the last commit left it.
    pub(super) cursor: Cursor,
    pub(super) status: SourceStatus,
    committed_status: SourceStatus,
    /// Not before this instant, after an error.
    not_before: Option<DateTime<Utc>>,
    failures: u32,
    /// A reading of a cursor that was given up is not used.
    stale: bool,
}

impl Reader {
    pub(super) fn new(
        source: Box<dyn Source>,
        cursor: Option<serde_json::Value>,
        status: SourceStatus,
    ) -> Self {
        Self {
            name: source.name().clone(),
            at_rest: Some(source),
            reading: None,
            cursor: cursor.map_or_else(Cursor::start, Cursor),
            committed_status: status.clone(),
            status,
            not_before: None,
            failures: 0,
            stale: false,
        }
    }

    /// Whether it fails, waits, has something to say or is well again since the last commit, or was read without anything to tell for
    /// a while: shown also while no event comes.
    pub(super) fn has_news(&self) -> bool {
        let read = |status: &SourceStatus| status.last_read_at;
        let read_lately = match (read(&self.status), read(&self.committed_status)) {
            (Some(now), Some(told)) => now - told >= TOLD_EVERY,
            (now, told) => now != told,
        };
        read_lately
            || self.status.error != self.committed_status.error
            || self.status.waiting != self.committed_status.waiting
            || self.status.remarks != self.committed_status.remarks
    }

    /// What stands is committed.
    pub(super) fn settle(&mut self) {
        self.committed_status = self.status.clone();
    }

    /// The place and figures of the last commit.
    pub(super) fn go_back(&mut self) {
        self.status = self.committed_status.clone();
        self.stale = self.reading.is_some();
    }

    /// The place and figures that the database holds.
    pub(super) fn stand_at(&mut self, cursor: Option<serde_json::Value>, status: Option<SourceStatus>) {
        self.cursor = cursor.map_or_else(Cursor::start, Cursor);
        let (kind, format) = (self.status.kind.clone(), self.status.format.clone());
        self.committed_status = SourceStatus {
            name: self.name.0.clone(),
            kind,
            format,
            ..status.unwrap_or_default()
        };
        self.go_back();
    }

    fn begin(&mut self, now: DateTime<Utc>) {
        if self.reading.is_some() || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        let Some(mut source) = self.at_rest.take() else {
            return;
        };
        let cursor = self.cursor.clone();
        self.reading = Some(tokio::spawn(async move {
            let result = source.read(&cursor).await;
            (source, result)
        }));
    }

    /// What the reading gave, if it has ended within `patience`.
    async fn finish(&mut self, patience: Option<Duration>, now: DateTime<Utc>) -> Option<Batch> {
        let reading = self.reading.as_mut()?;
        let ended = match patience {
            Some(patience) => tokio::time::timeout(patience, reading).await.ok()?,
            None => reading.await,
        };
        self.reading = None;
        let stale = std::mem::take(&mut self.stale);
        match ended {
            Ok((source, result)) => {
                self.at_rest = Some(source);
                if stale { None } else { self.take(result, now) }
            }
            Err(panic) => {
                tracing::error!(source = %self.name, %panic, "a source panicked and is not read any more");
                self.status.give_up(now);
                None
            }
        }
    }

    fn take(&mut self, result: Result<Batch, CollectError>, now: DateTime<Utc>) -> Option<Batch> {
        match result {
            Ok(batch) => {
                self.failures = 0;
                self.not_before = None;
                for remark in batch.remarks.iter().filter(|remark| self.status.is_news(remark)) {
                    tracing::warn!(source = %self.name, %remark, "a source has something to say");
                }
                self.status.read(&batch, now);
                Some(batch)
            }
            Err(fault) => {
                self.failures = self.failures.saturating_add(1);
                let pause = pause_after(&fault, self.failures);
                self.not_before = Some(now + pause);
                self.status.fail(&fault, now);
                tracing::warn!(source = %self.name, %fault, again_in_seconds = pause.num_seconds(), "a source could not be read");
                None
            }
        }
    }
}

/// The pause after errors in a row: 1, 2, 4 … 60 s, or what the other side asked for.
fn pause_after(fault: &CollectError, failures: u32) -> chrono::Duration {
    let asked = match fault {
        CollectError::Retryable { after, .. } => {
            after.and_then(|after| chrono::Duration::from_std(after).ok())
        }
        _ => None,
    };
    asked.unwrap_or_else(|| {
        chrono::Duration::seconds(1 << failures.saturating_sub(1).min(6)).min(chrono::Duration::seconds(60))
    })
}

/// Reads every source that is not reading yet, and gives what came within `patience`: the index of the reader and its batch.
pub(super) async fn read_all(
    readers: &mut [Reader],
    patience: Option<Duration>,
    now: DateTime<Utc>,
) -> Vec<(usize, Batch)> {
    for reader in readers.iter_mut() {
        reader.begin(now);
    }
    let mut batches = Vec::new();
    for (index, reader) in readers.iter_mut().enumerate() {
        if let Some(batch) = reader.finish(patience, now).await {
            batches.push((index, batch));
        }
    }
    batches
}

/// Moves readers on to the committed place and tells sources what is safe.
pub(super) async fn say_committed(readers: &mut [Reader], batches: &[(usize, Batch)]) {
    for (index, batch) in batches {
        let Some(reader) = readers.get_mut(*index) else {
            continue;
        };
        reader.cursor = batch.next.clone();
        reader.settle();
        let cursor = reader.cursor.clone();
        if let Some(source) = reader.at_rest.as_mut()
            && let Err(fault) = source.committed(&cursor).await
        {
            tracing::warn!(source = %reader.name, %fault, "a source keeps more than it needs until the next checkpoint");
        }
    }
}
