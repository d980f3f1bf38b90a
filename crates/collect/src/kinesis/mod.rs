//! A stream of Kinesis: shards that split and merge, read parents first.
//!
//! The cursor holds each shard's place, the sequence number of the last record that was delivered. A shard is begun only when the shards
//! that it came from were read to their end, since records of one key are then in order. The list of shards is read again every minute,
//! and when a shard ends. An iterator lives for five minutes and never stands in the cursor: when it has expired, another is asked for
//! behind the same record. Nothing moves the cursor but records, and shards that ended.
//!
//! A record is what a subscription of CloudWatch Logs sends (gzip of its envelope), or lines; what the Kinesis Producer Library has put
//! together is taken apart.

mod aggregate;
mod shards;

pub use aggregate::records as deaggregate;

use crate::aws::{self, AwsAccess, Watch, Watching};
use crate::config::KinesisConfig;
use crate::parse::{Context, Interpretation, Origin};
use crate::push::{self, DataRecords, PushLimits, Record};
use crate::rate::Bucket;
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source, resumed};
use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use aws_smithy_types::DateTime as AwsInstant;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use shards::{Begin, Listed, Shard, Shards, StoredShard};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// What one reading takes at most.
const BATCH_EVENTS: usize = 10_000;
const BATCH_BYTES: u64 = 16 << 20;
/// Records asked for at a time: with compressed envelopes each may unfold to megabytes.
const RECORDS: i32 = 500;
/// The most that one record may unfold to.
const LARGEST: usize = 64 << 20;
const RECORDS_IN_ONE: usize = 200_000;
const LIST_EVERY: Duration = Duration::minutes(1);
/// AWS allows five readings of a shard a second.
const AGAIN_AT_ONCE: Duration = Duration::milliseconds(200);
const FAILED_PAUSE: Duration = Duration::seconds(5);

/// A stream as a source.
#[derive(Debug)]
pub struct Kinesis {
    name: SourceName,
    how: Interpretation,
    client: Client,
    watch: Arc<Watch>,
    clock: Arc<dyn Clock>,
    stream: String,
    region: String,
    poll: Duration,
    lookback: Duration,
    longest: usize,
    excluded: Vec<String>,
    memory: Option<Memory>,
}

#[derive(Debug)]
struct Memory {
    sequence: u64,
    shards: Shards,
    list_at: Option<DateTime<Utc>>,
}

/// The cursor's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    /// Where the first reading began (ms).
    began: i64,
    shards: BTreeMap<String, StoredShard>,
}

#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    counts: BatchCounts,
    remarks: Vec<Remark>,
    changed: bool,
    failure: Option<CollectError>,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.counts.bytes >= BATCH_BYTES
    }
}

impl Kinesis {
    pub(crate) async fn open(config: &KinesisConfig, access: &AwsAccess, clock: Arc<dyn Clock>) -> Self {
        let watch = Watch::new(Arc::new(Bucket::new(1_000.0)), clock.clone(), false);
        let sdk = aws_sdk_kinesis::config::Builder::from(&access.sdk_config().await)
            .interceptor(Watching(watch.clone()))
            .build();
        Self {
            name: SourceName(config.name.clone()),
            how: config.interpretation(),
            client: Client::from_conf(sdk),
            watch,
            clock,
            stream: config.stream.clone(),
            region: config.region.clone(),
            poll: Duration::seconds(i64::from(config.poll_seconds)),
            lookback: Duration::minutes(i64::from(config.lookback_minutes)),
            longest: config.max_record_bytes,
            excluded: config.exclude_log_groups.clone(),
            memory: None,
        }
    }

    fn resource(&self) -> String {
        format!("stream {}", self.stream)
    }

    fn recall(&mut self, from: &Cursor, now: DateTime<Utc>) -> Result<Memory, CollectError> {
        let stored: Stored = from.decode(&self.name)?;
        let sequence = match resumed(self.memory.take(), |memory| memory.sequence, stored.sequence) {
            Ok(memory) => return Ok(memory),
            Err(sequence) => sequence,
        };
        let began = if from.is_start() {
            (now - self.lookback).timestamp_millis()
        } else {
            stored.began
        };
        Ok(Memory {
            sequence,
            shards: Shards::restore(began, stored.shards),
            list_at: None,
        })
    }

    /// Reads the list of shards, if it is time.
    async fn list(
        &self,
        memory: &mut Memory,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Result<(), CollectError> {
        if memory.list_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        let mut listed = Vec::new();
        let mut token = None;
        loop {
            let call = self.client.list_shards().set_next_token(token.clone());
            // A token stands for the stream, and must not come with its name.
            let call = if token.is_some() {
                call
            } else {
                call.stream_name(&self.stream)
            };
            let answer = call
                .send()
                .await
                .map_err(|e| aws::refusal(&e, "kinesis:ListShards", &self.resource()))?;
            listed.extend(answer.shards().iter().map(|shard| {
                Listed {
                    id: shard.shard_id().to_owned(),
                    parents: [shard.parent_shard_id(), shard.adjacent_parent_shard_id()]
                        .into_iter()
                        .flatten()
                        .map(ToOwned::to_owned)
                        .collect(),
                }
            }));
            let next = answer
                .next_token()
                .filter(|next| !next.is_empty())
                .map(ToOwned::to_owned);
            if next.is_none() || next == token {
                break;
            }
            token = next;
        }
        for lost in memory.shards.take_list(listed) {
            reading.changed = true;
            reading.counts.gaps += 1;
            reading.remarks.push(Remark::Failing {
                what: format!("shard {lost} of {}", self.stream),
                reason: "its records expired before they were read; raise the retention of the stream".into(),
            });
        }
        memory.list_at = Some(now + LIST_EVERY);
        Ok(())
    }

    async fn iterator(&self, id: &str, shard: &Shard, began: i64) -> Result<String, CollectError> {
        let call = self
            .client
            .get_shard_iterator()
            .stream_name(&self.stream)
            .shard_id(id);
        let call = match (&shard.place.after, shard.place.begin) {
            (Some(after), _) => call
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(after),
            (None, Begin::Oldest) => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            (None, Begin::Lookback) => call
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(AwsInstant::from_millis(began)),
        };
        let answer = call
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "kinesis:GetShardIterator", &self.resource()))?;
        answer
            .shard_iterator()
            .map(ToOwned::to_owned)
            .ok_or_else(|| CollectError::Retryable {
                what: format!("shard {id} gave no iterator"),
                after: None,
            })
    }

    /// Asks a shard for more records.
    async fn fetch(
        &self,
        id: &str,
        shard: &mut Shard,
        began: i64,
        now: DateTime<Utc>,
    ) -> Result<(), CollectError> {
        let iterator = match shard.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterator(id, shard, began).await?,
        };
        let answer = self
            .client
            .get_records()
            .shard_iterator(&iterator)
            .limit(RECORDS)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            // The next reading asks for another, behind the same record.
            Err(e)
                if e.as_service_error()
                    .is_some_and(|e| e.is_expired_iterator_exception()) =>
            {
                return Ok(());
            }
            Err(e) => return Err(aws::refusal(&e, "kinesis:GetRecords", &self.resource())),
        };
        let is_behind = answer.millis_behind_latest().unwrap_or(0) > 0;
        shard.iterator = answer.next_shard_iterator.filter(|next| !next.is_empty());
        shard.has_ended = shard.iterator.is_none();
        let pause = if is_behind || !answer.records.is_empty() {
            AGAIN_AT_ONCE
        } else {
            self.poll
        };
        shard.due_at = Some(now + pause);
        shard.fetched.extend(answer.records.into_iter().map(|record| {
            (
                record.sequence_number,
                record.data.into_inner(),
                instant(record.approximate_arrival_timestamp),
            )
        }));
        Ok(())
    }

    /// Delivers what was fetched, until the batch is full.
    fn deliver(&self, id: &str, shard: &mut Shard, now: DateTime<Utc>, reading: &mut Reading) {
        while !reading.is_full() {
            let Some((number, data, arrived)) = shard.fetched.pop_front() else {
                break;
            };
            let whole = format!("kinesis/{}/{}/{id}/{number}", self.region, self.stream);
            for (part, data) in aggregate::records(&data).into_iter().enumerate() {
                self.take(&format!("{whole}/{part}"), data, arrived, now, reading);
            }
            shard.place.after = Some(number);
            reading.changed = true;
        }
        if shard.fetched.is_empty() && shard.has_ended && !shard.place.ended {
            shard.place.ended = true;
            reading.changed = true;
        }
    }

    fn take(
        &self,
        id: &str,
        data: &[u8],
        arrived: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) {
        let limits = PushLimits {
            body_bytes: LARGEST,
            decompressed_bytes: LARGEST,
            record_bytes: self.longest,
            records: RECORDS_IN_ONE,
        };
        let from = push::Origin {
            region: &self.region,
            excluded: &self.excluded,
        };
        let records = push::data_records(data, &from, &limits);
        let (DataRecords { records, cut }, fault) = match records {
            Ok(found) => (found, None),
            // Nobody can be asked to send it again, and a stream does not wait: what it is, as far as it can be shown, is delivered.
            Err(fault) => (
                DataRecords {
                    records: vec![Record::text(beginning(data, self.longest))],
                    cut: Vec::new(),
                },
                Some(fault.to_string()),
            ),
        };
        for (index, record) in records.iter().enumerate() {
            let made_up = format!("{id}:{index}");
            let origin = Origin {
                source: &self.name,
                id: record.id.as_deref().unwrap_or(&made_up),
                context: Context {
                    collected_at: now,
                    told_at: record.at.or(arrived),
                },
            };
            reading.counts.bytes += record.line.len() as u64;
            let mut found = self.how.events(origin, &record.line);
            let fault = fault.clone().or_else(|| {
                let longest = self.longest;
                let was_cut = cut.binary_search(&index).is_ok();
                was_cut.then(|| format!("longer than {longest} bytes: what is beyond is cut off"))
            });
            if let Some(fault) = &fault {
                for event in &mut found {
                    event.unparsed = Some(fault.clone());
                }
            }
            reading.counts.unparsed += found.iter().filter(|event| event.unparsed.is_some()).count() as u64;
            reading.events.extend(found);
        }
    }

    async fn read_shards(&self, memory: &mut Memory, now: DateTime<Utc>, reading: &mut Reading) -> usize {
        let began = memory.shards.began;
        let mut tried = 0;
        for id in memory.shards.readable() {
            if reading.is_full() {
                break;
            }
            let Some(shard) = memory.shards.get_mut(&id) else {
                continue;
            };
            if shard.fetched.is_empty() && !shard.has_ended && shard.is_due(now) {
                tried += 1;
                if let Err(error) = self.fetch(&id, shard, began, now).await {
                    shard.due_at = Some(now + FAILED_PAUSE);
                    reading.remarks.push(Remark::Failing {
                        what: format!("shard {id} of {}", self.stream),
                        reason: error.to_string(),
                    });
                    reading.failure.get_or_insert(error);
                    continue;
                }
            }
            self.deliver(&id, shard, now, reading);
            if shard.place.ended {
                // Its children may be listed now.
                memory.list_at = None;
            }
        }
        tried
    }
}

fn instant(told: Option<AwsInstant>) -> Option<DateTime<Utc>> {
    told.and_then(|at| at.to_millis().ok())
        .and_then(DateTime::from_timestamp_millis)
}

fn beginning(data: &[u8], longest: usize) -> String {
    String::from_utf8_lossy(&data[..data.len().min(longest)]).into_owned()
}

#[async_trait]
impl Source for Kinesis {
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
        if let Err(error) = self.list(&mut memory, now, &mut reading).await {
            self.memory = Some(memory);
            return Err(error);
        }
        let tried = self.read_shards(&mut memory, now, &mut reading).await;
        (reading.counts.calls, reading.counts.throttled) = self.watch.counts();
        if let Some(error) = reading
            .failure
            .filter(|_| !reading.changed && reading.remarks.len() >= tried)
        {
            self.memory = Some(memory);
            return Err(error);
        }
        let next = if reading.changed {
            memory.sequence += 1;
            let stored = Stored {
                sequence: memory.sequence,
                began: memory.shards.began,
                shards: memory.shards.store(),
            };
            Cursor::encode(&stored, &self.name)?
        } else {
            from.clone()
        };
        let more = memory.list_at.is_none() || memory.shards.has_more(now);
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
