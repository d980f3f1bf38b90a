//! CloudWatch Logs, polled with FilterLogEvents.
//!
//! Events become visible late and out of order, and the service filters by event time alone. So each group is swept again and
//! again, at three depths (sweep depth ≥ largest lag + sweep interval):
//!
//! | sweep | how often | how deep, behind the newest event |
//! |---|---|---|
//! | quick | every poll | 10 s |
//! | middle | every minute | 3 min |
//! | deep | every 10 min, and first of all | to where everything is settled: the horizon, and a margin that finds later ones |
//!
//! What was read before is recognised by (account, region, group, stream, event id). The cursor holds, for each group, the instant
//! before which everything is settled, the newest event's time, and the ids since. It moves only with events that were read: never
//! on an error, never on an empty page, never to the present. A page token lives no longer than its sweep.

use crate::aws::{self, AwsAccess, Watch, Watching};
use crate::config::CloudwatchLogsConfig;
use crate::parse::{Context, Interpretation, Origin};
use crate::rate::Bucket;
use crate::seen::{SeenIds, StoredIds};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source};
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

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

/// What one reading takes at most.
const BATCH_EVENTS: usize = 10_000;
const BATCH_PAGES: usize = 20;
/// Ids remembered for a group in memory and in the cursor; at eight bytes each the cursor stays below a megabyte.
const IDS_IN_MEMORY: usize = 1_000_000;
const IDS_IN_CURSOR: usize = 50_000;

/// Log groups as a source.
#[derive(Debug)]
pub struct CloudwatchLogs {
    name: SourceName,
    how: Interpretation,
    client: Client,
    watch: Arc<Watch>,
    bucket: Arc<Bucket>,
    clock: Arc<dyn Clock>,
    account: String,
    region: String,
    log_groups: Vec<String>,
    filter_pattern: Option<String>,
    poll: Duration,
    lookback: Duration,
    horizon: Duration,
    memory: Option<Memory>,
}

/// What is known between two readings; thrown away when reading resumes from another cursor than the last one given.
#[derive(Debug)]
struct Memory {
    sequence: u64,
    groups: Vec<Group>,
    /// The group whose turn is first, so that a busy one does not starve the others.
    first: usize,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// Everything before this instant (ms) was read and will not be read again, save to find what comes beyond the horizon.
    settled: i64,
    /// The time (ms) of the newest event, not later than when it was read.
    newest: Option<i64>,
    seen: SeenIds,
    sweep: Option<Sweep>,
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
struct Sweep {
    depth: Depth,
    start: i64,
    began_at: DateTime<Utc>,
    token: Option<String>,
    /// The time of the last event so far, while they come in order.
    reached: Option<i64>,
    in_order: bool,
    found_new: bool,
}

/// The cursor's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    groups: BTreeMap<String, StoredGroup>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGroup {
    settled: i64,
    newest: Option<i64>,
    seen: StoredIds,
}

impl Group {
    fn new(name: &str, stored: Option<&StoredGroup>, lookback_start: i64) -> Self {
        let (settled, newest, seen) = match stored {
            Some(group) => (group.settled, group.newest, SeenIds::restore(&group.seen)),
            None => (lookback_start, None, SeenIds::complete_from(lookback_start)),
        };
        Self {
            name: name.to_owned(),
            settled,
            newest,
            seen,
            sweep: None,
            middle_at: None,
            deep_at: None,
            due_at: None,
            idle_sweeps: 0,
        }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.sweep.is_some() || self.due_at.is_none_or(|due| due <= now)
    }

    /// The sweep under way, or the deepest one that is due.
    fn sweep_at(&mut self, now: DateTime<Utc>) -> &mut Sweep {
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
            // Behind the settled instant only as far as it is remembered what was read there.
            Depth::Deep => (self.settled - LATE_MARGIN.num_milliseconds())
                .max(self.seen.is_complete_from())
                .min(self.settled),
        };
        self.sweep.get_or_insert_with(|| Sweep {
            depth,
            start,
            began_at: now,
            token: None,
            reached: None,
            in_order: true,
            found_new: false,
        })
    }

    /// Moves the settled instant up to `horizon` behind what the deep sweep has reached.
    fn settle(&mut self, reached: i64, horizon: Duration) {
        self.settled = self.settled.max(reached - horizon.num_milliseconds());
        self.seen
            .forget_before(self.settled - LATE_MARGIN.num_milliseconds());
    }

    /// A page was read: what it says about how far the sweep has come. True when the sweep is over.
    fn turn_page(
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

    fn fail(&mut self, now: DateTime<Utc>) {
        self.sweep = None;
        self.due_at = Some(now + FAILED_PAUSE);
    }
}

/// A reading under way.
#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
    pages: usize,
    changed: bool,
    failure: Option<CollectError>,
    /// Calls are used up for now.
    out_of_calls: bool,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.pages >= BATCH_PAGES || self.out_of_calls
    }
}

impl CloudwatchLogs {
    pub(crate) async fn open(
        config: &CloudwatchLogsConfig,
        access: &AwsAccess,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let bucket = access.bucket("logs", config.calls_per_second);
        let watch = Watch::new(bucket.clone(), clock.clone(), false);
        let sdk = aws_sdk_cloudwatchlogs::config::Builder::from(&access.sdk_config().await)
            .interceptor(Watching(watch.clone()))
            .build();
        Self {
            name: SourceName(config.name.clone()),
            how: config.interpretation(),
            client: Client::from_conf(sdk),
            watch,
            bucket,
            clock,
            account: access.account().to_owned(),
            region: config.region.clone(),
            log_groups: config.log_groups.clone(),
            filter_pattern: config.filter_pattern.clone(),
            poll: Duration::seconds(i64::from(config.poll_seconds)),
            lookback: Duration::minutes(i64::from(config.lookback_minutes)),
            horizon: Duration::minutes(i64::from(config.horizon_minutes)),
            memory: None,
        }
    }

    /// What is known at `from`: kept from the last reading, or restored from the cursor.
    fn recall(&mut self, from: &Cursor, now: DateTime<Utc>) -> Result<Memory, CollectError> {
        let stored: Stored = from.decode(&self.name)?;
        let last = self.memory.take();
        let sequence = last.as_ref().map_or(0, |memory| memory.sequence);
        if let Some(memory) = last.filter(|memory| memory.sequence == stored.sequence) {
            return Ok(memory);
        }
        let lookback_start = (now - self.lookback).timestamp_millis();
        let groups = self
            .log_groups
            .iter()
            .map(|name| Group::new(name, stored.groups.get(name), lookback_start))
            .collect();
        Ok(Memory {
            // Above every number given so far, so that no older cursor is taken for the newest.
            sequence: stored.sequence.max(sequence),
            groups,
            first: 0,
        })
    }

    async fn sweep_group(&self, group: &mut Group, now: DateTime<Utc>, reading: &mut Reading) {
        while !reading.is_full() {
            if self.bucket.take(now).is_err() {
                reading.out_of_calls = true;
                return;
            }
            match self.read_page(group, now, reading).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    group.fail(now);
                    reading.remarks.push(Remark::Failing {
                        what: format!("log group {}", group.name),
                        reason: error.to_string(),
                    });
                    reading.failure.get_or_insert(error);
                    return;
                }
            }
        }
    }

    /// Reads one page of a group's sweep; true when it was the last.
    async fn read_page(
        &self,
        group: &mut Group,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Result<bool, CollectError> {
        reading.pages += 1;
        let sweep = group.sweep_at(now);
        let token = sweep.token.clone();
        let answer = self
            .client
            .filter_log_events()
            .log_group_name(&group.name)
            .start_time(group.sweep_at(now).start)
            .limit(10_000)
            .set_filter_pattern(self.filter_pattern.clone())
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "logs:FilterLogEvents", &format!("log group {}", group.name)))?;
        let next_token = answer.next_token().map(ToOwned::to_owned);
        if next_token.is_some() && next_token == token {
            return Err(CollectError::Retryable {
                what: format!("log group {} gave the same page token twice", group.name),
                after: None,
            });
        }
        let times: Vec<i64> = answer
            .events()
            .iter()
            .filter_map(FilteredLogEvent::timestamp)
            .collect();
        for told in answer.events() {
            self.take(group, told, now, reading);
        }
        let settled = group.settled;
        let over = group.turn_page(&times, next_token, self.poll, self.horizon);
        reading.changed |= group.settled != settled;
        Ok(over)
    }

    fn take(&self, group: &mut Group, told: &FilteredLogEvent, now: DateTime<Utc>, reading: &mut Reading) {
        let message = told.message().unwrap_or_default();
        let at_ms = told.timestamp().unwrap_or_else(|| now.timestamp_millis());
        let id = event_id(&[
            &self.account,
            &self.region,
            &group.name,
            told.log_stream_name().unwrap_or_default(),
            told.event_id().unwrap_or_default(),
        ]);
        if !group.seen.insert(at_ms, &id) {
            reading.counts.duplicates += 1;
            return;
        }
        reading.changed = true;
        reading.counts.late_beyond_horizon += u64::from(at_ms < group.settled);
        reading.counts.bytes += message.len() as u64;
        group.newest = group.newest.max(Some(at_ms.min(now.timestamp_millis())));
        if let Some(sweep) = &mut group.sweep {
            sweep.found_new = true;
        }
        let origin = Origin {
            source: &self.name,
            id: &id,
            context: Context {
                collected_at: now,
                told_at: DateTime::from_timestamp_millis(at_ms),
            },
        };
        let found = self.how.events(origin, message);
        reading.counts.unparsed += found.iter().filter(|e| e.unparsed.is_some()).count() as u64;
        reading.events.extend(found);
    }

    fn cursor_of(&self, memory: &mut Memory, remarks: &mut Vec<Remark>) -> Result<Cursor, CollectError> {
        memory.sequence += 1;
        let mut forgotten_in_total = 0;
        let mut groups = BTreeMap::new();
        for group in &mut memory.groups {
            group.seen.shrink_to(IDS_IN_MEMORY);
            let (seen, forgotten) = group.seen.store(IDS_IN_CURSOR);
            forgotten_in_total += forgotten;
            let stored = StoredGroup {
                settled: group.settled,
                newest: group.newest,
                seen,
            };
            groups.insert(group.name.clone(), stored);
        }
        if forgotten_in_total > 0 {
            remarks.push(Remark::MemoryFull {
                forgotten: forgotten_in_total,
            });
        }
        let stored = Stored {
            sequence: memory.sequence,
            groups,
        };
        Cursor::encode(&stored, &self.name)
    }
}

/// `account/region/group/stream/id`, or its digest where that would be long.
fn event_id(parts: &[&str]) -> String {
    let id = parts.join("/");
    if id.len() <= 512 {
        id
    } else {
        watchkeeper_domain::id::digest(parts)
    }
}

#[async_trait]
impl Source for CloudwatchLogs {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let now = self.clock.now();
        let mut memory = self.recall(from, now)?;
        let mut reading = Reading {
            // The lookback of the first reading must not slide along while nothing is found.
            changed: from.is_start(),
            ..Reading::default()
        };
        let count = memory.groups.len();
        let mut tried = 0;
        for turn in 0..count {
            let index = (memory.first + turn) % count;
            if reading.is_full() {
                break;
            }
            if memory.groups[index].is_due(now) {
                tried += 1;
                self.sweep_group(&mut memory.groups[index], now, &mut reading)
                    .await;
            }
        }
        memory.first = (memory.first + 1) % count.max(1);
        let (calls, throttled) = self.watch.counts();
        reading.counts.calls = calls;
        reading.counts.throttled = throttled;
        let failed = reading
            .remarks
            .iter()
            .filter(|r| matches!(r, Remark::Failing { .. }))
            .count();
        if let Some(error) = reading
            .failure
            .filter(|_| reading.events.is_empty() && failed == tried)
        {
            self.memory = Some(memory);
            return Err(error);
        }
        let next = if reading.changed {
            self.cursor_of(&mut memory, &mut reading.remarks)?
        } else {
            from.clone()
        };
        let more = !reading.out_of_calls && memory.groups.iter().any(|group| group.is_due(now));
        self.memory = Some(memory);
        Ok(Batch {
            events: reading.events,
            next,
            more,
            counts: reading.counts,
            remarks: reading.remarks,
        })
    }
}
