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
  watchkeeper detectors explain RULE EVENT           why a rule does or does not match
  watchkeeper detectors coverage                     what is detected, and what cannot be
  watchkeeper audit verify --config watchkeeper.toml prove that the record is whole
  watchkeeper pack --incident INC-0042               what an auditor asks for, in one zip"
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
    /// Take the pre-flight now: could customers be told today?
    #[command(after_help = "Examples:
  watchkeeper preflight --config watchkeeper.toml
  watchkeeper preflight --json

Looks at the relays (nothing is sent), DKIM, SPF and DMARC in DNS, the bounce mailbox, letters, coverage of contacts, people to page, and
the audit log. How it came out is kept, where the service has run; nobody is paged.

Exit code 0: no check failed. 1: one did. 2: it could not be taken.")]
    Preflight {
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Run a demonstration: a small company, its logs, a story, and a clock that can travel.
    #[command(after_help = "Examples:
  watchkeeper demo                       address, login and token are printed once it serves
  watchkeeper demo --json                one line: {\"url\",\"user\",\"password\",\"token\"}
  watchkeeper demo --fresh --port 9000   forget the last demonstration, on another port")]
    Demo(DemoOptions),
    /// Judge events in files: one line of JSON for each detection.
    #[command(after_help = "Examples:
  watchkeeper detect --rules rules/ events.jsonl
  watchkeeper detect --logsource product=aws,service=cloudtrail trail/*.json.gz
  zcat old.gz | watchkeeper detect --rules sigma/ --output none --summary summary.json -
  watchkeeper detect --fail-on high build.jsonl   in a pipeline: exit code 1 where something high was found

Files are JSON lines, lists of objects or CloudTrail's {\"Records\": [...]}, also compressed by gzip or zstd; `-` is standard input.
Each detection is {\"rule\": {\"id\", \"title\", \"level\"}, \"event\": {\"line\", ...}, \"fields\": {...}}.

Exit code 0: all was judged. 1: --fail-on found something. 2: a file or the rules could not be read.")]
    Detect(DetectOptions),
    /// Write or check a configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at where events come from.
    #[command(subcommand)]
    Sources(SourcesCommand),
    /// Test, check and look at detectors.
    #[command(subcommand)]
    Detectors(DetectorsCommand),
    /// Look at rules of law and contract, and count their clocks.
    #[command(subcommand)]
    Obligations(ObligationsCommand),
    /// Verify the audit log, and prove to others what is in it.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What the world must know of our mail.
    #[command(subcommand)]
    Mail(MailCommand),
    /// Write the auditor's pack: everything that shows what happened, who was told when, and who decided it.
    #[command(after_help = "Examples:
  watchkeeper pack --incident INC-0042
  watchkeeper pack --from 2026-01-01 --to 2026-12-31 --out audit-2026.zip
  watchkeeper pack --json                     of every incident there is

The zip has a README.txt, a manifest with the digest of every file, and the script that verifies it without this product. It is
written as the records stand at one instant; that it was taken away is itself a record of the audit log. It holds personal data.

Exit code 0: written. 2: it could not be.")]
    Pack(PackOptions),
    /// Write a report to an authority: what an incident knows, in the order of the article that asks.
    #[command(after_help = "Examples:
  watchkeeper report INC-0042 --form gdpr-33
  watchkeeper report INC-0042 --form nis2-early-warning --format json --out warning.json

Forms: gdpr-33 (GDPR Art. 33(3)), nis2-early-warning, nis2-notification, nis2-final (NIS 2 Art. 23(4)), hipaa-410 (45 CFR 164.410(c)).

It is a draft for counsel to read, and no legal advice. What nobody knows yet says so and is listed. That it was taken away is a record
of the audit log. It holds personal data.

Exit code 0: written. 2: it could not be.")]
    Report(ReportOptions),
    /// Print the register of breaches (GDPR Art. 33(5)): every suspicion and breach, also those that were rejected.
    #[command(after_help = "Examples:
  watchkeeper register > register.csv
  watchkeeper register --from 2026-01-01 --to 2026-12-31 --json

An incident belongs to the time in which it was opened; days are of UTC, and the last one counts whole.")]
    Register(RegisterOptions),
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

/// How to judge files.
#[derive(Debug, Args)]
pub struct DetectOptions {
    /// Files of events; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folders of rules, and files that end in .yml or .yaml; without any, those that come with the product. May be given several
    /// times.
    #[arg(long, short, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// A configuration, for its rules where none are named, and for its placeholders and quotas; what is said here of groups and
    /// lateness holds all the same.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which log the events are from, such as product=aws,service=cloudtrail; without it every rule is tried.
    #[arg(long, value_name = "PART=VALUE,...")]
    pub logsource: Option<String>,
    /// What is written to standard output.
    #[arg(long, value_enum, default_value_t = DetectOutput::Jsonl)]
    pub output: DetectOutput,
    /// Writes figures of the run to this file as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Exit with 1 where a detection of this level or a higher one was made: informational, low, medium, high or critical.
    #[arg(long, value_name = "LEVEL")]
    pub fail_on: Option<String>,
    /// How many threads match; as many as the machine has for it unless said.
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// The field that says when an event happened, where it is not one of the usual ones.
    #[arg(long, value_name = "FIELD")]
    pub time_field: Option<String>,
    /// How many groups each correlation may follow at once; those furthest from their threshold go first beyond it.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    pub groups: usize,
    /// How much older than the newest event so far an event may be and still be counted by correlations, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub lateness: u32,
}

impl DetectOptions {
    /// Several paths may follow `--rules`, and files of events may follow them: what is no folder and does not end in .yml or .yaml is
    /// a file of events.
    ///
    /// # Errors
    /// Where no file of events is named.
    pub fn settled(mut self) -> Result<Self, String> {
        let rule = |path: &PathBuf| {
            let named = path.extension().is_some_and(|end| end == "yml" || end == "yaml");
            named || path.is_dir() || (path.as_os_str() != "-" && !path.exists())
        };
        let (rules, mut files): (Vec<_>, Vec<_>) = self.rules.into_iter().partition(rule);
        files.append(&mut self.files);
        if files.is_empty() {
            return Err("no events: name files of events, or `-` for standard input".to_owned());
        }
        Ok(Self { files, rules, ..self })
    }
}

/// What `detect` writes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DetectOutput {
    /// A line of JSON for each detection.
    Jsonl,
    /// Nothing.
    None,
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

/// Look at where events come from.
#[derive(Debug, Subcommand)]
pub enum SourcesCommand {
    /// Connect a source: print what to configure and what to allow.
    #[command(subcommand)]
    Add(AddSource),
    /// Prove that every source may do what it will do, and explain each refusal. Cursors stay where they are.
    #[command(after_help = "Examples:
  watchkeeper sources check --config watchkeeper.toml
  watchkeeper sources check trail --json

A message that lies in a queue is looked at and not hidden, which counts as one more time that it was received.
Exit code 0: all is allowed. 1: something is refused.")]
    Check {
        /// One source alone.
        name: Option<String>,
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// List the configured sources: kind, format, and where each takes its events from.
    #[command(after_help = "Examples:
  watchkeeper sources list --config watchkeeper.toml
  watchkeeper sources list --json")]
    List {
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Show lines of a source beside the fields that they become, and why they are read so.
    #[command(after_help = "Examples:
  watchkeeper sources sample edge-access --config watchkeeper.toml
  watchkeeper sources sample events --count 3 --json

Files are read from their beginning; of what is pushed, the newest that the spool holds is shown. Nothing is written and no cursor moves:
it works beside the running service.

Exit code 0: there was something to show, and all of it could be read. 1: nothing was there, or something could not be read.")]
    Sample(SampleOptions),
}

/// Which source, and how much of it.
#[derive(Debug, Args)]
pub struct SampleOptions {
    /// The source's name.
    pub name: String,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// How many events to show.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Connect a source: prints what to configure and what to allow, and changes nothing.
#[derive(Debug, Subcommand)]
pub enum AddSource {
    /// An account of AWS: log groups, findings of GuardDuty, objects in a bucket.
    #[command(after_help = "Examples:
  watchkeeper sources add aws                       asks
  watchkeeper sources add aws --account 111122223333 --region eu-central-1 --log-group-prefix /app/ --bucket acme-trail
  watchkeeper sources add aws --account 111122223333 --region eu-central-1 --region us-east-1 \\
    --firehose https://watch.example.com --firehose-backup-bucket acme-undelivered
  watchkeeper sources add aws --account 111122223333 --only cloudformation >watchkeeper.json")]
    Aws(Box<AddAws>),
}

/// An account of AWS to be connected.
#[derive(Debug, Args)]
pub struct AddAws {
    /// The account to be watched: 12 digits.
    #[arg(long)]
    pub account: Option<String>,
    /// The region, such as eu-central-1; may be given several times. The bucket is in the first.
    #[arg(long)]
    pub region: Vec<String>,
    /// The account that Watchkeeper runs in, which assumes the role; the watched one where it is not said.
    #[arg(long)]
    pub hub: Option<String>,
    /// What the sources' names begin with; `aws-<account>` where it is not said.
    #[arg(long)]
    pub name: Option<String>,
    /// The external id of the role; a random one where it is not said.
    #[arg(long)]
    pub external_id: Option<String>,
    /// Read log groups whose name begins so; may be given several times.
    #[arg(long, value_name = "PREFIX")]
    pub log_group_prefix: Vec<String>,
    /// Read no log groups.
    #[arg(long, conflicts_with = "log_group_prefix")]
    pub no_logs: bool,
    /// A stream of Kinesis through which a subscription delivers the log groups.
    #[arg(long, value_name = "STREAM")]
    pub kinesis_stream: Option<String>,
    /// Deliver the log groups through Firehose instead, which posts to Watchkeeper at this address, such as https://watch.example.com.
    #[arg(long, value_name = "URL", conflicts_with_all = ["kinesis_stream", "no_logs"], requires = "firehose_backup_bucket")]
    pub firehose: Option<String>,
    /// The bucket in which Firehose keeps what it could not deliver.
    #[arg(long, value_name = "BUCKET", requires = "firehose")]
    pub firehose_backup_bucket: Option<String>,
    /// Read objects that are put into this bucket.
    #[arg(long)]
    pub bucket: Option<String>,
    /// The ARN of a key of KMS that encrypts the bucket, its queue or the stream; may be given several times.
    #[arg(long, value_name = "ARN")]
    pub kms_key: Vec<String>,
    /// Read no findings of GuardDuty.
    #[arg(long)]
    pub no_guardduty: bool,
    /// Print one part alone.
    #[arg(long, value_enum, conflicts_with = "json")]
    pub only: Option<Part>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// What `sources add aws` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Tables of the configuration.
    Config,
    /// The policy of the role.
    Policy,
    /// Who may assume the role.
    Trust,
    /// Commands of the AWS command line.
    Commands,
    /// A template of CloudFormation.
    Cloudformation,
    /// A file of Terraform.
    Terraform,
}

/// What the world must know of our mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Print the DNS record with which receivers verify the DKIM signatures of our mail.
    #[command(after_help = "Examples:
  watchkeeper mail dkim-record --config watchkeeper.toml
  watchkeeper mail dkim-record --json   {\"name\",\"type\",\"value\"}, the value in one piece

Publish it before mail is signed, and leave the record of an older key for a week after a change: mail that is under way still needs it.")]
    DkimRecord {
        /// Which configuration.
        #[command(flatten)]
        file: ConfigFile,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Which rules.
#[derive(Debug, Args)]
pub struct RulesGiven {
    /// Files and folders of rules; without any, those of the configuration, or those that come with the product.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A configuration, for its rules, placeholders and limits.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Test and look at detectors.
#[derive(Debug, Subcommand)]
pub enum DetectorsCommand {
    /// Run the tests that rules carry: events that must and must not fire.
    #[command(after_help = "Examples:
  watchkeeper detectors test                    the detectors that come with the product
  watchkeeper detectors test rules/ more.yaml   your own
  watchkeeper detectors test --config watchkeeper.toml   those that run here, with their placeholders
  watchkeeper detectors test --json

Exit code 0: every test passed and no rule is quarantined. 1: otherwise.")]
    Test {
        /// Which rules.
        #[command(flatten)]
        rules: RulesGiven,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// List detectors: level, kind, and what filters and pipelines make of them.
    #[command(after_help = "Examples:
  watchkeeper detectors list
  watchkeeper detectors list --config watchkeeper.toml   those that run here
  watchkeeper detectors list --json rules/")]
    List {
        /// Which rules.
        #[command(flatten)]
        rules: RulesGiven,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Explain faults and what is suspicious about rules: what would miss, flood or never match.
    #[command(after_help = "Examples:
  watchkeeper detectors lint rules/
  watchkeeper detectors lint --strict rules/             in a pipeline: warnings fail too
  watchkeeper detectors lint --config watchkeeper.toml   with its placeholders and limits
  watchkeeper detectors lint --json rules/

A fault keeps a rule from running, a warning says that it probably does not do what was meant, a remark how it could be better.

Exit code 0: no fault. 1: faults, or, with --strict, warnings. 2: the rules could not be read.")]
    Lint {
        /// Which rules.
        #[command(flatten)]
        rules: RulesGiven,
        /// For machines.
        #[arg(long)]
        json: bool,
        /// Exit with 1 where there are warnings.
        #[arg(long)]
        strict: bool,
    },
    /// Show, condition by condition, why a rule does or does not match an event.
    #[command(after_help = "Examples:
  watchkeeper detectors explain \"Trail stopped\" event.json
  watchkeeper detectors explain rules/my.yml events.jsonl --line 17
  watchkeeper detectors explain my-rule '{\"action\": \"delete\"}' --rules rules/ --logsource product=app
  tail -n 1 /var/log/auth.log | watchkeeper detectors explain 5f0c2a2e-0f64-4b8e-a9a5-6b7c6c6d1f60 -

An event is read as the service reads it, so a line of a log will do. Where neither the event nor --logsource says which log it is
from, it is taken to be from the rule's.

Exit code 0: the rule matches. 1: it does not. 2: there is no such rule or event.")]
    Explain(ExplainOptions),
    /// Show which ATT&CK techniques are covered, and whether the sources can ever satisfy each rule.
    #[command(after_help = "Examples:
  watchkeeper detectors coverage
  watchkeeper detectors coverage --config watchkeeper.toml                   which rules no source is there for
  watchkeeper detectors coverage rules/ --events trail/*.json.gz auth.log    which rules ask for fields that never come
  watchkeeper detectors coverage --config watchkeeper.toml --source app --events app.log
  watchkeeper detectors coverage --navigator layer.json                      for the ATT&CK Navigator

Events are read as the service reads them; give a few thousand, since a field that is not in them counts as one that never comes.
A rule that cannot match names the fields it waits for, and those that were probably meant.")]
    Coverage(CoverageOptions),
}

/// What to explain.
#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// The rule: its id, name or title, or the path of its file.
    pub rule: String,
    /// The event: a file with it, `-` for standard input, or the JSON itself.
    pub event: String,
    /// Files and folders of rules; without any, those of the configuration, or those that come with the product.
    #[arg(long, short, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// A configuration, for its rules, placeholders and limits.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which log the event is from, such as product=aws,service=cloudtrail.
    #[arg(long, value_name = "PART=VALUE,...")]
    pub logsource: Option<String>,
    /// Which line of the file; in a document the number of the event.
    #[arg(long, value_name = "NUMBER")]
    pub line: Option<std::num::NonZeroU64>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// What to cover.
#[derive(Debug, Args)]
pub struct CoverageOptions {
    /// Which rules.
    #[command(flatten)]
    pub rules: RulesGiven,
    /// Files of events that the sources give.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub events: Vec<PathBuf>,
    /// Which log the events are from, where they do not say, such as product=app.
    #[arg(long, value_name = "PART=VALUE,...", requires = "events")]
    pub logsource: Option<String>,
    /// Reads the events as this source of the configuration does.
    #[arg(
        long,
        value_name = "NAME",
        requires = "events",
        requires = "config",
        conflicts_with = "logsource"
    )]
    pub source: Option<String>,
    /// Writes a layer for the ATT&CK Navigator to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub navigator: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Where the audit log is.
#[derive(Debug, Args)]
pub struct LogPlace {
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// The database, instead of a configuration.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// Verify the audit log, and prove to others what is in it.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the hash chain, compare with every checkpoint, and name the first record that does not fit.
    #[command(after_help = "Examples:
  watchkeeper audit verify --config watchkeeper.toml
  watchkeeper audit verify --database sqlite:./data/demo/watchkeeper.db
  watchkeeper audit verify --against checkpoint.txt --against letter-of-march.eml
  watchkeeper audit verify --log log.jsonl --against checkpoint.txt --key example.com/audit+1a2b3c4d+AQ…

Who holds the whole database can rewrite it so that it fits itself. What was kept elsewhere shows it: checkpoints that were noted,
and every mail that the service sent, since each carries the newest one.

Exit code 0: every record fits. 1: one does not. 2: the log could not be read.")]
    Verify {
        /// Where it is.
        #[command(flatten)]
        place: LogPlace,
        /// Verify an exported log instead; no database is needed.
        #[arg(long, value_name = "FILE", conflicts_with = "database", requires = "key")]
        log: Option<PathBuf>,
        /// A checkpoint that was kept elsewhere, as a note or in a mail; can be given several times.
        #[arg(long, value_name = "FILE")]
        against: Vec<PathBuf>,
        /// The key of the log as it was noted elsewhere, instead of the one in the database.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Print the log, one record a line, so that it can be verified elsewhere.
    #[command(after_help = "Examples:
  watchkeeper audit export --config watchkeeper.toml > log.jsonl")]
    Export {
        /// Where it is.
        #[command(flatten)]
        place: LogPlace,
    },
    /// Print the key that checkpoints and proofs are verified with. Note it where nobody who keeps the log can change it.
    #[command(after_help = "Examples:
  watchkeeper audit key --config watchkeeper.toml")]
    Key {
        /// Where the log is.
        #[command(flatten)]
        place: LogPlace,
    },
    /// Print the newest signed checkpoint. Kept elsewhere, it shows later that the log was not cut or rewritten.
    #[command(after_help = "Examples:
  watchkeeper audit checkpoint --config watchkeeper.toml > checkpoint.txt")]
    Checkpoint {
        /// Where the log is.
        #[command(flatten)]
        place: LogPlace,
    },
    /// Prove that a record is in the log: the record, its way to the root, and the signed checkpoint (C2SP tlog-proof).
    #[command(after_help = "Examples:
  watchkeeper audit prove 1204 > record-1204.tlog-proof")]
    Prove {
        /// The record's number.
        record: i64,
        /// Where the log is.
        #[command(flatten)]
        place: LogPlace,
    },
    /// Check a proof, with nothing but the key of the log.
    #[command(after_help = "Examples:
  watchkeeper audit check record-1204.tlog-proof --key example.com/audit+1a2b3c4d+AQ…

Exit code 0: the record is in the log. 1: it is not, or the proof is forged. 2: the proof could not be read.")]
    Check {
        /// The proof.
        proof: PathBuf,
        /// The key of the log, as it was noted elsewhere.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Look at rules of law and contract, and count their clocks.
#[derive(Debug, Subcommand)]
pub enum ObligationsCommand {
    /// List the rules: whether each binds, what it counts from, how sure it is.
    #[command(after_help = "Examples:
  watchkeeper obligations list
  watchkeeper obligations list --playbooks ./playbooks --json")]
    List {
        /// Which rules.
        #[command(flatten)]
        playbooks: PlaybooksGiven,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Find faults in rules and calendars, and count their worked examples.
    #[command(after_help = "Examples:
  watchkeeper obligations check --playbooks ./playbooks

Exit code 0: all are sound and every worked example comes out as it says. 1: one does not. 2: the folder could not be read.")]
    Check {
        /// Which rules.
        #[command(flatten)]
        playbooks: PlaybooksGiven,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Count what a rule asks by when, with the arithmetic and its source.
    #[command(after_help = "Examples:
  watchkeeper obligations due gdpr.33_1 --at aware=2026-06-05T14:20:00Z
  watchkeeper obligations due eu.dora --at aware=2026-06-05T14:20:00Z --at classified=2026-06-05T16:00:00Z
  watchkeeper obligations due eu.nis2_23 --at aware=2026-06-05T14:20:00Z --submitted notification=2026-06-07T09:00:00Z
  watchkeeper obligations due us.sec_105 --at determined=2026-06-16T15:00:00Z --stands 2026-06-20T00:00:00Z/2026-07-20T00:00:00Z
  watchkeeper obligations due contract.dpa --at confirmed=2026-06-05T14:20:00Z --contract 24h

Moments are occurred, detected, suspected, aware, confirmed, determined and classified; instants carry their offset from UTC.")]
    Due(DueOptions),
}

/// A folder of playbooks.
#[derive(Debug, Args)]
pub struct PlaybooksGiven {
    /// A folder of playbooks with `obligations/` and `calendars/`, instead of what comes with the product.
    #[arg(long, value_name = "FOLDER")]
    pub playbooks: Option<PathBuf>,
}

/// What a clock is counted from.
#[derive(Debug, Args)]
pub struct DueOptions {
    /// The rule's id, such as gdpr.33_1.
    pub rule: String,
    /// When a moment was.
    #[arg(long, value_name = "MOMENT=INSTANT")]
    pub at: Vec<String>,
    /// When a phase of the rule was submitted in fact.
    #[arg(long, value_name = "PHASE=INSTANT")]
    pub submitted: Vec<String>,
    /// For which time its clocks stand, for a reason that the rule names.
    #[arg(long, value_name = "FROM/UNTIL")]
    pub stands: Vec<String>,
    /// The limit of the customer's contract, such as 24h.
    #[arg(long, value_name = "SPAN")]
    pub contract: Option<String>,
    /// Which rules.
    #[command(flatten)]
    pub playbooks: PlaybooksGiven,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Of which days.
#[derive(Debug, Args)]
pub struct DaysGiven {
    /// The first day; incidents that were opened before are left out.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<chrono::NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<chrono::NaiveDate>,
}

/// What to pack.
#[derive(Debug, Args)]
pub struct PackOptions {
    /// Which incident alone, such as INC-0042.
    #[arg(long, value_name = "REF", conflicts_with_all = ["from", "to"])]
    pub incident: Option<String>,
    /// Of which days, where it is not one incident.
    #[command(flatten)]
    pub days: DaysGiven,
    /// The zip to write; without one, a file in this folder that is named by what it tells of.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

/// Which report.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// Of which incident, such as INC-0042.
    #[arg(value_name = "REF")]
    pub incident: String,
    /// Which form, such as gdpr-33.
    #[arg(long, value_name = "FORM")]
    pub form: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = ReportKind::Pdf)]
    pub format: ReportKind,
    /// The file to write; without one, a file in this folder that is named by form and incident.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print for machines what was written.
    #[arg(long)]
    pub json: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportKind {
    /// For programs.
    Json,
    /// For people.
    Pdf,
}

impl From<ReportKind> for watchkeeper_respond::report::ReportFormat {
    fn from(kind: ReportKind) -> Self {
        match kind {
            ReportKind::Json => Self::Json,
            ReportKind::Pdf => Self::Pdf,
        }
    }
}

/// Which register.
#[derive(Debug, Args)]
pub struct RegisterOptions {
    /// Of which days.
    #[command(flatten)]
    pub days: DaysGiven,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigFile,
    /// For machines.
    #[arg(long)]
    pub json: bool,
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
