//! What the command line does. Results go to standard output, for people or as JSON; logs and faults to standard error.

mod audit;
mod config;
mod demo;
mod detect;
mod detectors;
mod mail;
mod obligations;
mod pack;
mod people;
mod preflight;
mod register;
mod report;
mod serve;
mod sources;

use crate::app::{Mode, open_desk};
use crate::cli::{Cli, Command, ConfigCommand, MailCommand, PeopleCommand};
use crate::config::Config;
use clap::CommandFactory;
use std::fs::{self, File};
use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper_domain::clock::SystemClock;
use watchkeeper_respond::Desk;

/// Something could not be done at all.
const FAILED: u8 = 2;

/// Does what the command line asks for.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(file) => finish(on_runtime(serve::serve(file.config))),
        Command::Demo(options) => finish(on_runtime(demo::demo(options))),
        Command::Detect(options) => finish(options.settled().and_then(|options| detect::detect(&options))),
        Command::Config(ConfigCommand::Init) => config::init(),
        Command::Config(ConfigCommand::Check { file, json }) => config::check(&file.config, json),
        Command::Sources(command) => finish(on_runtime(sources::run(command))),
        Command::Detectors(command) => finish(detectors::run(&command)),
        Command::Obligations(command) => finish(obligations::run(&command)),
        Command::Audit(command) => finish(on_runtime(audit::run(command))),
        Command::Mail(MailCommand::DkimRecord { file, json }) => {
            finish(mail::dkim_record(&file.config, json))
        }
        Command::Pack(options) => finish(on_runtime(pack::run(options))),
        Command::Preflight { file, json } => finish(on_runtime(preflight::run(file.config, json))),
        Command::Report(options) => finish(on_runtime(report::run(options))),
        Command::Register(options) => finish(on_runtime(register::run(options))),
        Command::People(PeopleCommand::Reset { email, file }) => {
            finish(on_runtime(people::reset(email, file.config)))
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "watchkeeper", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
    }
}

/// A command that reads records makes no database where there is none.
fn must_have_run(url: &str) -> Result<(), String> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !Path::new(path).exists() => Err(format!(
            "{path} does not exist; name the database of a service that has run"
        )),
        _ => Ok(()),
    }
}

/// The desk of a service that has run, as its configuration says; the service keeps its sources and channels.
async fn desk_of(config: &Path) -> Result<Desk, String> {
    let config = Config::load(config).map_err(|faults| faults.to_string())?;
    must_have_run(&config.database.url)?;
    open_desk(&config, Arc::new(SystemClock), Mode::Serve).await
}

fn named(path: &Path, fault: &dyn std::fmt::Display) -> String {
    format!("{}: {fault}", path.display())
}

/// Writes a file beside its place and puts it there once it is whole, so that nobody finds half of one. It holds names and addresses:
/// nobody but its owner reads it.
async fn write_whole<T>(out: &Path, write: impl AsyncFnOnce(File) -> Result<T, String>) -> Result<T, String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut unfinished = out.as_os_str().to_owned();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|fault| named(&unfinished, &fault))?;
    match write(file).await {
        Ok(written) => {
            fs::rename(&unfinished, out).map_err(|fault| named(out, &fault))?;
            Ok(written)
        }
        Err(fault) => {
            // What is half written helps nobody; why it is so was said.
            let _gone = fs::remove_file(&unfinished);
            Err(fault)
        }
    }
}

fn finish(done: Result<ExitCode, String>) -> ExitCode {
    done.unwrap_or_else(|fault| {
        eprintln!("watchkeeper: {fault}");
        ExitCode::from(FAILED)
    })
}

fn on_runtime(work: impl Future<Output = Result<ExitCode, String>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|fault| format!("the machine gives no threads: {fault}"))?
        .block_on(work)
}

/// A line of the command's result.
pub(crate) fn say(line: &str) {
    // Whoever reads may have seen enough, as `head` does; a full disk shows in the exit code of whoever writes to it.
    let _seen_enough = writeln!(anstream::stdout(), "{line}");
}
