//! A disclosure is confirmed, and then nobody does anything: the clock does it all. Each step is looked for one second before it is
//! due, when nothing may happen, and at its instant, when it happens once.

mod again;
mod bounces;
mod by_hand;
mod changed;
mod contacts;
mod counted;
mod erasure;
mod halted;
mod ladder;
mod missed;
mod pack;
mod page;
mod paged;
mod postfix;
mod proof;
mod relay_down;
mod retries;
mod service_down;
mod ses;
mod targets;
mod terms;
mod told;
mod travel;
mod witness;
mod words;

use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::delivery::{About, Delivery};
use watchkeeper_domain::incident::{EntryKind, Incident, Severity, Standing, TimerKind, TimerState};
use watchkeeper_domain::notice::{NoticeFacts, NoticeKind};
use watchkeeper_domain::obligation::{Obligation, ObligationState, Step};
use watchkeeper_domain::page::PageReason;
use watchkeeper_respond::operations::incidents::Declaration;
use watchkeeper_stories::company::{INES, JONAS, MARA, TOMAS, VICTIMS, Victim};
use watchkeeper_stories::house::{House, Setup, file_source, is_letter, pages_for};
use watchkeeper_stories::logs;
use watchkeeper_stories::place::Place;
use watchkeeper_testbed::smtp::{Act, Stage};

/// Changes the database as somebody would who can write to it and to nothing else.
async fn force(url: &str, statements: String) {
    use sqlx::Connection as _;
    let forced = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.expect("it opens");
        forced.execute(&mut connection).await.expect("it is changed");
        connection.close().await.expect("it closes");
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.expect("it opens");
        forced.execute(&mut connection).await.expect("it is changed");
        connection.close().await.expect("it closes");
    }
}

/// An incident that Mara declares, with nobody on its list.
async fn declared(house: &House) -> Incident {
    let mara = house.user(MARA).await;
    let declaration = Declaration {
        title: "A share link was open to the world".to_owned(),
        severity: Severity::Sev2,
        summary: String::new(),
        playbook: None,
        drill: false,
    };
    house.desk().declare(&mara, declaration).await.expect("declared")
}

/// A house in which the theft was just seen: one incident, seven customers in its evidence.
async fn after_the_theft(place: Place) -> House {
    after_the_theft_in(place, Setup::default()).await
}

async fn after_the_theft_in(place: Place, setup: Setup) -> House {
    let log = place.folder().join("app.log");
    let setup = Setup {
        sources: vec![file_source(&log)],
        ..setup
    };
    let mut house = House::open(place, setup).await;
    let now = house.now();
    let mut lines = logs::ordinary(now - Duration::minutes(4));
    lines.extend(logs::stuffing(now - Duration::minutes(3)));
    lines.extend(logs::theft(now - Duration::minutes(2)));
    std::fs::write(&log, logs::text(&lines)).expect("the log is written");
    house.settle().await;
    let incident = house.incident().await;
    assert_eq!(incident.severity, Severity::Sev1);
    assert!(incident.affected.is_empty(), "nobody suspects a disclosure yet");
    house
}

/// The disclosure is confirmed by the commander-to-be, who does nothing else than answer the page.
async fn confirmed(house: &mut House) -> Incident {
    let mara = house.actor(MARA).await;
    let id = house.incident().await.id;
    house
        .desk()
        .acknowledge_incident(&id, &mara)
        .await
        .expect("acknowledged");
    let why = "the stolen key downloaded files of seven customers";
    let incident = house
        .desk()
        .confirm_disclosure(&id, None, why, None, &mara)
        .await
        .expect("confirmed");
    house.settle().await;
    assert_eq!(incident.affected.len(), VICTIMS.len());
    incident
}

fn emails(people: &[watchkeeper_stories::company::Person]) -> BTreeSet<String> {
    people.iter().map(|person| person.email.to_owned()).collect()
}

/// The pages of the ladder so far, and the letters.
async fn sent(house: &House) -> (Vec<Delivery>, Vec<Delivery>) {
    let incident = house.incident().await;
    let all = house.deliveries(&incident).await;
    let ladder = |d: &Delivery| pages_for(d, |reason| matches!(reason, PageReason::Ladder { .. }));
    let pages = all.iter().filter(|d| ladder(d)).cloned().collect();
    (pages, all.into_iter().filter(is_letter).collect())
}

fn recipients(deliveries: &[Delivery]) -> Vec<String> {
    let mut recipients: Vec<String> = deliveries.iter().map(|d| d.recipient.clone()).collect();
    recipients.sort();
    recipients
}

async fn step_at(house: &House, incident: &Incident, victim: Victim, step: Step) -> DateTime<Utc> {
    of(house, incident, victim).await.step_at(step)
}

async fn of(house: &House, incident: &Incident, victim: Victim) -> Obligation {
    let customer = house.customers().await[&victim.key()].id.clone();
    let owed = house.obligations(incident).await;
    owed.into_iter()
        .find(|o| o.customer == customer)
        .expect("the customer is owed a notice")
}

/// Lets the clock come to one second before `due`, when nothing of the ladder may happen, and then to `due`. Gives the pages and the
/// letters that this brought.
async fn reach(house: &mut House, due: DateTime<Utc>) -> (Vec<Delivery>, Vec<Delivery>) {
    house.clock.set(due - Duration::seconds(1));
    let before = sent(house).await;
    house.settle().await;
    let early = sent(house).await;
    assert_eq!(
        (early.0.len(), early.1.len()),
        (before.0.len(), before.1.len()),
        "something happened before {due}"
    );
    house.clock.set(due);
    house.settle().await;
    let after = sent(house).await;
    house.settle().await;
    let again = sent(house).await;
    assert_eq!(
        (again.0.len(), again.1.len()),
        (after.0.len(), after.1.len()),
        "it happened twice at {due}"
    );
    let new = |all: Vec<Delivery>, known: &[Delivery]| -> Vec<Delivery> {
        all.into_iter()
            .filter(|d| known.iter().all(|k| k.id != d.id))
            .collect()
    };
    (new(after.0, &before.0), new(after.1, &before.1))
}

fn says(delivery: &Delivery, what: &str) -> bool {
    pages_for(
        delivery,
        |reason| matches!(reason, PageReason::Ladder { text } if text.contains(what)),
    )
}

/// Whom a step pages, when nobody has taken a role.
fn paged_at(step: Step) -> BTreeSet<String> {
    match step {
        Step::ListAffected => emails(&[TOMAS]),
        Step::DraftFull => emails(&[MARA, INES]),
        Step::Escalate | Step::LastCall | Step::SendHolding | Step::Overdue => emails(&[TOMAS, INES, JONAS]),
    }
}
