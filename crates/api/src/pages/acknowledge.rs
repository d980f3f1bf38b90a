//! Answering a page by its signed link. Mail scanners open links, so opening one shows and only the button acts.

use super::{page, told};
use crate::extract::Path;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use minijinja::context;
use watchkeeper_domain::access::User;
use watchkeeper_domain::incident::{Acknowledgement, Incident, Phase};
use watchkeeper_respond::RespondError;

/// The title of whatever goes wrong.
const REFUSED: &str = "The page was not answered";

pub(crate) async fn show(State(state): State<ApiState>, Path(token): Path<String>) -> Response {
    match shown(&state, &token).await {
        Ok(response) => response,
        Err(error) => told("This link cannot be used", &error.into()),
    }
}

async fn shown(state: &ApiState, token: &str) -> Result<Response, RespondError> {
    let (_, incident, user) = state.desk.read_link(token).await?;
    let acknowledged = match &incident.acknowledgement {
        Acknowledgement::Waiting => String::new(),
        Acknowledgement::Acknowledged { by, at } => {
            let name = match by.user() {
                Some(id) => state.desk.store().read().await?.user(id).await?.name,
                None => by.to_string(),
            };
            format!("{name} acknowledged it at {}.", written(*at))
        }
    };
    Ok(room(&incident, &user, token, &acknowledged))
}

fn room(incident: &Incident, user: &User, token: &str, acknowledged: &str) -> Response {
    let content = context! {
        id => incident.id.as_str(),
        reference => incident.reference(),
        title => incident.title,
        codename => incident.codename,
        severity => incident.severity.name(),
        phase => incident.phase.name(),
        opened_at => incident.opened_at.to_rfc3339(),
        opened => written(incident.opened_at),
        summary => incident.summary,
        drill => incident.drill,
        closed => incident.phase == Phase::Closed,
        acknowledged,
        name => user.name,
        token,
    };
    page(StatusCode::OK, "acknowledge.html", content)
}

fn written(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Acts, then shows: loading the page that follows again does nothing.
pub(crate) async fn act(State(state): State<ApiState>, Path(token): Path<String>) -> Response {
    match state.desk.acknowledge_by_link(&token).await {
        Ok(_) => Redirect::to(&format!("/ack/{token}")).into_response(),
        Err(error) => told(REFUSED, &error.into()),
    }
}
