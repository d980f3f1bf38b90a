//! One log group: how far it is read, and which sweep comes next.

use super::backfill::Backfill;
use super::late::{LateEvents, StoredLateEvents};
use crate::seen::{SeenIds, StoredIds};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

const QUICK_DEPTH: Duration = Duration::seconds(10);
const MIDDLE_EVERY: Duration = Duration::minutes(1);
const MIDDLE_DEPTH: Duration = Duration::minutes(3);
const DEEP_EVERY: Duration = Duration::minutes(10);
/// How far behind the settled instant a deep sweep looks for events beyond the horizon.
const LATE_MARGIN: Duration = Duration::minutes(10);
/// An idle group is read this seldom at the most; after [`IDLE_SWEEPS`] sweeps without news the interval doubles each time.
const IDLE_INTERVAL: Duration = Duration::minutes(1);
const IDLE_SWEEPS: u32 = 12;
/// How long a group that failed is left alone.
const FAILED_PAUSE: Duration = Duration::seconds(10);

#[derive(Debug)]
pub(super) struct Group {
    /// Which of the source's accounts and regions it is in.
    pub(super) place: usize,
    pub(super) name: String,
    /// What lies before the first reading, while that is being read.
    pub(super) backfill: Option<Backfill>,
    /// What came beyond the horizon.
    pub(super) late: LateEvents,
    /// Everything before this instant (ms) was read and will not be read again, save to find what comes beyond the horizon.
    pub(super) settled: i64,
    /// The time (ms) of the newest event, not later than when it was read.
    pub(super) newest: Option<i64>,
    pub(super) seen: SeenIds,
    pub(super) sweep: Option<Sweep>,
    /// The number of its last turn, of those of all groups; 0 before the first.
    pub(super) turn: u64,
    /// Why it could not be read the last time.
    pub(super) fault: Option<String>,
    middle_at: Option<DateTime<Utc>>,
    deep_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    idle_sweeps: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Quick,
    Middle,
    Deep,
}

#[derive(Debug)]
pub(super) struct Sweep {
    depth: Depth,
    pub(super) start: i64,
    began_at: DateTime<Utc>,
    pub(super) token: Option<String>,
    /// The time of the last event so far, while they come in order.
    reached: Option<i64>,
    in_order: bool,
    pub(super) found_new: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredGroup {
    pub(super) settled: i64,
    pub(super) newest: Option<i64>,
    pub(super) seen: StoredIds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backfill: Option<Backfill>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) late: Option<StoredLateEvents>,
}

/// Which part of a group's past is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// What lies before the first reading.
    Backfill,
    /// What was read, for events that came beyond the horizon.
    Late,
}

impl Group {
    pub(super) fn new(
        place: usize,
        name: &str,
        stored: Option<&StoredGroup>,
        lookback_start: i64,
        now: DateTime<Utc>,
    ) -> Self {
        let (settled, newest, seen) = match stored {
            Some(group) => (group.settled, group.newest, SeenIds::restore(&group.seen)),
            None => (lookback_start, None, SeenIds::complete_from(lookback_start)),
        };
        // Which late events were delivered before this was remembered is not known.
        let late = match stored.and_then(|group| group.late.as_ref()) {
            Some(late) => LateEvents::restore(late),
            None => LateEvents::since(settled, now),
        };
        Self {
            place,
            name: name.to_owned(),
            backfill: stored.and_then(|group| group.backfill.clone()),
            late,
            settled,
            newest,
            seen,
            sweep: None,
            turn: 0,
            fault: None,
            middle_at: None,
            deep_at: None,
            due_at: None,
            idle_sweeps: 0,
        }
    }

    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.sweep.is_some() || self.due_at.is_none_or(|due| due <= now)
    }

    /// The sweep under way, or the deepest one that is due.
    pub(super) fn sweep_at(&mut self, now: DateTime<Utc>) -> &mut Sweep {
        let elapsed = |last: Option<DateTime<Utc>>, every| last.is_none_or(|at| at + every <= now);
        let depth = if elapsed(self.deep_at, DEEP_EVERY) {
            Depth::Deep
        } else if elapsed(self.middle_at, MIDDLE_EVERY) {
            Depth::Middle
        } else {
            Depth::Quick
        };
        let behind_newest = |depth: Duration| {
            let newest = self.newest.unwrap_or(self.settled).min(now.timestamp_millis());
            (newest - depth.num_milliseconds()).max(self.settled)
        };
        let start = match depth {
            Depth::Quick => behind_newest(QUICK_DEPTH),
            Depth::Middle => behind_newest(MIDDLE_DEPTH),
            Depth::Deep => self.deepest(),
        };
        self.sweep.get_or_insert(Sweep {
            depth,
            start,
            began_at: now,
            token: None,
            reached: None,
            in_order: true,
            found_new: false,
        })
    }

    /// Where deep sweeps begin: behind the settled instant only as far as it is remembered what was read there.
    fn deepest(&self) -> i64 {
        (self.settled - LATE_MARGIN.num_milliseconds())
            .max(self.seen.is_complete_from())
            .min(self.settled)
    }

    /// What is to be read next of the past, if anything is.
    pub(super) fn past(&mut self, looks_for_late: bool, now: DateTime<Utc>) -> Option<(Past, &mut Backfill)> {
        let until = self.deepest();
        match &mut self.backfill {
            Some(backfill) => Some((Past::Backfill, backfill)),
            None if looks_for_late => Some((Past::Late, self.late.look(until, now)?)),
            None => None,
        }
    }

    /// Moves the settled instant up to `horizon` behind what the deep sweep has reached.
    pub(super) fn settle(&mut self, reached: i64, horizon: Duration) {
        self.settled = self.settled.max(reached - horizon.num_milliseconds());
        self.seen
            .forget_before(self.settled - LATE_MARGIN.num_milliseconds());
    }

    /// A page was read: what it says about how far the sweep has come. True when the sweep is over.
    pub(super) fn turn_page(
        &mut self,
        page_times: &[i64],
        next_token: Option<String>,
        poll: Duration,
        horizon: Duration,
    ) -> bool {
        let Some(mut sweep) = self.sweep.take() else {
            return true;
        };
        for at in page_times {
            sweep.in_order &= sweep.reached.is_none_or(|reached| reached <= *at);
            sweep.reached = sweep.reached.max(Some(*at));
        }
        let limit = sweep.began_at.timestamp_millis();
        sweep.token = next_token;
        if sweep.token.is_some() {
            // Pages come in order of event time, so a long sweep settles as it goes and a crash does not begin it anew.
            if let Some(reached) = sweep
                .reached
                .filter(|_| sweep.in_order && sweep.depth == Depth::Deep)
            {
                self.settle(reached.min(limit), horizon);
            }
            self.sweep = Some(sweep);
            return false;
        }
        if sweep.depth == Depth::Deep {
            self.deep_at = Some(sweep.began_at);
            if let Some(newest) = self.newest {
                self.settle(newest.min(limit), horizon);
            }
        }
        if sweep.depth != Depth::Quick {
            self.middle_at = Some(sweep.began_at);
        }
        self.idle_sweeps = if sweep.found_new {
            0
        } else {
            self.idle_sweeps.saturating_add(1)
        };
        let doublings = self.idle_sweeps.saturating_sub(IDLE_SWEEPS).min(6);
        let interval = (poll * (1 << doublings)).min(IDLE_INTERVAL.max(poll));
        self.due_at = Some(sweep.began_at + interval);
        true
    }

    pub(super) fn fail(&mut self, fault: String, now: DateTime<Utc>) {
        self.fault = Some(fault);
        self.sweep = None;
        self.due_at = Some(now + FAILED_PAUSE);
    }
}
