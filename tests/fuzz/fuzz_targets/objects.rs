#![no_main]
//! What waits in buckets, queues and streams: notices of objects, the content of objects, findings, records of Kinesis. Nothing panics, no bound
//! is passed, and whoever is killed between two records goes on with the rest. The first byte says what the others are.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use md5::{Digest, Md5};
use std::sync::LazyLock;
use watchkeeper_collect::guardduty;
use watchkeeper_collect::kinesis;
use watchkeeper_collect::push;
use watchkeeper_collect::s3::{self, Cutter, Piece, Place};
use watchkeeper_fuzz::{LIMITS, ORIGIN, mutate::Mutator};

const LONGEST: usize = 96;
/// A byte that is no UTF-8 becomes a mark of so many.
const MARKED: usize = '\u{fffd}'.len_utf8();

const SEEDS: [&str; 10] = [
    r#"n{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","awsRegion":"eu-central-1","s3":{"bucket":{"name":"b"},"object":{"key":"a+b%2Fc","versionId":"v","eTag":"e"}}}]}"#,
    r#"n{"Type":"Notification","Message":"{\"Records\":[{\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"k\"}}}]}"}"#,
    r#"n{"detail-type":"Object Created","source":"aws.s3","region":"eu-central-1","detail":{"bucket":{"name":"b"},"object":{"key":"a b","version-id":"v","etag":"e"}}}"#,
    r#"n{"s3Bucket":"b","s3ObjectKey":["AWSLogs/1/a.json.gz","AWSLogs/1/b.json.gz"]}"#,
    r#"g{"version":"0","source":"aws.guardduty","detail-type":"GuardDuty Finding","detail":{"id":"f","updatedAt":"2026-02-03T04:05:06.789Z","service":{"count":3}}}"#,
    r#"g{"Type":"Notification","Message":"{\"detail-type\":\"GuardDuty Finding\",\"detail\":{\"id\":\"f\"}}"}"#,
    r#"c{"Records": [{"a":"}],\"","b":[1,{}]} ,{"c":2}, 7,"x]", null ]}  trailing"#,
    "lone\r\n\n two\nthree",
    "k\u{1a}\u{5}\u{8}\u{0}\u{1a}\u{1}a\u{1a}\u{6}\u{8}\u{0}\u{1a}\u{2}{}",
    r#"k{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":"m"}]}"#,
];

const WORDS: [&str; 33] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\\"",
    "\n",
    "\r\n",
    " ",
    "null",
    "{\"Records\":[",
    "]}",
    "\"eventName\":\"ObjectCreated:Put\"",
    "\"s3\":{\"bucket\":{\"name\":\"b\"}",
    "\"object\":{\"key\":\"k\"}",
    "%2F",
    "%zz",
    "+",
    "\"Message\":\"",
    "\"detail\":",
    "\"detail-type\":\"GuardDuty Finding\"",
    "\"s3ObjectKey\":[",
    "\u{1a}",
    "\u{8}",
    "\u{0}",
    "\u{7f}",
    "\"messageType\":\"CONTROL_MESSAGE\"",
    "\"logEvents\":[",
    "é",
    "\u{feff}",
];

static MUTATOR: LazyLock<Mutator> =
    LazyLock::new(|| Mutator::new(SEEDS.iter().map(|seed| (*seed).to_owned()).collect(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    MUTATOR.mutate(data, size, max_size, seed)
});

fn cut(content: &[u8], place: Place, may_be_list: bool, step: usize) -> Vec<Piece> {
    let mut cutter = Cutter::at(place, may_be_list, LONGEST);
    let mut pieces = Vec::new();
    let from = usize::try_from(place.offset).expect("a place within the content");
    for chunk in content[from..].chunks(step) {
        cutter.feed(chunk);
        pieces.extend(std::iter::from_fn(|| cutter.take()));
    }
    cutter.end();
    pieces.extend(std::iter::from_fn(|| cutter.take()));
    pieces
}

fn content(content: &[u8], may_be_list: bool) {
    let pieces = cut(content, Place::default(), may_be_list, 7);
    assert_eq!(
        pieces,
        cut(content, Place::default(), may_be_list, content.len().max(1))
    );
    let mut end = 0;
    for piece in &pieces {
        assert!(
            piece.offset >= end
                && piece.behind.offset > piece.offset
                && piece.behind.offset <= content.len() as u64
        );
        assert!(piece.text.len() <= LONGEST * MARKED);
        end = piece.behind.offset;
    }
    if let Some(middle) = pieces.get(pieces.len() / 2) {
        assert_eq!(
            cut(content, middle.behind, may_be_list, 5),
            pieces[pieces.len() / 2 + 1..]
        );
    }
}

fn stream(body: &[u8]) {
    let digest = Md5::digest(body);
    let aggregated = [&[0xf3, 0x89, 0x9a, 0xc2], body, digest.as_slice()].concat();
    for data in [body, &aggregated] {
        let records = kinesis::deaggregate(data);
        let length: usize = records.iter().map(|record| record.len()).sum();
        assert!(length <= data.len());
        for record in records {
            if let Ok(found) = push::data_records(record, &ORIGIN, &LIMITS) {
                let found = found.records;
                assert!(found.len() <= LIMITS.records);
                assert!(
                    found
                        .iter()
                        .all(|record| record.line.len() <= LIMITS.record_bytes * MARKED)
                );
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    match kind {
        b'n' => {
            let Ok(text) = std::str::from_utf8(body) else {
                return;
            };
            match s3::objects(text) {
                Ok(objects) => objects.iter().for_each(|object| {
                    assert!(!object.bucket.is_empty() && !object.key.is_empty(), "{text}");
                    assert!(!object.id().is_empty());
                }),
                Err(reason) => assert!(!reason.is_empty()),
            }
        }
        b'g' => {
            let Ok(text) = std::str::from_utf8(body) else {
                return;
            };
            match guardduty::finding_in(text) {
                // As it was written, so that whoever reads it finds one document.
                Ok(finding) => {
                    serde_json::from_str::<serde_json::Value>(finding.get()).expect("JSON");
                }
                Err(reason) => assert!(!reason.is_empty()),
            }
        }
        b'c' => content(body, true),
        b'l' => content(body, false),
        b'k' => stream(body),
        _ => {}
    }
});
