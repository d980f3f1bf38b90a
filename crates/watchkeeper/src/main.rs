//! The command line.

use clap::Parser;
use std::process::ExitCode;
use watchkeeper::cli::Cli;

fn main() -> ExitCode {
    watchkeeper::commands::run(Cli::parse())
}
