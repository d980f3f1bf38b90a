//! What browsers are told: what a page may load, what may be kept, which cookie is ours.

use crate::state::ApiState;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

/// A number used once: the styles that carry it are ours.
#[derive(Debug, Clone)]
pub(crate) struct Nonce(pub(crate) String);

impl Nonce {
    pub(crate) fn fresh() -> Self {
        Self(hex::encode(rand::random::<[u8; 16]>()))
    }

    /// The policy of the console: everything comes from us, scripts are files, and styles are files or carry the nonce.
    pub(crate) fn policy(&self) -> String {
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{}'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
            self.0
        )
    }
}

/// The policy of pages that are rendered here: no script at all.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The policy of everything that is no page: should a browser show it, it can do nothing.
const DATA_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

pub(crate) fn layers(router: Router<ApiState>, state: &ApiState) -> Router<ApiState> {
    router.layer(from_fn_with_state(state.clone(), headers))
}

async fn headers(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-embedder-policy"),
            "require-corp",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let unless_said = [
        (header::CONTENT_SECURITY_POLICY, DATA_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in unless_said {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if state.secure() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Whether a request was made by one of our own pages, or by a program that is no browser. Browsers say where a request comes from
/// in `Sec-Fetch-Site`, and older ones in `Origin`, which is then our own host.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text("host")
        }
    }
}

/// The name of the session's cookie. With the prefix a browser takes it from this very host over TLS alone.
fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-wk_session" } else { "wk_session" }
}

/// The session's secret, as the browser sends it.
pub(crate) fn session_cookie(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == cookie_name(secure))
        .map(|(_, value)| value)
}

/// Gives the browser a session's secret; it is gone when the browser is closed, and the server ends it earlier.
pub(crate) fn set_cookie(secret: &str, secure: bool) -> String {
    let only_tls = if secure { "; Secure" } else { "" };
    format!(
        "{}={secret}; Path=/; HttpOnly; SameSite=Strict{only_tls}",
        cookie_name(secure)
    )
}

/// Takes it back.
pub(crate) fn clear_cookie(secure: bool) -> String {
    format!("{}; Max-Age=0", set_cookie("", secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn another_site_is_told_from_our_own_pages() {
        let own = [
            with(&[]),
            with(&[("sec-fetch-site", "same-origin"), ("origin", "null")]),
            with(&[("origin", "http://127.0.0.1:7700"), ("host", "127.0.0.1:7700")]),
        ];
        let other = [
            with(&[("sec-fetch-site", "same-site")]),
            with(&[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://127.0.0.1:7700"),
                ("host", "127.0.0.1:7700"),
            ]),
            with(&[("origin", "http://127.0.0.1:7701"), ("host", "127.0.0.1:7700")]),
            with(&[("origin", "null"), ("host", "127.0.0.1:7700")]),
            with(&[("origin", "null")]),
        ];
        assert!(own.iter().all(same_origin));
        assert!(!other.iter().any(same_origin));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_its_prefix_counts() {
        let headers = with(&[("cookie", "a=b; wk_session=secret; c=d")]);
        assert_eq!(session_cookie(&headers, false), Some("secret"));
        assert_eq!(session_cookie(&headers, true), None);
        assert!(
            set_cookie("s", true)
                .starts_with("__Host-wk_session=s; Path=/; HttpOnly; SameSite=Strict; Secure")
        );
    }
}
