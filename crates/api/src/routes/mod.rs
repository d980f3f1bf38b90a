//! The table of routes. A route is mounted together with who may use it and how large a body it takes; there is no other way to mount
//! one, so none can be forgotten.

mod alerts;
mod audit;
mod bounces;
mod breach;
mod changes;
mod contacts;
mod customers;
mod demo;
mod detectors;
mod evidence;
mod health;
mod incidents;
mod law;
mod notices;
mod overview;
mod people;
mod preflight;
mod session;
mod sources;

use crate::access::{Access, guard};
use crate::errors::Problem;
use crate::pages;
use crate::receivers;
use crate::state::ApiState;
use crate::stream;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use watchkeeper_domain::sns;

/// One route, as it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path, with `{names}` for its parts that vary.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// The largest body, in bytes.
    pub body_limit: usize,
}

/// Every route that is mounted, the console's own files aside.
#[must_use]
pub fn routes() -> Vec<Route> {
    table().0.into_iter().map(|(route, _)| route).collect()
}

/// The router of every route, each behind its guard.
pub(crate) fn mounted(state: &ApiState) -> (Router<ApiState>, Vec<Route>) {
    let mut router = Router::new();
    let mut mounted = Vec::new();
    for (route, handler) in table().0 {
        let guarded = handler
            .route_layer(DefaultBodyLimit::max(route.body_limit))
            .route_layer(from_fn_with_state((state.clone(), route.access), guard));
        router = router.route(route.path, guarded);
        mounted.push(route);
    }
    (
        router.method_not_allowed_fallback(async || Problem::wrong_method()),
        mounted,
    )
}

/// What most routes take: a person's words.
const WORDS: usize = 256 * 1024;

/// What sign-in and the like take.
const FORM: usize = 8 * 1024;

/// A form with a text of some thousand characters, each written with up to twelve.
const LONG_FORM: usize = 64 * 1024;

/// Routes in the making.
pub(crate) struct Table(Vec<(Route, MethodRouter<ApiState>)>);

impl Table {
    fn add<H, T>(
        &mut self,
        filter: (MethodFilter, &'static str),
        path: &'static str,
        access: Access,
        body_limit: usize,
        handler: H,
    ) where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        let route = Route {
            method: filter.1,
            path,
            access,
            body_limit,
        };
        self.0.push((route, on(filter.0, handler)));
    }

    fn get<H: Handler<T, ApiState>, T: 'static>(&mut self, path: &'static str, access: Access, handler: H) {
        self.add((MethodFilter::GET, "GET"), path, access, 0, handler);
    }

    fn post<H: Handler<T, ApiState>, T: 'static>(&mut self, path: &'static str, access: Access, handler: H) {
        self.add((MethodFilter::POST, "POST"), path, access, WORDS, handler);
    }

    fn post_up_to<H: Handler<T, ApiState>, T: 'static>(
        &mut self,
        path: &'static str,
        access: Access,
        body_limit: usize,
        handler: H,
    ) {
        self.add((MethodFilter::POST, "POST"), path, access, body_limit, handler);
    }

    fn put<H: Handler<T, ApiState>, T: 'static>(&mut self, path: &'static str, access: Access, handler: H) {
        self.add((MethodFilter::PUT, "PUT"), path, access, WORDS, handler);
    }

    fn patch<H: Handler<T, ApiState>, T: 'static>(&mut self, path: &'static str, access: Access, handler: H) {
        self.add((MethodFilter::PATCH, "PATCH"), path, access, WORDS, handler);
    }

    fn delete<H: Handler<T, ApiState>, T: 'static>(
        &mut self,
        path: &'static str,
        access: Access,
        handler: H,
    ) {
        self.add((MethodFilter::DELETE, "DELETE"), path, access, FORM, handler);
    }
}

fn table() -> Table {
    let mut table = Table(Vec::new());
    session::mount(&mut table);
    people::mount(&mut table);
    overview::mount(&mut table);
    incidents::mount(&mut table);
    breach::mount(&mut table);
    law::mount(&mut table);
    notices::mount(&mut table);
    changes::mount(&mut table);
    contacts::mount(&mut table);
    bounces::mount(&mut table);
    alerts::mount(&mut table);
    customers::mount(&mut table);
    preflight::mount(&mut table);
    detectors::mount(&mut table);
    sources::mount(&mut table);
    audit::mount(&mut table);
    evidence::mount(&mut table);
    demo::mount(&mut table);
    health::mount(&mut table);
    table.get(
        "/api/v1/stream",
        Access::Needs(watchkeeper_domain::access::Permission::View),
        stream::follow,
    );
    mount_pages(&mut table);
    mount_receivers(&mut table);
    table
}

fn mount_pages(table: &mut Table) {
    let sign_in = Access::Public("whoever signs in is not signed in yet");
    table.get("/login", sign_in, pages::sign_in::show);
    table.post_up_to("/login", sign_in, FORM, pages::sign_in::act);
    table.post_up_to("/logout", Access::SignedInPage, FORM, pages::sign_in::leave);
    table.get("/password", Access::SignedInPage, pages::password::show);
    table.post_up_to("/password", Access::SignedInPage, FORM, pages::password::act);
    let signed = Access::Public("the signature in the link says for whom and for what it stands");
    table.get("/ack/{token}", signed, pages::acknowledge::show);
    table.post_up_to("/ack/{token}", signed, FORM, pages::acknowledge::act);
    let recipient = Access::Public("who got a notice has no account; the code is what they know");
    table.get("/check", recipient, pages::check::show);
    table.post_up_to("/check", recipient, FORM, pages::check::act);
    table.post_up_to("/check/proof", recipient, FORM, pages::check::proof);
    table.post_up_to("/check/facts", recipient, FORM, pages::check::facts);
    table.post_up_to("/check/acknowledge", recipient, FORM, pages::check::acknowledge);
    table.post_up_to("/check/contact", recipient, FORM, pages::check::contact);
    table.post_up_to("/check/ask", recipient, LONG_FORM, pages::check::ask);
    let style = Access::Public("the style of the pages that strangers see");
    table.get("/assets-server.css", style, pages::style);
}

fn mount_receivers(table: &mut Table) {
    let secret = Access::Public("each source has a secret of its own, which its receiver checks");
    // The receiver knows how large its bodies may be and reads no further; the limit of the framework would come first.
    table.post_up_to("/ingest/{source}", secret, usize::MAX, receivers::ingest);
    table.post_up_to("/otlp/{source}/v1/logs", secret, usize::MAX, receivers::otlp_logs);
    table.post_up_to("/firehose/{source}", secret, usize::MAX, receivers::firehose);
    let signed = Access::Public("SNS signs its messages, and only those of the source's topics are believed");
    table.post_up_to("/sns/{source}", signed, sns::LARGEST, receivers::post_sns);
}

/// Strips a person's words of space around them.
pub(crate) fn trimmed(text: Option<&str>) -> Option<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
}
