//! Who am I, and what may I do.

use super::Table;
use crate::access::{Access, Caller};
use crate::extract::Json;
use crate::state::ApiState;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeSet;
use watchkeeper_domain::access::{Permission, User};

#[derive(Serialize)]
struct SessionView {
    permissions: BTreeSet<Permission>,
    needs_new_password: bool,
    user: User,
    csrf: String,
    server_time: DateTime<Utc>,
    mode: &'static str,
    version: &'static str,
}

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/session", Access::SignedIn, show);
}

async fn show(State(state): State<ApiState>, caller: Caller) -> Json<impl Serialize> {
    let csrf = caller
        .session()
        .map(|(_, csrf)| csrf.to_owned())
        .unwrap_or_default();
    let mode = if state.desk.house().demo { "demo" } else { "serve" };
    Json(SessionView {
        permissions: caller.user.permissions(),
        needs_new_password: caller.user.must_change_password && !csrf.is_empty(),
        user: caller.user,
        csrf,
        server_time: state.desk.now(),
        mode,
        version: state.version,
    })
}
