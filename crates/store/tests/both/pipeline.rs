use crate::bench::on_both;
use crate::every_page;
use crate::samples::{alert, minutes, noon, source};
use serde_json::json;
use watchkeeper_domain::event::SourceName;
use watchkeeper_store::{Mail, MailHeader, StoreError, UNPARSED_KEPT, Unparsed};

fn unparsed(n: u32) -> Unparsed {
    Unparsed {
        position: format!("access.log:{n}"),
        line: format!("line {n} \0 é"),
        reason: "no request line".to_owned(),
        at: noon(),
    }
}

#[tokio::test]
async fn alerts_cursors_and_detector_state_are_committed_together_or_not_at_all() {
    on_both(|bench| async move {
        for commit in [false, true] {
            let mut tx = bench.begin().await;
            assert_eq!(tx.cursor(&source()).await.expect("reads"), None);
            tx.insert_alert(&alert("scan", "a", noon()))
                .await
                .expect("inserts");
            tx.set_cursor(&source(), &json!({"offset": 1}))
                .await
                .expect("sets");
            tx.set_cursor(
                &source(),
                &json!({"offset": 9_007_199_254_740_993_i64, "token": "\0é"}),
            )
            .await
            .expect("sets");
            tx.add_detector_delta(1, b"first".to_vec()).await.expect("adds");
            tx.add_detector_delta(2, b"\x00\xff".to_vec())
                .await
                .expect("adds");
            if commit {
                tx.commit().await.expect("commits");
            }
        }
        let mut tx = bench.read().await;
        let cursor = tx.cursor(&source()).await.expect("reads");
        assert_eq!(
            cursor,
            Some(json!({"offset": 9_007_199_254_740_993_i64, "token": "\0é"}))
        );
        let state = tx.detector_state().await.expect("reads");
        assert_eq!(state.deltas, [(1, b"first".to_vec()), (2, b"\x00\xff".to_vec())]);
        assert_eq!(tx.open_alert_count().await.expect("counts"), 1);
    })
    .await;
}

#[tokio::test]
async fn the_counters_of_sources_come_back_by_name() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let trail = SourceName("cloudtrail".to_owned());
        assert_eq!(tx.source_status(&trail).await.expect("reads"), None);
        tx.set_source_status(&source(), &json!({"events": 1}))
            .await
            .expect("sets");
        tx.set_source_status(&source(), &json!({"events": 2}))
            .await
            .expect("sets");
        tx.set_source_status(&trail, &json!({})).await.expect("sets");
        assert_eq!(
            tx.source_status(&source()).await.expect("reads"),
            Some(json!({"events": 2}))
        );
        let all = tx.source_statuses().await.expect("reads");
        assert_eq!(all, [(trail, json!({})), (source(), json!({"events": 2}))]);
    })
    .await;
}

#[tokio::test]
async fn of_unparsed_lines_the_newest_thousand_of_each_source_stay() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let other = SourceName("other".to_owned());
        tx.keep_unparsed(&other, &[unparsed(7)]).await.expect("keeps");
        tx.keep_unparsed(&source(), &[]).await.expect("keeps");
        let many: Vec<_> = (0..UNPARSED_KEPT + 5).map(unparsed).collect();
        tx.keep_unparsed(&source(), &many[..900]).await.expect("keeps");
        tx.keep_unparsed(&source(), &many[900..]).await.expect("keeps");
        let kept = tx.unparsed(&source(), 5_000).await.expect("reads");
        assert_eq!(kept, many[5..].iter().rev().cloned().collect::<Vec<_>>());
        let flood: Vec<_> = (0..UNPARSED_KEPT + 1).map(unparsed).collect();
        tx.keep_unparsed(&source(), &flood).await.expect("keeps");
        let kept = tx.unparsed(&source(), 5_000).await.expect("reads");
        assert_eq!((kept.len(), &kept[999]), (1_000, &flood[1]));
        assert_eq!(tx.unparsed(&other, 10).await.expect("reads"), [unparsed(7)]);
    })
    .await;
}

#[tokio::test]
async fn every_mail_that_comes_is_a_row_and_is_paged_newest_first() {
    on_both(|bench| async move {
        let mail = |n: i64| Mail {
            header: MailHeader {
                id: format!("mail-{n}"),
                received_at: minutes(n / 4),
                from: "watchkeeper@example.com".to_owned(),
                to: "security@acme.example".to_owned(),
                subject: "Security notice".to_owned(),
            },
            raw: b"Message-ID: <same>\r\n\r\n\x00\xff".to_vec(),
        };
        let mut tx = bench.begin().await;
        for n in 0..9 {
            tx.insert_mail(&mail(n)).await.expect("inserts");
        }
        let all = every_page!(2, page => tx.mails(&page).await);
        let expected: Vec<_> = (0..9).rev().map(|n| mail(n).header).collect();
        assert_eq!(all, expected);
        assert_eq!(tx.mail("mail-3").await.expect("reads"), mail(3));
        assert!(matches!(tx.mail("none").await, Err(StoreError::NotFound { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_setting_is_replaced_or_kept_as_asked() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        assert_eq!(tx.setting("clock_ahead_seconds").await.expect("reads"), None);
        tx.set_setting("clock_ahead_seconds", "3600").await.expect("sets");
        tx.set_setting("clock_ahead_seconds", "7200").await.expect("sets");
        let ahead = tx.setting("clock_ahead_seconds").await.expect("reads");
        assert_eq!(ahead.as_deref(), Some("7200"));
        assert_eq!(
            tx.setting_or("signing_secret", "first").await.expect("sets"),
            "first"
        );
        assert_eq!(
            tx.setting_or("signing_secret", "second").await.expect("reads"),
            "first"
        );
    })
    .await;
}
