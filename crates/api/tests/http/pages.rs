//! The pages that work without JavaScript, the console, and what browsers are told about them.

use crate::support::{Place, Setting, Visitor};
use serde_json::json;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::id::IncidentId;

/// The path of the signed link in the page that an incident sent.
async fn signed_link(place: &Place, incident: &str) -> String {
    let incident: IncidentId = incident.parse().expect("an id");
    let mut tx = place.desk.store().read().await.expect("reads");
    let page = tx.deliveries_of(&incident).await.expect("deliveries").remove(0);
    drop(tx);
    let message = place.desk.frozen_message(&page.id).await.expect("a message");
    let Some(watchkeeper_deliver::Message::Mail(mail)) = message else {
        panic!("a page to a person is a mail");
    };
    let mail = watchkeeper_deliver::parse_received(&mail.bytes).expect("a mail");
    let text = mail.text.expect("text");
    let at = text.find("/ack/").expect("a link");
    text[at..].split_whitespace().next().expect("a link").to_owned()
}

#[tokio::test]
async fn opening_a_signed_link_shows_and_its_button_acts_without_a_session() {
    let place = Place::open().await;
    let (oncall, _) = place.account("oncall", &[AccessRole::Responder]).await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let view = place.incident(&ann, "Odd <b>downloads</b>").await;
    let id = view["incident"]["id"].as_str().expect("an id");
    let link = signed_link(&place, id).await;

    let stranger = Visitor::default();
    let shown = place.get(&stranger, &link).await;
    assert_eq!(shown.status, 200);
    assert!(
        shown.text.contains("Acknowledge as oncall") && shown.text.contains("Odd &lt;b&gt;downloads"),
        "{}",
        shown.text
    );
    assert!(
        shown
            .header("content-security-policy")
            .starts_with("default-src 'none'; style-src 'self'")
    );
    let now = place
        .get(&ann, &format!("/api/v1/incidents/{id}"))
        .await
        .expect(200);
    assert_eq!(
        now["incident"]["acknowledgement"]["state"], "waiting",
        "opening the link changed nothing"
    );

    let acted = place.form(&stranger, &link, &[]).await;
    assert_eq!(
        (acted.status.as_u16(), acted.header("location")),
        (303, link.as_str())
    );
    let now = place
        .get(&ann, &format!("/api/v1/incidents/{id}"))
        .await
        .expect(200);
    assert_eq!(
        now["incident"]["acknowledgement"]["by"]["user"],
        oncall.id.as_str()
    );
    let shown = place.get(&stranger, &link).await;
    assert!(
        shown
            .text
            .contains("oncall acknowledged it at 2026-06-01 08:00:00 UTC")
            && !shown.text.contains("<form"),
        "{}",
        shown.text
    );

    place.advance(chrono::Duration::days(8));
    for (path, said) in [(link.as_str(), "expired"), ("/ack/made.up", "not valid")] {
        let refused = place.get(&stranger, path).await;
        assert_eq!(refused.status, 403);
        assert!(
            refused.text.contains(said) && refused.text.contains("<h1>"),
            "{}",
            refused.text
        );
        assert_eq!(place.form(&stranger, path, &[]).await.status, 403);
    }
}

#[tokio::test]
async fn the_console_gets_a_fresh_nonce_each_time_and_the_strict_policy() {
    let place = Place::open().await;
    let stranger = Visitor::default();
    let (one, other) = (
        place.get(&stranger, "/").await,
        place.get(&stranger, "/incidents/inc_x").await,
    );
    let nonce = |policy: &str| {
        policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .expect("a nonce")
            .to_owned()
    };
    for page in [&one, &other] {
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'")
                && policy.contains("base-uri 'none'")
                && !policy.contains("unsafe")
        );
        assert!(!page.text.contains("__CSP_NONCE__"));
        assert_eq!(page.header("cache-control"), "no-store");
        if page.text.contains("csp-nonce") {
            assert!(page.text.contains(&nonce(policy)));
        }
    }
    assert_ne!(
        nonce(one.header("content-security-policy")),
        nonce(other.header("content-security-policy"))
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_careful() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Viewer]).await;
    for path in [
        "/",
        "/login",
        "/api/v1/session",
        "/api/v1/nothing",
        "/healthz",
        "/assets-server.css",
    ] {
        let answer = place.get(&ann, path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'none'"),
            "{path}"
        );
        assert!(
            ["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")),
            "{path}"
        );
        assert_eq!(answer.header("x-request-id").len(), 16, "{path}");
        assert!(answer.header("cache-control").starts_with("no-"), "{path}");
    }
    assert_eq!(
        place.get(&ann, "/api/v1/session").await.header("cache-control"),
        "no-store"
    );
}

#[tokio::test]
async fn the_pages_are_whole_without_scripts() {
    let place = Place::open().await;
    let stranger = Visitor::default();
    let page = place.get(&stranger, "/login").await;
    assert!(page.text.contains("<label for=\"email\">") && page.text.contains("<html lang=\"en\">"));
    assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
    assert_eq!(
        place
            .get(&stranger, "/assets-server.css")
            .await
            .header("content-type"),
        "text/css; charset=utf-8"
    );
    let wrong = place
        .form(
            &stranger,
            "/login",
            &[("email", "\"><b>x"), ("password", "secret-typed")],
        )
        .await;
    assert!(
        wrong.text.contains("role=\"alert\"")
            && !wrong.text.contains("<b>x")
            && !wrong.text.contains("secret-typed")
    );
    let ann = place.person("ann", &[AccessRole::Viewer]).await;
    let page = place.get(&ann, "/password").await;
    assert!(page.text.contains(&ann.headers["x-csrf-token"]) && page.text.contains("At least 15 characters"));
}

#[tokio::test]
async fn time_travels_in_the_demo_alone() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    assert_eq!(
        place
            .post(&admin, "/api/v1/demo/advance", json!({"hours": 6}))
            .await
            .status,
        404
    );

    let place = Place::open_as(Setting {
        demo: true,
        ..Setting::default()
    })
    .await;
    let mut state = place.state.clone();
    let clock = std::sync::Arc::new(watchkeeper_domain::clock::TravellingClock::ahead_by(
        chrono::Duration::zero(),
    ));
    state.travel = Some(clock.clone());
    let place = place.rebuilt(state);
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    assert_eq!(
        place.get(&admin, "/api/v1/session").await.expect(200)["mode"],
        "demo"
    );
    for hours in [0, 73] {
        assert_eq!(
            place
                .post(&admin, "/api/v1/demo/advance", json!({"hours": hours}))
                .await
                .status,
            422
        );
    }
    place
        .post(&admin, "/api/v1/demo/advance", json!({"hours": 6}))
        .await
        .expect(200);
    place
        .post(&admin, "/api/v1/demo/advance", json!({"hours": 2}))
        .await
        .expect(200);
    assert_eq!(
        clock.advance(chrono::Duration::zero()),
        chrono::Duration::hours(8)
    );
    let kept = place
        .desk
        .store()
        .read()
        .await
        .expect("reads")
        .setting("clock_ahead_seconds")
        .await
        .expect("a setting");
    assert_eq!(
        kept.as_deref(),
        Some("28800"),
        "a restart does not go back in time"
    );
    assert_eq!(
        place.get(&admin, "/api/v1/mailbox").await.expect(200),
        json!({"items": [], "next": null})
    );
}
