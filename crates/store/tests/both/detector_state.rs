use crate::bench::{Bench, on_both};
use watchkeeper_store::{DetectorState, StoreError};

async fn add(bench: &Bench, seq: i64, bytes: &[u8]) {
    let mut tx = bench.begin().await;
    tx.add_detector_delta(seq, bytes.to_vec()).await.expect("adds");
    tx.commit().await.expect("commits");
}

/// Writes the pieces of a base, each in a transaction of its own.
async fn write(bench: &Bench, base: i64, pieces: &[&[u8]]) {
    for (part, bytes) in pieces.iter().enumerate() {
        let mut tx = bench.begin().await;
        let part = i64::try_from(part).expect("a small number");
        tx.add_detector_base_piece(base, part, bytes.to_vec())
            .await
            .expect("adds");
        tx.commit().await.expect("commits");
    }
}

async fn put_in_force(bench: &Bench, from: i64, to: i64, pieces: usize) -> Result<(), StoreError> {
    let mut tx = bench.begin().await;
    tx.set_detector_base(from, to, pieces).await?;
    tx.commit().await
}

async fn state(bench: &Bench) -> DetectorState {
    bench.read().await.detector_state().await.expect("reads")
}

async fn pieces(bench: &Bench) -> Vec<Vec<u8>> {
    state(bench).await.into_pieces()
}

/// Takes away what is not in force, a few pieces at a time, and tells how many they were.
async fn forget(bench: &Bench) -> u64 {
    let mut forgotten = 0;
    loop {
        let mut tx = bench.begin().await;
        let some = tx.forget_detector_pieces(2).await.expect("forgets");
        tx.commit().await.expect("commits");
        assert!(some <= 2, "{some} at once");
        forgotten += some;
        if some == 0 {
            return forgotten;
        }
    }
}

#[tokio::test]
async fn pieces_come_back_in_the_order_in_which_they_were_written_byte_for_byte() {
    on_both(|bench| async move {
        assert_eq!(state(&bench).await, DetectorState::default());
        for seq in 1..=12 {
            add(&bench, seq, &[0, 0xff, u8::try_from(seq).expect("small")]).await;
        }
        let found = state(&bench).await;
        assert_eq!((found.base, found.last(), found.deltas.len()), (0, 12, 12));
        let last: Vec<u8> = found.pieces().map(|piece| piece[2]).collect();
        assert_eq!(last, (1..=12).collect::<Vec<u8>>());
        assert_eq!(found.clone().into_pieces(), found.pieces().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_delta_is_kept_with_its_checkpoint_or_not_at_all_and_never_twice() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        tx.add_detector_delta(1, b"lost".to_vec()).await.expect("adds");
        drop(tx);
        add(&bench, 1, b"kept").await;
        let mut tx = bench.begin().await;
        let again = tx.add_detector_delta(1, b"of another process".to_vec()).await;
        assert!(matches!(again, Err(StoreError::Database(_))), "{again:?}");
        drop(tx);
        assert_eq!(pieces(&bench).await, [b"kept"]);
    })
    .await;
}

#[tokio::test]
async fn a_compaction_beside_new_deltas_loses_none_of_them() {
    on_both(|bench| async move {
        for (seq, bytes) in [(1, b"a"), (2, b"b"), (3, b"c")] {
            add(&bench, seq, bytes).await;
        }
        // Read up to 3; while its base is written, checkpoints go on.
        write(&bench, 3, &[b"ab"]).await;
        add(&bench, 4, b"d").await;
        assert_eq!(pieces(&bench).await, [b"a", b"b", b"c", b"d"], "not in force yet");
        let mut tx = bench.begin().await;
        tx.add_detector_base_piece(3, 1, b"c".to_vec())
            .await
            .expect("adds");
        tx.commit().await.expect("commits");
        put_in_force(&bench, 0, 3, 2).await.expect("is put in force");
        let found = state(&bench).await;
        assert_eq!((found.base, found.last()), (3, 4));
        assert_eq!(found.into_pieces(), [&b"ab"[..], b"c", b"d"]);
        add(&bench, 5, b"e").await;
        assert_eq!(forget(&bench).await, 3);
        assert_eq!(pieces(&bench).await, [&b"ab"[..], b"c", b"d", b"e"]);
        // And again, with a base before it and nothing after it.
        write(&bench, 5, &[b"abcde"]).await;
        put_in_force(&bench, 3, 5, 1).await.expect("is put in force");
        assert_eq!(forget(&bench).await, 4);
        let found = state(&bench).await;
        assert_eq!((found.base, found.last()), (5, 5));
        assert_eq!(found.into_pieces(), [b"abcde"]);
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_that_begins_before_a_base_is_put_in_force_and_ends_after_it_is_kept() {
    on_both(|bench| async move {
        add(&bench, 1, b"a").await;
        write(&bench, 1, &[b"A"]).await;
        let mut checkpoint = bench.begin().await;
        checkpoint
            .add_detector_delta(2, b"b".to_vec())
            .await
            .expect("adds");
        // SQLite has one writer, so the compaction waits there; PostgreSQL lets both go on.
        let compaction = tokio::spawn({
            let bench = bench.clone();
            async move {
                put_in_force(&bench, 0, 1, 1).await.expect("is put in force");
                forget(&bench).await
            }
        });
        tokio::task::yield_now().await;
        checkpoint.commit().await.expect("commits");
        assert_eq!(compaction.await.expect("ends"), 1);
        assert_eq!(pieces(&bench).await, [b"A", b"b"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_compaction_left_is_never_read_and_is_taken_away() {
    on_both(|bench| async move {
        add(&bench, 1, b"a").await;
        add(&bench, 2, b"b").await;
        write(&bench, 2, &[b"half"]).await;
        assert_eq!(pieces(&bench).await, [b"a", b"b"]);
        assert_eq!(forget(&bench).await, 1);
        write(&bench, 2, &[b"ab"]).await;
        put_in_force(&bench, 0, 2, 1).await.expect("is put in force");
        // Killed before the old pieces were taken away.
        assert_eq!(pieces(&bench).await, [b"ab"]);
        assert_eq!((forget(&bench).await, forget(&bench).await), (2, 0));
        assert_eq!(pieces(&bench).await, [b"ab"]);
    })
    .await;
}

#[tokio::test]
async fn a_base_that_lacks_pieces_or_supersedes_another_than_was_read_is_refused() {
    on_both(|bench| async move {
        for seq in 1..=3 {
            add(&bench, seq, b"x").await;
        }
        write(&bench, 2, &[b"xx"]).await;
        let lacking = put_in_force(&bench, 0, 2, 2).await;
        assert!(
            matches!(
                lacking,
                Err(StoreError::Conflict {
                    expected: 2,
                    found: 1,
                    ..
                })
            ),
            "{lacking:?}"
        );
        put_in_force(&bench, 0, 2, 1).await.expect("is put in force");
        write(&bench, 3, &[b"xxx"]).await;
        let outdated = put_in_force(&bench, 0, 3, 1).await;
        assert!(
            matches!(
                outdated,
                Err(StoreError::Conflict {
                    expected: 0,
                    found: 2,
                    ..
                })
            ),
            "{outdated:?}"
        );
        assert_eq!(pieces(&bench).await, [&b"xx"[..], b"x"]);
    })
    .await;
}
