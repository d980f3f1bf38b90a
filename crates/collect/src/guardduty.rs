//! GuardDuty findings, polled with ListFindings and GetFindings.
//!
//! Findings are listed by `updatedAt` ascending, from an overlap behind the newest update on, paged to the end; only then the
//! watermark moves. Once a day the whole list is read again, down to where the first reading began. A recurrence keeps a finding's
//! id and replaces its actor, so every version is an event of its own. The findings are taken from the body of the answer as the
//! service wrote it, not from the SDK's types, which would drop every field that they do not know.

use crate::aws::{self, AwsAccess, Watch, Watching};
use crate::config::GuarddutyConfig;
use crate::parse::{Context, Format, Interpretation, Origin};
use crate::queue::Queue;
use crate::rate::{Bucket, Share};
use crate::seen::{SeenIds, StoredIds};
use crate::source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source, resumed};
use async_trait::async_trait;
use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::types::{Condition, FindingCriteria, OrderBy, SortCriteria};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{Event, SourceName};

/// How far behind the newest update each reading begins: updates become visible late, and move while pages are turned.
const OVERLAP: Duration = Duration::hours(1);
const WHOLE_LIST_EVERY: Duration = Duration::days(1);
/// GuardDuty keeps findings for 90 days; what is older need not be remembered.
const RETENTION: Duration = Duration::days(91);
/// How long the queue hides a finding, and how often it is looked into while it is empty.
const QUEUE_HIDES: Duration = Duration::minutes(2);
const QUEUE_EVERY: Duration = Duration::seconds(10);
/// What ListFindings and GetFindings take at most.
const PAGE: i32 = 50;
const BATCH_EVENTS: usize = 1_000;
const IDS_IN_CURSOR: usize = 50_000;

/// Findings as a source.
#[derive(Debug)]
pub struct Guardduty {
    name: SourceName,
    how: Interpretation,
    client: Client,
    watch: Arc<Watch>,
    /// Counts the calls of the queue, which have no share in the bucket.
    queue_watch: Arc<Watch>,
    share: Share,
    clock: Arc<dyn Clock>,
    region: String,
    poll: Duration,
    lookback: Duration,
    detectors: Vec<String>,
    /// Where EventBridge puts findings.
    queue: Option<Queue>,
    memory: Option<Memory>,
}

/// What is known between two readings; thrown away when reading resumes from another cursor than the last one given.
#[derive(Debug)]
struct Memory {
    sequence: u64,
    /// Where the first reading began (ms): the whole list never reaches behind it.
    began: i64,
    /// The newest update of a completed reading (ms).
    watermark: Option<i64>,
    whole_list_at: Option<i64>,
    seen: SeenIds,
    sweep: Option<Sweep>,
    due_at: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Sweep {
    began_at: DateTime<Utc>,
    start: i64,
    whole: bool,
    /// The detectors still to be read; the last is being read.
    detectors: Vec<String>,
    token: Option<String>,
    newest: Option<i64>,
}

/// The cursor's form.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    sequence: u64,
    began: i64,
    watermark: Option<i64>,
    whole_list_at: Option<i64>,
    seen: StoredIds,
}

/// The body of GetFindings, of which each finding is kept as it was written.
#[derive(Deserialize)]
struct Findings<'b> {
    #[serde(borrow)]
    findings: Vec<&'b RawValue>,
}

#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    counts: BatchCounts,
    changed: bool,
    out_of_calls: bool,
}

impl Guardduty {
    pub(crate) async fn open(config: &GuarddutyConfig, access: &AwsAccess, clock: Arc<dyn Clock>) -> Self {
        let share = access.share("guardduty", config.calls_per_second).await;
        let watch = Watch::new(share.bucket().clone(), clock.clone(), true);
        let queue_watch = Watch::new(Arc::new(Bucket::new(1_000.0)), clock.clone(), false);
        let base = access.sdk_config().await;
        let sdk = aws_sdk_guardduty::config::Builder::from(&base)
            .interceptor(Watching(watch.clone()))
            .build();
        let queue = config.queue_url.as_ref().map(|url| {
            let mut sqs =
                aws_sdk_sqs::config::Builder::from(&base).interceptor(Watching(queue_watch.clone()));
            if let Some(endpoint) = &config.sqs_endpoint_url {
                sqs = sqs.endpoint_url(endpoint);
            }
            Queue::new(
                aws_sdk_sqs::Client::from_conf(sqs.build()),
                url,
                QUEUE_HIDES,
                QUEUE_EVERY,
            )
        });
        Self {
            name: SourceName(config.name.clone()),
            how: Interpretation {
                format: Format::Guardduty,
                ..config.interpretation()
            },
            client: Client::from_conf(sdk),
            watch,
            queue_watch,
            share,
            clock,
            region: config.region.clone(),
            poll: Duration::seconds(i64::from(config.poll_seconds)),
            lookback: Duration::minutes(i64::from(config.lookback_minutes)),
            detectors: Vec::new(),
            queue,
            memory: None,
        }
    }

    /// Takes what EventBridge has put into the queue; a message may be deleted once its finding is committed.
    async fn take_messages(
        &mut self,
        memory: &mut Memory,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Vec<Remark> {
        let Some(mut queue) = self.queue.take() else {
            return Vec::new();
        };
        let mut remarks = Vec::new();
        let mut fail = |error: CollectError| {
            remarks.push(Remark::Failing {
                what: "the queue of findings".into(),
                reason: error.to_string(),
            });
        };
        if let Err(error) = queue.keep_hidden(now).await {
            fail(error);
        }
        if queue.is_due(now)
            && let Err(error) = queue.receive(now).await
        {
            fail(error);
        }
        let mut strange = Vec::new();
        for held in queue.held.iter().filter(|held| held.dealt_with.is_none()) {
            match finding_in(&held.body) {
                Ok(finding) => self.take_finding(finding.get(), memory, now, reading),
                Err(reason) => strange.push((held.id.clone(), reason)),
            }
        }
        remarks.extend(queue.let_go(&strange, "the queue of findings"));
        self.queue = Some(queue);
        remarks
    }

    fn recall(&mut self, from: &Cursor, now: DateTime<Utc>) -> Result<Memory, CollectError> {
        let stored: Stored = from.decode(&self.name)?;
        let sequence = match resumed(self.memory.take(), |memory| memory.sequence, stored.sequence) {
            Ok(memory) => return Ok(memory),
            Err(sequence) => sequence,
        };
        // What messages in hand told is to be taken again, where the cursor does not hold it.
        for held in self.queue.iter_mut().flat_map(|queue| &mut queue.held) {
            held.dealt_with = None;
        }
        let began = if from.is_start() {
            (now - self.lookback).timestamp_millis()
        } else {
            stored.began
        };
        Ok(Memory {
            sequence,
            began,
            watermark: stored.watermark,
            whole_list_at: stored.whole_list_at,
            seen: SeenIds::restore(&stored.seen),
            sweep: None,
            due_at: None,
        })
    }

    /// The bucket's leave to make so many calls; false when there is none now.
    fn may_call(&self, calls: u8, now: DateTime<Utc>, reading: &mut Reading) -> bool {
        reading.out_of_calls = !self.share.take(calls, now);
        !reading.out_of_calls
    }

    /// Reads on until the sweep is over, the batch is full or the calls are used up.
    async fn sweep(
        &mut self,
        memory: &mut Memory,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Result<(), CollectError> {
        if self.detectors.is_empty() {
            if !self.may_call(1, now, reading) {
                return Ok(());
            }
            self.detectors = self.list_detectors().await?;
        }
        memory.begin_sweep(now, &self.detectors);
        while reading.events.len() < BATCH_EVENTS {
            let Some(detector) = memory
                .sweep
                .as_ref()
                .and_then(|sweep| sweep.detectors.last().cloned())
            else {
                memory.end_sweep(self.poll);
                reading.changed = true;
                return Ok(());
            };
            // A page is two calls, and is only worth beginning when both may be made.
            if !self.may_call(2, now, reading) {
                return Ok(());
            }
            let (ids, token) = self.list_findings(&detector, memory).await?;
            if !ids.is_empty() {
                let body = self.get_findings(&detector, ids).await?;
                self.take(&body, memory, now, reading)?;
            }
            memory.turn_page(token);
        }
        Ok(())
    }

    async fn list_detectors(&self) -> Result<Vec<String>, CollectError> {
        let failed = |e: &_| {
            aws::refusal(
                e,
                "guardduty:ListDetectors",
                &format!("GuardDuty in {}", self.region),
            )
        };
        let answer = self
            .client
            .list_detectors()
            .send()
            .await
            .map_err(|e| failed(&e))?;
        let detectors = answer.detector_ids().to_vec();
        if detectors.is_empty() {
            return Err(CollectError::NotFound {
                what: format!("a GuardDuty detector in {}", self.region),
                remedy: "enable GuardDuty in this region, or remove this source".into(),
            });
        }
        Ok(detectors)
    }

    async fn list_findings(
        &self,
        detector: &str,
        memory: &Memory,
    ) -> Result<(Vec<String>, Option<String>), CollectError> {
        let sweep = memory.sweep.as_ref();
        let since = Condition::builder()
            .greater_than_or_equal(sweep.map_or(memory.began, |sweep| sweep.start))
            .build();
        let order = SortCriteria::builder()
            .attribute_name("updatedAt")
            .order_by(OrderBy::Asc)
            .build();
        let answer = self
            .client
            .list_findings()
            .detector_id(detector)
            .finding_criteria(FindingCriteria::builder().criterion("updatedAt", since).build())
            .sort_criteria(order)
            .max_results(PAGE)
            .set_next_token(sweep.and_then(|sweep| sweep.token.clone()))
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "guardduty:ListFindings", &format!("detector {detector}")))?;
        let token = answer.next_token().filter(|token| !token.is_empty());
        Ok((answer.finding_ids().to_vec(), token.map(ToOwned::to_owned)))
    }

    async fn get_findings(&self, detector: &str, ids: Vec<String>) -> Result<Vec<u8>, CollectError> {
        self.client
            .get_findings()
            .detector_id(detector)
            .set_finding_ids(Some(ids))
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "guardduty:GetFindings", &format!("detector {detector}")))?;
        self.watch.take_body().ok_or_else(|| CollectError::Retryable {
            what: format!("GetFindings on detector {detector} gave no body"),
            after: None,
        })
    }

    fn take(
        &self,
        body: &[u8],
        memory: &mut Memory,
        now: DateTime<Utc>,
        reading: &mut Reading,
    ) -> Result<(), CollectError> {
        let found: Findings<'_> = serde_json::from_slice(body).map_err(|e| CollectError::Retryable {
            what: format!("the answer of GetFindings cannot be read: {e}"),
            after: None,
        })?;
        for finding in found.findings {
            self.take_finding(finding.get(), memory, now, reading);
        }
        Ok(())
    }

    fn take_finding(&self, text: &str, memory: &mut Memory, now: DateTime<Utc>, reading: &mut Reading) {
        let digest = watchkeeper_domain::id::digest(&[text]);
        let origin = Origin {
            source: &self.name,
            id: &digest,
            context: Context::collected(now),
        };
        for event in self.how.events(origin, text) {
            let at = event.at.timestamp_millis();
            // What the queue tells moves nothing: the poller comes to it by itself, and has then read as far.
            if let Some(sweep) = &mut memory.sweep {
                sweep.newest = sweep.newest.max(Some(at.min(now.timestamp_millis())));
            }
            if !memory.seen.insert(at, &event.id) {
                reading.counts.duplicates += 1;
                continue;
            }
            reading.changed = true;
            reading.counts.bytes += text.len() as u64;
            reading.counts.unparsed += u64::from(event.unparsed.is_some());
            reading.events.push(event);
        }
    }

    fn cursor_of(&self, memory: &mut Memory, remarks: &mut Vec<Remark>) -> Result<Cursor, CollectError> {
        memory.sequence += 1;
        let (seen, forgotten) = memory.seen.store(IDS_IN_CURSOR);
        if forgotten > 0 {
            remarks.push(Remark::MemoryFull { forgotten });
        }
        let stored = Stored {
            sequence: memory.sequence,
            began: memory.began,
            watermark: memory.watermark,
            whole_list_at: memory.whole_list_at,
            seen,
        };
        Cursor::encode(&stored, &self.name)
    }
}

impl Memory {
    fn begin_sweep(&mut self, now: DateTime<Utc>, detectors: &[String]) {
        if self.sweep.is_some() {
            return;
        }
        let now_ms = now.timestamp_millis();
        let whole = self
            .whole_list_at
            .is_none_or(|at| now_ms - at >= WHOLE_LIST_EVERY.num_milliseconds());
        let behind_watermark = self.watermark.map(|mark| mark - OVERLAP.num_milliseconds());
        self.sweep = Some(Sweep {
            began_at: now,
            start: behind_watermark
                .filter(|_| !whole)
                .unwrap_or(self.began)
                .max(self.began),
            whole,
            detectors: detectors.to_vec(),
            token: None,
            newest: None,
        });
    }

    fn turn_page(&mut self, token: Option<String>) {
        let Some(sweep) = &mut self.sweep else { return };
        if token.is_none() {
            sweep.detectors.pop();
        }
        sweep.token = token;
    }

    /// Everything was read: only now the watermark moves, and only as far as there were findings.
    fn end_sweep(&mut self, poll: Duration) {
        let Some(sweep) = self.sweep.take() else { return };
        self.watermark = self.watermark.max(sweep.newest);
        if sweep.whole {
            self.whole_list_at = Some(sweep.began_at.timestamp_millis());
            self.seen
                .forget_before((sweep.began_at - RETENTION).timestamp_millis());
        }
        self.due_at = Some(sweep.began_at + poll);
    }
}

#[async_trait]
impl Source for Guardduty {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let now = self.clock.now();
        let mut memory = self.recall(from, now)?;
        let mut reading = Reading {
            changed: from.is_start(),
            ..Reading::default()
        };
        // Before a sweep goes on: a finding that the queue tells is not one that the list has reached.
        let sweep = memory.sweep.take();
        let mut remarks = self.take_messages(&mut memory, now, &mut reading).await;
        memory.sweep = sweep;
        let is_idle = memory.sweep.is_none() && memory.due_at.is_some_and(|due| due > now);
        let outcome = if is_idle {
            Ok(())
        } else {
            self.sweep(&mut memory, now, &mut reading).await
        };
        let (own, queued) = (self.watch.counts(), self.queue_watch.counts());
        (reading.counts.calls, reading.counts.throttled) = (own.0 + queued.0, own.1 + queued.1);
        if let Err(error) = outcome {
            memory.sweep = None;
            self.detectors.clear();
            if reading.events.is_empty() {
                self.memory = Some(memory);
                return Err(error);
            }
            // What was read is delivered; the next reading begins the sweep anew and meets the error again, if it lasts.
            remarks.push(Remark::Failing {
                what: format!("GuardDuty in {}", self.region),
                reason: error.to_string(),
            });
        }
        let next = if reading.changed {
            self.cursor_of(&mut memory, &mut remarks)?
        } else {
            from.clone()
        };
        if let Some(queue) = &mut self.queue {
            for held in &mut queue.held {
                held.dealt_with.get_or_insert(memory.sequence);
            }
        }
        let queue_has_more = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.is_due(now) && !queue.held.is_empty());
        let more = queue_has_more || memory.sweep.is_some() && !reading.out_of_calls;
        self.memory = Some(memory);
        Ok(Batch {
            events: reading.events,
            next,
            more,
            counts: reading.counts,
            remarks,
        })
    }

    async fn committed(&mut self, cursor: &Cursor) -> Result<(), CollectError> {
        let stored: Stored = cursor.decode(&self.name)?;
        match &mut self.queue {
            Some(queue) => queue.delete_up_to(stored.sequence).await,
            None => Ok(()),
        }
    }
}

/// The finding in a message of EventBridge, also where SNS has wrapped it, as it was written.
///
/// # Errors
/// What the message is instead.
pub fn finding_in(body: &str) -> Result<Box<RawValue>, String> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(rename = "detail-type")]
        kind: Option<String>,
        detail: Option<Box<RawValue>>,
        #[serde(rename = "Message")]
        wrapped: Option<String>,
    }
    let read = |text: &str| {
        serde_json::from_str::<Message>(text).map_err(|fault| format!("not an event of EventBridge: {fault}"))
    };
    let outer = read(body)?;
    let inner = match outer.wrapped {
        Some(text) => read(&text)?,
        None => outer,
    };
    match (inner.kind.as_deref(), inner.detail) {
        (Some("GuardDuty Finding"), Some(finding)) => Ok(finding),
        (kind, _) => Err(format!(
            "expected an event `GuardDuty Finding`, found `{}`",
            kind.unwrap_or("none")
        )),
    }
}
