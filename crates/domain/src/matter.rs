//! What a notice, its letters, their messages and a timeline are about: an incident, or a change.
//!
//! Whoever writes, pages or delivers asks here for what both have: a reference, who is in charge, whom a letter goes to.

use crate::actor::Actor;
use crate::change::Change;
use crate::customer::Customer;
use crate::id::{ChangeId, IncidentId};
use crate::incident::{EntryKind, Incident, TimelineEntry};
use crate::page::{PageReason, PageTarget, PageText, page_text};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// Which incident, or which change. In JSON a field `incident` or `change` that holds the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatterId {
    /// An incident.
    Incident(IncidentId),
    /// A change.
    Change(ChangeId),
}

impl MatterId {
    /// The id as text; its prefix says which of both it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Incident(id) => id.as_str(),
            Self::Change(id) => id.as_str(),
        }
    }

    /// What it is, in a word: `incident` or `change`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Incident(_) => "incident",
            Self::Change(_) => "change",
        }
    }

    /// The incident; none where it is a change.
    #[must_use]
    pub fn incident(&self) -> Option<&IncidentId> {
        match self {
            Self::Incident(id) => Some(id),
            Self::Change(_) => None,
        }
    }

    /// The change; none where it is an incident.
    #[must_use]
    pub fn change(&self) -> Option<&ChangeId> {
        match self {
            Self::Incident(_) => None,
            Self::Change(id) => Some(id),
        }
    }
}

impl fmt::Display for MatterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&IncidentId> for MatterId {
    fn from(id: &IncidentId) -> Self {
        Self::Incident(id.clone())
    }
}

impl From<&ChangeId> for MatterId {
    fn from(id: &ChangeId) -> Self {
        Self::Change(id.clone())
    }
}

impl From<&Self> for MatterId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

/// An incident or a change, borrowed by whoever has it or owned by whoever read it.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "few live at a time, on the stack; a box would cost an allocation for each that is borrowed"
)]
pub enum Matter<'a> {
    /// An incident.
    Incident(Cow<'a, Incident>),
    /// A change.
    Change(Cow<'a, Change>),
}

impl<'a> From<&'a Incident> for Matter<'a> {
    fn from(incident: &'a Incident) -> Self {
        Self::Incident(Cow::Borrowed(incident))
    }
}

impl<'a> From<&'a Change> for Matter<'a> {
    fn from(change: &'a Change) -> Self {
        Self::Change(Cow::Borrowed(change))
    }
}

impl<'a> From<&'a Matter<'_>> for Matter<'a> {
    fn from(matter: &'a Matter<'_>) -> Self {
        match matter {
            Matter::Incident(incident) => Self::from(incident.as_ref()),
            Matter::Change(change) => Self::from(change.as_ref()),
        }
    }
}

impl From<Incident> for Matter<'static> {
    fn from(incident: Incident) -> Self {
        Self::Incident(Cow::Owned(incident))
    }
}

impl From<Change> for Matter<'static> {
    fn from(change: Change) -> Self {
        Self::Change(Cow::Owned(change))
    }
}

impl Matter<'_> {
    /// Which one it is.
    #[must_use]
    pub fn id(&self) -> MatterId {
        match self {
            Self::Incident(incident) => MatterId::from(&incident.id),
            Self::Change(change) => MatterId::from(&change.id),
        }
    }

    /// How people call it: `INC-0042`, `CHG-0007`.
    #[must_use]
    pub fn reference(&self) -> String {
        match self {
            Self::Incident(incident) => incident.reference(),
            Self::Change(change) => change.reference(),
        }
    }

    /// Whether it is a drill; only incidents are practised.
    #[must_use]
    pub fn drill(&self) -> bool {
        match self {
            Self::Incident(incident) => incident.drill,
            Self::Change(_) => false,
        }
    }

    /// Where the console shows it, below the address of the house.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Incident(incident) => format!("/incidents/{}", incident.id),
            Self::Change(change) => format!("/changes/{}", change.id),
        }
    }

    /// Who must hear of news.
    #[must_use]
    pub fn in_charge(&self) -> PageTarget {
        match self {
            Self::Incident(incident) => incident.in_charge(),
            Self::Change(change) => change.in_charge(),
        }
    }

    /// Who speaks for law and contract here.
    #[must_use]
    pub fn counsel(&self) -> PageTarget {
        match self {
            Self::Incident(incident) => incident.counsel(),
            Self::Change(_) => PageTarget::Counsel,
        }
    }

    /// Whom a letter to a customer goes to first.
    #[must_use]
    pub fn recipients(&self, customer: &Customer) -> Vec<String> {
        match self {
            Self::Incident(incident) => incident.recipients(customer),
            Self::Change(_) => customer.first_addresses(),
        }
    }

    /// Whom a letter to a customer goes to next, after those that were `tried`.
    #[must_use]
    pub fn next_recipient(&self, customer: &Customer, tried: &BTreeSet<String>) -> Option<String> {
        match self {
            Self::Incident(incident) => incident.next_recipient(customer, tried),
            Self::Change(_) => customer.next_address(tried),
        }
    }

    /// What a page about it says. `link` leads to where the console shows it.
    #[must_use]
    pub fn page_text(&self, reason: &PageReason, link: &str) -> PageText {
        match self {
            Self::Incident(incident) => page_text(incident, reason, link),
            Self::Change(change) => change.page_text(reason, link),
        }
    }

    /// An entry of its timeline.
    #[must_use]
    pub fn entry(
        &self,
        kind: EntryKind,
        happened_at: DateTime<Utc>,
        recorded_at: DateTime<Utc>,
        by: &Actor,
        text: String,
    ) -> TimelineEntry {
        TimelineEntry::new(self.id(), kind, happened_at, recorded_at, by, text)
    }
}
