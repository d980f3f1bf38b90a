//! A source that goes quiet, fails or cannot be parsed is told to whoever is on call, once, and so is its end.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use watchkeeper_collect::SourceConfig;
use watchkeeper_domain::source_health::{SourceAlerts, SourceHealth, Trouble};
use watchkeeper_domain::span::Span;
use watchkeeper_stories::company::{MARA, TOMAS};
use watchkeeper_stories::house::{House, Setup, file_source};
use watchkeeper_stories::place::Place;

/// A house that reads one file, whose writer is the test.
struct Watched {
    house: House,
    log: PathBuf,
    lines: usize,
}

impl Watched {
    async fn open(place: Place, alerts: SourceAlerts) -> Self {
        let log = place.folder().join("app.log");
        std::fs::write(&log, "").expect("written");
        let SourceConfig::File(file) = file_source(&log) else {
            panic!("a file");
        };
        let setup = Setup {
            sources: vec![SourceConfig::File(watchkeeper_collect::config::FileConfig {
                alerts,
                ..file
            })],
            ..Setup::default()
        };
        let mut house = House::open(place, setup).await;
        house.settle().await;
        Self { house, log, lines: 0 }
    }

    fn write(&mut self, line: &str) {
        append(&self.log, line);
    }

    fn speak(&mut self) {
        self.lines += 1;
        let line = json!({"time": self.house.now(), "message": "hello", "n": self.lines});
        self.write(&line.to_string());
    }

    /// Each minute it speaks, or not, and the house takes its turns.
    async fn minutes(&mut self, minutes: usize, speaks: bool) {
        for _ in 0..minutes {
            self.house.pass(Duration::minutes(1));
            if speaks {
                self.speak();
            }
            self.house.settle().await;
        }
    }

    /// The subjects of the pages to whoever is on call.
    fn pages(&self) -> Vec<String> {
        let mails = self.house.relay.mails_to(TOMAS.email);
        mails.into_iter().map(|mail| mail.subject).collect()
    }

    /// When the newest event happened, and how long after it that was judged.
    async fn shown(&self) -> (Option<DateTime<Utc>>, Option<Duration>) {
        let mut tx = self.house.desk().store().read().await.expect("a transaction");
        let statuses = self.house.desk().source_statuses(&mut tx).await;
        let (_, status) = statuses.expect("statuses").remove(0);
        (status.last_event_at, status.lag())
    }

    async fn standing(&self) -> Vec<Trouble> {
        let mut tx = self.house.desk().store().read().await.expect("a transaction");
        let health: SourceHealth = self.house.desk().source_health(&mut tx).await.expect("health");
        health
            .sources
            .values()
            .flat_map(|watched| watched.standing().map(|(trouble, _)| trouble))
            .collect()
    }
}

fn append(path: &Path, line: &str) {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("opened");
    writeln!(file, "{line}").expect("written");
}

fn half_an_hour() -> SourceAlerts {
    SourceAlerts {
        quiet_after: Some(Span::minutes(30)),
        ..SourceAlerts::default()
    }
}

async fn a_source_that_goes_quiet_is_one_page_and_its_return_another(place: Place) {
    let mut watched = Watched::open(place, half_an_hour()).await;
    watched.minutes(5, true).await;
    watched.minutes(30, false).await;
    assert_eq!(watched.pages(), Vec::<String>::new());
    watched.minutes(3, false).await;
    assert_eq!(watched.pages(), ["Source: app-log is quiet"]);
    assert_eq!(watched.standing().await, [Trouble::Quiet]);
    let page = watched.house.relay.mails_to(TOMAS.email).remove(0);
    assert!(
        page.text.contains("no event came for 31 min; 30 min are allowed"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("To do: ") && page.text.contains("/sources"),
        "{}",
        page.text
    );
    assert_eq!(
        watched.house.relay.mails_to(MARA.email).len(),
        1,
        "the security lead, too"
    );

    // Killed and started again within the silence: nobody is told twice.
    watched.house.go_down();
    watched.house.come_up().await;
    watched.minutes(5, false).await;
    assert_eq!(watched.pages().len(), 1);

    watched.minutes(12, true).await;
    assert_eq!(watched.pages()[1..], ["Source: app-log speaks again"]);
    assert_eq!(watched.standing().await, []);
    watched.house.verified_audit().await;
}

async fn while_the_service_was_down_no_source_was_quiet(place: Place) {
    let mut watched = Watched::open(place, half_an_hour()).await;
    watched.minutes(5, true).await;
    watched.minutes(10, false).await;
    watched.house.go_down();
    watched.house.pass(Duration::hours(9));
    watched.house.come_up().await;
    watched.house.settle().await;
    watched.minutes(10, false).await;
    assert_eq!(watched.pages(), Vec::<String>::new());
    // What it had said before and says now is one silence of half an hour that was watched.
    watched.minutes(15, false).await;
    assert_eq!(watched.pages(), ["Source: app-log is quiet"]);
}

async fn a_flood_that_cannot_be_parsed_is_a_page(place: Place) {
    let mut watched = Watched::open(place, SourceAlerts::default()).await;
    watched.minutes(3, true).await;
    for n in 0..40 {
        watched.write(&format!("panic at line {n}: no JSON here"));
    }
    watched.minutes(1, true).await;
    assert_eq!(watched.pages(), ["Source: app-log cannot be parsed"]);
    watched.minutes(32, true).await;
    assert_eq!(watched.pages()[1..], ["Source: app-log can be parsed again"]);
}

async fn a_file_that_is_not_there_is_a_page_until_it_is(place: Place) {
    let mut watched = Watched::open(place, SourceAlerts::default()).await;
    watched.minutes(2, true).await;
    std::fs::remove_file(&watched.log).expect("removed");
    watched.minutes(12, false).await;
    assert_eq!(watched.pages(), ["Source: app-log cannot be read"]);
    assert_eq!(watched.standing().await, [Trouble::Failing]);
    watched.minutes(7, true).await;
    assert_eq!(watched.pages()[1..], ["Source: app-log is read again"]);
}

async fn an_idle_source_is_not_behind_and_one_that_is_judged_late_is(place: Place) {
    let alerts = SourceAlerts {
        off: [Trouble::Quiet].into(),
        ..SourceAlerts::default()
    };
    let mut watched = Watched::open(place, alerts).await;
    watched.minutes(5, true).await;
    let (at, lag) = watched.shown().await;
    assert_eq!((at, lag), (Some(watched.house.now()), Some(Duration::zero())));
    // Idle for three hours, and killed within them: when it last told something is shown, and no lag grows.
    watched.minutes(90, false).await;
    watched.house.go_down();
    watched.house.come_up().await;
    watched.minutes(90, false).await;
    assert_eq!(watched.shown().await, (at, lag));
    assert_eq!(watched.pages(), Vec::<String>::new());
    // Now its lines come forty minutes after what they tell.
    for _ in 0..15 {
        watched.house.pass(Duration::minutes(1));
        let happened = watched.house.now() - Duration::minutes(40);
        watched.write(&json!({"time": happened, "message": "late"}).to_string());
        watched.house.settle().await;
    }
    let happened = watched.house.now() - Duration::minutes(40);
    assert_eq!(
        watched.shown().await,
        (Some(happened), Some(Duration::minutes(40)))
    );
    assert_eq!(watched.pages(), ["Source: app-log is behind"]);
    // It is idle again: it is no more behind than it was, and nobody is told that it is.
    watched.minutes(30, false).await;
    assert_eq!(watched.shown().await.1, Some(Duration::minutes(40)));
    assert_eq!(watched.standing().await, []);
}

macro_rules! on_both {
    ($($story:ident => $sqlite:ident, $postgresql:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $sqlite() {
            $story(Place::sqlite()).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $postgresql() {
            if let Some(place) = Place::postgresql() {
                $story(place).await;
            }
        }
    )*};
}

on_both! {
    a_source_that_goes_quiet_is_one_page_and_its_return_another
        => a_source_that_goes_quiet_is_one_page_and_its_return_another_on_sqlite,
           a_source_that_goes_quiet_is_one_page_and_its_return_another_on_postgresql;
    while_the_service_was_down_no_source_was_quiet
        => while_the_service_was_down_no_source_was_quiet_on_sqlite,
           while_the_service_was_down_no_source_was_quiet_on_postgresql;
    a_flood_that_cannot_be_parsed_is_a_page
        => a_flood_that_cannot_be_parsed_is_a_page_on_sqlite,
           a_flood_that_cannot_be_parsed_is_a_page_on_postgresql;
    a_file_that_is_not_there_is_a_page_until_it_is
        => a_file_that_is_not_there_is_a_page_until_it_is_on_sqlite,
           a_file_that_is_not_there_is_a_page_until_it_is_on_postgresql;
    an_idle_source_is_not_behind_and_one_that_is_judged_late_is
        => an_idle_source_is_not_behind_and_one_that_is_judged_late_is_on_sqlite,
           an_idle_source_is_not_behind_and_one_that_is_judged_late_is_on_postgresql;
}
