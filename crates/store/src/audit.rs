//! The record that cannot be quietly changed: a hash chain whose head is one row. Updating that row first puts appends in one
//! order, so numbers have no gaps and every record names the one before it, on one machine and on many.

use crate::dialect;
use crate::page::{Page, PageRequest};
use crate::statement::{instant, micros, sql};
use crate::{Store, StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::audit::{Misfit, NewRecord, Record, Verifier};
use watchkeeper_domain::clock::to_microseconds;

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

impl Store {
    /// Walks along the whole log, a thousand records at a time, as it stood at one instant. The inner result is the number of
    /// records that fit, or the first one that does not.
    pub async fn verify_audit(&self) -> Result<Result<i64, Misfit>, StoreError> {
        let mut tx = self.read().await?;
        let (head_seq, head_hash) = tx.audit_head().await?;
        let mut verifier = Verifier::default();
        // Where a record was forced in with a number below 1, the walk must meet it as well.
        let mut last = i64::MIN;
        loop {
            let records = tx.audit_after(last, CHUNK).await?;
            let Some(newest) = records.last() else {
                return Ok(verifier.finish(head_seq, &head_hash));
            };
            last = newest.seq;
            if let Some(misfit) = records.iter().find_map(|record| verifier.check(record).err()) {
                return Ok(Err(misfit));
            }
        }
    }
}
