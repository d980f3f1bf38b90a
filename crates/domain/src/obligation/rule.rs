//! What a law or a contract asks, as data: who is told, from when, within which limit, in which phases.
//!
//! A rule is read from a file that names its source and how sure it is; people who know the law read and enable it. Given the
//! instants of an incident, a rule tells what is due when, and why, or what it waits for.

use super::calendar::Calendar;
use super::limit::{Counting, Limit, Reading, Standstill};
use super::{PROMISE, Step};
use crate::customer::DEFAULT_LIMIT;
use crate::span::Span;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A moment of an incident that clocks start from. Each is recorded on its own, with who recorded it and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// It happened.
    Occurred,
    /// A detector or a person saw something.
    Detected,
    /// A disclosure was suspected.
    Suspected,
    /// The company was aware, with the certainty that the law asks for.
    Aware,
    /// The disclosure was confirmed.
    Confirmed,
    /// It was determined to be material, or a breach as the law defines it.
    Determined,
    /// It was classified, such as a major incident.
    Classified,
}

impl Moment {
    /// All of them, in the order they usually come.
    pub const ALL: [Self; 7] = [
        Self::Occurred,
        Self::Detected,
        Self::Suspected,
        Self::Aware,
        Self::Confirmed,
        Self::Determined,
        Self::Classified,
    ];

    /// The word that files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Occurred => "occurred",
            Self::Detected => "detected",
            Self::Suspected => "suspected",
            Self::Aware => "aware",
            Self::Confirmed => "confirmed",
            Self::Determined => "determined",
            Self::Classified => "classified",
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a phase counts from: a moment, written by its name, or what was submitted for another phase, written `initial.submitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Start {
    /// A moment of the incident.
    Moment(Moment),
    /// The instant at which the phase was submitted in fact, not the one at which it was due.
    Submission(String),
}

impl TryFrom<String> for Start {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(phase) = text.strip_suffix(".submitted") {
            return Ok(Self::Submission(phase.to_owned()));
        }
        let moment = Moment::ALL.into_iter().find(|moment| moment.name() == text);
        moment.map(Self::Moment).ok_or_else(|| {
            let names = Moment::ALL.map(Moment::name).join(", ");
            format!("`{text}` is nothing to count from; write one of {names}, or `PHASE.submitted`")
        })
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        start.to_string()
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moment(moment) => moment.fmt(f),
            Self::Submission(phase) => write!(f, "{phase}.submitted"),
        }
    }
}

/// How sure a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confidence {
    /// It was read at the source.
    V,
    /// It was read at a secondary source.
    S,
}

/// Within what a phase is due; files write a limit such as `72 E`, `contract` or `asap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Within {
    /// A number of hours, days or months.
    Limit(Limit),
    /// The limit of the customer's contract, in exact elapsed time.
    Contract,
    /// As soon as possible; the company sets itself a target.
    Asap,
}

impl TryFrom<String> for Within {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "contract" => Ok(Self::Contract),
            "asap" => Ok(Self::Asap),
            _ => Limit::try_from(text)
                .map(Self::Limit)
                .map_err(|fault| format!("{fault}; or `contract`, or `asap`")),
        }
    }
}

impl From<Within> for String {
    fn from(within: Within) -> Self {
        match within {
            Within::Limit(limit) => limit.into(),
            Within::Contract => "contract".to_owned(),
            Within::Asap => "asap".to_owned(),
        }
    }
}

/// One thing that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Unique within the rule: `initial`, `full`, `final`.
    pub id: String,
    /// What it counts from.
    pub from: Start,
    /// Within what.
    pub within: Within,
    /// A second limit that ends it earlier, such as "at most 24 hours from awareness".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<AtMost>,
    /// What the company sets itself where the law names no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What it must say.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Whether it may say that something is not yet known.
    #[serde(default)]
    pub allow_unknown: bool,
}

/// What the company sets itself where the law says "without undue delay" and names no number: people are reminded of it. It is no deadline
/// of the law, and who misses it breaks none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// In exact elapsed time from the start of the phase.
    pub within: Span,
    /// Who set it, and by what measure.
    pub source: String,
}

/// A limit that is counted from a start of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtMost {
    /// What it counts from.
    pub from: Start,
    /// The limit.
    pub limit: Limit,
}

/// A reason for which a law lets the clock stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Such as a request of law enforcement.
    pub reason: String,
    /// What must be on file for it.
    pub evidence_required: String,
    /// For how many days at most; none where the law names no bound.
    pub max_days: Option<u16>,
}

/// A rule of law or contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObligationRule {
    /// Such as `gdpr.33_1`.
    pub id: String,
    /// What it asks, in a line.
    pub title: String,
    /// The code of the calendar that its days are counted in.
    pub jurisdiction: String,
    /// The first day it is in force.
    pub valid_from: NaiveDate,
    /// The last day it is in force; none while there is no end.
    pub valid_to: Option<NaiveDate>,
    /// Whether it binds: rules are enabled after counsel has read them.
    pub enabled: bool,
    /// How sure it is.
    pub confidence: Confidence,
    /// When somebody last compared it with the source.
    pub last_verified: NaiveDate,
    /// Where it is written.
    pub source: String,
    /// What starts it, for people.
    pub trigger: String,
    /// Who is told.
    pub recipients: String,
    /// When it applies at all.
    pub applies_if: String,
    /// What is due, in order.
    pub phases: Vec<Phase>,
    /// What lets its clock stand.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// Situations with their outcome.
    pub worked_examples: Vec<WorkedExample>,
}

/// A situation, and what the rule asks in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkedExample {
    /// What it shows.
    pub name: String,
    /// When the moments were.
    pub moments: BTreeMap<Moment, DateTime<Utc>>,
    /// When phases were submitted.
    #[serde(default)]
    pub submitted: BTreeMap<String, DateTime<Utc>>,
    /// For which times its clocks stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands: Vec<Standstill>,
    /// The limit of the customer's contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Span>,
    /// By phase: the last instant in time; none where it waits, or has no number.
    pub due: BTreeMap<String, Option<DateTime<Utc>>>,
    /// By phase without a number: when the company's own target ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, DateTime<Utc>>,
    /// When the steps of the ladder are taken that a notice to a customer has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ladder: BTreeMap<Step, DateTime<Utc>>,
}

/// What is known of an incident, as far as the clocks of one rule are concerned.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// When the moments were.
    pub moments: BTreeMap<Moment, DateTime<Utc>>,
    /// When phases of the rule were submitted.
    pub submitted: BTreeMap<String, DateTime<Utc>>,
    /// For which times the clocks stand.
    pub stands: Vec<Standstill>,
    /// The limit of the customer's contract.
    pub contract: Option<Span>,
}

/// What is due for one phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PhaseDue {
    /// The clock has not started.
    Waits {
        /// What it waits for.
        until: Vec<Start>,
    },
    /// It is due as soon as possible.
    Asap {
        /// Since when.
        since: DateTime<Utc>,
        /// When the company's own target ends, where it set one. No deadline of the law.
        target_at: Option<DateTime<Utc>>,
    },
    /// It is due by an instant.
    By {
        /// The last instant in time.
        due_at: DateTime<Utc>,
        /// Since when the clock runs.
        since: DateTime<Utc>,
        /// Every reading with its arithmetic, the earliest first.
        readings: Vec<Reading>,
    },
}

impl PhaseDue {
    /// The last instant in time, where there is one.
    #[must_use]
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::By { due_at, .. } => Some(*due_at),
            Self::Waits { .. } | Self::Asap { .. } => None,
        }
    }

    /// When the company's own target ends, where the law names no number and one is set.
    #[must_use]
    pub fn target_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Asap { target_at, .. } => *target_at,
            Self::Waits { .. } | Self::By { .. } => None,
        }
    }
}

impl Situation {
    fn instant(&self, start: &Start) -> Option<DateTime<Utc>> {
        match start {
            Start::Moment(moment) => self.moments.get(moment).copied(),
            Start::Submission(phase) => self.submitted.get(phase).copied(),
        }
    }
}

impl ObligationRule {
    /// Reads a rule from YAML; whether it is sound is another question: [`Self::faults`].
    ///
    /// # Errors
    /// Says the line and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_yaml_ng::from_str(text).map_err(|fault| fault.to_string())
    }

    /// Whether it is a promise to customers, which is owed to each of them apart.
    #[must_use]
    pub fn is_promise(&self) -> bool {
        self.id.starts_with("contract.")
    }

    /// Whether it may bind whoever holds other companies' personal data, in whatever branch: as a processor it tells the controllers, and of
    /// what it decides on itself it tells the authority. Counsel says whether it does.
    #[must_use]
    pub fn may_bind_anybody(&self) -> bool {
        matches!(self.id.as_str(), "gdpr.33_1" | "gdpr.33_2")
    }

    /// Whether it was in force on a day.
    #[must_use]
    pub fn in_force(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|last| day <= last)
    }

    /// What is due for each phase, in the rule's order.
    #[must_use]
    pub fn due(&self, situation: &Situation, calendar: &Calendar) -> Vec<(&Phase, PhaseDue)> {
        let phases = self.phases.iter();
        phases
            .map(|phase| (phase, phase.due(situation, calendar)))
            .collect()
    }

    /// Everything that is wrong with it, as `where: what, and what to write instead`; empty where it is sound.
    #[must_use]
    pub fn faults(&self, calendars: &BTreeMap<String, Calendar>) -> Vec<String> {
        let mut faults = Vec::new();
        let texts = [
            ("id", &self.id),
            ("title", &self.title),
            ("source", &self.source),
            ("trigger", &self.trigger),
            ("recipients", &self.recipients),
            ("applies_if", &self.applies_if),
        ];
        for (key, _) in texts.into_iter().filter(|(_, text)| text.trim().is_empty()) {
            faults.push(format!("{key}: is empty; people have to know it"));
        }
        if self.valid_to.is_some_and(|last| last < self.valid_from) {
            faults.push("valid_to: is before valid_from; write a later day, or null".to_owned());
        }
        if self.phases.is_empty() {
            faults.push("phases: nothing is due; write at least one phase".to_owned());
        }
        for (place, phase) in self.phases.iter().enumerate() {
            let earlier = &self.phases[..place];
            if earlier.iter().any(|known| known.id == phase.id) {
                faults.push(format!(
                    "phases[{place}].id: `{}` is taken; phases are told apart by it",
                    phase.id
                ));
            }
            if let Some(target) = &phase.target {
                if phase.within != Within::Asap || phase.at_most.is_some() {
                    faults.push(format!(
                        "phases[{place}].target: the law names a number here, so that there is a deadline; leave it out"
                    ));
                }
                if target.source.trim().is_empty() {
                    faults.push(format!(
                        "phases[{place}].target.source: is empty; people have to know whose measure it is"
                    ));
                }
            }
            let starts = [Some(&phase.from), phase.at_most.as_ref().map(|most| &most.from)];
            for start in starts.into_iter().flatten() {
                if let Start::Submission(before) = start
                    && !earlier.iter().any(|known| known.id == *before)
                {
                    faults.push(format!(
                        "phases[{place}].from: no phase before it is called `{before}`"
                    ));
                }
            }
        }
        if self.id == PROMISE && !self.is_as_counted() {
            faults.push(format!(
                "phases: this promise is counted as one notice within {DEFAULT_LIMIT} of the confirmation, and what differs from that would be \
                 shown and not be kept; write one phase with `from: confirmed` and `within: 72 E`, and what single customers are promised \
                 instead into their contracts"
            ));
        }
        match calendars.get(&self.jurisdiction) {
            None => {
                let known: Vec<&str> = calendars.keys().map(String::as_str).collect();
                faults.push(format!(
                    "jurisdiction: there is no calendar `{}`; known are {}",
                    self.jurisdiction,
                    known.join(", ")
                ));
            }
            Some(calendar) => faults.extend(self.worked_faults(calendar)),
        }
        if self.worked_examples.is_empty() {
            faults.push("worked_examples: there is none; people check a rule by its examples".to_owned());
        }
        faults
    }

    /// Whether it says what [`Obligation::owe`](super::Obligation::owe) counts for a customer whose contract says nothing else.
    fn is_as_counted(&self) -> bool {
        let [phase] = self.phases.as_slice() else {
            return false;
        };
        let Within::Limit(limit) = phase.within else {
            return false;
        };
        phase.from == Start::Moment(Moment::Confirmed)
            && (limit.calc, Span::hours(limit.amount.into())) == (Counting::ElapsedHours, DEFAULT_LIMIT)
            && phase.at_most.is_none()
    }

    /// Examples whose outcome is not what the rule computes.
    fn worked_faults(&self, calendar: &Calendar) -> Vec<String> {
        let mut faults = Vec::new();
        for example in &self.worked_examples {
            let situation = Situation {
                moments: example.moments.clone(),
                submitted: example.submitted.clone(),
                stands: example.stands.clone(),
                contract: example.contract,
            };
            let found = self.due(&situation, calendar);
            let targets: BTreeMap<String, DateTime<Utc>> = found
                .iter()
                .filter_map(|(phase, due)| Some((phase.id.clone(), due.target_at()?)))
                .collect();
            if targets != example.targets {
                faults.push(format!(
                    "worked_examples: in `{}` the rule's own targets are {targets:?}, and the example says {:?}",
                    example.name, example.targets
                ));
            }
            let due: BTreeMap<String, Option<DateTime<Utc>>> = found
                .into_iter()
                .map(|(phase, due)| (phase.id.clone(), due.due_at()))
                .collect();
            if due != example.due {
                faults.push(format!(
                    "worked_examples: in `{}` the rule computes {due:?}, and the example says {:?}",
                    example.name, example.due
                ));
            }
        }
        faults
    }
}

impl Phase {
    fn target_at(&self, since: DateTime<Utc>, situation: &Situation) -> Option<DateTime<Utc>> {
        let target = Reading::elapsed(since, self.target.as_ref()?.within);
        let ends = target.paused(since, &situation.stands).into_iter();
        ends.map(|reading| reading.due_at).min()
    }

    fn due(&self, situation: &Situation, calendar: &Calendar) -> PhaseDue {
        let Some(since) = situation.instant(&self.from) else {
            return PhaseDue::Waits {
                until: vec![self.from.clone()],
            };
        };
        let mut readings = match self.within {
            Within::Asap => Vec::new(),
            Within::Limit(limit) => limit.reckon(since, calendar).readings,
            Within::Contract => {
                let limit = situation.contract.into_iter();
                limit.map(|limit| Reading::elapsed(since, limit)).collect()
            }
        };
        if let Some(most) = &self.at_most
            && let Some(from) = situation.instant(&most.from)
        {
            let ends = most.limit.reckon(from, calendar).readings;
            readings.extend(ends.into_iter().map(|reading| Reading {
                arithmetic: format!(
                    "at most {} from {}: {}",
                    most.limit, most.from, reading.arithmetic
                ),
                ..reading
            }));
        }
        let readings = readings.into_iter();
        let mut readings: Vec<Reading> = readings
            .flat_map(|reading| reading.paused(since, &situation.stands))
            .collect();
        readings.sort_by_key(|reading| reading.due_at);
        match readings.first() {
            None => PhaseDue::Asap {
                since,
                target_at: self.target_at(since, situation),
            },
            Some(first) => PhaseDue::By {
                due_at: first.due_at,
                since,
                readings,
            },
        }
    }
}
