use crate::bench::{Bench, on_both};
use crate::every_page;
use crate::samples::{assert_conflict, incident, minutes, noon, person};
use tokio::task::JoinSet;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{EntryKind, Incident, Phase, Severity, TimelineEntry};
use watchkeeper_store::{IncidentFilter, StoreError};

async fn keep(bench: &Bench, incident: Incident) -> Incident {
    let mut tx = bench.begin().await;
    let kept = tx.insert_incident(incident).await.expect("inserts");
    tx.commit().await.expect("commits");
    kept
}

fn closed(mut incident: Incident) -> Incident {
    incident.version += 1;
    incident.phase = Phase::Closed;
    incident.closed_at = Some(noon());
    incident.timers.clear();
    incident
}

#[tokio::test]
async fn an_incident_gets_its_number_and_comes_back_as_it_was_kept() {
    on_both(|bench| async move {
        let new = incident("Stolen key\0", Severity::Sev1, noon());
        let kept = keep(&bench, new.clone()).await;
        assert_eq!(kept.number, 1);
        assert_eq!(kept, Incident { number: 1, ..new });
        let mut tx = bench.read().await;
        assert_eq!(tx.incident(&kept.id).await.expect("reads"), kept);
        let none = IncidentId::derived(&["none"]);
        assert_eq!(tx.incident_opt(&none).await.expect("reads"), None);
        assert!(matches!(
            tx.incident(&none).await,
            Err(StoreError::NotFound { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn the_second_of_two_commanders_is_told_and_changes_nothing() {
    on_both(|bench| async move {
        let read = keep(&bench, incident("Stolen key", Severity::Sev1, noon())).await;
        let mut tx = bench.begin().await;
        let first = read
            .clone()
            .acknowledge(&person(), minutes(1))
            .expect("acknowledges");
        let first = first.subject;
        tx.update_incident(&first, read.version).await.expect("updates");
        assert_conflict(
            tx.update_incident(&closed(read.clone()), read.version).await,
            1,
            2,
        );
        assert_eq!(tx.incident(&read.id).await.expect("reads"), first);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_have_no_gaps_though_some_transactions_are_taken_back() {
    on_both(|bench| async move {
        let mut writers = JoinSet::new();
        for writer in 0..6 {
            let bench = bench.clone();
            writers.spawn(async move {
                for n in 0..5 {
                    let mut tx = bench.begin().await;
                    let one = incident("Many at once", Severity::Sev3, minutes(writer));
                    tx.insert_incident(one).await.expect("inserts");
                    if n == 2 {
                        drop(tx);
                    } else {
                        tx.commit().await.expect("commits");
                    }
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.expect("a writer");
        }
        let mut tx = bench.read().await;
        let mut numbers: Vec<i64> = tx
            .all_open_incidents()
            .await
            .expect("reads")
            .iter()
            .map(|i| i.number)
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn incidents_are_paged_newest_first_and_filtered() {
    on_both(|bench| async move {
        for n in 0..13 {
            let severity = if n % 3 == 0 {
                Severity::Sev1
            } else {
                Severity::Sev3
            };
            let kept = keep(
                &bench,
                incident(&format!("Case {n} 100%"), severity, minutes(n / 4)),
            )
            .await;
            if n % 2 == 0 {
                let mut tx = bench.begin().await;
                tx.update_incident(&closed(kept.clone()), kept.version)
                    .await
                    .expect("updates");
                tx.commit().await.expect("commits");
            }
        }
        let mut tx = bench.read().await;
        let everything = IncidentFilter::default();
        let all = every_page!(5, page => tx.incidents(&everything, &page).await);
        let mut sorted = all.clone();
        sorted.sort_by_key(|i| (i.opened_at, i.id.clone()));
        sorted.reverse();
        assert_eq!((all.len(), &all), (13, &sorted));
        let text = |text: &str| IncidentFilter {
            text: Some(text.to_owned()),
            ..IncidentFilter::default()
        };
        let filters = [
            (
                IncidentFilter {
                    open: Some(true),
                    ..IncidentFilter::default()
                },
                6,
            ),
            (
                IncidentFilter {
                    open: Some(false),
                    ..IncidentFilter::default()
                },
                7,
            ),
            (
                IncidentFilter {
                    severities: vec![Severity::Sev1],
                    ..IncidentFilter::default()
                },
                5,
            ),
            (
                IncidentFilter {
                    phases: vec![Phase::Closed, Phase::Learn],
                    ..IncidentFilter::default()
                },
                7,
            ),
            (text("CASE 12"), 1),
            (text("inc-0013"), 1),
            (text("0%"), 13),
            // Wildcards of SQL mean themselves.
            (text("case_1"), 0),
            (text("%case"), 0),
        ];
        for (filter, expected) in filters {
            let found = every_page!(5, page => tx.incidents(&filter, &page).await);
            assert_eq!(found.len(), expected, "{filter:?}");
        }
        let counts = tx.open_incident_counts().await.expect("counts");
        assert_eq!((counts.sev1, counts.sev2, counts.sev3, counts.sev4), (2, 0, 4, 0));
        let ids: Vec<_> = all.iter().take(3).map(|i| i.id.clone()).collect();
        assert_eq!(tx.incidents_by_ids(&ids).await.expect("reads").len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_due_and_what_can_be_joined_is_found_by_its_instant() {
    on_both(|bench| async move {
        let early = keep(&bench, incident("Early", Severity::Sev1, noon())).await;
        let late = keep(&bench, incident("Late", Severity::Sev1, minutes(60 * 24))).await;
        let done = keep(&bench, incident("Done", Severity::Sev1, noon())).await;
        let mut tx = bench.begin().await;
        tx.update_incident(&closed(done.clone()), done.version)
            .await
            .expect("updates");
        let due_at = early.next_due_at().expect("a timer");
        assert_eq!(tx.next_timer_at().await.expect("reads"), Some(due_at));
        let before = due_at - chrono::Duration::microseconds(1);
        assert!(tx.incidents_due(before, 10).await.expect("reads").is_empty());
        let due = tx.incidents_due(due_at, 10).await.expect("reads");
        assert_eq!(due, std::slice::from_ref(&early));
        let joinable = tx.joinable_incidents(minutes(1)).await.expect("reads");
        assert_eq!(joinable, std::slice::from_ref(&late));
        let joinable = tx.joinable_incidents(noon()).await.expect("reads");
        assert_eq!(joinable, [late, early]);
    })
    .await;
}

#[tokio::test]
async fn a_timeline_is_paged_newest_first_and_entries_of_one_instant_keep_their_order() {
    on_both(|bench| async move {
        let room = keep(&bench, incident("Stolen key", Severity::Sev1, noon())).await;
        let other = keep(&bench, incident("Other", Severity::Sev1, noon())).await;
        let entry = |room: &Incident, n: i64| {
            let text = format!("entry {n}");
            TimelineEntry::new(&room.id, EntryKind::Note, noon(), minutes(n / 6), &person(), text)
        };
        let entries: Vec<_> = (0..20).map(|n| entry(&room, n)).collect();
        let mut tx = bench.begin().await;
        tx.append_entries(&[entry(&other, 0)]).await.expect("appends");
        tx.append_entries(&entries).await.expect("appends");
        tx.commit().await.expect("commits");
        let mut tx = bench.read().await;
        let read = every_page!(3, page => tx.timeline(&room.id, &page).await);
        assert_eq!(read, entries.into_iter().rev().collect::<Vec<_>>());
        drop(tx);
        for tampering in [
            "UPDATE timeline_entry SET body = '{}'",
            "DELETE FROM timeline_entry",
        ] {
            let refusal = bench.force(tampering).await.expect_err(tampering).to_string();
            assert!(refusal.contains("never changed"), "{refusal}");
        }
    })
    .await;
}
