//! Letters say when the customer hears again; here is who makes sure of it.

use super::{Act, ByHand, EntryKind, Incident, Outcome, TimerKind, TimerState};
use crate::actor::Actor;
use crate::notice::NoticeKind;
use crate::page::PageTarget;
use crate::words::second;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long before the promised instant people are reminded; half of the time that is left, where that is less.
const REMINDER: Duration = Duration::hours(12);

/// A promise to customers that they hear again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromisedUpdate {
    /// At the latest by.
    pub by: DateTime<Utc>,
    /// In which kind of notice that was said.
    pub in_notice: NoticeKind,
}

impl PromisedUpdate {
    fn reminder(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.by - REMINDER.min((self.by - now) / 2)
    }

    /// What running out means: words, when it runs again, and who is paged.
    pub(super) fn ran(
        self,
        incident: &Incident,
        now: DateTime<Utc>,
    ) -> (String, DateTime<Utc>, Vec<PageTarget>) {
        let mut targets = vec![incident.in_charge(), incident.counsel()];
        if now < self.by {
            let what = format!(
                "customers were promised an update by {}: write it now",
                second(self.by)
            );
            return (what, self.by, targets);
        }
        targets.push(PageTarget::Executives);
        let what = format!(
            "the update that customers were promised by {} has not been sent",
            second(self.by)
        );
        (what, now + Duration::days(1), targets)
    }
}

impl Incident {
    /// A notice went to customers, with the words `text`; it may promise an update, and contracts may ask people to tell some by hand.
    ///
    /// What goes to everybody who was told before takes the place of what they were promised. What goes to some only, such as a full
    /// notice to a customer who was found later, leaves the earlier promise of the others in force; a full notice is the update that a
    /// holding notice promises.
    pub fn notice_sent(
        mut self,
        kind: NoticeKind,
        promised: Option<DateTime<Utc>>,
        by_hand: &[ByHand],
        text: String,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Outcome<Self> {
        let standing = self.promised_update();
        let kept = match kind {
            NoticeKind::Full => standing.filter(|p| p.in_notice != NoticeKind::Holding),
            NoticeKind::Holding | NoticeKind::Withdrawn | NoticeKind::SecurityChange => standing,
            NoticeKind::FollowUp | NoticeKind::Correction | NoticeKind::Final => None,
        };
        let new = promised.map(|by| PromisedUpdate { by, in_notice: kind });
        let next = kept.into_iter().chain(new).min_by_key(|promise| promise.by);
        if next != standing {
            self.finish_timers(at, |kind| matches!(kind, TimerKind::NextUpdate { .. }));
            if let Some(promise) = next {
                self.start_timer(TimerKind::NextUpdate { promise }, promise.reminder(at));
            }
        }
        self.ask_by_hand(by_hand);
        let done = if kind == NoticeKind::Full {
            self.did(&[Act::SubmitFullNotice, Act::SendFullNotice], by, at)
        } else {
            Vec::new()
        };
        let mut outcome = self.changed(EntryKind::NoticeChanged, by, at, text);
        outcome.entries.extend(done);
        outcome
    }

    /// The promise to customers that stands.
    #[must_use]
    pub fn promised_update(&self) -> Option<PromisedUpdate> {
        self.timers
            .iter()
            .filter(|timer| timer.state == TimerState::Running)
            .find_map(|timer| match timer.kind {
                TimerKind::NextUpdate { promise } => Some(promise),
                _ => None,
            })
    }
}
