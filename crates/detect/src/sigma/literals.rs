//! Texts that every match of a regular expression contains, so that it need not be tried on texts without them.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More alternatives than this are not worth looking for one by one.
const MOST_TEXTS: usize = 64;

/// Texts one of which, in some case of its letters, is in everything the expression matches; none where there is no such set.
pub(crate) fn required(expression: &str) -> Option<Vec<String>> {
    let parsed = regex_syntax::ParserBuilder::new()
        .build()
        .parse(expression)
        .ok()?;
    of(&parsed).filter(|texts| {
        texts.len() <= MOST_TEXTS && texts.iter().all(|text| !text.is_empty() && text.is_ascii())
    })
}

fn of(expression: &Hir) -> Option<Vec<String>> {
    match expression.kind() {
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Class(_) => single(expression).map(|letter| vec![letter.into()]),
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Alternation(parts) => {
            let sets: Option<Vec<_>> = parts.iter().map(of).collect();
            Some(sets?.into_iter().flatten().collect())
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// The best set of one of the parts: neighbouring literals are one longer text.
fn of_sequence(parts: &[Hir]) -> Option<Vec<String>> {
    let mut best: Option<Vec<String>> = None;
    let mut run = String::new();
    let mut consider = |texts: Vec<String>| {
        let shortest = |texts: &[String]| texts.iter().map(String::len).min().unwrap_or_default();
        if best.as_ref().is_none_or(|known| {
            (shortest(&texts), std::cmp::Reverse(texts.len()))
                > (shortest(known), std::cmp::Reverse(known.len()))
        }) {
            best = Some(texts);
        }
    };
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) if std::str::from_utf8(&literal.0).is_ok() => {
                run.push_str(&String::from_utf8_lossy(&literal.0));
                continue;
            }
            HirKind::Look(_) => continue,
            HirKind::Class(_) => {
                if let Some(letter) = single(part) {
                    run.push(letter);
                    continue;
                }
            }
            _ => {}
        }
        if !run.is_empty() {
            consider(vec![std::mem::take(&mut run)]);
        }
        if let Some(texts) = of(part) {
            consider(texts);
        }
    }
    if !run.is_empty() {
        consider(vec![run]);
    }
    best
}

/// The letter, in lower case, where a class is one letter in either case (`(?i)` makes them).
fn single(class: &Hir) -> Option<char> {
    let HirKind::Class(Class::Unicode(class)) = class.kind() else {
        return None;
    };
    let mut letters = class.iter().flat_map(|range| range.start()..=range.end());
    let lower = |letter: char| letter.to_ascii_lowercase();
    let first = lower(letters.next()?);
    // Some letters fold to others beyond ASCII (`k` and the Kelvin sign): those do not fold back byte by byte.
    let one = class.ranges().len() <= 2 && letters.take(2).all(|letter| lower(letter) == first);
    (one && first.is_ascii()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::required;

    #[test]
    fn what_every_match_contains_is_found_and_nothing_else() {
        let texts = |expression: &str| required(expression).unwrap_or_default();
        assert_eq!(texts(r"\\d{4}/admin\.php.*x"), ["/admin.php"]);
        assert_eq!(texts("(?i)abd"), ["abd"]);
        assert_eq!(texts("(union|select) .*"), ["union", "select"]);
        assert_eq!(texts("^a+bcd?$"), ["bc"]);
        for nothing in [".*", "[a-z]+", "(a|)", "x*", "", r"\d+"] {
            assert_eq!(required(nothing).map_or(0, |texts| texts.len()), 0, "{nothing}");
        }
    }
}
