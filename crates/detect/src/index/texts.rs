//! Rules by the whole text of a field, whatever its case.

use super::RuleId;
use crate::sigma::view::{Scalar, View};
use hashbrown::HashTable;

/// Texts in lower case, each with the rules that ask for it.
#[derive(Debug, Default)]
pub(super) struct Texts {
    table: HashTable<(Box<str>, Vec<RuleId>)>,
    /// A bit for each length that occurs, 63 for all that are longer: most values are told apart by their length alone.
    lengths: u64,
}

impl Texts {
    /// Adds a text in lower case.
    pub(super) fn add(&mut self, text: &str, rule: RuleId) {
        self.lengths |= length_bit(text.len());
        let hash = hash(text.as_bytes()).0;
        let rehash = |(text, _): &(Box<str>, _)| self::hash(text.as_bytes()).0;
        let same = |(known, _): &(Box<str>, _)| **known == *text;
        let entry = self.table.entry(hash, same, rehash);
        entry
            .or_insert_with(|| (text.into(), Vec::new()))
            .into_mut()
            .1
            .push(rule);
    }

    /// The rules that ask for the text of `scalar`.
    #[inline]
    pub(super) fn find<'a>(&self, scalar: &Scalar<'a>, view: &View<'a>) -> Option<&[RuleId]> {
        let text = scalar.text;
        let (hash, ascii) = if self.lengths & length_bit(text.len()) != 0 {
            hash(text.as_bytes())
        } else if self.lengths == 0 || text.is_ascii() {
            return None;
        } else {
            // In lower case it can have another length.
            (0, false)
        };
        let found = if ascii {
            self.table
                .find(hash, |(known, _)| known.eq_ignore_ascii_case(text))
        } else {
            let lower = scalar.lower(view.memory);
            self.table
                .find(self::hash(lower.as_bytes()).0, |(known, _)| **known == *lower)
        };
        found.map(|(_, rules)| rules.as_slice())
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// A hash of the text in ASCII lower case, eight bytes a step, and whether all of it is ASCII. The texts in the table come from rules,
/// so that nobody who writes events can choose texts that collide with one another there.
#[inline]
fn hash(text: &[u8]) -> (u64, bool) {
    const EACH: u64 = u64::from_ne_bytes([0x01; 8]);
    let mut hash = text.len() as u64;
    let mut high = 0;
    let mut take = |word: u64| {
        high |= word;
        // Adding carries into the high bit of each byte that is `A` or more, and of each that is more than `Z`.
        let seven = word & (EACH * 0x7f);
        let upper = (seven + EACH * (0x80 - 0x41)) & !(seven + EACH * (0x7f - 0x5a)) & !word & (EACH * 0x80);
        let lower = word | (upper >> 2);
        hash = (hash ^ lower).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    };
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        take(u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        for (place, byte) in word.iter_mut().zip(rest) {
            *place = *byte;
        }
        take(u64::from_le_bytes(word));
    }
    (hash, high & (EACH * 0x80) == 0)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn letters_hash_whatever_their_case_and_nothing_else_does() {
        let all: Vec<u8> = (0..=255).collect();
        for byte in &all {
            let lower = byte.to_ascii_lowercase();
            for other in &all {
                let same = hash(&[*byte]).0 == hash(&[*other]).0;
                assert_eq!(same, lower == other.to_ascii_lowercase(), "{byte} {other}");
            }
        }
        assert_eq!(hash(b"GetCallerIdentity").0, hash(b"getcalleridentity").0);
        assert!(hash(b"plain").1 && !hash("schön".as_bytes()).1);
    }
}
