//! Who does what. A role is handed over by two people: one offers, the other accepts, and until then the first one has it.

use super::{EntryKind, Incident, Intent, Outcome, TransitionError};
use crate::access::{Permission, User};
use crate::actor::Actor;
use crate::id::UserId;
use crate::page::{PageReason, PageTarget};
use crate::words::capitalised;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A part in the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides, and answers for the response.
    Commander,
    /// Helps the commander and stands in.
    Deputy,
    /// Writes down what happens.
    Scribe,
    /// Speaks to customers and inside the company.
    CommunicationsLiaison,
    /// Counsel or data-protection officer: approves what is told.
    Legal,
    /// Knows the system that is concerned.
    SubjectExpert,
}

impl Role {
    /// All roles, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Commander,
        Self::Deputy,
        Self::Scribe,
        Self::CommunicationsLiaison,
        Self::Legal,
        Self::SubjectExpert,
    ];

    /// What somebody must be allowed to do in order to hold it: whoever answers a page may take command until somebody who leads takes
    /// over, and who speaks for the law approves notices.
    #[must_use]
    pub fn needs(self) -> Permission {
        match self {
            Self::Legal => Permission::ApproveNotices,
            Self::Commander
            | Self::Deputy
            | Self::Scribe
            | Self::CommunicationsLiaison
            | Self::SubjectExpert => Permission::Respond,
        }
    }

    /// Whether somebody may hold it.
    ///
    /// # Errors
    /// Says why not, and whom to choose instead.
    pub fn may_be_held_by(self, user: &User) -> Result<(), String> {
        if user.closed_at.is_some() {
            return Err("this account is closed; choose somebody who can sign in".to_owned());
        }
        if user.may(self.needs()) {
            return Ok(());
        }
        let (may_not, choose) = match self.needs() {
            Permission::ApproveNotices => ("approve notices", "counsel: somebody with the role legal"),
            _ => (
                "work on incidents",
                "somebody with one of the roles responder, commander and legal",
            ),
        };
        Err(format!(
            "{} may not {may_not}, and could not act as {}; choose {choose}",
            user.name,
            self.title()
        ))
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Deputy => "deputy",
            Self::Scribe => "scribe",
            Self::CommunicationsLiaison => "communications liaison",
            Self::Legal => "legal / DPO",
            Self::SubjectExpert => "subject expert",
        }
    }
}

/// A role of one incident: who has it, who is asked to take it, who had it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Who has it.
    pub holder: Option<Holder>,
    /// Who is asked to take it over.
    pub offer: Option<Offer>,
    /// Who had it, the oldest first.
    pub history: Vec<Term>,
}

/// Who has a role, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Somebody is asked to take a role over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Who is asked.
    pub to: UserId,
    /// Who asks.
    pub by: Actor,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// A time during which somebody had a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Who.
    pub user: UserId,
    /// From.
    pub from: DateTime<Utc>,
    /// Until.
    pub until: DateTime<Utc>,
}

impl Incident {
    /// Gives a role to somebody at once: to oneself, or to others by a person who leads. Taking command also answers the page.
    ///
    /// # Errors
    /// Refused on a closed incident, and when the person already has the role.
    pub fn assign(
        mut self,
        role: Role,
        user: &UserId,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("assign a role of")?;
        if self.holder(role) == Some(user) {
            return Err(self.not_from("assign a role again in", "choose somebody who does not have it"));
        }
        let text = match self.holder(role) {
            Some(former) => format!("{} is now {user}, after {former}", capitalised(role.title())),
            None => format!("{} is now {user}", capitalised(role.title())),
        };
        self.version += 1;
        self.hold(role, user, at);
        let mut entries = vec![self.entry(EntryKind::RoleChanged, at, at, by, text)];
        let mut intents = Vec::new();
        if by.user() != Some(user) {
            let target = PageTarget::Person { user: user.clone() };
            intents.push(Intent::Page {
                target,
                reason: PageReason::RoleAssigned { role },
            });
        } else if role == Role::Commander {
            let outcome = self.acknowledge(by, at)?;
            entries.extend(outcome.entries);
            return Ok(Outcome {
                subject: outcome.subject,
                entries,
                intents,
            });
        }
        Ok(Outcome {
            subject: self,
            entries,
            intents,
        })
    }

    /// Asks somebody to take a role over. Who has it keeps it until the other accepts.
    ///
    /// # Errors
    /// Only the holder or a person who holds command may offer; a vacant role is assigned instead.
    pub fn offer_role(
        mut self,
        role: Role,
        to: &UserId,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("hand over a role of")?;
        let Some(holder) = self.holder(role).cloned() else {
            return Err(self.not_from("hand over a vacant role of", "assign it instead"));
        };
        if holder == *to {
            return Err(self.not_from("hand over a role to its holder in", "choose somebody else"));
        }
        if by.user() != Some(&holder) && by.user() != self.holder(Role::Commander) {
            let remedy = "the holder or the commander can";
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "hand over this role",
                remedy,
            });
        }
        self.version += 1;
        self.posts.entry(role).or_default().offer = Some(Offer {
            to: to.clone(),
            by: by.clone(),
            at,
        });
        let text = format!(
            "{} offered to {to}; {holder} has it until {to} accepts",
            capitalised(role.title())
        );
        let entry = self.entry(EntryKind::RoleChanged, at, at, by, text);
        let target = PageTarget::Person { user: to.clone() };
        let page = Intent::Page {
            target,
            reason: PageReason::RoleOffered { role },
        };
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: vec![page],
        })
    }

    /// Accepts a role that was offered.
    ///
    /// # Errors
    /// Only who was asked can accept.
    pub fn accept_role(
        mut self,
        role: Role,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("accept a role of")?;
        let offer = self.posts.get(&role).and_then(|post| post.offer.clone());
        let Some(offer) = offer.filter(|offer| by.user() == Some(&offer.to)) else {
            let remedy = "only the person it was offered to can, while the offer stands";
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "accept this role",
                remedy,
            });
        };
        let former = self.holder(role).map(ToString::to_string).unwrap_or_default();
        self.version += 1;
        self.hold(role, &offer.to, at);
        let text = format!(
            "{} handed over from {former} to {}, accepted",
            capitalised(role.title()),
            offer.to
        );
        let entry = self.entry(EntryKind::RoleChanged, at, at, by, text);
        Ok(Outcome {
            subject: self,
            entries: vec![entry],
            intents: Vec::new(),
        })
    }

    /// Ends an offer: who asked withdraws it, as the holder and the commander can, or who was asked declines.
    ///
    /// # Errors
    /// Refused where nothing is offered, and to everybody else.
    pub fn end_offer(
        mut self,
        role: Role,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        self.must_be_open("end an offer of")?;
        let Some(offer) = self.posts.get(&role).and_then(|post| post.offer.clone()) else {
            return Err(self.not_from("end an offer of", "nobody is asked to take this role"));
        };
        let asked = by.user() == Some(&offer.to);
        let theirs = *by == offer.by
            || (by.user().is_some()
                && (by.user() == self.holder(role) || by.user() == self.holder(Role::Commander)));
        if !asked && !theirs {
            let remedy = "who offered it, the holder, the commander and the person who is asked can";
            return Err(TransitionError::NotYours {
                who: by.clone(),
                attempted: "end this offer",
                remedy,
            });
        }
        if let Some(post) = self.posts.get_mut(&role) {
            post.offer = None;
        }
        let what = if asked {
            "declined by"
        } else {
            "no longer offered to"
        };
        let text = format!("{} {what} {}", capitalised(role.title()), offer.to);
        Ok(self.changed(EntryKind::RoleChanged, by, at, text))
    }

    fn hold(&mut self, role: Role, user: &UserId, at: DateTime<Utc>) {
        let post = self.posts.entry(role).or_default();
        if let Some(former) = post.holder.replace(Holder {
            user: user.clone(),
            since: at,
        }) {
            post.history.push(Term {
                user: former.user,
                from: former.since,
                until: at,
            });
        }
        post.offer = None;
    }
}
