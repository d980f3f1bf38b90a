//! Rule collections of old: `action: global` gives its keys to the documents that follow it, `reset` ends that, and `repeat` is
//! the document before with some keys changed. Sigma left them behind, but rules that use them are still about.

use super::document::Document;
use crate::quarantine::Quarantined;
use crate::yaml::{Node, Value};

/// The documents of a file, with the collections resolved.
pub(crate) fn joined(documents: Vec<Document>, faults: &mut Vec<Quarantined>) -> Vec<Document> {
    // `action` is an author's own key in a rule of today, and then it is none of these words.
    let is_action = |document: &Document| action(document).is_some();
    if !documents.iter().any(is_action) {
        return documents;
    }
    let mut global: Option<Document> = None;
    let mut before: Option<Document> = None;
    let mut rules = Vec::new();
    for document in documents {
        match action(&document) {
            Some("global") => {
                let joined = global
                    .take()
                    .map_or_else(|| bare(&document), |known| over(&known, &document));
                global = Some(joined);
                continue;
            }
            Some("reset") => {
                global = None;
                continue;
            }
            Some("repeat") => match &before {
                Some(known) => rules.push(over(known, &document)),
                None => faults.push(Quarantined {
                    path: document.path.clone(),
                    line: Some(document.line),
                    key: Some("action".into()),
                    rule: document.called(),
                    reason: "`action: repeat` follows no rule that it could repeat: write the rule out"
                        .into(),
                }),
            },
            _ => rules.push(
                global
                    .as_ref()
                    .map_or_else(|| document.clone(), |known| over(known, &document)),
            ),
        }
        before = rules.last().cloned();
    }
    rules
}

fn action(document: &Document) -> Option<&'static str> {
    let entry = document.get("action")?;
    let text = entry.value.text()?;
    ["global", "reset", "repeat"]
        .into_iter()
        .find(|known| *known == text)
}

/// One document with the keys of another over its own; the second's place.
fn over(below: &Document, above: &Document) -> Document {
    let root = merged(&below.root, &above.root);
    let source = serde_json::to_string(&root.json()).unwrap_or_default();
    bare(&Document {
        path: above.path.clone(),
        line: above.line,
        // Written out as one document, so that the rule can be read again by itself: JSON is YAML.
        source: format!("{source}\n"),
        root,
    })
}

fn bare(document: &Document) -> Document {
    let mut bare = document.clone();
    if let Value::Map(entries) = &mut bare.root.value {
        entries.retain(|entry| entry.key != "action");
        bare.source = format!("{}\n", bare.root.json());
    }
    bare
}

fn merged(below: &Node, above: &Node) -> Node {
    let (Value::Map(old), Value::Map(new)) = (&below.value, &above.value) else {
        return above.clone();
    };
    let mut entries = old.clone();
    for entry in new {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                known.line = entry.line;
                known.value = merged(&known.value, &entry.value);
            }
            None => entries.push(entry.clone()),
        }
    }
    Node {
        line: above.line,
        value: Value::Map(entries),
    }
}
