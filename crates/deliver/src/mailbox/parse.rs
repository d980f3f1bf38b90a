//! From the bytes of a mail to what a person wants to see of it.

use chrono::{DateTime, Utc};
use mail_parser::{Address, MessageParser};

/// A mail as it arrived, with its parts made readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMail {
    /// The author, as `Name <address>` or the bare address.
    pub from: String,
    /// The recipients in the header, each as `Name <address>` or the bare address.
    pub to: Vec<String>,
    /// The subject, decoded.
    pub subject: String,
    /// The `Date` header, if there is a valid one.
    pub date: Option<DateTime<Utc>>,
    /// The plain text, decoded.
    pub text: Option<String>,
    /// The HTML version, decoded, if there is one. It is the sender's, so a display must not trust it.
    pub html: Option<String>,
    /// The Message-ID with its angle brackets, if there is one.
    pub message_id: Option<String>,
    /// The return path of the envelope; empty for `<>`, and when parsed from a file.
    pub envelope_from: String,
    /// The recipients of the envelope; empty when parsed from a file.
    pub envelope_to: Vec<String>,
    /// The message as received.
    pub raw: Vec<u8>,
}

/// The bytes are no mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a mail: no header could be read")]
pub struct ParseError;

/// Reads a mail.
///
/// # Errors
/// [`ParseError`] when there is not a single header. Anything else that is missing is left out.
pub fn parse_received(raw: &[u8]) -> Result<ReceivedMail, ParseError> {
    let message = MessageParser::default().parse(raw).ok_or(ParseError)?;
    if message.headers().is_empty() {
        return Err(ParseError);
    }
    let date = message
        .date()
        .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0));
    // The parser makes each version from the other when it is missing; only what was really sent is wanted.
    let text = message
        .text_body
        .first()
        .filter(|_| has(&message, "plain"))
        .and_then(|_| message.body_text(0));
    let html = message
        .html_body
        .first()
        .filter(|_| has(&message, "html"))
        .and_then(|_| message.body_html(0));
    Ok(ReceivedMail {
        from: addresses(message.from()).into_iter().next().unwrap_or_default(),
        to: addresses(message.to()),
        subject: message.subject().unwrap_or_default().to_owned(),
        date,
        text: text.map(|text| text.into_owned()),
        html: html.map(|html| html.into_owned()),
        message_id: message.message_id().map(|id| format!("<{id}>")),
        envelope_from: String::new(),
        envelope_to: Vec::new(),
        raw: raw.to_vec(),
    })
}

/// Whether some part is `text/SUBTYPE`; a part without a type is plain text (RFC 2045, 5.2).
fn has(message: &mail_parser::Message<'_>, subtype: &str) -> bool {
    use mail_parser::MimeHeaders;
    message.parts.iter().any(|part| match part.content_type() {
        Some(kind) => {
            kind.ctype().eq_ignore_ascii_case("text")
                && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case(subtype))
        }
        None => subtype == "plain",
    })
}

fn addresses(header: Option<&Address<'_>>) -> Vec<String> {
    header
        .into_iter()
        .flat_map(Address::iter)
        .filter_map(|one| {
            let address = one.address()?;
            Some(match one.name() {
                Some(name) => format!("{name} <{address}>"),
                None => address.to_owned(),
            })
        })
        .collect()
}
