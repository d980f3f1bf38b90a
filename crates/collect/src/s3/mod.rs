//! Objects in S3, told of by a queue: CloudTrail, load balancers, CloudFront, flow logs, access logs of buckets, and lines of any kind.
//!
//! A message is kept hidden while its objects are read, and deleted only after everything they told is committed. The cursor holds what
//! a queue cannot: the objects that are half read, each with the place behind the last record, so that whoever is killed goes on within
//! an object; those that were finished lately, so that a message that comes again tells nothing twice; and those that were set aside.
//!
//! What passes (the network, the load of S3) is tried again for good. What is the object's own fault (gone, replaced, damaged) is
//! tried [`S3Config::max_tries`] times, then set aside and shown, and tried again once an hour for two weeks, while the others go on. A refusal counts
//! as the object's own only when others could be read since: where nothing can be read, nothing is set aside.

mod cutter;
mod get;
mod notice;
mod object;

pub use cutter::{Cutter, Piece, Place, Shape};
pub use notice::{Object, objects};

use crate::aws::{AwsAccess, Watch, Watching};
use crate::config::S3Config;
use crate::parse::{Context, Format, Interpretation, Origin};
use crate::queue::Queue;
use crate::rate::Bucket;
use crate::seen::{SeenIds, StoredIds};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source, resumed};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use get::{Getter, ObjectFault};
use object::{Reading as ObjectReading, Step, is_over};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// What one reading takes at most.
const BATCH_EVENTS: usize = 5_000;
const BATCH_BYTES: u64 = 8 << 20;
/// Objects that wait at the most before the queue is asked for more.
const INTAKE: usize = 20;
/// Objects that are set aside at the most; then the queue is left alone, and keeps what comes.
const ASIDE: usize = 1_000;
/// Finished objects that the cursor remembers at the most.
const IDS_IN_CURSOR: usize = 20_000;
const AGAIN_SOON: Duration = Duration::seconds(5);
const AGAIN_LATER: Duration = Duration::hours(1);
/// For how long what is set aside is tried: as long as a queue keeps a message at most. Whoever deletes an object could not say so else.
const GIVEN_UP_AFTER: Duration = Duration::days(14);

/// Objects as a source.
#[derive(Debug)]
pub struct S3 {
    name: SourceName,
    how: Interpretation,
    queue: Queue,
    getter: Getter,
    watch: Arc<Watch>,
    clock: Arc<dyn Clock>,
    longest: usize,
    max_tries: u32,
    /// For how long a finished object is remembered: a message that was not deleted comes again within the time that it is hidden.
    remember: Duration,
    memory: Option<Memory>,
}

/// What is known between two readings; thrown away when reading resumes from another cursor than the last one given.
#[derive(Debug)]
struct Memory {
    sequence: u64,
    waiting: VecDeque<Waiting>,
    done: SeenIds,
    /// How many objects were finished by this process.
    finished: u64,
}

/// An object that is not finished.
#[derive(Debug)]
struct Waiting {
    id: String,
    kept: Kept,
    reading: Option<Box<ObjectReading>>,
    tries: u32,
    not_before: Option<DateTime<Utc>>,
    /// How many objects had been finished when it was first refused.
    refused_at: Option<u64>,
}

/// What the cursor keeps of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    object: Object,
    place: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heading: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gzip: bool,
    /// Why it is set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside_since: Option<DateTime<Utc>>,
}

/// The cursor's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    objects: Vec<Kept>,
    done: StoredIds,
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

    fn fail(&mut self, what: String, error: CollectError) {
        self.remarks.push(Remark::Failing {
            what,
            reason: error.to_string(),
        });
        self.failure.get_or_insert(error);
    }
}

impl Reading {
    /// What was set aside is lost, and nobody knows how much it was.
    fn give_up(&mut self, object: &Object, fault: &ObjectFault) {
        self.changed = true;
        self.counts.gaps += 1;
        self.remarks.push(Remark::Failing {
            what: object.to_string(),
            reason: format!(
                "it is given up after {} days: {}; put it into the bucket again, so that it is told of anew",
                GIVEN_UP_AFTER.num_days(),
                fault.reason()
            ),
        });
    }
}

enum Outcome {
    Finished,
    Full,
}

impl Waiting {
    fn new(kept: Kept) -> Self {
        Self {
            id: kept.object.id(),
            kept,
            reading: None,
            tries: 0,
            not_before: None,
            refused_at: None,
        }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }

    /// Whether it was set aside so long ago that it is not tried again after this fault.
    fn is_given_up(&self, fault: &ObjectFault, now: DateTime<Utc>) -> bool {
        let since = self
            .kept
            .aside_since
            .filter(|since| now - *since >= GIVEN_UP_AFTER);
        since.is_some() && !matches!(fault, ObjectFault::Passing(_))
    }

    /// Decides what a failed try means.
    fn fail(&mut self, fault: &ObjectFault, finished: u64, max_tries: u32, now: DateTime<Utc>) {
        self.reading = None;
        let counts = match fault {
            ObjectFault::Passing(_) => false,
            ObjectFault::Poison(_) => true,
            ObjectFault::Refused(_) => *self.refused_at.get_or_insert(finished) < finished,
        };
        self.tries = self.tries.saturating_add(1);
        if self.kept.aside.is_some() || counts && self.tries >= max_tries {
            self.kept.aside = Some(fault.reason().to_owned());
            self.kept.aside_since.get_or_insert(now);
            self.not_before = Some(now + AGAIN_LATER);
        } else {
            let doublings = self.tries.saturating_sub(1).min(6);
            self.not_before = Some(now + (AGAIN_SOON * (1 << doublings)).min(Duration::minutes(5)));
        }
    }
}

impl Memory {
    /// Takes an object that a message tells of; false when it is known already.
    fn offer(&mut self, object: Object) -> bool {
        let waiting = Waiting::new(Kept {
            object,
            place: Place::default(),
            heading: None,
            gzip: false,
            aside: None,
            aside_since: None,
        });
        let known =
            self.done.contains(&waiting.id) || self.waiting.iter().any(|other| other.id == waiting.id);
        if !known {
            self.waiting.push_back(waiting);
        }
        !known
    }

    /// Whether nothing more is to be done about an object before its message may be deleted.
    fn is_dealt_with(&self, object: &Object) -> bool {
        let id = object.id();
        self.waiting
            .iter()
            .all(|waiting| waiting.id != id || waiting.kept.aside.is_some())
    }

    fn count(&self, aside: bool) -> usize {
        self.waiting
            .iter()
            .filter(|waiting| waiting.kept.aside.is_some() == aside)
            .count()
    }
}

impl S3 {
    pub(crate) async fn open(config: &S3Config, access: &AwsAccess, clock: Arc<dyn Clock>) -> Self {
        let sdk = access.sdk_config().await;
        let bucket = Arc::new(Bucket::new(1_000.0));
        let watch = Watch::new(bucket, clock.clone(), false);
        let sqs = aws_sdk_sqs::config::Builder::from(&sdk)
            .interceptor(Watching(watch.clone()))
            .build();
        let visibility = Duration::seconds(i64::from(config.visibility_seconds));
        let poll = Duration::seconds(i64::from(config.poll_seconds));
        let endpoint = config.s3_endpoint_url.clone().or(config.endpoint_url.clone());
        Self {
            name: SourceName(config.name.clone()),
            how: config.interpretation(),
            queue: Queue::new(
                aws_sdk_sqs::Client::from_conf(sqs),
                &config.queue_url,
                visibility,
                poll,
            ),
            getter: Getter::new(sdk, &config.region, endpoint, clock.clone()),
            watch,
            clock,
            longest: config.max_record_bytes,
            max_tries: config.max_tries,
            remember: visibility * 2 + Duration::minutes(5),
            memory: None,
        }
    }

    fn recall(&mut self, from: &Cursor) -> Result<Memory, CollectError> {
        let stored: Stored = from.decode(&self.name)?;
        let sequence = match resumed(self.memory.take(), |memory| memory.sequence, stored.sequence) {
            Ok(memory) => return Ok(memory),
            Err(sequence) => sequence,
        };
        let mut memory = Memory {
            sequence,
            waiting: stored.objects.into_iter().map(Waiting::new).collect(),
            done: SeenIds::restore(&stored.done),
            finished: 0,
        };
        // What messages in hand told is to be dealt with again, where the cursor does not hold it.
        for held in &mut self.queue.held {
            held.dealt_with = None;
            for object in notice::objects(&held.body).unwrap_or_default() {
                memory.offer(object);
            }
        }
        Ok(memory)
    }

    /// Asks the queue, if it is time and there is room.
    async fn take_messages(
        &mut self,
        memory: &mut Memory,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> bool {
        if let Err(error) = self.queue.keep_hidden(now).await {
            reading.fail("the queue".into(), error);
        }
        let aside = memory.count(true);
        if aside >= ASIDE {
            reading.remarks.push(Remark::Failing {
                what: "the queue".into(),
                reason: format!(
                    "{aside} objects are set aside; no more are taken before some of them can be read"
                ),
            });
            return false;
        }
        if memory.count(false) >= INTAKE || !self.queue.is_due(now) {
            return false;
        }
        let first_new = match self.queue.receive(now).await {
            Ok(first_new) => first_new,
            Err(error) => {
                reading.fail("the queue".into(), error);
                return false;
            }
        };
        let mut unreadable = Vec::new();
        let new = &self.queue.held[first_new..];
        for held in new {
            match notice::objects(&held.body) {
                Ok(objects) => {
                    for object in objects {
                        reading.counts.duplicates += u64::from(!memory.offer(object));
                    }
                }
                Err(reason) => unreadable.push((held.id.clone(), reason)),
            }
        }
        let any = !new.is_empty();
        let set_aside = self.queue.let_go(&unreadable, "the queue");
        reading.remarks.extend(set_aside);
        any
    }

    /// Reads on in an object until it ends or the batch is full.
    async fn read_object(
        &self,
        waiting: &mut Waiting,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Result<Outcome, ObjectFault> {
        if is_over(waiting.kept.place) {
            return Ok(Outcome::Finished);
        }
        if waiting.reading.is_none() {
            reading.counts.calls += 1;
            let may_be_list = matches!(self.how.format, Format::Auto | Format::Cloudtrail);
            let kept = &waiting.kept;
            let opened = ObjectReading::open(
                &self.getter,
                &kept.object,
                kept.place,
                kept.gzip,
                may_be_list,
                self.longest,
            )
            .await?;
            waiting.reading = Some(Box::new(opened));
        }
        let Some(open) = waiting.reading.as_deref_mut() else {
            return Ok(Outcome::Full);
        };
        // A batch does not end within the lines that say what the others are.
        let mut in_head = waiting.kept.place.offset == 0;
        loop {
            if reading.is_full() && !in_head {
                return Ok(Outcome::Full);
            }
            let Step::Piece(piece) = open.next().await? else {
                return Ok(Outcome::Finished);
            };
            waiting.kept.gzip = open.is_gzip();
            waiting.kept.place = piece.behind;
            reading.changed = true;
            reading.counts.bytes += piece.text.len() as u64;
            reading.counts.truncated += u64::from(piece.truncated);
            in_head = in_head && self.how.is_heading(&piece.text);
            if in_head {
                waiting.kept.heading = Some(piece.text);
                continue;
            }
            let id = format!("{}:{}", waiting.id, piece.offset);
            let origin = Origin {
                source: &self.name,
                id: &id,
                context: Context::collected(now),
            };
            let found = self
                .how
                .events_under(waiting.kept.heading.as_deref(), origin, &piece.text);
            reading.counts.unparsed += found.iter().filter(|event| event.unparsed.is_some()).count() as u64;
            reading.events.extend(found);
        }
    }

    /// Reads objects until the batch is full or each that is due was tried.
    async fn read_objects(&self, memory: &mut Memory, now: DateTime<Utc>, reading: &mut Reading) {
        let (mut tried, mut failed) = (0, Vec::new());
        for _ in 0..memory.waiting.len() {
            if reading.is_full() {
                break;
            }
            let Some(mut waiting) = memory.waiting.pop_front() else {
                break;
            };
            if !waiting.is_due(now) {
                memory.waiting.push_back(waiting);
                continue;
            }
            tried += 1;
            match self.read_object(&mut waiting, now, reading).await {
                Ok(Outcome::Finished) => {
                    memory.done.insert(now.timestamp_millis(), &waiting.id);
                    memory.finished += 1;
                    reading.changed = true;
                }
                Ok(Outcome::Full) => memory.waiting.push_front(waiting),
                Err(fault) => {
                    let was_aside = waiting.kept.aside.clone();
                    waiting.fail(&fault, memory.finished, self.max_tries, now);
                    reading.changed |= waiting.kept.aside != was_aside;
                    if waiting.is_given_up(&fault, now) {
                        reading.give_up(&waiting.kept.object, &fault);
                        continue;
                    }
                    failed.push((waiting.kept.object.to_string(), fault));
                    memory.waiting.push_back(waiting);
                }
            }
        }
        let all_failed = failed.len() == tried;
        for (object, fault) in failed {
            let is_its_own = matches!(fault, ObjectFault::Poison(_));
            let error = match fault {
                ObjectFault::Refused(reason) => CollectError::Refused {
                    action: "s3:GetObject",
                    resource: object.clone(),
                    reason,
                },
                ObjectFault::Passing(reason) | ObjectFault::Poison(reason) => CollectError::Retryable {
                    what: format!("{object} cannot be read: {reason}"),
                    after: None,
                },
            };
            if all_failed && !is_its_own {
                reading.fail(object, error);
            } else {
                reading.remarks.push(Remark::Failing {
                    what: object,
                    reason: error.to_string(),
                });
            }
        }
    }

    fn cursor_of(
        &self,
        memory: &mut Memory,
        now: DateTime<Utc>,
        remarks: &mut Vec<Remark>,
    ) -> Result<Cursor, CollectError> {
        memory.sequence += 1;
        memory
            .done
            .forget_before((now - self.remember).timestamp_millis());
        let (done, forgotten) = memory.done.store(IDS_IN_CURSOR);
        if forgotten > 0 {
            remarks.push(Remark::MemoryFull { forgotten });
        }
        let begun = |kept: &&Kept| kept.place.offset > 0 || kept.aside.is_some();
        let objects = memory.waiting.iter().map(|waiting| &waiting.kept);
        let stored = Stored {
            sequence: memory.sequence,
            objects: objects.filter(begun).cloned().collect(),
            done,
        };
        Cursor::encode(&stored, &self.name)
    }

    /// Marks messages all of whose objects are dealt with in the cursor that stands now.
    fn mark_messages(&mut self, memory: &Memory) {
        for held in self
            .queue
            .held
            .iter_mut()
            .filter(|held| held.dealt_with.is_none())
        {
            let objects = notice::objects(&held.body).unwrap_or_default();
            if objects.iter().all(|object| memory.is_dealt_with(object)) {
                held.dealt_with = Some(memory.sequence);
            }
        }
    }
}

#[async_trait]
impl Source for S3 {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let now = self.clock.now();
        let mut memory = self.recall(from)?;
        let mut reading = Reading::default();
        let any = self.take_messages(&mut memory, now, &mut reading).await;
        self.read_objects(&mut memory, now, &mut reading).await;
        let (calls, throttled) = self.watch.counts();
        reading.counts.calls += calls;
        reading.counts.throttled += throttled;
        let next = if reading.changed {
            self.cursor_of(&mut memory, now, &mut reading.remarks)?
        } else {
            from.clone()
        };
        self.mark_messages(&memory);
        let more = any || memory.waiting.iter().any(|waiting| waiting.is_due(now));
        let aside = memory.waiting.iter().filter_map(|waiting| {
            waiting.kept.aside.as_ref().map(|reason| Remark::SetAside {
                what: waiting.kept.object.to_string(),
                reason: format!("{reason}; it is tried again every hour"),
            })
        });
        reading.remarks.extend(aside);
        self.memory = Some(memory);
        match reading.failure {
            Some(error) if !reading.changed => Err(error),
            _ => Ok(Batch {
                events: reading.events,
                next,
                more,
                counts: reading.counts,
                remarks: reading.remarks,
            }),
        }
    }

    async fn committed(&mut self, cursor: &Cursor) -> Result<(), CollectError> {
        let stored: Stored = cursor.decode(&self.name)?;
        self.queue.delete_up_to(stored.sequence).await
    }
}

/// Whether an object may be read: its beginning is asked for, and dropped.
pub(crate) async fn try_get(
    config: &S3Config,
    sdk: aws_config::SdkConfig,
    object: &Object,
    clock: Arc<dyn Clock>,
) -> Result<(), String> {
    let endpoint = config.s3_endpoint_url.clone().or(config.endpoint_url.clone());
    let getter = Getter::new(sdk, &config.region, endpoint, clock);
    match getter.get(object, 0).await {
        // That this object is gone says nothing of what is allowed.
        Ok(_) | Err(ObjectFault::Poison(_)) => Ok(()),
        Err(fault) => Err(fault.reason().to_owned()),
    }
}
