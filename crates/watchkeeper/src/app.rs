//! The wiring: opens the store, the sources, the detectors and the channels as the configuration says, and puts the workers to their
//! desk. Nothing runs yet: `run` runs it, and tests take the workers' turns themselves.

use crate::config::Config;
use crate::embedded;
use crate::rules::ConfiguredRules;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_collect::parse::{Format, Interpretation};
use watchkeeper_collect::syslog::SyslogListener;
use watchkeeper_collect::{Receiver, SourceConfig};
use watchkeeper_deliver as deliver;
use watchkeeper_detect::{DetectorSet, EvidenceRules, Limits, RuleFile};
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::delivery::Channel;
use watchkeeper_domain::delivery::pace::Pace;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::sns::TopicArn;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::workers::askings::Askings;
use watchkeeper_respond::workers::changes::Changes;
use watchkeeper_respond::workers::delivery::Deliveries;
use watchkeeper_respond::workers::ladder::Ladder;
use watchkeeper_respond::workers::preflight::DailyPreflight;
use watchkeeper_respond::workers::seal::Sealing;
use watchkeeper_respond::workers::sources::SourceLook;
use watchkeeper_respond::workers::timers::Timers;
use watchkeeper_respond::workers::watch::{Board, Configured, ReloadBell, RuleFiles, Watch};
use watchkeeper_respond::workers::witness::Witness;
use watchkeeper_respond::workers::{Turn, Worker};
use watchkeeper_respond::{ContactPlan, Desk, House, HouseSource, PreflightPlan, RespondError};
use watchkeeper_store::{DatabaseConfig, Store};

/// Everything, wired and at rest.
#[derive(Debug)]
pub struct App {
    /// Where decisions are taken.
    pub desk: Desk,
    /// Watches the sources.
    pub watch: Watch,
    /// Fires timers of incidents.
    pub timers: Timers,
    /// Takes steps of obligations.
    pub ladder: Ladder,
    /// Takes steps of changes.
    pub changes: Changes,
    /// Carries the outbox out.
    pub deliveries: Deliveries,
    /// Takes the pre-flight every day.
    pub preflight: DailyPreflight,
    /// Asks contacts whether they are still the right ones.
    pub askings: Askings,
    /// Looks after the sources every minute.
    pub source_look: SourceLook,
    /// Seals the audit log.
    pub sealing: Sealing,
    /// Sends its checkpoints to witnesses.
    pub witness: Witness,
    /// Takes pushes, by source.
    pub receivers: BTreeMap<String, Arc<Receiver>>,
    /// Takes lines from sockets, once they are served.
    pub listeners: Vec<SyslogListener>,
    /// What the detectors are doing.
    pub board: Arc<Board>,
    /// Asks for the rules to be read again.
    pub reload: ReloadBell,
}

/// How the product is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For real.
    Serve,
    /// As a demonstration: time can travel, mail stays in the mailbox.
    Demo,
}

/// How long a checkpoint waits for slow sources when the service runs.
pub const PATIENCE: Duration = Duration::from_millis(250);

impl App {
    /// Wires everything as the configuration says.
    ///
    /// # Errors
    /// In words: what could not be opened, and what to do.
    pub async fn build(
        config: &Config,
        clock: Arc<dyn Clock>,
        mode: Mode,
        patience: Option<Duration>,
    ) -> Result<Self, String> {
        let desk = open_desk(config, Arc::clone(&clock), mode).await?;
        let (sources, receivers, listeners) = open_sources(config, &clock).await?;
        let rules = ConfiguredRules::of(&config.detection);
        let files = rules.read()?;
        let engine = detectors(config, files.clone(), &desk.house().library.evidence);
        let reload = ReloadBell::default();
        let watch = Watch::open(desk.clone(), sources, engine, patience)
            .await
            .map_err(|fault| fault.to_string())?
            .following(Arc::new(rules), &files, reload.clone())
            .expecting(interpretations(config));
        Ok(Self {
            timers: Timers::new(desk.clone()),
            ladder: Ladder::new(desk.clone()),
            changes: Changes::new(desk.clone()),
            preflight: DailyPreflight::new(desk.clone()),
            askings: Askings::new(desk.clone()),
            source_look: SourceLook::new(desk.clone()),
            sealing: Sealing::new(desk.clone()),
            witness: Witness::new(desk.clone()),
            deliveries: Deliveries::new(desk.clone(), channels(config).await?, second_relay(config).await?),
            board: watch.board(),
            watch,
            receivers,
            listeners,
            desk,
            reload,
        })
    }

    /// Takes every worker's turn, again and again, until nothing is left to do.
    ///
    /// # Errors
    /// The first turn that fails.
    pub async fn settle(&mut self) -> Result<(), RespondError> {
        loop {
            let mut busy = false;
            let workers: [&mut dyn Worker; 10] = [
                &mut self.watch,
                &mut self.timers,
                &mut self.ladder,
                &mut self.changes,
                &mut self.preflight,
                &mut self.askings,
                &mut self.source_look,
                &mut self.witness,
                &mut self.deliveries,
                &mut self.sealing,
            ];
            for worker in workers {
                busy |= worker.turn().await? == Turn::Busy;
            }
            if !busy {
                return Ok(());
            }
        }
    }
}

/// Opens the desk alone: all that a command needs which decides or reads, while the service keeps its sources and channels.
///
/// # Errors
/// In words: what could not be opened, and what to do.
pub async fn open_desk(config: &Config, clock: Arc<dyn Clock>, mode: Mode) -> Result<Desk, String> {
    let store = open_store(&config.database.url).await?;
    let desk = Desk::open(store, clock, house(config, mode)?).await;
    desk.map_err(|fault| fault.to_string())
}

/// Opens the store and brings its tables up to date.
///
/// # Errors
/// In words, without the password that a URL may hold.
pub async fn open_store(url: &str) -> Result<Store, String> {
    if let Some(path) = url.strip_prefix("sqlite:")
        && let Some(folder) = std::path::Path::new(path)
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    }
    let store = Store::open(&DatabaseConfig { url: url.to_owned() })
        .await
        .map_err(|fault| fault.to_string())?;
    store.migrate().await.map_err(|fault| fault.to_string())?;
    Ok(store)
}

/// How the installation is set up, as the configuration says.
///
/// # Errors
/// In words: what cannot be read.
pub fn house(config: &Config, mode: Mode) -> Result<House, String> {
    let mut library = embedded::library(config.playbooks.folder.as_deref())?;
    for (path, fault) in &library.faults {
        tracing::error!(path, fault, "a file of the playbooks cannot be used");
    }
    for rule in library.enable(&config.playbooks.enable) {
        tracing::error!(rule, "a rule that should bind is not there");
    }
    for rule in library.set_targets(&config.playbooks.targets) {
        tracing::error!(
            rule,
            "a rule that should have a target of our own is not there, or names a number"
        );
    }
    Ok(House {
        base_url: config.server.base_url.clone(),
        sender: config.notices.clone(),
        regulator: config.regulator.clone(),
        mail_from: config.mail.author(),
        dkim: signer(config)?,
        bounces: config.mail.bounces.as_ref().map(|bounces| bounces.domain.clone()),
        ses_topics: ses_topics(config)?,
        mail_pace: Pace::per_minute(config.mail.per_domain_per_minute)
            .ok_or("mail.per_domain_per_minute: 0 would send no letter; write 1 or more")?,
        paging: config.paging.policy(),
        executives: config.paging.executives.clone(),
        change_notice: config.changes.notice(),
        drill: config.drill.policy(),
        topics: config
            .sns
            .as_ref()
            .map(|sns| sns.topics.clone())
            .unwrap_or_default(),
        join_within: config.incidents.join_within,
        open_incident_at: config.incidents.open_at,
        preflight: preflight_plan(config, mode)?,
        contacts: ContactPlan {
            verify_every: config.contacts.verify_every,
            ask: config.contacts.ask,
        },
        seal_every: config.audit.seal_every,
        witnesses: config.audit.witnesses.clone(),
        library,
        entities: config.detection.entities.clone(),
        sources: config
            .sources
            .iter()
            .map(|source| (source.name(), house_source(source)))
            .collect(),
        demo: mode == Mode::Demo,
    })
}

fn interpretations(config: &Config) -> BTreeMap<SourceName, Interpretation> {
    let sources = config.sources.iter();
    sources
        .map(|source| (source.name(), source.interpretation()))
        .collect()
}

fn house_source(source: &SourceConfig) -> HouseSource {
    HouseSource {
        interpretation: source.interpretation(),
        expected: source.expected(),
        polled: source.polled(),
    }
}

/// How it is made sure that customers could be told. Mail of a demonstration stays in the house, so that DNS has nothing to say about it.
fn preflight_plan(config: &Config, mode: Mode) -> Result<PreflightPlan, String> {
    let asked = &config.preflight;
    let daily = asked
        .daily()
        .map_err(|field| format!("preflight.{field} cannot be read"))?;
    Ok(PreflightPlan {
        daily: asked.enabled.then_some(daily),
        dns: (mode == Mode::Serve).then(|| deliver::Dns::at(asked.resolver)),
        sends_from: asked.sends_from.clone(),
        relay: config.mail.smtp.clone(),
        second_relay: config.mail.second_relay.clone(),
        ses: config.mail.ses.clone(),
        reports_at: config.mail.bounces.as_ref().map(|bounces| bounces.listen),
    })
}

/// Who signs mail, where that is configured.
fn signer(config: &Config) -> Result<Option<Arc<deliver::DkimSigner>>, String> {
    let signer = config.mail.dkim.as_ref().map(deliver::DkimSigner::open);
    let signer = signer
        .transpose()
        .map_err(|faults| format!("mail.dkim: {faults}"))?;
    Ok(signer.map(Arc::new))
}

type Opened = (
    Vec<Configured>,
    BTreeMap<String, Arc<Receiver>>,
    Vec<SyslogListener>,
);

async fn open_sources(config: &Config, clock: &Arc<dyn Clock>) -> Result<Opened, String> {
    let mut sources = Vec::new();
    let mut receivers = BTreeMap::new();
    let mut listeners = Vec::new();
    for source in &config.sources {
        let opened = watchkeeper_collect::open(source, Arc::clone(clock), &config.server.data_dir).await;
        let opened = opened.map_err(|fault| format!("source `{}`: {fault}", source.name()))?;
        if let Some(receiver) = opened.receiver {
            receivers.insert(source.name().0, receiver);
        }
        listeners.extend(opened.listener);
        let format = serde_json::to_value(source.interpretation().format).ok();
        sources.push(Configured {
            source: opened.source,
            kind: source.kind().to_owned(),
            format: format
                .and_then(|f| f.as_str().map(str::to_owned))
                .unwrap_or_default(),
        });
    }
    Ok((sources, receivers, listeners))
}

/// CloudTrail delivers with minutes of disorder, and so does whatever writes objects now and then.
const CLOUDTRAIL_LATENESS: Span = Span::minutes(15);

/// The detectors of these rules, within the bounds that the configuration sets. Bad rules are quarantined and said loudly; the others
/// run.
#[must_use]
pub fn detectors(config: &Config, files: Vec<RuleFile>, evidence: &EvidenceRules) -> DetectorSet {
    let mut entities = config.detection.entities.clone();
    entities.tenant.extend(evidence.fields());
    let set = DetectorSet::load(files, entities, limits(config));
    for rule in set.quarantined() {
        tracing::error!(
            path = rule.path,
            line = rule.line,
            key = rule.key,
            reason = rule.reason,
            "a rule is quarantined"
        );
    }
    tracing::info!(
        loaded = set.detectors().len(),
        quarantined = set.quarantined().len(),
        "detectors loaded"
    );
    set
}

/// The bounds that the configuration sets. A source's own lateness, where none is written, follows from what it is.
#[must_use]
pub fn limits(config: &Config) -> Limits {
    let detection = &config.detection;
    let quotas = &detection.quotas;
    let mut limits = Limits {
        lateness: detection.lateness.duration(),
        future_skew: detection.future_skew.duration(),
        groups_per_rule: quotas.groups_per_rule,
        state_bytes: quotas.state_megabytes << 20,
        evidence_bytes: quotas.evidence_megabytes << 20,
        records_per_rule: quotas.events_per_rule,
        percent_per_tenant: quotas.percent_per_tenant,
        remembered_ids: quotas.ids_per_source,
        longest_timespan: quotas.longest_timespan.duration(),
        highest_count: quotas.highest_count as u64,
        placeholders: detection.placeholders.clone(),
        ..Limits::default()
    };
    for source in &config.sources {
        // What a poller promises not to miss must still be counted when it comes.
        if let SourceConfig::CloudwatchLogs(logs) = source {
            let horizon = chrono::Duration::minutes(i64::from(logs.horizon_minutes));
            limits.lateness_of.insert(source.name(), horizon);
        } else if matches!(source, SourceConfig::S3(_))
            || source.interpretation().format == Format::Cloudtrail
        {
            limits
                .lateness_of
                .insert(source.name(), CLOUDTRAIL_LATENESS.duration());
        }
    }
    for (source, lateness) in &detection.lateness_of {
        limits
            .lateness_of
            .insert(SourceName(source.clone()), lateness.duration());
    }
    limits
}

/// The relay for when the first takes no mail, where one is configured: another one, or SES.
async fn second_relay(config: &Config) -> Result<Option<Arc<dyn deliver::Channel>>, String> {
    match (&config.mail.second_relay, &config.mail.smtp) {
        (Some(relay), _) => smtp("mail.second_relay", relay).map(Some),
        (None, Some(_)) => ses(config).await,
        (None, None) => Ok(None),
    }
}

fn smtp(table: &str, relay: &deliver::SmtpConfig) -> Result<Arc<dyn deliver::Channel>, String> {
    let relay = deliver::SmtpChannel::new(relay.clone()).map_err(|faults| format!("{table}: {faults}"))?;
    Ok(Arc::new(relay))
}

async fn ses(config: &Config) -> Result<Option<Arc<dyn deliver::Channel>>, String> {
    let Some(ses) = &config.mail.ses else {
        return Ok(None);
    };
    let ses = deliver::SesChannel::new(ses, None).await;
    let ses = ses.map_err(|faults| format!("mail.ses: {faults}"))?;
    Ok(Some(Arc::new(ses)))
}

/// The topics over which SES reports about our mail.
fn ses_topics(config: &Config) -> Result<Vec<TopicArn>, String> {
    let topics = config.mail.ses.iter().flat_map(|ses| &ses.topics);
    topics
        .map(|topic| topic.parse().map_err(|fault| format!("mail.ses.topics: {fault}")))
        .collect()
}

async fn channels(config: &Config) -> Result<BTreeMap<Channel, Arc<dyn deliver::Channel>>, String> {
    let mut channels: BTreeMap<Channel, Arc<dyn deliver::Channel>> = BTreeMap::new();
    let mail = match &config.mail.smtp {
        Some(relay) => Some(smtp("mail.smtp", relay)?),
        None => ses(config).await?,
    };
    channels.extend(mail.map(|mail| (Channel::Email, mail)));
    if let Some(sns) = &config.sns {
        let sns = deliver::SnsChannel::new(&sns.access, None)
            .await
            .map_err(|faults| format!("sns.access: {faults}"))?;
        channels.insert(Channel::Sns, Arc::new(sns));
    }
    Ok(channels)
}
