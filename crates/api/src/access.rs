//! Who is it, and may they: the guard that stands before every route.

use crate::errors::Problem;
use crate::security;
use crate::state::ApiState;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{SessionId, TokenId};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, for the reason given.
    Public(&'static str),
    /// Whoever is signed in, also with a password that must be replaced.
    SignedIn,
    /// As [`Access::SignedIn`], on a page of the browser: strangers are sent to the sign-in page.
    SignedInPage,
    /// Whoever has the permission.
    Needs(Permission),
    /// Programs on the same machine that were not reached through a proxy; others need the permission.
    LocalOr(Permission),
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The person, with the roles that count for this request.
    pub(crate) user: User,
    /// By which means.
    pub(crate) by_means_of: Means,
}

/// How a caller proved who they are.
#[derive(Debug, Clone)]
pub(crate) enum Means {
    /// A browser that signed in.
    Session {
        /// Which.
        id: SessionId,
        /// What its writes carry.
        csrf: String,
    },
    /// A bearer token.
    Token {
        /// Which.
        #[expect(dead_code, reason = "names the token in debugging output")]
        id: TokenId,
    },
}

impl Caller {
    /// The person as an actor.
    pub(crate) fn actor(&self) -> Actor {
        Actor::person(&self.user.id)
    }

    /// The session, where it is a browser.
    pub(crate) fn session(&self) -> Option<(&SessionId, &str)> {
        match &self.by_means_of {
            Means::Session { id, csrf } => Some((id, csrf)),
            Means::Token { .. } => None,
        }
    }
}

/// A handler that asks for the caller stands behind a guard that lets nobody unknown through.
impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::unauthenticated)
    }
}

/// Stands before one route.
pub(crate) async fn guard(
    State((state, access)): State<(ApiState, Access)>,
    request: Request,
    next: Next,
) -> Response {
    // A body cannot be looked at from several threads, and nobody is admitted by it.
    let (parts, body) = request.into_parts();
    let admitted = admit(&state, access, &parts).await;
    let mut request = Request::from_parts(parts, body);
    match admitted {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem)
            if access == Access::SignedInPage && problem.status() == axum::http::StatusCode::UNAUTHORIZED =>
        {
            Redirect::to("/login").into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(state: &ApiState, access: Access, request: &Parts) -> Result<Option<Caller>, Problem> {
    let (needs, issued_password_will_do) = match access {
        Access::Public(_) => return Ok(None),
        Access::LocalOr(_) if is_local(request) => return Ok(None),
        Access::SignedIn | Access::SignedInPage => (None, true),
        Access::Needs(permission) | Access::LocalOr(permission) => (Some(permission), false),
    };
    let caller = identify(state, &request.headers, true)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    if let Means::Session { csrf, .. } = &caller.by_means_of {
        must_come_from_our_pages(access, csrf, request)?;
        if caller.user.must_change_password && !issued_password_will_do {
            return Err(Problem::new_password_needed());
        }
    }
    match needs.filter(|permission| !caller.user.may(*permission)) {
        None => Ok(Some(caller)),
        Some(permission) => Err(Problem::forbidden(format!(
            "this needs the permission `{}`",
            name(permission)
        ))),
    }
}

/// A browser sends its cookie with whatever another site makes it send, so a change must prove that one of our own pages asked for
/// it: by its origin, and by the session's token. The forms of pages carry the token as a field, which [`is_csrf`] is asked for.
fn must_come_from_our_pages(access: Access, csrf: &str, request: &Parts) -> Result<(), Problem> {
    if matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    if !security::same_origin(&request.headers) {
        return Err(Problem::forbidden("the request comes from another site"));
    }
    let sent = request
        .headers
        .get("x-csrf-token")
        .map(|value| value.as_bytes())
        .unwrap_or_default();
    if access == Access::SignedInPage || is_csrf(csrf, sent) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "the header X-CSRF-Token is missing or not that of this session; take `csrf` from GET /api/v1/session",
    ))
}

/// Whether what was sent is the session's token; in constant time.
pub(crate) fn is_csrf(expected: &str, sent: &[u8]) -> bool {
    expected.as_bytes().ct_eq(sent).into()
}

/// Whose request it is. A bearer token wins over a cookie. With `seen`, a session is in use and ends later.
pub(crate) async fn identify(
    state: &ApiState,
    headers: &HeaderMap,
    seen: bool,
) -> Result<Option<Caller>, Problem> {
    if let Some(token) = bearer(headers) {
        let holder = state.desk.token_holder(token).await?;
        return Ok(holder.map(|(user, id)| Caller {
            user,
            by_means_of: Means::Token { id },
        }));
    }
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let Some(secret) = security::session_cookie(headers, state.secure()) else {
        return Ok(None);
    };
    let session = state.desk.session(secret, seen).await?;
    Ok(session.map(|(user, session)| Caller {
        user,
        by_means_of: Means::Session {
            id: session.id,
            csrf: session.csrf,
        },
    }))
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether a request comes from a program on the same machine; what a proxy passes on does not count as such.
fn is_local(request: &Parts) -> bool {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    peer.is_some_and(|peer| peer.0.ip().is_loopback())
        && !passed_on.iter().any(|name| request.headers.contains_key(*name))
}

/// Where a request comes from: the address that a proxy on this machine names, else the peer.
#[derive(Debug, Clone)]
pub(crate) struct ClientAddress(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip());
        // Only the last hop was written by the proxy in front of us; the others are whatever the client claimed.
        let passed_on = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let last_hop = passed_on.and_then(|value| {
            value
                .to_str()
                .ok()?
                .rsplit(',')
                .next()?
                .trim()
                .parse::<IpAddr>()
                .ok()
        });
        let address = match peer {
            Some(peer) if peer.is_loopback() => last_hop.unwrap_or(peer).to_string(),
            Some(peer) => peer.to_string(),
            None => "unknown".to_owned(),
        };
        Ok(Self(address))
    }
}

fn name(permission: Permission) -> String {
    serde_json::to_value(permission)
        .ok()
        .and_then(|value| value.as_str().map(ToOwned::to_owned))
        .unwrap_or_default()
}
