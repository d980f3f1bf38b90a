//! `watchkeeper sources add aws`: everything that connects an account, written out to be read, changed and carried out by somebody who may.
//!
//! Nothing is changed here, neither in AWS nor in the configuration. Questions are asked where a terminal is, and nothing else was said.
//! Roles are of the account, everything else is of a region: with several, each has its own tables, queues and subscription.

mod templates;

use crate::cli::{AddAws, Part};
use crate::commands::say;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// What is known of the account to be connected.
struct Account {
    name: String,
    id: String,
    /// At least one; what there is only one of is in the first.
    regions: Vec<String>,
    hub: String,
    external_id: String,
    prefixes: Vec<String>,
    /// How log groups come, besides being polled.
    delivery: Option<Delivery>,
    bucket: Option<String>,
    /// Keys of KMS that encrypt the bucket, its queue, or a stream.
    keys: Vec<String>,
    guardduty: bool,
}

/// What a subscription writes into.
enum Delivery {
    /// A stream that is there, by its name.
    Kinesis(String),
    /// A delivery stream that is made, which posts to Watchkeeper.
    Firehose {
        /// Where Watchkeeper answers, such as `https://watch.example.com`.
        url: String,
        /// The bucket for what it could not deliver; Firehose does not do without.
        backup: String,
    },
}

/// The name of the delivery stream that is made in each region.
const DELIVERY_STREAM: &str = "watchkeeper";

/// The queues, by name.
const FINDINGS: &str = "watchkeeper-findings";
const OBJECTS: &str = "watchkeeper-objects";

/// The roles with which AWS writes: the subscriptions, and the delivery streams.
const WRITER: &str = "watchkeeper-subscription";
const POSTER: &str = "watchkeeper-firehose";

/// A queue, and who puts messages into it.
struct Queue {
    name: &'static str,
    service: &'static str,
}

const FINDINGS_QUEUE: Queue = Queue {
    name: FINDINGS,
    service: "events.amazonaws.com",
};
const OBJECTS_QUEUE: Queue = Queue {
    name: OBJECTS,
    service: "s3.amazonaws.com",
};

/// Watchkeeper would read what it writes, and write of that.
const NOT_OUR_OWN: &str = r#"LogGroupName NOT IN ["/watchkeeper/server"]"#;

/// Prints what was asked for.
pub(super) fn add(options: &AddAws) -> Result<ExitCode, String> {
    let account = Account::of(options)?;
    let all = [
        (Part::Config, account.config()),
        (Part::Policy, pretty(&account.policy())),
        (Part::Trust, pretty(&account.trust())),
        (Part::Commands, account.commands()),
        (Part::Cloudformation, account.cloudformation()),
        (Part::Terraform, account.terraform()),
    ];
    if options.json {
        say(&json!({
            "config": account.config(), "policy": account.policy(), "trust": account.trust(), "commands": account.commands(),
            "cloudformation": account.cloudformation(), "terraform": account.terraform(),
        })
        .to_string());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(only) = options.only {
        for (_, text) in all.iter().filter(|(part, _)| *part == only) {
            say(text);
        }
        return Ok(ExitCode::SUCCESS);
    }
    for (part, text) in all {
        say(&format!("# ---- {}\n{text}", part.title()));
    }
    say("# Then prove it: watchkeeper sources check");
    Ok(ExitCode::SUCCESS)
}

/// What was said, or is answered now.
fn answer(
    said: Option<&String>,
    flag: &str,
    question: &str,
    default: Option<&str>,
) -> Result<String, String> {
    if let Some(said) = said {
        return Ok(said.clone());
    }
    if !std::io::stdin().is_terminal() {
        return default
            .map(str::to_owned)
            .ok_or_else(|| format!("`{flag}` is missing, and there is no terminal to ask: {question}"));
    }
    let hint = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    let mut out = anstream::stderr();
    let asked = write!(out, "{question}{hint}: ").and_then(|()| out.flush());
    asked.map_err(|fault| format!("the terminal takes no question: {fault}"))?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|fault| format!("the terminal gives no answer: {fault}"))?;
    match (line.trim(), default) {
        ("", Some(default)) => Ok(default.to_owned()),
        ("", None) => Err(format!("`{flag}` is needed: {question}")),
        (said, _) => Ok(said.to_owned()),
    }
}

fn digits(flag: &str, id: String) -> Result<String, String> {
    if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) {
        Ok(id)
    } else {
        Err(format!("`{flag}`: `{id}` is not an account; write its 12 digits"))
    }
}

fn word(flag: &str, text: String) -> Result<String, String> {
    let sound = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'_' | b'.' | b'/' | b'#' | b'+' | b'=' | b',' | b'@' | b':'
            )
    };
    if !text.is_empty() && text.len() <= 512 && text.bytes().all(sound) {
        Ok(text)
    } else {
        Err(format!("`{flag}`: `{text}` has characters that no such name has"))
    }
}

/// A key by its ARN: an alias cannot stand in a policy.
fn key_arn(key: &str) -> Result<String, String> {
    if key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/") {
        word("--kms-key", key.to_owned())
    } else {
        Err(format!(
            "`--kms-key`: `{key}` is not the ARN of a key; write it as `aws kms describe-key` prints it, such as \
             `arn:aws:kms:eu-central-1:111122223333:key/…`"
        ))
    }
}

impl Delivery {
    fn of(options: &AddAws) -> Result<Option<Self>, String> {
        if let Some(stream) = &options.kinesis_stream {
            return word("--kinesis-stream", stream.clone()).map(|stream| Some(Self::Kinesis(stream)));
        }
        let (Some(url), Some(backup)) = (&options.firehose, &options.firehose_backup_bucket) else {
            return Ok(None);
        };
        let url = word("--firehose", url.trim_end_matches('/').to_owned())?;
        if !url.starts_with("https://") {
            return Err(format!(
                "`--firehose`: `{url}` is not an address that Firehose posts to; write one such as `https://watch.example.com`"
            ));
        }
        let backup = word("--firehose-backup-bucket", backup.clone())?;
        Ok(Some(Self::Firehose { url, backup }))
    }
}

impl Account {
    fn of(options: &AddAws) -> Result<Self, String> {
        let id = digits(
            "--account",
            answer(
                options.account.as_ref(),
                "--account",
                "Which account is to be watched",
                None,
            )?,
        )?;
        let mut regions = options.region.clone();
        if regions.is_empty() {
            regions.push(answer(None, "--region", "In which region", Some("eu-central-1"))?);
        }
        if (1..regions.len()).any(|later| regions[..later].contains(&regions[later])) {
            return Err("`--region`: a region is named twice; name each once".to_owned());
        }
        let hub = answer(
            options.hub.as_ref(),
            "--hub",
            "Which account does Watchkeeper run in",
            Some(&id),
        )?;
        let mut prefixes = options.log_group_prefix.clone();
        if prefixes.is_empty() && !options.no_logs {
            let said = answer(
                None,
                "--log-group-prefix",
                "Log groups whose name begins with",
                Some("/"),
            )?;
            prefixes.push(said);
        }
        let made_up = format!("{:032x}", rand::random::<u128>());
        let name = options.name.clone().unwrap_or_else(|| format!("aws-{id}"));
        let prefixes = prefixes
            .into_iter()
            .map(|prefix| word("--log-group-prefix", prefix));
        let optional =
            |flag: &str, text: &Option<String>| text.clone().map(|text| word(flag, text)).transpose();
        Ok(Self {
            name: word("--name", name)?,
            regions: regions
                .into_iter()
                .map(|region| word("--region", region))
                .collect::<Result<_, _>>()?,
            hub: digits("--hub", hub)?,
            external_id: word("--external-id", options.external_id.clone().unwrap_or(made_up))?,
            prefixes: prefixes.collect::<Result<_, _>>()?,
            delivery: Delivery::of(options)?,
            bucket: optional("--bucket", &options.bucket)?,
            keys: options
                .kms_key
                .iter()
                .map(|key| key_arn(key))
                .collect::<Result<_, _>>()?,
            guardduty: !options.no_guardduty,
            id,
        })
    }

    /// The region of what there is only one of.
    fn home(&self) -> &str {
        &self.regions[0]
    }

    fn partition(&self) -> &'static str {
        if self.home().starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        }
    }

    fn arn(&self, service: &str, region: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{region}:{}:{rest}", self.partition(), self.id)
    }

    /// The same in every region.
    fn arns(&self, service: &str, rest: &str) -> Vec<String> {
        let regions = self.regions.iter();
        regions.map(|region| self.arn(service, region, rest)).collect()
    }

    fn of_role(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role/{name}", self.partition(), self.id)
    }

    fn of_bucket(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.partition())
    }

    fn group_arns(&self) -> Vec<String> {
        let of_prefix = |prefix: &String| self.arns("logs", &format!("log-group:{prefix}*"));
        self.prefixes.iter().flat_map(of_prefix).collect()
    }

    fn queue_url(&self, region: &str, queue: &str) -> String {
        let suffix = if self.partition() == "aws-cn" { ".cn" } else { "" };
        format!("https://sqs.{region}.amazonaws.com{suffix}/{}/{queue}", self.id)
    }

    /// What a source is called; with several regions its region is part of that.
    fn source(&self, what: &str, region: &str) -> String {
        if self.regions.len() == 1 {
            format!("{}-{what}", self.name)
        } else {
            format!("{}-{what}-{region}", self.name)
        }
    }

    /// Tables of the configuration.
    fn config(&self) -> String {
        let mut text = String::new();
        let mut table = |kind: &str, name: &str, region: &str, own: &str| {
            let _ = write!(
                text,
                "[[source]]\nkind = \"{kind}\"\nname = \"{name}\"\nregion = \"{region}\"\nrole_arn = \"{}\"\nexternal_id = \"{}\"\n{own}\n",
                self.of_role("watchkeeper-read"),
                self.external_id
            );
        };
        for region in &self.regions {
            if !self.prefixes.is_empty() {
                let mut own = format!(
                    "log_group_prefixes = {}\nexclude_log_groups = [\"/watchkeeper/*\"]\n",
                    json!(self.prefixes)
                );
                if let Some(delivery) = &self.delivery {
                    let through = match delivery {
                        Delivery::Kinesis(stream) => format!("kinesis_stream = \"{stream}\""),
                        Delivery::Firehose { .. } => {
                            format!("firehose_keys_file = \"/run/secrets/{}-firehose\"", self.name)
                        }
                    };
                    let _ = writeln!(own, "account = \"{}\"\nsubscription = {{ {through} }}", self.id);
                }
                table("cloudwatch_logs", &self.source("logs", region), region, &own);
            }
            if self.guardduty {
                let own = format!("queue_url = \"{}\"\n", self.queue_url(region, FINDINGS));
                table("guardduty", &self.source("findings", region), region, &own);
            }
        }
        if self.bucket.is_some() {
            let own = format!("queue_url = \"{}\"\n", self.queue_url(self.home(), OBJECTS));
            table("s3", &format!("{}-objects", self.name), self.home(), &own);
        }
        text
    }

    /// The least that the role must be allowed.
    fn policy(&self) -> Value {
        let mut statements = Vec::new();
        let mut allow = |sid: &str, actions: &[&str], resources: Vec<String>| {
            statements.push(json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}));
        };
        if !self.prefixes.is_empty() {
            let both = self
                .group_arns()
                .into_iter()
                .flat_map(|arn| [format!("{arn}:*"), arn])
                .collect();
            allow("ReadLogs", &["logs:FilterLogEvents"], both);
            allow(
                "FindLogGroups",
                &["logs:DescribeLogGroups"],
                self.arns("logs", "log-group:*"),
            );
        }
        if let Some(Delivery::Kinesis(stream)) = &self.delivery {
            let actions = [
                "kinesis:ListShards",
                "kinesis:GetShardIterator",
                "kinesis:GetRecords",
            ];
            let streams = self.arns("kinesis", &format!("stream/{stream}"));
            allow("ReadStream", &actions, streams);
        }
        let mut queues = Vec::new();
        if self.guardduty {
            allow(
                "FindDetectors",
                &["guardduty:ListDetectors"],
                self.arns("guardduty", "*"),
            );
            allow(
                "ReadFindings",
                &["guardduty:ListFindings", "guardduty:GetFindings"],
                self.arns("guardduty", "detector/*"),
            );
            queues.extend(self.arns("sqs", FINDINGS));
        }
        if let Some(bucket) = &self.bucket {
            allow(
                "ReadObjects",
                &["s3:GetObject", "s3:GetObjectVersion"],
                vec![format!("{}/*", self.of_bucket(bucket))],
            );
            queues.push(self.arn("sqs", self.home(), OBJECTS));
        }
        if !queues.is_empty() {
            let actions = [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
            ];
            allow("TakeMessages", &actions, queues);
        }
        if !self.keys.is_empty() {
            allow("Decrypt", &["kms:Decrypt"], self.keys.clone());
        }
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// Who may assume the role.
    fn trust(&self) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", self.partition(), self.hub)},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": self.external_id}}}]})
    }

    /// What puts messages into a queue.
    fn queue_policy(&self, region: &str, queue: &Queue) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": queue.service}, "Action": "sqs:SendMessage",
            "Resource": self.arn("sqs", region, queue.name), "Condition": {"StringEquals": {"aws:SourceAccount": self.id}}}]})
    }

    /// The queues in a region.
    fn queues(&self, region: &str) -> Vec<&'static Queue> {
        let findings = self.guardduty.then_some(&FINDINGS_QUEUE);
        let objects = (self.bucket.is_some() && region == self.home()).then_some(&OBJECTS_QUEUE);
        findings.into_iter().chain(objects).collect()
    }

    /// Who may assume a role that a service of AWS writes with.
    fn trust_of_service(&self, service: &str) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": self.id}}}]})
    }

    /// What the lines of all log groups are written into.
    fn target(&self, delivery: &Delivery, region: &str) -> String {
        match delivery {
            Delivery::Kinesis(stream) => self.arn("kinesis", region, &format!("stream/{stream}")),
            Delivery::Firehose { .. } => {
                self.arn("firehose", region, &format!("deliverystream/{DELIVERY_STREAM}"))
            }
        }
    }

    /// What the role of the subscriptions may do.
    fn subscription_policy(&self, delivery: &Delivery) -> Value {
        let action = match delivery {
            Delivery::Kinesis(_) => "kinesis:PutRecord",
            Delivery::Firehose { .. } => "firehose:PutRecord",
        };
        let targets: Vec<String> = self
            .regions
            .iter()
            .map(|region| self.target(delivery, region))
            .collect();
        let mut statements = vec![json!({"Effect": "Allow", "Action": action, "Resource": targets})];
        if matches!(delivery, Delivery::Kinesis(_)) && !self.keys.is_empty() {
            // Whoever writes into a stream that a key of one's own encrypts needs a data key.
            statements
                .push(json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": self.keys}));
        }
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// What is written where.
    fn filter(&self, delivery: &Delivery, region: &str) -> Value {
        let mut filter = json!({"DestinationArn": self.target(delivery, region), "RoleArn": self.of_role(WRITER), "FilterPattern": ""});
        if matches!(delivery, Delivery::Kinesis(_)) {
            filter["Distribution"] = "Random".into();
        }
        filter
    }

    /// What the role of Firehose may do: keep what it could not deliver.
    fn backup_policy(&self, backup: &str) -> Value {
        let bucket = self.of_bucket(backup);
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:AbortMultipartUpload", "s3:GetBucketLocation",
            "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject"],
            "Resource": [bucket.clone(), format!("{bucket}/*")]}]})
    }

    /// Where a delivery stream posts to.
    fn endpoint(&self, url: &str, region: &str) -> String {
        format!("{url}/firehose/{}", self.source("logs", region))
    }

    /// How a delivery stream posts, and what it does with the rest. The key is put in by whoever makes it.
    fn posting(&self, url: &str, backup: &str, region: &str, key: &str) -> Value {
        let role = self.of_role(POSTER);
        json!({"EndpointConfiguration": {"Url": self.endpoint(url, region), "Name": "Watchkeeper", "AccessKey": key},
            "RequestConfiguration": {"ContentEncoding": "GZIP"},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
            "RetryOptions": {"DurationInSeconds": 7_200},
            "RoleARN": role, "S3BackupMode": "FailedDataOnly",
            "S3Configuration": {"RoleARN": role, "BucketARN": self.of_bucket(backup)}})
    }

    fn commands(&self) -> String {
        let mut text = String::new();
        role(
            &mut text,
            "watchkeeper-read",
            &self.trust(),
            "watchkeeper-read",
            &self.policy(),
        );
        if let Some(delivery) = &self.delivery {
            let trust = self.trust_of_service("logs.amazonaws.com");
            role(
                &mut text,
                WRITER,
                &trust,
                "write",
                &self.subscription_policy(delivery),
            );
        }
        if let Some(Delivery::Firehose { backup, .. }) = &self.delivery {
            let trust = self.trust_of_service("firehose.amazonaws.com");
            role(&mut text, POSTER, &trust, "backup", &self.backup_policy(backup));
        }
        if !self.keys.is_empty() {
            text += "# Where a queue is encrypted with a key of your own, the key's policy must let events.amazonaws.com (findings) and\n\
                     # s3.amazonaws.com (objects) use kms:GenerateDataKey and kms:Decrypt, or nothing comes into the queue.\n";
        }
        for region in &self.regions {
            self.commands_in(region, &mut text);
        }
        text
    }

    fn commands_in(&self, region: &str, text: &mut String) {
        for queue in self.queues(region) {
            let attributes = json!({"Policy": self.queue_policy(region, queue).to_string(), "MessageRetentionPeriod": "1209600"});
            let _ = writeln!(
                text,
                "aws sqs create-queue --region {region} --queue-name {} --attributes '{attributes}'",
                queue.name
            );
        }
        if self.guardduty {
            let pattern = findings_pattern();
            let target = self.arn("sqs", region, FINDINGS);
            let _ = writeln!(
                text,
                "aws events put-rule --region {region} --name {FINDINGS} --event-pattern '{pattern}'\n\
                 aws events put-targets --region {region} --rule {FINDINGS} --targets Id=watchkeeper,Arn={target}"
            );
        }
        if let Some(bucket) = self.bucket.as_ref().filter(|_| region == self.home()) {
            let told = json!({"QueueConfigurations": [{"QueueArn": self.arn("sqs", region, OBJECTS), "Events": ["s3:ObjectCreated:*"]}]});
            let _ = writeln!(
                text,
                "# This replaces the notifications that the bucket has; look at them before with get-bucket-notification-configuration.\n\
                 aws s3api put-bucket-notification-configuration --region {region} --bucket {bucket} --notification-configuration '{told}'"
            );
        }
        let Some(delivery) = &self.delivery else {
            return;
        };
        if let Delivery::Firehose { url, backup } = delivery {
            // The shell puts the key in: it stands neither here nor in the history of whoever carries this out.
            let posting = self.posting(url, backup, region, "'\"$FIREHOSE_KEY\"'");
            let posting = posting
                .to_string()
                .replace("'\\\"$FIREHOSE_KEY\\\"'", "'\"$FIREHOSE_KEY\"'");
            let _ = writeln!(
                text,
                "# FIREHOSE_KEY is what `firehose_keys_file` holds: FIREHOSE_KEY=$(cat /run/secrets/{}-firehose).\n\
                 aws firehose create-delivery-stream --region {region} --delivery-stream-name {DELIVERY_STREAM} \\\n  \
                 --http-endpoint-destination-configuration '{posting}'\n\
                 # The stream needs about a minute; until it is active, the next command is refused.",
                self.name
            );
        }
        let filter = self.filter(delivery, region);
        let _ = writeln!(
            text,
            "# One filter for the whole account. Name the log groups of Watchkeeper itself here, or it reads what it writes.\n\
             aws logs put-account-policy --region {region} --policy-name watchkeeper --policy-type SUBSCRIPTION_FILTER_POLICY --scope ALL \\\n  \
             --selection-criteria '{NOT_OUR_OWN}' --policy-document '{filter}'"
        );
    }
}

/// The commands that make a role with one policy.
fn role(text: &mut String, name: &str, trust: &Value, policy_name: &str, policy: &Value) {
    let _ = writeln!(
        text,
        "aws iam create-role --role-name {name} --assume-role-policy-document '{trust}'\n\
         aws iam put-role-policy --role-name {name} --policy-name {policy_name} --policy-document '{policy}'"
    );
}

/// Which events of EventBridge are findings.
fn findings_pattern() -> Value {
    json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]})
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Self::Config => "The configuration: add these tables to it",
            Self::Policy => "The least that the role `watchkeeper-read` must be allowed",
            Self::Trust => "Who may assume that role",
            Self::Commands => "The same as commands: role, queues, subscriptions",
            Self::Cloudformation => "The same as a template of CloudFormation (JSON)",
            Self::Terraform => "The same for Terraform: watchkeeper.tf.json",
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
