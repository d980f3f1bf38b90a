//! Protobuf's messages in OTLP's JSON: 64-bit numbers as text, ids in hex, bytes in base64.

use super::messages::{AnyValue, InstrumentationScope, KeyValue, Kind, LogRecord, Resource};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

pub(super) fn resource(resource: Resource) -> String {
    let mut told = Map::new();
    put_attributes(&mut told, resource.attributes);
    Value::from(told).to_string()
}

pub(super) fn scope(scope: InstrumentationScope) -> String {
    let mut told = Map::new();
    put_text(&mut told, "name", scope.name);
    put_text(&mut told, "version", scope.version);
    put_attributes(&mut told, scope.attributes);
    Value::from(told).to_string()
}

pub(super) fn record(record: LogRecord) -> Value {
    let mut told = Map::new();
    let mut put_time = |name: &str, nanoseconds: u64| {
        if nanoseconds != 0 {
            told.insert(name.into(), nanoseconds.to_string().into());
        }
    };
    put_time("timeUnixNano", record.time_unix_nano);
    put_time("observedTimeUnixNano", record.observed_time_unix_nano);
    if record.severity_number != 0 {
        told.insert("severityNumber".into(), record.severity_number.into());
    }
    put_text(&mut told, "severityText", record.severity_text);
    if let Some(body) = record.body {
        told.insert("body".into(), value(body));
    }
    put_attributes(&mut told, record.attributes);
    if record.flags != 0 {
        told.insert("flags".into(), record.flags.into());
    }
    put_text(&mut told, "traceId", hex::encode(record.trace_id));
    put_text(&mut told, "spanId", hex::encode(record.span_id));
    put_text(&mut told, "eventName", record.event_name);
    told.into()
}

fn put_text(told: &mut Map<String, Value>, name: &str, text: String) {
    if !text.is_empty() {
        told.insert(name.into(), text.into());
    }
}

fn put_attributes(told: &mut Map<String, Value>, attributes: Vec<KeyValue>) {
    if !attributes.is_empty() {
        told.insert("attributes".into(), pairs(attributes));
    }
}

fn pairs(pairs: Vec<KeyValue>) -> Value {
    let pair =
        |pair: KeyValue| json!({"key": pair.key, "value": pair.value.map_or_else(|| json!({}), value)});
    pairs.into_iter().map(pair).collect()
}

/// The depth of a value is bounded by the decoder, which goes no deeper than a hundred messages.
fn value(any: AnyValue) -> Value {
    match any.value {
        None => json!({}),
        Some(Kind::String(text)) => json!({ "stringValue": text }),
        Some(Kind::Bool(truth)) => json!({ "boolValue": truth }),
        Some(Kind::Int(number)) => json!({ "intValue": number.to_string() }),
        Some(Kind::Double(number)) if number.is_finite() => json!({ "doubleValue": number }),
        Some(Kind::Double(number)) if number.is_nan() => json!({ "doubleValue": "NaN" }),
        Some(Kind::Double(number)) if number > 0.0 => json!({ "doubleValue": "Infinity" }),
        Some(Kind::Double(_)) => json!({ "doubleValue": "-Infinity" }),
        Some(Kind::Array(array)) => {
            json!({"arrayValue": {"values": array.values.into_iter().map(value).collect::<Value>()}})
        }
        Some(Kind::List(list)) => json!({"kvlistValue": {"values": pairs(list.values)}}),
        Some(Kind::Bytes(bytes)) => json!({ "bytesValue": BASE64.encode(bytes) }),
    }
}
