//! People, customers, detections and incidents that the stories begin with.

use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::customer::{Contact, ContactRole, ContractTerms, Customer};
use watchkeeper_domain::detection::{Detection, Evidence, Level, Reason, TenantTrace};
use watchkeeper_domain::event::{Entity, SourceName};
use watchkeeper_domain::id::{CustomerId, UserId};
use watchkeeper_domain::incident::{Incident, Opening, Severity};
use watchkeeper_domain::page::{PagingPolicy, PagingStep};
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_domain::span::Span;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant in RFC 3339")
}

/// When most stories begin: a Friday afternoon.
pub(crate) fn friday() -> DateTime<Utc> {
    at("2026-06-05T14:20:00Z")
}

pub(crate) fn minutes(n: i64) -> Duration {
    Duration::minutes(n)
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::derived(&[name])
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::person(&user(name))
}

/// Three steps that wait 5, 10 and 15 minutes.
pub(crate) fn policy() -> PagingPolicy {
    let step = |name: &str, wait| PagingStep {
        people: vec![format!("{name}@example.com")],
        topics: Vec::new(),
        wait: Span::minutes(wait),
    };
    PagingPolicy {
        steps: vec![step("first", 5), step("second", 10), step("third", 15)],
    }
}

pub(crate) fn incident(severity: Severity) -> Incident {
    incident_with(severity, None)
}

pub(crate) fn incident_with(severity: Severity, playbook: Option<&Playbook>) -> Incident {
    let opening = Opening {
        title: "Files are taken in bulk".to_owned(),
        summary: "One key downloads more than usual".to_owned(),
        severity,
        by: person("ana"),
        at: friday(),
        playbook,
        drill: None,
    };
    Incident::open(opening).subject
}

/// A customer with one tenant `t-KEY` and contacts of three kinds.
pub(crate) fn customer(key: &str, notify_within: Option<Span>) -> Customer {
    let contact = |name: &str, role| Contact {
        name: name.to_owned(),
        email: format!("{name}@{key}.example"),
        role,
        added_at: None,
        verified_at: None,
        trouble: None,
    };
    Customer {
        id: CustomerId::derived(&[key]),
        version: 1,
        key: key.to_owned(),
        name: format!("{key} Ltd"),
        tenants: [format!("t-{key}")].into(),
        notify_within,
        contract: String::new(),
        terms: ContractTerms::default(),
        tags: BTreeSet::new(),
        language: "en".to_owned(),
        paying: true,
        contacts: vec![
            contact("admin", ContactRole::Admin),
            contact("security", ContactRole::Security),
            contact("legal", ContactRole::Legal),
        ],
        created_at: friday(),
        updated_at: friday(),
    }
}

/// What tells one sample detection from another.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    /// Which first event: two sketches with one number are the same detection.
    pub(crate) number: u32,
    /// How many events so far.
    pub(crate) events: u64,
    /// Minutes after [`friday`] of the last event.
    pub(crate) last: i64,
    /// Whose data.
    pub(crate) tenant: String,
    pub(crate) level: Level,
}

impl Sketch {
    pub(crate) fn number(number: u32) -> Self {
        Self {
            number,
            events: 1,
            last: i64::from(number),
            tenant: "t-acme".to_owned(),
            level: Level::High,
        }
    }

    pub(crate) fn detection(&self) -> Detection {
        let source = SourceName("edge".to_owned());
        let first = format!("event-{}", self.number);
        let group = vec![("api_key".to_owned(), "k-1".to_owned())];
        let first_at = friday();
        let last_at = friday() + minutes(self.last);
        let trace = TenantTrace {
            at_most: None,
            events: self.events,
            first_at,
            last_at,
            first_event: (source.clone(), first.clone()),
        };
        Detection {
            id: Detection::derive_id("mass-download", &group, (&source, &first)),
            detector: "mass-download".to_owned(),
            title: "Files are taken in bulk".to_owned(),
            level: self.level,
            group,
            first_at,
            last_at,
            events_seen: self.events,
            reason: Reason {
                expected: "fewer than 100 files by one key in 10 min".to_owned(),
                seen: format!("{} files until {last_at}", self.events),
                fields: Vec::new(),
            },
            evidence: vec![Evidence {
                source,
                event: first,
                at: first_at,
                raw: "GET /files/1".to_owned(),
            }],
            entities: BTreeSet::from([
                Entity::Actor("k-1".to_owned()),
                Entity::Tenant(self.tenant.clone()),
            ]),
            tenants: BTreeMap::from([(self.tenant.clone(), trace)]),
            tenants_dropped: 0,
            tags: vec!["attack.t1530".to_owned()],
        }
    }
}

pub(crate) fn alert() -> Alert {
    Alert::open(Sketch::number(1).detection(), friday())
}

/// The folder `playbooks/` of the repository.
pub(crate) fn playbooks_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks")
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Every playbook of the repository, by its file's name.
pub(crate) fn playbooks() -> Vec<(String, Playbook)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(playbooks_folder()).expect("playbooks/ stands in the repository") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().expect("named").to_string_lossy().into_owned();
            let playbook = Playbook::read(&read(&path)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            found.push((name, playbook));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
