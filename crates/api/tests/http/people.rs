//! People and tokens.

use crate::support::{Place, Visitor};
use serde_json::json;
use watchkeeper_domain::access::AccessRole;

#[tokio::test]
async fn an_administrator_adds_changes_closes_and_resets() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let wrong = place
        .post(
            &admin,
            "/api/v1/users",
            json!({"email": "no address", "name": " ", "roles": []}),
        )
        .await
        .expect(422);
    let fields: Vec<&str> = wrong["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|f| f["field"].as_str().expect("a field"))
        .collect();
    assert_eq!(fields, ["email", "name", "roles"]);

    let new = json!({"email": "Lea@Example.com", "name": "Lea", "roles": ["legal"]});
    let made = place.post(&admin, "/api/v1/users", new.clone()).await.expect(201);
    assert_eq!(made["user"]["email"], "lea@example.com");
    let again = place.post(&admin, "/api/v1/users", new).await.expect(422);
    assert_eq!(again["faults"][0]["field"], "email");
    let lea = place
        .sign_in(
            "lea@example.com",
            made["one_time_password"].as_str().expect("a password"),
        )
        .await;

    let path = format!("/api/v1/users/{}", made["user"]["id"].as_str().expect("an id"));
    let changed = place
        .write(
            &admin,
            "PATCH",
            &path,
            json!({"name": "Lea Li", "roles": ["viewer", "legal"]}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&changed["name"], &changed["roles"]),
        (&json!("Lea Li"), &json!(["viewer", "legal"]))
    );
    let reset = place
        .post(&admin, &format!("{path}/password"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        place.get(&lea, "/api/v1/session").await.status,
        401,
        "a reset ends every session"
    );
    let lea = place
        .sign_in(
            "lea@example.com",
            reset["one_time_password"].as_str().expect("a password"),
        )
        .await;
    place
        .write(&admin, "PATCH", &path, json!({"closed": true}))
        .await
        .expect(200);
    assert_eq!(
        place.get(&lea, "/api/v1/session").await.status,
        401,
        "closing ends every session"
    );
    let fields = [
        ("email", "lea@example.com"),
        (
            "password",
            reset["one_time_password"].as_str().expect("a password"),
        ),
    ];
    assert_eq!(
        place.form(&Visitor::default(), "/login", &fields).await.status,
        422
    );
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let path = format!("/api/v1/users/{}", admin.user);
    let own = place
        .write(&admin, "PATCH", &path, json!({"closed": true}))
        .await
        .expect(422);
    assert_eq!(own["faults"][0]["field"], "closed");
    let last = place
        .write(&admin, "PATCH", &path, json!({"roles": ["viewer"]}))
        .await
        .expect(422);
    assert!(
        last["detail"]
            .as_str()
            .expect("words")
            .contains("last administrator")
    );
    place.person("other", &[AccessRole::Admin]).await;
    place
        .write(&admin, "PATCH", &path, json!({"roles": ["viewer"]}))
        .await
        .expect(200);
    assert_eq!(
        place.get(&admin, "/api/v1/tokens").await.status,
        403,
        "what was taken away counts at once"
    );
}

#[tokio::test]
async fn a_token_acts_as_its_maker_within_its_roles_until_it_is_revoked() {
    let place = Place::open().await;
    let maker = place
        .person("maker", &[AccessRole::Admin, AccessRole::Responder])
        .await;
    let beyond = place
        .post(
            &maker,
            "/api/v1/tokens",
            json!({"name": "bot", "roles": ["legal"]}),
        )
        .await
        .expect(422);
    assert_eq!(beyond["faults"][0]["field"], "roles");
    let made = place
        .post(
            &maker,
            "/api/v1/tokens",
            json!({"name": "bot", "roles": ["responder"]}),
        )
        .await
        .expect(201);
    let secret = made["token"].as_str().expect("a secret");
    assert!(secret.starts_with("wk_") && secret.len() == 46, "{secret}");

    let bot = Visitor::default().with("authorization", &format!("Bearer {secret}"));
    let session = place.get(&bot, "/api/v1/session").await.expect(200);
    assert_eq!(session["user"]["id"], maker.user);
    assert_eq!(
        session["permissions"],
        json!(["view", "respond", "draft_notices"])
    );
    let view = place.incident(&bot, "Made by a program").await;
    assert_eq!(
        view["incident"]["opened_by"],
        json!({"kind": "person", "user": maker.user})
    );
    assert_eq!(
        place.get(&bot, "/api/v1/tokens").await.status,
        403,
        "its maker may, it may not"
    );

    let listed = place.get(&maker, "/api/v1/tokens").await;
    assert!(!listed.text.contains("hash") && !listed.text.contains(&secret[3..]));
    assert!(listed.json()["items"][0]["last_used_at"].is_string());
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().expect("an id"));
    place.write(&maker, "DELETE", &path, json!({})).await.expect(204);
    place.write(&maker, "DELETE", &path, json!({})).await.expect(204);
    assert_eq!(place.get(&bot, "/api/v1/session").await.status, 401);
    assert_eq!(
        place
            .write(&maker, "DELETE", "/api/v1/tokens/tok_none", json!({}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_token_loses_what_its_maker_loses() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let maker = place
        .person("maker", &[AccessRole::Admin, AccessRole::Responder])
        .await;
    let made = place
        .post(
            &maker,
            "/api/v1/tokens",
            json!({"name": "bot", "roles": ["responder", "viewer"]}),
        )
        .await
        .expect(201);
    let bot = Visitor::default().with(
        "authorization",
        &format!("bearer {}", made["token"].as_str().expect("a secret")),
    );
    let path = format!("/api/v1/users/{}", maker.user);
    place
        .write(&admin, "PATCH", &path, json!({"roles": ["viewer"]}))
        .await
        .expect(200);
    let body = json!({"title": "x", "severity": "sev4"});
    assert_eq!(place.post(&bot, "/api/v1/incidents", body).await.status, 403);
    place.get(&bot, "/api/v1/incidents").await.expect(200);
    place
        .write(&admin, "PATCH", &path, json!({"closed": true}))
        .await
        .expect(200);
    assert_eq!(place.get(&bot, "/api/v1/incidents").await.status, 401);
}
