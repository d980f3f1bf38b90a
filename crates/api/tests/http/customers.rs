//! Customers over HTTP: kept one by one and imported.

use crate::support::{Answer, Place, Visitor};
use serde_json::{Value, json};
use watchkeeper_domain::access::AccessRole;

const HEADER: &str = "key,name,tenants,notify_within,contract,language,security_contact,legal_contact,admin_contact,billing_contact\n";

async fn import(place: &Place, by: &Visitor, commit: bool, rows: &str) -> Answer {
    let list = format!("{HEADER}{rows}");
    place
        .send(
            &by.with("content-type", "text/csv"),
            "POST",
            &format!("/api/v1/customers/import?commit={commit}"),
            list,
        )
        .await
}

#[tokio::test]
async fn a_list_is_looked_at_committed_and_found_unchanged_the_second_time() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let rows = "acme,\"Acme, Inc.\",t-1;t-2,24h,DPA 7,de,Jo Doe <jo@acme.example>,,,\nbeta,Beta,t-3,,,,sec@beta.example,,,pay@beta.example\n";
    let looked = import(&place, &admin, false, rows).await.expect(200);
    assert_eq!(
        (&looked["rows"], &looked["committed"], &looked["faults"]),
        (&json!(2), &json!(false), &json!([]))
    );
    assert_eq!(
        looked["added"],
        json!([{"key": "acme", "name": "Acme, Inc."}, {"key": "beta", "name": "Beta"}])
    );
    assert_eq!(
        place.get(&admin, "/api/v1/customers").await.expect(200)["items"],
        json!([])
    );

    assert_eq!(
        import(&place, &admin, true, rows).await.expect(200)["committed"],
        true
    );
    let again = import(&place, &admin, true, rows).await.expect(200);
    assert_eq!(
        (&again["unchanged"], &again["changed"], &again["added"]),
        (&json!(2), &json!([]), &json!([]))
    );
    let found = place.get(&admin, "/api/v1/customers?q=ACME").await.expect(200);
    assert_eq!(
        (
            &found["items"][0]["notify_within"],
            &found["items"][0]["contacts"][0]["name"]
        ),
        (&json!("24h"), &json!("Jo Doe"))
    );

    let changed = import(
        &place,
        &admin,
        true,
        "beta,Beta,t-3,48h,,,sec@beta.example,,,pay@beta.example\n",
    )
    .await
    .expect(200);
    assert_eq!(
        changed["changed"],
        json!([{"key": "beta", "name": "Beta", "changes": ["notify_within: 72h by default → 48h"]}])
    );
}

#[tokio::test]
async fn every_fault_has_its_line_and_field_and_nothing_is_committed() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    import(&place, &admin, true, "old,Old,t-old,,,,sec@old.example,,,\n")
        .await
        .expect(200);
    let rows = "good,Good,t-good,,,,sec@good.example,,,\n\
                bad,,t-bad,soon,,,no address,,,\n\
                none,None,,,,,,,,\n\
                thief,Thief,t-old,,,,sec@thief.example,,,\n\
                twin,Twin,t-good,,,,sec@twin.example,,,\n";
    let answer = import(&place, &admin, true, rows).await.expect(200);
    let faults = answer["faults"].as_array().expect("faults");
    let places: Vec<(u64, &str)> = faults
        .iter()
        .map(|f| {
            (
                f["line"].as_u64().expect("a line"),
                f["field"].as_str().expect("a field"),
            )
        })
        .collect();
    let expected = [
        (3, "name"),
        (3, "notify_within"),
        (3, "security_contact"),
        (4, "security_contact"),
        (5, "tenants"),
        (6, "tenants"),
    ];
    assert_eq!(places, expected, "{faults:#?}");
    assert_eq!(answer["committed"], false);
    let kept = place.get(&admin, "/api/v1/customers").await.expect(200);
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn tenants_move_between_customers_whatever_the_order_of_the_list() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    import(
        &place,
        &admin,
        true,
        "a,A,t-1,,,,x@a.example,,,\nb,B,t-2,,,,x@b.example,,,\n",
    )
    .await
    .expect(200);
    let swapped = import(
        &place,
        &admin,
        true,
        "a,A,t-2,,,,x@a.example,,,\nb,B,t-1,,,,x@b.example,,,\n",
    )
    .await
    .expect(200);
    assert_eq!(swapped["committed"], true, "{swapped}");
    let items = place.get(&admin, "/api/v1/customers").await.expect(200)["items"].clone();
    assert_eq!(
        (&items[0]["tenants"], &items[1]["tenants"]),
        (&json!(["t-2"]), &json!(["t-1"]))
    );
}

#[tokio::test]
async fn a_customer_is_kept_with_all_faults_named_and_under_its_version() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let acme = place.customer(&admin, "acme").await;
    let wrong = json!({"name": "", "tenants": [], "notify_within": "1000d", "contract": "", "language": "?", "contacts": []});
    let problem = place
        .write(&admin, "PUT", "/api/v1/customers/acme", wrong)
        .await
        .expect(422);
    let fields: Vec<&Value> = problem["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| &fault["field"])
        .collect();
    assert_eq!(fields, ["name", "notify_within", "contacts", "language"]);
    let taken =
        json!({"name": "B", "tenants": ["t-acme"], "contacts": [{"email": "x@b.example", "role": "legal"}]});
    let problem = place
        .write(&admin, "PUT", "/api/v1/customers/b", taken)
        .await
        .expect(422);
    assert_eq!(problem["faults"][0]["field"], "tenants");

    let mut facts = json!({"name": "Acme", "tenants": ["t-acme"], "contacts": [{"name": "Security", "email": "security@acme.example", "role": "security"}]});
    let based = admin.with("if-match", &format!("\"{}\"", acme["version"]));
    let second = place
        .write(&based, "PUT", "/api/v1/customers/acme", facts.clone())
        .await
        .expect(200);
    assert_eq!(second["version"], 2);
    facts["name"] = json!("Another");
    let late = place
        .write(&based, "PUT", "/api/v1/customers/acme", facts)
        .await
        .expect(409);
    assert_eq!(late["current"]["name"], "Acme");
}

#[tokio::test]
async fn the_audit_log_names_fields_and_no_person() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    import(
        &place,
        &admin,
        true,
        "acme,Acme,t-1,24h,DPA 7,en,Jo Doe <jo@acme.example>,,,\n",
    )
    .await
    .expect(200);
    let mut tx = place.desk.store().read().await.expect("reads");
    let log = tx.audit_after(0, 100).await.expect("a log");
    let added = log
        .iter()
        .find(|record| record.action == "customer.added")
        .expect("a record");
    assert!(added.detail.contains("contacts"), "{}", added.detail);
    let whole = format!("{log:?}");
    assert!(!whole.contains("Jo Doe") && !whole.contains("acme.example") && !whole.contains("DPA 7"));
    assert!(log.iter().any(|record| record.action == "customers.imported"));
}

#[tokio::test]
async fn a_list_that_is_too_large_is_refused() {
    let place = Place::open().await;
    let admin = place.person("admin", &[AccessRole::Admin]).await;
    let rows = "x".repeat(10 * 1024 * 1024);
    assert_eq!(import(&place, &admin, false, &rows).await.status, 413);
}
