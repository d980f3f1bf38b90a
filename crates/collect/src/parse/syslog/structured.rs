//! The structured data of RFC 5424 (6.3): `[id name="value" …][id …]`, or `-` for none.

use serde_json::{Map, Value};

/// The data at the beginning of `text` and the message behind it. Where the data is not as the RFC says, all of it is message: a part
/// that is lost helps nobody.
pub(super) fn read(text: &str) -> (Map<String, Value>, &str) {
    if let Some(message) = text.strip_prefix('-')
        && (message.is_empty() || message.starts_with(' '))
    {
        return (Map::new(), message.strip_prefix(' ').unwrap_or(message));
    }
    let mut data = Map::new();
    let mut rest = text;
    while rest.starts_with('[') {
        let Some((id, parameters, behind)) = element(rest) else {
            return (Map::new(), text);
        };
        data.insert(id.to_owned(), parameters.into());
        rest = behind;
    }
    match rest.strip_prefix(' ') {
        Some(message) => (data, message),
        None if rest.is_empty() => (data, rest),
        None => (Map::new(), text),
    }
}

/// One element, from its bracket on: its id, its parameters, and what stands behind it.
fn element(text: &str) -> Option<(&str, Map<String, Value>, &str)> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find([' ', ']'])?;
    let (id, mut rest) = inner.split_at(end);
    if id.is_empty() || id.contains(['=', '"']) {
        return None;
    }
    let mut parameters = Map::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(behind) = rest.strip_prefix(']') {
            return Some((id, parameters, behind));
        }
        let (name, value) = rest.split_once("=\"")?;
        if name.is_empty() || name.contains([' ', ']', '"']) {
            return None;
        }
        let (value, behind) = quoted(value)?;
        parameters.insert(name.to_owned(), value.into());
        rest = behind;
    }
}

/// A value up to its closing quote, and what stands behind that. `\"`, `\\` and `\]` stand for what follows the backslash; before
/// anything else it is a backslash.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()? {
                (_, escaped @ ('"' | '\\' | ']')) => value.push(escaped),
                (_, other) => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_parameters_and_escapes_are_read() {
        let text = r#"[ex@32473 iut="3" say="a \"b\" \\ \] \n"][empty@1] the [message]"#;
        let (data, message) = read(text);
        let expected = json!({"ex@32473": {"iut": "3", "say": r#"a "b" \ ] \n"#}, "empty@1": {}});
        assert_eq!((Value::from(data), message), (expected, "the [message]"));
        assert_eq!(read("- hello"), (Map::new(), "hello"));
        assert_eq!(read("-"), (Map::new(), ""));
    }

    #[test]
    fn what_is_not_as_it_should_be_is_all_message() {
        for text in [
            "[ex a=\"1\" no space behind]x",
            "[ex a=\"open] x",
            "[] x",
            "[ex] [",
            "-dash",
            "plain",
        ] {
            let (data, message) = read(text);
            if text == "[ex] [" {
                assert_eq!((data.len(), message), (1, "["));
            } else {
                assert_eq!((data.len(), message), (0, text));
            }
        }
    }
}
