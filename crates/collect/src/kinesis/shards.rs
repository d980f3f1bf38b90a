//! The shards of a stream: which there are, where each stands, and which may be read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A shard as the stream lists it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: String,
    /// One after a split, two after a merge, none at the stream's beginning.
    pub(super) parents: Vec<String>,
}

/// Where a shard is begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Begin {
    /// At its oldest record: it came while the stream was read.
    #[default]
    Oldest,
    /// Where the first reading began: it was there before.
    Lookback,
}

/// What the cursor keeps of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredShard {
    pub(super) begin: Begin,
    /// The sequence number of the last record that was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    /// It was closed, and everything in it was delivered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ended: bool,
}

/// A record: sequence number, data, and when it arrived.
pub(super) type Fetched = (String, Vec<u8>, Option<DateTime<Utc>>);

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) place: StoredShard,
    parents: Vec<String>,
    pub(super) iterator: Option<String>,
    pub(super) fetched: VecDeque<Fetched>,
    /// The stream has nothing more than what was fetched.
    pub(super) has_ended: bool,
    pub(super) due_at: Option<DateTime<Utc>>,
}

impl Shard {
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.due_at.is_none_or(|due| due <= now)
    }
}

#[derive(Debug)]
pub(super) struct Shards {
    /// Where the first reading began (ms).
    pub(super) began: i64,
    all: BTreeMap<String, Shard>,
    /// The shard whose turn is first, so that a busy one does not starve the others.
    turn: usize,
}

impl Shards {
    pub(super) fn restore(began: i64, stored: BTreeMap<String, StoredShard>) -> Self {
        let all = stored
            .into_iter()
            .map(|(id, place)| {
                let shard = Shard {
                    place,
                    ..Shard::default()
                };
                (id, shard)
            })
            .collect();
        Self { began, all, turn: 0 }
    }

    pub(super) fn store(&self) -> BTreeMap<String, StoredShard> {
        self.all
            .iter()
            .map(|(id, shard)| (id.clone(), shard.place.clone()))
            .collect()
    }

    /// Takes the list as it stands; gives the shards that are gone and were not read to their end.
    pub(super) fn take_list(&mut self, listed: Vec<Listed>) -> Vec<String> {
        let there: BTreeSet<String> = listed.iter().map(|shard| shard.id.clone()).collect();
        let is_first = self.all.is_empty();
        for Listed { id, parents } in listed {
            let shard = self.all.entry(id).or_insert_with(|| Shard {
                place: StoredShard {
                    begin: if is_first { Begin::Lookback } else { Begin::Oldest },
                    ..StoredShard::default()
                },
                ..Shard::default()
            });
            // Parents that are gone were read, or cannot be read any more.
            shard.parents = parents
                .into_iter()
                .filter(|parent| there.contains(parent))
                .collect();
        }
        let gone: Vec<String> = self
            .all
            .keys()
            .filter(|id| !there.contains(*id))
            .cloned()
            .collect();
        gone.into_iter()
            .filter(|id| self.all.remove(id).is_some_and(|shard| !shard.place.ended))
            .collect()
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Shard> {
        self.all.get_mut(id)
    }

    fn may_be_read(&self, shard: &Shard) -> bool {
        let is_read = |parent: &String| self.all.get(parent).is_none_or(|parent| parent.place.ended);
        !shard.place.ended && shard.parents.iter().all(is_read)
    }

    /// The shards that are not at their end and whose parents are, each first in its turn.
    pub(super) fn readable(&mut self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .all
            .iter()
            .filter(|(_, shard)| self.may_be_read(shard))
            .map(|(id, _)| id.clone())
            .collect();
        if !ids.is_empty() {
            let count = ids.len();
            ids.rotate_left(self.turn % count);
            self.turn = (self.turn + 1) % count;
        }
        ids
    }

    /// Whether anything can be had at once.
    pub(super) fn has_more(&self, now: DateTime<Utc>) -> bool {
        self.all
            .values()
            .filter(|shard| self.may_be_read(shard))
            .any(|shard| !shard.fetched.is_empty() || shard.is_due(now))
    }
}
