//! Counted things in words.

/// `1 customer`, `7 customers`.
pub(crate) fn customers(count: usize) -> String {
    counted(count, "customer")
}

/// `1 message`, `7 messages`.
pub(crate) fn messages(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "message")
}

/// `Ines`, `Ines or Lena`, `Ines, Lena or Tom`.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
