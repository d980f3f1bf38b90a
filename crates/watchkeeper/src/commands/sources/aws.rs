//! `watchkeeper sources add aws`: everything that connects an account, written out to be read, changed and carried out by somebody who may.
//!
//! Nothing is changed here, neither in AWS nor in the configuration. Questions are asked where a terminal is, and nothing else was said.

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
    region: String,
    hub: String,
    external_id: String,
    prefixes: Vec<String>,
    stream: Option<String>,
    bucket: Option<String>,
    guardduty: bool,
}

/// The policies by which a subscription writes into a stream.
struct Subscription {
    /// Who may assume the role of the writer.
    trust: Value,
    /// What that role may do.
    write: Value,
    /// What is written where.
    filter: Value,
}

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
        let region = answer(
            options.region.as_ref(),
            "--region",
            "In which region",
            Some("eu-central-1"),
        )?;
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
            region: word("--region", region)?,
            hub: digits("--hub", hub)?,
            external_id: word("--external-id", options.external_id.clone().unwrap_or(made_up))?,
            prefixes: prefixes.collect::<Result<_, _>>()?,
            stream: optional("--kinesis-stream", &options.kinesis_stream)?,
            bucket: optional("--bucket", &options.bucket)?,
            guardduty: !options.no_guardduty,
            id,
        })
    }

    fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        }
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{rest}",
            self.partition(),
            self.region,
            self.id
        )
    }

    fn role_arn(&self) -> String {
        format!("arn:{}:iam::{}:role/watchkeeper-read", self.partition(), self.id)
    }

    fn stream_arn(&self, stream: &str) -> String {
        self.arn("kinesis", &format!("stream/{stream}"))
    }

    fn group_arns(&self) -> Vec<String> {
        self.prefixes
            .iter()
            .map(|prefix| self.arn("logs", &format!("log-group:{prefix}*")))
            .collect()
    }

    fn queue_url(&self, queue: &str) -> String {
        let suffix = if self.partition() == "aws-cn" { ".cn" } else { "" };
        format!(
            "https://sqs.{}.amazonaws.com{suffix}/{}/{queue}",
            self.region, self.id
        )
    }

    /// Tables of the configuration.
    fn config(&self) -> String {
        let reached = format!(
            "region = \"{}\"\nrole_arn = \"{}\"\nexternal_id = \"{}\"\n",
            self.region,
            self.role_arn(),
            self.external_id
        );
        let mut text = String::new();
        let mut table = |kind: &str, what: &str, own: &str| {
            let _ = write!(
                text,
                "[[source]]\nkind = \"{kind}\"\nname = \"{}-{what}\"\n{reached}{own}\n",
                self.name
            );
        };
        if !self.prefixes.is_empty() {
            let mut own = format!(
                "log_group_prefixes = {}\nexclude_log_groups = [\"/watchkeeper/*\"]\n",
                json!(self.prefixes)
            );
            if let Some(stream) = &self.stream {
                let _ = writeln!(
                    own,
                    "account = \"{}\"\nsubscription = {{ kinesis_stream = \"{stream}\" }}",
                    self.id
                );
            }
            table("cloudwatch_logs", "logs", &own);
        }
        if self.guardduty {
            table(
                "guardduty",
                "findings",
                &format!("queue_url = \"{}\"\n", self.queue_url("watchkeeper-findings")),
            );
        }
        if self.bucket.is_some() {
            table(
                "s3",
                "objects",
                &format!("queue_url = \"{}\"\n", self.queue_url("watchkeeper-objects")),
            );
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
                vec![self.arn("logs", "log-group:*")],
            );
        }
        if let Some(stream) = &self.stream {
            let actions = [
                "kinesis:ListShards",
                "kinesis:GetShardIterator",
                "kinesis:GetRecords",
            ];
            allow("ReadStream", &actions, vec![self.stream_arn(stream)]);
        }
        let mut queues = Vec::new();
        if self.guardduty {
            allow(
                "FindDetectors",
                &["guardduty:ListDetectors"],
                vec![self.arn("guardduty", "*")],
            );
            allow(
                "ReadFindings",
                &["guardduty:ListFindings", "guardduty:GetFindings"],
                vec![self.arn("guardduty", "detector/*")],
            );
            queues.push(self.arn("sqs", "watchkeeper-findings"));
        }
        if let Some(bucket) = &self.bucket {
            allow(
                "ReadObjects",
                &["s3:GetObject", "s3:GetObjectVersion"],
                vec![format!("arn:{}:s3:::{bucket}/*", self.partition())],
            );
            queues.push(self.arn("sqs", "watchkeeper-objects"));
        }
        if !queues.is_empty() {
            let actions = [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
            ];
            allow("TakeMessages", &actions, queues);
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
    fn queue_policy(&self, queue: &str, service: &str) -> Value {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
            "Resource": self.arn("sqs", queue), "Condition": {"StringEquals": {"aws:SourceAccount": self.id}}}]})
    }

    fn commands(&self) -> String {
        let mut text = format!(
            "aws iam create-role --role-name watchkeeper-read --assume-role-policy-document '{}'\n\
             aws iam put-role-policy --role-name watchkeeper-read --policy-name watchkeeper-read --policy-document '{}'\n",
            self.trust(),
            self.policy()
        );
        let region = &self.region;
        let mut queue = |name: &str, service: &str| {
            let attributes = json!({"Policy": self.queue_policy(name, service).to_string(), "MessageRetentionPeriod": "1209600"});
            let _ = writeln!(
                text,
                "aws sqs create-queue --region {region} --queue-name {name} --attributes '{attributes}'"
            );
        };
        if self.guardduty {
            queue("watchkeeper-findings", "events.amazonaws.com");
        }
        if self.bucket.is_some() {
            queue("watchkeeper-objects", "s3.amazonaws.com");
        }
        if self.guardduty {
            let pattern = json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]});
            let target = self.arn("sqs", "watchkeeper-findings");
            let _ = writeln!(
                text,
                "aws events put-rule --region {region} --name watchkeeper-findings --event-pattern '{pattern}'\n\
                 aws events put-targets --region {region} --rule watchkeeper-findings --targets Id=watchkeeper,Arn={target}"
            );
        }
        if let Some(bucket) = &self.bucket {
            let told = json!({"QueueConfigurations": [{"QueueArn": self.arn("sqs", "watchkeeper-objects"), "Events": ["s3:ObjectCreated:*"]}]});
            let _ = writeln!(
                text,
                "# This replaces the notifications that the bucket has; look at them before with get-bucket-notification-configuration.\n\
                 aws s3api put-bucket-notification-configuration --region {region} --bucket {bucket} --notification-configuration '{told}'"
            );
        }
        if let Some(stream) = &self.stream {
            let Subscription { trust, write, filter } = self.subscription(stream);
            let _ = writeln!(
                text,
                "aws iam create-role --role-name watchkeeper-subscription --assume-role-policy-document '{trust}'\n\
                 aws iam put-role-policy --role-name watchkeeper-subscription --policy-name write --policy-document '{write}'\n\
                 # One filter for the whole account. Name the log groups of Watchkeeper itself here, or it reads what it writes.\n\
                 aws logs put-account-policy --region {region} --policy-name watchkeeper --policy-type SUBSCRIPTION_FILTER_POLICY --scope ALL \\\n  \
                 --selection-criteria '{NOT_OUR_OWN}' --policy-document '{filter}'"
            );
        }
        text
    }

    /// What puts the lines of all log groups into a stream of Kinesis.
    fn subscription(&self, stream: &str) -> Subscription {
        let target = self.stream_arn(stream);
        Subscription {
            trust: json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"},
                "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": self.id}}}]}),
            write: json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": target}]}),
            filter: json!({"DestinationArn": target, "RoleArn": self.writer(), "FilterPattern": "", "Distribution": "Random"}),
        }
    }

    fn writer(&self) -> String {
        format!(
            "arn:{}:iam::{}:role/watchkeeper-subscription",
            self.partition(),
            self.id
        )
    }

    /// A template, in JSON, which CloudFormation takes as it does YAML.
    fn cloudformation(&self) -> String {
        let mut resources = json!({"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "watchkeeper-read",
            "AssumeRolePolicyDocument": self.trust(),
            "Policies": [{"PolicyName": "watchkeeper-read", "PolicyDocument": self.policy()}]}}});
        let mut queue = |logical: &str, name: &str, service: &str| {
            resources[logical] = json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, "MessageRetentionPeriod": 1_209_600}});
            resources[format!("{logical}Policy")] = json!({"Type": "AWS::SQS::QueuePolicy", "Properties": {
                "Queues": [{"Ref": logical}], "PolicyDocument": self.queue_policy(name, service)}});
        };
        if self.guardduty {
            queue("Findings", "watchkeeper-findings", "events.amazonaws.com");
        }
        if self.bucket.is_some() {
            // A bucket that is there already cannot be given notifications by a template: the command above does it.
            queue("Objects", "watchkeeper-objects", "s3.amazonaws.com");
        }
        if self.guardduty {
            resources["FindingsRule"] = json!({"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]},
                "Targets": [{"Id": "watchkeeper", "Arn": {"Fn::GetAtt": ["Findings", "Arn"]}}]}});
        }
        if let Some(stream) = &self.stream {
            let of = self.subscription(stream);
            resources["Writer"] = json!({"Type": "AWS::IAM::Role", "Properties": {"RoleName": "watchkeeper-subscription",
                "AssumeRolePolicyDocument": of.trust, "Policies": [{"PolicyName": "write", "PolicyDocument": of.write}]}});
            resources["Subscription"] = json!({"Type": "AWS::Logs::AccountPolicy", "DependsOn": "Writer", "Properties": {
                "PolicyName": "watchkeeper", "PolicyType": "SUBSCRIPTION_FILTER_POLICY", "Scope": "ALL",
                "SelectionCriteria": NOT_OUR_OWN, "PolicyDocument": of.filter.to_string()}});
        }
        pretty(
            &json!({"AWSTemplateFormatVersion": "2010-09-09", "Description": "What Watchkeeper reads in this account", "Resources": resources}),
        )
    }

    /// Terraform's own form of JSON: a file `watchkeeper.tf.json`.
    fn terraform(&self) -> String {
        let mut resource = json!({
            "aws_iam_role": {"watchkeeper": {"name": "watchkeeper-read", "assume_role_policy": self.trust().to_string()}},
            "aws_iam_role_policy": {"watchkeeper": {"name": "watchkeeper-read", "role": "${aws_iam_role.watchkeeper.id}",
                "policy": self.policy().to_string()}}});
        let mut queue = |logical: &str, name: &str, service: &str| {
            resource["aws_sqs_queue"][logical] = json!({"name": name, "message_retention_seconds": 1_209_600,
                "policy": self.queue_policy(name, service).to_string()});
        };
        if self.guardduty {
            queue("findings", "watchkeeper-findings", "events.amazonaws.com");
        }
        if self.bucket.is_some() {
            queue("objects", "watchkeeper-objects", "s3.amazonaws.com");
        }
        if self.guardduty {
            let pattern = json!({"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]});
            resource["aws_cloudwatch_event_rule"] =
                json!({"findings": {"name": "watchkeeper-findings", "event_pattern": pattern.to_string()}});
            resource["aws_cloudwatch_event_target"] = json!({"findings": {"rule": "${aws_cloudwatch_event_rule.findings.name}",
                "arn": "${aws_sqs_queue.findings.arn}"}});
        }
        if let Some(bucket) = &self.bucket {
            resource["aws_s3_bucket_notification"] = json!({"objects": {"bucket": bucket,
                "queue": [{"queue_arn": "${aws_sqs_queue.objects.arn}", "events": ["s3:ObjectCreated:*"]}]}});
        }
        if let Some(stream) = &self.stream {
            let of = self.subscription(stream);
            resource["aws_iam_role"]["subscription"] =
                json!({"name": "watchkeeper-subscription", "assume_role_policy": of.trust.to_string()});
            resource["aws_iam_role_policy"]["subscription"] = json!({"name": "write", "role": "${aws_iam_role.subscription.id}",
                "policy": of.write.to_string()});
            resource["aws_cloudwatch_log_account_policy"] = json!({"watchkeeper": {"policy_name": "watchkeeper",
                "policy_type": "SUBSCRIPTION_FILTER_POLICY", "scope": "ALL", "selection_criteria": NOT_OUR_OWN,
                "policy_document": of.filter.to_string(), "depends_on": ["aws_iam_role_policy.subscription"]}});
        }
        pretty(&json!({"resource": resource}))
    }
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
