//! A source that goes quiet, fails or cannot be parsed is told to whoever is on call, once, and so is its end.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use watchkeeper_collect::SourceConfig;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::clock::{Clock as _, ManualClock, SystemClock};
use watchkeeper_domain::source_health::{SourceAlerts, SourceHealth, Trouble};
use watchkeeper_domain::span::Span;
use watchkeeper_stories::company::{MARA, TOMAS};
use watchkeeper_stories::house::{House, Setup, file_source};
use watchkeeper_stories::place::Place;
use watchkeeper_stories::screen::Screens;
use watchkeeper_testbed::cloudwatch::CloudWatch;

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

const SECRET: &str = "a secret of this test";

/// Sources as somebody writes them who leaves everything out that can be left out.
fn as_little_as_possible(sources: Value) -> Vec<SourceConfig> {
    serde_json::from_value(sources).expect("sources")
}

/// How often all pages to somebody say this.
fn said(house: &House, to: &str, words: &str) -> usize {
    let texts = house.relay.mails_to(to);
    let texts = texts.iter().map(|mail| mail.text.replace("\r\n", "\n"));
    texts.map(|text| text.matches(words).count()).sum()
}

async fn each_trouble_of_a_source_is_a_page_where_nothing_is_configured(place: Place) {
    let folder = place.folder().to_owned();
    let path = |name: &str| folder.join(format!("{name}.log"));
    for name in ["mute", "late", "garbled", "cut"] {
        std::fs::write(path(name), "").expect("written");
    }
    let file = |name: &str| json!({"kind": "file", "name": name, "paths": [path(name)]});
    let setup = Setup {
        sources: as_little_as_possible(json!([
            file("mute"), file("late"), file("cut"), file("missing"),
            {"kind": "file", "name": "garbled", "paths": [path("garbled")], "format": "json"},
            {"kind": "http", "name": "pushed", "secrets_sha256": [hex::encode(sha2::Sha256::digest(SECRET))]},
        ])),
        ..Setup::default()
    };
    let mut house = House::open(place, setup).await;
    house.settle().await;
    let line = |at: DateTime<Utc>| json!({"time": at, "message": "hello"}).to_string();
    let minute = async |house: &mut House| {
        house.pass(Duration::minutes(1));
        append(&path("late"), &line(house.now() - Duration::minutes(40)));
        append(&path("garbled"), &line(house.now()));
        append(&path("cut"), &line(house.now()));
        house.settle().await;
    };
    append(&path("mute"), &line(house.now()));
    minute(&mut house).await;
    let told = |house: &House, words: &str| {
        let both = [TOMAS, MARA].map(|person| said(house, person.email, words));
        assert_eq!(
            both[0], both[1],
            "whoever is on call and the security lead: {words}"
        );
        both[0]
    };

    // What is lost and what cannot be parsed is told within a minute.
    for n in 0..40 {
        append(&path("garbled"), &format!("panic at line {n}: no JSON here"));
    }
    house.go_down();
    append(&path("cut"), &line(house.now()));
    std::fs::remove_file(path("cut")).expect("removed");
    house.come_up().await;
    let address = house.serve();
    let body = format!("{}\n{}\n", line(house.now()), "x".repeat(2 << 20));
    let pushed = reqwest::Client::new()
        .post(format!("{address}/ingest/pushed"))
        .bearer_auth(SECRET)
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(pushed.status(), 207);
    minute(&mut house).await;
    minute(&mut house).await;
    assert_eq!(told(&house, "\npushed loses events\n"), 1);
    assert_eq!(told(&house, "1 records or connections were refused\n"), 1);
    assert_eq!(told(&house, "\ncut loses events\n"), 1);
    assert_eq!(told(&house, "\ngarbled cannot be parsed\n"), 1);
    assert_eq!(told(&house, "\nmissing cannot be read\n"), 0, "it may come yet");

    // What is not there or is judged late is told after ten minutes.
    for _ in 0..12 {
        minute(&mut house).await;
    }
    assert_eq!(told(&house, "\nmissing cannot be read\n"), 1);
    assert_eq!(told(&house, "missing.log: there is no such file\n"), 1);
    assert_eq!(told(&house, "\nlate is behind\n"), 1);
    assert_eq!(told(&house, "\ngarbled cannot be parsed\n"), 1);

    // And what says nothing for a day, in its first week.
    for _ in 0..(24 * 30 - 10) {
        house.pass(Duration::minutes(2));
        house.settle().await;
    }
    assert_eq!(told(&house, "\nmute is quiet\n"), 0);
    for _ in 0..10 {
        house.pass(Duration::minutes(2));
        house.settle().await;
    }
    assert_eq!(told(&house, "\nmute is quiet\n"), 1);
    house.verified_audit().await;
}

/// One browser at a time: two are more than a small machine can carry.
static BROWSER: Mutex<()> = Mutex::const_new(());

/// What the API says of a source.
async fn shown_by_the_api(address: &str, token: &str, path: &str) -> Vec<Value> {
    let answer = reqwest::Client::new()
        .get(format!("{address}/api/v1/{path}"))
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    let mut body: Value = answer.json().await.expect("JSON");
    match body["items"].take() {
        Value::Array(items) => items,
        other => panic!("{other}"),
    }
}

async fn the_page_of_sources_shows_what_known_events_come_to(place: Place) {
    let _one = BROWSER.lock().await;
    let engine = place.engine;
    // All that is put there can be seen at once.
    let ahead = Arc::new(ManualClock::at(SystemClock.now() + Duration::days(1)));
    let cloudwatch = CloudWatch::start(ahead).await;
    cloudwatch.create_group("/app");
    let credentials = place.folder().join("credentials");
    let keys = "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(&credentials, keys).expect("written");
    let log = place.folder().join("app.log");
    std::fs::write(&log, "").expect("written");
    let setup = Setup {
        sources: as_little_as_possible(json!([
            {"kind": "file", "name": "app-log", "paths": [log], "format": "json",
             "log_source_from": {"product": "product", "service": "service"}},
            {"kind": "cloudwatch_logs", "name": "polled", "region": "eu-central-1", "log_groups": ["/app"],
             "credentials_file": credentials, "endpoint_url": cloudwatch.endpoint_url},
        ])),
        ..Setup::default()
    };
    let mut house = House::open(place, setup).await;
    let mut bytes = 0;
    let mut write = |at: DateTime<Utc>, service: &str| {
        let line = json!({"timestamp": at, "product": "filedrop", "service": service, "event": "sign_in",
            "user": "anna", "result": "success"});
        let line = line.to_string();
        bytes += line.len();
        append(&log, &line);
    };
    // Forty minutes of four events each, nine in the twenty-first; each is judged seven seconds after it happened.
    let calls = cloudwatch.calls();
    for minute in 0..40 {
        house.pass(Duration::minutes(1));
        for _ in 0..if minute == 20 { 9 } else { 4 } {
            write(house.now() - Duration::seconds(7), "auth");
        }
        cloudwatch.put("/app", "s", house.now(), house.now(), "polled line");
        house.settle().await;
    }
    let address = house.serve();
    let mara = house.user(MARA).await;
    let roles = BTreeSet::from([AccessRole::Viewer]);
    let (_, token) = house
        .desk()
        .make_token("a story", &roles, &mara)
        .await
        .expect("a token");

    let sources = shown_by_the_api(&address, &token, "sources").await;
    assert_eq!(sources[0]["lag_seconds"], json!(7));
    assert_eq!(
        sources[0]["last_event_at"],
        json!(house.now() - Duration::seconds(7))
    );
    append(&log, "no JSON here");
    house.settle().await;
    let sources = shown_by_the_api(&address, &token, "sources").await;
    let [file, polled] = sources.as_slice() else {
        panic!("two sources: {sources:#?}");
    };
    assert_eq!(
        (&file["name"], &polled["name"]),
        (&json!("app-log"), &json!("polled"))
    );
    let mut rate = vec![0; 20];
    rate.extend([4; 40]);
    rate[40] = 9;
    rate[59] += 1;
    assert_eq!(file["rate"], json!(rate));
    assert_eq!((&file["events"], &file["unparsed"]), (&json!(166), &json!(1)));
    let line_ends = 166;
    assert_eq!(file["bytes"], json!(bytes + "no JSON here".len() + line_ends));
    assert_eq!(file["last_judged_at"], json!(house.now()));
    assert_eq!(
        (&file["state"], &file["error"], &file["alerts"]),
        (&json!("ok"), &Value::Null, &json!([]))
    );
    assert_eq!(file["cost"], Value::Null, "nothing is asked for");
    assert_eq!((&polled["events"], &polled["throttled"]), (&json!(40), &json!(0)));
    let asked = cloudwatch.calls() - calls;
    assert_eq!(polled["calls"], json!(asked));
    // Thirty-nine minutes are measured, from the first look on.
    let cost = &polled["cost"];
    assert_eq!(cost["usd_a_month"], json!(0.0));
    let measured = cost["measured_seconds"].as_i64().expect("seconds");
    assert!((38 * 60..=40 * 60).contains(&measured), "{cost}");
    let a_day = cost["calls_a_day"].as_f64().expect("calls");
    let expected = asked as f64 * 86_400.0 / measured as f64;
    assert!(
        (a_day / expected - 1.0).abs() < 0.1,
        "{a_day} calls a day, and not {expected}"
    );
    let share = cost["share_of_limit"].as_f64().expect("a share");
    assert!((share - a_day / 86_400.0 / 5.0).abs() < 1e-9, "{cost}");
    // Its rules are those that the page of detectors gives it, each with the same answer.
    let rules = shown_by_the_api(&address, &token, "detectors").await;
    let judging = |answer: &str| {
        let judges = |rule: &&Value| {
            let named = rule["sources"].as_array().expect("names");
            named.contains(&json!("app-log")) && rule["coverage"]["satisfiable"] == answer
        };
        rules.iter().filter(judges).count()
    };
    let covered = json!({"can_match": judging("yes"), "unknown": judging("unknown"), "fields_unseen": judging("fields_unseen")});
    assert_eq!(file["coverage"], covered);
    assert!(
        judging("yes") + judging("unknown") + judging("fields_unseen") > 0,
        "{covered}"
    );

    // What a person sees.
    let Some(screens) = Screens::open(&address, engine).await else {
        return;
    };
    let seat = screens.seat("Mara").await;
    let issued = &house.passwords[MARA.email];
    seat.signs_in_for_the_first_time(MARA.email, issued, "a long password of mine")
        .await;
    seat.open("/sources").await;
    seat.is_at("Sources").await;
    let part = seat.part("app-log");
    for text in ["166", "5/min", "max 9", "1 line not parsed"] {
        part.sees(text).await;
    }
    part.press("See samples of app-log that did not parse").await;
    seat.dialog().sees("no JSON here").await;
    let part = seat.part("polled");
    for text in ["40", "1/min", "polling has no price"] {
        part.sees(text).await;
    }
    // A group that may not be read any more is an error that is seen.
    cloudwatch.deny("/app");
    for _ in 0..12 {
        house.pass(Duration::minutes(1));
        house.settle().await;
    }
    part.sees("logs:FilterLogEvents").await;
    part.sees("Cannot be read").await;
    seat.looks("sources").await;
    screens.close().await;
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
    each_trouble_of_a_source_is_a_page_where_nothing_is_configured
        => each_trouble_of_a_source_is_a_page_where_nothing_is_configured_on_sqlite,
           each_trouble_of_a_source_is_a_page_where_nothing_is_configured_on_postgresql;
    the_page_of_sources_shows_what_known_events_come_to
        => the_page_of_sources_shows_what_known_events_come_to_on_sqlite,
           the_page_of_sources_shows_what_known_events_come_to_on_postgresql;
    an_idle_source_is_not_behind_and_one_that_is_judged_late_is
        => an_idle_source_is_not_behind_and_one_that_is_judged_late_is_on_sqlite,
           an_idle_source_is_not_behind_and_one_that_is_judged_late_is_on_postgresql;
}
