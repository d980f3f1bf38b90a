#![no_main]
//! What lies in a spool after the disk has had its own way with it: reading it never panics, a sound request behind a damaged piece is
//! found, and what was cut anywhere tells nothing that was not written. The first byte says what the others are.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::path::PathBuf;
use std::sync::LazyLock;
use watchkeeper_collect::spool::{Peeked, peek};
use watchkeeper_fuzz::mutate::Mutator;

/// Of frames and entries as `spool/frame.rs` describes them: a key, an instant, nobody who sent it, one or two records.
const SEEDS: [&str; 5] = [
    "p\u{2}\u{3}\0\0\0k:1\0\0\0\0\0\0\0\0\0\0\0\0\u{1}\0\0\0\0\u{3}\0\0\0one",
    "p\u{4}\u{1}\0\0\0k\0\0\0\0\0\0\0\0\0\0\0\0\u{1}\0\0\0\u{1}\0\0\0a\u{1}\0\0\0b\u{1}\0\0\0\u{2}\u{1}\0\0\0x\u{2}\0\0\0id",
    "p\u{3}\u{2}\0\0\0\u{1}\0\0\0a\0\0\0\0",
    "p{\"e\":{\"k\":\"key:1\",\"t\":\"2026-03-02T08:00:00Z\",\"r\":[{\"l\":\"one\"},{\"l\":\"two\",\"i\":\"id\"}]}}",
    "sWKF1\u{5}\0\0\0\0\0\0\0\u{2}\0\0\0\0WKF",
];

const WORDS: [&str; 16] = [
    "WKF1", "WK", "\0\0\0\0", "\u{1}\0\0\0", "\u{2}", "\u{3}", "\u{4}", "\u{7f}\u{7f}\u{7f}\u{7f}", "{\"k\":[\"a\"]}", "{\"e\":{", "\"r\":[]", "\"a\":\"2026-03-02T08:00:00Z\"", "é",
    "\u{0}", "12345678", "\n",
];

static MUTATOR: LazyLock<Mutator> =
    LazyLock::new(|| Mutator::new(SEEDS.iter().map(|seed| (*seed).to_owned()).collect(), &WORDS));

/// The folder of this process, which holds one segment at a time.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("watchkeeper-fuzz-spool-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

/// The records of a segment of these bytes.
fn read(bytes: &[u8]) -> Vec<Peeked> {
    std::fs::write(FOLDER.join(format!("{:020}.seg", 1)), bytes).expect("written");
    peek(&FOLDER, 100).expect("a segment that can be read")
}

/// A frame as the spool writes it.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_le_bytes();
    let checksum = crc32fast::hash(&[&length, payload].concat()).to_le_bytes();
    [b"WKF1".as_slice(), &length, &checksum, payload].concat()
}

/// A request of one record, whose text is nothing that a mutation makes.
fn sound() -> Vec<u8> {
    let text = |text: &str| [&u32::try_from(text.len()).expect("short").to_le_bytes(), text.as_bytes()].concat();
    let entry = [vec![2], text("sound"), vec![0; 8], text(""), vec![1, 0, 0, 0, 0], text("a sound record")].concat();
    frame(&entry)
}

fn is_sound(peeked: &Peeked) -> bool {
    peeked.record.line == "a sound record" && peeked.attributes.is_empty()
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    match kind {
        // A payload whose checksum is right.
        b'p' => {
            let whole = frame(body);
            let found = read(&whole);
            let text: usize = found.iter().map(|peeked| peeked.record.line.len()).sum();
            // A mark for an escape of JSON is longer than what it stands for.
            assert!(text <= 3 * body.len(), "{found:?}");
            assert_eq!(read(&whole[..whole.len() - 1]), [], "a frame without its end");
        }
        // A segment, and behind it a request that was written later.
        b's' => {
            let mut damaged = body.to_vec();
            damaged.extend(sound());
            let found = read(&damaged);
            assert!(found.last().is_some_and(is_sound), "{found:?}");
            let mut before = sound();
            before.extend_from_slice(body);
            let found = read(&before);
            assert!(found.first().is_some_and(is_sound), "{found:?}");
        }
        _ => {}
    }
});
