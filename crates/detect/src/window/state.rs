//! The state of one group: the state machine of its rule's kind, or nothing but the one event it has.

use super::absence::Absence;
use super::at_end::AtEnd;
use super::bucket::LeakyBucket;
use super::counted::Counted;
use super::numbers::Numbers;
use super::open::Open;
use super::ordered::Ordered;
use super::ratio::Ratio;
use super::record::Record;
use super::sequence::Sequence;
use super::temporal::Temporal;
use super::{Decide, Machine, Plan, Progress, progress};
use crate::catalog::Role;
use serde::{Deserialize, Serialize};

/// What a group remembers. Most groups of a flood have one event: that one stands here, without an allocation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum GroupState {
    #[default]
    Empty,
    One(Record),
    Counted(Box<Counted>),
    AtEnd(Box<AtEnd>),
    Ratio(Box<Ratio>),
    Temporal(Box<Temporal>),
    Ordered(Box<Ordered>),
    Sequence(Box<Sequence>),
    Numbers(Box<Numbers>),
    Absence(Box<Absence>),
    LeakyBucket(Box<LeakyBucket>),
}

/// The count that decides how near one event is to the threshold; None where the kind begins with its machine.
fn highest(plan: &Plan) -> Option<u64> {
    match &plan.decide {
        Decide::Events(count) | Decide::Values(count) => Some(*count),
        Decide::EventsAtEnd(bounds) | Decide::ValuesAtEnd(bounds) => {
            Some(bounds.iter().map(|(_, count)| *count).max().unwrap_or(1))
        }
        _ => None,
    }
}

impl GroupState {
    /// The machine of the rule's kind, with the one event if there is one.
    fn begun(&mut self, plan: &Plan) -> &mut Self {
        if !matches!(self, Self::Empty | Self::One(_)) {
            return self;
        }
        let one = std::mem::replace(self, Self::machine_of(plan));
        if let Self::One(record) = one {
            self.as_machine_mut(|machine| {
                machine.add(plan, record, Role::Counts(0));
            });
        }
        self
    }

    /// Says that a source is read from `at` on, to a group that watches for silence.
    pub(crate) fn watch(&mut self, at: i64, source: u32) {
        if matches!(self, Self::Empty) {
            *self = Self::Absence(Box::default());
        }
        if let Self::Absence(machine) = self {
            machine.begin(at, source);
        }
    }

    fn machine_of(plan: &Plan) -> Self {
        match &plan.decide {
            Decide::Events(_) | Decide::Values(_) => Self::Counted(Box::default()),
            Decide::EventsAtEnd(_) | Decide::ValuesAtEnd(_) => Self::AtEnd(Box::default()),
            Decide::Share(_) => Self::Ratio(Box::default()),
            Decide::Temporal(_) => Self::Temporal(Box::default()),
            Decide::Ordered(_) => Self::Ordered(Box::default()),
            Decide::Sequence(_) => Self::Sequence(Box::default()),
            Decide::Numbers(_) => Self::Numbers(Box::default()),
            Decide::Absence(_) => Self::Absence(Box::default()),
            Decide::LeakyBucket(_) => Self::LeakyBucket(Box::default()),
        }
    }

    fn as_machine(&self) -> Option<&dyn Machine> {
        match self {
            Self::Empty | Self::One(_) => None,
            Self::Counted(machine) => Some(&**machine),
            Self::AtEnd(machine) => Some(&**machine),
            Self::Ratio(machine) => Some(&**machine),
            Self::Temporal(machine) => Some(&**machine),
            Self::Ordered(machine) => Some(&**machine),
            Self::Sequence(machine) => Some(&**machine),
            Self::Numbers(machine) => Some(&**machine),
            Self::Absence(machine) => Some(&**machine),
            Self::LeakyBucket(machine) => Some(&**machine),
        }
    }

    fn as_machine_mut<T>(&mut self, change: impl FnOnce(&mut dyn Machine) -> T) -> Option<T> {
        match self {
            Self::Empty | Self::One(_) => None,
            Self::Counted(machine) => Some(change(&mut **machine)),
            Self::AtEnd(machine) => Some(change(&mut **machine)),
            Self::Ratio(machine) => Some(change(&mut **machine)),
            Self::Temporal(machine) => Some(change(&mut **machine)),
            Self::Ordered(machine) => Some(change(&mut **machine)),
            Self::Sequence(machine) => Some(change(&mut **machine)),
            Self::Numbers(machine) => Some(change(&mut **machine)),
            Self::Absence(machine) => Some(change(&mut **machine)),
            Self::LeakyBucket(machine) => Some(change(&mut **machine)),
        }
    }
}

impl Machine for GroupState {
    fn add(&mut self, plan: &Plan, record: Record, role: Role) -> Progress {
        if matches!(self, Self::Empty)
            && let Some(highest) = highest(plan).filter(|highest| *highest > 1)
        {
            *self = Self::One(record);
            return progress(1, highest);
        }
        let added = self
            .begun(plan)
            .as_machine_mut(|machine| machine.add(plan, record, role));
        added.unwrap_or_default()
    }

    fn settle(&mut self, plan: &Plan, horizon: i64) {
        if let Self::One(record) = self {
            let over = if plan.decide.at_end() {
                record.at + plan.span <= horizon
            } else {
                record.at <= horizon - plan.span
            };
            if !over {
                return;
            }
            if !plan.decide.at_end() {
                *self = Self::Empty;
                return;
            }
            self.begun(plan);
        }
        self.as_machine_mut(|machine| machine.settle(plan, horizon));
    }

    fn due_after(&self, plan: &Plan) -> i64 {
        match self {
            Self::One(record) => record.at + plan.span - 1,
            _ => self
                .as_machine()
                .map_or(i64::MIN, |machine| machine.due_after(plan)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => false,
            _ => self.as_machine().is_none_or(Machine::is_empty),
        }
    }

    fn opens(&self) -> &[Open] {
        self.as_machine().map_or(&[], Machine::opens)
    }

    fn opens_mut(&mut self) -> &mut [Open] {
        match self {
            Self::Empty | Self::One(_) => &mut [],
            Self::Counted(machine) => machine.opens_mut(),
            Self::AtEnd(machine) => machine.opens_mut(),
            Self::Ratio(machine) => machine.opens_mut(),
            Self::Temporal(machine) => Machine::opens_mut(&mut **machine),
            Self::Ordered(machine) => Machine::opens_mut(&mut **machine),
            Self::Sequence(machine) => Machine::opens_mut(&mut **machine),
            Self::Numbers(machine) => Machine::opens_mut(&mut **machine),
            Self::Absence(machine) => Machine::opens_mut(&mut **machine),
            Self::LeakyBucket(machine) => Machine::opens_mut(&mut **machine),
        }
    }

    fn records(&self) -> usize {
        match self {
            Self::One(_) => 1,
            _ => self.as_machine().map_or(0, Machine::records),
        }
    }

    fn bytes(&self) -> usize {
        /// What the boxes and their first buffers take, about.
        const MACHINE: usize = 384;
        match self {
            Self::Empty => 0,
            Self::One(record) => record.bytes() - size_of::<Record>(),
            _ => self.as_machine().map_or(0, |machine| MACHINE + machine.bytes()),
        }
    }

    fn take_forgotten(&mut self) -> u64 {
        self.as_machine_mut(|machine| machine.take_forgotten())
            .unwrap_or(0)
    }

    fn rebuild(&mut self, plan: &Plan) {
        self.as_machine_mut(|machine| machine.rebuild(plan));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_one_event_takes_no_more_than_its_record() {
        assert_eq!((size_of::<Record>(), size_of::<GroupState>()), (64, 64));
        assert!(
            size_of::<crate::window::Group>() <= 128,
            "{}",
            size_of::<crate::window::Group>()
        );
    }
}
