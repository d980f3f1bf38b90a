//! Reports about our mail that are handed in over HTTP, and what can be proved.

use crate::support::{Place, Visitor, kinds_of};
use serde_json::{Value, json};
use watchkeeper_deliver::Message;
use watchkeeper_domain::access::AccessRole;

fn report(to: &str, returned: &str) -> String {
    format!(
        "Delivered-To: {to}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n\
         Final-Recipient: rfc822; x@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 nobody\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\n--b--\r\n"
    )
}

async fn hand_in(place: &Place, by: &Visitor, raw: String) -> Value {
    let answer = place
        .send(
            &by.with("content-type", "message/rfc822"),
            "POST",
            "/api/v1/bounces",
            raw,
        )
        .await;
    answer.expect(200)["taken"].clone()
}

#[tokio::test]
async fn a_report_that_is_handed_in_is_kept_with_its_message_and_shows_no_secret() {
    let place = Place::open().await;
    place.account("oncall", &[AccessRole::Responder]).await;
    let ann = place
        .person("ann", &[AccessRole::Responder, AccessRole::Commander])
        .await;
    let incident = place.incident(&ann, "Odd downloads").await;
    let id = incident["incident"]["id"].as_str().expect("an id");
    let deliveries = format!("/api/v1/incidents/{id}/deliveries");
    let page = place.get(&ann, &deliveries).await.expect(200)["items"][0].clone();
    let delivery = page["id"].as_str().expect("an id");
    let Some(Message::Mail(mail)) = place
        .desk
        .frozen_message(&delivery.parse().expect("an id"))
        .await
        .expect("a message")
    else {
        panic!("the page is a mail")
    };
    let path = mail.envelope_from;
    assert!(
        path.starts_with(&format!("b+{delivery}.")) && path.ends_with("@bounces.example.com"),
        "{path}"
    );
    let text = String::from_utf8(mail.bytes).expect("ASCII");
    assert!(text.contains("/ack/"));
    let raw = report(&path, &text);
    assert_eq!(hand_in(&place, &ann, raw.clone()).await, "bounced");
    assert_eq!(hand_in(&place, &ann, raw.clone()).await, "repeated");
    assert_eq!(
        hand_in(&place, &ann, raw.replace(&path, "eve@example.org")).await,
        "unknown"
    );
    let forged = path.replace('@', "0@");
    assert_eq!(hand_in(&place, &ann, raw.replace(&path, &forged)).await, "forged");
    let detail = place
        .get(&ann, &format!("/api/v1/deliveries/{delivery}"))
        .await
        .expect(200);
    assert_eq!(
        (&detail["state"], &detail["status"]),
        (&json!("bounced"), &json!("5.1.1"))
    );
    let kept = &detail["reports"][0];
    assert_eq!(detail["reports"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["effect"], "bounced");
    assert_eq!(kept["report"]["diagnostic"], "550 nobody");
    let raw = kept["raw"].as_str().expect("text");
    assert!(
        raw.contains("Action: failed") && raw.contains("/ack/(hidden"),
        "{raw}"
    );
    let tallies = place.get(&ann, "/api/v1/bounces").await.expect(200);
    assert_eq!(tallies["domain"], "bounces.example.com");
    assert_eq!(kinds_of(&tallies), ["forged", "repeated", "unknown"]);
    let proof = place
        .get(&ann, &format!("/api/v1/incidents/{id}/proof"))
        .await
        .expect(200);
    assert_eq!(
        proof["levels"][0],
        json!({"level": "submitted", "in_time": 0, "late": 0, "never": 0, "open": 0, "on_time_permille": null})
    );
}

#[tokio::test]
async fn only_who_may_respond_hands_reports_in() {
    let place = Place::open().await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    for (by, status) in [(eve, 403), (Visitor::default(), 401)] {
        let answer = place
            .send(&by, "POST", "/api/v1/bounces", report("x@example.com", ""))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
}
