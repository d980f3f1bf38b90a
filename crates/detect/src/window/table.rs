//! The groups of one rule, within its limits: the group furthest from its threshold is forgotten first.

use super::{Group, Plan, Progress};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The values of `group-by`, in its order.
pub(crate) type GroupKey = Arc<[String]>;

/// All groups of one rule.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) groups: BTreeMap<GroupKey, Group>,
    ranks: BTreeSet<(Progress, i64, GroupKey)>,
    records: usize,
    /// Groups with a detection to hand out.
    pub(crate) fresh: BTreeSet<GroupKey>,
}

impl Table {
    /// Changes a group with `change`, which tells its progress, or None to leave its rank as it is; keeps rank and sums right.
    pub(crate) fn change(
        &mut self,
        key: &GroupKey,
        at: i64,
        change: impl FnOnce(&mut Group) -> Option<Progress>,
    ) {
        let group = self.groups.entry(key.clone()).or_default();
        let before = group.records.len();
        let progress = change(group);
        self.records = self.records + group.records.len() - before;
        if group.opens.iter().any(|open| open.fresh) {
            self.fresh.insert(key.clone());
        }
        if let Some(progress) = progress {
            // Time only goes forward here, so that a late event does not make a group look older.
            let at = group.rank.map_or(at, |(_, known)| known.max(at));
            if let Some((old, old_at)) = group.rank.replace((progress, at)) {
                self.ranks.remove(&(old, old_at, key.clone()));
            }
            self.ranks.insert((progress, at, key.clone()));
        }
    }

    /// Puts a group back as a snapshot knew it.
    pub(crate) fn restore(&mut self, key: &GroupKey, group: Group, plan: &Plan) {
        let progress = group.progress(plan);
        let at = group.last_at().unwrap_or(i64::MIN);
        self.change(key, at, |empty| {
            *empty = group;
            Some(progress)
        });
    }

    /// Forgets a group.
    pub(crate) fn remove(&mut self, key: &GroupKey) -> Option<Group> {
        let group = self.groups.remove(key)?;
        self.records -= group.records.len();
        if let Some((progress, at)) = group.rank {
            self.ranks.remove(&(progress, at, key.clone()));
        }
        self.fresh.remove(key);
        Some(group)
    }

    /// The group to forget, where there are too many groups or records: furthest from its threshold, then longest quiet; never
    /// `except`, so that a newcomer always gets its chance.
    pub(crate) fn surplus(&self, groups: usize, records: usize, except: &GroupKey) -> Option<GroupKey> {
        if self.groups.len() <= groups.max(1) && self.records <= records {
            return None;
        }
        let candidate = self.ranks.iter().find(|(_, _, key)| key != except);
        candidate.map(|(_, _, key)| key.clone())
    }
}
