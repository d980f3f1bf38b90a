//! What is wrong with a configuration.

use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault {
    /// The line, counted from 1; 0 where it belongs to none.
    pub line: usize,
    /// The field, such as `paging.steps[0].wait`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFaults {
    /// Which file.
    pub path: PathBuf,
    /// Every fault, by line.
    pub faults: Vec<ConfigFault>,
}

impl ConfigFaults {
    pub(super) fn one(path: &Path, line: usize, field: &str, problem: String, remedy: &str) -> Self {
        let fault = ConfigFault {
            line,
            field: field.to_owned(),
            problem,
            remedy: remedy.to_owned(),
        };
        Self {
            path: path.to_owned(),
            faults: vec![fault],
        }
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            write!(f, "{}", self.path.display())?;
            if fault.line > 0 {
                write!(f, ":{}", fault.line)?;
            }
            let field = if fault.field.is_empty() {
                String::new()
            } else {
                format!("{}: ", fault.field)
            };
            writeln!(f, ": {field}{}", fault.problem)?;
            if !fault.remedy.is_empty() {
                writeln!(f, "    {}", fault.remedy)?;
            }
        }
        let plural = if self.faults.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} {plural}", self.faults.len())
    }
}

impl std::error::Error for ConfigFaults {}
