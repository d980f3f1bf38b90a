//! The demo's sources: the ordinary kinds, reading the files that the generator writes, and a receiver for findings.

use super::logs::LogFile;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use watchkeeper_collect::SourceConfig;
use watchkeeper_collect::config::{FileConfig, HttpConfig};
use watchkeeper_collect::parse::{Format, RecordLogSource};
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::source_health::SourceAlerts;

/// The name of the source that takes findings: they are posted to `/ingest/guardduty`.
pub const FINDINGS_SOURCE: &str = "guardduty";

const SECRET_FILE: &str = "guardduty.secret";

/// Where the company's services log, within the demo's folder.
pub(super) fn logs_in(dir: &Path) -> PathBuf {
    dir.join("logs")
}

/// The sources that read what the generator of the same folder writes. The folder's path must be absolute; [`finding_secret`]
/// must have been called for it before the source of findings is opened.
#[must_use]
pub fn sources(dir: &Path) -> Vec<SourceConfig> {
    let mut sources: Vec<SourceConfig> = LogFile::ALL
        .into_iter()
        .map(|log| file_source(dir, log))
        .collect();
    sources.push(SourceConfig::Http(HttpConfig {
        name: FINDINGS_SOURCE.to_owned(),
        secrets_sha256: Vec::new(),
        secrets_file: Some(secret_path(dir)),
        exclude_log_groups: Vec::new(),
        max_body_bytes: 1 << 20,
        max_decompressed_bytes: 4 << 20,
        max_record_bytes: 1 << 20,
        max_backlog_bytes: 64 << 20,
        format: Format::Guardduty,
        log_source: LogSource::default(),
        log_source_from: RecordLogSource::default(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    }));
    sources
}

fn file_source(dir: &Path, log: LogFile) -> SourceConfig {
    SourceConfig::File(FileConfig {
        name: log.source_name().to_owned(),
        paths: vec![logs_in(dir).join(log.file_name())],
        max_line_bytes: 64 << 10,
        from_beginning: true,
        format: log.format(),
        log_source: log.log_source(),
        log_source_from: RecordLogSource::default(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    })
}

fn secret_path(dir: &Path) -> PathBuf {
    dir.join(SECRET_FILE)
}

/// The secret with which findings are posted, made on first use and kept in the demo's folder, in a file that only its owner can
/// read.
///
/// # Errors
/// When the file can neither be read nor written.
pub fn finding_secret(dir: &Path) -> io::Result<String> {
    let path = secret_path(dir);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
        Err(fault) => return Err(fault),
    }
    std::fs::create_dir_all(dir)?;
    let secret = format!("{:032x}", rand::random::<u128>());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    Ok(secret)
}
