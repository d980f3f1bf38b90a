//! The SQL: SQLite and PostgreSQL from one text.
//!
//! A [`Store`] gives out transactions, and every question and change is a method of [`Tx`], one file for each kind of thing. What is
//! changed in one transaction is there together or not at all. Instants are always handed in: no SQL asks for the time.
//!
//! An aggregate is kept whole, as the JSON of its domain type, beside the columns that queries filter and sort by. A change names
//! the version that was read; where another writer was first, it is a [`StoreError::Conflict`] and nothing has changed.
//!
//! On PostgreSQL a transaction that records audit entries holds the log's head until it ends. Change things first and record
//! last, so that two writers rarely wait for each other crosswise; [`StoreError::is_transient`] tells when to begin again.

mod alerts;
mod askings;
mod audit;
mod body;
mod bounces;
mod changes;
mod claims;
mod commitments;
mod customers;
mod deliveries;
mod detector_state;
mod dialect;
mod erasures;
mod error;
mod incidents;
mod mailbox;
mod notices;
mod obligations;
mod page;
mod people;
mod pipeline;
mod preflights;
mod receipts;
mod routines;
mod rules;
mod settings;
mod statement;
mod telling;
mod words;

pub use alerts::{AlertFilter, DetectorCounts};
pub use audit::{AuditFilter, KeptCheckpoint, LOG_KEY};
pub use bounces::{BounceTally, KeptReport};
pub use claims::{Claimed, PerDestination};
pub use commitments::CONTACT_ERASED;
pub use deliveries::{DeliveryCounts, Transcript};
pub use detector_state::DetectorState;
pub use erasures::Erased;
pub use error::StoreError;
pub use incidents::{IncidentCounts, IncidentFilter};
pub use mailbox::{Mail, MailHeader};
pub use notices::NoticeSent;
pub use obligations::ObligationFilter;
pub use page::{LIMIT_MAX, Page, PageRequest};
pub use people::{Failures, Session, Token};
pub use pipeline::{UNPARSED_KEPT, Unparsed};
pub use preflights::PREFLIGHTS_KEPT;
pub use routines::Routine;
pub use rules::RuleCounted;
pub use telling::{NoticeGone, TellingCounts, TellingOf};

use serde::Deserialize;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::fmt;

/// Runs the same expression on whichever connection the transaction has.
macro_rules! on_either {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::Tx::Sqlite(t) => {
                let $conn = &mut **t;
                $body
            }
            $crate::Tx::Postgres(t) => {
                let $conn = &mut **t;
                $body
            }
        }
    };
}
pub(crate) use on_either;

/// Where the database is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://user:password@host:port/name`.
    pub url: String,
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &dialect::without_secrets(&self.url))
            .finish()
    }
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Embedded: one file, one machine.
    Sqlite,
    /// A server: several machines.
    Postgres,
}

#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, reader: SqlitePool },
    Postgres(PgPool),
}

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Store(Pools);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Pools would print how they connect, passwords included.
        f.debug_tuple("Store").field(&self.engine()).finish()
    }
}

/// A transaction: what it changes is there when it is committed, and never was when it is dropped.
#[derive(Debug)]
#[must_use]
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Store {
    /// Opens the database; an SQLite file is made where there is none. Tables are made by [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::BadUrl`] where the address cannot be understood; [`StoreError::Database`] where nobody answers there.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let url = config.url.as_str();
        if url.starts_with("sqlite:") {
            let (writer, reader) = dialect::open_sqlite(url).await?;
            Ok(Self(Pools::Sqlite { writer, reader }))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self(Pools::Postgres(dialect::open_postgres(url).await?)))
        } else {
            Err(StoreError::BadUrl {
                url: dialect::without_secrets(url),
                reason: "it begins with neither; write `sqlite:PATH` or `postgres://user@host/name`"
                    .to_owned(),
            })
        }
    }

    /// Brings the tables up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Migrate`] when a shipped migration was edited, or the database was made by a newer version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => dialect::SQLITE.run(writer).await?,
            Pools::Postgres(pool) => dialect::POSTGRES.run(pool).await?,
        }
        Ok(())
    }

    /// Which database it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Begins a transaction that writes. On SQLite one is open at a time and others wait; do not begin a second one while you hold one.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database does not answer in time.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let begin = dialect::begin_write(self.engine());
        match &self.0 {
            Pools::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with(begin).await?)),
            Pools::Postgres(pool) => Ok(Tx::Postgres(pool.begin_with(begin).await?)),
        }
    }

    /// Begins a transaction that reads; the database refuses to write in it. Everything it reads is of one instant.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database does not answer in time.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let begin = dialect::begin_read(self.engine());
        match &self.0 {
            Pools::Sqlite { reader, .. } => Ok(Tx::Sqlite(reader.begin_with(begin).await?)),
            Pools::Postgres(pool) => Ok(Tx::Postgres(pool.begin_with(begin).await?)),
        }
    }

    /// Asks whether the database answers and its tables are there.
    ///
    /// # Errors
    /// [`StoreError::Database`] when not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        tx.audit_head().await.map(|_| ())
    }

    /// Closes every connection, after those in use are given back.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Which database it is on.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Makes what was changed last.
    ///
    /// # Errors
    /// [`StoreError::Database`]; whether it was committed is then unknown when the connection broke.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Takes everything back at once. Dropping the transaction does the same a little later.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing was changed all the same.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
