//! The service as a process that may be killed at any place: a file and a spool bring the story's events, people act as soon as they
//! can, and seven letters go. It looks at what is kept and goes on from there, however often it is started.
//!
//! `crash-child DATABASE FOLDER SMTP_PORT STORY_BEGAN NOW`; prints `done` when nothing is left to do.

use chrono::{DateTime, Duration, Utc};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper::app::{App, Mode};
use watchkeeper_collect::receive::PushHeaders;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::incident::{Acknowledgement, Incident, Role};
use watchkeeper_domain::notice::{NoticeFacts, NoticeKind, NoticeState};
use watchkeeper_domain::span::Span;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::CompactAfter;
use watchkeeper_store::{IncidentFilter, PageRequest};
use watchkeeper_stories::company::{INES, MARA, TOMAS, account, customers_csv, open_accounts};
use watchkeeper_stories::house::{Setup, configuration, file_source, finding_source};
use watchkeeper_stories::logs::{self, THIEF};
use watchkeeper_testbed::guardduty::finding;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Arguments {
    database: String,
    folder: PathBuf,
    smtp_port: u16,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Arguments {
    fn read() -> Outcome<Self> {
        let mut given = std::env::args().skip(1);
        let mut next = |what: &str| given.next().ok_or(format!("{what} is missing"));
        Ok(Self {
            database: next("DATABASE")?,
            folder: next("FOLDER")?.into(),
            smtp_port: next("SMTP_PORT")?.parse()?,
            began: next("STORY_BEGAN")?.parse()?,
            now: next("NOW")?.parse()?,
        })
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match live().await {
        Ok(()) => {
            say_done();
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("crash-child: {fault}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the line that the test waits for")]
fn say_done() {
    println!("done");
}

async fn live() -> Outcome<()> {
    let Arguments {
        database,
        folder,
        smtp_port,
        began,
        now,
    } = Arguments::read()?;
    let log = folder.join("app.log");
    let setup = Setup {
        sources: vec![file_source(&log), finding_source()],
        sns: None,
        ..Setup::default()
    };
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8420));
    let mut config = configuration(&folder, &database, listen, smtp_port, setup);
    // The log grows while the clock of a run stands, and what a killed run had not read is minutes old when the next one comes.
    config.detection.lateness = Span::hours(1);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now));
    let mut app = App::build(&config, clock, Mode::Serve, None).await?;
    // Now and then the detectors' state is put together, so that it can be killed there, too.
    app.watch.compact_after(CompactAfter {
        bytes: u64::MAX,
        deltas: 0,
    });
    furnish(&app.desk, began).await?;
    let mut written = String::new();
    for part in [
        logs::ordinary(began),
        logs::stuffing(began),
        logs::theft(began + Duration::seconds(90)),
    ] {
        written.push_str(&logs::text(&part));
        grow(&log, &written)?;
        app.settle().await?;
        app.watch.compacted().await;
    }
    push_finding(&app, began + Duration::seconds(150)).await?;
    app.settle().await?;
    people_act(&mut app).await?;
    Ok(app.settle().await?)
}

/// The log is as long as `content`: what is missing is added. The services that write it do not die with the watcher.
fn grow(log: &Path, content: &str) -> Outcome<()> {
    use std::io::Write as _;
    let known = std::fs::metadata(log).map_or(0, |file| file.len());
    let known = usize::try_from(known)?;
    if let Some(missing) = content
        .as_bytes()
        .get(known..)
        .filter(|missing| !missing.is_empty())
    {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)?
            .write_all(missing)?;
    }
    Ok(())
}

/// Whoever pushes sends again what was not answered with 200; here every time.
async fn push_finding(app: &App, at: DateTime<Utc>) -> Outcome<()> {
    let finding = finding("f-1", "Exfiltration:S3/AnomalousBehavior", 8.0, at, THIEF);
    let receiver = app.receivers.get("findings").ok_or("no receiver")?;
    let once = PushHeaders {
        idempotency_key: Some("finding-1"),
        ..PushHeaders::default()
    };
    receiver.accept_lines(finding.to_string().into(), once).await?;
    Ok(())
}

async fn furnish(desk: &Desk, at: DateTime<Utc>) -> Outcome<()> {
    open_accounts(desk, at).await?;
    if desk.store().read().await?.all_customers().await?.is_empty() {
        let import = desk
            .import_customers(customers_csv().as_bytes(), true, &Actor::Operator)
            .await?;
        if !import.faults.is_empty() {
            return Err(format!("{:?}", import.faults).into());
        }
    }
    Ok(())
}

async fn incident(desk: &Desk) -> Outcome<Incident> {
    let mut tx = desk.store().read().await?;
    let mut found = tx
        .incidents(&IncidentFilter::default(), &PageRequest::first(2))
        .await?
        .items;
    match (found.pop(), found.is_empty()) {
        (Some(incident), true) => Ok(incident),
        _ => Err("there should be one incident".into()),
    }
}

/// Each does what is theirs, when nobody has done it before.
async fn people_act(app: &mut App) -> Outcome<()> {
    let desk = app.desk.clone();
    let (mara, tomas, ines) = (
        account(&desk, MARA).await?,
        account(&desk, TOMAS).await?,
        account(&desk, INES).await?,
    );
    let lead = Actor::person(&mara.id);
    let id = incident(&desk).await?.id;
    if incident(&desk).await?.acknowledgement == Acknowledgement::Waiting {
        desk.acknowledge_incident(&id, &Actor::person(&tomas.id)).await?;
    }
    if incident(&desk).await?.holder(Role::Commander).is_none() {
        desk.assign_role(&id, None, Role::Commander, &mara.id, &mara)
            .await?;
    }
    if incident(&desk).await?.disclosure.confirmed_at().is_none() {
        desk.confirm_disclosure(&id, None, "the key read files of seven customers", None, &lead)
            .await?;
    }
    app.settle().await?;
    let full = desk
        .store()
        .read()
        .await?
        .notices_of(&id)
        .await?
        .into_iter()
        .find(|n| n.kind == NoticeKind::Full);
    let notice = match full {
        Some(notice) => notice,
        None => {
            desk.draft_notice(&id, NoticeKind::Full, facts().into(), &lead)
                .await?
        }
    };
    let notice = match notice.state {
        NoticeState::Draft => desk.submit_notice(&notice.id, &lead).await?,
        _ => notice,
    };
    app.settle().await?;
    if matches!(notice.state, NoticeState::Submitted { .. }) {
        desk.approve_notice(&notice.id, &notice.content_hash, &ines)
            .await?;
    }
    Ok(())
}

fn facts() -> NoticeFacts {
    NoticeFacts {
        what_happened: "A stolen key listed and downloaded files.".to_owned(),
        what_information: "Files of your tenant.".to_owned(),
        likely_consequences: "Somebody may use what they contain.".to_owned(),
        what_we_did: "The key was revoked.".to_owned(),
        what_you_should_do: "Replace your keys.".to_owned(),
        not_yet_known: String::new(),
        contained: "yes".to_owned(),
        ..NoticeFacts::default()
    }
}
