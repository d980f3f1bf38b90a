//! One message to one recipient over one channel: written to the outbox with the decision that asks for it, sent at least once,
//! never silently lost.

pub mod pace;
pub mod proof;
pub mod report;
mod retry;
pub mod ses;

use crate::id::{AskingId, CustomerId, DeliveryId, LetterId, NoticeId, ObligationId};
use crate::matter::MatterId;
use crate::page::PageReason;
use chrono::{DateTime, Duration, Utc};
pub use retry::{Hindrance, PATIENCE, Relay};

use report::{Action, StatusCode};
use serde::{Deserialize, Serialize};

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Derived from what it is about, the channel and the recipient: what is decided twice is sent once.
    pub id: DeliveryId,
    /// Counts every change.
    pub version: i64,
    /// What it is about.
    pub about: About,
    /// Over which channel.
    pub channel: Channel,
    /// To whom: an e-mail address or a topic's ARN.
    pub recipient: String,
    /// In a line.
    pub subject: String,
    /// When it was written to the outbox.
    pub created_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether an attempt ended without a clear answer, so that the recipient may have it twice.
    pub possible_duplicate: bool,
    /// When a server of the recipient's took it, where a report says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_accepted: Option<RemoteAcceptance>,
    /// Since when it is put off, where it is or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_off_since: Option<DateTime<Utc>>,
    /// Whether the next contact was told because this one was put off for long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next_contact_told: bool,
    /// Over which relay the next attempt goes.
    #[serde(default, skip_serializing_if = "Relay::is_first")]
    pub relay: Relay,
    /// Where it stands.
    #[serde(flatten)]
    pub state: DeliveryState,
}

/// A server beyond our relay took the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteAcceptance {
    /// When we learned of it.
    pub at: DateTime<Utc>,
    /// Which server, where the report names it.
    pub by: Option<String>,
    /// What it did: delivered, relayed or expanded.
    pub action: Action,
}

/// Our relay took the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// When.
    pub at: DateTime<Utc>,
    /// What was answered.
    pub answer: String,
    /// By whom.
    pub by: String,
}

/// What a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum About {
    /// A page.
    Page {
        /// Of which incident or change.
        #[serde(flatten)]
        matter: MatterId,
        /// Why.
        reason: PageReason,
    },
    /// A page about the house itself, of no incident and no change.
    HousePage {
        /// Why.
        reason: PageReason,
    },
    /// A letter to a customer.
    Letter {
        /// Of which incident or change.
        #[serde(flatten)]
        matter: MatterId,
        /// The notice.
        notice: NoticeId,
        /// The letter.
        letter: LetterId,
        /// The customer.
        customer: CustomerId,
        /// What is owed to the customer, which the letter tells of; see [`Letter::obligation`](crate::notice::Letter::obligation).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obligation: Option<ObligationId>,
    },
    /// A customer's letter, sent to one of our own before it is approved; tells no customer anything.
    DryRun {
        /// Of which incident or change.
        #[serde(flatten)]
        matter: MatterId,
        /// The notice.
        notice: NoticeId,
        /// Whose letter.
        customer: CustomerId,
    },
    /// The newest checkpoint of the audit log, to a witness outside the house who keeps it.
    Checkpoint {
        /// Of how many records.
        size: u64,
    },
    /// A contact is asked whether it is still the right one; tells no customer anything.
    Asking {
        /// Whose contact.
        customer: CustomerId,
        /// The asking.
        asking: AskingId,
    },
}

impl About {
    /// The incident or change that it belongs to; none where it is about the house itself or about a contact.
    #[must_use]
    pub fn matter(&self) -> Option<&MatterId> {
        match self {
            Self::Page { matter, .. } | Self::Letter { matter, .. } | Self::DryRun { matter, .. } => {
                Some(matter)
            }
            Self::HousePage { .. } | Self::Asking { .. } | Self::Checkpoint { .. } => None,
        }
    }
}

/// Over which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// SMTP.
    Email,
    /// Amazon SNS.
    Sns,
}

impl Channel {
    /// As records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sns => "sns",
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried at or after an instant.
    Queued {
        /// Not before.
        next_attempt_at: DateTime<Utc>,
        /// What the last attempt said.
        last_answer: Option<String>,
    },
    /// Somebody is trying; when the lease runs out without an answer, the outcome is unknown and it is tried again.
    Claimed {
        /// Until when the claim holds.
        until: DateTime<Utc>,
        /// When the message's bytes began to go out; from then on an outcome may be unknown.
        data_at: Option<DateTime<Utc>>,
    },
    /// Our relay or the topic took it.
    Accepted {
        /// When.
        at: DateTime<Utc>,
        /// What was answered.
        answer: String,
        /// By whom.
        by: String,
    },
    /// It was refused for good.
    Refused {
        /// When.
        at: DateTime<Utc>,
        /// What was answered.
        answer: String,
    },
    /// A server reported that it did not arrive, after our relay had taken it or may have.
    Bounced {
        /// When we learned of it.
        at: DateTime<Utc>,
        /// What the report says, in a line.
        answer: String,
        /// Why, as a code.
        status: StatusCode,
        /// When our relay had taken it; none when its answer was lost.
        submitted: Option<Submission>,
    },
}

impl DeliveryState {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Claimed { .. } => "claimed",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::Bounced { .. } => "bounced",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Taken.
    Accepted {
        /// What was answered.
        answer: String,
        /// By whom.
        by: String,
    },
    /// Not now.
    Deferred {
        /// What was answered.
        answer: String,
        /// What the other side asked for.
        after: Option<Duration>,
        /// What is in the way.
        hindrance: Hindrance,
    },
    /// Never.
    Refused {
        /// What was answered.
        answer: String,
    },
    /// Nobody knows.
    Unknown {
        /// What is known.
        answer: String,
    },
}

impl Delivery {
    /// Its id: what it is about, the channel and the recipient. `occasion` tells repeated pages apart.
    #[must_use]
    pub fn derive_id(about: &str, occasion: &str, channel: Channel, recipient: &str) -> DeliveryId {
        DeliveryId::derived(&[about, occasion, channel.name(), recipient])
    }

    /// Where it goes: the domain of an address, in lower case; the whole of a topic's ARN.
    #[must_use]
    pub fn destination(&self) -> String {
        let domain = self.recipient.rsplit('@').next().unwrap_or_default();
        domain.to_ascii_lowercase()
    }
}
