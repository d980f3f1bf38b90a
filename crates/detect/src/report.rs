//! What the engine tells about itself: which detectors run, what they did, and what was dropped.

use crate::sigma::Status;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::event::{LogSource, SourceName};

/// How a detector decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Each matching event by itself.
    Single,
    /// How many matching events a group has within a timespan.
    EventCount,
    /// How many distinct values of a field a group has within a timespan.
    ValueCount,
    /// Which share of a group's events matches within a timespan.
    Ratio,
}

/// One rule that runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectorInfo {
    /// The rule's id; its name or title where it has none.
    pub id: String,
    /// The rule's title.
    pub title: String,
    /// How bad it is when it fires.
    pub level: Level,
    /// How mature its author says it is.
    pub status: Option<Status>,
    /// What it looks for.
    pub description: String,
    /// Which events it judges; a correlation has one for each rule it refers to.
    pub log_sources: Vec<LogSource>,
    /// Tags such as `attack.t1110`.
    pub tags: Vec<String>,
    /// How it decides.
    pub kind: Kind,
    /// Whether it makes detections of its own; a rule that a correlation counts does not, unless `generate` says so.
    pub fires: bool,
    /// The file it came from.
    pub path: String,
    /// The line its document begins at.
    pub line: usize,
    /// Who wrote it.
    pub author: Option<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// When it fires though nothing is wrong.
    pub falsepositives: Vec<String>,
    /// How many tests the rule carries.
    pub tests: usize,
    /// The rule's YAML; a correlation's is followed by the rules it refers to.
    pub source: String,
}

/// What one detector did since the set was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// The detector's id.
    pub detector: String,
    /// Events it evaluated, or, for a correlation, events it counted.
    pub judged: u64,
    /// Events that matched, or, for a correlation, events that belong to a detection.
    pub matches: u64,
    /// Detections it made.
    pub detections: u64,
    /// When the last matching event happened.
    pub last_match_at: Option<DateTime<Utc>>,
}

/// What one correlation dropped since the set was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleDrops {
    /// Groups that were forgotten before they were decided, to stay within the limits.
    pub groups_evicted: u64,
    /// Matching events that lack a field of `group-by`, or the field whose values are counted.
    pub ungrouped: u64,
    /// Matching events too late to be counted.
    pub late: u64,
}

/// Everything that was dropped or judged differently since the set was loaded. Only events that some correlation would count
/// are in these figures: rules for single events judge every event, whenever it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DropCounts {
    /// By detector id; a detector that dropped nothing is not listed.
    pub by_rule: BTreeMap<String, RuleDrops>,
    /// By source: events further behind the newest than the lateness.
    pub late: BTreeMap<SourceName, u64>,
    /// By source: events from further in the future than the skew; they are counted as of their `collected_at`.
    pub future: BTreeMap<SourceName, u64>,
    /// By source: events that were delivered again and not counted twice.
    pub duplicate: BTreeMap<SourceName, u64>,
    /// By source: ids forgotten early, so that a redelivery could be counted twice.
    pub ids_forgotten: BTreeMap<SourceName, u64>,
}

/// What became of a snapshot's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// Detectors that go on where they were.
    pub kept: Vec<String>,
    /// Detectors whose rule changed: their windows start anew.
    pub restarted: Vec<String>,
    /// Detectors that are no longer there: their windows are dropped.
    pub gone: Vec<String>,
    /// Why nothing could be read from the snapshot; everything starts anew then.
    pub unreadable: Option<String>,
}
