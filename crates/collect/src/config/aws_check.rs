//! What is wrong with the configuration of a source in AWS, and what to write instead.

use super::aws::{CloudwatchLogsConfig, GuarddutyConfig, KinesisConfig, S3Config, Subscription};
use super::check::{is_sha256, within};
use super::{Fault, SnsConfig};
use crate::aws::AwsAccess;
use crate::parse::Format;
use watchkeeper_domain::sns::TopicArn;

/// What every source in AWS has.
struct AwsFields {
    access: AwsAccess,
    poll_seconds: u32,
    calls_per_second: Option<f64>,
}

impl AwsFields {
    fn check(&self, faults: &mut Vec<Fault>) {
        let access = &self.access;
        region("region", &access.region, faults);
        if let Some(arn) = &access.role_arn {
            role("role_arn", arn, faults);
        }
        if access.external_id.is_some() && access.role_arn.is_none() {
            faults.push(Fault::new(
                "external_id",
                "it is only used when assuming a role",
                "add `role_arn` or remove it",
            ));
        }
        endpoint("endpoint_url", access.endpoint_url.as_deref(), faults);
        endpoint("sts_endpoint_url", access.sts_endpoint_url.as_deref(), faults);
        if access
            .account
            .as_deref()
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
        if let Some(calls) = self.calls_per_second
            && !(calls > 0.0 && calls <= 100.0)
        {
            faults.push(Fault::new(
                "calls_per_second",
                format!("{calls} is not between 0 and 100"),
                "write about 60 % of the account's quota, such as 3",
            ));
        }
    }
}

impl CloudwatchLogsConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            access: self.access(),
            poll_seconds: self.poll_seconds,
            calls_per_second: Some(self.calls_per_second),
        }
        .check(faults);
        if self.log_groups.is_empty() && self.log_group_prefixes.is_empty() && self.log_group_tags.is_empty()
        {
            faults.push(Fault::new(
                "log_groups",
                "no log group is named",
                "write at least one, such as `[\"/aws/lambda/checkout\"]`, or `log_group_prefixes` or `log_group_tags`",
            ));
        }
        if self
            .log_group_prefixes
            .iter()
            .any(|prefix| prefix.is_empty() || prefix.contains('*'))
        {
            faults.push(Fault::new(
                "log_group_prefixes",
                "a prefix is the beginning of a name, without `*`",
                "write such as `[\"/aws/lambda/\"]`, and `[\"/\"]` for every group whose name begins with a slash",
            ));
        }
        self.check_accounts(faults);
        self.check_subscription(faults);
        endpoint(
            "kinesis_endpoint_url",
            self.kinesis_endpoint_url.as_deref(),
            faults,
        );
        if self.backfill.is_some_and(|back| {
            back.as_seconds() > 90 * 86_400 || back.as_seconds() < 60 * i64::from(self.lookback_minutes)
        }) {
            faults.push(Fault::new(
                "backfill",
                "it is not between `lookback_minutes` and 90 days",
                "write such as `\"7d\"`",
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
}

impl CloudwatchLogsConfig {
    /// What a subscription tells and what the poller reads must be called the same.
    fn check_subscription(&self, faults: &mut Vec<Fault>) {
        let Some(subscription) = &self.subscription else {
            return;
        };
        if self.accounts.is_empty() && self.access().account() == "self" {
            faults.push(Fault::new(
                "account",
                "a subscription names the account of each event, and the poller behind it must do the same",
                "write the account's 12 digits, as `aws sts get-caller-identity` prints them",
            ));
        }
        if self.filter_pattern.is_some() {
            faults.push(Fault::new(
                "filter_pattern",
                "the poller would look for less than the subscription delivers",
                "put the pattern into the subscription filter, and leave it out here only if both are the same",
            ));
        }
        let sound = match subscription {
            Subscription::FirehoseKeysSha256(digests) => {
                !digests.is_empty() && digests.iter().all(|digest| is_sha256(digest))
            }
            Subscription::FirehoseKeysFile(path) => !path.as_os_str().is_empty(),
            Subscription::KinesisStream(stream) => !stream.is_empty(),
        };
        if !sound {
            faults.push(Fault::new(
                "subscription",
                "it names no key or no stream",
                "write `{ kinesis_stream = \"NAME\" }`, `{ firehose_keys_file = \"FILE\" }` or `{ firehose_keys_sha256 = [\"…\"] }`",
            ));
        }
    }

    fn check_accounts(&self, faults: &mut Vec<Fault>) {
        if !self.accounts.is_empty() && self.role_arn.is_some() {
            faults.push(Fault::new(
                "role_arn",
                "it is not used beside `accounts`",
                "name the role within `accounts`",
            ));
        }
        for account in &self.accounts {
            role("accounts.role_arn", &account.role_arn, faults);
            for name in &account.regions {
                region("accounts.regions", name, faults);
            }
        }
        let mut places = std::collections::BTreeSet::new();
        for access in &crate::cloudwatch::accesses(self) {
            if !self.accounts.is_empty()
                && !places.insert((access.account().to_owned(), access.region.clone()))
            {
                faults.push(Fault::new(
                    "accounts",
                    format!("account {} is named twice in {}", access.account(), access.region),
                    "remove one",
                ));
            }
        }
    }
}

impl GuarddutyConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            access: self.access(),
            poll_seconds: self.poll_seconds,
            calls_per_second: Some(self.calls_per_second),
        }
        .check(faults);
        if let Some(url) = &self.queue_url {
            queue("queue_url", url, faults);
        }
        endpoint("sqs_endpoint_url", self.sqs_endpoint_url.as_deref(), faults);
        if !matches!(self.format, Format::Guardduty | Format::Auto) {
            faults.push(Fault::new(
                "format",
                "findings have only one format",
                "leave it out",
            ));
        }
    }
}

impl S3Config {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            access: self.access(),
            poll_seconds: self.poll_seconds,
            calls_per_second: None,
        }
        .check(faults);
        queue("queue_url", &self.queue_url, faults);
        within(
            "visibility_seconds",
            self.visibility_seconds.into(),
            30,
            12 * 3600,
            faults,
        );
        within("max_tries", self.max_tries.into(), 1, 100, faults);
        within(
            "max_record_bytes",
            self.max_record_bytes as u64,
            256,
            16 << 20,
            faults,
        );
        endpoint("s3_endpoint_url", self.s3_endpoint_url.as_deref(), faults);
        if matches!(self.format, Format::Guardduty) {
            faults.push(Fault::new(
                "format",
                "findings are not read from objects",
                "use a source of kind `guardduty`",
            ));
        }
    }
}

impl KinesisConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        AwsFields {
            access: self.access(),
            poll_seconds: self.poll_seconds,
            calls_per_second: None,
        }
        .check(faults);
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if !(1..=128).contains(&self.stream.len()) || !self.stream.bytes().all(is_name) {
            faults.push(Fault::new(
                "stream",
                format!("`{}` is not a stream's name", self.stream),
                "write the name alone, such as `logs`; for another account set `role_arn`",
            ));
        }
        within(
            "max_record_bytes",
            self.max_record_bytes as u64,
            256,
            16 << 20,
            faults,
        );
    }
}

impl SnsConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        if self.name == "ses" {
            faults.push(Fault::new(
                "name",
                "`/sns/ses` takes what Amazon SES reports of our mail",
                "give this source another name",
            ));
        }
        if self.topics.is_empty() {
            faults.push(Fault::new(
                "topics",
                "no topic is named, so that no message would be believed",
                "write at least one, such as `[\"arn:aws:sns:eu-central-1:123456789012:alarms\"]`",
            ));
        }
        for (index, topic) in self.topics.iter().enumerate() {
            if let Err(fault) = topic.parse::<TopicArn>() {
                faults.push(Fault::new(
                    format!("topics[{index}]"),
                    fault.to_string(),
                    "write it as `aws sns list-topics` prints it",
                ));
            }
        }
        within(
            "max_backlog_bytes",
            self.max_backlog_bytes,
            1 << 20,
            1 << 44,
            faults,
        );
    }
}

fn is_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn endpoint(field: &str, url: Option<&str>, faults: &mut Vec<Fault>) {
    if url.is_some_and(|url| !is_address(url)) {
        faults.push(Fault::new(
            field,
            "it is not an http or https address",
            "write one such as `https://sts.eu-central-1.amazonaws.com` or `http://127.0.0.1:5000`, or leave it out for AWS itself",
        ));
    }
}

fn region(field: &str, region: &str, faults: &mut Vec<Fault>) {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || !region.bytes().all(fits) {
        faults.push(Fault::new(
            field,
            format!("`{region}` is not an AWS region"),
            "write one such as `eu-central-1`",
        ));
    }
}

fn role(field: &str, arn: &str, faults: &mut Vec<Fault>) {
    if !arn.starts_with("arn:") || !arn.contains(":role/") {
        faults.push(Fault::new(
            field,
            "it is not the ARN of a role",
            "write `arn:aws:iam::<account>:role/<name>`",
        ));
    }
}

fn queue(field: &str, url: &str, faults: &mut Vec<Fault>) {
    if !is_address(url) || url.matches('/').count() < 4 {
        faults.push(Fault::new(
            field,
            format!("`{url}` is not the address of a queue"),
            "write it as `aws sqs get-queue-url` prints it, such as `https://sqs.eu-central-1.amazonaws.com/123456789012/logs`",
        ));
    }
}
