//! Return paths: each message has one of its own, so that a bounce says by its address alone which message it is about (VERP). The
//! address is signed, so that nobody can report about a message who has not seen it.

use crate::desk::RespondError;
use crate::link::SigningKey;
use watchkeeper_domain::id::DeliveryId;
use watchkeeper_store::Store;

/// What the local part of every return path begins with.
const PREFIX: &str = "b+";

/// How many digits of the signature an address carries: 104 bits. With the id, the local part has 59 of at most 64 characters (RFC 5321,
/// 4.5.3.1.1).
const DIGITS: usize = 26;

/// Makes return paths, and knows them again.
#[derive(Debug, Clone)]
pub struct ReturnPaths {
    domain: String,
    key: SigningKey,
}

/// An address that leads to no message of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    /// It is not of the form that return paths have.
    #[error("this is no return path of ours")]
    NotOurs,
    /// It has the form, and the signature is not ours.
    #[error("the signature of this return path is not ours")]
    Forged,
}

impl ReturnPaths {
    /// Return paths of this domain, signed with the key kept in the store; made at the first start.
    ///
    /// # Errors
    /// When the store cannot be read or written, or what it keeps is no key.
    pub async fn kept_in(store: &Store, domain: &str) -> Result<Self, RespondError> {
        Ok(Self {
            domain: domain.to_ascii_lowercase(),
            key: SigningKey::kept_as(store, "bounce_key").await?,
        })
    }

    /// The return path of a message.
    #[must_use]
    pub fn of(&self, delivery: &DeliveryId) -> String {
        format!("{PREFIX}{delivery}.{}@{}", self.signature(delivery), self.domain)
    }

    /// The message that a report to this address is about. Servers on the way may have changed its case.
    ///
    /// # Errors
    /// See [`Unwelcome`].
    pub fn delivery_of(&self, address: &str) -> Result<DeliveryId, Unwelcome> {
        let address = address.trim().to_ascii_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or(Unwelcome::NotOurs)?;
        if domain != self.domain || local.len() > 64 {
            return Err(Unwelcome::NotOurs);
        }
        let signed = local.strip_prefix(PREFIX).ok_or(Unwelcome::NotOurs)?;
        let (id, signature) = signed.split_once('.').ok_or(Unwelcome::NotOurs)?;
        let id: DeliveryId = id.parse().map_err(|_| Unwelcome::NotOurs)?;
        let bytes = hex::decode(signature).map_err(|_| Unwelcome::Forged)?;
        if signature.len() == DIGITS && self.key.stands_under(&Self::text(&id), &bytes) {
            Ok(id)
        } else {
            Err(Unwelcome::Forged)
        }
    }

    fn signature(&self, delivery: &DeliveryId) -> String {
        let mut digits = hex::encode(self.key.signature(&Self::text(delivery)));
        digits.truncate(DIGITS);
        digits
    }

    fn text(delivery: &DeliveryId) -> String {
        format!("bounce.{delivery}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(key: u8) -> ReturnPaths {
        ReturnPaths {
            domain: "bounces.example.com".to_owned(),
            key: SigningKey::of([key; 32]),
        }
    }

    #[test]
    fn a_return_path_leads_back_to_its_message_in_any_case() {
        let id = DeliveryId::derived(&["d"]);
        let path = paths(1).of(&id);
        assert!(
            path.rsplit_once('@').is_some_and(|(local, _)| local.len() <= 64),
            "{path}"
        );
        assert_eq!(watchkeeper_domain::customer::address_fault(&path), None);
        assert_eq!(paths(1).delivery_of(&path), Ok(id.clone()));
        assert_eq!(paths(1).delivery_of(&path.to_uppercase()), Ok(id));
    }

    #[test]
    fn what_somebody_made_up_is_told_from_what_is_none_of_ours() {
        let id = DeliveryId::derived(&["d"]);
        let path = paths(1).of(&id);
        assert_eq!(paths(2).delivery_of(&path), Err(Unwelcome::Forged));
        let other = DeliveryId::derived(&["e"]);
        let moved = path.replace(id.as_str(), other.as_str());
        assert_eq!(paths(1).delivery_of(&moved), Err(Unwelcome::Forged));
        for cut in [path.replace("@", "0@"), path.replacen('.', ".0", 1)] {
            assert_eq!(paths(1).delivery_of(&cut), Err(Unwelcome::Forged), "{cut}");
        }
        for strange in [
            "",
            "@",
            "postmaster@bounces.example.com",
            "b+@bounces.example.com",
            "b+x.y@example.org",
        ] {
            assert_eq!(
                paths(1).delivery_of(strange),
                Err(Unwelcome::NotOurs),
                "{strange}"
            );
        }
    }
}
