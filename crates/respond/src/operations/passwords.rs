//! Passwords: hashed with Argon2id off the reactor, and attempts slowed down by account and by address.

use crate::desk::{Desk, RespondError};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use chrono::{DateTime, Duration, Utc};
use std::sync::OnceLock;
use tokio::sync::{Semaphore, SemaphorePermit};
use watchkeeper_domain::access::sign_in_delay;
use watchkeeper_domain::id::digest;
use watchkeeper_store::{Failures, Tx};

/// One-time passwords: four groups of five from these 32 signs, of which none looks like another: 100 random bits.
const SIGNS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";

/// How many passwords are hashed at a time. Each takes 19 MiB, so this bounds what strangers can make the process use.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Several people may sit behind one address: this many failures of an address count as none.
const ADDRESS_ALLOWANCE: u32 = 20;

/// Failures are forgotten when none came for this long.
fn forgotten_after() -> Duration {
    Duration::hours(1)
}

/// A password to sign in with once.
pub(crate) fn one_time() -> String {
    let group = || -> String {
        // 31 signs without the dash, which separates the groups.
        (0..5)
            .map(|_| char::from(SIGNS[rand::random_range(0..31)]))
            .collect()
    };
    [group(), group(), group(), group()].join("-")
}

/// A place to do the work of hashing in; there are few.
pub(crate) struct Place(
    #[expect(dead_code, reason = "held until the work is done")] SemaphorePermit<'static>,
);

/// Waits for a place.
pub(crate) async fn place() -> Result<Place, RespondError> {
    HASHING.acquire().await.map(Place).map_err(unavailable)
}

impl Place {
    /// The PHC string of a password: Argon2id, 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet).
    pub(crate) async fn hash(&self, password: String) -> Result<String, RespondError> {
        off_the_reactor(move || {
            let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>())?;
            Ok(Argon2::default()
                .hash_password(password.as_bytes(), &salt)?
                .to_string())
        })
        .await
    }

    /// Whether the password is the one that was hashed. Without a hash the same work is done, so that the time taken does not tell
    /// whether there is such an account.
    pub(crate) async fn verify(
        &self,
        password: String,
        hashed: Option<String>,
    ) -> Result<bool, RespondError> {
        off_the_reactor(move || {
            let known = hashed.is_some();
            let phc = hashed.unwrap_or_else(|| nobody().to_owned());
            let fits = Argon2::default()
                .verify_password(password.as_bytes(), &PasswordHash::new(&phc)?)
                .is_ok();
            Ok(fits && known)
        })
        .await
    }
}

/// The hash of a password that nobody has.
fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| {
        let salt = SaltString::encode_b64(b"nobody signs in.");
        let hashed = salt.and_then(|salt| {
            Argon2::default()
                .hash_password(&rand::random::<[u8; 32]>(), &salt)
                .map(|phc| phc.to_string())
        });
        hashed.unwrap_or_default()
    })
}

async fn off_the_reactor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
) -> Result<T, RespondError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(unavailable)?;
    done.map_err(unavailable)
}

fn unavailable(fault: impl std::fmt::Display) -> RespondError {
    RespondError::Unavailable(format!("passwords cannot be checked now: {fault}"))
}

/// Under which failures of an account are counted. A digest, so that what strangers type is not kept.
pub(crate) fn account_key(email: &str) -> String {
    format!("account:{}", &digest(&[email])[..32])
}

/// Under which failures of an address are counted.
pub(crate) fn address_key(address: &str) -> String {
    format!("address:{}", &digest(&[address])[..32])
}

/// For how many seconds no attempt is judged yet; `None` when one is judged at once.
async fn wait(
    tx: &mut Tx,
    email: &str,
    address: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, RespondError> {
    let after = |failures: Failures, allowance: u32| {
        failures
            .last_at
            .map(|last| last + sign_in_delay(failures.count.saturating_sub(allowance)))
    };
    let by_account = after(tx.failures(&account_key(email)).await?, 0);
    let by_address = after(tx.failures(&address_key(address)).await?, ADDRESS_ALLOWANCE);
    let from = by_account.max(by_address).filter(|from| *from > now);
    // Rounded up: whoever waits as long as told is judged.
    Ok(from.map(|from| ((from - now).num_milliseconds() + 999) / 1000))
}

impl Desk {
    /// Admits an attempt, or says for how many seconds none is judged. An attempt counts as a failure of the account until it has
    /// succeeded, so that many at once gain nothing.
    pub(crate) async fn admit_attempt(
        &self,
        email: &str,
        address: &str,
    ) -> Result<Option<i64>, RespondError> {
        let mut tx = self.begin().await?;
        if let Some(seconds) = wait(&mut tx, email, address, self.now()).await? {
            return Ok(Some(seconds));
        }
        self.count_failure(&mut tx, &account_key(email)).await?;
        tx.commit().await?;
        Ok(None)
    }

    /// Counts a failed attempt.
    pub(crate) async fn count_failure(&self, tx: &mut Tx, key: &str) -> Result<(), RespondError> {
        let old = tx.failures(key).await?;
        if old
            .last_at
            .is_some_and(|last| self.now() - last > forgotten_after())
        {
            tx.clear_failures(key).await?;
        }
        tx.add_failure(key, self.now()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_and_another_is_not() {
        let place = place().await.expect("a place");
        let hashed = place
            .hash("a long enough password".to_owned())
            .await
            .expect("hashes");
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(
            place
                .verify("a long enough password".to_owned(), Some(hashed.clone()))
                .await
                .expect("verifies")
        );
        assert!(
            !place
                .verify("a long enough passwore".to_owned(), Some(hashed))
                .await
                .expect("verifies")
        );
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_takes_the_same_work_and_never_fits() {
        assert!(PasswordHash::new(nobody()).is_ok());
        assert!(
            !place()
                .await
                .expect("a place")
                .verify(String::new(), None)
                .await
                .expect("verifies")
        );
    }

    #[test]
    fn one_time_passwords_are_long_and_differ() {
        let (one, other) = (one_time(), one_time());
        assert_eq!(one.len(), 23);
        assert_ne!(one, other);
        assert!(one.chars().all(|c| SIGNS.contains(&(c as u8))));
    }
}
