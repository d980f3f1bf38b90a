//! Clocks of law that run for an incident: people are paged before one runs out, and daily once it has, until what it asks for was
//! submitted, or somebody has said why the rule does not apply.

use super::timers::Timer;
use super::{EntryKind, Incident, Outcome, Phase, TimerKind, TimerState, TransitionError, reason};
use crate::actor::Actor;
use crate::obligation::calendar::Calendar;
use crate::obligation::rule::{Moment, ObligationRule, PhaseDue};
use crate::page::PageTarget;
use crate::span::in_words;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A phase of a rule that is due by an instant, and that was not submitted; or one for which the law names no number and the company set
/// itself a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawClock {
    /// The rule's id: `gdpr.33_1`.
    pub rule: String,
    /// The phase of it.
    pub phase: String,
    /// The rule in a line.
    pub title: String,
    /// Since when it runs.
    pub since: DateTime<Utc>,
    /// The last instant in time; of a target, when it ends.
    pub due_at: DateTime<Utc>,
    /// Whether it is the company's own target and no deadline of the law.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub target: bool,
}

/// What the clock does by itself when nothing was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LawStep {
    /// 36/72 of the time: counsel is paged.
    Remind,
    /// 48/72: whoever is in charge, too.
    Escalate,
    /// 60/72: executives, too.
    LastCall,
    /// 72/72, and daily from then on: it is late.
    Overdue,
}

impl LawStep {
    /// All steps in their order.
    pub const ALL: [Self; 4] = [Self::Remind, Self::Escalate, Self::LastCall, Self::Overdue];

    fn seventy_seconds(self) -> i32 {
        match self {
            Self::Remind => 36,
            Self::Escalate => 48,
            Self::LastCall => 60,
            Self::Overdue => 72,
        }
    }
}

impl LawClock {
    /// When a step is taken.
    #[must_use]
    pub fn step_at(&self, step: LawStep) -> DateTime<Utc> {
        if step == LawStep::Overdue {
            return self.due_at;
        }
        self.since + (self.due_at - self.since) / 72 * step.seventy_seconds()
    }

    /// The first step after `now`; the last one where all have passed.
    fn next_step(&self, now: DateTime<Utc>) -> LawStep {
        let mut steps = LawStep::ALL.into_iter();
        steps
            .find(|step| self.step_at(*step) > now)
            .unwrap_or(LawStep::Overdue)
    }

    /// The timer of its next step, and when that runs out.
    fn next_timer(&self, now: DateTime<Utc>) -> (TimerKind, DateTime<Utc>) {
        let step = self.next_step(now);
        let clock = self.clone();
        (TimerKind::Law { clock, step }, self.step_at(step))
    }

    /// What is said at `now`, when the clock is looked at again and for which step, and who is paged.
    pub(super) fn ran(
        &self,
        incident: &Incident,
        now: DateTime<Utc>,
    ) -> (String, (LawStep, DateTime<Utc>), Vec<PageTarget>) {
        // Of several steps that passed while the service was down, only the last one still says something.
        let mut passed = LawStep::ALL.into_iter().rev();
        let step = passed
            .find(|step| self.step_at(*step) <= now)
            .unwrap_or(LawStep::Remind);
        let what = if step == LawStep::Overdue {
            let late = now - self.due_at;
            let since = if late < Duration::minutes(1) {
                "now".to_owned()
            } else {
                format!("{} ago", in_words(late))
            };
            let passed = if self.target {
                "our own target, which is no deadline of the law, passed"
            } else {
                "deadline passed"
            };
            format!(
                "{passed} {since}, nothing submitted: {} ({})",
                self.title, self.phase
            )
        } else {
            let left = in_words(self.due_at - now);
            let until = if self.target {
                " until our own target, which is no deadline of the law"
            } else {
                ""
            };
            format!(
                "{left} left{until}, nothing submitted: {} ({})",
                self.title, self.phase
            )
        };
        let next = if step == LawStep::Overdue {
            (LawStep::Overdue, now + Duration::days(1))
        } else {
            let next = self.next_step(now);
            (next, self.step_at(next))
        };
        let mut pages = vec![incident.counsel()];
        if step >= LawStep::Escalate {
            pages.push(incident.in_charge());
        }
        if step >= LawStep::LastCall {
            pages.push(PageTarget::Executives);
        }
        pages.dedup();
        (what, next, pages)
    }
}

/// Somebody said that a rule does not apply to this incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// Why it does not apply.
    pub why: String,
}

impl Incident {
    /// The rules of law that bind the company in this incident: those that it has turned on and that were in force on the day, in UTC,
    /// on which it became aware, or, where nobody has recorded that, on which the incident was opened. What is owed to customers by
    /// contract has obligations of its own.
    pub fn bound_by<'r>(&self, rules: &'r [ObligationRule]) -> impl Iterator<Item = &'r ObligationRule> {
        let aware = self.moments_in_force().get(&Moment::Aware).copied();
        let day = aware.unwrap_or(self.opened_at).date_naive();
        rules
            .iter()
            .filter(move |rule| rule.enabled && !rule.is_promise() && rule.in_force(day))
    }

    /// The clocks of law that run: those of rules that bind, that nobody has set aside, and of which nothing was submitted. Promises to
    /// customers have obligations of their own.
    #[must_use]
    pub fn law_clocks(
        &self,
        rules: &[ObligationRule],
        calendars: &BTreeMap<String, Calendar>,
    ) -> Vec<LawClock> {
        let mut clocks = Vec::new();
        let bind = self.bound_by(rules);
        for rule in bind.filter(|rule| !self.set_aside.contains_key(&rule.id)) {
            // A rule without its calendar is not sound, and not in the library.
            let Some(calendar) = calendars.get(&rule.jurisdiction) else {
                continue;
            };
            let situation = self.situation(&rule.id);
            for (phase, due) in rule.due(&situation, calendar) {
                let (since, due_at, target) = match due {
                    PhaseDue::By { due_at, since, .. } => (since, due_at, false),
                    PhaseDue::Asap {
                        since,
                        target_at: Some(target_at),
                    } => (since, target_at, true),
                    PhaseDue::Asap { .. } | PhaseDue::Waits { .. } => continue,
                };
                if !situation.submitted.contains_key(&phase.id) {
                    clocks.push(LawClock {
                        rule: rule.id.clone(),
                        phase: phase.id.clone(),
                        title: rule.title.clone(),
                        since,
                        due_at,
                        target,
                    });
                }
            }
        }
        clocks
    }

    /// Brings its timers in line with the clocks of law that run at `now`, and with whether anybody is on the list of affected customers;
    /// says whether any changed. A clock that is new or moved takes its next step; one that has run out already is overdue at once.
    pub fn keep_clocks(&mut self, clocks: &[LawClock], now: DateTime<Utc>) -> bool {
        // A drill that is closed owes no authority a report.
        let over = self.drill && self.phase == Phase::Closed;
        let clocks = if over { &[] } else { clocks };
        let before = self.timers.clone();
        self.keep_list_timer(now);
        for timer in &mut self.timers {
            let (TimerKind::Law { clock: known, .. }, TimerState::Running) = (&timer.kind, &timer.state)
            else {
                continue;
            };
            let runs = clocks
                .iter()
                .find(|clock| clock.rule == known.rule && clock.phase == known.phase);
            match runs {
                None => timer.state = TimerState::Done { at: now },
                Some(clock) if clock != known => (timer.kind, timer.due_at) = clock.next_timer(now),
                Some(_) => {}
            }
        }
        for clock in clocks {
            let runs = |timer: &Timer| {
                timer.state == TimerState::Running
                    && matches!(&timer.kind, TimerKind::Law { clock: known, .. } if known == clock)
            };
            if !self.timers.iter().any(runs) {
                let (kind, due_at) = clock.next_timer(now);
                self.start_timer(kind, due_at);
            }
        }
        self.timers != before
    }

    /// Somebody says that a rule does not apply to this incident: its clocks page nobody from now on.
    ///
    /// # Errors
    /// Refused without a reason, and where it was set aside already.
    pub fn set_rule_aside(
        mut self,
        rule: &ObligationRule,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "set a rule aside")?;
        if self.set_aside.contains_key(&rule.id) {
            return Err(TransitionError::NotFrom {
                from: "set aside".to_owned(),
                attempted: "set a rule aside again in",
                remedy: "take it up first",
            });
        }
        let text = format!("{} does not apply: {why}", rule.title);
        let aside = SetAside {
            at,
            by: by.clone(),
            why,
        };
        self.set_aside.insert(rule.id.clone(), aside);
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, text))
    }

    /// Somebody says that a rule which was set aside applies after all: its clocks go on as if it had never been.
    ///
    /// # Errors
    /// Refused without a reason, and where it was not set aside.
    pub fn take_rule_up(
        mut self,
        rule: &ObligationRule,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "take a rule up again")?;
        if self.set_aside.remove(&rule.id).is_none() {
            return Err(TransitionError::NotFrom {
                from: "applying".to_owned(),
                attempted: "take a rule up in",
                remedy: "it was not set aside, and applies",
            });
        }
        let text = format!("{} applies after all: {why}", rule.title);
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, text))
    }
}
