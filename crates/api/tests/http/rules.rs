//! What is shown of rules that are read again.

use crate::support::{Place, RULE};
use serde_json::json;
use watchkeeper_detect::RuleFile;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_respond::workers::Worker;

fn file(path: &str, text: String) -> RuleFile {
    RuleFile::new(path, text)
}

#[tokio::test]
async fn detectors_show_what_the_last_reload_came_to() {
    let mut place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Responder]).await;
    let before = place.get(&ann, "/api/v1/detectors").await.expect(200);
    assert_eq!(before["rules"], json!({"reloaded": null, "unreadable": null}));
    let changed = RULE.replace("outcome: failed", "outcome: refused");
    let broken = RULE
        .replace("0001-4000", "0002-4000")
        .replace("outcome:", "outcome|contians:");
    place.rules.hold(Ok(vec![
        file("failed.yaml", changed),
        file("broken.yaml", broken),
        file(
            "new.yaml",
            RULE.replace("0001-4000", "0003-4000").replace("Failed", "New"),
        ),
    ]));
    place.rules.bell.ring();
    place.watch.turn().await.expect("a turn");
    let after = place.get(&ann, "/api/v1/detectors").await.expect(200);
    let reloaded = &after["rules"]["reloaded"];
    assert_eq!(reloaded["at"], "2026-06-01T08:00:00Z");
    assert_eq!(reloaded["restarted"][0]["title"], "Failed sign-ins");
    assert_eq!(reloaded["added"][0]["title"], "New sign-ins");
    assert_eq!(
        (&reloaded["kept"], &reloaded["gone"], &reloaded["quarantined"]),
        (&json!(0), &json!([]), &json!(1))
    );
    let fault = &after["quarantined"][0];
    assert_eq!(
        (&fault["path"], &fault["line"]),
        (&json!("broken.yaml"), &json!(8))
    );
    assert!(
        fault["key"].as_str().expect("a key").contains("outcome|contians"),
        "{fault}"
    );
    assert_eq!(
        after["items"][0]["dropped"],
        json!({"groups_evicted": 0, "ungrouped": 0, "late": 0, "records_forgotten": 0})
    );
    let admin = place.person("lea", &[AccessRole::Admin]).await;
    let log = place
        .get(&admin, "/api/v1/audit?action=detectors.reloaded")
        .await
        .expect(200);
    assert_eq!(log["items"].as_array().expect("records").len(), 1, "{log}");
}

#[tokio::test]
async fn detectors_show_why_rules_cannot_be_read_and_run_on() {
    let mut place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Responder]).await;
    place.rules.hold(Err("rules/: permission denied".to_owned()));
    place.rules.bell.ring();
    place.watch.turn().await.expect("a turn");
    let shown = place.get(&ann, "/api/v1/detectors").await.expect(200);
    assert_eq!(
        shown["rules"]["unreadable"],
        json!({"since": "2026-06-01T08:00:00Z", "reason": "rules/: permission denied"})
    );
    assert_eq!(shown["items"][0]["title"], "Failed sign-ins");
}
