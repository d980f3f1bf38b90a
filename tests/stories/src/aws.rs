//! What the world does at the AWS emulator: log groups are written, a topic's messages are read from a queue.
//!
//! Driven over the wire protocols by plain HTTP: the SDKs belong to the product, and a test that used them would share their faults.

use crate::logs::Line;
use reqwest::Client;
use serde_json::{Value, json};

/// The region of everything.
pub const REGION: &str = "eu-central-1";

/// The emulator's outside.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    http: Client,
}

impl Aws {
    /// At this endpoint.
    #[must_use]
    pub fn at(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            http: Client::new(),
        }
    }

    fn credential(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    async fn logs(&self, operation: &str, body: Value) -> Value {
        let request = self
            .http
            .post(&self.endpoint)
            .header("authorization", Self::credential("logs"));
        let request = request
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Logs_20140328.{operation}"))
            .body(body.to_string());
        let answer = request.send().await.expect("the emulator answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{operation}: {status} {text}");
        if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).expect("JSON")
        }
    }

    async fn query(&self, service: &str, form: &[(&str, &str)]) -> String {
        let request = self
            .http
            .post(&self.endpoint)
            .header("authorization", Self::credential(service));
        let answer = request.form(form).send().await.expect("the emulator answers");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert!(status.is_success(), "{form:?}: {status} {text}");
        text
    }

    /// Makes a log group with one stream, `main`.
    pub async fn create_group(&self, group: &str) {
        self.logs("CreateLogGroup", json!({"logGroupName": group})).await;
        self.logs(
            "CreateLogStream",
            json!({"logGroupName": group, "logStreamName": "main"}),
        )
        .await;
    }

    /// Writes lines to a group; one refused line is a fault of the test.
    pub async fn put(&self, group: &str, lines: &[Line]) {
        let events: Vec<Value> = lines
            .iter()
            .map(|(at, line)| json!({"timestamp": at.timestamp_millis(), "message": line}))
            .collect();
        let body = json!({"logGroupName": group, "logStreamName": "main", "logEvents": events});
        let answer = self.logs("PutLogEvents", body).await;
        assert!(answer["rejectedLogEventsInfo"].is_null(), "{answer}");
    }

    /// Makes a topic with a queue that gets its messages; gives the topic's ARN and the queue's address.
    pub async fn topic_with_queue(&self, name: &str) -> (String, String) {
        let version = ("Version", "2010-03-31");
        let topic = self
            .query("sns", &[("Action", "CreateTopic"), ("Name", name), version])
            .await;
        let topic = between(&topic, "<TopicArn>", "</TopicArn>")
            .expect("a topic")
            .to_owned();
        let sqs = ("Version", "2012-11-05");
        let queue = self
            .query("sqs", &[("Action", "CreateQueue"), ("QueueName", name), sqs])
            .await;
        let queue = between(&queue, "<QueueUrl>", "</QueueUrl>")
            .expect("a queue")
            .to_owned();
        let arn = topic.replace(":sns:", ":sqs:");
        let subscription = [
            ("Action", "Subscribe"),
            ("TopicArn", &topic),
            ("Protocol", "sqs"),
            ("Endpoint", &arn),
            version,
        ];
        self.query("sns", &subscription).await;
        (topic, queue)
    }

    /// Takes every message from a queue: what SNS said in it, as JSON.
    pub async fn take_all(&self, queue: &str) -> Vec<Value> {
        let mut taken = Vec::new();
        loop {
            let form = [
                ("Action", "ReceiveMessage"),
                ("QueueUrl", queue),
                ("MaxNumberOfMessages", "10"),
                ("Version", "2012-11-05"),
            ];
            let answer = self.query("sqs", &form).await;
            let mut rest = answer.as_str();
            let before = taken.len();
            while let Some(message) = between(rest, "<Message>", "</Message>") {
                let body = between(message, "<Body>", "</Body>").expect("a body");
                taken.push(serde_json::from_str(&unescaped(body)).expect("SNS writes JSON"));
                let handle = between(message, "<ReceiptHandle>", "</ReceiptHandle>").expect("a handle");
                let form = [
                    ("Action", "DeleteMessage"),
                    ("QueueUrl", queue),
                    ("ReceiptHandle", handle),
                    ("Version", "2012-11-05"),
                ];
                self.query("sqs", &form).await;
                let end = rest.find("</Message>").expect("found above") + "</Message>".len();
                rest = &rest[end..];
            }
            if taken.len() == before {
                return taken;
            }
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

fn unescaped(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
