//! YAML with line numbers: a small tree that remembers where each key and value stood.
//!
//! Takes one document's text. Aliases and tags are refused: no Sigma rule needs them, and aliases can blow up a small text.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deep a document may nest. Sigma needs five levels, test events some more.
const DEEPEST: usize = 32;

/// How many nodes a document may have.
const MOST_NODES: usize = 100_000;

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
            !line.is_empty() && !line.starts_with('#')
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
    let value = at(line)
        .split_once(": ")
        .map_or("", |(_, value)| value.trim_start());
    let hint = if value.starts_with(['*', '%', '@', '`', '&']) {
        "; put a value that begins with such a character into quotes"
    } else {
        ""
    };
    (line, format!("this is not YAML: {told}{hint}"))
}

enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<Entry>, Option<(String, usize)>),
}

struct Builder {
    offset: usize,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
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
            Event::Alias(_) => {
                refuse("aliases such as `*name` are not allowed: repeat the value, or quote it")
            }
            Event::Scalar(text, style, _, None) => {
                if let Some(Open::Map(_, entries, key @ None)) = self.open.last_mut() {
                    if entries.iter().any(|entry| entry.key == *text) {
                        return Err(Fault {
                            line,
                            key: Some(text.into_owned()),
                            reason: "the key stands here a second time: remove one, or give it another name"
                                .into(),
                        });
                    }
                    *key = Some((text.into_owned(), line));
                    return Ok(());
                }
                self.add(Node {
                    line,
                    value: scalar(&text, style),
                })
            }
            Event::SequenceStart(_, None) => self.enter(Open::List(line, Vec::new()), line),
            Event::MappingStart(_, None) => self.enter(Open::Map(line, Vec::new(), None), line),
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(line, items)) => Node {
                        line,
                        value: Value::List(items),
                    },
                    Some(Open::Map(line, entries, _)) => Node {
                        line,
                        value: Value::Map(entries),
                    },
                    None => return refuse("a list or map ends that never began"),
                };
                self.add(node)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open, line: usize) -> Result<(), Fault> {
        let as_key = matches!(self.open.last(), Some(Open::Map(_, _, None)));
        if as_key || self.open.len() >= DEEPEST {
            let reason = if as_key {
                "a key must be a text".to_owned()
            } else {
                format!("nested deeper than {DEEPEST} levels")
            };
            return Err(Fault {
                line,
                key: None,
                reason,
            });
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Fault {
                line: node.line,
                key: None,
                reason: format!("the document has more than {MOST_NODES} values"),
            });
        }
        match self.open.last_mut() {
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => {
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
    fn a_key_written_twice_an_alias_and_a_tag_are_refused_with_their_line() {
        assert_eq!(parse("a: 1\na: 2\n", 1).unwrap_err().line, 2);
        assert_eq!(parse("a: &x 1\nb: *x\n", 1).unwrap_err().line, 2);
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
