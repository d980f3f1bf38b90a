//! CloudTrail: the record's own fields, unchanged, for Sigma's `product: aws, service: cloudtrail`.

use super::{Parsed, json, log_source, skim, time};
use serde_json::Value;

pub(super) fn resembles(document: &str) -> bool {
    let has = |key: &str| document.contains(key);
    has("\"eventVersion\"") && has("\"eventSource\"") && has("\"eventName\"")
}

/// The keys of a record that say more than rules ask for, and the one of a list of records.
fn is_asked(key: &str) -> bool {
    matches!(
        key,
        "eventTime" | "eventName" | "eventID" | "sourceIPAddress" | "Records"
    )
}

pub(super) fn parse(document: &str) -> Vec<Parsed> {
    if document.trim_ascii_start().starts_with('[') {
        return match serde_json::from_str::<Vec<Value>>(document) {
            Ok(records) => records.into_iter().map(of_listed).collect(),
            Err(e) => vec![Parsed::unreadable(document, format!("not JSON: {e}"))],
        };
    }
    let mut asked = match skim::object(document, is_asked) {
        Ok(asked) => asked,
        Err(reason) => return vec![Parsed::unreadable(document, reason)],
    };
    match asked.remove("Records") {
        Some(Value::Array(records)) => records.into_iter().map(of_listed).collect(),
        Some(other) => vec![Parsed::unreadable(
            document,
            format!("`Records` should be a list, found {}", json::kind(&other)),
        )],
        None => {
            let parsed = of_record(|key| asked.get(key)).map(|parsed| Parsed {
                in_text: true,
                ..parsed
            });
            vec![parsed.unwrap_or_else(|reason| Parsed::unreadable(document, reason))]
        }
    }
}

fn of_listed(record: Value) -> Parsed {
    let raw = record.to_string();
    let parsed = match record {
        Value::Object(mut fields) => of_record(|key| fields.get(key)).map(|mut parsed| {
            fields.append(&mut parsed.fields);
            Parsed { fields, ..parsed }
        }),
        other => Err(format!(
            "expected a CloudTrail record, found {}",
            json::kind(&other)
        )),
    };
    let mut parsed = parsed.unwrap_or_else(|reason| Parsed::unreadable(&raw, reason));
    parsed.raw = Some(raw);
    parsed
}

/// What a record says of itself, with the fields besides its own.
fn of_record<'v>(field: impl Fn(&str) -> Option<&'v Value>) -> Result<Parsed, String> {
    let Some(at) = field("eventTime").and_then(|v| time::of_value(v, 0)) else {
        return Err("a CloudTrail record without `eventTime`".into());
    };
    if !field("eventName").is_some_and(Value::is_string) {
        return Err("a CloudTrail record without `eventName`".into());
    }
    let id = field("eventID")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty() && id.len() <= 256)
        .map(ToOwned::to_owned);
    let address = field("sourceIPAddress").cloned();
    Ok(Parsed {
        at: Some(at),
        id,
        log_source: log_source("aws", "cloudtrail"),
        fields: address
            .map(|address| ("src_ip".to_owned(), address))
            .into_iter()
            .collect(),
        ..Parsed::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventVersion":"1.08","eventTime":"2023-07-10T11:42:18Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","sourceIPAddress":"10.0.0.1","eventID":"e-1"}"#;

    #[test]
    fn one_record_a_list_and_records_give_the_same_events() {
        let one = parse(RECORD);
        let listed = parse(&format!("[{RECORD},{RECORD}]"));
        let records = parse(&format!("{{\"Records\":[{RECORD}]}}"));
        assert_eq!((one.len(), listed.len(), records.len()), (1, 2, 1));
        assert_eq!(one[0].id.as_deref(), Some("e-1"));
        assert_eq!(one[0].fields["src_ip"], "10.0.0.1");
        assert_eq!(one[0].log_source, log_source("aws", "cloudtrail"));
        assert_eq!(records[0].at, one[0].at);
        assert_eq!(
            (&records[0].fields, records[0].in_text),
            (&one[0].clone().with_all_fields(RECORD).fields, false)
        );
        assert_eq!(records[0].raw.as_deref(), Some(RECORD));
    }

    #[test]
    fn a_damaged_record_in_a_list_does_not_take_the_others_along() {
        let found = parse(&format!("{{\"Records\":[{RECORD},{{\"eventName\":\"x\"}},7]}}"));
        let reasons: Vec<_> = found.iter().map(|p| p.unparsed.as_deref()).collect();
        assert_eq!(
            reasons,
            [
                None,
                Some("a CloudTrail record without `eventTime`"),
                Some("expected a CloudTrail record, found a number")
            ]
        );
    }
}
