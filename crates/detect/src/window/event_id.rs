//! Event ids in few bytes. A million undecided events are a million ids, and most sources write them in few symbols: a UUID
//! takes 16 bytes instead of 36, a number of 56 digits 28, and letters, digits, `-` and `_` three quarters of their length.

use super::small::{put_number, take_bytes, take_number};

/// How an id is written; the value is part of the checkpoint's layout.
const RAW: u8 = 0;
const UUID: u8 = 1;
const DIGITS: u8 = 2;
const WORD: u8 = 3;

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

const SYMBOLS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

/// Appends an id; gives the form it was written in, which reading must know.
pub(crate) fn put(bytes: &mut Vec<u8>, id: &str) -> u8 {
    let text = id.as_bytes();
    if let Some(packed) = packed_uuid(text) {
        bytes.extend_from_slice(&packed);
        return UUID;
    }
    put_number(bytes, text.len() as u64);
    if text.iter().all(u8::is_ascii_digit) {
        for pair in text.chunks(2) {
            bytes.push((pair[0] - b'0') << 4 | pair.get(1).map_or(0, |low| low - b'0'));
        }
        return DIGITS;
    }
    if text.iter().all(|symbol| place(*symbol).is_some()) {
        let (mut held, mut bits) = (0_u32, 0);
        for symbol in text.iter().filter_map(|symbol| place(*symbol)) {
            held = held << 6 | u32::from(symbol);
            bits += 6;
            while bits >= 8 {
                bits -= 8;
                bytes.push((held >> bits) as u8);
            }
            held &= (1 << bits) - 1;
        }
        if bits > 0 {
            bytes.push((held << (8 - bits)) as u8);
        }
        return WORD;
    }
    bytes.extend_from_slice(text);
    RAW
}

/// Takes an id of this form from the front, and appends it to `id`.
pub(crate) fn take_into(bytes: &mut &[u8], form: u8, id: &mut String) {
    if form == UUID {
        uuid(take_bytes(bytes, 16), id);
        return;
    }
    let length = take_number(bytes) as usize;
    match form {
        DIGITS => {
            let packed = take_bytes(bytes, length.div_ceil(2));
            let digits = packed.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits = digits.take(length);
            id.extend(digits.map(|digit| char::from(b'0' + digit.min(9))));
        }
        WORD => word(take_bytes(bytes, (length * 6).div_ceil(8)), length, id),
        _ => id.push_str(&String::from_utf8_lossy(take_bytes(bytes, length))),
    }
}

/// Passes over an id of this form.
pub(crate) fn skip(bytes: &mut &[u8], form: u8) {
    let length = match form {
        UUID => 16,
        DIGITS => (take_number(bytes) as usize).div_ceil(2),
        WORD => (take_number(bytes) as usize * 6).div_ceil(8),
        _ => take_number(bytes) as usize,
    };
    take_bytes(bytes, length);
}

/// Where the sixteen bytes of a UUID stand in its text.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// What each symbol is as a digit; lower case alone, since another case is another id.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        nibbles[SYMBOLS[digit] as usize] = digit as u8;
        digit += 1;
    }
    nibbles
};

const NO_DIGIT: u8 = 0x80;

fn packed_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut packed = [0; 16];
    let mut seen = 0;
    for (byte, pair) in packed.iter_mut().zip(PAIRS) {
        let (high, low) = (
            NIBBLES[usize::from(text[pair])],
            NIBBLES[usize::from(text[pair + 1])],
        );
        seen |= high | low;
        *byte = high << 4 | low;
    }
    let hyphens = HYPHENS.iter().all(|place| text[*place] == b'-');
    (hyphens && seen & NO_DIGIT == 0).then_some(packed)
}

fn uuid(packed: &[u8], id: &mut String) {
    let begins = id.len();
    for byte in packed {
        if HYPHENS.contains(&(id.len() - begins)) {
            id.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            id.push(char::from(SYMBOLS[usize::from(digit)]));
        }
    }
}

fn place(symbol: u8) -> Option<u8> {
    match symbol {
        b'0'..=b'9' => Some(symbol - b'0'),
        b'a'..=b'z' => Some(symbol - b'a' + 10),
        b'A'..=b'Z' => Some(symbol - b'A' + 36),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

fn word(packed: &[u8], length: usize, id: &mut String) {
    let ends = id.len() + length;
    let (mut held, mut bits) = (0_u32, 0);
    for byte in packed {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 6 && id.len() < ends {
            bits -= 6;
            id.push(char::from(SYMBOLS[(held >> bits & 63) as usize]));
        }
        held &= (1 << bits) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(id: &str) -> usize {
        let mut bytes = Vec::new();
        let form = put(&mut bytes, id);
        let (mut read, mut skipped) = (bytes.as_slice(), bytes.as_slice());
        let mut taken = "before ".to_owned();
        take_into(&mut read, form, &mut taken);
        assert_eq!(taken.strip_prefix("before "), Some(id));
        skip(&mut skipped, form);
        assert!(read.is_empty() && skipped.is_empty());
        bytes.len()
    }

    #[test]
    fn usual_ids_are_short() {
        assert_eq!(packed("1c0a46a2-3b1f-4f6e-9d2c-0123456789ab"), 16);
        assert_eq!(packed(&"7".repeat(56)), 29);
        assert_eq!(packed(&"a-Z_0".repeat(7)), 28);
        assert_eq!(
            packed("1C0A46A2-3b1f-4f6e-9d2c-0123456789ab"),
            28,
            "another case is another id"
        );
        assert_eq!((packed(""), packed("log/7:ä")), (1, 9));
    }

    proptest! {
        #[test]
        fn every_id_comes_back(any in ".{0,60}", word in "[a-zA-Z0-9_-]{0,60}", digits in "[0-9]{0,60}", hex in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
            for id in [any, word, digits, hex] {
                packed(&id);
            }
        }
    }
}
