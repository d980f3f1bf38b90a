//! The rules that the configuration asks for: those that come with the product, and files and folders, which may change while the
//! service runs.

use crate::config::Detection;
use crate::embedded;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use watchkeeper_detect::RuleFile;
use watchkeeper_respond::workers::watch::RuleFiles;

/// The rules that the configuration asks for.
#[derive(Debug, Clone)]
pub struct ConfiguredRules {
    shipped: bool,
    paths: Vec<PathBuf>,
}

impl ConfiguredRules {
    /// Those of this configuration.
    #[must_use]
    pub fn of(detection: &Detection) -> Self {
        Self {
            shipped: detection.shipped,
            paths: detection.rules.clone(),
        }
    }
}

impl RuleFiles for ConfiguredRules {
    /// Path, number, size and instants of change of every file: an editor that puts another file in its place changes the number, and
    /// one that sets the instant of the content back still changes that of the file.
    fn mark(&self) -> Result<String, String> {
        let mut mark = String::new();
        for file in embedded::rule_files_in(&self.paths)? {
            let known = match std::fs::metadata(&file) {
                Ok(known) => known,
                Err(fault) => {
                    // It is told when the files are read, and read again once this changes.
                    let _ = writeln!(mark, "{} {fault}", file.display());
                    continue;
                }
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                mark,
                "{} {} {} {}.{:09} {}.{:09}",
                file.display(),
                known.ino(),
                known.size(),
                known.mtime(),
                known.mtime_nsec(),
                known.ctime(),
                known.ctime_nsec()
            );
        }
        Ok(mark)
    }

    fn read(&self) -> Result<Vec<RuleFile>, String> {
        let mut files = if self.shipped {
            embedded::shipped_rules()
        } else {
            Vec::new()
        };
        files.extend(embedded::rules_in(&self.paths)?);
        Ok(files)
    }
}
