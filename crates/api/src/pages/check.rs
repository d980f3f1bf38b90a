//! The page where a recipient checks a notice, by a code typed in: is it ours, and is it as we sent it? No account is needed.

use super::{page, told};
use crate::access::ClientAddress;
use crate::extract::{Attachment, Form};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_domain::span::in_words;
use watchkeeper_domain::words::second;
use watchkeeper_respond::operations::check::{Checked, GenuineNotice};

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
}

/// An empty form, for the page of the company whose notices are checked.
pub(crate) async fn show(State(state): State<ApiState>) -> Response {
    form(&state, StatusCode::OK, "", "")
}

fn form(state: &ApiState, status: StatusCode, code: &str, fault: &str) -> Response {
    let sender = &state.desk.house().sender;
    page(
        status,
        "check.html",
        context! { company => sender.company, contact => sender.contact, code, fault },
    )
}

/// Looks the code up. It stands in the body and not in the address, so that it is in no log.
pub(crate) async fn act(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    answer(&state, &code, &address, |notice| genuine(&state, &code, notice)).await
}

/// The proof that our record of the message is in our log, as a file.
pub(crate) async fn proof(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    answer(&state, &code, &address, |notice| match &notice.proof {
        Some(proof) => Attachment {
            name: format!("{}.tlog-proof", notice.reference),
            text: proof.text(),
        }
        .into_response(),
        None => genuine(&state, &code, notice),
    })
    .await
}

async fn answer(
    state: &ApiState,
    code: &str,
    address: &str,
    genuine: impl FnOnce(&GenuineNotice) -> Response,
) -> Response {
    match state.desk.check_notice(code, address).await {
        Ok(Checked::Genuine(notice)) => genuine(&notice),
        Ok(Checked::Unknown) => {
            let fault = "We have sent no notice with this code. Check it for typing mistakes; if it is typed as it stands in the message, the message is not ours: do not answer it, and tell us.";
            form(state, StatusCode::NOT_FOUND, code, fault)
        }
        Ok(Checked::Wait { seconds }) => {
            let words = in_words(chrono::Duration::seconds(seconds));
            let fault = format!("Too many wrong codes came from your network. Try again in {words}.");
            let mut response = form(state, StatusCode::TOO_MANY_REQUESTS, code, &fault);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Err(error) => told("The notice could not be checked", &error.into()),
    }
}

fn genuine(state: &ApiState, code: &str, notice: &GenuineNotice) -> Response {
    let sender = &state.desk.house().sender;
    let kind = match notice.kind {
        NoticeKind::Holding => "first notice, with what was known at the time",
        NoticeKind::Full => "full account",
    };
    let content = context! {
        company => sender.company,
        contact => sender.contact,
        reference => notice.reference,
        kind,
        subject => notice.subject,
        sent_at => notice.sent_at.to_rfc3339(),
        sent => second(notice.sent_at),
        text_sha256 => notice.text_sha256,
        approved_hash => notice.approved_hash,
        code,
        accepted => notice.accepted_at.map(second),
        record => notice.proof.as_ref().map(|proof| proof.index + 1),
        log_key => state.desk.log_key().to_string(),
    };
    page(StatusCode::OK, "checked.html", content)
}
