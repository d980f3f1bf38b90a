use crate::bench::on_both;
use crate::samples::{customer, incident, letter_to, minutes, noon};
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_domain::delivery::report::{Action, Report, StatusCode};
use watchkeeper_domain::id::NoticeId;
use watchkeeper_domain::incident::Severity;
use watchkeeper_store::KeptReport;

fn kept(digest: &str, report: Option<Report>) -> KeptReport {
    KeptReport {
        digest: digest.to_owned(),
        received_at: noon(),
        effect: "bounced".to_owned(),
        report,
        bytes: 3,
        raw: b"a\x00\xff".to_vec(),
    }
}

#[tokio::test]
async fn a_report_is_kept_once_as_it_came_and_never_changed() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let room = tx
            .insert_incident(incident("Leak", Severity::Sev1, noon()))
            .await
            .expect("inserts");
        let acme = customer("acme", &["t-acme"]);
        let notice = NoticeId::derived(&["n"]);
        let letter = letter_to(&room.id, &notice, &acme.id, "a@acme.example");
        assert!(tx.enqueue(&letter, b"x").await.expect("enqueues"));
        let report = Report {
            action: Action::Failed,
            status: StatusCode::read("5.1.1").expect("a code"),
            remote_mta: None,
            diagnostic: Some("550 no".to_owned()),
            reporting_mta: None,
        };
        let (first, second) = (kept("aa", Some(report.clone())), kept("bb", None));
        assert!(tx.insert_report(&letter.id, &first).await.expect("keeps"));
        assert!(!tx.insert_report(&letter.id, &first).await.expect("is there"));
        assert!(tx.insert_report(&letter.id, &second).await.expect("keeps"));
        assert_eq!(tx.reports_of(&letter.id).await.expect("reads"), [first, second]);
        assert_eq!(tx.reports_kept(&letter.id, "bb").await.expect("reads"), (2, true));
        assert_eq!(
            tx.reports_kept(&letter.id, "cc").await.expect("reads"),
            (2, false)
        );
        let before = letter.version;
        let mut bounced = letter.clone();
        bounced.version += 1;
        bounced.state = DeliveryState::Bounced {
            at: minutes(1),
            answer: report.line(),
            status: report.status,
            submitted: None,
        };
        tx.update_delivery(&bounced, before).await.expect("changes");
        assert_eq!(tx.delivery(&letter.id).await.expect("reads"), bounced);
        assert_eq!(tx.delivery_counts(&room.id).await.expect("counts").bounced, 1);
        let addresses = tx.addresses_bounced(&room.id, &acme.id).await.expect("reads");
        assert!(addresses.contains("a@acme.example"));
        let underway = tx.customers_with_letters_underway(&room.id).await.expect("reads");
        assert!(underway.is_empty(), "what bounced is on its way no more");
        assert_eq!(tx.next_delivery_at().await.expect("reads"), None);
        tx.commit().await.expect("commits");
        for change in [
            "UPDATE bounce_report SET effect = 'nothing'",
            "DELETE FROM bounce_report",
        ] {
            let refusal = bench.force(change).await.expect_err("refuses");
            assert!(refusal.to_string().contains("never changed"), "{refusal}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_changes_nothing_is_counted_in_one_row_a_kind() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        for (kind, minute) in [("forged", 1), ("unknown", 2), ("forged", 3)] {
            tx.count_bounce(kind, minutes(minute), &format!("minute {minute}"))
                .await
                .expect("counts");
        }
        let tallies = tx.bounce_tallies().await.expect("reads");
        let shown: Vec<_> = tallies
            .iter()
            .map(|tally| {
                (
                    tally.kind.as_str(),
                    tally.count,
                    tally.last_at,
                    tally.last_detail.as_str(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("forged", 2, minutes(3), "minute 3"),
                ("unknown", 1, minutes(2), "minute 2")
            ]
        );
        tx.commit().await.expect("commits");
    })
    .await;
}
