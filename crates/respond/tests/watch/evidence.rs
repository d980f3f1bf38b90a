//! Customers are found in events by a company's own rules, and whoever asks why is shown the events.

use crate::post::{Post, brute_force, settle};
use serde_json::json;
use watchkeeper_detect::RuleFile;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::incident::Standing;
use watchkeeper_respond::Library;
use watchkeeper_store::{IncidentFilter, PageRequest};

const RULES: &str = "tenants:
  - {field: bucket, lookup: buckets.csv}
  - {field: key, pattern: '^tenants/(?<tenant>[^/]+)/'}
objects: [key]
people: [owners]
data_classes: [class]
";

const BUCKETS: &str = "value,tenant,customer\nfiles-17,t-acme,\nfiles-18,,globex\n";

const CUSTOMERS: &str = "key,name,tenants,security_contact
acme,Acme,t-acme,security@acme.example
globex,Globex,t-globex,security@globex.example
initech,Initech,initech,security@initech.example
hooli,Hooli,hooli,security@hooli.example
";

fn library() -> Library {
    let library = Library::read([("evidence/buckets.csv", BUCKETS), ("evidence/store.yaml", RULES)]);
    assert_eq!(library.faults, []);
    library
}

#[tokio::test]
async fn customers_are_found_by_table_key_and_pattern_and_whoever_asks_why_sees_the_events() {
    let post = Post::open_with(library()).await;
    let import = post
        .desk
        .import_customers(CUSTOMERS.as_bytes(), true, &Actor::Operator)
        .await
        .expect("an import");
    assert!(import.faults.is_empty(), "{:?}", import.faults);
    let rule = brute_force("guess", 5);
    post.folder.hold([RuleFile {
        text: rule.text.replace("level: low", "level: high"),
        ..rule
    }]);
    let touched = [
        json!({"bucket": "files-17", "key": "a.pdf", "owners": ["ann@acme.example", "bob@acme.example"], "class": "contracts"}),
        json!({"bucket": "files-17", "key": "b.pdf", "owners": ["ann@acme.example"], "class": "contracts"}),
        json!({"bucket": "files-18", "key": "c.pdf"}),
        json!({"bucket": "shared", "key": "tenants/initech/d.pdf"}),
        json!({"bucket": "unknown", "key": "tenants/nobody/e.pdf"}),
    ];
    for (second, fields) in touched.into_iter().enumerate() {
        let mut fields = fields;
        fields["kind"] = json!("guess");
        fields["result"] = json!("failure");
        fields["src_ip"] = json!("203.0.113.7");
        post.feed.tells(&fields, i64::try_from(second).expect("small"));
    }
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    let mut tx = post.store.read().await.expect("reads");
    let incidents = tx
        .incidents(&IncidentFilter::default(), &PageRequest::first(10))
        .await
        .expect("incidents");
    let customers = tx.all_customers().await.expect("customers");
    drop(tx);
    let id = incidents.items[0].id.clone();
    let incident = post
        .desk
        .suspect_disclosure(&id, None, "files were read", &Actor::Operator)
        .await
        .expect("suspected");
    let listed: Vec<&str> = customers
        .iter()
        .filter(|customer| incident.affected.contains_key(&customer.id))
        .map(|customer| customer.key.as_str())
        .collect();
    assert_eq!(listed, ["acme", "globex", "initech"]);
    assert!(
        incident.unclaimed_tenants.contains("nobody"),
        "{:?}",
        incident.unclaimed_tenants
    );

    let of = |key: &str| {
        customers
            .iter()
            .find(|customer| customer.key == key)
            .expect("there")
            .id
            .clone()
    };
    let why = post.desk.why_affected(&id, &of("acme")).await.expect("an answer");
    assert_eq!(why.standing, Some(Standing::Possible));
    assert_eq!((why.events_counted, why.events_kept), (2, 2));
    assert_eq!(why.alerts[0].tenants["t-acme"].events, 2);
    assert_eq!(why.events[0].by[0].found_in, "bucket = files-17");
    assert_eq!(why.events[0].by[0].rule, "evidence/store.yaml:2");
    assert!(why.events[0].raw.contains("a.pdf"));
    assert_eq!(why.objects.names, ["a.pdf", "b.pdf"]);
    assert_eq!(why.people.names, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(
        (why.data_classes.count, why.data_classes.names[0].as_str()),
        (1, "contracts")
    );

    let by_key = post
        .desk
        .why_affected(&id, &of("globex"))
        .await
        .expect("an answer");
    assert_eq!(
        by_key.alerts[0].tenants.keys().collect::<Vec<_>>(),
        ["customer:globex"]
    );
    assert_eq!(by_key.objects.names, ["c.pdf"]);
    let by_pattern = post
        .desk
        .why_affected(&id, &of("initech"))
        .await
        .expect("an answer");
    assert_eq!(by_pattern.events[0].by[0].found_in, "key = initech");
    let not_there = post
        .desk
        .why_affected(&id, &of("hooli"))
        .await
        .expect("an answer");
    assert_eq!(
        (
            not_there.standing,
            not_there.events_counted,
            not_there.events_kept
        ),
        (None, 0, 0)
    );
}

#[tokio::test]
async fn two_alerts_over_the_same_events_count_each_event_once() {
    let post = Post::open_with(library()).await;
    post.desk
        .import_customers(CUSTOMERS.as_bytes(), true, &Actor::Operator)
        .await
        .expect("an import");
    let rule = brute_force("guess", 4);
    let high = rule.text.replace("level: low", "level: high");
    post.folder.hold([
        RuleFile::new(
            "other.yml".to_owned(),
            high.replace("name: guess_failed", "name: other_failed")
                .replace("id: guess", "id: other")
                .replace("[guess_failed]", "[other_failed]")
                .replace("Guessing guess", "Another eye on it"),
        ),
        RuleFile { text: high, ..rule },
    ]);
    for second in 0..6 {
        let fields = json!({"kind": "guess", "result": "failure", "src_ip": "203.0.113.7", "action": "download",
            "bucket": "files-17", "key": format!("{second}.pdf")});
        post.feed.tells(&fields, second);
    }
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    let mut tx = post.store.read().await.expect("reads");
    let incidents = tx
        .incidents(&IncidentFilter::default(), &PageRequest::first(10))
        .await
        .expect("incidents");
    let acme = tx
        .customer_by_key("acme")
        .await
        .expect("read")
        .expect("a customer")
        .id;
    drop(tx);
    assert_eq!(incidents.items.len(), 1, "one actor, one incident");
    let id = incidents.items[0].id.clone();
    let incident = post
        .desk
        .suspect_disclosure(&id, None, "files were read", &Actor::Operator)
        .await
        .expect("suspected");
    let affected = &incident.affected[&acme];
    assert_eq!(affected.traces["t-acme"].events, 6);
    let evidence = &affected.changes[0].evidence;
    assert!(
        evidence.starts_with("when proposed (") && evidence.contains("6 events name t-acme"),
        "{evidence}"
    );

    let why = post.desk.why_affected(&id, &acme).await.expect("an answer");
    let told: Vec<u64> = why
        .alerts
        .iter()
        .map(|alert| alert.tenants["t-acme"].events)
        .collect();
    assert_eq!(told, [6, 6], "each alert counts its own");
    assert_eq!((why.events_counted, why.events_kept), (6, 6));
    assert_eq!(
        why.events_at_most,
        Some(12),
        "detectors do not say which events they counted"
    );
    assert!(
        why.events[0].says.contains(&("action", "download".to_owned())),
        "{:?}",
        why.events[0].says
    );
}

#[test]
fn a_fault_in_a_rule_of_evidence_is_said_with_its_file_and_the_others_are_used() {
    let library = Library::read([
        (
            "evidence/bad.yaml",
            "tenants:\n  - field: a\n    lookup: none.csv\n",
        ),
        ("evidence/good.yaml", "tenants: [{field: a}]"),
    ]);
    assert_eq!(library.faults.len(), 1);
    let (path, fault) = &library.faults[0];
    assert_eq!(path, "evidence/bad.yaml");
    assert!(
        fault.starts_with("line 3: lookup: there is no sound table `none.csv`"),
        "{fault}"
    );
    assert!(!library.evidence.is_empty());
}
