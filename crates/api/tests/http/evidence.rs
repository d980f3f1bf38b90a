//! What auditors take away over HTTP.

use crate::support::{Place, start};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use watchkeeper_domain::access::AccessRole;

#[tokio::test]
async fn an_auditor_takes_a_pack_away_and_the_log_says_so() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let aud = place.person("aud", &[AccessRole::Auditor]).await;
    let view = place.incident(&ann, "Odd downloads").await;
    let id = view["incident"]["id"].as_str().expect("an id").to_owned();
    for asked in [
        json!({"incident": id}),
        json!({}),
        json!({"from": "2020-01-01", "to": start().format("%Y-%m-%d").to_string()}),
    ] {
        let aud = aud.with("content-type", "application/json");
        let response = place
            .raw(&aud, "POST", "/api/v1/packs", asked.to_string().into())
            .await;
        assert_eq!(response.status(), 200, "{asked}");
        assert_eq!(response.headers()["content-type"], "application/zip");
        let name = response.headers()["content-disposition"]
            .to_str()
            .expect("a name")
            .to_owned();
        assert!(
            name.contains("watchkeeper-pack-") && name.ends_with(".zip\""),
            "{name}"
        );
        let bytes = axum::body::to_bytes(response.into_body(), 16 << 20)
            .await
            .expect("a body");
        assert!(bytes.starts_with(b"PK\x03\x04"), "it is a zip");
        assert!(
            bytes.windows(8).any(|part| part == b"manifest"),
            "with a manifest"
        );
    }
    let records = place
        .get(&aud, "/api/v1/audit?action=pack.exported")
        .await
        .expect(200);
    let exports = records["items"].as_array().expect("records").len();
    assert_eq!(exports, 3);

    let both = place
        .post(
            &aud,
            "/api/v1/packs",
            json!({"incident": id, "from": "2020-01-01"}),
        )
        .await
        .expect(422);
    assert_eq!(both["faults"][0]["field"], "incident");
    let back = place
        .post(
            &aud,
            "/api/v1/packs",
            json!({"from": "2020-02-01", "to": "2020-01-01"}),
        )
        .await
        .expect(422);
    assert_eq!(back["faults"][0]["field"], "to");
    let none = json!({"incident": "inc_00000000000000000000000000"});
    place.post(&aud, "/api/v1/packs", none).await.expect(404);
}

#[tokio::test]
async fn the_register_keeps_what_was_rejected_with_its_reason() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let view = place.incident(&ann, "A laptop was lost").await;
    place.incident(&ann, "Nothing was ever suspected").await;
    let id = view["incident"]["id"].as_str().expect("an id");
    for (decision, why) in [
        ("suspect", "exports were on it"),
        ("reject", "=cmd|its disk is encrypted"),
    ] {
        let path = format!("/api/v1/incidents/{id}/disclosure/{decision}");
        place.post(&ann, &path, json!({"why": why})).await.expect(200);
    }
    let register = place.get(&lea, "/api/v1/register").await.expect(200);
    let entries = register["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 1, "{register}");
    assert_eq!(entries[0]["state"], "rejected");
    assert_eq!(entries[0]["reason"], "=cmd|its disk is encrypted");
    assert_eq!(entries[0]["effects"], json!(null));
    assert_eq!(entries[0]["decisions"].as_array().expect("decisions").len(), 2);
    let later = place
        .get(&lea, "/api/v1/register?from=2999-01-01")
        .await
        .expect(200);
    assert_eq!(later["entries"], json!([]));

    let taken = place.post(&lea, "/api/v1/register", json!({})).await;
    assert_eq!(taken.status, 200);
    assert_eq!(taken.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        taken.text.contains("'=cmd|its disk is encrypted"),
        "no spreadsheet runs it"
    );
    let records = place
        .get(&lea, "/api/v1/audit?action=register.exported")
        .await
        .expect(200);
    assert_eq!(records["items"].as_array().expect("records").len(), 1);
}

#[tokio::test]
async fn a_severity_is_shown_with_its_arithmetic_and_suppresses_nothing() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let lea = place.person("lea", &[AccessRole::Legal]).await;
    let acme = place.customer(&lea, "acme").await;
    let room = place.room(&ann).await;
    let inputs = json!({"data": [{"kind": "simple"}], "identification": "maximum", "confidentiality": "full", "malice": true});
    let assessment = json!({"inputs": inputs, "why": "names and addresses, taken by a thief"});
    place
        .post(&ann, &format!("{room}/assessment"), assessment.clone())
        .await
        .expect(409);
    place.list(&ann, &room, &acme, "confirmed").await;
    let confirmed = place.confirm(&ann, &room).await;
    let assessed = place
        .post(&lea, &format!("{room}/assessment"), assessment)
        .await
        .expect(200);
    let severity = &assessed["breach_severity"];
    assert_eq!(severity["assessments"][0]["score"], "2");
    assert_eq!(severity["assessments"][0]["level"], "medium");
    assert!(
        severity["assessments"][0]["arithmetic"]
            .as_str()
            .expect("words")
            .contains("DPC 1 (simple) × EI 1 + CB 1")
    );
    assert!(
        severity["note"]
            .as_str()
            .expect("words")
            .contains("never suppresses")
    );
    assert_eq!(
        assessed["obligations"], confirmed["obligations"],
        "nothing that is owed changes"
    );
    let bad = json!({"inputs": {"data": [{"kind": "secret"}], "identification": "maximum"}, "why": "x"});
    place
        .post(&lea, &format!("{room}/assessment"), bad)
        .await
        .expect(422);
    let why = format!("{room}/affected/{}/why", acme["id"].as_str().expect("an id"));
    let why = place.get(&ann, &why).await.expect(200);
    assert_eq!(
        (&why["standing"], &why["events_counted"]),
        (&json!("confirmed"), &json!(0))
    );
    assert_eq!(why["changes"][0]["evidence"], "its tenant is in the log");
    let register = place.get(&lea, "/api/v1/register").await.expect(200);
    assert_eq!(register["entries"][0]["severity"]["score"], "2");
}

#[tokio::test]
async fn a_report_says_what_is_missing_takes_what_people_say_and_is_recorded_when_it_leaves() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let aud = place.person("aud", &[AccessRole::Auditor]).await;
    let room = place.room(&ann).await;
    let missing = |reports: &serde_json::Value| {
        let gdpr = &reports["reports"][0];
        assert_eq!(gdpr["form"], "gdpr-33");
        gdpr["missing"].to_string()
    };
    let reports = place.get(&ann, &format!("{room}/reports")).await.expect(200);
    assert!(missing(&reports).contains("subject_count"), "{reports}");
    assert!(
        !missing(&reports).contains("contact point"),
        "the configuration has it"
    );

    let said = json!({"particular": "subject_count", "text": "about 1200 客"});
    let particulars = format!("{room}/particulars");
    place.post(&aud, &particulars, said.clone()).await.expect(403);
    place.post(&ann, &particulars, said).await.expect(200);
    let nothing = json!({"particular": "subject_count", "text": " "});
    let refused = place.post(&ann, &particulars, nothing).await.expect(422);
    assert_eq!(refused["faults"][0]["field"], "text");
    let reports = place.get(&ann, &format!("{room}/reports")).await.expect(200);
    assert!(!missing(&reports).contains("subject_count"), "{reports}");
    assert_eq!(reports["reports"][0]["pdf_lacks"], json!(["U+5BA2"]));

    let form = format!("{room}/reports/gdpr-33");
    place
        .post(&ann, &form, json!({"format": "pdf"}))
        .await
        .expect(403);
    let unknown = format!("{room}/reports/gdpr-34");
    place
        .post(&aud, &unknown, json!({"format": "pdf"}))
        .await
        .expect(404);
    let mut digests = Vec::new();
    for (format, kind) in [("json", "application/json"), ("pdf", "application/pdf")] {
        let aud = aud.with("content-type", "application/json");
        let asked = json!({"format": format}).to_string();
        let response = place.raw(&aud, "POST", &form, asked.into()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], kind);
        let name = response.headers()["content-disposition"]
            .to_str()
            .expect("a name");
        assert!(
            name.contains("watchkeeper-gdpr-33-INC-") && name.ends_with(&format!(".{format}\"")),
            "{name}"
        );
        let bytes = axum::body::to_bytes(response.into_body(), 16 << 20)
            .await
            .expect("a body");
        if format == "json" {
            let report: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            assert!(report.to_string().contains("about 1200 客"));
        } else {
            assert!(bytes.starts_with(b"%PDF-"));
        }
        digests.push(hex::encode(Sha256::digest(&bytes)));
    }
    let records = place
        .get(&aud, "/api/v1/audit?action=report.exported")
        .await
        .expect(200);
    let told = records["items"].to_string();
    assert!(
        digests.iter().all(|digest| told.contains(digest.as_str())),
        "{told}"
    );
    assert!(
        told.contains("U+5BA2"),
        "what the font lacked is on the record: {told}"
    );
}
