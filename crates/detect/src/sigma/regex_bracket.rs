//! The classes of PCRE, `[…]`: a first `]` is a member, `[` is one, and there are no set operations.

use super::regex_class::{Members, complement, fold_ascii, named, shorthand, text_of};
use super::regex_tree::{Parser, Set};

impl Parser {
    /// A class, after its `[`.
    pub(super) fn class(&mut self) -> Result<Set, String> {
        let negated = self.takes('^');
        let mut plain: Members = Vec::new();
        let mut sets: Members = Vec::new();
        let mut properties = String::new();
        let mut first = true;
        loop {
            let Some(c) = self.next() else {
                return Err("a `[` is not closed: add `]`, or write `\\[` for the character".into());
            };
            match c {
                ']' if !first => break,
                '[' if matches!(self.peek(), Some(':')) => match self.posix()? {
                    Some(members) => sets.extend(members),
                    None => self.range('[', &mut plain)?,
                },
                '\\' => match self.peek() {
                    Some('p' | 'P') => properties.push_str(&self.property()?),
                    Some(c @ ('B' | 'R' | 'X' | 'N')) => {
                        return Err(format!("`\\{c}` has no meaning within `[…]`"));
                    }
                    Some('b') => {
                        self.at += 1;
                        self.range('\u{8}', &mut plain)?;
                    }
                    Some(c) if shorthand(c).is_some() => {
                        self.at += 1;
                        sets.extend(shorthand(c).unwrap_or_default());
                    }
                    _ => {
                        let c = self.escaped_character()?;
                        self.range(c, &mut plain)?;
                    }
                },
                c => self.range(c, &mut plain)?,
            }
            first = false;
        }
        Ok(set_of(negated, self.flags.fold, &plain, &sets, &properties))
    }

    /// A POSIX class after `[`, or nothing where it is only a bracket and a colon.
    fn posix(&mut self) -> Result<Option<Members>, String> {
        let rest = &self.characters[self.at + 1..];
        let end = rest
            .iter()
            .take(12)
            .position(|c| !c.is_ascii_alphabetic() && *c != '^');
        let Some(end) = end.filter(|end| rest[*end] == ':' && rest.get(end + 1) == Some(&']')) else {
            return Ok(None);
        };
        let name: String = rest[..end].iter().collect();
        let members = match name.strip_prefix('^') {
            Some(name) => named(name).map(|members| complement(&members)),
            None => named(&name),
        };
        self.at += end + 3;
        members
            .map(Some)
            .ok_or_else(|| format!("`[:{name}:]` is not a class that is known, such as `[:alpha:]`"))
    }

    /// One character, or the range it begins.
    fn range(&mut self, low: char, into: &mut Members) -> Result<(), String> {
        let ranged = self.peek() == Some('-') && !matches!(self.peek_at(1), None | Some(']'));
        let start = self.at;
        if ranged {
            self.at += 1;
            let high = match (self.peek(), self.peek_at(1)) {
                (Some('\\'), Some(c)) if shorthand(c).is_some() || matches!(c, 'p' | 'P') => None,
                (Some('['), Some(':')) => None,
                (Some('\\'), Some('b')) => {
                    self.at += 2;
                    Some('\u{8}')
                }
                (Some('\\'), _) => {
                    self.at += 1;
                    Some(self.escaped_character()?)
                }
                _ => self.next(),
            };
            if let Some(high) = high {
                if high < low {
                    return Err(format!(
                        "the range `{low}-{high}` runs backwards: swap its ends, or write `\\-` for the character"
                    ));
                }
                into.push((low.into(), high.into()));
                return Ok(());
            }
        }
        self.at = start;
        into.push((low.into(), low.into()));
        Ok(())
    }
}

fn set_of(negated: bool, fold: bool, plain: &[(u32, u32)], sets: &[(u32, u32)], properties: &str) -> Set {
    let wide = fold && plain.iter().any(|(_, high)| *high > 127);
    let mut members = fold_ascii(plain.to_vec(), fold);
    members.extend(sets);
    let known = properties.is_empty() && !wide;
    let mut text = text_of(&members, negated);
    text.insert_str(text.len() - 1, properties);
    if wide {
        // Letters beyond ASCII have their other cases looked up; the sets have none, and must not be given any.
        text = match (negated, sets.is_empty()) {
            (false, false) => format!("(?:(?i:{})|{})", text_of(plain, false), text_of(sets, false)),
            _ => format!("(?i:{text})"),
        };
    }
    Set {
        text,
        members: known.then(|| if negated { complement(&members) } else { members }),
        literal: None,
        folded: false,
        any: false,
    }
}
