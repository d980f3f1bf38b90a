//! What is remembered of the events of a group: each by itself while undecided, as sums once a detection is open.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use watchkeeper_domain::detection::{EVIDENCE_LIMIT, TENANT_LIMIT};

/// How many distinct values a detection counts exactly; beyond, it says "more than".
pub(crate) const VALUES_COUNTED: usize = 1_000;

/// How many of the distinct values a detection names.
const VALUES_NAMED: usize = 5;

/// More actors than this by one field, and the field says nothing about who it was (see `Detection::entities`).
pub(crate) const ACTORS_NAMED: usize = 3;

/// One event that counts, while its group is undecided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When it counts: when it happened, or when it was collected if it claims to be from the future.
    pub(crate) at: i64,
    /// Index of its source.
    pub(crate) source: u32,
    pub(crate) event: String,
    pub(crate) tenants: Vec<String>,
    /// Index of the actor field, and the actor.
    pub(crate) actors: Vec<(u32, String)>,
    /// The value that is counted, for rules that count values.
    pub(crate) value: Option<String>,
    /// How many events it stands for: more than one where repeated values were put together.
    pub(crate) weight: u64,
    /// When the event says it happened, and its line; dropped in the middle of long windows.
    pub(crate) line: Option<(i64, String)>,
}

/// An event kept as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) source: u32,
    pub(crate) event: String,
    pub(crate) at: i64,
    pub(crate) raw: String,
}

/// What the events of a detection say about one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) events: u64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) first: (u32, String),
}

/// The sums of a detection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) events: u64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) tenants: BTreeMap<String, Trace>,
    pub(crate) tenants_dropped: u64,
    /// By actor field; one more than [`ACTORS_NAMED`] means "many".
    pub(crate) actors: BTreeMap<u32, BTreeSet<String>>,
    pub(crate) head: Vec<Kept>,
    pub(crate) tail: VecDeque<Kept>,
    /// Hashes of the distinct values.
    pub(crate) values: BTreeSet<u64>,
    pub(crate) values_named: Vec<String>,
}

impl Figures {
    /// Adds an event.
    pub(crate) fn take(&mut self, record: Record) {
        let first = self.events == 0;
        self.events += record.weight;
        self.first_at = if first {
            record.at
        } else {
            self.first_at.min(record.at)
        };
        self.last_at = if first {
            record.at
        } else {
            self.last_at.max(record.at)
        };
        for tenant in &record.tenants {
            self.trace(tenant, &record);
        }
        for (field, actor) in &record.actors {
            let actors = self.actors.entry(*field).or_default();
            if actors.len() <= ACTORS_NAMED {
                actors.insert(actor.clone());
            }
        }
        if let Some(value) = &record.value
            && self.values.len() <= VALUES_COUNTED
            && self.values.insert(hash(&[value]))
            && self.values_named.len() < VALUES_NAMED
        {
            self.values_named.push(value.clone());
        }
        if let Some((at, raw)) = record.line {
            self.keep(Kept {
                source: record.source,
                event: record.event,
                at,
                raw,
            });
        }
    }

    fn trace(&mut self, tenant: &str, record: &Record) {
        if let Some(trace) = self.tenants.get_mut(tenant) {
            trace.events += record.weight;
            if record.at < trace.first_at {
                trace.first_at = record.at;
                trace.first = (record.source, record.event.clone());
            }
            trace.last_at = trace.last_at.max(record.at);
        } else if self.tenants.len() < TENANT_LIMIT {
            let trace = Trace {
                events: record.weight,
                first_at: record.at,
                last_at: record.at,
                first: (record.source, record.event.clone()),
            };
            self.tenants.insert(tenant.to_owned(), trace);
        } else {
            self.tenants_dropped += record.weight;
        }
    }

    fn keep(&mut self, kept: Kept) {
        if self.head.len() < EVIDENCE_LIMIT / 2 {
            self.head.push(kept);
            return;
        }
        self.tail.push_back(kept);
        if self.tail.len() > EVIDENCE_LIMIT - EVIDENCE_LIMIT / 2 {
            self.tail.pop_front();
        }
    }
}

/// The first eight bytes of SHA-256 over the parts, each preceded by its length: the same on every machine and in every version.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let bytes = digest.finalize();
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
