use crate::bench::Bench;
use std::collections::BTreeSet;
use watchkeeper_store::Tx;
use watchkeeper_testbed::postgres::Cluster;

/// (table, column, kind, may be NULL).
type Columns = BTreeSet<(String, String, &'static str, bool)>;

fn kind(of: &str) -> &'static str {
    match of.to_lowercase().as_str() {
        "bigint" | "integer" => "integer",
        "text" => "text",
        "blob" | "bytea" => "bytes",
        other => panic!("a type that one of the databases does not have: {other}"),
    }
}

async fn sqlite_bench() -> (Bench, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite:{}", directory.path().join("x.db").display());
    (Bench::open(&url).await, directory)
}

async fn sqlite(bench: &Bench) -> (Columns, BTreeSet<String>) {
    let Tx::Sqlite(mut tx) = bench.begin().await else {
        panic!("is SQLite");
    };
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, NOT (c.\"notnull\" OR c.pk) FROM sqlite_master t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("columns");
    let indexes: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("indexes");
    let columns = columns
        .into_iter()
        .map(|(t, c, of, null)| (t, c, kind(&of), null));
    (
        columns.collect(),
        indexes.into_iter().map(|(name,)| name).collect(),
    )
}

async fn postgres(bench: &Bench) -> (Columns, BTreeSet<String>) {
    let Tx::Postgres(mut tx) = bench.begin().await else {
        panic!("is PostgreSQL");
    };
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("columns");
    let indexes: Vec<(String,)> = sqlx::query_as(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE c.relnamespace = 'public'::regnamespace AND NOT i.indisunique",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("indexes");
    let columns = columns
        .into_iter()
        .map(|(t, c, of, null)| (t, c, kind(&of), null));
    (
        columns.collect(),
        indexes.into_iter().map(|(name,)| name).collect(),
    )
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let Some(cluster) = Cluster::shared() else { return };
    let (embedded, _directory) = sqlite_bench().await;
    let server = Bench::open(&cluster.fresh_database()).await;
    let (columns, indexes) = sqlite(&embedded).await;
    let (server_columns, server_indexes) = postgres(&server).await;
    assert!(
        columns.len() > 100 && indexes.len() > 20,
        "{} {}",
        columns.len(),
        indexes.len()
    );
    let differing: Vec<_> = columns.symmetric_difference(&server_columns).collect();
    assert!(
        differing.is_empty(),
        "in one of the databases only: {differing:?}"
    );
    let differing: Vec<_> = indexes.symmetric_difference(&server_indexes).collect();
    assert!(
        differing.is_empty(),
        "in one of the databases only: {differing:?}"
    );
}

#[tokio::test]
async fn text_that_is_looked_up_is_ordered_by_its_bytes_whatever_the_locale() {
    let Some(cluster) = Cluster::shared() else { return };
    let server = Bench::open(&cluster.fresh_database()).await;
    let Tx::Postgres(mut tx) = server.begin().await else {
        panic!("is PostgreSQL");
    };
    let by_locale: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_attribute a ON a.attrelid = i.indexrelid JOIN pg_collation l ON l.oid = a.attcollation \
         WHERE c.relnamespace = 'public'::regnamespace AND l.collname <> 'C'",
    )
    .fetch_all(&mut *tx)
    .await
    .expect("indexes");
    assert!(by_locale.is_empty(), "{by_locale:?}");
}

#[test]
fn migrations_have_the_same_names_for_both_databases() {
    let names = |engine: &str| -> BTreeSet<String> {
        let directory = format!("{}/../../migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(directory)
            .expect("a directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}
