//! One test, two databases.

use std::future::Future;
use watchkeeper_store::{DatabaseConfig, Engine, Store, Tx};
use watchkeeper_testbed::postgres::Cluster;

/// An empty database of one engine, with its tables.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) url: String,
}

impl Bench {
    pub(crate) async fn open(url: &str) -> Self {
        let config = DatabaseConfig { url: url.to_owned() };
        let store = Store::open(&config).await.expect("opens");
        store.migrate().await.expect("migrates");
        let url = url.to_owned();
        Self { store, url }
    }

    pub(crate) async fn begin(&self) -> Tx {
        self.store.begin().await.expect("begins")
    }

    pub(crate) async fn read(&self) -> Tx {
        self.store.read().await.expect("begins to read")
    }

    /// The texts that a query past the store gives.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        use sqlx::Connection;
        let query = sqlx::AssertSqlSafe(query.to_owned());
        let texts = match self.store.engine() {
            Engine::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expect("opens");
                sqlx::query_scalar(query).fetch_all(&mut connection).await
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.url).await.expect("opens");
                sqlx::query_scalar(query).fetch_all(&mut connection).await
            }
        };
        texts.expect("reads")
    }

    /// Statements past the store: as somebody would who has the database's keys.
    pub(crate) async fn force(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        use sqlx::Connection;
        match self.store.engine() {
            Engine::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }
}

/// Runs a test on a fresh SQLite file and on a fresh PostgreSQL database.
pub(crate) async fn on_both<T, F>(test: T)
where
    T: Fn(Bench) -> F,
    F: Future<Output = ()>,
{
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("watchkeeper.db");
    let bench = Bench::open(&format!("sqlite:{}", file.display())).await;
    test(bench.clone()).await;
    bench.store.close().await;
    on_postgres(test).await;
}

/// Runs a test on a fresh PostgreSQL database only.
pub(crate) async fn on_postgres<T, F>(test: T)
where
    T: Fn(Bench) -> F,
    F: Future<Output = ()>,
{
    if let Some(cluster) = Cluster::shared() {
        let bench = Bench::open(&cluster.fresh_database()).await;
        test(bench.clone()).await;
        bench.store.close().await;
    }
}
