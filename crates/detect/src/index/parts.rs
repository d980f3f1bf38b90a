//! Rules by parts of a text: which of thousands of literals a text contains, at a cost that hardly depends on how many there are.
//!
//! Aho–Corasick takes a step for each byte, and each step waits for the one before. Here every fourth run of four bytes is looked up
//! in a bitmap of the runs that long literals have, and short literals are looked for where their rarest pair of bytes stands, sixteen
//! a step; only there is a literal compared. A text that was made to cause many comparisons is given to Aho–Corasick after all, so
//! that the cost stays linear.

mod anchors;
mod runs;

use super::{Candidates, RuleId};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use anchors::Anchors;
use runs::Runs;
use std::collections::BTreeMap;

/// Literals shorter than this are not looked for.
pub(super) const SHORTEST: usize = 3;

/// From this length on, one of every four runs of four bytes lies within a literal, wherever it stands.
const LONG: usize = 7;

/// Comparisons that a text may cause beyond one for every eighth byte, before Aho–Corasick takes over.
const FREE_COMPARISONS: usize = 64;

/// Rules by literals in lower case.
#[derive(Debug)]
pub(super) struct Parts {
    literals: Literals,
    runs: Option<Runs>,
    anchors: Option<Anchors>,
    automaton: AhoCorasick,
    /// Length of the shortest literal.
    shortest: usize,
}

impl Parts {
    /// A searcher for the literals; the rules that it would have found where it cannot be built.
    pub(super) fn new(literals: BTreeMap<String, Vec<RuleId>>) -> Result<Self, Vec<RuleId>> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(literals.keys());
        let literals: Vec<(Box<[u8]>, Vec<RuleId>)> = literals
            .into_iter()
            .map(|(literal, rules)| (literal.into_bytes().into(), rules))
            .collect();
        let Ok(automaton) = automaton else {
            return Err(literals.into_iter().flat_map(|(_, rules)| rules).collect());
        };
        let of_length = |long: bool| {
            let numbered = literals.iter().enumerate();
            let chosen: Vec<_> = numbered
                .filter(|(_, (literal, _))| (literal.len() >= LONG) == long)
                .map(|(number, (literal, _))| (number as u32, &**literal))
                .collect();
            (!chosen.is_empty()).then_some(chosen)
        };
        Ok(Self {
            runs: of_length(true).map(|chosen| Runs::new(&chosen)),
            anchors: of_length(false).map(|chosen| Anchors::new(&chosen)),
            shortest: literals
                .iter()
                .map(|(literal, _)| literal.len())
                .min()
                .unwrap_or_default(),
            literals,
            automaton,
        })
    }

    /// Adds the rules whose literals `text` contains; it is ASCII in any case, or in lower case.
    #[inline]
    pub(super) fn find(&self, text: &str, candidates: &mut Candidates) {
        if text.len() < self.shortest {
            return;
        }
        let mut search = Search {
            text: text.as_bytes(),
            literals: &self.literals,
            left: FREE_COMPARISONS + text.len() / 8,
            candidates,
        };
        let long = self.runs.as_ref().map_or(Ok(()), |runs| runs.find(&mut search));
        let short = long.and_then(|()| {
            self.anchors
                .as_ref()
                .map_or(Ok(()), |anchors| anchors.find(&mut search))
        });
        if let Err(Exhausted) = short {
            self.find_linear(text, candidates);
        }
    }

    #[cold]
    fn find_linear(&self, text: &str, candidates: &mut Candidates) {
        for hit in self.automaton.find_overlapping_iter(text) {
            candidates.add(&self.literals[hit.pattern().as_usize()].1);
        }
    }
}

/// Literals in lower case, by number, each with its rules.
type Literals = Vec<(Box<[u8]>, Vec<RuleId>)>;

/// A literal, and the byte of it that a place of the text is compared at.
type Place = (u32, u32);

/// One text that is searched.
struct Search<'s> {
    text: &'s [u8],
    literals: &'s Literals,
    /// How many comparisons it may still cause.
    left: usize,
    candidates: &'s mut Candidates,
}

/// The comparisons that a text may cause are used up.
struct Exhausted;

impl Search<'_> {
    /// Compares the literals of `places` with the text around the byte `at`.
    fn compare(&mut self, at: usize, places: &[Place]) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(places.len()).ok_or(Exhausted)?;
        for (number, offset) in places {
            let (literal, rules) = &self.literals[*number as usize];
            let found = at
                .checked_sub(*offset as usize)
                .and_then(|start| self.text.get(start..start + literal.len()))
                .is_some_and(|found| found.eq_ignore_ascii_case(literal));
            if found {
                self.candidates.add(rules);
            }
        }
        Ok(())
    }
}

/// Letters from rare to common in logs and English.
const LETTERS: &[u8] = b"zqxjkvbywgpfmhucdlnorsiate";

/// What stands between words in logs and JSON.
const BETWEEN: &[u8] = b"\"',:;.-_/ {}[]()0123456789";

/// How common these bytes are in logs: a rank that orders them, not a share.
fn commonness(bytes: &[u8]) -> u32 {
    let of_byte = |byte: &u8| {
        let byte = byte.to_ascii_lowercase();
        let letter = LETTERS.iter().position(|known| *known == byte);
        match letter {
            Some(rank) => 3 + rank,
            None if BETWEEN.contains(&byte) => 12,
            None => 1,
        }
    };
    bytes.iter().map(|byte| of_byte(byte) as u32).product()
}

/// Sets the bit that tells lower from upper case in ASCII letters; other bytes that differ in it alone are taken for one another
/// until they are compared.
const CASE: u8 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(literals: &[String], text: &str) -> Vec<RuleId> {
        let by_text: BTreeMap<String, Vec<RuleId>> = literals
            .iter()
            .enumerate()
            .map(|(number, literal)| (literal.clone(), vec![number as RuleId]))
            .collect();
        let mut candidates = Candidates::default();
        candidates.next(literals.len());
        Parts::new(by_text).unwrap().find(text, &mut candidates);
        let mut found = candidates.found.clone();
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn every_literal_is_found_wherever_it_stands(
            literals in prop::collection::btree_set("[abc]{3,9}", 1..12),
            text in "[abcABC]{0,60}",
        ) {
            let literals: Vec<String> = literals.into_iter().collect();
            let lower = text.to_lowercase();
            let expected: Vec<RuleId> = (0..literals.len()).filter(|n| lower.contains(&literals[*n])).map(|n| n as RuleId).collect();
            prop_assert_eq!(found(&literals, &text), expected);
        }
    }

    #[test]
    fn a_text_made_to_cause_many_comparisons_is_searched_all_the_same() {
        let literals: Vec<String> = (0..500).map(|n| format!("httphttp{n:03}")).collect();
        let text = format!("{}httphttp499", "httphttp".repeat(5_000));
        assert_eq!(found(&literals, &text), [499]);
    }
}
