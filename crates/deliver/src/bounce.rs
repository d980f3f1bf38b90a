//! From a report of a mail server to what it says (RFC 3464): pure, and bounded whatever comes in.

use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
use watchkeeper_domain::delivery::report::{Action, LONGEST_FIELD, Report, StatusCode};

/// How many recipients of one report are read; our messages have one, which may have become several behind an alias.
const MOST_RECIPIENTS: usize = 100;

/// How much of a message's headers is searched for recipients, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// How many fields of a report are read.
const MOST_FIELDS: usize = 2_000;

/// The message is no report that can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// It is something else, such as an answer that somebody's absence gives.
    #[error("the message has no part of type message/delivery-status")]
    SomethingElse,
    /// It has such a part, and no recipient with an action that is known.
    #[error("the report names no recipient with an action that is known")]
    NoRecipient,
}

/// What a mail says as a report about one of our messages, which has one recipient. Where an alias made several of it, the best that
/// became of any counts: somebody has the message.
///
/// # Errors
/// [`NotAReport`].
pub fn read_report(raw: &[u8]) -> Result<Report, NotAReport> {
    let message = MessageParser::default()
        .parse(raw)
        .ok_or(NotAReport::SomethingElse)?;
    let status = status_part(&message).ok_or(NotAReport::SomethingElse)?;
    let text = String::from_utf8_lossy(status);
    let mut groups = groups(&text);
    let reporting_mta = groups.next().and_then(|head| head.after_type("reporting-mta"));
    let reports = groups
        .take(MOST_RECIPIENTS)
        .filter_map(|group| group.report(reporting_mta.as_deref()));
    reports.min_by_key(rank).ok_or(NotAReport::NoRecipient)
}

/// The addresses that the headers name as recipients, as far as a mail server has noted the envelope there.
#[must_use]
pub fn addressees(raw: &[u8]) -> Vec<String> {
    const NAMED_IN: [&str; 4] = ["delivered-to", "x-original-to", "envelope-to", "to"];
    let head = raw
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .or_else(|| raw.windows(2).position(|two| two == b"\n\n"))
        .unwrap_or(raw.len());
    let head = String::from_utf8_lossy(&raw[..head.min(LONGEST_HEAD)]).into_owned();
    let Some(fields) = groups(&head).next() else {
        return Vec::new();
    };
    let words = fields
        .0
        .iter()
        .filter(|(name, _)| NAMED_IN.contains(&name.as_str()))
        .flat_map(|(_, value)| {
            value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        });
    words
        .filter(|word| word.contains('@'))
        .take(MOST_RECIPIENTS)
        .map(str::to_owned)
        .collect()
}

/// The best first.
fn rank(report: &Report) -> u8 {
    match report.action {
        Action::Delivered => 0,
        Action::Expanded => 1,
        Action::Relayed => 2,
        Action::Delayed => 3,
        Action::Failed => 4,
        // No server's report says so.
        Action::Complained => 5,
    }
}

/// The bytes of the part that machines read. A report that is itself attached to something is none of ours: only the message's own
/// parts count.
fn status_part<'m>(message: &'m Message<'_>) -> Option<&'m [u8]> {
    let part = message.parts.iter().find(|part| {
        part.content_type().is_some_and(|kind| {
            let subtype = kind.subtype().unwrap_or_default();
            // RFC 6533 has the second for addresses that are not ASCII.
            kind.ctype().eq_ignore_ascii_case("message")
                && (subtype.eq_ignore_ascii_case("delivery-status")
                    || subtype.eq_ignore_ascii_case("global-delivery-status"))
        })
    })?;
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => Some(text.as_bytes()),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Some(bytes.as_ref()),
        PartType::Message(inner) => Some(inner.raw_message.as_ref()),
        PartType::Multipart(_) => None,
    }
}

/// Fields up to an empty line: about the message at first, then about one recipient each.
#[derive(Default)]
struct Group(Vec<(String, String)>);

/// The groups of a report, those without a field left out.
fn groups(text: &str) -> impl Iterator<Item = Group> {
    let mut groups = vec![Group::default()];
    for line in text.lines().take(MOST_FIELDS) {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            groups.push(Group::default());
            continue;
        }
        let Some(group) = groups.last_mut() else { continue };
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.0.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group
                .0
                .push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups.into_iter().filter(|group| !group.0.is_empty())
}

impl Group {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value behind its type, such as `dns; mx.example.com`.
    fn after_type(&self, name: &str) -> Option<String> {
        let value = self.field(name)?;
        let value = value.split_once(';').map_or(value, |(_, value)| value);
        let value: String = crate::one_line(value)
            .trim()
            .chars()
            .take(LONGEST_FIELD)
            .collect();
        (!value.is_empty()).then_some(value)
    }

    fn report(&self, reporting_mta: Option<&str>) -> Option<Report> {
        let action = Action::read(self.field("action")?.split_ascii_whitespace().next()?)?;
        let status = self.field("status").and_then(StatusCode::read);
        Some(Report {
            action,
            status: status.unwrap_or_else(|| action.usual_status()),
            remote_mta: self.after_type("remote-mta"),
            diagnostic: self.after_type("diagnostic-code"),
            reporting_mta: reporting_mta.map(str::to_owned),
        })
    }
}
