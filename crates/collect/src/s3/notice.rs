//! What a message of the queue tells: which objects there are to read.
//!
//! S3 writes notifications itself, or through EventBridge; a topic of SNS between wraps them once more, unless it delivers raw; and
//! CloudTrail tells its topic of its files in a form of its own. Keys of S3's notifications are encoded as in forms, those of
//! EventBridge and CloudTrail are not. Pure: no message is refused for what else it says.
//!
//! Source: Amazon S3 User Guide, "Event message structure" and "EventBridge event message structure".

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One object, as far as a notification identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its bucket.
    #[serde(rename = "b")]
    pub bucket: String,
    /// Its key, decoded.
    #[serde(rename = "k")]
    pub key: String,
    /// Its version, where the bucket keeps versions.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of its content.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The bucket's region, where the notification names one.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl Object {
    /// What is the same whenever the same content is told of: bucket, key, and version or digest.
    #[must_use]
    pub fn id(&self) -> String {
        let content = self.version.as_deref().or(self.etag.as_deref()).unwrap_or("-");
        let id = format!("s3/{}/{}/{content}", self.bucket, self.key);
        if id.len() <= 480 {
            id
        } else {
            format!("s3/{}", watchkeeper_domain::id::digest(&[&id]))
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// How often one message may lie within another: EventBridge in SNS in SQS is two.
const DEEPEST: u8 = 4;

/// The objects that the body of a message tells of; none for S3's test of a new configuration and for objects that were removed.
///
/// # Errors
/// What is wrong with it, when it tells of no objects at all.
pub fn objects(body: &str) -> Result<Vec<Object>, String> {
    let body: Value = serde_json::from_str(body).map_err(|fault| format!("not JSON: {fault}"))?;
    told(&body, DEEPEST)
}

fn told(body: &Value, depth: u8) -> Result<Vec<Object>, String> {
    if depth == 0 {
        return Err("messages within messages, without an end".into());
    }
    if let Some(Value::Array(records)) = body.get("Records") {
        return records
            .iter()
            .enumerate()
            .filter_map(|(index, record)| {
                of_record(record)
                    .map_err(|fault| format!("record {}: {fault}", index + 1))
                    .transpose()
            })
            .collect();
    }
    if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if body.get("source").and_then(Value::as_str) == Some("aws.s3") {
        return of_event_bridge(body);
    }
    if let Some(bucket) = text(body, "/s3Bucket") {
        return of_cloudtrail(body, &bucket);
    }
    if let Some(message) = body.get("Message").and_then(Value::as_str) {
        let inner: Value = serde_json::from_str(message)
            .map_err(|fault| format!("the message of SNS is not JSON: {fault}"))?;
        return told(&inner, depth - 1);
    }
    Err("neither a notification of S3, nor one of EventBridge or SNS that carries one".into())
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= 2_048).then(|| text.to_owned())
}

fn of_record(record: &Value) -> Result<Option<Object>, String> {
    let event = record
        .get("eventName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let event = event.strip_prefix("s3:").unwrap_or(event);
    let created = ["ObjectCreated:", "ObjectRestore:Completed"];
    if !event.is_empty() && !created.iter().any(|kind| event.starts_with(kind)) {
        return Ok(None);
    }
    let bucket = text(record, "/s3/bucket/name").ok_or("it names no bucket (`s3.bucket.name`)")?;
    let key = text(record, "/s3/object/key").ok_or("it names no object (`s3.object.key`)")?;
    let key = percent_decode_str(&key.replace('+', " "))
        .decode_utf8()
        .map_err(|_| "its key is not UTF-8".to_owned())?
        .into_owned();
    Ok(Some(Object {
        bucket,
        key,
        version: text(record, "/s3/object/versionId").filter(|version| version != "null"),
        etag: text(record, "/s3/object/eTag"),
        region: region(text(record, "/awsRegion")),
    }))
}

fn of_event_bridge(body: &Value) -> Result<Vec<Object>, String> {
    let kind = body
        .get("detail-type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !matches!(kind, "Object Created" | "Object Restore Completed") {
        return Ok(Vec::new());
    }
    Ok(vec![Object {
        bucket: text(body, "/detail/bucket/name").ok_or("it names no bucket (`detail.bucket.name`)")?,
        key: text(body, "/detail/object/key").ok_or("it names no object (`detail.object.key`)")?,
        version: text(body, "/detail/object/version-id").filter(|version| version != "null"),
        etag: text(body, "/detail/object/etag"),
        region: region(text(body, "/region")),
    }])
}

fn of_cloudtrail(body: &Value, bucket: &str) -> Result<Vec<Object>, String> {
    let Some(Value::Array(keys)) = body.get("s3ObjectKey") else {
        return Err("it names no objects (`s3ObjectKey`)".into());
    };
    keys.iter()
        .map(|key| {
            let key = key.as_str().filter(|key| !key.is_empty() && key.len() <= 2_048);
            Ok(Object {
                bucket: bucket.to_owned(),
                key: key.ok_or("a key of it is no text")?.to_owned(),
                version: None,
                etag: None,
                region: None,
            })
        })
        .collect()
}

/// It becomes part of a host's name.
fn region(told: Option<String>) -> Option<String> {
    told.filter(|region| {
        region.len() <= 32
            && region
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notification() -> Value {
        json!({"Records": [
            {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": "ObjectCreated:Put",
             "s3": {"bucket": {"name": "logs"}, "object": {"key": "a+b/%C3%A4%2B.gz", "size": 5, "eTag": "e1", "versionId": "v1"}}},
            {"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "logs"}, "object": {"key": "x"}}}]})
    }

    fn keys(body: &Value) -> Vec<String> {
        objects(&body.to_string())
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn notifications_of_s3_are_read_bare_and_within_sns_with_their_keys_decoded() {
        let found = objects(&notification().to_string()).unwrap();
        assert_eq!(found[0].id(), "s3/logs/a b/ä+.gz/v1");
        assert_eq!(
            (found.len(), found[0].region.as_deref()),
            (1, Some("eu-central-1"))
        );
        let wrapped = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:logs", "Message": notification().to_string()});
        assert_eq!(keys(&wrapped), ["s3://logs/a b/ä+.gz"]);
        assert_eq!(
            keys(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"})),
            [""; 0]
        );
    }

    #[test]
    fn events_of_eventbridge_keep_their_keys_as_they_are() {
        let event = json!({"version": "0", "source": "aws.s3", "detail-type": "Object Created", "region": "us-east-1",
            "detail": {"bucket": {"name": "logs"}, "object": {"key": "a+b%20c", "etag": "e", "size": 1}}});
        assert_eq!(keys(&event), ["s3://logs/a+b%20c"]);
        assert_eq!(
            keys(&json!({"Type": "Notification", "Message": event.to_string()})),
            ["s3://logs/a+b%20c"]
        );
        assert_eq!(
            keys(&json!({"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}})),
            [""; 0]
        );
    }

    #[test]
    fn what_cloudtrail_tells_its_topic_is_read() {
        let told = json!({"s3Bucket": "trail", "s3ObjectKey": ["AWSLogs/1.json.gz", "AWSLogs/2.json.gz"]});
        assert_eq!(
            keys(&told),
            ["s3://trail/AWSLogs/1.json.gz", "s3://trail/AWSLogs/2.json.gz"]
        );
    }

    #[test]
    fn a_message_that_tells_of_no_object_says_what_it_lacks() {
        assert!(objects("hello").unwrap_err().starts_with("not JSON"));
        assert!(
            objects("{}")
                .unwrap_err()
                .contains("neither a notification of S3")
        );
        let broken =
            json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {}}}]}).to_string();
        assert!(
            objects(&broken)
                .unwrap_err()
                .starts_with("record 1: it names no bucket")
        );
        let mut deep = json!({});
        for _ in 0..6 {
            deep = json!({"Message": deep.to_string()});
        }
        assert!(objects(&deep.to_string()).unwrap_err().contains("without an end"));
    }
}
