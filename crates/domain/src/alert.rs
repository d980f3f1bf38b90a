//! Like detections, folded together: one row that wakes one person once, however often it repeats.

use crate::actor::Actor;
use crate::detection::{Detection, EVIDENCE_LIMIT, Evidence, Level, Reason, TENANT_LIMIT, TenantTrace};
use crate::event::Entity;
use crate::id::{AlertId, DetectionId, IncidentId, digest};
use crate::incident::{Incident, Phase, Severity};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has looked yet.
    Open,
    /// Somebody has it.
    Acknowledged {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// It is dealt with. A detection of the same key opens a new alert.
    Resolved {
        /// Who said so.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// What it was.
        verdict: Verdict,
        /// Why.
        why: String,
    },
}

impl AlertState {
    /// The state's name, as filters use it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Resolved { .. } => "resolved",
        }
    }
}

/// What an alert turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was what the rule looks for.
    TruePositive,
    /// The rule was wrong.
    FalsePositive,
    /// The rule was right, and it was allowed or expected.
    Expected,
}

/// Like detections, folded together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id, derived from the dedupe key and the first detection.
    pub id: AlertId,
    /// Counts every change; a writer names the version it read.
    pub version: i64,
    /// What is folded into it: same detector, same group.
    pub dedupe_key: String,
    /// The rule's id.
    pub detector: String,
    /// The rule's title.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    #[serde(flatten)]
    pub state: AlertState,
    /// The group-by values.
    pub group: Vec<(String, String)>,
    /// When the first event happened.
    pub first_at: DateTime<Utc>,
    /// When the last event happened.
    pub last_at: DateTime<Utc>,
    /// When the alert was opened.
    pub opened_at: DateTime<Utc>,
    /// How many events each detection rests on: the newest [`DETECTIONS_KEPT`] by id, whatever came before summed up in
    /// `settled_events` and `settled_detections`.
    pub detections: BTreeMap<DetectionId, DetectionFigures>,
    /// Events of detections that are no longer listed.
    #[serde(default)]
    pub settled_events: u64,
    /// Detections that are no longer listed.
    #[serde(default)]
    pub settled_detections: u64,
    /// Why it fired, by the newest detection.
    pub reason: Reason,
    /// Events kept as evidence.
    pub evidence: Vec<Evidence>,
    /// Whom it is about.
    pub entities: BTreeSet<Entity>,
    /// ATT&CK and other tags.
    pub tags: Vec<String>,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
}

/// What one detection contributes to its alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionFigures {
    /// Its events so far.
    pub events: u64,
    /// When its last event happened.
    pub last_at: DateTime<Utc>,
    /// The tenants that its events name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantTrace>,
}

/// How many detections an alert lists one by one.
pub const DETECTIONS_KEPT: usize = 50;

/// A detection of the same key within this time after the last event folds into the open alert.
pub fn fold_window() -> Duration {
    Duration::hours(24)
}

impl Alert {
    /// The dedupe key of a detection: its detector and group.
    #[must_use]
    pub fn dedupe_key(detection: &Detection) -> String {
        let mut parts = vec![detection.detector.as_str()];
        for (field, value) in &detection.group {
            parts.extend([field.as_str(), value.as_str()]);
        }
        digest(&parts)[..32].to_owned()
    }

    /// A new alert that rests on one detection.
    #[must_use]
    pub fn open(detection: Detection, at: DateTime<Utc>) -> Self {
        let dedupe_key = Self::dedupe_key(&detection);
        let mut alert = Self {
            id: AlertId::derived(&[&dedupe_key, detection.id.as_str()]),
            version: 1,
            dedupe_key,
            detector: detection.detector.clone(),
            title: detection.title.clone(),
            severity: Severity::of_level(detection.level),
            state: AlertState::Open,
            group: detection.group.clone(),
            first_at: detection.first_at,
            last_at: detection.last_at,
            opened_at: at,
            detections: BTreeMap::new(),
            settled_events: 0,
            settled_detections: 0,
            reason: detection.reason.clone(),
            evidence: Vec::new(),
            entities: BTreeSet::new(),
            tags: detection.tags.clone(),
            incident: None,
        };
        alert.absorb(detection);
        alert
    }

    /// Whether `detection` belongs to this alert: same key, not resolved, and not long after the last event, save that a finding of another
    /// detector stays the same finding however much later it recurs. `over` says that the alert's incident is closed: what recurs long
    /// after that is for nobody any more, and opens an alert that somebody sees.
    #[must_use]
    pub fn folds(&self, detection: &Detection, over: bool) -> bool {
        self.dedupe_key == Self::dedupe_key(detection)
            && !matches!(self.state, AlertState::Resolved { .. })
            && ((detection.is_finding() && !over) || detection.first_at <= self.last_at + fold_window())
    }

    /// The alert with one more detection in it, or with fresher figures of one that it has. Folding the same detection twice
    /// changes nothing; `None` says that nothing changed.
    #[must_use]
    pub fn fold(mut self, detection: Detection) -> Option<Self> {
        let known = self.detections.get(&detection.id);
        if known.is_some_and(|k| k.events >= detection.events_seen && k.last_at >= detection.last_at) {
            return None;
        }
        self.version += 1;
        self.absorb(detection);
        Some(self)
    }

    fn absorb(&mut self, detection: Detection) {
        if detection.last_at >= self.last_at {
            self.reason = detection.reason;
        }
        self.first_at = self.first_at.min(detection.first_at);
        self.last_at = self.last_at.max(detection.last_at);
        self.severity = self.severity.max(Severity::of_level(detection.level));
        for evidence in detection.evidence {
            let known = self
                .evidence
                .iter()
                .any(|e| e.source == evidence.source && e.event == evidence.event);
            if !known && self.evidence.len() < 2 * EVIDENCE_LIMIT {
                self.evidence.push(evidence);
            }
        }
        self.entities.extend(detection.entities);
        let figures = DetectionFigures {
            events: detection.events_seen,
            last_at: detection.last_at,
            tenants: detection.tenants,
        };
        self.detections.insert(detection.id, figures);
        self.settle();
    }

    /// Keeps the list of detections short: the oldest without tenants are summed up first, since tenants are evidence.
    fn settle(&mut self) {
        while self.detections.len() > DETECTIONS_KEPT {
            let oldest = self
                .detections
                .iter()
                .min_by_key(|(id, figures)| (figures.last_at, (*id).clone()))
                .map(|(id, _)| id.clone());
            let Some((id, figures)) = oldest.and_then(|id| self.detections.remove_entry(&id)) else {
                return;
            };
            self.settled_events += figures.events;
            self.settled_detections += 1;
            if !figures.tenants.is_empty() {
                self.keep_tenants(&id, figures);
            }
        }
    }

    /// Tenants of a detection that is summed up move to the oldest that stays.
    fn keep_tenants(&mut self, _settled: &DetectionId, figures: DetectionFigures) {
        let Some(heir) = self.detections.values_mut().min_by_key(|f| f.last_at) else {
            return;
        };
        for (tenant, trace) in figures.tenants {
            let joined = match heir.tenants.remove(&tenant) {
                Some(known) => known.join(trace),
                None if heir.tenants.len() >= TENANT_LIMIT => continue,
                None => trace,
            };
            heir.tenants.insert(tenant, joined);
        }
    }

    /// How many events it rests on.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.settled_events
            + self
                .detections
                .values()
                .map(|figures| figures.events)
                .sum::<u64>()
    }

    /// How many detections it rests on.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.settled_detections + self.detections.len() as u64
    }

    /// Every tenant that its events name, with what they say about it.
    #[must_use]
    pub fn tenants(&self) -> BTreeMap<String, TenantTrace> {
        let mut all: BTreeMap<String, TenantTrace> = BTreeMap::new();
        for (tenant, trace) in self
            .detections
            .values()
            .flat_map(|figures| figures.tenants.iter())
        {
            let joined = match all.remove(tenant) {
                Some(known) => known.join(trace.clone()),
                None => trace.clone(),
            };
            all.insert(tenant.clone(), joined);
        }
        all
    }

    /// Every tenant that events of several alerts name, each event counted once: see [`TenantTrace::of_alerts`].
    #[must_use]
    pub fn tenants_of(alerts: &[Self]) -> BTreeMap<String, TenantTrace> {
        let mut told: BTreeMap<&String, Vec<Vec<TenantTrace>>> = BTreeMap::new();
        for alert in alerts {
            let mut theirs: BTreeMap<&String, Vec<TenantTrace>> = BTreeMap::new();
            for (tenant, trace) in alert.detections.values().flat_map(|figures| &figures.tenants) {
                theirs.entry(tenant).or_default().push(trace.clone());
            }
            for (tenant, traces) in theirs {
                told.entry(tenant).or_default().push(traces);
            }
        }
        told.into_iter()
            .filter_map(|(tenant, told)| Some((tenant.clone(), TenantTrace::of_alerts(&told)?)))
            .collect()
    }

    /// Somebody has it.
    ///
    /// # Errors
    /// A resolved alert stays resolved.
    pub fn acknowledge(mut self, by: &Actor, at: DateTime<Utc>) -> Result<Self, AlertError> {
        match self.state {
            AlertState::Open => {}
            AlertState::Acknowledged { .. } => return Ok(self),
            AlertState::Resolved { .. } => {
                return Err(AlertError::Resolved {
                    attempted: "acknowledge",
                });
            }
        }
        self.version += 1;
        self.state = AlertState::Acknowledged { by: by.clone(), at };
        Ok(self)
    }

    /// It is dealt with.
    ///
    /// # Errors
    /// Refused when it already is, or when no reason is given.
    pub fn resolve(
        mut self,
        verdict: Verdict,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, AlertError> {
        if matches!(self.state, AlertState::Resolved { .. }) {
            return Err(AlertError::Resolved { attempted: "resolve" });
        }
        if why.trim().is_empty() {
            return Err(AlertError::NoReason);
        }
        self.version += 1;
        self.state = AlertState::Resolved {
            by: by.clone(),
            at,
            verdict,
            why: why.trim().to_owned(),
        };
        Ok(self)
    }

    /// The alert as part of an incident.
    #[must_use]
    pub fn attach(mut self, incident: &IncidentId) -> Self {
        self.version += 1;
        self.incident = Some(incident.clone());
        self
    }

    /// Whether it belongs to an incident: they share an actor or a tenant, the incident is neither closed nor a drill, and not more than
    /// `within` lies between this alert and the last one of the incident.
    #[must_use]
    pub fn joins(&self, incident: &Incident, within: Duration) -> bool {
        let last_at = incident.last_alert_at;
        incident.phase != Phase::Closed
            && !incident.drill
            && self.first_at <= last_at + within
            && self.last_at >= last_at - within
            && !self.entities.is_disjoint(&incident.entities)
    }
}

/// What an alert refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertError {
    /// A resolved alert stays as it is; the next detection opens a new one.
    #[error("cannot {attempted} an alert that is resolved; a new detection opens a new alert")]
    Resolved {
        /// What was tried.
        attempted: &'static str,
    },
    /// A verdict needs its reason.
    #[error("say why: a verdict without a reason helps nobody who reads it later")]
    NoReason,
}

impl Severity {
    /// What a detector's level means for people.
    #[must_use]
    pub fn of_level(level: Level) -> Self {
        match level {
            Level::Critical => Self::Sev1,
            Level::High => Self::Sev2,
            Level::Medium => Self::Sev3,
            Level::Low | Level::Informational => Self::Sev4,
        }
    }
}
