//! What a frame of a spool holds, as bytes: lengths and text one after another, since a request is written and read once and JSON
//! within JSON would be most of the work of taking it.
//!
//! A text is its length (32 bits, little endian) and its UTF-8. An entry is `2`, its key, when it was received and, if told, who sent
//! it, the number of its records, and each record: a byte of flags, its line and, as the flags say, its time and its id. Times are
//! microseconds since 1970. Keys are `3`, their number and each key. Frames of the first version are JSON and begin with `{`; they
//! are still read.

use crate::push::Record;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::BTreeMap;

const ENTRY: u8 = 2;
const KEYS: u8 = 3;
const ENTRY_WITH_ATTRIBUTES: u8 = 4;
const JSON: u8 = b'{';

/// Flags of a record.
const HAS_TIME: u8 = 1;
const HAS_ID: u8 = 2;

/// What a frame holds.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Frame {
    /// One request.
    #[serde(rename = "e")]
    Entry(Entry),
    /// The keys of the requests before this segment.
    #[serde(rename = "k")]
    Keys(Vec<String>),
}

/// One request.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    /// The client's key, or one of our own; event ids are made of it.
    #[serde(rename = "k")]
    pub(crate) key: String,
    #[serde(rename = "t")]
    pub(crate) received_at: DateTime<Utc>,
    /// Who sent it, where the transport tells and nothing better does: an address.
    #[serde(skip)]
    pub(crate) sender: Option<String>,
    /// What the transport says of all its records, by the names of the fields that it becomes.
    #[serde(skip)]
    pub(crate) attributes: BTreeMap<String, String>,
    #[serde(rename = "r")]
    pub(crate) records: Vec<Record>,
}

/// The keys that a frame brings, for whoever looks for nothing else.
pub(super) enum KeysOf {
    One(String),
    Many(Vec<String>),
}

/// A payload whose checksum is right and which is no frame all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Entry {
    /// A request to which nobody gave a key: one is made up.
    pub(crate) fn unnamed(sender: Option<String>, records: Vec<Record>, received_at: DateTime<Utc>) -> Self {
        Self {
            key: format!("{:032x}", rand::random::<u128>()),
            received_at,
            sender,
            attributes: BTreeMap::new(),
            records,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let text: usize = self.records.iter().map(|record| record.line.len() + 32).sum();
        let mut bytes = Vec::with_capacity(text + self.key.len() + 64);
        bytes.push(if self.attributes.is_empty() {
            ENTRY
        } else {
            ENTRY_WITH_ATTRIBUTES
        });
        put_text(&mut bytes, &self.key);
        put_time(&mut bytes, self.received_at);
        put_text(&mut bytes, self.sender.as_deref().unwrap_or_default());
        if !self.attributes.is_empty() {
            put_length(&mut bytes, self.attributes.len());
            for (name, value) in &self.attributes {
                put_text(&mut bytes, name);
                put_text(&mut bytes, value);
            }
        }
        put_length(&mut bytes, self.records.len());
        for record in &self.records {
            let time = record.at.map_or(0, |_| HAS_TIME);
            let id = record.id.as_ref().map_or(0, |_| HAS_ID);
            bytes.push(time | id);
            put_text(&mut bytes, &record.line);
            if let Some(at) = record.at {
                put_time(&mut bytes, at);
            }
            if let Some(id) = &record.id {
                put_text(&mut bytes, id);
            }
        }
        bytes
    }
}

impl Frame {
    pub(super) fn encode_keys<'k>(keys: impl ExactSizeIterator<Item = &'k String>) -> Vec<u8> {
        let mut bytes = vec![KEYS];
        put_length(&mut bytes, keys.len());
        keys.for_each(|key| put_text(&mut bytes, key));
        bytes
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, Unreadable> {
        let mut rest = Rest(payload);
        match payload.first() {
            Some(&JSON) => serde_json::from_slice(payload).map_err(|_| Unreadable),
            Some(&tag @ (ENTRY | ENTRY_WITH_ATTRIBUTES)) => rest
                .byte()
                .and_then(|_| rest.entry(tag == ENTRY_WITH_ATTRIBUTES))
                .map(Self::Entry),
            Some(&KEYS) => rest.byte().and_then(|_| rest.keys()).map(Self::Keys),
            _ => Err(Unreadable),
        }
    }

    /// The keys alone; the records of an entry are not looked at.
    pub(super) fn keys_of(payload: &[u8]) -> Result<KeysOf, Unreadable> {
        if let Some(&(ENTRY | ENTRY_WITH_ATTRIBUTES)) = payload.first() {
            return Rest(&payload[1..]).text().map(KeysOf::One);
        }
        Self::decode(payload).map(|frame| match frame {
            Self::Entry(entry) => KeysOf::One(entry.key),
            Self::Keys(keys) => KeysOf::Many(keys),
        })
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Whoever writes has seen to it that a frame is shorter than 32 bits can say.
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_time(bytes: &mut Vec<u8>, at: DateTime<Utc>) {
    bytes.extend(at.timestamp_micros().to_le_bytes());
}

/// What was not read yet.
struct Rest<'p>(&'p [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Unreadable)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn length(&mut self) -> Result<usize, Unreadable> {
        self.take().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn text(&mut self) -> Result<String, Unreadable> {
        let length = self.length()?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        std::str::from_utf8(taken)
            .map(str::to_owned)
            .map_err(|_| Unreadable)
    }

    fn time(&mut self) -> Result<DateTime<Utc>, Unreadable> {
        let micros = i64::from_le_bytes(self.take()?);
        DateTime::from_timestamp_micros(micros).ok_or(Unreadable)
    }

    fn entry(&mut self, has_attributes: bool) -> Result<Entry, Unreadable> {
        let key = self.text()?;
        let received_at = self.time()?;
        let sender = Some(self.text()?).filter(|sender| !sender.is_empty());
        let mut attributes = BTreeMap::new();
        for _ in 0..if has_attributes { self.length()? } else { 0 } {
            attributes.insert(self.text()?, self.text()?);
        }
        let count = self.length()?;
        // A record takes five bytes at least: a number that cannot be is no reason to ask for memory.
        let mut records = Vec::with_capacity(count.min(self.0.len() / 5));
        for _ in 0..count {
            records.push(self.record()?);
        }
        Ok(Entry {
            key,
            received_at,
            sender,
            attributes,
            records,
        })
    }

    fn record(&mut self) -> Result<Record, Unreadable> {
        let flags = self.byte()?;
        Ok(Record {
            line: self.text()?,
            at: (flags & HAS_TIME != 0).then(|| self.time()).transpose()?,
            id: (flags & HAS_ID != 0).then(|| self.text()).transpose()?,
        })
    }

    fn keys(&mut self) -> Result<Vec<String>, Unreadable> {
        let count = self.length()?;
        let mut keys = Vec::with_capacity(count.min(self.0.len() / 4));
        for _ in 0..count {
            keys.push(self.text()?);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let at = DateTime::from_timestamp_micros(1_772_438_400_123_456);
        Entry {
            key: "key:7".into(),
            received_at: at.unwrap(),
            sender: Some("192.0.2.7".into()),
            attributes: BTreeMap::new(),
            records: vec![
                Record::text(""),
                Record {
                    line: "grüße".into(),
                    at,
                    id: Some("a/b".into()),
                },
                Record {
                    line: "x".into(),
                    at,
                    id: None,
                },
            ],
        }
    }

    fn entry_with_attributes() -> Entry {
        let attributes = [("firehose.stage", "prod"), ("firehose.team", "")];
        Entry {
            attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
            ..entry()
        }
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for written in [entry, entry_with_attributes] {
            let bytes = written().encode();
            assert_eq!(Frame::decode(&bytes), Ok(Frame::Entry(written())));
            assert!(matches!(Frame::keys_of(&bytes), Ok(KeysOf::One(key)) if key == "key:7"));
        }
        let keys = ["a".to_owned(), String::new()];
        let bytes = Frame::encode_keys(keys.iter());
        assert_eq!(Frame::decode(&bytes), Ok(Frame::Keys(keys.to_vec())));
    }

    #[test]
    fn what_is_cut_anywhere_is_unreadable_and_nothing_else() {
        for written in [entry, entry_with_attributes] {
            let bytes = written().encode();
            for length in 0..bytes.len() {
                assert_eq!(Frame::decode(&bytes[..length]), Err(Unreadable), "{length}");
            }
        }
    }

    #[test]
    fn frames_of_the_first_version_are_still_read() {
        let old = br#"{"e":{"k":"key:1","t":"2026-03-02T08:00:00Z","r":[{"l":"one"},{"l":"two","i":"id"}]}}"#;
        let Ok(Frame::Entry(entry)) = Frame::decode(old) else {
            panic!("not read");
        };
        assert_eq!((entry.key.as_str(), entry.records.len()), ("key:1", 2));
        assert_eq!(entry.records[1].id.as_deref(), Some("id"));
        assert_eq!(
            Frame::decode(br#"{"k":["a"]}"#),
            Ok(Frame::Keys(vec!["a".into()]))
        );
    }
}
