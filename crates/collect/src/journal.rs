//! journald's export format (systemd.io/JOURNAL_EXPORT_FORMATS): entries of fields, each `NAME=text` or, where the value is not one
//! line of text, `NAME`, its length in 64 bits, little endian, and its bytes. An empty line ends an entry. Pure.
//!
//! An entry becomes a line of JSON as `journalctl -o json` prints it, save that bytes which are no text are `base64:…`: the journal's
//! own form, a list of numbers, reads badly and takes four times the room.

use crate::push::{DecodeError, PushLimits, Record, Taken, malformed, push_record, too_large};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

/// How many fields an entry may have: journald itself takes no more.
const FIELDS: usize = 1024;

/// The entries of a body. An entry that is too large is refused by its number from 1, and the others are taken.
///
/// # Errors
/// A length that cannot be, or an end within an entry: it cannot be known where the next one begins.
pub fn entries(body: &[u8], limits: &PushLimits) -> Result<Taken, DecodeError> {
    let mut taken = Taken::default();
    let mut rest = body;
    let mut number = 0;
    loop {
        rest = &rest[rest.iter().take_while(|b| **b == b'\n').count()..];
        if rest.is_empty() {
            return Ok(taken);
        }
        number += 1;
        let place = format!("entry {number}");
        let (fields, behind) =
            entry(rest, true, &place)?.ok_or_else(|| malformed(&place, "it ends within a field"))?;
        rest = behind;
        let line = Value::from(fields).to_string();
        if line.len() > limits.record_bytes {
            taken.refused.add(too_large(place, limits.record_bytes));
            continue;
        }
        push_record(&mut taken.records, Record::text(line), limits)?;
    }
}

/// The first entry of bytes that may end within one: its line of JSON and how many bytes it takes; nothing where more is to come.
///
/// # Errors
/// What is no entry.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<(String, usize)>, DecodeError> {
    let found = entry(bytes, false, "the entry")?;
    Ok(found.map(|(fields, behind)| (Value::from(fields).to_string(), bytes.len() - behind.len())))
}

/// An entry and what stands behind it; nothing where it is not whole. `ends` says that nothing more comes, so that the last line end
/// ends the entry, too.
type Found<'b> = Option<(Map<String, Value>, &'b [u8])>;

fn entry<'b>(mut rest: &'b [u8], ends: bool, place: &str) -> Result<Found<'b>, DecodeError> {
    let mut fields = Map::new();
    loop {
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            let whole = ends && rest.is_empty() && !fields.is_empty();
            return Ok(whole.then_some((fields, rest)));
        };
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            return Ok(Some((fields, rest)));
        }
        let (name, value) = match line.iter().position(|b| *b == b'=') {
            Some(equals) => (&line[..equals], &line[equals + 1..]),
            None => {
                field_name(line, place)?;
                let Some((value, behind)) = sized(rest, place)? else {
                    return Ok(None);
                };
                rest = behind;
                (line, value)
            }
        };
        if fields.len() == FIELDS {
            return Err(malformed(place, format!("it has more than {FIELDS} fields")));
        }
        put(&mut fields, field_name(name, place)?, readable(value));
    }
}

/// A value, and what stands behind it.
type Cut<'b> = (&'b [u8], &'b [u8]);

/// A value behind its length; nothing where it is not whole.
fn sized<'b>(rest: &'b [u8], place: &str) -> Result<Option<Cut<'b>>, DecodeError> {
    let Some((length, rest)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    match rest.split_at_checked(length) {
        None | Some((_, [])) => Ok(None),
        Some((value, [b'\n', behind @ ..])) => Ok(Some((value, behind))),
        Some(_) => Err(malformed(place, "no line end behind a field with a length")),
    }
}

fn field_name<'n>(name: &'n [u8], place: &str) -> Result<&'n str, DecodeError> {
    let sound = (1..=64).contains(&name.len())
        && name
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    let name = std::str::from_utf8(name).ok().filter(|_| sound);
    name.ok_or_else(|| {
        malformed(
            place,
            "expected a field such as `MESSAGE=text`, as `journalctl -o export` writes",
        )
    })
}

fn readable(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => format!("base64:{}", BASE64.encode(value)).into(),
    }
}

/// A name that comes again makes a list of its values.
fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    match fields.get_mut(name) {
        None => {
            fields.insert(name.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIMITS: PushLimits = PushLimits {
        body_bytes: 10_000,
        decompressed_bytes: 10_000,
        record_bytes: 200,
        records: 3,
    };

    fn sized_field(name: &str, value: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{name}\n").into_bytes();
        bytes.extend((value.len() as u64).to_le_bytes());
        bytes.extend(value);
        bytes.push(b'\n');
        bytes
    }

    #[test]
    fn text_bytes_and_lists_are_read() {
        let mut body =
            b"\n__CURSOR=s=1\n__REALTIME_TIMESTAMP=1772438400000000\nMESSAGE=a=b\nTAG=1\nTAG=2\n\n".to_vec();
        body.extend(sized_field("MESSAGE", b"two\n\nlines"));
        body.extend(sized_field("BYTES", &[0, 255]));
        let taken = entries(&body, &LIMITS).unwrap();
        let found: Vec<Value> = taken
            .records
            .iter()
            .map(|record| serde_json::from_str(&record.line).unwrap())
            .collect();
        assert_eq!(
            found,
            [
                json!({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1772438400000000", "MESSAGE": "a=b", "TAG": ["1", "2"]}),
                json!({"MESSAGE": "two\n\nlines", "BYTES": "base64:AP8="})
            ]
        );
    }

    #[test]
    fn an_entry_that_is_being_written_is_waited_for() {
        let mut whole = b"A=1\n".to_vec();
        whole.extend(sized_field("B", b"x\n\ny"));
        whole.push(b'\n');
        for length in 0..whole.len() {
            assert_eq!(first(&whole[..length]), Ok(None), "{length}");
        }
        whole.extend(b"C=2\n");
        let line = r#"{"A":"1","B":"x\n\ny"}"#.to_owned();
        assert_eq!(first(&whole), Ok(Some((line, whole.len() - 4))));
    }

    #[test]
    fn what_cannot_be_is_said_by_its_entry_and_what_is_too_large_is_refused_alone() {
        let said = |body: &[u8]| entries(body, &LIMITS).unwrap_err().to_string();
        assert_eq!(said(b"A=1\n\nB=2"), "entry 2: it ends within a field");
        assert!(said(b"lower=1\n").starts_with("entry 1: expected a field"));
        assert_eq!(said(b"A\n\x01\0\0"), "entry 1: it ends within a field");
        let mut endless = b"A\n".to_vec();
        endless.extend(u64::MAX.to_le_bytes());
        assert_eq!(said(&endless), "entry 1: it ends within a field");
        let large = format!("A={}\n\nB=2\n", "x".repeat(300));
        let taken = entries(large.as_bytes(), &LIMITS).unwrap();
        assert_eq!((taken.records.len(), taken.refused.count), (1, 1));
        let many = "A=1\n\n".repeat(4);
        assert!(matches!(
            entries(many.as_bytes(), &LIMITS),
            Err(DecodeError::TooLarge { .. })
        ));
    }
}
