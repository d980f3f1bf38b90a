//! The service in this process: wired by the product's own wiring, with its clock and its workers' turns in the test's hands.

use crate::company::{self, PEOPLE, Person};
use crate::place::Place;
use crate::relay::Relay;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchkeeper::app::{App, Mode};
use watchkeeper::config::{
    Audit, Changes, Config, Contacts, Database, Detection, Drill, Incidents, Log, LogFormat, Mail, Paging,
    Playbooks, Preflight, Server, Sns,
};
use watchkeeper_api::ApiState;
use watchkeeper_collect::SourceConfig;
use watchkeeper_collect::config::{FileConfig, HttpConfig};
use watchkeeper_collect::parse::{Format, RecordLogSource};
use watchkeeper_deliver::{SmtpConfig, SmtpLimits};
use watchkeeper_domain::access::User;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock, ManualClock, SystemClock};
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::delivery::{About, Channel, Delivery};
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::incident::{Incident, TimelineEntry};
use watchkeeper_domain::notice::{Letter, Notice, NoticeFacts, NoticeKind, Sender};
use watchkeeper_domain::obligation::Obligation;
use watchkeeper_domain::page::{PageReason, PagingStep};
use watchkeeper_domain::regulator::RegulatorContact;
use watchkeeper_domain::source_health::SourceAlerts;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::people::NewAccount;
use watchkeeper_respond::workers::delivery::Deliveries;
use watchkeeper_respond::workers::seal::Sealing;
use watchkeeper_respond::workers::{Turn, Worker};
use watchkeeper_store::{IncidentFilter, LIMIT_MAX, PageRequest};

/// The name that the paging policy has for the on-call's topic.
pub const TOPIC: &str = "oncall";

/// How a house is set up beyond what every house has.
#[derive(Debug, Default)]
pub struct Setup {
    /// Where events come from.
    pub sources: Vec<SourceConfig>,
    /// How the topic is reached; the first step of the policy then pages it, too.
    pub sns: Option<Sns>,
    /// What is changed of how mail is sent.
    pub mail: MailSetup,
    /// How the pre-flight is taken; it is not, where this is none.
    pub preflight: Option<Preflight>,
    /// Whether nobody has read the words of the holding notice yet.
    pub words_unread: bool,
    /// Which rules of law bind, with which targets of the company's own.
    pub playbooks: Playbooks,
    /// To whom a checkpoint of the audit log goes every week.
    pub witnesses: Vec<String>,
    /// Whether it is a demonstration, in which time can travel.
    pub demo: bool,
}

/// Changes how mail is sent; by default nothing.
pub struct MailSetup(Box<dyn FnOnce(Mail) -> Mail + Send>);

impl MailSetup {
    /// With this change.
    pub fn with(change: impl FnOnce(Mail) -> Mail + Send + 'static) -> Self {
        Self(Box::new(change))
    }
}

impl Default for MailSetup {
    fn default() -> Self {
        Self::with(|mail| mail)
    }
}

impl std::fmt::Debug for MailSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailSetup(…)")
    }
}

/// The service, its clock and its relay.
#[derive(Debug)]
pub struct House {
    /// The house's time.
    pub clock: Arc<ManualClock>,
    /// Its mail relay.
    pub relay: Relay,
    /// Where it keeps its things.
    pub place: Place,
    /// How it is configured.
    pub config: Config,
    /// One-time passwords by address.
    pub passwords: BTreeMap<String, String>,
    app: Option<App>,
    listener: Option<TcpListener>,
    stop: CancellationToken,
    demo: bool,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How the house of a story is configured.
#[must_use]
pub fn configuration(
    folder: &Path,
    database: &str,
    listen: SocketAddr,
    smtp_port: u16,
    setup: Setup,
) -> Config {
    let step = |people: &[Person], topics: &[&str], minutes| PagingStep {
        people: people.iter().map(|person| person.email.to_owned()).collect(),
        topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
        wait: Span::minutes(minutes),
    };
    let topics: &[&str] = if setup.sns.is_some() { &[TOPIC] } else { &[] };
    let limits = SmtpLimits {
        connect: std::time::Duration::from_secs(5),
        greeting: std::time::Duration::from_secs(10),
        command: std::time::Duration::from_secs(10),
        data: std::time::Duration::from_secs(10),
        content: std::time::Duration::from_secs(10),
        final_dot: std::time::Duration::from_secs(10),
    };
    Config {
        server: Server {
            listen,
            base_url: format!("http://{listen}"),
            data_dir: folder.join("data"),
            admin_email: company::MARA.email.to_owned(),
        },
        database: Database {
            url: database.to_owned(),
        },
        log: Log {
            format: LogFormat::Human,
            filter: "warn".to_owned(),
        },
        mail: Mail {
            from_name: Some("Paperplane Security".to_owned()),
            ..(setup.mail.0)(Mail::plain(
                "watch@paperplane.example",
                SmtpConfig {
                    limits,
                    ..SmtpConfig::loopback(smtp_port)
                },
            ))
        },
        sns: setup.sns,
        paging: Paging {
            steps: vec![
                step(&[company::TOMAS], topics, 5),
                step(&[company::MARA], &[], 10),
            ],
            executives: vec![company::JONAS.email.to_owned()],
        },
        drill: Drill {
            reach: vec!["@paperplane.example".to_owned()],
            customers_to: Some("drill@paperplane.example".to_owned()),
        },
        changes: Changes::default(),
        regulator: RegulatorContact::default(),
        notices: Sender {
            company: "Paperplane Transfer".to_owned(),
            contact: "security@paperplane.example".to_owned(),
            check_at: "paperplane.example/notices".to_owned(),
        },
        preflight: setup.preflight.unwrap_or(Preflight {
            enabled: false,
            ..Preflight::default()
        }),
        contacts: Contacts::default(),
        incidents: Incidents::default(),
        audit: Audit {
            witnesses: setup.witnesses,
            ..Audit::default()
        },
        detection: Detection::default(),
        playbooks: setup.playbooks,
        sources: setup.sources,
    }
}

/// Fields of a record that say what kind of log it is, as [`crate::logs`] writes them.
#[must_use]
pub fn named_in_the_record() -> RecordLogSource {
    RecordLogSource {
        category: None,
        product: Some("product".to_owned()),
        service: Some("service".to_owned()),
    }
}

/// A source that reads a file of JSON lines.
#[must_use]
pub fn file_source(path: &Path) -> SourceConfig {
    SourceConfig::File(FileConfig {
        name: "app-log".to_owned(),
        paths: vec![path.to_owned()],
        max_line_bytes: 64 << 10,
        from_beginning: true,
        format: Format::Json,
        log_source: LogSource::default(),
        log_source_from: named_in_the_record(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    })
}

/// A source that findings are pushed to; it keeps them in a spool until they are judged.
#[must_use]
pub fn finding_source() -> SourceConfig {
    use sha2::Digest as _;
    SourceConfig::Http(HttpConfig {
        exclude_log_groups: Vec::new(),
        name: "findings".to_owned(),
        secrets_sha256: vec![hex::encode(sha2::Sha256::digest(b"a secret of this test"))],
        secrets_file: None,
        max_body_bytes: 1 << 20,
        max_decompressed_bytes: 4 << 20,
        max_record_bytes: 1 << 20,
        max_backlog_bytes: 16 << 20,
        format: Format::Guardduty,
        log_source: LogSource::default(),
        log_source_from: RecordLogSource::default(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    })
}

impl House {
    /// A house with its people and customers, at rest. Its clock stands at the machine's time: the AWS emulator refuses log events
    /// that are far from it.
    ///
    /// # Panics
    /// When something cannot be opened.
    pub async fn open(place: Place, setup: Setup) -> Self {
        let relay = Relay::start().await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let listen = listener.local_addr().expect("a bound listener");
        let words_unread = setup.words_unread;
        let demo = setup.demo;
        let config = configuration(place.folder(), &place.url, listen, relay.port(), setup);
        let mut house = Self {
            clock: Arc::new(ManualClock::at(SystemClock.now())),
            relay,
            place,
            config,
            passwords: BTreeMap::new(),
            app: None,
            listener: Some(listener),
            stop: CancellationToken::new(),
            demo,
        };
        house.come_up().await;
        house.furnish().await;
        if !words_unread {
            house.approve_words().await;
        }
        house
    }

    /// Mara puts forward the words of the holding notice as they stand, and Inês approves them.
    ///
    /// # Panics
    /// Where that is refused.
    pub async fn approve_words(&self) {
        let (mara, ines) = (self.actor(company::MARA).await, self.user(company::INES).await);
        for each in self.desk().holding_words().await.expect("words") {
            self.desk()
                .put_words_forward(&each.words, &mara)
                .await
                .expect("put forward");
            self.desk()
                .approve_words(&each.words, &ines)
                .await
                .expect("approved");
        }
    }

    async fn furnish(&mut self) {
        for person in PEOPLE {
            let account = NewAccount {
                email: person.email.to_owned(),
                name: person.name.to_owned(),
                roles: person.roles.iter().copied().collect(),
            };
            let (user, password) = self
                .desk()
                .add_user(account, &Actor::Operator)
                .await
                .expect("an account");
            self.passwords.insert(user.email, password);
        }
        let list = company::customers_csv();
        let import = self
            .desk()
            .import_customers(list.as_bytes(), true, &Actor::Operator)
            .await
            .expect("an import");
        assert!(import.faults.is_empty(), "{:?}", import.faults);
    }

    /// The process ends: whatever it knew only in memory is gone.
    pub fn go_down(&mut self) {
        self.app = None;
    }

    /// The process starts.
    ///
    /// # Panics
    /// When something cannot be opened.
    pub async fn come_up(&mut self) {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let mode = if self.demo { Mode::Demo } else { Mode::Serve };
        let app = App::build(&self.config, clock, mode, None).await;
        self.app = Some(app.unwrap_or_else(|fault| panic!("{fault}")));
    }

    /// Serves HTTP from now on, with the console; gives the address. No worker is turned by it.
    ///
    /// # Panics
    /// The second time, and while the house is down.
    pub fn serve(&mut self) -> String {
        let listener = self.listener.take().expect("it serves once");
        let app = self.app.as_ref().expect("the house is up");
        let mut state = ApiState::new(app.desk.clone(), Arc::clone(&app.board), "story");
        state.receivers = Arc::new(app.receivers.clone());
        state.working.store(true, Ordering::Relaxed);
        state.stop = self.stop.clone();
        tokio::spawn(watchkeeper_api::serve(listener, state));
        self.config.server.base_url.clone()
    }

    /// Where decisions are taken.
    ///
    /// # Panics
    /// While the house is down.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.app().desk
    }

    /// The wired product.
    ///
    /// # Panics
    /// While the house is down.
    #[must_use]
    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the house is up")
    }

    fn app_mut(&mut self) -> &mut App {
        self.app.as_mut().expect("the house is up")
    }

    /// Every worker takes its turns until nothing is left to do.
    ///
    /// # Panics
    /// When a turn fails.
    pub async fn settle(&mut self) {
        self.app_mut()
            .settle()
            .await
            .unwrap_or_else(|fault| panic!("a turn failed: {fault}"));
    }

    /// The watch takes its turns until there is nothing more to read.
    ///
    /// # Panics
    /// When a turn fails.
    pub async fn watch(&mut self) {
        turn_until_idle(&mut self.app_mut().watch).await;
    }

    /// The ladder of obligations takes the steps that are due.
    ///
    /// # Panics
    /// When a turn fails.
    pub async fn climb(&mut self) {
        turn_until_idle(&mut self.app_mut().ladder).await;
    }

    /// The outbox is carried out as far as it is due.
    ///
    /// # Panics
    /// When a turn fails.
    pub async fn deliver(&mut self) {
        turn_until_idle(&mut self.app_mut().deliveries).await;
    }

    /// What carries the outbox out.
    ///
    /// # Panics
    /// While the house is down.
    pub fn deliveries_worker(&mut self) -> &mut Deliveries {
        &mut self.app_mut().deliveries
    }

    /// What seals the audit log.
    ///
    /// # Panics
    /// While the house is down.
    pub fn sealing(&mut self) -> &mut Sealing {
        &mut self.app_mut().sealing
    }

    /// The house's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// An account.
    ///
    /// # Panics
    /// When there is none.
    pub async fn user(&self, person: Person) -> User {
        let users = self.desk().users().await.expect("accounts");
        users
            .into_iter()
            .find(|user| user.email == person.email)
            .expect("the person has an account")
    }

    /// Somebody as an actor.
    pub async fn actor(&self, person: Person) -> Actor {
        Actor::person(&self.user(person).await.id)
    }

    /// Every incident, the newest first.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn incidents(&self) -> Vec<Incident> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        let page = tx
            .incidents(&IncidentFilter::default(), &PageRequest::first(LIMIT_MAX))
            .await;
        page.expect("incidents").items
    }

    /// The one incident.
    ///
    /// # Panics
    /// When there is none, or there are several.
    pub async fn incident(&self) -> Incident {
        let mut incidents = self.incidents().await;
        assert_eq!(incidents.len(), 1, "{incidents:#?}");
        incidents.remove(0)
    }

    /// A notice that Mara writes, Inês approves, and the relay takes.
    ///
    /// # Panics
    /// Where that is refused.
    pub async fn send_notice(&mut self, incident: &Incident, kind: NoticeKind, facts: NoticeFacts) -> Notice {
        let (mara, ines) = (self.actor(company::MARA).await, self.user(company::INES).await);
        let desk = self.desk().clone();
        let notice = desk
            .draft_notice(&incident.id, kind, facts.into(), &mara)
            .await
            .expect("begun");
        let notice = desk.submit_notice(&notice.id, &mara).await.expect("submitted");
        let notice = desk
            .approve_notice(&notice.id, &notice.content_hash, &ines)
            .await
            .expect("approved");
        self.settle().await;
        notice
    }

    /// The letters of a notice.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn letters(&self, notice: &Notice) -> Vec<Letter> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        tx.letters(&notice.id).await.expect("letters")
    }

    /// What is owed.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn obligations(&self, incident: &Incident) -> Vec<Obligation> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        tx.obligations_of(&incident.id).await.expect("obligations")
    }

    /// Every message, the oldest first.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn deliveries(&self, incident: &Incident) -> Vec<Delivery> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        tx.deliveries_of(&incident.id).await.expect("deliveries")
    }

    /// The timeline, the oldest first.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn timeline(&self, incident: &Incident) -> Vec<TimelineEntry> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        let mut entries = Vec::new();
        let mut page = PageRequest::first(LIMIT_MAX);
        loop {
            let found = tx.timeline(&incident.id, &page).await.expect("a timeline");
            entries.extend(found.items);
            match found.next {
                Some(next) => page = PageRequest::after(&next, LIMIT_MAX),
                None => break,
            }
        }
        entries.reverse();
        entries
    }

    /// Customers by key.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub async fn customers(&self) -> BTreeMap<String, Customer> {
        let mut tx = self.desk().store().read().await.expect("a transaction");
        let all = tx.all_customers().await.expect("customers");
        all.into_iter()
            .map(|customer| (customer.key.clone(), customer))
            .collect()
    }

    /// How many records the audit log has; every one fits.
    ///
    /// # Panics
    /// When one does not.
    pub async fn verified_audit(&self) -> i64 {
        let verdict = self
            .desk()
            .store()
            .verify_audit(None, Vec::new())
            .await
            .expect("the log can be read");
        verdict.unwrap_or_else(|misfit| panic!("{misfit}")).records
    }

    /// Every e-mail in the outbox was accepted and arrived once.
    ///
    /// # Panics
    /// When one was not, or came twice.
    pub async fn everything_arrived_once(&self) {
        let mut expected = BTreeMap::new();
        for incident in self.incidents().await {
            for delivery in self.deliveries(&incident).await {
                assert_eq!(delivery.state.name(), "accepted", "{delivery:#?}");
                assert!(!delivery.possible_duplicate, "{delivery:#?}");
                if delivery.channel == Channel::Email {
                    expected.insert(format!("<{}@paperplane.example>", delivery.id), 1);
                }
            }
        }
        assert_eq!(self.relay.copies(), expected);
    }
}

async fn turn_until_idle(worker: &mut impl Worker) {
    while worker
        .turn()
        .await
        .unwrap_or_else(|fault| panic!("a turn failed: {fault}"))
        == Turn::Busy
    {}
}

/// Whether a message is a page for this reason.
#[must_use]
pub fn pages_for(delivery: &Delivery, is: impl Fn(&PageReason) -> bool) -> bool {
    matches!(&delivery.about, About::Page { reason, .. } if is(reason))
}

/// Whether a message is a customer's letter.
#[must_use]
pub fn is_letter(delivery: &Delivery) -> bool {
    matches!(delivery.about, About::Letter { .. })
}
