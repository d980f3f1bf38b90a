use crate::bench::{Bench, on_both};
use crate::samples::{alert, noon};
use watchkeeper_store::{DatabaseConfig, Engine, Store, StoreError, Tx};
use watchkeeper_testbed::postgres::Cluster;

const PASSWORD: &str = "hunter2-secret";

#[tokio::test]
async fn no_error_and_no_debug_text_shows_the_password_of_an_address() {
    for url in [
        "postgres://watch:hunter2-secret@127.0.0.1:1/watchkeeper",
        "postgres://watch:hunter2-secret@127.0.0.1:notaport/watchkeeper",
        "postgres://watch:hunter2-secret@[::1/watchkeeper",
        "postgres://127.0.0.1:1/watchkeeper?password=hunter2-secret",
        "postgres://watch:hunter2-secret@127.0.0.1:1/x?sslmode=hunter2-secret",
        "mysql://watch:hunter2-secret@127.0.0.1/watchkeeper",
        "watch:hunter2-secret@127.0.0.1/watchkeeper",
        "mysql://watch:hunter2-secret?x@127.0.0.1/watchkeeper",
        "mysql://127.0.0.1/watchkeeper?password=x@hunter2-secret",
    ] {
        let config = DatabaseConfig { url: url.to_owned() };
        let fault = Store::open(&config).await.expect_err(url);
        for shown in [fault.to_string(), format!("{fault:?}"), format!("{config:?}")] {
            assert!(!shown.contains(PASSWORD), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_shown_either() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.fresh_database().replace(cluster.password(), PASSWORD);
    let fault = Store::open(&DatabaseConfig { url })
        .await
        .expect_err("is refused");
    assert!(
        fault.to_string().contains("password authentication failed"),
        "{fault}"
    );
    assert!(!format!("{fault} {fault:?}").contains(PASSWORD));
    let right = DatabaseConfig {
        url: cluster.fresh_database(),
    };
    let store = Store::open(&right).await.expect("opens");
    assert!(!format!("{store:?} {right:?}").contains(cluster.password()));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_with_what_to_write_instead() {
    for (url, hint) in [
        ("mysql://x/y", "write `sqlite:PATH` or `postgres://"),
        ("sqlite:", "name a file"),
        ("sqlite::memory:", "name a file"),
    ] {
        let fault = Store::open(&DatabaseConfig { url: url.to_owned() })
            .await
            .expect_err(url);
        assert!(matches!(fault, StoreError::BadUrl { .. }));
        assert!(fault.to_string().contains(hint), "{fault}");
    }
}

#[tokio::test]
async fn a_store_answers_only_when_its_tables_are_there_and_migrates_twice_without_harm() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite:{}", directory.path().join("new.db").display());
    let store = Store::open(&DatabaseConfig { url }).await.expect("opens");
    assert!(store.ping().await.is_err());
    store.migrate().await.expect("migrates");
    store.migrate().await.expect("migrates again");
    store.ping().await.expect("answers");
}

#[tokio::test]
async fn a_transaction_that_reads_cannot_write_and_sees_one_instant() {
    on_both(|bench| async move {
        let mut reader = bench.read().await;
        assert_eq!(reader.open_alert_count().await.expect("counts"), 0);
        let mut writer = bench.begin().await;
        writer
            .insert_alert(&alert("scan", "a", noon()))
            .await
            .expect("inserts");
        writer.commit().await.expect("commits");
        assert_eq!(reader.open_alert_count().await.expect("counts"), 0);
        let refused = reader.insert_alert(&alert("scan", "b", noon())).await;
        assert!(matches!(refused, Err(StoreError::Database(_))));
        drop(reader);
        let mut reader = bench.read().await;
        assert_eq!(reader.open_alert_count().await.expect("counts"), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_database_is_opened_again() {
    on_both(|bench| async move {
        let kept = alert("scan", "a", noon());
        let mut tx = bench.begin().await;
        tx.insert_alert(&kept).await.expect("inserts");
        tx.commit().await.expect("commits");
        let again = Bench::open(&bench.url).await;
        assert_eq!(again.read().await.alert(&kept.id).await.expect("reads"), kept);
    })
    .await;
}

#[tokio::test]
async fn sqlite_writes_through_to_the_disk_and_keeps_references_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let bench = Bench::open(&format!("sqlite:{}", directory.path().join("x.db").display())).await;
    assert_eq!(bench.store.engine(), Engine::Sqlite);
    let Tx::Sqlite(mut tx) = bench.begin().await else {
        panic!("is SQLite");
    };
    let pragmas = sqlx::query_as::<_, (i64, i64, String, i64)>(
        "SELECT (SELECT synchronous FROM pragma_synchronous), (SELECT foreign_keys FROM pragma_foreign_keys), \
         (SELECT journal_mode FROM pragma_journal_mode), (SELECT timeout FROM pragma_busy_timeout)",
    )
    .fetch_one(&mut *tx)
    .await
    .expect("reads");
    // 2 is FULL: a commit is on the disk before it is answered.
    assert_eq!(pragmas, (2, 1, "wal".to_owned(), 10_000));
}

#[tokio::test]
async fn a_body_that_another_hand_has_spoiled_is_named() {
    on_both(|bench| async move {
        let kept = alert("scan", "a", noon());
        let mut tx = bench.begin().await;
        tx.insert_alert(&kept).await.expect("inserts");
        tx.commit().await.expect("commits");
        bench.force("UPDATE alert SET body = '{}'").await.expect("spoils");
        let fault = bench.read().await.alert(&kept.id).await.expect_err("is corrupt");
        assert!(matches!(fault, StoreError::Corrupt { .. }));
        assert!(fault.to_string().contains(kept.id.as_str()), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn an_sqlite_file_is_for_its_owner_alone_and_a_missing_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let bench = Bench::open(&format!("sqlite:{}", directory.path().join("x.db").display())).await;
    bench.store.ping().await.expect("answers");
    for file in std::fs::read_dir(directory.path()).expect("a directory") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.file_name());
    }
    let url = format!("sqlite:{}", directory.path().join("none/x.db").display());
    let fault = Store::open(&DatabaseConfig { url })
        .await
        .expect_err("is missing");
    assert!(fault.to_string().contains("make its directory"), "{fault}");
}
