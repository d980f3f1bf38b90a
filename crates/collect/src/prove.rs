//! Whether a source may do what it will do: each call is made once, for as little as it can give, and no cursor moves.
//!
//! Takes a configuration; gives one proof an action and resource, each with the refusal in words that say what to allow.

use crate::aws::{self, AwsAccess};
use crate::cloudwatch;
use crate::config::{
    CloudwatchLogsConfig, FileConfig, GuarddutyConfig, KinesisConfig, S3Config, SourceConfig,
};
use crate::file;
use crate::s3;
use crate::source::CollectError;
use aws_sdk_kinesis::types::ShardIteratorType;
use serde::Serialize;
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;

/// The most log groups of a place that are tried one by one.
const MOST_GROUPS: usize = 100;

/// Whether one action is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The IAM action, such as `logs:FilterLogEvents`.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// Why it does not work, and what to do; nothing where it works.
    pub refusal: Option<String>,
    /// Why it could not be tried, where it could not.
    pub untried: Option<&'static str>,
}

impl Proof {
    fn of<T>(action: &'static str, resource: impl Into<String>, outcome: &Result<T, CollectError>) -> Self {
        Self {
            action,
            resource: resource.into(),
            refusal: outcome.as_ref().err().map(ToString::to_string),
            untried: None,
        }
    }
}

/// Tries what a source will do. Nothing for kinds that ask nobody, since they wait to be told.
///
/// A message that lies in a queue is looked at and not hidden, which counts as one more time that it was received.
pub async fn prove(config: &SourceConfig, clock: &Arc<dyn Clock>) -> Vec<Proof> {
    match config {
        SourceConfig::CloudwatchLogs(c) => log_groups(c).await,
        SourceConfig::Guardduty(c) => findings(c).await,
        SourceConfig::S3(c) => objects(c, clock).await,
        SourceConfig::Kinesis(c) => stream(c).await,
        SourceConfig::File(c) => files(c),
        SourceConfig::Http(_) | SourceConfig::Syslog(_) | SourceConfig::Sns(_) => Vec::new(),
    }
}

/// Opens each file.
fn files(config: &FileConfig) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for pattern in &config.paths {
        let listed = file::expand(pattern).map_err(|e| CollectError::io(pattern, &e));
        let found = listed.as_deref().map_or(&[][..], |paths| paths);
        if found.is_empty() {
            proofs.push(Proof {
                untried: listed
                    .is_ok()
                    .then_some("no such file is there yet; it is read once it is"),
                ..Proof::of("read", pattern.display().to_string(), &listed)
            });
        }
        for path in found {
            let opened = std::fs::File::open(path).map_err(|e| CollectError::io(path, &e));
            proofs.push(Proof::of("read", path.display().to_string(), &opened));
        }
    }
    proofs
}

async fn log_groups(config: &CloudwatchLogsConfig) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for access in cloudwatch::accesses(config) {
        let client = aws_sdk_cloudwatchlogs::Client::new(&access.sdk_config().await);
        let place = format!("account {} in {}", access.account(), access.region);
        let mut names = config.log_groups.clone();
        let prefixes: Vec<Option<String>> =
            if config.log_group_prefixes.is_empty() && !config.log_group_tags.is_empty() {
                vec![None]
            } else {
                config.log_group_prefixes.iter().cloned().map(Some).collect()
            };
        let mut arn = None;
        for prefix in prefixes {
            let resource = format!("log groups {}* of {place}", prefix.as_deref().unwrap_or_default());
            let listed = client
                .describe_log_groups()
                .set_log_group_name_prefix(prefix)
                .send()
                .await;
            let listed = listed.map_err(|e| aws::refusal(&e, "logs:DescribeLogGroups", &resource));
            proofs.push(Proof::of("logs:DescribeLogGroups", resource, &listed));
            let found = listed
                .ok()
                .and_then(|answer| answer.log_groups.and_then(|groups| groups.into_iter().next()));
            if let Some(group) = found {
                arn = group.log_group_arn.or(group.arn);
                names.extend(group.log_group_name);
            }
        }
        if let Some(arn) = arn.filter(|_| !config.log_group_tags.is_empty()) {
            let arn = arn.trim_end_matches(":*").to_owned();
            let tags = client.list_tags_for_resource().resource_arn(&arn).send().await;
            let tags = tags.map_err(|e| aws::refusal(&e, "logs:ListTagsForResource", &arn));
            proofs.push(Proof::of("logs:ListTagsForResource", arn, &tags));
        }
        for name in names.iter().take(MOST_GROUPS) {
            let resource = format!("log group {name} of {place}");
            let read = client
                .filter_log_events()
                .log_group_name(name)
                .limit(1)
                .send()
                .await;
            let read = read.map_err(|e| aws::refusal(&e, "logs:FilterLogEvents", &resource));
            proofs.push(Proof::of("logs:FilterLogEvents", resource, &read));
        }
    }
    if let Some(SourceConfig::Kinesis(push)) = config.pushed() {
        proofs.extend(stream(&push).await);
    }
    proofs
}

async fn findings(config: &GuarddutyConfig) -> Vec<Proof> {
    let base = config.access().sdk_config().await;
    let client = aws_sdk_guardduty::Client::new(&base);
    let place = format!("GuardDuty in {}", config.region);
    let listed = client.list_detectors().send().await;
    let listed = listed.map_err(|e| aws::refusal(&e, "guardduty:ListDetectors", &place));
    let mut proofs = vec![Proof::of("guardduty:ListDetectors", &place, &listed)];
    let detectors = listed
        .map(|answer| answer.detector_ids.unwrap_or_default())
        .unwrap_or_default();
    for detector in detectors {
        let resource = format!("detector {detector}");
        let found = client
            .list_findings()
            .detector_id(&detector)
            .max_results(1)
            .send()
            .await;
        let found = found.map_err(|e| aws::refusal(&e, "guardduty:ListFindings", &resource));
        proofs.push(Proof::of("guardduty:ListFindings", &resource, &found));
        let ids = found
            .ok()
            .and_then(|answer| answer.finding_ids)
            .unwrap_or_default();
        if ids.is_empty() {
            continue;
        }
        let got = client
            .get_findings()
            .detector_id(&detector)
            .set_finding_ids(Some(ids))
            .send()
            .await;
        let got = got.map_err(|e| aws::refusal(&e, "guardduty:GetFindings", &resource));
        proofs.push(Proof::of("guardduty:GetFindings", resource, &got));
    }
    if let Some(url) = &config.queue_url {
        let mut sqs = aws_sdk_sqs::config::Builder::from(&base);
        if let Some(endpoint) = &config.sqs_endpoint_url {
            sqs = sqs.endpoint_url(endpoint);
        }
        queue(&aws_sdk_sqs::Client::from_conf(sqs.build()), url, &mut proofs).await;
    }
    proofs
}

async fn objects(config: &S3Config, clock: &Arc<dyn Clock>) -> Vec<Proof> {
    let access: AwsAccess = config.access();
    let sdk = access.sdk_config().await;
    let mut proofs = Vec::new();
    let bodies = queue(&aws_sdk_sqs::Client::new(&sdk), &config.queue_url, &mut proofs).await;
    let told = bodies
        .iter()
        .filter_map(|body| s3::objects(body).ok())
        .flatten()
        .next();
    let (resource, refusal, untried) = match told {
        Some(object) => {
            let got = s3::try_get(config, sdk, &object, clock.clone()).await;
            (object.to_string(), got.err(), None)
        }
        None => (
            "objects that the queue tells of".to_owned(),
            None,
            Some("no message of the queue tells of one now; put an object into the bucket and check again"),
        ),
    };
    proofs.push(Proof {
        action: "s3:GetObject",
        resource,
        refusal,
        untried,
    });
    proofs
}

/// Gives the bodies of messages that were looked at. The first that S3 sends tells of no object, but that it may send.
async fn queue(client: &aws_sdk_sqs::Client, url: &str, proofs: &mut Vec<Proof>) -> Vec<String> {
    let resource = format!("queue {url}");
    let taken = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .visibility_timeout(0)
        .send()
        .await
        .map_err(|e| aws::refusal(&e, "sqs:ReceiveMessage", &resource));
    proofs.push(Proof::of("sqs:ReceiveMessage", &resource, &taken));
    // A receipt that is none is refused as such by whoever would have been let in.
    let let_in = |refused: CollectError| match refused {
        CollectError::Retryable { what, .. }
            if what.contains("ReceiptHandle") || what.contains("InvalidParameterValue") =>
        {
            Ok(())
        }
        other => Err(other),
    };
    let deleted = client
        .delete_message()
        .queue_url(url)
        .receipt_handle("none")
        .send()
        .await;
    let deleted = deleted
        .map(drop)
        .map_err(|e| aws::refusal(&e, "sqs:DeleteMessage", &resource));
    proofs.push(Proof::of(
        "sqs:DeleteMessage",
        &resource,
        &deleted.or_else(let_in),
    ));
    let hidden = client
        .change_message_visibility()
        .queue_url(url)
        .receipt_handle("none")
        .visibility_timeout(0)
        .send()
        .await;
    let hidden = hidden
        .map(drop)
        .map_err(|e| aws::refusal(&e, "sqs:ChangeMessageVisibility", &resource));
    proofs.push(Proof::of(
        "sqs:ChangeMessageVisibility",
        resource,
        &hidden.or_else(let_in),
    ));
    let messages = taken
        .map(|answer| answer.messages.unwrap_or_default())
        .unwrap_or_default();
    messages.into_iter().filter_map(|message| message.body).collect()
}

async fn stream(config: &KinesisConfig) -> Vec<Proof> {
    let client = aws_sdk_kinesis::Client::new(&config.access().sdk_config().await);
    let resource = format!("stream {}", config.stream);
    let listed = client
        .list_shards()
        .stream_name(&config.stream)
        .max_results(1)
        .send()
        .await;
    let listed = listed.map_err(|e| aws::refusal(&e, "kinesis:ListShards", &resource));
    let mut proofs = vec![Proof::of("kinesis:ListShards", &resource, &listed)];
    let shard = listed
        .ok()
        .and_then(|answer| answer.shards.and_then(|shards| shards.into_iter().next()));
    let Some(shard) = shard else { return proofs };
    let iterator = client
        .get_shard_iterator()
        .stream_name(&config.stream)
        .shard_id(shard.shard_id)
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .map_err(|e| aws::refusal(&e, "kinesis:GetShardIterator", &resource));
    proofs.push(Proof::of("kinesis:GetShardIterator", &resource, &iterator));
    if let Some(iterator) = iterator.ok().and_then(|answer| answer.shard_iterator) {
        let read = client
            .get_records()
            .shard_iterator(iterator)
            .limit(1)
            .send()
            .await;
        let read = read.map_err(|e| aws::refusal(&e, "kinesis:GetRecords", &resource));
        proofs.push(Proof::of("kinesis:GetRecords", resource, &read));
    }
    proofs
}
