//! The recipient's page, by a code typed in: is the notice ours and as we sent it, what else was sent; here recipients acknowledge and
//! ask. No account is needed, and no JavaScript.

use super::words::{Phrase, language_accepted, language_for};
use super::{page, told};
use crate::access::ClientAddress;
use crate::errors::Problem;
use crate::extract::{Attachment, Form};
use crate::state::ApiState;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use minijinja::context;
use serde::Deserialize;
use watchkeeper_domain::customer::Channel;
use watchkeeper_domain::customer::asking::{AskingError, AskingState, ContactAnswer, LONGEST};
use watchkeeper_domain::notice::{MOST_QUESTIONS, MachineFacts, NoticeKind, ReceiptError, ToldBy};
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
pub(crate) async fn show(State(state): State<ApiState>, Reader(language): Reader) -> Response {
    form(&state, language, StatusCode::OK, "", None)
}

fn form(
    state: &ApiState,
    language: &'static str,
    status: StatusCode,
    code: &str,
    fault: Option<&Phrase>,
) -> Response {
    let sender = &state.desk.house().sender;
    page(
        status,
        "check.html",
        context! { language, company => sender.company, contact => sender.contact, code, fault },
    )
}

/// The language that a browser asks for, of those that the pages speak.
pub(crate) struct Reader(&'static str);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get(header::ACCEPT_LANGUAGE);
        let header = header.and_then(|header| header.to_str().ok());
        Ok(Self(language_accepted(header)))
    }
}

/// Looks the code up. It stands in the body and not in the address, so that it is in no log.
pub(crate) async fn act(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Reader(language): Reader,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    open(&state, language, (&code, &address), |notice| {
        genuine(&state, &code, notice, Said::Nothing)
    })
    .await
}

/// The proof that our record of the message is in our log, as a file.
pub(crate) async fn proof(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Reader(language): Reader,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    open(&state, language, (&code, &address), |notice| {
        match &notice.proof {
            Some(proof) => Attachment {
                name: format!("{}.tlog-proof", notice.reference),
                text: proof.text(),
            }
            .into_response(),
            None => genuine(&state, &code, notice, Said::Nothing),
        }
    })
    .await
}

/// The facts for machines, as a file.
pub(crate) async fn facts(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Reader(language): Reader,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    open(&state, language, (&code, &address), |notice| {
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
    Reader(language): Reader,
    Form(form): Form<Acknowledging>,
) -> Response {
    let response = portal::Response::Acknowledge {
        name: &form.name,
        role: &form.role,
    };
    let done = Said::Done("acknowledged_thanks");
    respond(&state, language, (&form.code, &address), response, done).await
}

/// Somebody asks.
pub(crate) async fn ask(
    State(state): State<ApiState>,
    ClientAddress(address): ClientAddress,
    Reader(language): Reader,
    Form(form): Form<Asking>,
) -> Response {
    let response = portal::Response::Ask {
        name: &form.name,
        text: &form.question,
    };
    let done = Said::Done("asked_thanks");
    respond(&state, language, (&form.code, &address), response, done).await
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
    Reader(language): Reader,
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
                asked_contact(&state, &form.code, &asked, Some(&asking_refused(&refused)))
            }
            again => answer_unless_found(&state, language, &form.code, again),
        },
        done => answer_unless_found(&state, language, &form.code, done),
    }
}

fn answer_unless_found(
    state: &ApiState,
    language: &'static str,
    code: &str,
    checked: Result<Checked, RespondError>,
) -> Response {
    answer(state, language, code, checked, |notice| {
        genuine(state, code, notice, Said::Nothing)
    })
}

/// What a field is called on the page.
fn field_name(field: &str) -> &'static str {
    match field {
        "role" => "your_role",
        "question" | "text" => "question",
        "instead" => "contact_instead",
        _ => "your_name",
    }
}

fn asking_refused(refused: &AskingError) -> Phrase {
    match refused {
        AskingError::Answered => Phrase::of("contact_answered"),
        AskingError::Length { field } => Phrase::of("length")
            .saying("field", field_name(field))
            .with("longest", &LONGEST),
    }
}

/// What the page of a notice says of an answer that is refused; an error that none of its forms can cause is said as it is.
fn receipt_refused(refused: &ReceiptError) -> Phrase {
    match refused {
        ReceiptError::Acknowledged { name } => Phrase::of("acknowledged_already").with("name", name),
        ReceiptError::Length { field, longest } => Phrase::of("length")
            .saying("field", field_name(field))
            .with("longest", longest),
        ReceiptError::TooMany => Phrase::of("questions_full").with("most", &MOST_QUESTIONS),
        other => Phrase::of("refused").with("reason", &super::capitalised(&other.to_string())),
    }
}

fn asked_contact(state: &ApiState, code: &str, asked: &AskedContact, fault: Option<&Phrase>) -> Response {
    let sender = &state.desk.house().sender;
    let asking = &asked.asking;
    let (open, done) = match &asking.state {
        AskingState::Confirmed { at, name } => (false, Some(by("contact_confirmed", name, *at))),
        AskingState::NotTheRightOne { at, name, .. } => (false, Some(by("contact_not_right", name, *at))),
        AskingState::Overtaken { .. } => (false, Some(Phrase::of("contact_overtaken"))),
        AskingState::Waiting { .. } | AskingState::Unanswered { .. } | AskingState::Undeliverable { .. } => {
            (true, None)
        }
    };
    let status = if fault.is_none() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let content = context! {
        language => language_for(&asked.language),
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

fn by(key: &'static str, name: &str, at: DateTime<Utc>) -> Phrase {
    Phrase::of(key).with("name", name).with("at", &second(at))
}

/// What the page says happened just now.
#[derive(Clone)]
enum Said {
    Nothing,
    Done(&'static str),
    Refused(Phrase),
}

async fn respond(
    state: &ApiState,
    language: &'static str,
    (code, address): (&str, &str),
    response: portal::Response<'_>,
    done: Said,
) -> Response {
    let (checked, said) = match state.desk.respond_to_notice(code, address, response).await {
        // What is refused is said on the page of the notice, so that nothing else is lost from sight.
        Err(RespondError::Receipt(refused)) => {
            let again = state.desk.open_notice(code, address).await;
            (again, Said::Refused(receipt_refused(&refused)))
        }
        other => (other, done),
    };
    answer(state, language, code, checked, |notice| {
        genuine(state, code, notice, said)
    })
}

/// Opens the letter with the code, and answers with what `genuine` makes of it.
async fn open(
    state: &ApiState,
    language: &'static str,
    (code, address): (&str, &str),
    genuine: impl FnOnce(&GenuineNotice) -> Response,
) -> Response {
    let checked = state.desk.open_notice(code, address).await;
    answer(state, language, code, checked, genuine)
}

fn answer(
    state: &ApiState,
    language: &'static str,
    code: &str,
    checked: Result<Checked, RespondError>,
    genuine: impl FnOnce(&GenuineNotice) -> Response,
) -> Response {
    match checked {
        Ok(Checked::Genuine(notice)) => genuine(&notice),
        Ok(Checked::Contact(asked)) => asked_contact(state, code, &asked, None),
        Ok(Checked::Unknown) => {
            let fault = Phrase::of("unknown_code");
            form(state, language, StatusCode::NOT_FOUND, code, Some(&fault))
        }
        Ok(Checked::Wait { seconds }) => {
            let wait = in_words(chrono::Duration::seconds(seconds));
            let fault = Phrase::of("too_many_codes").with("wait", &wait);
            let mut response = form(state, language, StatusCode::TOO_MANY_REQUESTS, code, Some(&fault));
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Err(error) => told("The notice could not be checked", &error.into()),
    }
}

fn told_by_in_words(by: ToldBy) -> &'static str {
    match by {
        ToldBy::Notice(kind) => kind_in_words(kind),
        ToldBy::Hand(Channel::Phone) => "told_phone",
        ToldBy::Hand(Channel::Post) => "told_post",
        // By e-mail nobody tells by hand: see `Obligation::tell_by_hand`.
        ToldBy::Hand(Channel::Portal | Channel::Email) => "told_portal",
    }
}

fn kind_in_words(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Holding => "kind_holding",
        NoticeKind::Full => "kind_full",
        NoticeKind::FollowUp => "kind_follow_up",
        NoticeKind::Final => "kind_final",
        NoticeKind::Correction => "kind_correction",
        NoticeKind::Withdrawn => "kind_withdrawn",
        NoticeKind::SecurityChange => "kind_security_change",
    }
}

fn genuine(state: &ApiState, code: &str, notice: &GenuineNotice, said: Said) -> Response {
    let sender = &state.desk.house().sender;
    let (status, done, fault) = match said {
        Said::Nothing => (StatusCode::OK, None, None),
        Said::Done(key) => (StatusCode::OK, Some(Phrase::of(key)), None),
        Said::Refused(fault) => (StatusCode::UNPROCESSABLE_ENTITY, None, Some(fault)),
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
    let acknowledged = notice.receipt.acknowledged.as_ref().map(|by| {
        let who = if by.role.is_empty() {
            by.name.clone()
        } else {
            format!("{} ({})", by.name, by.role)
        };
        context! { who, at => second(by.at) }
    });
    let first = notice.facts.as_ref().and_then(MachineFacts::first_told);
    let content = context! {
        language => language_for(&notice.language),
        company => sender.company,
        contact => sender.contact,
        first_told => first.map(|first| second(first.at)),
        first_by => first.map(|first| told_by_in_words(first.by)),
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
