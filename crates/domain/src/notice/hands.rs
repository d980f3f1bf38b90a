//! Who had a hand in a notice, and who is left to approve it.
//!
//! Whoever began it or changed its words once does not approve it, whatever happened to it since: nobody can say which words still stand
//! without reading all versions, and a rule that everybody can check in the log is worth more than one that lets a few more approve.

use super::{Notice, NoticeState};
use crate::access::{Permission, User};
use crate::actor::Actor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Somebody did something at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeAct {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// The second person wanted it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeReturned {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// What had to change.
    pub why: String,
}

/// Why somebody does not approve a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// Began it.
    Began,
    /// Wrote in it.
    Wrote,
    /// Submitted it.
    Submitted,
    /// Changed a customer, and its letter followed.
    MadeFollow,
}

impl fmt::Display for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Began => "began this notice",
            Self::Wrote => "wrote in this notice",
            Self::Submitted => "submitted this notice",
            Self::MadeFollow => "changed a customer while this notice waited, and its letter followed",
        })
    }
}

impl Notice {
    /// Which hand somebody had in it; none may approve who had one.
    #[must_use]
    pub fn hand_of(&self, who: &Actor) -> Option<Hand> {
        if self.author == *who {
            return Some(Hand::Began);
        }
        if self.writers.contains(who) {
            return Some(Hand::Wrote);
        }
        if matches!(&self.state, NoticeState::Submitted { by, .. } if by == who) {
            return Some(Hand::Submitted);
        }
        self.made_follow(who).then_some(Hand::MadeFollow)
    }

    /// Who of these people may approve it as it stands. Of a notice that is being written: who will be left when it is submitted by
    /// somebody else than them.
    #[must_use]
    pub fn approvers<'a>(&self, people: &'a [User]) -> Vec<&'a User> {
        people
            .iter()
            .filter(|user| user.may(Permission::ApproveNotices))
            .filter(|user| self.hand_of(&Actor::person(&user.id)).is_none())
            .collect()
    }
}
