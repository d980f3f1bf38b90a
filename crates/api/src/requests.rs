//! Every request has an id, a line in the log, a place in the figures, and an answer even when a handler panics.
//!
//! The log names the route, never the path: paths can hold the secret of a signed link. Queries and bodies are left out.

use crate::errors::Problem;
use crate::state::ApiState;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers where a handler panics. What it was stands in the log, not in the answer.
pub(crate) fn catching_panics(router: Router<ApiState>) -> Router<ApiState> {
    router.layer(CatchPanicLayer::custom(panicked))
}

/// Writes the log and the figures.
pub(crate) fn logged(router: Router<ApiState>) -> Router<ApiState> {
    router.layer(from_fn(log))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over by value"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("without a message"), "a handler panicked");
    Problem::internal().into_response()
}

async fn log(request: Request, next: Next) -> Response {
    let id = hex::encode(rand::random::<[u8; 8]>());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("console", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", request_id = %id, %method, %route);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    if response.status().is_server_error() {
        tracing::warn!(parent: &span, status, ms = took.as_millis(), "answered");
    } else {
        tracing::debug!(parent: &span, status, ms = took.as_millis(), "answered");
    }
    let labels = [
        ("method", method.to_string()),
        ("route", route),
        ("status", status.to_string()),
    ];
    metrics::counter!("watchkeeper_http_requests_total", &labels).increment(1);
    metrics::histogram!("watchkeeper_http_request_seconds", &labels[..2]).record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
