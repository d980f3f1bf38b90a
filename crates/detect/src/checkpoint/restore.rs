//! Going on from what was written down.

use super::delta::Written;
use super::merged::{Merged, MergedRule};
use super::piece;
use crate::counting::State;
use crate::engine::{DetectorSet, Outbox};
use crate::report::{Activity, RestoreReport};
use crate::seed::Seed;
use crate::window::{GroupKey, GroupState, Machine, Plan, Restored};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::SourceName;

impl DetectorSet {
    /// Goes on from a base and the deltas after it, dropping the present state, and tells which rules could not. A rule whose text
    /// changed, or one that it counts, starts its windows anew. Where a piece is damaged or missing, windows go on from the
    /// one before, nothing of it is applied, and the next delta is a new base.
    pub fn restore<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> RestoreReport {
        let pieces: Vec<_> = pieces.into_iter().collect();
        let (read, error) = piece::read(&pieces);
        let mut report = RestoreReport {
            pieces: read.len(),
            unreadable: error.map(|error| {
                let rest = if read.is_empty() {
                    "windows start anew"
                } else {
                    "windows go on from the piece before"
                };
                format!("{error}: {rest}")
            }),
            ..RestoreReport::default()
        };
        let merged = Merged::of(read);
        self.begin_anew();
        let Some(groups) = self.decode(&merged, &mut report) else {
            self.begin_anew();
            return report;
        };
        self.take_over(&merged, groups);
        let anew = report.restarted.iter().chain(&report.gone).cloned();
        self.written = (report.unreadable.is_none() && report.pieces > 0).then(|| Written {
            anew: anew.collect(),
            ..self.written.take().unwrap_or_default()
        });
        report
    }

    /// Forgets everything that events changed.
    fn begin_anew(&mut self) {
        self.state = State::new(&self.catalog, &self.limits);
        self.out = Outbox::default();
        self.written = None;
        for activity in &mut self.activity {
            *activity = Activity {
                detector: std::mem::take(&mut activity.detector),
                ..Activity::default()
            };
        }
    }

    /// Reads every group, before any is put anywhere; None where one cannot be read.
    fn decode(&self, merged: &Merged<'_>, report: &mut RestoreReport) -> Option<Vec<(usize, Vec<Restored>)>> {
        let seed = merged.seed.unwrap_or(self.state.seed);
        let complete = merged.sources.keys().copied().eq(0..merged.sources.len() as u32);
        let mut all = Vec::new();
        for (id, rule) in &merged.rules {
            let known = self
                .catalog
                .correlations
                .iter()
                .position(|known| known.rule.meta.id == *id);
            match known {
                Some(index) if self.catalog.correlations[index].wording == rule.wording => {
                    let plan = &self.catalog.correlations[index].plan;
                    let decoded = groups(rule, plan, seed, merged.sources.len());
                    let Some(groups) = decoded.filter(|_| complete) else {
                        report.unreadable = Some(format!(
                            "the windows of `{id}` cannot be read: windows start anew"
                        ));
                        (report.kept, report.restarted, report.gone) = Default::default();
                        return None;
                    };
                    report.kept.push((*id).to_owned());
                    all.push((index, groups));
                }
                Some(_) => report.restarted.push((*id).to_owned()),
                None => report.gone.push((*id).to_owned()),
            }
        }
        Some(all)
    }

    fn take_over(&mut self, merged: &Merged<'_>, groups: Vec<(usize, Vec<Restored>)>) {
        self.state.seed = merged.seed.unwrap_or(self.state.seed);
        for source in merged.sources.values() {
            let name = SourceName(source.name.to_owned());
            let sources = &mut self.state.sources;
            sources.restore(&name, source.watermark, source.drops, source.ids(), &self.limits);
        }
        for (index, groups) in groups {
            let id = self.catalog.correlations[index].rule.meta.id.as_str();
            if let Some(rule) = merged.rules.get(id) {
                self.state.drops[index] = rule.drops.clone();
            }
            let (tables, sources) = (&mut self.state.tables, &mut self.state.sources);
            tables[index].restore(groups, |members| sources.sets().number(members));
            self.state.bytes += self.state.tables[index].bytes();
            let places: Vec<_> = self.state.tables[index].places().collect();
            for place in places {
                self.counter().set_timer(index, place, true);
            }
        }
        for activity in &mut self.activity {
            if let Some(known) = merged.activity.get(&activity.detector) {
                activity.clone_from(known);
            }
        }
        for text in &merged.undrained {
            if let Ok(detection) = serde_json::from_str::<Detection>(text) {
                self.out.put(detection);
            }
        }
        self.out.changed = false;
        if merged.next_line > 0 {
            let lines = merged.lines.iter().map(|(start, bytes)| (*start, bytes.to_vec()));
            self.state.lines.restore(merged.next_line, lines);
        }
        self.state.lines_forgotten = merged.lines_forgotten;
        for table in &mut self.state.tables {
            table.note_nothing_yet();
        }
        self.written = Some(Written {
            last: merged.last,
            activity: self.activity.clone(),
            drops: self.state.drops.clone(),
            lines_forgotten: merged.lines_forgotten,
            anew: std::collections::BTreeSet::new(),
        });
    }
}

fn groups(rule: &MergedRule<'_>, plan: &Plan, seed: Seed, sources: usize) -> Option<Vec<Restored>> {
    let groups = rule.groups.values().map(|group| {
        let (members, mut state): (Vec<u32>, GroupState) = postcard::from_bytes(group.content).ok()?;
        if members.iter().any(|source| *source as usize >= sources) {
            return None;
        }
        state.rebuild(plan);
        Some(Restored {
            key: GroupKey::new(group.key),
            hash: seed.hash(group.key),
            rank: group.rank,
            sources: members,
            state,
        })
    });
    groups.collect()
}
