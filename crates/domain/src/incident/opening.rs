//! An incident begins, by a detector or a person, and alerts join it.

use super::{
    Acknowledgement, Disclosure, DrillTerms, EntryKind, Incident, Intent, Outcome, Phase, Post, Role,
    Severity, Task, TaskState, TimerKind, WorstAlert,
};
use crate::actor::Actor;
use crate::alert::Alert;
use crate::id::IncidentId;
use crate::page::{PageReason, PageTarget};
use crate::playbook::Playbook;
use crate::words::counted;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What opens an incident.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// What it is, in a line.
    pub title: String,
    /// What is known.
    pub summary: String,
    /// How bad.
    pub severity: Severity,
    /// A detector or a person.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// What people should do.
    pub playbook: Option<&'a Playbook>,
    /// The mailbox that stands for every customer, where it is a drill.
    pub drill: Option<&'a str>,
}

impl Incident {
    /// Opens an incident: the playbook is pinned, its timers start, the on-call is paged.
    pub fn open(opening: Opening<'_>) -> Outcome<Self> {
        let id = IncidentId::generate(opening.at);
        Self::open_as(id, opening)
    }

    /// Opens an incident for an alert; its id follows from the alert's, so that it is opened once.
    pub fn open_for(alert: &Alert, playbook: Option<&Playbook>, at: DateTime<Utc>) -> Outcome<Self> {
        let opening = Opening {
            title: alert.title.clone(),
            summary: summary_of(alert),
            severity: alert.severity,
            by: Actor::Detector {
                detector: alert.detector.clone(),
            },
            at,
            playbook,
            drill: None,
        };
        let mut outcome = Self::open_as(IncidentId::derived(&[alert.id.as_str()]), opening);
        // Not the opening: after an outage the events may be hours old, and what happened near them belongs to them.
        outcome.subject.last_alert_at = alert.last_at;
        outcome.subject.take_in(alert);
        outcome
    }

    fn open_as(id: IncidentId, opening: Opening<'_>) -> Outcome<Self> {
        let Opening {
            title,
            summary,
            severity,
            by,
            at,
            playbook,
            drill,
        } = opening;
        let mut incident = Self {
            codename: codename(&id),
            id,
            number: 0,
            version: 1,
            title,
            summary,
            severity,
            phase: Phase::Detect,
            opened_at: at,
            opened_by: by.clone(),
            drill: drill.is_some(),
            drill_terms: drill.map(|mailbox| DrillTerms::pin(mailbox, playbook, severity)),
            entities: BTreeSet::new(),
            last_alert_at: at,
            alerts: 0,
            worst_alert: None,
            playbook: playbook.map(Playbook::pin),
            acknowledgement: Acknowledgement::Waiting,
            posts: Role::ALL
                .into_iter()
                .map(|role| (role, Post::default()))
                .collect(),
            timers: Vec::new(),
            tasks: playbook.map(|p| p.tasks(at)).unwrap_or_default(),
            disclosure: Disclosure::None,
            moments: BTreeMap::new(),
            hold: None,
            submissions: BTreeMap::new(),
            particulars: BTreeMap::new(),
            set_aside: BTreeMap::new(),
            pauses: BTreeMap::new(),
            assessments: Vec::new(),
            affected: BTreeMap::new(),
            unclaimed_tenants: BTreeSet::new(),
            closed_at: None,
        };
        let times = playbook.map(|p| p.timers.clone()).unwrap_or_default();
        incident.start_timer(
            TimerKind::Acknowledge { step: 1 },
            at + times.acknowledge.of(severity).duration(),
        );
        incident.start_timer(
            TimerKind::StatusUpdate {
                every: times.status_update.of(severity),
            },
            at + times.status_update.of(severity).duration(),
        );
        incident.time_tasks(0);
        let entry = incident.entry(
            EntryKind::Opened,
            at,
            at,
            &by,
            format!(
                "{}: {}",
                if drill.is_some() {
                    "Opened as a drill"
                } else {
                    "Opened"
                },
                incident.title
            ),
        );
        let page = Intent::Page {
            target: PageTarget::OnCall { step: 0 },
            reason: PageReason::Opened,
        };
        Outcome {
            subject: incident,
            entries: vec![entry],
            intents: vec![page],
        }
    }

    /// An alert joins: the incident is about its entities too, and becomes as severe as the alert while people have not lowered it.
    pub fn join(mut self, alert: &Alert, at: DateTime<Utc>) -> Outcome<Self> {
        let by = Actor::Detector {
            detector: alert.detector.clone(),
        };
        self.version += 1;
        self.take_in(alert);
        let text = format!(
            "{} ({}): expected {}; saw {}",
            alert.title,
            alert.severity.name(),
            alert.reason.expected,
            alert.reason.seen
        );
        let mut entries = vec![self.entry(EntryKind::AlertJoined, alert.first_at, at, &by, text)];
        let mut intents = Vec::new();
        if alert.severity > self.severity {
            let text = format!(
                "Severity {} → {} with this alert",
                self.severity.name(),
                alert.severity.name()
            );
            self.severity = alert.severity;
            self.follow(alert);
            entries.push(self.entry(EntryKind::SeverityChanged, at, at, &by, text));
            intents.push(Intent::Page {
                target: self.in_charge(),
                reason: PageReason::Worsened,
            });
        }
        Outcome {
            subject: self,
            entries,
            intents,
        }
    }

    /// Another playbook takes over, since what was seen is worse than what the incident began with: its roles and letters hold from
    /// now on, and its tasks are added, due from now. Tasks of the former one that are open are skipped, with the reason that it was
    /// replaced: they page nobody any more. What the incident has seen done already is done in the new tasks, too. `None` when the
    /// playbook is in force already.
    #[must_use]
    pub fn adopt(mut self, playbook: &Playbook, at: DateTime<Utc>) -> Option<Outcome<Self>> {
        let former = self.playbook.as_ref();
        if former.is_some_and(|former| former.id == playbook.id) {
            return None;
        }
        let tasks = playbook.tasks(at);
        let added = counted(tasks.len(), "task");
        let by = Actor::worker("playbooks");
        let (text, why) = match former {
            Some(former) => (
                format!(
                    "Playbook “{}” takes over from “{}”: {added} added",
                    playbook.title, former.title
                ),
                format!(
                    "the playbook “{}” took over from “{}”",
                    playbook.title, former.title
                ),
            ),
            None => (
                format!("Playbook “{}” applies: {added} added", playbook.title),
                String::new(),
            ),
        };
        let replaced = if former.is_some() {
            self.skip_replaced(&why, &by, at)
        } else {
            0
        };
        let text = if replaced == 0 {
            text
        } else {
            format!("{text}, {} of the former skipped", counted(replaced, "open task"))
        };
        self.version += 1;
        self.playbook = Some(playbook.pin());
        let first = self.tasks.len();
        self.tasks.extend(tasks);
        self.time_tasks(first);
        let mut entries = vec![self.entry(EntryKind::TaskChanged, at, at, &by, text)];
        entries.extend(self.did_before(&by, at));
        Some(Outcome {
            subject: self,
            entries,
            intents: Vec::new(),
        })
    }

    /// Skips the open tasks of a playbook that is replaced; whom contracts ask to tell by hand stays. Says how many there were.
    fn skip_replaced(&mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> usize {
        let mut skipped = BTreeSet::new();
        let open = self
            .tasks
            .iter_mut()
            .filter(|task| task.state == TaskState::Open && task.by_hand.is_none());
        for task in open {
            task.state = TaskState::Skipped {
                by: by.clone(),
                at,
                why: why.to_owned(),
            };
            skipped.insert(task.id.clone());
        }
        self.finish_timers(
            at,
            |kind| matches!(kind, TimerKind::Task { task } if skipped.contains(task)),
        );
        skipped.len()
    }

    /// Starts the timers of the tasks from the one at `first` on.
    pub(super) fn time_tasks(&mut self, first: usize) {
        let timed = |task: &Task| {
            task.due_at.map(|due_at| {
                (
                    TimerKind::Task {
                        task: task.id.clone(),
                    },
                    due_at,
                )
            })
        };
        let timers: Vec<(TimerKind, DateTime<Utc>)> = self.tasks[first..].iter().filter_map(timed).collect();
        for (kind, due_at) in timers {
            self.start_timer(kind, due_at);
        }
    }

    /// What a detector opened is called after the worst that was seen, so that whoever is woken reads that first. Once somebody has
    /// answered, the words are theirs.
    fn follow(&mut self, alert: &Alert) {
        let untouched = matches!(self.opened_by, Actor::Detector { .. })
            && self.acknowledgement == Acknowledgement::Waiting;
        if untouched {
            self.title.clone_from(&alert.title);
            self.summary = summary_of(alert);
        }
    }

    /// Who must hear of news: the commander, or the on-call while there is none.
    #[must_use]
    pub fn in_charge(&self) -> PageTarget {
        match self.holder(Role::Commander) {
            Some(user) => PageTarget::Person { user: user.clone() },
            None => PageTarget::OnCall { step: 0 },
        }
    }

    fn take_in(&mut self, alert: &Alert) {
        self.alerts += 1;
        self.keep_worst(alert);
        self.entities.extend(alert.entities.iter().cloned());
        self.last_alert_at = self.last_alert_at.max(alert.last_at);
    }

    /// Keeps what the worst alert says; an alert that becomes worse is looked at again.
    fn keep_worst(&mut self, alert: &Alert) -> bool {
        let known = self.worst_alert.as_ref();
        if known.is_some_and(|known| known.severity >= alert.severity) {
            return false;
        }
        self.worst_alert = Some(WorstAlert {
            alert: alert.id.clone(),
            title: alert.title.clone(),
            severity: alert.severity,
        });
        true
    }

    /// Fresher figures of an alert that has joined already: only the time of its last event and its entities count.
    #[must_use]
    pub fn refresh(mut self, alert: &Alert) -> Option<Self> {
        let known = alert.entities.is_subset(&self.entities);
        let worse = self.keep_worst(alert);
        if known && !worse && alert.last_at <= self.last_alert_at {
            return None;
        }
        self.version += 1;
        self.entities.extend(alert.entities.iter().cloned());
        self.last_alert_at = self.last_alert_at.max(alert.last_at);
        Some(self)
    }
}

/// Two words to say on the phone. 32 × 32 pairs: a memory aid, not an identifier.
fn codename(id: &IncidentId) -> String {
    const FIRST: [&str; 32] = [
        "amber", "brisk", "calm", "clear", "coral", "crisp", "deep", "early", "even", "fair", "firm",
        "fleet", "frost", "gentle", "golden", "grand", "green", "hazel", "ivory", "keen", "late", "lively",
        "lunar", "mellow", "north", "plain", "quiet", "rapid", "silver", "still", "swift", "warm",
    ];
    const SECOND: [&str; 32] = [
        "anchor", "badger", "beacon", "birch", "bridge", "cedar", "comet", "condor", "delta", "ember",
        "falcon", "fjord", "garnet", "harbor", "heron", "island", "jasper", "lantern", "maple", "meadow",
        "orchid", "osprey", "pebble", "quartz", "raven", "river", "saddle", "summit", "thistle", "tundra",
        "violet", "willow",
    ];
    let digest = crate::id::digest(&[id.as_str()]);
    let pick = |at: usize| usize::from_str_radix(&digest[at..at + 4], 16).unwrap_or(0) % 32;
    format!("{} {}", FIRST[pick(0)], SECOND[pick(4)])
}

fn summary_of(alert: &Alert) -> String {
    format!("Expected {}; saw {}.", alert.reason.expected, alert.reason.seen)
}
