//! `watchkeeper pack`: the auditor's pack.

use super::{desk_of, named, say, write_whole};
use crate::cli::PackOptions;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::register::Period;
use watchkeeper_respond::pack::{Packed, Progress, Scope, number_of};
use watchkeeper_respond::{Desk, RespondError};

pub(super) async fn run(options: PackOptions) -> Result<ExitCode, String> {
    let scope = scope_of(&options)?;
    let desk = desk_of(&options.file.config).await?;
    let out = options.out.unwrap_or_else(|| PathBuf::from(scope.file_name()));
    let packed = write_whole(&out, async |file| write_to(&desk, scope, file).await).await?;
    if options.json {
        let bytes = fs::metadata(&out).map_err(|fault| named(&out, &fault))?.len();
        let told = json!({
            "file": out, "bytes": bytes, "incidents": packed.incidents, "files": packed.files.len(),
            "manifest_sha256": packed.manifest_sha256, "key": desk.log_key().to_string(),
        });
        say(&told.to_string());
    } else {
        say(&format!(
            "{}: {} incidents, {} files\nmanifest {}\nkey      {}",
            out.display(),
            packed.incidents,
            packed.files.len(),
            packed.manifest_sha256,
            desk.log_key()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn scope_of(options: &PackOptions) -> Result<Scope, String> {
    match &options.incident {
        Some(reference) => number_of(reference).map(Scope::Incident).ok_or_else(|| {
            format!("--incident {reference}: write the reference of an incident, such as INC-0042")
        }),
        None => Period::days(options.days.from, options.days.to).map(Scope::Period),
    }
}

async fn write_to(desk: &Desk, scope: Scope, file: File) -> Result<Packed, String> {
    let file = BufWriter::new(file);
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len}") {
        bar.set_style(style);
    }
    let mut watcher = |progress: Progress| {
        bar.set_message(progress.what);
        bar.set_length(progress.of);
        bar.set_position(progress.done);
    };
    let packed = desk
        .export_pack(scope, file, &Actor::Operator, &mut watcher)
        .await;
    bar.finish_and_clear();
    packed.map_err(|fault: RespondError| fault.to_string())
}
