//! How much the engine may remember, and how much disorder it forgives.

use crate::window::TenantShare;
use chrono::Duration;
use std::collections::BTreeMap;
use watchkeeper_domain::event::SourceName;

/// Bounds on time and memory. What a bound makes the engine drop is counted in [`DropCounts`](crate::DropCounts).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How far behind the newest event of its source an event may be and still be counted in windows.
    pub lateness: Duration,
    /// Sources that need another lateness: CloudTrail delivers with minutes of disorder, a local file with none.
    pub lateness_of: BTreeMap<SourceName, Duration>,
    /// How far beyond its `collected_at` an event may claim to have happened. One that claims more is counted as of its
    /// `collected_at` and never moves the watermark, so that one wrong clock cannot end everybody's windows.
    pub future_skew: Duration,
    /// How many groups one correlation rule may follow at once. Beyond it the group furthest from its threshold goes.
    pub groups_per_rule: usize,
    /// How many not yet decided events one correlation rule may hold over all its groups.
    pub records_per_rule: usize,
    /// How much of these two, in percent, may be of one tenant where a rule groups by tenants. Beyond it the tenant's group that is
    /// furthest from its threshold goes, and not another tenant's.
    pub percent_per_tenant: u8,
    /// How many bytes the groups of all rules may take together, about. Beyond it the rule that takes most gives up groups.
    pub state_bytes: usize,
    /// How many bytes of the lines of counted events are kept as evidence; the oldest are overwritten. 0 where none is kept.
    pub evidence_bytes: usize,
    /// How many event ids one source's memory of duplicates may hold; beyond it the oldest go. 0 where no event can come twice: then
    /// none is remembered.
    pub remembered_ids: usize,
    /// The longest timespan a correlation may ask for.
    pub longest_timespan: Duration,
    /// The highest count a correlation may ask for.
    pub highest_count: u64,
    /// What the `%name%` of the modifier `expand` stands for.
    pub placeholders: BTreeMap<String, Vec<String>>,
}

impl Default for Limits {
    /// A minute of lateness, five of skew, 200,000 groups and 500,000 records a rule with half of them for one tenant, 512 MB of groups and 32 MB of lines in all,
    /// 500,000 ids a source, timespans of 366 days and counts of 100,000.
    fn default() -> Self {
        Self {
            lateness: Duration::seconds(60),
            lateness_of: BTreeMap::new(),
            future_skew: Duration::minutes(5),
            groups_per_rule: 200_000,
            records_per_rule: 500_000,
            percent_per_tenant: 50,
            state_bytes: 512 << 20,
            evidence_bytes: 32 << 20,
            remembered_ids: 500_000,
            longest_timespan: Duration::days(366),
            highest_count: 100_000,
            placeholders: BTreeMap::new(),
        }
    }
}

impl Limits {
    /// What one tenant may have of a rule whose `group-by` has the tenant at this place.
    pub(crate) fn share_of_tenant(&self, place: usize) -> TenantShare {
        let share = |all: usize| (all.saturating_mul(self.percent_per_tenant.into()) / 100).max(1);
        TenantShare {
            place,
            groups: share(self.groups_per_rule),
            records: share(self.records_per_rule),
        }
    }

    /// The lateness that holds for `source`.
    #[must_use]
    pub fn lateness_for(&self, source: &SourceName) -> Duration {
        self.lateness_of.get(source).copied().unwrap_or(self.lateness)
    }
}
