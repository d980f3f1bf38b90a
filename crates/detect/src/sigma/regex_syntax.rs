//! From PCRE, which rules are written for, to the syntax of the linear `regex` crate.
//!
//! Takes a pattern and gives one that matches the same texts, or says why there is none. What needs backtracking (look-around,
//! back-references, recursion) is refused. Only whether a text matches is kept, not what a group captured: so groups capture
//! nothing, lazy quantifiers are greedy ones, and a possessive quantifier or an atomic group is taken where leaving off the
//! possession cannot make another text match.
//!
//! Decided as PCRE does without its Unicode options: `\d`, `\w`, `\s` and `\b` know ASCII, `$` also stands before a last line
//! break, `{` that begins no quantifier and `[` within a class are themselves. `\B` alone knows all letters, since the bounds
//! between the bytes of a character are not to be matched.

use super::regex_class::{Members, disjoint};
use super::regex_tree::{END, Node, parse};

/// The pattern in the syntax of the `regex` crate.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let tree = parse(pattern)?;
    let mut out = String::with_capacity(pattern.len() * 2);
    emit(&tree, &Follow::Nothing, &mut out)?;
    Ok(out)
}

/// What a pattern that is no more than a text asks: whether it must begin and end there, and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) from_start: bool,
    pub(crate) to_end: bool,
    pub(crate) text: String,
    /// Whether the pattern itself says that its letters stand for either case.
    pub(crate) folded: bool,
}

/// What lint wants to know about a pattern that translates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Where a text and a plain modifier would do.
    pub(crate) plain: Option<Plain>,
    /// Whether it begins with `.*`, which a search does anyway.
    pub(crate) leading_any: bool,
    /// The characters of the longest text that stands in the pattern literally.
    pub(crate) longest_literal: usize,
}

/// The shape of a pattern, or none where it does not translate.
pub(crate) fn shape(pattern: &str) -> Option<Shape> {
    let tree = parse(pattern).ok()?;
    let nodes = match &tree {
        Node::Concat(nodes) => nodes.as_slice(),
        other => std::slice::from_ref(other),
    };
    let is_any = |node: &&Node| matches!(node, Node::Repeat { inner, min: 0, max: None, .. } if matches!(&**inner, Node::Set(set) if set.any));
    let leading_any = nodes.first().is_some_and(|node| is_any(&node));
    let trailing_any = nodes.last().is_some_and(|node| is_any(&node));
    let inner = &nodes[usize::from(leading_any).min(nodes.len())..];
    let inner = &inner[..inner.len() - usize::from(trailing_any && !inner.is_empty())];
    let from_start = matches!(inner.first(), Some(Node::Edge(r"\A")));
    let to_end = matches!(inner.last(), Some(Node::Edge(END | r"\z")));
    let middle = &inner[usize::from(from_start)..];
    let middle = &middle[..middle.len() - usize::from(to_end && !middle.is_empty())];
    let text: Option<String> = middle.iter().map(literal).collect();
    let letters = || {
        let sets = middle.iter().filter_map(|node| match node {
            Node::Set(set) => Some(set),
            _ => None,
        });
        sets.filter(|set| set.literal.is_some_and(char::is_alphabetic))
    };
    let folded = letters().any(|letter| letter.folded);
    // No modifier asks for a text of which only a part is in either case.
    let alike = letters().all(|letter| letter.folded == folded);
    let plain = text.filter(|text| !text.is_empty() && alike).map(|text| Plain {
        from_start: from_start && !leading_any,
        to_end: to_end && !trailing_any,
        text,
        folded,
    });
    Some(Shape {
        plain,
        leading_any,
        longest_literal: longest_literal(&tree),
    })
}

fn literal(node: &Node) -> Option<char> {
    match node {
        Node::Set(set) => set.literal,
        _ => None,
    }
}

fn longest_literal(node: &Node) -> usize {
    match node {
        Node::Concat(nodes) => {
            let (mut longest, mut run) = (0, 0);
            for node in nodes {
                if literal(node).is_some() {
                    run += 1;
                } else {
                    run = 0;
                    longest = longest.max(longest_literal(node));
                }
                longest = longest.max(run);
            }
            longest
        }
        Node::Set(set) => usize::from(set.literal.is_some()),
        Node::Repeat { inner, min, .. } if *min > 0 => longest_literal(inner),
        Node::Atomic(inner) => longest_literal(inner),
        Node::Alternation(branches) => branches.iter().map(longest_literal).min().unwrap_or(0),
        Node::Edge(_) | Node::Repeat { .. } => 0,
    }
}

/// What must come after a part for the whole to match.
#[derive(Debug, Clone)]
enum Follow {
    /// Nothing: the match is complete.
    Nothing,
    /// One of these characters, or the end of the text.
    OneOf(Members),
    Unknown,
}

fn emit(node: &Node, follow: &Follow, out: &mut String) -> Result<(), String> {
    match node {
        Node::Set(set) => out.push_str(&set.text),
        Node::Edge(edge) => out.push_str(edge),
        Node::Concat(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                let follow = nodes[index + 1..].first().map_or_else(|| follow.clone(), first);
                let alternation = matches!(node, Node::Alternation(_));
                out.push_str(if alternation { "(?:" } else { "" });
                emit(node, &follow, out)?;
                out.push_str(if alternation { ")" } else { "" });
            }
        }
        Node::Alternation(branches) => {
            for (index, branch) in branches.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "|" });
                emit(branch, follow, out)?;
            }
        }
        Node::Repeat {
            inner,
            min,
            max,
            possessive,
        } => {
            if *possessive && !loses_nothing(inner, *min, *max, follow) {
                return Err("a possessive quantifier such as `++` is not allowed where what follows could have matched its characters: leave off the second `+`".into());
            }
            let within = if *max == Some(1) {
                follow.clone()
            } else {
                Follow::Unknown
            };
            out.push_str("(?:");
            emit(inner, &within, out)?;
            out.push(')');
            match (min, max) {
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (0, Some(1)) => out.push('?'),
                (min, None) => out.push_str(&format!("{{{min},}}")),
                (min, Some(max)) => out.push_str(&format!("{{{min},{max}}}")),
            }
        }
        Node::Atomic(inner) => {
            if !matches!(follow, Follow::Nothing) && chooses(inner) {
                return Err("an atomic group `(?>…)` is not allowed where it could match in several ways: write `(?:…)`".into());
            }
            out.push_str("(?:");
            emit(inner, follow, out)?;
            out.push(')');
        }
    }
    Ok(())
}

/// Whether the repeated part would never give back a character that lets the rest match.
fn loses_nothing(inner: &Node, min: u32, max: Option<u32>, follow: &Follow) -> bool {
    match (inner, follow) {
        (_, Follow::Nothing) => true,
        (Node::Set(_), _) if max == Some(min) => true,
        (Node::Set(set), Follow::OneOf(next)) => set
            .members
            .as_ref()
            .is_some_and(|members| disjoint(members, next)),
        _ => false,
    }
}

/// Whether a part can match the same place in more than one way.
fn chooses(node: &Node) -> bool {
    match node {
        Node::Set(_) | Node::Edge(_) => false,
        Node::Concat(nodes) => nodes.iter().any(chooses),
        Node::Repeat { inner, min, max, .. } => *max != Some(*min) || chooses(inner),
        Node::Atomic(inner) => chooses(inner),
        Node::Alternation(_) => true,
    }
}

/// What a part must begin with.
fn first(node: &Node) -> Follow {
    match node {
        Node::Set(set) => set.members.clone().map_or(Follow::Unknown, Follow::OneOf),
        Node::Edge(r"\z") => Follow::OneOf(Vec::new()),
        Node::Edge(edge) if *edge == END => Follow::OneOf(vec![(10, 10)]),
        Node::Concat(nodes) => nodes.first().map_or(Follow::Unknown, first),
        Node::Repeat { inner, min, .. } if *min > 0 => first(inner),
        Node::Atomic(inner) => first(inner),
        Node::Edge(_) | Node::Alternation(_) | Node::Repeat { .. } => Follow::Unknown,
    }
}

#[cfg(test)]
#[path = "regex_syntax_tests.rs"]
mod tests;
