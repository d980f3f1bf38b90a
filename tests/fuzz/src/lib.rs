//! What the fuzz targets share: seeds made of the detectors that ship, and mutations that keep a text's shape.
//!
//! No corpus is kept beside the code. Every run begins with the detectors themselves: their files, the events of their tests,
//! their regular expressions. They are spliced line by line and word by word; libFuzzer's own mutations of bytes come between.

pub mod mutate;
pub mod seeds;

use watchkeeper_collect::push::{Origin, PushLimits};
use watchkeeper_detect::RuleFile;

/// Where subscriptions are, for those who decode their messages.
pub const ORIGIN: Origin<'static> = Origin {
    region: "eu-central-1",
    excluded: &[],
};

/// How much a request may hold: little, so that the bounds are met.
pub const LIMITS: PushLimits = PushLimits {
    body_bytes: 4_096,
    decompressed_bytes: 16_384,
    record_bytes: 1_024,
    records: 50,
};

/// A rule file of this text.
pub fn file(text: &str) -> RuleFile {
    RuleFile::new("fuzz.yml", text)
}

/// A text as YAML and JSON both write it in double quotes, with nothing but ASCII.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
    out
}

/// A text as YAML writes it in double quotes: beyond the 16 bits of JSON's escapes YAML has others.
pub fn yaml_quoted(text: &str) -> String {
    let wide = |c: char| {
        if u32::from(c) > 0xffff {
            format!("\\U{:08x}", u32::from(c))
        } else {
            quoted(&c.to_string()).trim_matches('"').to_owned()
        }
    };
    let inner: String = text
        .chars()
        .map(|c| if c == '"' { "\\\"".to_owned() } else { wide(c) })
        .collect();
    format!("\"{inner}\"")
}
