//! The front of a syslog line: when, on which host, which program; in the three forms in which daemons write it.

use super::time::{self, Yearless};
use chrono::{DateTime, Utc};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// How many events one `message repeated N times` can become.
const REPEATS_LIMIT: u64 = 100;

struct Patterns {
    /// RFC 3164: `Mar 27 13:06:56 host program[pid]: message`
    bsd: Regex,
    /// ISO time in front: `2026-03-27T13:06:56.123456+00:00 host program[pid]: message`
    iso: Regex,
    /// RFC 5424: `<38>1 2026-03-27T13:06:56Z host program pid msgid sd message`
    rfc5424: Regex,
    repeated: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| compile().ok());

fn compile() -> Result<Patterns, regex::Error> {
    // proftpd leaves out the colon where it writes its log by itself.
    const PROGRAM: &str =
        r"(?P<program>[^\s:\[]+)(?:(?:\[(?P<pid>\d+)\])?:|\[(?P<bare_pid>\d+)\](?: |$)) ?(?P<message>.*)$";
    let with_program = |front: &str| Regex::new(&format!("{front} (?P<host>\\S+) {PROGRAM}"));
    Ok(Patterns {
        bsd: with_program(
            r"^(?:<\d{1,3}>)?(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)",
        )?,
        iso: with_program(r"^(?:<\d{1,3}>)?(?P<time>\d{4}-\d\d-\d\d[T ]\S+)")?,
        rfc5424: Regex::new(
            r"^<\d{1,3}>1 (?P<time>\d{4}-\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) \S+ (?:-|(?:\[[^\]]*\])+) ?\x{feff}?(?P<message>.*)$",
        )?,
        repeated: Regex::new(r"^message repeated (?P<times>\d{1,9}) times: \[ ?(?P<message>.*?) ?\]$")?,
    })
}

/// A syslog line, taken apart.
#[derive(Debug)]
pub(super) struct Line<'l> {
    found: Captures<'l>,
}

impl<'l> Line<'l> {
    /// The parts of a line; nothing where it is no syslog line.
    pub(super) fn read(line: &'l str) -> Option<Self> {
        let patterns = PATTERNS.as_ref()?;
        let found = patterns
            .rfc5424
            .captures(line)
            .or_else(|| patterns.bsd.captures(line))
            .or_else(|| patterns.iso.captures(line))?;
        Some(Self { found })
    }

    fn text(&self, name: &str) -> &'l str {
        self.found.name(name).map_or("", |m| m.as_str())
    }

    pub(super) fn host(&self) -> &'l str {
        self.text("host")
    }

    pub(super) fn program(&self) -> &'l str {
        self.text("program")
    }

    pub(super) fn message(&self) -> &'l str {
        self.text("message")
    }

    /// The number of the process, where the line tells it.
    pub(super) fn pid(&self) -> Option<u64> {
        ["pid", "bare_pid"]
            .iter()
            .find_map(|name| self.text(name).parse().ok())
    }

    /// When it was written; nothing where the digits are no time.
    pub(super) fn at(&self, collected_at: DateTime<Utc>, utc_offset_minutes: i32) -> Option<DateTime<Utc>> {
        if let Some(iso) = self.found.name("time") {
            return time::of_text(iso.as_str(), utc_offset_minutes);
        }
        Yearless {
            month: self.text("month"),
            day: self.text("day").parse().ok()?,
            clock: self.text("clock"),
        }
        .resolve(collected_at, utc_offset_minutes)
    }
}

/// What was said and how often: rsyslog folds equal messages, and each of them was an attempt and counts.
pub(super) fn unfold(message: &str) -> (&str, usize) {
    let folded = PATTERNS
        .as_ref()
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
