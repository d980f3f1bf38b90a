//! A disclosure over HTTP: suspected, confirmed, told by one person and approved by another.

use crate::support::{Place, facts, path_of, start};
use chrono::Duration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use watchkeeper_domain::access::AccessRole;

#[tokio::test]
async fn what_follows_of_a_decision_is_shown_before_and_kept_nowhere() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    place.list(&ann, &room, &acme, "confirmed").await;
    let foreseen = format!("{room}/disclosure/foreseen");
    let ask = |query: String| {
        let address = format!("{foreseen}?{query}");
        let (place, lea) = (&place, &lea);
        async move { place.get(lea, &address).await }
    };
    let suspected = ask("decision=suspect".to_owned()).await.expect(200);
    assert!(suspected["decide_by"].is_string(), "{suspected}");
    let pages = suspected["pages"].as_array().expect("a list");
    assert!(
        pages
            .iter()
            .all(|page| !page["names"].as_array().expect("names").contains(&json!("lea"))),
        "who decides is not paged: {suspected}"
    );

    let now = ask("decision=confirm".to_owned()).await.expect(200);
    assert_eq!((&now["late"], &now["at_once"]), (&json!(0), &json!(0)));
    assert_eq!(now["customers"][0]["name"], "acme Ltd");
    assert_eq!(
        (&now["first_due_at"], &now["first_holding_at"]),
        (
            &json!(place.now() + Duration::hours(72)),
            &json!(place.now() + Duration::hours(66))
        )
    );
    let long_ago = (place.now() - Duration::hours(80)).format("%Y-%m-%dT%H:%M:%SZ");
    let past = ask(format!("decision=confirm&at={long_ago}")).await.expect(200);
    assert_eq!(past["before_detection"], true);
    assert_eq!((&past["late"], &past["at_once"]), (&json!(1), &json!(1)));
    let to_come = (place.now() + Duration::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    let refused = ask(format!("decision=confirm&at={to_come}")).await;
    assert_eq!(refused.status, 422, "refused as the decision would be");
    let untouched = place.get(&ann, &room).await.expect(200);
    assert_eq!(untouched["incident"]["disclosure"]["state"], "none");
    assert_eq!(untouched["obligations"], json!([]));

    let aware_at = place.now() - Duration::hours(2);
    let confirm = json!({"why": "the log shows it", "aware_at": aware_at});
    let confirmed = place
        .post(&ann, &format!("{room}/disclosure/confirm"), confirm)
        .await
        .expect(200);
    assert_eq!(
        confirmed["obligations"][0]["deadline"]["due_at"], now["first_due_at"],
        "what was shown is what stands"
    );
    let clocks = place.get(&ann, &format!("{room}/clocks")).await.expect(200);
    let moments = clocks["moments"].as_array().expect("a list");
    let aware = moments.iter().find(|moment| moment["moment"] == "aware");
    assert_eq!(aware.expect("it is listed")["at"], json!(aware_at));

    let later = place.now() - Duration::seconds(1);
    place.advance(Duration::hours(3));
    let asked = later + Duration::hours(2);
    let asked_text = asked.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let moved = ask(format!("decision=move&at={asked_text}")).await.expect(200);
    assert_eq!(moved["waits_for_second"], true);
    assert_eq!(moved["customers"][0]["due_before"], now["first_due_at"]);
    assert_eq!(
        moved["customers"][0]["due_at"],
        json!(asked + Duration::hours(72))
    );
    let body = json!({"at": asked, "why": "the call was later"});
    place
        .post(&lea, &format!("{room}/disclosure/move"), body)
        .await
        .expect(200);
    let agreed = ask(format!("decision=agree_move&at={asked_text}"))
        .await
        .expect(200);
    assert_eq!(agreed["customers"], moved["customers"]);
}

#[tokio::test]
async fn a_disclosure_runs_from_suspicion_to_the_outbox_under_four_eyes() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    place
        .post(
            &ann,
            &format!("{room}/disclosure/suspect"),
            json!({"why": "files were listed"}),
        )
        .await
        .expect(200);
    let early = place.post(&ann, &format!("{room}/notices"), json!({})).await;
    assert_eq!(
        early.status, 409,
        "nobody is owed a notice before the confirmation"
    );
    place.list(&ann, &room, &acme, "confirmed").await;
    let confirmed = place.confirm(&ann, &room).await;
    assert_eq!(
        confirmed["customers"][acme["id"].as_str().expect("an id")]["key"],
        "acme"
    );
    let obligation = &confirmed["obligations"][0];
    assert_eq!(obligation["customer_name"], "acme Ltd");
    assert_eq!(obligation["ladder"].as_array().map(Vec::len), Some(6));
    assert_eq!(
        (&obligation["holding"]["state"], &obligation["recipients"]),
        (&json!("prepared"), &json!(1))
    );
    let twice = place
        .post(
            &ann,
            &format!("{room}/disclosure/confirm"),
            json!({"why": "again"}),
        )
        .await
        .expect(409);
    assert_eq!(twice["current"]["incident"]["disclosure"]["state"], "confirmed");

    let waits = json!({"untold": 1, "told": 0, "told_late": 0, "ended": 0, "questions": 0});
    let telling = place.get(&lea, "/api/v1/telling").await.expect(200);
    let overview = place.get(&lea, "/api/v1/overview").await.expect(200);
    assert_eq!(confirmed["telling"], waits, "the incident counts");
    assert_eq!(telling["items"][0]["counts"], waits, "as the breach desk does");
    assert_eq!(overview["telling"], waits, "and as the badge does");
    let gone = &telling["items"][0]["holding_gone"];
    assert_eq!((&gone["customers"], &gone["waiting"]), (&json!(0), &json!(1)));
    assert!(gone["next_at"].is_string(), "{telling}");

    let notice = place
        .post(&ann, &format!("{room}/notices"), json!({}))
        .await
        .expect(201);
    let path = path_of("notices", &notice["notice"]);
    assert_eq!(notice["missing"].as_array().map(Vec::len), Some(5));
    let empty = place
        .post(&ann, &format!("{path}/submit"), json!({}))
        .await
        .expect(422);
    assert_eq!(empty["faults"][0]["field"], "facts.what_happened");
    let edited = place
        .write(&ann, "PUT", &path, json!({"facts": facts()}))
        .await
        .expect(200);
    assert_eq!(edited["letters"][0]["customer_name"], "acme Ltd");
    assert_eq!(
        edited["may"],
        json!({"hand": "began", "edit": true, "submit": true, "approve": false, "return": false, "discard": true})
    );
    place
        .post(&ann, &format!("{path}/submit"), json!({}))
        .await
        .expect(200);

    assert_eq!(
        place.get(&lea, "/api/v1/overview").await.expect(200)["drafts_waiting_for_me"],
        1
    );
    assert_eq!(
        place.get(&ann, "/api/v1/overview").await.expect(200)["drafts_waiting_for_me"],
        0
    );
    let read = place.get(&lea, &path).await.expect(200);
    assert_eq!(read["may"]["approve"], true);
    assert_eq!(read["may"]["edit"], false, "editing would make her the author");
    assert_eq!(
        place
            .post(&ann, &format!("{path}/approve"), json!({"content_hash": "x"}))
            .await
            .status,
        403
    );
    let other = place
        .post(
            &lea,
            &format!("{path}/approve"),
            json!({"content_hash": "0".repeat(64)}),
        )
        .await
        .expect(409);
    assert_eq!(other["current"]["notice"]["state"], "submitted");
    let approved = place
        .post(
            &lea,
            &format!("{path}/approve"),
            json!({"content_hash": read["notice"]["content_hash"]}),
        )
        .await
        .expect(200);
    assert_eq!(approved["notice"]["state"], "sent");

    let obligations = place
        .get(&lea, "/api/v1/obligations?state=running")
        .await
        .expect(200);
    assert_eq!(obligations["items"][0]["proof"]["queued"], 1);
    assert_eq!(obligations["items"][0]["full"]["state"], "sent");
    let deliveries = place.get(&lea, &format!("{room}/deliveries")).await.expect(200);
    let letter = deliveries["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|d| d["about"]["kind"] == "letter")
        .expect("a letter");
    assert_eq!(
        (&letter["customer_name"], &letter["notice_kind"]),
        (&json!("acme Ltd"), &json!("full"))
    );
    let proof = place.get(&lea, &format!("{room}/proof")).await.expect(200);
    assert_eq!(proof["levels"][0]["open"], 1, "{proof}");
    assert_eq!(proof["customers"][0]["customer_name"], "acme Ltd");
    assert_eq!(
        proof["customers"][0]["recipients"][0]["proof"],
        json!({"submitted": null, "remote_accepted": null, "opened": null, "acknowledged": null})
    );
    let customer = place
        .get(
            &lea,
            &format!("/api/v1/customers/{}", acme["id"].as_str().expect("an id")),
        )
        .await
        .expect(200);
    assert_eq!(customer["deliveries"].as_array().map(Vec::len), Some(1));
    let timeline = place.get(&ann, &format!("{room}/timeline")).await;
    assert!(
        timeline
            .text
            .contains("acme Ltd is confirmed: its tenant is in the log"),
        "{}",
        timeline.text
    );
}

#[tokio::test]
async fn who_wrote_a_notice_cannot_approve_it() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&lea).await;
    place.list(&lea, &room, &acme, "possible").await;
    place.advance(Duration::minutes(1));
    place.confirm(&lea, &room).await;
    let (path, submitted) = place.submitted(&lea, &room).await;
    assert_eq!(submitted["may"]["approve"], false);
    let hash = json!({"content_hash": submitted["notice"]["content_hash"]});
    assert_eq!(
        place.post(&lea, &format!("{path}/approve"), hash).await.status,
        403
    );
    let returned = place
        .post(&lea, &format!("{path}/return"), json!({"why": "say more"}))
        .await
        .expect(200);
    assert_eq!(returned["notice"]["state"], "returned");
}

#[tokio::test]
async fn only_counsel_who_wrote_it_herself_is_told_that_nobody_may_approve_and_nobody_is_paged_to_do_it() {
    let place = Place::open().await;
    let max = place
        .person("max", &[AccessRole::Commander, AccessRole::Admin])
        .await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&max).await;
    place.list(&lea, &room, &acme, "confirmed").await;
    place.confirm(&max, &room).await;
    let (path, submitted) = place.submitted(&lea, &room).await;
    assert_eq!(
        (&submitted["approvers"], &submitted["may"]["hand"]),
        (&json!([]), &json!("began"))
    );
    let approvers = |view: &Value| view["items"][0]["full"]["approvers"].clone();
    let desk = place.get(&max, "/api/v1/obligations").await.expect(200);
    assert_eq!(
        approvers(&desk),
        json!([]),
        "the desk sends nobody there to approve"
    );
    let overview = place.get(&max, "/api/v1/overview").await.expect(200);
    assert_eq!(overview["approvers"].as_array().map(Vec::len), Some(1));
    let pages = |deliveries: &Value, reason: &str| {
        let items = deliveries["items"].as_array().expect("items").iter();
        let about = items.filter(|d| d["about"]["reason"]["kind"] == reason);
        about
            .map(|d| d["recipient"].as_str().unwrap_or_default().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let deliveries = place.get(&max, &format!("{room}/deliveries")).await.expect(200);
    assert!(pages(&deliveries, "approval_wanted").is_empty(), "{deliveries:#}");
    let told = pages(&deliveries, "nobody_approves");
    assert_eq!(
        told,
        BTreeSet::from(["max@example.com".to_owned()]),
        "who can give the role"
    );
    let hash = json!({"content_hash": submitted["notice"]["content_hash"]});
    let refused = place
        .post(&lea, &format!("{path}/approve"), hash.clone())
        .await
        .expect(403);
    let detail = refused["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("you began this notice") && detail.contains("nobody"),
        "{detail}"
    );

    let lou = place.person("lou", &[AccessRole::Legal]).await;
    let view = place.get(&lea, &path).await.expect(200);
    let name = &view["approvers"][0]["name"];
    assert_eq!(view["approvers"].as_array().map(Vec::len), Some(1));
    assert_eq!(view["approvers"][0]["paged"], true);
    let deliveries = place.get(&max, &format!("{room}/deliveries")).await.expect(200);
    assert_eq!(
        pages(&deliveries, "approval_wanted"),
        BTreeSet::from(["lou@example.com".to_owned()]),
        "a notice waited for somebody like this"
    );
    let refused = place
        .post(&lea, &format!("{path}/approve"), hash.clone())
        .await
        .expect(403);
    let may = format!("{} may approve it", name.as_str().expect("a name"));
    assert!(
        refused["detail"].as_str().is_some_and(|said| said.contains(&may)),
        "{refused}"
    );
    let returned = place
        .post(&lou, &format!("{path}/return"), json!({"why": "say more"}))
        .await
        .expect(200);
    assert_eq!(returned["notice"]["returned"]["why"], "say more");
    let again = place
        .post(&lea, &format!("{path}/submit"), json!({}))
        .await
        .expect(200);
    assert_eq!(again["approvers"][0]["paged"], true);
    assert_eq!(
        again["notice"]["returned"]["why"], "say more",
        "the next reader sees it"
    );
    let deliveries = place.get(&max, &format!("{room}/deliveries")).await.expect(200);
    let asked = pages(&deliveries, "approval_wanted");
    assert_eq!(
        asked,
        BTreeSet::from(["lou@example.com".to_owned()]),
        "nobody who may not"
    );
    let rob = place.person("rob", &[AccessRole::Responder]).await;
    let account = format!("/api/v1/users/{}", rob.user);
    let roles = json!({"roles": ["responder", "legal"]});
    place.write(&max, "PATCH", &account, roles).await.expect(200);
    let deliveries = place.get(&max, &format!("{room}/deliveries")).await.expect(200);
    let asked = pages(&deliveries, "approval_wanted");
    assert!(asked.contains("rob@example.com"), "{asked:?}");
}

#[tokio::test]
async fn nobody_approves_their_own_words_by_having_somebody_else_change_one_and_submit_them() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let lou = place.person("lou", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&lea).await;
    place.list(&lea, &room, &acme, "confirmed").await;
    place.confirm(&lea, &room).await;
    let (path, _) = place.submitted(&lea, &room).await;
    place
        .post(&lea, &format!("{path}/return"), json!({"why": "one word"}))
        .await
        .expect(200);
    let mut words = facts();
    words["contained"] = json!("yes");
    let edited = place
        .write(&lou, "PUT", &path, json!({"facts": words}))
        .await
        .expect(200);
    let me = |session: &Value| session["user"]["id"].clone();
    let lea_is = me(&place.get(&lea, "/api/v1/session").await.expect(200));
    let lou_is = me(&place.get(&lou, "/api/v1/session").await.expect(200));
    assert_eq!(edited["notice"]["author"]["user"], lea_is, "begun by");
    assert_eq!(
        edited["notice"]["edited"]["by"]["user"], lou_is,
        "last changed by"
    );
    let submitted = place
        .post(&lou, &format!("{path}/submit"), json!({}))
        .await
        .expect(200);
    let hash = json!({"content_hash": submitted["notice"]["content_hash"]});
    for who in [&lea, &lou] {
        place
            .post(who, &format!("{path}/approve"), hash.clone())
            .await
            .expect(403);
    }
    let read = place.get(&lea, &path).await.expect(200);
    assert_eq!(
        (&read["may"]["hand"], &read["may"]["approve"]),
        (&json!("began"), &json!(false))
    );
    let lin = place.person("lin", &[AccessRole::Legal]).await;
    let sent = place
        .post(&lin, &format!("{path}/approve"), hash)
        .await
        .expect(200);
    assert_eq!(sent["notice"]["state"], "sent");
    let messages = place.get(&lea, &format!("{path}/deliveries")).await.expect(200);
    assert_eq!(messages["items"][0]["recipient"], "security@acme.example");
    assert_eq!(
        messages["items"].as_array().map(Vec::len),
        Some(1),
        "letters, no pages"
    );
}

#[tokio::test]
async fn a_withdrawal_for_nobody_is_not_begun_and_a_draft_is_discarded_for_a_reason() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&lea).await;
    place.list(&lea, &room, &acme, "confirmed").await;
    place.confirm(&lea, &room).await;
    for (kind, why) in [
        ("withdrawn", "clear the customer"),
        ("follow_up", "write a full notice first"),
    ] {
        let refused = place
            .post(&lea, &format!("{room}/notices"), json!({"kind": kind}))
            .await
            .expect(422);
        let detail = refused["detail"].as_str().expect("a detail");
        assert!(detail.contains(why), "{kind}: {detail}");
    }
    let begun = place
        .post(&lea, &format!("{room}/notices"), json!({}))
        .await
        .expect(201);
    let path = path_of("notices", &begun["notice"]);
    let empty = place
        .post(&lea, &format!("{path}/discard"), json!({"why": " "}))
        .await
        .expect(422);
    assert_eq!(empty["faults"][0]["field"], "why");
    let discarded = place
        .post(
            &lea,
            &format!("{path}/discard"),
            json!({"why": "begun by mistake"}),
        )
        .await
        .expect(200);
    assert_eq!(discarded["notice"]["state"], "discarded");
    for (act, body) in [("submit", json!({})), ("discard", json!({"why": "again"}))] {
        place.post(&lea, &format!("{path}/{act}"), body).await.expect(409);
    }
    place
        .write(&lea, "PUT", &path, json!({"facts": facts()}))
        .await
        .expect(409);
    let desk = place.get(&lea, "/api/v1/obligations").await.expect(200);
    assert_eq!(desk["items"][0]["full"], json!(null), "it is in nobody's way");
    let timeline = place.get(&lea, &format!("{room}/timeline")).await;
    assert!(
        timeline
            .text
            .contains("discarded before it was submitted: begun by mistake")
    );
    let audit = place.get(&lea, "/api/v1/audit").await;
    assert!(audit.text.contains("notice.discarded"), "{}", audit.text);
}

#[tokio::test]
async fn the_clocks_of_law_run_from_moments_that_people_record_and_phases_from_what_was_submitted() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    let id = view["incident"]["id"].as_str().expect("an id").to_owned();
    let room = format!("/api/v1/incidents/{id}");
    let clocks = || async { place.get(&eve, &format!("{room}/clocks")).await.expect(200) };
    let rule = |clocks: &Value, id: &str| {
        let rules = clocks["rules"].as_array().expect("a list").clone();
        rules.into_iter().find(|rule| rule["id"] == id).expect("it binds")
    };
    let before = clocks().await;
    assert_eq!(before["rules"].as_array().map(Vec::len), Some(4), "{before}");
    let unread = before["unread"].as_array().expect("a list");
    assert!(unread.len() > 20);
    assert_eq!(
        (&unread[0]["id"], &unread[0]["may_bind"]),
        (&json!("gdpr.33_2"), &json!(true)),
        "what may bind anybody comes first"
    );
    assert_eq!(
        unread[0]["phases"][0]["due"]["state"], "waits",
        "what it would ask"
    );
    assert!(
        unread.iter().all(|rule| rule["id"] != "gdpr.33_1"),
        "what counsel has read is no longer among them"
    );
    assert_eq!(rule(&before, "gdpr.33_1")["phases"][0]["due"]["state"], "waits");

    place.advance(Duration::minutes(30));
    let opened = view["incident"]["opened_at"].clone();
    let moments = format!("{room}/moments");
    let aware = json!({"moment": "aware", "at": opened, "why": "the customer confirmed it on the phone"});
    assert_eq!(place.post(&eve, &moments, aware.clone()).await.status, 403);
    place.post(&ann, &moments, aware).await.expect(200);
    let running = clocks().await;
    let due = &rule(&running, "gdpr.33_1")["phases"][0]["due"];
    assert_eq!((&due["state"], &due["since"]), (&json!("by"), &opened));
    assert_eq!(due["readings"].as_array().map(Vec::len), Some(2));
    let later = json!({"moment": "aware", "at": start() + Duration::minutes(29), "why": "it was later"});
    assert_eq!(
        place.post(&ann, &moments, later.clone()).await.status,
        403,
        "it takes another person"
    );
    place.post(&lea, &moments, later).await.expect(200);
    let told = clocks().await["moments"].clone();
    let aware = told
        .as_array()
        .expect("a list")
        .iter()
        .find(|told| told["moment"] == "aware")
        .cloned();
    assert_eq!(
        aware.expect("it was recorded")["records"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    let submissions = format!("{room}/submissions");
    let submitted = |rule: &str, phase: &str| json!({"rule": rule, "phase": phase, "at": start() + Duration::minutes(29), "reference": "CSIRT 4711"});
    assert_eq!(
        place
            .post(&lea, &submissions, submitted("eu.dora", "initial"))
            .await
            .status,
        422,
        "it does not bind"
    );
    place
        .post(&lea, &submissions, submitted("eu.nis2_23", "notification"))
        .await
        .expect(200);
    assert_eq!(
        place
            .post(&lea, &submissions, submitted("eu.nis2_23", "notification"))
            .await
            .status,
        409
    );
    let after = rule(&clocks().await, "eu.nis2_23");
    assert_eq!(after["phases"][1]["in_time"], true);
    assert_eq!(after["phases"][1]["submitted"]["reference"], "CSIRT 4711");
    assert_eq!(
        after["phases"][2]["due"]["state"], "by",
        "the last one counts from it"
    );

    let timers = |view: &Value| {
        let timers = view["incident"]["timers"].as_array().expect("a list").clone();
        let law = timers
            .into_iter()
            .filter(|timer| timer["kind"]["kind"] == "law" && timer["state"]["state"] == "running");
        let clocks = law.map(|timer| timer["kind"]["clock"].clone());
        clocks
            .map(|clock| format!("{} {}", clock["rule"], clock["phase"]).replace('"', ""))
            .collect::<BTreeSet<String>>()
    };
    let view = place.get(&eve, &room).await.expect(200);
    let all = [
        "gdpr.33_1 notification",
        "eu.nis2_23 early_warning",
        "eu.nis2_23 final",
    ];
    assert_eq!(timers(&view), BTreeSet::from(all.map(str::to_owned)));
    let nis2 = format!("{room}/rules/eu.nis2_23");
    let aside = json!({"applies": false, "why": "we are no essential entity"});
    assert_eq!(place.post(&eve, &nis2, aside.clone()).await.status, 403);
    let unknown = place
        .post(&lea, &format!("{room}/rules/eu.dora"), aside.clone())
        .await;
    assert_eq!(unknown.status, 422, "it does not bind");
    assert_eq!(
        place
            .post(&lea, &nis2, json!({"applies": false, "why": " "}))
            .await
            .status,
        422
    );
    let view = place.post(&lea, &nis2, aside).await.expect(200);
    assert_eq!(timers(&view), BTreeSet::from([all[0].to_owned()]));
    assert_eq!(
        rule(&clocks().await, "eu.nis2_23")["set_aside"]["why"],
        "we are no essential entity"
    );
    let applies = json!({"applies": true, "why": "the ministry says that we are one"});
    let view = place.post(&lea, &nis2, applies.clone()).await.expect(200);
    assert_eq!(timers(&view).len(), 3);
    assert_eq!(place.post(&lea, &nis2, applies).await.status, 409);
}

#[tokio::test]
async fn counsel_lets_a_clock_stand_with_evidence_and_until_an_instant() {
    let place = Place::open().await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    let room = place.room(&lea).await;
    place.advance(Duration::minutes(30));
    let determined = json!({"moment": "determined", "at": start(), "why": "the board says so"});
    place
        .post(&lea, &format!("{room}/moments"), determined)
        .await
        .expect(200);
    let filing = || async {
        let clocks = place.get(&eve, &format!("{room}/clocks")).await.expect(200);
        let rules = clocks["rules"].as_array().expect("a list").clone();
        rules
            .into_iter()
            .find(|rule| rule["id"] == "us.sec_105")
            .expect("it binds")
    };
    let before = filing().await;
    let rule = format!("{room}/rules/us.sec_105");
    let until = start() + Duration::days(30);
    let pause = json!({
        "reason": before["may_pause"][0]["reason"], "evidence": "determination 4711", "from": start(), "until": until,
    });
    let path = format!("{rule}/pause");
    assert_eq!(place.post(&eve, &path, pause.clone()).await.status, 403);
    let wish = json!({"reason": "we want to", "evidence": "none", "from": start(), "until": until});
    place.post(&lea, &path, wish).await.expect(404);
    let view = place.post(&lea, &path, pause).await.expect(200);
    let paused = filing().await;
    assert_eq!(paused["phases"][0]["due"]["due_at"], json!(until));
    assert_eq!(paused["pauses"][0]["evidence"], "determination 4711");
    let timers = view["incident"]["timers"].as_array().expect("a list");
    let law = timers.iter().find(|timer| timer["kind"]["kind"] == "law");
    let clock = &law.expect("it runs")["kind"]["clock"];
    assert_eq!(clock["due_at"], json!(until), "its pages wait too");
    let why = json!({"why": "the determination was withdrawn"});
    let resume = format!("{rule}/resume");
    place.post(&lea, &resume, why.clone()).await.expect(200);
    assert_eq!(
        filing().await["phases"][0]["due"]["due_at"],
        before["phases"][0]["due"]["due_at"]
    );
    assert_eq!(place.post(&lea, &resume, why).await.status, 409);
}

#[tokio::test]
async fn a_ladder_is_stopped_by_a_hold_of_counsel_or_by_two_people() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    let hold = format!("{room}/hold");
    let until = json!({"until": start() + Duration::days(4), "why": "letter of the prosecutor"});
    assert_eq!(
        place.post(&lea, &hold, until.clone()).await.status,
        409,
        "nothing is confirmed"
    );
    place.confirm(&ann, &room).await;
    place.list(&ann, &room, &acme, "confirmed").await;

    assert_eq!(
        place.post(&ann, &hold, until.clone()).await.status,
        403,
        "counsel holds"
    );
    let late = json!({"until": start() + Duration::days(40), "why": "letter of the prosecutor"});
    assert_eq!(place.post(&lea, &hold, late).await.status, 422);
    let held = place.post(&lea, &hold, until).await.expect(200);
    let step = |view: &Value, name: &str| {
        let ladder = view["obligations"][0]["ladder"]
            .as_array()
            .expect("a list")
            .clone();
        ladder
            .into_iter()
            .find(|step| step["step"] == name)
            .expect("a step")["at"]
            .clone()
    };
    assert_eq!(step(&held, "send_holding"), json!(start() + Duration::days(4)));
    let lift = json!({"why": "the prosecutor agrees"});
    let lifted = place
        .post(&lea, &format!("{hold}/lift"), lift.clone())
        .await
        .expect(200);
    assert_ne!(step(&lifted, "send_holding"), step(&held, "send_holding"));
    assert_eq!(place.post(&lea, &format!("{hold}/lift"), lift).await.status, 409);

    let moved = format!("{room}/disclosure/move");
    let later = json!({"at": start(), "why": "it was confirmed on the phone then"});
    let earlier = json!({"at": start() - Duration::minutes(5), "why": "the mail came then"});
    let nearer = place.post(&ann, &moved, earlier.clone()).await.expect(200);
    assert_eq!(nearer["incident"]["disclosure"]["at"], earlier["at"]);
    assert_eq!(place.post(&ann, &moved, earlier).await.status, 409);
    let waits = place.post(&ann, &moved, later).await.expect(200);
    assert_eq!(waits["incident"]["disclosure"]["moving"]["to"], json!(start()));
    let why = json!({"why": "the list of calls says so"});
    let agree = format!("{room}/disclosure/agree_move");
    let agreed = json!({"at": start(), "why": "the list of calls says so"});
    assert_eq!(
        place.post(&ann, &agree, agreed.clone()).await.status,
        403,
        "not alone"
    );
    let other = json!({"at": start() - Duration::minutes(1), "why": "the list of calls says so"});
    assert_eq!(
        place.post(&lea, &agree, other).await.status,
        422,
        "another instant than was asked for"
    );
    let refuse = format!("{room}/disclosure/refuse_move");
    place.post(&lea, &refuse, why.clone()).await.expect(200);
    assert_eq!(place.post(&lea, &agree, agreed.clone()).await.status, 409);
    let later = json!({"at": start(), "why": "it was confirmed on the phone then"});
    place.post(&ann, &moved, later).await.expect(200);
    let agreed = place.post(&lea, &agree, agreed).await.expect(200);
    assert_eq!(
        agreed["incident"]["disclosure"]["moved"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(agreed["obligations"][0]["deadline"]["from"], json!(start()));
    assert_eq!(
        agreed["obligations"][0]["deadline"]["before"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let reverse = format!("{room}/disclosure/reverse");
    let why = json!({"why": "the key is our auditor's"});
    let asked = place.post(&ann, &reverse, why.clone()).await.expect(200);
    assert_eq!(asked["incident"]["disclosure"]["state"], "confirmed");
    assert_eq!(
        place.post(&ann, &reverse, why.clone()).await.status,
        403,
        "not alone"
    );
    let refuse = format!("{room}/disclosure/refuse_reversal");
    place.post(&lea, &refuse, why.clone()).await.expect(200);
    assert_eq!(place.post(&lea, &refuse, why.clone()).await.status, 409);
    place.post(&ann, &reverse, why.clone()).await.expect(200);
    let reversed = place.post(&lea, &reverse, why).await.expect(200);
    assert_eq!(reversed["incident"]["disclosure"]["state"], "rejected");
    assert!(reversed["incident"]["disclosure"]["reversed"]["confirmed_at"].is_string());
    assert_eq!(reversed["obligations"][0]["state"], "ended");
}

#[tokio::test]
async fn a_list_that_somebody_pasted_is_shown_before_it_changes_anything() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    for key in ["acme", "globex", "initech"] {
        place.customer(&lea, key).await;
    }
    let room = place.room(&ann).await;
    let path = format!("{room}/affected/list");
    let list = |list: &str, commit: bool| json!({"list": list, "standing": "confirmed", "evidence": "the analyst's list", "commit": commit});
    assert_eq!(place.post(&eve, &path, list("acme", false)).await.status, 403);
    assert_eq!(place.post(&ann, &path, list(" \n", false)).await.status, 422);
    let preview = place
        .post(&ann, &path, list("ACME Ltd\nglobex; umbra", true))
        .await
        .expect(200);
    assert_eq!(preview["committed"], false, "not while something names nobody");
    assert_eq!(preview["changed"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&preview["faults"][0]["line"], &preview["faults"][0]["listed"]),
        (&json!(2), &json!("umbra"))
    );
    let unchanged = place.get(&ann, &room).await.expect(200);
    assert_eq!(unchanged["incident"]["affected"], json!({}));
    let mut no_evidence = list("acme", true);
    no_evidence["evidence"] = json!(" ");
    assert_eq!(place.post(&ann, &path, no_evidence).await.status, 422);
    let confirm = json!({"why": "the log shows downloads"});
    place
        .post(&ann, &format!("{room}/disclosure/confirm"), confirm)
        .await
        .expect(200);
    let done = place
        .post(&ann, &path, list("ACME Ltd\nglobex\nacme", true))
        .await
        .expect(200);
    assert_eq!(done["committed"], true, "{done}");
    let room_now = place.get(&ann, &room).await.expect(200);
    assert_eq!(room_now["obligations"].as_array().map(Vec::len), Some(2));
    let again = place
        .post(&ann, &path, list("acme, initech", true))
        .await
        .expect(200);
    assert_eq!(
        (&again["unchanged"], &again["committed"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test]
async fn a_decision_on_a_suspicion_is_extended_with_a_reason_and_not_for_ever() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let room = place.room(&ann).await;
    let extend = format!("{room}/disclosure/extend");
    let until = |hours: i64| json!({"until": start() + Duration::hours(hours), "why": "logs of two regions are still missing"});
    assert_eq!(
        place.post(&ann, &extend, until(40)).await.status,
        409,
        "nothing is suspected"
    );
    let why = json!({"why": "files were listed"});
    place
        .post(&ann, &format!("{room}/disclosure/suspect"), why)
        .await
        .expect(200);
    assert_eq!(
        place.post(&ann, &extend, until(1)).await.status,
        422,
        "that is sooner"
    );
    assert_eq!(
        place.post(&ann, &extend, until(100)).await.status,
        422,
        "that is too late"
    );
    let extended = place.post(&ann, &extend, until(40)).await.expect(200);
    let decide_by = &extended["incident"]["disclosure"]["decide_by"];
    assert_eq!(decide_by, &json!(start() + Duration::hours(40)));
    let timers = extended["incident"]["timers"].as_array().expect("a list").clone();
    let timer = timers
        .iter()
        .find(|timer| timer["kind"]["kind"] == "disclosure_decision")
        .expect("a timer");
    assert_eq!(&timer["due_at"], decide_by);
}

#[tokio::test]
async fn who_called_a_customer_writes_it_down_and_it_stands_beside_the_letter() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let eve = place.person("eve", &[AccessRole::Viewer]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    place.list(&ann, &room, &acme, "confirmed").await;
    let confirmed = place.confirm(&ann, &room).await;
    let owed = &confirmed["obligations"][0];
    assert_eq!((&owed["round"], &owed["miss"]), (&json!(1), &json!(null)));
    assert_eq!(
        owed["holding"]["unapproved"],
        json!(["en"]),
        "nobody has read its words"
    );
    let path = format!("{}/told-by-hand", path_of("obligations", owed));
    let call = |field: &str, value: Value| {
        let mut call = json!({
            "channel": "phone", "teller": "Ann", "to": "Sam, +1 555 0100", "told_at": start(),
            "said": "Read the holding notice.", "evidence": "Recording 12",
        });
        call[field] = value;
        call
    };
    place
        .post(&eve, &path, call("teller", json!("Eve")))
        .await
        .expect(403);
    for (field, wrong) in [
        ("channel", json!("email")),
        ("to", json!("")),
        ("evidence", json!("x".repeat(301))),
        ("said", json!(" ")),
        ("told_at", json!(start() + Duration::hours(1))),
    ] {
        let refused = place.post(&ann, &path, call(field, wrong)).await.expect(422);
        assert_eq!(refused["faults"][0]["field"], field, "{refused:#}");
    }
    let told = place
        .post(&ann, &path, call("teller", json!("Ann")))
        .await
        .expect(200);
    assert_eq!(told["state"], "running", "a call is no letter");
    assert_eq!(told["by_hand"][0]["to"], "Sam, +1 555 0100");
    let notice = format!(
        "/api/v1/notices/{}",
        owed["holding"]["notice"].as_str().expect("an id")
    );
    let notice = place.get(&eve, &notice).await.expect(200);
    assert_eq!(notice["letters"][0]["by_hand"][0]["evidence"], "Recording 12");
    assert_eq!(notice["letters"][0]["template"]["language"], "en");
    let proof = place.get(&eve, &format!("{room}/proof")).await.expect(200);
    let levels = proof["levels"].as_array().expect("levels");
    assert_eq!(
        levels.last().map(|level| &level["level"]),
        Some(&json!("by_hand"))
    );
}

#[tokio::test]
async fn a_miss_stays_on_the_list_until_somebody_says_why_though_the_customer_was_cleared() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    place.list(&ann, &room, &acme, "confirmed").await;
    place.confirm(&ann, &room).await;
    place.clock.advance(Duration::hours(73));
    // Whoever was signed in is so no longer.
    let ann = place.person("bea", &[AccessRole::Commander]).await;
    let lea = place.person("leo", &[AccessRole::Legal]).await;
    place.list(&ann, &room, &acme, "cleared").await;
    let listed = async |states: &str| {
        let found = place
            .get(&lea, &format!("/api/v1/obligations?state={states}"))
            .await
            .expect(200);
        found["items"].as_array().expect("items").clone()
    };
    assert_eq!(listed("running,missed").await, [] as [Value; 0]);
    let to_do = listed("running,missed,unexplained").await;
    assert_eq!(to_do.len(), 1, "{to_do:#?}");
    assert_eq!(
        (&to_do[0]["state"], &to_do[0]["miss"]["why"]),
        (&json!("ended"), &json!(null))
    );
    let path = format!("{}/explain", path_of("obligations", &to_do[0]));
    place
        .post(&lea, &path, json!({"why": "the list came late"}))
        .await
        .expect(200);
    assert_eq!(listed("unexplained").await, [] as [Value; 0]);
    let refused = place
        .get(&lea, "/api/v1/obligations?state=forgotten")
        .await
        .expect(400);
    assert!(refused.to_string().contains("unexplained"), "{refused:#}");
}
