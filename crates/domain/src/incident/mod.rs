//! People are on it: phases, roles, timers, tasks, and what is known of a disclosure.
//!
//! Every decision consumes the incident and gives an [`Outcome`]: the changed incident, what its timeline says about the change,
//! and what must now happen outside (a page, obligations). The caller commits all of it in one transaction, or nothing.

mod assessment;
mod closing;
mod disclosure;
mod drill;
mod halt;
mod law;
mod moments;
mod moved;
mod opening;
mod particulars;
mod pauses;
mod roles;
mod tasks;
mod timeline;
mod timers;
mod updates;

pub use assessment::{
    AssessedSeverity, BreachLevel, BreachScore, DataConcerned, DataKind, Identification, Loss,
    NEVER_SUPPRESSES, SeverityAssessment, SeverityInputs,
};
pub use closing::{Around, LetterGone, StillOpen, open_in_words};
pub use disclosure::{Affected, AffectedChange, Disclosure, Proposal, Standing};
pub use drill::DrillTerms;
pub use halt::{LegalHold, ReversalAsked, Reversed};
pub use law::{LawClock, LawStep, SetAside};
pub use moments::{MomentRecord, Submission};
pub use moved::{MoveAsked, Moved};
pub use opening::Opening;
pub use particulars::{LONGEST_PARTICULAR, Particular, ParticularRecord};
pub use pauses::{ClockPause, PauseAsked, PauseLifted};
pub use roles::{Holder, Offer, Post, Role, Term};
pub use tasks::{Act, ByHand, Task, TaskState, TellByHand};
pub use timeline::{EntryKind, TimelineEntry};
pub use timers::{Timer, TimerKind, TimerState};
pub use updates::PromisedUpdate;

use crate::actor::Actor;
use crate::event::Entity;
use crate::id::{AlertId, CustomerId, IncidentId, TimerId, UserId};
use crate::obligation::rule::Moment;
use crate::page::{PageReason, PageTarget};
use crate::playbook::PinnedPlaybook;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How bad it is for customers and the company. Ordered: `Sev1` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A nuisance; in working hours.
    Sev4,
    /// Something is impaired; today.
    Sev3,
    /// Customers are or may be harmed; now.
    Sev2,
    /// Customers' data or the whole service is at stake; everybody.
    Sev1,
}

impl Severity {
    /// As filters and people write it: `sev1`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sev1 => "sev1",
            Self::Sev2 => "sev2",
            Self::Sev3 => "sev3",
            Self::Sev4 => "sev4",
        }
    }
}

/// Where the response stands (NIST SP 800-61r3: the CSF 2.0 functions Detect, Respond, Recover, Identify–Improvement).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// DE.AE: is it real?
    Detect,
    /// RS.AN: what happened, how far does it reach?
    Analyze,
    /// RS.MI-01: stop it from spreading.
    Contain,
    /// RS.MI-02: remove the cause.
    Eradicate,
    /// RC.RP: back to normal, verified.
    Recover,
    /// ID.IM: what we change so that it does not come back.
    Learn,
    /// Done.
    Closed,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 7] = [
        Self::Detect,
        Self::Analyze,
        Self::Contain,
        Self::Eradicate,
        Self::Recover,
        Self::Learn,
        Self::Closed,
    ];

    /// As filters and people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Analyze => "analyze",
            Self::Contain => "contain",
            Self::Eradicate => "eradicate",
            Self::Recover => "recover",
            Self::Learn => "learn",
            Self::Closed => "closed",
        }
    }
}

/// Whether somebody has answered the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Acknowledgement {
    /// Nobody yet; the escalation goes on.
    Waiting,
    /// Somebody has.
    Acknowledged {
        /// Who.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
}

/// People are on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Gap-free number, given when it is stored; 0 until then.
    pub number: i64,
    /// Counts every change; a writer names the version it read.
    pub version: i64,
    /// What it is, in a line.
    pub title: String,
    /// Two words to say on the phone, derived from the id.
    pub codename: String,
    /// What is known, in a few sentences; the newest status update replaces it.
    pub summary: String,
    /// How bad.
    pub severity: Severity,
    /// Where the response stands.
    pub phase: Phase,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// By a detector or a person.
    pub opened_by: Actor,
    /// Whether it is a drill; pages and notices then say so and reach only allow-listed addresses.
    #[serde(default)]
    pub drill: bool,
    /// What the drill is held under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_terms: Option<DrillTerms>,
    /// Whom it is about; alerts that share one join.
    pub entities: BTreeSet<Entity>,
    /// When the last event of its alerts happened.
    pub last_alert_at: DateTime<Utc>,
    /// How many alerts joined it.
    pub alerts: u64,
    /// The worst of them: what the incident has become, whatever its title says. Absent where an older version took the alerts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_alert: Option<WorstAlert>,
    /// The playbook in force, pinned by version and hash.
    pub playbook: Option<PinnedPlaybook>,
    /// Whether somebody has answered the page.
    pub acknowledgement: Acknowledgement,
    /// Who does what, with history.
    pub posts: BTreeMap<Role, Post>,
    /// What is due next.
    pub timers: Vec<Timer>,
    /// What the playbook and people ask for.
    pub tasks: Vec<Task>,
    /// Whether customers' confidential information was disclosed.
    pub disclosure: Disclosure,
    /// Until when the law forbids to tell customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LegalHold>,
    /// What people recorded of when it happened, when it was seen and when we knew, the oldest record first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moments: BTreeMap<Moment, Vec<MomentRecord>>,
    /// What was submitted, by rule and phase.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub submissions: BTreeMap<String, BTreeMap<String, Submission>>,
    /// Rules of law that do not apply to it, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: BTreeMap<String, SetAside>,
    /// By rule of law: for which times its clocks stand, and why, the first recorded first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pauses: BTreeMap<String, Vec<ClockPause>>,
    /// How severe people found the breach, the oldest assessment first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assessments: Vec<SeverityAssessment>,
    /// What people said to the questions of authorities, the oldest statement first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub particulars: BTreeMap<Particular, Vec<ParticularRecord>>,
    /// Which customers are affected.
    pub affected: BTreeMap<CustomerId, Affected>,
    /// Tenant identifiers in the evidence that no customer claims.
    #[serde(default)]
    pub unclaimed_tenants: BTreeSet<String>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

/// The worst alert of an incident; of equally severe ones the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstAlert {
    /// Which.
    pub alert: AlertId,
    /// What it says.
    pub title: String,
    /// How severe it is.
    pub severity: Severity,
}

/// What a decision changes, all of which is committed in one transaction.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Outcome<T, I = Intent> {
    /// The changed subject.
    pub subject: T,
    /// What the timeline says about it.
    pub entries: Vec<TimelineEntry>,
    /// What must happen outside.
    pub intents: Vec<I>,
}

/// Something that must happen outside, recorded with the decision that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Wake or remind somebody.
    Page {
        /// Whom.
        target: PageTarget,
        /// Why.
        reason: PageReason,
    },
    /// Wake somebody else than whoever decided, who knows already. Where that leaves nobody, whoever else may act by right.
    PageOthers {
        /// Whom.
        target: PageTarget,
        /// Why.
        reason: PageReason,
        /// Who decided.
        except: UserId,
    },
    /// Bring obligations in line with the list of affected customers and with the moments that contracts count from: new ones are owed,
    /// those of cleared customers end; a suspicion is decided on before contracts run out that count from it.
    Owe,
}

/// What an incident refuses, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The thing cannot be done from here.
    #[error("cannot {attempted} an incident in state `{from}`; {remedy}")]
    NotFrom {
        /// The state it is in.
        from: String,
        /// What was tried.
        attempted: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A reason is needed.
    #[error("say why you {attempted}: the reason becomes part of the record")]
    NoReason {
        /// What was tried.
        attempted: &'static str,
    },
    /// An instant cannot be.
    #[error("{what} cannot be at {given}: {remedy}")]
    BadInstant {
        /// Which instant.
        what: &'static str,
        /// What was given.
        given: DateTime<Utc>,
        /// What is possible.
        remedy: String,
    },
    /// Somebody else would have to do it.
    #[error("{who} cannot {attempted}: {remedy}")]
    NotYours {
        /// Who tried.
        who: Actor,
        /// What was tried.
        attempted: &'static str,
        /// Who can.
        remedy: &'static str,
    },
    /// It is closed while something is open. Everything is told at once.
    #[error("{}", not_closed(.in_the_way, .reason_for))]
    StillOpen {
        /// What must be done first; empty where only a reason is missing.
        in_the_way: String,
        /// What needs a reason, which was not given.
        reason_for: String,
    },
    /// There is no such part.
    #[error("this incident has no {what} `{name}`")]
    Unknown {
        /// The kind of part.
        what: &'static str,
        /// What was named.
        name: String,
    },
}

impl Incident {
    /// How people call it: `INC-0042`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("INC-{:04}", self.number)
    }

    /// The number in such a reference, written large or small.
    #[must_use]
    pub fn number_of(reference: &str) -> Option<i64> {
        let (prefix, digits) = reference.split_at_checked(4)?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| plain && *number > 0);
        number.filter(|_| prefix.eq_ignore_ascii_case("INC-"))
    }

    /// Somebody answers the page: the escalation stops. A second answer changes nothing.
    ///
    /// # Errors
    /// A closed incident needs no answer.
    pub fn acknowledge(mut self, by: &Actor, at: DateTime<Utc>) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("acknowledge")?;
        if matches!(self.acknowledgement, Acknowledgement::Acknowledged { .. }) {
            return Ok(Outcome {
                subject: self,
                entries: Vec::new(),
                intents: Vec::new(),
            });
        }
        self.version += 1;
        self.acknowledgement = Acknowledgement::Acknowledged { by: by.clone(), at };
        self.finish_timers(at, |kind| matches!(kind, TimerKind::Acknowledge { .. }));
        let entry = self.entry(
            EntryKind::Acknowledged,
            at,
            at,
            by,
            "Acknowledged the page".to_owned(),
        );
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// Changes how bad it is.
    ///
    /// # Errors
    /// Refused on a closed incident and without a reason.
    pub fn change_severity(
        mut self,
        to: Severity,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("change the severity of")?;
        let why = reason(why, "change the severity")?;
        let worse = to > self.severity;
        let text = format!("Severity {} → {}: {why}", self.severity.name(), to.name());
        self.version += 1;
        self.severity = to;
        let entry = self.entry(EntryKind::SeverityChanged, at, at, by, text);
        let page = Intent::Page {
            target: self.in_charge(),
            reason: PageReason::Worsened,
        };
        let intents = if worse && self.holder(Role::Commander) != by.user() {
            vec![page]
        } else {
            Vec::new()
        };
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents,
        })
    }

    /// Says anew what it is: what was seen first is often not what it turns out to be. The title before stays in the timeline.
    ///
    /// # Errors
    /// Refused on a closed incident, and where nothing would change.
    pub fn retitle(
        mut self,
        title: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("change the title of")?;
        let title = reason(title, "change the title")?;
        if title == self.title {
            return Err(self.not_from("change nothing in", "it has this title already"));
        }
        let text = format!("Title “{}” → “{title}”", self.title);
        self.title = title;
        Ok(self.changed(EntryKind::TitleChanged, by, at, text))
    }

    /// Moves the response to another phase; back is allowed, since incidents come back. Closing ends the timers, save those of what
    /// customers were promised and the law asks for, and keeps `why` with what is left open `around` it; reopening makes a status
    /// update due again.
    ///
    /// # Errors
    /// Refused to close while a suspected disclosure is undecided, and, save in a drill, while a customer is still to be told, is owed a
    /// withdrawal or a correction, or was not told by the deadline without a reason; and without a reason while anything else is open.
    /// A closed incident is reopened by moving it to `analyze`.
    pub fn enter_phase(
        mut self,
        to: Phase,
        why: &str,
        around: Around<'_>,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        if to == self.phase {
            return Err(self.not_from("move to the same phase", "choose another phase"));
        }
        if self.phase == Phase::Closed && to != Phase::Analyze {
            return Err(self.not_from("move", "reopen it by moving it to `analyze`"));
        }
        let said = if to == Phase::Closed {
            self.closed_with(&self.still_open(around, at), why)?
        } else {
            let why = why.trim();
            if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            }
        };
        let text = format!("Phase {} → {}{said}", self.phase.name(), to.name());
        let reopened = self.phase == Phase::Closed;
        self.version += 1;
        self.phase = to;
        if to == Phase::Closed {
            self.closed_at = Some(at);
            // What customers were promised is owed them, whatever we call the incident. In a drill nobody was promised anything.
            let drill = self.drill;
            self.finish_timers(at, |kind| drill || !matches!(kind, TimerKind::NextUpdate { .. }));
        } else if reopened {
            self.closed_at = None;
            self.await_status_from(at);
        }
        let entry = self.entry(EntryKind::PhaseChanged, at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// Says where things stand: the summary is replaced and the next update is due anew.
    ///
    /// # Errors
    /// Refused on a closed incident and without a text.
    pub fn post_status(
        mut self,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("post a status update on")?;
        let text = reason(text, "post a status update")?;
        self.version += 1;
        self.summary.clone_from(&text);
        self.await_status_from(at);
        let entry = self.entry(EntryKind::StatusUpdate, at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// Writes to the timeline: a note, a decision or a piece of evidence that `happened_at` some time ago.
    ///
    /// # Errors
    /// Refused without a text, for a time to come, and for kinds that only a change of state may write.
    pub fn write(
        self,
        kind: EntryKind,
        text: &str,
        happened_at: Option<DateTime<Utc>>,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let text = reason(text, "write to the timeline")?;
        if !kind.by_hand() {
            return Err(self.not_from(
                "write this kind of entry to",
                "write a note, a decision or evidence",
            ));
        }
        let happened_at = happened_at.unwrap_or(at);
        if happened_at > at {
            let remedy = format!("it is {at} now, and the timeline records what has happened");
            return Err(TransitionError::BadInstant {
                what: "the entry",
                given: happened_at,
                remedy,
            });
        }
        let entry = self.entry(kind, happened_at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// An entry of this incident's timeline.
    #[must_use]
    pub fn entry(
        &self,
        kind: EntryKind,
        happened_at: DateTime<Utc>,
        recorded_at: DateTime<Utc>,
        by: &Actor,
        text: String,
    ) -> TimelineEntry {
        TimelineEntry::new(&self.id, kind, happened_at, recorded_at, by, text)
    }

    /// Who holds a role.
    #[must_use]
    pub fn holder(&self, role: Role) -> Option<&UserId> {
        self.posts
            .get(&role)
            .and_then(|post| post.holder.as_ref())
            .map(|holder| &holder.user)
    }

    /// The incident counts a change, and its timeline says it as of now.
    fn changed(mut self, kind: EntryKind, by: &Actor, at: DateTime<Utc>, text: String) -> Outcome<Self> {
        self.version += 1;
        let entry = self.entry(kind, at, at, by, text);
        Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        }
    }

    fn start_timer(&mut self, kind: TimerKind, due_at: DateTime<Utc>) {
        let id = TimerId::derived(&[self.id.as_str(), &self.timers.len().to_string()]);
        self.timers.push(Timer {
            id,
            kind,
            due_at,
            state: TimerState::Running,
        });
    }

    /// The next status update is due one interval after `at`.
    fn await_status_from(&mut self, at: DateTime<Utc>) {
        for timer in &mut self.timers {
            if let TimerKind::StatusUpdate { every } = timer.kind {
                timer.due_at = at + every.duration();
                timer.state = TimerState::Running;
            }
        }
    }

    fn finish_timers(&mut self, at: DateTime<Utc>, which: impl Fn(&TimerKind) -> bool) {
        for timer in self
            .timers
            .iter_mut()
            .filter(|t| t.state == TimerState::Running && which(&t.kind))
        {
            timer.state = TimerState::Done { at };
        }
    }

    fn must_be_open(&self, attempted: &'static str) -> Result<(), TransitionError> {
        if self.phase == Phase::Closed {
            return Err(self.not_from(attempted, "reopen it by moving it to `analyze`"));
        }
        Ok(())
    }

    fn not_from(&self, attempted: &'static str, remedy: &'static str) -> TransitionError {
        TransitionError::NotFrom {
            from: self.phase.name().to_owned(),
            attempted,
            remedy,
        }
    }
}

/// Why an incident is not closed, everything at once.
fn not_closed(in_the_way: &str, reason_for: &str) -> String {
    match (in_the_way, reason_for) {
        ("", open) => format!("say why the incident is closed with this open: {open}"),
        (stops, "") => format!("the incident is not closed yet: {stops}"),
        (stops, open) => {
            format!(
                "the incident is not closed yet: {stops}. To close it then, say why this stays open: {open}"
            )
        }
    }
}

fn reason(text: &str, attempted: &'static str) -> Result<String, TransitionError> {
    let text = text.trim();
    if text.is_empty() {
        Err(TransitionError::NoReason { attempted })
    } else {
        Ok(text.to_owned())
    }
}
