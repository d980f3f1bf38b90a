use crate::bench::on_both;
use crate::every_page;
use crate::samples::{alert, assert_conflict, incident, minutes, noon, person};
use watchkeeper_domain::alert::Verdict;
use watchkeeper_domain::id::AlertId;
use watchkeeper_domain::incident::Severity;
use watchkeeper_store::{AlertFilter, StoreError};

#[tokio::test]
async fn an_alert_comes_back_as_it_was_kept() {
    on_both(|bench| async move {
        let kept = alert("brute-force", "198.51.100.7", noon());
        let mut tx = bench.begin().await;
        tx.insert_alert(&kept).await.expect("inserts");
        tx.commit().await.expect("commits");
        let mut tx = bench.read().await;
        assert_eq!(tx.alert(&kept.id).await.expect("reads"), kept);
        let none = AlertId::derived(&["none"]);
        assert_eq!(tx.alert_opt(&none).await.expect("reads"), None);
        let missing = tx.alert(&none).await.expect_err("is missing");
        assert_eq!(missing.to_string(), format!("there is no alert `{none}`"));
    })
    .await;
}

#[tokio::test]
async fn the_second_of_two_writers_is_told_and_changes_nothing() {
    on_both(|bench| async move {
        let read = alert("brute-force", "198.51.100.7", noon());
        let mut tx = bench.begin().await;
        tx.insert_alert(&read).await.expect("inserts");
        let first = read.clone().acknowledge(&person(), noon()).expect("acknowledges");
        tx.update_alert(&first, read.version).await.expect("updates");
        let second = read
            .clone()
            .resolve(Verdict::Expected, "a test", &person(), noon())
            .expect("resolves");
        assert_conflict(tx.update_alert(&second, read.version).await, 1, 2);
        assert_eq!(tx.alert(&read.id).await.expect("reads"), first);
        let stranger = alert("other", "x", noon());
        let missing = tx.update_alert(&stranger, 1).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    })
    .await;
}

#[tokio::test]
async fn the_newest_unresolved_alert_of_a_key_is_found() {
    on_both(|bench| async move {
        let older = alert("brute-force", "198.51.100.7", noon());
        let newer = alert("brute-force", "198.51.100.7", minutes(5));
        assert_eq!(older.dedupe_key, newer.dedupe_key);
        let mut tx = bench.begin().await;
        tx.insert_alert(&newer).await.expect("inserts");
        tx.insert_alert(&older).await.expect("inserts");
        let found = tx.unresolved_alert(&older.dedupe_key).await.expect("reads");
        assert_eq!(found.expect("one").id, newer.id);
        let resolved = newer
            .clone()
            .resolve(Verdict::FalsePositive, "rule", &person(), noon());
        let resolved = resolved.expect("resolves");
        tx.update_alert(&resolved, newer.version).await.expect("updates");
        let found = tx.unresolved_alert(&older.dedupe_key).await.expect("reads");
        assert_eq!(found.expect("one").id, older.id);
        assert_eq!(tx.unresolved_alert("nothing").await.expect("reads"), None);

        assert_eq!(tx.open_alert_count().await.expect("counts"), 1);
        let counts = tx.detector_counts().await.expect("counts");
        assert_eq!(
            (counts.len(), counts[0].alerts, counts[0].false_positives),
            (1, 2, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn pages_of_alerts_are_complete_though_many_have_the_same_instant() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        for n in 0..23 {
            let one = alert("brute-force", &n.to_string(), minutes(n / 5));
            tx.insert_alert(&one).await.expect("inserts");
        }
        let everything = AlertFilter::default();
        let all = every_page!(4, page => tx.alerts(&everything, &page).await);
        let mut sorted = all.clone();
        sorted.sort_by_key(|a| (a.last_at, a.id.clone()));
        sorted.reverse();
        assert_eq!(all, sorted);
        sorted.dedup_by_key(|a| a.id.clone());
        assert_eq!(sorted.len(), 23);
    })
    .await;
}

#[tokio::test]
async fn alerts_are_filtered_by_state_severity_incident_and_detector() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let room = incident("Stolen key", Severity::Sev1, noon());
        let room = tx.insert_incident(room).await.expect("inserts");
        let plain = alert("scan", "a", noon());
        let taken = alert("brute-force", "b", minutes(1)).attach(&room.id);
        let taken = taken.acknowledge(&person(), noon()).expect("acknowledges");
        tx.insert_alert(&plain).await.expect("inserts");
        tx.insert_alert(&taken).await.expect("inserts");
        let filters = [
            (AlertFilter::default(), 2),
            (
                AlertFilter {
                    states: vec!["acknowledged".to_owned(), "resolved".to_owned()],
                    ..AlertFilter::default()
                },
                1,
            ),
            (
                AlertFilter {
                    severities: vec![Severity::Sev2],
                    ..AlertFilter::default()
                },
                2,
            ),
            (
                AlertFilter {
                    severities: vec![Severity::Sev4],
                    ..AlertFilter::default()
                },
                0,
            ),
            (
                AlertFilter {
                    incident: Some(room.id.clone()),
                    ..AlertFilter::default()
                },
                1,
            ),
            (
                AlertFilter {
                    detector: Some("scan".to_owned()),
                    ..AlertFilter::default()
                },
                1,
            ),
        ];
        for (filter, expected) in filters {
            let found = every_page!(10, page => tx.alerts(&filter, &page).await);
            assert_eq!(found.len(), expected, "{filter:?}");
        }
        assert_eq!(
            tx.alerts_of(&room.id).await.expect("reads"),
            std::slice::from_ref(&taken)
        );
        assert_eq!(tx.alert_ids_of(&room.id).await.expect("reads"), [taken.id]);
    })
    .await;
}
