//! Names of things: prefixed, sortable text, typed so that an alert's id never stands where an incident's belongs.
//!
//! An id reads `inc_01J9…`: a prefix that says what it names and a ULID, so ids of one kind sort by birth.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// An id was expected, and this text is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind: it should begin with `{prefix}`")]
pub struct IdError {
    /// What was read.
    pub text: String,
    /// What it should have begun with.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, born at `at`; unique by 80 random bits.
            #[must_use]
            pub fn generate(at: DateTime<Utc>) -> Self {
                let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or(0);
                let ulid = ulid::Ulid::from_parts(milliseconds, rand::random::<u128>());
                Self(format!("{}{}", $prefix, ulid))
            }

            /// An id that follows from its parts: the same parts give the same id, so that what is decided twice is stored once.
            #[must_use]
            pub fn derived(parts: &[&str]) -> Self {
                Self(format!("{}{}", $prefix, &digest(parts)[..26]))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                let rest = text.strip_prefix($prefix).unwrap_or("");
                let sound = !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric());
                if sound { Ok(Self(text)) } else { Err(IdError { text, prefix: $prefix }) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )*};
}

ids! {
    /// One judgement of one detector: derived from detector, group and first event.
    DetectionId = "det_";
    /// Like detections, folded together.
    AlertId = "alr_";
    /// People are on it.
    IncidentId = "inc_";
    /// One line of an incident's timeline.
    EntryId = "ent_";
    /// One thing a playbook asks somebody to do.
    TaskId = "tsk_";
    /// One timer of an incident.
    TimerId = "tmr_";
    /// A company whose data is kept.
    CustomerId = "cus_";
    /// One promise to one customer, with its deadline.
    ObligationId = "obl_";
    /// What is told, in one version.
    NoticeId = "ntc_";
    /// One customer's rendering of a notice.
    LetterId = "ltr_";
    /// One message to one recipient over one channel.
    DeliveryId = "dlv_";
    /// A change of the service, in the register of changes.
    ChangeId = "chg_";
    /// A person who signs in.
    UserId = "usr_";
    /// A signed-in browser.
    SessionId = "ses_";
    /// A bearer token of the API.
    TokenId = "tok_";
    /// One pre-flight.
    PreflightId = "pfl_";
    /// One asking of a contact whether it is still the right one.
    AskingId = "ask_";
    /// One time that a customer was told by hand.
    TellingId = "tel_";
}

/// SHA-256 over the parts, each preceded by its length, so that no two lists of parts collide by concatenation; lower-case hex.
#[must_use]
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// The 32 bytes that these 64 hex digits are.
#[must_use]
pub fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    hex::decode(digits).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let incident = IncidentId::derived(&["x"]).to_string();
        assert!(incident.parse::<IncidentId>().is_ok());
        assert!(incident.parse::<AlertId>().is_err());
        assert!("inc_".parse::<IncidentId>().is_err());
        assert!("inc_../../etc".parse::<IncidentId>().is_err());
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            DetectionId::derived(&["ab", "c"]),
            DetectionId::derived(&["a", "bc"])
        );
        assert_eq!(
            DetectionId::derived(&["a", "b"]),
            DetectionId::derived(&["a", "b"])
        );
    }
}
