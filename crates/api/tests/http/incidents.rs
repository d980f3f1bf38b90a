//! Incidents over HTTP.

use crate::support::{Place, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::audit::note::{InclusionProof, VerifierKey};
use watchkeeper_respond::workers::Worker as _;
use watchkeeper_respond::workers::seal::Sealing;

fn id(view: &Value) -> &str {
    view["incident"]["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_person_declares_takes_command_and_hands_a_role_over() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let ben = place.person("ben", &[AccessRole::Responder]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    assert_eq!(
        (&view["reference"], &view["incident"]["severity"]),
        (&json!("INC-0001"), &json!("sev2"))
    );
    let room = format!("/api/v1/incidents/{}", id(&view));

    let took = place
        .post(
            &ann,
            &format!("{room}/roles/commander/assign"),
            json!({"user": ann.user}),
        )
        .await
        .expect(200);
    assert_eq!(took["incident"]["acknowledgement"]["state"], "acknowledged");
    let not_his = place
        .post(
            &ben,
            &format!("{room}/roles/scribe/assign"),
            json!({"user": ann.user}),
        )
        .await;
    assert_eq!(not_his.status, 403);
    place
        .post(
            &ann,
            &format!("{room}/roles/scribe/assign"),
            json!({"user": ann.user}),
        )
        .await
        .expect(200);
    place
        .post(
            &ann,
            &format!("{room}/roles/scribe/offer"),
            json!({"to": ben.user}),
        )
        .await
        .expect(200);
    assert_eq!(
        place
            .post(&ann, &format!("{room}/roles/scribe/accept"), json!({}))
            .await
            .status,
        403
    );
    let accepted = place
        .post(&ben, &format!("{room}/roles/scribe/accept"), json!({}))
        .await
        .expect(200);
    assert_eq!(
        accepted["incident"]["posts"]["scribe"]["holder"]["user"],
        ben.user
    );

    let timeline = place.get(&ann, &format!("{room}/timeline")).await;
    assert!(
        !timeline
            .text
            .contains(&format!("\"text\":\"Scribe handed over from {}", ann.user))
    );
    let texts: Vec<String> = timeline.json()["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|e| format!("{}: {}", e["by_name"], e["text"]))
        .collect();
    assert!(
        texts.contains(&"\"ben\": \"Scribe handed over from ann to ben, accepted\"".to_owned()),
        "{texts:#?}"
    );
}

#[tokio::test]
async fn who_was_slower_is_shown_what_stands() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    let version = view["incident"]["version"].as_i64().expect("a version");
    let room = format!("/api/v1/incidents/{}", id(&view));
    let based = ann.with("if-match", &format!("\"{version}\""));
    let body = json!({"severity": "sev1", "why": "customers are harmed"});
    place
        .post(&based, &format!("{room}/severity"), body)
        .await
        .expect(200);
    let late = place
        .post(
            &based,
            &format!("{room}/severity"),
            json!({"severity": "sev3", "why": "not so bad"}),
        )
        .await;
    assert_eq!(late.header("content-type"), "application/problem+json");
    let problem = late.expect(409);
    assert_eq!(problem["current"]["incident"]["severity"], "sev1");
    assert_eq!(problem["type"], "urn:watchkeeper:problem:conflict");
    for path in ["acknowledge", "phase", "timeline"] {
        let body = if path == "phase" {
            json!({"phase": "analyze"})
        } else {
            json!({"kind": "note", "text": "x"})
        };
        let stale = place.post(&based, &format!("{room}/{path}"), body).await;
        assert_eq!(stale.status, 409, "{path}");
    }
    let unreadable = place
        .post(
            &ann.with("if-match", "seven"),
            &format!("{room}/acknowledge"),
            json!({}),
        )
        .await;
    assert_eq!(unreadable.status, 400);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_field_and_changes_nothing() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    let room = format!("/api/v1/incidents/{}", id(&view));
    let cases = [
        (
            format!("{room}/severity"),
            json!({"severity": "sev1", "why": " "}),
            422,
            "why",
        ),
        (
            format!("{room}/severity"),
            json!({"severity": "sev9", "why": "x"}),
            422,
            "body",
        ),
        (
            format!("{room}/timeline"),
            json!({"kind": "opened", "text": "x"}),
            422,
            "kind",
        ),
        (
            format!("{room}/timeline"),
            json!({"kind": "note", "text": "x", "happened_at": "2030-01-01T00:00:00Z"}),
            422,
            "happened_at",
        ),
        (
            "/api/v1/incidents".to_owned(),
            json!({"title": "", "severity": "sev1"}),
            422,
            "title",
        ),
    ];
    for (path, body, status, field) in cases {
        let problem = place.post(&ann, &path, body.clone()).await.expect(status);
        assert_eq!(problem["faults"][0]["field"], field, "{body}");
    }
    assert_eq!(
        place
            .send(
                &ann.with("content-type", "application/json"),
                "POST",
                &format!("{room}/phase"),
                "{"
            )
            .await
            .status,
        400
    );
    assert_eq!(
        place
            .send(&ann, "POST", &format!("{room}/phase"), "{}")
            .await
            .status,
        400,
        "no content type"
    );
    assert_eq!(place.get(&ann, "/api/v1/incidents/alr_x").await.status, 404);
    assert_eq!(place.get(&ann, "/api/v1/incidents/inc_x").await.status, 404);
    let large = json!({"kind": "note", "text": "x".repeat(300_000)});
    assert_eq!(
        place.post(&ann, &format!("{room}/timeline"), large).await.status,
        413
    );
    let now = place.get(&ann, &room).await.expect(200);
    assert_eq!(now["incident"]["version"], view["incident"]["version"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    for n in 0..7 {
        place.incident(&ann, &format!("Incident {n}")).await;
    }
    let mut numbers = Vec::new();
    let mut after = String::new();
    loop {
        let page = place
            .get(
                &ann,
                &format!("/api/v1/incidents?limit=3&open=true&severity=sev1,sev2{after}"),
            )
            .await
            .expect(200);
        numbers.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|row| row["number"].as_i64().expect("a number")),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(numbers.len(), 7);
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 7);
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("after=x", "after"),
        ("severity=sev7", "severity"),
        ("open=maybe", "open"),
    ] {
        let problem = place
            .get(&ann, &format!("/api/v1/incidents?{query}"))
            .await
            .expect(400);
        assert!(
            problem["detail"].as_str().expect("words").contains(name),
            "{query}: {problem}"
        );
    }
}

#[tokio::test]
async fn the_page_is_in_the_outbox_and_its_secret_is_not_shown() {
    let place = Place::open().await;
    place.account("oncall", &[AccessRole::Responder]).await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    assert_eq!(view["deliveries_summary"]["queued"], 1);
    let deliveries = place
        .get(&ann, &format!("/api/v1/incidents/{}/deliveries", id(&view)))
        .await
        .expect(200);
    let delivery = &deliveries["items"][0];
    assert_eq!(
        (&delivery["recipient"], &delivery["state"]),
        (&json!("oncall@example.com"), &json!("queued"))
    );
    let detail = place
        .get(
            &ann,
            &format!("/api/v1/deliveries/{}", delivery["id"].as_str().expect("an id")),
        )
        .await
        .expect(200);
    let message = detail["message"].as_str().expect("a message");
    assert!(
        message.contains("\r\nSubject: ") && message.contains("/ack/(hidden") && !message.starts_with("{"),
        "{message}"
    );
}

#[tokio::test]
async fn the_overview_counts_what_is_open_and_names_what_is_next() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let empty = place.get(&ann, "/api/v1/overview").await.expect(200);
    assert_eq!(
        (&empty["open_incidents"]["sev2"], &empty["most_urgent"]),
        (&json!(0), &Value::Null)
    );
    let view = place.incident(&ann, "Odd downloads").await;
    let overview = place.get(&ann, "/api/v1/overview").await.expect(200);
    assert_eq!(overview["open_incidents"]["sev2"], 1);
    assert_eq!(overview["most_urgent"]["reference"], "INC-0001");
    assert_eq!(overview["most_urgent"]["due_at"], view["next_due_at"]);
    let rows = place.get(&ann, "/api/v1/incidents").await.expect(200);
    assert_eq!(rows["items"][0]["next_clock"]["kind"], "timer");
}

#[tokio::test]
async fn detectors_sources_and_the_audit_log_can_be_looked_at() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let detectors = place.get(&ann, "/api/v1/detectors").await.expect(200);
    let rule = detectors["items"][0]["id"].as_str().expect("an id");
    assert_eq!(detectors["items"][0]["title"], "Failed sign-ins");
    assert_eq!(detectors["items"][0]["coverage"]["satisfiable"], "unknown");
    let detail = place
        .get(&ann, &format!("/api/v1/detectors/{rule}"))
        .await
        .expect(200);
    assert!(
        detail["source"]
            .as_str()
            .expect("text")
            .contains("condition: selection")
    );
    assert_eq!(place.get(&ann, "/api/v1/detectors/none").await.status, 404);
    assert_eq!(
        place.get(&ann, "/api/v1/sources").await.expect(200)["items"],
        json!([])
    );
    assert_eq!(
        place.get(&ann, "/api/v1/mailbox").await.status,
        404,
        "there is a mailbox in the demo only"
    );

    place.incident(&ann, "Odd downloads").await;
    let log = place
        .get(&ann, "/api/v1/audit?action=incident.declared")
        .await
        .expect(200);
    assert_eq!(log["items"][0]["actor_name"], "ann");
    let by_reference = place
        .get(&ann, "/api/v1/audit?subject=inc-0001")
        .await
        .expect(200);
    let by_id = place
        .get(
            &ann,
            &format!(
                "/api/v1/audit?subject={}",
                log["items"][0]["subject"].as_str().expect("an id")
            ),
        )
        .await
        .expect(200);
    assert_eq!(by_reference, by_id, "people know an incident by its reference");
    assert!(!by_id["items"].as_array().expect("a list").is_empty());
    let verdict = place.get(&ann, "/api/v1/audit/verify").await.expect(200);
    assert_eq!(verdict["ok"], true);
    let newest = place.get(&ann, "/api/v1/audit?limit=1").await.expect(200);
    assert_eq!(
        (&verdict["records"], &verdict["head"]),
        (&newest["items"][0]["seq"], &newest["items"][0]["hash"])
    );
    assert_eq!(verdict["checkpoints"], 0);
}

#[tokio::test]
async fn what_others_need_to_verify_the_log_is_given_out() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let before = place.get(&ann, "/api/v1/audit/checkpoint").await.expect(200);
    assert_eq!((&before["size"], &before["note"]), (&json!(0), &Value::Null));
    assert_eq!(place.get(&ann, "/api/v1/audit/1/proof").await.status, 404);
    Sealing::new(place.desk.clone()).turn().await.expect("it seals");
    let after = place.get(&ann, "/api/v1/audit/checkpoint").await.expect(200);
    assert_eq!(
        (&after["size"], &after["unsealed"]),
        (&before["unsealed"], &json!(0))
    );
    let key = VerifierKey::read(after["key"].as_str().expect("a key")).expect("a key");
    let answer = place.get(&ann, "/api/v1/audit/1/proof").await;
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"record-1.tlog-proof\""
    );
    let proof = InclusionProof::read(&answer.text).expect("a proof");
    assert_eq!(proof.verify(&key).expect("it holds").0.seq, 1);
    assert_eq!(place.get(&ann, "/api/v1/audit/0/proof").await.status, 404);
    assert_eq!(place.get(&ann, "/api/v1/audit/9999/proof").await.status, 404);
    let stranger = Visitor::default();
    assert_eq!(place.get(&stranger, "/api/v1/audit/1/proof").await.status, 401);
}

#[tokio::test]
async fn a_stranger_reads_no_alert() {
    let place = Place::open().await;
    assert_eq!(place.get(&Visitor::default(), "/api/v1/alerts").await.status, 401);
    let ann = place.person("ann", &[AccessRole::Viewer]).await;
    assert_eq!(
        place.get(&ann, "/api/v1/alerts?state=open").await.expect(200),
        json!({"items": [], "next": null})
    );
    assert_eq!(place.get(&ann, "/api/v1/alerts?state=gone").await.status, 400);
    assert_eq!(place.get(&ann, "/api/v1/alerts/alr_x").await.status, 404);
}

#[tokio::test]
async fn closing_tells_everything_that_is_open_and_a_refused_step_is_no_conflict() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    let suspicion = json!({"why": "files were listed"});
    place
        .post(&ann, &format!("{room}/disclosure/suspect"), suspicion)
        .await
        .expect(200);
    let close = json!({"phase": "closed", "why": "it is over"});
    let refused = place
        .post(&ann, &format!("{room}/phase"), close.clone())
        .await
        .expect(409);
    assert_eq!(refused["type"], "urn:watchkeeper:problem:refused");
    let detail = refused["detail"].as_str().expect("a text");
    assert!(detail.contains("confirm it or reject it"), "{detail}");

    place.list(&ann, &room, &acme, "confirmed").await;
    place.confirm(&ann, &room).await;
    let open = place.get(&ann, &format!("{room}/closing")).await.json();
    let items = open["open"].as_array().expect("a list");
    let named = |what: &str| items.iter().find(|item| item["what"] == what);
    let owed = named("not_told").expect("a clock runs");
    assert_eq!(owed["in_the_way"], true);
    assert_eq!(owed["customers"], json!([acme["id"]]));
    assert_eq!(open["customers"][acme["id"].as_str().expect("an id")], "acme Ltd");
    assert_eq!(named("vacant").expect("nobody commands")["role"], "commander");
    assert_eq!(named("vacant").expect("nobody commands")["in_the_way"], false);
    let refused = place
        .post(&ann, &format!("{room}/phase"), close.clone())
        .await
        .expect(409);
    let detail = refused["detail"].as_str().expect("a text");
    assert!(detail.contains("1 customer is still to be told"), "{detail}");

    place.list(&ann, &room, &acme, "cleared").await;
    let silent = place
        .post(&ann, &format!("{room}/phase"), json!({"phase": "closed"}))
        .await
        .expect(422);
    assert_eq!(silent["faults"][0]["field"], "why");
    let closed = place
        .post(&ann, &format!("{room}/phase"), close)
        .await
        .expect(200);
    assert_eq!(closed["incident"]["phase"], "closed");
    let timeline = place.get(&ann, &format!("{room}/timeline")).await;
    assert!(
        timeline.text.contains("it is over. Left open: "),
        "{}",
        timeline.text
    );
}

#[tokio::test]
async fn a_role_is_offered_to_those_who_may_hold_it_and_the_offer_can_be_withdrawn() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let ben = place.person("ben", &[AccessRole::Responder]).await;
    let jon = place.person("jon", &[AccessRole::Viewer]).await;
    let room = place.room(&ann).await;
    let role = format!("{room}/roles/commander");
    place
        .post(&ann, &format!("{role}/assign"), json!({"user": ann.user}))
        .await
        .expect(200);
    for (path, field) in [("offer", "to"), ("assign", "user")] {
        let body = json!({field: jon.user});
        let refused = place
            .post(&ann, &format!("{role}/{path}"), body)
            .await
            .expect(422);
        assert_eq!(refused["faults"][0]["field"], field);
        let detail = refused["faults"][0]["detail"].as_str().expect("a text");
        assert!(detail.contains("may not work on incidents"), "{detail}");
    }
    place
        .post(&ann, &format!("{role}/offer"), json!({"to": ben.user}))
        .await
        .expect(200);
    let withdrawn = place
        .post(&ann, &format!("{role}/withdraw"), json!({}))
        .await
        .expect(200);
    let post = &withdrawn["incident"]["posts"]["commander"];
    assert_eq!(
        (&post["offer"], &post["holder"]["user"]),
        (&Value::Null, &json!(ann.user))
    );
    let late = place.post(&ben, &format!("{role}/accept"), json!({})).await;
    assert_eq!(late.status, 403);
}

#[tokio::test]
async fn who_leads_changes_the_title_and_the_list_shows_it() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let ben = place.person("ben", &[AccessRole::Responder]).await;
    let room = place.room(&ann).await;
    let title = json!({"title": "One API key reads files of several tenants"});
    let path = format!("{room}/title");
    assert_eq!(place.post(&ben, &path, title.clone()).await.status, 403);
    let empty = place.post(&ann, &path, json!({"title": " "})).await.expect(422);
    assert_eq!(empty["faults"][0]["field"], "title");
    let view = place.post(&ann, &path, title.clone()).await.expect(200);
    assert_eq!(view["incident"]["title"], title["title"]);
    let list = place.get(&ann, "/api/v1/incidents").await.json();
    assert_eq!(list["items"][0]["title"], title["title"]);
}
