//! A detector says that it matters: a judgement with its reasons and its evidence.

use crate::event::{Entity, Event, SourceName};
use crate::id::DetectionId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How bad a detector says it is (Sigma specification 2.1, "Level").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the record; wakes nobody.
    Informational,
    /// Worth a look in working hours.
    Low,
    /// Worth a look today.
    Medium,
    /// Somebody must look now.
    High,
    /// Everything else waits.
    Critical,
}

/// The name of a group that is the finding of another detector.
pub const FINDING: &str = "finding";

/// How many events a detection keeps as evidence, whatever the count: the first ones and the last.
pub const EVIDENCE_LIMIT: usize = 20;

/// How many tenants one detection can name; what is beyond is counted in [`Detection::tenants_dropped`].
pub const TENANT_LIMIT: usize = 10_000;

/// One event kept as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which source told it.
    pub source: SourceName,
    /// Its id within the source.
    pub event: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The line or document as it came, cut to 4 KiB on a character boundary.
    pub raw: String,
}

impl Evidence {
    /// The evidence that `event` is.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mut end = event.raw.len().min(4096);
        while !event.raw.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            source: event.source.clone(),
            event: event.id.clone(),
            at: event.at,
            raw: event.raw[..end].to_owned(),
        }
    }
}

/// What the events of a detection say about one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantTrace {
    /// How many of the events name the tenant. Of several alerts: no fewer than that, each event counted once.
    pub events: u64,
    /// Set where several detectors may have counted the same events: there are no more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// When the first of them happened.
    pub first_at: DateTime<Utc>,
    /// When the last of them happened.
    pub last_at: DateTime<Utc>,
    /// The first of them: (source, event id) says why the tenant is on the list.
    pub first_event: (SourceName, String),
}

impl TenantTrace {
    /// How many events it can be at most.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.at_most.unwrap_or(self.events)
    }

    /// What several alerts say about one tenant as one: `told` has the traces of the detections of each. One detector counts an event
    /// once, but two detectors that see the same download both count it, so that figures are added up only where the times of
    /// detections are apart. Detections that rest on one event each are told apart by that event. `None` where nothing is told.
    #[must_use]
    pub fn of_alerts(told: &[Vec<Self>]) -> Option<Self> {
        let all = told.iter().flatten().cloned();
        let joined = all.clone().reduce(Self::join)?;
        let singles: BTreeMap<(SourceName, String), DateTime<Utc>> = all
            .clone()
            .filter(|trace| trace.events == 1)
            .map(|trace| (trace.first_event, trace.first_at))
            .collect();
        let many = || all.clone().filter(|trace| trace.events > 1);
        let sums = told
            .iter()
            .map(|alert| alert.iter().map(|trace| trace.events).sum::<u64>());
        let apart = apart(
            singles
                .values()
                .map(|at| (*at, *at, 1))
                .chain(many().map(|trace| (trace.first_at, trace.last_at, trace.events)))
                .collect(),
        );
        let singly = singles.len() as u64;
        let events = apart.max(singly).max(sums.max().unwrap_or_default());
        let most = events.max(singly + many().map(|trace| trace.most()).sum::<u64>());
        Some(Self {
            events,
            at_most: (most > events).then_some(most),
            ..joined
        })
    }

    /// Two traces of one tenant as one.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let at_most = (self.at_most.is_some() || other.at_most.is_some()).then(|| self.most() + other.most());
        let first_event = if other.first_at < self.first_at {
            other.first_event
        } else {
            self.first_event
        };
        Self {
            events: self.events + other.events,
            at_most,
            first_at: self.first_at.min(other.first_at),
            last_at: self.last_at.max(other.last_at),
            first_event,
        }
    }
}

/// The greatest number of events that spans of time rest on which do not touch each other: those events are certainly not the same.
/// Spans of one and the same instant are told apart by their events and count together.
fn apart(spans: Vec<(DateTime<Utc>, DateTime<Utc>, u64)>) -> u64 {
    let mut weights: BTreeMap<(DateTime<Utc>, DateTime<Utc>), u64> = BTreeMap::new();
    for (first, last, events) in spans {
        let weight = weights.entry((last, first)).or_default();
        // Single events at one instant are different events; longer spans of the same bounds may be the same.
        *weight = if first == last && events == 1 {
            *weight + 1
        } else {
            (*weight).max(events)
        };
    }
    // By their ends: the best so far after each, as in any schedule of spans that must not touch.
    let mut best: Vec<(DateTime<Utc>, u64)> = Vec::new();
    for ((last, first), events) in weights {
        let before = best.partition_point(|(end, _)| *end < first);
        let with = events + before.checked_sub(1).map_or(0, |index| best[index].1);
        let without = best.last().map_or(0, |(_, most)| *most);
        best.push((last, with.max(without)));
    }
    best.last().map_or(0, |(_, most)| *most)
}

/// Why a detector fired: what it expected, and what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// In words: `fewer than 10 failed sign-ins by one address in 5 min`.
    pub expected: String,
    /// In words: `14 failed sign-ins between 03:02:11 and 03:04:58`.
    pub seen: String,
    /// The fields that matched or the group that crossed, in the rule's order.
    pub fields: Vec<(String, String)>,
}

/// One judgement of one detector.
///
/// Its id is derived from the detector, the group and the first event: a detection that is made twice (a source read again, a
/// window that goes on growing) is the same detection with fresher figures, and the fresher figures replace the older.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Derived by [`Detection::derive_id`].
    pub id: DetectionId,
    /// The rule's id.
    pub detector: String,
    /// The rule's title.
    pub title: String,
    /// How bad the rule says it is.
    pub level: Level,
    /// The group-by values, or the values that single-event rules are folded by; together with the detector the dedupe key.
    pub group: Vec<(String, String)>,
    /// When the first of its events happened.
    pub first_at: DateTime<Utc>,
    /// When the last of its events happened.
    pub last_at: DateTime<Utc>,
    /// How many events it rests on so far.
    pub events_seen: u64,
    /// Why it fired.
    pub reason: Reason,
    /// The first and last of its events, at most [`EVIDENCE_LIMIT`].
    pub evidence: Vec<Evidence>,
    /// Whom it is about, for joining alerts into incidents: the actors (where its events name at most three by one field), and
    /// the tenant where it is grouped by one or rests on one event.
    pub entities: BTreeSet<Entity>,
    /// Every tenant its events name, at most [`TENANT_LIMIT`].
    pub tenants: BTreeMap<String, TenantTrace>,
    /// How many events named a tenant beyond the limit.
    #[serde(default)]
    pub tenants_dropped: u64,
    /// The rule's tags, such as `attack.t1110`.
    pub tags: Vec<String>,
}

impl Detection {
    /// Whether it is a finding of another detector, which is the same finding however much later it recurs.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self.group.as_slice(), [(field, _)] if field == FINDING)
    }

    /// The id that follows from detector, group and first event.
    #[must_use]
    pub fn derive_id(detector: &str, group: &[(String, String)], first: (&SourceName, &str)) -> DetectionId {
        let mut parts = vec![detector];
        for (field, value) in group {
            parts.extend([field.as_str(), value.as_str()]);
        }
        parts.extend([first.0.0.as_str(), first.1]);
        DetectionId::derived(&parts)
    }
}
