//! Choosing a password.

use super::{capitalised, page, told};
use crate::access::{Caller, ClientAddress, is_csrf};
use crate::errors::Problem;
use crate::extract::Form;
use crate::security;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde::Deserialize;
use watchkeeper_domain::access::PASSWORD_MIN_CHARS;
use watchkeeper_respond::RespondError;

/// What the form sends. It is never printed.
#[derive(Deserialize)]
pub(crate) struct Choice {
    csrf: String,
    current: String,
    new: String,
    again: String,
}

fn form(status: StatusCode, caller: &Caller, field: &str, fault: &str) -> Response {
    let Some((_, csrf)) = caller.session() else {
        return Problem::malformed("a bearer token has no password; sign in with a browser").into_response();
    };
    let content = context! {
        csrf,
        field,
        fault,
        email => caller.user.email,
        issued => caller.user.must_change_password,
        least => PASSWORD_MIN_CHARS,
    };
    page(status, "password.html", content)
}

pub(crate) async fn show(caller: Caller) -> Response {
    form(StatusCode::OK, &caller, "", "")
}

pub(crate) async fn act(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Form(choice): Form<Choice>,
) -> Response {
    let wrong = |field: &str, fault: &str| form(StatusCode::UNPROCESSABLE_ENTITY, &caller, field, fault);
    let ours = caller
        .session()
        .is_some_and(|(_, csrf)| is_csrf(csrf, choice.csrf.as_bytes()));
    if !ours {
        return wrong("", "This page is not of your session any more. Fill it in again.");
    }
    if choice.new != choice.again {
        return wrong("again", "The two new passwords differ. Type the same one twice.");
    }
    match state
        .desk
        .change_password(&caller.user.id, &choice.current, &choice.new, &address)
        .await
    {
        Ok(welcome) => {
            let cookie = security::set_cookie(&welcome.secret, state.secure());
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(RespondError::Invalid(faults)) => {
            let field = faults
                .first()
                .map(|fault| fault.field.clone())
                .unwrap_or_default();
            let text: Vec<String> = faults.iter().map(|fault| capitalised(&fault.detail)).collect();
            wrong(&field, &text.join(" "))
        }
        Err(error) => told("The password was not changed", &error.into()),
    }
}
