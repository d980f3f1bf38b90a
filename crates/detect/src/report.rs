//! What the engine tells about itself: which detectors run, what they did, and what was dropped.

use crate::sigma::Status;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
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
    /// Whether events of several rules come within a timespan.
    Temporal,
    /// The same, in the order of the rules.
    TemporalOrdered,
    /// What the numbers of a field add up to.
    ValueSum,
    /// What they are on average.
    ValueAvg,
    /// What lies in the middle of them.
    ValueMedian,
    /// What so many percent of them do not exceed.
    ValuePercentile,
    /// Whether nothing comes for a timespan.
    Absence,
    /// Events of several rules in their order, with gaps, and unless something calls them off.
    Sequence,
    /// Whether events come faster than a bucket leaks.
    LeakyBucket,
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
    /// The ids of the filters that are joined to it.
    pub filters: Vec<String>,
    /// The names of the pipelines that gave its fields or its log source other names.
    pub pipelines: Vec<String>,
    /// The rule's YAML; a correlation's is followed by the rules it refers to.
    pub source: String,
}

/// What one detector did since the state began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What one correlation dropped since its state began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDrops {
    /// Groups that were forgotten before they were decided, to stay within the limits.
    pub groups_evicted: u64,
    /// Matching events that lack a field of `group-by`, or the field whose values are counted.
    pub ungrouped: u64,
    /// Matching events too late to be counted.
    pub late: u64,
    /// Undecided events that were forgotten early because one group held too many; only very late events could have met them.
    pub records_forgotten: u64,
}

/// Everything that was dropped or judged differently since the state began: restarts go on counting. Only events that some correlation would count
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
    /// Evidence that is told without its line, since newer lines had taken the place.
    pub lines_forgotten: u64,
}

/// What became of the state that was written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// Detectors that go on where they were.
    pub kept: Vec<String>,
    /// Detectors whose rule changed: their windows start anew.
    pub restarted: Vec<String>,
    /// Detectors that are no longer there: their windows are dropped.
    pub gone: Vec<String>,
    /// How many pieces were read. What they hold is restored whole; of a piece that is damaged nothing is.
    pub pieces: usize,
    /// Why the pieces after those could not be read; windows go on from the last that could.
    pub unreadable: Option<String>,
}

/// What became of the detectors when their rules were loaded again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReloadReport {
    /// Detectors whose rule is as it was: their windows go on.
    pub kept: Vec<String>,
    /// Detectors whose rule changed, or one that it counts: their windows start anew.
    pub restarted: Vec<String>,
    /// Detectors that are new.
    pub added: Vec<String>,
    /// Detectors that are no longer there: their windows are dropped.
    pub gone: Vec<String>,
    /// How many rules do not run: see [`DetectorSet::quarantined`](crate::DetectorSet::quarantined).
    pub quarantined: usize,
}
