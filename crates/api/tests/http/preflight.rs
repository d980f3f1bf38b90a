//! The pre-flight over HTTP, and contacts: somebody makes sure of one, a contact answers for itself.

use crate::support::{Place, Visitor, path_of};
use chrono::Duration;
use serde_json::json;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_respond::workers::askings::Askings;
use watchkeeper_respond::workers::{Turn, Worker as _};

const PREFLIGHT: &str = "/api/v1/preflight";

#[tokio::test]
async fn who_responds_takes_the_pre_flight_and_everybody_sees_how_it_came_out() {
    let place = Place::open().await;
    let rob = place.person("rob", &[AccessRole::Responder]).await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    let before = place.get(&eve, PREFLIGHT).await.expect(200);
    assert_eq!(before, json!({"next_at": null, "taken": []}));
    place.post(&eve, PREFLIGHT, json!({})).await.expect(403);
    let taken = place.post(&rob, PREFLIGHT, json!({})).await.expect(200);
    let checks = taken["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), 11);
    let of = |name: &str| {
        checks
            .iter()
            .find(|check| check["check"] == name)
            .expect("a check")
    };
    assert_eq!(of("relay")["result"], "not_applicable");
    assert_eq!(of("letters")["result"], "failed", "{}", of("letters"));
    let finding = &of("letters")["findings"][0]["seen"];
    assert!(
        finding
            .as_str()
            .is_some_and(|seen| seen.contains("nobody has approved the words")),
        "{finding}"
    );
    assert_eq!(
        of("people")["result"],
        "failed",
        "nobody is on call, and nobody is counsel"
    );
    assert!(of("people")["findings"][0]["remedy"].is_string());
    assert_eq!(
        place.get(&eve, PREFLIGHT).await.expect(200)["taken"],
        json!([taken])
    );

    place.account("oncall", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    two_people_read_the_words(&place, &eve, &rob, &lea).await;
    // Of two that were taken in the same millisecond nobody knows which was the last.
    place.advance(Duration::minutes(1));
    let again = place.post(&rob, PREFLIGHT, json!({})).await.expect(200);
    assert_eq!(again["recovered"], json!(["letters"]), "{again:#}");
    let mut checks = again["checks"].as_array().expect("checks").iter();
    let people = checks.find(|check| check["check"] == "people").expect("a check");
    assert_eq!(
        people["findings"][0]["key"], "counsel alone",
        "what she writes nobody approves"
    );
    place.account("lou", &[AccessRole::Legal]).await;
    place.advance(Duration::minutes(1));
    let again = place.post(&rob, PREFLIGHT, json!({})).await.expect(200);
    assert_eq!(again["recovered"], json!(["people"]), "{again:#}");
}

/// `rob` puts the English words of the holding notice forward, and `lea` approves them; nobody else can.
async fn two_people_read_the_words(place: &Place, eve: &Visitor, rob: &Visitor, lea: &Visitor) {
    let list = place.get(eve, "/api/v1/holding-words").await.expect(200);
    let items = list["items"].as_array().expect("items");
    let english = items
        .iter()
        .find(|each| each["language"] == "en")
        .expect("English");
    assert!(
        english["text"]
            .as_str()
            .is_some_and(|text| text.contains("FIRST NOTICE")),
        "{english}"
    );
    assert_eq!(english["approval"], json!(null));
    let words = json!({"language": "en", "digest": english["digest"]});
    let (forward, approve) = (
        "/api/v1/holding-words/put-forward",
        "/api/v1/holding-words/approve",
    );
    place.post(eve, forward, words.clone()).await.expect(403);
    place.post(lea, approve, words.clone()).await.expect(409);
    place.post(rob, forward, words.clone()).await.expect(200);
    place.post(rob, approve, words.clone()).await.expect(403);
    let others = json!({"language": "en", "digest": "0"});
    place.post(lea, approve, others).await.expect(409);
    let approved = place.post(lea, approve, words.clone()).await.expect(200);
    assert_eq!(approved["version"], 2);
    place.post(lea, approve, words).await.expect(409);
}

#[tokio::test]
async fn a_contact_is_verified_by_other_means_with_a_word_about_how() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let rob = place.person("rob", &[AccessRole::Responder]).await;
    let acme = place.customer(&lea, "acme").await;
    let path = format!("{}/contacts/verify", path_of("customers", &acme));
    let called = json!({"email": "security@acme.example", "how": "called their switchboard"});
    place.post(&rob, &path, called.clone()).await.expect(403);
    place
        .post(&lea, &path, json!({"email": "security@acme.example", "how": " "}))
        .await
        .expect(422);
    place
        .post(
            &lea,
            &path,
            json!({"email": "nobody@acme.example", "how": "called"}),
        )
        .await
        .expect(422);
    let old = lea.with("if-match", "\"7\"");
    place.post(&old, &path, called.clone()).await.expect(409);
    let kept = place.post(&lea, &path, called).await.expect(200);
    assert!(kept["contacts"][0]["verified_at"].is_string(), "{kept:#}");
    assert_eq!(kept["version"], 2);
}

#[tokio::test]
async fn a_contact_answers_with_its_code_and_the_code_is_shown_to_nobody_else() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let path = path_of("customers", &acme);
    place.advance(Duration::days(366));
    let mut worker = Askings::new(place.desk.clone());
    while worker.turn().await.expect("a turn") == Turn::Busy {}
    let asking = {
        let id = acme["id"].as_str().expect("an id").to_owned();
        let id = CustomerId::try_from(id).expect("an id");
        let mut tx = place.desk.store().read().await.expect("reads");
        tx.last_asking(&id, "security@acme.example")
            .await
            .expect("reads")
            .expect("asked")
    };
    // The session of a year ago has ended.
    let lea = place.person("lou", &[AccessRole::Legal]).await;
    let shown = place.get(&lea, &path).await;
    assert!(!shown.text.contains(&asking.code), "{}", shown.text);
    let shown = shown.expect(200);
    assert_eq!(shown["askings"][0]["state"], "waiting");
    assert_eq!(shown["deliveries"][0]["about"]["kind"], "asking");
    assert_eq!(shown["deliveries"][0]["customer_name"], "acme Ltd");

    let anybody = Visitor::default();
    let code = asking.code.as_str();
    let opened = place.form(&anybody, "/check", &[("code", code)]).await;
    assert!(
        opened.text.contains("The address is right") && !opened.text.contains("<script"),
        "{}",
        opened.text
    );
    let nameless = [("code", code), ("answer", "right"), ("name", " ")];
    let refused = place.form(&anybody, "/check/contact", &nameless).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let wrong = [
        ("code", code),
        ("answer", "wrong"),
        ("name", "Ada"),
        ("instead", "ciso@acme.example"),
    ];
    let taken = place.form(&anybody, "/check/contact", &wrong).await;
    assert!(
        taken.status == 200 && taken.text.contains("Our team was told"),
        "{}",
        taken.text
    );
    let right = [("code", code), ("answer", "right"), ("name", "Eve")];
    let late = place.form(&anybody, "/check/contact", &right).await;
    assert!(
        late.status == 422 && late.text.contains("answered already"),
        "the first answer stands: {}",
        late.text
    );
    let shown = place.get(&lea, &path).await.expect(200);
    assert_eq!(shown["askings"][0]["state"], "not_the_right_one");
    assert_eq!(
        shown["customer"]["contacts"][0]["trouble"]["kind"],
        "not_the_right_one"
    );
    let unknown = place
        .form(
            &anybody,
            "/check/contact",
            &[("code", "0000-0000-0000"), ("answer", "right"), ("name", "Ada")],
        )
        .await;
    assert!(!unknown.text.contains("acme"), "{}", unknown.text);
}
