//! Everything in which the two databases differ, side by side.

use crate::{Engine, StoreError};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection, PgPool, SqlitePool};
use std::str::FromStr;
use std::time::Duration;

/// The tables of SQLite.
pub(crate) static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
/// The tables of PostgreSQL.
pub(crate) static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// How long a writer waits for its turn before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a transaction that writes begins. SQLite takes the write lock at once, since a reader that becomes a writer later can fail
/// half-way; PostgreSQL reads what is committed, and versions tell that something changed meanwhile.
pub(crate) fn begin_write(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::Postgres => "BEGIN",
    }
}

/// How a transaction that only reads begins: everything it reads is of one instant.
pub(crate) fn begin_read(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "BEGIN DEFERRED",
        Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    }
}

/// Locks the rows that are about to be claimed and passes over those that another claimer has. SQLite has one writer at a time.
pub(crate) fn skip_locked(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR UPDATE SKIP LOCKED",
    }
}

/// Locks a row until the transaction ends. SQLite has one writer at a time.
pub(crate) fn lock_row(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR UPDATE",
    }
}

/// Text that both databases keep: PostgreSQL refuses the character NUL, which then becomes its picture `␀` in both. Bodies are JSON,
/// where NUL is written `\u0000`, and lines and mails are bytes, so what they say is never changed.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "␀")
}

/// Opens an SQLite file: one connection that writes, so that writers queue in order instead of colliding, and some that read.
pub(crate) async fn open_sqlite(url: &str) -> Result<(SqlitePool, SqlitePool), StoreError> {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    if path.is_empty() || path.contains(":memory:") {
        return Err(StoreError::BadUrl {
            url: url.to_owned(),
            reason: "name a file, such as `sqlite:data/watchkeeper.db`".to_owned(),
        });
    }
    make_private(path).map_err(|fault| StoreError::BadUrl {
        url: url.to_owned(),
        reason: format!("cannot open or make this file: {fault}; make its directory or name another one"),
    })?;
    let file = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    let writing = file
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // What is erased is overwritten, where that costs no further writing to the disk.
        .pragma("secure_delete", "FAST");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(writing)
        .await?;
    let reading = file.pragma("query_only", "ON");
    let reader = SqlitePoolOptions::new()
        .max_connections(8)
        .connect_lazy_with(reading);
    Ok((writer, reader))
}

/// Makes the file where there is none, for its owner alone: hashes of passwords and the signing secret are in it. SQLite gives the
/// files beside it the same mode.
fn make_private(path: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Opens PostgreSQL.
pub(crate) async fn open_postgres(url: &str) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|fault| StoreError::BadUrl {
        url: without_secrets(url),
        reason: format!(
            "{}; write such as `postgres://watchkeeper@localhost:5432/watchkeeper`",
            plain_reason(url, &fault)
        ),
    })?;
    let options = options.application_name("watchkeeper");
    // A pool tries again until its patience ends and then says only that it waited; one connection says at once what is wrong.
    PgConnection::connect_with(&options).await?.close().await?;
    let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(PATIENCE);
    Ok(pool.connect_lazy_with(options))
}

/// What is wrong with an address, with nothing of its secrets in it.
fn plain_reason(url: &str, fault: &sqlx::Error) -> String {
    let reason = fault.to_string();
    let authority = url.split("://").nth(1).unwrap_or(url);
    let credentials = authority.rsplit_once('@').map_or("", |(before, _)| before);
    let parameters = url.split_once('?').map_or("", |(_, after)| after);
    let secrets = credentials.split(':').chain(parameters.split(['&', '=']));
    secrets
        .filter(|secret| secret.len() > 2)
        .fold(reason, |reason, secret| reason.replace(secret, "…"))
}

/// An address without user, password and parameters: fit for logs and errors. Where it is not clear what is the place, less is said.
pub(crate) fn without_secrets(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let place = match (rest.find('?'), rest.rfind('@')) {
        (Some(parameters), Some(at)) if parameters < at => "…",
        (parameters, at) => &rest[at.map_or(0, |at| at + 1)..parameters.unwrap_or(rest.len())],
    };
    if scheme.is_empty() {
        place.to_owned()
    } else {
        format!("{scheme}://{place}")
    }
}
