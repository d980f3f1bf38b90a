//! Sources: how each is doing, and what of it could not be read.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Path};
use crate::views::sources::SourceView;
use axum::extract::State;
use serde_json::{Value, json};
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::event::SourceName;
use watchkeeper_respond::Desk;
use watchkeeper_respond::source_status::SourceStatus;
use watchkeeper_store::UNPARSED_KEPT;

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/sources", Access::Needs(Permission::View), list);
    table.get(
        "/api/v1/sources/{name}/unparsed",
        Access::Needs(Permission::View),
        unparsed,
    );
}

/// How every source is doing.
pub(super) async fn statuses(desk: &Desk) -> Result<Vec<SourceStatus>, Problem> {
    let kept = desk.store().read().await?.source_statuses().await?;
    let read = |(name, status): (SourceName, Value)| {
        serde_json::from_value(status).map_err(|error| {
            tracing::error!(source = %name, %error, "the status of a source cannot be read back");
            Problem::internal()
        })
    };
    kept.into_iter().map(read).collect()
}

async fn list(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let now = desk.now();
    let items: Vec<SourceView> = statuses(&desk)
        .await?
        .into_iter()
        .map(|status| SourceView::of(status, now))
        .collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn unparsed(State(desk): State<Desk>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let lines = desk
        .store()
        .read()
        .await?
        .unparsed(&SourceName(name), UNPARSED_KEPT)
        .await?;
    Ok(Json(json!({"items": lines, "next": null})))
}
