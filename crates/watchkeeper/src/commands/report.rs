//! `watchkeeper report`: a report to an authority.

use super::{desk_of, named, say, write_whole};
use crate::cli::ReportOptions;
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::regulator::RegulatorForm;
use watchkeeper_respond::pack::number_of;
use watchkeeper_respond::report::code_of;

pub(super) async fn run(options: ReportOptions) -> Result<ExitCode, String> {
    let reference = &options.incident;
    let number = number_of(reference)
        .ok_or_else(|| format!("{reference}: write the reference of an incident, such as INC-0042"))?;
    let form = RegulatorForm::named(&options.form).ok_or_else(|| {
        let forms: Vec<&str> = RegulatorForm::ALL.into_iter().map(RegulatorForm::name).collect();
        format!(
            "--form {}: there is no such form; use one of {}",
            options.form,
            forms.join(", ")
        )
    })?;
    let desk = desk_of(&options.file.config).await?;
    let incident = desk
        .incident_of_number(number)
        .await
        .map_err(|fault| fault.to_string())?;
    let exported = desk
        .export_report(&incident, (form, options.format.into()), &Actor::Operator)
        .await
        .map_err(|fault| fault.to_string())?;
    let out = options.out.unwrap_or_else(|| PathBuf::from(&exported.name));
    write_whole(&out, async |mut file| {
        file.write_all(&exported.bytes)
            .and_then(|()| file.flush())
            .map_err(|fault| named(&out, &fault))
    })
    .await?;
    let missing = &exported.report.missing;
    let lacking: Vec<String> = exported.lacking.iter().copied().map(code_of).collect();
    if options.json {
        let told = json!({
            "file": out, "bytes": exported.bytes.len(), "sha256": exported.sha256, "form": form,
            "missing": missing, "lacking": lacking,
        });
        say(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "{}: {}\nsha256 {}",
        out.display(),
        exported.report.title,
        exported.sha256
    ));
    say(exported.report.status);
    for missing in missing {
        say(&format!("not yet known  {}: {}", missing.source, missing.label));
    }
    if !lacking.is_empty() {
        say(&format!(
            "the font of the PDF lacks {}: they stand in it as their codes; --format json has them",
            lacking.join(" ")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
