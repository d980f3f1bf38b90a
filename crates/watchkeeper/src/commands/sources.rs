//! `watchkeeper sources`: where events come from, as the configuration says.

mod aws;
mod check;
mod sample;

use super::say;
use crate::cli::{AddSource, SourcesCommand};
use crate::config::Config;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use watchkeeper_collect::SourceConfig;

/// Does what the command line asks for.
pub(super) async fn run(command: SourcesCommand) -> Result<ExitCode, String> {
    match command {
        SourcesCommand::List { file, json } => list(&file.config, json),
        SourcesCommand::Sample(options) => sample::sample(&options).await,
        SourcesCommand::Check { file, name, json } => check::check(&file.config, name.as_deref(), json).await,
        SourcesCommand::Add(AddSource::Aws(options)) => aws::add(&options),
    }
}

/// A configured source, by its name.
fn named<'c>(config: &'c Config, name: &str) -> Result<&'c SourceConfig, String> {
    let found = config.sources.iter().find(|source| source.name().0 == name);
    found.ok_or_else(|| {
        let names: Vec<_> = config.sources.iter().map(|source| source.name().0).collect();
        if names.is_empty() {
            return format!(
                "no source is called `{name}`: none is configured; `watchkeeper config init` shows one of each kind, and `watchkeeper \
                 sources add aws` what an account of AWS needs"
            );
        }
        format!("no source is called `{name}`: there are {}", names.join(", "))
    })
}

fn list(path: &Path, as_json: bool) -> Result<ExitCode, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    if as_json {
        let sources: Vec<_> = config.sources.iter().map(listed).collect();
        say(&json!({"sources": sources}).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    if config.sources.is_empty() {
        say("no source is configured: add a table [[source]], as `watchkeeper config init` shows them");
    }
    for source in &config.sources {
        let told = listed(source);
        let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
        say(&format!(
            "{:<24} {:<16} {:<12} {}",
            text("name"),
            text("kind"),
            text("format"),
            text("from")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(source: &SourceConfig) -> serde_json::Value {
    json!({
        "name": source.name().0,
        "kind": source.kind(),
        "format": source.interpretation().format,
        "from": source.takes_from(),
    })
}
