//! Thousands of customers are told at once, by a service that is killed again and again: each recipient has the letter, twice only where
//! nobody saw how an attempt ended, and that is flagged.
//!
//! Small by default, so that it runs with every change. `WATCHKEEPER_MANY=10000` runs it in full; `make bench` does, and prints how fast
//! the letters go beside a sender that does nothing but send.

use chrono::{DateTime, Utc};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use watchkeeper_deliver::{
    Channel, IdempotencyKey, Mail, Message, SmtpChannel, SmtpConfig, StageError, StageRecorder,
};
use watchkeeper_domain::delivery::{About, DeliveryState};
use watchkeeper_domain::obligation::ObligationState;
use watchkeeper_store::{DatabaseConfig, IncidentFilter, PageRequest, Store};
use watchkeeper_stories::place::Place;
use watchkeeper_stories::relay::Relay;

/// Customers, unless `WATCHKEEPER_MANY` says otherwise; each has two people to tell.
const CUSTOMERS: usize = 150;

fn customers() -> usize {
    let asked = std::env::var("WATCHKEEPER_MANY").ok();
    asked.map_or(CUSTOMERS, |asked| {
        asked.parse().expect("WATCHKEEPER_MANY is a number")
    })
}

/// A service that tells everybody, and its world.
struct World {
    place: Place,
    relay: Relay,
    now: DateTime<Utc>,
    customers: usize,
}

impl World {
    async fn new(place: Place) -> Self {
        Self {
            place,
            relay: Relay::start().await,
            now: "2026-06-05T14:20:00Z".parse().expect("an instant"),
            customers: customers(),
        }
    }

    /// Starts the service; `later` is how long after the first start it is, by its own clock.
    fn start(&self, later: chrono::Duration) -> Child {
        Command::new(PathBuf::from(env!("CARGO_BIN_EXE_tell-child")))
            .arg(&self.place.url)
            .arg(self.place.folder())
            .arg(self.relay.port().to_string())
            .arg((self.now + later).to_rfc3339())
            .arg(self.customers.to_string())
            .env_remove("WATCHKEEPER_CRASH_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the service starts")
    }

    /// What one run needed, from the outbox to the relay: the time, and the most memory in bytes.
    async fn tell(&self) -> (Duration, u64) {
        let mut child = self.start(chrono::Duration::zero());
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let said = lines.next_line().await.expect("it speaks");
        assert_eq!(said.as_deref(), Some("telling"));
        let began = Instant::now();
        let said = lines.next_line().await.expect("it speaks");
        assert_eq!(said.as_deref(), Some("done"));
        let took = began.elapsed();
        let process = child.id().expect("it has not been waited for");
        let memory = peak_memory(process);
        assert!(child.wait().await.expect("it ends").success());
        (took, memory)
    }

    /// Kills the service each time that the relay took so many more letters, until it ends by itself. Gives how often.
    async fn tell_while_it_is_killed(&self, every: usize) -> usize {
        let mut killed = 0_usize;
        loop {
            // Longer than a claim on a message holds.
            let later = chrono::Duration::minutes(2 * i64::try_from(killed).expect("few"));
            let mut child = self.start(later);
            let goal = self.relay.server().accepted() + every;
            loop {
                if let Some(status) = child.try_wait().expect("it runs or not") {
                    assert!(status.success(), "{status}");
                    return killed;
                }
                if self.relay.server().accepted() >= goal {
                    child.kill().await.expect("it is killed");
                    killed += 1;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    /// Every recipient has the letter; twice only where it is flagged. Gives how many are flagged.
    async fn everybody_was_told(&self) -> usize {
        let config = DatabaseConfig {
            url: self.place.url.clone(),
        };
        let store = Store::open(&config).await.expect("the database");
        let mut tx = store.read().await.expect("a transaction");
        let page = tx
            .incidents(&IncidentFilter::default(), &PageRequest::first(2))
            .await;
        let incidents = page.expect("incidents").items;
        assert_eq!(incidents.len(), 1);
        let id = &incidents[0].id;
        let mut copies = self.relay.copies();
        let mut letters = 0;
        let mut flagged = 0;
        for delivery in tx.deliveries_of(id).await.expect("deliveries") {
            let arrived = copies
                .remove(&format!("<{}@paperplane.example>", delivery.id))
                .unwrap_or(0);
            let attempts = tx.transcripts(&delivery.id).await.expect("transcripts");
            let unknown = attempts
                .iter()
                .filter(|attempt| attempt.outcome == "unknown")
                .count();
            assert_eq!(unknown > 0, delivery.possible_duplicate, "{delivery:#?}");
            // Whoever was killed while it went may have been so after the relay took it: once more for each time, and no more.
            assert!(
                (1..=1 + unknown).contains(&arrived),
                "{arrived} copies: {delivery:#?}"
            );
            assert!(
                matches!(delivery.state, DeliveryState::Accepted { .. }),
                "{delivery:#?}"
            );
            letters += usize::from(matches!(delivery.about, About::Letter { .. }));
            flagged += usize::from(delivery.possible_duplicate);
        }
        assert_eq!(letters, 2 * self.customers, "two people each");
        let owed = tx.obligations_of(id).await.expect("obligations");
        assert_eq!(owed.len(), self.customers);
        assert!(
            owed.iter()
                .all(|o| matches!(o.state, ObligationState::Told { in_time: true, .. }))
        );
        drop(tx);
        store.close().await;
        flagged
    }
}

/// The most memory that a process had, in bytes; 0 where the machine does not say.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Records nothing.
struct Nothing;

#[async_trait::async_trait]
impl StageRecorder for Nothing {
    async fn entering_data(&self) -> Result<(), StageError> {
        Ok(())
    }
}

/// How long a sender needs that does nothing but send the same bytes over as many connections at once.
async fn bare_sender(mails: Vec<Mail>, at_once: usize) -> Duration {
    let relay = Relay::start().await;
    let channel = SmtpChannel::new(SmtpConfig::loopback(relay.port())).expect("a channel");
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let lane = || async {
        while let Some(mail) = mails.get(next.fetch_add(1, Ordering::SeqCst)) {
            let key = IdempotencyKey(mail.message_id.clone());
            let sent = channel.send(&Message::Mail(mail.clone()), &key, &Nothing).await;
            sent.expect("the relay takes it");
        }
    };
    futures::future::join_all((0..at_once).map(|_| lane())).await;
    began.elapsed()
}

async fn thousands_are_told_by_a_service_that_is_killed_again_and_again(place: Place) {
    let world = World::new(place).await;
    let every = (world.customers * 2 / 7).max(20);
    let killed = world.tell_while_it_is_killed(every).await;
    assert!(killed >= 5, "killed {killed} times");
    let flagged = world.everybody_was_told().await;
    // A kill leaves in doubt at most what was under way.
    assert!(flagged <= killed * 12, "{flagged} flagged after {killed} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_are_told_by_a_service_that_is_killed_again_and_again_on_sqlite() {
    thousands_are_told_by_a_service_that_is_killed_again_and_again(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_are_told_by_a_service_that_is_killed_again_and_again_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        thousands_are_told_by_a_service_that_is_killed_again_and_again(place).await;
    }
}

/// What went to the relay, to be sent again by somebody who does nothing else.
fn as_mails(relay: &Relay) -> Vec<Mail> {
    relay
        .server()
        .messages()
        .into_iter()
        .map(|recorded| Mail {
            from: "notices@paperplane.example".to_owned(),
            to: recorded.to[0].clone(),
            envelope_from: "notices@paperplane.example".to_owned(),
            message_id: recorded.header("Message-ID").unwrap_or_default(),
            bytes: recorded.bytes,
            drill: false,
            envelope_id: None,
        })
        .collect()
}

/// Figures for `make bench`; they say nothing where nobody asked for many.
#[tokio::test(flavor = "multi_thread")]
async fn how_fast_everybody_is_told_beside_a_sender_that_only_sends() {
    let world = World::new(Place::sqlite()).await;
    let (took, memory) = world.tell().await;
    assert_eq!(world.everybody_was_told().await, 0, "nothing was in doubt");
    let mails = as_mails(&world.relay);
    let count = mails.len() as f64;
    let bare = bare_sender(mails, 12).await;
    let rate = |took: Duration| count / took.as_secs_f64();
    println!(
        "{count} messages to {} customers: {:.0}/s with every record kept, {:.0}/s by a sender that only sends: {:.0} %; peak memory {} MB",
        world.customers,
        rate(took),
        rate(bare),
        100.0 * rate(took) / rate(bare),
        memory / 1_000_000
    );
}
