//! What went wrong, as RFC 9457 problem details: the one place where an error becomes an answer.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use watchkeeper_domain::alert::AlertError;
use watchkeeper_domain::change::ChangeError;
use watchkeeper_domain::customer::asking::AskingError;
use watchkeeper_domain::incident::TransitionError;
use watchkeeper_domain::notice::{NoticeError, ReceiptError};
use watchkeeper_respond::RespondError;
use watchkeeper_respond::desk::Fault;
use watchkeeper_store::StoreError;

/// What was read is not what stands.
const CONFLICT: &str = "urn:watchkeeper:problem:conflict";

/// An answer that says what is wrong and what to do instead.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Box<Value>>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
            current: None,
            retry_after: None,
        }
    }

    /// The request cannot be understood.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:watchkeeper:problem:malformed",
            "The request cannot be understood",
            detail,
        )
    }

    /// Nobody is signed in.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "sign in, or send a bearer token: `Authorization: Bearer wk_…`";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "urn:watchkeeper:problem:unauthenticated",
            "Sign in first",
            detail,
        )
    }

    /// They may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:watchkeeper:problem:forbidden",
            "Not allowed",
            detail,
        )
    }

    /// The issued password must be replaced first.
    pub(crate) fn new_password_needed() -> Self {
        let detail = "your password was issued to you; choose one of your own at /password first";
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:watchkeeper:problem:new-password-needed",
            "Choose a password first",
            detail,
        )
    }

    /// There is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "urn:watchkeeper:problem:not-found",
            "There is no such thing",
            detail,
        )
    }

    /// It is there, but not for this method.
    pub(crate) fn wrong_method() -> Self {
        let detail = "this path does not take this method; see the header Allow";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:watchkeeper:problem:wrong-method",
            "Wrong method",
            detail,
        )
    }

    /// The body is too large.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:watchkeeper:problem:too-large",
            "The body is too large",
            detail,
        )
    }

    /// What was sent is wrong, field by field.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [one] => format!("{}: {}", one.field, one.detail),
            many => format!("{} fields are wrong", many.len()),
        };
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:watchkeeper:problem:invalid",
            "Something that was sent is wrong",
            detail,
        );
        Self { faults, ..problem }
    }

    /// One fault of one field.
    pub(crate) fn fault(field: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault {
            field: field.to_owned(),
            detail: detail.into(),
        }])
    }

    /// Somebody else changed it meanwhile.
    fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            CONFLICT,
            "It stands differently now",
            detail,
        )
    }

    /// The step is not possible from how it stands, whoever looked at it when.
    fn refused(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "urn:watchkeeper:problem:refused",
            "Something stands in the way",
            detail,
        )
    }

    /// Not now.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:watchkeeper:problem:unavailable",
            "Not available now",
            detail,
        );
        Self {
            retry_after: Some(5),
            ..problem
        }
    }

    /// A fault of ours. What it is stands in the log, under the request's id.
    pub(crate) fn internal() -> Self {
        let detail = "the service made a mistake; its log says more under the id in the header X-Request-Id";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:watchkeeper:problem:internal",
            "A fault of the service",
            detail,
        )
    }

    /// What stands now, for whoever was slower.
    pub(crate) fn with_current(mut self, current: Value) -> Self {
        self.current = Some(Box::new(current));
        self
    }

    /// Whether it is about how things stand, so that the answer shows that: somebody else was faster, or the step is not possible.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT.as_u16()
    }

    /// What is wrong, for a page.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<RespondError> for Problem {
    fn from(error: RespondError) -> Self {
        match error {
            RespondError::Store(error) => error.into(),
            RespondError::Transition(error) => of_transition(&error),
            RespondError::Change(error) => of_change(&error),
            RespondError::Notice(error) => of_notice(&error),
            RespondError::Receipt(error) => of_receipt(&error),
            RespondError::Asking(error) => match error {
                AskingError::Answered => Self::refused(error.to_string()),
                AskingError::Length { field } => Self::fault(field, error.to_string()),
            },
            RespondError::Alert(error) => match error {
                AlertError::Resolved { .. } => Self::refused(error.to_string()),
                AlertError::NoReason => Self::fault("why", error.to_string()),
            },
            RespondError::Invalid(faults) => Self::invalid(faults),
            RespondError::Forbidden(detail) => Self::forbidden(detail),
            RespondError::Unavailable(detail) => Self::unavailable(detail),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { .. } => Self::conflict(error.to_string()),
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::Taken { what, .. } => Self::fault(taken_field(what), error.to_string()),
            StoreError::BadCursor => Self::malformed(format!("after: {error}")),
            StoreError::BadLimit { .. } => Self::malformed(format!("limit: {error}")),
            StoreError::Database(_) => {
                tracing::error!(%error, "the database did not answer as it should");
                Self::unavailable("the database does not answer now; send the request again")
            }
            _ => {
                tracing::error!(%error, "the database holds what cannot be read");
                Self::internal()
            }
        }
    }
}

fn taken_field(what: &str) -> &str {
    match what {
        "tenant" => "tenants",
        "customer key" => "key",
        other => other,
    }
}

fn of_transition(error: &TransitionError) -> Problem {
    let detail = error.to_string();
    match error {
        TransitionError::NotFrom { .. } => Problem::refused(detail),
        TransitionError::StillOpen { in_the_way, .. } if in_the_way.is_empty() => {
            Problem::fault("why", detail)
        }
        TransitionError::StillOpen { .. } => Problem::refused(detail),
        TransitionError::NoReason { .. } => Problem::fault("why", detail),
        TransitionError::BadInstant { what, .. } => {
            let field = match *what {
                "the confirmation" => "confirmed_at",
                "the moment" | "the submission" => "at",
                "the end of the hold" | "the new end of the decision" => "until",
                _ => "happened_at",
            };
            Problem::fault(field, detail)
        }
        TransitionError::NotYours { .. } => Problem::forbidden(detail),
        TransitionError::Unknown { .. } => Problem::not_found(detail),
    }
}

fn of_change(error: &ChangeError) -> Problem {
    let detail = error.to_string();
    match error {
        ChangeError::NotFrom { .. } => Problem::refused(detail),
        ChangeError::SamePerson { .. } => Problem::forbidden(detail),
        ChangeError::Length { field, .. } => Problem::fault(field, detail),
        ChangeError::Farther { .. } => Problem::fault("effective_at", detail),
    }
}

fn of_receipt(error: &ReceiptError) -> Problem {
    let detail = error.to_string();
    match error {
        ReceiptError::Acknowledged { .. } | ReceiptError::Answered { .. } | ReceiptError::TooMany => {
            Problem::refused(detail)
        }
        ReceiptError::Length { field, .. } => Problem::fault(field, detail),
        ReceiptError::Unknown { .. } => Problem::not_found(detail),
    }
}

fn of_notice(error: &NoticeError) -> Problem {
    let detail = error.to_string();
    match error {
        NoticeError::Changed { .. } | NoticeError::WordsChanged { .. } => Problem::conflict(detail),
        NoticeError::NotFrom { .. }
        | NoticeError::Held
        | NoticeError::WordsNobodys
        | NoticeError::WordsApproved
        | NoticeError::WordsNotApproved => Problem::refused(detail),
        NoticeError::HadAHand { .. } | NoticeError::WordsOfTheirOwn { .. } => Problem::forbidden(detail),
        NoticeError::Incomplete { fields } => {
            let fault = |field: &String| Fault {
                field: format!("facts.{field}"),
                detail: "write this first".to_owned(),
            };
            Problem {
                detail,
                ..Problem::invalid(fields.iter().map(fault).collect())
            }
        }
        NoticeError::Objections { findings } => {
            let fault = |finding: &String| Fault {
                field: "facts".to_owned(),
                detail: finding.clone(),
            };
            Problem {
                detail,
                ..Problem::invalid(findings.iter().map(fault).collect())
            }
        }
        NoticeError::Nobody { .. } => Problem::fault("letters", detail),
        NoticeError::Promise { .. } => Problem::fault("next_update_by", detail),
        NoticeError::Comment => Problem::fault("text", detail),
        NoticeError::NoReason | NoticeError::NoReasonToDiscard | NoticeError::WordsNoReason => {
            Problem::fault("why", detail)
        }
    }
}
