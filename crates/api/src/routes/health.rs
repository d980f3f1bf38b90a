//! Is it alive, is it ready, how is it doing: for machines.

use super::Table;
use crate::access::Access;
use crate::errors::Problem;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use watchkeeper_domain::access::Permission;

pub(super) fn mount(table: &mut Table) {
    table.get(
        "/healthz",
        Access::Public("says only that the process answers"),
        async || "ok\n",
    );
    table.get(
        "/readyz",
        Access::Public("says only whether the service can work"),
        ready,
    );
    table.get("/metrics", Access::LocalOr(Permission::View), figures);
}

async fn ready(State(state): State<ApiState>) -> Result<&'static str, Problem> {
    if state.stop.is_cancelled() {
        return Err(Problem::unavailable("the service is stopping"));
    }
    if !state.is_working() {
        return Err(Problem::unavailable("the workers do not run"));
    }
    state.desk.store().ping().await?;
    Ok("ready\n")
}

async fn figures(State(state): State<ApiState>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        state.metrics.render(),
    )
}
