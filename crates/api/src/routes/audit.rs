//! The audit log: read and verified.

use super::{Table, trimmed};
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Paging, Query};
use crate::views::names::{Names, titles};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::Record;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_store::{AuditFilter, Page};

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/audit", Access::Needs(Permission::ReadAudit), list);
    table.get(
        "/api/v1/audit/verify",
        Access::Needs(Permission::ReadAudit),
        verify,
    );
}

#[derive(Deserialize)]
struct Listed {
    subject: Option<String>,
    action: Option<String>,
}

#[derive(Serialize)]
struct RecordView {
    #[serde(flatten)]
    record: Record,
    actor_name: String,
}

async fn list(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Query(listed): Query<Listed>,
    Paging(page): Paging,
) -> Result<Json<Page<impl Serialize>>, Problem> {
    let filter = AuditFilter {
        subject: trimmed(listed.subject.as_deref()),
        action: trimmed(listed.action.as_deref()),
    };
    let mut tx = desk.store().read().await?;
    let page = tx.audit_page(&filter, &page).await?;
    let names = Names::of_people(&mut tx, titles(&board)).await?;
    let view = |record: Record| {
        let actor = serde_json::from_str::<Actor>(&record.actor);
        let actor_name = actor.map_or_else(|_| record.actor.clone(), |actor| names.of(&actor));
        RecordView { record, actor_name }
    };
    Ok(Json(page.map(view)))
}

async fn verify(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    Ok(Json(match desk.store().verify_audit().await? {
        Ok(records) => {
            // The records that were walked stay as they are, so the last of them is the head that was verified.
            let mut tx = desk.store().read().await?;
            let last = tx
                .audit_after(records.saturating_sub(1), 1)
                .await?
                .into_iter()
                .next();
            let head = last.map_or_else(
                || watchkeeper_domain::audit::GENESIS.to_owned(),
                |record| record.hash,
            );
            json!({"ok": true, "records": records, "head": head})
        }
        Err(misfit) => json!({"ok": false, "misfit": misfit}),
    }))
}
