//! The groups of one rule: found by key, ranked by how near they are to the threshold, and noted when they change.

use super::group::{CHANGED, FRESH, Group, LEVELS, WRITTEN, level};
use super::key::GroupKey;
use super::pile::Pile;
use super::sharded::Sharded;
use super::slab::Slab;
use super::state::GroupState;
use super::tenants::{TenantShare, Tenants};
use super::{Machine, Progress};

/// All groups of one rule.
#[derive(Debug)]
pub(crate) struct Table {
    groups: Slab<Group>,
    index: Sharded<u32>,
    levels: Levels,
    /// What each tenant has, where the rule groups by tenants.
    tenants: Option<Tenants>,
    records: usize,
    bytes: usize,
    touched: u32,
    /// Groups with a detection to hand out.
    fresh: Pile<u32>,
    /// Groups that the next delta writes; None while nobody asks for deltas.
    changed: Option<Pile<u32>>,
    /// Keys of groups that a delta has and that are gone.
    removed: Pile<GroupKey>,
}

/// Groups by level, in each those that were touched longest ago first: lists through the groups themselves.
#[derive(Debug)]
struct Levels {
    /// First and last of each level; empty until there is a group.
    ends: Vec<(u32, u32)>,
    /// Which levels have groups.
    used: u128,
}

const NOBODY: u32 = u32::MAX;

/// What a group was before it was changed.
#[derive(Debug, Clone, Copy)]
struct Before {
    records: usize,
}

fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Table {
    /// An empty table for at most so many groups, of which a tenant may have its share.
    pub(crate) fn within(groups: usize, share: Option<TenantShare>) -> Self {
        Self {
            groups: Slab::default(),
            index: Sharded::within(groups),
            levels: Levels {
                ends: Vec::new(),
                used: 0,
            },
            tenants: share.map(Tenants::new),
            records: 0,
            bytes: 0,
            touched: 0,
            fresh: Pile::default(),
            changed: None,
            removed: Pile::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn records(&self) -> usize {
        self.records
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, place: u32) -> Option<&Group> {
        self.groups.get(place)
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Group> {
        self.groups.get_mut(place)
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        self.groups.places()
    }

    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let hash = hash as u32;
        let same = |place: &u32| {
            let group = self.groups.get(*place);
            group.is_some_and(|group| group.hash == hash && group.key.as_bytes() == key)
        };
        self.index.find(spread(hash), same).copied()
    }

    /// Adds a group that is not there.
    pub(crate) fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let hash = hash as u32;
        let place = self.groups.insert(Group::new(GroupKey::new(key), hash));
        let groups = &self.groups;
        self.index.insert(spread(hash), place, |place| {
            groups.get(*place).map_or(0, |group| spread(group.hash))
        });
        if let (Some(tenants), Some(group)) = (&mut self.tenants, self.groups.get(place)) {
            tenants.count(group, 1, 0);
        }
        place
    }

    /// Changes a group with `change`, which tells its progress where that changed; keeps sums, ranks and lists right.
    pub(crate) fn change(&mut self, place: u32, change: impl FnOnce(&mut Group) -> Option<Progress>) {
        let Some(group) = self.groups.get_mut(place) else {
            return;
        };
        let before = Before {
            records: group.state.records(),
        };
        let progress = change(group);
        let records = group.state.records();
        self.records = self.records + records - before.records;
        if let Some(tenants) = &mut self.tenants
            && records != before.records
        {
            tenants.count(group, 0, records as i64 - before.records as i64);
        }
        let among_tenants = self.tenants.as_ref().map_or(0, |_| Tenants::BYTES_PER_GROUP);
        let size = u32::try_from(group.size() + among_tenants).unwrap_or(u32::MAX);
        let known = std::mem::replace(&mut group.bytes, size);
        self.bytes = self.bytes + size as usize - known as usize;
        if group.marks & FRESH == 0 && group.state.opens().iter().any(|open| open.fresh) {
            group.marks |= FRESH;
            self.fresh.push(place);
        }
        if let Some(changed) = &mut self.changed
            && group.marks & CHANGED == 0
        {
            group.marks |= CHANGED;
            changed.push(place);
        }
        if let Some(progress) = progress {
            self.touched = self.touched.wrapping_add(1);
            let rank = Rank {
                level: level(progress),
                touched: self.touched,
            };
            self.rank(place, rank);
        }
    }

    /// Gives a group its rank, last in its level.
    fn rank(&mut self, place: u32, rank: Rank) {
        if let (Some(tenants), Some(group)) = (&mut self.tenants, self.groups.get(place)) {
            tenants.leave(group, place);
        }
        self.levels.leave(&mut self.groups, place);
        if let Some(group) = self.groups.get_mut(place) {
            (group.level, group.touched) = (rank.level, rank.touched);
            if let Some(tenants) = &mut self.tenants {
                tenants.join(group, place);
            }
        }
        self.levels.join(&mut self.groups, place);
    }

    /// Forgets a group.
    pub(crate) fn remove(&mut self, place: u32) -> Option<Group> {
        if let (Some(tenants), Some(group)) = (&mut self.tenants, self.groups.get(place)) {
            tenants.leave(group, place);
            tenants.count(group, -1, -(group.state.records() as i64));
        }
        self.levels.leave(&mut self.groups, place);
        let group = self.groups.remove(place)?;
        self.index.remove(spread(group.hash), |known| *known == place);
        self.records -= group.state.records();
        self.bytes -= group.bytes as usize;
        if self.changed.is_some() && group.marks & WRITTEN != 0 {
            self.removed.push(group.key.clone());
        }
        Some(group)
    }

    /// The group to forget where something must go: furthest from its threshold, then longest untouched; never `except`, so
    /// that a newcomer always gets its chance.
    pub(crate) fn furthest(&self, except: u32) -> Option<u32> {
        let mut used = self.levels.used;
        while used != 0 {
            let (first, last) = self.levels.ends[used.trailing_zeros() as usize];
            if first != except {
                return Some(first);
            }
            if first != last {
                return self.groups.get(first).map(|group| group.after);
            }
            used &= used - 1;
        }
        None
    }

    /// The group to forget where the tenant of the one at `place` has more than its share; never that one.
    pub(crate) fn furthest_beyond_share(&self, place: u32) -> Option<u32> {
        let tenants = self.tenants.as_ref()?;
        tenants.furthest(self.groups.get(place)?, place)
    }

    /// Takes the groups that may have something to tell, in the order they fired or changed.
    pub(crate) fn take_fresh(&mut self) -> Pile<u32> {
        let fresh = std::mem::take(&mut self.fresh);
        for place in fresh.iter() {
            if let Some(group) = self.groups.get_mut(*place) {
                group.marks &= !FRESH;
            }
        }
        fresh
    }

    /// How many entries the next delta has.
    pub(crate) fn pending(&self) -> usize {
        self.changed.as_ref().map_or(0, Pile::len) + self.removed.len()
    }

    /// From now on notes what changes.
    pub(crate) fn note_changes(&mut self) {
        if self.changed.is_none() {
            let mut changed = Pile::default();
            let places: Vec<_> = self.groups.places().collect();
            for place in places {
                if let Some(group) = self.groups.get_mut(place) {
                    group.marks |= CHANGED;
                    changed.push(place);
                }
            }
            self.changed = Some(changed);
        }
    }

    /// Gives the keys that are gone, and `write` every group that changed, with its rank, in no particular order.
    pub(crate) fn take_changes(&mut self, mut write: impl FnMut(&mut Group, Rank)) -> Pile<GroupKey> {
        for place in self.changed.replace(Pile::default()).into_iter().flatten() {
            if let Some(group) = self.groups.get_mut(place)
                && group.marks & CHANGED != 0
            {
                group.marks = group.marks & !CHANGED | WRITTEN;
                let rank = Rank {
                    level: group.level,
                    touched: group.touched,
                };
                write(group, rank);
            }
        }
        std::mem::take(&mut self.removed)
    }

    /// Puts back groups as deltas knew them; they count as written.
    pub(crate) fn restore(&mut self, groups: Vec<Restored>, mut set: impl FnMut(Vec<u32>) -> u32) {
        let mut groups = groups;
        let newest = groups.iter().map(|group| group.rank.touched).reduce(|a, b| {
            // The counter wraps around; the newer of two is the one that is less than half a turn ahead.
            if b.wrapping_sub(a) < u32::MAX / 2 { b } else { a }
        });
        let newest = newest.unwrap_or(0);
        groups.sort_by_key(|group| std::cmp::Reverse(newest.wrapping_sub(group.rank.touched)));
        for restored in groups {
            let place = self.insert(restored.hash, restored.key.as_bytes());
            let sources = set(restored.sources);
            self.change(place, |group| {
                group.state = restored.state;
                group.sources = sources;
                None
            });
            let level = restored.rank.level.min(LEVELS as u8 - 1);
            self.rank(
                place,
                Rank {
                    level,
                    ..restored.rank
                },
            );
            if let Some(group) = self.groups.get_mut(place) {
                group.marks |= WRITTEN;
            }
        }
        // Later deltas go on counting where the earlier ones were.
        self.touched = newest;
    }

    /// From now on notes what changes; what is there is written already.
    pub(crate) fn note_nothing_yet(&mut self) {
        self.changed = Some(Pile::default());
    }
}

/// Where a group stands among those that may have to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rank {
    pub(crate) level: u8,
    pub(crate) touched: u32,
}

/// A group as a delta knew it.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) key: GroupKey,
    pub(crate) hash: u64,
    pub(crate) rank: Rank,
    /// The sources its events came from.
    pub(crate) sources: Vec<u32>,
    pub(crate) state: GroupState,
}

impl Levels {
    fn leave(&mut self, groups: &mut Slab<Group>, place: u32) {
        let Some(group) = groups
            .get_mut(place)
            .filter(|group| usize::from(group.level) < LEVELS)
        else {
            return;
        };
        let (level, before, after) = (usize::from(group.level), group.before, group.after);
        (group.before, group.after, group.level) = (NOBODY, NOBODY, u8::MAX);
        match groups.get_mut(before) {
            Some(neighbour) => neighbour.after = after,
            None => self.ends[level].0 = after,
        }
        match groups.get_mut(after) {
            Some(neighbour) => neighbour.before = before,
            None => self.ends[level].1 = before,
        }
        if self.ends[level].0 == NOBODY {
            self.used &= !(1 << level);
        }
    }

    fn join(&mut self, groups: &mut Slab<Group>, place: u32) {
        if self.ends.is_empty() {
            self.ends = vec![(NOBODY, NOBODY); LEVELS];
        }
        let Some(level) = groups.get(place).map(|group| usize::from(group.level)) else {
            return;
        };
        let last = self.ends[level].1;
        if let Some(group) = groups.get_mut(place) {
            group.before = last;
        }
        match groups.get_mut(last) {
            Some(neighbour) => neighbour.after = place,
            None => self.ends[level].0 = place,
        }
        self.ends[level].1 = place;
        self.used |= 1 << level;
    }
}
