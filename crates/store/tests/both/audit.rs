use crate::bench::on_both;
use crate::every_page;
use crate::samples::{minutes, new_record, noon};
use tokio::task::JoinSet;
use watchkeeper_domain::audit::{GENESIS, Verifier};
use watchkeeper_store::{AuditFilter, Engine, PageRequest, StoreError};

const DISARM_SQLITE: &str =
    "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; DROP TRIGGER audit_head_back";
const DISARM_POSTGRES: &str =
    "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER";

fn disarm(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => DISARM_SQLITE,
        Engine::Postgres => DISARM_POSTGRES,
    }
}

async fn write(bench: &crate::bench::Bench, n: i64) {
    let mut tx = bench.begin().await;
    for i in 1..=n {
        tx.record(&new_record(i), minutes(i)).await.expect("records");
    }
    tx.commit().await.expect("commits");
}

#[tokio::test]
async fn records_come_back_as_they_were_written_and_verify() {
    on_both(|bench| async move {
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(0));
        let mut tx = bench.begin().await;
        assert_eq!(tx.audit_head().await.expect("head"), (0, GENESIS.to_owned()));
        let first = tx.record(&new_record(1), noon()).await.expect("records");
        let second = tx.record(&new_record(2), minutes(1)).await.expect("records");
        tx.commit().await.expect("commits");
        let mut tx = bench.read().await;
        assert_eq!(
            tx.audit_after(0, 10).await.expect("reads"),
            [first.clone(), second.clone()]
        );
        assert_eq!(
            tx.audit_after(1, 10).await.expect("reads"),
            std::slice::from_ref(&second)
        );
        assert_eq!(first.at, noon());
        assert_eq!(tx.audit_head().await.expect("head"), (2, second.hash));
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(2));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_no_record_and_no_gap() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        tx.record(&new_record(1), noon()).await.expect("records");
        drop(tx);
        write(&bench, 1).await;
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(1));
    })
    .await;
}

#[tokio::test]
async fn the_log_is_paged_newest_first_and_filtered() {
    on_both(|bench| async move {
        write(&bench, 25).await;
        let mut tx = bench.read().await;
        let all = AuditFilter::default();
        let seqs: Vec<i64> = every_page!(4, page => tx.audit_page(&all, &page).await)
            .iter()
            .map(|record| record.seq)
            .collect();
        assert_eq!(seqs, (1..=25).rev().collect::<Vec<_>>());
        let some = AuditFilter {
            subject: Some("inc_1".to_owned()),
            action: Some("incident.opened".to_owned()),
        };
        let seqs: Vec<i64> = every_page!(2, page => tx.audit_page(&some, &page).await)
            .iter()
            .map(|record| record.seq)
            .collect();
        assert_eq!(seqs, [22, 16, 10, 4]);
    })
    .await;
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_or_remove_a_record() {
    on_both(|bench| async move {
        write(&bench, 3).await;
        for tampering in [
            "UPDATE audit SET detail = '{}' WHERE seq = 2",
            "DELETE FROM audit WHERE seq = 3",
            "DELETE FROM audit_head",
            "UPDATE audit_head SET seq = 2",
        ] {
            let refusal = bench.force(tampering).await.expect_err(tampering).to_string();
            assert!(refusal.contains("never"), "{tampering}: {refusal}");
        }
        if bench.store.engine() == Engine::Postgres {
            bench.force("TRUNCATE audit").await.expect_err("truncates");
        }
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(3));
    })
    .await;
}

#[tokio::test]
async fn tampering_that_was_forced_is_found_at_the_first_record_that_does_not_fit() {
    for (tampering, expected) in [
        ("UPDATE audit SET detail = '{}' WHERE seq = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 3", 4),
        ("DELETE FROM audit WHERE seq = 5", 5),
        (
            "DELETE FROM audit WHERE seq = 5; UPDATE audit_head SET seq = 4",
            5,
        ),
        (
            "INSERT INTO audit (seq, at, actor, action, subject, detail, prev_hash, hash) \
             SELECT 0, at, actor, action, subject, detail, prev_hash, hash FROM audit WHERE seq = 1",
            0,
        ),
    ] {
        on_both(|bench| async move {
            write(&bench, 5).await;
            bench.force(disarm(bench.store.engine())).await.expect("disarms");
            bench.force(tampering).await.expect("tampers");
            let misfit = bench.store.verify_audit().await.expect("walks");
            assert_eq!(misfit.map_err(|m| m.seq), Err(expected), "{tampering}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_log_of_more_than_one_chunk_is_walked_to_its_end() {
    on_both(|bench| async move {
        write(&bench, 2_003).await;
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(2_003));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_at_once_give_one_chain_without_gaps() {
    on_both(|bench| async move {
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let bench = bench.clone();
            writers.spawn(async move {
                for n in 0..10 {
                    let mut tx = bench.begin().await;
                    tx.record(&new_record(writer * 10 + n), minutes(n))
                        .await
                        .expect("records");
                    if n % 5 == 4 {
                        tx.rollback().await.expect("rolls back");
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
        let records = tx.audit_after(0, 1_000).await.expect("reads");
        assert_eq!(records.len(), 64);
        let mut verifier = Verifier::default();
        for record in &records {
            verifier.check(record).expect("fits");
        }
        assert_eq!(bench.store.verify_audit().await.expect("walks"), Ok(64));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_that_no_page_gave_out_and_a_page_without_size_are_refused() {
    on_both(|bench| async move {
        write(&bench, 3).await;
        let mut tx = bench.read().await;
        let next = tx
            .audit_page(&AuditFilter::default(), &PageRequest::first(1))
            .await;
        let next = next.expect("a page").next.expect("another page");
        // A cursor of another list is none of this one.
        let foreign = tx.mails(&PageRequest::after(&next, 10)).await;
        assert!(matches!(foreign, Err(StoreError::BadCursor)));
        for bad in ["", "x", "é", "W10", "WyJhdWRpdCIsWyJ4Il1d"] {
            let page = tx
                .audit_page(&AuditFilter::default(), &PageRequest::after(bad, 10))
                .await;
            assert!(matches!(page, Err(StoreError::BadCursor)), "{bad}");
        }
        for limit in [0, 201] {
            let page = tx
                .audit_page(&AuditFilter::default(), &PageRequest::first(limit))
                .await;
            assert!(matches!(page, Err(StoreError::BadLimit { .. })), "{limit}");
        }
    })
    .await;
}
