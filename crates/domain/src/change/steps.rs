//! What time asks for while a change may have to be told and is not: a warning, the record that it is late, and that the change takes
//! effect. Says whom to page.

use super::{Change, ChangeCourse, ChangeFault, ChangeOutcome, ChangePage, ChangeState};
use crate::actor::Actor;
use crate::incident::Outcome;
use crate::page::{PageReason, PageTarget, PageText, shorten};
use crate::words::{capitalised, minute, second};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// People are paged this long before the last instant at which telling is still in time.
pub const WARNING: Duration = Duration::days(7);

/// What time asks for while a change is not told that may have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStep {
    /// The last instant at which telling is in time comes near.
    Warn,
    /// It has passed.
    Late,
    /// The change takes effect.
    Effect,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeStepTaken {
    /// Which.
    pub step: ChangeStep,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When it was taken; later than due when the service was down, or when the change was proposed late.
    pub at: DateTime<Utc>,
}

impl Change {
    /// Which step comes next, and when. Only a change that may have to be told is warned about.
    #[must_use]
    pub fn next_step(&self) -> Option<(ChangeStep, DateTime<Utc>)> {
        if !matches!(self.course, ChangeCourse::Planned) {
            return None;
        }
        let open = !matches!(self.state, ChangeState::Told { .. })
            && !matches!(&self.state, ChangeState::Agreed { verdict, .. } if !verdict.substantial);
        let steps = [
            (ChangeStep::Warn, self.tell_by - WARNING),
            (ChangeStep::Late, self.tell_by),
            (ChangeStep::Effect, self.effective_at),
        ];
        let taken = |step: ChangeStep| self.steps.iter().any(|taken| taken.step >= step);
        steps
            .into_iter()
            .find(|(step, _)| !taken(*step) && (open || *step == ChangeStep::Effect))
    }

    /// Takes every step that is due by `now`; nothing where none is. What was due while the service was down, or before the change was
    /// proposed, is taken at once: each step is recorded, and only the last one pages.
    #[must_use]
    pub fn take_due(mut self, now: DateTime<Utc>) -> Option<ChangeOutcome> {
        let by = Actor::worker("changes");
        let mut entries = Vec::new();
        let mut last = None;
        while let Some((step, due_at)) = self.next_step().filter(|(_, due_at)| *due_at <= now) {
            self.steps.push(ChangeStepTaken {
                step,
                due_at,
                at: now,
            });
            if step == ChangeStep::Effect {
                self.course = ChangeCourse::Effective {
                    effective_since: now,
                    fault: self.fault_at_effect(),
                };
            }
            let text = self.step_text(step);
            entries.push(self.entry(due_at, now, &by, &text));
            last = Some((step, text));
        }
        let (step, text) = last?;
        self.version += 1;
        let pages = self.whom_to_page(step);
        let reason = PageReason::ChangeDue { text };
        Some(Outcome {
            subject: self,
            entries,
            intents: pages
                .into_iter()
                .map(|target| ChangePage {
                    target,
                    reason: reason.clone(),
                })
                .collect(),
        })
    }

    fn fault_at_effect(&self) -> Option<ChangeFault> {
        match &self.state {
            ChangeState::Proposed | ChangeState::Assessed { .. } => Some(ChangeFault::NotJudged),
            ChangeState::Agreed { verdict, .. } => verdict.substantial.then_some(ChangeFault::NotTold),
            ChangeState::Told { .. } => None,
        }
    }

    fn step_text(&self, step: ChangeStep) -> String {
        let lacks = match &self.state {
            ChangeState::Proposed => "nobody has judged whether it is substantial for security",
            ChangeState::Assessed { .. } => "the judgement waits for a second person",
            ChangeState::Agreed { .. } | ChangeState::Told { .. } => "customers have not been told",
        };
        let tell_by = minute(self.tell_by);
        match step {
            ChangeStep::Warn => format!("to be told by {tell_by}: {lacks}"),
            ChangeStep::Late => format!("not told in time, which was until {tell_by}: {lacks}"),
            ChangeStep::Effect => match self.fault() {
                Some(fault) => format!("a fault: {}", fault.what()),
                None => "takes effect".to_owned(),
            },
        }
    }

    fn whom_to_page(&self, step: ChangeStep) -> Vec<PageTarget> {
        match step {
            ChangeStep::Warn => vec![self.in_charge(), PageTarget::Counsel],
            ChangeStep::Late => vec![self.in_charge(), PageTarget::Counsel, PageTarget::Leads],
            ChangeStep::Effect if self.fault().is_some() => vec![PageTarget::Counsel, PageTarget::Executives],
            ChangeStep::Effect => Vec::new(),
        }
    }

    /// Who must hear of news: whoever proposed it.
    #[must_use]
    pub fn in_charge(&self) -> PageTarget {
        match self.proposed_by.user() {
            Some(user) => PageTarget::Person { user: user.clone() },
            None => PageTarget::Leads,
        }
    }

    /// What a page about it says. `link` leads to its page in the console.
    #[must_use]
    pub fn page_text(&self, reason: &PageReason, link: &str) -> PageText {
        let subject = format!("{}: {}: {}", self.reference(), reason.line(), self.title);
        PageText {
            subject: shorten(&subject, 99),
            body: format!(
                "{}\n\n{}\n\nChange     {} {}\nEffective  {}\nTell by    {}\n\nIn the register: {link}\n",
                capitalised(&reason.line()),
                self.what,
                self.reference(),
                self.title,
                second(self.effective_at),
                second(self.tell_by),
            ),
        }
    }
}
