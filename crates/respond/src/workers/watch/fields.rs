//! Which fields the events have: of all sources together, for telling which rules can match, and of each, for telling what covers it.
//! It is not kept: after a restart it is seen again.

use std::collections::BTreeMap;
use watchkeeper_collect::parse::Interpretation;
use watchkeeper_detect::{DetectorInfo, FieldsSeen};
use watchkeeper_domain::event::{Event, SourceName};

/// The fields of events.
pub(super) struct Fields {
    pub(super) all: FieldsSeen,
    pub(super) by_source: BTreeMap<SourceName, FieldsSeen>,
}

impl Fields {
    /// Nothing was seen yet of these sources.
    pub(super) fn of(sources: impl Iterator<Item = SourceName>) -> Self {
        Self {
            all: FieldsSeen::of_a_stream(),
            by_source: sources.map(|name| (name, FieldsSeen::of_a_stream())).collect(),
        }
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.all.observe(event);
        if let Some(own) = self.by_source.get_mut(&event.source) {
            own.observe(event);
        }
    }

    /// Says which log sources of these rules the sources can give, though no event of them came yet.
    pub(super) fn expect(&mut self, rules: &[DetectorInfo], sources: &BTreeMap<SourceName, Interpretation>) {
        for asked in rules.iter().flat_map(|info| &info.log_sources) {
            for (name, _) in sources.iter().filter(|(_, source)| source.can_give(asked)) {
                self.all.declare(asked);
                if let Some(own) = self.by_source.get_mut(name) {
                    own.declare(asked);
                }
            }
        }
    }
}
