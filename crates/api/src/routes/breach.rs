//! The breach desk: was anything disclosed, who is affected, what is owed to them and by when.

use super::Table;
use super::incidents::{answer, must_stand};
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{IfMatch, Json, Paging, Path, Query, words};
use crate::views::incidents::IncidentView;
use crate::views::obligations::{ObligationView, TellingRow, obligation_views, telling_row};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::BTreeSet;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::id::{CustomerId, IncidentId, ObligationId};
use watchkeeper_domain::incident::{LONGEST_PARTICULAR, Particular, SeverityInputs, Standing};
use watchkeeper_domain::obligation::TellingFacts;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::affected::AffectedList;
use watchkeeper_respond::operations::breach::Confirmed;
use watchkeeper_respond::operations::foresee::{Decision, Foresight};
use watchkeeper_respond::operations::why::WhyAffected;
use watchkeeper_store::{ObligationFilter, Page, TellingOf};

/// The largest list of affected customers, in bytes.
const LIST: usize = 4 * 1024 * 1024;

pub(super) fn mount(table: &mut Table) {
    let decide = Access::Needs(Permission::DecideDisclosure);
    table.post("/api/v1/incidents/{id}/disclosure/suspect", decide, suspect);
    table.post("/api/v1/incidents/{id}/disclosure/confirm", decide, confirm);
    table.post("/api/v1/incidents/{id}/disclosure/reject", decide, reject);
    table.get(
        "/api/v1/incidents/{id}/disclosure/foreseen",
        Access::Needs(Permission::View),
        foreseen,
    );
    table.post("/api/v1/incidents/{id}/disclosure/extend", decide, extend);
    table.post_up_to(
        "/api/v1/incidents/{id}/affected/list",
        decide,
        LIST,
        list_affected,
    );
    table.post("/api/v1/incidents/{id}/disclosure/reverse", decide, reverse);
    table.post(
        "/api/v1/incidents/{id}/disclosure/refuse_reversal",
        decide,
        refuse_reversal,
    );
    table.post(
        "/api/v1/incidents/{id}/disclosure/move",
        decide,
        move_confirmation,
    );
    table.post(
        "/api/v1/incidents/{id}/disclosure/agree_move",
        decide,
        agree_to_move,
    );
    table.post(
        "/api/v1/incidents/{id}/disclosure/refuse_move",
        decide,
        refuse_to_move,
    );
    let counsel = Access::Needs(Permission::ApproveNotices);
    table.post("/api/v1/incidents/{id}/hold", counsel, place_hold);
    table.post("/api/v1/incidents/{id}/hold/lift", counsel, lift_hold);
    table.post("/api/v1/incidents/{id}/affected", decide, set_affected);
    table.get(
        "/api/v1/incidents/{id}/affected/{customer}/why",
        Access::Needs(Permission::View),
        why_affected,
    );
    table.post("/api/v1/incidents/{id}/assessment", decide, assess);
    table.post("/api/v1/incidents/{id}/particulars", decide, record_particular);
    table.get(
        "/api/v1/obligations",
        Access::Needs(Permission::View),
        obligations,
    );
    table.get("/api/v1/telling", Access::Needs(Permission::View), telling);
    table.post(
        "/api/v1/obligations/{id}/explain",
        Access::Needs(Permission::ApproveNotices),
        explain,
    );
    table.post(
        "/api/v1/obligations/{id}/told-by-hand",
        Access::Needs(Permission::DraftNotices),
        told_by_hand,
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: String,
}

async fn suspect(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.suspect_disclosure(&id, read, &reason.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    why: String,
    #[serde(default)]
    confirmed_at: Option<DateTime<Utc>>,
    /// When the company became aware, where nobody has recorded that yet.
    #[serde(default)]
    aware_at: Option<DateTime<Utc>>,
}

async fn confirm(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(confirmation): Json<Confirmation>,
) -> Result<Json<IncidentView>, Problem> {
    let Confirmation {
        why,
        confirmed_at,
        aware_at,
    } = confirmation;
    let confirmed = Confirmed {
        at: confirmed_at,
        aware_at,
    };
    answer(
        &desk,
        &id,
        desk.confirm_disclosure_aware(&id, read, &why, confirmed, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
struct Foreseeing {
    decision: Decision,
    /// From when it would count; now, where it is left out.
    at: Option<DateTime<Utc>>,
    /// Since when the company was aware, where that is recorded with it.
    aware_at: Option<DateTime<Utc>>,
}

/// What would follow of a decision that nobody has taken yet.
async fn foreseen(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<IncidentId>,
    Query(Foreseeing {
        decision,
        at,
        aware_at,
    }): Query<Foreseeing>,
) -> Result<Json<Foresight>, Problem> {
    let when = Confirmed { at, aware_at };
    Ok(Json(desk.foresee(&id, decision, when, &caller.actor()).await?))
}

async fn reject(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.reject_disclosure(&id, read, &reason.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Until {
    until: DateTime<Utc>,
    why: String,
}

async fn extend(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(longer): Json<Until>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.extend_suspicion(&id, read, longer.until, &longer.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    list: String,
    standing: Standing,
    evidence: String,
    #[serde(default)]
    commit: bool,
}

async fn list_affected(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<IncidentId>,
    Json(listing): Json<Listing>,
) -> Result<Json<AffectedList>, Problem> {
    let Listing {
        list,
        standing,
        evidence,
        commit,
    } = listing;
    let read = desk
        .list_affected(&id, (&list, standing), &evidence, commit, &caller.actor())
        .await?;
    Ok(Json(read))
}

async fn reverse(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.reverse_disclosure(&id, read, &reason.why, &caller.actor())
            .await,
    )
    .await
}

async fn refuse_reversal(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.refuse_reversal(&id, read, &reason.why, &caller.actor())
            .await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instead {
    at: DateTime<Utc>,
    why: String,
}

async fn move_confirmation(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(instead): Json<Instead>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.move_confirmation(&id, read, instead.at, &instead.why, &caller.actor())
            .await,
    )
    .await
}

async fn agree_to_move(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(instead): Json<Instead>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.agree_to_move(&id, read, instead.at, &instead.why, &caller.actor())
            .await,
    )
    .await
}

async fn refuse_to_move(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.refuse_to_move(&id, read, &reason.why, &caller.actor()).await,
    )
    .await
}

async fn place_hold(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(hold): Json<Until>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.place_hold(&id, read, hold.until, &hold.why, &caller.actor())
            .await,
    )
    .await
}

async fn lift_hold(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(reason): Json<Why>,
) -> Result<Json<IncidentView>, Problem> {
    answer(
        &desk,
        &id,
        desk.lift_hold(&id, read, &reason.why, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AffectedChange {
    customer: CustomerId,
    standing: Standing,
    evidence: String,
}

async fn set_affected(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(change): Json<AffectedChange>,
) -> Result<Json<IncidentView>, Problem> {
    must_stand(&desk, &id, read).await?;
    let AffectedChange {
        customer,
        standing,
        evidence,
    } = change;
    answer(
        &desk,
        &id,
        desk.set_affected(&id, &customer, standing, &evidence, &caller.actor())
            .await,
    )
    .await
}

async fn why_affected(
    State(desk): State<Desk>,
    Path((id, customer)): Path<(IncidentId, CustomerId)>,
) -> Result<Json<WhyAffected>, Problem> {
    Ok(Json(desk.why_affected(&id, &customer).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assessment {
    inputs: SeverityInputs,
    why: String,
}

async fn assess(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(assessment): Json<Assessment>,
) -> Result<Json<IncidentView>, Problem> {
    let Assessment { inputs, why } = assessment;
    answer(
        &desk,
        &id,
        desk.assess_breach(&id, read, inputs, &why, &caller.actor()).await,
    )
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    particular: Particular,
    text: String,
}

async fn record_particular(
    State(desk): State<Desk>,
    caller: Caller,
    IfMatch(read): IfMatch,
    Path(id): Path<IncidentId>,
    Json(said): Json<Said>,
) -> Result<Json<IncidentView>, Problem> {
    if said.text.len() > LONGEST_PARTICULAR {
        let fault = format!(
            "write at most {LONGEST_PARTICULAR} bytes; these are {}",
            said.text.len()
        );
        return Err(Problem::fault("text", fault));
    }
    if said.text.trim().is_empty() {
        return Err(Problem::fault(
            "text",
            "write what is known; leave it out while nothing is",
        ));
    }
    let by = caller.actor();
    let recorded = desk
        .record_particular(&id, read, said.particular, &said.text, &by)
        .await;
    answer(&desk, &id, recorded).await
}

#[derive(Deserialize)]
struct Listed {
    incident: Option<IncidentId>,
    customer: Option<CustomerId>,
    state: Option<String>,
}

/// Beside the states: whatever was missed and has no reason yet, in whatever state it is.
const UNEXPLAINED: &str = "unexplained";

async fn obligations(
    State(desk): State<Desk>,
    Query(listed): Query<Listed>,
    Paging(page): Paging,
) -> Result<Json<Page<ObligationView>>, Problem> {
    let mut states = words(listed.state.as_deref());
    if let Some(unknown) = states
        .iter()
        .find(|state| !["running", "told", "missed", "ended", UNEXPLAINED].contains(&state.as_str()))
    {
        return Err(Problem::malformed(format!(
            "state: `{unknown}` is none of running, told, missed, ended, {UNEXPLAINED}"
        )));
    }
    let all = states.len();
    states.retain(|state| state != UNEXPLAINED);
    let filter = ObligationFilter {
        incident: listed.incident,
        customer: listed.customer,
        unexplained: states.len() < all,
        states,
        ..ObligationFilter::default()
    };
    let mut tx = desk.store().read().await?;
    let Page { items, next } = tx.obligations(&filter, &page).await?;
    Ok(Json(Page {
        items: obligation_views(&mut tx, items).await?,
        next,
    }))
}

#[derive(Deserialize)]
struct Told {
    incident: Option<IncidentId>,
}

/// The incidents in which somebody is still to be told, a question waits, or that are not closed; or one incident. The newest first.
async fn telling(
    State(desk): State<Desk>,
    Query(Told { incident }): Query<Told>,
) -> Result<Json<Page<TellingRow>>, Problem> {
    let mut tx = desk.store().read().await?;
    let counts = match &incident {
        Some(one) => tx.telling_counts(TellingOf::One(one)).await?,
        None => {
            let mut counts = tx.telling_counts(TellingOf::All).await?;
            let open: BTreeSet<IncidentId> = tx
                .all_open_incidents()
                .await?
                .into_iter()
                .map(|incident| incident.id)
                .collect();
            counts.retain(|id, counts| counts.untold + counts.questions > 0 || open.contains(id));
            counts
        }
    };
    let mut items = Vec::with_capacity(counts.len());
    for (id, counts) in counts.into_iter().rev() {
        items.push(telling_row(&mut tx, &id, counts).await?);
    }
    Ok(Json(Page { items, next: None }))
}

async fn told_by_hand(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<ObligationId>,
    Json(facts): Json<TellingFacts>,
) -> Result<Json<ObligationView>, Problem> {
    let obligation = desk.tell_by_hand(&id, &facts, &caller.actor()).await?;
    let mut tx = desk.store().read().await?;
    let mut views = obligation_views(&mut tx, vec![obligation]).await?;
    views.pop().map(Json).ok_or_else(Problem::internal)
}

async fn explain(
    State(desk): State<Desk>,
    caller: Caller,
    Path(id): Path<ObligationId>,
    Json(reason): Json<Why>,
) -> Result<Json<ObligationView>, Problem> {
    let obligation = desk.explain_miss(&id, &reason.why, &caller.actor()).await?;
    let mut tx = desk.store().read().await?;
    let mut views = obligation_views(&mut tx, vec![obligation]).await?;
    views.pop().map(Json).ok_or_else(Problem::internal)
}
