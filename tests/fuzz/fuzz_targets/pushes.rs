#![no_main]
//! Requests from anybody: decoding them never panics, no bound is passed, and what is taken of OpenTelemetry and journald can be read.
//! The first byte says what the others are.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_collect::journal;
use watchkeeper_collect::otlp::{self, Encoding};
use watchkeeper_collect::parse::{Context, Format, Interpretation, parse};
use watchkeeper_collect::push::{self, Taken};
use watchkeeper_fuzz::{LIMITS, ORIGIN, mutate::Mutator, seeds};

const WORDS: [&str; 35] = [
    "{", "}", "[", "]", ",", ":", "\"", "\n", "\r\n", "\\u0000", "null", "\"requestId\":\"r\"", "\"records\":[", "{\"data\":\"YQ==\"}", "H4sIAAAAAAAAA", "\"resourceLogs\":[",
    "{\"commonAttributes\":{", "\"resource\":", "\"scopeLogs\":[", "\"logRecords\":[", "\"attributes\":[", "{\"key\":\"k\",\"value\":", "{\"stringValue\":\"x\"}", "{\"arrayValue\":{\"values\":[",
    "{\"kvlistValue\":{\"values\":[", "\"timeUnixNano\":\"1\"", "\u{a}\u{a}\u{12}\u{8}\u{12}\u{6}", "\u{1a}\u{4}INFO", "\u{2a}", "\u{32}", "MESSAGE=", "MESSAGE\n\u{1}\0\0\0\0\0\0\0a\n",
    "__CURSOR=s", "\n\n", "\u{7f}",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::pushes(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

fn hold(taken: &Taken) {
    assert!(taken.records.len() <= LIMITS.records);
    assert!(taken.records.iter().all(|record| record.line.len() <= LIMITS.record_bytes));
    assert_eq!(taken.refused.first.is_empty(), taken.refused.count == 0);
}

fn readable(taken: &Taken, format: Format) {
    let how = Interpretation {
        format,
        ..Interpretation::default()
    };
    let context = Context::collected(chrono::DateTime::UNIX_EPOCH);
    for record in &taken.records {
        for parsed in parse(&how, &record.line, context) {
            assert_eq!(parsed.unparsed, None, "{}", record.line);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    match kind {
        b'l' | b's' => {
            if let Ok(taken) = push::json_lines(body, *kind == b's', &LIMITS) {
                hold(&taken);
            }
        }
        b'f' => {
            if let Ok(request) = push::firehose(body, &ORIGIN, &LIMITS) {
                assert!(request.records.len() <= LIMITS.records);
                // What is not UTF-8 is marked, with three bytes for one.
                assert!(request.records.iter().all(|record| record.line.len() <= 3 * LIMITS.record_bytes));
            }
        }
        b'o' | b'j' => {
            let encoding = if *kind == b'o' { Encoding::Protobuf } else { Encoding::Json };
            if let Ok(taken) = otlp::logs(body, encoding, &LIMITS) {
                hold(&taken);
                readable(&taken, Format::Otlp);
            }
        }
        b'e' => {
            if let Ok(taken) = journal::entries(body, &LIMITS) {
                hold(&taken);
                readable(&taken, Format::Journal);
            }
        }
        b'a' => {
            if let Ok(attributes) = push::common_attributes(&String::from_utf8_lossy(body)) {
                assert!(attributes.len() <= 50);
                assert!(attributes.keys().all(|name| name.starts_with("firehose.")));
            }
        }
        _ => {
            for encoding in ["gzip", "zstd"] {
                if let Ok(plain) = push::decompress(body, Some(encoding), &LIMITS) {
                    assert!(plain.len() <= LIMITS.decompressed_bytes);
                }
            }
        }
    }
});
