//! Syslog: when, on which host, which program and how urgent, in the forms in which daemons and relays write it, and what stands in
//! the message.
//!
//! RFC 5424 is read whole, with its structured data. RFC 3164 describes what was seen and no form, so that what is usual is read: with
//! and without priority, host and number of the process, with a year as Cisco writes it, and with an ISO time as rsyslog writes it. A
//! line with a priority and nothing else that is known is a message (RFC 3164, 4.3.3).

mod priority;
mod structured;

use super::time::{self, Yearless};
use super::{Context, Interpretation, Parsed, guess, log_source};
use super::{Format, ftp, sshd};
use chrono::{DateTime, Utc};
use priority::Priority;
use regex::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use watchkeeper_domain::event::LogSource;

/// How many events one `message repeated N times` can become.
const REPEATS_LIMIT: u64 = 100;

struct Patterns {
    /// RFC 3164: `Mar 27 13:06:56 host program[pid]: message`
    bsd: Regex,
    /// The same as a program writes it to the relay on its own machine: without the host.
    local: Regex,
    /// ISO time in front: `2026-03-27T13:06:56.123456+00:00 host program[pid]: message`
    iso: Regex,
    repeated: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| compile().ok());

fn compile() -> Result<Patterns, regex::Error> {
    // proftpd leaves out the colon where it writes its log by itself.
    const PROGRAM: &str =
        r"(?P<program>[^\s:\[]+)(?:(?:\[(?P<pid>\d+)\])?:|\[(?P<bare_pid>\d+)\](?: |$)) ?(?P<message>.*)$";
    const HOST: &str = r"(?P<host>\S*[^\s:])";
    const BSD: &str = r"^(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2})(?: (?P<year>\d{4}))? (?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,9})?)";
    Ok(Patterns {
        bsd: Regex::new(&format!("{BSD} {HOST} {PROGRAM}"))?,
        local: Regex::new(&format!("{BSD} {PROGRAM}"))?,
        iso: Regex::new(&format!(r"^(?P<time>\d{{4}}-\d\d-\d\d[T ]\S+) {HOST} {PROGRAM}"))?,
        repeated: Regex::new(r"^message repeated (?P<times>\d{1,9}) times: \[ ?(?P<message>.*?) ?\]$")?,
    })
}

/// What a line says of its time.
#[derive(Debug, Clone, Copy)]
enum Written<'l> {
    /// With its year, and perhaps its zone.
    Instant(&'l str),
    /// As in RFC 3164.
    Yearless {
        month: &'l str,
        day: &'l str,
        year: Option<&'l str>,
        clock: &'l str,
    },
    /// RFC 5424's `-`.
    Unsaid,
}

/// A syslog line, taken apart. What it does not say is empty.
#[derive(Debug)]
pub(super) struct Line<'l> {
    priority: Option<Priority>,
    written: Written<'l>,
    host: &'l str,
    program: &'l str,
    process: &'l str,
    message_id: &'l str,
    data: Map<String, Value>,
    message: &'l str,
}

impl<'l> Line<'l> {
    /// The parts of a line; nothing where it is no syslog line.
    pub(super) fn read(line: &'l str) -> Option<Self> {
        let (priority, rest) = Priority::read(line);
        if priority.is_some()
            && let Some(rest) = rest.strip_prefix("1 ")
            && let Some(found) = Self::rfc5424(priority, rest)
        {
            return Some(found);
        }
        Self::bsd(priority, rest)
    }

    fn rfc5424(priority: Option<Priority>, line: &'l str) -> Option<Self> {
        let mut rest = line;
        let mut word = || {
            let (word, behind) = rest.split_once(' ')?;
            rest = behind;
            Some(if word == "-" { "" } else { word })
        };
        let (time, host, program, process) = (word()?, word()?, word()?, word()?);
        // The message's id is the last word where there is neither data nor message, which some relays leave out.
        let message_id = word().unwrap_or_default();
        let looks_like_time = time.is_empty() || time.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if !looks_like_time {
            return None;
        }
        let (data, message) = structured::read(rest);
        Some(Self {
            priority,
            written: if time.is_empty() {
                Written::Unsaid
            } else {
                Written::Instant(time)
            },
            host,
            program,
            process,
            message_id,
            data,
            message: message.strip_prefix('\u{feff}').unwrap_or(message),
        })
    }

    fn bsd(priority: Option<Priority>, line: &'l str) -> Option<Self> {
        let patterns = PATTERNS.as_ref()?;
        // Each of the expressions begins with the time: most lines are none of them, and one look at the beginning says so.
        let found = match line.as_bytes().first()? {
            b'0'..=b'9' => patterns.iso.captures(line),
            b'A'..=b'Z' => patterns
                .bsd
                .captures(line)
                .or_else(|| patterns.local.captures(line)),
            _ => None,
        }?;
        let text = |name: &str| found.name(name).map_or("", |m| m.as_str());
        let written = match found.name("time") {
            Some(time) => Written::Instant(time.as_str()),
            None => Written::Yearless {
                month: text("month"),
                day: text("day"),
                year: found.name("year").map(|m| m.as_str()),
                clock: text("clock"),
            },
        };
        Some(Self {
            priority,
            written,
            host: text("host"),
            program: text("program"),
            process: [text("pid"), text("bare_pid")]
                .into_iter()
                .find(|process| !process.is_empty())
                .unwrap_or_default(),
            message_id: "",
            data: Map::new(),
            message: text("message"),
        })
    }

    pub(super) fn program(&self) -> &'l str {
        self.program
    }

    pub(super) fn message(&self) -> &'l str {
        self.message
    }

    /// When it was written; `None` where the line says a time that does not exist, and `Some(None)` where it says none.
    pub(super) fn at(
        &self,
        collected_at: DateTime<Utc>,
        utc_offset_minutes: i32,
    ) -> Option<Option<DateTime<Utc>>> {
        match self.written {
            Written::Unsaid => Some(None),
            Written::Instant(text) => time::of_text(text, utc_offset_minutes).map(Some),
            Written::Yearless {
                month,
                day,
                year,
                clock,
            } => {
                let yearless = Yearless {
                    month,
                    day: day.parse().ok()?,
                    clock,
                };
                let at = match year {
                    Some(year) => yearless.in_year(year.parse().ok()?, utc_offset_minutes),
                    None => yearless.resolve(collected_at, utc_offset_minutes),
                };
                at.map(Some)
            }
        }
    }

    /// What stands before the message, and the message, as fields.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, text: &str| {
            if !text.is_empty() {
                fields.insert(name.into(), text.into());
            }
        };
        put("host", self.host);
        put("program", self.program);
        put("message", self.message);
        put("msgid", self.message_id);
        match self.process.parse::<u64>() {
            Ok(pid) => {
                fields.insert("pid".into(), pid.into());
            }
            Err(_) => put("procid", self.process),
        }
        if let Some(priority) = self.priority {
            priority.tell(&mut fields);
        }
        if !self.data.is_empty() {
            fields.insert("sd".into(), self.data.clone().into());
        }
        fields
    }

    /// What kind of log it is: that of a program on Linux, unless something better is known.
    pub(super) fn log_source(&self) -> LogSource {
        if self.program.is_empty() {
            return LogSource {
                product: Some("linux".into()),
                ..LogSource::default()
            };
        }
        log_source("linux", &self.program.to_ascii_lowercase())
    }
}

/// Whether a line without any other form is syslog: by its priority, or by a whole front with host and program. Logs of programs may
/// begin with a time just so, and then name a level where a host would stand.
pub(super) fn resembles(line: &str) -> bool {
    const LEVELS: [&str; 12] = [
        "trace", "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "fatal",
        "severe",
    ];
    if Priority::read(line).0.is_some() {
        return true;
    }
    let Some(found) = Line::read(line) else {
        return false;
    };
    let host = found.host.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let with_zone = match found.written {
        // A blank between day and clock is how programs write, and relays do not.
        Written::Instant(text) => text.contains('T'),
        Written::Yearless { .. } | Written::Unsaid => true,
    };
    with_zone && !found.host.is_empty() && !LEVELS.iter().any(|level| host.eq_ignore_ascii_case(level))
}

/// Reads a line and what its message says: lines of sshd and FTP servers by their own parsers, a message that is JSON or an access log
/// by its own; every other message is text.
pub(super) fn parse(how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    let line = line.trim_end_matches(['\r', '\n', '\0']);
    let Some(found) = Line::read(line) else {
        return bare(how, line, context);
    };
    if sshd::is_sshd(found.program) || ftp::is_daemon(found.program) {
        return sshd::parse(line, context.collected_at, how.utc_offset_minutes);
    }
    let Some(at) = found.at(context.collected_at, how.utc_offset_minutes) else {
        return vec![Parsed::unreadable(
            line,
            "the time in front of the line does not exist",
        )];
    };
    let (said, times) = unfold(found.message);
    let front = Parsed {
        at,
        log_source: found.log_source(),
        fields: found.fields(),
        ..Parsed::default()
    };
    let events = with_message(how, front, said, context);
    if times > 1 && events.len() == 1 {
        return vec![events[0].clone(); times];
    }
    events
}

/// A message with a priority at most.
fn bare(how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    let (priority, message) = Priority::read(line);
    let Some(priority) = priority else {
        return vec![Parsed::unreadable(
            line,
            "not a syslog line: expected a priority such as `<38>` in front, or a time, a host and a program",
        )];
    };
    let mut front = Parsed::text(message);
    priority.tell(&mut front.fields);
    with_message(how, front, message, context)
}

/// The front of a line with what its message says, where that has a form of its own.
fn with_message(how: &Interpretation, front: Parsed, message: &str, context: Context) -> Vec<Parsed> {
    let said = structured_part(message);
    match guess(said) {
        // A front within a front is a relay's doing, and no reason to look for a third.
        Format::Syslog | Format::Sshd | Format::VpcFlow => vec![front],
        _ => front.with_message(how, said, context),
    }
}

/// The JSON of a structured message, which relays mark so; the mark is no part of it. Any other message is as it was.
pub(super) fn structured_part(message: &str) -> &str {
    message.strip_prefix("@cee:").unwrap_or(message).trim_start()
}

/// The words for a severity and a facility.
pub(super) fn words(
    severity: Option<u8>,
    facility: Option<u8>,
) -> (Option<&'static str>, Option<&'static str>) {
    (
        severity.and_then(priority::severity),
        facility.and_then(priority::facility),
    )
}

/// What was said and how often: rsyslog folds equal messages, and each of them was an attempt and counts.
pub(super) fn unfold(message: &str) -> (&str, usize) {
    let folded = PATTERNS
        .as_ref()
        .filter(|_| message.starts_with("message repeated "))
        .and_then(|patterns| patterns.repeated.captures(message));
    let Some(folded) = folded else {
        return (message, 1);
    };
    let times = folded["times"]
        .parse::<u64>()
        .unwrap_or(1)
        .clamp(1, REPEATS_LIMIT);
    let said = folded.name("message").map_or(message, |m| m.as_str());
    (said, usize::try_from(times).unwrap_or(1))
}
