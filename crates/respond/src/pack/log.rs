//! The audit log as it is exported, its newest checkpoint, and a proof for every letter that a mail server took.

use super::Pack;
use crate::desk::RespondError;
use crate::seal::{line, prove_by};
use crate::table::unwritten;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use std::io::{Seek, Write};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::Record;
use watchkeeper_store::KeptCheckpoint;

/// How many records are read at a time.
const CHUNK: u32 = 1_000;

/// Something that was done to a notice, as the log has it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Act {
    /// The number of the record.
    pub(super) record: i64,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What.
    pub(super) action: String,
    /// Who, by name.
    pub(super) by: String,
    /// Who, as the log has it.
    pub(super) actor: Value,
    /// The digest of every letter, as it was then.
    pub(super) content_hash: Option<String>,
}

impl<W: Write + Seek + Send> Pack<'_, W> {
    pub(super) async fn write_log(&mut self) -> Result<(), RespondError> {
        let (head, _) = self.tx.audit_head().await?;
        let head = usize::try_from(head).unwrap_or_default();
        self.archive.begin("log/log.jsonl")?;
        let mut proved = Vec::new();
        let mut last = i64::MIN;
        loop {
            self.tell("log", usize::try_from(last).unwrap_or_default(), head);
            let records = self.tx.audit_after(last, CHUNK).await?;
            let Some(newest) = records.last() else {
                break;
            };
            last = newest.seq;
            for record in &records {
                let mut text = line(record)?;
                text.push('\n');
                self.archive.write_all(text.as_bytes()).map_err(unwritten)?;
                if self.took_a_letter(record) {
                    proved.push(record.seq);
                }
                self.note_act(record);
            }
        }
        let key = format!("{}\n", self.desk.log_key());
        self.archive.file("log/key.txt", key.as_bytes())?;
        if let Some(checkpoint) = self.tx.last_checkpoint().await? {
            self.archive
                .file("log/checkpoint.txt", checkpoint.note.as_bytes())?;
            self.write_proofs(&proved, &checkpoint).await?;
        }
        Ok(())
    }

    /// Whether the record says that a mail server took a letter of this pack.
    fn took_a_letter(&self, record: &Record) -> bool {
        let accepted = || {
            let detail: Option<Value> = serde_json::from_str(&record.detail).ok();
            detail.is_some_and(|detail| detail["outcome"] == "accepted")
        };
        record.action == "delivery.attempted"
            && record
                .subject
                .parse()
                .is_ok_and(|id| self.deliveries.contains(&id))
            && accepted()
    }

    /// Keeps what the log says of a notice of this pack.
    fn note_act(&mut self, record: &Record) {
        let Some(acts) = record
            .subject
            .parse()
            .ok()
            .and_then(|id| self.notices.get_mut(&id))
        else {
            return;
        };
        let detail: Value = serde_json::from_str(&record.detail).unwrap_or_default();
        let actor: Value = serde_json::from_str(&record.actor).unwrap_or_default();
        let by = serde_json::from_value::<Actor>(actor.clone());
        acts.push(Act {
            record: record.seq,
            at: record.at,
            action: record.action.clone(),
            by: by.map_or_else(|_| record.actor.clone(), |by| super::called(&self.people, &by)),
            actor,
            content_hash: detail["content_hash"].as_str().map(str::to_owned),
        });
    }

    async fn write_proofs(
        &mut self,
        records: &[i64],
        checkpoint: &KeptCheckpoint,
    ) -> Result<(), RespondError> {
        for (done, seq) in records.iter().enumerate() {
            self.tell("proofs", done, records.len());
            let index = u64::try_from(seq - 1).unwrap_or(u64::MAX);
            // A checkpoint that was made before the last records cannot prove them; the next pack does.
            if index >= checkpoint.size {
                continue;
            }
            let record = self.tx.audit_after(seq - 1, 1).await?.into_iter().next();
            let Some(record) = record.filter(|record| record.seq == *seq) else {
                continue;
            };
            let proof = prove_by(&mut self.tx, &record, index, checkpoint).await?;
            let path = format!("log/proofs/{}.tlog-proof", record.subject);
            self.archive.file(path, proof.text().as_bytes())?;
        }
        Ok(())
    }
}
