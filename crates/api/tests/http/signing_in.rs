//! Signing in, staying signed in, signing out.

use crate::support::{Place, Setting, Visitor};
use chrono::Duration;
use watchkeeper_domain::access::AccessRole;

const CHOSEN: &str = "nine quiet herons fly";

async fn attempt(place: &Place, email: &str, password: &str, peer: &str) -> (u16, String) {
    let visitor = Visitor::default().with("peer", peer);
    let answer = place
        .form(&visitor, "/login", &[("email", email), ("password", password)])
        .await;
    (answer.status.as_u16(), answer.text)
}

#[tokio::test]
async fn the_first_password_is_replaced_and_the_cookie_changes_with_it() {
    let place = Place::open().await;
    let issued = place
        .desk
        .ensure_first_admin("first@example.com")
        .await
        .expect("works")
        .expect("a password");
    let visitor = place.sign_in("first@example.com", &issued).await;
    let csrf = visitor.headers["x-csrf-token"].clone();
    let choice = |current: &str, new: &str, again: &str| {
        [
            ("csrf", csrf.as_str()),
            ("current", current),
            ("new", new),
            ("again", again),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
    };
    let send = async |fields: [(String, String); 4]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        place.form(&visitor, "/password", &fields).await
    };
    for (fields, said) in [
        (choice("wrong", CHOSEN, CHOSEN), "not your current password"),
        (choice(&issued, "short", "short"), "use at least 15"),
        (choice(&issued, CHOSEN, "nine quiet herons flew"), "differ"),
        (choice(&issued, &issued, &issued), "choose another"),
    ] {
        let answer = send(fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
    }
    let forged = place
        .form(
            &visitor,
            "/password",
            &[
                ("csrf", "x"),
                ("current", &issued),
                ("new", CHOSEN),
                ("again", CHOSEN),
            ],
        )
        .await;
    assert_eq!(forged.status, 422);

    let answer = send(choice(&issued, CHOSEN, CHOSEN)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    assert_eq!(
        place.get(&visitor, "/api/v1/session").await.status,
        401,
        "the session of the issued password has ended"
    );
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    place
        .get(&Visitor::default().with("cookie", &cookie), "/api/v1/users")
        .await
        .expect(200);
    assert_eq!(
        attempt(&place, "first@example.com", &issued, "192.0.2.7:1")
            .await
            .0,
        422
    );
    place.sign_in("FIRST@example.com", CHOSEN).await;
}

#[tokio::test]
async fn failures_slow_an_account_down_and_waiting_as_long_as_told_is_enough() {
    let place = Place::open().await;
    let (user, password) = place.account("ann", &[AccessRole::Viewer]).await;
    for _ in 0..4 {
        assert_eq!(attempt(&place, &user.email, "wrong", "192.0.2.7:1").await.0, 422);
    }
    // 4 failures: 2 s. The right password is not judged either, from any address.
    let (status, text) = attempt(&place, &user.email, &password, "198.51.100.1:1").await;
    assert_eq!(status, 429);
    assert!(text.contains("Try again in 2 s"), "{text}");
    place.advance(Duration::seconds(2));
    assert_eq!(attempt(&place, &user.email, "wrong", "192.0.2.7:1").await.0, 422);
    assert_eq!(attempt(&place, &user.email, "wrong", "192.0.2.7:1").await.0, 429);
    place.advance(Duration::seconds(4));
    place.sign_in(&user.email, &password).await;
    assert_eq!(
        attempt(&place, &user.email, "wrong", "192.0.2.7:1").await.0,
        422,
        "success forgets the failures"
    );
}

#[tokio::test]
async fn many_attempts_at_once_gain_nothing() {
    let place = Place::open().await;
    let (user, _) = place.account("ann", &[AccessRole::Viewer]).await;
    let attempts = (0..30).map(|n| {
        let (place, email) = (&place, &user.email);
        async move { attempt(place, email, "wrong", &format!("192.0.2.{n}:1")).await.0 }
    });
    let answers = futures::future::join_all(attempts).await;
    assert_eq!(
        answers.iter().filter(|status| **status == 422).count(),
        4,
        "{answers:?}"
    );
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 26);
}

#[tokio::test]
async fn an_account_that_is_not_there_looks_like_a_wrong_password_and_one_address_is_slowed_down() {
    let place = Place::open().await;
    let (user, _) = place.account("ann", &[AccessRole::Viewer]).await;
    let (known, unknown) = (
        attempt(&place, &user.email, "wrong", "192.0.2.1:1").await,
        attempt(&place, "nobody@example.com", "wrong", "192.0.2.1:1").await,
    );
    let without_name = |text: &str| {
        text.replace("ann@example.com", "")
            .replace("nobody@example.com", "")
    };
    assert_eq!(
        (known.0, without_name(&known.1)),
        (unknown.0, without_name(&unknown.1))
    );

    for n in 0..22 {
        assert_eq!(
            attempt(&place, &format!("guess{n}@example.com"), "wrong", "192.0.2.1:1")
                .await
                .0,
            422,
            "{n}"
        );
    }
    assert_eq!(
        attempt(&place, "another@example.com", "wrong", "192.0.2.1:1")
            .await
            .0,
        429
    );
    assert_eq!(
        attempt(&place, "another@example.com", "wrong", "192.0.2.2:1")
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn a_proxy_on_this_machine_names_the_address_and_a_stranger_cannot() {
    let place = Place::open().await;
    let from = |peer: &str, passed_on: &str| {
        Visitor::default()
            .with("peer", peer)
            .with("x-forwarded-for", passed_on)
    };
    for n in 0..24 {
        // A stranger who claims another address each time is slowed down all the same.
        let claimed = from("192.0.2.1:1", &format!("203.0.113.{n}"));
        place
            .form(
                &claimed,
                "/login",
                &[("email", &format!("a{n}@example.com")), ("password", "wrong")],
            )
            .await;
    }
    let fields = [("email", "b@example.com"), ("password", "wrong")];
    assert_eq!(
        place
            .form(&from("192.0.2.1:1", "203.0.113.99"), "/login", &fields)
            .await
            .status,
        429
    );
    assert_eq!(
        place
            .form(&from("127.0.0.1:1", "192.0.2.1"), "/login", &fields)
            .await
            .status,
        429
    );
    assert_eq!(
        place
            .form(&from("127.0.0.1:1", "192.0.2.1, 203.0.113.50"), "/login", &fields)
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn a_session_ends_12_hours_after_its_last_use_and_7_days_after_sign_in() {
    let place = Place::open().await;
    let visitor = place.person("ann", &[AccessRole::Viewer]).await;
    for _ in 0..13 {
        place.advance(Duration::hours(11));
        assert_eq!(place.get(&visitor, "/api/v1/session").await.status, 200);
    }
    place.advance(Duration::hours(11));
    place.get(&visitor, "/api/v1/session").await.expect(200);
    place.advance(Duration::hours(11));
    place.get(&visitor, "/api/v1/session").await.expect(200);
    place.advance(Duration::hours(4));
    assert_eq!(
        place.get(&visitor, "/api/v1/session").await.status,
        401,
        "169 hours after sign-in"
    );

    let (user, password) = place.account("bea", &[AccessRole::Viewer]).await;
    let idle = place.sign_in(&user.email, &password).await;
    place.advance(Duration::hours(12));
    assert_eq!(place.get(&idle, "/api/v1/session").await.status, 401);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_forms_token() {
    let place = Place::open().await;
    let visitor = place.person("ann", &[AccessRole::Viewer]).await;
    assert_eq!(place.form(&visitor, "/logout", &[]).await.status, 403);
    place.get(&visitor, "/api/v1/session").await.expect(200);
    let answer = place
        .form(&visitor, "/logout", &[("csrf", &visitor.headers["x-csrf-token"])])
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/login")
    );
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(place.get(&visitor, "/api/v1/session").await.status, 401);
}

#[tokio::test]
async fn the_form_of_another_site_signs_nobody_in() {
    let place = Place::open().await;
    let (user, password) = place.account("ann", &[AccessRole::Viewer]).await;
    let fields = [("email", user.email.as_str()), ("password", password.as_str())];
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
    ] {
        let answer = place
            .form(&Visitor::default().with(name, value), "/login", &fields)
            .await;
        assert_eq!(answer.status, 403, "{name}: {value}");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let own = Visitor::default().with("origin", "http://127.0.0.1:7700");
    assert_eq!(place.form(&own, "/login", &fields).await.status, 303);
}

#[tokio::test]
async fn over_tls_the_cookie_is_kept_to_this_host_and_to_tls() {
    let place = Place::open_as(Setting {
        base_url: "https://watch.example.com",
        ..Setting::default()
    })
    .await;
    let (user, password) = place.account("ann", &[AccessRole::Viewer]).await;
    let answer = place
        .form(
            &Visitor::default(),
            "/login",
            &[("email", &user.email), ("password", &password)],
        )
        .await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-wk_session="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    assert!(answer.header("strict-transport-security").contains("max-age"));
}

#[tokio::test]
async fn sign_ins_are_in_the_audit_log_without_names_or_addresses() {
    let place = Place::open().await;
    let (user, password) = place.account("ann", &[AccessRole::Viewer]).await;
    attempt(&place, &user.email, "wrong", "192.0.2.7:1").await;
    attempt(&place, "stranger@example.com", "wrong", "192.0.2.7:1").await;
    place.sign_in(&user.email, &password).await;
    let mut tx = place.desk.store().read().await.expect("reads");
    let log = tx.audit_after(0, 100).await.expect("a log");
    let actions: Vec<&str> = log.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "user.added",
            "user.sign_in_failed",
            "user.sign_in_failed",
            "user.signed_in"
        ]
    );
    let whole = format!("{log:?}");
    for personal in ["example.com", "192.0.2.7", "wrong", &password] {
        assert!(!whole.contains(personal), "{personal}");
    }
}
