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

mod group;

use crate::aws::{self, AwsAccess, Watch, Watching};
use crate::config::CloudwatchLogsConfig;
use crate::parse::{Context, Interpretation, Origin};
use crate::rate::Bucket;
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source};
use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use chrono::{DateTime, Duration, Utc};
use group::{Group, StoredGroup};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// What one reading takes at most.
const BATCH_EVENTS: usize = 10_000;
const BATCH_PAGES: usize = 20;
/// Ids remembered for a group in memory, and for all groups in the cursor, which stays below a megabyte at eight bytes an id.
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
            if !self.bucket.take(1, now) {
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
        let share = IDS_IN_CURSOR / memory.groups.len().max(1);
        for group in &mut memory.groups {
            group.seen.shrink_to(IDS_IN_MEMORY);
            let (seen, forgotten) = group.seen.store(share);
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
