//! YAML with line numbers: a small tree that remembers where each key and value stood.
//!
//! Takes one document's text. An alias stands for a copy of what its anchor names, and `<<` takes over the keys of a map; copies count
//! as nodes, so that a small text cannot blow up. Tags are refused: no Sigma rule needs them.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// The key whose map's entries are taken over where they are not written out ("Merge Key Language-Independent Type for YAML 1.1").
const MERGE: &str = "<<";

/// How deep a document may nest. Sigma needs five levels, test events some more.
const DEEPEST: usize = 32;

/// How many nodes a document may have, those that aliases stand for with them.
const MOST_NODES: usize = 100_000;

/// How many bytes of text that is copied for an alias count as a node.
const BYTES_OF_A_NODE: usize = 64;

/// A value and the line it began at, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// What a node holds (YAML 1.2 core schema).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) value: Node,
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) key: Option<String>,
    pub(crate) reason: String,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The line of the file it begins at, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Cuts a file at its `---` lines; a syntax error in one document then leaves the others readable.
pub(crate) fn documents(text: &str) -> Vec<Piece> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A lone carriage return ends a line, too (YAML 1.2.2, 5.4): whoever counts lines must agree with whoever reads them.
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    };
    let mut pieces = vec![Piece {
        line: 1,
        text: String::new(),
    }];
    for (index, line) in text.lines().enumerate() {
        let marker = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if let Some(rest) = marker {
            // What follows the marker stays on its line, so that columns move and lines do not.
            pieces.push(Piece {
                line: index + 1,
                text: format!("{}\n", rest.trim_start()),
            });
        } else if line == "..." {
            if let Some(last) = pieces.last_mut() {
                last.text.push('\n');
            }
        } else if let Some(last) = pieces.last_mut() {
            last.text.push_str(line);
            last.text.push('\n');
        }
    }
    pieces.retain(|piece| {
        piece.text.lines().any(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with(['#', '%'])
        })
    });
    pieces
}

/// Reads one document; `first_line` is the line of the file its text begins at.
pub(crate) fn parse(text: &str, first_line: usize) -> Result<Node, Fault> {
    let mut builder = Builder {
        offset: first_line - 1,
        open: Vec::new(),
        root: None,
        nodes: 0,
        anchored: HashMap::new(),
    };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|error| {
            let (line, reason) = syntax(text, error.marker().line(), error.info());
            Fault {
                line: line + builder.offset,
                key: None,
                reason,
            }
        })?;
        builder.take(event, span.start.line() + builder.offset)?;
    }
    builder.root.ok_or(Fault {
        line: first_line,
        key: None,
        reason: "the document is empty".into(),
    })
}

/// What a syntax error means, and the line of the text that shows it.
fn syntax(text: &str, line: usize, told: &str) -> (usize, String) {
    let at = |line: usize| text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let tabbed = |line: &usize| {
        let text = at(*line);
        text[..text.len() - text.trim_start().len()].contains('\t')
    };
    // A text that goes on over several lines is blamed where it began.
    if let Some(line) = [line, line + 1].into_iter().find(tabbed) {
        return (line, "this is not YAML: a tab cannot indent, use spaces".into());
    }
    let blamed = at(line).trim_start();
    let value = match (blamed.strip_prefix("- "), blamed.split_once(": ")) {
        (_, Some((_, value))) | (Some(value), None) => value.trim_start(),
        (None, None) => "",
    };
    let hint = if value.starts_with(['*', '%', '@', '`', '&']) {
        "; put a value that begins with such a character into quotes"
    } else {
        ""
    };
    (line, format!("this is not YAML: {told}{hint}"))
}

/// A list or a map whose end has not been read.
struct Open {
    line: usize,
    /// The number of its anchor; 0 where it has none.
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<Entry>, Option<(String, usize)>),
}

struct Builder {
    offset: usize,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// What aliases can stand for, by the number of the anchor.
    anchored: HashMap<usize, Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        let refuse = |reason: &str| {
            Err(Fault {
                line,
                key: None,
                reason: reason.into(),
            })
        };
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                refuse("tags such as `!!str` are not allowed: quote the value instead")
            }
            Event::Alias(anchor) => match self.anchored.get(&anchor) {
                Some(node) => {
                    let node = Node { line, ..node.clone() };
                    self.copy(node)
                }
                None => refuse("an alias stands inside of what it is an alias for"),
            },
            Event::Scalar(text, style, anchor, None) => {
                if matches!(self.innermost(), Some(Inside::Map(_, None))) {
                    let named = Node {
                        line,
                        value: Value::Text(text.clone().into_owned()),
                    };
                    self.keep(anchor, &named);
                    return self.key(text.into_owned(), line);
                }
                let value = scalar(&text, style);
                self.add(Node { line, value }, anchor)
            }
            Event::SequenceStart(anchor, None) => self.enter(Inside::List(Vec::new()), line, anchor),
            Event::MappingStart(anchor, None) => self.enter(Inside::Map(Vec::new(), None), line, anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { line, anchor, inside }) = self.open.pop() else {
                    return refuse("a list or map ends that never began");
                };
                let value = match inside {
                    Inside::List(items) => Value::List(items),
                    Inside::Map(entries, _) => Value::Map(self.merged(entries)?),
                };
                self.add(Node { line, value }, anchor)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, inside: Inside, line: usize, anchor: usize) -> Result<(), Fault> {
        let reason = match self.innermost() {
            Some(Inside::Map(_, None)) => "a key must be a text".to_owned(),
            _ if self.open.len() >= DEEPEST => too_deep(),
            _ => {
                self.open.push(Open { line, anchor, inside });
                return Ok(());
            }
        };
        Err(Fault {
            line,
            key: None,
            reason,
        })
    }

    /// Puts what an alias stands for in its place.
    fn copy(&mut self, node: Node) -> Result<(), Fault> {
        let refuse = |reason: String| {
            Err(Fault {
                line: node.line,
                key: None,
                reason,
            })
        };
        let (nodes, levels) = node.extent();
        self.nodes += nodes;
        match self.innermost() {
            Some(Inside::Map(_, None)) => match node.text() {
                Some(text) => self.key(text, node.line),
                None => refuse("a key must be a text".to_owned()),
            },
            _ if self.open.len() + levels > DEEPEST => refuse(too_deep()),
            _ => self.add(node, 0),
        }
    }

    fn innermost(&self) -> Option<&Inside> {
        self.open.last().map(|open| &open.inside)
    }

    /// Takes a key of the map that was opened last.
    fn key(&mut self, text: String, line: usize) -> Result<(), Fault> {
        let Some(Inside::Map(entries, key)) = self.open.last_mut().map(|open| &mut open.inside) else {
            return Ok(());
        };
        if entries.iter().any(|entry| entry.key == text) {
            return Err(Fault {
                line,
                key: Some(text),
                reason: "the key stands here a second time: remove one, or give it another name".into(),
            });
        }
        *key = Some((text, line));
        Ok(())
    }

    /// Keeps what aliases of this anchor stand for.
    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            // It counts, too: anchors within anchors are kept several times.
            self.nodes += node.extent().0;
            self.anchored.insert(anchor, node.clone());
        }
    }

    /// The entries with those that `<<` takes over behind them; what is written out wins, then what is named first.
    fn merged(&mut self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Fault> {
        let Some(place) = entries.iter().position(|entry| entry.key == MERGE) else {
            return Ok(entries);
        };
        let merge = entries.remove(place);
        for map in merge.value.items() {
            let Value::Map(taken) = &map.value else {
                return Err(Fault {
                    line: merge.line,
                    key: Some(merge.key),
                    reason: format!("`<<` takes over the keys of a map, and this is {}", map.kind()),
                });
            };
            for entry in taken {
                if entries.iter().all(|known| known.key != entry.key) {
                    entries.push(entry.clone());
                }
            }
        }
        Ok(entries)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Fault {
                line: node.line,
                key: None,
                reason: format!("the document has more than {MOST_NODES} values"),
            });
        }
        self.keep(anchor, &node);
        match self.open.last_mut().map(|open| &mut open.inside) {
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map(entries, key)) => {
                if let Some((key, line)) = key.take() {
                    entries.push(Entry {
                        key,
                        line,
                        value: node,
                    });
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn too_deep() -> String {
    format!("nested deeper than {DEEPEST} levels")
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let numeric = text
        .strip_prefix(['-', '+'])
        .unwrap_or(text)
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if numeric {
        if let Ok(integer) = text.parse() {
            return Value::Integer(integer);
        }
        if let Some(hex) = text.strip_prefix("0x")
            && let Ok(integer) = i64::from_str_radix(hex, 16)
        {
            return Value::Integer(integer);
        }
        // A whole number too large for the engine keeps its digits.
        let whole = text
            .trim_start_matches(['-', '+'])
            .bytes()
            .all(|b| b.is_ascii_digit());
        if !whole
            && text.bytes().any(|b| b.is_ascii_digit())
            && let Ok(float) = text.parse()
        {
            return Value::Float(float);
        }
    }
    Value::Text(text.to_owned())
}

impl Node {
    /// The scalar as text, as it would be written.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(integer) => Some(integer.to_string()),
            Value::Float(float) => Some(float.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// As how many nodes a copy of it counts with what is inside of it, and how many levels it nests.
    fn extent(&self) -> (usize, usize) {
        let of_text = |text: &str| text.len() / BYTES_OF_A_NODE;
        let inside = |(count, deepest): (usize, usize), node: &Node| {
            let (nodes, levels) = node.extent();
            (count + nodes, deepest.max(levels + 1))
        };
        match &self.value {
            Value::Text(text) => (1 + of_text(text), 0),
            Value::List(items) => items.iter().fold((1, 1), inside),
            Value::Map(entries) => entries.iter().fold((1, 1), |(count, deepest), entry| {
                inside((count + of_text(&entry.key), deepest), &entry.value)
            }),
            _ => (1, 0),
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list, or the single value as a list of one.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The node as JSON, for the fields of test events.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => (*truth).into(),
            Value::Integer(integer) => (*integer).into(),
            Value::Float(float) => (*float).into(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_value_knows_its_line() {
        let pieces = documents("# head\na: 1\nb:\n  - x\n  - {c: 'y'}\n---\nd: [1, 2]\n");
        assert_eq!(pieces.len(), 2);
        let first = parse(&pieces[0].text, pieces[0].line).unwrap();
        let entries = first.entries().unwrap();
        assert_eq!((entries[1].line, entries[1].value.items()[1].line), (3, 5));
        let second = parse(&pieces[1].text, pieces[1].line).unwrap();
        assert_eq!(second.entries().unwrap()[0].line, 7);
    }

    #[test]
    fn lines_are_counted_and_documents_cut_whatever_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a: 1", "---", "b: 2", "b: 3", ""].join(end);
            let pieces = documents(&text);
            assert_eq!(pieces.len(), 2, "{end:?}");
            assert_eq!(
                parse(&pieces[1].text, pieces[1].line).unwrap_err().line,
                4,
                "{end:?}"
            );
        }
    }

    #[test]
    fn an_alias_stands_for_what_its_anchor_names() {
        let aliased = "one: &list [a, {b: &text c}]\ntwo: *list\n*text : 1\nthree: [*text]\n";
        let written = "one: [a, {b: c}]\ntwo: [a, {b: c}]\nc : 1\nthree: [c]\n";
        let json = |text| parse(text, 1).unwrap().json();
        assert_eq!(json(aliased), json(written));
        assert_eq!(parse(aliased, 1).unwrap().entries().unwrap()[1].value.line, 2);
        assert_eq!(json("&key a: 1\nb: *key\n"), json("a: 1\nb: a\n"));
        assert_eq!(parse("a: &a b\n*a : 1\n*a : 2\n", 1).unwrap_err().line, 3);
    }

    #[test]
    fn keys_are_taken_over_where_they_are_not_written_out() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 5\n";
        let node = parse(text, 1).unwrap().json();
        assert_eq!(node["z"], serde_json::json!({"a": 5, "b": 2, "c": 4}));
        let fault = parse("a:\n  <<: 1\n", 1).unwrap_err();
        assert_eq!((fault.line, fault.key.as_deref()), (2, Some("<<")));
    }

    #[test]
    fn aliases_cannot_blow_up_a_small_text() {
        let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g", "h"]
            .iter()
            .zip(["a", "b", "c", "d", "e", "f", "g"])
        {
            laughs += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(", "));
        }
        let fault = parse(&laughs, 1).unwrap_err();
        assert!(fault.reason.contains("more than 100000 values"), "{fault:?}");
        let mut deep = "- &a0 [x]\n".to_owned();
        for level in 1..40 {
            deep += &format!("- &a{level} [*a{}]\n", level - 1);
        }
        let fault = parse(&deep, 1).unwrap_err();
        assert!(fault.reason.contains("nested deeper"), "{fault:?}");
        let fault = parse("a: &a [*a]\n", 1).unwrap_err();
        assert!(
            fault.reason.contains("inside of what it is an alias for"),
            "{fault:?}"
        );
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(100_000),
            vec!["*a"; 100].join(", ")
        );
        let fault = parse(&long, 1).unwrap_err();
        assert!(fault.reason.contains("more than 100000 values"), "{fault:?}");
        for unknown in ["a: *b\n", "a:\n  - *b\n"] {
            assert!(parse(unknown, 1).unwrap_err().reason.contains("into quotes"));
        }
    }

    #[test]
    fn a_key_written_twice_and_a_tag_are_refused_with_their_line() {
        assert_eq!(parse("a: 1\na: 2\n", 1).unwrap_err().line, 2);
        assert_eq!(parse("a: !!str 1\n", 3).unwrap_err().line, 3);
        assert!(parse(&"[".repeat(40), 1).is_err());
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let node = parse("[1, '1', 1.5, ~, true, no, 0x10, 1.2.3.4, -x, 2019-06-15, .]", 1).unwrap();
        let values: Vec<_> = node.items().iter().map(|n| n.value.clone()).collect();
        let text = |t: &str| Value::Text(t.into());
        let rest = [text("no"), Value::Integer(16), text("1.2.3.4"), text("-x")];
        assert_eq!(values[..3], [Value::Integer(1), text("1"), Value::Float(1.5)]);
        assert_eq!(values[3..5], [Value::Null, Value::Bool(true)]);
        assert_eq!(values[5..9], rest);
        assert_eq!(values[9..], [text("2019-06-15"), text(".")]);
    }
}
