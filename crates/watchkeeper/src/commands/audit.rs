//! `watchkeeper audit`: the record that cannot be quietly changed, verified here or elsewhere.

use super::{must_have_run, say};
use crate::cli::{AuditCommand, LogPlace};
use crate::config::Config;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use watchkeeper_domain::audit::note::{InclusionProof, VerifierKey, kept_in};
use watchkeeper_domain::audit::{Kept, Misfit, Record, Verified, Verifier, verdict};
use watchkeeper_domain::words::second;
use watchkeeper_respond::seal;
use watchkeeper_store::{DatabaseConfig, Store};

/// How many records are read at a time.
const CHUNK: u32 = 1_000;

pub(super) async fn run(command: AuditCommand) -> Result<ExitCode, String> {
    match command {
        AuditCommand::Verify {
            place,
            log,
            against,
            key,
            json,
        } => {
            let key = key.as_deref().map(read_key).transpose()?;
            let walked = match (log, &key) {
                (Some(log), Some(key)) => verify_exported(&log, kept(&against, key)?)?,
                _ => verify_kept(place, key, &against).await?,
            };
            Ok(tell(&walked, json))
        }
        AuditCommand::Export { place } => export(place).await,
        AuditCommand::Key { place } => {
            let store = open(place).await?;
            say(&key_of(&store).await?.to_string());
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Checkpoint { place } => {
            let mut tx = open(place).await?.read().await.map_err(in_words)?;
            let last = tx.last_checkpoint().await.map_err(in_words)?;
            let last =
                last.ok_or("the log has no checkpoint yet; the service makes the first one when it runs")?;
            say(last.note.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Prove { record, place } => {
            let mut tx = open(place).await?.read().await.map_err(in_words)?;
            let proof = seal::prove(&mut tx, record).await.map_err(in_words)?;
            let proof = proof.ok_or_else(|| {
                format!("there is no record {record}, or no checkpoint has it yet; the service makes one every few minutes")
            })?;
            say(proof.text().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Check { proof, key, json } => check(&proof, &read_key(&key)?, json),
    }
}

fn in_words(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}

fn read_key(key: &str) -> Result<VerifierKey, String> {
    VerifierKey::read(key).map_err(in_words)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

async fn open(place: LogPlace) -> Result<Store, String> {
    let url = match place.database {
        Some(url) => url,
        None => {
            Config::load(&place.file.config)
                .map_err(|faults| faults.to_string())?
                .database
                .url
        }
    };
    must_have_run(&url)?;
    Store::open(&DatabaseConfig { url }).await.map_err(in_words)
}

/// The key that the log itself names.
async fn key_of(store: &Store) -> Result<VerifierKey, String> {
    let mut tx = store.read().await.map_err(in_words)?;
    let key = tx.log_key().await.map_err(in_words)?;
    key.ok_or_else(|| "the log has no key yet; the service makes it at its first start".to_owned())
}

/// The checkpoints in files that were kept elsewhere.
fn kept(files: &[PathBuf], key: &VerifierKey) -> Result<Vec<Kept>, String> {
    let of_file = |path: &PathBuf| {
        let note = kept_in(&read(path)?).and_then(|note| note.checkpoint(key));
        let checkpoint = note.map_err(|fault| format!("{}: {fault}", path.display()))?;
        Ok(Kept {
            size: checkpoint.size,
            root: checkpoint.root,
            what: format!("the checkpoint in {}", path.display()),
        })
    };
    files.iter().map(of_file).collect()
}

async fn verify_kept(
    place: LogPlace,
    key: Option<VerifierKey>,
    against: &[PathBuf],
) -> Result<Result<Verified, Misfit>, String> {
    let store = open(place).await?;
    let kept = match &key {
        _ if against.is_empty() => Vec::new(),
        Some(key) => kept(against, key)?,
        None => kept(against, &key_of(&store).await?)?,
    };
    store.verify_audit(key.as_ref(), kept).await.map_err(in_words)
}

fn verify_exported(path: &Path, kept: Vec<Kept>) -> Result<Result<Verified, Misfit>, String> {
    let file = std::fs::File::open(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    let mut verifier = Verifier::default();
    for kept in kept {
        verifier.expect(kept);
    }
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let at = |fault: &dyn std::fmt::Display| format!("{}:{}: {fault}", path.display(), number + 1);
        let line = line.map_err(|fault| at(&fault))?;
        let record: Record = serde_json::from_str(&line).map_err(|fault| at(&fault))?;
        if let Err(misfit) = verifier.check(&record) {
            return Ok(Err(misfit));
        }
    }
    Ok(verifier.end())
}

fn tell(walked: &Result<Verified, Misfit>, as_json: bool) -> ExitCode {
    match walked {
        _ if as_json => say(&verdict(walked).to_string()),
        Ok(verified) => {
            say(&format!(
                "{} records, every one fits; the head is {}",
                verified.records, verified.head
            ));
            say(&format!(
                "{} checkpoints fit, the largest of {} records",
                verified.checkpoints, verified.sealed
            ));
            if verified.entries > 0 {
                say(&format!(
                    "{} entries of timelines are as they were written",
                    verified.entries
                ));
            }
        }
        Err(misfit) => say(&misfit.to_string()),
    }
    match walked {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

async fn export(place: LogPlace) -> Result<ExitCode, String> {
    let mut tx = open(place).await?.read().await.map_err(in_words)?;
    let mut last = i64::MIN;
    loop {
        let records = tx.audit_after(last, CHUNK).await.map_err(in_words)?;
        let Some(newest) = records.last() else {
            return Ok(ExitCode::SUCCESS);
        };
        last = newest.seq;
        for record in &records {
            say(&seal::line(record).map_err(in_words)?);
        }
    }
}

fn check(path: &Path, key: &VerifierKey, as_json: bool) -> Result<ExitCode, String> {
    let proof = InclusionProof::read(&read(path)?).map_err(|fault| format!("{}: {fault}", path.display()))?;
    match proof.verify(key) {
        Ok((record, checkpoint)) => {
            if as_json {
                say(
                    &json!({"ok": true, "record": record, "log": checkpoint.origin, "size": checkpoint.size})
                        .to_string(),
                );
            } else {
                say(&format!(
                    "record {} is in {} (checkpoint of {} records): {} {} by {} at {}",
                    record.seq,
                    checkpoint.origin,
                    checkpoint.size,
                    record.action,
                    record.subject,
                    record.actor,
                    second(record.at)
                ));
                say(&record.detail);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            if as_json {
                say(&json!({"ok": false, "fault": fault.to_string()}).to_string());
            } else {
                say(&fault.to_string());
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
