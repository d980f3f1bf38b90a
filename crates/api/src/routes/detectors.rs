//! Detectors: which run, what they did, which are set aside and why.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Path};
use crate::views::detectors::{DetectorDetail, DetectorView, DroppedView, RulesView};
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_detect::Quarantined;
use watchkeeper_domain::access::Permission;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::Board;
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
    rules: RulesView,
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
    let shown = board.snapshot();
    let items = shown.detectors().enumerate().map(|(place, (info, activity))| {
        let dropped = shown.dropped.by_rule.get(&info.id);
        let coverage = shown.coverage().get(place);
        DetectorView::of(info, activity, dropped, coverage, counts.get(&info.id))
    });
    Ok(Json(DetectorList {
        items: items.collect(),
        quarantined: shown.rules.quarantined.clone(),
        dropped: DroppedView::of(&shown.dropped),
        rules: RulesView::of(&shown),
    }))
}

async fn show(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
    Path(id): Path<String>,
) -> Result<Json<DetectorDetail>, Problem> {
    let shown = board.snapshot();
    let found = shown.detectors().find(|(info, _)| info.id == id);
    let (info, activity) = found.ok_or_else(|| Problem::not_found("there is no such detector"))?;
    let counts = counts(&desk).await?;
    let dropped = shown.dropped.by_rule.get(&id);
    let coverage = shown.coverage_of(&id);
    Ok(Json(DetectorDetail::of(
        info,
        activity,
        dropped,
        coverage,
        counts.get(&id),
    )))
}
