//! Writing what changed since the last delta.

use super::frame::{GroupFrame, put_bytes, put_id};
use super::piece::{Bytes, Piece, RulePiece, SourcePiece};
use crate::engine::DetectorSet;
use crate::report::{Activity, RuleDrops};
use std::collections::BTreeSet;

/// What the deltas so far have told, for what is compared rather than noted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// The number of the last delta.
    pub(super) last: u64,
    pub(super) activity: Vec<Activity>,
    pub(super) drops: Vec<RuleDrops>,
    pub(super) lines_forgotten: u64,
    /// Rules of which everything that was told so far is void.
    pub(crate) anew: BTreeSet<String>,
}

impl Written {
    fn lacks(&self, correlation: usize, drops: &RuleDrops) -> bool {
        self.drops
            .get(correlation)
            .map_or(*drops != RuleDrops::default(), |known| known != drops)
    }
}

/// The lists of one rule, before they are borrowed into a piece.
#[derive(Debug, Default)]
struct RuleLists {
    removed: Vec<u8>,
    groups: Vec<u8>,
}

impl DetectorSet {
    /// How much the next delta has to write, in groups: checkpoint before it grows large. Twenty thousand groups of few events each
    /// take about as many microseconds.
    #[must_use]
    pub fn pending_changes(&self) -> usize {
        let tables = self.state.tables.iter();
        let groups: usize = if self.written.is_some() {
            tables.map(crate::window::Table::pending).sum()
        } else {
            tables.map(crate::window::Table::len).sum()
        };
        let sources = self.state.sources.all().iter();
        groups + sources.map(|source| source.counted.unwritten()).sum::<usize>() / 16
    }

    /// Everything that changed since the last delta, or since the state began: groups that changed or went, ids, watermarks,
    /// figures, and detections that were not drained. None where nothing did. The cost follows from what changed. Until the first
    /// call nothing is noted, and that call writes the whole state.
    pub fn delta(&mut self) -> Option<Vec<u8>> {
        let written = self.written.clone().unwrap_or_default();
        for table in &mut self.state.tables {
            table.note_changes();
        }
        for source in self.state.sources.all_mut() {
            source.counted.note_changes();
            source.changed |= self.written.is_none();
        }
        let lists = self.rule_lists();
        let ids = self.id_lists();
        let undrained = self.undrained();
        let activity = changed(&self.activity, &written.activity);
        let drops = self.state.drops.clone();
        let next_line = self.state.lines.next();
        let nothing = lists
            .iter()
            .all(|lists| lists.removed.is_empty() && lists.groups.is_empty())
            && ids.is_empty()
            && undrained.is_none()
            && activity.is_empty()
            && drops
                .iter()
                .enumerate()
                .all(|(index, drops)| !written.lacks(index, drops))
            && written.anew.is_empty()
            && written.lines_forgotten == self.state.lines_forgotten
            && !self.state.lines.has_new();
        let number = written.last + 1;
        let told = Written {
            last: if nothing { written.last } else { number },
            activity: self.activity.clone(),
            lines_forgotten: self.state.lines_forgotten,
            anew: BTreeSet::new(),
            drops: drops.clone(),
        };
        if nothing {
            self.written = (self.written.is_some()).then_some(told);
            return None;
        }
        let correlations = self.catalog.correlations.iter().zip(&lists).zip(drops);
        let mut rules: Vec<_> = correlations
            .enumerate()
            .filter(|(index, ((correlation, lists), drops))| {
                !lists.groups.is_empty()
                    || !lists.removed.is_empty()
                    || written.lacks(*index, drops)
                    || written.anew.contains(&correlation.rule.meta.id)
            })
            .map(|(_, ((correlation, lists), drops))| RulePiece {
                id: &correlation.rule.meta.id,
                wording: &correlation.wording,
                anew: written.anew.contains(&correlation.rule.meta.id),
                drops,
                removed: Bytes(&lists.removed),
                groups: Bytes(&lists.groups),
            })
            .collect();
        let gone = written
            .anew
            .iter()
            .filter(|id| rules.iter().all(|rule| rule.id != id.as_str()));
        let gone: Vec<_> = gone.map(|id| void(id)).collect();
        rules.extend(gone);
        let lines = self.state.lines.take_new();
        let sources = self.state.sources.all().iter();
        let piece = Piece {
            first: number,
            last: number,
            part: 0,
            parts: 1,
            seed: self.state.seed,
            sources: ids
                .iter()
                .filter_map(|(number, ids)| {
                    let source = sources.clone().nth(*number)?;
                    Some(SourcePiece {
                        number: *number as u32,
                        name: &source.name.0,
                        watermark: source.watermark(),
                        horizon: source.horizon(),
                        drops: source.drops,
                        ids: Bytes(ids),
                    })
                })
                .collect(),
            rules,
            activity,
            undrained,
            next_line,
            lines: lines
                .into_iter()
                .map(|(start, bytes)| (start, Bytes(bytes)))
                .collect(),
            lines_forgotten: self.state.lines_forgotten,
        };
        let bytes = piece.encode();
        self.written = Some(told);
        Some(bytes)
    }

    /// The groups that changed and went, by correlation.
    fn rule_lists(&mut self) -> Vec<RuleLists> {
        let mut content = Vec::new();
        let sets = &self.state.sources;
        let tables = self.state.tables.iter_mut().map(|table| {
            let mut lists = RuleLists::default();
            let removed = table.take_changes(|group, rank| {
                use crate::window::Machine;
                group
                    .state
                    .opens_mut()
                    .iter_mut()
                    .for_each(|open| open.figures.read_all());
                content.clear();
                let written = (sets.members(group.sources), &group.state);
                // Writing into a growing vector has no way to fail.
                content = postcard::to_extend(&written, std::mem::take(&mut content)).unwrap_or_default();
                let frame = GroupFrame {
                    key: group.key.as_bytes(),
                    rank,
                    content: &content,
                };
                frame.put(&mut lists.groups);
            });
            for key in removed {
                put_bytes(&mut lists.removed, key.as_bytes());
            }
            lists
        });
        tables.collect()
    }

    /// The ids that came, by source; also for sources that changed otherwise.
    fn id_lists(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut lists = Vec::new();
        for (number, source) in self.state.sources.all_mut().iter_mut().enumerate() {
            if !std::mem::replace(&mut source.changed, false) {
                continue;
            }
            let mut list = Vec::new();
            for (at, id) in source.counted.take_unwritten() {
                put_id(&mut list, at, id);
            }
            lists.push((number, list));
        }
        lists
    }

    fn undrained(&mut self) -> Option<Vec<String>> {
        if !std::mem::replace(&mut self.out.changed, false) {
            return None;
        }
        let detections = self.out.detections.iter();
        Some(
            detections
                .filter_map(|detection| serde_json::to_string(detection).ok())
                .collect(),
        )
    }
}

fn void(id: &str) -> RulePiece<'_> {
    RulePiece {
        id,
        wording: "",
        anew: true,
        drops: RuleDrops::default(),
        removed: Bytes::default(),
        groups: Bytes::default(),
    }
}

fn changed(activity: &[Activity], written: &[Activity]) -> Vec<Activity> {
    let all = activity.iter().enumerate();
    let quiet = |activity: &Activity| activity.judged == 0;
    all.filter(|(index, activity)| match written.get(*index) {
        Some(known) => known != *activity,
        None => !quiet(activity),
    })
    .map(|(_, activity)| activity.clone())
    .collect()
}
