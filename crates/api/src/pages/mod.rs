//! Pages that work without JavaScript: signing in, choosing a password, answering a page by its signed link, checking a notice.

pub(crate) mod acknowledge;
pub(crate) mod check;
pub(crate) mod password;
pub(crate) mod sign_in;
mod words;

use crate::errors::Problem;
use crate::security::PAGE_POLICY;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;
use std::sync::LazyLock;

const TEMPLATES: [(&str, &str); 8] = [
    ("page.html", include_str!("../../templates/page.html")),
    ("sign_in.html", include_str!("../../templates/sign_in.html")),
    ("password.html", include_str!("../../templates/password.html")),
    (
        "acknowledge.html",
        include_str!("../../templates/acknowledge.html"),
    ),
    ("check.html", include_str!("../../templates/check.html")),
    ("checked.html", include_str!("../../templates/checked.html")),
    ("contact.html", include_str!("../../templates/contact.html")),
    ("message.html", include_str!("../../templates/message.html")),
];

/// Names that a template uses and that were not given are faults, never empty places. A test renders every page.
static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_function("say", words::say);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

/// A page. Its forms are answered by this host alone, and it may name itself as the origin of what they send.
fn page(status: StatusCode, name: &str, content: impl Serialize) -> Response {
    let environment = match &*PAGES {
        Ok(environment) => environment,
        Err(error) => return broken(name, error),
    };
    match environment
        .get_template(name)
        .and_then(|template| template.render(content))
    {
        Ok(html) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
                (header::REFERRER_POLICY, "same-origin"),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => broken(name, &error),
    }
}

fn broken(name: &str, error: &minijinja::Error) -> Response {
    tracing::error!(page = name, %error, "a page cannot be rendered");
    Problem::internal().into_response()
}

/// A problem, as a page.
fn told(title: &str, problem: &Problem) -> Response {
    let text = capitalised(problem.detail());
    page(problem.status(), "message.html", context! { title, text })
}

/// A sentence for people: begins with a capital letter and ends with a full stop.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The style of these pages.
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, include_str!("../../templates/page.css"))
}
