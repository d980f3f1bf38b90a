//! One checkpoint: what was judged becomes alerts and incidents, and is committed with the places it was read from.

use super::Watch;
use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use crate::source_status::SourceStatus;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_collect::Batch;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::{Event, SourceName};
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Incident, Phase};
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_store::{Tx, Unparsed};

/// How many lines that no parser could read are kept of one batch; all are counted.
const UNPARSED_KEPT: usize = 200;

/// Commits a checkpoint and says how many detections were in it. What was read of the sources in `later` is not judged yet, and
/// nothing of it is kept.
pub(super) async fn commit(
    watch: &mut Watch,
    batches: &[(usize, Batch)],
    later: &[(usize, Batch)],
) -> Result<usize, RespondError> {
    let detections = watch.engine.drain();
    let delta = watch.engine.delta();
    let moved = batches
        .iter()
        .any(|(index, batch)| batch.next != watch.readers[*index].cursor || !batch.events.is_empty());
    let news: Vec<usize> = (0..watch.readers.len())
        .filter(|index| watch.readers[*index].has_news() && later.iter().all(|(other, _)| other != index))
        .collect();
    let reloaded = !watch.unrecorded.is_empty();
    if detections.is_empty() && !moved && delta.is_none() && news.is_empty() && !reloaded {
        return Ok(0);
    }
    let desk = watch.desk.clone();
    let mut tx = desk.begin().await?;
    let count = detections.len();
    fold_all(&desk, &mut tx, detections).await?;
    for (index, batch) in batches {
        let reader = &watch.readers[*index];
        let (name, status) = (reader.name.clone(), reader.status.clone());
        keep_place(&mut tx, &name, &status, batch).await?;
    }
    for index in &news {
        let reader = &watch.readers[*index];
        let (name, status) = (reader.name.clone(), reader.status.clone());
        keep_status(&mut tx, &name, &status).await?;
    }
    let piece = (watch.pieces.next(), delta.as_ref().map_or(0, Vec::len));
    if let Some(delta) = delta {
        tx.add_detector_delta(piece.0, delta).await?;
    }
    for reloaded in watch.unrecorded.clone() {
        let by = Actor::worker("watch");
        desk.record(&mut tx, &by, "detectors.reloaded", "detectors", reloaded.record())
            .await?;
    }
    crate::crash::point("watch.before_commit");
    desk.commit(tx).await?;
    crate::crash::point("watch.after_commit");
    watch.unrecorded.clear();
    for index in news {
        watch.readers[index].settle();
    }
    if piece.1 > 0 {
        let bytes = piece.1 as u64;
        watch.pieces.added(piece.0, bytes);
        metrics::counter!("watchkeeper_detector_state_bytes_total").increment(bytes);
    }
    Ok(count)
}

async fn keep_place(
    tx: &mut Tx,
    name: &SourceName,
    status: &SourceStatus,
    batch: &Batch,
) -> Result<(), RespondError> {
    tx.set_cursor(name, &batch.next.0).await?;
    keep_status(tx, name, status).await?;
    let unparsed: Vec<_> = batch
        .events
        .iter()
        .filter_map(unparsed)
        .take(UNPARSED_KEPT)
        .collect();
    if !unparsed.is_empty() {
        tx.keep_unparsed(name, &unparsed).await?;
    }
    Ok(())
}

async fn keep_status(tx: &mut Tx, name: &SourceName, status: &SourceStatus) -> Result<(), RespondError> {
    let status = serde_json::to_value(status).unwrap_or(Value::Null);
    tx.set_source_status(name, &status).await?;
    Ok(())
}

/// The event as a line that no parser could read.
fn unparsed(event: &Event) -> Option<Unparsed> {
    let reason = event.unparsed.clone()?;
    Some(Unparsed {
        position: event.id.clone(),
        line: event.raw.clone(),
        reason,
        at: event.collected_at,
    })
}

/// Folds detections into alerts, and alerts into incidents.
async fn fold_all(desk: &Desk, tx: &mut Tx, detections: Vec<Detection>) -> Result<(), RespondError> {
    let mut folded = Vec::new();
    let mut touched = BTreeSet::new();
    for detection in detections {
        if let Some(alert) = fold(desk, tx, detection, &mut folded).await? {
            touched.extend(alert.incident);
        }
    }
    if !folded.is_empty() {
        // One record a checkpoint, so that a storm does not bury the log.
        let by = Actor::worker("watch");
        desk.record(tx, &by, "alerts.folded", "alerts", json!({"alerts": folded}))
            .await?;
    }
    for incident in touched {
        let incident = tx.incident(&incident).await?;
        desk.propose_affected(tx, incident).await?;
    }
    Ok(())
}

async fn fold(
    desk: &Desk,
    tx: &mut Tx,
    detection: Detection,
    folded: &mut Vec<Value>,
) -> Result<Option<Alert>, RespondError> {
    let key = Alert::dedupe_key(&detection);
    let standing = tx.unresolved_alert(&key).await?;
    let host = standing.as_ref().and_then(|alert| alert.incident.as_ref());
    let over = match host {
        // Only a finding asks: what is no finding folds by its time alone.
        Some(host) if detection.is_finding() => tx.incident(host).await?.phase == Phase::Closed,
        _ => false,
    };
    let standing = standing.filter(|alert| alert.folds(&detection, over));
    let by = Actor::Detector {
        detector: detection.detector.clone(),
    };
    let alert = match standing {
        Some(alert) => {
            let before = alert.version;
            let Some(alert) = alert.fold(detection) else {
                return Ok(None);
            };
            tx.update_alert(&alert, before).await?;
            folded.push(json!([alert.id, alert.version, alert.events()]));
            if let Some(incident) = &alert.incident {
                refresh(tx, incident, &alert).await?;
                return Ok(Some(alert));
            }
            alert
        }
        None => {
            let alert = Alert::open(detection, desk.now());
            if tx.alert_opt(&alert.id).await?.is_some() {
                // Fresher figures of a detection whose alert somebody has resolved: the verdict stands.
                return Ok(None);
            }
            tx.insert_alert(&alert).await?;
            let detail = json!({"detector": alert.detector, "severity": alert.severity, "dedupe_key": alert.dedupe_key});
            desk.record(tx, &by, "alert.opened", alert.id.as_str(), detail)
                .await?;
            alert
        }
    };
    Ok(Some(place(desk, tx, alert, &by).await?))
}

async fn refresh(tx: &mut Tx, incident: &IncidentId, alert: &Alert) -> Result<(), RespondError> {
    let incident = tx.incident(incident).await?;
    let before = incident.version;
    if let Some(incident) = incident.refresh(alert) {
        tx.update_incident(&incident, before).await?;
    }
    Ok(())
}

/// Puts an alert into the incident that it joins, or opens one for it when it is severe enough.
async fn place(desk: &Desk, tx: &mut Tx, alert: Alert, by: &Actor) -> Result<Alert, RespondError> {
    let within = desk.house.join_within.duration();
    let candidates = tx.joinable_incidents(alert.first_at - within).await?;
    let host = candidates.into_iter().find(|i| alert.joins(i, within));
    if let Some(host) = host {
        return join(desk, tx, host, alert, by).await.map(|(_, alert)| alert);
    }
    if alert.severity < desk.house.open_incident_at {
        return Ok(alert);
    }
    let playbook = Playbook::for_alert(&desk.house.library.playbooks, &alert);
    let outcome = Incident::open_for(&alert, playbook, desk.now());
    let detail = json!({"alert": alert.id, "severity": alert.severity, "playbook": playbook.map(|p| (&p.id, p.version, &p.hash))});
    let said = Said {
        by,
        action: "incident.opened",
        detail,
    };
    let incident = desk.settle(tx, None, outcome, said).await?;
    let alert = attach(tx, alert, &incident).await?;
    gather(desk, tx, incident, &alert).await?;
    Ok(alert)
}

/// Alerts that came before, were not severe enough to open an incident, and are about the same.
async fn gather(desk: &Desk, tx: &mut Tx, mut incident: Incident, first: &Alert) -> Result<(), RespondError> {
    let within = desk.house.join_within.duration();
    for loose in tx.loose_alerts(first.first_at - within).await? {
        if loose.joins(&incident, within) {
            let by = Actor::Detector {
                detector: loose.detector.clone(),
            };
            (incident, _) = join(desk, tx, incident, loose, &by).await?;
        }
    }
    Ok(())
}

async fn join(
    desk: &Desk,
    tx: &mut Tx,
    host: Incident,
    alert: Alert,
    by: &Actor,
) -> Result<(Incident, Alert), RespondError> {
    let (before, severity) = (host.version, host.severity);
    let said = Said {
        by,
        action: "incident.alert_joined",
        detail: json!({"alert": alert.id}),
    };
    let host = desk
        .settle(tx, Some(before), host.join(&alert, desk.now()), said)
        .await?;
    let host = if host.severity > severity {
        adopt_playbook(desk, tx, host, &alert).await?
    } else {
        host
    };
    let alert = attach(tx, alert, &host).await?;
    Ok((host, alert))
}

/// What is worse may need other tasks than what the incident began with.
async fn adopt_playbook(
    desk: &Desk,
    tx: &mut Tx,
    host: Incident,
    alert: &Alert,
) -> Result<Incident, RespondError> {
    let Some(playbook) = Playbook::for_alert(&desk.house.library.playbooks, alert) else {
        return Ok(host);
    };
    let before = host.version;
    let Some(outcome) = host.clone().adopt(playbook, desk.now()) else {
        return Ok(host);
    };
    let by = Actor::worker("playbooks");
    let said = Said {
        by: &by,
        action: "incident.playbook_adopted",
        detail: json!({"playbook": (&playbook.id, playbook.version, &playbook.hash)}),
    };
    desk.settle(tx, Some(before), outcome, said).await
}

async fn attach(tx: &mut Tx, alert: Alert, incident: &Incident) -> Result<Alert, RespondError> {
    let before = alert.version;
    let alert = alert.attach(&incident.id);
    tx.update_alert(&alert, before).await?;
    Ok(alert)
}
