//! The groups of one rule by the tenant they are of: no tenant takes so much that the groups of others have to go for it.
//!
//! Only a rule that groups by a tenant tells whose a group is.

use super::Machine;
use super::group::Group;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// What one tenant may have of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TenantShare {
    /// The place of the tenant in `group-by`.
    pub(crate) place: usize,
    pub(crate) groups: usize,
    pub(crate) records: usize,
}

/// What each tenant has.
#[derive(Debug)]
pub(super) struct Tenants {
    share: TenantShare,
    /// Tenants are told apart by a hash that nobody outside can steer; it means nothing after a restart.
    hasher: RandomState,
    taken: HashMap<u64, Taken>,
    standings: BTreeSet<Standing>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    groups: u32,
    records: u32,
}

/// Where a group stands among those of its tenant: the first is to go first. `touched` turns around after four thousand million
/// changes of the rule's groups; those from before then go last in their level, for as long as they are there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    tenant: u64,
    level: u8,
    touched: u32,
    place: u32,
}

impl Tenants {
    /// What a group takes here: its standing in a tree whose nodes are two thirds full, and, at worst, a tenant of its own in a table
    /// that is half full.
    pub(super) const BYTES_PER_GROUP: usize = size_of::<Standing>() * 3 / 2 + 2 * size_of::<(u64, Taken)>();

    pub(super) fn new(share: TenantShare) -> Self {
        Self {
            share,
            hasher: RandomState::new(),
            taken: HashMap::new(),
            standings: BTreeSet::new(),
        }
    }

    fn tenant(&self, group: &Group) -> u64 {
        self.hasher.hash_one(group.key.part(self.share.place))
    }

    fn standing(&self, group: &Group, place: u32) -> Standing {
        Standing {
            tenant: self.tenant(group),
            level: group.level,
            touched: group.touched,
            place,
        }
    }

    /// Takes a new group, or one whose rank changed and that was left out before.
    pub(super) fn join(&mut self, group: &Group, place: u32) {
        self.standings.insert(self.standing(group, place));
    }

    /// Leaves a group out whose rank is about to change.
    pub(super) fn leave(&mut self, group: &Group, place: u32) {
        self.standings.remove(&self.standing(group, place));
    }

    /// Counts so many groups and records more, or fewer, of the group's tenant.
    pub(super) fn count(&mut self, group: &Group, groups: i32, records: i64) {
        let tenant = self.tenant(group);
        let taken = self.taken.entry(tenant).or_default();
        taken.groups = taken.groups.saturating_add_signed(groups);
        let known = i64::from(taken.records);
        taken.records = u32::try_from((known + records).max(0)).unwrap_or(u32::MAX);
        if taken.groups == 0 {
            self.taken.remove(&tenant);
        }
    }

    /// The group to forget where the group's tenant has more than its share: furthest from its threshold, then longest untouched;
    /// never the one at `except`.
    pub(super) fn furthest(&self, group: &Group, except: u32) -> Option<u32> {
        let tenant = self.tenant(group);
        let taken = self.taken.get(&tenant)?;
        // A single group with many records is bounded by its rule, and costs the tenant's others nothing.
        let besides = (taken.records as usize).saturating_sub(group.state.records());
        if taken.groups as usize <= self.share.groups && besides <= self.share.records {
            return None;
        }
        let first = Standing {
            tenant,
            level: 0,
            touched: 0,
            place: 0,
        };
        let of_tenant = self.standings.range(first..);
        of_tenant
            .take_while(|standing| standing.tenant == tenant)
            .map(|standing| standing.place)
            .find(|place| *place != except)
    }
}
