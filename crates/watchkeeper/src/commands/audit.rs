//! `watchkeeper audit verify`.

use super::say;
use crate::config::Config;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_store::{DatabaseConfig, Store};

pub(super) async fn verify(
    config: PathBuf,
    database: Option<String>,
    as_json: bool,
) -> Result<ExitCode, String> {
    let url = match database {
        Some(url) => url,
        None => {
            Config::load(&config)
                .map_err(|faults| faults.to_string())?
                .database
                .url
        }
    };
    if let Some(path) = url.strip_prefix("sqlite:")
        && !std::path::Path::new(path).exists()
    {
        return Err(format!(
            "{path} does not exist; name the database of a service that has run"
        ));
    }
    let store = Store::open(&DatabaseConfig { url })
        .await
        .map_err(|fault| fault.to_string())?;
    let verdict = store.verify_audit().await.map_err(|fault| fault.to_string())?;
    match verdict {
        Ok(records) => {
            let mut tx = store.read().await.map_err(|fault| fault.to_string())?;
            let (_, head) = tx.audit_head().await.map_err(|fault| fault.to_string())?;
            if as_json {
                say(&json!({"ok": true, "records": records, "head": head}).to_string());
            } else {
                say(&format!("{records} records, every one fits; the head is {head}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(misfit) => {
            if as_json {
                say(&json!({"ok": false, "misfit": misfit}).to_string());
            } else {
                say(&misfit.to_string());
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
