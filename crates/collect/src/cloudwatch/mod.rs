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
//!
//! Further back than the deep sweep a slow lane looks for what comes beyond the horizon, by the instant at which each event says that it
//! was taken in, so that it is judged and counted, too.
//!
//! Groups are named, or found by prefix and tags, again and again, in one account and region or in several. Each group has a share of
//! the calls of its account and region; what they leave goes to the slow lane, which also reads what lies before the first reading.
//! Looking for groups has calls of its own, which AWS counts apart, and what is found is read before the look has ended.

mod backfill;
mod group;
mod late;
mod places;

pub(crate) use places::{accesses, is_excluded};

use crate::aws;
use crate::config::CloudwatchLogsConfig;
use crate::once::PUSH_TIME;
use crate::parse::{Context, Interpretation, Origin};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source, resumed};
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use backfill::Backfill;
use chrono::{DateTime, Duration, Utc};
use group::{Group, Past, StoredGroup};
use places::{Discovery, Place, Wanted};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};
use watchkeeper_domain::span::Span;

/// What one reading takes at most.
const BATCH_EVENTS: usize = 10_000;
const BATCH_PAGES: usize = 20;
/// Ids remembered for a group in memory, and for all groups in the cursor, which stays below a megabyte at eight bytes an id.
const IDS_IN_MEMORY: usize = 1_000_000;
const IDS_IN_CURSOR: usize = 50_000;
/// Ids of late events that are remembered, as a share of both; of those that are forgotten no look finds others of their time.
const LATE_SHARE: usize = 4;

/// Groups that cannot be read, of which each reading says so.
const SAID_TO_FAIL: usize = 10;

/// How often a reconciler looks: it is not in a hurry, and the calls are shared.
const RECONCILE_EVERY: Duration = Duration::minutes(1);

/// Log groups as a source.
#[derive(Debug)]
pub struct CloudwatchLogs {
    name: SourceName,
    how: Interpretation,
    places: Vec<Place>,
    wanted: Wanted,
    discovery: Discovery,
    clock: Arc<dyn Clock>,
    filter_pattern: Option<String>,
    poll: Duration,
    lookback: Duration,
    /// How much further back the slow lane goes.
    backfill: Option<Duration>,
    /// How old an event must be to be looked for: a subscription has so long to deliver it first.
    delay: Duration,
    horizon: Duration,
    memory: Option<Memory>,
}

/// What is known between two readings; thrown away when reading resumes from another cursor than the last one given.
#[derive(Debug)]
struct Memory {
    sequence: u64,
    groups: Vec<Group>,
    /// What the cursor held of groups that were not found again yet.
    stored: BTreeMap<String, StoredGroup>,
    /// How often a group had its turn; whoever had none for longest is next, so that many or busy ones starve nobody.
    turns: u64,
    /// The group whose past is looked at first.
    first: usize,
}

/// The cursor's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    groups: BTreeMap<String, StoredGroup>,
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
    /// Groups and lists that were tried.
    tried: usize,
    /// Places whose calls are used up for now.
    out_of_calls: BTreeSet<usize>,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.pages >= BATCH_PAGES
    }
}

impl Reading {
    fn fail(&mut self, what: String, error: CollectError) {
        self.remarks.push(Remark::Failing {
            what,
            reason: error.to_string(),
        });
        self.failure.get_or_insert(error);
    }
}

impl CloudwatchLogs {
    pub(crate) async fn open(config: &CloudwatchLogsConfig, clock: Arc<dyn Clock>) -> Self {
        let places = places::open(config, &clock).await;
        Self {
            name: SourceName(config.name.clone()),
            how: config.interpretation(),
            discovery: Discovery::new(places.len()),
            places,
            wanted: Wanted::of(config),
            clock,
            filter_pattern: config.filter_pattern.clone(),
            poll: if config.subscription.is_some() {
                RECONCILE_EVERY.max(Duration::seconds(i64::from(config.poll_seconds)))
            } else {
                Duration::seconds(i64::from(config.poll_seconds))
            },
            delay: config
                .subscription
                .as_ref()
                .map_or(Duration::zero(), |_| PUSH_TIME),
            lookback: Duration::minutes(i64::from(config.lookback_minutes)),
            backfill: config.backfill.map(Span::duration),
            horizon: Duration::minutes(i64::from(config.horizon_minutes)),
            memory: None,
        }
    }

    /// What is known at `from`: kept from the last reading, or restored from the cursor.
    fn recall(&mut self, from: &Cursor) -> Result<Memory, CollectError> {
        let stored: Stored = from.decode(&self.name)?;
        let sequence = match resumed(self.memory.take(), |memory| memory.sequence, stored.sequence) {
            Ok(memory) => return Ok(memory),
            Err(sequence) => sequence,
        };
        self.discovery = Discovery::new(self.places.len());
        Ok(Memory {
            sequence,
            groups: Vec::new(),
            stored: stored.groups,
            turns: 0,
            first: 0,
        })
    }

    /// Finds the groups that are to be read, where it is time.
    async fn find_groups(&mut self, memory: &mut Memory, now: DateTime<Utc>, reading: &mut Reading) {
        let lookback_start = (now - self.lookback).timestamp_millis();
        let backfill_start = self.backfill.map(|back| (now - back).timestamp_millis());
        let marks: Vec<String> = self.places.iter().map(|place| place.mark.clone()).collect();
        let (stored, changed) = (&mut memory.stored, &mut reading.changed);
        let begin = |place: usize, name: &str| {
            let known = stored.remove(&format!("{}{name}", marks[place]));
            // Where a group is begun must not slide along while nothing is found.
            *changed |= known.is_none();
            let mut group = Group::new(place, name, known.as_ref(), lookback_start, now);
            if known.is_none() {
                group.backfill = backfill_start.and_then(|begin| Backfill::between(begin, lookback_start));
            }
            group
        };
        let faults = self
            .discovery
            .turn(&mut self.places, &self.wanted, &mut memory.groups, now, begin)
            .await;
        for (index, fault) in faults {
            let place = &self.places[index];
            reading.remarks.push(Remark::Failing {
                what: format!("the list of log groups of {} in {}", place.account, place.region),
                reason: fault.to_string(),
            });
            reading.tried += 1;
            reading.failure.get_or_insert(fault);
        }
    }

    /// Reads up to `share` pages of a group's sweep, so that a busy group leaves some calls to the others; its turn is the one of this
    /// number.
    async fn sweep_group(
        &self,
        group: &mut Group,
        (share, turn): (usize, u64),
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) {
        for _ in 0..share {
            if reading.is_full() {
                return;
            }
            if !self.places[group.place].share.take(1, now) {
                reading.out_of_calls.insert(group.place);
                return;
            }
            group.turn = turn;
            match self.read_page(group, now, reading).await {
                Ok(over) => {
                    group.fault = None;
                    if over {
                        return;
                    }
                }
                Err(error) => {
                    group.fail(error.to_string(), now);
                    reading.fail(self.places[group.place].resource(&group.name), error);
                    return;
                }
            }
        }
    }

    /// Reads a page of one group's past, with a call that the live lane has left over.
    async fn read_past(&self, memory: &mut Memory, now: DateTime<Utc>, reading: &mut Reading) {
        if reading.is_full() {
            return;
        }
        let count = memory.groups.len();
        for turn in 0..count {
            let group = &mut memory.groups[(memory.first + turn) % count];
            let place = &self.places[group.place];
            let resource = place.resource(&group.name);
            let name = group.name.clone();
            let Some((past, walk)) = group.past(self.looks_for_late(), now) else {
                continue;
            };
            if walk.is_paused(now) || !place.share.take_spare(now) {
                continue;
            }
            let (from, to, token) = walk.next();
            let answer = place
                .client
                .filter_log_events()
                .log_group_name(name)
                .start_time(from)
                .end_time(to)
                .limit(10_000)
                .set_filter_pattern(self.filter_pattern.clone())
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|e| aws::refusal(&e, "logs:FilterLogEvents", &resource));
            match answer {
                Ok(answer) => self.take_past(past, group, answer, token.as_deref(), now, reading),
                Err(error) => {
                    walk.fail(now);
                    reading.remarks.push(Remark::Failing {
                        what: format!("the past of {resource}"),
                        reason: error.to_string(),
                    });
                }
            }
            return;
        }
    }

    /// Says again what was said when it was tried last: with many groups the next try is a while ahead.
    fn say_what_still_fails(&self, memory: &Memory, reading: &mut Reading) {
        let failing = memory.groups.iter().filter_map(|group| {
            let what = self.places[group.place].resource(&group.name);
            Some((what, group.fault.clone()?))
        });
        let failing = failing.take(SAID_TO_FAIL);
        let failing = failing.map(|(what, reason)| Remark::Failing { what, reason });
        let known: BTreeSet<String> = reading.remarks.iter().map(ToString::to_string).collect();
        let too_many = self.places.iter().filter_map(Place::too_many);
        let again = failing
            .chain(too_many)
            .filter(|remark| !known.contains(&remark.to_string()));
        reading.remarks.extend(again);
    }

    /// Whether the past is looked through for what came beyond the horizon. A subscription delivers that whenever it comes.
    fn looks_for_late(&self) -> bool {
        self.delay.is_zero()
    }

    /// Whether an event was taken in later than the horizon after its time.
    fn is_late(&self, told: &FilteredLogEvent, at_ms: i64) -> bool {
        self.looks_for_late()
            && told
                .ingestion_time()
                .is_some_and(|ingested| ingested - at_ms >= self.horizon.num_milliseconds())
    }

    fn take_past(
        &self,
        past: Past,
        group: &mut Group,
        answer: FilterLogEventsOutput,
        token: Option<&str>,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) {
        for told in answer.events() {
            let (at_ms, id) = self.identify(group.place, &group.name, told, now);
            let new = match past {
                Past::Backfill => group
                    .backfill
                    .as_mut()
                    .is_some_and(|backfill| backfill.take(at_ms, &id)),
                // What is not late was judged in its time.
                Past::Late => self.is_late(told, at_ms) && group.late.take(at_ms, &id),
            };
            if !new {
                reading.counts.duplicates += 1;
                continue;
            }
            reading.changed = true;
            reading.counts.late_beyond_horizon += u64::from(past == Past::Late);
            self.deliver(told, at_ms, &id, now, reading);
        }
        let next = answer.next_token.filter(|next| Some(next.as_str()) != token);
        match past {
            Past::Backfill => {
                reading.changed = true;
                if let Some(backfill) = &mut group.backfill {
                    backfill.turn_page(next);
                }
                group.backfill = group.backfill.take().filter(|backfill| !backfill.is_over());
            }
            Past::Late => group.late.turn_page(next),
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
        let place = &self.places[group.place];
        let until = (!self.delay.is_zero()).then(|| (now - self.delay).timestamp_millis());
        let answer = place
            .client
            .filter_log_events()
            .log_group_name(&group.name)
            .start_time(group.sweep_at(now).start)
            .set_end_time(until)
            .limit(10_000)
            .set_filter_pattern(self.filter_pattern.clone())
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "logs:FilterLogEvents", &place.resource(&group.name)))?;
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

    /// The time of an event, and what it is called wherever it comes from.
    fn identify(
        &self,
        place: usize,
        group: &str,
        told: &FilteredLogEvent,
        now: DateTime<Utc>,
    ) -> (i64, String) {
        let place = &self.places[place];
        let id = event_id(&[
            &place.account,
            &place.region,
            group,
            told.log_stream_name().unwrap_or_default(),
            told.event_id().unwrap_or_default(),
        ]);
        (told.timestamp().unwrap_or_else(|| now.timestamp_millis()), id)
    }

    fn take(&self, group: &mut Group, told: &FilteredLogEvent, now: DateTime<Utc>, reading: &mut Reading) {
        let (at_ms, id) = self.identify(group.place, &group.name, told, now);
        if !group.seen.insert(at_ms, &id) {
            reading.counts.duplicates += 1;
            return;
        }
        reading.changed = true;
        let is_late = self.is_late(told, at_ms);
        if is_late {
            group.late.seen.insert(at_ms, &id);
        }
        reading.counts.late_beyond_horizon += u64::from(is_late || at_ms < group.settled);
        group.newest = group.newest.max(Some(at_ms.min(now.timestamp_millis())));
        if let Some(sweep) = &mut group.sweep {
            sweep.found_new = true;
        }
        self.deliver(told, at_ms, &id, now, reading);
    }

    fn deliver(
        &self,
        told: &FilteredLogEvent,
        at_ms: i64,
        id: &str,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) {
        let message = told.message().unwrap_or_default();
        reading.counts.bytes += message.len() as u64;
        let origin = Origin {
            source: &self.name,
            id,
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
        let share = IDS_IN_CURSOR / memory.groups.len().max(1);
        for group in &mut memory.groups {
            group.seen.shrink_to(IDS_IN_MEMORY);
            let (seen, forgotten) = group.seen.store(share);
            forgotten_in_total += forgotten;
            group.late.seen.shrink_to(IDS_IN_MEMORY / LATE_SHARE);
            let (late, _) = group.late.store(share / LATE_SHARE);
            let stored = StoredGroup {
                settled: group.settled,
                newest: group.newest,
                seen,
                backfill: group.backfill.clone(),
                late: self.looks_for_late().then_some(late),
            };
            groups.insert(format!("{}{}", self.places[group.place].mark, group.name), stored);
        }
        // What cannot be listed now is gone on with once it can.
        for (name, stored) in &memory.stored {
            groups.entry(name.clone()).or_insert_with(|| stored.clone());
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
pub(crate) fn event_id(parts: &[&str]) -> String {
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
        let mut memory = self.recall(from)?;
        let mut reading = Reading {
            // The lookback of the first reading must not slide along while nothing is found.
            changed: from.is_start(),
            ..Reading::default()
        };
        self.find_groups(&mut memory, now, &mut reading).await;
        let count = memory.groups.len();
        let mut due: Vec<usize> = (0..count)
            .filter(|index| memory.groups[*index].is_due(now))
            .collect();
        due.sort_by_key(|index| memory.groups[*index].turn);
        let share = (BATCH_PAGES / due.len().max(1)).max(2);
        for index in due {
            if reading.is_full() {
                break;
            }
            let group = &mut memory.groups[index];
            if !reading.out_of_calls.contains(&group.place) {
                reading.tried += 1;
                memory.turns += 1;
                self.sweep_group(group, (share, memory.turns), now, &mut reading)
                    .await;
            }
        }
        self.read_past(&mut memory, now, &mut reading).await;
        memory.first = (memory.first + 1) % count.max(1);
        for watch in self.places.iter().flat_map(Place::watches) {
            let (calls, throttled) = watch.counts();
            reading.counts.calls += calls;
            reading.counts.throttled += throttled;
        }
        let failed = reading
            .remarks
            .iter()
            .filter(|r| matches!(r, Remark::Failing { .. }))
            .count();
        self.say_what_still_fails(&memory, &mut reading);
        if let Some(error) = reading
            .failure
            .filter(|_| reading.events.is_empty() && failed >= reading.tried)
        {
            self.memory = Some(memory);
            return Err(error);
        }
        let next = if reading.changed {
            self.cursor_of(&mut memory, &mut reading.remarks)?
        } else {
            from.clone()
        };
        let more = memory
            .groups
            .iter()
            .any(|group| group.is_due(now) && !reading.out_of_calls.contains(&group.place));
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
