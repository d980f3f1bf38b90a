//! The same as a template of CloudFormation and as a file of Terraform.

use super::{
    Account, DELIVERY_STREAM, Delivery, FINDINGS, NOT_OUR_OWN, POSTER, WRITER, findings_pattern, pretty,
};
use serde_json::{Map, Value, json};

/// What stands for the region in a template that is carried out in several.
const ANY_REGION: &str = "${AWS::Region}";

impl Account {
    /// A template, in JSON, which CloudFormation takes as it does YAML. With several regions it is carried out in each, in the first one
    /// first, which makes the roles.
    pub(super) fn cloudformation(&self) -> String {
        let is_one = self.regions.len() == 1;
        let region = if is_one { self.home() } else { ANY_REGION };
        let text = |text: String| {
            if is_one {
                json!(text)
            } else {
                json!({"Fn::Sub": text})
            }
        };
        let mut resources = Map::new();
        let mut role = |logical: &str, name: &str, trust: Value, policy_name: &str, policy: Value| {
            let mut role = json!({"Type": "AWS::IAM::Role", "Properties": {"RoleName": name, "AssumeRolePolicyDocument": trust,
                "Policies": [{"PolicyName": policy_name, "PolicyDocument": policy}]}});
            if !is_one {
                role["Condition"] = "Home".into();
            }
            resources.insert(logical.to_owned(), role);
        };
        role(
            "Role",
            "watchkeeper-read",
            self.trust(),
            "watchkeeper-read",
            self.policy(),
        );
        if let Some(delivery) = &self.delivery {
            let trust = self.trust_of_service("logs.amazonaws.com");
            role(
                "Writer",
                WRITER,
                trust,
                "write",
                self.subscription_policy(delivery),
            );
        }
        if let Some(Delivery::Firehose { backup, .. }) = &self.delivery {
            let trust = self.trust_of_service("firehose.amazonaws.com");
            role("Poster", POSTER, trust, "backup", self.backup_policy(backup));
        }
        // A bucket that is there already cannot be given notifications by a template: the command above does it.
        for queue in self.queues(self.home()) {
            let (logical, only_home) = if queue.name == FINDINGS {
                ("Findings", false)
            } else {
                ("Objects", !is_one)
            };
            let mut policy = self.queue_policy(region, queue);
            let resource = &mut policy["Statement"][0]["Resource"];
            *resource = text(resource.as_str().unwrap_or_default().to_owned());
            let mut made = json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": queue.name, "MessageRetentionPeriod": 1_209_600}});
            let mut allowed = json!({"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": logical}], "PolicyDocument": policy}});
            if only_home {
                (made["Condition"], allowed["Condition"]) = ("Home".into(), "Home".into());
            }
            resources.insert(logical.to_owned(), made);
            resources.insert(format!("{logical}Policy"), allowed);
        }
        if self.guardduty {
            let rule = json!({"Type": "AWS::Events::Rule", "Properties": {"EventPattern": findings_pattern(),
                "Targets": [{"Id": "watchkeeper", "Arn": {"Fn::GetAtt": ["Findings", "Arn"]}}]}});
            resources.insert("FindingsRule".to_owned(), rule);
        }
        let mut parameters = Map::new();
        if let Some(delivery) = &self.delivery {
            let mut before = vec!["Writer"];
            if let Delivery::Firehose { url, backup } = delivery {
                let key = json!({"Type": "String", "NoEcho": true, "MinLength": 16,
                    "Description": "What firehose_keys_file of the source holds"});
                parameters.insert("FirehoseKey".to_owned(), key);
                let mut posting = self.posting(url, backup, region, "");
                let endpoint = &mut posting["EndpointConfiguration"];
                endpoint["AccessKey"] = json!({"Ref": "FirehoseKey"});
                endpoint["Url"] = text(self.endpoint(url, region));
                let stream = json!({"Type": "AWS::KinesisFirehose::DeliveryStream", "DependsOn": "Poster", "Properties": {
                    "DeliveryStreamName": DELIVERY_STREAM, "DeliveryStreamType": "DirectPut",
                    "HttpEndpointDestinationConfiguration": posting}});
                resources.insert("Stream".to_owned(), stream);
                before.push("Stream");
            }
            let subscription = json!({"Type": "AWS::Logs::AccountPolicy", "DependsOn": before, "Properties": {
                "PolicyName": "watchkeeper", "PolicyType": "SUBSCRIPTION_FILTER_POLICY", "Scope": "ALL",
                "SelectionCriteria": NOT_OUR_OWN, "PolicyDocument": text(self.filter(delivery, region).to_string())}});
            resources.insert("Subscription".to_owned(), subscription);
        }
        let mut template = json!({"AWSTemplateFormatVersion": "2010-09-09", "Description": "What Watchkeeper reads in this account",
            "Resources": resources});
        if !parameters.is_empty() {
            template["Parameters"] = parameters.into();
        }
        if !is_one {
            template["Conditions"] = json!({"Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, self.home()]}});
        }
        pretty(&template)
    }

    /// Terraform's own form of JSON: a file `watchkeeper.tf.json`.
    pub(super) fn terraform(&self) -> String {
        let mut resource = json!({});
        let mut role = |key: &str, name: &str, trust: &Value, policy_name: &str, policy: &Value| {
            resource["aws_iam_role"][key] = json!({"name": name, "assume_role_policy": trust.to_string()});
            resource["aws_iam_role_policy"][key] = json!({"name": policy_name, "role": format!("${{aws_iam_role.{key}.id}}"),
                "policy": policy.to_string()});
        };
        role(
            "watchkeeper",
            "watchkeeper-read",
            &self.trust(),
            "watchkeeper-read",
            &self.policy(),
        );
        if let Some(delivery) = &self.delivery {
            let trust = self.trust_of_service("logs.amazonaws.com");
            role(
                "subscription",
                WRITER,
                &trust,
                "write",
                &self.subscription_policy(delivery),
            );
        }
        if let Some(Delivery::Firehose { backup, .. }) = &self.delivery {
            let trust = self.trust_of_service("firehose.amazonaws.com");
            role("firehose", POSTER, &trust, "backup", &self.backup_policy(backup));
        }
        for region in &self.regions {
            self.terraform_in(region, &mut resource);
        }
        let mut file = json!({"resource": resource});
        if matches!(self.delivery, Some(Delivery::Firehose { .. })) {
            file["variable"] = json!({"firehose_key": {"type": "string", "sensitive": true,
                "description": "What firehose_keys_file of the source holds"}});
        }
        if self.regions.len() > 1 {
            let home = json!({"region": self.home()});
            let named = |region: &String| json!({"alias": alias(region), "region": region});
            let providers: Vec<Value> = std::iter::once(home)
                .chain(self.regions.iter().map(named))
                .collect();
            file["provider"] = json!({"aws": providers});
        }
        pretty(&file)
    }

    fn terraform_in(&self, region: &str, resource: &mut Value) {
        let is_one = self.regions.len() == 1;
        let key = |name: &str| {
            if is_one {
                name.to_owned()
            } else {
                format!("{name}_{}", alias(region))
            }
        };
        let mut put = |kind: &str, name: &str, mut made: Value| {
            if !is_one {
                made["provider"] = format!("aws.{}", alias(region)).into();
            }
            resource[kind][key(name)] = made;
        };
        for queue in self.queues(region) {
            let name = if queue.name == FINDINGS {
                "findings"
            } else {
                "objects"
            };
            let made = json!({"name": queue.name, "message_retention_seconds": 1_209_600,
                "policy": self.queue_policy(region, queue).to_string()});
            put("aws_sqs_queue", name, made);
        }
        if self.guardduty {
            let rule = json!({"name": FINDINGS, "event_pattern": findings_pattern().to_string()});
            put("aws_cloudwatch_event_rule", "findings", rule);
            let target = json!({"rule": format!("${{aws_cloudwatch_event_rule.{}.name}}", key("findings")),
                "arn": format!("${{aws_sqs_queue.{}.arn}}", key("findings"))});
            put("aws_cloudwatch_event_target", "findings", target);
        }
        if let Some(bucket) = self.bucket.as_ref().filter(|_| region == self.home()) {
            let queue = format!("${{aws_sqs_queue.{}.arn}}", key("objects"));
            let told =
                json!({"bucket": bucket, "queue": [{"queue_arn": queue, "events": ["s3:ObjectCreated:*"]}]});
            put("aws_s3_bucket_notification", "objects", told);
        }
        let Some(delivery) = &self.delivery else {
            return;
        };
        let mut before = vec!["aws_iam_role_policy.subscription".to_owned()];
        if let Delivery::Firehose { url, backup } = delivery {
            let role = "${aws_iam_role.firehose.arn}";
            let posting = json!({"url": self.endpoint(url, region), "name": "Watchkeeper", "access_key": "${var.firehose_key}",
                "buffering_size": 1, "buffering_interval": 60, "retry_duration": 7_200, "role_arn": role,
                "s3_backup_mode": "FailedDataOnly", "request_configuration": {"content_encoding": "GZIP"},
                "s3_configuration": {"role_arn": role, "bucket_arn": self.of_bucket(backup)}});
            let stream = json!({"name": DELIVERY_STREAM, "destination": "http_endpoint", "http_endpoint_configuration": posting,
                "depends_on": ["aws_iam_role_policy.firehose"]});
            put("aws_kinesis_firehose_delivery_stream", "watchkeeper", stream);
            before.push(format!(
                "aws_kinesis_firehose_delivery_stream.{}",
                key("watchkeeper")
            ));
        }
        let policy = json!({"policy_name": "watchkeeper", "policy_type": "SUBSCRIPTION_FILTER_POLICY", "scope": "ALL",
            "selection_criteria": NOT_OUR_OWN, "policy_document": self.filter(delivery, region).to_string(), "depends_on": before});
        put("aws_cloudwatch_log_account_policy", "watchkeeper", policy);
    }
}

/// A region as Terraform's names allow it.
fn alias(region: &str) -> String {
    region.replace('-', "_")
}
