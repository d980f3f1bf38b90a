//! GuardDuty findings: the finding's own fields, unchanged, bare or out of EventBridge's envelope.

use super::{Parsed, json, log_source, time};
use serde_json::{Map, Value};

pub(super) fn resembles(document: &str) -> bool {
    let has = |key: &str| document.contains(key);
    has("GuardDuty Finding")
        || (has("\"severity\"") && has("\"service\"") && has("\"resource\"") && has("\"accountId\""))
}

pub(super) fn parse(document: &str) -> Vec<Parsed> {
    let parsed = match serde_json::from_str(document) {
        Ok(Value::Object(object)) => of_finding(unwrap_envelope(object)),
        Ok(other) => Err(format!("expected a finding, found {}", json::kind(&other))),
        Err(e) => Err(format!("not JSON: {e}")),
    };
    vec![parsed.unwrap_or_else(|reason| Parsed::unreadable(document, reason))]
}

fn unwrap_envelope(mut object: Map<String, Value>) -> Map<String, Value> {
    let enveloped = object.get("detail-type").and_then(Value::as_str) == Some("GuardDuty Finding");
    match object.remove("detail") {
        Some(Value::Object(detail)) if enveloped => detail,
        Some(other) => {
            object.insert("detail".into(), other);
            object
        }
        None => object,
    }
}

fn of_finding(fields: Map<String, Value>) -> Result<Parsed, String> {
    for required in ["id", "type", "updatedAt"] {
        if !fields.get(required).is_some_and(Value::is_string) {
            return Err(format!("a finding without `{required}`"));
        }
    }
    let at = fields.get("updatedAt").and_then(|v| time::of_value(v, 0));
    let at = at.ok_or("the finding's `updatedAt` is not a time")?;
    Ok(Parsed {
        at: Some(at),
        id: Some(version_id(&fields)),
        log_source: log_source("aws", "guardduty"),
        fields,
        ..Parsed::default()
    })
}

/// `account/region/id/updatedAt/count`: a recurrence keeps the finding's id and replaces its actor, so every version is an event.
fn version_id(fields: &Map<String, Value>) -> String {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("-");
    let count = fields
        .get("service")
        .and_then(|service| service.get("count"))
        .map_or_else(|| "-".to_owned(), Value::to_string);
    let id = format!(
        "{}/{}/{}/{}/{count}",
        text("accountId"),
        text("region"),
        text("id"),
        text("updatedAt")
    );
    if id.len() <= 512 {
        id
    } else {
        watchkeeper_domain::id::digest(&[&id])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINDING: &str = r#"{"id":"f1","accountId":"111122223333","region":"eu-central-1","type":"Exfiltration:S3/AnomalousBehavior","severity":8,"updatedAt":"2026-02-03T04:05:06.789Z","resource":{},"service":{"count":3}}"#;

    #[test]
    fn a_finding_is_the_same_bare_and_enveloped() {
        let bare = parse(FINDING);
        let enveloped = parse(&format!(
            r#"{{"version":"0","detail-type":"GuardDuty Finding","source":"aws.guardduty","detail":{FINDING}}}"#
        ));
        assert_eq!(bare, enveloped);
        assert_eq!(
            bare[0].id.as_deref(),
            Some("111122223333/eu-central-1/f1/2026-02-03T04:05:06.789Z/3")
        );
        assert_eq!(bare[0].at.map(|a| a.timestamp_millis()), Some(1_770_091_506_789));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            parse(r#"{"id":"f1","type":"x"}"#)[0].unparsed.as_deref(),
            Some("a finding without `updatedAt`")
        );
    }
}
