//! What happens after an attempt: when the next one is, over which relay, and whether somebody else is told as well.

use super::{About, Attempt, Delivery, DeliveryState};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long a letter may be put off before the next contact is told as well.
pub const PATIENCE: Duration = Duration::hours(4);

/// How long a relay may put a message off before another one, where there is one, is tried.
const RELAY_PATIENCE: Duration = Duration::minutes(30);

/// Over which relay an attempt goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relay {
    /// The one that is always there.
    #[default]
    First,
    /// The one for when the first does not take mail.
    Second,
}

impl Relay {
    /// Whether it is the first.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    pub(super) fn is_first(&self) -> bool {
        *self == Self::First
    }

    fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What kept a message from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// The relay could not be reached, or does not take our mail at all: it is not about this message.
    Relay,
    /// This message was put off, with a 4xx of its own.
    Message,
}

impl Delivery {
    /// The delivery after an attempt. `second` says whether there is a second relay.
    ///
    /// A relay that cannot be reached, or that puts the message off for half an hour, is followed by the other one: at once from the
    /// first to the second, after the ordinary pause back again. Where nobody knows how an attempt ended, the same relay gets the same
    /// bytes again, since it alone can know that it has them.
    #[must_use]
    pub fn attempted(mut self, attempt: Attempt, at: DateTime<Utc>, second: bool) -> Self {
        self.version += 1;
        let pause = self.pause();
        self.state = match attempt {
            Attempt::Accepted { answer, by } => DeliveryState::Accepted { at, answer, by },
            Attempt::Refused { answer } => DeliveryState::Refused { at, answer },
            Attempt::Deferred {
                answer,
                after,
                hindrance,
            } => {
                let used = self.relay;
                self.put_off(hindrance, at, second);
                let at_once = used == Relay::First && self.relay == Relay::Second;
                let pause = if at_once {
                    Duration::zero()
                } else {
                    after.unwrap_or(pause)
                };
                DeliveryState::Queued {
                    next_attempt_at: at + pause,
                    last_answer: Some(answer),
                }
            }
            Attempt::Unknown { answer } => {
                self.possible_duplicate = true;
                DeliveryState::Queued {
                    next_attempt_at: at + pause,
                    last_answer: Some(answer),
                }
            }
        };
        self
    }

    fn put_off(&mut self, hindrance: Hindrance, at: DateTime<Utc>, second: bool) {
        let moves = match hindrance {
            Hindrance::Relay => true,
            Hindrance::Message => {
                let since = *self.put_off_since.get_or_insert(at);
                at - since >= RELAY_PATIENCE
            }
        };
        self.relay = match (second, moves) {
            (false, _) => Relay::First,
            (true, false) => self.relay,
            (true, true) => self.relay.other(),
        };
    }

    /// A letter that was put off for [`PATIENCE`] is still tried, and the next contact is told as well: the delivery that knows so, once.
    #[must_use]
    pub fn losing_patience(mut self, at: DateTime<Utc>) -> (Self, bool) {
        let waits = matches!(self.state, DeliveryState::Queued { .. });
        let letter = matches!(self.about, About::Letter { .. });
        let long = self.put_off_since.is_some_and(|since| at - since >= PATIENCE);
        let now = waits && letter && long && !self.next_contact_told;
        self.next_contact_told |= now;
        (self, now)
    }

    /// The pause after the last attempt. Pages: 10 s, 30 s, 1 min, 2 min, then every 5 min. Letters: 1, 5, 15, 30 min, then every
    /// hour.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let seconds: [i64; 5] = match self.about {
            About::Page { .. } | About::HousePage { .. } | About::DryRun { .. } => [10, 30, 60, 120, 300],
            About::Letter { .. } | About::Asking { .. } | About::Checkpoint { .. } => {
                [60, 300, 900, 1800, 3600]
            }
        };
        let index = usize::try_from(self.attempts.saturating_sub(1))
            .unwrap_or(4)
            .min(4);
        Duration::seconds(seconds[index])
    }
}
