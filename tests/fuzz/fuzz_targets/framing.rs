#![no_main]
//! Connections of syslog: however the bytes come, the same messages come out, none longer than allowed.
//! The first byte says into how long pieces the others are cut.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_collect::syslog::{Broken, Framing, Lines};
use watchkeeper_fuzz::{mutate::Mutator, seeds};

const LIMIT: usize = 24;

const WORDS: [&str; 14] = [
    "\n", "\r\n", "\u{0}", " ", "<1>", "4 <1>", "5 <1>a", "30 <1>", "0 ", "9999999 <", "12345678 ", "2026-01-01T", "é", "long long long long long long",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::connections(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

fn framed(bytes: &[u8], piece: usize) -> (Lines, Result<(), Broken>) {
    let (mut framing, mut lines) = (Framing::new(LIMIT), Lines::default());
    for piece in bytes.chunks(piece) {
        if let Err(broken) = framing.feed(piece, &mut lines) {
            return (lines, Err(broken));
        }
    }
    let ended = framing.end(&mut lines);
    (lines, ended)
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = framed(bytes, bytes.len().max(1));
    assert_eq!(framed(bytes, usize::from(*piece).max(1)), whole);
    // What is not UTF-8 is marked, with three bytes for one.
    assert!(whole.0.texts.iter().all(|text| !text.is_empty() && text.len() <= 3 * LIMIT));
});
