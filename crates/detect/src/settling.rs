//! How windows end: when a source's time has moved on, groups are looked at, decided, handed out and forgotten.

use crate::counting::Counter;
use crate::emit;
use crate::window::Machine;

/// An instant that no window reaches, in microseconds.
const AFTER_ALL: i64 = i64::MAX / 2;

/// How many events that wait to be read are read in one look at a group.
const READ_IN_ONE_LOOK: usize = 1_024;

impl Counter<'_> {
    /// Looks at groups whose instant the source has passed, until about `most` units of work are done. Tells how many are left.
    pub(crate) fn turn(&mut self, source: u32, most: usize) -> usize {
        let mut left = most;
        while left > 0 {
            let Some(timer) = self.state.sources.get(source).take_overdue() else {
                break;
            };
            let (index, place) = (timer.table as usize, timer.place);
            let group = self.state.tables.get(index).and_then(|table| table.get(place));
            let meant = group.is_some_and(|group| group.timer == timer.due);
            let work = if !meant {
                1
            } else if self.read_some(index, place) {
                self.state.sources.get(source).timers.insert(timer);
                READ_IN_ONE_LOOK / 16
            } else {
                self.look_at(index, place)
            };
            left = left.saturating_sub(work);
        }
        left
    }

    /// Reads some of the events that detections of the group took; false if none wait.
    fn read_some(&mut self, index: usize, place: u32) -> bool {
        let Some(group) = self.state.tables[index].get_mut(place) else {
            return false;
        };
        let mut opens = group.state.opens_mut().iter_mut();
        let Some(open) = opens.find(|open| open.figures.unread() > READ_IN_ONE_LOOK) else {
            return false;
        };
        open.figures.read_waiting(READ_IN_ONE_LOOK);
        true
    }

    /// Decides and forgets what the group's horizon has passed; tells how much work it was.
    fn look_at(&mut self, index: usize, place: u32) -> usize {
        let before = self.state.tables[index].records();
        self.settle(index, place);
        self.announce(index, place);
        self.flush(index, place);
        self.settle(index, place);
        let group = self.state.tables[index].get(place);
        if group.is_some_and(|group| group.state.is_empty()) {
            self.state.remove(index, place);
        } else {
            self.set_timer(index, place, true);
        }
        1 + before.saturating_sub(self.state.tables[index].records()) / 16
    }

    pub(crate) fn settle(&mut self, index: usize, place: u32) {
        let plan = &self.catalog.correlations[index].plan;
        let Some(group) = self.state.tables[index].get(place) else {
            return;
        };
        let (_, horizon) = self.state.sources.slowest(group.sources);
        self.state.change(index, place, |group| {
            group.state.settle(plan, horizon);
            None
        });
    }

    /// Judges figures as though their windows had ended; tells how many groups of other rules wait for the end of theirs.
    pub(crate) fn judge_figures(&mut self) -> usize {
        let catalog = self.catalog;
        let waiting = |counter: &Self, index: usize| -> Vec<u32> {
            let table = &counter.state.tables[index];
            let waits = |place: &u32| table.get(*place).is_some_and(|group| group.state.records() > 0);
            table.places().filter(waits).collect()
        };
        let at_end = |index: &usize| catalog.correlations[*index].plan.decide.at_end();
        let indices: Vec<usize> = (0..catalog.correlations.len()).filter(at_end).collect();
        let (mut figures, others): (Vec<usize>, Vec<usize>) = indices
            .into_iter()
            .partition(|index| catalog.correlations[*index].plan.decide.tells_of_what_is_there());
        // What one correlation tells is counted by the next, so that what is counted is judged first.
        figures.sort_by_cached_key(|index| catalog.depth(*index));
        for index in figures {
            for place in waiting(self, index) {
                let plan = &catalog.correlations[index].plan;
                self.state.change(index, place, |group| {
                    group.state.settle(plan, AFTER_ALL);
                    None
                });
                self.announce(index, place);
            }
            self.follow_links();
        }
        others.iter().map(|index| waiting(self, *index).len()).sum()
    }

    /// Sets the timer of a group; one that is set for an earlier instant stays, and is set anew when it has passed.
    pub(crate) fn set_timer(&mut self, index: usize, place: u32, anew: bool) {
        let plan = &self.catalog.correlations[index].plan;
        let Some(group) = self.state.tables[index].get_mut(place) else {
            return;
        };
        let (source, horizon) = self.state.sources.slowest(group.sources);
        let due = group.state.due_after(plan).max(horizon);
        if !anew && group.timer <= due {
            return;
        }
        group.timer = due;
        self.state
            .sources
            .get(source)
            .timers
            .insert(crate::source::Timer {
                due,
                table: index as u32,
                place,
            });
    }

    /// Hands out what a group has to tell.
    pub(crate) fn flush(&mut self, index: usize, place: u32) {
        let state = &mut *self.state;
        let fresh = |group: &crate::window::Group| group.state.opens().iter().any(|open| open.fresh);
        if !state.tables[index].get(place).is_some_and(fresh) {
            return;
        }
        let correlation = &self.catalog.correlations[index];
        let info = &self.catalog.detectors[correlation.detector];
        let activity = &mut self.activity[correlation.detector];
        let (table, sources, lines) = (&mut state.tables[index], &state.sources, &state.lines);
        let (out, entities, forgotten) = (&mut *self.out, self.entities, &mut state.lines_forgotten);
        let before = table.bytes();
        table.change(place, |group| {
            let key = &group.key;
            for open in group.state.opens_mut().iter_mut().filter(|open| open.fresh) {
                open.fresh = false;
                let figures = &mut open.figures;
                figures.read_all();
                *forgotten += figures.read_lines(|line| lines.get(line));
                activity.matches += figures.events.saturating_sub(figures.told);
                activity.last_match_at = activity
                    .last_match_at
                    .max(Some(crate::reason::instant(figures.last_at)));
                figures.told = figures.events;
                if info.fires {
                    out.put(emit::grouped(info, correlation, key, open, sources, entities));
                }
            }
            None
        });
        state.bytes = state.bytes + table.bytes() - before;
    }

    /// Hands out what every group has to tell.
    pub(crate) fn flush_all(&mut self) {
        for index in 0..self.state.tables.len() {
            for place in self.state.tables[index].take_fresh() {
                self.flush(index, place);
            }
        }
    }
}
