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
//! Rules are Sigma's (specification 2.1: detection rules, `event_count` and `value_count` correlations), and one kind of our
//! own beside them, `ratio`: the share of matching events among a base selection.

mod catalog;
mod counting;
mod emit;
mod engine;
mod examples;
mod index;
mod limits;
mod quarantine;
mod reason;
mod report;
mod sigma;
mod snapshot;
mod source;
mod window;
mod yaml;

pub use engine::DetectorSet;
pub use examples::{RuleTestResult, test_rules};
pub use limits::Limits;
pub use quarantine::{Quarantined, RuleFile};
pub use report::{Activity, DetectorInfo, DropCounts, Kind, RestoreReport, RuleDrops};
pub use sigma::Status;
