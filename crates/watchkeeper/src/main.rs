//! The command line.

use clap::Parser;
use std::process::ExitCode;
use watchkeeper::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    watchkeeper::commands::run(Cli::parse())
}
