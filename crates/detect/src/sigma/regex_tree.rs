//! PCRE's syntax, read into a tree: what [`super::regex_syntax`] writes anew.
//!
//! Takes a pattern of bounded length and depth; refuses what needs backtracking and what has no meaning. Flags are resolved here,
//! so that the tree has none.

use super::regex_class::{Members, complement, fold_ascii, shorthand, text_of};

/// The longest pattern, in bytes.
const LONGEST: usize = 32 * 1024;

/// How deep groups may nest.
const DEEPEST: usize = 64;

/// A count in braces with more characters than this is a text: each `{` is looked at so far.
const LONGEST_COUNT: usize = 200;

/// The highest count of a quantifier, as in PCRE.
const MOST_REPEATS: u32 = 65_535;

/// PCRE's `$`: the end, or before a line break that ends the text.
pub(super) const END: &str = r"(?:\n?\z)";

/// A part of a pattern.
#[derive(Debug)]
pub(super) enum Node {
    Set(Set),
    /// Something that stands between characters.
    Edge(&'static str),
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
    Repeat {
        inner: Box<Node>,
        min: u32,
        max: Option<u32>,
        possessive: bool,
    },
    Atomic(Box<Node>),
}

/// One character of several.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) text: String,
    /// Which characters they are, where that is known.
    pub(super) members: Option<Members>,
    /// The character, where it is one that stands in the pattern.
    pub(super) literal: Option<char>,
    /// Whether it is a letter that stands for either case.
    pub(super) folded: bool,
    /// Whether it is `.`.
    pub(super) any: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) fold: bool,
    lines: bool,
    dot_all: bool,
    extended: bool,
}

pub(super) struct Parser {
    pub(super) characters: Vec<char>,
    pub(super) at: usize,
    pub(super) flags: Flags,
    depth: usize,
}

pub(super) fn parse(pattern: &str) -> Result<Node, String> {
    if pattern.len() > LONGEST {
        return Err(format!(
            "the regular expression is longer than {LONGEST} bytes: split it into several values"
        ));
    }
    let mut parser = Parser {
        characters: unquoted(pattern),
        at: 0,
        flags: Flags::default(),
        depth: 0,
    };
    let tree = parser.alternation()?;
    match parser.peek() {
        None => Ok(tree),
        Some(_) => Err("a `)` closes nothing: write `\\)` for the character".into()),
    }
}

/// The pattern without `\Q…\E`: each character between them is written as its number, which no reading can mistake.
fn unquoted(pattern: &str) -> Vec<char> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut quoted = false;
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some('E')) => {
                characters.next();
                quoted = false;
            }
            (c, _) if quoted => out.extend(format!("\\x{{{:x}}}", u32::from(c)).chars()),
            ('\\', Some('Q')) => {
                characters.next();
                quoted = true;
            }
            ('\\', Some(_)) => {
                out.push(c);
                out.extend(characters.next());
            }
            (c, _) => out.push(c),
        }
    }
    out
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    pub(super) fn takes(&mut self, c: char) -> bool {
        let taken = self.peek() == Some(c);
        self.at += usize::from(taken);
        taken
    }

    fn alternation(&mut self) -> Result<Node, String> {
        let mut branches = vec![self.concat()?];
        while self.takes('|') {
            branches.push(self.concat()?);
        }
        Ok(match branches.pop() {
            Some(only) if branches.is_empty() => only,
            last => {
                branches.extend(last);
                Node::Alternation(branches)
            }
        })
    }

    fn concat(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        loop {
            self.skip_layout();
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => {}
            }
            let Some(atom) = self.atom()? else { continue };
            self.skip_layout();
            nodes.push(self.quantified(atom)?);
        }
        Ok(match nodes.pop() {
            Some(only) if nodes.is_empty() => only,
            last => {
                nodes.extend(last);
                Node::Concat(nodes)
            }
        })
    }

    /// Blanks and comments between the parts, which flag `x` allows.
    fn skip_layout(&mut self) {
        while self.flags.extended {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() => self.at += 1,
                Some('#') => while self.next().is_some_and(|c| c != '\n') {},
                _ => return,
            }
        }
    }

    fn atom(&mut self) -> Result<Option<Node>, String> {
        let Some(c) = self.next() else { return Ok(None) };
        Ok(Some(match c {
            '.' if self.flags.dot_all => any("(?s:.)", complement(&[])),
            '.' => any(r"[^\n]", complement(&[(10, 10)])),
            '^' => Node::Edge(if self.flags.lines { "(?m:^)" } else { r"\A" }),
            '$' => Node::Edge(if self.flags.lines { "(?m:$)" } else { END }),
            '[' => Node::Set(self.class()?),
            '(' => return self.group(),
            '\\' => return self.escape(),
            '*' | '+' | '?' => return Err(nothing_to_repeat(c)),
            '{' if self.count().is_some() => return Err(nothing_to_repeat(c)),
            c => self.literal(c),
        }))
    }

    fn literal(&self, c: char) -> Node {
        let code = u32::from(c);
        let folded = self.flags.fold && c.is_alphabetic();
        let members = fold_ascii(vec![(code, code)], folded);
        let text = match (folded, c.is_ascii()) {
            (true, true) => text_of(&members, false),
            (true, false) => format!("(?i:{c})"),
            (false, _) => regex::escape(c.encode_utf8(&mut [0; 4])),
        };
        Node::Set(Set {
            text,
            members: (!folded || c.is_ascii()).then_some(members),
            literal: Some(c),
            folded,
            any: false,
        })
    }

    /// A count in braces at this place, and the place after it: one of the two numbers may be left out, and there may be blanks around
    /// them (Perl from 5.34 on, PCRE2 from 10.43 on).
    fn count(&self) -> Option<(u32, Option<u32>, usize)> {
        let end = self.characters[self.at..]
            .iter()
            .take(LONGEST_COUNT)
            .position(|c| *c == '}')?;
        let inner: String = self.characters[self.at..self.at + end].iter().collect();
        let blank = [' ', '\t'];
        let number = |text: &str| {
            let text = text.trim_matches(blank);
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
        };
        let (min, max) = match inner.split_once(',') {
            None => (number(&inner)?, Some(number(&inner)?)),
            Some((min, max)) if max.trim_matches(blank).is_empty() => (number(min)?, None),
            Some((min, max)) if min.trim_matches(blank).is_empty() => (0, Some(number(max)?)),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Some((min, max, self.at + end + 1))
    }

    fn quantified(&mut self, atom: Node) -> Result<Node, String> {
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                let Some((min, max, after)) = self.count() else {
                    self.at -= 1;
                    return Ok(atom);
                };
                self.at = after - 1;
                (min, max)
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        if min > MOST_REPEATS || max.is_some_and(|max| max > MOST_REPEATS || max < min) {
            return Err(format!(
                "a count in braces must rise and be at most {MOST_REPEATS}, such as `{{2,5}}`"
            ));
        }
        if matches!(atom, Node::Edge(_)) {
            return Err("a quantifier follows `^`, `$` or a word boundary, which cannot be repeated".into());
        }
        let possessive = self.takes('+');
        if !possessive {
            // Lazy or greedy: the same texts match.
            self.takes('?');
        }
        self.skip_layout();
        let twice = match self.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                self.at += 1;
                let counted = self.count().is_some();
                self.at -= 1;
                counted
            }
            _ => false,
        };
        if twice {
            return Err("two quantifiers stand one after the other: put the first part into `(?:…)`".into());
        }
        Ok(Node::Repeat {
            inner: Box::new(atom),
            min,
            max,
            possessive,
        })
    }

    fn group(&mut self) -> Result<Option<Node>, String> {
        if self.peek() == Some('*') {
            return Err("verbs such as `(*UTF8)` are not allowed: leave them off".into());
        }
        let outer = self.flags;
        let mut atomic = false;
        if self.takes('?') {
            match (self.next(), self.peek()) {
                (Some(':' | '|'), _) => {}
                (Some('>'), _) => atomic = true,
                (Some('#'), _) => {
                    while self.next().is_some_and(|c| c != ')') {}
                    return Ok(None);
                }
                (Some('='), _) | (Some('!'), _) | (Some('<'), Some('=' | '!')) => {
                    return Err("look-around is not allowed, since it needs backtracking: write a second selection and join the two with `and` or `and not`".into());
                }
                (Some('<'), _) => self.name('>')?,
                (Some('\''), _) => self.name('\'')?,
                (Some('P'), Some('<')) => {
                    self.at += 1;
                    self.name('>')?;
                }
                (Some('P' | '(' | 'R' | '&' | 'C' | '+' | '0'..='9'), _) | (Some('-'), Some('0'..='9')) => {
                    return Err("back-references, recursion, conditions and callouts are not allowed, since they need backtracking".into());
                }
                (Some(first), _) => {
                    self.at -= 1;
                    if self.set_flags(first)? {
                        return Ok(None);
                    }
                }
                (None, _) => return Err("a `(?` is not finished".into()),
            }
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("groups nest deeper than {DEEPEST} levels"));
        }
        let inner = self.alternation()?;
        self.depth -= 1;
        self.flags = outer;
        if !self.takes(')') {
            return Err("a `(` is not closed: add `)`, or write `\\(` for the character".into());
        }
        Ok(Some(if atomic { atomic_of(inner) } else { grouped(inner) }))
    }

    fn name(&mut self, end: char) -> Result<(), String> {
        while let Some(c) = self.next() {
            if c == end {
                return Ok(());
            }
        }
        Err("the name of a group is not finished".into())
    }

    /// Reads `i-m:` and the like; true where the flags stand alone and hold from there on.
    fn set_flags(&mut self, first: char) -> Result<bool, String> {
        let mut to = true;
        loop {
            match self.next() {
                Some('^') => self.flags = Flags::default(),
                Some('-') => to = false,
                Some('i') => self.flags.fold = to,
                Some('m') => self.flags.lines = to,
                Some('s') => self.flags.dot_all = to,
                Some('x') => self.flags.extended = to,
                // Names, greediness and captures: they do not change which texts match.
                Some('U' | 'J' | 'n') => {}
                Some(')') => return Ok(true),
                Some(':') => return Ok(false),
                _ => {
                    return Err(format!(
                        "`(?{first}` begins nothing that is known: flags are i, m, s and x, a group that captures nothing is `(?:…)`"
                    ));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<Option<Node>, String> {
        let Some(c) = self.peek() else {
            return Err("it ends with a single backslash: write `\\\\` for the character".into());
        };
        if let Some(members) = shorthand(c) {
            self.at += 1;
            return Ok(Some(Node::Set(Set {
                text: text_of(&members, false),
                members: Some(members),
                literal: None,
                folded: false,
                any: false,
            })));
        }
        let edge = match c {
            'b' => r"(?-u:\b)",
            'B' => r"\B",
            'A' => r"\A",
            'z' => r"\z",
            'Z' => END,
            _ => "",
        };
        if !edge.is_empty() {
            self.at += 1;
            return Ok(Some(Node::Edge(edge)));
        }
        Ok(match c {
            'K' => {
                self.at += 1;
                None
            }
            'R' => {
                self.at += 1;
                let breaks = vec![(10, 13), (0x85, 0x85), (0x2028, 0x2029)];
                Some(Node::Alternation(vec![
                    Node::Concat(vec![self.literal('\r'), self.literal('\n')]),
                    Node::Set(Set {
                        text: text_of(&breaks, false),
                        members: Some(breaks),
                        literal: None,
                        folded: false,
                        any: false,
                    }),
                ]))
            }
            'p' | 'P' => Some(Node::Set(Set {
                text: self.property()?,
                members: None,
                literal: None,
                folded: false,
                any: false,
            })),
            // Three octal digits are a character, as long as no rule has a hundred groups.
            '1'..='7' if (1..3).all(|ahead| matches!(self.peek_at(ahead), Some('0'..='7'))) => {
                let c = self.escaped_character()?;
                Some(self.literal(c))
            }
            '1'..='9' | 'g' | 'k' => {
                return Err(format!(
                    "back-references such as `\\{c}` are not allowed, since they need backtracking"
                ));
            }
            _ => {
                let c = self.escaped_character()?;
                Some(self.literal(c))
            }
        })
    }

    /// `\p{Lu}`, `\P{Lu}`, `\p{^Lu}` and `\pL`, as the `regex` crate writes them.
    pub(super) fn property(&mut self) -> Result<String, String> {
        let mut negated = self.next() == Some('P');
        let mut name = String::new();
        if self.takes('{') {
            negated ^= self.takes('^');
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) if c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '&' | '-') => {
                        name.push(c)
                    }
                    _ => return Err("a Unicode property is written `\\p{Lu}`".into()),
                }
            }
        } else {
            name.extend(self.next().filter(char::is_ascii_alphabetic));
        }
        if name.is_empty() {
            return Err("a Unicode property is written `\\p{Lu}`".into());
        }
        Ok(format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }))
    }

    /// The single character that an escape stands for, within a class or outside.
    pub(super) fn escaped_character(&mut self) -> Result<char, String> {
        let c = self.next().unwrap_or('\\');
        let code = match c {
            'a' => 7,
            'e' => 27,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'c' => match self.next() {
                Some(c) if c.is_ascii() => u32::from(c.to_ascii_uppercase()) ^ 64,
                _ => return Err("`\\c` needs a letter, such as `\\cA`".into()),
            },
            'x' => self.number(16, 2),
            'u' => match self.number_exactly(4) {
                Some(code) => code,
                None => return Err(
                    "`\\u` needs four hexadecimal digits, such as `\\u00e9`; the path separator is `\\\\`"
                        .into(),
                ),
            },
            'o' if self.peek() == Some('{') => self.number(8, 0),
            '0' => self.number(8, 2),
            '1'..='7' => {
                self.at -= 1;
                self.number(8, 3)
            }
            c if !c.is_ascii_alphanumeric() => u32::from(c),
            c => {
                return Err(format!(
                    "`\\{c}` has no meaning in a regular expression: write `\\\\{c}` for a backslash before it, or `{c}` alone"
                ));
            }
        };
        char::from_u32(code).ok_or_else(|| format!("the escape `\\{c}` names no character"))
    }

    /// Digits in braces, or at most so many of them; none are 0, as in PCRE.
    fn number(&mut self, radix: u32, most: usize) -> u32 {
        let braced = matches!(self.peek(), Some('{'));
        let start = self.at + usize::from(braced);
        let digits: String = self.characters[start.min(self.characters.len())..]
            .iter()
            .take(if braced { 8 } else { most })
            .take_while(|c| c.is_digit(radix))
            .collect();
        let end = start + digits.len();
        if braced && self.characters.get(end) != Some(&'}') {
            return 0;
        }
        self.at = end + usize::from(braced);
        u32::from_str_radix(&digits, radix).unwrap_or(if digits.is_empty() { 0 } else { u32::MAX })
    }

    fn number_exactly(&mut self, count: usize) -> Option<u32> {
        let digits: String = self.characters[self.at..].iter().take(count).collect();
        if digits.len() != count || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += count;
        u32::from_str_radix(&digits, 16).ok()
    }
}

fn any(text: &str, members: Members) -> Node {
    Node::Set(Set {
        text: text.into(),
        members: Some(members),
        literal: None,
        folded: false,
        any: true,
    })
}

fn nothing_to_repeat(c: char) -> String {
    format!("`{c}` follows nothing that it could repeat: write `\\{c}` for the character")
}

/// A group in which nothing is left to choose is no more than its parts.
fn grouped(inner: Node) -> Node {
    match inner {
        Node::Set(_) | Node::Alternation(_) | Node::Atomic(_) => inner,
        other => Node::Concat(vec![other]),
    }
}

fn atomic_of(inner: Node) -> Node {
    match inner {
        Node::Repeat { inner, min, max, .. } if matches!(*inner, Node::Set(_)) => {
            Node::Concat(vec![Node::Repeat {
                inner,
                min,
                max,
                possessive: true,
            }])
        }
        other => Node::Atomic(Box::new(other)),
    }
}
