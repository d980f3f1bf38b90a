//! `watchkeeper register`: the register of breaches.

use super::{desk_of, say};
use crate::cli::RegisterOptions;
use std::process::ExitCode;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::register::Period;

pub(super) async fn run(options: RegisterOptions) -> Result<ExitCode, String> {
    let period = Period::days(options.days.from, options.days.to)?;
    let desk = desk_of(&options.file.config).await?;
    let by = Actor::Operator;
    let written = if options.json {
        let entries = desk.register(period).await.map_err(|fault| fault.to_string())?;
        desk.register_left(period, entries.len(), &by)
            .await
            .map_err(|fault| fault.to_string())?;
        serde_json::to_string_pretty(&serde_json::json!({"entries": entries}))
            .map_err(|fault| fault.to_string())?
    } else {
        desk.export_register(period, &by)
            .await
            .map_err(|fault| fault.to_string())?
    };
    say(written.trim_end());
    Ok(ExitCode::SUCCESS)
}
