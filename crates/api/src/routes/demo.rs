//! The demo's mailbox and its clock.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{Json, Paging, Path};
use crate::state::ApiState;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use watchkeeper_deliver::parse_received;
use watchkeeper_domain::access::Permission;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::travel::{Travel, Travelled};
use watchkeeper_store::{MailHeader, Page};

pub(super) fn mount(table: &mut Table) {
    table.get("/api/v1/mailbox", Access::Needs(Permission::View), list);
    table.get("/api/v1/mailbox/{id}", Access::Needs(Permission::View), show);
    table.post(
        "/api/v1/demo/advance",
        Access::Needs(Permission::AdvanceClock),
        advance,
    );
}

fn demo_only(desk: &Desk) -> Result<(), Problem> {
    if desk.house().demo {
        Ok(())
    } else {
        Err(Problem::not_found("this exists in the demo only"))
    }
}

fn row(header: &MailHeader) -> Value {
    let MailHeader {
        id,
        received_at,
        from,
        to,
        subject,
    } = header;
    json!({"id": id, "received_at": received_at, "from": from, "to": to, "subject": subject})
}

async fn list(State(desk): State<Desk>, Paging(page): Paging) -> Result<Json<Page<Value>>, Problem> {
    demo_only(&desk)?;
    let mut tx = desk.store().read().await?;
    Ok(Json(tx.mails(&page).await?.map(|header| row(&header))))
}

async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    demo_only(&desk)?;
    let mail = desk.store().read().await?.mail(&id).await?;
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    let parsed = parse_received(&mail.raw).ok();
    let (text, html) = parsed.map_or((None, None), |parsed| (parsed.text, parsed.html));
    let mut shown = row(&mail.header);
    shown["text"] = json!(text.unwrap_or_default());
    shown["html"] = json!(html);
    shown["raw"] = json!(raw);
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    hours: u32,
}

async fn advance(
    State(state): State<ApiState>,
    caller: Caller,
    Json(advance): Json<Advance>,
) -> Result<Json<Travelled>, Problem> {
    demo_only(&state.desk)?;
    let clock = state
        .travel
        .as_deref()
        .ok_or_else(|| Problem::not_found("this clock cannot travel"))?;
    let travelled = state
        .desk
        .advance_clock(clock, Travel::by(advance.hours), &caller.actor())
        .await?;
    Ok(Json(travelled))
}
