//! The configuration: one TOML file whose commented default is the manual.
//!
//! Reading it lists every fault at once, each with its line, its field and what to write instead.

mod check;
mod faults;
mod read;

pub use faults::{ConfigFault, ConfigFaults};

use chrono::NaiveTime;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use watchkeeper_collect::SourceConfig;
use watchkeeper_deliver::{AwsAccess, DkimConfig, Party, SesConfig, SmtpConfig};
use watchkeeper_domain::drill::{DrillPolicy, DrillReach};
use watchkeeper_domain::event::EntityFields;
use watchkeeper_domain::incident::Severity;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::page::{PagingPolicy, PagingStep};
use watchkeeper_domain::preflight::Daily;
use watchkeeper_domain::regulator::RegulatorContact;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::ContactPlan;

/// The commented default, which is the manual.
pub const DEFAULT: &str = include_str!("../watchkeeper.default.toml");

/// The configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where and how the service answers.
    pub server: Server,
    /// Where the record is kept.
    pub database: Database,
    /// What is logged, and how.
    pub log: Log,
    /// How mail is sent.
    pub mail: Mail,
    /// How SNS topics are reached.
    pub sns: Option<Sns>,
    /// Whom to page.
    pub paging: Paging,
    /// How drills are held.
    pub drill: Drill,
    /// How changes are told.
    pub changes: Changes,
    /// Who speaks in letters.
    pub notices: Sender,
    /// Whom authorities ask.
    pub regulator: RegulatorContact,
    /// When alerts become incidents.
    pub incidents: Incidents,
    /// How it is made sure, every day, that customers could be told.
    pub preflight: Preflight,
    /// How contacts are kept right.
    pub contacts: Contacts,
    /// How the audit log is sealed.
    pub audit: Audit,
    /// How events are judged.
    pub detection: Detection,
    /// Where playbooks and letters come from.
    pub playbooks: Playbooks,
    /// Where events come from.
    pub sources: Vec<SourceConfig>,
}

/// Where and how the service answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// How people reach it; links in pages begin with it.
    pub base_url: String,
    /// Spools and, by default, the database.
    pub data_dir: PathBuf,
    /// Who gets the first account.
    pub admin_email: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            base_url: "http://127.0.0.1:8420".to_owned(),
            data_dir: PathBuf::from("./data"),
            admin_email: "admin@localhost.localdomain".to_owned(),
        }
    }
}

/// Where the record is kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: String,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:./data/watchkeeper.db".to_owned(),
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// Which levels of which parts, such as `info,sqlx=warn`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            filter: "info,sqlx=warn,aws=warn,hyper=warn".to_owned(),
        }
    }
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Whose address mail comes from.
    pub from: String,
    /// The name shown with it.
    #[serde(default)]
    pub from_name: Option<String>,
    /// How many letters a minute go to one domain; as many go at once after a quiet minute. Pages never wait.
    #[serde(default = "per_domain_per_minute")]
    pub per_domain_per_minute: u32,
    /// The relay. Where it is left out, mail goes through SES.
    #[serde(default)]
    pub smtp: Option<SmtpConfig>,
    /// Another relay, for when the first cannot be reached or puts mail off for long.
    #[serde(default)]
    pub second_relay: Option<SmtpConfig>,
    /// The API of Amazon SES: instead of the relay, or, beside `smtp`, as the second one.
    #[serde(default)]
    pub ses: Option<SesConfig>,
    /// As which domain mail is signed; not at all where it is left out.
    #[serde(default)]
    pub dkim: Option<DkimConfig>,
    /// Where reports about our mail come in; without it return paths are the author's own address.
    #[serde(default)]
    pub bounces: Option<Bounces>,
}

fn per_domain_per_minute() -> u32 {
    300
}

impl Mail {
    /// Mail from an address over one relay, and nothing more.
    #[must_use]
    pub fn plain(from: &str, smtp: SmtpConfig) -> Self {
        Self {
            from: from.to_owned(),
            from_name: None,
            per_domain_per_minute: per_domain_per_minute(),
            smtp: Some(smtp),
            second_relay: None,
            ses: None,
            dkim: None,
            bounces: None,
        }
    }

    /// The author of all mail.
    #[must_use]
    pub fn author(&self) -> Party {
        match &self.from_name {
            Some(name) => Party::named(name, &self.from),
            None => Party::address(&self.from),
        }
    }
}

/// Where reports about our mail come in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounces {
    /// The domain of return paths; mail to it must be led to `listen`.
    pub domain: String,
    /// Where LMTP and SMTP are spoken to whoever leads mail for the domain here.
    #[serde(default = "bounces_at")]
    pub listen: SocketAddr,
}

fn bounces_at() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8425))
}

/// How SNS topics are reached.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sns {
    /// Region, profile, role.
    pub access: AwsAccess,
    /// ARNs of topics by the name that paging steps use.
    pub topics: BTreeMap<String, String>,
}

/// Whom to page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The steps of the on-call policy.
    pub steps: Vec<PagingStep>,
    /// Addresses of executives, paged at 48/72 of a limit.
    #[serde(default)]
    pub executives: Vec<String>,
}

impl Paging {
    /// The on-call policy.
    #[must_use]
    pub fn policy(&self) -> PagingPolicy {
        PagingPolicy {
            steps: self.steps.clone(),
        }
    }
}

/// How drills are held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drill {
    /// Whom messages of a drill may go to: addresses, `@domain`, ARNs of topics.
    pub reach: Vec<String>,
    /// The mailbox that stands for every customer.
    pub customers_to: Option<String>,
}

impl Drill {
    /// How drills are held; entries that cannot be read let nobody in.
    #[must_use]
    pub fn policy(&self) -> DrillPolicy {
        DrillPolicy {
            reach: self.read().0,
            customers_to: self.customers_to.clone(),
        }
    }

    /// Whom drills may reach, and what is wrong with the entries, by their place.
    pub(crate) fn read(&self) -> (DrillReach, Vec<(usize, String)>) {
        let mut reach = DrillReach::default();
        let faults = self.reach.iter().enumerate();
        let faults = faults
            .filter_map(|(place, entry)| Some((place, reach.allow(entry).err()?)))
            .collect();
        (reach, faults)
    }
}

/// How changes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// How many days before it takes effect a change that is substantial for security is told to customers.
    pub notice_days: u32,
}

impl Default for Changes {
    fn default() -> Self {
        Self { notice_days: 30 }
    }
}

impl Changes {
    /// How long before it takes effect a change is told.
    #[must_use]
    pub fn notice(self) -> Span {
        Span::hours(self.notice_days.saturating_mul(24))
    }
}

/// When alerts become incidents.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Incidents {
    /// Alerts at least this severe open an incident.
    pub open_at: Severity,
    /// Alerts that share an actor or tenant join when not more than this lies between them.
    pub join_within: Span,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            open_at: Severity::Sev2,
            join_within: Span::hours(6),
        }
    }
}

/// How it is made sure, every day, that customers could be told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {
    /// Whether it is taken every day.
    pub enabled: bool,
    /// When, as `06:00`.
    pub at: String,
    /// On the clocks of which zone.
    pub zone: String,
    /// Which DNS server is asked; that of the machine where it is left out.
    pub resolver: Option<SocketAddr>,
    /// The addresses that the relay sends to the world from.
    pub sends_from: Vec<IpAddr>,
}

impl Default for Preflight {
    fn default() -> Self {
        Self {
            enabled: true,
            at: "06:00".to_owned(),
            zone: "UTC".to_owned(),
            resolver: None,
            sends_from: Vec::new(),
        }
    }
}

impl Preflight {
    /// The instant of every day; the field that cannot be read otherwise.
    pub(crate) fn daily(&self) -> Result<Daily, &'static str> {
        Ok(Daily {
            at: NaiveTime::parse_from_str(&self.at, "%H:%M").map_err(|_| "at")?,
            zone: self.zone.parse().map_err(|_| "zone")?,
        })
    }
}

/// How contacts are kept right.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contacts {
    /// For how long a contact that was verified, or given, is taken to be right.
    pub verify_every: Span,
    /// Whether contacts are asked by mail then.
    pub ask: bool,
}

impl Default for Contacts {
    fn default() -> Self {
        let ContactPlan { verify_every, ask } = ContactPlan::default();
        Self { verify_every, ask }
    }
}

/// How the audit log is sealed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// How often a signed checkpoint is made, when the log has grown.
    pub seal_every: Span,
    /// Addresses outside the house to which a checkpoint goes every week, such as the auditor's; whoever keeps one can show a log that was
    /// rewritten.
    pub witnesses: Vec<String>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            seal_every: Span::minutes(5),
            witnesses: Vec::new(),
        }
    }
}

/// How events are judged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Whether the detectors that come with the product run.
    pub shipped: bool,
    /// Folders of further rules.
    pub rules: Vec<PathBuf>,
    /// How late an event may be and still be counted where it belongs.
    pub lateness: Span,
    /// Sources that need another lateness, by name.
    pub lateness_of: BTreeMap<String, Span>,
    /// How far in the future of its collection an event may claim to be.
    pub future_skew: Span,
    /// How much the detectors may remember.
    pub quotas: Quotas,
    /// What `%name%` stands for in rules with the modifier `expand`.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// Fields that name tenants and those who act.
    pub entities: EntityFields,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            shipped: true,
            rules: Vec::new(),
            lateness: Span::minutes(1),
            lateness_of: BTreeMap::new(),
            future_skew: Span::minutes(5),
            quotas: Quotas::default(),
            placeholders: BTreeMap::new(),
            entities: EntityFields::default(),
        }
    }
}

/// How much the detectors may remember. What a bound makes them drop is counted and shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// How many groups, such as addresses or accounts, one rule may follow at once. Beyond it the one furthest from its threshold goes.
    pub groups_per_rule: usize,
    /// How much the groups of all rules may take together, in units of 1,048,576 bytes.
    pub state_megabytes: usize,
    /// How much of the lines of counted events is kept as evidence, in units of 1,048,576 bytes; the oldest go.
    pub evidence_megabytes: usize,
    /// How many events that are not yet decided one rule may hold over all its groups. Beyond it the group furthest from its threshold
    /// goes.
    pub events_per_rule: usize,
    /// How much of these two, in percent, may be of one tenant where a rule groups by tenants. Beyond it the tenant's own groups go.
    pub percent_per_tenant: u8,
    /// How many ids of events are remembered of one source, to know what is delivered again; the oldest go.
    pub ids_per_source: usize,
    /// The longest timespan a rule may ask for; one that asks for more is quarantined.
    pub longest_timespan: Span,
    /// The highest count a rule may ask for; one that asks for more is quarantined.
    pub highest_count: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            groups_per_rule: 200_000,
            state_megabytes: 512,
            evidence_megabytes: 32,
            events_per_rule: 500_000,
            percent_per_tenant: 50,
            ids_per_source: 500_000,
            longest_timespan: Span::hours(366 * 24),
            highest_count: 100_000,
        }
    }
}

/// Where playbooks and letters come from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Playbooks {
    /// A folder that replaces the playbooks and letters that come with the product.
    pub folder: Option<PathBuf>,
    /// Rules of law that counsel has read, by id: they bind from then on.
    pub enable: Vec<String>,
    /// By rule of law that names no number: the company's own target, counted from where the rule counts.
    pub targets: BTreeMap<String, Span>,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Every fault, with its line.
    pub fn load(path: &Path) -> Result<Self, ConfigFaults> {
        let text = std::fs::read_to_string(path).map_err(|fault| {
            let remedy = "name a file that exists, or write one with `watchkeeper config init`";
            ConfigFaults::one(path, 0, "", fault.to_string(), remedy)
        })?;
        Self::parse(&text, path)
    }

    /// Reads a configuration from text; `path` appears in faults.
    ///
    /// # Errors
    /// Every fault, with its line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigFaults> {
        read::read(text).map_err(|faults| ConfigFaults {
            path: path.to_owned(),
            faults,
        })
    }
}
