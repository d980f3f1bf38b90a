//! Reports about our mail, and what can be proved by it.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::extract::Path;
use crate::state::ApiState;
use crate::views::proof::{ProofView, proof_view};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Serialize;
use watchkeeper_deliver::mailbox::LARGEST_MAIL;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::sns;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::bounces::Taken;
use watchkeeper_respond::operations::ses_events::SnsTaken;
use watchkeeper_store::BounceTally;

pub(super) fn mount(table: &mut Table) {
    let view = Access::Needs(Permission::View);
    table.get("/api/v1/bounces", view, tallies);
    table.post_up_to(
        "/api/v1/bounces",
        Access::Needs(Permission::Respond),
        LARGEST_MAIL,
        take,
    );
    let signed = Access::Public("SNS signs its messages, and only those of configured topics are believed");
    table.post_up_to("/sns/ses", signed, sns::LARGEST, take_from_sns);
    table.get("/api/v1/incidents/{id}/proof", view, proof);
}

/// What came that changes nothing.
#[derive(Serialize)]
struct Tallies {
    /// The domain of return paths; none where reports are not taken.
    domain: Option<String>,
    /// Whether reports are taken in any way, by mail or from SES. Where they are not, it cannot be known whether a server of theirs took a
    /// message.
    reports_taken: bool,
    items: Vec<BounceTally>,
}

async fn tallies(State(desk): State<Desk>) -> Result<Json<Tallies>, Problem> {
    let items = desk.store().read().await?.bounce_tallies().await?;
    let house = desk.house();
    Ok(Json(Tallies {
        domain: house.bounces.clone(),
        reports_taken: house.bounces.is_some() || !house.ses_topics.is_empty(),
        items,
    }))
}

/// What became of a report.
#[derive(Serialize)]
struct Answer {
    taken: Taken,
}

/// A raw message, as a mail server hands it to a program. Whoever may write evidence into an incident may also hand in a report.
async fn take(State(state): State<ApiState>, body: Bytes) -> Result<Json<Answer>, Problem> {
    let taken = state.desk.take_raw_report(&body).await?;
    Ok(Json(Answer { taken }))
}

/// What SES reports over SNS. SNS sends again what is not answered with 2xx.
async fn take_from_sns(State(state): State<ApiState>, body: Bytes) -> Result<Json<SnsAnswer>, Problem> {
    let taken = state.desk.take_sns_message(&*state.sns, &body).await?;
    Ok(Json(SnsAnswer { taken }))
}

/// What became of a message of SNS.
#[derive(Serialize)]
struct SnsAnswer {
    taken: SnsTaken,
}

async fn proof(State(desk): State<Desk>, Path(id): Path<IncidentId>) -> Result<Json<ProofView>, Problem> {
    let now = desk.now();
    let mut tx = desk.store().read().await?;
    tx.incident(&id).await?;
    Ok(Json(proof_view(&mut tx, &id, now).await?))
}
