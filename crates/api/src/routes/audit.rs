//! The audit log: read and verified.

use super::{Table, trimmed};
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Attachment, Json, Paging, Path, Query};
use crate::views::names::{Names, titles};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::{Record, verdict};
use watchkeeper_domain::incident::Incident;
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
    table.get(
        "/api/v1/audit/checkpoint",
        Access::Needs(Permission::ReadAudit),
        checkpoint,
    );
    table.get(
        "/api/v1/audit/{seq}/proof",
        Access::Needs(Permission::ReadAudit),
        proof,
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
    let mut tx = desk.store().read().await?;
    let mut subject = trimmed(listed.subject.as_deref());
    // The log names incidents by their ids; people know them by their references.
    if let Some(number) = subject.as_deref().and_then(Incident::number_of)
        && let Some(incident) = tx.incident_by_number(number).await?
    {
        subject = Some(incident.id.to_string());
    }
    let filter = AuditFilter {
        subject,
        action: trimmed(listed.action.as_deref()),
    };
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
    let walked = desk.store().verify_audit(Some(desk.log_key()), Vec::new());
    Ok(Json(verdict(&walked.await?)))
}

/// What others verify the log by: its key, and the newest checkpoint.
#[derive(Serialize)]
struct CheckpointView {
    key: String,
    size: u64,
    at: Option<DateTime<Utc>>,
    note: Option<String>,
    /// How many records came since.
    unsealed: u64,
}

async fn checkpoint(State(desk): State<Desk>) -> Result<Json<CheckpointView>, Problem> {
    let mut tx = desk.store().read().await?;
    let last = tx.last_checkpoint().await?;
    let (head, _) = tx.audit_head().await?;
    let size = last.as_ref().map_or(0, |last| last.size);
    Ok(Json(CheckpointView {
        key: desk.log_key().to_string(),
        size,
        at: last.as_ref().map(|last| last.at),
        note: last.map(|last| last.note),
        unsealed: u64::try_from(head).unwrap_or_default().saturating_sub(size),
    }))
}

async fn proof(State(desk): State<Desk>, Path(seq): Path<i64>) -> Result<Attachment, Problem> {
    let proof = desk.prove(seq).await?.ok_or_else(|| {
        Problem::not_found(
            "There is no such record, or no checkpoint has it yet; `GET /api/v1/audit/checkpoint` says how far the log is sealed.",
        )
    })?;
    Ok(Attachment {
        name: format!("record-{seq}.tlog-proof"),
        text: proof.text(),
    })
}
