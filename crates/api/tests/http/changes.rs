//! The register of changes over HTTP.

use crate::support::{Place, Visitor, path_of, start};
use chrono::Duration;
use serde_json::{Value, json};
use watchkeeper_domain::access::AccessRole;

const CHANGES: &str = "/api/v1/changes";

fn proposal() -> Value {
    json!({
        "title": "Another company keeps our backups",
        "what": "Encrypted backups move.",
        "why": "The old company closes.",
        "effective_at": start() + Duration::days(60),
    })
}

/// Ann leads, Rob responds, Lea is counsel.
struct People {
    ann: Visitor,
    rob: Visitor,
    lea: Visitor,
}

async fn people(place: &Place) -> People {
    People {
        ann: place.person("ann", &[AccessRole::Commander]).await,
        rob: place.person("rob", &[AccessRole::Responder]).await,
        lea: place.person("lea", &[AccessRole::Legal]).await,
    }
}

/// Proposed by Ann, judged substantial by Rob, agreed by Lea; gives its address.
async fn agreed(place: &Place, people: &People) -> String {
    let made = place.post(&people.ann, CHANGES, proposal()).await.expect(201);
    let path = path_of("changes", &made["change"]);
    let judgement = json!({"substantial": true, "reason": "another processor"});
    place
        .post(&people.rob, &format!("{path}/assess"), judgement)
        .await
        .expect(200);
    place
        .post(&people.lea, &format!("{path}/agree"), json!({}))
        .await
        .expect(200);
    path
}

#[tokio::test]
async fn a_change_is_judged_by_one_agreed_by_another_and_told_to_who_pays() {
    let place = Place::open().await;
    let people = people(&place).await;
    place.customer(&people.lea, "acme").await;
    let beta = json!({"name": "beta Ltd", "paying": false, "contacts": [{"email": "sec@beta.example", "role": "security"}]});
    place
        .write(&people.lea, "PUT", "/api/v1/customers/beta", beta)
        .await
        .expect(200);
    let path = agreed(&place, &people).await;
    let shown = place.get(&people.ann, &path).await.expect(200);
    assert_eq!(shown["change"]["reference"], "CHG-0001");
    assert_eq!(shown["change"]["judged_by_name"], "rob");
    assert_eq!(shown["change"]["agreed_by_name"], "lea");
    assert_eq!(shown["paying"], 1);

    let facts = json!({
        "what_changes": "Backups move.",
        "why_it_changes": "The old company closes.",
        "effect_on_data": "They are kept in Ireland.",
        "what_you_should_do": "Nothing.",
    });
    let begun = place
        .post(&people.ann, &format!("{path}/notices"), json!({"facts": facts}))
        .await
        .expect(201);
    let notice = path_of("notices", &begun);
    let submitted = place
        .post(&people.ann, &format!("{notice}/submit"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&submitted["reference"], &submitted["notice"]["change"]),
        (&json!("CHG-0001"), &shown["change"]["id"])
    );
    let hash = json!({"content_hash": submitted["notice"]["content_hash"]});
    place
        .post(&people.lea, &format!("{notice}/approve"), hash)
        .await
        .expect(200);
    let told = place.get(&people.ann, &path).await.expect(200);
    assert_eq!(told["change"]["state"], "told");
    assert_eq!(told["proof"]["customers"][0]["customer_name"], "acme Ltd");
    assert_eq!(told["proof"]["customers"].as_array().map(Vec::len), Some(1));
    let listed = place.get(&people.ann, CHANGES).await.expect(200);
    assert_eq!(listed["items"][0]["state"], "told");
    let history = place
        .get(&people.ann, &format!("{path}/timeline"))
        .await
        .expect(200);
    let newest = history["items"][0]["text"].as_str().expect("text");
    assert!(newest.starts_with("Told to the 1 paying customer"), "{newest}");

    let letter = told["notices"][0]["id"].as_str().expect("a notice");
    let view = place
        .get(&people.ann, &format!("/api/v1/notices/{letter}"))
        .await
        .expect(200);
    let letter = view["letters"][0]["id"].as_str().expect("a letter");
    let letter = place
        .get(&people.ann, &format!("/api/v1/letters/{letter}"))
        .await
        .expect(200);
    let code = letter["check_code"].as_str().expect("a code");
    let page = place.form(&Visitor::default(), "/check", &[("code", code)]).await;
    assert!(
        page.text.contains("The notice is genuine") && page.text.contains("change that affects security"),
        "{}",
        page.text
    );
    let facts = place
        .form(&Visitor::default(), "/check/facts", &[("code", code)])
        .await;
    assert_eq!(facts.json()["change"], "Another company keeps our backups");
    let receipts = place
        .get(&people.ann, &format!("{path}/receipts"))
        .await
        .expect(200);
    assert_eq!(receipts["items"][0]["notice_kind"], "security_change");
}

#[tokio::test]
async fn who_may_not_and_who_is_not_another_person_is_refused() {
    let place = Place::open().await;
    let people = people(&place).await;
    let viewer = place.person("vic", &[AccessRole::Viewer]).await;
    place.post(&viewer, CHANGES, proposal()).await.expect(403);
    let made = place.post(&people.lea, CHANGES, proposal()).await.expect(201);
    let path = path_of("changes", &made["change"]);
    let judgement = json!({"substantial": false, "reason": "a colour"});
    place
        .post(&people.rob, &format!("{path}/assess"), judgement.clone())
        .await
        .expect(200);
    place
        .post(&people.ann, &format!("{path}/agree"), json!({}))
        .await
        .expect(403);
    let own = place
        .post(&people.lea, &format!("{path}/agree"), json!({}))
        .await
        .expect(403);
    let detail = own["detail"].as_str().expect("a detail");
    assert!(detail.contains("a second person must agree"), "{detail}");
    let shown = place.get(&people.lea, &path).await.expect(200);
    assert_eq!(
        (&shown["may"]["agree"], &shown["may"]["assess"]),
        (&json!(false), &json!(true))
    );
    let early = place
        .post(&people.ann, &format!("{path}/notices"), json!({}))
        .await
        .expect(409);
    assert!(
        early["detail"]
            .as_str()
            .is_some_and(|d| d.contains("a second person agrees")),
        "{early}"
    );
}

#[tokio::test]
async fn every_fault_of_a_proposal_names_its_field_and_an_older_version_is_told_what_stands() {
    let place = Place::open().await;
    let people = people(&place).await;
    for (field, value) in [
        ("title", json!(" ")),
        ("what", json!("")),
        ("effective_at", json!("2126-01-01T00:00:00Z")),
    ] {
        let mut wrong = proposal();
        wrong[field] = value;
        let fault = place.post(&people.ann, CHANGES, wrong).await.expect(422);
        assert_eq!(fault["faults"][0]["field"], field, "{fault}");
    }
    let path = agreed(&place, &people).await;
    let stale = people.ann.with("if-match", "\"1\"");
    let conflict = place.write(&stale, "PUT", &path, proposal()).await.expect(409);
    assert_eq!(conflict["current"]["change"]["state"], "agreed", "{conflict}");
    let withdrawn = place
        .post(
            &people.ann,
            &format!("{path}/withdraw"),
            json!({"why": "the old company stays"}),
        )
        .await
        .expect(200);
    assert_eq!(withdrawn["change"]["course"], "withdrawn");
    assert_eq!(withdrawn["change"]["withdrawn_by_name"], "ann");
}
