//! What can be proved about telling somebody, in four levels that are shown apart and never taken for each other.

use super::{About, Delivery, DeliveryState};
use crate::change::Change;
use crate::id::{CustomerId, DeliveryId, LetterId, NoticeId, ObligationId};
use crate::matter::MatterId;
use crate::notice::Receipt;
use crate::obligation::{Miss, Obligation, ObligationState, ToldByHand};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A level of proof; each of the first four says more than the one before, and none follows from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Our relay took the message.
    Submitted,
    /// A server of the recipient's took it, and a report says so.
    RemoteAccepted,
    /// The letter was opened on the portal.
    Opened,
    /// Somebody confirmed that they have read it.
    Acknowledged,
    /// People told the customer by phone, by post or in a system of the customer's, and wrote down what shows it. It stands beside the
    /// others: no message is proved by it.
    ByHand,
}

impl Level {
    /// The levels of a message, the weakest first.
    pub const OF_MESSAGES: [Self; 4] = [
        Self::Submitted,
        Self::RemoteAccepted,
        Self::Opened,
        Self::Acknowledged,
    ];
}

/// When each level was reached for one message; none where it was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Our relay took it.
    pub submitted: Option<DateTime<Utc>>,
    /// A server of the recipient's took it.
    pub remote_accepted: Option<DateTime<Utc>>,
    /// The letter was opened on the portal.
    pub opened: Option<DateTime<Utc>>,
    /// It was acknowledged.
    pub acknowledged: Option<DateTime<Utc>>,
    /// The customer was told by hand; no message has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<DateTime<Utc>>,
}

impl Proof {
    /// When a level was reached.
    #[must_use]
    pub fn at(&self, level: Level) -> Option<DateTime<Utc>> {
        match level {
            Level::Submitted => self.submitted,
            Level::RemoteAccepted => self.remote_accepted,
            Level::Opened => self.opened,
            Level::Acknowledged => self.acknowledged,
            Level::ByHand => self.by_hand,
        }
    }
}

/// What the portal knows of a letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnPortal {
    /// When it was opened first.
    pub opened: Option<DateTime<Utc>>,
    /// When it was acknowledged.
    pub acknowledged: Option<DateTime<Utc>>,
}

impl From<&Receipt> for OnPortal {
    fn from(receipt: &Receipt) -> Self {
        Self {
            opened: Some(receipt.opened_at),
            acknowledged: receipt.acknowledged.as_ref().map(|a| a.at),
        }
    }
}

impl Delivery {
    /// When each level was reached. `portal` is what is known of its letter there, which a mail server cannot know.
    #[must_use]
    pub fn proof(&self, portal: OnPortal) -> Proof {
        let submitted = match &self.state {
            DeliveryState::Accepted { at, .. } => Some(*at),
            DeliveryState::Bounced { submitted, .. } => submitted.as_ref().map(|submission| submission.at),
            DeliveryState::Queued { .. } | DeliveryState::Claimed { .. } | DeliveryState::Refused { .. } => {
                None
            }
        };
        Proof {
            submitted,
            remote_accepted: self.remote_accepted.as_ref().map(|taken| taken.at),
            opened: portal.opened,
            acknowledged: portal.acknowledged,
            by_hand: None,
        }
    }

    /// Whether the message stands: a relay took it, and nobody has reported that it did not arrive.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self.state, DeliveryState::Accepted { .. })
    }
}

/// The proof of one message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipientProof {
    /// The message.
    pub delivery: DeliveryId,
    /// The notice.
    pub notice: NoticeId,
    /// The address.
    pub recipient: String,
    /// Where the message stands, by name.
    pub state: &'static str,
    /// Whether it counts: what bounced proves nothing.
    pub stands: bool,
    /// When each level was reached.
    pub proof: Proof,
}

/// The proof of having told one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomerProof {
    /// The promise; none where it is about a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obligation: Option<ObligationId>,
    /// To whom.
    pub customer: CustomerId,
    /// How often the customer is told from the beginning, this time included; see [`Obligation::round`].
    pub round: u32,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// Where the promise stands, by name.
    pub state: &'static str,
    /// When each level was first reached by a message that stands.
    pub first: Proof,
    /// Every message, the oldest first.
    pub recipients: Vec<RecipientProof>,
    /// Every time that people told the customer by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<ToldByHand>,
    /// The miss, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miss: Option<Miss>,
}

/// How many customers reached a level, and how many in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LevelShare {
    /// Which level.
    pub level: Level,
    /// How many reached it at or before their deadline.
    pub in_time: u64,
    /// How many reached it later.
    pub late: u64,
    /// How many have not reached it, and their deadline has passed.
    pub never: u64,
    /// How many have not reached it, and still have time.
    pub open: u64,
    /// Of those that are decided, how many in a thousand were in time; none while nothing is decided.
    pub on_time_permille: Option<u64>,
}

/// The proof of telling everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofOfTelling {
    /// Each level by itself, the weakest first.
    pub levels: Vec<LevelShare>,
    /// Each customer that is or was owed a notice, the earliest deadline first.
    pub customers: Vec<CustomerProof>,
}

/// What can be proved about obligations by messages. `portal` is what is known of letters there. Who is owed nothing any more does not
/// count, save where that was said after the deadline was missed.
#[must_use]
pub fn proof_of_telling(
    obligations: &[Obligation],
    deliveries: &[Delivery],
    portal: &BTreeMap<LetterId, OnPortal>,
    now: DateTime<Utc>,
) -> ProofOfTelling {
    let mut customers: Vec<CustomerProof> = obligations
        .iter()
        .filter(|owed| !matches!(owed.state, ObligationState::Ended { .. }) || owed.miss().is_some())
        .map(|owed| proof_of(owed, deliveries, portal))
        .collect();
    customers.sort_by(|a, b| (a.due_at, &a.customer, a.round).cmp(&(b.due_at, &b.customer, b.round)));
    let mut levels = Level::OF_MESSAGES
        .map(|level| share(level, &customers, now))
        .to_vec();
    // Nobody has to be told by hand whose contract does not ask for it.
    if customers.iter().any(|customer| !customer.by_hand.is_empty()) {
        levels.push(share(Level::ByHand, &customers, now));
    }
    ProofOfTelling { levels, customers }
}

fn proof_of(
    owed: &Obligation,
    deliveries: &[Delivery],
    portal: &BTreeMap<LetterId, OnPortal>,
) -> CustomerProof {
    let to = |customer: &CustomerId, written_for: Option<&ObligationId>| {
        *customer == owed.customer && owed.has(written_for)
    };
    let recipients = recipients_of(&(&owed.incident).into(), to, deliveries, portal);
    CustomerProof {
        obligation: Some(owed.id.clone()),
        customer: owed.customer.clone(),
        round: owed.round(),
        due_at: owed.deadline.due_at,
        state: owed.state.name(),
        first: Proof {
            by_hand: owed.first_by_hand().map(|first| first.at),
            ..first_of(&recipients)
        },
        miss: owed.miss(),
        by_hand: owed.by_hand.clone(),
        recipients,
    }
}

/// What can be proved about having told the customers of a change, those that its notice has a letter for. In time is what came before
/// the instant that was promised.
#[must_use]
pub fn proof_of_change(
    change: &Change,
    customers: &[CustomerId],
    deliveries: &[Delivery],
    portal: &BTreeMap<LetterId, OnPortal>,
    now: DateTime<Utc>,
) -> ProofOfTelling {
    let matter = MatterId::from(&change.id);
    let proof = |customer: &CustomerId| {
        let recipients = recipients_of(&matter, |to, _| to == customer, deliveries, portal);
        let stands = recipients.iter().any(|recipient| recipient.stands);
        CustomerProof {
            obligation: None,
            customer: customer.clone(),
            round: 1,
            due_at: change.tell_by,
            state: if stands { "told" } else { "running" },
            first: first_of(&recipients),
            miss: None,
            by_hand: Vec::new(),
            recipients,
        }
    };
    let customers: Vec<CustomerProof> = customers.iter().map(proof).collect();
    let levels = Level::OF_MESSAGES
        .map(|level| share(level, &customers, now))
        .to_vec();
    ProofOfTelling { levels, customers }
}

/// Every message of a matter that was written `to` a customer, for what was owed then.
fn recipients_of(
    matter: &MatterId,
    to: impl Fn(&CustomerId, Option<&ObligationId>) -> bool,
    deliveries: &[Delivery],
    portal: &BTreeMap<LetterId, OnPortal>,
) -> Vec<RecipientProof> {
    let letters = deliveries.iter().filter_map(|delivery| match &delivery.about {
        About::Letter {
            matter: of,
            notice,
            letter,
            customer,
            obligation,
        } if of == matter && to(customer, obligation.as_ref()) => Some((delivery, notice, letter)),
        _ => None,
    });
    letters
        .map(|(delivery, notice, letter)| RecipientProof {
            delivery: delivery.id.clone(),
            notice: notice.clone(),
            recipient: delivery.recipient.clone(),
            state: delivery.state.name(),
            stands: delivery.stands(),
            proof: delivery.proof(portal.get(letter).copied().unwrap_or_default()),
        })
        .collect()
}

/// When each level was first reached by a message that stands.
fn first_of(recipients: &[RecipientProof]) -> Proof {
    let first = |level: Level| {
        let standing = recipients.iter().filter(|r| r.stands);
        standing.filter_map(|r| r.proof.at(level)).min()
    };
    Proof {
        submitted: first(Level::Submitted),
        remote_accepted: first(Level::RemoteAccepted),
        opened: first(Level::Opened),
        acknowledged: first(Level::Acknowledged),
        by_hand: None,
    }
}

fn share(level: Level, customers: &[CustomerProof], now: DateTime<Utc>) -> LevelShare {
    let mut share = LevelShare {
        level,
        in_time: 0,
        late: 0,
        never: 0,
        open: 0,
        on_time_permille: None,
    };
    for customer in customers {
        match customer.first.at(level) {
            Some(at) if at <= customer.due_at => share.in_time += 1,
            Some(_) => share.late += 1,
            None if now > customer.due_at => share.never += 1,
            None => share.open += 1,
        }
    }
    let decided = share.in_time + share.late + share.never;
    share.on_time_permille = (share.in_time * 1000).checked_div(decided);
    share
}
