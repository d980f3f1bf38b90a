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
