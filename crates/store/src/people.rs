//! People who sign in, and machines with a token. Passwords and tokens are kept as hashes only.

use crate::body::{count, found, parse, read, read_all, write};
use crate::statement::{Statement, instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;
use std::fmt;
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::id::{SessionId, TokenId, UserId};

const USER: &str = "user";
const TOKEN: &str = "token";

/// A signed-in browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: SessionId,
    /// SHA-256 of the cookie's value, in hex.
    pub token_hash: String,
    /// Who.
    pub user: UserId,
    /// What writes must carry along, so that other sites cannot make them.
    pub csrf: String,
    /// When somebody signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A bearer token of the API.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    /// What it may do.
    pub roles: BTreeSet<AccessRole>,
    /// Who made it; nobody, where the command line did.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked; from then on it opens nothing.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("roles", &self.roles)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

/// Failed sign-ins since the last one that succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last_at: Option<DateTime<Utc>>,
}

type SessionRow = (String, String, String, String, i64, i64, i64);

fn session(row: SessionRow) -> Result<Session, StoreError> {
    let (id, token_hash, user, csrf, created_at, last_seen_at, expires_at) = row;
    Ok(Session {
        id: parse("session", id)?,
        token_hash,
        user: parse(USER, user)?,
        csrf,
        created_at: instant(created_at)?,
        last_seen_at: instant(last_seen_at)?,
        expires_at: instant(expires_at)?,
    })
}

const TOKENS: &str =
    "SELECT id, name, token_hash, roles, created_by, created_at, last_used_at, revoked_at FROM api_token";

type TokenRow = (
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    Option<i64>,
);

fn token(row: TokenRow) -> Result<Token, StoreError> {
    let (id, name, token_hash, roles, created_by, created_at, last_used_at, revoked_at) = row;
    let maker = Some(created_by).filter(|user| !user.is_empty());
    Ok(Token {
        roles: read(TOKEN, &id, &roles)?,
        id: parse(TOKEN, id)?,
        name,
        token_hash,
        created_by: maker.map(|user| parse(USER, user)).transpose()?,
        created_at: instant(created_at)?,
        last_used_at: last_used_at.map(instant).transpose()?,
        revoked_at: revoked_at.map(instant).transpose()?,
    })
}

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, user: &User) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&user.id)
        .bind(user.email.to_lowercase())
        .bind(user.name.to_lowercase())
        .bind(write(USER, user.id.as_str(), user)?))
}

fn email_taken(user: &User) -> StoreError {
    StoreError::Taken {
        what: "email",
        value: user.email.clone(),
        by: "another account".to_owned(),
    }
}

impl Tx {
    /// Keeps a new person with the hash of a password (a PHC string), or without one: then nobody signs in.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another account has the address, in whatever case.
    pub async fn insert_user(&mut self, user: &User, password_hash: Option<&str>) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO user_account (id, email, sort_name, body, password_hash) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email) DO NOTHING",
        );
        let changed = self.execute(columns(insert, user)?.bind(password_hash)).await?;
        if changed > 0 {
            Ok(())
        } else {
            Err(email_taken(user))
        }
    }

    /// Keeps a changed person; the password stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and [`StoreError::Taken`] when another account has the address.
    pub async fn update_user(&mut self, user: &User) -> Result<(), StoreError> {
        let update = sql("UPDATE user_account SET email = $2, sort_name = $3, body = $4 WHERE id = $1");
        let changed = self.execute(columns(update, user)?).await.map_err(|fault| {
            if fault.is_unique_violation() {
                email_taken(user)
            } else {
                fault
            }
        })?;
        found((changed > 0).then_some(()), USER, user.id.as_str())
    }

    /// Replaces the hash of a person's password (a PHC string).
    pub async fn set_password_hash(&mut self, user: &UserId, password_hash: &str) -> Result<(), StoreError> {
        let update = sql("UPDATE user_account SET password_hash = $2 WHERE id = $1")
            .bind(user)
            .bind(password_hash);
        let changed = self.execute(update).await?;
        found((changed > 0).then_some(()), USER, user.as_str())
    }

    /// The hash of a person's password, if there is one.
    pub async fn password_hash(&mut self, user: &UserId) -> Result<Option<String>, StoreError> {
        let row = sql("SELECT password_hash FROM user_account WHERE id = $1").bind(user);
        let row = self.first::<(Option<String>,)>(row).await?;
        Ok(row.and_then(|(hash,)| hash))
    }

    /// A person, or [`StoreError::NotFound`].
    pub async fn user(&mut self, id: &UserId) -> Result<User, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM user_account WHERE id = $1").bind(id));
        let (body,) = found(row.await?, USER, id.as_str())?;
        read(USER, id.as_str(), &body)
    }

    /// The person with this address, in whatever case.
    pub async fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError> {
        let row = sql("SELECT id, body FROM user_account WHERE email = $1").bind(email.to_lowercase());
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(USER, &id, &body)).transpose()
    }

    /// Everybody by name, closed accounts too.
    pub async fn users(&mut self) -> Result<Vec<User>, StoreError> {
        let rows = sql("SELECT id, body FROM user_account ORDER BY sort_name, id");
        read_all(USER, self.all(rows).await?)
    }

    /// Keeps a new session.
    pub async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO session (id, token_hash, user_id, csrf, created_at, last_seen_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&session.id)
        .bind(session.token_hash.as_str())
        .bind(&session.user)
        .bind(session.csrf.as_str())
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at);
        self.execute(insert).await?;
        Ok(())
    }

    /// The session of a cookie's hash, unless it has ended by `now`.
    pub async fn session_by_hash(
        &mut self,
        token_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Session>, StoreError> {
        let row = sql(
            "SELECT id, token_hash, user_id, csrf, created_at, last_seen_at, expires_at \
             FROM session WHERE token_hash = $1 AND expires_at > $2",
        )
        .bind(token_hash)
        .bind(now);
        self.first::<SessionRow>(row).await?.map(session).transpose()
    }

    /// Notes that a session was used at `now` and ends at `expires_at`; nothing happens where it is gone.
    pub async fn touch_session(
        &mut self,
        id: &SessionId,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE session SET last_seen_at = $2, expires_at = $3 WHERE id = $1")
            .bind(id)
            .bind(now)
            .bind(expires_at);
        self.execute(update).await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn delete_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        self.execute(sql("DELETE FROM session WHERE id = $1").bind(id))
            .await?;
        Ok(())
    }

    /// Forgets sessions that have ended by `now`, and tells how many.
    pub async fn delete_expired_sessions(&mut self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.execute(sql("DELETE FROM session WHERE expires_at <= $1").bind(now))
            .await
    }

    /// Ends every session of a person, and tells how many.
    pub async fn delete_sessions_of(&mut self, user: &UserId) -> Result<u64, StoreError> {
        self.execute(sql("DELETE FROM session WHERE user_id = $1").bind(user))
            .await
    }

    /// Keeps a new token.
    pub async fn insert_token(&mut self, token: &Token) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO api_token (id, name, token_hash, roles, created_by, created_at, last_used_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&token.id)
        .bind(token.name.as_str())
        .bind(token.token_hash.as_str())
        .bind(write(TOKEN, token.id.as_str(), &token.roles)?)
        .bind(token.created_by.as_ref().map_or("", UserId::as_str))
        .bind(token.created_at)
        .bind(token.last_used_at)
        .bind(token.revoked_at);
        self.execute(insert).await?;
        Ok(())
    }

    /// The token with this hash, unless it was revoked.
    pub async fn token_by_hash(&mut self, token_hash: &str) -> Result<Option<Token>, StoreError> {
        let row = sql(TOKENS)
            .and(" WHERE revoked_at IS NULL AND token_hash = ")
            .value(token_hash);
        self.first::<TokenRow>(row).await?.map(token).transpose()
    }

    /// Every token, the newest first, revoked ones too.
    pub async fn tokens(&mut self) -> Result<Vec<Token>, StoreError> {
        let rows = sql(TOKENS).and(" ORDER BY created_at DESC, id DESC");
        self.all::<TokenRow>(rows).await?.into_iter().map(token).collect()
    }

    /// Notes that a token was used at `now`.
    pub async fn touch_token(&mut self, id: &TokenId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let update = sql("UPDATE api_token SET last_used_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now);
        self.execute(update).await?;
        Ok(())
    }

    /// Revokes a token; `false` says that it was revoked already.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_token(&mut self, id: &TokenId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let update = sql("UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(now);
        if self.execute(update).await? > 0 {
            return Ok(true);
        }
        let row = sql("SELECT id FROM api_token WHERE id = $1").bind(id);
        let row = self.first::<(String,)>(row).await?;
        found(row, TOKEN, id.as_str()).map(|_| false)
    }

    /// Failed sign-ins of a key (an account or an address, as the caller writes it) since the last one that succeeded.
    pub async fn failures(&mut self, key: &str) -> Result<Failures, StoreError> {
        let row = sql("SELECT failures, last_at FROM sign_in_failure WHERE key = $1").bind(key);
        match self.first::<(i64, i64)>(row).await? {
            None => Ok(Failures::default()),
            Some((failures, last_at)) => Ok(Failures {
                count: u32::try_from(count(failures)).unwrap_or(u32::MAX),
                last_at: Some(instant(last_at)?),
            }),
        }
    }

    /// Counts a failed sign-in at `now`.
    pub async fn add_failure(&mut self, key: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO sign_in_failure (key, failures, last_at) VALUES ($1, 1, $2) \
             ON CONFLICT (key) DO UPDATE SET failures = sign_in_failure.failures + 1, last_at = excluded.last_at")
        .bind(key)
        .bind(now);
        self.execute(insert).await?;
        Ok(())
    }

    /// Forgets the failed sign-ins of a key.
    pub async fn clear_failures(&mut self, key: &str) -> Result<(), StoreError> {
        self.execute(sql("DELETE FROM sign_in_failure WHERE key = $1").bind(key))
            .await?;
        Ok(())
    }

    /// Forgets failed sign-ins whose last one was before `before`, and tells of how many keys: names that were only guessed would
    /// otherwise pile up.
    pub async fn forget_failures(&mut self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.execute(sql("DELETE FROM sign_in_failure WHERE last_at < $1").bind(before))
            .await
    }
}
