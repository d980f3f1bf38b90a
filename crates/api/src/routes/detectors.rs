//! Detectors: which run, what they did, which are set aside and why.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::{Json, Path};
use crate::views::detectors::{DetectorDetail, DetectorView, DroppedView, Known, RulesView};
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
    rules: RulesView,
}

async fn counts(desk: &Desk) -> Result<BTreeMap<String, DetectorCounts>, Problem> {
    let counts = desk.store().read().await?.detector_counts().await?;
    Ok(counts
        .into_iter()
        .map(|counts| (counts.detector.clone(), counts))
        .collect())
}

/// What is known of the detector at a place of the rules.
fn known<'a>(
    shown: &'a BoardSnapshot,
    counts: &'a BTreeMap<String, DetectorCounts>,
    place: usize,
    id: &str,
) -> Known<'a> {
    let judged = shown
        .sources
        .iter()
        .filter(|(_, source)| source.is_judged_by(place));
    Known {
        dropped: shown.dropped.by_rule.get(id),
        coverage: shown.coverage().get(place),
        counts: counts.get(id),
        sources: judged.map(|(name, _)| name.clone()).collect(),
    }
}

async fn list(
    State(desk): State<Desk>,
    State(board): State<Arc<Board>>,
) -> Result<Json<impl Serialize>, Problem> {
    let counts = counts(&desk).await?;
    let shown = board.snapshot();
    let items = shown.detectors().enumerate().map(|(place, (info, activity))| {
        DetectorView::of(info, activity, known(&shown, &counts, place, &info.id))
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
    let found = shown.detectors().enumerate().find(|(_, (info, _))| info.id == id);
    let (place, (info, activity)) = found.ok_or_else(|| Problem::not_found("there is no such detector"))?;
    let counts = counts(&desk).await?;
    let known = known(&shown, &counts, place, &id);
    Ok(Json(DetectorDetail::of(info, activity, known)))
}
