//! Seeds, read from the folder `detectors` and from `docs/detectors.md` when a target starts.

use serde::Deserialize;
use serde_yaml_ng::{Deserializer, Value};
use std::path::Path;

/// The text of every rule file that ships, and the examples of the documentation, which show every kind.
pub fn rules() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("docs/detectors.md")).expect("the page on detectors stands in docs");
    let examples = page.split("```yaml\n").skip(1);
    let mut texts: Vec<String> = examples.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect();
    let mut files = Vec::new();
    let mut folders = vec![top.join("detectors")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder detectors stands at the top of the repository") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    texts.extend(files.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    texts
}

/// The events of the tests that they carry, as JSON.
pub fn events() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key == "fields" && value.is_mapping() {
            found.extend(serde_json::to_string(value).ok());
        }
    });
    found
}

/// The regular expressions of their selections.
pub fn regexes() -> Vec<String> {
    let mut found = Vec::new();
    visit_all(&mut |key, value| {
        if key.split('|').any(|modifier| modifier == "re") {
            match value {
                Value::String(text) => found.push(text.clone()),
                Value::Sequence(items) => found.extend(items.iter().filter_map(|item| item.as_str().map(str::to_owned))),
                _ => {}
            }
        }
    });
    found
}

fn visit_all(seen: &mut impl FnMut(&str, &Value)) {
    for text in rules() {
        for document in Deserializer::from_str(&text) {
            if let Ok(value) = Value::deserialize(document) {
                visit(&value, seen);
            }
        }
    }
}

fn visit(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                seen(key.as_str().unwrap_or_default(), value);
                visit(value, seen);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| visit(item, seen)),
        _ => {}
    }
}
