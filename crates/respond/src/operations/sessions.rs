//! Who is there: signed-in browsers and bearer tokens.
//!
//! A secret is 256 random bits; only its SHA-256 is stored. Sessions end 12 hours after the last request and 7 days after sign-in;
//! in the demo, whose clock jumps, after 30 days and a year.

use crate::desk::{Desk, RespondError};
use crate::operations::passwords;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use watchkeeper_domain::access::{AccessRole, User, password_fault};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{SessionId, TokenId, UserId};
use watchkeeper_store::{Session, Token, Tx};

/// What every bearer token begins with, so that secret scanners find one that leaked.
pub const TOKEN_PREFIX: &str = "wk_";

/// The use of a session or token is written down at most this often, so that reading does not write.
fn touch_every() -> Duration {
    Duration::minutes(1)
}

/// How an attempt to sign in ended.
#[derive(Debug)]
pub enum SignIn {
    /// The person is signed in.
    Welcome(Box<Welcome>),
    /// Account or password is wrong; which of them is not said.
    Wrong,
    /// There were too many failures: not judged, try again after so many seconds.
    Wait {
        /// At least 1.
        seconds: i64,
    },
}

/// A person who has just signed in.
#[derive(Debug)]
pub struct Welcome {
    /// Who.
    pub user: User,
    /// The session.
    pub session: Session,
    /// What the browser keeps; it is nowhere else.
    pub secret: String,
}

impl Desk {
    /// Signs a person in by address and password. `address` is where the request came from.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn sign_in(&self, email: &str, password: &str, address: &str) -> Result<SignIn, RespondError> {
        let email = email.trim().to_lowercase();
        // The place comes first: whoever waits for one is judged by the failures that came meanwhile.
        let place = passwords::place().await?;
        if let Some(seconds) = self.admit_attempt(&email, address).await? {
            return Ok(SignIn::Wait { seconds });
        }
        let mut tx = self.store.read().await?;
        let account = tx.user_by_email(&email).await?;
        let hashed = match &account {
            Some(user) if user.closed_at.is_none() => tx.password_hash(&user.id).await?,
            _ => None,
        };
        drop(tx);
        let fits = place.verify(bounded(password), hashed).await?;
        match account.filter(|_| fits) {
            Some(user) => Ok(SignIn::Welcome(Box::new(self.welcome(user).await?))),
            None => self.turn_away(&email, address).await,
        }
    }

    async fn welcome(&self, user: User) -> Result<Welcome, RespondError> {
        let mut tx = self.begin().await?;
        tx.clear_failures(&passwords::account_key(&user.email)).await?;
        tx.delete_expired_sessions(self.now()).await?;
        tx.forget_failures(self.now() - Duration::days(1)).await?;
        let (session, secret) = self.begin_session(&mut tx, &user.id).await?;
        let by = Actor::person(&user.id);
        self.record(
            &mut tx,
            &by,
            "user.signed_in",
            user.id.as_str(),
            json!({"session": session.id}),
        )
        .await?;
        self.commit(tx).await?;
        Ok(Welcome {
            user,
            session,
            secret,
        })
    }

    async fn turn_away(&self, email: &str, address: &str) -> Result<SignIn, RespondError> {
        let mut tx = self.begin().await?;
        self.count_failure(&mut tx, &passwords::address_key(address))
            .await?;
        let account = tx.user_by_email(email).await?;
        let subject = account.map_or_else(|| "unknown account".to_owned(), |user| user.id.to_string());
        self.record(
            &mut tx,
            &Actor::worker("sign_in"),
            "user.sign_in_failed",
            &subject,
            json!({}),
        )
        .await?;
        self.commit(tx).await?;
        Ok(SignIn::Wrong)
    }

    async fn begin_session(&self, tx: &mut Tx, user: &UserId) -> Result<(Session, String), RespondError> {
        let now = self.now();
        let secret = random_secret();
        let session = Session {
            id: SessionId::generate(now),
            token_hash: hash_of(&secret),
            user: user.clone(),
            csrf: random_secret(),
            created_at: now,
            last_seen_at: now,
            expires_at: now + self.idle_limit(),
        };
        tx.insert_session(&session).await?;
        Ok((session, secret))
    }

    /// Whose session a browser's secret is; `None` when it has ended or never was. With `seen`, the session is in use and ends
    /// later.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn session(&self, secret: &str, seen: bool) -> Result<Option<(User, Session)>, RespondError> {
        let now = self.now();
        let mut tx = self.store.read().await?;
        let Some(session) = tx.session_by_hash(&hash_of(secret), now).await? else {
            return Ok(None);
        };
        let user = tx.user(&session.user).await?;
        drop(tx);
        if session.created_at + self.session_limit() <= now || user.closed_at.is_some() {
            return Ok(None);
        }
        if seen && now - session.last_seen_at >= touch_every() {
            let until = (now + self.idle_limit()).min(session.created_at + self.session_limit());
            let mut tx = self.begin().await?;
            tx.touch_session(&session.id, now, until).await?;
            tx.commit().await?;
        }
        Ok(Some((user, session)))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out(&self, session: &SessionId, by: &UserId) -> Result<(), RespondError> {
        let mut tx = self.begin().await?;
        tx.delete_session(session).await?;
        let actor = Actor::person(by);
        self.record(
            &mut tx,
            &actor,
            "user.signed_out",
            by.as_str(),
            json!({"session": session}),
        )
        .await?;
        self.commit(tx).await
    }

    /// Replaces a password. Every session of the account ends, and the browser that asked gets a new one.
    ///
    /// # Errors
    /// Refused when the current password is wrong, too often wrong, or the new one is weak or the same.
    pub async fn change_password(
        &self,
        user: &UserId,
        current: &str,
        new: &str,
        address: &str,
    ) -> Result<Welcome, RespondError> {
        let place = passwords::place().await?;
        let mut tx = self.store.read().await?;
        let account = tx.user(user).await?;
        let hashed = tx.password_hash(user).await?;
        drop(tx);
        if let Some(seconds) = self.admit_attempt(&account.email, address).await? {
            return Err(RespondError::invalid(
                "current",
                format!("too many wrong passwords; try again in {seconds} s"),
            ));
        }
        if !place.verify(bounded(current), hashed).await? {
            self.turn_away(&account.email, address).await?;
            return Err(RespondError::invalid(
                "current",
                "this is not your current password",
            ));
        }
        if let Some(fault) = password_fault(new, &account) {
            return Err(RespondError::invalid("new", fault));
        }
        if new == current {
            return Err(RespondError::invalid(
                "new",
                "this is the password you have; choose another",
            ));
        }
        let hash = place.hash(new.to_owned()).await?;
        self.keep_password(user, &hash).await
    }

    async fn keep_password(&self, id: &UserId, hash: &str) -> Result<Welcome, RespondError> {
        let mut tx = self.begin().await?;
        let mut user = tx.user(id).await?;
        user.must_change_password = false;
        tx.update_user(&user).await?;
        tx.set_password_hash(id, hash).await?;
        tx.clear_failures(&passwords::account_key(&user.email)).await?;
        tx.delete_sessions_of(id).await?;
        let (session, secret) = self.begin_session(&mut tx, id).await?;
        self.record(
            &mut tx,
            &Actor::person(id),
            "user.password_changed",
            id.as_str(),
            json!({}),
        )
        .await?;
        self.commit(tx).await?;
        Ok(Welcome {
            user,
            session,
            secret,
        })
    }

    /// Makes a bearer token that acts as `by`, limited to `roles`, and gives its secret, which is nowhere else.
    ///
    /// # Errors
    /// Refused without a name or roles, and for roles that may do what `by` may not.
    pub async fn make_token(
        &self,
        name: &str,
        roles: &BTreeSet<AccessRole>,
        by: &User,
    ) -> Result<(TokenId, String), RespondError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(RespondError::invalid(
                "name",
                "say what uses the token, in 1 to 100 characters",
            ));
        }
        if roles.is_empty() {
            return Err(RespondError::invalid(
                "roles",
                "give at least one role; `viewer` reads and changes nothing",
            ));
        }
        if let Some(beyond) = roles.iter().find(|role| !within(by, **role)) {
            let detail = format!(
                "`{}` may do what you may not, and a token acts in your name; choose roles within your own",
                role_name(*beyond)
            );
            return Err(RespondError::invalid("roles", detail));
        }
        let secret = format!("{TOKEN_PREFIX}{}", random_secret());
        let token = Token {
            id: TokenId::generate(self.now()),
            name: name.to_owned(),
            token_hash: hash_of(&secret),
            roles: roles.clone(),
            created_by: Some(by.id.clone()),
            created_at: self.now(),
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = self.begin().await?;
        tx.insert_token(&token).await?;
        let detail = json!({"roles": roles});
        self.record(
            &mut tx,
            &Actor::person(&by.id),
            "token.made",
            token.id.as_str(),
            detail,
        )
        .await?;
        self.commit(tx).await?;
        Ok((token.id, secret))
    }

    /// Ends a token. One that has ended stays as it is.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn revoke_token(&self, id: &TokenId, by: &Actor) -> Result<(), RespondError> {
        let mut tx = self.begin().await?;
        if !tx.revoke_token(id, self.now()).await? {
            return Ok(());
        }
        self.record(&mut tx, by, "token.revoked", id.as_str(), json!({}))
            .await?;
        self.commit(tx).await
    }

    /// Every token, revoked ones included.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Token>, RespondError> {
        Ok(self.store.read().await?.tokens().await?)
    }

    /// Who acts by a bearer token: the person who made it, with those of the token's roles that do not go beyond what the person may
    /// now. `None` when it was revoked, never was, or its maker's account is closed.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn token_holder(&self, secret: &str) -> Result<Option<(User, TokenId)>, RespondError> {
        if !secret.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let now = self.now();
        let mut tx = self.store.read().await?;
        let Some(token) = tx.token_by_hash(&hash_of(secret)).await? else {
            return Ok(None);
        };
        let Some(maker) = &token.created_by else {
            return Ok(None);
        };
        let mut user = tx.user(maker).await?;
        drop(tx);
        if user.closed_at.is_some() {
            return Ok(None);
        }
        if token.last_used_at.is_none_or(|last| now - last >= touch_every()) {
            let mut tx = self.begin().await?;
            tx.touch_token(&token.id, now).await?;
            tx.commit().await?;
        }
        let roles = token
            .roles
            .into_iter()
            .filter(|role| within(&user, *role))
            .collect();
        user.roles = roles;
        Ok(Some((user, token.id)))
    }

    fn idle_limit(&self) -> Duration {
        if self.house.demo {
            Duration::days(30)
        } else {
            Duration::hours(12)
        }
    }

    fn session_limit(&self) -> Duration {
        if self.house.demo {
            Duration::days(365)
        } else {
            Duration::days(7)
        }
    }
}

/// Whether `user` may do everything that `role` may.
fn within(user: &User, role: AccessRole) -> bool {
    role.permissions().iter().all(|permission| user.may(*permission))
}

fn role_name(role: AccessRole) -> &'static str {
    match role {
        AccessRole::Viewer => "viewer",
        AccessRole::Responder => "responder",
        AccessRole::Commander => "commander",
        AccessRole::Auditor => "auditor",
        AccessRole::Legal => "legal",
        AccessRole::Admin => "admin",
    }
}

/// No account has a password longer than this; the work of checking one is bounded.
fn bounded(password: &str) -> String {
    password.chars().take(1024).collect()
}

fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// What is stored of a secret: random secrets need no salt and no slow hash.
fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
