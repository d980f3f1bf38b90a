//! What people should do: roles, timers, tasks and letters, one YAML file each, pinned into the incident when it starts.

use crate::alert::Alert;
use crate::id::{TaskId, digest};
use crate::incident::{Act, Phase, Role, Severity, Task, TaskState};
use crate::span::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often the reminder of an undecided disclosure repeats.
pub const DISCLOSURE_REMINDER: Span = Span::hours(1);

/// A length of time for each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BySeverity {
    /// For sev1.
    pub sev1: Span,
    /// For sev2.
    pub sev2: Span,
    /// For sev3.
    pub sev3: Span,
    /// For sev4.
    pub sev4: Span,
}

impl BySeverity {
    /// The length for `severity`.
    #[must_use]
    pub fn of(&self, severity: Severity) -> Span {
        match severity {
            Severity::Sev1 => self.sev1,
            Severity::Sev2 => self.sev2,
            Severity::Sev3 => self.sev3,
            Severity::Sev4 => self.sev4,
        }
    }
}

/// The timers of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlaybookTimers {
    /// Within which somebody answers the page before it escalates.
    pub acknowledge: BySeverity,
    /// How often a status update is due.
    pub status_update: BySeverity,
    /// Within which a suspected disclosure is decided.
    pub disclosure_decision: Span,
}

impl Default for PlaybookTimers {
    fn default() -> Self {
        Self {
            acknowledge: BySeverity {
                sev1: Span::minutes(5),
                sev2: Span::minutes(10),
                sev3: Span::hours(1),
                sev4: Span::hours(8),
            },
            status_update: BySeverity {
                sev1: Span::minutes(30),
                sev2: Span::hours(1),
                sev3: Span::hours(4),
                sev4: Span::hours(24),
            },
            disclosure_decision: Span::hours(24),
        }
    }
}

/// What a playbook is for: every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookMatch {
    /// Rule ids; empty means any.
    #[serde(default)]
    pub detectors: Vec<String>,
    /// Tags, such as `attack.t1110.004`; one that the alert carries is enough; empty means any.
    #[serde(default)]
    pub tags: Vec<String>,
    /// At least this severe.
    #[serde(default)]
    pub min_severity: Option<Severity>,
}

/// A role as the playbook asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookRole {
    /// Whether a vacancy is shown as a fault.
    #[serde(default)]
    pub required: bool,
    /// What this role does here.
    pub duty: String,
}

/// One phase of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookPhase {
    /// Which.
    pub id: Phase,
    /// What to do in it.
    pub tasks: Vec<PlaybookTask>,
}

/// One task of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookTask {
    /// Unique within the playbook.
    pub id: String,
    /// What to do, in a line.
    pub title: String,
    /// Which role does it.
    pub role: Role,
    /// Counted from the opening of the incident.
    #[serde(default)]
    pub due: Option<Span>,
    /// The CSF 2.0 subcategory it serves.
    #[serde(default)]
    pub csf: Option<String>,
    /// The act in the product that does it: then nobody ticks it off, and nobody is paged for it afterwards.
    #[serde(default)]
    pub done_by: Option<Act>,
}

/// What people should do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// Never changes: `playbook--` and a UUID (CACAO 2.0 §4.1).
    pub id: String,
    /// Short name: `credential-stuffing`.
    pub name: String,
    /// For people.
    pub title: String,
    /// When to use it and what it aims at.
    pub description: String,
    /// Raised with every change.
    pub version: u32,
    /// ATT&CK techniques and words to find it by.
    #[serde(default)]
    pub labels: Vec<String>,
    /// When somebody must read it again, `YYYY-MM-DD`.
    pub review_by: chrono::NaiveDate,
    /// What it is for. Of several that match, the one listed first by name wins among those with the most conditions.
    #[serde(rename = "match")]
    pub matches: PlaybookMatch,
    /// Who is needed.
    #[serde(default)]
    pub roles: BTreeMap<Role, PlaybookRole>,
    /// What is due when.
    #[serde(default)]
    pub timers: PlaybookTimers,
    /// What to do.
    pub phases: Vec<PlaybookPhase>,
    /// The folder of letters to send from, below `letters/`.
    #[serde(default = "default_letters")]
    pub letters: String,
    /// SHA-256 of the file's text, hex; set when it is read.
    #[serde(skip_deserializing, default)]
    pub hash: String,
}

fn default_letters() -> String {
    "customer".to_owned()
}

/// A playbook as it was when the incident started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedPlaybook {
    /// Which.
    pub id: String,
    /// For people.
    pub title: String,
    /// Which version.
    pub version: u32,
    /// SHA-256 of the file's text, hex.
    pub hash: String,
    /// Within which a suspected disclosure is decided.
    pub disclosure_decision: Span,
    /// The folder of letters.
    pub letters: String,
    /// The roles it asks for.
    pub roles: BTreeMap<Role, PlaybookRole>,
}

impl Playbook {
    /// Reads a playbook from YAML.
    ///
    /// # Errors
    /// Says the line and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut playbook: Self = serde_yaml_ng::from_str(text).map_err(|fault| fault.to_string())?;
        let faults = playbook.faults();
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        playbook.hash = digest(&[text]);
        Ok(playbook)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.id.starts_with("playbook--") {
            faults.push(format!("id is `{}`; write `playbook--` and a UUID", self.id));
        }
        let mut seen = std::collections::BTreeSet::new();
        for task in self.phases.iter().flat_map(|phase| &phase.tasks) {
            if !seen.insert(&task.id) {
                faults.push(format!(
                    "task id `{}` stands twice; ids are unique within a playbook",
                    task.id
                ));
            }
        }
        faults
    }

    /// What is pinned into an incident.
    #[must_use]
    pub fn pin(&self) -> PinnedPlaybook {
        PinnedPlaybook {
            id: self.id.clone(),
            title: self.title.clone(),
            version: self.version,
            hash: self.hash.clone(),
            disclosure_decision: self.timers.disclosure_decision,
            letters: self.letters.clone(),
            roles: self.roles.clone(),
        }
    }

    /// Its tasks for an incident opened at `at`.
    #[must_use]
    pub fn tasks(&self, at: DateTime<Utc>) -> Vec<Task> {
        let of_phase = |phase: &PlaybookPhase| {
            let make = |task: &PlaybookTask| Task {
                id: TaskId::derived(&[&self.id, &task.id]),
                title: task.title.clone(),
                phase: phase.id,
                role: task.role,
                due_at: task.due.map(|due| at + due.duration()),
                csf: task.csf.clone(),
                by_hand: None,
                done_by: task.done_by,
                state: TaskState::Open,
            };
            phase.tasks.iter().map(make).collect::<Vec<_>>()
        };
        self.phases.iter().flat_map(of_phase).collect()
    }

    /// How many conditions match; `None` when one does not hold.
    fn fits(&self, alert: &Alert) -> Option<usize> {
        let PlaybookMatch {
            detectors,
            tags,
            min_severity,
        } = &self.matches;
        let holds = (detectors.is_empty() || detectors.contains(&alert.detector))
            && (tags.is_empty() || tags.iter().any(|tag| alert.tags.contains(tag)))
            && min_severity.is_none_or(|least| alert.severity >= least);
        let weight = usize::from(!detectors.is_empty()) * 4 + usize::from(!tags.is_empty()) * 2;
        (holds && weight > 0).then_some(weight + usize::from(min_severity.is_some()))
    }

    /// The playbook for an alert: the one whose conditions are most specific, by name among equals.
    #[must_use]
    pub fn for_alert<'a>(playbooks: &'a [Self], alert: &Alert) -> Option<&'a Self> {
        let fitting = playbooks
            .iter()
            .filter_map(|p| p.fits(alert).map(|weight| (weight, p)));
        fitting
            .max_by(|(a, p), (b, q)| a.cmp(b).then(q.name.cmp(&p.name)))
            .map(|(_, p)| p)
    }
}
