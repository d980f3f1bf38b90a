//! Signed links: who opens one may answer one incident's page as one person, until it expires. GET shows, POST acts.

use crate::desk::RespondError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use watchkeeper_domain::id::{IncidentId, UserId, bytes_of};
use watchkeeper_store::Store;

/// How long a link can be used.
fn lifetime() -> Duration {
    Duration::days(7)
}

/// The key that signs links.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// What a link lets one do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeLink {
    /// Which incident's page it answers.
    pub incident: IncidentId,
    /// As whom.
    pub user: UserId,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Why a link is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or was changed on the way.
    #[error("this link is not valid; open the incident in the console instead")]
    Forged,
    /// It is too old.
    #[error("this link has expired; open the incident in the console instead")]
    Expired,
}

impl SigningKey {
    /// The key kept in the store; made at the first start.
    ///
    /// # Errors
    /// When the store cannot be read or written, or what it keeps is no key.
    pub async fn kept_in(store: &Store) -> Result<Self, RespondError> {
        Self::kept_as(store, "signing_key").await
    }

    /// The key kept in the store under a name of its own; made at the first start.
    pub(crate) async fn kept_as(store: &Store, name: &'static str) -> Result<Self, RespondError> {
        let mut tx = store.begin().await?;
        let kept = tx.setting(name).await?;
        let text = match kept {
            Some(text) => text,
            None => {
                let fresh = hex::encode(rand::random::<[u8; 32]>());
                tx.set_setting(name, &fresh).await?;
                tx.commit().await?;
                fresh
            }
        };
        bytes_of(&text).map(Self).ok_or_else(|| {
            RespondError::Unavailable(format!("the setting `{name}` in the database is not 64 hex digits; restore it from a backup, or delete the row to make a new key (links and return paths already sent then end)"))
        })
    }

    /// A link's token for `user` to answer the page of `incident`.
    #[must_use]
    pub fn sign(&self, incident: &IncidentId, user: &UserId, now: DateTime<Utc>) -> String {
        let expires_at = now + lifetime();
        let payload = format!("ack.{incident}.{user}.{}", expires_at.timestamp());
        let tag = self.tag(payload.as_bytes()).finalize().into_bytes();
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&payload),
            URL_SAFE_NO_PAD.encode(&tag[..16])
        )
    }

    /// What a token lets one do.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<AcknowledgeLink, LinkError> {
        let (payload, tag) = token.split_once('.').ok_or(LinkError::Forged)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| LinkError::Forged)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| LinkError::Forged)?;
        if tag.len() != 16 {
            return Err(LinkError::Forged);
        }
        // Compares in constant time.
        self.tag(&payload)
            .verify_truncated_left(&tag)
            .map_err(|_| LinkError::Forged)?;
        let link = read_payload(&payload).ok_or(LinkError::Forged)?;
        if link.expires_at < now {
            Err(LinkError::Expired)
        } else {
            Ok(link)
        }
    }

    /// The signature of a text that begins with what it is for, so that no two uses of a key meet.
    pub(crate) fn signature(&self, text: &str) -> [u8; 32] {
        self.tag(text.as_bytes()).finalize().into_bytes().into()
    }

    /// Whether `signature` begins the signature of a text; compares in constant time.
    pub(crate) fn stands_under(&self, text: &str, signature: &[u8]) -> bool {
        self.tag(text.as_bytes()).verify_truncated_left(signature).is_ok()
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn tag(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(payload);
        mac
    }
}

fn read_payload(payload: &[u8]) -> Option<AcknowledgeLink> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut parts = text.split('.');
    let (kind, incident, user, expires) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if kind != "ack" || parts.next().is_some() {
        return None;
    }
    let expires_at = DateTime::from_timestamp(expires.parse().ok()?, 0)?;
    Some(AcknowledgeLink {
        incident: incident.parse().ok()?,
        user: user.parse().ok()?,
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey([7; 32])
    }

    #[test]
    fn a_link_says_what_was_signed_until_it_expires() {
        let (incident, user) = (IncidentId::derived(&["i"]), UserId::derived(&["u"]));
        let now = DateTime::UNIX_EPOCH;
        let token = key().sign(&incident, &user, now);
        let link = key()
            .verify(&token, now + Duration::days(6))
            .expect("a good link");
        assert_eq!((link.incident, link.user), (incident, user));
        assert_eq!(
            key().verify(&token, now + Duration::days(8)),
            Err(LinkError::Expired)
        );
    }

    #[test]
    fn a_link_with_one_character_changed_is_refused() {
        let token = key().sign(
            &IncidentId::derived(&["i"]),
            &UserId::derived(&["u"]),
            DateTime::UNIX_EPOCH,
        );
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            if changed == token.as_bytes() {
                continue;
            }
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(key().verify(&changed, DateTime::UNIX_EPOCH).is_err(), "{changed}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", ".", "a.b", "%%%.%%%", &"x".repeat(10_000)] {
            assert_eq!(key().verify(text, DateTime::UNIX_EPOCH), Err(LinkError::Forged));
        }
    }
}
