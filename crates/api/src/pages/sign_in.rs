//! Signing in and out.

use super::{page, told};
use crate::access::{Caller, ClientAddress, is_csrf};
use crate::errors::Problem;
use crate::extract::Form;
use crate::security;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;
use watchkeeper_domain::span::in_words;
use watchkeeper_respond::operations::sessions::SignIn;

/// What the form sends. It is never printed.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
}

fn form(status: StatusCode, email: &str, fault: &str) -> Response {
    page(status, "sign_in.html", context! { email, fault })
}

pub(crate) async fn show() -> Response {
    form(StatusCode::OK, "", "")
}

/// Signs in. Another site could sign a browser in as somebody else, and what is then typed would be theirs: so the form must come
/// from our own page.
pub(crate) async fn act(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(credentials): Form<Credentials>,
) -> Response {
    if !security::same_origin(&headers) {
        return told(
            "Not signed in",
            &Problem::forbidden("the form came from another site; sign in here"),
        );
    }
    let Credentials { email, password } = credentials;
    match state.desk.sign_in(&email, &password, &address).await {
        Ok(SignIn::Welcome(welcome)) => {
            let next = if welcome.user.must_change_password {
                "/password"
            } else {
                "/"
            };
            let cookie = security::set_cookie(&welcome.secret, state.secure());
            ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
        }
        Ok(SignIn::Wrong) => form(
            StatusCode::UNPROCESSABLE_ENTITY,
            &email,
            "E-mail or password is wrong.",
        ),
        Ok(SignIn::Wait { seconds }) => {
            let words = in_words(chrono::Duration::seconds(seconds));
            let fault = format!(
                "There were too many failed attempts. Try again in {words}; until then no password is judged."
            );
            let mut response = form(StatusCode::TOO_MANY_REQUESTS, &email, &fault);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Err(error) => told("Not signed in", &error.into()),
    }
}

/// What a form sends to prove that it is ours.
#[derive(Deserialize)]
pub(crate) struct Proof {
    #[serde(default)]
    csrf: String,
}

pub(crate) async fn leave(
    State(state): State<ApiState>,
    caller: Caller,
    Form(proof): Form<Proof>,
) -> Response {
    let Some((session, csrf)) = caller.session() else {
        return Problem::malformed("a bearer token has no session to end; revoke the token instead")
            .into_response();
    };
    if !is_csrf(csrf, proof.csrf.as_bytes()) {
        return told(
            "Not signed out",
            &Problem::forbidden("the form is not of this session; open the console and sign out there"),
        );
    }
    match state.desk.sign_out(session, &caller.user.id).await {
        Ok(()) => (
            [(header::SET_COOKIE, security::clear_cookie(state.secure()))],
            Redirect::to("/login"),
        )
            .into_response(),
        Err(error) => told("Not signed out", &error.into()),
    }
}
