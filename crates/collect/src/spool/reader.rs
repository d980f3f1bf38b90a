//! The spool as a source.

use super::frame::{Entry, Frame, Unreadable};
use super::segment::{self, At};
use super::{Position, Spool, lock};
use crate::ahead::Ahead;
use crate::parse::{Context, Interpretation, Origin};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source};
use crate::tally::Tally;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use watchkeeper_domain::event::{Event, SourceName};

/// How much one batch holds at most.
const BATCH_EVENTS: usize = 5_000;
const BATCH_BYTES: u64 = 8 << 20;

/// Reads what lies in a spool.
#[derive(Debug)]
pub struct SpoolSource {
    name: SourceName,
    how: Arc<Interpretation>,
    spool: Spool,
    /// What befell lines before they reached the spool.
    tally: Arc<Tally>,
    ahead: Ahead<Position, Result<Passage, CollectError>>,
}

/// What lies in a spool from a place on, as far as a batch holds it, and the place behind it.
#[derive(Debug)]
struct Passage {
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
    reached: Position,
}

impl SpoolSource {
    /// The source that `spool` is.
    #[must_use]
    pub fn new(name: SourceName, how: Interpretation, spool: Spool) -> Self {
        Self {
            name,
            how: Arc::new(how),
            spool,
            tally: Arc::new(Tally::default()),
            ahead: Ahead::default(),
        }
    }

    /// The same source, which tells the figures of its receiver too.
    #[must_use]
    pub(crate) fn counting(mut self, tally: Arc<Tally>) -> Self {
        self.tally = tally;
        self
    }

    /// Reads what lies behind `position`.
    fn reading(&self, position: Position) -> impl FnOnce() -> Result<Passage, CollectError> + Send + 'static {
        let (name, how) = (self.name.clone(), Arc::clone(&self.how));
        let segments = lock(&self.spool.inner.state).segments.clone();
        let dir = self.spool.inner.dir.clone();
        move || passage(&name, &how, &dir, &segments, position)
    }
}

fn passage(
    name: &SourceName,
    how: &Interpretation,
    dir: &Path,
    segments: &BTreeMap<u64, u64>,
    position: Position,
) -> Result<Passage, CollectError> {
    let mut reading = Reading {
        name,
        how,
        events: Vec::new(),
        counts: BatchCounts::default(),
        remarks: Vec::new(),
    };
    let mut reached = start_of(position, segments, &mut reading, dir);
    let first = reached.segment;
    for (number, end) in segments.range(first..) {
        if *number > reached.segment {
            reached = Position {
                segment: *number,
                offset: 0,
                record: 0,
            };
        }
        let path = segment::path(dir, *number);
        reached = reading
            .segment(&path, reached, *end)
            .map_err(|e| CollectError::io(&path, &e))?;
        if reading.is_full() {
            break;
        }
    }
    Ok(Passage {
        events: reading.events,
        counts: reading.counts,
        remarks: reading.remarks,
        reached,
    })
}

/// A reading under way.
struct Reading<'r> {
    name: &'r SourceName,
    how: &'r Interpretation,
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
}

impl Reading<'_> {
    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.counts.bytes >= BATCH_BYTES
    }

    /// Takes the records of a frame from `from` on; gives the index of the first that did not fit, if any.
    fn take(&mut self, payload: &[u8], from: usize) -> Result<Option<usize>, Unreadable> {
        let Frame::Entry(Entry {
            key,
            received_at,
            sender,
            attributes,
            records,
        }) = Frame::decode(payload)?
        else {
            return Ok(None);
        };
        let told = attributes
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        for (index, record) in records.iter().enumerate().skip(from) {
            if self.is_full() {
                return Ok(Some(index));
            }
            let made_up = format!("{key}:{index}");
            let origin = Origin {
                source: self.name,
                id: record.id.as_deref().unwrap_or(&made_up),
                context: Context {
                    collected_at: received_at,
                    told_at: record.at,
                },
            };
            let mut found = self.how.events_told(&told, origin, &record.line);
            if let Some(sender) = &sender {
                found.iter_mut().for_each(|event| told_by(event, sender));
            }
            self.counts.bytes += record.line.len() as u64;
            self.counts.unparsed += found.iter().filter(|e| e.unparsed.is_some()).count() as u64;
            self.events.extend(found);
        }
        Ok(None)
    }

    fn damaged(&mut self, path: &Path, bytes: u64) {
        self.counts.lost_bytes += bytes;
        self.remarks.push(Remark::Damaged {
            path: path.to_owned(),
            bytes,
        });
    }

    /// Reads one segment on from `position`; gives the place reached.
    fn segment(&mut self, path: &Path, mut position: Position, end: u64) -> std::io::Result<Position> {
        let file = File::open(path)?;
        while !self.is_full() {
            match segment::read_at(&file, position.offset, end)? {
                At::Frame { payload, next } => match self.take(&payload, position.record) {
                    Ok(Some(record)) => position.record = record,
                    Ok(None) => {
                        position = Position {
                            offset: next,
                            record: 0,
                            ..position
                        }
                    }
                    Err(_) => {
                        self.damaged(path, next - position.offset);
                        position = Position {
                            offset: next,
                            record: 0,
                            ..position
                        };
                    }
                },
                At::Damage { next } => {
                    self.damaged(path, next - position.offset);
                    position = Position {
                        offset: next,
                        record: 0,
                        ..position
                    };
                }
                At::DamageToEnd => {
                    self.damaged(path, end - position.offset);
                    position = Position {
                        offset: end,
                        record: 0,
                        ..position
                    };
                }
                At::End => break,
            }
        }
        Ok(position)
    }
}

/// Who sent a line, where the line itself does not say: anybody can write any host name into it.
fn told_by(event: &mut Event, sender: &str) {
    if !event.fields().contains_key("sender") {
        event.insert("sender", sender);
    }
}

#[async_trait]
impl Source for SpoolSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let position: Position = from.decode(&self.name)?;
        let Passage {
            events,
            mut counts,
            remarks: found,
            reached,
        } = {
            let reading = self.reading(position);
            self.ahead.take(&self.name, position, reading).await?.0?
        };
        self.tally.tell(&mut counts);
        let (mut remarks, backlog) = {
            let mut state = lock(&self.spool.inner.state);
            state.read_to = reached;
            (std::mem::take(&mut state.remarks), state.backlog())
        };
        remarks.extend(self.spool.refuses().map(|reason| Remark::Refusing { reason }));
        remarks.extend(found);
        if backlog > 0 && reached != position {
            self.ahead.begin(reached, self.reading(reached));
        }
        let next = if reached == position {
            from.clone()
        } else {
            Cursor::encode(&reached, &self.name)?
        };
        Ok(Batch {
            events,
            next,
            more: backlog > 0,
            counts,
            remarks,
        })
    }

    async fn committed(&mut self, cursor: &Cursor) -> Result<(), CollectError> {
        self.tally.committed();
        let position: Position = cursor.decode(&self.name)?;
        let consumed: Vec<u64> = {
            let state = lock(&self.spool.inner.state);
            // The last segment stays, since the numbering and the keys go on from it.
            let last = state.segments.keys().next_back().copied().unwrap_or(0);
            state
                .segments
                .range(..position.segment.min(last))
                .map(|(number, _)| *number)
                .collect()
        };
        for number in consumed {
            let path = segment::path(&self.spool.inner.dir, number);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CollectError::io(&path, &e));
                }
                _ => lock(&self.spool.inner.state).segments.remove(&number),
            };
        }
        Ok(())
    }
}

/// Where reading begins: the cursor's place, unless the spool was emptied by hand and does not reach that far.
fn start_of(
    position: Position,
    segments: &BTreeMap<u64, u64>,
    reading: &mut Reading<'_>,
    dir: &Path,
) -> Position {
    let last = segments
        .last_key_value()
        .map_or((0, 0), |(number, length)| (*number, *length));
    if (position.segment, position.offset) <= last {
        return position;
    }
    reading.counts.gaps += 1;
    reading.remarks.push(Remark::LostTail {
        path: dir.to_owned(),
        bytes: 0,
    });
    Position::default()
}
