//! New rules without a restart: windows of rules that did not change go on.

use crate::catalog::Catalog;
use crate::counting::State;
use crate::engine::DetectorSet;
use crate::index::Index;
use crate::quarantine::RuleFile;
use crate::report::{Activity, ReloadReport};
use crate::window::Table;
use std::collections::HashMap;

impl DetectorSet {
    /// Takes new rule files. Sources, ids, watermarks and lines stay; so do the windows of rules whose wording is the same, and
    /// of rules they count. A changed rule starts anew. What the rules that go had yet to tell is handed out by the next
    /// [`Self::drain`].
    pub fn reload(&mut self, files: impl IntoIterator<Item = RuleFile>) -> ReloadReport {
        self.counter().flush_all();
        let (mut catalog, quarantined) = Catalog::load(files, &self.limits);
        catalog.ask_for_entities(&self.entities);
        let before = std::mem::replace(&mut self.catalog, std::sync::Arc::new(catalog));
        self.quarantined = quarantined;
        self.index = Index::default();
        let report = self.compare(&before);
        self.move_tables(&before);
        self.move_activity();
        report
    }

    fn compare(&self, before: &Catalog) -> ReloadReport {
        let (known, wordings) = (before.wordings(), self.catalog.wordings());
        let mut report = ReloadReport {
            quarantined: self.quarantined.len(),
            ..ReloadReport::default()
        };
        for info in &self.catalog.detectors {
            let list = match known.get(info.id.as_str()) {
                None => &mut report.added,
                wording if wording == wordings.get(info.id.as_str()) => &mut report.kept,
                Some(_) => &mut report.restarted,
            };
            list.push(info.id.clone());
        }
        let gone = before
            .detectors
            .iter()
            .filter(|info| !wordings.contains_key(info.id.as_str()));
        report.gone = gone.map(|info| info.id.clone()).collect();
        report
    }

    /// Gives each correlation the table it had, if its wording is the same; timers follow their groups.
    fn move_tables(&mut self, before: &Catalog) {
        let fresh = State::new(&self.catalog, &self.limits);
        let mut tables = std::mem::replace(&mut self.state.tables, fresh.tables);
        let drops = std::mem::replace(&mut self.state.drops, fresh.drops);
        let mut moved: Vec<Option<u32>> = vec![None; tables.len()];
        let places: HashMap<_, _> = before
            .correlations
            .iter()
            .enumerate()
            .map(|(i, c)| (&c.rule.meta.id, i))
            .collect();
        for (index, correlation) in self.catalog.correlations.iter().enumerate() {
            let known = places.get(&correlation.rule.meta.id).copied();
            let Some(old) = known.filter(|old| before.correlations[*old].wording == correlation.wording)
            else {
                continue;
            };
            self.state.tables[index] = std::mem::replace(&mut tables[old], Table::within(1, None));
            self.state.drops[index].clone_from(&drops[old]);
            moved[old] = u32::try_from(index).ok();
        }
        if let Some(written) = &mut self.written {
            let lost = before
                .correlations
                .iter()
                .zip(&moved)
                .filter(|(_, moved)| moved.is_none());
            written
                .anew
                .extend(lost.map(|(correlation, _)| correlation.rule.meta.id.clone()));
            self.state.tables.iter_mut().for_each(Table::note_changes);
        }
        self.state.bytes = self.state.tables.iter().map(Table::bytes).sum();
        for source in self.state.sources.all_mut() {
            for timer in std::mem::take(&mut source.timers).into_entries() {
                if let Some(Some(table)) = moved.get(timer.table as usize) {
                    source.timers.insert(crate::source::Timer {
                        table: *table,
                        ..timer
                    });
                }
            }
        }
    }

    fn move_activity(&mut self) {
        let mut known: HashMap<String, Activity> = std::mem::take(&mut self.activity)
            .into_iter()
            .map(|activity| (activity.detector.clone(), activity))
            .collect();
        let detectors = self.catalog.detectors.iter();
        self.activity = detectors
            .map(|info| {
                known.remove(&info.id).unwrap_or_else(|| Activity {
                    detector: info.id.clone(),
                    ..Activity::default()
                })
            })
            .collect();
    }
}
