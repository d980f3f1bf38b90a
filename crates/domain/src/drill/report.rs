//! How a drill went: what was asked for, what was measured, and a score.
//!
//! Each check measures one act against one instant. What starts a clock is not an act that is scored: the declaration, the suspicion, the
//! instant of confirmation and a customer's question. So an act that comes later never raises the score.

use crate::incident::{Acknowledgement, Disclosure, DrillTerms, Incident, Role, Standing};
use crate::notice::{Notice, NoticeKind, NoticeState, Receipt};
use crate::obligation::{Obligation, ObligationState, Step};
use crate::span::{Span, in_words};
use crate::words::second;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What a check is worth when it is met.
const WORTH: u32 = 10;

/// Within which a customer's question is answered.
const ANSWER_WITHIN: Span = Span::hours(24);

/// What is known of a drill.
#[derive(Debug, Clone, Copy)]
pub struct DrillRecord<'a> {
    /// The drill.
    pub incident: &'a Incident,
    /// What was owed to customers.
    pub obligations: &'a [Obligation],
    /// What was written to them.
    pub notices: &'a [Notice],
    /// What those who stood for them did.
    pub receipts: &'a [Receipt],
}

/// Whether what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was done in time.
    Met,
    /// A part of it was, or it was done late and before the clock did it.
    Partly,
    /// It was not, and can no longer be.
    NotMet,
    /// It was not done yet, and there is time left.
    Open,
    /// There was nothing to do; it does not count.
    NotAsked,
}

/// How many of several were done in time.
#[derive(Debug, Clone, Copy)]
struct Counted {
    done: u32,
    of: u32,
}

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name for machines.
    pub id: &'static str,
    /// What was asked for, in words.
    pub title: &'static str,
    /// By when, and where that comes from.
    pub target: String,
    /// The instant by which it had to be done, where there is one for all.
    pub due_at: Option<DateTime<Utc>>,
    /// What was measured, in words.
    pub measured: String,
    /// When it was done.
    pub done_at: Option<DateTime<Utc>>,
    /// Whether it was done.
    pub verdict: Verdict,
    /// What it counts.
    pub points: u32,
    /// What it would count if it were met; 0 where it was not asked.
    pub worth: u32,
}

/// How a drill went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillReport {
    /// As of when.
    pub as_of: DateTime<Utc>,
    /// Whether the drill is over: before that, the score is what has been reached so far.
    pub closed: bool,
    /// The share of all points that was reached, in hundredths, rounded down.
    pub score: u32,
    /// Points reached.
    pub points: u32,
    /// Points that could be reached.
    pub worth: u32,
    /// Every check, in the order in which a response goes.
    pub checks: Vec<Check>,
}

impl DrillReport {
    /// The report of a drill as it stands at `now`; none where the incident is not a drill.
    #[must_use]
    pub fn of(record: DrillRecord<'_>, now: DateTime<Utc>) -> Option<Self> {
        let terms = record
            .incident
            .drill
            .then_some(record.incident.drill_terms.as_ref())??;
        let seen = Seen { record, terms, now };
        let checks = vec![
            seen.acknowledged(),
            seen.commanded(),
            seen.decided(),
            seen.verified(),
            seen.approved(),
            seen.told(),
            seen.answered(),
            seen.closed(),
        ];
        let points: u32 = checks.iter().map(|check| check.points).sum();
        let worth: u32 = checks.iter().map(|check| check.worth).sum();
        Some(Self {
            as_of: now,
            closed: record.incident.closed_at.is_some(),
            score: (points * 100).checked_div(worth).unwrap_or(0),
            points,
            worth,
            checks,
        })
    }
}

/// A drill under the eye of its report.
struct Seen<'a> {
    record: DrillRecord<'a>,
    terms: &'a DrillTerms,
    now: DateTime<Utc>,
}

impl Seen<'_> {
    fn acknowledged(&self) -> Check {
        let done_at = match &self.record.incident.acknowledgement {
            Acknowledgement::Waiting => None,
            Acknowledgement::Acknowledged { at, .. } => Some(*at),
        };
        let ask = Ask {
            id: "acknowledged",
            title: "Somebody answers the page",
            undone: "nobody answered",
        };
        self.act(
            ask,
            self.record.incident.opened_at,
            self.terms.acknowledge_within,
            "of the declaration",
            done_at,
        )
    }

    fn commanded(&self) -> Check {
        let post = self.record.incident.posts.get(&Role::Commander);
        let first = post.and_then(|post| post.history.first()).map(|term| term.from);
        let holder = post
            .and_then(|post| post.holder.as_ref())
            .map(|holder| holder.since);
        let ask = Ask {
            id: "commanded",
            title: "A commander takes over",
            undone: "nobody took command",
        };
        let within = self.terms.command_within;
        self.act(
            ask,
            self.record.incident.opened_at,
            within,
            "of the declaration, when the first status update is due",
            first.or(holder),
        )
    }

    fn decided(&self) -> Check {
        let opened = self.record.incident.opened_at;
        let (suspected_at, done_at) = match &self.record.incident.disclosure {
            Disclosure::None => (None, None),
            Disclosure::Suspected { at, .. } => (Some(*at), None),
            Disclosure::Confirmed {
                recorded_at,
                suspected_at,
                ..
            } => (*suspected_at, Some(*recorded_at)),
            // A rejection does not keep when the suspicion was: the time counts from the declaration.
            Disclosure::Rejected { at, .. } => (None, Some(*at)),
        };
        let (from, of_what) = match suspected_at {
            Some(at) => (at, "of the suspicion"),
            None => (opened, "of the declaration"),
        };
        let ask = Ask {
            id: "decided",
            title: "The disclosure is decided",
            undone: "nobody decided",
        };
        self.act(ask, from, self.terms.decide_within, of_what, done_at)
    }

    /// The list is verified when nobody on it is only possibly affected, and as of its last change.
    fn verified(&self) -> Check {
        let listed = &self.record.incident.affected;
        let possible = listed
            .values()
            .filter(|each| each.standing == Standing::Possible)
            .count();
        let last = listed
            .values()
            .flat_map(|each| &each.changes)
            .map(|change| change.at)
            .max();
        let done_at = last.filter(|_| possible == 0 && !listed.is_empty());
        let undone = if listed.is_empty() {
            "nobody is on the list".to_owned()
        } else {
            format!(
                "{possible} of {} on the list are only possibly affected",
                listed.len()
            )
        };
        let ask = Ask {
            id: "verified",
            title: "The list of affected customers is verified",
            undone: &undone,
        };
        self.step(ask, Step::ListAffected, done_at)
    }

    fn approved(&self) -> Check {
        let full = self
            .record
            .notices
            .iter()
            .filter(|notice| notice.kind == NoticeKind::Full);
        let done_at = full
            .filter_map(|notice| match &notice.state {
                NoticeState::Sent { at, .. } => Some(*at),
                _ => None,
            })
            .min();
        let ask = Ask {
            id: "approved",
            title: "A full notice is approved",
            undone: "no full notice was approved",
        };
        let mut check = self.step(ask, Step::DraftFull, done_at);
        let by_itself = self.first(Step::SendHolding);
        if check.verdict == Verdict::NotMet
            && let (Some(done_at), Some(by_itself)) = (done_at, by_itself)
            && done_at < by_itself
        {
            check.verdict = Verdict::Partly;
            check.points = WORTH / 2;
            check
                .measured
                .push_str("; late, and before the holding notice went by itself");
        }
        check
    }

    fn told(&self) -> Check {
        let affected = |owed: &&Obligation| self.record.incident.affects(&owed.customer);
        let owed: Vec<&Obligation> = self.record.obligations.iter().filter(affected).collect();
        let count = |is: fn(&ObligationState) -> bool| {
            u32::try_from(owed.iter().filter(|owed| is(&owed.state)).count()).unwrap_or(u32::MAX)
        };
        let told = Counted {
            done: count(|state| matches!(state, ObligationState::Told { in_time: true, .. })),
            of: u32::try_from(owed.len()).unwrap_or(u32::MAX),
        };
        let running = count(|state| matches!(state, ObligationState::Running));
        let last_due = owed.iter().map(|owed| owed.deadline.due_at).max();
        let mut check = Check {
            id: "told",
            title: "Every customer is told in time",
            target: "within the limit of each customer's contract".to_owned(),
            due_at: last_due,
            measured: format!("{} of {} customers were told in time", told.done, told.of),
            done_at: None,
            verdict: Verdict::Open,
            points: 0,
            worth: WORTH,
        };
        if told.of == 0 {
            check.measured = "the drill did not come to a customer who had to be told".to_owned();
            check.verdict = self.left(None);
            return check;
        }
        (check.verdict, check.points) = share(told, running > 0);
        check
    }

    fn answered(&self) -> Check {
        let questions = || self.record.receipts.iter().flat_map(|receipt| &receipt.questions);
        let within = ANSWER_WITHIN.duration();
        let answered = questions().filter(|question| {
            let answer = question.answer.as_ref();
            answer.is_some_and(|answer| answer.at <= question.at + within)
        });
        let counted = Counted {
            done: u32::try_from(answered.count()).unwrap_or(u32::MAX),
            of: u32::try_from(questions().count()).unwrap_or(u32::MAX),
        };
        let waiting =
            questions().any(|question| question.answer.is_none() && self.now <= question.at + within);
        let (verdict, points) = share(counted, waiting);
        Check {
            id: "answered",
            title: "Questions of customers are answered",
            target: format!("within {ANSWER_WITHIN} of each question"),
            due_at: None,
            measured: if counted.of == 0 {
                "nobody asked; this does not count".to_owned()
            } else {
                format!(
                    "{} of {} questions were answered in time",
                    counted.done, counted.of
                )
            },
            done_at: None,
            verdict,
            points,
            worth: if counted.of == 0 { 0 } else { WORTH },
        }
    }

    fn closed(&self) -> Check {
        let done_at = self.record.incident.closed_at;
        Check {
            id: "closed",
            title: "The drill is closed",
            target: "when it has been gone through".to_owned(),
            due_at: None,
            measured: done_at.map_or_else(|| "it is open".to_owned(), |at| format!("closed {}", second(at))),
            done_at,
            verdict: if done_at.is_some() {
                Verdict::Met
            } else {
                Verdict::Open
            },
            points: if done_at.is_some() { WORTH } else { 0 },
            worth: WORTH,
        }
    }

    /// An act that is due within a time.
    fn act(
        &self,
        ask: Ask<'_>,
        from: DateTime<Utc>,
        within: Span,
        of_what: &str,
        done_at: Option<DateTime<Utc>>,
    ) -> Check {
        let target = format!("within {within} {of_what}");
        self.timed(ask, target, from, from + within.duration(), done_at)
    }

    /// An act that a step of the ladder asks for: due when it is due for the first customer.
    fn step(&self, ask: Ask<'_>, step: Step, done_at: Option<DateTime<Utc>>) -> Check {
        let owed = self.owed_first();
        let (Some(owed), Some(due_at)) = (owed, self.first(step)) else {
            return Check {
                id: ask.id,
                title: ask.title,
                target: format!(
                    "{}/72 of the shortest limit, counted from the confirmation",
                    step.seventy_seconds()
                ),
                due_at: None,
                measured: "the drill did not come to a confirmed disclosure with affected customers"
                    .to_owned(),
                done_at: None,
                verdict: self.left(None),
                points: 0,
                worth: WORTH,
            };
        };
        let target = format!(
            "by {}/72 of the shortest limit ({}), counted from the confirmation",
            step.seventy_seconds(),
            owed.deadline.limit
        );
        self.timed(ask, target, owed.deadline.from, due_at, done_at)
    }

    fn timed(
        &self,
        ask: Ask<'_>,
        target: String,
        from: DateTime<Utc>,
        due_at: DateTime<Utc>,
        done_at: Option<DateTime<Utc>>,
    ) -> Check {
        let verdict = match done_at {
            Some(at) if at <= due_at => Verdict::Met,
            Some(_) => Verdict::NotMet,
            None => self.left(Some(due_at)),
        };
        let measured = match done_at {
            Some(at) if at < from => format!("done {} before the clock started", in_words(from - at)),
            Some(at) => format!("done after {}", in_words(at - from)),
            None => ask.undone.to_owned(),
        };
        Check {
            id: ask.id,
            title: ask.title,
            target,
            due_at: Some(due_at),
            measured,
            done_at,
            points: if verdict == Verdict::Met { WORTH } else { 0 },
            verdict,
            worth: WORTH,
        }
    }

    /// What was not done is open while there is time and the drill goes on.
    fn left(&self, due_at: Option<DateTime<Utc>>) -> Verdict {
        let over = self.record.incident.closed_at.is_some() || due_at.is_some_and(|due_at| due_at < self.now);
        if over { Verdict::NotMet } else { Verdict::Open }
    }

    /// What is owed with the shortest limit: its steps are due first.
    fn owed_first(&self) -> Option<&Obligation> {
        self.record
            .obligations
            .iter()
            .min_by_key(|owed| owed.deadline.due_at)
    }

    /// When a step is due for the first customer; a legal hold does not move it here.
    fn first(&self, step: Step) -> Option<DateTime<Utc>> {
        self.owed_first()
            .map(|owed| owed.deadline.share(step.seventy_seconds()))
    }
}

/// What a check asks for.
#[derive(Clone, Copy)]
struct Ask<'a> {
    id: &'static str,
    title: &'static str,
    /// What is measured where it was not done.
    undone: &'a str,
}

/// Points for a part of several, rounded down.
fn share(counted: Counted, more_may_come: bool) -> (Verdict, u32) {
    let Counted { done, of } = counted;
    let points = (WORTH * done).checked_div(of).unwrap_or(0);
    let verdict = match (done, of) {
        (_, 0) => Verdict::NotAsked,
        (done, of) if done == of => Verdict::Met,
        _ if more_may_come => Verdict::Open,
        (0, _) => Verdict::NotMet,
        _ => Verdict::Partly,
    };
    (verdict, points)
}
