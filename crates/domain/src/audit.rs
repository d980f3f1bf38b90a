//! The record that cannot be quietly changed: every change of state is a record, and each record carries the hash of the one before.

pub mod commitment;
pub mod note;
pub mod tree;

use crate::actor::Actor;
use crate::id::{bytes_of, digest};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What the first record of a log names as the one before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A change of state that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Who changed it.
    pub actor: Actor,
    /// What was done: `incident.opened`, `notice.approved`.
    pub action: &'static str,
    /// The id of what was changed.
    pub subject: String,
    /// What changed, as JSON; ids and hashes, no personal data.
    pub detail: serde_json::Value,
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Gap-free, from 1.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as JSON: kept as the text that was hashed.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What changed, as the JSON text that was hashed.
    pub detail: String,
    /// The hash of the record before.
    pub prev_hash: String,
    /// The hash of this one.
    pub hash: String,
}

impl Record {
    /// The record that follows one with number `seq - 1` and hash `prev_hash`.
    #[must_use]
    pub fn follow(seq: i64, prev_hash: &str, new: &NewRecord, at: DateTime<Utc>) -> Self {
        let actor = serde_json::to_string(&new.actor).unwrap_or_default();
        let mut record = Self {
            seq,
            at,
            actor,
            action: new.action.to_owned(),
            subject: new.subject.clone(),
            detail: new.detail.to_string(),
            prev_hash: prev_hash.to_owned(),
            hash: String::new(),
        };
        record.hash = record.digest();
        record
    }

    /// The hash of its leaf in the tree over the log; `None` where its hash is no SHA-256.
    #[must_use]
    pub fn leaf(&self) -> Option<tree::Hash> {
        bytes_of(&self.hash).map(|hash| tree::leaf(&hash))
    }

    /// The hash that this record must have: SHA-256 over number, instant (microseconds), actor, action, subject, detail and the hash
    /// before, each preceded by its length as eight bytes, big-endian.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&[
            &self.seq.to_string(),
            &self.at.timestamp_micros().to_string(),
            &self.actor,
            &self.action,
            &self.subject,
            &self.detail,
            &self.prev_hash,
        ])
    }
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("record {seq} does not fit: {what}")]
pub struct Misfit {
    /// The first record that does not fit.
    pub seq: i64,
    /// What is wrong with it.
    pub what: String,
}

/// A checkpoint that was kept, which the log must still fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How many records it stands for.
    pub size: u64,
    /// The root over them.
    pub root: tree::Hash,
    /// Which checkpoint it is and where it was kept, as an auditor would name it.
    pub what: String,
}

/// A log that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many records it has.
    pub records: i64,
    /// The hash of the last one.
    pub head: String,
    /// How many checkpoints it was compared with.
    pub checkpoints: u64,
    /// How many records the largest of them stands for: what follows can still be cut off unseen.
    pub sealed: u64,
    /// How many entries of timelines are as the log commits to; 0 where the log alone was looked at.
    pub entries: u64,
}

/// A verdict on a log, as programs read it.
#[must_use]
pub fn verdict(of: &Result<Verified, Misfit>) -> serde_json::Value {
    match of {
        Ok(Verified {
            records,
            head,
            checkpoints,
            sealed,
            entries,
        }) => {
            json!({"ok": true, "records": records, "head": head, "checkpoints": checkpoints, "sealed": sealed, "entries": entries})
        }
        Err(misfit) => json!({"ok": false, "misfit": misfit}),
    }
}

/// Walks along a log, record by record.
#[derive(Debug, Clone)]
pub struct Verifier {
    seq: i64,
    hash: String,
    edge: tree::Edge,
    /// By size.
    kept: BTreeMap<u64, Vec<Kept>>,
    checkpoints: u64,
    sealed: u64,
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            seq: 0,
            hash: GENESIS.to_owned(),
            edge: tree::Edge::default(),
            kept: BTreeMap::new(),
            checkpoints: 0,
            sealed: 0,
        }
    }
}

impl Verifier {
    /// Goes on where a log of this tree ends with the record of this hash.
    #[must_use]
    pub fn from(edge: tree::Edge, hash: String) -> Self {
        Self {
            seq: i64::try_from(edge.size()).unwrap_or(i64::MAX),
            hash,
            edge,
            ..Self::default()
        }
    }

    /// The tree over the records so far.
    #[must_use]
    pub fn tree(&self) -> &tree::Edge {
        &self.edge
    }

    /// The log must fit this checkpoint, too. It is compared when the walk comes to its last record, so say it before.
    pub fn expect(&mut self, kept: Kept) {
        self.kept.entry(kept.size).or_default().push(kept);
    }

    /// Checks the next record; gives the nodes of the tree that it completes.
    ///
    /// # Errors
    /// Says which record does not fit and why.
    pub fn check(&mut self, record: &Record) -> Result<Vec<(tree::Node, tree::Hash)>, Misfit> {
        let misfit = |what: String| {
            Err(Misfit {
                seq: record.seq,
                what,
            })
        };
        if record.seq != self.seq + 1 {
            return misfit(format!(
                "record {} was expected here; a record was removed or the order was changed",
                self.seq + 1
            ));
        }
        if record.prev_hash != self.hash {
            return misfit(format!(
                "it names {} as the hash before, but that is {}",
                record.prev_hash, self.hash
            ));
        }
        let digest = record.digest();
        let Some(leaf) = record.leaf().filter(|_| record.hash == digest) else {
            return misfit(format!(
                "its hash is {}, but its content gives {digest}; it was changed",
                record.hash
            ));
        };
        self.seq = record.seq;
        self.hash.clone_from(&record.hash);
        let completed = self.edge.push(leaf);
        self.compare()?;
        Ok(completed)
    }

    /// Compares the tree with the checkpoints of its size.
    fn compare(&mut self) -> Result<(), Misfit> {
        let size = self.edge.size();
        let Some(kept) = self.kept.remove(&size) else {
            return Ok(());
        };
        let root = self.edge.root();
        for kept in kept {
            if kept.root != root {
                let what = format!(
                    "the records up to this one are not those that {} stands for, though their hashes fit one another: one after \
                     number {} was changed, and the hashes with it",
                    kept.what, self.sealed
                );
                return Err(Misfit { seq: self.seq, what });
            }
            self.checkpoints += 1;
        }
        self.sealed = size;
        Ok(())
    }

    /// Checks that the log ends where its head says, and not before a checkpoint.
    ///
    /// # Errors
    /// Says that the tail was cut off.
    pub fn finish(self, head_seq: i64, head_hash: &str) -> Result<Verified, Misfit> {
        if self.seq != head_seq || (self.hash != head_hash) {
            return Err(self.cut(format!(
                "the log should end with record {head_seq} ({head_hash}), but ends with {} ({})",
                self.seq, self.hash
            )));
        }
        self.end()
    }

    /// Checks that the log does not end before a checkpoint: all that can be asked where nothing says which record is its last.
    ///
    /// # Errors
    /// Says that the tail was cut off.
    pub fn end(self) -> Result<Verified, Misfit> {
        if let Some((size, kept)) = self.kept.last_key_value() {
            let what = kept.first().map_or("a checkpoint", |kept| &kept.what);
            return Err(self.cut(format!(
                "the log ends with record {}, but {what} stands for {size} records: its tail was cut off",
                self.seq
            )));
        }
        Ok(Verified {
            records: self.seq,
            head: self.hash,
            checkpoints: self.checkpoints,
            sealed: self.sealed,
            entries: 0,
        })
    }

    /// Nothing follows the record that was checked last, though something should.
    fn cut(&self, what: String) -> Misfit {
        Misfit {
            seq: self.seq + 1,
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(n: i64) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        for seq in 1..=n {
            let prev = records.last().map_or(GENESIS.to_owned(), |r| r.hash.clone());
            let new = NewRecord {
                actor: Actor::Operator,
                action: "incident.opened",
                subject: format!("inc_{seq}"),
                detail: serde_json::json!({"n": seq}),
            };
            records.push(Record::follow(seq, &prev, &new, DateTime::UNIX_EPOCH));
        }
        records
    }

    fn first_misfit(records: &[Record]) -> Option<i64> {
        let mut verifier = Verifier::default();
        records
            .iter()
            .find_map(|record| verifier.check(record).err())
            .map(|misfit| misfit.seq)
    }

    #[test]
    fn an_untouched_log_fits() {
        assert_eq!(first_misfit(&log(5)), None);
    }

    #[test]
    fn a_changed_a_removed_and_a_moved_record_are_named() {
        let mut changed = log(5);
        changed[2].detail = "{\"n\":4}".to_owned();
        assert_eq!(first_misfit(&changed), Some(3));

        let mut removed = log(5);
        removed.remove(2);
        assert_eq!(first_misfit(&removed), Some(4));

        let mut moved = log(5);
        moved.swap(1, 2);
        assert_eq!(first_misfit(&moved), Some(3));
    }

    #[test]
    fn a_cut_tail_is_found_by_the_head() {
        let whole = log(5);
        let mut verifier = Verifier::default();
        for record in &whole[..3] {
            verifier.check(record).expect("fits");
        }
        assert_eq!(verifier.finish(5, &whole[4].hash).map_err(|m| m.seq), Err(4));
    }
}
