//! The configuration of sources in AWS.

use super::{HttpConfig, SourceConfig, a_mebibyte, as_it_comes};
use crate::aws::AwsAccess;
use crate::parse::{Format, Interpretation, RecordLogSource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::source_health::SourceAlerts;
use watchkeeper_domain::span::Span;

/// Declares a kind of source in AWS: its own fields, and how an account and region are reached.
macro_rules! aws_kinds {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        source_kinds! {
            $(#[$doc])*
            $name {
                $($(#[$field_doc])* $field: $type,)*
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
                /// The account number that event ids and rate limits carry; taken from `role_arn` where that is given.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                account: Option<String>,
            }
        }

        impl $name {
            pub(crate) fn access(&self) -> AwsAccess {
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
    )*};
}

/// How a subscription of CloudWatch Logs delivers. The poller behind it looks for what it missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subscription {
    /// Through a delivery stream of Firehose to `/firehose/<name>`: SHA-256, in hex, of its access key.
    FirehoseKeysSha256(Vec<String>),
    /// The same, with a file that has one access key a line.
    FirehoseKeysFile(PathBuf),
    /// Through a stream of Kinesis, by its name.
    KinesisStream(String),
}

/// An account that is read through a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// The role to assume there.
    pub role_arn: String,
    /// The external id that its trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The regions to read; the source's own where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

aws_kinds! {
    /// Log groups of CloudWatch Logs, polled with FilterLogEvents. AWS allows 5 calls a second to all tools of an account
    /// and region.
    CloudwatchLogsConfig {
        /// The log groups, by name.
        #[serde(default)]
        log_groups: Vec<String>,
        /// Beginnings of names: groups whose name begins so are read, also those that are made later.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log_group_prefixes: Vec<String>,
        /// Tags that a group must have to be read, among those with the prefixes, or among all.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        log_group_tags: BTreeMap<String, String>,
        /// Groups that are not read, whatever was found. A `*` at the end stands for anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude_log_groups: Vec<String>,
        /// Other accounts to read, each through a role; without them, the account of the credentials or of `role_arn`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accounts: Vec<AccountConfig>,
        /// The subscription that delivers these groups, such as `{ kinesis_stream = "logs" }`. Then the poller comes behind it, five
        /// minutes late, and delivers only what is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subscription: Option<Subscription>,
        /// Another endpoint than AWS's own for the subscription's stream.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kinesis_endpoint_url: Option<String>,
        /// How far back the slow lane goes, such as `"7d"`: what lies before the first reading, read with calls that are left over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backfill: Option<Span>,
        /// A CloudWatch filter pattern, applied on AWS's side.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter_pattern: Option<String>,
        /// Seconds between two readings of a group that is busy; an idle group is read ever less often, down to once a minute.
        #[serde(default = "five")]
        poll_seconds: u32,
        /// Calls a second allowed to one account and region, for all sources of this kind together.
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
        /// A queue that EventBridge puts findings into: the quick way, with the poller behind it for what it missed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue_url: Option<String>,
        /// Another endpoint than AWS's own for the queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sqs_endpoint_url: Option<String>,
        /// Seconds between two readings.
        #[serde(default = "three_hundred")]
        poll_seconds: u32,
        /// Calls a second allowed to one account and region, for all sources of this kind together.
        #[serde(default = "three")]
        calls_per_second: f64,
        /// How far back the first reading goes, in minutes. GuardDuty keeps findings for 90 days.
        #[serde(default = "a_day")]
        lookback_minutes: u32,
    }

    /// A stream of Kinesis: what subscriptions of CloudWatch Logs send, or lines.
    KinesisConfig {
        /// The stream's name.
        stream: String,
        /// Seconds between two readings of a shard that has nothing new.
        #[serde(default = "one")]
        poll_seconds: u32,
        /// How far back the first reading goes, in minutes; at most as far as the stream keeps its records.
        #[serde(default = "sixty")]
        lookback_minutes: u32,
        /// The longest record that is kept whole, in bytes.
        #[serde(default = "a_mebibyte")]
        max_record_bytes: usize,
        /// Log groups of CloudWatch whose subscription messages are passed over: this service's own. A `*` at the end stands for
        /// anything.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude_log_groups: Vec<String>,
    }

    /// Objects in S3, told of by notifications in a queue of SQS: from S3 itself, through SNS, or through EventBridge.
    S3Config {
        /// The queue, such as `https://sqs.eu-central-1.amazonaws.com/123456789012/logs`.
        queue_url: String,
        /// Seconds between two looks into the queue while it is empty.
        #[serde(default = "five")]
        poll_seconds: u32,
        /// For how many seconds the queue hides a message that is worked on. It is extended for as long as the work goes on, so this
        /// says after how long somebody else takes over what a stopped service left.
        #[serde(default = "three_hundred")]
        visibility_seconds: u32,
        /// After how many tries an object that cannot be read is set aside, shown, and tried again only once an hour.
        #[serde(default = "five")]
        max_tries: u32,
        /// The longest record that is kept whole, in bytes.
        #[serde(default = "a_mebibyte")]
        max_record_bytes: usize,
        /// Another endpoint than AWS's own for S3.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        s3_endpoint_url: Option<String>,
    }
}

impl CloudwatchLogsConfig {
    /// The subscription as the source that it would be alone.
    pub(crate) fn pushed(&self) -> Option<SourceConfig> {
        let common = |own: serde_json::Value| {
            let mut config = own;
            config["name"] = self.name.clone().into();
            config["exclude_log_groups"] = self.exclude_log_groups.clone().into();
            config
        };
        let made: Result<SourceConfig, _> = match self.subscription.as_ref()? {
            Subscription::FirehoseKeysSha256(digests) => serde_json::from_value(common(
                serde_json::json!({"kind": "http", "secrets_sha256": digests}),
            )),
            Subscription::FirehoseKeysFile(path) => {
                serde_json::from_value(common(serde_json::json!({"kind": "http", "secrets_file": path})))
            }
            Subscription::KinesisStream(stream) => serde_json::from_value(common(serde_json::json!({
                "kind": "kinesis", "stream": stream, "region": self.region, "lookback_minutes": self.lookback_minutes,
            }))),
        };
        match made.ok()? {
            SourceConfig::Kinesis(stream) => Some(SourceConfig::Kinesis(KinesisConfig {
                profile: self.profile.clone(),
                credentials_file: self.credentials_file.clone(),
                role_arn: self.role_arn.clone(),
                external_id: self.external_id.clone(),
                endpoint_url: self.kinesis_endpoint_url.clone(),
                sts_endpoint_url: self.sts_endpoint_url.clone(),
                account: self.account.clone(),
                format: self.format,
                log_source: self.log_source.clone(),
                log_source_from: self.log_source_from.clone(),
                timestamp_field: self.timestamp_field.clone(),
                utc_offset_minutes: self.utc_offset_minutes,
                flow_log_format: self.flow_log_format.clone(),
                tenant: self.tenant.clone(),
                ..stream
            })),
            SourceConfig::Http(http) => Some(SourceConfig::Http(HttpConfig {
                format: self.format,
                log_source: self.log_source.clone(),
                log_source_from: self.log_source_from.clone(),
                timestamp_field: self.timestamp_field.clone(),
                utc_offset_minutes: self.utc_offset_minutes,
                flow_log_format: self.flow_log_format.clone(),
                tenant: self.tenant.clone(),
                ..http
            })),
            _ => None,
        }
    }
}

fn one() -> u32 {
    1
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
