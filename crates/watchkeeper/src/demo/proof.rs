//! The proof that the demo shows what it says: what the generator writes goes through the ordinary sources, the shipped
//! detectors and the domain's rules for alerts and incidents.

use super::company::customers;
use super::story::{STOLEN_KEY, TAKEN, THIEF};
use super::{Generator, Story, finding_secret, sources};
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watchkeeper_collect::receive::PushHeaders;
use watchkeeper_collect::{Cursor, Receiver, Source};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{Entity, EntityFields};
use watchkeeper_domain::id::{AlertId, IncidentId};
use watchkeeper_domain::incident::{Incident, Severity};

const SEED: u64 = 20_260_105;

fn begun(dir: &Path, now: DateTime<Utc>) -> Generator {
    Generator::with(dir, SEED, customers(), now).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The detectors as they are shipped.
fn shipped_rules() -> Vec<RuleFile> {
    fn gather(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    gather(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detectors"),
        &mut found,
    );
    found.sort();
    let read = |path: PathBuf| {
        RuleFile::new(
            path.display().to_string(),
            std::fs::read_to_string(&path).unwrap(),
        )
    };
    found.into_iter().map(read).collect()
}

/// The company, and somebody who watches it.
struct Watched {
    clock: Arc<ManualClock>,
    generator: Generator,
    readers: Vec<(Box<dyn Source>, Cursor)>,
    findings: Arc<Receiver>,
    engine: DetectorSet,
    alerts: BTreeMap<AlertId, Alert>,
    incidents: Vec<Incident>,
    events: u64,
    unparsed: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Watched {
    async fn from(start: DateTime<Utc>, has_story: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let generator = begun(dir.path(), start);
        let generator = if has_story {
            generator
        } else {
            generator.without_story()
        };
        assert_eq!(
            finding_secret(dir.path()).unwrap(),
            finding_secret(dir.path()).unwrap()
        );
        let mut readers = Vec::new();
        let mut findings = None;
        for source in sources(dir.path()) {
            assert_eq!(source.validate(), []);
            let opened = watchkeeper_collect::open(&source, clock.clone(), dir.path())
                .await
                .unwrap();
            findings = findings.or(opened.receiver);
            readers.push((opened.source, Cursor::start()));
        }
        let engine = DetectorSet::load(shipped_rules(), EntityFields::default(), Limits::default());
        assert!(engine.quarantined().is_empty(), "{:#?}", engine.quarantined());
        Self {
            clock,
            generator,
            readers,
            findings: findings.unwrap(),
            engine,
            alerts: BTreeMap::new(),
            incidents: Vec::new(),
            events: 0,
            unparsed: Vec::new(),
            _dir: dir,
        }
    }

    /// Lets `span` pass in steps, each with a turn of everything.
    async fn pass(&mut self, span: Duration, step: Duration) {
        let until = self.clock.now() + span;
        self.turn().await;
        while self.clock.now() < until {
            self.clock.advance(step);
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        self.generator.turn(self.clock.now()).unwrap();
        let findings = self.generator.take_findings();
        for finding in &findings {
            self.findings
                .accept_lines(finding.to_string().into(), PushHeaders::default())
                .await
                .unwrap();
        }
        self.generator.findings_posted().unwrap();
        for (source, cursor) in &mut self.readers {
            loop {
                let batch = source.read(cursor).await.unwrap();
                *cursor = batch.next;
                self.events += batch.events.len() as u64;
                for event in &batch.events {
                    self.unparsed.extend(
                        event
                            .unparsed
                            .as_ref()
                            .map(|reason| format!("{reason}: {}", event.raw)),
                    );
                    self.engine.observe(event);
                }
                source.committed(cursor).await.unwrap();
                if !batch.more {
                    break;
                }
            }
        }
        for detection in self.engine.drain() {
            self.fold(detection);
        }
    }

    /// As the worker that watches does it, without a database.
    fn fold(&mut self, detection: Detection) {
        let now = self.clock.now();
        let standing = self
            .alerts
            .values()
            .find(|alert| alert.folds(&detection, false))
            .cloned();
        let alert = match standing {
            Some(alert) => match alert.fold(detection) {
                Some(alert) => alert,
                None => return,
            },
            None => Alert::open(detection, now),
        };
        let alert = match &alert.incident {
            Some(id) => {
                let incident = self
                    .incidents
                    .iter_mut()
                    .find(|incident| incident.id == *id)
                    .unwrap();
                if let Some(fresher) = incident.clone().refresh(&alert) {
                    *incident = fresher;
                }
                alert
            }
            None => self.place(alert, now),
        };
        self.alerts.insert(alert.id.clone(), alert);
    }

    fn place(&mut self, alert: Alert, now: DateTime<Utc>) -> Alert {
        // As the configuration has it, where nothing else is said.
        let within = Duration::hours(6);
        let host = self.incidents.iter_mut().find(|i| alert.joins(i, within));
        if let Some(host) = host {
            *host = host.clone().join(&alert, now).subject;
            return alert.attach(&host.id);
        }
        if alert.severity < Severity::Sev2 {
            return alert;
        }
        let mut incident = Incident::open_for(&alert, None, now).subject;
        let loose: Vec<AlertId> = self
            .alerts
            .values()
            .filter(|a| a.incident.is_none())
            .map(|a| a.id.clone())
            .collect();
        for id in loose {
            let Some(alert) = self.alerts.remove(&id) else {
                continue;
            };
            let alert = if alert.joins(&incident, within) {
                incident = incident.join(&alert, now).subject;
                alert.attach(&incident.id)
            } else {
                alert
            };
            self.alerts.insert(id, alert);
        }
        let alert = alert.attach(&incident.id);
        self.incidents.push(incident);
        alert
    }

    fn titles(&self, incident: &IncidentId) -> BTreeSet<&str> {
        let of = |alert: &&Alert| alert.incident.as_ref() == Some(incident);
        self.alerts
            .values()
            .filter(of)
            .map(|alert| alert.title.as_str())
            .collect()
    }

    /// What the alerts say, for the message of a check that fails.
    fn told(&self) -> String {
        let line = |alert: &Alert| {
            let place = self
                .incidents
                .iter()
                .position(|incident| Some(&incident.id) == alert.incident.as_ref());
            format!(
                "{:?} {place:?} {} {:?}: {}",
                alert.severity, alert.title, alert.group, alert.reason.seen
            )
        };
        let lines: Vec<String> = self.alerts.values().map(line).collect();
        format!("{}\n{:#?}", lines.join("\n"), self.engine.dropped())
    }
}

fn expected_of(beat: &str) -> BTreeSet<&'static str> {
    let beats = Story::beats().into_iter().filter(|known| known.name == beat);
    beats.flat_map(|known| known.trips).copied().collect()
}

#[tokio::test]
async fn two_ordinary_hours_wake_nobody() {
    let mut watched = Watched::from(at("2026-03-04T11:00:00Z"), false).await;
    watched.pass(Duration::hours(2), Duration::seconds(20)).await;
    assert!(watched.events > 30_000, "{} events", watched.events);
    assert_eq!(watched.unparsed, Vec::<String>::new());
    let worse = |than| {
        watched
            .alerts
            .values()
            .filter(|alert| alert.severity >= than)
            .count()
    };
    assert_eq!(worse(Severity::Sev2), 0, "{}", watched.told());
    assert!(worse(Severity::Sev3) <= 1, "{}", watched.told());
}

#[tokio::test]
async fn the_story_becomes_one_incident_for_the_release_and_one_for_the_theft_of_seven_customers_files() {
    for start in ["2026-03-04T12:30:00Z", "2026-03-08T02:10:00Z"] {
        let mut watched = Watched::from(at(start), true).await;
        watched.pass(Duration::minutes(12), Duration::seconds(5)).await;
        holds(&watched);
    }
}

#[tokio::test]
async fn a_jump_over_the_story_loses_none_of_it() {
    let mut watched = Watched::from(at("2026-03-04T08:00:00Z"), true).await;
    watched.pass(Duration::seconds(30), Duration::seconds(5)).await;
    let before = watched.events;
    watched.pass(Duration::hours(30), Duration::hours(5)).await;
    assert!(watched.events - before < 6 * 21_000, "{} events", watched.events);
    holds(&watched);
}

fn holds(watched: &Watched) {
    assert_eq!(watched.unparsed, Vec::<String>::new());
    let told = watched.told();
    let fired: BTreeSet<&str> = watched
        .alerts
        .values()
        .map(|alert| alert.title.as_str())
        .collect();
    for beat in Story::beats() {
        for title in beat.trips {
            assert!(
                fired.contains(title),
                "`{title}` should fire when {}\n{told}",
                beat.name
            );
        }
    }
    assert_eq!(watched.incidents.len(), 2, "{told}");
    let [release, theft] = &watched.incidents[..] else {
        return;
    };
    // The alert about the route names nobody by whom it could join, and is not severe enough for an incident of its own.
    assert_eq!(
        watched.titles(&release.id),
        BTreeSet::from(["Share of server errors above 10 %"]),
        "{told}"
    );
    assert!(release.entities.is_disjoint(&theft.entities), "{told}");
    assert!(
        theft.entities.contains(&Entity::Actor(THIEF.to_owned())),
        "{told}"
    );
    assert!(
        theft.severity >= Severity::Sev2 && theft.severity >= release.severity,
        "{told}"
    );
    for beat in [
        "stolen passwords are tried",
        "a stolen key copies files",
        "GuardDuty sees it",
    ] {
        assert!(!expected_of(beat).is_empty());
        let titles = watched.titles(&theft.id);
        assert!(
            expected_of(beat).is_subset(&titles.into_iter().collect()),
            "{beat}\n{told}"
        );
    }
    tenants_are_the_seven(watched, &theft.id);
    let loose = watched
        .alerts
        .values()
        .filter(|alert| alert.incident.is_none() && alert.severity >= Severity::Sev3);
    let loose: Vec<&str> = loose.map(|alert| alert.title.as_str()).collect();
    assert_eq!(loose, ["One route fails for three requests in ten"], "{told}");
}

/// Both by the key's own alert and by everything that the incident's alerts name: from the latter customers are proposed.
fn tenants_are_the_seven(watched: &Watched, theft: &IncidentId) {
    let seven: BTreeSet<String> = TAKEN.iter().map(|tenant| (*tenant).to_owned()).collect();
    let named = |wanted: &dyn Fn(&Alert) -> bool| -> BTreeSet<String> {
        watched
            .alerts
            .values()
            .filter(|alert| wanted(alert))
            .flat_map(|alert| alert.tenants().into_keys())
            .collect()
    };
    let by_key = named(&|alert| alert.entities.contains(&Entity::Actor(STOLEN_KEY.to_owned())));
    let by_incident = named(&|alert| alert.incident.as_ref() == Some(theft));
    assert_eq!(by_key, seven, "{}", watched.told());
    assert_eq!(by_incident, seven, "{}", watched.told());
    let owned: BTreeSet<String> = customers()
        .into_iter()
        .flat_map(|customer| customer.tenants)
        .collect();
    assert!(seven.is_subset(&owned));
}
