//! HTTP: parse, operation, view. Serves the API of people and machines, the pages that work without JavaScript, and the console.
//!
//! A request passes, in this order: `requests` (an id, a log line, figures, panics caught), `security` (headers), the guard of its
//! route (`access`: who is it, may they), and its handler, which parses, calls one operation of the floor below and shows what came
//! of it (`views`). A route cannot be mounted without saying who may use it: see [`routes()`].

mod access;
mod connections;
mod console;
mod errors;
mod extract;
mod pages;
mod receivers;
mod requests;
mod routes;
mod security;
mod state;
mod stream;
mod views;

pub use access::Access;
pub use routes::{Route, routes};
pub use state::{ApiState, Metrics};

use axum::Router;
use tokio::net::TcpListener;

/// Everything that is served.
pub fn router(state: ApiState) -> Router {
    let (router, _) = routes::mounted(&state);
    let router = requests::catching_panics(router.fallback(console::fallback));
    let router = security::layers(router, &state);
    requests::logged(router).with_state(state)
}

/// Serves until the state's token stops it: then no connection is accepted any more, streams end, and what is under way is answered.
pub async fn serve(listener: TcpListener, state: ApiState) {
    let stop = state.stop.clone();
    connections::serve(listener, router(state), stop).await;
}
