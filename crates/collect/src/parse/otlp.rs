//! Log records of OpenTelemetry in OTLP's JSON, one request a line, as the receiver keeps them and as the Collector's file exporter
//! writes them.
//!
//! Attributes of a record are fields by their own names. `message` is a body that is text, and what such a text says in a form of its
//! own is read too; a body with names in it gives its names where no attribute has them. `resource` and `scope` hold theirs.

use super::{Context, Interpretation, Parsed};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// How deep values may lie in each other.
const DEPTH: usize = 32;

pub(super) fn resembles(trimmed: &str) -> bool {
    trimmed
        .strip_prefix('{')
        .is_some_and(|rest| rest.trim_start().starts_with("\"resourceLogs\""))
}

/// Whether every record of a line can be read.
pub(crate) fn check(line: &str) -> Result<(), String> {
    records(line).and_then(|records| {
        records
            .iter()
            .try_for_each(|record| Told::of(record).map(|_told| ()))
    })
}

pub(super) fn parse(how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    let records = match records(line) {
        Ok(records) => records,
        Err(reason) => return vec![Parsed::unreadable(line, reason)],
    };
    let alone = records.len() == 1;
    let mut found = Vec::with_capacity(records.len());
    for record in &records {
        match Told::of(record) {
            Ok(told) => found.extend(told.parsed(how, context)),
            Err(reason) => found.push(Parsed::unreadable(line, reason)),
        }
        if !alone && let Some(parsed) = found.last_mut() {
            parsed.raw = Some(record.alone());
        }
    }
    found
}

/// One record with what it stands in.
struct InPlace {
    resource: Value,
    scope: Value,
    record: Value,
}

impl InPlace {
    /// The record's own text, as a request of its own.
    fn alone(&self) -> String {
        serde_json::json!({"resourceLogs": [{"resource": self.resource, "scopeLogs": [{"scope": self.scope, "logRecords": [self.record]}]}]})
            .to_string()
    }
}

fn records(line: &str) -> Result<Vec<InPlace>, String> {
    let mut request: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    if !request.get("resourceLogs").is_some_and(Value::is_array) {
        return Err("not OTLP logs: expected `{\"resourceLogs\": […]}`".into());
    }
    let mut found = Vec::new();
    for mut resource_logs in listed(&mut request, "resourceLogs")? {
        let resource = resource_logs["resource"].take();
        for mut scope_logs in listed(&mut resource_logs, "scopeLogs")? {
            let scope = scope_logs["scope"].take();
            for record in listed(&mut scope_logs, "logRecords")? {
                found.push(InPlace {
                    resource: resource.clone(),
                    scope: scope.clone(),
                    record,
                });
            }
        }
    }
    Ok(found)
}

/// Takes a list of objects out of an object; a list that is not there is empty. What a log record is, is seen where it is read.
fn listed(value: &mut Value, name: &str) -> Result<Vec<Value>, String> {
    match value.get_mut(name).map(Value::take) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) if name == "logRecords" || items.iter().all(Value::is_object) => Ok(items),
        Some(_) => Err(format!("`{name}` should be a list of objects")),
    }
}

/// What a record says.
struct Told {
    at: Option<DateTime<Utc>>,
    fields: Map<String, Value>,
    text: Option<String>,
}

impl Told {
    fn of(place: &InPlace) -> Result<Self, String> {
        let Value::Object(record) = &place.record else {
            return Err("a log record should be an object".into());
        };
        let mut fields = attributes(record.get("attributes"))?;
        let mut text = None;
        match record.get("body").map(|body| value(body, 0)).transpose()? {
            Some(Value::String(said)) => {
                fields.insert("message".into(), said.clone().into());
                text = Some(said);
            }
            Some(Value::Object(named)) => {
                for (name, value) in &named {
                    if !fields.contains_key(name) {
                        fields.insert(name.clone(), value.clone());
                    }
                }
                fields.insert("body".into(), named.into());
            }
            Some(Value::Null) | None => {}
            Some(other) => {
                fields.insert("body".into(), other);
            }
        }
        severity(record, &mut fields);
        for (from, name) in [
            ("traceId", "trace_id"),
            ("spanId", "span_id"),
            ("eventName", "event_name"),
        ] {
            if let Some(Value::String(text)) = record.get(from)
                && !text.is_empty()
            {
                fields.insert(name.into(), text.to_ascii_lowercase().into());
            }
        }
        let resource = attributes(place.resource.get("attributes"))?;
        if !resource.is_empty() {
            fields.insert("resource".into(), resource.into());
        }
        let mut scope = attributes(place.scope.get("attributes"))?;
        for name in ["name", "version"] {
            if let Some(Value::String(text)) = place.scope.get(name)
                && !text.is_empty()
            {
                scope.insert(name.into(), text.clone().into());
            }
        }
        if !scope.is_empty() {
            fields.insert("scope".into(), scope.into());
        }
        Ok(Self {
            at: time(record, "timeUnixNano")?.or(time(record, "observedTimeUnixNano")?),
            fields,
            text,
        })
    }

    fn parsed(self, how: &Interpretation, context: Context) -> Vec<Parsed> {
        let front = Parsed {
            at: self.at,
            fields: self.fields,
            ..Parsed::default()
        };
        let Some(text) = self.text else { return vec![front] };
        front.with_message(how, &text, context)
    }
}

/// OTLP's list of pairs as an object.
fn attributes(list: Option<&Value>) -> Result<Map<String, Value>, String> {
    pairs(list, 0)
}

fn pairs(list: Option<&Value>, depth: usize) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    let list = match list {
        None | Some(Value::Null) => return Ok(found),
        Some(Value::Array(list)) => list,
        Some(_) => return Err("attributes should be a list of `{\"key\", \"value\"}`".into()),
    };
    for pair in list {
        let Some(Value::String(key)) = pair.get("key") else {
            return Err("an attribute should have a `key`".into());
        };
        let value = pair
            .get("value")
            .map_or(Ok(Value::Null), |any| value(any, depth))?;
        found.insert(key.clone(), value);
    }
    Ok(found)
}

/// OTLP's `AnyValue` as plain JSON. Whole numbers come as text, bytes as base64.
fn value(any: &Value, depth: usize) -> Result<Value, String> {
    if depth > DEPTH {
        return Err(format!("values lie more than {DEPTH} deep in each other"));
    }
    let Value::Object(kinds) = any else {
        return match any {
            Value::Null => Ok(Value::Null),
            _ => Err("a value should be an object such as `{\"stringValue\": \"…\"}`".into()),
        };
    };
    let Some((kind, inner)) = kinds.iter().find(|(name, _)| name.ends_with("Value")) else {
        return Ok(Value::Null);
    };
    match (kind.as_str(), inner) {
        ("intValue", Value::String(digits)) => digits
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("`{digits}` is not a whole number of 64 bits")),
        ("arrayValue", Value::Object(array)) => {
            let items = array.get("values").and_then(Value::as_array);
            items
                .into_iter()
                .flatten()
                .map(|item| value(item, depth + 1))
                .collect()
        }
        ("kvlistValue", Value::Object(list)) => pairs(list.get("values"), depth + 1).map(Value::from),
        ("stringValue" | "bytesValue", Value::String(_))
        | ("boolValue", Value::Bool(_))
        | ("intValue", Value::Number(_))
        | ("doubleValue", Value::Number(_) | Value::String(_)) => Ok(inner.clone()),
        (kind, _) => Err(format!("`{kind}` does not hold what its name says")),
    }
}

/// An instant in nanoseconds, as text or as a number; 0 says that it is not known.
fn time(record: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, String> {
    let nanoseconds = match record.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(digits)) => digits.parse::<u64>().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        Some(_) => None,
    };
    let nanoseconds = nanoseconds
        .ok_or_else(|| format!("`{name}` should be nanoseconds since 1970, as a number or as text"))?;
    Ok(i64::try_from(nanoseconds)
        .ok()
        .filter(|nanoseconds| *nanoseconds > 0)
        .map(DateTime::from_timestamp_nanos))
}

/// `severity` as it is written, else by the ranges that OpenTelemetry gives its numbers.
fn severity(record: &Map<String, Value>, fields: &mut Map<String, Value>) {
    let number = record.get("severityNumber").and_then(Value::as_u64).unwrap_or(0);
    let by_number = match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    };
    let written = record
        .get("severityText")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let text = if written.is_empty() { by_number } else { written };
    if !text.is_empty() {
        fields.insert("severity".into(), text.into());
    }
    if number > 0 {
        fields.insert("severity_number".into(), number.into());
    }
}
