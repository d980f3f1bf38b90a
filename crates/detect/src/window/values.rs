//! Which distinct values the windows of a group have: nothing is counted anew for an event, in whatever order events come.

use super::chunked::{Chunked, Timed};
use super::record::Record;
use super::sharded::Sharded;
use super::steps::Steps;

/// The windows of one group over the values of its records.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    span: i64,
    /// Windows that end up to here have all their steps.
    newest: i64,
    /// How many distinct values the window that ends at `newest` has.
    distinct: i64,
    by_value: Sharded<Runs>,
    /// Where the last runs end that still reach beyond `newest`: one entry a value, with an instant at which the run had come so far. One
    /// that went on since is put where it has come to when its entry's turn comes, and not with each event.
    running: Chunked<End>,
    /// Where the other runs end.
    ended: Chunked<End>,
    steps: Steps,
}

/// When a value's windows are: runs of events no more than a timespan apart.
#[derive(Debug, Clone)]
struct Runs {
    value: u64,
    last: Run,
    /// The event before the last of the last run; [`UNKNOWN`] where that is not known.
    before_last: i64,
    /// The instant of its entry among those that run: any other entry of the value is out of date.
    queued: i64,
    /// Earlier runs that late events can still touch; most values have none, and many values stand side by side.
    #[expect(clippy::box_collection, reason = "a third as large where there are none")]
    earlier: Option<Box<Vec<Run>>>,
}

const UNKNOWN: i64 = i64::MIN;

/// The windows that end within `[first, last + span)` have the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    last: i64,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: i64,
    value: u64,
}

impl Timed for End {
    fn at(&self) -> i64 {
        self.at
    }
}

/// What adding an event did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// The end of the first window that reached the threshold by it.
    pub(crate) crossing: Option<i64>,
    /// The instant of an event of the same value that no window needs any more: its neighbours are in every window that it is in.
    pub(crate) needless: Option<i64>,
}

fn hash(runs: &Runs) -> u64 {
    runs.value
}

impl Values {
    pub(crate) fn new(span: i64, most: usize) -> Self {
        Self {
            span,
            newest: i64::MIN / 4,
            distinct: 0,
            by_value: Sharded::within(most),
            running: Chunked::default(),
            ended: Chunked::default(),
            steps: Steps::default(),
        }
    }

    /// The windows over these records.
    pub(crate) fn of<'r>(records: impl Iterator<Item = &'r Record>, span: i64, most: usize) -> Self {
        let mut values = Self::new(span, most);
        records.for_each(|record| {
            values.add(record.at, record.value, u64::MAX);
        });
        values
    }

    /// How many distinct values the newest window has.
    pub(crate) fn distinct(&self) -> u64 {
        u64::try_from(self.distinct).unwrap_or(0)
    }

    /// Adds an event. Before it, no window reaches `threshold`.
    pub(crate) fn add(&mut self, at: i64, value: u64, threshold: u64) -> Added {
        if at >= self.newest {
            self.add_newest(at, value, threshold)
        } else {
            self.add_late(at, value, threshold)
        }
    }

    fn add_newest(&mut self, at: i64, value: u64, threshold: u64) -> Added {
        self.move_to(at);
        let span = self.span;
        let mut needless = None;
        let Some(runs) = self.by_value.find_mut(value, |runs| runs.value == value) else {
            self.begin(at, value);
            return self.added(at, threshold, None);
        };
        if runs.last.last + span > at {
            if runs.before_last != UNKNOWN && at - runs.before_last <= span {
                needless = Some(runs.last.last);
            } else {
                runs.before_last = runs.last.last;
            }
            runs.last.last = at;
            return Added {
                crossing: None,
                needless,
            };
        }
        runs.earlier.get_or_insert_default().push(runs.last);
        runs.last = Run { first: at, last: at };
        (runs.before_last, runs.queued) = (UNKNOWN, at);
        self.running.insert(End { at, value });
        self.distinct += 1;
        self.steps.add(at, 1);
        self.added(at, threshold, None)
    }

    fn added(&self, at: i64, threshold: u64, needless: Option<i64>) -> Added {
        Added {
            crossing: (self.distinct() >= threshold).then_some(at),
            needless,
        }
    }

    fn begin(&mut self, at: i64, value: u64) {
        let runs = Runs {
            value,
            last: Run { first: at, last: at },
            before_last: UNKNOWN,
            queued: at,
            earlier: None,
        };
        self.by_value.insert(value, runs, hash);
        self.running.insert(End { at, value });
        self.distinct += 1;
        self.steps.add(at, 1);
    }

    /// Lets windows end up to `to`: runs that end by then get their last step.
    fn move_to(&mut self, to: i64) {
        while self.running.front().is_some_and(|end| end.at + self.span <= to) {
            let Some(end) = self.running.pop_front() else {
                return;
            };
            let runs = self
                .by_value
                .find_mut(end.value, |runs| runs.value == end.value && runs.queued == end.at);
            let Some(runs) = runs else { continue };
            let last = End {
                at: runs.last.last,
                ..end
            };
            if last.at > end.at {
                runs.queued = last.at;
                self.running.insert(last);
            } else {
                self.steps.add(end.at + self.span, -1);
                self.distinct -= 1;
                self.ended.insert(end);
            }
        }
        self.newest = self.newest.max(to);
    }

    /// Puts an event among the runs of its value: it begins one, makes one longer, joins two, or changes nothing.
    fn add_late(&mut self, at: i64, value: u64, threshold: u64) -> Added {
        let span = self.span;
        let mut all = self.take_runs(value);
        let next = all.partition_point(|run| run.first <= at);
        let before = next.checked_sub(1).map(|index| all[index]);
        let before = before.filter(|run| at <= run.last + span);
        if before.is_some_and(|run| at <= run.last) {
            self.put_runs(value, all);
            return Added::default();
        }
        let after = all.get(next).copied().filter(|run| run.first <= at + span);
        let joined = Run {
            first: before.map_or(at, |run| run.first),
            last: after.map_or(at, |run| run.last),
        };
        let replaced = next - usize::from(before.is_some())..next + usize::from(after.is_some());
        all.splice(replaced, [joined]);
        self.put_runs(value, all);
        match before {
            None => self.steps.add(at, 1),
            Some(run) if run.last + span <= self.newest => self.steps.add(run.last + span, 1),
            Some(_) => {}
        }
        match after {
            Some(run) => self.steps.add(run.first, -1),
            None => self.end(at, value, before.is_some_and(|run| run.last + span > self.newest)),
        }
        let from = before.map_or(at, |run| run.last + span);
        self.crossed(from, after.map_or(at + span, |run| run.first), threshold)
    }

    fn take_runs(&mut self, value: u64) -> Vec<Run> {
        let Some(runs) = self.by_value.find_mut(value, |runs| runs.value == value) else {
            return Vec::new();
        };
        let mut all = runs.earlier.take().map_or_else(Vec::new, |earlier| *earlier);
        all.push(runs.last);
        all
    }

    fn put_runs(&mut self, value: u64, mut all: Vec<Run>) {
        let Some(last) = all.pop() else { return };
        let earlier = (!all.is_empty()).then(|| Box::new(all));
        if let Some(runs) = self.by_value.find_mut(value, |runs| runs.value == value) {
            (runs.last, runs.earlier, runs.before_last) = (last, earlier, UNKNOWN);
        } else {
            let runs = Runs {
                value,
                last,
                before_last: UNKNOWN,
                queued: UNKNOWN,
                earlier,
            };
            self.by_value.insert(value, runs, hash);
        }
    }

    /// The first window that reached the threshold among those that end within `[from, to)`, which gained a value. Windows beyond
    /// the newest have no event of their own to end with.
    fn crossed(&self, from: i64, to: i64, threshold: u64) -> Added {
        let to = to.min(self.newest.saturating_add(1));
        let level = i64::try_from(threshold).unwrap_or(i64::MAX);
        Added {
            crossing: (from < to).then(|| self.steps.reaches(from, to, level)).flatten(),
            needless: None,
        }
    }

    /// Notes that a run ends with the event at `at`; `counted` says whether the newest window had the value before.
    fn end(&mut self, at: i64, value: u64, counted: bool) {
        let end = End { at, value };
        if at + self.span <= self.newest {
            self.steps.add(at + self.span, -1);
            self.ended.insert(end);
        } else {
            self.distinct += i64::from(!counted);
            if let Some(runs) = self.by_value.find_mut(value, |runs| runs.value == value) {
                runs.queued = at;
            }
            self.running.insert(end);
        }
    }

    /// Forgets the windows that ended by `until`.
    pub(crate) fn forget(&mut self, until: i64) {
        let span = self.span;
        self.steps.forget(until);
        while self.ended.front().is_some_and(|end| end.at + span <= until) {
            let Some(end) = self.ended.pop_front() else { return };
            let same = |runs: &Runs| runs.value == end.value;
            let Some(runs) = self.by_value.find_mut(end.value, same) else {
                continue;
            };
            if let Some(earlier) = &mut runs.earlier {
                earlier.retain(|run| run.last + span > until);
                runs.earlier.take_if(|earlier| earlier.is_empty());
            }
            if runs.earlier.is_none() && runs.last.last + span <= until {
                self.by_value.remove(end.value, same);
            }
        }
    }

    /// Bytes it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.by_value.len() * 160 + (self.running.len() + self.ended.len()) * 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SPAN: i64 = 50;

    fn distinct(events: &[(i64, u64)], end: i64) -> usize {
        let inside = events.iter().filter(|(at, _)| *at > end - SPAN && *at <= end);
        inside.map(|(_, value)| value).collect::<BTreeSet<_>>().len()
    }

    proptest! {
        #[test]
        fn the_first_crossing_is_found_in_any_order(events in prop::collection::vec((0..400i64, 0..12u64), 1..120), threshold in 2..9u64, steady: bool) {
            let mut events = events;
            if steady {
                events.sort_unstable();
            }
            let mut values = Values::new(SPAN, 100);
            let mut known: Vec<(i64, u64)> = Vec::new();
            for (at, value) in events {
                let newest = known.iter().map(|(at, _)| *at).max().unwrap_or(at);
                if at <= newest - 100 - SPAN {
                    continue;
                }
                known.push((at, value));
                let newest = known.iter().map(|(at, _)| *at).max().unwrap();
                let reached = (at..at + SPAN).filter(|end| *end <= newest).find(|end| distinct(&known, *end) as u64 >= threshold);
                let added = values.add(at, value, threshold);
                prop_assert_eq!(added.crossing, reached);
                if reached.is_some() {
                    break;
                }
                prop_assert_eq!(values.distinct(), distinct(&known, newest) as u64);
                if let Some(needless) = added.needless {
                    // Every window is as it was without it.
                    let mut without = known.clone();
                    let gone = without.iter().position(|event| *event == (needless, value)).unwrap();
                    without.remove(gone);
                    prop_assert!((0..500).all(|end| distinct(&known, end) == distinct(&without, end)));
                }
                let horizon = newest - 100;
                values.forget(horizon - SPAN);
                known.retain(|(at, _)| *at >= horizon - 2 * SPAN);
                if known.is_empty() {
                    break;
                }
            }
        }
    }
}
