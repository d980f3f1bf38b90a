//! Sets of characters, as the classes of regular expressions need them: ranges of code points, without the surrogates.

use std::fmt::Write;

/// Ranges of code points, both ends included; in any order, and overlapping where that is easier.
pub(crate) type Members = Vec<(u32, u32)>;

const LAST: u32 = 0x10_ffff;
const SURROGATES: (u32, u32) = (0xd800, 0xdfff);

/// What `\d`, `\w` and their like stand for, by their letter (PCRE without Unicode properties).
pub(crate) fn shorthand(letter: char) -> Option<Members> {
    let members = match letter.to_ascii_lowercase() {
        'd' => vec![(48, 57)],
        'w' => vec![(48, 57), (65, 90), (95, 95), (97, 122)],
        's' => vec![(9, 13), (32, 32)],
        'h' => vec![
            (9, 9),
            (32, 32),
            (0xa0, 0xa0),
            (0x1680, 0x1680),
            (0x180e, 0x180e),
            (0x2000, 0x200a),
            (0x202f, 0x202f),
            (0x205f, 0x205f),
            (0x3000, 0x3000),
        ],
        'v' => vec![(10, 13), (0x85, 0x85), (0x2028, 0x2029)],
        'n' if letter == 'N' => return Some(complement(&[(10, 10)])),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() {
        complement(&members)
    } else {
        members
    })
}

/// The members of `[:name:]`.
pub(crate) fn named(name: &str) -> Option<Members> {
    Some(match name {
        "alpha" => vec![(65, 90), (97, 122)],
        "digit" => vec![(48, 57)],
        "alnum" => vec![(48, 57), (65, 90), (97, 122)],
        "upper" => vec![(65, 90)],
        "lower" => vec![(97, 122)],
        "word" => vec![(48, 57), (65, 90), (95, 95), (97, 122)],
        "space" => vec![(9, 13), (32, 32)],
        "blank" => vec![(9, 9), (32, 32)],
        "cntrl" => vec![(0, 31), (127, 127)],
        "graph" => vec![(33, 126)],
        "print" => vec![(32, 126)],
        "punct" => vec![(33, 47), (58, 64), (91, 96), (123, 126)],
        "xdigit" => vec![(48, 57), (65, 70), (97, 102)],
        "ascii" => vec![(0, 127)],
        _ => return None,
    })
}

/// Every character that is not a member.
pub(crate) fn complement(members: &[(u32, u32)]) -> Members {
    let mut taken = members.to_vec();
    taken.push(SURROGATES);
    taken.sort_unstable();
    let mut left = Vec::new();
    let mut next = 0;
    for (low, high) in taken {
        if low > next {
            left.push((next, low - 1));
        }
        next = next.max(high + 1);
    }
    if next <= LAST {
        left.push((next, LAST));
    }
    left
}

/// Whether no character is in both.
pub(crate) fn disjoint(one: &[(u32, u32)], other: &[(u32, u32)]) -> bool {
    one.iter()
        .all(|(low, high)| other.iter().all(|(from, to)| high < from || to < low))
}

/// With the other case of every ASCII letter, if asked.
pub(crate) fn fold_ascii(mut members: Members, fold: bool) -> Members {
    if !fold {
        return members;
    }
    let mut other_case = Vec::new();
    for (low, high) in &members {
        for (from, to, shift) in [(65_u32, 90_u32, 32_i64), (97, 122, -32)] {
            let (first, last) = ((*low).max(from), (*high).min(to));
            if first <= last {
                let moved = |code: u32| u32::try_from(i64::from(code) + shift).unwrap_or(code);
                other_case.push((moved(first), moved(last)));
            }
        }
    }
    members.extend(other_case);
    members.sort_unstable();
    members.dedup();
    members
}

/// The class as text; every character by its number unless it is a letter or digit.
pub(crate) fn text_of(members: &[(u32, u32)], negated: bool) -> String {
    let mut text = String::from(if negated { "[^" } else { "[" });
    let mut add = |low: u32, high: u32| {
        push(&mut text, low);
        if high > low {
            text.push('-');
            push(&mut text, high);
        }
    };
    for (low, high) in members {
        // A range over the surrogates is two ranges around them.
        if *low < SURROGATES.0 && *high > SURROGATES.1 {
            add(*low, SURROGATES.0 - 1);
            add(SURROGATES.1 + 1, *high);
        } else {
            add(*low, *high);
        }
    }
    text.push(']');
    text
}

fn push(text: &mut String, code: u32) {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() => text.push(c),
        // Writing into a text has no way to fail.
        _ => drop(write!(text, "\\x{{{code:x}}}")),
    }
}
