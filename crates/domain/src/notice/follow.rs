//! A customer changes while a notice waits for its approval: its letter follows, and the second person sees what is different.
//!
//! An approval is bound to the digest over every letter, so that whoever read the letters as they were is refused and reads them again.
//! Whoever made letters follow had a hand in them, and does not approve them.

use super::{Letter, Notice, NoticeState, content_hash};
use crate::actor::Actor;
use crate::id::CustomerId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What of a letter is different. Addresses stand in the letter alone, where they can be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterPart {
    /// Whom it goes to.
    Recipients,
    /// What it says: its language, its deadline, or names in it.
    Words,
}

/// A letter followed a change of its customer while its notice waited for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterFollowed {
    /// Whose letter.
    pub customer: CustomerId,
    /// What of it is different.
    pub parts: BTreeSet<LetterPart>,
    /// Who changed the customer.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// What of a letter is different from what it was.
fn parts(before: &Letter, now: &Letter) -> BTreeSet<LetterPart> {
    let recipients = (before.recipients != now.recipients).then_some(LetterPart::Recipients);
    let words = (before.words_sha256() != now.words_sha256()).then_some(LetterPart::Words);
    recipients.into_iter().chain(words).collect()
}

impl Notice {
    /// Customers changed while the notice waits for its approval: `before` were its letters, `now` are those that follow. It goes on
    /// waiting, with another digest. `None` where no letter is different, or where it does not wait.
    #[must_use]
    pub fn follow(
        mut self,
        before: &[Letter],
        now: &[Letter],
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Option<(Self, Vec<LetterFollowed>)> {
        if !matches!(self.state, NoticeState::Submitted { .. }) {
            return None;
        }
        let known: BTreeMap<&CustomerId, &Letter> =
            before.iter().map(|letter| (&letter.customer, letter)).collect();
        let followed: Vec<LetterFollowed> = now
            .iter()
            .filter_map(|letter| {
                let parts = parts(known.get(&letter.customer)?, letter);
                (!parts.is_empty()).then(|| LetterFollowed {
                    customer: letter.customer.clone(),
                    parts,
                    by: by.clone(),
                    at,
                })
            })
            .collect();
        if followed.is_empty() {
            return None;
        }
        self.version += 1;
        self.content_hash = content_hash(now);
        self.followed.extend(followed.iter().cloned());
        Some((self, followed))
    }

    /// Whether somebody changed what its letters say or whom they go to since it was submitted.
    #[must_use]
    pub fn made_follow(&self, who: &Actor) -> bool {
        self.followed.iter().any(|followed| followed.by == *who)
    }
}
