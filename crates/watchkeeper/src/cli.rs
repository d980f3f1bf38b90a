//! The command line: what can be asked for, with examples.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Security monitoring and incident response for companies that keep other people's data.
#[derive(Debug, Parser)]
#[command(
    name = "watchkeeper",
    version,
    about,
    after_help = "Examples:
  watchkeeper demo                                   see it at work, with a company and a story
  watchkeeper config init > watchkeeper.toml         write the commented default configuration
  watchkeeper config check --config watchkeeper.toml list every fault in it
  watchkeeper serve --config watchkeeper.toml        run it
  watchkeeper detectors test                         run the tests that rules carry
  watchkeeper audit verify --config watchkeeper.toml prove that the record is whole"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service.
    #[command(after_help = "Examples:
  watchkeeper serve --config /etc/watchkeeper.toml

The first start creates an account for server.admin_email and prints its one-time password once.
SIGTERM and Ctrl-C stop it gracefully: receivers refuse, what is under way ends, the last checkpoint is committed.")]
    Serve(ConfigFile),
    /// Run a demonstration: a small company, its logs, a story, and a clock that can travel.
    #[command(after_help = "Examples:
  watchkeeper demo                       address, login and token are printed once it serves
  watchkeeper demo --json                one line: {\"url\",\"user\",\"password\",\"token\"}
  watchkeeper demo --fresh --port 9000   forget the last demonstration, on another port")]
    Demo(DemoOptions),
    /// Write or check a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Test and look at detectors.
    #[command(subcommand)]
    Detectors(DetectorsCommand),
    /// Verify the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Keep accounts from the machine itself.
    #[command(subcommand)]
    People(PeopleCommand),
    /// Print completions for a shell.
    #[command(after_help = "Examples:
  watchkeeper completions bash > /etc/bash_completion.d/watchkeeper
  watchkeeper completions zsh  > ~/.zfunc/_watchkeeper
  watchkeeper completions fish > ~/.config/fish/completions/watchkeeper.fish")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "watchkeeper.toml",
        env = "WATCHKEEPER_CONFIG"
    )]
    pub config: PathBuf,
}

/// How to run the demonstration.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Where it keeps its files.
    #[arg(long, value_name = "FOLDER", default_value = "./data/demo")]
    pub dir: PathBuf,
    /// Which port on 127.0.0.1 it listens on; 0 chooses a free one.
    #[arg(long, default_value_t = 8420)]
    pub port: u16,
    /// Forget the last demonstration in that folder.
    #[arg(long)]
    pub fresh: bool,
    /// Print one line of JSON once it serves.
    #[arg(long)]
    pub json: bool,
}

/// Write or check a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the commented default configuration, which is the manual.
    #[command(after_help = "Example:\n  watchkeeper config init > watchkeeper.toml")]
    Init,
    /// List every fault of a configuration at once, with line, field and remedy.
    #[command(after_help = "Examples:
  watchkeeper config check --config watchkeeper.toml
  watchkeeper config check --json   for machines

Exit code 0: sound. 1: faults.")]
    Check {
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Test and look at detectors.
#[derive(Debug, Subcommand)]
pub enum DetectorsCommand {
    /// Run the tests that rules carry: events that must and must not fire.
    #[command(after_help = "Examples:
  watchkeeper detectors test                    the detectors that come with the product
  watchkeeper detectors test rules/ more.yaml   your own
  watchkeeper detectors test --json

Exit code 0: every test passed and no rule is quarantined. 1: otherwise.")]
    Test {
        /// Files and folders of rules; without any, those that come with the product.
        paths: Vec<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// List detectors.
    #[command(
        after_help = "Examples:\n  watchkeeper detectors list\n  watchkeeper detectors list --json rules/"
    )]
    List {
        /// Files and folders of rules; without any, those that come with the product.
        paths: Vec<PathBuf>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Verify the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the hash chain and name the first record that does not fit.
    #[command(after_help = "Examples:
  watchkeeper audit verify --config watchkeeper.toml
  watchkeeper audit verify --database sqlite:./data/demo/watchkeeper.db

Exit code 0: every record fits. 1: one does not. 2: the log could not be read.")]
    Verify {
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// The database, instead of a configuration.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Keep accounts from the machine itself.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// Issue a new one-time password, for somebody who is locked out.
    #[command(
        after_help = "Example:\n  watchkeeper people reset admin@example.com --config watchkeeper.toml"
    )]
    Reset {
        /// The account.
        email: String,
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
    },
}
