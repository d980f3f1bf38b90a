//! The service as a process that tells many customers at once, and that may be killed at any instant. It looks at what is kept and
//! goes on from there, however often it is started.
//!
//! `tell-child DATABASE FOLDER SMTP_PORT NOW CUSTOMERS`; prints `telling` when the letters are in the outbox, `done` when nothing is left
//! to do.

use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper::app::{App, Mode};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::incident::{Incident, Severity, Standing};
use watchkeeper_domain::notice::{Notice, NoticeFacts, NoticeKind, NoticeState};
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::incidents::Declaration;
use watchkeeper_respond::workers::{Turn, Worker as _};
use watchkeeper_store::{IncidentFilter, PageRequest};
use watchkeeper_stories::company::{INES, MARA, account, open_accounts};
use watchkeeper_stories::house::{Setup, configuration};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How many lines of a list go in one request, as a person would paste them.
const AT_ONCE: usize = 5_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match live().await {
        Ok(()) => {
            say("done");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("tell-child: {fault}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the lines that the test waits for")]
fn say(word: &str) {
    println!("{word}");
}

async fn live() -> Outcome<()> {
    let mut given = std::env::args().skip(1);
    let mut next = |what: &str| given.next().ok_or(format!("{what} is missing"));
    let (database, folder) = (next("DATABASE")?, PathBuf::from(next("FOLDER")?));
    let smtp_port: u16 = next("SMTP_PORT")?.parse()?;
    let now: DateTime<Utc> = next("NOW")?.parse()?;
    let customers: usize = next("CUSTOMERS")?.parse()?;
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8421));
    let config = configuration(&folder, &database, listen, smtp_port, Setup::default());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
    let mut app = App::build(&config, clock, Mode::Serve, None).await?;
    let desk = app.desk.clone();
    open_accounts(&desk, now).await?;
    keep_customers(&desk, customers).await?;
    let incident = declared(&desk, customers).await?;
    send(&desk, &incident).await?;
    say("telling");
    // As in the service, where no worker waits for another.
    while app.deliveries.turn().await? == Turn::Busy {}
    Ok(app.settle().await?)
}

fn key(number: usize) -> String {
    format!("customer-{number:05}")
}

/// Each customer has two people to tell, at a domain that some others share.
async fn keep_customers(desk: &Desk, customers: usize) -> Outcome<()> {
    let kept = desk.store().read().await?.all_customers().await?.len();
    let numbers: Vec<usize> = (kept..customers).collect();
    for part in numbers.chunks(AT_ONCE) {
        let mut csv = String::from("key,name,tenants,language,security_contact\n");
        for number in part {
            let (key, domain) = (key(*number), number % 997);
            writeln!(
                csv,
                "{key},Customer {number},t-{number},en,{key}-a@d{domain}.example;{key}-b@d{domain}.example"
            )?;
        }
        let import = desk
            .import_customers(csv.as_bytes(), true, &Actor::Operator)
            .await?;
        if !import.faults.is_empty() {
            return Err(format!("{:?}", import.faults).into());
        }
    }
    Ok(())
}

/// The incident, with everybody affected and the disclosure confirmed.
async fn declared(desk: &Desk, customers: usize) -> Outcome<Incident> {
    let mara = account(desk, MARA).await?;
    let lead = Actor::person(&mara.id);
    let page = desk
        .store()
        .read()
        .await?
        .incidents(&IncidentFilter::default(), &PageRequest::first(1))
        .await?;
    let incident = match page.items.into_iter().next() {
        Some(incident) => incident,
        None => {
            let declaration = Declaration {
                title: "A backup stood open".to_owned(),
                severity: Severity::Sev1,
                summary: String::new(),
                playbook: None,
                drill: false,
            };
            desk.declare(&mara, declaration).await?
        }
    };
    let numbers: Vec<usize> = (incident.affected.len()..customers).collect();
    for part in numbers.chunks(AT_ONCE) {
        let list: Vec<String> = part.iter().map(|number| key(*number)).collect();
        let listed = desk
            .list_affected(
                &incident.id,
                (&list.join("\n"), Standing::Confirmed),
                "the backup has their rows",
                true,
                &lead,
            )
            .await?;
        if !listed.faults.is_empty() {
            return Err(format!("{:?}", listed.faults).into());
        }
    }
    if incident.disclosure.confirmed_at().is_none() {
        let why = "the access log shows downloads";
        desk.confirm_disclosure(&incident.id, None, why, None, &lead)
            .await?;
    }
    Ok(desk.store().read().await?.incident(&incident.id).await?)
}

/// Written by one person and approved by another.
async fn send(desk: &Desk, incident: &Incident) -> Outcome<()> {
    let (mara, ines) = (account(desk, MARA).await?, account(desk, INES).await?);
    let lead = Actor::person(&mara.id);
    let known = desk.store().read().await?.notices_of(&incident.id).await?;
    let known: Option<Notice> = known.into_iter().find(|notice| notice.kind == NoticeKind::Full);
    let notice = match known {
        Some(notice) => notice,
        None => {
            desk.draft_notice(&incident.id, NoticeKind::Full, facts().into(), &lead)
                .await?
        }
    };
    let notice = match notice.state {
        NoticeState::Draft => desk.submit_notice(&notice.id, &lead).await?,
        _ => notice,
    };
    if !matches!(notice.state, NoticeState::Sent { .. }) {
        desk.approve_notice(&notice.id, &notice.content_hash, &ines)
            .await?;
    }
    Ok(())
}

fn facts() -> NoticeFacts {
    let text = |what: &str| {
        format!("{what}: what we know, in some sentences that are as long as such sentences are.")
    };
    NoticeFacts {
        what_happened: text("A backup stood open"),
        what_information: text("Its rows"),
        likely_consequences: text("Somebody may know them"),
        what_we_did: text("It is closed"),
        what_you_should_do: text("Replace your keys"),
        ..NoticeFacts::default()
    }
}
