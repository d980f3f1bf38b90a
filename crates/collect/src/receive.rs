//! Receivers: pushes are accepted only once they are safe in the spool.
//!
//! Takes bodies and headers that the HTTP routes hand over; gives an answer only after the whole request lies on disk. Leaves
//! alone: HTTP itself, and what the records mean.

use crate::config::{HttpConfig, SnsConfig};
use crate::journal;
use crate::otlp::{self, Encoding};
use crate::parse::Format;
use crate::push::{self, DecodeError, Origin, PushLimits, Record, Refused, Taken};
use crate::source::CollectError;
use crate::spool::{Appended, Entry, Spool, SpoolError};
use crate::tally::Tally;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::sns::{self, Confirmation, Envelope, SnsFault, SnsMessage, TopicArn};

/// Requests that are decoded at a time, and requests whose bodies are read at a time: with the largest allowed body this bounds the
/// memory in use.
pub const IN_FLIGHT: usize = 32;

/// What a source without topics says of messages of SNS.
pub const NO_TOPIC: &str = "messages of this topic are not taken here";

/// The most records of one request.
const RECORDS_LIMIT: usize = 200_000;

/// How long a client should leave a receiver alone that has too much to do, or is stopping, or whose disk is full.
const RETRY_SOON: Duration = Duration::from_secs(1);
const RETRY_LATER: Duration = Duration::from_secs(30);

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// How many good records the request carries.
    pub records: usize,
    /// Whether it had been accepted before, so that nothing was stored now.
    pub duplicate: bool,
    /// The records that were refused; sending them again does not help.
    pub refused: Refused,
}

/// What a push over HTTP says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct PushHeaders<'h> {
    /// `Content-Type`
    pub content_type: Option<&'h str>,
    /// `Content-Encoding`
    pub content_encoding: Option<&'h str>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<&'h str>,
}

/// The answer to a request of OTLP, in the encoding of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// `ExportLogsServiceResponse`, or `google.rpc.Status`.
    pub body: Vec<u8>,
    /// What belongs into `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl OtlpAnswer {
    /// The answer to a request of which nothing was stored.
    #[must_use]
    pub fn refused(error: &PushError, content_type: Option<&str>) -> Self {
        let encoding = Encoding::of(content_type).unwrap_or(Encoding::Json);
        Self {
            status: error.status(),
            content_type: encoding.content_type(),
            body: otlp::refused(error, encoding),
            retry_after: error.retry_after(),
        }
    }
}

/// Why a push was not accepted; each maps to one HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// 400: sending it again does not help.
    #[error("{0}")]
    Malformed(String),
    /// 401: the secret is missing or not one of the configured.
    #[error("the secret is missing or wrong: send one whose SHA-256 is in `secrets_sha256` of this source")]
    Unauthorised,
    /// 415: sending it in another form does.
    #[error("{0}")]
    Unsupported(String),
    /// 403: it is not believed.
    #[error("{0}")]
    Refused(String),
    /// 413: it must be cut into smaller requests.
    #[error("{0}")]
    TooLarge(String),
    /// 429: too much at once.
    #[error("too many requests at once; send again in {} s", retry_after.as_secs())]
    TooMany {
        /// When to send again.
        retry_after: Duration,
    },
    /// 503: it cannot be stored now.
    #[error("{reason}; send again in {} s", retry_after.as_secs())]
    Unavailable {
        /// Why.
        reason: String,
        /// When to send again.
        retry_after: Duration,
    },
}

impl PushError {
    /// The HTTP status that says it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unauthorised => 401,
            Self::Refused(_) => 403,
            Self::TooLarge(_) => 413,
            Self::Unsupported(_) => 415,
            Self::TooMany { .. } => 429,
            Self::Unavailable { .. } => 503,
        }
    }

    /// What belongs into `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } | Self::Unavailable { retry_after, .. } => Some(*retry_after),
            Self::Malformed(_)
            | Self::Unauthorised
            | Self::Refused(_)
            | Self::TooLarge(_)
            | Self::Unsupported(_) => None,
        }
    }
}

impl From<DecodeError> for PushError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            DecodeError::Malformed { .. } => Self::Malformed(error.to_string()),
        }
    }
}

impl From<SpoolError> for PushError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Busy => Self::TooMany {
                retry_after: RETRY_SOON,
            },
            SpoolError::EntryTooLarge { .. } => Self::TooLarge(error.to_string()),
            SpoolError::Backlog { .. } | SpoolError::Disk { .. } | SpoolError::Closed => Self::Unavailable {
                reason: error.to_string(),
                retry_after: RETRY_LATER,
            },
        }
    }
}

/// The headers of the Firehose HTTP endpoint protocol that matter, as they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirehoseHeaders<'h> {
    /// `X-Amz-Firehose-Access-Key`
    pub access_key: Option<&'h str>,
    /// `X-Amz-Firehose-Request-Id`
    pub request_id: Option<&'h str>,
    /// `X-Amz-Firehose-Protocol-Version`
    pub protocol_version: Option<&'h str>,
    /// `X-Amz-Firehose-Source-Arn`, whose region is that of the log groups that a subscription sends
    pub source_arn: Option<&'h str>,
    /// `X-Amz-Firehose-Common-Attributes`
    pub common_attributes: Option<&'h str>,
    /// `Content-Encoding`
    pub content_encoding: Option<&'h str>,
}

/// The answer to a Firehose request: an HTTP status and the JSON body that the protocol asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct FirehoseAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `{"requestId", "timestamp"}`, with `errorMessage` where it was not accepted.
    pub body: Value,
    /// What belongs into `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// What became of a message of SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsAccepted {
    /// It is on disk.
    Stored(Accepted),
    /// The subscription is to be confirmed, since its topic is one of the configured.
    Confirm(Confirmation),
    /// The subscription has ended: nothing comes any more.
    Unsubscribed,
}

/// Takes pushes for one source.
#[derive(Debug)]
pub struct Receiver {
    name: SourceName,
    strict_json: bool,
    /// Whether its format reads log records of OpenTelemetry.
    takes_otlp: bool,
    secrets: Vec<[u8; 32]>,
    /// Log groups whose messages are passed over.
    excluded: Vec<String>,
    /// Topics of SNS whose messages are taken.
    topics: Vec<TopicArn>,
    limits: PushLimits,
    spool: Spool,
    tally: Arc<Tally>,
    clock: Arc<dyn Clock>,
    stopping: AtomicBool,
    in_flight: Semaphore,
    reading: Semaphore,
    reading_messages: Semaphore,
}

impl Receiver {
    /// A receiver that stores into `spool`.
    ///
    /// # Errors
    /// [`CollectError::Io`] when the file of secrets cannot be read; [`CollectError::Config`] when there is no secret.
    pub(crate) fn new(
        config: &HttpConfig,
        spool: Spool,
        tally: Arc<Tally>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CollectError> {
        Ok(Self {
            name: SourceName(config.name.clone()),
            strict_json: matches!(
                config.format,
                Format::Json
                    | Format::Cloudtrail
                    | Format::Guardduty
                    | Format::Waf
                    | Format::Otlp
                    | Format::Journal
            ),
            takes_otlp: config.format.reads_otlp(),
            secrets: read_secrets(config)?,
            excluded: config.exclude_log_groups.clone(),
            topics: Vec::new(),
            limits: PushLimits {
                body_bytes: config.max_body_bytes,
                decompressed_bytes: config.max_decompressed_bytes,
                record_bytes: config.max_record_bytes,
                records: RECORDS_LIMIT,
            },
            spool,
            tally,
            clock,
            stopping: AtomicBool::new(false),
            in_flight: Semaphore::new(IN_FLIGHT),
            reading: Semaphore::new(IN_FLIGHT),
            reading_messages: Semaphore::new(IN_FLIGHT),
        })
    }

    /// A receiver of messages of SNS, which nobody but SNS may push to.
    #[must_use]
    pub(crate) fn of_topics(
        config: &SnsConfig,
        spool: Spool,
        tally: Arc<Tally>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            name: SourceName(config.name.clone()),
            strict_json: false,
            takes_otlp: false,
            secrets: Vec::new(),
            excluded: Vec::new(),
            topics: config
                .topics
                .iter()
                .filter_map(|topic| topic.parse().ok())
                .collect(),
            limits: PushLimits {
                body_bytes: sns::LARGEST,
                decompressed_bytes: sns::LARGEST,
                record_bytes: sns::LARGEST,
                records: RECORDS_LIMIT,
            },
            spool,
            tally,
            clock,
            stopping: AtomicBool::new(false),
            in_flight: Semaphore::new(IN_FLIGHT),
            reading: Semaphore::new(IN_FLIGHT),
            reading_messages: Semaphore::new(IN_FLIGHT),
        }
    }

    /// The source that is fed.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.name
    }

    /// The largest body that the route needs to read, in bytes.
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.limits.body_bytes
    }

    /// Whether a presented secret may push; checked in constant time. The route for lines asks this before it reads the body.
    #[must_use]
    pub fn authorises(&self, presented: Option<&str>) -> bool {
        push::secret_matches(presented.unwrap_or(""), &self.secrets)
    }

    /// Refuses everything from now on. What was accepted is on disk already.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Accepts lines, one record each, a list of JSON objects, or entries in journald's export format (by their `Content-Type`), once they are on disk. With an idempotency key a request that is sent
    /// again is recognised, also after a crash, and stored once. Records that cannot be kept are refused one by one, and the others are
    /// stored. The caller has checked [`Receiver::authorises`].
    ///
    /// # Errors
    /// See [`PushError`]; nothing of the request was stored then, save that a request that was cut off on its way to the disk
    /// may be found there after all: a repeated request with the same key is then a duplicate. A request of which every record is
    /// refused is refused as a whole.
    pub async fn accept_lines(&self, body: Bytes, headers: PushHeaders<'_>) -> Result<Accepted, PushError> {
        let strict = self.strict_json;
        let key = key_of(headers)?;
        let _permit = self.admit()?;
        let of_journald = headers.content_type.is_some_and(is_journal);
        let taken = self
            .decoded(body, headers, move |plain, limits| {
                if of_journald {
                    journal::entries(plain, limits)
                } else {
                    push::json_lines(plain, strict, limits)
                }
            })
            .await?;
        self.store(taken, key, BTreeMap::new()).await
    }

    /// Accepts a request of OTLP once its good records are on disk, and answers as the protocol wants it. The caller has checked
    /// [`Receiver::authorises`].
    pub async fn accept_otlp(&self, body: Bytes, headers: PushHeaders<'_>) -> OtlpAnswer {
        match self.take_otlp(body, headers).await {
            Ok((accepted, encoding)) => OtlpAnswer {
                status: 200,
                content_type: encoding.content_type(),
                body: otlp::stored(&accepted.refused, encoding),
                retry_after: None,
            },
            Err(error) => OtlpAnswer::refused(&error, headers.content_type),
        }
    }

    async fn take_otlp(
        &self,
        body: Bytes,
        headers: PushHeaders<'_>,
    ) -> Result<(Accepted, Encoding), PushError> {
        let encoding = Encoding::of(headers.content_type).ok_or_else(|| {
            PushError::Unsupported(
                "logs come as `Content-Type: application/x-protobuf` or `application/json`".into(),
            )
        })?;
        if !self.takes_otlp {
            return Err(PushError::Malformed(
                "the format of this source reads no log records of OpenTelemetry: leave `format` out of its configuration, write \
                 \"otlp\", or send them to a source of their own"
                    .into(),
            ));
        }
        let key = key_of(headers)?;
        let _permit = self.admit()?;
        let taken = self
            .decoded(body, headers, move |plain, limits| {
                otlp::logs(plain, encoding, limits)
            })
            .await?;
        if taken.records.is_empty() {
            // The protocol has no word for "none of them" but this one, and a refusal as a whole would be sent again by some.
            Tally::add(&self.tally.refused, taken.refused.count);
            return Ok((
                Accepted {
                    records: 0,
                    duplicate: false,
                    refused: taken.refused,
                },
                encoding,
            ));
        }
        Ok((self.store(taken, key, BTreeMap::new()).await?, encoding))
    }

    /// Accepts a Firehose request once it is on disk; checks its access key before anything else.
    pub async fn accept_firehose(&self, headers: FirehoseHeaders<'_>, body: Bytes) -> FirehoseAnswer {
        let (outcome, named_in_body) = match self.take_firehose(headers, body).await {
            Ok((accepted, id)) => (Ok(accepted), Some(id)),
            Err(error) => (Err(error), None),
        };
        let request_id = headers.request_id.or(named_in_body.as_deref());
        let mut answer = json!({
            "requestId": request_id.unwrap_or_default(),
            "timestamp": self.clock.now().timestamp_millis(),
        });
        match outcome {
            Ok(_) => FirehoseAnswer {
                status: 200,
                body: answer,
                retry_after: None,
            },
            Err(error) => {
                answer["errorMessage"] = error.to_string().into();
                FirehoseAnswer {
                    status: error.status(),
                    body: answer,
                    retry_after: error.retry_after(),
                }
            }
        }
    }

    /// Stores a request; gives the id that its body names, too.
    async fn take_firehose(
        &self,
        headers: FirehoseHeaders<'_>,
        body: Bytes,
    ) -> Result<(Accepted, String), PushError> {
        if !self.authorises(headers.access_key) {
            return Err(PushError::Unauthorised);
        }
        let _permit = self.admit()?;
        if let Some(version) = headers.protocol_version.filter(|v| *v != "1.0") {
            return Err(PushError::Malformed(format!(
                "protocol version `{version}` is not known; 1.0 is"
            )));
        }
        let attributes = headers
            .common_attributes
            .map_or(Ok(BTreeMap::new()), push::common_attributes)?;
        let said = PushHeaders {
            content_encoding: headers.content_encoding,
            ..PushHeaders::default()
        };
        let region = headers.source_arn.and_then(|arn| arn.split(':').nth(3));
        let region = region.unwrap_or_default().to_owned();
        let excluded = self.excluded.clone();
        let decode = move |plain: &[u8], limits: &PushLimits| {
            let from = Origin {
                region: &region,
                excluded: &excluded,
            };
            push::firehose(plain, &from, limits)
        };
        let request = self.decoded(body, said, decode).await?;
        if headers.request_id.is_some_and(|id| id != request.request_id) {
            return Err(PushError::Malformed(
                "`requestId` of the body and the header X-Amz-Firehose-Request-Id differ".into(),
            ));
        }
        let key = format!("firehose:{}", request.request_id);
        let taken = Taken {
            records: request.records,
            refused: Refused::default(),
        };
        let accepted = self.store(taken, Some(key), attributes).await?;
        Ok((accepted, request.request_id))
    }

    /// Reads a message of SNS as far as must be known before its certificate is fetched: nobody is asked for one on behalf of a stranger,
    /// and a signature with SHA-1 is not worth one.
    ///
    /// # Errors
    /// [`PushError::Malformed`] where it is no message of SNS; [`PushError::Refused`] where it is not to be believed.
    pub fn read_sns(&self, body: &[u8]) -> Result<Envelope, PushError> {
        let envelope = Envelope::read(body).map_err(|fault| PushError::Malformed(fault.to_string()))?;
        if !self.topics.contains(envelope.topic()) {
            return Err(PushError::Refused(
                SnsFault::Stranger(envelope.topic().to_string()).to_string(),
            ));
        }
        if !envelope.is_signed_with_sha256() {
            return Err(PushError::Refused(format!(
                "the message is signed with SHA-1: set SignatureVersion 2 on {} (`aws sns set-topic-attributes --attribute-name SignatureVersion --attribute-value 2`)",
                envelope.topic()
            )));
        }
        Ok(envelope)
    }

    /// Accepts a message of SNS that its certificate (PEM) shows to be one, once it is on disk. It is one record where it is JSON, else
    /// one a line; what SNS sends again is recognised.
    ///
    /// # Errors
    /// See [`PushError`]; nothing was stored then.
    pub async fn accept_sns(&self, envelope: Envelope, pem: &[u8]) -> Result<SnsAccepted, PushError> {
        let _permit = self.admit()?;
        let id = format!("sns/{}/{}", envelope.topic(), envelope.message_id());
        let believed = envelope
            .believed(&self.topics, pem, self.clock.now())
            .map_err(|fault| PushError::Refused(fault.to_string()))?;
        let text = match believed {
            SnsMessage::Confirm(confirmation) => return Ok(SnsAccepted::Confirm(confirmation)),
            SnsMessage::Unsubscribed => return Ok(SnsAccepted::Unsubscribed),
            SnsMessage::Notification(text) => text,
        };
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let taken = if is_json {
            Taken {
                records: vec![Record::text(text)],
                refused: Refused::default(),
            }
        } else {
            push::json_lines(text.as_bytes(), false, &self.limits)?
        };
        self.store(taken, Some(id), BTreeMap::new())
            .await
            .map(SnsAccepted::Stored)
    }

    /// Leave to read the body of a request, for as long as it is held. It is asked for before the first byte is read, since bodies that
    /// are waited for take memory too.
    ///
    /// # Errors
    /// Where as many as may are read already.
    pub fn read_body(&self) -> Result<SemaphorePermit<'_>, PushError> {
        leave(&self.reading)
    }

    /// The same for a message of SNS, which anybody may send: strangers keep out other messages at worst, and no push.
    ///
    /// # Errors
    /// Where the source takes no messages, and where as many as may are read already.
    pub fn read_message(&self) -> Result<SemaphorePermit<'_>, PushError> {
        if self.topics.is_empty() {
            return Err(PushError::Refused(NO_TOPIC.to_owned()));
        }
        leave(&self.reading_messages)
    }

    fn admit(&self) -> Result<SemaphorePermit<'_>, PushError> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(PushError::Unavailable {
                reason: "the service is stopping".into(),
                retry_after: RETRY_LATER,
            });
        }
        leave(&self.in_flight)
    }

    /// Decompresses and decodes a body, away from whatever else the service does.
    async fn decoded<T: Send + 'static>(
        &self,
        body: Bytes,
        headers: PushHeaders<'_>,
        decode: impl FnOnce(&[u8], &PushLimits) -> Result<T, DecodeError> + Send + 'static,
    ) -> Result<T, PushError> {
        let limits = self.limits;
        let encoding = headers.content_encoding.map(ToOwned::to_owned);
        off_the_reactor(move || {
            let plain = push::decompress(&body, encoding.as_deref(), &limits)?;
            decode(&plain, &limits)
        })
        .await
    }

    async fn store(
        &self,
        taken: Taken,
        key: Option<String>,
        attributes: BTreeMap<String, String>,
    ) -> Result<Accepted, PushError> {
        let Taken { records, refused } = taken;
        let count = records.len();
        let mut duplicate = false;
        if count > 0 {
            let mut entry = Entry::unnamed(None, records, self.clock.now());
            entry.attributes = attributes;
            if let Some(key) = key {
                entry.key = key;
            }
            duplicate = self.spool.store(&entry).await? == Appended::Already;
        } else if let Some(first) = refused.first.first() {
            Tally::add(&self.tally.refused, refused.count);
            return Err(match first {
                DecodeError::TooLarge { .. } => PushError::TooLarge(refused.told()),
                DecodeError::Malformed { .. } => PushError::Malformed(refused.told()),
            });
        }
        if !duplicate {
            Tally::add(&self.tally.refused, refused.count);
        }
        Ok(Accepted {
            records: count,
            duplicate,
            refused,
        })
    }
}

/// A place among those that a semaphore has; what finds none is to come again soon.
fn leave(places: &Semaphore) -> Result<SemaphorePermit<'_>, PushError> {
    places.try_acquire().map_err(|_| PushError::TooMany {
        retry_after: RETRY_SOON,
    })
}

/// Whether a `Content-Type` is journald's export format.
fn is_journal(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/vnd.fdo.journal"))
}

fn key_of(headers: PushHeaders<'_>) -> Result<Option<String>, PushError> {
    match headers.idempotency_key {
        Some(key) if key.is_empty() || key.len() > 256 => Err(PushError::Malformed(
            "the idempotency key should be 1 to 256 characters".into(),
        )),
        key => Ok(key.map(|key| format!("key:{key}"))),
    }
}

async fn off_the_reactor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DecodeError> + Send + 'static,
) -> Result<T, PushError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(PushError::from),
        Err(_) => Err(PushError::Unavailable {
            reason: "the request could not be decoded".into(),
            retry_after: RETRY_LATER,
        }),
    }
}

fn read_secrets(config: &HttpConfig) -> Result<Vec<[u8; 32]>, CollectError> {
    use sha2::Digest;
    let mut digests: Vec<[u8; 32]> = config
        .secrets_sha256
        .iter()
        .filter_map(|text| hex::decode(text).ok()?.try_into().ok())
        .collect();
    if let Some(path) = &config.secrets_file {
        let text = std::fs::read_to_string(path).map_err(|e| CollectError::io(path, &e))?;
        let secrets = text.lines().map(str::trim).filter(|line| !line.is_empty());
        digests.extend(secrets.map(|secret| <[u8; 32]>::from(sha2::Sha256::digest(secret.as_bytes()))));
    }
    if digests.is_empty() {
        return Err(CollectError::Config(vec![crate::config::Fault {
            field: "secrets_file".into(),
            wrong: "it holds no secret".into(),
            remedy: "write one secret a line".into(),
        }]));
    }
    Ok(digests)
}
