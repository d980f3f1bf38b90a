//! The console, embedded in the binary. Every path that is nothing else is one of its screens.

use crate::errors::Problem;
use crate::security::Nonce;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Files;

/// What the page has in place of the nonce.
const NONCE_PLACE: &str = "__CSP_NONCE__";

/// Whatever no route has taken.
pub(crate) async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Problem::not_found("there is nothing at this path of the API").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::wrong_method().into_response();
    }
    if path == "index.html" {
        return index();
    }
    match Files::get(path) {
        Some(file) => asset(path, &file, &headers),
        // What looks like a file is one; it must not be answered with a page.
        None if path.starts_with("assets/")
            || path.rsplit('/').next().is_some_and(|name| name.contains('.')) =>
        {
            Problem::not_found("there is no such file").into_response()
        }
        None => index(),
    }
}

fn index() -> Response {
    let Some(page) = Files::get("index.html") else {
        return Problem::unavailable("the console was not built; run `make web` and build again")
            .into_response();
    };
    let nonce = Nonce::fresh();
    let html = String::from_utf8_lossy(&page.data).replace(NONCE_PLACE, &nonce.0);
    let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    if let Ok(policy) = HeaderValue::from_str(&nonce.policy()) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let referrer = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, referrer);
    response
}

fn asset(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", &hex::encode(file.metadata.sha256_hash())[..32]);
    // The names of files in assets/ hold a hash of their content, so what has such a name never changes.
    let keep = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = mime_guess::from_path(path).first_or_octet_stream().to_string();
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let described = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, keep.to_owned()),
        (header::CONTENT_TYPE, kind),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    (described, file.data.clone().into_owned()).into_response()
}
