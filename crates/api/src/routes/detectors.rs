//! Detectors: which run, what they did, which are set aside and why.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Path};
use crate::views::detectors::{DetectorDetail, DetectorView, DroppedView};
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_detect::Quarantined;
use watchkeeper_domain::access::Permission;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::{Board, BoardSnapshot};
use watchkeeper_store::DetectorCounts;

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/detectors", Access::Needs(Permission::View), list);
    table.get("/api/v1/detectors/{id}", Access::Needs(Permission::View), show);
}

#[derive(Serialize)]
struct DetectorList {
    items: Vec<DetectorView>,
    quarantined: Vec<Quarantined>,
    dropped: DroppedView,
}

async fn counts(desk: &Desk) -> Result<BTreeMap<String, DetectorCounts>, Problem> {
    let counts = desk.store().read().await?.detector_counts().await?;
    Ok(counts
        .into_iter()
        .map(|counts| (counts.detector.clone(), counts))
        .collect())
}

async fn list(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
) -> Result<Json<impl Serialize>, Problem> {
    let counts = counts(&desk).await?;
    let BoardSnapshot {
        detectors,
        quarantined,
        dropped,
    } = board.snapshot();
    let items = detectors
        .iter()
        .map(|(info, activity)| DetectorView::of(info, activity, counts.get(&info.id)));
    Ok(Json(DetectorList {
        items: items.collect(),
        quarantined,
        dropped: DroppedView::of(&dropped),
    }))
}

async fn show(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Path(id): Path<String>,
) -> Result<Json<DetectorDetail>, Problem> {
    let found = board
        .snapshot()
        .detectors
        .into_iter()
        .find(|(info, _)| info.id == id);
    let (info, activity) = found.ok_or_else(|| Problem::not_found("there is no such detector"))?;
    let counts = counts(&desk).await?;
    Ok(Json(DetectorDetail::of(info, &activity, counts.get(&id))))
}
