//! People and tokens.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{Json, Path};
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_domain::access::{AccessRole, Permission, User};
use watchkeeper_domain::id::{TokenId, UserId};
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::people::{AccountChange, NewAccount};
use watchkeeper_store::Token;

pub(super) fn mount(table: &mut Table) {
    let keep = Access::Needs(Permission::KeepPeople);
    table.get("/api/v1/users", Access::Needs(Permission::View), users);
    table.post("/api/v1/users", keep, add_user);
    table.patch("/api/v1/users/{id}", keep, change_user);
    table.post("/api/v1/users/{id}/password", keep, reset_password);
    table.get("/api/v1/tokens", keep, tokens);
    table.post("/api/v1/tokens", keep, make_token);
    table.delete("/api/v1/tokens/{id}", keep, revoke_token);
}

async fn users(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"items": desk.users().await?, "next": null})))
}

async fn add_user(
    State(desk): State<Desk>,
    caller: Caller,
    Json(account): Json<NewAccount>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (user, password) = desk.add_user(account, &caller.actor()).await?;
    Ok((
        StatusCode::CREATED,
        Json(json!({"user": user, "one_time_password": password})),
    ))
}

async fn change_user(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(change): Json<AccountChange>,
) -> Result<Json<User>, Problem> {
    Ok(Json(desk.change_user(&id, change, &caller.actor()).await?))
}

async fn reset_password(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Value>, Problem> {
    let password = desk.reset_password(&id, &caller.actor()).await?;
    Ok(Json(json!({"one_time_password": password})))
}

/// A token without its hash.
#[derive(Serialize)]
struct TokenView {
    id: TokenId,
    name: String,
    created_at: DateTime<Utc>,
    created_by: Option<UserId>,
    roles: BTreeSet<AccessRole>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        let Token {
            id,
            name,
            roles,
            created_by,
            created_at,
            last_used_at,
            revoked_at,
            token_hash: _,
        } = token;
        Self {
            id,
            name,
            created_at,
            created_by,
            roles,
            last_used_at,
            revoked_at,
        }
    }
}

async fn tokens(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let items: Vec<TokenView> = desk.tokens().await?.into_iter().map(TokenView::from).collect();
    Ok(Json(json!({"items": items, "next": null})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    roles: BTreeSet<AccessRole>,
}

async fn make_token(
    State(desk): State<Desk>,
    caller: Caller,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (id, token) = desk.make_token(&new.name, &new.roles, &caller.user).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id, "token": token}))))
}

async fn revoke_token(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<TokenId>,
) -> Result<StatusCode, Problem> {
    desk.revoke_token(&id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
