//! Sources: how each is doing, and what of it could not be read.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Path};
use crate::views::sources::{Beside, SourceView};
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::event::SourceName;
use watchkeeper_respond::Desk;
use watchkeeper_respond::source_status::SourceStatus;
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_store::UNPARSED_KEPT;

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/sources", Access::Needs(Permission::View), list);
    table.get(
        "/api/v1/sources/{name}/unparsed",
        Access::Needs(Permission::View),
        unparsed,
    );
}

async fn list(State(desk): State<Desk>, State(board): State<Arc<Board>>) -> Result<Json<Value>, Problem> {
    let shown = board.snapshot();
    let now = desk.now();
    let mut tx = desk.store().read().await?;
    let statuses = desk.source_statuses(&mut tx).await?;
    let health = desk.source_health(&mut tx).await?;
    let view = |(name, status): (SourceName, SourceStatus)| {
        let beside = Beside {
            watched: health.sources.get(&name),
            coverage: shown.sources.get(&name),
            polled: desk.house().sources.get(&name).and_then(|source| source.polled),
        };
        SourceView::of(status, beside, now)
    };
    let items: Vec<SourceView> = statuses.into_iter().map(view).collect();
    Ok(Json(json!({"items": items, "next": null})))
}

/// How many sources fail, or have something wrong that people were told of.
pub(super) async fn faults(desk: &Desk) -> Result<usize, Problem> {
    let mut tx = desk.store().read().await?;
    let health = desk.source_health(&mut tx).await?;
    let troubled = |name: &SourceName| {
        let watched = health.sources.get(name);
        watched.is_some_and(|watched| watched.standing().next().is_some())
    };
    let statuses = desk.source_statuses(&mut tx).await?;
    let at_fault =
        |(name, status): &&(SourceName, SourceStatus)| status.state() == "failing" || troubled(name);
    Ok(statuses.iter().filter(at_fault).count())
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
