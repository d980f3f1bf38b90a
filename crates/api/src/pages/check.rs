//! The recipient's page, by a code typed in: is the notice ours and as we sent it, what else was sent; here recipients acknowledge and
//! ask. No account is needed, and no JavaScript.

use super::{page, told};
use crate::access::ClientAddress;
use crate::errors::Problem;
use crate::extract::{Attachment, Form};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;
use watchkeeper_domain::customer::asking::{AskingState, ContactAnswer};
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_domain::span::in_words;
use watchkeeper_domain::words::second;
use watchkeeper_respond::RespondError;
use watchkeeper_respond::operations::askings::AskedContact;
use watchkeeper_respond::operations::portal::{self, Checked, GenuineNotice};

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
}

/// Somebody confirms that the right people have read the notice.
#[derive(Deserialize)]
pub(crate) struct Acknowledging {
    code: String,
    name: String,
    #[serde(default)]
    role: String,
}

/// Somebody asks.
#[derive(Deserialize)]
pub(crate) struct Asking {
    code: String,
    name: String,
    question: String,
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
    open(&state, &code, &address, |notice| {
        genuine(&state, &code, notice, Said::Nothing)
    })
    .await
}

/// The proof that our record of the message is in our log, as a file.
pub(crate) async fn proof(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    open(&state, &code, &address, |notice| match &notice.proof {
        Some(proof) => Attachment {
            name: format!("{}.tlog-proof", notice.reference),
            text: proof.text(),
        }
        .into_response(),
        None => genuine(&state, &code, notice, Said::Nothing),
    })
    .await
}

/// The facts for machines, as a file.
pub(crate) async fn facts(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    open(&state, &code, &address, |notice| {
        let Some(facts) = &notice.facts else {
            return genuine(&state, &code, notice, Said::Nothing);
        };
        match serde_json::to_string_pretty(facts) {
            Ok(text) => Attachment {
                name: format!("{}-{}.json", notice.reference, notice.kind.name()),
                text: text + "\n",
            }
            .into_response(),
            Err(error) => {
                tracing::error!(%error, "the facts of a letter cannot be written");
                Problem::internal().into_response()
            }
        }
    })
    .await
}

/// Somebody confirms that the right people have read the notice.
pub(crate) async fn acknowledge(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(form): Form<Acknowledging>,
) -> Response {
    let response = portal::Response::Acknowledge {
        name: &form.name,
        role: &form.role,
    };
    respond(&state, &form.code, &address, response, Said::Acknowledged).await
}

/// Somebody asks.
pub(crate) async fn ask(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(form): Form<Asking>,
) -> Response {
    let response = portal::Response::Ask {
        name: &form.name,
        text: &form.question,
    };
    respond(&state, &form.code, &address, response, Said::Asked).await
}

/// A contact says whether it is still the right one.
#[derive(Deserialize)]
pub(crate) struct Answering {
    code: String,
    answer: Answered,
    name: String,
    #[serde(default)]
    instead: String,
}

/// What a contact says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answered {
    Right,
    Wrong,
}

/// A contact says whether it is still the right one.
pub(crate) async fn contact(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Form(form): Form<Answering>,
) -> Response {
    let (name, instead) = (form.name.as_str(), form.instead.as_str());
    let answer = match form.answer {
        Answered::Right => ContactAnswer::Right { name },
        Answered::Wrong => ContactAnswer::Wrong { name, instead },
    };
    match state.desk.answer_for_contact(&form.code, &address, answer).await {
        // What is refused is said on the page of the contact.
        Err(RespondError::Asking(refused)) => match state.desk.open_notice(&form.code, &address).await {
            Ok(Checked::Contact(asked)) => {
                let fault = super::capitalised(&refused.to_string());
                asked_contact(&state, &form.code, &asked, &fault)
            }
            again => answer_unless_found(&state, &form.code, again),
        },
        done => answer_unless_found(&state, &form.code, done),
    }
}

fn answer_unless_found(state: &ApiState, code: &str, checked: Result<Checked, RespondError>) -> Response {
    answer(state, code, checked, |notice| {
        genuine(state, code, notice, Said::Nothing)
    })
}

fn asked_contact(state: &ApiState, code: &str, asked: &AskedContact, fault: &str) -> Response {
    let sender = &state.desk.house().sender;
    let asking = &asked.asking;
    let (open, done) = match &asking.state {
        AskingState::Confirmed { at, name } => (
            false,
            format!("Thank you: {name} confirmed the address on {}.", second(*at)),
        ),
        AskingState::NotTheRightOne { at, name, .. } => (
            false,
            format!(
                "Thank you: {name} said on {} that it is not the right address. Our team was told.",
                second(*at)
            ),
        ),
        AskingState::Overtaken { .. } => (
            false,
            "This was settled in another way; there is nothing to do.".to_owned(),
        ),
        AskingState::Waiting { .. } | AskingState::Unanswered { .. } | AskingState::Undeliverable { .. } => {
            (true, String::new())
        }
    };
    let status = if fault.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let content = context! {
        company => sender.company,
        contact => sender.contact,
        customer => asked.customer,
        address => asking.email,
        asked => second(asking.asked_at),
        code,
        open,
        done,
        fault,
    };
    page(status, "contact.html", content)
}

/// What the page says happened just now.
#[derive(Clone)]
enum Said {
    Nothing,
    Acknowledged,
    Asked,
    Refused(String),
}

async fn respond(
    state: &ApiState,
    code: &str,
    address: &str,
    response: portal::Response<'_>,
    done: Said,
) -> Response {
    let (checked, said) = match state.desk.respond_to_notice(code, address, response).await {
        // What is refused is said on the page of the notice, so that nothing else is lost from sight.
        Err(RespondError::Receipt(refused)) => {
            let again = state.desk.open_notice(code, address).await;
            (again, Said::Refused(super::capitalised(&refused.to_string())))
        }
        other => (other, done),
    };
    answer(state, code, checked, |notice| genuine(state, code, notice, said))
}

/// Opens the letter with the code, and answers with what `genuine` makes of it.
async fn open(
    state: &ApiState,
    code: &str,
    address: &str,
    genuine: impl FnOnce(&GenuineNotice) -> Response,
) -> Response {
    let checked = state.desk.open_notice(code, address).await;
    answer(state, code, checked, genuine)
}

fn answer(
    state: &ApiState,
    code: &str,
    checked: Result<Checked, RespondError>,
    genuine: impl FnOnce(&GenuineNotice) -> Response,
) -> Response {
    match checked {
        Ok(Checked::Genuine(notice)) => genuine(&notice),
        Ok(Checked::Contact(asked)) => asked_contact(state, code, &asked, ""),
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

fn kind_in_words(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Holding => "first notice, with what was known at the time",
        NoticeKind::Full => "full account",
        NoticeKind::FollowUp => "update",
        NoticeKind::Final => "final account",
        NoticeKind::Correction => "correction of an earlier notice",
        NoticeKind::Withdrawn => "withdrawal of earlier notices",
        NoticeKind::SecurityChange => "change that affects security",
    }
}

fn genuine(state: &ApiState, code: &str, notice: &GenuineNotice, said: Said) -> Response {
    let sender = &state.desk.house().sender;
    let (status, done, fault) = match said {
        Said::Nothing => (StatusCode::OK, "", String::new()),
        Said::Acknowledged => (
            StatusCode::OK,
            "Thank you: the acknowledgement is recorded.",
            String::new(),
        ),
        Said::Asked => (
            StatusCode::OK,
            "Your question is with our team. The answer will stand on this page.",
            String::new(),
        ),
        Said::Refused(fault) => (StatusCode::UNPROCESSABLE_ENTITY, "", fault),
    };
    let questions: Vec<_> = notice
        .receipt
        .questions
        .iter()
        .map(|question| {
            context! {
                name => question.name,
                at => second(question.at),
                text => question.text,
                answer => question.answer.as_ref().map(|answer| answer.text.clone()),
                answered => question.answer.as_ref().map(|answer| second(answer.at)),
            }
        })
        .collect();
    let others: Vec<_> = notice
        .others
        .iter()
        .map(|other| {
            context! {
                kind => kind_in_words(other.kind),
                subject => other.subject,
                sent => second(other.sent_at),
                text => other.text,
            }
        })
        .collect();
    let acknowledged = notice
        .receipt
        .acknowledged
        .as_ref()
        .map(|a| context! { name => a.name, role => a.role, at => second(a.at) });
    let content = context! {
        company => sender.company,
        contact => sender.contact,
        reference => notice.reference,
        kind => kind_in_words(notice.kind),
        subject => notice.subject,
        text => notice.text,
        sent_at => notice.sent_at.to_rfc3339(),
        sent => second(notice.sent_at),
        text_sha256 => notice.text_sha256,
        approved_hash => notice.approved_hash,
        code,
        accepted => notice.accepted_at.map(second),
        record => notice.proof.as_ref().map(|proof| proof.index + 1),
        log_key => state.desk.log_key().to_string(),
        has_facts => notice.facts.is_some(),
        others,
        acknowledged,
        questions,
        done,
        fault,
    };
    page(status, "checked.html", content)
}
