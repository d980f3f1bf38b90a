//! From a draft to the frozen bytes of a mail.
//!
//! The same draft gives the same bytes, always: nothing is taken from the clock, the machine or chance. The approval of a notice binds
//! to a hash, and a repeated attempt must be the same message, so both rest on this.
//!
//! What comes out is plain ASCII with lines of at most 998 characters ended by CRLF (RFC 5322, 2.1.1), so that any relay carries it
//! unchanged, whichever extensions it knows.

use chrono::{DateTime, Datelike, Utc};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

/// The longest line of a message, without its CRLF (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    /// The name shown beside the address.
    pub name: Option<String>,
    /// The address, in ASCII; an international domain in its `xn--` form.
    pub address: String,
}

impl Party {
    /// An address without a name.
    pub fn address(address: impl Into<String>) -> Self {
        Self {
            name: None,
            address: address.into(),
        }
    }

    /// A name and an address.
    pub fn named(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            address: address.into(),
        }
    }
}

/// What a mail says, before it is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailDraft {
    /// The author.
    pub from: Party,
    /// The one recipient: there is one message for each, and never a Bcc.
    pub to: Party,
    /// The subject, one line; see [`one_line`] for text that comes from outside.
    pub subject: String,
    /// The plain text, with any line endings.
    pub text: String,
    /// The same as HTML, if there is such a version.
    pub html: Option<String>,
    /// The Message-ID, `left@right`, with or without angle brackets.
    pub message_id: String,
    /// The `Date` header.
    pub date: DateTime<Utc>,
    /// Further headers in their order, such as `Auto-Submitted` or `X-Watchkeeper-Reference`.
    pub headers: Vec<(String, String)>,
}

/// A mail whose bytes no longer change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenMail {
    /// The RFC 5322 message.
    pub bytes: Vec<u8>,
    /// The Message-ID with its angle brackets.
    pub message_id: String,
    /// SHA-256 of the bytes, in lower-case hex.
    pub sha256: String,
}

/// One thing in a draft that keeps it from being sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DraftFault {
    /// The field, or `header NAME`.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// Everything in a draft that keeps it from being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeError(pub Vec<DraftFault>);

impl std::fmt::Display for ComposeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the mail cannot be composed")?;
        for fault in &self.0 {
            write!(f, "; {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ComposeError {}

/// Freezes a draft.
///
/// # Errors
/// All faults of the draft at once: control characters in anything that becomes a header (they would let a text add headers of its
/// own), addresses that are not ASCII addresses, headers that a draft may not set, lines that cannot be folded.
pub fn compose(draft: &MailDraft) -> Result<FrozenMail, ComposeError> {
    let mut faults = Vec::new();
    let from = mailbox("from", &draft.from, &mut faults);
    let to = mailbox("to", &draft.to, &mut faults);
    let message_id = message_id(&draft.message_id, &mut faults);
    check_line("subject", &draft.subject, &mut faults);
    check_date(draft.date, &mut faults);
    let headers = extra_headers(&draft.headers, &mut faults);
    let (Some(from), Some(to), true) = (from, to, faults.is_empty()) else {
        return Err(ComposeError(faults));
    };
    let bytes = assemble(draft, from, to, &message_id, headers)?;
    check_bytes(&bytes)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(FrozenMail {
        bytes,
        message_id,
        sha256,
    })
}

/// Makes one line of any text: every run of control characters, line breaks among them, becomes one space.
///
/// For subjects and names built from what came in from outside: a page must go out whatever an attacker put into a log line.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split(is_control)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Control characters, and the two line separators that Unicode adds to them.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn fault(field: impl Into<String>, problem: impl Into<String>) -> DraftFault {
    DraftFault {
        field: field.into(),
        problem: problem.into(),
    }
}

/// A header's value is one line: a line break would begin a header of the text's own making.
fn check_line(field: &str, value: &str, faults: &mut Vec<DraftFault>) -> bool {
    let Some((at, c)) = value.char_indices().find(|(_, c)| is_control(*c)) else {
        return true;
    };
    let name = match c {
        '\r' | '\n' => "a line break".to_owned(),
        other => format!("the control character U+{:04X}", other as u32),
    };
    faults.push(fault(
        field,
        format!("{name} at byte {at} is not allowed in a header; write it as one line"),
    ));
    false
}

/// RFC 5322 dates have four-digit years.
fn check_date(date: DateTime<Utc>, faults: &mut Vec<DraftFault>) {
    if !(1900..=9999).contains(&date.year()) {
        faults.push(fault(
            "date",
            format!("the year {} cannot be written in a mail", date.year()),
        ));
    }
}

fn mailbox(field: &str, party: &Party, faults: &mut Vec<DraftFault>) -> Option<Mailbox> {
    let name_ok = party
        .name
        .as_deref()
        .is_none_or(|name| check_line(&format!("{field} name"), name, faults));
    let field = format!("{field} address");
    if !check_line(&field, &party.address, faults) {
        return None;
    }
    if !party.address.is_ascii() {
        let problem = format!(
            "`{}` is not ASCII; write the domain in its xn-- form",
            party.address
        );
        faults.push(fault(field, problem));
        return None;
    }
    match party.address.parse::<lettre::Address>() {
        Ok(address) => name_ok.then(|| Mailbox::new(party.name.clone(), address)),
        Err(error) => {
            let problem = format!(
                "`{}` is not an address ({error}); write it as name@example.com",
                party.address
            );
            faults.push(fault(field, problem));
            None
        }
    }
}

/// Checks the Message-ID and puts it into angle brackets.
fn message_id(written: &str, faults: &mut Vec<DraftFault>) -> String {
    let bare = written
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(written);
    let allowed = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
    };
    let well_formed = bare.len() <= 250
        && bare
            .split_once('@')
            .is_some_and(|(left, right)| allowed(left) && allowed(right));
    if !well_formed {
        faults.push(fault(
            "message_id",
            format!(
                "`{}` is not a message id; write it as left@right, in ASCII and without spaces",
                one_line(bare)
            ),
        ));
    }
    format!("<{bare}>")
}

/// Headers that the composer itself writes, or that would show a recipient to others.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 10] = [
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "return-path",
    ];
    let lower = name.to_ascii_lowercase();
    RESERVED.contains(&lower.as_str()) || lower.starts_with("content-")
}

fn extra_headers(headers: &[(String, String)], faults: &mut Vec<DraftFault>) -> Vec<HeaderValue> {
    let mut seen: Vec<String> = Vec::new();
    let mut ready = Vec::new();
    for (name, value) in headers {
        let field = format!("header {}", one_line(name));
        let is_name = !name.is_empty() && name.bytes().all(|b| (33..=126).contains(&b) && b != b':');
        if !is_name {
            faults.push(fault(
                field,
                "not a header name; write printable ASCII without spaces and colons",
            ));
            continue;
        }
        if is_reserved(name) {
            faults.push(fault(
                field,
                "is written by the composer; set the draft's own field instead",
            ));
            continue;
        }
        if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            faults.push(fault(field, "is set twice; keep one of them"));
            continue;
        }
        seen.push(name.clone());
        if !check_line(&field, value, faults) {
            continue;
        }
        match HeaderName::new_from_ascii(name.clone()) {
            Ok(name) => ready.push(HeaderValue::new(name, value.clone())),
            Err(_) => faults.push(fault(field, "the name is longer than 76 characters")),
        }
    }
    ready
}

fn assemble(
    draft: &MailDraft,
    from: Mailbox,
    to: Mailbox,
    message_id: &str,
    headers: Vec<HeaderValue>,
) -> Result<Vec<u8>, ComposeError> {
    let verbatim = |name: &'static str, value: &str| {
        HeaderValue::dangerous_new_pre_encoded(
            HeaderName::new_from_ascii_str(name),
            value.to_owned(),
            value.to_owned(),
        )
    };
    let mut builder = lettre::Message::builder()
        .raw_header(verbatim(
            "Date",
            &draft.date.format("%a, %d %b %Y %H:%M:%S +0000").to_string(),
        ))
        .from(from)
        .to(to)
        .subject(draft.subject.clone())
        .raw_header(verbatim("Message-ID", message_id));
    for header in headers {
        builder = builder.raw_header(header);
    }
    let plain = part(ContentType::TEXT_PLAIN, &draft.text);
    let built = match &draft.html {
        None => builder.singlepart(plain),
        Some(html) => builder.multipart(
            MultiPart::alternative()
                .boundary(boundary(draft))
                .singlepart(plain)
                .singlepart(part(ContentType::TEXT_HTML, html)),
        ),
    };
    built
        .map(|message| message.formatted())
        .map_err(|error| ComposeError(vec![fault("draft", error.to_string())]))
}

/// Text as a MIME part, in whichever transfer encoding keeps it whole.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let text = text
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n");
    // A control character or a space at the end of a line does not survive every relay as it is; quoted, it does.
    let fragile = text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'))
        || text.lines().any(|line| line.ends_with([' ', '\t']));
    let chosen = Body::new(text.clone());
    let body = if fragile && chosen.encoding() == ContentTransferEncoding::SevenBit {
        Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).unwrap_or(chosen)
    } else {
        chosen
    };
    SinglePart::builder().header(kind).body(body)
}

/// A boundary from the Message-ID and the content. No content can hold its own digest, so it cannot end a part early.
fn boundary(draft: &MailDraft) -> String {
    let mut digest = Sha256::new();
    for piece in [
        &draft.message_id,
        &draft.text,
        draft.html.as_ref().unwrap_or(&draft.text),
    ] {
        digest.update((piece.len() as u64).to_be_bytes());
        digest.update(piece);
    }
    let hash = hex::encode(digest.finalize());
    format!("wk-{}", &hash[..40])
}

/// The last word on what may go out, whatever the builder did.
fn check_bytes(bytes: &[u8]) -> Result<(), ComposeError> {
    let mut faults = Vec::new();
    if let Some(problem) = crate::smtp::wire_fault(bytes) {
        faults.push(fault("message", problem));
    }
    if !bytes.is_ascii() {
        faults.push(fault(
            "message",
            "a header is not ASCII after encoding; write names and addresses in ASCII",
        ));
    }
    let longest = bytes
        .split(|&b| b == b'\n')
        .map(|line| line.len().saturating_sub(1))
        .max();
    if longest.is_some_and(|length| length > LONGEST_LINE) {
        faults.push(fault(
            "message",
            format!(
                "a header is one word of more than {LONGEST_LINE} characters and cannot be folded; shorten it"
            ),
        ));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ComposeError(faults))
    }
}
