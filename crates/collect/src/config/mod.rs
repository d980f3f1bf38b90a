//! The configuration of sources: what may be written, what it means, and every fault at once.

use crate::cloudwatch::CloudwatchLogs;
use crate::file::FileTail;
use crate::guardduty::Guardduty;
use crate::kinesis::Kinesis;
use crate::once::Once;
use crate::parse::{Format, Interpretation, RecordLogSource};
use crate::receive::Receiver;
use crate::s3::S3;
use crate::source::{CollectError, Source};
use crate::spool::{Spool, SpoolLimits, SpoolSource};
use crate::syslog::SyslogListener;
use crate::tally::Tally;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{LogSource, SourceName};
use watchkeeper_domain::source_health::SourceAlerts;

/// One fault of a source's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {wrong}; {remedy}")]
pub struct Fault {
    /// The field, such as `paths[1]`.
    pub field: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What to write instead.
    pub remedy: String,
}

/// Declares a kind of source: its own fields, and those that every kind has. (Serde cannot both flatten a shared struct and refuse
/// unknown fields, and a mistyped field must be refused.)
macro_rules! source_kinds {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// What the source is called: in alerts, metrics and the store. Lower-case letters, digits, `-`, `_`, at most 64.
            pub name: String,
            $($(#[$field_doc])* pub $field: $type,)*
            /// How the lines are to be read.
            #[serde(default)]
            pub format: Format,
            /// What kind of log it is, where that does not follow from the format; each part given here wins.
            #[serde(default)]
            pub log_source: LogSource,
            /// Fields of the record itself that say what kind of log it is, and win over everything else.
            #[serde(default)]
            pub log_source_from: RecordLogSource,
            /// The field of a JSON record that holds the time, when it is not one of the usual ones.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub timestamp_field: Option<String>,
            /// How far the clock of log lines without a zone is ahead of UTC, in minutes.
            #[serde(default)]
            pub utc_offset_minutes: i32,
            /// The fields of VPC flow log records in their order, as the flow log's `LogFormat` names them, such as
            /// `"${version} ${srcaddr} ${dstaddr}"`; AWS's default where it is not given. A heading in a file wins.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub flow_log_format: Option<String>,
            /// The customer whom every event concerns; set as the field `tenant` where a record has none.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tenant: Option<String>,
            /// Of which troubles people are told: that it is quiet, fails, loses events, is behind or cannot be parsed.
            #[serde(default, skip_serializing_if = "as_it_comes")]
            pub alerts: SourceAlerts,
        }

        impl $name {
            /// How lines of this source become events.
            #[must_use]
            pub fn interpretation(&self) -> Interpretation {
                Interpretation {
                    format: self.format,
                    log_source: self.log_source.clone(),
                    log_source_from: self.log_source_from.clone(),
                    timestamp_field: self.timestamp_field.clone(),
                    utc_offset_minutes: self.utc_offset_minutes,
                    flow_log_format: self.flow_log_format.clone(),
                    tenant: self.tenant.clone(),
                }
            }
        }
    )*};
}

fn as_it_comes(alerts: &SourceAlerts) -> bool {
    *alerts == SourceAlerts::default()
}

mod aws;
mod aws_check;
mod check;
mod expected;

pub use aws::{AccountConfig, CloudwatchLogsConfig, GuarddutyConfig, KinesisConfig, S3Config, Subscription};

source_kinds! {
    /// Files that grow, are rotated, or are whole gzip or zstd files.
    FileConfig {
        /// Absolute paths; `*` and `?` may stand in the file name.
        paths: Vec<PathBuf>,
        /// The longest line that is kept whole, in bytes.
        #[serde(default = "a_mebibyte")]
        max_line_bytes: usize,
        /// Whether files that exist at the first reading are read from their beginning, or only what is added from then on.
        #[serde(default = "yes")]
        from_beginning: bool,
    }

    /// Syslog over TCP, TLS and UDP.
    SyslogConfig {
        /// Where TCP is listened to: lines, or messages with counted octets (RFC 6587).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listen_tcp: Option<SocketAddr>,
        /// Where TLS is listened to (RFC 5425); asks for `certificate_file` and `key_file`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listen_tls: Option<SocketAddr>,
        /// Where datagrams are taken. What finds no room is lost, and counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listen_udp: Option<SocketAddr>,
        /// The certificate that TLS shows, as PEM, with those that signed it behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate_file: Option<PathBuf>,
        /// Its private key, as PEM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_file: Option<PathBuf>,
        /// Authorities, as PEM: only clients with a certificate that one of them signed may send over TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_ca_file: Option<PathBuf>,
        /// The longest message that is kept whole, in bytes.
        #[serde(default = "sixty_four_kibibytes")]
        max_line_bytes: usize,
        /// Connections that may be open at once.
        #[serde(default = "a_thousand")]
        max_connections: usize,
        /// Seconds without a byte after which a connection is closed.
        #[serde(default = "an_hour")]
        idle_seconds: u32,
        /// How many bytes may wait on disk to be read before connections are not read any more.
        #[serde(default = "a_gibibyte")]
        max_backlog_bytes: u64,
    }

    /// Pushes over HTTP: lines of JSON or text, and the Firehose HTTP endpoint protocol.
    HttpConfig {
        /// SHA-256, in hex, of each secret that may push: `printf %s "$SECRET" | sha256sum`.
        #[serde(default)]
        secrets_sha256: Vec<String>,
        /// A file with one secret a line, instead of or besides `secrets_sha256`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets_file: Option<PathBuf>,
        /// Log groups of CloudWatch whose subscription messages are passed over: this service's own. A `*` at the end stands for
        /// anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude_log_groups: Vec<String>,
        /// The largest request body, in bytes as sent.
        #[serde(default = "sixteen_mebibytes")]
        max_body_bytes: usize,
        /// The largest request after decompression, in bytes.
        #[serde(default = "sixty_four_mebibytes")]
        max_decompressed_bytes: usize,
        /// The largest record, in bytes.
        #[serde(default = "a_mebibyte")]
        max_record_bytes: usize,
        /// How many bytes may wait on disk to be read before pushes are refused with 503.
        #[serde(default = "a_gibibyte")]
        max_backlog_bytes: u64,
    }

    /// Messages of topics of SNS, posted over HTTPS to `/sns/<name>` and believed by their signature.
    SnsConfig {
        /// The ARNs of the topics that are believed, and whose subscriptions are confirmed. Set SignatureVersion 2 on them.
        topics: Vec<String>,
        /// How many bytes may wait on disk to be read before messages are refused with 503, for SNS to send again.
        #[serde(default = "a_gibibyte")]
        max_backlog_bytes: u64,
    }
}

fn yes() -> bool {
    true
}
fn an_hour() -> u32 {
    3600
}
fn a_thousand() -> usize {
    1000
}
fn sixty_four_kibibytes() -> usize {
    64 << 10
}
fn a_mebibyte() -> usize {
    1 << 20
}
fn sixteen_mebibytes() -> usize {
    16 << 20
}
fn sixty_four_mebibytes() -> usize {
    64 << 20
}
fn a_gibibyte() -> u64 {
    1 << 30
}

/// One configured source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceConfig {
    /// Log groups of CloudWatch Logs.
    CloudwatchLogs(CloudwatchLogsConfig),
    /// GuardDuty findings.
    Guardduty(GuarddutyConfig),
    /// Objects in S3, told of by a queue.
    S3(S3Config),
    /// A stream of Kinesis.
    Kinesis(KinesisConfig),
    /// Files.
    File(FileConfig),
    /// Pushes over HTTP.
    Http(HttpConfig),
    /// Syslog.
    Syslog(SyslogConfig),
    /// Messages of topics of SNS, posted over HTTPS.
    Sns(SnsConfig),
}

impl SourceConfig {
    /// The configured name.
    #[must_use]
    pub fn name(&self) -> SourceName {
        SourceName(
            match self {
                Self::CloudwatchLogs(c) => &c.name,
                Self::Guardduty(c) => &c.name,
                Self::S3(c) => &c.name,
                Self::Kinesis(c) => &c.name,
                Self::File(c) => &c.name,
                Self::Http(c) => &c.name,
                Self::Syslog(c) => &c.name,
                Self::Sns(c) => &c.name,
            }
            .clone(),
        )
    }

    /// The kind as it is written in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CloudwatchLogs(_) => "cloudwatch_logs",
            Self::Guardduty(_) => "guardduty",
            Self::S3(_) => "s3",
            Self::Kinesis(_) => "kinesis",
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Syslog(_) => "syslog",
            Self::Sns(_) => "sns",
        }
    }

    /// Where the events come from, in a few words for people: paths, log groups, an address.
    #[must_use]
    pub fn takes_from(&self) -> String {
        match self {
            Self::CloudwatchLogs(c) => {
                let prefixes = c.log_group_prefixes.iter().map(|prefix| format!("{prefix}*"));
                let tags = c
                    .log_group_tags
                    .iter()
                    .map(|(key, value)| format!("tag {key}={value}"));
                let groups: Vec<String> = c.log_groups.iter().cloned().chain(prefixes).chain(tags).collect();
                format!("{} in {}", groups.join(", "), c.region)
            }
            Self::S3(c) => format!("objects that {} tells of", c.queue_url),
            Self::Kinesis(c) => format!("stream {} in {}", c.stream, c.region),
            Self::Sns(c) => format!("messages of {} to /sns/{}", c.topics.join(", "), c.name),
            Self::Guardduty(c) => c.region.clone(),
            Self::File(c) => {
                let paths: Vec<_> = c.paths.iter().map(|path| path.display().to_string()).collect();
                paths.join(", ")
            }
            Self::Http(c) if c.format.reads_otlp() => {
                format!("pushes to /ingest/{0}, /firehose/{0} and /otlp/{0}", c.name)
            }
            Self::Http(c) => format!("pushes to /ingest/{0} and /firehose/{0}", c.name),
            Self::Syslog(c) => {
                let sockets = [
                    ("tcp", c.listen_tcp, ""),
                    ("tls", c.listen_tls, ""),
                    ("udp", c.listen_udp, " (lossy)"),
                ];
                let told = |(kind, address, remark): (&str, Option<SocketAddr>, &str)| {
                    address.map(|address| format!("{kind} {address}{remark}"))
                };
                sockets
                    .into_iter()
                    .filter_map(told)
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        }
    }

    /// How lines of this source become events.
    #[must_use]
    pub fn interpretation(&self) -> Interpretation {
        match self {
            Self::CloudwatchLogs(c) => c.interpretation(),
            Self::Guardduty(c) => c.interpretation(),
            Self::S3(c) => c.interpretation(),
            Self::Kinesis(c) => c.interpretation(),
            Self::File(c) => c.interpretation(),
            Self::Http(c) => c.interpretation(),
            Self::Syslog(c) => c.interpretation(),
            Self::Sns(c) => c.interpretation(),
        }
    }

    /// Every fault of the configuration, each with its remedy; empty when it is sound.
    #[must_use]
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        check::name(&self.name().0, &mut faults);
        check::interpretation(&self.interpretation(), &mut faults);
        expected::check(self.alerts(), &mut faults);
        match self {
            Self::CloudwatchLogs(c) => c.check(&mut faults),
            Self::Guardduty(c) => c.check(&mut faults),
            Self::S3(c) => c.check(&mut faults),
            Self::Kinesis(c) => c.check(&mut faults),
            Self::File(c) => c.check(&mut faults),
            Self::Http(c) => c.check(&mut faults),
            Self::Syslog(c) => c.check(&mut faults),
            Self::Sns(c) => c.check(&mut faults),
        }
        faults
    }
}

/// A source that was opened, with the receiver that feeds it if it is fed by pushes.
pub struct Opened {
    /// What is read.
    pub source: Box<dyn Source>,
    /// What takes the pushes, for the HTTP routes to call; only where something is pushed.
    pub receiver: Option<Arc<Receiver>>,
    /// What takes lines from sockets, to be served; only with [`SourceConfig::Syslog`].
    pub listener: Option<SyslogListener>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("source", self.source.name())
            .field("receiver", &self.receiver.is_some())
            .field("listener", &self.listener)
            .finish()
    }
}

impl Opened {
    /// A source that nothing is pushed to.
    fn of(source: Box<dyn Source>) -> Self {
        Self {
            source,
            receiver: None,
            listener: None,
        }
    }
}

/// Opens a source. Spools live in `data_dir/spool/<name>`. No remote call is made before the first reading.
///
/// # Errors
/// [`CollectError::Config`] with all faults; [`CollectError::Io`] when a spool cannot be opened.
pub async fn open(
    config: &SourceConfig,
    clock: Arc<dyn Clock>,
    data_dir: &Path,
) -> Result<Opened, CollectError> {
    let faults = config.validate();
    if !faults.is_empty() {
        return Err(CollectError::Config(faults));
    }
    let source: Box<dyn Source> = match config {
        SourceConfig::CloudwatchLogs(c) => return reconciled(c, clock, data_dir).await,
        SourceConfig::Guardduty(c) => Box::new(Guardduty::open(c, &c.access(), clock).await),
        SourceConfig::Kinesis(c) => Box::new(Kinesis::open(c, &c.access(), clock).await),
        SourceConfig::S3(c) => Box::new(S3::open(c, &c.access(), clock).await),
        SourceConfig::File(c) => Box::new(FileTail::open(c, clock)),
        SourceConfig::Http(c) => return received(c, clock, data_dir),
        SourceConfig::Sns(c) => {
            let spool = Spooled::open(&config.name(), data_dir, c.max_backlog_bytes)?;
            let receiver = Receiver::of_topics(c, spool.spool.clone(), Arc::clone(&spool.tally), clock);
            return Ok(spool.received(receiver, c.interpretation()));
        }
        SourceConfig::Syslog(c) => {
            let spool = Spooled::open(&config.name(), data_dir, c.max_backlog_bytes)?;
            let tally = Arc::clone(&spool.tally);
            let listener = SyslogListener::bind(c, spool.spool.clone(), tally, clock).await?;
            return Ok(Opened {
                listener: Some(listener),
                ..spool.source(c.interpretation())
            });
        }
    };
    Ok(Opened::of(source))
}

/// Where the spool of a source lies that is fed by pushes.
#[must_use]
pub fn spool_dir(name: &SourceName, data_dir: &Path) -> PathBuf {
    data_dir.join("spool").join(&name.0)
}

/// The spool of a source that is fed by pushes, and what is counted beside it.
struct Spooled {
    name: SourceName,
    spool: Spool,
    tally: Arc<Tally>,
}

impl Spooled {
    fn open(name: &SourceName, data_dir: &Path, backlog_bytes: u64) -> Result<Self, CollectError> {
        let limits = SpoolLimits {
            backlog_bytes,
            ..SpoolLimits::default()
        };
        Ok(Self {
            name: name.clone(),
            spool: Spool::open(&spool_dir(name, data_dir), limits)?,
            tally: Arc::default(),
        })
    }

    fn source(self, how: Interpretation) -> Opened {
        Opened::of(Box::new(
            SpoolSource::new(self.name, how, self.spool).counting(self.tally),
        ))
    }

    fn received(self, receiver: Receiver, how: Interpretation) -> Opened {
        Opened {
            receiver: Some(Arc::new(receiver)),
            ..self.source(how)
        }
    }
}

/// What is pushed, through a spool.
fn received(config: &HttpConfig, clock: Arc<dyn Clock>, data_dir: &Path) -> Result<Opened, CollectError> {
    let name = SourceName(config.name.clone());
    let spool = Spooled::open(&name, data_dir, config.max_backlog_bytes)?;
    let receiver = Receiver::new(config, spool.spool.clone(), Arc::clone(&spool.tally), clock)?;
    Ok(spool.received(receiver, config.interpretation()))
}

/// Log groups, polled, with the subscription before the poller if there is one.
async fn reconciled(
    config: &CloudwatchLogsConfig,
    clock: Arc<dyn Clock>,
    data_dir: &Path,
) -> Result<Opened, CollectError> {
    let poll = CloudwatchLogs::open(config, clock.clone()).await;
    let (push, receiver) = match config.pushed() {
        None => (None, None),
        Some(SourceConfig::Kinesis(stream)) => {
            let push: Box<dyn Source> =
                Box::new(Kinesis::open(&stream, &stream.access(), clock.clone()).await);
            (Some(push), None)
        }
        Some(SourceConfig::Http(http)) => {
            let opened = received(&http, clock.clone(), data_dir)?;
            (Some(opened.source), opened.receiver)
        }
        Some(_) => (None, None),
    };
    let horizon = chrono::Duration::minutes(i64::from(config.horizon_minutes));
    let name = SourceName(config.name.clone());
    let source = Once::new(name, push, Box::new(poll), horizon, data_dir, clock)?;
    Ok(Opened {
        receiver,
        ..Opened::of(Box::new(source))
    })
}
