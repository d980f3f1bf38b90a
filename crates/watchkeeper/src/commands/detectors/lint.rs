//! `watchkeeper detectors lint`: what is wrong or suspicious about rules, file by file.

use super::{BAD, FAINT, Rules, WARN, counted, say};
use serde_json::json;
use std::process::ExitCode;
use watchkeeper_detect::{Remark, Severity};

pub(super) fn lint(rules: Rules, as_json: bool, strict: bool) -> ExitCode {
    let files = rules.files.len();
    let remarks = watchkeeper_detect::lint(rules.files, &rules.limits);
    let summary = Summary::of(&remarks, files);
    if as_json {
        say(&json!({
            "remarks": remarks,
            "files": files,
            "faults": summary.faults,
            "warnings": summary.warnings,
            "other_remarks": summary.remarks,
        })
        .to_string());
    } else {
        report(&remarks).iter().for_each(|line| say(line));
        say(&summary.told());
    }
    if summary.faults > 0 || strict && summary.warnings > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A line for each remark, and an empty one behind each file.
fn report(remarks: &[Remark]) -> Vec<String> {
    let mut lines = Vec::new();
    for of_file in remarks.chunk_by(|a, b| a.path == b.path) {
        lines.extend(of_file.iter().map(told));
        lines.push(String::new());
    }
    lines
}

fn told(remark: &Remark) -> String {
    let (style, severity) = match remark.severity {
        Severity::Fault => (BAD, "fault"),
        Severity::Warning => (WARN, "warning"),
        Severity::Remark => (FAINT, "remark"),
    };
    let line = remark.line.map(|line| format!(":{line}")).unwrap_or_default();
    let key = remark
        .key
        .as_ref()
        .map(|key| format!("`{key}`: "))
        .unwrap_or_default();
    format!(
        "{}{line}: {style}{severity}{style:#}: {key}{}",
        remark.path, remark.message
    )
}

struct Summary {
    files: usize,
    faults: usize,
    warnings: usize,
    remarks: usize,
}

impl Summary {
    fn of(remarks: &[Remark], files: usize) -> Self {
        let count = |severity| {
            remarks
                .iter()
                .filter(|remark| remark.severity == severity)
                .count()
        };
        Self {
            files,
            faults: count(Severity::Fault),
            warnings: count(Severity::Warning),
            remarks: count(Severity::Remark),
        }
    }

    fn told(&self) -> String {
        format!(
            "{}: {}, {}, {}",
            counted(self.files, "file"),
            counted(self.faults, "fault"),
            counted(self.warnings, "warning"),
            counted(self.remarks, "remark")
        )
    }
}
