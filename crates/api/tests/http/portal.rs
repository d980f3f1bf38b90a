//! The recipient's page: forms of a browser without JavaScript, by the code of a letter.

use crate::support::{Answer, Place, Visitor};
use chrono::Duration;
use serde_json::{Value, json};
use watchkeeper_domain::access::AccessRole;

/// A full notice that was sent to acme: the letter, and who approved it.
async fn a_letter_that_was_sent(place: &Place) -> (Value, String, Visitor) {
    a_letter_to_who_reads(place, "en").await
}

async fn a_letter_to_who_reads(place: &Place, language: &str) -> (Value, String, Visitor) {
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer_reading(&lea, "acme", language).await;
    let room = place.room(&ann).await;
    place.list(&ann, &room, &acme, "confirmed").await;
    place.confirm(&ann, &room).await;
    let (path, submitted) = place.submitted(&ann, &room).await;
    let hash = json!({"content_hash": submitted["notice"]["content_hash"]});
    let sent = place
        .post(&lea, &format!("{path}/approve"), hash)
        .await
        .expect(200);
    let id = sent["letters"][0]["id"].as_str().expect("a letter").to_owned();
    let letter = place
        .get(&lea, &format!("/api/v1/letters/{id}"))
        .await
        .expect(200);
    (letter, room, lea)
}

fn page(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{}", answer.text);
    &answer.text
}

#[tokio::test]
async fn a_recipient_reads_acknowledges_asks_and_takes_the_facts_without_an_account() {
    let place = Place::open().await;
    let (letter, room, lea) = a_letter_that_was_sent(&place).await;
    let code = letter["check_code"].as_str().expect("a code");
    let anybody = Visitor::default();
    let opened = place.form(&anybody, "/check", &[("code", code)]).await;
    let shown = page(&opened, 200);
    assert!(
        shown.contains("The notice is genuine") && shown.contains("Watch your invoices"),
        "{shown}"
    );
    assert!(
        shown.contains("stolen &lt;script&gt;") && !shown.contains("<script"),
        "{shown}"
    );
    assert!(!shown.contains("Not answered"), "{shown}");

    let facts = place.form(&anybody, "/check/facts", &[("code", code)]).await;
    let facts: Value = serde_json::from_str(page(&facts, 200)).expect("JSON");
    assert_eq!(
        (&facts["reference"], &facts["check_code"]),
        (&json!("INC-0001"), &json!(code))
    );

    place.advance(Duration::minutes(1));
    let who = [("code", code), ("name", "Jane Roe"), ("role", "CISO")];
    let acknowledged = place.form(&anybody, "/check/acknowledge", &who).await;
    assert!(page(&acknowledged, 200).contains("Jane Roe (CISO) confirmed on"));
    let again = place.form(&anybody, "/check/acknowledge", &who).await;
    assert!(page(&again, 422).contains("Jane Roe has acknowledged this notice already"));

    let long = "ü".repeat(4000);
    let asks = [("code", code), ("name", "Sam <Poe>"), ("question", long.as_str())];
    let asked = place.form(&anybody, "/check/ask", &asks).await;
    assert!(page(&asked, 200).contains("Sam &lt;Poe&gt;"));
    let longer = format!("{long}ü");
    let asks = [("code", code), ("name", "Sam"), ("question", longer.as_str())];
    let refused = place.form(&anybody, "/check/ask", &asks).await;
    assert!(page(&refused, 422).contains("write 1 to 4000 characters"));

    let receipts = place.get(&lea, &format!("{room}/receipts")).await.expect(200);
    let receipt = &receipts["items"][0];
    assert_eq!(receipt["customer_name"], "acme Ltd");
    assert_eq!(receipt["acknowledged"]["name"], "Jane Roe");
    assert_eq!(receipt["questions"].as_array().map(Vec::len), Some(1));
    let answer = format!(
        "/api/v1/letters/{}/questions/1/answer",
        letter["id"].as_str().expect("an id")
    );
    place
        .post(&lea, &answer, json!({"text": "On Monday."}))
        .await
        .expect(200);
    assert_eq!(
        place.post(&lea, &answer, json!({"text": "Never."})).await.status,
        409
    );
    let none = answer.replace("/1/", "/7/");
    assert_eq!(place.post(&lea, &none, json!({"text": "?"})).await.status, 404);
    let seen = place.form(&anybody, "/check", &[("code", code)]).await;
    assert!(page(&seen, 200).contains("On Monday."));
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_letter() {
    for (language, genuine, once, length) in [
        (
            "de",
            "Die Mitteilung ist echt",
            "Jane {Roe} (CISO) hat am",
            "Ihre Frage; schreiben Sie keine Passwörter oder Schlüssel: Schreiben Sie 1 bis 4000 Zeichen.",
        ),
        (
            "fr-CA",
            "L’avis est authentique",
            "Jane {Roe} (CISO) a confirmé le",
            "écrivez de 1 à 4000 caractères.",
        ),
        (
            "es",
            "El aviso es auténtico",
            "Jane {Roe} (CISO) confirmó el",
            "escriba de 1 a 4000 caracteres.",
        ),
        (
            "nl",
            "The notice is genuine",
            "Jane {Roe} (CISO) confirmed on",
            "write 1 to 4000 characters.",
        ),
    ] {
        let place = Place::open().await;
        let (letter, _, _) = a_letter_to_who_reads(&place, language).await;
        let code = letter["check_code"].as_str().expect("a code");
        let anybody = Visitor::default();
        let opened = place.form(&anybody, "/check", &[("code", code)]).await;
        let shown = page(&opened, 200);
        let base = match language {
            "nl" => "en",
            other => &other[..2],
        };
        assert!(
            shown.contains(genuine) && shown.contains(&format!("<html lang=\"{base}\"")),
            "{shown}"
        );
        let who = [("code", code), ("name", "Jane {Roe}"), ("role", "CISO")];
        let acknowledged = place.form(&anybody, "/check/acknowledge", &who).await;
        assert!(page(&acknowledged, 200).contains(once), "{}", acknowledged.text);
        let nothing = [("code", code), ("name", "Sam"), ("question", " ")];
        let refused = place.form(&anybody, "/check/ask", &nothing).await;
        assert!(page(&refused, 422).contains(length), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_code_that_no_letter_has_opens_nothing_and_slows_whoever_guesses() {
    let place = Place::open().await;
    let (letter, _, _) = a_letter_that_was_sent(&place).await;
    let anybody = Visitor::default();
    for path in [
        "/check",
        "/check/facts",
        "/check/proof",
        "/check/acknowledge",
        "/check/ask",
    ] {
        let fields = [("code", "0000-0000-0000"), ("name", "Eve"), ("question", "?")];
        let answer = place.form(&anybody, path, &fields).await;
        assert!(
            [404, 429].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.status
        );
    }
    let code = letter["check_code"].as_str().expect("a code");
    let slowed = place.form(&anybody, "/check", &[("code", code)]).await;
    assert!(page(&slowed, 429).contains("Too many wrong codes"));
    place.advance(Duration::minutes(10));
    page(&place.form(&anybody, "/check", &[("code", code)]).await, 200);
}

#[tokio::test]
async fn a_notice_says_what_its_kind_asks_for_and_what_a_careful_reader_objects_to() {
    let place = Place::open().await;
    let (_, room, lea) = a_letter_that_was_sent(&place).await;
    let notices = format!("{room}/notices");
    let holding = place.post(&lea, &notices, json!({"kind": "holding"})).await;
    assert_eq!(holding.status, 422, "{}", holding.json());
    let begun = json!({"kind": "follow_up", "facts": {"what_is_new": "No evidence of misuse in 41 files."}});
    let update = place.post(&lea, &notices, begun).await.expect(201);
    let fields = update["fields"].as_array().expect("fields");
    assert_eq!(
        (&fields[0]["field"], &fields[0]["required"]),
        (&json!("what_is_new"), &json!(true))
    );
    assert_eq!(update["findings"][0]["weight"], "must");
    assert_eq!(update["findings"][1]["words"], "41 files.");
    assert_eq!(update["may"]["submit"], false);
    assert_eq!(update["told_before"]["what_we_did"], "We revoked the key");
    let path = format!(
        "/api/v1/notices/{}",
        update["notice"]["id"].as_str().expect("an id")
    );
    let refused = place.post(&lea, &format!("{path}/submit"), json!({})).await;
    assert_eq!(refused.status, 422);
    let elvish = json!({"facts": {}, "translations": {"qya": {}}});
    let refused = place.write(&lea, "PUT", &path, elvish).await;
    assert!(
        refused.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("letters exist in de, en, es, fr"),
        "{}",
        refused.json()
    );
    let remark = json!({"field": "what_is_new", "text": "which records?"});
    let commented = place
        .post(&lea, &format!("{path}/comments"), remark)
        .await
        .expect(200);
    assert_eq!(commented["notice"]["comments"][0]["text"], "which records?");
}
