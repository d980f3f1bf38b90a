//! Parts of a request, read strictly: what cannot be read is a problem that says where.

use crate::errors::Problem;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use watchkeeper_store::PageRequest;

/// A JSON body, in and out.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(fault)) => Err(Problem::fault("body", fault.body_text())),
            Err(JsonRejection::BytesRejection(fault)) => Err(of_body(&fault)),
            Err(fault) => Err(Problem::malformed(fault.body_text())),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A text to keep as a file.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// The file's name, in ASCII without quotes.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
}

impl IntoResponse for Attachment {
    fn into_response(self) -> Response {
        let kind = if self.name.ends_with(".csv") {
            "csv"
        } else {
            "plain"
        };
        let headers = [
            (header::CONTENT_TYPE, format!("text/{kind}; charset=utf-8")),
            (header::CONTENT_DISPOSITION, as_attachment(&self.name)),
        ];
        (headers, self.text).into_response()
    }
}

/// Tells a browser to keep what comes as a file of this name, in ASCII without quotes.
pub(crate) fn as_attachment(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

/// A body as it came.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|fault| of_body(&fault))
    }
}

fn of_body(fault: &BytesRejection) -> Problem {
    let too_large = fault.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
    if too_large {
        Problem::too_large("the body is larger than this route takes; cut it into several")
    } else {
        Problem::malformed(fault.body_text())
    }
}

/// A form that a page sent.
pub(crate) struct Form<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // What a form holds may be a password, so the rejection's own text, which could repeat it, is left out.
        let form = axum::extract::Form::<T>::from_request(request, state).await;
        form.map(|form| Self(form.0))
            .map_err(|_| Problem::malformed("the form cannot be read; load the page again"))
    }
}

/// The ids in a path. Where one is not an id, there is nothing at the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0))
            .map_err(|fault| Problem::not_found(fault.body_text()))
    }
}

/// The parameters after the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|fault| Problem::malformed(fault.body_text()))
    }
}

/// Which page of a list: `after` and `limit`.
pub(crate) struct Paging(pub(crate) PageRequest);

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(serde::Deserialize)]
        struct Asked {
            after: Option<String>,
            limit: Option<u32>,
        }
        let Query(asked) = Query::<Asked>::from_request_parts(parts, state).await?;
        let after = asked.after.filter(|after| !after.is_empty());
        Ok(Self(PageRequest {
            after,
            limit: asked.limit.unwrap_or(50),
        }))
    }
}

/// The version that a change is based on, from `If-Match: "7"`; `None` where the header is missing or `*`.
pub(crate) struct IfMatch(pub(crate) Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .and_then(|text| text.parse().ok());
        let wrong = || {
            Problem::malformed(
                "If-Match is not a version; write the `version` that you have read in quotes, such as \"7\"",
            )
        };
        version.map(|version| Self(Some(version))).ok_or_else(wrong)
    }
}

/// Words separated by commas, as filters write them: `sev1,sev2`.
pub(crate) fn words(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Words of a fixed vocabulary, as filters write them.
pub(crate) fn known_words<T: DeserializeOwned>(field: &str, text: Option<&str>) -> Result<Vec<T>, Problem> {
    let read = |word: String| {
        serde_json::from_value(serde_json::Value::String(word))
            .map_err(|fault| Problem::malformed(format!("{field}: {fault}")))
    };
    words(text).into_iter().map(read).collect()
}
