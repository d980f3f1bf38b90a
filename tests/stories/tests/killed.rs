//! `kill -9` anywhere loses nothing and doubles nothing: a run that was killed and started again ends like one that was not.

use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use tokio::process::Command;
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_domain::delivery::Channel;
use watchkeeper_store::{DatabaseConfig, IncidentFilter, PageRequest, Store};
use watchkeeper_stories::company::VICTIMS;
use watchkeeper_stories::picture::{self, Picture};
use watchkeeper_stories::place::Place;
use watchkeeper_stories::relay::Relay;
use watchkeeper_testbed::smtp::Stage;

/// Longer than a claim on a message holds, shorter than the first timer of an incident.
const UNTIL_NEXT_START: Duration = Duration::minutes(2);

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
enum At {
    /// At the n-th passing of a place in the service.
    Point(&'static str, usize),
    /// By the relay, when it reaches a stage of its conversations for the n-th time.
    Conversation(Stage, usize),
}

/// The service as a process, with its world.
struct World {
    place: Place,
    relay: Relay,
    began: DateTime<Utc>,
}

/// The program of this package that plays the service.
fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_crash-child"))
}

impl World {
    async fn new(place: Place, began: DateTime<Utc>) -> Self {
        Self {
            place,
            relay: Relay::start().await,
            began,
        }
    }

    /// Runs the service until it ends or is killed.
    async fn run(&self, now: DateTime<Utc>, kill: Option<At>) -> (ExitStatus, String) {
        let mut command = Command::new(program());
        command
            .arg(&self.place.url)
            .arg(self.place.folder())
            .arg(self.relay.port().to_string())
            .arg(self.began.to_rfc3339())
            .arg(now.to_rfc3339())
            .env_remove("WATCHKEEPER_CRASH_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(At::Point(name, passing)) = kill {
            command.env("WATCHKEEPER_CRASH_AT", format!("{name}:{passing}"));
        }
        let child = command.spawn().expect("the service starts");
        if let Some(At::Conversation(stage, nth)) = kill {
            let process = i32::try_from(child.id().expect("it runs")).expect("a process id");
            self.kill_at(stage, nth, process);
        }
        let output = child.wait_with_output().await.expect("it ends");
        self.relay.server().on_stage(|_, _| {});
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status, said)
    }

    fn kill_at(&self, stage: Stage, nth: usize, process: i32) {
        let (reached, process) = (AtomicUsize::new(0), Arc::new(AtomicI32::new(process)));
        self.relay.server().on_stage(move |at, _| {
            if at == stage && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                let process =
                    rustix::process::Pid::from_raw(process.load(Ordering::SeqCst)).expect("a process id");
                rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("it is killed");
            }
        });
    }

    /// Runs until nothing is left to do.
    async fn finish(&self, now: DateTime<Utc>) {
        let (status, said) = self.run(now, None).await;
        assert!(status.success() && said.contains("done"), "{status}: {said}");
    }

    async fn picture(&self) -> Picture {
        let store = Store::open(&DatabaseConfig {
            url: self.place.url.clone(),
        })
        .await
        .expect("the database");
        let picture = picture::take(&store).await;
        self.every_message_arrived(&store).await;
        store.close().await;
        picture
    }

    /// Every message of the outbox arrived; one came twice only where it is flagged, since nobody saw how an attempt ended.
    async fn every_message_arrived(&self, store: &Store) {
        let mut tx = store.read().await.expect("a transaction");
        let mut copies = self.relay.copies();
        let incidents = tx
            .incidents(&IncidentFilter::default(), &PageRequest::first(10))
            .await
            .expect("incidents");
        for incident in incidents.items {
            for delivery in tx.deliveries_of(&incident.id).await.expect("deliveries") {
                assert_eq!(delivery.channel, Channel::Email);
                let arrived = copies
                    .remove(&format!("<{}@paperplane.example>", delivery.id))
                    .unwrap_or(0);
                let most = if delivery.possible_duplicate { 2 } else { 1 };
                assert!(
                    (1..=most).contains(&arrived),
                    "{arrived} copies arrived: {delivery:#?}"
                );
                let unknown = tx.transcripts(&delivery.id).await.expect("transcripts");
                let unknown = unknown
                    .iter()
                    .filter(|attempt| attempt.outcome == "unknown")
                    .count();
                assert_eq!(
                    unknown > 0,
                    delivery.possible_duplicate,
                    "the doubt is on the record: {delivery:#?}"
                );
            }
        }
        assert_eq!(copies, BTreeMap::new(), "mails that no outbox knows");
    }

    /// The mails that people got, each once, without their ids.
    fn mailbox(&self) -> Vec<String> {
        let mut seen = BTreeMap::new();
        for mail in self.relay.mails() {
            seen.insert(mail.message_id.clone(), format!("{}: {}", mail.to, mail.subject));
        }
        let mut mails: Vec<String> = seen.into_values().collect();
        mails.sort();
        mails
    }
}

/// Killed at a place and started again, until nothing is left to do.
async fn killed(place: Place, began: DateTime<Utc>, now: DateTime<Utc>, at: At) -> (Picture, Vec<String>) {
    let world = World::new(place, began).await;
    let (status, said) = world.run(now, Some(at)).await;
    assert_eq!(
        status.signal(),
        Some(9),
        "{at:?} was not reached, choose a passing that is: {status}: {said}"
    );
    world.finish(now + UNTIL_NEXT_START).await;
    (world.picture().await, world.mailbox())
}

/// What differs, for the message of a check that fails.
fn difference(expected: &[String], found: &[String]) -> String {
    let lacks = expected
        .iter()
        .filter(|line| !found.contains(line))
        .map(|line| format!("- {line}"));
    let more = found
        .iter()
        .filter(|line| !expected.contains(line))
        .map(|line| format!("+ {line}"));
    lacks.chain(more).collect::<Vec<_>>().join("\n")
}

async fn ends_like_a_run_that_was_not_killed(place: impl Fn() -> Place, points: &[At]) {
    let now = SystemClock.now();
    let began = now - Duration::minutes(4);
    let unharmed = World::new(place(), began).await;
    unharmed.finish(now).await;
    let expected = (unharmed.picture().await, unharmed.mailbox());
    the_story_is_whole(&expected);
    // Whatever is started again once more changes nothing.
    unharmed.finish(now + UNTIL_NEXT_START).await;
    assert_eq!((unharmed.picture().await, unharmed.mailbox()), expected);
    for at in points {
        let found = killed(place(), began, now, *at).await;
        assert!(
            found.0 == expected.0,
            "{at:?}:\n{}",
            difference(&expected.0.lines, &found.0.lines)
        );
        assert!(
            found.1 == expected.1,
            "{at:?}:\n{}",
            difference(&expected.1, &found.1)
        );
    }
}

fn the_story_is_whole((picture, mailbox): &(Picture, Vec<String>)) {
    let count = |what: &str| picture.lines.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!(count("incident "), 1);
    assert_eq!(count("obligation "), VICTIMS.len());
    let told = |line: &&String| line.starts_with("obligation ") && line.ends_with("told, in time");
    assert_eq!(
        picture.lines.iter().filter(told).count(),
        VICTIMS.len(),
        "{:#?}",
        picture.lines
    );
    for victim in VICTIMS {
        let to = format!("{}: ", victim.security_contact());
        assert_eq!(
            mailbox.iter().filter(|mail| mail.starts_with(&to)).count(),
            1,
            "{}",
            victim.name
        );
    }
}

const POINTS: [At; 26] = [
    At::Point("watch.after_read", 1),
    At::Point("watch.after_read", 3),
    At::Point("watch.after_detect", 2),
    At::Point("watch.before_commit", 1),
    At::Point("watch.before_commit", 2),
    At::Point("watch.before_commit", 4),
    At::Point("watch.after_commit", 2),
    At::Point("compaction.after_read", 1),
    At::Point("compaction.before_piece", 1),
    At::Point("compaction.before_commit", 1),
    At::Point("compaction.after_commit", 1),
    At::Point("compaction.before_commit", 2),
    At::Point("commit.before", 1),
    At::Point("commit.before", 6),
    At::Point("commit.after", 4),
    At::Point("commit.after", 9),
    At::Point("commit.before", 14),
    At::Point("sources.looked", 1),
    At::Point("delivery.claimed", 1),
    At::Point("delivery.before_send", 2),
    At::Point("delivery.entering_data", 3),
    At::Point("delivery.in_data", 1),
    At::Point("delivery.in_data", 9),
    At::Point("delivery.after_send", 8),
    At::Conversation(Stage::Content, 2),
    At::Conversation(Stage::Dot, 8),
];

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_ends_like_a_run_that_was_not_on_sqlite() {
    ends_like_a_run_that_was_not_killed(Place::sqlite, &POINTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_ends_like_a_run_that_was_not_on_postgresql() {
    if Place::postgresql().is_none() {
        return;
    }
    let place = || Place::postgresql().expect("it was there a moment ago");
    ends_like_a_run_that_was_not_killed(place, &POINTS).await;
}
