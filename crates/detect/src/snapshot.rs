//! The engine's state as bytes, small and the same for the same state.
//!
//! The layout is postcard behind a header that names its version. State belongs to one wording of a rule: a rule that changed
//! starts anew, since a count made by other words means nothing.

use crate::engine::DetectorSet;
use crate::report::RestoreReport;
use crate::window::{Group, GroupKey};
use serde::{Deserialize, Serialize};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::SourceName;

/// Layout 1. Another layout gets another header, and an old snapshot is then said to be unreadable.
const HEADER: &[u8; 8] = b"wkdetec1";

#[derive(Serialize, Deserialize)]
struct State {
    sources: Vec<SourceState>,
    rules: Vec<RuleState>,
    /// JSON, whose reader knows the detection's own format.
    undrained: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SourceState {
    name: String,
    watermark: Option<i64>,
    /// Times as differences to the one before, which are small.
    counted: Vec<(i64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct RuleState {
    id: String,
    wording: String,
    groups: Vec<(Vec<String>, Group)>,
}

pub(crate) fn write(set: &DetectorSet) -> Vec<u8> {
    let sources = set.sources.all.iter().map(|source| {
        let mut before = 0;
        let counted = source
            .counted
            .iter()
            .map(|(at, id)| (at - std::mem::replace(&mut before, *at), *id));
        SourceState {
            name: source.name.0.clone(),
            watermark: source.watermark,
            counted: counted.collect(),
        }
    });
    let rules = set
        .catalog
        .correlations
        .iter()
        .zip(&set.tables)
        .map(|(correlation, table)| RuleState {
            id: correlation.rule.meta.id.clone(),
            wording: correlation.wording.clone(),
            groups: table
                .groups
                .iter()
                .map(|(key, group)| (key.to_vec(), group.clone()))
                .collect(),
        });
    let state = State {
        sources: sources.collect(),
        rules: rules.filter(|rule| !rule.groups.is_empty()).collect(),
        undrained: set
            .out
            .detections
            .iter()
            .filter_map(|detection| serde_json::to_string(detection).ok())
            .collect(),
    };
    // Writing into a growing vector has no way to fail; an empty snapshot would be told as unreadable.
    postcard::to_extend(&state, HEADER.to_vec()).unwrap_or_default()
}

/// Puts the state into a set whose own is empty.
pub(crate) fn read(set: &mut DetectorSet, bytes: &[u8]) -> RestoreReport {
    let mut report = RestoreReport::default();
    let state = match decode(bytes) {
        Ok(state) => state,
        Err(reason) => {
            report.unreadable = Some(reason);
            return report;
        }
    };
    for source in state.sources {
        let mut at = 0;
        let counted = source.counted.into_iter().map(|(step, id)| {
            at += step;
            (at, id)
        });
        let counted = counted.collect();
        set.sources
            .restore(&SourceName(source.name), source.watermark, counted, &set.limits);
    }
    for rule in state.rules {
        let known = set
            .catalog
            .correlations
            .iter()
            .position(|known| known.rule.meta.id == rule.id);
        match known {
            Some(index) if set.catalog.correlations[index].wording == rule.wording => {
                for (key, group) in rule.groups {
                    let key: GroupKey = key.into();
                    set.tables[index].restore(&key, group, &set.catalog.correlations[index].plan);
                }
                report.kept.push(rule.id);
            }
            Some(_) => report.restarted.push(rule.id),
            None => report.gone.push(rule.id),
        }
    }
    for text in state.undrained {
        if let Ok(detection) = serde_json::from_str::<Detection>(&text) {
            set.out.put(detection);
        }
    }
    report
}

fn decode(bytes: &[u8]) -> Result<State, String> {
    let body = bytes
        .strip_prefix(HEADER)
        .ok_or("it was not written by this version of the engine: windows start anew")?;
    let state: State =
        postcard::from_bytes(body).map_err(|error| format!("it is damaged ({error}): windows start anew"))?;
    let known = u32::try_from(state.sources.len()).unwrap_or(u32::MAX);
    let groups = state.rules.iter().flat_map(|rule| &rule.groups);
    if groups
        .into_iter()
        .any(|(_, group)| !group.names_sources_below(known))
    {
        return Err("it names a source that it does not have: windows start anew".into());
    }
    Ok(state)
}
