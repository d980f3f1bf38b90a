//! The detection engine: events in, detections out, and nothing else.
//!
//! It takes rule files as text and events one at a time, and gives back detections. It reads no file, asks no clock and waits
//! for nothing: the only time it knows is when an event happened, so the same events give the same detections at any speed.
//!
//! The way of one event:
//! 1. [`DetectorSet::observe`] finds the rules whose log source and literal values could match (`index`),
//! 2. evaluates those (`sigma`),
//! 3. counts matches in windows over event time (`window`) for the rules that correlate,
//! 4. and [`DetectorSet::drain`] hands out what fired, each with the reason in words.
//!
//! Rules are Sigma's (specification 2.1: detection rules, correlations, filters), with pipelines that say how the events of an
//! installation call their fields, and four kinds of correlation of our own: `ratio`, `absence`, `sequence` and `leaky_bucket`.
//!
//! Beside the rules that run, [`lint`] tells what is suspicious about them, [`DetectorSet::explain`] why one does or does not
//! match an event, [`DetectorSet::coverage`] whether the sources can satisfy it, and [`schema`] what an editor may
//! propose.

mod catalog;
mod chain;
mod checkpoint;
mod concerned;
mod counted_events;
mod counting;
mod coverage;
mod emit;
mod engine;
mod examples;
mod explain;
mod fields_seen;
mod index;
mod limits;
mod lines;
mod lint;
mod occurrence;
mod quarantine;
mod reason;
mod reload;
mod report;
mod scan;
pub mod schema;
mod seed;
mod settling;
mod sigma;
mod source;
mod window;
mod yaml;

pub use checkpoint::{PieceError, merge_deltas};
pub use concerned::{Concerned, EvidenceFault, EvidenceFile, EvidenceRules, Touched};
pub use counted_events::{CountedEvent, CountedEvents};
pub use coverage::{RuleCoverage, Satisfiable};
pub use engine::DetectorSet;
pub use examples::{RuleTestResult, test_rules, test_rules_within};
pub use explain::{
    Alternative, Asked, Contribution, ContributionRole, Explanation, FieldValue, Found, ItemVerdict, Judged,
    NamedVerdict, Part, Verdict,
};
pub use fields_seen::{FieldsSeen, LogSourceSeen};
pub use limits::Limits;
pub use lint::{Remark, Severity, lint};
pub use quarantine::{Quarantined, RuleFile};
pub use report::{Activity, DetectorInfo, DropCounts, Kind, ReloadReport, RestoreReport, RuleDrops};
pub use scan::{Fired, Judgement, Matcher, MatcherThread, TextEvent, records};
pub use sigma::Status;
pub use sigma::json::JsonFault;
