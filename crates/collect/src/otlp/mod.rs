//! OTLP logs over HTTP (OpenTelemetry protocol 1.7): requests to records, and answers as the protocol wants them.
//!
//! Takes a decompressed body in either encoding; gives one record for each log record, whose text is OTLP's own JSON with resource and
//! scope around it, so that it can be read again by [`crate::parse`] and by anything else that knows OTLP. Pure.

mod answer;
mod messages;
mod values;

pub(crate) use answer::{refused, stored};

use crate::parse::otlp as reading;
use crate::push::{DecodeError, PushLimits, Record, Taken, malformed, push_record, too_large};
use messages::{ExportLogsServiceRequest, LogRecord};
use prost::Message as _;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How a request is written, and its answer after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Encoding {
    /// The encoding that a `Content-Type` names.
    #[must_use]
    pub fn of(content_type: Option<&str>) -> Option<Self> {
        let kind = content_type?.split(';').next()?.trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Its `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// The log records of a request. A record that cannot be read is refused by itself, by its place.
///
/// # Errors
/// A body that is no request of this encoding; too many records.
pub fn logs(body: &[u8], encoding: Encoding, limits: &PushLimits) -> Result<Taken, DecodeError> {
    match encoding {
        Encoding::Protobuf => of_protobuf(body, limits),
        Encoding::Json => of_json(body, limits),
    }
}

fn of_protobuf(body: &[u8], limits: &PushLimits) -> Result<Taken, DecodeError> {
    let request = ExportLogsServiceRequest::decode(body).map_err(|e| {
        malformed(
            "the body",
            format!("not an ExportLogsServiceRequest in protobuf: {e}"),
        )
    })?;
    let mut taken = Taken::default();
    for (r, resource_logs) in request.resource_logs.into_iter().enumerate() {
        let resource = resource_logs.resource.map(values::resource).unwrap_or_default();
        for (s, scope_logs) in resource_logs.scope_logs.into_iter().enumerate() {
            let scope = scope_logs.scope.map(values::scope).unwrap_or_default();
            for (n, bytes) in scope_logs.log_records.into_iter().enumerate() {
                let place = Place(r, s, n);
                let text = LogRecord::decode(bytes.as_slice())
                    .map_err(|e| malformed(place, format!("not a LogRecord: {e}")))
                    .map(|record| values::record(record).to_string());
                let line = text.map(|text| around(&resource, &scope, &text));
                take(line, place, &mut taken, limits)?;
            }
        }
    }
    Ok(taken)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRequest<'b> {
    #[serde(borrow, default)]
    resource_logs: Vec<JsonResourceLogs<'b>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResourceLogs<'b> {
    #[serde(borrow, default)]
    resource: Option<&'b RawValue>,
    #[serde(borrow, default)]
    scope_logs: Vec<JsonScopeLogs<'b>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonScopeLogs<'b> {
    #[serde(borrow, default)]
    scope: Option<&'b RawValue>,
    #[serde(borrow, default)]
    log_records: Vec<&'b RawValue>,
}

fn of_json(body: &[u8], limits: &PushLimits) -> Result<Taken, DecodeError> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(malformed(
            "the body",
            "not an ExportLogsServiceRequest in JSON: expected `{\"resourceLogs\": […]}`",
        ));
    }
    let request: JsonRequest<'_> = serde_json::from_slice(body).map_err(|e| {
        malformed(
            "the body",
            format!("not an ExportLogsServiceRequest in JSON: {e}"),
        )
    })?;
    let text = |raw: Option<&RawValue>| raw.map(|raw| raw.get().to_owned()).unwrap_or_default();
    let mut taken = Taken::default();
    for (r, resource_logs) in request.resource_logs.into_iter().enumerate() {
        let resource = text(resource_logs.resource);
        for (s, scope_logs) in resource_logs.scope_logs.into_iter().enumerate() {
            let scope = text(scope_logs.scope);
            for (n, record) in scope_logs.log_records.into_iter().enumerate() {
                let line = around(&resource, &scope, record.get());
                take(Ok(line), Place(r, s, n), &mut taken, limits)?;
            }
        }
    }
    Ok(taken)
}

/// Where a record stands in its request.
#[derive(Debug, Clone, Copy)]
struct Place(usize, usize, usize);

impl From<Place> for String {
    fn from(Place(resource, scope, record): Place) -> Self {
        format!("resourceLogs[{resource}].scopeLogs[{scope}].logRecords[{record}]")
    }
}

/// A record as a request of its own, in JSON.
fn around(resource: &str, scope: &str, record: &str) -> String {
    let part = |name: &str, text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("\"{name}\":{text},")
        }
    };
    format!(
        "{{\"resourceLogs\":[{{{}\"scopeLogs\":[{{{}\"logRecords\":[{record}]}}]}}]}}",
        part("resource", resource),
        part("scope", scope)
    )
}

/// Takes a record that can be read again; refuses every other.
fn take(
    line: Result<String, DecodeError>,
    place: Place,
    taken: &mut Taken,
    limits: &PushLimits,
) -> Result<(), DecodeError> {
    let checked = line.and_then(|line| {
        if line.len() > limits.record_bytes {
            return Err(too_large(String::from(place), limits.record_bytes));
        }
        reading::check(&line).map_err(|reason| malformed(place, reason))?;
        Ok(line)
    });
    match checked {
        Ok(line) => push_record(&mut taken.records, Record::text(line), limits),
        Err(error) => {
            taken.refused.add(error);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::messages::{
        AnyValue, InstrumentationScope, KeyValue, Kind, Resource, ResourceLogs, ScopeLogs,
    };
    use super::*;
    use serde_json::{Value, json};

    const LIMITS: PushLimits = PushLimits {
        body_bytes: 100_000,
        decompressed_bytes: 100_000,
        record_bytes: 2_000,
        records: 10,
    };

    fn text(text: &str) -> AnyValue {
        AnyValue {
            value: Some(Kind::String(text.into())),
        }
    }

    fn attribute(key: &str, value: AnyValue) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: Some(value),
        }
    }

    fn nested(depth: usize) -> AnyValue {
        (0..depth).fold(text("deep"), |inner, _| AnyValue {
            value: Some(Kind::Array(messages::ArrayValue { values: vec![inner] })),
        })
    }

    fn protobuf(records: Vec<Vec<u8>>) -> Vec<u8> {
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(Resource {
                    attributes: vec![attribute("service.name", text("checkout"))],
                }),
                scope_logs: vec![ScopeLogs {
                    scope: Some(InstrumentationScope {
                        name: "log4j".into(),
                        ..InstrumentationScope::default()
                    }),
                    log_records: records,
                }],
            }],
        }
        .encode_to_vec()
    }

    fn record() -> LogRecord {
        LogRecord {
            time_unix_nano: 1_772_438_400_123_456_789,
            severity_number: 17,
            severity_text: "ERROR".into(),
            body: Some(text("it broke")),
            attributes: vec![
                attribute(
                    "n",
                    AnyValue {
                        value: Some(Kind::Int(-5)),
                    },
                ),
                attribute(
                    "raw",
                    AnyValue {
                        value: Some(Kind::Bytes(vec![0, 255])),
                    },
                ),
            ],
            trace_id: vec![0xab; 16],
            span_id: vec![1; 8],
            ..LogRecord::default()
        }
    }

    #[test]
    fn both_encodings_give_the_same_record() {
        let taken = logs(
            &protobuf(vec![record().encode_to_vec()]),
            Encoding::Protobuf,
            &LIMITS,
        )
        .unwrap();
        let line: Value = serde_json::from_str(&taken.records[0].line).unwrap();
        let expected = json!({"resourceLogs": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]},
            "scopeLogs": [{"scope": {"name": "log4j"}, "logRecords": [{
                "timeUnixNano": "1772438400123456789", "severityNumber": 17, "severityText": "ERROR",
                "body": {"stringValue": "it broke"},
                "attributes": [{"key": "n", "value": {"intValue": "-5"}}, {"key": "raw", "value": {"bytesValue": "AP8="}}],
                "traceId": "abababababababababababababababab", "spanId": "0101010101010101"}]}]}]});
        assert_eq!(line, expected);
        let again = logs(taken.records[0].line.as_bytes(), Encoding::Json, &LIMITS).unwrap();
        assert_eq!(again.records, taken.records);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_refused_by_its_place_and_the_others_are_taken() {
        let deep = LogRecord {
            body: Some(nested(80)),
            ..LogRecord::default()
        };
        let large = LogRecord {
            body: Some(text(&"x".repeat(3_000))),
            ..LogRecord::default()
        };
        let records = vec![
            record().encode_to_vec(),
            b"\xff\xff".to_vec(),
            deep.encode_to_vec(),
            large.encode_to_vec(),
            record().encode_to_vec(),
        ];
        let taken = logs(&protobuf(records), Encoding::Protobuf, &LIMITS).unwrap();
        assert_eq!((taken.records.len(), taken.refused.count), (2, 3));
        let said: Vec<String> = taken.refused.first.iter().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with("resourceLogs[0].scopeLogs[0].logRecords[1]: not a LogRecord"),
            "{said:?}"
        );
        assert!(
            said[1].contains("logRecords[2]") && said[2].contains("logRecords[3]"),
            "{said:?}"
        );
        let json = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[7,{"body":{"stringValue":"ok"}},{"timeUnixNano":"soon"}]}]}]}"#;
        let taken = logs(json, Encoding::Json, &LIMITS).unwrap();
        assert_eq!((taken.records.len(), taken.refused.count), (1, 2));
    }

    #[test]
    fn a_body_that_is_no_request_is_refused_as_a_whole() {
        assert!(logs(b"\x0a\xff", Encoding::Protobuf, &LIMITS).is_err());
        assert!(logs(b"[]", Encoding::Json, &LIMITS).is_err());
        assert_eq!(logs(b"{}", Encoding::Json, &LIMITS), Ok(Taken::default()));
        let many = vec![record().encode_to_vec(); 11];
        assert!(matches!(
            logs(&protobuf(many), Encoding::Protobuf, &LIMITS),
            Err(DecodeError::TooLarge { unit: "records", .. })
        ));
    }

    #[test]
    fn the_content_type_says_the_encoding() {
        assert_eq!(
            Encoding::of(Some("Application/JSON; charset=utf-8")),
            Some(Encoding::Json)
        );
        assert_eq!(
            Encoding::of(Some("application/x-protobuf")),
            Some(Encoding::Protobuf)
        );
        assert_eq!(
            (Encoding::of(Some("text/plain")), Encoding::of(None)),
            (None, None)
        );
    }
}
