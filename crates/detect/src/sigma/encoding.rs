//! How a text looks when it was encoded: UTF-16 and Base64 (specification 2.1, "Encoding").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A UTF-16 encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wide {
    Little,
    Big,
    /// Little endian after a byte order mark.
    Marked,
}

/// The bytes of a text.
pub(crate) fn bytes(text: &str, wide: Option<Wide>) -> Vec<u8> {
    match wide {
        None => text.as_bytes().to_vec(),
        Some(Wide::Little) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(Wide::Big) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(Wide::Marked) => std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
    }
}

/// How UTF-16 looks in a text whose reader took each byte for a character; none for a text beyond ASCII, which looks different
/// in every log.
pub(crate) fn as_characters(text: &str, wide: Wide) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let spread = |c: char| match wide {
        Wide::Big => ['\0', c],
        Wide::Little | Wide::Marked => [c, '\0'],
    };
    let mark = (wide == Wide::Marked).then_some('\u{feff}');
    Some(mark.into_iter().chain(text.chars().flat_map(spread)).collect())
}

/// The bytes in Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three ways a text can look inside Base64, by where it begins; the characters that depend on its neighbours are cut off.
pub(crate) fn offsets(bytes: &[u8]) -> Vec<String> {
    let cut_front = [0, 2, 3];
    let cut_back = [0, 3, 2];
    (0..3)
        .map(|shift| {
            let mut shifted = vec![b' '; shift];
            shifted.extend_from_slice(bytes);
            let encoded = STANDARD.encode(&shifted);
            let end = encoded.len() - cut_back[shifted.len() % 3];
            encoded[cut_front[shift].min(end)..end].to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_offsets_find_a_text_wherever_it_begins() {
        assert_eq!(offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        for (shift, before) in ["", "x", "xy"].iter().enumerate() {
            let inside = STANDARD.encode(format!("{before}foobar and more"));
            assert!(inside.contains(&offsets(b"foobar")[shift]), "{inside}");
        }
    }

    #[test]
    fn wide_texts_have_the_bytes_of_the_specification() {
        let little = [0x63, 0, 0x6d, 0, 0x64, 0];
        assert_eq!(bytes("cmd", Some(Wide::Little)), little);
        assert_eq!(bytes("cmd", Some(Wide::Big)), [0, 0x63, 0, 0x6d, 0, 0x64]);
        assert_eq!(
            bytes("cmd", Some(Wide::Marked)),
            [&[0xff, 0xfe], &little[..]].concat()
        );
        assert_eq!(as_characters("ab", Wide::Little).unwrap(), "a\0b\0");
        assert_eq!(as_characters("é", Wide::Little), None);
    }
}
