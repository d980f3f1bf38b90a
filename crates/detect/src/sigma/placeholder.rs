//! Placeholders (specification 2.1, "Placeholders"): `%name%` in a value with the modifier `expand`.

use super::condition::listed;
use crate::limits::Limits;

/// How many values the placeholders of one value may stand for together.
const MOST_VALUES: usize = 10_000;

/// One part of a value.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// Every text that `text` stands for; `quote` makes of a placeholder's value what stands in the text.
pub(crate) fn expand(text: &str, quote: fn(&str) -> String, limits: &Limits) -> Result<Vec<String>, String> {
    let parts = parts(text);
    let mut unknown: Vec<&str> = Vec::new();
    let mut texts = vec![String::new()];
    for part in &parts {
        match part {
            Part::Text(text) => texts.iter_mut().for_each(|known| known.push_str(text)),
            Part::Placeholder(name) => match limits.placeholders.get(*name) {
                Some(values) if texts.len().saturating_mul(values.len()) > MOST_VALUES => {
                    return Err(format!(
                        "the placeholders stand for more than {MOST_VALUES} values together: configure fewer, or split the selection"
                    ));
                }
                Some(values) => {
                    texts = texts
                        .iter()
                        .flat_map(|known| values.iter().map(move |value| format!("{known}{}", quote(value))))
                        .collect();
                }
                None => unknown.push(name),
            },
        }
    }
    if unknown.is_empty() {
        return Ok(texts);
    }
    let marks: Vec<_> = unknown.iter().map(|name| format!("`%{name}%`")).collect();
    let known: Vec<_> = limits.placeholders.keys().collect();
    Err(format!(
        "the placeholder {} is not configured: add to the placeholders of the configuration what it stands for here; {}",
        marks.join(", "),
        if known.is_empty() {
            "none are configured".into()
        } else {
            format!("configured are {}", listed(&known))
        }
    ))
}

/// Whether a value has a placeholder at all.
pub(crate) fn has_any(text: &str) -> bool {
    parts(text)
        .iter()
        .any(|part| matches!(part, Part::Placeholder(_)))
}

/// `\%` is a percent sign; so is one that no name and second sign follow.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = text[at..].find('%') {
        let sign = at + found;
        if text[..sign].ends_with('\\') {
            parts.push(Part::Text(&text[start..sign - 1]));
            (start, at) = (sign, sign + 1);
            continue;
        }
        let rest = &text[sign + 1..];
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .unwrap_or(rest.len());
        if length > 0 && rest[length..].starts_with('%') {
            parts.push(Part::Text(&text[start..sign]));
            parts.push(Part::Placeholder(&rest[..length]));
            at = sign + length + 2;
            start = at;
        } else {
            at = sign + 1;
        }
    }
    parts.push(Part::Text(&text[start..]));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let mut limits = Limits::default();
        limits
            .placeholders
            .insert("name".into(), vec!["a*".into(), "b".into()]);
        limits.placeholders.insert("none".into(), Vec::new());
        limits
    }

    #[test]
    fn a_placeholder_stands_for_each_of_its_values() {
        let expanded = |text: &str| expand(text, str::to_owned, &limits());
        assert_eq!(
            expanded("x-%name%-%name%").unwrap(),
            ["x-a*-a*", "x-a*-b", "x-b-a*", "x-b-b"]
        );
        assert_eq!(expanded("100%").unwrap(), ["100%"]);
        assert_eq!(expanded("% x %").unwrap(), ["% x %"]);
        assert_eq!(expanded(r"\%plain%name%").unwrap(), ["%plaina*", "%plainb"]);
        assert!(expanded("%none%").unwrap().is_empty());
        assert_eq!(
            expand("^%name%$", regex::escape, &limits()).unwrap(),
            [r"^a\*$", "^b$"]
        );
    }

    #[test]
    fn what_is_not_configured_is_told_at_once_with_what_is() {
        let fault = expand("%Servers%/%Admins%", str::to_owned, &limits()).unwrap_err();
        for part in ["`%Servers%`", "`%Admins%`", "`name`"] {
            assert!(fault.contains(part), "{fault}");
        }
        assert!(has_any("%x%") && !has_any("100 % x") && !has_any(r"\%x%"));
    }
}
