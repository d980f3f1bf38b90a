//! The number in front of a line: eight times the facility, and the severity (RFC 5424, 6.2.1).

use serde_json::{Map, Value};

const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// A priority, 0 to 191.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority(u8);

impl Priority {
    /// The priority of a line and what stands behind it; the whole line where it has none.
    pub(super) fn read(line: &str) -> (Option<Self>, &str) {
        let Some((digits, rest)) = line.strip_prefix('<').and_then(|line| line.split_once('>')) else {
            return (None, line);
        };
        let sound = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse::<u8>() {
            Ok(number) if sound && number <= 191 => (Some(Self(number)), rest),
            _ => (None, line),
        }
    }

    /// Puts its two parts into fields, by the names that syslog.conf has for them.
    pub(super) fn tell(self, fields: &mut Map<String, Value>) {
        let words = [
            ("facility", facility(self.0 / 8)),
            ("severity", severity(self.0 % 8)),
        ];
        for (name, word) in words {
            if let Some(word) = word {
                fields.insert(name.into(), word.into());
            }
        }
    }
}

pub(super) fn facility(number: u8) -> Option<&'static str> {
    FACILITIES.get(usize::from(number)).copied()
}

pub(super) fn severity(number: u8) -> Option<&'static str> {
    SEVERITIES.get(usize::from(number)).copied()
}
