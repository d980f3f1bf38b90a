//! Accounts of people: who signs in, what each is to the product, and how a lost password is replaced.
//!
//! Sessions, tokens and the check of passwords are in [`crate::operations::sessions`]. The audit log holds ids, roles and names of
//! fields; names and addresses stay in the account itself.

use crate::desk::{Desk, Fault, RespondError};
use crate::operations::passwords;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_domain::access::{AccessRole, Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::address_fault;
use watchkeeper_domain::id::UserId;
use watchkeeper_store::Tx;

/// The longest name of a person, in characters.
const NAME_LIMIT: usize = 200;

/// An account to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Where pages and mails go; also the name to sign in with.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What the person is to the product.
    pub roles: BTreeSet<AccessRole>,
}

/// What changes in an account; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountChange {
    /// Another name.
    pub name: Option<String>,
    /// Other roles.
    pub roles: Option<BTreeSet<AccessRole>>,
    /// Whether the account is closed.
    pub closed: Option<bool>,
}

impl Desk {
    /// Makes the first administrator where there is no account yet, and gives the one-time password to print; `None` where there
    /// are accounts already.
    ///
    /// # Errors
    /// When the address is none, or the store cannot be written.
    pub async fn ensure_first_admin(&self, email: &str) -> Result<Option<String>, RespondError> {
        let account = NewAccount {
            email: email.to_owned(),
            name: "Administrator".to_owned(),
            roles: BTreeSet::from([AccessRole::Admin]),
        };
        if !self.users().await?.is_empty() {
            return Ok(None);
        }
        let (_, password) = self.add_user(account, &Actor::Operator).await?;
        Ok(Some(password))
    }

    /// Everybody with an account, closed ones included.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn users(&self) -> Result<Vec<User>, RespondError> {
        Ok(self.store.read().await?.users().await?)
    }

    /// Makes an account with a password that must be replaced at the first sign-in, and gives that password.
    ///
    /// # Errors
    /// Every fault of what was sent; an address that has an account already.
    pub async fn add_user(&self, new: NewAccount, by: &Actor) -> Result<(User, String), RespondError> {
        let email = new.email.trim().to_lowercase();
        let name = new.name.trim().to_owned();
        let mut faults = Vec::new();
        if let Some(detail) = address_fault(&email) {
            faults.push(Fault {
                field: "email".to_owned(),
                detail,
            });
        }
        faults.extend(name_fault(&name));
        faults.extend(roles_fault(&new.roles));
        if !faults.is_empty() {
            return Err(RespondError::Invalid(faults));
        }
        let password = passwords::one_time();
        let hash = passwords::place().await?.hash(password.clone()).await?;
        let user = User {
            id: UserId::generate(self.now()),
            email,
            name,
            roles: new.roles,
            must_change_password: true,
            created_at: self.now(),
            closed_at: None,
        };
        let mut tx = self.begin().await?;
        tx.insert_user(&user, Some(&hash)).await?;
        self.record(
            &mut tx,
            by,
            "user.added",
            user.id.as_str(),
            json!({"roles": user.roles}),
        )
        .await?;
        self.waiting_notices_ask(&mut tx, &user).await?;
        self.commit(tx).await?;
        Ok((user, password))
    }

    /// Changes an account. Closing it ends its sessions and its tokens.
    ///
    /// # Errors
    /// Every fault of what was sent; refused to close one's own account, and when nobody would be left who can keep people.
    pub async fn change_user(
        &self,
        id: &UserId,
        change: AccountChange,
        by: &Actor,
    ) -> Result<User, RespondError> {
        let mut faults = Vec::new();
        faults.extend(change.name.as_deref().map(str::trim).and_then(name_fault));
        faults.extend(change.roles.as_ref().and_then(roles_fault));
        if change.closed == Some(true) && by.user() == Some(id) {
            let detail = "you cannot close your own account; ask another administrator to do it".to_owned();
            faults.push(Fault {
                field: "closed".to_owned(),
                detail,
            });
        }
        if !faults.is_empty() {
            return Err(RespondError::Invalid(faults));
        }
        let mut tx = self.begin().await?;
        let before = tx.user(id).await?;
        let after = self.changed(before.clone(), change);
        if after == before {
            return Ok(before);
        }
        tx.update_user(&after).await?;
        must_leave_somebody(&mut tx, &before, &after).await?;
        if after.closed_at.is_some() {
            tx.delete_sessions_of(id).await?;
        }
        let (action, detail) = said(&before, &after);
        self.record(&mut tx, by, action, id.as_str(), detail).await?;
        self.waiting_notices_ask(&mut tx, &after).await?;
        self.commit(tx).await?;
        Ok(after)
    }

    fn changed(&self, mut user: User, change: AccountChange) -> User {
        if let Some(name) = change.name {
            user.name = name.trim().to_owned();
        }
        if let Some(roles) = change.roles {
            user.roles = roles;
        }
        match change.closed {
            Some(true) if user.closed_at.is_none() => user.closed_at = Some(self.now()),
            Some(false) => user.closed_at = None,
            _ => {}
        }
        user
    }

    /// Replaces a lost password by a one-time password, which is given back, and ends every session of the account.
    ///
    /// # Errors
    /// Refused for a closed account.
    pub async fn reset_password(&self, id: &UserId, by: &Actor) -> Result<String, RespondError> {
        let password = passwords::one_time();
        let hash = passwords::place().await?.hash(password.clone()).await?;
        let mut tx = self.begin().await?;
        let mut user = tx.user(id).await?;
        if user.closed_at.is_some() {
            return Err(RespondError::invalid(
                "user",
                "this account is closed; open it again first",
            ));
        }
        user.must_change_password = true;
        tx.update_user(&user).await?;
        tx.set_password_hash(id, &hash).await?;
        tx.delete_sessions_of(id).await?;
        tx.clear_failures(&passwords::account_key(&user.email)).await?;
        self.record(&mut tx, by, "user.password_reset", id.as_str(), json!({}))
            .await?;
        self.commit(tx).await?;
        Ok(password)
    }

    /// Gives an account a password that need not be replaced: for the demo, which prints it.
    ///
    /// # Errors
    /// When the password is refused, and outside the demo.
    pub async fn set_demo_password(&self, id: &UserId, password: &str) -> Result<(), RespondError> {
        if !self.house.demo {
            return Err(RespondError::Forbidden(
                "only the demo sets passwords for others".to_owned(),
            ));
        }
        let hash = passwords::place().await?.hash(password.to_owned()).await?;
        let mut tx = self.begin().await?;
        let mut user = tx.user(id).await?;
        if let Some(fault) = watchkeeper_domain::access::password_fault(password, &user) {
            return Err(RespondError::invalid("password", fault));
        }
        user.must_change_password = false;
        tx.update_user(&user).await?;
        tx.set_password_hash(id, &hash).await?;
        self.record(
            &mut tx,
            &Actor::Operator,
            "user.password_changed",
            id.as_str(),
            json!({}),
        )
        .await?;
        self.commit(tx).await
    }
}

/// Refuses a change after which nobody could add people or give roles any more.
async fn must_leave_somebody(tx: &mut Tx, before: &User, after: &User) -> Result<(), RespondError> {
    if !before.may(Permission::KeepPeople) || after.may(Permission::KeepPeople) {
        return Ok(());
    }
    let left = tx
        .users()
        .await?
        .iter()
        .any(|user| user.id != after.id && user.may(Permission::KeepPeople));
    if left {
        return Ok(());
    }
    let field = if after.closed_at.is_some() {
        "closed"
    } else {
        "roles"
    };
    Err(RespondError::invalid(
        field,
        "this is the last administrator; give the role `admin` to somebody else first",
    ))
}

fn said(before: &User, after: &User) -> (&'static str, Value) {
    let mut fields = Vec::new();
    if before.name != after.name {
        fields.push("name");
    }
    if before.roles != after.roles {
        fields.push("roles");
    }
    let detail = json!({"fields": fields, "roles": after.roles});
    match (before.closed_at, after.closed_at) {
        (None, Some(_)) => ("user.closed", detail),
        (Some(_), None) => ("user.reopened", detail),
        _ => ("user.changed", detail),
    }
}

fn name_fault(name: &str) -> Option<Fault> {
    let chars = name.chars().count();
    (chars == 0 || chars > NAME_LIMIT || name.chars().any(char::is_control)).then(|| Fault {
        field: "name".to_owned(),
        detail: format!("write the person's name in one line, 1 to {NAME_LIMIT} characters"),
    })
}

fn roles_fault(roles: &BTreeSet<AccessRole>) -> Option<Fault> {
    roles.is_empty().then(|| Fault {
        field: "roles".to_owned(),
        detail: "give at least one of viewer, responder, commander, legal, admin".to_owned(),
    })
}
