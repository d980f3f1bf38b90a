//! Several threads on one sequence of blocks: read in order, judged side by side, told in order.
//!
//! There is no thread that only reads and none that only tells. Each takes a turn at reading and judges what it has read, which is in
//! its core's cache; who has judged a block tells what is due, unless somebody else is telling, who then goes on with it. So no more
//! threads are at work than were asked for, and none is woken for each block.

use super::input::Files;
use super::judge::{Judge, Outcome};
use super::{BLOCKS_PER_THREAD, Writer};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Judges what is in `files`, each of the `judges` on a thread of its own, and tells it in order.
///
/// # Errors
/// What cannot be read or written. What was read before is told.
pub(super) fn judge_all(files: Files, judges: Vec<Judge>, writer: &mut Writer) -> Result<(), String> {
    let blocks = judges.len() * BLOCKS_PER_THREAD;
    let turns = Turns {
        reading: Mutex::new(Reading {
            files,
            next: 0,
            fault: None,
        }),
        telling: Mutex::new(Telling {
            writer: Some(writer),
            due: BTreeMap::new(),
            next: 0,
            free: (0..blocks).map(|_| Outcome::default()).collect(),
            fault: None,
        }),
        freed: Condvar::new(),
    };
    let mut judges = judges.into_iter();
    let own = judges.next();
    std::thread::scope(|scope| {
        for judge in judges {
            scope.spawn(|| turns.take(judge));
        }
        if let Some(judge) = own {
            turns.take(judge);
        }
    });
    let read = turns.reading.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = turns.telling.into_inner().unwrap_or_else(PoisonError::into_inner);
    told.fault.or(read.fault).map_or(Ok(()), Err)
}

struct Turns<'w> {
    reading: Mutex<Reading>,
    telling: Mutex<Telling<'w>>,
    /// A block is free, or nothing more is told.
    freed: Condvar,
}

struct Reading {
    files: Files,
    /// The number of the next block.
    next: u64,
    /// Why nothing more can be read.
    fault: Option<String>,
}

struct Telling<'w> {
    /// None while somebody tells.
    writer: Option<&'w mut Writer>,
    /// What is judged and not told yet, by number.
    due: BTreeMap<u64, Outcome>,
    /// The number of the block that is told next.
    next: u64,
    /// Blocks to be filled: no more memory is used than for those there are. The one that was used last is the next.
    free: Vec<Outcome>,
    /// Why nothing more can be told.
    fault: Option<String>,
}

impl<'w> Turns<'w> {
    fn take(&self, mut judge: Judge) {
        let _guard = StopsTheOthers(self);
        while let Some(mut outcome) = self.free() {
            let Some(number) = self.read(&mut outcome) else {
                return;
            };
            judge.judge(&mut outcome);
            self.tell(number, outcome);
        }
    }

    fn telling(&self) -> MutexGuard<'_, Telling<'w>> {
        // Safe to go on with: it is changed in whole steps, and who panicked has said that it is over.
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block to be filled; none where nothing more is told. Blocks that are not free are being judged or due, and the one that the
    /// others wait for is never among those that wait for a block.
    fn free(&self) -> Option<Outcome> {
        let mut telling = self.telling();
        while telling.fault.is_none() {
            if let Some(outcome) = telling.free.pop() {
                return Some(outcome);
            }
            telling = self.freed.wait(telling).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Fills a block and numbers it; none where there is nothing more to be read.
    fn read(&self, outcome: &mut Outcome) -> Option<u64> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.fault.is_some() {
            return None;
        }
        match reading.files.next(&mut outcome.block) {
            Ok(true) => {
                reading.next += 1;
                Some(reading.next - 1)
            }
            Ok(false) => None,
            Err(fault) => {
                reading.fault = Some(fault);
                None
            }
        }
    }

    /// Puts a block that was judged among those that are due, and tells what follows on what was told, where nobody else does.
    fn tell(&self, number: u64, outcome: Outcome) {
        let mut telling = self.telling();
        telling.due.insert(number, outcome);
        let Some(writer) = telling.writer.take() else {
            return;
        };
        while let Some(mut outcome) = telling.take_due() {
            drop(telling);
            let written = writer.write(&mut outcome);
            telling = self.telling();
            telling.free.push(outcome);
            if let Err(fault) = written {
                telling.fault = Some(fault);
                self.freed.notify_all();
                return;
            }
            self.freed.notify_one();
        }
        telling.writer = Some(writer);
    }
}

impl Telling<'_> {
    fn take_due(&mut self) -> Option<Outcome> {
        let outcome = self.due.remove(&self.next)?;
        self.next += 1;
        Some(outcome)
    }
}

/// Where its thread panics, nobody waits for what it would have told.
struct StopsTheOthers<'t, 'w>(&'t Turns<'w>);

impl Drop for StopsTheOthers<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.telling().fault = Some("a thread that judges has stopped".to_owned());
            self.0.freed.notify_all();
        }
    }
}
