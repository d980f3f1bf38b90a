//! What the log commits to, compared with what stands in the database.

use crate::body::read;
use crate::statement::sql;
use crate::{StoreError, Tx};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use watchkeeper_domain::audit::Misfit;
use watchkeeper_domain::incident::TimelineEntry;

/// The action of a record that commits to entries of a timeline.
pub(crate) const WRITTEN: &str = "timeline.written";
/// The action of a record that says of what somebody was taken out.
pub const CONTACT_ERASED: &str = "contact.erased";

/// How many rows are read at a time.
const CHUNK: i64 = 1_000;

/// What a record says of entries.
#[derive(Deserialize)]
struct Written {
    /// By id, the commitment.
    entries: BTreeMap<String, String>,
}

/// What a record says of an erasure.
#[derive(Deserialize)]
struct ErasedFrom {
    #[serde(default)]
    entries: Vec<String>,
}

/// The commitments of the log.
#[derive(Default)]
struct Commitments {
    /// By entry: the record, and the commitment.
    by_entry: HashMap<String, (i64, String)>,
    erased: HashSet<String>,
    /// When the first entry was committed to, in microseconds: entries from before may be in no record.
    since: Option<i64>,
    last: i64,
}

impl Tx {
    /// Compares every entry of every timeline with the record that commits to it; gives how many are as they were written. What somebody
    /// was taken out of must be named by a record that says so. Entries from before timelines were committed to are passed over.
    pub(crate) async fn verify_timelines(&mut self) -> Result<Result<u64, Misfit>, StoreError> {
        let mut log = self.commitments().await?;
        let Some(since) = log.since else {
            return Ok(Ok(0));
        };
        let (mut place, mut fit) = (i64::MIN, 0);
        loop {
            let rows = sql("SELECT position, recorded_at, id, body FROM timeline_entry WHERE position > $1 ORDER BY position LIMIT $2")
                .bind(place)
                .bind(CHUNK);
            let rows = self.all::<(i64, i64, String, String)>(rows).await?;
            let Some((last, ..)) = rows.last() else { break };
            place = *last;
            for (_, recorded_at, id, body) in rows {
                let misfit = |seq, what: String| Ok(Err(Misfit { seq, what }));
                let entry: TimelineEntry = read("timeline entry", &id, &body)?;
                let stands = entry.id.as_str() == id;
                match log.by_entry.remove(&id) {
                    Some(_) if log.erased.contains(&id) => {}
                    Some((_, commitment)) if stands && commitment == entry.commitment() => fit += 1,
                    Some((seq, _)) => {
                        let what = format!(
                            "it commits to entry {id} of the timeline of {}, which is not as it was written: it was changed",
                            entry.matter.as_str()
                        );
                        return misfit(seq, what);
                    }
                    None if recorded_at < since => {}
                    None => {
                        let what = format!(
                            "no record up to this one knows entry {id} of the timeline of {}: it was put in past the log",
                            entry.matter.as_str()
                        );
                        return misfit(log.last, what);
                    }
                }
            }
        }
        Ok(match log.by_entry.into_iter().min_by_key(|(_, (seq, _))| *seq) {
            Some((id, (seq, _))) => Err(Misfit {
                seq,
                what: format!("it commits to entry {id} of a timeline, which is not there: it was removed"),
            }),
            None => Ok(fit),
        })
    }

    async fn commitments(&mut self) -> Result<Commitments, StoreError> {
        let mut log = Commitments::default();
        let mut last = i64::MIN;
        loop {
            let rows = sql(
                "SELECT seq, at, action, detail FROM audit WHERE action IN ($1, $2) AND seq > $3 ORDER BY seq LIMIT $4",
            )
            .bind(WRITTEN)
            .bind(CONTACT_ERASED)
            .bind(last)
            .bind(CHUNK);
            let rows = self.all::<(i64, i64, String, String)>(rows).await?;
            let Some((newest, ..)) = rows.last() else {
                return Ok(log);
            };
            last = *newest;
            for (seq, at, action, detail) in rows {
                log.last = seq;
                if action == WRITTEN {
                    let written: Written = read("audit record", &seq.to_string(), &detail)?;
                    log.since.get_or_insert(at);
                    for (id, commitment) in written.entries {
                        log.by_entry.insert(id, (seq, commitment));
                    }
                } else {
                    let erased: ErasedFrom = read("audit record", &seq.to_string(), &detail)?;
                    log.erased.extend(erased.entries);
                }
            }
        }
    }
}
