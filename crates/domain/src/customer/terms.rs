//! What a contract says of notices beside their limit: the promise holds "unless otherwise defined".

use super::{ContactRole, Customer};
use crate::obligation::rule::Moment;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// From when the limit of a contract counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountsFrom {
    /// The confirmation of the disclosure: the promise.
    #[default]
    Confirmed,
    /// We were aware of it.
    Aware,
    /// We suspected it.
    Suspected,
    /// A detector or a person saw something.
    Detected,
}

/// How a customer is told beside the e-mail, which every customer gets: people do that, and it is a task of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The e-mail alone.
    #[default]
    Email,
    /// By phone, too.
    Phone,
    /// By letter, too.
    Post,
    /// In a system of the customer's, too.
    Portal,
}

/// What a contract says of notices beside their limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractTerms {
    /// From when the limit counts.
    #[serde(default)]
    pub counts_from: CountsFrom,
    /// Kinds of contacts that are told in any case, all of them; none: those of the most preferred kind that the customer has.
    #[serde(default)]
    pub recipients: BTreeSet<ContactRole>,
    /// How, beside the e-mail.
    #[serde(default)]
    pub channel: Channel,
}

/// When the clock of a contract started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStart {
    /// What it counts from.
    pub from: CountsFrom,
    /// When that was.
    pub at: DateTime<Utc>,
}

impl ClockStart {
    /// A clock that started with the confirmation of the disclosure.
    #[must_use]
    pub fn confirmed(at: DateTime<Utc>) -> Self {
        Self {
            from: CountsFrom::Confirmed,
            at,
        }
    }
}

impl CountsFrom {
    /// All of them, the latest first.
    pub const ALL: [Self; 4] = [Self::Confirmed, Self::Aware, Self::Suspected, Self::Detected];

    /// The word that lists and files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.moment().name()
    }

    /// The moment of an incident that it is.
    #[must_use]
    pub fn moment(self) -> Moment {
        match self {
            Self::Confirmed => Moment::Confirmed,
            Self::Aware => Moment::Aware,
            Self::Suspected => Moment::Suspected,
            Self::Detected => Moment::Detected,
        }
    }

    /// What happened at its instant, in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Confirmed => "the confirmation of the disclosure",
            Self::Aware => "the moment in which we were aware of it",
            Self::Suspected => "the suspicion of it",
            Self::Detected => "its detection",
        }
    }
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Email, Self::Phone, Self::Post, Self::Portal];

    /// The word that lists and files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Post => "post",
            Self::Portal => "portal",
        }
    }

    /// What people have to do beside the e-mail; none where it is all.
    #[must_use]
    pub fn by_hand(self) -> Option<&'static str> {
        match self {
            Self::Email => None,
            Self::Phone => Some("Tell by phone what the notice says"),
            Self::Post => Some("Send the notice by post"),
            Self::Portal => Some("Put the notice into the customer's own system"),
        }
    }
}

impl ContractTerms {
    /// When the clock of the contract started, for a disclosure that was confirmed at `confirmed_at`. A moment that nobody recorded, or
    /// that came after the confirmation, starts no clock: then the confirmation does.
    #[must_use]
    pub fn start(
        &self,
        moments: &BTreeMap<Moment, DateTime<Utc>>,
        confirmed_at: DateTime<Utc>,
    ) -> ClockStart {
        let earlier = moments
            .get(&self.counts_from.moment())
            .filter(|at| **at <= confirmed_at);
        match earlier {
            Some(at) if self.counts_from != CountsFrom::Confirmed => ClockStart {
                from: self.counts_from,
                at: *at,
            },
            _ => ClockStart::confirmed(confirmed_at),
        }
    }
}

impl Customer {
    /// By when a suspicion must be decided on, so that two thirds of the contract's time are not over before anybody is owed anything:
    /// where the contract counts from before the confirmation, and that moment was.
    #[must_use]
    pub fn decision_wanted_by(&self, moments: &BTreeMap<Moment, DateTime<Utc>>) -> Option<DateTime<Utc>> {
        if self.terms.counts_from == CountsFrom::Confirmed {
            return None;
        }
        let start = moments.get(&self.terms.counts_from.moment())?;
        Some(*start + self.limit().duration() / 3 * 2)
    }
}
