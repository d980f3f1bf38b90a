//! Telling by hand: somebody called the customer, sent the notice by post, or put it into the customer's own system.
//!
//! It is a level of proof of its own, with what shows it, beside what mail servers say: a call does not make a letter arrive, and a
//! letter does not say that somebody picked up. So it changes neither where the promise stands nor whether it was missed.

use super::Obligation;
use crate::actor::Actor;
use crate::audit::commitment::Salt;
use crate::customer::Channel;
use crate::id::TellingId;
use crate::notice::{FirstTold, ToldBy};
use crate::words::{one_line, second};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest text, in bytes.
const LONGEST: usize = 16_000;

/// The longest line, in characters.
const LONGEST_LINE: usize = 300;

/// How often a customer is told by hand in one round, at most.
const MOST_TELLINGS: usize = 100;

/// What somebody says of having told a customer by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellingFacts {
    /// How: by phone, by post, or in a system of the customer's.
    pub channel: Channel,
    /// Who called, posted or put it there.
    pub teller: String,
    /// Whom: a name with a number, or an address.
    pub to: String,
    /// When.
    pub told_at: DateTime<Utc>,
    /// What was said or sent.
    pub said: String,
    /// What shows it, and where that is: a recording, a tracking number, a ticket.
    pub evidence: String,
}

/// A customer was told by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldByHand {
    /// Its id.
    pub id: TellingId,
    /// How: by phone, by post, or in a system of the customer's.
    pub channel: Channel,
    /// Who called, posted or put it there.
    pub teller: String,
    /// Whom: a name with a number, or an address.
    pub to: String,
    /// When.
    pub told_at: DateTime<Utc>,
    /// What was said or sent.
    pub said: String,
    /// SHA-256 of what was said or sent, hex.
    pub said_sha256: String,
    /// What shows it, and where that is.
    pub evidence: String,
    /// Who wrote it down.
    pub by: Actor,
    /// When it was written down.
    pub recorded_at: DateTime<Utc>,
    /// What the log's commitment to it is salted with; none once something was erased from it.
    #[serde(default, skip_serializing_if = "Salt::is_none")]
    pub salt: Salt,
}

impl ToldByHand {
    /// What the log commits to: who told whom, when, how, with what and by which evidence. Instants are taken as its JSON writes them, so
    /// that a script can do the same with an exported line.
    #[must_use]
    pub fn commitment(&self) -> String {
        let instant = |at: DateTime<Utc>| {
            let written = serde_json::to_value(at).ok();
            written
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        self.salt.commit(&[
            self.id.as_str(),
            self.channel.name(),
            &self.teller,
            &self.to,
            &instant(self.told_at),
            &self.said_sha256,
            &self.evidence,
            &instant(self.recorded_at),
        ])
    }
}

impl Obligation {
    /// How the customer was first told by hand, and when.
    #[must_use]
    pub fn first_by_hand(&self) -> Option<FirstTold> {
        let first = self.by_hand.iter().min_by_key(|telling| telling.told_at)?;
        Some(FirstTold {
            by: ToldBy::Hand(first.channel),
            at: first.told_at,
        })
    }

    /// Somebody was erased from it: without their salts the log's commitments tell nothing of what stood here.
    #[must_use]
    pub fn without_salts(mut self) -> Self {
        for telling in &mut self.by_hand {
            telling.salt = Salt::default();
        }
        self.version += 1;
        self
    }

    /// Somebody writes down that the customer was told by hand. Where the promise stands does not change by it.
    ///
    /// # Errors
    /// The field that is wrong, and what to write instead: a channel that is no hand, an empty or overlong text, an instant to come or
    /// before the clock started, or one telling too many.
    pub fn tell_by_hand(
        mut self,
        facts: &TellingFacts,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, (&'static str, String)> {
        if facts.channel.by_hand().is_none() {
            let fault = "an e-mail is proved by what servers say of it; choose phone, post or portal";
            return Err(("channel", fault.to_owned()));
        }
        let line = |field, text: &str| {
            let fault = format!("write 1 to {LONGEST_LINE} characters in one line");
            one_line(text, LONGEST_LINE).ok_or((field, fault))
        };
        let (teller, to) = (line("teller", &facts.teller)?, line("to", &facts.to)?);
        let evidence = line("evidence", &facts.evidence)?;
        let said = facts.said.trim();
        if said.is_empty() || said.len() > LONGEST {
            let fault = format!("write what was said or sent, in at most {LONGEST} bytes");
            return Err(("said", fault));
        }
        if facts.told_at > at || facts.told_at < self.deadline.from {
            let fault = format!(
                "give an instant between {}, when the clock started, and now",
                second(self.deadline.from)
            );
            return Err(("told_at", fault));
        }
        if self.by_hand.len() >= MOST_TELLINGS {
            let fault = format!("{MOST_TELLINGS} tellings are kept for one customer");
            return Err(("said", fault));
        }
        let number = self.by_hand.len().to_string();
        self.by_hand.push(ToldByHand {
            id: TellingId::derived(&[self.id.as_str(), &number]),
            channel: facts.channel,
            teller,
            to,
            told_at: facts.told_at,
            said: said.to_owned(),
            said_sha256: hex::encode(Sha256::digest(said.as_bytes())),
            evidence,
            by: by.clone(),
            recorded_at: at,
            salt: Salt::random(),
        });
        self.version += 1;
        Ok(self)
    }
}
