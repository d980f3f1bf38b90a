//! The configuration of sources: what may be written, what it means, and every fault at once.

use crate::aws::AwsAccess;
use crate::cloudwatch::CloudwatchLogs;
use crate::file::FileTail;
use crate::guardduty::Guardduty;
use crate::parse::{Format, Interpretation, RecordLogSource};
use crate::receive::Receiver;
use crate::source::{CollectError, Source};
use crate::spool::{Spool, SpoolLimits, SpoolSource};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::event::{LogSource, SourceName};

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

impl Fault {
    fn new(field: impl Into<String>, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }
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
            /// The customer whom every event concerns; set as the field `tenant` where a record has none.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tenant: Option<String>,
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
                    tenant: self.tenant.clone(),
                }
            }
        }
    )*};
}

source_kinds! {
    /// Log groups of CloudWatch Logs, polled with FilterLogEvents.
    CloudwatchLogsConfig {
        /// The log groups, by name.
        log_groups: Vec<String>,
        /// The AWS region, such as `eu-central-1`.
        region: String,
        /// A profile of the shared AWS configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<String>,
        /// A shared AWS credentials file, instead of the usual places.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials_file: Option<PathBuf>,
        /// A role to assume, for reading another account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// The external id that the role's trust policy asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// Another endpoint than AWS's own: an emulator or a VPC endpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint_url: Option<String>,
        /// Another endpoint than AWS's own for assuming the role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sts_endpoint_url: Option<String>,
        /// The account number that event ids carry; taken from `role_arn` where that is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// A CloudWatch filter pattern, applied on AWS's side.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter_pattern: Option<String>,
        /// Seconds between two readings of a group that is busy; an idle group is read ever less often, down to once a minute.
        #[serde(default = "five")]
        poll_seconds: u32,
        /// Calls a second allowed to one account and region. AWS allows 5 to all tools together.
        #[serde(default = "three")]
        calls_per_second: f64,
        /// How far back the first reading goes, in minutes.
        #[serde(default = "sixty")]
        lookback_minutes: u32,
        /// An event that becomes visible within so many minutes of its time is never missed; one that does so later is delivered and
        /// counted as late when it is found.
        #[serde(default = "twenty_five")]
        horizon_minutes: u32,
    }

    /// GuardDuty findings of one account and region.
    GuarddutyConfig {
        /// The AWS region, such as `eu-central-1`.
        region: String,
        /// A profile of the shared AWS configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<String>,
        /// A shared AWS credentials file, instead of the usual places.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials_file: Option<PathBuf>,
        /// A role to assume, for reading another account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// The external id that the role's trust policy asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// Another endpoint than AWS's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint_url: Option<String>,
        /// Another endpoint than AWS's own for assuming the role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sts_endpoint_url: Option<String>,
        /// The account number for rate limits; taken from `role_arn` where that is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// Seconds between two readings.
        #[serde(default = "three_hundred")]
        poll_seconds: u32,
        /// Calls a second allowed to one account and region.
        #[serde(default = "three")]
        calls_per_second: f64,
        /// How far back the first reading goes, in minutes. GuardDuty keeps findings for 90 days.
        #[serde(default = "a_day")]
        lookback_minutes: u32,
    }

    /// Files that grow, are rotated, or are whole gzip files.
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

    /// Pushes over HTTP: lines of JSON or text, and the Firehose HTTP endpoint protocol.
    HttpConfig {
        /// SHA-256, in hex, of each secret that may push: `printf %s "$SECRET" | sha256sum`.
        #[serde(default)]
        secrets_sha256: Vec<String>,
        /// A file with one secret a line, instead of or besides `secrets_sha256`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets_file: Option<PathBuf>,
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
}

fn yes() -> bool {
    true
}
fn three() -> f64 {
    3.0
}
fn five() -> u32 {
    5
}
fn sixty() -> u32 {
    60
}
fn twenty_five() -> u32 {
    25
}
fn three_hundred() -> u32 {
    300
}
fn a_day() -> u32 {
    24 * 60
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
    /// Files.
    File(FileConfig),
    /// Pushes over HTTP.
    Http(HttpConfig),
}

impl SourceConfig {
    /// The configured name.
    #[must_use]
    pub fn name(&self) -> SourceName {
        SourceName(
            match self {
                Self::CloudwatchLogs(c) => &c.name,
                Self::Guardduty(c) => &c.name,
                Self::File(c) => &c.name,
                Self::Http(c) => &c.name,
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
            Self::File(_) => "file",
            Self::Http(_) => "http",
        }
    }

    /// How lines of this source become events.
    #[must_use]
    pub fn interpretation(&self) -> Interpretation {
        match self {
            Self::CloudwatchLogs(c) => c.interpretation(),
            Self::Guardduty(c) => c.interpretation(),
            Self::File(c) => c.interpretation(),
            Self::Http(c) => c.interpretation(),
        }
    }

    /// Every fault of the configuration, each with its remedy; empty when it is sound.
    #[must_use]
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        check_name(&self.name().0, &mut faults);
        check_interpretation(&self.interpretation(), &mut faults);
        match self {
            Self::CloudwatchLogs(c) => c.check(&mut faults),
            Self::Guardduty(c) => c.check(&mut faults),
            Self::File(c) => c.check(&mut faults),
            Self::Http(c) => c.check(&mut faults),
        }
        faults
    }
}

fn check_name(name: &str, faults: &mut Vec<Fault>) {
    let sound = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if !sound {
        faults.push(Fault::new(
            "name",
            format!("`{name}` is not a name for a source"),
            "write 1 to 64 lower-case letters, digits, `-` or `_`, such as `edge-access-log`",
        ));
    }
}

fn check_interpretation(how: &Interpretation, faults: &mut Vec<Fault>) {
    if how.utc_offset_minutes.abs() > 14 * 60 {
        faults.push(Fault::new(
            "utc_offset_minutes",
            format!("{} is more than 14 hours", how.utc_offset_minutes),
            "write minutes ahead of UTC between -840 and 840, such as 60 for CET",
        ));
    }
    if how.timestamp_field.as_deref() == Some("") {
        faults.push(Fault::new(
            "timestamp_field",
            "it is empty",
            "name a field of the record or leave it out",
        ));
    }
    if how.tenant.as_deref() == Some("") {
        faults.push(Fault::new(
            "tenant",
            "it is empty",
            "write the customer's identifier or leave it out",
        ));
    }
}

/// What the two AWS sources have in common.
struct AwsFields<'a> {
    region: &'a str,
    role_arn: Option<&'a str>,
    external_id: Option<&'a str>,
    endpoint_url: Option<&'a str>,
    account: Option<&'a str>,
    poll_seconds: u32,
    calls_per_second: f64,
}

impl AwsFields<'_> {
    fn check(&self, faults: &mut Vec<Fault>) {
        let region_bytes = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.region.is_empty() || !self.region.bytes().all(region_bytes) {
            faults.push(Fault::new(
                "region",
                format!("`{}` is not an AWS region", self.region),
                "write one such as `eu-central-1`",
            ));
        }
        if self
            .role_arn
            .is_some_and(|arn| !arn.starts_with("arn:") || !arn.contains(":role/"))
        {
            faults.push(Fault::new(
                "role_arn",
                "it is not the ARN of a role",
                "write `arn:aws:iam::<account>:role/<name>`",
            ));
        }
        if self.external_id.is_some() && self.role_arn.is_none() {
            faults.push(Fault::new(
                "external_id",
                "it is only used when assuming a role",
                "add `role_arn` or remove it",
            ));
        }
        if self
            .endpoint_url
            .is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            faults.push(Fault::new(
                "endpoint_url",
                "it is not an http or https address",
                "write one such as `http://127.0.0.1:5000`, or leave it out for AWS itself",
            ));
        }
        if self
            .account
            .is_some_and(|a| a.len() != 12 || !a.bytes().all(|b| b.is_ascii_digit()))
        {
            faults.push(Fault::new(
                "account",
                "it is not an AWS account number",
                "write its 12 digits, as text",
            ));
        }
        if self.poll_seconds == 0 || self.poll_seconds > 3600 {
            faults.push(Fault::new(
                "poll_seconds",
                format!("{} is not between 1 and 3600", self.poll_seconds),
                "write a number of seconds, such as 5 for logs and 300 for findings",
            ));
        }
        if !(self.calls_per_second > 0.0 && self.calls_per_second <= 100.0) {
            faults.push(Fault::new(
                "calls_per_second",
                format!("{} is not between 0 and 100", self.calls_per_second),
                "write about 60 % of the account's quota, such as 3",
            ));
        }
    }
}

impl CloudwatchLogsConfig {
    fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            region: &self.region,
            role_arn: self.role_arn.as_deref(),
            external_id: self.external_id.as_deref(),
            endpoint_url: self.endpoint_url.as_deref(),
            account: self.account.as_deref(),
            poll_seconds: self.poll_seconds,
            calls_per_second: self.calls_per_second,
        }
        .check(faults);
        if self.log_groups.is_empty() {
            faults.push(Fault::new(
                "log_groups",
                "no log group is named",
                "write at least one, such as `[\"/aws/lambda/checkout\"]`",
            ));
        }
        for (index, group) in self.log_groups.iter().enumerate() {
            if group.starts_with("arn:") || group.is_empty() {
                faults.push(Fault::new(
                    format!("log_groups[{index}]"),
                    format!("`{group}` is not a log group's name"),
                    "write the name alone, such as `/aws/lambda/checkout`; for another account set `role_arn`",
                ));
            }
            if self.log_groups[..index].contains(group) {
                faults.push(Fault::new(
                    format!("log_groups[{index}]"),
                    format!("`{group}` is named twice"),
                    "remove one",
                ));
            }
        }
        if self.horizon_minutes < 5 || self.horizon_minutes > 24 * 60 {
            faults.push(Fault::new(
                "horizon_minutes",
                format!("{} is not between 5 and 1440", self.horizon_minutes),
                "write 25, which covers the lags that are usual on AWS",
            ));
        }
    }

    fn access(&self) -> AwsAccess {
        AwsAccess {
            region: self.region.clone(),
            profile: self.profile.clone(),
            credentials_file: self.credentials_file.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            endpoint_url: self.endpoint_url.clone(),
            sts_endpoint_url: self.sts_endpoint_url.clone(),
            account: self.account.clone(),
        }
    }
}

impl GuarddutyConfig {
    fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            region: &self.region,
            role_arn: self.role_arn.as_deref(),
            external_id: self.external_id.as_deref(),
            endpoint_url: self.endpoint_url.as_deref(),
            account: self.account.as_deref(),
            poll_seconds: self.poll_seconds,
            calls_per_second: self.calls_per_second,
        }
        .check(faults);
        if !matches!(self.format, Format::Guardduty | Format::Auto) {
            faults.push(Fault::new(
                "format",
                "findings have only one format",
                "leave it out",
            ));
        }
    }

    fn access(&self) -> AwsAccess {
        AwsAccess {
            region: self.region.clone(),
            profile: self.profile.clone(),
            credentials_file: self.credentials_file.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            endpoint_url: self.endpoint_url.clone(),
            sts_endpoint_url: self.sts_endpoint_url.clone(),
            account: self.account.clone(),
        }
    }
}

impl FileConfig {
    fn check(&self, faults: &mut Vec<Fault>) {
        if self.paths.is_empty() {
            faults.push(Fault::new(
                "paths",
                "no path is given",
                "write at least one, such as `[\"/var/log/nginx/access.log\"]`",
            ));
        }
        for (index, path) in self.paths.iter().enumerate() {
            let field = format!("paths[{index}]");
            if !path.is_absolute() {
                faults.push(Fault::new(
                    field.clone(),
                    format!("`{}` is not absolute", path.display()),
                    "begin it with `/`",
                ));
            }
            let starred = |p: &Path| p.to_string_lossy().contains(['*', '?']);
            if path.parent().is_some_and(starred) {
                faults.push(Fault::new(
                    field.clone(),
                    format!("`{}` has a wildcard in a directory", path.display()),
                    "use `*` and `?` in the file name alone and name each directory",
                ));
            }
            if path.file_name().is_none() {
                faults.push(Fault::new(
                    field,
                    format!("`{}` names no file", path.display()),
                    "add a file name, such as `*.log`",
                ));
            }
        }
        if self.max_line_bytes < 256 || self.max_line_bytes > 16 << 20 {
            faults.push(Fault::new(
                "max_line_bytes",
                format!("{} is not between 256 and 16777216", self.max_line_bytes),
                "write 1048576",
            ));
        }
    }
}

impl HttpConfig {
    fn check(&self, faults: &mut Vec<Fault>) {
        if self.secrets_sha256.is_empty() && self.secrets_file.is_none() {
            faults.push(Fault::new(
                "secrets_sha256",
                "nobody could push: there is no secret",
                "write the output of `printf %s \"$SECRET\" | sha256sum`, or name a `secrets_file`",
            ));
        }
        for (index, digest) in self.secrets_sha256.iter().enumerate() {
            if digest.len() != 64 || hex::decode(digest).is_err() {
                faults.push(Fault::new(
                    format!("secrets_sha256[{index}]"),
                    "it is not a SHA-256 in hex",
                    "write the 64 hex digits that `printf %s \"$SECRET\" | sha256sum` prints",
                ));
            }
        }
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if value < least || value > most {
                faults.push(Fault::new(
                    field,
                    format!("{value} is not between {least} and {most}"),
                    "leave it out for the default",
                ));
            }
        };
        within("max_body_bytes", self.max_body_bytes as u64, 1024, 256 << 20);
        within(
            "max_decompressed_bytes",
            self.max_decompressed_bytes as u64,
            1024,
            1 << 30,
        );
        within("max_record_bytes", self.max_record_bytes as u64, 256, 16 << 20);
        within("max_backlog_bytes", self.max_backlog_bytes, 1 << 20, 1 << 44);
    }
}

/// A source that was opened, with the receiver that feeds it if it is fed by pushes.
pub struct Opened {
    /// What is read.
    pub source: Box<dyn Source>,
    /// What takes the pushes, for the HTTP routes to call; only with [`SourceConfig::Http`].
    pub receiver: Option<Arc<Receiver>>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("source", self.source.name())
            .field("receiver", &self.receiver.is_some())
            .finish()
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
    let name = config.name();
    let source: Box<dyn Source> = match config {
        SourceConfig::CloudwatchLogs(c) => Box::new(CloudwatchLogs::open(c, &c.access(), clock).await),
        SourceConfig::Guardduty(c) => Box::new(Guardduty::open(c, &c.access(), clock).await),
        SourceConfig::File(c) => Box::new(FileTail::open(c, clock)),
        SourceConfig::Http(c) => {
            let limits = SpoolLimits {
                backlog_bytes: c.max_backlog_bytes,
                ..SpoolLimits::default()
            };
            let spool = Spool::open(&data_dir.join("spool").join(&name.0), limits)?;
            let receiver = Receiver::new(c, spool.clone(), clock)?;
            let source = SpoolSource::new(name, c.interpretation(), spool);
            return Ok(Opened {
                source: Box::new(source),
                receiver: Some(Arc::new(receiver)),
            });
        }
    };
    Ok(Opened {
        source,
        receiver: None,
    })
}
