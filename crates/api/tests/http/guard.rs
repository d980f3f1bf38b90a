//! Every route says who may use it, and means it.

use crate::support::{Place, Visitor};
use watchkeeper_api::{Access, Route, routes};
use watchkeeper_domain::access::AccessRole;

/// What strangers may use. A route that is added here is added on purpose.
const PUBLIC: [&str; 19] = [
    "GET /login",
    "POST /login",
    "GET /ack/{token}",
    "POST /ack/{token}",
    "GET /check",
    "POST /check",
    "POST /check/acknowledge",
    "POST /check/ask",
    "POST /check/contact",
    "POST /check/facts",
    "POST /check/proof",
    "GET /assets-server.css",
    "POST /ingest/{source}",
    "POST /firehose/{source}",
    "POST /otlp/{source}/v1/logs",
    "POST /sns/ses",
    "POST /sns/{source}",
    "GET /healthz",
    "GET /readyz",
];

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

fn path(route: &Route) -> String {
    let parts = route
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { "none" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn guarded() -> impl Iterator<Item = Route> {
    routes()
        .into_iter()
        .filter(|route| !matches!(route.access, Access::Public(_)))
}

#[test]
fn only_these_routes_are_public_and_each_says_why() {
    let public: Vec<Route> = routes()
        .into_iter()
        .filter(|route| matches!(route.access, Access::Public(_)))
        .collect();
    let mut names: Vec<String> = public.iter().map(name).collect();
    names.sort();
    let mut expected = PUBLIC.map(ToOwned::to_owned).to_vec();
    expected.sort();
    assert_eq!(names, expected);
    assert!(
        public
            .iter()
            .all(|route| matches!(route.access, Access::Public(why) if why.len() > 10))
    );
}

#[tokio::test]
async fn a_stranger_gets_nowhere_else() {
    let place = Place::open().await;
    let strangers = [
        Visitor::default(),
        Visitor::default().with("cookie", "wk_session=made-up"),
        Visitor::default().with("authorization", "Bearer wk_made-up"),
        Visitor::default().with("authorization", "Basic bWU6bWU="),
    ];
    for route in guarded() {
        for stranger in &strangers {
            let answer = place.send(stranger, route.method, &path(&route), "{}").await;
            let turned_away = match route.access {
                Access::SignedInPage => answer.status == 303 && answer.header("location") == "/login",
                _ => answer.status == 401 && answer.header("content-type") == "application/problem+json",
            };
            assert!(turned_away, "{}: {}", name(&route), answer.status);
        }
    }
}

#[tokio::test]
async fn each_role_reaches_what_its_permissions_allow_and_nothing_else() {
    let place = Place::open().await;
    for role in AccessRole::ALL {
        let visitor = place.person(&format!("{role:?}").to_lowercase(), &[role]).await;
        for route in guarded() {
            let Access::Needs(permission) = route.access else {
                continue;
            };
            let response = place.raw(&visitor, route.method, &path(&route), "".into()).await;
            let refused = response.status() == 403;
            assert_eq!(
                refused,
                !role.permissions().contains(&permission),
                "{role:?} at {}: {}",
                name(&route),
                response.status()
            );
            assert_ne!(response.status(), 401, "{role:?} at {}", name(&route));
        }
    }
}

#[tokio::test]
async fn a_browser_changes_nothing_without_the_sessions_token_or_from_another_site() {
    let place = Place::open().await;
    let admin = place.person("admin", &AccessRole::ALL).await;
    let forged = [
        admin.without("x-csrf-token"),
        admin.with("x-csrf-token", "guessed"),
        admin.with("sec-fetch-site", "cross-site"),
        admin.with("origin", "https://elsewhere.example"),
    ];
    for route in guarded().filter(|route| route.method != "GET") {
        for visitor in &forged {
            if route.access == Access::SignedInPage
                && visitor.headers.get("x-csrf-token") != admin.headers.get("x-csrf-token")
            {
                continue; // A form carries its token as a field: see `signing_in`.
            }
            let answer = place.send(visitor, route.method, &path(&route), "{}").await;
            assert_eq!(answer.status, 403, "{}: {}", name(&route), answer.text);
        }
    }
    place.get(&admin, "/api/v1/session").await.expect(200);
}

#[tokio::test]
async fn an_issued_password_opens_nothing_but_the_page_to_replace_it() {
    let place = Place::open().await;
    let password = place
        .desk
        .ensure_first_admin("first@example.com")
        .await
        .expect("works")
        .expect("a password");
    assert_eq!(
        place
            .desk
            .ensure_first_admin("first@example.com")
            .await
            .expect("works"),
        None
    );
    let visitor = place.sign_in("first@example.com", &password).await;
    for route in guarded().filter(|route| matches!(route.access, Access::Needs(_) | Access::LocalOr(_))) {
        let answer = place.send(&visitor, route.method, &path(&route), "{}").await;
        assert_eq!(answer.status, 403, "{}", name(&route));
        assert_eq!(
            answer.json()["type"],
            "urn:watchkeeper:problem:new-password-needed",
            "{}",
            name(&route)
        );
    }
    let session = place.get(&visitor, "/api/v1/session").await.expect(200);
    assert_eq!(session["needs_new_password"], true);
    assert_eq!(place.get(&visitor, "/password").await.status, 200);
}

#[tokio::test]
async fn figures_are_for_this_machine_or_for_those_who_may_look() {
    let place = Place::open().await;
    let local = Visitor::default().with("peer", "127.0.0.1:5000");
    assert_eq!(place.get(&local, "/metrics").await.status, 200);
    assert_eq!(
        place
            .get(&local.with("x-forwarded-for", "203.0.113.9"), "/metrics")
            .await
            .status,
        401
    );
    assert_eq!(place.get(&Visitor::default(), "/metrics").await.status, 401);
    let viewer = place.person("viewer", &[AccessRole::Viewer]).await;
    assert_eq!(place.get(&viewer, "/metrics").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_in_the_api_and_the_console_elsewhere() {
    let place = Place::open().await;
    let stranger = Visitor::default();
    let missing = place.get(&stranger, "/api/v1/nothing").await;
    assert_eq!(
        (missing.status.as_u16(), missing.header("content-type")),
        (404, "application/problem+json")
    );
    assert_eq!(
        place
            .send(&stranger, "DELETE", "/api/v1/incidents", "")
            .await
            .status,
        405
    );
    assert_eq!(
        place.send(&stranger, "POST", "/incidents/inc_x", "").await.status,
        405
    );
    assert_eq!(place.get(&stranger, "/assets/missing.js").await.status, 404);
    assert_eq!(place.get(&stranger, "/readyz").await.text, "ready\n");
    place.state.stop.cancel();
    assert_eq!(place.get(&stranger, "/readyz").await.status, 503);
    assert_eq!(place.get(&stranger, "/healthz").await.status, 200);
}
