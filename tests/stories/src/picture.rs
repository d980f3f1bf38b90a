//! A picture of what is kept, without what may differ between two runs of one story: ids, instants, and how often something was
//! tried.

use regex::Regex;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use watchkeeper_domain::delivery::{About, Delivery};
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::obligation::ObligationState;
use watchkeeper_store::{AlertFilter, IncidentFilter, LIMIT_MAX, PageRequest, Store, Tx};

/// What is kept, a line a fact, sorted where order is not promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The facts.
    pub lines: Vec<String>,
}

/// Actions that a run which was killed takes more often: an attempt whose end nobody saw is made again, and said.
const OF_ATTEMPTS: [&str; 3] = ["delivery.attempted", "delivery.unknown", "timeline.written"];

static INSTANT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?").expect("a sound pattern")
});
static QUEUED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"queued as \d+").expect("a sound pattern"));

/// Takes the picture of a database whose audit log fits.
///
/// # Panics
/// When it cannot be read, or a record of the log does not fit.
pub async fn take(store: &Store) -> Picture {
    let verdict = store
        .verify_audit(None, Vec::new())
        .await
        .expect("the log can be read");
    verdict.unwrap_or_else(|misfit| panic!("{misfit}"));
    let mut tx = store.read().await.expect("a transaction");
    let names = names(&mut tx).await;
    let mut lines = alerts(&mut tx).await;
    let page = PageRequest::first(LIMIT_MAX);
    let incidents = tx
        .incidents(&IncidentFilter::default(), &page)
        .await
        .expect("incidents")
        .items;
    for incident in &incidents {
        lines.push(room(incident, &names));
        lines.extend(timeline(&mut tx, incident, &names).await);
        lines.extend(owed(&mut tx, incident, &names).await);
        lines.extend(outbox(&mut tx, incident).await);
    }
    lines.extend(actions(&mut tx).await);
    Picture { lines }
}

/// Names by id, of people and customers.
async fn names(tx: &mut Tx) -> BTreeMap<String, String> {
    let users = tx.users().await.expect("users");
    let customers = tx.all_customers().await.expect("customers");
    let people = users.into_iter().map(|user| (user.id.to_string(), user.name));
    people
        .chain(
            customers
                .into_iter()
                .map(|customer| (customer.id.to_string(), customer.key)),
        )
        .collect()
}

fn masked(text: &str, names: &BTreeMap<String, String>) -> String {
    let mut text = INSTANT.replace_all(text, "<instant>").into_owned();
    text = QUEUED.replace_all(&text, "queued").into_owned();
    for (id, name) in names {
        text = text.replace(id, name);
    }
    text
}

async fn alerts(tx: &mut Tx) -> Vec<String> {
    let page = tx
        .alerts(&AlertFilter::default(), &PageRequest::first(LIMIT_MAX))
        .await
        .expect("alerts");
    let mut lines: Vec<String> = page
        .items
        .iter()
        .map(|alert| {
            let tenants: BTreeMap<String, u64> =
                alert.tenants().into_iter().map(|(tenant, trace)| (tenant, trace.events)).collect();
            let facts = json!({"title": alert.title, "group": alert.group, "severity": alert.severity, "state": alert.state.name(),
                "count": alert.count(), "events": alert.events(), "evidence": alert.evidence.len(), "tenants": tenants,
                "entities": alert.entities, "joined": alert.incident.is_some()});
            format!("alert {facts}")
        })
        .collect();
    lines.sort();
    lines
}

fn room(incident: &Incident, names: &BTreeMap<String, String>) -> String {
    let affected: BTreeMap<&String, _> = incident
        .affected
        .iter()
        .map(|(customer, affected)| {
            let events: u64 = affected.traces.values().map(|trace| trace.events).sum();
            (&names[customer.as_str()], (affected.standing, events))
        })
        .collect();
    let holders: BTreeMap<String, &String> = incident
        .posts
        .iter()
        .filter_map(|(role, post)| {
            Some((
                role.title().to_owned(),
                &names[post.holder.as_ref()?.user.as_str()],
            ))
        })
        .collect();
    let facts = json!({"number": incident.number, "title": incident.title, "severity": incident.severity, "phase": incident.phase,
        "alerts": incident.alerts, "entities": incident.entities, "holders": holders, "tasks": incident.tasks.len(),
        "timers": incident.timers.len(), "disclosure": incident.disclosure.name(), "affected": affected});
    format!("incident {facts}")
}

async fn timeline(tx: &mut Tx, incident: &Incident, names: &BTreeMap<String, String>) -> Vec<String> {
    let page = tx
        .timeline(&incident.id, &PageRequest::first(LIMIT_MAX))
        .await
        .expect("a timeline");
    assert!(page.next.is_none(), "the story's timeline fits on a page");
    let mut lines: Vec<String> = page
        .items
        .iter()
        .map(|entry| format!("timeline {:?}: {}", entry.kind, masked(&entry.text, names)))
        .collect();
    lines.sort();
    lines
}

async fn owed(tx: &mut Tx, incident: &Incident, names: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines: Vec<String> = tx
        .obligations_of(&incident.id)
        .await
        .expect("obligations")
        .iter()
        .map(|obligation| {
            let confirmed = incident
                .disclosure
                .confirmed_at()
                .expect("owed since a confirmation");
            assert_eq!(obligation.deadline.from, confirmed);
            let (customer, limit) = (&names[obligation.customer.as_str()], obligation.deadline.limit);
            let told = match obligation.state {
                ObligationState::Told { in_time: true, .. } => ", in time",
                ObligationState::Told { in_time: false, .. } => ", too late",
                _ => "",
            };
            format!(
                "obligation {customer} within {limit}: {}{told}",
                obligation.state.name()
            )
        })
        .collect();
    for notice in tx.notices_of(&incident.id).await.expect("notices") {
        lines.push(format!(
            "notice {} {} of {} letters",
            notice.kind.name(),
            notice.state.name(),
            notice.letters
        ));
    }
    lines.sort();
    lines
}

async fn outbox(tx: &mut Tx, incident: &Incident) -> Vec<String> {
    let about = |delivery: &Delivery| match &delivery.about {
        About::Page { reason, .. } | About::HousePage { reason } => format!("page ({})", reason.line()),
        About::Letter { .. } => "letter".to_owned(),
        About::DryRun { .. } => "dry run".to_owned(),
        About::Asking { .. } => "asking".to_owned(),
        About::Checkpoint { .. } => "checkpoint".to_owned(),
    };
    let deliveries = tx.deliveries_of(&incident.id).await.expect("deliveries");
    let mut lines: Vec<String> = deliveries
        .iter()
        .map(|d| {
            format!(
                "delivery {} to {}: {} is {}",
                about(d),
                d.recipient,
                d.subject,
                d.state.name()
            )
        })
        .collect();
    lines.sort();
    lines
}

/// How often each action was recorded.
async fn actions(tx: &mut Tx) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut after = 0;
    loop {
        let records = tx.audit_after(after, 1000).await.expect("records");
        let Some(last) = records.last() else { break };
        after = last.seq;
        for record in records {
            if !OF_ATTEMPTS.contains(&record.action.as_str()) {
                *counts.entry(record.action).or_default() += 1;
            }
        }
    }
    counts
        .into_iter()
        .map(|(action, count)| format!("audit {action} {count} times"))
        .collect()
}
