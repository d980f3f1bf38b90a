//! What is pushed over HTTP, decoded: pure functions from bytes to records, with every size bounded.
//!
//! Takes a body as it was sent; gives records, or an error that names the record. Leaves alone: HTTP itself and the disk.

use crate::cloudwatch::{event_id, is_excluded};
use crate::parse::skim;
use crate::zstd::Frames;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use subtle::ConstantTimeEq;

/// One line or document that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The text.
    #[serde(rename = "l")]
    pub line: String,
    /// When it happened, where the transport says so.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The id that the transport gives it, where that is unique and the same each time it is sent.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Record {
    /// A record of which nothing but its text is known.
    #[must_use]
    pub fn text(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            at: None,
            id: None,
        }
    }
}

/// How large things may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushLimits {
    /// A body as sent, in bytes.
    pub body_bytes: usize,
    /// A whole request after all decompression, in bytes.
    pub decompressed_bytes: usize,
    /// One record, in bytes.
    pub record_bytes: usize,
    /// Records in a request.
    pub records: usize,
}

/// Why a body is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Something is larger than allowed.
    #[error("{what} is larger than {limit} {unit}; send less at a time")]
    TooLarge {
        /// What is too large, such as `record 3`.
        what: String,
        /// What is allowed.
        limit: usize,
        /// Of what the limit counts.
        unit: &'static str,
    },
    /// Something is not what it should be.
    #[error("{place}: {reason}")]
    Malformed {
        /// Where: `the body`, `line 3`, `record 3`; records and lines count from 1.
        place: String,
        /// What is wrong and what was expected.
        reason: String,
    },
}

pub(crate) fn malformed(place: impl Into<String>, reason: impl Into<String>) -> DecodeError {
    DecodeError::Malformed {
        place: place.into(),
        reason: reason.into(),
    }
}

pub(crate) fn too_large(what: impl Into<String>, limit: usize) -> DecodeError {
    DecodeError::TooLarge {
        what: what.into(),
        limit,
        unit: "bytes",
    }
}

/// Whether a presented secret is one of those whose SHA-256 is given. The time taken does not depend on how much of it is right.
#[must_use]
pub fn secret_matches(presented: &str, digests: &[[u8; 32]]) -> bool {
    let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    let any = digests.iter().fold(subtle::Choice::from(0), |found, known| {
        found | known.ct_eq(&digest)
    });
    any.into()
}

/// Undoes the `Content-Encoding` of a body: none, `identity`, `gzip` or `zstd`.
///
/// # Errors
/// A body beyond the limits, before or after decompression; another encoding; damaged gzip or zstd.
pub fn decompress<'b>(
    body: &'b [u8],
    content_encoding: Option<&str>,
    limits: &PushLimits,
) -> Result<Cow<'b, [u8]>, DecodeError> {
    if body.len() > limits.body_bytes {
        return Err(too_large("the body", limits.body_bytes));
    }
    match content_encoding.map(|e| e.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => Ok(Cow::Borrowed(body)),
        Some("gzip" | "x-gzip") => gunzip(body, limits.decompressed_bytes, "the body").map(Cow::Owned),
        Some("zstd") => {
            unfold(Frames::new(body), limits.decompressed_bytes, "the body", "zstd").map(Cow::Owned)
        }
        Some(other) => Err(malformed(
            "the body",
            format!("content encoding `{other}` is not known; use gzip, zstd or none"),
        )),
    }
}

/// Reads at most `budget` bytes of what a decoder gives: a few kilobytes of gzip can hold gigabytes.
fn unfold(decoder: impl Read, budget: usize, place: &str, kind: &str) -> Result<Vec<u8>, DecodeError> {
    let mut plain = Vec::new();
    decoder
        .take(budget as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|e| malformed(place, format!("damaged {kind}: {e}")))?;
    if plain.len() > budget {
        return Err(too_large(format!("{place} after decompression"), budget));
    }
    Ok(plain)
}

fn gunzip(bytes: &[u8], budget: usize, place: &str) -> Result<Vec<u8>, DecodeError> {
    unfold(MultiGzDecoder::new(bytes), budget, place, "gzip")
}

/// What a request holds: the records that can be kept, and those that cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The good ones, in order.
    pub records: Vec<Record>,
    /// The others.
    pub refused: Refused,
}

/// How many refused records are told one by one.
const REFUSED_TOLD: usize = 100;

/// Records that were refused while others of their request were kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// Why, with their places; the first hundred.
    pub first: Vec<DecodeError>,
}

impl Refused {
    pub(crate) fn add(&mut self, error: DecodeError) {
        self.count += 1;
        if self.first.len() < REFUSED_TOLD {
            self.first.push(error);
        }
    }

    /// The first of them and how many more there are, in one line.
    #[must_use]
    pub fn told(&self) -> String {
        const IN_ONE_LINE: usize = 5;
        let mut said: Vec<String> = self
            .first
            .iter()
            .take(IN_ONE_LINE)
            .map(ToString::to_string)
            .collect();
        let more = self.count.saturating_sub(IN_ONE_LINE as u64);
        if more > 0 {
            said.push(format!("and {more} more"));
        }
        said.join("; ")
    }
}

/// How deep JSON may lie in itself: less deep than where the parser gives up that reads it again.
const NESTING_LIMIT: usize = 100;

/// Lines, one record each; blank lines separate and are nothing themselves. A body that as a whole is a list of JSON objects holds one
/// record for each of them. With `strict` each must be a JSON value, as for the formats that are JSON; else they are text. A line that
/// is too long, not UTF-8 or (with `strict`) not JSON is refused by its number from 1, and the others are taken.
///
/// # Errors
/// Too many records.
pub fn json_lines(body: &[u8], strict: bool, limits: &PushLimits) -> Result<Taken, DecodeError> {
    if let Some(items) = list_of_objects(body) {
        return take_items(&items, limits);
    }
    let mut taken = Taken::default();
    for (number, line) in lines(body) {
        match checked_line(line, number, strict, limits) {
            Ok(text) => push_record(&mut taken.records, Record::text(text), limits)?,
            Err(error) => taken.refused.add(error),
        }
    }
    Ok(taken)
}

/// The lines of a text with their numbers from 1; blank ones separate and are nothing themselves.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    let lines = ends.scan(0, move |begin, end| {
        let line = &text[std::mem::replace(begin, end + 1)..end];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    });
    (1..)
        .zip(lines)
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
}

fn checked_line<'l>(
    line: &'l [u8],
    number: usize,
    strict: bool,
    limits: &PushLimits,
) -> Result<&'l str, DecodeError> {
    let place = || format!("line {number}");
    if line.len() > limits.record_bytes {
        return Err(too_large(place(), limits.record_bytes));
    }
    let text = std::str::from_utf8(line)
        .map_err(|e| malformed(place(), format!("not UTF-8 from byte {}", e.valid_up_to() + 1)))?;
    if strict && !skim::is_surely_sound(text, NESTING_LIMIT) {
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| malformed(place(), not_json(&e)))?;
        if is_too_deep(line) {
            return Err(too_deep(place()));
        }
    }
    Ok(text)
}

/// Why a line is not JSON. Its number is told already, and the parser, which sees it alone, would call it the first.
fn not_json(error: &serde_json::Error) -> String {
    let told = error.to_string().replace(" at line 1 column ", " at column ");
    format!("not JSON: {told}")
}

/// The elements of a body that is one list of JSON objects.
fn list_of_objects(body: &[u8]) -> Option<Vec<&RawValue>> {
    let inner = body.trim_ascii_start().strip_prefix(b"[")?.trim_ascii_start();
    // Text in brackets is nothing unusual in front of a log line, and seldom JSON.
    if !inner.starts_with(b"{") {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    items
        .iter()
        .all(|item| item.get().starts_with('{'))
        .then_some(items)
}

fn take_items(items: &[&RawValue], limits: &PushLimits) -> Result<Taken, DecodeError> {
    let mut taken = Taken::default();
    for (index, item) in items.iter().enumerate() {
        let place = || format!("record {}", index + 1);
        let text = item.get();
        if text.len() > limits.record_bytes {
            taken.refused.add(too_large(place(), limits.record_bytes));
        } else if is_too_deep(text.as_bytes()) {
            taken.refused.add(too_deep(place()));
        } else {
            push_record(&mut taken.records, Record::text(text), limits)?;
        }
    }
    Ok(taken)
}

fn too_deep(place: String) -> DecodeError {
    malformed(
        place,
        format!("objects and lists lie more than {NESTING_LIMIT} deep in each other"),
    )
}

/// Whether JSON lies deeper in itself than allowed. What opens within text counts only as far as the text is at fault.
fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut within_text, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within_text => escaped = true,
            b'"' => within_text = !within_text,
            b'{' | b'[' if !within_text => {
                depth += 1;
                if depth > NESTING_LIMIT {
                    return true;
                }
            }
            b'}' | b']' if !within_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

pub(crate) fn push_record(
    records: &mut Vec<Record>,
    record: Record,
    limits: &PushLimits,
) -> Result<(), DecodeError> {
    if records.len() == limits.records {
        return Err(DecodeError::TooLarge {
            what: "the request".into(),
            limit: limits.records,
            unit: "records",
        });
    }
    records.push(record);
    Ok(())
}

/// A request of the Firehose HTTP endpoint protocol, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirehoseRequest {
    /// The same whenever the request is sent again.
    pub request_id: String,
    /// What it carries, in order.
    pub records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirehoseBody<'b> {
    request_id: String,
    #[serde(borrow)]
    records: Vec<FirehoseRecord<'b>>,
}

#[derive(Deserialize)]
struct FirehoseRecord<'b> {
    #[serde(borrow)]
    data: Cow<'b, str>,
}

/// What Firehose allows of common attributes: their number, and the length of a name and of a value.
const ATTRIBUTES: usize = 50;
const ATTRIBUTE_BYTES: usize = 4_096;

/// Reads `X-Amz-Firehose-Common-Attributes`, `{"commonAttributes": {"name": "value"}}`: what whoever set up the stream says of all that
/// it sends. Gives them by the names of the fields that they become, `firehose.NAME`.
///
/// # Errors
/// Another form, or more or longer ones than Firehose allows.
pub fn common_attributes(header: &str) -> Result<BTreeMap<String, String>, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Header {
        common_attributes: BTreeMap<String, String>,
    }
    let place = "the header X-Amz-Firehose-Common-Attributes";
    let header: Header = serde_json::from_str(header).map_err(|e| {
        malformed(
            place,
            format!("expected `{{\"commonAttributes\": {{\"name\": \"value\"}}}}`: {e}"),
        )
    })?;
    let found = header.common_attributes;
    if found.len() > ATTRIBUTES {
        return Err(DecodeError::TooLarge {
            what: place.into(),
            limit: ATTRIBUTES,
            unit: "attributes",
        });
    }
    let is_long = |(name, value): &(&String, &String)| name.len().max(value.len()) > ATTRIBUTE_BYTES;
    if found.iter().any(|attribute| is_long(&attribute)) {
        return Err(too_large(format!("a name or value in {place}"), ATTRIBUTE_BYTES));
    }
    let named = |(name, value)| (format!("firehose.{name}"), value);
    Ok(found.into_iter().map(named).collect())
}

/// Decodes a (decompressed) body of the Firehose HTTP endpoint protocol. A record is text, cut at line ends, or what a
/// subscription of CloudWatch Logs sends: gzip of its own envelope.
///
/// # Errors
/// The first record that cannot be decoded, by its number from 1.
pub fn firehose(body: &[u8], from: &Origin<'_>, limits: &PushLimits) -> Result<FirehoseRequest, DecodeError> {
    let decoded: FirehoseBody<'_> = serde_json::from_slice(body).map_err(|e| {
        malformed(
            "the body",
            format!(
                "not a Firehose request `{{\"requestId\", \"timestamp\", \"records\": [{{\"data\"}}]}}`: {e}"
            ),
        )
    })?;
    if decoded.request_id.is_empty() || decoded.request_id.len() > 256 {
        return Err(malformed("the body", "`requestId` should be 1 to 256 characters"));
    }
    let mut records = Vec::new();
    let mut budget = limits.decompressed_bytes;
    for (index, record) in decoded.records.iter().enumerate() {
        let place = format!("record {}", index + 1);
        let data = BASE64
            .decode(record.data.as_bytes())
            .map_err(|e| malformed(&place, format!("`data` is not base64: {e}")))?;
        let plain = unfolded(&data, budget, &place)?;
        budget = budget
            .checked_sub(plain.len())
            .ok_or_else(|| too_large("the request after decompression", limits.decompressed_bytes))?;
        let mut too_long = |_| Err(too_large(&place, limits.record_bytes));
        take_data(&plain, from, &place, &mut records, limits, &mut too_long)?;
    }
    Ok(FirehoseRequest {
        request_id: decoded.request_id,
        records,
    })
}

/// Whence a subscription's messages come, which they do not say themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'o> {
    /// The region of the log groups.
    pub region: &'o str,
    /// Log groups whose messages are passed over: the service's own, which would tell of themselves for ever. A `*` at the end stands
    /// for anything.
    pub excluded: &'o [String],
}

/// The records of data that nothing wraps.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DataRecords {
    /// They, in their order.
    pub records: Vec<Record>,
    /// Numbers, from 0, of those that were longer than allowed and are cut: nobody can be asked to send them otherwise.
    pub cut: Vec<usize>,
}

/// The records of data that nothing wraps, as a stream of Kinesis carries it: lines, or a subscription's message, compressed or not.
///
/// # Errors
/// What cannot be decoded.
pub fn data_records(data: &[u8], from: &Origin<'_>, limits: &PushLimits) -> Result<DataRecords, DecodeError> {
    let mut found = DataRecords::default();
    let place = "the record";
    let plain = unfolded(data, limits.decompressed_bytes, place)?;
    let mut too_long = |number| {
        found.cut.push(number);
        Ok(())
    };
    take_data(&plain, from, place, &mut found.records, limits, &mut too_long)?;
    Ok(found)
}

fn unfolded<'d>(data: &'d [u8], budget: usize, place: &str) -> Result<Cow<'d, [u8]>, DecodeError> {
    if data.starts_with(&[0x1f, 0x8b]) {
        gunzip(data, budget, place).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(data))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    message_type: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    log_group: String,
    #[serde(default)]
    log_stream: String,
    #[serde(default)]
    log_events: Vec<SubscribedEvent>,
}

#[derive(Deserialize)]
struct SubscribedEvent {
    /// A string on AWS, a number from some emulators.
    id: serde_json::Value,
    timestamp: i64,
    message: String,
}

/// Decides what becomes of a record that is longer than allowed, by the number that it would have: it is cut, or all are refused.
type TooLong<'t> = &'t mut dyn FnMut(usize) -> Result<(), DecodeError>;

/// The records of one Firehose record's data.
fn take_data(
    plain: &[u8],
    from: &Origin<'_>,
    place: &str,
    records: &mut Vec<Record>,
    limits: &PushLimits,
    too_long: TooLong<'_>,
) -> Result<(), DecodeError> {
    if is_subscription(plain) {
        let envelope: Subscription = serde_json::from_slice(plain)
            .map_err(|e| malformed(place, format!("not a CloudWatch Logs subscription message: {e}")))?;
        return take_subscription(envelope, from, records, limits, too_long);
    }
    for (_, line) in lines(plain) {
        let line = if line.len() > limits.record_bytes {
            too_long(records.len())?;
            &line[..limits.record_bytes]
        } else {
            line
        };
        // Firehose would send a refused request again and again: what is not UTF-8 is kept with marks in its place.
        push_record(records, Record::text(String::from_utf8_lossy(line)), limits)?;
    }
    Ok(())
}

fn is_subscription(plain: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind<'b> {
        #[serde(borrow)]
        message_type: Cow<'b, str>,
    }
    plain.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Kind<'_>>(plain)
            .is_ok_and(|kind| matches!(&*kind.message_type, "DATA_MESSAGE" | "CONTROL_MESSAGE"))
}

fn take_subscription(
    envelope: Subscription,
    from: &Origin<'_>,
    records: &mut Vec<Record>,
    limits: &PushLimits,
    too_long: TooLong<'_>,
) -> Result<(), DecodeError> {
    if envelope.message_type == "CONTROL_MESSAGE" {
        // Sent to see whether the destination answers; it carries no log.
        return Ok(());
    }
    if is_excluded(&envelope.log_group, from.excluded) {
        return Ok(());
    }
    for mut event in envelope.log_events {
        if event.message.len() > limits.record_bytes {
            too_long(records.len())?;
            let mut end = limits.record_bytes;
            while !event.message.is_char_boundary(end) {
                end -= 1;
            }
            event.message.truncate(end);
        }
        let id = match event.id {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let record = Record {
            line: event.message,
            at: DateTime::from_timestamp_millis(event.timestamp),
            id: Some(event_id(&[
                &envelope.owner,
                from.region,
                &envelope.log_group,
                &envelope.log_stream,
                &id,
            ])),
        };
        push_record(records, record, limits)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    const LIMITS: PushLimits = PushLimits {
        body_bytes: 10_000,
        decompressed_bytes: 50_000,
        record_bytes: 1_000,
        records: 100,
    };

    const FROM: Origin<'static> = Origin {
        region: "eu-central-1",
        excluded: &[],
    };

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn request(data: &[&[u8]]) -> Vec<u8> {
        let records: Vec<_> = data.iter().map(|d| json!({"data": BASE64.encode(d)})).collect();
        json!({"requestId": "r-1", "timestamp": 1, "records": records})
            .to_string()
            .into_bytes()
    }

    fn lines(records: &[Record]) -> Vec<&str> {
        records.iter().map(|r| r.line.as_str()).collect()
    }

    #[test]
    fn a_line_that_is_not_json_is_named_by_its_number() {
        let body = b"{\"a\":1}\r\n\n{\"b\":\n";
        let taken = json_lines(body, true, &LIMITS).unwrap();
        assert!(
            taken.refused.told().starts_with("line 3: not JSON"),
            "{:?}",
            taken.refused
        );
        assert_eq!(lines(&taken.records), ["{\"a\":1}"]);
        let taken = json_lines(body, false, &LIMITS).unwrap();
        assert_eq!(lines(&taken.records), ["{\"a\":1}", "{\"b\":"]);
        let taken = json_lines(b"ok\n\xff", false, &LIMITS).unwrap();
        assert_eq!((lines(&taken.records), taken.refused.count), (vec!["ok"], 1));
        assert_eq!(taken.refused.told(), "line 2: not UTF-8 from byte 1");
    }

    #[test]
    fn a_list_of_objects_is_a_record_each_however_it_is_laid_out() {
        let body = b" [ {\"a\": 1},\n  {\n \"b\": [2] }\n]\n";
        for strict in [true, false] {
            let taken = json_lines(body, strict, &LIMITS).unwrap();
            assert_eq!(lines(&taken.records), ["{\"a\": 1}", "{\n \"b\": [2] }"]);
        }
        let taken = json_lines(b"[notice] ready\n[{not json", false, &LIMITS).unwrap();
        assert_eq!(lines(&taken.records), ["[notice] ready", "[{not json"]);
        let long = format!("[{{}},{{\"x\":\"{}\"}}]", "y".repeat(1_000));
        let taken = json_lines(long.as_bytes(), true, &LIMITS).unwrap();
        assert_eq!(taken.records.len(), 1);
        assert_eq!(taken.refused.first, [too_large("record 2", 1_000)]);
    }

    #[test]
    fn what_is_sound_at_once_is_neither_too_deep_nor_at_fault() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let bodies = [
            deep(NESTING_LIMIT),
            deep(NESTING_LIMIT + 1),
            format!("{{\"a\":{}}}", deep(NESTING_LIMIT - 1)),
            format!("{{\"a\":{}}}", deep(NESTING_LIMIT)),
            "{\"a\":1e999}".to_owned(),
            "{\"a\":1".to_owned(),
            "7 ".to_owned(),
        ];
        let sound = bodies.map(|body| {
            let surely = skim::is_surely_sound(&body, NESTING_LIMIT);
            let taken = json_lines(body.as_bytes(), true, &LIMITS).unwrap();
            assert!(!surely || taken.refused.count == 0, "{body}");
            surely
        });
        assert_eq!(sound, [true, false, true, false, false, false, true]);
    }

    #[test]
    fn what_lies_too_deep_is_refused_before_anybody_reads_it() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let bodies = [
            deep(100),
            deep(101),
            format!("{{\"a\":\"{}\\\"{{\"}}", "[".repeat(200)),
        ];
        let refused = bodies.map(|body| json_lines(body.as_bytes(), true, &LIMITS).unwrap().refused.count);
        assert_eq!(refused, [0, 1, 0]);
        let item = format!("[{{\"a\":{}}}]", deep(100));
        assert_eq!(
            json_lines(item.as_bytes(), true, &LIMITS).unwrap().refused.count,
            1
        );
    }

    #[test]
    fn zstd_is_undone_within_the_same_bounds() {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        let zstd = |plain: &[u8]| compress_to_vec(plain, CompressionLevel::Fastest);
        let two = [zstd(b"one\n"), zstd(b"two")].concat();
        assert_eq!(decompress(&two, Some("zstd"), &LIMITS).unwrap(), &b"one\ntwo"[..]);
        let bomb = zstd(&vec![b'a'; 5_000_000]);
        assert!(bomb.len() < LIMITS.body_bytes, "{}", bomb.len());
        assert_eq!(
            decompress(&bomb, Some("zstd"), &LIMITS),
            Err(too_large("the body after decompression", 50_000))
        );
        assert!(decompress(b"not zstd", Some("zstd"), &LIMITS).is_err());
    }

    #[test]
    fn firehose_records_are_text_or_subscription_messages() {
        let envelope = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/app", "logStream": "s",
            "subscriptionFilters": ["all"], "logEvents": [{"id": "3800", "timestamp": 1_700_000_000_123_i64, "message": "hello"}]});
        let control = json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
            "subscriptionFilters": [], "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"}]});
        let body = request(&[
            b"one\ntwo\n",
            &gzip(envelope.to_string().as_bytes()),
            &gzip(control.to_string().as_bytes()),
            b"bad \xff byte",
        ]);
        let decoded = firehose(&body, &FROM, &LIMITS).unwrap();
        assert_eq!(decoded.request_id, "r-1");
        assert_eq!(
            lines(&decoded.records),
            ["one", "two", "hello", "bad \u{fffd} byte"]
        );
        assert_eq!(
            decoded.records[2].id.as_deref(),
            Some("111122223333/eu-central-1//app/s/3800")
        );
        assert_eq!(
            decoded.records[2].at.map(|a| a.timestamp_millis()),
            Some(1_700_000_000_123)
        );
    }

    #[test]
    fn common_attributes_become_fields_of_their_own_names_within_bounds() {
        let read = common_attributes(r#"{"commonAttributes":{"stage":"prod","team":"shop"}}"#).unwrap();
        let expected = [("firehose.stage", "prod"), ("firehose.team", "shop")];
        assert_eq!(read, expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
        let many: BTreeMap<String, &str> = (0..51).map(|n| (n.to_string(), "x")).collect();
        let long = json!({"commonAttributes": {"a": "x".repeat(4_097)}}).to_string();
        for wrong in [
            "{}",
            "prod",
            r#"{"commonAttributes":{"n":1}}"#,
            &json!({"commonAttributes": many}).to_string(),
            &long,
        ] {
            let error = common_attributes(wrong).unwrap_err().to_string();
            assert!(error.contains("X-Amz-Firehose-Common-Attributes"), "{error}");
        }
    }

    #[test]
    fn a_record_that_is_not_base64_is_named() {
        let body = br#"{"requestId":"r","timestamp":1,"records":[{"data":"YQ=="},{"data":"%"}]}"#;
        let error = firehose(body, &FROM, &LIMITS).unwrap_err().to_string();
        assert!(error.starts_with("record 2: `data` is not base64"), "{error}");
    }

    #[test]
    fn a_gzip_bomb_is_refused_before_it_unfolds() {
        let bomb = gzip(&vec![b'a'; 5_000_000]);
        assert!(bomb.len() < LIMITS.body_bytes);
        let body = decompress(&bomb, Some("gzip"), &LIMITS);
        assert_eq!(body, Err(too_large("the body after decompression", 50_000)));
        let inside = firehose(&request(&[&bomb]), &FROM, &LIMITS);
        assert_eq!(inside, Err(too_large("record 1 after decompression", 50_000)));
        let small = gzip(&vec![b'a'; 30_000]);
        let together = firehose(
            &request(&[&small, &small]),
            &FROM,
            &PushLimits {
                record_bytes: 40_000,
                ..LIMITS
            },
        );
        assert_eq!(together, Err(too_large("record 2 after decompression", 20_000)));
    }

    #[test]
    fn every_limit_holds() {
        let limits = PushLimits { records: 2, ..LIMITS };
        assert!(matches!(
            json_lines(b"1\n2\n3", true, &limits),
            Err(DecodeError::TooLarge { unit: "records", .. })
        ));
        let long = vec![b'x'; 1_001];
        let taken = json_lines(&long, false, &LIMITS).unwrap();
        assert_eq!(taken.refused.first, [too_large("line 1", 1_000)]);
        assert_eq!(
            firehose(&request(&[&long]), &FROM, &LIMITS),
            Err(too_large("record 1", 1_000))
        );
        assert_eq!(
            decompress(&vec![0; 10_001], None, &LIMITS),
            Err(too_large("the body", 10_000))
        );
        assert!(decompress(b"", Some("br"), &LIMITS).is_err());
    }

    #[test]
    fn a_secret_matches_only_itself() {
        let digest = |s: &str| <[u8; 32]>::from(Sha256::digest(s.as_bytes()));
        let known = [digest("alpha"), digest("beta")];
        assert!(secret_matches("alpha", &known) && secret_matches("beta", &known));
        assert!(
            !secret_matches("", &known) && !secret_matches("alph", &known) && !secret_matches("alpha", &[])
        );
    }
}
