//! Whether a word is another one written wrongly.

/// Words that stand for something of their own, though a key of Sigma looks like them.
const OWN_WORDS: [&str; 4] = ["score", "data", "label", "labels"];

/// Whether one is the other with `_` for `-`, another case, or one letter wrong, missing, doubled or swapped.
pub(crate) fn similar(a: &str, b: &str) -> bool {
    if OWN_WORDS.contains(&b) {
        return false;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let (a, b): (Vec<char>, Vec<char>) = (plain(a).chars().collect(), plain(b).chars().collect());
    if a == b && !a.is_empty() {
        return true;
    }
    // Of two or three letters any one may differ by chance.
    if a.len().abs_diff(b.len()) > 1 || a.len() < 4 || b.len() < 3 {
        return false;
    }
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let end = a[start..]
        .iter()
        .rev()
        .zip(b[start..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let left = (a.len() - start - end).max(b.len() - start - end);
    left <= 1 || (left == 2 && a.len() == b.len() && a[start] == b[start + 1] && a[start + 1] == b[start])
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn slips_of_the_pen_are_similar_and_other_words_are_not() {
        for (key, written) in [
            ("group-by", "group_by"),
            ("condition", "conditon"),
            ("falsepositives", "falsepositive"),
            ("falsepositives", "FalsePositives"),
            ("title", "titel"),
            ("tags", "tag"),
            ("id", "ID"),
        ] {
            assert!(similar(key, written), "{key} {written}");
        }
        for (key, written) in [
            ("scope", "score"),
            ("date", "data"),
            ("id", "ip"),
            ("tags", "runbook"),
        ] {
            assert!(!similar(key, written), "{key} {written}");
        }
    }
}
