//! How this installation is set up: read from the configuration once, the same for everybody.

use crate::library::Library;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use watchkeeper_collect::parse::Interpretation;
use watchkeeper_deliver::{Dns, SesConfig, SmtpConfig};
use watchkeeper_domain::delivery::pace::Pace;
use watchkeeper_domain::drill::DrillPolicy;
use watchkeeper_domain::event::{EntityFields, SourceName};
use watchkeeper_domain::incident::Severity;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::page::PagingPolicy;
use watchkeeper_domain::preflight::Daily;
use watchkeeper_domain::regulator::RegulatorContact;
use watchkeeper_domain::source_cost::Polled;
use watchkeeper_domain::source_health::Expected;
use watchkeeper_domain::span::Span;

/// How it is made sure that customers could be told.
#[derive(Debug, Clone, Default)]
pub struct PreflightPlan {
    /// When, every day; only when somebody asks where it is none.
    pub daily: Option<Daily>,
    /// Who is asked about DNS; nobody where mail does not leave the house.
    pub dns: Option<Dns>,
    /// The addresses that the relay sends to the world from, where they are known.
    pub sends_from: Vec<IpAddr>,
    /// The relay.
    pub relay: Option<SmtpConfig>,
    /// The relay for when the first takes no mail.
    pub second_relay: Option<SmtpConfig>,
    /// Amazon SES, where mail goes over it at first or when the relay takes none.
    pub ses: Option<SesConfig>,
    /// Where reports about our mail come in.
    pub reports_at: Option<SocketAddr>,
}

/// How contacts are kept right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactPlan {
    /// For how long a contact that was verified, or given, is taken to be right.
    pub verify_every: Span,
    /// Whether contacts are asked by mail then.
    pub ask: bool,
}

impl Default for ContactPlan {
    fn default() -> Self {
        Self {
            verify_every: Span::hours(365 * 24),
            ask: true,
        }
    }
}

/// A source as it was configured.
#[derive(Debug, Clone)]
pub struct HouseSource {
    /// How it reads its lines.
    pub interpretation: Interpretation,
    /// What is expected of it.
    pub expected: Expected,
    /// Which calls it makes to read; none where what it tells is pushed or lies on this machine.
    pub polled: Option<Polled>,
}

/// How this installation is set up.
#[derive(Debug, Clone)]
pub struct House {
    /// Where the console is reached, without a trailing slash: `https://watch.example.com`.
    pub base_url: String,
    /// Who speaks in letters.
    pub sender: Sender,
    /// Whom authorities ask, as reports to them say.
    pub regulator: RegulatorContact,
    /// The author of all mail.
    pub mail_from: watchkeeper_deliver::Party,
    /// Who signs all mail, where a key is configured.
    pub dkim: Option<Arc<watchkeeper_deliver::DkimSigner>>,
    /// The domain of return paths, where bounce reports are taken.
    pub bounces: Option<String>,
    /// The topics over which SES reports about our mail.
    pub ses_topics: Vec<watchkeeper_domain::sns::TopicArn>,
    /// How fast letters go to one domain.
    pub mail_pace: Pace,
    /// Whom to page.
    pub paging: PagingPolicy,
    /// Addresses of executives, paged at 48/72 of a limit.
    pub executives: Vec<String>,
    /// SNS topics by the name that paging steps use.
    pub topics: BTreeMap<String, String>,
    /// How long before it takes effect a change that is substantial for security is told.
    pub change_notice: Span,
    /// How drills are held.
    pub drill: DrillPolicy,
    /// Alerts that share an actor or a tenant join one incident when not more than this lies between them.
    pub join_within: Span,
    /// Alerts at least this severe open an incident; others join one or wait in triage.
    pub open_incident_at: Severity,
    /// How it is made sure, every day, that customers could be told.
    pub preflight: PreflightPlan,
    /// How contacts are kept right.
    pub contacts: ContactPlan,
    /// How often the audit log is sealed by a signed checkpoint, when it has grown.
    pub seal_every: Span,
    /// Addresses outside the house to which a checkpoint of the audit log goes every week.
    pub witnesses: Vec<String>,
    /// Playbooks and letters.
    pub library: Library,
    /// Fields that name tenants and those who act, besides what rules of evidence find.
    pub entities: EntityFields,
    /// The sources.
    pub sources: BTreeMap<SourceName, HouseSource>,
    /// Whether this is the demo: time can travel, and all mail goes to the mailbox that the console shows.
    pub demo: bool,
}
