//! A post to watch from: a store, a clock in the test's hands, a feed of events, and a folder of rules.

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use watchkeeper_collect::{Batch, CollectError, Cursor, Source};
use watchkeeper_deliver::Party;
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};
use watchkeeper_domain::incident::Severity;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::page::PagingPolicy;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::workers::watch::{Configured, ReloadBell, RuleFiles, Watch};
use watchkeeper_respond::workers::{Turn, Worker};
use watchkeeper_respond::{Desk, House, Library};
use watchkeeper_store::{AlertFilter, DatabaseConfig, PageRequest, Store};

pub(crate) struct Post {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) desk: Desk,
    pub(crate) feed: Feed,
    pub(crate) folder: Folder,
    pub(crate) bell: ReloadBell,
    _dir: tempfile::TempDir,
}

impl Post {
    pub(crate) async fn open() -> Self {
        Self::open_with(Library::default()).await
    }

    /// A post whose house has this library.
    pub(crate) async fn open_with(library: Library) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", dir.path().join("db").display());
        let store = Store::open(&DatabaseConfig { url }).await.expect("opens");
        store.migrate().await.expect("migrates");
        let clock = Arc::new(ManualClock::at(start()));
        let desk = Desk::open(
            store.clone(),
            Arc::clone(&clock) as Arc<dyn Clock>,
            house(library),
        )
        .await
        .expect("opens");
        Self {
            store,
            clock,
            desk,
            feed: Feed::default(),
            folder: Folder::default(),
            bell: ReloadBell::default(),
            _dir: dir,
        }
    }

    /// A watch over the feed with the rules of the folder, as a process has it that starts now.
    pub(crate) async fn watch(&self) -> Watch {
        let files = self.folder.read().expect("rules");
        let mut entities = EntityFields::default();
        entities
            .tenant
            .extend(self.desk.house().library.evidence.fields());
        let engine = DetectorSet::load(files.clone(), entities, Limits::default());
        let source = Configured {
            source: Box::new(self.feed.clone()),
            kind: "guardduty".to_owned(),
            format: "json".to_owned(),
        };
        let watch = Watch::open(self.desk.clone(), vec![source], engine, None)
            .await
            .expect("opens");
        watch.following(Arc::new(self.folder.clone()), &files, self.bell.clone())
    }

    /// How many events each alert has, by the group in its key.
    pub(crate) async fn alerts(&self) -> Vec<(String, u64)> {
        let mut tx = self.store.read().await.expect("reads");
        let page = tx.alerts(&AlertFilter::default(), &PageRequest::first(100)).await;
        let alerts = page.expect("alerts").items;
        let mut alerts: Vec<_> = alerts
            .iter()
            .map(|alert| (format!("{} {}", alert.detector, alert.dedupe_key), alert.events()))
            .collect();
        alerts.sort();
        alerts
    }

    /// The details of the audit records of an action, the oldest first.
    pub(crate) async fn recorded(&self, action: &str) -> Vec<Value> {
        let mut tx = self.store.read().await.expect("reads");
        let records = tx.audit_after(0, 10_000).await.expect("records");
        let records = records.into_iter().filter(|record| record.action == action);
        records
            .map(|record| serde_json::from_str(&record.detail).expect("JSON"))
            .collect()
    }
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-06-01T08:00:00Z".parse().expect("an instant")
}

/// Takes turns until there is nothing more to do.
pub(crate) async fn settle(watch: &mut Watch) {
    while watch.turn().await.expect("a turn") == Turn::Busy {}
}

/// A rule that fires when one address fails `gte` times within ten minutes.
pub(crate) fn brute_force(name: &str, gte: u32) -> RuleFile {
    RuleFile::new(
        format!("{name}.yml"),
        format!(
            "title: Failed {name}\nname: {name}_failed\nlogsource: {{product: app}}\ndetection:\n  s: {{kind: {name}, result: failure}}\n  condition: s\n---\n\
             title: Guessing {name}\nid: {name}\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [{name}_failed]\n  group-by: [src_ip]\n  timespan: 10m\n  condition: {{gte: {gte}}}\n"
        ),
    )
}

/// Events that can be read again from any place.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<Vec<Event>>>);

impl Feed {
    /// Somebody fails, so many seconds after the start.
    pub(crate) fn fails(&self, kind: &str, ip: &str, seconds: i64) {
        self.tells(&json!({"kind": kind, "result": "failure", "src_ip": ip}), seconds);
    }

    /// Something happens, so many seconds after the start.
    pub(crate) fn tells(&self, fields: &Value, seconds: i64) {
        let mut events = self.0.lock().expect("a feed");
        let at = start() + Duration::seconds(seconds);
        let event = Event {
            id: events.len().to_string(),
            source: name(),
            at,
            collected_at: at,
            log_source: LogSource {
                product: Some("app".to_owned()),
                ..LogSource::default()
            },
            raw: fields.to_string(),
            fields: fields.as_object().expect("an object").clone().into(),
            unparsed: None,
        };
        events.push(event);
    }
}

fn name() -> SourceName {
    SourceName("feed".to_owned())
}

#[async_trait]
impl Source for Feed {
    fn name(&self) -> &SourceName {
        static NAME: std::sync::OnceLock<SourceName> = std::sync::OnceLock::new();
        NAME.get_or_init(name)
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        let events = self.0.lock().expect("a feed");
        let read = from.0["read"].as_u64().unwrap_or(0);
        let events = events[usize::try_from(read).expect("a place")..].to_vec();
        if events.is_empty() {
            return Ok(Batch::nothing(from));
        }
        let next = Cursor(json!({"read": read + events.len() as u64}));
        Ok(Batch {
            events,
            next,
            ..Batch::nothing(from)
        })
    }
}

/// A folder of rules.
#[derive(Clone, Default, Debug)]
pub(crate) struct Folder(Arc<Mutex<Shelf>>);

#[derive(Debug)]
struct Shelf {
    files: Result<Vec<RuleFile>, String>,
    /// How often something changed.
    changes: u64,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            files: Ok(Vec::new()),
            changes: 0,
        }
    }
}

impl Folder {
    pub(crate) fn hold(&self, files: impl IntoIterator<Item = RuleFile>) {
        let mut shelf = self.0.lock().expect("a folder");
        shelf.files = Ok(files.into_iter().collect());
        shelf.changes += 1;
    }

    pub(crate) fn cannot_be_read(&self, reason: &str) {
        self.0.lock().expect("a folder").files = Err(reason.to_owned());
    }

    /// As an editor does that writes the same once more.
    pub(crate) fn touch(&self) {
        self.0.lock().expect("a folder").changes += 1;
    }
}

impl RuleFiles for Folder {
    fn mark(&self) -> Result<String, String> {
        let shelf = self.0.lock().expect("a folder");
        shelf.files.clone().map(|_| shelf.changes.to_string())
    }

    fn read(&self) -> Result<Vec<RuleFile>, String> {
        self.0.lock().expect("a folder").files.clone()
    }
}

fn house(library: Library) -> House {
    House {
        base_url: "http://127.0.0.1".to_owned(),
        sender: Sender {
            company: "Example".to_owned(),
            contact: "security@example.com".to_owned(),
            check_at: "example.com/check".to_owned(),
        },
        regulator: Default::default(),
        mail_from: Party::address("watch@example.com"),
        dkim: None,
        mail_pace: watchkeeper_domain::delivery::pace::Pace::default(),
        ses_topics: Vec::new(),
        bounces: None,
        paging: PagingPolicy { steps: Vec::new() },
        executives: Vec::new(),
        change_notice: watchkeeper_domain::change::NOTICE_TIME,
        drill: watchkeeper_domain::drill::DrillPolicy::default(),
        topics: Default::default(),
        join_within: Span::hours(6),
        preflight: Default::default(),
        contacts: Default::default(),
        seal_every: Span::minutes(5),
        witnesses: Vec::new(),
        open_incident_at: Severity::Sev2,
        library,
        entities: EntityFields::default(),
        sources: Default::default(),
        demo: false,
    }
}
