//! Things to keep, with every field set to something that is not its default.

use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::audit::NewRecord;
use watchkeeper_domain::customer::{Contact, ContactRole, ContractTerms, Customer};
use watchkeeper_domain::delivery::{About, Channel, Delivery, DeliveryState};
use watchkeeper_domain::detection::{Detection, Evidence, Level, Reason, TenantTrace};
use watchkeeper_domain::event::{Entity, SourceName};
use watchkeeper_domain::id::{CustomerId, IncidentId, LetterId, NoticeId, UserId};
use watchkeeper_domain::incident::{Affected, Incident, Opening, Severity, Standing};
use watchkeeper_domain::matter::MatterId;
use watchkeeper_domain::notice::{Letter, Notice};
use watchkeeper_domain::page::PageReason;
use watchkeeper_domain::span::Span;
use watchkeeper_store::{Page, StoreError};

/// An instant with microseconds, which both databases must give back.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_268_800_123_457).expect("an instant")
}

pub(crate) fn minutes(n: i64) -> DateTime<Utc> {
    noon() + Duration::minutes(n)
}

pub(crate) fn person() -> Actor {
    Actor::person(&UserId::derived(&["ada"]))
}

pub(crate) fn source() -> SourceName {
    SourceName("edge-access-log".to_owned())
}

pub(crate) fn trace() -> TenantTrace {
    TenantTrace {
        at_most: None,
        events: 7,
        first_at: noon(),
        last_at: minutes(1),
        first_event: (source(), "e-1".to_owned()),
    }
}

pub(crate) fn alert(detector: &str, group: &str, at: DateTime<Utc>) -> Alert {
    let group = vec![("c-ip".to_owned(), group.to_owned())];
    let first = format!("e-{}", at.timestamp_micros());
    let detection = Detection {
        id: Detection::derive_id(detector, &group, (&source(), &first)),
        detector: detector.to_owned(),
        title: "Many failed sign-ins – “brute force”".to_owned(),
        level: Level::High,
        group,
        first_at: at - Duration::seconds(30),
        last_at: at,
        events_seen: 14,
        reason: Reason {
            expected: "fewer than 10".to_owned(),
            seen: "14".to_owned(),
            fields: vec![("sc-status".to_owned(), "401".to_owned())],
        },
        evidence: vec![Evidence {
            source: source(),
            event: first,
            at,
            raw: "198.51.100.7 - - \"GET /\0 HTTP/1.1\" 401".to_owned(),
        }],
        entities: BTreeSet::from([
            Entity::Actor("198.51.100.7".to_owned()),
            Entity::Tenant("t-1".to_owned()),
        ]),
        tenants: BTreeMap::from([("t-1".to_owned(), trace())]),
        tenants_dropped: 3,
        tags: vec!["attack.t1110".to_owned()],
    };
    Alert::open(detection, at)
}

pub(crate) fn incident(title: &str, severity: Severity, at: DateTime<Utc>) -> Incident {
    let opening = Opening {
        title: title.to_owned(),
        summary: "A key lists and downloads".to_owned(),
        severity,
        by: person(),
        at,
        playbook: None,
        drill: None,
    };
    let mut incident = Incident::open(opening).subject;
    incident.entities.insert(Entity::Tenant("t-1".to_owned()));
    incident.unclaimed_tenants.insert("t-unknown".to_owned());
    let affected = Affected {
        standing: Standing::Possible,
        traces: BTreeMap::from([("t-1".to_owned(), trace())]),
        changes: Vec::new(),
    };
    incident.affected.insert(CustomerId::derived(&["acme"]), affected);
    incident
}

pub(crate) fn customer(key: &str, tenants: &[&str]) -> Customer {
    Customer {
        id: CustomerId::derived(&[key]),
        version: 1,
        key: key.to_owned(),
        name: format!("{key} Ltd"),
        tenants: tenants.iter().map(|t| (*t).to_owned()).collect(),
        notify_within: Some(Span::hours(24)),
        contract: "C-17 §4".to_owned(),
        terms: ContractTerms::default(),
        tags: BTreeSet::new(),
        language: "de".to_owned(),
        paying: true,
        contacts: vec![Contact {
            name: "Security".to_owned(),
            email: format!("security@{}.example", key.to_lowercase()),
            role: ContactRole::Security,
            added_at: None,
            verified_at: Some(noon()),
            trouble: None,
        }],
        created_at: noon(),
        updated_at: minutes(1),
    }
}

pub(crate) fn letter(notice: &Notice, customer: &Customer) -> Letter {
    let mut letter = Letter {
        facts: None,
        template: None,
        id: LetterId::derived(&[notice.id.as_str(), customer.id.as_str()]),
        notice: notice.id.clone(),
        customer: customer.id.clone(),
        obligation: None,
        recipients: vec![customer.contacts[0].email.clone()],
        subject: "Security notice".to_owned(),
        text: "Dear customer".to_owned(),
        html: "<p>Dear customer</p>".to_owned(),
        check_code: watchkeeper_domain::id::digest(&[notice.id.as_str(), customer.id.as_str()]),
        hash: String::new(),
    };
    letter.hash = letter.digest();
    letter
}

pub(crate) fn queued(about: About, recipient: &str, at: DateTime<Utc>) -> Delivery {
    let matter = about
        .matter()
        .map_or_else(|| "house".to_owned(), ToString::to_string);
    Delivery {
        id: Delivery::derive_id(&matter, &format!("{about:?}"), Channel::Email, recipient),
        version: 1,
        about,
        channel: Channel::Email,
        recipient: recipient.to_owned(),
        subject: "New incident".to_owned(),
        created_at: at,
        attempts: 0,
        possible_duplicate: false,
        remote_accepted: None,
        put_off_since: None,
        next_contact_told: false,
        relay: watchkeeper_domain::delivery::Relay::First,
        state: DeliveryState::Queued {
            next_attempt_at: at,
            last_answer: None,
        },
    }
}

pub(crate) fn page_to(incident: &IncidentId, recipient: &str, at: DateTime<Utc>) -> Delivery {
    let about = About::Page {
        matter: incident.into(),
        reason: PageReason::Opened,
    };
    queued(about, recipient, at)
}

pub(crate) fn letter_to(
    matter: impl Into<MatterId>,
    notice: &NoticeId,
    customer: &CustomerId,
    recipient: &str,
) -> Delivery {
    let about = About::Letter {
        matter: matter.into(),
        notice: notice.clone(),
        letter: LetterId::derived(&[notice.as_str(), customer.as_str()]),
        customer: customer.clone(),
        obligation: None,
    };
    queued(about, recipient, noon())
}

pub(crate) fn user(name: &str) -> User {
    User {
        id: UserId::derived(&[name]),
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        roles: BTreeSet::from([AccessRole::Commander, AccessRole::Legal]),
        must_change_password: true,
        created_at: noon(),
        closed_at: None,
    }
}

pub(crate) fn new_record(n: i64) -> NewRecord {
    NewRecord {
        actor: person(),
        action: if n % 2 == 0 {
            "incident.opened"
        } else {
            "notice.approved"
        },
        subject: format!("inc_{}", n % 3),
        detail: serde_json::json!({ "n": n, "nul": "\0" }),
    }
}

/// Asserts that a writer who had read an older version is told so.
pub(crate) fn assert_conflict(result: Result<(), StoreError>, expected: i64, found: i64) {
    match result {
        Err(StoreError::Conflict {
            expected: e,
            found: f,
            ..
        }) => assert_eq!((e, f), (expected, found)),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Reads every page of a list, and asserts that each but the last one is full.
#[macro_export]
macro_rules! every_page {
    ($limit:expr, $page:ident => $list:expr) => {{
        let mut $page = watchkeeper_store::PageRequest::first($limit as u32);
        let mut all = Vec::new();
        loop {
            let page = $list.expect("a page");
            $crate::samples::assert_filled(&page, $limit);
            all.extend(page.items);
            match page.next {
                Some(next) => $page.after = Some(next),
                None => break all,
            }
        }
    }};
}

pub(crate) fn assert_filled<T>(page: &Page<T>, limit: usize) {
    assert!(page.items.len() == limit || page.next.is_none());
}
