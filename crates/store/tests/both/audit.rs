use crate::bench::on_both;
use crate::every_page;
use crate::samples::{minutes, new_record, noon};
use tokio::task::JoinSet;
use watchkeeper_domain::audit::note::{Note, Signer};
use watchkeeper_domain::audit::{GENESIS, Kept, Misfit, Verifier, tree};
use watchkeeper_store::{AuditFilter, Engine, KeptCheckpoint, LOG_KEY, PageRequest, StoreError};

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

/// The number of records that fit.
async fn walk(bench: &crate::bench::Bench) -> Result<i64, Misfit> {
    let verdict = bench.store.verify_audit(None, Vec::new()).await;
    verdict.expect("walks").map(|verified| verified.records)
}

/// Seals the whole log as the worker does, from the last checkpoint on.
async fn seal(bench: &crate::bench::Bench, signer: &Signer) -> KeptCheckpoint {
    let mut tx = bench.begin().await;
    tx.set_setting(LOG_KEY, &signer.verifier().to_string())
        .await
        .expect("keeps the key");
    let size = tx
        .last_checkpoint()
        .await
        .expect("reads")
        .map_or(0, |last| last.size);
    let edge = tx.audit_tree(size).await.expect("a tree");
    let hash = match tx.audit_after(size as i64 - 1, 1).await.expect("reads") {
        records if size > 0 => records[0].hash.clone(),
        _ => GENESIS.to_owned(),
    };
    let mut verifier = Verifier::from(edge, hash);
    let mut completed = Vec::new();
    for record in tx.audit_after(size as i64, 100_000).await.expect("reads") {
        completed.extend(verifier.check(&record).expect("fits"));
    }
    let checkpoint = KeptCheckpoint {
        size: verifier.tree().size(),
        at: noon(),
        note: signer.sign(verifier.tree().size(), verifier.tree().root()),
    };
    tx.keep_checkpoint(&checkpoint, &completed)
        .await
        .expect("keeps it");
    tx.commit().await.expect("commits");
    checkpoint
}

fn signer() -> Signer {
    Signer::new("example.com/log", &[7; 32]).expect("a signer")
}

/// What somebody outside kept.
fn kept(checkpoint: &KeptCheckpoint) -> Kept {
    let note = Note::read(&checkpoint.note).expect("a note");
    let signed = note.checkpoint(signer().verifier()).expect("signed");
    Kept {
        size: signed.size,
        root: signed.root,
        what: "the auditor's copy".to_owned(),
    }
}

#[tokio::test]
async fn every_record_of_a_sealed_log_is_proved_by_a_few_hashes() {
    on_both(|bench| async move {
        let signer = signer();
        let mut sizes = Vec::new();
        for more in [1, 2, 254, 300, 90] {
            write(&bench, more).await;
            let checkpoint = seal(&bench, &signer).await;
            sizes.push(checkpoint.size);
            assert_eq!(walk(&bench).await, Ok(checkpoint.size as i64));
        }
        assert_eq!(sizes, [1, 3, 257, 557, 647]);
        let mut tx = bench.read().await;
        let roots: Vec<Kept> = {
            let all = tx.checkpoints_between(0, 1_000).await.expect("reads");
            all.iter().map(kept).collect()
        };
        for seq in [1, 2, 3, 4, 255, 256, 257, 258, 512, 513, 600, 647] {
            let checkpoint = tx.checkpoint_with(seq).await.expect("reads").expect("sealed");
            let root = kept(&checkpoint).root;
            let index = seq as u64 - 1;
            let path = tree::inclusion(index, checkpoint.size);
            let proof = tx.audit_hashes(&path).await.expect("hashes");
            let record = tx.audit_after(seq - 1, 1).await.expect("reads").remove(0);
            let leaf = record.leaf().expect("a hash");
            assert!(
                tree::includes(&root, checkpoint.size, index, &leaf, &proof),
                "{seq}"
            );
        }
        for pair in roots.windows(2) {
            let path = tree::consistency(pair[0].size, pair[1].size);
            let proof = tx.audit_hashes(&path).await.expect("hashes");
            assert!(
                tree::extends(&pair[1].root, pair[1].size, &pair[0].root, pair[0].size, &proof),
                "{} {}",
                pair[0].size,
                pair[1].size
            );
        }
        assert_eq!(tx.checkpoint_with(648).await.expect("reads"), None);
    })
    .await;
}

#[tokio::test]
async fn checkpoints_and_nodes_are_never_changed_or_removed() {
    on_both(|bench| async move {
        write(&bench, 300).await;
        seal(&bench, &signer()).await;
        for tampering in [
            "UPDATE audit_checkpoint SET note = ''",
            "DELETE FROM audit_checkpoint",
            "UPDATE audit_node SET hash = ''",
            "DELETE FROM audit_node",
        ] {
            let refusal = bench.force(tampering).await.expect_err(tampering).to_string();
            assert!(refusal.contains("never"), "{tampering}: {refusal}");
        }
    })
    .await;
}

/// Writes a log of `length` records that fits in itself, in place of the one that stands: what somebody with the whole database can do.
async fn rewrite(bench: &crate::bench::Bench, changed: i64, length: i64) {
    let mut tx = bench.read().await;
    let records = tx.audit_after(0, 1_000).await.expect("reads");
    drop(tx);
    bench.force(disarm(bench.store.engine())).await.expect("disarms");
    let mut before = records[changed as usize - 2].hash.clone();
    for mut record in records.into_iter().filter(|record| record.seq >= changed) {
        if record.seq > length {
            bench
                .force(format!("DELETE FROM audit WHERE seq = {}", record.seq).leak())
                .await
                .expect("cuts");
            continue;
        }
        if record.seq == changed {
            record.subject = "inc_other".to_owned();
        }
        record.prev_hash = before;
        record.hash = record.digest();
        before = record.hash.clone();
        let update = format!(
            "UPDATE audit SET subject = '{}', prev_hash = '{}', hash = '{}' WHERE seq = {}",
            record.subject, record.prev_hash, record.hash, record.seq
        );
        bench.force(update.leak()).await.expect("rewrites");
    }
    bench
        .force(format!("UPDATE audit_head SET seq = {length}, hash = '{before}'").leak())
        .await
        .expect("moves the head");
}

#[tokio::test]
async fn a_log_that_was_rewritten_to_fit_itself_does_not_fit_its_checkpoints() {
    on_both(|bench| async move {
        write(&bench, 10).await;
        seal(&bench, &signer()).await;
        write(&bench, 10).await;
        seal(&bench, &signer()).await;
        rewrite(&bench, 15, 20).await;
        let misfit = walk(&bench).await.expect_err("found");
        assert_eq!(misfit.seq, 20);
        assert!(misfit.what.contains("after number 10"), "{}", misfit.what);
    })
    .await;
}

#[tokio::test]
async fn a_tail_that_was_cut_with_its_checkpoints_is_found_by_the_copy_that_stands_elsewhere() {
    on_both(|bench| async move {
        write(&bench, 10).await;
        seal(&bench, &signer()).await;
        write(&bench, 10).await;
        let outside = kept(&seal(&bench, &signer()).await);
        rewrite(&bench, 12, 11).await;
        let disarm = match bench.store.engine() {
            Engine::Sqlite => "DROP TRIGGER audit_checkpoint_delete",
            Engine::Postgres => "ALTER TABLE audit_checkpoint DISABLE TRIGGER USER",
        };
        bench.force(disarm).await.expect("disarms");
        bench
            .force("DELETE FROM audit_checkpoint WHERE size = 20")
            .await
            .expect("hides");
        assert_eq!(walk(&bench).await, Ok(11), "nothing inside shows it");
        let verdict = bench
            .store
            .verify_audit(None, vec![outside])
            .await
            .expect("walks");
        let misfit = verdict.expect_err("found");
        assert_eq!(misfit.seq, 12);
        assert!(misfit.what.contains("its tail was cut off"), "{}", misfit.what);
        assert!(misfit.what.contains("the auditor's copy"), "{}", misfit.what);
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_that_somebody_else_signed_is_none() {
    on_both(|bench| async move {
        write(&bench, 3).await;
        seal(&bench, &signer()).await;
        let other = Signer::new("example.com/log", &[8; 32]).expect("a signer");
        let verdict = bench
            .store
            .verify_audit(Some(other.verifier()), Vec::new())
            .await
            .expect("walks");
        let misfit = verdict.expect_err("found");
        assert!(misfit.what.contains("no signature by"), "{}", misfit.what);
    })
    .await;
}

#[tokio::test]
async fn records_come_back_as_they_were_written_and_verify() {
    on_both(|bench| async move {
        assert_eq!(walk(&bench).await, Ok(0));
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
        assert_eq!(walk(&bench).await, Ok(2));
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
        assert_eq!(walk(&bench).await, Ok(1));
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
        assert_eq!(walk(&bench).await, Ok(3));
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
            let misfit = walk(&bench).await;
            assert_eq!(misfit.map_err(|m| m.seq), Err(expected), "{tampering}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_log_of_more_than_one_chunk_is_walked_to_its_end() {
    on_both(|bench| async move {
        write(&bench, 2_003).await;
        assert_eq!(walk(&bench).await, Ok(2_003));
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
        assert_eq!(walk(&bench).await, Ok(64));
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
