//! `watchkeeper config init` and `watchkeeper config check`.

use super::say;
use crate::config::{Config, DEFAULT};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn init() -> ExitCode {
    say(DEFAULT.trim_end());
    ExitCode::SUCCESS
}

pub(super) fn check(path: &Path, json: bool) -> ExitCode {
    match Config::load(path) {
        Ok(config) => {
            if json {
                say(&serde_json::json!({"path": path, "faults": []}).to_string());
            } else {
                say(&format!(
                    "{}: sound, {} sources",
                    path.display(),
                    config.sources.len()
                ));
            }
            ExitCode::SUCCESS
        }
        Err(faults) => {
            if json {
                say(&serde_json::to_string(&faults).unwrap_or_default());
            } else {
                eprintln!("{faults}");
            }
            ExitCode::FAILURE
        }
    }
}
