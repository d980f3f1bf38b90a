//! The record that cannot be quietly changed: a hash chain whose head is one row. Updating that row first puts appends in one
//! order, so numbers have no gaps and every record names the one before it, on one machine and on many.

use crate::dialect;
use crate::page::{Page, PageRequest};
use crate::statement::{instant, micros, sql};
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use std::ops::Range;
use watchkeeper_domain::audit::note::{Note, VerifierKey};
use watchkeeper_domain::audit::tree::{self, Edge, Hash, Node};
use watchkeeper_domain::audit::{Kept, Misfit, NewRecord, Record, Verified, Verifier};
use watchkeeper_domain::clock::to_microseconds;
use watchkeeper_domain::id::bytes_of;
use watchkeeper_domain::words::second;

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The id of what was changed.
    pub subject: Option<String>,
    /// What was done: `notice.approved`.
    pub action: Option<String>,
}

/// How many records are verified at a time.
const CHUNK: u32 = 1_000;

type RecordRow = (i64, i64, String, String, String, String, String, String);

const COLUMNS: &str = "SELECT seq, at, actor, action, subject, detail, prev_hash, hash FROM audit";

fn record(
    (seq, at, actor, action, subject, detail, prev_hash, hash): RecordRow,
) -> Result<Record, StoreError> {
    Ok(Record {
        seq,
        at: instant(at)?,
        actor,
        action,
        subject,
        detail,
        prev_hash,
        hash,
    })
}

impl Tx {
    /// Waits for this transaction's turn to append: whoever changes several things and records it takes the turn first, so that two
    /// of them never wait for each other. SQLite has one writer at a time anyway.
    pub async fn take_turn(&mut self) -> Result<(), StoreError> {
        let turn = sql("SELECT seq FROM audit_head WHERE id = 1").and(dialect::lock_row(self.engine()));
        self.one::<(i64,)>(turn).await?;
        Ok(())
    }

    /// Appends a record. Until the transaction ends nobody else can append.
    pub async fn record(&mut self, new: &NewRecord, at: DateTime<Utc>) -> Result<Record, StoreError> {
        let next = sql("UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash");
        let (seq, prev_hash): (i64, String) = self.one(next).await?;
        let record = Record::follow(seq, &prev_hash, new, to_microseconds(at));
        let insert = sql(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, prev_hash, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(record.seq)
        .bind(micros(record.at))
        .bind(record.actor.as_str())
        .bind(record.action.as_str())
        .bind(record.subject.as_str())
        .bind(record.detail.as_str())
        .bind(record.prev_hash.as_str())
        .bind(record.hash.as_str());
        self.execute(insert).await?;
        let head = sql("UPDATE audit_head SET hash = $1 WHERE id = 1").bind(record.hash.as_str());
        self.execute(head).await?;
        Ok(record)
    }

    /// Number and hash of the last record; 0 and the genesis hash where there is none.
    pub async fn audit_head(&mut self) -> Result<(i64, String), StoreError> {
        self.one(sql("SELECT seq, hash FROM audit_head WHERE id = 1"))
            .await
    }

    /// At most `limit` records that follow number `seq`, the oldest first.
    pub async fn audit_after(&mut self, seq: i64, limit: u32) -> Result<Vec<Record>, StoreError> {
        let rows = sql(COLUMNS).and(" WHERE seq > ").value(seq);
        let rows = rows.and(" ORDER BY seq LIMIT ").value(limit);
        self.all::<RecordRow>(rows)
            .await?
            .into_iter()
            .map(record)
            .collect()
    }

    /// The first record of an action on a subject.
    pub async fn audit_first(&mut self, action: &str, subject: &str) -> Result<Option<Record>, StoreError> {
        let first = sql(COLUMNS).and(" WHERE subject = ").value(subject);
        let first = first
            .and(" AND action = ")
            .value(action)
            .and(" ORDER BY seq LIMIT 1");
        self.first::<RecordRow>(first).await?.map(record).transpose()
    }

    /// A page of records, the newest first.
    pub async fn audit_page(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<Record>, StoreError> {
        let mut rows = sql(COLUMNS).and(" WHERE 1 = 1");
        if let Some(subject) = &filter.subject {
            rows = rows.and(" AND subject = ").value(subject.as_str());
        }
        if let Some(action) = &filter.action {
            rows = rows.and(" AND action = ").value(action.as_str());
        }
        if let Some((seq,)) = page.key::<(i64,)>("audit")? {
            rows = rows.and(" AND seq < ").value(seq);
        }
        let rows = rows.and(" ORDER BY seq DESC LIMIT ").value(page.rows());
        let rows = self.all::<RecordRow>(rows).await?;
        Page::cut(rows, page, "audit", |row| (row.0,), record)
    }
}

/// A signed checkpoint of the log, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// How many records it stands for.
    pub size: u64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The signed note.
    pub note: String,
}

type CheckpointRow = (i64, i64, String);

const CHECKPOINTS: &str = "SELECT size, at, note FROM audit_checkpoint";

fn checkpoint((size, at, note): CheckpointRow) -> Result<KeptCheckpoint, StoreError> {
    Ok(KeptCheckpoint {
        size: size.unsigned_abs(),
        at: instant(at)?,
        note,
    })
}

/// Nodes are kept at every eighth level.
const KEPT_LEVELS: u32 = 8;

/// A number as both databases keep it; a log never has so many records that it does not fit.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Tx {
    /// What the log's checkpoints are verified with; none before the service first started.
    pub async fn log_key(&mut self) -> Result<Option<VerifierKey>, StoreError> {
        let kept = self.setting(LOG_KEY).await?;
        let key = kept.map(|key| VerifierKey::read(&key)).transpose();
        key.map_err(|fault| StoreError::Corrupt {
            what: "setting",
            id: LOG_KEY.to_owned(),
            detail: fault.to_string(),
        })
    }

    /// The newest checkpoint.
    pub async fn last_checkpoint(&mut self) -> Result<Option<KeptCheckpoint>, StoreError> {
        let last = sql(CHECKPOINTS).and(" ORDER BY size DESC LIMIT 1");
        self.first::<CheckpointRow>(last)
            .await?
            .map(checkpoint)
            .transpose()
    }

    /// The first checkpoint that stands for record `seq` as well.
    pub async fn checkpoint_with(&mut self, seq: i64) -> Result<Option<KeptCheckpoint>, StoreError> {
        let first = sql(CHECKPOINTS).and(" WHERE size >= ").value(seq);
        self.first::<CheckpointRow>(first.and(" ORDER BY size LIMIT 1"))
            .await?
            .map(checkpoint)
            .transpose()
    }

    /// Checkpoints of more than `after` and at most `upto` records, the smallest first.
    pub async fn checkpoints_between(
        &mut self,
        after: i64,
        upto: i64,
    ) -> Result<Vec<KeptCheckpoint>, StoreError> {
        let between = sql(CHECKPOINTS).and(" WHERE size > ").value(after);
        let between = between.and(" AND size <= ").value(upto).and(" ORDER BY size");
        let rows = self.all::<CheckpointRow>(between).await?;
        rows.into_iter().map(checkpoint).collect()
    }

    /// Keeps a checkpoint, and those of the nodes that were completed since the last one which are kept.
    pub async fn keep_checkpoint(
        &mut self,
        checkpoint: &KeptCheckpoint,
        completed: &[(Node, Hash)],
    ) -> Result<(), StoreError> {
        let kept = |node: &Node| node.level > 0 && node.level.is_multiple_of(KEPT_LEVELS);
        for (node, hash) in completed.iter().filter(|(node, _)| kept(node)) {
            let insert = sql("INSERT INTO audit_node (level, position, hash) VALUES ($1, $2, $3)")
                .bind(i64::from(node.level))
                .bind(number(node.index))
                .bind(hex::encode(hash).as_str());
            self.execute(insert).await?;
        }
        let insert = sql("INSERT INTO audit_checkpoint (size, at, note) VALUES ($1, $2, $3)")
            .bind(number(checkpoint.size))
            .bind(micros(checkpoint.at))
            .bind(checkpoint.note.as_str());
        self.execute(insert).await?;
        Ok(())
    }

    /// The tree over the first `size` records, to go on from. The nodes below must be kept: no more than the last checkpoint has.
    pub async fn audit_tree(&mut self, size: u64) -> Result<Edge, StoreError> {
        Ok(Edge::of(size, self.audit_peaks(0..size).await?))
    }

    /// The hashes over ranges of leaves, as a proof asks for them.
    pub async fn audit_hashes(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Hash>, StoreError> {
        let mut hashes = Vec::with_capacity(ranges.len());
        for range in ranges {
            hashes.extend(tree::over(&self.audit_peaks(range.clone()).await?));
        }
        Ok(hashes)
    }

    /// The hashes of the perfect trees that cover these leaves.
    async fn audit_peaks(&mut self, leaves: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let mut peaks = Vec::new();
        for node in tree::peaks(leaves) {
            peaks.push(self.audit_node(node).await?);
        }
        Ok(peaks)
    }

    /// The hash of a node: kept, or made from at most 128 nodes or leaves that are.
    async fn audit_node(&mut self, node: Node) -> Result<Hash, StoreError> {
        let below = node.level - node.level % KEPT_LEVELS;
        let (first, count) = (node.index << (node.level - below), 1_u64 << (node.level - below));
        let rows = if below == 0 {
            sql("SELECT hash FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq")
                .bind(number(first))
                .bind(number(first + count))
        } else {
            sql("SELECT hash FROM audit_node WHERE level = $1 AND position >= $2 AND position < $3 ORDER BY position")
                .bind(i64::from(below))
                .bind(number(first))
                .bind(number(first + count))
        };
        let rows = self.all::<(String,)>(rows).await?;
        let gone = |detail: &str| StoreError::Corrupt {
            what: "audit tree",
            id: format!("{}/{}", node.level, node.index),
            detail: detail.to_owned(),
        };
        if rows.len() as u64 != count {
            return Err(gone(
                "records or nodes below it are missing; run `watchkeeper audit verify`",
            ));
        }
        let mut edge = Edge::default();
        for (hash,) in rows {
            let hash = bytes_of(&hash)
                .ok_or_else(|| gone("a hash below it is no SHA-256; run `watchkeeper audit verify`"))?;
            edge.push(if below == 0 { tree::leaf(&hash) } else { hash });
        }
        Ok(edge.root())
    }
}

/// Under this name the setting has what the log's checkpoints are verified with.
pub const LOG_KEY: &str = "log_key";

impl Store {
    /// Walks along the whole log, a thousand records at a time, as it stood at one instant, and compares it with the checkpoints that
    /// it kept and with those that were kept elsewhere, then every timeline with what the log commits to. Its own are verified with `key`, else with the key that the store keeps. The
    /// inner result tells the first record that does not fit.
    pub async fn verify_audit(
        &self,
        key: Option<&VerifierKey>,
        kept: Vec<Kept>,
    ) -> Result<Result<Verified, Misfit>, StoreError> {
        let mut tx = self.read().await?;
        let (head_seq, head_hash) = tx.audit_head().await?;
        let key = match key {
            Some(key) => Some(key.clone()),
            None => tx.log_key().await?,
        };
        let mut verifier = Verifier::default();
        for kept in kept {
            verifier.expect(kept);
        }
        // Where a record was forced in with a number below 1, the walk must meet it as well.
        let mut last = i64::MIN;
        loop {
            let records = tx.audit_after(last, CHUNK).await?;
            let upto = records.last().map_or(i64::MAX, |newest| newest.seq);
            for checkpoint in tx.checkpoints_between(last, upto).await? {
                match own_checkpoint(&checkpoint, key.as_ref()) {
                    Ok(kept) => verifier.expect(kept),
                    Err(what) => {
                        let seq = number(checkpoint.size);
                        return Ok(Err(Misfit { seq, what }));
                    }
                }
            }
            if records.is_empty() {
                let verified = match verifier.finish(head_seq, &head_hash) {
                    Ok(verified) => verified,
                    Err(misfit) => return Ok(Err(misfit)),
                };
                let entries = tx.verify_timelines().await?;
                return Ok(entries.map(|entries| Verified { entries, ..verified }));
            }
            last = upto;
            if let Some(misfit) = records.iter().find_map(|record| verifier.check(record).err()) {
                return Ok(Err(misfit));
            }
        }
    }
}

/// What a checkpoint of the store itself says, if its signature is good.
fn own_checkpoint(checkpoint: &KeptCheckpoint, key: Option<&VerifierKey>) -> Result<Kept, String> {
    let what = format!("the database's checkpoint of {}", second(checkpoint.at));
    let key = key.ok_or_else(|| format!("{what} cannot be verified: the key `{LOG_KEY}` was removed"))?;
    let signed = Note::read(&checkpoint.note).and_then(|note| note.checkpoint(key));
    let signed = signed.map_err(|fault| format!("{what} is not as it was signed: {fault}"))?;
    if signed.size != checkpoint.size {
        return Err(format!(
            "{what} stands for {} records, not {}",
            signed.size, checkpoint.size
        ));
    }
    Ok(Kept {
        size: signed.size,
        root: signed.root,
        what,
    })
}
