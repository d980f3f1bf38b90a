//! Rule files come in, and rules that cannot run are set aside with the reason.

use serde::Serialize;
use std::fmt;

/// One YAML file of rules, as the caller read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Where it came from; only repeated in reports.
    pub path: String,
    /// Its text; one or more YAML documents.
    pub text: String,
    /// Why there is no text, where the file could not be read, and the line that shows it: the other files are read all the same.
    pub unreadable: Option<(Option<usize>, String)>,
}

impl RuleFile {
    /// A file with this text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            unreadable: None,
        }
    }

    /// A file with these bytes, which must be UTF-8.
    pub fn from_bytes(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(path, text),
            Err(fault) => {
                let sound = fault.utf8_error().valid_up_to();
                let line = fault.as_bytes()[..sound]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1;
                let reason = "this is not UTF-8: save the file in that encoding".to_owned();
                Self {
                    unreadable: Some((Some(line), reason)),
                    ..Self::new(path, "")
                }
            }
        }
    }

    /// A file that could not be read, for this reason.
    pub fn unreadable(path: impl Into<String>, reason: &str) -> Self {
        Self {
            unreadable: Some((None, format!("the file cannot be read: {reason}"))),
            ..Self::new(path, "")
        }
    }
}

/// One fault of one rule. A rule with any fault does not run; the others do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The file.
    pub path: String,
    /// The line of the offending key or value, counted from 1; none where the whole rule is meant.
    pub line: Option<usize>,
    /// The offending key, as a dotted path: `detection.selection.user|contians`.
    pub key: Option<String>,
    /// The rule's id, or its title where it has none.
    pub rule: Option<String>,
    /// What is wrong and what is allowed instead.
    pub reason: String,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": `{key}`")?;
        }
        write!(f, ": {}", self.reason)
    }
}
