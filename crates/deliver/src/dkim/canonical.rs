//! The form of a mail that is signed: `relaxed/relaxed` of RFC 6376, 3.4, over bytes whose lines end in CRLF.

/// The header fields as they stand, each with its line end, and the body.
pub(super) fn split(message: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (&message[..end + 2], &message[end + 4..]);
    let mut fields = Vec::new();
    let mut begin = 0;
    for (at, two) in head.windows(2).enumerate() {
        let next = head.get(at + 2);
        if two == b"\r\n" && !next.is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            fields.push(&head[begin..at + 2]);
            begin = at + 2;
        }
    }
    Some((fields, body))
}

/// The name of a field.
pub(super) fn name(field: &[u8]) -> Option<&[u8]> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    Some(field[..colon].trim_ascii())
}

/// The named fields in the order of their names, each with CRLF. Where a name stands twice, it is the last field at first and the one
/// before it then; a name without a field left stands for nothing (RFC 6376, 5.4.2).
pub(super) fn headers(fields: &[&[u8]], named: &[String]) -> Vec<u8> {
    let mut left: Vec<&[u8]> = fields.to_vec();
    let mut text = Vec::new();
    for wanted in named {
        let at = left
            .iter()
            .rposition(|field| name(field).is_some_and(|name| name.eq_ignore_ascii_case(wanted.as_bytes())));
        if let Some(at) = at {
            text.extend(header(left.remove(at)));
            text.extend(b"\r\n");
        }
    }
    text
}

/// One field without its line end: the name in lower case, folding undone, runs of space made one, none at the ends.
pub(super) fn header(field: &[u8]) -> Vec<u8> {
    let (name, value) = match field.iter().position(|&byte| byte == b':') {
        Some(colon) => (&field[..colon], &field[colon + 1..]),
        None => (field, &field[field.len()..]),
    };
    let mut text = name.trim_ascii().to_ascii_lowercase();
    text.push(b':');
    let words = value
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend(word);
    }
    text
}

/// The body: runs of space made one, none at the ends of lines, no empty lines at the end.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(body.len());
    let mut content = 0;
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut spaces = false;
        for &byte in line {
            if matches!(byte, b' ' | b'\t') {
                spaces = true;
                continue;
            }
            if std::mem::take(&mut spaces) {
                text.push(b' ');
            }
            text.push(byte);
        }
        let blank = line.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        text.extend(b"\r\n");
        if !blank {
            content = text.len();
        }
    }
    text.truncate(content);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_comes_out() {
        // RFC 6376, 3.4.5.
        let mail = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, rest) = split(mail).expect("a mail");
        assert_eq!(headers(&fields, &["A".into(), "B".into()]), b"a:X\r\nb:Y Z\r\n");
        assert_eq!(body(rest), b" C\r\nD E\r\n");
    }

    #[test]
    fn an_empty_body_stays_empty_and_of_two_fields_the_last_is_taken_first() {
        let (fields, rest) = split(b"A: 1\r\nA: 2\r\n\r\n\r\n\r\n").expect("a mail");
        assert_eq!(body(rest), b"");
        let thrice = ["a".to_owned(), "A".to_owned(), "A".to_owned()];
        assert_eq!(headers(&fields, &thrice), b"a:2\r\na:1\r\n");
    }
}
